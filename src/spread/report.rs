//! Writing a decision down: tables, verdicts and margins from a finished placement and its steps.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::breaches;
use super::cut_sets::{Merged, margin, merge_with_control};
use super::decide::{canonical_of, cut_sets_of, group_of, judge_all, notes};
use super::decision::*;
use super::judge::{GROWN_LOSSES, Loss, State, bound_of, doubts, growth_verdict, recover, unseen};
use super::model::{Event, LossOf};
use super::place::{Placement, Row, place};
use super::slots::Work;
use super::survive::RuleMeter;
use super::tree::{Ask, Standing};
use super::world::World;

/// Losses of a rule looked at for [`PlaceBounds::peak`].
const PEAK_LOSSES: usize = 2_000;

/// Everything a decision is written from.
pub struct Facts<'w> {
    /// The surroundings.
    pub world: World<'w>,
    /// The target.
    pub placement: Placement,
    /// The apportionment without regard to what is live.
    pub canonical: Placement,
    /// The survive rules, ready to be asked.
    pub meters: Vec<RuleMeter>,
    /// Merged events.
    pub merged: Merged,
    /// Which replicas.
    pub changes: Vec<PlaceChanges>,
    /// How many.
    pub work: Vec<Work>,
    /// What stands.
    pub before: State,
    /// What will stand.
    pub after: State,
    /// The target with every location well.
    pub healthy: State,
    /// The order.
    pub steps: Vec<Step>,
    /// Workloads whose steps come before these.
    pub follows: Vec<String>,
    /// Its target is not the one it was to have, because others give back that room only after it.
    pub held_up: bool,
    /// When it was decided, among the workloads that share room with it.
    pub turn: usize,
}

/// The decision.
pub fn write(facts: &Facts<'_>) -> Decision {
    let Facts { world, placement, canonical, merged, changes, before, after, steps, .. } = facts;
    let halves: BTreeSet<&Vec<u32>> = steps.iter().map(|s| &s.half_done).chain([&before.lo]).collect();
    let floor = cut_floor(world);
    let cuts = cut_sets_of(world, merged, &before.lo, floor);
    let cut_sets = CutSetDiff {
        after: if after.lo == before.lo { cuts.clone() } else { cut_sets_of(world, merged, &after.lo, floor) },
        before: cuts,
        aliases: merged.aliases.clone(),
    };
    let worst = worst_margin(world, merged, floor, steps).min(cut_sets.before.margin);
    let alarm = |margin: u32| world.workload.alarm_below.is_some_and(|below| margin < below);
    // Where nothing stands yet, nothing was lost.
    let stands = world.existing.iter().any(|n| *n > 0);
    let margin = Margin {
        before: cut_sets.before.margin,
        worst_during: worst,
        after: cut_sets.after.margin,
        alarm_before: stands && alarm(cut_sets.before.margin),
        alarm_after: alarm(cut_sets.after.margin),
    };
    let rules = rule_reports(facts, &halves);
    let healthy: Vec<Judgement> = rules.iter().map(|r| r.healthy.clone()).collect();
    let deferred = changes.iter().map(|c| c.deferred.len() as u32).sum();
    Decision {
        mode: world.mode.clone(),
        replicas: world.replicas,
        scale: world.scale() as u32,
        before: world.ready.clone(),
        existing: world.existing.clone(),
        after: placement.target.clone(),
        after_ready: after_ready(facts),
        canonical: canonical.target.clone(),
        room: world.room.clone(),
        others: world.others.iter().map(|n| (*n).min(u64::from(u32::MAX)) as u32).collect(),
        follows: facts.follows.clone(),
        bounds: place_bounds(facts),
        changes: changes.clone(),
        spread: placement.rows.iter().map(|row| spread_row(facts, row)).collect(),
        breaches: breaches(world, placement, &healthy),
        rules,
        floor: floor_report(facts, &halves),
        losses: losses(facts, &halves),
        margin,
        cost: costs(facts),
        notes: {
            let mut notes = notes(world, placement, &cut_sets.after, merged, deferred);
            notes.extend(facts.held_up.then_some(Note::HeldUp));
            notes.extend((!facts.follows.is_empty()).then(|| Note::Follows(facts.follows.clone())));
            notes
        },
        cut_sets,
        steps: steps.clone(),
    }
}

fn after_ready(facts: &Facts<'_>) -> Vec<Interval> {
    let world = &facts.world;
    (0..world.ready.len())
        .map(|p| match world.standing[p] {
            Standing::Frozen | Standing::Dead | Standing::Lost => world.ready[p],
            _ => Interval { lo: facts.after.lo[p], hi: facts.after.hi[p] },
        })
        .collect()
}

