//! `state history`, `state restore`, `state migrate`: a state at another time, or at another place.

use super::Exit;
use super::apply;
use super::args::LockArgs;
use super::home;
use super::print::Printer;
use super::state::{Trouble, edited};
use super::workspace;
use crate::diag::Diagnostic;
use crate::state::{self, Entry, Local, LockRequest, Place, RunBegin, RunEnd, RunOutcome, State, Store, now};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Lists the runs that are kept, the newest first.
///
/// # Errors
/// The state cannot be read.
pub fn history(json: bool, printer: &Printer) -> Result<(), Trouble> {
    let place = home::place().map_err(|problem| *problem)?;
    let history = state::history(&place)?;
    let oldest = state::oldest(&place)?;
    let kept = |serial: u64| oldest.is_some_and(|oldest| serial >= oldest);
    if json {
        let runs: Vec<serde_json::Value> = history
            .runs
            .iter()
            .rev()
            .map(|past| {
                let mut run = serde_json::to_value(past).unwrap_or_default();
                run["restorable"] = kept(past.serial_after).into();
                run
            })
            .collect();
        let whole = serde_json::json!({ "format_version": "1.0", "oldest_serial": oldest, "runs": runs });
        printer.out(&whole.to_string());
        return Ok(());
    }
    let mut out = String::new();
    for past in history.runs.iter().rev() {
        let tally = &past.run.tally;
        let outcome = match past.outcome {
            RunOutcome::Done => "done",
            RunOutcome::Partial => "in part",
            RunOutcome::Stopped => "stopped",
            RunOutcome::CutShort => "cut short",
        };
        let back = if kept(past.serial_after) { "" } else { "  not kept any more" };
        out.push_str(&format!(
            "run {}  {}  {}  {}  {outcome}  {} added, {} changed, {} removed  serial {} -> {}{back}\n",
            past.run.number,
            past.ended,
            past.run.begin.who,
            past.run.begin.command,
            tally.created,
            tally.changed,
            tally.deleted,
            past.run.serial,
            past.serial_after
        ));
    }
    if out.is_empty() {
        out.push_str("Nothing has been written to this state yet.\n");
    } else if let Some(oldest) = oldest {
        out.push_str(&format!("\nAny serial from {oldest} on can be had back: straddle state restore SERIAL\n"));
    }
    printer.out(out.trim_end());
    Ok(())
}

/// Takes a version back: a change like any other, journalled, with a serial of its own.
///
/// # Errors
/// There is no such version, or somebody did not want it.
pub fn restore(serial: u64, approved: bool, lock: &LockArgs, printer: &Printer) -> Result<(), Trouble> {
    let place = home::place().map_err(|problem| *problem)?;
    let here = state::load(&place)?.state;
    let Some(then) = state::version(&place, serial)? else {
        let problem = Diagnostic::error("No such version", format!("Serial {serial} of this state is not kept."));
        return Err(problem.help("straddle state history lists those that are.").into());
    };
    printer.out(&difference(&here, &then));
    if !approved && !apply::approved(printer) {
        printer.error("not approved; nothing was changed");
        return Err(Trouble::Said(Exit::Error));
    }
    edited(lock, "state restore", printer, |now| {
        if now.lineage != here.lineage || now.serial != here.serial {
            let detail = "Somebody else has written to the state since it was shown.";
            return Err(vec![Diagnostic::error("State was not restored", detail).help("Run the command again.")]);
        }
        let serial = now.serial.saturating_add(1);
        let restored = State { serial, lineage: now.lineage.clone(), ..then.clone() };
        let said =
            format!("The state is that of serial {} again, as serial {serial}. Next: straddle plan", then.serial);
        Ok((vec![Entry::Pushed(Arc::new(restored))], said))
    })
}

/// What taking a version back would change, in words.
fn difference(here: &State, then: &State) -> String {
    let mut out = String::new();
    let ids: BTreeSet<_> = here.objects.keys().chain(then.objects.keys()).collect();
    for id in ids {
        match (here.objects.get(id), then.objects.get(id)) {
            (Some(_), None) => out.push_str(&format!("  - {id}  forgotten; if it exists, it lives on unmanaged\n")),
            (None, Some(_)) => {
                out.push_str(&format!("  + {id}  remembered again; if it is gone, the next plan says so\n"))
            }
            (Some(a), Some(b)) if a != b => out.push_str(&format!("  ~ {id}  remembered as it was\n")),
            _ => {}
        }
    }
    if out.is_empty() {
        out.push_str("  no object differs\n");
    }
    format!(
        "From serial {} back to serial {}. No object is touched, only what is remembered:\n{out}",
        here.serial, then.serial
    )
}

