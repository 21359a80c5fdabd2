//! The tables: how a state lies in its file, and how it is read back.
//!
//! Objects are rows of their own, everything else is a `part`: a kind, a key, a JSON body. Every row carries a checksum, and the
//! `meta` row counts and sums the rows, because SQLite itself notices neither a flipped bit in a text nor a lost row.

use super::cells::Cells;
use super::error::StateError;
use super::fold::Change;
use super::journal::{ActionId, Open, Run};
use super::json::Json;
use super::model::{
    DeposedKey, Failover, Identity, Loss, Note, NoteKey, Object, ObjectId, Output, ProviderRef, Rule, State, Time,
};
use super::paths;
use super::seal::{Keys, SealError};
use crate::lang::address::Address;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path as FilePath;
use std::sync::Arc;
use straddle_sdk::value::Path;

/// What a new file is made of. No index: rows are found by the number the writer remembers.
pub(super) const TABLES: &str = "
    CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
    CREATE TABLE object (
        id INTEGER PRIMARY KEY, address TEXT NOT NULL, deposed TEXT, provider TEXT NOT NULL, schema INTEGER NOT NULL,
        attributes TEXT NOT NULL, sensitive TEXT, private BLOB, dependencies TEXT, flags INTEGER NOT NULL, identity TEXT,
        identity_schema INTEGER, sum INTEGER NOT NULL) STRICT;
    CREATE TABLE part (
        kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
    CREATE TABLE journal (number INTEGER PRIMARY KEY, run INTEGER NOT NULL, at INTEGER NOT NULL, line TEXT NOT NULL) STRICT;
    CREATE TABLE run (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
    CREATE TABLE lock (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL) STRICT;
";

/// The numbers of the whole, and the sums that tell whether all rows are there.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Meta {
    pub lineage: String,
    pub serial: u64,
    pub writer: String,
    pub runs: u64,
    pub journal: u64,
    /// The latest moment any record was written at.
    pub at: Time,
    pub objects: Count,
    pub parts: Count,
    /// Of an encrypted file: a text of ours, encrypted, by which a wrong key is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

impl Meta {
    /// What rows are read with: nothing where they are in the clear, whatever is configured.
    ///
    /// # Errors
    /// They are encrypted, and there is no key.
    pub fn keys(&self, path: &FilePath, given: &Keys) -> Result<Keys, StateError> {
        match (&self.seal, &given.current) {
            (None, _) => Ok(Keys::default()),
            (Some(_), Some(_)) => Ok(given.clone()),
            (Some(_), None) => Err(StateError::Sealed { path: path.to_path_buf(), what: SealError::NoKey.to_string() }),
        }
    }

    /// The text by which a wrong key is known, for a file that these cells are written to.
    pub fn sealed_with(cells: &Cells<'_>) -> String {
        cells.put(SEAL, || SEAL.into()).into_owned()
    }
}

/// What [`Meta::seal`] says.
const SEAL: &str = "straddle";

/// How many rows, and a sum over their checksums that does not depend on order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Count {
    pub rows: u64,
    pub sum: u64,
}

impl Count {
    pub fn add(&mut self, sum: u32) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(spread(sum));
    }

    pub fn take(&mut self, sum: u32) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(spread(sum));
    }
}

