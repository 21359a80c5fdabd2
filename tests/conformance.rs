//! Cases measured with Terraform 1.11.4 (`tests/conformance/README.md`). Where straddle differs the case is listed here with
//! the reason; a listed case that no longer differs fails the test.

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use straddle::diag::FileId;
use straddle::lang::position::position;
use straddle::lang::syntax::{Text, parse_body};

fn cases(text: &str) -> Vec<Json> {
    let file: Json = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

/// Compares what differs with what is known to differ.
fn settle(found: &BTreeMap<String, String>, known: &[(&str, &str)]) {
    let known: BTreeSet<&str> = known.iter().map(|(name, _)| *name).collect();
    let fresh: Vec<String> = found
        .iter()
        .filter(|(name, _)| !known.contains(name.as_str()))
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    let stale: Vec<&&str> = known.iter().filter(|name| !found.contains_key(**name)).collect();
    assert!(fresh.is_empty(), "{} differ from Terraform:\n{}", fresh.len(), fresh.join("\n"));
    assert!(stale.is_empty(), "no longer differ, take them off the list: {stale:?}");
}

const SYNTAX_DIFFERS: &[(&str, &str)] = &[];

#[test]
fn syntax_verdicts_and_errors() {
    let mut found = BTreeMap::new();
    // A text that is not UTF-8 never reaches the parser.
    for case in cases(include_str!("conformance/syntax.json")).into_iter().filter(|case| case["source"].is_string()) {
        let source = text(&case, "source");
        let (_, diags) = parse_body(Text { file: FileId(0), name: "x.tfvars", text: source });
        let ours: Vec<(String, u64)> = diags
            .iter()
            .map(|d| (d.summary.clone(), position(source, d.span.as_ref().unwrap().range.start).line as u64))
            .collect();
        let theirs: Vec<(String, u64)> = case["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (text(e, "summary").to_owned(), e["line"].as_u64().unwrap_or_default()))
            .collect();
        if ours != theirs {
            found.insert(text(&case, "name").to_owned(), format!("{source:?}: {ours:?}, Terraform: {theirs:?}"));
        }
    }
    settle(&found, SYNTAX_DIFFERS);
}

#[test]
fn the_other_parser_agrees_where_it_is_right() {
    for case in cases(include_str!("conformance/syntax.json")).into_iter().filter(|case| case["source"].is_string()) {
        let source = text(&case, "source");
        let theirs = hcl_edit::parser::parse_body(source).is_ok();
        assert_eq!(theirs, case["hcl_edit_0_10_accepts"] == true, "the oracle changed its mind on {source:?}");
        if theirs == (case["accepted"] == true) {
            let (_, diags) = parse_body(Text { file: FileId(0), name: "x.tfvars", text: source });
            assert_eq!(diags.is_empty(), theirs, "{source:?}");
        }
    }
}
