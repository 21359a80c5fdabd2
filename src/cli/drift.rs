//! `drift`: spec, state and reality held against each other. Takes no lock, writes nothing.

use super::Exit;
use super::args::{DriftArgs, FailOn, PlanningArgs};
use super::plan::report_failure;
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use crate::fleet;
use crate::lang::module::IgnoreChanges;
use crate::plan::blocks::Blocks;
use crate::plan::model::{Action, Change, Kind, Plan, Reason};
use crate::plan::sequence::replica;
use crate::plugin::Discovery;
use crate::report::drift::{self, Differing, Drift, Kind as Differs, Resource};
use std::collections::BTreeSet;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::Str;

pub async fn run(args: DriftArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let loaded = match crate::state::load(&super::workspace::state_dir()) {
        Ok(loaded) => loaded,
        Err(error) => {
            printer.diagnostics(&[error.into()], &project.sources);
            return Exit::Error;
        }
    };
    let scene = match planning::look_leniently(&project, &loaded.state, args.parallelism).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let exit = compare(&project, &scene, &args, printer).await;
    scene.fleet.shutdown().await;
    exit
}

async fn compare(project: &Project, scene: &Scene, args: &DriftArgs, printer: &Printer) -> Exit {
    printer.diagnostics(&scene.warnings, &project.sources);
    let mut failed = false;
    let nothing_special = PlanningArgs::default();
    let made = match planning::make(project, scene, Kind::Normal, &nothing_special) {
        Err(failure) => {
            // What the spec asks for cannot be planned; what stands can still be told.
            failed = true;
            report_failure(&failure, project, scene, printer);
            planning::make(project, scene, Kind::RefreshOnly, &nothing_special)
        }
        made => made,
    };
    let plan = match made {
        Ok(plan) => plan,
        Err(failure) => {
            report_failure(&failure, project, scene, printer);
            return super::plan::failure_exit(&failure);
        }
    };
    let mut found = Drift::of_plan(&plan);
    judge(project, scene, &plan, &mut found.resources);
    spec_alone(&plan, &mut found.resources);
    failed |= unmanaged(project, scene, &mut found.resources, printer).await;
    found.resources.sort_by(|a, b| crate::lang::address::natural(&a.address, &b.address).then(a.kind.cmp(&b.kind)));
    found.sites = &project.spec.sites;
    found.runbooks = super::runbook::standing(&project.spec, &project.sources, &scene.state);
    failed |= !super::reports::write(&found, &args.out, printer);
    printer.out(&match args.json {
        true => drift::json(&found),
        false => drift::text(&found, printer.style()),
    });
    exit_of(&found, &plan, failed, &args.fail_on)
}

/// The contract's precedence; `only` narrows what counts. NOT PROVEN never does.
fn exit_of(found: &Drift<'_>, plan: &Plan, failed: bool, only: &[FailOn]) -> Exit {
    let counts = |what| only.is_empty() || only.contains(&what);
    let any = |kinds: &[Differs]| found.resources.iter().any(|r| kinds.contains(&r.kind));
    let differs = any(&[Differs::Missing, Differs::Changed, Differs::Unmanaged]);
    let margin = plan.workloads.iter().any(|(_, w)| w.decision.margin.alarm_before);
    [
        (FailOn::Breach, found.breaches() > 0 || plan.is_broken(), Exit::Broken),
        (FailOn::Error, failed || any(&[Differs::Unreadable]), Exit::Error),
        (FailOn::Drift, differs || found.unkept() > 0 || found.runbooks.iter().any(|r| !r.is_well()), Exit::Pending),
        (FailOn::Margin, margin, Exit::Margin),
    ]
    .into_iter()
    .filter(|(what, so, _)| *so && counts(*what))
    .fold(Exit::Done, |worst, (_, _, exit)| worst.worse(exit))
}

/// Takes back what is no drift: what only the provider computes, and what the spec says not to look at.
fn judge(project: &Project, scene: &Scene, plan: &Plan, resources: &mut [Resource]) {
    let blocks = Blocks::of(&project.tree(), &project.spec, &scene.providers, &mut Vec::new());
    let by_address: std::collections::BTreeMap<String, &crate::plan::model::Drift> =
        plan.drift.iter().map(|d| (d.address.to_string(), d)).collect();
    for resource in resources.iter_mut().filter(|r| r.kind == Differs::Changed) {
        let Some(one) = by_address.get(&resource.address) else { continue };
        let schema = scene.providers.schema_of(&one.provider.source, one.address.mode, &one.address.ty);
        let ignored = blocks
            .find(&one.address)
            .and_then(|b| blocks.list[b].resource())
            .map(|(resource, _)| &resource.lifecycle.ignore_changes);
        let noted = |path: &Differing| {
            let root = path.path.split(['.', '[']).next().unwrap_or_default();
            is_computed(schema.as_ref(), root) || ignored.is_some_and(|i| is_ignored(i, root))
        };
        if resource.paths.iter().all(noted) {
            resource.kind = Differs::Ignored;
        } else {
            resource.paths.retain(|path| !noted(path));
        }
    }
}

