//! Reading a state without leaving a trace: also after a kill, in a read-only directory, or while somebody writes.

use super::clock::now;
use super::error::StateError;
use super::history::History;
use super::journal::{Entry, RunBegin, RunEnd, RunOutcome};
use super::lock::{self, Holder};
use super::model::State;
use super::place::{Local, Place, SharedPlace};
use super::rows::{self, Decoded};
use super::seal::Keys;
use super::store::{LockRequest, Store};
use super::{past, shared, v4, wal};
use rusqlite::Connection;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The state's file in a module's directory.
pub const FILE: &str = "straddle.db";
/// Terraform's state in a module's directory.
pub const TERRAFORM_FILE: &str = "terraform.tfstate";
/// A writer folds its log in within seconds; one that takes longer is stopped, not slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// Copies to try while a foreign program, which does not know our lock, writes.
const TRIES: usize = 5;

/// A state as read.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The state; open actions in it are in flight when `holder` lives, in doubt when not.
    pub state: State,
    /// Where it came from.
    pub source: Source,
    /// Who has, or at the end of their life had, the lock.
    pub holder: Option<Holder>,
}

/// Where a state came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// There is none yet.
    Nothing,
    /// straddle's own file.
    Store,
    /// A `terraform.tfstate`: readable as the prior state, not ours to write.
    Terraform,
}

/// Reads a state. Never writes a byte, takes no lock.
///
/// # Errors
/// When there is a state that cannot be read whole.
pub fn load(place: impl Into<Place>) -> Result<Loaded, StateError> {
    let Local { path: dir, keys } = &match place.into() {
        Place::Directory(local) => local,
        Place::Shared(shared) => return shared::load(&shared),
    };
    let path = dir.join(FILE);
    if let Some((db, _)) = snapshot(&path)? {
        let Decoded { state, holder, .. } = rows::decode(&path, &db, keys)?;
        return Ok(Loaded { state, source: Source::Store, holder });
    }
    let path = dir.join(TERRAFORM_FILE);
    match std::fs::read(&path) {
        Ok(bytes) if !bytes.is_empty() => {
            let state = v4::read(&path, &bytes)?;
            Ok(Loaded { state, source: Source::Terraform, holder: None })
        }
        Ok(_) => Ok(Loaded { state: State::default(), source: Source::Nothing, holder: None }),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            Ok(Loaded { state: State::default(), source: Source::Nothing, holder: None })
        }
        Err(e) => Err(StateError::io(&path, "read", &e)),
    }
}

/// A whole state in one piece, its log laid over, in the clear: what [`restore`] takes. `None`: there is none.
///
/// # Errors
/// When there is a state that cannot be read whole.
pub fn image(place: impl Into<Place>) -> Result<Option<Vec<u8>>, StateError> {
    let place = place.into();
    let Local { path, .. } = match &place {
        Place::Directory(local) if local.keys.current.is_none() => local,
        Place::Directory(local) => return image_of(&place, &local.path.join(FILE)),
        Place::Shared(shared) => return image_of(&place, &shared.label()),
    };
    let path = path.join(FILE);
    let Some((mut db, _)) = snapshot(&path)? else { return Ok(None) };
    let image = db.serialize(rusqlite::MAIN_DB).map_err(|e| StateError::sqlite(&path, &e))?;
    Ok(Some(image.to_vec()))
}

/// The same of a state that is no file in the clear: it is laid down in a private directory for the moment, as the file it would be.
fn image_of(place: &Place, label: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let loaded = load(place)?;
    if loaded.source == Source::Nothing {
        return Ok(None);
    }
    let scratch = tempfile::tempdir().map_err(|e| StateError::io(label, "copy", &e))?;
    let request = LockRequest::here("runbook build");
    let begin = RunBegin { who: request.who.clone(), command: "runbook build".into(), plan: None };
    let end = RunEnd { outcome: RunOutcome::Done };
    let store = Store::open_write(scratch.path(), &request)?;
    let entries = [Entry::RunBegin(begin), Entry::Pushed(Arc::new(loaded.state)), Entry::RunEnd(end)];
    store.record(now(), entries)?;
    store.close()?;
    image(scratch.path())
}

/// Puts a state in one piece into a directory that has none. False: there is one, and it is left as it is.
///
/// # Errors
/// It cannot be written, or is no state.
pub fn restore(dir: &Path, image: &[u8]) -> Result<bool, StateError> {
    let path = dir.join(FILE);
    if path.exists() {
        return Ok(false);
    }
    let failed = |e: &std::io::Error| StateError::io(&path, "write", e);
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(|e| failed(&e))?;
    file.write_all(image).map_err(|e| failed(&e))?;
    file.as_file().sync_all().map_err(|e| failed(&e))?;
    let (db, _) = snapshot(file.path())?.ok_or_else(|| failed(&ErrorKind::NotFound.into()))?;
    rows::decode(file.path(), &db, &Keys::default())?;
    file.persist(&path).map_err(|e| failed(&e.error))?;
    Ok(true)
}

/// Reads the runs and journal lines that are still kept. Never writes a byte.
///
/// # Errors
/// When there is a state that cannot be read whole.
pub fn history(place: impl Into<Place>) -> Result<History, StateError> {
    let (path, keys) = match place.into() {
        Place::Directory(local) => (local.path.join(FILE), local.keys),
        Place::Shared(shared) => return shared::history(&shared).map(|folded| folded.history),
    };
    match snapshot(&path)? {
        Some((db, _)) => super::history::read(&path, &db, &keys),
        None => Ok(History::default()),
    }
}

