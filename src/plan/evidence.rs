//! What is known of each location that probes look at: provider's word, probes and operator kept apart, and the state they lead to.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::course::record;
use super::placement::LocationFact;
use super::probes::{About, Saw, Seen, merged, sights};
use crate::spec::Spec;
use crate::spec::probes::machine;
use crate::spread::evidence::{Control, Demands, Evidence, Judged, Sight, State, Vantage, breaker, falls_with, judge};
use crate::spread::model::{Health, HealthSource};
use crate::state::State as Remembered;
use std::collections::{BTreeMap, BTreeSet};

/// Locations that stopped being well within this time count together for the breaker, in seconds.
const BREAKER_WINDOW_S: u64 = 600;

/// One location, and what its state rests on.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    pub location: String,
    pub state: State,
    /// Probes prove a failure that neither the provider nor a person has confirmed.
    pub ripe: bool,
    /// More is lost than the rules allow: nothing is believed without a person.
    pub held: bool,
    /// What the provider says, as a word.
    pub provider: String,
    /// The probe that decided.
    pub probe: String,
    /// What each of its vantage points saw in the last window.
    pub sights: Vec<(String, Sight)>,
    /// Vantage points that see it fail and share nothing, and how many are wanted.
    pub against: usize,
    pub quorum: usize,
    /// Windows looked at, and how many in a row must fail.
    pub windows: usize,
    pub confirm: usize,
}

/// The windows of one look, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Windows(pub Vec<Seen>);

impl Windows {
    /// Whether another window could tell more: something is seen to fail, and neither as often as wanted nor for the last time.
    pub fn wants_more(&self, spec: &Spec) -> Option<u64> {
        let last = self.0.last()?;
        let mut wait = None;
        for ((probe, _), seen) in sights(spec, last) {
            let probe = &spec.probes[probe];
            if seen.contains(&Sight::Fail) && self.0.len() < probe.windows as usize {
                wait = Some(wait.unwrap_or(0).max(probe.interval_s));
            }
        }
        wait
    }
}

/// The vantage points of a probe; one that names none looks from this machine.
fn vantages(spec: &Spec, probe: usize) -> (Vec<Vantage>, Vec<String>) {
    let from = &spec.probes[probe].from;
    if from.is_empty() {
        let here = Vantage { machine: "this machine".into(), shares: BTreeSet::new() };
        return (vec![here], vec!["here".into()]);
    }
    let named = from.iter().map(|v| &spec.vantages[*v]);
    named
        .map(|v| {
            let vantage = Vantage { machine: machine(v), shares: falls_with(&spec.topology, &v.shares) };
            (vantage, v.name.to_string())
        })
        .unzip()
}

/// What a location's provider says.
fn control(fact: Option<&LocationFact>) -> Control {
    match fact.map(|f| (f.health, f.source)) {
        None | Some((Health::Healthy, HealthSource::Assumed)) => Control::Assumed,
        Some((Health::Healthy | Health::Returning | Health::Probation, HealthSource::Reported)) => Control::Answers,
        Some((Health::Degraded | Health::Suspect, _)) => Control::Impaired,
        Some((Health::Down, _)) => Control::SaysDown,
        Some((Health::Unknown | Health::ControlLost, _)) => Control::Unreachable,
        Some((Health::Returning | Health::Probation, HealthSource::Assumed)) => Control::Assumed,
    }
}

fn word(control: Control) -> &'static str {
    match control {
        Control::Answers => "answers, reports it well",
        Control::Assumed => "does not report on locations",
        Control::Impaired => "reports it impaired",
        Control::SaysDown => "reports it down",
        Control::Unreachable => "does not answer",
    }
}

/// Judges every location that a probe tells of, and corrects what providers said of it. `now`: milliseconds.
pub fn judged(
    spec: &Spec,
    windows: &Windows,
    facts: &mut BTreeMap<String, LocationFact>,
    remembered: &Remembered,
    now: i64,
) -> Vec<Finding> {
    let looked = by_location(spec, windows);
    let front = front_doors(spec, windows);
    let judge_all = |held: bool| -> Vec<(usize, Option<usize>, Judged)> {
        let mut all = Vec::new();
        for (index, location) in spec.topology.locations.iter().enumerate() {
            let control = control(facts.get(&location.name));
            let mine = looked.iter().filter(|((_, name), _)| *name == location.name);
            let judged = mine.map(|((probe, _), windows)| {
                let demands = demands(spec, *probe);
                let evidence = Evidence {
                    control,
                    windows,
                    front_door: front.get(index).copied().flatten(),
                    operator_says_lost: false,
                    held,
                };
                (index, Some(*probe), judge(&vantages(spec, *probe).0, demands, &evidence))
            });
            let worst = judged.max_by_key(|(_, _, j)| (rank(j.state), j.against));
            let fallback = || {
                // Only a front door looks at it, if anything does.
                let front_door = front.get(index).copied().flatten()?;
                let evidence =
                    Evidence { control, windows: &[], front_door: Some(front_door), operator_says_lost: false, held };
                Some((index, None, judge(&[], Demands { quorum: 1, confirm: 1 }, &evidence)))
            };
            all.extend(worst.or_else(fallback));
        }
        all
    };
    let mut all = judge_all(false);
    if is_held(spec, remembered, &all, now) {
        all = judge_all(true);
    }
    all.into_iter().map(|(index, probe, judged)| finding(spec, index, probe, judged, windows, facts)).collect()
}

