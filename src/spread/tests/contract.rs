//! The contract's own test list (`spread.md` 4.10) as far as it needs more than one module, under the names it has there.

use proptest::prelude::*;

use super::steps::{Replay, each_zone, worst};
use super::world::*;
use crate::spread::decide;
use crate::spread::decision::*;
use crate::spread::model::*;
use crate::spread::place::place;
use crate::spread::tree::{Ask, Standing};

fn even(t: &Topology, n: u32) -> Workload {
    workload(t, n, vec![level("zone", Ratio::Even)])
}

fn target(t: &Topology, w: &Workload, existing: &[u32], use_live: bool) -> Vec<u32> {
    let standing = vec![Standing::Open; existing.len()];
    let room = vec![None; existing.len()];
    place(&Ask {
        topology: t,
        workload: w,
        replicas: w.replicas,
        existing,
        standing: &standing,
        room: &room,
        adds_only: false,
        failover: false,
        use_live,
        lenient: false,
    })
    .unwrap()
    .target
}

#[test]
fn tie_incumbent() {
    // 11 at 50:50: the odd one stays where it lives, and without regard to what lives it is the spec's alone to say.
    let t = zones(2);
    let w = even(&t, 11);
    assert_eq!(target(&t, &w, &[5, 6], true), [5, 6]);
    assert_eq!(target(&t, &w, &[6, 5], true), [6, 5]);
    assert_eq!(target(&t, &w, &[5, 6], false), target(&t, &w, &[6, 5], false));
    // Growth to it starts from what stands as well: nobody is moved.
    assert_eq!(target(&t, &w, &[6, 0], true), [6, 5]);
    assert_eq!(target(&t, &w, &[0, 6], true), [5, 6]);
}

#[test]
fn tie_hash_balance() {
    // 1000 workloads of 11 at 50:50: each side gets about half of the odd ones.
    let t = zones(2);
    let more = |i: usize| {
        let w = Workload { name: format!("w{i}"), ..even(&t, 11) };
        target(&t, &w, &[0, 0], true)[0] == 6
    };
    let left = (0..1000).filter(|i| more(*i)).count();
    assert!((450..=550).contains(&left), "{left}");
}

/// Every Webster vector, unit by unit, with caps.
fn websters(n: u32, weights: &[u32], caps: &[u32]) -> Vec<Vec<u32>> {
    let mut states = vec![vec![0; weights.len()]];
    for _ in 0..n {
        let mut next = Vec::new();
        for s in &states {
            let open: Vec<usize> = (0..s.len()).filter(|&i| weights[i] > 0 && s[i] < caps[i]).collect();
            for &i in &open {
                if open.iter().all(|&j| weights[i] * (2 * s[j] + 1) >= weights[j] * (2 * s[i] + 1)) {
                    let mut more: Vec<u32> = s.clone();
                    more[i] += 1;
                    next.push(more);
                }
            }
        }
        next.sort();
        next.dedup();
        if next.is_empty() {
            return states;
        }
        states = next;
    }
    states
}

/// All vectors inside a box with a sum.
fn inside(range: &[(u32, u32)], n: u32) -> Vec<Vec<u32>> {
    let Some(((lo, hi), rest)) = range.split_first() else {
        return if n == 0 { vec![vec![]] } else { vec![] };
    };
    let with = |x: u32| inside(rest, n - x).into_iter().map(move |v| [&[x][..], &v].concat());
    (*lo..=(*hi).min(n)).flat_map(with).collect()
}

fn removals(live: &[u32], target: &[u32]) -> u32 {
    live.iter().zip(target).map(|(l, t)| l.saturating_sub(*t)).sum()
}

#[test]
fn tolerance_box_lazy() {
    // What lies inside the box is left alone when moving is lazy, and brought to the apportionment when it is exact.
    let t = zones(3);
    for n in 3..10 {
        for tolerance in 1..3 {
            let mut spread = level("zone", Ratio::Even);
            spread.tolerance = Bound::Count(tolerance);
            let lazy = workload(&t, n, vec![spread.clone()]);
            spread.moving = Moving::Exact;
            let exact = workload(&t, n, vec![spread]);
            let share = ((n / 3).saturating_sub(tolerance), n.div_ceil(3) + tolerance);
            for live in inside(&[(0, n); 3], n) {
                let stays = live.iter().all(|x| (share.0..=share.1).contains(x));
                assert_eq!(target(&t, &lazy, &live, true) == live, stays, "{live:?} of {n}, tolerance {tolerance}");
                let websters = websters(n, &[1, 1, 1], &[99; 3]);
                assert!(websters.contains(&target(&t, &exact, &live, true)), "{live:?} of {n}");
            }
        }
    }
}

