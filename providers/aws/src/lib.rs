//! AWS for straddle: a provider plugin on the official SDK, and an observer beside the stock provider.
//!
//! * [`api`]: every call there is, with the permission it needs. [`problem`]: what a call came to that did not succeed.
//! * [`config`] and [`session`]: the provider's configuration, the clients, patience.
//! * [`kinds`]: the resource types. [`data`]: the data sources. [`locations`] and [`discover`]: the extension.
//! * [`shortage`]: which places had no room a short time ago.
//! * [`memory`]: what is kept with an object between runs.
//! * [`ownership`] and [`tags`]: whose an object is, and how that is kept with it.

pub mod api;
pub mod attr;
pub mod config;
pub mod data;
pub mod discover;
pub mod kinds;
pub mod locations;
pub mod memory;
pub mod ownership;
pub mod policy;
pub mod problem;
pub mod provider;
pub mod session;
pub mod shortage;
pub mod tags;

pub use provider::AwsProvider;

/// Runs this process as the plugin, until the caller says shutdown or is gone.
pub fn serve() -> std::process::ExitCode {
    straddle_sdk::server::main(AwsProvider::new())
}
