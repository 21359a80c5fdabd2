//! The problem as plain data: where replicas may stand, what the workload asks, what is alive now.
//!
//! No expression, no provider and no value of the language reaches this far: the spec has been lowered, the providers have
//! been asked. Indices are positions: a risk is its index in [`Topology::risks`], a location its index in
//! [`Topology::locations`], a *place* its index in [`Workload::places`]. Every vector the engine gives back runs parallel to
//! `Workload::places`. Semantics: `spread.md` section 4.

use std::collections::BTreeMap;

/// Where in the spec something was written: an index into a table that the caller keeps. Opaque here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Site(pub usize);

/// Everything that replicas can stand on and what that shares.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Topology {
    /// Names of the levels, outermost first (`cloud`, `region`, `zone`).
    pub levels: Vec<String>,
    /// Places that can hold replicas.
    pub locations: Vec<Location>,
    /// Things several locations depend on.
    pub risks: Vec<Risk>,
}

/// One zone of one cloud, or one room of one's own.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Location {
    /// Unique name; also the byte-order tie-break.
    pub name: String,
    /// The name of its domain at each level it declares.
    pub domains: BTreeMap<String, String>,
    /// Risks needed to serve (indices into [`Topology::risks`]).
    pub shares: Vec<usize>,
    /// Risks needed to change anything here.
    pub control: Vec<usize>,
    /// How many replicas of all workloads it can hold.
    pub capacity: Capacity,
    /// What is known of its health, by the table of `spread.md` 4.6.
    pub health: Health,
    /// Who says so.
    pub health_source: HealthSource,
    /// What the operator wants of it.
    pub operator: OperatorState,
    /// Time from the order to a running replica.
    pub boot: Timed,
    /// Further replicas somebody guarantees room for.
    pub reserve: u32,
    /// Price of one replica.
    pub cost: Option<Cost>,
    /// Nothing may be changed here, whatever the health says (an operator's loss, a change freeze).
    pub frozen: bool,
    /// Where it is declared.
    pub site: Site,
}

/// Something several locations depend on: a building, a line, an operator's control plane, a resolver.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Risk {
    /// Unique name.
    pub name: String,
    /// `building`, `power_feed`, `carrier`, `operator`, `resolver`, ...
    pub kind: String,
    /// Risks it falls with (indices). A cycle is harmless: all of it falls together.
    pub depends_on: Vec<usize>,
    /// Where it is declared.
    pub site: Site,
}

/// Room for replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Capacity {
    /// The number.
    pub limit: Limit,
    /// Who says so.
    pub source: CapacitySource,
}

/// How many replicas fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Limit {
    /// At least `lo`, at most `hi`; growth is planned with `lo`.
    Known {
        /// Certain room.
        lo: u32,
        /// Possible room.
        hi: u32,
    },
    /// No limit is known of. With [`CapacitySource::Unknown`] verdicts that rest on it are NOT PROVEN.
    Unlimited,
    /// Asked and not answered: what stands may stay, nothing grows.
    Unreadable,
}

/// Where a capacity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CapacitySource {
    /// The spec.
    Declared,
    /// The provider's extension service.
    Provider,
    /// Nobody: assumed.
    Unknown,
}

/// Health of a location (`spread.md` 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Health {
    /// All is well.
    Healthy,
    /// Answers, with fewer ready than wanted.
    Degraded,
    /// Probes fail, not yet confirmed: frozen, counts 0.
    Suspect,
    /// Cannot be reached: frozen, counts 0 to what was last known.
    Unknown,
    /// The provider's API is lost, probes are well: frozen; what a probe confirms counts.
    ControlLost,
    /// Proven down: frozen outside a failover, counts 0.
    Down,
    /// Back after a failover, on trial: counts 0, nothing is done there.
    Probation,
    /// Back and being filled again by a failback.
    Returning,
}

/// Who says how healthy a location is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum HealthSource {
    /// A provider, an observer or probes.
    Reported,
    /// Nobody looks: assumed from the fact that calls succeed. Verdicts that rest on it are NOT PROVEN.
    Assumed,
}

