//! Terraform's built-in provider: `terraform_data` and `terraform_remote_state`, answered in this process.

use crate::lang::address::Mode;
use crate::lang::builtin::schema;
use crate::plugin::{ApplyRequest, Diagnostic, Diagnostics, InProcess, PlanRequest, ProviderSchemas};
use crate::state::{self, State};
use std::collections::BTreeMap;
use std::path::{Path as File, PathBuf};
use straddle_sdk::schema::{Prepared, Schema};
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Kind, Path, Refinement, Str, Type, Unknown, Value, same_unmarked};

/// The built-in provider of a run in a directory.
pub struct BuiltIn {
    /// Where relative paths of other states start.
    pub directory: PathBuf,
}

impl InProcess for BuiltIn {
    fn schemas(&self) -> ProviderSchemas {
        let of = |mode, ty: &str| {
            let block = schema(mode, ty).cloned().unwrap_or_default();
            BTreeMap::from([(Str::new(ty), Prepared::new(Schema { version: 0, block }))])
        };
        ProviderSchemas {
            provider: Prepared::new(Schema::default()),
            resources: of(Mode::Managed, "terraform_data"),
            data_sources: of(Mode::Data, "terraform_remote_state"),
            cacheable: true,
            ..ProviderSchemas::none()
        }
    }

    fn plan(&self, request: &PlanRequest) -> Result<(Value, Vec<Path>), Diagnostics> {
        let (prior, proposed) = (&request.prior, &request.proposed);
        if proposed.is_null() {
            return Ok((proposed.clone(), Vec::new()));
        }
        let part = |object: &Value, name: &str| object.get(name).cloned().unwrap_or_else(|| Value::null(Type::Dynamic));
        let input = part(proposed, "input");
        let differs = |name: &str| !same_unmarked(&part(prior, name), &part(proposed, name));
        // The output has the type of the input, even where that is null.
        let output = || if input.is_null() { input.clone() } else { Value::unknown(input.ty()) };
        if prior.is_null() || differs("triggers_replace") {
            let planned = proposed.with_attribute("id", new_id()).with_attribute("output", output());
            let replaced = (!prior.is_null()).then(|| Path::ROOT.attr("triggers_replace"));
            return Ok((planned, replaced.into_iter().collect()));
        }
        if differs("input") {
            return Ok((proposed.with_attribute("output", Value::unknown(input.ty())), Vec::new()));
        }
        Ok((proposed.clone(), Vec::new()))
    }

    fn apply(&self, request: &ApplyRequest) -> Result<Value, Diagnostics> {
        let mut state = request.planned.clone();
        if state.is_null() {
            return Ok(state);
        }
        if state.get("output").is_some_and(|v| !v.is_wholly_known()) {
            let input = state.get("input").cloned().unwrap_or_else(|| Value::null(Type::Dynamic));
            state = state.with_attribute("output", input);
        }
        if state.get("id").is_some_and(Value::is_unknown) {
            state = state.with_attribute("id", Value::string(uuid::Uuid::new_v4().to_string()));
        }
        Ok(state)
    }

    fn read_data(&self, _: &str, config: &Value) -> Result<Value, Diagnostics> {
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(String::from);
        let backend = text(config, "backend").unwrap_or_default();
        if backend != "local" {
            return Err(refused(
                "Backend not supported",
                format!("The states of backend {backend:?} cannot be read; straddle reads those of \"local\"."),
            ));
        }
        let none = Value::null(Type::Dynamic);
        let settings = config.get("config").unwrap_or(&none);
        let workspace = text(config, "workspace").unwrap_or_else(|| "default".into());
        let path = if workspace == "default" {
            PathBuf::from(text(settings, "path").unwrap_or_else(|| state::TERRAFORM_FILE.into()))
        } else {
            let under = text(settings, "workspace_dir").unwrap_or_else(|| "terraform.tfstate.d".into());
            File::new(&under).join(&workspace).join(state::TERRAFORM_FILE)
        };
        let found = read_state(&self.directory.join(&path))
            .map_err(|e| refused("State not read", format!("{}: {e}.", path.display())))?;
        let Some(found) = found else {
            let detail = "No stored state was found for the given workspace in the given backend.";
            return Err(refused("Unable to find remote state", detail.to_owned()));
        };
        let mut outputs: BTreeMap<Str, Value> = BTreeMap::new();
        let defaults = config.get("defaults").and_then(Value::entries).unwrap_or_default();
        outputs.extend(defaults.iter().cloned());
        for (name, output) in &found.outputs {
            let value = Type::from_json(output.ty.as_str().as_bytes())
                .ok()
                .and_then(|ty| json::decode(output.value.as_str().as_bytes(), &ty).ok())
                .ok_or_else(|| refused("State not read", format!("Its output {name:?} cannot be read.")))?;
            outputs.insert(Str::new(name), value);
        }
        Ok(config.with_attribute("outputs", Value::object(outputs.into_iter().collect())))
    }

    fn import(&self, type_name: &str, id: &str) -> Result<Value, Diagnostics> {
        let Some(block) = schema(Mode::Managed, type_name) else {
            return Err(refused("Not importable", format!("There is no {type_name}.")));
        };
        Ok(block.empty_value().with_attribute("id", Value::string(id)))
    }
}

/// A text that is not known yet and will not be null.
fn new_id() -> Value {
    let refinement = Refinement { not_null: true, ..Refinement::default() };
    Kind::Unknown(std::sync::Arc::new(Unknown { refinement, ..Unknown::of(Type::String) })).into()
}

fn refused(summary: &str, detail: String) -> Diagnostics {
    Diagnostic::error(summary, detail).into()
}

/// The state at a path; a directory that straddle has taken over has it in a file of its own.
fn read_state(path: &File) -> Result<Option<State>, String> {
    if path.file_name().is_some_and(|name| name == state::TERRAFORM_FILE)
        && let Some(directory) = path.parent()
    {
        let loaded = state::load(directory).map_err(|e| e.to_string())?;
        return Ok((loaded.source != state::Source::Nothing).then_some(loaded.state));
    }
    match std::fs::read(path) {
        Ok(bytes) => state::v4::read(path, &bytes).map(Some).map_err(|e| e.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
