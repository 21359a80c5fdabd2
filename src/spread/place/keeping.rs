//! Choosing inside the tolerances, and among ties, the placement that breaks fewest rules.

use std::collections::HashMap;

use super::super::decision::{Note, Refusal};
use super::super::model::{Moving, Workload};
use super::super::tree::{Ask, Node, Tree};
use super::{Cost, Placement, Range, Solver, ZERO, minus, place, plus};

/// Placements that are gone through to find one that keeps the rules.
const MOST_LISTED: usize = 5_000;

/// The placement that breaks fewest rules of all that the tolerances and the ties of apportionment allow, and of these the one of
/// [`place`]'s measure. With nothing broken there is no need of a choice.
///
/// Beyond `MOST_LISTED` placements only the one is tried that keeps every domain below what `limited` rules leave it.
///
/// # Errors
/// As [`place`].
pub fn place_keeping(
    ask: &Ask<'_>,
    broken: &dyn Fn(&[u32]) -> usize,
    limited: &dyn Fn() -> Workload,
) -> Result<Placement, Refusal> {
    let first = place(ask)?;
    let breaks = broken(&first.target);
    if breaks == 0 {
        return Ok(first);
    }
    let tree = Tree::build(ask)?;
    let root = &tree.nodes[tree.root];
    let given = tree.small(ask.replicas).max(root.floor).min(root.cap.max(root.floor));
    let mut solver = Solver { tree: &tree, memo: HashMap::new(), stands: None, chosen: None };
    let target = |units: &[u64]| (0..units.len()).map(|p| tree.replicas_at(p, units[p])).collect::<Vec<u32>>();
    let found = match solver.list(tree.root, given) {
        Some(all) => {
            let ranked = all.into_iter().map(|(cost, units)| (broken(&target(&units)), cost, units));
            // Among equals the one that lies furthest to the front: any rule does that always says the same.
            ranked
                .min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)).then_with(|| b.2.cmp(&a.2)))
                .map(|(n, _, units)| (n, units))
        }
        None => {
            let limited = limited();
            let capped = place(&Ask { workload: &limited, ..*ask }).ok();
            let units = capped.filter(|_| tree.is_alike()).map(|p| p.target.iter().map(|n| u64::from(*n)).collect());
            units.filter(|units: &Vec<u64>| solver.admits(tree.root, units)).map(|u| (broken(&target(&u)), u))
        }
    };
    let Some((_, units)) = found.filter(|(breaks_too, _)| *breaks_too < breaks) else { return Ok(first) };
    solver.chosen = Some(units);
    let (mut target, mut rows, mut notes) = (vec![0u32; ask.workload.places.len()], Vec::new(), Vec::new());
    notes.extend(first.notes.into_iter().filter(|n| matches!(n, Note::Short { .. })));
    solver.assign(tree.root, given, &mut target, &mut rows, &mut notes);
    Ok(Placement { target, rows, notes })
}

