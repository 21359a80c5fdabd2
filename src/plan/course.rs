//! Where each location stands in its course through a loss (`spread.md` 4.6): what the evidence of this moment makes of what the state
//! remembers. The clock is an argument, and nothing here writes.

use super::evidence::Finding;
use super::make::takes;
use crate::diag::Diagnostic;
use crate::spec::{FailoverMode, Spec, WorkloadSpec};
use crate::spread::evidence::{State, breaker};
use crate::spread::machine::{Record, Said, Timers, aged, short, step};
use crate::spread::model::{Event, Health, HealthSource, Location, OperatorState, Topology};
use crate::state::{Entry, Failover, Json, Loss, Note, NoteKey, State as Remembered, Time};
use std::collections::{BTreeMap, BTreeSet};

/// A location's course.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Course {
    /// Where it stands, and since when.
    pub record: Record,
    /// What the evidence of this moment says by itself.
    pub seen: State,
    /// Every workload there wants to be told of a loss, and nothing more.
    pub alarm_only: bool,
    /// Nobody has proven it lost: the spec lets time alone say so, after so many seconds.
    pub by_time: Option<u64>,
    /// Open, to be left as it is, or to be emptied.
    pub operator: OperatorState,
    /// Whether replicas of the state stand there.
    pub holds: bool,
    /// It stood there at an earlier look, too, as the state remembers; else it was found by this one.
    pub known: bool,
}

impl Course {
    /// The state of the table: the operator's word where nothing worse is known.
    pub fn state(&self) -> State {
        match (self.record.state.is_well(), self.operator) {
            (true, OperatorState::Cordoned) => State::Cordoned,
            (true, OperatorState::Evacuated) if self.holds => State::Draining,
            (true, OperatorState::Evacuated) => State::Evacuated,
            _ => self.record.state,
        }
    }

    /// Whether what was lost there is well, so that a way back may be open.
    pub fn is_back(&self) -> bool {
        self.record.state.is_well() || matches!(self.record.state, State::Probation | State::Returning)
    }
}

/// The courses of all locations, by name.
pub type Courses = BTreeMap<String, Course>;

/// What is known beside the state: all locations, what was seen of them, who is lost on somebody's word.
#[derive(Clone, Copy, Debug)]
pub struct Sighted<'s> {
    /// Locations with the health their providers and probes give them.
    pub topology: &'s Topology,
    /// What probes led to.
    pub evidence: &'s [Finding],
    /// Locations that are lost whatever anybody sees.
    pub lost: &'s BTreeSet<String>,
    /// Locations where fewer replicas serve than stand there by the state.
    pub short: &'s BTreeSet<String>,
}

/// Where every location stands at a moment.
pub fn courses(spec: &Spec, remembered: &Remembered, sighted: Sighted<'_>, now: i64) -> Courses {
    let mut all = Courses::new();
    let mut aged_by = BTreeMap::new();
    for location in &sighted.topology.locations {
        let before = before(spec, remembered, sighted.topology, location, now);
        let here: Vec<&WorkloadSpec> = workloads_at(spec, sighted.topology, &location.name).collect();
        let detect_s = here.iter().map(|w| w.rules.failover.detect.seconds).max().unwrap_or(0);
        let too_few = sighted.short.contains(&location.name);
        let (seen, short_since) = short(&before, seen(location, &sighted), too_few, detect_s, now);
        let after_s = unknown_after(&here);
        let (by_age, unknown_since) = aged(&before, seen, after_s, now);
        let course = Course {
            record: Record { unknown_since, short_since, ..before },
            seen,
            alarm_only: !here.is_empty() && here.iter().all(|w| w.failover_mode == FailoverMode::Alarm),
            by_time: after_s.filter(|_| by_age != seen),
            operator: location.operator,
            holds: holds(remembered, &location.name),
            known: false,
        };
        aged_by.insert(location.name.clone(), by_age);
        all.insert(location.name.clone(), course);
    }
    if held(spec, sighted.topology, &all, &aged_by) {
        // More is silent at once than the rules speak of: the observer may be wrong, and time says nothing.
        all.values_mut().for_each(|course| course.by_time = None);
    }
    for (name, course) in &mut all {
        let seen = if course.by_time.is_some() { State::Down } else { course.seen };
        let timers = timers(spec, sighted.topology, name);
        course.record = step(&course.record, timers, seen, Said::Nothing, now);
        course.known = record(remembered, name).is_some_and(|r| r.state == course.record.state);
    }
    all
}

/// The courses as a plan keeps them: what this look has found has no time yet, so that one input makes one plan (INV-1).
pub fn timeless(courses: &Courses) -> Courses {
    let of = |course: &Course| match course.known {
        true => *course,
        false => Course {
            record: Record {
                since: 0,
                left: None,
                good_since: None,
                unknown_since: None,
                short_since: None,
                ..course.record
            },
            ..*course
        },
    };
    courses.iter().map(|(name, course)| (name.clone(), of(course))).collect()
}

