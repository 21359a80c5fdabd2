//! The JSON syntax of the language: the same tree from a `.tf.json` file.
//!
//! JSON does not tell an argument from a block, nor a template from a plain text: what a property is depends on what may stand there.
//! For Terraform's own blocks a table knows (`shape`). What a provider's schema decides is an argument in the tree and keeps its
//! JSON ([`Property`]), from which `lang::body` takes it as blocks where the schema wants blocks.
//!
//! | module | subject |
//! |---|---|
//! | `read` | text to JSON values with their places |
//! | `shape` | what Terraform's own blocks hold |
//! | `lower` | JSON values to the syntax tree |
//! | `shift` | expressions inside texts, put where they stand in the file |

mod lower;
mod read;
mod shape;
mod shift;
#[cfg(test)]
mod tests;

pub use lower::Property;
pub(in crate::lang) use lower::extraneous;

use super::Text;
use crate::diag::Diagnostic;
use crate::lang::ast::Body;
use lower::{Lower, Origin};
use std::sync::Arc;
use std::sync::OnceLock;

/// So many things wrong with JSON itself are told: brackets by the thousand that nobody closed are one mistake.
const MOST_PROBLEMS: usize = 500;

/// Whether a file of this name is in JSON syntax.
pub fn is_json(name: &str) -> bool {
    name.ends_with(".json")
}

/// Parses a `.tf.json` file. With errors the body holds all that could be read.
pub fn parse_json_body(source: Text<'_>) -> (Body, Vec<Diagnostic>) {
    parse(source, &shape::TOP)
}

/// Parses a `.tfvars.json` file: every property is an argument, and texts are what they are.
pub fn parse_json_values(source: Text<'_>) -> (Body, Vec<Diagnostic>) {
    parse(source, &shape::VALUES)
}

/// Parses a `.tftest.json` file.
pub fn parse_json_test(source: Text<'_>) -> (Body, Vec<Diagnostic>) {
    parse(source, &shape::TEST)
}

/// Parses a `.tfmock.json` file.
pub fn parse_json_mocks(source: Text<'_>) -> (Body, Vec<Diagnostic>) {
    parse(source, &shape::MOCKS)
}

fn parse(source: Text<'_>, shape: &'static shape::Shape) -> (Body, Vec<Diagnostic>) {
    let origin = Arc::new(Origin {
        file: source.file,
        name: source.name.to_owned(),
        text: source.text.to_owned(),
        lines: OnceLock::new(),
    });
    let (node, mut problems) = read::read(&origin.text, source.file);
    problems.truncate(MOST_PROBLEMS);
    let mut lower = Lower::new(&origin);
    let body = lower.root(&node, shape);
    problems.append(&mut lower.problems);
    (body, problems)
}
