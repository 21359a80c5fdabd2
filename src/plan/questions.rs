//! How a pure planner asks a provider: it returns questions, the driver brings answers, and it runs on.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::plugin::{Deferral, ImportBy};
use crate::state::ProviderRef;
use straddle_sdk::value::{Path, Str, Value};

/// Something only a provider can say.
#[derive(Clone, Debug)]
pub struct Question {
    /// Tells answers apart; given back with the answer.
    pub id: u32,
    pub provider: ProviderRef,
    pub type_name: Str,
    /// What the module it stands in tells the provider beside.
    pub meta: Option<Value>,
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Check the configuration, then plan the change from `prior` to `proposed`.
    Plan { prior: Value, proposed: Value, config: Value, private: Vec<u8>, identity: Option<Value> },
    /// Take over an existing object, and read it.
    Import { by: ImportBy },
    /// Check the configuration, then read a data source.
    Data { config: Value },
    /// Check the configuration, then open an ephemeral resource; one that is open already is not opened again.
    Open { address: Address, config: Value },
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub id: u32,
    /// Warnings, or the errors that made it fail.
    pub problems: Vec<Diagnostic>,
    pub result: Option<Answered>,
}

/// A result.
#[derive(Clone, Debug)]
pub enum Answered {
    Plan(Planned),
    Data { value: Value, deferred: Option<Deferral> },
    Opened { value: Value },
    Imported(Taken),
}

/// A provider's plan of one change.
#[derive(Clone, Debug)]
pub struct Planned {
    pub planned: Value,
    pub requires_replace: Vec<Path>,
    pub private: Vec<u8>,
    /// What the provider will know it by; parts may be unknown.
    pub identity: Option<Value>,
    pub legacy: bool,
    pub deferred: Option<Deferral>,
}

/// An existing object, as it was read.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Null only where it is put off.
    pub state: Value,
    pub private: Vec<u8>,
    /// What the provider knows it by.
    pub identity: Option<Value>,
    pub deferred: Option<Deferral>,
}
