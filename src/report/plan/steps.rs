//! The order of the change, each step with its worst moment and the rule that is tightest then.

use super::Page;
use crate::plan::model::{Kind, WorkloadPlan};
use crate::report::style::Ink;
use crate::report::table::{Align, rows};
use crate::report::words::{self, Names, count};
use crate::spread::decision::{Check, CheckOf, Role, Step, StepEntry, Units};
use crate::tongue::{Lang, say};

/// Steps shown before those between are folded.
const MOST: usize = 12;

impl Page<'_> {
    pub(super) fn steps(&mut self, workload: &WorkloadPlan, names: Names<'_>) {
        let steps = &workload.decision.steps;
        let Some(last) = steps.last() else { return };
        self.blank();
        let mut cells = vec![vec![
            self.style.strong(&self.tell("step.title", &[])),
            String::new(),
            self.tell("step.serving", &[]),
            self.tell("step.tightest", &[]),
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
            what(step, names, self.style.lang),
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
        vec![String::new(), self.tell("step.done", &[]), serving(&last.state, names), text]
    }

    fn check(&self, check: &Check, names: Names<'_>) -> String {
        let number = |n: i64| match check.rule {
            CheckOf::Serving | CheckOf::Survive(_) => words::amount(n, names.workload.scale),
            _ => n.to_string(),
        };
        let (value, bound) = (number(check.value), number(check.bound));
        let slack = self.slack(check.slack, check.as_before, names);
        let rule = names.check(&check.rule);
        self.tell("step.check", &[("rule", &rule), ("value", &value), ("bound", &bound), ("slack", &slack)])
    }

    fn slack(&self, slack: i64, as_before: bool, names: Names<'_>) -> String {
        match (slack, as_before) {
            (..0, true) => self.style.ink(Ink::Warn, &self.tell("step.as_now", &[])),
            (..0, false) => {
                let missing = words::amount(-slack, names.workload.scale);
                self.style.ink(Ink::Bad, &self.tell("step.short", &[("n", &missing)]))
            }
            (0.., _) => self.tell("step.slack", &[("n", &words::amount(slack, names.workload.scale))]),
        }
    }
}

/// What a step does, in words.
pub fn what(step: &Step, names: Names<'_>, lang: Lang) -> String {
    let mut parts = Vec::new();
    let mut of = |list: &[StepEntry], role, key: &str| {
        parts.extend(entries(list, role, names, lang).map(|list| say(lang, key, &[("list", &list)])));
    };
    of(&step.adds, Role::Grow, "step.add");
    of(&step.adds, Role::Complete, "step.complete");
    of(&step.adds, Role::Replace, "step.add_new");
    of(&step.waits, Role::Wait, "step.wait_for");
    if !step.adds.is_empty() || !step.waits.is_empty() {
        parts.push(match names.workload.rollout.healthy_for_s {
            0 => say(lang, "step.until_healthy", &[]),
            s => say(lang, "step.healthy_for", &[("time", &words::duration_in(s, lang))]),
        });
    }
    let mut of = |list: &[StepEntry], role, key: &str| {
        parts.extend(entries(list, role, names, lang).map(|list| say(lang, key, &[("list", &list)])));
    };
    of(&step.updates, Role::Update, "step.update");
    of(&step.removes, Role::Replace, "step.take_down");
    of(&step.removes, Role::Shrink, "step.remove");
    parts.join(", ")
}

/// Replicas of a role by name while they are few, by number otherwise. Where replicas are made by number every entry counts for
/// the plain role.
fn entries(entries: &[StepEntry], role: Role, names: Names<'_>, lang: Lang) -> Option<String> {
    let some_in = |n: usize, place: &str| say(lang, "step.some_in", &[("n", &n.to_string()), ("place", place)]);
    let mut keys = Vec::new();
    let mut numbers = Vec::new();
    let mut total = 0;
    for entry in entries {
        let place = names.place(entry.place);
        if entry.slots.is_empty() {
            if matches!(role, Role::Grow | Role::Wait | Role::Update | Role::Shrink) && entry.count > 0 {
                numbers.push(some_in(entry.count as usize, place));
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
        numbers.extend(keys.iter().map(|(n, place, list)| if *n == 1 { list.clone() } else { some_in(*n, place) }));
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
