//! The plain protocol.

use super::core::{Core, dynamic, plain};
use crate::proto::tfplugin6::resource_identity_schema::IdentityAttribute;
use crate::proto::tfplugin6::{self as pb, provider_server};
use crate::provider::{
    ApplyAnswer, ApplyRequest, Context, DataRequest, Diagnostic, Diagnostics, Failure, ImportRequest, PlanAnswer,
    PlanRequest, Provider, ReadAnswer, ReadRequest, ResourceSchema, UpgradeRequest, ValidateRequest, guarded,
};
use crate::value::{Str, Type, Value};
use crate::wire;
use prost::bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// tfplugin6 over a provider.
pub(super) struct Service<P>(pub(super) Arc<Core<P>>);

/// Success with warnings, or failure: either way a list of diagnostics.
fn told(result: Result<Diagnostics, Diagnostics>) -> Vec<pb::Diagnostic> {
    wire::to_diagnostics(&result.unwrap_or_else(|errors| errors))
}

/// A wire response from a result: what failed is an answer that holds nothing but diagnostics.
macro_rules! respond {
    ($message:ident, $result:expr) => {{
        let result: Result<pb::$message::Response, Diagnostics> = $result;
        Ok(Response::new(result.unwrap_or_else(|errors| pb::$message::Response {
            diagnostics: wire::to_diagnostics(&errors),
            ..Default::default()
        })))
    }};
}

fn schemas(schemas: &BTreeMap<Str, Arc<ResourceSchema>>) -> std::collections::HashMap<String, pb::Schema> {
    schemas.iter().map(|(name, s)| (name.to_string(), wire::to_schema(s.schema()))).collect()
}

fn deferral_allowed(capabilities: &Option<pb::ClientCapabilities>) -> bool {
    capabilities.is_some_and(|c| c.deferral_allowed)
}

