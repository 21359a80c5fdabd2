//! `apply` and `destroy`.

use super::Exit;
use super::args::{ApplyArgs, LockArgs, StateFileArgs};
use super::around::Around;
use super::plan::{exit_of, failure_exit, is_sound, report_breaches, report_failure};
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use super::signals::{self, Watched};
use super::way_back;
use crate::apply::data::as_kept;
use crate::apply::{Carrying, StopFlag, Summary, remember};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Mode};
use crate::lang::reference::Subject;
use crate::plan::blocks::Blocks;
use crate::plan::conditions;
use crate::plan::course;
use crate::plan::env::Env;
use crate::plan::ledger::Moment;
use crate::plan::model::{Action, Kind, Plan};
use crate::plan::observed::Reality;
use crate::spec::Spec;
use crate::state::{
    DeposedKey, Entry, Holder, How, Json, Local, LockRequest, Notice, Object, ObjectId, Output, Place, Rule, RunBegin,
    RunEnd, RunOutcome, State, StateError, Store, now,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal};
use std::sync::Arc;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Change, Kind as ValueKind, Str, Type, Value};

pub async fn run(args: ApplyArgs, around: &Around, printer: &Printer) -> Exit {
    let printer = &printer.asked(args.planning.verbose, args.planning.json);
    printer.begin();
    if let Some(problem) = refuse_files(&args.planning.files) {
        printer.diagnostics(&[problem], &Default::default());
        return Exit::Error;
    }
    if let Some(problem) = super::assume::refuse_saved(&args.planning.assume, args.planfile.is_some()) {
        printer.diagnostics(&[problem], &Default::default());
        return Exit::Error;
    }
    if let Some(file) = &args.planfile {
        return super::saved::run(file, &args, printer).await;
    }
    let mut project = around.read(&args.planning.vars);
    if !args.planning.destroy {
        project.refuse_emptiness("Apply");
    }
    super::assume::take(&mut project, &args.planning.assume);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let kind = planning::kind(&args.planning);
    let operation = if kind == Kind::Destroy { "destroy" } else { "apply" };
    if let Some(problem) = project.nothing_here().filter(|_| kind != Kind::Destroy) {
        printer.diagnostics(&[problem], &project.sources);
        return Exit::Error;
    }
    let store = match open_around(around, &args.planning.lock, operation, printer) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    if let Err(exit) = back_up(&store, &args.planning.files, printer) {
        return exit;
    }
    let exit = match super::recovery::recover(&project, &store, args.planning.parallelism, printer).await {
        Ok(()) => {
            let exit = super::rounds::plan_and_apply(&project, &store, kind.clone(), &args, operation, printer).await;
            if exit == Exit::Done && matches!(kind, Kind::Normal | Kind::Repair) {
                super::runbook::after_apply(&project, &store, &args.planning, printer).await;
            }
            exit
        }
        Err(exit) => exit,
    };
    if let Err(error) = store.close() {
        printer.diagnostics(&[error.into()], &project.sources);
        return exit.worse(Exit::Error);
    }
    exit
}

/// Writes a copy of the state as it is, where one is asked for.
fn back_up(store: &Store, files: &StateFileArgs, printer: &Printer) -> Result<(), Exit> {
    let Some(path) = files.backup.as_deref().filter(|path| *path != std::path::Path::new("-")) else { return Ok(()) };
    std::fs::write(path, crate::state::v4::write(&store.state())).map_err(|error| {
        printer.error(&format!("{} cannot be written: {error}; nothing was changed", path.display()));
        Exit::Error
    })
}

/// What Terraform's local backend would do with a file of its own.
pub fn refuse_files(files: &StateFileArgs) -> Option<Diagnostic> {
    let (flag, help) = match files {
        StateFileArgs { state: Some(_), .. } => {
            ("-state", "Take the file over in a directory or a workspace of its own: straddle state push FILE")
        }
        StateFileArgs { state_out: Some(_), .. } => ("-state-out", "Write it afterwards: straddle state pull > FILE"),
        _ => return None,
    };
    let detail = format!(
        "{flag} is not followed: straddle keeps its state in a journal, which a file of Terraform's format cannot replace."
    );
    Some(Diagnostic::error("Flag not supported", detail).help(help))
}

