//! `state` and `force-unlock`: looking at what is remembered, and repairing it. Every change is a run of its own in the journal.

use super::Exit;
use super::apply;
use super::args::{ForceUnlockArgs, LockArgs, StateCommand};
use super::print::Printer;
use super::show;
use super::versions;
use super::workspace;
use crate::diag::{Diagnostic, Sources};
use crate::state::edit;
use crate::state::v4::{self, Force};
use crate::state::{self, Entry, LockRequest, Object, ObjectId, RunBegin, RunEnd, RunOutcome, Source, State, now};
use std::io::Read as _;
use std::path::Path;

/// The largest state taken by `push`, in bytes.
const MAX_PUSH: u64 = 1 << 30;

pub async fn run(command: StateCommand, printer: &Printer) -> Exit {
    let result = match command {
        StateCommand::List { addresses, id, state } => list(&addresses, id.as_deref(), state.as_deref(), printer),
        StateCommand::Show { address, state } => one(&address, state.as_deref(), printer).await,
        StateCommand::Mv { from, to, dry_run: true, .. } => rehearse(printer, |state| {
            edit::move_objects(state, &from, &to).map_err(|e| vec![e.into()])?;
            Ok(format!("Would move {from:?} to {to:?}"))
        }),
        StateCommand::Mv { from, to, lock, .. } => change(&lock, "state mv", printer, |state| {
            let entries = edit::move_objects(state, &from, &to).map_err(|e| vec![e.into()])?;
            // As for Terraform, what was named is one, whatever moves with it.
            let said = format!("Move {from:?} to {to:?}\nSuccessfully moved 1 object(s).");
            Ok((entries, said))
        }),
        StateCommand::Rm { addresses, dry_run: true, .. } => rehearse(printer, |state| {
            let entries = edit::remove(state, &addresses)
                .map_err(|all| all.into_iter().map(Diagnostic::from).collect::<Vec<_>>())?;
            let would = |entry: &Entry| match entry {
                Entry::Known { id, .. } => Some(format!("Would remove {id}")),
                _ => None,
            };
            let lines: Vec<String> = entries.iter().filter_map(would).collect();
            Ok(if lines.is_empty() { "Would have removed nothing.".into() } else { lines.join("\n") })
        }),
        StateCommand::Rm { addresses, lock, .. } => change(&lock, "state rm", printer, |state| {
            let entries = edit::remove(state, &addresses)
                .map_err(|all| all.into_iter().map(Diagnostic::from).collect::<Vec<_>>())?;
            let mut said = String::new();
            let mut removed = 0;
            for entry in &entries {
                match entry {
                    Entry::Known { id, .. } => {
                        removed += 1;
                        said.push_str(&format!("Removed {id}\n"));
                    }
                    Entry::End(end) => {
                        let Some(open) = state.open.get(end.action) else { continue };
                        let id = &open.begin.object;
                        said.push_str(&format!("{id}: its last action was in doubt, and is given up"));
                        if state.objects.contains_key(id) {
                            said.push('\n');
                            continue;
                        }
                        removed += 1;
                        said.push_str(": if it was made all the same, it lives on and nobody manages it\n");
                    }
                    _ => {}
                }
            }
            said.push_str(&format!("Successfully removed {removed} resource instance(s)."));
            Ok((entries, said))
        }),
        StateCommand::ReplaceProvider { from, to, auto_approve, lock } => {
            replace_provider(&from, &to, auto_approve, &lock, printer)
        }
        StateCommand::Pull => pull(printer),
        StateCommand::Push { file, force, lock } => push(&file, force, &lock, printer),
        StateCommand::History { json } => versions::history(json, printer),
        StateCommand::Restore { serial, auto_approve, lock } => versions::restore(serial, auto_approve, &lock, printer),
        StateCommand::Migrate { from, to, lock } => versions::migrate(from.as_deref(), to.as_deref(), &lock, printer),
    };
    match result {
        Ok(()) => Exit::Done,
        Err(Trouble::Problems(problems)) => {
            printer.diagnostics(&problems, &Sources::default());
            Exit::Error
        }
        Err(Trouble::Said(exit)) => exit,
    }
}

