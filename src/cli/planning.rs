//! Making a plan in a directory: read, start providers, look, decide. `plan`, `apply`, `failover` and their kin begin here.

use super::args::PlanningArgs;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::fleet::{self, Fleet, Manner};
use crate::lang::address::{Address, AddressError, Mode};
use crate::lang::body::body_traversals;
use crate::lang::functions::FunctionContext;
use crate::lang::tree::Tree;
use crate::plan::blocks::Blocks;
use crate::plan::course;
use crate::plan::env::Env;
use crate::plan::left;
use crate::plan::make::{self, Failure, Input};
use crate::plan::model::{Action, Kind, Plan};
use crate::plan::observed::Observed;
use crate::plan::placement::{self, LocationFact};
use crate::plan::providers::Providers;
use crate::plan::target::{Only, Target};
use crate::plan::walk::Wishes;
use crate::plugin::ImportBy;
use crate::spread::model::{Health, HealthSource, Topology};
use crate::state::{Object, ObjectId, ProviderRef, State};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::codec::json;

/// Providers running and reality read.
pub struct Scene {
    pub providers: Providers,
    pub fleet: Fleet,
    /// The state with `moved` blocks carried out.
    pub state: State,
    pub moved: BTreeMap<Address, Address>,
    /// Replicas that import blocks name, by what they were found: the state above has them, the kept one not yet.
    pub taken: BTreeMap<Address, ImportBy>,
    pub observed: Observed,
    pub topology: Topology,
    /// What was found on the way and does not stop anything.
    pub warnings: Vec<Diagnostic>,
}

/// Starts what the project and the state need and reads everything. With problems nothing is left running.
pub async fn look(
    project: &Project,
    state: &State,
    refresh: bool,
    manner: impl Into<Manner>,
) -> Result<Scene, Vec<Diagnostic>> {
    look_at(project, state, refresh, manner.into(), false, &Apart::default()).await
}

/// As [`look`], with something left alone: it is lost, or stands elsewhere.
pub async fn look_apart(
    project: &Project,
    state: &State,
    manner: impl Into<Manner>,
    apart: &Apart,
) -> Result<Scene, Vec<Diagnostic>> {
    look_at(project, state, true, manner.into(), false, apart).await
}

/// What is left alone.
#[derive(Default)]
pub struct Apart {
    /// Locations that are lost, by name: nobody asks there, and nothing there is touched.
    pub lost: BTreeSet<String>,
    /// Stores of simulated clouds to use in the place of those the spec names.
    pub stores: BTreeMap<String, String>,
}

/// As [`look`], for commands that only tell: objects that could not be read are in what was observed and stop nothing.
pub async fn look_leniently(
    project: &Project,
    state: &State,
    manner: impl Into<Manner>,
) -> Result<Scene, Vec<Diagnostic>> {
    look_at(project, state, true, manner.into(), true, &Apart::default()).await
}

