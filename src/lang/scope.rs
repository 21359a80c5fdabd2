//! Scopes: the names of a module, and the few that only hold inside a block.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::address::Mode;
use super::ast::{Step, StepKind};
use super::eval::{Scope, get_attribute, get_index};
use super::functions::{Function, FunctionContext, lookup, of_provider};
use super::module::{Module, Resource};
use super::reference::{Reference, Subject};
use super::schema::Block;
use super::suggest::nearest;
use crate::diag::Diagnostic;
use std::collections::BTreeMap;
use straddle_sdk::value::{Marks, Str, Type, Value};

type Resolved = Result<Value, Box<Diagnostic>>;

/// Values of a module's own names.
#[derive(Clone, Debug, Default)]
pub struct ModuleValues {
    pub variables: BTreeMap<Str, Value>,
    pub locals: BTreeMap<Str, Value>,
    /// A call's outputs, as an object; with `count` a tuple of objects, with `for_each` an object of objects.
    pub modules: BTreeMap<Str, Value>,
}

/// Values of resources, from whoever knows them: a plan, a state, nobody.
pub trait Resources {
    /// A declared resource as a whole: an object; with `count` a tuple, with `for_each` an object of objects. `None`: nothing is known
    /// yet.
    fn value(&self, mode: Mode, ty: &str, name: &str) -> Option<Value>;

    /// The schema of a type, to check what is taken of its resources. `None`: not known here.
    fn schema(&self, mode: Mode, ty: &str) -> Option<&Block> {
        super::builtin::schema(mode, ty)
    }

    /// straddle's own `shared_risk.x`, `probe.x`, `workload.x`, ... by root and name. `None`: there is none of that name.
    fn own(&self, root: &str, name: &str) -> Option<Value> {
        let (_, _) = (root, name);
        None
    }

    /// The names [`Resources::own`] knows, for suggestions.
    fn own_names(&self, root: &str) -> Vec<Str> {
        let _ = root;
        Vec::new()
    }
}

/// Nothing is known of any resource.
pub struct NoResources;

impl Resources for NoResources {
    fn value(&self, _: Mode, _: &str, _: &str) -> Option<Value> {
        None
    }
}

/// The directories `path` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub module: String,
    pub root: String,
    pub cwd: String,
}

/// The scope of a module.
pub struct ModuleScope<'a> {
    pub module: &'a Module,
    pub values: &'a ModuleValues,
    pub resources: &'a dyn Resources,
    pub functions: FunctionContext<'a>,
    pub paths: &'a Paths,
    pub workspace: &'a str,
    /// `type()` may be called, and messages are the console's.
    pub console: bool,
}

fn refuse(summary: &str, detail: impl Into<String>, reference: &Reference<'_>) -> Resolved {
    Err(Box::new(Diagnostic::error(summary, detail).at(&reference.span)))
}

impl Scope for ModuleScope<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Resolved {
        match reference.subject {
            Subject::Variable(name) => self.variable(name, reference),
            Subject::Local(name) => self.local(name, reference),
            Subject::Module(name) => self.module_call(name, reference),
            Subject::Resource(mode, ty, name) => self.resource(mode, ty, name, reference),
            Subject::Path(name) => self.path(name, reference),
            Subject::Terraform(name) => self.terraform(name, reference),
            Subject::Each("value") => {
                let detail = "A reference to \"each.value\" has been used in a context in which it is unavailable, such as when the \
                              configuration no longer contains the value in its \"for_each\" expression. Remove this \
                              reference to each.value in your configuration to work around this error.";
                refuse("each.value cannot be used in this context", detail, reference)
            }
            Subject::Each(name) if name != "key" => bad_each(name, reference),
            Subject::Each(_) => {
                let detail = "The \"each\" object can be used only in \"module\" or \"resource\" blocks, and only when the \
                              \"for_each\" argument is set.";
                refuse("Reference to \"each\" in context without for_each", detail, reference)
            }
            Subject::Count("index") => {
                let detail = "The \"count\" object can only be used in \"module\", \"resource\", and \"data\" blocks, and only when \
                              the \"count\" argument is set.";
                refuse("Reference to \"count\" in non-counted context", detail, reference)
            }
            Subject::Count(name) => bad_count(name, reference),
            Subject::This => {
                let detail = "The \"self\" object is not available in this context. This object can be used only in resource \
                              provisioner, connection, and postcondition blocks.";
                refuse("Invalid \"self\" reference", detail, reference)
            }
            Subject::Own(root) => {
                let detail = format!("The {root:?} object is available only inside a replica template of a workload.");
                refuse(&format!("Reference to {root:?} outside of a replica template"), detail, reference)
            }
            Subject::OwnNamed(root, name) => self.own(root, name, reference),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.functions)
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        // What is asked in the console belongs to no plan.
        let planned = matches!(name, "plantimestamp" | "core::plantimestamp");
        of_provider(self.module, name).or_else(|| lookup(name).filter(|_| !(self.console && planned)))
    }

    fn is_console(&self) -> bool {
        self.console
    }
}

