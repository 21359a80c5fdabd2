//! Worlds for tests, and the tests that need more than one module. Oracles here share no logic with the engine.

mod place;
pub mod world;
