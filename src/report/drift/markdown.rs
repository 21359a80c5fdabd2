//! One comment that is replaced at each run: rules first, what is gone next, then the rest, cut between sections.

use super::{Drift, Kind, Resource};
use crate::report::plan::place_of;
use crate::report::words::{Names, interval, verdict};
use crate::spread::decision::Verdict;
use std::fmt::Write as _;

/// Comments longer than 65,536 characters are refused; what is appended after a cut must fit as well.
const MOST_BYTES: usize = 63_000;

/// Rows of one table.
const MOST_ROWS: usize = 50;

/// The check as a comment. `stack` tells this comment from those of other directories.
pub fn markdown(drift: &Drift<'_>, stack: &str) -> String {
    let mut out =
        format!("<!-- straddle:sticky stack={} -->\n### straddle: {}\n", comment(stack), headline(drift, stack));
    let sections = [rules(drift), spread(drift)]
        .into_iter()
        .chain([Kind::Unreadable, Kind::Missing, Kind::Changed, Kind::Unmanaged].map(|kind| objects(drift, kind)))
        .flatten();
    let mut left_out = 0;
    for section in sections {
        if out.len() + section.len() <= MOST_BYTES {
            out.push('\n');
            out.push_str(&section);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let _ = write!(out, "\n{left_out} sections did not fit here: the JSON of this check has all of them.\n");
    }
    let unreadable = drift.count(Kind::Unreadable);
    let standing = drift.changes.iter().filter(|c| !c.before.is_null()).count() + drift.count(Kind::Missing);
    let _ = write!(
        out,
        "\nCould read {} of {standing} objects. No lock taken, nothing written. Reproduce: `straddle drift -chdir={stack}`\n",
        standing.saturating_sub(unreadable)
    );
    out
}

fn headline(drift: &Drift<'_>, stack: &str) -> String {
    let n = |kind| drift.count(kind);
    let stack = code(stack);
    match (drift.breaches(), drift.is_clean()) {
        (_, true) => format!("no drift ({stack})"),
        (0, _) => format!(
            "DRIFT: {} changed, {} missing, {} unmanaged, {} unreadable ({stack})",
            n(Kind::Changed),
            n(Kind::Missing),
            n(Kind::Unmanaged),
            n(Kind::Unreadable)
        ),
        (1, _) => format!("1 rule is BROKEN ({stack})"),
        (broken, _) => format!("{broken} rules are BROKEN ({stack})"),
    }
}

fn rules(drift: &Drift<'_>) -> Option<String> {
    let mut rows = String::new();
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        for rule in &workload.decision.rules {
            let now = &rule.before;
            let word = match now.verdict {
                Verdict::Fail => "**FAIL**".to_string(),
                other => verdict(other).to_string(),
            };
            let _ = writeln!(
                rows,
                "| {} | {} | {} | {} | {} | {word} |",
                cell(name),
                cell(&names.rule(rule.index)),
                cell(&names.loss(&now.worst_loss)),
                names.units(now.alive),
                names.units(rule.floor)
            );
        }
    }
    let head = "| workload | rule | worst loss | left | rule says | |\n|---|---|---|---:|---:|---|\n";
    (!rows.is_empty()).then(|| format!("{head}{rows}"))
}

fn spread(drift: &Drift<'_>) -> Option<String> {
    let mut out = String::new();
    for (name, workload) in drift.workloads {
        for row in &workload.decision.spread {
            let _ = write!(out, "| {} spread {} | live | wanted |\n|---|---:|---:|\n", cell(name), code(&row.level));
            for domain in &row.domains {
                let _ = writeln!(out, "| {} | {} | {} |", cell(&domain.name), interval(domain.before), domain.after);
            }
            out.push('\n');
        }
    }
    (!out.is_empty()).then_some(out)
}

fn objects(drift: &Drift<'_>, kind: Kind) -> Option<String> {
    let all: Vec<&Resource> = drift.resources.iter().filter(|r| r.kind == kind).collect();
    if all.is_empty() {
        return None;
    }
    let title = match kind {
        Kind::Unreadable => "could not be read; nothing is concluded about these",
        Kind::Missing => "missing: in the state, not in reality",
        Kind::Changed => "changed: reality is not as the state has it",
        Kind::Unmanaged => "unmanaged: marked as straddle's, in no state",
        Kind::Ignored => "differs where the spec says not to look",
    };
    let mut out = format!("<details><summary>{} {title}</summary>\n\n", all.len());
    for resource in all.iter().take(MOST_ROWS) {
        let place = resource.span.as_ref().and_then(|span| place_of(drift.sources, span));
        let place = place.map_or(String::new(), |(file, line)| format!(", {file}:{line}"));
        let words = resource.words.replace('\n', " ");
        let words = if words.is_empty() { String::new() } else { format!(": {}", cell(&words)) };
        let _ = writeln!(out, "- {}{words}{place}", code(&resource.address));
        for path in &resource.paths {
            let side = |s: &Option<String>| s.as_deref().map_or("(not shown)".to_string(), |v| code(&super::short(v)));
            let _ = writeln!(out, "  - {} {} -> {}", code(&path.path), side(&path.state), side(&path.live));
        }
    }
    if all.len() > MOST_ROWS {
        let _ = writeln!(out, "- and {} more", all.len() - MOST_ROWS);
    }
    out.push_str("\n</details>\n");
    Some(out)
}

/// Text in a code span, whatever quotes it holds.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

/// Text in a table's cell: nothing of it is markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text inside an HTML comment: it cannot end it.
fn comment(text: &str) -> String {
    text.replace("--", "- -").replace('>', "")
}
