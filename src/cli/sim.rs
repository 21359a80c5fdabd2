//! `sim`: drives the built-in simulated clouds of this directory.

use super::Exit;
use super::args::{SimCommand, VarArgs};
use super::print::Printer;
use super::session::Project;
use crate::lang::eval::eval;
use crate::plan::providers::Providers;
use crate::spread::model::Event;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use straddle_provider_sim::SystemClock;
use straddle_provider_sim::control::{self, Status};
use straddle_provider_sim::model::{DomainName, Health};
use straddle_provider_sim::store::Fault;
use straddle_sdk::value::Value;

/// A command that could not be carried out.
type Trouble = String;

pub fn run(command: SimCommand, printer: &Printer) -> Exit {
    let project = Project::read(&VarArgs::default());
    if project.has_errors() {
        // Zones are found by the spec: one that cannot be read would break the wrong thing.
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    match carry_out(&project, command, printer) {
        Ok(()) => Exit::Done,
        Err(trouble) => {
            printer.error(&trouble);
            Exit::Error
        }
    }
}

fn carry_out(project: &Project, command: SimCommand, printer: &Printer) -> Result<(), Trouble> {
    let stores = stores(project);
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let clock = SystemClock;
    match command {
        SimCommand::Status { json } => {
            let mut whole: Option<Status> = None;
            for path in stores.iter().filter(|p| p.exists()) {
                let status = control::status(path, &clock).map_err(|e| text(&e))?;
                match &mut whole {
                    None => whole = Some(status),
                    Some(w) => {
                        w.domains.extend(status.domains);
                        w.resources.extend(status.resources);
                        w.faults.extend(status.faults);
                    }
                }
            }
            show(whole, json, printer)
        }
        SimCommand::Down { domain } => health(project, &stores, &domain, Health::Down, printer),
        SimCommand::Up { domain } => health(project, &stores, &domain, Health::Up, printer),
        SimCommand::Unreachable { domain } => health(project, &stores, &domain, Health::Unreachable, printer),
        SimCommand::Quota { setting } => {
            let (domain, number) = setting.split_once('=').ok_or("write DOMAIN=N, for example zone:a=40")?;
            let quota = match number {
                "unlimited" | "none" => None,
                n => Some(n.parse().map_err(|_| format!("\"{n}\" is no number of replicas"))?),
            };
            for (path, name) in each(&stores, &domains(project, domain)?) {
                control::set_quota(path, &clock, name, quota).map_err(|e| text(&e))?;
            }
            printer.out(&format!("{domain}: quota {number}"));
            Ok(())
        }
        SimCommand::Kill { n, domain } => {
            let names = domains(project, &domain)?;
            let path = the_store(&stores)?;
            let killed = control::kill(path, &clock, n as u64, &names).map_err(|e| text(&e))?;
            printer.out(&format!(
                "{} instances deleted in {domain}{}",
                killed.instances.len(),
                killed.instances.iter().map(|i| format!(" {i}")).collect::<String>()
            ));
            Ok(())
        }
        SimCommand::Edit { id, setting } => {
            let (key, value) = setting.split_once('=').ok_or("write ATTRIBUTE=VALUE, for example size=m")?;
            let id = FromStr::from_str(&id).map_err(|e| text(&e))?;
            control::edit(the_store(&stores)?, &clock, id, key, value).map_err(|e| text(&e))?;
            printer.out(&format!("{id}: {key} = {value}"));
            Ok(())
        }
        SimCommand::Fault { op, kind, rate, seed } => {
            let fault =
                Fault { op: op.parse().map_err(|e| text(&e))?, kind: kind.parse().map_err(|e| text(&e))?, rate, seed };
            for path in &stores {
                control::set_fault(path, &clock, fault.clone()).map_err(|e| text(&e))?;
            }
            printer.out(&format!("{kind} on {op} at rate {rate}, seed {seed}"));
            Ok(())
        }
        SimCommand::Reset { all } => {
            for path in &stores {
                control::reset(path, &clock, all).map_err(|e| text(&e))?;
            }
            printer.out(if all {
                "every object, fault, quota and failure is gone"
            } else {
                "every fault, quota and failure is gone"
            });
            Ok(())
        }
    }
}

fn show(status: Option<Status>, json: bool, printer: &Printer) -> Result<(), Trouble> {
    let Some(status) = status else {
        printer.out(if json { "{\"domains\":{},\"resources\":[]}" } else { "The simulated clouds are empty." });
        return Ok(());
    };
    if json {
        printer.out(&serde_json::to_string(&status).map_err(|e| e.to_string())?);
        return Ok(());
    }
    let mut text = String::new();
    for (name, state) in &status.domains {
        let state = serde_json::to_value(state).map_err(|e| e.to_string())?;
        let field = |k: &str| match state.get(k) {
            Some(serde_json::Value::Null) | None => "unlimited".to_string(),
            Some(serde_json::Value::String(s)) => s.clone(),
            Some(other) => other.to_string(),
        };
        text.push_str(&format!("{:<24} {:<12} quota {}\n", name.to_string(), field("health"), field("quota")));
    }
    let mut counts: std::collections::BTreeMap<(&str, &str), usize> = std::collections::BTreeMap::new();
    for resource in &status.resources {
        *counts.entry((resource.type_name, resource.zone.as_deref().unwrap_or("-"))).or_default() += 1;
    }
    for ((ty, zone), n) in counts {
        text.push_str(&format!("{n:>6} {ty} in {zone}\n"));
    }
    for fault in &status.faults {
        let op = serde_json::to_value(fault.op).map_err(|e| e.to_string())?;
        let kind = serde_json::to_value(fault.kind).map_err(|e| e.to_string())?;
        text.push_str(&format!("fault {} on {} at rate {}, seed {}\n", kind, op, fault.rate, fault.seed));
    }
    printer.out(&text);
    Ok(())
}

fn health(
    project: &Project,
    stores: &[PathBuf],
    domain: &str,
    health: Health,
    printer: &Printer,
) -> Result<(), Trouble> {
    let names = domains(project, domain)?;
    for path in stores {
        control::set_health(path, &SystemClock, &names, health).map_err(|e| e.to_string())?;
    }
    let word = match health {
        Health::Up => "up",
        Health::Down => "down",
        Health::Unreachable => "unreachable",
    };
    let zones: Vec<String> = names.iter().map(ToString::to_string).collect();
    let also = if zones.len() == 1 && zones[0] == domain { String::new() } else { format!(" ({})", zones.join(", ")) };
    printer.out(&format!("{domain} is {word}{also}"));
    Ok(())
}

fn each<'x>(stores: &'x [PathBuf], names: &'x [DomainName]) -> impl Iterator<Item = (&'x PathBuf, &'x DomainName)> {
    stores.iter().flat_map(move |p| names.iter().map(move |n| (p, n)))
}

