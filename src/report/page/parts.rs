//! What pages are put together from: spread tables, steps, loss matrices, objects.

use super::{show, tell};
use crate::plan::model::{Action, Change, WorkloadPlan};
use crate::report::diff::object;
use crate::report::plan::step_of;
use crate::report::style::{Style, clean};
use crate::report::words::{Names, duration_in, interval, verdict};
use crate::spread::decision::{LossRow, Units, Verdict};
use crate::tongue::Lang;
use std::fmt::Write as _;

/// Rows of one list; what is beyond is counted.
pub(super) const MOST: usize = 2_000;

/// The class of a verdict.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::NotProven => "warn",
        Verdict::Fail => "bad",
    }
}

fn percent(part: u32, whole: u32) -> u64 {
    u64::from(part.min(whole)) * 100 / u64::from(whole.max(1))
}

/// How replicas are spread, now and after. `after`: what the second column is called.
pub(super) fn spread(workload: &WorkloadPlan, after: &str, lang: Lang, out: &mut String) {
    let (now, after) = (tell(lang, "page.now", &[]), tell(lang, after, &[]));
    for row in &workload.decision.spread {
        let most = row.domains.iter().map(|d| d.before.hi.max(d.after)).max().unwrap_or(0).max(1);
        let parent: Vec<String> = row.parent.iter().map(|(level, name)| format!("{level} {name}")).collect();
        let title = match parent.is_empty() {
            true => tell(lang, "page.spread", &[("level", &row.level)]),
            false => tell(lang, "page.spread_in", &[("level", &row.level), ("inside", &parent.join(", "))]),
        };
        let _ = writeln!(
            out,
            "<h3>{title}</h3>\n<div class=\"wide\"><table><thead><tr><th>{}</th><th class=\"n\">{now}</th><th style=\"width:32%\"></th>\
             <th class=\"n\">{after}</th><th style=\"width:32%\"></th></tr></thead><tbody>",
            show(&row.level)
        );
        for domain in &row.domains {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td><div class=\"track\"><i class=\"ghost\" style=\"width:{}%\"></i><i style=\"width:{}%\"></i></div></td>\
                 <td class=\"n\">{}</td><td><div class=\"track\"><i style=\"width:{}%\"></i></div></td></tr>",
                show(&domain.name),
                interval(domain.before),
                percent(domain.before.hi, most),
                percent(domain.before.lo, most),
                domain.after,
                percent(domain.after, most)
            );
        }
        out.push_str("</tbody></table></div>\n");
    }
}

