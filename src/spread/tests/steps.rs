//! Steps replayed by a second reader that knows the rules of 4.5 and nothing of the engine.

use super::world::*;
use crate::spread::decide::facts_of;
use crate::spread::decision::*;
use crate::spread::model::*;
use crate::spread::world::World;
use crate::spread::{decide, model::Mode};

/// Subsets of `k` out of `n`, by bit masks.
fn subsets(n: usize, k: u32) -> Vec<u32> {
    (0u32..1 << n).filter(|m| m.count_ones() == k.min(n as u32)).collect()
}

/// Survivors of the worst loss of `losses` groups, where a group is a set of places; brute force.
pub fn worst(groups: &[Vec<usize>], losses: u32, state: &[u32]) -> u32 {
    subsets(groups.len(), losses)
        .into_iter()
        .map(|mask| {
            let dead = |p: usize| groups.iter().enumerate().any(|(g, of)| mask >> g & 1 == 1 && of.contains(&p));
            (0..state.len()).filter(|&p| !dead(p)).map(|p| state[p]).sum()
        })
        .min()
        .unwrap()
}

pub struct Replay<'a> {
    pub live: &'a [u32],
    pub n: u32,
    pub surge: u32,
    pub serving: u32,
    /// Groups, losses, floor.
    pub rules: Vec<(Vec<Vec<usize>>, u32, u32)>,
}

impl Replay<'_> {
    /// Walks the steps of a decision over healthy named replicas.
    pub fn check(&self, d: &Decision) {
        self.check_steps(&d.steps, &d.after);
    }

    /// The same over the steps alone.
    pub fn check_steps(&self, steps: &[Step], after: &[u32]) {
        let mut state = self.live.to_vec();
        let at_start: Vec<u32> = self.rules.iter().map(|(g, k, _)| worst(g, *k, &state)).collect();
        let most = self.live.iter().sum::<u32>().max(self.n) + self.surge;
        let floor = self.serving.min(self.live.iter().sum());
        for (i, step) in steps.iter().enumerate() {
            assert_eq!(step.index, i);
            let mut half = state.clone();
            for e in step.removes.iter().chain(&step.updates) {
                half[e.place] -= e.ready;
            }
            assert_eq!(step.half_done, half, "half done of step {i}: {steps:#?}");
            assert!(half.iter().sum::<u32>() >= floor, "serving {half:?} in step {i}");
            for ((groups, k, bound), start) in self.rules.iter().zip(&at_start) {
                assert!(worst(groups, *k, &half) >= *bound.min(start), "step {i} of {steps:?}: {half:?}");
            }
            for e in &step.adds {
                state[e.place] += e.count;
            }
            assert!(state.iter().sum::<u32>() <= most, "surge in step {i}: {state:?}");
            for e in &step.removes {
                state[e.place] -= e.ready;
            }
            assert_eq!(step.state, state, "state after step {i}");
            for (check, (groups, k, bound)) in
                step.checks.iter().filter(|c| matches!(c.rule, CheckOf::Survive(_))).zip(&self.rules)
            {
                assert_eq!(check.value, i64::from(worst(groups, *k, &half)));
                assert_eq!((check.bound, check.slack), (i64::from(*bound), check.value - i64::from(*bound)));
            }
        }
        assert_eq!(state, after);
    }
}

pub fn each_zone(n: usize) -> Vec<Vec<usize>> {
    (0..n).map(|p| vec![p]).collect()
}

/// A workload whose target is exactly `target`, with one zone rule.
fn towards(topology: &Topology, target: &[u32], k: u32, floor: u32, surge: u32) -> Workload {
    let parts = target.iter().enumerate().map(|(i, &t)| (zone_name(i), t)).collect();
    let mut w = workload(topology, target.iter().sum(), vec![level("zone", Ratio::Weights { parts, rest: None })]);
    w.survive = vec![survive(of_level("zone"), k, Bound::Count(floor))];
    w.rollout.surge = Some(Bound::Count(surge));
    w.rollout.batch = Some(Bound::Count(surge));
    w
}