/// The operator's word about a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OperatorState {
    /// In use.
    Open,
    /// Nothing new here; what stands may stay.
    Cordoned,
    /// To be emptied.
    Evacuated,
}

/// A duration with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Timed {
    /// Whole seconds.
    pub seconds: u64,
    /// Where the number comes from.
    pub source: TimeSource,
}

/// Where a duration comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum TimeSource {
    /// Seen in earlier runs.
    Measured,
    /// Written in the spec.
    Declared,
    /// straddle's own default.
    Default,
}

/// The price of one replica for one hour.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cost {
    /// Millionths of the currency.
    pub micros_per_hour: u64,
    /// ISO 4217 code.
    pub currency: String,
}

/// A share of the replicas or a plain number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Bound {
    /// Millionths of one percent: `50%` is 50_000_000, so that `33.3%` stays exact.
    Percent(u64),
    /// Replicas.
    Count(u32),
}

impl Bound {
    /// `n` whole percent.
    pub fn percent(n: u64) -> Bound {
        Bound::Percent(n.saturating_mul(1_000_000))
    }

    /// The bound in replicas of `n`, rounded up (`spread.md` 4.2).
    pub fn ceil_of(self, n: u32) -> u64 {
        match self {
            Bound::Count(c) => u64::from(c),
            Bound::Percent(p) => (u128::from(n) * u128::from(p)).div_ceil(100_000_000).min(u128::from(u64::MAX)) as u64,
        }
    }

    /// The bound in replicas of `n`, rounded down: tolerances.
    pub fn floor_of(self, n: u32) -> u64 {
        match self {
            Bound::Count(c) => u64::from(c),
            Bound::Percent(p) => (u128::from(n) * u128::from(p) / 100_000_000).min(u128::from(u64::MAX)) as u64,
        }
    }
}

/// N interchangeable replicas, their spread, their rules.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Workload {
    /// Unique name; part of the hash tie-break.
    pub name: String,
    /// N.
    pub replicas: u32,
    /// Where N is written.
    pub replicas_site: Site,
    /// Replicas needed at peak.
    pub demand: Option<u32>,
    /// The chain of spread blocks, outermost first. Empty: replicas divide evenly over places, not enforced.
    pub spread: Vec<SpreadLevel>,
    /// Serving capacity never to be undercut during changes.
    pub floor_serving: Bound,
    /// Where the floor is written (the workload, when it is the default).
    pub floor_site: Site,
    /// What must stay alive after which loss.
    pub survive: Vec<SurviveRule>,
    /// Losses the owner lives with now: no rule is judged on one, nor on a loss that holds one.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
    /// Pace of planned change.
    pub rollout: Rollout,
    /// Times of a failover.
    pub failover: Failover,
    /// Pace of the way back.
    pub failback: Failback,
    /// What a replica needs to serve.
    pub requires: Vec<PathGroup>,
    /// Ways in.
    pub entry: Vec<PathGroup>,
    /// Set when an autoscaler owns the number.
    pub scaling: Option<Scaling>,
    /// Where it may stand, sorted by the location's name. One entry per location.
    pub places: Vec<Place>,
    /// What a capacity unit is divided into: a place's [`Place::unit`] is a count of these. 1 when all replicas are alike.
    pub scale: u32,
    /// Higher goes first when several workloads want one quota.
    pub priority: i64,
    /// It is another state's: of equals it goes first, so that no two states count on the same room.
    #[serde(default)]
    pub foreign: bool,
    /// Alarm when the margin falls below.
    pub alarm_below: Option<u32>,
    /// Largest loss searched for cut sets; 3 unless told.
    pub max_order: u32,
    /// Groups of locations used in order, the next when those before are full, and emptied in reverse. Empty: all are one.
    #[serde(default)]
    pub overflow: Vec<OverflowGroup>,
    /// One replica does the work and the others stand by.
    #[serde(default)]
    pub standby: Option<Standby>,
    /// Where the workload is declared.
    pub site: Site,
}

/// Locations that are filled together.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OverflowGroup {
    /// Its label.
    pub name: String,
    /// Names of locations. A place of no group belongs to the last.
    pub locations: Vec<String>,
    /// At most so many replicas here, whatever room there is.
    pub max: Option<u32>,
    /// Where the block is.
    pub site: Site,
}

