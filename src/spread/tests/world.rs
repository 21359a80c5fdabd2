//! Small worlds to ask questions of.

use std::collections::BTreeMap;

use crate::spread::model::*;

/// A location with one domain per level of `cloud`, `zone`; its name is `zone`.
pub fn location(cloud: &str, zone: &str) -> Location {
    let domains = [("cloud", cloud), ("zone", zone)].map(|(l, d)| (l.to_string(), d.to_string()));
    Location {
        name: zone.to_string(),
        domains: domains.into(),
        shares: Vec::new(),
        control: Vec::new(),
        capacity: Capacity { limit: Limit::Unlimited, source: CapacitySource::Provider },
        health: Health::Healthy,
        health_source: HealthSource::Reported,
        operator: OperatorState::Open,
        boot: Timed { seconds: 90, source: TimeSource::Measured },
        reserve: 0,
        cost: None,
        frozen: false,
        site: Site(100),
    }
}

pub fn cap(limit: u32) -> Capacity {
    Capacity { limit: Limit::Known { lo: limit, hi: limit }, source: CapacitySource::Declared }
}

pub fn topology(locations: Vec<Location>) -> Topology {
    Topology { levels: vec!["cloud".into(), "zone".into()], locations, risks: Vec::new() }
}

/// `n` zones of one cloud: a, b, c, ...
pub fn zones(n: usize) -> Topology {
    topology((0..n).map(|i| location("one", &zone_name(i))).collect())
}

pub fn zone_name(i: usize) -> String {
    char::from(b'a' + i as u8).to_string()
}

pub fn level(name: &str, ratio: Ratio) -> SpreadLevel {
    SpreadLevel {
        level: name.into(),
        over: None,
        ratio,
        tolerance: Bound::Count(0),
        max_skew: None,
        min_domains: None,
        max_domains: None,
        min: BTreeMap::new(),
        max: BTreeMap::new(),
        prefer: Vec::new(),
        prefer_cheap: false,
        moving: Moving::Lazy,
        on_shortage: OnShortage::Prefer,
        method: Method::Webster,
        standby: Vec::new(),
        site: Site(10),
    }
}

pub fn weights(parts: &[(&str, u32)]) -> Ratio {
    Ratio::Weights { parts: parts.iter().map(|(n, w)| (n.to_string(), *w)).collect(), rest: None }
}

/// A workload over all locations, without rules: floor 0, surge 1, batch 1.
pub fn workload(topology: &Topology, replicas: u32, spread: Vec<SpreadLevel>) -> Workload {
    Workload {
        name: "web".into(),
        replicas,
        replicas_site: Site(1),
        demand: None,
        spread,
        floor_serving: Bound::Count(0),
        floor_site: Site(2),
        survive: Vec::new(),
        accepted: Vec::new(),
        rollout: Rollout {
            surge: Some(Bound::Count(1)),
            batch: Some(Bound::Count(1)),
            healthy_for_s: 60,
            drain_s: 0,
            ..Rollout::unhurried(Site(3))
        },
        failover: Failover {
            detect: Timed { seconds: 30, source: TimeSource::Declared },
            decide: Timed { seconds: 600, source: TimeSource::Declared },
            batch: None,
        },
        failback: Failback { batch: None },
        requires: Vec::new(),
        entry: Vec::new(),
        scaling: None,
        places: (0..topology.locations.len())
            .map(|location| Place {
                location,
                unit: 1,
                template: Template::PerReplica,
                ready_measured: true,
                declared: true,
                most: None,
            })
            .collect(),
        scale: 1,
        priority: 0,
        foreign: false,
        overflow: Vec::new(),
        standby: None,
        alarm_below: None,
        max_order: 3,
        site: Site(0),
    }
}

pub fn survive(of: LossOf, losses: u32, floor: Bound) -> SurviveRule {
    SurviveRule {
        id: format!("survive.{}", of.name()),
        of,
        losses,
        floor,
        then: Vec::new(),
        growth: Growth::Quota,
        site: Site(20),
    }
}

pub fn of_level(name: &str) -> LossOf {
    LossOf::Level(name.into())
}

pub fn of_kind(name: &str) -> LossOf {
    LossOf::Kind(name.into())
}

pub fn slot(number: u32) -> Slot {
    Slot {
        slot: number,
        exists: true,
        incomplete: false,
        ready: Ready::Yes,
        current: true,
        interrupting_update: false,
        tainted: false,
    }
}

/// So many healthy replicas per place, slots from 0.
pub fn live(counts: &[u32]) -> Live {
    let place = |&n: &u32| PlaceLive { others: 0, replicas: Replicas::Slots((0..n).map(slot).collect()) };
    Live { places: counts.iter().map(place).collect() }
}
