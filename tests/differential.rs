//! The real `terraform`, where one is on the PATH, asked the same as straddle: values of generated expressions, errors of those that
//! fail, verdicts on small configurations. Nothing here says what is right; Terraform does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use straddle::diag::FileId;
use straddle::lang::console::{Answer, ask};
use straddle::lang::evaluate::Surroundings;
use straddle::lang::functions::files::Disk;
use straddle::lang::functions::{FunctionContext, names};
use straddle::lang::load::load;
use straddle::lang::scope::{ModuleValues, NoResources, Paths};

/// The version whose language straddle speaks.
const VERSION: &str = "1.11.4";

/// A directory to ask Terraform in, without the network and without anyone's settings. `None`: there is no such Terraform here.
fn workplace() -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("none.tfrc"), "").unwrap();
    let said = Command::new("terraform").args(["version", "-json"]).env("CHECKPOINT_DISABLE", "1").output().ok();
    let version = said.and_then(|said| serde_json::from_slice::<Json>(&said.stdout).ok());
    if version.as_ref().is_none_or(|version| version["terraform_version"] != VERSION) {
        println!("terraform {VERSION} is not on the PATH: nothing compared");
        return None;
    }
    Some(directory)
}

fn terraform(root: &Path, directory: &Path, args: &[&str]) -> Output {
    Command::new("terraform")
        .args(args)
        .current_dir(directory)
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_CLI_CONFIG_FILE", root.join("none.tfrc"))
        .output()
        .unwrap()
}

/// Arguments of every kind a constant can be.
const ARGUMENTS: &[&str] = &[
    "null",
    "true",
    "\"\"",
    "\"abc\"",
    "\"12\"",
    "\"true\"",
    "\"안녕 세계\"",
    "\"👨‍👩‍👧 é\"",
    "0",
    "3",
    "-2",
    "2.5",
    "123456789012345678901234567890",
    "1/3",
    "[]",
    "{}",
    "[\"a\", \"b\", \"a\"]",
    "[3, 1, 2]",
    "[\"a\", 1, true]",
    "[\"a\", null]",
    "[[\"a\"], [\"b\", \"c\"]]",
    "{ a = \"x\", b = 2 }",
    "{ a = { b = 1 } }",
    "[{ a = 1 }, { a = 2, b = 3 }]",
    "tolist([\"x\", \"y\"])",
    "tolist([])",
    "toset([\"b\", \"a\"])",
    "toset([2, 1])",
    "tomap({ k = \"v\", j = \"w\" })",
    "tomap({ k = [\"a\"], j = [\"b\", \"a\"] })",
    "tostring(null)",
    "tolist(null)",
];

/// What would answer otherwise each time it is asked, reads files, or is not Terraform's.
const LEFT_OUT: &[&str] = &[
    "uuid",
    "bcrypt",
    "timestamp",
    "plantimestamp",
    "file",
    "fileexists",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
    "templatestring",
    "abspath",
    "pathexpand",
    "base64gunzip",
    "urldecode",
    "cidrcontains",
    "convert",
    "type",
    "sensitive",
    "nonsensitive",
    "issensitive",
    // Go's compressor chooses other bytes for the same content.
    "base64gzip",
];

/// Calls of every function with one, two and three arguments, and operators between all pairs: the same list in every run.
fn expressions() -> Vec<String> {
    let mut all = Vec::new();
    let mut next = 7usize;
    let mut any = || {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ARGUMENTS[(next >> 33) % ARGUMENTS.len()]
    };
    for function in names().filter(|name| !LEFT_OUT.contains(name) && !name.starts_with("assume")) {
        all.extend(ARGUMENTS.iter().map(|argument| format!("{function}({argument})")));
        for _ in 0..6 {
            all.push(format!("{function}({}, {})", any(), any()));
            all.push(format!("{function}({}, {}, {})", any(), any(), any()));
        }
    }
    for operator in ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"] {
        for _ in 0..12 {
            all.push(format!("{} {operator} {}", any(), any()));
        }
    }
    for _ in 0..150 {
        let (a, b) = (any(), any());
        all.push(format!("true ? {a} : {b}"));
        all.push(format!("[for k, v in {a} : \"${{k}}\"]"));
        all.push(format!("{{ for k, v in {a} : k => {b} }}"));
        all.push(format!("\"<${{{a}}}>%{{ if {b} }}x%{{ endif }}\""));
        all.push(format!("{a}[*].a"));
        all.push(format!("try({a}.a, {b})"));
    }
    all
}

/// Asks straddle.
fn answers(directory: &Path, expressions: &[String]) -> Vec<Answer> {
    let loaded = load(directory);
    let disk = Disk::default();
    let functions = FunctionContext {
        base_directory: directory,
        files: &disk,
        now: None,
        plan_time: None,
        providers: None,
        random: None,
        templates: None,
        sources: None,
    };
    let paths = Paths { module: ".".into(), root: ".".into(), cwd: directory.display().to_string() };
    let around =
        Surroundings { functions, paths: &paths, workspace: "default", sources: &loaded.sources, console: true };
    let values = ModuleValues::default();
    let scope = around.scope(&loaded.config.module, &values, &NoResources);
    let one = |text: &String| ask(text, FileId(u32::MAX), &scope);
    expressions.iter().map(one).collect()
}

/// A module with an output for each expression, on a line of its own.
fn outputs<'a>(expressions: impl Iterator<Item = (usize, &'a String)>) -> (String, Vec<usize>) {
    let (mut text, mut lines) = (String::new(), Vec::new());
    for (at, expression) in expressions {
        writeln!(text, "output \"o{at}\" {{\n  value = {expression}\n}}").unwrap();
        lines.push(at);
    }
    (text, lines)
}

