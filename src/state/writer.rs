//! The one thread's side of the store: transactions, checkpoints, beginning a file.

use super::batch::Batch;
use super::cells::Cells;
use super::error::StateError;
use super::history::{self, LINES_KEPT, RUNS_KEPT};
use super::lock::{self, Holder};
use super::model::{Object, ObjectId, Time};
use super::past::Pages;
use super::read::with_suffix;
use super::rows::{self, Count, Decoded, Meta, ObjectRow, PartKey};
use super::seal::Keys;
use super::sealing;
use super::store::{WriteHook, WritePoint};
use super::wal;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};
use rustix::fs::FlockOperation;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A log longer than this many bytes is folded into the database between transactions.
const LOG_MAX: u64 = 64 << 20;
/// How long closing waits for a reader that copies the file.
const READER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a transaction waits for a foreign program.
const FOREIGN_PATIENCE: Duration = Duration::from_secs(5);
/// Pages below which giving space back to the file system is not worth the writing.
const VACUUM_MIN: i64 = 1_000;

/// Begins an empty state: built under another name, complete before it gets its own.
pub(super) fn create(path: &Path, lineage: &str, at: Time, hook: &WriteHook) -> Result<(), StateError> {
    let building = with_suffix(path, "-new");
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match std::fs::remove_file(with_suffix(&building, suffix)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(StateError::io(&building, "write", &e)),
            _ => {}
        }
    }
    let built = build(&building, lineage, at);
    if built.is_err() {
        // What is half built is nobody's.
        let _ = std::fs::remove_file(&building);
        let _ = std::fs::remove_file(with_suffix(&building, "-journal"));
    }
    built.map_err(|e| StateError::sqlite(path, &e))?;
    hook(WritePoint::Created);
    let sync = || -> std::io::Result<()> {
        File::open(&building)?.sync_all()?;
        std::fs::rename(&building, path)?;
        match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    };
    sync().map_err(|e| StateError::io(path, "write", &e))
}

fn build(path: &Path, lineage: &str, at: Time) -> rusqlite::Result<()> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "application_id", wal::APPLICATION)?;
    db.pragma_update(None, "user_version", wal::FORMAT)?;
    let tx = db.transaction()?;
    tx.execute_batch(rows::TABLES)?;
    let writer = super::model::WRITER.into();
    write_meta(&tx, &Meta { lineage: lineage.into(), writer, at, ..Meta::default() })?;
    tx.commit()?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    db.close().map_err(|(_, e)| e)
}

pub(super) fn write_meta(db: &Connection, meta: &Meta) -> rusqlite::Result<()> {
    // Strings and integers only: writing them cannot fail.
    let body = serde_json::to_string(meta).unwrap_or_default();
    let sum = i64::from(rows::part_sum("meta", "", &body));
    db.prepare_cached("INSERT OR REPLACE INTO meta (one, body, sum) VALUES (1, ?1, ?2)")?
        .execute(params![body, sum])?;
    Ok(())
}

/// The fence: whose words are in the state.
fn fence(db: &Connection) -> rusqlite::Result<Option<Holder>> {
    let mut select = db.prepare_cached("SELECT body FROM lock")?;
    let mut rows = select.query([])?;
    match rows.next()? {
        Some(row) => Ok(serde_json::from_str(&row.get::<_, String>(0)?).ok()),
        None => Ok(None),
    }
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(FOREIGN_PATIENCE)?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "full")?;
    // Folding the log in is done under a lock that readers know, never by SQLite on its own account.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

/// Takes a holder's words out of the state: its next transaction will find them gone.
pub(super) fn clear_holder(path: &Path, id: &str) -> Result<(), StateError> {
    if !path.exists() {
        return Ok(());
    }
    let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
    let mut db = connect(path).map_err(sqlite)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    if fence(&tx).map_err(sqlite)?.is_some_and(|holder| holder.id == id) {
        tx.execute("DELETE FROM lock", []).map_err(sqlite)?;
    }
    tx.commit().map_err(sqlite)?;
    db.close().map_err(|(_, e)| sqlite(e))
}

