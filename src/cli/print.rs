//! Where text goes, and in which colours.

use crate::diag::{Diagnostic, Sources};
use std::io::{IsTerminal, Write};

/// Prints to standard output and standard error.
pub struct Printer {
    /// Colours are wanted and the terminal shows them.
    pub color: bool,
}

impl Printer {
    /// Colour only on a terminal, and only if nobody said otherwise.
    pub fn new(no_color: bool) -> Printer {
        let unwanted = no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Printer { color: !unwanted && std::io::stdout().is_terminal() }
    }

    /// A line, or several, of result. A reader that has gone away is no fault.
    pub fn out(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// A line of trouble.
    pub fn error(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "straddle: {text}");
    }

    /// All diagnostics of a run.
    pub fn diagnostics(&self, list: &[Diagnostic], sources: &Sources) {
        for d in list {
            let place = d.span.as_ref().and_then(|s| {
                let source = sources.files.get(s.file.0 as usize)?;
                let line = source.text.get(..s.range.start)?.matches('\n').count() + 1;
                Some(format!("{}:{line}: ", source.name))
            });
            let mut err = std::io::stderr().lock();
            let _ = writeln!(
                err,
                "{}: {}{}: {} {}{}",
                if d.is_error() { "Error" } else { "Warning" },
                place.unwrap_or_default(),
                d.summary,
                d.detail,
                d.help,
                d.address.as_ref().map(|a| format!(" [{a}]")).unwrap_or_default()
            );
        }
    }
}
