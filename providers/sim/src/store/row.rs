//! Objects as rows.

use super::Tx;
use crate::clock::Millis;
use crate::error::StoreError;
use crate::model::{Claim, Id, Kind, Object, Power, Shown, Spec, TargetHealth, Units};
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

/// All of one object.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub id: Id,
    pub cloud: String,
    pub claim: Option<Claim>,
    pub now: Face,
    pub written_at: Millis,
    /// Until then every read shows `before`.
    pub hidden_until: Millis,
    /// As it was before the last write; `None`: it was not there.
    pub before: Option<Box<Face>>,
    pub deleted_at: Option<Millis>,
}

/// What of an object changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Face {
    pub version: i64,
    pub spec: Spec,
    pub run: Run,
}

/// What runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// Not switched off by hand.
    pub on: bool,
    /// Its creation failed half-way: it never gets ready.
    pub half_made: bool,
    /// How long it boots.
    pub boot: Millis,
    /// Since when it boots, or did.
    pub booting_since: Millis,
    /// Of a group.
    pub units: Units,
}

impl Run {
    /// Boots again; a group with all its units.
    pub fn reboot(&mut self, now: Millis) {
        self.booting_since = now;
        self.units.reboot(now, self.boot);
        if self.half_made {
            self.units.never();
        }
    }

    /// Brings a group to as many units as its arguments say.
    pub fn resize(&mut self, spec: &Spec, now: Millis) {
        if let Spec::Group(group) = spec {
            self.units.resize(group.desired, now, self.boot);
        }
        if self.half_made {
            self.units.never();
        }
    }

    fn power(&self, lost: bool, now: Millis) -> Power {
        if lost || !self.on {
            Power::Stopped
        } else if self.half_made || now < self.booting_since.saturating_add(self.boot) {
            Power::Pending
        } else {
            Power::Running
        }
    }
}

const COLUMNS: &str = "key, cloud, owner, address, token, spec, is_on, half_made, boot, booting_since, units, version, written_at, \
     hidden_until, before, deleted_at";

/// A row as SQLite gives it, its texts not yet read.
struct Raw {
    key: i64,
    cloud: String,
    claim: Option<Claim>,
    spec: String,
    run: Run,
    units: Option<String>,
    version: i64,
    written_at: Millis,
    hidden_until: Millis,
    before: Option<String>,
    deleted_at: Option<Millis>,
}

fn raw(row: &rusqlite::Row<'_>) -> Result<Raw, rusqlite::Error> {
    let claim = match (row.get(2)?, row.get(3)?) {
        (Some(owner), Some(address)) => {
            Some(Claim { owner, address, token: row.get::<_, Option<_>>(4)?.unwrap_or_default() })
        }
        _ => None,
    };
    let run = Run {
        on: row.get(6)?,
        half_made: row.get(7)?,
        boot: row.get(8)?,
        booting_since: row.get(9)?,
        units: Units::default(),
    };
    Ok(Raw {
        key: row.get(0)?,
        cloud: row.get(1)?,
        claim,
        spec: row.get(5)?,
        run,
        units: row.get(10)?,
        version: row.get(11)?,
        written_at: row.get(12)?,
        hidden_until: row.get(13)?,
        before: row.get(14)?,
        deleted_at: row.get(15)?,
    })
}

impl Raw {
    /// Reads the texts. What was there before the last write is read only when a read at `now` could show it.
    fn decode(self, now: Millis) -> Result<Row, StoreError> {
        let id = Id::of_key(self.key).ok_or_else(|| StoreError::Damaged(format!("key {} of an object", self.key)))?;
        let mut run = self.run;
        if let Some(units) = self.units {
            run.units = serde_json::from_str(&units)?;
        }
        let spec: Spec = serde_json::from_str(&self.spec)?;
        if spec.kind() != id.kind {
            return Err(StoreError::Damaged(format!("{id} holds the arguments of another kind")));
        }
        let settling = now < self.hidden_until || now < self.written_at.saturating_add(super::SETTLING);
        let before = match self.before {
            Some(text) if settling => Some(Box::new(serde_json::from_str(&text)?)),
            _ => None,
        };
        Ok(Row {
            id,
            cloud: self.cloud,
            claim: self.claim,
            now: Face { version: self.version, spec, run },
            written_at: self.written_at,
            hidden_until: self.hidden_until,
            before,
            deleted_at: self.deleted_at,
        })
    }
}

