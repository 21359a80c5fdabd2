//! Where replicas go: the target of every place, with the least movement from what stands (`spread.md` 4.1 to 4.4).
//!
//! The spread's levels are a tree. A level divides what its parent got; which of the admissible divisions is taken depends on
//! what stands below, so a node knows the cost of every number it may get: replicas to remove first, then the distance from
//! the apportionment, outermost level first, then the tie-break. Costs add up over siblings, so each level is solved exactly.

use std::collections::HashMap;
use std::rc::Rc;

use super::apportion::{Apportioned, Share, apportion};
use super::decision::{Note, Refusal, WayOut};
use super::model::{Method, Moving, OnShortage};
use super::tree::{Ask, Node, Tree, gcd_of_units};

mod keeping;

pub use keeping::place_keeping;

/// A placement of one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Replicas per place.
    pub target: Vec<u32>,
    /// The spread blocks under each parent, outermost first.
    pub rows: Vec<Row>,
    /// What deserves telling.
    pub notes: Vec<Note>,
}

/// One spread block under one parent.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Index into `Workload::spread`.
    pub spread: usize,
    /// The domains above, outermost first, as `(level, name)`.
    pub parent: Vec<(String, String)>,
    /// Its domains.
    pub domains: Vec<RowDomain>,
    /// How far a domain may stray, in replicas.
    pub tolerance: u64,
    /// Whether the division is one that the ratio itself gives.
    pub apportioned: bool,
}

/// One domain of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowDomain {
    /// Its name.
    pub name: String,
    /// Its weight.
    pub weight: u64,
    /// Neither down nor evacuated.
    pub eligible: bool,
    /// The places in it.
    pub places: Vec<usize>,
    /// The least it must hold, in replicas, as declared.
    pub min: u32,
}

/// Removals, then for each depth the distance from the apportionment and its squares; the last depth takes all deeper ones.
type Cost = [i64; 11];
const ZERO: Cost = [0; 11];

fn plus(a: &Cost, b: &Cost) -> Cost {
    let mut sum = *a;
    for (s, b) in sum.iter_mut().zip(b) {
        *s = s.saturating_add(*b);
    }
    sum
}

fn minus(a: &Cost, b: &Cost) -> Cost {
    let mut difference = *a;
    for (d, b) in difference.iter_mut().zip(b) {
        *d = d.saturating_sub(*b);
    }
    difference
}

/// What a node does with a number it is given.
#[derive(Debug)]
struct Solved {
    cost: Cost,
    picks: Vec<u64>,
    exact: Apportioned,
}

/// A child's admissible range and the apportionment inside it.
#[derive(Clone, Copy, Debug)]
struct Range {
    lo: u64,
    hi: u64,
    goal: u64,
}

/// Largest table of the exact search over ranges; beyond it the greedy rule of 4.1 decides.
const TABLE_LIMIT: u64 = 3_000_000;
/// Largest number of skew windows tried.
const WINDOW_LIMIT: usize = 4_096;

struct Solver<'t> {
    tree: &'t Tree<'t>,
    memo: HashMap<(usize, u64), Rc<Solved>>,
    /// For each node the units whose whole replicas are exactly what stands below it; only when that is what is asked.
    stands: Option<Vec<(u64, u64)>>,
    /// Units per place that were chosen already.
    chosen: Option<Vec<u64>>,
}

/// Places `ask.replicas` with the least movement.
///
/// # Errors
/// [`Refusal`] when the data contradicts itself, when floors exceed what there is, or on a strict shortage.
pub fn place(ask: &Ask<'_>) -> Result<Placement, Refusal> {
    let tree = Tree::build(ask)?;
    let root = &tree.nodes[tree.root];
    let wanted = tree.small(ask.replicas);
    if root.declared_floor > wanted {
        return Err(tree.minimums_exceed(tree.root, wanted));
    }
    let given = wanted.max(root.floor).min(root.cap.max(root.floor));
    let mut solver = Solver::new(&tree, given);
    let mut notes = Vec::new();
    if given < wanted {
        notes.push(Note::Short { placed: tree.replicas_of(given), wanted: ask.replicas });
    }
    solver.strict_shortage(tree.root, wanted)?;
    let mut target = vec![0u32; ask.workload.places.len()];
    let mut rows = Vec::new();
    solver.assign(tree.root, given, &mut target, &mut rows, &mut notes);
    Ok(Placement { target, rows, notes })
}

