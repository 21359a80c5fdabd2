//! `.tfquery.hcl` files: which existing objects are listed. Decoded here, carried out by `cli::query`.
//!
//! Variables, local values and provider configurations of such a file are those of the module it lies beside; [`rest`] is the text
//! without the `list` blocks, every other byte in its place.

use super::ast::{Block, Body, Expr, ExprKind};
use super::decode::content::{Shape, check, check_labels};
use super::module::ProviderRef;
use super::syntax::{Text, parse_body};
use crate::diag::{Diagnostic, Span};
use straddle_sdk::value::Str;

/// The ending of query files.
pub const ENDING: &str = ".tfquery.hcl";

/// `list "type" "name" { ... }`.
#[derive(Clone, Debug)]
pub struct ListBlock {
    /// The resource type whose objects are listed.
    pub ty: Str,
    /// Its name.
    pub name: Str,
    /// The configuration that is asked.
    pub provider: ProviderRef,
    /// How often.
    pub count: Option<Expr>,
    /// For what.
    pub for_each: Option<Expr>,
    /// How many objects at most.
    pub limit: Option<Expr>,
    /// Whether the objects come with their attributes.
    pub include: Option<Expr>,
    /// What the provider is told of which objects are meant.
    pub config: Body,
    /// The head of the block.
    pub span: Span,
}

/// Reads the `list` blocks of a file; with errors the result holds all that could be read. The second part: where they stand.
pub fn read(source: Text<'_>) -> (Vec<ListBlock>, Vec<Span>, Vec<Diagnostic>) {
    const SHAPE: Shape<'_> = Shape {
        attributes: &[],
        blocks: &[("list", &["type", "name"]), ("variable", &["name"]), ("locals", &[]), ("provider", &["name"])],
    };
    let (body, mut problems) = parse_body(source);
    check(&body, &SHAPE, &mut problems);
    let (mut lists, mut places): (Vec<ListBlock>, Vec<Span>) = (Vec::new(), Vec::new());
    for block in &body.blocks {
        match &*block.kind.name {
            "list" => {
                places.push(block.span.clone());
                lists.extend(list(block, &mut problems));
            }
            "variable" | "locals" | "provider" => {}
            // Told already; nobody reads it a second time.
            _ => places.push(block.span.clone()),
        }
    }
    (lists, places, problems)
}

/// A text with these places blank.
pub fn rest(text: &str, places: &[Span]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        let end = place.range.end.min(bytes.len());
        for byte in bytes.get_mut(place.range.start..end).into_iter().flatten() {
            if *byte != b'\n' && *byte != b'\r' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn list(block: &Block, problems: &mut Vec<Diagnostic>) -> Option<ListBlock> {
    const SHAPE: Shape<'_> = Shape {
        attributes: &[
            ("provider", false),
            ("count", false),
            ("for_each", false),
            ("limit", false),
            ("include_resource", false),
        ],
        blocks: &[("config", &[])],
    };
    if !check_labels(block, &["type", "name"], problems) {
        return None;
    }
    let body = &block.body;
    check(body, &SHAPE, problems);
    let expr = |name: &str| body.attribute(name).map(|a| a.expr.clone());
    if let (Some(_), Some(for_each)) = (body.attribute("count"), body.attribute("for_each")) {
        let detail = "The \"count\" and \"for_each\" meta-arguments are mutually-exclusive.";
        problems.push(
            Diagnostic::error("Invalid combination of \"count\" and \"for_each\"", detail).at(&for_each.name.span),
        );
    }
    let mut configs = body.blocks_of("config");
    let config = configs.next().map(|b| (*b.body).clone());
    if let Some(second) = configs.next() {
        let detail = "A list block has one \"config\" block at most.";
        problems.push(Diagnostic::error("Duplicate config block", detail).at(&second.header));
    }
    let Some(written) = body.attribute("provider") else {
        let detail = "You must specify a provider attribute when defining a list block.";
        problems.push(Diagnostic::error("Missing \"provider\" attribute", detail).at(&block.header));
        return None;
    };
    let Some(provider) = provider(&written.expr) else {
        let detail =
            "A provider configuration is named by its local name, and its alias behind a dot: aws or aws.seoul.";
        problems.push(Diagnostic::error("Invalid provider configuration reference", detail).at(&written.expr.span));
        return None;
    };
    let [ty, name] = [0, 1].map(|i| block.labels[i].text.clone());
    let span = block.header.clone();
    let config = config.unwrap_or_else(|| Body {
        attributes: Vec::new(),
        blocks: Vec::new(),
        span: Span { file: span.file, range: span.range.end..span.range.end },
        merged: false,
    });
    Some(ListBlock {
        ty,
        name,
        provider,
        count: expr("count"),
        for_each: expr("for_each"),
        limit: expr("limit"),
        include: expr("include_resource"),
        config,
        span,
    })
}

/// A configuration by its name.
fn provider(expr: &Expr) -> Option<ProviderRef> {
    use super::ast::StepKind;
    let ExprKind::Traversal(traversal) = &expr.unparenthesised().kind else { return None };
    let name = traversal.root.name.clone();
    let alias = match traversal.steps.as_slice() {
        [] => None,
        [step] => match &step.kind {
            StepKind::Attr(alias) => Some(alias.clone()),
            StepKind::Index(_) => return None,
        },
        _ => return None,
    };
    Some(ProviderRef { name, alias, span: expr.span.clone() })
}

/// `list` blocks that have the name of another one.
pub fn duplicates(lists: &[ListBlock]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (at, list) in lists.iter().enumerate() {
        if let Some(first) = lists[..at].iter().find(|l| (&l.ty, &l.name) == (&list.ty, &list.name)) {
            let detail = format!(
                "A {} list named {:?} was already declared. List names must be unique per type in each module.",
                &*list.ty, &*list.name
            );
            let summary = format!("Duplicate list {:?} configuration", &*list.ty);
            found.push(Diagnostic::error(summary, detail).at(&list.span).related(&first.span, "the other block"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;

    fn read_text(text: &str) -> (Vec<ListBlock>, String, Vec<Diagnostic>) {
        let (lists, places, problems) = read(Text { file: FileId(0), name: "a.tfquery.hcl", text });
        (lists, rest(text, &places), problems)
    }

    #[test]
    fn lists_are_taken_out_and_the_rest_keeps_its_place() {
        let text = "list \"a_b\" \"all\" {\n  provider = a.x\n  limit = 3\n  config {\n    p = var.p\n  }\n}\nvariable \"p\" {}\n";
        let (lists, rest, problems) = read_text(text);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((&*lists[0].ty, &*lists[0].name, &*lists[0].provider.name), ("a_b", "all", "a"));
        assert_eq!(lists[0].provider.alias.as_deref(), Some("x"));
        assert_eq!(rest.len(), text.len());
        assert_eq!(rest.trim(), "variable \"p\" {}");
        assert_eq!(rest.find("variable"), text.find("variable"));
    }

    #[test]
    fn mistakes_are_told_all_at_once() {
        let text = "list \"a_b\" \"x\" {\n  count = 1\n  for_each = []\n  nope = 1\n}\noutput \"o\" {}\n";
        let (_, rest, problems) = read_text(text);
        let told: Vec<&str> = problems.iter().map(|p| p.summary.as_str()).collect();
        for summary in [
            "Unsupported block type",
            "Unsupported argument",
            "Invalid combination of \"count\" and \"for_each\"",
            "Missing \"provider\" attribute",
        ] {
            assert!(told.contains(&summary), "{summary} is not in {told:?}");
        }
        assert_eq!(rest.trim(), "");
    }
}
