//! `runbook run`: carries a runbook out, with the spec's directory, the state and everything inside the loss gone.
//!
//! It works on the copy of the state that the runbook holds, laid down beside the runbook together with the journal of what is done. A
//! second run, after a kill or because something failed, finds that copy and goes on from there.

use super::super::apply::{Errand, is_in_doubt, open_in, see_through};
use super::super::args::{FailoverArgs, LockArgs, PlanningArgs, RunbookRunArgs};
use super::super::around::Around;
use super::super::plan::{failure_exit, is_sound, report_failure};
use super::super::planning::{self, Apart, Scene};
use super::super::print::Printer;
use super::super::session::Project;
use super::super::{Exit, failover, recovery, saved};
use super::carried::Replayed;
use super::{key_in_env, key_in_file, no_key, remember};
use crate::apply::{RunbookRun, runbook_run};
use crate::diag::{Diagnostic, Sources};
use crate::plan::file::{self as plan_file, Protection};
use crate::plan::make::takes;
use crate::plan::model::{Kind, Plan};
use crate::runbook::file::{self, RunbookError};
use crate::runbook::key::Key;
use crate::runbook::ledger::{self, Trial};
use crate::runbook::{Content, Header};
use crate::spec::runbooks::KEY_ENV;
use crate::spread::model::Event;
use crate::state::{Entry, Json, Loss, Note, Store, Word, now};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub async fn run(args: RunbookRunArgs, printer: &Printer) -> Exit {
    let printer = &printer.asked(args.planning.verbose, args.planning.json);
    let opened = key(args.key_file.as_deref()).and_then(|key| opened(&args.file, &key));
    let (header, content) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            printer.diagnostics(&[*problem], &Sources::default());
            return Exit::Error;
        }
    };
    if !args.offline {
        // With spec and state at hand the loss is answered with what is known now; the runbook says which loss.
        if Project::read(&args.planning.vars).nothing_here().is_some() {
            let problem = Diagnostic::error(
                "No spec here",
                "Without -offline a runbook is carried out by the spec and the state of this directory.",
            )
            .help("Carry it out by itself: straddle runbook run -offline FILE");
            printer.diagnostics(&[problem], &Sources::default());
            return Exit::Error;
        }
        let lose = header.lose.into_iter().collect();
        let (planning, auto_approve) = (args.planning, args.auto_approve);
        let args = FailoverArgs { planning, lose, auto_approve, ..FailoverArgs::default() };
        return failover::failover(args, &Around::Process, printer).await;
    }
    printer.begin();
    let journal = args.journal.clone().unwrap_or_else(|| journal_of(&args.file));
    let offline = Offline {
        header: &header,
        content: &content,
        journal: &journal,
        directory: Path::new("."),
        stores: BTreeMap::new(),
        approved: args.auto_approve,
        how: "offline",
        parallelism: args.planning.parallelism,
        printer,
    };
    offline.run().await.exit
}

/// The key that is named, or that of the environment.
pub fn key(path: Option<&Path>) -> Result<Key, Box<Diagnostic>> {
    let key = match path {
        Some(path) => key_in_file(path),
        None => key_in_env(KEY_ENV),
    };
    key.map_err(|e| Box::new(no_key(&e)))
}

/// A runbook's file, opened.
pub fn opened(path: &Path, key: &Key) -> Result<(Header, Content), Box<Diagnostic>> {
    let opened = file::load(path).and_then(|bytes| file::open(&bytes, key));
    opened.map_err(|error| {
        let help = match &error {
            RunbookError::OtherKey(..) => "Give the key it was made with: -key-file=FILE, or STRADDLE_RUNBOOK_KEY.",
            RunbookError::Foreign => "Name a file that `straddle runbook build` has written.",
            RunbookError::Signature(_) | RunbookError::Damaged(_) => {
                "Take the copy of another place: `straddle runbook list` names them."
            }
            _ => "",
        };
        Box::new(Diagnostic::error("Runbook not read", format!("{}: {error}.", path.display())).help(help))
    })
}

/// Where what a runbook does is written: beside it.
pub fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".run");
    name.into()
}

/// How it ended.
pub struct Ended {
    pub exit: Exit,
    /// Milliseconds from the start until everything served.
    pub took_ms: u64,
}

