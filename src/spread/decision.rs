//! What the engine answers: the target, the steps towards it, and the proof of each. Plain data.

use std::collections::BTreeMap;

use super::model::{Event, LossOf, Mode, Site, TimeSource, Topology, Workload};

pub use super::refusal::Refusal;

/// A number that is known between two bounds, in replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Certainly so many: what every `>=` rule counts (INV-13).
    pub lo: u32,
    /// Possibly so many: what every `<=` rule counts.
    pub hi: u32,
}

/// An amount of serving capacity: `units / scale` replicas. All amounts of one decision have the same scale.
pub type Units = u64;

/// PASS, FAIL or NOT PROVEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Verdict {
    /// True on what is known.
    Pass,
    /// Not shown to be true, not shown to be false.
    NotProven,
    /// False.
    Fail,
}

/// The answer to [`super::decide()`]. Vectors of places run parallel to `Workload::places`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Decision {
    /// The question.
    pub mode: Mode,
    /// N as used: the spec's, or the live sum where an autoscaler owns it; 0 for destroy.
    pub replicas: u32,
    /// Units of one replica: `Workload::scale`.
    pub scale: u32,
    /// Serving replicas now.
    pub before: Vec<Interval>,
    /// Existing replicas now, ready or not.
    pub existing: Vec<u32>,
    /// The target: replicas per place. A frozen place keeps what it was last known to hold; a lost one has 0.
    pub after: Vec<u32>,
    /// Serving replicas once all steps are done.
    pub after_ready: Vec<Interval>,
    /// The apportionment without regard to what is live.
    pub canonical: Vec<u32>,
    /// Room the target was chosen in, beside what the other workloads are to hold; `None` is no limit.
    #[serde(default)]
    pub room: Vec<Option<u32>>,
    /// Replicas of other workloads at each place while the steps are made.
    #[serde(default)]
    pub others: Vec<u32>,
    /// Workloads whose steps must be over before these begin: they give back room that is needed here.
    #[serde(default)]
    pub follows: Vec<String>,
    /// Least and most each place is ever asked to hold (`location.min`, `location.peak`).
    pub bounds: Vec<PlaceBounds>,
    /// Which replicas, by place.
    pub changes: Vec<PlaceChanges>,
    /// The spread table, outermost level first, parents in order.
    pub spread: Vec<SpreadRow>,
    /// Every survive rule, in the order of the spec.
    pub rules: Vec<RuleReport>,
    /// The serving floor during the change, judged like a rule.
    pub floor: FloorReport,
    /// The order of the change.
    pub steps: Vec<Step>,
    /// What each loss leaves.
    pub losses: Vec<LossRow>,
    /// Minimal cut sets before and after.
    pub cut_sets: CutSetDiff,
    /// Redundancy margin.
    pub margin: Margin,
    /// Prices by currency, in millionths per hour.
    pub cost: BTreeMap<String, CostReport>,
    /// Rules that are false in the target with every location healthy: such a plan is not to be written (exit 3).
    pub breaches: Vec<Breach>,
    /// Things to tell.
    pub notes: Vec<Note>,
}

impl Decision {
    /// Whether anything is to be added, removed, replaced or updated (waiting alone is no change).
    pub fn has_changes(&self) -> bool {
        self.steps.iter().any(|s| !s.adds.is_empty() || !s.removes.is_empty() || !s.updates.is_empty())
    }
}

/// Least and most replicas a place is asked to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlaceBounds {
    /// Its share of the least number (the scaling minimum, else N).
    pub min: u32,
    /// The most any survive rule asks of it.
    pub peak: u32,
}

/// Which replicas of a place. For [`super::model::Template::PerLocation`] the slots are empty and only the numbers count.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlaceChanges {
    /// Slots that are not touched by any step.
    pub keep: Vec<u32>,
    /// Slots created (lowest free first).
    pub add: Vec<u32>,
    /// Slots given back (unhealthy first, then highest), in the order of giving.
    pub remove: Vec<u32>,
    /// Slots whose replica is replaced; the address stays.
    pub replace: Vec<u32>,
    /// Slots updated in place with an interruption.
    pub update: Vec<u32>,
    /// Slots of which missing objects are created.
    pub complete: Vec<u32>,
    /// Slots created for the change alone, and given back before it ends.
    pub spare: Vec<u32>,
    /// Slots that exist, stay, and are waited for.
    pub wait: Vec<u32>,
    /// Slots that would be replaced or updated, were the plan allowed to.
    pub deferred: Vec<u32>,
    /// The place may not be touched now.
    pub frozen: bool,
}

