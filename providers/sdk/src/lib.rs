//! What a provider author needs, and what straddle itself builds on.
//!
//! * [`value`]: the one value model (types, unknown, marks, exact numbers, conversion, codecs). `straddle::lang` re-exports it.
//! * [`schema`]: what a resource type looks like, and the type it implies.
//! * [`provider`] and [`server`]: a trait to implement and the server that speaks Terraform's plugin protocol for it.
//! * [`proto`]: the wire messages, generated.
//! * [`conformance`]: the checks any provider can be run through.

pub mod conformance;
pub mod proto;
pub mod provider;
pub mod schema;
pub mod server;
pub mod tls;
pub mod value;
pub mod wire;
