//! Why the engine gives no answer.

use thiserror::Error;

use super::decision::{CheckOf, WayOut};
use super::model::{Event, Site};

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// The data contradicts itself (a fault of the caller, not of the user).
    #[error("the placement problem is not well formed: {0}")]
    Malformed(String),
    /// More than the engine deals in at once.
    #[error("{replicas} replicas are more than the {most} that one workload can have")]
    TooMany {
        /// Asked.
        replicas: u32,
        /// The most.
        most: u32,
        /// The line.
        site: Site,
    },
    /// A place has no domain at a level the spread divides by.
    #[error("location {location} has no domain at level {level}")]
    MissingDomain {
        /// The location's name.
        location: String,
        /// The level.
        level: String,
        /// The spread block.
        site: Site,
    },
    /// A ratio or `over` names a domain without a location.
    #[error("no location of the workload is in {level} {domain}")]
    NoSuchDomain {
        /// The level.
        level: String,
        /// The domain.
        domain: String,
        /// The spread block.
        site: Site,
    },
    /// All weights are 0.
    #[error("every domain of {level} that can be used has weight 0")]
    AllWeightsZero {
        /// The level.
        level: String,
        /// The spread block.
        site: Site,
    },
    /// The floors of the domains exceed what there is to give.
    #[error("the minimums of {level} add up to {sum}, and there are {available} replicas")]
    Minimums {
        /// The level.
        level: String,
        /// Sum of the floors.
        sum: u64,
        /// What there is.
        available: u64,
        /// The smallest set of lines that conflict.
        lines: Vec<Site>,
        /// The cheapest ways out.
        ways_out: Vec<WayOut>,
    },
    /// `on_shortage = "strict"` and not enough room.
    #[error("{short} replicas find no room where the ratio puts them")]
    Shortage {
        /// How many.
        short: u32,
        /// The level.
        level: String,
        /// The domains and what each lacks.
        domains: Vec<(String, u32)>,
        /// The smallest set of lines that conflict.
        lines: Vec<Site>,
        /// The cheapest ways out.
        ways_out: Vec<WayOut>,
    },
    /// No order of steps keeps every rule.
    #[error("no order of steps keeps every rule")]
    Blocked {
        /// The invariant that stops it.
        by: CheckOf,
        /// The worst loss, for a survive rule.
        worst_loss: Vec<Event>,
        /// The value the best next action would leave.
        value: i64,
        /// The bound.
        bound: i64,
        /// Serving replicas where it stops.
        state: Vec<u32>,
        /// The lines concerned.
        lines: Vec<Site>,
        /// The smallest changes that unblock it.
        ways_out: Vec<WayOut>,
    },
}
