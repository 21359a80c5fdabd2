//! What is said of plans whose spread the engine itself decided.

mod json;
mod reports;
pub mod sample;
mod schemas;
mod text;
mod words;
