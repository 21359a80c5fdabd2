//! Spread, placement and failover: which replica stands where, in which order it gets there, and what is left after a loss.
//!
//! Pure and exact: integers only, no I/O, no clock, no provider. Semantics: `spread.md` section 4.

pub mod apportion;
pub mod decision;
pub mod model;
pub mod place;
pub mod tree;

#[cfg(test)]
mod tests;
