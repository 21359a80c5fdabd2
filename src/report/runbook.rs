//! Runbooks as they stand: for people and as JSON.

use super::json::Json;
use super::words::duration_in;
use crate::diag::Span;
use crate::runbook::ledger::{Line, Trial};
use crate::state::Time;
use crate::tongue::{Lang, say};
use std::fmt::Write;

/// A runbook that should be there, and what is not as it should be.
#[derive(Clone, Debug)]
pub struct Standing {
    /// For example `lose-zone-a`.
    pub name: String,
    /// What it answers.
    pub lose: Vec<String>,
    /// Other names of the same loss.
    pub aliases: Vec<String>,
    /// When it was built, rehearsed, used.
    pub line: Line,
    /// The places that keep it.
    pub kept: Vec<String>,
    /// What is not as it should be; empty when all is.
    pub because: Vec<String>,
    /// The runbook block.
    pub span: Span,
}

impl Standing {
    /// Whether it could be used now.
    pub fn is_well(&self) -> bool {
        self.because.is_empty()
    }
}

/// Every runbook, for people.
pub fn text(all: &[Standing], lang: Lang) -> String {
    if all.is_empty() {
        return say(lang, "books.none", &[]);
    }
    let mut out = String::new();
    for one in all {
        let word = say(lang, if one.is_well() { "books.ok" } else { "drift.not_ready" }, &[]);
        let also = if one.aliases.is_empty() { String::new() } else { format!(" (= {})", one.aliases.join(", ")) };
        let loses = say(lang, "books.loses", &[("lose", &one.lose.join(" + ")), ("also", &also)]);
        let _ = writeln!(out, "{:<28} {word:<10} {loses}", one.name);
        let built = one.line.built.map(|at| {
            say(lang, "books.of_serial", &[("time", &Time(at).to_string()), ("n", &one.line.serial.to_string())])
        });
        let built = built.unwrap_or_else(|| say(lang, "books.never", &[]));
        let _ = writeln!(out, "{}", say(lang, "books.built", &[("text", &built)]));
        let _ = writeln!(out, "{}", say(lang, "books.rehearsed", &[("text", &trial(one.line.tested.as_ref(), lang))]));
        let _ = writeln!(out, "{}", say(lang, "books.used", &[("text", &trial(one.line.real.as_ref(), lang))]));
        for path in &one.kept {
            let _ = writeln!(out, "{}", say(lang, "books.kept", &[("path", path)]));
        }
        for why in &one.because {
            let _ = writeln!(out, "{}", say(lang, "books.not_ready", &[("why", why)]));
        }
    }
    out
}

fn trial(trial: Option<&Trial>, lang: Lang) -> String {
    let Some(t) = trial else { return say(lang, "books.never", &[]) };
    let end = say(lang, if t.well { "books.well" } else { "books.not_well" }, &[]);
    let (time, took) = (Time(t.at).to_string(), duration_in(t.took_ms.div_ceil(1000), lang));
    say(lang, "books.trial", &[("time", &time), ("how", &t.how), ("end", &end), ("took", &took)])
}

/// `runbook list -json`.
pub fn json(all: &[Standing]) -> String {
    let mut j = Json::new();
    j.object(|j| {
        j.key("format_version").text("1.0");
        standings(all, j.key("runbooks"));
    });
    j.finish()
}

/// The list, also of `drift -json`.
pub fn standings(all: &[Standing], j: &mut Json) {
    j.array(all, |j, one| {
        j.object(|j| {
            j.key("name").text(&one.name);
            j.key("lose").texts(&one.lose);
            j.key("aliases").texts(&one.aliases);
            j.key("ok").plain(one.is_well());
            j.key("because").texts(&one.because);
            when(one.line.built, j.key("built"));
            j.key("serial").plain(one.line.serial);
            when(one.line.simulated, j.key("simulated"));
            for (key, trial) in [("tested", &one.line.tested), ("real", &one.line.real)] {
                match trial {
                    None => j.key(key).raw("null"),
                    Some(t) => j.key(key).object(|j| {
                        when(Some(t.at), j.key("at"));
                        j.key("how").text(&t.how);
                        j.key("took_ms").plain(t.took_ms);
                        j.key("well").plain(t.well);
                    }),
                }
            }
            j.key("stores").texts(&one.kept);
        });
    });
}

fn when(at: Option<i64>, j: &mut Json) {
    match at {
        Some(at) => j.text(&Time(at).to_string()),
        None => j.raw("null"),
    }
}
