//! Carrying a plan out.
//!
//! | file | subject |
//! |---|---|
//! | `driver` | operations start, end, release others |
//! | `objects` | one object: its call, its answer, what the state remembers |
//! | `steps` | barriers of a workload's steps: check, wait |
//! | `data` | what data sources said, for the state |
//! | `readiness` | what must be open and configured before an operation starts |
//! | `provision` | commands that run beside a creation or a deletion |
//! | `check` | the rules of a step, judged again on what is read |
//! | `watch` | which replicas serve |
//! | `event` | what happens, as data |
//! | `recover` | what became of actions that a run before left open |
//! | `remember` | where locations stood, what templates were made of |

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

mod check;
pub mod data;
mod driver;
mod event;
mod objects;
mod provision;
mod readiness;
pub mod recover;
pub mod remember;
mod revert;
mod steps;
mod watch;

pub use event::{Event, Summary};

use crate::diag::Diagnostic;
use crate::fleet::Fleet;
use crate::lang::body::{PreparedBody, placed};
use crate::lang::eval::Scope;
use crate::lang::judge::validate_one;
use crate::lang::module::Resource;
use crate::lang::scope::Overlay;
use crate::plan::blocks::{Block, BlockKind, Blocks};
use crate::plan::conditions;
use crate::plan::env::{Env, WorkloadCounts, overlay};
use crate::plan::model::{Action, Change, Kind, OpKind, Plan, WorkloadPlan};
use crate::plan::placement::{self, Placements, Replica};
use crate::plan::providers::Providers;
use crate::plan::sequence::{StepReplicas, replica};
use crate::spread::decision::Role;
use crate::spread::model::{Rollout, Template as TemplateKind};
use crate::state::{Boot, Entry, Json, Note, NoteKey, ObjectId, State, StateError, Store, now};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Str, Type, Value};

/// Whether somebody wants it to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    No,
    /// Let what is out come back, start nothing more.
    Gently,
}

/// A request to stop, seen by everyone who looks.
#[derive(Debug, Default)]
pub struct StopFlag(AtomicU8);

impl StopFlag {
    /// Asks to stop.
    pub fn set(&self) {
        self.0.store(1, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn get(&self) -> Stop {
        if self.0.load(Ordering::SeqCst) == 0 { Stop::No } else { Stop::Gently }
    }
}

/// Where a copy of a state says which run of which runbook it is for.
pub fn runbook_run() -> NoteKey {
    NoteKey { kind: "runbook_run".into(), subject: String::new() }
}

/// What tokens of one carrying out begin with. Lineage and run alone would not do: a state that is put back from a copy counts its runs
/// again, and would ask for new objects with tokens that made others. A runbook works on a copy of the state by itself: its tokens say so.
fn attempt(state: &State) -> String {
    let run = state.notes.get(&runbook_run());
    let run = run.and_then(|note| serde_json::from_str::<RunbookRun>(note.value.as_str()).ok());
    let whose = match run {
        Some(run) => format!("{}{}", runbook_tokens(&state.lineage), run.id),
        None => state.lineage.to_string(),
    };
    format!("{whose}.{}", uuid::Uuid::new_v4().simple())
}

/// What tokens of every runbook of a state begin with.
pub fn runbook_tokens(lineage: &str) -> String {
    format!("{lineage}.runbook.")
}

/// A run of a runbook.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunbookRun {
    /// Tells it from all others.
    pub id: String,
    /// The runbook's name.
    pub name: String,
    /// What is lost.
    pub lose: BTreeSet<String>,
}

/// A plan being carried out, with all it needs.
pub struct Carrying<'a> {
    pub plan: &'a Plan,
    pub store: &'a Store,
    pub fleet: &'a Fleet,
    pub providers: &'a Providers,
    pub env: &'a Env<'a>,
    pub blocks: &'a Blocks<'a>,
    pub stop: &'a StopFlag,
    /// The run's number and the state's lineage: they name actions.
    pub run: u64,
    pub lineage: String,
    /// What tokens begin with that are given here, and nowhere else.
    attempt: String,
    watch: watch::Watch<'a>,
    placements: Placements,
    /// Replicas of each place after each step, by workload in the plan's order: what groups are set to.
    existing: Vec<Vec<Vec<u32>>>,
    /// What judges each workload's steps, in the plan's order.
    judges: Vec<Option<check::Judge>>,
    ready: tokio::sync::Mutex<readiness::Ready>,
}