async fn look_at(
    project: &Project,
    state: &State,
    refresh: bool,
    manner: Manner,
    lenient: bool,
    apart: &Apart,
) -> Result<Scene, Vec<Diagnostic>> {
    let _span = super::trace::about("look at what is live", format!("{} objects", state.objects.len()));
    let tree = project.tree();
    let mut providers = Providers::of(&tree);
    let mut fleet =
        project.fleet(manner).map_err(|e| vec![Diagnostic::error("Providers cannot be started", format!("{e}."))])?;
    let mut problems: Vec<Diagnostic> = project.problems.iter().filter(|p| !p.is_error()).cloned().collect();
    let (mut moved_state, moved) = crate::plan::moved::apply(&tree, state, &mut problems);
    if problems.iter().any(Diagnostic::is_error) {
        // What else is wrong with the blocks is told at once.
        problems.extend(crate::plan::moved::still_there(&project.env()));
    }
    fleet.redirect(apart.stores.clone());
    let result =
        look_with(project, &mut moved_state, &moved, refresh, &mut providers, &mut fleet, &apart.lost, &mut problems)
            .await;
    if lenient && let Some((observed, ..)) = &result {
        let told: BTreeSet<String> =
            observed.objects.iter().filter(|(_, s)| s.is_unreadable()).map(|(id, _)| id.to_string()).collect();
        problems.retain(|p| p.address.as_ref().is_none_or(|a| !told.contains(a)));
    }
    match result {
        Some((observed, topology, taken)) if !problems.iter().any(Diagnostic::is_error) => {
            Ok(Scene { providers, fleet, state: moved_state, moved, taken, observed, topology, warnings: problems })
        }
        _ => {
            fleet.shutdown().await;
            Err(problems)
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "what a look needs, named once")]
async fn look_with(
    project: &Project,
    state: &mut State,
    moved: &BTreeMap<Address, Address>,
    refresh: bool,
    providers: &mut Providers,
    fleet: &mut Fleet,
    lost: &BTreeSet<String>,
    problems: &mut Vec<Diagnostic>,
) -> Option<(Observed, Topology, BTreeMap<Address, ImportBy>)> {
    let tree = project.tree();
    let mut sources = providers.needed(&tree, &project.spec);
    sources.extend(project.functional(providers));
    let retyped = |id: &ObjectId| moved.get(&id.address).is_some_and(|from| from.ty != id.address.ty);
    let kept = state.objects.iter().filter(|(id, _)| id.address.mode == Mode::Managed && !retyped(id));
    sources.extend(kept.map(|(_, o)| o.provider.source.to_string()));
    problems.extend(fleet.schemas(&sources, providers).await);
    // Nobody else has told what is offered.
    let _ = project.offered.set(fleet.functions());
    if problems.iter().any(Diagnostic::is_error) {
        return None;
    }
    fleet.adopt(state, moved, &tree, providers, problems).await;
    if problems.iter().any(Diagnostic::is_error) {
        return None;
    }
    problems.extend(fleet::homeless(state, &tree, providers));
    if problems.iter().any(Diagnostic::is_error) {
        return None;
    }
    let mut wanted = fleet::wanted(&tree, &project.spec, state, providers);
    let gone = fleet::only_for(&tree, &project.spec, providers, lost);
    wanted.retain(|reference| !gone.contains(reference));
    let env = project.env();
    seed(&env, state, providers);
    fleet.stand_in(&wanted, &project.stand_ins, providers);
    // Circles and names that lead nowhere are told when the plan is made.
    let blocks = Blocks::of(&env.tree, &project.spec, providers, &mut Vec::new());
    fleet.configure_in_turn(&wanted, &blocks, providers, &env, problems).await;
    if problems.iter().any(Diagnostic::is_error) {
        return None;
    }
    let taken = super::import::replicas(project, &env, &blocks, providers, fleet, state, problems).await;
    if problems.iter().any(Diagnostic::is_error) {
        return None;
    }
    let state = &*state;
    let left = left::left(&project.spec, state);
    problems.extend(left::forgotten(&left));
    let mut facts = fleet.locations(&tree, &project.spec, &left, providers).await;
    let (asked, untouched) = parted(state, &gone, lost);
    let mut observed = fleet.observe(&asked, providers, refresh, problems).await;
    observed.objects.extend(fleet.observe(&untouched, providers, false, problems).await.objects);
    fleet.leave(gone);
    for name in lost {
        let fact = LocationFact { health: Health::Down, source: HealthSource::Reported, capacity: None };
        facts.insert(name.clone(), fact);
    }
    fleet.observe_templates(&tree, &project.spec, &env, providers, &mut observed, problems).await;
    let around = Surroundings { tree: &tree, project, providers, lost };
    around.doubt_unreadable(&observed, &mut facts, problems);
    Box::pin(around.remember_data(fleet, state, &facts, &mut observed, problems)).await;
    super::evidence::gather(project, state, lost, &mut observed, &mut facts, problems).await;
    let boots = measured_boots(project, state);
    let mut topology = placement::topology(&project.spec, &facts, &boots, &left);
    problems.extend(course::by_time_alone(&project.spec));
    let short = placement::short(&project.spec, &project.env(), &topology, &observed, state);
    let sighted = course::Sighted { topology: &topology, evidence: &observed.evidence, lost, short: &short };
    observed.courses = course::courses(&project.spec, state, sighted, crate::state::now().0);
    course::correct(&observed.courses, &mut topology);
    observed.beside = super::ledger::beside(project, &state.lineage, &topology, problems);
    super::assume::believe(project, &mut topology, &mut observed, problems);
    for over in state.failovers.values().filter(|f| !f.to.is_empty()) {
        super::destination::hold_elsewhere(&mut topology, &over.to);
    }
    Some((observed, topology, taken))
}

/// The state's objects that are asked about, and those that are left alone: inside the loss, or known only to who stands there.
fn parted(state: &State, gone: &BTreeSet<ProviderRef>, lost: &BTreeSet<String>) -> (State, State) {
    let is_lost = |id: &ObjectId, object: &Object| {
        let location = crate::plan::sequence::replica(&id.address).map(|(_, key)| placement::split_key(key).0);
        location.is_some_and(|l| lost.contains(l)) || gone.contains(&object.provider)
    };
    let (mut asked, mut left) = (state.clone(), State::default());
    if !lost.is_empty() {
        left.objects =
            state.objects.iter().filter(|(id, o)| is_lost(id, o)).map(|(i, o)| (i.clone(), o.clone())).collect();
        asked.objects.retain(|id, object| !is_lost(id, object));
    }
    (asked, left)
}

/// Lets provider configurations refer to results of objects, as the state has them.
fn seed(env: &Env<'_>, state: &State, providers: &Providers) {
    let mut refers = false;
    for provider in env.tree.nodes.iter().flat_map(|n| &n.module.providers) {
        body_traversals(&provider.body, &mut |t| {
            refers |= !matches!(&*t.root.name, "var" | "path" | "terraform");
        });
    }
    if !refers {
        return;
    }
    for (address, object) in state.current() {
        let Some(schema) = providers.schema_of(&object.provider.source, address.mode, &address.ty) else { continue };
        if let Ok(value) = json::decode_dropping(object.attributes.as_str().as_bytes(), schema.ty()) {
            env.set_instance(address, value);
        }
    }
}

/// What tells how far an object that nobody can read stands in the way.
struct Surroundings<'s> {
    tree: &'s Tree<'s>,
    project: &'s Project,
    providers: &'s Providers,
    lost: &'s BTreeSet<String>,
}

