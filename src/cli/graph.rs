//! `graph`: what depends on what, as a drawing.

use super::Exit;
use super::args::{GraphArgs, GraphFormat, GraphType, VarArgs};
use super::print::Printer;
use super::session::Project;
use crate::diag::Sources;
use crate::plan::outline::Outline;
use crate::report::graph;
use std::path::Path;

pub fn run(args: &GraphArgs, printer: &Printer) -> Exit {
    let mut project = match &args.plan {
        None => Project::read(&VarArgs::default()),
        Some(path) => match super::saved::open(path, None) {
            Ok(plan) => Project::of_texts(Path::new("."), &plan.sources, plan.variables.clone()),
            Err(problem) => {
                printer.diagnostics(&[*problem], &Sources::default());
                return Exit::Error;
            }
        },
    };
    // A drawing needs no values.
    project.problems.retain(|p| p.summary != "No value for required variable");
    printer.diagnostics(&project.problems, &project.sources);
    if project.has_errors() {
        return Exit::Error;
    }
    let all = Outline::of(&project.config, &project.spec);
    printer.bare(&match (args.format, args.kind) {
        (GraphFormat::Mermaid, _) => graph::mermaid(&all.resources().reduced()),
        (GraphFormat::Dot, None) => graph::dot(&all.resources().reduced()),
        (GraphFormat::Dot, Some(GraphType::Plan | GraphType::PlanRefreshOnly)) => graph::dot_of_plan(&all.reduced()),
    });
    Exit::Done
}
