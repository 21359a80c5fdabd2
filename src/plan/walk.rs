//! The walk: nodes in dependency order; resources become instances, instances become questions, answers become changes.
//!
//! A node is opened when all it refers to is done. Questions go out together with those of every other open node; a replacement or an
//! import asks a second time. The cost of a round is that of what is new in it.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::blocks::{Block, BlockKind, Blocks};
use super::conditions;
use super::env::{BlockValues, Env, Expansion, Repetition, overlay};
use super::instances::{Instance, Started};
use super::model::{Change, DataRead, PutOff};
use super::observed::{Observed, Seen};
use super::placement::Placements;
use super::providers::Providers;
use super::questions::{Answer, Question};
use super::target::Only;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key};
use crate::lang::body::PreparedBody;
use crate::lang::eval::Scope;
use crate::lang::evaluate::unexpected_arguments;
use crate::lang::module::{Module, Resource};
use crate::lang::reference::Subject;
use crate::lang::scope::Overlay;
use crate::plugin::{Deferral, ImportBy};
use crate::state::ObjectId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::{Str, Type, Value};

/// What the user asked for beyond the spec.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Replace these even if nothing asks for it.
    pub replace: BTreeSet<Address>,
    /// Only these; `None`: all.
    pub only: Option<Only>,
    /// The plan is shown to programs: what only they ask for is found out too.
    pub told: bool,
    /// Locations where a person wants everything new of a failover, and the next active one.
    pub to: BTreeSet<String>,
    /// Floors are overridden.
    pub forced: bool,
    /// Workloads and locations where new replicas did not serve: no more than serve there.
    pub avoid: BTreeSet<(Str, String)>,
}

/// The walk, between rounds.
pub struct Walk<'w, 'a> {
    pub(super) env: &'w Env<'a>,
    pub(super) blocks: &'w Blocks<'a>,
    pub(super) providers: &'w Providers,
    pub(super) observed: &'w Observed,
    placements: &'w Placements,
    pub(super) wishes: &'w Wishes,
    /// For each node: how many of its needs are not done.
    waiting: Vec<usize>,
    /// For each open node: how many answers are outstanding.
    pub(super) outstanding: HashMap<usize, usize>,
    ready: BTreeSet<usize>,
    pub(super) asked: HashMap<u32, Instance<'a>>,
    pub(super) next_id: u32,
    /// Every change, in no order.
    pub changes: Vec<Change>,
    /// Where in `changes` the change of an address is.
    pub(super) at: BTreeMap<Address, usize>,
    /// Nodes with a change that does something.
    pub(super) changed: HashSet<usize>,
    /// Data sources inside check blocks.
    pub(super) checked: HashSet<usize>,
    /// What is put off, in no order.
    pub deferred: Vec<PutOff>,
    /// Nodes that are put off, or made from what is.
    pub(super) put_off: HashSet<usize>,
    /// Those that are made from what is.
    pub(super) made_late: HashSet<usize>,
    /// What data sources said.
    pub data: Vec<DataRead>,
    /// Everything found wrong.
    pub problems: Vec<Diagnostic>,
    errors: usize,
    /// Nodes whose planning failed: what needs them is left out in silence.
    pub(super) failed: HashSet<usize>,
    /// The nodes that are opened; `None`: all.
    walked: Option<BTreeSet<usize>>,
}

impl<'w, 'a> Walk<'w, 'a> {
    /// Ready for the first round.
    pub fn new(
        env: &'w Env<'a>,
        blocks: &'w Blocks<'a>,
        providers: &'w Providers,
        observed: &'w Observed,
        placements: &'w Placements,
        wishes: &'w Wishes,
    ) -> Walk<'w, 'a> {
        let waiting: Vec<usize> = blocks.list.iter().map(|b| b.needs.len()).collect();
        let ready = (0..waiting.len()).filter(|i| waiting[*i] == 0).collect();
        Walk {
            env,
            blocks,
            providers,
            observed,
            placements,
            wishes,
            waiting,
            outstanding: HashMap::new(),
            ready,
            asked: HashMap::new(),
            next_id: 0,
            changes: Vec::new(),
            at: BTreeMap::new(),
            changed: HashSet::new(),
            checked: checked(env, blocks),
            deferred: Vec::new(),
            put_off: HashSet::new(),
            made_late: HashSet::new(),
            data: Vec::new(),
            problems: Vec::new(),
            errors: 0,
            failed: HashSet::new(),
            walked: None,
        }
    }

