//! Addresses written as expressions: what `moved`, `removed` and `import` blocks name.

use super::Decoder;
use crate::diag::{Diagnostic, Span};
use crate::lang::address::Mode;
use crate::lang::ast::{Expr, ExprKind, Ident, Step, StepKind, Traversal};

/// What an address names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Endpoint {
    /// A module, or an instance of one.
    Module,
    /// A resource or an instance of one, and whether it is inside a module.
    Resource { mode: Mode, nested: bool },
}

/// Words that no resource address can begin with.
const RESERVED: &[&str] =
    &["count", "each", "local", "module", "path", "self", "terraform", "var", "template", "lazy", "arg"];

/// One name or key of an address, from the left.
enum Piece<'a> {
    Name(&'a str, &'a Span),
    Key(&'a Step),
}

impl<'a> Piece<'a> {
    fn span(&self) -> &'a Span {
        match self {
            Piece::Name(_, span) => span,
            Piece::Key(step) => &step.span,
        }
    }
}

type Parsed<T> = Result<T, Box<Diagnostic>>;

fn refuse<T>(summary: &str, detail: impl Into<String>, span: &Span) -> Parsed<T> {
    Err(Box::new(Diagnostic::error(summary, detail).at(span)))
}

impl Decoder<'_> {
    /// Reports what is wrong with an address; says what a right one names.
    pub(super) fn endpoint(&mut self, found: Parsed<Endpoint>) -> Option<Endpoint> {
        found.map_err(|diag| self.diags.push(*diag)).ok()
    }
}

/// What a `moved` block or an `import` block names: keys may be given everywhere.
pub(super) fn with_keys(traversal: &Traversal) -> Parsed<Endpoint> {
    let pieces = pieces(traversal);
    let mut rest = pieces.as_slice();
    let nested = modules(&mut rest, true)?;
    if rest.is_empty() {
        return Ok(Endpoint::Module);
    }
    rest = behind_workload(rest);
    let mode = mode_of(&mut rest);
    if let (Mode::Managed, Some(Piece::Name(word, _)), false) = (mode.0, rest.first(), mode.1)
        && RESERVED.contains(word)
    {
        let detail = format!(
            "The keyword {word:?} is reserved and cannot be used to target a resource address. If you are targeting a resource \
             type that uses a reserved keyword, please prefix your address with \"resource.\"."
        );
        return refuse("Invalid address", detail, &whole(rest));
    }
    let rest = type_and_name(rest, mode.0)?;
    match rest {
        [] | [Piece::Key(_)] => {}
        [step] => {
            return refuse("Invalid address", "Resource instance key must be given in square brackets.", step.span());
        }
        [_, extra, ..] => return refuse("Invalid address", "Unexpected extra operators after address.", extra.span()),
    }
    Ok(Endpoint::Resource { mode: mode.0, nested })
}

/// What a `removed` block names: all instances, so no keys.
pub(super) fn without_keys(traversal: &Traversal) -> Parsed<Endpoint> {
    let pieces = pieces(traversal);
    let mut rest = pieces.as_slice();
    let nested = modules(&mut rest, false)?;
    if rest.is_empty() {
        return Ok(Endpoint::Module);
    }
    rest = behind_workload(rest);
    let mut mode = Mode::Managed;
    if let Some(Piece::Name("data", _)) = rest.first() {
        mode = Mode::Data;
        rest = &rest[1..];
    }
    if let [extra, ..] = type_and_name(rest, mode)? {
        let detail = "Resource address must be a resource (e.g. \"test_instance.foo\"), not a resource instance (e.g. \
                      \"test_instance.foo[1]\").";
        return refuse("Resource instance keys not allowed", detail, extra.span());
    }
    if mode == Mode::Data {
        let detail = "Data sources are never destroyed, so they are not valid targets of removed blocks. To remove the data \
                      source from state, remove the data source block from configuration.";
        return refuse("Data source address not allowed", detail, &whole(&pieces));
    }
    Ok(Endpoint::Resource { mode, nested })
}