impl ModuleScope<'_> {
    fn variable(&self, name: &str, reference: &Reference<'_>) -> Resolved {
        match (self.module.variables.get(name), self.values.variables.get(name)) {
            (_, Some(value)) => Ok(value.clone()),
            (Some(variable), None) => Ok(Value::unknown(variable.ty.without_optional())),
            (None, None) => {
                let what = match nearest(name, self.module.variables.keys().map(|k| &**k)) {
                    Some(near) => format!("Did you mean {near:?}?"),
                    None => format!("This variable can be declared with a variable {name:?} {{}} block."),
                };
                let detail = format!("An input variable with the name {name:?} has not been declared. {what}");
                refuse("Reference to undeclared input variable", detail, reference)
            }
        }
    }

    fn local(&self, name: &str, reference: &Reference<'_>) -> Resolved {
        if let Some(value) = self.values.locals.get(name) {
            return Ok(value.clone());
        }
        if self.module.locals.contains_key(name) {
            return Ok(Value::unknown(Type::Dynamic));
        }
        let near = nearest(name, self.module.locals.keys().map(|k| &**k));
        let mean = near.map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
        let detail = format!("A local value with the name {name:?} has not been declared.{mean}");
        refuse("Reference to undeclared local value", detail, reference)
    }

    fn module_call(&self, name: &str, reference: &Reference<'_>) -> Resolved {
        if let Some(value) = self.values.modules.get(name) {
            return Ok(value.clone());
        }
        if self.module.modules.contains_key(name) {
            return Ok(Value::unknown(Type::Dynamic));
        }
        let near = nearest(name, self.module.modules.keys().map(|k| &**k));
        let mean = near.map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
        let detail = format!("No module call named {name:?} is declared in {}.{mean}", self.place());
        let mut span = reference.span.clone();
        let output = reference.steps.iter().take(2).find(|step| matches!(step.kind, StepKind::Attr(_)));
        if let Some(step) = output.or(reference.instance_key()) {
            span.range.end = step.span.range.end;
        }
        Err(Box::new(Diagnostic::error("Reference to undeclared module", detail).at(&span)))
    }

    fn resource(&self, mode: Mode, ty: &str, name: &str, reference: &Reference<'_>) -> Resolved {
        let Some(resource) = self.module.resource(mode, ty, name) else {
            return Err(Box::new(self.undeclared_resource(mode, ty, name, reference)));
        };
        if resource.container.is_some() {
            let what = mode.prefix().trim_end_matches('.');
            let detail = format!("The referenced {what} resource {ty:?} {name:?} is not available from this context.");
            return refuse("Reference to scoped resource", detail, reference);
        }
        let single = resource.count.is_none() && resource.for_each.is_none();
        if let (true, Some(key)) = (single, reference.instance_key()) {
            return Err(Box::new(unexpected_key(mode, ty, name, reference, key)));
        }
        if let (false, Some(step)) = (single, reference.steps.first())
            && let StepKind::Attr(_) = step.kind
        {
            return Err(Box::new(missing_key(resource, reference)));
        }
        if let Some(schema) = self.resources.schema(mode, ty) {
            let after_key = if single { 0 } else { 1 };
            let rest = reference.steps.get(after_key..).unwrap_or_default();
            let step = rest.first();
            if let Some(StepKind::Attr(attr)) = step.map(|step| &step.kind)
                && &**attr == "count"
            {
                let detail = format!(
                    "The special \"count\" attribute is no longer supported after Terraform v0.12. Instead, use \
                     length({}{ty}.{name}) to count resource instances.",
                    mode.prefix()
                );
                return refuse("Invalid resource count attribute", detail, reference);
            }
            if let Some(diag) = no_such_part(schema, rest) {
                return Err(Box::new(diag));
            }
        }
        Ok(self.resources.value(mode, ty, name).unwrap_or_else(|| Value::unknown(Type::Dynamic)))
    }

    /// This module, as messages call it.
    fn place(&self) -> &'static str {
        if self.paths.module == self.paths.root { "the root module" } else { "this module" }
    }

    fn undeclared_resource(&self, mode: Mode, ty: &str, name: &str, reference: &Reference<'_>) -> Diagnostic {
        let what = match mode {
            Mode::Data => "A data",
            Mode::Managed => "A managed",
            Mode::Ephemeral => "An ephemeral",
        };
        let mut detail = format!("{what} resource {ty:?} {name:?} has not been declared in {}.", self.place());
        let others = [Mode::Managed, Mode::Data, Mode::Ephemeral];
        let other = others.into_iter().find(|m| *m != mode && self.module.resource(*m, ty, name).is_some());
        if let Some(other) = other.filter(|_| mode == Mode::Managed) {
            let what = if other == Mode::Data { "data" } else { "ephemeral" };
            detail.push_str(&format!("\n\nDid you mean the {what} resource {}{ty}.{name}?", other.prefix()));
        }
        let diag = Diagnostic::error("Reference to undeclared resource", detail).at(&reference.span);
        if let Some(other) = other {
            return diag.help(format!("Did you mean {}{ty}.{name}?", other.prefix()));
        }
        let declared: Vec<String> =
            self.module.resources.keys().filter(|(m, _, _)| *m == mode).map(|(_, t, n)| format!("{t}.{n}")).collect();
        match nearest(&format!("{ty}.{name}"), declared.iter().map(String::as_str)) {
            Some(near) => diag.help(format!("Did you mean {}{near}?", mode.prefix())),
            None => diag,
        }
    }

    fn path(&self, name: &str, reference: &Reference<'_>) -> Resolved {
        match name {
            "module" => Ok(Value::string(self.paths.module.as_str())),
            "root" => Ok(Value::string(self.paths.root.as_str())),
            "cwd" => Ok(Value::string(self.paths.cwd.as_str())),
            "" if !self.console => {
                let detail = "The \"path\" object cannot be accessed directly. Instead, access one of its attributes.";
                refuse("Invalid reference", detail, reference)
            }
            _ => {
                let near = nearest(name, ["cwd", "module", "root"]);
                let mean = near.map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
                let detail = format!("The \"path\" object does not have an attribute named {name:?}.{mean}");
                refuse("Invalid \"path\" attribute", detail, reference)
            }
        }
    }

    fn terraform(&self, name: &str, reference: &Reference<'_>) -> Resolved {
        match name {
            "workspace" => Ok(Value::string(self.workspace)),
            // Whether this is the apply phase: true nowhere but there, and nowhere to be kept.
            "applying" => Ok(Value::FALSE.with_marks(Marks::EPHEMERAL)),
            "env" => {
                let detail = "The terraform.env attribute was deprecated in v0.10 and removed in v0.12. The \"state environment\" \
                              concept was renamed to \"workspace\" in v0.12, and so the workspace name can now be accessed using \
                              the terraform.workspace attribute.";
                refuse("Invalid \"terraform\" attribute", detail, reference)
            }
            _ => {
                let detail = format!(
                    "The \"terraform\" object does not have an attribute named {name:?}. The only supported \
                     attributes are terraform.workspace, the name of the currently-selected workspace, and terraform.applying, a \
                     boolean which is true only during apply."
                );
                refuse("Invalid \"terraform\" attribute", detail, reference)
            }
        }
    }

    fn own(&self, root: &str, name: &str, reference: &Reference<'_>) -> Resolved {
        if let Some(value) = self.resources.own(root, name) {
            return Ok(value);
        }
        let names = self.resources.own_names(root);
        let near = nearest(name, names.iter().map(|n| &**n));
        let mean = near.map_or(String::new(), |near| format!(" Did you mean {root}.{near}?"));
        let detail = format!("There is no block {root} {name:?} in this module.{mean}");
        refuse(&format!("Reference to undeclared {}", root.replace('_', " ")), detail, reference)
    }
}