/// Which replica works, and who follows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Standby {
    /// Names of locations in the order of promotion.
    pub order: Vec<String>,
    /// How far the data of each lags, in seconds, parallel to `order`; `None`: nobody says.
    pub lag_s: Vec<Option<u64>>,
    /// One that lags further is not promoted.
    pub max_lag_s: Option<u64>,
    /// Who promotes.
    pub by: PromotedBy,
    /// What proves that the old one has stopped.
    pub fence: Option<Fence>,
    /// The location that works, as last applied and as decided for this plan.
    pub last: Option<String>,
    /// Where a person wants it, whatever order and lag say, if it serves there.
    #[serde(default)]
    pub wished: Option<String>,
    /// See `last`.
    pub active: Option<String>,
    /// Where the block is.
    pub site: Site,
}

/// Who promotes a standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PromotedBy {
    /// straddle: what refers to `workload.NAME.active` moves to the next.
    Straddle,
    /// The software itself, or a cluster manager.
    Others,
}

/// What proves that the old active one has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Fence {
    /// Its lease runs out after so many seconds.
    Lease(u64),
    /// It is switched off by others.
    Stonith,
    /// A person says so.
    Operator,
}

/// A location as one workload sees it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Index into [`Topology::locations`].
    pub location: usize,
    /// Capacity of one replica here, in [`Workload::scale`]-ths of a replica (`units = 0.8` with scale 10 is 8).
    pub unit: u32,
    /// How replicas are made here.
    pub template: Template,
    /// Whether serving is measured (a `ready` expression) or only assumed from existence.
    pub ready_measured: bool,
    /// False for a location the spec no longer offers to this workload but where replicas still stand: to be emptied.
    pub declared: bool,
    /// At most so many here for now: further ones were tried and did not serve.
    #[serde(default)]
    pub most: Option<u32>,
}

/// How a place makes replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Template {
    /// One set of resources for each replica: named slots.
    PerReplica,
    /// One set for the place; the count is an attribute.
    PerLocation,
    /// Only data blocks: judged, never changed.
    Observed,
}

/// One level of a spread.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpreadLevel {
    /// A name of [`Topology::levels`].
    pub level: String,
    /// The domains that take part; `None`: every domain that a place has, or the names of the ratio.
    pub over: Option<Vec<String>>,
    /// How replicas divide.
    pub ratio: Ratio,
    /// How far they may stray from that.
    pub tolerance: Bound,
    /// Largest skew allowed; `None` is reported, not enforced.
    pub max_skew: Option<u32>,
    /// At least this many domains hold a replica.
    pub min_domains: Option<u32>,
    /// At most this many domains hold a replica.
    pub max_domains: Option<u32>,
    /// Floors per domain; the key `*` is every domain that is not named.
    pub min: BTreeMap<String, u32>,
    /// Caps per domain; the key `*` is every domain that is not named.
    pub max: BTreeMap<String, u32>,
    /// Who gets the odd replica, first wish first.
    pub prefer: Vec<String>,
    /// The cheaper domain gets the odd replica, after `prefer`.
    pub prefer_cheap: bool,
    /// When a live placement inside the tolerance is left alone.
    pub moving: Moving,
    /// What happens when a domain cannot hold its share.
    pub on_shortage: OnShortage,
    /// The apportionment rule.
    pub method: Method,
    /// Domains of weight 0 which a failover may use.
    pub standby: Vec<String>,
    /// Where the block is.
    pub site: Site,
}

/// Weights of the domains of a level.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ratio {
    /// All alike.
    Even,
    /// Named parts; `rest` (`*`) is the part of each domain that is not named.
    Weights {
        /// Domain and weight (at most 2^32 - 1 each).
        parts: Vec<(String, u32)>,
        /// The part of every other domain; `None`: others take no part.
        rest: Option<u32>,
    },
}

/// When to move what is inside the tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Moving {
    /// Leave it.
    Lazy,
    /// Bring it to the apportionment.
    Exact,
}

