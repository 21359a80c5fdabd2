//! Where in a text the part of a configuration stands that a path names: providers speak of paths, people look at lines.

use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Body, Expr, ExprKind, ObjectKey};
use crate::lang::decode::content::missing_place;
use straddle_sdk::value::{Path, Step};

/// A provider's words where they belong: at the part they are about, else where the block begins. What has a place keeps it.
pub fn placed(problem: Diagnostic, body: &Body) -> Diagnostic {
    match problem.attribute.as_ref().and_then(|path| place_of(body, path)) {
        Some(place) => problem.at_attribute(&place),
        None if problem.span.is_none() => problem.at(&missing_place(body)),
        None => problem,
    }
}

/// The place of a path in a body: the argument, or the part of its value where that is written out. As far as it can be followed;
/// `None` where not even the first step is there (an argument that is not written).
fn place_of(body: &Body, path: &Path) -> Option<Span> {
    let (first, rest) = path.0.split_first()?;
    let Step::Attr(name) = first else { return None };
    if let Some(attribute) = body.attribute(name) {
        return Some(in_expr(&attribute.expr, rest));
    }
    let mut blocks = body.blocks_of(name);
    // A block of a list is told by its number, one of a map by its label; a single one is not told apart.
    let (block, rest) = match rest.split_first() {
        Some((Step::Index(n), rest)) => (blocks.nth(usize::try_from(*n).ok()?)?, rest),
        Some((Step::Key(key), rest)) => (blocks.find(|b| b.labels.first().is_some_and(|l| l.text == *key))?, rest),
        _ => (blocks.next()?, rest),
    };
    Some(place_of(&block.body, &Path(rest.to_vec())).unwrap_or_else(|| block.header.clone()))
}

fn in_expr(expr: &Expr, steps: &[Step]) -> Span {
    let whole = || expr.span.clone();
    let Some((first, rest)) = steps.split_first() else { return whole() };
    match (&expr.unparenthesised().kind, first) {
        (ExprKind::Tuple(items), Step::Index(n)) => {
            let item = usize::try_from(*n).ok().and_then(|n| items.get(n));
            item.map_or_else(whole, |item| in_expr(item, rest))
        }
        (ExprKind::Object(items), Step::Attr(name) | Step::Key(name)) => {
            let named = items.iter().find(|item| match &item.key {
                ObjectKey::Name(ident) => ident.name == *name,
                ObjectKey::Expr(expr) => expr.literal_text() == Some(&**name),
            });
            named.map_or_else(whole, |item| in_expr(&item.value, rest))
        }
        _ => whole(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;
    use crate::lang::syntax::{Text, parse_body};

    #[test]
    fn paths_lead_to_what_is_written() {
        let text = "a = 1\nmany = [{ key = \"x\" }, { key = \"l\", \"more\" = \"bad\" }]\nany = var.x\ndisk {\n  size = 1\n}\ndisk \
                    {\n  size = 2\n}\nby \"k\" {\n  v = 3\n}\n";
        let (body, problems) = parse_body(Text { file: FileId(0), name: "t.tf", text });
        assert!(problems.is_empty(), "{problems:?}");
        let at = |path: Path| place_of(&body, &path).map(|span| text[span.range].to_owned());
        let root = |name: &str| Path::ROOT.attr(name);
        let disk = |n: u64| root("disk").then(Step::Index(n));
        assert_eq!(at(root("a")).as_deref(), Some("1"));
        assert_eq!(at(root("many").then(Step::Index(1)).attr("more")).as_deref(), Some("\"bad\""));
        assert_eq!(at(root("many").then(Step::Index(0)).attr("none")).as_deref(), Some("{ key = \"x\" }"));
        assert_eq!(at(root("any").then(Step::Index(3)).attr("deep")).as_deref(), Some("var.x"));
        assert_eq!(at(disk(1).attr("size")).as_deref(), Some("2"));
        assert_eq!(at(disk(0).attr("serial")).as_deref(), Some("disk"));
        assert_eq!(at(disk(2)), None);
        assert_eq!(at(root("by").then(Step::Key("k".into())).attr("v")).as_deref(), Some("3"));
        assert_eq!(at(root("none")), None);
        assert_eq!(at(Path::ROOT), None);
    }
}
