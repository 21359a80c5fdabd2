//! `drift`: spec, state and reality held against each other. Takes no lock, writes nothing.

use super::Exit;
use super::args::{DriftArgs, FailOn, PlanningArgs};
use super::plan::report_failure;
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use crate::diag::{Diagnostic, Sources};
use crate::fleet;
use crate::lang::module::IgnoreChanges;
use crate::plan::blocks::Blocks;
use crate::plan::model::{Action, Change, Kind, Plan, Reason};
use crate::plan::sequence::replica;
use crate::plugin::Discovery;
use crate::report::drift::{self, Between, Cause, Differing, Drift, Kind as Differs, Known, Resource, Severity};
use std::collections::BTreeSet;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::Str;

pub async fn run(args: DriftArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let loaded = match super::home::load() {
        Ok(loaded) => loaded,
        Err(error) => {
            printer.diagnostics(&[*error], &project.sources);
            return Exit::Error;
        }
    };
    let known = match known(&args) {
        Ok(known) => known,
        Err(exit) => return exit.tell(printer),
    };
    let base = match &args.base {
        None => None,
        Some(reference) => match super::base::read(reference, &args.vars) {
            Ok(base) => Some(base),
            Err(problem) => {
                printer.diagnostics(&[*problem], &project.sources);
                return Exit::Error;
            }
        },
    };
    let scene = match planning::look_leniently(&project, &loaded.state, args.parallelism).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let before = match &base {
        Some(base) => Some(base.check(&loaded.state, &project, &args, printer).await),
        None => None,
    };
    let exit = compare(&project, &scene, known, before, &args, printer).await;
    scene.fleet.shutdown().await;
    exit
}

/// What could not be read, with the texts it speaks of.
struct Unread(Vec<Diagnostic>, Sources);

impl Unread {
    fn tell(&self, printer: &Printer) -> Exit {
        printer.diagnostics(&self.0, &self.1);
        Exit::Error
    }
}

/// The file of what a team knows of its drift, and what it warns of.
fn known(args: &DriftArgs) -> Result<(Known, Unread), Unread> {
    let mut sources = Sources::default();
    let path = args.ignore_file.clone().unwrap_or_else(|| drift::known::FILE.into());
    if args.ignore_file.is_none() && !path.exists() {
        return Ok((Known::default(), Unread(Vec::new(), sources)));
    }
    let file = match crate::lang::load::read(&path, path.display().to_string(), &mut sources) {
        Ok(file) => file,
        Err(problem) => return Err(Unread(vec![*problem], sources)),
    };
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (known, problems) = Known::read(file, &sources, today);
    let unread = Unread(problems, sources);
    if unread.0.iter().any(Diagnostic::is_error) { Err(unread) } else { Ok((known, unread)) }
}

/// A plan of what a check compares. The second: what the spec asks for could not be planned.
pub(super) async fn planned(
    project: &Project,
    scene: &Scene,
    told: Option<&Printer>,
) -> Result<(Plan, bool), Box<crate::plan::make::Failure>> {
    let nothing_special = PlanningArgs::default();
    match planning::make(project, scene, Kind::Normal, &nothing_special).await {
        Ok(plan) => Ok((plan, false)),
        Err(failure) => {
            // What the spec asks for cannot be planned; what stands can still be told.
            if let Some(printer) = told {
                report_failure(&failure, project, scene, printer);
            }
            let plan = planning::make(project, scene, Kind::RefreshOnly, &nothing_special).await.map_err(Box::new)?;
            Ok((plan, true))
        }
    }
}

/// The differences of a plan, sorted.
pub(super) fn differences<'p>(project: &Project, scene: &Scene, plan: &'p Plan) -> Drift<'p> {
    let mut found = Drift::of_plan(plan);
    judge(project, scene, plan, &mut found.resources);
    spec_alone(plan, &mut found.resources);
    found
}

