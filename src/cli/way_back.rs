//! The way back from a failover: whether it is open, and which timers stand before it.

use crate::plan::course::{self, Courses};
use crate::report::evidence::word;
use crate::report::words::duration_in;
use crate::spec::Spec;
use crate::spread::machine::{self, Record};
use crate::spread::model::Topology;
use crate::state::{
    Entry, Failover, LockRequest, Loss, RunBegin, RunEnd, RunOutcome, State, StateError, Store, Time, now,
};
use crate::tongue::{Lang, say};
use std::collections::BTreeSet;

/// What stands between a failover and the way back.
pub struct WayBack {
    /// The failovers that can be ended now.
    pub open: BTreeSet<Loss>,
    /// The same for people.
    pub text: String,
}

/// Judges every failover in force at a moment.
pub fn way_back(spec: &Spec, state: &State, topology: &Topology, courses: &Courses, now: Time, lang: Lang) -> WayBack {
    let mut way = WayBack { open: BTreeSet::new(), text: String::new() };
    if state.failovers.is_empty() {
        way.text.push_str(&say(lang, "back.none", &[]));
        return way;
    }
    for (loss, failover) in &state.failovers {
        let (name, since) = (loss.to_string(), failover.since.to_string());
        way.text.push_str(&say(lang, "back.since", &[("loss", &name), ("since", &since), ("by", &failover.by)]));
        if !failover.reason.is_empty() {
            let key = if failover.forced { "back.forced" } else { "back.reason" };
            way.text.push_str(&format!("\n{}", say(lang, key, &[("reason", &failover.reason)])));
        }
        way.text.push('\n');
        let records = records(spec, topology, courses, loss);
        for (name, record) in &records {
            way.text.push_str(&format!("  {name} {}\n", word(record.state)));
        }
        way.text.push_str(&timers(spec, failover, &records, now, lang));
        if course::is_back(spec, topology, courses, loss) {
            way.open.insert(loss.clone());
        }
    }
    let closed = state.failovers.len() - way.open.len();
    way.text.push_str(&match (way.open.len(), closed) {
        (_, 0) if way.open.iter().all(|loss| is_ripe(spec, topology, courses, loss, now)) => {
            say(lang, "back.open", &[])
        }
        (_, 0) => say(lang, "back.open_early", &[]),
        (0, _) => say(lang, "back.shut", &[]),
        _ => {
            let open: Vec<String> = way.open.iter().map(ToString::to_string).collect();
            say(lang, "back.part", &[("losses", &open.join(", "))])
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
fn timers(spec: &Spec, failover: &Failover, records: &[(String, Record)], now: Time, lang: Lang) -> String {
    let duration = |s: u64| duration_in(s, lang);
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
            text.push_str(&say(lang, "back.hold", &[("name", name), ("hold", &hold), ("lasted", &lasted)]));
            text.push('\n');
        }
        if workload.stable_for_s == 0 {
            continue;
        }
        let wanted = machine::wanted_s(workload.stable_for_s, setbacks);
        let mut rule = say(lang, "back.stable", &[("name", name), ("time", &duration(workload.stable_for_s))]);
        if wanted > workload.stable_for_s {
            let n = setbacks.to_string();
            rule.push_str(&say(lang, "back.longer", &[("time", &duration(wanted)), ("n", &n)]));
        }
        text.push_str(&match good {
            None => say(lang, "back.unseen", &[("rule", &rule)]),
            Some(since) => {
                let passed = machine::seconds(since, now.0);
                let key = if passed >= wanted { "back.met" } else { "back.not_met" };
                let (since, passed) = (Time(since).to_string(), duration(passed));
                say(lang, key, &[("rule", &rule), ("since", &since), ("passed", &passed)])
            }
        });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod breaker;
#[cfg(test)]
mod tests;
