//! What a runbook did without the state comes into the state: exactly, from its journal (`runbook merge`), or, where the journal is
//! out of reach, by what providers know of the objects it made.

use super::super::args::RunbookMergeArgs;
use super::super::planning::Scene;
use super::super::print::Printer;
use super::super::session::Project;
use super::super::{Exit, apply};
use super::run::{journal_of, key, opened};
use super::{declared, remember, spec_key};
use crate::apply::{RunbookRun, runbook_run, runbook_tokens};
use crate::diag::{Diagnostic, Sources};
use crate::lang::address::Address;
use crate::plugin::{Discovery, ImportBy, ReadRequest};
use crate::runbook::ledger;
use crate::state::{Entry, How, Json, Note, NoteKey, Object, ObjectId, State, Store, now};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use straddle_sdk::value::codec::json;

pub fn run(args: &RunbookMergeArgs, printer: &Printer) -> Exit {
    let fail = |problem: Diagnostic| {
        printer.diagnostics(&[problem], &Sources::default());
        Exit::Error
    };
    let journal = args.journal.clone().unwrap_or_else(|| journal_of(&args.file));
    let key = match &args.key_file {
        Some(path) => key(Some(path)),
        None => {
            let project = Project::read(&args.planning.vars);
            let named = declared(&project).ok().and_then(|r| spec_key(&project, r).ok());
            named.map_or_else(|| key(None), Ok)
        }
    };
    let read = key.and_then(|key| opened(&args.file, &key));
    let (header, content) = match read {
        Ok(read) => read,
        Err(problem) => return fail(*problem),
    };
    let before = match baseline(&content.state) {
        Ok(before) => before,
        Err(why) => return fail(Diagnostic::error("Runbook not read", format!("{}: {why}.", args.file.display()))),
    };
    let after = match crate::state::load(&journal) {
        Ok(loaded) if !loaded.state.lineage.is_empty() => loaded.state,
        Ok(_) => {
            let detail = format!("{} holds no journal: this runbook was not carried out there.", journal.display());
            return fail(
                Diagnostic::error("Nothing to merge", detail).help("Name the directory of the journal: -journal=DIR"),
            );
        }
        Err(error) => return fail(error.into()),
    };
    if !after.open.is_empty() {
        let detail = format!(
            "The run in {} was cut short, and {} of its actions are in doubt.",
            journal.display(),
            after.open.len()
        );
        let help = format!(
            "Run it again first, which asks what became of them: straddle runbook run -offline {}",
            args.file.display()
        );
        return fail(Diagnostic::error("A run that is not over", detail).help(help));
    }
    let store = match apply::open(&args.planning.lock, "runbook", printer) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let exit = merged(&store, &header.name, &before, &after, printer);
    match store.close() {
        Ok(()) => exit,
        Err(error) => fail(error.into()),
    }
}

/// The state a runbook was compiled from.
fn baseline(image: &[u8]) -> Result<State, String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    crate::state::restore(scratch.path(), image).map_err(|e| e.to_string())?;
    Ok(crate::state::load(scratch.path()).map_err(|e| e.to_string())?.state)
}

fn merged(store: &Store, name: &str, before: &State, after: &State, printer: &Printer) -> Exit {
    let state = store.state();
    if state.lineage != after.lineage {
        printer.error(&format!(
            "the runbook is of another state (lineage {}); this one is {}. Nothing was changed",
            after.lineage, state.lineage
        ));
        return Exit::Error;
    }
    let run = run_of(after);
    if run.as_ref().is_some_and(|run| state.notes.contains_key(&taken_over(&run.id))) {
        printer.out("What this runbook did is in the state already: nothing to do.");
        return Exit::Done;
    }
    let (mut entries, conflicts) = differences(&state, before, after);
    if !conflicts.is_empty() {
        let names: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
        let detail = format!(
            "Both the runbook and this state have changed {}.",
            crate::report::words::some(names.into_iter(), 8)
        );
        let problem = Diagnostic::error("State and runbook disagree", detail)
            .help("See what each says: straddle state show ADDRESS; bring the state to reality with straddle apply -refresh-only, then merge again.");
        printer.diagnostics(&[problem], &Sources::default());
        return Exit::Error;
    }
    let objects = entries.len();
    for (loss, failover) in after.failovers.iter().filter(|(loss, _)| !state.failovers.contains_key(*loss)) {
        entries.push(Entry::Failover { loss: loss.clone(), failover: failover.clone() });
    }
    // Where locations stand is what the run has seen last.
    let seen = after.notes.iter().filter(|(key, note)| key.kind == "course" && state.notes.get(*key) != Some(*note));
    entries.extend(seen.map(|(key, note)| Entry::Note { key: key.clone(), note: Some(note.clone()) }));
    let mut line = ledger::line(&state, name).unwrap_or_default();
    line.real = ledger::line(after, name).and_then(|l| l.real).or(line.real);
    entries.extend(ledger::entry(name, &line, now()));
    entries.extend(run.and_then(|run| note_taken_over(&run)));
    if let Err(error) = remember(store, entries) {
        printer.diagnostics(&[error.into()], &Sources::default());
        return Exit::Error;
    }
    printer.out(&format!(
        "{objects} objects of {name} are in the state now, and its failover is in force.\nNext:  straddle plan"
    ));
    Exit::Done
}

