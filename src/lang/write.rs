//! Values written as the language has them, laid out as `terraform fmt` would.

use super::address::{ident_len, quote};
use straddle_sdk::value::{Kind, Str, Value};

/// A value as an expression; lines after the first are indented for `depth` levels. What is unknown is written as null.
pub fn expression(value: &Value, depth: usize) -> String {
    match value.kind() {
        Kind::Null(_) | Kind::Unknown(_) => "null".into(),
        Kind::Bool(b) => b.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::String(s) => quote(s),
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => {
            let items = value.items().unwrap_or_default();
            let all: Vec<String> = items.iter().map(|item| expression(item, depth)).collect();
            format!("[{}]", all.join(", "))
        }
        Kind::Map(_) | Kind::Object(_) => {
            let entries = value.entries().unwrap_or_default();
            let lines: Vec<(String, String)> =
                entries.iter().map(|(name, item)| (key(name), expression(item, depth + 1))).collect();
            if lines.is_empty() {
                return "{}".into();
            }
            format!("{{\n{}{}}}", argument_lines(&lines, depth + 1), pad(depth))
        }
    }
}

/// Arguments, a line each, or several where the value takes them. The equals signs of neighbours that take one line are under each
/// other.
pub fn argument_lines(arguments: &[(String, String)], depth: usize) -> String {
    let mut out = String::new();
    let mut rest = arguments;
    while let Some((name, text)) = rest.first() {
        let run = rest.iter().take_while(|(_, text)| !text.contains('\n')).count();
        if run == 0 {
            out.push_str(&format!("{}{name} = {text}\n", pad(depth)));
            rest = &rest[1..];
            continue;
        }
        let width = rest[..run].iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, text) in &rest[..run] {
            out.push_str(&format!("{}{name:width$} = {text}\n", pad(depth)));
        }
        rest = &rest[run..];
    }
    out
}

/// A key of an object: bare where it may be.
pub fn key(name: &Str) -> String {
    if !name.is_empty() && ident_len(name) == name.len() { name.to_string() } else { quote(name) }
}

/// So many levels of indentation.
pub fn pad(depth: usize) -> String {
    "  ".repeat(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laid_out_as_terraform_does() {
        let text = |s: &str| Value::string(s);
        let inner = Value::object(vec![
            ("c".into(), Value::tuple(vec![Value::number(1), text("x"), Value::TRUE])),
            ("d e".into(), Value::object(vec![])),
        ]);
        let list = Value::tuple(vec![Value::object(vec![("k".into(), text("v"))])]);
        let all = Value::object(vec![
            ("a".into(), Value::number(1)),
            ("b".into(), inner),
            ("l".into(), list),
            ("s".into(), text("a\"b${x}\n")),
        ]);
        let wanted = "{\n  a = 1\n  b = {\n    c     = [1, \"x\", true]\n    \"d e\" = {}\n  }\n  l = [{\n    k = \"v\"\n  }]\n  s = \"a\\\"b$${x}\\n\"\n}";
        assert_eq!(expression(&all, 0), wanted);
    }
}