/// Spreads a checksum over 64 bits, so that sums of many stay apart.
fn spread(sum: u32) -> u64 {
    (u64::from(sum) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A checksum over fields, each with its length before it.
pub(super) struct Sum(flate2::Crc);

impl Sum {
    pub fn new() -> Sum {
        Sum(flate2::Crc::new())
    }

    pub fn field(mut self, bytes: &[u8]) -> Sum {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// A field that may be missing, which is not the same as empty.
    pub fn maybe(self, bytes: Option<&[u8]>) -> Sum {
        match bytes {
            Some(bytes) => self.field(&[1]).field(bytes),
            None => self.field(&[0]),
        }
    }

    pub fn number(self, number: i64) -> Sum {
        self.field(&number.to_le_bytes())
    }

    pub fn get(&self) -> u32 {
        self.0.sum()
    }
}

/// An object as its row has it.
pub(super) struct ObjectRow<'a> {
    pub address: String,
    pub deposed: Option<String>,
    pub provider: String,
    pub attributes: Cow<'a, str>,
    pub sensitive: Option<String>,
    pub private: Cow<'a, [u8]>,
    pub dependencies: Option<String>,
    pub flags: i64,
    pub identity: Option<(i64, Cow<'a, str>)>,
    pub sum: u32,
}

/// Which cell of which object's row.
fn cell(address: &str, deposed: Option<&str>, column: &str) -> String {
    format!("object/{address}/{}/{column}", deposed.unwrap_or_default())
}

const CREATE_BEFORE_DESTROY: i64 = 1;
const TAINTED: i64 = 2;

impl<'a> ObjectRow<'a> {
    pub fn new(id: &ObjectId, object: &'a Object, cells: &Cells<'_>) -> ObjectRow<'a> {
        let (address, deposed) = (id.address.to_string(), id.deposed.map(|key| key.to_string()));
        let name = |column| cell(&address, deposed.as_deref(), column);
        let sensitive = (!object.sensitive.is_empty()).then(|| paths::write(&object.sensitive));
        let mut row = ObjectRow {
            provider: object.provider.to_string(),
            attributes: cells.put(object.attributes.as_str(), || name("attributes")),
            sensitive: sensitive.map(|text| cells.put(&text, || name("sensitive")).into_owned()),
            private: match object.private.is_empty() {
                true => Cow::Borrowed(&[][..]),
                false => cells.put_bytes(&object.private, || name("private")),
            },
            dependencies: (!object.dependencies.is_empty()).then(|| write_addresses(&object.dependencies)),
            flags: if object.create_before_destroy { CREATE_BEFORE_DESTROY } else { 0 }
                | if object.tainted { TAINTED } else { 0 },
            identity: object
                .identity
                .as_ref()
                .map(|identity| (identity.schema_version, cells.put(identity.value.as_str(), || name("identity")))),
            sum: 0,
            address,
            deposed,
        };
        row.sum = Fields {
            address: &row.address,
            deposed: row.deposed.as_deref(),
            provider: &row.provider,
            schema: object.schema_version,
            attributes: &row.attributes,
            sensitive: row.sensitive.as_deref(),
            private: &row.private,
            dependencies: row.dependencies.as_deref(),
            flags: row.flags,
            identity: row.identity.as_ref().map(|(schema, value)| (*schema, &**value)),
        }
        .sum();
        row
    }
}

fn write_addresses(addresses: &[Address]) -> String {
    let texts: Vec<String> = addresses.iter().map(|address| super::json::literal(&address.to_string())).collect();
    format!("[{}]", texts.join(","))
}

/// The fields of an object's row, borrowed from wherever they are.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub address: &'a str,
    pub deposed: Option<&'a str>,
    pub provider: &'a str,
    pub schema: i64,
    pub attributes: &'a str,
    pub sensitive: Option<&'a str>,
    pub private: &'a [u8],
    pub dependencies: Option<&'a str>,
    pub flags: i64,
    pub identity: Option<(i64, &'a str)>,
}

impl Fields<'_> {
    fn sum(&self) -> u32 {
        let sum = Sum::new()
            .field(self.address.as_bytes())
            .maybe(self.deposed.map(str::as_bytes))
            .field(self.provider.as_bytes())
            .number(self.schema)
            .field(self.attributes.as_bytes())
            .maybe(self.sensitive.map(str::as_bytes))
            .field(self.private)
            .maybe(self.dependencies.map(str::as_bytes))
            .number(self.flags);
        match self.identity {
            Some((schema, value)) => sum.number(schema).field(value.as_bytes()).get(),
            None => sum.get(),
        }
    }
}

/// The key of a part.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct PartKey {
    pub kind: Cow<'static, str>,
    pub key: String,
}

