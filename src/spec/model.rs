//! What straddle's own blocks say: the spread engine's data, and beside it what only the planner needs.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::keep::{Keep, Need};
use crate::diag::Span;
use crate::lang::ast::Expr;
use crate::lang::module::{ProviderRef, Resource};
use crate::promise::model::Promises;
use crate::spread::model as spread;
use std::collections::BTreeMap;
use straddle_sdk::value::{Str, Value};

/// Everything in the own blocks of a directory.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Levels, locations and shared risks; health is not yet observed (healthy, assumed).
    pub topology: spread::Topology,
    /// The directory of the ledger that is shared with other states, and where it is named.
    pub ledger: Option<(Str, Span)>,
    /// Parallel to `topology.locations`.
    pub locations: Vec<LocationSpec>,
    /// Sorted by name.
    pub workloads: Vec<WorkloadSpec>,
    /// Losses the owner lives with.
    pub accepts: Vec<Accept>,
    /// What is promised beside spread and survival.
    pub promises: Promises,
    /// Whether what nobody knows of a kind of risk is taken for shared; `*` is every kind that is not named.
    pub assume: BTreeMap<String, (bool, spread::Site)>,
    /// Where probes look from. Sorted by name.
    pub vantages: Vec<super::probes::VantageSpec>,
    /// What serving means. Sorted by name.
    pub probes: Vec<super::probes::ProbeSpec>,
    /// Where compiled plans are kept, and what they need.
    pub runbooks: Option<super::runbooks::RunbookSpec>,
    /// Where the state is kept, where that is said.
    pub keep: Option<Keep>,
    /// What running straddle needs.
    pub needs: Vec<Need>,
    /// Places in the text, by [`spread::Site`].
    pub sites: Vec<Span>,
}

impl Spec {
    /// The place in the text a site stands for.
    pub fn span(&self, site: spread::Site) -> Option<&Span> {
        self.sites.get(site.0)
    }

    /// A workload by name.
    pub fn workload(&self, name: &str) -> Option<&WorkloadSpec> {
        self.workloads.iter().find(|w| *w.rules.name == *name)
    }
}

/// A location beyond its topology.
#[derive(Clone, Debug)]
pub struct LocationSpec {
    /// The provider configuration that creates replicas here; the default one of the resource type when none is named.
    pub provider: Option<ProviderRef>,
    /// A configuration that serves the extension for this location and changes nothing.
    pub observer: Option<ProviderRef>,
    /// What `location` is inside a template, without `replicas`, `min` and `peak`.
    pub value: Value,
    /// The header of the block.
    pub span: Span,
}

/// A workload beyond its rules.
#[derive(Clone, Debug)]
pub struct WorkloadSpec {
    pub rules: spread::Workload,
    pub templates: Vec<Template>,
    /// The template of each place, parallel to `rules.places`.
    pub template_of: Vec<usize>,
    pub failover_mode: FailoverMode,
    /// How long a lost domain must have been healthy before the way back is offered, in seconds.
    pub stable_for_s: u64,
    /// Least time between a failover and the way back, in seconds.
    pub hold_s: u64,
    pub watching: Watching,
    pub owner: Option<Str>,
    /// The rules as data that can be compared with those last applied: id to what it promises.
    pub fingerprints: BTreeMap<String, String>,
    pub span: Span,
}

/// A `replica` block.
#[derive(Clone, Debug)]
pub struct Template {
    pub name: Str,
    /// Level (or `location`) to name; a location must agree with all.
    pub matches: Vec<(Str, Str)>,
    pub kind: spread::Template,
    /// In the order of the text.
    pub resources: Vec<Resource>,
    /// A bool per replica, a number per location.
    pub ready: Option<Expr>,
    pub span: Span,
}

/// When a loss is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Watching {
    /// How many domains may be lost at once before a person must say that it is so; the rules' own number when absent.
    pub max_simultaneous_down: Option<u32>,
    /// Windows in a row that must fail, for probes that do not say it themselves.
    pub confirm: Option<u32>,
    /// After so long a silence, in seconds, a location counts as down though nobody has proven it; absent: never.
    pub unknown_after_s: Option<u64>,
}

/// Who starts a failover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailoverMode {
    Alarm,
    Runbook,
}

/// A loss the owner lives with.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept {
    pub name: Str,
    /// As `zone:a` or `shared_risk:x`.
    pub lose: Vec<String>,
    /// The last day it holds (ISO 8601 date).
    pub until: Str,
    pub owner: Option<Str>,
    /// One workload only.
    pub workload: Option<Str>,
    pub span: Span,
}
