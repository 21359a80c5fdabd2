//! The reports of a drift check: each is what its readers take, whatever names and values it holds.

use super::sample::*;
use crate::plan::model::Plan;
use crate::report::drift::{Between, Differing, Drift, Kind, Resource};
use crate::report::drift::{code_quality, github_commands, gitlab_counts, junit, markdown, sarif};
use crate::report::page;
use crate::tongue::Lang;
use serde_json::Value as Tree;

const HOSTILE: &str = "a|b`c``<script>\u{1}]]>--> % : , \" '\n::error::x";

fn found(plan: &Plan) -> Drift<'_> {
    let mut drift = Drift::of_plan(plan);
    drift.resources.push(Resource {
        paths: vec![Differing {
            path: HOSTILE.into(),
            state: Some("\"s\"".into()),
            live: Some("\"</code><b>\"".into()),
            spec: None,
        }],
        words: HOSTILE.into(),
        ..Resource::new(HOSTILE, Kind::Changed, Between::StateLive)
    });
    drift
}

#[test]
fn sarif_names_rule_place_and_fingerprint_of_every_finding() {
    let plan = one_lost();
    let tree: Tree = serde_json::from_str(&sarif(&found(&plan), "prod/web/")).unwrap();
    assert_eq!(tree["version"], "2.1.0");
    let results = tree["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|r| r["ruleId"] == "rule.broken" && r["level"] == "error"), "{tree:#}");
    assert!(results.iter().any(|r| r["ruleId"] == "drift.missing" && r["level"] == "warning"));
    let mut prints = std::collections::BTreeSet::new();
    for result in results {
        let rule = &tree["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["artifactLocation"]["uri"].as_str().unwrap().starts_with("prod/web/"), "{result:#}");
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(prints.insert(result["partialFingerprints"]["straddle/v1"].as_str().unwrap().to_string()));
    }
}

#[test]
fn junit_is_xml_with_a_case_for_each_object_and_rule() {
    let plan = one_lost();
    let drift = found(&plan);
    let text = junit(&drift, "prod/web");
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut failures, mut errors) = (0, 0, 0);
    loop {
        match reader.read_event().expect("well-formed XML") {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(e) | quick_xml::events::Event::Empty(e) => {
                for attribute in e.attributes() {
                    attribute.expect("well-formed attributes");
                }
                match e.name().as_ref() {
                    "testcase" => cases += 1,
                    "failure" => failures += 1,
                    "error" => errors += 1,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let rules: usize = plan.workloads.iter().map(|(_, w)| w.decision.rules.len()).sum();
    assert!(cases > rules + drift.resources.len(), "unchanged objects have a case, too: {text}");
    assert_eq!(failures, drift.resources.len() + drift.breaches());
    assert_eq!(errors, 0);
    assert!(!text.contains('\u{1}'));
}

#[test]
fn workflow_commands_are_one_line_each_and_at_most_ten() {
    let plan = one_lost();
    let text = github_commands(&found(&plan), "prod/web/");
    assert!(text.starts_with("::error "), "{text}");
    assert!(text.lines().count() <= 10);
    for line in text.lines() {
        assert!(
            line.starts_with("::error ") || line.starts_with("::warning ") || line.starts_with("::notice "),
            "{line}"
        );
    }
}

#[test]
fn gitlab_reports_are_json_of_the_shapes_it_reads() {
    let plan = one_lost();
    let drift = found(&plan);
    let counts: Tree = serde_json::from_str(&gitlab_counts(&drift)).unwrap();
    assert_eq!(counts["create"], 2);
    let issues: Tree = serde_json::from_str(&code_quality(&drift, "prod/web/")).unwrap();
    for issue in issues.as_array().unwrap() {
        let severity = issue["severity"].as_str().unwrap();
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity));
        assert!(issue["location"]["lines"]["begin"].as_u64().is_some() && issue["fingerprint"].as_str().is_some());
    }
}

#[test]
fn the_comment_keeps_hostile_names_in_their_place() {
    let plan = one_lost();
    let text = markdown(&found(&plan), "prod/web --> <b>");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("<!-- straddle:sticky stack=prod/web - - <b -->"));
    let hostile: Vec<&str> = lines.filter(|l| l.contains("script")).collect();
    assert_eq!(hostile.len(), 2, "{text}");
    // In a code span with a longer fence, or escaped.
    assert!(hostile[0].starts_with("- ```a\\|b`c``<script>") && hostile[0].contains("&lt;script>"), "{}", hostile[0]);
    assert!(hostile[1].starts_with("  - ```a"), "{}", hostile[1]);
    assert!(text.lines().all(|l| !l.starts_with("::")));
}

#[test]
fn the_comment_of_ten_thousand_findings_is_cut_between_sections() {
    let plan = one_lost();
    let mut drift = found(&plan);
    for i in 0..10_000 {
        let long = "x".repeat(500);
        let kind = [Kind::Changed, Kind::Missing, Kind::Unmanaged][i % 3];
        let new = Resource::new(format!("sim_instance.s[{i}]"), kind, Between::StateLive);
        drift.resources.push(Resource { words: long.clone(), ..new });
    }
    let text = markdown(&drift, "prod/web");
    assert!(text.len() < 65_536, "{}", text.len());
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    assert!(text.contains("sections did not fit here"));
    assert!(text.contains("Reproduce:"));
}

#[test]
fn the_page_holds_no_markup_of_others() {
    let plan = one_lost();
    let mut hostile = one_lost();
    hostile.warnings.push(crate::diag::Diagnostic::warning(HOSTILE, HOSTILE));
    for (lang, words) in
        [(Lang::En, ["rule is broken", "rule is broken"]), (Lang::Ko, ["1개가 깨졌습니다", "깨진 규칙"])]
    {
        let pages =
            [page::drift(&found(&plan), "prod/web<script>", lang), page::plan(&hostile, "prod/web<script>", lang)];
        pages.iter().zip(words).for_each(|(text, words)| is_inert(text, words));
    }
}

fn is_inert(text: &str, words: &str) {
    // Its own script, and what it draws.
    assert_eq!(text.matches("<script").count(), 1, "{text}");
    assert!(!text.contains("<b>") && !text.contains("</code><b"), "{text}");
    assert!(text.contains(words), "{text}");
    // Nothing is fetched from anywhere.
    assert!(!text.contains("src=") && !text.contains("href=") && !text.contains("url("));
}
