//! What names mean while a configuration is evaluated: the instances of its modules, and in each variables, locals, outputs, results
//! of resources; in the root module also workloads.
//!
//! A name is evaluated when it is first asked for and kept. That is sound because whoever asks has waited for all it depends on: the
//! walk opens nodes in dependency order, and operations of a plan wait for each other likewise. Where numbers of a workload change
//! on the way, everything kept is forgotten; who looks out of order does so by [`Env::aside`].

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::blocks::{output_name, step_name};
pub use super::counts::WorkloadCounts;
use crate::diag::{Diagnostic, Sources, Span};
use crate::lang::address::{Address, Key, Mode};
use crate::lang::builtin;
use crate::lang::eval::{Scope, eval};
use crate::lang::evaluate::{Instances, argument, instances};
use crate::lang::functions::{Function, FunctionContext, lookup, of_provider};
use crate::lang::graph::dependency_order;
use crate::lang::module::{Module, Resource, Variable};
use crate::lang::reference::{Reference, Subject};
use crate::lang::scope::{ModuleScope, ModuleValues, Overlay, Paths, Resources};
use crate::lang::tree::{Node, Tree};
use crate::spec::Spec;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use straddle_sdk::schema::{Block, Prepared};
use straddle_sdk::value::{Marks, Str, Type, Value};

/// How the instances of a block are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repetition {
    /// One instance without a key.
    Single,
    /// `count`: keys 0, 1, 2 ...
    Count,
    /// `for_each`: text keys.
    ForEach,
    /// The number of instances is not known yet.
    Unknown,
}

/// The results of one block.
#[derive(Clone, Debug)]
pub struct BlockValues {
    pub repetition: Repetition,
    pub instances: BTreeMap<Option<Key>, Value>,
}

impl BlockValues {
    /// The results by index; one that is missing (`-target` left it out) is not known, and keeps its place.
    fn in_place(&self) -> Vec<Value> {
        let mut all = Vec::with_capacity(self.instances.len());
        for (key, value) in &self.instances {
            if let Some(Key::Int(index)) = key {
                let gap = index.saturating_sub(all.len() as u64);
                all.extend((0..gap).map(|_| Value::unknown(Type::Dynamic)));
            }
            all.push(value.clone());
        }
        all
    }

    /// The value a reference to the whole block has.
    fn value(&self) -> Value {
        match self.repetition {
            Repetition::Single => self.instances.get(&None).cloned().unwrap_or_else(|| Value::unknown(Type::Dynamic)),
            Repetition::Count => Value::tuple(self.in_place()),
            Repetition::ForEach => Value::object(
                self.instances
                    .iter()
                    .filter_map(|(k, v)| match k {
                        Some(Key::Str(s)) => Some((s.clone(), v.clone())),
                        _ => None,
                    })
                    .collect(),
            ),
            Repetition::Unknown => Value::unknown(Type::Dynamic),
        }
    }
}

/// The calls that lead to an instance of a module, each with its key.
pub type ModulePath = Vec<(Str, Option<Key>)>;

/// How often a resource or a module is made, and what `each` is in each of its instances.
#[derive(Clone, Debug)]
pub struct Expansion {
    pub repetition: Repetition,
    pub keys: BTreeMap<Option<Key>, Option<(Value, Value)>>,
}

impl Expansion {
    /// One instance without a key.
    fn single() -> Expansion {
        Expansion { repetition: Repetition::Single, keys: BTreeMap::from([(None, None)]) }
    }
}

/// One instance of a module.
#[derive(Debug)]
pub struct Instance {
    /// The module's number.
    pub node: usize,
    pub path: ModulePath,
    /// The instance that calls it; `None` for the root module.
    pub caller: Option<usize>,
    /// `each.key` and `each.value` of the call.
    pub each: Option<(Value, Value)>,
    paths: Paths,
}

/// The instances a call made, by key.
type Made = Rc<(Repetition, BTreeMap<Option<Key>, usize>)>;

/// What resolving gives.
type Found = Result<Value, Box<Diagnostic>>;

/// A value that was asked for before.
enum Kept {
    InProgress,
    Done(Value),
    /// Reported where it was first asked for.
    Failed,
}

/// What was evaluated and may have to be forgotten.
#[derive(Default)]
struct Memory<'a> {
    names: HashMap<(usize, Subject<'a>), Kept>,
    calls: HashMap<(usize, usize), Made>,
    expansions: HashMap<Address, Rc<Expansion>>,
}

