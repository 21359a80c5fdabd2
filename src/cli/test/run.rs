//! One run after the other, on states in a directory of their own.

use super::prepare::{Prepared, Script, prepare};
use super::scope::{AssertScope, FileScope};
use crate::apply::StopFlag;
use crate::cli::Exit;
use crate::cli::apply::{Errand, carry_out};
use crate::cli::args::{PlanningArgs, TestArgs};
use crate::cli::planning::{self, Scene};
use crate::cli::print::Printer;
use crate::cli::signals::{self, Watched};
use crate::diag::{Diagnostic, Severity, Sources, Span};
use crate::lang::eval::Scope;
use crate::lang::functions::FunctionContext;
use crate::lang::functions::files::Disk;
use crate::lang::judge::{Verdict, judge, shown};
use crate::lang::module::{CheckRule, Mode, Module};
use crate::lang::reference::{Reference, Subject};
use crate::lang::test_file::Run;
use crate::plan::conditions;
use crate::plan::env::Env;
use crate::plan::make::Failure;
use crate::plan::model::{Action, Kind, Plan};
use crate::report::plan::Fate;
use crate::report::test::Status;
use crate::state::{LockRequest, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use straddle_sdk::value::{Str, Value};

/// How one run ended.
pub struct Outcome {
    pub status: Status,
    pub problems: Vec<Diagnostic>,
    pub sources: Sources,
    /// The plan or what was made, for `-verbose`.
    pub shown: Option<String>,
    /// Somebody wants everything to end.
    pub signal: Option<Exit>,
}

/// A state and who made it last.
struct Made {
    key: String,
    store: Store,
    last: Option<Prepared>,
}

/// The runs of one file.
pub struct Stage<'a> {
    root: &'a Path,
    path: &'a str,
    text: &'a str,
    args: &'a TestArgs,
    /// Holds the states; gone with this.
    scratch: Option<tempfile::TempDir>,
    states: Vec<Made>,
    runs: BTreeMap<Str, Value>,
}

static DISK: Disk = Disk { home: None };

/// What functions in a test file may use.
pub fn functions(root: &Path) -> FunctionContext<'_> {
    FunctionContext {
        base_directory: root,
        files: &DISK,
        now: None,
        plan_time: None,
        random: None,
        providers: None,
        templates: None,
        sources: None,
    }
}

/// What a plan or an apply left to look at.
#[derive(Default)]
struct Seen {
    problems: Vec<Diagnostic>,
    /// Errors of assertions alone: the run failed, and could be carried out.
    failed: bool,
    outputs: Option<Value>,
    shown: Option<String>,
    signal: Option<Exit>,
    /// It was to be applied, and there was no plan.
    unplanned: bool,
}

