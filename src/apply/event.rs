//! What happens while a plan is carried out, as data: printed as lines, bars or JSON by whoever listens.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::plan::model::Action;
use std::collections::BTreeSet;
use std::time::Duration;
use straddle_sdk::value::Str;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call for an object leaves.
    Start { address: Address, action: Action },
    /// It is done.
    Done { address: Address, action: Action, took: Duration, id: Option<String> },
    /// It failed, or nobody knows.
    Failed { address: Address, action: Action, in_doubt: bool, problems: Vec<Diagnostic> },
    /// A step starts; nothing of it has been touched.
    StepStart { workload: Str, step: u32, of: u32 },
    /// Every rule was checked against what was just read.
    StepChecked { workload: Str, step: u32, serving: u32 },
    /// Waiting for replicas: so many of those the step added are ready.
    Waiting { workload: Str, step: u32, ready: u32, of: u32, serving: u32 },
    /// A step is complete.
    StepDone { workload: Str, step: u32, of: u32, serving: u32 },
    /// A step was stopped; nothing behind it is done.
    StepStopped { workload: Str, step: u32, of: u32, why: Diagnostic },
    /// A line of what a provisioner says; `kind` is its type, `local-exec` for one.
    Provision { address: Address, kind: String, line: String },
    /// Something worth saying.
    Note(Diagnostic),
}

/// How it all ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Existing objects that are in the state now.
    pub imported: usize,
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    /// Operations that failed.
    pub failed: usize,
    /// Operations whose outcome nobody knows.
    pub in_doubt: usize,
    /// Operations that were not started because of the above or because of a signal.
    pub skipped: usize,
    /// A step was not begun or not finished because what is there is not what the plan counts with: a new plan may go on.
    pub moved: bool,
    /// Steps whose new replicas did not serve by their deadline.
    pub late: Vec<(Str, u32)>,
    /// Workloads and locations where that was so and others may be made elsewhere (`alternate`).
    pub elsewhere: BTreeSet<(Str, String)>,
    /// A signal ended it before its end.
    pub stopped: bool,
    /// The journal could not be written to its end: what the state says is older than what was done.
    pub unsaved: bool,
    pub problems: Vec<Diagnostic>,
    /// Resources, as configured, of which something did not come off.
    pub undone: BTreeSet<Address>,
}

impl Summary {
    /// Everything the plan says was done.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.in_doubt == 0 && self.skipped == 0 && !self.unsaved
    }
}
