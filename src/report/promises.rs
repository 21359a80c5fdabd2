//! What was found of every promise: for people, in their language, and for programs.

use super::json::Json;
use super::plan::place_of;
use super::refusal::Spans;
use super::style::{Ink, Style, wrap};
use super::words::{verdict, verdict_key};
use crate::diag::{Diagnostic, Sources};
use crate::promise::model::{Judged, Judgement, Survival, Weight};
use crate::spread::decision::Verdict;
use crate::tongue::{Lang, say};

/// Which of the two judgements is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// What stands.
    Now,
    /// What the plan leaves.
    After,
}

impl Moment {
    fn of(self, judged: &Judged) -> &Judgement {
        match self {
            Moment::Now => &judged.now,
            Moment::After => &judged.after,
        }
    }
}

/// Promises kept are told in a line each up to this many; beyond it they are counted.
const MOST_KEPT: usize = 12;

/// Every promise with its paragraph, broken ones first. Empty where nothing is promised.
pub fn text(survival: &Survival, moment: Moment, style: &Style) -> String {
    let mut all: Vec<&Judged> = survival.judged.iter().collect();
    if all.is_empty() {
        return String::new();
    }
    all.sort_by_key(|j| (std::cmp::Reverse(moment.of(j).verdict), std::cmp::Reverse(j.weight)));
    let kept = all.iter().filter(|j| moment.of(j).verdict == Verdict::Pass).count();
    let mut out = format!("{}\n", style.strong(&say(style.lang, "promises.title", &[])));
    for judged in &all {
        let one = moment.of(judged);
        if one.verdict == Verdict::Pass && kept > MOST_KEPT && !style.verbose {
            continue;
        }
        let ink = [Ink::Good, Ink::Warn, Ink::Bad][one.verdict as usize];
        let word = style.ink(ink, verdict(one.verdict));
        let weight = match (one.verdict, judged.weight) {
            (Verdict::Fail, Weight::Finding) => format!(" {}", say(style.lang, "promises.finding", &[])),
            (Verdict::Fail, Weight::Drift) => format!(" {}", say(style.lang, "promises.drift", &[])),
            _ => String::new(),
        };
        let mut line = format!("  {word}{weight}  {}  {}", judged.id, one.why.say(style.lang));
        if let (Some(owner), true) = (&judged.owner, one.verdict != Verdict::Pass) {
            line.push_str(&format!(" {}", say(style.lang, "promises.owner", &[("owner", owner)])));
        }
        out.push_str(&wrap(&line, style.width, 6));
        out.push('\n');
    }
    if kept > MOST_KEPT && !style.verbose {
        let n = kept.to_string();
        out.push_str(&format!("  {}\n", say(style.lang, "promises.kept", &[("n", &n)])));
    }
    out
}

/// The array `promises` of the machine formats.
pub fn json(survival: &Survival, moments: &[Moment], j: &mut Json) {
    j.array(&survival.judged, |j, judged| {
        j.object(|j| {
            j.key("id").text(&judged.id);
            j.key("weight").text(weight_key(judged.weight));
            match (moments, moments.last()) {
                ([_, last], _) => {
                    j.key("before").text(verdict_key(judged.now.verdict));
                    one(last.of(judged), j);
                }
                (_, Some(only)) => one(only.of(judged), j),
                (_, None) => {}
            }
            match &judged.owner {
                Some(owner) => j.key("owner").text(owner),
                None => j.key("owner").raw("null"),
            }
        });
    });
}

fn one(judgement: &Judgement, j: &mut Json) {
    j.key("verdict").text(verdict_key(judgement.verdict));
    j.key("because").text(&judgement.why.say(Lang::En));
    j.key("numbers").object(|j| judgement.numbers.iter().for_each(|(name, n)| j.key(name).plain(n)));
}

/// The word of the machine formats.
pub fn weight_key(weight: Weight) -> &'static str {
    match weight {
        Weight::Rule => "rule",
        Weight::Drift => "drift",
        Weight::Finding => "finding",
    }
}

/// Promises that are rules and do not hold after the plan, underlined in the file.
pub fn broken(survival: &Survival, spans: &Spans<'_>, lang: Lang) -> Vec<Diagnostic> {
    survival.broken().map(|judged| diagnostic(judged, &judged.after, spans, lang)).collect()
}

/// A broken promise as a diagnostic.
fn diagnostic(judged: &Judged, judgement: &Judgement, spans: &Spans<'_>, lang: Lang) -> Diagnostic {
    let summary = say(lang, "promises.broken", &[("id", &judged.id)]);
    let mut problem = Diagnostic::error(summary, judgement.why.say(lang));
    problem.span = spans(judged.site);
    match &judged.owner {
        Some(owner) => problem.help(say(lang, "promises.ask_owner", &[("owner", owner)])),
        None => problem,
    }
}

/// File and line of a promise's block.
pub fn place(judged: &Judged, sources: &Sources, spans: &Spans<'_>) -> Option<(String, usize)> {
    let span = spans(judged.site)?;
    place_of(sources, &span).map(|(file, line)| (file.to_string(), line))
}
