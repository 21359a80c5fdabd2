//! The plan for people.
//!
//! In this order: what is broken now, how much would change, whether the observation can be trusted, what changed outside,
//! the actions, and for each workload its spread, its steps with their worst moments, what every loss leaves, what is not proven;
//! then the price, what is not touched, and the next command.

mod actions;
pub mod configuration;
mod findings;
mod head;
mod json;
mod losses;
mod price;
mod resources;
mod spread;
mod steps;
pub mod straddle;

pub use json::{digest, json};
pub use steps::what as step_of;

use super::style::Style;
use super::words::Names;
use crate::plan::model::{Kind, Plan, WorkloadPlan};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What becomes of a plan once it was read: its last lines depend on it.
#[derive(Clone, Copy, Debug)]
pub enum Fate<'f> {
    /// It was only asked for: the command that would carry it out stands at the end.
    Shown,
    /// It is in a file: name, digest and the command that carries it out stand at the end.
    Saved {
        /// The file's name.
        file: &'f str,
        /// The plan's digest.
        digest: &'f str,
    },
    /// It is about to be carried out by the command that shows it: there is no other to name.
    Applied,
}

/// The whole plan as text.
pub fn text(plan: &Plan, fate: Fate<'_>, style: &Style) -> String {
    Page::new(plan, style).whole(fate)
}

/// Once a plan was carried out to its end: where the replicas stand now, and what to try next.
pub fn carried_out(plan: &Plan, style: &Style) -> String {
    let mut page = Page::new(plan, style);
    if !matches!(plan.kind, Kind::Destroy | Kind::RefreshOnly) {
        for (_, workload) in &plan.workloads {
            let (before, now) = (page.tell("spread.before", &[]), page.tell("loss.now", &[]));
            page.spread(workload, page.names(workload), [&before, &now]);
        }
        // A failover and its way back name their own next command.
        if matches!(plan.kind, Kind::Normal | Kind::Repair) {
            page.try_next();
        }
    }
    page.out
}

/// What the actions of one plan are, without rules and spread: for `show` of a part, or an approval prompt.
pub fn actions(plan: &Plan, style: &Style) -> String {
    let mut page = Page::new(plan, style);
    page.actions();
    page.out
}

/// The line with the counts, zeros written out.
pub fn counts(plan: &Plan) -> String {
    head::counts(plan, &Style::default())
}

/// A plan being written.
struct Page<'p> {
    plan: &'p Plan,
    style: &'p Style,
    out: String,
    places: Places,
}

impl<'p> Page<'p> {
    fn new(plan: &'p Plan, style: &'p Style) -> Page<'p> {
        Page { plan, style, out: String::new(), places: Places::default() }
    }

    fn whole(mut self, fate: Fate<'_>) -> String {
        self.head();
        self.read();
        self.drift();
        self.actions();
        self.deferred();
        self.outputs();
        let plan = self.plan;
        if plan.kind != Kind::RefreshOnly {
            for (name, workload) in &plan.workloads {
                self.workload(name, workload);
            }
        }
        self.promises();
        self.tail(fate);
        self.out
    }

    fn workload(&mut self, name: &str, workload: &WorkloadPlan) {
        let names = self.names(workload);
        // A workload that nothing is said of elsewhere is named once; its tables follow.
        if self.plan.workloads.len() > 1 {
            self.blank();
            let title = self.style.strong(&format!("workload {name}"));
            self.line(&title);
        }
        let (now, after) = (self.tell("loss.now", &[]), self.tell("loss.after", &[]));
        self.spread(workload, names, [&now, &after]);
        self.steps(workload, names);
        if self.plan.kind != Kind::Destroy {
            self.losses(workload, names);
        }
        self.findings(workload, names);
    }

    /// What is promised beside the rules of the workloads, and how much of it holds after the plan.
    fn promises(&mut self) {
        if !matches!(self.plan.kind, Kind::Destroy | Kind::RefreshOnly) {
            let text = super::promises::text(&self.plan.survival, super::promises::Moment::After, self.style);
            if !text.is_empty() {
                self.blank();
                self.out.push_str(&text);
            }
        }
    }

    fn names(&self, workload: &'p WorkloadPlan) -> Names<'p> {
        Names { topology: &self.plan.topology, workload: &workload.rules }
    }

    /// A message in the reader's language.
    fn tell(&self, key: &str, args: &[(&str, &str)]) -> String {
        crate::tongue::say(self.style.lang, key, args)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// One empty line, never two.
    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        let text = self.style.strong(text);
        self.line(&text);
    }
}

/// What a step of a workload does, in words: `add seoul-a/2, wait healthy 1m`. Steps count from 0.
pub fn step_words(plan: &Plan, workload: &str, step: usize, lang: crate::tongue::Lang) -> Option<String> {
    let (_, workload) = plan.workloads.iter().find(|(name, _)| **name == *workload)?;
    let names = Names { topology: &plan.topology, workload: &workload.rules };
    workload.decision.steps.get(step).map(|step| steps::what(step, names, lang))
}

/// Lines of texts, found once for each text: a plan names a place for each of its objects.
#[derive(Default)]
struct Places(RefCell<BTreeMap<u32, Vec<usize>>>);

impl Places {
    /// File and line of a span.
    fn of<'s>(&self, sources: &'s crate::diag::Sources, span: &crate::diag::Span) -> Option<(&'s str, usize)> {
        let source = sources.files.get(span.file.0 as usize)?;
        let mut known = self.0.borrow_mut();
        let ends = known.entry(span.file.0).or_insert_with(|| {
            source.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect()
        });
        Some((&source.name, ends.partition_point(|end| *end < span.range.start) + 1))
    }
}

/// File and line of a span.
pub fn place_of<'s>(sources: &'s crate::diag::Sources, span: &crate::diag::Span) -> Option<(&'s str, usize)> {
    let source = sources.files.get(span.file.0 as usize)?;
    let upto = source.text.get(..span.range.start)?;
    Some((&source.name, upto.bytes().filter(|b| *b == b'\n').count() + 1))
}
