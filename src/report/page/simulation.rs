//! A simulation as a page.

use super::parts::{self, Loss};
use super::{document, show, tell};
use crate::report::simulate::Simulation;
use crate::report::words::Names;
use crate::spread::decision::Verdict;
use crate::tongue::Lang;
use std::fmt::Write as _;

/// The simulation as one page. `stack` names the directory.
pub fn simulation(simulation: &Simulation<'_>, stack: &str, lang: Lang) -> String {
    let number = |key: &str, n: usize| tell(lang, key, &[("n", &n.to_string())]);
    let mut out = String::new();
    let all = || simulation.workloads.iter().flat_map(|w| &w.losses);
    let failed = all().filter(|l| l.verdict == Some(Verdict::Fail)).count();
    let doubtful = all().filter(|l| l.verdict == Some(Verdict::NotProven)).count();
    let (class, word) = match (failed, doubtful) {
        (0, 0) => ("good", tell(lang, "page.survived", &[])),
        (0, n) => ("warn", number("page.not_proven", n)),
        (n, _) => ("bad", number("page.losses_break", n)),
    };
    let _ = writeln!(out, "<h1>{}: <span class=\"{class}\">{word}</span></h1>", show(stack));
    for workload in &simulation.workloads {
        let names = Names { topology: simulation.topology, workload: workload.rules };
        let _ = writeln!(out, "<h2>{}</h2>", tell(lang, "page.workload", &[("name", &workload.rules.name)]));
        let mut losses: Vec<Loss> = workload
            .losses
            .iter()
            .map(|loss| Loss {
                name: names.loss(&loss.lose),
                alive: vec![loss.alive],
                floor: 0,
                back: parts::back(loss.alive, loss.recovers_to, loss.within_s, names, lang),
                verdict: loss.verdict,
            })
            .collect();
        losses.sort_by_key(|loss| (loss.verdict.is_none(), std::cmp::Reverse(loss.verdict), loss.alive[0]));
        parts::matrix(&losses, &["page.left"], workload.replicas, names, lang, &mut out);
        let sets: Vec<String> = workload.cut_sets.sets.iter().map(|set| names.loss(set)).collect();
        if !sets.is_empty() {
            let _ = writeln!(out, "<h3>{}</h3>\n<ul>", tell(lang, "page.below_floors", &[]));
            for set in sets.iter().take(parts::MOST) {
                let _ = writeln!(out, "<li>{}</li>", show(set));
            }
            out.push_str("</ul>\n");
        }
    }
    document(&format!("straddle simulate: {stack}"), &out, lang)
}
