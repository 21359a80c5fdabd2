//! Schemas of providers in the form of `terraform providers schema -json`.

use crate::plan::providers::TERRAFORM;
use crate::plugin::{Function, IdentityAttribute, IdentitySchema, Parameter, ProviderSchemas};
use serde_json::{Map, Value as Tree, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::schema::{Attribute, AttributeType, Block, Nesting, Prepared, Schema};
use straddle_sdk::value::{Str, Type};

/// All schemas, by source.
pub fn json_text(all: &BTreeMap<String, Arc<ProviderSchemas>>) -> String {
    let all: Map<String, Tree> = all.iter().map(|(source, s)| (source.clone(), provider(source, s))).collect();
    json!({ "format_version": "1.0", "provider_schemas": all }).to_string()
}

fn provider(source: &str, s: &ProviderSchemas) -> Tree {
    let mut out = Map::new();
    // The built-in one has no block at all; others have one even if there is nothing in it.
    let provider =
        if source == TERRAFORM { json!({ "version": s.provider.version }) } else { schema_json(&s.provider) };
    out.insert("provider".into(), provider);
    for (name, types) in [
        ("resource_schemas", &s.resources),
        ("data_source_schemas", &s.data_sources),
        ("ephemeral_resource_schemas", &s.ephemeral),
        ("list_resource_schemas", &s.lists),
    ] {
        if !types.is_empty() {
            out.insert(name.into(), schemas(types));
        }
    }
    if !s.functions.is_empty() {
        let all = s.functions.iter().map(|(name, f)| (name.to_string(), function(f))).collect::<Map<_, _>>();
        out.insert("functions".into(), all.into());
    }
    if !s.identities.is_empty() {
        let all = s.identities.iter().map(|(name, i)| (name.to_string(), identity(i))).collect::<Map<_, _>>();
        out.insert("resource_identity_schemas".into(), all.into());
    }
    out.into()
}

fn identity(schema: &IdentitySchema) -> Tree {
    let part = |(name, a): (&Str, &IdentityAttribute)| {
        let mut out = Map::new();
        out.insert("type".into(), type_json(&a.ty));
        if !a.description.is_empty() {
            out.insert("description".into(), a.description.as_str().into());
        }
        let flags = [("required_for_import", a.required), ("optional_for_import", a.optional)];
        out.extend(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| ((*flag).to_string(), Tree::Bool(true))));
        (name.to_string(), Tree::from(out))
    };
    let attributes = schema.attributes.iter().map(part).collect::<Map<_, _>>();
    json!({ "version": schema.version, "attributes": attributes })
}

fn schemas(types: &BTreeMap<Str, Prepared>) -> Tree {
    types.iter().map(|(name, schema)| (name.to_string(), schema_json(schema))).collect::<Map<_, _>>().into()
}

fn function(f: &Function) -> Tree {
    let mut out = Map::new();
    let texts =
        [("description", &f.description), ("summary", &f.summary), ("deprecation_message", &f.deprecation_message)];
    out.extend(texts.iter().filter(|(_, text)| !text.is_empty()).map(|(n, text)| ((*n).into(), text.as_str().into())));
    out.insert("return_type".into(), type_json(&f.result));
    if !f.parameters.is_empty() {
        out.insert("parameters".into(), f.parameters.iter().map(parameter).collect::<Vec<_>>().into());
    }
    if let Some(variadic) = &f.variadic {
        out.insert("variadic_parameter".into(), parameter(variadic));
    }
    out.into()
}

fn parameter(p: &Parameter) -> Tree {
    let mut out = Map::new();
    out.insert("name".into(), p.name.as_str().into());
    if !p.description.is_empty() {
        out.insert("description".into(), p.description.as_str().into());
    }
    if p.null {
        out.insert("is_nullable".into(), true.into());
    }
    out.insert("type".into(), type_json(&p.ty));
    out.into()
}

fn type_json(ty: &Type) -> Tree {
    serde_json::from_str(&ty.to_json()).unwrap_or(Tree::Null)
}

fn schema_json(schema: &Schema) -> Tree {
    json!({ "version": schema.version, "block": block_json(&schema.block) })
}

fn block_json(block: &Block) -> Tree {
    let mut out = Map::new();
    if !block.attributes.is_empty() {
        out.insert("attributes".into(), attributes_json(&block.attributes));
    }
    if !block.blocks.is_empty() {
        let nested = block.blocks.iter().map(|(name, b)| {
            let mut one = Map::new();
            one.insert("nesting_mode".into(), nesting(b.nesting).into());
            one.insert("block".into(), block_json(&b.block));
            for (key, n) in [("min_items", b.min_items), ("max_items", b.max_items)] {
                if n != 0 {
                    one.insert(key.into(), n.into());
                }
            }
            (name.to_string(), Tree::from(one))
        });
        out.insert("block_types".into(), nested.collect::<Map<_, _>>().into());
    }
    described(&mut out, &block.description, block.markdown, block.deprecated);
    out.into()
}

fn attributes_json(attributes: &BTreeMap<Str, Attribute>) -> Tree {
    let one = |(name, a): (&Str, &Attribute)| {
        let mut out = Map::new();
        match &a.ty {
            AttributeType::Plain(ty) => {
                out.insert("type".into(), type_json(ty));
            }
            AttributeType::Nested { attributes, nesting: mode } => {
                let nested = json!({ "attributes": attributes_json(attributes), "nesting_mode": nesting(*mode) });
                out.insert("nested_type".into(), nested);
            }
        }
        let flags = [
            ("required", a.required),
            ("optional", a.optional),
            ("computed", a.computed),
            ("sensitive", a.sensitive),
            ("write_only", a.write_only),
        ];
        out.extend(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| ((*flag).to_string(), Tree::Bool(true))));
        described(&mut out, &a.description, a.markdown, a.deprecated);
        (name.to_string(), Tree::from(out))
    };
    attributes.iter().map(one).collect::<Map<_, _>>().into()
}

fn described(out: &mut Map<String, Tree>, description: &str, markdown: bool, deprecated: bool) {
    if !description.is_empty() {
        out.insert("description".into(), description.into());
    }
    out.insert("description_kind".into(), if markdown { "markdown" } else { "plain" }.into());
    if deprecated {
        out.insert("deprecated".into(), true.into());
    }
}

fn nesting(nesting: Nesting) -> &'static str {
    match nesting {
        Nesting::Single => "single",
        Nesting::Group => "group",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    }
}
