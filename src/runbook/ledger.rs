//! When a runbook was last built, tried on paper, rehearsed and used, with the times that were measured (`spread.md` N19).

use crate::state::{Entry, Json, Note, NoteKey, State, Time};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The kind of the notes it is kept in.
const KIND: &str = "runbook";

/// What is known of one runbook. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Line {
    /// Last compiled, audited and put where it belongs.
    pub built: Option<i64>,
    /// The state's serial then.
    pub serial: u64,
    /// Digest of the texts it was compiled from.
    pub texts: String,
    /// Digest of the objects it was compiled from.
    #[serde(default)]
    pub rests_on: String,
    /// How many places keep it.
    pub stores: u64,
    /// Why the last attempt to build it failed; empty when it did not.
    #[serde(default)]
    pub refused: String,
    /// Last carried out on paper: compiled and re-checked by the second evaluator.
    pub simulated: Option<i64>,
    /// Last rehearsed, how, and how long that took.
    pub tested: Option<Trial>,
    /// Last used, and how long that took.
    pub real: Option<Trial>,
}

/// A rehearsal, or the real thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// When.
    pub at: i64,
    /// On what: `simulated clouds`, `dry run`, `offline`.
    pub how: String,
    /// Milliseconds from the start until everything served.
    pub took_ms: u64,
    /// Whether it ended well.
    pub well: bool,
}

/// What of a state runbooks are compiled from, as a digest: the serial also grows with what is only noted.
pub fn rests_on(state: &State) -> String {
    let mut hash = Sha256::new();
    for (id, object) in &state.objects {
        hash.update(format!("{id}\0{}\0", object.attributes.as_str()));
    }
    HEXLOWER.encode(&hash.finalize())
}

/// What is known of a runbook.
pub fn line(state: &State, name: &str) -> Option<Line> {
    let note = state.notes.get(&key(name))?;
    serde_json::from_str(note.value.as_str()).ok()
}

/// Remembers it.
pub fn entry(name: &str, line: &Line, at: Time) -> Option<Entry> {
    let value = Json::new(&serde_json::to_string(line).ok()?).ok()?;
    Some(Entry::Note { key: key(name), note: Some(Note { at, value }) })
}

fn key(name: &str) -> NoteKey {
    NoteKey { kind: KIND.into(), subject: name.into() }
}

/// Names of all runbooks that are known of.
pub fn names(state: &State) -> Vec<String> {
    state.notes.keys().filter(|k| k.kind == KIND).map(|k| k.subject.clone()).collect()
}

/// What of a runbook is not as it should be, in words; empty when it is.
pub fn stale(line: Option<&Line>, rehearse_every_s: Option<u64>, texts: &str, now: i64) -> Vec<String> {
    let Some(line) = line else { return vec!["it was never built".into()] };
    let mut found = Vec::new();
    if !line.refused.is_empty() {
        found.push(line.refused.clone());
    }
    if line.built.is_none() && line.refused.is_empty() {
        found.push("it was never built".into());
    }
    if line.built.is_some() && line.texts != texts {
        found.push("the spec has changed since it was built".into());
    }
    if let (Some(every), Some(_)) = (rehearse_every_s, line.built) {
        let last = [&line.tested, &line.real].into_iter().flatten().filter(|t| t.well).map(|t| t.at).max();
        match last {
            None => found.push("it was never rehearsed".into()),
            Some(at) if now.saturating_sub(at) / 1000 > i64::try_from(every).unwrap_or(i64::MAX) => {
                let days = now.saturating_sub(at) / 86_400_000;
                found.push(format!("it was last rehearsed {days} days ago"));
            }
            Some(_) => {}
        }
        if let Some(trial) = line.tested.as_ref().filter(|t| !t.well && last.is_none_or(|at| at < t.at)) {
            found.push(format!("its last rehearsal ({}) did not end well", trial.how));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_by_itself() {
        let trial = |at| Trial { at, how: "simulated clouds".into(), took_ms: 1, well: true };
        let good = Line { built: Some(0), texts: "t".into(), stores: 2, tested: Some(trial(0)), ..Line::default() };
        let day = 86_400_000;
        let because = |line: &Line, now| stale(Some(line), Some(90 * 86_400), "t", now).join("; ");
        assert_eq!(because(&good, 89 * day), "");
        assert_eq!(because(&good, 91 * day), "it was last rehearsed 91 days ago");
        assert_eq!(stale(Some(&good), None, "t", 91 * day), Vec::<String>::new());
        let used = Line { real: Some(trial(80 * day)), ..good.clone() };
        assert_eq!(because(&used, 91 * day), "", "the real thing is a rehearsal");
        assert_eq!(because(&Line { tested: None, ..good.clone() }, 0), "it was never rehearsed");
        let failed = Line { tested: Some(Trial { well: false, ..trial(5) }), ..good.clone() };
        assert!(because(&failed, 6).contains("did not end well"));
        assert_eq!(stale(Some(&good), None, "other", 0), ["the spec has changed since it was built"]);
        assert_eq!(stale(None, None, "t", 0), ["it was never built"]);
        assert_eq!(
            because(&Line { refused: "registry falls with x".into(), ..Line::default() }, 0),
            "registry falls with x"
        );
    }
}
