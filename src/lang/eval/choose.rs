//! Conditionals.

use super::operate::bounds;
use super::{Bound, Evaluator, cause, never_null, unknown_like};
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Conditional, Expr};
use std::cmp::Ordering;
use std::sync::Arc;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Cause, Kind, Refinement, Str, Type, Unknown, Value, convert, unify};

/// A branch: its value, its errors, where it stands.
pub(super) struct Branch<'e> {
    pub value: Value,
    pub diags: Vec<Diagnostic>,
    pub span: &'e Span,
}

impl Evaluator<'_> {
    pub(super) fn conditional(&mut self, node: &Conditional, frame: Bound<'_>) -> Value {
        let yes = self.branch(&node.yes.span, |e| e.expr(&node.yes, frame));
        let no = self.branch(&node.no.span, |e| e.expr(&node.no, frame));
        self.choose(&node.cond, yes, no, frame)
    }

    /// Evaluates with errors put aside: only those of the branch taken are reported.
    pub(super) fn branch<'e>(&mut self, span: &'e Span, eval: impl FnOnce(&mut Self) -> Value) -> Branch<'e> {
        let outer = std::mem::take(&mut self.diags);
        let value = eval(self);
        let diags = std::mem::replace(&mut self.diags, outer);
        Branch { value, diags, span }
    }

    /// The branch the condition says, as the type both have in common. Where they have none the condition is not looked at.
    pub(super) fn choose(&mut self, cond: &Expr, yes: Branch<'_>, no: Branch<'_>, frame: Bound<'_>) -> Value {
        let cond_span = &cond.span;
        let Some(ty) = common_type(&yes.value, &no.value) else {
            let detail = format!(
                "The true and false result expressions must have consistent types. {}.",
                mismatch(&yes.value.ty(), &no.value.ty())
            );
            let mut span = yes.span.clone();
            span.range.end = no.span.range.end;
            return self.fail("Inconsistent conditional result types", detail, &span);
        };
        let (cond, marks) = self.expr(cond, frame).unmark();
        if cond.is_null() {
            let detail = "The condition value is null. Conditions must either be true or false.";
            self.error("Null condition", detail, cond_span);
            return Value::unknown(ty);
        }
        if cond.is_unknown() {
            return either(&cond, yes.value, no.value, ty).with_marks(marks);
        }
        let flag = match convert(&cond, &Type::Bool) {
            Ok(flag) => flag,
            Err(_) => {
                self.error("Incorrect condition type", "The condition expression must be of type bool.", cond_span);
                return Value::unknown(ty);
            }
        };
        let Some(flag) = flag.as_bool() else {
            return either(&cond, yes.value, no.value, ty).with_marks(marks);
        };
        // Who sees the result must not learn from its marks which branch was taken.
        let marks = marks | yes.value.marks() | no.value.marks();
        let (taken, which) = if flag { (yes, "true") } else { (no, "false") };
        self.diags.extend(taken.diags);
        match convert(&taken.value, &ty) {
            Ok(value) => value.with_marks(marks),
            Err(problem) => {
                let detail = format!("The {which} result value has the wrong type: {problem}.");
                self.error("Inconsistent conditional result types", detail, taken.span);
                Value::unknown(ty).with_marks(marks)
            }
        }
    }
}

/// The type both branches can have. A bare `null` takes the other's.
fn common_type(yes: &Value, no: &Value) -> Option<Type> {
    let bare_null = |v: &Value| matches!(v.kind(), Kind::Null(Type::Dynamic)) && v.marks().is_none();
    let (a, b) = (yes.ty(), no.ty());
    if bare_null(yes) {
        return Some(b);
    }
    if bare_null(no) || a == b {
        return Some(a);
    }
    if a == Type::Dynamic || b == Type::Dynamic {
        return Some(Type::Dynamic);
    }
    unify(&[a, b])
}