impl<'t> Solver<'t> {
    /// For sizes that differ, the one that leaves all as it stands if that can be; else the one that moves least.
    fn new(tree: &'t Tree<'t>, given: u64) -> Solver<'t> {
        if tree.ask.use_live && !tree.is_alike() {
            let mut still = Solver { tree, memo: HashMap::new(), stands: Some(tree.standing_units()), chosen: None };
            if still.below(tree.root, given)[0] == 0 {
                return still;
            }
        }
        Solver { tree, memo: HashMap::new(), stands: None, chosen: None }
    }

    fn shares(&self, node: &Node, n: u64) -> Vec<Share> {
        let nodes = &self.tree.nodes;
        let mut shares: Vec<Share> = node
            .children
            .iter()
            .map(|&c| Share { weight: nodes[c].weight, floor: nodes[c].floor, cap: nodes[c].cap })
            .collect();
        // Standbys come in when those with a weight cannot hold it (only a failover gives them `standby`).
        let room = shares.iter().filter(|s| s.weight > 0).fold(0u64, |sum, s| sum.saturating_add(s.cap));
        if room < n {
            for (share, &c) in shares.iter_mut().zip(&node.children) {
                if share.weight == 0 && nodes[c].standby {
                    share.weight = 1;
                }
            }
        }
        shares
    }

    /// The apportionment of `n` at a node with `min_domains` and `max_domains`, and the shares it ended with.
    fn exact(&self, node: &Node, n: u64) -> (Apportioned, Vec<Share>) {
        let mut shares = self.shares(node, n);
        if node.ordered {
            return (one_after_the_other(n, &shares), shares);
        }
        let method = node.spread.map_or(Method::Webster, |s| self.tree.ask.workload.spread[s].method);
        let divide = |shares: &[Share]| apportion(method, n, shares).unwrap_or_default();
        let mut found = divide(&shares);
        let Some(level) = node.spread.map(|s| &self.tree.ask.workload.spread[s]) else {
            return (found, shares);
        };
        let Some(least) = level.min_domains else {
            return (found, shares);
        };
        for _ in 0..shares.len() {
            // However the tie falls: the odd units may all go to domains that hold something already.
            let (held, empty): (Vec<usize>, Vec<usize>) = found.tied.iter().partition(|&&i| found.base[i] > 0);
            let sure = found.extra.saturating_sub(held.len()).min(empty.len());
            let holding = found.base.iter().filter(|&&b| b > 0).count() + sure;
            if holding >= least as usize {
                break;
            }
            let empty = (0..shares.len())
                .filter(|&i| found.base[i] == 0 && shares[i].floor == 0 && shares[i].cap > 0 && shares[i].weight > 0)
                .min_by_key(|&i| (std::cmp::Reverse(shares[i].weight), self.tie_key(node, i, 0)));
            let Some(empty) = empty else { break };
            shares[empty].floor = self.tree.small(1).min(shares[empty].cap);
            match apportion(method, n, &shares) {
                Ok(next) => found = next,
                Err(_) => {
                    shares[empty].floor = 0;
                    break;
                }
            }
        }
        (found, shares)
    }

    /// First difference wins; smaller is better: the incumbent, then the fixed rank (`prefer`, cost, hash, path).
    fn tie_key(&self, node: &Node, child: usize, has: u64) -> (i64, usize) {
        let c = &self.tree.nodes[node.children[child]];
        let incumbency = if self.tree.ask.use_live { has as i64 - c.live as i64 } else { 0 };
        (incumbency, c.rank)
    }

    /// What it costs below `child` to get `x`.
    fn below(&mut self, child: usize, x: u64) -> Cost {
        let node = &self.tree.nodes[child];
        if let Some(stands) = &self.stands {
            let (least, most) = stands[child];
            let mut cost = ZERO;
            cost[0] = i64::from(x < least || x > most);
            if cost[0] > 0 || node.place.is_some() {
                return cost;
            }
        }
        match node.place {
            Some(place) => {
                let mut cost = ZERO;
                if self.tree.ask.use_live {
                    let keeps = self.tree.replicas_at(place, x);
                    cost[0] = i64::from(self.tree.ask.existing[place].saturating_sub(keeps));
                }
                cost
            }
            None => self.solve(child, x).cost,
        }
    }

    /// The same with the distance from the goal at this depth.
    fn cost_at(&mut self, child: usize, depth: usize, range: &Range, x: u64) -> Cost {
        let mut cost = self.below(child, x);
        if self.stands.is_some() {
            return cost;
        }
        let away = x.abs_diff(range.goal).min(1 << 30) as i64;
        let at = 1 + 2 * depth.min(4);
        cost[at] = cost[at].saturating_add(away);
        cost[at + 1] = cost[at + 1].saturating_add(away * away);
        cost
    }

    fn solve(&mut self, id: usize, n: u64) -> Rc<Solved> {
        if let Some(known) = self.memo.get(&(id, n)) {
            return known.clone();
        }
        let tree = self.tree;
        let node = &tree.nodes[id];
        let (exact, shares) = self.exact(node, n);
        let (cost, picks) = self.resolve_tie(node, &exact);
        let lenient = match node.spread.map(|s| &tree.ask.workload.spread[s]) {
            None => !node.ordered,
            Some(level) => level.moving == Moving::Lazy && tree.tolerance(level, n) > 0,
        };
        let (cost, picks) = if lenient && tree.ask.use_live && exact.short == 0 {
            let ranges = self.ranges(node, n, &shares, &picks);
            match self.narrowed(node, n, &ranges) {
                Some(ranges) => self.within(node, n, &ranges),
                None => (cost, picks),
            }
        } else {
            (cost, picks)
        };
        let solved = Rc::new(Solved { cost, picks, exact });
        self.memo.insert((id, n), solved.clone());
        solved
    }

    /// Among the tied apportionments the one that costs least below, then the tie-break.
    fn resolve_tie(&mut self, node: &Node, exact: &Apportioned) -> (Cost, Vec<u64>) {
        let mut picks = exact.base.clone();
        let mut claims: Vec<(Cost, (i64, usize), usize)> = Vec::new();
        for &i in &exact.tied {
            let with = self.below(node.children[i], picks[i] + 1);
            let without = self.below(node.children[i], picks[i]);
            claims.push((minus(&with, &without), self.tie_key(node, i, picks[i]), i));
        }
        claims.sort();
        for (_, _, i) in claims.iter().take(exact.extra) {
            picks[*i] += 1;
        }
        let mut cost = ZERO;
        for (&child, &x) in node.children.iter().zip(&picks) {
            cost = plus(&cost, &self.below(child, x));
        }
        (cost, picks)
    }

    /// The admissible box of each child: the tolerance around its exact share, widened to hold the apportionment.
    fn ranges(&self, node: &Node, n: u64, shares: &[Share], goal: &[u64]) -> Vec<Range> {
        let level = node.spread.map(|s| &self.tree.ask.workload.spread[s]);
        let weights = self.weights_of_eligible(node);
        let total: u128 = weights.iter().map(|&w| u128::from(w)).sum();
        let slack = level.map(|level| u128::from(self.tree.tolerance(level, n)));
        (0..shares.len())
            .map(|i| {
                let (floor, cap) = (shares[i].floor.min(shares[i].cap), shares[i].cap);
                let (mut lo, mut hi) = (floor, cap.min(n));
                if let (Some(t), true) = (slack, total > 0) {
                    let product = u128::from(n) * u128::from(weights[i]);
                    lo = lo.max((product / total).saturating_sub(t) as u64);
                    hi = hi.min((product.div_ceil(total) + t).min(u128::from(u64::MAX)) as u64);
                    if shares[i].weight == 0 {
                        hi = floor;
                    }
                }
                Range { lo: lo.min(goal[i]).max(floor.min(goal[i])), hi: hi.max(goal[i]), goal: goal[i] }
            })
            .collect()
    }

    /// The ranges as far as they leave all as it stands; `None` when none of them does, or when `n` does not fit. The same ranges where
    /// that is not the question. It keeps the search as small as the rounding is.
    fn narrowed(&self, node: &Node, n: u64, ranges: &[Range]) -> Option<Vec<Range>> {
        let Some(stands) = &self.stands else { return Some(ranges.to_vec()) };
        let within = |(range, child): (&Range, &usize)| {
            let (lo, hi) = (range.lo.max(stands[*child].0), range.hi.min(stands[*child].1));
            (lo <= hi).then_some(Range { lo, hi, ..*range })
        };
        let narrow: Vec<Range> = ranges.iter().zip(&node.children).map(within).collect::<Option<_>>()?;
        let (low, high) = narrow.iter().fold((0u64, 0u64), |(l, h), r| (l + r.lo, h.saturating_add(r.hi)));
        (low <= n && n <= high).then_some(narrow)
    }

    fn weights_of_eligible(&self, node: &Node) -> Vec<u64> {
        node.children.iter().map(|&c| if self.tree.nodes[c].eligible { self.tree.nodes[c].weight } else { 0 }).collect()
    }

    /// The cheapest division of `n` inside the ranges, and inside `max_skew` where the level has one.
    fn within(&mut self, node: &Node, n: u64, ranges: &[Range]) -> (Cost, Vec<u64>) {
        let best = self.cheapest(node, n, ranges);
        let Some(most) = node.spread.and_then(|s| self.tree.ask.workload.spread[s].max_skew) else {
            return best;
        };
        let weights = self.weights_of_eligible(node);
        let total: i128 = weights.iter().map(|&w| i128::from(w)).sum();
        if total == 0 {
            return best;
        }
        let eligible: Vec<usize> = (0..ranges.len()).filter(|&i| self.tree.nodes[node.children[i]].eligible).collect();
        let away = |i: usize, x: u64| i128::from(x) * total - i128::from(n) * i128::from(weights[i]);
        let skew = |picks: &dyn Fn(usize) -> u64| {
            let all = eligible.iter().map(|&i| away(i, picks(i)));
            all.clone().max().unwrap_or(0) - all.min().unwrap_or(0)
        };
        let allowed = (i128::from(self.tree.small(most)) * total).max(skew(&|i| ranges[i].goal));
        if skew(&|i| best.1[i]) <= allowed {
            return best;
        }
        let mut starts: Vec<i128> = Vec::new();
        for &i in &eligible {
            for x in ranges[i].lo..=ranges[i].hi {
                if starts.len() >= WINDOW_LIMIT {
                    break;
                }
                starts.push(away(i, x));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let goal: Vec<u64> = ranges.iter().map(|r| r.goal).collect();
        let mut found = (self.total_cost(node, ranges, &goal), goal);
        for start in starts {
            let mut narrow = ranges.to_vec();
            for &i in &eligible {
                let share = i128::from(n) * i128::from(weights[i]);
                let least = (start + share + total - 1).div_euclid(total).max(0) as u64;
                let largest = (start + allowed + share).div_euclid(total);
                narrow[i].lo = narrow[i].lo.max(least);
                narrow[i].hi = if largest < 0 { 0 } else { narrow[i].hi.min(largest as u64) };
            }
            let (low, high) = narrow.iter().fold((0u64, 0u64), |(l, h), r| (l + r.lo, h.saturating_add(r.hi)));
            if narrow.iter().any(|r| r.lo > r.hi) || low > n || high < n {
                continue;
            }
            let next = self.cheapest(node, n, &narrow);
            if next.0 < found.0 {
                found = next;
            }
        }
        found
    }

    fn total_cost(&mut self, node: &Node, ranges: &[Range], picks: &[u64]) -> Cost {
        let mut cost = ZERO;
        for (i, &child) in node.children.iter().enumerate() {
            cost = plus(&cost, &self.cost_at(child, node.depth, &ranges[i], picks[i]));
        }
        cost
    }

    fn cheapest(&mut self, node: &Node, n: u64, ranges: &[Range]) -> (Cost, Vec<u64>) {
        if ranges.len() == 1 && self.tree.is_alike() {
            let all = vec![n.clamp(ranges[0].lo, ranges[0].hi.max(ranges[0].lo))];
            return (self.total_cost(node, ranges, &all), all);
        }
        let spare = n - ranges.iter().map(|r| r.lo).sum::<u64>().min(n);
        let widest = ranges.iter().map(|r| r.hi.saturating_sub(r.lo) + 1).max().unwrap_or(0).min(spare + 1);
        let table = (ranges.len() as u64).saturating_mul(spare + 1).saturating_mul(widest);
        if node.convex || table > TABLE_LIMIT {
            self.by_greed(node, n, ranges)
        } else {
            self.by_table(node, spare, ranges)
        }
    }

    /// Exact over any costs: the cheapest way to hand `spare` units above the lower ends to the children from `at` on.
    fn by_table(&mut self, node: &Node, spare: u64, ranges: &[Range]) -> (Cost, Vec<u64>) {
        // Earlier children of the order get more among equals, so the order is the tie-break's.
        let mut order: Vec<usize> = (0..ranges.len()).collect();
        order.sort_by_key(|&i| self.tie_key(node, i, ranges[i].goal));
        let width = spare as usize + 1;
        let mut rest: Vec<Option<Cost>> = vec![None; width];
        rest[0] = Some(ZERO);
        let mut chosen: Vec<Vec<u64>> = Vec::with_capacity(order.len());
        for &i in order.iter().rev() {
            let range = ranges[i];
            let steps = (range.hi - range.lo).min(spare);
            let costs: Vec<Cost> =
                (0..=steps).map(|d| self.cost_at(node.children[i], node.depth, &range, range.lo + d)).collect();
            let mut next: Vec<Option<Cost>> = vec![None; width];
            let mut choice = vec![0u64; width];
            for s in 0..width {
                for d in (0..=steps.min(s as u64)).rev() {
                    let Some(tail) = &rest[s - d as usize] else { continue };
                    let cost = plus(&costs[d as usize], tail);
                    if next[s].is_none_or(|best| cost < best) {
                        next[s] = Some(cost);
                        choice[s] = d;
                    }
                }
            }
            rest = next;
            chosen.push(choice);
        }
        let mut picks: Vec<u64> = ranges.iter().map(|r| r.lo).collect();
        let mut left = spare as usize;
        for (&i, choice) in order.iter().zip(chosen.iter().rev()) {
            picks[i] += choice[left];
            left -= choice[left] as usize;
        }
        (rest[spare as usize].unwrap_or(ZERO), picks)
    }

    /// Exact for convex costs (leaves alike in size): what stands, brought into the ranges, then one unit at a time.
    fn by_greed(&mut self, node: &Node, n: u64, ranges: &[Range]) -> (Cost, Vec<u64>) {
        let mut picks: Vec<u64> = (0..ranges.len())
            .map(|i| self.tree.nodes[node.children[i]].live.clamp(ranges[i].lo, ranges[i].hi.max(ranges[i].lo)))
            .collect();
        let up = picks.iter().sum::<u64>() < n;
        if node.convex && self.tree.is_alike() {
            level_off(&mut picks, n, ranges);
        }
        let mut sum: u64 = picks.iter().sum();
        let mut heap = std::collections::BinaryHeap::new();
        let offer = |this: &mut Self, i: usize, x: u64| {
            let (range, child) = (&ranges[i], node.children[i]);
            let here = this.cost_at(child, node.depth, range, x);
            let (next, key) = match up {
                true if x < range.hi => (x + 1, this.tie_key(node, i, x)),
                false if x > range.lo => {
                    let key = this.tie_key(node, i, x - 1);
                    (x - 1, (-key.0, usize::MAX - key.1))
                }
                _ => return None,
            };
            let there = this.cost_at(child, node.depth, range, next);
            Some(std::cmp::Reverse((minus(&there, &here), key, i)))
        };
        for (i, &pick) in picks.iter().enumerate() {
            heap.extend(offer(self, i, pick));
        }
        while sum != n {
            let Some(std::cmp::Reverse((_, _, i))) = heap.pop() else { break };
            if up {
                picks[i] += 1;
                sum += 1;
            } else {
                picks[i] -= 1;
                sum -= 1;
            }
            heap.extend(offer(self, i, picks[i]));
        }
        (self.total_cost(node, ranges, &picks), picks)
    }

    fn assign(&mut self, id: usize, n: u64, target: &mut [u32], rows: &mut Vec<Row>, notes: &mut Vec<Note>) {
        let node = &self.tree.nodes[id];
        if let Some(place) = node.place {
            target[place] = self.tree.replicas_at(place, n);
            let over = self.tree.rounded_up(place, n);
            if over > 0 {
                notes.push(Note::RoundedUp { place, units: over });
            }
            return;
        }
        let mut solved = self.solve(id, n);
        if let Some(units) = &self.chosen {
            let sum = |c: &usize| self.tree.nodes[*c].places.iter().map(|&p| units[p]).sum();
            let picks = node.children.iter().map(sum).collect();
            solved = Rc::new(Solved { cost: solved.cost, picks, exact: solved.exact.clone() });
        }
        if let Some(spread) = node.spread {
            rows.push(self.row(node, spread, n, &solved));
            self.notes_of(node, spread, n, &solved, notes);
        }
        for (&child, &x) in node.children.iter().zip(&solved.picks) {
            self.assign(child, x, target, rows, notes);
        }
    }

    fn row(&self, node: &Node, spread: usize, n: u64, solved: &Solved) -> Row {
        let tree = self.tree;
        let exact = &solved.exact;
        let apportioned = solved
            .picks
            .iter()
            .enumerate()
            .all(|(i, &x)| x == exact.base[i] || (x == exact.base[i] + 1 && exact.tied.contains(&i)));
        Row {
            spread,
            parent: node.above.clone(),
            domains: node
                .children
                .iter()
                .map(|&c| &tree.nodes[c])
                // Places that have left the spec are in no domain that it knows.
                .filter(|c| !c.name.is_empty())
                .map(|c| RowDomain {
                    name: c.name.clone(),
                    weight: c.weight,
                    eligible: c.eligible,
                    places: c.places.clone(),
                    min: c.min,
                })
                .collect(),
            tolerance: u64::from(tree.replicas_of(tree.tolerance(&tree.ask.workload.spread[spread], n))),
            apportioned,
        }
    }

    fn notes_of(&self, node: &Node, spread: usize, n: u64, solved: &Solved, notes: &mut Vec<Note>) {
        let tree = self.tree;
        let level = &tree.ask.workload.spread[spread];
        if let Some(want) = level.min_domains {
            let have = solved.picks.iter().filter(|&&x| x > 0).count() as u32;
            if have < want {
                notes.push(Note::MinDomains { spread, have, want });
            }
        }
        let short = self.shortages(node, n);
        for &(i, share) in &short {
            if level.on_shortage == OnShortage::Prefer {
                let (share, gets) = (tree.replicas_of(share), tree.replicas_of(solved.picks[i]));
                notes.push(Note::TolerateQuota {
                    spread,
                    domain: tree.nodes[node.children[i]].name.clone(),
                    share,
                    gets,
                });
            }
        }
        let weights = self.weights_of_eligible(node);
        let total: u128 = weights.iter().map(|&w| u128::from(w)).sum();
        let free = node.children.iter().all(|&c| tree.nodes[c].floor == 0 && tree.nodes[c].cap >= n);
        for (i, &x) in solved.exact.base.iter().enumerate() {
            let away = (u128::from(x) * total).abs_diff(u128::from(n) * u128::from(weights[i]));
            if free && total > 0 && solved.picks[i] == x && away >= total {
                notes.push(Note::OutsideQuota { spread, domain: tree.nodes[node.children[i]].name.clone() });
            }
        }
    }

    /// Children whose room (not an operator's word) is less than their share: `(child, share)`.
    fn shortages(&self, node: &Node, n: u64) -> Vec<(usize, u64)> {
        let nodes = &self.tree.nodes;
        let shares: Vec<Share> = node
            .children
            .iter()
            .map(|&c| Share {
                weight: nodes[c].weight,
                floor: nodes[c].floor.min(nodes[c].cap_without_quota),
                cap: nodes[c].cap_without_quota,
            })
            .collect();
        let method = node.spread.map_or(Method::Webster, |s| self.tree.ask.workload.spread[s].method);
        let Ok(free) = apportion(method, n, &shares) else { return Vec::new() };
        let short = |&i: &usize| free.base[i] > nodes[node.children[i]].cap;
        (0..shares.len()).filter(short).map(|i| (i, free.base[i])).collect()
    }

    /// Refuses when a strict level cannot give its domains their share.
    fn strict_shortage(&mut self, id: usize, n: u64) -> Result<(), Refusal> {
        let tree = self.tree;
        let node = &tree.nodes[id];
        let Some(spread) = node.spread else {
            // A group that is full is what the next one is for; only what stands below is strict.
            let solved = node.ordered.then(|| self.solve(id, n.max(node.floor).min(node.cap.max(node.floor))));
            for (&child, &x) in solved.iter().flat_map(|s| node.children.iter().zip(&s.picks)) {
                self.strict_shortage(child, x)?;
            }
            return Ok(());
        };
        let level = &tree.ask.workload.spread[spread];
        let short = self.shortages(node, n);
        if level.on_shortage == OnShortage::Strict && !tree.ask.lenient && !short.is_empty() {
            let domains: Vec<(String, u32)> = short
                .iter()
                .map(|&(i, share)| {
                    let child = &tree.nodes[node.children[i]];
                    (child.name.clone(), tree.replicas_of(share - child.cap))
                })
                .collect();
            let mut ways_out = vec![WayOut::PreferOnShortage(level.site)];
            for &(i, share) in &short {
                let child = &tree.nodes[node.children[i]];
                for &place in &child.places {
                    let location = &tree.ask.topology.locations[tree.ask.workload.places[place].location];
                    let more = share - child.cap;
                    if let (Some(room), 1) = (tree.ask.room[place], child.places.len()) {
                        let to = room.saturating_add(tree.replicas_at(place, more));
                        ways_out.push(WayOut::RaiseCap { site: location.site, name: location.name.clone(), to });
                    }
                }
            }
            let mut lines = vec![level.site, tree.ask.workload.replicas_site];
            lines.extend(short.iter().flat_map(|&(i, _)| tree.sites_of(node.children[i])));
            return Err(Refusal::Shortage {
                short: domains.iter().map(|d| d.1).sum(),
                level: level.level.clone(),
                domains,
                lines,
                ways_out,
            });
        }
        let given = n.max(node.floor).min(node.cap.max(node.floor));
        let solved = self.solve(id, given);
        for (&child, &x) in node.children.iter().zip(&solved.picks) {
            self.strict_shortage(child, x)?;
        }
        Ok(())
    }
}

/// Floors first; then each child up to its room before the next gets anything.
fn one_after_the_other(n: u64, shares: &[Share]) -> Apportioned {
    let mut base: Vec<u64> = shares.iter().map(|s| s.floor.min(s.cap)).collect();
    let mut left = n.saturating_sub(base.iter().sum());
    for (seats, share) in base.iter_mut().zip(shares) {
        let more = share.cap.saturating_sub(*seats).min(left);
        *seats += more;
        left -= more;
    }
    Apportioned { base, short: left, ..Apportioned::default() }
}

/// Takes the steps of the greedy rule that no tie decides in one go. A unit goes to where most is missing to the apportionment, and
/// comes from where most is above it: what is missing is brought to one level, and only what is left at that level is for the tie.
fn level_off(picks: &mut [u64], n: u64, ranges: &[Range]) {
    let sum: u64 = picks.iter().sum();
    let missing = |i: usize, x: u64| i128::from(ranges[i].goal) - i128::from(x);
    // Units that bring child `i` to the level, inside its range.
    let units = |i: usize, level: i128, picks: &[u64]| -> u64 {
        let (away, room) = match sum < n {
            true => (missing(i, picks[i]) - level, ranges[i].hi.saturating_sub(picks[i])),
            false => (level - missing(i, picks[i]), picks[i].saturating_sub(ranges[i].lo)),
        };
        away.clamp(0, i128::from(room)) as u64
    };
    let wanted = sum.abs_diff(n);
    let all = |level: i128, picks: &[u64]| (0..picks.len()).map(|i| u128::from(units(i, level, picks))).sum::<u128>();
    // The level that moves as much as possible and no more than wanted; levels lie within the sums at hand.
    let bound = i128::from(n.max(sum)) + ranges.iter().map(|r| i128::from(r.goal)).max().unwrap_or(0) + 1;
    let (mut near, mut far) = (if sum < n { bound } else { -bound }, if sum < n { -bound } else { bound });
    while (near - far).abs() > 1 {
        let middle = far + (near - far) / 2;
        if all(middle, picks) <= u128::from(wanted) { near = middle } else { far = middle }
    }
    let moved: Vec<u64> = (0..picks.len()).map(|i| units(i, near, picks)).collect();
    for (pick, units) in picks.iter_mut().zip(moved) {
        *pick = if sum < n { *pick + units } else { *pick - units };
    }
}

/// Whether all replicas of a workload are of one size, so that one unit is one replica.
pub fn alike(units: &[u32], scale: u32) -> bool {
    gcd_of_units(units, scale) == u64::from(scale.max(1)) && units.iter().all(|&u| u == scale)
}
