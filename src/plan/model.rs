//! The plan: plain data that says what will be done, in which order, and what every step leaves standing.
//!
//! A plan is closed: it carries the texts it was made from, the values of the variables, the prior objects it expects and
//! the results it promises, so that `apply`, `show` and `verify` need nothing else. Spread, rules and steps of each workload
//! are `spread`'s own data, kept as they came.

use crate::diag::Diagnostic;
use crate::lang::address::Address;
use straddle_sdk::value::{Path, Value};

/// A provider configuration: source address and alias (`straddle/sim` and `b`), as in state and in `provider =`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProviderKey {
    /// Fully qualified source, for example `registry.terraform.io/straddle/sim`.
    pub source: String,
    /// The alias; empty for the default configuration.
    pub alias: String,
}

/// What happens to one object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    NoOp,
    Create,
    /// A data source that can only be read during apply.
    Read,
    Update,
    /// Delete, then create.
    DeleteCreate,
    /// Create, then delete.
    CreateDelete,
    Delete,
    /// Dropped from the state; the object lives on.
    Forget,
}

impl Action {
    /// A replacement, in either order.
    pub fn is_replace(self) -> bool {
        matches!(self, Action::DeleteCreate | Action::CreateDelete)
    }

    /// Makes a new object.
    pub fn creates(self) -> bool {
        matches!(self, Action::Create | Action::DeleteCreate | Action::CreateDelete)
    }

    /// Ends an object.
    pub fn deletes(self) -> bool {
        matches!(self, Action::Delete | Action::DeleteCreate | Action::CreateDelete)
    }

    /// The words of Terraform's plan JSON.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Action::NoOp => &["no-op"],
            Action::Create => &["create"],
            Action::Read => &["read"],
            Action::Update => &["update"],
            Action::DeleteCreate => &["delete", "create"],
            Action::CreateDelete => &["create", "delete"],
            Action::Delete => &["delete"],
            Action::Forget => &["forget"],
        }
    }
}

/// Why this action and no other (`action_reason` of Terraform's plan JSON; `ReplicaRemoved` is straddle's own).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    CannotUpdate,
    Tainted,
    ByRequest,
    ByTriggers,
    NoResourceConfig,
    WrongRepetition,
    CountIndex,
    EachKey,
    /// The spread wants fewer replicas in this location.
    ReplicaRemoved,
    NoModule,
    ReadConfigUnknown,
    ReadDependencyPending,
}

/// One object, before and after.
#[derive(Clone, Debug)]
pub struct Change {
    pub address: Address,
    /// The address before a `moved` block or an adoption gave it this one.
    pub previous_address: Option<Address>,
    pub provider: ProviderKey,
    pub action: Action,
    pub reason: Option<Reason>,
    /// The object now (as just read); null when there is none.
    pub before: Value,
    /// The object promised; null for a delete. Unknown inside where only apply can know.
    pub after: Value,
    /// What made a replacement necessary.
    pub replace_paths: Vec<Path>,
    pub schema_version: i64,
    /// The provider's private bytes beside `before`.
    pub prior_private: Vec<u8>,
    /// The provider's private bytes beside `after`.
    pub planned_private: Vec<u8>,
    /// Resource addresses (no instance keys) that `after` was made from.
    pub dependencies: Vec<Address>,
    pub create_before_destroy: bool,
    /// The key of the deposed object this change removes, if it is not the current one.
    pub deposed: Option<String>,
    /// Everything of the configuration was known: apply need not plan again.
    pub config_known: bool,
    /// Where the resource stands in the spec.
    pub site: Option<crate::diag::Span>,
}

/// A change found in reality that straddle did not make.
#[derive(Clone, Debug)]
pub struct Drift {
    pub address: Address,
    pub provider: ProviderKey,
    /// As the state has it.
    pub state: Value,
    /// As the provider reported it; null when it is gone.
    pub live: Value,
}

/// An output value, before and after.
#[derive(Clone, Debug)]
pub struct OutputChange {
    pub name: String,
    pub before: Option<Value>,
    /// `None`: the output is removed.
    pub after: Option<Value>,
    pub sensitive: bool,
}

/// An object nobody could read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub address: Address,
    /// What the provider said.
    pub problem: Diagnostic,
}

/// One thing to do. Operations of a plan form an acyclic graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    pub what: OpKind,
    /// Indices of operations that must have ended well before this one starts.
    pub after: Vec<usize>,
}

/// The kinds of operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Create the new object of a change.
    Create { change: usize },
    /// Change the object of a change in place.
    Update { change: usize },
    /// Delete the object that was there before (the deposed one, when the new one was created first).
    Delete { change: usize },
    /// Read a data source whose arguments only apply knows.
    Read { change: usize },
    /// Drop an object from the state.
    Forget { change: usize },
    /// Plan and apply a change anew with the counts a workload has after a step: group sizes, weights, target lists.
    Follow { change: usize, workload: String, step: usize },
    /// Read again what the step rests on and check every rule before anything of it starts.
    StepStart { workload: String, step: usize },
    /// Wait until the replicas the step added are ready, for as long as the spec says.
    StepReady { workload: String, step: usize },
    /// The step is complete; what comes next may start.
    StepEnd { workload: String, step: usize },
}
