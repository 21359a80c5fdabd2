//! What is said of plans whose spread the engine itself decided.

pub mod sample;
mod text;