fn vectors(k: usize, most: u32) -> Vec<Vec<u32>> {
    (0..(most + 1).pow(k as u32))
        .map(|code| (0..k).map(|i| code / (most + 1).pow(i as u32) % (most + 1)).collect())
        .collect()
}

#[test]
fn step_k2_counterexample() {
    // N3: the obvious order passes through [2,0,3,1], where losing a and c leaves 1.
    let t = zones(4);
    let w = towards(&t, &[2, 0, 2, 2], 2, 2, 1);
    let d = decide(&t, &w, &live(&[1, 1, 3, 1]), &Mode::normal()).unwrap();
    assert_eq!(d.after, [2, 0, 2, 2]);
    Replay { live: &[1, 1, 3, 1], n: 6, surge: 1, serving: 0, rules: vec![(each_zone(4), 2, 2)] }.check(&d);
    assert_eq!(d.rules[0].worst_during, 2);
    assert!(d.steps.iter().all(|s| s.half_done != [2, 0, 3, 1] && s.state != [2, 0, 3, 1]));
}

#[test]
fn step_shared_building_counterexample() {
    // The same vector, k = 1: a and c share a building.
    let mut t = zones(4);
    t.risks = vec![Risk { name: "dogok".into(), kind: "building".into(), depends_on: vec![], site: Site(50) }];
    t.locations[0].shares = vec![0];
    t.locations[2].shares = vec![0];
    let mut w = towards(&t, &[2, 0, 2, 2], 1, 0, 1);
    w.survive = vec![survive(of_kind("building"), 1, Bound::Count(2))];
    let d = decide(&t, &w, &live(&[1, 1, 3, 1]), &Mode::normal()).unwrap();
    let building = vec![vec![0, 2]];
    Replay { live: &[1, 1, 3, 1], n: 6, surge: 1, serving: 0, rules: vec![(building, 1, 2)] }.check(&d);
    assert_eq!(d.rules[0].worst_during, 2);
}

#[test]
fn exhaustive_steps_two_and_three_zones() {
    // Every live and target vector of 2 x 5 and 3 x 4, k = 1, floor as high as both ends allow, surge 1.
    for (k, most) in [(2, 5), (3, 4)] {
        let t = zones(k);
        for target in vectors(k, most).into_iter().filter(|v| v.iter().sum::<u32>() > 0) {
            for start in vectors(k, most) {
                let groups = each_zone(k);
                let floor = worst(&groups, 1, &target);
                let w = towards(&t, &target, 1, floor, 1);
                let d = decide(&t, &w, &live(&start), &Mode::normal()).unwrap();
                assert_eq!(d.after, target);
                Replay { live: &start, n: w.replicas, surge: 1, serving: 0, rules: vec![(groups, 1, floor)] }.check(&d);
            }
        }
    }
}

/// Every multiset of `k` pairs (live, target) up to `most`: which zone has which pair is only a name.
fn pairs(k: usize, most: u32) -> Vec<Vec<(u32, u32)>> {
    let all: Vec<(u32, u32)> = (0..=most).flat_map(|l| (0..=most).map(move |t| (l, t))).collect();
    let mut found = vec![Vec::new()];
    for _ in 0..k {
        let longer = |v: Vec<(u32, u32)>| {
            let from = v.last().copied().unwrap_or_default();
            all.iter().filter(move |p| **p >= from).map(move |p| [&v[..], &[*p]].concat()).collect::<Vec<_>>()
        };
        found = found.into_iter().flat_map(longer).collect();
    }
    found
}

#[test]
fn exhaustive_steps_four_zones_one_and_two_losses() {
    // Every live and target vector of 4 x 5, of equal and of different sums, up to the order of the zones: k = 1 and k = 2, floors as
    // high as the target allows, surge 1, full serving floor.
    let work: Vec<Vec<(u32, u32)>> =
        pairs(4, 5).into_iter().filter(|v| v.iter().map(|p| p.1).sum::<u32>() > 0).collect();
    // 36 pairs, four of them in any order, less those whose target is nothing.
    assert_eq!(work.len(), 82_251 - 126);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for part in work.chunks(work.len().div_ceil(cores)) {
            scope.spawn(move || part.iter().for_each(|v| (1..=2).for_each(|k| one_change(v, k))));
        }
    });
}

