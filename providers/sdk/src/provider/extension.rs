//! The types of straddle's extension: locations, ownership, discovery.

use crate::value::{Str, Value};
use std::collections::BTreeMap;

/// What a provider does beyond what every provider does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// [`Provider::locations`](super::Provider::locations).
    pub locations: bool,
    /// [`Provider::discover`](super::Provider::discover).
    pub discover: bool,
    /// Objects created with an [`Ownership`] carry it, so that a repeated create with the same token makes no second object.
    pub ownership: bool,
    /// [`Provider::plan`](super::Provider::plan) wants to see deletes, too (to warn of them or to forbid them).
    pub plan_delete: bool,
}

/// What is known of one location, or of a wider domain of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationReport {
    /// The domains that name it: level -> key, for example `zone` -> `ap-northeast-2a`.
    pub domains: BTreeMap<Str, Str>,
    /// Whether it serves.
    pub health: Health,
    /// How many units it can hold in all, as far as the provider can see. `None`: not known; [`u64::MAX`]: no limit.
    pub capacity: Option<u64>,
    /// How many units are in use. `None`: not known.
    pub used: Option<u64>,
    /// How many units the account may use here. `None`: not known; [`u64::MAX`]: no limit.
    pub quota: Option<u64>,
    /// What the provider says about it, for people. Empty: nothing.
    pub message: String,
}

impl LocationReport {
    /// A location by its domains, of which nothing else is known.
    pub fn new(domains: impl IntoIterator<Item = (Str, Str)>) -> LocationReport {
        LocationReport {
            domains: domains.into_iter().collect(),
            health: Health::Unknown,
            capacity: None,
            used: None,
            quota: None,
            message: String::new(),
        }
    }
}

/// Whether a location serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Health {
    /// Serves.
    Healthy,
    /// Serves, with losses.
    Degraded,
    /// Does not serve.
    Down,
    /// Cannot be told, for example because its API does not answer.
    Unknown,
}

/// Who owns an object, and which attempt made it. A provider stores it with the object (as tags, where the cloud has tags).
#[derive(Clone, PartialEq, Eq, Debug, Default, PartialOrd, Ord)]
pub struct Ownership {
    /// The state the object belongs to (its lineage).
    pub owner: String,
    /// The address of the object in that state.
    pub address: String,
    /// The same for every attempt at one creation, another for another: a provider that finds an object with this token answers
    /// with it and creates no second one.
    pub token: String,
}

/// Which objects to look for. `None` and empty: any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Discovery {
    /// The state they belong to.
    pub owner: Option<String>,
    /// Made by one of these attempts.
    pub tokens: Vec<String>,
    /// Of one of these resource types.
    pub types: Vec<Str>,
}

/// An object that carries ownership tags.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// Its resource type.
    pub type_name: Str,
    /// What to import it by.
    pub id: String,
    /// Whose it is.
    pub ownership: Ownership,
    /// The whole object, where the provider has it at hand.
    pub state: Option<Value>,
    /// Private data that belongs to `state`.
    pub private: Vec<u8>,
}
