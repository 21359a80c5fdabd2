//! One comment that is replaced at each run: rules first, what is gone next, then the rest, cut between sections.

use super::{Between, Cause, Drift, Kind, Resource, broken_after};
use crate::plan::model::Action;
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
    // With a base: what the change causes, what a merge would do, and apart from them what was so before.
    let (change, before) = (Some(Cause::Change), Some(Cause::Before));
    let kinds = [Kind::Unreadable, Kind::Missing, Kind::Changed, Kind::Unmanaged];
    let sections: Vec<String> = match &drift.base {
        None => {
            let objects = kinds.map(|kind| objects(drift, &|r| r.kind == kind, title(kind)));
            [rules(drift), spread(drift)].into_iter().chain(objects).flatten().collect()
        }
        Some(_) => {
            let new = kinds.map(|kind| {
                let meant = |r: &Resource| r.kind == kind && r.cause == change && r.between == Between::StateLive;
                objects(drift, &meant, &format!("new: {}", title(kind)))
            });
            let pending =
                |r: &Resource| r.kind != Kind::Ignored && r.cause == change && r.between == Between::CodeState;
            let old = |r: &Resource| r.kind != Kind::Ignored && r.cause == before;
            [caused(drift), merge(drift), spread(drift)]
                .into_iter()
                .chain(new)
                .chain([
                    objects(drift, &pending, "this change asks for and the state has not yet"),
                    not_caused(drift),
                    objects(drift, &old, "differed before this change"),
                    rules(drift)
                        .map(|table| format!("<details><summary>Every rule, now</summary>\n\n{table}\n</details>\n")),
                ])
                .flatten()
                .collect()
        }
    };
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
    if let Some(base) = &drift.base {
        let short: String = base.commit.chars().take(12).collect();
        let _ = write!(
            out,
            "\nbase {} `{short}`{}\n",
            code(&base.reference),
            if base.failed { ", which could not be planned" } else { "" }
        );
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
    if let Some(base) = &drift.base {
        let broken = broken_after(drift).iter().filter(|b| b.cause != Some(Cause::Before)).count();
        let open = base.rules.iter().filter(|r| r.is_open()).count();
        let rules = |n: usize| format!("{n} {}", if n == 1 { "rule" } else { "rules" });
        return match (broken, open) {
            (0, 0) => format!("this change breaks and weakens no rule ({stack})"),
            (0, open) => format!("NEEDS APPROVAL. This change removes or weakens {} ({stack})", rules(open)),
            (broken, 0) => format!("BLOCKED. This change breaks {} ({stack})", rules(broken)),
            (broken, open) => {
                format!(
                    "BLOCKED. This change breaks {} and removes or weakens {} ({stack})",
                    rules(broken),
                    rules(open)
                )
            }
        };
    }
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

/// What the change does to rules.
fn caused(drift: &Drift<'_>) -> Option<String> {
    let base = drift.base.as_ref()?;
    let mut rows = String::new();
    let place = |site: Option<crate::spread::model::Site>| {
        let span = site.and_then(|site| drift.sites.get(site.0));
        let place = span.and_then(|span| place_of(drift.sources, span));
        place.map_or(String::new(), |(file, line)| format!(", {}:{line}", cell(file)))
    };
    for broken in broken_after(drift).iter().filter(|b| b.cause != Some(Cause::Before)) {
        let [loss, now, after, floor] = &broken.figures;
        let _ = writeln!(
            rows,
            "| {}: lose {} | {now} alive | **{after} alive** | {} {floor}{} | **FAIL** |",
            cell(&broken.workload),
            cell(loss),
            code(&broken.id),
            place(broken.site)
        );
    }
    for rule in base.rules.iter().filter(|r| r.grade.needs_approval()) {
        let said = |text: &Option<String>| text.as_deref().map_or("none".to_owned(), cell);
        let _ = writeln!(
            rows,
            "| rule {} | {} | {} | {} {} | {} |",
            rule.grade.key(),
            said(&rule.was),
            said(&rule.is),
            cell(&rule.workload),
            code(&rule.id),
            if rule.approved { "approved" } else { "**needs approval**" }
        );
    }
    let head = "| caused by this change | now | after | rule | |\n|---|---|---|---|---|\n";
    (!rows.is_empty()).then(|| format!("{head}{rows}"))
}

/// What a merge would do, the removals by name.
fn merge(drift: &Drift<'_>) -> Option<String> {
    let count = |f: fn(Action) -> bool| drift.changes.iter().filter(|c| f(c.action)).count();
    let replaced = count(|a| a.creates() && a.deletes());
    let (add, remove) = (count(Action::creates) - replaced, count(Action::deletes) - replaced);
    let mut out = format!(
        "**What a merge would do:** {add} to add, **{remove} to remove**, **{replaced} to replace**, {} to change.\n",
        count(|a| a == Action::Update)
    );
    let gone: Vec<_> = drift.changes.iter().filter(|c| c.action.deletes()).collect();
    for change in gone.iter().take(MOST_ROWS) {
        let word = if change.action.creates() { "Replaced" } else { "Removed" };
        let _ = writeln!(out, "- {word}: {}", code(&change.address.to_string()));
    }
    if gone.len() > MOST_ROWS {
        let _ = writeln!(out, "- and {} more", gone.len() - MOST_ROWS);
    }
    Some(out)
}

/// Rules that were broken before: they block nothing.
fn not_caused(drift: &Drift<'_>) -> Option<String> {
    let mut rows = String::new();
    for item in super::items::items(drift) {
        if item.id == "rule.broken" && item.cause == Some(Cause::Before) {
            let _ = writeln!(rows, "- {}", cell(&item.text));
        }
    }
    (!rows.is_empty()).then(|| format!("**Not caused by this change** (already so, does not block it)\n{rows}"))
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

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Unreadable => "could not be read; nothing is concluded about these",
        Kind::Missing => "missing: in the state, not in reality",
        Kind::Changed => "changed: reality is not as the state has it",
        Kind::Unmanaged => "unmanaged: marked as straddle's, in no state",
        Kind::Ignored => "differs where the spec says not to look",
    }
}

fn objects(drift: &Drift<'_>, meant: &dyn Fn(&Resource) -> bool, title: &str) -> Option<String> {
    let mut all: Vec<&Resource> = drift.resources.iter().filter(|r| meant(r)).collect();
    if all.is_empty() {
        return None;
    }
    all.sort_by_key(|r| std::cmp::Reverse(r.severity));
    let mut out = format!("<details><summary>{} {title}</summary>\n\n", all.len());
    for resource in all.iter().take(MOST_ROWS) {
        let place = resource.span.as_ref().and_then(|span| place_of(drift.sources, span));
        let place = place.map_or(String::new(), |(file, line)| format!(", {file}:{line}"));
        let words = resource.words.replace('\n', " ");
        let words = if words.is_empty() { String::new() } else { format!(": {}", cell(&words)) };
        let _ = writeln!(out, "- {}{words}, severity {}{place}", code(&resource.address), resource.severity);
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
