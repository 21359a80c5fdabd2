//! The plugin: simulated clouds over the provider protocol.
//!
//! It behaves as a careful provider of a real cloud does: what is throttled is asked again, a lost reply is looked into (by the
//! idempotency token, where the caller gave one) before anything is said, and a read that shows less than what is known to have been
//! written is repeated until the cloud has settled. What remains is told as it is.

mod apply;
mod config;
mod read;
mod says;
mod schemas;
mod session;
mod values;

pub use config::{DEFAULT_CLOUD, DEFAULT_STORE};

use crate::clock::{Clock, SystemClock};
use crate::model::{Id, Kind};
use crate::store::{Tx, ZoneState};
use session::Session;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use straddle_sdk::provider::{
    Answers, ApplyAnswer, ApplyRequest, Capabilities, Context, DataAnswer, DataRequest, Diagnostic, Diagnostics,
    Discovered, Discovery, Failure, Health, ImportAnswer, ImportRequest, LocationReport, PlanAnswer, PlanRequest,
    Provider, ReadAnswer, ReadRequest, Schemas, ValidateRequest,
};
use straddle_sdk::value::{Str, Type, Value};

/// The provider.
pub struct SimProvider {
    clock: Arc<dyn Clock>,
    configured: RwLock<Configured>,
}

/// How far configuration has come.
#[derive(Clone)]
enum Configured {
    NotYet,
    /// It holds something that is known only after an apply.
    Unknown,
    To(Arc<Session>),
}

impl Default for SimProvider {
    fn default() -> SimProvider {
        SimProvider::new()
    }
}

impl SimProvider {
    /// On the machine's clock.
    pub fn new() -> SimProvider {
        SimProvider::with_clock(Arc::new(SystemClock))
    }

    /// On any clock, for tests.
    pub fn with_clock(clock: Arc<dyn Clock>) -> SimProvider {
        SimProvider { clock, configured: RwLock::new(Configured::NotYet) }
    }

    fn session(&self) -> Result<Arc<Session>, Diagnostics> {
        match &*self.configured.read().unwrap_or_else(PoisonError::into_inner) {
            Configured::To(session) => Ok(session.clone()),
            Configured::NotYet => {
                Err(Diagnostic::error("Not configured", "Configure the provider before using it.").into())
            }
            Configured::Unknown => {
                let detail = "The provider's configuration holds values that are known only after an apply. Apply what it depends on \
                              first (-target), or write the values out.";
                Err(Diagnostic::error("Configuration not known yet", detail).into())
            }
        }
    }

    fn set(&self, configured: Configured) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
    }
}

/// The kind of a resource type. The server asks only about types in the schema.
fn kind_of(type_name: &str) -> Result<Kind, Diagnostics> {
    Kind::of_type(type_name)
        .ok_or_else(|| Diagnostic::error("Unknown type", format!("There is no resource type {type_name:?}.")).into())
}

/// The id in an object.
fn id_of(kind: Kind, object: &Value) -> Result<Id, Diagnostics> {
    let text = object.get("id").and_then(Value::as_str).unwrap_or_default();
    parse_id(kind, text)
}

fn parse_id(kind: Kind, text: &str) -> Result<Id, Diagnostics> {
    let wrong = |detail: String| Diagnostics::from(Diagnostic::error("Not an id", detail));
    let id: Id = text.parse().map_err(|word: crate::model::Word| wrong(format!("{word}.")))?;
    if id.kind != kind {
        return Err(wrong(format!("{text:?} is the id of a {}, not of a {}.", id.kind.type_name(), kind.type_name())));
    }
    Ok(id)
}

/// The version an object was last seen in, as private data.
fn private(version: i64) -> Vec<u8> {
    format!("{{\"version\":{version}}}").into_bytes()
}

fn version_in(private: &[u8]) -> Option<i64> {
    serde_json::from_slice::<BTreeMap<String, i64>>(private).ok()?.remove("version")
}

/// A plan is the schema's, with the defaults filled in.
fn plan(request: &PlanRequest) -> Result<PlanAnswer, Diagnostics> {
    let mut answer = request.default_plan();
    if request.is_create() {
        let kind = kind_of(&request.type_name)?;
        for name in ["image", "size", "weight", "ttl"] {
            let not_written = request.config.get(name).is_some_and(Value::is_null);
            if let Some(default) = values::default_of(kind, name).filter(|_| not_written) {
                answer.planned = answer.planned.with_attribute(name, default);
            }
        }
    }
    Ok(answer)
}

impl Provider for SimProvider {
    fn schemas(&self) -> Schemas {
        schemas::schemas()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { locations: true, discover: true, ownership: true, ..Capabilities::default() }
    }

    async fn validate_provider(&self, config: Value) -> Result<Diagnostics, Diagnostics> {
        config::read(&config).map(|_| Diagnostics::new())
    }

    async fn configure(&self, config: Value, _: Context) -> Result<Diagnostics, Diagnostics> {
        self.set(match config::read(&config)? {
            Some(config) => Configured::To(Arc::new(Session::new(config, self.clock.clone()))),
            None => Configured::Unknown,
        });
        Ok(Diagnostics::new())
    }

    async fn validate(&self, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        if let Some(spec) = values::spec_of(kind_of(&request.type_name)?, &request.config)? {
            spec.check().map_err(|refusal| Diagnostics::from(says::refused(&refusal)))?;
        }
        Ok(Diagnostics::new())
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        let session = self.session()?;
        one(|send| async move { read::read(&session, vec![request], send).await }).await
    }

