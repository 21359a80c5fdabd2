//! Plans built by hand around decisions of the real engine.

use crate::diag::{FileId, Source, Sources, Span};
use crate::lang::address::Address;
use crate::plan::model::*;
use crate::plan::sequence::StepReplicas;
use crate::spread::decide;
use crate::spread::decision::{Decision, StepEntry};
use crate::spread::model::*;
use crate::state::ProviderRef;
use std::collections::BTreeMap;
use straddle_sdk::value::{Cause, Path, Str, Type, Value};

pub const SPEC: &str = "workload \"web\" {\n  replicas = 10\n\n  spread \"zone\" {\n    ratio = \"even\"\n  }\n\n  floor {\n    serving = \"100%\"\n  }\n\n  survive \"zone\" {\n    floor = \"50%\"\n    then  = { \"100%\" = \"15m\" }\n  }\n}\n";

/// The span of the line that starts with this text, in the sample spec.
pub fn line(text: &str) -> Span {
    let at = SPEC.find(text).unwrap();
    Span { file: FileId(0), range: at..at + text.len() }
}

/// Where each site number of the sample stands.
pub fn site(site: Site) -> Option<Span> {
    match site.0 {
        0 => Some(line("workload \"web\"")),
        1 => Some(line("replicas = 10")),
        2 => Some(line("serving = \"100%\"")),
        10 => Some(line("spread \"zone\"")),
        20 => Some(line("survive \"zone\"")),
        _ => None,
    }
}

pub fn sources() -> Sources {
    Sources { files: vec![Source::new("web.straddle.hcl", SPEC)] }
}

pub fn location(name: &str) -> Location {
    Location {
        name: name.into(),
        domains: [("cloud".to_string(), "aws".to_string()), ("zone".to_string(), name.to_string())].into(),
        shares: vec![0],
        control: vec![],
        capacity: Capacity { limit: Limit::Known { lo: 40, hi: 40 }, source: CapacitySource::Provider },
        health: Health::Healthy,
        health_source: HealthSource::Reported,
        operator: OperatorState::Open,
        boot: Timed { seconds: 100, source: TimeSource::Measured },
        reserve: 0,
        cost: Some(Cost { micros_per_hour: 52_000, currency: "USD".into() }),
        frozen: false,
        site: Site(100),
    }
}

pub fn topology(zones: &[&str]) -> Topology {
    Topology {
        levels: vec!["cloud".into(), "zone".into()],
        locations: zones.iter().map(|z| location(z)).collect(),
        risks: vec![Risk { name: "kt_line".into(), kind: "carrier".into(), depends_on: vec![], site: Site(101) }],
    }
}

/// The workload `web` of the sample spec over all locations, in even shares.
pub fn workload(topology: &Topology, replicas: u32) -> Workload {
    Workload {
        name: "web".into(),
        replicas,
        replicas_site: Site(1),
        demand: Some(replicas * 7 / 10),
        spread: vec![SpreadLevel {
            level: "zone".into(),
            over: None,
            ratio: Ratio::Even,
            tolerance: Bound::Count(0),
            max_skew: Some(1),
            min_domains: None,
            max_domains: None,
            min: BTreeMap::new(),
            max: BTreeMap::new(),
            prefer: vec![],
            prefer_cheap: false,
            moving: Moving::Lazy,
            on_shortage: OnShortage::Prefer,
            method: Method::Webster,
            standby: vec![],
            site: Site(10),
        }],
        floor_serving: Bound::percent(100),
        floor_site: Site(2),
        accepted: Vec::new(),
        survive: vec![SurviveRule {
            id: "survive.zone".into(),
            of: LossOf::Level("zone".into()),
            losses: 1,
            floor: Bound::percent(50),
            then: vec![Then { floor: Bound::percent(100), within_s: 900 }],
            growth: Growth::Quota,
            site: Site(20),
        }],
        rollout: Rollout {
            surge: Some(Bound::Count(2)),
            batch: Some(Bound::Count(2)),
            healthy_for_s: 60,
            drain_s: 30,
            ..Rollout::unhurried(Site(0))
        },
        failover: Failover {
            detect: Timed { seconds: 60, source: TimeSource::Declared },
            decide: Timed { seconds: 600, source: TimeSource::Declared },
            batch: None,
        },
        failback: Failback { batch: None },
        requires: vec![],
        entry: vec![],
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
        max_order: 2,
        site: Site(0),
    }
}

pub fn slot(slot: u32) -> Slot {
    Slot {
        slot,
        exists: true,
        incomplete: false,
        ready: Ready::Yes,
        current: true,
        interrupting_update: false,
        tainted: false,
    }
}

/// So many healthy replicas in each place.
pub fn live(counts: &[u32]) -> Live {
    let place = |n: &u32| PlaceLive { others: 0, replicas: Replicas::Slots((0..*n).map(slot).collect()) };
    Live { places: counts.iter().map(place).collect() }
}

