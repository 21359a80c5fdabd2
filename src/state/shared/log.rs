//! A state as a row of numbered pages on a server.
//!
//! A page is written only if there is none of its number yet. So there is one order of pages, whoever writes; and each names the
//! fencing token of its writer, the number of the page with which that writer took the state over. Whoever finds the next number
//! taken by another's token has lost the lock and stops: nothing of theirs can come after it. From time to time a base, a page
//! with everything, spares readers the row before it; bases are also what past versions are had from.

use super::super::batch::Batch;
use super::super::error::StateError;
use super::super::lock::Holder;
use super::super::page::{Folded, Folding, Page};
use super::super::place::SharedPlace;
use super::super::seal::Keys;
use super::super::store::{WriteHook, WritePoint};
use super::blobs::{Blobs, Put};
use super::lease::Lease;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pages after which a base is written in the middle of a run.
const LONG: u64 = 100;
/// Pages that are not worth a base when a run ends.
const SHORT: u64 = 8;
/// Bases that are kept.
const BASES: usize = 10;
/// Pages read at once.
const READERS: usize = 8;
/// How often reading begins anew when pages it was about to read have just been tidied away.
const TRIES: usize = 5;

fn page_name(number: u64) -> String {
    format!("page/{number:012}")
}

fn base_name(folded: &Folded) -> String {
    format!("base/{:012}-{}", folded.number, folded.state.serial)
}

/// The number and serial a base's name tells.
fn base_of(name: &str) -> Option<(u64, u64)> {
    let (number, serial) = name.strip_prefix("base/")?.split_once('-')?;
    Some((number.parse().ok()?, serial.parse().ok()?))
}

fn page_of(name: &str) -> Option<u64> {
    name.strip_prefix("page/")?.parse().ok()
}

/// Where the reading of a log stops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Now,
    Serial(u64),
}

/// Reads a log. `None`: there is none. Takes no lock: what is numbered does not change.
pub(super) fn read(blobs: &Blobs, keys: &Keys, until: Until) -> Result<Option<Folded>, StateError> {
    for _ in 0..TRIES {
        if let Read::Done(folded) = read_once(blobs, keys, until)? {
            return Ok(folded.map(|folded| *folded));
        }
    }
    Err(StateError::Corrupt {
        path: blobs.label.clone(),
        what: "pages in the middle of its journal are missing".into(),
    })
}

enum Read {
    Done(Option<Box<Folded>>),
    /// Something listed was not there any more.
    Again,
}

fn read_once(blobs: &Blobs, keys: &Keys, until: Until) -> Result<Read, StateError> {
    let pages = blobs.list("page/")?;
    let bases = blobs.list("base/")?;
    let wanted = |serial: u64| until == Until::Now || matches!(until, Until::Serial(s) if serial <= s);
    let base = bases.iter().rfind(|name| base_of(name).is_some_and(|(_, serial)| wanted(serial)));
    let mut folding = Folding::default();
    let corrupt = |what: String| StateError::Corrupt { path: blobs.label.clone(), what };
    if let Some(name) = base {
        let Some(blob) = blobs.get(name)? else { return Ok(Read::Again) };
        let page = unpack(blobs, keys, name, &blob.body)?;
        if !folding.add(page) {
            return Err(corrupt(format!("its part {name} is not what was written")));
        }
    }
    let first = folding.folded.number.saturating_add(1);
    let mut numbers: Vec<u64> = pages.iter().filter_map(|name| page_of(name)).filter(|n| *n >= first).collect();
    numbers.sort_unstable();
    // Without a gap: a page in between that is gone was tidied away under a newer base.
    if numbers.iter().zip(first..).any(|(found, expected)| *found != expected) {
        return Ok(Read::Again);
    }
    if numbers.is_empty() && base.is_none() {
        return Ok(Read::Done(None));
    }
    let Some(read) = read_pages(blobs, keys, &numbers)? else { return Ok(Read::Again) };
    for page in read {
        if let Until::Serial(serial) = until
            && page.serial > serial
        {
            break;
        }
        let number = page.number;
        if !folding.add(page) {
            return Err(corrupt(format!("page {number} of its journal is not what was written")));
        }
    }
    Ok(Read::Done(Some(Box::new(folding.folded))))
}

