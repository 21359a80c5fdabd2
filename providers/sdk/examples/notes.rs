//! A whole provider: notes kept in memory. What an author writes is schemas and handlers.
//!
//! `cargo build -p straddle-sdk --example notes` makes `target/debug/examples/notes`; under the name `terraform-provider-notes` it
//! can be used by Terraform (`dev_overrides`) and by straddle. Notes live as long as the process, or in the file that the provider
//! configuration names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use straddle_sdk::provider::prelude::*;
use straddle_sdk::value::codec::json;

/// A provider that keeps notes.
#[derive(Default)]
pub struct Notes {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    file: Option<PathBuf>,
    /// Attributes as JSON by id.
    notes: BTreeMap<String, String>,
    owners: BTreeMap<String, Ownership>,
    last: u64,
}

fn note() -> ResourceSchema {
    ResourceSchema::new()
        .version(1)
        .describe("A note in a folder.")
        .identified_by(["id"])
        .attribute("folder", string().required().replaces().describe("Where it is kept."))
        .attribute("text", string().optional())
        .attribute("stars", number().optional().computed())
        .attribute("tags", map(Type::String).optional())
        .attribute("password", string().optional().sensitive().write_only())
        .attribute("id", string().computed())
        .attribute("revision", number().recomputed())
        .block(
            "line",
            list_block(
                ResourceSchema::new().attribute("text", string().required()).attribute("id", string().computed()),
            ),
        )
}

impl Notes {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn load(&mut self) -> Result<(), Diagnostic> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Diagnostic::error("Cannot read the notes", e.to_string()).attribute("file")),
        };
        for line in text.lines() {
            let Some((id, note)) = line.split_once(' ') else { continue };
            self.last = self.last.max(id.trim_start_matches("note-").parse().unwrap_or(0));
            self.notes.insert(id.to_owned(), note.to_owned());
        }
        Ok(())
    }

    fn save(&self) -> Result<(), Diagnostic> {
        let Some(file) = &self.file else { return Ok(()) };
        let text: String = self.notes.iter().map(|(id, note)| format!("{id} {note}\n")).collect();
        std::fs::write(file, text).map_err(|e| Diagnostic::error("Cannot write the notes", e.to_string()))
    }

    fn find(&self, id: &str, ty: &Type) -> Option<Value> {
        json::decode(self.notes.get(id)?.as_bytes(), ty).ok()
    }

    /// Fills in what only the provider knows, and keeps the note.
    fn keep(&mut self, request: &ApplyRequest) -> Result<Value, Diagnostics> {
        if let Some(ownership) = request.ownership.as_ref().filter(|_| request.is_create())
            && let Some((id, _)) = self.owners.iter().find(|(_, o)| o.token == ownership.token)
            && let Some(state) = self.find(id, request.schema.value_type())
        {
            return Ok(state);
        }
        let id = match request.prior.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => {
                self.last += 1;
                format!("note-{}", self.last)
            }
        };
        let revision = request.prior.get("revision").and_then(Value::as_num).and_then(|n| n.to_i64()).unwrap_or(0) + 1;
        let stars = request.planned.get("stars").filter(|v| !v.is_unknown()).cloned();
        let lines = request.planned.get("line").and_then(Value::items).unwrap_or_default();
        let of = request.schema.body().blocks["line"].block.implied_type();
        let line = |(i, line): (usize, &Value)| match line.get("id") {
            Some(id) if !id.is_unknown() => line.clone(),
            _ => line.with_attribute("id", Value::string(format!("line-{i}"))),
        };
        let state = request
            .planned
            .with_attribute("id", Value::string(&id))
            .with_attribute("revision", Value::number(revision))
            .with_attribute("stars", stars.unwrap_or(Value::number(3)))
            .with_attribute("line", Value::list(of, lines.iter().enumerate().map(line).collect()));
        let text = json::encode(&state, request.schema.value_type())
            .map_err(|e| Diagnostic::error("Cannot keep the note", e.to_string()))?;
        self.notes.insert(id.clone(), text);
        if let Some(ownership) = request.ownership.as_ref().filter(|_| request.is_create()) {
            self.owners.insert(id, ownership.clone());
        }
        self.save()?;
        Ok(state)
    }
}

impl Provider for Notes {
    fn schemas(&self) -> Schemas {
        Schemas::new()
            .provider(ResourceSchema::new().attribute("file", string().optional().describe("Where notes are kept.")))
            .resource("notes_note", note())
            .data_source(
                "notes_count",
                ResourceSchema::new().attribute("folder", string().optional()).attribute("notes", number().computed()),
            )
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { locations: true, discover: true, ownership: true, ..Capabilities::default() }
    }

