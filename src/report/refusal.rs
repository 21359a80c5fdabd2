//! Why there is no plan, or why a plan is refused: what conflicts, in which lines, and the cheapest ways out.

use super::diagnostics;
use super::json::Json;
use super::style::Style;
use super::words::{Names, amount, count};
use crate::diag::{Diagnostic, Sources, Span};
use crate::spread::decision::{Breach, CheckOf, Refusal, WayOut};
use crate::spread::model::Site;

/// Finds where a site of the spec is.
pub type Spans<'a> = dyn Fn(Site) -> Option<Span> + 'a;

/// A refusal as a diagnostic: the first conflicting line underlined, the others pointed at, the ways out as help.
pub fn diagnostic(refusal: &Refusal, names: Names<'_>, spans: &Spans<'_>) -> Diagnostic {
    let Parts { summary, detail, lines, ways_out } = parts(refusal, names);
    assemble(Diagnostic::error(summary, detail), &lines, ways_out, names, spans)
}

/// A broken rule as a diagnostic.
pub fn breach(breach: &Breach, names: Names<'_>, spans: &Spans<'_>) -> Diagnostic {
    let workload = &names.workload.name;
    let left = names.units(breach.value);
    let floor = names.units(breach.floor);
    let detail = match breach.rule {
        Some(_) if breach.value >= breach.floor => format!(
            "With everything healthy enough of workload \"{workload}\" is left at once ({left}), and growth does not bring back in time what \"then\" promises."
        ),
        Some(_) if !breach.worst_loss.is_empty() => format!(
            "With everything healthy, losing {} leaves {left} of workload \"{workload}\", and the rule says {floor}.",
            names.loss(&breach.worst_loss)
        ),
        _ => format!("With everything healthy {left} of workload \"{workload}\" serve, and the rule says {floor}."),
    };
    let rule = breach.rule.map_or_else(|| "floor".to_string(), |rule| names.rule(rule));
    assemble(Diagnostic::error(format!("{rule} cannot hold"), detail), &breach.lines, &breach.ways_out, names, spans)
}

/// The refusal rendered with its lines.
pub fn text(refusal: &Refusal, names: Names<'_>, spans: &Spans<'_>, sources: &Sources, style: &Style) -> String {
    diagnostics::text(&[diagnostic(refusal, names, spans)], sources, style)
}

/// The refusal for programs: what conflicts and the ways out, each with its place.
pub fn json(refusal: &Refusal, names: Names<'_>, spans: &Spans<'_>, sources: &Sources) -> String {
    let parts = parts(refusal, names);
    let mut json = Json::new();
    json.object(|j| {
        j.key("format_version").text("1.0");
        j.key("workload").text(&names.workload.name);
        j.key("summary").text(&parts.summary);
        j.key("detail").text(&parts.detail);
        let ranges = parts.lines.iter().filter_map(|site| spans(*site));
        j.key("lines").array(ranges, |j, span| match sources.files.get(span.file.0 as usize) {
            Some(source) => diagnostics::range(source, &span, j),
            None => j.raw("null"),
        });
        j.key("ways_out").array(parts.ways_out, |j, way| {
            j.object(|j| {
                j.key("words").text(&names.way_out(way));
                if let Some(span) = site_of(way).and_then(spans)
                    && let Some(source) = sources.files.get(span.file.0 as usize)
                {
                    diagnostics::range(source, &span, j.key("range"));
                }
            });
        });
    });
    json.finish()
}

struct Parts<'r> {
    summary: String,
    detail: String,
    lines: Vec<Site>,
    ways_out: &'r [WayOut],
}