/// The configuration as far as it has been evaluated.
pub struct Env<'a> {
    pub tree: Tree<'a>,
    /// The root module.
    pub module: &'a Module,
    pub spec: &'a Spec,
    /// Of the root module.
    pub variables: &'a BTreeMap<Str, Value>,
    pub functions: FunctionContext<'a>,
    pub sources: &'a Sources,
    /// The name of the workspace.
    pub workspace: String,
    /// What `terraform.applying` is.
    pub applying: Cell<bool>,
    /// Who asks is a person, of what is there: functions and messages are the console's, and a resource without results is not known.
    pub console: bool,
    /// Schemas beside the built-in ones, to check what is taken of resources.
    pub schemas: Option<&'a BTreeMap<(Mode, Str), Prepared>>,
    nothing: ModuleValues,
    instances: RefCell<Vec<Rc<Instance>>>,
    by_path: RefCell<HashMap<ModulePath, usize>>,
    memory: RefCell<Memory<'a>>,
    blocks: RefCell<HashMap<Address, (BlockValues, Option<Value>)>>,
    workloads: RefCell<BTreeMap<Str, WorkloadCounts>>,
    /// Why data sources of checks could not be read.
    unread: RefCell<BTreeMap<Address, String>>,
    /// What probes have seen, by name.
    probed: RefCell<BTreeMap<Str, Value>>,
}

