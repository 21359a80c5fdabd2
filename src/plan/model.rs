//! The plan: plain data that says what will be done, in which order, and what every step leaves standing.
//!
//! A plan is closed: it carries the texts it was made from, the values of the variables, the prior objects it expects and
//! the results it promises, so that `apply`, `show` and `verify` need nothing else. Spread, rules and steps of each workload
//! are `spread`'s own data, kept as they came.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::checks::Checked;
use super::sequence::StepReplicas;
use crate::diag::{Diagnostic, Sources};
use crate::lang::address::{Address, Mode};
use crate::plugin::{Deferral, ImportBy};
use crate::promise::model::Survival;
use crate::spread::decision::Decision;
use crate::spread::model::{Topology, Workload};
use crate::state::ProviderRef;
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::value::{Path, Str, Type, Value, same};

/// What happens to one object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
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
    /// Created for the change alone and deleted before it ends: it stands in for what an update in place interrupts.
    Spare,
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
        matches!(self, Action::Create | Action::DeleteCreate | Action::CreateDelete | Action::Spare)
    }

    /// Ends an object.
    pub fn deletes(self) -> bool {
        matches!(self, Action::Delete | Action::DeleteCreate | Action::CreateDelete | Action::Spare)
    }

    /// The words of Terraform's plan JSON.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Action::NoOp => &["no-op"],
            Action::Create => &["create"],
            Action::Read => &["read"],
            Action::Update => &["update"],
            Action::DeleteCreate => &["delete", "create"],
            Action::CreateDelete | Action::Spare => &["create", "delete"],
            Action::Delete => &["delete"],
            Action::Forget => &["forget"],
        }
    }
}

/// Why this action and no other (`action_reason` of Terraform's plan JSON; `ReplicaRemoved` and `SpareForUpdate` are straddle's own).
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
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
    /// It serves while others are updated in place.
    SpareForUpdate,
    NoModule,
    /// A `moved` block leads to an address that nothing is configured for.
    NoMoveTarget,
    ReadConfigUnknown,
    ReadDependencyPending,
    /// A check's own data is read once more when everything is done.
    CheckNested,
}

/// One object, before and after.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Change {
    pub address: Address,
    /// The address before a `moved` block or an adoption gave it this one.
    pub previous_address: Option<Address>,
    pub provider: ProviderRef,
    pub action: Action,
    pub reason: Option<Reason>,
    /// The object now (as just read); null when there is none.
    pub before: Value,
    /// What the state said of an object that goes, where that is not what was just read: plans in Terraform's format show it.
    #[serde(default)]
    pub remembered: Option<Value>,
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
    /// Those that the state has for the object that was there.
    #[serde(default)]
    pub prior_dependencies: Arc<[Address]>,
    /// The object that was there is half made, or marked to be replaced.
    #[serde(default)]
    pub prior_tainted: bool,
    pub create_before_destroy: bool,
    /// The key of the deposed object this change removes, if it is not the current one.
    pub deposed: Option<String>,
    /// Everything of the configuration was known: apply need not plan again.
    pub config_known: bool,
    /// Not asked for (`-target`): kept as it is, and not a part of the plan.
    #[serde(default)]
    pub aside: bool,
    /// By what an existing object is taken over.
    #[serde(default)]
    pub importing: Option<ImportBy>,
    /// What the provider knows the object by that is there.
    #[serde(default)]
    pub before_identity: Option<Value>,
    /// What it will know it by; parts may be unknown.
    #[serde(default)]
    pub after_identity: Option<Value>,
    /// Version of the schema of both.
    #[serde(default)]
    pub identity_version: i64,
    /// Where the resource stands in the spec.
    pub site: Option<crate::diag::Span>,
}

impl Change {
    /// Nothing there and nothing done; fill in what is.
    pub fn nothing(address: Address, provider: ProviderRef) -> Change {
        Change {
            address,
            previous_address: None,
            provider,
            action: Action::NoOp,
            reason: None,
            before: Value::null(Type::Dynamic),
            remembered: None,
            after: Value::null(Type::Dynamic),
            replace_paths: Vec::new(),
            schema_version: 0,
            prior_private: Vec::new(),
            planned_private: Vec::new(),
            dependencies: Vec::new(),
            prior_dependencies: Arc::from([]),
            prior_tainted: false,
            create_before_destroy: false,
            deposed: None,
            config_known: true,
            aside: false,
            importing: None,
            before_identity: None,
            after_identity: None,
            identity_version: 0,
            site: None,
        }
    }

