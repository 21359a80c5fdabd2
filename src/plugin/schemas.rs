//! What a provider says it offers.

use std::collections::{BTreeMap, HashMap};
use straddle_sdk::proto::tfplugin6 as pb;
use straddle_sdk::schema::{Function, Parameter, Prepared, Schema};
use straddle_sdk::value::{Str, Type};
use straddle_sdk::wire::{self, WireError};

/// Everything a provider offers.
#[derive(Clone, Debug)]
pub struct ProviderSchemas {
    /// Its own configuration.
    pub provider: Prepared,
    /// What a module may tell it beside (`provider_meta`), if anything.
    pub provider_meta: Option<Prepared>,
    /// Resource types.
    pub resources: BTreeMap<Str, Prepared>,
    /// Data sources.
    pub data_sources: BTreeMap<Str, Prepared>,
    /// Ephemeral resource types.
    pub ephemeral: BTreeMap<Str, Prepared>,
    /// Configurations of queries, by the resource type they list.
    pub lists: BTreeMap<Str, Prepared>,
    /// Functions.
    pub functions: BTreeMap<Str, Function>,
    /// What identifies objects, by the resource types that say it.
    pub identities: BTreeMap<Str, IdentitySchema>,
    /// Whether deletes must be planned by the provider.
    pub plan_destroy: bool,
    /// Whether it takes over objects of other types.
    pub move_state: bool,
    /// Whether it writes the configuration of imported objects.
    pub generate_config: bool,
    /// Whether the schema may come from a cache.
    pub cacheable: bool,
}

/// What identifies an object of a type beyond its attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentitySchema {
    /// Raised by the provider when stored identities must be upgraded.
    pub version: i64,
    /// Its parts.
    pub attributes: BTreeMap<Str, IdentityAttribute>,
    /// The object type of its parts.
    pub ty: Type,
}

/// A part of an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityAttribute {
    /// Its type.
    pub ty: Type,
    /// Must be written in an import block.
    pub required: bool,
    /// May be written in an import block.
    pub optional: bool,
    /// For people; may be empty.
    pub description: String,
}

impl ProviderSchemas {
    /// From the answers of the provider. `identities`: `None` where it knows none.
    pub(super) fn read(
        response: &pb::get_provider_schema::Response,
        identities: Option<&pb::get_resource_identity_schemas::Response>,
    ) -> Result<ProviderSchemas, WireError> {
        let Some(provider) = &response.provider else {
            return Err(WireError("there is no schema of the provider itself".to_owned()));
        };
        let capabilities = response.server_capabilities.unwrap_or_default();
        let identities = identities.map(|i| &i.identity_schemas);
        Ok(ProviderSchemas {
            provider: wire::from_schema(provider)?.into(),
            provider_meta: response.provider_meta.as_ref().map(wire::from_schema).transpose()?.map(Prepared::new),
            resources: all(&response.resource_schemas, schema)?,
            data_sources: all(&response.data_source_schemas, schema)?,
            ephemeral: all(&response.ephemeral_resource_schemas, schema)?,
            lists: all(&response.list_resource_schemas, schema)?,
            functions: all(&response.functions, function)?,
            identities: identities.map(|i| all(i, identity)).transpose()?.unwrap_or_default(),
            plan_destroy: capabilities.plan_destroy,
            move_state: capabilities.move_resource_state,
            generate_config: capabilities.generate_resource_config,
            cacheable: capabilities.get_provider_schema_optional,
        })
    }

    /// Of a provider that offers nothing, or has not been asked yet.
    pub fn none() -> ProviderSchemas {
        ProviderSchemas {
            provider: Schema::default().into(),
            provider_meta: None,
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemeral: BTreeMap::new(),
            lists: BTreeMap::new(),
            functions: BTreeMap::new(),
            identities: BTreeMap::new(),
            plan_destroy: false,
            move_state: false,
            generate_config: false,
            cacheable: false,
        }
    }
}

fn all<M, T>(
    from: &HashMap<String, M>,
    read: impl Fn(&M) -> Result<T, WireError>,
) -> Result<BTreeMap<Str, T>, WireError> {
    let one = |(name, message): (&String, &M)| {
        let read = read(message).map_err(|e| WireError(format!("schema of {name}: {e}")))?;
        Ok((Str::from(name), read))
    };
    from.iter().map(one).collect()
}

fn schema(message: &pb::Schema) -> Result<Prepared, WireError> {
    wire::from_schema(message).map(Prepared::new)
}

fn ty(json: &[u8]) -> Result<Type, WireError> {
    Type::from_json(json).map_err(|e| WireError(e.to_string()))
}

fn function(message: &pb::Function) -> Result<Function, WireError> {
    let result = message.r#return.as_ref().map(|r| ty(&r.r#type)).transpose()?;
    Ok(Function {
        parameters: message.parameters.iter().map(parameter).collect::<Result<_, _>>()?,
        variadic: message.variadic_parameter.as_ref().map(parameter).transpose()?,
        result: result.ok_or_else(|| WireError("the function has no result".to_owned()))?,
        summary: message.summary.clone(),
        description: message.description.clone(),
        markdown: message.description_kind() == pb::StringKind::Markdown,
        deprecation_message: message.deprecation_message.clone(),
    })
}

fn parameter(message: &pb::function::Parameter) -> Result<Parameter, WireError> {
    Ok(Parameter {
        name: message.name.clone(),
        ty: ty(&message.r#type)?,
        null: message.allow_null_value,
        unknown: message.allow_unknown_values,
        description: message.description.clone(),
        markdown: message.description_kind() == pb::StringKind::Markdown,
    })
}

fn identity(message: &pb::ResourceIdentitySchema) -> Result<IdentitySchema, WireError> {
    let mut attributes = BTreeMap::new();
    for a in &message.identity_attributes {
        let attribute = IdentityAttribute {
            ty: ty(&a.r#type)?,
            required: a.required_for_import,
            optional: a.optional_for_import,
            description: a.description.clone(),
        };
        attributes.insert(Str::from(&a.name), attribute);
    }
    let ty = Type::object(attributes.iter().map(|(name, a)| (name.clone(), a.ty.clone())).collect());
    Ok(IdentitySchema { version: message.version, attributes, ty })
}
