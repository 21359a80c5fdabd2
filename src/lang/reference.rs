//! References: what a traversal such as `data.aws_ami.x[0].id` names, and all of them in an expression.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::ast::{Expr, ExprKind, Ident, Literal, ObjectKey, Part, Step, StepKind, Traversal};
use crate::diag::{Diagnostic, Span};
use crate::lang::address::Mode;

/// What a reference names. Borrows from the syntax tree: parsing one allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Subject<'a> {
    /// `var.name`.
    Variable(&'a str),
    /// `local.name`.
    Local(&'a str),
    /// `each.key`, `each.value`.
    Each(&'a str),
    /// `count.index`.
    Count(&'a str),
    /// `path.module`, `path.root`, `path.cwd`.
    Path(&'a str),
    /// `terraform.workspace`.
    Terraform(&'a str),
    /// `module.name`: the call as a whole, all its instances.
    Module(&'a str),
    /// `type.name`, `data.type.name`: the resource as a whole, all its instances.
    Resource(Mode, &'a str, &'a str),
    /// `self`.
    This,
    /// straddle's `location`, `replica`, without a name: those of the replica at hand; its attributes are steps.
    Own(&'a str),
    /// straddle's `shared_risk.name`, `vantage.name`, `probe.name`, `workload.name`.
    OwnNamed(&'a str, &'a str),
}

/// A parsed traversal.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    pub subject: Subject<'a>,
    /// Where the subject is named.
    pub span: Span,
    /// What is taken of the subject's value.
    pub steps: &'a [Step],
    /// Subject and steps.
    pub whole: Span,
}

/// Roots of straddle's own that take no name.
const OWN: &[&str] = &["location", "replica"];

/// Roots of straddle's own that take a name.
const OWN_NAMED: &[&str] = &["shared_risk", "vantage", "probe", "workload", "standby", "overflow", "backup", "owner"];

impl<'a> Reference<'a> {
    /// Parses a traversal whose root no `for` binds.
    ///
    /// # Errors
    /// Terraform's "Invalid reference", with the place.
    pub fn parse(traversal: &'a Traversal) -> Result<Reference<'a>, Box<Diagnostic>> {
        let parser = Parser { root: &traversal.root, steps: &traversal.steps };
        let root: &str = &traversal.root.name;
        match root {
            "var" => parser.single(Subject::Variable),
            "local" => parser.single(Subject::Local),
            "each" => parser.single(Subject::Each),
            "count" => parser.single(Subject::Count),
            // Terraform asks for the attribute named "" of a bare `path`.
            "path" if traversal.steps.is_empty() => Ok(parser.taking(Subject::Path(""), 0)),
            "path" => parser.single(Subject::Path),
            "terraform" => parser.single(Subject::Terraform),
            "module" => parser.module(),
            "self" => Ok(parser.taking(Subject::This, 0)),
            "data" => parser.moded(Mode::Data),
            "resource" => parser.moded(Mode::Managed),
            "ephemeral" => parser.moded(Mode::Ephemeral),
            "template" | "lazy" | "arg" => {
                let detail = format!(
                    "The symbol name {root:?} is reserved for use in a future Terraform version. If you are using a provider \
                     that already uses this as a resource type name, add the prefix \"resource.\" to force interpretation as \
                     a resource type name."
                );
                Err(Box::new(Diagnostic::error("Reserved symbol name", detail).at(&traversal.root.span)))
            }
            _ if OWN.contains(&root) => Ok(parser.taking(Subject::Own(root), 0)),
            _ if OWN_NAMED.contains(&root) => parser.single(|name| Subject::OwnNamed(root, name)),
            _ => parser.resource(Mode::Managed, &traversal.root.name, 0),
        }
    }

    /// The constant instance key that follows a resource or module call, for example the `[0]` of `a.b[0].c`.
    pub fn instance_key(&self) -> Option<&'a Step> {
        self.steps.first().filter(|s| matches!(s.kind, StepKind::Index(_)))
    }
}

struct Parser<'a> {
    root: &'a Ident,
    steps: &'a [Step],
}

impl<'a> Parser<'a> {
    /// A reference whose subject takes so many steps.
    fn taking(&self, subject: Subject<'a>, taken: usize) -> Reference<'a> {
        let span = self.upto(taken);
        Reference {
            subject,
            span,
            steps: self.steps.get(taken..).unwrap_or_default(),
            whole: self.upto(self.steps.len()),
        }
    }

    /// From the root to the end of this many steps.
    fn upto(&self, steps: usize) -> Span {
        let mut span = self.root.span.clone();
        if let Some(step) = steps.checked_sub(1).and_then(|at| self.steps.get(at)) {
            span.range.end = step.span.range.end;
        }
        span
    }

    fn invalid(&self, detail: impl Into<String>, span: &Span) -> Box<Diagnostic> {
        Box::new(Diagnostic::error("Invalid reference", detail).at(span))
    }

    /// A root with one attribute.
    fn single(&self, subject: impl FnOnce(&'a str) -> Subject<'a>) -> Result<Reference<'a>, Box<Diagnostic>> {
        let root = &*self.root.name;
        match self.steps.first().map(|s| (&s.kind, &s.span)) {
            Some((StepKind::Attr(name), _)) => Ok(self.taking(subject(name), 1)),
            Some((_, span)) => Err(self.invalid(format!("The {root:?} object does not support this operation."), span)),
            None => {
                let detail =
                    format!("The {root:?} object cannot be accessed directly. Instead, access one of its attributes.");
                Err(self.invalid(detail, &self.root.span))
            }
        }
    }

    /// `module.name`, then perhaps a key, then perhaps an output.
    fn module(&self) -> Result<Reference<'a>, Box<Diagnostic>> {
        let reference = self.single(Subject::Module)?;
        let rest = match reference.instance_key() {
            Some(key) => {
                key_is_whole(key, "module")?;
                reference.steps.get(1)
            }
            None => reference.steps.first(),
        };
        match rest {
            Some(Step { kind: StepKind::Index(_), span }) => {
                Err(self.invalid("Module instance objects do not support this operation.", span))
            }
            _ => Ok(reference),
        }
    }

    /// `data.type.name`, `resource.type.name`, `ephemeral.type.name`.
    fn moded(&self, mode: Mode) -> Result<Reference<'a>, Box<Diagnostic>> {
        let (root, what) = match mode {
            Mode::Data => ("data", "data source"),
            Mode::Managed => ("resource", "resource"),
            Mode::Ephemeral => ("ephemeral", "ephemeral resource"),
        };
        if self.steps.len() < 2 {
            let detail = format!(
                "The {root:?} object must be followed by two attribute names: the {what} type and the resource name."
            );
            return Err(self.invalid(detail, &self.upto(self.steps.len())));
        }
        match self.attr(0) {
            Some(ty) => self.resource(mode, ty, 1),
            None => {
                let detail = format!("The {root:?} object does not support this operation.");
                Err(self.invalid(detail, &self.steps[0].span))
            }
        }
    }

    /// The name of a resource of a type, from step `at` on, and perhaps a key.
    fn resource(&self, mode: Mode, ty: &'a str, at: usize) -> Result<Reference<'a>, Box<Diagnostic>> {
        let Some(name) = self.attr(at) else {
            let what = match mode {
                Mode::Data => "a data source",
                Mode::Managed => "a resource type",
                Mode::Ephemeral => "an ephemeral resource type",
            };
            let detail = format!(
                "A reference to {what} must be followed by at least one attribute access, specifying the resource name."
            );
            return Err(self.invalid(detail, self.steps.get(at).map_or(&self.root.span, |step| &step.span)));
        };
        let reference = self.taking(Subject::Resource(mode, ty, name), at + 1);
        if let Some(key) = reference.instance_key() {
            key_is_whole(key, "resource")?;
        }
        Ok(reference)
    }

    fn attr(&self, at: usize) -> Option<&'a str> {
        match self.steps.get(at).map(|s| &s.kind) {
            Some(StepKind::Attr(name)) => Some(name),
            _ => None,
        }
    }
}

/// Refuses a key that no instance can have: a fraction.
fn key_is_whole(key: &Step, what: &str) -> Result<(), Box<Diagnostic>> {
    let StepKind::Index(Literal(value)) = &key.kind else { return Ok(()) };
    if value.as_num().is_none_or(|number| number.to_i64().is_some()) {
        return Ok(());
    }
    let detail = format!(
        "Invalid index for {what} instance: value must be a whole number, between -9223372036854775808 and \
         9223372036854775807 inclusive."
    );
    Err(Box::new(Diagnostic::error("Invalid index key", detail).at(&key.span)))
}

/// All references of an expression, in the order of the text, and the errors of those that are none. Names bound by a `for` are
/// no references.
pub fn references(expr: &Expr) -> (Vec<Reference<'_>>, Vec<Diagnostic>) {
    let mut found = (Vec::new(), Vec::new());
    traversals(expr, &mut |traversal| match Reference::parse(traversal) {
        Ok(reference) => found.0.push(reference),
        Err(diag) => found.1.push(*diag),
    });
    found
}

/// All traversals of an expression whose root no `for` binds.
pub fn traversals<'a>(expr: &'a Expr, found: &mut impl FnMut(&'a Traversal)) {
    Walk { found, bound: Vec::new() }.expr(expr);
}

struct Walk<'a, 'f, F> {
    found: &'f mut F,
    bound: Vec<&'a str>,
}

impl<'a, F: FnMut(&'a Traversal)> Walk<'a, '_, F> {
    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::SplatItem | ExprKind::Invalid => {}
            ExprKind::Template(template) => self.parts(&template.parts),
            ExprKind::Tuple(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Object(items) => {
                for item in items {
                    if let ObjectKey::Expr(key) = &item.key {
                        self.expr(key);
                    }
                    self.expr(&item.value);
                }
            }
            ExprKind::For(node) => {
                self.expr(&node.collection);
                self.binding(node.key.as_ref(), &node.value, |walk| {
                    node.key_result.iter().for_each(|key| walk.expr(key));
                    walk.expr(&node.result);
                    node.cond.iter().for_each(|cond| walk.expr(cond));
                });
            }
            ExprKind::Conditional(node) => [&node.cond, &node.yes, &node.no].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Binary(_) | ExprKind::Relative(_) | ExprKind::Index(_) => self.chain(expr),
            ExprKind::Unary(node) => self.expr(&node.operand),
            ExprKind::Call(node) => node.args.iter().for_each(|arg| self.expr(arg)),
            ExprKind::Traversal(traversal) => {
                if !self.bound.contains(&&*traversal.root.name) {
                    (self.found)(traversal);
                }
            }
            ExprKind::Splat(node) => {
                self.expr(&node.source);
                self.expr(&node.each);
            }
            ExprKind::Parens(inner) => self.expr(inner),
        }
    }

    /// Operators and accesses nest from the left, as deep as there are of them: no recursion there.
    fn chain(&mut self, expr: &'a Expr) {
        let mut rights = Vec::new();
        let mut left = expr;
        loop {
            left = match &left.kind {
                ExprKind::Binary(node) => {
                    rights.push(&node.right);
                    &node.left
                }
                ExprKind::Index(node) => {
                    rights.push(&node.key);
                    &node.on
                }
                ExprKind::Relative(node) => &node.on,
                _ => break,
            };
        }
        self.expr(left);
        rights.into_iter().rev().for_each(|right| self.expr(right));
    }

    fn parts(&mut self, parts: &'a [Part]) {
        for part in parts {
            match part {
                Part::Text(..) => {}
                Part::Interpolation(expr) => self.expr(expr),
                Part::If { cond, yes, no, .. } => {
                    self.expr(cond);
                    self.parts(yes);
                    self.parts(no);
                }
                Part::For { key, value, collection, body, .. } => {
                    self.expr(collection);
                    self.binding(key.as_ref(), value, |walk| walk.parts(body));
                }
            }
        }
    }

    fn binding(&mut self, key: Option<&'a Ident>, value: &'a Ident, inside: impl FnOnce(&mut Self)) {
        let before = self.bound.len();
        self.bound.extend(key.map(|k| &*k.name));
        self.bound.push(&value.name);
        inside(self);
        self.bound.truncate(before);
    }
}
