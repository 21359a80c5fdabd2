//! A drift check as a page.

use super::parts::{self, Found, Loss};
use super::{document, show, tell};
use crate::report::drift::items::{Level, items_in};
use crate::report::drift::{Cause, Drift, Kind};
use crate::report::words::{Names, interval, sum, verdict};
use crate::tongue::{Lang, say};
use std::fmt::Write as _;

/// The check as one page. `stack` names the directory.
pub fn drift(drift: &Drift<'_>, stack: &str, lang: Lang) -> String {
    let number = |key: &str, n: usize| tell(lang, key, &[("n", &n.to_string())]);
    let mut out = String::new();
    let (class, words) = match (drift.breaches(), drift.is_clean()) {
        (_, true) => ("good", tell(lang, "page.agree", &[])),
        (0, _) => ("warn", tell(lang, "page.drift", &[])),
        (n, _) => ("bad", number(if n == 1 { "page.rule_broken" } else { "page.rules_broken" }, n)),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{words}</span></h1>", show(stack));
    let n = |kind| drift.count(kind);
    let _ = writeln!(
        out,
        "<ul class=\"chips\"><li>{}</li><li>{}</li><li>{}</li><li>{}</li><li>{}</li></ul>",
        number("page.changed", n(Kind::Changed)),
        number("page.missing", n(Kind::Missing)),
        number("page.unmanaged", n(Kind::Unmanaged)),
        number("page.not_read", n(Kind::Unreadable)),
        number(if drift.breaches() == 1 { "page.chip_rule" } else { "page.chip_rules" }, drift.breaches())
    );
    if let Some(base) = &drift.base {
        let _ = writeln!(
            out,
            "<p>{}</p>",
            tell(lang, "page.against", &[("base", &format!("{} {}", base.reference, base.commit))])
        );
    }
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        let decision = &workload.decision;
        let _ = writeln!(
            out,
            "<h2>{}</h2>\n<p>{}</p>",
            tell(lang, "page.workload", &[("name", name)]),
            tell(
                lang,
                "page.serving_margin",
                &[
                    ("now", &interval(sum(&decision.before))),
                    ("all", &decision.replicas.to_string()),
                    ("margin", &decision.margin.before.to_string()),
                ]
            )
        );
        rules(workload, names, lang, &mut out);
        parts::spread(workload, "page.wanted", lang, &mut out);
        let mut losses: Vec<Loss> = decision
            .losses
            .iter()
            .map(|row| Loss { alive: vec![row.now, row.after], ..Loss::of(row, workload, names, lang) })
            .collect();
        losses.sort_by_key(|loss| (loss.verdict.is_none(), std::cmp::Reverse(loss.verdict), loss.alive[0]));
        parts::matrix(&losses, &["page.now", "page.applied"], decision.replicas, names, lang, &mut out);
    }
    let found: Vec<Found> = items_in(drift, lang)
        .iter()
        .map(|item| {
            let place = item.place.as_ref().map_or(String::new(), |(file, line)| format!("{file}:{line}"));
            let cause = match item.cause {
                Some(Cause::Change) => format!(", {}", say(lang, "page.by_change", &[])),
                Some(Cause::Before) => format!(", {}", say(lang, "page.so_before", &[])),
                None => String::new(),
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
    parts::objects("page.findings", &found, lang, &mut out);
    document(&format!("straddle drift: {stack}"), &out, lang)
}

fn rules(workload: &crate::plan::model::WorkloadPlan, names: Names<'_>, lang: Lang, out: &mut String) {
    if workload.decision.rules.is_empty() {
        return;
    }
    let word = |key: &str| tell(lang, key, &[]);
    let _ = writeln!(
        out,
        "<div class=\"wide\"><table><thead><tr><th>{}</th><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th>{}</th></tr></thead><tbody>",
        word("page.rule"),
        word("page.worst_loss"),
        word("page.left"),
        word("page.rule_says"),
        word("page.verdict")
    );
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
