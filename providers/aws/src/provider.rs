//! The plugin.

use crate::attr::{Args, Live, known, settled, text};
use crate::config::{self, Settings};
use crate::kinds::{ResourceKind as K, attachment, instance, rules};
use crate::memory::Memory;
use crate::problem::{Nature, Problem};
use crate::session::{SETTLING, Session};
use crate::{data, discover, locations, tags};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use straddle_sdk::provider::{
    Answers, ApplyAnswer, ApplyRequest, BULK_CONCURRENCY, Capabilities, Context, DataAnswer, DataRequest, Diagnostic,
    Diagnostics, Discovered, Discovery, Failure, ImportAnswer, ImportRequest, LocationReport, PlanAnswer, PlanRequest,
    Provider, ReadAnswer, ReadRequest, Schemas, ValidateRequest,
};
use straddle_sdk::value::{Str, Type, Value};

/// The provider.
#[derive(Default)]
pub struct AwsProvider {
    configured: RwLock<Configured>,
}

#[derive(Clone, Default)]
enum Configured {
    #[default]
    NotYet,
    /// It holds something that is known only after an apply.
    Unknown,
    To(Arc<Session>),
}

fn kind_of(type_name: &str) -> Result<K, Diagnostics> {
    K::of_type(type_name)
        .ok_or_else(|| Diagnostic::error("Unknown type", format!("There is no resource type {type_name:?}.")).into())
}