fn unpack(blobs: &Blobs, keys: &Keys, name: &str, body: &[u8]) -> Result<Page, StateError> {
    Page::unpack(body, keys, name, &blobs.label)
}

/// Reads pages, several at once. `None`: one is not there any more.
fn read_pages(blobs: &Blobs, keys: &Keys, numbers: &[u64]) -> Result<Option<Vec<Page>>, StateError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut read = Vec::new();
        loop {
            let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(Some(read)) };
            let name = page_name(*number);
            let Some(blob) = blobs.get(&name)? else { return Ok(None) };
            read.push(unpack(blobs, keys, &name, &blob.body)?);
        }
    };
    let results: Vec<Result<Option<Vec<Page>>, StateError>> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS.min(numbers.len())).map(|_| scope.spawn(work)).collect();
        readers.into_iter().map(|r| r.join().unwrap_or(Err(StateError::Closed))).collect()
    });
    let mut all = Vec::with_capacity(numbers.len());
    for result in results {
        match result? {
            Some(read) => all.extend(read),
            None => return Ok(None),
        }
    }
    all.sort_by_key(|page| page.number);
    Ok(Some(all))
}

/// The oldest serial that can still be had back.
pub(super) fn oldest(blobs: &Blobs) -> Result<Option<u64>, StateError> {
    let bases = blobs.list("base/")?;
    if blobs.list("page/")?.first().and_then(|name| page_of(name)) == Some(1) {
        return Ok(Some(0));
    }
    Ok(bases.iter().find_map(|name| base_of(name)).map(|(_, serial)| serial))
}

/// Takes the writing away from whoever has it: their next page finds its number taken.
pub(super) fn fence_off(blobs: &Blobs, keys: &Keys) -> Result<(), StateError> {
    while let Some(folded) = read(blobs, keys, Until::Now)? {
        let page = Page::taking_over(&folded, None);
        let name = page_name(page.number);
        if let Put::Done(_) = blobs.put_new(&name, &page.pack(keys, &name))? {
            return Ok(());
        }
    }
    Ok(())
}

/// The log open for writing.
pub(in super::super) struct LogWriter {
    blobs: Arc<Blobs>,
    keys: Keys,
    lease: Option<Lease>,
    hook: WriteHook,
    /// What was written, folded.
    folded: Folded,
    /// The number of the last base.
    base: u64,
    /// Pages of ours of which nobody knows whether they arrived.
    pending: Vec<String>,
}

/// A log as it was found, and its writer.
pub(super) struct Opened {
    pub writer: LogWriter,
    pub created: bool,
}

impl LogWriter {
    /// Takes a log over with the lock in hand, and begins one where there is none.
    pub(super) fn open(
        blobs: Arc<Blobs>,
        place: &SharedPlace,
        lease: Lease,
        holder: &Holder,
        first: impl Fn() -> Result<Page, StateError>,
        hook: WriteHook,
    ) -> Result<Opened, StateError> {
        let keys = place.keys.clone();
        let mut created = false;
        loop {
            let Some(mut folded) = read(&blobs, &keys, Until::Now)? else {
                let page = first()?;
                let name = page_name(page.number);
                created |= matches!(blobs.put_new(&name, &page.pack(&keys, &name))?, Put::Done(_));
                hook(WritePoint::Created);
                continue;
            };
            let page = Page::taking_over(&folded, Some(holder.clone()));
            let name = page_name(page.number);
            match blobs.put_new(&name, &page.pack(&keys, &name))? {
                // Whoever wrote in between has written their last: read it.
                Put::Taken => continue,
                Put::Done(_) => {
                    (folded.number, folded.fence) = (page.number, page.fence);
                    let base =
                        blobs.list("base/")?.iter().filter_map(|n| base_of(n)).map(|(n, _)| n).max().unwrap_or(0);
                    let lease = Some(lease);
                    let writer = LogWriter { blobs, keys, lease, hook, folded, base, pending: Vec::new() };
                    return Ok(Opened { writer, created });
                }
            }
        }
    }

