//! What can be wrong with a state, each with a way out.

use super::fold::Illegal;
use super::lock::Holder;
use crate::diag::Diagnostic;
use std::io;
use std::path::{Path, PathBuf};

/// Why the state cannot be read or written. Whatever the reason, the file is as it was.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum StateError {
    /// Somebody else is writing. Exit code 6.
    #[error("{} is locked{}", path.display(), holder_text(holder))]
    Locked {
        /// The state.
        path: PathBuf,
        /// Who holds it; `None` when they had not said so yet.
        holder: Option<Box<Holder>>,
    },
    /// The lock was taken away while this program worked (`force-unlock`). Exit code 6.
    #[error("the lock on {} was taken away{}", path.display(), holder_text(holder))]
    LockLost {
        /// The state.
        path: PathBuf,
        /// Who has it now.
        holder: Option<Box<Holder>>,
    },
    /// `force-unlock` of a lock that is not there.
    #[error("{} is not locked", path.display())]
    NotLocked {
        /// The state.
        path: PathBuf,
    },
    /// `force-unlock` with another lock's id.
    #[error("the lock on {} has the id {actual}, not {given}", path.display())]
    OtherLock {
        /// The state.
        path: PathBuf,
        /// The id given.
        given: String,
        /// The id of the lock that is there.
        actual: String,
    },
    /// The directory or the file must not be written to.
    #[error("{} cannot be written to", path.display())]
    ReadOnly {
        /// What could not be written.
        path: PathBuf,
    },
    /// A file of some other program.
    #[error("{} is not a straddle state: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// Written by a newer straddle.
    #[error("{} has format {found}; this straddle knows formats up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The end of the file is missing.
    #[error("{} is cut off: {found} bytes, {expected} expected", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The length it says it has.
        expected: u64,
    },
    /// Its bytes are not those that were written.
    #[error("{} is damaged: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// No room left for what must be written.
    #[error("no room left to write {}", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}: {message}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// A verb: `read`, `lock`.
        doing: &'static str,
        /// In the system's words.
        message: String,
    },
    /// Another program works on the file without our lock.
    #[error("{} is in use by a program that is not straddle", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A Terraform state is here and no state of ours.
    #[error("{} belongs to Terraform", path.display())]
    Terraforms {
        /// The Terraform state.
        path: PathBuf,
    },
    /// The server a shared state is on does not answer, or not as it should.
    #[error("cannot reach the state {}: {why}", path.display())]
    Unreachable {
        /// The state.
        path: PathBuf,
        /// Why; no secret is in it.
        why: String,
    },
    /// A server that does not keep to the conditions everything rests on.
    #[error("no state can be kept at {}: {what}", path.display())]
    Unfit {
        /// The state.
        path: PathBuf,
        /// What it does.
        what: String,
    },
    /// Encrypted, and not to be opened with what is configured.
    #[error("the state {} cannot be opened: {what}", path.display())]
    Sealed {
        /// The state.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The place configured is empty, and the directory still has a state.
    #[error("there is no state at {} yet, but {} holds one", place.display(), path.display())]
    LeftBehind {
        /// The state in the directory.
        path: PathBuf,
        /// The place configured.
        place: PathBuf,
    },
    /// What was to be recorded cannot follow on what is recorded.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The state store was closed before.
    #[error("the state is closed")]
    Closed,
}

