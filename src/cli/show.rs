//! `show`: a saved plan, or the state.

use super::Exit;
use super::args::{ShowArgs, VarArgs};
use super::print::Printer;
use super::session::Project;
use super::workspace;
use crate::diag::{Diagnostic, Sources};
use crate::plan::placement;
use crate::plan::providers::Providers;
use crate::plan::sequence;
use crate::report::{object, plan};
use crate::state::show::{show_json, shown};
use crate::state::{self, Object, ObjectId, State};
use serde_json::Value as Tree;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::schema::Schema;

pub async fn run(args: ShowArgs, printer: &Printer) -> Exit {
    match &args.planfile {
        Some(path) => match super::saved::open(path, None) {
            Ok(found) if !page(&args, &found, printer) => Exit::Error,
            Ok(found) if args.json => {
                printer.out(&plan::json(&found));
                Exit::Done
            }
            Ok(found) => {
                let (name, digest) = (path.display().to_string(), plan::digest(&found));
                let fate = plan::Fate::Saved { file: &name, digest: &digest };
                printer.out(&plan::text(&found, fate, printer.style()));
                Exit::Done
            }
            // What is no plan may be a state, as for Terraform.
            Err(_) if is_json(path) => match workspace::state_in(Some(path)) {
                Ok(state) => {
                    let providers = schemas(&state).await;
                    whole(&state, &providers, args.json, printer)
                }
                Err(error) => failed(*error, printer),
            },
            Err(problem) => failed(*problem, printer),
        },
        None => match super::home::load() {
            Ok(loaded) => {
                let providers = schemas(&loaded.state).await;
                whole(&loaded.state, &providers, args.json, printer)
            }
            Err(error) => failed(*error, printer),
        },
    }
}

fn is_json(path: &std::path::Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{'))
}

/// Writes the page that was asked for. False: it could not be written.
fn page(args: &ShowArgs, found: &crate::plan::model::Plan, printer: &Printer) -> bool {
    let (stack, _) = super::reports::place();
    args.html.as_ref().is_none_or(|file| {
        super::reports::put(file, &crate::report::page::plan(found, &stack, printer.style().lang), printer)
    })
}

fn failed(problem: Diagnostic, printer: &Printer) -> Exit {
    printer.diagnostics(&[problem], &Sources::default());
    Exit::Error
}

/// The schemas of the providers of a state, as far as these can be started here. Without one attributes are shown as stored.
pub async fn schemas(state: &State) -> Providers {
    let project = Project::read(&VarArgs::default());
    let mut providers = Providers::of(&project.tree());
    let sources = state.objects.values().map(|o| o.provider.source.to_string()).collect();
    if let Ok(mut fleet) = project.fleet(1) {
        // Who cannot be started has no schema, and the state says by itself which values are secret.
        let _ = fleet.schemas(&sources, &mut providers).await;
        fleet.shutdown().await;
    }
    providers
}

fn whole(state: &State, providers: &Providers, json: bool, printer: &Printer) -> Exit {
    if json {
        let found: BTreeMap<ObjectId, _> = state
            .objects
            .iter()
            .filter_map(|(id, o)| {
                Some((id.clone(), providers.schema_of(&o.provider.source, id.address.mode, &id.address.ty)?))
            })
            .collect();
        let schema = |address: &crate::lang::address::Address, _: &state::ProviderRef| -> Option<&Schema> {
            found.get(&ObjectId::current(address.clone())).map(|prepared| &**prepared)
        };
        return match show_json(state, &schema, Some(&workloads(state))) {
            Ok(text) => {
                printer.out(&text);
                Exit::Done
            }
            Err(error) => failed(Diagnostic::error("State not shown", format!("{error}.")), printer),
        };
    }
    if state.is_empty() {
        printer.out("The state is empty. No resources are represented.");
        return Exit::Done;
    }
    for (number, (id, object)) in state.objects.iter().enumerate() {
        match object_text(id, object, providers) {
            // A line between two.
            Ok(text) if number > 0 => printer.out(&format!("\n{text}")),
            Ok(text) => printer.out(&text),
            Err(problem) => return failed(*problem, printer),
        }
    }
    if !state.outputs.is_empty() {
        printer.out(&format!("\nOutputs:\n\n{}", super::output::listing(state)));
    }
    Exit::Done
}

/// What the state itself knows of workloads: replicas by location, and the rules last applied.
fn workloads(state: &State) -> String {
    /// Replica keys by location, and rules.
    type Known = (BTreeMap<String, BTreeSet<String>>, Vec<Tree>);
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    for (address, _) in state.current() {
        if let Some((workload, key)) = sequence::replica(address) {
            let (location, _) = placement::split_key(key);
            let counts = &mut all.entry(workload.to_string()).or_default().0;
            counts.entry(location.to_string()).or_default().insert(key.to_string());
        }
    }
    for (workload, rules) in &state.rules {
        all.entry(workload.clone()).or_default().1 =
            rules.iter().map(|(id, rule)| serde_json::json!({ "id": id, "text": rule.text })).collect();
    }
    let all: serde_json::Map<String, Tree> = all
        .into_iter()
        .map(|(name, (counts, rules))| {
            let counts: BTreeMap<String, usize> = counts.into_iter().map(|(l, keys)| (l, keys.len())).collect();
            (name, serde_json::json!({ "counts": counts, "rules": rules }))
        })
        .collect();
    serde_json::json!({ "format_version": "1.0", "workloads": all }).to_string()
}

/// An object in the manner of the language; what must not be printed is not.
pub fn object_text(id: &ObjectId, object: &Object, providers: &Providers) -> Result<String, Box<Diagnostic>> {
    let address = &id.address;
    let schema = providers.schema_of(&object.provider.source, address.mode, &address.ty);
    let shown = shown(object, schema.as_deref())
        .map_err(|e| Box::new(Diagnostic::error("State not shown", format!("{e}."))))?;
    let kind = if address.mode == crate::lang::address::Mode::Data { "data" } else { "resource" };
    let note = if object.tainted { " (tainted)" } else { "" };
    let mut out = format!("# {id}:{note}\n{kind} \"{}\" \"{}\" ", address.ty, address.name);
    out.push_str(&object::body(&shown.redacted(), schema.as_deref()));
    out.push('\n');
    Ok(out)
}
