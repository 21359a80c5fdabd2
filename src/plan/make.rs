//! Making a plan: place, walk, order, sequence. Pure: what only providers know comes through `ask`.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

mod dependencies;
mod guards;
mod outputs;

use super::blocks::{BlockKind, Blocks};
use super::env::{Env, WorkloadCounts};
use super::instances::prevented;
use super::model::{Action, Change, DataRead, Drift, Kind, Plan, PutOff, Reason, Unreadable, WorkloadPlan};
use super::observed::{Observed, Reality, Seen};
use super::placement::{self, Placements, Standing};
use super::providers::Providers;
use super::questions::{Answer, Answered, Ask, Planned, Question};
use super::relevant::contributions;
use super::revisions;
use super::sequence::{StepReplicas, Steps, replica, sequence};
use super::target::Only;
use super::walk::{Walk, Wishes};
use crate::diag::{Diagnostic, Sources};
use crate::lang::address::{Address, Mode};
use crate::lang::functions::FunctionContext;
use crate::lang::load::Config;
use crate::lang::tree::Tree;
use crate::plugin::ImportBy;
use crate::promise::model::Survival;
use crate::spec::Spec;
use crate::spread::Question as SpreadQuestion;
use crate::spread::decision::{Decision, Refusal, Step};
use crate::spread::model::{Event, Location, Mode as SpreadMode, Template as TemplateKind, Topology};
use crate::spread::simulate::as_it_stands;
use crate::state::{Loss, ObjectId, State};
use guards::kept;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use straddle_sdk::value::{Str, Type, Value, same};

/// Everything a plan is made from.
pub struct Input<'a> {
    pub config: &'a Config,
    pub spec: &'a Spec,
    pub sources: &'a Sources,
    pub variables: &'a BTreeMap<Str, Value>,
    pub functions: FunctionContext<'a>,
    pub directory: &'a str,
    pub state: &'a State,
    pub providers: &'a Providers,
    pub observed: &'a Observed,
    pub topology: &'a Topology,
    pub kind: Kind,
    /// The name of the workspace.
    pub workspace: String,
    pub wishes: Wishes,
    /// Address before a `moved` block, by address now.
    pub moved: BTreeMap<Address, Address>,
    /// Replicas that import blocks name, by what they were found: they are among what was observed, and the state that is kept has them not.
    pub taken: BTreeMap<Address, ImportBy>,
    /// The day of the last rehearsal that a site was there for, by location.
    pub rehearsed: BTreeMap<String, i64>,
}

