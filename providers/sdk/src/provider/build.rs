//! Schemas written down by an author, and what a schema on the wire does not say: what replaces, what every change makes anew.

use crate::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting, Prepared, Schema};
use crate::value::{Str, Type, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Everything a provider offers.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// The provider's own configuration.
    pub provider: Arc<ResourceSchema>,
    /// Resource types by name.
    pub resources: BTreeMap<Str, Arc<ResourceSchema>>,
    /// Data sources by name.
    pub data_sources: BTreeMap<Str, Arc<ResourceSchema>>,
}

impl Schemas {
    /// Nothing yet; the provider takes no configuration.
    pub fn new() -> Schemas {
        Schemas::default()
    }

    /// What the provider's configuration looks like.
    pub fn provider(mut self, schema: ResourceSchema) -> Schemas {
        self.provider = Arc::new(schema);
        self
    }

    /// A resource type.
    pub fn resource(mut self, type_name: impl Into<Str>, schema: ResourceSchema) -> Schemas {
        self.resources.insert(type_name.into(), Arc::new(schema));
        self
    }

    /// A data source.
    pub fn data_source(mut self, type_name: impl Into<Str>, schema: ResourceSchema) -> Schemas {
        self.data_sources.insert(type_name.into(), Arc::new(schema));
        self
    }
}

/// Names from the root to an attribute, through nested attributes and blocks; elements of collections are passed over.
pub type Names = Vec<Str>;

/// A schema with what the default plan needs to know.
#[derive(Clone, Debug, Default)]
pub struct ResourceSchema {
    schema: Schema,
    replaces: Vec<Names>,
    recomputed: Vec<Names>,
    identity: Vec<Str>,
    prepared: OnceLock<Prepared>,
}

impl ResourceSchema {
    /// No attributes yet, version 0.
    pub fn new() -> ResourceSchema {
        ResourceSchema::default()
    }

    /// Raised when stored objects must be upgraded.
    pub fn version(mut self, version: i64) -> ResourceSchema {
        self.schema.version = version;
        self
    }

    /// What the type is, for people.
    pub fn describe(mut self, text: impl Into<String>) -> ResourceSchema {
        self.schema.block.description = text.into();
        self
    }

    /// The type should not be used any more.
    pub fn deprecated(mut self) -> ResourceSchema {
        self.schema.block.deprecated = true;
        self
    }

    /// An attribute.
    pub fn attribute(mut self, name: impl Into<Str>, attribute: AttributeSpec) -> ResourceSchema {
        let name = name.into();
        self.replaces.extend(under(&name, attribute.replaces));
        self.recomputed.extend(under(&name, attribute.recomputed));
        self.schema.block.attributes.insert(name, attribute.attribute);
        self.prepared = OnceLock::new();
        self
    }

    /// A nested block.
    pub fn block(mut self, name: impl Into<Str>, block: BlockSpec) -> ResourceSchema {
        let name = name.into();
        self.replaces.extend(under(&name, block.content.replaces));
        self.recomputed.extend(under(&name, block.content.recomputed));
        let nested = NestedBlock {
            block: block.content.schema.block,
            nesting: block.nesting,
            min_items: block.min_items,
            max_items: block.max_items,
        };
        self.schema.block.blocks.insert(name, nested);
        self.prepared = OnceLock::new();
        self
    }

    /// What identifies an object, among all there are: attributes of it that never change while it lives, named once for all versions.
    pub fn identified_by<N: Into<Str>>(mut self, names: impl IntoIterator<Item = N>) -> ResourceSchema {
        self.identity = names.into_iter().map(Into::into).collect();
        self
    }

    /// The type of identities; `None`: there are none.
    pub fn identity_type(&self) -> Option<Type> {
        let part = |name: &Str| {
            let attribute = self.schema.block.attributes.get(name)?;
            Some((name.clone(), attribute.ty.implied_type()))
        };
        let parts: Vec<(Str, Type)> = self.identity.iter().filter_map(part).collect();
        (!parts.is_empty()).then(|| Type::object(parts))
    }

    /// The identity of an object; parts may be unknown while it is planned.
    pub fn identity_of(&self, object: &Value) -> Option<Value> {
        if object.is_null() || object.is_unknown() || self.identity.is_empty() {
            return None;
        }
        let part = |name: &Str| Some((name.clone(), object.get(name)?.clone()));
        let parts: Vec<(Str, Value)> = self.identity.iter().filter_map(part).collect();
        (!parts.is_empty()).then(|| Value::object(parts))
    }

    /// The schema as it goes over the wire.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The attributes and blocks.
    pub fn body(&self) -> &Block {
        &self.schema.block
    }

    /// The schema with what is derived from it.
    pub fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(|| Prepared::new(self.schema.clone()))
    }

    /// The type of every object of this schema; worked out once.
    pub fn value_type(&self) -> &Type {
        self.prepared().ty()
    }

    /// Attributes that cannot be changed in place.
    pub fn replacing(&self) -> &[Names] {
        &self.replaces
    }

    /// Computed attributes that every change of the object may change.
    pub fn recomputed(&self) -> &[Names] {
        &self.recomputed
    }
}

impl From<Schema> for ResourceSchema {
    fn from(schema: Schema) -> ResourceSchema {
        ResourceSchema { schema, ..ResourceSchema::default() }
    }
}

