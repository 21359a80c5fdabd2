//! Terraform's state format, version 4: `state pull` writes it, `state push` and the take-over of a `terraform.tfstate` read it.
//!
//! Other readers know no workloads. A resource of a workload is written into a module of a name no one else uses:
//! `workload.web.aws_instance.server["aws-a/3"]` becomes resource `aws_instance.server` with index key `aws-a/3` in
//! `module.straddle_workload_web`. The workload's name is part of the module's name, not an instance key, because the format
//! keeps dependencies without instance keys. Reading maps it back, so that a file survives even a round trip through Terraform.
//!
//! A workload's replicas may use several provider configurations where the format has one for each resource: such a resource is
//! written once for each of them. Failovers, rules and notes go into a member `straddle` that other readers pass over.

use super::error::StateError;
use super::journal::Entry;
use super::json::{Json, literal};
use super::model::{
    DeposedKey, Failover, Identity, Loss, Note, NoteKey, Object, ObjectId, Output, ProviderRef, Rule, State,
};
use super::paths;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key, Mode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use straddle_sdk::value::Str;

/// Begins the name of the module that stands for a workload.
pub const WORKLOAD_MODULE: &str = "straddle_workload_";

/// What only straddle reads.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Extra {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failovers: Vec<(Loss, Failover)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rules: BTreeMap<String, BTreeMap<String, Rule>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<(NoteKey, Note)>,
}

/// The state as text of the format, secrets and all: two spaces a level, a line break at the end, the order Terraform writes.
pub fn write(state: &State) -> String {
    let mut text = format!(
        "{{\"version\":4,\"terraform_version\":{},\"serial\":{},\"lineage\":{},\"outputs\":{{",
        literal(&state.writer),
        state.serial,
        literal(&state.lineage)
    );
    separated(&mut text, &state.outputs, |text, (name, output)| {
        text.push_str(&format!(
            "{}:{{\"value\":{},\"type\":{}",
            literal(name),
            output.value.as_str(),
            output.ty.as_str()
        ));
        text.push_str(if output.sensitive { ",\"sensitive\":true}" } else { "}" });
    });
    text.push_str("},\"resources\":[");
    separated(&mut text, &resources(state), write_resource);
    text.push_str("],\"check_results\":");
    text.push_str(state.checks.as_ref().map_or("null", Json::as_str));
    let extra = Extra {
        failovers: state.failovers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        rules: state.rules.clone(),
        notes: state.notes.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
    };
    if extra != Extra::default() {
        text.push_str(",\"straddle\":");
        // String keys and integers only: writing them cannot fail.
        text.push_str(&serde_json::to_string(&extra).unwrap_or_else(|_| "{}".into()));
    }
    text.push('}');
    let mut out = String::with_capacity(text.len() * 3 / 2);
    Json::kept(&text).indent_into(0, &mut out);
    out.push('\n');
    out
}

fn separated<T>(text: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        write(text, item);
    }
}

/// What makes a resource of the format, in the order the format sorts by. `data` is before `managed`.
type ResourceKey<'a> = (String, Mode, &'a str, &'a str, String);

fn resources(state: &State) -> Vec<(ResourceKey<'_>, Vec<(&ObjectId, &Object)>)> {
    let mut resources: BTreeMap<ResourceKey<'_>, Vec<(&ObjectId, &Object)>> = BTreeMap::new();
    for (id, object) in &state.objects {
        let Address { mode, ty, name, .. } = &id.address;
        let key = (module_text(&id.address), *mode, &**ty, &**name, object.provider.to_string());
        resources.entry(key).or_default().push((id, object));
    }
    let mut resources: Vec<_> = resources.into_iter().collect();
    for (_, instances) in &mut resources {
        instances.sort_by(|(a, _), (b, _)| {
            let rank = |id: &ObjectId| match &id.address.key {
                None => (0, 0, None),
                Some(Key::Int(n)) => (1, *n, None),
                Some(Key::Str(s)) => (2, 0, Some(s.clone())),
            };
            rank(a).cmp(&rank(b)).then(a.deposed.cmp(&b.deposed))
        });
    }
    resources
}

/// The module of the format an object lies in.
fn module_text(address: &Address) -> String {
    match &address.workload {
        None => address.module_text(),
        Some(workload) => {
            let mut address = address.clone();
            address.module.push((Str::from(format!("{WORKLOAD_MODULE}{workload}")), None));
            address.module_text()
        }
    }
}

/// An address as the format has it: a workload as the module that stands for it.
pub fn foreign_address(address: &Address) -> Address {
    let mut address = address.clone();
    if let Some(workload) = address.workload.take() {
        address.module.push((Str::from(format!("{WORKLOAD_MODULE}{workload}")), None));
    }
    address
}