pub(super) fn part_sum(kind: &str, key: &str, body: &str) -> u32 {
    Sum::new().field(kind.as_bytes()).field(key.as_bytes()).field(body.as_bytes()).get()
}

/// A change to a part as key and new body (`None`: gone). `None` for what is no part.
pub(super) fn part(change: &Change) -> Option<(PartKey, Option<String>)> {
    fn body<T: Serialize>(value: &Option<T>) -> Option<String> {
        // These types have string keys and finite numbers only: writing them cannot fail.
        value.as_ref().and_then(|value| serde_json::to_string(value).ok())
    }
    let (kind, key, body) = match change {
        Change::Open(action, open) => ("open", action.to_string(), body(open)),
        Change::Output(name, output) => ("output", name.clone(), body(output)),
        Change::Failover(loss, failover) => ("failover", serde_json::to_string(loss).ok()?, body(failover)),
        Change::Rules(workload, rules) => ("rules", workload.clone(), body(rules)),
        Change::Note(key, note) => ("note", serde_json::to_string(key).ok()?, body(note)),
        Change::Checks(checks) => ("checks", String::new(), checks.as_ref().map(|json| json.as_str().to_string())),
        Change::Run(run) => ("run", String::new(), body(run)),
        Change::Object(..) | Change::RunOver { .. } | Change::Everything => return None,
    };
    Some((PartKey { kind: kind.into(), key }, body))
}

/// Everything of a state that is a part, as changes.
pub(super) fn all_parts(state: &State) -> Vec<Change> {
    let mut parts = Vec::new();
    parts.extend(state.open.iter().map(|open| Change::Open(open.begin.action, Some(open.clone()))));
    parts.extend(state.outputs.iter().map(|(k, v)| Change::Output(k.clone(), Some(v.clone()))));
    parts.extend(state.failovers.iter().map(|(k, v)| Change::Failover(k.clone(), Some(v.clone()))));
    parts.extend(state.rules.iter().map(|(k, v)| Change::Rules(k.clone(), Some(v.clone()))));
    parts.extend(state.notes.iter().map(|(k, v)| Change::Note(k.clone(), Some(v.clone()))));
    parts.extend(state.checks.iter().map(|checks| Change::Checks(Some(checks.clone()))));
    parts.extend(state.run.iter().map(|run| Change::Run(Some(run.clone()))));
    parts
}

/// A state read back, and what its writer needs to find the rows again.
#[derive(Debug)]
pub(super) struct Decoded {
    pub state: State,
    pub meta: Meta,
    /// Row number and checksum of every object, in the order of `state.objects` when sorted by id.
    pub rows: Vec<(ObjectId, i64, u32)>,
    /// Checksum of every part.
    pub parts: Vec<(String, String, u32)>,
    /// Who had the lock when the file was last written, if it was never given back.
    pub holder: Option<super::lock::Holder>,
    /// Some of it was written with a former key.
    pub aged: bool,
}