/// What follows the name of a workload, if a resource of one is named.
fn behind_workload<'p, 't>(rest: &'p [Piece<'t>]) -> &'p [Piece<'t>] {
    match rest {
        [Piece::Name("workload", _), Piece::Name(..), inner @ ..]
            if matches!(inner, [Piece::Name(..), Piece::Name(..), ..]) =>
        {
            inner
        }
        _ => rest,
    }
}

fn pieces(traversal: &Traversal) -> Vec<Piece<'_>> {
    let Ident { name, span } = &traversal.root;
    let steps = traversal.steps.iter().map(|step| match &step.kind {
        StepKind::Attr(name) => Piece::Name(name, &step.span),
        StepKind::Index(_) => Piece::Key(step),
    });
    std::iter::once(Piece::Name(name, span)).chain(steps).collect()
}

/// From the first of some pieces to the last.
fn whole(pieces: &[Piece<'_>]) -> Span {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return Span { file: crate::diag::FileId(0), range: 0..0 };
    };
    Span { file: first.span().file, range: first.span().range.start..last.span().range.end }
}

/// Takes `module.name` as often as it stands there, with keys where they are allowed; whether it did.
fn modules(rest: &mut &[Piece<'_>], keys: bool) -> Parsed<bool> {
    const SUMMARY: &str = "Invalid address operator";
    const NAME_WANTED: &str = "Prefix \"module.\" must be followed by a module name.";
    let mut nested = false;
    loop {
        match rest {
            [] => return Ok(nested),
            [Piece::Key(step), ..] => {
                return refuse(SUMMARY, "Module address prefix must be followed by dot and then a name.", &step.span);
            }
            [Piece::Name("module", word)] => return refuse(SUMMARY, NAME_WANTED, word),
            [Piece::Name("module", _), Piece::Key(step), ..] => return refuse(SUMMARY, NAME_WANTED, &step.span),
            [Piece::Name("module", _), Piece::Name(..), more @ ..] => {
                nested = true;
                *rest = more;
            }
            _ => return Ok(nested),
        }
        if let [Piece::Key(step), more @ ..] = rest {
            if !keys {
                let detail = "Module address must be a module (e.g. \"module.foo\"), not a module instance (e.g. \
                              \"module.foo[1]\").";
                return refuse("Module instance keys not allowed", detail, &step.span);
            }
            *rest = more;
        }
    }
}

/// Takes a word that says the mode. The second part: it was there.
fn mode_of(rest: &mut &[Piece<'_>]) -> (Mode, bool) {
    let mode = match rest.first() {
        Some(Piece::Name("data", _)) => Mode::Data,
        Some(Piece::Name("ephemeral", _)) => Mode::Ephemeral,
        Some(Piece::Name("resource", _)) => Mode::Managed,
        _ => return (Mode::Managed, false),
    };
    *rest = &rest[1..];
    (mode, true)
}

/// What follows the type and the name of a resource.
fn type_and_name<'p, 'a>(pieces: &'p [Piece<'a>], mode: Mode) -> Parsed<&'p [Piece<'a>]> {
    const SUMMARY: &str = "Invalid address";
    match pieces {
        [] | [_] => refuse(SUMMARY, "Resource specification must include a resource type and name.", &whole(pieces)),
        [Piece::Key(step), ..] => {
            let what = match mode {
                Mode::Managed => "A resource type name",
                Mode::Data => "A data source name",
                Mode::Ephemeral => "An ephemeral resource type name",
            };
            refuse(SUMMARY, format!("{what} is required."), &step.span)
        }
        [_, Piece::Key(step), ..] => refuse(SUMMARY, "A resource name is required.", &step.span),
        [_, _, rest @ ..] => Ok(rest),
    }
}

/// The address an `import` block's `to` begins with: keys that are not constant left out.
pub(super) fn without_computed_keys(expr: &Expr) -> Option<Traversal> {
    match &expr.kind {
        ExprKind::Traversal(traversal) => Some((**traversal).clone()),
        ExprKind::Relative(node) => {
            let mut traversal = without_computed_keys(&node.on)?;
            traversal.steps.extend(node.steps.iter().cloned());
            Some(traversal)
        }
        ExprKind::Index(node) => without_computed_keys(&node.on),
        _ => None,
    }
}
