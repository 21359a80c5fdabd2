//! What straddle says: text for people, JSON for programs. Pure: data in, text out; nothing here reads, asks or prints.
//!
//! Order and honesty of the text follow one idea: what is broken now comes first, zeros are written out, and what is not proven is
//! called so. The machine formats are a contract, described by the schemas in `schemas/`.

pub mod checks;
pub mod diagnostics;
pub mod diff;
pub mod drift;
pub mod events;
pub mod evidence;
mod excerpt;
pub mod failover;
pub mod graph;
pub mod json;
pub mod object;
pub mod page;
pub mod plan;
pub mod promises;
pub mod provider_schemas;
pub mod provider_tree;
pub mod query;
pub mod refusal;
pub mod runbook;
pub mod simulate;
pub mod style;
pub mod table;
pub mod test;
pub mod words;

#[cfg(test)]
pub(crate) mod tests;
