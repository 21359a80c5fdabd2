//! What names mean while a module is evaluated: variables, locals, results of blocks, workloads, and inside a template the replica.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::blocks::step_name;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key, Mode};
use crate::lang::eval::{Scope, eval};
use crate::lang::functions::FunctionContext;
use crate::lang::module::Module;
use crate::lang::reference::{Reference, Subject};
use crate::lang::scope::{ModuleScope, ModuleValues, Paths, Resources};
use crate::spec::Spec;
use crate::spread::model::{Topology, Workload};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Str, Type, Value};

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
    /// The value a reference to the whole block has.
    fn value(&self) -> Value {
        match self.repetition {
            Repetition::Single => self.instances.get(&None).cloned().unwrap_or_else(|| Value::unknown(Type::Dynamic)),
            Repetition::Count => Value::tuple(self.instances.values().cloned().collect()),
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

/// What a workload is worth in expressions, at one moment: the target while planning, the state of a step while following it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadCounts {
    pub replicas: u32,
    /// By location; locations without replicas are there with 0.
    pub count: BTreeMap<String, u32>,
    /// Serving capacity by domain of the outermost spread level, in units. Domains without any are absent: a weight of 0 and no
    /// weight are different things to a name server.
    pub capacity: BTreeMap<String, u64>,
}

impl WorkloadCounts {
    /// The counts of a workload with so many replicas in each place.
    pub fn of(topology: &Topology, rules: &Workload, places: &[u32]) -> WorkloadCounts {
        let mut counts = WorkloadCounts { replicas: rules.replicas, ..WorkloadCounts::default() };
        let level = rules.spread.first().map(|s| s.level.as_str());
        for (place, n) in rules.places.iter().zip(places) {
            let location = &topology.locations[place.location];
            counts.count.insert(location.name.clone(), *n);
            let domain = level.and_then(|l| location.domains.get(l)).unwrap_or(&location.name);
            if *n > 0 {
                *counts.capacity.entry(domain.clone()).or_default() += u64::from(*n) * u64::from(place.unit);
            }
        }
        counts
    }

    /// Each domain's fraction of the serving capacity.
    pub fn shares(&self) -> Vec<(Str, Num)> {
        let total: u64 = self.capacity.values().sum();
        let number = |n: u64| Num::from(i64::try_from(n).unwrap_or(i64::MAX));
        self.capacity
            .iter()
            .map(|(d, n)| (Str::new(d), number(*n).div(&number(total)).unwrap_or_else(|_| Num::from(0))))
            .collect()
    }
}

/// The module as far as it has been evaluated.
pub struct Env<'a> {
    pub module: &'a Module,
    pub spec: &'a Spec,
    pub variables: &'a BTreeMap<Str, Value>,
    pub functions: FunctionContext<'a>,
    /// The module's directory, as `path.module` shows it.
    pub directory: &'a str,
    locals: RefCell<HashMap<Str, Local>>,
    blocks: RefCell<HashMap<Address, (BlockValues, Option<Value>)>>,
    workloads: RefCell<BTreeMap<Str, WorkloadCounts>>,
}

enum Local {
    InProgress,
    Done(Value),
}