/// Gives locations the health their courses have: on trial and returning where a failover is in force, down by time where the spec says so.
pub fn correct(courses: &Courses, topology: &mut Topology) {
    for location in &mut topology.locations {
        let Some(course) = courses.get(&location.name) else { continue };
        match course.record.state {
            state @ (State::Probation | State::Returning) => location.health = state.health(),
            State::Down if course.by_time.is_some() => {
                location.health = Health::Down;
                location.health_source = HealthSource::Reported;
            }
            State::Degraded if location.health == Health::Healthy => location.health = Health::Degraded,
            _ => {}
        }
    }
}

/// What the state is to remember, where it is news.
pub fn entries(remembered: &Remembered, courses: &Courses, now: i64) -> Vec<Entry> {
    let news = courses.iter().filter(|(name, course)| match record(remembered, name) {
        None => course.record != Record::well(now),
        Some(before) => before != course.record,
    });
    news.filter_map(|(name, course)| note(name, &course.record, now)).collect()
}

/// A record as the state keeps it.
pub fn note(location: &str, record: &Record, now: i64) -> Option<Entry> {
    let value = Json::new(&serde_json::to_string(record).ok()?).ok()?;
    Some(Entry::Note { key: key(location), note: Some(Note { at: Time(now), value }) })
}

/// What is remembered of a location.
pub fn record(remembered: &Remembered, location: &str) -> Option<Record> {
    let note = remembered.notes.get(&key(location))?;
    serde_json::from_str(note.value.as_str()).ok()
}

/// Where it is remembered.
pub fn key(location: &str) -> NoteKey {
    NoteKey { kind: "course".into(), subject: location.into() }
}

/// Locations become something by what somebody did: `named` are lost on a word, failed over, returning, or returned.
pub fn said(courses: &Courses, named: &BTreeSet<String>, seen: State, said: Said, now: i64) -> Vec<Entry> {
    // A person's word stands before timers; they have been shown.
    let timers = Timers { stable_for_s: 0, hold_s: 0 };
    let of = courses.iter().filter(|(name, _)| named.contains(*name));
    of.filter_map(|(name, course)| note(name, &step(&course.record, timers, seen, said, now), now)).collect()
}

/// What is remembered of locations whose failback is over: they are well, and what came before is kept in mind.
pub fn returned(courses: &Courses, named: &BTreeSet<String>, now: i64) -> Vec<Entry> {
    let of = courses.iter().filter(|(name, _)| named.contains(*name));
    of.filter_map(|(name, course)| {
        let back = Record { state: State::Returning, ..course.record };
        note(name, &step(&back, Timers { stable_for_s: 0, hold_s: 0 }, State::Healthy, Said::Returned, now), now)
    })
    .collect()
}

/// What is remembered of locations whose failback has failed: they stay failed over, and the next trial is longer.
pub fn set_back(remembered: &Remembered, named: &BTreeSet<String>, now: i64) -> Vec<Entry> {
    let of = named.iter().filter_map(|name| record(remembered, name).map(|r| (name, r)));
    of.filter_map(|(name, before)| {
        let back = Record { state: State::Returning, ..before };
        note(name, &step(&back, Timers { stable_for_s: 0, hold_s: 0 }, State::Suspect, Said::Nothing, now), now)
    })
    .collect()
}

/// What is remembered when everything is done that failovers in force ask for: their locations are failed over.
pub fn completed(spec: &Spec, remembered: &Remembered, topology: &Topology, now: i64) -> Vec<Entry> {
    let mut found = Vec::new();
    for location in &topology.locations {
        if in_force(spec, remembered, topology, location).is_none() {
            continue;
        }
        let before = record(remembered, &location.name).unwrap_or_else(|| Record::well(now));
        if matches!(before.state, State::FailedOver | State::Probation | State::Returning) {
            continue;
        }
        let timers = timers(spec, topology, &location.name);
        let over = step(&before, timers, State::Down, Said::FailedOver, now);
        found.extend(note(&location.name, &over, now));
    }
    found
}

/// The locations that a loss takes, by name.
pub fn taken(spec: &Spec, topology: &Topology, loss: &Loss) -> BTreeSet<String> {
    let events: Vec<Event> = loss.0.iter().filter_map(|name| spec.event(name)).collect();
    let gone = topology.locations.iter().filter(|l| events.iter().any(|e| takes(topology, l, e)));
    gone.map(|l| l.name.clone()).collect()
}

/// Whether everything that a loss took is well again.
pub fn is_back(spec: &Spec, topology: &Topology, courses: &Courses, loss: &Loss) -> bool {
    taken(spec, topology, loss).iter().all(|name| courses.get(name).is_some_and(Course::is_back))
}

