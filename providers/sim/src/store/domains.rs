//! Zones and clouds: health, quota, and what is in use.

use super::Tx;
use crate::error::{Fail, Refusal, StoreError};
use crate::model::{DomainName, Health, Kind};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A domain as `status` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainState {
    /// As it was last set.
    pub health: Health,
    /// Units that may be in use; `None`: any number.
    pub quota: Option<u64>,
    /// Units in use: instances, and what groups are told to have.
    pub used: u64,
}

/// A zone as its cloud shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneState {
    /// Its own health or that of its cloud, whichever is worse. [`Health::Unreachable`] is the worst: nobody can tell.
    pub health: Health,
    /// Units that may be in use here, as far as the quotas of zone and cloud allow now; `None`: any number.
    pub quota: Option<u64>,
    /// Units in use here.
    pub used: u64,
    /// Why it is not up: the domains that are not.
    pub because: Vec<DomainName>,
}

/// What a change of a domain's health did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The domain.
    pub domain: DomainName,
    /// Its health before.
    pub before: Health,
    /// Its health now.
    pub after: Health,
    /// The store had not heard of it: a new zone, or a mistyped name.
    pub first_mention: bool,
    /// Units that were stopped by it.
    pub stopped: u64,
    /// Units that boot because of it.
    pub booting: u64,
    /// Domains in it or around it that are still not up.
    pub still: Vec<DomainName>,
}

#[derive(Clone, Debug, Default)]
struct Domain {
    quota: Option<u64>,
    power_lost: bool,
    api_cut: bool,
    changed: bool,
}

impl Domain {
    fn health(&self) -> Health {
        match (self.api_cut, self.power_lost) {
            (true, _) => Health::Unreachable,
            (false, true) => Health::Down,
            (false, false) => Health::Up,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    used: u64,
    changed: bool,
}

/// All domains, read when a transaction begins.
#[derive(Debug, Default)]
pub(super) struct Domains {
    zones: BTreeMap<String, Domain>,
    clouds: BTreeMap<String, Domain>,
    /// Cloud, zone.
    places: BTreeMap<String, BTreeMap<String, Place>>,
}

impl Domains {
    pub(super) fn load(c: &Connection) -> Result<Domains, StoreError> {
        let mut domains = Domains::default();
        let mut statement = c.prepare_cached("SELECT level, name, quota, power_lost, api_cut FROM domain")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (level, name): (String, String) = (row.get(0)?, row.get(1)?);
            let quota: Option<i64> = row.get(2)?;
            let quota = quota.map(|n| u64::try_from(n).unwrap_or(0));
            let domain = Domain { quota, power_lost: row.get(3)?, api_cut: row.get(4)?, changed: false };
            let of_level = domains.level_mut(&level);
            of_level.ok_or_else(|| StoreError::Damaged(format!("level {level:?} of a domain")))?.insert(name, domain);
        }
        let mut statement = c.prepare_cached("SELECT cloud, zone, used FROM place")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let used: i64 = row.get(2)?;
            let place = Place { used: u64::try_from(used).unwrap_or(0), changed: false };
            domains.places.entry(row.get(0)?).or_default().insert(row.get(1)?, place);
        }
        Ok(domains)
    }

