//! A provider one can talk to.

use super::call::{
    ApplyAnswer, ApplyRequest, CallError, DataAnswer, DataRequest, Deferral, PlanAnswer, PlanRequest, ReadAnswer,
    ReadRequest, Warned,
};
use super::check::{Judge, normalised, told};
use super::extension::Extension;
use super::in_process::InProcess;
use super::process::Process;
use super::protocol::Protocol;
use super::{Capabilities, Diagnostics, Discovered, Discovery, LocationReport, ProviderSchemas};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use straddle_sdk::proto::{extension, tfplugin6 as pb};
use straddle_sdk::schema::Prepared;
use straddle_sdk::value::{Str, Value};
use straddle_sdk::wire;
use tokio::sync::Mutex;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A running provider, its schemas known. Clones are the same provider. When the last clone is dropped without
/// [`Plugin::shutdown`], the process is killed.
#[derive(Clone)]
pub struct Plugin {
    pub(super) inner: Arc<Inner>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("provider", &self.inner.provider).finish_non_exhaustive()
    }
}

pub(super) struct Inner {
    /// What messages call it.
    pub(super) provider: Arc<str>,
    pub(super) protocol: Protocol,
    pub(super) extension: Option<Extension>,
    /// The provider itself, where it is in this process.
    pub(super) local: Option<Arc<dyn InProcess>>,
    pub(super) schemas: Arc<ProviderSchemas>,
    /// For the shutdown call; `None`: somebody else's process.
    pub(super) controller: Option<Channel>,
    pub(super) process: Mutex<Option<Process>>,
    pub(super) pid: Option<u32>,
    /// How long a single call may take; `None`: as long as it takes.
    pub(super) deadline: Option<Duration>,
    /// How many single calls of a bulk call wait at the same time.
    pub(super) parallelism: usize,
    /// Answers may put objects off.
    pub(super) deferral: bool,
}

/// What we understand of an answer that is not to be put off: an ephemeral value is there or is not.
pub(super) fn plain_capabilities() -> Option<pb::ClientCapabilities> {
    Some(pb::ClientCapabilities { write_only_attributes_allowed: true, ..Default::default() })
}

impl Inner {
    /// What we understand of an answer.
    pub(super) fn capabilities(&self) -> Option<pb::ClientCapabilities> {
        Some(pb::ClientCapabilities { deferral_allowed: self.deferral, ..plain_capabilities().unwrap_or_default() })
    }

    /// Whether an answer puts the object off. Unasked for it is a fault of the provider.
    pub(super) fn deferred(
        &self,
        judge: Judge<'_>,
        deferred: Option<&pb::Deferred>,
    ) -> Result<Option<Deferral>, CallError> {
        let Some(deferred) = deferred else { return Ok(None) };
        if !self.deferral {
            judge.not_deferred(Some(deferred))?;
        }
        Ok(Some(match deferred.reason() {
            pb::deferred::Reason::ResourceConfigUnknown => Deferral::ConfigUnknown,
            pb::deferred::Reason::ProviderConfigUnknown => Deferral::ProviderConfigUnknown,
            pb::deferred::Reason::AbsentPrereq => Deferral::AbsentPrereq,
            pb::deferred::Reason::Unknown => Deferral::Unknown,
        }))
    }

