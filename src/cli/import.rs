//! `import`: an object that exists comes under an address of the configuration.

use super::Exit;
use super::apply;
use super::args::ImportArgs;
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::fleet::Fleet;
use crate::lang::address::{Address, Mode};
use crate::lang::module::Import;
use crate::lang::tree::Tree;
use crate::plan::blocks::{BlockKind, Blocks};
use crate::plan::env::Env;
use crate::plan::import::pairs;
use crate::plan::placement;
use crate::plan::providers::Providers;
use crate::plan::questions::{Answered, Ask, Question, Taken};
use crate::plan::sequence::replica;
use crate::plan::traverse::config_address;
use crate::plugin::ImportBy;
use crate::state::{
    Entry, How, Json, LockRequest, Object, ObjectId, ProviderRef, RunBegin, RunEnd, RunOutcome, State, Store, now,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::schema::Prepared as Schema;
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
    let target = Target::of(project, &tree, &scene.providers, &blocks, number, address);
    let Some(target) = target else { return Err(problems) };
    let question = target.question(0, ImportBy::Id(id.into()), &scene.providers);
    let mut answers = scene.fleet.answer(vec![question]).await;
    let Some(answer) = answers.pop() else { return Err(problems) };
    let Some(Answered::Imported(taken)) = answer.result else {
        return Err(answer.problems);
    };
    let object = target.object(taken, &scene.providers, &blocks).map_err(|problem| vec![*problem])?;
    Ok((object, answer.problems))
}

/// What takes an object over.
struct Target<'a> {
    address: &'a Address,
    /// The block that makes it.
    number: usize,
    provider: ProviderRef,
    schema: Schema,
}

impl<'a> Target<'a> {
    fn of(
        project: &Project,
        tree: &Tree<'_>,
        providers: &Providers,
        blocks: &Blocks<'_>,
        number: usize,
        address: &'a Address,
    ) -> Option<Target<'a>> {
        let block = &blocks.list[number];
        let (resource, _) = block.resource()?;
        let of_location =
            location_of(project, address).and_then(|(at, _)| project.spec.locations[at].provider.as_ref());
        let provider = providers.of_resource(tree, block.module, resource, of_location);
        let schema = providers.schema(block.module, resource)?;
        Some(Target { address, number, provider, schema })
    }

    fn question(&self, id: u32, by: ImportBy, providers: &Providers) -> Question {
        Question {
            id,
            provider: self.provider.clone(),
            type_name: self.address.ty.clone(),
            meta: providers.meta(self.address, &self.provider.source),
            ask: Ask::Import { by },
        }
    }

    fn object(&self, taken: Taken, providers: &Providers, blocks: &Blocks<'_>) -> Result<Object, Box<Diagnostic>> {
        let unstored = |why: String| Box::new(Diagnostic::error("Object not stored", why));
        let text = json::encode(&taken.state, self.schema.ty()).map_err(|e| unstored(e.to_string()))?;
        let attributes = Json::new(&text).map_err(|e| unstored(e.to_string()))?;
        let sensitive: Vec<_> = self.schema.block.sensitive_paths(&taken.state).into_iter().map(|m| m.0).collect();
        Ok(Object {
            private: taken.private.into(),
            identity: providers.identity(&self.provider.source, &self.address.ty, taken.identity.as_ref()),
            sensitive: sensitive.into(),
            dependencies: blocks.remembered_dependencies(self.number).into(),
            ..Object::new(self.provider.clone(), self.schema.version, attributes)
        })
    }
}

/// Replicas that `import` blocks name and the state does not have: they are taken into it before anything is placed, so that what exists
/// counts. Returns by what each was found. The plan that is made with them notes them when it is carried out.
pub async fn replicas(
    project: &Project,
    env: &Env<'_>,
    blocks: &Blocks<'_>,
    providers: &Providers,
    fleet: &Fleet,
    state: &mut State,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<Address, ImportBy> {
    let named: Vec<(Address, ImportBy)> = named(project, env, providers, state, problems);
    let mut targets = Vec::new();
    for (address, _) in &named {
        let location = location_of(project, address);
        let block = blocks.all_at(address).iter().copied().find(|b| serves(&blocks.list[*b].kind, location));
        let target = block
            .filter(|_| location.is_some())
            .and_then(|number| Target::of(project, &env.tree, providers, blocks, number, address));
        match target {
            Some(target) => targets.push(target),
            None => problems.push(crate::plan::import::unmade(address).help(
                "A replica is named by its location and its number in it: workload.web.aws_instance.server[\"aws-a/0\"]",
            )),
        }
    }
    if problems.iter().any(Diagnostic::is_error) || targets.is_empty() {
        return BTreeMap::new();
    }
    let questions =
        targets.iter().zip(&named).zip(0..).map(|((target, (_, by)), id)| target.question(id, by.clone(), providers));
    let mut found = BTreeMap::new();
    for answer in fleet.answer(questions.collect()).await {
        let (target, (address, by)) = (&targets[answer.id as usize], &named[answer.id as usize]);
        problems.extend(answer.problems);
        let Some(Answered::Imported(mut taken)) = answer.result else { continue };
        let by = match (by, taken.identity.take()) {
            (ImportBy::Identity(_), Some(whole)) => {
                taken.identity = Some(whole.clone());
                ImportBy::Identity(whole)
            }
            (by, identity) => {
                taken.identity = identity;
                by.clone()
            }
        };
        match target.object(taken, providers, blocks) {
            Ok(object) => {
                state.objects.insert(ObjectId::current(address.clone()), Arc::new(object));
                found.insert(address.clone(), by);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    found
}

/// The replicas that import blocks name and nobody has taken over yet.
fn named(
    project: &Project,
    env: &Env<'_>,
    providers: &Providers,
    state: &State,
    problems: &mut Vec<Diagnostic>,
) -> Vec<(Address, ImportBy)> {
    let mut named: BTreeMap<Address, ImportBy> = BTreeMap::new();
    let of_replica = |import: &&Import| config_address(&import.to).is_some_and(|a| a.workload.is_some());
    for import in project.config.module.imports.iter().filter(of_replica) {
        match pairs(import, env, providers) {
            Ok(list) => {
                for (address, by) in list {
                    let taken = state.objects.contains_key(&ObjectId::current(address.clone()));
                    if !taken && named.insert(address.clone(), by).is_some() {
                        let detail = format!("{address} is named by more than one import block.");
                        problems.push(Diagnostic::error("Duplicate import configuration", detail).at(&import.span));
                    }
                }
            }
            Err(found) => problems.extend(found),
        }
    }
    named.into_iter().collect()
}
