//! `runbook build`, and what `apply` builds when it has ended well.

use super::super::args::{PlanningArgs, RunbookBuildArgs};
use super::super::plan::is_sound;
use super::super::planning::{self, Scene};
use super::super::print::Printer;
use super::super::session::Project;
use super::super::{Exit, apply, failover, home, recovery};
use super::carried::{Noted, Replayed};
use super::{key_of, no_key, remember, spec_key, texts};
use crate::diag::Diagnostic;
use crate::plan::file::{self as plan_file, Protection};
use crate::plan::make::Failure;
use crate::plan::model::{Kind, Plan};
use crate::runbook::key::Key;
use crate::runbook::ledger::{self, Line};
use crate::runbook::scenario::{Refusal, Scenario, scenarios};
use crate::runbook::{Carried, Content, Header, file, places};
use crate::spec::runbooks::RunbookSpec;
use crate::state::{Store, now};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of the runbooks of a directory.
#[derive(Default)]
pub struct Built {
    /// For people, a line each.
    pub lines: Vec<String>,
    /// Why some could not be built.
    pub problems: Vec<Diagnostic>,
}

pub async fn run(args: RunbookBuildArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.planning.vars);
    let mut problems = project.problems.clone();
    let named = failover::losses(&project.spec, &args.lose, &mut problems);
    let key = key_of(&project);
    if problems.iter().any(Diagnostic::is_error) {
        printer.diagnostics(&problems, &project.sources);
        return Exit::Error;
    }
    let key = match key {
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
    let only: Vec<String> = named.into_iter().collect();
    let exit = match recovery::recover(&project, &store, args.planning.parallelism, printer).await {
        Ok(()) => {
            let wanted = Wanted { only, pairs: args.pairs };
            match all(&project, &store, &key, &wanted, &args.planning, printer).await {
                Some(built) => tell(&built, &project, printer),
                None => Exit::Error,
            }
        }
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

fn tell(built: &Built, project: &Project, printer: &Printer) -> Exit {
    printer.out(&built.lines.join("\n"));
    printer.diagnostics(&built.problems, &project.sources);
    if built.problems.iter().any(Diagnostic::is_error) { Exit::Error } else { Exit::Done }
}

/// Compiles runbooks anew when an `apply` has ended well and something they rest on has changed. What fails is told and fails nothing:
/// what was applied is applied.
pub async fn after_apply(project: &Project, store: &Store, args: &PlanningArgs, printer: &Printer) {
    let Some(runbooks) = project.spec.runbooks.as_ref().filter(|r| r.at_apply) else { return };
    let (state, texts) = (store.state(), texts(&project.sources));
    let rests_on = ledger::rests_on(&state);
    let current = |s: &Scenario| {
        let known =
            |l: Line| l.texts == texts && l.rests_on == rests_on && (l.built.is_some() || !l.refused.is_empty());
        s.leaves_nothing(&project.spec) || ledger::line(&state, &s.name).is_some_and(known)
    };
    if scenarios(&project.spec, &runbooks.scenarios, runbooks.pairs).iter().all(current) || !state.failovers.is_empty()
    {
        return;
    }
    let warned = |mut problem: Diagnostic| {
        problem.severity = crate::diag::Severity::Warning;
        problem
    };
    let key = match spec_key(project, runbooks) {
        Ok(key) => key,
        Err(error) => {
            printer.diagnostics(&[warned(no_key(&error))], &project.sources);
            return;
        }
    };
    let quiet = printer.quiet();
    let wanted = Wanted { only: Vec::new(), pairs: false };
    if let Some(built) = all(project, store, &key, &wanted, args, &quiet).await {
        if !printer.is_json() {
            printer.out(&built.lines.join("\n"));
        }
        let problems: Vec<Diagnostic> = built.problems.into_iter().map(warned).collect();
        printer.diagnostics(&problems, &project.sources);
    }
}

/// For which losses.
struct Wanted {
    only: Vec<String>,
    pairs: bool,
}

/// Builds them all. `None`: reality could not be read, which has been told.
async fn all(
    project: &Project,
    store: &Store,
    key: &Key,
    wanted: &Wanted,
    args: &PlanningArgs,
    printer: &Printer,
) -> Option<Built> {
    let noted = Arc::new(Noted::over(&project.directory));
    // Read anew, with everything noted that functions read: that is carried along.
    let own = Project::of_texts_with(&project.directory, &project.sources, project.variables.clone(), noted.clone());
    let project = &own;
    let runbooks = project.spec.runbooks.as_ref()?;
    let state = store.state();
    let scene = match planning::look(project, &state, true, args.parallelism).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return None;
        }
    };
    let only = if wanted.only.is_empty() { &runbooks.scenarios } else { &wanted.only };
    let texts = texts(&project.sources);
    let builder = Builder { project, runbooks, scene: &scene, key, args, printer, texts, noted: &noted };
    let rests_on = ledger::rests_on(&state);
    let mut built = Built::default();
    let mut entries = Vec::new();
    for scenario in scenarios(&project.spec, only, wanted.pairs || runbooks.pairs) {
        let before = ledger::line(&state, &scenario.name).unwrap_or_default();
        let line = match builder.one(&scenario).await {
            Ok(Made::Kept { header, at, text }) => {
                built.lines.push(text);
                built.problems.extend(at.problems);
                Line {
                    built: Some(header.built),
                    serial: header.serial,
                    texts: builder.texts.clone(),
                    rests_on: rests_on.clone(),
                    stores: at.kept as u64,
                    refused: String::new(),
                    simulated: Some(header.built),
                    ..before
                }
            }
            Ok(Made::Nothing(text)) => {
                built.lines.push(text);
                continue;
            }
            Err(refusals) => {
                let why: Vec<String> = refusals.iter().map(|r| r.why.clone()).collect();
                built.lines.push(format!("REFUSED  {}: {}", scenario.name, why.join("; ")));
                built.problems.extend(refusals.iter().map(|r| refused(&scenario, r)));
                let refused = format!("it was refused: {}", why.join("; "));
                Line { refused, texts: builder.texts.clone(), rests_on: rests_on.clone(), ..before }
            }
        };
        entries.extend(ledger::entry(&scenario.name, &line, now()));
    }
    scene.fleet.shutdown().await;
    if let Err(error) = remember(store, entries) {
        built.problems.push(error.into());
    }
    Some(built)
}

