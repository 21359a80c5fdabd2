//! The steps: that each begins where the one before ended, says truly what it leaves, breaks no rule in between, and that the
//! last ends at the target.

use super::finding::{Fault, Finding, NotTouched};
use super::loss::Losses;
use super::spread::{Group, groups, skew};
use super::view::{Use, View};
use crate::plan::model::Kind;
use crate::spread::decision::{Check, CheckOf, Role, Step, StepEntry};
use crate::spread::model::{Event, Health, Mode, Template};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the steps pass through.
pub(super) struct Course {
    /// Serving replicas (lower bound) at each half-done state, every vector once, in order.
    pub half_done: Vec<Vec<u32>>,
    /// All losses of each survive rule.
    pub losses: Vec<Losses>,
}

/// Where the walk stands between two steps.
struct Walk<'v, 'a> {
    view: &'v View<'a>,
    losses: Vec<Losses>,
    groups: Vec<Group>,
    /// Serving, lower bound.
    ready: Vec<u32>,
    /// Existing, upper bound.
    existing: Vec<u64>,
    /// Value of every survive rule before the plan, in units.
    before: Vec<u64>,
    serving_before: u64,
    /// N, or what stands in the end where more is held.
    wanted: u64,
    /// Replicas that may exist at once, where they count.
    most: u64,
    batch: u64,
    /// Worst survivors of each rule, by state.
    known: HashMap<Vec<u32>, Vec<u64>>,
}

/// Checks all steps.
pub(super) fn check(view: &View<'_>, out: &mut Vec<Finding>) -> Course {
    let mut walk = Walk::new(view);
    let mut half_done = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, step) in view.decision.steps.iter().enumerate() {
        if step.index != at {
            let what = "the position of a step".to_string();
            view.report_at(out, at, Fault::Number { what, claimed: step.index as i128, found: at as i128 });
        }
        let half = walk.step(at, step, out);
        if seen.insert(half.clone()) {
            half_done.push(half);
        }
    }
    walk.end(out);
    slots(view, out);
    Course { half_done, losses: walk.losses }
}

impl<'v, 'a> Walk<'v, 'a> {
    fn new(view: &'v View<'a>) -> Walk<'v, 'a> {
        let (rules, d) = (view.rules, view.decision);
        let losses: Vec<Losses> = rules
            .survive
            .iter()
            .map(|r| {
                let events = view.ground.events_of(view.topology, &r.of);
                Losses::new(&view.ground, &events, r.losses as usize, &rules.accepted)
            })
            .collect();
        let ready: Vec<u32> = d.before.iter().map(|i| i.lo).collect();
        let units = view.units(&ready);
        let n = d.replicas;
        let tenth = u64::from(n.div_ceil(10).max(1));
        let surge = rules.rollout.surge.map_or(tenth, |b| b.ceil_of(n));
        let batch = rules.rollout.batch.map_or(surge, |b| b.ceil_of(n));
        let batch = match (&d.mode, rules.failback.batch) {
            (Mode::Failback { .. }, Some(batch)) => batch.into(),
            _ => batch,
        };
        let mut walk = Walk {
            view,
            before: losses.iter().map(|l| l.worst(&units)).collect(),
            serving_before: units.iter().sum(),
            losses,
            groups: groups(view),
            ready,
            existing: d.existing.iter().map(|n| u64::from(*n)).collect(),
            wanted: 0,
            most: 0,
            batch: batch.max(1),
            known: HashMap::new(),
        };
        let after: Vec<u64> = d.after.iter().map(|n| u64::from(*n)).collect();
        walk.wanted = walk.counted(&after).max(n.into());
        walk.most = walk.counted(&walk.existing).max(walk.wanted).saturating_add(surge);
        walk
    }

    /// Replicas that the surge counts: those in reachable places.
    fn counted(&self, existing: &[u64]) -> u64 {
        (0..existing.len()).filter(|p| self.is_counted(*p)).map(|p| existing[p]).sum()
    }