/// The database open for writing.
pub(super) struct Writer {
    path: PathBuf,
    db: Option<Connection>,
    /// For the lock readers know. Closed after the database: closing it drops every lock this process has on the file.
    file: Arc<File>,
    holder: Holder,
    hook: WriteHook,
    /// Row number and checksum of every object.
    rows: HashMap<ObjectId, (i64, u32)>,
    next_row: i64,
    parts: HashMap<PartKey, u32>,
    meta: Meta,
    pages: Pages,
    /// What the file is encrypted with.
    keys: Keys,
}

/// What a transaction changes in the writer's own books, once it is durable.
#[derive(Default)]
pub(super) struct Books {
    pub wiped: bool,
    pub rows: Vec<(ObjectId, Option<(i64, u32)>)>,
    pub parts: Vec<(PartKey, Option<u32>)>,
    pub meta: Meta,
    pub next_row: i64,
}

impl Writer {
    /// Opens a file that was just read and found whole, and signs it. With a key it is encrypted from here on, all of it.
    pub fn open(
        path: &Path,
        holder: &Holder,
        decoded: Decoded,
        given: &Keys,
        hook: WriteHook,
    ) -> Result<Writer, StateError> {
        let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path);
        let file = Arc::new(file.map_err(|e| StateError::io(path, "write", &e))?);
        let mut db = connect(path).map_err(sqlite)?;
        let body = serde_json::to_string(holder).unwrap_or_default();
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        tx.execute("INSERT OR REPLACE INTO lock (one, body) VALUES (1, ?1)", [&body]).map_err(sqlite)?;
        let pages = Pages::open(&tx).map_err(sqlite)?;
        let mut keys = decoded.meta.keys(path, given)?;
        let books = sealing::is_due(&decoded, given).then(|| sealing::seal(path, &tx, &decoded, &keys, given));
        let books = books.transpose()?;
        tx.commit().map_err(sqlite)?;
        if books.is_some() {
            keys.clone_from(given);
        }
        let mut writer = Writer {
            path: path.to_path_buf(),
            db: Some(db),
            file,
            holder: holder.clone(),
            hook,
            next_row: decoded.rows.iter().map(|(_, row, _)| *row).max().unwrap_or(0),
            rows: decoded.rows.into_iter().map(|(id, row, sum)| (id, (row, sum))).collect(),
            parts: decoded
                .parts
                .into_iter()
                .map(|(kind, key, sum)| (PartKey { kind: kind.into(), key }, sum))
                .collect(),
            meta: decoded.meta,
            pages,
            keys,
        };
        if let Some(books) = books {
            writer.enter(Books { next_row: writer.next_row, ..books });
        }
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One transaction. On error nothing of it is in the file.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), StateError> {
        let sqlite = |e: rusqlite::Error| StateError::sqlite(&self.path, &e);
        let Some(db) = self.db.as_mut() else { return Err(StateError::Closed) };
        (self.hook)(WritePoint::BeforeCommit);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let holder = fence(&tx).map_err(sqlite)?;
        if holder.as_ref().map(|holder| &holder.id) != Some(&self.holder.id) {
            return Err(StateError::LockLost { path: self.path.clone(), holder: holder.map(Box::new) });
        }
        let mut books = Books { meta: self.meta.clone(), next_row: self.next_row, ..Books::default() };
        if let Some(head) = &batch.head {
            books.meta = Meta {
                lineage: head.lineage.to_string(),
                writer: head.writer.to_string(),
                serial: head.serial,
                runs: head.runs,
                journal: head.journal,
                at: head.at.max(self.meta.at),
                ..books.meta
            };
        }
        let mut pages = self.pages.prepare(&self.path, &tx, &self.meta, &self.keys)?;
        let cells = Cells::new(&self.path, &self.keys);
        write_batch(&tx, batch, &self.rows, &self.parts, &cells, &mut books).map_err(sqlite)?;
        pages.keep(&tx, batch, &self.keys).map_err(sqlite)?;
        tx.commit().map_err(sqlite)?;
        self.enter(books);
        self.pages = pages;
        (self.hook)(WritePoint::AfterCommit);
        Ok(())
    }

    fn enter(&mut self, books: Books) {
        if books.wiped {
            self.rows.clear();
            self.parts.clear();
        }
        for (id, row) in books.rows {
            match row {
                Some(row) => self.rows.insert(id, row),
                None => self.rows.remove(&id),
            };
        }
        for (key, sum) in books.parts {
            match sum {
                Some(sum) => self.parts.insert(key, sum),
                None => self.parts.remove(&key),
            };
        }
        self.meta = books.meta;
        self.next_row = books.next_row;
    }

    /// Folds the log into the database if it has grown long.
    pub fn checkpoint_if_long(&mut self) {
        if std::fs::metadata(wal::wal_path(&self.path)).is_ok_and(|m| m.len() > LOG_MAX) {
            self.checkpoint();
        }
    }

    /// Folds the log into the database, unless a reader is just copying it: then another time.
    pub fn checkpoint(&mut self) {
        if matches!(lock::try_flock(&self.file, FlockOperation::NonBlockingLockExclusive), Ok(true)) {
            self.fold_log();
            let _ = lock::try_flock(&self.file, FlockOperation::Unlock);
        }
    }

    /// Under the lock that readers know. A log that could not be folded in stays and is read with the database.
    fn fold_log(&mut self) {
        if let Some(db) = &self.db {
            (self.hook)(WritePoint::BeforeCheckpoint);
            let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            (self.hook)(WritePoint::AfterCheckpoint);
        }
    }

    /// Takes the holder's words out, folds the log in, closes.
    pub fn close(&mut self) -> Result<(), StateError> {
        let Some(mut db) = self.db.take() else { return Ok(()) };
        let ours = sign_off(&mut db, &self.holder.id).map_err(|e| StateError::sqlite(&self.path, &e))?;
        let wait = lock::flock_within(&self.file, FlockOperation::LockExclusive, Some(READER_PATIENCE));
        if ours && matches!(wait, Ok(true)) {
            // Folding in at the very end lets SQLite remove the log: the file alone is the state.
            let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
            let _ = give_back_space(&db);
            self.db = Some(db);
            self.fold_log();
            db = match self.db.take() {
                Some(db) => db,
                None => return Ok(()),
            };
        }
        let closed = db.close().map_err(|(_, e)| StateError::sqlite(&self.path, &e));
        let _ = lock::try_flock(&self.file, FlockOperation::Unlock);
        closed
    }
}

