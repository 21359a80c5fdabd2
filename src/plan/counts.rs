//! What a workload is worth in expressions: how many replicas it has where.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::spread::model::{Topology, Workload};
use std::collections::BTreeMap;
use straddle_sdk::value::Str;
use straddle_sdk::value::num::Num;

/// What a workload is worth in expressions, at one moment: the target while planning, the state of a step while following it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadCounts {
    pub replicas: u32,
    /// By location; locations without replicas are there with 0.
    pub count: BTreeMap<String, u32>,
    /// Serving capacity by domain of the outermost spread level, in units. Domains without any are absent: a weight of 0 and no
    /// weight are different things to a name server.
    pub capacity: BTreeMap<String, u64>,
    /// The location that works, where the others stand by.
    pub active: Option<String>,
}

impl WorkloadCounts {
    /// The counts of a workload with so many replicas in each place.
    pub fn of(topology: &Topology, rules: &Workload, places: &[u32]) -> WorkloadCounts {
        let mut counts = WorkloadCounts {
            replicas: rules.replicas,
            active: rules.standby.as_ref().and_then(|s| s.active.clone()),
            ..WorkloadCounts::default()
        };
        let level = rules.spread.first().map(|s| s.level.as_str());
        for (place, n) in rules.places.iter().zip(places) {
            let location = &topology.locations[place.location];
            counts.count.insert(location.name.clone(), *n);
            let domain = level.and_then(|l| location.domains.get(l)).unwrap_or(&location.name);
            if *n > 0 {
                *counts.capacity.entry(domain.clone()).or_default() += u64::from(*n) * u64::from(place.unit);
            }
        }
        counts
    }

    /// Each domain's fraction of the serving capacity.
    pub fn shares(&self) -> Vec<(Str, Num)> {
        let total: u64 = self.capacity.values().sum();
        let number = |n: u64| Num::from(i64::try_from(n).unwrap_or(i64::MAX));
        self.capacity
            .iter()
            .map(|(d, n)| (Str::new(d), number(*n).div(&number(total)).unwrap_or_else(|_| Num::from(0))))
            .collect()
    }
}
