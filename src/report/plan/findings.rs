//! Cut sets, margin, findings, price, and the last lines: what is not touched, how to stop, what comes next.

use super::{Fate, Page};
use crate::plan::model::{Action, Kind, WorkloadPlan};
use crate::report::style::{Ink, clean, columns, pad, wrap};
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
                None => self.tell("finding.removed", &[("rule", rule), ("was", was)]),
                Some(is) => self.tell("finding.weakened", &[("rule", rule), ("was", was), ("is", is)]),
            };
            let text = self.style.ink(Ink::Warn, &wrap(&text, self.style.width, 4));
            self.line(&text);
        }
        for note in &workload.decision.notes {
            // A waiting removal and a frozen place are said in words of their own; all are worth a line.
            let (grave, words) = names.note_words(note);
            let text = words.say(self.style.lang);
            let single = matches!(note, Note::SinglePointOfFailure(_));
            let head = if single { self.tell("finding.finding", &[]) } else { self.tell("finding.note", &[]) };
            let head = if grave { self.style.ink(Ink::Warn, &head) } else { head };
            let text = wrap(&format!("{head}: {text}."), self.style.width, 4);
            self.line(&text);
        }
        for (currency, cost) in &workload.decision.cost {
            let (now, after, peak) = (money(cost.before), money(cost.after), money(cost.peak));
            let peak = match cost.peak > cost.before.max(cost.after) {
                true => self.tell("cost.peak", &[("peak", &peak)]),
                false => String::new(),
            };
            let args: &[(&str, &str)] =
                &[("currency", currency.as_str()), ("now", &now), ("after", &after), ("peak", &peak)];
            let text = self.tell("cost.line", args);
            self.line(&text);
        }
        self.price(workload);
    }

    fn margin(&mut self, workload: &WorkloadPlan, names: Names<'_>) {
        let decision = &workload.decision;
        if decision.losses.is_empty() && decision.rules.is_empty() {
            return;
        }
        let margin = &decision.margin;
        let (now, during, after) =
            (margin.before.to_string(), margin.worst_during.to_string(), margin.after.to_string());
        let alarm = workload
            .rules
            .alarm_below
            .map_or(String::new(), |below| self.tell("margin.alarm", &[("below", &below.to_string())]));
        let mut text =
            self.tell("margin.line", &[("now", &now), ("during", &during), ("after", &after), ("alarm", &alarm)]);
        let (before, after) = (sets(&decision.cut_sets.before), sets(&decision.cut_sets.after));
        // A state that is broken already has no cut sets worth naming.
        if !before.contains(&Vec::new()) && !after.contains(&Vec::new()) {
            let list = |a: &BTreeSet<Vec<Event>>, b: &BTreeSet<Vec<Event>>| {
                let found = a.difference(b).map(|set| format!("{{{}}}", names.loss(set)));
                words::some(found, 5)
            };
            let (new, gone) = (list(&after, &before), list(&before, &after));
            if !new.is_empty() {
                text.push_str(&self.tell("margin.new_sets", &[("list", &new)]));
            }
            if !gone.is_empty() {
                text.push_str(&self.tell("margin.sets_gone", &[("list", &gone)]));
            }
            let order = |(from, to): &(Vec<Event>, Vec<Event>)| {
                let (from, to) = (format!("{{{}}}", names.loss(from)), format!("{{{}}}", names.loss(to)));
                self.tell("margin.becomes", &[("from", &from), ("to", &to)])
            };
            let changed = words::some(decision.cut_sets.diff().changed.iter().map(order), 5);
            if !changed.is_empty() {
                text.push_str(&self.tell("margin.other_order", &[("list", &changed)]));
            }
        } else if after.contains(&Vec::new()) && decision.replicas > 0 {
            text.push_str(&self.tell("margin.below", &[]));
        }
        let limit = decision.cut_sets.after.complete_to;
        if limit < workload.rules.max_order {
            text.push_str(&self.tell("margin.ended", &[("order", &limit.to_string())]));
        }
        let mut text = wrap(&text, self.style.width, 4);
        if margin.alarm_after {
            text = self.style.ink(Ink::Bad, &text);
        }
        self.line(&text);
    }

    /// What is not touched, how to stop, what comes next.
    pub(super) fn tail(&mut self, fate: Fate<'_>) {
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
                let text = self.tell("tail.untouched", &[]);
                self.line(&text);
            } else if touched {
                let text = self.tell("tail.stop", &[]);
                self.line(&text);
            }
        }
        if let Fate::Saved { file, digest } = fate {
            let serial = plan.serial.to_string();
            let text = self.tell("tail.saved", &[("file", file), ("digest", digest), ("serial", &serial)]);
            self.line(&wrap(&text, self.style.width, 4));
        }
        let next = match fate {
            _ if plan.is_broken() => None,
            Fate::Applied => None,
            _ if !down.is_empty() && plan.kind == Kind::Normal => {
                Some(format!("straddle failover   ({} DOWN)", down.join(", ")))
            }
            Fate::Saved { file, .. } => Some(format!("straddle apply {file}")),
            Fate::Shown if !plan.has_changes() => None,
            Fate::Shown => match &plan.kind {
                Kind::Normal | Kind::Repair => Some("straddle apply".into()),
                Kind::Destroy => Some("straddle destroy".into()),
                Kind::RefreshOnly => Some("straddle apply -refresh-only".into()),
                Kind::Failover { .. } => Some("straddle failover".into()),
                Kind::Failback => Some("straddle failback".into()),
            },
        };
        if let Some(next) = next {
            let text = format!("{}  {next}", self.style.strong(&self.tell("tail.next", &[])));
            self.line(&text);
        }
    }

    /// Commands worth typing when everything stands: what the next loss would do, and on the built-in clouds, a loss to watch.
    pub(super) fn try_next(&mut self) {
        let Some((_, workload)) = self.plan.workloads.first() else { return };
        let level = workload.rules.spread.last().map_or("zone", |s| s.level.as_str());
        let mut next = vec![
            ("straddle plan".to_string(), self.tell("next.plan", &[])),
            (format!("straddle simulate --any 1 --of {level}"), self.tell("next.simulate", &[])),
        ];
        let simulated = self.plan.changes.iter().any(|c| c.provider.source.ends_with("/straddle/sim"));
        let domain = workload.decision.spread.last().and_then(|row| row.domains.iter().find(|d| d.after > 0));
        if let Some(domain) = domain.filter(|_| simulated) {
            next.push((format!("straddle sim kill 1 --in {level}:{}", domain.name), self.tell("next.again", &[])));
        }
        let wide = next.iter().map(|(command, _)| columns(command)).max().unwrap_or(0);
        self.blank();
        for (i, (command, what)) in next.iter().enumerate() {
            let lead = if i == 0 { self.style.strong(&self.tell("tail.next", &[])) } else { "     ".into() };
            self.line(&format!("{lead}  {}  {what}", pad(command, wide)));
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
