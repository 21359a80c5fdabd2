//! What happens, line by line: for programs one JSON object a line in Terraform's shape, for people a line of words.
//!
//! Nothing here knows the time: the caller gives the time stamp (RFC 3339) of each line.

use super::diagnostics;
use super::json::Json;
use super::plan::step_words;
use super::style::{Ink, Style, clean};
use super::words::{duration, health_key, sum};
use crate::apply::{Event, Summary};
use crate::diag::{Diagnostic, Sources};
use crate::lang::address::{Address, Key};
use crate::plan::model::{Action, Change, Kind, Plan, Reason, WorkloadPlan};
use crate::plugin::ImportBy;
use crate::spread::model::Health;
use crate::state::WRITER;
use crate::tongue::Lang;
use straddle_sdk::value::codec::show::known_part;

/// The version of the stream.
const UI: &str = "1.2";

/// Where lines go and what every line needs.
pub(super) struct Lines<'a> {
    pub(super) timestamp: &'a str,
    pub(super) out: String,
}

impl Lines<'_> {
    pub(super) fn line(&mut self, level: &str, message: &str, kind: &str, payload: impl FnOnce(&mut Json)) {
        let mut json = Json::new();
        json.object(|j| {
            j.key("@level").text(level);
            j.key("@message").text(message);
            j.key("@module").text("terraform.ui");
            j.key("@timestamp").text(self.timestamp);
            payload(j);
            j.key("type").text(kind);
        });
        self.out.push_str(&json.finish());
        self.out.push('\n');
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic, sources: &Sources) {
        let (level, word) = if diagnostic.is_error() { ("error", "Error") } else { ("warn", "Warning") };
        self.line(level, &format!("{word}: {}", diagnostic.summary), "diagnostic", |j| {
            diagnostics::write(diagnostic, sources, j.key("diagnostic"));
        });
    }
}

/// The first line of every stream. `version` is straddle's own.
pub fn version(version: &str, timestamp: &str) -> String {
    let mut lines = Lines { timestamp, out: String::new() };
    lines.line("info", &format!("straddle {version}"), "version", |j| {
        j.key("terraform").text(WRITER);
        j.key("straddle").text(version);
        j.key("ui").text(UI);
    });
    lines.out
}

/// Diagnostics as lines.
pub fn problems(all: &[Diagnostic], sources: &Sources, timestamp: &str) -> String {
    let mut lines = Lines { timestamp, out: String::new() };
    all.iter().for_each(|diagnostic| lines.diagnostic(diagnostic, sources));
    lines.out
}

/// A plan as lines: health of locations that are not well, drift, changes, the state of each spread, alarms, the summary, outputs.
pub fn plan(plan: &Plan, timestamp: &str) -> String {
    let mut lines = Lines { timestamp, out: String::new() };
    for location in plan.topology.locations.iter().filter(|l| l.health != Health::Healthy) {
        let health = health_key(location.health);
        lines.line("warn", &format!("{}: {health}", location.name), "location_health", |j| {
            j.key("location").text(&location.name);
            j.key("health").text(health);
            if let Some(course) = plan.courses.get(&location.name) {
                j.key("state").text(super::evidence::key(course.state()));
            }
        });
    }
    for drift in &plan.drift {
        let action = if drift.live.is_null() { "delete" } else { "update" };
        lines.line("info", &format!("{}: Drift detected ({action})", drift.address), "resource_drift", |j| {
            j.key("change").object(|j| {
                resource(&drift.address, j.key("resource"));
                j.key("action").text(action);
            });
        });
    }
    let planned = |c: &&Change| c.action != Action::NoOp || c.previous_address.is_some() || c.importing.is_some();
    plan.changes.iter().filter(planned).for_each(|change| planned_change(change, &mut lines));
    for (name, workload) in &plan.workloads {
        let now = sum(&workload.decision.before);
        spread_state(name, now.lo, Some(now.hi), workload.decision.replicas, &mut lines);
        let margin = &workload.decision.margin;
        if margin.alarm_before || margin.alarm_after {
            let message = format!("{name}: margin {} now, {} after this plan", margin.before, margin.after);
            margin_alarm(name, workload, (margin.before, false), &message, &mut lines);
        }
    }
    let (add, change, remove) = plan.counts();
    let operation = if plan.kind == Kind::Destroy { "destroy" } else { "plan" };
    changes(
        (add, change, plan.imports(), remove),
        operation,
        &format!("Plan: {}", super::plan::counts(plan)),
        &mut lines,
    );
    outputs(plan, &mut lines);
    lines.out
}

