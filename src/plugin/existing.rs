//! Objects that exist already: found by id or identity, moved from another type, listed.

use super::Diagnostics;
use super::call::{CallError, ImportAnswer, ImportBy, Imported, Listed, MoveRequest, Moved, Warned};
use super::check::{Judge, normalised};
use super::session::{Inner, Plugin};
use straddle_sdk::proto::tfplugin6 as pb;
use straddle_sdk::value::{Str, Value};
use straddle_sdk::wire;

impl Inner {
    /// An identity for the wire.
    pub(super) fn identity_out(
        &self,
        judge: Judge<'_>,
        identity: Option<&Value>,
    ) -> Result<Option<pb::ResourceIdentityData>, CallError> {
        let (Some(identity), Some(schema)) = (identity, self.schemas.identities.get(judge.type_name)) else {
            return Ok(None);
        };
        let data = wire::to_dynamic(identity, &schema.ty).map_err(|e| CallError::Request {
            provider: self.provider.clone(),
            call: judge.call,
            what: format!("the identity of {} does not fit its schema: {e}", judge.type_name),
        })?;
        Ok(Some(pb::ResourceIdentityData { identity_data: Some(data) }))
    }

    /// An identity of an answer; parts may be unknown.
    pub(super) fn identity_in(
        &self,
        judge: Judge<'_>,
        data: Option<&pb::ResourceIdentityData>,
    ) -> Result<Option<Value>, CallError> {
        let (Some(data), Some(schema)) = (data, self.schemas.identities.get(judge.type_name)) else {
            return Ok(None);
        };
        let value = wire::from_dynamic(data.identity_data.as_ref(), &schema.ty);
        let value = value.map_err(|e| judge.broken(format_args!("the identity does not fit its schema: {e}")))?;
        Ok((!value.is_null()).then_some(value))
    }

    /// An identity of an answer, wholly known.
    pub(super) fn known_identity(
        &self,
        judge: Judge<'_>,
        data: Option<&pb::ResourceIdentityData>,
    ) -> Result<Option<Value>, CallError> {
        let identity = self.identity_in(judge, data)?;
        match identity.as_ref().and_then(Value::first_unknown) {
            Some(path) => Err(judge.broken(format_args!("{path} of the identity is unknown in a result"))),
            None => Ok(identity),
        }
    }
}

impl Plugin {
    /// Finds existing objects. Each must be read before it is used: what is gone reads as null.
    pub async fn import(&self, type_name: &str, by: &ImportBy) -> Result<ImportAnswer, CallError> {
        let judge = self.inner.resource("import", type_name)?;
        if let (Some(local), ImportBy::Id(id)) = (&self.inner.local, by) {
            let state = local.import(type_name, id).map_err(|d| self.inner.refused(d))?;
            let one = Imported { type_name: type_name.into(), state, private: Vec::new(), identity: None };
            return Ok(ImportAnswer { value: vec![one], deferred: None, warnings: Diagnostics::new() });
        }
        let (id, identity) = match by {
            ImportBy::Id(id) => (id.clone(), None),
            ImportBy::Identity(identity) => (String::new(), Some(identity)),
        };
        if identity.is_some() && !self.inner.schemas.identities.contains_key(type_name) {
            return Err(CallError::Request {
                provider: self.inner.provider.clone(),
                call: judge.call,
                what: format!("{type_name} has no identity; import it by id"),
            });
        }
        let message = pb::import_resource_state::Request {
            type_name: type_name.to_owned(),
            id,
            client_capabilities: self.inner.capabilities(),
            identity: self.inner.identity_out(judge, identity)?,
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.import(message)).await?;
        let warnings = judge.told(&answer.diagnostics)?;
        let deferred = self.inner.deferred(judge, answer.deferred.as_ref())?;
        let mut value = Vec::new();
        for imported in answer.imported_resources.iter().filter(|_| deferred.is_none()) {
            value.push(self.imported(judge, imported, identity.is_some())?);
        }
        if value.is_empty() && deferred.is_none() {
            return Err(judge.broken("nothing was imported, and no error says why"));
        }
        Ok(ImportAnswer { value, deferred, warnings })
    }

    fn imported(
        &self,
        judge: Judge<'_>,
        imported: &pb::import_resource_state::ImportedResource,
        by_identity: bool,
    ) -> Result<Imported, CallError> {
        if imported.type_name.is_empty() {
            return Err(judge.broken("an object without a type was imported"));
        }
        let of = self.inner.resource("import", &imported.type_name).map_err(|e| judge.broken(e))?;
        let state = of.value(wire::from_dynamic(imported.state.as_ref(), of.schema.ty()))?;
        let identity = self.inner.known_identity(of, imported.identity.as_ref())?;
        if by_identity && identity.is_none() {
            return Err(of.broken("the object was asked for by its identity, and the answer has none"));
        }
        if state.is_null() && !by_identity {
            return Err(of.broken("nothing was imported, and no error says why"));
        }
        // By identity alone the provider may leave everything to the read that follows.
        let state = if state.is_null() { of.schema.empty().clone() } else { state };
        Ok(Imported {
            type_name: imported.type_name.as_str().into(),
            state,
            private: imported.private.to_vec(),
            identity,
        })
    }

