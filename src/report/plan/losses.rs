//! What is left after each loss: now, at the worst moment of the plan, after it, and how soon growth makes it good.

use super::Page;
use crate::plan::model::WorkloadPlan;
use crate::report::style::{Ink, wrap};
use crate::report::table::{Align, rows};
use crate::report::words::{self, Names, duration};
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
        let back = format!("back to {}", decision.replicas);
        let mut cells = vec![
            [
                self.style.strong("Serving if lost:"),
                "now".into(),
                "during".into(),
                "after".into(),
                back,
                "rule".into(),
                "after this plan".into(),
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
            let text = format!(
                "  and {} losses more, none leaves less than {} (-verbose shows all)",
                losses.len() - most,
                names.units(least)
            );
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
            name.push_str(&notes.number(format!("also {}: they take the same", words::some(others.into_iter(), 4))));
        }
        vec![
            name,
            names.units(row.now),
            names.units(row.worst_during),
            names.units(row.after),
            self.back(row, workload, names, notes),
            rule(row, workload, names),
            self.judged(row, workload, names, notes),
        ]
    }

    /// When growth has made the loss good.
    fn back(&self, row: &LossRow, workload: &WorkloadPlan, names: Names<'_>, notes: &mut Notes) -> String {
        let whole = u64::from(workload.decision.replicas) * u64::from(workload.decision.scale);
        match row.within_s {
            _ if row.after >= whole => "stays".into(),
            Some(seconds) => {
                let how = notes.number(words::time_parts(&row.parts));
                match row.recovers_to >= whole {
                    true => format!("in {}{how}", duration(seconds)),
                    false => format!("{} in {}{how}", names.units(row.recovers_to), duration(seconds)),
                }
            }
            None => "never".into(),
        }
    }

    fn judged(&self, row: &LossRow, workload: &WorkloadPlan, names: Names<'_>, notes: &mut Notes) -> String {
        let Some(verdict) = row.verdict else {
            let single = row.lose.len() == 1 && workload.decision.cut_sets.after.sets.contains(&row.lose);
            if let Some(accepted) = row.because.iter().find(|b| matches!(b, Because::Accepted(_))) {
                return format!("accepted{}", notes.number(names.because(accepted)));
            }
            return if single { self.style.ink(Ink::Bad, "SINGLE POINT, no rule names it") } else { "-".into() };
        };
        let why: String = row.because.iter().map(|b| notes.number(names.because(b))).collect();
        let growth_only = !row.because.is_empty() && row.because.iter().all(about_growth);
        let text = match verdict {
            Verdict::Pass => self.style.ink(Ink::Good, "PASS"),
            Verdict::NotProven if growth_only => {
                format!("{}, growth {}", self.style.ink(Ink::Good, "PASS"), self.style.ink(Ink::Warn, "NOT PROVEN"))
            }
            Verdict::NotProven => self.style.ink(Ink::Warn, "NOT PROVEN"),
            Verdict::Fail if growth_only => {
                format!("{} at once, growth {}", self.style.ink(Ink::Good, "PASS"), self.style.ink(Ink::Bad, "FAIL"))
            }
            Verdict::Fail => self.style.ink(Ink::Bad, "FAIL"),
        };
        format!("{text}{why}")
    }

    /// The load on what is left, where the spec says what is needed at peak.
    fn load(&mut self, losses: &[&LossRow], workload: &WorkloadPlan, names: Names<'_>) {
        let worst = losses.iter().filter(|r| !r.rules.is_empty()).filter_map(|r| r.load.map(|(d, a)| (a, d))).min();
        if let (Some((alive, demand)), Some(need)) = (worst, workload.rules.demand) {
            let text = match alive {
                0 => {
                    format!("Peak load needs {need} (declared): after the worst of these nothing is left to carry it.")
                }
                _ => {
                    let percent = (u128::from(demand) * 100).div_ceil(u128::from(alive));
                    let until = if percent > 100 { " until the growth is done" } else { "" };
                    format!(
                        "Peak load needs {need} (declared): {} left would run at {percent} %{until}.",
                        names.units(alive)
                    )
                }
            };
            let text = wrap(&format!("  {text}"), self.style.width, 2);
            self.line(&text);
        }
    }
}

/// What the rules ask of a loss: `5 at once, 10 in 15m`.
fn rule(row: &LossRow, workload: &WorkloadPlan, names: Names<'_>) -> String {
    let rules = row.rules.iter().filter_map(|index| workload.decision.rules.iter().find(|r| r.index == *index));
    let Some(strictest) = rules.max_by_key(|r| (r.floor, std::cmp::Reverse(r.index))) else { return "-".into() };
    let mut text = format!("{} at once", names.units(strictest.floor));
    for then in &strictest.after.growth {
        text.push_str(&format!(", {} in {}", names.units(then.floor), duration(then.within_s)));
    }
    text
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