    fn is_counted(&self, p: usize) -> bool {
        let view = self.view;
        let unreachable = matches!(view.location(p).health, Health::Down | Health::Unknown | Health::ControlLost);
        !unreachable && view.uses[p] != Use::Not(NotTouched::Lost)
    }

    /// One step; the half-done state.
    fn step(&mut self, at: usize, step: &Step, out: &mut Vec<Finding>) -> Vec<u32> {
        let view = self.view;
        self.may_touch(at, step, out);
        let half = self.without(at, step, out);
        let peak = self.peak(step);
        let mut end = half.clone();
        for entry in step.adds.iter().chain(&step.waits) {
            end[entry.place] = end[entry.place].saturating_add(entry.ready);
        }
        for entry in &step.updates {
            end[entry.place] = end[entry.place].saturating_add(entry.ready);
        }
        for (what, claimed, found) in [("half done", &step.half_done, &half), ("when complete", &step.state, &end)] {
            for p in (0..view.places()).filter(|p| claimed[*p] != found[*p]) {
                let what = format!("what serves in {} {what}", view.place(p));
                let fault = Fault::Number { what, claimed: claimed[p].into(), found: found[p].into() };
                view.report_at(out, at, fault);
            }
        }
        let mut left = peak.clone();
        for entry in &step.removes {
            left[entry.place] = left[entry.place].saturating_sub(entry.count.into());
        }
        self.pace(at, step, &peak, out);
        let worst = self.worst(&half);
        self.rules(at, &half, &worst, out);
        self.caps(at, step, &peak, out);
        self.skews(at, &end, &left, out);
        self.checks(at, step, &States { half: &half, end: &end, peak: &peak, left: &left, worst: &worst }, out);
        self.existing = left;
        self.ready = end;
        half
    }

    /// No entry in a place that may not be touched, nothing new where nothing new may be.
    fn may_touch(&self, at: usize, step: &Step, out: &mut Vec<Finding>) {
        let view = self.view;
        let touches = step.adds.iter().chain(&step.removes).chain(&step.updates);
        for entry in touches.filter(|e| e.count > 0) {
            let grows = step.adds.iter().any(|a| std::ptr::eq(a, entry))
                && (entry.slots.is_empty() || entry.slots.iter().any(|s| s.role == Role::Grow));
            let why = match view.uses[entry.place] {
                Use::Not(why) => why,
                Use::Cordoned if grows => NotTouched::Cordoned,
                Use::Leaving if grows => NotTouched::Leaving,
                _ => continue,
            };
            let before = self.existing[entry.place];
            let fault = Fault::Touched { place: view.place(entry.place), why, before, after: entry.count.into() };
            view.report_at(out, at, fault);
        }
        if view.may_remove {
            return;
        }
        for entry in step.removes.iter().filter(|e| e.count > 0) {
            let before = u32::try_from(self.existing[entry.place]).unwrap_or(u32::MAX);
            let after = before.saturating_sub(entry.count);
            view.report_at(out, at, Fault::Removes { place: view.place(entry.place), before, after });
        }
    }

    /// Serving replicas with removals and updates gone and adds not counted.
    fn without(&self, at: usize, step: &Step, out: &mut Vec<Finding>) -> Vec<u32> {
        let mut half = self.ready.clone();
        for entry in step.removes.iter().chain(&step.updates) {
            let left = half[entry.place].checked_sub(entry.ready);
            if left.is_none() || entry.ready > entry.count {
                let what = format!("the number of serving replicas taken from {}", self.view.place(entry.place));
                let found = half[entry.place].min(entry.count).into();
                self.view.report_at(out, at, Fault::Number { what, claimed: entry.ready.into(), found });
            }
            half[entry.place] = left.unwrap_or(0);
        }
        for entry in step.adds.iter().chain(&step.waits).filter(|e| e.ready > e.count) {
            let what = format!("the number of replicas that will serve in {}", self.view.place(entry.place));
            self.view.report_at(
                out,
                at,
                Fault::Number { what, claimed: entry.ready.into(), found: entry.count.into() },
            );
        }
        half
    }