    pub(super) fn flush(&mut self, c: &Connection) -> Result<(), StoreError> {
        for (level, domains) in [("zone", &mut self.zones), ("cloud", &mut self.clouds)] {
            for (name, domain) in domains.iter_mut().filter(|(_, domain)| domain.changed) {
                c.prepare_cached("INSERT OR REPLACE INTO domain VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                    level,
                    name,
                    domain.quota.map(stored),
                    domain.power_lost,
                    domain.api_cut,
                ))?;
                domain.changed = false;
            }
        }
        for (cloud, zones) in &mut self.places {
            for (zone, place) in zones.iter_mut().filter(|(_, place)| place.changed) {
                c.prepare_cached("INSERT OR REPLACE INTO place VALUES (?1, ?2, ?3)")?.execute((
                    cloud,
                    zone,
                    stored(place.used),
                ))?;
                place.changed = false;
            }
        }
        Ok(())
    }

    fn level_mut(&mut self, level: &str) -> Option<&mut BTreeMap<String, Domain>> {
        match level {
            "zone" => Some(&mut self.zones),
            "cloud" => Some(&mut self.clouds),
            _ => None,
        }
    }

    /// The domain, made if it is not known, and whether it was made.
    fn entry(&mut self, name: &DomainName) -> Result<(&mut Domain, bool), Refusal> {
        let Some(domains) = self.level_mut(&name.level) else {
            let why = format!(
                "a store knows the levels zone and cloud, not {}; name the zones of {name}, or a location of the spec that lies in it",
                name.level
            );
            return Err(Refusal::Invalid { attribute: "domain", why });
        };
        let new = !domains.contains_key(&name.name);
        let domain = domains.entry(name.name.clone()).or_default();
        domain.changed |= new;
        Ok((domain, new))
    }

    /// A zone exists from its first mention.
    pub(super) fn mention(&mut self, cloud: &str, zone: &str) {
        let zones = self.places.entry(cloud.to_owned()).or_default();
        zones.entry(zone.to_owned()).or_insert(Place { used: 0, changed: true });
        self.clouds.entry(cloud.to_owned()).or_insert(Domain { changed: true, ..Domain::default() });
        self.zones.entry(zone.to_owned()).or_insert(Domain { changed: true, ..Domain::default() });
    }

    /// Whether nothing runs there.
    pub(super) fn power_lost(&self, cloud: &str, zone: &str) -> bool {
        self.zones.get(zone).is_some_and(|d| d.power_lost) || self.clouds.get(cloud).is_some_and(|d| d.power_lost)
    }

    /// Whether the API answers, of the cloud and, where asked about one, of the zone.
    pub(super) fn answers(&self, cloud: &str, zone: Option<&str>) -> Result<(), Refusal> {
        match self.not_up(cloud, zone).into_iter().next() {
            Some((name, Health::Unreachable)) => Err(Refusal::Unreachable(name)),
            Some((name, _)) => Err(Refusal::Down(name)),
            None => Ok(()),
        }
    }

    /// Of the cloud and the zone those that are not up; where nobody answers first.
    fn not_up(&self, cloud: &str, zone: Option<&str>) -> Vec<(DomainName, Health)> {
        let of_cloud = self.clouds.get(cloud).map(|d| (DomainName::cloud(cloud), d.health()));
        let of_zone = zone.and_then(|zone| Some((DomainName::zone(zone), self.zones.get(zone)?.health())));
        let mut not_up: Vec<_> =
            of_cloud.into_iter().chain(of_zone).filter(|(_, health)| *health != Health::Up).collect();
        not_up.sort_by_key(|(_, health)| *health != Health::Unreachable);
        not_up
    }

    /// Units in use in a zone, over all clouds.
    fn used_in_zone(&self, zone: &str) -> u64 {
        sum(self.places.values().filter_map(|zones| zones.get(zone)))
    }

    /// Units in use in a cloud.
    fn used_in_cloud(&self, cloud: &str) -> u64 {
        sum(self.places.get(cloud).into_iter().flat_map(BTreeMap::values))
    }

    /// Refuses when so many more units would exceed a quota.
    pub(super) fn room_for(&self, cloud: &str, zone: &str, asked: u64) -> Result<(), Refusal> {
        let check = |domain: DomainName, quota: Option<u64>, used: u64| match quota {
            Some(quota) if used.saturating_add(asked) > quota => {
                Err(Refusal::QuotaExceeded { domain, quota, used, asked })
            }
            _ => Ok(()),
        };
        // Counting a cloud's units takes a pass over its zones: only where there is a quota to keep.
        if let Some(quota) = self.zones.get(zone).and_then(|d| d.quota) {
            check(DomainName::zone(zone), Some(quota), self.used_in_zone(zone))?;
        }
        if let Some(quota) = self.clouds.get(cloud).and_then(|d| d.quota) {
            check(DomainName::cloud(cloud), Some(quota), self.used_in_cloud(cloud))?;
        }
        Ok(())
    }

    /// Counts units that came or went.
    pub(super) fn count(&mut self, cloud: &str, zone: &str, before: u64, after: u64) {
        self.mention(cloud, zone);
        if let Some(place) = self.places.get_mut(cloud).and_then(|zones| zones.get_mut(zone))
            && before != after
        {
            place.used = place.used.saturating_add(after).saturating_sub(before);
            place.changed = true;
        }
    }

    fn zone_state(&self, cloud: &str, zone: &str) -> ZoneState {
        let not_up = self.not_up(cloud, Some(zone));
        let used = self.places.get(cloud).and_then(|zones| zones.get(zone)).map_or(0, |place| place.used);
        // What the zone lets this cloud have is what the other clouds leave of it; likewise the cloud's quota.
        let left = |quota: u64, in_use: u64| quota.saturating_sub(in_use.saturating_sub(used));
        let of_zone = self.zones.get(zone).and_then(|d| d.quota).map(|quota| left(quota, self.used_in_zone(zone)));
        let of_cloud = self.clouds.get(cloud).and_then(|d| d.quota).map(|quota| left(quota, self.used_in_cloud(cloud)));
        ZoneState {
            health: not_up.first().map_or(Health::Up, |(_, health)| *health),
            quota: of_zone.into_iter().chain(of_cloud).min(),
            used,
            because: not_up.into_iter().map(|(name, _)| name).collect(),
        }
    }

    fn lost_places(&self) -> BTreeSet<(&str, &str)> {
        let all = self.places.iter().flat_map(|(cloud, zones)| zones.keys().map(move |zone| (&**cloud, &**zone)));
        all.filter(|(cloud, zone)| self.power_lost(cloud, zone)).collect()
    }
}

