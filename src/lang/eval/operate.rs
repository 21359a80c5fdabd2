//! Operators.

use super::{Bound, Evaluator, cause, failed, unknown_not_null};
use crate::diag::Span;
use crate::lang::ast::{Binary, BinaryOp, Expr, ExprKind, Unary, UnaryOp};
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Kind, Type, Value, convert, equals};

impl Evaluator<'_> {
    /// Operators nest from the left, as deep as there are of them: no recursion there.
    pub(super) fn binary(&mut self, expr: &Expr, frame: Bound<'_>) -> Value {
        let mut chain: Vec<(&Binary, &Span)> = Vec::new();
        let mut left = expr;
        while let ExprKind::Binary(node) = &left.kind {
            chain.push((node, &left.span));
            left = &node.left;
        }
        let (mut value, mut fine) = self.checked(left, frame);
        for (node, span) in chain.into_iter().rev() {
            let (right, right_fine) = self.checked(&node.right, frame);
            let before = self.diags.len();
            value = self.operate(node, &value, &right, fine && right_fine, span);
            fine = fine && right_fine && self.diags.len() == before;
        }
        value
    }

    /// One operation. Operands are converted first, and complained of both.
    fn operate(&mut self, node: &Binary, left: &Value, right: &Value, fine: bool, span: &Span) -> Value {
        use BinaryOp::{And, Equal, NotEqual, Or};
        let (operand, result) = match node.op {
            And | Or => (Type::Bool, Type::Bool),
            Equal | NotEqual if !fine => return Value::unknown(Type::Bool),
            Equal => return equals(left, right),
            NotEqual => return self.not(&equals(left, right)),
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => {
                (Type::Number, Type::Number)
            }
            _ => (Type::Number, Type::Bool),
        };
        let mut sides = Vec::with_capacity(2);
        for (side, value, expr) in [("left", left, &node.left), ("right", right, &node.right)] {
            match convert(value, &operand) {
                Ok(value) => sides.push(value),
                Err(problem) => {
                    let detail = format!("Unsuitable value for {side} operand: {problem}.");
                    self.error("Invalid operand", detail, &expr.span);
                }
            }
        }
        let [left, right] = sides.as_slice() else { return Value::unknown(result) };
        if !fine {
            return Value::unknown(result);
        }
        let marks = left.marks() | right.marks();
        if left.is_null() || right.is_null() {
            self.operation_failed("argument must not be null", span);
            return Value::unknown(result);
        }
        if left.is_unknown() || right.is_unknown() {
            let known = bounds_decide(node.op, left, right);
            let why = || cause(left).or_else(|| cause(right));
            return known.map_or_else(|| unknown_not_null(result, why()), bool_value).with_marks(marks);
        }
        self.known(node.op, left, right, span).with_marks(marks)
    }

    /// An operation on known operands of the right type.
    fn known(&mut self, op: BinaryOp, left: &Value, right: &Value, span: &Span) -> Value {
        if let (Some(a), Some(b)) = (left.as_bool(), right.as_bool()) {
            return bool_value(if op == BinaryOp::And { a && b } else { a || b });
        }
        let (Some(a), Some(b)) = (left.as_num(), right.as_num()) else { return failed() };
        let (result, problem) = match op {
            BinaryOp::Add => (a.add(b), "can't compute sum of opposing infinities"),
            BinaryOp::Subtract => (a.sub(b), "can't subtract infinity from itself"),
            BinaryOp::Multiply => (a.mul(b), "can't multiply zero by infinity"),
            BinaryOp::Divide => (a.div(b), "can't divide zero by zero or infinity by infinity"),
            BinaryOp::Modulo => (a.rem(b), "can't use modulo with zero and infinity"),
            BinaryOp::Greater => return bool_value(a > b),
            BinaryOp::GreaterOrEqual => return bool_value(a >= b),
            BinaryOp::Less => return bool_value(a < b),
            _ => return bool_value(a <= b),
        };
        match result {
            Ok(number) => Value::number(number),
            Err(_) => self.operation_failed(problem, span),
        }
    }

    fn operation_failed(&mut self, problem: &str, span: &Span) -> Value {
        self.fail("Operation failed", format!("Error during operation: {problem}."), span)
    }

    pub(super) fn unary(&mut self, node: &Unary, span: &Span, frame: Bound<'_>) -> Value {
        let (operand, fine) = self.checked(&node.operand, frame);
        let wanted = match node.op {
            UnaryOp::Negate => Type::Number,
            UnaryOp::Not => Type::Bool,
        };
        let value = match convert(&operand, &wanted) {
            Ok(value) => value,
            Err(problem) => {
                let detail = format!("Unsuitable value for unary operand: {problem}.");
                self.error("Invalid operand", detail, &node.operand.span);
                return Value::unknown(wanted);
            }
        };
        if !fine {
            return Value::unknown(wanted);
        }
        if value.is_null() {
            self.operation_failed("argument must not be null", span);
            return Value::unknown(wanted);
        }
        match (node.op, value.as_num()) {
            (UnaryOp::Not, _) => self.not(&value),
            (UnaryOp::Negate, Some(number)) => Value::number(number.neg()).with_marks(value.marks()),
            (UnaryOp::Negate, None) => unknown_not_null(Type::Number, cause(&value)).with_marks(value.marks()),
        }
    }

    /// The opposite of a bool that is not null.
    fn not(&self, value: &Value) -> Value {
        match value.as_bool() {
            Some(known) => bool_value(!known).with_marks(value.marks()),
            None => unknown_not_null(Type::Bool, cause(value)).with_marks(value.marks()),
        }
    }
}

fn bool_value(b: bool) -> Value {
    if b { Value::TRUE } else { Value::FALSE }
}

/// A bound of a number: the number, and whether it may be reached.
type Limit = Option<(Num, bool)>;

/// Least and greatest of a number that may be unknown.
pub(super) fn bounds(value: &Value) -> (Limit, Limit) {
    match value.kind() {
        Kind::Number(n) => (Some((n.clone(), true)), Some((n.clone(), true))),
        Kind::Unknown(u) => (u.refinement.min.clone(), u.refinement.max.clone()),
        _ => (None, None),
    }
}

/// A comparison of numbers not wholly known that their bounds decide: as in Terraform, only where no number is within both.
fn bounds_decide(op: BinaryOp, left: &Value, right: &Value) -> Option<bool> {
    let below = |a: &Value, b: &Value| match (bounds(a).1, bounds(b).0) {
        (Some((high, _)), Some((low, _))) => high < low,
        _ => false,
    };
    let less = match op {
        BinaryOp::Less | BinaryOp::LessOrEqual => true,
        BinaryOp::Greater | BinaryOp::GreaterOrEqual => false,
        _ => return None,
    };
    if below(left, right) {
        Some(less)
    } else if below(right, left) {
        Some(!less)
    } else {
        None
    }
}
