//! The walk: blocks in dependency order become instances, instances become questions, answers become changes.
//!
//! A block is opened when all it refers to is done. Its instances' questions go out together with those of every other open block;
//! a replacement asks a second time. The cost of a round is that of what is new in it.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::blocks::{BlockKind, Blocks};
use super::env::{BlockValues, Env, Repetition};
use super::model::{Action, Change, Reason};
use super::object;
use super::observed::{Observed, Seen};
use super::placement::Placements;
use super::providers::Providers;
use super::questions::{Answer, Answered, Ask, Question};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key, Mode};
use crate::lang::ast::{StepKind, Traversal};
use crate::lang::body::PreparedBody;
use crate::lang::eval::{Scope, eval};
use crate::lang::module::{IgnoreChanges, Resource};
use crate::lang::scope::Overlay;
use crate::state::{ObjectId, ProviderRef};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::{Kind, MarkedPath, Path, Step, Str, Type, Value, same};

/// What the user asked for beyond the spec.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Replace these even if nothing asks for it.
    pub replace: BTreeSet<Address>,
    /// Only these blocks (indices); `None`: all.
    pub only: Option<BTreeSet<usize>>,
}

/// The walk, between rounds.
pub struct Walk<'w, 'a> {
    env: &'w Env<'a>,
    blocks: &'w Blocks<'a>,
    providers: &'w Providers,
    observed: &'w Observed,
    placements: &'w Placements,
    wishes: &'w Wishes,
    /// For each block: how many of its needs are not done.
    waiting: Vec<usize>,
    /// For each open block: how many answers are outstanding.
    outstanding: HashMap<usize, usize>,
    ready: BTreeSet<usize>,
    asked: HashMap<u32, Instance>,
    next_id: u32,
    /// Every change, in no order.
    pub changes: Vec<Change>,
    /// Everything found wrong.
    pub problems: Vec<Diagnostic>,
    /// Blocks whose planning failed: what needs them is left out in silence.
    failed: BTreeSet<usize>,
}

/// One instance whose question is out.
struct Instance {
    block: usize,
    address: Address,
    provider: ProviderRef,
    prior: Value,
    config: Value,
    /// The configuration with `ignore_changes` applied: what was sent.
    sent: Value,
    private: Vec<u8>,
    reason: Option<Reason>,
    replaced: Option<Replacing>,
    /// Where the configuration was marked: marks stay here and never go to a provider.
    marked: Vec<MarkedPath>,
}

/// The second question of a replacement.
struct Replacing {
    before: Value,
    paths: Vec<Path>,
    prior_private: Vec<u8>,
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
            problems: Vec::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Takes the answers of the last round and goes on as far as it can. No questions back: the walk is done.
    pub fn round(&mut self, answers: Vec<Answer>) -> Vec<Question> {
        let mut questions = Vec::new();
        for answer in answers {
            self.answer(answer, &mut questions);
        }
        while let Some(block) = self.ready.pop_first() {
            let before = questions.len();
            self.open(block, &mut questions);
            let asked = questions.len() - before;
            if asked == 0 {
                self.done(block);
            } else {
                self.outstanding.insert(block, asked);
            }
        }
        questions
    }

    fn done(&mut self, block: usize) {
        self.env.forget_locals();
        for next in &self.blocks.needed_by[block] {
            self.waiting[*next] -= 1;
            if self.waiting[*next] == 0 {
                self.ready.insert(*next);
            }
        }
    }

    /// Expands a block and asks about each of its instances.
    fn open(&mut self, index: usize, questions: &mut Vec<Question>) {
        let block = &self.blocks.list[index];
        if block.needs.iter().any(|n| self.failed.contains(n)) {
            self.failed.insert(index);
            return;
        }
        let resource = block.resource();
        let Some(schema) = self.providers.schema(resource) else {
            self.failed.insert(index);
            return;
        };
        if self.wishes.only.as_ref().is_some_and(|only| !only.contains(&index)) {
            self.keep_untargeted(index);
            return;
        }
        let prepared = PreparedBody::new(&resource.body, &schema.block);
        let errors = self.error_count();
        match &block.kind {
            BlockKind::Resource(_) => self.open_resource(index, resource, &schema, &prepared, questions),
            BlockKind::Template { workload, template, .. } => {
                self.open_template(index, *workload, *template, resource, &schema, &prepared, questions);
            }
        }
        if self.error_count() > errors {
            self.failed.insert(index);
        }
    }

