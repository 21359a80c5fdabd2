//! What may never happen, judged by what is in the clouds and by nothing that straddle says. It shares no code with the planner.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use straddle_provider_sim::model::{DomainName, Health, Id, Power, Shown};
use straddle_provider_sim::store::Store;
use straddle_provider_sim::{Millis, StoreError};

/// What straddle read may be so old when it acts on it: the age a step's check allows, and all the patience of a provider after it.
/// What was lost since then it could not know.
const UNKNOWABLE: Millis = 45_000;

/// Who has changed what is seen since the last look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Straddle,
    /// A hand in the console, a loss, a fault.
    Other,
}

/// What must hold of everything straddle does, as long as the specs ask for no less.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Serving at all times.
    pub floor: u64,
    /// Serving after the loss of any one zone.
    pub survive: u64,
}

/// An object as it was last seen.
struct Last {
    zone: String,
    /// Whose it is in the state; a replica's old and new object share it.
    address: String,
    serving: u64,
}

pub struct Judge {
    path: PathBuf,
    store: Option<Store>,
    rules: Rules,
    /// What served when the run began, and what the loss of each zone would have left: of what was broken already no more may be
    /// broken.
    before: (u64, BTreeMap<String, u64>),
    last: BTreeMap<Id, Last>,
    /// What others than straddle took, and when.
    lost: BTreeMap<Id, (Millis, u64)>,
    /// Zones that are not well, and since when.
    ill: BTreeMap<String, Millis>,
    /// What may not happen and did.
    pub broken: Vec<String>,
    /// Times straddle took from what served; a judge who never sees that has seen nothing.
    pub taken: u64,
}

impl Judge {
    pub fn new(path: PathBuf, rules: Rules) -> Judge {
        let (last, lost, ill) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let before = (u64::MAX, BTreeMap::new());
        Judge { path, store: None, rules, before, last, lost, ill, broken: Vec::new(), taken: 0 }
    }

    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Lets go of the clouds, so that their file is whole.
    pub fn closes(&mut self) {
        self.store = None;
    }

    /// A run begins: it can be held to no more than it finds.
    pub fn run_begins(&mut self, now: Millis) {
        self.look(now, Cause::Other);
        // A replica whose old and new object both serve is one replica.
        let replicas = |zone: Option<&String>| {
            let there = self.last.values().filter(|one| zone.is_none_or(|zone| one.zone != *zone));
            let mut by_address: BTreeMap<&str, u64> = BTreeMap::new();
            for one in there {
                let most = by_address.entry(&one.address).or_default();
                *most = one.serving.max(*most);
            }
            by_address.values().sum::<u64>()
        };
        let zones: BTreeSet<String> = self.last.values().map(|one| one.zone.clone()).collect();
        let elsewhere = zones.iter().map(|zone| (zone.clone(), replicas(Some(zone)))).collect();
        self.before = (replicas(None), elsewhere);
    }

    /// Sees what serves now and who made the difference.
    pub fn look(&mut self, now: Millis, cause: Cause) {
        let Some((serving, ill)) = self.read(now) else { return };
        let before: BTreeMap<Id, u64> = self.last.iter().map(|(id, last)| (*id, last.serving)).collect();
        let mut taken: BTreeMap<Id, (String, u64)> = BTreeMap::new();
        for (id, last) in &self.last {
            let serves = serving.get(id).map_or(0, |now| now.serving);
            if serves >= last.serving {
                continue;
            }
            match cause {
                Cause::Straddle => {
                    taken.insert(*id, (last.zone.clone(), last.serving - serves));
                }
                Cause::Other => {
                    self.lost.insert(*id, (now, last.serving - serves));
                }
            }
        }
        self.lost.retain(|id, (since, _)| {
            let back = serving.get(id).is_some_and(|one| one.serving > before.get(id).copied().unwrap_or(0));
            !back && now - *since <= UNKNOWABLE
        });
        if !taken.is_empty() {
            self.taken += 1;
            self.judge(now, &serving, &taken);
        }
        for (zone, _) in ill.iter().filter(|(_, ill)| **ill) {
            self.ill.entry(zone.clone()).or_insert(now);
        }
        self.ill.retain(|zone, _| ill.get(zone) == Some(&true));
        self.last = serving;
    }

    fn judge(&mut self, now: Millis, serving: &BTreeMap<Id, Last>, taken: &BTreeMap<Id, (String, u64)>) {
        let unknowable: u64 = self.lost.values().map(|(_, count)| count).sum();
        let after = serving.values().map(|one| one.serving).sum::<u64>() + unknowable;
        let what = || {
            let names: Vec<String> = taken.iter().map(|(id, (zone, _))| format!("{id} in {zone}")).collect();
            names.join(", ")
        };
        if after < self.rules.floor.min(self.before.0) {
            let what = what();
            self.broken.push(format!(
                "at {now} straddle took {what}, and {after} are left of a floor of {}",
                self.rules.floor
            ));
        }
        let zones: BTreeSet<&String> =
            serving.values().map(|one| &one.zone).chain(taken.values().map(|(z, _)| z)).collect();
        for zone in zones {
            let elsewhere =
                serving.values().filter(|one| one.zone != *zone).map(|one| one.serving).sum::<u64>() + unknowable;
            let took: u64 = taken.values().filter(|(z, _)| z != zone).map(|(_, count)| count).sum();
            let bound = self.rules.survive.min(self.before.1.get(zone).copied().unwrap_or(u64::MAX));
            if elsewhere < bound && took > 0 {
                let what = what();
                self.broken
                    .push(format!("at {now} straddle took {what}, and the loss of {zone} would now leave {elsewhere}"));
            }
        }
    }

    /// Straddle asked for a change in a zone.
    pub fn attempted(&mut self, now: Millis, what: &str, zone: Option<&str>) {
        if let Some((zone, since)) = zone.and_then(|zone| self.ill.get_key_value(zone))
            && now - since > UNKNOWABLE
        {
            self.broken.push(format!("at {now} straddle changed a {what} in {zone}, which is not well since {since}"));
        }
    }

    /// What serves, and which zones are not well. `None`: there are no clouds yet.
    fn read(&mut self, now: Millis) -> Option<(BTreeMap<Id, Last>, BTreeMap<String, bool>)> {
        if self.store.is_none() {
            self.store = match Store::open(&self.path) {
                Ok(store) => Some(store),
                Err(StoreError::Missing(_)) => return None,
                Err(error) => panic!("{error}"),
            };
        }
        let store = self.store.as_mut()?;
        let seen = store.read(now, false, |tx| Ok((tx.all()?, tx.domains())));
        let (objects, domains) = seen.unwrap();
        let is_ill = |zone: &str| domains.get(&DomainName::zone(zone)).is_some_and(|d| d.health != Health::Up);
        let mut serving = BTreeMap::new();
        for object in objects {
            let Some(zone) = object.spec.zone() else { continue };
            let count = match &object.shown {
                _ if is_ill(zone) => 0,
                Shown::Instance { state, .. } => u64::from(*state == Power::Running),
                Shown::Group { ready } => *ready,
                _ => 0,
            };
            let address = object.claim.map(|claim| claim.address).unwrap_or_default();
            serving.insert(
                object.id,
                Last { zone: object.spec.zone().unwrap_or_default().to_owned(), address, serving: count },
            );
        }
        let ill = domains.iter().filter(|(name, _)| name.level == "zone");
        Some((serving, ill.map(|(name, d)| (name.name.clone(), d.health != Health::Up)).collect()))
    }
}
