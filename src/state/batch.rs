//! What is to be written in one transaction: the same for every place a state is kept in.

use super::fold::Change;
use super::history::{Line, PastRun};
use super::journal::{ActionId, Entry, Record};
use super::model::{Object, ObjectId, State, Time};
use super::rows::{self, PartKey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is to be written in one transaction: the last content of everything that changed.
#[derive(Default)]
pub(super) struct Batch {
    /// Everything that was there before goes.
    pub(super) wipe: bool,
    pub(super) objects: BTreeMap<ObjectId, Option<Arc<Object>>>,
    pub(super) parts: BTreeMap<PartKey, Option<String>>,
    pub(super) lines: Vec<Line>,
    pub(super) over: Vec<PastRun>,
    pub(super) begins: Vec<(u64, ActionId)>,
    pub(super) run_began: bool,
    pub(super) head: Option<Head>,
}

/// The numbers of the state after the batch.
#[derive(Clone)]
pub(super) struct Head {
    pub ticket: u64,
    pub lineage: Arc<str>,
    pub writer: Arc<str>,
    pub serial: u64,
    pub runs: u64,
    pub journal: u64,
    pub at: Time,
}

impl Batch {
    /// Takes in a record, and what folding it into `state` changed.
    pub fn add(&mut self, ticket: u64, record: &Record, changes: Vec<Change>, state: &State) {
        let run = state.run.as_ref().map_or(state.runs, |run| run.number);
        self.lines.push(Line::of(record, run));
        match &record.entry {
            Entry::Begin(begin) => self.begins.push((ticket, begin.action)),
            Entry::End(end) => self.begins.retain(|(_, action)| *action != end.action),
            Entry::RunBegin(_) => self.run_began = true,
            _ => {}
        }
        for change in changes {
            self.change(change, state);
        }
        let at = self.head.as_ref().map_or(record.at, |head| head.at.max(record.at));
        self.head = Some(Head::of(ticket, at, state));
    }

    /// The batch includes everything up to a ticket, even one that appended nothing.
    pub fn reach(&mut self, ticket: u64, state: &State) {
        let at = self.head.as_ref().map_or(Time(i64::MIN), |head| head.at);
        self.head = Some(Head::of(ticket, at, state));
    }

    fn change(&mut self, change: Change, state: &State) {
        match change {
            Change::Object(id, object) => drop(self.objects.insert(id, object)),
            Change::RunOver { run, outcome, at, serial } => {
                self.over.push(PastRun { run, outcome, ended: at, serial_after: serial });
            }
            Change::Everything => {
                self.wipe = true;
                self.objects = state.objects.iter().map(|(id, object)| (id.clone(), Some(object.clone()))).collect();
                self.parts = rows::all_parts(state).iter().filter_map(rows::part).collect();
            }
            part => self.parts.extend(rows::part(&part)),
        }
    }

    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.objects.is_empty() && self.parts.is_empty() && !self.wipe
    }

    /// The last ticket in it.
    pub fn upto(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.ticket)
    }

    /// The actions that begin in it and do not end in it.
    pub fn take_begins(&mut self) -> Vec<(u64, ActionId)> {
        std::mem::take(&mut self.begins)
    }

    /// An action of it did not begin after all.
    pub fn forget_open(&mut self, action: ActionId) {
        self.parts.extend(rows::part(&Change::Open(action, None)));
    }

    /// This batch and a later one, as one.
    pub fn then(mut self, later: Batch) -> Batch {
        if later.wipe {
            self.objects.clear();
            self.parts.clear();
        }
        self.wipe |= later.wipe;
        self.objects.extend(later.objects);
        self.parts.extend(later.parts);
        self.lines.extend(later.lines);
        self.over.extend(later.over);
        self.begins.extend(later.begins);
        self.run_began |= later.run_began;
        self.head = later.head.or(self.head);
        self
    }
}

impl Head {
    fn of(ticket: u64, at: Time, state: &State) -> Head {
        Head {
            ticket,
            lineage: state.lineage.clone(),
            writer: state.writer.clone(),
            serial: state.serial,
            runs: state.runs,
            journal: state.journal,
            at,
        }
    }
}
