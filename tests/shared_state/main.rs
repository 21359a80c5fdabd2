//! States on a real PostgreSQL and a real object store: connections cut at every write of the journal, processes killed there, two
//! that want one lock, a hundred readers. Servers are started here, on 127.0.0.1, and end with the test. Where one cannot be had
//! the test says so, and the rest runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on is to fail")]

mod commands;
mod kills;
mod lines;
mod proxy;
mod script;
mod servers;
