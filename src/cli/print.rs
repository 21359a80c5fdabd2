//! Where text goes, and in which colours.

use super::progress::Progress;
use crate::apply::{Event, Summary};
use crate::diag::{Diagnostic, Sources};
use crate::plan::model::Plan;
use crate::report::plan::{self, Fate};
use crate::report::style::Style;
use crate::report::{diagnostics, events};
use crate::tongue::Lang;
use indicatif::ProgressDrawTarget;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Why something printed did not arrive: the first reason.
static LOST: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// Writes to standard output. A reader that has gone away is no fault; a disk that takes nothing more is remembered.
fn written(write: impl FnOnce(&mut std::io::StdoutLock<'static>) -> std::io::Result<()>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = write(&mut out).and_then(|()| out.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        LOST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Prints to standard output and standard error.
pub struct Printer {
    style: Style,
    /// One JSON object a line instead of text.
    json: bool,
    /// Standard error is a log: one JSON object a line.
    log: bool,
    /// What happens while a plan is carried out is not told.
    quiet: bool,
    /// Where text goes in the place of standard output and standard error.
    kept: Option<Arc<Mutex<String>>>,
    /// Bars of the apply under way, on a terminal.
    progress: Mutex<Option<Progress>>,
}

impl Printer {
    /// Colour only on a terminal, and only if nobody said otherwise.
    pub fn new(no_color: bool, lang: Lang) -> Printer {
        let terminal = std::io::stdout().is_terminal();
        let unwanted = no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let columns = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
        let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
            .is_some_and(|v| v.to_ascii_lowercase().replace('-', "").ends_with("utf8"));
        let style = Style {
            color: terminal && !unwanted,
            width: columns.filter(|c| *c >= 40).unwrap_or(Style::default().width),
            unicode: terminal && utf8,
            verbose: false,
            lang,
        };
        Printer { style, json: false, log: false, quiet: false, kept: None, progress: Mutex::new(None) }
    }

    /// Prints nothing: all text is kept, as it would come on no terminal.
    pub fn keeping(kept: Arc<Mutex<String>>) -> Printer {
        let style = Style::default();
        Printer { style, json: false, log: false, quiet: false, kept: Some(kept), progress: Mutex::new(None) }
    }

    /// As this one, with what the flags of a plan ask for.
    pub fn asked(&self, verbose: bool, json: bool) -> Printer {
        Printer {
            style: Style { verbose, ..self.style },
            json,
            log: self.log,
            quiet: self.quiet,
            kept: self.kept.clone(),
            progress: Mutex::new(None),
        }
    }

    /// As this one, but nothing that happens is told.
    pub fn quiet(&self) -> Printer {
        Printer { quiet: true, ..self.asked(self.style.verbose, self.json) }
    }

    /// As this one, with standard error as a log.
    #[must_use]
    pub fn logging(self, log: bool) -> Printer {
        Printer { log, ..self }
    }

    /// Whether standard error is a log.
    pub fn logs(&self) -> bool {
        self.log
    }

    /// A line of the log.
    pub fn log(&self, level: &str, message: &str, more: &serde_json::Value) {
        let line = super::trace::line(level, message, more);
        self.undisturbed(|| self.say(&format!("{line}\n")));
    }

    /// Writes to standard error.
    fn say(&self, text: &str) {
        match &self.kept {
            Some(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(text),
            // Nobody is left to tell.
            None => drop(std::io::stderr().lock().write_all(text.as_bytes())),
        }
    }

    /// Writes to standard output.
    fn write(&self, text: &str) {
        match &self.kept {
            Some(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(text),
            None => written(|out| out.write_all(text.as_bytes())),
        }
    }

    /// How text is to look.
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// Whether programs read the output.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A line, or several, of result.
    pub fn out(&self, text: &str) {
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        self.write(&format!("{text}{end}"));
    }

    /// Text as it is, without a line end of ours.
    pub fn bare(&self, text: &str) {
        self.write(text);
    }

    /// Whether all that was printed has arrived; if not it is said.
    pub fn is_whole(&self) -> bool {
        match &*LOST.lock().unwrap_or_else(PoisonError::into_inner) {
            None => true,
            Some(error) => {
                self.error(&format!("what was printed is not whole: {error}. Nothing of it is to be relied on"));
                false
            }
        }
    }

    /// A line of trouble.
    pub fn error(&self, text: &str) {
        if self.log {
            return self.log("error", text, &serde_json::json!({ "type": "log" }));
        }
        self.undisturbed(|| self.say(&format!("straddle: {text}\n")));
    }

    /// All diagnostics of a run.
    pub fn diagnostics(&self, list: &[Diagnostic], sources: &Sources) {
        if list.is_empty() {
            return;
        }
        if self.json {
            self.out(&events::problems(list, sources, &stamp()));
        } else if self.log {
            let lines = events::problems(list, sources, &stamp());
            self.say(&format!("{}\n", lines.trim_end()));
        } else {
            self.say(&diagnostics::text(list, sources, &self.style));
        }
    }

    /// A plan, for whoever reads.
    pub fn plan(&self, made: &Plan, fate: Fate<'_>) {
        self.out(&if self.json { events::plan(made, &stamp()) } else { plan::text(made, fate, &self.style) });
    }

    /// The first line of a stream.
    pub fn begin(&self) {
        if self.json {
            self.out(&events::version(env!("CARGO_PKG_VERSION"), &stamp()));
        }
    }

    /// Something that happened while a plan is carried out.
    pub fn event(&self, event: &Event, made: &Plan) {
        if self.quiet {
            return;
        }
        if self.json {
            self.out(&events::event(event, made, &stamp()));
            return;
        }
        if self.is_watched() {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.get_or_insert_with(|| Progress::new(made, ProgressDrawTarget::stderr())).event(event);
        }
        if let Some(line) = events::line(event, made, &clock(), &self.style) {
            self.undisturbed(|| self.out(&line));
        }
    }

    /// Somebody looks on while it happens.
    fn is_watched(&self) -> bool {
        self.kept.is_none() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Prints beside the bars, if there are any.
    fn undisturbed(&self, print: impl FnOnce()) {
        match &*self.progress.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(progress) => progress.around(print),
            None => print(),
        }
    }

    /// The apply is over.
    pub fn end_of_progress(&self) {
        if let Some(progress) = self.progress.lock().unwrap_or_else(PoisonError::into_inner).take() {
            progress.end();
        }
    }

    /// How carrying out a plan ended.
    pub fn summary(&self, summary: &Summary, made: &Plan, operation: &str, sources: &Sources) {
        if self.json {
            self.out(&events::summary(summary, operation, sources, &stamp()));
            return;
        }
        self.out(&events::summary_text(summary, &self.style));
        if summary.is_complete() && !summary.stopped {
            self.out(&plan::carried_out(made, &self.style));
        }
    }
}

/// The moment, for programs.
pub fn stamp() -> String {
    jiff::Timestamp::now().to_string()
}

/// The time of day, for people.
fn clock() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}
