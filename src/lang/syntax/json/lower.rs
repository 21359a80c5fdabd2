//! JSON values to the syntax tree.

use super::read::{Kind as Json, Member, Node};
use super::shape::{DYNAMIC, Kind, OPEN, Reading, Shape};
use super::shift::{shift, shift_span};
use crate::diag::position::LineIndex;
use crate::diag::{Diagnostic, FileId, Span};
use crate::lang::ast::{Attribute, Block, Body, Expr, ExprKind, Ident, Label, Literal, ObjectItem, ObjectKey};
use crate::lang::syntax::{Text, Within, parse_expr, template_in};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use straddle_sdk::value::{Str, Type, Value};

/// The file that values were read from.
#[derive(Debug)]
pub(super) struct Origin {
    pub file: FileId,
    pub name: String,
    pub text: String,
    /// Where the lines begin, found with the first place that is told in words.
    pub lines: OnceLock<LineIndex>,
}

impl Origin {
    fn span(&self, range: Range<usize>) -> Span {
        Span { file: self.file, range }
    }

    fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::of(&self.text))
    }

    fn place(&self, range: &Range<usize>) -> String {
        self.lines().range_text(&self.name, &self.text, &self.span(range.clone()))
    }
}

/// A property that a schema may say is blocks.
#[derive(Debug)]
pub struct Property {
    origin: Arc<Origin>,
    /// Every value given under the name.
    members: Vec<Member>,
    reading: Reading,
    plain: OnceLock<Unpacked>,
    labelled: OnceLock<Unpacked>,
}

type Unpacked = (Vec<Block>, Vec<Diagnostic>);

impl PartialEq for Property {
    /// The same place is the same property.
    fn eq(&self, other: &Property) -> bool {
        let places = |p: &Property| p.members.iter().map(|m| m.name_range.clone()).collect::<Vec<_>>();
        self.origin.file == other.origin.file && places(self) == places(other)
    }
}

impl Property {
    /// The blocks it stands for, and what is wrong with them. With `label` each block has a label of this name.
    pub fn blocks(&self, label: Option<&'static str>) -> (&[Block], &[Diagnostic]) {
        let cell = if label.is_some() { &self.labelled } else { &self.plain };
        let (blocks, problems) = cell.get_or_init(|| {
            let mut lower = Lower::new(&self.origin);
            let shape = if self.reading == Reading::Verbatim { &super::shape::SETTINGS } else { &OPEN };
            let labels: Vec<&str> = label.into_iter().collect();
            let blocks = self.members.iter().flat_map(|m| lower.blocks(m, &labels, shape)).collect();
            (blocks, lower.problems)
        });
        (blocks, problems)
    }

    /// What is wrong with it as an argument: that it is set twice.
    pub fn set_twice(&self) -> Option<Diagnostic> {
        let [first, again, ..] = self.members.as_slice() else { return None };
        Some(duplicate(&self.origin, first, again, "Duplicate argument"))
    }
}

fn duplicate(origin: &Origin, first: &Member, again: &Member, summary: &str) -> Diagnostic {
    let place = origin.place(&(first.name_range.start..first.value.range.end));
    let detail = format!("The argument {:?} was already set at {place}.", first.name);
    Diagnostic::error(summary, detail).at(&origin.span(again.name_range.clone()))
}

/// Lowers the values of one file.
pub(super) struct Lower<'a> {
    origin: &'a Arc<Origin>,
    pub problems: Vec<Diagnostic>,
}

