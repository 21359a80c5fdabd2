//! For which losses runbooks are compiled, and what the loss may not take: the places that keep them, and what carrying them out needs.

use crate::diag::Span;
use crate::plan::make::takes;
use crate::plan::model::Plan;
use crate::spec::runbooks::Ground;
use crate::spec::{FailoverMode, Spec};
use crate::spread::evidence::falls_with;
use crate::spread::model::{Event, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// A loss to be prepared for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// For example `lose-zone-a`.
    pub name: String,
    /// The names it is called by.
    pub lose: BTreeSet<String>,
    /// Other names of the same: everything that takes exactly the same locations is lost together.
    pub aliases: BTreeSet<String>,
    /// The locations it takes (indices).
    pub locations: BTreeSet<usize>,
}

/// Why there is no runbook for a loss.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What is needed, for example `need "registry"`.
    pub what: String,
    /// Which part of the loss takes it; empty when that is not the reason.
    pub falls_with: String,
    /// The reason in words.
    pub why: String,
    /// Where it is written.
    pub span: Option<Span>,
}

/// Every loss of order 1 of the spec, or those it names; with `pairs` every two of them at once, too.
pub fn scenarios(spec: &Spec, only: &[String], pairs: bool) -> Vec<Scenario> {
    let topology = &spec.topology;
    let concerned: BTreeSet<usize> = spec
        .workloads
        .iter()
        .filter(|w| w.failover_mode == FailoverMode::Runbook)
        .flat_map(|w| w.rules.places.iter().map(|p| p.location))
        .collect();
    // Outermost levels first, shared risks last: the first of several that are the same gives the name.
    let mut classes: Vec<(BTreeSet<usize>, Vec<String>)> = Vec::new();
    for event in events(topology) {
        let taken = taken_by(topology, &event);
        if taken.is_disjoint(&concerned) {
            continue;
        }
        let label = event.label(topology);
        match classes.iter_mut().find(|(locations, _)| *locations == taken) {
            Some((_, names)) => names.push(label),
            None => classes.push((taken, vec![label])),
        }
    }
    let mut all: Vec<Scenario> = Vec::new();
    for (locations, names) in classes {
        let named = match only.is_empty() {
            true => names.first(),
            false => names.iter().find(|n| only.contains(n)),
        };
        let Some(named) = named.cloned() else { continue };
        let aliases = names.into_iter().filter(|n| *n != named).collect();
        let lose = BTreeSet::from([named]);
        all.push(Scenario { name: name_of(&lose), lose, aliases, locations });
    }
    if pairs {
        let single = all.clone();
        for (i, a) in single.iter().enumerate() {
            for b in &single[i + 1..] {
                // One inside the other is that other one.
                if a.locations.is_subset(&b.locations) || b.locations.is_subset(&a.locations) {
                    continue;
                }
                let lose: BTreeSet<String> = a.lose.union(&b.lose).cloned().collect();
                let aliases = a.aliases.union(&b.aliases).cloned().collect();
                let locations = a.locations.union(&b.locations).copied().collect();
                all.push(Scenario { name: name_of(&lose), lose, aliases, locations });
            }
        }
    }
    all
}

fn events(topology: &Topology) -> Vec<Event> {
    let mut all = Vec::new();
    for (level, name) in topology.levels.iter().enumerate() {
        let domains: BTreeSet<&String> = topology.locations.iter().filter_map(|l| l.domains.get(name)).collect();
        all.extend(domains.into_iter().map(|d| Event::Domain { level, name: d.clone() }));
    }
    all.extend((0..topology.risks.len()).map(Event::Risk));
    all
}

fn taken_by(topology: &Topology, event: &Event) -> BTreeSet<usize> {
    (0..topology.locations.len()).filter(|l| takes(topology, &topology.locations[*l], event)).collect()
}

fn name_of(lose: &BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let names: Vec<String> = lose.iter().map(|l| l.chars().map(plain).collect()).collect();
    format!("lose-{}", names.join("+"))
}

