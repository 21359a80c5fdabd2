//! A drift check as a flat list of findings: what every report format for pipelines is written from.

use super::{Cause, Drift, Kind, Resource, Severity, broken_after};
use crate::promise::model::{Judged, Weight};
use crate::report::plan::place_of;
use crate::report::words::Names;
use crate::spread::decision::{RuleReport, Verdict};
use crate::tongue::{Lang, say};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// A broken rule, or something nobody could read.
    Error,
    /// Drift.
    Warning,
    /// Not proven.
    Note,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Stable id of the kind of finding: `drift.missing`, `rule.broken`.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The object, or the workload and its rule.
    pub subject: String,
    /// One sentence.
    pub text: String,
    /// File (relative to the module's directory) and line of the block concerned.
    pub place: Option<(String, usize)>,
    /// How grave it is.
    pub severity: Severity,
    /// Where it comes from; `None` without a base.
    pub cause: Option<Cause>,
}

/// Ids, titles and levels of all kinds of finding.
pub const KINDS: &[(&str, &str, Level)] = &[
    ("rule.broken", "A spread or failover rule is broken", Level::Error),
    ("rule.broken_after", "Once applied, a rule would be broken", Level::Error),
    ("rule.removed", "A rule is removed", Level::Warning),
    ("rule.weakened", "A rule is weakened", Level::Warning),
    ("state.inside_loss", "A loss that a rule names takes what straddle needs with it", Level::Warning),
    ("rule.not_proven", "A rule holds only on what nobody has proven", Level::Note),
    ("promise.broken", "A promise that is a rule does not hold", Level::Error),
    ("promise.unkept", "What is built is not what is promised", Level::Warning),
    ("promise.finding", "A promise rests on what falls with it", Level::Note),
    ("promise.not_proven", "A promise holds only on what nobody has proven", Level::Note),
    ("drift.unreadable", "An object could not be read", Level::Error),
    ("drift.missing", "An object of the state is gone", Level::Warning),
    ("drift.changed", "An object is not as the state has it", Level::Warning),
    ("drift.unmanaged", "An object carries straddle's mark and is in no state", Level::Warning),
];

impl Item {
    /// The same for the same finding in every run, whatever else was found and wherever the block has moved to.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.id, self.subject));
        HEXLOWER.encode(&digest[..16])
    }
}

/// All findings: what a change causes before what was so, then broken rules, unreadable objects, drift, what is not proven; the
/// gravest of a level first, else in the order of the check.
pub fn items(drift: &Drift<'_>) -> Vec<Item> {
    items_in(drift, Lang::En)
}

/// The same, for people of a language.
pub fn items_in(drift: &Drift<'_>, lang: Lang) -> Vec<Item> {
    let mut all: Vec<Item> = Vec::new();
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        for rule in &workload.decision.rules {
            let site = workload.rules.survive.get(rule.index).map(|r| r.site);
            let span = site.and_then(|site| drift.sites.get(site.0));
            let place = span.and_then(|span| place_of(drift.sources, span));
            let place = place.map(|(file, line)| (file.to_string(), line));
            all.extend(rule_item(drift, name, rule, names, place, lang));
        }
    }
    all.extend(drift.survival.judged.iter().filter_map(|judged| promise_item(judged, drift, lang)));
    let placed = |span: Option<&crate::diag::Span>| {
        let place = span.and_then(|span| place_of(drift.sources, span));
        place.map(|(file, line)| (file.to_string(), line))
    };
    if let Some(base) = &drift.base {
        all.extend(broken_after(drift).into_iter().map(|broken| Item {
            id: "rule.broken_after",
            level: Level::Error,
            subject: format!("{} {}", broken.workload, broken.id),
            text: broken.text,
            place: placed(broken.site.and_then(|site| drift.sites.get(site.0))),
            severity: Severity::Critical,
            cause: broken.cause,
        }));
        all.extend(base.rules.iter().filter(|rule| rule.grade.needs_approval()).map(|rule| Item {
            id: if rule.is.is_none() { "rule.removed" } else { "rule.weakened" },
            level: if rule.approved { Level::Note } else { Level::Warning },
            subject: format!("{} {}", rule.workload, rule.id),
            text: format!(
                "{} {}: {} -> {}; {}.",
                rule.workload,
                rule.id,
                rule.was.as_deref().unwrap_or("nothing"),
                rule.is.as_deref().unwrap_or("nothing"),
                if rule.approved { "approved" } else { "needs approval" }
            ),
            place: None,
            severity: Severity::High,
            cause: Some(Cause::Change),
        }));
    }
    all.extend(drift.findings.iter().map(|finding| Item {
        id: "state.inside_loss",
        level: Level::Warning,
        subject: finding.summary.clone(),
        text: finding.detail.clone(),
        place: placed(finding.span.as_ref()),
        severity: Severity::High,
        cause: None,
    }));
    all.extend(drift.resources.iter().filter_map(|r| resource_item(r, drift, lang)));
    all.sort_by_key(|item| (item.cause == Some(Cause::Before), item.level, std::cmp::Reverse(item.severity)));
    all
}

