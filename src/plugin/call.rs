//! What a provider is asked and what it answers, and how a call can fail.

use super::{Diagnostics, Ownership};
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
    /// What the provider knows it by, if it says so.
    pub identity: Option<Value>,
    /// What the module it stands in tells the provider beside (`provider_meta`), if it says anything.
    pub meta: Option<Value>,
}

/// An object as it is.
#[derive(Clone, Debug)]
pub struct ReadAnswer {
    /// The object, wholly known; null: gone.
    pub state: Value,
    /// The provider's bytes to be stored with it.
    pub private: Vec<u8>,
    /// What the provider knows it by, if it says so.
    pub identity: Option<Value>,
    /// The provider puts it off, which it was allowed to: what stands here is as much as it could say.
    pub deferred: Option<Deferral>,
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
    /// What the provider knows the prior object by, if it says so.
    pub prior_identity: Option<Value>,
    /// What the module it stands in tells the provider beside (`provider_meta`), if it says anything.
    pub meta: Option<Value>,
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
    /// What the provider will know the object by, if it says so; parts may be unknown.
    pub planned_identity: Option<Value>,
    /// The provider puts it off, which it was allowed to: what stands here is as much as it could say.
    pub deferred: Option<Deferral>,
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
    /// The identity of the plan.
    pub planned_identity: Option<Value>,
    /// What the module it stands in tells the provider beside (`provider_meta`), if it says anything.
    pub meta: Option<Value>,
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
    /// What the provider knows it by, if it says so.
    pub identity: Option<Value>,
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

/// Why a provider puts something off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub enum Deferral {
    /// It does not say.
    Unknown,
    /// Its own arguments are not known yet.
    ConfigUnknown,
    /// The provider's configuration is not known yet.
    ProviderConfigUnknown,
    /// Something outside that it needs is not there yet.
    AbsentPrereq,
    /// Something it is made from is put off.
    DeferredPrereq,
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
    /// What the provider knows it by, for the read, if it says so.
    pub identity: Option<Value>,
}

/// What an import found.
#[derive(Clone, Debug)]
pub struct ImportAnswer {
    /// The objects; none only where the provider puts the import off.
    pub value: Vec<Imported>,
    /// The provider puts it off, which it was allowed to.
    pub deferred: Option<Deferral>,
    /// Warnings.
    pub warnings: Diagnostics,
}

/// Read a data source.
#[derive(Clone, Debug)]
pub struct DataRequest {
    /// Its type.
    pub type_name: Str,
    /// What the user wrote, wholly known.
    pub config: Value,
    /// What the module it stands in tells the provider beside (`provider_meta`), if it says anything.
    pub meta: Option<Value>,
}

/// What a data source says.
#[derive(Clone, Debug)]
pub struct DataAnswer {
    /// The result, wholly known unless it is put off.
    pub state: Value,
    /// The provider puts it off, which it was allowed to: what stands here is as much as it could say.
    pub deferred: Option<Deferral>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// How to find an object that exists.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum ImportBy {
    /// By the text its provider understands.
    Id(String),
    /// By its identity.
    Identity(Value),
}

/// An object of another type or provider that is to become one of a type of this provider. Everything is as it is stored.
#[derive(Clone, Debug)]
pub struct MoveRequest {
    /// The source address of its provider, in full.
    pub provider: String,
    /// Its resource type.
    pub type_name: Str,
    /// The version of the schema it was stored with.
    pub version: i64,
    /// Its attributes in JSON, as state files hold them.
    pub attributes: Vec<u8>,
    /// The bytes of its provider.
    pub private: Vec<u8>,
    /// The version of its identity and the identity in JSON.
    pub identity: Option<(i64, Vec<u8>)>,
    /// The type it becomes.
    pub target: Str,
}

/// An object in its new type.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The object, wholly known.
    pub state: Value,
    /// The provider's bytes to be stored with it.
    pub private: Vec<u8>,
    /// What the provider knows it by, if it says so.
    pub identity: Option<Value>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// An ephemeral resource that is open. It must be closed, and renewed in time.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The result, wholly known. It goes into no plan and no state.
    pub result: Value,
    /// The provider's bytes, for renewing and closing.
    pub private: Option<Vec<u8>>,
    /// When it must have been renewed.
    pub renew_at: Option<std::time::SystemTime>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// A renewed ephemeral resource.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The provider's bytes, in place of those before.
    pub private: Option<Vec<u8>>,
    /// When it must have been renewed again.
    pub renew_at: Option<std::time::SystemTime>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// An existing object that a query found.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What the provider knows it by.
    pub identity: Value,
    /// For people.
    pub display_name: String,
    /// The object, if it was asked for.
    pub state: Option<Value>,
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
    /// The provider itself does not know what became of a change: what it asked of its API got no answer.
    #[error("{provider} does not know what became of it: {diagnostics}")]
    InDoubt {
        /// Who said it.
        provider: Arc<str>,
        /// What it said.
        diagnostics: Diagnostics,
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
        matches!(self, CallError::Transport { .. } | CallError::InDoubt { .. } | CallError::Broken { .. })
    }

    /// What the provider itself said.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        match self {
            CallError::Refused { diagnostics, .. } => Some(diagnostics),
            CallError::InDoubt { diagnostics, .. } if diagnostics.has_errors() => Some(diagnostics),
            _ => None,
        }
    }
}
