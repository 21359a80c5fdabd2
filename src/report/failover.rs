//! What a failover promises, by when, and what nobody can promise: the words around its plan.

use super::style::{Ink, Style, wrap};
use super::words::{Names, duration_in};
use crate::plan::model::{Kind, Plan, WorkloadPlan};
use crate::spread::model::{LossOf, SurviveRule, Topology};
use crate::tongue::{Lang, say};

/// What the rules promise for the loss a failover answers, and what the plan rests on without proof. Empty for other plans.
pub fn before(plan: &Plan, style: &Style) -> String {
    let mut out = String::new();
    for (name, workload) in &plan.workloads {
        let names = Names { topology: &plan.topology, workload: &workload.rules };
        for rule in promised(plan, workload) {
            let promise = promise_text(rule, workload, style.lang);
            let text =
                say(style.lang, "fail.promise", &[("name", name), ("promise", &promise), ("rule", &title(rule))]);
            out.push_str(&wrap(&text, style.width, 4));
            out.push('\n');
        }
        if let Some(text) = unproven(name, workload, names, style) {
            out.push_str(&wrap(&text, style.width, 4));
            out.push('\n');
        }
    }
    out
}

/// Whether the promise was kept, as far as this run can tell: it knows when it began and ended (`took`, in seconds), not when
/// the loss began. `ago` says a time of day so many seconds before now.
pub fn after(plan: &Plan, took: u64, ago: &dyn Fn(u64) -> String, style: &Style) -> String {
    let mut out = String::new();
    let lost = match &plan.kind {
        Kind::Failover { lost } => lost.join(", "),
        _ => return out,
    };
    for (name, workload) in &plan.workloads {
        for rule in promised(plan, workload) {
            let Some(last) = rule.then.iter().max_by_key(|t| t.within_s) else { continue };
            let names = Names { topology: &plan.topology, workload: &workload.rules };
            let wanted = last.floor.ceil_of(workload.decision.replicas) * u64::from(workload.decision.scale);
            let serving = workload.decision.after_ready.iter().zip(&workload.rules.places);
            let reached: u64 = serving.map(|(i, place)| u64::from(i.lo) * u64::from(place.unit)).sum();
            let (short, wanted, reached) = (reached < wanted, names.units(wanted), names.units(reached));
            let text = if short {
                let head = style.ink(Ink::Bad, &say(style.lang, "fail.not_kept", &[]));
                let rule = title(rule);
                let args: &[(&str, &str)] = &[
                    ("head", head.as_str()),
                    ("name", name),
                    ("reached", &reached),
                    ("rule", &rule),
                    ("wanted", &wanted),
                ];
                say(style.lang, "fail.short", args)
            } else {
                let (took, within) = (duration_in(took.max(1), style.lang), duration_in(last.within_s, style.lang));
                let ago = ago(last.within_s);
                let args: &[(&str, &str)] = &[
                    ("name", &**name),
                    ("reached", &reached),
                    ("took", &took),
                    ("wanted", &wanted),
                    ("within", &within),
                    ("lost", &lost),
                    ("ago", &ago),
                ];
                say(style.lang, "fail.kept", args)
            };
            out.push_str(&wrap(&text, style.width, 4));
            out.push('\n');
        }
    }
    out
}

/// The rules with growth that speak of what is lost.
fn promised<'p>(plan: &'p Plan, workload: &'p WorkloadPlan) -> Vec<&'p SurviveRule> {
    let Kind::Failover { lost } = &plan.kind else { return Vec::new() };
    let speaks = |rule: &&SurviveRule| {
        !rule.then.is_empty()
            && lost.len() <= rule.losses as usize
            && lost.iter().all(|l| is_of(&plan.topology, l, &rule.of))
    };
    workload.rules.survive.iter().filter(speaks).collect()
}

/// Whether a loss, by the name the state keeps it under, is one of a level's domains or of a kind's risks.
fn is_of(topology: &Topology, lost: &str, of: &LossOf) -> bool {
    let Some((class, name)) = lost.split_once(':') else { return false };
    match of {
        LossOf::Level(level) => class == level,
        LossOf::Kind(kind) => {
            class == "shared_risk" && topology.risks.iter().any(|risk| risk.name == name && risk.kind == *kind)
        }
    }
}

fn title(rule: &SurviveRule) -> String {
    format!("survive \"{}\"", rule.of.name())
}

fn promise_text(rule: &SurviveRule, workload: &WorkloadPlan, lang: Lang) -> String {
    let n = workload.decision.replicas;
    let mut parts = vec![say(lang, "loss.at_once", &[("n", &rule.floor.ceil_of(n).to_string())])];
    parts.extend(rule.then.iter().map(|t| {
        let (n, time) = (t.floor.ceil_of(n).to_string(), duration_in(t.within_s, lang));
        say(lang, "fail.within", &[("n", &n), ("time", &time)])
    }));
    parts.join(", ")
}

/// Growth that no reservation stands behind, and what happens if it is refused.
fn unproven(name: &str, workload: &WorkloadPlan, names: Names<'_>, style: &Style) -> Option<String> {
    let decision = &workload.decision;
    let mut beyond = Vec::new();
    for (place, rules) in workload.rules.places.iter().enumerate() {
        let adds = decision.steps.iter().flat_map(|s| &s.adds).filter(|e| e.place == place);
        let wanted: u32 = adds.map(|e| e.count).sum();
        if wanted > names.topology.locations[rules.location].reserve {
            let n = wanted.to_string();
            beyond.push(say(style.lang, "step.some_in", &[("n", &n), ("place", names.place(place))]));
        }
    }
    if beyond.is_empty() {
        return None;
    }
    let now: u32 = decision.before.iter().map(|i| i.lo).sum();
    let (head, now) = (style.ink(Ink::Warn, "NOT PROVEN"), now.to_string());
    let room = super::words::some(beyond.into_iter(), 4);
    Some(say(style.lang, "fail.unproven", &[("head", &head), ("room", &room), ("name", name), ("now", &now)]))
}