impl Surroundings<'_> {
    /// Provider configurations that serve locations, none of which can be counted on now.
    fn silent(&self, facts: &BTreeMap<String, LocationFact>) -> BTreeSet<ProviderRef> {
        let well = |fact: &LocationFact| matches!(fact.health, Health::Healthy | Health::Degraded);
        let ill = facts.iter().filter(|(_, fact)| !well(fact)).map(|(name, _)| name.clone());
        let out: BTreeSet<String> = ill.chain(self.lost.iter().cloned()).collect();
        fleet::only_for(self.tree, &self.project.spec, self.providers, &out)
    }

    /// An object nobody can read: inside a location it makes the location unknown, so that nothing there is touched. One whose
    /// provider answers for nothing but what is lost is left as it is, or no loss could ever be answered. Anywhere else it is an
    /// error, since nothing sound can be planned around it.
    fn doubt_unreadable(
        &self,
        observed: &Observed,
        facts: &mut BTreeMap<String, LocationFact>,
        problems: &mut Vec<Diagnostic>,
    ) {
        use crate::plan::observed::Reality;
        let mut elsewhere = Vec::new();
        for (id, seen) in &observed.objects {
            let Reality::Unreadable(reasons) = &seen.reality else { continue };
            let location = crate::plan::sequence::replica(&id.address).map(|(_, key)| placement::split_key(key).0);
            match location.and_then(|l| facts.get_mut(l)) {
                Some(fact) if matches!(fact.health, Health::Healthy | Health::Degraded) => {
                    fact.health = Health::Unknown;
                    fact.source = HealthSource::Reported;
                    problems.extend(reasons.iter().take(1).cloned().map(as_warning));
                }
                Some(_) => {}
                None => elsewhere.push((id, &seen.provider, reasons)),
            }
        }
        if elsewhere.is_empty() {
            return;
        }
        let silent = self.silent(facts);
        for (id, provider, reasons) in elsewhere {
            match silent.contains(provider) {
                true => problems.push(left_as_it_is(id, reasons)),
                false => problems.extend(reasons.iter().cloned()),
            }
        }
    }

    /// What data sources last said, where their provider answers for nothing but what is lost: should it be silent, that is used.
    async fn remember_data(
        &self,
        fleet: &Fleet,
        state: &State,
        facts: &BTreeMap<String, LocationFact>,
        observed: &mut Observed,
        problems: &mut Vec<Diagnostic>,
    ) {
        let data = || state.objects.iter().filter(|(id, _)| id.address.mode == Mode::Data && id.deposed.is_none());
        if data().next().is_none() {
            return;
        }
        let silent = self.silent(facts);
        let theirs = data().filter(|(_, object)| silent.contains(&object.provider));
        let known = theirs.map(|(id, object)| (id.clone(), object.clone())).collect();
        let read = fleet.read(known, self.providers, false, problems).await;
        observed.remembered = read.objects.into_iter().map(|(id, seen)| (id.address, seen.state)).collect();
    }
}

