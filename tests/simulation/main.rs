//! The whole tool over the built-in clouds in one process, on a clock that jumps to whatever comes next: thousands of hours of applies,
//! faults and kills in seconds. Real are the command line from its arguments on, planning, audit, apply, recovery, journal and its
//! file, the protocol on both sides, the clouds and their faults. Left out are processes, sockets, TLS and the thread that writes
//! the journal; `tests/sim` has them, in real time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod found;
mod judge;
mod kills;
mod lies;
mod machine;
mod plugin;
mod seeds;
mod specs;
mod waits;
mod world;
