//! SARIF 2.1.0: findings where code scanning shows them, each at the block of the spec it is about.

use super::items::{Item, KINDS, Level, items};
use super::{Cause, Drift};
use serde_json::{Value as Json, json};

/// Results that code scanning keeps of one run.
const MOST: usize = 5_000;

/// The check as SARIF. `prefix` leads from the repository's root to the module's directory (empty, or ending in `/`).
pub fn sarif(drift: &Drift<'_>, prefix: &str) -> String {
    let all = items(drift);
    let fallback = drift.sources.files.first().map_or("", |f| f.name.as_str());
    let rules: Vec<Json> = KINDS
        .iter()
        .map(|(id, title, level)| {
            json!({
                "id": id,
                "shortDescription": { "text": title },
                "defaultConfiguration": { "level": word(*level) },
            })
        })
        .collect();
    let results: Vec<Json> = all.iter().take(MOST).map(|item| result(item, prefix, fallback)).collect();
    let left_out = all.len().saturating_sub(MOST);
    let mut run = json!({
        "tool": { "driver": {
            "name": "straddle",
            "version": env!("CARGO_PKG_VERSION"),
            "informationUri": env!("CARGO_PKG_REPOSITORY"),
            "rules": rules,
        } },
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if left_out > 0 {
        run["properties"] = json!({ "leftOut": left_out });
    }
    let whole = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    format!("{whole:#}\n")
}

fn result(item: &Item, prefix: &str, fallback: &str) -> Json {
    let (file, line) = item.place.as_ref().map_or((fallback, 1), |(file, line)| (file.as_str(), *line));
    let index = KINDS.iter().position(|(id, ..)| *id == item.id);
    let mut result = json!({
        "ruleId": item.id,
        "ruleIndex": index,
        "level": word(item.level),
        "message": { "text": item.text },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&format!("{prefix}{file}")) },
                "region": { "startLine": line },
            },
            "logicalLocations": [{ "fullyQualifiedName": item.subject }],
        }],
        "partialFingerprints": { "straddle/v1": item.fingerprint() },
        "properties": { "severity": item.severity.key() },
    });
    if let Some(cause) = item.cause {
        result["baselineState"] = json!(if cause == Cause::Before { "unchanged" } else { "new" });
    }
    result
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// A relative path as a URI reference: what has a meaning there, or is not ASCII, is percent-encoded.
fn uri(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(byte as char),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
