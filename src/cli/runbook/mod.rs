//! `runbook`: plans for losses, compiled ahead and kept where the loss does not reach.

mod build;
mod carried;
mod list;
mod merge;
mod rehearse;
mod run;

pub use build::after_apply;
pub use list::standing;
pub use merge::adopt;

use super::Exit;
use super::args::RunbookCommand;
use super::print::Printer;
use super::session::Project;
use crate::diag::{Diagnostic, Sources};
use crate::runbook::key::{Key, KeyError};
use crate::runbook::ledger;
use crate::runbook::scenario::scenarios;
use crate::spec::Spec;
use crate::spec::runbooks::{self, RunbookSpec};
use crate::state::{Entry, LockRequest, RunBegin, RunEnd, RunOutcome, State, StateError, Store, Time, now};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub async fn run(command: RunbookCommand, printer: &Printer) -> Exit {
    match command {
        RunbookCommand::Build(args) => build::run(args, printer).await,
        RunbookCommand::List(args) => list::run(&args, printer),
        RunbookCommand::Test(args) => rehearse::run(args, printer).await,
        RunbookCommand::Run(args) => run::run(args, printer).await,
        RunbookCommand::Merge(args) => merge::run(&args, printer),
        RunbookCommand::Key => new_key(printer),
    }
}

fn new_key(printer: &Printer) -> Exit {
    match Key::random() {
        Ok(key) => {
            printer.out(&key.secret());
            Exit::Done
        }
        Err(error) => {
            printer.error(&error.to_string());
            Exit::Fault
        }
    }
}

/// The key the spec names.
fn spec_key(project: &Project, runbooks: &RunbookSpec) -> Result<Key, KeyError> {
    match &runbooks.key {
        runbooks::Key::Env(name) => key_in_env(name),
        runbooks::Key::File(path) => key_in_file(&project.directory.join(path)),
    }
}

fn key_in_env(name: &str) -> Result<Key, KeyError> {
    match std::env::var(name) {
        Ok(text) if !text.trim().is_empty() => Key::parse(&text, &format!("the environment variable {name}")),
        _ => Err(KeyError::Missing(format!("the environment variable {name}"))),
    }
}

fn key_in_file(path: &Path) -> Result<Key, KeyError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| KeyError::Unreadable(shown.clone(), e.to_string()))?;
    Key::parse(&text, &shown)
}

fn no_key(error: &KeyError) -> Diagnostic {
    Diagnostic::error("No key for runbooks", format!("{error}.")).help(
        "Make one with `straddle runbook key`, keep it where no loss takes it, and give it in STRADDLE_RUNBOOK_KEY (key_env and key_file of the runbook block name another place).",
    )
}

/// The block, or what to write.
fn declared(project: &Project) -> Result<&RunbookSpec, Box<Diagnostic>> {
    project.spec.runbooks.as_ref().ok_or_else(|| {
        Box::new(
            Diagnostic::error("No runbook block", "This directory does not say where runbooks are kept.").help(
                "Add: runbook \"main\" { store \"here\" { path = \"...\" }  store \"there\" { path = \"...\" } }",
            ),
        )
    })
}

/// The key of this directory's runbooks, or what to say where there is none.
fn key_of(project: &Project) -> Result<Key, Box<Diagnostic>> {
    spec_key(project, declared(project)?).map_err(|error| Box::new(no_key(&error)))
}

/// The configuration that runbooks are compiled from, as a digest.
pub fn texts(sources: &Sources) -> String {
    let configures = |name: &str| [".tf", ".tf.json", ".straddle.hcl"].iter().any(|ending| name.ends_with(ending));
    let files = sources.files.iter().filter(|f| configures(&f.name));
    let mut files: Vec<(&str, &str)> = files.map(|f| (f.name.as_str(), &*f.text)).collect();
    files.sort_unstable();
    let mut hash = Sha256::new();
    for (name, text) in files {
        hash.update(format!("{name}\0{}\0{text}\0", text.len()));
    }
    HEXLOWER.encode(&hash.finalize())
}

/// Writes entries as a run of their own.
fn remember(store: &Store, entries: Vec<Entry>) -> Result<(), StateError> {
    if entries.is_empty() {
        return Ok(());
    }
    let request = LockRequest::here("runbook");
    let who = format!("{}@{}", request.who, request.host);
    let begin = Entry::RunBegin(RunBegin { who, command: "runbook".into(), plan: None });
    let end = Entry::RunEnd(RunEnd { outcome: RunOutcome::Done });
    store.record(now(), [begin].into_iter().chain(entries).chain([end]))
}

/// The runbook for a loss, as a failover's page cites it; empty without a runbook block.
pub fn cited(spec: &Spec, state: &State, lost: &BTreeSet<String>) -> String {
    if spec.runbooks.is_none() {
        return String::new();
    }
    let names: Vec<String> = lost.iter().cloned().collect();
    let all = scenarios(spec, &names, names.len() > 1);
    let Some(scenario) = all.iter().find(|s| s.lose == *lost) else { return String::new() };
    let built = |name: &str| ledger::line(state, name).filter(|l| l.built.is_some());
    // The same loss by another of its names has its runbook under that one.
    let same = scenarios(spec, &[], false).into_iter().find(|s| s.locations == scenario.locations);
    let found = built(&scenario.name).map(|line| (scenario.name.clone(), line));
    let found = found.or_else(|| same.and_then(|s| Some((s.name.clone(), built(&s.name)?))));
    let Some((name, line)) = found else {
        return format!("Runbook   none for {}: `straddle runbook build` compiles one", scenario.name);
    };
    let day = |at: i64| Time(at).to_string().chars().take(10).collect::<String>();
    let rehearsed = match [&line.tested, &line.real].into_iter().flatten().map(|t| t.at).max() {
        Some(at) => match now().0.saturating_sub(at) / 86_400_000 {
            0 => "last rehearsed today".to_string(),
            1 => "last rehearsed yesterday".into(),
            days => format!("last rehearsed {days} days ago"),
        },
        None => "never rehearsed".into(),
    };
    format!("Runbook   {name}, built {}, {rehearsed}", line.built.map_or_else(String::new, day))
}

/// Since which day a rehearsal has shown what a site can do, by the site's name: the last one (or real use) that ended well of a runbook
/// whose loss the site is there for.
pub fn rehearsed(spec: &Spec, state: &State) -> BTreeMap<String, i64> {
    let known = ledger::names(state);
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    if known.is_empty() {
        return found;
    }
    for scenario in scenarios(spec, &[], true).iter().filter(|s| known.contains(&s.name)) {
        let Some(line) = ledger::line(state, &scenario.name) else { continue };
        let trials = [&line.tested, &line.real].into_iter().flatten();
        let Some(last) = trials.filter(|t| t.well).map(|t| t.at.div_euclid(86_400_000)).max() else { continue };
        for workload in &spec.workloads {
            let places: BTreeSet<usize> = workload.rules.places.iter().map(|p| p.location).collect();
            if places.is_disjoint(&scenario.locations) {
                continue;
            }
            for stays in places.difference(&scenario.locations) {
                let day = found.entry(spec.topology.locations[*stays].name.clone()).or_insert(last);
                *day = (*day).max(last);
            }
        }
    }
    found
}