/// Seven over four zones of three clouds is a tie: one zone gets one. Losing any two clouds leaves two only where that is a zone of the
/// cloud with two of them, whatever the tie-break would say.
#[test]
fn a_tie_goes_to_what_the_rules_need() {
    let t = topology(vec![location("x", "a"), location("y", "b"), location("z", "c"), location("z", "d")]);
    let mut seen = std::collections::BTreeSet::new();
    for name in 0..24 {
        for moving in [Moving::Lazy, Moving::Exact] {
            for standing in [[0, 0, 0, 0], [2, 1, 2, 2], [1, 2, 2, 2], [2, 2, 2, 1], [7, 0, 0, 0]] {
                let mut w = workload(&t, 7, vec![SpreadLevel { moving, ..level("zone", Ratio::Even) }]);
                w.name = format!("w{name}");
                w.survive = vec![survive(of_level("cloud"), 2, Bound::Count(2))];
                w.rollout.surge = Some(Bound::Count(7));
                let d = decide(&t, &w, &live(&standing), &Mode::normal()).unwrap();
                assert!(
                    d.after == [2, 2, 1, 2] || d.after == [2, 2, 2, 1],
                    "{name} {moving:?} {standing:?}: {:?}",
                    d.after
                );
                assert!(d.breaches.is_empty());
                seen.insert(d.after.clone());
                let again = decide(&t, &w, &live(&d.after), &Mode::normal()).unwrap();
                assert!(!again.has_changes(), "{name} {moving:?}: {:?} then {:?}", d.after, again.after);
            }
        }
    }
    assert_eq!(seen.len(), 2, "between those two the tie-break decides as before");
}

#[test]
fn tolerance_is_used_where_a_rule_needs_it() {
    // 70:30 with room for two: only 5 and 5 leaves 5 whichever falls. Nothing moves once it stands so, or without the rule.
    let t = zones(2);
    let mut spread = level("zone", weights(&[("a", 70), ("b", 30)]));
    spread.tolerance = Bound::Count(2);
    let mut w = workload(&t, 10, vec![spread]);
    assert_eq!(decide(&t, &w, &live(&[0, 0]), &Mode::normal()).unwrap().after, [7, 3]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::percent(50))];
    for start in [[0, 0], [7, 3], [6, 4], [3, 7]] {
        let d = decide(&t, &w, &live(&start), &Mode::normal()).unwrap();
        assert_eq!((d.after.clone(), d.breaches.len()), (vec![5, 5], 0), "{start:?}");
        assert!(!decide(&t, &w, &live(&d.after), &Mode::normal()).unwrap().has_changes());
    }
    // One less tolerance, and the rule is refused.
    w.spread[0].tolerance = Bound::Count(1);
    let d = decide(&t, &w, &live(&[7, 3]), &Mode::normal()).unwrap();
    assert_eq!(d.breaches.len(), 1);
    assert!(d.breaches[0].ways_out.contains(&WayOut::Tolerance { site: Site(10), to: 2 }), "{:?}", d.breaches);
}

#[test]
fn tolerance_keeps_rules_in_large_worlds_too() {
    // Too many placements to go through: every domain is kept below what the rule leaves it.
    let t = zones(20);
    let parts = (0..20).map(|i| (zone_name(i), if i < 2 { 3 } else { 2 })).collect();
    let mut spread = level("zone", Ratio::Weights { parts, rest: None });
    spread.tolerance = Bound::Count(30);
    let mut w = workload(&t, 420, vec![spread]);
    w.survive = vec![survive(of_level("zone"), 1, Bound::Count(395))];
    let d = decide(&t, &w, &live(&[0; 20]), &Mode::normal()).unwrap();
    assert_eq!((d.after.iter().max(), d.after.iter().sum::<u32>(), d.breaches.len()), (Some(&25), 420, 0));
}