fn parts<'r>(refusal: &'r Refusal, names: Names<'_>) -> Parts<'r> {
    let workload = &names.workload.name;
    let plain = |summary: &str, detail: String, lines: Vec<Site>| Parts {
        summary: summary.into(),
        detail,
        lines,
        ways_out: &[],
    };
    match refusal {
        Refusal::Malformed(what) => plain(
            "A fault of straddle itself",
            format!("The placement problem of workload \"{workload}\" is not well formed: {what}. Please report it."),
            vec![],
        ),
        Refusal::TooMany { replicas, most, site } => plain(
            "Too many replicas",
            format!("{replicas} are more than the {most} that one workload can have."),
            vec![*site],
        ),
        Refusal::MissingDomain { location, level, site } => plain(
            "A location has no such domain",
            format!(
                "The spread divides workload \"{workload}\" by {level}, and location \"{location}\" says no {level}."
            ),
            vec![*site],
        ),
        Refusal::NoSuchDomain { level, domain, site } => plain(
            "No such domain",
            format!("No location of workload \"{workload}\" is in {level} \"{domain}\"."),
            vec![*site],
        ),
        Refusal::AllWeightsZero { level, site } => plain(
            "Nowhere to go",
            format!(
                "Every {level} that can be used has weight 0, so no replica of workload \"{workload}\" has a place."
            ),
            vec![*site],
        ),
        Refusal::Minimums { level, sum, available, lines, ways_out } => Parts {
            summary: "The minimums cannot be met".into(),
            detail: format!("The minimums of {level} add up to {sum}, and there are {available} replicas."),
            lines: lines.clone(),
            ways_out,
        },
        Refusal::Shortage { short, level, domains, lines, ways_out } => {
            let lack: Vec<String> = domains.iter().map(|(name, n)| format!("{level} {name} lacks {n}")).collect();
            Parts {
                summary: "Not enough room".into(),
                detail: format!(
                    "{} of workload \"{workload}\" find no room where the ratio puts them: {}.",
                    count(*short as usize, "replica"),
                    lack.join(", ")
                ),
                lines: lines.clone(),
                ways_out,
            }
        }
        Refusal::Blocked { by, worst_loss, value, bound, state, lines, ways_out } => Parts {
            summary: "No order of steps keeps every rule".into(),
            detail: blocked(by, worst_loss, (*value, *bound), state, names),
            lines: lines.clone(),
            ways_out,
        },
    }
}

fn blocked(
    by: &CheckOf,
    loss: &[crate::spread::model::Event],
    (value, bound): (i64, i64),
    state: &[u32],
    names: Names<'_>,
) -> String {
    let number = |n: i64| match by {
        CheckOf::Serving | CheckOf::Survive(_) => amount(n, names.workload.scale),
        _ => n.to_string(),
    };
    let state: Vec<String> =
        state.iter().enumerate().filter(|(_, n)| **n > 0).map(|(p, n)| format!("{} {n}", names.place(p))).collect();
    let lost = if loss.is_empty() { String::new() } else { format!(" after losing {}", names.loss(loss)) };
    format!(
        "The change of workload \"{}\" stops at {} serving: whatever is done next, {} would be {}{lost}, and the rule says {}.",
        names.workload.name,
        super::words::some(state.into_iter(), 6),
        names.check(by),
        number(value),
        number(bound)
    )
}

fn assemble(
    mut diagnostic: Diagnostic,
    lines: &[Site],
    ways: &[WayOut],
    names: Names<'_>,
    spans: &Spans<'_>,
) -> Diagnostic {
    let mut places = lines.iter().filter_map(|site| spans(*site));
    diagnostic.span = places.next();
    for place in places {
        diagnostic = diagnostic.related(&place, "conflicts with this");
    }
    if !ways.is_empty() {
        let words: Vec<String> = ways.iter().map(|way| names.way_out(way)).collect();
        let lead = if words.len() == 1 { "This is enough" } else { "Any one of these is enough" };
        diagnostic.help = format!("{lead}: {}.", words.join("; "));
    }
    diagnostic
}

fn site_of(way: &WayOut) -> Option<Site> {
    match way {
        WayOut::LowerFloor { site, .. }
        | WayOut::RaiseCap { site, .. }
        | WayOut::LowerMinimum { site, .. }
        | WayOut::Surge { site, .. }
        | WayOut::Tolerance { site, .. }
        | WayOut::Within { site, .. }
        | WayOut::LowerPromise { site, .. }
        | WayOut::PreferOnShortage(site) => Some(*site),
        WayOut::Replicas(_) | WayOut::SpareRoom(_) => None,
    }
}
