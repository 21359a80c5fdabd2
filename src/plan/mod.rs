//! From a spec, a state and what providers answer to a [`model::Plan`].

pub mod model;
pub mod object;
pub mod observed;
pub mod questions;
pub mod sequence;