fn as_warning(problem: Diagnostic) -> Diagnostic {
    Diagnostic { severity: crate::diag::Severity::Warning, ..problem }
}

fn left_as_it_is(id: &ObjectId, reasons: &[Diagnostic]) -> Diagnostic {
    let why = reasons.first().map_or(String::new(), |r| format!(" ({})", r.detail.trim_end_matches('.')));
    let mut said = Diagnostic::warning(
        "Left as it is",
        format!(
            "{id} could not be read{why}, and its provider answers for nothing outside of what is lost. It counts as the state has it, and nothing about it is changed."
        ),
    )
    .help("Once its provider answers again, the next plan brings it in line with the spec.");
    said.address = Some(id.to_string());
    said
}

fn measured_boots(project: &Project, state: &State) -> BTreeMap<String, u64> {
    let mut boots = BTreeMap::new();
    for workload in &project.spec.workloads {
        for place in &workload.rules.places {
            let location = &project.spec.topology.locations[place.location].name;
            if let Some((boot, _)) = state.boot(&workload.rules.name, location) {
                let seconds = boot.slowest_ms.div_ceil(1000);
                boots.entry(location.clone()).and_modify(|s: &mut u64| *s = (*s).max(seconds)).or_insert(seconds);
            }
        }
    }
    boots
}

/// Makes the plan.
pub async fn make(project: &Project, scene: &Scene, kind: Kind, args: &PlanningArgs) -> Result<Plan, Failure> {
    let _span = super::trace::span("plan");
    let mut wishes = wishes(project, scene, args).map_err(Failure::Problems)?;
    if kind == Kind::Failback {
        wishes.to.clear();
    }
    let said = warnings(&wishes, scene);
    // Who ends or only reads takes nothing over.
    let untaken = matches!(kind, Kind::Destroy | Kind::RefreshOnly).then(|| without(scene)).flatten();
    let (state, observed) = untaken.as_ref().map_or((&scene.state, &scene.observed), |(s, o)| (s, o));
    let input = Input {
        config: &project.config,
        spec: &project.spec,
        sources: &project.sources,
        variables: &project.variables,
        functions: FunctionContext { plan_time: Some(whole_second(jiff::Timestamp::now())), ..project.functions() },
        directory: ".",
        state,
        providers: &scene.providers,
        observed,
        topology: &scene.topology,
        kind,
        workspace: super::workspace::current(),
        wishes,
        moved: scene.moved.clone(),
        taken: scene.taken.clone(),
        rehearsed: super::runbook::rehearsed(&project.spec, &scene.state),
    };
    let made = make::make(&input, &async |questions| scene.fleet.answer(questions).await).await;
    let closed = scene.fleet.close_passing().await;
    let mut plan = made?;
    if closed.iter().any(Diagnostic::is_error) {
        return Err(Failure::Problems(closed));
    }
    plan.warnings.extend(said);
    plan.warnings.extend(forgetting(&plan));
    plan.warnings.extend(closed);
    Ok(plan)
}

/// That objects will live on with nobody to manage them.
fn forgetting(plan: &Plan) -> Option<Diagnostic> {
    let forgotten = plan.changes.iter().filter(|c| c.action == Action::Forget);
    let list: String = forgotten.map(|c| format!("\n - {}", c.address)).collect();
    let detail = format!(
        "If you apply this plan, straddle will discard its tracking information for the following objects, but it will not delete \
         them:{list}\n\nAfter applying this plan, straddle will no longer manage these objects. You will need to import them to manage \
         them again."
    );
    (!list.is_empty()).then(|| Diagnostic::warning("Some objects will no longer be managed by Terraform", detail))
}

/// What is known without the replicas that import blocks name. `None`: there are none.
fn without(scene: &Scene) -> Option<(State, Observed)> {
    if scene.taken.is_empty() {
        return None;
    }
    let (mut state, mut observed) = (scene.state.clone(), scene.observed.clone());
    state.objects.retain(|id, _| !scene.taken.contains_key(&id.address));
    observed.objects.retain(|id, _| !scene.taken.contains_key(&id.address));
    Some((state, observed))
}

