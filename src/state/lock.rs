//! Who may write: an operating-system lock on a file beside the state, and words about who has it.
//!
//! The kernel's lock decides; it goes away with the process, however that ends. The words (in the lock file for others to read,
//! and in the state itself as a fence) only inform, except in one case: `force-unlock` removes both, and a holder that still
//! lives finds its words gone at its next write and stops.

use super::error::StateError;
use super::model::Time;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Who holds a lock, since when, for what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Names the lock; what `force-unlock` is given.
    pub id: String,
    /// The person or the job.
    pub who: String,
    /// The machine.
    pub host: String,
    /// The process there.
    pub pid: u32,
    /// The command, for example `apply`.
    pub operation: String,
    /// Since when.
    pub since: Time,
    /// Why, in their words, or where to look: the address of a pipeline's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Holder {
    /// How long they have had it at a moment, in words that follow on it. Clocks of two machines may differ.
    pub(super) fn age(&self, now: Time) -> String {
        let seconds = now.0.saturating_sub(self.since.0) / 1000;
        match seconds {
            ..1 => String::new(),
            1..120 => format!(" ({seconds}s ago)"),
            120..7200 => format!(" ({}m ago)", seconds / 60),
            _ => format!(" ({}h ago)", seconds / 3600),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder { id, who, host, pid, operation, since, reason } = self;
        write!(f, "{who} on {host} (process {pid}) for `{operation}`")?;
        if let Some(reason) = reason {
            write!(f, ", {reason},")?;
        }
        write!(f, " since {since}, lock id {id}")
    }
}

/// The lock, held. Dropping it lets go, and removes the file.
#[derive(Debug)]
pub(super) struct Lock {
    file: Arc<File>,
    path: PathBuf,
}

/// The lock file of a state.
pub(super) fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

/// Takes the lock, waiting up to `timeout` for whoever has it; `on_wait` hears whom it waits for, once.
pub(super) fn acquire(
    state: &Path,
    holder: &Holder,
    timeout: Duration,
    on_wait: &mut dyn FnMut(Option<&Holder>),
) -> Result<Lock, StateError> {
    let path = lock_path(state);
    let io = |doing, error: &std::io::Error| StateError::io(&path, doing, error);
    // A moment that overflows the clock never comes: then wait without end.
    let until = Instant::now().checked_add(timeout);
    let mut told = false;
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = Arc::new(file.map_err(|e| io("lock", &e))?);
        if !try_flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|e| io("lock", &e.into()))? {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let locked = || StateError::Locked { path: state.to_path_buf(), holder: read_holder(state).map(Box::new) };
            if left.is_some_and(|left| left.is_zero()) {
                return Err(locked());
            }
            if !told {
                on_wait(read_holder(state).as_ref());
                told = true;
            }
            if !flock_within(&file, FlockOperation::LockExclusive, left).map_err(|e| io("lock", &e.into()))? {
                return Err(locked());
            }
        }
        // The holder before may have removed the file while we waited: then we hold a lock on nothing.
        let held = file.metadata().map_err(|e| io("lock", &e))?;
        match std::fs::metadata(&path) {
            Ok(named) if (named.dev(), named.ino()) == (held.dev(), held.ino()) => {}
            Ok(_) => continue,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io("lock", &error)),
        }
        let lock = Lock { file, path: path.clone() };
        lock.say(holder).map_err(|e| io("write", &e))?;
        return Ok(lock);
    }
}

impl Lock {
    /// Writes who holds it, for others to read.
    fn say(&self, holder: &Holder) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(holder)?;
        text.push(b'\n');
        self.file.set_len(0)?;
        (&*self.file).write_all(&text)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only while the name still means our file: after `force-unlock` it may be another's.
        let ours = match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
            _ => false,
        };
        if ours {
            // A file that stays is harmless: the kernel's lock decides.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What the lock file of a state says. `None` when there is none, or it says nothing yet.
pub(super) fn read_holder(state: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(lock_path(state)).ok()?.take(1 << 16).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Whether the lock file's lock is held by a living process.
pub(super) fn is_held(state: &Path) -> Result<bool, StateError> {
    let path = lock_path(state);
    match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StateError::io(&path, "lock", &error)),
        Ok(file) => match try_flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(free) => Ok(!free),
            Err(error) => Err(StateError::io(&path, "lock", &error.into())),
        },
    }
}

/// One try. False: somebody else has it.
pub(super) fn try_flock(file: &File, operation: FlockOperation) -> Result<bool, Errno> {
    match rustix::io::retry_on_intr(|| flock(file, operation)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits for a lock without spinning: a thread sleeps in the kernel, and gives the lock back at once if it comes too late.
/// `None` waits without end. False: time is up.
pub(super) fn flock_within(
    file: &Arc<File>,
    operation: FlockOperation,
    limit: Option<Duration>,
) -> Result<bool, Errno> {
    let Some(limit) = limit else {
        return rustix::io::retry_on_intr(|| flock(file, operation)).map(|()| true);
    };
    let (tell, told) = mpsc::sync_channel(0);
    let waiting = file.clone();
    std::thread::spawn(move || {
        let result = rustix::io::retry_on_intr(|| flock(&waiting, operation));
        let held = result.is_ok();
        // A rendezvous: when nobody takes the answer any more, nobody wants the lock.
        if tell.send(result).is_err() && held {
            let _ = flock(&waiting, FlockOperation::Unlock);
        }
    });
    match told.recv_timeout(limit) {
        Ok(result) => result.map(|()| true),
        Err(mpsc::RecvTimeoutError::Timeout) => Ok(false),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Errno::IO),
    }
}