impl<'a> Stage<'a> {
    pub fn new(root: &'a Path, path: &'a str, text: &'a str, args: &'a TestArgs) -> Stage<'a> {
        let scratch = tempfile::tempdir().ok();
        Stage { root, path, text, args, scratch, states: Vec::new(), runs: BTreeMap::new() }
    }

    /// Carries out the run of this number.
    pub async fn run(&mut self, at: usize, printer: &Printer) -> Outcome {
        let script =
            Script { root: self.root, path: self.path, text: self.text, at, args: self.args, runs: &self.runs };
        let prepared = prepare(&script);
        let run = prepared.run(at).clone();
        let expected = Expected::of(&run, &prepared.project.config.module);
        let mut problems = prepared.project.problems.clone();
        let mut seen = Seen::default();
        // What is expected to fail may fail before anything is planned: variables.
        let told = problems.clone();
        let unmet = expected.take(&mut problems);
        if !run.plan_only
            && let Some(early) = expected.met_early(&told)
        {
            seen.problems = early;
            return self.finish(run, prepared, seen, Vec::new());
        }
        if problems.iter().any(Diagnostic::is_error) || (unmet.is_empty() && !expected.is_empty()) {
            seen.problems = problems;
        } else {
            match self.state(&run) {
                Ok(index) => {
                    seen = self.carried(index, &run, &prepared, printer).await;
                    if let Some(early) = seen.unplanned.then(|| expected.met_early(&seen.problems)).flatten() {
                        seen.problems = early;
                        return self.finish(run, prepared, seen, Vec::new());
                    }
                    expected.without_unreached(&mut seen.problems);
                }
                Err(problem) => seen.problems = vec![*problem],
            }
            seen.problems.splice(0..0, problems);
        }
        let unmet: Vec<&Span> = expected.take(&mut seen.problems).into_iter().filter(|s| unmet.contains(s)).collect();
        self.finish(run, prepared, seen, unmet.into_iter().cloned().collect())
    }

    fn finish(&mut self, run: Run, prepared: Prepared, seen: Seen, unmet: Vec<Span>) -> Outcome {
        let Seen { mut problems, failed, outputs, shown, signal, unplanned: _ } = seen;
        let mut broken = problems.iter().any(|p| p.is_error() && p.summary != ASSERTION);
        if !broken {
            for span in &unmet {
                let sources = &prepared.project.sources.files;
                let text = sources.get(span.file.0 as usize).and_then(|s| s.text.get(span.range.clone()));
                let name = text.unwrap_or("it");
                let detail = format!("The checkable object, {name}, was expected to report an error but did not.");
                problems.push(Diagnostic::error("Missing expected failure", detail).at(span));
            }
            broken = !unmet.is_empty();
        }
        if let Some(outputs) = outputs {
            self.runs.insert(run.name.clone(), outputs);
        }
        let sources = prepared.project.sources.clone();
        if !run.plan_only
            && let Some(made) = self.states.iter_mut().find(|m| m.key == key(&run))
        {
            made.last = Some(prepared);
        }
        let status = match (broken, failed) {
            (true, _) => Status::Error,
            (false, true) => Status::Fail,
            (false, false) => Status::Pass,
        };
        Outcome { status, problems, sources, shown, signal }
    }

    /// The state a run works on.
    fn state(&mut self, run: &Run) -> Result<usize, Box<Diagnostic>> {
        let key = key(run);
        if let Some(known) = self.states.iter().position(|m| m.key == key) {
            return Ok(known);
        }
        let failed = |why: String| Box::new(Diagnostic::error("No place for the state of a test", why));
        let scratch = self.scratch.as_ref().ok_or_else(|| failed("No temporary directory can be made.".into()))?;
        let dir: PathBuf = scratch.path().join(self.states.len().to_string());
        std::fs::create_dir_all(&dir).map_err(|e| failed(format!("{}: {e}.", dir.display())))?;
        let store = Store::open_write(&dir, &LockRequest::here("test")).map_err(|e| Box::new(Diagnostic::from(e)))?;
        self.states.push(Made { key, store, last: None });
        Ok(self.states.len() - 1)
    }

    async fn carried(&self, index: usize, run: &Run, prepared: &Prepared, printer: &Printer) -> Seen {
        let project = &prepared.project;
        let store = &self.states[index].store;
        let options = PlanningArgs {
            refresh: !run.options.no_refresh,
            refresh_only: run.options.refresh_only,
            target: texts(&run.options.target, &project.sources),
            replace: texts(&run.options.replace, &project.sources),
            ..PlanningArgs::default()
        };
        let mut seen = Seen::default();
        let scene = match planning::look(project, &store.state(), options.refresh, PARALLEL).await {
            Ok(scene) => scene,
            Err(problems) => return Seen { problems, ..seen },
        };
        seen.problems.extend(scene.warnings.iter().cloned());
        match planning::make(project, &scene, planning::kind(&options), &options).await {
            Err(failure) => {
                seen.problems.extend(words(failure));
                seen.unplanned = !run.plan_only;
            }
            Ok(plan) => {
                // What checks say is said again, or mended, by what follows.
                let said = plan.warnings.iter().filter(|w| run.plan_only || !of_check(w));
                seen.problems.extend(said.map(strict));
                if run.plan_only {
                    seen.shown = Some(crate::report::plan::text(&plan, Fate::Applied, printer.style()));
                    let env = project.env();
                    planned(&plan, &env);
                    self.look(run, prepared, &env, &mut seen);
                } else if !seen.problems.iter().any(Diagnostic::is_error) {
                    self.apply(run, prepared, store, &scene, &plan, &mut seen, printer).await;
                }
            }
        }
        scene.fleet.shutdown().await;
        seen
    }

    #[expect(clippy::too_many_arguments, reason = "a run's surroundings, named once")]
    async fn apply(
        &self,
        run: &Run,
        prepared: &Prepared,
        store: &Store,
        scene: &Scene,
        plan: &Plan,
        seen: &mut Seen,
        printer: &Printer,
    ) {
        let mut looked = Seen::default();
        let mut look = |env: &Env<'_>| self.look(run, prepared, env, &mut looked);
        let errand = Errand { operation: "test", look: Some(&mut look), ..Errand::default() };
        let stop = StopFlag::default();
        let quiet = printer.quiet();
        let work = carry_out(&prepared.project, store, scene, plan, errand, &stop, &quiet);
        let (result, signal) = match signals::watch(&stop, &scene.fleet, printer, work).await {
            Watched::Ended(result, signal) => (result, signal),
            Watched::CutOff(exit) => {
                let detail = "What this run made may be left behind.";
                seen.problems.push(Diagnostic::error("Cut off", detail));
                seen.signal = Some(exit);
                return;
            }
        };
        seen.signal = signal;
        match result {
            Err(error) => seen.problems.push(error.into()),
            Ok(summary) => {
                seen.problems.extend(summary.problems.iter().map(strict));
                if !summary.is_complete() && !seen.problems.iter().any(Diagnostic::is_error) {
                    seen.problems.push(Diagnostic::error("Not all was applied", "The run was stopped."));
                }
                seen.problems.append(&mut looked.problems);
                seen.failed |= looked.failed;
                seen.outputs = looked.outputs;
                seen.shown = Some(crate::cli::output::listing(&store.state()));
            }
        }
    }

    /// Judges what a run asserts, and keeps its outputs for those after it.
    fn look(&self, run: &Run, prepared: &Prepared, env: &Env<'_>, seen: &mut Seen) {
        let module = &prepared.project.config.module;
        let file = FileScope { variables: &prepared.variables, runs: &self.runs, functions: functions(self.root) };
        let scope = AssertScope { file, env, module, planned: run.plan_only };
        for rule in &run.asserts {
            seen.problems.extend(assertion(rule, &scope, &mut seen.failed));
        }
        let outputs = module.outputs.keys().filter_map(|name| Some((name.clone(), scope.output(name).ok()?)));
        seen.outputs = Some(Value::object(outputs.collect()));
    }

    /// Removes what the runs made, the last first. What is left behind is said.
    pub async fn tear_down(&mut self, printer: &Printer) -> (Vec<Diagnostic>, Sources) {
        let (mut problems, mut sources) = (Vec::new(), Sources::default());
        for made in self.states.drain(..).rev() {
            if let Some(last) = &made.last {
                sources = last.project.sources.clone();
                problems.extend(destroy(last, &made.store, printer).await);
            }
            let left: Vec<String> = made
                .store
                .state()
                .objects
                .iter()
                .filter(|(id, _)| id.address.mode == Mode::Managed)
                .map(|(id, _)| format!("  - {id}"))
                .collect();
            if !left.is_empty() {
                let detail = format!(
                    "The test left these objects behind; nothing remembers them, remove them by hand:\n{}",
                    left.join("\n")
                );
                problems.push(Diagnostic::error("Objects left behind by a test", detail));
            }
            if let Err(error) = made.store.close() {
                problems.push(error.into());
            }
        }
        (problems, sources)
    }
}