impl Tx<'_> {
    /// A row, also of an object deleted a moment ago.
    pub(super) fn row(&self, id: Id) -> Result<Option<Row>, StoreError> {
        let mut statement = self.c.prepare_cached(&format!("SELECT {COLUMNS} FROM object WHERE key = ?1"))?;
        let found = statement.query_row([id.key()], raw).optional()?;
        found.map(|found| found.decode(self.now)).transpose()
    }

    /// A row, unless deleted.
    pub(super) fn live_row(&self, id: Id) -> Result<Option<Row>, StoreError> {
        Ok(self.row(id)?.filter(|row| row.deleted_at.is_none()))
    }

    /// The rows that `condition` (on the columns, with one parameter `?1`) selects, in the order of their ids.
    pub(super) fn rows(&self, condition: &str, parameter: &str) -> Result<Vec<Row>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM object WHERE {condition} ORDER BY key");
        let mut statement = self.c.prepare_cached(&sql)?;
        let found = statement.query_map([parameter], raw)?;
        found.map(|one| one?.decode(self.now)).collect()
    }

    /// Writes a row, new or changed.
    pub(super) fn put(&self, row: &Row) -> Result<(), StoreError> {
        let face = &row.now;
        let (balancer, member) = face.spec.reference_keys();
        let (owner, address, token) = match &row.claim {
            // No token is nothing to be unique.
            Some(claim) => (Some(&claim.owner), Some(&claim.address), Some(&claim.token).filter(|t| !t.is_empty())),
            None => (None, None, None),
        };
        let units = match row.id.kind {
            Kind::Group => Some(serde_json::to_string(&face.run.units)?),
            _ => None,
        };
        let before = row.before.as_ref().map(serde_json::to_string).transpose()?;
        self.c
            .prepare_cached(
                "INSERT INTO object VALUES \
                 (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) \
                 ON CONFLICT (key) DO UPDATE SET spec = ?7, is_on = ?8, half_made = ?9, boot = ?10, booting_since = ?11, \
                 units = ?12, version = ?16, written_at = ?17, hidden_until = ?18, before = ?19, deleted_at = ?20",
            )?
            .execute(rusqlite::params![
                row.id.key(),
                row.cloud,
                face.spec.zone(),
                owner,
                address,
                token,
                serde_json::to_string(&face.spec)?,
                face.run.on,
                face.run.half_made,
                face.run.boot,
                face.run.booting_since,
                units,
                face.spec.unique(),
                balancer,
                member,
                face.version,
                row.written_at,
                row.hidden_until,
                before,
                row.deleted_at,
            ])?;
        Ok(())
    }

    /// Remembers how the object was and counts the write; the caller then changes `row.now` and puts the row.
    pub(super) fn touch(&self, row: &mut Row) {
        row.before = Some(Box::new(row.now.clone()));
        row.now.version = row.now.version.saturating_add(1);
        row.written_at = self.now;
    }

    /// The object of a row, as it is or as it was.
    pub(super) fn show(&self, row: &Row, face: &Face) -> Result<Object, StoreError> {
        let shown = match &face.spec {
            Spec::Instance(spec) => Shown::Instance {
                address: address(row.id.number),
                state: face.run.power(self.domains.power_lost(&row.cloud, &spec.zone), self.now),
            },
            Spec::Group(spec) => Shown::Group {
                ready: match self.domains.power_lost(&row.cloud, &spec.zone) {
                    true => 0,
                    false => face.run.units.ready(self.now),
                },
            },
            Spec::LoadBalancer(_) => Shown::LoadBalancer { address: format!("{}.{}.sim.internal", row.id, row.cloud) },
            Spec::Target(spec) => {
                let health = match face.run.half_made {
                    true => TargetHealth::Unhealthy,
                    false => self.target_health(&spec.instance_id)?,
                };
                Shown::Target { health }
            }
            Spec::Record(_) => Shown::Record,
        };
        Ok(Object {
            id: row.id,
            cloud: row.cloud.clone(),
            spec: face.spec.clone(),
            shown,
            version: face.version,
            claim: row.claim.clone(),
        })
    }

    /// Whether what a target points at runs.
    fn target_health(&self, member: &str) -> Result<TargetHealth, StoreError> {
        let Some(row) = member.parse().ok().map(|id| self.live_row(id)).transpose()?.flatten() else {
            return Ok(TargetHealth::Unhealthy);
        };
        let lost = row.now.spec.zone().is_some_and(|zone| self.domains.power_lost(&row.cloud, zone));
        let power = match row.id.kind {
            Kind::Group if !lost && row.now.run.units.ready(self.now) > 0 => Power::Running,
            Kind::Group if !lost => Power::Pending,
            _ => row.now.run.power(lost, self.now),
        };
        Ok(match power {
            Power::Running => TargetHealth::Healthy,
            Power::Pending => TargetHealth::Initial,
            Power::Stopped => TargetHealth::Unhealthy,
        })
    }
}

/// The address of the n-th instance: 10.0.0.1, 10.0.0.2, ...; after 2^24 of them they come round.
fn address(number: u64) -> String {
    let [.., a, b, c] = number.to_be_bytes();
    format!("10.{a}.{b}.{c}")
}
