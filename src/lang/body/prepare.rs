//! The part of a body's value that does not depend on the scope.

use super::{BlockShape, Blocks, Dynamic, Item, Plan, Slot, collect, iterator_name, missing_at};
use crate::diag::Diagnostic;
use crate::lang::ast::{Attribute, Block, Body, Expr, ExprKind, ObjectKey, Part};
use crate::lang::eval::{NoScope, eval};
use crate::lang::reference::traversals;
use crate::lang::schema::{self, AttributeType, NestedBlock, Nesting};
use crate::lang::suggest::nearest;
use crate::lang::syntax::json::extraneous;
use std::borrow::Cow;
use std::collections::BTreeMap;
use straddle_sdk::value::{Str, Type, Value};

/// How the value of a body is put together; reports what is wrong whatever the scope.
pub(super) fn plan<'b>(body: &'b Body, schema: &schema::Block, problems: &mut Vec<Diagnostic>) -> Plan<'b> {
    let schema = with_block_attributes(body, schema);
    let written: BTreeMap<&str, &Attribute> = body.attributes.iter().map(|a| (&*a.name.name, a)).collect();
    let mut slots = Vec::with_capacity(schema.attributes.len() + schema.blocks.len());
    for (name, attribute) in &schema.attributes {
        let slot = match written.get(&**name) {
            Some(written) => attribute_slot(written, attribute, problems),
            None => {
                if attribute.required {
                    problems.push(missing_argument(name, body));
                }
                Slot::Fixed(Value::null(attribute.ty.implied_type()))
            }
        };
        slots.push((name.clone(), slot));
    }
    let mut blocks = sort_blocks(body, &schema, problems);
    for (name, nested) in &schema.blocks {
        let found = blocks.remove(&**name).unwrap_or_default();
        slots.push((name.clone(), blocks_slot(body, name, nested, found, problems)));
    }
    slots.sort_by(|a, b| a.0.cmp(&b.0));
    unsupported_arguments(body, &schema, problems);
    Plan { body, constant: constant(&slots), slots }
}

/// The object, if each of its attributes is fixed.
fn constant(slots: &[(Str, Slot<'_>)]) -> Option<Value> {
    let mut attributes = Vec::with_capacity(slots.len());
    for (name, slot) in slots {
        match slot {
            Slot::Fixed(value) => attributes.push((name.clone(), value.clone())),
            _ => return None,
        }
    }
    Some(Value::object(attributes))
}

fn attribute_slot<'b>(written: &'b Attribute, schema: &schema::Attribute, problems: &mut Vec<Diagnostic>) -> Slot<'b> {
    problems.extend(written.json.as_ref().and_then(|property| property.set_twice()));
    let want = config_type(&schema.ty);
    if !is_constant(&written.expr) {
        return Slot::Expr(&written.expr, want);
    }
    let (value, found) = eval(&written.expr, &NoScope);
    problems.extend(found);
    Slot::Fixed(collect::argument(&written.name.name, &written.expr, value, &want, problems))
}

/// Refers to nothing and calls no function: functions may depend on files or the clock.
fn is_constant(expr: &Expr) -> bool {
    let mut refers = false;
    traversals(expr, &mut |_| refers = true);
    !refers && !has_call(expr)
}

/// The type an argument is converted to: what is not required inside a nested attribute may be missing.
fn config_type(ty: &AttributeType) -> Type {
    match ty {
        AttributeType::Plain(ty) => ty.clone(),
        AttributeType::Nested { attributes, nesting } => {
            let optional = attributes.iter().filter(|(_, a)| !a.required).map(|(name, _)| name.clone()).collect();
            let attributes = attributes.iter().map(|(name, a)| (name.clone(), config_type(&a.ty))).collect();
            nesting.collect(Type::object_with_optional(attributes, optional))
        }
    }
}

