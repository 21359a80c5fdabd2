//! The fold: state × journal record → state. Pure, and all of the state's meaning.
//!
//! Whatever is stored on disk is a projection of what this module computes: [`fold`] says which parts a record changed, and the
//! store writes exactly those, in the same transaction as the record.

use super::journal::{
    ActionId, Begin, End, Entry, Kind, Open, OpenActions, Outcome, Record, Run, RunBegin, RunOutcome,
};
use super::json::Json;
use super::model::{Failover, Loss, Note, NoteKey, Object, ObjectId, Output, Rule, State, Time};
use crate::lang::address::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A part of the state that a record changed, with its new content (`None`: gone).
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// An object.
    Object(ObjectId, Option<Arc<Object>>),
    /// An open action.
    Open(ActionId, Option<Open>),
    /// An output.
    Output(String, Option<Output>),
    /// A failover.
    Failover(Loss, Option<Failover>),
    /// The rules of a workload.
    Rules(String, Option<BTreeMap<String, Rule>>),
    /// A note.
    Note(NoteKey, Option<Note>),
    /// The results of `check` blocks.
    Checks(Option<Json>),
    /// The run in progress: its tally, or that there is one.
    Run(Option<Run>),
    /// A run is over.
    RunOver {
        /// The run, with its final tally.
        run: Run,
        /// How it ended.
        outcome: RunOutcome,
        /// When, or when that was found out.
        at: Time,
        /// The state's serial after it.
        serial: u64,
    },
    /// Everything may have changed.
    Everything,
}

/// Why a record cannot follow on a state. The state is as it was.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Illegal {
    /// A record is missing before this one.
    #[error("journal record {found} where {expected} was expected")]
    Gap {
        /// The number that would follow.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// Something happened outside of any run.
    #[error("no run has begun")]
    NoRun,
    /// Two actions of the same name.
    #[error("action {0} has begun before")]
    Begun(ActionId),
    /// An action of another run than the one in progress.
    #[error("action {0} is not of the run in progress")]
    OtherRun(ActionId),
    /// An end without a beginning.
    #[error("action {0} is not open")]
    NotOpen(ActionId),
    /// What another open action will leave of this object is not known yet.
    #[error("{object}: action {by} on it is still open")]
    Busy {
        /// The object.
        object: Box<ObjectId>,
        /// The open action.
        by: ActionId,
    },
    /// Creating or moving onto it would lose an object.
    #[error("{0} is in the state already")]
    Exists(Box<ObjectId>),
    /// There is nothing to change, delete or move.
    #[error("{0} is not in the state")]
    Missing(Box<ObjectId>),
    /// Replacing the state while some of it is in doubt would lose what the open actions did.
    #[error("{0} actions are still open")]
    OpenActions(usize),
}

/// Folds one record into the state and says what it changed, in the order of changing.
///
/// A record folded before is passed over, so replaying any part of a journal is harmless. A record that cannot follow changes
/// nothing and says why.
///
/// # Errors
/// [`Illegal`], which for records the store wrote means that the journal is damaged.
pub fn fold(state: &mut State, record: &Record) -> Result<Vec<Change>, Illegal> {
    if record.number <= state.journal {
        return Ok(Vec::new());
    }
    let expected = state.journal.saturating_add(1);
    if record.number != expected {
        return Err(Illegal::Gap { expected, found: record.number });
    }
    if state.run.is_none() && !matches!(record.entry, Entry::RunBegin(_)) {
        return Err(Illegal::NoRun);
    }
    let changes = apply(state, record.at, &record.entry)?;
    state.journal = record.number;
    if changes.iter().any(is_content) {
        state.serial = state.serial.saturating_add(1);
    }
    Ok(changes)
}

/// Folds records in order.
///
/// # Errors
/// At the first record that cannot follow; those before it are folded in.
pub fn replay<'a>(mut state: State, records: impl IntoIterator<Item = &'a Record>) -> Result<State, Illegal> {
    for record in records {
        fold(&mut state, record)?;
    }
    Ok(state)
}

/// Whether a change is visible in what `state pull` prints, and therefore moves the serial. A push sets the serial itself.
fn is_content(change: &Change) -> bool {
    match change {
        Change::Object(..)
        | Change::Output(..)
        | Change::Failover(..)
        | Change::Rules(..)
        | Change::Note(..)
        | Change::Checks(_) => true,
        Change::Open(..) | Change::Run(_) | Change::RunOver { .. } | Change::Everything => false,
    }
}

fn apply(state: &mut State, at: Time, entry: &Entry) -> Result<Vec<Change>, Illegal> {
    match entry {
        Entry::RunBegin(begin) => Ok(run_begin(state, at, begin)),
        Entry::RunEnd(end) => Ok(state.run.take().map_or_else(Vec::new, |run| over(state, run, end.outcome, at))),
        Entry::Begin(begin) => action_begin(state, at, begin),
        Entry::End(end) => action_end(state, end),
        Entry::StepDone { .. } => Ok(Vec::new()),
        Entry::Known { id, object, how: _ } => {
            idle(state, id)?;
            Ok(put(state, id, object.clone()))
        }
        Entry::Moved { from, to } => moved(state, from, to),
        Entry::Failover { loss, failover } => {
            Ok(set(&mut state.failovers, loss, Some(failover.clone()), Change::Failover))
        }
        Entry::Failback { loss } => Ok(set(&mut state.failovers, loss, None, Change::Failover)),
        Entry::Rules { workload, rules } => {
            let rules = (!rules.is_empty()).then(|| rules.clone());
            Ok(set(&mut state.rules, workload, rules, Change::Rules))
        }
        Entry::Note { key, note } => Ok(set(&mut state.notes, key, note.clone(), Change::Note)),
        Entry::Output { name, output } => Ok(set(&mut state.outputs, name, output.clone(), Change::Output)),
        Entry::Checks(checks) => {
            if state.checks == *checks {
                return Ok(Vec::new());
            }
            state.checks = checks.clone();
            Ok(vec![Change::Checks(checks.clone())])
        }
        Entry::Pushed(pushed) => push(state, pushed),
    }
}

