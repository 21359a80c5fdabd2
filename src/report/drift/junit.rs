//! JUnit XML: a test case for each object and for each rule, as pipelines show tests.

use super::items::{Item, items, sentence};
use super::{Cause, Drift, Kind};
use crate::plan::model::Action;
use crate::report::words::Names;
use crate::spread::decision::Verdict;
use quick_xml::escape::escape;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How a case ended.
enum End {
    Passed,
    /// Drift, or a broken rule.
    Failure(String),
    /// The check could not be made.
    Error(String),
    /// Not proven.
    Skipped(String),
}

/// The check as JUnit XML. `suite` names the stack.
pub fn junit(drift: &Drift<'_>, suite: &str) -> String {
    let all = items(drift);
    let by_subject: BTreeMap<&str, &Item> = all.iter().map(|item| (item.subject.as_str(), item)).collect();
    let objects = object_cases(drift);
    let rules = rule_cases(drift, &by_subject);
    let total = objects.len() + rules.len();
    let count = |f: fn(&End) -> bool| objects.iter().chain(&rules).filter(|(_, end)| f(end)).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let totals = format!(
        "tests=\"{total}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        count(|e| matches!(e, End::Failure(_))),
        count(|e| matches!(e, End::Error(_))),
        count(|e| matches!(e, End::Skipped(_)))
    );
    let _ = writeln!(out, "<testsuites name=\"straddle drift\" {totals}>");
    write_suite(&format!("{suite} rules"), &rules, &mut out);
    write_suite(&format!("{suite} objects"), &objects, &mut out);
    out.push_str("</testsuites>\n");
    out
}

fn object_cases(drift: &Drift<'_>) -> Vec<(String, End)> {
    let mut cases: BTreeMap<String, End> = BTreeMap::new();
    for change in drift.changes.iter().filter(|c| c.action != Action::Read && !c.before.is_null()) {
        cases.insert(change.address.to_string(), End::Passed);
    }
    for resource in &drift.resources {
        let end = match resource.kind {
            Kind::Ignored => End::Passed,
            _ if resource.cause == Some(Cause::Before) => End::Skipped(format!("so before: {}", sentence(resource))),
            Kind::Unreadable => End::Error(sentence(resource)),
            Kind::Missing | Kind::Changed | Kind::Unmanaged => End::Failure(sentence(resource)),
        };
        cases.insert(resource.address.clone(), end);
    }
    let mut cases: Vec<(String, End)> = cases.into_iter().collect();
    cases.sort_by(|a, b| crate::lang::address::natural(&a.0, &b.0));
    cases
}

fn rule_cases(drift: &Drift<'_>, items: &BTreeMap<&str, &Item>) -> Vec<(String, End)> {
    let mut cases = Vec::new();
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        for rule in &workload.decision.rules {
            let subject = format!("{name} {}", rule.id);
            let text = items.get(subject.as_str()).map_or_else(|| names.rule(rule.index), |item| item.text.clone());
            let end = match rule.before.verdict {
                Verdict::Pass => End::Passed,
                Verdict::Fail if !drift.is_new_breach(&subject) => End::Skipped(format!("so before: {text}")),
                Verdict::Fail => End::Failure(text),
                Verdict::NotProven => End::Skipped(text),
            };
            cases.push((subject, end));
        }
    }
    cases
}

fn write_suite(name: &str, cases: &[(String, End)], out: &mut String) {
    let count = |f: fn(&End) -> bool| cases.iter().filter(|(_, end)| f(end)).count();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        text(name),
        cases.len(),
        count(|e| matches!(e, End::Failure(_))),
        count(|e| matches!(e, End::Error(_))),
        count(|e| matches!(e, End::Skipped(_)))
    );
    for (case, end) in cases {
        let open = format!("    <testcase classname=\"{}\" name=\"{}\"", text(name), text(case));
        let inside = match end {
            End::Passed => {
                let _ = writeln!(out, "{open}/>");
                continue;
            }
            End::Failure(why) => ("failure", why),
            End::Error(why) => ("error", why),
            End::Skipped(why) => ("skipped", why),
        };
        let _ = writeln!(out, "{open}><{} message=\"{}\"/></testcase>", inside.0, text(inside.1));
    }
    out.push_str("  </testsuite>\n");
}

/// Text as XML may hold it: what no XML 1.0 document may contain is replaced.
fn text(raw: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}');
    let clean: String = raw.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
    escape(&clean).into_owned()
}
