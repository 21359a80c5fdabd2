//! What pages are put together from: spread tables, steps, loss matrices, objects.

use super::show;
use crate::plan::model::{Action, Change, WorkloadPlan};
use crate::report::diff::object;
use crate::report::plan::step_of;
use crate::report::style::{Style, clean};
use crate::report::words::{Names, duration, interval, verdict};
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
pub(super) fn spread(workload: &WorkloadPlan, after: &str, out: &mut String) {
    for row in &workload.decision.spread {
        let most = row.domains.iter().map(|d| d.before.hi.max(d.after)).max().unwrap_or(0).max(1);
        let parent: Vec<String> = row.parent.iter().map(|(level, name)| format!("{level} {name}")).collect();
        let inside = if parent.is_empty() { String::new() } else { format!(" in {}", parent.join(", ")) };
        let _ = writeln!(
            out,
            "<h3>Spread {}{}</h3>\n<div class=\"wide\"><table><thead><tr><th>{}</th><th class=\"n\">now</th><th style=\"width:32%\"></th>\
             <th class=\"n\">{after}</th><th style=\"width:32%\"></th></tr></thead><tbody>",
            show(&row.level),
            show(&inside),
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
pub(super) fn steps(workload: &WorkloadPlan, names: Names<'_>, out: &mut String) {
    let steps = &workload.decision.steps;
    if steps.is_empty() {
        return;
    }
    let most = steps.iter().flat_map(|s| s.state.iter().chain(&s.half_done)).max().copied().unwrap_or(1).max(1);
    let _ = writeln!(
        out,
        "<h3>Steps</h3>\n<div class=\"player\"><div class=\"tools\"><button type=\"button\" class=\"prev\" aria-label=\"last step\">&#9664;</button>\
         <button type=\"button\" class=\"play\" aria-pressed=\"false\">Play</button><button type=\"button\" class=\"next\" aria-label=\"next step\">&#9654;</button>\
         <input type=\"range\" min=\"0\" max=\"{}\" value=\"0\" aria-label=\"step\"><button type=\"button\" class=\"all\">All</button>\
         <span class=\"at\" aria-live=\"polite\"></span></div>\n<ol class=\"steps\">",
        steps.len().min(MOST)
    );
    for step in steps.iter().take(MOST) {
        let _ =
            writeln!(out, "<li><p><strong>{}.</strong> {}</p>", step.index + 1, show(&step_of(step, names, Lang::En)));
        out.push_str("<div class=\"wide\"><table><thead><tr><th>serving in</th><th class=\"n\">at worst</th><th class=\"n\">done</th><th style=\"width:45%\"></th></tr></thead><tbody>\n");
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
                (0.., _) => format!("slack {}", check.slack),
                (_, true) => "as now, not worse".into(),
                _ => format!("{} short", -check.slack),
            };
            let _ = writeln!(
                out,
                "<p>Tightest: {} <span class=\"{class}\">{} of {}, {words}</span></p>",
                show(&names.check(&check.rule)),
                check.value,
                check.bound
            );
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol></div>\n");
    if steps.len() > MOST {
        let _ = writeln!(out, "<p class=\"faint\">and {} steps more: straddle show has all.</p>", steps.len() - MOST);
    }
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
pub(super) fn back(after: Units, recovers: Units, within: Option<u64>, names: Names<'_>) -> String {
    match within {
        Some(seconds) => format!("{} in {}", names.units(recovers.max(after)), duration(seconds)),
        None => "-".into(),
    }
}

impl Loss {
    pub fn of(row: &LossRow, workload: &WorkloadPlan, names: Names<'_>) -> Loss {
        let rules = &workload.decision.rules;
        let floors = row.rules.iter().filter_map(|i| rules.iter().find(|r| r.index == *i)).map(|r| r.floor);
        Loss {
            floor: floors.max().unwrap_or(0),
            name: names.loss(&row.lose),
            alive: vec![row.now, row.worst_during, row.after],
            back: back(row.after, row.recovers_to, row.within_s, names),
            verdict: row.verdict,
        }
    }
}

/// What each loss leaves, to be read across a room: the number, on the colour of its verdict.
pub(super) fn matrix(losses: &[Loss], columns: &[&str], replicas: u32, names: Names<'_>, out: &mut String) {
    if losses.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<h3>Serving of {replicas} if lost</h3>\n<div class=\"wide\"><table class=\"matrix\"><thead><tr><th>lost</th>"
    );
    for column in columns {
        let _ = write!(out, "<th style=\"text-align:center\">{column}</th>");
    }
    out.push_str("<th>grows back to</th><th>verdict</th></tr></thead><tbody>\n");
    for loss in losses.iter().take(MOST) {
        let class = loss.verdict.map_or("", class);
        let _ = write!(out, "<tr><td>{}</td>", show(&loss.name));
        for alive in &loss.alive {
            // Nothing left is bad whether or not a rule says so; and the verdict is on what will stand, not on every column.
            let class = if *alive == 0 || *alive < loss.floor { "bad" } else { class };
            let _ = write!(out, "<td class=\"cell {class}\">{}</td>", names.units(*alive));
        }
        let word = loss.verdict.map_or("no rule", verdict);
        let _ = writeln!(out, "<td>{}</td><td class=\"{class}\">{word}</td></tr>", show(&loss.back));
    }
    out.push_str("</tbody></table></div>\n");
    if losses.len() > MOST {
        let _ = writeln!(out, "<p class=\"faint\">and {} losses more: -json has all.</p>", losses.len() - MOST);
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
pub(super) fn objects(title: &str, all: &[Found], out: &mut String) {
    let _ = writeln!(out, "<h2>{title}</h2>");
    if all.is_empty() {
        out.push_str("<p class=\"good\">none</p>\n");
        return;
    }
    let mut kinds: Vec<&str> = all.iter().map(|f| f.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    out.push_str("<div class=\"tools\"><input type=\"search\" id=\"search\" placeholder=\"search addresses and values\" aria-label=\"search\"><span id=\"kinds\">");
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
        let _ = writeln!(out, "<p class=\"faint\">and {} more: the JSON has all.</p>", all.len() - MOST);
    }
}

/// A change with its diff; sensitive values are never in it.
pub(super) fn change(change: &Change, place: Option<(&str, usize)>) -> Option<Found> {
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
    let style = Style { verbose: false, ..Style::default() };
    let body = object(&change.before, &change.after, &change.replace_paths, 2, &style);
    let moved = change.previous_address.as_ref().map(|from| format!("moved from {from} "));
    let place = place.map_or(String::new(), |(file, line)| format!("{file}:{line}"));
    Some(Found {
        kind,
        class,
        title: clean(&change.address.to_string()).into_owned(),
        note: format!("{}{place}", moved.unwrap_or_default()),
        body,
    })
}
