//! Random worlds, whole decisions: every step is legal, the target is reached, and a second look changes nothing.

use proptest::prelude::*;

use super::world::*;
use crate::spread::decision::*;
use crate::spread::model::*;
use crate::spread::{decide, model::Mode};

#[derive(Clone, Debug)]
struct Spot {
    cloud: usize,
    weight: u32,
    cap: Option<u32>,
    health: Health,
    operator: OperatorState,
    shares: u8,
    /// Exists, ready, current, update, tainted.
    slots: Vec<(bool, u8, bool, bool, bool)>,
}

fn spot() -> impl Strategy<Value = Spot> {
    let health = prop_oneof![
        12 => Just(Health::Healthy), 1 => Just(Health::Unknown), 1 => Just(Health::Down), 1 => Just(Health::ControlLost), 1 => Just(Health::Suspect),
    ];
    let operator = prop_oneof![10 => Just(OperatorState::Open), 1 => Just(OperatorState::Cordoned), 1 => Just(OperatorState::Evacuated)];
    let often = || prop::bool::weighted(0.9);
    let seldom = || prop::bool::weighted(0.07);
    let slot = (
        often(),
        prop_oneof![12 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)],
        prop::bool::weighted(0.8),
        seldom(),
        seldom(),
    );
    (
        0usize..3,
        1u32..4,
        prop::option::weighted(0.3, 0u32..7),
        health,
        operator,
        prop_oneof![2 => Just(0u8), 1 => 0u8..4],
        prop::collection::vec(slot, 0..5),
    )
        .prop_map(|(cloud, weight, cap, health, operator, shares, slots)| Spot {
            cloud,
            weight,
            cap,
            health,
            operator,
            shares,
            slots,
        })
}

#[derive(Clone, Debug)]
struct Seed {
    spots: Vec<Spot>,
    n: u32,
    nested: u8,
    tolerance: u32,
    skew: Option<u32>,
    serving: u64,
    rules: Vec<(u8, u32, u64)>,
    surge: u32,
    batch: u32,
    mode: u8,
    /// A floor for zone a, and a cap for zone b.
    bounds: (u32, u32),
}

fn seeds() -> impl Strategy<Value = Seed> {
    (
        prop::collection::vec(spot(), 1..5),
        0u32..13,
        0u8..3,
        0u32..2,
        prop::option::of(1u32..3),
        0u64..101,
        prop::collection::vec((0u8..3, 1u32..3, 0u64..60), 0..3),
        0u32..4,
        1u32..4,
        (0u8..6, prop_oneof![3 => Just(0u32), 1 => 0u32..3], prop_oneof![3 => Just(99u32), 1 => 0u32..5]),
    )
        .prop_map(|(spots, n, nested, tolerance, skew, serving, rules, surge, batch, (mode, min, max))| Seed {
            spots,
            n,
            nested,
            tolerance,
            skew,
            serving,
            rules,
            surge,
            batch,
            mode,
            bounds: (min, max),
        })
}

impl Seed {
    fn build(&self) -> (Topology, Workload, Live) {
        let locations = self.spots.iter().enumerate().map(|(i, s)| {
            let mut l = location(&format!("c{}", s.cloud), &zone_name(i));
            l.capacity = s.cap.map_or(l.capacity, cap);
            (l.health, l.operator) = (s.health, s.operator);
            l.shares = (0..2).filter(|r| s.shares >> r & 1 == 1).collect();
            l
        });
        let mut t = topology(locations.collect());
        t.risks = (0..2)
            .map(|i| Risk { name: format!("r{i}"), kind: "building".into(), depends_on: vec![], site: Site(50) })
            .collect();
        let parts = self.spots.iter().enumerate().map(|(i, s)| (zone_name(i), s.weight)).collect();
        let mut zone = level("zone", Ratio::Weights { parts, rest: None });
        zone.tolerance = Bound::Count(self.tolerance);
        zone.max_skew = self.skew;
        if self.bounds.0 > 0 {
            zone.min.insert("a".into(), self.bounds.0);
        }
        if self.bounds.1 < 99 {
            zone.max.insert("b".into(), self.bounds.1);
        }
        let cloud = level("cloud", Ratio::Even);
        let spread = match self.nested {
            0 => vec![zone],
            1 => vec![cloud, zone],
            _ => vec![cloud],
        };
        let mut w = workload(&t, self.n, spread);
        w.floor_serving = Bound::percent(self.serving);
        w.rollout.surge = Some(Bound::Count(self.surge));
        w.rollout.batch = Some(Bound::Count(self.batch));
        w.survive = self
            .rules
            .iter()
            .map(|&(of, k, p)| {
                survive(
                    [of_level("zone"), of_level("cloud"), of_kind("building")][of as usize].clone(),
                    k,
                    Bound::percent(p),
                )
            })
            .collect();
        let places = self.spots.iter().map(|s| {
            let slots = s.slots.iter().enumerate().map(|(i, &(exists, ready, current, update, tainted))| Slot {
                slot: i as u32,
                exists,
                incomplete: false,
                ready: [Ready::Yes, Ready::No, Ready::Unknown][ready as usize],
                current,
                interrupting_update: update,
                tainted,
            });
            PlaceLive { others: 0, replicas: Replicas::Slots(slots.collect()) }
        });
        let live = Live { places: places.collect() };
        (t, w, live)
    }

