//! The syntax tree. Every node knows the bytes it was written in; nothing here has been evaluated.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::syntax::json::Property;
use crate::diag::Span;
use std::sync::Arc;
use straddle_sdk::value::{Str, Value};

/// A name as written, with its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Ident {
    pub name: Str,
    pub span: Span,
}

/// The label of a block.
#[derive(Clone, PartialEq, Debug)]
pub struct Label {
    /// Without quotes, escapes resolved.
    pub text: Str,
    /// With quotes.
    pub span: Span,
    /// Whether it was written in quotes.
    pub quoted: bool,
}

/// What stands between braces, or a whole file.
#[derive(Clone, PartialEq, Debug)]
pub struct Body {
    /// In the order of the text; names are unique.
    pub attributes: Vec<Attribute>,
    /// In the order of the text.
    pub blocks: Vec<Block>,
    /// From brace to brace, or the whole file; in JSON the closing brace. Its first byte is where a missing argument is reported.
    pub span: Span,
    /// An override file had a part in it. As in Terraform nobody asks then whether all that is in it is known.
    pub merged: bool,
}

/// `name = expression`.
#[derive(Clone, PartialEq, Debug)]
pub struct Attribute {
    pub name: Ident,
    pub expr: Expr,
    /// Name and expression.
    pub span: Span,
    /// As JSON, where it was written so: a schema may say that it is blocks.
    pub json: Option<Arc<Property>>,
}

/// `type "label" ... { ... }`.
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    pub kind: Ident,
    pub labels: Vec<Label>,
    /// Shared, since a template's body is evaluated once for each replica.
    pub body: Arc<Body>,
    /// From the type to the closing brace.
    pub span: Span,
    /// The type and its labels: what diagnostics on the block as a whole underline.
    pub header: Span,
    /// The opening brace.
    pub open: Span,
    /// The closing brace.
    pub close: Span,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

/// The kinds of expression.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// A number (exact; its text is that of the span), bool, null, or text in quotes or a heredoc without interpolations.
    Literal(Literal),
    /// Text with interpolations or directives. Strip markers have been applied to the text around them.
    Template(Arc<Template>),
    /// `[a, b]`.
    Tuple(Vec<Expr>),
    /// `{ a = b }`.
    Object(Vec<ObjectItem>),
    /// `[for ...]` and `{for ...}`.
    For(Box<For>),
    /// `a ? b : c`.
    Conditional(Box<Conditional>),
    /// `a + b`.
    Binary(Box<Binary>),
    /// `-a`, `!a`.
    Unary(Box<Unary>),
    /// `name(a, b...)`.
    Call(Box<Call>),
    /// A name and constant steps: `var.a["b"][0].c`. The name may be bound by an enclosing `for`.
    Traversal(Box<Traversal>),
    /// Constant steps on the result of an expression: `f(x).a[0]`.
    Relative(Box<Relative>),
    /// `a[b]` where `b` is not constant.
    Index(Box<Index>),
    /// `a.*.b`, `a[*].b`.
    Splat(Box<Splat>),
    /// Inside [`Splat::each`]: the element at hand.
    SplatItem,
    /// `(a)`.
    Parens(Box<Expr>),
    /// Could not be parsed; reported already, evaluates to an unknown in silence.
    Invalid,
}

/// A constant.
#[derive(Clone, Debug)]
pub struct Literal(pub Value);

impl PartialEq for Literal {
    /// Of equal text; enough to compare trees.
    fn eq(&self, other: &Literal) -> bool {
        format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

/// Text with holes.
#[derive(Clone, PartialEq, Debug)]
pub struct Template {
    pub parts: Vec<Part>,
    /// Written as `<<EOT`.
    pub heredoc: bool,
}

/// A stretch of a template.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// Text, escapes resolved, stripped and dedented.
    Text(Str, Span),
    /// `${expr}`.
    Interpolation(Expr),
    /// `%{ if cond }yes%{ else }no%{ endif }`.
    If { cond: Expr, yes: Vec<Part>, no: Vec<Part>, span: Span },
    /// `%{ for key, value in collection }body%{ endfor }`.
    For { key: Option<Ident>, value: Ident, collection: Expr, body: Vec<Part>, span: Span },
}

/// An item of an object constructor.
#[derive(Clone, PartialEq, Debug)]
pub struct ObjectItem {
    pub key: ObjectKey,
    pub value: Expr,
}

/// The key of an object item.
#[derive(Clone, PartialEq, Debug)]
pub enum ObjectKey {
    /// A bare word: the key itself, not a reference.
    Name(Ident),
    /// Anything else.
    Expr(Expr),
}

impl ObjectKey {
    /// Where it was written.
    pub fn span(&self) -> &Span {
        match self {
            ObjectKey::Name(ident) => &ident.span,
            ObjectKey::Expr(expr) => &expr.span,
        }
    }
}

/// `[for key, value in collection : result if cond]`, or with braces and `key_result => result...`.
#[derive(Clone, PartialEq, Debug)]
pub struct For {
    pub key: Option<Ident>,
    pub value: Ident,
    pub collection: Expr,
    /// Present in an object `for`.
    pub key_result: Option<Expr>,
    pub result: Expr,
    pub cond: Option<Expr>,
    /// `...`: values of equal keys are collected in lists.
    pub group: bool,
}

/// `cond ? yes : no`.
#[derive(Clone, PartialEq, Debug)]
pub struct Conditional {
    pub cond: Expr,
    pub yes: Expr,
    pub no: Expr,
}

/// An operation on two operands.
#[derive(Clone, PartialEq, Debug)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
}

