//! The provider's own configuration.

use crate::clock::Millis;
use crate::store::Caller;
use std::path::PathBuf;
use straddle_sdk::provider::{Diagnostic, Diagnostics};
use straddle_sdk::value::Value;

/// The cloud of a configuration that names none.
pub const DEFAULT_CLOUD: &str = "sim";
/// The store of a configuration that names none; relative to the working directory, which is that of the module.
pub const DEFAULT_STORE: &str = "sim.db";

/// A configuration that is known as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who asks.
    pub caller: Caller,
    /// The store's file.
    pub store: PathBuf,
    /// How long each request takes.
    pub latency: Millis,
}

/// Reads a configuration; `None` when part of it is not known yet. All mistakes at once.
pub fn read(config: &Value) -> Result<Option<Config>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let get = |name: &str| config.get(name).filter(|value| !value.is_null() && !value.is_unknown());
    let text = |name: &str, default: &str, problems: &mut Diagnostics| {
        let text = get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
        if text.is_empty() {
            problems.push(Diagnostic::error("Empty text", format!("{name} must not be empty.")).attribute(name));
        }
        text
    };
    let cloud = text("cloud", DEFAULT_CLOUD, &mut problems);
    let store = text("store", DEFAULT_STORE, &mut problems);
    let length = |name: &str, problems: &mut Diagnostics| match get(name).and_then(Value::as_str).map(duration) {
        Some(None) => {
            let detail = format!("{name} is a number with a unit, such as \"500ms\", \"90s\", \"10m\" or \"1h30m\".");
            problems.push(Diagnostic::error("Not a length of time", detail).attribute(name));
            0
        }
        found => found.flatten().unwrap_or(0),
    };
    let boot = length("boot", &mut problems);
    let latency = length("latency", &mut problems);
    let rate_limit = get("rate_limit").and_then(Value::as_num).map(|rate| rate.to_f64());
    if rate_limit.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        let detail = "rate_limit is a number of requests per second, above 0; leave it out for no limit.";
        problems.push(Diagnostic::error("Not a rate", detail).attribute("rate_limit"));
    }
    problems.into_result()?;
    let known = config.is_wholly_known();
    Ok(known.then(|| Config { caller: Caller { cloud, boot, rate_limit }, store: store.into(), latency }))
}

/// A length of time as it is written everywhere in a spec: `0s`, `500ms`, `90s`, `1h30m`. At most a year.
fn duration(text: &str) -> Option<Millis> {
    const YEAR: Millis = 366 * 24 * 3_600_000;
    let mut rest = text;
    let mut total: Millis = 0;
    while !rest.is_empty() || text.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: Millis = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 24 * 3_600_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = number.checked_mul(unit).and_then(|more| total.checked_add(more)).filter(|total| *total <= YEAR)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let table = [
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("", None),
            ("90", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("1s ", None),
            ("1초", None),
            ("99999999999999999999s", None),
            ("9999999999d", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text), expected, "{text:?}");
        }
    }

    fn config(set: &[(&str, Value)]) -> Value {
        Value::object(set.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn defaults_and_mistakes() {
        let config_of = |set: &[(&str, Value)]| read(&config(set));
        let default = config_of(&[]).expect("no mistake").expect("known");
        assert_eq!((default.caller, default.store), (Caller::of("sim"), PathBuf::from("sim.db")));
        let unknown = Value::unknown(straddle_sdk::value::Type::String);
        assert_eq!(config_of(&[("cloud", unknown)]), Ok(None));
        let wrong = config_of(&[
            ("boot", Value::string("soon")),
            ("cloud", Value::string("")),
            ("rate_limit", Value::number(0)),
        ]);
        let problems = wrong.expect_err("three mistakes");
        let at: Vec<String> = problems.iter().map(|problem| problem.attribute.to_string()).collect();
        assert_eq!(at, ["cloud", "boot", "rate_limit"]);
    }
}
