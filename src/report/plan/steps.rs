//! The order of the change, each step with its worst moment and the rule that is tightest then.

use super::Page;
use crate::plan::model::{Kind, WorkloadPlan};
use crate::report::style::Ink;
use crate::report::table::{Align, rows};
use crate::report::words::{self, Names, count, duration};
use crate::spread::decision::{Check, CheckOf, Role, Step, StepEntry, Units};

/// Steps shown before those between are folded.
const MOST: usize = 12;

impl Page<'_> {
    pub(super) fn steps(&mut self, workload: &WorkloadPlan, names: Names<'_>) {
        let steps = &workload.decision.steps;
        let Some(last) = steps.last() else { return };
        self.blank();
        let mut cells = vec![vec![
            self.style.strong("Steps"),
            String::new(),
            "serving at worst".into(),
            "tightest rule then".into(),
        ]];
        let folded = steps.len() > MOST && !self.style.verbose;
        for (i, step) in steps.iter().enumerate() {
            if folded && i == 3 {
                cells.push(self.between(&steps[3..steps.len() - 2], names));
            }
            if !folded || i < 3 || i + 2 >= steps.len() {
                cells.push(self.step(step, names));
            }
        }
        cells.push(self.done(workload, last, names));
        rows(&cells, &[Align::Right, Align::Left, Align::Right, Align::Left], 0, &mut self.out);
    }

    fn step(&self, step: &Step, names: Names<'_>) -> Vec<String> {
        vec![
            (step.index + 1).to_string(),
            what(step, names),
            serving(&step.half_done, names),
            match tightest(&step.checks) {
                Some(check) if self.plan.kind != Kind::Destroy => self.check(check, names),
                _ => "-".into(),
            },
        ]
    }

    /// Many steps in one line.
    fn between(&self, steps: &[Step], names: Names<'_>) -> Vec<String> {
        let total = |f: fn(&Step) -> &Vec<StepEntry>| steps.iter().flat_map(f).map(|e| e.count as usize).sum::<usize>();
        let mut parts = Vec::new();
        for (n, word) in [
            (total(|s| &s.adds), "add"),
            (total(|s| &s.waits), "wait for"),
            (total(|s| &s.updates), "update"),
            (total(|s| &s.removes), "remove"),
        ] {
            if n > 0 {
                parts.push(format!("{word} {n}"));
            }
        }
        let worst = steps.iter().min_by_key(|s| total_units(&s.half_done, names)).map(|s| serving(&s.half_done, names));
        let tight =
            steps.iter().filter_map(|s| tightest(&s.checks).map(|c| (c.slack, s.index, c))).min_by_key(|t| (t.0, t.1));
        let range = match (steps.first(), steps.last()) {
            (Some(a), Some(b)) => format!("{}..{}", a.index + 1, b.index + 1),
            _ => String::new(),
        };
        vec![
            range,
            format!("{} alike: {} in all", count(steps.len(), "step"), parts.join(", ")),
            worst.unwrap_or_default(),
            tight.map_or(String::new(), |(_, at, check)| format!("{}, at step {}", self.check(check, names), at + 1)),
        ]
    }

    fn done(&self, workload: &WorkloadPlan, last: &Step, names: Names<'_>) -> Vec<String> {
        let rules = &workload.decision.rules;
        let judged = self.plan.kind != Kind::Destroy;
        let worst = rules.iter().filter(|_| judged).min_by_key(|r| (r.after.alive as i64 - r.floor as i64, r.index));
        let text = worst.map_or(String::new(), |rule| {
            let slack = rule.after.alive as i64 - rule.floor as i64;
            format!(
                "{} {} of {}, {}",
                names.rule(rule.index),
                names.units(rule.after.alive),
                names.units(rule.floor),
                self.slack(slack, false, names)
            )
        });
        vec![String::new(), "done".into(), serving(&last.state, names), text]
    }

    fn check(&self, check: &Check, names: Names<'_>) -> String {
        let number = |n: i64| match check.rule {
            CheckOf::Serving | CheckOf::Survive(_) => words::amount(n, names.workload.scale),
            _ => n.to_string(),
        };
        format!(
            "{} {} of {}, {}",
            names.check(&check.rule),
            number(check.value),
            number(check.bound),
            self.slack(check.slack, check.as_before, names)
        )
    }

    fn slack(&self, slack: i64, as_before: bool, names: Names<'_>) -> String {
        match (slack, as_before) {
            (..0, true) => self.style.ink(Ink::Warn, "as now, not worse"),
            (..0, false) => self.style.ink(Ink::Bad, &format!("{} short", words::amount(-slack, names.workload.scale))),
            (0.., _) => format!("slack {}", words::amount(slack, names.workload.scale)),
        }
    }
}

