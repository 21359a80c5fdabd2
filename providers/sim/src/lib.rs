//! The built-in simulated clouds.
