//! The changes: sorted, each once, nothing unknown where apply must know, and nothing touched that must not be.

use super::finding::{Fault, Finding, NotTouched};
use super::view::{Use, View, standing};
use crate::lang::address::{Address, Key};
use crate::plan::model::{Action, Change, Kind, Plan};
use crate::spread::model::Template;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::same_unmarked;

/// Checks every change, and the lists beside them.
pub(super) fn check(plan: &Plan, out: &mut Vec<Finding>) {
    let limits = limits(plan);
    let unreadable: BTreeSet<&Address> = plan.unreadable.iter().map(|u| &u.address).collect();
    for pair in plan.changes.windows(2) {
        let (a, b) = ((&pair[0].address, &pair[0].deposed), (&pair[1].address, &pair[1].deposed));
        if a == b {
            report(out, &pair[1].address, "stands in the plan twice");
        } else if a > b {
            report(out, &pair[1].address, "is out of order");
        }
    }
    for change in &plan.changes {
        values(change, out);
        let acts = !matches!(change.action, Action::NoOp | Action::Read);
        if acts && unreadable.contains(&change.address) {
            report(out, &change.address, "could not be read, and is to be changed");
        }
        kind(plan, change, out);
        if acts {
            place(plan, &limits, change, out);
        }
    }
    lists(plan, out);
}

fn report(out: &mut Vec<Finding>, address: &Address, why: &'static str) {
    let workload = address.workload.as_ref().map(ToString::to_string);
    out.push(Finding { workload, step: None, fault: Fault::Object { address: address.to_string(), why } });
}

/// The values fit the action.
fn values(change: &Change, out: &mut Vec<Finding>) {
    let (before, after) = (change.before.is_null(), change.after.is_null());
    let why = match change.action {
        Action::Delete | Action::Forget if before => Some("is to be removed, and is not there"),
        Action::Delete if !after => Some("is to be deleted, and something is promised after"),
        Action::Create | Action::Spare if !before && !change.before.is_unknown() => {
            Some("is to be created, and is there")
        }
        Action::Create | Action::Spare if after => Some("is to be created, and nothing is promised"),
        Action::Update | Action::DeleteCreate | Action::CreateDelete if before => {
            Some("is to be changed, and is not there")
        }
        Action::Update | Action::DeleteCreate | Action::CreateDelete if after => {
            Some("is to be changed, and nothing is promised")
        }
        Action::NoOp if !same_unmarked(&change.before, &change.after) => {
            Some("is left alone, and another value is promised")
        }
        _ => None,
    };
    if let Some(why) = why {
        report(out, &change.address, why);
    }
    if !change.before.is_wholly_known() {
        report(out, &change.address, "is not wholly known as it is now");
    }
    let must_know = matches!(change.action, Action::NoOp | Action::Delete | Action::Forget);
    if must_know && !change.after.is_wholly_known() {
        report(out, &change.address, "promises something unknown where nothing is computed");
    }
    if change.deposed.is_some() && !matches!(change.action, Action::NoOp | Action::Delete | Action::Forget) {
        report(out, &change.address, "is an old object that only waits to be deleted, and is to be changed");
    }
}

/// What a plan of this kind does not do.
fn kind(plan: &Plan, change: &Change, out: &mut Vec<Finding>) {
    let why = match plan.kind {
        Kind::RefreshOnly if change.action != Action::NoOp => "is changed by a refresh",
        Kind::Destroy if change.action.creates() || change.action == Action::Update => {
            "is made or changed by a destroy"
        }
        Kind::Repair | Kind::Failover { .. } if change.action.deletes() || change.action == Action::Forget => {
            "is removed by a plan that may only add"
        }
        _ => return,
    };
    report(out, &change.address, why);
}

/// What may be done to replicas: by workload and location the place's use, and whether anything may be removed.
struct Limits {
    uses: BTreeMap<(String, String), (Use, Template)>,
    may_remove: BTreeMap<String, bool>,
}

fn limits(plan: &Plan) -> Limits {
    let standing = standing(plan);
    let mut limits = Limits { uses: BTreeMap::new(), may_remove: BTreeMap::new() };
    for (name, workload) in &plan.workloads {
        // What does not fit is reported where the workload is judged.
        let Some(view) = View::new(plan, &standing, name, workload, &mut Vec::new()) else { continue };
        for p in 0..view.places() {
            let template = view.rules.places[p].template;
            limits.uses.insert((name.to_string(), view.place(p)), (view.uses[p], template));
        }
        limits.may_remove.insert(name.to_string(), view.may_remove);
    }
    limits
}

/// Nothing in a place that may not be touched is (INV-5).
fn place(plan: &Plan, limits: &Limits, change: &Change, out: &mut Vec<Finding>) {
    let (Some(workload), Some(Key::Str(key))) = (&change.address.workload, &change.address.key) else { return };
    let location = key.rsplit_once('/').filter(|(_, n)| n.parse::<u32>().is_ok()).map_or(&**key, |(l, _)| l);
    let known = limits.uses.get(&(workload.to_string(), location.to_string()));
    match known {
        Some((Use::Not(NotTouched::Observed), _)) => {
            report(out, &change.address, "is only observed, and is to be changed")
        }
        Some((Use::Not(_), _)) => {
            report(out, &change.address, "stands where nothing may be touched, and is to be changed");
        }
        Some((Use::Leaving, _)) if matches!(change.action, Action::Create | Action::Spare) => {
            report(out, &change.address, "is to be created in a place that is to be emptied");
        }
        None if change.action.creates() => {
            report(out, &change.address, "is to be created where its workload has no place")
        }
        _ => {}
    }
    let kept = plan.kind == Kind::Normal && limits.may_remove.get(&workload.to_string()) == Some(&false);
    if kept && change.action.deletes() {
        report(out, &change.address, "is to be removed while something is down");
    }
}

/// Drift, outputs and variables hold no unknown and are sorted.
fn lists(plan: &Plan, out: &mut Vec<Finding>) {
    for pair in plan.drift.windows(2).filter(|p| p[0].address >= p[1].address) {
        report(out, &pair[1].address, "is out of order in the list of drift");
    }
    for drift in plan.drift.iter().filter(|d| !d.state.is_wholly_known() || !d.live.is_wholly_known()) {
        report(out, &drift.address, "has drifted to something unknown");
    }
    let mut named =
        |address: String, why| out.push(Finding { workload: None, step: None, fault: Fault::Object { address, why } });
    for pair in plan.outputs.windows(2).filter(|p| p[0].name >= p[1].name) {
        named(format!("output {}", pair[1].name), "is out of order");
    }
    for output in plan.outputs.iter().filter(|o| o.before.as_ref().is_some_and(|v| !v.is_wholly_known())) {
        named(format!("output {}", output.name), "is not wholly known as it is now");
    }
    for (name, _) in plan.variables.iter().filter(|(_, v)| !v.is_wholly_known()) {
        named(format!("variable {name}"), "has no known value");
    }
}
