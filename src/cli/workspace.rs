//! `workspace`, and where the state of the selected one is: the default one's in the directory itself, that of another below
//! `terraform.tfstate.d`, as Terraform has it.

use super::Exit;
use super::apply;
use super::args::{LockArgs, WorkspaceCommand};
use super::print::Printer;
use crate::diag::{Diagnostic, Sources};
use crate::state::{self, Local, Place, State, StateError, v4};
use std::path::{Path, PathBuf};

/// The workspace there always is.
pub const DEFAULT: &str = "default";
/// Where the states of the others are.
const STATES: &str = "terraform.tfstate.d";
/// The file of the data directory that holds the name of the selected one.
const SELECTED: &str = "environment";
/// The variable that selects one whatever the file says.
const VARIABLE: &str = "TF_WORKSPACE";

/// The selected workspace.
pub fn current() -> String {
    overridden().unwrap_or_else(|| {
        let kept = std::fs::read_to_string(data_dir().join(SELECTED)).unwrap_or_default();
        let kept = kept.trim();
        if is_valid(kept) { kept.to_owned() } else { DEFAULT.to_owned() }
    })
}

/// The state in a file of Terraform's format, version 4; without one that of the selected workspace.
///
/// # Errors
/// It cannot be read, or is something else.
pub fn state_in(file: Option<&Path>) -> Result<State, Box<Diagnostic>> {
    let Some(path) = file else { return Ok(super::home::load()?.state) };
    let read = || {
        let bytes = std::fs::read(path).map_err(|error| StateError::io(path, "read", &error))?;
        v4::read(path, &bytes)
    };
    read().map_err(|error| Box::new(error.into()))
}

/// Refuses a name in the environment that is none.
///
/// # Errors
/// What to say.
pub fn check() -> Result<(), Box<Diagnostic>> {
    match overridden() {
        Some(name) if !is_valid(&name) => Err(Box::new(bad_name(&name))),
        _ => Ok(()),
    }
}

fn overridden() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())
}

/// Where what `init` brings is kept.
pub fn data_dir() -> PathBuf {
    std::env::var_os("TF_DATA_DIR").filter(|v| !v.is_empty()).map_or_else(|| PathBuf::from(".terraform"), PathBuf::from)
}

/// Where below a directory the state of a workspace is.
pub fn below(name: &str) -> PathBuf {
    if name == DEFAULT { PathBuf::from(".") } else { Path::new(STATES).join(name) }
}

/// What may stand in a URL without escapes, and is no path of its own.
fn is_valid(name: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~$&+:=@".contains(&b);
    !name.is_empty() && name.bytes().all(fine) && name != "." && name != ".."
}

fn bad_name(name: &str) -> Diagnostic {
    let detail = format!("The workspace name {name:?} is not allowed.");
    Diagnostic::error("Invalid workspace name", detail)
        .help("Use letters, digits and what may stand in a URL without escapes; no path separators.")
}

/// All there are: the default one, then the others by name.
fn all() -> Result<Vec<String>, Box<Diagnostic>> {
    let mut names: Vec<String> = match super::home::place()? {
        Place::Shared(place) => state::workspaces(&place).map_err(|e| Box::new(Diagnostic::from(e)))?,
        Place::Directory(_) => std::fs::read_dir(STATES)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect(),
    };
    names.retain(|name| is_valid(name) && name != DEFAULT);
    names.sort();
    names.insert(0, DEFAULT.to_owned());
    Ok(names)
}

/// Makes room for a workspace's state. On a server an empty one is begun, so that others see the workspace.
fn make(name: &str, lock: &LockArgs, printer: &Printer) -> Result<(), Box<Diagnostic>> {
    match super::home::place_of(name)? {
        Place::Directory(Local { path: dir, .. }) => {
            std::fs::create_dir_all(&dir).map_err(|e| failed(&format!("{} cannot be made", dir.display()), &e))
        }
        place @ Place::Shared(_) => {
            let store = apply::open_in(&place, lock, "workspace new", printer)
                .map_err(|_| Box::new(Diagnostic::error("Workspace not created", "Its state could not be begun.")))?;
            store.close().map_err(|e| Box::new(Diagnostic::from(e)))
        }
    }
}

type Done = Result<String, Box<Diagnostic>>;

pub fn run(command: WorkspaceCommand, printer: &Printer) -> Exit {
    let done = match command {
        WorkspaceCommand::List => list(),
        WorkspaceCommand::Show => Ok(current()),
        WorkspaceCommand::New { name, state, lock } => new(&name, state.as_deref(), &lock, printer),
        WorkspaceCommand::Select { name, or_create } => select(&name, or_create, printer),
        WorkspaceCommand::Delete { name, force, lock } => delete(&name, force, &lock, printer),
    };
    match done {
        Ok(said) => {
            printer.out(&said);
            Exit::Done
        }
        Err(problem) => {
            printer.diagnostics(&[*problem], &Sources::default());
            Exit::Error
        }
    }
}

fn list() -> Done {
    let current = current();
    let mut out = String::new();
    for name in all()? {
        out.push_str(&format!("{} {name}\n", if name == current { '*' } else { ' ' }));
    }
    out.push('\n');
    if overridden().is_some() {
        out.push_str(&format!(
            "The active workspace is being overridden using the {VARIABLE} environment\nvariable.\n"
        ));
    }
    Ok(out)
}