impl<'a> Env<'a> {
    /// Nothing evaluated yet.
    pub fn new(
        tree: Tree<'a>,
        spec: &'a Spec,
        variables: &'a BTreeMap<Str, Value>,
        functions: FunctionContext<'a>,
        sources: &'a Sources,
    ) -> Env<'a> {
        let env = Env {
            module: tree.root().module,
            tree,
            spec,
            variables,
            functions,
            sources,
            workspace: "default".into(),
            applying: Cell::new(false),
            console: false,
            schemas: None,
            nothing: ModuleValues::default(),
            instances: RefCell::default(),
            by_path: RefCell::default(),
            memory: RefCell::default(),
            blocks: RefCell::default(),
            workloads: RefCell::default(),
            unread: RefCell::default(),
            probed: RefCell::default(),
        };
        env.add_instance(0, Vec::new(), None, None);
        env
    }

    fn add_instance(
        &self,
        node: usize,
        path: ModulePath,
        caller: Option<usize>,
        each: Option<(Value, Value)>,
    ) -> usize {
        if let Some(known) = self.by_path.borrow().get(&path).copied() {
            // Made again after everything was forgotten: only what `each` is may have changed.
            let old = self.instance(known);
            let new = Instance { node, path, caller, each, paths: old.paths.clone() };
            self.instances.borrow_mut()[known] = Rc::new(new);
            return known;
        }
        let paths = Paths {
            module: self.tree.nodes[node].directory.clone(),
            root: self.tree.root().directory.clone(),
            cwd: self.functions.base_directory.to_string_lossy().into_owned(),
        };
        let mut all = self.instances.borrow_mut();
        all.push(Rc::new(Instance { node, path: path.clone(), caller, each, paths }));
        self.by_path.borrow_mut().insert(path, all.len() - 1);
        all.len() - 1
    }

    /// An instance by its number. Number 0 is the root module's only one.
    pub fn instance(&self, number: usize) -> Rc<Instance> {
        self.instances.borrow()[number].clone()
    }

    /// The names of an instance of a module.
    pub fn scope(&self, instance: usize) -> Names<'_, 'a> {
        Names { env: self, number: instance, instance: self.instance(instance) }
    }

    fn node(&self, instance: usize) -> &Node<'a> {
        &self.tree.nodes[self.instance(instance).node]
    }

    /// The instances of a module, in the order of keys. Those nobody can tell yet are left out.
    pub fn instances_of(&self, node: usize) -> Vec<usize> {
        let Some((caller, _)) = self.tree.nodes[node].call else { return vec![0] };
        let mut all = Vec::new();
        for instance in self.instances_of(caller) {
            if let Ok(made) = self.call(instance, node) {
                all.extend(made.1.values());
            }
        }
        all
    }

    /// The instance at the end of a path of calls.
    pub fn instance_at(&self, path: &ModulePath) -> Option<usize> {
        let mut at = 0;
        for (name, key) in path {
            let child = *self.node(at).children.get(name)?;
            at = *self.call(at, child).ok()?.1.get(key)?;
        }
        Some(at)
    }

    /// The instances that one instance of the caller makes of a called module.
    ///
    /// # Errors
    /// Their number cannot be told.
    pub fn call(&self, caller: usize, child: usize) -> Result<Made, Vec<Diagnostic>> {
        if let Some(made) = self.memory.borrow().calls.get(&(caller, child)) {
            return Ok(made.clone());
        }
        let Some((_, call)) = self.tree.nodes[child].call else { return Err(Vec::new()) };
        let scope = self.scope(caller);
        let expansion = expand(call.count.as_ref(), call.for_each.as_ref(), &scope)?;
        let mut made = BTreeMap::new();
        for (key, each) in expansion.keys {
            let mut path = scope.instance.path.clone();
            path.push((call.name.clone(), key.clone()));
            made.insert(key, self.add_instance(child, path, Some(caller), each));
        }
        let made: Made = Rc::new((expansion.repetition, made));
        self.memory.borrow_mut().calls.insert((caller, child), made.clone());
        Ok(made)
    }

    /// How often a resource is made in an instance of its module. The address is without the resource's own key.
    ///
    /// # Errors
    /// The number cannot be told.
    pub fn expand(
        &self,
        instance: usize,
        resource: &Resource,
        address: &Address,
    ) -> Result<Rc<Expansion>, Vec<Diagnostic>> {
        if let Some(known) = self.memory.borrow().expansions.get(address) {
            return Ok(known.clone());
        }
        let scope = self.scope(instance);
        let expansion = Rc::new(expand(resource.count.as_ref(), resource.for_each.as_ref(), &scope)?);
        self.memory.borrow_mut().expansions.insert(address.clone(), expansion.clone());
        Ok(expansion)
    }

    /// Whether the configuration makes what an address names, as seen from a module: the resource, or with a key the instance.
    pub fn declares(&self, module: &[Str], address: &Address) -> bool {
        let names = module.iter().chain(address.module.iter().map(|(name, _)| name));
        let Some(node) = self.tree.find(names) else { return false };
        let Some(resource) = self.tree.nodes[node].module.resource(address.mode, &address.ty, &address.name) else {
            return false;
        };
        let keyed = address.key.is_some() || address.module.iter().any(|(_, key)| key.is_some());
        if !keyed {
            return true;
        }
        self.instances_of(node).into_iter().any(|instance| {
            let path = self.instance(instance).path.clone();
            let inside = path.get(module.len()..).is_some_and(|p| p == address.module.as_slice());
            let base = Address { module: path, key: None, ..address.clone() };
            inside && self.expand(instance, resource, &base).is_ok_and(|e| e.keys.contains_key(&address.key))
        })
    }

    /// Gives a block its results.
    pub fn set_block(&self, address: Address, values: BlockValues) {
        self.blocks.borrow_mut().insert(address, (values, None));
    }

    /// Gives one instance of a block its result.
    pub fn set_instance(&self, address: &Address, value: Value) {
        let mut blocks = self.blocks.borrow_mut();
        let repetition = match &address.key {
            None => Repetition::Single,
            Some(Key::Int(_)) => Repetition::Count,
            Some(Key::Str(_)) => Repetition::ForEach,
        };
        let entry = blocks
            .entry(address.without_key())
            .or_insert_with(|| (BlockValues { repetition, instances: BTreeMap::new() }, None));
        entry.0.instances.insert(address.key.clone(), value);
        entry.1 = None;
    }

    /// Takes an instance's result away: the object is gone.
    pub fn remove_instance(&self, address: &Address) {
        if let Some(entry) = self.blocks.borrow_mut().get_mut(&address.without_key()) {
            entry.0.instances.remove(&address.key);
            entry.1 = None;
        }
    }

    /// Notes that a data source of a check could not be read: the check does not hold.
    pub fn note_unread(&self, address: &Address, problems: &[Diagnostic]) {
        if let Some(problem) = problems.iter().find(|problem| problem.is_error()) {
            let why = format!("{}: {}", problem.summary, problem.detail);
            self.unread.borrow_mut().insert(address.clone(), why);
        }
    }

    /// Why a data source of a check could not be read.
    pub fn unread(&self, address: &Address) -> Option<String> {
        self.unread.borrow().get(address).cloned()
    }

    /// The result of one instance.
    pub fn result(&self, address: &Address) -> Option<Value> {
        self.blocks.borrow().get(&address.without_key())?.0.instances.get(&address.key).cloned()
    }

    /// Says how many replicas a workload has where. Forgets what may have used the old numbers.
    pub fn set_workload(&self, name: Str, counts: WorkloadCounts) {
        self.workloads.borrow_mut().insert(name, counts);
        *self.memory.borrow_mut() = Memory::default();
    }

    /// What probes have seen of these replicas; what was evaluated with other sights is forgotten.
    pub fn set_probed(&self, probed: &super::probes::Probed, replicas: &std::collections::BTreeSet<(Str, Str)>) {
        if self.spec.probes.is_empty() {
            return;
        }
        let value = |name: &Str| Some((name.clone(), probed.value(self.spec, name, replicas)?));
        let values: BTreeMap<Str, Value> = self.spec.probes.iter().filter_map(|p| value(&p.name)).collect();
        if *self.probed.borrow() != values {
            *self.probed.borrow_mut() = values;
            self.memory.borrow_mut().names.clear();
        }
    }

    /// Evaluates out of order: what is kept is not used, and nothing is kept.
    pub fn aside<R>(&self, look: impl FnOnce() -> R) -> R {
        let kept = self.memory.take();
        let result = look();
        *self.memory.borrow_mut() = kept;
        result
    }

    fn block_value(&self, address: &Address) -> Option<Value> {
        let mut blocks = self.blocks.borrow_mut();
        let (values, cached) = blocks.get_mut(address)?;
        if cached.is_none() {
            *cached = Some(values.value());
        }
        cached.clone()
    }

    /// A value that is evaluated once.
    fn kept(
        &self,
        instance: usize,
        subject: Subject<'a>,
        evaluate: impl FnOnce() -> Result<Value, Vec<Diagnostic>>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let key = (instance, subject);
        match self.memory.borrow().names.get(&key) {
            Some(Kept::Done(value)) => return Ok(value.clone()),
            Some(Kept::Failed) => return Ok(Value::unknown(Type::Dynamic)),
            Some(Kept::InProgress) => return Err(vec![Diagnostic::error("Cycle", "It refers to itself.")]),
            None => {}
        }
        self.memory.borrow_mut().names.insert(key, Kept::InProgress);
        let result = evaluate();
        let kept = match &result {
            Ok(value) => Kept::Done(value.clone()),
            Err(_) => Kept::Failed,
        };
        self.memory.borrow_mut().names.insert(key, kept);
        result
    }

    /// Evaluates all locals, each after what it needs: who asks in no order of its own does not go from one to the next as deep as
    /// they lead. What cannot be evaluated is not known afterwards.
    pub fn settle(&self) {
        self.settle_in(0);
    }

    fn settle_in(&self, instance: usize) {
        let node = self.node(instance);
        for subject in dependency_order(node.module).0 {
            match subject {
                Subject::Local(name) => drop(self.local(instance, name)),
                Subject::Module(name) => {
                    let Some(child) = node.children.get(name) else { continue };
                    let Ok(made) = self.call(instance, *child) else { continue };
                    made.1.values().for_each(|inside| self.settle_in(*inside));
                }
                _ => {}
            }
        }
    }

    /// A local.
    ///
    /// # Errors
    /// It cannot be evaluated; told to the first who asks.
    pub fn local(&self, instance: usize, name: &str) -> Result<Value, Vec<Diagnostic>> {
        let module: &'a Module = self.node(instance).module;
        let Some(local) = module.locals.get(name) else { return Err(Vec::new()) };
        self.kept(instance, Subject::Local(&local.name.name), || sound(eval(&local.expr, &self.scope(instance))))
    }

    /// An input variable, not judged by its rules.
    ///
    /// # Errors
    /// As [`Env::local`].
    pub fn variable(&self, instance: usize, name: &str) -> Result<Value, Vec<Diagnostic>> {
        let here = self.instance(instance);
        let module: &'a Module = self.tree.nodes[here.node].module;
        let Some(variable) = module.variables.get(name) else { return Err(Vec::new()) };
        let (Some(caller), Some((_, call))) = (here.caller, self.tree.nodes[here.node].call) else {
            let unknown = || Value::unknown(variable.ty.without_optional());
            return Ok(self.variables.get(name).cloned().unwrap_or_else(unknown));
        };
        self.kept(instance, Subject::Variable(&variable.name), || {
            let scope = self.scope(caller);
            let key = here.path.last().and_then(|(_, key)| key.as_ref());
            sound(argument(call, variable, &overlay(&scope, key, here.each.as_ref()), self.sources))
        })
    }

    /// Where a variable of an instance of a module gets its value, for who judges it: the argument of the call, or the declaration.
    pub fn given_at(&self, instance: usize, variable: &Variable) -> Span {
        let call = self.tree.nodes[self.instance(instance).node].call;
        let argument = call.and_then(|(_, call)| call.body.attribute(&variable.name));
        argument.map_or(&variable.span, |argument| &argument.expr.span).clone()
    }

    /// An output of an instance of a module, with the marks it declares.
    ///
    /// # Errors
    /// As [`Env::local`].
    pub fn output(&self, instance: usize, name: &str) -> Result<Value, Vec<Diagnostic>> {
        let module: &'a Module = self.node(instance).module;
        let Some(output) = module.outputs.get(name) else { return Err(Vec::new()) };
        let Some(expr) = &output.value else { return Ok(Value::unknown(Type::Dynamic)) };
        self.kept(instance, Subject::OwnNamed("output", &output.name), || {
            let value = sound(eval(expr, &self.scope(instance)))?;
            let mut marks = Marks::NONE;
            if output.sensitive {
                // As in Terraform 1.11, whoever calls the module may do with it what it likes; shown it is not.
                marks = marks | if instance == 0 { Marks::SENSITIVE } else { Marks::DECLARED };
            }
            if output.ephemeral {
                marks = marks | Marks::EPHEMERAL;
            }
            Ok(value.with_marks(marks))
        })
    }

    /// What a module call is worth: its outputs, of which only `wanted` is evaluated if it is named, once for each instance.
    fn module_value(&self, caller: usize, child: usize, wanted: Option<&str>) -> Result<Value, Vec<Diagnostic>> {
        let Some((_, call)) = self.tree.nodes[child].call else { return Ok(Value::unknown(Type::Dynamic)) };
        let Ok(made) = self.call(caller, child) else { return Ok(Value::unknown(Type::Dynamic)) };
        let module: &'a Module = self.tree.nodes[child].module;
        let one = wanted.and_then(|name| module.outputs.get(name));
        let subject = match one {
            Some(output) => Subject::OwnNamed(&call.name, &output.name),
            None => Subject::Module(&call.name),
        };
        self.kept(caller, subject, || {
            let outputs = |instance: usize| {
                let names = module.outputs.keys().filter(|name| one.is_none_or(|one| **name == one.name));
                let attrs: Result<Vec<_>, Vec<Diagnostic>> =
                    names.map(|name| Ok((name.clone(), self.output(instance, name)?))).collect();
                attrs.map(Value::object)
            };
            let instances: Result<BTreeMap<Option<Key>, Value>, Vec<Diagnostic>> =
                made.1.iter().map(|(key, instance)| Ok((key.clone(), outputs(*instance)?))).collect();
            Ok(BlockValues { repetition: made.0, instances: instances? }.value())
        })
    }

    /// `workload.name`, as an object that holds what the reference goes on to take of it.
    fn workload(&self, name: &str, reference: &Reference<'_>) -> Found {
        let workloads = self.workloads.borrow();
        let Some(counts) = workloads.get(name) else { return self.scope(0).otherwise(reference) };
        let wanted = step_name(reference);
        let number = |n: u32| Value::number(i64::from(n));
        let mut attrs: Vec<(Str, Value)> = vec![("replicas".into(), number(counts.replicas))];
        if wanted.is_none_or(|w| w == "count") {
            let count = counts.count.iter().map(|(k, n)| (Str::new(k), number(*n))).collect();
            attrs.push(("count".into(), Value::map(Type::Number, count)));
        }
        if wanted.is_none_or(|w| w == "share") {
            let share = counts.shares().into_iter().map(|(k, n)| (k, Value::number(n))).collect();
            attrs.push(("share".into(), Value::map(Type::Number, share)));
        }
        if wanted == Some("active") {
            let none = Value::null(Type::String);
            attrs.push(("active".into(), counts.active.as_deref().map_or(none, Value::string)));
        }
        if wanted.is_none_or(|w| w == "members") {
            attrs.push(("members".into(), self.members(name)));
        }
        Ok(Value::object(attrs))
    }

    /// One object for each replica, in the order of keys: its key and its resources by type and name.
    fn members(&self, workload: &str) -> Value {
        let blocks = self.blocks.borrow();
        let mut members: BTreeMap<Key, BTreeMap<Str, Vec<(Str, Value)>>> = BTreeMap::new();
        let own = blocks.iter().filter(|(a, _)| a.workload.as_deref() == Some(workload) && a.mode == Mode::Managed);
        for (address, (values, _)) in own {
            for (key, value) in &values.instances {
                let Some(key) = key else { continue };
                let types = members.entry(key.clone()).or_default();
                types.entry(address.ty.clone()).or_default().push((address.name.clone(), value.clone()));
            }
        }
        Value::tuple(
            members
                .into_iter()
                .map(|(key, types)| {
                    let Key::Str(key) = key else { return Value::object(Vec::new()) };
                    let mut attrs: Vec<(Str, Value)> =
                        types.into_iter().map(|(ty, names)| (ty, Value::object(names))).collect();
                    attrs.push(("key".into(), Value::string(key)));
                    Value::object(attrs)
                })
                .collect(),
        )
    }

    /// The results of one replica's resources, as far as there are any: what its template may refer to by plain names.
    pub fn siblings<'t>(
        &self,
        workload: &Str,
        resources: &'t [crate::lang::module::Resource],
        key: &Str,
    ) -> Vec<((Mode, &'t str, &'t str), Value)> {
        resources
            .iter()
            .map(|r| {
                let (ty, name) = (&r.ty.text, &r.name.text);
                let address = Address {
                    mode: r.mode,
                    ..Address::replica(workload.clone(), ty.clone(), name.clone(), key.clone())
                };
                let value = self.result(&address).unwrap_or_else(|| Value::unknown(Type::Dynamic));
                ((r.mode, &**ty, &**name), value)
            })
            .collect()
    }
}