impl Input<'_> {
    /// When the plan was made, where that is a part of the configuration: otherwise equal plans have equal bytes.
    fn plan_time(&self) -> Option<String> {
        let named = self.sources.files.iter().any(|source| source.text.contains("plantimestamp"));
        self.functions.plan_time.filter(|_| named).map(|time| time.to_string())
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub enum Failure {
    /// Mistakes in the spec, or providers that refused.
    Problems(Vec<Diagnostic>),
    /// The spread engine found no placement or no order.
    Refused {
        workload: Str,
        /// Its rules as the engine had them: with the places the spec no longer offers.
        rules: Box<crate::spread::model::Workload>,
        refusal: Box<Refusal>,
        problems: Vec<Diagnostic>,
    },
}

/// Makes the plan. `ask` gets the questions of a round and brings their answers, in any order.
pub async fn make(input: &Input<'_>, ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>) -> Result<Plan, Failure> {
    Maker::new(input)?.make(ask).await
}

struct Maker<'i, 'a> {
    input: &'i Input<'a>,
    env: Env<'a>,
    blocks: Blocks<'a>,
    deferred: Vec<PutOff>,
    data: Vec<DataRead>,
    problems: Vec<Diagnostic>,
}

impl<'i, 'a> Maker<'i, 'a> {
    fn new(input: &'i Input<'a>) -> Result<Maker<'i, 'a>, Failure> {
        let tree = Tree::of(input.config, input.directory);
        let mut problems = Vec::new();
        let blocks = Blocks::of(&tree, input.spec, input.providers, &mut problems);
        input.providers.check(&tree, input.spec, &mut problems);
        problems.extend(input.providers.meta_problems.iter().cloned());
        let mut env = Env::new(tree, input.spec, input.variables, input.functions, input.sources);
        env.workspace = input.workspace.clone();
        if matches!(input.kind, Kind::Normal | Kind::Repair) {
            problems.extend(super::import::undeclared(&env, &blocks));
            problems.extend(super::moved::still_there(&env));
            problems.extend(super::removed::still_there(&env));
        }
        if problems.iter().any(Diagnostic::is_error) {
            return Err(Failure::Problems(problems));
        }
        Ok(Maker { input, env, blocks, deferred: Vec::new(), data: Vec::new(), problems })
    }

    async fn make(mut self, ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>) -> Result<Plan, Failure> {
        let mut standing = placement::standing(
            self.input.spec,
            &self.env,
            self.input.topology,
            self.input.observed,
            self.input.state,
            &mut self.problems,
        );
        self.fail_on_errors()?;
        if self.input.wishes.forced {
            standing.iter_mut().for_each(Standing::pass_over_floors);
        }
        standing.iter_mut().for_each(|one| one.avoid(&self.input.wishes.avoid));
        let decisions = self.decide(&standing)?;
        super::survival::promote(&mut standing, &decisions, self.input.state, &self.input.wishes.to);
        let placements = self.place(&standing, &decisions);
        if self.input.kind == Kind::Destroy {
            self.data = self.remembered_data();
        }
        let mut changes = if matches!(self.input.kind, Kind::Destroy | Kind::RefreshOnly) {
            Vec::new()
        } else {
            self.walk(&placements, &self.input.wishes, ask).await?
        };
        if self.input.kind == Kind::RefreshOnly {
            // Nothing is changed, but what data sources say now is a part of what outputs are.
            self.leave_unmade();
            if let Some(data) = Only::data_sources(&self.blocks) {
                let wishes = Wishes { only: Some(data), ..Wishes::default() };
                self.walk(&placements, &wishes, ask).await?;
            }
            self.keep_everything(&mut changes);
            for change in changes.iter().filter(|c| !c.after.is_null()) {
                self.env.set_instance(&change.address, change.after.clone());
            }
            return self.finish(changes, standing, decisions, Vec::new(), Vec::new());
        }
        self.orphans(&mut changes, &placements, ask).await?;
        self.refuse_taking_to_remove(&changes)?;
        revisions::mark(&mut standing, &changes);
        let decisions = self.decide(&standing)?;
        self.spares(&mut changes, &standing, &decisions, ask).await?;
        self.restrict(&mut changes, &standing, &decisions);
        self.refuse_group_replacements(&changes, &standing)?;
        let ended = self.ended(&changes);
        self.problems.extend(ended);
        let staying = self.staying(&changes);
        self.problems.extend(staying);
        changes.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
        let steps = self.order(&mut changes, &standing, &decisions);
        changes
            .iter_mut()
            .filter(|c| c.action.is_replace())
            .for_each(|change| dependencies::remember(self.input.state, change));
        let ops = sequence(&changes, &steps).map_err(|cycle| {
            Failure::Problems(vec![
                Diagnostic::error("Cycle", format!("{cycle}."))
                    .help("Something the replicas need follows their counts. Let it take its first value from a constant, or take it out of what replicas refer to."),
            ])
        })?;
        let replicas = self
            .input
            .spec
            .workloads
            .iter()
            .map(|w| steps.workloads.get(&*w.rules.name).cloned().unwrap_or_default())
            .collect();
        self.finish(changes, standing, decisions, replicas, ops)
    }

    fn fail_on_errors(&mut self) -> Result<(), Failure> {
        if self.problems.iter().any(Diagnostic::is_error) {
            return Err(Failure::Problems(std::mem::take(&mut self.problems)));
        }
        Ok(())
    }

    /// Asks the spread engine about every workload; they share the room there is.
    fn decide(&mut self, standing: &[Standing]) -> Result<Vec<Decision>, Failure> {
        let modes: Vec<SpreadMode> = standing.iter().map(|one| self.mode(&one.name)).collect();
        let questions: Vec<SpreadQuestion<'_>> = standing
            .iter()
            .zip(&modes)
            .map(|(one, mode)| {
                let stays = self.is_untargeted(&one.name);
                SpreadQuestion { workload: &one.rules, live: &one.live, mode, stays }
            })
            .collect();
        // Other states want room after a loss as well; what becomes of them is not this plan's to say.
        let mut beside = self.input.observed.beside.clone();
        if !beside.is_empty() {
            super::ledger::crowd(&mut standing.to_vec(), &mut beside, self.input.topology);
        }
        let normal = SpreadMode::normal();
        let theirs = beside.iter().map(|one| one.question(&normal));
        let questions: Vec<SpreadQuestion<'_>> = questions.into_iter().chain(theirs).collect();
        let answers = crate::spread::decide_all(self.input.topology, &questions);
        let mut decisions = Vec::new();
        for ((one, mode), answer) in standing.iter().zip(&modes).zip(answers) {
            let answer = match answer {
                // A refresh moves nothing: that no target can be reached does not concern it.
                Err(_) if self.input.kind == Kind::RefreshOnly => {
                    as_it_stands(self.input.topology, &one.rules, &one.live, mode)
                }
                answer => answer,
            };
            match answer {
                Ok(decision) => decisions.push(decision),
                Err(refusal) => {
                    return Err(Failure::Refused {
                        workload: one.name.clone(),
                        rules: Box::new(one.rules.clone()),
                        refusal: Box::new(refusal),
                        problems: std::mem::take(&mut self.problems),
                    });
                }
            }
        }
        Ok(decisions)
    }

    fn mode(&self, workload: &str) -> SpreadMode {
        match &self.input.kind {
            Kind::Normal | Kind::RefreshOnly => normal_mode(self.input.spec, self.input.state, workload),
            Kind::Destroy => SpreadMode::Destroy,
            Kind::Repair => SpreadMode::Repair,
            Kind::Failover { lost } => {
                SpreadMode::Failover { lost: lost.iter().filter_map(|n| self.input.spec.event(n)).collect() }
            }
            Kind::Failback => {
                let (spec, topology) = (self.input.spec, self.input.topology);
                let still = self.input.state.failovers.keys().filter(|loss| !is_back(spec, topology, loss));
                SpreadMode::Failback { lost: still.flat_map(|l| &l.0).filter_map(|name| spec.event(name)).collect() }
            }
        }
    }

    /// Names the replicas and tells the env how many there will be.
    fn place(&self, standing: &[Standing], decisions: &[Decision]) -> Placements {
        placement::clear_templates(&self.env, self.input.spec);
        let locations = self.input.spec.locations.iter().map(|l| l.value.clone()).collect();
        let mut placements = Placements { workloads: Vec::new(), locations };
        for (one, decision) in standing.iter().zip(decisions) {
            placements.workloads.push(placement::placed(one, self.input.topology, decision));
            self.env
                .set_workload(one.name.clone(), WorkloadCounts::of(self.input.topology, &one.rules, &decision.after));
        }
        placements
    }

    async fn walk(
        &mut self,
        placements: &Placements,
        wishes: &Wishes,
        ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>,
    ) -> Result<Vec<Change>, Failure> {
        let walk = Walk::new(&self.env, &self.blocks, self.input.providers, self.input.observed, placements, wishes);
        let mut walk = walk.finish(ask).await;
        let (changes, problems) = (std::mem::take(&mut walk.changes), std::mem::take(&mut walk.problems));
        self.data = std::mem::take(&mut walk.data);
        self.data.sort_by(|a, b| a.address.cmp(&b.address));
        self.deferred = std::mem::take(&mut walk.deferred);
        self.deferred.sort_by(|a, b| a.change.address.cmp(&b.change.address));
        self.problems.extend(problems);
        self.fail_on_errors()?;
        Ok(changes)
    }

    /// Objects of the replicas that stand in while others are updated in place: they come and go inside the plan, so nothing else
    /// of it ever sees them.
    async fn spares(
        &mut self,
        changes: &mut Vec<Change>,
        standing: &[Standing],
        decisions: &[Decision],
        ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>,
    ) -> Result<(), Failure> {
        let locations = self.input.spec.locations.iter().map(|l| l.value.clone()).collect();
        let workloads: Vec<_> =
            standing.iter().zip(decisions).map(|(one, d)| placement::spares(one, self.input.topology, d)).collect();
        if workloads.iter().all(|w| w.replicas.is_empty()) {
            return Ok(());
        }
        let placements = Placements { workloads, locations };
        let wishes = Wishes::default();
        let known = changes.len();
        let walk = Walk::new(&self.env, &self.blocks, self.input.providers, self.input.observed, &placements, &wishes)
            .only_templates(std::mem::take(changes));
        let walked = walk.finish(ask).await;
        let (problems, made) = (walked.problems, walked.changes);
        self.problems.extend(problems);
        self.fail_on_errors()?;
        *changes = made;
        for change in &mut changes[known..] {
            self.env.remove_instance(&change.address);
            if change.action == Action::Create {
                (change.action, change.reason) = (Action::Spare, Some(Reason::SpareForUpdate));
            }
        }
        Ok(())
    }

    /// A refresh changes nothing but the state.
    fn keep_everything(&self, changes: &mut Vec<Change>) {
        for (id, seen) in &self.input.observed.objects {
            if id.deposed.is_none() && seen.current().is_some() {
                changes.push(Change { aside: true, ..kept(id, seen, &self.blocks) });
            }
        }
        changes.sort_by(|a, b| a.address.cmp(&b.address));
    }

    /// Objects of the state that the spec no longer has: deleted, unless their place may not be touched.
    async fn orphans(
        &mut self,
        changes: &mut Vec<Change>,
        placements: &Placements,
        ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>,
    ) -> Result<(), Failure> {
        let planned: BTreeSet<Address> = changes.iter().map(|c| c.address.clone()).collect();
        let targeted = self.targeted_deletions();
        let partly = targeted.as_ref().map(|all| self.parts_of_workloads(all));
        self.problems.extend(partly.into_iter().flatten());
        let mut gone: Vec<Change> = Vec::new();
        for (id, seen) in &self.input.observed.objects {
            if seen.current().is_none() || id.address.mode == Mode::Data {
                continue;
            }
            if id.deposed.is_none() && planned.contains(&id.address) {
                continue;
            }
            let stays = self.input.kind != Kind::Destroy
                && replica(&id.address).is_some_and(|(w, key)| placements.leaves_standing(w, key));
            let untouchable = stays || self.is_untouchable(&id.address);
            let left_out = targeted.as_ref().is_some_and(|all| !all.contains(&id.address));
            if untouchable || left_out || seen.is_unreadable() {
                gone.push(Change { aside: left_out, ..kept(id, seen, &self.blocks) });
            } else {
                let change = self.deletion(id, seen, placements);
                let written = self.blocks.find(&id.address).and_then(|b| self.blocks.list[b].resource());
                if let Some((resource, _)) = written.filter(|(r, _)| r.lifecycle.prevent_destroy)
                    && change.action == Action::Delete
                    && id.deposed.is_none()
                {
                    self.problems.push(prevented(resource, &id.address));
                }
                gone.push(change);
            }
        }
        self.fail_on_errors()?;
        self.keep_what_is_needed(&mut gone);
        self.plan_deletions(&mut gone, ask).await?;
        changes.extend(gone);
        Ok(())
    }

    fn is_untouchable(&self, address: &Address) -> bool {
        use crate::spread::model::Health;
        let Some((workload, key)) = replica(address) else { return false };
        let (location, _) = placement::split_key(key);
        let destroys = self.input.kind == Kind::Destroy;
        let frozen = |h: Health| match h {
            Health::Unknown | Health::ControlLost | Health::Down => true,
            Health::Suspect | Health::Probation => !destroys,
            _ => false,
        };
        let lost = match self.mode(workload) {
            SpreadMode::Failover { lost }
            | SpreadMode::Failback { lost }
            | SpreadMode::Normal { failed_over: lost, .. } => lost,
            _ => Vec::new(),
        };
        self.input.topology.locations.iter().any(|l| {
            l.name == location
                && (l.frozen || frozen(l.health) || lost.iter().any(|e| takes(self.input.topology, l, e)))
        })
    }

    fn deletion(&self, id: &ObjectId, seen: &Seen, placements: &Placements) -> Change {
        let block = self.blocks.find(&id.address).map(|b| &self.blocks.list[b]);
        let reason = match (&self.input.kind, replica(&id.address), block) {
            (Kind::Destroy, _, _) => None,
            (_, Some((workload, _)), Some(_)) if placements.workloads.iter().any(|w| w.name == *workload) => {
                Some(Reason::ReplicaRemoved)
            }
            (_, _, None) if self.input.moved.contains_key(&id.address) => Some(Reason::NoMoveTarget),
            (_, _, None) => Some(Reason::NoResourceConfig),
            (_, _, Some(_)) if self.env.instance_at(&id.address.module).is_none() => Some(Reason::NoModule),
            (_, _, Some(b)) => Some(guards::wrong_key(&id.address, b)),
        };
        let mut change = kept(id, seen, &self.blocks);
        let forgotten = self.input.kind != Kind::Destroy && super::removed::is_forgotten(&self.env.tree, &id.address);
        change.action = if forgotten { Action::Forget } else { Action::Delete };
        change.reason = if id.deposed.is_some() { None } else { reason };
        change.after = Value::null(change.before.ty());
        let orphan = self.input.kind != Kind::Destroy && id.deposed.is_none() && id.address.workload.is_none();
        change.remembered = (orphan && matches!(&seen.reality, Reality::Live(live) if !same(live, &seen.state)))
            .then(|| seen.state.clone().mark_at(&seen.marks()));
        change.after_identity = None;
        // What the state says it depends on is all there is to go by.
        if let Some(object) = self.input.state.objects.get(id) {
            change.dependencies = object.dependencies.to_vec();
        }
        change
    }

    /// Providers that want to be asked about deletions are.
    async fn plan_deletions(
        &mut self,
        gone: &mut [Change],
        ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>,
    ) -> Result<(), Failure> {
        let mut questions = Vec::new();
        for (i, change) in gone.iter().enumerate().filter(|(_, c)| c.action == Action::Delete) {
            let plans = self.input.providers.schemas.get(&*change.provider.source).is_some_and(|s| s.plan_destroy);
            if plans {
                let null = || Value::null(change.before.ty());
                questions.push(Question {
                    id: i as u32,
                    provider: change.provider.clone(),
                    type_name: change.address.ty.clone(),
                    meta: self.input.providers.meta(&change.address, &change.provider.source),
                    ask: Ask::Plan {
                        prior: change.before.unmarked(),
                        proposed: null(),
                        config: null(),
                        private: change.prior_private.clone(),
                        identity: change.before_identity.clone(),
                    },
                });
            }
        }
        if questions.is_empty() {
            return Ok(());
        }
        for answer in ask(questions).await {
            let Some(change) = gone.get_mut(answer.id as usize) else { continue };
            self.problems.extend(answer.problems);
            if let Some(Answered::Plan(Planned { deferred: Some(reason), .. })) = &answer.result {
                self.deferred.push(PutOff { reason: *reason, change: change.clone() });
                let staying = Change { action: Action::NoOp, reason: None, aside: true, ..change.clone() };
                let (after, after_identity) = (staying.before.clone(), staying.before_identity.clone());
                *change = Change { after, after_identity, ..staying };
                continue;
            }
            if let Some(Answered::Plan(planned)) = answer.result {
                (change.planned_private, change.after_identity) = (planned.private, planned.identity);
            }
        }
        self.fail_on_errors()
    }

    /// Steps as the sequencer wants them; sets the order of each replacement.
    fn order(&self, changes: &mut [Change], standing: &[Standing], decisions: &[Decision]) -> Steps {
        let mut steps = Steps::default();
        for (one, decision) in standing.iter().zip(decisions) {
            let list: Vec<StepReplicas> = decision.steps.iter().map(|s| self.step_replicas(one, s)).collect();
            if one.rules.rollout.drain_s > 0 {
                steps.drains.insert(one.name.clone());
            }
            if !list.is_empty() {
                steps.workloads.insert(one.name.clone(), list);
            }
            if !decision.follows.is_empty() {
                steps.follows.insert(one.name.clone(), decision.follows.iter().map(|f| Str::new(f)).collect());
            }
        }
        self.replacement_order(changes, &steps);
        // What goes follows nobody any more.
        let acts = |c: &Change| !matches!(c.action, Action::NoOp | Action::Delete | Action::Forget);
        for (i, change) in changes.iter().enumerate().filter(|(_, c)| acts(c)) {
            let block = self.blocks.find(&change.address).map(|b| &self.blocks.list[b]);
            let followed = block.and_then(|b| b.follows.iter().find(|w| steps.workloads.contains_key(*w)));
            if let Some(workload) = followed {
                steps.followers.insert(i as u32, workload.clone());
            }
        }
        steps
    }

    fn step_replicas(&self, one: &Standing, step: &Step) -> StepReplicas {
        let mut out = StepReplicas::default();
        let location = |place: usize| &self.input.topology.locations[one.rules.places[place].location].name;
        let groups: BTreeSet<Str> = step
            .adds
            .iter()
            .chain(&step.removes)
            .filter(|e| e.count > 0 && one.rules.places[e.place].template == TemplateKind::PerLocation)
            .map(|e| Str::new(location(e.place)))
            .collect();
        let keys = |entries: &[crate::spread::decision::StepEntry]| {
            let mut keys = Vec::new();
            for entry in entries {
                keys.extend(entry.slots.iter().map(|s| Str::from(format!("{}/{}", location(entry.place), s.slot))));
            }
            keys
        };
        out.adds = keys(&step.adds);
        out.updates = keys(&step.updates);
        out.removes = keys(&step.removes);
        // A group has no slots: it is waited for under the name of its location.
        let waited = step
            .waits
            .iter()
            .filter(|e| e.count > 0 && one.rules.places[e.place].template == TemplateKind::PerLocation);
        out.waits = keys(&step.waits);
        out.waits.extend(waited.map(|e| Str::new(location(e.place))));
        out.groups = groups.into_iter().collect();
        out
    }

    /// Within a replica the steps say which comes first; elsewhere `create_before_destroy`, which also holds for all that such a
    /// resource needs.
    fn replacement_order(&self, changes: &mut [Change], steps: &Steps) {
        let mut first: HashMap<(Str, Str), usize> = HashMap::new();
        let mut delete_first: BTreeSet<(Str, Str)> = BTreeSet::new();
        for (workload, list) in &steps.workloads {
            for (k, step) in list.iter().enumerate() {
                for key in &step.adds {
                    first.entry((workload.clone(), key.clone())).or_insert(k);
                }
            }
            for (k, step) in list.iter().enumerate() {
                for key in &step.removes {
                    let id = (workload.clone(), key.clone());
                    if first.get(&id).is_some_and(|add| k < *add) {
                        delete_first.insert(id);
                    }
                }
            }
        }
        let forced = self.create_first_blocks(changes);
        let renewed = self.renewed_in_place(changes);
        for (i, change) in changes.iter_mut().enumerate() {
            let create_first = match replica(&change.address) {
                Some((w, k)) => !delete_first.contains(&(w.clone(), k.clone())) && !renewed.contains(&i),
                None => self.blocks.find(&change.address).is_some_and(|b| forced.contains(&b)),
            };
            change.create_before_destroy = create_first && change.address.workload.is_none();
            if change.action.is_replace() {
                change.action = if create_first { Action::CreateDelete } else { Action::DeleteCreate };
            }
        }
    }

    /// The blocks of which a replacement is made before the old one goes.
    fn create_first_blocks(&self, changes: &[Change]) -> BTreeSet<usize> {
        let replaced: BTreeSet<Address> =
            changes.iter().filter(|c| c.action.is_replace()).map(|c| c.address.without_key()).collect();
        let mut pending: Vec<usize> = (0..self.blocks.list.len())
            .filter(|i| {
                let b = &self.blocks.list[*i];
                b.resource().is_some_and(|(resource, address)| {
                    resource.lifecycle.create_before_destroy == Some(true)
                        || (matches!(b.kind, BlockKind::Template { .. }) && replaced.contains(address))
                })
            })
            .collect();
        let mut forced = BTreeSet::new();
        while let Some(i) = pending.pop() {
            if forced.insert(i) {
                pending.extend(&self.blocks.list[i].needs);
            }
        }
        forced
    }

    fn finish(
        mut self,
        changes: Vec<Change>,
        standing: Vec<Standing>,
        decisions: Vec<Decision>,
        steps: Vec<Vec<StepReplicas>>,
        ops: Vec<super::model::Op>,
    ) -> Result<Plan, Failure> {
        let mut changes = changes;
        self.deferred.sort_by(|a, b| a.change.address.cmp(&b.change.address));
        let versioned = self.deferred.iter_mut().map(|put_off| &mut put_off.change);
        for change in changes.iter_mut().chain(versioned) {
            let schemas = self.input.providers.schemas.get(&*change.provider.source);
            let schema = schemas.and_then(|s| s.identities.get(&change.address.ty));
            change.identity_version = schema.map_or(0, |s| s.version);
            change.previous_address = self.input.moved.get(&change.address).cloned();
            if let Some(by) = self.input.taken.get(&change.address).filter(|_| change.deposed.is_none()) {
                change.importing = Some(by.clone());
            }
            // Ordering has asked for it already, where there is something to order.
            dependencies::remember(self.input.state, change);
        }
        let (outputs, left_outputs) = self.outputs();
        self.checks();
        self.fail_on_errors()?;
        let checked = self.checked();
        let mut relevant = Vec::new();
        if self.input.wishes.told {
            let whole = self.input.wishes.only.is_none();
            relevant = contributions(&self.env, &self.input.kind, &changes, &outputs, whole);
            self.depends_on(&mut changes);
        }
        let (drift, notes, unreadable) = self.drift();
        let mut steps = steps.into_iter();
        let mut promises = super::survival::parities(&self.input.spec.promises, &changes);
        super::survival::rehearsals(&mut promises, &self.input.rehearsed);
        let survival = super::survival::of_decisions(&promises, self.input.topology, &standing, &decisions);
        let left_out: BTreeSet<Str> =
            standing.iter().map(|one| one.name.clone()).filter(|name| self.is_untargeted(name)).collect();
        let survival = Survival { beyond_plan: !left_out.is_empty(), ..survival };
        let workloads = standing
            .into_iter()
            .zip(decisions)
            .map(|(one, decision)| {
                let steps = steps.next().unwrap_or_default();
                let (fingerprints, weakened) = super::survival::compared(self.input.spec, self.input.state, &one);
                (one.name, WorkloadPlan { rules: one.rules, decision, steps, weakened, fingerprints })
            })
            .filter(|(name, _): &(Str, WorkloadPlan)| !left_out.contains(name))
            .collect();
        Ok(Plan {
            kind: self.input.kind.clone(),
            partial: self.input.wishes.only.is_some() || !self.deferred.is_empty(),
            lineage: self.input.state.lineage.to_string(),
            serial: self.input.state.serial,
            sources: self.input.sources.clone(),
            variables: self.input.variables.clone(),
            topology: self.input.topology.clone(),
            workloads,
            changes,
            deferred: std::mem::take(&mut self.deferred),
            data: std::mem::take(&mut self.data),
            drift,
            notes,
            unreadable,
            assumed: self.input.observed.assumed.clone(),
            beside: super::ledger::totals(&self.input.observed.beside, self.input.topology),
            evidence: self.input.observed.evidence.clone(),
            courses: super::course::timeless(&self.input.observed.courses),
            outputs,
            ops,
            checked,
            configuration: None,
            relevant,
            left_outputs,
            given: Default::default(),
            time: self.input.plan_time(),
            warnings: std::mem::take(&mut self.problems),
            survival,
            origin: Default::default(),
        })
    }

    /// The objects that `-target` lets be deleted; of a destroy also what depends on them. `None`: all.
    fn targeted_deletions(&self) -> Option<BTreeSet<Address>> {
        let only = self.input.wishes.only.as_ref()?;
        let all = self.input.observed.objects.keys().map(|id| &id.address);
        let mut taken: BTreeSet<Address> = all
            .filter(|a| only.names(self.blocks.find(a).filter(|_| self.input.kind != Kind::Destroy), a))
            .cloned()
            .collect();
        if self.input.kind == Kind::Destroy {
            let mut dependents: HashMap<&Address, Vec<&Address>> = HashMap::new();
            for (id, object) in &self.input.state.objects {
                for dependency in object.dependencies.iter() {
                    dependents.entry(dependency).or_default().push(&id.address);
                }
            }
            let mut open: Vec<Address> = taken.iter().cloned().collect();
            while let Some(next) = open.pop() {
                let same = |a: &Address| a.workload.is_none() || a.workload != next.workload || a.key == next.key;
                for dependent in dependents.get(&next.config()).into_iter().flatten().filter(|a| same(a)) {
                    if taken.insert((*dependent).clone()) {
                        open.push((*dependent).clone());
                    }
                }
            }
        }
        Some(taken)
    }

    /// Drift, notes, and what could not be read.
    fn drift(&self) -> (Vec<Drift>, Vec<Drift>, Vec<Unreadable>) {
        let mut drift = Vec::new();
        let mut notes = Vec::new();
        let mut unreadable = Vec::new();
        for (id, seen) in self.input.observed.objects.iter().filter(|(id, _)| id.deposed.is_none()) {
            match &seen.reality {
                Reality::Live(live) if !same(live, &seen.state) => {
                    let list = if self.only_computed(id, seen, live) { &mut notes } else { &mut drift };
                    list.push(Drift {
                        address: id.address.clone(),
                        provider: seen.provider.clone(),
                        state: seen.state.clone(),
                        live: live.clone(),
                    });
                }
                Reality::Gone => drift.push(Drift {
                    address: id.address.clone(),
                    provider: seen.provider.clone(),
                    state: seen.state.clone(),
                    live: Value::null(Type::Dynamic),
                }),
                Reality::Unreadable(problems) => unreadable
                    .extend(problems.first().map(|p| Unreadable { address: id.address.clone(), problem: p.clone() })),
                _ => {}
            }
        }
        (drift, notes, unreadable)
    }

    /// Whether an object differs from the state in nothing but what the provider alone decides.
    fn only_computed(&self, id: &ObjectId, seen: &Seen, live: &Value) -> bool {
        let schema = self.input.providers.schema_of(&seen.provider.source, id.address.mode, &id.address.ty);
        let (Some(schema), Some(before), Some(after)) = (schema, seen.state.entries(), live.entries()) else {
            return false;
        };
        let computed =
            |name: &Str| schema.block.attributes.get(name).is_some_and(|a| a.computed && !a.optional && !a.required);
        before.len() == after.len() && before.iter().zip(after).all(|((n, b), (_, a))| same(b, a) || computed(n))
    }
}

/// What a plain plan asks of the engine: failovers in force keep what they displaced where it is.
pub fn normal_mode(spec: &Spec, state: &State, workload: &str) -> SpreadMode {
    let failed_over = state
        .failovers
        .iter()
        .filter(|(_, f)| f.workloads.is_empty() || f.workloads.contains_key(workload))
        .flat_map(|(loss, _)| &loss.0)
        .filter_map(|name| spec.event(name))
        .collect();
    SpreadMode::Normal { failed_over, remove_while_down: false }
}

/// Whether everything that a loss took is well again.
pub fn is_back(spec: &Spec, topology: &Topology, loss: &Loss) -> bool {
    use crate::spread::model::Health;
    let events: Vec<Event> = loss.0.iter().filter_map(|name| spec.event(name)).collect();
    let mut taken = topology.locations.iter().filter(|l| events.iter().any(|e| takes(topology, l, e)));
    taken.all(|l| matches!(l.health, Health::Healthy | Health::Degraded | Health::Returning))
}

/// Whether a loss takes a location: it stands in the domain, or needs the shared risk, directly or through others.
pub fn takes(topology: &Topology, location: &Location, loss: &Event) -> bool {
    match loss {
        Event::Domain { level, name } => {
            topology.levels.get(*level).and_then(|l| location.domains.get(l)).is_some_and(|domain| domain == name)
        }
        Event::Risk(risk) => {
            let mut pending = location.shares.clone();
            let mut seen = BTreeSet::new();
            while let Some(one) = pending.pop() {
                if one == *risk {
                    return true;
                }
                if seen.insert(one) {
                    pending.extend(topology.risks.get(one).map_or(&[][..], |r| &r.depends_on));
                }
            }
            false
        }
    }
}