    /// What was found, and has been written since.
    pub(in super::super) fn folded(&self) -> &Folded {
        &self.folded
    }

    /// The place, for messages.
    pub(in super::super) fn label(&self) -> &Path {
        &self.blobs.label
    }

    /// One page. On error nobody knows whether it arrived; if it did, it is found and counted with the next.
    pub(in super::super) fn commit(&mut self, batch: &Batch) -> Result<(), StateError> {
        (self.hook)(WritePoint::BeforeCommit);
        if self.lease.as_ref().is_some_and(Lease::is_lost) {
            return Err(self.lost()?);
        }
        let mut page = Page::of(batch);
        page.fence = self.folded.fence;
        page.at = page.at.max(self.folded.at);
        loop {
            page.number = self.folded.number.saturating_add(1);
            let name = page_name(page.number);
            match self.blobs.put_new(&name, &page.pack(&self.keys, &name)) {
                Ok(Put::Done(_)) => break,
                Ok(Put::Taken) => {
                    let Some(blob) = self.blobs.get(&name)? else { continue };
                    let there = unpack(&self.blobs, &self.keys, &name, &blob.body)?;
                    if there.fence != self.folded.fence {
                        let holder = there.holder.map(Box::new);
                        return Err(StateError::LockLost { path: self.blobs.label.clone(), holder });
                    }
                    if there.unique == page.unique {
                        break;
                    }
                    if !self.pending.contains(&there.unique) {
                        let what = format!("page {} of its journal is not the one that was written", there.number);
                        return Err(StateError::Corrupt { path: self.blobs.label.clone(), what });
                    }
                    // It had arrived after all; what it says is in this batch too, or taken back by it.
                    self.folded.number = there.number;
                }
                Err(error) => {
                    self.pending.push(page.unique);
                    return Err(error);
                }
            }
        }
        self.pending.clear();
        self.folded.enter(batch, page.number);
        (self.hook)(WritePoint::AfterCommit);
        Ok(())
    }

    /// The lock is another's: whose.
    fn lost(&self) -> Result<StateError, StateError> {
        let holder = super::lease::holder(&self.blobs)?.map(|(holder, _)| Box::new(holder));
        Ok(StateError::LockLost { path: self.blobs.label.clone(), holder })
    }

    /// Writes a base when the row since the last has grown long.
    pub(in super::super) fn checkpoint_if_long(&mut self) {
        if self.folded.number.saturating_sub(self.base) >= LONG {
            self.write_base();
        }
    }

    /// A base that could not be written only makes reading longer.
    fn write_base(&mut self) {
        (self.hook)(WritePoint::BeforeCheckpoint);
        let name = base_name(&self.folded);
        let body = Page::whole(&self.folded).pack(&self.keys, &name);
        if self.blobs.put_new(&name, &body).is_ok() {
            self.base = self.folded.number;
            let _ = self.tidy();
        }
        (self.hook)(WritePoint::AfterCheckpoint);
    }

    /// Removes what lies before the oldest base that is kept.
    fn tidy(&self) -> Result<(), StateError> {
        let bases = self.blobs.list("base/")?;
        let Some(surplus) = bases.len().checked_sub(BASES).filter(|n| *n > 0) else { return Ok(()) };
        let Some((kept, _)) = bases.get(surplus).and_then(|name| base_of(name)) else { return Ok(()) };
        let pages = self.blobs.list("page/")?;
        // Pages first: a base without the pages after it would be a gap.
        let old: Vec<String> = pages.into_iter().filter(|name| page_of(name).is_some_and(|n| n <= kept)).collect();
        self.blobs.delete(&old)?;
        self.blobs.delete(&bases[..surplus])
    }

    /// Writes a base where it is worth one, gives the lock back.
    pub(in super::super) fn close(&mut self) -> Result<(), StateError> {
        let Some(lease) = self.lease.take() else { return Ok(()) };
        if !lease.is_lost() && self.pending.is_empty() && self.folded.number.saturating_sub(self.base) > SHORT {
            self.write_base();
        }
        drop(lease);
        Ok(())
    }
}