/// The result when the condition is not known: what both branches have in common.
fn either(cond: &Value, yes: Value, no: Value, ty: Type) -> Value {
    let ((yes, yes_marks), (no, no_marks)) = (yes.unmark(), no.unmark());
    let marks = yes_marks | no_marks;
    if yes.is_null() && no.is_null() {
        return Value::null(ty).with_marks(marks);
    }
    let not_null = never_null(&yes) && never_null(&no);
    let (mut min, mut max) = (None, None);
    let (mut min_len, mut max_len) = (None, None);
    if not_null && ty == Type::Number {
        let ((yes_min, yes_max), (no_min, no_max)) = (bounds(&yes), bounds(&no));
        min = outer(yes_min, no_min, Ordering::Less);
        max = outer(yes_max, no_max, Ordering::Greater);
        if let (Some((low, true)), Some((high, true))) = (&min, &max)
            && low == high
        {
            return Value::number(low.clone()).with_marks(marks);
        }
    }
    let why = cause(cond).or_else(|| cause(&yes)).or_else(|| cause(&no));
    // Terraform compares lengths only of branches that were of one type before.
    if not_null && matches!(ty, Type::List(_) | Type::Set(_) | Type::Map(_)) && yes.ty() == no.ty() {
        let (a, b) = (lengths(&yes), lengths(&no));
        min_len = Some(a.0.min(b.0));
        max_len = a.1.zip(b.1).map(|(a, b)| a.max(b));
        if let Some(known) = of_length(&ty, min_len, max_len, why.as_ref()) {
            return known.with_marks(marks);
        }
    }
    let refinement =
        Refinement { not_null: not_null && ty != Type::Dynamic, min, max, min_len, max_len, ..Refinement::default() };
    Value::from(Kind::Unknown(Arc::new(Unknown { refinement, cause: why, ..Unknown::of(ty) }))).with_marks(marks)
}

/// Longer lists of unknowns are not spelled out.
const LONGEST: u64 = 1024;

/// A collection of which only the length is known: a list of unknowns, or an empty collection.
fn of_length(ty: &Type, min: Option<u64>, max: Option<u64>, why: Option<&Cause>) -> Option<Value> {
    let length = max.filter(|max| min == Some(*max))?;
    match ty {
        Type::List(of) if length <= LONGEST => {
            let item = unknown_like((**of).clone(), why.cloned());
            Some(Value::list((**of).clone(), vec![item; usize::try_from(length).ok()?]))
        }
        Type::Set(of) if length == 0 => Some(Value::set((**of).clone(), Vec::new())),
        Type::Map(of) if length == 0 => Some(Value::map((**of).clone(), Vec::new())),
        _ => None,
    }
}

/// The bound that holds for both.
fn outer(a: Option<(Num, bool)>, b: Option<(Num, bool)>, further: Ordering) -> Option<(Num, bool)> {
    let ((a, a_reached), (b, b_reached)) = (a?, b?);
    match a.partial_cmp(&b)? {
        Ordering::Equal => Some((a, a_reached || b_reached)),
        order if order == further => Some((a, a_reached)),
        _ => Some((b, b_reached)),
    }
}

/// Least and greatest number of elements.
fn lengths(value: &Value) -> (u64, Option<u64>) {
    let known = value.items().map(<[Value]>::len).or_else(|| value.entries().map(<[(Str, Value)]>::len));
    match (known, value.kind()) {
        // Elements not known yet may turn out equal.
        (Some(length), Kind::Set(_)) if !value.is_wholly_known() => (length.min(1) as u64, Some(length as u64)),
        (Some(length), _) => (length as u64, Some(length as u64)),
        (None, Kind::Unknown(u)) => (u.refinement.min_len.unwrap_or(0), u.refinement.max_len),
        _ => (0, None),
    }
}

/// How two types differ, in words.
fn mismatch(yes: &Type, no: &Type) -> String {
    match (yes, no) {
        (Type::Object(a), Type::Object(b)) => {
            for (name, ty) in &a.attrs {
                match b.get(name) {
                    None => {
                        return format!(
                            "The 'true' value includes object attribute {:?}, which is absent in the 'false' value",
                            &**name
                        );
                    }
                    Some(other) if ty != other => {
                        return format!("Type mismatch for object attribute {:?}: {}", &**name, mismatch(ty, other));
                    }
                    Some(_) => {}
                }
            }
            let extra = b.attrs.iter().find(|(name, _)| a.get(name).is_none());
            if let Some((name, _)) = extra {
                return format!(
                    "The 'false' value includes object attribute {:?}, which is absent in the 'true' value",
                    &**name
                );
            }
        }
        (Type::Tuple(a), Type::Tuple(b)) if a.len() != b.len() => {
            return format!("The 'true' tuple has length {}, but the 'false' tuple has length {}", a.len(), b.len());
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            // The first of them that differ: whether these could have been made one is not asked.
            let differ = a.iter().zip(b.iter()).enumerate().find(|(_, (x, y))| x != y);
            if let Some((at, (x, y))) = differ {
                return format!("Type mismatch for tuple element {at}: {}", mismatch(x, y));
            }
        }
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            return format!("Mismatched {} element types: {}", kind_name(yes), mismatch(a, b));
        }
        _ => {}
    }
    format!("The 'true' value is {}, but the 'false' value is {}", kind_name(yes), kind_name(no))
}

/// A type in a word or two.
fn kind_name(ty: &Type) -> String {
    match ty {
        Type::Object(_) => "object".into(),
        Type::Tuple(_) => "tuple".into(),
        other => other.friendly_name(),
    }
}
