//! Past versions beside the tables of a state's file: a page for each transaction, and now and then one with everything.

use super::batch::Batch;
use super::error::StateError;
use super::model::State;
use super::page::{Folded, Folding, Page};
use super::rows::{self, Meta};
use super::seal::{self, Keys};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;

/// Whole pages that are kept.
const WHOLE_KEPT: i64 = 4;
/// Bytes of pages before another whole one is worth it, however small the last was.
const LONG: u64 = 1 << 20;

/// Where pages lie.
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS page (number INTEGER PRIMARY KEY, whole INTEGER NOT NULL, serial INTEGER NOT NULL,
    journal INTEGER NOT NULL, body BLOB NOT NULL) STRICT";

/// What the writer remembers of the pages that are there.
#[derive(Clone, Copy, Default)]
pub(super) struct Pages {
    number: u64,
    /// The journal's number after the last page. Another one than the state's: a program that knows no pages has written.
    journal: u64,
    /// Bytes of the last whole page, and of those after it.
    whole: u64,
    since: u64,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Pages {
    /// Makes room for pages and looks at those there are.
    pub fn open(db: &Connection) -> rusqlite::Result<Pages> {
        db.execute_batch(TABLE)?;
        let last = db
            .query_row("SELECT number, journal FROM page ORDER BY number DESC LIMIT 1", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((number, journal)) = last else { return Ok(Pages::default()) };
        let sizes = db.query_row(
            "SELECT coalesce(sum(length(body)) FILTER (WHERE number = base), 0),
                    coalesce(sum(length(body)) FILTER (WHERE number > base), 0)
             FROM page, (SELECT coalesce(max(number), 0) AS base FROM page WHERE whole = 1)",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let unsigned = i64::unsigned_abs;
        Ok(Pages {
            number: unsigned(number),
            journal: unsigned(journal),
            whole: unsigned(sizes.0),
            since: unsigned(sizes.1),
        })
    }

    /// Before a batch is written: a whole page of what there is, where one is due.
    pub fn prepare(&self, path: &Path, tx: &Transaction<'_>, meta: &Meta, keys: &Keys) -> Result<Pages, StateError> {
        let mut pages = *self;
        let due = pages.number == 0 || pages.journal != meta.journal || pages.since > pages.whole.max(LONG);
        if due {
            let decoded = rows::decode(path, tx, keys)?;
            let number = pages.number.saturating_add(1);
            let folded = Folded { state: decoded.state, at: meta.at, number, ..Folded::default() };
            let size = pages.put(tx, &Page::whole(&folded), true, keys).map_err(|e| StateError::sqlite(path, &e))?;
            (pages.whole, pages.since) = (size, 0);
        }
        Ok(pages)
    }

    /// Keeps what a batch changes.
    pub fn keep(&mut self, tx: &Transaction<'_>, batch: &Batch, keys: &Keys) -> rusqlite::Result<()> {
        let mut page = Page::of(batch);
        page.number = self.number.saturating_add(1);
        let size = self.put(tx, &page, false, keys)?;
        self.since = self.since.saturating_add(size);
        if batch.run_began {
            tx.execute(
                "DELETE FROM page WHERE number < (SELECT min(number) FROM (SELECT number FROM page WHERE whole = 1
                 ORDER BY number DESC LIMIT ?1))",
                [WHOLE_KEPT],
            )?;
        }
        Ok(())
    }

    fn put(&mut self, tx: &Transaction<'_>, page: &Page, whole: bool, keys: &Keys) -> rusqlite::Result<u64> {
        let body = page.pack(keys, &name(page.number));
        tx.prepare_cached("INSERT INTO page (number, whole, serial, journal, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![signed(page.number), i64::from(whole), signed(page.serial), signed(page.journal), body])?;
        (self.number, self.journal) = (page.number, page.journal);
        Ok(body.len() as u64)
    }
}

/// What a page is kept as.
fn name(number: u64) -> String {
    format!("page/{number}")
}

/// Encrypts all pages with another key; `before`: what they can be read with.
pub(super) fn seal(path: &Path, tx: &Transaction<'_>, before: &Keys, given: &Keys) -> Result<(), StateError> {
    let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
    let numbers = || -> rusqlite::Result<Vec<i64>> {
        tx.prepare("SELECT number FROM page")?.query_map([], |row| row.get(0))?.collect()
    };
    for number in numbers().map_err(sqlite)? {
        let one = tx.query_row("SELECT body FROM page WHERE number = ?1", [number], |row| row.get::<_, Vec<u8>>(0));
        let name = name(number.unsigned_abs());
        let plain = seal::unpack(&one.map_err(sqlite)?, before, &name)
            .map_err(|e| StateError::Sealed { path: path.to_path_buf(), what: e.to_string() })?;
        tx.execute("UPDATE page SET body = ?2 WHERE number = ?1", params![number, seal::pack(&plain, given, &name)])
            .map_err(sqlite)?;
    }
    Ok(())
}

fn has_pages(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'page'", [], |row| row.get::<_, i64>(0))
        .map(|n| n > 0)
}

/// The oldest serial that can be had back.
pub(super) fn oldest(path: &Path, db: &Connection) -> Result<Option<u64>, StateError> {
    let asked = has_pages(db).and_then(|there| match there {
        false => Ok(None),
        true => db
            .query_row("SELECT serial FROM page WHERE whole = 1 ORDER BY number LIMIT 1", [], |row| {
                row.get::<_, i64>(0)
            })
            .optional(),
    });
    asked.map(|serial| serial.map(i64::unsigned_abs)).map_err(|e| StateError::sqlite(path, &e))
}

/// The state as it was at a serial. `None`: it is not kept.
pub(super) fn version(path: &Path, db: &Connection, serial: u64, given: &Keys) -> Result<Option<State>, StateError> {
    let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
    if !has_pages(db).map_err(sqlite)? {
        return Ok(None);
    }
    let keys = rows::meta(path, db)?.keys(path, given)?;
    let mut select = db
        .prepare(
            "SELECT number, body FROM page WHERE number >= (SELECT max(number) FROM page WHERE whole = 1 AND serial <= ?1)
             AND serial <= ?1 ORDER BY number",
        )
        .map_err(sqlite)?;
    let mut found = select.query([signed(serial)]).map_err(sqlite)?;
    let mut folding = Folding::default();
    while let Some(row) = found.next().map_err(sqlite)? {
        let number: i64 = row.get(0).map_err(sqlite)?;
        let body: Vec<u8> = row.get(1).map_err(sqlite)?;
        let page = Page::unpack(&body, &keys, &name(number.unsigned_abs()), path)?;
        if !folding.add(page) {
            let what = format!("page {number} of its past versions is not what was written");
            return Err(StateError::Corrupt { path: path.to_path_buf(), what });
        }
    }
    Ok(Some(folding.folded.state).filter(|state| state.serial == serial && folding.folded.number > 0))
}
