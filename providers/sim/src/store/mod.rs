//! The store: one SQLite file that holds any number of clouds, shared by any number of processes.
//!
//! Every rule of a strict cloud is a method of [`Tx`]: a function of what the file holds and of the time given. Time in a store
//! never goes back: when the machine's clock does, the store goes on from the latest time it has seen.

mod domains;
mod faults;
mod file;
mod hand;
mod objects;
mod request;
mod row;

pub use domains::{Change, DomainState, ZoneState};
pub use faults::Fault;
pub use hand::Killed;
pub use objects::{Listing, Made, Seen};
pub use request::Caller;

use crate::clock::Millis;
use crate::error::StoreError;
use crate::model::{Id, Kind};
use domains::Domains;
use faults::{Pace, Rule};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::collections::BTreeMap;

/// How long a read may show what was there before a write: 2 seconds. A provider that waits so long reads the truth.
pub const SETTLING: Millis = 2_000;

/// An open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// One transaction at one moment. What it changes is written when the closure given to [`Store::write`] succeeds.
#[derive(Debug)]
pub struct Tx<'c> {
    c: &'c Connection,
    now: Millis,
    domains: Domains,
    faults: Vec<Rule>,
    /// The number the next object of each kind gets; read when first needed.
    next: BTreeMap<Kind, u64>,
    paces: BTreeMap<String, Pace>,
}

impl Store {
    /// Runs `work` in a transaction that may write. Other processes wait meanwhile, up to ten seconds.
    /// An error undoes all of it.
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        now: Millis,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior).map_err(StoreError::from)?;
        let now = clock_forward(&transaction, now)?;
        let mut tx = Tx::begin(&transaction, now)?;
        let result = work(&mut tx)?;
        tx.flush()?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(result)
    }

    /// Runs `work` in a transaction that only reads, if it can: what counts requests (faults, a rate limit) must write, and so must
    /// a clock that went back.
    pub fn read<T>(
        &mut self,
        now: Millis,
        counted: bool,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if counted || self.counts(now)? {
            return self.write(now, work);
        }
        let transaction = self.connection.transaction()?;
        let now = clock(&transaction, now)?.0;
        let mut tx = Tx::begin(&transaction, now)?;
        let result = work(&mut tx)?;
        Ok(result)
    }

    /// Whether a read has something to write.
    fn counts(&self, now: Millis) -> Result<bool, StoreError> {
        let faults: bool =
            self.connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM fault)")?.query_row([], |r| r.get(0))?;
        Ok(faults || clock(&self.connection, now)?.1)
    }
}

impl<'c> Tx<'c> {
    fn begin(c: &'c Connection, now: Millis) -> Result<Tx<'c>, StoreError> {
        let domains = Domains::load(c)?;
        let faults = faults::load(c)?;
        Ok(Tx { c, now, domains, faults, next: BTreeMap::new(), paces: BTreeMap::new() })
    }

    /// The store's time.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// A new id.
    fn new_id(&mut self, kind: Kind) -> Result<Id, StoreError> {
        let number = self.next_number(kind)?;
        if number >= Id::LIMIT {
            return Err(StoreError::Damaged(format!("no numbers are left for {}", kind.type_name())));
        }
        self.next.insert(kind, number + 1);
        Ok(Id { kind, number })
    }

    /// The number the next object of this kind will get.
    fn next_number(&mut self, kind: Kind) -> Result<u64, StoreError> {
        if let Some(number) = self.next.get(&kind) {
            return Ok(*number);
        }
        let stored = meta(self.c, kind.type_name())?.unwrap_or(1);
        let number = u64::try_from(stored).map_err(|_| StoreError::Damaged(format!("number {stored} of {kind:?}")))?;
        self.next.insert(kind, number);
        Ok(number)
    }

    /// Writes what was kept in memory.
    fn flush(&mut self) -> Result<(), StoreError> {
        for (kind, number) in &self.next {
            set_meta(self.c, kind.type_name(), i64::try_from(*number).unwrap_or(i64::MAX))?;
        }
        self.domains.flush(self.c)?;
        faults::flush(self.c, &mut self.faults)?;
        faults::flush_paces(self.c, &self.paces)?;
        self.c
            .prepare_cached("DELETE FROM object WHERE deleted_at < ?1")?
            .execute([self.now.saturating_sub(SETTLING)])?;
        Ok(())
    }
}

fn meta(c: &Connection, key: &str) -> Result<Option<i64>, StoreError> {
    Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |r| r.get(0)).optional()?)
}

fn set_meta(c: &Connection, key: &str, value: i64) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2 WHERE value <> ?2")?
        .execute((key, value))?;
    Ok(())
}

/// The store's time for the machine's, and whether the machine's clock went back since the store was last written.
fn clock(c: &Connection, now: Millis) -> Result<(Millis, bool), StoreError> {
    let latest = meta(c, "latest")?.unwrap_or(Millis::MIN);
    let ahead = now.saturating_add(meta(c, "offset")?.unwrap_or(0));
    Ok((ahead.max(latest), ahead < latest))
}

/// The same, and remembers it.
fn clock_forward(c: &Connection, now: Millis) -> Result<Millis, StoreError> {
    let (time, went_back) = clock(c, now)?;
    if went_back {
        set_meta(c, "offset", time.saturating_sub(now))?;
    }
    set_meta(c, "latest", time)?;
    Ok(time)
}
