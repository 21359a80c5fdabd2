//! What a provider author implements: schemas and handlers, nothing of the wire.
//!
//! ```
//! use straddle_sdk::provider::prelude::*;
//!
//! struct Notes;
//!
//! impl Provider for Notes {
//!     fn schemas(&self) -> Schemas {
//!         Schemas::new().resource(
//!             "note",
//!             ResourceSchema::new()
//!                 .attribute("folder", string().required().replaces())
//!                 .attribute("text", string().optional())
//!                 .attribute("id", string().computed()),
//!         )
//!     }
//!     async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
//!         Ok(ReadAnswer::new(request.state))
//!     }
//!     async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
//!         let state = request.planned.with_attribute("id", Value::string("n-1"));
//!         Ok(ApplyAnswer::new(state))
//!     }
//! }
//! ```
//!
//! Methods are asynchronous and run concurrently, so state is kept behind `&self`. Every handler is given the schema of the type it
//! is asked about. A panic in a handler becomes an error diagnostic of that one object.

mod answer;
mod build;
mod bulk;
mod diagnostic;
mod extension;
mod plan;
mod request;

pub use answer::{ApplyAnswer, DataAnswer, Deferred, ImportAnswer, Imported, PlanAnswer, ReadAnswer};
pub use build::{
    AttributeSpec, BlockSpec, ResourceSchema, Schemas, any, attribute_of, boolean, list, list_block, map, map_block,
    nested, number, set, set_block, single_block, string,
};
pub(crate) use bulk::guarded;
pub use bulk::{Answers, Arrivals, BULK_CONCURRENCY, Failure};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use extension::{Capabilities, Discovered, Discovery, Health, LocationReport, Ownership};
pub use request::{
    ApplyRequest, Context, DataRequest, ImportRequest, PlanRequest, ReadRequest, UpgradeRequest, ValidateRequest,
};

use crate::value::{Str, Value};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

/// Everything an author needs with one `use`.
pub mod prelude {
    pub use super::*;
    pub use crate::schema::Nesting;
    pub use crate::value::{Path, Step, Str, Type, Value};
}