fn one_change(pairs: &[(u32, u32)], k: u32) {
    let t = zones(pairs.len());
    let (start, target): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    let groups = each_zone(pairs.len());
    let floor = worst(&groups, k, &target);
    let mut w = towards(&t, &target, k, floor, 1);
    w.floor_serving = Bound::percent(100);
    let (now, mode) = (live(&start), Mode::normal());
    let facts = facts_of(World::new(&t, &w, &now, &mode).unwrap());
    let facts = facts.unwrap_or_else(|e| panic!("{start:?} {target:?}: {e:?}"));
    assert_eq!(facts.placement.target, target);
    Replay { live: &start, n: w.replicas, surge: 1, serving: w.replicas, rules: vec![(groups, k, floor)] }
        .check_steps(&facts.steps, &target);
}

/// The second opinion of [`unsat_core_minimal`]: whether a world without one line has a target that keeps the rule.
fn keeps(t: &Topology, w: &Workload) -> bool {
    let nothing = live(&vec![0; t.locations.len()]);
    decide(t, w, &nothing, &Mode::normal()).is_ok_and(|d| d.breaches.is_empty())
}

#[test]
fn unsat_core_minimal() {
    // Each line named in a breach is needed for it: without the line the rule holds.
    for (n, percent, full) in (2..12)
        .flat_map(|n| [40, 50, 60, 70].map(|percent| (n, percent)))
        .flat_map(|(n, percent)| [None, Some(0), Some(1), Some(3)].map(|full| (n, percent, full)))
    {
        {
            let mut t = zones(3);
            t.locations[1].capacity = full.map_or(t.locations[1].capacity, cap);
            let roomy = |to: u32| {
                let mut t = t.clone();
                t.locations[1].capacity = cap(to);
                t
            };
            let mut w = workload(&t, n, vec![level("zone", weights(&[("a", 3), ("b", 1), ("c", 1)]))]);
            w.survive = vec![survive(of_level("zone"), 1, Bound::percent(percent))];
            let nothing = live(&[0, 0, 0]);
            let d = decide(&t, &w, &nothing, &Mode::normal()).unwrap();
            for breach in &d.breaches {
                for line in &breach.lines {
                    let mut without = w.clone();
                    if *line == Site(100) {
                        assert!(keeps(&roomy(1_000), &w), "{n} {percent}: room in b");
                        continue;
                    }
                    match line {
                        Site(20) => without.survive.clear(),
                        Site(10) => without.spread.clear(),
                        Site(1) => {
                            let more =
                                (n + 1..=2 * n + 8).find(|&more| keeps(&t, &Workload { replicas: more, ..w.clone() }));
                            without.replicas = more.expect("another N keeps it");
                        }
                        other => panic!("{other:?} is no line of this world"),
                    }
                    assert!(keeps(&t, &without), "{n} {percent}: {line:?} of {:?}", breach.lines);
                }
                for way in &breach.ways_out {
                    let mut other = w.clone();
                    match way {
                        WayOut::RaiseCap { to, .. } => {
                            assert!(keeps(&roomy(*to), &w), "{n} {percent} {full:?}: {way:?}");
                            assert!(!keeps(&roomy(to - 1), &w), "{n} {percent} {full:?}: less than {way:?} is enough");
                            continue;
                        }
                        WayOut::Tolerance { to, .. } => other.spread[0].tolerance = Bound::Count(*to),
                        WayOut::Replicas(more) => other.replicas = *more,
                        WayOut::LowerFloor { units, percent, .. } => {
                            assert!(Bound::Percent(*percent).ceil_of(n) <= *units);
                            other.survive[0].floor = Bound::Percent(*percent);
                        }
                        _ => continue,
                    }
                    assert!(keeps(&t, &other), "{n} {percent}: {way:?}");
                }
            }
        }
    }
}