fn refused(scenario: &Scenario, refusal: &Refusal) -> Diagnostic {
    let lose: Vec<&str> = scenario.lose.iter().map(String::as_str).collect();
    let problem = Diagnostic::error(
        "Runbook refused",
        format!("{} answers the loss of {}, and {}.", scenario.name, lose.join(" and "), refusal.why),
    )
    .help(match refusal.falls_with.as_str() {
        "" => "A plan that cannot be made today cannot be made in the middle of the loss.".to_string(),
        event => {
            format!("Let {} stand where {event} does not reach: another building, line or operator.", refusal.what)
        }
    });
    match &refusal.span {
        Some(span) => problem.at(span),
        None => problem,
    }
}

/// A runbook that was made, or why none is.
enum Made {
    Kept {
        header: Box<Header>,
        at: Kept,
        text: String,
    },
    /// Nothing would be left to carry it out with.
    Nothing(String),
}

/// The places that took it.
struct Kept {
    kept: usize,
    problems: Vec<Diagnostic>,
}

struct Builder<'b> {
    project: &'b Project,
    runbooks: &'b RunbookSpec,
    scene: &'b Scene,
    key: &'b Key,
    args: &'b PlanningArgs,
    printer: &'b Printer,
    texts: String,
    noted: &'b Noted,
}

