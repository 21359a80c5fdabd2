//! A drift check as a page.

use super::parts::{self, Found, Loss};
use super::{document, show};
use crate::report::drift::items::{Level, items};
use crate::report::drift::{Cause, Drift, Kind};
use crate::report::words::{Names, count, interval, sum, verdict};
use std::fmt::Write as _;

/// The check as one page. `stack` names the directory.
pub fn drift(drift: &Drift<'_>, stack: &str) -> String {
    let mut out = String::new();
    let (class, words) = match (drift.breaches(), drift.is_clean()) {
        (_, true) => ("good", "spec, state and reality agree".to_string()),
        (0, _) => ("warn", "drift".to_string()),
        (n, _) => ("bad", format!("{n} {} broken", if n == 1 { "rule is" } else { "rules are" })),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{words}</span></h1>", show(stack));
    let n = |kind| drift.count(kind);
    let _ = writeln!(
        out,
        "<ul class=\"chips\"><li>{} changed</li><li>{} missing</li><li>{} unmanaged</li><li>{} unreadable</li><li>{} broken</li></ul>",
        n(Kind::Changed),
        n(Kind::Missing),
        n(Kind::Unmanaged),
        n(Kind::Unreadable),
        count(drift.breaches(), "rule")
    );
    if let Some(base) = &drift.base {
        let _ = writeln!(
            out,
            "<p>Against {} <code>{}</code>. What was so before does not block this change.</p>",
            show(&base.reference),
            show(&base.commit)
        );
    }
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        let decision = &workload.decision;
        let _ = writeln!(
            out,
            "<h2>Workload {}</h2>\n<p>{} of {} serving, margin {}.</p>",
            show(name),
            interval(sum(&decision.before)),
            decision.replicas,
            decision.margin.before
        );
        rules(workload, names, &mut out);
        parts::spread(workload, "wanted", &mut out);
        let mut losses: Vec<Loss> = decision
            .losses
            .iter()
            .map(|row| Loss { alive: vec![row.now, row.after], ..Loss::of(row, workload, names) })
            .collect();
        losses.sort_by_key(|loss| (loss.verdict.is_none(), std::cmp::Reverse(loss.verdict), loss.alive[0]));
        parts::matrix(&losses, &["now", "once applied"], decision.replicas, names, &mut out);
    }
    let found: Vec<Found> = items(drift)
        .iter()
        .map(|item| {
            let place = item.place.as_ref().map_or(String::new(), |(file, line)| format!("{file}:{line}"));
            let cause = match item.cause {
                Some(Cause::Change) => ", caused by this change",
                Some(Cause::Before) => ", so before",
                None => "",
            };
            Found {
                kind: item.severity.key(),
                class: match item.level {
                    Level::Error => "bad",
                    Level::Warning => "warn",
                    Level::Note => "faint",
                },
                title: item.subject.clone(),
                note: format!("{} {place}{cause}", item.id),
                body: item.text.clone(),
            }
        })
        .collect();
    parts::objects("Findings", &found, &mut out);
    document(&format!("straddle drift: {stack}"), &out)
}

fn rules(workload: &crate::plan::model::WorkloadPlan, names: Names<'_>, out: &mut String) {
    if workload.decision.rules.is_empty() {
        return;
    }
    out.push_str("<div class=\"wide\"><table><thead><tr><th>rule</th><th>worst loss</th><th class=\"n\">left</th><th class=\"n\">rule says</th><th>verdict</th></tr></thead><tbody>\n");
    for rule in &workload.decision.rules {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"{}\">{}</td></tr>",
            show(&names.rule(rule.index)),
            show(&names.loss(&rule.before.worst_loss)),
            names.units(rule.before.alive),
            names.units(rule.floor),
            parts::class(rule.before.verdict),
            verdict(rule.before.verdict)
        );
    }
    out.push_str("</tbody></table></div>\n");
}
