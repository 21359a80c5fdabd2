//! What safety costs: the full floor kept through so many losses, by spare replicas or by growth (`spread.md` N18).

use crate::spread::model::Workload;

/// One way to be safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Domains lost at once.
    pub losses: u32,
    /// Replicas that stand in peace.
    pub replicas: u64,
    /// How much that is of what is needed, in hundredths: 150 is 1.5x. By the ratio of domains, not by whole replicas.
    pub hundredths: u64,
    /// What is left at once is completed by growing.
    pub elastic: bool,
}

/// The ways to keep `needed` replicas through losses of `domains` domains alike: nothing, what is kept now, one more; and growth from
/// a floor of so many percent.
pub fn ways(needed: u64, domains: u32, losses: u32, elastic_percent: u64) -> Vec<Price> {
    let mut list = vec![Price { losses: 0, replicas: needed, hundredths: 100, elastic: false }];
    for k in [losses, losses.saturating_add(1)] {
        if k > 0 && k < domains && list.iter().all(|p| p.losses != k) {
            list.push(Price {
                losses: k,
                replicas: static_replicas(needed, domains, k),
                hundredths: factor(domains, k, 100),
                elastic: false,
            });
        }
    }
    if losses > 0 && losses < domains {
        let floor = (needed * elastic_percent).div_ceil(100);
        let replicas = static_replicas(floor, domains, losses).max(needed);
        let hundredths = factor(domains, losses, elastic_percent).max(100);
        list.push(Price { losses, replicas, hundredths, elastic: true });
    }
    list
}

/// `percent` of d/(d-k) in hundredths, rounded to the nearest.
pub fn factor(domains: u32, losses: u32, percent: u64) -> u64 {
    let (d, left) = (u64::from(domains), u64::from(domains.saturating_sub(losses).max(1)));
    (d * percent + left / 2) / left
}

/// The fewest replicas, divided evenly, of which the largest `losses` domains leave `needed`.
pub fn static_replicas(needed: u64, domains: u32, losses: u32) -> u64 {
    let (d, k) = (u64::from(domains.max(1)), u64::from(losses));
    if k >= d {
        return u64::MAX;
    }
    let left = |n: u64| {
        let (share, odd) = (n / d, n % d);
        n - (share * k + odd.min(k))
    };
    // Never fewer than d/(d-k) of it, and never more than one domain's share above.
    let mut n = (needed * d).div_ceil(d - k).saturating_sub(d);
    while left(n) < needed {
        n += 1;
    }
    n
}

/// Domains of the outermost spread level that a workload stands in, and how many it may lose by its rules at that level.
pub fn of_workload(rules: &Workload, domains: u32) -> Option<(u32, u32, u64)> {
    let level = rules.spread.first()?;
    let at = rules.survive.iter().filter(|r| r.of.name() == level.level);
    let strictest = at.max_by_key(|r| (r.losses, r.floor.ceil_of(rules.replicas)))?;
    let percent = match rules.replicas {
        0 => 0,
        n => strictest.floor.ceil_of(n) * 100 / u64::from(n),
    };
    Some((domains, strictest.losses, percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of N18.
    #[test]
    fn full_floor_with_d_domains_losing_k_needs_d_over_d_minus_k() {
        for (d, k, hundredths) in [(2, 1, 200), (3, 1, 150), (4, 1, 133), (5, 1, 125), (4, 2, 200)] {
            assert_eq!(factor(d, k, 100), hundredths, "{d} {k}");
        }
        for (d, k, replicas) in [(2, 1, 24), (3, 1, 18), (4, 1, 16), (5, 1, 15), (4, 2, 24)] {
            assert_eq!(static_replicas(12, d, k), replicas, "{d} {k}");
        }
        let elastic = ways(12, 2, 1, 50);
        assert!(elastic.contains(&Price { losses: 1, replicas: 12, hundredths: 100, elastic: true }));
        // Half of what is needed of two domains costs nothing more; of three domains three quarters would not either.
        assert_eq!(ways(12, 3, 1, 75).last().map(|p| p.hundredths), Some(113));
    }

    /// The fewest, by trying every number.
    #[test]
    fn static_replicas_are_the_fewest() {
        for d in 1..7u32 {
            for k in 0..d {
                for needed in 0..30u64 {
                    let left = |n: u64| {
                        let mut shares: Vec<u64> =
                            (0..u64::from(d)).map(|i| n / u64::from(d) + u64::from(i < n % u64::from(d))).collect();
                        shares.sort_unstable();
                        shares[..(d - k) as usize].iter().sum::<u64>()
                    };
                    let fewest = (0..).find(|n| left(*n) >= needed).unwrap();
                    assert_eq!(static_replicas(needed, d, k), fewest, "{needed} of {d} losing {k}");
                }
            }
        }
    }
}