    /// Runs one call to its end or its deadline.
    pub(super) async fn call<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, CallError> {
        let answered = match self.deadline {
            None => answer.await,
            Some(deadline) => tokio::time::timeout(deadline, answer)
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded(format!("no answer within {deadline:?}")))),
        };
        match answered {
            Ok(answer) => Ok(answer),
            Err(status) => Err(self.failed(call, status).await),
        }
    }

    /// What became of a call that ended without an answer.
    pub(super) async fn failed(&self, call: &'static str, status: Status) -> CallError {
        let provider = self.provider.clone();
        if status.code() == Code::Unimplemented {
            return CallError::NotServed { provider, call };
        }
        let mut reason = status.message().to_owned();
        let mut cause = std::error::Error::source(&status);
        while let Some(error) = cause {
            let words = error.to_string();
            if !reason.contains(&words) {
                reason.push_str(": ");
                reason.push_str(&words);
            }
            cause = error.source();
        }
        // What the provider itself reported needs no post-mortem.
        if matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled)
            && let Some(process) = self.process.lock().await.as_ref()
        {
            reason = format!("{reason}; {}", process.post_mortem().await);
        }
        CallError::Transport { provider, call, reason }
    }

    pub(super) fn schema<'a>(
        &'a self,
        call: &'static str,
        of: &'a BTreeMap<Str, Prepared>,
        type_name: &'a str,
    ) -> Result<Judge<'a>, CallError> {
        match of.get(type_name) {
            Some(schema) => {
                let identity = self.schemas.identities.get(type_name);
                Ok(Judge { provider: &self.provider, call, type_name, schema, identity })
            }
            None => Err(CallError::Request {
                provider: self.provider.clone(),
                call,
                what: format!("it has no {type_name}"),
            }),
        }
    }

    pub(super) fn resource<'a>(&'a self, call: &'static str, type_name: &'a str) -> Result<Judge<'a>, CallError> {
        self.schema(call, &self.schemas.resources, type_name)
    }

    /// What the module tells the provider beside; the field is absent where the provider takes nothing.
    fn meta(&self, call: &'static str, meta: Option<&Value>) -> Result<Option<pb::DynamicValue>, CallError> {
        let Some(schema) = &self.schemas.provider_meta else { return Ok(None) };
        let Some(value) = meta else {
            return Ok(Some(pb::DynamicValue { msgpack: wire::NULL, ..Default::default() }));
        };
        wire::to_dynamic(value, schema.ty()).map(Some).map_err(|e| CallError::Request {
            provider: self.provider.clone(),
            call,
            what: format!("provider_meta does not fit its schema: {e}"),
        })
    }

    fn data<'a>(&'a self, call: &'static str, type_name: &'a str) -> Result<Judge<'a>, CallError> {
        self.schema(call, &self.schemas.data_sources, type_name)
    }

    pub(super) async fn read(&self, request: &ReadRequest) -> Result<ReadAnswer, CallError> {
        if self.local.is_some() {
            return Ok(self.read_here(request.clone()));
        }
        let judge = self.resource("read", &request.type_name)?;
        let message = pb::read_resource::Request {
            type_name: request.type_name.to_string(),
            current_state: judge.dynamic(&request.current, "state")?,
            private: request.private.clone().into(),
            provider_meta: self.meta(judge.call, request.meta.as_ref())?,
            client_capabilities: self.capabilities(),
            current_identity: self.identity_out(judge, request.identity.as_ref())?,
        };
        let answer = self.call(judge.call, self.protocol.read(message)).await?;
        let diagnostics = judge.told(&answer.diagnostics)?;
        let deferred = self.deferred(judge, answer.deferred.as_ref())?;
        let state = wire::from_dynamic(answer.new_state.as_ref(), judge.schema.ty());
        let state = if deferred.is_some() { judge.value(state)? } else { judge.known(state)? };
        Ok(ReadAnswer {
            deferred,
            state: normalised(&judge.schema.block, &state),
            private: answer.private.to_vec(),
            identity: self.known_identity(judge, answer.new_identity.as_ref())?,
            diagnostics,
        })
    }

    /// Plans after the configuration has been judged, as every plain provider expects it.
    pub(super) async fn judged_plan(&self, request: &PlanRequest) -> Result<PlanAnswer, CallError> {
        if request.config.is_null() {
            return self.plan(request).await;
        }
        let mut warnings = self.validate(&request.type_name, &request.config).await?;
        let mut answer = self.plan(request).await?;
        warnings.extend(std::mem::take(&mut answer.diagnostics));
        Ok(PlanAnswer { diagnostics: warnings, ..answer })
    }

    async fn validate(&self, type_name: &str, config: &Value) -> Result<Diagnostics, CallError> {
        let judge = self.resource("validate", type_name)?;
        if self.local.is_some() {
            return Ok(Diagnostics::new());
        }
        let message = pb::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: judge.dynamic(config, "configuration")?,
            client_capabilities: self.capabilities(),
        };
        let answer = self.call(judge.call, self.protocol.validate_resource(message)).await?;
        judge.told(&answer.diagnostics)
    }

    pub(super) async fn plan(&self, request: &PlanRequest) -> Result<PlanAnswer, CallError> {
        let judge = self.resource("plan", &request.type_name)?;
        if let Some(answer) = self.plan_without_asking(request) {
            return Ok(answer);
        }
        if let Some(local) = &self.local {
            return self.plan_here(&**local, request);
        }
        let message = pb::plan_resource_change::Request {
            type_name: request.type_name.to_string(),
            prior_state: judge.dynamic(&request.prior, "prior state")?,
            proposed_new_state: judge.dynamic(&request.proposed, "proposed state")?,
            config: judge.dynamic(&request.config, "configuration")?,
            prior_private: request.prior_private.clone().into(),
            provider_meta: self.meta(judge.call, request.meta.as_ref())?,
            client_capabilities: self.capabilities(),
            prior_identity: self.identity_out(judge, request.prior_identity.as_ref())?,
            ..Default::default()
        };
        let answer = self.call(judge.call, self.protocol.plan(message)).await?;
        let diagnostics = judge.told(&answer.diagnostics)?;
        let deferred = self.deferred(judge, answer.deferred.as_ref())?;
        let planned = judge.value(wire::from_dynamic(answer.planned_state.as_ref(), judge.schema.ty()))?;
        Ok(PlanAnswer {
            planned,
            deferred,
            requires_replace: answer.requires_replace.iter().map(wire::from_path).collect(),
            planned_private: answer.planned_private.to_vec(),
            planned_identity: self.identity_in(judge, answer.planned_identity.as_ref())?,
            legacy: answer.legacy_type_system,
            diagnostics,
        })
    }

    /// A provider that does not plan deletes is not asked.
    pub(super) fn plan_without_asking(&self, request: &PlanRequest) -> Option<PlanAnswer> {
        if !request.proposed.is_null() || self.schemas.plan_destroy {
            return None;
        }
        Some(PlanAnswer {
            planned: request.proposed.clone(),
            requires_replace: Vec::new(),
            planned_private: request.prior_private.clone(),
            planned_identity: None,
            deferred: None,
            legacy: false,
            diagnostics: Diagnostics::new(),
        })
    }

    pub(super) async fn apply(&self, request: &ApplyRequest) -> Result<ApplyAnswer, CallError> {
        let judge = self.resource("apply", &request.type_name)?;
        if let Some(local) = &self.local {
            return self.apply_here(&**local, request);
        }
        let message = pb::apply_resource_change::Request {
            type_name: request.type_name.to_string(),
            prior_state: judge.dynamic(&request.prior, "prior state")?,
            planned_state: judge.dynamic(&request.planned, "planned state")?,
            config: judge.dynamic(&request.config, "configuration")?,
            planned_private: request.planned_private.clone().into(),
            provider_meta: self.meta(judge.call, request.meta.as_ref())?,
            planned_identity: self.identity_out(judge, request.planned_identity.as_ref())?,
        };
        let answer = self.call(judge.call, self.protocol.apply(message)).await?;
        let diagnostics = wire::from_diagnostics(&answer.diagnostics);
        let state = wire::from_dynamic(answer.new_state.as_ref(), judge.schema.ty());
        if diagnostics.has_errors() {
            // Without an object beside the errors, or with the one there was, nothing was changed.
            let nothing = match &state {
                Ok(state) => state.is_null() || straddle_sdk::value::same_unrefined(state, &request.prior),
                Err(_) => false,
            };
            if nothing && !request.planned.is_null() {
                return Err(CallError::Refused { provider: self.provider.clone(), diagnostics });
            }
        }
        let state = judge.value(state)?;
        let identity = self.known_identity(judge, answer.new_identity.as_ref())?;
        let done = applied(judge, request, state, answer.private.to_vec(), answer.legacy_type_system, diagnostics)?;
        Ok(ApplyAnswer { identity, ..done })
    }
}