    /// Leaves out all blocks but replicas' templates: everything they refer to is planned already, in `changes`.
    pub fn only_templates(mut self, changes: Vec<Change>) -> Self {
        let is_template = |i: &usize| matches!(self.blocks.list[*i].kind, BlockKind::Template { .. });
        let templates = (0..self.blocks.list.len()).filter(is_template).collect();
        self = self.only_nodes(templates);
        let nodes: HashMap<&Address, usize> =
            self.blocks.list.iter().enumerate().filter_map(|(i, b)| Some((b.resource()?.1, i))).collect();
        for (i, change) in changes.iter().enumerate() {
            self.at.insert(change.address.clone(), i);
            let node = nodes.get(&change.address.without_key()).filter(|_| change.acts());
            self.changed.extend(node.copied());
        }
        self.changes = changes;
        self
    }

    /// Leaves out all other nodes; what is needed of them is in the env already.
    pub fn only_nodes(mut self, nodes: BTreeSet<usize>) -> Self {
        let needs = |i: usize| self.blocks.list[i].needs.iter().filter(|n| nodes.contains(n)).count();
        self.waiting = (0..self.blocks.list.len()).map(needs).collect();
        self.ready = nodes.iter().copied().filter(|i| self.waiting[*i] == 0).collect();
        self.walked = Some(nodes);
        self
    }

    /// Walks to the end, round by round.
    pub async fn finish(mut self, ask: &impl AsyncFn(Vec<Question>) -> Vec<Answer>) -> Self {
        let mut answers = Vec::new();
        loop {
            let questions = self.round(answers);
            if questions.is_empty() {
                return self;
            }
            answers = ask(questions).await;
        }
    }

    /// Takes the answers of the last round and goes on as far as it can. No questions back: the walk is done.
    pub fn round(&mut self, answers: Vec<Answer>) -> Vec<Question> {
        let mut questions = Vec::new();
        for answer in answers {
            self.answer(answer, &mut questions);
        }
        while let Some(node) = self.ready.pop_first() {
            let before = questions.len();
            self.open(node, &mut questions);
            let asked = questions.len() - before;
            if asked == 0 {
                self.done(node);
            } else {
                self.outstanding.insert(node, asked);
            }
        }
        questions
    }

    pub(super) fn done(&mut self, node: usize) {
        for next in &self.blocks.needed_by[node] {
            if self.walked.as_ref().is_some_and(|nodes| !nodes.contains(next)) {
                continue;
            }
            self.waiting[*next] -= 1;
            if self.waiting[*next] == 0 {
                self.ready.insert(*next);
            }
        }
    }

    /// Notes what was found wrong. True if there was an error among it.
    pub(super) fn report(&mut self, found: impl IntoIterator<Item = Diagnostic>) -> bool {
        let before = self.errors;
        for problem in found {
            self.errors += usize::from(problem.is_error());
            self.problems.push(problem);
        }
        self.errors > before
    }

    /// Notes a change.
    pub(super) fn keep_change(&mut self, node: usize, change: Change) {
        if change.acts() {
            self.changed.insert(node);
        }
        self.at.insert(change.address.clone(), self.changes.len());
        self.changes.push(change);
    }

    /// Notes a change that is put off. What is there stays as it is, and is no part of the plan.
    pub(super) fn put_off(&mut self, node: usize, reason: Deferral, change: Change) {
        self.put_off.insert(node);
        let current = ObjectId::current(change.address.clone());
        if let Some(seen) = self.observed.objects.get(&current).filter(|s| s.current().is_some()) {
            let site = change.site.clone();
            let kept = Change { site, aside: true, ..unchanged(change.address.clone(), seen) };
            self.at.insert(kept.address.clone(), self.changes.len());
            self.changes.push(kept);
        }
        self.deferred.push(PutOff { reason, change });
    }

