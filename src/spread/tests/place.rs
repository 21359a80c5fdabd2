//! Placement against brute force over every vector.

use proptest::prelude::*;

use super::world::*;
use crate::spread::model::*;
use crate::spread::place::place;
use crate::spread::tree::{Ask, Standing};

fn ask<'a>(
    t: &'a Topology,
    w: &'a Workload,
    existing: &'a [u32],
    standing: &'a [Standing],
    room: &'a [Option<u32>],
) -> Ask<'a> {
    let replicas = w.replicas;
    Ask {
        topology: t,
        workload: w,
        replicas,
        existing,
        standing,
        room,
        adds_only: false,
        failover: false,
        use_live: true,
        lenient: false,
    }
}

fn target(t: &Topology, w: &Workload, existing: &[u32]) -> Vec<u32> {
    let standing = vec![Standing::Open; existing.len()];
    let room = vec![None; existing.len()];
    place(&ask(t, w, existing, &standing, &room)).unwrap().target
}

/// Every Webster vector, unit by unit, with floors and caps.
fn websters(n: u32, weights: &[u32], floors: &[u32], caps: &[u32]) -> Vec<Vec<u32>> {
    let mut states = vec![floors.to_vec()];
    for _ in floors.iter().sum::<u32>()..n {
        let mut next = Vec::new();
        for s in states {
            let open: Vec<usize> = (0..s.len()).filter(|&i| weights[i] > 0 && s[i] < caps[i]).collect();
            for &i in &open {
                if open.iter().all(|&j| weights[i] * (2 * s[j] + 1) >= weights[j] * (2 * s[i] + 1)) {
                    let mut t = s.clone();
                    t[i] += 1;
                    next.push(t);
                }
            }
        }
        next.sort();
        next.dedup();
        states = next;
    }
    states
}

/// All vectors of `k` numbers with the sum `n`.
fn vectors(k: usize, n: u32) -> Vec<Vec<u32>> {
    if k == 0 {
        return if n == 0 { vec![vec![]] } else { vec![] };
    }
    (0..=n)
        .flat_map(|first| {
            vectors(k - 1, n - first).into_iter().map(move |mut rest| {
                rest.insert(0, first);
                rest
            })
        })
        .collect()
}

fn removals(live: &[u32], target: &[u32]) -> u32 {
    live.iter().zip(target).map(|(l, t)| l.saturating_sub(*t)).sum()
}

/// Admissible at one level by 4.1 and 4.2.
fn admissible(v: &[u32], weights: &[u32], floors: &[u32], caps: &[u32], t: u32) -> bool {
    let n: u32 = v.iter().sum();
    let exact = websters(n, weights, floors, caps);
    if exact.contains(&v.to_vec()) {
        return true;
    }
    let total: u32 = weights.iter().sum();
    t > 0
        && (0..v.len()).all(|i| {
            let lo = (n * weights[i] / total).saturating_sub(t);
            // A domain of weight 0 never gets a unit, whatever the tolerance (4.3).
            let hi = if weights[i] == 0 { 0 } else { (n * weights[i]).div_ceil(total) + t };
            let widest = exact.iter().map(|e| e[i]).max().unwrap();
            let least = exact.iter().map(|e| e[i]).min().unwrap();
            v[i] >= lo.min(least).max(floors[i]) && v[i] <= hi.max(widest).min(caps[i])
        })
}

