//! `plan`.

use super::Exit;
use super::args::PlanArgs;
use super::planning;
use super::print::Printer;
use super::session::Project;
use crate::plan::make::Failure;
use crate::plan::model::{Kind, Plan};
use std::path::Path;

pub async fn run(args: PlanArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.planning.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let loaded = match crate::state::load(Path::new(".")) {
        Ok(loaded) => loaded,
        Err(error) => {
            printer.diagnostics(&[error.into()], &project.sources);
            return Exit::Error;
        }
    };
    let scene = match planning::look(&project, &loaded.state, args.planning.refresh, args.planning.parallelism).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let kind =
        if args.lose.is_empty() { planning::kind(&args.planning) } else { Kind::Failover { lost: args.lose.clone() } };
    let made = planning::make(&project, &scene, kind, &args.planning);
    let exit = match &made {
        Ok(plan) => {
            printer.diagnostics(&plan.warnings, &project.sources);
            printer.out(&brief(plan));
            exit_of(plan, args.detailed_exitcode)
        }
        Err(failure) => {
            report_failure(failure, &project, printer);
            failure_exit(failure)
        }
    };
    scene.fleet.shutdown().await;
    exit
}

/// The exit code of a plan that was shown.
pub fn exit_of(plan: &Plan, detailed: bool) -> Exit {
    if plan.is_broken() {
        Exit::Broken
    } else if detailed && plan.has_changes() {
        Exit::Pending
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
pub fn report_failure(failure: &Failure, project: &Project, printer: &Printer) {
    match failure {
        Failure::Problems(problems) => printer.diagnostics(problems, &project.sources),
        Failure::Refused { workload, refusal, problems } => {
            printer.diagnostics(problems, &project.sources);
            printer.error(&format!("{workload}: {refusal}"));
        }
    }
}

pub fn brief(plan: &Plan) -> String {
    let mut out = String::new();
    for c in plan.changes.iter().filter(|c| c.action != crate::plan::model::Action::NoOp) {
        out.push_str(&format!("{:?} {}\n", c.action, c.address));
    }
    for (name, w) in &plan.workloads {
        out.push_str(&format!("workload {name}: before {:?} after {:?}\n", w.decision.before, w.decision.after));
        for s in &w.decision.steps {
            out.push_str(&format!(
                "  step {} adds {} removes {} state {:?}\n",
                s.index,
                s.adds.len(),
                s.removes.len(),
                s.state
            ));
        }
    }
    let (a, c, r) = plan.counts();
    out.push_str(&format!("Plan: {a} to add, {c} to change, {r} to remove.\n"));
    out
}