/// A runbook carried out without anything but itself.
pub struct Offline<'o> {
    pub header: &'o Header,
    pub content: &'o Content,
    /// Where the copy of the state and the journal lie.
    pub journal: &'o Path,
    /// Where providers work.
    pub directory: &'o Path,
    /// Stores of simulated clouds in the place of those it names.
    pub stores: BTreeMap<String, String>,
    pub approved: bool,
    /// For the ledger.
    pub how: &'o str,
    pub parallelism: usize,
    pub printer: &'o Printer,
}

impl Offline<'_> {
    pub async fn run(&self) -> Ended {
        let started = std::time::Instant::now();
        let exit = self.carry_out(started).await.unwrap_or_else(|exit| exit);
        Ended { exit, took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }

    async fn carry_out(&self, started: std::time::Instant) -> Result<Exit, Exit> {
        let plan =
            plan_file::read(&self.content.plan, &Protection::default()).map_err(|e| self.trouble(&e.to_string()))?;
        let files = Arc::new(Replayed::of(self.directory, &self.content.files));
        let project = Project::of_texts_with(self.directory, &plan.sources, plan.variables.clone(), files);
        if project.has_errors() {
            self.printer.diagnostics(&project.problems, &project.sources);
            return Err(Exit::Error);
        }
        let store = self.store()?;
        let done = self.on(&store, &project, plan, started).await;
        let exit = done.unwrap_or_else(|exit| exit);
        match store.close() {
            Ok(()) => Ok(exit),
            Err(error) => {
                self.printer.diagnostics(&[error.into()], &project.sources);
                Err(exit.worse(Exit::Error))
            }
        }
    }

    fn trouble(&self, why: &str) -> Exit {
        self.printer.error(&format!("{}: {why}", self.header.name));
        Exit::Error
    }

    /// The copy of the state: laid down by the first run, found by every later one.
    fn store(&self) -> Result<Store, Exit> {
        let shown = self.journal.display();
        std::fs::create_dir_all(self.journal).map_err(|e| {
            self.trouble(&format!(
                "{shown} cannot be made: {e}. Name another directory with -journal=DIR. Nothing was changed"
            ))
        })?;
        crate::state::restore(self.journal, &self.content.state).map_err(|e| self.trouble(&format!("{shown}: {e}")))?;
        let lock = LockArgs { lock_timeout: "0s".into(), lock: true };
        let store = open_in(&self.journal.into(), &lock, "runbook", self.printer)?;
        let lineage = store.with_state(|s| s.lineage.to_string());
        if lineage != self.header.lineage {
            return Err(self.trouble(&format!(
                "{shown} holds the journal of another state (lineage {lineage}). Nothing was changed"
            )));
        }
        Ok(store)
    }

    async fn on(
        &self,
        store: &Store,
        project: &Project,
        plan: Plan,
        started: std::time::Instant,
    ) -> Result<Exit, Exit> {
        self.name_run(store)?;
        recovery::recover_apart(project, store, &self.apart(project), self.parallelism, self.printer).await?;
        let scene = planning::look_apart(project, &store.state(), self.parallelism, &self.apart(project)).await;
        let scene = scene.map_err(|problems| {
            self.printer.diagnostics(&problems, &project.sources);
            Exit::Error
        })?;
        let exit = self.with(store, project, &scene, plan, started).await;
        scene.fleet.shutdown().await;
        exit
    }

    /// What is lost, and which stores stand in for others.
    fn apart(&self, project: &Project) -> Apart {
        let topology = &project.spec.topology;
        let names = self.header.lose.iter().chain(&self.header.aliases);
        let events: Vec<Event> = names.filter_map(|name| project.spec.event(name)).collect();
        let lost = topology.locations.iter().filter(|l| events.iter().any(|e| takes(topology, l, e)));
        Apart { lost: lost.map(|l| l.name.clone()).collect(), stores: self.stores.clone() }
    }

    /// Gives this use of the runbook a name of its own, once: what it makes is known by it.
    fn name_run(&self, store: &Store) -> Result<(), Exit> {
        if store.with_state(|s| s.notes.contains_key(&runbook_run())) {
            return Ok(());
        }
        let run = RunbookRun {
            id: uuid::Uuid::new_v4().to_string(),
            name: self.header.name.clone(),
            lose: self.header.lose.clone(),
        };
        let value = serde_json::to_string(&run).ok().and_then(|text| Json::new(&text).ok());
        let note = value.map(|value| Note { at: now(), value });
        remember(store, vec![Entry::Note { key: runbook_run(), note }]).map_err(|e| self.trouble(&e.to_string()))
    }

    async fn with(
        &self,
        store: &Store,
        project: &Project,
        scene: &Scene,
        compiled: Plan,
        started: std::time::Instant,
    ) -> Result<Exit, Exit> {
        let loss = Loss(self.header.lose.clone());
        let known = scene.state.failovers.contains_key(&loss);
        let plan = self.plan(project, scene, compiled, known).await?;
        if is_in_doubt(project, store, &plan, self.printer) {
            return Err(Exit::Error);
        }
        if known && !plan.has_changes() {
            self.say("This runbook has been carried out, and everything stands: nothing to do.");
            return Ok(Exit::Done);
        }
        self.printer.plan(&plan, crate::report::plan::Fate::Applied);
        let first = self.header.lose.iter().next().cloned().unwrap_or_default();
        let word = first.split_once(':').map_or(first.as_str(), |(_, name)| name);
        let ask = format!("Type {word} to start; anything else changes nothing:");
        if !self.approved && !failover::typed(&ask, word, self.printer) {
            return Err(Exit::Error);
        }
        let by = (failover::person("runbook"), Word::Operator);
        let record = failover::record_of(
            &project.spec,
            scene,
            &self.header.lose,
            &plan,
            by,
            &BTreeSet::new(),
            &Default::default(),
        );
        let fallen = failover::fallen(&project.spec, scene, &self.header.lose);
        let first = if known { Vec::new() } else { [record].into_iter().chain(fallen).collect() };
        let errand = Errand { operation: "runbook", first, ..Errand::default() };
        let exit = see_through(project, store, scene, &plan, errand, self.printer).await.exit;
        self.log(store, exit == Exit::Done, started)?;
        if exit == Exit::Done {
            let took = crate::report::words::duration(started.elapsed().as_secs().max(1));
            self.say(&format!(
                "DONE  {} in {took}. What was done is written in {}.\nWhen the state is back:  straddle runbook merge {}.{}",
                self.header.name,
                self.journal.display(),
                self.header.name,
                crate::runbook::places::ENDING,
            ));
        }
        Ok(exit)
    }

    /// The compiled plan where reality is as it was compiled for, else one made anew from the runbook's own texts.
    async fn plan(&self, project: &Project, scene: &Scene, compiled: Plan, known: bool) -> Result<Plan, Exit> {
        let moved = match known {
            true => vec!["it was begun before".to_string()],
            false => saved::moved_outside(&compiled, scene, &self.apart(project).lost),
        };
        if moved.is_empty() {
            self.say("Reality outside the loss is as it was when this runbook was compiled: its plan is carried out as it is.");
            return Ok(compiled);
        }
        self.say(&format!("Planned anew from the runbook's own texts: {}.", moved.join("; ")));
        let lost: BTreeSet<String> = scene
            .state
            .failovers
            .keys()
            .flat_map(|l| l.0.iter().cloned())
            .chain(self.header.lose.iter().cloned())
            .collect();
        let kind = Kind::Failover { lost: lost.into_iter().collect() };
        let args = PlanningArgs { refresh: true, parallelism: self.parallelism, ..PlanningArgs::default() };
        let made = planning::make(project, scene, kind, &args).await.map_err(|failure| {
            report_failure(&failure, project, scene, self.printer);
            failure_exit(&failure)
        })?;
        if is_sound(&made, project, self.printer) { Ok(made) } else { Err(Exit::Fault) }
    }

    /// The ledger of the copy; a merge brings it home.
    fn log(&self, store: &Store, well: bool, started: std::time::Instant) -> Result<(), Exit> {
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut line = store.with_state(|s| ledger::line(s, &self.header.name)).unwrap_or_default();
        line.real = Some(Trial { at: now().0, how: self.how.into(), took_ms, well });
        let entries = ledger::entry(&self.header.name, &line, now()).into_iter().collect();
        remember(store, entries).map_err(|e| self.trouble(&e.to_string()))
    }

    fn say(&self, text: &str) {
        if !self.printer.is_json() {
            self.printer.out(text);
        }
    }
}