/// The steps, to be played through; without scripts all of them stand there.
pub(super) fn steps(workload: &WorkloadPlan, names: Names<'_>, lang: Lang, out: &mut String) {
    let word = |key: &str| tell(lang, key, &[]);
    let number = |key: &str, n: &str| tell(lang, key, &[("n", n)]);
    let steps = &workload.decision.steps;
    if steps.is_empty() {
        return;
    }
    let most = steps.iter().flat_map(|s| s.state.iter().chain(&s.half_done)).max().copied().unwrap_or(1).max(1);
    let _ = writeln!(
        out,
        "<h3>{}</h3>\n<div class=\"player\"><div class=\"tools\"><button type=\"button\" class=\"prev\" aria-label=\"{}\">&#9664;</button>\
         <button type=\"button\" class=\"play\" aria-pressed=\"false\">{}</button><button type=\"button\" class=\"next\" aria-label=\"{}\">&#9654;</button>\
         <input type=\"range\" min=\"0\" max=\"{}\" value=\"0\" aria-label=\"{}\"><button type=\"button\" class=\"all\">{}</button>\
         <span class=\"at\" aria-live=\"polite\"></span></div>\n<ol class=\"steps\">",
        word("page.steps"),
        word("page.last_step"),
        word("page.play"),
        word("page.next_step"),
        steps.len().min(MOST),
        word("page.step"),
        word("page.all"),
    );
    for step in steps.iter().take(MOST) {
        let _ = writeln!(out, "<li><p><strong>{}.</strong> {}</p>", step.index + 1, show(&step_of(step, names, lang)));
        let _ = writeln!(
            out,
            "<div class=\"wide\"><table><thead><tr><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th style=\"width:45%\"></th></tr></thead><tbody>",
            word("page.serving_in"),
            word("page.at_worst"),
            word("page.done")
        );
        for (place, (half, done)) in step.half_done.iter().zip(&step.state).enumerate() {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{half}</td><td class=\"n\">{done}</td><td><div class=\"track\"><i class=\"ghost\" style=\"width:{}%\"></i>\
                 <i style=\"width:{}%\"></i></div></td></tr>",
                show(names.place(place)),
                percent(*done, most),
                percent((*half).min(*done), most)
            );
        }
        out.push_str("</tbody></table></div>\n");
        if let Some(check) = step.checks.iter().min_by_key(|c| c.slack) {
            let class = match (check.slack, check.as_before) {
                (0.., _) => "good",
                (_, true) => "warn",
                _ => "bad",
            };
            let words = match (check.slack, check.as_before) {
                (0.., _) => number("page.slack", &check.slack.to_string()),
                (_, true) => word("page.as_now"),
                _ => number("page.short", &(-check.slack).to_string()),
            };
            let _ = writeln!(
                out,
                "<p>{} <span class=\"{class}\">{}, {words}</span></p>",
                tell(lang, "page.tightest", &[("rule", &names.check(&check.rule))]),
                tell(lang, "page.of", &[("value", &check.value.to_string()), ("bound", &check.bound.to_string())])
            );
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol></div>\n");
    if steps.len() > MOST {
        let _ =
            writeln!(out, "<p class=\"faint\">{}</p>", number("page.more_steps", &(steps.len() - MOST).to_string()));
    }
}

/// How many of a list are not shown.
fn more(lang: Lang, key: &str, all: usize) -> String {
    tell(lang, key, &[("n", &(all - MOST).to_string())])
}

/// A row of the loss matrix.
pub(super) struct Loss {
    pub name: String,
    /// Column by column.
    pub alive: Vec<Units>,
    /// The most that a rule which names the loss asks for at once.
    pub floor: Units,
    pub back: String,
    pub verdict: Option<Verdict>,
}

/// When growth has made a loss good.
pub(super) fn back(after: Units, recovers: Units, within: Option<u64>, names: Names<'_>, lang: Lang) -> String {
    match within {
        Some(seconds) => {
            let (units, time) = (names.units(recovers.max(after)), duration_in(seconds, lang));
            crate::tongue::say(lang, "page.back_in", &[("units", &units), ("time", &time)])
        }
        None => "-".into(),
    }
}

impl Loss {
    pub fn of(row: &LossRow, workload: &WorkloadPlan, names: Names<'_>, lang: Lang) -> Loss {
        let rules = &workload.decision.rules;
        let floors = row.rules.iter().filter_map(|i| rules.iter().find(|r| r.index == *i)).map(|r| r.floor);
        Loss {
            floor: floors.max().unwrap_or(0),
            name: names.loss(&row.lose),
            alive: vec![row.now, row.worst_during, row.after],
            back: back(row.after, row.recovers_to, row.within_s, names, lang),
            verdict: row.verdict,
        }
    }
}

/// What each loss leaves, to be read across a room: the number, on the colour of its verdict.
pub(super) fn matrix(losses: &[Loss], columns: &[&str], replicas: u32, names: Names<'_>, lang: Lang, out: &mut String) {
    let word = |key: &str| tell(lang, key, &[]);
    if losses.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<h3>{}</h3>\n<div class=\"wide\"><table class=\"matrix\"><thead><tr><th>{}</th>",
        tell(lang, "page.if_lost", &[("n", &replicas.to_string())]),
        word("page.lost")
    );
    for column in columns {
        let _ = write!(out, "<th style=\"text-align:center\">{}</th>", word(column));
    }
    let (grows, said) = (word("page.grows_back"), word("page.verdict"));
    let _ = writeln!(out, "<th>{grows}</th><th>{said}</th></tr></thead><tbody>");
    for loss in losses.iter().take(MOST) {
        let class = loss.verdict.map_or("", class);
        let _ = write!(out, "<tr><td>{}</td>", show(&loss.name));
        for alive in &loss.alive {
            // Nothing left is bad whether or not a rule says so; and the verdict is on what will stand, not on every column.
            let class = if *alive == 0 || *alive < loss.floor { "bad" } else { class };
            let _ = write!(out, "<td class=\"cell {class}\">{}</td>", names.units(*alive));
        }
        let said = loss.verdict.map_or_else(|| word("page.no_rule"), |v| verdict(v).to_string());
        let _ = writeln!(out, "<td>{}</td><td class=\"{class}\">{said}</td></tr>", show(&loss.back));
    }
    out.push_str("</tbody></table></div>\n");
    if losses.len() > MOST {
        let _ = writeln!(out, "<p class=\"faint\">{}</p>", more(lang, "page.more_losses", losses.len()));
    }
}

