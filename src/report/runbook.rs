//! Runbooks as they stand: for people and as JSON.

use super::json::Json;
use super::words::duration;
use crate::diag::Span;
use crate::runbook::ledger::{Line, Trial};
use crate::state::Time;
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
pub fn text(all: &[Standing]) -> String {
    if all.is_empty() {
        return "No loss of this spec leaves anything to act in: there are no runbooks.".into();
    }
    let mut out = String::new();
    for one in all {
        let word = if one.is_well() { "ok" } else { "NOT READY" };
        let also = if one.aliases.is_empty() { String::new() } else { format!(" (= {})", one.aliases.join(", ")) };
        let _ = writeln!(out, "{:<28} {word:<10} loses {}{also}", one.name, one.lose.join(" and "));
        let built =
            one.line.built.map_or_else(|| "never".into(), |at| format!("{} of serial {}", Time(at), one.line.serial));
        let _ = writeln!(out, "  built      {built}");
        let _ = writeln!(out, "  rehearsed  {}", trial(one.line.tested.as_ref()));
        let _ = writeln!(out, "  used       {}", trial(one.line.real.as_ref()));
        for path in &one.kept {
            let _ = writeln!(out, "  kept in    {path}");
        }
        for why in &one.because {
            let _ = writeln!(out, "  NOT READY  {why}");
        }
    }
    out
}

fn trial(trial: Option<&Trial>) -> String {
    match trial {
        None => "never".into(),
        Some(t) => {
            let end = if t.well { "well" } else { "NOT well" };
            format!("{} on {}, {end}, in {}", Time(t.at), t.how, duration(t.took_ms.div_ceil(1000)))
        }
    }
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