fn bad_each(name: &str, reference: &Reference<'_>) -> Resolved {
    let detail = format!(
        "The \"each\" object does not have an attribute named {name:?}. The supported attributes are each.key and each.value, the \
         current key and value pair of the \"for_each\" attribute set."
    );
    refuse("Invalid \"each\" attribute", detail, reference)
}

fn bad_count(name: &str, reference: &Reference<'_>) -> Resolved {
    let detail = format!(
        "The \"count\" object does not have an attribute named {name:?}. The only supported attribute is count.index, which is the \
         index of each instance of a resource block that has the \"count\" argument set."
    );
    refuse("Invalid \"count\" attribute", detail, reference)
}

fn unexpected_key(mode: Mode, ty: &str, name: &str, reference: &Reference<'_>, key: &Step) -> Diagnostic {
    let data = mode.prefix();
    let detail = format!(
        "Because {data}{ty}.{name} does not have \"count\" or \"for_each\" set, references to it must not include an index key. Remove \
         the bracketed index to refer to the single instance of this resource."
    );
    let mut span = reference.span.clone();
    span.range.end = key.span.range.end;
    Diagnostic::error("Unexpected resource instance key", detail).at(&span)
}

fn missing_key(resource: &Resource, reference: &Reference<'_>) -> Diagnostic {
    let data = resource.mode.prefix();
    let name = format!("{data}{}.{}", resource.ty.text, resource.name.text);
    let (argument, example) =
        if resource.count.is_some() { ("count", "count.index") } else { ("for_each", "each.key") };
    let detail = format!(
        "Because {name} has {argument:?} set, its attributes must be accessed on specific instances.\n\nFor example, to correlate with \
         indices of a referring resource, use:\n    {name}[{example}]"
    );
    Diagnostic::error("Missing resource instance key", detail).at(&reference.span)
}

