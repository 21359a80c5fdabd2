//! A page: what one transaction changed, or (a whole page) everything there is, as bytes that stand alone.
//!
//! Shared states are a row of pages. The file of the default keeps pages beside its tables, so that any serial of the last runs
//! can be had back. Folding pages in order gives the state after each of them.

use super::batch::Batch;
use super::cells::Cells;
use super::error::StateError;
use super::history::{History, Line, PastRun};
use super::lock::Holder;
use super::model::{Object, ObjectId, State, Time};
use super::rows::{self, Fields, ObjectRow, Shared};
use super::seal::{self, Keys};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// The newest form of pages this program knows.
const FORM: u32 = 1;
/// Lines of the journal that a whole page carries on.
const LINES_CARRIED: usize = 2_000;
/// Past runs that a whole page carries on.
const RUNS_CARRIED: usize = 500;

/// What changed, in the order of writing: see the fields.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct Page {
    form: u32,
    /// Its place in the row; from 1, without gaps.
    pub number: u64,
    /// The fencing token: the number of the page with which its writer took the state over.
    pub fence: u64,
    /// Tells it from any other page, so that a writer whose connection was cut knows its own again.
    pub unique: String,
    /// Who takes over with this page; none on others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    pub lineage: String,
    pub writer: String,
    pub serial: u64,
    pub runs: u64,
    pub journal: u64,
    pub at: Time,
    /// Everything that was there before goes.
    whole: bool,
    objects: Vec<Kept>,
    /// Objects that are gone: address and deposed key.
    gone: Vec<(String, Option<String>)>,
    /// Kind, key, body (`None`: gone).
    parts: Vec<(String, String, Option<String>)>,
    lines: Vec<(u64, u64, Time, Line)>,
    over: Vec<PastRun>,
}

/// An object with the texts its row has.
#[derive(Serialize, Deserialize)]
struct Kept {
    address: String,
    deposed: Option<String>,
    provider: String,
    schema: i64,
    attributes: String,
    sensitive: Option<String>,
    #[serde(with = "bytes")]
    private: Vec<u8>,
    dependencies: Option<String>,
    flags: i64,
    identity: Option<(i64, String)>,
}

mod bytes {
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> serde::de::Visitor<'de> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl Kept {
    fn of(id: &ObjectId, object: &Object) -> Kept {
        // A page is sealed as a whole.
        let row = ObjectRow::new(id, object, &Cells::new(Path::new(""), &Keys::default()));
        Kept {
            schema: object.schema_version,
            attributes: row.attributes.into_owned(),
            private: row.private.into_owned(),
            identity: row.identity.map(|(schema, value)| (schema, value.into_owned())),
            address: row.address,
            deposed: row.deposed,
            provider: row.provider,
            sensitive: row.sensitive,
            dependencies: row.dependencies,
            flags: row.flags,
        }
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            address: &self.address,
            deposed: self.deposed.as_deref(),
            provider: &self.provider,
            schema: self.schema,
            attributes: &self.attributes,
            sensitive: self.sensitive.as_deref(),
            private: &self.private,
            dependencies: self.dependencies.as_deref(),
            flags: self.flags,
            identity: self.identity.as_ref().map(|(schema, value)| (*schema, value.as_str())),
        }
    }
}

/// A state as pages give it, with what is kept beside it.
#[derive(Clone, Default)]
pub(super) struct Folded {
    pub state: State,
    pub history: History,
    /// The latest moment anything was written at.
    pub at: Time,
    /// The last page folded in.
    pub number: u64,
    /// Whose pages they are.
    pub fence: u64,
}

impl Page {
    /// What a batch changes.
    pub fn of(batch: &Batch) -> Page {
        let mut page = Page { form: FORM, unique: uuid::Uuid::new_v4().to_string(), ..Page::default() };
        if let Some(head) = &batch.head {
            page.lineage = head.lineage.to_string();
            page.writer = head.writer.to_string();
            (page.serial, page.runs, page.journal, page.at) = (head.serial, head.runs, head.journal, head.at);
        }
        page.whole = batch.wipe;
        for (id, object) in &batch.objects {
            match object {
                Some(object) => page.objects.push(Kept::of(id, object)),
                None => page.gone.push((id.address.to_string(), id.deposed.map(|key| key.to_string()))),
            }
        }
        page.parts = batch.parts.iter().map(|(k, body)| (k.kind.to_string(), k.key.clone(), body.clone())).collect();
        page.lines = batch.lines.iter().map(|line| (line.number, line.run, line.at, line.clone())).collect();
        page.over.clone_from(&batch.over);
        page
    }

    /// Everything there is.
    pub fn whole(folded: &Folded) -> Page {
        let state = &folded.state;
        let part = |change| rows::part(&change);
        let lines = &folded.history.lines[folded.history.lines.len().saturating_sub(LINES_CARRIED)..];
        let runs = &folded.history.runs[folded.history.runs.len().saturating_sub(RUNS_CARRIED)..];
        Page {
            whole: true,
            objects: state.objects.iter().map(|(id, object)| Kept::of(id, object)).collect(),
            parts: rows::all_parts(state)
                .into_iter()
                .filter_map(part)
                .map(|(key, body)| (key.kind.to_string(), key.key, body))
                .collect(),
            lines: lines.iter().map(|line| (line.number, line.run, line.at, line.clone())).collect(),
            over: runs.to_vec(),
            ..Page::headed(folded, folded.number, folded.fence)
        }
    }