async fn compare(
    project: &Project,
    scene: &Scene,
    (known, warned): (Known, Unread),
    before: Option<drift::Base>,
    args: &DriftArgs,
    printer: &Printer,
) -> Exit {
    warned.tell(printer);
    printer.diagnostics(&scene.warnings, &project.sources);
    let (plan, mut failed) = match planned(project, scene, Some(printer)).await {
        Ok(planned) => planned,
        Err(failure) => {
            report_failure(&failure, project, scene, printer);
            return super::plan::failure_exit(&failure);
        }
    };
    let mut found = differences(project, scene, &plan);
    failed |= unmanaged(project, scene, &mut found.resources, printer).await;
    found.resources.sort_by(|a, b| crate::lang::address::natural(&a.address, &b.address).then(a.kind.cmp(&b.kind)));
    found.sites = &project.spec.sites;
    found.runbooks = super::runbook::standing(&project.spec, &project.sources, &scene.state);
    found.findings = project.spec.stranded();
    known.apply(&mut found);
    if let Some(before) = before {
        found.against(before);
    }
    failed |= !super::reports::write(&found, &args.out, printer);
    printer.out(&match args.json {
        true => drift::json(&found),
        false => drift::text(&found, printer.style()),
    });
    exit_of(&found, &plan, failed, args)
}

/// The contract's precedence; `-fail-on` narrows what counts, and `new` narrows it to what the change causes. NOT PROVEN never does.
fn exit_of(found: &Drift<'_>, plan: &Plan, failed: bool, args: &DriftArgs) -> Exit {
    let only = &args.fail_on;
    let new_alone = only.contains(&FailOn::New);
    let counts = |what| only.is_empty() || only.contains(&what) || (new_alone && only.len() == 1);
    let grave = |severity: Severity| args.severity.is_none_or(|least| severity >= least.into());
    let any = |kinds: &[Differs]| {
        found.resources.iter().any(|r| {
            let meant = !new_alone || (r.cause != Some(Cause::Before) && r.between == Between::StateLive);
            kinds.contains(&r.kind) && grave(r.severity) && meant
        })
    };
    let differs = any(&[Differs::Missing, Differs::Changed, Differs::Unmanaged]);
    let margin = !new_alone && plan.workloads.iter().any(|(_, w)| w.decision.margin.alarm_before);
    let new_breach = || {
        let items = drift::items::items(found);
        // A rule that came with the change and is not kept yet blocks nothing when an apply of the change keeps it.
        let broken = |id: &str| {
            matches!(id, "rule.broken_after" | "promise.broken") || (id == "rule.broken" && found.base.is_none())
        };
        items.iter().any(|i| broken(i.id) && i.cause != Some(Cause::Before))
            || (found.base.is_none() && plan.is_broken())
            || found.base.as_ref().is_some_and(|base| base.rules.iter().any(drift::RuleChange::is_open))
    };
    let breach = if new_alone { new_breach() } else { found.breaches() > 0 || plan.is_broken() };
    let unkept = !new_alone && found.unkept() > 0;
    let unapproved = only.contains(&FailOn::Weakened)
        && found.base.as_ref().is_some_and(|b| b.rules.iter().any(drift::RuleChange::is_open));
    [
        (FailOn::Breach, breach, Exit::Broken),
        (FailOn::Weakened, unapproved, Exit::Broken),
        (FailOn::Error, failed || any(&[Differs::Unreadable]), Exit::Error),
        (FailOn::Drift, differs || unkept || found.runbooks.iter().any(|r| !r.is_well()), Exit::Pending),
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
            paths,
            words: words.to_string(),
            span: change.site.clone(),
            ..Resource::new(change.address.to_string(), kind, Between::CodeState)
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
                let address = format!("{} {}", object.type_name, object.id);
                resources.push(Resource {
                    words: format!("made for {}", object.ownership.address),
                    ..Resource::new(address, Differs::Unmanaged, Between::StateLive)
                });
            }
        }
    }
    failed
}
