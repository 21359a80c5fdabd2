//! Schemas: what a provider says a type looks like. One model for protocol 5 and 6.

use crate::value::{Kind, MarkedPath, Marks, Path, Step, Str, Type, Value};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// The schema of a provider configuration, a resource type or a data source.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schema {
    /// Raised by the provider when stored state must be upgraded.
    pub version: i64,
    /// What it consists of.
    pub block: Block,
}

/// Attributes and nested blocks.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    /// Arguments and results, `name = value`.
    pub attributes: BTreeMap<Str, Attribute>,
    /// Blocks inside, `name { … }`. No attribute has the same name.
    pub blocks: BTreeMap<Str, NestedBlock>,
    /// For people; may be empty.
    pub description: String,
    /// Whether to warn of its use.
    pub deprecated: bool,
    /// What to do instead; may be empty.
    pub deprecation_message: String,
    /// Whether the description is Markdown.
    pub markdown: bool,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The type of its value.
    pub ty: AttributeType,
    /// For people; may be empty.
    pub description: String,
    /// Must be written.
    pub required: bool,
    /// May be written.
    pub optional: bool,
    /// The provider gives the value when it is not written.
    pub computed: bool,
    /// The value must not be printed.
    pub sensitive: bool,
    /// The value goes to the provider and nowhere else: null in plans and in state.
    pub write_only: bool,
    /// Whether to warn of its use.
    pub deprecated: bool,
    /// What to do instead; may be empty.
    pub deprecation_message: String,
    /// Whether the description is Markdown.
    pub markdown: bool,
}

/// The type of an attribute: plain, or an object with attributes of its own (protocol 6).
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeType {
    /// Any type of the language.
    Plain(Type),
    /// One or several objects whose attributes are described one by one.
    Nested {
        /// The attributes of each object.
        attributes: BTreeMap<Str, Attribute>,
        /// How many there may be; never `Group`.
        nesting: Nesting,
    },
}

/// A block inside a block.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// What each consists of.
    pub block: Block,
    /// How several are collected.
    pub nesting: Nesting,
    /// The fewest there may be.
    pub min_items: i64,
    /// 0: no limit.
    pub max_items: i64,
}

/// A function of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its arguments, in order.
    pub parameters: Vec<Parameter>,
    /// What any further arguments are.
    pub variadic: Option<Parameter>,
    /// The type of the result.
    pub result: Type,
    /// For people; may be empty.
    pub summary: String,
    /// For people; may be empty.
    pub description: String,
    /// Whether the description is Markdown.
    pub markdown: bool,
    /// Why not to use it any more; empty: no reason.
    pub deprecation_message: String,
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// For people.
    pub name: String,
    /// The type arguments are converted to.
    pub ty: Type,
    /// Whether null is an argument; else it is an error.
    pub null: bool,
    /// Whether the function is called with unknowns; else its result is unknown then.
    pub unknown: bool,
    /// For people; may be empty.
    pub description: String,
    /// Whether the description is Markdown.
    pub markdown: bool,
}

impl Function {
    /// The parameter of the argument at a position; `None`: there are more arguments than parameters.
    pub fn parameter(&self, position: usize) -> Option<&Parameter> {
        self.parameters.get(position).or(self.variadic.as_ref())
    }
}

/// A function's refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionProblem {
    /// Why.
    pub text: String,
    /// The argument concerned, counted from 0.
    pub argument: Option<usize>,
}

/// How nested objects are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object or null.
    Single,
    /// As `Single`, but never null (blocks only).
    Group,
    /// In the order written.
    List,
    /// Without order or duplicates.
    Set,
    /// By a label or key.
    Map,
}

impl Schema {
    /// The type of every object of this schema.
    pub fn implied_type(&self) -> Type {
        self.block.implied_type()
    }
}

impl Block {
    /// The object type whose attributes are the attributes and the nested blocks.
    pub fn implied_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|(name, a)| (name.clone(), a.ty.implied_type()));
        let blocks = self.blocks.iter().map(|(name, b)| (name.clone(), b.implied_type()));
        Type::object(attributes.chain(blocks).collect())
    }
}

impl AttributeType {
    /// The type of the attribute's values.
    pub fn implied_type(&self) -> Type {
        match self {
            AttributeType::Plain(ty) => ty.clone(),
            AttributeType::Nested { attributes, nesting } => {
                let of = Type::object(attributes.iter().map(|(name, a)| (name.clone(), a.ty.implied_type())).collect());
                nesting.collect(of)
            }
        }
    }
}