/// A provider.
///
/// Only [`schemas`](Provider::schemas) must be written; every other method has a sane default, or one that answers "not served".
/// All calls may run at the same time.
pub trait Provider: Send + Sync + 'static {
    /// What the provider offers. Asked once, when the server starts.
    fn schemas(&self) -> Schemas;

    /// What of straddle's extension is served beside bulk calls, which always are.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Checks a provider configuration; unknown where it is not known yet. Says warnings by `Ok`.
    fn validate_provider(&self, config: Value) -> impl Future<Output = Result<Diagnostics, Diagnostics>> + Send {
        _ = config;
        async { Ok(Diagnostics::new()) }
    }

    /// Takes the provider configuration. It may hold unknowns while planning.
    fn configure(
        &self,
        config: Value,
        context: Context,
    ) -> impl Future<Output = Result<Diagnostics, Diagnostics>> + Send {
        _ = (config, context);
        async { Ok(Diagnostics::new()) }
    }

    /// Checks the configuration of a resource beyond its schema. Unknown where it is not known yet.
    fn validate(&self, request: ValidateRequest) -> impl Future<Output = Result<Diagnostics, Diagnostics>> + Send {
        _ = request;
        async { Ok(Diagnostics::new()) }
    }

    /// Checks the configuration of a data source beyond its schema.
    fn validate_data(&self, request: ValidateRequest) -> impl Future<Output = Result<Diagnostics, Diagnostics>> + Send {
        _ = request;
        async { Ok(Diagnostics::new()) }
    }

    /// Brings a stored object up to the current schema. By default [`UpgradeRequest::by_name`]: attributes that the schema still
    /// has are taken over, whatever version they were stored with.
    fn upgrade(&self, request: UpgradeRequest) -> impl Future<Output = Result<Value, Diagnostics>> + Send {
        async move { request.by_name() }
    }

    /// Reads an object. [`ReadAnswer::gone`] says that it is not there any more. By default: as it was.
    fn read(&self, request: ReadRequest) -> impl Future<Output = Result<ReadAnswer, Diagnostics>> + Send {
        async { Ok(ReadAnswer::new(request.state).private(request.private)) }
    }

    /// Plans a change. By default [`PlanRequest::default_plan`]: what only the provider can know becomes unknown, and what the
    /// schema declares as replacing is reported so.
    fn plan(&self, request: PlanRequest) -> impl Future<Output = Result<PlanAnswer, Diagnostics>> + Send {
        async move { Ok(request.default_plan()) }
    }

    /// Makes the change planned: `prior` null creates, `planned` null deletes. `Err` says that nothing was changed; a change that
    /// was made in part answers with the state as it is and with errors in [`ApplyAnswer::diagnostics`].
    fn apply(&self, request: ApplyRequest) -> impl Future<Output = Result<ApplyAnswer, Diagnostics>> + Send {
        async move {
            Err(Diagnostic::error(
                "Not served",
                format!("{} cannot be created, changed or deleted.", request.type_name),
            )
            .into())
        }
    }

    /// Finds an existing object by its id. The read that follows fills in what is missing here.
    fn import(&self, request: ImportRequest) -> impl Future<Output = Result<ImportAnswer, Diagnostics>> + Send {
        async move { Err(Diagnostic::error("Not served", format!("{} cannot be imported.", request.type_name)).into()) }
    }

    /// Reads a data source. The configuration is wholly known.
    fn read_data(&self, request: DataRequest) -> impl Future<Output = Result<DataAnswer, Diagnostics>> + Send {
        async move { Err(Diagnostic::error("Not served", format!("{} cannot be read.", request.type_name)).into()) }
    }

    /// The user wants running calls to end soon. They should return with the state as it is.
    fn stop(&self) -> impl Future<Output = Result<(), String>> + Send {
        async { Ok(()) }
    }

    /// Health, capacity and quota of locations: of those asked for by their domains (level -> key, for example `zone` -> `a`), or
    /// of all that the configuration sees when none are named. Answers even for what is down. Needs [`Capabilities::locations`].
    fn locations(
        &self,
        asked: Vec<BTreeMap<Str, Str>>,
    ) -> impl Future<Output = Result<Vec<LocationReport>, Diagnostics>> + Send {
        _ = asked;
        async { Err(Diagnostic::error("Not served", "This provider does not report on locations.").into()) }
    }

    /// Objects that carry straddle's ownership tags. Needs [`Capabilities::discover`].
    fn discover(&self, request: Discovery) -> impl Future<Output = Result<Vec<Discovered>, Diagnostics>> + Send {
        _ = request;
        async { Err(Diagnostic::error("Not served", "This provider cannot look for objects by their owner.").into()) }
    }

    /// Reads many objects at once. By default one by one, at most [`BULK_CONCURRENCY`] waiting at the same time.
    fn read_many(
        self: Arc<Self>,
        requests: Vec<ReadRequest>,
        answers: Answers<ReadAnswer>,
    ) -> impl Future<Output = ()> + Send {
        bulk::each(requests, answers, move |request| {
            let provider = self.clone();
            async move { provider.read(request).await }
        })
    }

    /// Plans many changes at once. By default one by one.
    fn plan_many(
        self: Arc<Self>,
        requests: Vec<PlanRequest>,
        answers: Answers<PlanAnswer>,
    ) -> impl Future<Output = ()> + Send {
        bulk::each(requests, answers, move |request| {
            let provider = self.clone();
            async move { provider.plan(request).await }
        })
    }

    /// Makes many changes at once, in any order; each answer is sent as soon as it is there. By default one by one, at most
    /// [`BULK_CONCURRENCY`] at the same time.
    fn apply_many(
        self: Arc<Self>,
        requests: Vec<ApplyRequest>,
        answers: Answers<ApplyAnswer>,
    ) -> impl Future<Output = ()> + Send {
        bulk::each(requests, answers, move |request| {
            let provider = self.clone();
            async move { provider.apply(request).await }
        })
    }
}
