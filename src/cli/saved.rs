//! Saved plans on the command line: `plan -out=FILE`, `apply FILE`.

use super::apply::{self, Ended};
use super::args::ApplyArgs;
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use super::{Exit, protect, recovery};
use crate::diag::{Diagnostic, Sources};
use crate::fleet::Manner;
use crate::lang::address::Mode;
use crate::lang::load;
use crate::plan::file::{self, PlanFileError, Protection};
use crate::plan::ledger;
use crate::plan::model::{Kind, Plan};
use crate::plan::observed::Reality;
use crate::spread::model::Health;
use crate::state::{ObjectId, State, Store};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use straddle_sdk::value::{Value, same_unmarked};

/// Writes a plan that keeps its rules; whole or not at all.
///
/// # Errors
/// [`PlanFileError`].
pub fn save(plan: &Plan, path: &Path, protection: &Protection) -> Result<(), PlanFileError> {
    file::save(path, &file::write(plan, protection)?)
}

/// The plan of a file, with the keys there are.
///
/// # Errors
/// What to say.
pub fn open(path: &Path, verify: Option<&Path>) -> Result<Plan, Box<Diagnostic>> {
    let protection = protect::protection(None, verify)?;
    file::open(path, &protection).map_err(|error| Box::new(error.about(path)))
}

