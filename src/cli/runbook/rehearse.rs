//! `runbook test`: rehearses runbooks where nothing can be hurt. On the built-in clouds the loss is brought about on a copy of them and
//! the runbook carried out there, without spec and state; other providers are asked to plan every step, which is their dry run.

use super::super::args::{PlanningArgs, RunbookTestArgs};
use super::super::planning;
use super::super::print::Printer;
use super::super::session::Project;
use super::super::{Exit, apply, recovery, sim};
use super::carried::Replayed;
use super::run::{Offline, opened};
use super::{key_of, remember};
use crate::diag::Diagnostic;
use crate::plan::file::{self as plan_file, Protection};
use crate::plan::model::{Action, Kind, Plan};
use crate::plan::providers::TERRAFORM;
use crate::runbook::key::Key;
use crate::runbook::ledger::{self, Trial};
use crate::runbook::scenario::{Scenario, scenarios};
use crate::runbook::{Content, Header, file, places};
use crate::state::{Entry, Store, now};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use straddle_provider_sim::SystemClock;
use straddle_provider_sim::control;
use straddle_provider_sim::model::Health;

pub async fn run(args: RunbookTestArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.planning.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let key = match key_of(&project) {
        Ok(key) => key,
        Err(problem) => {
            printer.diagnostics(&[*problem], &project.sources);
            return Exit::Error;
        }
    };
    let store = match apply::open(&args.planning.lock, "runbook", printer) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let exit = match recovery::recover(&project, &store, args.planning.parallelism, printer).await {
        Ok(()) => all(&project, &store, &key, &args, printer).await,
        Err(exit) => exit,
    };
    match store.close() {
        Ok(()) => exit,
        Err(error) => {
            printer.diagnostics(&[error.into()], &project.sources);
            exit.worse(Exit::Error)
        }
    }
}

async fn all(project: &Project, store: &Store, key: &Key, args: &RunbookTestArgs, printer: &Printer) -> Exit {
    let names: Vec<&String> = args.names.iter().collect();
    let wanted = |s: &&Scenario| names.is_empty() || names.iter().any(|n| **n == s.name);
    let state = store.state();
    let built = |s: &&Scenario| ledger::line(&state, &s.name).is_some_and(|l| l.built.is_some());
    let every = scenarios(&project.spec, &[], true);
    let chosen: Vec<&Scenario> = every.iter().filter(built).filter(wanted).collect();
    let unknown: Vec<&&String> = names.iter().filter(|n| !chosen.iter().any(|s| s.name == ***n)).collect();
    if chosen.is_empty() || !unknown.is_empty() {
        let what = match unknown.first() {
            Some(name) => format!("no runbook is built under the name {name}"),
            None => "no runbook is built yet".into(),
        };
        printer.error(&format!("{what}: `straddle runbook build` builds them, `straddle runbook list` names them"));
        return Exit::Error;
    }
    let mut exit = Exit::Done;
    let mut entries: Vec<Entry> = Vec::new();
    for scenario in chosen {
        let rehearsal = Rehearsal { project, key, planning: &args.planning, printer };
        let trial = match rehearsal.one(scenario).await {
            Ok(trial) => trial,
            Err(why) => {
                printer.out(&format!("NOT REHEARSED  {}: {why}", scenario.name));
                exit = exit.worse(Exit::Error);
                continue;
            }
        };
        let took = crate::report::words::duration(trial.took_ms.div_ceil(1000).max(1));
        let word = if trial.well { "ok    " } else { "FAILED" };
        printer.out(&format!("{word}  {}: {}, in {took}", scenario.name, trial.how));
        if !trial.well {
            exit = exit.worse(Exit::Error);
        }
        let mut line = ledger::line(&state, &scenario.name).unwrap_or_default();
        line.tested = Some(trial);
        entries.extend(ledger::entry(&scenario.name, &line, now()));
    }
    match remember(store, entries) {
        Ok(()) => exit,
        Err(error) => {
            printer.diagnostics(&[error.into()], &project.sources);
            exit.worse(Exit::Error)
        }
    }
}

struct Rehearsal<'r> {
    project: &'r Project,
    key: &'r Key,
    planning: &'r PlanningArgs,
    printer: &'r Printer,
}