impl<'a> Lower<'a> {
    pub fn new(origin: &'a Arc<Origin>) -> Lower<'a> {
        Lower { origin, problems: Vec::new() }
    }

    fn span(&self, range: Range<usize>) -> Span {
        self.origin.span(range)
    }

    fn error(&mut self, summary: &str, detail: impl Into<String>, range: Range<usize>) {
        self.problems.push(Diagnostic::error(summary, detail).at(&self.span(range)));
    }

    /// A whole file.
    pub fn root(&mut self, node: &Node, shape: &Shape) -> Body {
        if !matches!(node.kind, Json::Object(_) | Json::Array(_)) {
            let detail =
                "The root value in a JSON-based configuration must be either a JSON object or a JSON array of objects.";
            self.error("Root value must be object", detail, node.start());
            return self.nothing(node);
        }
        self.body(node, shape)
    }

    /// The body of a file that could not be read.
    pub fn nothing(&self, node: &Node) -> Body {
        Body { attributes: Vec::new(), blocks: Vec::new(), span: self.span(node.missing_place()), merged: false }
    }

    fn body(&mut self, node: &Node, shape: &Shape) -> Body {
        let mut body = self.nothing(node);
        if shape.kind == Kind::Names && !matches!(node.kind, Json::Object(_)) {
            let detail = "A JSON object is required here, setting the arguments for this block.";
            self.error("Incorrect JSON value type", detail, node.start());
            return body;
        }
        for members in by_name(self.members(node, None)) {
            let name = members[0].name.as_str();
            let known = shape.blocks.iter().find(|(kind, ..)| *kind == name);
            let (labels, inner): (&[&str], &Shape) = match known {
                Some((_, labels, inner)) => (labels, inner),
                None if shape.kind == Kind::Open && name == "dynamic" => (&["type"], &DYNAMIC),
                // Only blocks hold `dynamic`, and the names it binds are no references.
                None if shape.kind == Kind::Open && members.iter().any(|m| holds_dynamic(&m.value)) => (&[], &OPEN),
                None => {
                    body.attributes.extend(self.attribute(&members, shape));
                    continue;
                }
            };
            body.blocks.extend(members.iter().flat_map(|member| self.blocks(member, labels, inner)));
        }
        body
    }

    fn attribute(&mut self, members: &[&Member], shape: &Shape) -> Option<Attribute> {
        let member = members[0];
        let name = member.name.as_str();
        if shape.kind == Kind::Top {
            let known = shape.blocks.iter().map(|(kind, ..)| *kind);
            self.problems.push(extraneous(name, &self.span(member.name_range.clone()), known));
            return None;
        }
        let reading = shape.arguments.iter().find(|(known, _)| *known == name).map_or(shape.other, |(_, r)| *r);
        if let (Some(again), Kind::Closed | Kind::Names) = (members.get(1), shape.kind) {
            let named = shape.kind == Kind::Names;
            let summary = if named { "Duplicate attribute definition" } else { "Duplicate argument" };
            self.problems.push(duplicate(self.origin, member, again, summary));
        }
        let property = Property {
            origin: self.origin.clone(),
            // What cannot be a block needs no copy.
            members: if shape.kind == Kind::Open { members.iter().map(|m| (*m).clone()).collect() } else { Vec::new() },
            reading,
            plain: OnceLock::new(),
            labelled: OnceLock::new(),
        };
        Some(Attribute {
            name: Ident { name: Str::new(name), span: self.span(member.name_range.clone()) },
            expr: self.expr(&member.value, reading),
            span: self.span(member.name_range.start..member.value.range.end),
            json: Some(Arc::new(property)),
        })
    }

    /// The properties of an object, or of all objects of an array.
    fn members<'n>(&mut self, node: &'n Node, label: Option<&str>) -> Vec<&'n Member> {
        let what = match label {
            Some(label) => format!("to specify {label} labels for this block."),
            None => "to define arguments and child blocks.".to_owned(),
        };
        let mut all = Vec::new();
        match &node.kind {
            Json::Null | Json::Invalid => {}
            Json::Object(members) => all.extend(members),
            Json::Array(items) => {
                for item in items {
                    match &item.kind {
                        Json::Object(members) => all.extend(members),
                        _ => {
                            let detail = format!("A JSON object is required here, {what}");
                            self.error("Incorrect JSON value type", detail, item.start());
                        }
                    }
                }
            }
            _ => {
                let detail = format!("Either a JSON object or JSON array of objects is required here, {what}");
                self.error("Incorrect JSON value type", detail, node.start());
            }
        }
        all
    }

    /// The blocks of one property.
    fn blocks(&mut self, member: &Member, labels: &[&str], shape: &Shape) -> Vec<Block> {
        let kind = Ident { name: Str::new(&member.name), span: self.span(member.name_range.clone()) };
        let mut out = Vec::new();
        self.unpack(&member.value, &kind, labels, &mut Vec::new(), shape, &mut out);
        out
    }

    fn unpack(
        &mut self,
        node: &Node,
        kind: &Ident,
        labels: &[&str],
        used: &mut Vec<Label>,
        shape: &Shape,
        out: &mut Vec<Block>,
    ) {
        if let Some((label, rest)) = labels.split_first() {
            let members = self.members(node, Some(label));
            if members.is_empty() {
                let detail = format!(
                    "At least one object property is required, whose name represents the {} block's {label}.",
                    &*kind.name
                );
                self.error("Missing block label", detail, node.start());
            }
            for member in members {
                let span = self.span(member.name_range.clone());
                used.push(Label { text: Str::new(&member.name), span, quoted: true });
                self.unpack(&member.value, kind, rest, used, shape, out);
                used.pop();
            }
            return;
        }
        match &node.kind {
            Json::Null | Json::Invalid => {}
            Json::Object(_) => out.push(self.block(node, node.start(), kind, used, shape)),
            Json::Array(items) => {
                for item in items {
                    out.push(self.block(item, node.start(), kind, used, shape));
                }
            }
            _ => {
                let detail = format!(
                    "Either a JSON object or a JSON array is required, representing the contents of one or more {:?} blocks.",
                    &*kind.name
                );
                self.error("Incorrect JSON value type", detail, node.start());
            }
        }
    }

    fn block(&mut self, node: &Node, open: Range<usize>, kind: &Ident, labels: &[Label], shape: &Shape) -> Block {
        let body = Arc::new(self.body(node, shape));
        Block {
            kind: kind.clone(),
            labels: labels.to_vec(),
            close: body.span.clone(),
            body,
            span: self.span(node.range.clone()),
            header: self.span(open.clone()),
            open: self.span(open),
        }
    }

    fn expr(&mut self, node: &Node, reading: Reading) -> Expr {
        let span = self.span(node.range.clone());
        let literal = |value| ExprKind::Literal(Literal(value));
        let kind = match &node.kind {
            Json::Null => literal(Value::null(Type::Dynamic)),
            Json::Bool(value) => literal(if *value { Value::TRUE } else { Value::FALSE }),
            Json::Number(number) => literal(Value::number(number.clone())),
            Json::Text(text) => return self.text(text, &node.range, reading),
            Json::Array(items) => ExprKind::Tuple(items.iter().map(|item| self.expr(item, reading)).collect()),
            Json::Object(members) => ExprKind::Object(self.items(members, reading)),
            Json::Invalid => ExprKind::Invalid,
        };
        Expr { kind, span }
    }

    fn items(&mut self, members: &[Member], reading: Reading) -> Vec<ObjectItem> {
        let mut seen: BTreeMap<&str, &Member> = BTreeMap::new();
        let mut items = Vec::with_capacity(members.len());
        for member in members {
            if let Some(first) = seen.get(member.name.as_str()) {
                let place = self.origin.place(&first.name_range);
                let detail = format!("An attribute named {:?} was already defined at {place}.", member.name);
                self.error("Duplicate object attribute", detail, member.name_range.clone());
                continue;
            }
            seen.insert(&member.name, member);
            let key = ObjectKey::Expr(self.text(&member.name, &member.name_range, reading));
            items.push(ObjectItem { key, value: self.expr(&member.value, reading) });
        }
        items
    }

    /// A text; `range` is where it stands, with its quotes.
    fn text(&mut self, text: &str, range: &Range<usize>, reading: Reading) -> Expr {
        let span = self.span(range.clone());
        let source = Text { file: self.origin.file, name: &self.origin.name, text };
        let (parsed, from) = match reading {
            Reading::Static => (Some(parse_expr(source)).filter(|(_, problems)| problems.is_empty()), range.start),
            Reading::Template if text.contains("${") || text.contains("%{") => {
                let from = range.start + 1;
                let within = Within { text: &self.origin.text, lines: self.origin.lines(), from };
                (Some(template_in(source, Some(within))), from)
            }
            _ => (None, range.start),
        };
        let Some((mut expr, problems)) = parsed else {
            return Expr { kind: ExprKind::Literal(Literal(Value::string(text))), span };
        };
        // Escapes before a place make it a little too early.
        shift(&mut expr, from, range.end);
        for mut problem in problems {
            problem.span.iter_mut().for_each(|span| shift_span(span, from, range.end));
            problem.related.iter_mut().for_each(|(span, _)| shift_span(span, from, range.end));
            self.problems.push(problem);
        }
        Expr { kind: expr.kind, span }
    }
}

