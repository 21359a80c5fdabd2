//! Runbooks: plans for losses, compiled ahead, sealed, signed, and kept where the loss does not reach (`spread.md` N8).
//!
//! | file | subject |
//! |---|---|
//! | this | what a runbook is |
//! | `key` | the key that signs and seals |
//! | `file` | a runbook as bytes |
//! | `scenario` | for which losses, and what none of them may take |
//! | `places` | where runbooks are kept |
//! | `ledger` | when each was last simulated, rehearsed and used |

pub mod file;
pub mod key;
pub mod ledger;
pub mod places;
pub mod scenario;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What stands at the head of a runbook, readable without any key.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// `1.0`.
    pub format_version: String,
    /// For example `lose-zone-a`.
    pub name: String,
    /// What is lost.
    pub lose: BTreeSet<String>,
    /// What is lost with it: other names of the same.
    pub aliases: BTreeSet<String>,
    /// The state it was compiled from.
    pub lineage: String,
    /// Its serial then.
    pub serial: u64,
    /// When, in milliseconds since 1970.
    pub built: i64,
    /// Version of the program that compiled it.
    pub straddle: String,
    /// Replicas it adds, by workload and location.
    pub adds: BTreeMap<String, BTreeMap<String, u64>>,
    /// Within how many seconds of the loss its workloads are back, as planned.
    pub expected_s: Option<u64>,
    /// Where it is kept, by name.
    pub stores: Vec<String>,
    /// The public key that its signature is checked with, in hexadecimal digits.
    pub key: String,
    /// SHA-256 of what follows.
    pub content: String,
}

/// What a runbook needs to be carried out, sealed.
#[derive(Clone, PartialEq, Debug)]
pub struct Content {
    /// A saved plan: texts, variables, steps, promised results.
    pub plan: Vec<u8>,
    /// The state it was compiled from, whole.
    pub state: Vec<u8>,
    /// Files that functions of the spec read.
    pub files: Vec<Carried>,
}

/// A file that the spec's functions read, or looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// Relative to the spec's directory where it lies in it.
    pub path: String,
    /// What is there.
    pub kind: CarriedKind,
    /// What is in it, where that was read.
    pub bytes: Option<Vec<u8>>,
}

/// What is at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CarriedKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// Something else.
    Other,
    /// Nothing.
    Nothing,
}
