//! What every answer must be, whatever it says: of the schema's type, known where it must be, without write-only values.

use super::{CallError, Diagnostic, Diagnostics, IdentitySchema};
use std::sync::Arc;
use straddle_sdk::proto::tfplugin6 as pb;
use straddle_sdk::schema::{Block, NestedBlock, Nesting, Prepared};
use straddle_sdk::value::{Change, Kind, Path, Str, Type, Value};
use straddle_sdk::wire::{self, WireError};

/// Judges the answers to one call about one type.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) provider: &'a Arc<str>,
    pub(super) call: &'static str,
    pub(super) type_name: &'a str,
    pub(super) schema: &'a Prepared,
    /// What identifies objects of the type, if anything does.
    pub(super) identity: Option<&'a IdentitySchema>,
}

impl Judge<'_> {
    /// The answer breaks a rule.
    pub(super) fn broken(&self, what: impl std::fmt::Display) -> CallError {
        CallError::Broken {
            provider: self.provider.clone(),
            call: self.call,
            what: format!("{}: {what}", self.type_name),
        }
    }

    /// A value of ours for the wire.
    pub(super) fn encode(&self, value: &Value, what: &str) -> Result<prost::bytes::Bytes, CallError> {
        wire::encode(value, self.schema.ty()).map_err(|e| CallError::Request {
            provider: self.provider.clone(),
            call: self.call,
            what: format!("the {what} of {} does not fit the schema: {e}", self.type_name),
        })
    }

    /// As [`Judge::encode`], for the plain protocol.
    pub(super) fn dynamic(&self, value: &Value, what: &str) -> Result<Option<pb::DynamicValue>, CallError> {
        Ok(Some(pb::DynamicValue { msgpack: self.encode(value, what)?, json: prost::bytes::Bytes::new() }))
    }

    /// A value of the answer: it fits the schema and holds no write-only value.
    pub(super) fn value(&self, value: Result<Value, WireError>) -> Result<Value, CallError> {
        let value = value.map_err(|e| self.broken(format_args!("the object does not fit the schema: {e}")))?;
        match self.schema.first_write_only(&value) {
            Some(path) => Err(self.broken(format_args!("write-only attribute {path} has a value"))),
            None => Ok(value),
        }
    }

    /// As [`Judge::value`], and wholly known.
    pub(super) fn known(&self, value: Result<Value, WireError>) -> Result<Value, CallError> {
        let value = self.value(value)?;
        match value.first_unknown() {
            Some(path) => Err(self.broken(format_args!("{} is unknown in a result", named(&path)))),
            None => Ok(value),
        }
    }

    /// What identifies an object whose provider serves the extension: attributes of its own, so that bulk answers need not repeat them.
    pub(super) fn identity_within(&self, object: &Value) -> Option<Value> {
        let names = self.identity?.attributes.keys();
        let part = |name: &Str| Some((name.clone(), object.get(name)?.clone()));
        names.map(part).collect::<Option<Vec<_>>>().map(Value::object)
    }

    /// A result that may have been made in part. An unknown in it becomes null, and the provider is named for it.
    pub(super) fn settled(&self, value: Value, diagnostics: &mut Diagnostics) -> Value {
        let Some(path) = value.first_unknown() else { return value };
        diagnostics.push(Diagnostic::error(
            "Provider returned an unknown value",
            format!(
                "After the change {} of {} is still unknown. {} must answer with known values only; it is stored as null. This is a \
                 bug in the provider.",
                named(&path),
                self.type_name,
                self.provider
            ),
        ));
        value.map_parts(&mut |_, part| match part.kind() {
            Kind::Unknown(unknown) => Change::Replace(Value::null(unknown.ty.clone())),
            _ => Change::Descend,
        })
    }

    /// Fails on errors; warnings go on.
    pub(super) fn told(&self, diagnostics: &[pb::Diagnostic]) -> Result<Diagnostics, CallError> {
        told(self.provider, diagnostics)
    }

    /// We never allow an answer to put an object off.
    pub(super) fn not_deferred(&self, deferred: Option<&pb::Deferred>) -> Result<(), CallError> {
        match deferred {
            Some(_) => {
                let detail = format!(
                    "The provider signaled a deferred action for {}, but in this context deferrals are disabled. This is a bug in the \
                     provider, please file an issue with the provider developers.",
                    self.type_name
                );
                let diagnostics =
                    Diagnostic::error("Provider deferred changes when Terraform did not allow deferrals", detail)
                        .into();
                Err(CallError::Refused { provider: self.provider.clone(), diagnostics })
            }
            None => Ok(()),
        }
    }
}

fn named(path: &Path) -> String {
    if path.0.is_empty() { "the whole object".to_owned() } else { path.to_string() }
}

/// Fails on errors; warnings go on.
pub(super) fn told(provider: &Arc<str>, diagnostics: &[pb::Diagnostic]) -> Result<Diagnostics, CallError> {
    let diagnostics = wire::from_diagnostics(diagnostics);
    if diagnostics.has_errors() {
        return Err(CallError::Refused { provider: provider.clone(), diagnostics });
    }
    Ok(diagnostics)
}

