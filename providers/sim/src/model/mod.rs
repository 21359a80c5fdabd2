//! What a simulated cloud holds, as plain data.

mod name;
mod spec;
mod units;

pub use name::{DomainName, FaultKind, Id, Kind, Op, Word};
pub use spec::{GroupSpec, InstanceSpec, LoadBalancerSpec, RecordSpec, Spec, TargetSpec};
pub use units::{Units, Wave};

use serde::Serialize;
use std::fmt;

/// An object as the cloud shows it at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its id; never given twice in one store.
    pub id: Id,
    /// The cloud it lives in.
    pub cloud: String,
    /// What was asked for.
    pub spec: Spec,
    /// What the cloud adds.
    pub shown: Shown,
    /// 1 when created, one more with every change.
    pub version: i64,
    /// Who claims it, as said at its creation.
    pub claim: Option<Claim>,
}

/// Ownership tags, kept beside an object and apart from its own tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Claim {
    /// The state it belongs to.
    pub owner: String,
    /// Its address there.
    pub address: String,
    /// Idempotency token of its creation: a second creation with it makes no second object.
    pub token: String,
}

/// The computed attributes of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// Of an instance.
    Instance {
        /// An address of its own in 10.0.0.0/8.
        address: String,
        /// Whether it runs.
        state: Power,
    },
    /// Of a group: units that have booted.
    Group {
        /// At most `desired`.
        ready: u64,
    },
    /// Of a load balancer.
    LoadBalancer {
        /// A host name.
        address: String,
    },
    /// Of a target.
    Target {
        /// Whether what it points at runs.
        health: TargetHealth,
    },
    /// A record has none.
    Record,
}

/// Whether an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It boots.
    Pending,
    /// It runs.
    Running,
    /// It is off, by hand or because its zone is down.
    Stopped,
}

impl Power {
    /// The value of the attribute `state`.
    pub fn word(self) -> &'static str {
        match self {
            Power::Pending => "pending",
            Power::Running => "running",
            Power::Stopped => "stopped",
        }
    }
}

/// What a load balancer thinks of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetHealth {
    /// It runs; of a group: at least one unit is ready.
    Healthy,
    /// It boots.
    Initial,
    /// It is stopped.
    Unhealthy,
}

impl TargetHealth {
    /// The value of the attribute `health`.
    pub fn word(self) -> &'static str {
        match self {
            TargetHealth::Healthy => "healthy",
            TargetHealth::Initial => "initial",
            TargetHealth::Unhealthy => "unhealthy",
        }
    }
}

/// The state of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All is well.
    Up,
    /// Only its API is cut off; whether what is there runs cannot be told from outside.
    Unreachable,
    /// Instances are stopped and the API fails; the operator says so.
    Down,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Up => "up",
            Health::Unreachable => "unreachable",
            Health::Down => "down",
        })
    }
}