/// A moment as Terraform writes moments.
fn whole_second(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// What is to be said of wishes that may not mean what they seem to.
fn warnings(wishes: &Wishes, scene: &Scene) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    if wishes.only.is_some() {
        said.push(
            Diagnostic::warning(
                "Resource targeting is in effect",
                "Only what -target names and what it needs is planned; everything else the spec asks for is left as it is.",
            )
            .help("Plan again without -target before you rely on the whole."),
        );
    }
    for address in &wishes.replace {
        let instances: Vec<String> = match address.key {
            Some(_) => Vec::new(),
            None => {
                let ids = scene.state.objects.keys().filter(|id| id.deposed.is_none() && id.address != *address);
                ids.filter(|id| id.address.without_key() == *address).map(|id| id.address.to_string()).collect()
            }
        };
        if !instances.is_empty() {
            let options: String = instances.iter().map(|one| format!("\n  -replace={one:?}")).collect();
            let detail = format!(
                "Your force-replace request for {address} doesn't match any resource instances because it lacks an instance key.\n\nTo \
                 force replacement of particular instances, use one or more of the following options instead:{options}"
            );
            said.push(Diagnostic::warning("Incompletely-matched force-replace resource instance", detail));
            continue;
        }
        if !scene.state.objects.contains_key(&ObjectId::current(address.clone())) {
            said.push(
                Diagnostic::warning(
                    "Nothing to replace",
                    format!("-replace names {address}, and the state has no such object."),
                )
                .help("`straddle state list` shows the addresses there are."),
            );
        }
    }
    said
}

/// What `-replace` names, in words.
const REPLACE: &str = "force-replace address";

/// The word at the beginning of an address that stands for something else than a type.
fn reserved(text: &str) -> Option<&str> {
    let word = text.split('.').next()?;
    ["count", "each", "local", "path", "self", "template", "terraform", "var", "lazy", "arg"]
        .contains(&word)
        .then_some(word)
}

/// `-target` and `-replace`.
fn wishes(project: &Project, scene: &Scene, args: &PlanningArgs) -> Result<Wishes, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut wrong = |text: &str, what: &str, why: String| {
        problems.push(
            Diagnostic::error(format!("Invalid {what} {text:?}"), why)
                .help("For example: sim_load_balancer.front or workload.web.sim_instance.server[\"seoul-a/0\"]"),
        );
    };
    let mut replace = BTreeSet::new();
    for text in &args.replace {
        match text.parse::<Address>() {
            Ok(address) if address.mode == Mode::Data => {
                wrong(text, REPLACE, "Only managed resources can be used with the -replace=... option.".into());
            }
            Ok(address) => drop(replace.insert(address)),
            Err(AddressError::ModuleOnly) => {
                let why = "A resource instance address is required here. The module path must be followed by a resource instance \
                           specification.";
                wrong(text, REPLACE, why.into());
            }
            Err(error) => wrong(text, REPLACE, format!("\"{text}\": {error}.")),
        }
    }
    let mut targets = Vec::new();
    for text in &args.target {
        match text.parse::<Target>() {
            Ok(_) if reserved(text).is_some() => {
                let why = format!(
                    "The keyword {:?} is reserved and cannot be used to target a resource address. If you are targeting a resource type \
                     that uses a reserved keyword, please prefix your address with \"resource.\".",
                    reserved(text).unwrap_or_default()
                );
                wrong(text, "target", why);
            }
            Ok(target) => targets.push(target),
            Err(error) => wrong(text, "target", format!("\"{text}\": {error}.")),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let only = (!targets.is_empty()).then(|| {
        let blocks = Blocks::of(&project.tree(), &project.spec, &scene.providers, &mut Vec::new());
        Only::of(&blocks, targets)
    });
    let in_force = scene.state.failovers.values().flat_map(|f| f.to.iter().cloned());
    let to = in_force.chain(args.to.iter().cloned()).collect();
    Ok(Wishes { replace, only, told: args.told, to, forced: args.forced, avoid: args.avoid.clone() })
}

/// What kind of plan the flags ask for.
pub fn kind(args: &PlanningArgs) -> Kind {
    match (args.destroy, args.refresh_only, args.repair) {
        (true, _, _) => Kind::Destroy,
        (_, true, _) => Kind::RefreshOnly,
        (_, _, true) => Kind::Repair,
        _ => Kind::Normal,
    }
}
