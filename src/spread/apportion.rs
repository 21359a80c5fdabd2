//! Dividing N units over domains by weight, with floors and caps, in exact integers (`spread.md` 4.1).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::model::Method;

/// What one domain may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Weight; 0 gets nothing beyond its floor. At most 2^32 - 1 (products fit `u128`).
    pub weight: u64,
    /// At least so many.
    pub floor: u64,
    /// At most so many; a floor above it is lowered to it.
    pub cap: u64,
}

/// Every apportionment that the rule allows: `base`, and one more for any `extra` of the `tied` domains.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Apportioned {
    /// What each domain gets in every resolution of the tie.
    pub base: Vec<u64>,
    /// The domains among which the rule cannot decide, ascending.
    pub tied: Vec<usize>,
    /// How many of them get one more; less than `tied.len()`.
    pub extra: usize,
    /// Units that no domain can take.
    pub short: u64,
}

/// The floors alone are more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorsExceed {
    /// Their sum.
    pub sum: u64,
}

/// A domain's claim to its next unit: `weight / (2 * has + 1)`, compared by cross multiplication.
#[derive(Clone, Copy, Debug)]
struct Claim {
    weight: u64,
    has: u64,
    index: usize,
}

impl Claim {
    fn quotient_cmp(&self, other: &Claim) -> Ordering {
        let mine = u128::from(self.weight) * (2 * u128::from(other.has) + 1);
        let theirs = u128::from(other.weight) * (2 * u128::from(self.has) + 1);
        mine.cmp(&theirs)
    }
}

impl PartialEq for Claim {
    fn eq(&self, other: &Claim) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Claim {}
impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Claim) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Claim {
    fn cmp(&self, other: &Claim) -> Ordering {
        self.quotient_cmp(other).then_with(|| other.index.cmp(&self.index))
    }
}

/// Divides `n` by the method.
///
/// # Errors
/// [`FloorsExceed`] when the floors (each lowered to its cap) add up to more than `n`.
pub fn apportion(method: Method, n: u64, shares: &[Share]) -> Result<Apportioned, FloorsExceed> {
    let seats: Vec<u64> = shares.iter().map(|s| s.floor.min(s.cap)).collect();
    let sum = seats.iter().fold(0u64, |sum, &s| sum.saturating_add(s));
    if sum > n {
        return Err(FloorsExceed { sum });
    }
    Ok(match method {
        Method::Webster => webster(n, shares, seats),
        Method::LargestRemainder => largest_remainder(n, shares, seats),
    })
}

fn webster(n: u64, shares: &[Share], mut seats: Vec<u64>) -> Apportioned {
    jump_ahead(n, shares, &mut seats);
    let mut rest = n - seats.iter().sum::<u64>();
    let open = |i: usize, seats: &[u64]| shares[i].weight > 0 && seats[i] < shares[i].cap;
    let mut claims: BinaryHeap<Claim> = (0..shares.len())
        .filter(|&i| open(i, &seats))
        .map(|index| Claim { weight: shares[index].weight, has: seats[index], index })
        .collect();
    while let Some(best) = claims.pop() {
        // All claims of the same size at once: a domain has each quotient only once, so a group is one unit per domain.
        let mut group = vec![best];
        while claims.peek().is_some_and(|next| next.quotient_cmp(&best).is_eq()) {
            group.extend(claims.pop());
        }
        if (group.len() as u64) > rest {
            let mut tied: Vec<usize> = group.iter().map(|claim| claim.index).collect();
            tied.sort_unstable();
            let extra = rest as usize;
            return Apportioned { base: seats, tied: if extra == 0 { Vec::new() } else { tied }, extra, short: 0 };
        }
        rest -= group.len() as u64;
        for claim in group {
            seats[claim.index] += 1;
            if open(claim.index, &seats) {
                claims.push(Claim { has: seats[claim.index], ..claim });
            }
        }
    }
    Apportioned { base: seats, tied: Vec::new(), extra: 0, short: rest }
}

