//! `init` against directories, mirrors and registries, and against the real Terraform: either program goes on where the other stopped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod directories;
mod modules;
mod registry;
mod server;
mod work;