#[test]
fn duality_of_floors_and_losses() {
    // INV-13: what is certain never says more than what is possible, and knowing less never makes a verdict better.
    use crate::spread::model::Health::*;
    for counts in vectors(3, 3).into_iter().filter(|v| v.iter().sum::<u32>() > 0) {
        let t = zones(3);
        let mut w = workload(&t, counts.iter().sum(), vec![level("zone", Ratio::Even)]);
        w.survive =
            vec![survive(of_level("zone"), 1, Bound::percent(40)), survive(of_level("cloud"), 1, Bound::Count(0))];
        let known = decide(&t, &w, &live(&counts), &Mode::normal()).unwrap();
        for health in [Suspect, Unknown, ControlLost, Down, Probation] {
            let mut dim = t.clone();
            dim.locations[0].health = health;
            let d = decide(&dim, &w, &live(&counts), &Mode::normal()).unwrap();
            for (less, more) in d.rules.iter().zip(&known.rules) {
                assert!(less.before.alive <= less.before.alive_hi, "{health:?} {counts:?}");
                assert!(less.before.alive <= more.before.alive, "{health:?} {counts:?}");
                assert!(less.before.verdict >= more.before.verdict, "{health:?} {counts:?}");
                // FAIL is said only of what is false also if all that may be well is.
                let hoped = less.before.alive_hi < less.before.floor;
                assert_eq!(less.before.at_once == Verdict::Fail, hoped, "{health:?} {counts:?}");
                assert!(less.before.alive >= less.before.floor || less.before.at_once != Verdict::Pass);
            }
            assert!(d.margin.before <= known.margin.before);
        }
    }
}

#[test]
fn failover_of_five_dead_and_five_alive() {
    let t = zones(2);
    let mut w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
    w.rollout.surge = Some(Bound::Count(2));
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    let lost = vec![Event::Domain { level: 1, name: "a".into() }];
    let d = decide(&t, &w, &live(&[5, 5]), &Mode::Failover { lost }).unwrap();
    // All five at once, in one step; nothing removed; the dead keep their replicas.
    assert_eq!(d.after, [0, 10]);
    assert_eq!(d.before, [Interval { lo: 0, hi: 5 }, Interval { lo: 5, hi: 5 }]);
    assert_eq!(d.steps.len(), 1);
    assert_eq!((d.steps[0].adds[0].place, d.steps[0].adds[0].count), (1, 5));
    assert!(d.steps[0].removes.is_empty());
    assert!(d.breaches.is_empty());
    // Then a plan changes nothing until the failback.
    let failed_over = vec![Event::Domain { level: 1, name: "a".into() }];
    let mode = Mode::Normal { failed_over, remove_while_down: false };
    let d = decide(&t, &w, &live(&[5, 10]), &mode).unwrap();
    assert!(!d.has_changes(), "{:?}", d.steps);
    // And back: five alive again there, never below ten.
    let d = decide(&t, &w, &live(&[5, 10]), &Mode::failback()).unwrap();
    assert_eq!(d.after, [5, 5]);
    assert!(d.steps.iter().all(|s| s.half_done.iter().sum::<u32>() >= 10));
    let d = decide(&t, &w, &live(&[0, 10]), &Mode::failback()).unwrap();
    assert_eq!(d.after, [5, 5]);
    assert!(d.steps.iter().all(|s| s.half_done.iter().sum::<u32>() >= 10));
    assert!(d.margin.worst_during >= d.margin.before);
}

#[test]
fn a_zone_down_without_failover_changes_nothing() {
    let mut t = zones(2);
    t.locations[0].health = Health::Down;
    let mut w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    let d = decide(&t, &w, &live(&[5, 5]), &Mode::normal()).unwrap();
    assert!(!d.has_changes());
    assert_eq!(d.after, [5, 5]);
    assert!(d.notes.contains(&Note::Down(0)));
    assert_eq!(d.rules[0].after.verdict, Verdict::Fail);
    assert!(d.breaches.is_empty(), "every location healthy, the rule holds");
    // Nor does a fall of N remove anything now.
    w.replicas = 6;
    let d = decide(&t, &w, &live(&[5, 5]), &Mode::normal()).unwrap();
    assert!(!d.has_changes());
}