fn planned_change(change: &Change, lines: &mut Lines<'_>) {
    let action = match change.action {
        Action::NoOp if change.importing.is_some() => "import",
        Action::NoOp => "move",
        action => action_word(action),
    };
    lines.line("info", &format!("{}: Plan to {action}", change.address), "planned_change", |j| {
        j.key("change").object(|j| {
            resource(&change.address, j.key("resource"));
            if let Some(from) = &change.previous_address {
                resource(from, j.key("previous_resource"));
            }
            j.key("action").text(action);
            if let Some(reason) = change.reason {
                j.key("reason").text(reason_word(reason));
            }
            if let Some(by) = &change.importing {
                j.key("importing").object(|j| {
                    if let ImportBy::Id(id) = by {
                        j.key("id").text(id);
                    }
                });
            }
        });
    });
}

fn outputs(plan: &Plan, lines: &mut Lines<'_>) {
    if plan.outputs.is_empty() {
        return;
    }
    lines.line("info", &format!("Outputs: {}", plan.outputs.len()), "outputs", |j| {
        j.key("outputs").object(|j| {
            for output in &plan.outputs {
                j.key(&output.name).object(|j| {
                    j.key("sensitive").plain(output.sensitive);
                    if let Some(after) = output.after.as_ref().filter(|v| v.is_wholly_known() && !output.sensitive) {
                        j.key("type").raw(&after.ty().to_json());
                        j.key("value").raw(&known_part(after).unwrap_or_else(|| "null".into()));
                    }
                    j.key("action").text(match (&output.before, &output.after) {
                        _ if !output.differs() => "noop",
                        (None, _) => "create",
                        (_, None) => "delete",
                        _ => "update",
                    });
                });
            }
        });
    });
}

fn changes(
    (add, change, import, remove): (usize, usize, usize, usize),
    operation: &str,
    message: &str,
    lines: &mut Lines<'_>,
) {
    lines.line("info", message, "change_summary", |j| {
        j.key("changes").object(|j| {
            j.key("add").plain(add);
            j.key("change").plain(change);
            j.key("import").plain(import);
            j.key("remove").plain(remove);
            j.key("operation").text(operation);
        });
    });
}

fn spread_state(workload: &str, serving: u32, serving_hi: Option<u32>, replicas: u32, lines: &mut Lines<'_>) {
    lines.line("info", &format!("{workload}: {serving} of {replicas} serving"), "spread_state", |j| {
        j.key("workload").text(workload);
        j.key("serving").plain(serving);
        if let Some(hi) = serving_hi.filter(|hi| *hi != serving) {
            j.key("serving_hi").plain(hi);
        }
        j.key("replicas").plain(replicas);
    });
}

/// What happened while the plan was carried out, as one line or several.
pub fn event(event: &Event, plan: &Plan, timestamp: &str) -> String {
    let mut lines = Lines { timestamp, out: String::new() };
    match event {
        Event::Start { address, action } => {
            hook(
                "apply_start",
                address,
                *action,
                None,
                None,
                &format!("{address}: {}", beginning(*action)),
                &mut lines,
            );
        }
        Event::Done { address, action, took, id } => {
            let seconds = took.as_secs();
            let message = format!("{address}: {} after {}", ending(*action), duration(seconds));
            hook("apply_complete", address, *action, Some(seconds), id.as_deref(), &message, &mut lines);
        }
        Event::Failed { address, action, in_doubt, problems } => {
            let how = if *in_doubt { "in doubt: nobody knows whether it was done" } else { "failed" };
            let message = format!("{address}: {} {how}", action_word(*action));
            hook("apply_errored", address, *action, Some(0), None, &message, &mut lines);
            problems.iter().for_each(|problem| lines.diagnostic(problem, &plan.sources));
        }
        Event::StepStart { workload, step, of } => {
            let words = step_words(plan, workload, *step as usize, Lang::En).unwrap_or_default();
            step_line(
                "step_start",
                &format!("{workload}: step {} of {of}: {words}", step + 1),
                (workload, *step, Some(*of), None),
                &mut lines,
            );
        }
        Event::StepChecked { workload, step, serving } => {
            let message = format!("{workload}: step {}: every rule checked, {serving} serving", step + 1);
            step_line("step_checked", &message, (workload, *step, None, Some(*serving)), &mut lines);
        }
        Event::Waiting { workload, ready, of, serving, .. } => {
            let message = format!("{workload}: {ready} of {of} ready, {serving} serving");
            lines.line("info", &message, "spread_state", |j| {
                j.key("workload").text(workload);
                j.key("serving").plain(serving);
                j.key("replicas").plain(replicas(plan, workload));
                j.key("ready").plain(ready);
                j.key("awaited").plain(of);
            });
        }
        Event::StepDone { workload, step, of, serving } => {
            let message = format!("{workload}: step {} of {of} complete, {serving} serving", step + 1);
            step_line("step_complete", &message, (workload, *step, Some(*of), Some(*serving)), &mut lines);
            if step + 1 == *of {
                cleared(plan, workload, &mut lines);
            }
        }
        Event::StepStopped { workload, step, of, why } => {
            lines.diagnostic(why, &plan.sources);
            let message = format!("{workload}: step {} of {of} stopped; nothing behind it is done", step + 1);
            step_line("step_stopped", &message, (workload, *step, Some(*of), None), &mut lines);
        }
        Event::Provision { address, kind, line } => {
            lines.line("info", &format!("{address}: ({kind}): {line}"), "provision_progress", |j| {
                j.key("hook").object(|j| {
                    resource(address, j.key("resource"));
                    j.key("provisioner").text(kind);
                    j.key("output").text(line);
                });
            });
        }
        Event::Note(note) => lines.diagnostic(note, &plan.sources),
    }
    lines.out
}

