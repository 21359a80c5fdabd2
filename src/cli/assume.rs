//! `-assume WHERE=healthy`: a person's word for a location that nobody can reach. It holds for one command, is said in its output, and
//! is written down when something is done on it (`spread.md` 4.7).

use super::failover::person;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::make::takes;
use crate::plan::observed::Observed;
use crate::spec::Spec;
use crate::spread::model::{Health, HealthSource, Topology};
use crate::state::{Entry, Json, Note, NoteKey, now};
use std::collections::BTreeSet;

/// The locations a name stands for: its own, those of `LEVEL:NAME`, or those of a domain of any level.
pub fn locations(spec: &Spec, name: &str) -> BTreeSet<String> {
    let topology = &spec.topology;
    let named = |wanted: &dyn Fn(&crate::spread::model::Location) -> bool| -> BTreeSet<String> {
        topology.locations.iter().filter(|l| wanted(l)).map(|l| l.name.clone()).collect()
    };
    let own = named(&|l| l.name == name);
    if !own.is_empty() {
        return own;
    }
    match spec.event(name) {
        Some(event) => named(&|l| takes(topology, l, &event)),
        None => named(&|l| l.domains.values().any(|domain| domain == name)),
    }
}

/// Notes in the project what `-assume` says.
pub fn take(project: &mut Project, said: &[String]) {
    for text in said {
        let Some(name) = text.strip_suffix("=healthy") else {
            project.problems.push(
                Diagnostic::error("Invalid -assume", format!("\"{text}\" says of no place that it is healthy."))
                    .help("Write -assume=LOCATION=healthy, for example -assume=zone:a=healthy."),
            );
            continue;
        };
        let found = locations(&project.spec, name);
        if found.is_empty() && !project.has_errors() {
            let known = project.spec.topology.locations.iter().map(|l| l.name.clone());
            project.problems.push(
                Diagnostic::error("No such location", format!("-assume names \"{name}\", where no location stands."))
                    .help(format!("This spec knows {}.", crate::report::words::some(known, 12))),
            );
        }
        project.assumed.extend(found);
    }
}

/// A word that holds for one command is no part of a plan that is carried out by another.
pub fn refuse_saved(said: &[String], saved: bool) -> Option<Diagnostic> {
    (saved && !said.is_empty()).then(|| {
        Diagnostic::error(
            "An assumption is not saved",
            "What -assume says holds for the command it is given to, and a saved plan is carried out by another.",
        )
        .help("Give it to apply, without a saved plan: straddle apply -assume=...")
    })
}

/// Takes what nobody can reach for well, where a person said so. What is known is not overruled.
pub fn believe(project: &Project, topology: &mut Topology, observed: &mut Observed, problems: &mut Vec<Diagnostic>) {
    for location in topology.locations.iter_mut().filter(|l| project.assumed.contains(&l.name)) {
        let name = &location.name;
        match location.health {
            Health::Unknown | Health::ControlLost => {
                location.health = Health::ControlLost;
                location.health_source = HealthSource::Assumed;
                observed.assumed.insert(name.clone());
                problems.push(
                    Diagnostic::warning(
                        "Taken for healthy on your word",
                        format!("Nobody can reach {name}. What stood there counts as serving, for this command alone; nothing there is touched."),
                    )
                    .help("If it does not serve after all, fewer are left than this plan counts: look from outside first."),
                );
            }
            Health::Healthy | Health::Degraded | Health::Returning => {}
            Health::Suspect | Health::Down | Health::Probation => problems.push(
                Diagnostic::warning(
                    "Not taken for healthy",
                    format!("{name} is seen to fail or was lost: -assume={name}=healthy is for what nobody can reach, and overrules no evidence."),
                )
                .help("If the evidence is wrong, mend the probe, or bring the location back with its provider."),
            ),
        }
    }
}

/// What is written down when something is done on such a word.
pub fn record(observed: &Observed) -> Vec<Entry> {
    let entry = |location: &String| {
        let said = serde_json::json!({ "by": person("assume"), "health": "healthy" });
        let value = Json::new(&said.to_string()).ok()?;
        let key = NoteKey { kind: "assumed".into(), subject: location.clone() };
        Some(Entry::Note { key, note: Some(Note { at: now(), value }) })
    };
    observed.assumed.iter().filter_map(entry).collect()
}
