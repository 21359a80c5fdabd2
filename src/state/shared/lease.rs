//! Who may write to a shared state: a piece that says who, renewed while they live.
//!
//! The lease only decides who may try. What keeps a state whole when a holder is wrongly taken for dead is the fencing token in
//! every page: see the log. Ages are by the server's clock alone; the clocks of the machines that use it do not matter.

use super::super::error::StateError;
use super::super::lock::Holder;
use super::blobs::{Blobs, Put};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The piece's name.
const LOCK: &str = "lock";
/// Shows whether the server keeps to conditions.
const PROBE: &str = "probe";
/// Waiting asks no more often than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// What the piece says.
#[derive(Serialize, Deserialize)]
struct Said {
    /// `None`: it was given back.
    holder: Option<Holder>,
    lease_ms: u64,
    /// Counts renewals, so that no two are equal.
    beat: u64,
    /// Tells two that were given back apart.
    unique: String,
}

impl Said {
    fn bytes(&self) -> Vec<u8> {
        // Texts and numbers only: writing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The lock, held and renewed. Dropping it gives it back.
pub(super) struct Lease {
    blobs: Arc<Blobs>,
    lost: Arc<AtomicBool>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<Option<(String, Said)>>>,
}

/// Who has the lock, as far as is said, and whether they have been heard of within their lease.
pub(super) fn holder(blobs: &Blobs) -> Result<Option<(Holder, bool)>, StateError> {
    let Some(blob) = blobs.get(LOCK)? else { return Ok(None) };
    let Ok(said) = serde_json::from_slice::<Said>(&blob.body) else { return Ok(None) };
    Ok(said.holder.map(|holder| (holder, blob.age <= grace(said.lease_ms))))
}

/// A server may tell ages in whole seconds only.
fn grace(lease_ms: u64) -> Duration {
    Duration::from_millis(lease_ms) + Duration::from_secs(1)
}

/// Takes the lock, waiting up to `timeout` for whoever lives and has it. The second: who had it and died.
pub(super) fn acquire(
    blobs: &Arc<Blobs>,
    holder: &Holder,
    lease: Duration,
    timeout: Duration,
    on_wait: &mut dyn FnMut(Option<&Holder>),
) -> Result<(Lease, Option<Holder>), StateError> {
    // A moment that overflows the clock never comes: then wait without end.
    let until = Instant::now().checked_add(timeout);
    let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
    let said = Said { holder: Some(holder.clone()), lease_ms, beat: 0, unique: holder.id.clone() };
    let mut told = false;
    loop {
        let Some(blob) = blobs.get(LOCK)? else {
            prove_conditions(blobs)?;
            match blobs.put_new(LOCK, &said.bytes())? {
                Put::Done(tag) => return Ok((Lease::start(blobs, said, tag, lease), None)),
                Put::Taken => continue,
            }
        };
        let before = serde_json::from_slice::<Said>(&blob.body).map_err(|_| StateError::Foreign {
            path: blobs.label.clone(),
            what: "its lock was not written by straddle".into(),
        })?;
        let alive = before.holder.is_some() && blob.age <= grace(before.lease_ms);
        if !alive {
            match blobs.put_over(LOCK, &said.bytes(), &blob.tag)? {
                Put::Done(tag) => return Ok((Lease::start(blobs, said, tag, lease), before.holder)),
                Put::Taken => continue,
            }
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(StateError::Locked { path: blobs.label.clone(), holder: before.holder.map(Box::new) });
        }
        if !told {
            on_wait(before.holder.as_ref());
            told = true;
        }
        let step = (lease / 8).clamp(SHORTEST_WAIT, Duration::from_secs(2));
        std::thread::sleep(left.map_or(step, |left| left.min(step)));
    }
}

/// Before anything rests on a server's conditions it is asked whether it keeps to them: some that speak S3 pass them over.
fn prove_conditions(blobs: &Blobs) -> Result<(), StateError> {
    let unfit = |what: &str| StateError::Unfit { path: blobs.label.clone(), what: what.into() };
    let unique = || uuid::Uuid::new_v4().to_string().into_bytes();
    blobs.put_new(PROBE, &unique())?;
    if blobs.put_new(PROBE, &unique())? != Put::Taken {
        return Err(unfit("it writes over what is there although asked not to (If-None-Match)"));
    }
    let Some(there) = blobs.get(PROBE)? else { return Ok(()) };
    let Put::Done(_) = blobs.put_over(PROBE, &unique(), &there.tag)? else { return Ok(()) };
    if blobs.put_over(PROBE, &unique(), &there.tag)? != Put::Taken {
        return Err(unfit("it writes over what has changed although asked not to (If-Match)"));
    }
    Ok(())
}

/// Takes the lock away from whoever holds it.
pub(super) fn clear(blobs: &Blobs, id: &str) -> Result<(), StateError> {
    let Some(blob) = blobs.get(LOCK)? else { return Ok(()) };
    let Ok(before) = serde_json::from_slice::<Said>(&blob.body) else { return Ok(()) };
    if before.holder.as_ref().is_some_and(|holder| holder.id == id) {
        let unique = uuid::Uuid::new_v4().to_string();
        // Taken: they have renewed it meanwhile, and will find the fence.
        blobs.put_over(LOCK, &Said { holder: None, unique, ..before }.bytes(), &blob.tag)?;
    }
    Ok(())
}

impl Lease {
    fn start(blobs: &Arc<Blobs>, said: Said, tag: String, lease: Duration) -> Lease {
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = mpsc::channel();
        let (theirs, flag) = (blobs.clone(), lost.clone());
        let spawned = std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || renew(&theirs, said, tag, lease, &stopped, &flag));
        Lease { blobs: blobs.clone(), lost, stop: Some(stop), thread: spawned.ok() }
    }

    /// Somebody took it.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}

/// Renews until told to stop; gives what must be written over to give the lock back. A server that does not answer is asked
/// again with the next beat: whether the lock was lost meanwhile is for the fence to say.
fn renew(
    blobs: &Blobs,
    mut said: Said,
    mut tag: String,
    lease: Duration,
    stopped: &mpsc::Receiver<()>,
    lost: &AtomicBool,
) -> Option<(String, Said)> {
    loop {
        match stopped.recv_timeout(lease / 3) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Some((tag, said)),
        }
        said.beat = said.beat.saturating_add(1);
        match blobs.put_over(LOCK, &said.bytes(), &tag) {
            Ok(Put::Done(new)) => tag = new,
            Ok(Put::Taken) => {
                // A renewal whose answer was lost is ours all the same.
                let there = blobs.get(LOCK).ok().flatten();
                let ours = there.filter(|blob| {
                    let read = serde_json::from_slice::<Said>(&blob.body).ok();
                    read.and_then(|r| r.holder).map(|h| h.id) == said.holder.as_ref().map(|h| h.id.clone())
                });
                match ours {
                    Some(blob) => tag = blob.tag,
                    None => {
                        lost.store(true, Ordering::SeqCst);
                        return None;
                    }
                }
            }
            Err(_) => {}
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(Ok(Some((tag, said)))) = self.thread.take().map(JoinHandle::join) else { return };
        let free = Said { holder: None, beat: said.beat.saturating_add(1), ..said };
        // One that cannot be given back runs out.
        let _ = self.blobs.put_over(LOCK, &free.bytes(), &tag);
    }
}