#[test]
fn exhaustive_movement_even_and_weighted() {
    // All live vectors of up to 4 domains x 5 replicas, every N up to 12, three ratios, tolerance 0 and 1.
    for (k, ws) in [
        (2, vec![vec![1, 1], vec![7, 3]]),
        (3, vec![vec![1, 1, 1], vec![3, 8, 1], vec![2, 1, 0]]),
        (4, vec![vec![1, 1, 1, 1], vec![4, 3, 2, 1]]),
    ] {
        let topology = zones(k);
        for ws in &ws {
            let parts: Vec<(String, u32)> = ws.iter().enumerate().map(|(i, &w)| (zone_name(i), w)).collect();
            for t in 0..2 {
                let mut spread = level("zone", Ratio::Weights { parts: parts.clone(), rest: None });
                spread.tolerance = Bound::Count(t);
                for n in (if k == 4 { 3 } else { 0 })..=(if k == 4 { 8 } else { 12 }) {
                    let w = workload(&topology, n, vec![spread.clone()]);
                    let all: Vec<Vec<u32>> =
                        vectors(k, n).into_iter().filter(|v| admissible(v, ws, &vec![0; k], &vec![99; k], t)).collect();
                    for code in 0..6u32.pow(k as u32) {
                        let live: Vec<u32> = (0..k).map(|i| code / 6u32.pow(i as u32) % 6).collect();
                        let got = target(&topology, &w, &live);
                        assert!(all.contains(&got), "{ws:?} N={n} t={t} live {live:?}: {got:?} is not admissible");
                        let least = all.iter().map(|v| removals(&live, v)).min().unwrap();
                        assert_eq!(removals(&live, &got), least, "{ws:?} N={n} t={t} live {live:?}: {got:?}");
                        if live.iter().sum::<u32>() == n && all.contains(&live) {
                            assert_eq!(got, live, "what is admissible stays");
                        }
                        assert_eq!(target(&topology, &w, &got), got, "a fixpoint");
                    }
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Nested {
    /// Weight and zones of each cloud.
    clouds: Vec<(u32, Vec<Zone>)>,
    n: u32,
    t: (u32, u32),
}

/// Weight, cap, live.
type Zone = (u32, u32, u32);

fn nested() -> impl Strategy<Value = Nested> {
    let zone = (1u32..4, prop_oneof![3 => Just(99u32), 1 => 0u32..5], 0u32..5);
    let cloud = (1u32..4, prop::collection::vec(zone, 1..3));
    (prop::collection::vec(cloud, 1..4), 0u32..9, (0u32..3, 0u32..2)).prop_map(|(clouds, n, t)| Nested { clouds, n, t })
}

impl Nested {
    fn build(&self) -> (Topology, Workload, Vec<u32>, Vec<u32>) {
        let mut locations = Vec::new();
        let (mut live, mut caps, mut zone_parts, mut cloud_parts) = (vec![], vec![], vec![], vec![]);
        for (c, (weight, zones)) in self.clouds.iter().enumerate() {
            cloud_parts.push((format!("c{c}"), *weight));
            for (z, &(weight, cap_at, here)) in zones.iter().enumerate() {
                let name = format!("c{c}z{z}");
                let mut l = location(&format!("c{c}"), &name);
                l.capacity = if cap_at == 99 { l.capacity } else { cap(cap_at) };
                zone_parts.push((name, weight));
                locations.push(l);
                live.push(here);
                caps.push(cap_at);
            }
        }
        let topology = topology(locations);
        let mut outer = level("cloud", Ratio::Weights { parts: cloud_parts, rest: None });
        let mut inner = level("zone", Ratio::Weights { parts: zone_parts, rest: None });
        (outer.tolerance, inner.tolerance) = (Bound::Count(self.t.0), Bound::Count(self.t.1));
        let w = workload(&topology, self.n, vec![outer, inner]);
        (topology, w, live, caps)
    }

    /// Every leaf vector that each level admits.
    fn admitted(&self, caps: &[u32], placed: u32) -> Vec<Vec<u32>> {
        vectors(caps.len(), placed).into_iter().filter(|v| self.admits(v, caps)).collect()
    }

    fn admits(&self, v: &[u32], caps: &[u32]) -> bool {
        if v.iter().zip(caps).any(|(v, c)| v > c) {
            return false;
        }
        let (mut at, mut sums, mut sub_caps) = (0, vec![], vec![]);
        for (_, zones) in &self.clouds {
            let range = at..at + zones.len();
            at += zones.len();
            let ws: Vec<u32> = zones.iter().map(|z| z.0).collect();
            if !admissible(&v[range.clone()], &ws, &vec![0; ws.len()], &caps[range.clone()], self.t.1) {
                return false;
            }
            sums.push(v[range.clone()].iter().sum::<u32>());
            sub_caps.push(caps[range].iter().sum::<u32>());
        }
        let ws: Vec<u32> = self.clouds.iter().map(|c| c.0).collect();
        admissible(&sums, &ws, &vec![0; ws.len()], &sub_caps, self.t.0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn min_move_bruteforce_nested(world in nested()) {
        let (t, w, live, caps) = world.build();
        let standing = vec![Standing::Open; live.len()];
        let room: Vec<Option<u32>> = caps.iter().map(|&c| (c != 99).then_some(c)).collect();
        let got = place(&ask(&t, &w, &live, &standing, &room)).unwrap();
        let placed = world.n.min(caps.iter().sum());
        prop_assert_eq!(got.target.iter().sum::<u32>(), placed);
        let all = world.admitted(&caps, placed);
        prop_assert!(all.contains(&got.target), "{:?} is not admissible", got.target);
        let least = all.iter().map(|v| removals(&live, v)).min().unwrap();
        prop_assert_eq!(removals(&live, &got.target), least, "{:?} of {:?}", got.target, all);
        let again = place(&ask(&t, &w, &got.target, &standing, &room)).unwrap();
        prop_assert_eq!(&again.target, &got.target, "a fixpoint");
    }

    #[test]
    fn adds_only_removes_nothing(world in nested()) {
        let (t, w, live, caps) = world.build();
        let standing = vec![Standing::Open; live.len()];
        let room: Vec<Option<u32>> = caps.iter().map(|&c| (c != 99).then_some(c)).collect();
        let got = place(&Ask { adds_only: true, ..ask(&t, &w, &live, &standing, &room) }).unwrap();
        prop_assert_eq!(removals(&live, &got.target), 0);
        let total: u32 = live.iter().sum();
        // As many as asked for, unless more stand already or the room ends first.
        let room: u32 = caps.iter().zip(&live).map(|(&c, &l)| c.max(l)).sum();
        prop_assert_eq!(got.target.iter().sum::<u32>(), world.n.min(room).max(total));
    }

    #[test]
    fn skew_is_kept_inside_the_tolerance(
        (live, n, most) in prop::collection::vec(0u32..6, 2..5).prop_flat_map(|l| { let n: u32 = l.iter().sum(); (Just(l), n.max(1)-1..n+3, 1u32..3) })
    ) {
        let t = zones(live.len());
        let mut spread = level("zone", Ratio::Even);
        spread.tolerance = Bound::Count(3);
        spread.max_skew = Some(most);
        let w = workload(&t, n, vec![spread]);
        let got = target(&t, &w, &live);
        let skew = |v: &[u32]| v.iter().max().unwrap() - v.iter().min().unwrap();
        prop_assert!(skew(&got) <= most, "{:?}", got);
        let k = live.len() as u32;
        let inside = |v: &Vec<u32>| v.iter().all(|&x| x + 3 >= n / k && x <= n.div_ceil(k) + 3) && skew(v) <= most;
        let least = vectors(live.len(), n).iter().filter(|v| inside(v)).map(|v| removals(&live, v)).min().unwrap();
        prop_assert_eq!(removals(&live, &got), least);
    }
}

#[test]
fn dead_zone_not_capping() {
    // 9 over 3, one lost: 5/4 and not 4/4.
    let t = zones(3);
    let w = workload(&t, 9, vec![level("zone", Ratio::Even)]);
    let standing = [Standing::Open, Standing::Open, Standing::Lost];
    let got =
        place(&Ask { failover: true, adds_only: true, ..ask(&t, &w, &[3, 3, 3], &standing, &[None; 3]) }).unwrap();
    assert_eq!(got.target.iter().sum::<u32>(), 9);
    assert_eq!((got.target[2], got.target[0].max(got.target[1])), (0, 5));
    // The same zone unknown: nothing moves.
    let standing = [Standing::Open, Standing::Open, Standing::Frozen];
    assert_eq!(place(&ask(&t, &w, &[3, 3, 3], &standing, &[None; 3])).unwrap().target, [3, 3, 3]);
}

#[test]
fn cordon_and_evacuate() {
    let t = zones(3);
    let w = workload(&t, 9, vec![level("zone", Ratio::Even)]);
    let with = |s: Standing, live: &[u32]| {
        place(&ask(&t, &w, live, &[s, Standing::Open, Standing::Open], &[None; 3])).unwrap().target
    };
    assert_eq!(with(Standing::Cordoned, &[3, 3, 3]), [3, 3, 3]);
    assert_eq!(with(Standing::Cordoned, &[2, 3, 4]), [2, 3, 4]);
    let got = with(Standing::Leaving, &[3, 3, 3]);
    assert_eq!((got[0], got[1] + got[2], got[1].abs_diff(got[2])), (0, 9, 1));
}

#[test]
fn sizes_differ() {
    // 10 replicas 50:50 where one cloud's replica is worth 0.8: 5 of 1.0 and 7 of 0.8 (5.6, rounded up).
    let t = topology(vec![location("aws", "a"), location("ncp", "n")]);
    let mut w = workload(&t, 10, vec![level("cloud", Ratio::Even)]);
    w.scale = 10;
    w.places[0].unit = 10;
    w.places[1].unit = 8;
    assert_eq!(target(&t, &w, &[0, 0]), [5, 7]);
    assert_eq!(target(&t, &w, &[5, 7]), [5, 7]);
}

#[test]
fn min_and_max_domains() {
    let t = zones(3);
    let mut spread = level("zone", weights(&[("a", 8), ("b", 1), ("c", 1)]));
    spread.min_domains = Some(3);
    let w = workload(&t, 4, vec![spread.clone()]);
    assert_eq!(target(&t, &w, &[0, 0, 0]), [2, 1, 1]);
    spread.min_domains = None;
    spread.max_domains = Some(1);
    let w = workload(&t, 40, vec![spread]);
    assert_eq!(target(&t, &w, &[0, 0, 0]), [40, 0, 0]);
}

#[test]
fn unsatisfiable_minimums_name_the_lines() {
    use crate::spread::decision::{Refusal, WayOut};
    let t = zones(2);
    let mut spread = level("zone", Ratio::Even);
    spread.min.insert("*".into(), 3);
    let w = workload(&t, 4, vec![spread]);
    let refusal = place(&ask(&t, &w, &[0, 0], &[Standing::Open; 2], &[None; 2])).unwrap_err();
    let Refusal::Minimums { sum, available, lines, ways_out, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!((sum, available), (6, 4));
    assert_eq!(lines, [Site(1), Site(10)]);
    assert!(ways_out.contains(&WayOut::Replicas(6)));
    assert!(ways_out.contains(&WayOut::LowerMinimum { site: Site(10), name: "a".into(), to: 1 }));
}

#[test]
fn strict_shortage_is_refused() {
    use crate::spread::decision::{Note, Refusal};
    let t = zones(3);
    let mut spread = level("zone", Ratio::Even);
    let w = workload(&t, 12, vec![spread.clone()]);
    let room = [Some(3), Some(10), Some(10)];
    let got = place(&ask(&t, &w, &[0; 3], &[Standing::Open; 3], &room)).unwrap();
    assert_eq!((got.target[0], got.target[1] + got.target[2]), (3, 9));
    assert!(got.notes.contains(&Note::TolerateQuota { spread: 0, domain: "a".into(), share: 4, gets: 3 }));
    spread.on_shortage = OnShortage::Strict;
    let w = workload(&t, 12, vec![spread]);
    let refusal = place(&ask(&t, &w, &[0; 3], &[Standing::Open; 3], &room)).unwrap_err();
    let Refusal::Shortage { short, domains, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!((short, domains), (1, vec![("a".into(), 1)]));
}

/// Size, weight, live, cloud, cap, what may happen.
type Sized = (u32, u32, u32, usize, Option<u32>, u8);

/// Places of different size under a cloud level and a zone level.
fn sized(spots: &[Sized], n: u32, tolerance: (u32, u32), skew: Option<u32>) -> (Topology, Workload) {
    let locations = spots.iter().enumerate().map(|(i, s)| location(&format!("c{}", s.3), &zone_name(i)));
    let t = topology(locations.collect());
    let parts = spots.iter().enumerate().map(|(i, s)| (zone_name(i), s.1)).collect();
    let (mut outer, mut inner) = (level("cloud", Ratio::Even), level("zone", Ratio::Weights { parts, rest: None }));
    (outer.tolerance, inner.tolerance) = (Bound::Count(tolerance.0), Bound::Count(tolerance.1));
    (outer.max_skew, inner.max_skew) = (skew, skew);
    let mut w = workload(&t, n, vec![outer, inner]);
    w.scale = 10;
    w.places.iter_mut().zip(spots).for_each(|(p, s)| p.unit = s.0);
    (t, w)
}

#[test]
fn sizes_that_round_up_stay_where_they_are() {
    // The shares of 7 replicas round up to [9, 5, 6], which another division would have rounded up to [8, 5, 6].
    let spots = [(2, 1, 0, 0, None, 0), (4, 1, 0, 0, None, 0), (6, 1, 1, 1, None, 0)];
    let (t, w) = sized(&spots, 7, (0, 0), None);
    let first = target(&t, &w, &[0, 0, 1]);
    assert_eq!(target(&t, &w, &first), first);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, ..ProptestConfig::default() })]

    #[test]
    fn sizes_that_differ_settle(
        spots in prop::collection::vec(
            (1u32..11, 1u32..4, 0u32..6, 0usize..2, prop::option::weighted(0.2, 0u32..9), 0u8..12), 1..5),
        n in 0u32..12,
        tolerance in (0u32..2, 0u32..3),
        skew in prop::option::weighted(0.3, 1u32..3),
    ) {
        let (t, w) = sized(&spots, n, tolerance, skew);
        let live: Vec<u32> = spots.iter().map(|s| s.2).collect();
        let standing: Vec<Standing> = spots
            .iter()
            .map(|s| match s.5 {
                0 => Standing::Cordoned,
                1 => Standing::Leaving,
                2 => Standing::Frozen,
                _ => Standing::Open,
            })
            .collect();
        let room: Vec<Option<u32>> = spots.iter().map(|s| s.4).collect();
        let free = standing.iter().all(|s| *s == Standing::Open) && room.iter().all(Option::is_none);
        let got = place(&ask(&t, &w, &live, &standing, &room)).unwrap().target;
        if free {
            // Never less capacity than asked, and never a whole replica too many anywhere.
            let units: u32 = got.iter().zip(&spots).map(|(t, s)| t * s.0).sum();
            prop_assert!(units >= n * 10, "{:?}", got);
            prop_assert!(units < n * 10 + spots.iter().map(|s| s.0).sum::<u32>());
        }
        prop_assert_eq!(place(&ask(&t, &w, &got, &standing, &room)).unwrap().target, got, "a fixpoint");
    }
}