/// Opens the state for writing.
pub fn open(lock: &LockArgs, operation: &str, printer: &Printer) -> Result<Store, Exit> {
    open_around(&Around::Process, lock, operation, printer)
}

/// Opens the state of these surroundings for writing.
pub fn open_around(around: &Around, lock: &LockArgs, operation: &str, printer: &Printer) -> Result<Store, Exit> {
    let place = around.place().map_err(|problem| {
        printer.diagnostics(&[*problem], &Default::default());
        Exit::Error
    })?;
    opened(around, &place, LockRequest::here(operation), lock, printer)
}

/// Opens the state at a place for writing.
pub fn open_in(place: &Place, lock: &LockArgs, operation: &str, printer: &Printer) -> Result<Store, Exit> {
    open_as(place, LockRequest::here(operation), lock, printer)
}

/// Opens the state at a place for writing, on a request of the caller's.
pub fn open_as(place: &Place, request: LockRequest, lock: &LockArgs, printer: &Printer) -> Result<Store, Exit> {
    opened(&Around::Process, place, request, lock, printer)
}

fn opened(
    around: &Around,
    place: &Place,
    request: LockRequest,
    lock: &LockArgs,
    printer: &Printer,
) -> Result<Store, Exit> {
    if let Place::Directory(Local { path: dir, .. }) = place
        // Without the `.` a path may end with, which is no directory to be made.
        && let Err(error) = std::fs::create_dir_all(dir.components().collect::<std::path::PathBuf>())
    {
        printer.error(&format!("{} cannot be made: {error}", dir.display()));
        return Err(Exit::Error);
    }
    let Some(timeout) = crate::spec::parse_duration(&lock.lock_timeout) else {
        let problem = Diagnostic::error("Invalid -lock-timeout", format!("\"{}\" is no duration.", lock.lock_timeout));
        printer.diagnostics(&[problem.help("Write for example -lock-timeout=30s.")], &Default::default());
        return Err(Exit::Error);
    };
    if !lock.lock {
        printer.error("-lock=false is not followed: a state that is written to is always locked");
    }
    let request = request.patient(timeout);
    let mut wait = |holder: Option<&Holder>| {
        let by = holder.map_or_else(|| "somebody".to_owned(), ToString::to_string);
        printer.error(&format!("waiting for the lock, which is held by {by}"));
    };
    match around.store(place, &request, &mut wait) {
        Ok(store) => {
            for notice in store.notices() {
                match notice {
                    Notice::TookOver(before) => printer
                        .error(&format!("took the lock over: whoever had it did not live to give it back ({before})")),
                    Notice::Encrypted => printer.error(
                        "the state's file is encrypted with the configured key from here on, its past versions too",
                    ),
                    Notice::Created | Notice::ClockWentBack { .. } => {}
                }
            }
            Ok(store)
        }
        Err(error) => {
            let locked = error.is_locked();
            printer.diagnostics(&[error.into()], &Default::default());
            Err(if locked { Exit::Locked } else { Exit::Error })
        }
    }
}

pub(super) async fn one_plan(
    project: &Project,
    store: &Store,
    kind: Kind,
    args: &ApplyArgs,
    operation: &str,
    printer: &Printer,
) -> Ended {
    let state = store.state();
    let (refresh, manner) = (args.planning.refresh, args.planning.manner());
    let scene = match look_and_adopt(project, store, &state, refresh, manner, printer).await {
        Ok(scene) => scene,
        Err(exit) => return exit.into(),
    };
    if let Err(exit) = note_courses(project, store, &scene, printer) {
        scene.fleet.shutdown().await;
        return exit.into();
    }
    let ended = match planning::make(project, &scene, kind, &args.planning).await {
        Ok(plan) => {
            let ended = show_and_decide(project, store, &scene, &plan, args, operation, printer).await;
            Ended { leaves: plan.leaves_something(), ..ended }
        }
        Err(failure) => {
            report_failure(&failure, project, &scene, printer);
            failure_exit(&failure).into()
        }
    };
    scene.fleet.shutdown().await;
    ended
}