    fn mode(&self) -> Mode {
        match self.mode {
            0 => Mode::Repair,
            1 => Mode::Failover { lost: vec![Event::Domain { level: 1, name: "a".into() }] },
            2 => Mode::failback(),
            _ => Mode::normal(),
        }
    }
}

/// Survivors of every loss of a rule, from the labels of the locations alone.
fn worst(t: &Topology, rule: &SurviveRule, state: &[u32]) -> u32 {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    match &rule.of {
        LossOf::Level(name) => {
            let names: std::collections::BTreeSet<&String> = t.locations.iter().map(|l| &l.domains[name]).collect();
            groups.extend(
                names.into_iter().map(|n| (0..state.len()).filter(|&p| t.locations[p].domains[name] == *n).collect()),
            );
        }
        LossOf::Kind(_) => {
            groups.extend((0..2).map(|r| (0..state.len()).filter(|&p| t.locations[p].shares.contains(&r)).collect()))
        }
    }
    super::steps::worst(&groups, rule.losses, state)
}

/// Walks the steps; gives back what stands after.
fn replay(t: &Topology, w: &Workload, live: &Live, d: &Decision) -> Live {
    let mut state: Vec<u32> = d.before.iter().map(|b| b.lo).collect();
    let start = state.clone();
    let mut slots: Vec<Vec<Slot>> = live
        .places
        .iter()
        .map(|p| match &p.replicas {
            Replicas::Slots(s) => s.clone(),
            Replicas::Count { .. } => vec![],
        })
        .collect();
    let untouchable = |p: usize| {
        !matches!(t.locations[p].health, Health::Healthy) || (matches!(d.mode, Mode::Failover { .. }) && p == 0)
    };
    let serving = w.floor_serving.ceil_of(d.replicas) as u32;
    let count = |slots: &[Vec<Slot>], p: usize| slots[p].iter().filter(|s| s.exists).count() as u32;
    let reachable = |p: usize| {
        !untouchable(p)
            || t.locations[p].health == Health::Suspect && !matches!(d.mode, Mode::Failover { .. } if p == 0)
    };
    let total = |slots: &[Vec<Slot>]| (0..slots.len()).filter(|&p| reachable(p)).map(|p| count(slots, p)).sum::<u32>();
    // What is frozen may leave a target above N (a floor elsewhere is owed all the same): its own total is then the measure.
    let wanted: u32 = (0..slots.len()).filter(|&p| reachable(p)).map(|p| d.after[p]).sum();
    let most = total(&slots).max(d.replicas).max(wanted) + w.rollout.surge.unwrap().ceil_of(d.replicas) as u32;
    let refused = !d.breaches.is_empty();
    // What exists beside its replacement.
    let mut beside: Vec<u32> = vec![0; slots.len()];
    for step in &d.steps {
        let mut half = state.clone();
        for e in step.removes.iter().chain(&step.updates) {
            half[e.place] -= e.ready;
        }
        assert_eq!(half, step.half_done);
        assert!(half.iter().sum::<u32>() >= serving.min(start.iter().sum()), "{step:#?}");
        if !refused {
            for rule in &w.survive {
                let floor = rule.floor.ceil_of(d.replicas) as u32;
                assert!(worst(t, rule, &half) >= floor.min(worst(t, rule, &start)), "{} {step:#?}", rule.id);
            }
        }
        for level in &w.spread {
            for (zone, &floor) in level.min.iter().filter(|_| level.level == "zone") {
                let p = t.locations.iter().position(|l| l.name == *zone).unwrap();
                let owed = d.spread.iter().flat_map(|r| &r.domains).any(|row| row.name == *zone && row.weight > 0);
                assert!(!owed || half[p] >= floor.min(start[p]), "floor of {zone}: {step:#?}");
            }
        }
        for e in step.adds.iter().chain(&step.removes).chain(&step.updates).chain(&step.waits) {
            assert!(!untouchable(e.place), "{step:#?}");
            assert_eq!(e.slots.len() as u32, e.count);
        }
        assert!(step.adds.is_empty() || step.removes.is_empty());
        for e in &step.adds {
            for s in &e.slots {
                let at = slots[e.place].iter().position(|x| x.slot == s.slot);
                let new = slot(s.slot);
                match (s.role, at) {
                    (Role::Replace, Some(i)) => {
                        beside[e.place] += u32::from(slots[e.place][i].exists);
                        slots[e.place][i] = Slot { exists: true, ..new };
                    }
                    (Role::Grow, Some(i)) => {
                        assert!(!slots[e.place][i].exists, "growth takes a free slot");
                        slots[e.place][i] = new;
                    }
                    (Role::Grow, None) => slots[e.place].push(new),
                    other => panic!("{other:?}"),
                }
            }
            state[e.place] += e.count;
            if let Some(limit) = match t.locations[e.place].capacity.limit {
                Limit::Known { lo, .. } => Some(lo),
                _ => None,
            } {
                assert!(
                    count(&slots, e.place) + beside[e.place] <= limit.max(d.existing[e.place]),
                    "capacity: {step:#?}"
                );
            }
        }
        if !step.adds.is_empty() {
            assert!(total(&slots) + beside.iter().sum::<u32>() <= most, "surge: {step:#?}");
        }
        for e in &step.waits {
            state[e.place] += e.count;
            for s in &e.slots {
                slots[e.place].iter_mut().filter(|x| x.slot == s.slot).for_each(|x| x.ready = Ready::Yes);
            }
        }
        for e in &step.removes {
            state[e.place] -= e.ready;
            for s in &e.slots {
                let i = slots[e.place].iter().position(|x| x.slot == s.slot).unwrap();
                if s.role == Role::Replace && slots[e.place][i].current && !slots[e.place][i].tainted {
                    beside[e.place] -= 1;
                } else {
                    slots[e.place][i].exists = false;
                }
            }
        }
        for e in &step.updates {
            for s in &e.slots {
                slots[e.place].iter_mut().filter(|x| x.slot == s.slot).for_each(|x| x.interrupting_update = false);
            }
        }
        assert_eq!(state, step.state, "{step:#?}");
    }
    let places = slots.into_iter().map(|mut s| {
        s.sort_by_key(|x| x.slot);
        PlaceLive { others: 0, replicas: Replicas::Slots(s) }
    });
    Live { places: places.collect() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn step_invariants_random(seed in seeds()) {
        let (t, w, live) = seed.build();
        match decide(&t, &w, &live, &seed.mode()) {
            Err(refusal) => prop_assert!(matches!(refusal, Refusal::Blocked { .. } | Refusal::Minimums { .. }), "{:?}", refusal),
            Ok(d) => {
                let next = replay(&t, &w, &live, &d);
                for p in 0..d.after.len() {
                    let Replicas::Slots(slots) = &next.places[p].replicas else { unreachable!() };
                    let here = slots.iter().filter(|s| s.exists).count() as u32;
                    let kept = d.after[p] == 0 && !matches!(t.locations[p].health, Health::Healthy) || seed.mode == 1 && p == 0;
                    prop_assert!(kept || here == d.after[p], "{} of {:?}", here, d.after);
                    if t.locations[p].health == Health::Healthy && !(seed.mode == 1 && p == 0) {
                        // What is broken and may not be replaced now is not hoped for.
                        let broken = match &live.places[p].replicas {
                            Replicas::Slots(slots) => slots.iter().filter(|s| s.exists && s.tainted && s.ready != Ready::Yes),
                            Replicas::Count { .. } => unreachable!(),
                        };
                        let stuck = broken.filter(|s| d.changes[p].deferred.contains(&s.slot)).count() as u32;
                        let leaving = t.locations[p].operator == OperatorState::Evacuated;
                        prop_assert!(leaving || d.after_ready[p].lo == d.after[p] - stuck);
                    }
                }
                // What waits for an unknown place goes on when it is known, or when the rest has become safe.
                let held = d.notes.iter().any(|n| matches!(n, Note::HeldByUnknown(_)));
                if d.breaches.is_empty() && !held {
                    let again = decide(&t, &w, &next, &seed.mode()).unwrap();
                    prop_assert!(!again.has_changes(), "fixpoint: {:?} then {:?}", d.steps, again.steps);
                }
            }
        }
    }
}
