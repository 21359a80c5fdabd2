//! What a hand in a console does: whatever the health of the zone, outside of any plan, never struck by a fault.

use super::Tx;
use super::row::Row;
use crate::error::{Fail, Refusal, StoreError};
use crate::model::{DomainName, Id, Object, Spec};
use serde::Serialize;
use serde_json::Number;
use std::collections::BTreeMap;

/// What a kill removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Killed {
    /// Instances deleted.
    pub instances: Vec<Id>,
    /// Targets deleted with them.
    pub targets: Vec<Id>,
    /// Groups that lost units, and how many; they launch as many again.
    pub units: Vec<(Id, u64)>,
}

impl Tx<'_> {
    /// Every object of every cloud, as it is.
    pub fn all(&self) -> Result<Vec<Object>, StoreError> {
        self.rows("deleted_at IS NULL AND ?1 = ''", "")?.iter().map(|row| self.show(row, &row.now)).collect()
    }

    /// Deletes `count` instances that lie in any of the domains, the lowest ids first, and their targets. Where there are fewer,
    /// units of groups follow; where there are fewer still, nothing is deleted.
    pub fn kill(&mut self, count: u64, domains: &[DomainName]) -> Result<Killed, Fail> {
        let mut rows = BTreeMap::new();
        for domain in domains {
            let column = match domain.level.as_str() {
                "zone" => "zone",
                "cloud" => "cloud",
                other => {
                    let why = format!("a store knows the levels zone and cloud, not {other}; name one of its zones");
                    return Err(invalid("domain", why));
                }
            };
            let found = self.rows(&format!("{column} = ?1 AND deleted_at IS NULL"), &domain.name)?;
            rows.extend(found.into_iter().map(|row| (row.id, row)));
        }
        let total = rows.values().fold(0_u64, |sum, row| sum.saturating_add(row.now.spec.units()));
        if total < count {
            let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
            let why = format!("{} holds {total}; `straddle sim status` shows what is where", names.join(", "));
            return Err(invalid("count", why));
        }
        let mut killed = Killed::default();
        let mut left = count;
        for mut row in rows.into_values() {
            match &row.now.spec {
                _ if left == 0 => break,
                Spec::Instance(_) => {
                    left -= 1;
                    self.detach(row.id, &mut killed)?;
                    self.bury(&mut row);
                    killed.instances.push(row.id);
                }
                // In the order of ids all instances come before the first group.
                Spec::Group(group) => {
                    let lost = left.min(group.desired);
                    left -= lost;
                    row.now.run.units.lose(lost, self.now, row.now.run.boot);
                    killed.units.push((row.id, lost));
                }
                _ => continue,
            }
            self.put(&row)?;
        }
        Ok(killed)
    }

    fn detach(&mut self, id: Id, killed: &mut Killed) -> Result<(), Fail> {
        for target in self.users_of(id)? {
            if let Some(mut row) = self.live_row(target)? {
                self.bury(&mut row);
                self.put(&row)?;
                killed.targets.push(target);
            }
        }
        Ok(())
    }

    /// Sets one attribute of an object: `size=m`, `tags.Name=web`, `state=stopped`, `desired=7`. Quotas hold, and so do a group's
    /// own limits; an image may change under an object as no API lets it.
    pub fn edit(&mut self, id: Id, key: &str, value: &str) -> Result<Object, Fail> {
        let Some(mut row) = self.live_row(id)? else {
            let why = format!("there is no {id}; `straddle sim status` lists what there is");
            return Err(Refusal::Invalid { attribute: "id", why }.into());
        };
        match (&row.now.spec, key) {
            (Spec::Instance(_), "state") => self.switch(&mut row, value)?,
            _ => {
                let to = edited(&row.now.spec, id, key, value)?;
                if key == "image" {
                    self.touch(&mut row);
                    row.now.spec = to;
                    row.now.run.reboot(self.now);
                } else {
                    self.change(&mut row, &to)?;
                }
            }
        }
        self.put(&row)?;
        Ok(self.show(&row, &row.now)?)
    }

    /// Switches an instance on or off.
    fn switch(&self, row: &mut Row, state: &str) -> Result<(), Fail> {
        let on = match state {
            "running" => true,
            "stopped" => false,
            _ => return Err(invalid("state", format!("{state:?} cannot be set; write running or stopped"))),
        };
        if on != row.now.run.on {
            self.touch(row);
            row.now.run.on = on;
            row.now.run.booting_since = self.now;
        }
        Ok(())
    }

    /// Takes back all that was set from outside: faults, quotas, losses. Objects stay.
    pub fn reset(&mut self) -> Result<(), Fail> {
        self.clear_faults()?;
        self.clear_domains()
    }

    /// Removes every object of every cloud, as if none had been made; their ids are not given again.
    pub fn remove_all(&mut self) -> Result<(), Fail> {
        for row in self.rows("deleted_at IS NULL AND zone IS NOT NULL AND ?1 = ''", "")? {
            if let Some(zone) = row.now.spec.zone() {
                self.domains.count(&row.cloud, zone, row.now.spec.units(), 0);
            }
        }
        self.c.execute("DELETE FROM object", []).map_err(StoreError::from)?;
        Ok(())
    }
}