#[test]
fn fixpoint() {
    // From whatever stands, one round, and then nothing more.
    let t = zones(3);
    for n in 0..8 {
        for (tolerance, skew) in [(0, None), (1, None), (2, Some(1))] {
            let mut spread = level("zone", weights(&[("a", 2), ("b", 1), ("c", 1)]));
            (spread.tolerance, spread.max_skew) = (Bound::Count(tolerance), skew);
            let mut w = workload(&t, n, vec![spread]);
            (w.max_order, w.survive) = (1, vec![survive(of_level("zone"), 1, Bound::percent(30))]);
            for code in 0..125 {
                let start = [code % 5, code / 5 % 5, code / 25];
                let d = decide(&t, &w, &live(&start), &Mode::normal()).unwrap();
                let again = decide(&t, &w, &live(&d.after), &Mode::normal()).unwrap();
                assert!(!again.has_changes(), "{n} from {start:?}: {:?} then {:?}", d.after, again.after);
            }
        }
    }
}

#[test]
fn drain_first_only_below_floor() {
    // Both zones are full and every replica wants a new image: no new one fits beside the old one.
    for n in [4, 6, 8] {
        let mut t = zones(2);
        t.locations.iter_mut().for_each(|l| l.capacity = cap(n / 2));
        let mut w = even(&t, n);
        (w.rollout.surge, w.rollout.batch) = (Some(Bound::Count(3)), Some(Bound::Count(3)));
        let mut now = live(&[n / 2, n / 2]);
        for place in &mut now.places {
            let Replicas::Slots(slots) = &mut place.replicas else { unreachable!() };
            slots.iter_mut().for_each(|s| s.current = false);
        }
        w.floor_serving = Bound::percent(100);
        let refusal = decide(&t, &w, &now, &Mode::normal()).unwrap_err();
        let Refusal::Blocked { by: CheckOf::Serving, ways_out, .. } = refusal else { panic!("{refusal:?}") };
        assert!(ways_out.iter().any(|w| matches!(w, WayOut::SpareRoom(_))), "{ways_out:?}");
        assert!(ways_out.iter().any(|w| matches!(w, WayOut::LowerFloor { .. })), "{ways_out:?}");
        for floor in [n - 1, n - 2] {
            w.floor_serving = Bound::Count(floor);
            let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
            assert!(d.steps.iter().all(|s| s.half_done.iter().sum::<u32>() >= floor));
            let gone = d.steps.iter().flat_map(|s| &s.removes).map(|e| e.count);
            assert!(gone.clone().all(|count| count <= n - floor));
            assert_eq!(gone.sum::<u32>(), n);
        }
        // With room beside the old ones nothing is drained first, however low the floor.
        t.locations.iter_mut().for_each(|l| l.capacity = cap(n));
        let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
        assert!(d.steps.iter().all(|s| s.half_done.iter().sum::<u32>() >= n));
    }
}

#[test]
fn control_lost_keeps_traffic() {
    // The API of a is lost and its replicas answer: they count, nothing there is touched, and nothing may grow there.
    let mut t = zones(2);
    t.locations[0].health = Health::ControlLost;
    let mut w = even(&t, 10);
    w.survive = vec![SurviveRule {
        then: vec![Then { floor: Bound::percent(100), within_s: 900 }],
        ..survive(of_level("zone"), 1, Bound::percent(50))
    }];
    let d = decide(&t, &w, &live(&[5, 5]), &Mode::normal()).unwrap();
    assert_eq!((d.before[0], d.has_changes()), (Interval { lo: 5, hi: 5 }, false));
    assert_eq!((d.rules[0].before.alive, d.rules[0].before.at_once), (5, Verdict::Pass));
    let grown = |zone: &str| {
        let lost = Event::Domain { level: 1, name: zone.into() };
        d.losses.iter().find(|r| r.lose == [lost.clone()]).map(|r| (r.recovers_to, r.growth.clone())).unwrap()
    };
    assert_eq!(grown("b"), (5, vec![]));
    assert_eq!(grown("a"), (10, vec![(1, 5)]));
    // One that does not answer any more is not confirmed, and is not removed either.
    let mut now = live(&[5, 5]);
    let Replicas::Slots(slots) = &mut now.places[0].replicas else { unreachable!() };
    slots[4].ready = Ready::Unknown;
    let d = decide(&t, &w, &now, &Mode::normal()).unwrap();
    assert_eq!((d.before[0], d.after[0]), (Interval { lo: 4, hi: 5 }, 5));
    w.replicas = 4;
    let d = decide(&t, &w, &live(&[5, 5]), &Mode::normal()).unwrap();
    assert!(d.steps.iter().all(|s| s.adds.iter().chain(&s.removes).all(|e| e.place != 0)));
}

