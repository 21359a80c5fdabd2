//! Two values, before and after, in Terraform's manner: `+`, `-`, `~`, unchanged parts hidden with their number.
//!
//! Nothing sensitive is printed, and what is unknown says what it waits for.

mod list;
mod text;
mod unified;

pub use unified::unified;

use super::style::{Ink, Style, clean, columns};
use crate::lang::address::quote;
use straddle_sdk::value::{Kind, Path, Step, Str, Type, Value, same, same_unmarked};

/// The text in the place of what must not be printed.
pub const SENSITIVE: &str = "(sensitive value)";
/// Parts deeper than this are named, not shown: nobody reads them, and the stack is finite.
const DEEPEST: usize = 96;

/// What happens to a part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sign {
    /// Unchanged.
    Same,
    /// New.
    Add,
    /// Gone.
    Remove,
    /// Other than before.
    Change,
}

impl Sign {
    /// What happens to a part: `None` when there is nothing on either side.
    pub fn of(before: Option<&Value>, after: Option<&Value>) -> Option<Sign> {
        match (before.filter(|v| !v.is_null()), after.filter(|v| !v.is_null())) {
            (None, None) => None,
            (None, Some(_)) => Some(Sign::Add),
            (Some(_), None) => Some(Sign::Remove),
            (Some(b), Some(a)) if same(b, a) => Some(Sign::Same),
            _ => Some(Sign::Change),
        }
    }

    fn mark(self) -> (char, Option<Ink>) {
        match self {
            Sign::Same => (' ', None),
            Sign::Add => ('+', Some(Ink::Good)),
            Sign::Remove => ('-', Some(Ink::Bad)),
            Sign::Change => ('~', Some(Ink::Warn)),
        }
    }
}

/// The attributes of an object, a line or more each, behind `indent` blanks. A null side is an object that is not there.
/// `replace` holds the paths whose change forces a replacement.
pub fn object(before: &Value, after: &Value, replace: &[Path], indent: usize, style: &Style) -> String {
    let mut diff = Diff { style, replace, out: String::new() };
    let whole = before.is_null() || after.is_null();
    let entries = union(before.entries().unwrap_or_default(), after.entries().unwrap_or_default());
    diff.entries(&entries, &Path::ROOT, indent, Names::Attributes { top: true, whole });
    diff.out
}

/// One value on its own, before and after, after `name = `: an output. No line feed at the end.
pub fn value(before: Option<&Value>, after: Option<&Value>, indent: usize, style: &Style) -> String {
    let mut diff = Diff { style, replace: &[], out: String::new() };
    let sign = Sign::of(before, after).unwrap_or(Sign::Same);
    diff.part(sign, before, after, &Path::ROOT, indent, false);
    diff.out
}

/// A value in few words, on one line: scalars as they are, others by their size.
pub fn brief(value: &Value) -> String {
    if value.marks().is_sensitive() {
        return SENSITIVE.into();
    }
    match value.kind() {
        Kind::List(e) | Kind::Set(e) if !e.items.is_empty() => super::words::count(e.items.len(), "element"),
        Kind::Tuple(items) if !items.is_empty() => super::words::count(items.len(), "element"),
        Kind::Map(e) if !e.items.is_empty() => super::words::count(e.items.len(), "entry"),
        Kind::Object(items) if !items.is_empty() => super::words::count(items.len(), "attribute"),
        Kind::String(s) if s.chars().count() > 60 => {
            let head: String = s.chars().take(48).collect();
            format!("{}... ({} characters)", quote(&clean(&head)), s.chars().count())
        }
        _ => scalar(value),
    }
}

/// A scalar, null, unknown or empty value.
pub(super) fn scalar(value: &Value) -> String {
    match value.kind() {
        Kind::Null(_) => "null".into(),
        Kind::Unknown(unknown) => match &unknown.cause {
            Some(cause) => format!("(known after apply: {})", clean(&cause.0)),
            None => "(known after apply)".into(),
        },
        Kind::Bool(b) => b.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::String(s) => quote(&clean(s)),
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => "[]".into(),
        Kind::Map(_) | Kind::Object(_) => "{}".into(),
    }
}

/// A part by name, on either side.
type Entry<'v> = (&'v Str, Option<&'v Value>, Option<&'v Value>);

