//! Worlds for tests, and the tests that need more than one module. Oracles here share no logic with the engine.

mod contract;
mod evidence;
mod losses;
mod overflow;
mod place;
mod random;
mod seeds;
mod steps;
pub mod world;