/// A property that nothing knows.
pub(in crate::lang) fn extraneous<'n>(name: &str, span: &Span, known: impl Iterator<Item = &'n str>) -> Diagnostic {
    let near = crate::lang::suggest::nearest(name, known);
    let mean = near.map_or(String::new(), |n| format!(" Did you mean {n:?}?"));
    let detail = format!("No argument or block type is named {name:?}.{mean}");
    Diagnostic::error("Extraneous JSON object property", detail).at(span)
}

/// Properties of one name together, in the order of the first of each; without comments.
fn by_name(members: Vec<&Member>) -> Vec<Vec<&Member>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out: Vec<Vec<&Member>> = Vec::new();
    for member in members {
        if member.name == "//" {
            continue;
        }
        let at = *places.entry(&member.name).or_insert(out.len());
        match out.get_mut(at) {
            Some(same) => same.push(member),
            None => out.push(vec![member]),
        }
    }
    out
}

/// Whether a `dynamic` block is anywhere inside.
fn holds_dynamic(node: &Node) -> bool {
    match &node.kind {
        Json::Array(items) => items.iter().any(holds_dynamic),
        Json::Object(members) => {
            members.iter().any(|m| (m.name == "dynamic" && makes_blocks(&m.value)) || holds_dynamic(&m.value))
        }
        _ => false,
    }
}

/// Whether the value of a `dynamic` property looks like what makes blocks.
fn makes_blocks(node: &Node) -> bool {
    let keys: BTreeSet<&str> = match &node.kind {
        Json::Object(members) => {
            let inner = members.iter().filter_map(|m| match &m.value.kind {
                Json::Object(inner) => Some(inner),
                _ => None,
            });
            inner.flatten().map(|m| m.name.as_str()).collect()
        }
        _ => return matches!(&node.kind, Json::Array(items) if items.iter().any(makes_blocks)),
    };
    keys.contains("for_each") && keys.contains("content")
}
