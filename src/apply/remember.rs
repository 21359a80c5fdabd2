//! What an apply leaves for the day when the spec says nothing of it any more: where locations stood, what templates were made of.

use crate::plan::left;
use crate::plan::model::{Kind, Plan};
use crate::plan::placement::split_key;
use crate::plan::sequence::replica;
use crate::spec::Spec;
use crate::state::{Entry, Form, Json, Note, NoteKey, State, Time};
use serde::Serialize;
use std::collections::BTreeSet;

/// Before anything is done: where the locations stand that replicas are planned in.
pub fn places(plan: &Plan, state: &State, now: Time) -> Vec<Entry> {
    if matches!(plan.kind, Kind::Destroy | Kind::RefreshOnly) {
        return Vec::new();
    }
    let declared = plan.workloads.iter().flat_map(|(_, w)| w.rules.places.iter().filter(|p| p.declared));
    let used: BTreeSet<usize> = declared.map(|p| p.location).collect();
    let locations = used.into_iter().filter_map(|l| plan.topology.locations.get(l));
    let stood = locations.map(|l| (NoteKey::stood(&l.name), left::stood(&plan.topology, l)));
    stood.filter_map(|(key, stood)| note(state, key, &stood, now)).collect()
}

/// When everything was done: what the templates are made of now. What is of no use any more is forgotten.
pub fn forms(plan: &Plan, spec: &Spec, state: &State, now: Time) -> Vec<Entry> {
    if plan.kind == Kind::RefreshOnly {
        return Vec::new();
    }
    let mut entries = Vec::new();
    for (name, _) in plan.workloads.iter().filter(|_| plan.kind != Kind::Destroy) {
        let Some(workload) = spec.workload(name) else { continue };
        let forms: Vec<Form> = workload.templates.iter().map(left::form).collect();
        entries.extend(note(state, NoteKey::forms(name), &forms, now));
    }
    let stands: BTreeSet<&str> =
        state.objects.keys().filter_map(|id| replica(&id.address)).map(|(_, key)| split_key(key).0).collect();
    let declared: BTreeSet<&str> = match plan.kind {
        Kind::Destroy => BTreeSet::new(),
        _ => spec.topology.locations.iter().map(|l| l.name.as_str()).collect(),
    };
    for key in state.notes.keys() {
        let useless = match key.kind.as_str() {
            "location" => !stands.contains(key.subject.as_str()) && !declared.contains(key.subject.as_str()),
            "forms" => plan.kind == Kind::Destroy || spec.workload(&key.subject).is_none(),
            _ => false,
        };
        if useless {
            entries.push(Entry::Note { key: key.clone(), note: None });
        }
    }
    entries
}

/// A note that says something new.
fn note<T: Serialize>(state: &State, key: NoteKey, value: &T, at: Time) -> Option<Entry> {
    let value = Json::new(&serde_json::to_string(value).ok()?).ok()?;
    let known = state.notes.get(&key).is_some_and(|n| n.value == value);
    (!known).then_some(Entry::Note { key, note: Some(Note { at, value }) })
}