impl Rehearsal<'_> {
    async fn one(&self, scenario: &Scenario) -> Result<Trial, String> {
        let (header, content) = self.runbook(scenario)?;
        let plan = plan_file::read(&content.plan, &Protection::default()).map_err(|e| e.to_string())?;
        match only_simulated(&plan) {
            true => self.on_a_copy(scenario, &header, &content, &plan).await,
            false => self.dry(scenario, &header, &content, &plan).await,
        }
    }

    /// The runbook as the first place that the loss leaves gives it back: what would be used is what is rehearsed.
    fn runbook(&self, scenario: &Scenario) -> Result<(Header, Content), String> {
        let Some(runbooks) = &self.project.spec.runbooks else { return Err("there is no runbook block".into()) };
        let mut troubles = Vec::new();
        for place in runbooks.stores.iter().filter(|p| scenario.takes(&self.project.spec, &p.ground).is_none()) {
            let opened = match places::path(place, &scenario.name) {
                Some(path) => opened(&path, self.key).map_err(|problem| problem.detail.clone()),
                None => places::get(place, &scenario.name)
                    .map_err(|e| e.to_string())
                    .and_then(|bytes| file::open(&bytes, self.key).map_err(|e| e.to_string())),
            };
            match opened {
                Ok(opened) => return Ok(opened),
                Err(why) => troubles.push(why),
            }
        }
        Err(format!("no place outside the loss gives it back: {}", troubles.join(" ")))
    }

    /// Carried out on copies of the simulated clouds, in which the loss has come about.
    async fn on_a_copy(
        &self,
        scenario: &Scenario,
        header: &Header,
        content: &Content,
        plan: &Plan,
    ) -> Result<Trial, String> {
        let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
        let stores = self.copies(scratch.path())?;
        let at = now().0;
        for name in scenario.lose.iter().chain(&scenario.aliases) {
            let domains = sim::domains(self.project, name)?;
            for copy in stores.values() {
                control::set_health(Path::new(copy), &SystemClock, &domains, Health::Down)
                    .map_err(|e| e.to_string())?;
            }
        }
        let stood = objects(&stores)?;
        let journal = scratch.path().join("journal");
        let quiet = self.printer.quiet();
        let offline = Offline {
            header,
            content,
            journal: &journal,
            directory: scratch.path(),
            stores: stores.clone(),
            approved: true,
            how: "simulated clouds",
            parallelism: self.planning.parallelism,
            printer: &quiet,
        };
        let ended = offline.run().await;
        // Once more: a second run must find everything done.
        let again = offline.run().await;
        let reached = reached(&journal, plan)? && objects(&stores)? == stood + made(plan);
        let well = ended.exit == Exit::Done && again.exit == Exit::Done && reached;
        Ok(Trial { at, how: "simulated clouds".into(), took_ms: ended.took_ms, well })
    }

    /// A copy of each store, by the name the spec has for it.
    fn copies(&self, scratch: &Path) -> Result<BTreeMap<String, String>, String> {
        let mut copies = BTreeMap::new();
        for (i, name) in sim::named_stores(self.project).into_iter().enumerate() {
            let from = self.project.directory.join(&name);
            let to = scratch.join(format!("cloud-{i}.db"));
            if from.exists() {
                control::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
            }
            copies.insert(name, to.display().to_string());
        }
        Ok(copies)
    }

    /// Every provider plans every object of the runbook again; what it would do must be what the runbook holds.
    async fn dry(&self, scenario: &Scenario, header: &Header, content: &Content, plan: &Plan) -> Result<Trial, String> {
        let started = std::time::Instant::now();
        let at = now().0;
        let files = Arc::new(Replayed::of(&self.project.directory, &content.files));
        let directory = &self.project.directory;
        let project = Project::of_texts_with(directory, &plan.sources, plan.variables.clone(), files);
        let told = |problems: &[Diagnostic]| {
            let first = problems.iter().find(|p| p.is_error());
            first.map_or_else(|| "reality could not be read".to_string(), |p| format!("{} {}", p.summary, p.detail))
        };
        if project.has_errors() {
            return Err(told(&project.problems));
        }
        let state = super::super::home::load().map_err(|problem| problem.detail.to_string())?.state;
        let scene = planning::look(&project, &state, true, self.planning.parallelism).await.map_err(|p| told(&p))?;
        let kind = Kind::Failover { lost: scenario.lose.iter().cloned().collect() };
        let made = planning::make(&project, &scene, kind, self.planning).await;
        scene.fleet.shutdown().await;
        let well = match made {
            Ok(made) => creations(&made) == creations(plan),
            Err(_) => false,
        };
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Trial { at, how: format!("dry run of serial {}", header.serial), took_ms, well })
    }
}

/// Whether everything the plan does is done by built-in clouds.
fn only_simulated(plan: &Plan) -> bool {
    let acting = plan.changes.iter().filter(|c| c.action != Action::NoOp);
    let mut sources = acting.map(|c| &*c.provider.source).peekable();
    let acts = sources.peek().is_some();
    let simulated = sources.all(|s| s.ends_with("/straddle/sim") || s == TERRAFORM);
    match acts {
        true => simulated,
        // A runbook that adds nothing is carried out where its replicas stand.
        false => plan
            .changes
            .iter()
            .all(|c| c.provider.source.ends_with("/straddle/sim") || *c.provider.source == *TERRAFORM),
    }
}

fn creations(plan: &Plan) -> BTreeSet<String> {
    plan.changes.iter().filter(|c| c.action.creates()).map(|c| c.address.to_string()).collect()
}

/// How many objects of the simulated clouds the runbook makes.
fn made(plan: &Plan) -> usize {
    plan.changes.iter().filter(|c| c.action.creates() && c.provider.source.ends_with("/straddle/sim")).count()
}

/// Whether the journal knows everything that the runbook was to make.
fn reached(journal: &Path, plan: &Plan) -> Result<bool, String> {
    let state = crate::state::load(journal).map_err(|e| e.to_string())?.state;
    let known: BTreeSet<String> = state.current().map(|(address, _)| address.to_string()).collect();
    Ok(creations(plan).is_subset(&known))
}

/// How many objects stand in these clouds.
fn objects(stores: &BTreeMap<String, String>) -> Result<usize, String> {
    let there = stores.values().map(Path::new).filter(|path| path.exists());
    there.map(|path| control::status(path, &SystemClock).map(|s| s.resources.len()).map_err(|e| e.to_string())).sum()
}