/// A value without errors; warnings are dropped, they were told when the text was read.
fn sound((value, problems): (Value, Vec<Diagnostic>)) -> Result<Value, Vec<Diagnostic>> {
    if problems.iter().any(Diagnostic::is_error) { Err(problems) } else { Ok(value) }
}

/// What only holds inside one instance: its key and `each`.
pub fn overlay<'o>(outer: &'o dyn Scope, key: Option<&Key>, each: Option<&'o (Value, Value)>) -> Overlay<'o> {
    let index = match key {
        Some(Key::Int(n)) => Some(*n),
        _ => None,
    };
    Overlay { index, each: each.map(|(k, v)| (k, v)), ..Overlay::over(outer) }
}

/// Evaluates `count` or `for_each`; one that is not known yet is an error here.
fn expand(
    count: Option<&crate::lang::ast::Expr>,
    for_each: Option<&crate::lang::ast::Expr>,
    scope: &dyn Scope,
) -> Result<Expansion, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let found = instances(count, for_each, scope, &mut problems);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    match found {
        Instances::Single => Ok(Expansion::single()),
        Instances::Count(n) => {
            let keys = (0..n).map(|i| (Some(Key::Int(i)), None)).collect();
            Ok(Expansion { repetition: Repetition::Count, keys })
        }
        Instances::Each(pairs) => {
            let keys = pairs
                .into_iter()
                .map(|(key, value)| (Some(Key::Str(key.clone())), Some((Value::string(key), value))))
                .collect();
            Ok(Expansion { repetition: Repetition::ForEach, keys })
        }
        Instances::Unknown => Err(vec![too_early(count.is_some(), count.or(for_each))]),
    }
}