    /// Replicas that exist when all adds are made and nothing is removed.
    fn peak(&self, step: &Step) -> Vec<u64> {
        let mut peak = self.existing.clone();
        for entry in &step.adds {
            peak[entry.place] += u64::from(new_replicas(entry));
        }
        peak
    }

    /// Batches and surge.
    fn pace(&self, at: usize, step: &Step, peak: &[u64], out: &mut Vec<Finding>) {
        let view = self.view;
        if view.is_destroy() {
            return;
        }
        let drained: u64 = step.removes.iter().chain(&step.updates).map(|e| u64::from(e.ready)).sum();
        if drained > self.batch {
            view.report_at(out, at, Fault::Batch { what: "drained", count: drained, batch: self.batch });
        }
        if let Some(most) = view.rules.rollout.batch_per_domain.map(u64::from) {
            let mut here = vec![0u64; peak.len()];
            for entry in step.removes.iter().chain(&step.updates) {
                here[entry.place] += u64::from(entry.ready);
            }
            for count in here.into_iter().filter(|n| *n > most.max(1)) {
                view.report_at(out, at, Fault::Batch { what: "drained in one location", count, batch: most.max(1) });
            }
        }
        let total = self.counted(peak);
        if total > self.counted(&self.existing) && total > self.most {
            let fault = Fault::Rule {
                rule: "surge".into(),
                value: signed(total),
                bound: signed(self.most),
                before: signed(self.counted(&self.existing)),
            };
            view.report_at(out, at, fault);
        }
        let ahead = total.saturating_sub(self.counted(&self.existing).max(self.wanted));
        if ahead > self.batch {
            view.report_at(out, at, Fault::Batch { what: "added ahead of drains", count: ahead, batch: self.batch });
        }
    }

    /// Worst survivors of every rule in a state.
    fn worst(&mut self, ready: &[u32]) -> Vec<u64> {
        if let Some(known) = self.known.get(ready) {
            return known.clone();
        }
        let units = self.view.units(ready);
        let worst: Vec<u64> = self.losses.iter().map(|l| l.worst(&units)).collect();
        self.known.insert(ready.to_vec(), worst.clone());
        worst
    }

    /// Floors at the worst moment: never below the rule, or below what it was.
    fn rules(&self, at: usize, half: &[u32], worst: &[u64], out: &mut Vec<Finding>) {
        let view = self.view;
        if view.is_destroy() {
            return;
        }
        let broken = |rule| view.decision.breaches.iter().find(|b| b.rule == rule).map_or(u64::MAX, |b| b.value);
        let mut floor = |rule: String, value: u64, bound: u64, before: u64| {
            if value < bound.min(before) {
                let (value, bound, before) = (signed(value), signed(bound), signed(before));
                view.report_at(out, at, Fault::Rule { rule, value, bound, before });
            }
        };
        let serving: u64 = view.units(half).iter().sum();
        floor(
            "floor.serving".into(),
            serving,
            view.bound(view.rules.floor_serving).min(broken(None)),
            self.serving_before,
        );
        for (i, ((rule, value), before)) in view.rules.survive.iter().zip(worst).zip(&self.before).enumerate() {
            // A target that breaks the rule is said to, and refused as such.
            floor(rule.id.clone(), *value, view.bound(rule.floor).min(broken(Some(i))), *before);
        }
        for group in &self.groups {
            let level = &view.rules.spread[group.level];
            for domain in &group.domains {
                let Some(least) = level.min.get(&domain.name).or(level.min.get("*")) else { continue };
                let sum = |of: &[u32]| domain.places.iter().map(|p| u64::from(of[*p])).sum::<u64>();
                let before: Vec<u32> = view.decision.before.iter().map(|i| i.lo).collect();
                // A floor that the target itself lowers (a cordon, a shortage) is judged there.
                let bound = u64::from(*least).min(domain.after);
                floor(format!("min of {} {}", level.level, domain.name), sum(half), bound, sum(&before));
            }
        }
    }