fn text(s: impl Into<Str>) -> Value {
    Value::string(s)
}

/// The instance of a replica; `made` when it exists.
pub fn instance(place: &str, slot: u32, image: &str, made: bool) -> Value {
    let unknown = || Value::unknown(Type::String);
    Value::object(vec![
        ("id".into(), if made { text(format!("i-{place}-{slot}")) } else { unknown() }),
        ("image".into(), text(image)),
        ("size".into(), text("m")),
        ("zone".into(), text(place)),
        ("tags".into(), Value::map(Type::String, vec![("Name".into(), text(format!("web-{place}-{slot}")))])),
        ("user_data".into(), Value::null(Type::String)),
    ])
}

fn target(place: &str, slot: u32, made: bool) -> Value {
    let id = format!("workload.web.sim_instance.server[\"{place}/{slot}\"].id");
    Value::object(vec![
        ("load_balancer_id".into(), text("lb-1")),
        (
            "instance_id".into(),
            match made {
                true => text(format!("i-{place}-{slot}")),
                false => Value::unknown_because(Type::String, Cause(id.as_str().into())),
            },
        ),
    ])
}

pub fn provider() -> ProviderRef {
    ProviderRef::new("registry.terraform.io/straddle/sim", Some("seoul"))
}

/// A change with everything that does not matter left at its default.
pub fn change(address: Address, action: Action, before: Value, after: Value) -> Change {
    Change {
        prior_dependencies: std::sync::Arc::from([]),
        prior_tainted: false,
        address,
        previous_address: None,
        provider: provider(),
        action,
        reason: None,
        before,
        after,
        replace_paths: vec![],
        schema_version: 0,
        prior_private: vec![],
        planned_private: vec![],
        dependencies: vec![],
        create_before_destroy: false,
        deposed: None,
        config_known: true,
        aside: false,
        importing: None,
        before_identity: None,
        after_identity: None,
        remembered: None,
        identity_version: 0,
        site: Some(line("workload \"web\"")),
    }
}

fn null() -> Value {
    Value::null(Type::Dynamic)
}

/// Both objects of a replica.
fn replica(place: &str, slot: u32, action: Action, out: &mut Vec<Change>) {
    let key = format!("{place}/{slot}");
    let server = Address::replica("web", "sim_instance", "server", key.as_str());
    let front = Address::replica("web", "sim_target", "front", key.as_str());
    let made = |b: bool| (instance(place, slot, "img-1", b), target(place, slot, b));
    match action {
        Action::Create => {
            let (i, t) = made(false);
            out.push(change(server, action, null(), i));
            out.push(change(front, action, null(), t));
        }
        Action::Delete => {
            let (i, t) = made(true);
            let reason = Some(Reason::ReplicaRemoved);
            out.push(Change { reason, ..change(server, action, i, null()) });
            out.push(Change { reason, ..change(front, action, t, null()) });
        }
        Action::DeleteCreate => {
            let after = instance(place, slot, "img-2", false);
            let mut one = change(server, action, made(true).0, after);
            one.reason = Some(Reason::CannotUpdate);
            one.replace_paths = vec![Path::ROOT.attr("image")];
            out.push(one);
            let mut two = change(front, action, made(true).1, made(false).1);
            two.reason = Some(Reason::CannotUpdate);
            two.replace_paths = vec![Path::ROOT.attr("instance_id")];
            out.push(two);
        }
        _ => {
            let (i, t) = made(true);
            out.push(change(server, Action::NoOp, i.clone(), i));
            out.push(change(front, Action::NoOp, t.clone(), t));
        }
    }
}

fn keys(entries: &[StepEntry], topology: &Topology) -> Vec<Str> {
    let one = |e: &StepEntry| {
        let place = topology.locations[e.place].name.clone();
        e.slots.iter().map(move |s| Str::from(format!("{place}/{}", s.slot))).collect::<Vec<_>>()
    };
    entries.iter().flat_map(one).collect()
}