    /// Whether it does anything, to an object or to what the state says of it.
    pub fn acts(&self) -> bool {
        // A check's data is looked at whenever something is applied, and is no reason to apply anything.
        let looks = self.reason == Some(Reason::CheckNested) && self.after.is_wholly_known();
        (self.action != Action::NoOp && !looks) || self.previous_address.is_some() || self.importing.is_some()
    }
}

/// A change that a provider puts off to a later plan.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PutOff {
    pub reason: Deferral,
    /// As much of it as can be said.
    pub change: Change,
}

/// What a data source said.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DataRead {
    pub address: Address,
    pub provider: ProviderRef,
    pub schema_version: i64,
    pub value: Value,
}

/// A change found in reality that straddle did not make.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Drift {
    pub address: Address,
    pub provider: ProviderRef,
    /// As the state has it.
    pub state: Value,
    /// As the provider reported it; null when it is gone.
    pub live: Value,
}

/// An output value, before and after.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct OutputChange {
    pub name: String,
    pub before: Option<Value>,
    /// `None`: the output is removed.
    pub after: Option<Value>,
    /// It is not shown: it is a secret, or was one.
    pub sensitive: bool,
    /// Whether the state calls it one.
    #[serde(default)]
    pub was_sensitive: bool,
    /// Whether the configuration calls it one; `None`: it has no such output.
    #[serde(default)]
    pub declared: Option<bool>,
}

/// An object nobody could read.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Unreadable {
    pub address: Address,
    /// What the provider said.
    pub problem: Diagnostic,
}

/// One thing to do. Operations of a plan form an acyclic graph; every edge points to an earlier index.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Op {
    pub what: OpKind,
    /// Indices of operations that must have ended well before this one starts; all smaller than its own. Sorted.
    pub after: Vec<u32>,
}

/// The kinds of operation. Numbers are indices of changes, and of steps within their workload.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OpKind {
    /// Create the new object of a change.
    Create { change: u32 },
    /// Change the object of a change in place.
    Update { change: u32 },
    /// Delete the object that was there before (the deposed one, when the new one was created first).
    Delete { change: u32 },
    /// Read a data source whose arguments only apply knows.
    Read { change: u32 },
    /// Drop an object from the state.
    Forget { change: u32 },
    /// Plan and apply a change anew with the counts a workload has after a step: group sizes, weights, target lists.
    Follow { change: u32, workload: Str, step: u32 },
    /// Read again what the step rests on and check every rule before anything of it starts.
    StepStart { workload: Str, step: u32 },
    /// Wait until the replicas the step added are ready, for as long as the spec says.
    StepReady { workload: Str, step: u32 },
    /// Wait between detaching replicas and destroying them.
    Drain { workload: Str, step: u32 },
    /// The step is complete; what comes next may start.
    StepEnd { workload: Str, step: u32 },
    /// Nothing by itself: joins many operations, so that edges stay linear in the number of objects.
    Join,
}

/// What kind of plan it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Bring reality to the spec.
    Normal,
    /// Remove everything.
    Destroy,
    /// Only bring the state to reality.
    RefreshOnly,
    /// Additions only.
    Repair,
    /// The answer to a loss.
    Failover { lost: Vec<String> },
    /// Back to the normal placement.
    Failback,
}

/// One workload's part of a plan.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WorkloadPlan {
    /// The rules it was judged by; places include what the spec no longer offers.
    pub rules: Workload,
    pub decision: Decision,
    /// What each step touches, by replica key; parallel to `decision.steps`.
    pub steps: Vec<StepReplicas>,
    /// Rules that were last applied and are gone or promise less now: id, then what it said and what it says.
    pub weakened: Vec<(String, String, Option<String>)>,
    /// The rules as data, to be remembered once applied.
    pub fingerprints: BTreeMap<String, String>,
}