/// What a step does, in words.
pub(super) fn what(step: &Step, names: Names<'_>) -> String {
    let mut parts = Vec::new();
    for (role, word) in [(Role::Grow, "add"), (Role::Complete, "complete"), (Role::Replace, "add new")] {
        parts.extend(entries(&step.adds, role, names).map(|list| format!("{word} {list}")));
    }
    parts.extend(entries(&step.waits, Role::Wait, names).map(|list| format!("wait for {list}")));
    if !step.adds.is_empty() || !step.waits.is_empty() {
        parts.push(match names.workload.rollout.healthy_for_s {
            0 => "wait until healthy".into(),
            s => format!("wait healthy {}", duration(s)),
        });
    }
    parts.extend(entries(&step.updates, Role::Update, names).map(|list| format!("update {list}")));
    for (role, word) in [(Role::Replace, "take down old"), (Role::Shrink, "remove")] {
        parts.extend(entries(&step.removes, role, names).map(|list| format!("{word} {list}")));
    }
    parts.join(", ")
}

/// Replicas of a role by name while they are few, by number otherwise. Where replicas are made by number every entry counts for
/// the plain role.
fn entries(entries: &[StepEntry], role: Role, names: Names<'_>) -> Option<String> {
    let mut keys = Vec::new();
    let mut numbers = Vec::new();
    let mut total = 0;
    for entry in entries {
        let place = names.place(entry.place);
        if entry.slots.is_empty() {
            if matches!(role, Role::Grow | Role::Wait | Role::Update | Role::Shrink) && entry.count > 0 {
                numbers.push(format!("{} in {place}", entry.count));
            }
            continue;
        }
        let slots: Vec<u32> = entry.slots.iter().filter(|s| s.role == role).map(|s| s.slot).collect();
        if !slots.is_empty() {
            total += slots.len();
            keys.push((slots.len(), place, words::slots(place, slots.into_iter())));
        }
    }
    if total > 4 {
        numbers
            .extend(keys.iter().map(|(n, place, list)| if *n == 1 { list.clone() } else { format!("{n} in {place}") }));
    } else {
        numbers.extend(keys.into_iter().map(|(_, _, list)| list));
    }
    (!numbers.is_empty()).then(|| words::some(numbers.into_iter(), 5))
}

/// The rule with the least slack among those that say "at least"; survive rules before others.
fn tightest(checks: &[Check]) -> Option<&Check> {
    let floor = |c: &&Check| {
        matches!(c.rule, CheckOf::Serving | CheckOf::Survive(_) | CheckOf::DomainFloor(..) | CheckOf::Margin)
    };
    checks.iter().filter(floor).min_by_key(|c| (c.slack, !matches!(c.rule, CheckOf::Survive(_)), c.rule.clone()))
}

fn total_units(ready: &[u32], names: Names<'_>) -> Units {
    let unit = |place: usize| names.workload.places.get(place).map_or(1, |p| Units::from(p.unit));
    ready.iter().enumerate().map(|(place, n)| Units::from(*n) * unit(place)).sum()
}

/// Serving replicas of a state.
fn serving(ready: &[u32], names: Names<'_>) -> String {
    words::units(total_units(ready, names), names.workload.scale)
}