impl<'a> Carrying<'a> {
    /// Makes ready: the env learns what every object is now.
    #[expect(clippy::too_many_arguments, reason = "a plan's surroundings, named once")]
    pub fn new(
        plan: &'a Plan,
        store: &'a Store,
        fleet: &'a Fleet,
        providers: &'a Providers,
        env: &'a Env<'a>,
        blocks: &'a Blocks<'a>,
        stop: &'a StopFlag,
        run: u64,
    ) -> Carrying<'a> {
        placement::clear_templates(env, env.spec);
        for change in plan.changes.iter().filter(|c| c.deposed.is_none()) {
            let value = if change.action == Action::NoOp { &change.after } else { &change.before };
            // What is on its way out is no part of its resource any more; replicas serve until their step.
            let leaving = matches!(change.action, Action::Delete | Action::Forget) && change.address.workload.is_none();
            if !value.is_null() && !leaving {
                env.set_instance(&change.address, value.clone());
            }
        }
        for data in &plan.data {
            env.set_instance(&data.address, data.value.clone());
        }
        let locations = env.spec.locations.iter().map(|l| l.value.clone()).collect();
        let existing = plan.workloads.iter().map(|(_, w)| existing_after(w)).collect();
        for (name, w) in &plan.workloads {
            env.set_workload(name.clone(), WorkloadCounts::of(&plan.topology, &w.rules, &w.decision.after));
        }
        Carrying {
            plan,
            store,
            fleet,
            providers,
            env,
            blocks,
            stop,
            run,
            lineage: store.with_state(|s| s.lineage.to_string()),
            attempt: store.with_state(attempt),
            watch: watch::Watch::new(plan, store, fleet, providers, env),
            placements: Placements { workloads: Vec::new(), locations },
            existing,
            judges: plan.workloads.iter().map(|(_, w)| check::Judge::new(&plan.topology, &w.rules)).collect(),
            ready: tokio::sync::Mutex::default(),
        }
    }

    /// Carries it out; `listen` hears what happens.
    pub async fn run(&self, listen: &mut dyn FnMut(Event)) -> Result<Summary, StateError> {
        let mut summary = Box::pin(driver::Driver::new(self, &mut *listen).run()).await?;
        let late = std::mem::take(&mut summary.late);
        summary.elsewhere = self.elsewhere(&late);
        let taken_back: Vec<(Str, u32)> = late.into_iter().filter(|(w, _)| self.rollout(w).auto_revert).collect();
        if !taken_back.is_empty() && !summary.unsaved {
            Box::pin(revert::revert(self, &taken_back, &mut summary, listen)).await?;
        }
        Ok(summary)
    }

    /// Where replicas that were to grow did not serve by their deadline, and others may be made elsewhere in their place.
    fn elsewhere(&self, late: &[(Str, u32)]) -> BTreeSet<(Str, String)> {
        let mut found = BTreeSet::new();
        for (workload, step) in late.iter().filter(|(w, _)| self.rollout(w).alternate) {
            let Some((plan, _)) = self.step(workload, *step) else { continue };
            let Some(step) = plan.decision.steps.get(*step as usize) else { continue };
            for entry in &step.adds {
                let place = self.place_name(workload, entry.place);
                let grows = entry.slots.iter().filter(|s| s.role == Role::Grow);
                let idle = |slot: u32| {
                    let key = Str::from(format!("{place}/{slot}"));
                    self.watch.serving_of(workload, std::iter::once(&key)) == 0
                };
                if grows.map(|s| s.slot).any(idle) {
                    found.insert((workload.clone(), place));
                }
            }
        }
        found
    }

    fn workload(&self, name: &Str) -> Option<(usize, &'a WorkloadPlan)> {
        self.plan.workloads.iter().enumerate().find(|(_, (n, _))| n == name).map(|(i, (_, w))| (i, w))
    }

    fn judge(&self, workload: &Str) -> Option<&check::Judge> {
        self.judges.get(self.workload(workload)?.0)?.as_ref()
    }

    fn steps_of(&self, workload: &Str) -> u32 {
        self.workload(workload).map_or(0, |(_, w)| w.decision.steps.len() as u32)
    }

    fn step(&self, workload: &Str, step: u32) -> Option<(&'a WorkloadPlan, &'a StepReplicas)> {
        let (_, plan) = self.workload(workload)?;
        Some((plan, plan.steps.get(step as usize)?))
    }

    fn rollout(&self, workload: &Str) -> Rollout {
        let default = Rollout::unhurried(crate::spread::model::Site(0));
        self.workload(workload).map_or(default, |(_, w)| w.rules.rollout)
    }

    fn serving_after(&self, workload: &Str, step: u32) -> u32 {
        self.workload(workload)
            .and_then(|(_, w)| w.decision.steps.get(step as usize))
            .map_or(0, |s| s.state.iter().sum())
    }

    fn serving_before(&self, workload: &Str, step: u32) -> u32 {
        match step.checked_sub(1) {
            Some(before) => self.serving_after(workload, before),
            None => self.workload(workload).map_or(0, |(_, w)| w.decision.before.iter().map(|i| i.lo).sum()),
        }
    }

    fn place_name(&self, workload: &Str, place: usize) -> String {
        self.workload(workload)
            .and_then(|(_, w)| w.rules.places.get(place))
            .map_or_else(String::new, |p| self.plan.topology.locations[p.location].name.clone())
    }

    fn step_done(&self, workload: &Str, step: u32) -> Result<(), StateError> {
        self.store.append(now(), [Entry::StepDone { workload: workload.to_string(), step: u64::from(step) }])?;
        Ok(())
    }

    /// Measured boot times of a step that created replicas, one note for each location. `healthy_for` is no boot time.
    fn boots(&self, workload: &Str, step: u32, took: std::time::Duration) -> Vec<Entry> {
        let Some((_, plan)) = self.workload(workload) else { return Vec::new() };
        let Some(one) = plan.decision.steps.get(step as usize) else { return Vec::new() };
        let slowest = took.saturating_sub(std::time::Duration::from_secs(plan.rules.rollout.healthy_for_s));
        let slowest_ms = u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX);
        one.adds
            .iter()
            .filter(|add| add.count > 0)
            .filter_map(|add| {
                let boot = Boot { slowest_ms, replicas: u64::from(add.count) };
                let value = Json::new(&serde_json::to_string(&boot).ok()?).ok()?;
                let key = NoteKey::boot(workload, &self.place_name(workload, add.place));
                Some(Entry::Note { key, note: Some(Note { at: now(), value }) })
            })
            .collect()
    }

    /// Where an operation belongs, for people.
    fn step_name(&self, op: usize) -> String {
        let Some(index) = self.plan.ops[op].what.change() else { return String::new() };
        match &self.plan.ops[op].what {
            OpKind::Follow { workload, step, .. } => {
                format!("{workload} step {} of {}", step + 1, self.steps_of(workload))
            }
            _ => replica(&self.plan.changes[index as usize].address)
                .map_or_else(String::new, |(w, k)| format!("{w} {k}")),
        }
    }

    fn schema(&self, call: &objects::Call) -> Option<Schema> {
        let address = &call.object.address;
        self.providers.schema_of(&call.provider.source, address.mode, &address.ty)
    }

    /// An object as the state has it, with the provider's bytes.
    fn current(&self, id: &ObjectId) -> Option<(Value, Vec<u8>)> {
        let object = self.store.with_state(|s| s.objects.get(id).cloned())?;
        let schema = self.providers.schema_of(&object.provider.source, id.address.mode, &id.address.ty)?;
        let value = json::decode_dropping(object.attributes.as_str().as_bytes(), schema.ty()).ok()?;
        Some((value, object.private.to_vec()))
    }

    /// What the provider knows an object by, as the state has it. Without one, or of another version than today's, nothing is said.
    fn current_identity(&self, id: &ObjectId) -> Option<Value> {
        let object = self.store.with_state(|s| s.objects.get(id).cloned())?;
        let identity = object.identity.as_ref()?;
        let schema = self.providers.schemas.get(&*object.provider.source)?.identities.get(&id.address.ty)?;
        let current = identity.schema_version == schema.version;
        json::decode(identity.value.as_str().as_bytes(), &schema.ty).ok().filter(|_| current)
    }

    /// What the module of a change tells the provider beside.
    fn meta(&self, change: &Change) -> Option<Value> {
        self.providers.meta(&change.address, &change.provider.source)
    }

    /// The block of a change: of templates that share a name the one of the replica's location.
    fn block(&self, change: &Change) -> Option<usize> {
        let all = self.blocks.all_at(&change.address);
        all.iter().copied().find(|i| self.template_serves(&self.blocks.list[*i].kind, change))
    }

    /// What a provider says of a change, at the line that asks for it. An object nothing asks for any more has none.
    fn placed(&self, change: &Change, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if problems.is_empty() {
            return problems;
        }
        match self.block(change).and_then(|block| self.blocks.list[block].resource()) {
            Some((resource, _)) => problems.into_iter().map(|p| placed(p, &resource.body)).collect(),
            None => problems,
        }
    }

    /// The configuration of a change with what is known now; `follow`: with the counts of a workload after a step. Preconditions are
    /// judged first.
    fn config(&self, change: &Change, follow: Option<(&Str, u32)>) -> (Value, Vec<Diagnostic>) {
        let evaluated = self.scoped(change, follow, None, |block, resource, scope| {
            let rules = &resource.lifecycle.preconditions;
            let mut problems = conditions::judge(rules, "Resource precondition failed", scope);
            let schema = self.providers.schema(block.module, resource)?;
            let (value, found) = PreparedBody::new(&resource.body, &schema.block).eval(scope);
            problems.extend(found);
            Some((value, problems))
        });
        evaluated.flatten().unwrap_or_else(|| (Value::null(Type::Dynamic), Vec::new()))
    }

    /// What the result of a change breaks of its postconditions.
    fn postconditions(&self, change: &Change, result: &Value) -> Vec<Diagnostic> {
        let judged = self.scoped(change, None, Some(result), |_, resource, scope| {
            conditions::judge(&resource.lifecycle.postconditions, "Resource postcondition failed", scope)
        });
        judged.unwrap_or_default()
    }

    /// What could not be judged while the plan was made and does not hold now: conditions of objects that stayed as they are, and of
    /// outputs. The second part names those outputs: they keep the value they had.
    pub fn last_conditions(&self) -> (Vec<Diagnostic>, BTreeSet<String>) {
        let (mut problems, mut refused) = (Vec::new(), BTreeSet::new());
        if matches!(self.plan.kind, Kind::Destroy | Kind::RefreshOnly) {
            return (problems, refused);
        }
        for change in self.plan.changes.iter().filter(|c| c.action == Action::NoOp && c.deposed.is_none() && !c.aside) {
            let found = self.scoped(change, None, Some(&change.after), |_, resource, scope| {
                let lifecycle = &resource.lifecycle;
                let mut found = conditions::judge(&lifecycle.preconditions, "Resource precondition failed", scope);
                found.extend(conditions::judge(&lifecycle.postconditions, "Resource postcondition failed", scope));
                found
            });
            problems.extend(found.unwrap_or_default().into_iter().map(|p| objects::about(p, &change.address)));
        }
        problems.extend(self.values_refused());
        for output in self.env.module.outputs.values() {
            let found = conditions::judge_output(output, &self.env.scope(0));
            if found.iter().any(Diagnostic::is_error) {
                refused.insert(output.name.to_string());
            }
            problems.extend(found);
        }
        (problems, refused)
    }

    /// What variables do not allow of what was not known while the plan was made.
    fn values_refused(&self) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for (number, node) in self.env.tree.nodes.iter().enumerate() {
            for variable in node.module.variables.values().filter(|variable| !variable.validations.is_empty()) {
                for instance in self.env.instances_of(number) {
                    let (scope, place) = (self.env.scope(instance), self.env.given_at(instance, variable));
                    problems.extend(validate_one(variable, &scope, self.env.sources, &place));
                }
            }
        }
        problems
    }

    /// Does something in the scope of a change's instance; `this` is `self`.
    fn scoped<R>(
        &self,
        change: &Change,
        follow: Option<(&Str, u32)>,
        this: Option<&Value>,
        work: impl FnOnce(&Block<'a>, &'a Resource, &dyn Scope) -> R,
    ) -> Option<R> {
        let block = &self.blocks.list[self.block(change)?];
        if let Some((workload, step)) = follow
            && change.address.workload.is_none()
            && let Some((_, w)) = self.workload(workload)
            && let Some(step) = w.decision.steps.get(step as usize)
        {
            self.env.set_workload(workload.clone(), WorkloadCounts::of(&self.plan.topology, &w.rules, &step.state));
        }
        match &block.kind {
            BlockKind::Resource { resource, .. } => {
                let instance = self.env.instance_at(&change.address.module)?;
                let scope = self.env.scope(instance);
                let base = change.address.without_key();
                let expansion = self.env.expand(instance, resource, &base).ok();
                let each = expansion.and_then(|e| e.keys.get(&change.address.key).cloned().flatten());
                let scope = overlay(&scope, change.address.key.as_ref(), each.as_ref());
                Some(work(block, resource, &Overlay { this, ..scope }))
            }
            BlockKind::Template { workload, template, resource, .. } => {
                let (name, key) = replica(&change.address)?;
                let replica = self.replica(*workload, name, key, follow.map(|f| f.1))?;
                let own = self.placements.names(name, &replica);
                let siblings =
                    self.env.siblings(name, &self.env.spec.workloads[*workload].templates[*template].resources, key);
                Some(work(
                    block,
                    resource,
                    &Overlay { own: &own, resources: &siblings, this, ..Overlay::over(self.env) },
                ))
            }
            _ => None,
        }
    }

    /// Two templates may share a resource's name: the one of the replica's location is meant.
    fn template_serves(&self, kind: &BlockKind<'_>, change: &Change) -> bool {
        let BlockKind::Template { workload, template, .. } = kind else { return true };
        let Some((_, key)) = replica(&change.address) else { return false };
        let (location, _) = placement::split_key(key);
        let spec = &self.env.spec.workloads[*workload];
        let place =
            spec.rules.places.iter().position(|p| self.env.spec.topology.locations[p.location].name == location);
        place.is_some_and(|p| spec.template_of[p] == *template)
    }

    fn replica(&self, workload: usize, name: &Str, key: &Str, step: Option<u32>) -> Option<Replica> {
        let (index, plan) = self.workload(name)?;
        let (location, slot) = placement::split_key(key);
        let place = plan.rules.places.iter().position(|p| self.plan.topology.locations[p.location].name == location)?;
        let replicas = match step {
            Some(step) => *self.existing[index].get(step as usize)?.get(place)?,
            None => plan.decision.after[place],
        };
        let slot = if plan.rules.places[place].template == TemplateKind::PerLocation { None } else { slot };
        _ = workload;
        Some(Replica {
            key: key.clone(),
            location: plan.rules.places[place].location,
            place,
            slot,
            template: 0,
            frozen: false,
            replicas,
            bounds: plan.decision.bounds[place],
        })
    }
}

/// Replicas of each place after each step: what exists now, with what each step adds and removes.
fn existing_after(plan: &WorkloadPlan) -> Vec<Vec<u32>> {
    let mut now = plan.decision.existing.clone();
    plan.decision
        .steps
        .iter()
        .map(|step| {
            for add in &step.adds {
                now[add.place] += add.count;
            }
            for remove in &step.removes {
                now[remove.place] = now[remove.place].saturating_sub(remove.count);
            }
            now.clone()
        })
        .collect()
}