/// The breaker: more than the rules speak of stopped being well within one window, and has not become well since.
fn is_held(spec: &Spec, remembered: &Remembered, all: &[(usize, Option<usize>, Judged)], now: i64) -> bool {
    let within = |left: i64, until: i64| crate::spread::machine::seconds(left, until) < BREAKER_WINDOW_S;
    let ill: Vec<(usize, i64)> = all
        .iter()
        .filter_map(|(index, _, judged)| {
            let before = record(remembered, &spec.topology.locations[*index].name).filter(|r| !r.state.is_well());
            // What is lost on a person's word alone never stopped being well by evidence.
            let left = before.map_or(Some(now), |r| r.left)?;
            let lost = judged.ripe || matches!(judged.state, State::Down | State::Unknown);
            let lately = before.is_some() && within(left, now);
            let counts = lost || (lately && !judged.state.is_well() && judged.state != State::ControlLost);
            counts.then_some((*index, left))
        })
        .collect();
    let most = spec.workloads.iter().filter_map(|w| w.watching.max_simultaneous_down).max();
    ill.iter().any(|(_, until)| {
        let together = ill.iter().filter(|(_, left)| left <= until && within(*left, *until)).map(|(i, _)| *i).collect();
        breaker(&spec.topology, spec.workloads.iter().map(|w| &w.rules), most, &together)
    })
}

fn finding(
    spec: &Spec,
    index: usize,
    probe: Option<usize>,
    judged: Judged,
    windows: &Windows,
    facts: &mut BTreeMap<String, LocationFact>,
) -> Finding {
    let location = spec.topology.locations[index].name.clone();
    let said = control(facts.get(&location));
    let names = probe.map(|p| vantages(spec, p).1).unwrap_or_default();
    let last = probe.and_then(|p| sights(spec, windows.0.last()?).remove(&(p, location.clone()))).unwrap_or_default();
    let fact = facts.entry(location.clone()).or_insert(LocationFact {
        health: Health::Healthy,
        source: HealthSource::Assumed,
        capacity: None,
    });
    fact.health = judged.state.health();
    // Probes that have answered are somebody's word; a silence is nobody's.
    if last.iter().any(|s| *s != Sight::Missing) {
        fact.source = HealthSource::Reported;
    }
    Finding {
        location,
        state: judged.state,
        ripe: judged.ripe,
        held: judged.held,
        provider: word(said).into(),
        probe: probe.map_or_else(String::new, |p| spec.probes[p].name.to_string()),
        sights: names.into_iter().zip(last).collect(),
        against: judged.against,
        quorum: probe.map_or(0, |p| spec.probes[p].quorum as usize),
        windows: windows.0.len(),
        confirm: probe.map_or(0, |p| spec.probes[p].confirm as usize),
    }
}

fn demands(spec: &Spec, probe: usize) -> Demands {
    let probe = &spec.probes[probe];
    Demands { quorum: probe.quorum as usize, confirm: probe.confirm as usize }
}

/// The worse of two states of one location, told by two probes.
fn rank(state: State) -> u8 {
    match state {
        State::Healthy | State::Cordoned | State::Draining | State::Evacuated => 0,
        State::Degraded | State::Returning => 1,
        State::ControlLost => 2,
        State::Probation => 3,
        State::Unknown => 4,
        State::Suspect => 5,
        State::Down | State::FailedOver => 6,
    }
}

/// For each probe and location what its vantage points saw, window by window.
fn by_location(spec: &Spec, windows: &Windows) -> BTreeMap<(usize, String), Vec<Vec<Sight>>> {
    let mut all: BTreeMap<(usize, String), Vec<Vec<Sight>>> = BTreeMap::new();
    for seen in &windows.0 {
        for (key, sights) in sights(spec, seen) {
            all.entry(key).or_default().push(sights);
        }
    }
    all
}

/// What front doors of the workloads in each location say, if there are any.
fn front_doors(spec: &Spec, windows: &Windows) -> Vec<Option<Sight>> {
    let Some(last) = windows.0.last() else { return Vec::new() };
    let of_workload = |name: &str| -> Option<Sight> {
        let doors = last.iter().filter(|((probe, about), _)| {
            *about == About::FrontDoor && spec.probes[*probe].workloads.iter().any(|w| **w == *name)
        });
        let saw: Vec<Saw> = doors.flat_map(|(_, saw)| saw.iter().copied()).collect();
        (!saw.is_empty()).then(|| merged(saw.into_iter()))
    };
    let doors: Vec<Option<Sight>> = spec.workloads.iter().map(|w| of_workload(&w.rules.name)).collect();
    (0..spec.topology.locations.len())
        .map(|location| {
            let here = spec
                .workloads
                .iter()
                .zip(&doors)
                .filter(|(w, _)| w.rules.places.iter().any(|p| p.location == location));
            let seen: Vec<Sight> = here.filter_map(|(_, door)| *door).collect();
            match seen.as_slice() {
                [] => None,
                all if all.iter().all(|s| *s == Sight::Pass) => Some(Sight::Pass),
                all => all.iter().copied().max(),
            }
        })
        .collect()
}
