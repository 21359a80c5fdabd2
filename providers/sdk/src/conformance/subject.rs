//! The provider under test, however it is reached.

use crate::provider::{
    ApplyRequest, Context, ImportRequest, PlanRequest, Provider, ReadRequest, ResourceSchema, Schemas, UpgradeRequest,
    ValidateRequest,
};
use crate::schema::Prepared;
use crate::value::{Path, Str, Value};
use crate::wire;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

/// What a provider offers.
#[derive(Clone, Debug)]
pub struct SubjectSchemas {
    /// Its own configuration.
    pub provider: Prepared,
    /// Resource types.
    pub resources: BTreeMap<Str, Prepared>,
    /// Data sources.
    pub data_sources: BTreeMap<Str, Prepared>,
}

/// An object with the provider's own bytes.
#[derive(Clone, Debug)]
pub struct Object {
    /// The object; null: none.
    pub state: Value,
    /// Stored beside it.
    pub private: Vec<u8>,
}

/// A planned change.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The object as it will be.
    pub planned: Value,
    /// What cannot be changed in place.
    pub requires_replace: Vec<Path>,
    /// Given back with the change.
    pub private: Vec<u8>,
}

/// A configured provider. Errors are what it said, in its words.
pub trait Subject: Sync {
    /// What it offers.
    fn schemas(&self) -> SubjectSchemas;
    /// Checks a configuration.
    fn validate(&self, type_name: &Str, config: &Value) -> impl Future<Output = Result<(), String>> + Send;
    /// Plans a change.
    fn plan(
        &self,
        type_name: &Str,
        prior: &Object,
        proposed: &Value,
        config: &Value,
    ) -> impl Future<Output = Result<Planned, String>> + Send;
    /// Makes it.
    fn apply(
        &self,
        type_name: &Str,
        prior: &Value,
        planned: &Planned,
        config: &Value,
    ) -> impl Future<Output = Result<Object, String>> + Send;
    /// Reads an object.
    fn read(&self, type_name: &Str, object: &Object) -> impl Future<Output = Result<Object, String>> + Send;
    /// Upgrades stored attributes of the current version.
    fn upgrade(&self, type_name: &Str, version: i64, json: &str) -> impl Future<Output = Result<Value, String>> + Send;
    /// Finds an object by its id.
    fn import(&self, type_name: &Str, id: &str) -> impl Future<Output = Result<Object, String>> + Send;
}

/// A provider in this process. Every value goes through its bytes all the same, as it would between processes.
pub struct InProcess<P> {
    provider: Arc<P>,
    schemas: Schemas,
}

impl<P: Provider> InProcess<P> {
    /// Configures the provider with these attributes written.
    ///
    /// # Panics
    /// When it refuses the configuration: then there is nothing to test.
    pub async fn new(provider: P, config: &[(&str, Value)]) -> InProcess<P> {
        let schemas = provider.schemas();
        let written = config.iter().map(|(name, value)| (Str::from(*name), value.clone())).collect();
        let config = schemas.provider.body().value_with(written);
        let configured = provider.configure(config, Context::default()).await;
        assert!(configured.is_ok(), "the provider refuses its configuration: {configured:?}");
        InProcess { provider: Arc::new(provider), schemas }
    }

    fn schema(&self, type_name: &Str) -> Result<Arc<ResourceSchema>, String> {
        self.schemas.resources.get(type_name).cloned().ok_or_else(|| format!("no resource type {type_name}"))
    }
}

/// The value after a journey over the wire.
fn travelled(value: &Value, schema: &ResourceSchema) -> Result<Value, String> {
    let bytes = wire::encode(value, schema.value_type()).map_err(|e| format!("does not fit its schema: {e}"))?;
    wire::decode(&bytes, schema.value_type()).map_err(|e| format!("does not fit its schema: {e}"))
}