impl Builder<'_> {
    async fn one(&self, scenario: &Scenario) -> Result<Made, Vec<Refusal>> {
        let spec = &self.project.spec;
        if scenario.leaves_nothing(spec) {
            let text =
                format!("none     {}: it takes every place there is, and nothing is left to act in", scenario.name);
            return Ok(Made::Nothing(text));
        }
        let before = scenario.refusals(spec, None);
        if !before.is_empty() {
            return Err(before);
        }
        let plan = self.plan(scenario).await?;
        let refusals = scenario.refusals(spec, Some(&plan));
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let (header, bytes) = self.compiled(scenario, &plan).map_err(|why| vec![plain(&why)])?;
        let at = self.kept(scenario, &header, &bytes);
        if at.kept < 2 {
            let why: Vec<String> = at.problems.iter().map(|p| p.detail.clone()).collect();
            return Err(vec![plain(&format!("only {} of its places took it: {}", at.kept, why.join(" ")))]);
        }
        let adds: u64 = header.adds.values().flat_map(BTreeMap::values).sum();
        let back = header
            .expected_s
            .map_or_else(String::new, |s| format!(", back in about {}", crate::report::words::duration(s)));
        let text = format!("built    {}: adds {adds}{back}; kept in {}", header.name, header.stores.join(", "));
        Ok(Made::Kept { header: Box::new(header), at, text })
    }

    async fn plan(&self, scenario: &Scenario) -> Result<Plan, Vec<Refusal>> {
        let kind = Kind::Failover { lost: scenario.lose.iter().cloned().collect() };
        let plan = planning::make(self.project, self.scene, kind, self.args)
            .await
            .map_err(|failure| vec![plain(&words(&failure))])?;
        match is_sound(&plan, self.project, self.printer) {
            true => Ok(plan),
            false => Err(vec![plain("its plan does not pass straddle's own audit")]),
        }
    }

    fn compiled(&self, scenario: &Scenario, plan: &Plan) -> Result<(Header, Vec<u8>), String> {
        let files = self.noted.all()?;
        alone(plan, &files)?;
        let place = home::place().map_err(|problem| problem.detail.to_string())?;
        let image = crate::state::image(place).map_err(|e| e.to_string())?;
        let content = Content {
            plan: plan_file::write(plan, &Protection::default()).map_err(|e| e.to_string())?,
            state: image.ok_or("there is no state yet: apply first")?,
            files,
        };
        let header = Header {
            format_version: "1.0".into(),
            name: scenario.name.clone(),
            lose: scenario.lose.clone(),
            aliases: scenario.aliases.clone(),
            lineage: plan.lineage.clone(),
            serial: plan.serial,
            built: now().0,
            straddle: env!("CARGO_PKG_VERSION").into(),
            adds: adds(plan),
            expected_s: expected(plan, scenario),
            stores: scenario.stores_left(&self.project.spec),
            key: String::new(),
            content: String::new(),
        };
        file::write(header, &content, self.key).map_err(|e| e.to_string())
    }

    /// Puts it into every place; those inside the loss keep it too, and are not counted.
    fn kept(&self, scenario: &Scenario, header: &Header, bytes: &[u8]) -> Kept {
        let mut at = Kept { kept: 0, problems: Vec::new() };
        for place in &self.runbooks.stores {
            let counts = scenario.takes(&self.project.spec, &place.ground).is_none();
            match places::put(place, header, bytes) {
                Ok(_) => at.kept += usize::from(counts),
                Err(error) => at.problems.push(
                    Diagnostic::warning(
                        "A place did not take a runbook",
                        format!("store \"{}\": {error}.", place.name),
                    )
                    .at(&place.span)
                    .help("The runbook is kept in the others; two of them outside the loss are wanted."),
                ),
            }
        }
        at
    }
}

/// Whether the plan says by itself all that carrying it out needs: no file of the spec's directory is read again.
fn alone(plan: &Plan, files: &[Carried]) -> Result<(), String> {
    let empty = tempfile::tempdir().map_err(|e| e.to_string())?;
    let files = Arc::new(Replayed::of(empty.path(), files));
    let project = Project::of_texts_with(empty.path(), &plan.sources, plan.variables.clone(), files);
    match project.problems.iter().find(|p| p.is_error()) {
        None => Ok(()),
        Some(problem) => Err(format!("it needs more than its own texts: {} {}", problem.summary, problem.detail)),
    }
}

fn plain(why: &str) -> Refusal {
    Refusal { what: String::new(), falls_with: String::new(), why: why.trim_end_matches('.').to_string(), span: None }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Problems(problems) => problems
            .iter()
            .find(|p| p.is_error())
            .map_or_else(|| "there is no plan for it".into(), |p| format!("{}: {}", p.summary, p.detail)),
        Failure::Refused { workload, .. } => {
            format!("no placement of {workload} keeps its rules without what is lost; `straddle plan -lose` says which")
        }
    }
}

fn adds(plan: &Plan) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (name, workload) in &plan.workloads {
        for add in workload.decision.steps.iter().flat_map(|s| &s.adds).filter(|a| a.count > 0) {
            let place = &workload.rules.places[add.place];
            let location = plan.topology.locations[place.location].name.clone();
            *all.entry(name.to_string()).or_default().entry(location).or_default() += u64::from(add.count);
        }
    }
    all
}

/// Within how many seconds of the loss everything is back, as the plans' loss tables have it.
fn expected(plan: &Plan, scenario: &Scenario) -> Option<u64> {
    let mut slowest = None;
    for (_, workload) in &plan.workloads {
        for row in &workload.decision.losses {
            let names: Vec<String> = row.lose.iter().map(|e| e.label(&plan.topology)).collect();
            let is_it = names.iter().all(|n| scenario.lose.contains(n) || scenario.aliases.contains(n));
            if is_it && names.len() == scenario.lose.len() {
                slowest = slowest.max(row.within_s);
            }
        }
    }
    slowest
}