/// One spread block under one parent domain.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpreadRow {
    /// Index into `Workload::spread`.
    pub index: usize,
    /// The level's name.
    pub level: String,
    /// The domains above it, outermost first, as `(level, name)`; empty at the top.
    pub parent: Vec<(String, String)>,
    /// The domains.
    pub domains: Vec<DomainRow>,
    /// How far each may stray, in replicas of this parent's total; 0 is exact.
    pub tolerance: u64,
    /// Largest skew allowed.
    pub max_skew: Option<u32>,
    /// Skew before and after, as a fraction `(numerator, denominator)` of a replica.
    pub skew_before: (i64, i64),
    /// See `skew_before`.
    pub skew_after: (i64, i64),
    /// What differs from the ratio.
    pub drift: DriftClass,
}

/// One domain of a spread row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DomainRow {
    /// Its name.
    pub name: String,
    /// Its weight after reduction; 0 for a domain that takes no part.
    pub weight: u64,
    /// Takes part: neither down nor evacuated.
    pub eligible: bool,
    /// Existing replicas now.
    pub existing: u32,
    /// Serving replicas now.
    pub before: Interval,
    /// The target.
    pub after: u32,
    /// The apportionment without regard to what is live.
    pub canonical: u32,
}

/// How far the live placement is from the spec (`spread.md` 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum DriftClass {
    /// As apportioned.
    None,
    /// Inside the tolerance: left alone.
    Tolerated,
    /// Outside.
    Drift,
}

/// A survive rule on one state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Judgement {
    /// Survivors of the worst loss, by the lower bound.
    pub alive: Units,
    /// The same by the upper bound.
    pub alive_hi: Units,
    /// The worst loss.
    pub worst_loss: Vec<Event>,
    /// The bound at once.
    pub floor: Units,
    /// At once, without growing.
    pub at_once: Verdict,
    /// One per `then`, in the spec's order.
    pub growth: Vec<GrowthJudgement>,
    /// The worst of all.
    pub verdict: Verdict,
    /// Why it is not PASS.
    pub because: Vec<Because>,
}

/// One `then` line on one state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GrowthJudgement {
    /// The bound.
    pub floor: Units,
    /// By when, in seconds.
    pub within_s: u64,
    /// What the worst loss leaves and growth brings by then.
    pub reached: Units,
    /// That loss.
    pub worst_loss: Vec<Event>,
    /// When the bound is reached after that loss; `None`: never.
    pub reached_in_s: Option<u64>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Why a verdict is not PASS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Because {
    /// The worst loss leaves too few.
    TooFewAlive,
    /// It does only if places whose state is unknown are well (places).
    UnknownState(Vec<usize>),
    /// Nobody looks at the health of these places.
    HealthAssumed(Vec<usize>),
    /// These places declare no risk of the kind, so that they may share one.
    NoEvidence {
        /// The kind of shared risk.
        kind: String,
        /// The places.
        places: Vec<usize>,
    },
    /// No shared risk of the kind is declared at all.
    NoSuchRisk(String),
    /// Growth does not reach the bound: no room, no control plane, or not eligible.
    GrowthTooSmall,
    /// Growth reaches it too late.
    GrowthTooLate,
    /// The room at these places is a quota that nobody guarantees.
    QuotaOnly(Vec<usize>),
    /// More growth is needed at these places than their reserve.
    BeyondReserve(Vec<usize>),
    /// Nobody says how much room these places have.
    CapacityUnknown(Vec<usize>),
    /// The boot time of these places is straddle's default.
    BootAssumed(Vec<usize>),
    /// No replicas are asked for: a share of nothing.
    Vacuous,
    /// The loss is lived with (index into `Workload::accepted`).
    Accepted(usize),
}

/// A survive rule, before and after.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RuleReport {
    /// Index into `Workload::survive`.
    pub index: usize,
    /// `survive.zone`.
    pub id: String,
    /// What is lost.
    pub of: LossOf,
    /// How many at once.
    pub losses: u32,
    /// The bound at once.
    pub floor: Units,
    /// On what stands now.
    pub before: Judgement,
    /// On what will stand, with locations as they are.
    pub after: Judgement,
    /// On the target with every location healthy: false here refuses the plan.
    pub healthy: Judgement,
    /// Worst survivors at any half-done state.
    pub worst_during: Units,
}

/// The serving floor.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FloorReport {
    /// The bound for the new N.
    pub floor: Units,
    /// Serving now, in units.
    pub before: (Units, Units),
    /// Serving after.
    pub after: (Units, Units),
    /// Least serving at any half-done state.
    pub worst_during: Units,
    /// The verdict on what will stand.
    pub verdict: Verdict,
}