/// Takes our words out of the state. False: they are another's by now.
fn sign_off(db: &mut Connection, id: &str) -> rusqlite::Result<bool> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let ours = fence(&tx)?.is_some_and(|holder| holder.id == id);
    if ours {
        tx.execute("DELETE FROM lock", [])?;
    }
    tx.commit()?;
    Ok(ours)
}

/// A file that is mostly empty pages is written anew.
fn give_back_space(db: &Connection) -> rusqlite::Result<()> {
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let free: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if pages > VACUUM_MIN && free > pages / 2 { db.execute_batch("VACUUM") } else { Ok(()) }
}

fn write_batch(
    tx: &Transaction<'_>,
    batch: &Batch,
    rows: &HashMap<ObjectId, (i64, u32)>,
    parts: &HashMap<PartKey, u32>,
    cells: &Cells<'_>,
    books: &mut Books,
) -> rusqlite::Result<()> {
    if batch.wipe {
        tx.execute("DELETE FROM object", [])?;
        tx.execute("DELETE FROM part", [])?;
        (books.wiped, books.meta.objects, books.meta.parts) = (true, Count::default(), Count::default());
    }
    for (id, object) in &batch.objects {
        let before = if batch.wipe { None } else { rows.get(id).copied() };
        write_object(tx, id, object.as_deref(), before, cells, books)?;
    }
    for (key, body) in &batch.parts {
        let before = if batch.wipe { None } else { parts.get(key).copied() };
        write_part(tx, key, body.as_deref(), before, cells, books)?;
    }
    write_history(tx, batch, cells, books)?;
    write_meta(tx, &books.meta)
}

