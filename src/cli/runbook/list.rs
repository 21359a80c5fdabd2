//! `runbook list`, and what `drift` has to say of runbooks.

use super::super::Exit;
use super::super::args::RunbookListArgs;
use super::super::print::Printer;
use super::super::session::Project;
use super::{declared, texts};
use crate::diag::Sources;
use crate::report::runbook as report;
use crate::runbook::ledger::{self, Line};
use crate::runbook::scenario::{Scenario, scenarios};
use crate::runbook::{file, places};
use crate::spec::Spec;
use crate::state::{State, now};
use std::collections::BTreeSet;

/// A runbook that should be there, and what is not as it should be.
pub type Standing = report::Standing;

pub fn run(args: &RunbookListArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    if let Err(problem) = declared(&project) {
        printer.diagnostics(&[*problem], &project.sources);
        return Exit::Error;
    }
    let state = match super::super::home::load() {
        Ok(loaded) => loaded.state,
        Err(problem) => {
            printer.diagnostics(&[*problem], &project.sources);
            return Exit::Error;
        }
    };
    let all = standing(&project.spec, &project.sources, &state);
    printer.out(&match args.json {
        true => report::json(&all),
        false => report::text(&all, printer.style().lang),
    });
    Exit::Done
}

/// Every runbook the spec asks for, as it stands.
pub fn standing(spec: &Spec, sources: &Sources, state: &State) -> Vec<Standing> {
    let Some(runbooks) = &spec.runbooks else { return Vec::new() };
    let (texts, now) = (texts(sources), now());
    let mut wanted = scenarios(spec, &runbooks.scenarios, runbooks.pairs);
    wanted.retain(|s| !s.leaves_nothing(spec));
    // Those built on request are looked after as well.
    let named: BTreeSet<String> = wanted.iter().map(|s| s.name.clone()).collect();
    let known: Vec<String> = ledger::names(state).into_iter().filter(|n| !named.contains(n)).collect();
    if !known.is_empty() {
        wanted.extend(scenarios(spec, &[], true).into_iter().filter(|s| known.contains(&s.name)));
    }
    wanted
        .into_iter()
        .map(|scenario| {
            let line = ledger::line(state, &scenario.name);
            let mut because = ledger::stale(line.as_ref(), runbooks.rehearse_every_s, &texts, now.0);
            let kept = kept(spec, &scenario, line.as_ref(), state, &mut because);
            Standing {
                name: scenario.name,
                lose: scenario.lose.into_iter().collect(),
                aliases: scenario.aliases.into_iter().collect(),
                line: line.unwrap_or_default(),
                kept,
                because,
                span: runbooks.span.clone(),
            }
        })
        .collect()
}

/// The places that can be looked at and keep it; fewer than two of those outside the loss are not enough.
fn kept(
    spec: &Spec,
    scenario: &Scenario,
    line: Option<&Line>,
    state: &State,
    because: &mut Vec<String>,
) -> Vec<String> {
    let Some(runbooks) = &spec.runbooks else { return Vec::new() };
    let Some(line) = line.filter(|l| l.built.is_some()) else { return Vec::new() };
    let mut kept = Vec::new();
    let mut outside = 0;
    for place in &runbooks.stores {
        let path = places::path(place, &scenario.name);
        // A place behind a command is taken at its word: looking would cost a transfer at each check.
        let there = path.as_ref().is_none_or(|path| {
            let bytes = file::load(path);
            let header = bytes.as_deref().ok().and_then(|b| file::read(b).ok()).map(|(header, _)| header);
            header.is_some_and(|h| *h.lineage == *state.lineage && h.serial >= line.serial)
        });
        if there {
            kept.push(path.map_or_else(|| place.name.to_string(), |p| p.display().to_string()));
            outside += usize::from(scenario.takes(spec, &place.ground).is_none());
        }
    }
    if outside < 2 {
        because.push(format!("{outside} of its places outside the loss keep it, and two are wanted"));
    }
    kept
}