impl<P: Provider> Subject for InProcess<P> {
    fn schemas(&self) -> SubjectSchemas {
        let all = |schemas: &BTreeMap<Str, Arc<ResourceSchema>>| {
            schemas.iter().map(|(name, s)| (name.clone(), s.prepared().clone())).collect()
        };
        SubjectSchemas {
            provider: self.schemas.provider.prepared().clone(),
            resources: all(&self.schemas.resources),
            data_sources: all(&self.schemas.data_sources),
        }
    }

    async fn validate(&self, type_name: &Str, config: &Value) -> Result<(), String> {
        let schema = self.schema(type_name)?;
        let config = travelled(config, &schema)?;
        let request = ValidateRequest { type_name: type_name.clone(), schema, config };
        self.provider.validate(request).await.map(|_| ()).map_err(|e| e.to_string())
    }

    async fn plan(&self, type_name: &Str, prior: &Object, proposed: &Value, config: &Value) -> Result<Planned, String> {
        let schema = self.schema(type_name)?;
        let request = PlanRequest {
            type_name: type_name.clone(),
            prior: travelled(&prior.state, &schema)?,
            proposed: travelled(proposed, &schema)?,
            config: travelled(config, &schema)?,
            schema: schema.clone(),
            private: prior.private.clone(),
            deferral_allowed: false,
        };
        if request.is_delete() && !self.provider.capabilities().plan_delete {
            let answer = request.default_plan();
            return Ok(Planned { planned: answer.planned, requires_replace: Vec::new(), private: answer.private });
        }
        let answer = self.provider.plan(request).await.map_err(|e| e.to_string())?;
        let planned = travelled(&answer.planned, &schema)?;
        Ok(Planned { planned, requires_replace: answer.requires_replace, private: answer.private })
    }

    async fn apply(&self, type_name: &Str, prior: &Value, planned: &Planned, config: &Value) -> Result<Object, String> {
        let schema = self.schema(type_name)?;
        let request = ApplyRequest {
            type_name: type_name.clone(),
            prior: travelled(prior, &schema)?,
            planned: travelled(&planned.planned, &schema)?,
            config: travelled(config, &schema)?,
            schema: schema.clone(),
            private: planned.private.clone(),
            ownership: None,
        };
        let answer = self.provider.apply(request).await.map_err(|e| e.to_string())?;
        if answer.diagnostics.has_errors() {
            return Err(answer.diagnostics.to_string());
        }
        Ok(Object { state: travelled(&answer.state, &schema)?, private: answer.private })
    }

    async fn read(&self, type_name: &Str, object: &Object) -> Result<Object, String> {
        let schema = self.schema(type_name)?;
        let request = ReadRequest {
            type_name: type_name.clone(),
            state: travelled(&object.state, &schema)?,
            schema: schema.clone(),
            private: object.private.clone(),
            deferral_allowed: false,
        };
        let answer = self.provider.read(request).await.map_err(|e| e.to_string())?;
        Ok(Object { state: travelled(&answer.state, &schema)?, private: answer.private })
    }

    async fn upgrade(&self, type_name: &Str, version: i64, json: &str) -> Result<Value, String> {
        let schema = self.schema(type_name)?;
        let request =
            UpgradeRequest { type_name: type_name.clone(), schema: schema.clone(), version, json: json.into() };
        travelled(&self.provider.upgrade(request).await.map_err(|e| e.to_string())?, &schema)
    }

    async fn import(&self, type_name: &Str, id: &str) -> Result<Object, String> {
        let schema = self.schema(type_name)?;
        let request =
            ImportRequest { type_name: type_name.clone(), schema: schema.clone(), id: id.to_owned(), identity: None };
        let answer = self.provider.import(request).await.map_err(|e| e.to_string())?;
        match answer.imported.as_slice() {
            [one] => Ok(Object { state: travelled(&one.state, &schema)?, private: one.private.clone() }),
            several => Err(format!("{} objects instead of one", several.len())),
        }
    }
}