/// Providers of the old SDK leave out nested blocks that hold nothing, and leave whole blocks unknown. Blocks that are lists and
/// sets become empty, groups get their attributes back, unknown single blocks become objects of unknowns; the rest stays.
pub(super) fn normalised(block: &Block, object: &Value) -> Value {
    if block.blocks.is_empty() || object.is_null() || object.is_unknown() {
        return object.clone();
    }
    let mut result = object.clone();
    for (name, nested) in &block.blocks {
        let Some(value) = object.get(name) else { continue };
        let ty = nested.implied_type();
        if ty.has_dynamic() {
            continue;
        }
        let new = normalised_block(nested, &ty, value);
        if let Some(new) = new {
            result = result.with_attribute(name, new);
        }
    }
    result
}

/// `None`: as it is.
fn normalised_block(nested: &NestedBlock, ty: &Type, value: &Value) -> Option<Value> {
    match (nested.nesting, value.kind()) {
        (Nesting::List | Nesting::Set | Nesting::Group, Kind::Null(_)) => Some(nested.collect(Vec::new())),
        (Nesting::List, Kind::Unknown(_)) => {
            let Type::List(of) = ty else { return None };
            Some(Value::list(Type::clone(of), vec![unknown_leaves(&nested.block, of)]))
        }
        (Nesting::Set, Kind::Unknown(_)) => {
            let Type::Set(of) = ty else { return None };
            Some(Value::set(Type::clone(of), vec![unknown_leaves(&nested.block, of)]))
        }
        (Nesting::Single | Nesting::Group, Kind::Unknown(_)) => Some(unknown_leaves(&nested.block, ty)),
        (Nesting::Single | Nesting::Group, Kind::Object(_)) => Some(normalised(&nested.block, value)),
        (_, Kind::List(e)) => {
            Some(Value::list(e.of.clone(), e.items.iter().map(|v| normalised(&nested.block, v)).collect()))
        }
        (_, Kind::Set(e)) => {
            Some(Value::set(e.of.clone(), e.items.iter().map(|v| normalised(&nested.block, v)).collect()))
        }
        (_, Kind::Map(e)) => {
            let items = e.items.iter().map(|(k, v)| (k.clone(), normalised(&nested.block, v)));
            Some(Value::map(e.of.clone(), items.collect()))
        }
        _ => None,
    }
}

/// The object with every attribute unknown; nested blocks as [`normalised`] makes them of unknown ones.
fn unknown_leaves(block: &Block, ty: &Type) -> Value {
    let Type::Object(ty) = ty else { return Value::unknown(ty.clone()) };
    let part = |(name, ty): &(straddle_sdk::value::Str, Type)| {
        let unknown = Value::unknown(ty.clone());
        let value = match block.blocks.get(name) {
            Some(nested) => normalised_block(nested, ty, &unknown).unwrap_or(unknown),
            None => unknown,
        };
        (name.clone(), value)
    };
    Value::object(ty.attrs.iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use straddle_sdk::provider::{ResourceSchema, list_block, set_block, single_block, string};

    fn schema() -> Block {
        let inner = || ResourceSchema::new().attribute("a", string()).block("deep", list_block(ResourceSchema::new()));
        ResourceSchema::new()
            .block("l", list_block(inner()))
            .block("s", set_block(inner()))
            .block("o", single_block(inner()))
            .block("g", single_block(inner()).always())
            .body()
            .clone()
    }

    #[test]
    fn blocks_left_out_by_the_old_sdk_are_put_back() {
        let block = schema();
        let Type::Object(ty) = block.implied_type() else { panic!("an object") };
        let nulls = Value::object(ty.attrs.iter().map(|(n, t)| (n.clone(), Value::null(t.clone()))).collect());
        let whole = normalised(&block, &nulls);
        assert_eq!(whole.get("l").and_then(Value::items).map(<[_]>::len), Some(0));
        assert_eq!(whole.get("s").and_then(Value::items).map(<[_]>::len), Some(0));
        assert!(whole.get("o").is_some_and(Value::is_null));
        assert!(whole.get("g").and_then(|g| g.get("a")).is_some_and(Value::is_null));
        assert_eq!(whole.get("g").and_then(|g| g.get("deep")).and_then(Value::items).map(<[_]>::len), Some(0));
        let unknowns = Value::object(ty.attrs.iter().map(|(n, t)| (n.clone(), Value::unknown(t.clone()))).collect());
        let whole = normalised(&block, &unknowns);
        let first = whole.get("l").and_then(Value::items).and_then(<[_]>::first).expect("one element");
        assert!(first.get("a").is_some_and(Value::is_unknown));
        assert!(whole.get("o").and_then(|o| o.get("a")).is_some_and(Value::is_unknown));
    }
}