/// The oldest serial that [`version`] can give.
///
/// # Errors
/// When there is a state that cannot be read whole.
pub fn oldest(place: impl Into<Place>) -> Result<Option<u64>, StateError> {
    let path = match place.into() {
        Place::Directory(local) => local.path.join(FILE),
        Place::Shared(shared) => return shared::oldest(&shared),
    };
    match snapshot(&path)? {
        Some((db, _)) => past::oldest(&path, &db),
        None => Ok(None),
    }
}

/// The state as it was at a serial. `None`: it is not kept any more, or never was.
///
/// # Errors
/// When there is a state that cannot be read whole.
pub fn version(place: impl Into<Place>, serial: u64) -> Result<Option<State>, StateError> {
    let (path, keys) = match place.into() {
        Place::Directory(local) => (local.path.join(FILE), local.keys),
        Place::Shared(shared) => return shared::version(&shared, serial),
    };
    match snapshot(&path)? {
        Some((db, _)) => past::version(&path, &db, serial, &keys),
        None => Ok(None),
    }
}

/// Who holds the lock of a state right now, as far as is said.
pub fn holder(place: impl Into<Place>) -> Option<Holder> {
    match place.into() {
        Place::Directory(local) => lock::read_holder(&local.path.join(FILE)),
        Place::Shared(shared) => shared::holder(&shared),
    }
}

/// The workspaces that have a state on a server.
///
/// # Errors
/// The server does not answer.
pub fn workspaces(place: &SharedPlace) -> Result<Vec<String>, StateError> {
    shared::workspaces(place)
}

/// Removes a state from a server, with all its past.
///
/// # Errors
/// The server does not answer.
pub fn remove(place: &SharedPlace) -> Result<(), StateError> {
    shared::remove(place)
}

/// A copy of the database with its log laid over, in memory. `None`: there is no such file. True: the log was hot.
pub(super) fn snapshot(path: &Path) -> Result<Option<(Connection, bool)>, StateError> {
    let error = |e: &std::io::Error| StateError::io(path, "read", e);
    let mut file = match File::open(path) {
        Ok(file) => Arc::new(file),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(error(&e)),
    };
    if !file.metadata().map_err(|e| error(&e))?.is_file() {
        return Err(StateError::Foreign { path: path.to_path_buf(), what: "it is no regular file".into() });
    }
    // A rollback journal belongs to a database in another mode than ours: some program changed it and did not finish.
    let journal = with_suffix(path, "-journal");
    if std::fs::metadata(&journal).is_ok_and(|m| m.len() > 0) {
        let what = "another program changed it and did not finish".into();
        return Err(StateError::Corrupt { path: journal, what });
    }
    for _ in 0..TRIES {
        // Writers fold the log into the database under this lock's other mode. A file system without locks has no writers
        // either: SQLite could not work there.
        match lock::flock_within(&file, FlockOperation::LockShared, Some(PATIENCE)) {
            Ok(true) | Err(Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::NOLCK) => {}
            Ok(false) => return Err(StateError::InUse { path: path.to_path_buf() }),
            Err(e) => return Err(StateError::io(path, "lock", &e.into())),
        }
        let before = stamp(&file.metadata().map_err(|e| error(&e))?);
        let copied = copy(path, &file);
        if stamp(&file.metadata().map_err(|e| error(&e))?) == before {
            return copied.map(Some);
        }
        file = Arc::new(File::open(path).map_err(|e| error(&e))?);
    }
    Err(StateError::InUse { path: path.to_path_buf() })
}

/// Copies database and log. Under the shared lock the log may grow meanwhile, but nothing moves from it into the database.
fn copy(path: &Path, file: &File) -> Result<(Connection, bool), StateError> {
    let error = |e: &std::io::Error| StateError::io(path, "read", e);
    let log = wal::wal_path(path);
    if std::fs::metadata(&log).is_ok_and(|m| m.len() > 0) {
        let mut bytes = Vec::new();
        let mut reader = file;
        reader.read_to_end(&mut bytes).map_err(|e| error(&e))?;
        let log = std::fs::read(&log).map_err(|e| StateError::io(&log, "read", &e))?;
        let (image, hot) = wal::image(path, bytes, &log)?;
        let length = image.len();
        return Ok((open(path, image.as_slice(), length)?, hot));
    }
    // Without a log the file goes straight to where SQLite reads it.
    let mut head = Vec::with_capacity(wal::HEADER);
    file.take(wal::HEADER as u64).read_to_end(&mut head).map_err(|e| error(&e))?;
    let length = file.metadata().map_err(|e| error(&e))?.len();
    let page = wal::page_size(path, &head)?;
    wal::whole(path, &head, page, length)?;
    head[wal::LOG_BYTES].fill(wal::NO_LOG);
    let length = usize::try_from(length).map_err(|_| StateError::Io {
        path: path.to_path_buf(),
        doing: "read",
        message: "it is larger than this machine's memory can address".into(),
    })?;
    Ok((open(path, head.as_slice().chain(file), length)?, false))
}

fn stamp(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens a copy in memory.
fn open(path: &Path, bytes: impl Read, length: usize) -> Result<Connection, StateError> {
    let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
    let mut db = Connection::open_in_memory().map_err(sqlite)?;
    db.deserialize_read_exact(rusqlite::MAIN_DB, bytes, length, true).map_err(sqlite)?;
    Ok(db)
}
