//! States on servers that many use: PostgreSQL and object stores that speak S3.

mod blobs;
mod lease;
mod log;
mod postgres;
mod s3;

pub(super) use log::LogWriter;

use super::error::StateError;
use super::lock::Holder;
use super::model::{State, Time};
use super::page::{Folded, Page};
use super::place::{Server, SharedPlace};
use super::read::{FILE, Loaded, Source, TERRAFORM_FILE};
use super::store::{LockRequest, TerraformState, Unlocked, WriteHook};
use super::v4;
use blobs::Blobs;
use log::Until;
use std::path::PathBuf;
use std::sync::Arc;

/// Runs on a thread of its own: the clients block, and whoever asks may be inside a runtime.
fn apart<T: Send>(work: impl FnOnce() -> Result<T, StateError> + Send) -> Result<T, StateError> {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or(Err(StateError::Closed)))
}

/// Reads a state. Takes no lock and writes nothing.
pub(super) fn load(place: &SharedPlace) -> Result<Loaded, StateError> {
    apart(|| {
        let blobs = Blobs::of(place)?;
        if let Some(folded) = log::read(&blobs, &place.keys, Until::Now)? {
            let holder = lease::holder(&blobs)?.map(|(holder, _)| holder);
            return Ok(Loaded { state: folded.state, source: Source::Store, holder });
        }
        left_behind(place)?;
        match terraforms(&blobs, place)? {
            Some((_, state)) => Ok(Loaded { state, source: Source::Terraform, holder: None }),
            None => Ok(Loaded { state: State::default(), source: Source::Nothing, holder: None }),
        }
    })
}

/// A state of Terraform's under the same name.
fn terraforms(blobs: &Blobs, place: &SharedPlace) -> Result<Option<(PathBuf, State)>, StateError> {
    let Some(bytes) = blobs.terraforms(&place.name, &place.workspace)?.filter(|bytes| !bytes.is_empty()) else {
        return Ok(None);
    };
    let path: PathBuf = match &place.server {
        Server::Postgres(server) => format!("postgres://{}/states/{}", server.schema, place.workspace).into(),
        Server::S3(server) => format!("s3://{}/{}", server.bucket, place.name).into(),
    };
    let state = v4::read(&path, &bytes)?;
    Ok(Some((path, state)))
}

/// Where there is nothing at the place yet but a state in the directory, that one is meant: beginning anew would make everything
/// a second time.
fn left_behind(place: &SharedPlace) -> Result<(), StateError> {
    let dir = if place.workspace == "default" {
        place.directory.clone()
    } else {
        place.directory.join("terraform.tfstate.d").join(&place.workspace)
    };
    for name in [FILE, TERRAFORM_FILE] {
        let path = dir.join(name);
        if std::fs::metadata(&path).is_ok_and(|m| m.len() > 0) {
            return Err(StateError::LeftBehind { path, place: place.label() });
        }
    }
    Ok(())
}

/// Past runs and journal lines.
pub(super) fn history(place: &SharedPlace) -> Result<Folded, StateError> {
    apart(|| Ok(log::read(&Blobs::of(place)?, &place.keys, Until::Now)?.unwrap_or_default()))
}

/// The oldest serial that can be had back.
pub(super) fn oldest(place: &SharedPlace) -> Result<Option<u64>, StateError> {
    apart(|| log::oldest(&Blobs::of(place)?))
}

/// The state as it was at a serial. `None`: it is not kept any more, or never was.
pub(super) fn version(place: &SharedPlace, serial: u64) -> Result<Option<State>, StateError> {
    apart(|| {
        let folded = log::read(&Blobs::of(place)?, &place.keys, Until::Serial(serial))?;
        Ok(folded.map(|folded| folded.state).filter(|state| state.serial == serial))
    })
}

/// Who has the lock.
pub(super) fn holder(place: &SharedPlace) -> Option<Holder> {
    apart(|| lease::holder(&Blobs::of(place)?)).ok().flatten().map(|(holder, _)| holder)
}

/// The workspaces that have a state.
pub(super) fn workspaces(place: &SharedPlace) -> Result<Vec<String>, StateError> {
    apart(|| blobs::workspaces(place))
}

/// What opening found.
pub(super) struct Opening {
    pub writer: LogWriter,
    pub created: bool,
    /// Who had the lock and died.
    pub dead: Option<Holder>,
}

/// Opens a state for writing.
pub(super) fn open(
    place: &SharedPlace,
    request: &LockRequest,
    holder: &Holder,
    time: Time,
    on_wait: &mut (dyn FnMut(Option<&Holder>) + Send),
    hook: &WriteHook,
) -> Result<Opening, StateError> {
    apart(|| {
        let blobs = Arc::new(Blobs::of(place)?);
        let (lease, dead) = lease::acquire(&blobs, holder, place.lease, request.timeout, on_wait)?;
        let first = || {
            if request.terraform == TerraformState::Respect {
                left_behind(place)?;
                if let Some((path, _)) = terraforms(&blobs, place)? {
                    return Err(StateError::Terraforms { path });
                }
            }
            let lineage = uuid::Uuid::new_v4().to_string();
            let state = State { lineage: lineage.into(), ..State::default() };
            Ok(Page::whole(&Folded { state, at: time, number: 1, fence: 1, ..Folded::default() }))
        };
        let opened = LogWriter::open(blobs.clone(), place, lease, holder, first, hook.clone())?;
        Ok(Opening { writer: opened.writer, created: opened.created, dead })
    })
}

/// Takes a lock away from whoever holds it.
pub(super) fn force_unlock(place: &SharedPlace, id: &str) -> Result<Unlocked, StateError> {
    apart(|| {
        let blobs = Blobs::of(place)?;
        let path = blobs.label.clone();
        let (holder, alive) = lease::holder(&blobs)?.ok_or_else(|| StateError::NotLocked { path: path.clone() })?;
        if holder.id != id {
            return Err(StateError::OtherLock { path, given: id.into(), actual: holder.id });
        }
        log::fence_off(&blobs, &place.keys)?;
        lease::clear(&blobs, id)?;
        Ok(Unlocked { holder, alive })
    })
}

/// Removes everything of a state.
pub(super) fn remove(place: &SharedPlace) -> Result<(), StateError> {
    apart(|| {
        let blobs = Blobs::of(place)?;
        // Whoever writes finds the fence; only then it goes.
        log::fence_off(&blobs, &place.keys)?;
        blobs.delete(&blobs.list("")?)
    })
}
