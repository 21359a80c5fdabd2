//! Promises as plain data, and what is found of them.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::spread::decision::Verdict;
use crate::spread::model::Site;
use crate::tongue::Words;
use std::collections::BTreeMap;

/// All promises of a directory.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Promises {
    /// Days since 1970-01-01, UTC: ages are counted to it. The caller's clock; the evaluation has none.
    pub today: i64,
    /// By the location's name.
    pub sites: BTreeMap<String, SiteFacts>,
    /// By the shared risk's name.
    pub evidence: BTreeMap<String, Evidence>,
    /// Evidence older than this proves nothing any more.
    pub evidence_max_age_days: Option<u64>,
    /// Pairs of locations of which nobody knows whether they share a risk of a kind, by kind.
    pub unknown: Vec<Unknown>,
    /// What a class promises, by class.
    pub classes: BTreeMap<Class, ClassTerms>,
    pub distances: Vec<Distance>,
    pub backups: Vec<Backup>,
    pub limits: Vec<Cap>,
    pub stand_ins: Vec<StandIn>,
    /// When and by whose leave things are changed.
    pub changes: Vec<ChangeRule>,
    /// What an hour without a workload costs, by workload.
    pub outages: BTreeMap<String, Outage>,
    /// People to call, by name.
    pub owners: BTreeMap<String, Owner>,
}

/// A location beyond its topology.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SiteFacts {
    /// Its place in the topology.
    pub index: Option<usize>,
    pub class: Option<Class>,
    /// Latitude and longitude, degrees.
    pub coordinates: Option<(f64, f64)>,
    /// Replicas that must be ready here, whatever the class says.
    pub min_ready: Option<u32>,
    /// How far its data lags behind, in seconds.
    pub lag_s: Option<u64>,
    /// The day of the last rehearsal, in days since 1970-01-01.
    pub rehearsed: Option<i64>,
    pub owner: Option<String>,
    pub site: Site,
}

/// How ready a standby site is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Class {
    Mirror,
    Hot,
    Warm,
    Cold,
}

impl Class {
    /// Best first.
    pub const ALL: [Class; 4] = [Class::Mirror, Class::Hot, Class::Warm, Class::Cold];

    /// As the spec writes it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Mirror => "mirror",
            Class::Hot => "hot",
            Class::Warm => "warm",
            Class::Cold => "cold",
        }
    }
}

/// What a class promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClassTerms {
    /// Serving again so long after the loss, in seconds.
    pub rto_s: u64,
    /// At most so much data lost, in seconds.
    pub rpo_s: u64,
    pub ready: ReadyTerm,
    /// A rehearsal is at most so old.
    pub rehearse_every_days: Option<u64>,
}

/// How much must be ready before anything is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ReadyTerm {
    /// Enough to meet the workload's at-once floor alone.
    Floor,
    /// So many replicas.
    Count(u32),
    /// None; but room for one.
    Room,
    /// Nothing.
    Nothing,
}

impl ClassTerms {
    /// What a class promises where the spec does not say.
    pub fn of(class: Class) -> ClassTerms {
        const DAY: u64 = 86_400;
        let (rto_s, rpo_s, ready, every) = match class {
            Class::Mirror => (5 * 60, 0, ReadyTerm::Floor, Some(90)),
            Class::Hot => (4 * 3600, 60, ReadyTerm::Count(1), Some(90)),
            Class::Warm => (3 * DAY, DAY, ReadyTerm::Room, Some(365)),
            Class::Cold => (30 * DAY, 7 * DAY, ReadyTerm::Nothing, None),
        };
        ClassTerms { rto_s, rpo_s, ready, rehearse_every_days: every }
    }
}

/// What somebody has to show for a claim.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// `vendor_letter`, `traceroute`, ...
    pub kind: String,
    /// Days since 1970-01-01.
    pub day: Option<i64>,
    pub site: Site,
}

/// What nobody knows of a kind of shared risk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unknown {
    pub kind: String,
    /// Treated as one and the same thing (else as different ones, with a warning).
    pub shared: bool,
    /// Locations that declare no risk of the kind. Sorted.
    pub locations: Vec<String>,
    /// Locations that do.
    pub known: Vec<String>,
    pub site: Site,
}

/// How far apart sites must be.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Distance {
    pub name: String,
    /// Every pair of locations of different groups is judged; a group is one location, or all locations of a domain.
    pub groups: Vec<Vec<String>>,
    /// Only pairs of which one location is of such a class; empty: all.
    pub classes: Vec<Class>,
    pub min_km: f64,
    pub max_km: Option<f64>,
    /// Zones that fall as one.
    pub hazards: Vec<Hazard>,
    pub owner: Option<String>,
    pub site: Site,
}

/// A zone that one disaster takes whole: a river's plain, a fault, the surroundings of a reactor.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Hazard {
    pub name: String,
    pub center: (f64, f64),
    pub radius_km: f64,
    /// So many of the locations may stand within.
    pub most: u32,
}

