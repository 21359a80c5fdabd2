//! What is known of a location, and what may rest on it: provider's word, probes and operator's word are kept apart, and each state
//! says what it allows (`spread.md` 4.6). Pure: whoever looks brings what was seen.

use super::model::{Health, Location, LossOf, Topology, Workload};
use std::collections::BTreeSet;

/// More vantage points than this are not searched exactly: a greedy choice, never too many, takes the place of the largest.
const EXACT: usize = 16;

/// Where somebody looks from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vantage {
    /// The machine that looks: two vantage points on one machine are one.
    pub machine: String,
    /// Everything it falls with: risks and what they depend on in turn.
    pub shares: BTreeSet<usize>,
}

impl Vantage {
    /// Whether one failure could fool both.
    fn falls_with(&self, other: &Vantage) -> bool {
        self.machine == other.machine || !self.shares.is_disjoint(&other.shares)
    }
}

/// What one vantage point saw of a location in one window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub enum Sight {
    /// Everything it asked there answered as it should.
    Pass,
    /// Some did, some did not: the location is there.
    Mixed,
    /// Nothing did.
    Fail,
    /// It could not be asked, or its answer came too late: no evidence at all.
    Missing,
}

/// The provider's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// It reports the location well.
    Answers,
    /// It does not report on locations; its calls succeed.
    Assumed,
    /// It reports the location impaired.
    Impaired,
    /// It reports the location down.
    SaysDown,
    /// Nobody can be asked.
    Unreachable,
}

/// What is known of one location.
#[derive(Clone, Debug)]
pub struct Evidence<'e> {
    /// The provider's word.
    pub control: Control,
    /// Oldest first; each parallel to the vantage points. Empty: nothing is probed there.
    pub windows: &'e [Vec<Sight>],
    /// What probes of the front door saw; they tell nothing of one location.
    pub front_door: Option<Sight>,
    /// A person says it is lost.
    pub operator_says_lost: bool,
    /// More is lost than the rules allow, so the observer may be wrong: nothing is done on evidence.
    pub held: bool,
}

/// When evidence counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demands {
    /// Vantage points that must see the failure, no two of which share a risk.
    pub quorum: usize,
    /// Windows in a row in which they must.
    pub confirm: usize,
}

/// The states of `spread.md` 4.6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All is well.
    Healthy,
    /// Fewer ready than wanted.
    Degraded,
    /// Probes fail, and it is not proven.
    Suspect,
    /// Nobody can tell.
    Unknown,
    /// It serves, and nothing can be changed there.
    ControlLost,
    /// Proven lost.
    Down,
    /// Lost, and served from elsewhere.
    FailedOver,
    /// Well again, on trial.
    Probation,
    /// Being filled again.
    Returning,
    /// The operator wants nothing new here.
    Cordoned,
    /// The operator is emptying it.
    Draining,
    /// The operator has emptied it.
    Evacuated,
}

/// What may be done in a location.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// New replicas.
    pub add: bool,
    /// Replicas exchanged for others.
    pub replace: bool,
    /// Replicas taken away.
    pub remove: bool,
    /// Its replicas are looked at.
    pub checks: bool,
    /// One replica to try it with.
    pub canary: bool,
}

/// What others may count on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reliance {
    /// All of it.
    Everything,
    /// Replicas that are ready.
    Ready,
    /// Replicas a probe of their own has confirmed; no growth.
    Confirmed,
    /// Replicas that are there, until they are drained.
    UntilDrained,
    /// Nothing.
    Nothing,
}

/// What replicas there are, as far as anybody knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// Ready.
    pub ready: u32,
    /// Confirmed by a probe of their own.
    pub confirmed: u32,
    /// As last known, those in flight included.
    pub last_known: u32,
}

impl State {
    /// At least and at most so many serve.
    pub fn bounds(self, counted: Counted) -> (u32, u32) {
        let Counted { ready, confirmed, last_known } = counted;
        match self {
            State::Healthy | State::Degraded | State::Returning => (ready, ready),
            State::Cordoned | State::Draining | State::Evacuated => (ready, ready),
            State::ControlLost => (confirmed.min(last_known), last_known),
            State::Suspect | State::Probation => (0, ready.max(confirmed)),
            State::Unknown | State::Down | State::FailedOver => (0, last_known),
        }
    }