/// The rules every result of a change is held to.
pub(super) fn applied(
    judge: Judge<'_>,
    request: &ApplyRequest,
    state: Value,
    private: Vec<u8>,
    legacy: bool,
    mut diagnostics: Diagnostics,
) -> Result<ApplyAnswer, CallError> {
    if !diagnostics.has_errors() {
        match (request.planned.is_null(), state.is_null()) {
            (true, false) => return Err(judge.broken("the object was to be deleted, and the answer still holds one")),
            (false, true) => return Err(judge.broken("the object was to be made, and the answer holds none")),
            _ => {}
        }
    }
    let mut state = judge.settled(state, &mut diagnostics);
    if legacy {
        state = normalised(&judge.schema.block, &state);
    }
    Ok(ApplyAnswer { state, private, identity: None, legacy, diagnostics })
}

impl Plugin {
    /// What messages call this provider: its source address.
    pub fn provider(&self) -> &Arc<str> {
        &self.inner.provider
    }

    /// The id its process had when it was started; `None`: somebody else's process.
    pub fn pid(&self) -> Option<u32> {
        self.inner.pid
    }

    /// How many single calls may wait at the same time.
    pub fn parallelism(&self) -> usize {
        self.inner.parallelism.max(1)
    }

    /// What it offers.
    pub fn schemas(&self) -> &Arc<ProviderSchemas> {
        &self.inner.schemas
    }