    /// Evaluates a node, or expands it and asks about each of its instances.
    fn open(&mut self, index: usize, questions: &mut Vec<Question>) {
        let block = &self.blocks.list[index];
        if block.needs.iter().any(|n| self.failed.contains(n)) {
            self.failed.insert(index);
            return;
        }
        if block.needs.iter().any(|n| self.put_off.contains(n)) {
            self.put_off.insert(index);
            self.made_late.insert(index);
        }
        let errors = self.errors;
        let passed_over = self.wishes.only.as_ref().is_some_and(|only| only.passes_over(index));
        match &block.kind {
            BlockKind::Local(_) | BlockKind::Variable(_) | BlockKind::Output(_) if passed_over => {}
            BlockKind::Resource { .. } | BlockKind::Template { .. } => self.open_planned(index, block, questions),
            BlockKind::Local(local) => self.each_instance(block, |env, i| match env.local(i, &local.name.name) {
                Ok(_) => Vec::new(),
                Err(problems) => problems,
            }),
            // What the root module's are worth was judged before all else, as far as it could be.
            BlockKind::Variable(variable) => {
                self.each_instance(block, |env, i| match env.variable(i, &variable.name) {
                    Ok(_) => crate::lang::judge::validate_one(
                        variable,
                        &env.scope(i),
                        env.sources,
                        &env.given_at(i, variable),
                    ),
                    Err(problems) => problems,
                });
            }
            BlockKind::Output(output) => {
                // Of a part of the plan the outputs are made of what is there.
                let aside = block.module == 0 && self.wishes.only.is_some();
                self.each_instance(block, |env, i| {
                    let mut problems = conditions::judge_output(output, &env.scope(i));
                    if !problems.iter().any(Diagnostic::is_error) && !aside {
                        problems.extend(env.output(i, &output.name).err().into_iter().flatten());
                    }
                    problems
                });
            }
            BlockKind::Call(call, child) => {
                let called: &Module = self.env.tree.nodes[*child].module;
                self.report(unexpected_arguments(call, called));
                self.each_instance(block, |env, i| env.call(i, *child).err().unwrap_or_default());
            }
            BlockKind::Outputs(_) | BlockKind::Whole(_) | BlockKind::Provider(_) => {}
        }
        if self.errors > errors {
            self.failed.insert(index);
        }
    }

