//! How a pure planner asks a provider: it returns questions, the driver brings answers, and it runs on.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::state::ProviderRef;
use straddle_sdk::value::{Path, Str, Value};

/// Something only a provider can say.
#[derive(Clone, Debug)]
pub struct Question {
    /// Tells answers apart; given back with the answer.
    pub id: u32,
    pub provider: ProviderRef,
    pub type_name: Str,
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Check the configuration, then plan the change from `prior` to `proposed`.
    Plan { prior: Value, proposed: Value, config: Value, private: Vec<u8> },
    /// Take over the object of an id, and read it.
    Import { id: String },
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
    Plan { planned: Value, requires_replace: Vec<Path>, private: Vec<u8>, legacy: bool },
    Data { value: Value },
    Opened { value: Value },
    Imported { state: Value, private: Vec<u8> },
}
