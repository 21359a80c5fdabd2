//! Provider plugins: finding them, starting them, talking to them in our own types.
//!
//! A [`Plugin`] is one provider process (or a reattached one). Its calls answer with values that are already checked for shape:
//! they fit the schema, are wholly known where they must be, and hold no write-only values. What the answer *means* (does the plan
//! agree with the configuration, does the result keep the promise) is judged by pure functions elsewhere.
//!
//! Where a provider serves straddle's extension, bulk calls are one stream of batches; else they are single calls side by side.

mod bulk;
mod cache;
mod call;
mod channel;
mod check;
pub mod cli_config;
pub mod discover;
mod existing;
mod extension;
pub mod guard;
mod handshake;
mod in_process;
mod inside;
mod launch;
mod process;
mod protocol;
pub mod reattach;
mod schemas;
mod session;
mod subject;
mod transient;

pub use call::{
    ApplyAnswer, ApplyRequest, CallError, DataAnswer, DataRequest, Deferral, ImportAnswer, ImportBy, Imported, Listed,
    MoveRequest, Moved, Opened, PlanAnswer, PlanRequest, ReadAnswer, ReadRequest, Renewed, Warned,
};
pub use discover::{Environment, EnvironmentError, FindError, Found, SERVE_ENV, Source, SourceError, serves};
pub use in_process::InProcess;
pub use inside::Door;
pub use launch::{LaunchError, Launcher, Settings};
pub use schemas::{IdentityAttribute, IdentitySchema, ProviderSchemas};
pub use session::Plugin;
pub use straddle_sdk::provider::{
    Capabilities, Deferred, Diagnostic, Diagnostics, Discovered, Discovery, Health, LocationReport, Ownership, Severity,
};
pub use straddle_sdk::schema::{Function, FunctionProblem, Parameter};
