//! Providers on the official Go kits, driven by straddle and, as an oracle, by the real Terraform with the same configuration in a twin
//! directory: the same plans, the same values, the same state.
//!
//! The providers (`go/`) are built once per run, with the Go that is there; without Go, or where its modules cannot be had, the tests
//! say so and end well.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod build;
mod crash;
mod deferral;
mod ephemeral;
mod foreign;
mod framework;
mod identity;
mod importing;
mod legacy;
mod meta;
mod process;
mod protocol;
mod query;
mod random;
mod rehearsal;
mod schemas;
mod twin;