/// Operators of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// An operation on one operand.
#[derive(Clone, PartialEq, Debug)]
pub struct Unary {
    pub op: UnaryOp,
    pub operand: Expr,
}

/// Operators of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    Negate,
    Not,
}

/// A function call.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// `upper`, `core::upper`, `provider::terraform::encode_tfvars`.
    pub name: Ident,
    pub args: Vec<Expr>,
    /// The last argument is followed by `...`.
    pub expand: bool,
    /// The closing parenthesis: where a missing argument is reported.
    pub close: Span,
}

/// A name and constant steps.
#[derive(Clone, PartialEq, Debug)]
pub struct Traversal {
    pub root: Ident,
    pub steps: Vec<Step>,
}

/// One constant step.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    pub kind: StepKind,
    /// With the dot or the brackets.
    pub span: Span,
}

/// The kinds of constant step.
#[derive(Clone, PartialEq, Debug)]
pub enum StepKind {
    /// `.name`.
    Attr(Str),
    /// `["key"]`, `[0]`, or the legacy `.0`.
    Index(Literal),
}

/// Constant steps on the result of an expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Relative {
    pub on: Expr,
    pub steps: Vec<Step>,
}

/// `on[key]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Index {
    pub on: Expr,
    pub key: Expr,
    /// The brackets and what is between them.
    pub brackets: Span,
}

/// `source[*]each`.
#[derive(Clone, PartialEq, Debug)]
pub struct Splat {
    pub source: Expr,
    /// What is done with each element, [`ExprKind::SplatItem`].
    pub each: Expr,
    /// The marker `[*]` or `.*`.
    pub marker: Span,
}

impl Body {
    /// An argument by name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| &*a.name.name == name)
    }

    /// The body with what stands in its first `_` block as its own: arguments there are never meta-arguments.
    pub fn unescaped(mut self) -> Body {
        let Some(at) = self.blocks.iter().position(|block| &*block.kind.name == "_") else { return self };
        let escaped = self.blocks.remove(at);
        self.attributes.extend(escaped.body.attributes.iter().cloned());
        self.blocks.extend(escaped.body.blocks.iter().cloned());
        self
    }

    /// The blocks of a type.
    pub fn blocks_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |b| &*b.kind.name == kind)
    }
}

impl Expr {
    /// The expression inside any parentheses.
    pub fn unparenthesised(&self) -> &Expr {
        let mut expr = self;
        while let ExprKind::Parens(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }

    /// The text of a constant string, not in parentheses.
    pub fn literal_text(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Literal(Literal(value)) => value.as_str(),
            _ => None,
        }
    }

    /// The name and constant steps this is, not in parentheses. Where only that can stand `null`, `true` and `false` are names.
    pub fn as_traversal(&self) -> Option<Traversal> {
        match &self.kind {
            ExprKind::Traversal(traversal) => Some((**traversal).clone()),
            ExprKind::Literal(_) => {
                let root = Ident { name: Str::new(self.keyword()?), span: self.span.clone() };
                Some(Traversal { root, steps: Vec::new() })
            }
            ExprKind::Relative(relative) if matches!(relative.on.kind, ExprKind::Literal(_)) => {
                Some(Traversal { steps: relative.steps.clone(), ..relative.on.as_traversal()? })
            }
            _ => None,
        }
    }

    /// A single bare word (`string` in `type = string`), not in parentheses.
    pub fn keyword(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Traversal(t) if t.steps.is_empty() => Some(&t.root.name),
            ExprKind::Literal(Literal(value)) if value.is_null() => Some("null"),
            ExprKind::Literal(Literal(value)) => value.as_bool().map(|b| if b { "true" } else { "false" }),
            _ => None,
        }
    }
}
