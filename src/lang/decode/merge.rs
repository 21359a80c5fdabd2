//! Override files: each block is merged into the one of the same type and labels in the primary files.

use crate::diag::Diagnostic;
use crate::lang::ast::{Block, Body};
use std::sync::Arc;

/// Merges override blocks into the primary ones.
pub(super) fn merge(blocks: &mut Vec<Block>, overrides: Vec<Block>, diags: &mut Vec<Diagnostic>) {
    for over in overrides {
        if &*over.kind.name == "locals" {
            merge_locals(blocks, over, diags);
            continue;
        }
        let base = blocks.iter_mut().find(|base| same(base, &over));
        match (base, &*over.kind.name) {
            (Some(base), _) => base.body = Arc::new(merge_bodies(&base.body, &over.body)),
            // Settings and provider configurations need no base.
            (None, "terraform" | "provider") => blocks.push(over),
            (None, kind) => diags.push(no_base(kind, &over)),
        }
    }
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

fn no_base(kind: &str, over: &Block) -> Diagnostic {
    let label = |at: usize| over.labels.get(at).map_or("", |l| &*l.text);
    let name = over.labels.last().map_or("", |l| &*l.text);
    let (summary, noun, can) = match kind {
        "variable" => ("base variable declaration", "variable".to_owned(), "a variable that was already declared"),
        "output" => ("base output definition", "output".to_owned(), "an output that was already defined"),
        "module" => ("module call", "module call".to_owned(), "a module call that was defined"),
        "resource" => ("resource", format!("{} resource", label(0)), "a resource block defined"),
        "data" => ("data resource", format!("{} data resource", label(0)), "a data block defined"),
        other => (other, other.to_owned(), "a block defined"),
    };
    let detail = format!(
        "There is no {noun} named {name:?}. An override file can only override {can} in a primary configuration file."
    );
    Diagnostic::error(format!("Missing {summary} to override"), detail).at(&over.header)
}

fn merge_locals(blocks: &mut [Block], over: Block, diags: &mut Vec<Diagnostic>) {
    for attribute in &over.body.attributes {
        let name = &attribute.name.name;
        let base = blocks.iter_mut().find(|b| &*b.kind.name == "locals" && b.body.attribute(name).is_some());
        match base {
            Some(base) => {
                let single =
                    Body { attributes: vec![attribute.clone()], blocks: Vec::new(), span: over.body.span.clone() };
                base.body = Arc::new(merge_bodies(&base.body, &single));
            }
            None => {
                let detail = format!(
                    "There is no local value named {:?}. An override file can only override a local value that was already \
                     defined in a primary configuration file.",
                    &**name
                );
                let summary = "Missing base local value definition to override";
                diags.push(Diagnostic::error(summary, detail).at(&attribute.name.span));
            }
        }
    }
}

/// Arguments of the override win. Its blocks replace all of their type, except that `lifecycle` and `required_providers` are
/// merged argument by argument.
fn merge_bodies(base: &Body, over: &Body) -> Body {
    let mut attributes = base.attributes.clone();
    for attribute in &over.attributes {
        match attributes.iter_mut().find(|a| a.name.name == attribute.name.name) {
            Some(existing) => *existing = attribute.clone(),
            None => attributes.push(attribute.clone()),
        }
    }
    let merged = |kind: &str| matches!(kind, "lifecycle" | "required_providers");
    let replaced = |block: &Block| over.blocks_of(&block.kind.name).next().is_some();
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
    let fresh = |block: &&Block| !merged(&block.kind.name) || base.blocks_of(&block.kind.name).next().is_none();
    blocks.extend(over.blocks.iter().filter(fresh).cloned());
    Body { attributes, blocks, span: base.span.clone() }
}
