//! Reading the arguments of straddle's own blocks: each typed getter takes an argument, checks it, and remembers that it was
//! asked for, so that what nobody asked for is reported with the nearest name that would be right.

use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Body, Expr, ExprKind, StepKind};
use crate::lang::suggest::nearest;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use straddle_sdk::value::{Kind, Str, Value};

/// Evaluates an expression in the module's scope. `None`: it has been reported.
pub type Evaluate<'a> = &'a dyn Fn(&Expr, &mut Vec<Diagnostic>) -> Option<Value>;

/// The body of one block, being read.
pub struct Fields<'a> {
    body: &'a Body,
    /// What the block is called in messages, for example `workload "web"`.
    title: String,
    header: Span,
    asked: RefCell<BTreeSet<&'static str>>,
    blocks_asked: RefCell<BTreeSet<&'static str>>,
    evaluate: Evaluate<'a>,
    /// What was found wrong so far.
    pub problems: &'a RefCell<Vec<Diagnostic>>,
}

impl<'a> Fields<'a> {
    /// Starts reading `block`.
    pub fn of(block: &'a Block, evaluate: Evaluate<'a>, problems: &'a RefCell<Vec<Diagnostic>>) -> Fields<'a> {
        let mut title = block.kind.name.to_string();
        for label in &block.labels {
            title.push_str(&format!(" \"{}\"", label.text));
        }
        Fields {
            body: &block.body,
            title,
            header: block.header.clone(),
            asked: RefCell::default(),
            blocks_asked: RefCell::default(),
            evaluate,
            problems,
        }
    }

    /// Starts reading a block that stands in this one.
    pub fn inside(&self, block: &'a Block) -> Fields<'a> {
        Fields::of(block, self.evaluate, self.problems)
    }

    /// Where the block as a whole is named.
    pub fn header(&self) -> &Span {
        &self.header
    }

    /// Adds a problem.
    pub fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// The expression of an argument, if written.
    pub fn expr(&self, name: &'static str) -> Option<&'a Expr> {
        self.asked.borrow_mut().insert(name);
        self.body.attribute(name).map(|a| &a.expr)
    }

    /// The place of an argument, or of the block where it is not written.
    pub fn span(&self, name: &str) -> Span {
        self.body.attribute(name).map_or_else(|| self.header.clone(), |a| a.span.clone())
    }

    /// The value of an argument, if written; null counts as not written.
    pub fn value(&self, name: &'static str) -> Option<(Value, &'a Expr)> {
        let expr = self.expr(name)?;
        let value = self.evaluate(expr)?;
        (!value.is_null()).then_some((value, expr))
    }

    /// Evaluates an expression of this block; the result is known and carries no marks.
    pub fn evaluate(&self, expr: &Expr) -> Option<Value> {
        let mut found = Vec::new();
        let value = (self.evaluate)(expr, &mut found);
        self.problems.borrow_mut().extend(found);
        let (value, marks) = value?.unmark();
        if marks.is_sensitive() {
            self.wrong(
                expr,
                "it is sensitive, and rules must be readable by everyone who reads a plan",
                "use a value that is not sensitive",
            );
            return None;
        }
        if !value.is_wholly_known() {
            self.wrong(
                expr,
                "its value is known only after apply, but the rules must be known before anything is planned",
                "use variables, locals and constants",
            );
            return None;
        }
        Some(value)
    }

    fn wrong(&self, expr: &Expr, what: &str, help: &str) {
        self.report(
            Diagnostic::error("Unsuitable value", format!("In {}: {what}.", self.title))
                .at(&expr.span)
                .help(help.to_string()),
        );
    }

    /// Reports that an argument has the wrong form.
    pub fn mismatch(&self, expr: &Expr, name: &str, wanted: &str, example: &str) {
        self.report(
            Diagnostic::error("Wrong form of an argument", format!("\"{name}\" of {} must be {wanted}.", self.title))
                .at(&expr.span)
                .help(format!("For example: {name} = {example}")),
        );
    }

    /// A string.
    pub fn string(&self, name: &'static str) -> Option<Str> {
        let (value, expr) = self.value(name)?;
        match value.kind() {
            Kind::String(s) => Some(s.clone()),
            _ => {
                self.mismatch(expr, name, "a string", "\"name\"");
                None
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let (value, expr) = self.value(name)?;
        let found = value.as_str().and_then(|s| words.iter().find(|(w, _)| *w == s));
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(w, _)| format!("\"{w}\"")).collect();
            self.mismatch(expr, name, &format!("one of {}", all.join(", ")), &all[0]);
        }
        found.map(|(_, t)| *t)
    }

    /// A bool.
    pub fn flag(&self, name: &'static str) -> Option<bool> {
        let (value, expr) = self.value(name)?;
        match value.as_bool().or(match value.as_str() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        }) {
            Some(b) => Some(b),
            None => {
                self.mismatch(expr, name, "true or false", "true");
                None
            }
        }
    }

    /// A whole number, 0 or more.
    pub fn count(&self, name: &'static str) -> Option<u64> {
        let (value, expr) = self.value(name)?;
        match whole(&value) {
            Some(n) => Some(n),
            None => {
                self.mismatch(expr, name, "a whole number, 0 or more", "2");
                None
            }
        }
    }

    /// A decimal as its exact text.
    pub fn decimal(&self, name: &'static str) -> Option<f64> {
        let (value, expr) = self.value(name)?;
        let number = value.as_num().map(|n| n.to_f64()).or_else(|| value.as_str().and_then(|s| s.parse().ok()));
        match number.filter(|n: &f64| n.is_finite() && *n >= 0.0) {
            Some(n) => Some(n),
            None => {
                self.mismatch(expr, name, "a number, 0 or more", "0.8");
                None
            }
        }
    }

    /// A length of time such as `"90s"`, `"15m"`, `"24h"`, `"30d"`.
    pub fn duration(&self, name: &'static str) -> Option<Duration> {
        let (value, expr) = self.value(name)?;
        match value.as_str().and_then(parse_duration) {
            Some(d) => Some(d),
            None => {
                self.mismatch(expr, name, "a length of time: a number with ms, s, m, h or d", "\"90s\"");
                None
            }
        }
    }

    /// A list of strings.
    pub fn strings(&self, name: &'static str) -> Option<Vec<Str>> {
        let (value, expr) = self.value(name)?;
        let strings: Option<Vec<Str>> = value.items().and_then(|items| {
            items.iter().map(|v| if let Kind::String(s) = v.kind() { Some(s.clone()) } else { None }).collect()
        });
        if strings.is_none() {
            self.mismatch(expr, name, "a list of strings", "[\"a\", \"b\"]");
        }
        strings
    }

    /// A map of strings.
    pub fn string_map(&self, name: &'static str) -> Option<Vec<(Str, Str)>> {
        let (value, expr) = self.value(name)?;
        let map: Option<Vec<(Str, Str)>> = value.entries().and_then(|entries| {
            entries
                .iter()
                .map(|(k, v)| if let Kind::String(s) = v.kind() { Some((k.clone(), s.clone())) } else { None })
                .collect()
        });
        if map.is_none() {
            self.mismatch(expr, name, "a map of strings", "{ cloud = \"aws\", zone = \"a\" }");
        }
        map
    }

    /// A list of references `kind.name`, as names with their places.
    pub fn references(&self, name: &'static str, kind: &str) -> Vec<(Str, Span)> {
        let Some(expr) = self.expr(name) else { return Vec::new() };
        let ExprKind::Tuple(items) = &expr.unparenthesised().kind else {
            self.mismatch(expr, name, &format!("a list of references to {kind} blocks"), &format!("[{kind}.name]"));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.reference(item, name, kind)).collect()
    }

    /// Names of blocks of a kind: one or a list of `kind.name` or of names in quotes. `None`: not written, or reported.
    pub fn names(&self, name: &'static str, kind: &str) -> Option<Vec<(Str, Span)>> {
        let expr = self.expr(name)?;
        let single = std::slice::from_ref(expr);
        let items: &[Expr] = match &expr.unparenthesised().kind {
            ExprKind::Tuple(items) => items,
            _ => single,
        };
        items.iter().map(|item| self.named(item, name, kind)).collect()
    }

    fn named(&self, item: &Expr, name: &str, kind: &str) -> Option<(Str, Span)> {
        if let ExprKind::Traversal(t) = &item.unparenthesised().kind
            && &*t.root.name == kind
        {
            return self.reference(item, name, kind);
        }
        let value = self.evaluate(item)?;
        match value.kind() {
            Kind::String(s) if !s.is_empty() => Some((s.clone(), item.span.clone())),
            _ => {
                self.mismatch(item, name, &format!("{kind}.NAME, or a list of them"), &format!("[{kind}.a, {kind}.b]"));
                None
            }
        }
    }

    /// A day, in days since 1970-01-01.
    pub fn day(&self, name: &'static str) -> Option<i64> {
        let text = self.string(name)?;
        let day = day_number(&text);
        if day.is_none() {
            self.report(
                Diagnostic::error("Not a date", format!("\"{name}\" of {} is a day: year, month and day.", self.title))
                    .at(&self.span(name))
                    .help(format!("For example: {name} = \"2026-05-01\"")),
            );
        }
        day
    }

    /// Who answers for the block: `owner = owner.sre`, or a name in quotes.
    pub fn owner(&self) -> Option<Str> {
        self.names("owner", "owner")?.into_iter().next().map(|(name, _)| name)
    }

    fn reference(&self, item: &Expr, name: &str, kind: &str) -> Option<(Str, Span)> {
        if let ExprKind::Traversal(t) = &item.unparenthesised().kind
            && &*t.root.name == kind
            && let [step] = t.steps.as_slice()
        {
            match &step.kind {
                StepKind::Attr(s) => return Some((s.clone(), item.span.clone())),
                StepKind::Index(literal) => {
                    if let Kind::String(s) = literal.0.kind() {
                        return Some((s.clone(), item.span.clone()));
                    }
                }
            }
        }
        self.mismatch(item, name, &format!("a list of references to {kind} blocks"), &format!("[{kind}.name]"));
        None
    }

    /// The nested blocks of a type, in the order of the text.
    pub fn blocks(&self, kind: &'static str) -> impl Iterator<Item = &'a Block> + use<'a> {
        self.blocks_asked.borrow_mut().insert(kind);
        self.body.blocks.iter().filter(move |b| &*b.kind.name == kind)
    }

    /// The one nested block of a type; further ones are reported.
    pub fn block(&self, kind: &'static str) -> Option<&'a Block> {
        let mut all = self.blocks(kind);
        let first = all.next();
        for more in all {
            self.report(
                Diagnostic::error("Duplicate block", format!("{} may have one \"{kind}\" block only.", self.title))
                    .at(&more.header)
                    .help("Merge the two, or remove one."),
            );
        }
        first
    }

    /// Reports an argument that must be there and is not.
    pub fn missing(&self, name: &'static str, example: &str) {
        // A value that was written but wrong has been reported where it stands.
        if self.body.attribute(name).is_none() {
            self.report(
                Diagnostic::error(
                    "Missing required argument",
                    format!("{} needs the argument \"{name}\".", self.title),
                )
                .at(&self.header)
                .help(format!("Add, for example: {name} = {example}")),
            );
        }
    }

    /// Reports every argument and block nobody asked for.
    pub fn finish(self) {
        self.finish_by_ref();
    }

    /// As [`Fields::finish`], for a reader that others still hold.
    pub fn finish_by_ref(&self) {
        let asked = self.asked.borrow();
        for attribute in &self.body.attributes {
            if !asked.contains(&*attribute.name.name) {
                self.unsupported("argument", &attribute.name.name, &attribute.name.span, &asked);
            }
        }
        let blocks = self.blocks_asked.borrow();
        for block in &self.body.blocks {
            if !blocks.contains(&*block.kind.name) {
                self.unsupported("block type", &block.kind.name, &block.header, &blocks);
            }
        }
    }

    fn unsupported(&self, what: &str, name: &str, span: &Span, known: &BTreeSet<&'static str>) {
        let mut problem =
            Diagnostic::error(format!("Unsupported {what}"), format!("{} has no {what} named \"{name}\".", self.title))
                .at(span);
        problem = match nearest(name, known.iter().copied()) {
            Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
            None if known.is_empty() => problem,
            None => problem.help(format!("It may have: {}.", known.iter().copied().collect::<Vec<_>>().join(", "))),
        };
        self.report(problem);
    }
}

/// The day `2026-05-01` in days since 1970-01-01.
pub fn day_number(text: &str) -> Option<i64> {
    let day = text.parse::<jiff::civil::Date>().ok()?;
    day.since(jiff::civil::date(1970, 1, 1)).ok().map(|span| i64::from(span.get_days()))
}

/// A whole number, also when written as a string of digits.
pub fn whole(value: &Value) -> Option<u64> {
    match value.kind() {
        Kind::Number(n) => n.to_i64().and_then(|n| u64::try_from(n).ok()),
        Kind::String(s) if s.bytes().all(|b| b.is_ascii_digit()) => s.parse().ok(),
        _ => None,
    }
}

/// `"90s"`, `"1h30m"`, `"500ms"`, `"30d"`; at least one part, whole numbers, no sign. A bare `"0"` is zero.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, milliseconds) = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
            .into_iter()
            .find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total = total.checked_add(number.checked_mul(milliseconds)?)?;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("90s", 90_000), ("1h30m", 5_400_000), ("500ms", 500), ("0", 0), ("0s", 0), ("2d", 172_800_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "5", "-5s", "5 s", "1.5h", "5x", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
