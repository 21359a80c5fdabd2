//! `plan -compare`: whether a plan would do what a reviewed one would, and if not, what differs and whose change that is.

use super::Exit;
use super::planning::Scene;
use super::print::Printer;
use super::{protect, saved};
use crate::diag::Diagnostic;
use crate::plan::model::{Action, Change, Plan};
use crate::report::plan::digest;
use std::collections::BTreeMap;
use std::path::Path;
use straddle_sdk::value::Value;

/// Differences named at most.
const MOST: usize = 40;

/// Holds `plan` against the reviewed one of a file.
pub fn against(plan: &Plan, scene: &Scene, reviewed: &Plan, path: &Path, printer: &Printer) -> Exit {
    let (then, now) = (digest(reviewed), digest(plan));
    if then == now {
        printer.error(&format!("{} was reviewed, and this plan would do the same: {now}", path.display()));
        return Exit::Done;
    }
    let mut detail = format!("{} would do {then}, this one {now}.\n\nWhat differs:\n", path.display());
    let differences = differences(reviewed, plan);
    for line in differences.iter().take(MOST) {
        detail.push_str(&format!("  {line}\n"));
    }
    if differences.len() > MOST {
        detail.push_str(&format!("  and {} more\n", differences.len() - MOST));
    }
    if differences.is_empty() {
        detail.push_str("  the order of the steps\n");
    }
    detail.push_str("\nBecause of:\n");
    for (cause, found) in causes(reviewed, plan, scene) {
        detail.push_str(&format!("  {cause}: {}\n", some(&found)));
    }
    let problem = Diagnostic::error("Not the reviewed plan", detail.trim_end().to_owned());
    printer.diagnostics(&[problem.help("Review it again: straddle plan -out=FILE")], &plan.sources);
    Exit::Stale
}

fn some(found: &[String]) -> String {
    match found {
        [] => "nothing that can be named".into(),
        few if few.len() <= 5 => few.join("; "),
        many => format!("{}; and {} more", many[..5].join("; "), many.len() - 5),
    }
}

/// Who moved: the code, the state, reality, a provider. None of them: the day, or a data source.
fn causes(then: &Plan, now: &Plan, scene: &Scene) -> Vec<(&'static str, Vec<String>)> {
    let mut code = saved::texts_differ(&then.sources, &now.sources);
    let variables = now.variables.keys().chain(then.variables.keys());
    let mut changed: Vec<String> = variables
        .filter(|name| !same(then.variables.get(*name), now.variables.get(*name)))
        .map(|name| format!("variable {name} has another value"))
        .collect();
    changed.sort();
    changed.dedup();
    code.extend(changed);
    let mut state = Vec::new();
    if then.lineage != now.lineage {
        state.push(format!("the state is another one (lineage {}, was {})", now.lineage, then.lineage));
    } else if then.serial != now.serial {
        state.push(format!("serial {}, was {}", now.serial, then.serial));
    }
    let reality = saved::reality_moved(then, scene);
    let providers = protect::providers_moved(&then.origin, &now.origin);
    let all = [("code", code), ("state", state), ("reality", reality), ("provider", providers)];
    let found: Vec<_> = all.into_iter().filter(|(_, found)| !found.is_empty()).collect();
    if found.is_empty() { vec![("something else", vec!["a data source, or the day".into()])] } else { found }
}

fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => straddle_sdk::value::same_unmarked(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// What a plan would do that another, which was approved, would not.
pub fn beyond(approved: &Plan, now: &Plan) -> Vec<String> {
    let (mut found, mut more) = differences_apart(approved, now);
    found.retain(|line| !line.starts_with("- "));
    more.retain(|line| !line.starts_with("~ output"));
    found.extend(more);
    found
}

/// What one plan would do and the other would not. Values may be secret and are not said.
fn differences(then: &Plan, now: &Plan) -> Vec<String> {
    let (mut objects, rest) = differences_apart(then, now);
    objects.extend(rest);
    objects
}

/// Those of objects; those of workloads and outputs.
fn differences_apart(then: &Plan, now: &Plan) -> (Vec<String>, Vec<String>) {
    let by_address = |plan: &Plan| -> BTreeMap<(String, Option<String>), Change> {
        let acting = plan.changes.iter().filter(|c| c.action != Action::NoOp || c.previous_address.is_some());
        acting.map(|c| ((c.address.to_string(), c.deposed.as_ref().map(ToString::to_string)), c.clone())).collect()
    };
    let (then_changes, now_changes) = (by_address(then), by_address(now));
    let mut found = Vec::new();
    for (key, was) in &then_changes {
        match now_changes.get(key) {
            None => found.push(format!("- {} would have been {}", key.0, word(was.action))),
            Some(is) if is.action != was.action => {
                found.push(format!("~ {} would be {}, not {}", key.0, word(is.action), word(was.action)));
            }
            Some(is) if !straddle_sdk::value::same_unmarked(&is.after, &was.after) => {
                found.push(format!(
                    "~ {} would be {} with another{}",
                    key.0,
                    word(is.action),
                    saved::names(&is.after, &was.after)
                ));
            }
            Some(_) => {}
        }
    }
    for (key, is) in now_changes.iter().filter(|(key, _)| !then_changes.contains_key(*key)) {
        found.push(format!("+ {} would be {}", key.0, word(is.action)));
    }
    let mut rest = Vec::new();
    for (name, workload) in &now.workloads {
        let before = then.workloads.iter().find(|(n, _)| n == name).map(|(_, w)| &w.decision.after);
        if before.is_some_and(|before| *before != workload.decision.after) {
            rest.push(format!("~ workload {name} would stand in other numbers"));
        }
    }
    for output in now.outputs.iter().filter(|o| o.differs()) {
        let was = then.outputs.iter().find(|o| o.name == output.name);
        if !was.is_some_and(|was| same(was.after.as_ref(), output.after.as_ref())) {
            rest.push(format!("~ output {} would have another value", output.name));
        }
    }
    (found, rest)
}

fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "moved",
        Action::Create => "created",
        Action::Update => "changed",
        Action::Delete => "removed",
        Action::CreateDelete | Action::DeleteCreate => "replaced",
        Action::Read => "read",
        Action::Forget => "forgotten",
        Action::Spare => "a spare",
    }
}