/// Undoes [`foreign_address`].
pub fn native_address(mut address: Address) -> Address {
    if let Some((name, None)) = address.module.last()
        && let Some(workload) = name.strip_prefix(WORKLOAD_MODULE).filter(|name| !name.is_empty())
    {
        address.workload = Some(workload.into());
        address.module.pop();
    }
    address
}

fn write_resource(text: &mut String, (key, instances): &(ResourceKey<'_>, Vec<(&ObjectId, &Object)>)) {
    let (module, mode, ty, name, provider) = key;
    text.push('{');
    if !module.is_empty() {
        text.push_str(&format!("\"module\":{},", literal(module)));
    }
    let mode = match mode {
        Mode::Data => "data",
        Mode::Managed => "managed",
        Mode::Ephemeral => "ephemeral",
    };
    text.push_str(&format!(
        "\"mode\":\"{mode}\",\"type\":{},\"name\":{},\"provider\":{},\"instances\":[",
        literal(ty),
        literal(name),
        literal(provider)
    ));
    separated(text, instances, |text, (id, object)| write_instance(text, id, object));
    text.push_str("]}");
}

fn write_instance(text: &mut String, id: &ObjectId, object: &Object) {
    text.push('{');
    match &id.address.key {
        None => {}
        Some(Key::Int(n)) => text.push_str(&format!("\"index_key\":{n},")),
        Some(Key::Str(s)) => text.push_str(&format!("\"index_key\":{},", literal(s))),
    }
    if object.tainted {
        text.push_str("\"status\":\"tainted\",");
    }
    if let Some(key) = id.deposed {
        text.push_str(&format!("\"deposed\":\"{key}\","));
    }
    text.push_str(&format!(
        "\"schema_version\":{},\"attributes\":{},\"sensitive_attributes\":{}",
        object.schema_version,
        object.attributes.as_str(),
        paths::write(&object.sensitive)
    ));
    if let Some(identity) = &object.identity {
        let (version, value) = (identity.schema_version, identity.value.as_str());
        text.push_str(&format!(",\"identity_schema_version\":{version},\"identity\":{value}"));
    }
    if !object.private.is_empty() {
        text.push_str(&format!(",\"private\":\"{}\"", BASE64.encode(&object.private)));
    }
    if !object.dependencies.is_empty() {
        let mut names: Vec<String> = object.dependencies.iter().map(|a| foreign_address(a).to_string()).collect();
        names.sort();
        text.push_str(",\"dependencies\":[");
        separated(text, names, |text, name| text.push_str(&literal(&name)));
        text.push(']');
    }
    text.push_str(if object.create_before_destroy { ",\"create_before_destroy\":true}" } else { "}" });
}

#[derive(Deserialize)]
struct Version {
    version: Option<u64>,
    encrypted_data: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct FileText<'a> {
    #[serde(default)]
    terraform_version: String,
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default, borrow)]
    outputs: BTreeMap<String, OutputText<'a>>,
    #[serde(default, borrow)]
    resources: Vec<ResourceText<'a>>,
    #[serde(default, borrow)]
    check_results: Option<&'a RawValue>,
    #[serde(default)]
    straddle: Option<Extra>,
}

#[derive(Deserialize)]
struct OutputText<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow, rename = "type")]
    ty: &'a RawValue,
    #[serde(default)]
    sensitive: bool,
}

#[derive(Deserialize)]
struct ResourceText<'a> {
    #[serde(default)]
    module: String,
    mode: String,
    #[serde(rename = "type")]
    ty: String,
    name: String,
    provider: String,
    #[serde(default, borrow)]
    instances: Vec<InstanceText<'a>>,
}

#[derive(Deserialize)]
struct InstanceText<'a> {
    #[serde(default)]
    index_key: Option<serde_json::Value>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    deposed: String,
    #[serde(default)]
    schema_version: i64,
    #[serde(default, borrow)]
    attributes: Option<&'a RawValue>,
    #[serde(default)]
    attributes_flat: Option<serde::de::IgnoredAny>,
    #[serde(default, borrow)]
    sensitive_attributes: Option<&'a RawValue>,
    #[serde(default)]
    identity_schema_version: i64,
    #[serde(default, borrow)]
    identity: Option<&'a RawValue>,
    #[serde(default)]
    private: String,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    create_before_destroy: bool,
}

