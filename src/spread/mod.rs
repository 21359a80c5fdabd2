//! Spread, placement and failover: which replica stands where, in which order it gets there, and what is left after a loss.
//!
//! Pure and exact: integers only, no I/O, no clock, no provider. Semantics: `spread.md` section 4.

// A refusal ends the run: it is made once, and its size costs nothing.
#![allow(clippy::result_large_err)]

pub mod apportion;
pub mod conflict;
pub mod course;
pub mod cut_sets;
pub mod decide;
pub mod decision;
pub mod evidence;
pub mod exposure;
pub mod joint;
pub mod judge;
pub mod machine;
pub mod model;
pub mod order;
pub mod place;
pub mod refusal;
pub mod report;
pub mod scaled;
pub mod sharing;
pub mod simulate;
pub mod slots;
pub mod standby;
pub mod survive;
pub mod tree;
pub mod world;

pub use decide::decide;
pub use joint::{Question, decide_all, simulate_all};

#[cfg(test)]
pub(crate) mod tests;