    /// A page that changes nothing but who may write.
    pub fn taking_over(folded: &Folded, holder: Option<Holder>) -> Page {
        let number = folded.number.saturating_add(1);
        Page { holder, ..Page::headed(folded, number, number) }
    }

    /// The numbers of a state, and nothing else yet.
    fn headed(folded: &Folded, number: u64, fence: u64) -> Page {
        let state = &folded.state;
        Page {
            form: FORM,
            number,
            fence,
            unique: uuid::Uuid::new_v4().to_string(),
            lineage: state.lineage.to_string(),
            writer: state.writer.to_string(),
            serial: state.serial,
            runs: state.runs,
            journal: state.journal,
            at: folded.at,
            ..Page::default()
        }
    }

    /// The bytes to keep. `name`: what they are kept as, which is sealed in with them.
    pub fn pack(&self, keys: &Keys, name: &str) -> Vec<u8> {
        // Texts and numbers only: writing them cannot fail.
        let plain = rmp_serde::to_vec_named(self).unwrap_or_default();
        seal::pack(&plain, keys, name)
    }

    /// Reads what [`Page::pack`] wrote.
    pub fn unpack(bytes: &[u8], keys: &Keys, name: &str, path: &Path) -> Result<Page, StateError> {
        let plain = seal::unpack(bytes, keys, name)
            .map_err(|e| StateError::Sealed { path: path.to_path_buf(), what: e.to_string() })?;
        let corrupt = |what: String| StateError::Corrupt { path: path.to_path_buf(), what };
        let page: Page =
            rmp_serde::from_slice(&plain).map_err(|_| corrupt(format!("its part {name} cannot be read")))?;
        if page.form > FORM {
            return Err(StateError::Newer { path: path.to_path_buf(), found: page.form, known: FORM });
        }
        Ok(page)
    }
}

/// A reader of pages; what many objects have in common it reads once.
#[derive(Default)]
pub(super) struct Folding {
    pub folded: Folded,
    shared: Shared,
}

impl Folding {
    /// Folds one page in. False: it is not what was written.
    #[must_use]
    pub fn add(&mut self, page: Page) -> bool {
        let Folding { folded, shared } = self;
        let state = &mut folded.state;
        if page.whole {
            *state = State::default();
        }
        let mut fine = true;
        for kept in &page.objects {
            match shared.fields(&kept.fields()) {
                Some((id, object)) => drop(state.objects.insert(id, Arc::new(object))),
                None => fine = false,
            }
        }
        for (address, deposed) in &page.gone {
            match shared.id(address, deposed.as_deref()) {
                Some(id) => drop(state.objects.remove(&id)),
                None => fine = false,
            }
        }
        for (kind, key, body) in &page.parts {
            fine &= match body {
                Some(body) => rows::read_part(state, kind, key, body).is_some(),
                None => rows::drop_part(state, kind, key).is_some(),
            };
        }
        state.lineage = page.lineage.as_str().into();
        state.writer = page.writer.as_str().into();
        (state.serial, state.runs, state.journal) = (page.serial, page.runs, page.journal);
        let lines = page.lines.into_iter().map(|(number, run, at, line)| Line { number, run, at, ..line });
        folded.history.lines.extend(lines);
        folded.history.runs.extend(page.over);
        folded.at = folded.at.max(page.at);
        (folded.number, folded.fence) = (page.number, page.fence);
        fine
    }
}

impl Folded {
    /// Takes in a batch that was written as a page.
    pub fn enter(&mut self, batch: &Batch, number: u64) {
        let state = &mut self.state;
        if batch.wipe {
            *state = State::default();
        }
        for (id, object) in &batch.objects {
            match object {
                Some(object) => state.objects.insert(id.clone(), object.clone()),
                None => state.objects.remove(id),
            };
        }
        for (key, body) in &batch.parts {
            // What was just written can be read.
            let _ = match body {
                Some(body) => rows::read_part(state, &key.kind, &key.key, body),
                None => rows::drop_part(state, &key.kind, &key.key),
            };
        }
        if let Some(head) = &batch.head {
            state.lineage.clone_from(&head.lineage);
            state.writer.clone_from(&head.writer);
            (state.serial, state.runs, state.journal) = (head.serial, head.runs, head.journal);
            self.at = self.at.max(head.at);
        }
        self.history.lines.extend(batch.lines.iter().cloned());
        self.history.runs.extend(batch.over.iter().cloned());
        let most = LINES_CARRIED.saturating_mul(2);
        if self.history.lines.len() > most {
            self.history.lines.drain(..self.history.lines.len() - LINES_CARRIED);
        }
        self.number = number;
    }
}
