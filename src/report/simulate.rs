//! What is left after losses: the answer of `simulate`.

use super::json::Json;
use super::plan::straddle;
use super::promises::{self, Moment as PromisedAt};
use super::style::{Ink, Style, wrap};
use super::table::{Align, rows};
use super::words::{Names, duration_in, time_parts_in, verdict, verdict_key};
use crate::promise::model::{Survival, Weight};
use crate::spread::decision::{Because, CutSets, Decision, LossRow, TimePart, Units, Verdict};
use crate::spread::model::{Event, Topology, Workload};
use crate::tongue::say;

/// The losses of each workload, judged on one state of it.
#[derive(Clone, Debug)]
pub struct Simulation<'a> {
    /// Where it all stands.
    pub topology: &'a Topology,
    /// In the order of the spec.
    pub workloads: Vec<Simulated<'a>>,
    /// What is promised beside their rules.
    pub survival: Survival,
}

/// One workload.
#[derive(Clone, Debug)]
pub struct Simulated<'a> {
    /// Its rules.
    pub rules: &'a Workload,
    /// Replicas asked for.
    pub replicas: u32,
    /// What each loss leaves.
    pub losses: Vec<Outcome>,
    /// Minimal cut sets of the state.
    pub cut_sets: &'a CutSets,
}

/// What one loss leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What is lost.
    pub lose: Vec<Event>,
    /// Survivors at once.
    pub alive: Units,
    /// What growth brings them back to.
    pub recovers_to: Units,
    /// What is then still missing to N.
    pub unmet: Units,
    /// When; `None` where nothing grows.
    pub within_s: Option<u64>,
    /// That time taken apart.
    pub parts: Vec<TimePart>,
    /// The rules that name the loss, together; `None` when none does.
    pub verdict: Option<Verdict>,
    /// Why it is not PASS.
    pub because: Vec<Because>,
    /// What the growth needs: domains and shared risks of the places it stands in.
    pub depends_on: Vec<Event>,
}

/// Which state of a decision is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// What stands now.
    Now,
    /// The worst half-done state of the plan.
    WorstDuring,
    /// What the plan leaves.
    After,
}

impl Outcome {
    /// A row of a decision's loss table at a moment. Growth is known for the state after; at other moments only what is left at once.
    pub fn of_row(row: &LossRow, moment: Moment, topology: &Topology, workload: &Workload) -> Outcome {
        let alive = match moment {
            Moment::Now => row.now,
            Moment::WorstDuring => row.worst_during,
            Moment::After => row.after,
        };
        let settled = moment == Moment::After || alive == row.after;
        Outcome {
            lose: row.lose.clone(),
            alive,
            recovers_to: if settled { row.recovers_to } else { alive },
            unmet: if settled { row.unmet } else { (row.unmet + row.recovers_to).saturating_sub(alive) },
            within_s: row.within_s.filter(|_| settled),
            parts: if settled { row.parts.clone() } else { Vec::new() },
            verdict: row.verdict,
            because: row.because.clone(),
            depends_on: depends_on(row, topology, workload),
        }
    }
}

/// The outermost domain of each place the growth stands in, and what must be alive to change anything there.
fn depends_on(row: &LossRow, topology: &Topology, workload: &Workload) -> Vec<Event> {
    let mut needed = std::collections::BTreeSet::new();
    for (place, _) in row.growth.iter().filter(|(_, n)| *n > 0) {
        let Some(location) = workload.places.get(*place).and_then(|p| topology.locations.get(p.location)) else {
            continue;
        };
        let outermost = topology.levels.iter().enumerate().find_map(|(level, name)| {
            location.domains.get(name).map(|domain| Event::Domain { level, name: domain.clone() })
        });
        needed.extend(outermost);
        needed.extend(location.shares.iter().chain(&location.control).map(|risk| Event::Risk(*risk)));
    }
    needed.into_iter().collect()
}

impl<'a> Simulated<'a> {
    /// All losses of a decision's table, at a moment.
    pub fn of_decision(
        decision: &'a Decision,
        rules: &'a Workload,
        topology: &Topology,
        moment: Moment,
    ) -> Simulated<'a> {
        Simulated {
            rules,
            replicas: decision.replicas,
            losses: decision.losses.iter().map(|row| Outcome::of_row(row, moment, topology, rules)).collect(),
            cut_sets: if moment == Moment::After { &decision.cut_sets.after } else { &decision.cut_sets.before },
        }
    }

    /// The loss that leaves least; the first among equals.
    pub fn worst(&self) -> Option<&Outcome> {
        self.losses.iter().min_by_key(|o| o.alive)
    }
}

impl Simulation<'_> {
    /// Some workload's margin is below its `alarm_below`.
    pub fn is_alarmed(&self) -> bool {
        let below = |w: &Simulated<'_>| w.rules.alarm_below.is_some_and(|below| w.cut_sets.margin < below);
        self.workloads.iter().any(below)
    }

    /// No rule is broken by any of the losses, and no promise that is a rule.
    pub fn is_ok(&self) -> bool {
        self.workloads.iter().flat_map(|w| &w.losses).all(|o| o.verdict != Some(Verdict::Fail))
            && self.survival.failed_now(Weight::Rule).next().is_none()
    }
}