/// What is wrong with taking steps into an object of a schema, as far as the schema tells.
pub(super) fn no_such_part(schema: &Block, steps: &[Step]) -> Option<Diagnostic> {
    let (first, rest) = steps.split_first()?;
    if let Some(diag) = no_attribute(schema, first) {
        return Some(diag);
    }
    let StepKind::Attr(name) = &first.kind else { return None };
    let mut value = Value::unknown(schema.attributes.get(name)?.ty.implied_type());
    for step in rest {
        let next = match &step.kind {
            StepKind::Attr(name) => get_attribute(&value, name, &step.span),
            StepKind::Index(key) => get_index(&value, &key.0, &step.span),
        };
        match next {
            Ok(next) => value = next,
            Err(diag) => return Some(*diag),
        }
    }
    None
}

/// What is wrong with taking a step into an object of a schema, if anything.
fn no_attribute(schema: &Block, step: &Step) -> Option<Diagnostic> {
    let name = match &step.kind {
        StepKind::Attr(name) => name,
        StepKind::Index(key) => {
            let mut detail = "Only attribute access is allowed here".to_owned();
            match key.0.as_str().filter(|key| super::address::ident_len(key) == key.len() && !key.is_empty()) {
                Some(name) => {
                    detail.push_str(&format!(". Did you mean to access attribute {name:?} using the dot operator?"));
                }
                None => detail.push_str(", using the dot operator."),
            }
            return Some(Diagnostic::error("Invalid index operation", detail).at(&step.span));
        }
    };
    if schema.attributes.contains_key(name) || schema.blocks.contains_key(name) {
        return None;
    }
    let near = nearest(name, schema.attributes.keys().chain(schema.blocks.keys()).map(|known| &**known));
    let mean = near.map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
    let detail = format!("This object has no argument, nested block, or exported attribute named {:?}.{mean}", &**name);
    Some(Diagnostic::error("Unsupported attribute", detail).at(&step.span))
}

/// Names that hold inside one block or for one replica, over those of a module. Cheap: made anew for each instance.
pub struct Overlay<'a> {
    pub outer: &'a dyn Scope,
    /// `each.key` and `each.value`.
    pub each: Option<(&'a Value, &'a Value)>,
    /// `count.index`.
    pub index: Option<u64>,
    /// `self`.
    pub this: Option<&'a Value>,
    /// The schema of `self`, to check what is taken of it.
    pub this_schema: Option<&'a Block>,
    /// straddle's `location` and `replica`, by root.
    pub own: &'a [(&'a str, Value)],
    /// Resources that hide the module's: those of the replica at hand.
    pub resources: &'a [((Mode, &'a str, &'a str), Value)],
}

impl<'a> Overlay<'a> {
    /// Nothing over a scope; fill in what holds.
    pub fn over(outer: &'a dyn Scope) -> Overlay<'a> {
        Overlay { outer, each: None, index: None, this: None, this_schema: None, own: &[], resources: &[] }
    }
}

impl Scope for Overlay<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Resolved {
        match (reference.subject, self.each) {
            (Subject::Each("key"), Some((key, _))) => return Ok(key.clone()),
            (Subject::Each("value"), Some((_, value))) => return Ok(value.clone()),
            (Subject::Each(name), Some(_)) => return bad_each(name, reference),
            (Subject::Count("index"), _) => {
                if let Some(index) = self.index {
                    return Ok(Value::number(i64::try_from(index).unwrap_or(i64::MAX)));
                }
            }
            (Subject::This, _) => {
                if let Some(this) = self.this {
                    let wrong = self.this_schema.and_then(|schema| no_such_part(schema, reference.steps));
                    return match wrong {
                        Some(diag) => Err(Box::new(diag)),
                        None => Ok(this.clone()),
                    };
                }
            }
            (Subject::Own(root), _) => {
                if let Some((_, value)) = self.own.iter().find(|(own, _)| *own == root) {
                    return Ok(value.clone());
                }
            }
            (Subject::Resource(mode, ty, name), _) => {
                if let Some((_, value)) = self.resources.iter().find(|(key, _)| *key == (mode, ty, name)) {
                    return Ok(value.clone());
                }
            }
            _ => {}
        }
        self.outer.resolve(reference)
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        self.outer.functions()
    }

    fn function(&self, name: &str) -> Option<&'static super::functions::Function> {
        self.outer.function(name)
    }

    fn is_console(&self) -> bool {
        self.outer.is_console()
    }

    fn allows_references(&self) -> bool {
        self.outer.allows_references()
    }
}
