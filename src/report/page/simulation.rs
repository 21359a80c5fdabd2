//! A simulation as a page.

use super::parts::{self, Loss};
use super::{document, show};
use crate::report::simulate::Simulation;
use crate::report::words::Names;
use crate::spread::decision::Verdict;
use std::fmt::Write as _;

/// The simulation as one page. `stack` names the directory.
pub fn simulation(simulation: &Simulation<'_>, stack: &str) -> String {
    let mut out = String::new();
    let all = || simulation.workloads.iter().flat_map(|w| &w.losses);
    let failed = all().filter(|l| l.verdict == Some(Verdict::Fail)).count();
    let doubtful = all().filter(|l| l.verdict == Some(Verdict::NotProven)).count();
    let (class, word) = match (failed, doubtful) {
        (0, 0) => ("good", "every loss that a rule names is survived".to_owned()),
        (0, n) => ("warn", format!("{n} losses are not proven to be survived")),
        (n, _) => ("bad", format!("{n} losses break a rule")),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{word}</span></h1>", show(stack));
    for workload in &simulation.workloads {
        let names = Names { topology: simulation.topology, workload: workload.rules };
        let _ = writeln!(out, "<h2>Workload {}</h2>", show(&workload.rules.name));
        let mut losses: Vec<Loss> = workload
            .losses
            .iter()
            .map(|loss| Loss {
                name: names.loss(&loss.lose),
                alive: vec![loss.alive],
                floor: 0,
                back: parts::back(loss.alive, loss.recovers_to, loss.within_s, names),
                verdict: loss.verdict,
            })
            .collect();
        losses.sort_by_key(|loss| (loss.verdict.is_none(), std::cmp::Reverse(loss.verdict), loss.alive[0]));
        parts::matrix(&losses, &["left"], workload.replicas, names, &mut out);
        let sets: Vec<String> = workload.cut_sets.sets.iter().map(|set| names.loss(set)).collect();
        if !sets.is_empty() {
            out.push_str("<h3>What takes it below its floors</h3>\n<ul>\n");
            for set in sets.iter().take(parts::MOST) {
                let _ = writeln!(out, "<li>{}</li>", show(set));
            }
            out.push_str("</ul>\n");
        }
    }
    document(&format!("straddle simulate: {stack}"), &out)
}
