//! Opening the file: making it, knowing it again, leaving what is something else alone.

use super::Store;
use crate::error::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Says in the file's header whose it is.
const APPLICATION: i64 = 0x5374_5369;
/// The newest layout known here.
const VERSION: i64 = 1;
/// How long to wait for other processes.
const PATIENCE: Duration = Duration::from_secs(10);

const LAYOUT: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE domain (
    level TEXT NOT NULL, name TEXT NOT NULL, quota INTEGER,
    power_lost INTEGER NOT NULL DEFAULT 0, api_cut INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (level, name)) WITHOUT ROWID;
CREATE TABLE place (
    cloud TEXT NOT NULL, zone TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (cloud, zone)) WITHOUT ROWID;
CREATE TABLE object (
    key INTEGER PRIMARY KEY, cloud TEXT NOT NULL, zone TEXT,
    owner TEXT, address TEXT, token TEXT,
    spec TEXT NOT NULL, is_on INTEGER NOT NULL, half_made INTEGER NOT NULL, boot INTEGER NOT NULL, booting_since INTEGER NOT NULL,
    units TEXT, unique_as TEXT, balancer INTEGER, member INTEGER,
    version INTEGER NOT NULL, written_at INTEGER NOT NULL, hidden_until INTEGER NOT NULL, before TEXT, deleted_at INTEGER);
CREATE INDEX object_zone ON object (zone, key) WHERE zone IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX object_token ON object (cloud, token) WHERE token IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX object_unique ON object (cloud, unique_as) WHERE unique_as IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX object_balancer ON object (balancer) WHERE balancer IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX object_member ON object (member) WHERE member IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX object_deleted ON object (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE fault (
    op TEXT NOT NULL, kind TEXT NOT NULL, rate REAL NOT NULL, seed INTEGER NOT NULL, drawn INTEGER NOT NULL,
    PRIMARY KEY (op, kind)) WITHOUT ROWID;
CREATE TABLE pace (cloud TEXT PRIMARY KEY, next_at INTEGER NOT NULL) WITHOUT ROWID;
";

impl Store {
    /// Opens the store, and makes it if there is none.
    pub fn open_or_create(path: &Path) -> Result<Store, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Store::connect(path, flags)
    }

    /// Opens a store that exists; one that cannot be written is opened for reading.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        match Store::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE) {
            Err(StoreError::Sqlite(error)) if cannot_write(&error) => Store::open_read_only(path),
            result => result,
        }
    }

    /// Clouds that are forgotten when the store is dropped.
    pub fn in_memory() -> Result<Store, StoreError> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(LAYOUT)?;
        Ok(Store { connection })
    }

    /// Writes a copy of everything into a file that is not there yet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        self.connection.execute("VACUUM INTO ?1", [path.to_string_lossy()])?;
        Ok(())
    }

    /// Where not even SQLite's side files can be made, the file is read as it lies; sound only if nothing waits beside it.
    fn open_read_only(path: &Path) -> Result<Store, StoreError> {
        match Store::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            Err(StoreError::Sqlite(error)) if cannot_write(&error) => {
                let mut beside = path.as_os_str().to_owned();
                beside.push("-wal");
                let waiting = std::fs::metadata(&beside).is_ok_and(|file| file.len() > 0);
                let Some(uri) = immutable_uri(path).filter(|_| !waiting) else { return Err(error.into()) };
                Store::connect(Path::new(&uri), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
            }
            result => result,
        }
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Store, StoreError> {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(64);
        let application = match header(&connection, "application_id") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                return Err(StoreError::Foreign(path.to_owned()));
            }
            other => other?,
        };
        let writable = flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE);
        if application == 0 && flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
            lay_out(&connection, path)?;
        } else if application == 0 && tables(&connection)? == 0 {
            // Empty: whoever was to lay it out did not get that far.
            return Err(StoreError::Missing(path.to_owned()));
        } else if application != APPLICATION && header(&connection, "application_id")? != APPLICATION {
            // Asked twice: another process may have laid it out between the first look and the count of its tables.
            return Err(StoreError::Foreign(path.to_owned()));
        }
        let found = header(&connection, "user_version")?;
        if found != VERSION {
            return Err(StoreError::TooNew { path: path.to_owned(), found, known: VERSION });
        }
        if writable {
            // Durable against the end of a process, which is all that a simulation can lose.
            connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        }
        Ok(Store { connection })
    }
}

fn header(connection: &Connection, name: &str) -> Result<i64, rusqlite::Error> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

fn tables(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

/// Makes the tables in an empty file, once, however many processes try.
fn lay_out(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let made = lay_out_locked(connection, path);
    connection.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    made?;
    write_ahead(connection)
}

fn lay_out_locked(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if header(connection, "application_id")? == APPLICATION {
        return Ok(());
    }
    if tables(connection)? > 0 {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    connection.execute_batch(LAYOUT)?;
    connection.execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"))?;
    Ok(())
}

/// Readers do not wait for writers. SQLite does not wait for others when it changes this, so a few tries are made; a store that
/// stays in the older mode works too.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    for _ in 0..50 {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if is_busy(&error) => std::thread::sleep(Duration::from_millis(10)),
            other => return other.map(|_| ()).map_err(StoreError::from),
        }
    }
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn cannot_write(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied))
}

/// The file as a URI, each byte that could mean something else escaped.
fn immutable_uri(path: &Path) -> Option<String> {
    let mut uri = String::from("file:");
    for byte in path.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    Some(uri)
}
