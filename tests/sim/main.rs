//! The whole tool over the built-in clouds, as one who trusts nothing would test it: what it says is held against what is there,
//! through faults, kills and hands in the console.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "../shared/alone.rs"]
mod alone;
mod cut_short;
mod faults;
mod invariants;
mod judged;
mod kills;
mod late;
mod ledger;
mod left;
mod manners;
mod mistakes;
mod observed;
mod stack;
mod surroundings;
mod taken;
mod word;
