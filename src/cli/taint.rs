//! `taint` and `untaint`: whether the next plan replaces an object.

use super::Exit;
use super::args::TaintArgs;
use super::print::Printer;
use super::state::{Trouble, change};
use crate::diag::{Diagnostic, Sources};
use crate::state::edit::EditError;
use crate::state::taint::mark;

pub fn run(args: &TaintArgs, tainted: bool, printer: &Printer) -> Exit {
    let operation = if tainted { "taint" } else { "untaint" };
    let mut missing = None;
    let done = change(&args.lock, operation, printer, |state| match mark(state, &args.address, tainted) {
        Ok((id, entries)) => {
            let what = if tainted { "has been marked as tainted" } else { "has been successfully untainted" };
            Ok((entries, format!("Resource instance {id} {what}.")))
        }
        Err(error @ EditError::Nothing { .. }) if args.allow_missing => {
            missing = Some(error);
            Ok((Vec::new(), String::new()))
        }
        Err(error) => Err(vec![error.into()]),
    });
    if missing.is_some() {
        let detail = format!("{} was not found; that is no error because -allow-missing was given.", args.address);
        let warning = Diagnostic::warning("No such resource instance", detail);
        printer.diagnostics(&[warning], &Sources::default());
    }
    match done {
        Ok(()) => Exit::Done,
        Err(Trouble::Problems(problems)) => {
            printer.diagnostics(&problems, &Sources::default());
            Exit::Error
        }
        Err(Trouble::Said(exit)) => exit,
    }
}