impl Tx<'_> {
    /// Every zone and cloud ever mentioned.
    pub fn domains(&self) -> BTreeMap<DomainName, DomainState> {
        let state = |domain: &Domain, used| DomainState { health: domain.health(), quota: domain.quota, used };
        let d = &self.domains;
        let zones = d.zones.iter().map(|(name, zone)| (DomainName::zone(name), state(zone, d.used_in_zone(name))));
        let clouds =
            d.clouds.iter().map(|(name, cloud)| (DomainName::cloud(name), state(cloud, d.used_in_cloud(name))));
        zones.chain(clouds).collect()
    }

    /// A zone as a cloud sees it, also one never mentioned.
    pub fn zone(&self, cloud: &str, zone: &str) -> ZoneState {
        self.domains.zone_state(cloud, zone)
    }

    /// The zones of a cloud: those that hold or held something of it, and those that no cloud has used yet.
    pub fn zones(&self, cloud: &str) -> BTreeMap<String, ZoneState> {
        let d = &self.domains;
        let own = d.places.get(cloud).into_iter().flat_map(BTreeMap::keys);
        let unused = d.zones.keys().filter(|zone| !d.places.values().any(|zones| zones.contains_key(*zone)));
        own.chain(unused).map(|zone| (zone.clone(), d.zone_state(cloud, zone))).collect()
    }

    /// A cloud as a whole.
    pub fn cloud(&self, cloud: &str) -> ZoneState {
        let not_up = self.domains.not_up(cloud, None);
        ZoneState {
            health: not_up.first().map_or(Health::Up, |(_, health)| *health),
            quota: self.domains.clouds.get(cloud).and_then(|d| d.quota),
            used: self.domains.used_in_cloud(cloud),
            because: not_up.into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// Sets a quota; `None`: unlimited. What is in use beyond it stays.
    pub fn set_quota(&mut self, name: &DomainName, quota: Option<u64>) -> Result<(), Fail> {
        let (domain, _) = self.domains.entry(name)?;
        domain.quota = quota.map(|n| n.min(i64::MAX.cast_unsigned()));
        domain.changed = true;
        Ok(())
    }

    /// Sets a domain's health. `Unreachable` leaves running what runs, and stopped what is stopped; whatever gets its power back
    /// boots again.
    pub fn set_health(&mut self, name: &DomainName, health: Health) -> Result<Change, Fail> {
        let lost_before: BTreeSet<(String, String)> =
            self.domains.lost_places().into_iter().map(|(c, z)| (c.to_owned(), z.to_owned())).collect();
        let (domain, first_mention) = self.domains.entry(name)?;
        let before = domain.health();
        match health {
            Health::Up => (domain.power_lost, domain.api_cut) = (false, false),
            Health::Down => (domain.power_lost, domain.api_cut) = (true, false),
            Health::Unreachable => domain.api_cut = true,
        }
        domain.changed = true;
        let lost_after: BTreeSet<(String, String)> =
            self.domains.lost_places().into_iter().map(|(c, z)| (c.to_owned(), z.to_owned())).collect();
        for (cloud, zone) in lost_before.difference(&lost_after) {
            self.boot_all(cloud, zone)?;
        }
        let units = |places: Vec<&(String, String)>| -> u64 {
            let place = |(cloud, zone): &(String, String)| self.domains.places.get(cloud)?.get(zone);
            sum(places.into_iter().filter_map(place))
        };
        let (stopped, booting) = (
            units(lost_after.difference(&lost_before).collect()),
            units(lost_before.difference(&lost_after).collect()),
        );
        let still = self.still_not_up(name);
        Ok(Change { domain: name.clone(), before, after: health, first_mention, stopped, booting, still })
    }

    /// Everything that is switched on in a place boots.
    fn boot_all(&self, cloud: &str, zone: &str) -> Result<(), StoreError> {
        self.c
            .prepare_cached(
                "UPDATE object SET booting_since = ?1 \
                 WHERE zone = ?2 AND cloud = ?3 AND is_on = 1 AND units IS NULL AND deleted_at IS NULL",
            )?
            .execute((self.now, zone, cloud))?;
        for mut row in self.rows("zone = ?1 AND units IS NOT NULL AND deleted_at IS NULL", zone)? {
            if row.cloud == cloud && row.id.kind == Kind::Group {
                row.now.run.reboot(self.now);
                self.put(&row)?;
            }
        }
        Ok(())
    }

    /// Domains around or inside `name` that are not up, when it is itself.
    fn still_not_up(&self, name: &DomainName) -> Vec<DomainName> {
        let d = &self.domains;
        let not_up = |domain: Option<&Domain>| domain.is_some_and(|d| d.health() != Health::Up);
        if name.level == "zone" {
            let clouds = d.places.iter().filter(|(_, zones)| zones.contains_key(&name.name)).map(|(cloud, _)| cloud);
            clouds.filter(|cloud| not_up(d.clouds.get(*cloud))).map(|cloud| DomainName::cloud(cloud)).collect()
        } else {
            let zones = d.places.get(&name.name).into_iter().flat_map(BTreeMap::keys);
            zones.filter(|zone| not_up(d.zones.get(*zone))).map(|zone| DomainName::zone(zone)).collect()
        }
    }

    /// All domains up, no quota.
    pub(super) fn clear_domains(&mut self) -> Result<(), Fail> {
        for name in self.domains().into_keys() {
            self.set_health(&name, Health::Up)?;
            self.set_quota(&name, None)?;
        }
        Ok(())
    }
}

fn sum<'p>(places: impl Iterator<Item = &'p Place>) -> u64 {
    places.fold(0, |sum, place| sum.saturating_add(place.used))
}

/// A count as SQLite holds it.
fn stored(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
