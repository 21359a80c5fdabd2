//! Thousands of random worlds: what the planner decides is what the second evaluator finds.

use super::world::*;
use crate::audit::audit;
use crate::spread::decision::Refusal;
use crate::spread::model::*;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

#[derive(Clone, Debug)]
struct Spot {
    cloud: usize,
    zone: usize,
    weight: u32,
    cap: Option<u32>,
    health: Health,
    operator: OperatorState,
    frozen: bool,
    shares: u8,
    control: u8,
    reserve: u32,
    assumed: bool,
    declared: bool,
    /// Exists, ready, current, update, tainted.
    slots: Vec<(bool, u8, bool, bool, bool)>,
}

fn spot() -> impl Strategy<Value = Spot> {
    let health = prop_oneof![
        14 => Just(Health::Healthy), 1 => Just(Health::Unknown), 1 => Just(Health::Down), 1 => Just(Health::ControlLost),
        1 => Just(Health::Suspect), 1 => Just(Health::Degraded), 1 => Just(Health::Probation), 1 => Just(Health::Returning),
    ];
    let operator = prop_oneof![10 => Just(OperatorState::Open), 1 => Just(OperatorState::Cordoned), 1 => Just(OperatorState::Evacuated)];
    let slot = (
        prop::bool::weighted(0.9),
        prop_oneof![12 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)],
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.06),
        prop::bool::weighted(0.06),
    );
    let place = (0usize..3, 0usize..3, 0u32..4, prop::option::weighted(0.3, 0u32..7));
    let flags = (
        prop::bool::weighted(0.04),
        prop_oneof![3 => Just(0u8), 1 => 0u8..8],
        prop_oneof![6 => Just(0u8), 1 => 0u8..8],
        0u32..3,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.95),
    );
    (place, health, operator, flags, prop::collection::vec(slot, 0..5)).prop_map(
        |(place, health, operator, flags, slots)| {
            let (cloud, zone, weight, cap) = place;
            let (frozen, shares, control, reserve, assumed, declared) = flags;
            Spot {
                cloud,
                zone,
                weight,
                cap,
                health,
                operator,
                frozen,
                shares,
                control,
                reserve,
                assumed,
                declared,
                slots,
            }
        },
    )
}

#[derive(Clone, Debug)]
struct Seed {
    spots: Vec<Spot>,
    n: u32,
    shape: u8,
    tolerance: u32,
    exact: bool,
    skew: Option<u32>,
    min_domains: Option<u32>,
    max_domains: Option<u32>,
    min: Option<u32>,
    max: Option<u32>,
    serving: u64,
    rules: Vec<(u8, u32, u64, bool)>,
    surge: Option<u32>,
    batch: Option<u32>,
    batch_here: Option<u32>,
    mode: u8,
    chain: u8,
    requires: Option<(u32, Vec<u8>)>,
    entry: Option<(u32, Vec<u8>)>,
    demand: Option<u32>,
    alarm: Option<u32>,
}

fn seeds() -> impl Strategy<Value = Seed> {
    let spread = (
        0u32..13,
        0u8..5,
        0u32..3,
        any::<bool>(),
        prop::option::of(1u32..3),
        prop::option::weighted(0.1, 1u32..4),
        prop::option::weighted(0.1, 1u32..4),
        prop::option::weighted(0.15, 0u32..3),
        prop::option::weighted(0.15, 2u32..6),
    );
    let rules = (
        0u64..101,
        prop::collection::vec((0u8..3, 1u32..4, 0u64..80, any::<bool>()), 0..3),
        prop::option::weighted(0.8, 0u32..4),
        prop::option::weighted(0.8, 1u32..4),
        prop::option::weighted(0.3, 1u32..3),
    );
    let group = || prop::option::weighted(0.25, (1u32..3, prop::collection::vec(0u8..8, 1..4)));
    let ways = (0u8..8, group(), group(), prop::option::weighted(0.2, 0u32..10), prop::option::weighted(0.3, 0u32..3));
    (prop::collection::vec(spot(), 1..6), spread, rules, 0u8..9, ways).prop_map(|(spots, spread, rules, mode, ways)| {
        let (n, shape, tolerance, exact, skew, min_domains, max_domains, min, max) = spread;
        let (serving, rules, surge, batch, batch_here) = rules;
        let (chain, requires, entry, demand, alarm) = ways;
        Seed {
            spots,
            n,
            shape,
            tolerance,
            exact,
            skew,
            min_domains,
            max_domains,
            min,
            max,
            serving,
            rules,
            surge,
            batch,
            batch_here,
            mode,
            chain,
            requires,
            entry,
            demand,
            alarm,
        }
    })
}

fn bits(mask: u8) -> Vec<usize> {
    (0..3).filter(|r| mask >> r & 1 == 1).collect()
}

impl Seed {
    fn topology(&self) -> Topology {
        let locations = self.spots.iter().enumerate().map(|(i, s)| {
            // Zone names are per cloud in one shape, and shared between clouds in another.
            let zone = if self.shape == 3 { letter(s.zone) } else { format!("{}{}", letter(s.cloud), s.zone) };
            let mut l = location(&format!("c{}", s.cloud), &zone, &format!("l{i}"));
            if let Some(n) = s.cap {
                l.capacity = Capacity { limit: Limit::Known { lo: n, hi: n + 1 }, source: CapacitySource::Declared };
            }
            (l.health, l.operator, l.frozen) = (s.health, s.operator, s.frozen);
            (l.shares, l.control, l.reserve) = (bits(s.shares), bits(s.control), s.reserve);
            l.health_source = if s.assumed { HealthSource::Assumed } else { HealthSource::Reported };
            l
        });
        let mut t = topology(locations.collect());
        let depends = |r: usize| if self.chain >> r & 1 == 1 { vec![(r + 1) % 3] } else { vec![] };
        t.risks = (0..3).map(|r| risk(&format!("r{r}"), ["building", "building", "carrier"][r], &depends(r))).collect();
        t
    }