/// Attributes that are lists or sets of objects may be written as blocks, which providers built with the older SDK rely on. Those that are
/// so written are blocks here.
fn with_block_attributes<'s>(body: &Body, schema: &'s schema::Block) -> Cow<'s, schema::Block> {
    let mut schema = Cow::Borrowed(schema);
    for block in &body.blocks {
        let name = block_type(block);
        let Some(attribute) = schema.attributes.get(name) else { continue };
        if body.attribute(name).is_some() {
            continue;
        }
        let AttributeType::Plain(ty @ (Type::List(of) | Type::Set(of))) = &attribute.ty else { continue };
        let Type::Object(object) = &**of else { continue };
        let nesting = if matches!(ty, Type::List(_)) { Nesting::List } else { Nesting::Set };
        let attributes = object.attrs.iter().map(|(k, ty)| (k.clone(), optional_attribute(ty.clone()))).collect();
        let block = schema::Block { attributes, ..schema::Block::default() };
        let nested = NestedBlock { block, nesting, min_items: 0, max_items: 0 };
        let schema = schema.to_mut();
        schema.attributes.remove(name);
        schema.blocks.insert(Str::new(name), nested);
    }
    schema
}

fn optional_attribute(ty: Type) -> schema::Attribute {
    schema::Attribute {
        ty: AttributeType::Plain(ty),
        description: String::new(),
        required: false,
        optional: true,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
        deprecation_message: String::new(),
        markdown: false,
    }
}

/// The type of the blocks that a block is or makes.
fn block_type(block: &Block) -> &str {
    match (iterator_name(block), block.labels.first()) {
        (Some(_), Some(label)) => &label.text,
        _ => &block.kind.name,
    }
}

fn missing_argument(name: &str, body: &Body) -> Diagnostic {
    let detail = format!("The argument {name:?} is required, but no definition was found.");
    Diagnostic::error("Missing required argument", detail).at(&missing_at(body))
}

fn unsupported_arguments(body: &Body, schema: &schema::Block, problems: &mut Vec<Diagnostic>) {
    if body.merged {
        return;
    }
    for attribute in &body.attributes {
        let name = &*attribute.name.name;
        if schema.attributes.contains_key(name) {
            continue;
        }
        let free = schema.attributes.keys().map(|k| &**k).filter(|k| body.attribute(k).is_none());
        if attribute.json.is_some() {
            if !schema.blocks.contains_key(name) {
                let known = free.chain(schema.blocks.keys().map(|k| &**k));
                problems.push(extraneous(name, &attribute.name.span, known));
            }
            continue;
        }
        problems.push(unsupported_argument(attribute, free, schema.blocks.contains_key(name)));
    }
}

fn unsupported_argument<'n>(attribute: &Attribute, names: impl Iterator<Item = &'n str>, is_block: bool) -> Diagnostic {
    let name = &*attribute.name.name;
    let hint = match nearest(name, names) {
        Some(near) => format!(" Did you mean {near:?}?"),
        None if is_block => format!(" Did you mean to define a block of type {name:?}?"),
        None => String::new(),
    };
    let detail = format!("An argument named {name:?} is not expected here.{hint}");
    Diagnostic::error("Unsupported argument", detail).at(&attribute.name.span)
}

/// The blocks by type, each in the order of the text. Reports those of types that the schema does not have.
fn sort_blocks<'b>(
    body: &'b Body,
    schema: &schema::Block,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<&'b str, Vec<&'b Block>> {
    let mut found: BTreeMap<&str, Vec<&Block>> = BTreeMap::new();
    for attribute in &body.attributes {
        let (Some(property), Some(nested)) = (&attribute.json, schema.blocks.get(&attribute.name.name)) else {
            continue;
        };
        let (blocks, wrong) = property.blocks((nested.nesting == Nesting::Map).then_some("key"));
        problems.extend_from_slice(wrong);
        found.entry(&attribute.name.name).or_default().extend(blocks);
    }
    for block in &body.blocks {
        let kind = block_type(block);
        if schema.blocks.contains_key(kind) {
            found.entry(kind).or_default().push(block);
            continue;
        }
        let hint = match nearest(kind, schema.blocks.keys().map(|k| &**k)) {
            Some(near) => format!(" Did you mean {near:?}?"),
            None if schema.attributes.contains_key(kind) => {
                format!(" Did you mean to define argument {kind:?}? If so, use the equals sign to assign it a value.")
            }
            None => String::new(),
        };
        let place = match iterator_name(block) {
            Some(_) => block.labels.first().map_or(&block.kind.span, |label| &label.span),
            None => &block.kind.span,
        };
        let detail = format!("Blocks of type {kind:?} are not expected here.{hint}");
        problems.push(Diagnostic::error("Unsupported block type", detail).at(place));
    }
    found
}