/// Shows a plan that passes the audit, and carries it out if it may be and somebody wants it.
pub async fn show_and_decide(
    project: &Project,
    store: &Store,
    scene: &Scene,
    plan: &Plan,
    args: &ApplyArgs,
    operation: &str,
    printer: &Printer,
) -> Ended {
    printer.diagnostics(&plan.warnings, &project.sources);
    printer.diagnostics(&scene.warnings, &project.sources);
    if !is_sound(plan, project, printer) {
        return Exit::Fault.into();
    }
    printer.plan(plan, crate::report::plan::Fate::Applied);
    report_breaches(plan, project, printer);
    if let Err(problem) = super::ledger::publish(project, store, plan, Moment::Before) {
        printer.diagnostics(&[*problem], &project.sources);
        return Exit::Error.into();
    }
    decide(project, store, scene, plan, args, operation, printer).await
}

/// Looks at reality; what runbooks made without the state comes into the state first.
pub async fn look_and_adopt(
    project: &Project,
    store: &Store,
    state: &State,
    refresh: bool,
    manner: crate::fleet::Manner,
    printer: &Printer,
) -> Result<Scene, Exit> {
    let told = |problems: Vec<Diagnostic>| {
        printer.diagnostics(&problems, &project.sources);
        Exit::Error
    };
    let scene = planning::look(project, state, refresh, manner).await.map_err(told)?;
    if !super::runbook::adopt(project, store, &scene, printer).await {
        return Ok(scene);
    }
    scene.fleet.shutdown().await;
    planning::look(project, &store.state(), refresh, manner).await.map_err(told)
}

/// Where locations stand is seen by whoever looks with the lock in hand.
pub fn note_courses(project: &Project, store: &Store, scene: &Scene, printer: &Printer) -> Result<(), Exit> {
    let mut seen = course::entries(&store.state(), &scene.observed.courses, now().0);
    seen.extend(super::assume::record(&scene.observed));
    way_back::record(store, seen).map_err(|error| {
        printer.diagnostics(&[error.into()], &project.sources);
        Exit::Error
    })
}

/// Carries a plan out if it may be and somebody wants it.
pub async fn decide(
    project: &Project,
    store: &Store,
    scene: &Scene,
    plan: &Plan,
    args: &ApplyArgs,
    operation: &str,
    printer: &Printer,
) -> Ended {
    if plan.is_broken() {
        return exit_of(plan, false).into();
    }
    if is_in_doubt(project, store, plan, printer) {
        return Exit::Error.into();
    }
    let weakens = plan.workloads.iter().any(|(_, w)| !w.weakened.is_empty());
    if (plan.has_changes() || weakens) && !super::leave::is_given(project, plan, &args.approved_by, printer) {
        return Exit::Error.into();
    }
    if !plan.has_changes() && !needs_record(plan, project, scene, store) {
        return Exit::Done.into();
    }
    if !args.auto_approve && plan.has_changes() && !approved(printer) {
        printer.error("not approved; nothing was changed");
        return Exit::Error.into();
    }
    see_through(project, store, scene, plan, Errand { operation, ..Errand::default() }, printer).await
}

/// Whether the plan touches what an earlier run left in doubt; it is said.
pub fn is_in_doubt(project: &Project, store: &Store, plan: &Plan, printer: &Printer) -> bool {
    let doubts = crate::apply::recover::doubtful(plan, store);
    printer.diagnostics(&doubts, &project.sources);
    !doubts.is_empty()
}