/// Reads a file of the format. `path` is what errors call it.
///
/// # Errors
/// [`StateError::Foreign`], [`StateError::Newer`] or [`StateError::Corrupt`], which say what it is instead.
pub fn read(path: &Path, bytes: &[u8]) -> Result<State, StateError> {
    let foreign = |what: &str| StateError::Foreign { path: path.to_path_buf(), what: what.into() };
    let corrupt = |what: String| StateError::Corrupt { path: path.to_path_buf(), what };
    if bytes.starts_with(b"SQLite format 3\0") {
        return Err(foreign("it is a SQLite database"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| foreign("it is no text"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(corrupt("it is empty".into()));
    }
    if !text.trim_start().starts_with('{') {
        return Err(foreign("it is no Terraform state, which begins with {"));
    }
    let syntax = |e: serde_json::Error| corrupt(format!("line {}, column {}: {}", e.line(), e.column(), plain(&e)));
    let version: Version = serde_json::from_str(text).map_err(syntax)?;
    if version.encrypted_data.is_some() {
        return Err(foreign("it is encrypted; `tofu state pull` prints it in the clear"));
    }
    match version.version {
        Some(4) => {}
        None => return Err(foreign("it is JSON, but no Terraform state: it names no version")),
        Some(newer) if newer > 4 => {
            let found = u32::try_from(newer).unwrap_or(u32::MAX);
            return Err(StateError::Newer { path: path.to_path_buf(), found, known: 4 });
        }
        Some(_) => {
            return Err(foreign("its format is older than 4; `terraform apply` of Terraform 1 brings it up to date"));
        }
    }
    let file: FileText<'_> = serde_json::from_str(text).map_err(syntax)?;
    assemble(file).map_err(corrupt)
}

/// What a parser says without the place, which is said in our own words, and without quoting what it met: it may be a secret.
fn plain(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "the end is missing",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
        serde_json::error::Category::Data => "not what a state has there",
    }
}

fn assemble(file: FileText<'_>) -> Result<State, String> {
    let mut state = State {
        lineage: file.lineage.into(),
        serial: file.serial,
        writer: file.terraform_version.into(),
        ..State::default()
    };
    for (name, output) in file.outputs {
        let value = json(output.value).map_err(|e| format!("output {name:?}: {e}"))?;
        let ty = json(output.ty).map_err(|e| format!("output {name:?}: {e}"))?;
        state.outputs.insert(name, Output { value, ty, sensitive: output.sensitive });
    }
    let mut shared = BTreeMap::new();
    for resource in &file.resources {
        assemble_resource(&mut state, resource, &mut shared)?;
    }
    if let Some(checks) = file.check_results.filter(|raw| raw.get() != "null") {
        state.checks = Some(json(checks).map_err(|e| format!("check results: {e}"))?);
    }
    if let Some(extra) = file.straddle {
        state.failovers = extra.failovers.into_iter().collect();
        state.rules = extra.rules;
        state.notes = extra.notes.into_iter().collect();
    }
    Ok(state)
}

fn json(raw: &RawValue) -> Result<Json, String> {
    Json::new(raw.get()).map_err(|e| e.to_string())
}

/// Dependencies by their text: most instances have those of their neighbours.
type SharedDependencies = BTreeMap<Vec<String>, Arc<[Address]>>;

fn assemble_resource(
    state: &mut State,
    resource: &ResourceText<'_>,
    shared: &mut SharedDependencies,
) -> Result<(), String> {
    let ResourceText { module, mode, ty, name, provider, instances } = resource;
    let mut text = module.clone();
    if !text.is_empty() {
        text.push('.');
    }
    match mode.as_str() {
        "managed" => {}
        "data" => text.push_str("data."),
        other => return Err(format!("{ty}.{name} has the mode {other:?}")),
    }
    text.push_str(&format!("{ty}.{name}"));
    let address: Address = text.parse().map_err(|e| format!("{text:?} is no resource: {e}"))?;
    let address = native_address(address);
    if address.key.is_some() || &*address.ty != ty.as_str() {
        return Err(format!("{text:?} is no resource"));
    }
    let provider = ProviderRef::parse(provider).ok_or_else(|| {
        format!("{address}: provider {provider:?} has no full source address; Terraform 0.13 or later writes one")
    })?;
    for instance in instances {
        let (id, object) = assemble_instance(&address, &provider, instance, shared)?;
        if state.objects.contains_key(&id) {
            return Err(format!("{id} is in it twice"));
        }
        state.objects.insert(id, Arc::new(object));
    }
    Ok(())
}

fn assemble_instance(
    resource: &Address,
    provider: &ProviderRef,
    instance: &InstanceText<'_>,
    shared: &mut SharedDependencies,
) -> Result<(ObjectId, Object), String> {
    let wrong = |what: &str| format!("{resource}: {what}");
    let key = match &instance.index_key {
        None => None,
        Some(serde_json::Value::String(s)) => Some(Key::Str(s.into())),
        Some(value) => Some(Key::Int(value.as_u64().ok_or_else(|| wrong("an index key is neither count nor name"))?)),
    };
    let address = Address { key, ..resource.clone() };
    let deposed = match instance.deposed.as_str() {
        "" => None,
        key => Some(DeposedKey::parse(key).ok_or_else(|| wrong("a deposed key is not eight hexadecimal digits"))?),
    };
    let tainted = match instance.status.as_str() {
        "" => false,
        "tainted" => true,
        _ => return Err(wrong("a status is neither empty nor tainted")),
    };
    if instance.attributes_flat.is_some() {
        return Err(wrong(
            "written by Terraform 0.11 or before; `terraform apply` of Terraform 1 brings it up to date",
        ));
    }
    let attributes = instance.attributes.ok_or_else(|| wrong("an instance has no attributes"))?;
    let sensitive = match instance.sensitive_attributes.filter(|raw| raw.get() != "null") {
        Some(raw) => paths::read(raw.get()).ok_or_else(|| wrong("sensitive attributes are no list of paths"))?,
        None => Vec::new(),
    };
    let identity = match instance.identity.filter(|raw| raw.get() != "null") {
        Some(raw) => Some(Arc::new(Identity {
            schema_version: instance.identity_schema_version,
            value: json(raw).map_err(|e| wrong(&e))?,
        })),
        None => None,
    };
    let private = BASE64.decode(&instance.private).map_err(|_| wrong("private bytes are not base64"))?;
    let dependencies = match shared.get(&instance.dependencies) {
        Some(known) => known.clone(),
        None => {
            let mut addresses: Vec<Address> = instance
                .dependencies
                .iter()
                .map(|text| text.parse().map(native_address).map_err(|_| wrong("a dependency is no address")))
                .collect::<Result<_, _>>()?;
            addresses.sort();
            let addresses: Arc<[Address]> = addresses.into();
            shared.insert(instance.dependencies.clone(), addresses.clone());
            addresses
        }
    };
    let object = Object {
        provider: provider.clone(),
        schema_version: instance.schema_version,
        attributes: json(attributes).map_err(|e| wrong(&e))?,
        sensitive: sensitive.into(),
        private: private.into(),
        dependencies,
        create_before_destroy: instance.create_before_destroy,
        tainted,
        identity,
    };
    Ok((ObjectId { address, deposed }, object))
}

/// Why a state must not take another's place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PushError {
    /// They have nothing to do with each other.
    #[error("the lineage of the state pushed is {pushed}, that of the state here {here}")]
    Lineage {
        /// Of the file.
        pushed: String,
        /// Of the state here.
        here: String,
    },
    /// The state here has gone on since.
    #[error("the state pushed has serial {pushed}, the state here is newer: {here}")]
    Older {
        /// Of the file.
        pushed: u64,
        /// Of the state here.
        here: u64,
    },
    /// Two states that claim to be the same one.
    #[error("the state pushed differs from the state here and has the same serial {serial}")]
    SameSerial {
        /// Of both.
        serial: u64,
    },
    /// Not everything here is known.
    #[error("{actions} actions are in doubt")]
    InDoubt {
        /// How many.
        actions: usize,
    },
}

/// Whether lineage and serial count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Force {
    /// They do.
    No,
    /// They do not (`-force`).
    Yes,
}

