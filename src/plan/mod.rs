//! From a spec, a state and what providers answer to a [`model::Plan`].

pub mod blocks;
pub mod env;
pub mod file;
pub mod make;
pub mod model;
pub mod moved;
pub mod object;
pub mod observed;
pub mod outline;
pub mod placement;
pub mod providers;
pub mod questions;
pub mod sequence;
pub mod walk;