fn too_early(count: bool, expr: Option<&crate::lang::ast::Expr>) -> Diagnostic {
    let (summary, what) = if count {
        (
            "Invalid count argument",
            "\"count\" value depends on resource attributes that cannot be determined until apply, so straddle cannot predict how many instances will be created",
        )
    } else {
        (
            "Invalid for_each argument",
            "\"for_each\" value includes keys or set values derived from resource attributes that cannot be determined until apply, so straddle cannot determine the full set of keys that will identify the instances of this resource",
        )
    };
    let problem = Diagnostic::error(summary, format!("The {what}."))
        .help("Let it depend on variables or locals, or apply what it depends on first with -target.");
    match expr {
        Some(expr) => problem.at(&expr.span),
        None => problem,
    }
}

/// The names of one instance of a module.
pub struct Names<'e, 'a> {
    env: &'e Env<'a>,
    number: usize,
    instance: Rc<Instance>,
}

impl Names<'_, '_> {
    /// What a module's scope says of names there is no value for, or that need a closer look.
    fn otherwise(&self, reference: &Reference<'_>) -> Found {
        let scope = ModuleScope {
            module: self.env.tree.nodes[self.instance.node].module,
            values: &self.env.nothing,
            resources: self,
            functions: self.env.functions,
            paths: &self.instance.paths,
            workspace: &self.env.workspace,
            console: self.env.console,
        };
        scope.resolve(reference)
    }

