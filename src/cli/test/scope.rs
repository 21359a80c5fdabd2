//! What names mean in a test file: the values it gives, the outputs of runs before, and for what is asserted the module under test.

use crate::diag::Diagnostic;
use crate::lang::eval::Scope;
use crate::lang::functions::FunctionContext;
use crate::lang::module::{Mode, Module};
use crate::lang::reference::{Reference, Subject};
use crate::plan::env::Env;
use std::collections::BTreeMap;
use straddle_sdk::value::{Change, Kind, Str, Value};

/// The names a file itself has.
pub struct FileScope<'a> {
    /// Values given for variables.
    pub variables: &'a BTreeMap<Str, Value>,
    /// Outputs by run.
    pub runs: &'a BTreeMap<Str, Value>,
    /// What functions may use.
    pub functions: FunctionContext<'a>,
}

impl FileScope<'_> {
    fn run(&self, name: &str, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        self.runs.get(name).cloned().ok_or_else(|| {
            let near = crate::lang::suggest::nearest(name, self.runs.keys().map(|k| &**k));
            let mean = near.map_or(String::new(), |n| format!("Did you mean {n:?}?"));
            let detail = format!("There is no run named {name:?} before this one.");
            Box::new(Diagnostic::error("Reference to unknown run block", detail).at(&reference.span).help(mean))
        })
    }
}

impl Scope for FileScope<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        match reference.subject {
            Subject::Variable(name) => self.variables.get(name).cloned().ok_or_else(|| {
                let detail = format!(
                    "The input variable {name:?} is not available to the current context. You can only reference global variables."
                );
                Box::new(Diagnostic::error("Reference to unavailable variable", detail).at(&reference.span))
            }),
            Subject::Resource(Mode::Managed, "run", name) => self.run(name, reference),
            _ => {
                let detail = "Values in a test file come from variables (var.NAME) and runs before (run.NAME.OUTPUT).";
                Err(Box::new(Diagnostic::error("Invalid reference", detail).at(&reference.span)))
            }
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.functions)
    }
}

/// The names in an assertion: those of the module, with its outputs, and those of the file.
pub struct AssertScope<'a, 'e, 'm> {
    /// The file's.
    pub file: FileScope<'a>,
    /// The module as planned or applied.
    pub env: &'e Env<'m>,
    /// The root module of the run.
    pub module: &'a Module,
    /// It was only planned.
    pub planned: bool,
}

impl AssertScope<'_, '_, '_> {
    /// An output. Of a plan Terraform knows outputs as its state would have them: one that is not known is not known, parts of one that are not
    /// known are null.
    pub fn output(&self, name: &str) -> Result<Value, Vec<Diagnostic>> {
        let value = self.env.output(0, name)?;
        if !self.planned || value.is_unknown() || value.is_wholly_known() {
            return Ok(value);
        }
        Ok(value.map_parts(&mut |_, part| match part.kind() {
            Kind::Unknown(unknown) => Change::Replace(Value::null(unknown.ty.clone()).with_marks(part.marks())),
            _ => Change::Descend,
        }))
    }
}

impl Scope for AssertScope<'_, '_, '_> {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        match reference.subject {
            Subject::Resource(Mode::Managed, "output", name) if self.module.outputs.contains_key(name) => {
                let failed = |found: Vec<Diagnostic>| {
                    let detail = format!("The output {name:?} has no value.");
                    Box::new(found.into_iter().next().unwrap_or_else(|| Diagnostic::error("No value", detail)))
                };
                self.output(name).map_err(failed)
            }
            Subject::Resource(Mode::Managed, "output", name) => {
                let near = crate::lang::suggest::nearest(name, self.module.outputs.keys().map(|k| &**k));
                let mean = near.map_or(String::new(), |n| format!(" Did you mean {n:?}?"));
                let detail = format!("An output value with the name {name:?} has not been declared.{mean}");
                Err(Box::new(Diagnostic::error("Reference to undeclared output value", detail).at(&reference.span)))
            }
            Subject::Resource(Mode::Managed, "run", name) => self.file.run(name, reference),
            Subject::Variable(name) if !self.module.variables.contains_key(name) => self.file.resolve(reference),
            _ => self.env.scope(0).resolve(reference),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        Some(self.file.functions)
    }
}
