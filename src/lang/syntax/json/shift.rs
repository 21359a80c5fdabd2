//! Expressions that were parsed by themselves, put where they stand in the file.

use crate::diag::Span;
use crate::lang::ast::{Expr, ExprKind, Ident, ObjectKey, Part, Step};
use std::sync::Arc;

/// Moves all places of an expression by `by` bytes, none of them behind `end`.
pub(super) fn shift(expr: &mut Expr, by: usize, end: usize) {
    Shift { by, end }.expr(expr);
}

/// Moves one place.
pub(super) fn shift_span(span: &mut Span, by: usize, end: usize) {
    Shift { by, end }.span(span);
}

struct Shift {
    by: usize,
    end: usize,
}

impl Shift {
    fn span(&self, span: &mut Span) {
        span.range = (span.range.start + self.by).min(self.end)..(span.range.end + self.by).min(self.end);
    }

    fn ident(&self, ident: &mut Ident) {
        self.span(&mut ident.span);
    }

    fn all<'e>(&self, exprs: impl IntoIterator<Item = &'e mut Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn steps(&self, steps: &mut [Step]) {
        steps.iter_mut().for_each(|step| self.span(&mut step.span));
    }

    fn expr(&self, expr: &mut Expr) {
        let mut next = Some(expr);
        while let Some(expr) = next.take() {
            self.span(&mut expr.span);
            next = self.inside(&mut expr.kind);
        }
    }

    /// All of an expression but its left part, which is returned: operators and accesses nest from the left, as deep as there are
    /// of them.
    fn inside<'e>(&self, kind: &'e mut ExprKind) -> Option<&'e mut Expr> {
        match kind {
            ExprKind::Literal(_) | ExprKind::SplatItem | ExprKind::Invalid => {}
            ExprKind::Template(template) => self.parts(&mut Arc::make_mut(template).parts),
            ExprKind::Tuple(items) => self.all(items),
            ExprKind::Object(items) => {
                for item in items {
                    match &mut item.key {
                        ObjectKey::Name(name) => self.ident(name),
                        ObjectKey::Expr(key) => self.expr(key),
                    }
                    self.expr(&mut item.value);
                }
            }
            ExprKind::For(node) => {
                node.key.iter_mut().for_each(|key| self.ident(key));
                self.ident(&mut node.value);
                self.all([&mut node.collection, &mut node.result]);
                self.all(node.key_result.iter_mut().chain(&mut node.cond));
            }
            ExprKind::Conditional(node) => self.all([&mut node.cond, &mut node.yes, &mut node.no]),
            ExprKind::Unary(node) => self.expr(&mut node.operand),
            ExprKind::Call(node) => {
                self.ident(&mut node.name);
                self.all(&mut node.args);
                self.span(&mut node.close);
            }
            ExprKind::Traversal(node) => {
                self.ident(&mut node.root);
                self.steps(&mut node.steps);
            }
            ExprKind::Parens(inner) => return Some(&mut **inner),
            ExprKind::Binary(node) => {
                self.expr(&mut node.right);
                return Some(&mut node.left);
            }
            ExprKind::Relative(node) => {
                self.steps(&mut node.steps);
                return Some(&mut node.on);
            }
            ExprKind::Index(node) => {
                self.expr(&mut node.key);
                self.span(&mut node.brackets);
                return Some(&mut node.on);
            }
            ExprKind::Splat(node) => {
                self.expr(&mut node.each);
                self.span(&mut node.marker);
                return Some(&mut node.source);
            }
        }
        None
    }

    fn parts(&self, parts: &mut [Part]) {
        for part in parts {
            match part {
                Part::Text(_, span) => self.span(span),
                Part::Interpolation(expr) => self.expr(expr),
                Part::If { cond, yes, no, span } => {
                    self.expr(cond);
                    self.parts(yes);
                    self.parts(no);
                    self.span(span);
                }
                Part::For { key, value, collection, body, span } => {
                    key.iter_mut().for_each(|key| self.ident(key));
                    self.ident(value);
                    self.expr(collection);
                    self.parts(body);
                    self.span(span);
                }
            }
        }
    }
}
