//! Cases measured with Terraform 1.11.4 (`tests/conformance/README.md`). Where straddle differs the case is listed here with
//! the reason; a listed case that no longer differs fails the test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use straddle::diag::position::position;
use straddle::diag::{Diagnostic, FileId, Source};
use straddle::lang::console::{Answer, INPUT, ask};
use straddle::lang::evaluate::Surroundings;
use straddle::lang::functions::FunctionContext;
use straddle::lang::functions::files::{Disk, SystemRandom};
use straddle::lang::load::{Loaded, load};
use straddle::lang::scope::{ModuleValues, NoResources, Paths};
use straddle::lang::syntax::{Text, parse_body};
use straddle::lang::validate::validate;
use straddle::lang::variables::assign;

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
        // Measured with `terraform fmt`, which prints them by place.
        let mut diags = diags;
        diags.sort_by_key(|d| d.span.as_ref().unwrap().range.start);
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

/// The module the expressions were measured in, and what is asked of it.
struct Console {
    loaded: Loaded,
    directory: PathBuf,
    disk: Disk,
    paths: Paths,
    values: ModuleValues,
}

/// A moment, so that functions of time have a value to compute with.
const NOW: &str = "2026-11-22T12:00:00Z";

impl Console {
    fn open() -> Console {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/files");
        let mut loaded = load(&directory);
        assert_eq!(loaded.diags, []);
        let (variables, diags) = assign(&loaded.config.module, &[], &mut loaded.sources);
        assert_eq!(diags, []);
        let values = ModuleValues { variables, ..ModuleValues::default() };
        let cwd = directory.display().to_string();
        let paths = Paths { module: ".".into(), root: ".".into(), cwd };
        Console { loaded, directory, disk: Disk::default(), paths, values }
    }

    fn ask(&self, text: &str) -> Answer {
        let mut sources = self.loaded.sources.clone();
        sources.files.push(Source::new(INPUT, format!("{text}\n")));
        let functions = FunctionContext {
            base_directory: &self.directory,
            files: &self.disk,
            now: Some(NOW.parse().unwrap()),
            plan_time: None,
            random: Some(&SystemRandom),
            providers: None,
            templates: None,
            sources: Some(&sources),
        };
        let around =
            Surroundings { functions, paths: &self.paths, workspace: "default", sources: &sources, console: true };
        let file = FileId(u32::try_from(self.loaded.sources.files.len()).unwrap());
        ask(text, file, &around.scope(&self.loaded.config.module, &self.values, &NoResources))
    }
}

/// How an answer differs from what Terraform said, if it does.
fn differs(case: &Json, answer: &Answer) -> Option<String> {
    if case["error"] == true {
        let ours = answer.error().map(|d| (d.summary.as_str(), d.detail.as_str()));
        let Some((summary, detail)) = ours else { return Some(format!("no error, but {}", answer.display())) };
        // Suggestions go further than Terraform's.
        let fine =
            summary == text(case, "error_summary") && clean(detail).starts_with(&clean(text(case, "error_detail")));
        return (!fine).then(|| {
            format!(
                "error {summary} | {detail}\n    Terraform: {} | {}",
                text(case, "error_summary"),
                text(case, "error_detail")
            )
        });
    }
    if let Some(error) = answer.error() {
        return Some(format!("error {} | {}\n    Terraform: {}", error.summary, error.detail, text(case, "display")));
    }
    let unknown = case["unknown"] == true;
    let measured = unknown || case["expected_json_text"].is_string();
    let ours = (
        answer.type_text(),
        answer.unknown(),
        answer.sensitive(),
        answer.ephemeral(),
        answer.display(),
        // Where the measurement holds no JSON there is nothing to compare.
        answer.json().filter(|_| measured).map(|json| serde_json::from_str::<Json>(&json).unwrap()),
    );
    let json = case["expected_json_text"].as_str().filter(|_| !unknown).map(|json| serde_json::from_str(json).unwrap());
    let theirs = (
        text(case, "type").to_owned(),
        unknown,
        case["sensitive"] == true,
        case["ephemeral"] == true,
        text(case, "display").to_owned(),
        json,
    );
    (ours != theirs).then(|| format!("{ours:?}\n    Terraform: {theirs:?}"))
}

