//! Whether a location is really down: provider's word and probes, kept apart, in words and as JSON.

use super::json::Json;
use super::words::health;
use crate::plan::course::{Course, Courses};
use crate::plan::evidence::Finding;
use crate::plan::observed::Observed;
use crate::plan::probes::{About, Saw};
use crate::spread::evidence::{Sight, State};
use crate::spread::model::Location;
use crate::state::Time;
use crate::tongue::{Lang, say};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A state in a word.
pub fn word(state: State) -> &'static str {
    match state {
        State::Healthy => "UP",
        State::Degraded => "DEGRADED",
        State::Suspect => "SUSPECT",
        State::Unknown => "UNKNOWN",
        State::ControlLost => "CONTROL LOST",
        State::Down => "DOWN",
        State::FailedOver => "FAILED OVER",
        State::Probation => "ON TRIAL",
        State::Returning => "RETURNING",
        State::Cordoned => "CORDONED",
        State::Draining => "DRAINING",
        State::Evacuated => "EVACUATED",
    }
}

/// The word of the machine formats.
pub fn key(state: State) -> &'static str {
    match state {
        State::Healthy => "healthy",
        State::Degraded => "degraded",
        State::Suspect => "suspect",
        State::Unknown => "unknown",
        State::ControlLost => "control_lost",
        State::Down => "down",
        State::FailedOver => "failed_over",
        State::Probation => "probation",
        State::Returning => "returning",
        State::Cordoned => "cordoned",
        State::Draining => "draining",
        State::Evacuated => "evacuated",
    }
}

/// Where a location stands, in a word: its course where it is on one, the operator's word, else its health.
pub fn standing(courses: &Courses, location: &Location) -> &'static str {
    match courses.get(&location.name).map(Course::state) {
        Some(
            state @ (State::FailedOver
            | State::Probation
            | State::Returning
            | State::Cordoned
            | State::Draining
            | State::Evacuated),
        ) => word(state),
        _ => health(location.health, location.health_source),
    }
}

/// What a location's course means and what to do; `None` where there is nothing to say.
pub fn course(name: &str, course: &Course, lang: Lang) -> Option<String> {
    let record = &course.record;
    let time = |at: Option<i64>| match course.known {
        true => Time(at.unwrap_or(record.since)).to_string(),
        false => say(lang, "course.now", &[]),
    };
    let since = time(Some(record.since));
    let args = |key: &str, at: &str| say(lang, key, &[("name", name), ("since", at)]);
    match course.state() {
        State::Down if course.by_time.is_some() => Some(args("course.by_time", &time(record.unknown_since))),
        State::Down if course.alarm_only => Some(args("course.alarm", &since)),
        State::Down => Some(args("course.down", &since)),
        State::FailedOver => Some(args("course.failed_over", &time(record.failed_over))),
        State::Probation => Some(args("course.on_trial", &time(record.good_since))),
        State::Returning => Some(args("course.returning", &since)),
        _ => None,
    }
}

/// Where each location stands, by name.
pub fn courses_json(courses: &Courses, j: &mut Json) {
    j.object(|j| {
        for (name, course) in courses {
            j.key(name).object(|j| {
                course_json(course, j);
            });
        }
    });
}

fn course_json(course: &Course, j: &mut Json) {
    let record = &course.record;
    let time = |at: i64| Time(at).to_string();
    j.key("state").text(key(course.state()));
    j.key("seen").text(key(course.seen));
    // What this look has found has no time yet: the next look that is remembered gives it one.
    if course.known {
        j.key("since").text(&time(record.since));
        j.key("setbacks").plain(record.setbacks);
        for (key, at) in [("failed_over", record.failed_over), ("well_since", record.good_since)] {
            if let (Some(at), true) = (at, record.failed_over.is_some()) {
                j.key(key).text(&time(at));
            }
        }
    }
    if course.by_time.is_some() {
        j.key("by_time").plain(true);
    }
}

fn sight(seen: Sight) -> &'static str {
    match seen {
        Sight::Pass => "pass",
        Sight::Mixed => "mixed",
        Sight::Fail => "fail",
        Sight::Missing => "missing",
    }
}

/// "Is it really down?", for the locations a failover is about. Empty when nothing is probed.
pub fn really_down(findings: &[Finding], lost: &BTreeSet<String>, lang: Lang) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut out = say(lang, "down.title", &[]);
    for finding in findings.iter().filter(|f| lost.contains(&f.location)) {
        let _ = write!(out, "\n  {}  {}", finding.location, word(finding.state));
        let _ = write!(out, "\n    {}", say(lang, "down.probes", &[("text", &probes(finding, lang))]));
        let _ = write!(out, "\n    {}", say(lang, "down.provider", &[("text", &provider(finding, lang))]));
    }
    let elsewhere: Vec<String> = findings
        .iter()
        .filter(|f| !lost.contains(&f.location))
        .map(|f| format!("{} {}", f.location, word(f.state)))
        .collect();
    if !elsewhere.is_empty() {
        let text = super::words::some(elsewhere.into_iter(), 8);
        let _ = write!(out, "\n  {}", say(lang, "down.elsewhere", &[("text", &text)]));
    }
    if findings.iter().any(|f| f.held) {
        let _ = write!(out, "\n  {}", say(lang, "down.held", &[]));
    }
    out.push('\n');
    out
}