#[test]
fn unknown_never_removes() {
    let mut t = zones(3);
    t.locations[0].health = Health::Unknown;
    for target in [3, 6, 12] {
        let mut w = workload(&t, target, vec![level("zone", Ratio::Even)]);
        w.survive = vec![survive(of_level("zone"), 1, Bound::Count(3))];
        w.floor_serving = Bound::percent(100);
        let d = decide(&t, &w, &live(&[4, 3, 2]), &Mode::normal()).unwrap();
        assert_eq!(d.after[0], 4);
        for step in &d.steps {
            assert!(step.adds.iter().chain(&step.removes).all(|e| e.place != 0));
            // Serving without the unknown zone: no remove relies on it.
            assert!(step.half_done.iter().sum::<u32>() >= target.min(5), "{step:?}");
            assert!(step.removes.is_empty() || d.notes.iter().all(|n| !matches!(n, Note::HeldByUnknown(_))));
            assert_eq!(step.half_done[0], 0);
        }
    }
}

#[test]
fn scale_down_four_four_none() {
    // [4,4,0] -> [2,2,2], surge 1.
    let t = zones(3);
    let mut w = workload(&t, 6, vec![level("zone", Ratio::Even)]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::Count(4))];
    w.floor_serving = Bound::percent(100);
    let d = decide(&t, &w, &live(&[4, 4, 0]), &Mode::normal()).unwrap();
    assert_eq!(d.after, [2, 2, 2]);
    Replay { live: &[4, 4, 0], n: 6, surge: 1, serving: 6, rules: vec![(each_zone(3), 1, 4)] }.check(&d);
    assert_eq!((d.changes[0].remove.clone(), d.changes[2].add.clone()), (vec![3, 2], vec![0, 1]));
}

#[test]
fn adoption_touches_nothing() {
    let t = zones(2);
    let mut w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    let d = decide(&t, &w, &live(&[5, 5]), &Mode::normal()).unwrap();
    assert!(!d.has_changes() && d.steps.is_empty());
    assert_eq!(d.changes[0].keep, [0, 1, 2, 3, 4]);
    // Whatever numbers their slots have.
    let mut odd = live(&[5, 5]);
    let Replicas::Slots(slots) = &mut odd.places[0].replicas else { unreachable!() };
    slots.iter_mut().for_each(|s| s.slot = s.slot * 7 + 3);
    assert!(!decide(&t, &w, &odd, &Mode::normal()).unwrap().has_changes());
}

#[test]
fn first_creation_and_growth_go_at_once() {
    let t = zones(2);
    let w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
    let d = decide(&t, &w, &live(&[0, 0]), &Mode::normal()).unwrap();
    assert_eq!(d.steps.len(), 1);
    let d = decide(&t, &w, &live(&[2, 3]), &Mode::normal()).unwrap();
    assert_eq!((d.steps.len(), d.steps[0].adds.len()), (1, 2));
}

#[test]
fn a_missing_replica_is_repaired_in_its_slot() {
    let t = zones(2);
    let mut w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    w.floor_serving = Bound::percent(100);
    let mut now = live(&[5, 5]);
    let Replicas::Slots(slots) = &mut now.places[0].replicas else { unreachable!() };
    slots[2].exists = false;
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    assert_eq!((d.before[0].lo, d.changes[0].add.clone()), (4, vec![2]));
    let survive = d.steps[0].checks.iter().find(|c| c.rule == CheckOf::Survive(0)).unwrap();
    assert_eq!((survive.value, survive.bound, survive.slack, survive.as_before), (4, 5, -1, true));
    assert_eq!(survive.worst_loss, [Event::Domain { level: 1, name: "b".into() }]);
    assert_eq!((d.rules[0].before.verdict, d.rules[0].after.verdict), (Verdict::Fail, Verdict::Pass));
}

