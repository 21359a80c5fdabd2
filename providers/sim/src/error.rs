//! What can go wrong: a cloud that says no, and a store that cannot be used.

use crate::clock::Millis;
use crate::model::{DomainName, Op};
use std::path::PathBuf;
use thiserror::Error;

/// A cloud's answer when it does not do what it was asked. Nothing was changed, except where a variant says so.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Refusal {
    /// The domain is down, and its API with it. The operator says so himself.
    #[error("{0} is down and answers no requests; `straddle sim up {0}` brings it back")]
    Down(DomainName),
    /// Nobody answers. What runs there may well go on running.
    #[error("no answer from the API of {0}; `straddle sim up {0}` restores it")]
    Unreachable(DomainName),
    /// The request would exceed a quota.
    #[error(
        "quota of {domain} exceeded: {used} of {quota} in use, {asked} more asked for; raise it with `straddle sim quota {domain}=N`"
    )]
    QuotaExceeded {
        /// Whose quota.
        domain: DomainName,
        /// The quota, in units.
        quota: u64,
        /// Units in use before the request.
        used: u64,
        /// Units the request would add.
        asked: u64,
    },
    /// No such object in this cloud.
    #[error("there is no {0:?} in cloud {1:?}")]
    NotFound(String, String),
    /// The object is in another cloud of the same store.
    #[error("{id:?} is in cloud {cloud:?}, not in {asked:?}; use a provider configuration with cloud = {cloud:?}")]
    Elsewhere {
        /// The object.
        id: String,
        /// Where it is.
        cloud: String,
        /// Where it was looked for.
        asked: String,
    },
    /// A reference to an object that does not exist.
    #[error("{attribute} refers to {id:?}, which does not exist; create it first")]
    Dangling {
        /// The attribute that holds the reference.
        attribute: &'static str,
        /// What it refers to.
        id: String,
    },
    /// Something else still refers to the object.
    #[error("{id:?} is in use by {}; delete those first", .by.join(", "))]
    InUse {
        /// What was to be deleted.
        id: String,
        /// Up to ten of the objects that refer to it, in order of their ids.
        by: Vec<String>,
    },
    /// What must be unique exists already.
    #[error("{what} exists already, as {id:?}; import that one or choose another")]
    Duplicate {
        /// What exists already.
        what: String,
        /// The id of the object that has it.
        id: String,
    },
    /// An idempotency token was used before, for something else.
    #[error("token {token:?} was used before to create {id:?} with other arguments; use a new token")]
    TokenReused {
        /// The token.
        token: String,
        /// What was created with it.
        id: String,
    },
    /// An argument that the cloud does not take.
    #[error("{attribute}: {why}")]
    Invalid {
        /// The argument.
        attribute: &'static str,
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// Too many requests; ask again after so many milliseconds.
    #[error("throttled: too many requests; try again in {retry_after} ms")]
    Throttled {
        /// Milliseconds until a request can succeed.
        retry_after: Millis,
    },
    /// A fault set with `straddle sim fault --kind hang`: no answer as long as it is set.
    #[error("no answer to a {0} request (a fault set with `straddle sim fault`)")]
    Hanging(Op),
    /// A fault set with `straddle sim fault --kind error`: nothing was done.
    #[error("internal error of the cloud in a {0} request (a fault set with `straddle sim fault`); nothing was done")]
    Injected(Op),
    /// A fault set with `--kind lost_reply`: the request was **carried out**, but whoever asked cannot know.
    #[error("connection lost before the reply to a {0} request arrived; whether it was carried out is not known")]
    ReplyLost(Op),
    /// A fault set with `--kind partial`: the request was carried out in part.
    #[error("the {0} request failed half-way (a fault set with `straddle sim fault`); the object is as it is shown")]
    Partial(Op),
    /// Reads keep showing an older version than one that is known to exist.
    #[error("{0:?} cannot be read: the cloud keeps showing an older version of it; try again")]
    Stale(String),
}

impl Refusal {
    /// Whether what was asked may have been carried out all the same.
    pub fn in_doubt(&self) -> bool {
        matches!(self, Refusal::ReplyLost(_))
    }

    /// Whether to ask again after a while.
    pub fn is_passing(&self) -> bool {
        matches!(self, Refusal::Throttled { .. } | Refusal::ReplyLost(_) | Refusal::Hanging(_))
    }

    /// Whether nobody at all answered, as far as the caller can see.
    pub fn is_transport(&self) -> bool {
        matches!(self, Refusal::ReplyLost(_) | Refusal::Unreachable(_))
    }
}

/// A store that cannot be used. The file is left as it was.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file is something else.
    #[error(
        "{0} is not a store of simulated clouds and is left as it is; name another file in `store`, or move this one away"
    )]
    Foreign(PathBuf),
    /// Written by a later version.
    #[error(
        "{path} is a store of version {found}, and this program knows versions up to {known}; use a newer straddle"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// There is no store yet, and the request is one that makes none.
    #[error("there is no store {0} yet; `straddle apply` makes it, or name another file in `store`")]
    Missing(PathBuf),
    /// The file holds something that this program did not write.
    #[error("the store is damaged: {0}; restore it from a copy, or remove it to begin with empty clouds")]
    Damaged(String),
    /// Anything SQLite says.
    #[error("the store cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Either of the two.
#[derive(Debug, Error)]
pub enum Fail {
    /// The cloud said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Fail {
        Fail::Store(error.into())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> StoreError {
        StoreError::Damaged(error.to_string())
    }
}

impl From<serde_json::Error> for Fail {
    fn from(error: serde_json::Error) -> Fail {
        Fail::Store(error.into())
    }
}

/// Keeps a refusal as an answer and lets a broken store end the transaction.
pub(crate) fn answer<T>(result: Result<T, Fail>) -> Result<Result<T, Refusal>, StoreError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Fail::Refused(refusal)) => Ok(Err(refusal)),
        Err(Fail::Store(error)) => Err(error),
    }
}
