//! Rules over one object, its schema and what a provider says of it: what is proposed to the provider, which of its answers are
//! valid, and whether results keep what was promised. Terraform's rules, so that its providers behave here as there.
//!
//! All values are without marks (providers never see any). Objects are of the schema's implied type; a null object stands for
//! absence.

mod compatible;
mod ignore;
mod proposed;
mod replace;
mod valid;

pub use compatible::assert_object_compatible;
pub use ignore::{Ignore, ignore_changes};
pub use proposed::proposed_new;
pub use replace::{NoSuchPath, replace_paths};
pub use valid::assert_plan_valid;

use straddle_sdk::schema::Nesting;
use straddle_sdk::value::{Kind, Path, Step, Str, Value};

/// Where and how a provider broke a rule. Never shows a value: it may be a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{problem}", place(.path))]
pub struct Violation {
    /// Where in the object; a path ends at a set.
    pub path: Path,
    /// Which rule.
    pub problem: Problem,
}

fn place(path: &Path) -> String {
    if path.0.is_empty() { String::new() } else { format!("{path}: ") }
}

/// A rule that a provider broke.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// Planned although not configured.
    #[error("planned for existence, but the configuration wants absence")]
    PlannedExistence,
    /// Not planned although configured.
    #[error("planned for absence, but the configuration wants existence")]
    PlannedAbsence,
    /// An attribute nobody configured and the provider may not set.
    #[error("planned a value for an attribute which is not computed")]
    NotComputed,
    /// Neither what is configured nor what there is.
    #[error("the planned value is neither the configured nor the prior one")]
    NotAsConfigured,
    /// A write-only attribute in a plan or a result.
    #[error("a write-only attribute must be null")]
    WriteOnly,
    /// A collection of nested blocks that is null.
    #[error("nested blocks must be empty to say that there are none, not null")]
    NullBlocks,
    /// Blocks or nested objects that are configured but not known in the plan.
    #[error("planned as unknown although the configuration is known")]
    PlannedUnknown,
    /// The configuration does not tell yet how many there will be.
    #[error("planned as known although the configuration is not known yet")]
    PlannedTooEarly,
    /// Another number of elements than configured.
    #[error("{planned} planned, but {config} configured")]
    PlannedCount {
        /// In the plan.
        planned: usize,
        /// In the configuration.
        config: usize,
    },
    /// A key of a map that only the configuration has.
    #[error("key {0:?} of the configuration is missing in the plan")]
    KeyNotPlanned(Str),
    /// A key of a map that only the plan has.
    #[error("key {0:?} of the plan is not in the configuration")]
    KeyNotConfigured(Str),
    /// Was absent or null, is there now.
    #[error("was absent, but is now present")]
    Appeared,
    /// Was there, is absent or null now.
    #[error("was present, but is now absent")]
    Vanished,
    /// Another value than promised.
    #[error("the value is not the planned one")]
    Changed,
    /// A value outside what was promised of it (a prefix, bounds, not null).
    #[error("the value breaks what was promised of it while it was unknown")]
    Promise,
    /// Known before, unknown now.
    #[error("was known, but is now unknown")]
    Forgotten,
    /// Another type.
    #[error("the type changed from {planned} to {actual}")]
    Type {
        /// As planned.
        planned: String,
        /// As it is.
        actual: String,
    },
    /// Another number of elements or blocks.
    #[error("the count changed from {planned} to {actual}")]
    Count {
        /// As planned.
        planned: usize,
        /// As it is.
        actual: usize,
    },
    /// An element of a planned set that nothing in the result matches.
    #[error("a planned element of the set is not in the result")]
    ElementVanished,
    /// An element of the resulting set that matches nothing planned.
    #[error("an element of the resulting set was not planned")]
    ElementAppeared,
}

/// Collects violations while it knows where it is.
#[derive(Default)]
struct Findings {
    path: Path,
    found: Vec<Violation>,
}

impl Findings {
    fn report(&mut self, problem: Problem) {
        self.found.push(Violation { path: self.path.clone(), problem });
    }

    fn inside(&mut self, step: Step, check: impl FnOnce(&mut Findings)) {
        self.path.0.push(step);
        check(self);
        self.path.0.pop();
    }
}

/// The objects of a nested attribute or block.
fn elements(nesting: Nesting, value: &Value) -> Vec<&Value> {
    match nesting {
        Nesting::Single | Nesting::Group => vec![value],
        Nesting::List | Nesting::Set => value.items().unwrap_or_default().iter().collect(),
        // A list of blocks with a dynamic type inside is a tuple, a map of such an object.
        Nesting::Map => value.entries().unwrap_or_default().iter().map(|(_, v)| v).collect(),
    }
}

/// The keys of one map that another has not.
fn missing_keys<'a>(of: &'a Value, from: &Value) -> Vec<&'a Str> {
    of.entries().unwrap_or_default().iter().map(|(k, _)| k).filter(|k| from.get(k).is_none()).collect()
}

/// Whether a value holds anything at all.
fn is_empty(value: &Value) -> bool {
    match value.kind() {
        Kind::List(e) | Kind::Set(e) => e.items.is_empty(),
        Kind::Tuple(items) => items.is_empty(),
        Kind::Map(e) => e.items.is_empty(),
        Kind::Object(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