/// One batch of actions between two states.
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// Position in the plan, from 0.
    pub index: usize,
    /// Replicas created (growth, new revisions) or completed.
    pub adds: Vec<StepEntry>,
    /// Replicas that exist and are waited for.
    pub waits: Vec<StepEntry>,
    /// Replicas destroyed (shrinking, old revisions).
    pub removes: Vec<StepEntry>,
    /// In-place changes that interrupt serving.
    pub updates: Vec<StepEntry>,
    /// Serving replicas by place when the step is complete and healthy (lower bound).
    pub state: Vec<u32>,
    /// The worst moment: adds not yet counted, removes and updates already gone (lower bound).
    pub half_done: Vec<u32>,
    /// Every invariant at its worst moment.
    pub checks: Vec<Check>,
}

/// Replicas of one place in one step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepEntry {
    /// The place.
    pub place: usize,
    /// How many.
    pub count: u32,
    /// How many of them were serving (adds, waits: will be).
    pub ready: u32,
    /// Their slots, in order of work; empty for a place that makes replicas by number.
    pub slots: Vec<StepSlot>,
}

impl StepEntry {
    /// Replicas that are not there before: what is half made, or grows by a part, is completed and not created.
    pub fn created(&self) -> u32 {
        match self.slots.is_empty() {
            true => self.count,
            false => self.slots.iter().filter(|s| s.role != Role::Complete).count() as u32,
        }
    }
}

/// One named replica in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepSlot {
    /// The slot.
    pub slot: u32,
    /// What happens to it.
    pub role: Role,
}

/// What a step does to a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// A replica that was not there.
    Grow,
    /// The missing objects of one that is.
    Complete,
    /// The new one of a replacement (in adds), or the old one (in removes).
    Replace,
    /// Given back for good.
    Shrink,
    /// Updated in place.
    Update,
    /// Waited for.
    Wait,
}

/// One invariant in one step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Check {
    /// Which.
    pub rule: CheckOf,
    /// The worst loss, for a survive rule.
    pub worst_loss: Vec<Event>,
    /// The value at the worst moment: survivors, serving, replicas, or skew.
    pub value: i64,
    /// The bound of the rule itself.
    pub bound: i64,
    /// `value - bound` for floors, `bound - value` for caps; negative is a breach.
    pub slack: i64,
    /// The rule was already broken by as much before the plan: not worse.
    pub as_before: bool,
}

/// Which invariant a check is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum CheckOf {
    /// The serving floor, in units: `floor.serving`.
    Serving,
    /// A survive rule (index into `Workload::survive`), in units.
    Survive(usize),
    /// The floor of a domain, in replicas (index into `Workload::spread`, domain).
    DomainFloor(usize, String),
    /// Replicas above max(live, N) during the change.
    Surge,
    /// Capacity of a place, in replicas.
    Capacity(usize),
    /// Skew of a spread block (index), under a parent, in replicas times the sum of weights.
    Skew(usize, Vec<String>),
    /// The margin during a failback.
    Margin,
}

impl CheckOf {
    /// The id of the machine formats: a survive rule's own, else `floor.serving`, `floor.zone.a`, `surge`,
    /// `capacity.seoul-a`, `skew.zone`, `margin`.
    pub fn id(&self, topology: &Topology, workload: &Workload) -> String {
        let level = |spread: usize| workload.spread.get(spread).map_or("", |s| s.level.as_str());
        match self {
            CheckOf::Serving => "floor.serving".into(),
            CheckOf::Survive(rule) => workload.survive.get(*rule).map_or(String::new(), |r| r.id.clone()),
            CheckOf::DomainFloor(spread, domain) => format!("floor.{}.{domain}", level(*spread)),
            CheckOf::Surge => "surge".into(),
            CheckOf::Capacity(place) => {
                let location = workload.places.get(*place).and_then(|p| topology.locations.get(p.location));
                format!("capacity.{}", location.map_or("", |l| l.name.as_str()))
            }
            CheckOf::Skew(spread, parent) if parent.is_empty() => format!("skew.{}", level(*spread)),
            CheckOf::Skew(spread, parent) => format!("skew.{}.{}", level(*spread), parent.join(".")),
            CheckOf::Margin => "margin".into(),
        }
    }
}