/// How carrying out a plan ended.
pub struct Ended {
    /// What to end with.
    pub exit: Exit,
    /// It ended early because what is there is not what the plan counts with.
    pub moved: bool,
    /// A destroy did not reach everything.
    pub leaves: bool,
    /// Workloads and locations where new replicas did not serve, and others may be made elsewhere.
    pub elsewhere: BTreeSet<(Str, String)>,
}

impl From<Exit> for Ended {
    fn from(exit: Exit) -> Ended {
        Ended { exit, moved: false, leaves: false, elsewhere: BTreeSet::new() }
    }
}

/// Carries an approved plan out, under the eyes of signals, and says how it ended.
pub async fn see_through(
    project: &Project,
    store: &Store,
    scene: &Scene,
    plan: &Plan,
    errand: Errand<'_>,
    printer: &Printer,
) -> Ended {
    let _span = super::trace::about("carry out", format!("{} operations", plan.ops.len()));
    if let Err(problem) = super::ledger::publish(project, store, plan, super::ledger::during()) {
        printer.diagnostics(&[*problem], &project.sources);
        return Exit::Stale.into();
    }
    let operation = errand.operation;
    let stop = StopFlag::default();
    let work = carry_out(project, store, scene, plan, errand, &stop, printer);
    let (result, signal) = match signals::watch(&stop, &scene.fleet, printer, work).await {
        Watched::Ended(result, signal) => (result, signal),
        Watched::CutOff(exit) => {
            printer.end_of_progress();
            printer.error("cut off: what was out is in the journal, and the next run asks what became of it");
            return exit.into();
        }
    };
    match result {
        Ok(summary) => {
            if !printer.is_json() {
                printer.diagnostics(&summary.problems, &project.sources);
            }
            printer.summary(&summary, plan, operation, &project.sources);
            let moved = summary.moved && !summary.stopped && summary.in_doubt == 0;
            if summary.stopped {
                signal.unwrap_or(Exit::Interrupted).into()
            } else if summary.is_complete() {
                match super::ledger::publish(project, store, plan, Moment::After) {
                    Ok(()) => Exit::Done.into(),
                    Err(problem) => {
                        printer.diagnostics(&[*problem], &project.sources);
                        Exit::Error.into()
                    }
                }
            } else {
                Ended { exit: Exit::Partial, moved, leaves: false, elsewhere: summary.elsewhere }
            }
        }
        Err(error) => {
            // A journal that would not make sense is a fault of ours; one that takes nothing has stopped us before the first call.
            let fault = matches!(error, StateError::Illegal(_));
            printer.diagnostics(&[error.into()], &project.sources);
            if fault {
                return Exit::Fault.into();
            }
            printer.error("nothing was changed: what cannot be remembered is not begun");
            Exit::Error.into()
        }
    }
}

/// Whether something is to be remembered though no object changes: rules, drift, addresses.
fn needs_record(plan: &Plan, project: &Project, scene: &Scene, store: &Store) -> bool {
    store.with_state(|s| {
        !plan.drift.is_empty()
            || !kept_beside(scene, s, &[]).is_empty()
            || (plan.kind != Kind::Destroy
                && as_noted(&crate::plan::checks::as_applied(&plan.checked, plan)) != s.checks)
            || !remember::places(plan, s, now()).is_empty()
            || !remember::forms(plan, &project.spec, s, now()).is_empty()
            || s.rules.keys().any(|name| project.spec.workload(name).is_none())
            || scene.observed.objects.iter().any(|(id, o)| id.deposed.is_some() && matches!(o.reality, Reality::Gone))
            || plan.data.iter().any(|data| {
                let said = as_kept(&data.address, &data.value, &data.provider, &scene.providers);
                said.is_some_and(|said| s.get(&data.address).is_none_or(|kept| **kept != said))
            })
            || s.objects.keys().any(|id| {
                let read = || plan.data.iter().map(|d| &d.address).chain(plan.changes.iter().map(|c| &c.address));
                id.address.mode == Mode::Data && read().all(|address| *address != id.address)
            })
            || plan.workloads.iter().any(|(name, w)| {
                let known = s.rules.get(&**name);
                w.fingerprints
                    .iter()
                    .any(|(id, text)| known.and_then(|k| k.get(id)).is_none_or(|r| r.fingerprint != *text))
            })
    })
}