/// How many provider calls at once.
const PARALLEL: usize = 10;
/// What a failed assertion is called.
const ASSERTION: &str = "Test assertion failed";

/// Runs of one module share a state, unless they name another.
fn key(run: &Run) -> String {
    match (&run.state_key, &run.module) {
        (Some(key), _) => format!("key {key}"),
        (None, Some((source, _))) => source.to_string(),
        (None, None) => String::new(),
    }
}

fn texts(spans: &[Span], sources: &Sources) -> Vec<String> {
    let text = |span: &Span| Some(sources.files.get(span.file.0 as usize)?.text.get(span.range.clone())?.to_owned());
    spans.iter().filter_map(text).collect()
}

fn words(failure: Failure) -> Vec<Diagnostic> {
    match failure {
        Failure::Problems(problems) => problems,
        Failure::Refused { workload, mut problems, .. } => {
            let detail = format!("There is no placement for workload \"{workload}\" that keeps its rules.");
            problems.push(Diagnostic::error("No placement", detail));
            problems
        }
    }
}

/// Whether a check says it.
fn of_check(problem: &Diagnostic) -> bool {
    problem.summary == conditions::FAILED_CHECK || problem.summary == conditions::UNDECIDED_CHECK
}

/// A check that does not hold is no mere warning in a test, nor is one that nobody can judge.
fn strict(problem: &Diagnostic) -> Diagnostic {
    let failed = of_check(problem);
    Diagnostic { severity: if failed { Severity::Error } else { problem.severity }, ..problem.clone() }
}

