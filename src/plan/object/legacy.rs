//! What providers built on the older development kit leave out or write otherwise.

use std::sync::Arc;
use straddle_sdk::schema::{Block, NestedBlock, Nesting, map_elements};
use straddle_sdk::value::{Kind, Str, Value};

/// The object with nested blocks in their proper form: lists and sets that are null become empty, a null group its empty value, and
/// blocks that are unknown as a whole become one with unknown leaves. Blocks with a dynamic type inside, which that kit
/// never makes, are left alone.
pub fn normalise_legacy(block: &Block, value: &Value) -> Value {
    object(block, value).unwrap_or_else(|| value.clone())
}

/// `None` when nothing changes.
fn object(block: &Block, value: &Value) -> Option<Value> {
    let Kind::Object(items) = value.kind() else { return None };
    let mut changed: Option<Vec<(Str, Value)>> = None;
    for (i, (name, part)) in items.iter().enumerate() {
        let new = block.blocks.get(name).and_then(|nested| nested_block(nested, part));
        if let Some(new) = new {
            changed.get_or_insert_with(|| Vec::clone(items))[i].1 = new;
        }
    }
    changed.map(|items| Value::from(Kind::Object(Arc::new(items))).with_marks(value.marks()))
}

fn nested_block(schema: &NestedBlock, value: &Value) -> Option<Value> {
    let stub = || unknown_leaves(&schema.block);
    let collection = matches!(schema.nesting, Nesting::List | Nesting::Set);
    match (schema.nesting, value.kind()) {
        (Nesting::Map, _) => None,
        (Nesting::Single, Kind::Null(_)) => None,
        (_, Kind::Null(_) | Kind::Unknown(_)) if schema.block.implied_type().has_dynamic() => None,
        (Nesting::Group, Kind::Null(_)) => Some(schema.block.empty_value()),
        (_, Kind::Null(_)) => Some(schema.collect(Vec::new())),
        (_, Kind::Unknown(_)) if collection => Some(schema.collect(vec![(None, stub())])),
        (_, Kind::Unknown(_)) => Some(stub()),
        (nesting, _) => map_elements(nesting, value, &|element| object(&schema.block, element)),
    }
}

/// A block all of whose leaves are unknown.
fn unknown_leaves(block: &Block) -> Value {
    let attributes = block.attributes.iter().map(|(name, a)| (name.clone(), Value::unknown(a.ty.implied_type())));
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let value = match nested.nesting {
            Nesting::Map => Value::unknown(nested.implied_type()),
            _ => nested.collect(vec![(None, unknown_leaves(&nested.block))]),
        };
        (name.clone(), value)
    });
    block.value_with(attributes.chain(blocks).collect())
}