impl NestedBlock {
    /// The type of the block's values. A list or map of blocks with a dynamic type inside is itself dynamic: its values are
    /// tuples and objects.
    pub fn implied_type(&self) -> Type {
        let of = self.block.implied_type();
        match self.nesting {
            Nesting::List | Nesting::Map if of.has_dynamic() => Type::Dynamic,
            nesting => nesting.collect(of),
        }
    }
}

impl Nesting {
    /// The type of values of `of` collected this way.
    pub fn collect(self, of: Type) -> Type {
        match self {
            Nesting::Single | Nesting::Group => of,
            Nesting::List => Type::list(of),
            Nesting::Set => Type::set(of),
            Nesting::Map => Type::map(of),
        }
    }
}

/// A schema with what is derived from it worked out once; shared by everything that handles objects of the type.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    schema: Schema,
    ty: Type,
    empty: Value,
    sensitive: bool,
    write_only: bool,
}

impl Prepared {
    /// Works out what is derived.
    pub fn new(schema: Schema) -> Prepared {
        let ty = schema.implied_type();
        let empty = schema.block.empty_value();
        let sensitive = schema.block.any_attribute(&|a| a.sensitive);
        let write_only = schema.block.any_attribute(&|a| a.write_only);
        Prepared(Arc::new(Inner { schema, ty, empty, sensitive, write_only }))
    }

    /// The type of every object of this schema.
    pub fn ty(&self) -> &Type {
        &self.0.ty
    }

    /// The object of a block in which nothing is written; see [`Block::empty_value`].
    pub fn empty(&self) -> &Value {
        &self.0.empty
    }

    /// The null object.
    pub fn null(&self) -> Value {
        Value::null(self.0.ty.clone())
    }

    /// The object with the marks that the schema asks for.
    pub fn mark_sensitive(&self, object: &Value) -> Value {
        if !self.0.sensitive {
            return object.clone();
        }
        object.mark_at(&self.0.schema.block.sensitive_paths(object))
    }

    /// The object with all write-only attributes null.
    pub fn without_write_only(&self, object: &Value) -> Value {
        if !self.0.write_only {
            return object.clone();
        }
        let null = |a: &Attribute, v: &Value| (a.write_only && !v.is_null()).then(|| Value::null(a.ty.implied_type()));
        self.0.schema.block.map_attributes(object, &null)
    }

    /// The path of the first write-only attribute that is not null; a path ends at a set.
    pub fn first_write_only(&self, object: &Value) -> Option<Path> {
        if !self.0.write_only {
            return None;
        }
        let mut found = Vec::new();
        let fields = Fields::Block(&self.0.schema.block);
        fields.collect(object, &mut Path::default(), &|a, v| a.write_only && !v.is_null(), &mut found);
        found.into_iter().next()
    }
}

impl Deref for Prepared {
    type Target = Schema;
    fn deref(&self) -> &Schema {
        &self.0.schema
    }
}

impl From<Schema> for Prepared {
    fn from(schema: Schema) -> Prepared {
        Prepared::new(schema)
    }
}

/// What a path in an object leads to, as the schema sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place<'s> {
    /// The innermost attribute on the path; `None` when the path ends at a block or in one.
    pub attribute: Option<&'s Attribute>,
    /// The innermost nested block on the path.
    pub block: Option<&'s NestedBlock>,
    /// Whether the path goes on inside the attribute's value, where the schema says only the type.
    pub inside: bool,
    /// Whether an attribute on the path is sensitive.
    pub sensitive: bool,
    /// Whether an attribute on the path is write-only.
    pub write_only: bool,
}

impl Block {
    /// The object of a block in which nothing is written: attributes are null, a single block is null, a group is its own empty
    /// value, and collections of blocks are empty.
    pub fn empty_value(&self) -> Value {
        self.value_with(Vec::new())
    }

    /// The object of a block in which only these attributes and blocks are written (blocks as [`NestedBlock::collect`] makes them);
    /// the rest is as in [`Block::empty_value`]. Names the schema does not have are left out.
    pub fn value_with(&self, written: Vec<(Str, Value)>) -> Value {
        let mut written: BTreeMap<Str, Value> = written.into_iter().collect();
        let mut items = Vec::with_capacity(self.attributes.len() + self.blocks.len());
        for (name, attribute) in &self.attributes {
            let value = written.remove(name).unwrap_or_else(|| Value::null(attribute.ty.implied_type()));
            items.push((name.clone(), value));
        }
        for (name, nested) in &self.blocks {
            items.push((name.clone(), written.remove(name).unwrap_or_else(|| nested.collect(Vec::new()))));
        }
        Value::object(items)
    }

