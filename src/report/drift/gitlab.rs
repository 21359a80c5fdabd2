//! GitLab: the merge request's count of changes (`artifacts:reports:terraform`) and code quality findings.

use super::Drift;
use super::items::{Level, items};
use crate::plan::model::Action;
use serde_json::{Value as Json, json};

/// What bringing reality to the spec would create, change and delete.
pub fn counts(drift: &Drift<'_>) -> String {
    let count = |f: fn(Action) -> bool| drift.changes.iter().filter(|c| f(c.action)).count();
    let whole = json!({
        "create": count(Action::creates),
        "update": count(|a| a == Action::Update),
        "delete": count(Action::deletes),
    });
    format!("{whole:#}\n")
}

/// The findings as code quality issues. `prefix` leads from the repository's root to the module's directory.
pub fn code_quality(drift: &Drift<'_>, prefix: &str) -> String {
    let fallback = drift.sources.files.first().map_or("", |f| f.name.as_str());
    let issues: Vec<Json> = items(drift)
        .iter()
        .map(|item| {
            let (file, line) = item.place.as_ref().map_or((fallback, 1), |(file, line)| (file.as_str(), *line));
            let severity = match item.level {
                Level::Error if item.id == "drift.unreadable" => "critical",
                Level::Error => "blocker",
                Level::Warning => "major",
                Level::Note => "info",
            };
            json!({
                "description": item.text,
                "check_name": item.id,
                "fingerprint": item.fingerprint(),
                "severity": severity,
                "location": { "path": format!("{prefix}{file}"), "lines": { "begin": line } },
            })
        })
        .collect();
    format!("{:#}\n", Json::Array(issues))
}