/// Asks on a terminal; a pipe never approves.
pub fn approved(printer: &Printer) -> bool {
    if !std::io::stdin().is_terminal() {
        printer.error("nobody is there to approve: say -auto-approve, or apply a saved plan");
        return false;
    }
    printer.out("Do you want to carry this out? Only 'yes' will be accepted:");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == "yes"
}

/// What a run is, and what it leaves in the journal beside its objects.
#[derive(Default)]
pub struct Errand<'e> {
    /// The command.
    pub operation: &'e str,
    /// Written before anything is done.
    pub first: Vec<Entry>,
    /// Written when everything was done, and only then.
    pub when_complete: Vec<Entry>,
    /// Looks at what everything is when everything was done.
    pub look: Option<&'e mut dyn FnMut(&Env<'_>)>,
}

/// Carries a plan out and remembers what there is to remember.
pub async fn carry_out(
    project: &Project,
    store: &Store,
    scene: &Scene,
    plan: &Plan,
    errand: Errand<'_>,
    stop: &StopFlag,
    printer: &Printer,
) -> Result<Summary, StateError> {
    let request = LockRequest::here(errand.operation);
    let who = format!("{}@{}", request.who, request.host);
    let plan_digest = Some(crate::report::plan::digest(plan));
    let begin = RunBegin { who, command: errand.operation.into(), plan: plan_digest };
    store.record(now(), [Entry::RunBegin(begin)])?;
    let mut known = errand.first;
    known.extend(refreshed(store, scene, plan));
    known.extend(dependencies(project, store, scene, plan));
    known.extend(store.with_state(|s| remember::places(plan, s, now())));
    if !known.is_empty() {
        store.record(now(), known)?;
    }
    let run = store.with_state(|s| s.runs);
    let env = project.env_applying(plan);
    let blocks = Blocks::of(&env.tree, &project.spec, &scene.providers, &mut Vec::new());
    let carrying = Carrying::new(plan, store, &scene.fleet, &scene.providers, &env, &blocks, stop, run);
    let summary = carrying.run(&mut |event| printer.event(&event, plan)).await;
    printer.end_of_progress();
    let mut summary = summary?;
    summary.imported = plan.imports();
    if plan.kind != Kind::Destroy && summary.is_complete() {
        let unopened = carrying.open_the_rest().await;
        summary.failed += unopened.len();
        summary.problems.extend(unopened);
    }
    if plan.kind != Kind::Destroy {
        summary.problems.extend(conditions::judge_checks(&env, false));
    }
    let complete = summary.is_complete();
    let (broken, mut refused) = carrying.last_conditions();
    let closed = scene.fleet.close_passing().await;
    summary.failed += closed.iter().filter(|problem| problem.is_error()).count();
    summary.problems.extend(closed);
    if plan.partial && complete && errand.operation != "test" {
        let detail = "The plan was made of a part of what the configuration asks for, so some changes may have been left out and output \
                      values may not be fully updated.";
        let told = Diagnostic::warning("Applied changes may be incomplete", detail);
        summary.problems.push(told.help("Verify that no other changes are pending: straddle plan"));
    }
    // An output that is made from what did not come off keeps the value it had.
    refused.extend(
        env.module
            .outputs
            .keys()
            .filter(|name| {
                let node = blocks.of_name(0, Subject::OwnNamed("output", name));
                node.is_some_and(|node| blocks.is_made_from(node, &summary.undone))
            })
            .map(ToString::to_string),
    );
    summary.failed += broken.iter().filter(|problem| problem.is_error()).count();
    summary.problems.extend(broken);
    let mut last = outputs(project, &env, plan, &refused, complete);
    last.extend(carrying.data(complete));
    if complete && matches!(plan.kind, Kind::Normal | Kind::Repair | Kind::Failover { .. }) {
        last.extend(course::completed(&project.spec, &store.state(), &scene.topology, now().0));
    }
    last.extend(checks(store, &env, plan));
    if summary.is_complete() {
        if let Some(look) = errand.look {
            look(&env);
        }
        last.extend(rules(plan, &project.spec, &store.state()));
        last.extend(store.with_state(|s| remember::forms(plan, &project.spec, s, now())));
        last.extend(errand.when_complete);
    }
    let outcome = if summary.stopped {
        RunOutcome::Stopped
    } else if summary.is_complete() {
        RunOutcome::Done
    } else {
        RunOutcome::Partial
    };
    last.push(Entry::RunEnd(RunEnd { outcome }));
    if let Err(error) = store.record(now(), last) {
        // With an account of what went before there is no need of another.
        if !summary.unsaved {
            summary.unsaved = true;
            summary.problems.push(error.into());
        }
    }
    Ok(summary)
}