    /// Capacity, by the upper bound, with the adds made and the removes not.
    fn caps(&self, at: usize, step: &Step, peak: &[u64], out: &mut Vec<Finding>) {
        let view = self.view;
        for p in step.adds.iter().map(|e| e.place) {
            let Some(room) = view.room(p) else { continue };
            if peak[p] > self.existing[p] && peak[p] > room {
                let (count, room) = (peak[p] + view.others[p], room + view.others[p]);
                view.report_at(out, at, Fault::OverCapacity { place: view.place(p), count, room });
            }
        }
    }

    /// Skew at the end of the step: at most the rule, or what it was or will be, and one more while a surged replica exists.
    fn skews(&self, at: usize, end: &[u32], left: &[u64], out: &mut Vec<Finding>) {
        let view = self.view;
        for group in &self.groups {
            let Some((value, bound, most)) = self.skew_bound(group, end, left) else { continue };
            if !view.is_destroy() && value > most {
                let before = skew_before(view, group);
                let rule = format!("max_skew of {}", view.rules.spread[group.level].level);
                view.report_at(out, at, Fault::Rule { rule, value, bound, before });
            }
        }
    }

    /// Skew of a group, the rule's bound, and the most it may be, all times the sum of weights; `None` where it is not enforced.
    fn skew_bound(&self, group: &Group, end: &[u32], left: &[u64]) -> Option<(i64, i64, i64)> {
        let view = self.view;
        let max = i64::from(view.rules.spread[group.level].max_skew?);
        let (value, weights) = skew(group, |p| end[p].into());
        let weights = i64::try_from(weights).unwrap_or(i64::MAX);
        let surged = self.counted(left) > self.wanted;
        let after = skew(group, |p| view.decision.after_ready[p].lo.into()).0;
        let after = after.max(skew(group, |p| view.decision.after[p].into()).0);
        let more = if surged { weights } else { 0 };
        let bound = max.saturating_mul(weights).saturating_add(more);
        let start = skew_before(view, group);
        Some((value, bound, bound.max(start.saturating_add(more)).max(after.saturating_add(more))))
    }

    /// The step's own list of checks.
    fn checks(&self, at: usize, step: &Step, states: &States<'_>, out: &mut Vec<Finding>) {
        let view = self.view;
        for check in &step.checks {
            self.check(at, check, states, out);
        }
        if view.is_destroy() {
            return;
        }
        let has = |of: &CheckOf| step.checks.iter().any(|c| c.rule == *of);
        if !has(&CheckOf::Serving) {
            view.report_at(out, at, Fault::Missing { what: "the check of floor.serving".into() });
        }
        for (i, rule) in view.rules.survive.iter().enumerate() {
            if !has(&CheckOf::Survive(i)) {
                view.report_at(out, at, Fault::Missing { what: format!("the check of {}", rule.id) });
            }
        }
    }

    fn check(&self, at: usize, check: &Check, states: &States<'_>, out: &mut Vec<Finding>) {
        let view = self.view;
        // Margins are recomputed as a whole, beside the cut sets.
        if check.rule == CheckOf::Margin {
            return;
        }
        let Some(judged) = self.judge(check, states) else {
            let what = format!("{} of its checks", words(view, &check.rule));
            return view.report_at(out, at, Fault::Shape { what: format!("{what} is of nothing in the rules") });
        };
        let rule = words(view, &check.rule);
        let mut compare = |what: String, claimed: i64, found: i64| {
            if claimed != found {
                view.report_at(out, at, Fault::Number { what, claimed: claimed.into(), found: found.into() });
            }
        };
        if judged.is_exact {
            compare(format!("the value of {rule}"), check.value, judged.value);
        } else if check.value > judged.value {
            compare(format!("the value of {rule}, at most,"), check.value, judged.value);
        }
        compare(format!("the bound of {rule}"), check.bound, judged.bound);
        let slack =
            if judged.is_floor { check.value.checked_sub(check.bound) } else { check.bound.checked_sub(check.value) };
        compare(format!("the slack of {rule}"), check.slack, slack.unwrap_or(0));
        if let Some(before) = judged.before {
            let as_before = check.slack < 0 && check.value >= before;
            if check.as_before != as_before {
                let why = if as_before { "it was broken before" } else { "it was not so before, or is not broken" };
                view.report_at(out, at, Fault::Verdict { rule, why: why.into() });
            }
        }
        if let CheckOf::Survive(i) = &check.rule {
            let claimed = u64::try_from(check.value).unwrap_or(u64::MAX);
            loss_gives(view, *i, &check.worst_loss, &view.units(states.half), claimed, Some(at), out);
        }
    }

