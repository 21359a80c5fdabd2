//! Where runbooks are kept: directories, and whatever a command reaches.

use super::Header;
use super::file;
use crate::spec::runbooks::{Place, Way};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What runbooks' names end with.
pub const ENDING: &str = "runbook";

/// Why a place does not keep a runbook.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlaceError {
    /// It cannot be written or read.
    #[error("{0}: {1}")]
    Io(String, String),
    /// It holds a newer one of the same state.
    #[error("{0} holds a runbook of state serial {1}, and this one is of {2}: somebody has built a newer one")]
    Newer(String, u64, u64),
    /// A command failed.
    #[error("`{0}` ended with {1}")]
    Command(String, String),
    /// It can only be written.
    #[error("store \"{0}\" has no \"get\": what it keeps cannot be looked at")]
    WriteOnly(String),
}

/// The name of a runbook's file.
pub fn file_name(name: &str) -> String {
    format!("{name}.{ENDING}")
}

/// Puts a runbook into a place: whole or not at all, and never over a newer one.
///
/// # Errors
/// [`PlaceError`].
pub fn put(place: &Place, header: &Header, bytes: &[u8]) -> Result<String, PlaceError> {
    let name = file_name(&header.name);
    match &place.way {
        Way::Directory(path) => {
            let directory = Path::new(path);
            let io = |e: std::io::Error| PlaceError::Io(directory.display().to_string(), e.to_string());
            std::fs::create_dir_all(directory).map_err(io)?;
            let path = directory.join(&name);
            if let Ok(before) = file::load(&path)
                && let Ok((before, _)) = file::read(&before)
                && before.lineage == header.lineage
                && before.serial > header.serial
            {
                return Err(PlaceError::Newer(path.display().to_string(), before.serial, header.serial));
            }
            let mut whole = tempfile::NamedTempFile::new_in(directory).map_err(io)?;
            whole.write_all(bytes).map_err(io)?;
            whole.as_file().sync_all().map_err(io)?;
            whole.persist(&path).map_err(|e| io(e.error))?;
            Ok(path.display().to_string())
        }
        Way::Command { put, .. } => {
            let scratch = |e: std::io::Error| PlaceError::Io(place.name.to_string(), e.to_string());
            let mut whole = tempfile::NamedTempFile::new().map_err(scratch)?;
            whole.write_all(bytes).map_err(scratch)?;
            run(put, &name, whole.path())?;
            Ok(format!("{} ({})", place.name, name))
        }
    }
}

/// Brings a runbook back.
///
/// # Errors
/// [`PlaceError`]; it may also just not be there.
pub fn get(place: &Place, name: &str) -> Result<Vec<u8>, PlaceError> {
    let name = file_name(name);
    match &place.way {
        Way::Directory(path) => {
            let path = Path::new(path).join(name);
            file::load(&path).map_err(|e| PlaceError::Io(path.display().to_string(), e.to_string()))
        }
        Way::Command { get, .. } if get.is_empty() => Err(PlaceError::WriteOnly(place.name.to_string())),
        Way::Command { get, .. } => {
            let scratch = |e: std::io::Error| PlaceError::Io(place.name.to_string(), e.to_string());
            let whole = tempfile::NamedTempFile::new().map_err(scratch)?;
            run(get, &name, whole.path())?;
            file::load(whole.path()).map_err(|e| PlaceError::Io(place.name.to_string(), e.to_string()))
        }
    }
}

/// The path of a runbook in a place that is a directory.
pub fn path(place: &Place, name: &str) -> Option<PathBuf> {
    match &place.way {
        Way::Directory(path) => Some(Path::new(path).join(file_name(name))),
        Way::Command { .. } => None,
    }
}

fn run(words: &[String], name: &str, path: &Path) -> Result<(), PlaceError> {
    let filled: Vec<String> =
        words.iter().map(|w| w.replace("{name}", name).replace("{file}", &path.display().to_string())).collect();
    let shown = words.join(" ");
    let Some((program, arguments)) = filled.split_first() else {
        return Err(PlaceError::Command(shown, "no program".into()));
    };
    let ended = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(PlaceError::Command(shown, status.to_string())),
        Err(error) => Err(PlaceError::Command(shown, error.to_string())),
    }
}
