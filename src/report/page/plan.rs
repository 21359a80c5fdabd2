//! A plan as a page.

use super::parts::{self, Found, Loss};
use super::{document, show};
use crate::plan::model::Plan;
use crate::report::plan::{digest, place_of};
use crate::report::words::{Names, interval, sum};
use crate::spread::decision::Verdict;
use std::fmt::Write as _;

/// The plan as one page. `stack` names the directory.
pub fn plan(plan: &Plan, stack: &str) -> String {
    let mut out = String::new();
    let (add, change, remove) = plan.counts();
    let broken = plan.workloads.iter().flat_map(|(_, w)| &w.decision.rules).any(|r| r.before.verdict == Verdict::Fail);
    let (class, word) = match (plan.is_broken(), broken, plan.has_changes()) {
        (true, ..) => ("bad", "this plan breaks a rule and is not to be applied"),
        (_, true, _) => ("bad", "a rule is broken now"),
        (_, _, true) => ("warn", "changes are pending"),
        _ => ("good", "nothing to do"),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{word}</span></h1>", show(stack));
    let _ = writeln!(
        out,
        "<ul class=\"chips\"><li>{add} to add</li><li>{change} to change</li><li class=\"{}\">{remove} to remove</li><li>serial {}</li>\
         <li><code>{}</code></li></ul>",
        if remove > 0 { "bad" } else { "" },
        plan.serial,
        digest(plan)
    );
    if !plan.unreadable.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"bad\">{} objects could not be read; nothing is concluded about them.</p>",
            plan.unreadable.len()
        );
    }
    for (name, workload) in &plan.workloads {
        let names = Names { topology: &plan.topology, workload: &workload.rules };
        let decision = &workload.decision;
        let margin = &decision.margin;
        let _ = writeln!(
            out,
            "<h2>Workload {}</h2>\n<p>{} of {} serving. Margin {} now, {} during, {} after.</p>",
            show(name),
            interval(sum(&decision.before)),
            decision.replicas,
            margin.before,
            margin.worst_during,
            margin.after
        );
        for (rule, was, is) in &workload.weakened {
            let is = is.as_deref().unwrap_or("nothing");
            let _ = writeln!(out, "<p class=\"warn\">Rule {}: was {}, is {}.</p>", show(rule), show(was), show(is));
        }
        parts::spread(workload, "after", &mut out);
        parts::steps(workload, names, &mut out);
        let mut losses: Vec<Loss> = decision.losses.iter().map(|row| Loss::of(row, workload, names)).collect();
        losses.sort_by_key(|loss| (loss.verdict.is_none(), std::cmp::Reverse(loss.verdict), loss.alive[2]));
        parts::matrix(&losses, &["now", "during", "after"], decision.replicas, names, &mut out);
        for note in &decision.notes {
            let (grave, text) = names.note(note);
            let _ = writeln!(out, "<p class=\"{}\">{}.</p>", if grave { "warn" } else { "faint" }, show(&text));
        }
    }
    let found: Vec<Found> = plan
        .changes
        .iter()
        .filter(|c| !c.aside)
        .filter_map(|c| parts::change(c, c.site.as_ref().and_then(|site| place_of(&plan.sources, site))))
        .collect();
    parts::objects("Objects", &found, &mut out);
    for warning in &plan.warnings {
        let _ = writeln!(out, "<p class=\"warn\">{}. {}</p>", show(&warning.summary), show(&warning.detail));
    }
    document(&format!("straddle plan: {stack}"), &out)
}