#[test]
fn a_changed_image_is_rolled_out_beside_the_old() {
    let t = zones(2);
    let mut w = workload(&t, 4, vec![level("zone", Ratio::Even)]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    w.floor_serving = Bound::percent(100);
    let mut now = live(&[2, 2]);
    for place in &mut now.places {
        let Replicas::Slots(slots) = &mut place.replicas else { unreachable!() };
        slots.iter_mut().for_each(|s| s.current = false);
    }
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    Replay { live: &[2, 2], n: 4, surge: 1, serving: 4, rules: vec![(each_zone(2), 1, 2)] }.check(&d);
    let mut made = Vec::new();
    for step in &d.steps {
        for e in &step.adds {
            made.extend(e.slots.iter().map(|s| (e.place, s.slot)));
        }
        // An old one goes only when its new one is there: the address stays in use.
        for e in &step.removes {
            assert!(e.slots.iter().all(|s| s.role == Role::Replace && made.contains(&(e.place, s.slot))));
        }
    }
    assert_eq!(made.len(), 4);
    assert_eq!(d.changes[0].replace, [0, 1]);
    // Full zones and a full floor: no way, and it says what would help.
    let mut full = t.clone();
    full.locations.iter_mut().for_each(|l| l.capacity = cap(2));
    let refusal = decide(&full, &w, &now, &Mode::normal()).unwrap_err();
    let Refusal::Blocked { by, ways_out, lines, .. } = &refusal else { panic!("{refusal:?}") };
    assert_eq!((by, lines.contains(&Site(2))), (&CheckOf::Serving, true));
    assert!(ways_out.contains(&WayOut::SpareRoom(0)), "{ways_out:?}");
    // Drain first where the floors allow it.
    w.floor_serving = Bound::percent(75);
    w.survive.clear();
    let d = decide(&full, &w, &now, &Mode::normal()).unwrap();
    Replay { live: &[2, 2], n: 4, surge: 0, serving: 3, rules: vec![] }.check(&d);
    assert_eq!(d.steps.len(), 8);
}

#[test]
fn a_resize_in_place_keeps_a_full_floor() {
    let t = zones(2);
    let mut w = workload(&t, 4, vec![level("zone", Ratio::Even)]);
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    let mut now = live(&[2, 2]);
    for place in &mut now.places {
        let Replicas::Slots(slots) = &mut place.replicas else { unreachable!() };
        slots.iter_mut().for_each(|s| s.interrupting_update = true);
    }
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    Replay { live: &[2, 2], n: 4, surge: 1, serving: 4, rules: vec![(each_zone(2), 1, 2)] }.check(&d);
    assert_eq!(d.steps.iter().flat_map(|s| &s.updates).map(|e| e.count).sum::<u32>(), 4);
    w.floor_serving = Bound::percent(75);
    w.survive.clear();
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    assert!(d.steps.iter().all(|s| s.adds.is_empty() && s.removes.is_empty() && s.updates.len() == 1));
}

#[test]
fn weight_zero_is_drained_last() {
    let t = zones(3);
    let mut w = workload(&t, 4, vec![level("zone", weights(&[("a", 1), ("b", 1), ("c", 0)]))]);
    w.floor_serving = Bound::percent(100);
    w.rollout.surge = Some(Bound::Count(4));
    w.rollout.batch = Some(Bound::Count(1));
    let d = decide(&t, &w, &live(&[4, 0, 2]), &Mode::normal()).unwrap();
    assert_eq!(d.after, [2, 2, 0]);
    let drained: Vec<usize> = d.steps.iter().flat_map(|s| &s.removes).map(|e| e.place).collect();
    assert_eq!(drained, [0, 0, 2, 2]);
}

#[test]
fn a_scaler_s_number_is_never_lowered() {
    let t = zones(2);
    let mut w = workload(&t, 0, vec![level("zone", Ratio::Even)]);
    w.scaling = Some(Scaling { min: 4, max: 12, held: None, slack: None, site: Site(9) });
    w.survive = vec![SurviveRule {
        then: vec![Then { floor: Bound::percent(100), within_s: 900 }],
        ..survive(of_level("zone"), 1, Bound::percent(40))
    }];
    w.places.iter_mut().for_each(|p| p.template = Template::PerLocation);
    let count = |n: u32| PlaceLive { others: 0, replicas: Replicas::Count { count: n, ready_lo: n, ready_hi: n } };
    let d = decide(&t, &w, &Live { places: vec![count(6), count(4)] }, &Mode::normal()).unwrap();
    assert_eq!((d.replicas, d.after.clone(), d.has_changes()), (10, vec![6, 4], false));
    assert_eq!(d.bounds[0], PlaceBounds { min: 2, peak: 12 });
    let d = decide(&t, &w, &Live { places: vec![count(1), count(1)] }, &Mode::normal()).unwrap();
    assert_eq!((d.replicas, d.after.clone()), (4, vec![2, 2]));
}

#[test]
fn destroy_removes_all_that_answers() {
    let mut t = zones(3);
    t.locations[2].health = Health::Unknown;
    let mut w = workload(&t, 6, vec![level("zone", Ratio::Even)]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    w.floor_serving = Bound::percent(100);
    let d = decide(&t, &w, &live(&[2, 2, 2]), &Mode::Destroy).unwrap();
    assert_eq!(d.after, [0, 0, 2]);
    assert_eq!(d.steps.len(), 1);
    assert!(d.breaches.is_empty());
}

#[test]
fn rolling_replacement_is_linear() {
    let t = zones(2);
    let mut w = workload(&t, 10_000, vec![level("zone", Ratio::Even)]);
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    w.rollout.surge = Some(Bound::Count(10));
    w.rollout.batch = Some(Bound::Count(10));
    let mut now = live(&[5_000, 5_000]);
    for place in &mut now.places {
        let Replicas::Slots(slots) = &mut place.replicas else { unreachable!() };
        slots.iter_mut().for_each(|s| s.current = false);
    }
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    assert_eq!(d.steps.len(), 2_000);
    assert_eq!(d.rules[0].worst_during, 5_000);
    assert_eq!(d.steps.iter().flat_map(|s| &s.removes).map(|e| e.count).sum::<u32>(), 10_000);
}

#[test]
fn no_way_back_while_the_zone_is_down() {
    // Even where a low floor would let the survivors go.
    for health in [Health::Down, Health::Probation] {
        let mut t = zones(2);
        t.locations[0].health = health;
        let w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
        let d = decide(&t, &w, &live(&[5, 10]), &Mode::failback()).unwrap();
        assert!(!d.has_changes(), "{health:?}: {:?}", d.steps);
    }
}

#[test]
fn what_is_observed_is_judged_and_never_changed() {
    let t = zones(2);
    let mut w = workload(&t, 10, vec![level("zone", Ratio::Even)]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    w.places.iter_mut().for_each(|p| p.template = Template::Observed);
    let mut now = live(&[8, 2]);
    let Replicas::Slots(slots) = &mut now.places[0].replicas else { unreachable!() };
    slots[0].current = false;
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    assert!(d.steps.is_empty() && d.notes.iter().all(|n| !matches!(n, Note::Frozen(_))));
    assert_eq!((d.after.clone(), d.canonical.clone()), (vec![8, 2], vec![5, 5]));
    assert_eq!((d.rules[0].before.verdict, d.rules[0].before.alive), (Verdict::Fail, 2));
}

#[test]
fn no_answer_of_a_provider_costs_unbounded_memory() {
    let t = zones(1);
    let mut w = workload(&t, 1, vec![]);
    w.places[0].template = Template::PerLocation;
    let replicas = Replicas::Count { count: u32::MAX, ready_lo: 0, ready_hi: u32::MAX };
    let now = Live { places: vec![PlaceLive { others: u32::MAX, replicas }] };
    assert!(matches!(decide(&t, &w, &now, &Mode::normal()), Err(Refusal::TooMany { .. })));
    w.replicas = u32::MAX;
    assert!(matches!(decide(&t, &w, &live(&[0]), &Mode::normal()), Err(Refusal::TooMany { .. })));
}

/// What had moved away for good while its place was down goes, once the place is back: it is no margin to be kept for ever.
#[test]
fn the_way_back_is_open_for_what_has_moved_away_meanwhile() {
    let mut t = zones(2);
    t.locations[0].health = Health::Returning;
    let mut w = workload(&t, 2, vec![]);
    w.places[0].declared = false;
    let back = decide(&t, &w, &live(&[2, 2]), &Mode::Failback { lost: vec![] }).unwrap();
    assert_eq!(back.after, [0, 2]);
    // Where the normal placement has the margin, it is kept all the way.
    w.places[0].declared = true;
    w.replicas = 4;
    let home = decide(&t, &w, &live(&[2, 4]), &Mode::Failback { lost: vec![] }).unwrap();
    assert_eq!((home.after.clone(), home.margin.worst_during), (vec![2, 2], home.margin.before));
}
