//! The target against the ratio, level by level from the outside, and the spread table's numbers.

use super::apportion::{Claim, misplaced, tolerance_box};
use super::finding::{Fault, Finding, NotTouched};
use super::loss::{Losses, combinations, each_subset};
use super::target::holds_back;
use super::view::{Use, View};
use crate::spread::decision::SpreadRow;
use crate::spread::model::{Method, Moving, Ratio, SpreadLevel};
use std::collections::BTreeMap;

/// Largest total for which Webster seats are dealt out one by one.
const MOST_SEATS: u64 = 1_000_000;

/// A domain under one parent.
pub(super) struct Domain {
    pub name: String,
    pub places: Vec<usize>,
    pub claim: Claim,
    pub eligible: bool,
    pub after: u64,
}

/// The domains of one spread block under one parent.
pub(super) struct Group {
    pub level: usize,
    /// The domains above, as `(level, name)`.
    pub parent: Vec<(String, String)>,
    pub domains: Vec<Domain>,
}

/// The domains above, as `(level, name)`, and the places below them.
type Below = (Vec<(String, String)>, Vec<usize>);

/// All groups, outermost first.
pub(super) fn groups(view: &View<'_>) -> Vec<Group> {
    let mut all = Vec::new();
    let mut open: Vec<Below> = match view.rules.overflow.is_empty() {
        true => vec![(Vec::new(), (0..view.places()).collect())],
        false => {
            filled(view).into_iter().map(|(name, places)| (vec![("overflow".to_string(), name)], places)).collect()
        }
    };
    for (index, level) in view.rules.spread.iter().enumerate() {
        let mut next = Vec::new();
        for (parent, places) in open {
            let group = group(view, index, level, parent, &places);
            for domain in &group.domains {
                let mut below = group.parent.clone();
                below.push((level.level.clone(), domain.name.clone()));
                next.push((below, domain.places.clone()));
            }
            all.push(group);
        }
        open = next;
    }
    all
}

/// The overflow groups with their places, in order; what belongs to none stands in the last.
fn filled(view: &View<'_>) -> Vec<(String, Vec<usize>)> {
    let groups = &view.rules.overflow;
    let of = |p: usize| groups.iter().position(|g| g.locations.contains(&view.location(p).name));
    let last = groups.len().saturating_sub(1);
    let members = |k: usize| (0..view.places()).filter(|p| of(*p).unwrap_or(last) == k).collect::<Vec<_>>();
    let all = groups.iter().enumerate().map(|(k, g)| (g.name.clone(), members(k)));
    all.filter(|(_, places)| !places.is_empty()).collect()
}

/// No group holds more than it must while one before it has room.
fn in_order(view: &View<'_>, out: &mut Vec<Finding>) {
    let groups: Vec<(String, u64, u64, u64)> = filled(view)
        .into_iter()
        .map(|(name, places)| {
            let (floor, cap) = bounds(view, 0, &places);
            let most = view.rules.overflow.iter().find(|g| g.name == name).and_then(|g| g.max).map(u64::from);
            let has = places.iter().map(|p| u64::from(view.decision.after[*p])).sum();
            (name, floor, cap.min(most.unwrap_or(u64::MAX)).max(floor), has)
        })
        .collect();
    for (i, (under, _, cap, holds)) in groups.iter().enumerate() {
        let spilled = groups[i + 1..].iter().find(|(_, floor, _, has)| has > floor);
        if let (true, Some((over, _, _, has))) = (holds < cap, spilled) {
            let (over, under) = (over.clone(), under.clone());
            view.report(out, Fault::Ratio { level: "overflow".into(), over, has: *has, under, holds: *holds });
        }
    }
}

fn group(view: &View<'_>, index: usize, level: &SpreadLevel, parent: Vec<(String, String)>, places: &[usize]) -> Group {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for p in places {
        if let Some(name) = view.location(*p).domains.get(&level.level) {
            members.entry(name).or_default().push(*p);
        }
    }
    let domains = members
        .into_iter()
        .map(|(name, places)| {
            let weight = weight(level, name);
            let (floor, cap) = limited(view, level, name, bounds(view, index + 1, &places));
            let takes_part =
                |p: &usize| !matches!(view.uses[*p], Use::Leaving | Use::Not(NotTouched::Down | NotTouched::Lost));
            Domain {
                name: name.to_string(),
                claim: Claim { weight, floor, cap },
                eligible: is_meant(level, name) && places.iter().any(takes_part),
                after: places.iter().map(|p| u64::from(view.decision.after[*p])).sum(),
                places,
            }
        })
        .collect();
    Group { level: index, parent, domains }
}