    fn build(&self) -> (Topology, Workload, Live) {
        let t = self.topology();
        let mut w = workload(&t, self.n, self.spread(&t));
        for (place, spot) in w.places.iter_mut().zip(&self.spots) {
            place.declared = spot.declared;
        }
        w.floor_serving = Bound::percent(self.serving);
        (w.rollout.surge, w.rollout.batch) = (self.surge.map(Bound::Count), self.batch.map(Bound::Count));
        w.rollout.batch_per_domain = self.batch_here;
        w.survive = self.rules.iter().map(|r| rule(*r)).collect();
        w.survive.sort_by(|a, b| a.id.cmp(&b.id));
        w.survive.dedup_by(|a, b| a.id == b.id);
        let group = |g: &Option<(u32, Vec<u8>)>| -> Vec<PathGroup> {
            let path = |(i, m): (usize, &u8)| Path { name: letter(i), shares: bits(*m), control: vec![], places: None };
            g.iter()
                .map(|(need, paths)| PathGroup {
                    name: "g".into(),
                    need: (*need).min(paths.len() as u32),
                    ttl: None,
                    paths: paths.iter().enumerate().map(path).collect(),
                    site: Site(30),
                })
                .collect()
        };
        (w.requires, w.entry) = (group(&self.requires), group(&self.entry));
        (w.demand, w.alarm_below) = (self.demand, self.alarm);
        (t, w, self.live())
    }

    fn spread(&self, t: &Topology) -> Vec<SpreadLevel> {
        let names = |level: &str| {
            let mut names: Vec<String> = t.locations.iter().map(|l| l.domains[level].clone()).collect();
            names.sort();
            names.dedup();
            names
        };
        let weights = |level: &str| {
            let weight = |(i, n): (usize, String)| (n, self.spots[i % self.spots.len()].weight);
            Ratio::Weights { parts: names(level).into_iter().enumerate().map(weight).collect(), rest: None }
        };
        let mut zone = level("zone", if self.shape == 0 { Ratio::Even } else { weights("zone") });
        zone.tolerance = Bound::Count(self.tolerance);
        zone.moving = if self.exact { Moving::Exact } else { Moving::Lazy };
        zone.max_skew = self.skew;
        (zone.min_domains, zone.max_domains) = (self.min_domains, self.max_domains);
        zone.min = self.min.map(|n| ("*".to_string(), n)).into_iter().collect();
        zone.max = self.max.map(|n| ("*".to_string(), n)).into_iter().collect();
        let cloud = level("cloud", if self.exact { Ratio::Even } else { weights("cloud") });
        match self.shape {
            0 | 1 => vec![zone],
            2 | 3 => vec![cloud, zone],
            _ => vec![cloud],
        }
    }

    fn live(&self) -> Live {
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
        Live { places: places.collect() }
    }

    fn mode(&self) -> Mode {
        let zone = || Event::Domain { level: 0, name: "c0".into() };
        match self.mode {
            0 => Mode::Repair,
            1 => Mode::Failover { lost: vec![zone()] },
            2 => Mode::Failover { lost: vec![Event::Risk(0)] },
            3 => Mode::Normal { failed_over: vec![zone()], remove_while_down: false },
            4 => Mode::Normal { failed_over: vec![], remove_while_down: true },
            5 => Mode::failback(),
            6 => Mode::Destroy,
            _ => Mode::normal(),
        }
    }
}

fn rule((of, losses, percent, then): (u8, u32, u64, bool)) -> SurviveRule {
    let of = match of {
        0 => LossOf::Level("zone".into()),
        1 => LossOf::Level("cloud".into()),
        _ => LossOf::Kind("building".into()),
    };
    let mut rule = survive(of, losses, Bound::percent(percent));
    if then {
        rule.then = vec![Then { floor: Bound::percent(percent + 20), within_s: 900 }];
        rule.growth = Growth::Reserved;
    }
    rule
}

/// What the audit says of the plan for a seed; `None` when the planner refuses.
fn findings(seed: &Seed) -> Option<Vec<String>> {
    let (t, w, live) = seed.build();
    match plan(&t, &w, &live, &seed.mode()) {
        Ok(plan) => Some(audit(&plan).iter().map(ToString::to_string).collect()),
        Err(Refusal::Malformed(what)) => panic!("malformed: {what}"),
        Err(_) => None,
    }
}

#[test]
fn verify_independent() {
    let config = ProptestConfig { cases: 8_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let (judged, all) = (std::cell::Cell::new(0u32), std::cell::Cell::new(0u32));
    let run = runner.run(&seeds(), |seed| {
        all.set(all.get() + 1);
        let Some(found) = findings(&seed) else { return Ok(()) };
        judged.set(judged.get() + 1);
        prop_assert!(found.is_empty(), "{found:#?}");
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
    let (judged, all) = (judged.get(), all.get());
    assert!(judged * 100 > all * 70, "{judged} of {all} seeds make a plan");
}
