//! Override files: each block is merged into the one of the same type and labels in the primary files.

use super::Decoder;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Body};
use std::sync::Arc;

/// Condition blocks, which no override file may hold.
const RULES: &[&str] = &["validation", "precondition", "postcondition"];

/// Merges override blocks into the primary ones.
pub(super) fn merge(blocks: &mut Vec<Block>, overrides: Vec<Block>, decoder: &mut Decoder<'_>) {
    for over in overrides {
        match &*over.kind.name {
            "locals" => merge_locals(blocks, over, &mut decoder.whole),
            "terraform" => merge_settings(blocks, over),
            "check" => decoder.later.push(
                Diagnostic::error("Can't override check blocks", "Override files cannot override check blocks.")
                    .at(&over.header),
            ),
            kind @ ("moved" | "import") => {
                let what = if kind == "moved" { "Records of moved objects" } else { "Import blocks" };
                let detail = format!("{what} can appear only in normal files, not in override files.");
                let summary = format!("Cannot override '{kind}' blocks");
                decoder.whole.push(Diagnostic::error(summary, detail).at(&over.header));
            }
            _ => merge_block(blocks, over, decoder),
        }
    }
}

fn merge_block(blocks: &mut Vec<Block>, over: Block, decoder: &mut Decoder<'_>) {
    refuse_rules(&over, decoder);
    if &*over.kind.name != "provider"
        && let Some(attribute) = over.body.attribute("depends_on")
    {
        let span = match &attribute.expr.kind {
            crate::lang::ast::ExprKind::Tuple(items) => items.first().map(|item| &item.span),
            _ => None,
        };
        decoder.whole.extend(span.map(unsupported));
    }
    if let ("variable", [label]) = (&*over.kind.name, over.labels.as_slice()) {
        let (ty, default) = (over.body.attribute("type").is_some(), over.body.attribute("default").is_some());
        decoder.overridden.insert(label.text.clone(), (over.header.clone(), ty, default));
    }
    let base = blocks.iter_mut().find(|base| same(base, &over));
    match (base, &*over.kind.name) {
        (Some(base), _) => base.body = Arc::new(merge_bodies(&base.body, &over.body)),
        (None, "removed") => {}
        // A default provider configuration needs no base.
        (None, "provider") if alias(&over).is_none() => blocks.push(over),
        (None, kind) => decoder.whole.extend(no_base(kind, &over).or_else(|| {
            // A block of a type that is none: the decoder says so.
            blocks.push(over);
            None
        })),
    }
}

fn unsupported(span: &Span) -> Diagnostic {
    Diagnostic::error("Unsupported override", "The depends_on argument may not be overridden.").at(span)
}

fn refuse_rules(over: &Block, decoder: &mut Decoder<'_>) {
    let inside = over.body.blocks_of("lifecycle").flat_map(|lifecycle| lifecycle.body.blocks.iter());
    for rule in over.body.blocks.iter().chain(inside).filter(|block| RULES.contains(&&*block.kind.name)) {
        let kind = &*rule.kind.name;
        let detail = format!("Override files cannot override {kind:?} blocks.");
        decoder.later.push(Diagnostic::error(format!("Can't override {kind} blocks"), detail).at(&rule.header));
    }
}

/// Settings win one by one, and a backend over a cloud as over another backend; required providers are replaced by name.
fn merge_settings(blocks: &mut Vec<Block>, mut over: Block) {
    let storage = |block: &Block| matches!(&*block.kind.name, "backend" | "cloud");
    let stored = over.body.blocks.iter().any(storage);
    let mut rest = (*over.body).clone();
    let other_file = |block: &&mut Block| block.kind.span.file != over.kind.span.file;
    for base in blocks.iter_mut().filter(|block| &*block.kind.name == "terraform").filter(other_file) {
        let mut body = (*base.body).clone();
        body.attributes.retain(|attribute| over.body.attribute(&attribute.name.name).is_none());
        if stored {
            body.blocks.retain(|block| !storage(block));
        }
        if let Some(required) = body.blocks.iter_mut().find(|block| &*block.kind.name == "required_providers") {
            for wanted in over.body.blocks_of("required_providers") {
                required.body = Arc::new(merge_bodies(&required.body, &wanted.body));
            }
            rest.blocks.retain(|block| &*block.kind.name != "required_providers");
        }
        base.body = Arc::new(body);
    }
    over.body = Arc::new(rest);
    blocks.push(over);
}

