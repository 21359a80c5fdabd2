//! What a provider is asked. Every request about a type carries the schema of that type.

use super::{Diagnostic, Diagnostics, Ownership, ResourceSchema};
use crate::value::codec::json;
use crate::value::{Str, Value};
use std::sync::Arc;

/// About the caller.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Context {
    /// The version of the calling program, as it says.
    pub caller_version: String,
    /// Whether an answer may put the object off ([`super::Deferred`]).
    pub deferral_allowed: bool,
}

/// Check a configuration.
#[derive(Clone, Debug)]
pub struct ValidateRequest {
    /// The type asked about.
    pub type_name: Str,
    /// Its schema.
    pub schema: Arc<ResourceSchema>,
    /// What the user wrote: null where nothing was written, unknown where it is not known yet.
    pub config: Value,
}

/// Bring a stored object up to the current schema.
#[derive(Clone, Debug)]
pub struct UpgradeRequest {
    /// The type asked about.
    pub type_name: Str,
    /// Its schema today.
    pub schema: Arc<ResourceSchema>,
    /// The schema version it was stored with.
    pub version: i64,
    /// The attributes as they were stored: JSON, word for word.
    pub json: Vec<u8>,
}

/// Read an object.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The type asked about.
    pub type_name: Str,
    /// Its schema.
    pub schema: Arc<ResourceSchema>,
    /// The object as last known.
    pub state: Value,
    /// The provider's own bytes stored with it.
    pub private: Vec<u8>,
    /// Whether the answer may put the object off.
    pub deferral_allowed: bool,
}

/// Plan a change.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The type asked about.
    pub type_name: Str,
    /// Its schema.
    pub schema: Arc<ResourceSchema>,
    /// The object as it is; null: there is none yet.
    pub prior: Value,
    /// Configuration and prior state merged by the caller; null: it is to be deleted.
    pub proposed: Value,
    /// What the user wrote; null: it is to be deleted.
    pub config: Value,
    /// The provider's own bytes stored with the prior object.
    pub private: Vec<u8>,
    /// Whether the answer may put the object off.
    pub deferral_allowed: bool,
}

impl PlanRequest {
    /// There is no object yet.
    pub fn is_create(&self) -> bool {
        self.prior.is_null() && !self.proposed.is_null()
    }

    /// The object is to go.
    pub fn is_delete(&self) -> bool {
        self.proposed.is_null()
    }
}

/// Make a planned change.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    /// The type asked about.
    pub type_name: Str,
    /// Its schema.
    pub schema: Arc<ResourceSchema>,
    /// The object as it is; null: create.
    pub prior: Value,
    /// The object as it was planned; null: delete.
    pub planned: Value,
    /// What the user wrote, wholly known; null: delete.
    pub config: Value,
    /// The provider's own bytes of the plan.
    pub private: Vec<u8>,
    /// Who will own the object, and which attempt this is. `None` when the caller is not straddle.
    pub ownership: Option<Ownership>,
}

impl ApplyRequest {
    /// There is no object yet.
    pub fn is_create(&self) -> bool {
        self.prior.is_null() && !self.planned.is_null()
    }

    /// The object is to go.
    pub fn is_delete(&self) -> bool {
        self.planned.is_null()
    }
}

/// Find an existing object.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The type asked about.
    pub type_name: Str,
    /// Its schema.
    pub schema: Arc<ResourceSchema>,
    /// The id the user gave; empty where an identity was given.
    pub id: String,
    /// The identity the user gave, by the type of [`ResourceSchema::identity_type`].
    pub identity: Option<Value>,
}

/// Read a data source.
#[derive(Clone, Debug)]
pub struct DataRequest {
    /// The data source asked about.
    pub type_name: Str,
    /// Its schema.
    pub schema: Arc<ResourceSchema>,
    /// What the user wrote, wholly known.
    pub config: Value,
    /// Whether the answer may put the object off.
    pub deferral_allowed: bool,
}

impl UpgradeRequest {
    /// The stored attributes by the names and types of the current schema: what the schema has no more is dropped, what it has
    /// anew is null. An object stored by a newer version is refused.
    pub fn by_name(&self) -> Result<Value, Diagnostics> {
        if self.version > self.schema.schema().version {
            let detail = format!(
                "A {} was stored with schema version {}; this provider knows versions up to {}. Use the newer provider.",
                self.type_name,
                self.version,
                self.schema.schema().version
            );
            return Err(Diagnostic::error("State of a newer provider", detail).into());
        }
        let unreadable = |e: String| {
            let detail = format!("The stored attributes of a {} cannot be read: {e}.", self.type_name);
            Diagnostics::from(Diagnostic::error("Stored object cannot be read", detail))
        };
        let ty = self.schema.value_type();
        let mut state = json::decode_dropping(&self.json, ty).map_err(|e| unreadable(e.to_string()))?;
        // JSON that lacks a block says null; a block that is a collection is never null.
        for (name, block) in &self.schema.body().blocks {
            if state.get(name).is_some_and(Value::is_null) {
                state = state.with_attribute(name, block.collect(Vec::new()));
            }
        }
        Ok(state)
    }
}