/// The arguments with one of them set.
fn edited(spec: &Spec, id: Id, key: &str, value: &str) -> Result<Spec, Fail> {
    let mut to = spec.clone();
    let (outer, name) = key.split_once('.').map_or((key, None), |(outer, name)| (outer, Some(name)));
    match (&mut to, outer, name) {
        (Spec::Instance(s), "image", None) => s.image = text("image", value)?,
        (Spec::Instance(s), "size", None) => s.size = text("size", value)?,
        (Spec::Instance(s), "tags", Some(name)) => {
            s.tags.get_or_insert_default().insert(text("tags", name)?, value.into());
        }
        (Spec::Group(s), "image", None) => s.image = text("image", value)?,
        (Spec::Group(s), "size", None) => s.size = text("size", value)?,
        (Spec::Group(s), "desired", None) => s.desired = count("desired", value)?,
        (Spec::Group(s), "min", None) => s.min = Some(count("min", value)?),
        (Spec::Group(s), "max", None) => s.max = Some(count("max", value)?),
        (Spec::LoadBalancer(s), "name", None) => s.name = text("name", value)?,
        (Spec::Target(s), "weight", None) => s.weight = number("weight", value)?,
        (Spec::Record(s), "ttl", None) => s.ttl = count("ttl", value)?,
        (Spec::Record(s), "targets", Some(name)) => {
            s.targets.insert(text("targets", name)?, number("targets", value)?);
        }
        (Spec::Instance(_), ..) => return unknown_key(id, key, "image, size, state, tags.NAME"),
        (Spec::Group(_), ..) => return unknown_key(id, key, "image, size, desired, min, max"),
        (Spec::LoadBalancer(_), ..) => return unknown_key(id, key, "name"),
        (Spec::Target(_), ..) => return unknown_key(id, key, "weight"),
        (Spec::Record(_), ..) => return unknown_key(id, key, "ttl, targets.NAME"),
    }
    Ok(to)
}

fn unknown_key(id: Id, key: &str, known: &str) -> Result<Spec, Fail> {
    Err(invalid("key", format!("{key:?} of {id} cannot be set; write one of {known}")))
}

fn text(attribute: &'static str, value: &str) -> Result<String, Fail> {
    if value.is_empty() {
        return Err(invalid(attribute, "must not be empty".into()));
    }
    Ok(value.to_owned())
}

fn count(attribute: &'static str, value: &str) -> Result<u64, Fail> {
    value.parse().map_err(|_| invalid(attribute, format!("{value:?} is not a whole number from 0 on")))
}

fn number(attribute: &'static str, value: &str) -> Result<Number, Fail> {
    serde_json::from_str(value).map_err(|_| invalid(attribute, format!("{value:?} is not a number")))
}

fn invalid(attribute: &'static str, why: String) -> Fail {
    Refusal::Invalid { attribute, why }.into()
}