    /// What may be done there.
    pub fn allowed(self) -> Allowed {
        let none = Allowed::default();
        match self {
            State::Healthy => Allowed { add: true, replace: true, remove: true, checks: true, canary: true },
            State::Degraded => Allowed { add: true, replace: true, checks: true, ..none },
            State::Returning => Allowed { add: true, checks: true, ..none },
            State::Probation => Allowed { checks: true, canary: true, ..none },
            State::Cordoned => Allowed { replace: true, remove: true, checks: true, ..none },
            State::Draining | State::Evacuated => Allowed { remove: true, checks: true, ..none },
            State::Suspect | State::Unknown | State::ControlLost | State::Down | State::FailedOver => none,
        }
    }

    /// Who may rely on it.
    pub fn reliance(self) -> Reliance {
        match self {
            State::Healthy => Reliance::Everything,
            State::Degraded | State::Returning => Reliance::Ready,
            State::ControlLost => Reliance::Confirmed,
            State::Cordoned | State::Draining => Reliance::UntilDrained,
            State::Evacuated => Reliance::Nothing,
            State::Suspect | State::Unknown | State::Down | State::FailedOver | State::Probation => Reliance::Nothing,
        }
    }

    /// What the planner calls it. A location that is failed over is kept out by the failover itself.
    pub fn health(self) -> Health {
        match self {
            State::Healthy | State::Cordoned | State::Draining | State::Evacuated => Health::Healthy,
            State::Degraded => Health::Degraded,
            State::Suspect => Health::Suspect,
            State::Unknown => Health::Unknown,
            State::ControlLost => Health::ControlLost,
            State::Down | State::FailedOver => Health::Down,
            State::Probation => Health::Probation,
            State::Returning => Health::Returning,
        }
    }

    /// Well enough to be used.
    pub fn is_well(self) -> bool {
        matches!(self, State::Healthy | State::Degraded)
    }
}

/// The state evidence leads to, and what it rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The state.
    pub state: State,
    /// Probes prove a failure; what is missing is the provider's word or a person's.
    pub ripe: bool,
    /// It would be down if more were not lost than the rules allow.
    pub held: bool,
    /// Vantage points that see it fail and share nothing with each other.
    pub against: usize,
    /// Vantage points that see it well and share nothing with each other.
    pub in_favour: usize,
}

/// Judges a location by what is known of it now. Time by itself never makes anything of it.
pub fn judge(vantages: &[Vantage], demands: Demands, evidence: &Evidence<'_>) -> Judged {
    let none = Judged { state: State::Healthy, ripe: false, held: false, against: 0, in_favour: 0 };
    let told = |state| Judged { state, ..none };
    let last = evidence.windows.last().filter(|seen| seen.iter().any(|s| *s != Sight::Missing));
    let judged = match last {
        None => told(unprobed(evidence)),
        Some(last) => {
            let pick = |wanted: &dyn Fn(Sight) -> bool| -> Vec<usize> {
                (0..last.len()).filter(|v| wanted(last[*v])).collect()
            };
            let failing = pick(&|s| s == Sight::Fail);
            let passing = pick(&|s| matches!(s, Sight::Pass | Sight::Mixed));
            let confirmed: Vec<usize> =
                failing.iter().copied().filter(|v| run(evidence.windows, *v) >= demands.confirm.max(1)).collect();
            let (against, in_favour) = (independent(vantages, &confirmed), independent(vantages, &passing));
            let proven = against >= demands.quorum.max(1) && against > in_favour;
            let (state, ripe, held) = probed(evidence, failing.is_empty(), passing.is_empty(), proven);
            Judged { state, ripe, held, against, in_favour }
        }
    };
    match evidence.operator_says_lost {
        true => Judged { state: State::Down, held: false, ..judged },
        false => judged,
    }
}

/// Without any probe of the location itself.
fn unprobed(evidence: &Evidence<'_>) -> State {
    // Whoever declares probes wants more than one word for a loss.
    let declared = !evidence.windows.is_empty();
    match evidence.control {
        Control::SaysDown if declared => State::Suspect,
        Control::SaysDown => State::Down,
        Control::Unreachable if evidence.front_door == Some(Sight::Pass) => State::ControlLost,
        Control::Unreachable => State::Unknown,
        Control::Impaired => State::Degraded,
        Control::Answers | Control::Assumed => State::Healthy,
    }
}

/// The state, whether probes prove a failure that nobody else has confirmed, and whether the breaker alone keeps it from being down.
fn probed(evidence: &Evidence<'_>, none_fails: bool, none_passes: bool, proven: bool) -> (State, bool, bool) {
    let unreachable = evidence.control == Control::Unreachable;
    if none_fails {
        let state = match evidence.control {
            Control::Answers | Control::Assumed => State::Healthy,
            Control::Impaired => State::Degraded,
            // One word against another.
            Control::SaysDown => State::Suspect,
            Control::Unreachable => State::ControlLost,
        };
        return (state, false, false);
    }
    match (proven, evidence.control) {
        (true, Control::SaysDown) if evidence.held => (State::Suspect, false, true),
        (true, Control::SaysDown) => (State::Down, false, false),
        (true, _) => (State::Suspect, true, false),
        (false, _) if unreachable && !none_passes => (State::Unknown, false, false),
        (false, _) => (State::Suspect, false, false),
    }
}

