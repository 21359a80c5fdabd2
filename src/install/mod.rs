//! `init`: providers and modules brought into the working directory, and the lock file that says which.
//!
//! | file | subject |
//! |---|---|
//! | `providers` | which version of each provider, from where, into which directory |
//! | `origin`, `filesystem`, `network`, `registry` | where packages are |
//! | `hash`, `signature`, `unpack` | whether a package is what it should be, and opening it |
//! | `lock` | `.terraform.lock.hcl` |
//! | `modules`, `address` | called modules that are not in local directories |
//! | `http` | the only user of the network |
//!
//! Directories and files are those of Terraform, so that either program can go on where the other stopped.

pub mod address;
mod fetch;
mod filesystem;
pub mod hash;
mod http;
pub mod lock;
pub mod mirror;
pub mod modules;
mod network;
mod origin;
pub mod providers;
mod registry;
mod signature;
mod unpack;

pub use http::{Http, HttpError, post_json};
pub use origin::{Archive, Origin, Origins, Package, Place};

use std::path::{Path, PathBuf};

/// Why something could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The network did not give it.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A file or directory could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No place has the provider at all.
    #[error("{source_address} is in none of the places that were looked at: {}", places.join(", "))]
    Nowhere {
        /// Which provider.
        source_address: String,
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// There are versions, and none is allowed.
    #[error("no available version of {what} meets the constraints {constraints}; there is {available}")]
    NoVersion {
        /// Which provider or module.
        what: String,
        /// All of them.
        constraints: String,
        /// Versions that there are.
        available: String,
    },
    /// The lock file names a version that the configuration does not allow.
    #[error("the lock file names {source_address} {version}, which does not meet the constraints {constraints}")]
    Locked {
        /// Which provider.
        source_address: String,
        /// The version locked.
        version: String,
        /// All of them.
        constraints: String,
    },
    /// There is no package for a platform.
    #[error("{what} {version} has no package for {platform}")]
    Platform {
        /// Which provider.
        what: String,
        /// Which version.
        version: String,
        /// Which platform.
        platform: String,
    },
    /// A package is not what it should be.
    #[error("the package of {what} is not what was expected: {why}")]
    Checksum {
        /// Which provider.
        what: String,
        /// What differs.
        why: String,
    },
    /// An answer or a file that cannot be understood.
    #[error("{what} cannot be understood: {why}")]
    Malformed {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// An archive that will not be opened.
    #[error("the archive {what} cannot be unpacked: {why}")]
    Archive {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// A host does not offer a service.
    #[error("{host} offers no {what}")]
    Service {
        /// Which host.
        host: String,
        /// What was wanted of it.
        what: &'static str,
    },
    /// A kind of source that is not installed.
    #[error("{0}")]
    Unsupported(String),
    /// A program that was run failed.
    #[error("{program} failed: {words}")]
    Program {
        /// Which.
        program: String,
        /// What it wrote.
        words: String,
    },
    /// The lock file would have to change.
    #[error("the lock file is not to be changed (-lockfile=readonly), and does not list what is needed for {0}")]
    ReadOnly(String),
}

/// With the path that an I/O error is about.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> InstallError + '_ {
    move |error| InstallError::File { path: path.to_owned(), error }
}