fn blocks_slot<'b>(
    body: &'b Body,
    kind: &Str,
    nested: &NestedBlock,
    found: Vec<&'b Block>,
    problems: &mut Vec<Diagnostic>,
) -> Slot<'b> {
    let shape = shape(nested);
    let mut items = Vec::with_capacity(found.len());
    let labelled = nested.nesting == Nesting::Map;
    for block in found {
        let item = match iterator_name(block) {
            Some(iterator) => dynamic(block, kind, iterator, nested, labelled, problems),
            None => one(block, kind, nested, labelled, problems),
        };
        items.extend(item);
    }
    let blocks = Blocks { kind: kind.clone(), shape, items };
    if blocks.items.iter().any(|item| matches!(item, Item::Many(_))) {
        return Slot::Blocks(Box::new(blocks));
    }
    // Without `dynamic` blocks their number is known: report it here, once.
    blocks.check_number(body, &blocks.items.iter().map(Item::header).collect::<Vec<_>>(), problems);
    match blocks.constant() {
        Some(value) => Slot::Fixed(value),
        None => Slot::Blocks(Box::new(blocks)),
    }
}

fn shape(nested: &NestedBlock) -> BlockShape {
    let of = nested.block.implied_type();
    let whole = nested.implied_type();
    // Only these two count their blocks.
    let counted = matches!(nested.nesting, Nesting::List | Nesting::Set);
    let one = matches!(nested.nesting, Nesting::Single | Nesting::Group);
    BlockShape {
        nesting: nested.nesting,
        of,
        whole,
        empty: nested.collect(Vec::new()),
        min: usize::try_from(nested.min_items).unwrap_or(0).min(if one { 1 } else { usize::MAX }),
        max: if one { Some(1) } else { usize::try_from(nested.max_items).ok().filter(|max| counted && *max > 0) },
    }
}

/// A block as written.
fn one<'b>(
    block: &'b Block,
    kind: &Str,
    nested: &NestedBlock,
    labelled: bool,
    problems: &mut Vec<Diagnostic>,
) -> Option<Item<'b>> {
    let wanted = usize::from(labelled);
    let plan = plan(&block.body, &nested.block, problems);
    if let Some(extra) = block.labels.get(wanted) {
        let detail = if labelled {
            format!("Only 1 labels (key) are expected for {kind} blocks.")
        } else {
            format!("No labels are expected for {kind} blocks.")
        };
        problems.push(Diagnostic::error(format!("Extraneous label for {kind}"), detail).at(&extra.span));
        return None;
    }
    if block.labels.len() < wanted {
        let detail = format!("All {kind} blocks must have 1 labels (key).");
        problems.push(Diagnostic::error(format!("Missing key for {kind}"), detail).at(&block.open));
        return None;
    }
    let label = block.labels.first().map(|label| label.text.clone());
    Some(Item::One { label, plan, header: &block.header })
}

/// A `dynamic` block.
fn dynamic<'b>(
    block: &'b Block,
    kind: &Str,
    iterator: &'b str,
    nested: &NestedBlock,
    labelled: bool,
    problems: &mut Vec<Diagnostic>,
) -> Option<Item<'b>> {
    let body = &*block.body;
    let before = problems.len();
    let names: &[&str] = if labelled { &["for_each", "iterator", "labels"] } else { &["for_each", "iterator"] };
    for attribute in body.attributes.iter().filter(|a| !names.contains(&&*a.name.name)) {
        problems.push(unsupported_argument(attribute, names.iter().copied(), false));
    }
    let for_each = body.attribute("for_each");
    if for_each.is_none() {
        problems.push(missing_argument("for_each", body));
    }
    check_iterator(body, problems);
    let label = if labelled { only_label(body, kind, problems) } else { None };
    let content = content(body, problems);
    let wrong = problems.get(before..).unwrap_or_default().iter().any(Diagnostic::is_error);
    // The content is checked even if the block around it is wrong.
    let content = plan(&content?.body, &nested.block, problems);
    let for_each = &for_each.filter(|_| !wrong)?.expr;
    Some(Item::Many(Box::new(Dynamic { for_each, iterator, label, content, header: &block.header })))
}