/// What straddle evaluates and Terraform refuses, with the reason.
const REFUSED: &[(&str, &str)] = &[(
    "true ? [[\"a\"], [\"b\", \"c\"]] : tolist(null)",
    "Terraform takes the element types of the untyped null for a type of their own",
)];

#[test]
fn expressions_have_terraforms_values() {
    let Some(root) = workplace() else { return };
    let all = expressions();
    let ours = answers(root.path(), &all);
    let refused = |text: &str| REFUSED.iter().any(|(expression, _)| *expression == text);
    let known = |at: usize| ours[at].ok() && ours[at].json().is_some();
    let fine = all.iter().enumerate().filter(|(at, text)| known(*at) && !refused(text));
    let (text, asked) = outputs(fine);
    assert!(asked.len() > 1000, "only {} expressions evaluate", asked.len());
    std::fs::write(root.path().join("main.tf"), text).unwrap();
    let planned = terraform(root.path(), root.path(), &["plan", "-input=false", "-no-color", "-out=plan"]);
    assert!(planned.status.success(), "Terraform refuses:\n{}", String::from_utf8_lossy(&planned.stderr));
    let shown = terraform(root.path(), root.path(), &["show", "-json", "plan"]);
    let shown: Json = serde_json::from_slice(&shown.stdout).unwrap();
    let mut found = BTreeMap::new();
    for at in asked {
        let ours: Json = serde_json::from_str(&ours[at].json().unwrap()).unwrap();
        let theirs = shown["planned_values"]["outputs"][format!("o{at}")]["value"].clone();
        if ours != theirs {
            found.insert(all[at].clone(), format!("{ours}, Terraform: {theirs}"));
        }
    }
    settle(&found, &[]);
}

/// By expression.
const ERRORS_DIFFER: &[(&str, &str)] = &[];

#[test]
fn what_fails_fails_for_terraform_with_the_same_words_at_the_same_place() {
    let Some(root) = workplace() else { return };
    let all = expressions();
    let ours = answers(root.path(), &all);
    // Terraform reads the file again for every error it tells: some of them must do.
    let failing = all.iter().enumerate().filter(|(at, _)| !ours[*at].ok()).step_by(9);
    let (text, asked) = outputs(failing);
    assert!(asked.len() > 200, "only {} expressions fail", asked.len());
    std::fs::write(root.path().join("main.tf"), text).unwrap();
    let said = terraform(root.path(), root.path(), &["validate", "-json"]);
    let said: Json = serde_json::from_slice(&said.stdout).unwrap();
    let mut theirs: BTreeMap<u64, Vec<&Json>> = BTreeMap::new();
    for diagnostic in said["diagnostics"].as_array().unwrap() {
        theirs.entry(diagnostic["range"]["start"]["line"].as_u64().unwrap_or_default()).or_default().push(diagnostic);
    }
    let mut found = BTreeMap::new();
    for (number, at) in asked.into_iter().enumerate() {
        // `console` tells what stands first in the text, `validate` what was found first, and that is compared here.
        let placed = straddle::diag::text_order(&ours[at].diags).into_iter().zip(&ours[at].diags);
        let error = placed.filter(|(_, d)| d.is_error()).min_by_key(|(place, _)| *place).unwrap().1;
        let first = theirs.get(&(number as u64 * 3 + 2)).and_then(|all| all.first());
        let Some(first) = first else {
            found.insert(all[at].clone(), format!("{}: Terraform evaluates it", error.summary));
            continue;
        };
        let begins = first["range"]["start"]["column"].as_u64().unwrap_or_default();
        let straddle::diag::position::Position { column, .. } =
            straddle::diag::position::position(&all[at], error.span.as_ref().unwrap().range.start);
        // "  value = " stands before each.
        if first["summary"] != error.summary.as_str() || begins != column as u64 + 10 {
            found.insert(all[at].clone(), format!("{} at {column}\n    Terraform: {first}", error.summary));
        }
    }
    settle(&found, ERRORS_DIFFER);
}

/// By name.
const CONFIGURATIONS_DIFFER: &[(&str, &str)] = &[];

#[test]
fn configurations_are_judged_alike() {
    let Some(root) = workplace() else { return };
    let cases: Vec<Json> = serde_json::from_str(include_str!("differential/configs.json")).unwrap();
    let mut found = BTreeMap::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let directory = root.path().join(name);
        for (file, content) in case["files"].as_object().unwrap() {
            let path = directory.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content.as_str().unwrap()).unwrap();
        }
        let theirs = first(&terraform(root.path(), &directory, &["validate", "-json"]).stdout);
        let ours = Command::new(env!("CARGO_BIN_EXE_straddle"))
            .args(["validate", "-json"])
            .current_dir(&directory)
            .output()
            .unwrap();
        let ours = first(&ours.stdout);
        if ours != theirs {
            found.insert(name.to_owned(), format!("{ours}\n    Terraform: {theirs}"));
        }
    }
    settle(&found, CONFIGURATIONS_DIFFER);
}

/// The verdict, and what is said first and where.
fn first(said: &[u8]) -> Json {
    let said: Json = serde_json::from_slice(said).unwrap_or_default();
    let first = &said["diagnostics"][0];
    let (severity, summary, range) = (&first["severity"], &first["summary"], &first["range"]);
    serde_json::json!({ "valid": said["valid"], "severity": severity, "summary": summary, "range": range })
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