    async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        plan(&request)
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        let session = self.session()?;
        one(|mut send| async move {
            let plain = move |at, answer: Result<_, Failure>| send(at, answer.map_err(|failure| failure.diagnostics));
            apply::apply(&session, vec![request], plain).await;
        })
        .await
    }

    async fn import(&self, request: ImportRequest) -> Result<ImportAnswer, Diagnostics> {
        parse_id(kind_of(&request.type_name)?, &request.id)?;
        let Type::Object(ty) = request.schema.value_type() else { return Ok(ImportAnswer::default()) };
        let nothing = ty.attrs.iter().map(|(name, ty)| (name.clone(), Value::null(ty.clone()))).collect();
        let state = Value::object(nothing).with_attribute("id", Value::string(request.id));
        Ok(ImportAnswer::one(request.type_name, state))
    }

    async fn read_data(&self, request: DataRequest) -> Result<DataAnswer, Diagnostics> {
        let zones = read::zones(&self.session()?).await?;
        let by_zone = |of: Type, value: fn(&ZoneState) -> Option<Value>| {
            let entries = zones.iter().filter_map(|(name, zone)| Some((Str::from(name), value(zone)?)));
            Value::map(of, entries.collect())
        };
        let health = by_zone(Type::String, |zone| Some(Value::string(zone.health.to_string())));
        let quota = by_zone(Type::Number, |zone| zone.quota.map(|quota| values::count_value(Some(quota))));
        let used = by_zone(Type::Number, |zone| Some(values::count_value(Some(zone.used))));
        let names = Value::list(Type::String, zones.keys().map(Value::string).collect());
        let state = request.config.with_attribute("names", names).with_attribute("health", health);
        Ok(DataAnswer::new(state.with_attribute("quota", quota).with_attribute("used", used)))
    }

    async fn stop(&self) -> Result<(), String> {
        if let Ok(session) = self.session() {
            session.stop();
        }
        Ok(())
    }

    async fn locations(&self, asked: Vec<BTreeMap<Str, Str>>) -> Result<Vec<LocationReport>, Diagnostics> {
        let look = move |session: &Session, tx: &mut Tx<'_>| Ok(reports(tx, &session.config.caller.cloud, asked));
        self.session()?.read(look).await.map_err(|error| says::broken(&error))
    }

    async fn discover(&self, request: Discovery) -> Result<Vec<Discovered>, Diagnostics> {
        read::discover(&self.session()?, request).await
    }

    async fn read_many(self: Arc<Self>, requests: Vec<ReadRequest>, answers: Answers<ReadAnswer>) {
        match self.session() {
            Ok(session) => read::read(&session, requests, move |at, answer| answers.send(at, answer)).await,
            Err(why) => (0..requests.len()).for_each(|at| answers.send(at, Err(why.clone()))),
        }
    }

    async fn plan_many(self: Arc<Self>, requests: Vec<PlanRequest>, answers: Answers<PlanAnswer>) {
        for (at, request) in requests.iter().enumerate() {
            answers.send(at, plan(request));
        }
    }

    async fn apply_many(self: Arc<Self>, requests: Vec<ApplyRequest>, answers: Answers<ApplyAnswer>) {
        match self.session() {
            Ok(session) => apply::apply(&session, requests, move |at, answer| answers.tell(at, answer)).await,
            Err(why) => (0..requests.len()).for_each(|at| answers.send(at, Err(why.clone()))),
        }
    }
}

/// Where the answers of a bulk go.
type Sent<A> = Arc<std::sync::Mutex<Option<Result<A, Diagnostics>>>>;

/// The answer of a bulk of one.
async fn one<A, F, Fut>(bulk: F) -> Result<A, Diagnostics>
where
    F: FnOnce(Box<dyn FnMut(usize, Result<A, Diagnostics>) + Send>) -> Fut,
    Fut: Future<Output = ()>,
    A: Send + 'static,
{
    let sent: Sent<A> = Arc::default();
    let keep = sent.clone();
    let send = move |_, answer| {
        keep.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer);
    };
    bulk(Box::new(send)).await;
    let answer = sent.lock().unwrap_or_else(PoisonError::into_inner).take();
    answer.unwrap_or_else(|| Err(Diagnostic::error("No answer", "The request was given up.").into()))
}

/// Reports on the places asked for, or on all zones of the cloud. Answers whatever the health: the operator's own status page.
fn reports(tx: &Tx<'_>, cloud: &str, asked: Vec<BTreeMap<Str, Str>>) -> Vec<LocationReport> {
    if asked.is_empty() {
        let zones = tx.zones(cloud).into_iter();
        return zones
            .map(|(zone, state)| report([("cloud".into(), cloud.into()), ("zone".into(), zone.into())].into(), &state))
            .collect();
    }
    let state_of = |domains: &BTreeMap<Str, Str>| match domains.get("zone") {
        Some(zone) => tx.zone(cloud, zone),
        None => tx.cloud(cloud),
    };
    asked
        .into_iter()
        .map(|domains| {
            let state = state_of(&domains);
            report(domains, &state)
        })
        .collect()
}

fn report(domains: BTreeMap<Str, Str>, state: &ZoneState) -> LocationReport {
    let because: Vec<String> = state.because.iter().map(ToString::to_string).collect();
    let report = LocationReport::new(domains);
    match state.health {
        crate::model::Health::Unreachable => {
            LocationReport { message: format!("no answer from {}", because.join(" and ")), ..report }
        }
        health => LocationReport {
            health: if health == crate::model::Health::Up { Health::Healthy } else { Health::Down },
            capacity: Some(state.quota.unwrap_or(u64::MAX)),
            used: Some(state.used),
            quota: Some(state.quota.unwrap_or(u64::MAX)),
            message: because.first().map(|_| format!("{} down", because.join(" and "))).unwrap_or_default(),
            ..report
        },
    }
}