/// The paths with `name` put in front.
fn under(name: &Str, paths: Vec<Names>) -> impl Iterator<Item = Names> {
    paths.into_iter().map(move |mut path| {
        path.insert(0, name.clone());
        path
    })
}

/// An attribute being written down. One that is neither required nor computed is optional.
#[derive(Clone, Debug)]
pub struct AttributeSpec {
    attribute: Attribute,
    /// Empty path: the attribute itself.
    replaces: Vec<Names>,
    recomputed: Vec<Names>,
}

/// A text.
pub fn string() -> AttributeSpec {
    attribute_of(Type::String)
}

/// A number.
pub fn number() -> AttributeSpec {
    attribute_of(Type::Number)
}

/// A bool.
pub fn boolean() -> AttributeSpec {
    attribute_of(Type::Bool)
}

/// A list of `of`.
pub fn list(of: Type) -> AttributeSpec {
    attribute_of(Type::list(of))
}

/// A set of `of`.
pub fn set(of: Type) -> AttributeSpec {
    attribute_of(Type::set(of))
}

/// A map of `of`.
pub fn map(of: Type) -> AttributeSpec {
    attribute_of(Type::map(of))
}

/// Any type, decided per value.
pub fn any() -> AttributeSpec {
    attribute_of(Type::Dynamic)
}

/// An attribute of any given type.
pub fn attribute_of(ty: Type) -> AttributeSpec {
    AttributeSpec::new(AttributeType::Plain(ty))
}

/// An object, or a collection of objects, whose attributes have flags of their own. `content` may hold attributes only.
pub fn nested(nesting: Nesting, content: ResourceSchema) -> AttributeSpec {
    let ty = AttributeType::Nested { attributes: content.schema.block.attributes, nesting };
    AttributeSpec { replaces: content.replaces, recomputed: content.recomputed, ..AttributeSpec::new(ty) }
}

impl AttributeSpec {
    fn new(ty: AttributeType) -> AttributeSpec {
        let attribute = Attribute {
            ty,
            description: String::new(),
            required: false,
            optional: true,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: false,
            deprecation_message: String::new(),
            markdown: false,
        };
        AttributeSpec { attribute, replaces: Vec::new(), recomputed: Vec::new() }
    }

    /// The user must write it.
    pub fn required(mut self) -> AttributeSpec {
        self.attribute.required = true;
        self.attribute.optional = false;
        self
    }

    /// The user may write it. Together with `computed`: the provider fills it in when the user does not.
    pub fn optional(mut self) -> AttributeSpec {
        self.attribute.optional = true;
        self
    }

    /// The provider fills it in; the user cannot write it unless `optional` follows.
    pub fn computed(mut self) -> AttributeSpec {
        self.attribute.computed = true;
        self.attribute.optional = false;
        self
    }

    /// It must not be printed.
    pub fn sensitive(mut self) -> AttributeSpec {
        self.attribute.sensitive = true;
        self
    }

    /// It goes to the provider and is never stored.
    pub fn write_only(mut self) -> AttributeSpec {
        self.attribute.write_only = true;
        self
    }

    /// It cannot be changed in place: the object is replaced.
    pub fn replaces(mut self) -> AttributeSpec {
        self.replaces.push(Names::new());
        self
    }

    /// Computed, and every change of the object may change it: unknown in the plan of an update.
    pub fn recomputed(mut self) -> AttributeSpec {
        self.recomputed.push(Names::new());
        self.computed()
    }

    /// What it is, for people.
    pub fn describe(mut self, text: impl Into<String>) -> AttributeSpec {
        self.attribute.description = text.into();
        self
    }

    /// It should not be used any more.
    pub fn deprecated(mut self) -> AttributeSpec {
        self.attribute.deprecated = true;
        self
    }
}

/// A nested block being written down.
#[derive(Clone, Debug)]
pub struct BlockSpec {
    content: ResourceSchema,
    nesting: Nesting,
    min_items: i64,
    max_items: i64,
}

/// A block that occurs once or not at all.
pub fn single_block(content: ResourceSchema) -> BlockSpec {
    BlockSpec { content, nesting: Nesting::Single, min_items: 0, max_items: 0 }
}

/// Blocks in order.
pub fn list_block(content: ResourceSchema) -> BlockSpec {
    BlockSpec { content, nesting: Nesting::List, min_items: 0, max_items: 0 }
}

/// Blocks without order.
pub fn set_block(content: ResourceSchema) -> BlockSpec {
    BlockSpec { content, nesting: Nesting::Set, min_items: 0, max_items: 0 }
}

/// Blocks by label.
pub fn map_block(content: ResourceSchema) -> BlockSpec {
    BlockSpec { content, nesting: Nesting::Map, min_items: 0, max_items: 0 }
}

impl BlockSpec {
    /// At least one must be there (for a single block: it must be).
    pub fn required(mut self) -> BlockSpec {
        self.min_items = 1;
        if self.nesting == Nesting::Single {
            self.max_items = 1;
        }
        self
    }

    /// How many there may be (lists and sets); a maximum of 0 is no limit.
    pub fn items(mut self, min: i64, max: i64) -> BlockSpec {
        (self.min_items, self.max_items) = (min, max);
        self
    }

    /// Never null, even when not written: its attributes are null instead.
    pub fn always(mut self) -> BlockSpec {
        self.nesting = Nesting::Group;
        self
    }
}
