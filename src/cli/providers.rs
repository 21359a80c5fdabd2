//! `providers`: which providers a directory needs, where they come from, what they offer.

use super::Exit;
use super::args::{ProvidersArgs, ProvidersCommand, VarArgs};
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::providers::{BUILT_IN, Providers};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub async fn run(args: ProvidersArgs, printer: &Printer) -> Exit {
    match args.command {
        None => tree(printer),
        Some(ProvidersCommand::Lock { providers, platform, fs_mirror, net_mirror }) => {
            super::init::lock(&providers, platform, fs_mirror, net_mirror, printer)
        }
        Some(ProvidersCommand::Mirror { dir, platform }) => super::init::mirror(&dir, platform, printer),
        Some(ProvidersCommand::Schema { .. }) => schema(printer).await,
        Some(ProvidersCommand::Export { name, dir }) => match export(&name, &dir) {
            Ok(path) => {
                printer.out(&format!("{path}: name its directory in dev_overrides of a Terraform CLI configuration."));
                Exit::Done
            }
            Err(problem) => {
                printer.diagnostics(&[*problem], &Default::default());
                Exit::Error
            }
        },
    }
}

/// The project, told of where it cannot be read; values of variables do not matter here.
pub(super) fn project(printer: &Printer) -> Result<Project, Exit> {
    let mut project = Project::read(&VarArgs::default());
    project.problems.retain(|p| p.summary != "No value for required variable");
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Err(Exit::Error);
    }
    Ok(project)
}

/// Sources by who needs them.
pub(super) fn needed(project: &Project) -> Result<BTreeMap<String, BTreeSet<&'static str>>, Box<Diagnostic>> {
    let tree = project.tree();
    let providers = Providers::of(&tree);
    let mut all: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    // What is required is needed, whether anything uses it or not.
    let required = providers.names().map(|(_, source)| source.to_string());
    for source in providers.needed(&tree, &project.spec).into_iter().chain(required) {
        all.entry(source).or_default().insert("the spec");
    }
    let state = super::home::load()?.state;
    for object in state.objects.values() {
        all.entry(object.provider.source.to_string()).or_default().insert("the state");
    }
    Ok(all)
}

/// What every module asks for, and what the state does.
fn tree(printer: &Printer) -> Exit {
    let project = match project(printer) {
        Ok(project) => project,
        Err(exit) => return exit,
    };
    let state = match super::home::load() {
        Ok(loaded) => loaded.state,
        Err(error) => {
            printer.diagnostics(&[*error], &Default::default());
            return Exit::Error;
        }
    };
    let sources = state.objects.values().map(|o| o.provider.source.to_string()).collect();
    printer.out(&crate::report::provider_tree::text(&project.config, &sources));
    Exit::Done
}

/// This program under the name that makes it the provider: a link where the file system can, else a copy.
fn export(name: &str, dir: &Path) -> Result<String, Box<Diagnostic>> {
    if !BUILT_IN.iter().any(|(local, _)| *local == name) {
        let known: Vec<&str> = BUILT_IN.iter().map(|(local, _)| *local).collect();
        let detail = format!("There is no built-in provider \"{name}\".");
        let problem = Diagnostic::error("Provider not exported", detail);
        return Err(Box::new(problem.help(format!("There is: {}", known.join(", ")))));
    }
    let failed =
        |e: std::io::Error| Box::new(Diagnostic::error("Provider not exported", format!("{}: {e}.", dir.display())));
    let program = std::env::current_exe().map_err(failed)?;
    std::fs::create_dir_all(dir).map_err(failed)?;
    let path = dir.join(format!("terraform-provider-{name}"));
    if path.exists() {
        std::fs::remove_file(&path).map_err(failed)?;
    }
    if std::fs::hard_link(&program, &path).is_err() {
        std::fs::copy(&program, &path).map_err(failed)?;
    }
    Ok(path.display().to_string())
}

async fn schema(printer: &Printer) -> Exit {
    let project = match project(printer) {
        Ok(project) => project,
        Err(exit) => return exit,
    };
    let mut providers = Providers::of(&project.tree());
    let sources: BTreeSet<String> = match needed(&project) {
        Ok(all) => all.into_keys().collect(),
        Err(problem) => {
            printer.diagnostics(&[*problem], &Default::default());
            return Exit::Error;
        }
    };
    let mut fleet = match project.fleet(1) {
        Ok(fleet) => fleet,
        Err(error) => {
            printer.error(&format!("providers cannot be started: {error}"));
            return Exit::Error;
        }
    };
    let problems = fleet.schemas(&sources, &mut providers).await;
    fleet.shutdown().await;
    printer.out(&crate::report::provider_schemas::json_text(&providers.schemas));
    printer.diagnostics(&problems, &Default::default());
    if problems.iter().any(Diagnostic::is_error) { Exit::Error } else { Exit::Done }
}