/// What the spec lets time alone decide: to be said in every plan.
pub fn by_time_alone(spec: &Spec) -> Vec<Diagnostic> {
    let of = |w: &&WorkloadSpec| w.watching.unknown_after_s.is_some();
    let said = spec.workloads.iter().filter(of).map(|w| {
        Diagnostic::warning(
            "A location may be DOWN by time alone",
            format!(
                "Workload \"{}\" has unknown_after = \"{}s\": a location of which nobody has heard for so long counts as DOWN, though nobody has proven it.",
                w.rules.name,
                w.watching.unknown_after_s.unwrap_or_default()
            ),
        )
        .help("Without it (or with \"never\") only evidence or a person's word makes a loss.")
    });
    said.collect()
}

/// The longest waits of the workloads at a location.
pub fn timers(spec: &Spec, topology: &Topology, location: &str) -> Timers {
    let longest = |of: fn(&WorkloadSpec) -> u64| workloads_at(spec, topology, location).map(of).max().unwrap_or(0);
    Timers { stable_for_s: longest(|w| w.stable_for_s), hold_s: longest(|w| w.hold_s) }
}

fn workloads_at<'s>(
    spec: &'s Spec,
    topology: &'s Topology,
    location: &'s str,
) -> impl Iterator<Item = &'s WorkloadSpec> {
    let stands = move |w: &&WorkloadSpec| {
        w.rules.places.iter().any(|p| topology.locations.get(p.location).is_some_and(|l| l.name == location))
    };
    spec.workloads.iter().filter(stands)
}

/// Time speaks only where every workload lets it, and as late as the last of them says.
fn unknown_after(here: &[&WorkloadSpec]) -> Option<u64> {
    let all: Option<Vec<u64>> = here.iter().map(|w| w.watching.unknown_after_s).collect();
    all?.into_iter().max()
}

/// The record as it was, brought in line with the failovers in force: one may have ended, or have come from elsewhere.
fn before(spec: &Spec, remembered: &Remembered, topology: &Topology, location: &Location, now: i64) -> Record {
    let over = in_force(spec, remembered, topology, location);
    let on_the_way = |state| matches!(state, State::FailedOver | State::Probation | State::Returning);
    match (record(remembered, &location.name), over) {
        (Some(before), Some(_)) => before,
        (Some(before), None) if on_the_way(before.state) => Record { state: State::Healthy, since: now, ..before },
        (Some(before), None) => before,
        (None, Some(over)) => Record {
            state: State::FailedOver,
            since: over.since.0,
            failed_over: Some(over.since.0),
            good_since: None,
            ..Record::well(now)
        },
        (None, None) => Record::well(now),
    }
}

fn in_force<'s>(
    spec: &Spec,
    remembered: &'s Remembered,
    topology: &Topology,
    location: &Location,
) -> Option<&'s Failover> {
    let takes_it =
        |loss: &Loss| loss.0.iter().filter_map(|name| spec.event(name)).any(|event| takes(topology, location, &event));
    remembered.failovers.iter().find(|(loss, _)| takes_it(loss)).map(|(_, failover)| failover)
}

fn seen(location: &Location, sighted: &Sighted<'_>) -> State {
    if sighted.lost.contains(&location.name) {
        return State::Down;
    }
    if let Some(finding) = sighted.evidence.iter().find(|f| f.location == location.name) {
        return finding.state;
    }
    match location.health {
        Health::Healthy | Health::Returning | Health::Probation => State::Healthy,
        Health::Degraded => State::Degraded,
        Health::Suspect => State::Suspect,
        Health::Unknown => State::Unknown,
        Health::ControlLost => State::ControlLost,
        Health::Down => State::Down,
    }
}

/// The breaker, on what time would add to what is lost.
fn held(spec: &Spec, topology: &Topology, all: &Courses, aged: &BTreeMap<String, State>) -> bool {
    let gone = |name: &str| {
        let over = all.get(name).is_some_and(|c| c.record.state == State::FailedOver);
        !over && matches!(aged.get(name), Some(State::Down | State::Unknown))
    };
    let lost = topology.locations.iter().enumerate().filter(|(_, l)| gone(&l.name)).map(|(i, _)| i).collect();
    let most = spec.workloads.iter().filter_map(|w| w.watching.max_simultaneous_down).max();
    breaker(topology, spec.workloads.iter().map(|w| &w.rules), most, &lost)
}

/// Whether the state has replicas at a location.
fn holds(remembered: &Remembered, location: &str) -> bool {
    remembered.current().any(|(address, _)| {
        let key = super::sequence::replica(address).map(|(_, key)| super::placement::split_key(key).0);
        key == Some(location)
    })
}
