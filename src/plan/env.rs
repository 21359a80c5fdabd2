//! What names mean while a module is evaluated: variables, locals, results of blocks, workloads, and inside a template the replica.

use super::blocks::step_name;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key, Mode};
use crate::lang::eval::{Scope, eval};
use crate::lang::functions::FunctionContext;
use crate::lang::module::Module;
use crate::lang::reference::{Reference, Subject};
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
        self.capacity.iter().map(|(d, n)| (Str::new(d), number(*n).div(&number(total)).unwrap_or_else(|_| Num::from(0)))).collect()
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

    fn local(&self, name: &str, reference: &Reference<'_>) -> Found {
        match self.locals.borrow().get(name) {
            Some(Local::Done(value)) => return Ok(value.clone()),
            Some(Local::InProgress) => {
                return Err(Diagnostic::error("Cycle", format!("local.{name} refers to itself.")).at(&reference.span).into());
            }
            None => {}
        }
        let Some(local) = self.module.locals.get(name) else {
            let problem = Diagnostic::error(
                "Reference to undeclared local value",
                format!("A local value with the name \"{name}\" has not been declared."),
            );
            return Err(near(problem.at(&reference.span), name, self.module.locals.keys().map(|k| &**k)));
        };
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

    fn variable(&self, name: &str, reference: &Reference<'_>) -> Found {
        self.variables.get(name).cloned().ok_or_else(|| {
            let problem = Diagnostic::error(
                "Reference to undeclared input variable",
                format!("An input variable with the name \"{name}\" has not been declared."),
            );
            near(problem.at(&reference.span), name, self.module.variables.keys().map(|k| &**k))
        })
    }

    /// `workload.name`, as an object that holds what the reference goes on to take of it.
    fn workload(&self, name: &str, reference: &Reference<'_>) -> Found {
        let workloads = self.workloads.borrow();
        let Some(counts) = workloads.get(name) else {
            if self.spec.workload(name).is_some() {
                return Ok(Value::unknown(Type::Dynamic));
            }
            let problem =
                Diagnostic::error("Reference to undeclared workload", format!("There is no workload named \"{name}\"."));
            let known = self.spec.workloads.iter().map(|w| w.rules.name.as_str());
            return Err(near(problem.at(&reference.span), name, known));
        };
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

    fn resource(&self, mode: Mode, ty: &str, name: &str, reference: &Reference<'_>) -> Found {
        let address = Address { mode, ..Address::managed(ty, name, None) };
        match self.block_value(&address) {
            Some(value) => Ok(value),
            // Declared and not evaluated yet: validation, or a provider configuration that refers to a resource.
            None if self.module.resources.contains_key(&(mode, address.ty, address.name)) => Ok(Value::unknown(Type::Dynamic)),
            None => Err(Diagnostic::error(
                "Reference to undeclared resource",
                format!("A managed resource \"{ty}\" \"{name}\" has not been declared in the root module."),
            )
            .at(&reference.span)
            .into()),
        }
    }

    fn path(&self, attribute: &str, reference: &Reference<'_>) -> Found {
        match attribute {
            "module" | "root" => Ok(Value::string(self.directory)),
            "cwd" => Ok(Value::string(self.functions.base_directory.to_string_lossy().into_owned())),
            _ => Err(Diagnostic::error("Invalid \"path\" attribute", "The \"path\" object has the attributes cwd, module and root.")
                .at(&reference.whole)
                .into()),
        }
    }
}

/// What resolving gives.
type Found = Result<Value, Box<Diagnostic>>;

impl Scope for Env<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Found {
        match reference.subject {
            Subject::Variable(name) => self.variable(name, reference),
            Subject::Local(name) => self.local(name, reference),
            Subject::Path(attribute) => self.path(attribute, reference),
            Subject::OwnNamed("workload", name) => self.workload(name, reference),
            Subject::Resource(mode, ty, name) => self.resource(mode, ty, name, reference),
            Subject::Terraform("workspace") => Ok(Value::string("default")),
            Subject::Terraform(_) => {
                Err(Diagnostic::error("Invalid \"terraform\" attribute", "The \"terraform\" object has the attribute workspace.")
                    .at(&reference.whole)
                    .into())
            }
            Subject::Each(_) => Err(out_of_place("each", reference)),
            Subject::Count(_) => Err(out_of_place("count", reference)),
            Subject::This => Err(out_of_place("self", reference)),
            Subject::Own(root) => Err(out_of_place(root, reference)),
            Subject::Module(name) => {
                Err(Diagnostic::error("Reference to undeclared module", format!("No module call named \"{name}\" is declared in the root module."))
                    .at(&reference.span)
                    .into())
            }
            Subject::OwnNamed(kind, name) => {
                Err(Diagnostic::error("Invalid reference", format!("{kind}.{name} has no value that expressions can use here."))
                    .at(&reference.span)
                    .into())
            }
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.functions)
    }
}