/// Gives an environment what a plan promises.
fn planned(plan: &Plan, env: &Env<'_>) {
    let leaving = |action| matches!(action, Action::Delete | Action::Forget);
    for change in plan.changes.iter().filter(|c| c.deposed.is_none() && !leaving(c.action)) {
        env.set_instance(&change.address, change.after.clone());
    }
    for data in &plan.data {
        env.set_instance(&data.address, data.value.clone());
    }
    for (name, w) in &plan.workloads {
        let counts = crate::plan::env::WorkloadCounts::of(&plan.topology, &w.rules, &w.decision.after);
        env.set_workload(name.clone(), counts);
    }
}

fn assertion(rule: &CheckRule, scope: &dyn Scope, failed: &mut bool) -> Vec<Diagnostic> {
    let judged = judge(rule, scope);
    let mut problems = judged.problems;
    match judged.verdict {
        Verdict::Pass | Verdict::Invalid => {}
        Verdict::Fail(message) => {
            *failed = true;
            problems.push(Diagnostic::error(ASSERTION, shown(&message)).at(&rule.condition.span));
        }
        Verdict::Unknown => {
            let detail = "Condition expression could not be evaluated at this time. This means you have executed a `run` block \
                          with `command = plan` and one of the values your condition depended on is not known until after the \
                          plan has been applied. Either remove this value from your condition, or execute an `apply` command \
                          from this `run` block. Alternatively, if there is an override for this value, you can make it \
                          available during the plan phase by setting `override_during = plan` in the `override_` block.";
            problems.push(Diagnostic::error("Unknown condition value", detail).at(&rule.condition.span));
        }
    }
    problems
}

/// Ends everything a state holds.
async fn destroy(last: &Prepared, store: &Store, printer: &Printer) -> Vec<Diagnostic> {
    let project = &last.project;
    let options = PlanningArgs { destroy: true, refresh: true, ..PlanningArgs::default() };
    let scene = match planning::look(project, &store.state(), true, PARALLEL).await {
        Ok(scene) => scene,
        Err(problems) => return problems,
    };
    let problems = match planning::make(project, &scene, Kind::Destroy, &options).await {
        Err(failure) => words(failure),
        Ok(plan) => {
            let stop = StopFlag::default();
            let errand = Errand { operation: "test", ..Errand::default() };
            match carry_out(project, store, &scene, &plan, errand, &stop, &printer.quiet()).await {
                Ok(summary) => summary.problems.into_iter().filter(Diagnostic::is_error).collect(),
                Err(error) => vec![error.into()],
            }
        }
    };
    scene.fleet.shutdown().await;
    problems
}

