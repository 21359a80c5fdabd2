//! What is not pure and comes in from outside: files, the clock, chance.

use super::FunctionError;
use crate::diag::Sources;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use straddle_sdk::schema::{Function, FunctionProblem};
use straddle_sdk::value::Value;

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A device.
    Device,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// Anything else.
    Other,
}

/// The files functions may read. Symbolic links are followed everywhere.
pub trait Files {
    /// The contents of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What is there; `None` if there is nothing.
    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>>;

    /// The names in a directory and what each is, sorted by name.
    fn list(&self, directory: &Path) -> io::Result<Vec<(String, EntryKind)>>;

    /// What `~` stands for.
    fn home(&self) -> Option<PathBuf>;
}

/// Where chance comes from.
pub trait Random {
    /// Sixteen fresh random bytes.
    fn bytes(&self) -> io::Result<[u8; 16]>;
}

/// Renders a template for `templatefile` and `templatestring`: name of the source (a path, or the reference's text), its text,
/// and the variables, a map or an object.
pub type TemplateRenderer<'a> = &'a dyn Fn(&str, &str, &Value) -> Result<Value, FunctionError>;

/// Functions that providers offer, by the provider's name in the module and their own.
pub trait ProviderFunctions {
    /// Whether there is a provider of that name.
    fn knows(&self, provider: &str) -> bool;

    /// What a function takes and gives.
    fn find(&self, provider: &str, name: &str) -> Option<Function>;

    /// Calls it. The arguments are as its parameters want them, without marks.
    ///
    /// # Errors
    /// It does not accept the arguments, or could not be asked.
    fn call(&self, provider: &str, name: &str, args: &[Value]) -> Result<Value, FunctionProblem>;
}

/// What a call may use beside its arguments.
#[derive(Clone, Copy)]
pub struct FunctionContext<'a> {
    /// Relative paths start here. Absolute.
    pub base_directory: &'a Path,
    /// The files.
    pub files: &'a dyn Files,
    /// The time `timestamp()` gives; `None` while planning: the result is not known yet.
    pub now: Option<Timestamp>,
    /// The time `plantimestamp()` gives; `None` if no plan is being made.
    pub plan_time: Option<Timestamp>,
    /// The chance of `uuid()` and `bcrypt()`; `None` while planning: the result is not known yet.
    pub random: Option<&'a dyn Random>,
    /// Functions of providers; `None`: there are none here.
    pub providers: Option<&'a dyn ProviderFunctions>,
    /// The evaluator's template renderer; without one templates are refused.
    pub templates: Option<TemplateRenderer<'a>>,
    /// The texts that expressions are from, for messages that tell of other messages; `None`: they tell no places.
    pub sources: Option<&'a Sources>,
}