/// Why a command did not do what it should.
pub enum Trouble {
    Problems(Vec<Diagnostic>),
    /// Told already.
    Said(Exit),
}

impl<E: Into<Diagnostic>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Problems(vec![error.into()])
    }
}

/// Says what would be done, and does nothing.
fn rehearse(printer: &Printer, would: impl FnOnce(&State) -> Result<String, Vec<Diagnostic>>) -> Result<(), Trouble> {
    let said = would(&existing()?).map_err(Trouble::Problems)?;
    printer.out(&said);
    Ok(())
}

/// Prints the state in Terraform's format. As in Terraform, where there is none there is nothing to print.
fn pull(printer: &Printer) -> Result<(), Trouble> {
    let loaded = super::home::load().map_err(|problem| *problem)?;
    if loaded.source != Source::Nothing {
        printer.out(&v4::write(&loaded.state));
    }
    Ok(())
}

/// The state of this directory; that there is none is an error.
fn existing() -> Result<State, Trouble> {
    let loaded = super::home::load().map_err(|problem| *problem)?;
    if loaded.source == Source::Nothing {
        let problem = Diagnostic::error("No state file was found", "Nothing has been applied in this directory yet.");
        return Err(problem.help("Name the directory with -chdir=DIR.").into());
    }
    Ok(loaded.state)
}

/// The state in a file of Terraform's format, or else that of this directory.
fn named(file: Option<&Path>) -> Result<State, Trouble> {
    match file {
        None => existing(),
        some => workspace::state_in(some).map_err(|problem| Trouble::from(*problem)),
    }
}

/// Whether an object has an id.
fn has_id(object: &Object, id: &str) -> bool {
    let attributes: Result<serde_json::Value, _> = serde_json::from_str(object.attributes.as_str());
    attributes.is_ok_and(|attributes| attributes["id"] == id)
}

fn list(addresses: &[String], wanted: Option<&str>, file: Option<&Path>, printer: &Printer) -> Result<(), Trouble> {
    let state = named(file)?;
    let found = edit::list(&state, addresses)
        .map_err(|all| Trouble::Problems(all.into_iter().map(Diagnostic::from).collect()))?;
    let mut out = String::new();
    let is_wanted = |id: &ObjectId| wanted.is_none_or(|text| state.objects.get(id).is_some_and(|o| has_id(o, text)));
    for id in found.into_iter().filter(|id| is_wanted(id)) {
        out.push_str(&format!("{id}\n"));
    }
    printer.out(&out);
    Ok(())
}

async fn one(address: &str, file: Option<&Path>, printer: &Printer) -> Result<(), Trouble> {
    let state = named(file)?;
    let found = edit::show(&state, address)?;
    let providers = show::schemas(&state).await;
    for (id, object) in found {
        printer.out(&show::object_text(id, object, &providers).map_err(|problem| *problem)?);
    }
    Ok(())
}

/// Changes the state under its lock, as a run of its own.
///
/// # Errors
/// What is wrong with the edit, or with the state.
pub fn change(
    lock: &LockArgs,
    operation: &str,
    printer: &Printer,
    edit: impl FnOnce(&State) -> Result<(Vec<Entry>, String), Vec<Diagnostic>>,
) -> Result<(), Trouble> {
    // A directory without a state gets none by an edit that cannot succeed.
    existing()?;
    edited(lock, operation, printer, edit)
}