/// Objects whose conditions must fail.
struct Expected {
    /// Where each is named, and the places its conditions report at.
    all: Vec<(Span, Vec<Span>)>,
}

impl Expected {
    fn of(run: &Run, module: &Module) -> Expected {
        let all = run
            .expect_failures
            .iter()
            .map(|traversal| {
                let mut whole = traversal.root.span.clone();
                whole.range.end = traversal.steps.last().map_or(whole.range.end, |s| s.span.range.end);
                let places = Reference::parse(traversal).ok().map(|r| places(&r, module)).unwrap_or_default();
                (whole, places)
            })
            .collect();
        Expected { all }
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What was expected of an apply and came while it was planned: it is told, and that nothing was applied. `None`: nothing did.
    fn met_early(&self, problems: &[Diagnostic]) -> Option<Vec<Diagnostic>> {
        let mut others: Vec<Diagnostic> = problems.iter().filter(|p| p.is_error()).cloned().collect();
        let before = others.len();
        self.take(&mut others);
        if others.len() == before {
            return None;
        }
        let mut all = problems.to_vec();
        for problem in problems.iter().filter(|p| p.is_error() && !others.contains(p)) {
            let detail = "A custom condition that was expected to fail did so during the planning stage and prevented the requested \
                          apply operation. The apply operation could not be executed and so the overall test case will be marked \
                          as a failure and the original diagnostic included in the test report.";
            let told = Diagnostic::warning("Expected failure while planning", detail);
            all.push(Diagnostic { span: problem.span.clone(), ..told });
        }
        Some(all)
    }

    /// Takes checks away where something else went wrong: what they look at was never reached. Those that are expected stay.
    fn without_unreached(&self, problems: &mut Vec<Diagnostic>) {
        if !problems.iter().any(|p| p.is_error() && !of_check(p)) {
            return;
        }
        let mut strange: Vec<Diagnostic> = problems.iter().filter(|p| of_check(p)).cloned().collect();
        self.take(&mut strange);
        problems.retain(|p| !strange.contains(p));
    }

    /// Takes away what was expected. Returns where those are named that reported nothing.
    fn take<'s>(&'s self, problems: &mut Vec<Diagnostic>) -> Vec<&'s Span> {
        let within = |problem: &Diagnostic, places: &[Span]| {
            let spans = problem.span.iter().chain(problem.related.iter().map(|(span, _)| span));
            let inside = |span: &Span, place: &Span| {
                span.file == place.file && place.range.start <= span.range.start && span.range.end <= place.range.end
            };
            spans.into_iter().any(|span| places.iter().any(|place| inside(span, place)))
        };
        let mut unmet = Vec::new();
        for (name, places) in &self.all {
            let before = problems.len();
            problems.retain(|p| !within(p, places));
            if problems.len() == before {
                unmet.push(name);
            }
        }
        unmet
    }
}

fn places(reference: &Reference<'_>, module: &Module) -> Vec<Span> {
    let of = |rules: &[CheckRule]| rules.iter().map(|r| r.condition.span.clone()).collect::<Vec<_>>();
    match reference.subject {
        Subject::Variable(name) => module.variables.get(name).map(|v| of(&v.validations)).unwrap_or_default(),
        Subject::Resource(Mode::Managed, "output", name) => {
            module.outputs.get(name).map(|o| of(&o.preconditions)).unwrap_or_default()
        }
        Subject::Resource(Mode::Managed, "check", name) => {
            module.checks.get(name).map(|c| of(&c.asserts)).unwrap_or_default()
        }
        Subject::Resource(mode, ty, name) => module
            .resource(mode, ty, name)
            .map(|r| [of(&r.lifecycle.preconditions), of(&r.lifecycle.postconditions)].concat())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}