    /// What a path leads to; `None` for a name the schema does not have. Steps into elements of collections (`[0]`, `["k"]`) are taken
    /// as they come.
    pub fn find(&self, path: &Path) -> Option<Place<'_>> {
        let mut fields = Some(Fields::Block(self));
        let mut place = Place { attribute: None, block: None, inside: false, sensitive: false, write_only: false };
        for step in &path.0 {
            let Step::Attr(name) = step else {
                place.inside |= fields.is_none();
                continue;
            };
            let Some(known) = fields else {
                place.inside = true;
                continue;
            };
            if let Some(attribute) = known.attributes().get(name) {
                place.attribute = Some(attribute);
                place.sensitive |= attribute.sensitive;
                place.write_only |= attribute.write_only;
                fields = attribute.fields();
            } else {
                let nested = known.blocks()?.get(name)?;
                place.block = Some(nested);
                fields = Some(Fields::Block(&nested.block));
            }
        }
        Some(place)
    }

    /// The places in an object that the schema declares sensitive. A path ends at a set.
    pub fn sensitive_paths(&self, object: &Value) -> Vec<MarkedPath> {
        let mut found = Vec::new();
        Fields::Block(self).collect(object, &mut Path::default(), &|a, _| a.sensitive, &mut found);
        found.dedup();
        found.into_iter().map(|path| (path, Marks::SENSITIVE)).collect()
    }

    /// The object with attributes replaced where `f` gives another value, in nested attributes and blocks too (also in sets).
    /// What `f` replaces is not looked into.
    pub fn map_attributes(&self, object: &Value, f: &dyn Fn(&Attribute, &Value) -> Option<Value>) -> Value {
        Fields::Block(self).map(object, f).unwrap_or_else(|| object.clone())
    }

    fn any_attribute(&self, is: &dyn Fn(&Attribute) -> bool) -> bool {
        Fields::Block(self).any(is)
    }
}

impl NestedBlock {
    /// The value of the blocks written, in order, each with its label where the nesting is `Map`. Where a block has a dynamic type
    /// inside, a list is a tuple and a map is an object. Of a single block the first counts: validation has counted them.
    pub fn collect(&self, blocks: Vec<(Option<Str>, Value)>) -> Value {
        let of = self.block.implied_type();
        let keyed = |blocks: Vec<(Option<Str>, Value)>| {
            blocks.into_iter().filter_map(|(label, block)| Some((label?, block))).collect::<Vec<_>>()
        };
        let plain = |blocks: Vec<(Option<Str>, Value)>| blocks.into_iter().map(|(_, block)| block).collect::<Vec<_>>();
        match self.nesting {
            Nesting::Single => plain(blocks).into_iter().next().unwrap_or_else(|| Value::null(of)),
            Nesting::Group => plain(blocks).into_iter().next().unwrap_or_else(|| self.block.empty_value()),
            Nesting::List if of.has_dynamic() => Value::tuple(plain(blocks)),
            Nesting::List => Value::list(of, plain(blocks)),
            Nesting::Set => Value::set(of, plain(blocks)),
            Nesting::Map if of.has_dynamic() => Value::object(keyed(blocks)),
            Nesting::Map => Value::map(of, keyed(blocks)),
        }
    }
}

/// The attributes and blocks of one object: of a block, or of a nested attribute (which has no blocks).
#[derive(Clone, Copy, Debug)]
pub enum Fields<'s> {
    /// Of a block.
    Block(&'s Block),
    /// Of each object of a nested attribute.
    Nested(&'s BTreeMap<Str, Attribute>),
}

impl Attribute {
    /// The attributes of its objects, when it has such.
    pub fn fields(&self) -> Option<Fields<'_>> {
        match &self.ty {
            AttributeType::Plain(_) => None,
            AttributeType::Nested { attributes, .. } => Some(Fields::Nested(attributes)),
        }
    }

    /// How its objects are collected, when it has such.
    pub fn nesting(&self) -> Option<Nesting> {
        match &self.ty {
            AttributeType::Plain(_) => None,
            AttributeType::Nested { nesting, .. } => Some(*nesting),
        }
    }
}