    /// What a check should say.
    fn judge(&self, check: &Check, states: &States<'_>) -> Option<Judged> {
        let view = self.view;
        let floor = |value: u64, bound: u64, before: u64| Judged {
            value: signed(value),
            bound: signed(bound),
            before: Some(signed(before)),
            is_floor: true,
            is_exact: true,
        };
        let cap = |value: i64, bound: i64| Judged { value, bound, before: None, is_floor: false, is_exact: true };
        match &check.rule {
            CheckOf::Serving => {
                let serving = view.units(states.half).iter().sum();
                Some(floor(serving, view.bound(view.rules.floor_serving), self.serving_before))
            }
            CheckOf::Survive(i) => {
                let bound = view.bound(view.rules.survive.get(*i)?.floor);
                let judged = floor(states.worst[*i], bound, self.before[*i]);
                Some(Judged { is_exact: self.losses[*i].is_exact(), ..judged })
            }
            CheckOf::DomainFloor(i, name) => {
                let level = view.rules.spread.get(*i)?;
                let least = *level.min.get(name).or(level.min.get("*"))?;
                // One name may stand under several parents, and the check does not say which: one of them fits.
                let named = self.groups.iter().filter(|g| g.level == *i).flat_map(|g| &g.domains);
                let judged = named.filter(|d| d.name == *name).map(|domain| {
                    let value = domain.places.iter().map(|p| u64::from(states.half[*p])).sum();
                    let before = domain.places.iter().map(|p| u64::from(view.decision.before[*p].lo)).sum();
                    floor(value, least.into(), before)
                });
                let (fits, others): (Vec<Judged>, Vec<Judged>) = judged.partition(|j| j.value == check.value);
                let fits_wholly = |j: &Judged| {
                    let as_before = check.slack < 0 && j.before.is_some_and(|before| check.value >= before);
                    as_before == check.as_before
                };
                let (whole, part): (Vec<Judged>, Vec<Judged>) = fits.into_iter().partition(fits_wholly);
                whole.into_iter().chain(part).chain(others).next()
            }
            CheckOf::Surge => Some(cap(signed(self.counted(states.peak)), signed(self.most))),
            CheckOf::Capacity(p) => {
                let room = view.room(*p)?;
                Some(cap(signed(states.peak.get(*p)? + view.others[*p]), signed(room + view.others[*p])))
            }
            CheckOf::Skew(i, parent) => {
                let group = self
                    .groups
                    .iter()
                    .find(|g| g.level == *i && g.parent.iter().map(|(_, name)| name).eq(parent.iter()))?;
                let (value, bound, _) = self.skew_bound(group, states.end, states.left)?;
                Some(cap(value, bound))
            }
            CheckOf::Margin => None,
        }
    }

    /// The last step ends at the target.
    fn end(&self, out: &mut Vec<Finding>) {
        let view = self.view;
        if view.kind == &Kind::RefreshOnly {
            return;
        }
        for p in 0..view.places() {
            let name = || view.place(p);
            let promised = view.decision.after_ready[p].lo;
            view.compare(
                out,
                || format!("what serves in {} at the end", name()),
                promised.into(),
                self.ready[p].into(),
            );
            if !matches!(view.uses[p], Use::Not(_)) {
                let (after, reached) = (view.decision.after[p], self.existing[p]);
                view.compare(out, || format!("what stands in {} at the end", name()), after.into(), reached.into());
            }
        }
    }
}

