//! What is left after each loss: now, at the worst moment of the plan, after it, and how soon growth makes it good.

use super::Page;
use crate::plan::model::WorkloadPlan;
use crate::report::style::{Ink, wrap};
use crate::report::table::{Align, rows};
use crate::report::words::{self, Names};
use crate::spread::decision::{Because, LossRow, Verdict};

/// Rows shown.
const MOST: usize = 10;

/// Notes under a table: numbered in the order of first use.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The number of a note, as ` (2)`.
    fn number(&mut self, text: String) -> String {
        let at = self.0.iter().position(|t| *t == text).unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        });
        format!(" ({})", at + 1)
    }
}

impl Page<'_> {
    pub(super) fn losses(&mut self, workload: &WorkloadPlan, names: Names<'_>) {
        let decision = &workload.decision;
        let mut losses: Vec<&LossRow> = decision.losses.iter().collect();
        if losses.is_empty() {
            return;
        }
        // Rules first, worst first; then what leaves least. Equal ones stay as they came.
        losses.sort_by_key(|row| {
            (row.verdict.map_or(1, |_| 0), row.verdict.map(std::cmp::Reverse), row.after, row.lose.len())
        });
        let most = if self.style.verbose { usize::MAX } else { MOST };
        let mut notes = Notes::default();
        let back = self.tell("loss.back", &[("n", &decision.replicas.to_string())]);
        let mut cells = vec![
            [
                self.style.strong(&self.tell("loss.title", &[])),
                self.tell("loss.now", &[]),
                self.tell("loss.during", &[]),
                self.tell("loss.after", &[]),
                back,
                self.tell("loss.rule", &[]),
                self.tell("loss.verdict", &[]),
            ]
            .to_vec(),
        ];
        for row in losses.iter().take(most) {
            cells.push(self.loss(row, workload, names, &mut notes));
        }
        self.blank();
        let right = Align::Right;
        rows(&cells, &[Align::Left, right, right, right], 0, &mut self.out);
        if losses.len() > most {
            let least = losses[most..].iter().map(|r| r.after).min().unwrap_or(0);
            let (n, least) = ((losses.len() - most).to_string(), names.units(least));
            let text = format!("  {}", self.tell("loss.more", &[("n", &n), ("least", &least)]));
            let text = self.style.faint(&text);
            self.line(&text);
        }
        for (i, note) in notes.0.iter().enumerate() {
            let text = wrap(&format!("  ({}) {note}", i + 1), self.style.width, 6);
            self.line(&text);
        }
        self.load(&losses, workload, names);
    }

    fn loss(&self, row: &LossRow, workload: &WorkloadPlan, names: Names<'_>, notes: &mut Notes) -> Vec<String> {
        let mut name = format!("  {}", names.loss(&row.lose));
        let others: Vec<String> = row.aliases.iter().flatten().map(|e| names.event(e)).collect();
        if !others.is_empty() {
            let others = words::some(others.into_iter(), 4);
            name.push_str(&notes.number(self.tell("loss.also", &[("others", &others)])));
        }
        let promises = &self.plan.survival.promises;
        let data = crate::promise::data_loss(promises, &self.plan.topology, &workload.rules.name, &row.lose);
        if let Some(seconds) = data.filter(|s| *s > 0) {
            let time = words::duration_in(seconds, self.style.lang);
            name.push_str(&notes.number(self.tell("loss.data", &[("time", &time)])));
        }
        vec![
            name,
            names.units(row.now),
            names.units(row.worst_during),
            names.units(row.after),
            self.back(row, workload, names, notes),
            self.rule_text(row, workload, names),
            self.judged(row, workload, names, notes),
        ]
    }

    /// What the rules ask of a loss: `5 at once, 10 in 15m`.
    fn rule_text(&self, row: &LossRow, workload: &WorkloadPlan, names: Names<'_>) -> String {
        let rules = row.rules.iter().filter_map(|index| workload.decision.rules.iter().find(|r| r.index == *index));
        let Some(strictest) = rules.max_by_key(|r| (r.floor, std::cmp::Reverse(r.index))) else { return "-".into() };
        let mut text = self.tell("loss.at_once", &[("n", &names.units(strictest.floor))]);
        for then in &strictest.after.growth {
            let (n, time) = (names.units(then.floor), words::duration_in(then.within_s, self.style.lang));
            text.push_str(&self.tell("loss.then", &[("n", &n), ("time", &time)]));
        }
        text
    }

    /// When growth has made the loss good.
    fn back(&self, row: &LossRow, workload: &WorkloadPlan, names: Names<'_>, notes: &mut Notes) -> String {
        let whole = u64::from(workload.decision.replicas) * u64::from(workload.decision.scale);
        match row.within_s {
            _ if row.after >= whole => self.tell("loss.stays", &[]),
            Some(seconds) => {
                let how = notes.number(words::time_parts_in(&row.parts, self.style.lang));
                let time = words::duration_in(seconds, self.style.lang);
                let reached = names.units(row.recovers_to);
                match row.recovers_to >= whole {
                    true => self.tell("loss.in", &[("time", &time), ("how", &how)]),
                    false => {
                        let short = names.units(row.unmet);
                        let words = [("n", &*reached), ("time", &*time), ("how", &*how), ("short", &*short)];
                        self.tell("loss.short", &words)
                    }
                }
            }
            None => self.tell("loss.never", &[]),
        }
    }

    fn judged(&self, row: &LossRow, workload: &WorkloadPlan, names: Names<'_>, notes: &mut Notes) -> String {
        let Some(verdict) = row.verdict else {
            let single = row.lose.len() == 1 && workload.decision.cut_sets.after.sets.contains(&row.lose);
            if let Some(accepted) = row.because.iter().find(|b| matches!(b, Because::Accepted(_))) {
                let why = notes.number(names.because_words(accepted).say(self.style.lang));
                return self.tell("loss.accepted", &[("why", &why)]);
            }
            let alone = self.tell("loss.single", &[]);
            return if single { self.style.ink(Ink::Bad, &alone) } else { "-".into() };
        };
        let why: String =
            row.because.iter().map(|b| notes.number(names.because_words(b).say(self.style.lang))).collect();
        let growth_only = !row.because.is_empty() && row.because.iter().all(about_growth);
        let text = match verdict {
            Verdict::Pass => self.style.ink(Ink::Good, "PASS"),
            Verdict::NotProven if growth_only => {
                let (pass, doubt) = (self.style.ink(Ink::Good, "PASS"), self.style.ink(Ink::Warn, "NOT PROVEN"));
                self.tell("loss.growth_doubt", &[("pass", &pass), ("doubt", &doubt)])
            }
            Verdict::NotProven => self.style.ink(Ink::Warn, "NOT PROVEN"),
            Verdict::Fail if growth_only => {
                let (pass, fail) = (self.style.ink(Ink::Good, "PASS"), self.style.ink(Ink::Bad, "FAIL"));
                self.tell("loss.growth_fail", &[("pass", &pass), ("fail", &fail)])
            }
            Verdict::Fail => self.style.ink(Ink::Bad, "FAIL"),
        };
        format!("{text}{why}")
    }

    /// The load on what is left, where the spec says what is needed at peak.
    fn load(&mut self, losses: &[&LossRow], workload: &WorkloadPlan, names: Names<'_>) {
        let worst = losses.iter().filter(|r| !r.rules.is_empty()).filter_map(|r| r.load.map(|(d, a)| (a, d))).min();
        if let (Some((alive, demand)), Some(need)) = (worst, workload.rules.demand) {
            let need = need.to_string();
            let text = match alive {
                0 => self.tell("loss.load_none", &[("need", &need)]),
                _ => {
                    let percent = (u128::from(demand) * 100).div_ceil(u128::from(alive));
                    let key = if percent > 100 { "loss.load_over" } else { "loss.load" };
                    let (left, percent) = (names.units(alive), percent.to_string());
                    crate::tongue::say(self.style.lang, key, &[("need", &need), ("left", &left), ("percent", &percent)])
                }
            };
            let text = wrap(&format!("  {text}"), self.style.width, 2);
            self.line(&text);
        }
    }
}

/// Whether the reason is about growth after the loss, not about what is left at once.
fn about_growth(because: &Because) -> bool {
    match because {
        Because::GrowthTooSmall
        | Because::GrowthTooLate
        | Because::QuotaOnly(_)
        | Because::BeyondReserve(_)
        | Because::CapacityUnknown(_)
        | Because::BootAssumed(_) => true,
        Because::TooFewAlive
        | Because::UnknownState(_)
        | Because::HealthAssumed(_)
        | Because::NoEvidence { .. }
        | Because::NoSuchRisk(_)
        | Because::Vacuous
        | Because::Accepted(_) => false,
    }
}
