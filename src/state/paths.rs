//! Paths of sensitive attributes in the notation of Terraform's state format:
//! `[[{"type":"get_attr","value":"password"}],…]`.

use super::json::literal;
use serde::Deserialize;
use straddle_sdk::value::{Path, Step};

#[derive(Deserialize)]
struct StepText {
    #[serde(rename = "type")]
    kind: String,
    value: serde_json::Value,
}

/// The compact text of several paths.
pub(super) fn write(paths: &[Path]) -> String {
    let paths: Vec<String> =
        paths.iter().map(|path| format!("[{}]", path.0.iter().map(write_step).collect::<Vec<_>>().join(","))).collect();
    format!("[{}]", paths.join(","))
}

fn write_step(step: &Step) -> String {
    match step {
        Step::Attr(name) => format!(r#"{{"type":"get_attr","value":{}}}"#, literal(name)),
        Step::Key(key) => format!(r#"{{"type":"index","value":{{"value":{},"type":"string"}}}}"#, literal(key)),
        Step::Index(n) => format!(r#"{{"type":"index","value":{{"value":{n},"type":"number"}}}}"#),
    }
}

/// Reads what [`write`] writes, whatever its white space. `None` for anything else.
pub(super) fn read(text: &str) -> Option<Vec<Path>> {
    let paths: Vec<Vec<StepText>> = serde_json::from_str(text).ok()?;
    paths.iter().map(|path| path.iter().map(read_step).collect::<Option<Vec<Step>>>().map(Path)).collect()
}

fn read_step(step: &StepText) -> Option<Step> {
    match step.kind.as_str() {
        "get_attr" => Some(Step::Attr(step.value.as_str()?.into())),
        "index" => match (step.value.get("type")?.as_str()?, step.value.get("value")?) {
            ("string", value) => Some(Step::Key(value.as_str()?.into())),
            ("number", value) => Some(Step::Index(value.as_u64()?)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_of_terraform() {
        let paths = vec![
            Path(vec![Step::Attr("users".into()), Step::Index(2), Step::Attr("password".into())]),
            Path(vec![Step::Attr("tags".into()), Step::Key("a\"b".into())]),
        ];
        let text = write(&paths);
        assert_eq!(
            text,
            r#"[[{"type":"get_attr","value":"users"},{"type":"index","value":{"value":2,"type":"number"}},{"type":"get_attr","value":"password"}],[{"type":"get_attr","value":"tags"},{"type":"index","value":{"value":"a\"b","type":"string"}}]]"#
        );
        assert_eq!(read(&text), Some(paths));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{}",
            "[[1]]",
            r#"[[{"type":"get_attr","value":1}]]"#,
            r#"[[{"type":"index","value":{"value":-1,"type":"number"}}]]"#,
            r#"[[{"type":"index","value":{"value":1.5,"type":"number"}}]]"#,
            r#"[[{"type":"splat","value":"x"}]]"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