/// Skew of what stands, by its upper bound (INV-13): what serves may be anything up to what exists.
fn skew_before(view: &View<'_>, group: &Group) -> i64 {
    let d = view.decision;
    let eligible: Vec<(i128, i128, i128)> = group
        .domains
        .iter()
        .filter(|d| d.eligible)
        .map(|domain| {
            let sum = |of: &dyn Fn(usize) -> u32| domain.places.iter().map(|p| i128::from(of(*p))).sum::<i128>();
            (domain.claim.weight.into(), sum(&|p| d.before[p].lo), sum(&|p| d.existing[p]))
        })
        .collect();
    let weights: i128 = eligible.iter().map(|e| e.0).sum();
    let mut most = 0;
    for (i, (heavy, _, many)) in eligible.iter().enumerate() {
        for (j, (light, few, _)) in eligible.iter().enumerate() {
            // The others pull towards the one of the two that weighs more: as few of them, or as many, as there may be.
            let pull = heavy - light;
            let others = eligible.iter().enumerate().filter(|(k, _)| *k != i && *k != j);
            let rest: i128 = others.map(|(_, (_, lo, hi))| if pull > 0 { *lo } else { *hi }).sum();
            if i != j {
                most = most.max((many - few) * weights - pull * (many + few + rest));
            }
        }
    }
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// The states of one step.
struct States<'s> {
    half: &'s [u32],
    end: &'s [u32],
    peak: &'s [u64],
    /// Existing when the step is complete.
    left: &'s [u64],
    worst: &'s [u64],
}

/// What a check should say.
struct Judged {
    value: i64,
    bound: i64,
    before: Option<i64>,
    is_floor: bool,
    /// The value is the worst of all, not only the worst of those looked at.
    is_exact: bool,
}

/// Replicas an entry brings into being beside what stands.
fn new_replicas(entry: &StepEntry) -> u32 {
    if entry.slots.is_empty() {
        return entry.count;
    }
    entry.slots.iter().filter(|s| matches!(s.role, Role::Grow | Role::Replace)).count() as u32
}

pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A rule by the name users know.
fn words(view: &View<'_>, rule: &CheckOf) -> String {
    match rule {
        CheckOf::Serving => "floor.serving".into(),
        CheckOf::Survive(i) => view.rules.survive.get(*i).map_or_else(|| "a survive rule".into(), |r| r.id.clone()),
        CheckOf::DomainFloor(_, name) => format!("the minimum of {name}"),
        CheckOf::Surge => "surge".into(),
        CheckOf::Capacity(p) if *p < view.places() => format!("the capacity of {}", view.place(*p)),
        CheckOf::Capacity(_) => "a capacity".into(),
        CheckOf::Skew(i, _) => {
            view.rules.spread.get(*i).map_or_else(|| "a skew".into(), |l| format!("the skew of {}", l.level))
        }
        CheckOf::Margin => "the margin".into(),
    }
}

/// That a loss is one the rule means, and leaves what is said.
pub(super) fn loss_gives(
    view: &View<'_>,
    rule: usize,
    loss: &[Event],
    units: &[u64],
    claimed: u64,
    step: Option<usize>,
    out: &mut Vec<Finding>,
) {
    let Some(rule) = view.rules.survive.get(rule) else { return };
    let distinct: BTreeSet<&Event> = loss.iter().collect();
    let meant = |e: &Event| view.ground.is_of(view.topology, e, &rule.of);
    let mut report = |fault| out.push(Finding { workload: Some(view.name.to_string()), step, fault });
    let lived_with = view.rules.accepted.iter().any(|a| !a.lose.is_empty() && a.lose.iter().all(|e| loss.contains(e)));
    if lived_with || distinct.len() != loss.len() || loss.len() > rule.losses as usize || !loss.iter().all(meant) {
        let why = format!("it does not mean the loss of {}", view.labels(loss).join(" and "));
        report(Fault::Verdict { rule: rule.id.clone(), why });
        return;
    }
    let found = view.ground.survivors(units, &view.ground.effect(loss));
    if found != claimed {
        let what = format!("what the loss of {} leaves ({})", view.labels(loss).join(" and "), rule.id);
        report(Fault::Number { what, claimed: claimed.into(), found: found.into() });
    }
}