    /// Does something in every instance of a node's module.
    fn each_instance(&mut self, block: &Block<'a>, work: impl Fn(&Env<'a>, usize) -> Vec<Diagnostic>) {
        for instance in self.env.instances_of(block.module) {
            let found = work(self.env, instance);
            self.report(found);
        }
    }

    fn open_planned(&mut self, index: usize, block: &Block<'a>, questions: &mut Vec<Question>) {
        let Some((resource, _)) = block.resource() else { return };
        let Some(schema) = self.providers.schema(block.module, resource) else {
            self.failed.insert(index);
            return;
        };
        if self.wishes.only.as_ref().is_some_and(|only| !only.blocks.contains(&index)) {
            self.keep_untargeted(index, block, resource);
            return;
        }
        let prepared = PreparedBody::new(&resource.body, &schema.block);
        // What is wrong whatever the values is so of a resource, too, that is made no times.
        if prepared.problems().iter().any(Diagnostic::is_error) {
            self.report(prepared.problems().to_vec());
            return;
        }
        match &block.kind {
            BlockKind::Template { workload, template, address, .. } => {
                self.open_template(index, *workload, *template, address, resource, &schema, &prepared, questions);
            }
            BlockKind::Resource { address, .. } => {
                self.open_resource(index, block.module, address, resource, &schema, &prepared, questions);
            }
            _ => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one block's constants, spelt out")]
    fn open_resource(
        &mut self,
        index: usize,
        module: usize,
        base: &Address,
        resource: &'a Resource,
        schema: &Schema,
        prepared: &PreparedBody<'_>,
        questions: &mut Vec<Question>,
    ) {
        let provider = self.providers.of_resource(&self.env.tree, module, resource, None);
        for instance in self.env.instances_of(module) {
            let scope = self.env.scope(instance);
            let address = Address { module: self.env.instance(instance).path.clone(), ..base.clone() };
            let expansion: Rc<Expansion> = match self.env.expand(instance, resource, &address) {
                Ok(expansion) => expansion,
                Err(problems) => {
                    self.report(problems);
                    continue;
                }
            };
            let repetition = expansion.repetition;
            self.env.set_block(address.clone(), BlockValues { repetition, instances: BTreeMap::new() });
            let imports = self.imports(index, &address, &expansion);
            for (key, each) in &expansion.keys {
                let address = Address { key: key.clone(), ..address.clone() };
                if self.wishes.only.as_ref().is_some_and(|only| !only.takes(index, &address)) {
                    self.keep(index, &address);
                    continue;
                }
                let scope = overlay(&scope, key.as_ref(), each.as_ref());
                if self.observed.objects.get(&ObjectId::current(address.clone())).is_some_and(Seen::is_unreadable) {
                    self.leave(index, &address, prepared, &scope);
                    continue;
                }
                let importing = imports.get(&address).cloned();
                let started = Started {
                    block: index,
                    resource,
                    module_instance: instance,
                    address,
                    provider: provider.clone(),
                    schema: schema.clone(),
                    importing,
                    deferred: None,
                };
                self.start(started, prepared, &scope, questions);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one block's constants, spelt out")]
    fn open_template(
        &mut self,
        index: usize,
        workload: usize,
        template: usize,
        base: &Address,
        resource: &'a Resource,
        schema: &Schema,
        prepared: &PreparedBody<'_>,
        questions: &mut Vec<Question>,
    ) {
        let placements = self.placements;
        let name = &placements.workloads[workload].name;
        for replica in placements.workloads[workload].replicas.iter().filter(|r| r.template == template) {
            let address = Address { key: Some(Key::Str(replica.key.clone())), ..base.clone() };
            if replica.frozen {
                self.keep(index, &address);
                continue;
            }
            let location = &self.env.spec.locations[replica.location];
            let provider = self.providers.of_resource(&self.env.tree, 0, resource, location.provider.as_ref());
            let own = placements.names(name, replica);
            let siblings =
                self.env.siblings(name, &self.env.spec.workloads[workload].templates[template].resources, &replica.key);
            let scope = Overlay { own: &own, resources: &siblings, ..Overlay::over(self.env) };
            let started = Started {
                block: index,
                resource,
                module_instance: 0,
                address,
                provider,
                schema: schema.clone(),
                importing: None,
                deferred: None,
            };
            self.start(started, prepared, &scope, questions);
        }
    }

    /// Keeps an instance as it is, without a question: it may not be touched, or nobody asked for it.
    fn keep(&mut self, index: usize, address: &Address) {
        let Some(seen) = self.observed.objects.get(&ObjectId::current(address.clone())) else { return };
        if let Some(value) = seen.current() {
            self.env.set_instance(address, value.clone());
            let site = self.blocks.list[index].resource().map(|(r, _)| r.span.clone());
            let aside = self.wishes.only.is_some();
            let change = Change { site, aside, ..unchanged(address.clone(), seen) };
            self.keep_change(index, change);
        }
    }

    /// Keeps an object that nobody can read, and says so where it would be changed: traffic it steers stays where it is.
    fn leave(&mut self, index: usize, address: &Address, prepared: &PreparedBody<'_>, scope: &dyn Scope) {
        self.keep(index, address);
        let Some(seen) = self.observed.objects.get(&ObjectId::current(address.clone())) else { return };
        let config = prepared.eval(scope).0.unmark_deep().0;
        let stale: Vec<String> = config
            .entries()
            .into_iter()
            .flatten()
            .filter(|(name, wanted)| {
                !wanted.is_null() && seen.state.get(name).is_none_or(|has| !straddle_sdk::value::same(has, wanted))
            })
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        if stale.is_empty() {
            return;
        }
        let follows: Vec<&str> = self.blocks.list[index].follows.iter().map(|w| &**w).collect();
        let meaning = match follows.is_empty() {
            true => String::new(),
            false => format!(" What it sends to {} goes on as it was.", follows.join(", ")),
        };
        let span = self.blocks.list[index].resource().map(|(r, _)| r.span.clone());
        let mut said = Diagnostic::warning(
            "A change that cannot be made now",
            format!("{} of {address} should change, and its provider does not answer.{meaning}", stale.join(", ")),
        )
        .help("Change it by hand if it must be changed before its provider is back; the next plan after that brings it in line.");
        if let Some(span) = &span {
            said = said.at(span);
        }
        said.address = Some(address.to_string());
        self.problems.push(said);
    }

    /// Values of a block that `-target` leaves out: what its objects are now.
    fn keep_untargeted(&mut self, index: usize, block: &Block<'a>, resource: &Resource) {
        let Some((_, base)) = block.resource() else { return };
        let repetition = match (&resource.count, &resource.for_each, &base.workload) {
            (Some(_), _, _) => Repetition::Count,
            (None, None, None) => Repetition::Single,
            _ => Repetition::ForEach,
        };
        for instance in self.env.instances_of(block.module) {
            let address = Address { module: self.env.instance(instance).path.clone(), ..base.clone() };
            let mut instances = BTreeMap::new();
            for (id, seen) in self.observed.of_block(&address) {
                if id.deposed.is_none()
                    && let Some(value) = seen.current()
                {
                    instances.insert(id.address.key.clone(), value.clone());
                    let change = Change {
                        site: Some(resource.span.clone()),
                        aside: true,
                        ..unchanged(id.address.clone(), seen)
                    };
                    self.keep_change(index, change);
                }
            }
            // One that was never made is not known, however often it would be.
            if !instances.is_empty() || repetition != Repetition::Single {
                self.env.set_block(address, BlockValues { repetition, instances });
            }
        }
    }

    /// What `import` blocks say of the instances of a resource in one instance of its module: by what each is found.
    fn imports(&mut self, index: usize, address: &Address, made: &Expansion) -> BTreeMap<Address, ImportBy> {
        let made = |key: &Option<Key>| made.keys.contains_key(key);
        let (found, problems) = super::import::targets(self.env, self.blocks, self.providers, index, address, made);
        // What is wrong with a block is so for every instance of a module; once is enough.
        let new: Vec<Diagnostic> = problems.into_iter().filter(|p| !self.problems.contains(p)).collect();
        self.report(new);
        found
    }
}

/// The data sources that stand inside check blocks.
fn checked(env: &Env<'_>, blocks: &Blocks<'_>) -> HashSet<usize> {
    let mut found = HashSet::new();
    for (number, node) in env.tree.nodes.iter().enumerate() {
        for (mode, ty, name) in node.module.checks.values().filter_map(|c| c.data.as_ref()) {
            found.extend(blocks.of_name(number, Subject::Resource(*mode, ty, name)));
        }
    }
    found
}

/// A change that changes nothing.
pub fn unchanged(address: Address, seen: &Seen) -> Change {
    let value = seen.current().cloned().unwrap_or_else(|| Value::null(Type::Dynamic)).mark_at(&seen.marks());
    Change {
        before: value.clone(),
        after: value,
        schema_version: seen.schema_version,
        prior_private: seen.private.clone(),
        planned_private: seen.private.clone(),
        before_identity: seen.identity.clone(),
        after_identity: seen.identity.clone(),
        ..Change::nothing(address, seen.provider.clone())
    }
}

/// Names the object a problem is about, unless it already says so.
pub(super) fn about(mut problem: Diagnostic, address: &Address) -> Diagnostic {
    if problem.address.is_none() {
        problem.address = Some(address.to_string());
    }
    problem
}