/// The alarm a plan began under is over with its last step.
fn cleared(plan: &Plan, workload: &str, lines: &mut Lines<'_>) {
    let Some((name, w)) = plan.workloads.iter().find(|(name, _)| **name == *workload) else { return };
    let margin = &w.decision.margin;
    if margin.alarm_before && !margin.alarm_after {
        margin_alarm(name, w, (margin.after, true), &format!("{name}: margin {} again", margin.after), lines);
    }
}

fn margin_alarm(name: &str, w: &WorkloadPlan, (now, cleared): (u32, bool), message: &str, lines: &mut Lines<'_>) {
    lines.line(if cleared { "info" } else { "warn" }, message, "margin_alarm", |j| {
        j.key("workload").text(name);
        j.key("margin").plain(now);
        j.key("margin_after").plain(w.decision.margin.after);
        j.key("alarm_below").maybe(w.rules.alarm_below);
        j.key("cleared").plain(cleared);
    });
}

fn replicas(plan: &Plan, workload: &str) -> u32 {
    plan.workloads.iter().find(|(name, _)| **name == *workload).map_or(0, |(_, w)| w.decision.replicas)
}

fn hook(
    kind: &str,
    address: &Address,
    action: Action,
    seconds: Option<u64>,
    id: Option<&str>,
    message: &str,
    lines: &mut Lines<'_>,
) {
    let level = if kind == "apply_errored" { "error" } else { "info" };
    lines.line(level, message, kind, |j| {
        j.key("hook").object(|j| {
            resource(address, j.key("resource"));
            j.key("action").text(action_word(action));
            if let Some(id) = id {
                j.key("id_key").text("id");
                j.key("id_value").text(id);
            }
            if let Some(seconds) = seconds {
                j.key("elapsed_seconds").plain(seconds);
            }
        });
    });
}

fn step_line(
    kind: &str,
    message: &str,
    (workload, step, of, serving): (&str, u32, Option<u32>, Option<u32>),
    lines: &mut Lines<'_>,
) {
    let level = if kind == "step_stopped" { "error" } else { "info" };
    lines.line(level, message, kind, |j| {
        j.key("workload").text(workload);
        j.key("step").plain(step);
        if let Some(of) = of {
            j.key("steps").plain(of);
        }
        if let Some(serving) = serving {
            j.key("serving").plain(serving);
        }
    });
}

/// The last line of an apply, after its problems.
pub fn summary(summary: &Summary, operation: &str, sources: &Sources, timestamp: &str) -> String {
    let mut lines = Lines { timestamp, out: String::new() };
    summary.problems.iter().for_each(|problem| lines.diagnostic(problem, sources));
    let message = summary_text(summary, &Style::default());
    let numbers = (summary.added, summary.changed, summary.imported, summary.removed);
    changes(numbers, operation, &message, &mut lines);
    lines.out
}

/// How an apply ended, for people. Numbers of what was done come first, whatever else happened.
pub fn summary_text(summary: &Summary, style: &Style) -> String {
    let imported = if summary.imported > 0 { format!("{} imported, ", summary.imported) } else { String::new() };
    let done = format!("{imported}{} added, {} changed, {} removed", summary.added, summary.changed, summary.removed);
    if summary.is_complete() {
        return format!("{} {done}.", style.ink(Ink::Good, "DONE"));
    }
    let mut rest = Vec::new();
    for (n, words) in [
        (summary.failed, "failed"),
        (summary.in_doubt, "in doubt (looked for again by the next plan)"),
        (summary.skipped, "not started"),
    ] {
        if n > 0 {
            rest.push(format!("{n} {words}"));
        }
    }
    let why = if summary.stopped { "STOPPED" } else { "APPLIED IN PART" };
    let rest = if rest.is_empty() { String::new() } else { format!("; {}", rest.join(", ")) };
    let saved = match summary.unsaved {
        true => "The state could NOT be saved to its end: the next run asks the providers what became of it.",
        false => "The state is saved.",
    };
    format!("{} {done}{rest}. {saved}\nNext:  straddle plan", style.ink(Ink::Bad, why))
}

