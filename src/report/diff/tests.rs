use super::super::style::Style;
use super::{object, value};
use straddle_sdk::value::{Cause, Marks, Path, Type, Value};

fn obj(items: &[(&str, Value)]) -> Value {
    Value::object(items.iter().map(|(k, v)| ((*k).into(), v.clone())).collect())
}

fn s(text: &str) -> Value {
    Value::string(text)
}

fn plain(before: &Value, after: &Value, replace: &[Path]) -> String {
    object(before, after, replace, 4, &Style::default())
}

#[test]
fn a_new_object_shows_all_but_nulls() {
    let after = obj(&[
        ("ami", s("ami-1")),
        ("id", Value::unknown(Type::String)),
        ("nothing", Value::null(Type::String)),
        ("blocks", Value::list(Type::object(vec![("a".into(), Type::String)]), vec![])),
        ("names", Value::list(Type::String, vec![])),
        ("target", Value::unknown_because(Type::String, Cause("aws_instance.x.id".into()))),
        ("tags", Value::map(Type::String, vec![("Name".into(), s("web"))])),
    ]);
    insta::assert_snapshot!(plain(&Value::null(after.ty()), &after, &[]), @r#"
    + ami    = "ami-1"
    + id     = (known after apply)
    + names  = []
    + tags   = {
        + "Name" = "web"
      }
    + target = (known after apply: aws_instance.x.id)
    "#);
}

#[test]
fn a_change_hides_what_stays_and_says_what_forces() {
    let before = obj(&[
        ("id", s("i-1")),
        ("image", s("old")),
        ("size", s("s")),
        ("a", s("same")),
        ("gone", s("x")),
        ("tags", Value::map(Type::String, vec![("a".into(), s("1")), ("b".into(), s("2"))])),
        ("ports", Value::list(Type::Number, vec![Value::number(1), Value::number(2), Value::number(3)])),
        ("set", Value::set(Type::String, vec![s("p"), s("q")])),
    ]);
    let after = obj(&[
        ("id", s("i-1")),
        ("image", s("new")),
        ("size", s("s")),
        ("a", s("same")),
        ("gone", Value::null(Type::String)),
        ("tags", Value::map(Type::String, vec![("a".into(), s("1")), ("b".into(), s("3"))])),
        ("ports", Value::list(Type::Number, vec![Value::number(1), Value::number(3), Value::number(4)])),
        ("set", Value::set(Type::String, vec![s("q"), s("r")])),
    ]);
    insta::assert_snapshot!(plain(&before, &after, &[Path::ROOT.attr("image")]), @r#"
    - gone  = "x" -> null
      id    = "i-1"
    ~ image = "old" -> "new" # forces replacement
    ~ ports = [
        - 2,
        + 4,
          # (2 elements not shown: unchanged)
      ]
    ~ set   = [
        - "p",
        + "r",
          # (1 element not shown: unchanged)
      ]
    ~ tags  = {
        ~ "b" = "2" -> "3"
          # (1 entry not shown: unchanged)
      }
      # (2 attributes not shown: unchanged)
    "#);
}

#[test]
fn nothing_sensitive_is_printed() {
    let secret = |t: &str| s(t).with_marks(Marks::SENSITIVE);
    let before = obj(&[
        ("p", secret("hunter2")),
        ("q", secret("same")),
        ("r", s("open")),
        ("n", obj(&[("in", secret("deep1"))])),
    ]);
    let after = obj(&[
        ("p", secret("hunter3")),
        ("q", s("same")),
        ("r", secret("open")),
        ("n", obj(&[("in", secret("deep2"))])),
    ]);
    let text = plain(&before, &after, &[])
        + &plain(&Value::null(after.ty()), &after, &[])
        + &plain(&before, &Value::null(before.ty()), &[]);
    for word in ["hunter", "deep", "open"] {
        // `q` was printed in clear because it is not sensitive on its own in `after`.
        assert!(!text.contains(&format!("\"{word}")) || word == "open", "{text}");
    }
    insta::assert_snapshot!(plain(&before, &after, &[]), @r"
    ~ n = {
        ~ in = (sensitive value)
      }
    ~ p = (sensitive value)
    ~ q = (sensitive value) # value unchanged, no longer sensitive
    ~ r = (sensitive value) # value unchanged, now sensitive
    ");
}

#[test]
fn lines_inside_a_text() {
    let before = obj(&[("user_data", s("#!/bin/sh\na\nb\nc\nd\ne\nf\necho old\nend\n"))]);
    let after = obj(&[("user_data", s("#!/bin/sh\na\nb\nc\nd\ne\nf\necho new\nend\n"))]);
    insta::assert_snapshot!(plain(&before, &after, &[]), @r#"
    ~ user_data = <<-EOT
          # (4 lines not shown: unchanged)
          d
          e
          f
        - echo old
        + echo new
          end
      EOT
    "#);
}

#[test]
fn json_inside_a_text() {
    let before = obj(&[("policy", s(r#"{"Version":"1","Allow":["a","b"]}"#)), ("blank", s("{\"a\":1}"))]);
    let after = obj(&[("policy", s(r#"{"Version":"1","Allow":["a","c"]}"#)), ("blank", s("{ \"a\": 1 }"))]);
    insta::assert_snapshot!(plain(&before, &after, &[]), @r#"
    ~ blank  = jsonencode(...) # only blanks change
    ~ policy = jsonencode({
        ~ "Allow" = [
            ~ "b" -> "c",
              # (1 element not shown: unchanged)
          ]
          # (1 entry not shown: unchanged)
      })
    "#);
}

#[test]
fn a_hostile_text_cannot_draw() {
    let after = obj(&[("x", s("a\u{1b}[2J\u{202e}b")), ("y", s("one\n\u{1b}[1A two"))]);
    let text = plain(&Value::null(after.ty()), &after, &[]);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn values_that_change_their_kind() {
    let text = value(Some(&s("x")), Some(&Value::tuple(vec![Value::TRUE])), 2, &Style::default());
    assert_eq!(text, "\"x\" -> [\n      + true,\n    ]");
    assert_eq!(value(None, Some(&Value::unknown(Type::Number)), 2, &Style::default()), "(known after apply)");
}