/// In how many windows up to the last one a vantage point has seen nothing but failure. A window without its answer breaks the row.
fn run(windows: &[Vec<Sight>], vantage: usize) -> usize {
    windows.iter().rev().take_while(|seen| seen.get(vantage) == Some(&Sight::Fail)).count()
}

/// The size of the largest set of these of which no two share a risk or a machine.
pub fn independent(vantages: &[Vantage], of: &[usize]) -> usize {
    let known: Vec<&Vantage> = of.iter().filter_map(|v| vantages.get(*v)).collect();
    if known.len() > EXACT {
        return greedy(&known);
    }
    largest(&known, &mut Vec::new())
}

fn largest<'v>(left: &[&'v Vantage], chosen: &mut Vec<&'v Vantage>) -> usize {
    let Some((first, rest)) = left.split_first() else { return chosen.len() };
    let without = largest(rest, chosen);
    if chosen.iter().any(|c| c.falls_with(first)) {
        return without;
    }
    chosen.push(first);
    let with = largest(rest, chosen);
    chosen.pop();
    with.max(without)
}

/// A set in which no two share anything; not always the largest.
fn greedy(vantages: &[&Vantage]) -> usize {
    let mut chosen: Vec<&Vantage> = Vec::new();
    for vantage in vantages {
        if !chosen.iter().any(|c| c.falls_with(vantage)) {
            chosen.push(vantage);
        }
    }
    chosen.len()
}

/// Whether more locations look lost at once than the rules speak of: then either the rules are too small for what happened, or the
/// observer is wrong, and a person has to say which. `most`: how many domains of a level at once, where the spec says so.
pub fn breaker<'w>(
    topology: &Topology,
    workloads: impl Iterator<Item = &'w Workload>,
    most: Option<u32>,
    lost: &BTreeSet<usize>,
) -> bool {
    if lost.len() <= 1 && most.is_none() {
        return false;
    }
    if lost.is_empty() {
        return false;
    }
    if let Some(most) = most {
        let innermost = topology.levels.last().map_or("", String::as_str);
        return covers(topology, &LossOf::Level(innermost.to_string()), lost).is_none_or(|n| n > most as usize);
    }
    !workloads
        .flat_map(|w| &w.survive)
        .any(|rule| covers(topology, &rule.of, lost).is_some_and(|n| n <= rule.losses as usize))
}

/// The least number of domains of a level, or risks of a kind, that together take all these locations; `None` when nothing does.
fn covers(topology: &Topology, of: &LossOf, lost: &BTreeSet<usize>) -> Option<usize> {
    match of {
        LossOf::Level(level) => {
            let domains: Option<BTreeSet<&String>> =
                lost.iter().map(|l| topology.locations.get(*l)?.domains.get(level)).collect();
            domains.map(|d| d.len())
        }
        LossOf::Kind(kind) => {
            let of_kind: Vec<usize> = (0..topology.risks.len()).filter(|r| topology.risks[*r].kind == *kind).collect();
            let takes = |r: usize| -> BTreeSet<usize> {
                lost.iter().copied().filter(|l| closure(topology, &topology.locations[*l]).contains(&r)).collect()
            };
            // Greedy: never fewer than needed, so that the breaker errs towards a person.
            let mut left = lost.clone();
            let mut used = 0;
            while !left.is_empty() {
                let best = of_kind.iter().map(|r| takes(*r)).max_by_key(|t| t.intersection(&left).count())?;
                if best.is_disjoint(&left) {
                    return None;
                }
                left = left.difference(&best).copied().collect();
                used += 1;
            }
            Some(used)
        }
    }
}

fn closure(topology: &Topology, location: &Location) -> BTreeSet<usize> {
    falls_with(topology, &location.shares)
}

/// These risks, and what they depend on in turn.
pub fn falls_with(topology: &Topology, risks: &[usize]) -> BTreeSet<usize> {
    let mut pending = risks.to_vec();
    let mut all = BTreeSet::new();
    while let Some(risk) = pending.pop() {
        if all.insert(risk) {
            pending.extend(topology.risks.get(risk).map_or(&[][..], |r| &r.depends_on));
        }
    }
    all
}
