//! Between the messages of the protocol and our own types; used by both sides.

use crate::proto::{extension, tfplugin6};
use crate::provider::{Deferred, Diagnostic, Diagnostics, Health, LocationReport, Ownership, Severity};
use crate::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting, Schema};
use crate::value::codec::{CodecError, json, msgpack};
use crate::value::{Path, Step, Str, Type, Value};
use prost::bytes::Bytes;
use std::collections::BTreeMap;

/// No message is ever larger, in either direction: 256 MiB.
pub const MAX_MESSAGE: usize = 256 << 20;

/// How many items of a bulk call go into one message.
pub const BATCH: usize = 256;

/// Flow control windows of a stream and of a connection: a batch must not wait for the other side to read.
pub const STREAM_WINDOW: u32 = 4 << 20;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 16 << 20;

/// What does not fit on the wire, or came over it and does not fit our types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WireError(pub String);

fn unfit(error: CodecError) -> WireError {
    WireError(error.to_string())
}

/// A value in MessagePack by the type of its schema.
pub fn encode(value: &Value, ty: &Type) -> Result<Bytes, WireError> {
    if value.is_null() {
        return Ok(NULL);
    }
    msgpack::encode(value, ty).map(Bytes::from).map_err(unfit)
}

/// A value from MessagePack; no bytes are a null.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, WireError> {
    if bytes.is_empty() || bytes == &*NULL {
        return Ok(Value::null(ty.clone()));
    }
    msgpack::decode(bytes, ty).map_err(unfit)
}

/// A value from JSON, as state files hold it.
pub fn decode_json(text: &[u8], ty: &Type) -> Result<Value, WireError> {
    json::decode(text, ty).map_err(unfit)
}

/// Null in MessagePack.
pub const NULL: Bytes = Bytes::from_static(&[0xc0]);

/// A value as the protocol carries it: always MessagePack.
pub fn to_dynamic(value: &Value, ty: &Type) -> Result<tfplugin6::DynamicValue, WireError> {
    Ok(tfplugin6::DynamicValue { msgpack: encode(value, ty)?, json: Bytes::new() })
}

/// A value as the protocol carries it: MessagePack when there is any, else JSON, else null.
pub fn from_dynamic(value: Option<&tfplugin6::DynamicValue>, ty: &Type) -> Result<Value, WireError> {
    match value {
        Some(v) if !v.msgpack.is_empty() => decode(&v.msgpack, ty),
        Some(v) if !v.json.is_empty() => decode_json(&v.json, ty),
        _ => Ok(Value::null(ty.clone())),
    }
}

/// A path as the protocol writes it.
pub fn to_path(path: &Path) -> tfplugin6::AttributePath {
    use tfplugin6::attribute_path::{Step as Wire, step::Selector};
    let steps = path.0.iter().map(|step| {
        let selector = match step {
            Step::Attr(name) => Selector::AttributeName(name.to_string()),
            Step::Key(key) => Selector::ElementKeyString(key.to_string()),
            Step::Index(n) => Selector::ElementKeyInt(i64::try_from(*n).unwrap_or(i64::MAX)),
        };
        Wire { selector: Some(selector) }
    });
    tfplugin6::AttributePath { steps: steps.collect() }
}

/// A path as the protocol writes it. It ends at the first step that says nothing, and at an element that cannot be.
pub fn from_path(path: &tfplugin6::AttributePath) -> Path {
    use tfplugin6::attribute_path::step::Selector;
    let step = |step: &tfplugin6::attribute_path::Step| match step.selector.as_ref()? {
        Selector::AttributeName(name) => Some(Step::Attr(name.into())),
        Selector::ElementKeyString(key) => Some(Step::Key(key.into())),
        Selector::ElementKeyInt(n) => u64::try_from(*n).ok().map(Step::Index),
    };
    Path(path.steps.iter().map_while(step).collect())
}

/// Diagnostics as the protocol writes them.
pub fn to_diagnostics(diagnostics: &Diagnostics) -> Vec<tfplugin6::Diagnostic> {
    use tfplugin6::diagnostic::Severity as Wire;
    let one = |d: &Diagnostic| tfplugin6::Diagnostic {
        severity: match d.severity {
            Severity::Error => Wire::Error,
            Severity::Warning => Wire::Warning,
        } as i32,
        summary: d.summary.clone(),
        detail: d.detail.clone(),
        attribute: (!d.attribute.0.is_empty()).then(|| to_path(&d.attribute)),
    };
    diagnostics.iter().map(one).collect()
}