/// Moves the state. It is locked at both places meanwhile; what it leaves behind is no state any more.
///
/// # Errors
/// One of the two cannot be opened, or there is a state at the other already.
pub fn migrate(from: Option<&Path>, to: Option<&Path>, lock: &LockArgs, printer: &Printer) -> Result<(), Trouble> {
    let workspace = workspace::current();
    let configured = home::place_of(&workspace).map_err(|problem| *problem)?;
    let named = |place: &Path| {
        if place == Path::new("local") {
            return Ok(Place::directory(workspace::below(&workspace)));
        }
        home::place_in(place, &workspace)
    };
    let (from, to) = match (from, to) {
        (Some(from), _) => (named(from).map_err(|problem| *problem)?, configured),
        (None, Some(to)) => (configured, named(to).map_err(|problem| *problem)?),
        (None, None) => return Err(Diagnostic::error("Nowhere to move it", "Name -from or -to.").into()),
    };
    if label(&from) == label(&to) {
        let problem = Diagnostic::error("Nowhere to move it", format!("Both are {}.", label(&to)));
        return Err(problem
            .help("Say in the configuration where the state is to be kept from now on, then migrate -from=local.")
            .into());
    }
    let source = state::load(&from)?;
    if source.source == state::Source::Nothing {
        return Err(Diagnostic::error("Nothing to move", format!("There is no state at {}.", label(&from))).into());
    }
    if source.source == state::Source::Terraform {
        let problem = Diagnostic::error("Nothing to move", format!("The state at {} is Terraform's.", label(&from)));
        return Err(problem.help("Take it over instead: straddle state push terraform.tfstate").into());
    }
    let store = apply::open_in(&from, lock, "state migrate", printer).map_err(Trouble::Said)?;
    let moved = store.state();
    let done = carry(&moved, &to, lock, printer);
    store.close()?;
    done?;
    if let Place::Directory(Local { path: dir, .. }) = &from {
        set_aside(dir, moved.serial)?;
    }
    printer.out(&format!(
        "The state of serial {} with {} objects is at {} now.{}",
        moved.serial,
        moved.objects.len(),
        label(&to),
        if from.is_shared() {
            format!(" The one at {} stays as it was: nothing reads it any more.", label(&from))
        } else {
            String::new()
        }
    ));
    Ok(())
}

fn label(place: &Place) -> String {
    match place {
        Place::Directory(Local { path: dir, .. }) => {
            format!("{}", std::path::absolute(dir).unwrap_or_else(|_| dir.clone()).display())
        }
        Place::Shared(place) => format!("{}", place.label().display()),
    }
}

fn carry(moved: &State, to: &Place, lock: &LockArgs, printer: &Printer) -> Result<(), Trouble> {
    if !moved.open.is_empty() {
        let detail = format!("{} actions of a run that was cut short are still in doubt.", moved.open.len());
        let problem = Diagnostic::error("State was not moved", detail);
        return Err(problem.help("Let `straddle apply` resolve them where the state is, then move it.").into());
    }
    // That the directory still has the state is why we are here.
    let request = LockRequest::here("state migrate").taking_over();
    let store = apply::open_as(to, request, lock, printer).map_err(Trouble::Said)?;
    let there = store.state();
    if !there.is_empty() && (there.lineage != moved.lineage || there.serial > moved.serial) {
        store.close()?;
        let detail = format!("There is a state at {} already, of serial {}.", label(to), there.serial);
        return Err(Diagnostic::error("State was not moved", detail).help("Give this one another key or name.").into());
    }
    let written = write(&store, moved);
    store.close()?;
    written.map_err(Trouble::from)
}

fn write(store: &Store, moved: &State) -> Result<(), state::StateError> {
    let request = LockRequest::here("state migrate");
    let begin =
        RunBegin { who: format!("{}@{}", request.who, request.host), command: "state migrate".into(), plan: None };
    let end = RunEnd { outcome: RunOutcome::Done };
    store.record(now(), [Entry::RunBegin(begin), Entry::Pushed(Arc::new(moved.clone())), Entry::RunEnd(end)])
}

/// The file stays for whoever wants to look, under a name that nothing reads.
fn set_aside(dir: &Path, serial: u64) -> Result<(), Trouble> {
    let path = dir.join(state::FILE);
    let aside = dir.join(format!("{}.moved-{serial}", state::FILE));
    std::fs::rename(&path, &aside).map_err(|e| {
        let problem = Diagnostic::error("The old state stays", format!("{} cannot be renamed: {e}.", path.display()));
        problem.help("Move it away yourself: the state is at its new place.").into()
    })
}