#[test]
fn zero_weight_standby() {
    // c has weight 0: nothing in peace; in a failover only when the others cannot hold it all, and only where that is allowed.
    let mut t = zones(3);
    t.locations[1].capacity = cap(6);
    let mut w = workload(&t, 8, vec![level("zone", weights(&[("a", 1), ("b", 1), ("c", 0)]))]);
    assert_eq!(decide(&t, &w, &live(&[0, 0, 0]), &Mode::normal()).unwrap().after, [4, 4, 0]);
    let lost = || Mode::Failover { lost: vec![Event::Domain { level: 1, name: "a".into() }] };
    assert_eq!(decide(&t, &w, &live(&[4, 4, 0]), &lost()).unwrap().after, [0, 6, 0]);
    w.spread[0].standby = vec!["c".into()];
    // Once it is needed it is one like any other: four each, and b is not filled to its brim.
    assert_eq!(decide(&t, &w, &live(&[4, 4, 0]), &lost()).unwrap().after, [0, 4, 4]);
    assert_eq!(decide(&t, &w, &live(&[4, 4, 0]), &Mode::normal()).unwrap().after, [4, 4, 0]);
}

#[test]
fn what_left_the_spec_is_emptied_whatever_its_domains_were() {
    // The location of the last place is gone from the spec, its zone with it; a ratio over zones divides the others.
    let mut t = zones(3);
    t.locations[2].domains.clear();
    t.locations[2].operator = OperatorState::Evacuated;
    let mut w = workload(&t, 4, vec![level("zone", weights(&[("a", 1), ("b", 1)]))]);
    w.places[2].declared = false;
    w.floor_serving = Bound::percent(100);
    let d = decide(&t, &w, &live(&[1, 1, 2]), &Mode::normal()).unwrap();
    assert_eq!(d.after, [2, 2, 0]);
    assert_eq!(d.spread[0].domains.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(decide(&t, &w, &live(&[1, 1, 2]), &Mode::Destroy).unwrap().after, [0, 0, 0]);
}

#[test]
fn carrier_2_of_3() {
    // Three lines in: how many may fall is what `need` leaves.
    let mut t = zones(2);
    for (i, l) in t.locations.iter_mut().enumerate() {
        l.domains.insert("cloud".into(), format!("c{i}"));
    }
    let line = |i: usize| Risk { name: format!("line{i}"), kind: "carrier".into(), depends_on: vec![], site: Site(50) };
    t.risks = (0..3).map(line).collect();
    let path = |i: usize| Path { name: format!("p{i}"), shares: vec![i], control: vec![], places: None };
    let mut w = even(&t, 10);
    w.alarm_below = Some(2);
    let asked = |w: &Workload, lines: usize, need: u32| {
        let paths = (0..lines).map(path).collect();
        let entry = vec![PathGroup { name: "line".into(), need, ttl: None, paths, site: Site(60) }];
        let w = Workload { entry, survive: vec![survive(of_kind("carrier"), 1, Bound::Count(0))], ..w.clone() };
        let d = decide(&t, &w, &live(&[5, 5]), &Mode::normal()).unwrap();
        let of_lines = d.cut_sets.after.sets.iter().filter(|s| s.iter().all(|e| matches!(e, Event::Risk(_))));
        let order = of_lines.map(Vec::len).min();
        (order, d.margin.after, d.margin.alarm_after)
    };
    assert_eq!(asked(&w, 3, 1), (Some(3), 2, false));
    // One line lost: nobody notices, and the alarm is on.
    assert_eq!(asked(&w, 2, 1), (Some(2), 1, true));
    assert_eq!(asked(&w, 3, 2), (Some(2), 1, true));
    assert_eq!(asked(&w, 3, 3), (Some(1), 0, true));
}

#[test]
fn elastic_needs_live_api() {
    // Two zones of one operator: what the operator's API is needed for counts nothing when the operator is what is lost.
    let mut t = zones(2);
    let operator = |name: &str| Risk { name: name.into(), kind: "operator".into(), depends_on: vec![], site: Site(50) };
    t.risks = vec![operator("aws"), operator("ncp")];
    t.locations.iter_mut().for_each(|l| (l.capacity, l.reserve) = (cap(10), 10));
    let mut w = even(&t, 10);
    let rule = SurviveRule {
        growth: Growth::Reserved,
        then: vec![Then { floor: Bound::percent(100), within_s: 900 }],
        ..survive(of_level("zone"), 1, Bound::percent(50))
    };
    w.survive = vec![rule.clone()];
    let recovers = |t: &Topology, w: &Workload, lost: Event| {
        let d = decide(t, w, &live(&[5, 5]), &Mode::normal()).unwrap();
        let row = d.losses.iter().find(|r| r.lose.contains(&lost) || r.aliases[0].contains(&lost)).cloned().unwrap();
        (row.after, row.recovers_to, d.rules[0].after.verdict)
    };
    let zone = || Event::Domain { level: 1, name: "a".into() };
    assert_eq!(recovers(&t, &w, zone()), (5, 10, Verdict::Pass));
    // The API runs in zone a and changes both: static 5, elastic nothing.
    (t.locations[0].shares, t.locations[1].shares) = (vec![0], vec![1]);
    t.locations[1].control = vec![0];
    w.survive = vec![SurviveRule { of: of_kind("operator"), ..rule.clone() }];
    assert_eq!(recovers(&t, &w, Event::Risk(0)), (5, 5, Verdict::Fail));
    // An API that stands outside of what is lost is no hindrance.
    t.locations[1].control = vec![];
    assert_eq!(recovers(&t, &w, Event::Risk(0)), (5, 10, Verdict::Pass));
}

#[test]
fn kakao2022() {
    // Active and standby stand apart, and what the standby is changed with stands in the burned building.
    let mut t = topology(vec![location("kakao", "pangyo"), location("other", "anyang")]);
    let risk = |name: &str, depends_on: Vec<usize>| Risk {
        name: name.into(),
        kind: if depends_on.is_empty() { "building".into() } else { "operator".into() },
        depends_on,
        site: Site(50),
    };
    t.risks = vec![risk("pangyo_building", vec![]), risk("switch_over_tools", vec![0])];
    t.locations[0].shares = vec![0];
    t.locations[1].control = vec![1];
    let mut w = workload(&t, 10, vec![level("cloud", weights(&[("kakao", 100), ("other", 0)]))]);
    w.spread[0].standby = vec!["other".into()];
    w.survive = vec![SurviveRule {
        then: vec![Then { floor: Bound::percent(100), within_s: 900 }],
        ..survive(of_kind("building"), 1, Bound::Count(0))
    }];
    let d = decide(&t, &w, &live(&[10, 0]), &Mode::normal()).unwrap();
    let row = |d: &Decision| {
        d.losses.iter().find(|r| r.aliases[0].contains(&Event::Risk(0)) || r.lose == [Event::Risk(0)]).cloned()
    };
    let lost = row(&d).unwrap();
    assert_eq!((lost.after, lost.recovers_to, lost.unmet), (0, 0, 10));
    assert_eq!((d.rules[0].after.verdict, d.rules[0].after.at_once), (Verdict::Fail, Verdict::Pass));
    assert!(d.rules[0].after.because.contains(&Because::GrowthTooSmall), "{:?}", d.rules[0].after.because);
    // With tools of its own it comes back.
    t.locations[1].control = vec![];
    let d = decide(&t, &w, &live(&[10, 0]), &Mode::normal()).unwrap();
    assert_eq!(row(&d).map(|r| (r.after, r.recovers_to, r.growth)), Some((0, 10, vec![(1, 10)])));
}

/// Ends that both survive any two losses; the sums are the same.
fn safe_ends() -> impl Strategy<Value = (Vec<u32>, Vec<u32>, u32)> {
    (4usize..7).prop_flat_map(|k| {
        let vector = || prop::collection::vec(0u32..4, k);
        (vector(), vector()).prop_map(|(start, mut end)| {
            // The end is brought to the sum of the start.
            let sum = |v: &[u32]| v.iter().sum::<u32>();
            let mut at = 0;
            while sum(&end) != sum(&start) {
                if sum(&end) < sum(&start) {
                    end[at] += 1
                } else {
                    end[at] = end[at].saturating_sub(1)
                }
                at = (at + 1) % end.len();
            }
            let groups = each_zone(start.len());
            let floor = worst(&groups, 2, &start).min(worst(&groups, 2, &end));
            (start, end, floor)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn greedy_never_stuck_regress((start, end, floor) in safe_ends()) {
        prop_assume!(end.iter().sum::<u32>() > 0);
        let t = zones(start.len());
        let parts = end.iter().enumerate().map(|(i, &n)| (zone_name(i), n)).collect();
        let mut w = workload(&t, end.iter().sum(), vec![level("zone", Ratio::Weights { parts, rest: None })]);
        (w.survive, w.max_order) = (vec![survive(of_level("zone"), 2, Bound::Count(floor))], 1);
        w.floor_serving = Bound::percent(100);
        let d = decide(&t, &w, &live(&start), &Mode::normal());
        prop_assert!(d.is_ok(), "{:?} to {:?}: {:?}", start, end, d.err());
        let d = d.unwrap();
        prop_assert_eq!(&d.after, &end);
        let rules = vec![(each_zone(start.len()), 2, floor)];
        Replay { live: &start, n: w.replicas, surge: 1, serving: w.replicas, rules }.check(&d);
    }

    #[test]
    fn hierarchy_upper_exact(
        clouds in prop::collection::vec((1u32..5, prop::collection::vec((1u32..4, prop::option::weighted(0.3, 0u32..5), 0u32..5), 1..4)), 1..4),
        n in 0u32..16,
        inner in 0u32..3,
    ) {
        // However the zones below divide, each cloud gets what the clouds' own ratio gives it under the room below it.
        let (mut locations, mut live, mut zone_parts, mut room) = (vec![], vec![], vec![], vec![]);
        for (c, (_, zones)) in clouds.iter().enumerate() {
            for (z, &(weight, cap_at, here)) in zones.iter().enumerate() {
                let name = format!("c{c}z{z}");
                locations.push(location(&format!("c{c}"), &name));
                zone_parts.push((name, weight));
                live.push(here);
                room.push(cap_at);
            }
        }
        let t = topology(locations);
        let cloud_parts = clouds.iter().enumerate().map(|(c, cloud)| (format!("c{c}"), cloud.0)).collect();
        let outer = level("cloud", Ratio::Weights { parts: cloud_parts, rest: None });
        let mut below = level("zone", Ratio::Weights { parts: zone_parts, rest: None });
        below.tolerance = Bound::Count(inner);
        let w = workload(&t, n, vec![outer, below]);
        let standing = vec![Standing::Open; live.len()];
        let got = place(&Ask {
            topology: &t, workload: &w, replicas: n, existing: &live, standing: &standing, room: &room,
            adds_only: false, failover: false, use_live: true, lenient: false,
        }).unwrap().target;
        let mut at = 0;
        let (mut sums, mut caps) = (vec![], vec![]);
        for (_, zones) in &clouds {
            let mine = at..at + zones.len();
            at += zones.len();
            sums.push(got[mine.clone()].iter().sum::<u32>());
            caps.push(room[mine].iter().map(|r| r.unwrap_or(99)).sum::<u32>());
        }
        let ratio: Vec<u32> = clouds.iter().map(|c| c.0).collect();
        prop_assert!(websters(n, &ratio, &caps).contains(&sums), "{:?}", sums);
    }

    #[test]
    fn min_move_bruteforce(
        (ratio, live) in (1usize..7).prop_flat_map(|k| (prop::collection::vec(1u32..6, k), prop::collection::vec(0u32..8, k))),
        n in 0u32..31,
        tolerance in 0u32..3,
    ) {
        let t = zones(ratio.len());
        let parts = ratio.iter().enumerate().map(|(i, &w)| (zone_name(i), w)).collect();
        let mut spread = level("zone", Ratio::Weights { parts, rest: None });
        spread.tolerance = Bound::Count(tolerance);
        let w = workload(&t, n, vec![spread]);
        let got = target(&t, &w, &live, true);
        let exact = websters(n, &ratio, &vec![99; ratio.len()]);
        let total: u32 = ratio.iter().sum();
        let range: Vec<(u32, u32)> = (0..ratio.len())
            .map(|i| {
                let (least, most) = (exact.iter().map(|e| e[i]).min().unwrap(), exact.iter().map(|e| e[i]).max().unwrap());
                ((n * ratio[i] / total).saturating_sub(tolerance).min(least), ((n * ratio[i]).div_ceil(total) + tolerance).max(most))
            })
            .collect();
        let all = if tolerance == 0 { exact } else { inside(&range, n) };
        prop_assert!(all.contains(&got), "{:?} is not admissible", got);
        let least = all.iter().map(|v| removals(&live, v)).min().unwrap();
        prop_assert_eq!(removals(&live, &got), least, "{:?}", got);
    }
}