/// Sets one entry of a map; nothing changes when it is set so already.
fn set<K: Ord + Clone, V: PartialEq + Clone>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    value: Option<V>,
    change: fn(K, Option<V>) -> Change,
) -> Vec<Change> {
    if map.get(key) == value.as_ref() {
        return Vec::new();
    }
    match &value {
        Some(value) => map.insert(key.clone(), value.clone()),
        None => map.remove(key),
    };
    vec![change(key.clone(), value)]
}

fn put(state: &mut State, id: &ObjectId, object: Option<Arc<Object>>) -> Vec<Change> {
    let object = object.map(|object| {
        if object.dependencies.is_sorted_by(|a, b| a < b) {
            return object;
        }
        let sorted: BTreeSet<Address> = object.dependencies.iter().cloned().collect();
        Arc::new(Object { dependencies: sorted.into_iter().collect(), ..(*object).clone() })
    });
    set(&mut state.objects, id, object, Change::Object)
}

fn run_begin(state: &mut State, at: Time, begin: &RunBegin) -> Vec<Change> {
    let mut changes = match state.run.take() {
        Some(run) => over(state, run, RunOutcome::CutShort, at),
        None => Vec::new(),
    };
    state.runs = state.runs.saturating_add(1);
    let run = Run { number: state.runs, at, begin: begin.clone(), serial: state.serial, tally: Default::default() };
    state.run = Some(run.clone());
    changes.push(Change::Run(Some(run)));
    changes
}

fn over(state: &State, run: Run, outcome: RunOutcome, at: Time) -> Vec<Change> {
    vec![Change::RunOver { run, outcome, at, serial: state.serial }, Change::Run(None)]
}

/// No open action concerns the object.
fn idle(state: &State, id: &ObjectId) -> Result<(), Illegal> {
    match state.open.on(id) {
        Some(open) => Err(Illegal::Busy { object: Box::new(id.clone()), by: open.begin.action }),
        None => Ok(()),
    }
}

fn action_begin(state: &mut State, at: Time, begin: &Begin) -> Result<Vec<Change>, Illegal> {
    if state.run.as_ref().map(|run| run.number) != Some(begin.action.run) {
        return Err(Illegal::OtherRun(begin.action));
    }
    if state.open.get(begin.action).is_some() {
        return Err(Illegal::Begun(begin.action));
    }
    idle(state, &begin.object)?;
    match (begin.kind, state.objects.contains_key(&begin.object)) {
        (Kind::Create, true) => return Err(Illegal::Exists(Box::new(begin.object.clone()))),
        (Kind::Update | Kind::Delete, false) => return Err(Illegal::Missing(Box::new(begin.object.clone()))),
        _ => {}
    }
    let open = Open { at, begin: begin.clone(), doubt: None };
    state.open.insert(open.clone());
    Ok(vec![Change::Open(begin.action, Some(open))])
}

fn action_end(state: &mut State, end: &End) -> Result<Vec<Change>, Illegal> {
    if let Outcome::InDoubt { why } = &end.outcome {
        let open = state.open.doubt(end.action, why).ok_or(Illegal::NotOpen(end.action))?;
        return Ok(vec![Change::Open(end.action, Some(open.clone()))]);
    }
    let Begin { object: id, kind, .. } = state.open.remove(end.action).ok_or(Illegal::NotOpen(end.action))?.begin;
    let mut changes = vec![Change::Open(end.action, None)];
    let failed = matches!(end.outcome, Outcome::Failed { .. });
    match &end.outcome {
        Outcome::Object(object) => changes.extend(put(state, &id, Some(object.clone()))),
        Outcome::Gone => changes.extend(put(state, &id, None)),
        Outcome::Failed { object: Some(object), .. } => changes.extend(put(state, &id, Some(object.clone()))),
        Outcome::Failed { object: None, .. } | Outcome::InDoubt { .. } => {}
    }
    if let Some(run) = &mut state.run {
        let count = match kind {
            _ if failed => &mut run.tally.failed,
            Kind::Create => &mut run.tally.created,
            Kind::Update => &mut run.tally.changed,
            Kind::Delete => &mut run.tally.deleted,
        };
        *count = count.saturating_add(1);
        changes.push(Change::Run(Some(run.clone())));
    }
    Ok(changes)
}

fn moved(state: &mut State, from: &ObjectId, to: &ObjectId) -> Result<Vec<Change>, Illegal> {
    if !state.objects.contains_key(from) {
        return Err(Illegal::Missing(Box::new(from.clone())));
    }
    if state.objects.contains_key(to) {
        return Err(Illegal::Exists(Box::new(to.clone())));
    }
    idle(state, from)?;
    idle(state, to)?;
    let object = state.objects.get(from).cloned();
    let mut changes = put(state, from, None);
    changes.extend(put(state, to, object));
    Ok(changes)
}

fn push(state: &mut State, pushed: &State) -> Result<Vec<Change>, Illegal> {
    if !state.open.is_empty() {
        return Err(Illegal::OpenActions(state.open.len()));
    }
    let (run, runs, journal) = (state.run.take(), state.runs, state.journal);
    *state = State { open: OpenActions::default(), run, runs, journal, ..pushed.clone() };
    Ok(vec![Change::Everything])
}