/// Results of conditions as the state keeps them.
fn as_noted(found: &[crate::plan::checks::Checked]) -> Option<Json> {
    crate::report::checks::of_state(found).and_then(|text| Json::new(&text).ok())
}

/// How conditions fared, where the state says something else of them.
fn checks(store: &Store, env: &Env<'_>, plan: &Plan) -> Option<Entry> {
    let found = crate::plan::checks::collect(env, plan.kind == Kind::Destroy);
    let checks = as_noted(&crate::plan::checks::as_applied(&found, plan));
    store.with_state(|s| s.checks != checks).then_some(Entry::Checks(checks))
}

/// Addresses of `moved` blocks and what reading found, as the state will have them; objects that are taken over are in it from now on.
fn refreshed(store: &Store, scene: &Scene, plan: &Plan) -> Vec<Entry> {
    let state = store.state();
    let mut entries = moves(scene, &state);
    for (id, seen) in scene.observed.objects.iter().filter(|(id, _)| id.deposed.is_some()) {
        if matches!(seen.reality, Reality::Gone) && state.open.on(id).is_none() {
            entries.push(Entry::Known { id: id.clone(), object: None, how: How::Read });
        }
    }
    for drift in plan.drift.iter().chain(&plan.notes) {
        let id = ObjectId::current(drift.address.clone());
        // What is in doubt is for recovery to find out, and for nobody else.
        if state.open.on(&id).is_some() {
            continue;
        }
        let before = scene.moved.get(&drift.address).map_or_else(|| id.clone(), |f| ObjectId::current(f.clone()));
        let Some(object) = state.objects.get(&before) else { continue };
        if drift.live.is_null() {
            entries.push(Entry::Known { id, object: None, how: How::Read });
        } else if let Some(mut object) =
            with_attributes(scene, &drift.address.ty, drift.address.mode, object, &drift.live)
        {
            if let Some(seen) = scene.observed.objects.get(&id) {
                let (source, ty) = (&seen.provider.source, &id.address.ty);
                object.identity = scene.providers.identity(source, ty, seen.identity.as_ref());
                object.private = seen.private.as_slice().into();
            }
            entries.push(Entry::Known { id, object: Some(Arc::new(object)), how: How::Read });
        }
    }
    entries.extend(kept_beside(scene, &state, &entries));
    for change in plan.changes.iter().filter(|c| c.importing.is_some()) {
        let Ok(nothing) = Json::new("null") else { continue };
        let object = Object {
            private: change.prior_private.as_slice().into(),
            identity: scene.providers.identity(
                &change.provider.source,
                &change.address.ty,
                change.before_identity.as_ref(),
            ),
            dependencies: change.dependencies.as_slice().into(),
            ..Object::new(change.provider.clone(), change.schema_version, nothing)
        };
        let (ty, mode) = (&change.address.ty, change.address.mode);
        if let Some(mut object) = with_attributes(scene, ty, mode, &object, &change.before) {
            if let Some(schema) = scene.providers.schema_of(&change.provider.source, mode, ty) {
                let before = change.before.unmarked();
                object.sensitive =
                    schema.block.sensitive_paths(&before).into_iter().map(|m| m.0).collect::<Vec<_>>().into();
            }
            let id = ObjectId::current(change.address.clone());
            entries.push(Entry::Known { id, object: Some(Arc::new(object)), how: How::Imported });
        }
    }
    entries
}

