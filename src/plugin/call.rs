//! What a provider is asked and what it answers, and how a call can fail.

use super::{Deferred, Diagnostics, Ownership};
use std::sync::Arc;
use straddle_sdk::value::{Path, Str, Value};

/// Read an object.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// Its resource type.
    pub type_name: Str,
    /// The object as last known.
    pub current: Value,
    /// The provider's bytes stored with it.
    pub private: Vec<u8>,
}

/// An object as it is.
#[derive(Clone, Debug)]
pub struct ReadAnswer {
    /// The object, wholly known unless deferred; null: gone.
    pub state: Value,
    /// The provider's bytes to be stored with it.
    pub private: Vec<u8>,
    /// Not read in full.
    pub deferred: Option<Deferred>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// Plan a change. Values are those of one object type, the type of the schema.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Its resource type.
    pub type_name: Str,
    /// The object as it is; null: create.
    pub prior: Value,
    /// Prior and configuration merged; null: delete.
    pub proposed: Value,
    /// What the user wrote; null: delete.
    pub config: Value,
    /// The provider's bytes stored with the prior object.
    pub prior_private: Vec<u8>,
}

/// An object as it will be.
#[derive(Clone, Debug)]
pub struct PlanAnswer {
    /// The object; null: deleted.
    pub planned: Value,
    /// What the provider says cannot be changed in place, as it said it: paths that did not change are among them.
    pub requires_replace: Vec<Path>,
    /// The provider's bytes, to be given back with the change.
    pub planned_private: Vec<u8>,
    /// The provider uses the old SDK, whose answers are not held to the rules of plans.
    pub legacy: bool,
    /// Not planned in full.
    pub deferred: Option<Deferred>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// Make a planned change.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    /// Its resource type.
    pub type_name: Str,
    /// The object as it is; null: create.
    pub prior: Value,
    /// The object as planned; null: delete.
    pub planned: Value,
    /// What the user wrote, wholly known; null: delete.
    pub config: Value,
    /// The provider's bytes of the plan.
    pub planned_private: Vec<u8>,
    /// Who owns the object and which attempt this is. Only providers that serve the extension see it
    /// ([`super::Capabilities::ownership`] says whether they keep it).
    pub ownership: Option<Ownership>,
}

/// An object after a change, which may have been made in part.
#[derive(Clone, Debug)]
pub struct ApplyAnswer {
    /// What there is now, wholly known; null: nothing.
    pub state: Value,
    /// The provider's bytes to be stored with it.
    pub private: Vec<u8>,
    /// The provider uses the old SDK, whose results are not held to the promise.
    pub legacy: bool,
    /// Warnings; or errors, when the change was made in part and `state` is what there is all the same.
    pub diagnostics: Diagnostics,
}

impl ApplyAnswer {
    /// The change was made in part.
    pub fn failed(&self) -> bool {
        self.diagnostics.has_errors()
    }
}

/// An object found by its id. It must be read before it is used.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its resource type, normally the one asked for.
    pub type_name: Str,
    /// The object in part.
    pub state: Value,
    /// The provider's bytes, for the read.
    pub private: Vec<u8>,
}

/// What a data source says.
#[derive(Clone, Debug)]
pub struct DataAnswer {
    /// The result, wholly known unless deferred.
    pub state: Value,
    /// Not read in full.
    pub deferred: Option<Deferred>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// A result with warnings.
#[derive(Clone, Debug)]
pub struct Warned<T> {
    /// The result.
    pub value: T,
    /// The warnings.
    pub warnings: Diagnostics,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The provider said no. For a change: nothing was changed.
    #[error("{provider}: {diagnostics}")]
    Refused {
        /// Who said it.
        provider: Arc<str>,
        /// What it said; at least one error.
        diagnostics: Diagnostics,
    },
    /// The call got no answer: the process died, hung or broke off. What became of a change is not known.
    #[error("{provider} did not answer {call}: {reason}")]
    Transport {
        /// Who did not answer.
        provider: Arc<str>,
        /// Which call.
        call: &'static str,
        /// How it ended, and the end of what the process wrote to standard error.
        reason: String,
    },
    /// The answer is not what any provider may answer. What became of a change is not known.
    #[error("{provider} answered {call} wrongly: {what}. This is a bug in the provider")]
    Broken {
        /// Who answered.
        provider: Arc<str>,
        /// Which call.
        call: &'static str,
        /// What is wrong with the answer.
        what: String,
    },
    /// The provider does not serve this call. Nothing was done.
    #[error("{provider} does not serve {call}")]
    NotServed {
        /// Which provider.
        provider: Arc<str>,
        /// Which call.
        call: &'static str,
    },
    /// The request could not be sent: it does not fit the provider's schema. Nothing was done.
    #[error("{provider} cannot be asked for {call}: {what}")]
    Request {
        /// Which provider.
        provider: Arc<str>,
        /// Which call.
        call: &'static str,
        /// What does not fit.
        what: String,
    },
}

impl CallError {
    /// Whether a change may have been made all the same.
    pub fn in_doubt(&self) -> bool {
        matches!(self, CallError::Transport { .. } | CallError::Broken { .. })
    }

    /// What the provider itself said.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        match self {
            CallError::Refused { diagnostics, .. } => Some(diagnostics),
            _ => None,
        }
    }
}