    /// Whether it is a part of straddle and lives in this process.
    pub fn is_in_process(&self) -> bool {
        self.inner.local.is_some()
    }

    /// What of the extension it serves; `None`: nothing, and bulk calls are single calls.
    pub fn extension(&self) -> Option<Capabilities> {
        self.inner.extension.as_ref().map(|e| e.capabilities)
    }

    fn provider_judge(&self, call: &'static str) -> Judge<'_> {
        Judge {
            provider: &self.inner.provider,
            call,
            type_name: "provider",
            schema: &self.inner.schemas.provider,
            identity: None,
        }
    }

    /// Checks a provider configuration. `Ok` holds the warnings.
    pub async fn validate_provider(&self, config: &Value) -> Result<Diagnostics, CallError> {
        if self.inner.local.is_some() {
            return Ok(Diagnostics::new());
        }
        let judge = self.provider_judge("validate provider");
        let message = pb::validate_provider_config::Request { config: judge.dynamic(config, "configuration")? };
        let answer = self.inner.call(judge.call, self.inner.protocol.validate_provider(message)).await?;
        judge.told(&answer.diagnostics)
    }

    /// Gives the provider its configuration. Once per process; unknowns are allowed while planning.
    pub async fn configure(&self, config: &Value) -> Result<Diagnostics, CallError> {
        if self.inner.local.is_some() {
            return Ok(Diagnostics::new());
        }
        let judge = self.provider_judge("configure");
        let message = pb::configure_provider::Request {
            terraform_version: env!("CARGO_PKG_VERSION").to_owned(),
            config: judge.dynamic(config, "configuration")?,
            client_capabilities: self.inner.capabilities(),
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.configure(message)).await?;
        judge.told(&answer.diagnostics)
    }

    /// Checks the configuration of a resource.
    pub async fn validate_resource(&self, type_name: &str, config: &Value) -> Result<Diagnostics, CallError> {
        self.inner.validate(type_name, config).await
    }

    /// Checks the configuration of a data source.
    pub async fn validate_data(&self, type_name: &str, config: &Value) -> Result<Diagnostics, CallError> {
        if self.inner.local.is_some() {
            return Ok(Diagnostics::new());
        }
        let judge = self.inner.data("validate data", type_name)?;
        let message = pb::validate_data_resource_config::Request {
            type_name: type_name.to_owned(),
            config: judge.dynamic(config, "configuration")?,
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.validate_data(message)).await?;
        judge.told(&answer.diagnostics)
    }

    /// Brings stored attributes (JSON as state files hold it) up to the current schema. Always asked, also for the current version;
    /// a version the provider does not know yet is refused here. Write-only attributes are null in the result.
    pub async fn upgrade(&self, type_name: &str, version: i64, json: &[u8]) -> Result<Warned<Value>, CallError> {
        let judge = self.inner.resource("upgrade", type_name)?;
        let current = judge.schema.version;
        if version > current {
            return Err(CallError::Request {
                provider: self.inner.provider.clone(),
                call: judge.call,
                what: format!(
                    "a {type_name} was stored with schema version {version}, and this provider knows versions up to {current}; use a \
                     newer provider"
                ),
            });
        }
        if self.inner.local.is_some() {
            let value = judge.known(
                straddle_sdk::value::codec::json::decode_dropping(json, judge.schema.ty())
                    .map_err(|e| wire::WireError(e.to_string())),
            )?;
            return Ok(Warned { value, warnings: Diagnostics::new() });
        }
        let message = pb::upgrade_resource_state::Request {
            type_name: type_name.to_owned(),
            version,
            raw_state: Some(pb::RawState { json: json.to_vec().into(), ..Default::default() }),
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.upgrade(message)).await?;
        let warnings = judge.told(&answer.diagnostics)?;
        let value = judge.known(wire::from_dynamic(answer.upgraded_state.as_ref(), judge.schema.ty()))?;
        Ok(Warned { value: normalised(&judge.schema.block, &value), warnings })
    }

    /// Reads one object. For many use [`Plugin::read_many`].
    pub async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, CallError> {
        self.inner.read(&request).await
    }

    /// Plans one change. For many use [`Plugin::plan_many`].
    pub async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, CallError> {
        self.inner.plan(&request).await
    }

    /// Reads a data source; its configuration is wholly known.
    pub async fn read_data(&self, request: &DataRequest) -> Result<DataAnswer, CallError> {
        let DataRequest { type_name, config, meta } = request;
        let judge = self.inner.data("read data", type_name)?;
        if let Some(local) = &self.inner.local {
            let state = local.read_data(type_name, config).map_err(|d| self.inner.refused(d))?;
            return Ok(DataAnswer { state, deferred: None, diagnostics: Diagnostics::new() });
        }
        let message = pb::read_data_source::Request {
            type_name: type_name.to_string(),
            config: judge.dynamic(config, "configuration")?,
            provider_meta: self.inner.meta(judge.call, meta.as_ref())?,
            client_capabilities: self.inner.capabilities(),
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.read_data(message)).await?;
        let diagnostics = judge.told(&answer.diagnostics)?;
        let deferred = self.inner.deferred(judge, answer.deferred.as_ref())?;
        if deferred.is_some() {
            let state = judge.value(wire::from_dynamic(answer.state.as_ref(), judge.schema.ty()))?;
            return Ok(DataAnswer { state, deferred, diagnostics });
        }
        let state = judge.known(wire::from_dynamic(answer.state.as_ref(), judge.schema.ty()))?;
        if state.is_null() {
            return Err(judge.broken("the answer holds no object"));
        }
        Ok(DataAnswer { state, deferred, diagnostics })
    }

    /// Asks running calls to end soon; they still answer.
    pub async fn stop(&self) -> Result<(), CallError> {
        if self.inner.local.is_some() {
            return Ok(());
        }
        let answer = self.inner.call("stop", self.inner.protocol.stop(pb::stop_provider::Request {})).await?;
        if answer.error.is_empty() {
            return Ok(());
        }
        let provider = self.inner.provider.clone();
        Err(CallError::Refused { provider, diagnostics: super::Diagnostic::error(answer.error, "").into() })
    }

    /// Health, capacity and quota of the locations named by their domains, or of all the provider sees.
    pub async fn locations(&self, asked: &[BTreeMap<Str, Str>]) -> Result<Vec<LocationReport>, CallError> {
        let call = "locations";
        let Some(extension) = self.inner.extension.as_ref().filter(|e| e.capabilities.locations) else {
            return Err(CallError::NotServed { provider: self.inner.provider.clone(), call });
        };
        let mut client = extension.client.clone();
        let message = extension::LocationsRequest { asked: asked.iter().map(wire::to_domains).collect() };
        let answer = self.inner.call(call, async { Ok(client.locations(message).await?.into_inner()) }).await?;
        told(&self.inner.provider, &answer.diagnostics)?;
        Ok(answer.locations.iter().map(wire::from_location).collect())
    }

    /// Objects that carry straddle's ownership tags, whatever any state says.
    pub async fn discover(&self, request: &Discovery) -> Result<Vec<Discovered>, CallError> {
        let call = "discover";
        if self.inner.local.is_some() {
            // Nothing of it is anywhere but in a state.
            return Ok(Vec::new());
        }
        let Some(extension) = self.inner.extension.as_ref().filter(|e| e.capabilities.discover) else {
            return Err(CallError::NotServed { provider: self.inner.provider.clone(), call });
        };
        let mut client = extension.client.clone();
        let message = extension::DiscoverRequest {
            owner: request.owner.clone().unwrap_or_default(),
            tokens: request.tokens.clone(),
            types: request.types.iter().map(ToString::to_string).collect(),
        };
        let answers = self.inner.call(call, async {
            let mut stream = client.discover(message).await?.into_inner();
            let mut answers = Vec::new();
            while let Some(answer) = stream.message().await? {
                answers.push(answer);
            }
            Ok(answers)
        });
        let mut found = Vec::new();
        for answer in answers.await? {
            told(&self.inner.provider, &answer.diagnostics)?;
            for object in answer.objects {
                let judge = self.inner.resource(call, &object.type_name).map_err(|e| CallError::Broken {
                    provider: self.inner.provider.clone(),
                    call,
                    what: e.to_string(),
                })?;
                let state = match object.state.is_empty() {
                    true => None,
                    false => Some(judge.known(wire::decode(&object.state, judge.schema.ty()))?),
                };
                found.push(Discovered {
                    type_name: object.type_name.as_str().into(),
                    id: object.id,
                    ownership: object.ownership.as_ref().map(wire::from_ownership).unwrap_or_default(),
                    state,
                    private: object.private.to_vec(),
                });
            }
        }
        Ok(found)
    }

    /// Whether its process has ended: no call will be answered any more.
    pub async fn has_ended(&self) -> bool {
        self.inner.process.lock().await.as_ref().is_some_and(Process::has_ended)
    }

    /// Ends the process: asks it to, waits two seconds, kills it. When this returns it is gone. A reattached provider is left alone.
    pub async fn shutdown(&self) {
        let Some(process) = self.inner.process.lock().await.take() else { return };
        if let Some(channel) = &self.inner.controller {
            use straddle_sdk::proto::plugin::{Empty, grpc_controller_client::GrpcControllerClient};
            let mut client = GrpcControllerClient::new(channel.clone());
            // The server may be gone before it answers, and one that hangs is killed below.
            _ = tokio::time::timeout(Duration::from_secs(2), client.shutdown(Empty {})).await;
        }
        process.end().await;
    }

    /// Kills the process at once. When this returns it is gone.
    pub async fn kill(&self) {
        if let Some(process) = self.inner.process.lock().await.take() {
            process.kill().await;
        }
    }
}