/// Carries out a saved plan, if everything it was made from still stands. Nobody is asked again.
pub async fn run(path: &Path, args: &ApplyArgs, printer: &Printer) -> Exit {
    let mut plan = match open(path, args.verify_with.as_deref()) {
        Ok(found) => found,
        Err(problem) => {
            printer.diagnostics(&[*problem], &Sources::default());
            return Exit::Error;
        }
    };
    let mut moved = texts_moved(&plan.sources, Path::new("."));
    moved.extend(protect::providers_moved(&plan.origin, &protect::origin()));
    if !moved.is_empty() {
        return stale(&moved, path, printer);
    }
    // Ephemeral variables are in no file: they are given anew.
    for (name, value) in Project::read(&args.planning.vars).variables {
        plan.variables.entry(name).or_insert(value);
    }
    let project = Project::of_texts(Path::new("."), &plan.sources, plan.variables.clone());
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let store = match apply::open(&args.planning.lock, "apply", printer) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let exit = match recovery::recover(&project, &store, args.planning.parallelism, printer).await {
        Ok(()) => {
            let exit = checked(&project, &store, &plan, path, args, printer).await;
            if exit == Exit::Done && matches!(plan.kind, Kind::Normal | Kind::Repair | Kind::Failback) {
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

async fn checked(
    project: &Project,
    store: &Store,
    plan: &Plan,
    path: &Path,
    args: &ApplyArgs,
    printer: &Printer,
) -> Exit {
    if !super::plan::is_sound(plan, project, printer) {
        return Exit::Fault;
    }
    let state = store.state();
    let mut moved: Vec<String> = state_moved(plan, &state).into_iter().collect();
    let again = args.replan_within && *plan.lineage == *state.lineage;
    if !moved.is_empty() && !again {
        return stale(&moved, path, printer);
    }
    // What was put off when the plan was made may be so now.
    let manner = Manner { deferral: !plan.deferred.is_empty(), ..args.planning.manner() };
    let scene = match planning::look(project, &state, args.planning.refresh, manner).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    moved.extend(reality_moved(plan, &scene));
    let approved = ApplyArgs { planfile: None, auto_approve: true, ..args.clone() };
    let ended = match moved.is_empty() {
        true => apply::decide(project, store, &scene, plan, &approved, "apply", printer).await,
        false if again => within(project, store, &scene, (plan, path, &moved), &approved, printer).await,
        false => stale(&moved, path, printer).into(),
    };
    scene.fleet.shutdown().await;
    if ended.moved && args.auto_replan && !plan.partial {
        return super::rounds::plan_and_apply(project, store, plan.kind.clone(), &approved, "apply", printer).await;
    }
    ended.exit
}

/// Plans anew what has been outrun, and carries the new plan out if it does nothing that the approved one would not have done.
async fn within(
    project: &Project,
    store: &Store,
    scene: &Scene,
    (approved, path, moved): (&Plan, &Path, &[String]),
    args: &ApplyArgs,
    printer: &Printer,
) -> Ended {
    if approved.partial {
        let mut moved = moved.to_vec();
        moved.push("and which part of everything it was made for, with -target, it does not say".into());
        return stale(&moved, path, printer).into();
    }
    let anew = match planning::make(project, scene, approved.kind.clone(), &args.planning).await {
        Ok(anew) => anew,
        Err(failure) => {
            super::plan::report_failure(&failure, project, scene, printer);
            return super::plan::failure_exit(&failure).into();
        }
    };
    let beyond = super::compare::beyond(approved, &anew);
    if !beyond.is_empty() {
        let mut moved = moved.to_vec();
        moved.push(format!("a plan made now would do more than it says: {}", beyond.join("; ")));
        return stale(&moved, path, printer).into();
    }
    printer.error(&format!(
        "since {} was made: {}; planned anew, which does nothing that is not in it",
        path.display(),
        moved.join("; ")
    ));
    apply::show_and_decide(project, store, scene, &anew, args, "apply", printer).await
}

fn stale(moved: &[String], path: &Path, printer: &Printer) -> Exit {
    let problem = Diagnostic::error(
        "Saved plan is no longer valid",
        format!("Since {} was made: {}. Nothing was changed.", path.display(), moved.join("; ")),
    )
    .help("Plan again: straddle plan -out=FILE");
    printer.diagnostics(&[problem], &Sources::default());
    Exit::Stale
}

/// Which texts a plan was made from are others now, in the order of the plan.
fn texts_moved(then: &Sources, dir: &Path) -> Vec<String> {
    let load::Loaded { sources: mut now, .. } = load::load(dir);
    // What cannot be read is reported as changed below.
    let _ = load::read_tfvars(dir, &mut now);
    // A file named with -var-file is not among those a directory is read from.
    let named = |name: &str| std::fs::read_to_string(dir.join(name)).ok().map(Into::into);
    differing(then, &now, &named)
}

/// Which texts of two plans differ.
pub fn texts_differ(then: &Sources, now: &Sources) -> Vec<String> {
    differing(then, now, &|_| None)
}

/// `elsewhere`: the text of a file that is not among those of now.
fn differing(then: &Sources, now: &Sources, elsewhere: &dyn Fn(&str) -> Option<Arc<str>>) -> Vec<String> {
    let mut moved = Vec::new();
    for source in &then.files {
        let text = now.files.iter().find(|f| f.name == source.name).map(|f| f.text.clone());
        match text.or_else(|| elsewhere(&source.name)) {
            Some(text) if text == source.text => {}
            Some(_) => moved.push(format!("{} has changed", source.name)),
            None => moved.push(format!("{} is gone", source.name)),
        }
    }
    let new = now.files.iter().filter(|f| then.files.iter().all(|t| t.name != f.name));
    moved.extend(new.map(|f| format!("{} is new", f.name)));
    moved
}

/// Whether the state is another than the plan was made from.
fn state_moved(plan: &Plan, state: &State) -> Option<String> {
    if plan.lineage.is_empty() {
        // Made where there was no state yet; opening it for writing has begun one.
        let fresh = state.is_empty() && state.runs == 0;
        return (!fresh).then(|| "a state has been written".to_string());
    }
    if *plan.lineage != *state.lineage {
        return Some(format!("the state is another one (lineage {}, was {})", state.lineage, plan.lineage));
    }
    (plan.serial != state.serial)
        .then(|| format!("the state has changed (serial {}, was {})", state.serial, plan.serial))
}

/// What is not as the plan found it: objects and the health of locations.
pub fn reality_moved(plan: &Plan, scene: &Scene) -> Vec<String> {
    moved_outside(plan, scene, &BTreeSet::new())
}

/// The same, without what nobody asked about and the locations that are lost.
pub(super) fn moved_outside(plan: &Plan, scene: &Scene, lost: &BTreeSet<String>) -> Vec<String> {
    let mut moved = Vec::new();
    for location in plan.topology.locations.iter().filter(|l| !lost.contains(&l.name)) {
        let now = scene.topology.locations.iter().find(|l| l.name == location.name);
        match now {
            // That too few serve there for some time now is no news to the plan: it was made from what served.
            Some(now) if now.health == location.health || (is_well(now.health) && is_well(location.health)) => {}
            Some(now) => {
                moved.push(format!("location {} is {:?}, was {:?}", location.name, now.health, location.health));
            }
            None => moved.push(format!("location {} is not in the spec", location.name)),
        }
    }
    let others = ledger::totals(&scene.observed.beside, &scene.topology);
    moved.extend(ledger::risen(&plan.beside, &others, &ledger::grows_in(plan)));
    let judged = plan.changes.iter().filter(|c| c.deposed.is_none() && c.importing.is_none());
    for change in judged.filter(|c| c.address.mode == Mode::Managed) {
        let seen = scene.observed.objects.get(&ObjectId::current(change.address.clone()));
        if !lost.is_empty() && seen.is_some_and(|s| matches!(s.reality, Reality::NotAsked)) {
            continue;
        }
        let now = seen.and_then(|s| s.current());
        let same = match now {
            Some(now) => same_unmarked(now, &change.before),
            None => change.before.is_null(),
        };
        if !same {
            moved.push(match now {
                None => format!("{} is gone", change.address),
                Some(_) if change.before.is_null() => format!("{} exists already", change.address),
                Some(now) => format!("{} has changed{}", change.address, names(now, &change.before)),
            });
        }
    }
    moved
}

fn is_well(health: Health) -> bool {
    matches!(health, Health::Healthy | Health::Degraded)
}

/// The attributes in which two objects differ; values may be secret and are not said.
pub fn names(now: &Value, before: &Value) -> String {
    let Some(entries) = now.entries() else { return String::new() };
    let differs = |(name, value): &&(straddle_sdk::value::Str, Value)| {
        before.get(name).is_none_or(|was| !same_unmarked(value, was))
    };
    let names: Vec<&str> = entries.iter().filter(differs).map(|(name, _)| &**name).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}