/// What happened as a line for a terminal or a pipeline's log; `None` for what is not worth one. `clock` stands before it.
pub fn line(event: &Event, plan: &Plan, clock: &str, style: &Style) -> Option<String> {
    let text = match event {
        Event::StepChecked { .. } => return None,
        Event::Start { address, action } if style.verbose => {
            format!("       {}: {}", clean(&address.to_string()), beginning(*action))
        }
        Event::Start { .. } => return None,
        Event::Done { address, action, took, id } => {
            let id = id.as_ref().map(|id| format!(" ({})", clean(id))).unwrap_or_default();
            let took = match took.as_secs() {
                0 => String::new(),
                s => format!(" after {}", duration(s)),
            };
            format!("       {}: {}{took}{id}", clean(&address.to_string()), ending(*action))
        }
        Event::Failed { address, action, in_doubt, problems } => {
            let how = if *in_doubt { "IN DOUBT" } else { "FAILED" };
            let why = problems.first().map(|p| format!(": {}", clean(&p.summary))).unwrap_or_default();
            format!("       {} {} {}{why}", style.ink(Ink::Bad, how), action_word(*action), clean(&address.to_string()))
        }
        Event::StepStart { workload, step, of } => {
            let words = step_words(plan, workload, *step as usize, style.lang).unwrap_or_default();
            format!("{}  {words}", style.strong(&format!("{workload} {}/{of}", step + 1)))
        }
        Event::Waiting { ready, of, serving, .. } => format!("       healthy {ready} of {of}, {serving} serving"),
        Event::StepDone { workload, step, of, serving } => {
            format!("{}  complete, {serving} serving", style.strong(&format!("{workload} {}/{of}", step + 1)))
        }
        Event::StepStopped { workload, step, of, why } => format!(
            "{}  {}: {}; nothing behind it is done",
            style.strong(&format!("{workload} {}/{of}", step + 1)),
            style.ink(Ink::Bad, "STOPPED"),
            clean(&why.summary)
        ),
        Event::Provision { address, kind, line } => {
            format!("       {} ({kind}): {}", clean(&address.to_string()), clean(line))
        }
        Event::Note(note) => format!("       {}: {}", clean(&note.summary), clean(&note.detail)),
    };
    Some(if clock.is_empty() { text } else { format!("{clock}  {text}") })
}

/// Terraform's address object.
fn resource(address: &Address, j: &mut Json) {
    let local = match &address.module.is_empty() {
        true => address.to_string(),
        false => Address { module: Vec::new(), ..address.clone() }.to_string(),
    };
    j.object(|j| {
        j.key("addr").text(&address.to_string());
        j.key("module").text(&address.module_text());
        j.key("resource").text(&local);
        j.key("implied_provider").text(address.ty.split('_').next().unwrap_or_default());
        j.key("resource_type").text(&address.ty);
        j.key("resource_name").text(&address.name);
        match &address.key {
            None => j.key("resource_key").raw("null"),
            Some(Key::Int(n)) => j.key("resource_key").plain(n),
            Some(Key::Str(s)) => j.key("resource_key").text(s),
        }
    });
}

fn action_word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "noop",
        Action::Create | Action::Spare => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::DeleteCreate | Action::CreateDelete => "replace",
        Action::Delete => "delete",
        Action::Forget => "remove",
    }
}

fn beginning(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Spare => "creating",
        Action::Read => "reading",
        Action::Update => "changing",
        Action::Delete => "removing",
        Action::DeleteCreate | Action::CreateDelete => "replacing",
        Action::Forget => "forgetting",
        Action::NoOp => "looking",
    }
}

fn ending(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Spare => "created",
        Action::Read => "read",
        Action::Update => "changed",
        Action::Delete => "removed",
        Action::DeleteCreate | Action::CreateDelete => "replaced",
        Action::Forget => "forgotten",
        Action::NoOp => "unchanged",
    }
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::CannotUpdate => "cannot_update",
        Reason::Tainted => "tainted",
        Reason::ByRequest => "requested",
        Reason::ByTriggers => "replace_triggered_by",
        Reason::NoResourceConfig => "delete_because_no_resource_config",
        Reason::WrongRepetition => "delete_because_wrong_repetition",
        Reason::CountIndex => "delete_because_count_index",
        Reason::EachKey => "delete_because_each_key",
        Reason::ReplicaRemoved => "delete_because_replica_removed",
        Reason::SpareForUpdate => "create_temporary_spare",
        Reason::NoModule => "delete_because_no_module",
        Reason::NoMoveTarget => "delete_because_no_move_target",
        Reason::ReadConfigUnknown => "read_because_config_unknown",
        Reason::ReadDependencyPending => "read_because_dependency_pending",
        Reason::CheckNested => "read_because_check_nested",
    }
}