/// The floor of `Up` (4.8): the smallest at-once floor among the survive rules, else `demand`, else the serving floor.
pub fn cut_floor(world: &World<'_>) -> Units {
    let workload = world.workload;
    let rules = workload.survive.iter().map(|rule| bound_of(world, rule.floor)).min();
    rules
        .or(workload.demand.map(|d| Units::from(d) * world.scale()))
        .unwrap_or_else(|| bound_of(world, workload.floor_serving))
}

/// The least margin at any half-done state.
pub fn worst_margin(world: &World<'_>, merged: &Merged, floor: Units, steps: &[Step]) -> u32 {
    let order = world.workload.max_order;
    let at = |ready: &[u32]| margin(&world.exposure, merged, ready, floor, order);
    let states: BTreeSet<&Vec<u32>> = steps.iter().map(|s| &s.half_done).collect();
    // Fewer replicas never have more margin: the least of all states, place by place, bounds them all from below.
    let mut least = world.lo.clone();
    for state in &states {
        for (l, s) in least.iter_mut().zip(state.iter()) {
            *l = (*l).min(*s);
        }
    }
    let bound = at(&least);
    let mut worst = at(&world.lo);
    for state in states {
        if worst == bound {
            break;
        }
        worst = worst.min(at(state));
    }
    worst
}

fn rule_reports(facts: &Facts<'_>, halves: &BTreeSet<&Vec<u32>>) -> Vec<RuleReport> {
    let world = &facts.world;
    let all_well = &facts.healthy;
    let before = judge_all(world, &facts.meters, &facts.before);
    // A plan that changes nothing where all is well has one state, which is judged once.
    let after =
        if facts.after.is_like(&facts.before) { before.clone() } else { judge_all(world, &facts.meters, &facts.after) };
    let healthy =
        if all_well.is_like(&facts.after) { after.clone() } else { judge_all(world, &facts.meters, all_well) };
    let judged = before.into_iter().zip(after).zip(healthy).enumerate();
    judged
        .map(|(index, ((before, after), healthy))| {
            let rule = &world.workload.survive[index];
            let worst = halves.iter().map(|h| facts.meters[index].worst(&world.exposure, h).0).min();
            RuleReport {
                index,
                id: rule.id.clone(),
                of: rule.of.clone(),
                losses: rule.losses,
                floor: after.floor,
                worst_during: worst.unwrap_or(before.alive),
                before,
                after,
                healthy,
            }
        })
        .collect()
}

fn floor_report(facts: &Facts<'_>, halves: &BTreeSet<&Vec<u32>>) -> FloorReport {
    let world = &facts.world;
    let total = |ready: &[u32]| world.exposure.total(ready);
    let floor = bound_of(world, world.workload.floor_serving);
    let (lo, hi) = (total(&facts.after.lo), total(&facts.after.hi));
    // What nobody looks at is assumed to serve, and proves nothing.
    let seen = floor == 0 || unseen(world, &facts.after).is_empty();
    let verdict = match () {
        () if lo >= floor && seen => Verdict::Pass,
        () if hi < floor => Verdict::Fail,
        () => Verdict::NotProven,
    };
    FloorReport {
        floor,
        before: (total(&facts.before.lo), total(&facts.before.hi)),
        after: (lo, hi),
        worst_during: halves.iter().map(|h| total(h)).min().unwrap_or(0),
        verdict,
    }
}

