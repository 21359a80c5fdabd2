//! What the measured cases do not reach: depth, random text, scopes.

use super::*;
use crate::diag::FileId;
use crate::lang::address::Mode;
use crate::lang::functions::{EntryKind, Files};
use crate::lang::reference::{Subject, references};
use crate::lang::scope::Overlay;
use crate::lang::syntax::{Text, parse_expr};
use proptest::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn kind(&self, _: &Path) -> io::Result<Option<EntryKind>> {
        Ok(None)
    }

    fn list(&self, _: &Path) -> io::Result<Vec<(String, EntryKind)>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// `var.x` is a number, `var.u` is not known and says why, `a.b` is an object.
struct Few;

impl Scope for Few {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        match reference.subject {
            Subject::Variable("x") => Ok(Value::number(7)),
            Subject::Variable("u") => Ok(Value::unknown_because(Type::String, Cause("a.b.id".into()))),
            Subject::Resource(Mode::Managed, "a", "b") => {
                Ok(Value::object(vec![("id".into(), Value::string("module's"))]))
            }
            _ => Err(Box::new(Diagnostic::error("Nothing of that name", "").at(&reference.span))),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        let base_directory = Path::new("/");
        Some(FunctionContext {
            base_directory,
            files: &NoFiles,
            now: None,
            plan_time: None,
            random: None,
            providers: None,
            templates: None,
            sources: None,
        })
    }
}

fn parsed(text: &str) -> Expr {
    let (expr, diags) = parse_expr(Text { file: FileId(0), name: "t", text });
    assert_eq!(diags, [], "{text}");
    expr
}

fn value(text: &str) -> Value {
    let (value, diags) = eval(&parsed(text), &Few);
    assert_eq!(diags, [], "{text}");
    value
}

fn problems(text: &str) -> Vec<String> {
    eval(&parsed(text), &Few).1.into_iter().map(|d| d.summary).collect()
}

#[test]
fn the_deepest_expressions_fit_the_stack() {
    let depth = 190;
    for (open, close) in [("[", "]"), ("(", ")"), ("{a=", "}"), ("-", ""), ("true ? 1 : ", ""), ("[1][", " - 1]")] {
        let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        eval(&parsed(&text), &Few);
    }
    // Each level is an interpolation and an expression in it.
    let text = format!("{}1{}", "\"x${".repeat(depth / 2), "}\"".repeat(depth / 2));
    assert_eq!(value(&text).as_str().map(str::len), Some(depth / 2 + 1));
    let text = format!("[for a in [1] : {}a{}]", "[for b in [1] : ".repeat(depth / 2), "]".repeat(depth / 2));
    assert!(value(&text).items().is_some());
    assert_eq!(value(&format!("0{}", " + 1".repeat(1900))).as_num().and_then(|n| n.to_i64()), Some(1900));
    assert_eq!(references(&parsed(&format!("0{}", " + var.x".repeat(1900)))).0.len(), 1900);
}

#[test]
fn an_unknown_says_why_through_everything() {
    for text in [
        "var.u",
        "\"x-${var.u}\"",
        "[var.u][0]",
        "{a = var.u}.a",
        "var.u == \"x\"",
        "true ? var.u : \"b\"",
        "[for x in [var.u] : x][0]",
        "([{a = var.u}][*].a)[0]",
        "{(var.u) = 1}",
        "[for x in [1] : x if var.u == \"x\"]",
        "(var.u == \"x\") ? 1 : 2",
        "!(var.u == \"x\")",
        "\"%{ for x in [var.u] }${x}%{ endfor }\"",
    ] {
        let value = value(text);
        assert_eq!(cause(&value), Some(Cause("a.b.id".into())), "{text}: {value:?}");
    }
}

#[test]
fn an_overlay_hides_what_it_names_and_nothing_else() {
    let own = [("location", Value::object(vec![("name".into(), Value::string("aws-a"))]))];
    let resources = [((Mode::Managed, "a", "b"), Value::object(vec![("id".into(), Value::string("its own"))]))];
    let (key, each) = (Value::string("k"), Value::number(3));
    let overlay =
        Overlay { each: Some((&key, &each)), index: Some(4), own: &own, resources: &resources, ..Overlay::over(&Few) };
    let text = "\"${location.name} ${a.b.id} ${each.key}${each.value} ${count.index} ${var.x}\"";
    let (value, diags) = eval(&parsed(text), &overlay);
    assert_eq!((value.as_str(), diags.len()), (Some("aws-a its own k3 4 7"), 0));
    assert_eq!(problems("each.key"), ["Nothing of that name"]);
}

#[test]
fn a_name_bound_by_for_is_no_reference() {
    assert_eq!(references(&parsed("[for var in a.b.c : var.x if var.y]")).0.len(), 1);
    assert_eq!(references(&parsed("\"%{ for k, v in {} }${k.x}${v.y}${w.z}%{ endfor }\"")).0.len(), 1);
    assert_eq!(value("[for var in [{x = 1}] : var.x][0]").as_num().and_then(|n| n.to_i64()), Some(1));
}

#[test]
fn a_branch_not_taken_may_fail_but_not_refer_to_nothing() {
    assert_eq!(problems("true ? 1 : [1][9]"), Vec::<String>::new());
    assert_eq!(problems("false ? 1 : [1][9]"), ["Invalid index"]);
    assert_eq!(problems("true ? 1 : var.nope"), ["Nothing of that name"]);
}

#[test]
fn one_error_of_many_elements_is_told() {
    assert_eq!(problems("[for x in [1, 2, 3] : x.y]"), ["Unsupported attribute"]);
    assert_eq!(problems("[[1, 2, 3][*].y, null + 1]").len(), 2);
}

#[test]
fn constants_take_no_references() {
    let (_, diags) = eval(&parsed("[local.x, f(1)]"), &NoScope);
    let found: Vec<&str> = diags.iter().map(|d| d.summary.as_str()).collect();
    assert_eq!(found, ["Variables not allowed", "Function calls not allowed"]);
}

/// Bits of expressions, to be strung together at random.
const BITS: &[&str] = &[
    "1",
    "0",
    "-",
    "null",
    "true",
    "\"a\"",
    "var.x",
    "var.u",
    "a.b",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "x",
    "=",
    ",",
    ":",
    "?",
    "for",
    "in",
    "if",
    "=>",
    "...",
    "[*]",
    ".*",
    ".id",
    "[0]",
    "[var.u]",
    "+",
    "/",
    "%",
    "<",
    "==",
    "&&",
    "!",
    "\"${",
    "}\"",
    "%{ if ",
    "~}",
    "%{ endif }",
    " ",
    "1e400",
    "/0",
    "{a=1}",
    "[1,null]",
    "[]",
    "{}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_parses_panics(bits in prop::collection::vec(prop::sample::select(BITS), 1..14)) {
        let text = bits.join(" ");
        let (expr, diags) = parse_expr(Text { file: FileId(0), name: "t", text: &text });
        let (_, problems) = eval(&expr, &Few);
        if diags.is_empty() {
            for diag in problems {
                let range = diag.span.unwrap().range;
                prop_assert!(range.start < range.end && range.end <= text.len());
            }
        }
        references(&expr);
    }
}