/// What to do when a domain cannot hold its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OnShortage {
    /// Refuse.
    Strict,
    /// Give the rest to others, and say so.
    Prefer,
    /// Give the rest to others.
    Any,
}

/// An apportionment rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Method {
    /// Webster (Sainte-Laguë): the default.
    Webster,
    /// Hamilton.
    LargestRemainder,
}

/// What must stay alive after a loss.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SurviveRule {
    /// `survive.zone`, or `survive.zone.2` where a level has several blocks (the number is `losses`).
    pub id: String,
    /// What is lost.
    pub of: LossOf,
    /// How many at once.
    pub losses: u32,
    /// At once, without creating anything.
    pub floor: Bound,
    /// By growing: this much within so many seconds of the loss.
    pub then: Vec<Then>,
    /// What stands behind the growth.
    pub growth: Growth,
    /// Where the block is.
    pub site: Site,
}

/// A loss the owner lives with until a day. Only those in force reach the engine: it knows no clock.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    /// The block's label.
    pub name: String,
    /// What is lost at once.
    pub lose: Vec<Event>,
    /// The last day it holds, as written.
    pub until: String,
    /// Where the block is.
    pub site: Site,
}

/// A level or a kind of shared risk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum LossOf {
    /// Domains of this level.
    Level(String),
    /// Shared risks of this kind.
    Kind(String),
}

impl LossOf {
    /// The name as written in the spec.
    pub fn name(&self) -> &str {
        match self {
            LossOf::Level(name) | LossOf::Kind(name) => name,
        }
    }
}

/// A promise of growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Then {
    /// How much.
    pub floor: Bound,
    /// By when, in seconds after the loss.
    pub within_s: u64,
}

/// What stands behind growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Growth {
    /// Capacity somebody guarantees ([`Location::reserve`]).
    Reserved,
    /// Replicas kept warm, within [`Location::reserve`].
    Warm,
    /// A quota: room on paper, printed NOT PROVEN.
    Quota,
}

/// Pace of planned change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rollout {
    /// Replicas above max(live, N) during a change; `None`: max(1, a tenth of N).
    pub surge: Option<Bound>,
    /// Replicas per step; `None`: as `surge`.
    pub batch: Option<Bound>,
    /// A new replica must be healthy for so long, in seconds.
    pub healthy_for_s: u64,
    /// Seconds between detaching and destroying.
    pub drain_s: u64,
    /// Most replicas that one step adds ahead of drains, or drains, in one location; `None`: as many as `batch` lets.
    #[serde(default)]
    pub batch_per_domain: Option<u32>,
    /// Seconds a replica may take to become healthy.
    pub deadline_s: u64,
    /// Where replicas did not serve by the deadline, others are planned elsewhere, if the ratio and the rules allow it.
    #[serde(default)]
    pub alternate: bool,
    /// Replicas that did not serve by the deadline are taken away again.
    #[serde(default)]
    pub auto_revert: bool,
    /// Where the block is (the workload, when it is the default).
    pub site: Site,
}

/// Seconds until a replica that does not serve is given up, unless told.
pub const DEFAULT_DEADLINE_S: u64 = 900;

impl Rollout {
    /// What holds where nothing is written.
    pub fn unhurried(site: Site) -> Rollout {
        Rollout {
            surge: None,
            batch: None,
            healthy_for_s: 0,
            drain_s: 0,
            batch_per_domain: None,
            deadline_s: DEFAULT_DEADLINE_S,
            alternate: false,
            auto_revert: false,
            site,
        }
    }
}

/// Times of a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failover {
    /// Until the loss is noticed.
    pub detect: Timed,
    /// Until somebody has decided.
    pub decide: Timed,
    /// Most adds per wave; `None`: all.
    pub batch: Option<u32>,
}

/// Pace of the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failback {
    /// Replicas per step; `None`: as in `rollout`.
    pub batch: Option<u32>,
}

/// `requires` and `entry`: several paths, some of which must be left.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PathGroup {
    /// Its label.
    pub name: String,
    /// At least so many must be alive.
    pub need: u32,
    /// Seconds until clients have turned to another path (entry only).
    pub ttl: Option<Timed>,
    /// The paths.
    pub paths: Vec<Path>,
    /// Where the block is.
    pub site: Site,
}

