//! Providers inside this process: the same calls, without a process and a wire.

use super::call::{ApplyAnswer, ApplyRequest, CallError, PlanAnswer, PlanRequest, ReadAnswer, ReadRequest};
use super::protocol::Protocol;
use super::session::{Inner, Plugin};
use super::{Diagnostics, ProviderSchemas};
use std::sync::Arc;
use straddle_sdk::value::{Path, Value};
use tokio::sync::Mutex;

/// A provider that is a part of straddle. Its objects live in the state alone, so reading one gives it back as it is, and what was
/// begun and not ended was never made.
pub trait InProcess: Send + Sync {
    /// What it offers.
    fn schemas(&self) -> ProviderSchemas;

    /// Plans a change: the object as it will be, and the paths that cannot be changed in place.
    ///
    /// # Errors
    /// The change cannot be made.
    fn plan(&self, request: &PlanRequest) -> Result<(Value, Vec<Path>), Diagnostics>;

    /// Makes a change: the object as it is now.
    ///
    /// # Errors
    /// Nothing was changed.
    fn apply(&self, request: &ApplyRequest) -> Result<Value, Diagnostics>;

    /// Reads a data source; its configuration is wholly known.
    ///
    /// # Errors
    /// It cannot be read.
    fn read_data(&self, type_name: &str, config: &Value) -> Result<Value, Diagnostics>;

    /// The object of an id.
    ///
    /// # Errors
    /// There is none of the kind.
    fn import(&self, type_name: &str, id: &str) -> Result<Value, Diagnostics>;
}

impl Plugin {
    /// A provider inside this process. `name` is what messages call it: its source address.
    pub fn in_process(name: &str, provider: Arc<dyn InProcess>) -> Plugin {
        let schemas = Arc::new(provider.schemas());
        Plugin {
            inner: Arc::new(Inner {
                provider: name.into(),
                protocol: Protocol::none(),
                extension: None,
                local: Some(provider),
                schemas,
                controller: None,
                process: Mutex::new(None),
                pid: None,
                deadline: None,
                parallelism: 1,
                deferral: false,
            }),
        }
    }
}

impl Inner {
    /// What a provider in this process said, as a call's failure.
    pub(super) fn refused(&self, diagnostics: Diagnostics) -> CallError {
        CallError::Refused { provider: self.provider.clone(), diagnostics }
    }

    pub(super) fn read_here(&self, request: ReadRequest) -> ReadAnswer {
        ReadAnswer {
            state: request.current,
            private: request.private,
            identity: request.identity,
            deferred: None,
            diagnostics: Diagnostics::new(),
        }
    }

    pub(super) fn plan_here(&self, local: &dyn InProcess, request: &PlanRequest) -> Result<PlanAnswer, CallError> {
        let (planned, requires_replace) = local.plan(request).map_err(|d| self.refused(d))?;
        Ok(PlanAnswer {
            planned,
            requires_replace,
            planned_private: Vec::new(),
            planned_identity: None,
            deferred: None,
            legacy: false,
            diagnostics: Diagnostics::new(),
        })
    }

    pub(super) fn apply_here(&self, local: &dyn InProcess, request: &ApplyRequest) -> Result<ApplyAnswer, CallError> {
        let state = local.apply(request).map_err(|d| self.refused(d))?;
        Ok(ApplyAnswer { state, private: Vec::new(), identity: None, legacy: false, diagnostics: Diagnostics::new() })
    }
}