/// Diagnostics as the protocol writes them. What is not plainly a warning is an error.
pub fn from_diagnostics(diagnostics: &[tfplugin6::Diagnostic]) -> Diagnostics {
    let one = |d: &tfplugin6::Diagnostic| Diagnostic {
        severity: match d.severity() {
            tfplugin6::diagnostic::Severity::Warning => Severity::Warning,
            _ => Severity::Error,
        },
        summary: d.summary.clone(),
        detail: d.detail.clone(),
        attribute: d.attribute.as_ref().map(from_path).unwrap_or_default(),
    };
    diagnostics.iter().map(one).collect()
}

/// Why an object was put off, as the protocol writes it.
pub fn to_deferred(deferred: Deferred) -> tfplugin6::Deferred {
    use tfplugin6::deferred::Reason;
    let reason = match deferred {
        Deferred::Unknown => Reason::Unknown,
        Deferred::ResourceConfigUnknown => Reason::ResourceConfigUnknown,
        Deferred::ProviderConfigUnknown => Reason::ProviderConfigUnknown,
        Deferred::AbsentPrerequisite => Reason::AbsentPrereq,
    };
    tfplugin6::Deferred { reason: reason as i32 }
}

/// Why an object was put off, as the protocol writes it.
pub fn from_deferred(deferred: &tfplugin6::Deferred) -> Deferred {
    use tfplugin6::deferred::Reason;
    match deferred.reason() {
        Reason::Unknown => Deferred::Unknown,
        Reason::ResourceConfigUnknown => Deferred::ResourceConfigUnknown,
        Reason::ProviderConfigUnknown => Deferred::ProviderConfigUnknown,
        Reason::AbsentPrereq => Deferred::AbsentPrerequisite,
    }
}

/// A schema as the protocol writes it.
pub fn to_schema(schema: &Schema) -> tfplugin6::Schema {
    tfplugin6::Schema { version: schema.version, block: Some(to_block(&schema.block)) }
}

fn to_block(block: &Block) -> tfplugin6::schema::Block {
    let nested = |(name, b): (&Str, &NestedBlock)| tfplugin6::schema::NestedBlock {
        type_name: name.to_string(),
        block: Some(to_block(&b.block)),
        nesting: match b.nesting {
            Nesting::Single => 1,
            Nesting::List => 2,
            Nesting::Set => 3,
            Nesting::Map => 4,
            Nesting::Group => 5,
        },
        min_items: b.min_items,
        max_items: b.max_items,
    };
    tfplugin6::schema::Block {
        version: 0,
        attributes: to_attributes(&block.attributes),
        block_types: block.blocks.iter().map(nested).collect(),
        description: block.description.clone(),
        description_kind: i32::from(block.markdown),
        deprecated: block.deprecated,
        deprecation_message: block.deprecation_message.clone(),
        ..Default::default()
    }
}

fn to_attributes(attributes: &BTreeMap<Str, Attribute>) -> Vec<tfplugin6::schema::Attribute> {
    let one = |(name, a): (&Str, &Attribute)| {
        let (ty, nested_type) = match &a.ty {
            AttributeType::Plain(ty) => (Bytes::from(ty.to_json()), None),
            AttributeType::Nested { attributes, nesting } => {
                let nesting = match nesting {
                    Nesting::Single | Nesting::Group => 1,
                    Nesting::List => 2,
                    Nesting::Set => 3,
                    Nesting::Map => 4,
                };
                let object =
                    tfplugin6::schema::Object { attributes: to_attributes(attributes), nesting, ..Default::default() };
                (Bytes::new(), Some(object))
            }
        };
        tfplugin6::schema::Attribute {
            name: name.to_string(),
            r#type: ty,
            nested_type,
            description: a.description.clone(),
            required: a.required,
            optional: a.optional,
            computed: a.computed,
            sensitive: a.sensitive,
            description_kind: i32::from(a.markdown),
            deprecated: a.deprecated,
            write_only: a.write_only,
            deprecation_message: a.deprecation_message.clone(),
        }
    };
    attributes.iter().map(one).collect()
}

/// A schema as the protocol writes it.
pub fn from_schema(schema: &tfplugin6::Schema) -> Result<Schema, WireError> {
    let block = schema.block.as_ref().map(from_block).transpose()?.unwrap_or_default();
    Ok(Schema { version: schema.version, block })
}