fn same(base: &Block, over: &Block) -> bool {
    let labels = |block: &Block| block.labels.iter().map(|l| l.text.clone()).collect::<Vec<_>>();
    base.kind.name == over.kind.name && labels(base) == labels(over) && alias(base) == alias(over)
}

/// What tells configurations of one provider apart.
fn alias(block: &Block) -> Option<&str> {
    if &*block.kind.name != "provider" {
        return None;
    }
    block.body.attribute("alias").and_then(|a| a.expr.literal_text())
}

/// Says that there is nothing to override; `None` if blocks of this type are not overridden at all.
fn no_base(kind: &str, over: &Block) -> Option<Diagnostic> {
    let name = over.labels.last().map_or("", |l| &*l.text);
    let ty = over.labels.first().map_or("", |l| &*l.text);
    let (what, missing, only) = match kind {
        "variable" => ("base variable declaration", "variable".to_owned(), "a variable that was already declared"),
        "output" => ("base output definition", "output".to_owned(), "an output that was already defined"),
        "module" => ("module call", "module call".to_owned(), "a module call that was defined"),
        "resource" => ("resource", format!("{ty} resource"), "a resource block defined"),
        "data" => ("data resource", format!("{ty} data resource"), "a data block defined"),
        "provider" => {
            let alias = alias(over).unwrap_or_default();
            let detail = format!(
                "There is no {name} provider configuration with the alias {alias:?}. An override file can only override an \
                 aliased provider configuration that was already defined in a primary configuration file."
            );
            let summary = "Missing base provider configuration for override";
            return Some(Diagnostic::error(summary, detail).at(&over.header));
        }
        _ => return None,
    };
    let detail = format!(
        "There is no {missing} named {name:?}. An override file can only override {only} in a primary configuration file."
    );
    Some(Diagnostic::error(format!("Missing {what} to override"), detail).at(&over.header))
}

fn merge_locals(blocks: &mut [Block], over: Block, diags: &mut Vec<Diagnostic>) {
    for attribute in &over.body.attributes {
        let name = &attribute.name.name;
        let base = blocks.iter_mut().find(|b| &*b.kind.name == "locals" && b.body.attribute(name).is_some());
        match base {
            Some(base) => {
                let single = Body {
                    attributes: vec![attribute.clone()],
                    blocks: Vec::new(),
                    span: over.body.span.clone(),
                    merged: false,
                };
                base.body = Arc::new(merge_bodies(&base.body, &single));
            }
            None => {
                let detail = format!(
                    "There is no local value named {:?}. An override file can only override a local value that was already \
                     defined in a primary configuration file.",
                    &**name
                );
                let summary = "Missing base local value definition to override";
                diags.push(Diagnostic::error(summary, detail).at(&attribute.span));
            }
        }
    }
}

/// The type of the blocks a block stands for: `dynamic "x"` for those of type `x`.
fn meant(block: &Block) -> &str {
    match (&*block.kind.name, block.labels.first()) {
        ("dynamic", Some(label)) => &label.text,
        (kind, _) => kind,
    }
}

/// Arguments of the override win. Its blocks replace all of their type, except that `lifecycle` is merged argument by argument and
/// condition blocks stay.
fn merge_bodies(base: &Body, over: &Body) -> Body {
    let mut attributes = base.attributes.clone();
    for attribute in &over.attributes {
        match attributes.iter_mut().find(|a| a.name.name == attribute.name.name) {
            Some(existing) => *existing = attribute.clone(),
            None => attributes.push(attribute.clone()),
        }
    }
    let merged = |kind: &str| kind == "lifecycle";
    let kept = |kind: &str| RULES.contains(&kind);
    let replaced = |block: &Block| !kept(meant(block)) && over.blocks.iter().any(|other| meant(other) == meant(block));
    let mut blocks: Vec<Block> = Vec::new();
    for block in &base.blocks {
        if merged(&block.kind.name) {
            let mut block = block.clone();
            for other in over.blocks_of(&block.kind.name.clone()) {
                block.body = Arc::new(merge_bodies(&block.body, &other.body));
            }
            blocks.push(block);
        } else if !replaced(block) {
            blocks.push(block.clone());
        }
    }
    let fresh = |block: &&Block| {
        let kind = &*block.kind.name;
        !kept(kind) && (!merged(kind) || base.blocks_of(kind).next().is_none())
    };
    blocks.extend(over.blocks.iter().filter(fresh).cloned());
    Body { attributes, blocks, span: base.span.clone(), merged: true }
}
