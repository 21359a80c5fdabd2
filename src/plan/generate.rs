//! Configuration written for objects that are imported without one (`plan -generate-config-out`).

use crate::lang::address::{Address, quote};
use crate::lang::write::{argument_lines, expression, key, pad};
use straddle_sdk::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use straddle_sdk::value::{Str, Value};

/// A `resource` block that describes an object as it is.
pub fn resource(address: &Address, id: Option<&str>, provider: Option<&str>, schema: &Block, object: &Value) -> String {
    let from = id.map(|id| format!(" from {}", quote(id))).unwrap_or_default();
    let mut out = format!("# __generated__ by straddle{from}\n");
    out.push_str(&format!("resource {} {} {{\n", quote(&address.ty), quote(&address.name)));
    let mut body = schema.clone();
    // The older development kit declares an id that may be written, and must not be.
    if body.attributes.get("id").is_some_and(|a| a.computed && a.optional) {
        body.attributes.remove("id");
    }
    let provider = provider.map(|name| ("provider".to_string(), name.to_string()));
    block(provider, &body, object, 1, &mut out);
    out.push_str("}\n");
    out
}

/// An `import` block for an object found by its identity. Its resource block says which provider is asked.
pub fn import(address: &Address, identity: &Value) -> String {
    let lines = [("to".to_string(), address.to_string()), ("identity".to_string(), expression(identity, 1))];
    format!("import {{\n{}}}\n", argument_lines(&lines, 1))
}

/// `first`: an argument that is none of the schema.
fn block(first: Option<(String, String)>, schema: &Block, object: &Value, depth: usize, out: &mut String) {
    let shown = schema.attributes.iter().filter(|(_, a)| (a.required || a.optional) && !a.deprecated);
    let own = shown.map(|(name, attribute)| (name.to_string(), argument(name, attribute, object, depth)));
    let lines: Vec<(String, String)> = first.into_iter().chain(own).collect();
    out.push_str(&argument_lines(&lines, depth));
    for (name, nested) in &schema.blocks {
        blocks(name, nested, object.get(name), depth, out);
    }
}

/// The value of an attribute; what must not be seen is left for a person to write.
fn argument(name: &str, attribute: &Attribute, object: &Value, depth: usize) -> String {
    if attribute.sensitive {
        return "null # sensitive".into();
    }
    if attribute.write_only {
        return "null # write-only".into();
    }
    match object.get(name) {
        Some(value) => attribute_text(attribute, value, depth),
        None => "null".into(),
    }
}

fn blocks(name: &str, nested: &NestedBlock, value: Option<&Value>, depth: usize, out: &mut String) {
    let Some(value) = value.filter(|v| !v.is_null()) else { return };
    let mut one = |label: Option<&Str>, object: &Value| {
        let label = label.map_or(String::new(), |l| format!("{} ", quote(l)));
        out.push_str(&format!("{}{name} {label}{{\n", pad(depth)));
        block(None, &nested.block, object, depth + 1, out);
        out.push_str(&format!("{}}}\n", pad(depth)));
    };
    match nested.nesting {
        Nesting::Single | Nesting::Group => one(None, value),
        Nesting::List | Nesting::Set => value.items().unwrap_or_default().iter().for_each(|object| one(None, object)),
        Nesting::Map => value.entries().unwrap_or_default().iter().for_each(|(key, object)| one(Some(key), object)),
    }
}

/// The value of an attribute; of nested ones without what only the provider decides.
fn attribute_text(attribute: &Attribute, value: &Value, depth: usize) -> String {
    match &attribute.ty {
        AttributeType::Nested { attributes, nesting } if !value.is_null() => {
            let one = |object: &Value| {
                let written = attributes.iter().filter(|(_, a)| a.required || a.optional);
                let lines: Vec<(String, String)> =
                    written.map(|(name, inner)| (key(name), argument(name, inner, object, depth + 1))).collect();
                format!("{{\n{}{}}}", argument_lines(&lines, depth + 1), pad(depth))
            };
            match nesting {
                Nesting::Single | Nesting::Group => one(value),
                Nesting::List | Nesting::Set => {
                    let all: Vec<String> = value.items().unwrap_or_default().iter().map(one).collect();
                    format!("[{}]", all.join(", "))
                }
                Nesting::Map => {
                    let entries = value.entries().unwrap_or_default().iter();
                    let all: Vec<String> =
                        entries.map(|(k, v)| format!("{}{} = {}\n", pad(depth + 1), quote(k), one(v))).collect();
                    format!("{{\n{}{}}}", all.concat(), pad(depth))
                }
            }
        }
        _ => expression(value, depth),
    }
}
