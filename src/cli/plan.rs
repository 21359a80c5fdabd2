//! `plan`.

use super::Exit;
use super::args::{PlanArgs, PlanningArgs};
use super::around::Around;
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::make::Failure;
use crate::plan::model::{Kind, Plan};
use crate::report::plan::{Fate, configuration};
use crate::report::refusal;
use crate::report::words::Names;
use std::path::Path;

pub async fn run(args: PlanArgs, around: &Around, printer: &Printer) -> Exit {
    let printer = printer.asked(args.planning.verbose, args.planning.json);
    printer.begin();
    if let Some(problem) = super::apply::refuse_files(&args.planning.files) {
        printer.diagnostics(&[problem], &Default::default());
        return Exit::Error;
    }
    let mut project = around.read(&args.planning.vars);
    if !args.planning.destroy {
        project.refuse_emptiness("Plan");
    }
    if let Some(file) = args.generate_config_out.as_deref().filter(|_| !project.has_errors()) {
        match super::generate::write_missing(&project, file, args.planning.parallelism).await {
            Ok(true) => {
                printer.error(&format!("configuration was written to {}; review it before you apply", file.display()));
                project = around.read(&args.planning.vars);
            }
            Ok(false) => {}
            Err(problems) => {
                printer.diagnostics(&problems, &project.sources);
                return Exit::Error;
            }
        }
    }
    super::assume::take(&mut project, &args.planning.assume);
    project.problems.extend(super::assume::refuse_saved(&args.planning.assume, args.out.is_some()));
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let kind =
        if args.lose.is_empty() { planning::kind(&args.planning) } else { Kind::Failover { lost: args.lose.clone() } };
    if let Some(problem) = project.nothing_here().filter(|_| kind != Kind::Destroy) {
        printer.diagnostics(&[problem], &project.sources);
        return Exit::Error;
    }
    let loaded = match around.load() {
        Ok(loaded) => loaded,
        Err(error) => {
            printer.diagnostics(&[*error], &project.sources);
            return Exit::Error;
        }
    };
    let scene = match planning::look(&project, &loaded.state, args.planning.refresh, args.planning.manner()).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let told = PlanningArgs { told: args.out.is_some(), ..args.planning.clone() };
    let exit = match planning::make(&project, &scene, kind, &told).await {
        Ok(mut plan) => {
            if args.out.is_some() {
                plan.configuration = Some(configuration::json(&project.tree(), &scene.providers, &project.sources));
                plan.given = project.given_lastingly();
            }
            show(&mut plan, &project, &scene, &args, &printer)
        }
        Err(failure) => {
            report_failure(&failure, &project, &scene, &printer);
            failure_exit(&failure)
        }
    };
    scene.fleet.shutdown().await;
    exit
}

fn show(plan: &mut Plan, project: &Project, scene: &Scene, args: &PlanArgs, printer: &Printer) -> Exit {
    plan.origin = super::protect::origin();
    let reviewed = match args.compare.as_deref().map(|path| super::saved::open(path, args.verify_with.as_deref())) {
        Some(Err(problem)) => {
            printer.diagnostics(&[*problem], &project.sources);
            return Exit::Error;
        }
        Some(Ok(reviewed)) => Some(reviewed),
        None => None,
    };
    let plan = &*plan;
    printer.diagnostics(&scene.warnings, &project.sources);
    printer.diagnostics(&plan.warnings, &project.sources);
    if !is_sound(plan, project, printer) {
        return Exit::Fault;
    }
    let cut_sets = args.fail_on_new_cutset.map_or_else(Vec::new, |order| new_cut_sets(plan, order));
    let refused = plan.is_broken() || !cut_sets.is_empty();
    let exit = match args.out.as_deref().filter(|_| !refused) {
        Some(file) => keep(plan, file, args, printer),
        None => {
            printer.plan(plan, Fate::Shown);
            Exit::Done
        }
    };
    report_breaches(plan, project, printer);
    printer.diagnostics(&cut_sets, &project.sources);
    if refused && let Some(file) = &args.out {
        let why = if plan.is_broken() { "the plan breaks a rule" } else { "the plan adds a cut set" };
        printer.error(&format!("{} was not written: {why}", file.display()));
    }
    let added = if cut_sets.is_empty() { Exit::Done } else { Exit::Broken };
    let mut exit = exit.worse(exit_of(plan, args.detailed_exitcode)).worse(added);
    if let Some(file) = &args.html {
        let (stack, _) = super::reports::place();
        if !super::reports::put(file, &crate::report::page::plan(plan, &stack, printer.style().lang), printer) {
            exit = exit.worse(Exit::Error);
        }
    }
    match (reviewed, &args.compare) {
        (Some(reviewed), Some(path)) => exit.worse(super::compare::against(plan, scene, &reviewed, path, printer)),
        _ => exit,
    }
}

