//! `straddle console`: one expression, evaluated in a module.

use super::ast::{Expr, ExprKind};
use super::display::{display, display_type};
use super::eval::{Scope, eval};
use super::evaluate::check_references;
use super::syntax::{Text, parse_expr};
use crate::diag::{Diagnostic, FileId};
use straddle_sdk::value::codec::show::known_part;
use straddle_sdk::value::{Kind, Marks, Str, Value};

/// The name messages call the expression by.
pub const INPUT: &str = "<console-input>";

/// What an expression came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// An unknown where there was an error.
    pub value: Value,
    /// Errors and warnings. Places in the expression are in the file given to [`ask`].
    pub diags: Vec<Diagnostic>,
}

/// Evaluates an expression where names mean what `scope` says. `file` stands for its text in diagnostics.
pub fn ask(text: &str, file: FileId, scope: &dyn Scope) -> Answer {
    // The line end typed after it: a heredoc may be the last thing.
    let line = format!("{text}\n");
    let (expr, diags) = parse_expr(Text { file, name: INPUT, text: &line });
    let failed = |diags| Answer { value: Value::unknown(straddle_sdk::value::Type::Dynamic), diags };
    if diags.iter().any(Diagnostic::is_error) {
        return failed(diags);
    }
    // References first, as in Terraform: `try` hides none, nor does a branch not taken.
    let problems = check_references(&expr, scope);
    if !problems.is_empty() {
        return failed(problems);
    }
    let (value, mut diags) = eval(&expr, scope);
    if value.deep_marks().contains(Marks::TYPE) && !(value.marks().contains(Marks::TYPE) && shows_types(&expr)) {
        let detail = "The console-only \"type\" function cannot be used as part of an expression.";
        diags.push(Diagnostic::error("Invalid use of type function", detail));
    }
    Answer { value, diags }
}

/// Whether what `type()` gives can be the whole of what an expression gives.
fn shows_types(expr: &Expr) -> bool {
    const THROUGH: [&str; 6] = ["type", "core::type", "try", "coalesce", "nonsensitive", "ephemeralasnull"];
    match &expr.kind {
        ExprKind::Call(call) => THROUGH.contains(&&*call.name.name),
        ExprKind::Parens(inner) => shows_types(inner),
        ExprKind::Conditional(_) | ExprKind::Template(_) => true,
        _ => false,
    }
}

impl Answer {
    /// Whether there was no error.
    pub fn ok(&self) -> bool {
        !self.diags.iter().any(Diagnostic::is_error)
    }

    /// The error that stands first in the text; one without a place before all.
    pub fn error(&self) -> Option<&Diagnostic> {
        self.diags.iter().filter(|d| d.is_error()).min_by_key(|d| d.span.as_ref().map(|s| s.range.start))
    }

    /// The type, on one line.
    pub fn type_text(&self) -> String {
        if self.is_type() {
            return "type".into();
        }
        display_type(&self.value)
    }

    /// The value as JSON, in clear also where it is sensitive. `None`: not wholly known, ephemeral, or not to be had as JSON (an infinity).
    pub fn json(&self) -> Option<String> {
        if !self.value.is_wholly_known()
            || self.is_type()
            || self.any_known(|marks| marks.contains(Marks::EPHEMERAL))
            || infinite(&self.value)
        {
            return None;
        }
        known_part(&self.value.unmarked())
    }

    /// Whether it is what `type()` gives.
    fn is_type(&self) -> bool {
        self.value.marks().contains(Marks::TYPE)
    }

    /// Whether any part that shows is not known.
    pub fn unknown(&self) -> bool {
        let mut found = false;
        self.value.walk(&mut |_, part| {
            found |= part.is_unknown();
            // Nothing shows of what is inside something that is withheld.
            !found && part.marks().is_none()
        });
        found
    }

    /// Whether any part that is known is sensitive; of what is not known there is nothing to hide.
    pub fn sensitive(&self) -> bool {
        self.any_known(Marks::is_sensitive)
    }

    /// Whether any part that is known shows as ephemeral: what is sensitive as well shows as that.
    pub fn ephemeral(&self) -> bool {
        self.any_known(|marks| marks.contains(Marks::EPHEMERAL) && !marks.is_sensitive())
    }

    fn any_known(&self, is: impl Fn(Marks) -> bool) -> bool {
        let mut found = false;
        self.value.walk(&mut |_, part| {
            found |= is(part.marks()) && !part.is_unknown();
            !found
        });
        found
    }

    /// The value as the console prints it.
    pub fn display(&self) -> String {
        display(&self.value)
    }
}

/// Whether an infinity is inside, which JSON cannot hold.
fn infinite(value: &Value) -> bool {
    let inside = |items: &[Value]| items.iter().any(infinite);
    let under = |items: &[(Str, Value)]| items.iter().any(|(_, item)| infinite(item));
    match value.kind() {
        Kind::Number(n) => n.is_infinite(),
        Kind::List(e) | Kind::Set(e) => inside(&e.items),
        Kind::Tuple(items) => inside(items),
        Kind::Map(e) => under(&e.items),
        Kind::Object(items) => under(items),
        _ => false,
    }
}