/// One of several ways.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Path {
    /// Its label.
    pub name: String,
    /// Risks it needs to work.
    pub shares: Vec<usize>,
    /// Risks needed to change it.
    pub control: Vec<usize>,
    /// The places (indices into [`Workload::places`]) it serves; `None`: all. Only for `requires`.
    pub places: Option<Vec<usize>>,
}

/// An autoscaler owns the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// Least replicas over all places.
    pub min: u32,
    /// Most replicas over all places.
    pub max: u32,
    /// How many stood before the failover that is in force: what is lost does not count twice once it stands elsewhere.
    #[serde(default)]
    pub held: Option<u32>,
    /// A number that differs by no more than this from one that keeps every rule moves nothing.
    #[serde(default)]
    pub slack: Option<Bound>,
    /// Where the block is.
    pub site: Site,
}

/// What stands now, parallel to [`Workload::places`].
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Live {
    /// One entry per place.
    pub places: Vec<PlaceLive>,
}

/// What stands in one place.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlaceLive {
    /// Replicas of other workloads that use the same capacity.
    pub others: u32,
    /// This workload's.
    pub replicas: Replicas,
}

/// Named replicas, or a number.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Replicas {
    /// [`Template::PerReplica`] and [`Template::Observed`]: sorted by slot, each slot once.
    Slots(Vec<Slot>),
    /// [`Template::PerLocation`].
    Count {
        /// The count attribute as it stands.
        count: u32,
        /// Certainly serving.
        ready_lo: u32,
        /// Possibly serving.
        ready_hi: u32,
    },
}

/// One named replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Slot {
    /// The number in its address.
    pub slot: u32,
    /// Any of its objects exists (or may exist: a creation in doubt).
    pub exists: bool,
    /// It exists, but some of its objects are missing and are to be created.
    pub incomplete: bool,
    /// Serving.
    pub ready: Ready,
    /// False when it needs replacement (a changed image).
    pub current: bool,
    /// It needs an in-place change that interrupts serving (a resize).
    pub interrupting_update: bool,
    /// Marked for replacement by the operator.
    pub tainted: bool,
}

/// Whether a replica serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ready {
    /// It does.
    Yes,
    /// It does not (booting, failing).
    No,
    /// Nobody knows.
    Unknown,
}

/// An event somebody may name: a domain of a level, or a shared risk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Event {
    /// `zone:a`.
    Domain {
        /// Index into [`Topology::levels`].
        level: usize,
        /// The domain.
        name: String,
    },
    /// `shared_risk:kt_line`; an index into [`Topology::risks`].
    Risk(usize),
}

impl Event {
    /// The name of the machine formats: `zone:a`, `shared_risk:kt_line`.
    pub fn label(&self, topology: &Topology) -> String {
        match self {
            Event::Domain { level, name } => {
                format!("{}:{name}", topology.levels.get(*level).map_or("", String::as_str))
            }
            Event::Risk(risk) => {
                format!("shared_risk:{}", topology.risks.get(*risk).map_or("", |risk| risk.name.as_str()))
            }
        }
    }
}

/// A question to the engine.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// `plan`, `apply`, `drift`.
    Normal {
        /// A failover in force: its losses stay excluded until a failback.
        failed_over: Vec<Event>,
        /// Removes are wanted even though something is down.
        remove_while_down: bool,
    },
    /// Adds only.
    Repair,
    /// These are lost: all adds at once in what is left, nothing removed.
    Failover {
        /// What is lost.
        lost: Vec<Event>,
    },
    /// Back to the normal placement; the margin never falls below what it is now.
    Failback {
        /// What stays failed over.
        lost: Vec<Event>,
    },
    /// Remove everything; floors and survive rules are suspended.
    Destroy,
}

impl Mode {
    /// A plain plan: no failover in force, nothing removed while something is down.
    pub fn normal() -> Mode {
        Mode::Normal { failed_over: Vec::new(), remove_while_down: false }
    }

    /// Back from every failover.
    pub fn failback() -> Mode {
        Mode::Failback { lost: Vec::new() }
    }
}