/// Cut sets of at most so many losses that this plan adds. What is below its floor already has none to compare with.
fn new_cut_sets(plan: &Plan, order: u32) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, workload) in &plan.workloads {
        let names = Names { topology: &plan.topology, workload: &workload.rules };
        let cut_sets = &workload.decision.cut_sets;
        if cut_sets.before.sets.iter().any(Vec::is_empty) {
            continue;
        }
        for set in cut_sets.diff().added.iter().filter(|set| set.len() as u64 <= u64::from(order)) {
            let what = match set.is_empty() {
                true => format!("Workload \"{name}\" is below its floor after this plan without any loss."),
                false => format!(
                    "After this plan the loss of {} takes workload \"{name}\" below its floor, which it did not before.",
                    names.loss(set)
                ),
            };
            found.push(
                Diagnostic::error("A new cut set", what)
                    .help("Keep what made it survivable, or run the plan without -fail-on-new-cutset."),
            );
        }
    }
    found
}

/// Saves a plan and shows it.
fn keep(plan: &Plan, file: &Path, args: &PlanArgs, printer: &Printer) -> Exit {
    let saved = super::protect::protection(args.sign_with.as_deref(), None).and_then(|protection| {
        super::saved::save(plan, file, &protection).map_err(|error| Box::new(error.about(file)))
    });
    if let Err(problem) = saved {
        printer.diagnostics(&[*problem], &plan.sources);
        return Exit::Error;
    }
    let (name, digest) = (file.display().to_string(), crate::report::plan::digest(plan));
    printer.plan(plan, Fate::Saved { file: &name, digest: &digest });
    Exit::Done
}

/// The exit code of a plan that was shown.
pub fn exit_of(plan: &Plan, detailed: bool) -> Exit {
    if plan.is_broken() {
        Exit::Broken
    } else if detailed && plan.has_changes() {
        Exit::Pending
    } else if plan.is_alarmed() {
        Exit::Margin
    } else {
        Exit::Done
    }
}

/// The exit code of a plan that could not be made.
pub fn failure_exit(failure: &Failure) -> Exit {
    match failure {
        Failure::Problems(_) => Exit::Error,
        Failure::Refused { .. } => Exit::Broken,
    }
}

/// Says why there is no plan.
pub fn report_failure(failure: &Failure, project: &Project, scene: &Scene, printer: &Printer) {
    match failure {
        Failure::Problems(problems) => {
            let mut all = problems.clone();
            all.extend(super::validate::beyond(project, &scene.providers, problems));
            printer.diagnostics(&all, &project.sources);
        }
        Failure::Refused { rules, refusal, problems, .. } => {
            printer.diagnostics(problems, &project.sources);
            let names = Names { topology: &scene.topology, workload: rules };
            let spans = |site| project.spec.span(site).cloned();
            printer.diagnostics(&[refusal::diagnostic(refusal, names, &spans, printer.style().lang)], &project.sources);
        }
    }
}

/// Rules that cannot hold even with everything healthy, underlined, with the ways out.
pub fn report_breaches(plan: &Plan, project: &Project, printer: &Printer) {
    let mut found = Vec::new();
    for (_, workload) in &plan.workloads {
        let names = Names { topology: &plan.topology, workload: &workload.rules };
        let spans = |site| project.spec.span(site).cloned();
        found
            .extend(workload.decision.breaches.iter().map(|b| refusal::breach(b, names, &spans, printer.style().lang)));
    }
    if plan.breaks_a_promise() {
        let spans = |site| project.spec.span(site).cloned();
        found.extend(crate::report::promises::broken(&plan.survival, &spans, printer.style().lang));
    }
    printer.diagnostics(&found, &project.sources);
}

/// The second evaluator's word: false, and said so, when it finds a fault.
pub fn is_sound(plan: &Plan, project: &Project, printer: &Printer) -> bool {
    let _span = super::trace::span("audit");
    let findings = crate::audit::audit(plan);
    if findings.is_empty() {
        return true;
    }
    printer.error("the plan does not pass straddle's own audit; this is a fault of straddle, please report it. Nothing was changed.");
    printer.diagnostics(&crate::audit::diagnostics(&findings), &project.sources);
    false
}
