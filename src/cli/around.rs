//! What a command finds around it: what the process was given or, where the tool runs inside another program, what that lays out.

use super::args::VarArgs;
use super::home;
use super::session::Project;
use super::workspace;
use crate::diag::Diagnostic;
use crate::plugin::reattach::Running;
use crate::state::{self, Holder, Loaded, LockRequest, Place, StateError, Store, WriteHook};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Surroundings laid out by another program.
#[derive(Clone)]
pub struct Inside {
    /// The directory of the configuration and of its state.
    pub directory: PathBuf,
    /// Providers that run already.
    pub running: Running,
    /// Called wherever the state is written, which happens on the thread that waits for it.
    pub hook: WriteHook,
    /// Where everything goes that would be printed.
    pub printed: Arc<Mutex<String>>,
}

/// The surroundings of a command.
#[derive(Clone)]
pub enum Around {
    /// Those of the process: the current directory, a terminal, a thread that writes the state.
    Process,
    /// Those of another program.
    Inside(Inside),
}

impl Around {
    /// Reads the configuration.
    pub fn read(&self, vars: &VarArgs) -> Project {
        match self {
            Around::Process => Project::read(vars),
            Around::Inside(inside) => {
                let mut project = Project::read_dir(&inside.directory, vars);
                project.running = inside.running.clone();
                project
            }
        }
    }

    /// Where its state is.
    pub fn place(&self) -> Result<Place, Box<Diagnostic>> {
        match self {
            Around::Process => home::place(),
            Around::Inside(inside) => home::place_in(&inside.directory, &workspace::current()),
        }
    }

    /// The state, read.
    pub fn load(&self) -> Result<Loaded, Box<Diagnostic>> {
        match self {
            Around::Process => home::load(),
            Around::Inside(_) => state::load(self.place()?).map_err(|e| Box::new(e.into())),
        }
    }

    /// A state, open for writing.
    pub fn store(
        &self,
        place: &Place,
        request: &LockRequest,
        on_wait: &mut (dyn FnMut(Option<&Holder>) + Send),
    ) -> Result<Store, StateError> {
        match self {
            Around::Process => Store::open_write_with(place, request, on_wait, Arc::new(|_| {})),
            Around::Inside(inside) => Store::open_write_here(place, request, on_wait, inside.hook.clone()),
        }
    }
}