/// Names inside one instance: `each`, `count`, and in a template `location`, `replica` and the replica's own resources.
pub struct InstanceScope<'s, 'a> {
    pub env: &'s Env<'a>,
    pub each: Option<(Value, Value)>,
    pub count: Option<u64>,
    pub replica: Option<ReplicaScope<'s>>,
    /// The object itself, where an expression is judged on it.
    pub object: Option<Value>,
}

/// One replica, or one location's group.
pub struct ReplicaScope<'s> {
    pub workload: &'s Str,
    pub key: &'s Str,
    pub location: Value,
    /// Absent in a template made once for each location.
    pub replica: Option<Value>,
    /// Whether the template has a resource of this mode, type and name.
    pub owns: &'s dyn Fn(Mode, &str, &str) -> bool,
}

impl<'s, 'a> InstanceScope<'s, 'a> {
    /// A single instance.
    pub fn plain(env: &'s Env<'a>) -> InstanceScope<'s, 'a> {
        InstanceScope { env, each: None, count: None, replica: None, object: None }
    }

    fn sibling(&self, mode: Mode, ty: &str, name: &str) -> Option<Value> {
        let replica = self.replica.as_ref()?;
        if !(replica.owns)(mode, ty, name) {
            return None;
        }
        let address = Address { mode, ..Address::replica(replica.workload.clone(), ty, name, replica.key.clone()) };
        Some(self.env.instance(&address).unwrap_or_else(|| Value::unknown(Type::Dynamic)))
    }
}

impl Scope for InstanceScope<'_, '_> {
    fn resolve(&self, reference: &Reference<'_>) -> Found {
        let found = match reference.subject {
            Subject::Each(attribute) => match (&self.each, attribute) {
                (Some((key, _)), "key") => Some(key.clone()),
                (Some((_, value)), "value") => Some(value.clone()),
                (Some(_), _) => {
                    return Err(Diagnostic::error("Invalid \"each\" attribute", "The \"each\" object has the attributes key and value.")
                        .at(&reference.whole)
                        .into());
                }
                (None, _) => None,
            },
            Subject::Count(attribute) => match (self.count, attribute) {
                (Some(index), "index") => Some(Value::number(i64::try_from(index).unwrap_or(i64::MAX))),
                (Some(_), _) => {
                    return Err(Diagnostic::error("Invalid \"count\" attribute", "The \"count\" object has the attribute index.")
                        .at(&reference.whole)
                        .into());
                }
                (None, _) => None,
            },
            Subject::This => self.object.clone(),
            Subject::Own("location") => self.replica.as_ref().map(|r| r.location.clone()),
            Subject::Own("replica") => self.replica.as_ref().and_then(|r| r.replica.clone()),
            Subject::Resource(mode, ty, name) => self.sibling(mode, ty, name),
            _ => None,
        };
        match found {
            Some(value) => Ok(value),
            None => self.env.resolve(reference),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.env.functions)
    }
}

fn out_of_place(root: &str, reference: &Reference<'_>) -> Box<Diagnostic> {
    let (summary, detail) = match root {
        "each" => ("Reference to \"each\" in context without for_each", "The \"each\" object can be used only in blocks with the \"for_each\" argument set."),
        "count" => ("Reference to \"count\" in non-counted context", "The \"count\" object can be used only in blocks with the \"count\" argument set."),
        "self" => ("Invalid \"self\" reference", "The \"self\" object is not available in this context."),
        "location" => ("Reference to \"location\" outside of a replica block", "\"location\" is the place of the replica at hand: it exists in replica blocks only."),
        _ => ("Reference to \"replica\" outside of a replica block", "\"replica\" exists in replica blocks made once per replica only."),
    };
    Diagnostic::error(summary, detail).at(&reference.span).into()
}

fn near<'k>(problem: Diagnostic, name: &str, known: impl Iterator<Item = &'k str>) -> Box<Diagnostic> {
    Box::new(match crate::spec::nearest(name, known) {
        Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
        None => problem,
    })
}
