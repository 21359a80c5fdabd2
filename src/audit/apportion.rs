//! What a Webster vector is (`spread.md` 4.1), told from the vector: no seat above a floor would be worth more elsewhere.
//!
//! A seat's worth is weight / (2 seats + 1), compared as fractions in 128 bits.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// One domain's claim on the seats of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub weight: u64,
    /// Seats it has whatever its weight; never more than `cap`.
    pub floor: u64,
    /// Seats it can have.
    pub cap: u64,
}

/// What a seat is worth to a domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Worth {
    weight: u64,
    divisor: u64,
}

impl Ord for Worth {
    fn cmp(&self, other: &Worth) -> Ordering {
        let left = u128::from(self.weight) * u128::from(other.divisor);
        left.cmp(&(u128::from(other.weight) * u128::from(self.divisor)))
    }
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Worth) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Claim {
    /// The worth of one more seat; `None` when it can have none.
    fn next(&self, seats: u64) -> Option<Worth> {
        (self.weight > 0 && seats < self.cap)
            .then(|| Worth { weight: self.weight, divisor: seats.saturating_mul(2).saturating_add(1) })
    }

    /// The worth of the last seat; `None` when the floor gave it.
    fn last(&self, seats: u64) -> Option<Worth> {
        (seats > self.floor).then(|| Worth { weight: self.weight, divisor: (seats * 2).saturating_sub(1) })
    }
}

/// Two domains (with one seat too many, with one too few) that show that `seats` is no Webster vector. Seats lie in their claims.
pub(super) fn misplaced(claims: &[Claim], seats: &[u64]) -> Option<(usize, usize)> {
    let under =
        claims.iter().zip(seats).enumerate().filter_map(|(i, (c, s))| Some((c.next(*s)?, i))).max_by(by_worth)?;
    let over =
        claims.iter().zip(seats).enumerate().filter_map(|(i, (c, s))| Some((c.last(*s)?, i))).min_by(by_worth)?;
    (under.0 > over.0).then_some((over.1, under.1))
}

fn by_worth(a: &(Worth, usize), b: &(Worth, usize)) -> Ordering {
    a.0.cmp(&b.0).then(b.1.cmp(&a.1))
}

/// The least and the most each domain has in any Webster vector of `total` seats; `None` when they do not fit.
pub(super) fn webster_range(claims: &[Claim], total: u64) -> Option<Vec<(u64, u64)>> {
    let mut seats: Vec<u64> = claims.iter().map(|c| c.floor).collect();
    let mut left = total.checked_sub(seats.iter().try_fold(0u64, |sum, s| sum.checked_add(*s))?)?;
    let mut heap: BinaryHeap<(Worth, Reverse<usize>)> =
        claims.iter().enumerate().filter_map(|(i, c)| Some((c.next(seats[i])?, Reverse(i)))).collect();
    while left > 0 {
        let (_, Reverse(i)) = heap.pop()?;
        seats[i] += 1;
        left -= 1;
        heap.extend(claims[i].next(seats[i]).map(|w| (w, Reverse(i))));
    }
    let best = claims.iter().zip(&seats).filter_map(|(c, s)| c.next(*s)).max();
    let worst = claims.iter().zip(&seats).filter_map(|(c, s)| c.last(*s)).min();
    let range = claims.iter().zip(&seats).map(|(c, s)| {
        let gives = c.last(*s).is_some_and(|w| Some(w) == best || best.is_some_and(|b| b.cmp(&w).is_eq()));
        let takes = c.next(*s).is_some_and(|w| worst.is_some_and(|l| l.cmp(&w).is_eq()));
        (s - u64::from(gives), s + u64::from(takes))
    });
    Some(range.collect())
}

/// The box of a tolerance of at least 1 (`spread.md` 4.2), widened by what Webster itself may give.
pub(super) fn tolerance_box(
    claims: &[Claim],
    total: u64,
    tolerance: u64,
    eligible: &[bool],
) -> Option<Vec<(u64, u64)>> {
    let webster = webster_range(claims, total)?;
    let shares: u128 = claims.iter().zip(eligible).filter(|(_, e)| **e).map(|(c, _)| u128::from(c.weight)).sum();
    let range = claims.iter().zip(webster).zip(eligible).map(|((c, (least, most)), eligible)| {
        if shares == 0 || !eligible {
            return (least, most);
        }
        let exact = u128::from(c.weight) * u128::from(total);
        let (down, up) = ((exact / shares) as u64, exact.div_ceil(shares) as u64);
        (down.saturating_sub(tolerance).min(least), up.saturating_add(tolerance).max(most))
    });
    Some(range.collect())
}