impl<'s> Fields<'s> {
    /// The attributes.
    pub fn attributes(self) -> &'s BTreeMap<Str, Attribute> {
        match self {
            Fields::Block(block) => &block.attributes,
            Fields::Nested(attributes) => attributes,
        }
    }

    /// The nested blocks, when there may be some.
    pub fn blocks(self) -> Option<&'s BTreeMap<Str, NestedBlock>> {
        match self {
            Fields::Block(block) => Some(&block.blocks),
            Fields::Nested(_) => None,
        }
    }

    /// What is inside an attribute or block of this name, and how it is collected.
    fn inside(self, name: &str) -> Option<(Fields<'s>, Nesting)> {
        if let Some(attribute) = self.attributes().get(name) {
            return Some((attribute.fields()?, attribute.nesting()?));
        }
        let nested = self.blocks()?.get(name)?;
        Some((Fields::Block(&nested.block), nested.nesting))
    }

    fn any(self, is: &dyn Fn(&Attribute) -> bool) -> bool {
        self.attributes().values().any(|a| is(a) || a.fields().is_some_and(|f| f.any(is)))
            || self.blocks().is_some_and(|blocks| blocks.values().any(|b| b.block.any_attribute(is)))
    }

    fn collect(self, object: &Value, path: &mut Path, is: &dyn Fn(&Attribute, &Value) -> bool, found: &mut Vec<Path>) {
        for (name, value) in object.entries().unwrap_or_default() {
            path.0.push(Step::Attr(name.clone()));
            if self.attributes().get(name).is_some_and(|a| is(a, value)) {
                found.push(path.clone());
            } else if let Some((fields, nesting)) = self.inside(name) {
                each_element(nesting, value, path, &mut |element, path| fields.collect(element, path, is, found));
            }
            path.0.pop();
        }
    }

    /// `None` when nothing changes.
    fn map(self, object: &Value, f: &dyn Fn(&Attribute, &Value) -> Option<Value>) -> Option<Value> {
        let Kind::Object(items) = object.kind() else { return None };
        let mut changed: Option<Vec<(Str, Value)>> = None;
        for (i, (name, value)) in items.iter().enumerate() {
            let replaced = self.attributes().get(name).and_then(|a| f(a, value));
            let new = replaced.or_else(|| {
                let (fields, nesting) = self.inside(name)?;
                map_elements(nesting, value, &|element| fields.map(element, f))
            });
            if let Some(new) = new {
                changed.get_or_insert_with(|| Vec::clone(items))[i].1 = new;
            }
        }
        changed.map(|items| Value::from(Kind::Object(Arc::new(items))).with_marks(object.marks()))
    }
}

/// Visits each object of a nested attribute or block.
fn each_element(nesting: Nesting, value: &Value, path: &mut Path, f: &mut dyn FnMut(&Value, &mut Path)) {
    match (nesting, value.kind()) {
        (Nesting::Single | Nesting::Group, _) => f(value, path),
        (_, Kind::Set(e)) => e.items.iter().for_each(|item| f(item, path)),
        (_, Kind::Map(_) | Kind::Object(_)) => {
            for (key, item) in value.entries().unwrap_or_default() {
                path.0.push(Step::Key(key.clone()));
                f(item, path);
                path.0.pop();
            }
        }
        _ => {
            for (i, item) in value.items().unwrap_or_default().iter().enumerate() {
                path.0.push(Step::Index(i as u64));
                f(item, path);
                path.0.pop();
            }
        }
    }
}

/// The value of a nested attribute or block with its objects changed; `None` when none changes.
pub fn map_elements(nesting: Nesting, value: &Value, f: &dyn Fn(&Value) -> Option<Value>) -> Option<Value> {
    let items = |items: &[Value]| {
        let mut changed: Option<Vec<Value>> = None;
        for (i, item) in items.iter().enumerate() {
            if let Some(new) = f(item) {
                changed.get_or_insert_with(|| items.to_vec())[i] = new;
            }
        }
        changed
    };
    let entries = |entries: &[(Str, Value)]| {
        let mut changed: Option<Vec<(Str, Value)>> = None;
        for (i, (_, item)) in entries.iter().enumerate() {
            if let Some(new) = f(item) {
                changed.get_or_insert_with(|| entries.to_vec())[i].1 = new;
            }
        }
        changed
    };
    let changed = match (nesting, value.kind()) {
        (Nesting::Single | Nesting::Group, _) => return f(value),
        (_, Kind::List(e)) => Value::list(e.of.clone(), items(&e.items)?),
        (_, Kind::Set(e)) => Value::set(e.of.clone(), items(&e.items)?),
        (_, Kind::Tuple(t)) => Value::tuple(items(t)?),
        (_, Kind::Map(e)) => Value::map(e.of.clone(), entries(&e.items)?),
        (_, Kind::Object(o)) => Value::object(entries(o)?),
        _ => return None,
    };
    Some(changed.with_marks(value.marks()))
}

#[cfg(test)]
mod tests;
