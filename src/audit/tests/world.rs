//! Whole plans over small worlds: decided and sequenced by the planner, judged by the audit.

use crate::diag::Sources;
use crate::lang::address::Address;
use crate::plan::model::{Action, Change, Kind, Plan, WorkloadPlan};
use crate::plan::sequence::{StepReplicas, Steps, sequence};
use crate::spread::decide;
use crate::spread::decision::{Decision, Refusal, StepEntry};
use crate::spread::model::*;
use crate::state::ProviderRef;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Str, Type, Value};

/// A location with a domain at each of `cloud` and `zone`; its name is the last word.
pub fn location(cloud: &str, zone: &str, name: &str) -> Location {
    let domains = [("cloud", cloud), ("zone", zone)].map(|(l, d)| (l.to_string(), d.to_string()));
    Location {
        name: name.to_string(),
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

pub fn topology(locations: Vec<Location>) -> Topology {
    Topology { levels: vec!["cloud".into(), "zone".into()], locations, risks: Vec::new() }
}

pub fn letter(i: usize) -> String {
    char::from(b'a' + (i % 26) as u8).to_string()
}

/// `n` zones of one cloud: a, b, c, ...
pub fn zones(n: usize) -> Topology {
    topology((0..n).map(|i| location("one", &letter(i), &letter(i))).collect())
}

pub fn risk(name: &str, kind: &str, depends_on: &[usize]) -> Risk {
    Risk { name: name.into(), kind: kind.into(), depends_on: depends_on.to_vec(), site: Site(50) }
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

pub fn survive(of: LossOf, losses: u32, floor: Bound) -> SurviveRule {
    SurviveRule {
        id: format!("survive.{}.{losses}", of.name()),
        of,
        losses,
        floor,
        then: Vec::new(),
        growth: Growth::Quota,
        site: Site(20),
    }
}

/// A workload over all locations, without rules: floor 0, surge 1, batch 1.
pub fn workload(topology: &Topology, replicas: u32, spread: Vec<SpreadLevel>) -> Workload {
    let timed = |seconds| Timed { seconds, source: TimeSource::Declared };
    let place = |location| Place {
        location,
        unit: 1,
        template: Template::PerReplica,
        ready_measured: true,
        declared: true,
        most: None,
    };
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
        failover: Failover { detect: timed(30), decide: timed(600), batch: None },
        failback: Failback { batch: None },
        requires: Vec::new(),
        entry: Vec::new(),
        scaling: None,
        places: (0..topology.locations.len()).map(place).collect(),
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

/// The plan that the planner makes, with one `sim_instance` and one `sim_target` for each replica and a load balancer they share.
#[expect(clippy::result_large_err, reason = "a refusal is made once")]
pub fn plan(topology: &Topology, rules: &Workload, live: &Live, mode: &Mode) -> Result<Plan, Refusal> {
    let decision = decide(topology, rules, live, mode)?;
    let name = Str::new(&rules.name);
    let steps: Vec<StepReplicas> = decision.steps.iter().map(|s| named(topology, rules, s)).collect();
    let mut changes = objects(topology, rules, live, &decision, &steps);
    changes.push(front(mode));
    changes.sort_by(|a, b| a.address.cmp(&b.address));
    let mut drains = BTreeSet::new();
    if rules.rollout.drain_s > 0 {
        drains.insert(name.clone());
    }
    let workloads = if steps.is_empty() { BTreeMap::new() } else { [(name.clone(), steps.clone())].into() };
    let ops = sequence(&changes, &Steps { workloads, drains, ..Steps::default() }).expect("no cycle");
    Ok(Plan {
        partial: false,
        assumed: Default::default(),
        beside: Default::default(),
        kind: match mode {
            Mode::Normal { .. } => Kind::Normal,
            Mode::Repair => Kind::Repair,
            Mode::Failover { lost } => Kind::Failover { lost: lost.iter().map(|e| e.label(topology)).collect() },
            Mode::Failback { .. } => Kind::Failback,
            Mode::Destroy => Kind::Destroy,
        },
        lineage: "lineage".into(),
        serial: 1,
        sources: Sources::default(),
        variables: BTreeMap::new(),
        topology: topology.clone(),
        workloads: vec![(
            name,
            WorkloadPlan { rules: rules.clone(), decision, steps, weakened: Vec::new(), fingerprints: BTreeMap::new() },
        )],
        changes,
        data: Vec::new(),
        deferred: Vec::new(),
        drift: Vec::new(),
        unreadable: Vec::new(),
        evidence: Vec::new(),
        courses: Default::default(),
        outputs: Vec::new(),
        ops,
        survival: Default::default(),
        checked: Vec::new(),
        configuration: None,
        relevant: Vec::new(),
        left_outputs: Vec::new(),
        given: Default::default(),
        time: None,
        warnings: Vec::new(),
        origin: crate::plan::model::Origin::default(),
        notes: Default::default(),
    })
}

fn named(topology: &Topology, rules: &Workload, step: &crate::spread::decision::Step) -> StepReplicas {
    let keys = |entries: &[StepEntry]| {
        let key = |e: &StepEntry, slot: u32| {
            Str::from(format!("{}/{slot}", topology.locations[rules.places[e.place].location].name))
        };
        entries.iter().flat_map(|e| e.slots.iter().map(move |s| key(e, s.slot))).collect()
    };
    StepReplicas {
        adds: keys(&step.adds),
        updates: keys(&step.updates),
        removes: keys(&step.removes),
        waits: keys(&step.waits),
        groups: Vec::new(),
    }
}

fn front(mode: &Mode) -> Change {
    let action = if *mode == Mode::Destroy { Action::Delete } else { Action::NoOp };
    change(Address::managed("sim_load_balancer", "front", None), action, Vec::new())
}

fn objects(t: &Topology, rules: &Workload, live: &Live, d: &Decision, steps: &[StepReplicas]) -> Vec<Change> {
    let first = |key: &Str, of: fn(&StepReplicas) -> &Vec<Str>| steps.iter().position(|s| of(s).contains(key));
    let mut out = Vec::new();
    for (p, place) in rules.places.iter().enumerate() {
        let Replicas::Slots(slots) = &live.places[p].replicas else { continue };
        let changes = &d.changes[p];
        let standing = slots.iter().filter(|s| s.exists).map(|s| s.slot);
        let all: BTreeSet<u32> = standing.chain(changes.add.iter().chain(&changes.spare).copied()).collect();
        for number in all {
            let key = Str::from(format!("{}/{number}", t.locations[place.location].name));
            let action = if changes.add.contains(&number) {
                Action::Create
            } else if changes.spare.contains(&number) {
                Action::Spare
            } else if changes.remove.contains(&number) {
                Action::Delete
            } else if changes.replace.contains(&number) {
                match (first(&key, |s| &s.adds), first(&key, |s| &s.removes)) {
                    (Some(add), Some(remove)) if remove < add => Action::DeleteCreate,
                    _ => Action::CreateDelete,
                }
            } else if changes.update.contains(&number) {
                Action::Update
            } else {
                Action::NoOp
            };
            let server = Address::replica(rules.name.as_str(), "sim_instance", "server", key.clone());
            let target = Address::replica(rules.name.as_str(), "sim_target", "front", key);
            let needs = vec![server.without_key(), Address::managed("sim_load_balancer", "front", None)];
            out.push(change(server, action, Vec::new()));
            out.push(change(target, action, needs));
        }
    }
    out
}

pub fn change(address: Address, action: Action, dependencies: Vec<Address>) -> Change {
    let object = |size: &str| Value::object(vec![("size".into(), Value::string(size))]);
    let none = || Value::null(Type::Dynamic);
    let before = if matches!(action, Action::Create | Action::Spare) { none() } else { object("s") };
    let after = match action {
        Action::Delete => none(),
        Action::NoOp => object("s"),
        _ => object("m"),
    };
    Change {
        prior_dependencies: std::sync::Arc::from([]),
        prior_tainted: false,
        address,
        previous_address: None,
        provider: ProviderRef::new("straddle/sim", None),
        action,
        reason: None,
        before,
        after,
        replace_paths: Vec::new(),
        schema_version: 0,
        prior_private: Vec::new(),
        planned_private: Vec::new(),
        dependencies,
        create_before_destroy: false,
        deposed: None,
        config_known: true,
        aside: false,
        importing: None,
        before_identity: None,
        after_identity: None,
        remembered: None,
        identity_version: 0,
        site: None,
    }
}