/// What reading brought beside the attributes, where the state has something else: the provider's bytes, what it knows the object by,
/// the version of the schema. `known`: what is noted already.
fn kept_beside(scene: &Scene, state: &State, known: &[Entry]) -> Vec<Entry> {
    let noted: BTreeSet<&ObjectId> = known
        .iter()
        .filter_map(|entry| match entry {
            Entry::Known { id, .. } => Some(id),
            _ => None,
        })
        .collect();
    let mut entries = Vec::new();
    for (id, seen) in &scene.observed.objects {
        let Reality::Live(live) = &seen.reality else { continue };
        if noted.contains(id) || state.open.on(id).is_some() {
            continue;
        }
        let before = scene.moved.get(&id.address).cloned().unwrap_or_else(|| id.address.clone());
        if before.ty != id.address.ty {
            continue;
        }
        let Some(object) = state.objects.get(&ObjectId { address: before, deposed: id.deposed }) else { continue };
        let address = &id.address;
        let identity = scene.providers.identity(&seen.provider.source, &address.ty, seen.identity.as_ref());
        let schema = scene.providers.schema_of(&seen.provider.source, address.mode, &address.ty);
        let version = schema.as_ref().map_or(object.schema_version, |s| s.version);
        let same = identity == object.identity
            && *seen.private == *object.private
            && object.schema_version == version
            && object.provider == seen.provider;
        if same {
            continue;
        }
        let known = match object.schema_version == version {
            true => Some(Object::clone(object)),
            false => with_attributes(scene, &address.ty, address.mode, object, live),
        };
        if let Some(known) = known {
            let private = seen.private.as_slice().into();
            let object = Object { identity, private, provider: seen.provider.clone(), ..known };
            entries.push(Entry::Known { id: id.clone(), object: Some(Arc::new(object)), how: How::Read });
        }
    }
    entries
}

/// What unchanged objects depend on, and whether their successors come first, where the configuration says something else now.
fn dependencies(project: &Project, store: &Store, scene: &Scene, plan: &Plan) -> Vec<Entry> {
    let tree = project.tree();
    let blocks = Blocks::of(&tree, &project.spec, &scene.providers, &mut Vec::new());
    let mut known: BTreeMap<usize, Arc<[Address]>> = BTreeMap::new();
    let state = store.state();
    let mut entries = Vec::new();
    let unchanged = plan.changes.iter().filter(|c| c.action == Action::NoOp && !c.aside && c.deposed.is_none());
    for change in unchanged.filter(|c| c.address.workload.is_none() && c.importing.is_none()) {
        let before = change.previous_address.as_ref().unwrap_or(&change.address);
        let object = state.objects.get(&ObjectId::current(before.clone()));
        let (Some(object), Some(block)) = (object, blocks.find(&change.address)) else { continue };
        let now = known.entry(block).or_insert_with(|| blocks.remembered_dependencies(block).into());
        let first = change.create_before_destroy;
        if **now != *object.dependencies || first != object.create_before_destroy {
            let dependencies = now.clone();
            let object = Object { dependencies, create_before_destroy: first, ..Object::clone(object) };
            let id = ObjectId::current(change.address.clone());
            entries.push(Entry::Known { id, object: Some(Arc::new(object)), how: How::Configured });
        }
    }
    entries
}