/// Whether nobody but the provider ever sets the attribute.
fn is_computed(schema: Option<&Schema>, root: &str) -> bool {
    schema.and_then(|s| s.block.attributes.get(root)).is_some_and(|a| a.computed && !a.optional)
}

fn is_ignored(ignore: &IgnoreChanges, root: &str) -> bool {
    match ignore {
        IgnoreChanges::All => true,
        IgnoreChanges::Paths(list) => list.iter().any(|t| &*t.root.name == root),
    }
}

/// What the spec asks for and neither state nor reality has, and the reverse: the side of the comparison that no reading shows.
fn spec_alone(plan: &Plan, resources: &mut Vec<Resource>) {
    let told: BTreeSet<String> =
        resources.iter().filter(|r| r.kind != Differs::Ignored).map(|r| r.address.clone()).collect();
    let elsewhere = made_elsewhere(plan);
    let untold = |c: &&Change| !told.contains(&c.address.to_string());
    for change in plan.changes.iter().filter(untold) {
        if replica(&change.address).is_some_and(|r| elsewhere.contains(&r)) {
            continue;
        }
        let (kind, words, paths) = match change.action {
            Action::NoOp | Action::Read | Action::Forget | Action::Spare => continue,
            Action::Create => (Differs::Missing, "the spec has it, the state has not", Vec::new()),
            Action::Delete => (Differs::Changed, "the spec has it no more", Vec::new()),
            Action::Update | Action::CreateDelete | Action::DeleteCreate => {
                // What is only to follow another object's change has not drifted itself.
                let paths = wanted(change);
                if paths.is_empty() && change.reason != Some(Reason::Tainted) {
                    continue;
                }
                (Differs::Changed, "", paths)
            }
        };
        resources.push(Resource {
            address: change.address.to_string(),
            kind,
            paths,
            words: words.to_string(),
            span: change.site.clone(),
        });
    }
}

/// Replicas that the plan makes in the stead of ones that are gone from another slot: each of those is missing already, and once.
fn made_elsewhere(plan: &Plan) -> BTreeSet<(&Str, &Str)> {
    let live: BTreeSet<(&Str, &Str)> =
        plan.changes.iter().filter(|c| !c.before.is_null()).filter_map(|c| replica(&c.address)).collect();
    let made: BTreeSet<(&Str, &Str)> = plan
        .changes
        .iter()
        .filter(|c| c.action == Action::Create)
        .filter_map(|c| replica(&c.address))
        .filter(|r| !live.contains(r))
        .collect();
    let gone: BTreeSet<(&Str, &Str)> = plan
        .drift
        .iter()
        .filter(|d| d.live.is_null())
        .filter_map(|d| replica(&d.address))
        .filter(|r| !live.contains(r))
        .collect();
    let mut elsewhere = BTreeSet::new();
    for (name, _) in &plan.workloads {
        let of = |r: &&(&Str, &Str)| r.0 == name;
        let lost = gone.difference(&made).filter(of).count();
        elsewhere.extend(made.difference(&gone).filter(of).take(lost).copied());
    }
    elsewhere
}

/// Where the spec asks for something else than what state and reality agree on.
fn wanted(change: &Change) -> Vec<Differing> {
    let mut paths = drift::differing(&change.before, &change.after, Some(&change.after));
    // What nobody knows yet is not asked for by the spec; of sensitive values neither side is told.
    paths.retain(|path| path.spec.is_some() || path.state.is_none());
    for path in &mut paths {
        path.live = path.state.clone();
    }
    paths
}

/// Objects that carry this state's mark and are in no state. True: a provider could not be asked.
async fn unmanaged(project: &Project, scene: &Scene, resources: &mut Vec<Resource>, printer: &Printer) -> bool {
    let lineage = scene.state.lineage.to_string();
    if lineage.is_empty() {
        return false;
    }
    let id_of = |seen: &crate::plan::observed::Seen| seen.state.get("id").and_then(|v| v.as_str().map(str::to_string));
    let known: BTreeSet<(&str, &Str, String)> = scene
        .observed
        .objects
        .iter()
        .filter_map(|(id, seen)| Some((&*seen.provider.source, &id.address.ty, id_of(seen)?)))
        .collect();
    let mut failed = false;
    let mut told = BTreeSet::new();
    let request = Discovery { owner: Some(lineage), tokens: Vec::new(), types: Vec::new() };
    for reference in fleet::wanted(&project.tree(), &project.spec, &scene.state, &scene.providers) {
        let Some(plugin) = scene.fleet.plugin(&reference) else { continue };
        if !plugin.extension().is_some_and(|e| e.discover) {
            continue;
        }
        let found = match plugin.discover(&request).await {
            Ok(found) => found,
            Err(error) => {
                printer.diagnostics(&fleet::call_problems(&error), &project.sources);
                failed = true;
                continue;
            }
        };
        for object in found {
            let managed = known.contains(&(&*reference.source, &object.type_name, object.id.clone()));
            if !managed && told.insert((reference.source.clone(), object.type_name.clone(), object.id.clone())) {
                resources.push(Resource {
                    address: format!("{} {}", object.type_name, object.id),
                    kind: Differs::Unmanaged,
                    paths: Vec::new(),
                    words: format!("made for {}", object.ownership.address),
                    span: None,
                });
            }
        }
    }
    failed
}
