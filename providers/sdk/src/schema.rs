//! Schemas: what a provider says a type looks like. One model for protocol 5 and 6.

use crate::value::{Str, Type};
use std::collections::BTreeMap;

/// The schema of a provider configuration, a resource type or a data source.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schema {
    /// Raised by the provider when stored state must be upgraded.
    pub version: i64,
    pub block: Block,
}

/// Attributes and nested blocks.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    pub attributes: BTreeMap<Str, Attribute>,
    pub blocks: BTreeMap<Str, NestedBlock>,
    pub description: String,
    pub deprecated: bool,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub ty: AttributeType,
    pub description: String,
    pub required: bool,
    pub optional: bool,
    pub computed: bool,
    pub sensitive: bool,
    pub write_only: bool,
    pub deprecated: bool,
}

/// The type of an attribute: plain, or an object with attributes of its own (protocol 6).
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeType {
    Plain(Type),
    Nested { attributes: BTreeMap<Str, Attribute>, nesting: Nesting },
}

/// A block inside a block.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    pub block: Block,
    pub nesting: Nesting,
    pub min_items: i64,
    /// 0: no limit.
    pub max_items: i64,
}

/// How nested objects are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    Single,
    /// As `Single`, but never null (blocks only).
    Group,
    List,
    Set,
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