/// Moved objects, old ones of the same address with them, in an order in which every target is free.
fn moves(scene: &Scene, state: &State) -> Vec<Entry> {
    let mut open: Vec<(&Address, &Address)> = scene.moved.iter().map(|(to, from)| (from, to)).collect();
    let mut entries = Vec::new();
    while !open.is_empty() {
        let sources: BTreeSet<&Address> = open.iter().map(|(from, _)| *from).collect();
        let (free, later): (Vec<_>, Vec<_>) = open.iter().copied().partition(|(_, to)| !sources.contains(*to));
        if free.is_empty() {
            break;
        }
        for (from, to) in free {
            let first = ObjectId::current(from.clone());
            let last = ObjectId::deposed(from.clone(), DeposedKey(u32::MAX));
            for id in state.objects.range(first..=last).map(|(id, _)| id) {
                let to = ObjectId { address: to.clone(), deposed: id.deposed };
                entries.push(Entry::Moved { from: id.clone(), to });
            }
        }
        open = later;
    }
    entries
}

fn with_attributes(
    scene: &Scene,
    ty: &Str,
    mode: crate::lang::address::Mode,
    object: &Object,
    live: &Value,
) -> Option<Object> {
    let schema = scene.providers.schema_of(&object.provider.source, mode, ty)?;
    let text = json::encode(&live.unmarked(), schema.ty()).ok()?;
    let mut object = object.clone();
    object.attributes = Json::new(&text).ok()?;
    object.schema_version = schema.version;
    Some(object)
}

fn outputs(project: &Project, env: &Env<'_>, plan: &Plan, refused: &BTreeSet<String>, complete: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    for change in &plan.outputs {
        let name = change.name.clone();
        let Some(output) = project.config.module.outputs.get(&*name).filter(|_| plan.kind != Kind::Destroy) else {
            if change.before.is_some() {
                entries.push(Entry::Output { name, output: None });
            }
            continue;
        };
        let value = match (&change.after, &plan.kind) {
            // A refresh knows all that there is to know when it is planned.
            (Some(value), Kind::RefreshOnly) => value.clone(),
            _ => match env.output(0, &name) {
                Ok(value) => value,
                Err(_) => continue,
            },
        };
        let sensitive = output.sensitive || value.deep_marks().is_sensitive();
        let value = value.unmarked();
        if (!complete && !value.is_wholly_known()) || output.ephemeral || refused.contains(&name) {
            continue;
        }
        // What a refresh knows nothing of is told as null. What a partial plan has never made is nothing.
        let nothing = value.is_null() || (value.is_unknown() && plan.kind != Kind::RefreshOnly);
        let value = value.map_parts(&mut |_, part| match part.kind() {
            ValueKind::Unknown(unknown) => Change::Replace(Value::null(unknown.ty.clone())),
            _ => Change::Descend,
        });
        if nothing {
            entries.extend(change.before.is_some().then_some(Entry::Output { name, output: None }));
            continue;
        }
        let ty: Type = value.ty();
        let texts =
            json::encode(&value, &ty).ok().and_then(|v| Some((Json::new(&v).ok()?, Json::new(&ty.to_json()).ok()?)));
        if let Some((value, ty)) = texts {
            entries.push(Entry::Output { name, output: Some(Output { value, ty, sensitive }) });
        }
    }
    entries
}

/// The rules as just applied; those of workloads that are no more are forgotten.
fn rules(plan: &Plan, spec: &Spec, state: &State) -> Vec<Entry> {
    if plan.kind == Kind::RefreshOnly {
        return Vec::new();
    }
    let of = |w: &crate::plan::model::WorkloadPlan| match plan.kind {
        Kind::Destroy => BTreeMap::new(),
        _ => w
            .fingerprints
            .iter()
            .map(|(id, text)| (id.clone(), Rule { fingerprint: text.clone(), text: text.clone() }))
            .collect(),
    };
    let now = plan.workloads.iter().map(|(name, w)| Entry::Rules { workload: name.to_string(), rules: of(w) });
    let ended = state.rules.keys().filter(|name| spec.workload(name).is_none());
    now.chain(ended.map(|name| Entry::Rules { workload: name.clone(), rules: BTreeMap::new() })).collect()
}