    fn error_count(&self) -> usize {
        self.problems.iter().filter(|p| p.is_error()).count()
    }

    fn open_resource(
        &mut self,
        index: usize,
        resource: &Resource,
        schema: &Schema,
        prepared: &PreparedBody<'_>,
        questions: &mut Vec<Question>,
    ) {
        let Some((repetition, keys)) = self.expand(resource) else { return };
        let address = self.blocks.list[index].address.clone();
        self.env.set_block(address.clone(), BlockValues { repetition, instances: BTreeMap::new() });
        let provider = self.providers.of_resource(resource, None);
        for (key, each) in keys {
            let mut scope = Overlay::over(self.env);
            if let Some(Key::Int(n)) = &key {
                scope.index = Some(*n);
            }
            scope.each = each.as_ref().map(|(k, v)| (k, v));
            let address = Address { key, ..address.clone() };
            self.instance(index, address, provider.clone(), resource, schema, prepared, &scope, questions);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one block's constants, spelt out")]
    fn open_template(
        &mut self,
        index: usize,
        workload: usize,
        template: usize,
        resource: &Resource,
        schema: &Schema,
        prepared: &PreparedBody<'_>,
        questions: &mut Vec<Question>,
    ) {
        let placements = self.placements;
        let name = &placements.workloads[workload].name;
        let base = self.blocks.list[index].address.clone();
        for replica in placements.workloads[workload].replicas.iter().filter(|r| r.template == template) {
            let address = Address { key: Some(Key::Str(replica.key.clone())), ..base.clone() };
            if replica.frozen {
                self.keep(index, &address);
                continue;
            }
            let location = &self.env.spec.locations[replica.location];
            let provider = self.providers.of_resource(resource, location.provider.as_ref());
            let own = placements.names(name, replica);
            let siblings =
                self.env.siblings(name, &self.env.spec.workloads[workload].templates[template].resources, &replica.key);
            let scope = Overlay { own: &own, resources: &siblings, ..Overlay::over(self.env) };
            self.instance(index, address, provider, resource, schema, prepared, &scope, questions);
        }
    }

    /// Keeps an instance as it is, without a question: its location may not be touched.
    fn keep(&mut self, index: usize, address: &Address) {
        let Some(seen) = self.observed.objects.get(&ObjectId::current(address.clone())) else { return };
        if let Some(value) = seen.current() {
            self.env.set_instance(address, value.clone());
            let change = unchanged(address.clone(), seen, self.blocks.list[index].resource());
            self.changes.push(change);
        }
    }

    /// Values of a block that `-target` leaves out: what its objects are now.
    fn keep_untargeted(&mut self, index: usize) {
        let address = &self.blocks.list[index].address;
        let resource = self.blocks.list[index].resource();
        let repetition = match (&resource.count, &resource.for_each, &address.workload) {
            (Some(_), _, _) => Repetition::Count,
            (None, None, None) => Repetition::Single,
            _ => Repetition::ForEach,
        };
        let mut instances = BTreeMap::new();
        for (id, seen) in self.observed.of_block(address) {
            if id.deposed.is_none()
                && let Some(value) = seen.current()
            {
                instances.insert(id.address.key.clone(), value.clone());
                self.changes.push(unchanged(id.address.clone(), seen, resource));
            }
        }
        self.env.set_block(address.clone(), BlockValues { repetition, instances });
    }

    /// The keys of a block's instances. `None`: reported.
    #[expect(clippy::type_complexity, reason = "key and each.key, each.value")]
    fn expand(&mut self, resource: &Resource) -> Option<(Repetition, Vec<(Option<Key>, Option<(Value, Value)>)>)> {
        let errors = self.error_count();
        if let Some(expr) = &resource.count {
            let (value, found) = eval(expr, self.env);
            self.problems.extend(found);
            let (value, _) = value.unmark();
            if self.error_count() > errors {
                return None;
            }
            let number = straddle_sdk::value::convert(&value, &Type::Number).ok().filter(|v| !v.is_null());
            let problem = match number.as_ref().map(Value::kind) {
                Some(Kind::Unknown(_)) => Diagnostic::error(
                    "Invalid count argument",
                    "The \"count\" value depends on resource attributes that cannot be determined until apply, so straddle cannot predict how many instances will be created.",
                )
                .help("Let it depend on variables or locals, or apply what it depends on first with -target."),
                Some(Kind::Number(n)) => match n.to_i64().and_then(|n| u64::try_from(n).ok()).filter(|n| *n <= 10_000_000) {
                    Some(n) => return Some((Repetition::Count, (0..n).map(|i| (Some(Key::Int(i)), None)).collect())),
                    None => Diagnostic::error("Invalid count argument", "The given \"count\" argument value is unsuitable: must be a whole number, 0 or more."),
                },
                _ => Diagnostic::error("Invalid count argument", "The given \"count\" argument value is unsuitable: a number is required."),
            };
            self.problems.push(problem.at(&expr.span));
            return None;
        }
        if let Some(expr) = &resource.for_each {
            let (value, found) = eval(expr, self.env);
            self.problems.extend(found);
            let (value, marks) = value.unmark();
            if self.error_count() > errors {
                return None;
            }
            return match each(&value, marks.is_sensitive()) {
                Ok(keys) => Some((Repetition::ForEach, keys)),
                Err(detail) => {
                    self.problems.push(Diagnostic::error("Invalid for_each argument", detail).at(&expr.span));
                    None
                }
            };
        }
        Some((Repetition::Single, vec![(None, None)]))
    }

    #[expect(clippy::too_many_arguments, reason = "one block's constants, spelt out")]
    fn instance(
        &mut self,
        block: usize,
        address: Address,
        provider: ProviderRef,
        resource: &Resource,
        schema: &Schema,
        prepared: &PreparedBody<'_>,
        scope: &dyn Scope,
        questions: &mut Vec<Question>,
    ) {
        let (config, found) = prepared.eval(scope);
        let failed = found.iter().any(Diagnostic::is_error);
        self.problems.extend(found.into_iter().map(|p| about(p, &address)));
        if failed {
            return;
        }
        let (config, marked) = config.unmark_deep();
        if resource.mode == Mode::Data {
            self.data(block, address, provider, resource, schema, config, questions);
            return;
        }
        let seen = self.observed.objects.get(&ObjectId::current(address.clone()));
        let tainted = seen.is_some_and(|s| s.tainted && s.current().is_some());
        let live = seen.and_then(Seen::current);
        let none = || schema.null();
        let prior = live.filter(|_| !tainted).cloned().unwrap_or_else(none);
        let sent = object::ignore_changes(&schema.block, &prior, &config, &ignored(resource));
        let proposed = object::proposed_new(&schema.block, &prior, &sent);
        let private = if prior.is_null() { Vec::new() } else { seen.map(|s| s.private.clone()).unwrap_or_default() };
        let reason = if tainted {
            Some(Reason::Tainted)
        } else if self.wishes.replace.contains(&address) && live.is_some() {
            Some(Reason::ByRequest)
        } else {
            None
        };
        let ask = Ask::Plan { prior: prior.clone(), proposed, config: sent.clone(), private: private.clone() };
        let instance =
            Instance { block, address, provider, prior, config, sent, private, reason, replaced: None, marked };
        self.ask(instance, &resource.ty.text, ask, questions);
    }

    #[expect(clippy::too_many_arguments, reason = "one block's constants, spelt out")]
    fn data(
        &mut self,
        block: usize,
        address: Address,
        provider: ProviderRef,
        resource: &Resource,
        schema: &Schema,
        config: Value,
        questions: &mut Vec<Question>,
    ) {
        let pending = self.blocks.list[block].needs.iter().any(|n| {
            let depended = &self.blocks.list[*n].address;
            resource.depends_on.iter().any(|t| *t.root.name == *depended.ty)
                && self.changes.iter().any(|c| c.action != Action::NoOp && c.address.without_key() == *depended)
        });
        if config.is_wholly_known() && !pending {
            let prior = schema.null();
            let instance = Instance {
                block,
                address,
                provider,
                prior,
                sent: config.clone(),
                config: config.clone(),
                private: Vec::new(),
                reason: None,
                replaced: None,
                marked: Vec::new(),
            };
            self.ask(instance, &resource.ty.text, Ask::Data { config }, questions);
            return;
        }
        let reason = if pending { Reason::ReadDependencyPending } else { Reason::ReadConfigUnknown };
        let after = object::proposed_new(&schema.block, &Value::unknown(schema.ty().clone()), &config);
        self.env.set_instance(&address, after.clone());
        let mut change = self.change(block, address, provider, Action::Read, schema.version);
        (change.after, change.reason, change.config_known) = (after, Some(reason), false);
        self.changes.push(change);
    }

    fn ask(&mut self, instance: Instance, type_name: &Str, ask: Ask, questions: &mut Vec<Question>) {
        let id = self.next_id;
        self.next_id += 1;
        questions.push(Question { id, provider: instance.provider.clone(), type_name: type_name.clone(), ask });
        self.asked.insert(id, instance);
    }

    fn answer(&mut self, answer: Answer, questions: &mut Vec<Question>) {
        let Some(instance) = self.asked.remove(&answer.id) else { return };
        let block = instance.block;
        let span = &self.blocks.list[block].resource().span;
        self.problems.extend(answer.problems.into_iter().map(|p| {
            let p = about(p, &instance.address);
            if p.span.is_none() { p.at(span) } else { p }
        }));
        let before = questions.len();
        match answer.result {
            Some(Answered::Plan { planned, requires_replace, private, legacy }) => {
                self.planned(instance, planned, &requires_replace, private, legacy, questions);
            }
            Some(Answered::Data { value }) => {
                self.env.set_instance(&instance.address, value);
            }
            None => {
                self.failed.insert(block);
            }
        }
        if questions.len() > before {
            return;
        }
        if let Some(outstanding) = self.outstanding.get_mut(&block) {
            *outstanding -= 1;
            if *outstanding == 0 {
                self.outstanding.remove(&block);
                self.done(block);
            }
        }
    }

    /// A provider's plan of one instance: checked, and either kept or asked again as a creation.
    fn planned(
        &mut self,
        instance: Instance,
        planned: Value,
        requires_replace: &[Path],
        private: Vec<u8>,
        legacy: bool,
        questions: &mut Vec<Question>,
    ) {
        let resource = self.blocks.list[instance.block].resource();
        let Some(schema) = self.providers.schema(resource) else { return };
        let prior = instance.prior.clone();
        if !legacy {
            let faults = object::assert_plan_valid(&schema.block, &prior, &instance.sent, &planned);
            if !faults.is_empty() {
                self.broken_promise(&instance, "planned an invalid change", faults.iter().map(ToString::to_string));
                return;
            }
        }
        if let Some(replacing) = instance.replaced {
            let planned = marked(&schema, planned, &instance.marked);
            self.replacement(
                instance.block,
                instance.address,
                instance.provider,
                instance.config,
                planned,
                private,
                replacing,
                instance.reason,
                &schema,
            );
            return;
        }
        let paths = match object::replace_paths(&schema.block, requires_replace, &prior, &planned) {
            Ok(paths) => paths,
            Err(fault) => {
                self.broken_promise(
                    &instance,
                    "named a path to replace that does not exist",
                    std::iter::once(fault.to_string()),
                );
                return;
            }
        };
        let seen = self.observed.objects.get(&ObjectId::current(instance.address.clone()));
        if instance.reason == Some(Reason::Tainted) {
            let before = seen.and_then(Seen::current).cloned().unwrap_or_else(|| prior.clone());
            let prior_private = seen.map(|s| s.private.clone()).unwrap_or_default();
            let replacing = Replacing { before, paths: Vec::new(), prior_private };
            let planned = marked(&schema, planned, &instance.marked);
            self.replacement(
                instance.block,
                instance.address,
                instance.provider,
                instance.config,
                planned,
                private,
                replacing,
                instance.reason,
                &schema,
            );
        } else if prior.is_null() {
            self.keep_plan(instance, Action::Create, planned, private, &schema);
        } else if !paths.is_empty() || instance.reason == Some(Reason::ByRequest) {
            self.ask_replacement(instance, paths, private, &schema, questions);
        } else {
            let equal = same(&planned, &prior);
            self.keep_plan(instance, if equal { Action::NoOp } else { Action::Update }, planned, private, &schema);
        }
    }

    fn ask_replacement(
        &mut self,
        instance: Instance,
        paths: Vec<Path>,
        private: Vec<u8>,
        schema: &Schema,
        questions: &mut Vec<Question>,
    ) {
        let reason = instance.reason.or(Some(Reason::CannotUpdate));
        let none = schema.null();
        let proposed = object::proposed_new(&schema.block, &none, &instance.config);
        let ask =
            Ask::Plan { prior: none.clone(), proposed, config: instance.config.clone(), private: private.clone() };
        let replaced = Some(Replacing { before: instance.prior, paths, prior_private: instance.private });
        let ty = instance.address.ty.clone();
        let second = Instance { prior: none, sent: instance.config.clone(), private, reason, replaced, ..instance };
        self.ask(second, &ty, ask, questions);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one change")]
    fn replacement(
        &mut self,
        block: usize,
        address: Address,
        provider: ProviderRef,
        config: Value,
        planned: Value,
        private: Vec<u8>,
        replacing: Replacing,
        reason: Option<Reason>,
        schema: &Schema,
    ) {
        self.env.set_instance(&address, planned.clone());
        let mut change = self.change(block, address, provider, Action::DeleteCreate, schema.version);
        change.config_known = config.is_wholly_known();
        change.before = marked(schema, replacing.before, &[]);
        change.after = planned;
        change.replace_paths = replacing.paths;
        change.prior_private = replacing.prior_private;
        change.planned_private = private;
        change.reason = reason;
        self.refuse_prevented(&change);
        self.changes.push(change);
    }

    fn keep_plan(&mut self, instance: Instance, action: Action, planned: Value, private: Vec<u8>, schema: &Schema) {
        let planned = marked(schema, planned, &instance.marked);
        self.env.set_instance(&instance.address, planned.clone());
        let mut change = self.change(instance.block, instance.address, instance.provider, action, schema.version);
        change.config_known = instance.config.is_wholly_known();
        change.before = marked(schema, instance.prior, &[]);
        change.after = planned;
        change.prior_private = instance.private;
        change.planned_private = private;
        self.changes.push(change);
    }

    fn change(
        &self,
        block: usize,
        address: Address,
        provider: ProviderRef,
        action: Action,
        schema_version: i64,
    ) -> Change {
        let block = &self.blocks.list[block];
        Change {
            address,
            previous_address: None,
            provider,
            action,
            reason: None,
            before: Value::null(Type::Dynamic),
            after: Value::null(Type::Dynamic),
            replace_paths: Vec::new(),
            schema_version,
            prior_private: Vec::new(),
            planned_private: Vec::new(),
            dependencies: super::blocks::addresses(self.blocks, &block.needs),
            create_before_destroy: false,
            deposed: None,
            config_known: true,
            site: Some(block.resource().span.clone()),
        }
    }

    fn refuse_prevented(&mut self, change: &Change) {
        let Some(block) = self.blocks.list.iter().find(|b| b.address == change.address.without_key()) else { return };
        if block.resource().lifecycle.prevent_destroy {
            self.problems.push(
                Diagnostic::error(
                    "Instance cannot be destroyed",
                    format!(
                        "{} has lifecycle.prevent_destroy set, but the plan calls for it to be destroyed.",
                        change.address
                    ),
                )
                .at(&block.resource().span)
                .help("Disable lifecycle.prevent_destroy, or reduce the scope of the plan with -target."),
            );
        }
    }

    fn broken_promise(&mut self, instance: &Instance, what: &str, faults: impl Iterator<Item = String>) {
        let span = &self.blocks.list[instance.block].resource().span;
        let faults: Vec<String> = faults.collect();
        self.problems.push(
            Diagnostic::error(
                "Provider produced invalid plan",
                format!("Provider {} {what} for {}: {}.", instance.provider, instance.address, faults.join("; ")),
            )
            .at(span)
            .help("This is a fault of the provider; report it to its authors. Nothing was changed."),
        );
        self.failed.insert(instance.block);
    }
}

/// A change that changes nothing.
pub fn unchanged(address: Address, seen: &Seen, resource: &Resource) -> Change {
    Change { site: Some(resource.span.clone()), ..unchanged_without_block(address, seen) }
}

/// As [`unchanged`], for an object no block stands for any more.
pub fn unchanged_without_block(address: Address, seen: &Seen) -> Change {
    let value = seen.current().cloned().unwrap_or_else(|| Value::null(Type::Dynamic));
    Change {
        address,
        previous_address: None,
        provider: seen.provider.clone(),
        action: Action::NoOp,
        reason: None,
        before: value.clone(),
        after: value,
        replace_paths: Vec::new(),
        schema_version: seen.schema_version,
        prior_private: seen.private.clone(),
        planned_private: seen.private.clone(),
        dependencies: Vec::new(),
        create_before_destroy: false,
        deposed: None,
        config_known: true,
        site: None,
    }
}

/// Names the object a problem is about, unless it already says so.
fn about(mut problem: Diagnostic, address: &Address) -> Diagnostic {
    if problem.address.is_none() {
        problem.address = Some(address.to_string());
    }
    problem
}

fn ignored(resource: &Resource) -> object::Ignore {
    match &resource.lifecycle.ignore_changes {
        IgnoreChanges::All => object::Ignore::All,
        IgnoreChanges::Paths(list) => object::Ignore::Paths(list.iter().map(path_of).collect()),
    }
}

/// A traversal that starts at an attribute, as a path.
fn path_of(t: &Traversal) -> Path {
    let mut steps = vec![Step::Attr(t.root.name.clone())];
    steps.extend(t.steps.iter().filter_map(|s| match &s.kind {
        StepKind::Attr(name) => Some(Step::Attr(name.clone())),
        StepKind::Index(literal) => match literal.0.kind() {
            Kind::String(s) => Some(Step::Key(s.clone())),
            Kind::Number(n) => n.to_i64().and_then(|n| u64::try_from(n).ok()).map(Step::Index),
            _ => None,
        },
    }));
    Path(steps)
}

/// The instances of a `for_each` value, or why there are none.
#[expect(clippy::type_complexity, reason = "key and each.key, each.value")]
fn each(value: &Value, sensitive: bool) -> Result<Vec<(Option<Key>, Option<(Value, Value)>)>, String> {
    if sensitive {
        return Err("Sensitive values, or values derived from sensitive values, cannot be used as for_each arguments: the keys would be shown.".into());
    }
    let instance = |key: &Str, value: Value| (Some(Key::Str(key.clone())), Some((Value::string(key.clone()), value)));
    match value.kind() {
        Kind::Unknown(_) => Err("The \"for_each\" value depends on resource attributes that cannot be determined until apply, so straddle cannot predict which instances will be created.".into()),
        Kind::Null(_) => Err("The given \"for_each\" argument value is null. A map, or set of strings is allowed.".into()),
        Kind::Map(_) | Kind::Object(_) => {
            Ok(value.entries().unwrap_or_default().iter().map(|(k, v)| instance(k, v.clone())).collect())
        }
        Kind::Set(set) => set
            .items
            .iter()
            .map(|item| match item.kind() {
                Kind::String(s) => Ok(instance(s, item.clone())),
                Kind::Unknown(_) => Err("The \"for_each\" set includes values that cannot be determined until apply.".into()),
                _ => Err("The given \"for_each\" argument value is unsuitable: a map, or set of strings is allowed, and this set has other elements.".to_string()),
            })
            .collect(),
        _ => Err(format!("The given \"for_each\" argument value is unsuitable: a map, or set of strings is required, not {}.", kind_name(value))),
    }
}

fn kind_name(value: &Value) -> &'static str {
    match value.kind() {
        Kind::Bool(_) => "a bool",
        Kind::Number(_) => "a number",
        Kind::String(_) => "a string",
        Kind::List(_) | Kind::Tuple(_) => "a list (use toset)",
        _ => "this",
    }
}

/// A value with the marks of its configuration and of its schema.
fn marked(schema: &Schema, value: Value, marks: &[MarkedPath]) -> Value {
    let by_schema = schema.block.sensitive_paths(&value);
    if marks.is_empty() && by_schema.is_empty() { value } else { value.mark_at(marks).mark_at(&by_schema) }
}