/// Gives, in one go, the units that are certain, so that the work does not grow with `n`.
///
/// The claims of a domain that are at least 1/x are those with `2 * has + 1 <= w * x`: `floor((w * x + 1) / 2)` of them. For
/// the largest x (in steps of 2^-40) at which all such claims fit in `n`, each is granted; what is left is a handful for the
/// exact comparison.
fn jump_ahead(n: u64, shares: &[Share], seats: &mut [u64]) {
    const STEP: u32 = 40;
    let granted = |x: u128, i: usize, floor: u64| -> u64 {
        let claims = u128::from(shares[i].weight).saturating_mul(x).saturating_add(1 << STEP) >> (STEP + 1);
        let claims = if shares[i].weight == 0 { 0 } else { claims };
        floor.max(claims.min(u128::from(shares[i].cap)) as u64)
    };
    let fits =
        |x: u128| seats.iter().enumerate().map(|(i, &s)| u128::from(granted(x, i, s))).sum::<u128>() <= u128::from(n);
    let (mut low, mut high) = (0u128, (u128::from(n) + 1) << (STEP + 1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let grants: Vec<u64> = seats.iter().enumerate().map(|(i, &s)| granted(low, i, s)).collect();
    seats.copy_from_slice(&grants);
}

fn largest_remainder(n: u64, shares: &[Share], mut seats: Vec<u64>) -> Apportioned {
    let mut open: Vec<usize> = (0..shares.len()).filter(|&i| shares[i].weight > 0).collect();
    loop {
        let taken: u64 = (0..shares.len()).filter(|i| !open.contains(i)).map(|i| seats[i]).sum();
        let left = u128::from(n - taken.min(n));
        let weights: u128 = open.iter().map(|&i| u128::from(shares[i].weight)).sum();
        // Quota below the floor first, then above the cap: each such domain leaves the division with its bound.
        let quota = |i: usize| (left * u128::from(shares[i].weight), weights);
        let below = |&i: &usize| quota(i).0 < u128::from(shares[i].floor.min(shares[i].cap)) * quota(i).1;
        let above = |&i: &usize| quota(i).0 > u128::from(shares[i].cap) * quota(i).1;
        let clamped: Vec<usize> = if open.iter().any(below) {
            open.iter().copied().filter(|i| below(i)).collect()
        } else {
            open.iter().copied().filter(|i| above(i)).collect()
        };
        if clamped.is_empty() {
            return by_remainder(left, weights, &open, shares, seats);
        }
        for &i in &clamped {
            seats[i] = if below(&i) { shares[i].floor.min(shares[i].cap) } else { shares[i].cap };
        }
        open.retain(|i| !clamped.contains(i));
    }
}

fn by_remainder(left: u128, weights: u128, open: &[usize], shares: &[Share], mut seats: Vec<u64>) -> Apportioned {
    let mut rest = left;
    let mut remainders: Vec<(u128, usize)> = Vec::new();
    for &i in open {
        let product = left * u128::from(shares[i].weight);
        seats[i] = (product / weights) as u64;
        rest -= u128::from(seats[i]);
        if seats[i] < shares[i].cap {
            remainders.push((product % weights, i));
        }
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut rest = rest as usize;
    let mut at = 0;
    while at < remainders.len() && rest > 0 {
        let same = remainders[at..].iter().take_while(|r| r.0 == remainders[at].0).count();
        if same > rest {
            let mut tied: Vec<usize> = remainders[at..at + same].iter().map(|r| r.1).collect();
            tied.sort_unstable();
            return Apportioned { base: seats, tied, extra: rest, short: 0 };
        }
        for &(_, i) in &remainders[at..at + same] {
            seats[i] += 1;
        }
        rest -= same;
        at += same;
    }
    Apportioned { base: seats, tied: Vec::new(), extra: 0, short: rest as u64 }
}

/// The tie-break that spreads the odd units of many workloads: FNV-1a over the workload's name and the domain's path.
pub fn tie_hash(workload: &str, path: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in workload.bytes().chain(path.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open(weights: &[u64]) -> Vec<Share> {
        weights.iter().map(|&weight| Share { weight, floor: 0, cap: u64::MAX }).collect()
    }

    /// All vectors the rule allows, sorted.
    fn all(method: Method, n: u64, shares: &[Share]) -> Vec<Vec<u64>> {
        let a = apportion(method, n, shares).unwrap();
        let mut found = Vec::new();
        for mask in 0u32..1 << a.tied.len() {
            if mask.count_ones() as usize == a.extra {
                let mut v = a.base.clone();
                for (bit, &i) in a.tied.iter().enumerate() {
                    v[i] += u64::from(mask >> bit & 1);
                }
                found.push(v);
            }
        }
        found.sort();
        found
    }

    fn webster_all(n: u64, weights: &[u64]) -> Vec<Vec<u64>> {
        all(Method::Webster, n, &open(weights))
    }

    #[test]
    fn apportion_golden() {
        let h = |n, w: &[u64]| all(Method::LargestRemainder, n, &open(w));
        assert_eq!(webster_all(11, &[50, 50]), [[5, 6], [6, 5]]);
        assert_eq!(h(5, &[3, 8, 1]), [[1, 3, 1]]);
        assert_eq!(h(6, &[3, 8, 1]), [[1, 4, 1], [2, 4, 0]]);
        assert_eq!(webster_all(5, &[3, 8, 1]), [[1, 4, 0]]);
        // Both rules tie at 6 (quotas 1.5, 4, 0.5; claims 3/3 and 1/1): [2, 4, 0] is one of two.
        assert_eq!(webster_all(6, &[3, 8, 1]), [[1, 4, 1], [2, 4, 0]]);
        assert_eq!(h(8, &[1, 6, 19, 2]), [[0, 2, 5, 1]]);
        assert_eq!(h(8, &[6, 19, 2]), [[2, 6, 0]]);
        assert_eq!(webster_all(8, &[1, 6, 19, 2]), [[0, 2, 5, 1]]);
        assert_eq!(webster_all(8, &[6, 19, 2]), [[2, 5, 1]]);
        // All four claims are 1 at the last unit; the one that leaves the quota (18.0) of the last is among them.
        assert!(webster_all(36, &[1, 19, 15, 35]).contains(&vec![1, 10, 8, 17]));
        assert_eq!(webster_all(5, &[70, 20, 10]), [[3, 1, 1], [4, 1, 0]]);
    }

    #[test]
    fn quota_prefer_deficit() {
        let mut shares = open(&[1, 1, 1]);
        (shares[0].cap, shares[1].cap, shares[2].cap) = (3, 10, 10);
        assert_eq!(all(Method::Webster, 12, &shares), [[3, 4, 5], [3, 5, 4]]);
        assert_eq!(apportion(Method::Webster, 25, &shares).unwrap().short, 2);
        shares[0].floor = 9;
        assert_eq!(apportion(Method::Webster, 2, &shares), Err(FloorsExceed { sum: 3 }));
    }

    #[test]
    fn huge_numbers_cost_nothing() {
        let a = apportion(Method::Webster, u64::from(u32::MAX) * 1000, &open(&[u64::from(u32::MAX), 1, 7])).unwrap();
        assert_eq!(a.base.iter().sum::<u64>() + a.extra as u64, u64::from(u32::MAX) * 1000);
        let a = apportion(Method::Webster, 10, &open(&[u64::from(u32::MAX), u64::from(u32::MAX)])).unwrap();
        assert_eq!(a.base, [5, 5]);
    }

    /// The definition, unit by unit: every way to break ties.
    fn brute_webster(n: u64, shares: &[Share]) -> Vec<Vec<u64>> {
        let mut states = vec![shares.iter().map(|s| s.floor.min(s.cap)).collect::<Vec<u64>>()];
        while states[0].iter().sum::<u64>() < n {
            let mut next = Vec::new();
            for s in &states {
                let claims: Vec<usize> =
                    (0..s.len()).filter(|&i| shares[i].weight > 0 && s[i] < shares[i].cap).collect();
                for &i in &claims {
                    let best =
                        claims.iter().all(|&j| shares[i].weight * (2 * s[j] + 1) >= shares[j].weight * (2 * s[i] + 1));
                    if best {
                        let mut t = s.clone();
                        t[i] += 1;
                        next.push(t);
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

    fn a_share() -> impl Strategy<Value = Share> {
        (0u64..12, 0u64..4, 0u64..12).prop_map(|(weight, floor, cap)| Share { weight, floor, cap })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn apportion_vs_bruteforce(shares in prop::collection::vec(a_share(), 1..6), n in 0u64..24) {
            let floors: u64 = shares.iter().map(|s| s.floor.min(s.cap)).sum();
            match apportion(Method::Webster, n, &shares) {
                Err(e) => { prop_assert_eq!(e.sum, floors); prop_assert!(floors > n); }
                Ok(a) => {
                    let expected = brute_webster(n, &shares);
                    prop_assert_eq!(a.short, n - expected[0].iter().sum::<u64>());
                    prop_assert_eq!(all(Method::Webster, n, &shares), expected);
                }
            }
        }

        #[test]
        fn house_monotone(weights in prop::collection::vec(0u64..100, 1..8), n in 0u64..60) {
            prop_assume!(weights.iter().any(|&w| w > 0));
            let (small, large) = (webster_all(n, &weights), webster_all(n + 1, &weights));
            // Every vector for n has one for n + 1 in which nobody has less.
            for v in &small {
                prop_assert!(large.iter().any(|u| u.iter().zip(v).all(|(u, v)| u >= v)));
            }
        }

        #[test]
        fn coherent_on_loss(weights in prop::collection::vec(1u64..100, 2..8), n in 0u64..60) {
            let rest = &weights[1..];
            for v in webster_all(n, &weights) {
                // The survivors' own seats are already their apportionment, and giving them the lost ones removes nothing.
                let own: u64 = v[1..].iter().sum();
                prop_assert!(webster_all(own, rest).contains(&v[1..].to_vec()));
                prop_assert!(webster_all(n, rest).iter().any(|u| u.iter().zip(&v[1..]).all(|(u, v)| u >= v)));
            }
        }

        #[test]
        fn largest_remainder_keeps_bounds(shares in prop::collection::vec(a_share(), 1..6), n in 0u64..24) {
            if let Ok(a) = apportion(Method::LargestRemainder, n, &shares) {
                let given: u64 = a.base.iter().sum::<u64>() + a.extra as u64;
                prop_assert_eq!(given + a.short, n);
                for (v, s) in a.base.iter().zip(&shares) {
                    prop_assert!(*v >= s.floor.min(s.cap) && *v <= s.cap);
                }
                for &i in &a.tied { prop_assert!(a.base[i] < shares[i].cap); }
            }
        }
    }
}