fn rule_item(
    drift: &Drift<'_>,
    workload: &str,
    rule: &RuleReport,
    names: Names<'_>,
    place: Option<(String, usize)>,
    lang: Lang,
) -> Option<Item> {
    let now = &rule.before;
    let (id, level, how) = match now.verdict {
        Verdict::Pass => return None,
        Verdict::Fail => ("rule.broken", Level::Error, "page.item_broken"),
        Verdict::NotProven => ("rule.not_proven", Level::Note, "page.item_not_proven"),
    };
    let text = say(
        lang,
        how,
        &[
            ("workload", workload),
            ("loss", &names.loss(&now.worst_loss)),
            ("left", &names.units(now.alive)),
            ("floor", &names.units(rule.floor)),
            ("rule", &names.rule(rule.index)),
        ],
    );
    let subject = format!("{workload} {}", rule.id);
    let cause = drift.base.as_ref().map(|_| if drift.is_new_breach(&subject) { Cause::Change } else { Cause::Before });
    // A rule that came with the change and that an apply will keep is nothing to stop at.
    let level = match (level, cause) {
        (Level::Error, Some(Cause::Change)) => Level::Warning,
        (level, _) => level,
    };
    let severity = if level == Level::Note { Severity::Low } else { Severity::Critical };
    Some(Item { id, level, subject, text, place, severity, cause })
}

fn promise_item(judged: &Judged, drift: &Drift<'_>, lang: Lang) -> Option<Item> {
    let id = match (judged.now.verdict, judged.weight) {
        (Verdict::Pass, _) => return None,
        (Verdict::NotProven, _) => "promise.not_proven",
        (Verdict::Fail, Weight::Rule) => "promise.broken",
        (Verdict::Fail, Weight::Drift) => "promise.unkept",
        (Verdict::Fail, Weight::Finding) => "promise.finding",
    };
    let level = KINDS.iter().find(|(kind, ..)| *kind == id).map_or(Level::Note, |(.., level)| *level);
    let spans = |site: crate::spread::model::Site| drift.sites.get(site.0).cloned();
    let place = crate::report::promises::place(judged, drift.sources, &spans);
    let text = format!("{}: {}", judged.id, judged.now.why.say(lang));
    let severity = match level {
        Level::Error => Severity::Critical,
        Level::Warning => Severity::Medium,
        Level::Note => Severity::Low,
    };
    let cause =
        drift.base.as_ref().map(|_| if drift.is_new_breach(&judged.id) { Cause::Change } else { Cause::Before });
    Some(Item { id, level, subject: judged.id.clone(), text, place, severity, cause })
}

fn resource_item(resource: &Resource, drift: &Drift<'_>, lang: Lang) -> Option<Item> {
    let id = match resource.kind {
        Kind::Missing => "drift.missing",
        Kind::Changed => "drift.changed",
        Kind::Unmanaged => "drift.unmanaged",
        Kind::Unreadable => "drift.unreadable",
        Kind::Ignored => return None,
    };
    let level = KINDS.iter().find(|(kind, ..)| *kind == id).map_or(Level::Warning, |(.., level)| *level);
    let place = resource.span.as_ref().and_then(|span| place_of(drift.sources, span));
    Some(Item {
        id,
        level,
        subject: resource.address.clone(),
        text: sentence_in(resource, lang),
        place: place.map(|(file, line)| (file.to_string(), line)),
        severity: resource.severity,
        cause: resource.cause,
    })
}

/// What is the matter with an object.
pub fn sentence(resource: &Resource) -> String {
    sentence_in(resource, Lang::En)
}

/// The same, in a language.
pub fn sentence_in(resource: &Resource, lang: Lang) -> String {
    let words = resource.words.replace('\n', " ");
    let because = if words.is_empty() { String::new() } else { format!(" ({words})") };
    let address = &resource.address;
    let about = |key: &str| say(lang, key, &[("address", address), ("because", &because)]);
    match resource.kind {
        Kind::Missing => about("page.item_missing"),
        Kind::Unmanaged => about("page.item_unmanaged"),
        Kind::Unreadable => about("page.item_unreadable"),
        Kind::Ignored => about("page.item_ignored"),
        Kind::Changed => {
            let side = |s: &Option<String>| match s {
                Some(text) => super::short(text),
                None => say(lang, "page.item_hidden", &[]),
            };
            let paths: Vec<String> = resource
                .paths
                .iter()
                .map(|p| {
                    let key = if p.spec == p.state { "page.item_path" } else { "page.item_path_spec" };
                    let (state, live, spec) = (side(&p.state), side(&p.live), side(&p.spec));
                    let args: &[(&str, &str)] =
                        &[("path", &p.path), ("state", &state), ("live", &live), ("spec", &spec)];
                    say(lang, key, args)
                })
                .collect();
            let what = if paths.is_empty() { String::new() } else { format!(": {}", paths.join("; ")) };
            say(lang, "page.item_changed", &[("address", address), ("because", &because), ("what", &what)])
        }
    }
}