    /// Brings a stored identity (JSON as state files hold it) up to the current schema.
    pub async fn upgrade_identity(
        &self,
        type_name: &str,
        version: i64,
        json: &[u8],
    ) -> Result<Warned<Option<Value>>, CallError> {
        let judge = self.inner.resource("upgrade identity", type_name)?;
        let Some(schema) = self.inner.schemas.identities.get(type_name) else {
            return Ok(Warned { value: None, warnings: Default::default() });
        };
        if version == schema.version {
            let value = wire::decode_json(json, &schema.ty);
            let value = value.map_err(|e| CallError::Request {
                provider: self.inner.provider.clone(),
                call: judge.call,
                what: format!("the stored identity of a {type_name} does not fit its schema: {e}"),
            })?;
            return Ok(Warned { value: Some(value), warnings: Default::default() });
        }
        let message = pb::upgrade_resource_identity::Request {
            type_name: type_name.to_owned(),
            version,
            raw_identity: Some(pb::RawState { json: json.to_vec().into(), ..Default::default() }),
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.upgrade_identity(message)).await?;
        let warnings = judge.told(&answer.diagnostics)?;
        Ok(Warned { value: self.inner.known_identity(judge, answer.upgraded_identity.as_ref())?, warnings })
    }

    /// Makes an object of another type, as it is stored, one of a type of this provider. Nothing is changed outside.
    pub async fn move_state(&self, request: &MoveRequest) -> Result<Moved, CallError> {
        let judge = self.inner.resource("move", &request.target)?;
        if !self.inner.schemas.move_state {
            return Err(CallError::NotServed { provider: self.inner.provider.clone(), call: judge.call });
        }
        let raw = |json: &[u8]| pb::RawState { json: json.to_vec().into(), ..Default::default() };
        let message = pb::move_resource_state::Request {
            source_provider_address: request.provider.clone(),
            source_type_name: request.type_name.to_string(),
            source_schema_version: request.version,
            source_state: Some(raw(&request.attributes)),
            target_type_name: request.target.to_string(),
            source_private: request.private.clone().into(),
            source_identity: request.identity.as_ref().map(|(_, json)| raw(json)),
            source_identity_schema_version: request.identity.as_ref().map_or(0, |(version, _)| *version),
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.move_state(message)).await?;
        let diagnostics = judge.told(&answer.diagnostics)?;
        let state = judge.known(wire::from_dynamic(answer.target_state.as_ref(), judge.schema.ty()))?;
        if state.is_null() {
            return Err(judge.broken("the answer holds no object"));
        }
        Ok(Moved {
            state: normalised(&judge.schema.block, &state),
            private: answer.target_private.to_vec(),
            identity: self.inner.known_identity(judge, answer.target_identity.as_ref())?,
            diagnostics,
        })
    }

    /// The configuration that an imported object would have, in the provider's words.
    pub async fn generate_config(&self, type_name: &str, state: &Value) -> Result<Warned<Value>, CallError> {
        let judge = self.inner.resource("generate configuration", type_name)?;
        if !self.inner.schemas.generate_config {
            return Err(CallError::NotServed { provider: self.inner.provider.clone(), call: judge.call });
        }
        let message = pb::generate_resource_config::Request {
            type_name: type_name.to_owned(),
            state: judge.dynamic(state, "state")?,
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.generate(message)).await?;
        let warnings = judge.told(&answer.diagnostics)?;
        let value = judge.known(wire::from_dynamic(answer.config.as_ref(), judge.schema.ty()))?;
        Ok(Warned { value, warnings })
    }

    /// Checks the configuration of a query.
    pub async fn validate_list(&self, type_name: &str, config: &Value) -> Result<Diagnostics, CallError> {
        let judge = self.inner.schema("validate list", &self.inner.schemas.lists, type_name)?;
        let message = pb::validate_list_resource_config::Request {
            type_name: type_name.to_owned(),
            config: judge.dynamic(config, "query")?,
            ..Default::default()
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.validate_list(message)).await?;
        judge.told(&answer.diagnostics)
    }

    /// Existing objects of a type, at most `limit` (0: the provider's own limit); with `objects` each comes with its state.
    pub async fn list(
        &self,
        type_name: &str,
        config: &Value,
        objects: bool,
        limit: usize,
    ) -> Result<Vec<Listed>, CallError> {
        let judge = self.inner.schema("list", &self.inner.schemas.lists, type_name)?;
        let resource = self.inner.resource("list", type_name)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let message = pb::list_resource::Request {
            type_name: type_name.to_owned(),
            config: judge.dynamic(config, "query")?,
            include_resource_object: objects,
            limit,
        };
        // The stream is dropped, and with it the call, when there are enough.
        let events = self.inner.call(judge.call, async {
            let mut stream = self.inner.protocol.list(message).await?;
            let mut events = Vec::new();
            while let Some(event) = stream.message().await? {
                events.push(event);
                if limit > 0 && events.len() as i64 >= limit {
                    break;
                }
            }
            Ok(events)
        });
        let mut found = Vec::new();
        for event in events.await? {
            let diagnostics = judge.told(&event.diagnostic)?;
            let Some(identity) = self.inner.known_identity(resource, event.identity.as_ref())? else {
                // An event may be nothing but a warning.
                if diagnostics.is_empty() {
                    return Err(judge.broken("an object without an identity was listed"));
                }
                continue;
            };
            let state = match &event.resource_object {
                Some(object) => Some(resource.known(wire::from_dynamic(Some(object), resource.schema.ty()))?),
                None => None,
            };
            found.push(Listed { identity, display_name: event.display_name, state, diagnostics });
        }
        Ok(found)
    }

    /// The identity of an object of this type in JSON, as state files hold it, with its schema's version.
    pub fn identity_json(&self, type_name: &Str, identity: &Value) -> Option<(i64, String)> {
        let schema = self.inner.schemas.identities.get(type_name)?;
        let text = straddle_sdk::value::codec::json::encode(identity, &schema.ty).ok()?;
        Some((schema.version, text))
    }
}
