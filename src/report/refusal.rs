//! Why there is no plan, or why a plan is refused: what conflicts, in which lines, and the cheapest ways out.

use super::diagnostics;
use super::json::Json;
use super::style::Style;
use super::words::{Names, amount};
use crate::diag::{Diagnostic, Sources, Span};
use crate::spread::decision::{Breach, CheckOf, Refusal, WayOut};
use crate::spread::model::Site;
use crate::tongue::{Lang, Words, say};

/// Finds where a site of the spec is.
pub type Spans<'a> = dyn Fn(Site) -> Option<Span> + 'a;

/// A refusal as a diagnostic: the first conflicting line underlined, the others pointed at, the ways out as help.
pub fn diagnostic(refusal: &Refusal, names: Names<'_>, spans: &Spans<'_>, lang: Lang) -> Diagnostic {
    let Parts { summary, detail, lines, ways_out } = parts(refusal, names);
    assemble(Diagnostic::error(summary.say(lang), detail.say(lang)), &lines, ways_out, names, spans, lang)
}

/// A broken rule as a diagnostic.
pub fn breach(breach: &Breach, names: Names<'_>, spans: &Spans<'_>, lang: Lang) -> Diagnostic {
    let key = match breach.rule {
        Some(_) if breach.value >= breach.floor => "refuse.growth",
        Some(_) if !breach.worst_loss.is_empty() => "refuse.losing",
        _ => "refuse.serving",
    };
    let detail = Words::new(key)
        .with("workload", names.workload.name.as_str())
        .with("left", names.units(breach.value))
        .with("floor", names.units(breach.floor))
        .with("loss", names.loss(&breach.worst_loss));
    let rule = breach.rule.map_or_else(|| say(lang, "refuse.floor", &[]), |rule| names.rule(rule));
    let summary = say(lang, "refuse.cannot_hold", &[("rule", &rule)]);
    assemble(Diagnostic::error(summary, detail.say(lang)), &breach.lines, &breach.ways_out, names, spans, lang)
}

/// The refusal rendered with its lines.
pub fn text(refusal: &Refusal, names: Names<'_>, spans: &Spans<'_>, sources: &Sources, style: &Style) -> String {
    diagnostics::text(&[diagnostic(refusal, names, spans, style.lang)], sources, style)
}

/// The refusal for programs: what conflicts and the ways out, each with its place.
pub fn json(refusal: &Refusal, names: Names<'_>, spans: &Spans<'_>, sources: &Sources) -> String {
    let parts = parts(refusal, names);
    let mut json = Json::new();
    json.object(|j| {
        j.key("format_version").text("1.0");
        j.key("workload").text(&names.workload.name);
        j.key("summary").text(&parts.summary.say(Lang::En));
        j.key("detail").text(&parts.detail.say(Lang::En));
        let ranges = parts.lines.iter().filter_map(|site| spans(*site));
        j.key("lines").array(ranges, |j, span| match sources.files.get(span.file.0 as usize) {
            Some(source) => diagnostics::range(source, &span, j),
            None => j.raw("null"),
        });
        j.key("ways_out").array(parts.ways_out, |j, way| {
            j.object(|j| {
                j.key("words").text(&names.way_out(way, Lang::En));
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
    summary: Words,
    detail: Words,
    lines: Vec<Site>,
    ways_out: &'r [WayOut],
}

fn parts<'r>(refusal: &'r Refusal, names: Names<'_>) -> Parts<'r> {
    let told = |key: &'static str| Words::new(key).with("workload", names.workload.name.as_str());
    let plain = |summary: &'static str, detail: Words, lines: Vec<Site>| Parts {
        summary: Words::new(summary),
        detail,
        lines,
        ways_out: &[],
    };
    match refusal {
        Refusal::Malformed(what) => plain("refuse.fault", told("refuse.malformed").with("what", what.as_str()), vec![]),
        Refusal::TooMany { replicas, most, site } => {
            let detail = told("refuse.too_many_detail").with("n", u64::from(*replicas)).with("most", u64::from(*most));
            plain("refuse.too_many", detail, vec![*site])
        }
        Refusal::MissingDomain { location, level, site } => {
            let detail =
                told("refuse.no_level_detail").with("level", level.as_str()).with("location", location.as_str());
            plain("refuse.no_level", detail, vec![*site])
        }
        Refusal::NoSuchDomain { level, domain, site } => {
            let detail = told("refuse.no_domain_detail").with("level", level.as_str()).with("domain", domain.as_str());
            plain("refuse.no_domain", detail, vec![*site])
        }
        Refusal::AllWeightsZero { level, site } => {
            plain("refuse.nowhere", told("refuse.nowhere_detail").with("level", level.as_str()), vec![*site])
        }
        Refusal::Minimums { level, sum, available, lines, ways_out } => Parts {
            summary: Words::new("refuse.minimums"),
            detail: told("refuse.minimums_detail")
                .with("level", level.as_str())
                .with("sum", sum.to_string())
                .with("available", available.to_string()),
            lines: lines.clone(),
            ways_out,
        },
        Refusal::Shortage { short, level, domains, lines, ways_out } => {
            let lacks = |(name, n): &(String, _)| {
                let words = Words::new("refuse.lacks").with("level", level.as_str());
                words.with("name", name.as_str()).with("n", format!("{n}"))
            };
            let lack: Vec<Words> = domains.iter().map(lacks).collect();
            let detail =
                told("refuse.room_detail").with("n", super::words::replicas(*short as usize)).with("lack", lack);
            Parts { summary: Words::new("refuse.room"), detail, lines: lines.clone(), ways_out }
        }
        Refusal::Blocked { by, worst_loss, value, bound, state, lines, ways_out } => Parts {
            summary: Words::new("refuse.blocked"),
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
) -> Words {
    let number = |n: i64| match by {
        CheckOf::Serving | CheckOf::Survive(_) => amount(n, names.workload.scale),
        _ => n.to_string(),
    };
    let state: Vec<String> =
        state.iter().enumerate().filter(|(_, n)| **n > 0).map(|(p, n)| format!("{} {n}", names.place(p))).collect();
    let mut words = Words::new("refuse.blocked_detail")
        .with("workload", names.workload.name.as_str())
        .with("state", super::words::some(state.into_iter(), 6))
        .with("check", names.check(by))
        .with("value", number(value))
        .with("bound", number(bound));
    if !loss.is_empty() {
        words = words.with("lost", Words::new("refuse.after_losing").with("loss", names.loss(loss)));
    }
    words
}

fn assemble(
    mut diagnostic: Diagnostic,
    lines: &[Site],
    ways: &[WayOut],
    names: Names<'_>,
    spans: &Spans<'_>,
    lang: Lang,
) -> Diagnostic {
    let mut places = lines.iter().filter_map(|site| spans(*site));
    diagnostic.span = places.next();
    for place in places {
        diagnostic = diagnostic.related(&place, say(lang, "refuse.with_this", &[]));
    }
    if !ways.is_empty() {
        let words: Vec<String> = ways.iter().map(|way| names.way_out(way, lang)).collect();
        let key = if words.len() == 1 { "refuse.enough" } else { "refuse.any" };
        diagnostic.help = say(lang, key, &[("ways", &words.join("; "))]);
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
