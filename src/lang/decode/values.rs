//! `variable`, `locals`, `output`.

use super::Decoder;
use super::content::{Shape, check_labels, just_attributes};
use crate::lang::ast::{Attribute, Block};
use crate::lang::eval::{NoScope, eval};
use crate::lang::module::{Local, Output, Variable};
use crate::lang::types::{Constraint, parse_type};
use straddle_sdk::value::{Defaults, Step, Type, Value, convert};

/// Names with a meaning inside `module` blocks.
const RESERVED: &[&str] =
    &["source", "version", "providers", "count", "for_each", "depends_on", "_", "lifecycle", "locals", "provider"];

impl Decoder<'_> {
    pub(super) fn variable(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[
                ("description", false),
                ("default", false),
                ("type", false),
                ("sensitive", false),
                ("nullable", false),
                ("ephemeral", false),
            ],
            blocks: &[("validation", &[])],
        };
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (label, body) = (&block.labels[0], &block.body);
        let name = label.text.clone();
        self.valid_name("Invalid variable name", &name, &label.span);
        if RESERVED.contains(&&*name) {
            let detail =
                format!("The variable name {:?} is reserved due to its special meaning inside module blocks.", &*name);
            self.error("Invalid variable name", detail, &label.span);
        }
        self.check(body, &SHAPE);
        let constraint = match body.attribute("type").map(|a| parse_type(&a.expr)) {
            Some(Ok(constraint)) => constraint,
            Some(Err(diag)) => {
                self.diags.push(*diag);
                Constraint { ty: Type::Dynamic, defaults: Defaults::default() }
            }
            None => Constraint { ty: Type::Dynamic, defaults: Defaults::default() },
        };
        let nullable = self.constant_bool(body.attribute("nullable")).unwrap_or(true);
        let default = body.attribute("default").and_then(|a| self.default(a, &name, &constraint, nullable));
        let validations = self.validations(body, &name);
        let variable = Variable {
            name: name.clone(),
            ty: constraint.ty,
            typed: body.attribute("type").is_some(),
            defaults: constraint.defaults,
            default,
            description: self.constant_text(body.attribute("description")).map(|d| d.0),
            sensitive: self.constant_bool(body.attribute("sensitive")).unwrap_or(false),
            ephemeral: self.constant_bool(body.attribute("ephemeral")).unwrap_or(false),
            nullable,
            validations,
            span: block.header.clone(),
        };
        let words = |first: &str| {
            let detail = format!(
                "A variable named {:?} was already declared at {first}. Variable names must be unique within a module.",
                &*name
            );
            ("Duplicate variable declaration".to_owned(), detail)
        };
        if self.declare("variable", name.clone(), &block.header, words) {
            self.module.variables.insert(name, variable);
        }
    }

    fn default(&mut self, attribute: &Attribute, name: &str, constraint: &Constraint, nullable: bool) -> Option<Value> {
        let (value, diags) = eval(&attribute.expr, &NoScope);
        if !diags.is_empty() {
            self.diags.extend(diags);
            // A default there is: the variable is not required.
            return Some(Value::unknown(constraint.ty.without_optional()));
        }
        let overridden = self.overridden.get(name).cloned();
        let place = overridden.as_ref().map_or(&attribute.expr.span, |(span, ..)| span).clone();
        if value.is_null() && !nullable {
            let detail = "A null default value is not valid when nullable=false.";
            self.error("Invalid default value for variable", detail, &place);
        }
        match convert(&constraint.defaults.apply(&value), &constraint.ty) {
            Ok(value) => Some(value),
            Err(problem) => {
                let what = match overridden {
                    None => "This default value is not compatible with the variable's type constraint",
                    Some((_, true, false)) => {
                        "Overriding this variable's type constraint has made its default value invalid"
                    }
                    Some((_, false, true)) => {
                        "The overridden default value for this variable is not compatible with the variable's type constraint"
                    }
                    Some(_) => "This variable's default value is not compatible with its type constraint",
                };
                let at = match problem.path.0.first() {
                    Some(Step::Key(_) | Step::Index(_)) => format!("{}: ", problem.path),
                    _ => String::new(),
                };
                self.error("Invalid default value for variable", format!("{what}: {at}{problem}."), &place);
                Some(Value::unknown(constraint.ty.without_optional()))
            }
        }
    }

    pub(super) fn locals(&mut self, block: &Block) {
        if !check_labels(block, &[], &mut self.diags) {
            return;
        }
        just_attributes(&block.body, &mut self.diags);
        for attribute in &block.body.attributes {
            let name = attribute.name.name.clone();
            let words = |first: &str| {
                let detail = format!(
                    "A local value named {:?} was already defined at {first}. Local value names must be unique within a module.",
                    &*name
                );
                ("Duplicate local value definition".to_owned(), detail)
            };
            if self.declare("local", name.clone(), &attribute.span, words) {
                let local =
                    Local { name: attribute.name.clone(), expr: attribute.expr.clone(), span: attribute.span.clone() };
                self.module.locals.insert(name, local);
            }
        }
    }

    pub(super) fn output(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[
                ("value", true),
                ("description", false),
                ("sensitive", false),
                ("ephemeral", false),
                ("depends_on", false),
            ],
            blocks: &[("precondition", &[]), ("postcondition", &[])],
        };
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (label, body) = (&block.labels[0], &block.body);
        let name = label.text.clone();
        self.valid_name("Invalid output name", &name, &label.span);
        self.check(body, &SHAPE);
        for block in body.blocks_of("postcondition") {
            let detail = "Output values can only have preconditions, not postconditions.";
            self.error("Postconditions are not allowed", detail, &block.kind.span);
        }
        let output = Output {
            name: name.clone(),
            value: body.attribute("value").map(|a| a.expr.clone()),
            description: self.constant_text(body.attribute("description")).map(|d| d.0),
            sensitive: self.constant_bool(body.attribute("sensitive")).unwrap_or(false),
            ephemeral: self.constant_bool(body.attribute("ephemeral")).unwrap_or(false),
            depends_on: self.depends_on(body),
            preconditions: self.rules(body, "precondition"),
            span: block.header.clone(),
        };
        let words = |first: &str| {
            let detail = format!(
                "An output named {:?} was already defined at {first}. Output names must be unique within a module.",
                &*name
            );
            ("Duplicate output definition".to_owned(), detail)
        };
        if self.declare("output", name.clone(), &block.header, words) {
            self.module.outputs.insert(name, output);
        }
    }
}