    /// The first error; one without words is a name nobody declared.
    fn told(&self, result: Result<Value, Vec<Diagnostic>>, reference: &Reference<'_>) -> Found {
        match result {
            Ok(value) => Ok(value),
            Err(problems) => match problems.into_iter().find(Diagnostic::is_error) {
                Some(mut first) => {
                    if first.span.is_none() {
                        first = first.at(&reference.span);
                    }
                    Err(first.into())
                }
                None => self.otherwise(reference),
            },
        }
    }
}

impl Scope for Names<'_, '_> {
    fn resolve(&self, reference: &Reference<'_>) -> Found {
        match reference.subject {
            Subject::Variable(name) => self.told(self.env.variable(self.number, name), reference),
            Subject::Local(name) => self.told(self.env.local(self.number, name), reference),
            Subject::Module(name) => match self.env.tree.nodes[self.instance.node].children.get(name) {
                Some(child) => self.told(self.env.module_value(self.number, *child, output_name(reference)), reference),
                None => self.otherwise(reference),
            },
            Subject::OwnNamed("workload", name) if self.number == 0 => self.env.workload(name, reference),
            Subject::OwnNamed("probe", name) if self.number == 0 => match self.env.probed.borrow().get(name) {
                Some(seen) => Ok(seen.clone()),
                None => self.otherwise(reference),
            },
            Subject::Terraform("applying") => {
                let applying = if self.env.applying.get() { Value::TRUE } else { Value::FALSE };
                Ok(applying.with_marks(Marks::EPHEMERAL))
            }
            _ => self.otherwise(reference),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.env.functions)
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        // What is asked in the console belongs to no plan.
        let planned = matches!(name, "plantimestamp" | "core::plantimestamp");
        let module = self.env.tree.nodes[self.instance.node].module;
        of_provider(module, name).or_else(|| lookup(name).filter(|_| !(self.env.console && planned)))
    }

