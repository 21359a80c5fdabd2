//! What every command that changes anything begins with: actions a run before left open are asked about.

use super::Exit;
use super::planning::Apart;
use super::print::Printer;
use super::session::Project;
use crate::apply::recover;
use crate::diag::Diagnostic;
use crate::plan::providers::Providers;
use crate::state::Store;

/// Asks the providers of all open actions. What nobody can tell stays in doubt and is said.
///
/// # Errors
/// The journal cannot be written, or no provider can be started at all.
pub async fn recover(project: &Project, store: &Store, parallelism: usize, printer: &Printer) -> Result<(), Exit> {
    recover_apart(project, store, &Apart::default(), parallelism, printer).await
}

/// As [`recover`], with something left alone: an action inside a loss stays in doubt.
///
/// # Errors
/// As [`recover`].
pub async fn recover_apart(
    project: &Project,
    store: &Store,
    apart: &Apart,
    parallelism: usize,
    printer: &Printer,
) -> Result<(), Exit> {
    let open = store.open_actions();
    if open.is_empty() {
        return Ok(());
    }
    let mut providers = Providers::of(&project.tree());
    let mut fleet = match project.fleet(parallelism) {
        Ok(fleet) => fleet,
        Err(error) => {
            printer.error(&format!("providers cannot be started: {error}"));
            return Err(Exit::Error);
        }
    };
    fleet.redirect(apart.stores.clone());
    let gone = crate::fleet::only_for(&project.tree(), &project.spec, &providers, &apart.lost);
    let wanted = open.iter().map(|o| o.begin.provider.clone()).filter(|p| !gone.contains(p)).collect();
    let sources = open.iter().map(|o| o.begin.provider.source.to_string()).collect();
    let mut problems = fleet.schemas(&sources, &mut providers).await;
    fleet.configure(&wanted, &providers, &project.env(), &mut problems).await;
    let resolved = recover::recover(store, &fleet, &providers).await;
    fleet.shutdown().await;
    printer.diagnostics(&problems, &project.sources);
    match resolved {
        Ok(resolved) => {
            for one in &resolved {
                printer.error(&one.words());
            }
            Ok(())
        }
        Err(error) => {
            printer.diagnostics(&[Diagnostic::from(error)], &project.sources);
            Err(Exit::Error)
        }
    }
}
