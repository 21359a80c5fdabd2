use super::super::{Text, parse_body};
use super::{parse_json_body, parse_json_values};
use crate::diag::FileId;
use crate::lang::ast::{Body, ExprKind};

fn text(text: &str) -> Text<'_> {
    Text { file: FileId(0), name: "main.tf.json", text }
}

fn read(json: &str) -> Body {
    let (body, problems) = parse_json_body(text(json));
    assert_eq!(problems, [], "{json}");
    body
}

/// Summaries and the text underlined.
fn wrong(json: &str) -> Vec<(String, String)> {
    let (_, problems) = parse_json_body(text(json));
    problems.into_iter().map(|p| (p.summary, p.span.map_or(String::new(), |s| json[s.range].to_owned()))).collect()
}

/// The outline of a tree: enough to say that two syntaxes mean the same.
fn outline(body: &Body) -> String {
    let mut lines: Vec<String> =
        body.attributes.iter().map(|a| format!("{} = {}", &*a.name.name, kind(&a.expr.kind))).collect();
    lines.sort();
    for block in &body.blocks {
        let labels: Vec<&str> = block.labels.iter().map(|l| &*l.text).collect();
        lines.push(format!("{} {} {{ {} }}", &*block.kind.name, labels.join(" "), outline(&block.body)));
    }
    lines.join("; ")
}

fn kind(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Literal(value) => format!("{:?}", value.0),
        ExprKind::Tuple(items) => items.iter().map(|i| self::kind(&i.kind)).collect::<Vec<_>>().join(","),
        ExprKind::Traversal(t) => format!("{}+{}", &*t.root.name, t.steps.len()),
        ExprKind::Call(call) => format!("{}()", &*call.name.name),
        ExprKind::Template(t) => format!("template of {}", t.parts.len()),
        other => std::mem::discriminant(other).type_text(),
    }
}

trait TypeText {
    fn type_text(&self) -> String;
}

impl<T> TypeText for std::mem::Discriminant<T> {
    fn type_text(&self) -> String {
        format!("{self:?}")
    }
}

#[test]
fn json_and_native_syntax_give_one_tree() {
    let json = r#"{
        "//": "a comment",
        "variable": {"x": {"type": "list(string)", "default": ["${not.a.template}"], "validation": {"condition": "${var.x}", "error_message": "no"}}},
        "resource": {"t": {"a": {"depends_on": ["t.b"], "lifecycle": {"ignore_changes": ["one", "two[0]"]}, "name": "n-${var.x}",
                                 "provisioner": [{"local-exec": {"command": "c", "when": "destroy"}}]},
                           "b": [{}]}},
        "locals": [{"l": "$${no}", "m": 1.5}, {"n": null}]
    }"#;
    let native = r#"
        variable "x" {
          type    = list(string)
          default = ["$${not.a.template}"]
          validation {
            condition     = "${var.x}"
            error_message = "no"
          }
        }
        resource "t" "a" {
          depends_on = [t.b]
          name       = "n-${var.x}"
          lifecycle {
            ignore_changes = [one, two[0]]
          }
          provisioner "local-exec" {
            command = "c"
            when    = destroy
          }
        }
        resource "t" "b" {
        }
        locals {
          l = "$${no}"
          m = 1.5
        }
        locals {
          n = null
        }"#;
    let (native, problems) = parse_body(text(native));
    assert_eq!(problems, []);
    assert_eq!(outline(&read(json)), outline(&native));
}

#[test]
fn values_are_texts_as_they_are() {
    let (body, problems) = parse_json_values(text(r#"{"a": "${x}", "//": 1, "b": {"c": "%{"}}"#));
    assert_eq!(problems, []);
    assert_eq!(body.attributes.len(), 2);
    assert_eq!(body.attributes[0].expr.literal_text(), Some("${x}"));
}

#[test]
fn places_inside_texts_are_places_in_the_file() {
    let json = r#"{"locals": {"a": "x ${var.name} y"}}"#;
    let body = read(json);
    let expr = &body.blocks[0].body.attributes[0].expr;
    assert_eq!(&json[expr.span.range.clone()], r#""x ${var.name} y""#);
    let ExprKind::Template(template) = &expr.kind else { panic!("{expr:?}") };
    let crate::lang::ast::Part::Interpolation(inner) = &template.parts[1] else { panic!("{template:?}") };
    assert_eq!(&json[inner.span.range.clone()], "var.name");
}

#[test]
fn mistakes_have_terraforms_words_and_places() {
    for (json, summary, place) in [
        (r#"{"a" = 1}"#, "Missing property value colon", "="),
        (r#"{"a": 1,}"#, "Trailing comma in object", ","),
        (r#"{"a": [1,]}"#, "Trailing comma in array", ","),
        (r#"{"a": True}"#, "Invalid JSON keyword", "True"),
        (r#"{"a": 01}"#, "Invalid JSON number", "01"),
        (r#"{"a" 1}"#, "Missing property value colon", "1"),
        (r#"{"a": 1"#, "Unclosed object", "{"),
        (r#"{"a": 1 "b": 2}"#, "Missing attribute seperator comma", ""),
        (r#"{} {}"#, "Extraneous data after value", "{"),
        ("", "Missing value", ""),
        ("1", "Root value must be object", "1"),
        (r#"{"resource": {"a": 1}}"#, "Incorrect JSON value type", "1"),
        (r#"{"resource": {"a": {}}}"#, "Missing block label", "{"),
        (r#"{"resorce": {}}"#, "Extraneous JSON object property", "\"resorce\""),
        (r#"{"locals": 1}"#, "Incorrect JSON value type", "1"),
        (r#"{"locals": {"a": {"b": 1, "b": 2}}}"#, "Duplicate object attribute", "\"b\""),
        (r#"{"locals": {"a": "${"}}"#, "Missing expression", ""),
    ] {
        assert_eq!(wrong(json).first(), Some(&(summary.to_owned(), place.to_owned())), "{json}");
    }
}

#[test]
fn no_text_makes_it_fall_over() {
    for json in [
        "\"",
        "{\"",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\",
        "\u{feff}{}",
        "{\"é\":\"${é",
        "[",
        "{\"locals\":{\"a\":\"\\u00e9${\"}}",
    ] {
        let (_, problems) = parse_json_body(text(json));
        for problem in &problems {
            let span = problem.span.clone().unwrap();
            assert!(span.range.end <= json.len(), "{json:?}: {problem:?}");
        }
    }
    let deep = "[".repeat(100_000);
    assert_eq!(wrong(&deep)[0].0, "Nested too deeply");
}