impl Solver<'_> {
    /// Every admissible placement of `n` below a node, as units per place, with what it costs; `None` when there are too many.
    fn list(&mut self, id: usize, n: u64) -> Option<Vec<(Cost, Vec<u64>)>> {
        let tree = self.tree;
        let node = &tree.nodes[id];
        let nowhere = || vec![0u64; tree.ask.workload.places.len()];
        if let Some(place) = node.place {
            let mut units = nowhere();
            units[place] = n;
            return Some(vec![(self.below(id, n), units)]);
        }
        let ranges = self.open_ranges(id, n);
        let mut all = Vec::new();
        for picks in self.divisions(node, n, &ranges)? {
            let mut here = vec![(ZERO, nowhere())];
            for (i, &child) in node.children.iter().enumerate() {
                let below = self.list(child, picks[i])?;
                if here.len().saturating_mul(below.len()) > MOST_LISTED {
                    return None;
                }
                let (distance, own) =
                    (self.cost_at(child, node.depth, &ranges[i], picks[i]), self.below(child, picks[i]));
                let distance = minus(&distance, &own);
                let joined = |(cost, units): &(Cost, Vec<u64>)| {
                    below
                        .iter()
                        .map(|(more, other)| {
                            let units = units.iter().zip(other).map(|(a, b)| a + b).collect();
                            (plus(&plus(cost, more), &distance), units)
                        })
                        .collect::<Vec<_>>()
                };
                here = here.iter().flat_map(joined).collect();
            }
            all.extend(here);
            if all.len() > MOST_LISTED {
                return None;
            }
        }
        Some(all)
    }

    /// The ranges of a node's children by its tolerance; the apportionment itself where it has none.
    fn open_ranges(&mut self, id: usize, n: u64) -> Vec<Range> {
        let node = &self.tree.nodes[id];
        let (exact, shares) = self.exact(node, n);
        let (_, goal) = self.resolve_tie(node, &exact);
        let lenient = match node.spread.map(|s| &self.tree.ask.workload.spread[s]) {
            None => true,
            Some(level) => level.moving == Moving::Lazy && self.tree.tolerance(level, n) > 0,
        };
        if lenient && exact.short == 0 {
            return self.ranges(node, n, &shares, &goal);
        }
        (0..goal.len())
            .map(|i| {
                let more = u64::from(exact.tied.contains(&i));
                Range { lo: exact.base[i], hi: exact.base[i] + more, goal: goal[i] }
            })
            .collect()
    }

    /// Every way to divide `n` among a node's children inside the ranges and the skew; `None` when there are too many.
    fn divisions(&self, node: &Node, n: u64, ranges: &[Range]) -> Option<Vec<Vec<u64>>> {
        let mut found: Vec<Vec<u64>> = vec![Vec::new()];
        // What the children still to come can take at least and at most.
        let rest = |i: usize| ranges[i..].iter().fold((0u64, 0u64), |(l, h), r| (l + r.lo, h.saturating_add(r.hi)));
        // Where there is no room for all, what fits is what is divided.
        let n = n.min(rest(0).1).max(rest(0).0);
        for (i, range) in ranges.iter().enumerate() {
            let (least, most) = rest(i + 1);
            let mut next = Vec::new();
            for picks in &found {
                let left = n - picks.iter().sum::<u64>().min(n);
                let (lo, hi) = (range.lo.max(left.saturating_sub(most)), range.hi.min(left.saturating_sub(least)));
                for x in lo..=hi {
                    next.push([&picks[..], &[x]].concat());
                    if next.len() > MOST_LISTED {
                        return None;
                    }
                }
            }
            found = next;
        }
        found.retain(|picks| self.skew_allows(node, n, ranges, picks));
        Some(found)
    }

    fn skew_allows(&self, node: &Node, n: u64, ranges: &[Range], picks: &[u64]) -> bool {
        let Some(most) = node.spread.and_then(|s| self.tree.ask.workload.spread[s].max_skew) else { return true };
        let weights = self.weights_of_eligible(node);
        let total: i128 = weights.iter().map(|&w| i128::from(w)).sum();
        let skew = |x: &dyn Fn(usize) -> u64| {
            let eligible = (0..picks.len()).filter(|&i| self.tree.nodes[node.children[i]].eligible);
            let away = eligible.map(|i| i128::from(x(i)) * total - i128::from(n) * i128::from(weights[i]));
            away.clone().max().unwrap_or(0) - away.min().unwrap_or(0)
        };
        skew(&|i| picks[i]) <= (i128::from(self.tree.small(most)) * total).max(skew(&|i| ranges[i].goal))
    }

    /// Whether units per place are a placement that every level admits.
    fn admits(&mut self, id: usize, units: &[u64]) -> bool {
        let tree = self.tree;
        let node = &tree.nodes[id];
        if node.place.is_some() {
            return true;
        }
        let sum = |c: &usize| tree.nodes[*c].places.iter().map(|&p| units[p]).sum::<u64>();
        let picks: Vec<u64> = node.children.iter().map(sum).collect();
        let n = picks.iter().sum();
        let ranges = self.open_ranges(id, n);
        let inside = picks.iter().zip(&ranges).all(|(x, r)| (r.lo..=r.hi).contains(x));
        inside && self.skew_allows(node, n, &ranges, &picks) && node.children.iter().all(|&c| self.admits(c, units))
    }
}