impl<'a> Env<'a> {
    /// Nothing evaluated yet.
    pub fn new(
        module: &'a Module,
        spec: &'a Spec,
        variables: &'a BTreeMap<Str, Value>,
        functions: FunctionContext<'a>,
        directory: &'a str,
    ) -> Env<'a> {
        Env {
            module,
            spec,
            variables,
            functions,
            directory,
            locals: RefCell::default(),
            blocks: RefCell::default(),
            workloads: RefCell::default(),
        }
    }

    /// Gives a block its results. Locals that were evaluated before it stay: order is the caller's.
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

    /// The result of one instance.
    pub fn instance(&self, address: &Address) -> Option<Value> {
        self.blocks.borrow().get(&address.without_key())?.0.instances.get(&address.key).cloned()
    }

    /// Says how many replicas a workload has where. Forgets locals, which may have used the old numbers.
    pub fn set_workload(&self, name: Str, counts: WorkloadCounts) {
        self.workloads.borrow_mut().insert(name, counts);
        self.forget_locals();
    }

    /// Forgets evaluated locals: something they used has changed.
    pub fn forget_locals(&self) {
        self.locals.borrow_mut().clear();
    }

    fn block_value(&self, address: &Address) -> Option<Value> {
        let mut blocks = self.blocks.borrow_mut();
        let (values, cached) = blocks.get_mut(address)?;
        if cached.is_none() {
            *cached = Some(values.value());
        }
        cached.clone()
    }

    /// A local, evaluated when first asked for. One that fails is reported where the first reference to it stands.
    fn local(&self, name: &str, reference: &Reference<'_>) -> Found {
        match self.locals.borrow().get(name) {
            Some(Local::Done(value)) => return Ok(value.clone()),
            Some(Local::InProgress) => {
                return Err(Diagnostic::error("Cycle", format!("local.{name} refers to itself."))
                    .at(&reference.span)
                    .into());
            }
            None => {}
        }
        let Some(local) = self.module.locals.get(name) else { return self.otherwise(reference) };
        let key = Str::new(name);
        self.locals.borrow_mut().insert(key.clone(), Local::InProgress);
        let (value, problems) = eval(&local.expr, self);
        match problems.into_iter().find(Diagnostic::is_error) {
            Some(first) => {
                self.locals.borrow_mut().remove(name);
                Err(first.into())
            }
            None => {
                self.locals.borrow_mut().insert(key, Local::Done(value.clone()));
                Ok(value)
            }
        }
    }

    /// What a module's scope says of names this one has no value for.
    fn otherwise(&self, reference: &Reference<'_>) -> Found {
        let cwd = self.functions.base_directory.to_string_lossy().into_owned();
        let paths = Paths { module: self.directory.into(), root: self.directory.into(), cwd };
        let values = ModuleValues { variables: self.variables.clone(), ..ModuleValues::default() };
        let scope = ModuleScope {
            module: self.module,
            values: &values,
            resources: self,
            functions: self.functions,
            paths: &paths,
            workspace: "default",
            console: false,
        };
        scope.resolve(reference)
    }

    /// `workload.name`, as an object that holds what the reference goes on to take of it.
    fn workload(&self, name: &str, reference: &Reference<'_>) -> Found {
        let workloads = self.workloads.borrow();
        let Some(counts) = workloads.get(name) else { return self.otherwise(reference) };
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
                let value = self.instance(&address).unwrap_or_else(|| Value::unknown(Type::Dynamic));
                ((r.mode, &**ty, &**name), value)
            })
            .collect()
    }
}

/// What resolving gives.
type Found = Result<Value, Box<Diagnostic>>;

impl Scope for Env<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Found {
        match reference.subject {
            Subject::Variable(name) => self.variables.get(name).cloned().map_or_else(|| self.otherwise(reference), Ok),
            Subject::Local(name) => self.local(name, reference),
            Subject::OwnNamed("workload", name) => self.workload(name, reference),
            Subject::Resource(mode, ty, name) if reference.instance_key().is_none() => match self.value(mode, ty, name)
            {
                Some(value) => Ok(value),
                None => self.otherwise(reference),
            },
            _ => self.otherwise(reference),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.functions)
    }
}

impl Resources for Env<'_> {
    fn value(&self, mode: Mode, ty: &str, name: &str) -> Option<Value> {
        self.block_value(&Address { mode, ..Address::managed(ty, name, None) })
    }

    fn own(&self, root: &str, name: &str) -> Option<Value> {
        // Workloads with known counts were answered before; what is left is not known yet.
        let known = root == "workload" && self.spec.workload(name).is_some();
        known.then(|| Value::unknown(Type::Dynamic))
    }

    fn own_names(&self, root: &str) -> Vec<Str> {
        if root == "workload" {
            self.spec.workloads.iter().map(|w| Str::new(&w.rules.name)).collect()
        } else {
            Vec::new()
        }
    }
}
