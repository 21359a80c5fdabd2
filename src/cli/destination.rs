//! `failover -to WHERE`: everything new is made where a person says, as long as the failover is in force (`spread.md` 4.6).

use super::assume::locations;
use crate::diag::Diagnostic;
use crate::spec::Spec;
use crate::spread::model::{Health, OperatorState, Topology};
use std::collections::BTreeSet;

/// The locations meant. Guards are a person's to override; what is lost or cannot be reached takes nothing all the same.
pub fn destinations(
    spec: &Spec,
    topology: &Topology,
    named: &[String],
    lost: &BTreeSet<String>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for text in named {
        let found = locations(spec, text);
        if found.is_empty() {
            let known = topology.locations.iter().map(|l| l.name.clone());
            problems.push(
                Diagnostic::error("No such location", format!("-to names \"{text}\", where no location stands."))
                    .help(format!("This spec knows {}.", crate::report::words::some(known, 12))),
            );
        }
        for name in found {
            let Some(location) = topology.locations.iter().find(|l| l.name == name) else { continue };
            let why = match location.health {
                _ if lost.contains(&name) => Some("is a part of what is lost"),
                Health::Down => Some("is down"),
                Health::Unknown | Health::ControlLost => Some("cannot be reached"),
                Health::Suspect | Health::Probation => Some("is not trusted at present"),
                Health::Healthy | Health::Degraded | Health::Returning => None,
            };
            match why {
                Some(why) => problems.push(
                    Diagnostic::error("Nothing can be made there", format!("-to names {name}, which {why}."))
                        .help("Name a place that is well, or leave -to out: the spec then says where."),
                ),
                None => drop(all.insert(name)),
            }
        }
    }
    all
}

/// Nothing new anywhere else.
pub fn hold_elsewhere(topology: &mut Topology, to: &BTreeSet<String>) {
    let elsewhere =
        topology.locations.iter_mut().filter(|l| !to.contains(&l.name) && l.operator == OperatorState::Open);
    elsewhere.for_each(|location| location.operator = OperatorState::Cordoned);
}
