//! Templates.

use super::collect::Elements;
use super::{Bound, Evaluator, MOST_ERRORS, cause};
use crate::diag::Span;
use crate::lang::ast::{Ident, Part, Template};
use std::sync::Arc;
use straddle_sdk::value::{Cause, Kind, Marks, Refinement, Str, Type, Unknown, Value, convert};
use unicode_segmentation::UnicodeSegmentation;

/// A template's text as far as it is known, and what is to be said of the whole.
struct Text {
    text: String,
    marks: Marks,
    /// Something was not known; `text` is what stands before it.
    unknown: bool,
    why: Option<Cause>,
}

impl Text {
    /// Not known from here on.
    fn stop(&mut self, why: Option<Cause>) {
        self.unknown = true;
        self.why = self.why.take().or(why);
    }

    fn push(&mut self, text: &str) {
        if !self.unknown {
            self.text.push_str(text);
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn template(&mut self, template: &Template, frame: Bound<'_>) -> Value {
        // A single interpolation gives the value as it is.
        match template.parts.as_slice() {
            [Part::Interpolation(expr)] => self.expr(expr, frame),
            parts => self.parts(parts, frame),
        }
    }

    /// Parts put together to a string. A part that fails is left out of it, and what follows: it is a string all the same.
    fn parts(&mut self, parts: &[Part], frame: Bound<'_>) -> Value {
        let mut out = Text { text: String::new(), marks: Marks::NONE, unknown: false, why: None };
        let before = self.diags.len();
        for part in parts {
            let (value, span) = match part {
                Part::Text(text, _) => {
                    if self.diags.len() == before {
                        out.push(text);
                    }
                    continue;
                }
                Part::Interpolation(expr) => (self.expr(expr, frame), &expr.span),
                Part::If { cond, yes, no, span } => (self.directive_if(cond, yes, no, span, frame), span),
                Part::For { key, value, collection, body, .. } => {
                    (self.directive_for(key.as_ref(), value, collection, body, frame), &collection.span)
                }
            };
            self.interpolate(value, span, before, &mut out);
        }
        if out.unknown && self.diags.len() > before {
            return unknown_text("", out.why).with_marks(out.marks);
        }
        if out.unknown {
            return unknown_text(&out.text, out.why).with_marks(out.marks);
        }
        Value::string(out.text).with_marks(out.marks)
    }

    /// Adds a value to a text, unless there were errors since `before`.
    fn interpolate(&mut self, value: Value, span: &Span, before: usize, out: &mut Text) {
        let (value, marks) = value.unmark();
        out.marks = out.marks | marks;
        if value.is_null() {
            let detail = "The expression result is null. Cannot include a null value in a string template.";
            self.error("Invalid template interpolation value", detail, span);
            return;
        }
        if let Kind::Unknown(unknown) = value.kind()
            && unknown.ty != Type::String
        {
            // What it will be is not asked: it may turn out to fit.
            return out.stop(unknown.cause.clone());
        }
        match convert(&value, &Type::String) {
            Ok(text) => match (text.as_str(), text.kind()) {
                (Some(_), _) if self.diags.len() > before => {}
                (Some(text), _) => out.push(text),
                (None, Kind::Unknown(unknown)) => {
                    if let Some(prefix) = &unknown.refinement.prefix {
                        out.push(prefix);
                    }
                    out.stop(unknown.cause.clone());
                }
                _ => out.stop(None),
            },
            Err(problem) => {
                let detail = format!("Cannot include the given value in a string template: {problem}.");
                self.error("Invalid template interpolation value", detail, span);
            }
        }
    }

    fn directive_if(
        &mut self,
        cond: &crate::lang::ast::Expr,
        yes: &[Part],
        no: &[Part],
        span: &Span,
        frame: Bound<'_>,
    ) -> Value {
        let yes = self.branch(span, |e| e.parts(yes, frame));
        let no = self.branch(span, |e| e.parts(no, frame));
        self.choose(cond, yes, no, frame)
    }

    fn directive_for(
        &mut self,
        key: Option<&Ident>,
        value: &Ident,
        collection: &crate::lang::ast::Expr,
        body: &[Part],
        frame: Bound<'_>,
    ) -> Value {
        let (pairs, marks) = match self.elements(collection, frame) {
            Elements::Known(pairs, marks) => (pairs, marks),
            Elements::Unknown(_, why) => return super::unknown_like(Type::String, why),
            Elements::None(why) => return super::unknown_like(Type::String, why),
        };
        let mut out = Text { text: String::new(), marks, unknown: false, why: None };
        let before = self.diags.len();
        for (k, v) in pairs {
            if self.diags.len() - before > MOST_ERRORS {
                return Value::unknown(Type::String).with_marks(out.marks);
            }
            let part = self.with_pair(key, value, k, v, frame, |e, inner| e.parts(body, inner));
            let (part, marks) = part.unmark();
            out.marks = out.marks | marks;
            match part.as_str() {
                Some(text) => out.push(text),
                None => out.stop(cause(&part)),
            }
        }
        if out.unknown {
            return unknown_text("", out.why).with_marks(out.marks);
        }
        Value::string(out.text).with_marks(out.marks)
    }
}

/// So many bytes of the beginning of an unknown text are kept.
const LONGEST_PREFIX: usize = 128;

/// A string not known that will start so.
fn unknown_text(text: &str, why: Option<Cause>) -> Value {
    let prefix = safe_prefix(&text[..text.floor_char_boundary(LONGEST_PREFIX)]);
    let prefix = (!prefix.is_empty()).then(|| Str::new(prefix));
    let refinement = Refinement { not_null: true, prefix, ..Refinement::default() };
    Kind::Unknown(Arc::new(Unknown { ty: Type::String, refinement, cause: why })).into()
}

/// As much of a text as stays the same whatever follows: a combining character may change the last cluster, except after signs
/// nothing combines with.
pub fn safe_prefix(text: &str) -> &str {
    match text.chars().next_back() {
        None => "",
        Some(c) if c.is_ascii() && c != '\r' && !c.is_ascii_alphanumeric() && !matches!(c, '=' | '<' | '>' | '`') => {
            text
        }
        Some(_) => text.grapheme_indices(true).next_back().map_or("", |(at, _)| &text[..at]),
    }
}