/// Whether the block speaks of a domain, be it with weight 0.
fn is_meant(level: &SpreadLevel, name: &str) -> bool {
    let named = match &level.ratio {
        Ratio::Even => true,
        Ratio::Weights { parts, rest } => rest.is_some() || parts.iter().any(|(n, _)| n == name),
    };
    named && level.over.as_ref().is_none_or(|over| over.iter().any(|o| o == name))
}

/// The part of a domain in the ratio; 0 takes no part.
fn weight(level: &SpreadLevel, name: &str) -> u64 {
    if level.over.as_ref().is_some_and(|over| !over.iter().any(|o| o == name)) {
        return 0;
    }
    match &level.ratio {
        Ratio::Even => 1,
        Ratio::Weights { parts, rest } => {
            parts.iter().find(|(n, _)| n == name).map(|(_, w)| *w).or(*rest).map_or(0, u64::from)
        }
    }
}

/// Least and most that some places may be given together, under the blocks from `depth` inwards.
fn bounds(view: &View<'_>, depth: usize, places: &[usize]) -> (u64, u64) {
    let sum = |a: (u64, u64), b: (u64, u64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
    let Some(level) = view.rules.spread.get(depth) else {
        return places.iter().map(|p| leaf(view, *p)).fold((0, 0), sum);
    };
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for p in places {
        members.entry(view.location(*p).domains.get(&level.level).map_or("", String::as_str)).or_default().push(*p);
    }
    members.iter().map(|(name, places)| limited(view, level, name, bounds(view, depth + 1, places))).fold((0, 0), sum)
}

/// Bounds of a domain under its own minimum and maximum; one without weight is given nothing, unless it stands by and others are lost.
fn limited(view: &View<'_>, level: &SpreadLevel, name: &str, (floor, cap): (u64, u64)) -> (u64, u64) {
    let own = |limits: &BTreeMap<String, u32>| limits.get(name).or(limits.get("*")).map(|n| u64::from(*n));
    let stands_in = view.is_after_loss() && level.standby.iter().any(|s| s == name);
    let most = match weight(level, name) {
        0 if !stands_in => own(&level.min).unwrap_or(0),
        _ => own(&level.max).unwrap_or(u64::MAX),
    };
    let cap = cap.min(most).max(floor);
    (floor.max(own(&level.min).unwrap_or(0)).min(cap), cap)
}

/// Replicas that stand whatever the number asked for, by places that are held and by minimums.
pub(super) fn least(view: &View<'_>) -> u64 {
    bounds(view, 0, &(0..view.places()).collect::<Vec<_>>()).0
}

/// Least and most a place may be given.
fn leaf(view: &View<'_>, p: usize) -> (u64, u64) {
    let before = u64::from(view.decision.existing[p]);
    let stays = if view.may_remove && !holds_back(view) { 0 } else { before };
    match view.uses[p] {
        Use::Not(NotTouched::Lost) => (view.decision.after[p].into(), view.decision.after[p].into()),
        Use::Not(_) => (before, before),
        Use::Leaving => (stays, stays),
        Use::Cordoned => (stays, view.target_room(p).unwrap_or(before).min(before).max(stays)),
        Use::Open => (stays, view.target_room(p).unwrap_or(u64::MAX).max(stays)),
    }
}

/// Ratio, limits and the table.
pub(super) fn check(view: &View<'_>, out: &mut Vec<Finding>) {
    let mixed = view.rules.places.iter().any(|p| p.unit != view.rules.scale);
    let groups = groups(view);
    if !view.is_destroy() && !mixed {
        for group in &groups {
            shares(view, group, out);
        }
        moves(view, &groups, out);
        in_order(view, out);
    }
    // A destroy has no target to show.
    if !view.is_destroy() {
        rows(view, &groups, out);
    }
}

fn title(view: &View<'_>, group: &Group) -> String {
    let mut title = view.rules.spread[group.level].level.clone();
    for (level, name) in &group.parent {
        title.push_str(&format!(" in {level} {name}"));
    }
    title
}

fn shares(view: &View<'_>, group: &Group, out: &mut Vec<Finding>) {
    let level = &view.rules.spread[group.level];
    let mut within = true;
    for domain in &group.domains {
        let Claim { floor, cap, .. } = domain.claim;
        if domain.after < floor || domain.after > cap {
            within = false;
            let what = format!("{} {}", title(view, group), domain.name);
            view.report(out, Fault::Outside { what, has: domain.after, least: floor, most: cap });
        }
    }
    let standby = !level.standby.is_empty() && view.is_after_loss();
    // How many domains an inner block allows bounds this one in a way that is not summed up here.
    let inner = view.rules.spread.iter().skip(group.level + 1).any(|l| l.max_domains.is_some());
    if !within || standby || inner {
        return;
    }
    let seats: Vec<u64> = group.domains.iter().map(|d| d.after).collect();
    let claims = narrowed(level, group, &seats);
    let total: u64 = seats.iter().sum();
    let tolerance = level.tolerance.floor_of(u32::try_from(total).unwrap_or(u32::MAX));
    if level.method == Method::LargestRemainder || (tolerance > 0 && level.moving == Moving::Lazy) {
        in_box(view, group, &claims, tolerance, out);
    } else if let Some((over, under)) = misplaced(&claims, &seats) {
        let (over, under) = (&group.domains[over], &group.domains[under]);
        view.report(
            out,
            Fault::Ratio {
                level: title(view, group),
                over: over.name.clone(),
                has: over.after,
                under: under.name.clone(),
                holds: under.after,
            },
        );
    }
}

/// The claims under `min_domains` and `max_domains`: where the limit binds, the domains that were chosen.
fn narrowed(level: &SpreadLevel, group: &Group, seats: &[u64]) -> Vec<Claim> {
    let used = seats.iter().filter(|s| **s > 0).count() as u64;
    let fewest = level.min_domains.is_some_and(|n| used <= u64::from(n));
    let most = level.max_domains.is_some_and(|n| used >= u64::from(n));
    let domains = group.domains.iter().zip(seats);
    domains
        .map(|(d, s)| {
            let mut claim = d.claim;
            if fewest && *s > 0 {
                claim.floor = claim.floor.max(1);
            }
            if most && *s <= claim.floor {
                claim.cap = claim.floor;
            }
            claim
        })
        .collect()
}

/// Most placements that are gone through to see whether one takes fewer replicas away.
const MOST_PLACEMENTS: u64 = 4_000;

/// No admissible placement takes fewer replicas away: by listing them, where there is one block, one place in each of its
/// domains, and few enough.
fn moves(view: &View<'_>, groups: &[Group], out: &mut Vec<Finding>) {
    let ([level], [group]) = (view.rules.spread.as_slice(), groups) else { return };
    let limits = level.max_skew.is_some() || level.min_domains.is_some() || level.max_domains.is_some();
    let alone = group.domains.iter().all(|d| d.places.len() == 1);
    let held = !view.may_remove || holds_back(view) || view.is_after_loss() || level.method != Method::Webster;
    let total: u64 = group.domains.iter().map(|d| d.after).sum();
    let n = group.domains.len();
    if limits || !alone || held || n == 0 || total > 40 || combinations(total as usize + n - 1, n - 1) > MOST_PLACEMENTS
    {
        return;
    }
    let claims: Vec<Claim> = group.domains.iter().map(|d| d.claim).collect();
    let before: Vec<u64> = group.domains.iter().map(|d| u64::from(view.decision.existing[d.places[0]])).collect();
    let removes = |seats: &[u64]| before.iter().zip(seats).map(|(b, s)| b.saturating_sub(*s)).sum::<u64>();
    let tolerance = level.tolerance.floor_of(u32::try_from(total).unwrap_or(u32::MAX));
    let eligible: Vec<bool> = group.domains.iter().map(|d| d.eligible).collect();
    let range = (tolerance > 0 && level.moving == Moving::Lazy)
        .then(|| tolerance_box(&claims, total, tolerance, &eligible))
        .flatten();
    let admits = |seats: &[u64]| {
        claims.iter().zip(seats).all(|(c, s)| (c.floor..=c.cap).contains(s))
            && match &range {
                Some(range) => range.iter().zip(seats).all(|((least, most), s)| (*least..=*most).contains(s)),
                None => misplaced(&claims, seats).is_none(),
            }
    };
    // A placement that breaks more rules than the target is no better one.
    let meters: Vec<(Losses, u64)> = view
        .rules
        .survive
        .iter()
        .map(|r| {
            let events = view.ground.events_of(view.topology, &r.of);
            let losses = Losses::new(&view.ground, &events, r.losses as usize, &view.rules.accepted);
            (losses, view.bound(r.floor))
        })
        .collect();
    let broken = |seats: &[u64]| {
        let mut placed = vec![0u32; view.places()];
        for (domain, seats) in group.domains.iter().zip(seats) {
            placed[domain.places[0]] = u32::try_from(*seats).unwrap_or(u32::MAX);
        }
        let units = view.units(&placed);
        meters.iter().filter(|(losses, bound)| losses.worst(&units) < *bound).count()
    };
    let target: Vec<u64> = group.domains.iter().map(|d| d.after).collect();
    let breaks = broken(&target);
    let mut enough = u64::MAX;
    each_subset(total as usize + n - 1, n - 1, &mut |bars| {
        let mut seats = Vec::with_capacity(n);
        let mut from = 0;
        for bar in bars.iter().copied().chain([total as usize + n - 1]) {
            seats.push((bar - from) as u64);
            from = bar + 1;
        }
        if removes(&seats) < enough && admits(&seats) && broken(&seats) <= breaks {
            enough = removes(&seats);
        }
    });
    let removes = removes(&target);
    if removes > enough {
        view.report(out, Fault::Moves { removes, enough });
    }
}

fn in_box(view: &View<'_>, group: &Group, claims: &[Claim], tolerance: u64, out: &mut Vec<Finding>) {
    let total: u64 = group.domains.iter().map(|d| d.after).sum();
    if total > MOST_SEATS {
        return;
    }
    let eligible: Vec<bool> = group.domains.iter().map(|d| d.eligible).collect();
    let Some(range) = tolerance_box(claims, total, tolerance, &eligible) else { return };
    for ((domain, claim), (least, most)) in group.domains.iter().zip(claims).zip(range) {
        let (least, most) = (least.min(claim.cap), most.max(claim.floor));
        if domain.after < least || domain.after > most {
            let what = format!("{} {}", title(view, group), domain.name);
            view.report(out, Fault::Outside { what, has: domain.after, least, most });
        }
    }
}

/// The table shows every group, with the sums of the places.
fn rows(view: &View<'_>, groups: &[Group], out: &mut Vec<Finding>) {
    for group in groups {
        let row = view.decision.spread.iter().find(|r| r.index == group.level && r.parent == group.parent);
        match row {
            Some(row) => row_numbers(view, group, row, out),
            None if group.domains.is_empty() => {}
            None => view.report(out, Fault::Missing { what: format!("the spread of {}", title(view, group)) }),
        }
    }
}

fn row_numbers(view: &View<'_>, group: &Group, row: &SpreadRow, out: &mut Vec<Finding>) {
    let d = view.decision;
    for domain in &group.domains {
        let what = |of: &str| format!("{} {} {of}", title(view, group), domain.name);
        let Some(shown) = row.domains.iter().find(|s| s.name == domain.name) else {
            view.report(out, Fault::Missing { what: what("in the spread table") });
            continue;
        };
        let sum = |of: &dyn Fn(usize) -> u32| domain.places.iter().map(|p| i128::from(of(*p))).sum::<i128>();
        view.compare(out, || what("before"), shown.existing.into(), sum(&|p| d.existing[p]));
        view.compare(out, || what("serving at least"), shown.before.lo.into(), sum(&|p| d.before[p].lo));
        view.compare(out, || what("serving at most"), shown.before.hi.into(), sum(&|p| d.before[p].hi));
        view.compare(out, || what("after"), shown.after.into(), sum(&|p| d.after[p]));
        view.compare(out, || what("by the ratio alone"), shown.canonical.into(), sum(&|p| d.canonical[p]));
    }
    if row.domains.len() > group.domains.len() {
        view.report(out, Fault::Shape { what: format!("the spread of {} shows unknown domains", title(view, group)) });
    }
    let (num, den) = row.skew_after;
    let (value, weights) = skew(group, |p| u64::from(d.after[p]));
    if i128::from(num) * i128::from(weights) != i128::from(value) * i128::from(den) || den <= 0 {
        let what = format!("the skew of {} after, times {weights},", title(view, group));
        view.report(out, Fault::Number { what, claimed: i128::from(num) * i128::from(weights), found: value.into() });
    }
}

/// Skew times the sum of the weights, and that sum, over eligible domains (`spread.md` 4.2).
pub(super) fn skew(group: &Group, count: impl Fn(usize) -> u64) -> (i64, u64) {
    let eligible: Vec<(u64, u64)> = group
        .domains
        .iter()
        .filter(|d| d.eligible)
        .map(|d| (d.claim.weight, d.places.iter().map(|p| count(*p)).sum()))
        .collect();
    let weights: u64 = eligible.iter().map(|(w, _)| w).sum();
    let total: u64 = eligible.iter().map(|(_, n)| n).sum();
    let off = |(w, n): &(u64, u64)| i128::from(*n) * i128::from(weights) - i128::from(*w) * i128::from(total);
    let most = eligible.iter().map(off).max().unwrap_or(0);
    let least = eligible.iter().map(off).min().unwrap_or(0);
    (i64::try_from(most - least).unwrap_or(i64::MAX), weights.max(1))
}
