//! What stands behind a claim that two places do not share something (`spread.md` N20).

use super::model::{Promises, Unknown, Weight};
use super::{One, judgement};
use crate::spread::decision::Verdict;
use crate::spread::model::{LossOf, Risk, Topology, Workload};
use crate::tongue::Words;
use std::collections::BTreeSet;

/// For every kind that a survive rule names: the locations of which nobody says what they share. Where such pairs are to be taken for
/// shared, every location that says nothing stands with each risk of the kind, and all of them together where there is none.
pub fn share_the_unknown(
    topology: &mut Topology,
    workloads: &[&Workload],
    kinds: &dyn Fn(&str) -> Option<(bool, crate::spread::model::Site)>,
) -> Vec<Unknown> {
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for rule in workloads.iter().flat_map(|w| &w.survive) {
        if let LossOf::Kind(kind) = &rule.of {
            named.insert(kind);
        }
    }
    let mut unknown = Vec::new();
    for kind in named {
        let Some((shared, site)) = kinds(kind) else { continue };
        let used: BTreeSet<usize> = workloads.iter().flat_map(|w| &w.places).map(|p| p.location).collect();
        let declares = |i: usize| {
            let mut open = topology.locations[i].shares.clone();
            let mut seen = BTreeSet::new();
            while let Some(risk) = open.pop() {
                if topology.risks[risk].kind == kind {
                    return true;
                }
                if seen.insert(risk) {
                    open.extend(&topology.risks[risk].depends_on);
                }
            }
            false
        };
        let (known, silent): (Vec<usize>, Vec<usize>) = used.into_iter().partition(|i| declares(*i));
        let names = |list: &[usize]| list.iter().map(|i| topology.locations[*i].name.clone()).collect::<Vec<_>>();
        unknown.push(Unknown { kind: kind.to_string(), shared, locations: names(&silent), known: names(&known), site });
        if shared && !silent.is_empty() {
            let of_kind = |topology: &Topology| -> Vec<usize> {
                (0..topology.risks.len()).filter(|r| topology.risks[*r].kind == kind).collect()
            };
            if of_kind(topology).is_empty() {
                let name = format!("unknown_{kind}");
                topology.risks.push(Risk { name, kind: kind.to_string(), depends_on: Vec::new(), site });
            }
            let risks = of_kind(topology);
            for i in silent {
                topology.locations[i].shares.extend(&risks);
                topology.locations[i].shares.sort_unstable();
                topology.locations[i].shares.dedup();
            }
        }
    }
    unknown
}

/// Pairs of which nobody knows: two that say nothing, or one that does and one that does not.
fn pairs(unknown: &Unknown) -> u64 {
    let (silent, known) = (unknown.locations.len() as u64, unknown.known.len() as u64);
    silent * silent.saturating_sub(1) / 2 + silent * known
}

pub(super) fn judge(promises: &Promises, topology: &Topology, out: &mut Vec<One>) {
    for unknown in &promises.unknown {
        let pairs = pairs(unknown);
        let words = |key| {
            Words::new(key)
                .with("kind", unknown.kind.as_str())
                .with("pairs", pairs)
                .with("sites", unknown.locations.join(", "))
        };
        let (verdict, why) = match (pairs, unknown.shared) {
            (0, _) => (Verdict::Pass, words("independence.known")),
            (_, true) => (Verdict::NotProven, words("independence.shared")),
            (_, false) => (Verdict::NotProven, words("independence.unknown")),
        };
        let judgement =
            judgement(verdict, why, &[("pairs", pairs as i64), ("assumed_shared", i64::from(unknown.shared))]);
        let id = format!("independence.{}", unknown.kind);
        out.push(One { id, weight: Weight::Finding, site: unknown.site, owner: None, judgement });
    }
    let Some(most) = promises.evidence_max_age_days else { return };
    for risk in &topology.risks {
        let words =
            |key| Words::new(key).with("risk", risk.name.as_str()).with("kind", risk.kind.as_str()).with("most", most);
        let (verdict, why, numbers) = match promises.evidence.get(&risk.name) {
            None => (Verdict::NotProven, words("evidence.none"), vec![("max_days", most as i64)]),
            Some(evidence) => match evidence.day {
                None => {
                    let why = words("evidence.undated").with("evidence", evidence.kind.as_str());
                    (Verdict::NotProven, why, vec![("max_days", most as i64)])
                }
                Some(day) => {
                    let age = promises.today - day;
                    let old = age > i64::try_from(most).unwrap_or(i64::MAX);
                    let why = words(if old { "evidence.old" } else { "evidence.pass" })
                        .with("evidence", evidence.kind.as_str())
                        .with("days", age.to_string());
                    let verdict = if old { Verdict::NotProven } else { Verdict::Pass };
                    (verdict, why, vec![("days", age), ("max_days", most as i64)])
                }
            },
        };
        let site = promises.evidence.get(&risk.name).map_or(risk.site, |e| e.site);
        let judgement = judgement(verdict, why, &numbers);
        out.push(One { id: format!("evidence.{}", risk.name), weight: Weight::Finding, site, owner: None, judgement });
    }
}
