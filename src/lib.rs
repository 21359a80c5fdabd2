//! straddle: keeps a workload spread over zones, clouds and own data centres, at every step of a change.
//!
//! Everything between reading files and calling providers is a pure function over plain data; see ARCHITECTURE.md.

pub mod apply;
pub mod audit;
pub mod cli;
pub mod diag;
pub mod fleet;
pub mod install;
pub mod lang;
pub mod plan;
pub mod plugin;
pub mod probe;
pub mod promise;
pub mod report;
pub mod runbook;
pub mod spec;
pub mod spread;
pub mod state;
pub mod tongue;