fn clean(text: &str) -> String {
    let text = text.trim_start_matches("on line 0:").trim_start();
    let text = text.trim_start_matches("(source code not available)");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const EXPRESSIONS_DIFFER: &[(&str, &str)] = &[];

#[test]
fn expressions() {
    let console = Console::open();
    let mut found = BTreeMap::new();
    for case in cases(include_str!("conformance/expressions.json")) {
        let expr = text(&case, "expr");
        let answer = console.ask(expr);
        if let Some(why) = differs(&case, &answer) {
            found.insert(expr.to_owned(), why);
        }
    }
    settle(&found, EXPRESSIONS_DIFFER);
}

/// By expression, each with the reason.
const FUNCTIONS_DIFFER: &[(&str, &str)] = &[
    ("element([\"a\",\"b\"],-1)", "Terraform panics and shows Go's words; straddle says what is wrong"),
    ("indent(-1,\"a\\nb\")", "Terraform panics and shows Go's words; straddle says what is wrong"),
];

#[test]
fn functions() {
    let console = Console::open();
    let mut found = BTreeMap::new();
    for case in cases(include_str!("conformance/functions.json")) {
        let expr = text(&case, "expr");
        if let Some(why) = differs(&case, &console.ask(expr)) {
            found.insert(expr.to_owned(), why);
        }
    }
    settle(&found, FUNCTIONS_DIFFER);
}

/// By expression, each with the reason.
const MORE_DIFFER: &[(&str, &str)] = &[];

/// Cases made later in the manner of the others, of all functions, of expressions and of decoders.
#[test]
fn more_values() {
    let console = Console::open();
    let mut found = BTreeMap::new();
    for case in cases(include_str!("conformance/more_values.json")) {
        let expr = text(&case, "expr");
        if let Some(why) = differs(&case, &console.ask(expr)) {
            found.insert(expr.to_owned(), why);
        }
    }
    settle(&found, MORE_DIFFER);
}

const CONFIGS_DIFFER: &[(&str, &str)] = &[
    ("own/bad-cycle-resources", "Terraform names the members of a cycle in an order of chance; straddle sorts them"),
    ("json/precondition", "a condition without a message is judged when it has one"),
    ("own/bad-provider-meta", "which providers there are is checked where they are started"),
];

#[test]
fn configurations() {
    let mut found = BTreeMap::new();
    let json = cases(include_str!("conformance/json.json"));
    let more = cases(include_str!("conformance/more_configs.json"));
    for case in cases(include_str!("conformance/configs.json")).into_iter().chain(json).chain(more) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in case["files"].as_object().unwrap() {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content.as_str().unwrap()).unwrap();
        }
        let loaded = load(directory.path());
        let disk = Disk::default();
        let functions = FunctionContext {
            base_directory: directory.path(),
            files: &disk,
            now: None,
            plan_time: None,
            random: None,
            providers: None,
            templates: None,
            sources: Some(&loaded.sources),
        };
        let paths = Paths { module: ".".into(), root: ".".into(), cwd: directory.path().display().to_string() };
        let around =
            Surroundings { functions, paths: &paths, workspace: "default", sources: &loaded.sources, console: false };
        let diags = validate(&loaded, &NoResources, around);
        let ours: Vec<Json> = diags.iter().filter(|d| d.is_error()).map(|d| shown(d, &loaded)).collect();
        let theirs: Vec<Json> = case["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|d| d["severity"] == "error")
            .map(|d| serde_json::json!({ "summary": d["summary"], "range": d["range"] }))
            .collect();
        if ours.first() != theirs.first() || ours.len() != theirs.len() {
            found.insert(text(&case, "name").to_owned(), format!("{ours:?}\n    Terraform: {theirs:?}"));
        }
    }
    settle(&found, CONFIGS_DIFFER);
}

/// Summary and range of a diagnostic, as `validate -json` has them.
fn shown(diag: &Diagnostic, loaded: &Loaded) -> Json {
    let range = diag.span.as_ref().map(|span| {
        let source = &loaded.sources.files[span.file.0 as usize];
        let place = |byte: usize, beyond: usize| {
            let at = position(&source.text, byte);
            serde_json::json!({ "line": at.line, "column": at.column + beyond, "byte": at.byte + beyond })
        };
        // An empty range is widened by one column, also at the end of a line.
        let empty = usize::from(span.range.is_empty());
        serde_json::json!({
            "filename": source.name,
            "start": place(span.range.start, 0),
            "end": place(span.range.end, empty),
        })
    });
    serde_json::json!({ "summary": diag.summary, "range": range })
}