fn from_block(block: &tfplugin6::schema::Block) -> Result<Block, WireError> {
    use tfplugin6::schema::nested_block::NestingMode;
    let mut blocks = BTreeMap::new();
    for b in &block.block_types {
        let nesting = match b.nesting() {
            NestingMode::Single => Nesting::Single,
            NestingMode::Group => Nesting::Group,
            NestingMode::List => Nesting::List,
            NestingMode::Set => Nesting::Set,
            NestingMode::Map => Nesting::Map,
            NestingMode::Invalid => return Err(WireError(format!("block {:?} has no nesting mode", b.type_name))),
        };
        let content = b.block.as_ref().map(from_block).transpose()?.unwrap_or_default();
        let nested = NestedBlock { block: content, nesting, min_items: b.min_items, max_items: b.max_items };
        blocks.insert(Str::from(&b.type_name), nested);
    }
    let attributes = from_attributes(&block.attributes)?;
    if let Some(both) = blocks.keys().find(|name| attributes.contains_key(*name)) {
        return Err(WireError(format!("{both:?} is both an attribute and a block")));
    }
    Ok(Block {
        attributes,
        blocks,
        description: block.description.clone(),
        deprecated: block.deprecated,
        deprecation_message: block.deprecation_message.clone(),
        markdown: block.description_kind() == tfplugin6::StringKind::Markdown,
    })
}

fn from_attributes(attributes: &[tfplugin6::schema::Attribute]) -> Result<BTreeMap<Str, Attribute>, WireError> {
    use tfplugin6::schema::object::NestingMode;
    let mut result = BTreeMap::new();
    for a in attributes {
        let ty = match &a.nested_type {
            None => AttributeType::Plain(
                Type::from_json(&a.r#type).map_err(|e| WireError(format!("attribute {:?}: {e}", a.name)))?,
            ),
            Some(object) => {
                let nesting = match object.nesting() {
                    NestingMode::Single => Nesting::Single,
                    NestingMode::List => Nesting::List,
                    NestingMode::Set => Nesting::Set,
                    NestingMode::Map => Nesting::Map,
                    NestingMode::Invalid => {
                        return Err(WireError(format!("attribute {:?} has no nesting mode", a.name)));
                    }
                };
                AttributeType::Nested { attributes: from_attributes(&object.attributes)?, nesting }
            }
        };
        let attribute = Attribute {
            ty,
            description: a.description.clone(),
            required: a.required,
            optional: a.optional,
            computed: a.computed,
            sensitive: a.sensitive,
            write_only: a.write_only,
            deprecated: a.deprecated,
            deprecation_message: a.deprecation_message.clone(),
            markdown: a.description_kind() == tfplugin6::StringKind::Markdown,
        };
        result.insert(Str::from(&a.name), attribute);
    }
    Ok(result)
}

/// The domains of a location as the extension writes them.
pub fn to_domains(domains: &BTreeMap<Str, Str>) -> extension::Domains {
    extension::Domains { keys: domains.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect() }
}

/// The domains of a location as the extension writes them.
pub fn from_domains(domains: &extension::Domains) -> BTreeMap<Str, Str> {
    domains.keys.iter().map(|(k, v)| (k.into(), v.into())).collect()
}

/// A location as the extension writes it.
pub fn to_location(report: &LocationReport) -> extension::Location {
    use extension::location::Health as Wire;
    let health = match report.health {
        Health::Healthy => Wire::Healthy,
        Health::Degraded => Wire::Degraded,
        Health::Down => Wire::Down,
        Health::Unknown => Wire::Unknown,
    };
    extension::Location {
        domains: Some(to_domains(&report.domains)),
        health: health as i32,
        capacity: report.capacity,
        used: report.used,
        quota: report.quota,
        message: report.message.clone(),
    }
}

/// A location as the extension writes it. A health that is not one of ours is not known.
pub fn from_location(location: &extension::Location) -> LocationReport {
    use extension::location::Health as Wire;
    LocationReport {
        domains: location.domains.as_ref().map(from_domains).unwrap_or_default(),
        health: match location.health() {
            Wire::Healthy => Health::Healthy,
            Wire::Degraded => Health::Degraded,
            Wire::Down => Health::Down,
            Wire::Unknown => Health::Unknown,
        },
        capacity: location.capacity,
        used: location.used,
        quota: location.quota,
        message: location.message.clone(),
    }
}

/// Ownership as the extension writes it.
pub fn to_ownership(o: &Ownership) -> extension::Ownership {
    extension::Ownership { owner: o.owner.clone(), address: o.address.clone(), token: o.token.clone() }
}

/// Ownership as the extension writes it.
pub fn from_ownership(o: &extension::Ownership) -> Ownership {
    Ownership { owner: o.owner.clone(), address: o.address.clone(), token: o.token.clone() }
}
