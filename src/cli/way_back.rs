//! The way back from a failover: whether it is open, since when what was lost has been well, and what a failed return costs.

use crate::plan::make::{is_back, takes};
use crate::report::words::{duration, health};
use crate::spec::Spec;
use crate::spread::machine;
use crate::spread::model::{Event, Topology};
use crate::state::{
    Entry, Failover, Json, LockRequest, Loss, Note, NoteKey, RunBegin, RunEnd, RunOutcome, State, StateError, Store,
    Time, now,
};
use std::collections::BTreeSet;

/// What stands between a failover and the way back.
pub struct WayBack {
    /// The failovers that can be ended now.
    pub open: BTreeSet<Loss>,
    /// The same for people.
    pub text: String,
}

/// Judges every failover in force at a moment.
pub fn way_back(spec: &Spec, state: &State, topology: &Topology, now: Time) -> WayBack {
    let mut way = WayBack { open: BTreeSet::new(), text: String::new() };
    if state.failovers.is_empty() {
        way.text.push_str("No failover is in force: nothing to go back from.");
        return way;
    }
    for (loss, failover) in &state.failovers {
        way.text.push_str(&format!("{loss}  failed over since {}, by {}\n", failover.since, failover.by));
        let events: Vec<Event> = loss.0.iter().filter_map(|name| spec.event(name)).collect();
        for location in topology.locations.iter().filter(|l| events.iter().any(|e| takes(topology, l, e))) {
            let says = health(location.health, location.health_source);
            way.text.push_str(&format!("  {} {says}\n", location.name));
        }
        way.text.push_str(&timers(spec, failover, now));
        if is_back(spec, topology, loss) {
            way.open.insert(loss.clone());
        }
    }
    let closed = state.failovers.len() - way.open.len();
    way.text.push_str(&match (way.open.len(), closed) {
        (_, 0) => "The way back is open:  straddle failback".to_string(),
        (0, _) => "The way back is not open: what was lost is not healthy again. Nothing was changed.".to_string(),
        _ => {
            let open: Vec<String> = way.open.iter().map(ToString::to_string).collect();
            format!("The way back is open from {}; the rest stays failed over:  straddle failback", open.join(", "))
        }
    });
    way
}

/// What the state is to remember of what is seen now: since when what was lost is well, and that it was well and is not any more.
pub fn seen(spec: &Spec, state: &State, topology: &Topology, now: Time) -> Vec<(Loss, Failover)> {
    let changed = |(loss, failover): (&Loss, &Failover)| {
        let after = match (is_back(spec, topology, loss), failover.good_since) {
            (true, None) => Failover { good_since: Some(now), ..failover.clone() },
            (false, Some(_)) => set_back(failover, now),
            _ => return None,
        };
        Some((loss.clone(), after))
    };
    state.failovers.iter().filter_map(changed).collect()
}

/// A return that failed, on trial or on the way.
pub fn set_back(failover: &Failover, now: Time) -> Failover {
    let setbacks = setbacks(failover, now).saturating_add(1);
    Failover { good_since: None, setbacks, ..failover.clone() }
}

/// Writes down what was seen: a run of its own, since nothing else may come of the command.
pub fn record(store: &Store, seen: &[(Loss, Failover)], evidence: Vec<Entry>) -> Result<(), StateError> {
    if seen.is_empty() && evidence.is_empty() {
        return Ok(());
    }
    let request = LockRequest::here("watch");
    let who = format!("{}@{}", request.who, request.host);
    let begin = Entry::RunBegin(RunBegin { who, command: "watch".into(), plan: None });
    let end = Entry::RunEnd(RunEnd { outcome: RunOutcome::Done });
    let entry =
        |(loss, failover): &(Loss, Failover)| Entry::Failover { loss: loss.clone(), failover: failover.clone() };
    store.record(now(), [begin].into_iter().chain(seen.iter().map(entry)).chain(evidence).chain([end]))?;
    Ok(())
}