fn the_store(stores: &[PathBuf]) -> Result<&PathBuf, Trouble> {
    match stores {
        [one] => Ok(one),
        [] => Err("this spec uses no simulated cloud".into()),
        many => many.iter().find(|p| p.exists()).ok_or_else(|| "the simulated clouds are empty".into()),
    }
}

/// The files of the simulated clouds that the spec's provider blocks name.
fn stores(project: &Project) -> Vec<PathBuf> {
    named_stores(project)
        .into_iter()
        .map(|name| project.directory.join(name))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The same as the spec writes them.
pub(super) fn named_stores(project: &Project) -> Vec<String> {
    let providers = Providers::of(&project.tree());
    let mut names: BTreeSet<String> = BTreeSet::new();
    let env = project.env();
    for config in &project.config.module.providers {
        if !providers.source(&config.name).ends_with("/straddle/sim") {
            continue;
        }
        let value = config.body.attribute("store").map(|a| eval(&a.expr, &env).0);
        let name = value.as_ref().and_then(Value::as_str).unwrap_or("sim.db");
        names.insert(name.to_string());
    }
    if names.is_empty() {
        names.insert("sim.db".into());
    }
    names.into_iter().collect()
}

/// What the clouds call a domain of the spec: zones and clouds by their names; wider domains and shared risks by the zones of their
/// locations.
pub(super) fn domains(project: &Project, text: &str) -> Result<Vec<DomainName>, Trouble> {
    let name: DomainName = text.parse().map_err(|e| format!("{e}"))?;
    if name.level == "zone" || name.level == "cloud" {
        return Ok(vec![name]);
    }
    let topology = &project.spec.topology;
    let zones = |taken: &dyn Fn(&crate::spread::model::Location) -> bool| -> BTreeSet<String> {
        topology.locations.iter().filter(|l| taken(l)).filter_map(|l| l.domains.get("zone").cloned()).collect()
    };
    let found = match project.spec.event(text) {
        Some(Event::Domain { level, name }) => {
            zones(&|l| l.domains.get(&topology.levels[level]).is_some_and(|d| *d == name))
        }
        Some(Event::Risk(risk)) => zones(&|l| shares(topology, l, risk)),
        None => BTreeSet::new(),
    };
    if found.is_empty() {
        return Err(format!("no location of this spec stands in {text}"));
    }
    Ok(found.iter().map(|z| DomainName::zone(z)).collect())
}

/// Whether a location falls with a risk, directly or through others.
fn shares(topology: &crate::spread::model::Topology, location: &crate::spread::model::Location, risk: usize) -> bool {
    let mut pending = location.shares.clone();
    let mut seen = BTreeSet::new();
    while let Some(r) = pending.pop() {
        if r == risk {
            return true;
        }
        if seen.insert(r) {
            pending.extend(&topology.risks[r].depends_on);
        }
    }
    false
}