fn check_iterator(body: &Body, problems: &mut Vec<Diagnostic>) {
    let Some(iterator) = body.attribute("iterator") else { return };
    match &iterator.expr.kind {
        ExprKind::Traversal(name) if name.steps.is_empty() => {}
        _ => {
            let detail = "Dynamic iterator must be a single variable name.";
            problems.push(Diagnostic::error("Invalid dynamic iterator name", detail).at(&iterator.expr.span));
        }
    }
}

/// The label of a block of a map: each has one.
fn only_label<'b>(body: &'b Body, kind: &Str, problems: &mut Vec<Diagnostic>) -> Option<&'b Expr> {
    let detail = format!("Blocks of type {:?} require 1 label(s).", &**kind);
    let problem = match body.attribute("labels") {
        None => Diagnostic::error("Insufficient dynamic block labels", detail).at(&missing_at(body)),
        Some(labels) => match &labels.expr.unparenthesised().kind {
            ExprKind::Tuple(items) => match items.as_slice() {
                [label] => return Some(label),
                [] => Diagnostic::error("Insufficient dynamic block labels", detail).at(&labels.expr.span),
                [_, extra, ..] => Diagnostic::error("Extraneous dynamic block label", detail).at(&extra.span),
            },
            _ => Diagnostic::error("Invalid expression", "A static list expression is required.").at(&labels.expr.span),
        },
    };
    problems.push(problem);
    None
}

fn content<'b>(body: &'b Body, problems: &mut Vec<Diagnostic>) -> Option<&'b Block> {
    for block in body.blocks.iter().filter(|b| &*b.kind.name != "content") {
        let detail = format!("Blocks of type {:?} are not expected here.", &*block.kind.name);
        problems.push(Diagnostic::error("Unsupported block type", detail).at(&block.kind.span));
    }
    let mut contents = body.blocks_of("content");
    let first = contents.next();
    if first.is_none() {
        let detail = "A dynamic block must have a nested block of type \"content\" to describe the body of each generated block.";
        problems.push(Diagnostic::error("Missing dynamic content block", detail).at(&missing_at(body)));
    }
    if let Some(second) = contents.next() {
        let detail = "Only one nested content block is allowed for each dynamic block.";
        problems.push(Diagnostic::error("Extraneous dynamic content block", detail).at(&second.header));
    }
    first
}

/// Whether a function is called anywhere inside.
fn has_call(expr: &Expr) -> bool {
    let mut rest = vec![expr];
    let mut parts: Vec<&[Part]> = Vec::new();
    while let Some(expr) = rest.pop() {
        match &expr.kind {
            ExprKind::Call(_) => return true,
            ExprKind::Literal(_) | ExprKind::Traversal(_) | ExprKind::SplatItem | ExprKind::Invalid => {}
            ExprKind::Template(template) => parts.push(&template.parts),
            ExprKind::Tuple(items) => rest.extend(items),
            ExprKind::Object(items) => {
                for item in items {
                    rest.push(&item.value);
                    if let ObjectKey::Expr(key) = &item.key {
                        rest.push(key);
                    }
                }
            }
            ExprKind::For(node) => {
                rest.extend([&node.collection, &node.result]);
                rest.extend(node.key_result.iter().chain(&node.cond));
            }
            ExprKind::Conditional(node) => rest.extend([&node.cond, &node.yes, &node.no]),
            ExprKind::Binary(node) => rest.extend([&node.left, &node.right]),
            ExprKind::Unary(node) => rest.push(&node.operand),
            ExprKind::Relative(node) => rest.push(&node.on),
            ExprKind::Index(node) => rest.extend([&node.on, &node.key]),
            ExprKind::Splat(node) => rest.extend([&node.source, &node.each]),
            ExprKind::Parens(inner) => rest.push(inner),
        }
        while let Some(some) = parts.pop() {
            for part in some {
                match part {
                    Part::Text(..) => {}
                    Part::Interpolation(expr) => rest.push(expr),
                    Part::If { cond, yes, no, .. } => {
                        rest.push(cond);
                        parts.extend([yes.as_slice(), no.as_slice()]);
                    }
                    Part::For { collection, body, .. } => {
                        rest.push(collection);
                        parts.push(body);
                    }
                }
            }
        }
    }
    false
}