/// The plan the engine's decision makes, with two objects for each replica.
pub fn plan(topology: &Topology, rules: Workload, live: &Live, kind: Kind, mode: &Mode) -> Plan {
    let decision = decide(topology, &rules, live, mode).unwrap();
    let changes = changes(&decision, topology);
    let steps = decision
        .steps
        .iter()
        .map(|s| StepReplicas {
            adds: keys(&s.adds, topology),
            updates: keys(&s.updates, topology),
            removes: keys(&s.removes, topology),
            groups: vec![],
            ..StepReplicas::default()
        })
        .collect();
    let workload = WorkloadPlan { rules, decision, steps, weakened: vec![], fingerprints: BTreeMap::new() };
    Plan {
        kind,
        partial: false,
        assumed: Default::default(),
        beside: Default::default(),
        lineage: "3f1c2d4e-0000-4000-8000-000000000000".into(),
        serial: 214,
        sources: sources(),
        variables: [("image".into(), text("img-1"))].into(),
        topology: topology.clone(),
        workloads: vec![("web".into(), workload)],
        changes,
        data: vec![],
        deferred: Vec::new(),
        drift: vec![],
        unreadable: vec![],
        evidence: vec![],
        courses: Default::default(),
        notes: vec![],
        outputs: vec![],
        ops: vec![],
        survival: Default::default(),
        checked: Vec::new(),
        configuration: None,
        relevant: Vec::new(),
        left_outputs: Vec::new(),
        given: Default::default(),
        time: None,
        warnings: vec![],
        origin: crate::plan::model::Origin::default(),
    }
}

fn changes(decision: &Decision, topology: &Topology) -> Vec<Change> {
    let lb = Address::managed("sim_load_balancer", "web", None);
    let value = Value::object(vec![("id".into(), text("lb-1")), ("name".into(), text("web"))]);
    let mut out = match decision.existing.iter().sum::<u32>() {
        0 => vec![change(
            lb,
            Action::Create,
            null(),
            Value::object(vec![("id".into(), Value::unknown(Type::String)), ("name".into(), text("web"))]),
        )],
        _ => vec![change(lb, Action::NoOp, value.clone(), value)],
    };
    for (place, changes) in decision.changes.iter().enumerate() {
        let name = &topology.locations[place].name;
        for (slots, action) in [
            (&changes.keep, Action::NoOp),
            (&changes.wait, Action::NoOp),
            (&changes.add, Action::Create),
            (&changes.remove, Action::Delete),
            (&changes.replace, Action::DeleteCreate),
        ] {
            slots.iter().for_each(|slot| replica(name, *slot, action, &mut out));
        }
    }
    out.sort_by(|a, b| a.address.cmp(&b.address));
    out
}

/// Ten servers, five in each of two zones; one was deleted by hand.
pub fn one_lost() -> Plan {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let rules = workload(&topology, 10);
    let mut standing = live(&[5, 5]);
    if let Replicas::Slots(slots) = &mut standing.places[0].replicas {
        slots.remove(2);
    }
    let mut plan = plan(&topology, rules, &standing, Kind::Normal, &Mode::normal());
    for (ty, name, state) in [
        ("sim_instance", "server", instance("seoul-a", 2, "img-1", true)),
        ("sim_target", "front", target("seoul-a", 2, true)),
    ] {
        let address = Address::replica("web", ty, name, "seoul-a/2");
        plan.drift.push(Drift { address, provider: provider(), state, live: null() });
    }
    plan
}

/// The first creation, five in each of two zones.
pub fn first() -> Plan {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let rules = workload(&topology, 10);
    plan(&topology, rules, &live(&[0, 0]), Kind::Normal, &Mode::normal())
}

/// All replicas get a new image.
pub fn rollout(replicas: u32) -> Plan {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let rules = workload(&topology, replicas);
    let mut standing = live(&[replicas / 2, replicas - replicas / 2]);
    for place in &mut standing.places {
        if let Replicas::Slots(slots) = &mut place.replicas {
            slots.iter_mut().for_each(|slot| slot.current = false);
        }
    }
    plan(&topology, rules, &standing, Kind::Normal, &Mode::normal())
}

/// A zone is down and the other grows.
pub fn failover() -> Plan {
    let mut topology = topology(&["seoul-a", "seoul-c"]);
    topology.locations[0].health = Health::Down;
    let rules = workload(&topology, 10);
    let lost = vec![Event::Domain { level: 1, name: "seoul-a".into() }];
    let kind = Kind::Failover { lost: vec!["zone:seoul-a".into()] };
    plan(&topology, rules, &live(&[5, 5]), kind, &Mode::Failover { lost })
}

/// A floor after a loss that no placement over two zones keeps.
pub fn refused() -> Plan {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let mut rules = workload(&topology, 10);
    rules.survive[0].floor = Bound::percent(60);
    plan(&topology, rules, &live(&[5, 5]), Kind::Normal, &Mode::normal())
}

/// Of many replicas some are to be removed again.
pub fn shrink(zones: u32, replicas: u32, to: u32) -> Plan {
    let names: Vec<String> = (0..zones).map(|z| format!("z{z}")).collect();
    let topology = topology(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let rules = workload(&topology, to);
    let mut rules = Workload { survive: vec![], demand: None, ..rules };
    rules.rollout.surge = Some(Bound::percent(10));
    rules.rollout.batch = Some(Bound::percent(10));
    plan(&topology, rules, &live(&vec![replicas / zones; zones as usize]), Kind::Normal, &Mode::normal())
}
