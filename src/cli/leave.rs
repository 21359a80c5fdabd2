//! Whether a plan may be carried out now: the `change` blocks, asked before anything is touched.

use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::model::{Action, Kind, Plan, WorkloadPlan};
use crate::promise::change::{Approval, Planned, objections};
use crate::spread::decision::Role;
use crate::tongue::say;
use std::collections::BTreeSet;
use straddle_sdk::value::Str;

/// What stands against it is said; true: nothing does.
pub fn is_given(project: &Project, plan: &Plan, approvals: &[Approval], printer: &Printer) -> bool {
    if project.spec.promises.changes.is_empty() {
        return true;
    }
    let weakens = weakens(plan);
    let removed = removed_before();
    let now = jiff::Timestamp::now().as_second();
    let found = objections(&project.spec.promises, now, planned(plan, &weakens), approvals, &removed);
    let lang = printer.style().lang;
    let problems: Vec<Diagnostic> =
        found
            .iter()
            .map(|objection| {
                let mut problem = Diagnostic::error(say(lang, "change.summary", &[]), objection.why.say(lang))
                    .help(say(lang, "change.nothing", &[]));
                problem.span = project.spec.span(objection.site).cloned();
                problem
            })
            .collect();
    printer.diagnostics(&problems, &project.sources);
    problems.is_empty()
}

/// The rules that are gone or weaker, as approvals name them.
fn weakens(plan: &Plan) -> Vec<String> {
    let of =
        |(name, w): &(Str, WorkloadPlan)| w.weakened.iter().map(|(id, ..)| format!("{name}:{id}")).collect::<Vec<_>>();
    plan.workloads.iter().flat_map(of).collect()
}

fn planned<'w>(plan: &Plan, weakens: &'w [String]) -> Planned<'w> {
    let touches = |a: Action| a.deletes() || a == Action::Update;
    let missing = plan.drift.iter().any(|d| d.live.is_null());
    let adds_only = !plan.changes.iter().any(|c| touches(c.action));
    let mends = matches!(plan.kind, Kind::Repair | Kind::Failover { .. }) || (adds_only && missing);
    let decisions = plan.workloads.iter().map(|(_, w)| &w.decision);
    let removes = decisions.flat_map(|d| &d.steps).flat_map(|s| &s.removes).map(|entry| match entry.slots.is_empty() {
        true => u64::from(entry.count),
        false => entry.slots.iter().filter(|s| s.role == Role::Shrink).count() as u64,
    });
    Planned { mends, weakens, removes: removes.sum() }
}

/// When replicas were removed, by the history of the state: one time for each replica.
fn removed_before() -> Vec<i64> {
    let history = super::home::place().ok().and_then(|place| crate::state::history(place).ok());
    let Some(history) = history else { return Vec::new() };
    let mut seen = BTreeSet::new();
    for line in history.lines.iter().filter(|l| l.event == "begin" && l.detail.as_deref() == Some("delete")) {
        let address = line.subject.as_deref().and_then(|s| s.parse::<crate::lang::address::Address>().ok());
        let replica =
            address.as_ref().and_then(|a| Some((a.workload.clone()?, crate::plan::sequence::replica(a)?.1.clone())));
        if let Some((workload, key)) = replica {
            seen.insert((line.run, workload, key, line.at.0));
        }
    }
    let mut replicas = BTreeSet::new();
    seen.into_iter()
        .filter(|(run, w, k, _)| replicas.insert((*run, w.clone(), k.clone())))
        .map(|(.., at)| at.div_euclid(1000))
        .collect()
}