    async fn configure(&self, config: Value, _: Context) -> Result<Diagnostics, Diagnostics> {
        let mut shelf = self.shelf();
        shelf.file = config.get("file").and_then(Value::as_str).map(PathBuf::from);
        shelf.load()?;
        Ok(Diagnostics::new())
    }

    async fn validate(&self, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        if request.config.get("folder").and_then(Value::as_str) == Some("") {
            return Err(Diagnostic::error("No folder", "A note must lie in a folder.").attribute("folder").into());
        }
        Ok(Diagnostics::new())
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        let id = request.state.get("id").and_then(Value::as_str).unwrap_or_default();
        match self.shelf().find(id, request.schema.value_type()) {
            Some(state) => Ok(ReadAnswer::new(state).private(request.private)),
            None => Ok(ReadAnswer::gone()),
        }
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        // For tests of callers: a note that breaks its provider.
        match request.planned.get("text").and_then(Value::as_str) {
            Some("panic") => panic!("the note said so"),
            Some("exit") => std::process::exit(7),
            Some("refuse") => return Err(Diagnostic::error("Refused", "The note said so.").attribute("text").into()),
            Some("partial") => {
                let state = self.shelf().keep(&request)?;
                return Ok(ApplyAnswer::partial(state, Diagnostic::error("Half done", "The note said so.")));
            }
            Some("hang") => std::future::pending::<()>().await,
            _ => {}
        }
        let mut shelf = self.shelf();
        if request.is_delete() {
            let id = request.prior.get("id").and_then(Value::as_str).unwrap_or_default();
            shelf.notes.remove(id);
            shelf.owners.remove(id);
            shelf.save()?;
            return Ok(ApplyAnswer::deleted());
        }
        let private = request.private.clone();
        Ok(ApplyAnswer::new(shelf.keep(&request)?).private(private))
    }

    async fn import(&self, request: ImportRequest) -> Result<ImportAnswer, Diagnostics> {
        let id = match &request.identity {
            Some(identity) => identity.get("id").and_then(Value::as_str).unwrap_or_default(),
            None => &request.id,
        };
        match self.shelf().find(id, request.schema.value_type()) {
            Some(state) => Ok(ImportAnswer::one(request.type_name, state)),
            None => Err(Diagnostic::error("No such note", format!("There is no note {:?}.", request.id)).into()),
        }
    }

    async fn read_data(&self, request: DataRequest) -> Result<DataAnswer, Diagnostics> {
        let shelf = self.shelf();
        let ty = note().value_type().clone();
        let folder = request.config.get("folder").and_then(Value::as_str);
        let notes = shelf.notes.values().filter_map(|n| json::decode(n.as_bytes(), &ty).ok());
        let count = notes.filter(|n| folder.is_none() || n.get("folder").and_then(Value::as_str) == folder).count();
        Ok(DataAnswer::new(
            request.config.with_attribute("notes", Value::number(i64::try_from(count).unwrap_or(i64::MAX))),
        ))
    }

    async fn locations(&self, asked: Vec<BTreeMap<Str, Str>>) -> Result<Vec<LocationReport>, Diagnostics> {
        let all = [BTreeMap::from([(Str::from("folder"), Str::from("desk"))])];
        let asked = if asked.is_empty() { all.to_vec() } else { asked };
        let used = u64::try_from(self.shelf().notes.len()).ok();
        Ok(asked
            .into_iter()
            .map(|domains| LocationReport {
                health: Health::Healthy,
                used,
                quota: Some(u64::MAX),
                ..LocationReport::new(domains)
            })
            .collect())
    }

    async fn discover(&self, request: Discovery) -> Result<Vec<Discovered>, Diagnostics> {
        let shelf = self.shelf();
        let wanted = |o: &Ownership| {
            request.owner.as_ref().is_none_or(|owner| *owner == o.owner)
                && (request.tokens.is_empty() || request.tokens.contains(&o.token))
        };
        let ty = note().value_type().clone();
        let found = shelf.owners.iter().filter(|(_, o)| wanted(o)).map(|(id, o)| Discovered {
            type_name: "notes_note".into(),
            id: id.clone(),
            ownership: o.clone(),
            state: shelf.find(id, &ty),
            private: Vec::new(),
        });
        Ok(found.collect())
    }
}

/// The whole of a provider's binary.
#[allow(dead_code, reason = "tests use the provider without its binary")]
fn main() -> ExitCode {
    straddle_sdk::server::main(Notes::default())
}
