//! The built-in simulated clouds: strict clouds in one SQLite file, and the provider plugin that serves them.
//!
//! * [`model`]: what these clouds hold, as plain data.
//! * [`store`]: the file, and every rule of a strict cloud as a function of a transaction and a point in time.
//! * [`control`]: what `straddle sim ...` does to a store.
//! * [`provider`]: the plugin.

pub mod clock;
pub mod control;
pub mod error;
pub mod model;
pub mod provider;
pub mod store;

pub use clock::{Clock, ManualClock, Millis, SystemClock};
pub use error::{Fail, Refusal, StoreError};
pub use provider::SimProvider;

/// Runs this process as the plugin, until the caller says shutdown or is gone: what straddle's binary does when it is called as
/// `terraform-provider-sim`.
pub fn serve() -> std::process::ExitCode {
    straddle_sdk::server::main(SimProvider::new())
}
