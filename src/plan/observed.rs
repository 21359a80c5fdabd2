//! What was found when the state's objects were read: the state as it was remembered beside reality as it was reported.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::plugin::Deferral;
use crate::state::{ObjectId, ProviderRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::value::{MarkedPath, Marks, Path, Str, Value};

/// Everything observed before planning.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every object of the state, by id.
    pub objects: BTreeMap<ObjectId, Seen>,
    /// What observed templates say serves, by workload and location.
    pub templates: BTreeMap<(Str, String), u32>,
    /// Locations nobody can reach that a person says are well: what stood there counts as serving, and nothing there is touched.
    pub assumed: std::collections::BTreeSet<String>,
    /// Workloads of other states in the same locations, by the shared ledger.
    pub beside: Vec<super::ledger::Foreign>,
    /// What data sources said last, where their provider answers for nothing but what is lost.
    pub remembered: BTreeMap<Address, Value>,
    /// What probes saw in the last window.
    pub probed: super::probes::Probed,
    /// What is known of locations that probes look at.
    pub evidence: Vec<super::evidence::Finding>,
    /// Where each location stands in its course through a loss.
    pub courses: super::course::Courses,
}

impl Observed {
    /// The objects of a block, in order.
    pub fn of_block<'o>(&'o self, block: &'o Address) -> impl Iterator<Item = (&'o ObjectId, &'o Seen)> {
        let first = ObjectId { address: block.clone(), deposed: None };
        self.objects.range(first..).take_while(move |(id, _)| {
            let a = &id.address;
            (&a.module, &a.workload, a.mode, &a.ty, &a.name)
                == (&block.module, &block.workload, block.mode, &block.ty, &block.name)
        })
    }
}

/// One object of the state.
#[derive(Clone, Debug)]
pub struct Seen {
    pub provider: ProviderRef,
    /// As the state has it, by today's schema.
    pub state: Value,
    pub reality: Reality,
    pub schema_version: i64,
    pub tainted: bool,
    /// Paths whose values must not be printed, as the state has them.
    pub sensitive: Arc<[Path]>,
    /// What the provider keeps beside the object, as last returned.
    pub private: Vec<u8>,
    /// What the provider knows it by, as last returned.
    pub identity: Option<Value>,
    /// The provider put reading it off.
    pub deferred: Option<Deferral>,
}

/// What the provider says of an object.
#[derive(Clone, Debug)]
pub enum Reality {
    /// Here it is.
    Live(Value),
    /// There is no such object any more.
    Gone,
    /// It could not be read.
    Unreadable(Vec<Diagnostic>),
    /// Nobody asked (`-refresh=false`).
    NotAsked,
}

impl Seen {
    /// The object to plan from: as it is, or as last known where nobody could say. `None`: it is gone.
    pub fn current(&self) -> Option<&Value> {
        match &self.reality {
            Reality::Live(value) => Some(value),
            Reality::Gone => None,
            Reality::Unreadable(_) | Reality::NotAsked => Some(&self.state),
        }
    }

    /// The marks the state gives it.
    pub fn marks(&self) -> Vec<MarkedPath> {
        self.sensitive.iter().map(|path| (path.clone(), Marks::SENSITIVE)).collect()
    }

    /// Whether the provider failed to answer for it.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.reality, Reality::Unreadable(_))
    }
}
