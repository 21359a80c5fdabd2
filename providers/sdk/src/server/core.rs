//! One provider behind both services: finds schemas, turns messages into requests and answers into messages.

use crate::proto::tfplugin6;
use crate::provider::{
    ApplyAnswer, ApplyRequest, Capabilities, Diagnostic, Diagnostics, Failure, PlanAnswer, PlanRequest, Provider,
    ReadAnswer, ReadRequest, ResourceSchema, Schemas, guarded,
};
use crate::value::{Str, Type, Value, same};
use crate::wire::{self, WireError};
use prost::bytes::Bytes;
use std::sync::Arc;

/// A provider with its schemas.
pub(super) struct Core<P> {
    pub(super) provider: Arc<P>,
    pub(super) schemas: Schemas,
    pub(super) capabilities: Capabilities,
}

/// A resource type or a data source, by name and schema.
#[derive(Clone)]
pub(super) struct Kind {
    pub(super) name: Str,
    pub(super) schema: Arc<ResourceSchema>,
}

impl<P: Provider> Core<P> {
    pub(super) fn new(provider: Arc<P>) -> Core<P> {
        Core { schemas: provider.schemas(), capabilities: provider.capabilities(), provider }
    }

    pub(super) fn resource(&self, name: &str) -> Result<Kind, Diagnostics> {
        find(&self.schemas.resources, name, "resource type")
    }

    pub(super) fn data_source(&self, name: &str) -> Result<Kind, Diagnostics> {
        find(&self.schemas.data_sources, name, "data source")
    }

    pub(super) async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        plain(guarded(self.provider.read(request)).await)
    }

    /// Deletes are planned here unless the provider wants to see them.
    pub(super) async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        if request.is_delete() && !self.capabilities.plan_delete {
            return Ok(request.default_plan());
        }
        plain(guarded(self.provider.plan(request)).await)
    }

    /// The change goes on when the caller hangs up: what is begun must be finished, or nobody knows what there is.
    pub(super) async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Failure> {
        let provider = self.provider.clone();
        let call = tokio::spawn(async move { guarded(provider.apply(request)).await });
        call.await.unwrap_or_else(|e| Err(Failure::bug(format!("The call broke off: {e}."))))
    }
}

/// For calls that change nothing there is no doubt worth telling.
pub(super) fn plain<A>(result: Result<A, Failure>) -> Result<A, Diagnostics> {
    result.map_err(|failure| failure.diagnostics)
}

fn find(
    schemas: &std::collections::BTreeMap<Str, Arc<ResourceSchema>>,
    name: &str,
    what: &str,
) -> Result<Kind, Diagnostics> {
    match schemas.get_key_value(name) {
        Some((name, schema)) => Ok(Kind { name: name.clone(), schema: schema.clone() }),
        None => Err(Diagnostic::error(
            format!("Unknown {what}"),
            format!("This provider has no {what} {name:?}. It has: {}.", listed(schemas.keys())),
        )
        .into()),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a Str>) -> String {
    let names: Vec<&str> = names.map(|n| &**n).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Kind {
    pub(super) fn ty(&self) -> &Type {
        self.schema.value_type()
    }

    /// A value the caller sent.
    pub(super) fn received(&self, value: Option<&tfplugin6::DynamicValue>, what: &str) -> Result<Value, Diagnostics> {
        wire::from_dynamic(value, self.ty()).map_err(|e| self.misfit(what, &e))
    }

    /// A value the caller sent, in MessagePack.
    pub(super) fn received_bytes(&self, bytes: &[u8], what: &str) -> Result<Value, Diagnostics> {
        wire::decode(bytes, self.ty()).map_err(|e| self.misfit(what, &e))
    }

    fn misfit(&self, what: &str, error: &WireError) -> Diagnostics {
        Diagnostic::error(
            "Value does not fit the schema",
            format!("The caller sent a {what} of {} that does not fit its schema: {error}.", self.name),
        )
        .into()
    }

    /// A value the provider answered with.
    pub(super) fn sent(&self, value: &Value, what: &str) -> Result<Bytes, Diagnostics> {
        wire::encode(value, self.ty()).map_err(|e| {
            Diagnostic::error(
                "Provider bug",
                format!("The provider made a {what} of {} that does not fit its own schema: {e}.", self.name),
            )
            .into()
        })
    }
}

impl Kind {
    /// What identifies an object, for the wire.
    pub(super) fn identity(&self, object: &Value) -> Result<Option<tfplugin6::ResourceIdentityData>, Diagnostics> {
        let (Some(identity), Some(ty)) = (self.schema.identity_of(object), self.schema.identity_type()) else {
            return Ok(None);
        };
        let data = wire::encode(&identity, &ty).map_err(|e| {
            let detail =
                format!("The provider made an identity of {} that does not fit its own schema: {e}.", self.name);
            Diagnostics::from(Diagnostic::error("Provider bug", detail))
        })?;
        Ok(Some(tfplugin6::ResourceIdentityData { identity_data: dynamic(data) }))
    }

    /// An identity the caller sent.
    pub(super) fn received_identity(
        &self,
        data: Option<&tfplugin6::ResourceIdentityData>,
    ) -> Result<Option<Value>, Diagnostics> {
        let (Some(data), Some(ty)) = (data, self.schema.identity_type()) else { return Ok(None) };
        let value = wire::from_dynamic(data.identity_data.as_ref(), &ty).map_err(|e| self.misfit("identity", &e))?;
        Ok((!value.is_null()).then_some(value))
    }

    /// An object that is another one now is a fault of the provider.
    pub(super) fn keeps_identity(&self, before: Option<&Value>, now: &Value) -> Result<(), Diagnostics> {
        let (Some(before), Some(now)) = (before, self.schema.identity_of(now)) else { return Ok(()) };
        // Stored in part, as after an import, it is not yet known what it was.
        let told = |value: &Value| value.entries().is_some_and(|all| all.iter().all(|(_, part)| !part.is_null()));
        if !told(before) || same(before, &now) {
            return Ok(());
        }
        let detail = format!(
            "The identity of a {} changed while the object stayed, which it never may. This is a fault of the provider.",
            self.name
        );
        Err(Diagnostic::error("Unexpected Identity Change", detail).into())
    }
}

/// The bytes as a value of the protocol.
pub(super) fn dynamic(msgpack: Bytes) -> Option<tfplugin6::DynamicValue> {
    Some(tfplugin6::DynamicValue { msgpack, json: Bytes::new() })
}