pub fn edited(
    lock: &LockArgs,
    operation: &str,
    printer: &Printer,
    edit: impl FnOnce(&State) -> Result<(Vec<Entry>, String), Vec<Diagnostic>>,
) -> Result<(), Trouble> {
    let store = apply::open(lock, operation, printer).map_err(Trouble::Said)?;
    let (entries, said) = match edit(&store.state()) {
        Ok(done) => done,
        Err(problems) => {
            store.close()?;
            return Err(Trouble::Problems(problems));
        }
    };
    if !entries.is_empty() {
        let request = LockRequest::here(operation);
        let begin =
            RunBegin { who: format!("{}@{}", request.who, request.host), command: operation.into(), plan: None };
        let end = Entry::RunEnd(RunEnd { outcome: RunOutcome::Done });
        store.record(now(), [Entry::RunBegin(begin)].into_iter().chain(entries).chain([end]))?;
    }
    store.close()?;
    printer.out(&said);
    Ok(())
}

/// Hands objects to another provider, when somebody wants it.
fn replace_provider(from: &str, to: &str, approved: bool, lock: &LockArgs, printer: &Printer) -> Result<(), Trouble> {
    let entries = edit::replace_provider(&existing()?, from, to)?;
    let mut said = format!("{} of {from} go to {to}:\n", entries.len());
    for entry in &entries {
        if let Entry::Known { id, .. } = entry {
            said.push_str(&format!("  {id}\n"));
        }
    }
    printer.out(&said);
    if !approved && !apply::approved(printer) {
        printer.error("not approved; nothing was changed");
        return Err(Trouble::Said(Exit::Error));
    }
    change(lock, "state replace-provider", printer, |state| {
        let entries = edit::replace_provider(state, from, to).map_err(|e| vec![e.into()])?;
        let said = format!("Successfully replaced provider for {} resources.", entries.len());
        Ok((entries, said))
    })
}

/// Takes over a state that was read, as `push` does.
///
/// # Errors
/// What to say.
pub fn take_over(pushed: State, lock: &LockArgs, printer: &Printer) -> Result<(), Box<Diagnostic>> {
    let done = edited(lock, "workspace new", printer, |here| {
        let entry = v4::push(here, pushed, Force::No).map_err(|e| vec![e.into()])?;
        Ok((entry.into_iter().collect(), String::new()))
    });
    done.map_err(|trouble| match trouble {
        Trouble::Problems(mut problems) if !problems.is_empty() => Box::new(problems.remove(0)),
        _ => Box::new(Diagnostic::error("State not taken over", "The new workspace is empty.")),
    })
}

fn push(file: &Path, force: bool, lock: &LockArgs, printer: &Printer) -> Result<(), Trouble> {
    let unreadable = |e: std::io::Error| {
        Trouble::from(Diagnostic::error("State was not pushed", format!("{} cannot be read: {e}.", file.display())))
    };
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_PUSH + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(MAX_PUSH + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() as u64 > MAX_PUSH {
        return Err(
            Diagnostic::error("State was not pushed", "The file is larger than any state that is taken.").into()
        );
    }
    let pushed = v4::read(file, &bytes)?;
    let force = if force { Force::Yes } else { Force::No };
    edited(lock, "state push", printer, |here| {
        let entry = v4::push(here, pushed, force).map_err(|e| vec![e.into()])?;
        let said = if entry.is_some() { "The state was replaced." } else { "The state is the same already." };
        Ok((entry.into_iter().collect(), said.to_string()))
    })
}

/// `force-unlock`.
pub fn force_unlock(args: &ForceUnlockArgs, printer: &Printer) -> Exit {
    if !args.force && !apply::approved(printer) {
        printer.error("not approved; the lock is as it was");
        return Exit::Error;
    }
    let place = match super::home::place() {
        Ok(place) => place,
        Err(problem) => {
            printer.diagnostics(&[*problem], &Sources::default());
            return Exit::Error;
        }
    };
    match state::force_unlock(&place, &args.id) {
        Ok(unlocked) => {
            let h = &unlocked.holder;
            printer.out(&format!("The lock of {}@{} ({}) was taken away.", h.who, h.host, h.operation));
            if unlocked.alive {
                printer
                    .error("who had it is still running: its call under way cannot be called back and stays in doubt");
            }
            Exit::Done
        }
        Err(error) => {
            printer.diagnostics(&[error.into()], &Sources::default());
            Exit::Error
        }
    }
}
