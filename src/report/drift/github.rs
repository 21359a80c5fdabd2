//! GitHub: workflow commands that become annotations. The summary of a step is the comment's text.

use super::items::{Level, items};
use super::{Cause, Drift};
use std::fmt::Write as _;

/// Annotations that one step shows of one level.
const MOST: usize = 10;

/// One workflow command a finding, the worst ten. `prefix` leads from the repository's root to the module's directory.
pub fn commands(drift: &Drift<'_>, prefix: &str) -> String {
    let mut out = String::new();
    for item in items(drift).iter().take(MOST) {
        let word = match item.level {
            // What was so before does not stop the change that is looked at.
            _ if item.cause == Some(Cause::Before) => "notice",
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        let place = item.place.as_ref().map_or(String::new(), |(file, line)| {
            format!("file={},line={line},", property(&format!("{prefix}{file}")))
        });
        let _ = writeln!(out, "::{word} {place}title={}::{}", property(item.id), data(&item.text));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