/// Both sides by name, sorted.
pub(super) fn union<'v>(before: &'v [(Str, Value)], after: &'v [(Str, Value)]) -> Vec<Entry<'v>> {
    let mut out = Vec::with_capacity(before.len().max(after.len()));
    let (mut b, mut a) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (b.peek(), a.peek()) {
            (None, None) => return out,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((x, _)), Some((y, _))) => x.cmp(y),
        };
        let left = if order.is_le() { b.next() } else { None };
        let right = if order.is_ge() { a.next() } else { None };
        if let Some((name, _)) = left.or(right) {
            out.push((name, left.map(|e| &e.1), right.map(|e| &e.1)));
        }
    }
}

/// How names are written.
#[derive(Clone, Copy)]
enum Names {
    /// Of an object. `top`: of the resource itself; `whole`: which comes or goes as a whole.
    Attributes { top: bool, whole: bool },
    /// Of a map, in quotes.
    Keys,
}

struct Diff<'s> {
    style: &'s Style,
    replace: &'s [Path],
    out: String,
}

impl Diff<'_> {
    fn entries(&mut self, entries: &[Entry<'_>], path: &Path, indent: usize, names: Names) {
        let mut shown = Vec::new();
        let mut hidden = 0;
        for (name, before, after) in entries {
            let Some(sign) = Sign::of(*before, *after) else { continue };
            match names {
                _ if sign != Sign::Same || self.style.verbose => {}
                // What tells which object it is stays in sight.
                Names::Attributes { top: true, .. } if matches!(&***name, "id" | "name") => {}
                _ => {
                    hidden += 1;
                    continue;
                }
            }
            let whole = matches!(names, Names::Attributes { top: true, whole: true });
            if whole && says_nothing(before.or(*after)) && says_nothing(after.or(*before)) {
                continue;
            }
            let label = if matches!(names, Names::Keys) { quote(&clean(name)) } else { clean(name).into_owned() };
            shown.push((label, sign, name, *before, *after));
        }
        let width = shown.iter().map(|(label, ..)| columns(label)).max().unwrap_or(0);
        for (label, sign, name, before, after) in shown {
            let step =
                if matches!(names, Names::Keys) { Step::Key((*name).clone()) } else { Step::Attr((*name).clone()) };
            self.sign(sign, indent);
            self.out.push_str(&super::style::pad(&label, width));
            self.out.push_str(" = ");
            let to_null = sign == Sign::Remove && !matches!(names, Names::Attributes { whole: true, .. });
            self.part(sign, before, after, &path.then(step), indent, to_null);
            self.out.push('\n');
        }
        let what = if matches!(names, Names::Keys) { "entry" } else { "attribute" };
        self.hidden(hidden, what, indent);
    }

    /// `indent`, the sign, a blank.
    fn sign(&mut self, sign: Sign, indent: usize) {
        self.blanks(indent);
        let (mark, ink) = sign.mark();
        match ink {
            Some(ink) => self.out.push_str(&self.style.ink(ink, mark.encode_utf8(&mut [0; 4]))),
            None => self.out.push(mark),
        }
        self.out.push(' ');
    }

    fn blanks(&mut self, n: usize) {
        self.out.extend(std::iter::repeat_n(' ', n));
    }

    fn hidden(&mut self, n: usize, what: &str, indent: usize) {
        if n > 0 {
            self.blanks(indent + 2);
            let text = format!("# ({} not shown: unchanged)", super::words::count(n, what));
            let text = self.style.faint(&text);
            self.out.push_str(&text);
            self.out.push('\n');
        }
    }

    fn forces(&mut self, path: &Path) {
        if self.replace.contains(path) {
            let text = self.style.ink(Ink::Bad, "# forces replacement");
            self.out.push(' ');
            self.out.push_str(&text);
        }
    }

    /// A part behind its `name = `; ends without a line feed.
    fn part(
        &mut self,
        sign: Sign,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
        indent: usize,
        to_null: bool,
    ) {
        match (sign, before, after) {
            (Sign::Change, Some(before), Some(after)) => return self.change(before, after, path, indent),
            (Sign::Remove, Some(before), _) => self.full(before, sign, indent),
            (_, _, Some(after)) => self.full(after, sign, indent),
            (_, Some(before), None) => self.full(before, sign, indent),
            (_, None, None) => self.out.push_str("null"),
        }
        if to_null {
            self.out.push_str(" -> null");
        }
        self.forces(path);
    }

    fn change(&mut self, before: &Value, after: &Value, path: &Path, indent: usize) {
        if before.marks().is_sensitive() || after.marks().is_sensitive() {
            self.out.push_str(SENSITIVE);
            if same_unmarked(before, after) {
                let (was, is) = if after.marks().is_sensitive() { ("", "now") } else { ("no longer ", "") };
                let words =
                    format!(" # value unchanged, {}{}{}sensitive", is, if is.is_empty() { "" } else { " " }, was);
                self.out.push_str(&words);
            }
            return self.forces(path);
        }
        if indent > DEEPEST * 4 {
            self.out.push_str("(changed; nested deeper than is shown)");
            return self.forces(path);
        }
        match (before.kind(), after.kind()) {
            (Kind::Object(b), Kind::Object(a)) => {
                let names = Names::Attributes { top: false, whole: false };
                self.braces(path, indent, |diff| diff.entries(&union(b, a), path, indent + 4, names));
            }
            (Kind::Map(b), Kind::Map(a)) => {
                self.braces(path, indent, |diff| {
                    diff.entries(&union(&b.items, &a.items), path, indent + 4, Names::Keys)
                });
            }
            (Kind::Set(b), Kind::Set(a)) => self.set(&b.items, &a.items, path, indent),
            (Kind::List(_) | Kind::Tuple(_), Kind::List(_) | Kind::Tuple(_)) => {
                self.list(before.items().unwrap_or_default(), after.items().unwrap_or_default(), path, indent);
            }
            (Kind::String(b), Kind::String(a)) if self.long_text(b, a, path, indent) => {}
            _ => {
                self.full(before, Sign::Remove, indent);
                self.out.push_str(" -> ");
                self.full(after, Sign::Add, indent);
                self.forces(path);
            }
        }
    }

    fn braces(&mut self, path: &Path, indent: usize, inside: impl FnOnce(&mut Self)) {
        self.out.push('{');
        self.forces(path);
        self.out.push('\n');
        inside(self);
        self.blanks(indent + 2);
        self.out.push('}');
    }

    /// A whole value, every line of it with the sign.
    fn full(&mut self, value: &Value, sign: Sign, indent: usize) {
        if value.marks().is_sensitive() {
            return self.out.push_str(SENSITIVE);
        }
        if indent > DEEPEST * 4 {
            return self.out.push_str("(nested deeper than is shown)");
        }
        match value.kind() {
            Kind::List(e) | Kind::Set(e) if !e.items.is_empty() => self.elements(&e.items, sign, indent),
            Kind::Tuple(items) if !items.is_empty() => self.elements(items, sign, indent),
            Kind::Map(e) if !e.items.is_empty() => self.members(&e.items, true, sign, indent),
            Kind::Object(items) if items.iter().any(|(_, v)| !v.is_null()) => self.members(items, false, sign, indent),
            Kind::String(s) if s.contains('\n') => self.heredoc(s, sign, indent),
            _ => self.out.push_str(&scalar(value)),
        }
    }

    fn elements(&mut self, items: &[Value], sign: Sign, indent: usize) {
        self.out.push_str("[\n");
        for item in items {
            self.element(item, sign, indent + 4);
        }
        self.blanks(indent + 2);
        self.out.push(']');
    }

    /// One element of a list or set on lines of its own.
    fn element(&mut self, item: &Value, sign: Sign, indent: usize) {
        self.sign(sign, indent);
        self.full(item, sign, indent);
        self.out.push_str(",\n");
    }

    fn members(&mut self, items: &[(Str, Value)], keys: bool, sign: Sign, indent: usize) {
        self.out.push_str("{\n");
        let label = |name: &Str| if keys { quote(&clean(name)) } else { clean(name).into_owned() };
        let shown = || items.iter().filter(|(_, v)| keys || !v.is_null());
        let width = shown().map(|(name, _)| columns(&label(name))).max().unwrap_or(0);
        for (name, item) in shown() {
            self.sign(sign, indent + 4);
            self.out.push_str(&super::style::pad(&label(name), width));
            self.out.push_str(" = ");
            self.full(item, sign, indent + 4);
            self.out.push('\n');
        }
        self.blanks(indent + 2);
        self.out.push('}');
    }
}

/// A collection of nested blocks of which there is none: no line for it in an object that comes or goes as a whole.
fn says_nothing(value: Option<&Value>) -> bool {
    match value.map(Value::kind) {
        Some(Kind::List(e) | Kind::Set(e)) => e.items.is_empty() && matches!(e.of, Type::Object(_)),
        Some(Kind::Map(e)) => e.items.is_empty() && matches!(e.of, Type::Object(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
