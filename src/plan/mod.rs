//! From a spec, a state and what providers answer to a [`model::Plan`].

pub mod blocks;
pub mod checks;
pub mod conditions;
pub mod env;
pub mod file;
pub mod generate;
pub mod import;
mod instances;
pub mod make;
pub mod marking;
pub mod model;
pub mod moved;
pub mod object;
pub mod observed;
pub mod outline;
pub mod placement;
pub mod providers;
pub mod questions;
mod references;
pub mod removed;
pub mod revisions;
pub mod sequence;
pub mod survival;
pub mod target;
mod traverse;
mod triggers;
pub mod walk;
