//! The way back from a failover: whether it is open, and which timers stand before it.

use crate::plan::course::{self, Courses};
use crate::report::evidence::word;
use crate::report::words::duration;
use crate::spec::Spec;
use crate::spread::machine::{self, Record};
use crate::spread::model::Topology;
use crate::state::{
    Entry, Failover, LockRequest, Loss, RunBegin, RunEnd, RunOutcome, State, StateError, Store, Time, now,
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
pub fn way_back(spec: &Spec, state: &State, topology: &Topology, courses: &Courses, now: Time) -> WayBack {
    let mut way = WayBack { open: BTreeSet::new(), text: String::new() };
    if state.failovers.is_empty() {
        way.text.push_str("No failover is in force: nothing to go back from.");
        return way;
    }
    for (loss, failover) in &state.failovers {
        way.text.push_str(&format!("{loss}  failed over since {}, by {}\n", failover.since, failover.by));
        let records = records(spec, topology, courses, loss);
        for (name, record) in &records {
            way.text.push_str(&format!("  {name} {}\n", word(record.state)));
        }
        way.text.push_str(&timers(spec, failover, &records, now));
        if course::is_back(spec, topology, courses, loss) {
            way.open.insert(loss.clone());
        }
    }
    let closed = state.failovers.len() - way.open.len();
    way.text.push_str(&match (way.open.len(), closed) {
        (_, 0) if way.open.iter().all(|loss| is_ripe(spec, topology, courses, loss, now)) => {
            "The way back is open:  straddle failback".to_string()
        }
        (_, 0) => "The way back is open, on your word before its timers are met:  straddle failback".to_string(),
        (0, _) => "The way back is not open: what was lost is not healthy again. Nothing was changed.".to_string(),
        _ => {
            let open: Vec<String> = way.open.iter().map(ToString::to_string).collect();
            format!("The way back is open from {}; the rest stays failed over:  straddle failback", open.join(", "))
        }
    });
    way
}

/// Whether every timer of a failover is met: a person may go before, a program should not.
pub fn is_ripe(spec: &Spec, topology: &Topology, courses: &Courses, loss: &Loss, now: Time) -> bool {
    course::taken(spec, topology, loss).iter().all(|name| {
        let timers = course::timers(spec, topology, name);
        courses.get(name).is_some_and(|c| machine::may_return(&c.record, timers, now.0))
    })
}

/// What is known of the locations a loss took, by name.
fn records(spec: &Spec, topology: &Topology, courses: &Courses, loss: &Loss) -> Vec<(String, Record)> {
    let taken = course::taken(spec, topology, loss).into_iter();
    taken.filter_map(|name| courses.get(&name).map(|c| (name.clone(), c.record))).collect()
}

/// Writes down what was seen: a run of its own, since nothing else may come of the command.
pub fn record(store: &Store, seen: Vec<Entry>) -> Result<(), StateError> {
    if seen.is_empty() {
        return Ok(());
    }
    let request = LockRequest::here("watch");
    let who = format!("{}@{}", request.who, request.host);
    let begin = Entry::RunBegin(RunBegin { who, command: "watch".into(), plan: None });
    let end = Entry::RunEnd(RunEnd { outcome: RunOutcome::Done });
    store.record(now(), [begin].into_iter().chain(seen).chain([end]))?;
    Ok(())
}

/// The timers of `failback`. A person's word goes before them.
fn timers(spec: &Spec, failover: &Failover, records: &[(String, Record)], now: Time) -> String {
    let mut text = String::new();
    let since = records.iter().filter_map(|(_, r)| r.failed_over).max().unwrap_or(failover.since.0);
    let good: Option<Vec<i64>> = records.iter().map(|(_, r)| r.good_since).collect();
    // Well since this look alone is not seen well before.
    let good = good.and_then(|all| all.into_iter().max()).filter(|good| *good != now.0);
    let setbacks = records.iter().map(|(_, r)| machine::setbacks(r.setbacks, r.good_since, now.0)).max().unwrap_or(0);
    let concerned = |name: &str| failover.workloads.is_empty() || failover.workloads.contains_key(name);
    for workload in spec.workloads.iter().filter(|w| concerned(&w.rules.name)) {
        let name = &workload.rules.name;
        let lasted = machine::seconds(since, now.0);
        if lasted < workload.hold_s {
            let (hold, lasted) = (duration(workload.hold_s), duration(lasted));
            text.push_str(&format!("  NOT MET  {name}: hold {hold} after a failover, {lasted} so far\n"));
        }
        if workload.stable_for_s == 0 {
            continue;
        }
        let wanted = machine::wanted_s(workload.stable_for_s, setbacks);
        let mut rule = format!("{name}: stable_for {}", duration(workload.stable_for_s));
        if wanted > workload.stable_for_s {
            rule.push_str(&format!(", {} after {setbacks} returns that failed", duration(wanted)));
        }
        text.push_str(&match good {
            None => format!("  NOT MET  {rule}: not seen well before now\n"),
            Some(since) => {
                let passed = machine::seconds(since, now.0);
                let met = if passed >= wanted { "MET" } else { "NOT MET" };
                format!("  {met}  {rule}: seen well since {}, {} so far\n", Time(since), duration(passed))
            }
        });
    }
    text
}

#[cfg(test)]
mod tests;