/// An object of a list that can be searched.
pub(super) struct Found {
    /// The kinds of the filter are these.
    pub kind: &'static str,
    pub class: &'static str,
    pub title: String,
    pub note: String,
    /// Shown when opened; empty: nothing to open.
    pub body: String,
}

/// A list with a search and a filter by kind.
pub(super) fn objects(title: &str, all: &[Found], lang: Lang, out: &mut String) {
    let _ = writeln!(out, "<h2>{}</h2>", tell(lang, title, &[]));
    if all.is_empty() {
        let _ = writeln!(out, "<p class=\"good\">{}</p>", tell(lang, "page.none", &[]));
        return;
    }
    let mut kinds: Vec<&str> = all.iter().map(|f| f.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let (hint, label) = (tell(lang, "page.search", &[]), tell(lang, "page.key_search", &[]));
    let _ = write!(
        out,
        "<div class=\"tools\"><input type=\"search\" id=\"search\" placeholder=\"{hint}\" aria-label=\"{label}\"><span id=\"kinds\">"
    );
    for kind in kinds {
        let n = all.iter().filter(|f| f.kind == kind).count();
        let _ = write!(out, "<label><input type=\"checkbox\" value=\"{kind}\" checked> {kind} {n}</label> ");
    }
    out.push_str("</span><span id=\"counted\" aria-live=\"polite\"></span></div>\n");
    for found in all.iter().take(MOST) {
        let find = format!("{} {} {}", found.title, found.note, found.body).to_lowercase();
        let attributes = format!("data-kind=\"{}\" data-find=\"{}\"", found.kind, show(&find.replace('\n', " ")));
        let head = format!(
            "<span class=\"{}\">{}</span> <code>{}</code> <span class=\"faint\">{}</span>",
            found.class,
            found.kind,
            show(&found.title),
            show(&found.note)
        );
        let _ = match found.body.is_empty() {
            true => writeln!(out, "<details {attributes}><summary>{head}</summary></details>"),
            false => writeln!(
                out,
                "<details {attributes}><summary>{head}</summary><pre>{}</pre></details>",
                show(&found.body)
            ),
        };
    }
    if all.len() > MOST {
        let _ = writeln!(out, "<p class=\"faint\">{}</p>", more(lang, "page.more", all.len()));
    }
}

/// A change with its diff; sensitive values are never in it.
pub(super) fn change(change: &Change, lang: Lang, place: Option<(&str, usize)>) -> Option<Found> {
    let (kind, class) = match change.action {
        Action::NoOp if change.previous_address.is_some() => ("move", "faint"),
        Action::NoOp => return None,
        Action::Create => ("add", "good"),
        Action::Update => ("change", "warn"),
        Action::Delete => ("remove", "bad"),
        Action::CreateDelete | Action::DeleteCreate => ("replace", "bad"),
        Action::Read => ("read", "faint"),
        Action::Forget => ("forget", "warn"),
        Action::Spare => ("spare", "warn"),
    };
    let style = Style { verbose: false, lang, ..Style::default() };
    let body = object(&change.before, &change.after, &change.replace_paths, 2, &style);
    let from = change.previous_address.as_ref().map(ToString::to_string);
    let moved = from.map(|from| format!("{} ", crate::tongue::say(lang, "page.moved", &[("from", &from)])));
    let place = place.map_or(String::new(), |(file, line)| format!("{file}:{line}"));
    Some(Found {
        kind,
        class,
        title: clean(&change.address.to_string()).into_owned(),
        note: format!("{}{place}", moved.unwrap_or_default()),
        body,
    })
}
