//! Any sequence of operations, beside a model that is too simple to be wrong.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use straddle_provider_sim::Refusal;
use straddle_provider_sim::model::{DomainName, FaultKind, Health, Id, Kind, Op, Spec};
use straddle_provider_sim::store::{Caller, Seen};

const ZONES: [&str; 3] = ["a", "b", "c"];
const CLOUDS: [&str; 2] = ["aws", "ncp"];

#[derive(Clone, Debug)]
enum Act {
    Instance { cloud: usize, zone: usize, token: Option<u8> },
    Group { cloud: usize, zone: usize, desired: u64 },
    Balancer,
    Target { balancer: usize, member: usize },
    Resize { which: usize, desired: u64 },
    Delete { which: usize },
    Kill { zone: usize, count: u64 },
    Quota { zone: usize, quota: Option<u64> },
    Health { zone: usize, health: Health },
    Fault { op: usize, kind: usize, rate: f64 },
    Wait { length: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    let any = 0..20_usize;
    let zone = 0..ZONES.len();
    prop_oneof![
        6 => (0..2_usize, zone.clone(), proptest::option::of(0..6_u8))
            .prop_map(|(cloud, zone, token)| Act::Instance { cloud, zone, token }),
        2 => (0..2_usize, zone.clone(), 0..5_u64).prop_map(|(cloud, zone, desired)| Act::Group { cloud, zone, desired }),
        1 => Just(Act::Balancer),
        4 => (any.clone(), any.clone()).prop_map(|(balancer, member)| Act::Target { balancer, member }),
        2 => (any.clone(), 0..6_u64).prop_map(|(which, desired)| Act::Resize { which, desired }),
        4 => any.prop_map(|which| Act::Delete { which }),
        1 => (zone.clone(), 0..4_u64).prop_map(|(zone, count)| Act::Kill { zone, count }),
        1 => (zone.clone(), proptest::option::of(0..8_u64)).prop_map(|(zone, quota)| Act::Quota { zone, quota }),
        1 => (zone, prop_oneof![Just(Health::Up), Just(Health::Up), Just(Health::Down), Just(Health::Unreachable)])
            .prop_map(|(zone, health)| Act::Health { zone, health }),
        1 => (0..Op::ALL.len(), 0..FaultKind::ALL.len(), prop_oneof![Just(0.0), Just(0.4)])
            .prop_map(|(op, kind, rate)| Act::Fault { op, kind, rate }),
        1 => (-5_000..5_000_i64).prop_map(|length| Act::Wait { length }),
    ]
}

/// What the model remembers.
#[derive(Default)]
struct Model {
    quotas: BTreeMap<usize, u64>,
    ever: BTreeSet<Id>,
    live: BTreeSet<Id>,
    tokens: BTreeMap<(usize, u8), Id>,
}

fn pick(objects: &[straddle_provider_sim::model::Object], which: usize) -> Option<Id> {
    (!objects.is_empty()).then(|| objects[which % objects.len()].id)
}

fn perform(world: &mut World, model: &mut Model, act: &Act) {
    let before = world.all();
    match act {
        Act::Instance { cloud, zone, token } => {
            world.who = Caller { boot: 1_000, ..Caller::of(CLOUDS[*cloud]) };
            let spec = instance(ZONES[*zone]);
            let result = match token {
                Some(token) => world.claim(&spec, &token.to_string()),
                None => world.create(&spec),
            };
            // With one token at most one object lives, and an answer names that one.
            if let (Ok(made), Some(token)) = (&result, token)
                && let Some(object) = &made.object
            {
                match model.tokens.get(&(*cloud, *token)).filter(|id| model.live.contains(id)) {
                    Some(id) => assert_eq!(*id, object.id),
                    None => _ = model.tokens.insert((*cloud, *token), object.id),
                }
            }
        }
        Act::Group { cloud, zone, desired } => {
            world.who = Caller { boot: 1_000, ..Caller::of(CLOUDS[*cloud]) };
            _ = world.create(&group(ZONES[*zone], *desired));
        }
        Act::Balancer => _ = world.create(&balancer()),
        Act::Target { balancer, member } => {
            let of = |kinds: &[Kind]| before.iter().filter(|o| kinds.contains(&o.id.kind)).cloned().collect::<Vec<_>>();
            let front = pick(&of(&[Kind::LoadBalancer]), *balancer).map_or("lb-9999".into(), |id| id.to_string());
            let behind =
                pick(&of(&[Kind::Instance, Kind::Group]), *member).map_or("i-9999".into(), |id| id.to_string());
            _ = world.create(&target(front, behind));
        }
        Act::Resize { which, desired } => {
            if let Some(object) = pick(&before, *which).and_then(|id| before.iter().find(|o| o.id == id)) {
                world.who = Caller { boot: 1_000, ..Caller::of(object.cloud.clone()) };
                let to = match &object.spec {
                    Spec::Group(spec) => group(&spec.zone, *desired),
                    Spec::Instance(spec) => sized(&spec.zone, if *desired > 2 { "m" } else { "s" }),
                    other => other.clone(),
                };
                _ = world.update(object.id, &to);
            }
        }
        Act::Delete { which } => {
            if let Some(object) = pick(&before, *which).and_then(|id| before.iter().find(|o| o.id == id)) {
                world.who = Caller::of(object.cloud.clone());
                _ = world.delete(object.id);
            }
        }
        Act::Kill { zone, count } => _ = world.hand(|tx| tx.kill(*count, &[DomainName::zone(ZONES[*zone])])),
        Act::Quota { zone, quota } => {
            world.hand(|tx| tx.set_quota(&DomainName::zone(ZONES[*zone]), *quota)).expect("a zone");
            match quota {
                Some(quota) => _ = model.quotas.insert(*zone, *quota),
                None => _ = model.quotas.remove(zone),
            }
        }
        Act::Health { zone, health } => {
            world.hand(|tx| tx.set_health(&DomainName::zone(ZONES[*zone]), *health)).expect("a zone");
        }
        Act::Fault { op, kind, rate } => world.fault(Op::ALL[*op], FaultKind::ALL[*kind], *rate, 9),
        Act::Wait { length } => world.now += length,
    }
    check(world, model, &before);
}

fn units(objects: &[straddle_provider_sim::model::Object], zone: &str) -> u64 {
    objects.iter().filter(|o| o.spec.zone() == Some(zone)).map(|o| o.spec.units()).sum()
}

/// What must hold after every operation.
fn check(world: &mut World, model: &mut Model, before: &[straddle_provider_sim::model::Object]) {
    let after = world.all();
    let live: BTreeSet<Id> = after.iter().map(|object| object.id).collect();
    assert_eq!(live.len(), after.len());
    for new in live.difference(&model.live) {
        assert!(model.ever.insert(*new), "{new} was given twice");
    }
    for object in &after {
        if let Spec::Target(spec) = &object.spec {
            for id in [&spec.load_balancer_id, &spec.instance_id] {
                assert!(live.contains(&id.parse().expect("an id")), "{} refers to {id}, which is gone", object.id);
            }
        }
        assert!(object.spec.check().is_ok(), "{object:?}");
    }
    let mut tokens = BTreeSet::new();
    for object in &after {
        if let Some(claim) = &object.claim {
            assert!(tokens.insert((object.cloud.clone(), claim.token.clone())), "two objects of one token");
        }
    }
    let counted = world.store.read(world.now, false, |tx| Ok(tx.domains())).expect("a sound store");
    for (at, zone) in ZONES.iter().enumerate() {
        let (was, is) = (units(before, zone), units(&after, zone));
        if let Some(quota) = model.quotas.get(&at) {
            assert!(is <= *quota || is <= was, "zone {zone}: {was} became {is}, quota {quota}");
        }
        assert_eq!(counted.get(&DomainName::zone(zone)).map_or(0, |state| state.used), is, "zone {zone}");
    }
    for cloud in CLOUDS {
        let used: u64 = after.iter().filter(|o| o.cloud == cloud).map(|o| o.spec.units()).sum();
        assert_eq!(counted.get(&DomainName::cloud(cloud)).map_or(0, |state| state.used), used, "cloud {cloud}");
    }
    model.live = live;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_strict_cloud_stays_strict(acts in proptest::collection::vec(act(), 1..60)) {
        let mut world = World::new();
        let mut model = Model::default();
        for act in &acts {
            perform(&mut world, &mut model, act);
        }
        // Whatever was done, a reset and some time bring back a cloud that answers the truth.
        world.hand(|tx| tx.reset()).expect("reset");
        world.now += 100_000;
        for object in world.all() {
            world.who = Caller::of(object.cloud.clone());
            prop_assert_eq!(world.read(object.id), Ok(Seen::Found(Box::new(object))));
        }
        for gone in model.ever.difference(&model.live) {
            world.who = Caller::of(CLOUDS[0]);
            prop_assert_eq!(world.read(*gone), Ok(Seen::Gone));
        }
    }

    #[test]
    fn the_same_requests_give_the_same_clouds(acts in proptest::collection::vec(act(), 1..40)) {
        let run = || {
            let mut world = World::new();
            let mut model = Model::default();
            for act in &acts {
                perform(&mut world, &mut model, act);
            }
            world.all()
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn a_refusal_is_in_doubt_only_when_its_reply_was_lost() {
    assert!(Refusal::ReplyLost(Op::Create).in_doubt());
    assert!(!Refusal::Injected(Op::Create).in_doubt() && !Refusal::Unreachable(zone("a")).in_doubt());
}