/// Each replica a place says it changes is in the steps, once, in the role it says; and no other is.
fn slots(view: &View<'_>, out: &mut Vec<Finding>) {
    let mut acts: BTreeMap<(usize, u32, Act), usize> = BTreeMap::new();
    for (at, step) in view.decision.steps.iter().enumerate() {
        let lists = [(&step.adds, 0u8), (&step.removes, 1), (&step.updates, 2), (&step.waits, 3)];
        for (entry, list) in lists.into_iter().flat_map(|(list, n)| list.iter().map(move |e| (e, n))) {
            let named = view.rules.places[entry.place].template == Template::PerReplica;
            // What is completed while it serves is named and adds nothing.
            let completed = entry.slots.iter().filter(|s| s.role == Role::Complete).count();
            let count = entry.count as usize;
            let fits = (count..=count + completed).contains(&entry.slots.len());
            if named != fits && count > 0 {
                let what = format!("the number of replicas named in {}", view.place(entry.place));
                let fault = Fault::Number { what, claimed: entry.slots.len() as i128, found: entry.count.into() };
                view.report_at(out, at, fault);
            }
            for slot in &entry.slots {
                let replica = || format!("{}/{}", view.place(entry.place), slot.slot);
                let Some(act) = Act::of(list, slot.role) else {
                    view.report_at(
                        out,
                        at,
                        Fault::Slot { replica: replica(), why: "has a role that its list does not" },
                    );
                    continue;
                };
                if acts.insert((entry.place, slot.slot, act), at).is_some() {
                    view.report_at(out, at, Fault::Slot { replica: replica(), why: "is dealt with twice" });
                }
            }
        }
    }
    for (p, changes) in view.decision.changes.iter().enumerate() {
        let lists = [
            (&changes.add, &[Act::Grow][..]),
            (&changes.remove, &[Act::Shrink]),
            (&changes.replace, &[Act::Replace, Act::Replaced]),
            (&changes.update, &[Act::Update]),
            (&changes.complete, &[Act::Complete]),
            (&changes.wait, &[Act::Wait]),
            (&changes.spare, &[Act::Grow, Act::Shrink]),
        ];
        for (list, wanted) in lists {
            for (slot, act) in list.iter().flat_map(|s| wanted.iter().map(move |a| (*s, *a))) {
                if acts.remove(&(p, slot, act)).is_none() {
                    let replica = format!("{}/{slot}", view.place(p));
                    view.report(out, Fault::Slot { replica, why: "is to be changed and no step does it" });
                }
            }
        }
    }
    let left = acts.keys().filter(|(p, slot, act)| {
        // Waiting for what is updated is no change of its own.
        let changes = &view.decision.changes[*p];
        !(*act == Act::Wait && (changes.update.contains(slot) || changes.complete.contains(slot)))
    });
    for (p, slot, _) in left.copied() {
        let replica = format!("{}/{slot}", view.place(p));
        view.report(out, Fault::Slot { replica, why: "is changed by a step, and its place does not say so" });
    }
}

/// One way in which a step deals with a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Grow,
    Complete,
    Replace,
    Replaced,
    Shrink,
    Update,
    Wait,
}

impl Act {
    fn of(list: u8, role: Role) -> Option<Act> {
        match (list, role) {
            (0, Role::Grow) => Some(Act::Grow),
            (0, Role::Complete) => Some(Act::Complete),
            (0, Role::Replace) => Some(Act::Replace),
            (1, Role::Replace) => Some(Act::Replaced),
            (1, Role::Shrink) => Some(Act::Shrink),
            (2, Role::Update) => Some(Act::Update),
            (3, Role::Wait) => Some(Act::Wait),
            _ => None,
        }
    }
}
