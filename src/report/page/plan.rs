//! A plan as a page.

use super::parts::{self, Found, Loss};
use super::{document, show, tell};
use crate::plan::model::Plan;
use crate::report::plan::{digest, place_of};
use crate::report::words::{Names, interval, sum};
use crate::spread::decision::Verdict;
use crate::tongue::Lang;
use std::fmt::Write as _;

/// The plan as one page. `stack` names the directory.
pub fn plan(plan: &Plan, stack: &str, lang: Lang) -> String {
    let mut out = String::new();
    let (add, change, remove) = plan.counts();
    let number = |key: &str, n: usize| tell(lang, key, &[("n", &n.to_string())]);
    let broken = plan.workloads.iter().flat_map(|(_, w)| &w.decision.rules).any(|r| r.before.verdict == Verdict::Fail);
    let (class, word) = match (plan.is_broken(), broken, plan.has_changes()) {
        (true, ..) => ("bad", "page.breaks"),
        (_, true, _) => ("bad", "page.broken_now"),
        (_, _, true) => ("warn", "page.pending"),
        _ => ("good", "page.nothing"),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{}</span></h1>", show(stack), tell(lang, word, &[]));
    let _ = writeln!(
        out,
        "<ul class=\"chips\"><li>{}</li><li>{}</li><li class=\"{}\">{}</li><li>{}</li><li><code>{}</code></li></ul>",
        number("page.to_add", add),
        number("page.to_change", change),
        if remove > 0 { "bad" } else { "" },
        number("page.to_remove", remove),
        tell(lang, "page.serial", &[("n", &plan.serial.to_string())]),
        digest(plan)
    );
    if !plan.unreadable.is_empty() {
        let _ = writeln!(out, "<p class=\"bad\">{}</p>", number("page.unreadable", plan.unreadable.len()));
    }
    for (name, workload) in &plan.workloads {
        let names = Names { topology: &plan.topology, workload: &workload.rules };
        let decision = &workload.decision;
        let margin = &decision.margin;
        let _ = writeln!(
            out,
            "<h2>{}</h2>\n<p>{}</p>",
            tell(lang, "page.workload", &[("name", name)]),
            tell(
                lang,
                "page.serving",
                &[
                    ("now", &interval(sum(&decision.before))),
                    ("all", &decision.replicas.to_string()),
                    ("before", &margin.before.to_string()),
                    ("during", &margin.worst_during.to_string()),
                    ("after", &margin.after.to_string()),
                ]
            )
        );
        for (rule, was, is) in &workload.weakened {
            let is = is.clone().unwrap_or_else(|| crate::tongue::say(lang, "page.no_rule_left", &[]));
            let words = tell(lang, "page.weakened", &[("rule", rule), ("was", was), ("is", &is)]);
            let _ = writeln!(out, "<p class=\"warn\">{words}</p>");
        }
        parts::spread(workload, "page.after", lang, &mut out);
        parts::steps(workload, names, lang, &mut out);
        let mut losses: Vec<Loss> = decision.losses.iter().map(|row| Loss::of(row, workload, names, lang)).collect();
        losses.sort_by_key(|loss| (loss.verdict.is_none(), std::cmp::Reverse(loss.verdict), loss.alive[2]));
        let columns = ["page.now", "page.during", "page.after"];
        parts::matrix(&losses, &columns, decision.replicas, names, lang, &mut out);
        for note in &decision.notes {
            let (grave, text) = names.note_words(note);
            let text = text.say(lang);
            let _ = writeln!(out, "<p class=\"{}\">{}.</p>", if grave { "warn" } else { "faint" }, show(&text));
        }
    }
    let found: Vec<Found> = plan
        .changes
        .iter()
        .filter(|c| !c.aside)
        .filter_map(|c| parts::change(c, lang, c.site.as_ref().and_then(|site| place_of(&plan.sources, site))))
        .collect();
    parts::objects("page.objects", &found, lang, &mut out);
    for warning in &plan.warnings {
        let _ = writeln!(out, "<p class=\"warn\">{}. {}</p>", show(&warning.summary), show(&warning.detail));
    }
    document(&format!("straddle plan: {stack}"), &out, lang)
}