/// Reads the numbers of the whole.
pub(super) fn meta(path: &FilePath, db: &Connection) -> Result<Meta, StateError> {
    let corrupt = |what: String| StateError::Corrupt { path: path.to_path_buf(), what };
    let row =
        db.query_row("SELECT body, sum FROM meta", [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let (body, sum) = row.map_err(|error| StateError::sqlite(path, &error))?;
    if i64::from(part_sum("meta", "", &body)) != sum {
        return Err(corrupt("its summary does not have the checksum it was written with".into()));
    }
    serde_json::from_str(&body).map_err(|e| corrupt(format!("its summary cannot be read: {e}")))
}

/// Who had the lock when the file was last written, if it was never given back.
pub(super) fn holder(path: &FilePath, db: &Connection) -> Result<Option<super::lock::Holder>, StateError> {
    let body = db.query_row("SELECT body FROM lock", [], |row| row.get::<_, String>(0)).optional();
    let body = body.map_err(|error| StateError::sqlite(path, &error))?;
    Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
}

/// Reads all tables and checks every row.
pub(super) fn decode(path: &FilePath, db: &Connection, given: &Keys) -> Result<Decoded, StateError> {
    let corrupt = |what: String| StateError::Corrupt { path: path.to_path_buf(), what };
    let meta = meta(path, db)?;
    let keys = meta.keys(path, given)?;
    let cells = Cells::new(path, &keys);
    if let Some(seal) = &meta.seal {
        cells.get(seal, || SEAL.into())?;
    }
    let mut state = State {
        lineage: meta.lineage.as_str().into(),
        serial: meta.serial,
        writer: meta.writer.as_str().into(),
        runs: meta.runs,
        journal: meta.journal,
        ..State::default()
    };
    let rows = decode_objects(path, db, &cells, &mut state)?;
    let mut found = Count::default();
    rows.iter().for_each(|(_, _, sum)| found.add(*sum));
    if found != meta.objects || state.objects.len() != rows.len() {
        return Err(corrupt(format!("it holds {} objects, {} were written", found.rows, meta.objects.rows)));
    }
    let parts = decode_parts(path, db, &cells, &mut state)?;
    let mut found = Count::default();
    parts.iter().for_each(|(_, _, sum)| found.add(*sum));
    if found != meta.parts {
        return Err(corrupt(format!(
            "it holds {} entries beside objects, {} were written",
            found.rows, meta.parts.rows
        )));
    }
    let aged = cells.are_aged();
    Ok(Decoded { state, meta, rows, parts, holder: holder(path, db)?, aged })
}

fn decode_objects(
    path: &FilePath,
    db: &Connection,
    cells: &Cells<'_>,
    state: &mut State,
) -> Result<Vec<(ObjectId, i64, u32)>, StateError> {
    let sqlite = |error: rusqlite::Error| StateError::sqlite(path, &error);
    let mut select = db
        .prepare(
            "SELECT id, sum, address, deposed, provider, schema, attributes, sensitive, private, dependencies, flags, identity,
             identity_schema FROM object",
        )
        .map_err(sqlite)?;
    let mut rows = select.query([]).map_err(sqlite)?;
    let mut shared = Shared::default();
    let (mut objects, mut places) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().map_err(sqlite)? {
        let number: i64 = row.get(0).map_err(sqlite)?;
        let corrupt = || StateError::Corrupt {
            path: path.to_path_buf(),
            what: format!("object {number} does not have the checksum it was written with"),
        };
        let (fields, sum) = stored(row).ok_or_else(corrupt)?;
        let (id, object) = shared.opened(&fields, cells)?.ok_or_else(corrupt)?;
        places.push((id.clone(), number, sum));
        objects.push((id, Arc::new(object)));
    }
    state.objects = objects.into_iter().collect();
    Ok(places)
}

/// What many objects have in common, read once.
#[derive(Default)]
pub(super) struct Shared {
    providers: HashMap<String, ProviderRef>,
    sensitive: HashMap<String, Arc<[Path]>>,
    dependencies: HashMap<String, Arc<[Address]>>,
    last: Option<Address>,
    nothing: Nothing,
}

/// What most objects have none of, shared.
struct Nothing {
    paths: Arc<[Path]>,
    addresses: Arc<[Address]>,
    bytes: Arc<[u8]>,
}

impl Default for Nothing {
    fn default() -> Nothing {
        Nothing { paths: Arc::from([]), addresses: Arc::from([]), bytes: Arc::from([]) }
    }
}

/// The fields of a row as they are kept, with their checksum. `None`: the row is not what was written.
fn stored<'r>(row: &'r Row<'_>) -> Option<(Fields<'r>, u32)> {
    let text = |at| row.get_ref(at).ok()?.as_str().ok();
    let maybe = |at| match row.get_ref(at).ok()? {
        ValueRef::Null => Some(None),
        value => value.as_str().ok().map(Some),
    };
    let number = |at| row.get_ref(at).ok()?.as_i64().ok();
    let private = match row.get_ref(8).ok()? {
        ValueRef::Null => &[][..],
        value => value.as_blob().ok()?,
    };
    let fields = Fields {
        address: text(2)?,
        deposed: maybe(3)?,
        provider: text(4)?,
        schema: number(5)?,
        attributes: text(6)?,
        sensitive: maybe(7)?,
        private,
        dependencies: maybe(9)?,
        flags: number(10)?,
        identity: match maybe(11)? {
            Some(value) => Some((number(12)?, value)),
            None => None,
        },
    };
    let sum = fields.sum();
    (i64::from(sum) == number(1)?).then_some((fields, sum))
}

impl Shared {
    /// An object from its fields as they are kept. `None`: they are not what was written.
    fn opened(&mut self, kept: &Fields<'_>, cells: &Cells<'_>) -> Result<Option<(ObjectId, Object)>, StateError> {
        let name = |column| cell(kept.address, kept.deposed, column);
        let attributes = cells.get(kept.attributes, || name("attributes"))?;
        let sensitive = kept.sensitive.map(|text| cells.get(text, || name("sensitive"))).transpose()?;
        let private = match kept.private.is_empty() {
            true => Cow::Borrowed(kept.private),
            false => cells.get_bytes(kept.private, || name("private"))?,
        };
        let identity = match kept.identity {
            Some((schema, value)) => Some((schema, cells.get(value, || name("identity"))?)),
            None => None,
        };
        Ok(self.fields(&Fields {
            attributes: &attributes,
            sensitive: sensitive.as_deref(),
            private: &private,
            identity: identity.as_ref().map(|(schema, value)| (*schema, &**value)),
            ..*kept
        }))
    }

    /// Which object.
    pub fn id(&mut self, address: &str, deposed: Option<&str>) -> Option<ObjectId> {
        let address = self.address(address)?;
        let deposed = match deposed {
            Some(key) => Some(DeposedKey::parse(key)?),
            None => None,
        };
        Some(ObjectId { address, deposed })
    }

    /// An object from its fields. `None`: they are not what was written.
    pub fn fields(&mut self, fields: &Fields<'_>) -> Option<(ObjectId, Object)> {
        let id = self.id(fields.address, fields.deposed)?;
        let object = Object {
            provider: cached(&mut self.providers, fields.provider, ProviderRef::parse)?,
            schema_version: fields.schema,
            attributes: Json::kept(fields.attributes),
            sensitive: match fields.sensitive {
                Some(text) => cached(&mut self.sensitive, text, |text| paths::read(text).map(Into::into))?,
                None => self.nothing.paths.clone(),
            },
            private: if fields.private.is_empty() { self.nothing.bytes.clone() } else { fields.private.into() },
            dependencies: match fields.dependencies {
                Some(text) => cached(&mut self.dependencies, text, read_addresses)?,
                None => self.nothing.addresses.clone(),
            },
            create_before_destroy: fields.flags & CREATE_BEFORE_DESTROY != 0,
            tainted: fields.flags & TAINTED != 0,
            identity: fields
                .identity
                .map(|(schema_version, value)| Arc::new(Identity { schema_version, value: Json::kept(value) })),
        };
        Some((id, object))
    }

    /// Neighbours are mostly instances of one resource: they share its names.
    fn address(&mut self, text: &str) -> Option<Address> {
        let mut address: Address = text.parse().ok()?;
        if let Some(last) = &self.last {
            if last.workload == address.workload {
                address.workload.clone_from(&last.workload);
            }
            if last.ty == address.ty {
                address.ty = last.ty.clone();
            }
            if last.name == address.name {
                address.name = last.name.clone();
            }
        }
        self.last = Some(address.clone());
        Some(address)
    }
}

fn cached<T: Clone>(cache: &mut HashMap<String, T>, text: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    if let Some(known) = cache.get(text) {
        return Some(known.clone());
    }
    let value = read(text)?;
    cache.insert(text.to_string(), value.clone());
    Some(value)
}

fn read_addresses(text: &str) -> Option<Arc<[Address]>> {
    let texts: Vec<String> = serde_json::from_str(text).ok()?;
    texts.iter().map(|text| text.parse().ok()).collect()
}

/// Which part's body.
pub(super) fn part_cell(kind: &str, key: &str) -> String {
    format!("part/{kind}/{key}")
}

fn decode_parts(
    path: &FilePath,
    db: &Connection,
    cells: &Cells<'_>,
    state: &mut State,
) -> Result<Vec<(String, String, u32)>, StateError> {
    let sqlite = |error: rusqlite::Error| StateError::sqlite(path, &error);
    let mut select = db.prepare("SELECT kind, key, body, sum FROM part").map_err(sqlite)?;
    let mut rows = select.query([]).map_err(sqlite)?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next().map_err(sqlite)? {
        let kind: String = row.get(0).map_err(sqlite)?;
        let key: String = row.get(1).map_err(sqlite)?;
        let body: String = row.get(2).map_err(sqlite)?;
        let sum = part_sum(&kind, &key, &body);
        let same = i64::from(sum) == row.get::<_, i64>(3).map_err(sqlite)?;
        let corrupt = || {
            let what = format!("an entry of kind {kind:?} does not have the checksum it was written with");
            StateError::Corrupt { path: path.to_path_buf(), what }
        };
        if !same {
            return Err(corrupt());
        }
        let body = cells.get(&body, || part_cell(&kind, &key))?;
        read_part(state, &kind, &key, &body).ok_or_else(corrupt)?;
        parts.push((kind, key, sum));
    }
    Ok(parts)
}

/// Reads a part into the state. `None`: it is not what was written.
pub(super) fn read_part(state: &mut State, kind: &str, key: &str, body: &str) -> Option<()> {
    fn read<'a, T: Deserialize<'a>>(body: &'a str) -> Option<T> {
        serde_json::from_str(body).ok()
    }
    match kind {
        "open" => {
            let open = read::<Open>(body)?;
            if ActionId::parse(key)? != open.begin.action {
                return None;
            }
            state.open.insert(open);
        }
        "output" => drop(state.outputs.insert(key.to_string(), read::<Output>(body)?)),
        "failover" => drop(state.failovers.insert(read::<Loss>(key)?, read::<Failover>(body)?)),
        "rules" => drop(state.rules.insert(key.to_string(), read::<BTreeMap<String, Rule>>(body)?)),
        "note" => drop(state.notes.insert(read::<NoteKey>(key)?, read::<Note>(body)?)),
        "checks" => state.checks = Some(Json::new(body).ok()?),
        "run" => state.run = Some(read::<Run>(body)?),
        _ => return None,
    }
    Some(())
}

/// Takes a part out of the state. `None`: its key is none.
pub(super) fn drop_part(state: &mut State, kind: &str, key: &str) -> Option<()> {
    match kind {
        "open" => drop(state.open.remove(ActionId::parse(key)?)),
        "output" => drop(state.outputs.remove(key)),
        "failover" => drop(state.failovers.remove(&serde_json::from_str::<Loss>(key).ok()?)),
        "rules" => drop(state.rules.remove(key)),
        "note" => drop(state.notes.remove(&serde_json::from_str::<NoteKey>(key).ok()?)),
        "checks" => state.checks = None,
        "run" => state.run = None,
        _ => return None,
    }
    Some(())
}