/// An error where the environment decides.
fn not_overridden(what: &str) -> Result<(), Box<Diagnostic>> {
    match overridden() {
        None => Ok(()),
        Some(name) => {
            let detail =
                format!("{VARIABLE} selects \"{name}\", whatever is selected here; {what} would have no effect.");
            let problem = Diagnostic::error("The workspace is overridden by the environment", detail);
            Err(Box::new(problem.help(format!("Unset {VARIABLE}, or set it to the workspace you want."))))
        }
    }
}

fn failed(what: &str, error: &std::io::Error) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("Workspace not changed", format!("{what}: {error}.")))
}

fn keep(name: &str) -> Result<(), Box<Diagnostic>> {
    let dir = data_dir();
    std::fs::create_dir_all(&dir)
        .and_then(|()| std::fs::write(dir.join(SELECTED), name))
        .map_err(|e| failed(&format!("{} cannot be written", dir.join(SELECTED).display()), &e))
}

fn new(name: &str, given: Option<&Path>, lock: &LockArgs, printer: &Printer) -> Done {
    if !is_valid(name) {
        return Err(Box::new(bad_name(name)));
    }
    not_overridden("a new one")?;
    if all()?.iter().any(|known| known == name) {
        let problem = Diagnostic::error("Workspace not created", format!("Workspace \"{name}\" already exists."));
        return Err(Box::new(problem.help(format!("straddle workspace select {name}"))));
    }
    let pushed = given.map(|file| {
        let bytes = std::fs::read(file).map_err(|e| failed(&format!("{} cannot be read", file.display()), &e))?;
        v4::read(file, &bytes).map_err(|e| Box::new(Diagnostic::from(e)))
    });
    let pushed = pushed.transpose()?;
    make(name, lock, printer)?;
    keep(name)?;
    if let Some(pushed) = pushed {
        super::state::take_over(pushed, lock, printer)?;
    }
    Ok(format!(
        "Created and switched to workspace \"{name}\"!\n\nYou're now on a workspace of its own: what was applied in another is not \
         seen from here."
    ))
}

fn select(name: &str, or_create: bool, printer: &Printer) -> Done {
    if !is_valid(name) {
        return Err(Box::new(bad_name(name)));
    }
    not_overridden("another choice")?;
    let known = all()?;
    if !known.iter().any(|k| k == name) {
        if !or_create {
            let near = crate::lang::suggest::nearest(name, known.iter().map(String::as_str));
            let mean = near.map_or(String::new(), |near| format!("Did you mean \"{near}\"? "));
            let problem = Diagnostic::error("Workspace not selected", format!("Workspace \"{name}\" doesn't exist."));
            return Err(Box::new(problem.help(format!(
                "{mean}Create it with \"straddle workspace new {name}\", or select it with -or-create."
            ))));
        }
        make(name, &LockArgs { lock_timeout: "0s".into(), lock: true }, printer)?;
    }
    keep(name)?;
    Ok(format!("Switched to workspace \"{name}\"."))
}

fn delete(name: &str, force: bool, lock: &LockArgs, printer: &Printer) -> Done {
    let refuse =
        |why: String, help: &str| Err(Box::new(Diagnostic::error("Workspace not deleted", why).help(help.to_owned())));
    if !is_valid(name) {
        return Err(Box::new(bad_name(name)));
    }
    if !all()?.iter().any(|known| known == name) {
        return refuse(format!("Workspace \"{name}\" doesn't exist."), "straddle workspace list");
    }
    if name == current() {
        return refuse(format!("Workspace \"{name}\" is your active workspace."), "Switch to another and try again.");
    }
    if name == DEFAULT {
        return refuse("The default workspace cannot be deleted.".into(), "Its state is the directory's own.");
    }
    let place = super::home::place_of(name)?;
    let loaded = state::load(&place).map_err(|e| Box::new(Diagnostic::from(e)))?;
    let count = loaded.state.objects.len();
    if count > 0 && !force {
        let listed: Vec<String> = loaded.state.objects.keys().take(5).map(|id| format!("  {id}")).collect();
        let more = if count > 5 { format!("\n  and {} more", count - 5) } else { String::new() };
        let why = format!("Workspace \"{name}\" still manages {count} objects:\n{}{more}", listed.join("\n"));
        return refuse(why, "Destroy them first, or say -force to leave them behind unmanaged.");
    }
    // Nobody may be writing it.
    let store = apply::open_in(&place, lock, "workspace delete", printer);
    let Ok(store) = store else {
        return refuse(format!("The state of \"{name}\" is locked."), "Try again when the run is over.");
    };
    store.close().map_err(|e| Box::new(Diagnostic::from(e)))?;
    match &place {
        Place::Directory(Local { path: dir, .. }) => {
            std::fs::remove_dir_all(dir).map_err(|e| failed(&format!("{} cannot be removed", dir.display()), &e))?;
        }
        Place::Shared(place) => state::remove(place).map_err(|e| Box::new(Diagnostic::from(e)))?,
    }
    let warning = if count > 0 { format!("\n{count} objects live on, unmanaged.") } else { String::new() };
    Ok(format!("Deleted workspace \"{name}\"!{warning}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_into_paths() {
        for good in ["a", "prod-1", "a.b", "x_y", "a@b"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "é", "a\\b", "%2f", "a\n"] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }
}
