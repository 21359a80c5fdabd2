//! What a provider says it offers.

use std::collections::BTreeMap;
use straddle_sdk::proto::tfplugin6 as pb;
use straddle_sdk::schema::{Prepared, Schema};
use straddle_sdk::value::Str;
use straddle_sdk::wire::{self, WireError};

/// Everything a provider offers.
#[derive(Clone, Debug)]
pub struct ProviderSchemas {
    /// Its own configuration.
    pub provider: Prepared,
    /// Resource types.
    pub resources: BTreeMap<Str, Prepared>,
    /// Data sources.
    pub data_sources: BTreeMap<Str, Prepared>,
    /// Whether deletes must be planned by the provider.
    pub plan_destroy: bool,
    /// Whether the schema may come from a cache.
    pub cacheable: bool,
}

impl ProviderSchemas {
    /// From the answer of the provider.
    pub(super) fn read(response: &pb::get_provider_schema::Response) -> Result<ProviderSchemas, WireError> {
        let all = |schemas: &std::collections::HashMap<String, pb::Schema>| {
            let one = |(name, schema): (&String, &pb::Schema)| {
                let schema = wire::from_schema(schema).map_err(|e| WireError(format!("schema of {name}: {e}")))?;
                Ok((Str::from(name), Prepared::new(schema)))
            };
            schemas.iter().map(one).collect::<Result<BTreeMap<_, _>, WireError>>()
        };
        let Some(provider) = &response.provider else {
            return Err(WireError("there is no schema of the provider itself".to_owned()));
        };
        let capabilities = response.server_capabilities.unwrap_or_default();
        Ok(ProviderSchemas {
            provider: wire::from_schema(provider)?.into(),
            resources: all(&response.resource_schemas)?,
            data_sources: all(&response.data_source_schemas)?,
            plan_destroy: capabilities.plan_destroy,
            cacheable: capabilities.get_provider_schema_optional,
        })
    }
}

impl ProviderSchemas {
    /// Of a provider that has not been asked yet.
    pub(super) fn none() -> ProviderSchemas {
        ProviderSchemas {
            provider: Schema::default().into(),
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            plan_destroy: false,
            cacheable: false,
        }
    }
}