#[tonic::async_trait]
impl<P: Provider> provider_server::Provider for Service<P> {
    async fn get_metadata(
        &self,
        _: Request<pb::get_metadata::Request>,
    ) -> Result<Response<pb::get_metadata::Response>, Status> {
        use pb::get_metadata::{DataSourceMetadata, ResourceMetadata};
        let type_name = |name: &Str| name.to_string();
        let schemas = &self.0.schemas;
        Ok(Response::new(pb::get_metadata::Response {
            server_capabilities: Some(self.0.server_capabilities()),
            data_sources: schemas.data_sources.keys().map(|n| DataSourceMetadata { type_name: type_name(n) }).collect(),
            resources: schemas.resources.keys().map(|n| ResourceMetadata { type_name: type_name(n) }).collect(),
            ..Default::default()
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<pb::get_provider_schema::Request>,
    ) -> Result<Response<pb::get_provider_schema::Response>, Status> {
        Ok(Response::new(pb::get_provider_schema::Response {
            provider: Some(wire::to_schema(self.0.schemas.provider.schema())),
            resource_schemas: schemas(&self.0.schemas.resources),
            data_source_schemas: schemas(&self.0.schemas.data_sources),
            server_capabilities: Some(self.0.server_capabilities()),
            ..Default::default()
        }))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<pb::get_resource_identity_schemas::Request>,
    ) -> Result<Response<pb::get_resource_identity_schemas::Response>, Status> {
        let identity_schemas = self.0.schemas.resources.iter().filter_map(|(name, schema)| {
            let Some(Type::Object(ty)) = schema.identity_type() else { return None };
            let part = |(name, ty): &(Str, Type)| IdentityAttribute {
                name: name.to_string(),
                r#type: ty.to_json().into_bytes().into(),
                required_for_import: true,
                ..Default::default()
            };
            let identity_attributes = ty.attrs.iter().map(part).collect();
            Some((name.to_string(), pb::ResourceIdentitySchema { version: 0, identity_attributes }))
        });
        let identity_schemas = identity_schemas.collect();
        Ok(Response::new(pb::get_resource_identity_schemas::Response { identity_schemas, ..Default::default() }))
    }

    async fn get_functions(
        &self,
        _: Request<pb::get_functions::Request>,
    ) -> Result<Response<pb::get_functions::Response>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn validate_provider_config(
        &self,
        request: Request<pb::validate_provider_config::Request>,
    ) -> Result<Response<pb::validate_provider_config::Response>, Status> {
        let result = match self.0.provider_kind().received(request.get_ref().config.as_ref(), "configuration") {
            Ok(config) => plain(guarded(self.0.provider.validate_provider(config)).await),
            Err(errors) => Err(errors),
        };
        Ok(Response::new(pb::validate_provider_config::Response { diagnostics: told(result) }))
    }

    async fn configure_provider(
        &self,
        request: Request<pb::configure_provider::Request>,
    ) -> Result<Response<pb::configure_provider::Response>, Status> {
        let request = request.into_inner();
        let context = Context {
            deferral_allowed: deferral_allowed(&request.client_capabilities),
            caller_version: request.terraform_version,
        };
        let result = match self.0.provider_kind().received(request.config.as_ref(), "configuration") {
            Ok(config) => plain(guarded(self.0.provider.configure(config, context)).await),
            Err(errors) => Err(errors),
        };
        Ok(Response::new(pb::configure_provider::Response { diagnostics: told(result) }))
    }

    async fn validate_resource_config(
        &self,
        request: Request<pb::validate_resource_config::Request>,
    ) -> Result<Response<pb::validate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.resource(&request.type_name)?;
            let config = kind.received(request.config.as_ref(), "configuration")?;
            if !request.client_capabilities.is_some_and(|c| c.write_only_attributes_allowed) {
                refuse_write_only(&kind.schema, &config)?;
            }
            let request = ValidateRequest { type_name: kind.name, schema: kind.schema, config };
            plain(guarded(self.0.provider.validate(request)).await)
        };
        Ok(Response::new(pb::validate_resource_config::Response { diagnostics: told(result.await) }))
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<pb::validate_data_resource_config::Request>,
    ) -> Result<Response<pb::validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.data_source(&request.type_name)?;
            let config = kind.received(request.config.as_ref(), "configuration")?;
            let request = ValidateRequest { type_name: kind.name, schema: kind.schema, config };
            plain(guarded(self.0.provider.validate_data(request)).await)
        };
        Ok(Response::new(pb::validate_data_resource_config::Response { diagnostics: told(result.await) }))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<pb::upgrade_resource_state::Request>,
    ) -> Result<Response<pb::upgrade_resource_state::Response>, Status> {
        respond!(upgrade_resource_state, self.0.upgrade(request.into_inner()).await)
    }

    async fn read_resource(
        &self,
        request: Request<pb::read_resource::Request>,
    ) -> Result<Response<pb::read_resource::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.resource(&request.type_name)?;
            let state = kind.received(request.current_state.as_ref(), "state")?;
            let asked = ReadRequest {
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                state,
                private: request.private.to_vec(),
                deferral_allowed: deferral_allowed(&request.client_capabilities),
            };
            let before = kind.schema.identity_of(&asked.state);
            let ReadAnswer { state, private, deferred, diagnostics } = self.0.read(asked).await?;
            kind.keeps_identity(before.as_ref(), &state)?;
            Ok(pb::read_resource::Response {
                new_state: dynamic(kind.sent(&state, "state")?),
                diagnostics: wire::to_diagnostics(&diagnostics),
                private: private.into(),
                deferred: deferred.map(wire::to_deferred),
                new_identity: kind.identity(&state)?,
            })
        };
        respond!(read_resource, result.await)
    }

    async fn plan_resource_change(
        &self,
        request: Request<pb::plan_resource_change::Request>,
    ) -> Result<Response<pb::plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.resource(&request.type_name)?;
            let asked = PlanRequest {
                prior: kind.received(request.prior_state.as_ref(), "prior state")?,
                proposed: kind.received(request.proposed_new_state.as_ref(), "proposed state")?,
                config: kind.received(request.config.as_ref(), "configuration")?,
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                private: request.prior_private.to_vec(),
                deferral_allowed: deferral_allowed(&request.client_capabilities),
            };
            let before = kind.schema.identity_of(&asked.prior);
            let PlanAnswer { planned, requires_replace, private, deferred, diagnostics } = self.0.plan(asked).await?;
            if requires_replace.is_empty() {
                kind.keeps_identity(before.as_ref(), &planned)?;
            }
            Ok(pb::plan_resource_change::Response {
                planned_identity: kind.identity(&planned)?,
                planned_state: dynamic(kind.sent(&planned, "plan")?),
                requires_replace: requires_replace.iter().map(wire::to_path).collect(),
                planned_private: private.into(),
                diagnostics: wire::to_diagnostics(&diagnostics),
                deferred: deferred.map(wire::to_deferred),
                ..Default::default()
            })
        };
        respond!(plan_resource_change, result.await)
    }

    async fn apply_resource_change(
        &self,
        request: Request<pb::apply_resource_change::Request>,
    ) -> Result<Response<pb::apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.resource(&request.type_name)?;
            let asked = ApplyRequest {
                prior: kind.received(request.prior_state.as_ref(), "prior state")?,
                planned: kind.received(request.planned_state.as_ref(), "planned state")?,
                config: kind.received(request.config.as_ref(), "configuration")?,
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                private: request.planned_private.to_vec(),
                ownership: None,
            };
            let before = kind.schema.identity_of(&asked.prior);
            let ApplyAnswer { state, private, mut diagnostics } = self.0.apply(asked).await?;
            if let Err(changed) = kind.keeps_identity(before.as_ref(), &state) {
                diagnostics.extend(changed);
            }
            Ok(pb::apply_resource_change::Response {
                new_identity: kind.identity(&state).map_err(in_doubt)?,
                new_state: dynamic(kind.sent(&state, "result").map_err(in_doubt)?),
                private: private.into(),
                diagnostics: wire::to_diagnostics(&diagnostics),
                ..Default::default()
            })
        };
        match result.await {
            Ok(response) => Ok(Response::new(response)),
            // The plain protocol has no other word for an outcome that is not known.
            Err(Failure { diagnostics, in_doubt: true }) => Err(Status::internal(diagnostics.to_string())),
            // Nothing was changed: there is what there was.
            Err(Failure { diagnostics, in_doubt: false }) => Ok(Response::new(pb::apply_resource_change::Response {
                new_state: request.prior_state,
                private: request.planned_private,
                diagnostics: wire::to_diagnostics(&diagnostics),
                ..Default::default()
            })),
        }
    }

    async fn import_resource_state(
        &self,
        request: Request<pb::import_resource_state::Request>,
    ) -> Result<Response<pb::import_resource_state::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.resource(&request.type_name)?;
            let identity = kind.received_identity(request.identity.as_ref())?;
            let asked =
                ImportRequest { type_name: kind.name, schema: kind.schema, id: request.id, identity: identity.clone() };
            let answer = plain(guarded(self.0.provider.import(asked)).await)?;
            let mut imported_resources = Vec::new();
            for imported in answer.imported {
                let kind = self.0.resource(&imported.type_name)?;
                imported_resources.push(pb::import_resource_state::ImportedResource {
                    state: dynamic(kind.sent(&imported.state, "imported state")?),
                    type_name: kind.name.to_string(),
                    private: imported.private.into(),
                    // What is found is in part: the rest of it is what was asked for.
                    identity: match &identity {
                        Some(asked) => kind.identity(asked)?,
                        None => kind.identity(&imported.state)?,
                    },
                });
            }
            Ok(pb::import_resource_state::Response {
                imported_resources,
                diagnostics: wire::to_diagnostics(&answer.diagnostics),
                deferred: None,
            })
        };
        respond!(import_resource_state, result.await)
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<pb::upgrade_resource_identity::Request>,
    ) -> Result<Response<pb::upgrade_resource_identity::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.resource(&request.type_name)?;
            let json = request.raw_identity.unwrap_or_default().json;
            let identity = match kind.schema.identity_type() {
                Some(ty) => crate::value::codec::json::decode_dropping(&json, &ty).map_err(|e| {
                    let detail = format!("The stored identity of a {} cannot be read: {e}.", kind.name);
                    Diagnostics::from(Diagnostic::error("Stored identity cannot be read", detail))
                })?,
                None => Value::null(Type::Dynamic),
            };
            let upgraded_identity = kind.identity(&identity)?;
            Ok(pb::upgrade_resource_identity::Response { upgraded_identity, ..Default::default() })
        };
        respond!(upgrade_resource_identity, result.await)
    }

    async fn read_data_source(
        &self,
        request: Request<pb::read_data_source::Request>,
    ) -> Result<Response<pb::read_data_source::Response>, Status> {
        let request = request.into_inner();
        let result = async {
            let kind = self.0.data_source(&request.type_name)?;
            let asked = DataRequest {
                config: kind.received(request.config.as_ref(), "configuration")?,
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                deferral_allowed: deferral_allowed(&request.client_capabilities),
            };
            let answer = plain(guarded(self.0.provider.read_data(asked)).await)?;
            Ok(pb::read_data_source::Response {
                state: dynamic(kind.sent(&answer.state, "result")?),
                diagnostics: wire::to_diagnostics(&answer.diagnostics),
                deferred: answer.deferred.map(wire::to_deferred),
            })
        };
        respond!(read_data_source, result.await)
    }

    async fn stop_provider(
        &self,
        _: Request<pb::stop_provider::Request>,
    ) -> Result<Response<pb::stop_provider::Response>, Status> {
        let stop = async { self.0.provider.stop().await.map_err(|e| Diagnostic::error(e, "").into()) };
        let error = guarded(stop).await.err().map(|failure| failure.diagnostics.to_string());
        Ok(Response::new(pb::stop_provider::Response { error: error.unwrap_or_default() }))
    }
}