/// The answer for programs.
pub fn json(simulation: &Simulation<'_>) -> String {
    let mut json = Json::new();
    json.object(|j| {
        j.key("format_version").text("1.0");
        j.key("workloads").object(|j| {
            for workload in &simulation.workloads {
                let names = Names { topology: simulation.topology, workload: workload.rules };
                j.key(&workload.rules.name).object(|j| {
                    j.key("losses").array(&workload.losses, |j, outcome| write(outcome, names, j));
                    match workload.worst() {
                        Some(outcome) => write(outcome, names, j.key("worst")),
                        None => j.key("worst").raw("null"),
                    }
                    j.key("margin").plain(workload.cut_sets.margin);
                    straddle::cut_sets(workload.cut_sets, names, j.key("cut_sets"));
                    j.key("complete_to").plain(workload.cut_sets.complete_to);
                });
            }
        });
        promises::json(&simulation.survival, &[PromisedAt::Now], j.key("promises"));
        j.key("ok").plain(simulation.is_ok());
    });
    json.finish()
}

fn write(outcome: &Outcome, names: Names<'_>, j: &mut Json) {
    j.object(|j| {
        straddle::events(&outcome.lose, names, j.key("lose"));
        j.key("alive").raw(&names.units(outcome.alive));
        j.key("recovers_to").raw(&names.units(outcome.recovers_to));
        j.key("unmet").raw(&names.units(outcome.unmet));
        j.key("within_s").maybe(outcome.within_s);
        match outcome.verdict {
            Some(verdict) => j.key("verdict").text(verdict_key(verdict)),
            None => j.key("verdict").raw("null"),
        }
        straddle::events(&outcome.depends_on, names, j.key("depends_on"));
    });
}

/// The answer for people.
pub fn text(simulation: &Simulation<'_>, style: &Style) -> String {
    let mut out = String::new();
    for workload in &simulation.workloads {
        let names = Names { topology: simulation.topology, workload: workload.rules };
        let (n, margin) = (workload.replicas.to_string(), workload.cut_sets.margin.to_string());
        let args: &[(&str, &str)] = &[("name", &workload.rules.name), ("n", &n), ("margin", &margin)];
        let title = say(style.lang, "simulated.title", args);
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", style.strong(&title)));
        table(workload, names, style, &mut out);
        let sets =
            workload.cut_sets.sets.iter().filter(|s| !s.is_empty()).map(|set| format!("{{{}}}", names.loss(set)));
        let sets = super::words::some(sets, 6);
        if !sets.is_empty() {
            out.push_str(&wrap(&say(style.lang, "simulated.cut_sets", &[("sets", &sets)]), style.width, 4));
            out.push('\n');
        }
        if workload.cut_sets.complete_to < workload.rules.max_order {
            let order = workload.cut_sets.complete_to.to_string();
            let text = say(style.lang, "simulated.ended", &[("order", &order)]);
            out.push_str(&format!("{}\n", wrap(&text, style.width, 4)));
        }
        if let Some(below) = workload.rules.alarm_below.filter(|below| workload.cut_sets.margin < *below) {
            let (margin, below) = (workload.cut_sets.margin.to_string(), below.to_string());
            let text = say(style.lang, "simulated.alarm", &[("margin", &margin), ("below", &below)]);
            out.push_str(&format!("{}\n", style.ink(Ink::Bad, &text)));
        }
    }
    out.push_str(&promises::text(&simulation.survival, PromisedAt::Now, style));
    let word = match simulation.is_ok() {
        true => say(style.lang, "simulated.holds", &[]),
        false => style.ink(Ink::Bad, &say(style.lang, "simulated.broken", &[])),
    };
    out.push_str(&format!("{word}\n"));
    out
}

fn table(workload: &Simulated<'_>, names: Names<'_>, style: &Style, out: &mut String) {
    let most = if style.verbose { usize::MAX } else { 30 };
    let mut notes: Vec<String> = Vec::new();
    let mut cells = vec![
        [
            say(style.lang, "simulated.lost", &[]),
            say(style.lang, "simulated.left", &[]),
            say(style.lang, "simulated.growth", &[]),
            say(style.lang, "simulated.verdict", &[]),
            say(style.lang, "simulated.because", &[]),
        ]
        .to_vec(),
    ];
    let no_rule = say(style.lang, "simulated.no_rule", &[]);
    for outcome in workload.losses.iter().take(most) {
        let growth = match outcome.within_s {
            Some(s) => {
                let how = time_parts_in(&outcome.parts, style.lang);
                let at = notes.iter().position(|note| *note == how).unwrap_or_else(|| {
                    notes.push(how);
                    notes.len() - 1
                });
                let how = format!(" ({})", at + 1);
                let (n, time) = (names.units(outcome.recovers_to), duration_in(s, style.lang));
                let (key, short) =
                    (if outcome.unmet == 0 { "loss.reaches" } else { "loss.short" }, names.units(outcome.unmet));
                say(style.lang, key, &[("n", &n), ("time", &time), ("how", &how), ("short", &short)])
            }
            None => "-".into(),
        };
        let (word, ink) = match outcome.verdict {
            Some(v) => (verdict(v), [Ink::Good, Ink::Warn, Ink::Bad][v as usize]),
            None => (no_rule.as_str(), Ink::Faint),
        };
        let because: Vec<String> = outcome.because.iter().map(|b| names.because_words(b).say(style.lang)).collect();
        cells.push(vec![
            format!("  {}", names.loss(&outcome.lose)),
            names.units(outcome.alive),
            growth,
            style.ink(ink, word),
            because.join("; "),
        ]);
    }
    rows(&cells, &[Align::Left, Align::Right], 0, out);
    if workload.losses.len() > most {
        out.push_str(&format!("  and {} more (-verbose shows all)\n", workload.losses.len() - most));
    }
    for (i, note) in notes.iter().enumerate() {
        out.push_str(&format!("  ({}) {note}\n", i + 1));
    }
}