/// What one loss leaves.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LossRow {
    /// The loss; events that take the same are merged under the outermost name.
    pub lose: Vec<Event>,
    /// The other names of each, parallel to `lose`.
    pub aliases: Vec<Vec<Event>>,
    /// Serving survivors now.
    pub now: Units,
    /// Survivors at the worst half-done state.
    pub worst_during: Units,
    /// Survivors after.
    pub after: Units,
    /// Running after the loss, whether or not anything reaches them.
    pub running_after: Units,
    /// What growth brings it back to, from `after`, when all workloads fail over together.
    pub recovers_to: Units,
    /// What is then still missing to N.
    #[serde(default)]
    pub unmet: Units,
    /// In how many seconds; `None` when nothing grows (already there, or never).
    pub within_s: Option<u64>,
    /// The parts of that time with their sources.
    pub parts: Vec<TimePart>,
    /// Where the growth stands.
    pub growth: Vec<(usize, u32)>,
    /// Entry groups that are cut (indices into `Workload::entry`).
    pub cut_entries: Vec<usize>,
    /// The survive rules this loss is one of (indices).
    pub rules: Vec<usize>,
    /// Load on the survivors in percent of them, when `demand` is declared: `(demand, alive)` in units.
    pub load: Option<(Units, Units)>,
    /// The worst verdict, on this loss, of the rules that name it; `None` when no rule does.
    pub verdict: Option<Verdict>,
    /// Why.
    pub because: Vec<Because>,
}

/// A named part of a recovery time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimePart {
    /// Which.
    pub what: TimeOf,
    /// Seconds.
    pub seconds: u64,
    /// Where the number comes from.
    pub source: TimeSource,
}

/// Which part of a recovery time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TimeOf {
    /// Noticing.
    Detect,
    /// Deciding.
    Decide,
    /// Booting, of the slowest place.
    Boot,
    /// Proving healthy.
    Healthy,
    /// Clients turning to what is left.
    EntryTtl,
}

/// Minimal cut sets of one state.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CutSets {
    /// Each set sorted, sets sorted by order, then by event. A single empty set: broken already.
    pub sets: Vec<Vec<Event>>,
    /// Complete up to this order; below `max_order` only when the stated limits were hit.
    pub complete_to: u32,
    /// Smallest order minus one, not below 0; `max_order` when there is none.
    pub margin: u32,
}

/// Cut sets before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CutSetDiff {
    /// Of what stands now.
    pub before: CutSets,
    /// Of what will stand.
    pub after: CutSets,
    /// Other names of merged events.
    pub aliases: BTreeMap<Event, Vec<Event>>,
}

/// What a change makes of the cut sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutSetChanges {
    /// Sets that were none before.
    pub added: Vec<Vec<Event>>,
    /// Sets that are none any more.
    pub removed: Vec<Vec<Event>>,
    /// Of these: a set of which fewer events do now, or more are needed: before and after.
    pub changed: Vec<(Vec<Event>, Vec<Event>)>,
}

impl CutSetDiff {
    /// What is new, what is gone, and what changed its order.
    pub fn diff(&self) -> CutSetChanges {
        let all = |sets: &CutSets| sets.sets.iter().cloned().collect::<std::collections::BTreeSet<Vec<Event>>>();
        let (before, after) = (all(&self.before), all(&self.after));
        let in_order = |mut sets: Vec<Vec<Event>>| {
            sets.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
            sets
        };
        let added = in_order(after.difference(&before).cloned().collect());
        let removed = in_order(before.difference(&after).cloned().collect());
        let holds = |set: &[Event], of: &[Event]| of.iter().all(|event| set.contains(event));
        let mut changed = Vec::new();
        // A state that is broken already is no smaller loss; nor is a list worth comparing that nobody reads.
        if added.len().saturating_mul(removed.len()) <= COMPARED {
            for to in added.iter().filter(|set| !set.is_empty()) {
                let from = removed.iter().filter(|set| !set.is_empty()).find(|from| holds(from, to) || holds(to, from));
                changed.extend(from.map(|from| (from.clone(), to.clone())));
            }
        }
        CutSetChanges { added, removed, changed }
    }
}

/// Pairs of cut sets that are compared for a changed order.
const COMPARED: usize = 1_000_000;

/// Redundancy margin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Margin {
    /// Now.
    pub before: u32,
    /// Least at any half-done state, now included.
    pub worst_during: u32,
    /// After.
    pub after: u32,
    /// Below `alarm_below` now.
    pub alarm_before: bool,
    /// Below `alarm_below` after.
    pub alarm_after: bool,
}

/// Prices in millionths of a currency per hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CostReport {
    /// Of what exists now.
    pub before: u64,
    /// Of the target.
    pub after: u64,
    /// At the most expensive moment.
    pub peak: u64,
}