impl AwsProvider {
    /// Not configured yet.
    pub fn new() -> AwsProvider {
        AwsProvider::default()
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

/// Whether the account is one to work in.
async fn check_account(session: &Session) -> Result<(), Diagnostics> {
    let (allowed, forbidden) = (&session.settings.allowed_accounts, &session.settings.forbidden_accounts);
    if allowed.is_empty() && forbidden.is_empty() {
        return Ok(());
    }
    let (account, _, _) = session.caller().await?;
    let (name, wrong) = match (allowed.contains(account), forbidden.contains(account)) {
        (_, true) => ("forbidden_account_ids", true),
        (false, _) => ("allowed_account_ids", !allowed.is_empty()),
        _ => ("", false),
    };
    if wrong {
        let detail = format!("These credentials are of account {account}, and {name} does not let this work there.");
        return Err(Diagnostic::error("Another account", detail).attribute(name).into());
    }
    Ok(())
}

/// A text as a value of the attribute's type.
fn default_value(ty: &Type, word: &str) -> Value {
    match ty {
        Type::Number => word.parse::<i64>().map_or(Value::null(Type::Number), Value::number),
        Type::Bool => crate::attr::flag(word == "true"),
        _ => text(word),
    }
}

/// A plan is the schema's, with defaults, tags, and what the type knows.
fn plan(settings: &Settings, request: &PlanRequest) -> Result<PlanAnswer, Diagnostics> {
    let kind = kind_of(&request.type_name)?;
    let mut answer = request.default_plan();
    if request.is_delete() {
        return Ok(answer);
    }
    for (name, word) in kind.defaults() {
        if request.config.get(name).is_some_and(Value::is_null)
            && let Some(attribute) = request.schema.body().attributes.get(*name)
        {
            let value = default_value(&attribute.ty.implied_type(), word);
            answer.planned = answer.planned.with_attribute(name, value);
        }
    }
    tags::plan(settings, &mut answer);
    kind.plan(request, &mut answer);
    Ok(answer)
}

/// Mistakes that can be seen without asking AWS.
fn check(kind: K, config: &Value) -> Diagnostics {
    let mut problems = Diagnostics::new();
    let written = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
    let either = |a: &str, b: &str, problems: &mut Diagnostics| {
        if written(a) && written(b) {
            let detail = format!("Write {a} or {b}, not both.");
            problems.push(Diagnostic::error("Two ways to say the same", detail).attribute(b));
        }
    };
    if config.get("name_prefix").is_some() {
        either("name", "name_prefix", &mut problems);
    }
    let none = |name: &str| config.get(name).is_none_or(|v| v.items().is_some_and(<[_]>::is_empty));
    let unknown = |name: &str| config.get(name).is_some_and(Value::is_unknown);
    match kind {
        K::Instance => {
            either("user_data", "user_data_base64", &mut problems);
            if none("launch_template") {
                for name in ["ami", "instance_type"] {
                    if !written(name) {
                        let detail =
                            format!("An instance takes {name} from here or from a launch_template; there is neither.");
                        problems.push(Diagnostic::error("Nothing to start", detail).attribute(name));
                    }
                }
            }
        }
        K::Record => {
            if none("alias") != written("records") && !unknown("alias") && !unknown("records") {
                let detail = "A record has records with a ttl, or an alias, and not both.";
                problems.push(Diagnostic::error("What is the answer?", detail).attribute("records"));
            }
            let policies = ["weighted_routing_policy", "failover_routing_policy", "latency_routing_policy"];
            let routed = policies.iter().any(|name| !none(name) && !unknown(name))
                || Args(config).flag("multivalue_answer_routing_policy") == Some(true);
            if routed && !written("set_identifier") {
                let detail = "A record that is one of several needs a set_identifier to be told from the others.";
                problems.push(Diagnostic::error("No set_identifier", detail).attribute("set_identifier"));
            }
        }
        K::ScalingGroup => {
            let some = |name: &str| config.get(name).and_then(Value::items).is_some_and(|all| !all.is_empty());
            let nothing = none("launch_template") && none("mixed_instances_policy");
            match (nothing, some("launch_template") && some("mixed_instances_policy")) {
                (true, _) => {
                    let detail = "A group starts instances from a launch_template or by a mixed_instances_policy; write \
                                  one of the two blocks.";
                    problems.push(Diagnostic::error("Nothing to start", detail).attribute("launch_template"));
                }
                (_, true) => {
                    let detail = "Write launch_template or mixed_instances_policy, not both.";
                    let problem = Diagnostic::error("Two ways to say the same", detail);
                    problems.push(problem.attribute("mixed_instances_policy"));
                }
                _ => {}
            }
            let size = |name: &str| Args(config).int(name);
            if let (Some(min), Some(max)) = (size("min_size"), size("max_size"))
                && min > max
            {
                let detail = format!("min_size is {min} and max_size is {max}: no number is between them.");
                problems.push(Diagnostic::error("No number fits", detail).attribute("min_size"));
            }
        }
        K::IngressRule | K::EgressRule => rule_of_one_peer(config, &mut problems),
        K::Address => either("instance", "network_interface", &mut problems),
        K::NatGateway => {
            let private = Args(config).text("connectivity_type").as_deref() == Some("private");
            if private == written("allocation_id") {
                let detail = "A public NAT gateway needs the allocation_id of an aws_eip, and a private one has none.";
                problems.push(Diagnostic::error("Which address?", detail).attribute("allocation_id"));
            }
        }
        _ => {}
    }
    problems
}

fn rule_of_one_peer(config: &Value, problems: &mut Diagnostics) {
    let written = |name: &&&str| config.get(name).is_some_and(|v| !v.is_null());
    let peers = rules::single::PEERS;
    if peers.iter().filter(written).count() != 1 {
        let detail = format!("A rule has one peer: write exactly one of {}.", peers.join(", "));
        problems.push(Diagnostic::error("Whose packets?", detail).attribute(peers[0]));
    }
    let all = Args(config).text("ip_protocol").as_deref() == Some("-1");
    for port in ["from_port", "to_port"] {
        if all && written(&&port) {
            let detail = format!("ip_protocol \"-1\" means all ports of all protocols; leave {port} out.");
            problems.push(Diagnostic::error("No ports here", detail).attribute(port));
        }
    }
}

/// Reads one object of a type that has no bulk; one made a short time ago is looked for some time before it is believed to be gone.
async fn read_one(session: &Session, kind: K, request: &ReadRequest) -> Result<ReadAnswer, Diagnostics> {
    let young = Memory::of(&request.private).is_young() && !session.is_deleted(&Args(&request.state).must("id"));
    let wait = if young { SETTLING } else { Duration::ZERO };
    let found = session.until(wait, || kind.read(session, &request.state)).await?;
    Ok(match found {
        Some(state) => ReadAnswer::new(state).private(request.private.clone()),
        None => ReadAnswer::gone(),
    })
}

fn failure(problem: Problem) -> Failure {
    Failure { in_doubt: problem.nature == Nature::InDoubt, diagnostics: problem.into() }
}

/// Makes one change of a type that has no bulk for it.
async fn apply_one(session: &Session, kind: K, request: ApplyRequest) -> Result<ApplyAnswer, Failure> {
    if request.is_delete() {
        return match kind.delete(session, &request.prior).await {
            Err(problem) if problem.is_gone() => Ok(ApplyAnswer::deleted()),
            Err(problem) if problem.nature == Nature::InDoubt => Ok(ApplyAnswer::partial(request.prior, problem)),
            Err(problem) => Err(failure(problem)),
            Ok(()) => {
                session.note_deleted(Args(&request.prior).must("id"));
                Ok(ApplyAnswer::deleted())
            }
        };
    }
    if request.is_create() {
        let id = kind.create(session, &request.planned, request.ownership.as_ref()).await.map_err(failure)?;
        let mut base = Live::over(&request.planned);
        base.text("id", Some(&id));
        let base = base.done();
        let end = kind.finish(session, &id, &request.planned).await;
        return Ok(answer(session, kind, &request.planned, base, end).await.private(Memory::new().bytes()));
    }
    let end = kind.update(session, &request.prior, &request.planned).await;
    let mut base = known(&request.planned);
    if end.is_err() {
        base = request.prior.clone();
    }
    let mut private = request.private;
    if kind == K::Instance {
        // It may have been started anew with other user data: what it has is what was planned.
        private = Memory { launched: None, ..Memory::of(&private) }.bytes();
    }
    Ok(answer(session, kind, &request.planned, base, end).await.private(private))
}

/// The object after a change, as it is read; where that cannot be, as it is known.
async fn answer(session: &Session, kind: K, planned: &Value, base: Value, end: Result<(), Problem>) -> ApplyAnswer {
    let live = session.until(SETTLING, || kind.read(session, &base)).await;
    match (live, end) {
        (Ok(Some(live)), Ok(())) => ApplyAnswer::new(settled(planned, &live)),
        (Ok(Some(live)), Err(problem)) => ApplyAnswer::partial(live, problem),
        (_, Err(problem)) | (Err(problem), Ok(())) => ApplyAnswer::partial(base, problem),
        (Ok(None), Ok(())) => {
            let words = "what was made is not to be seen after half a minute";
            let problem = Problem::own(&crate::api::DESCRIBE_TAGS, Nature::Refused, words);
            ApplyAnswer::partial(base, problem)
        }
    }
}

/// Makes changes of one type; each answer is sent as soon as it is there.
async fn apply_all(session: Arc<Session>, kind: K, requests: Vec<ApplyRequest>, answers: Answers<ApplyAnswer>) {
    let (mut creates, mut deletes, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let many = matches!(kind, K::Instance | K::Attachment);
    for (index, request) in requests.into_iter().enumerate() {
        if many && request.is_create() {
            creates.push((index, request));
        } else if many && request.is_delete() {
            deletes.push((index, request.prior));
        } else {
            rest.push((index, request));
        }
    }
    let ones = each(rest, |(index, request)| {
        let (session, answers) = (session.clone(), answers.clone());
        async move { answers.tell(index, apply_one(&session, kind, request).await) }
    });
    match kind {
        K::Instance => {
            let deletes = deletes.into_iter().map(|(at, prior)| (at, Args(&prior).must("id"), prior)).collect();
            tokio::join!(
                ones,
                instance::create_many(session.clone(), creates, answers.clone()),
                instance::delete_many(session.clone(), deletes, answers.clone()),
            );
        }
        K::Attachment => {
            let creates = creates.into_iter().map(|(at, request)| (at, request.planned)).collect();
            tokio::join!(ones, async {
                attachment::delete_many(&session, deletes, &answers).await;
                attachment::create_many(&session, creates, &answers).await;
            });
        }
        _ => ones.await,
    }
}

/// Does something for each, some at a time.
async fn each<T, Fut>(items: Vec<T>, work: impl Fn(T) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut running = tokio::task::JoinSet::new();
    for item in items {
        while running.len() >= BULK_CONCURRENCY {
            running.join_next().await;
        }
        running.spawn(work(item));
    }
    while running.join_next().await.is_some() {}
}

/// Reads objects of one type.
async fn read_all(session: Arc<Session>, kind: K, requests: Vec<ReadRequest>, answers: Answers<ReadAnswer>) {
    let told = |at: usize, found: Result<Option<(Value, Vec<u8>)>, Problem>| {
        let answer = match found {
            Ok(Some((state, private))) => Ok(ReadAnswer::new(state).private(private)),
            Ok(None) => Ok(ReadAnswer::gone()),
            Err(problem) => Err(problem.into()),
        };
        answers.send(at, answer);
    };
    match kind {
        K::Instance => {
            let known = |r: &ReadRequest| (r.state.clone(), Memory::of(&r.private));
            let known: Vec<(Value, Memory)> = requests.iter().map(known).collect();
            let known: Vec<instance::Known<'_>> =
                known.iter().map(|(state, memory)| instance::Known { state, memory: memory.clone() }).collect();
            for (at, found) in instance::read_many(&session, &known).await.into_iter().enumerate() {
                told(at, found.map(|found| found.map(|(state, memory)| (state, memory.bytes()))));
            }
        }
        K::Attachment => {
            let states: Vec<&Value> = requests.iter().map(|r| &r.state).collect();
            let all = attachment::read_many(&session, &states).await;
            for (at, (found, request)) in all.into_iter().zip(&requests).enumerate() {
                told(at, found.map(|found| found.map(|state| (state, request.private.clone()))));
            }
        }
        _ => {
            let items: Vec<_> = requests.into_iter().enumerate().collect();
            each(items, |(at, request)| {
                let (session, answers) = (session.clone(), answers.clone());
                async move { answers.send(at, read_one(&session, kind, &request).await) }
            })
            .await;
        }
    }
}

impl Provider for AwsProvider {
    fn schemas(&self) -> Schemas {
        let mut schemas = Schemas::new().provider(config::schema());
        for kind in K::ALL {
            schemas = schemas.resource(kind.type_name(), kind.schema());
        }
        for (name, schema) in data::schemas() {
            schemas = schemas.data_source(name, schema);
        }
        schemas
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { locations: true, discover: true, ownership: true, ..Capabilities::default() }
    }

    async fn validate_provider(&self, config: Value) -> Result<Diagnostics, Diagnostics> {
        config::read(&config).map(|_| Diagnostics::new())
    }

    async fn configure(&self, config: Value, _: Context) -> Result<Diagnostics, Diagnostics> {
        let Some(settings) = config::read(&config)? else {
            self.set(Configured::Unknown);
            return Ok(Diagnostics::new());
        };
        let session = Session::new(settings).await;
        if session.settings.region.is_empty() {
            let detail = "Neither the provider block nor the environment (AWS_REGION), a profile or the machine says which region \
                          to work in. Write region = \"...\" in the provider block.";
            return Err(Diagnostic::error("No region", detail).attribute("region").into());
        }
        check_account(&session).await?;
        self.set(Configured::To(Arc::new(session)));
        Ok(Diagnostics::new())
    }

    async fn validate(&self, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        check(kind_of(&request.type_name)?, &request.config).into_result()
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        let kind = kind_of(&request.type_name)?;
        let (answers, mut arrivals) = Answers::channel();
        read_all(self.session()?, kind, vec![request], answers).await;
        arrivals.recv().await.map_or_else(no_answer, |(_, answer)| answer.map_err(|f| f.diagnostics))
    }

    async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        // A plan needs no more of a configuration than its tags; one that is not known yet has none.
        match self.session() {
            Ok(session) => plan(&session.settings, &request),
            Err(_) => plan(&Settings::default(), &request),
        }
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        let kind = kind_of(&request.type_name)?;
        let (answers, mut arrivals) = Answers::channel();
        apply_all(self.session()?, kind, vec![request], answers).await;
        arrivals.recv().await.map_or_else(no_answer, |(_, answer)| answer.map_err(|f| f.diagnostics))
    }

    async fn import(&self, request: ImportRequest) -> Result<ImportAnswer, Diagnostics> {
        let kind = kind_of(&request.type_name)?;
        let Some(state) = kind.from_id(&request.schema, &request.id) else {
            let form = match kind {
                K::Record => "ZONE_NAME_TYPE or ZONE_NAME_TYPE_SET",
                K::Attachment => "TARGET_GROUP_ARN,TARGET or TARGET_GROUP_ARN,TARGET,PORT",
                K::SecurityGroupRule => {
                    "GROUP_TYPE_PROTOCOL_FROM_TO_PEER, for example sg-1_ingress_tcp_80_80_10.0.0.0/8"
                }
                _ => "the id AWS gives it",
            };
            let detail = format!("{:?} names no {}; its id is {form}.", request.id, request.type_name);
            return Err(Diagnostic::error("Not an id", detail).into());
        };
        Ok(ImportAnswer::one(request.type_name, state))
    }

    async fn read_data(&self, request: DataRequest) -> Result<DataAnswer, Diagnostics> {
        let session = self.session()?;
        Ok(DataAnswer::new(data::read(&session, &request.type_name, &request.config).await?))
    }

    async fn stop(&self) -> Result<(), String> {
        if let Ok(session) = self.session() {
            session.stop();
        }
        Ok(())
    }

    async fn locations(&self, asked: Vec<BTreeMap<Str, Str>>) -> Result<Vec<LocationReport>, Diagnostics> {
        Ok(locations::report(&*self.session()?, asked).await)
    }

    async fn discover(&self, request: Discovery) -> Result<Vec<Discovered>, Diagnostics> {
        Ok(discover::discover(&*self.session()?, &request).await?)
    }

    async fn read_many(self: Arc<Self>, requests: Vec<ReadRequest>, answers: Answers<ReadAnswer>) {
        let Some(kind) = requests.first().map(|r| kind_of(&r.type_name)) else { return };
        match (self.session(), kind) {
            (Ok(session), Ok(kind)) => read_all(session, kind, requests, answers).await,
            (Err(why), _) | (_, Err(why)) => (0..requests.len()).for_each(|at| answers.send(at, Err(why.clone()))),
        }
    }

    async fn apply_many(self: Arc<Self>, requests: Vec<ApplyRequest>, answers: Answers<ApplyAnswer>) {
        let Some(kind) = requests.first().map(|r| kind_of(&r.type_name)) else { return };
        match (self.session(), kind) {
            (Ok(session), Ok(kind)) => apply_all(session, kind, requests, answers).await,
            (Err(why), _) | (_, Err(why)) => (0..requests.len()).for_each(|at| answers.send(at, Err(why.clone()))),
        }
    }
}

fn no_answer<A>() -> Result<A, Diagnostics> {
    Err(Diagnostic::error("No answer", "The request was given up.").into())
}