fn spread_row(facts: &Facts<'_>, row: &Row) -> SpreadRow {
    let world = &facts.world;
    let sum = |of: &[u32], places: &[usize]| places.iter().map(|&p| of[p]).sum::<u32>();
    let (lo, hi): (Vec<u32>, Vec<u32>) = world.ready.iter().map(|r| (r.lo, r.hi)).unzip();
    let domains: Vec<DomainRow> = row
        .domains
        .iter()
        .map(|d| DomainRow {
            name: d.name.clone(),
            weight: d.weight,
            eligible: d.eligible,
            existing: sum(&world.existing, &d.places),
            before: Interval { lo: sum(&lo, &d.places), hi: sum(&hi, &d.places) },
            after: sum(&facts.placement.target, &d.places),
            canonical: sum(&facts.canonical.target, &d.places),
        })
        .collect();
    let skew = |of: &[u32]| {
        group_of(row).map_or((0, 1), |group| {
            let skew = group.skew(&|p| Units::from(of[p]) * world.exposure.units[p]);
            let whole = group.weights * i128::from(world.scale());
            let common = gcd(skew.unsigned_abs(), whole.unsigned_abs()).max(1) as i128;
            let fit = |v: i128| v.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
            (fit(skew / common), fit(whole / common))
        })
    };
    let moved = domains.iter().any(|d| d.existing != d.after);
    SpreadRow {
        index: row.spread,
        level: world.workload.spread[row.spread].level.clone(),
        parent: row.parent.clone(),
        tolerance: row.tolerance,
        max_skew: world.workload.spread[row.spread].max_skew,
        skew_before: skew(&lo),
        skew_after: skew(&facts.placement.target),
        drift: match (moved, row.apportioned) {
            (true, _) => DriftClass::Drift,
            (false, true) => DriftClass::None,
            (false, false) => DriftClass::Tolerated,
        },
        domains,
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Least and most replicas each place is ever asked to hold.
fn place_bounds(facts: &Facts<'_>) -> Vec<PlaceBounds> {
    let world = &facts.world;
    let n = world.existing.len();
    let (least, most) = match world.workload.scaling {
        Some(scaling) => (scaling.min, scaling.max.max(scaling.min)),
        None => (world.replicas, world.replicas),
    };
    let at = |replicas: u32| canonical_of(world, replicas).map_or(vec![0; n], |p| p.target);
    let (min, full) = (at(least), at(most));
    let mut peak = full.clone();
    let standing = world.healthy_standing();
    for (rule, meter) in world.workload.survive.iter().zip(&facts.meters) {
        let Some(asked) = rule.then.iter().map(|t| t.floor.ceil_of(most)).max() else { continue };
        for lost in meter.all_losses(PEAK_LOSSES).unwrap_or_default() {
            let fallen = world.exposure.fall(&lost);
            let left: Vec<Standing> =
                (0..n).map(|p| if fallen.places.contains(p) { Standing::Lost } else { standing[p] }).collect();
            let ask = Ask {
                replicas: asked.min(u64::from(most)) as u32,
                existing: &full,
                standing: &left,
                room: &world.room_hi,
                adds_only: true,
                failover: true,
                lenient: true,
                ..world.ask()
            };
            if let Ok(grown) = place(&ask) {
                peak.iter_mut().zip(&grown.target).for_each(|(peak, t)| *peak = (*peak).max(*t));
            }
        }
    }
    min.into_iter().zip(peak).map(|(min, peak)| PlaceBounds { min: min.min(peak), peak }).collect()
}

/// Every loss whose recovery is asked for when the decision is written, as numbers of events.
pub fn asked_losses(facts: &Facts<'_>) -> BTreeSet<Vec<usize>> {
    let world = &facts.world;
    let mut all: BTreeSet<Vec<usize>> = BTreeSet::new();
    let reaches = |e: &usize| {
        let reach = &world.exposure.events[*e];
        !reach.is_harmless() || !reach.control.is_empty()
    };
    all.extend((0..world.exposure.events.len()).filter(reaches).map(|e| vec![e]));
    for (rule, meter) in world.workload.survive.iter().zip(&facts.meters) {
        for state in [&facts.before, &facts.after, &facts.healthy] {
            all.insert(meter.worst(&world.exposure, &state.lo).1);
        }
        if !rule.then.is_empty() {
            all.extend(meter.all_losses(GROWN_LOSSES).into_iter().flatten());
        }
    }
    for set in std::mem::take(&mut all) {
        let mut set = set;
        set.sort_unstable();
        all.insert(set);
    }
    all
}

/// Events that take the same from this workload, and leave it the same room where all workloads grow.
pub(super) fn merge_for_table(facts: &Facts<'_>) -> Merged {
    merge_with_control(&facts.world.exposure, |e| facts.after.rooms.get(&(vec![e], false)))
}

pub(super) fn losses(facts: &Facts<'_>, halves: &BTreeSet<&Vec<u32>>) -> Vec<LossRow> {
    let world = &facts.world;
    let merged = merge_for_table(facts);
    let mut sets: Vec<Vec<usize>> = merged.events.iter().map(|&e| vec![e]).collect();
    for meter in facts.meters.iter().filter(|m| m.losses > 1) {
        let worst = meter.worst(&world.exposure, &facts.after.lo).1;
        if worst.len() > 1 && !sets.contains(&worst) {
            sets.push(worst);
        }
    }
    sets.iter().map(|lost| loss_row(facts, &merged, lost, halves)).collect()
}

pub(super) fn loss_row(facts: &Facts<'_>, merged: &Merged, lost: &[usize], halves: &BTreeSet<&Vec<u32>>) -> LossRow {
    let world = &facts.world;
    let loss = Loss::of(world, lost);
    let fallen = &loss.fallen;
    let serving = |ready: &[u32]| world.exposure.serving(ready, fallen);
    let lose: Vec<Event> = lost.iter().map(|&e| world.exposure.events[e].event.clone()).collect();
    let aliases: Vec<Vec<Event>> = lose.iter().map(|e| merged.aliases.get(e).cloned().unwrap_or_default()).collect();
    let recovery = recover(world, &facts.after, &loss, false);
    let wanted = Units::from(world.replicas) * world.scale();
    let mut row = LossRow {
        unmet: wanted.saturating_sub(recovery.recovers_to),
        now: serving(&facts.before.lo),
        worst_during: halves.iter().map(|h| serving(h)).min().unwrap_or(0),
        after: recovery.alive,
        running_after: world.exposure.running(&facts.after.lo, fallen),
        recovers_to: recovery.recovers_to,
        within_s: recovery.within(),
        parts: recovery.parts.clone(),
        growth: recovery.grown.clone(),
        cut_entries: fallen.entries.clone(),
        rules: Vec::new(),
        load: world.workload.demand.map(|d| (Units::from(d) * world.scale(), recovery.alive)),
        verdict: None,
        because: Vec::new(),
        lose,
        aliases,
    };
    let mut because = BTreeSet::new();
    let names = |i: usize| std::iter::once(&row.lose[i]).chain(&row.aliases[i]);
    let holds = |event: &Event| (0..row.lose.len()).any(|i| names(i).any(|e| e == event));
    let accepted = world.workload.accepted.iter().position(|a| !a.lose.is_empty() && a.lose.iter().all(holds));
    because.extend(accepted.map(Because::Accepted));
    for (index, rule) in world.workload.survive.iter().enumerate() {
        let about = |event: &Event| is_about(world, &rule.of, event);
        // A loss is the rule's when each part of it, by any of its names, is of the rule's level or kind.
        let names = |i: usize| std::iter::once(&row.lose[i]).chain(&row.aliases[i]);
        let is_named = row.lose.len() == rule.losses as usize && (0..row.lose.len()).all(|i| names(i).any(about));
        if !is_named || accepted.is_some() {
            continue;
        }
        row.rules.push(index);
        let floor = bound_of(world, rule.floor);
        let alive_hi = world.exposure.serving(&facts.after.hi, fallen);
        let mut verdict = match () {
            () if recovery.alive >= floor => Verdict::Pass,
            () if alive_hi < floor => Verdict::Fail,
            () => Verdict::NotProven,
        };
        if verdict != Verdict::Pass {
            because.insert(Because::TooFewAlive);
        } else if floor > 0 {
            let doubts = doubts(world, rule, &facts.after);
            verdict = if doubts.is_empty() { verdict } else { Verdict::NotProven };
            because.extend(doubts);
        }
        for then in &rule.then {
            let (v, why) = growth_verdict(world, rule, &facts.after, &loss, &recovery, then);
            verdict = verdict.max(v);
            because.extend(why);
        }
        row.verdict = Some(row.verdict.map_or(verdict, |v| v.max(verdict)));
    }
    row.because = because.into_iter().collect();
    row
}

fn is_about(world: &World<'_>, of: &LossOf, event: &Event) -> bool {
    match (of, event) {
        (LossOf::Level(name), Event::Domain { level, .. }) => world.topology.levels[*level] == *name,
        (LossOf::Kind(kind), Event::Risk(risk)) => world.topology.risks[*risk].kind == *kind,
        _ => false,
    }
}

fn costs(facts: &Facts<'_>) -> BTreeMap<String, CostReport> {
    let world = &facts.world;
    let mut by_currency: BTreeMap<String, CostReport> = BTreeMap::new();
    let price = |p: usize| world.location(p).cost.as_ref();
    for p in 0..world.existing.len() {
        let Some(cost) = price(p) else { continue };
        let report = by_currency.entry(cost.currency.clone()).or_default();
        let of = |count: u32| cost.micros_per_hour.saturating_mul(u64::from(count));
        let after = if world.standing[p] == Standing::Lost { world.existing[p] } else { facts.placement.target[p] };
        report.before = report.before.saturating_add(of(world.existing[p]));
        report.after = report.after.saturating_add(of(after));
    }
    for (currency, report) in &mut by_currency {
        let of = |entries: &[StepEntry]| -> u64 {
            let mine =
                entries.iter().filter_map(|e| price(e.place).filter(|c| c.currency == *currency).map(|c| (e, c)));
            mine.map(|(e, c)| c.micros_per_hour.saturating_mul(u64::from(e.created()))).fold(0, u64::saturating_add)
        };
        let mut now = report.before;
        report.peak = now;
        for step in &facts.steps {
            now = now.saturating_add(of(&step.adds));
            report.peak = report.peak.max(now);
            now = now.saturating_sub(of(&step.removes));
        }
    }
    by_currency
}