/// A rule that the target cannot keep.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Breach {
    /// Index into `Workload::survive`; `None` is the serving floor.
    pub rule: Option<usize>,
    /// What is left.
    pub value: Units,
    /// What the rule asks.
    pub floor: Units,
    /// The worst loss.
    pub worst_loss: Vec<Event>,
    /// The smallest set of lines that conflict.
    pub lines: Vec<Site>,
    /// The cheapest ways out.
    pub ways_out: Vec<WayOut>,
}

/// Something that would make it satisfiable.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WayOut {
    /// So many replicas.
    Replicas(u32),
    /// A floor of at most so many units in the line at the site; with the largest percent (millionths) that still holds.
    LowerFloor {
        /// The line.
        site: Site,
        /// The largest bound that holds, in units.
        units: Units,
        /// The same as a share of N, in millionths of a percent.
        percent: u64,
    },
    /// A cap of so many in the line at the site.
    RaiseCap {
        /// The line.
        site: Site,
        /// The domain or location.
        name: String,
        /// The number.
        to: u32,
    },
    /// A floor of a domain of so many.
    LowerMinimum {
        /// The line.
        site: Site,
        /// The domain.
        name: String,
        /// The number.
        to: u32,
    },
    /// A surge of so many.
    Surge {
        /// The line.
        site: Site,
        /// The number.
        to: u32,
    },
    /// A tolerance of so many in the line at the site.
    Tolerance {
        /// The line.
        site: Site,
        /// The number.
        to: u32,
    },
    /// A promise of growth within so much time.
    Within {
        /// The line.
        site: Site,
        /// What is promised, in units.
        floor: Units,
        /// The seconds it takes.
        within_s: u64,
    },
    /// A promise of growth of at most so much.
    LowerPromise {
        /// The line.
        site: Site,
        /// The most that growth reaches by then, in units.
        units: Units,
    },
    /// `on_shortage = "prefer"` in the line at the site.
    PreferOnShortage(Site),
    /// A spare replica's room at a place.
    SpareRoom(usize),
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Note {
    /// A domain holds less than its share for want of room.
    TolerateQuota {
        /// Index into `Workload::spread`.
        spread: usize,
        /// The domain.
        domain: String,
        /// Its share.
        share: u32,
        /// What it gets.
        gets: u32,
    },
    /// Only so many of N can be placed.
    Short {
        /// Placed.
        placed: u32,
        /// Wanted.
        wanted: u32,
    },
    /// Fewer domains than `min_domains` hold replicas.
    MinDomains {
        /// Index into `Workload::spread`.
        spread: usize,
        /// Domains with replicas.
        have: u32,
        /// Asked.
        want: u32,
    },
    /// Webster left the quota of a domain by more than one (a known trait, not a fault).
    OutsideQuota {
        /// Index into `Workload::spread`.
        spread: usize,
        /// The domain.
        domain: String,
    },
    /// The target exceeds `max_skew`.
    Skew {
        /// Index into `Workload::spread`.
        spread: usize,
        /// The parent domains' names.
        parent: Vec<String>,
    },
    /// A place is down; `straddle failover` is the next command.
    Down(usize),
    /// A place is frozen: its state is not known.
    Frozen(usize),
    /// Nothing is removed, because it would be safe only if these places, whose state is unknown, are well.
    HeldByUnknown(Vec<usize>),
    /// The number of replicas that could not be moved or replaced because something is down.
    DeferredWhileDown(u32),
    /// The same domain name stands under two parents; survive rules take it for one.
    SameNameTwice {
        /// Index into `Topology::levels`.
        level: usize,
        /// The name.
        domain: String,
    },
    /// Replicas here differ in size; places hold `rounded` units more than their share.
    RoundedUp {
        /// The place.
        place: usize,
        /// Units above the share.
        units: Units,
    },
    /// A share of no replicas: rules in percent say nothing.
    NoReplicas,
    /// One replica: any loss of its place is a loss of the workload.
    SingleReplica,
    /// So many more adds than `batch` of a failover allows in one wave.
    Waves(u32),
    /// A cut set of order 1 that no survive rule names and nobody accepted.
    SinglePointOfFailure(Event),
    /// A loss is lived with (index into `Workload::accepted`): no rule is judged on it.
    Accepted(usize),
    /// It wants room that other workloads give back only when it has made way for them: the next plan goes on.
    HeldUp,
    /// The steps begin when those of these workloads are over, which give back room that is needed here.
    Follows(Vec<String>),
}