fn in_doubt(diagnostics: Diagnostics) -> Failure {
    Failure { diagnostics, in_doubt: true }
}

/// A caller that does not know write-only attributes would store them.
fn refuse_write_only(schema: &ResourceSchema, config: &Value) -> Result<(), Diagnostics> {
    let Some(path) = schema.prepared().first_write_only(config) else { return Ok(()) };
    let detail = format!(
        "{path} is never stored, and the program calling this provider does not know such attributes. Use a newer one, or leave the \
         attribute out."
    );
    Err(Diagnostic::error("Write-only attribute not supported", detail).at(path).into())
}

impl<P: Provider> Core<P> {
    fn server_capabilities(&self) -> pb::ServerCapabilities {
        pb::ServerCapabilities {
            plan_destroy: self.capabilities.plan_delete,
            get_provider_schema_optional: true,
            move_resource_state: false,
            generate_resource_config: false,
        }
    }

    fn provider_kind(&self) -> super::core::Kind {
        super::core::Kind { name: "the provider".into(), schema: self.schemas.provider.clone() }
    }

    async fn upgrade(
        &self,
        request: pb::upgrade_resource_state::Request,
    ) -> Result<pb::upgrade_resource_state::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let raw = request.raw_state.unwrap_or_default();
        if raw.json.is_empty() && !raw.flatmap.is_empty() {
            let detail = format!("A {} is stored in the form of Terraform before 0.12, which is not read.", kind.name);
            return Err(Diagnostic::error("State too old", detail).into());
        }
        let json = if raw.json.is_empty() { Bytes::from_static(b"null") } else { raw.json };
        let asked = UpgradeRequest {
            type_name: kind.name.clone(),
            schema: kind.schema.clone(),
            version: request.version,
            json: json.to_vec(),
        };
        let state = plain(guarded(self.provider.upgrade(asked)).await)?;
        Ok(pb::upgrade_resource_state::Response {
            upgraded_state: dynamic(kind.sent(&state, "upgraded state")?),
            diagnostics: Vec::new(),
        })
    }
}
