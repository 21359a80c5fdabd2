//! What was done: past runs and the lines of the journal, for people. The state never depends on it.

use super::cells::Cells;
use super::error::StateError;
use super::journal::{Entry, Kind, Outcome, Record, Run, RunOutcome};
use super::model::Time;
use super::rows;
use super::seal::Keys;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Lines of earlier runs that are kept when a new one begins.
pub(super) const LINES_KEPT: u64 = 20_000;
/// Past runs that are kept.
pub(super) const RUNS_KEPT: u64 = 1_000;

/// Past runs, oldest first, and the journal lines still kept.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct History {
    /// By number.
    pub runs: Vec<PastRun>,
    /// By number. Older lines than some ten thousand are dropped when a run begins.
    pub lines: Vec<Line>,
}

/// A run that is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PastRun {
    /// Who, what, when, with the final tally.
    #[serde(flatten)]
    pub run: Run,
    /// How it ended.
    pub outcome: RunOutcome,
    /// When it ended, or was found to be cut short.
    pub ended: Time,
    /// The state's serial after it.
    pub serial_after: u64,
}

/// A journal record without the objects: those hold secrets and would only grow the file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Line {
    /// The record's number.
    #[serde(skip)]
    pub number: u64,
    /// The run it belongs to.
    #[serde(skip)]
    pub run: u64,
    /// When.
    #[serde(skip)]
    pub at: Time,
    /// What: `begin`, `end`, `moved`, …
    pub event: String,
    /// The action, for `begin` and `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What it concerns: an object, a workload, a loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// More words: the kind of action, how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Line {
    /// A record in words.
    pub fn of(record: &Record, run: u64) -> Line {
        let mut line = Line { number: record.number, run, at: record.at, ..Line::default() };
        let mut say = |event: &str, subject: Option<String>, detail: Option<String>| {
            line.event = event.into();
            line.subject = subject;
            line.detail = detail;
        };
        match &record.entry {
            Entry::RunBegin(begin) => say("run_begin", Some(begin.command.clone()), begin.plan.clone()),
            Entry::RunEnd(_) => say("run_end", None, None),
            Entry::Begin(begin) => {
                let kind = match begin.kind {
                    Kind::Create => "create",
                    Kind::Update => "update",
                    Kind::Delete => "delete",
                };
                say("begin", Some(begin.object.to_string()), Some(kind.into()));
                line.action = Some(begin.action.to_string());
            }
            Entry::End(end) => {
                let how = match &end.outcome {
                    Outcome::Object(_) => "done".to_string(),
                    Outcome::Gone => "gone".to_string(),
                    Outcome::Failed { message, .. } => format!("failed: {message}"),
                    Outcome::InDoubt { why } => format!("in doubt: {why}"),
                };
                say("end", None, Some(how));
                line.action = Some(end.action.to_string());
            }
            Entry::StepDone { workload, step } => say("step_done", Some(workload.clone()), Some(step.to_string())),
            Entry::Known { id, object, how } => {
                let event = if object.is_some() { "known" } else { "forgotten" };
                let how = serde_json::to_value(how).ok().and_then(|how| how.as_str().map(str::to_string));
                say(event, Some(id.to_string()), how);
            }
            Entry::Moved { from, to } => say("moved", Some(from.to_string()), Some(to.to_string())),
            Entry::Failover { loss, failover } => say("failover", Some(loss.to_string()), Some(failover.by.clone())),
            Entry::Failback { loss } => say("failback", Some(loss.to_string()), None),
            Entry::Rules { workload, .. } => say("rules", Some(workload.clone()), None),
            Entry::Note { key, .. } => say("note", Some(format!("{} {}", key.kind, key.subject)), None),
            Entry::Output { name, .. } => say("output", Some(name.clone()), None),
            Entry::Checks(_) => say("checks", None, None),
            Entry::Pushed(state) => say("pushed", Some(state.lineage.to_string()), Some(state.serial.to_string())),
        }
        line
    }

    /// The stored text.
    pub(super) fn text(&self) -> String {
        // Strings only: writing them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Which line's cell.
pub(super) fn line_cell(number: u64) -> String {
    format!("line/{number}")
}

/// Which run's cell.
pub(super) fn run_cell(number: u64) -> String {
    format!("run/{number}")
}

/// Reads what is kept. What cannot be read is left out: history informs, nothing rests on it.
pub(super) fn read(path: &Path, db: &Connection, given: &Keys) -> Result<History, StateError> {
    let keys = rows::meta(path, db)?.keys(path, given)?;
    let cells = Cells::new(path, &keys);
    let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
    let mut history = History::default();
    let mut select = db.prepare("SELECT number, body FROM run ORDER BY number").map_err(sqlite)?;
    let mut rows = select.query([]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (number, body): (i64, String) = row.try_into().map_err(sqlite)?;
        let Ok(body) = cells.get(&body, || run_cell(number.unsigned_abs())) else { continue };
        history.runs.extend(serde_json::from_str::<PastRun>(&body));
    }
    let mut select = db.prepare("SELECT number, run, at, line FROM journal ORDER BY number").map_err(sqlite)?;
    let mut rows = select.query([]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let body: String = row.get(3).map_err(sqlite)?;
        let own = number(0).map_err(sqlite)?;
        let Ok(body) = cells.get(&body, || line_cell(own)) else { continue };
        if let Ok(line) = serde_json::from_str::<Line>(&body) {
            let at = Time(row.get(2).map_err(sqlite)?);
            history.lines.push(Line { number: own, run: number(1).map_err(sqlite)?, at, ..line });
        }
    }
    Ok(history)
}