impl StateError {
    /// Somebody else has the lock: exit code 6.
    pub fn is_locked(&self) -> bool {
        matches!(self, StateError::Locked { .. } | StateError::LockLost { .. })
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            StateError::Locked { holder: Some(holder), .. } => format!(
                "wait for it (-lock-timeout=5m), or end process {} on {}; if it cannot be ended: straddle force-unlock {}",
                holder.pid, holder.host, holder.id
            ),
            StateError::Locked { holder: None, .. } => "try again in a moment, or wait with -lock-timeout=5m".into(),
            StateError::LockLost { .. } => {
                "what is under way will be resolved by the next run; plan again when the other is done".into()
            }
            StateError::NotLocked { .. } => "nothing needs to be done".into(),
            StateError::OtherLock { actual, .. } => {
                format!("if that one is meant: straddle force-unlock {actual}")
            }
            StateError::ReadOnly { .. } => {
                "give the user straddle runs as the right to write there; plan, drift, show and simulate work without it".into()
            }
            StateError::Foreign { .. } => "move the file away, or name another directory with -chdir".into(),
            StateError::Newer { .. } => "use the newer straddle that wrote it".into(),
            StateError::Truncated { .. } | StateError::Corrupt { .. } => {
                "nothing was changed. Put a backup of the file (and of its -wal file, if there is one) in its place; if there is none, \
                 move it away, push the last `state pull` you have kept, and let `straddle import` take over what was made since"
                    .into()
            }
            StateError::DiskFull { .. } => {
                "make room and run the command again: what is not recorded is asked of the provider, never made twice".into()
            }
            StateError::Io { .. } => "look at the file's rights and at the disk: it may be full, over its quota, or failing".into(),
            StateError::InUse { .. } => "end that program, then try again".into(),
            StateError::Terraforms { path } => format!(
                "to let straddle manage all of it from now on: straddle state push {}",
                path.file_name().map_or("terraform.tfstate".into(), |name| name.to_string_lossy())
            ),
            StateError::Unreachable { .. } => {
                "nothing was changed that is not in the journal. Look at the server, the network and the credentials, then run the \
                 command again: what was under way is asked of the provider, never made twice"
                    .into()
            }
            StateError::Unfit { .. } => {
                "use a server with conditional writes (PostgreSQL, Amazon S3, MinIO and others): without them two runs could \
                 overwrite each other's state"
                    .into()
            }
            StateError::Sealed { .. } => {
                "give the key it was written with in the `encryption` block (key_env, key_file or key_command; a former one as \
                 former_key_env). To begin encrypting a state on a server: straddle state migrate"
                    .into()
            }
            StateError::LeftBehind { .. } => {
                "to move it there: straddle state migrate -from=local. If it is not meant, move the file away".into()
            }
            StateError::Illegal(_) | StateError::Closed => {
                "this is a fault of straddle itself. What was done before stands in the journal, and `straddle plan` shows it. Please report it".into()
            }
        }
    }

    /// From an error of the operating system, met while `doing` something to `path`.
    pub(crate) fn io(path: &Path, doing: &'static str, error: &io::Error) -> StateError {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem if doing != "read" => {
                StateError::ReadOnly { path }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StateError::DiskFull { path }
            }
            _ => StateError::Io { path, doing, message: error.to_string() },
        }
    }

    /// From an error of SQLite.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> StateError {
        use rusqlite::ErrorCode as Code;
        let path = path.to_path_buf();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => StateError::DiskFull { path },
            Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => StateError::ReadOnly { path },
            Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed) => {
                StateError::InUse { path }
            }
            Some(Code::SystemIoFailure) => StateError::Io { path, doing: "write", message: error.to_string() },
            _ => StateError::Corrupt { path, what: error.to_string() },
        }
    }
}

impl From<StateError> for Diagnostic {
    fn from(error: StateError) -> Diagnostic {
        let summary = match &error {
            StateError::Locked { .. } | StateError::LockLost { .. } => "State is locked",
            StateError::NotLocked { .. } | StateError::OtherLock { .. } => "Nothing was unlocked",
            StateError::ReadOnly { .. } | StateError::DiskFull { .. } | StateError::InUse { .. } => {
                "State cannot be written"
            }
            StateError::Foreign { .. } | StateError::Newer { .. } | StateError::Terraforms { .. } => {
                "State of another program"
            }
            StateError::Truncated { .. } | StateError::Corrupt { .. } => "State is damaged",
            StateError::Io { .. } | StateError::Unreachable { .. } => "State cannot be reached",
            StateError::Unfit { .. } => "State cannot be kept there",
            StateError::Sealed { .. } => "State cannot be decrypted",
            StateError::LeftBehind { .. } => "State is elsewhere",
            StateError::Illegal(_) | StateError::Closed => "Journal would not make sense",
        };
        let help = error.help();
        Diagnostic::error(summary, error.to_string()).help(help)
    }
}

fn holder_text(holder: &Option<Box<Holder>>) -> String {
    holder.as_ref().map_or_else(String::new, |holder| format!(" by {holder}{}", holder.age(super::clock::now())))
}
