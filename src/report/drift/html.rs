//! One page that needs nothing else: no script, no other file, readable on a phone and in the dark.

use super::items::{Level, items};
use super::{Drift, Kind};
use crate::report::words::{Names, count, interval, sum, verdict};
use crate::spread::decision::Verdict;
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// Colours of both themes, the table that may scroll on its own, and bars drawn by width.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--faint:#667;--line:#d5d8de;--bad:#b00020;--warn:#8a5a00;--good:#17692b;--bar:#3d6fb6}\
@media(prefers-color-scheme:dark){:root{--ink:#e8e8ea;--paper:#15171b;--faint:#9aa;--line:#3a3f47;--bad:#ff8a8a;--warn:#ffc46b;--good:#7fd694;--bar:#7ea8e6}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;padding:1rem;max-width:60rem}\
h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}.bad{color:var(--bad);font-weight:600}.warn{color:var(--warn)}.good{color:var(--good)}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{overflow-wrap:anywhere}.bar{background:var(--bar);height:.8rem;border-radius:2px}\
.faint{color:var(--faint)}";

/// The check as one page. `stack` names the directory.
pub fn html(drift: &Drift<'_>, stack: &str) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    let _ = writeln!(out, "<title>straddle drift: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>", escape(stack));
    head(drift, stack, &mut out);
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        let _ = writeln!(out, "<h2>Workload {}</h2>", escape(&**name));
        let _ = writeln!(
            out,
            "<p>{} of {} serving, margin {}.</p>",
            interval(sum(&workload.decision.before)),
            workload.decision.replicas,
            workload.decision.margin.before
        );
        rules(workload, names, &mut out);
        spread(workload, &mut out);
    }
    findings(drift, &mut out);
    out.push_str("</body>\n</html>\n");
    out
}

fn head(drift: &Drift<'_>, stack: &str, out: &mut String) {
    let (class, words) = match (drift.breaches(), drift.is_clean()) {
        (_, true) => ("good", "spec, state and reality agree".to_string()),
        (0, _) => ("warn", "drift".to_string()),
        (n, _) => ("bad", format!("{n} {} broken", if n == 1 { "rule is" } else { "rules are" })),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{words}</span></h1>", escape(stack));
    let n = |kind| drift.count(kind);
    let _ = writeln!(
        out,
        "<p>{} changed, {} missing, {} unmanaged, {} unreadable, {} broken.</p>",
        n(Kind::Changed),
        n(Kind::Missing),
        n(Kind::Unmanaged),
        n(Kind::Unreadable),
        count(drift.breaches(), "rule")
    );
}

fn rules(workload: &crate::plan::model::WorkloadPlan, names: Names<'_>, out: &mut String) {
    if workload.decision.rules.is_empty() {
        return;
    }
    out.push_str("<div class=\"wide\"><table><thead><tr><th>rule</th><th>worst loss</th><th class=\"n\">left</th><th class=\"n\">rule says</th><th>verdict</th></tr></thead><tbody>\n");
    for rule in &workload.decision.rules {
        let class = match rule.before.verdict {
            Verdict::Pass => "good",
            Verdict::NotProven => "warn",
            Verdict::Fail => "bad",
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"{class}\">{}</td></tr>",
            escape(names.rule(rule.index)),
            escape(names.loss(&rule.before.worst_loss)),
            names.units(rule.before.alive),
            names.units(rule.floor),
            verdict(rule.before.verdict)
        );
    }
    out.push_str("</tbody></table></div>\n");
}

fn spread(workload: &crate::plan::model::WorkloadPlan, out: &mut String) {
    for row in &workload.decision.spread {
        let most = row.domains.iter().map(|d| d.before.hi.max(d.after)).max().unwrap_or(0).max(1);
        let _ = writeln!(
            out,
            "<div class=\"wide\"><table><thead><tr><th>{}</th><th class=\"n\">live</th><th class=\"n\">wanted</th><th style=\"width:50%\"></th></tr></thead><tbody>",
            escape(&row.level)
        );
        for domain in &row.domains {
            let percent = u64::from(domain.before.lo) * 100 / u64::from(most);
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td><div class=\"bar\" style=\"width:{percent}%\"></div></td></tr>",
                escape(&domain.name),
                interval(domain.before),
                domain.after
            );
        }
        out.push_str("</tbody></table></div>\n");
    }
}

fn findings(drift: &Drift<'_>, out: &mut String) {
    let all = items(drift);
    if all.is_empty() {
        return;
    }
    out.push_str("<h2>Findings</h2>\n<div class=\"wide\"><table><thead><tr><th>what</th><th>finding</th><th>where</th></tr></thead><tbody>\n");
    for item in &all {
        let class = match item.level {
            Level::Error => "bad",
            Level::Warning => "warn",
            Level::Note => "faint",
        };
        let place = item.place.as_ref().map_or(String::new(), |(file, line)| format!("{file}:{line}"));
        let _ = writeln!(
            out,
            "<tr><td class=\"{class}\">{}</td><td><code>{}</code></td><td class=\"faint\">{}</td></tr>",
            item.id,
            escape(&item.text),
            escape(&place)
        );
    }
    out.push_str("</tbody></table></div>\n");
}
