//! `import`: an object that exists comes under an address of the configuration.

use super::Exit;
use super::apply;
use super::args::ImportArgs;
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Mode};
use crate::plan::blocks::{BlockKind, Blocks};
use crate::plan::placement;
use crate::plan::questions::{Answered, Ask, Question, Taken};
use crate::plan::sequence::replica;
use crate::plugin::ImportBy;
use crate::state::{Entry, How, Json, LockRequest, Object, ObjectId, RunBegin, RunEnd, RunOutcome, Store, now};
use std::sync::Arc;
use straddle_sdk::value::codec::json;

pub async fn run(args: ImportArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let address = match args.address.parse::<Address>() {
        Ok(address) => address,
        Err(error) => {
            let problem = Diagnostic::error("Invalid address", format!("\"{}\": {error}.", args.address))
                .help("For example: aws_instance.web or module.net.aws_subnet.a[0]");
            printer.diagnostics(&[problem], &project.sources);
            return Exit::Error;
        }
    };
    let store = match apply::open(&args.lock, "import", printer) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let done = match super::recovery::recover(&project, &store, 10, printer).await {
        Ok(()) => take_over(&project, &store, &address, &args.id, printer).await,
        Err(exit) => exit,
    };
    if let Err(error) = store.close() {
        printer.diagnostics(&[error.into()], &project.sources);
        return done.worse(Exit::Error);
    }
    done
}

async fn take_over(project: &Project, store: &Store, address: &Address, id: &str, printer: &Printer) -> Exit {
    let state = store.state();
    let scene = match planning::look(project, &state, false, 10).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let result = imported(project, &scene, address, id).await;
    scene.fleet.shutdown().await;
    let object = match result {
        Ok((object, warnings)) => {
            printer.diagnostics(&warnings, &project.sources);
            object
        }
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let request = LockRequest::here("import");
    let who = format!("{}@{}", request.who, request.host);
    let entries = [
        Entry::RunBegin(RunBegin { who, command: "import".into(), plan: None }),
        Entry::Known { id: ObjectId::current(address.clone()), object: Some(Arc::new(object)), how: How::Imported },
        Entry::RunEnd(RunEnd { outcome: RunOutcome::Done }),
    ];
    if let Err(error) = store.record(now(), entries) {
        printer.diagnostics(&[error.into()], &project.sources);
        return Exit::Error;
    }
    printer.out(&format!(
        "{address}: imported ({id}). It is in the state now; the next plan shows how it differs from the spec."
    ));
    Exit::Done
}

/// The location of a replica and the template that makes replicas there, as numbers.
fn location_of(project: &Project, address: &Address) -> Option<(usize, usize)> {
    let (workload, key) = replica(address)?;
    let spec = project.spec.workload(workload)?;
    let name = placement::split_key(key).0;
    let places = spec.rules.places.iter();
    let place = places.clone().position(|p| project.spec.topology.locations[p.location].name == name)?;
    Some((spec.rules.places[place].location, spec.template_of[place]))
}

/// Whether a block makes what stands in a location; what stands in none is made by the only block there is.
fn serves(kind: &BlockKind<'_>, location: Option<(usize, usize)>) -> bool {
    match kind {
        BlockKind::Template { template, .. } => location.is_some_and(|(_, t)| t == *template),
        _ => true,
    }
}

/// The object of an id, as the state will have it.
async fn imported(
    project: &Project,
    scene: &Scene,
    address: &Address,
    id: &str,
) -> Result<(Object, Vec<Diagnostic>), Vec<Diagnostic>> {
    let refuse = |summary: &str, detail: String, help: &str| vec![Diagnostic::error(summary, detail).help(help)];
    if address.mode == Mode::Data {
        let detail = format!("{address} is a data source: it has no object that could be taken over.");
        return Err(refuse("Invalid address", detail, "Name a managed resource."));
    }
    if scene.state.objects.contains_key(&ObjectId::current(address.clone())) {
        let detail = format!("straddle is already managing an object for {address}.");
        return Err(refuse(
            "Resource already managed",
            detail,
            "To import to this address you must first remove the existing object from the state: straddle state rm",
        ));
    }
    let tree = project.tree();
    let mut problems = Vec::new();
    let blocks = Blocks::of(&tree, &project.spec, &scene.providers, &mut problems);
    let location = location_of(project, address);
    let block = blocks.all_at(address).iter().copied().find(|b| serves(&blocks.list[*b].kind, location));
    let block = block.map(|b| (b, &blocks.list[b]));
    let Some((number, block)) = block else {
        let detail = format!("resource address \"{}\" does not exist in the configuration.", address.without_key());
        return Err(refuse(
            &format!("resource address {:?} does not exist in the configuration.", address.to_string()),
            detail,
            "Before importing this resource, please create its configuration. A block without arguments will do.",
        ));
    };
    let Some((resource, _)) = block.resource() else { return Err(problems) };
    let env = project.env();
    let known = env.instance_at(&address.module).is_some_and(|instance| {
        let expansion = env.expand(instance, resource, &address.without_key());
        address.workload.is_some() || expansion.is_ok_and(|e| e.keys.contains_key(&address.key))
    });
    if !known {
        let detail = format!("The configuration makes no {address}.");
        return Err(refuse("Import target does not exist", detail, "Check count, for_each and the key."));
    }
    let of_location = location.and_then(|(at, _)| project.spec.locations[at].provider.as_ref());
    let provider = scene.providers.of_resource(&tree, block.module, resource, of_location);
    let Some(schema) = scene.providers.schema(block.module, resource) else { return Err(problems) };
    let question = Question {
        id: 0,
        provider: provider.clone(),
        type_name: resource.ty.text.clone(),
        meta: scene.providers.meta(address, &provider.source),
        ask: Ask::Import { by: ImportBy::Id(id.into()) },
    };
    let mut answers = scene.fleet.answer(vec![question]).await;
    let Some(answer) = answers.pop() else { return Err(problems) };
    let Some(Answered::Imported(Taken { state, private, identity, .. })) = answer.result else {
        return Err(answer.problems);
    };
    let unstored = |why: String| refuse("Object not stored", why, "");
    let text = json::encode(&state, schema.ty()).map_err(|e| unstored(e.to_string()))?;
    let attributes = Json::new(&text).map_err(|e| unstored(e.to_string()))?;
    let object = Object {
        private: private.into(),
        identity: scene.providers.identity(&provider.source, &address.ty, identity.as_ref()),
        sensitive: schema.block.sensitive_paths(&state).into_iter().map(|m| m.0).collect::<Vec<_>>().into(),
        dependencies: blocks.remembered_dependencies(number).into(),
        ..Object::new(provider, schema.version, attributes)
    };
    Ok((object, answer.problems))
}