impl Scenario {
    /// Which part of the loss takes something that stands on this ground.
    pub fn takes(&self, spec: &Spec, ground: &Ground) -> Option<String> {
        let topology = &spec.topology;
        let risks: Vec<usize> = ground.shares.iter().chain(&ground.control).copied().collect();
        let risks = falls_with(topology, &risks);
        let lost = |name: &&String| match spec.event(name) {
            Some(Event::Risk(risk)) => risks.contains(&risk),
            Some(Event::Domain { level, name }) => {
                topology.levels.get(level).and_then(|l| ground.domains.get(l)).is_some_and(|d| *d == name)
            }
            None => false,
        };
        self.lose.iter().chain(&self.aliases).find(lost).cloned()
    }

    /// Whether it takes every place that replicas may stand in: then there is nothing to act in, and no runbook.
    pub fn leaves_nothing(&self, spec: &Spec) -> bool {
        let mut places = spec.workloads.iter().flat_map(|w| &w.rules.places);
        places.all(|p| self.locations.contains(&p.location))
    }

    /// The places that the loss leaves, by name.
    pub fn stores_left(&self, spec: &Spec) -> Vec<String> {
        let Some(runbooks) = &spec.runbooks else { return Vec::new() };
        let left = runbooks.stores.iter().filter(|s| self.takes(spec, &s.ground).is_none());
        left.map(|s| s.name.to_string()).collect()
    }

    /// Everything that speaks against a runbook for this loss; with its plan also what the plan rests on.
    pub fn refusals(&self, spec: &Spec, plan: Option<&Plan>) -> Vec<Refusal> {
        let mut found = Vec::new();
        let Some(runbooks) = &spec.runbooks else { return found };
        for need in &runbooks.needs {
            if let Some(event) = self.takes(spec, &need.ground) {
                found.push(Refusal {
                    what: format!("need \"{}\"", need.name),
                    why: format!(
                        "{} falls with {event}: who would carry the runbook out could not reach it",
                        need.name
                    ),
                    falls_with: event,
                    span: Some(need.span.clone()),
                });
            }
        }
        let left = self.stores_left(spec);
        if left.len() < 2 {
            let lost = runbooks.stores.iter().filter_map(|s| Some((s, self.takes(spec, &s.ground)?)));
            let lost: Vec<String> = lost.map(|(s, event)| format!("{} falls with {event}", s.name)).collect();
            found.push(Refusal {
                what: "stores".into(),
                falls_with: self.lose.iter().next().cloned().unwrap_or_default(),
                why: format!(
                    "only {} of the {} places that keep it would be left, and two are wanted: {}",
                    left.len(),
                    runbooks.stores.len(),
                    lost.join(", ")
                ),
                span: Some(runbooks.span.clone()),
            });
        }
        found.extend(plan.map(|plan| self.apis(spec, plan)).unwrap_or_default());
        found
    }

    /// Places that the plan grows in and whose control falls with the loss.
    fn apis(&self, spec: &Spec, plan: &Plan) -> Vec<Refusal> {
        let mut grown: BTreeMap<usize, &str> = BTreeMap::new();
        for (name, workload) in &plan.workloads {
            let adds = workload.decision.steps.iter().flat_map(|s| &s.adds).filter(|add| add.count > 0);
            for add in adds {
                if let Some(place) = workload.rules.places.get(add.place) {
                    grown.entry(place.location).or_insert(name);
                }
            }
        }
        let mut found = Vec::new();
        for (location, workload) in grown {
            let Some(at) = spec.topology.locations.get(location) else { continue };
            let ground = Ground { shares: at.shares.clone(), control: at.control.clone(), domains: at.domains.clone() };
            if let Some(event) = self.takes(spec, &ground) {
                found.push(Refusal {
                    what: format!("location \"{}\"", at.name),
                    why: format!("{workload} would grow in {}, and what changes it falls with {event}", at.name),
                    falls_with: event,
                    span: spec.locations.get(location).map(|l| l.span.clone()),
                });
            }
        }
        found
    }
}
