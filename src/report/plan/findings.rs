//! Cut sets, margin, findings, price, and the last lines: what is not touched, how to stop, what comes next.

use super::Page;
use crate::plan::model::{Action, Kind, WorkloadPlan};
use crate::report::style::{Ink, clean, wrap};
use crate::report::words::{self, Names, money};
use crate::spread::decision::{CutSets, Note};
use crate::spread::model::{Event, Mode};
use std::collections::BTreeSet;

impl Page<'_> {
    pub(super) fn findings(&mut self, workload: &WorkloadPlan, names: Names<'_>) {
        self.blank();
        if self.plan.kind != Kind::Destroy {
            self.margin(workload, names);
        }
        for (rule, was, is) in &workload.weakened {
            let text = match is {
                None => format!("RULE REMOVED: {rule} ({was}) was in force and is no longer in the spec."),
                Some(is) => format!("RULE CHANGED: {rule} was {was}, is {is}."),
            };
            let text = self.style.ink(Ink::Warn, &wrap(&text, self.style.width, 4));
            self.line(&text);
        }
        for note in &workload.decision.notes {
            // A waiting removal and a frozen place are said in words of their own; all are worth a line.
            let (grave, text) = names.note(note);
            let head = if matches!(note, Note::SinglePointOfFailure(_)) { "Finding" } else { "Note" };
            let head = if grave { self.style.ink(Ink::Warn, head) } else { head.to_string() };
            let text = wrap(&format!("{head}: {text}."), self.style.width, 4);
            self.line(&text);
        }
        for (currency, cost) in &workload.decision.cost {
            let mut text = format!("Cost {currency} {}/h now, {}/h after", money(cost.before), money(cost.after));
            if cost.peak > cost.before.max(cost.after) {
                text.push_str(&format!(", at most {}/h in between", money(cost.peak)));
            }
            self.line(&format!("{text} (declared prices)."));
        }
    }

    fn margin(&mut self, workload: &WorkloadPlan, names: Names<'_>) {
        let decision = &workload.decision;
        if decision.losses.is_empty() && decision.rules.is_empty() {
            return;
        }
        let margin = &decision.margin;
        let mut text = format!("Margin {} now, {} during, {} after", margin.before, margin.worst_during, margin.after);
        if let Some(below) = workload.rules.alarm_below {
            text.push_str(&format!(" (alarm below {below})"));
        }
        text.push('.');
        let (before, after) = (sets(&decision.cut_sets.before), sets(&decision.cut_sets.after));
        // A state that is broken already has no cut sets worth naming.
        if !before.contains(&Vec::new()) && !after.contains(&Vec::new()) {
            let list = |a: &BTreeSet<Vec<Event>>, b: &BTreeSet<Vec<Event>>| {
                let found = a.difference(b).map(|set| format!("{{{}}}", names.loss(set)));
                words::some(found, 5)
            };
            let (new, gone) = (list(&after, &before), list(&before, &after));
            for (word, list) in [("New cut sets", new), ("Cut sets gone", gone)] {
                if !list.is_empty() {
                    text.push_str(&format!(" {word}: {list}."));
                }
            }
        } else if after.contains(&Vec::new()) && decision.replicas > 0 {
            text.push_str(" Below the floor without any loss.");
        }
        let limit = decision.cut_sets.after.complete_to;
        if limit < workload.rules.max_order {
            text.push_str(&format!(" Searched for losses of up to {limit} at once."));
        }
        let mut text = wrap(&text, self.style.width, 4);
        if margin.alarm_after {
            text = self.style.ink(Ink::Bad, &text);
        }
        self.line(&text);
    }

    /// What is not touched, how to stop, what comes next.
    pub(super) fn tail(&mut self, saved: Option<(&str, &str)>) {
        let plan = self.plan;
        self.blank();
        for warning in &plan.warnings {
            let detail = clean(&warning.detail);
            let text = format!("Warning: {}. {detail}", clean(warning.summary.trim_end_matches('.')));
            let text = wrap(text.trim_end(), self.style.width, 4);
            let text = self.style.ink(Ink::Warn, &text);
            self.line(&text);
        }
        let down: Vec<String> = self.down();
        if plan.has_changes() {
            let touched = plan
                .changes
                .iter()
                .any(|c| !c.before.is_null() && !matches!(c.action, Action::NoOp | Action::Read | Action::Forget));
            if !touched && plan.kind != Kind::RefreshOnly {
                self.line("Nothing that runs is touched. Ctrl-C stops after the current call; what is built stays, nothing is half removed.");
            } else if touched {
                self.line("Ctrl-C stops after the current call; what is done stays done, the rest is not begun.");
            }
        }
        if let Some((file, digest)) = saved {
            let text = format!(
                "Saved {file}  {digest}  good while the state's serial is {} and what stands is as above",
                plan.serial
            );
            self.line(&wrap(&text, self.style.width, 4));
        }
        let next = match saved {
            _ if plan.is_broken() => None,
            _ if !down.is_empty() && plan.kind == Kind::Normal => {
                Some(format!("straddle failover   ({} DOWN)", down.join(", ")))
            }
            Some((file, _)) => Some(format!("straddle apply {file}")),
            None if !plan.has_changes() => None,
            None => match &plan.kind {
                Kind::Normal | Kind::Repair => Some("straddle apply".into()),
                Kind::Destroy => Some("straddle destroy".into()),
                Kind::RefreshOnly => Some("straddle apply -refresh-only".into()),
                Kind::Failover { .. } => Some("straddle failover".into()),
                Kind::Failback => Some("straddle failback".into()),
            },
        };
        if let Some(next) = next {
            let text = format!("{}  {next}", self.style.strong("Next:"));
            self.line(&text);
        }
    }

    /// Locations that are down and hold something of a workload that is not failed over.
    fn down(&self) -> Vec<String> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (_, workload) in &self.plan.workloads {
            // Where a failover is in force the loss has had its answer.
            if matches!(&workload.decision.mode, Mode::Normal { failed_over, .. } if !failed_over.is_empty()) {
                continue;
            }
            for note in &workload.decision.notes {
                if let Note::Down(place) = note {
                    names.insert(self.names(workload).place(*place));
                }
            }
        }
        names.into_iter().map(str::to_string).collect()
    }
}

fn sets(cut: &CutSets) -> BTreeSet<Vec<Event>> {
    cut.sets.iter().cloned().collect()
}