/// A finished plan.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    pub kind: Kind,
    /// Only a part of what the spec asks for.
    #[serde(default)]
    pub partial: bool,
    /// The state it was made from.
    pub lineage: String,
    pub serial: u64,
    /// The texts it was made from.
    pub sources: Sources,
    /// Values of the root module's variables.
    pub variables: BTreeMap<Str, Value>,
    /// Those that were given, as they were given, before they became of the variables' types; written when it is saved.
    #[serde(default)]
    pub given: BTreeMap<Str, Value>,
    pub topology: Topology,
    /// In the order of the spec.
    pub workloads: Vec<(Str, WorkloadPlan)>,
    /// Sorted by address, unchanged objects included.
    pub changes: Vec<Change>,
    /// What providers put off, and what is made from it: no part of the plan. Sorted by address.
    #[serde(default)]
    pub deferred: Vec<PutOff>,
    /// What data sources said while the plan was made. Sorted by address.
    #[serde(default)]
    pub data: Vec<DataRead>,
    /// Sorted by address.
    pub drift: Vec<Drift>,
    /// Differences in what only a provider computes (a state, a health): remembered by the next apply, no drift. Sorted by address.
    pub notes: Vec<Drift>,
    pub unreadable: Vec<Unreadable>,
    /// Locations nobody can reach that a person says are well.
    #[serde(default)]
    pub assumed: std::collections::BTreeSet<String>,
    /// Replicas of other states by location, by the shared ledger.
    #[serde(default)]
    pub beside: BTreeMap<String, u64>,
    /// What is known of locations that probes look at.
    #[serde(default)]
    pub evidence: Vec<super::evidence::Finding>,
    /// Where each location stands in its course through a loss.
    #[serde(default)]
    pub courses: super::course::Courses,
    /// Sorted by name, unchanged ones included.
    pub outputs: Vec<OutputChange>,
    /// Those that `-target` leaves as they are. Sorted by name.
    #[serde(default)]
    pub left_outputs: Vec<OutputChange>,
    pub ops: Vec<Op>,
    /// How the conditions of the configuration fared. Sorted by the text of addresses.
    #[serde(default)]
    pub checked: Vec<Checked>,
    /// What the texts say, in Terraform's plan JSON; written when it is saved.
    #[serde(default)]
    pub configuration: Option<String>,
    /// Which attributes of which resources went into the changes; found when it is saved.
    #[serde(default)]
    pub relevant: Vec<super::relevant::Contribution>,
    /// When it was made, if the configuration asks for it.
    #[serde(default)]
    pub time: Option<String>,
    pub warnings: Vec<Diagnostic>,
    /// What is promised beside spread and survival, and what was found of it.
    #[serde(default)]
    pub survival: Survival,
    /// What it was made with.
    #[serde(default)]
    pub origin: Origin,
}

/// What a plan was made with, beside its texts and the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// The commit that was checked out; `+` follows where files differed from it. `None`: no repository.
    pub commit: Option<String>,
    /// The providers that were locked: source to version and a digest of the checksums.
    pub providers: BTreeMap<String, String>,
    /// This program's version, which is the built-in providers' too.
    pub straddle: String,
}

impl Plan {
    /// Whether carrying it out would change anything: objects, outputs, or what the state remembers.
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(Change::acts)
            || self.outputs.iter().any(OutputChange::differs)
            || (self.kind == Kind::RefreshOnly && !self.drift.is_empty())
    }

    /// Objects added, changed, removed; a replacement counts as one added and one removed, as in Terraform.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |f: fn(Action) -> bool| self.changes.iter().filter(|c| f(c.action)).count();
        (count(Action::creates), count(|a| a == Action::Update), count(Action::deletes))
    }

    /// A destroy that cannot reach everything, or may not touch it.
    pub fn leaves_something(&self) -> bool {
        let stays = |c: &Change| c.action == Action::NoOp && !c.aside && c.address.mode == Mode::Managed;
        self.kind == Kind::Destroy && self.changes.iter().any(stays)
    }

    /// A promise that is a rule is false once the plan is done. An answer to a loss is never refused for it.
    pub fn breaks_a_promise(&self) -> bool {
        self.kind == Kind::Normal && self.survival.broken().next().is_some()
    }

    /// Existing objects that are taken over.
    pub fn imports(&self) -> usize {
        self.changes.iter().filter(|c| c.importing.is_some()).count()
    }

    /// Workloads with a rule that cannot hold even with everything healthy.
    pub fn is_broken(&self) -> bool {
        !matches!(self.kind, Kind::Destroy | Kind::RefreshOnly)
            && (self.workloads.iter().any(|(_, w)| !w.decision.breaches.is_empty()) || self.breaks_a_promise())
    }

    /// Workloads whose margin is below their `alarm_below`, now or when the plan is done.
    pub fn is_alarmed(&self) -> bool {
        let alarmed = |m: crate::spread::decision::Margin| m.alarm_before || m.alarm_after;
        !matches!(self.kind, Kind::Destroy) && self.workloads.iter().any(|(_, w)| alarmed(w.decision.margin))
    }
}

impl OutputChange {
    /// Whether the value after is not the value before. A null is no value: the state does not keep it.
    pub fn differs(&self) -> bool {
        let some = |v: &Option<Value>| v.clone().filter(|v| !v.is_null());
        match (&some(&self.before), &some(&self.after)) {
            (Some(before), Some(after)) => !same(before, after),
            (None, None) => false,
            _ => true,
        }
    }
}