pub(super) fn write_object(
    tx: &Transaction<'_>,
    id: &ObjectId,
    object: Option<&Object>,
    before: Option<(i64, u32)>,
    cells: &Cells<'_>,
    books: &mut Books,
) -> rusqlite::Result<()> {
    if let Some((_, sum)) = before {
        books.meta.objects.take(sum);
    }
    let Some(object) = object else {
        if let Some((number, _)) = before {
            tx.prepare_cached("DELETE FROM object WHERE id = ?1")?.execute([number])?;
            books.rows.push((id.clone(), None));
        }
        return Ok(());
    };
    let number = match before {
        Some((number, _)) => number,
        None => {
            books.next_row = books.next_row.saturating_add(1);
            books.next_row
        }
    };
    let row = ObjectRow::new(id, object, cells);
    let private = (!row.private.is_empty()).then_some(&*row.private);
    let identity = row.identity.as_ref();
    tx.prepare_cached(
        "INSERT OR REPLACE INTO object (id, address, deposed, provider, schema, attributes, sensitive, private, dependencies, flags,
         identity, identity_schema, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        number,
        row.address,
        row.deposed,
        row.provider,
        object.schema_version,
        &*row.attributes,
        row.sensitive,
        private,
        row.dependencies,
        row.flags,
        identity.map(|(_, value)| &**value),
        identity.map(|(schema, _)| *schema),
        i64::from(row.sum),
    ])?;
    books.meta.objects.add(row.sum);
    books.rows.push((id.clone(), Some((number, row.sum))));
    Ok(())
}

pub(super) fn write_part(
    tx: &Transaction<'_>,
    key: &PartKey,
    body: Option<&str>,
    before: Option<u32>,
    cells: &Cells<'_>,
    books: &mut Books,
) -> rusqlite::Result<()> {
    if let Some(sum) = before {
        books.meta.parts.take(sum);
    }
    match body {
        Some(body) => {
            let body = &*cells.put(body, || rows::part_cell(&key.kind, &key.key));
            let sum = rows::part_sum(&key.kind, &key.key, body);
            tx.prepare_cached("INSERT OR REPLACE INTO part (kind, key, body, sum) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key.kind, key.key, body, i64::from(sum)])?;
            books.meta.parts.add(sum);
            books.parts.push((key.clone(), Some(sum)));
        }
        None if before.is_some() => {
            tx.prepare_cached("DELETE FROM part WHERE kind = ?1 AND key = ?2")?.execute(params![key.kind, key.key])?;
            books.parts.push((key.clone(), None));
        }
        None => {}
    }
    Ok(())
}

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn write_history(tx: &Transaction<'_>, batch: &Batch, cells: &Cells<'_>, books: &Books) -> rusqlite::Result<()> {
    if batch.run_began {
        let first = batch.lines.first().map_or(0, |line| line.number);
        tx.execute("DELETE FROM journal WHERE number < ?1", [signed(first.saturating_sub(LINES_KEPT))])?;
        tx.execute("DELETE FROM run WHERE number < ?1", [signed(books.meta.runs.saturating_sub(RUNS_KEPT))])?;
    }
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO journal (number, run, at, line) VALUES (?1, ?2, ?3, ?4)")?;
    for line in &batch.lines {
        let text = line.text();
        let text = cells.put(&text, || history::line_cell(line.number));
        insert.execute(params![signed(line.number), signed(line.run), line.at.0, text])?;
    }
    for past in &batch.over {
        let body = serde_json::to_string(past).unwrap_or_default();
        let body = cells.put(&body, || history::run_cell(past.run.number));
        tx.prepare_cached("INSERT OR REPLACE INTO run (number, body) VALUES (?1, ?2)")?
            .execute(params![signed(past.run.number), body])?;
    }
    Ok(())
}