    fn is_console(&self) -> bool {
        self.env.console
    }
}

impl Resources for Names<'_, '_> {
    fn value(&self, mode: Mode, ty: &str, name: &str) -> Option<Value> {
        let address = Address { mode, module: self.instance.path.clone(), ..Address::managed(ty, name, None) };
        if let Some(value) = self.env.block_value(&address) {
            return Some(value);
        }
        if self.env.console {
            return None;
        }
        // One that is made no times has no results, and is known all the same.
        let resource = self.env.tree.nodes[self.instance.node].module.resource(mode, ty, name)?;
        let expansion = self.env.expand(self.number, resource, &address).ok()?;
        let none = expansion.keys.is_empty();
        none.then(|| BlockValues { repetition: expansion.repetition, instances: BTreeMap::new() }.value())
    }

    fn schema(&self, mode: Mode, ty: &str) -> Option<&Block> {
        builtin::schema(mode, ty).or_else(|| Some(&self.env.schemas?.get(&(mode, Str::new(ty)))?.block))
    }

    fn own(&self, root: &str, name: &str) -> Option<Value> {
        // Workloads with known counts were answered before; what is left is not known yet.
        let spec = self.env.spec;
        let known = match root {
            "workload" => spec.workload(name).is_some(),
            "probe" => spec.probes.iter().any(|p| &*p.name == name),
            _ => false,
        };
        (known && self.number == 0).then(|| Value::unknown(Type::Dynamic))
    }

    fn own_names(&self, root: &str) -> Vec<Str> {
        match root {
            _ if self.number != 0 => Vec::new(),
            "workload" => self.env.spec.workloads.iter().map(|w| Str::new(&w.rules.name)).collect(),
            "probe" => self.env.spec.probes.iter().map(|p| p.name.clone()).collect(),
            _ => Vec::new(),
        }
    }
}

/// The root module's names.
impl Scope for Env<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Found {
        self.scope(0).resolve(reference)
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.functions)
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        self.scope(0).function(name)
    }

    fn is_console(&self) -> bool {
        self.console
    }
}