/// Judges a push as Terraform does and gives the journal entry for it; `None` when nothing would change.
///
/// # Errors
/// [`PushError`]; never for a state that is new and empty.
pub fn push(here: &State, pushed: State, force: Force) -> Result<Option<Entry>, PushError> {
    if !here.open.is_empty() {
        return Err(PushError::InDoubt { actions: here.open.len() });
    }
    let lineage = if pushed.lineage.is_empty() { here.lineage.clone() } else { pushed.lineage.clone() };
    let pushed = State { lineage, ..pushed };
    let same = write(&pushed) == write(here);
    let virgin = here.serial == 0 && here.is_empty();
    if force == Force::No && !virgin {
        if pushed.lineage != here.lineage {
            return Err(PushError::Lineage { pushed: pushed.lineage.to_string(), here: here.lineage.to_string() });
        }
        if pushed.serial < here.serial {
            return Err(PushError::Older { pushed: pushed.serial, here: here.serial });
        }
        if pushed.serial == here.serial && !same {
            return Err(PushError::SameSerial { serial: here.serial });
        }
    }
    Ok((!same).then(|| Entry::Pushed(Arc::new(pushed))))
}

impl From<PushError> for Diagnostic {
    fn from(error: PushError) -> Diagnostic {
        let help = match &error {
            PushError::Lineage { .. } | PushError::Older { .. } | PushError::SameSerial { .. } => {
                "look at `straddle state pull` first; -force puts the file in its place all the same"
            }
            PushError::InDoubt { .. } => {
                "run `straddle apply` or `straddle plan -refresh-only` first: it finds out what became of them"
            }
        };
        Diagnostic::error("State was not pushed", error.to_string()).help(help)
    }
}
