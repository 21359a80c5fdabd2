//! Texts nobody means well with: whatever they are, the language answers, in bounded work and memory, and does not panic (INV-10).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use proptest::prelude::*;
use std::path::Path;
use straddle::diag::{Diagnostic, FileId, Source, Sources, Span};
use straddle::lang::console::{Answer, ask};
use straddle::lang::evaluate::Surroundings;
use straddle::lang::functions::FunctionContext;
use straddle::lang::functions::files::Disk;
use straddle::lang::load::load;
use straddle::lang::scope::{ModuleValues, NoResources, Paths};
use straddle::lang::syntax::format::format;
use straddle::lang::syntax::json::parse_json_body;
use straddle::lang::syntax::{Text, parse_body};
use straddle::report::diagnostics;
use straddle::report::style::Style;

/// Asks the console of an empty module.
fn answer(expression: &str) -> Answer {
    let directory = tempfile::tempdir().unwrap();
    let loaded = load(directory.path());
    let disk = Disk::default();
    let functions = FunctionContext {
        base_directory: directory.path(),
        files: &disk,
        now: None,
        plan_time: None,
        providers: None,
        random: None,
        templates: None,
        sources: None,
    };
    let paths = Paths { module: ".".into(), root: ".".into(), cwd: "/".into() };
    let around =
        Surroundings { functions, paths: &paths, workspace: "default", sources: &loaded.sources, console: true };
    let values = ModuleValues::default();
    ask(expression, FileId(u32::MAX), &around.scope(&loaded.config.module, &values, &NoResources))
}

/// Reads a text in every way there is, and shows what is wrong with it.
fn read(text: &str) {
    let source = Text { file: FileId(0), name: "x.tf", text };
    let (_, native) = parse_body(source);
    let (_, json) = parse_json_body(Text { name: "x.tf.json", ..source });
    let _ = format(source);
    for found in [native, json] {
        show(text, &found);
    }
}

fn show(text: &str, found: &[Diagnostic]) {
    let sources = Sources { files: vec![Source::new("x.tf", text)] };
    for diagnostic in found {
        let span = diagnostic.span.as_ref().unwrap();
        assert!(span.range.end <= text.len() && span.range.start <= span.range.end, "INV-11: {diagnostic:?}");
    }
    assert!(!diagnostics::json(found, &sources).is_empty());
    diagnostics::text(found, &sources, &Style::default());
}

#[test]
fn nesting_without_end() {
    for open in [
        "[",
        "(",
        "{",
        "{a=",
        "\"${",
        "f(",
        "a {\n",
        "-",
        "!",
        "[for x in ",
        "true?",
        "<<E\n${",
        "%{if a}",
        "{\"a\":",
        "a[",
    ] {
        read(&format!("x = {}", open.repeat(20_000)));
        read(&open.repeat(20_000));
    }
    for chain in [".a", "[0]", "+1", "==1", "&&true", ".*", "[*].a"] {
        read(&format!("x = a{}\n", chain.repeat(50_000)));
    }
}

#[test]
fn what_is_no_text_of_the_language() {
    for byte in ["\0", "\u{7f}", "\u{feff}", "\u{200b}", "\r", "'", "`", ";", "\u{e000}", "}", "]"] {
        read(&byte.repeat(20_000));
    }
}

#[test]
fn a_line_without_end() {
    let line = format!("a = [{}]\n", "1 2, ".repeat(30_000));
    read(&line);
    let wide = format!("a = \"{}\" b\n", "한".repeat(30_000));
    read(&wide);
    let many: Vec<Diagnostic> = (0..2_000)
        .map(|at| {
            let span = Span { file: FileId(0), range: at * 40..at * 40 + 60_000 };
            Diagnostic::error("Wrong", "It is.").at(&span)
        })
        .collect();
    show(&line, &many);
}

#[test]
fn results_that_would_fill_the_memory() {
    for expression in [
        "range(1e9)",
        "range(0, 1e9, 1)",
        "format(\"%1000000000d\", 1)",
        "format(\"%.1000000000f\", 1)",
        "format(\"%-1000000000s|\", \"x\")",
        "format(\"%*d\", 1000000000, 1)",
        "indent(1000000000, \"a\\nb\")",
        "setproduct(range(1000), range(1000), range(1000))",
        "1e1000000000",
        "tonumber(\"1e1000000000\")",
        "tonumber(\"1e-1000000000\")",
        "pow(10, 1e9)",
        "pow(2, 1e6)",
        "chunklist(range(1000), 1e18)",
        "cidrsubnets(\"::/0\", [for x in range(1000) : 120]...)",
        "cidrsubnet(\"::/0\", 128, 1e38)",
        "cidrhost(\"::/0\", 1e400)",
        "regex(\"(((a{1,1000}){1,1000}){1,1000})\", \"a\")",
        "regex(\"(a+)+$\", join(\"\", [for x in range(1000) : \"a\"]))",
        "substr(\"abc\", -9223372036854775808, 9223372036854775807)",
        "element([1], 1e18)",
        "timeadd(\"9999-12-31T23:59:59Z\", \"2562047h\")",
        "formatdate(\"YYYY\", \"0000-00-00T00:00:00Z\")",
        "parseint(join(\"\", [for x in range(1000) : \"9999999999\"]), 10)",
    ] {
        // Refused or answered: it ends, and the answer is one that can be shown.
        let answer = answer(expression);
        assert!(answer.ok() || answer.error().is_some(), "{expression}");
        assert!(answer.display().len() < 20_000_000, "{expression}");
    }
}

#[test]
fn decoders_of_what_is_nested_or_repeated() {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    for text in
        ["[", "{\"a\":", "- ", "{a: ", "? ", "&a ", "a:\n ", "'", "\"", "%", "!", "|\n ", "a: [1,\n", "---\n", "a,"]
    {
        let text = quoted(&text.repeat(5_000));
        for function in ["jsondecode", "yamldecode", "csvdecode", "base64decode", "urlencode", "title"] {
            answer(&format!("{function}(\"{text}\")"));
        }
    }
}

const PIECES: &[&str] = &[
    "a", "b {", "}", "\n", " ", "=", "\"", "${", "%{", "~}", "<<EOT\n", "EOT\n", "[", "]", "(", ")", "{", ",", ":",
    "?", "...", ".", ".*", "[*]", "1", "1e9", "0.5", "for ", "in ", "if ", "=>", "&&", "-", "!", "/*", "*/", "#", "//",
    "\\", "\\u12", "é", "한", "\0", "\r", "\t", "\u{feff}", "e\u{301}", "- ", "&x ", "*x", "!t ", "|", ">", "'", "@",
    "<<: ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn soup_is_read(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        read(&pieces.concat());
    }

    #[test]
    fn soup_is_decoded(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        let text = pieces.concat().replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
        let text = text.replace('\n', "\\n").replace('\r', "\\r");
        for function in ["yamldecode", "jsondecode", "csvdecode"] {
            answer(&format!("{function}(\"{text}\")"));
        }
    }

    #[test]
    fn soup_is_evaluated(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..20)) {
        answer(&pieces.concat());
    }
}

#[test]
fn bytes_that_are_no_text_are_told_of() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("main.tf"), b"locals {\n a = \"\xff\xfe\"\n}\n").unwrap();
    let loaded = load(Path::new(directory.path()));
    assert!(loaded.diags.iter().any(Diagnostic::is_error));
}