fn setbacks(failover: &Failover, now: Time) -> u32 {
    machine::setbacks(failover.setbacks, failover.good_since.map(|t| t.0), now.0)
}

/// Setbacks a new failover begins with: a loss soon after a return is a return that failed.
pub fn earlier_setbacks(state: &State, loss: &Loss, now: Time) -> u32 {
    let note = state.notes.get(&returned_key(loss));
    let returned = note.and_then(|n| Some((n.at, serde_json::from_str::<Returned>(n.value.as_str()).ok()?)));
    match returned {
        Some((at, returned)) if machine::seconds(at.0, now.0) < machine::FORGIVEN_S => {
            returned.setbacks.saturating_add(1)
        }
        _ => 0,
    }
}

/// What is remembered of a failover that is over.
pub fn returned(loss: &Loss, failover: &Failover, now: Time) -> Option<Entry> {
    let value = serde_json::to_string(&Returned { setbacks: setbacks(failover, now) }).ok()?;
    let note = Note { at: now, value: Json::new(&value).ok()? };
    Some(Entry::Note { key: returned_key(loss), note: Some(note) })
}

fn returned_key(loss: &Loss) -> NoteKey {
    NoteKey { kind: "returned".into(), subject: loss.to_string() }
}

/// The end of a failover.
#[derive(serde::Serialize, serde::Deserialize)]
struct Returned {
    setbacks: u32,
}

/// Never negative, also when the clock was set back.
fn seconds(since: Time, now: Time) -> u64 {
    machine::seconds(since.0, now.0)
}

/// The timers of `failback`. A person's word goes before them.
fn timers(spec: &Spec, failover: &Failover, now: Time) -> String {
    let mut text = String::new();
    for workload in &spec.workloads {
        let name = &workload.rules.name;
        let concerned = failover.workloads.is_empty() || failover.workloads.contains_key(name);
        let lasted = seconds(failover.since, now);
        if concerned && lasted < workload.hold_s {
            let (hold, lasted) = (duration(workload.hold_s), duration(lasted));
            text.push_str(&format!("  NOT MET  {name}: hold {hold} after a failover, {lasted} so far\n"));
        }
        if workload.stable_for_s == 0 || (!failover.workloads.is_empty() && !failover.workloads.contains_key(name)) {
            continue;
        }
        let setbacks = setbacks(failover, now);
        let wanted = machine::wanted_s(workload.stable_for_s, setbacks);
        let mut rule = format!("{name}: stable_for {}", duration(workload.stable_for_s));
        if wanted > workload.stable_for_s {
            rule.push_str(&format!(", {} after {setbacks} returns that failed", duration(wanted)));
        }
        text.push_str(&match failover.good_since {
            None => format!("  NOT MET  {rule}: not seen well before now\n"),
            Some(since) => {
                let passed = seconds(since, now);
                let met = if passed >= wanted { "MET" } else { "NOT MET" };
                format!("  {met}  {rule}: seen well since {since}, {} so far\n", duration(passed))
            }
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Word;
    use std::collections::BTreeMap;

    fn failover(good_since: Option<Time>, setbacks: u32) -> Failover {
        Failover {
            since: Time(0),
            by: "a person".into(),
            word: Word::Operator,
            reason: String::new(),
            forced: false,
            workloads: BTreeMap::new(),
            good_since,
            setbacks,
        }
    }

    #[test]
    fn a_week_without_a_break_forgives_and_a_failed_return_doubles() {
        let day = 24 * 3600 * 1000;
        let twice = failover(Some(Time(0)), 2);
        assert_eq!((setbacks(&twice, Time(day)), setbacks(&twice, Time(7 * day))), (2, 0));
        let again = set_back(&twice, Time(day));
        assert_eq!((again.good_since, again.setbacks), (None, 3));
        assert_eq!(set_back(&twice, Time(8 * day)).setbacks, 1);
        assert_eq!(seconds(Time(day), Time(0)), 0, "a clock set back is no time passed");
    }
}