/// What the runbook's copy has otherwise than what it was made from, as entries; and what the state has changed, too, and differently.
fn differences(state: &State, before: &State, after: &State) -> (Vec<Entry>, Vec<ObjectId>) {
    let ids: BTreeSet<&ObjectId> = before.objects.keys().chain(after.objects.keys()).collect();
    let (mut entries, mut conflicts) = (Vec::new(), Vec::new());
    for id in ids {
        let (was, is, mine) = (before.objects.get(id), after.objects.get(id), state.objects.get(id));
        if was == is || mine == is {
            continue;
        }
        if mine != was {
            conflicts.push(id.clone());
            continue;
        }
        let how = if is.is_some() { How::Imported } else { How::Read };
        entries.push(Entry::Known { id: id.clone(), object: is.cloned(), how });
    }
    (entries, conflicts)
}

fn run_of(state: &State) -> Option<RunbookRun> {
    serde_json::from_str(state.notes.get(&runbook_run())?.value.as_str()).ok()
}

/// Where the state says that a run's objects are in it.
fn taken_over(id: &str) -> NoteKey {
    NoteKey { kind: "runbook_merged".into(), subject: id.into() }
}

fn note_taken_over(run: &RunbookRun) -> Option<Entry> {
    let value = Json::new(&serde_json::to_string(run).ok()?).ok()?;
    Some(Entry::Note { key: taken_over(&run.id), note: Some(Note { at: now(), value }) })
}

/// Objects that a runbook made without this state, found by their marks. True: the state knows more now, look again.
pub async fn adopt(project: &Project, store: &Store, scene: &Scene, printer: &Printer) -> bool {
    let state = store.state();
    if project.spec.runbooks.is_none() || state.lineage.is_empty() {
        return false;
    }
    let (mut entries, mut runs) = (Vec::new(), BTreeMap::new());
    for reference in crate::fleet::wanted(&project.tree(), &project.spec, &state, &scene.providers) {
        let Some(plugin) = scene.fleet.plugin(&reference) else { continue };
        if !plugin.extension().is_some_and(|e| e.discover) {
            continue;
        }
        let request = Discovery { owner: Some(state.lineage.to_string()), tokens: Vec::new(), types: Vec::new() };
        // What cannot be told now is told at the next run.
        let Ok(found) = plugin.discover(&request).await else { continue };
        for object in found {
            let Some(run) = run_in(&object.ownership.token, &state.lineage) else { continue };
            let Ok(address) = object.ownership.address.parse::<Address>() else { continue };
            let id = ObjectId::current(address);
            if state.objects.contains_key(&id) || state.notes.contains_key(&taken_over(run)) {
                continue;
            }
            let Some(schema) = scene.providers.schema_of(&reference.source, id.address.mode, &id.address.ty) else {
                continue;
            };
            let Ok(imported) = plugin.import(&object.type_name, &ImportBy::Id(object.id.clone())).await else {
                continue;
            };
            let Some(one) = imported.value.into_iter().find(|i| *i.type_name == *object.type_name) else { continue };
            let read = ReadRequest {
                type_name: one.type_name,
                current: one.state,
                private: one.private,
                identity: one.identity,
                meta: None,
            };
            let Ok(read) = plugin.read(read).await else { continue };
            if read.state.is_null() {
                continue;
            }
            let text = json::encode(&read.state.unmarked(), schema.ty());
            let Some(attributes) = text.ok().and_then(|text| Json::new(&text).ok()) else { continue };
            let made = Object {
                private: read.private.as_slice().into(),
                ..Object::new(reference.clone(), schema.version, attributes)
            };
            *runs.entry(run.to_string()).or_insert(0usize) += 1;
            entries.push(Entry::Known { id, object: Some(Arc::new(made)), how: How::Imported });
        }
    }
    if entries.is_empty() {
        return false;
    }
    for (id, n) in &runs {
        printer.error(&format!("{n} objects that a runbook made without this state are taken over (run {id})"));
        let run = RunbookRun { id: id.clone(), name: String::new(), lose: BTreeSet::new() };
        entries.extend(note_taken_over(&run));
    }
    match remember(store, entries) {
        Ok(()) => true,
        Err(error) => {
            printer.diagnostics(&[error.into()], &project.sources);
            false
        }
    }
}

/// The run in the token of an object that a runbook of this state made.
fn run_in<'t>(token: &'t str, lineage: &str) -> Option<&'t str> {
    let rest = token.strip_prefix(&runbook_tokens(lineage))?;
    // What follows the run is the carrying out, and the action: two numbers.
    let mut parts = rest.rsplitn(4, '.');
    let (_, _, _, run) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(run)
}
