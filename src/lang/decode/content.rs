//! What a body may hold, checked: known arguments, required ones, known blocks, the right number of labels.

use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Attribute, Block, Body};
use crate::lang::suggest::nearest;
use crate::lang::syntax::json::extraneous;

/// What a body may hold.
pub(crate) struct Shape<'a> {
    /// Names, and whether each is required.
    pub attributes: &'a [(&'a str, bool)],
    /// Types, and the names of the labels each has.
    pub blocks: &'a [(&'a str, &'a [&'a str])],
}

/// Reports everything in a body that the shape does not have, and what it misses.
pub(crate) fn check(body: &Body, shape: &Shape<'_>, diags: &mut Vec<Diagnostic>) {
    let is_attribute = |name: &str| shape.attributes.iter().any(|(known, _)| *known == name);
    for attribute in &body.attributes {
        let name = &*attribute.name.name;
        if !is_attribute(name) {
            let block = shape.blocks.iter().any(|(known, _)| *known == name);
            // What is there already was not meant.
            let known =
                shape.attributes.iter().map(|(known, _)| *known).filter(|known| body.attribute(known).is_none());
            if attribute.json.is_some() {
                let known = known.chain(shape.blocks.iter().map(|(known, _)| *known));
                diags.push(extraneous(name, &attribute.name.span, known));
                continue;
            }
            diags.push(unsupported_argument(attribute, block, nearest(name, known)));
        }
    }
    for (name, _) in shape.attributes.iter().filter(|(_, required)| *required) {
        if body.attribute(name).is_none() {
            diags.push(missing_argument(name, body));
        }
    }
    for block in &body.blocks {
        match shape.blocks.iter().find(|(known, _)| **known == *block.kind.name) {
            Some((_, labels)) => {
                check_labels(block, labels, diags);
            }
            None => {
                let known = shape.blocks.iter().map(|(known, _)| *known);
                diags.push(unsupported_block(block, is_attribute(&block.kind.name), nearest(&block.kind.name, known)));
            }
        }
    }
}

/// Reports blocks in a body that has arguments only. True if there are none.
pub(crate) fn just_attributes(body: &Body, diags: &mut Vec<Diagnostic>) -> bool {
    let Some(block) = body.blocks.first() else { return true };
    let summary = format!("Unexpected {:?} block", &*block.kind.name);
    diags.push(Diagnostic::error(summary, "Blocks are not allowed here.").at(&block.kind.span));
    false
}

pub(crate) fn unsupported_argument(attribute: &Attribute, is_block: bool, near: Option<&str>) -> Diagnostic {
    let name = &*attribute.name.name;
    let mean = match (is_block, near) {
        (true, _) => format!(" Did you mean to define a block of type {name:?}?"),
        (false, Some(near)) => format!(" Did you mean {near:?}?"),
        _ => String::new(),
    };
    Diagnostic::error("Unsupported argument", format!("An argument named {name:?} is not expected here.{mean}"))
        .at(&attribute.name.span)
}

pub(crate) fn unsupported_block(block: &Block, is_attribute: bool, near: Option<&str>) -> Diagnostic {
    let name = &*block.kind.name;
    let mean = match (is_attribute, near) {
        (true, _) => {
            format!(" Did you mean to define argument {name:?}? If so, use the equals sign to assign it a value.")
        }
        (false, Some(near)) => format!(" Did you mean {near:?}?"),
        _ => String::new(),
    };
    Diagnostic::error("Unsupported block type", format!("Blocks of type {name:?} are not expected here.{mean}"))
        .at(&block.kind.span)
}

pub(crate) fn missing_argument(name: &str, body: &Body) -> Diagnostic {
    let detail = format!("The argument {name:?} is required, but no definition was found.");
    Diagnostic::error("Missing required argument", detail).at(&missing_place(body))
}

/// Where something missing is reported: the first byte of the body.
pub(crate) fn missing_place(body: &Body) -> Span {
    let start = body.span.range.start;
    Span { file: body.span.file, range: start..(start + 1).min(body.span.range.end.max(start)) }
}

/// Reports labels too many or too few. True if they are right.
pub(crate) fn check_labels(block: &Block, names: &[&str], diags: &mut Vec<Diagnostic>) -> bool {
    let kind = &*block.kind.name;
    let (count, list) = (names.len(), names.join(", "));
    if let Some(missing) = names.get(block.labels.len()) {
        let detail = format!("All {kind} blocks must have {count} labels ({list}).");
        diags.push(Diagnostic::error(format!("Missing {missing} for {kind}"), detail).at(&block.open));
        return false;
    }
    if let Some(extra) = block.labels.get(count) {
        let detail = match count {
            0 => format!("No labels are expected for {kind} blocks."),
            _ => format!("Only {count} labels ({list}) are expected for {kind} blocks."),
        };
        diags.push(Diagnostic::error(format!("Extraneous label for {kind}"), detail).at(&extra.span));
        return false;
    }
    true
}