/// Copies of data, and how old they may be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Backup {
    pub name: String,
    /// Where the data lives.
    pub source: Vec<String>,
    /// Workloads whose data it is; empty: whatever stands at the source.
    pub workloads: Vec<String>,
    /// At most so much data lost, in seconds.
    pub rpo_s: Option<u64>,
    /// Kinds of shared risk that no leg may share with the source; empty: any.
    pub apart: Vec<String>,
    pub legs: Vec<Leg>,
    pub owner: Option<String>,
    pub site: Site,
}

/// One way copies go.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Leg {
    pub name: String,
    /// A location, where it goes to one.
    pub target: Option<String>,
    /// Risks the copy depends on besides, by name.
    pub shares: Vec<String>,
    /// Seconds between two copies; `None`: real time.
    pub every_s: Option<u64>,
    /// How long a copy takes, or how far real time lags, in seconds.
    pub lag_s: Option<u64>,
    pub incremental: bool,
    /// Seconds between two full copies that increments build on.
    pub full_every_s: Option<u64>,
    /// The day a restore was last tried, in days since 1970-01-01.
    pub restored: Option<i64>,
    /// A restore is tried at least so often.
    pub restore_every_days: Option<u64>,
    pub site: Site,
}

impl Leg {
    /// At most so much data is missing in the newest copy, in seconds; `None`: nobody says.
    pub fn rpo_s(&self) -> Option<u64> {
        match self.every_s {
            // A copy that is being made is none yet.
            Some(every) => Some(every.saturating_add(self.lag_s.unwrap_or(0))),
            None => self.lag_s,
        }
    }
}

/// A cap over all places: licences, addresses.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cap {
    pub name: String,
    pub max: u64,
    /// Taken by one replica.
    pub per_replica: u64,
    /// Empty: all.
    pub workloads: Vec<String>,
    /// Empty: all.
    pub locations: Vec<String>,
    pub owner: Option<String>,
    pub site: Site,
}

/// A workload that can take another's place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StandIn {
    pub name: String,
    /// The workload it stands in for.
    pub of: String,
    /// The workload that does.
    pub by: String,
    /// The share of the other's replicas it must reach by growing, in whole percent.
    pub percent: u64,
    /// Attributes of the templates' resources that must be the same.
    pub parity: Vec<String>,
    /// Values declared of both sides: name, theirs, ours.
    pub same: Vec<(String, String, String)>,
    /// What the plan has of each attribute on either side. Filled in by the planner; an attribute that neither has is left out.
    pub seen: Vec<Parity>,
    pub owner: Option<String>,
    pub site: Site,
}

/// One attribute on both sides.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Parity {
    pub attribute: String,
    /// Every value there is, as JSON; sensitive ones as a digest.
    pub of: Vec<String>,
    pub by: Vec<String>,
}

/// What an hour of outage costs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outage {
    /// Millionths of the currency.
    pub micros_per_hour: u64,
    pub currency: String,
}

/// When things may be changed, and by whose leave.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChangeRule {
    pub name: String,
    /// Changes begin in one of these only; empty: at any time.
    pub windows: Vec<Window>,
    pub freezes: Vec<Freeze>,
    /// People who must approve the weakening of a rule, and a removal.
    pub weaken: u64,
    pub remove: u64,
    /// At most so many replicas removed in so many seconds.
    pub removals: Option<(u64, u64)>,
    pub owner: Option<String>,
    pub site: Site,
}

/// A time of the week.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Window {
    pub name: String,
    /// Monday is 0; the day the window begins on.
    pub days: Vec<u8>,
    /// Minutes of the day; an end before the start is on the next day.
    pub from: u16,
    pub to: u16,
    /// Minutes east of Greenwich.
    pub offset: i16,
}

/// Days on which nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Freeze {
    pub name: String,
    /// First and last day, in days since 1970-01-01, UTC.
    pub from: i64,
    pub to: i64,
}

/// Somebody who answers for a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    pub contact: Option<String>,
    pub escalate: Option<String>,
}

/// How much a broken promise weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Weight {
    /// Told, and changes no exit code.
    Finding,
    /// Drift: what is built is not what is promised (exit 2 of a drift check).
    Drift,
    /// A rule: a plan that leaves it broken is refused (exit 3).
    Rule,
}

/// One promise on one moment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    /// One paragraph, with numbers.
    pub why: Words,
    /// The numbers of the paragraph, for programs.
    pub numbers: Vec<(String, i64)>,
}

/// One promise, now and after the plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Judged {
    /// `distance.capital`, `class.busan`, `backup.orders.rpo`.
    pub id: String,
    pub weight: Weight,
    pub site: Site,
    /// Who answers for it, with where to reach them.
    pub owner: Option<String>,
    pub now: Judgement,
    pub after: Judgement,
}

/// The promises of a plan with what was found of each.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Survival {
    pub promises: Promises,
    /// Judged on workloads that are not in the plan too (`-target` leaves them out).
    pub beyond_plan: bool,
    /// In a fixed order: distances, classes, backups, limits, evidence; by name within each.
    pub judged: Vec<Judged>,
}

impl Survival {
    /// Rules that are false once the plan is done.
    pub fn broken(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|j| j.weight == Weight::Rule && j.after.verdict == Verdict::Fail)
    }

    /// Promises of a weight that are false now.
    pub fn failed_now(&self, weight: Weight) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(move |j| j.weight == weight && j.now.verdict == Verdict::Fail)
    }
}