/// What the vantage points say of one location, in a line.
pub fn probes(finding: &Finding, lang: Lang) -> String {
    if finding.sights.is_empty() {
        return say(lang, "down.front_only", &[]);
    }
    let named = |wanted: &dyn Fn(Sight) -> bool| -> Vec<&str> {
        finding.sights.iter().filter(|(_, s)| wanted(*s)).map(|(name, _)| name.as_str()).collect()
    };
    let (down, up) = (named(&|s| s == Sight::Fail), named(&|s| matches!(s, Sight::Pass | Sight::Mixed)));
    let silent = named(&|s| s == Sight::Missing);
    let (n, all) = (down.len().to_string(), finding.sights.len().to_string());
    let names = if down.is_empty() { String::new() } else { format!(": {}", down.join(", ")) };
    let mut text = say(lang, "down.says", &[("n", &n), ("all", &all), ("names", &names)]);
    for (key, names) in [("down.says_up", &up), ("down.silent", &silent)] {
        if !names.is_empty() {
            text.push_str(&say(lang, key, &[("names", &names.join(", "))]));
        }
    }
    text.push('.');
    if !down.is_empty() {
        let numbers = [finding.against, finding.confirm, finding.quorum].map(|n| n.to_string());
        let args: &[(&str, &str)] = &[("n", &numbers[0]), ("confirm", &numbers[1]), ("quorum", &numbers[2])];
        text.push_str(&say(lang, "down.against", args));
    }
    text
}

/// The provider's word. A plan keeps it in English, as programs read it.
fn provider(finding: &Finding, lang: Lang) -> String {
    let keys = ["down.answers", "down.assumed", "down.impaired", "down.reports", "down.silent_provider"];
    let known = keys.into_iter().find(|key| say(Lang::En, key, &[]) == finding.provider);
    known.map_or_else(|| finding.provider.clone(), |key| say(lang, key, &[]))
}

/// Why nobody may act on what is seen of a location, and what to do; `None` when it is plain.
pub fn doubt(finding: &Finding, lang: Lang) -> Option<String> {
    let key = match finding.state {
        _ if finding.held => "down.doubt_held",
        State::Suspect if finding.ripe => "down.doubt_ripe",
        State::Suspect => "down.doubt_suspect",
        State::Unknown => "down.doubt_unknown",
        State::ControlLost => "down.doubt_control",
        _ => return None,
    };
    let (probes, provider) = (probes(finding, lang), provider(finding, lang));
    Some(say(lang, key, &[("name", &finding.location), ("probes", &probes), ("provider", &provider)]))
}

/// What every probe sees now.
pub fn text(probes_of: Vec<(String, Vec<String>)>, observed: &Observed, lang: Lang) -> String {
    let mut out = String::new();
    for (index, (name, vantages)) in probes_of.iter().enumerate() {
        let _ = writeln!(out, "{}", say(lang, "down.seen_from", &[("name", name), ("names", &vantages.join(", "))]));
        let mine = observed.probed.seen.iter().filter(|((probe, _), _)| *probe == index);
        let mut any = false;
        for ((_, about), saw) in mine {
            any = true;
            let said: Vec<String> =
                vantages.iter().zip(saw).map(|(v, s)| format!("{v} {}", saw_word(*s, lang))).collect();
            let _ = writeln!(out, "  {:<28} {}", about_word(about, lang), said.join(", "));
        }
        if !any {
            let _ = writeln!(out, "{}", say(lang, "down.nobody", &[]));
        }
    }
    for finding in &observed.evidence {
        let own = observed.courses.get(&finding.location);
        let _ = writeln!(out, "{:<12} {}", finding.location, word(own.map_or(finding.state, Course::state)));
        for why in doubt(finding, lang).into_iter().chain(own.and_then(|own| course(&finding.location, own, lang))) {
            let _ = writeln!(out, "  {why}");
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn about_word(about: &About, lang: Lang) -> String {
    match about {
        About::Replica { workload, key } => format!("{workload} {key}"),
        About::Location { name } => say(lang, "down.location", &[("name", name)]),
        About::FrontDoor => say(lang, "down.front", &[]),
    }
}

fn saw_word(saw: Saw, lang: Lang) -> String {
    let key = match saw {
        Saw::Pass => "down.well",
        Saw::Fail => "down.fails",
        Saw::Nothing => "down.no_answer",
    };
    say(lang, key, &[])
}

/// `straddle probe -json`.
pub fn json(findings: &[Finding], courses: &Courses) -> String {
    let mut j = Json::new();
    j.object(|j| {
        j.key("format_version").text("1.0");
        findings_json(findings, courses, j.key("locations"));
    });
    j.finish()
}

/// Each location's state and what it rests on, by name.
pub fn findings_json(findings: &[Finding], courses: &Courses, j: &mut Json) {
    j.object(|j| {
        for finding in findings {
            j.key(&finding.location).object(|j| {
                match courses.get(&finding.location) {
                    Some(course) => course_json(course, j),
                    None => {
                        j.key("state").text(key(finding.state));
                    }
                }
                j.key("held").plain(finding.held);
                j.key("ripe").plain(finding.ripe);
                j.key("provider").text(&finding.provider);
                j.key("probe").text(&finding.probe);
                j.key("vantages").object(|j| {
                    for (name, seen) in &finding.sights {
                        j.key(name).text(sight(*seen));
                    }
                });
                j.key("against").plain(finding.against);
                j.key("quorum").plain(finding.quorum);
                j.key("windows").plain(finding.windows);
                j.key("confirm").plain(finding.confirm);
            });
        }
    });
}
