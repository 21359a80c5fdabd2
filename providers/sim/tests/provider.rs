//! The provider, in-process and on a clock of the test's own, as a planner drives it.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use straddle_provider_sim::model::{FaultKind, Op};
use straddle_provider_sim::store::Fault;
use straddle_provider_sim::{Clock, ManualClock, SimProvider, control};
use straddle_sdk::provider::prelude::*;
use tempfile::TempDir;

/// A configured provider, its store and its clock.
struct Plugin {
    provider: Arc<SimProvider>,
    schemas: Schemas,
    clock: Arc<ManualClock>,
    directory: TempDir,
}

impl Plugin {
    async fn new() -> Plugin {
        Plugin::with(&[]).await
    }

    async fn with(config: &[(&str, Value)]) -> Plugin {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(ManualClock::at(1_000_000));
        let provider = Arc::new(SimProvider::with_clock(clock.clone()));
        let schemas = provider.schemas();
        let plugin = Plugin { provider, schemas, clock, directory };
        let store = Value::string(plugin.store().to_str().expect("a text"));
        let config = filled(&plugin.schemas.provider, &[&[("store", store)], config].concat());
        plugin.provider.configure(config, Context::default()).await.expect("configured");
        plugin
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("sim.db")
    }

    fn fault(&self, op: Op, kind: FaultKind, rate: f64) {
        control::set_fault(&self.store(), &*self.clock, Fault { op, kind, rate, seed: 1 }).expect("set");
    }

    fn schema(&self, type_name: &str) -> Arc<ResourceSchema> {
        self.schemas.resources[type_name].clone()
    }

    /// What a core proposes: what is written, else what was computed before.
    async fn plan(&self, type_name: &str, prior: &Value, set: &[(&str, Value)]) -> (PlanAnswer, Value) {
        let schema = self.schema(type_name);
        let config = filled(&schema, set);
        let request = ValidateRequest { type_name: type_name.into(), schema: schema.clone(), config: config.clone() };
        self.provider.validate(request).await.expect("valid");
        let mut proposed = config.clone();
        for (name, attribute) in &schema.body().attributes {
            let before = prior.get(name).filter(|_| attribute.computed && !prior.is_null());
            if let Some(before) = before.filter(|_| config.get(name).is_some_and(Value::is_null)) {
                proposed = proposed.with_attribute(name, before.clone());
            }
        }
        let request = PlanRequest {
            type_name: type_name.into(),
            schema,
            prior: prior.clone(),
            proposed,
            config: config.clone(),
            private: Vec::new(),
            deferral_allowed: false,
        };
        (self.provider.plan(request).await.expect("planned"), config)
    }

    async fn create_request(&self, type_name: &str, set: &[(&str, Value)], token: Option<&str>) -> ApplyRequest {
        let schema = self.schema(type_name);
        let prior = Value::null(schema.value_type().clone());
        let (plan, config) = self.plan(type_name, &prior, set).await;
        let ownership = token.map(|token| Ownership {
            owner: "lineage".into(),
            address: format!("{type_name}.{token}"),
            token: token.into(),
        });
        let (type_name, planned, private) = (type_name.into(), plan.planned, plan.private);
        ApplyRequest { type_name, schema, prior, planned, config, private, ownership }
    }

    async fn create(&self, type_name: &str, set: &[(&str, Value)]) -> Result<ApplyAnswer, Diagnostics> {
        let request = self.create_request(type_name, set, None).await;
        let planned = request.planned.clone();
        let answer = self.provider.apply(request).await?;
        keeps(&planned, &answer.state);
        Ok(answer)
    }

    async fn change(
        &self,
        type_name: &str,
        prior: &ApplyAnswer,
        set: &[(&str, Value)],
    ) -> Result<ApplyAnswer, Diagnostics> {
        let (plan, config) = self.plan(type_name, &prior.state, set).await;
        assert_eq!(plan.requires_replace, [], "in place");
        let request = ApplyRequest {
            type_name: type_name.into(),
            schema: self.schema(type_name),
            prior: prior.state.clone(),
            planned: plan.planned.clone(),
            config,
            private: prior.private.clone(),
            ownership: None,
        };
        let answer = self.provider.apply(request).await?;
        if !answer.diagnostics.has_errors() {
            keeps(&plan.planned, &answer.state);
        }
        Ok(answer)
    }

    async fn delete(&self, type_name: &str, prior: &ApplyAnswer) -> Result<ApplyAnswer, Diagnostics> {
        let schema = self.schema(type_name);
        let null = Value::null(schema.value_type().clone());
        let request = ApplyRequest {
            type_name: type_name.into(),
            schema,
            prior: prior.state.clone(),
            planned: null.clone(),
            config: null,
            private: prior.private.clone(),
            ownership: None,
        };
        self.provider.apply(request).await
    }

    fn read_request(&self, type_name: &str, known: &ApplyAnswer) -> ReadRequest {
        ReadRequest {
            type_name: type_name.into(),
            schema: self.schema(type_name),
            state: known.state.clone(),
            private: known.private.clone(),
            deferral_allowed: false,
        }
    }

    async fn read(&self, type_name: &str, known: &ApplyAnswer) -> Result<ReadAnswer, Diagnostics> {
        self.provider.read(self.read_request(type_name, known)).await
    }

    fn count(&self) -> usize {
        control::status(&self.store(), &*self.clock).expect("a store").resources.len()
    }
}

/// An object of the schema with these attributes, the others null.
fn filled(schema: &ResourceSchema, set: &[(&str, Value)]) -> Value {
    let Type::Object(ty) = schema.value_type() else { panic!("an object") };
    let nothing = Value::object(ty.attrs.iter().map(|(name, ty)| (name.clone(), Value::null(ty.clone()))).collect());
    set.iter().fold(nothing, |object, (name, value)| object.with_attribute(name, value.clone()))
}

/// What was planned and known came true, and nothing is unknown any more.
fn keeps(planned: &Value, state: &Value) {
    assert!(state.is_wholly_known(), "{state:?}");
    for (name, value) in planned.entries().expect("an object") {
        let is = state.get(name).expect("of the same schema");
        assert!(value.is_unknown() || value == is, "{name}: planned {value:?}, is {is:?}");
        assert_eq!(value.ty(), is.ty(), "{name}");
    }
}

fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    object.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} in {object:?}"))
}

fn server(zone: &str) -> Vec<(&'static str, Value)> {
    vec![("zone", Value::string(zone)), ("image", Value::string("v1")), ("size", Value::string("s"))]
}

async fn bulk<A: Send + 'static, F: Future<Output = ()>>(
    count: usize,
    run: impl FnOnce(Answers<A>) -> F,
) -> Vec<Result<A, Diagnostics>> {
    let (answers, mut receiver) = Answers::channel();
    run(answers).await;
    let mut answers = BTreeMap::new();
    while let Ok((index, answer)) = receiver.try_recv() {
        assert!(answers.insert(index, answer).is_none(), "one answer to each");
    }
    assert_eq!(answers.len(), count);
    answers.into_values().map(|answer| answer.map_err(|failure| failure.diagnostics)).collect()
}

#[tokio::test]
async fn the_life_of_every_type() {
    let plugin = Plugin::with(&[("boot", Value::string("90s"))]).await;
    let tags = Value::map(Type::String, vec![("Name".into(), Value::string("web/0"))]);
    let one = plugin.create("sim_instance", &[server("a"), vec![("tags", tags)]].concat()).await.expect("created");
    assert_eq!(
        (text(&one.state, "id"), text(&one.state, "state"), text(&one.state, "address")),
        ("i-0001", "pending", "10.0.0.1")
    );
    plugin.clock.advance(90_000);
    let read = plugin.read("sim_instance", &one).await.expect("read");
    assert_eq!(text(&read.state, "state"), "running");

    let number = |n: i64| Value::number(n);
    let group = [server("a"), vec![("desired", number(4)), ("max", number(9))]].concat();
    let group_made = plugin.create("sim_group", &group).await.expect("created");
    assert_eq!(group_made.state.get("ready"), Some(&number(0)));
    plugin.clock.advance(90_000);
    let grown = [server("a"), vec![("desired", number(6)), ("max", number(9))]].concat();
    let grown = plugin.change("sim_group", &group_made, &grown).await.expect("changed");
    assert_eq!(grown.state.get("ready"), Some(&number(4)));

    let front = plugin.create("sim_load_balancer", &[("name", Value::string("web"))]).await.expect("created");
    let of = |weight: Value| {
        vec![
            ("load_balancer_id", Value::string(text(&front.state, "id"))),
            ("instance_id", Value::string("i-0001")),
            ("weight", weight),
        ]
    };
    let third = Value::number(number(1).as_num().expect("1").div(number(3).as_num().expect("3")).expect("a third"));
    let attached = plugin.create("sim_target", &of(third.clone())).await.expect("created");
    assert_eq!(text(&attached.state, "health"), "healthy");
    assert_eq!(attached.state.get("weight"), Some(&third), "all its digits");
    let weights = Value::map(Type::Number, vec![("aws".into(), third.clone()), ("ncp".into(), number(1))]);
    let name = [("name", Value::string("web.example.kr")), ("type", Value::string("A")), ("targets", weights)];
    let record = plugin.create("sim_record", &name).await.expect("created");
    assert_eq!(record.state.get("ttl"), Some(&number(60)));

    let refused = plugin.delete("sim_instance", &one).await.expect_err("in use");
    assert_eq!(refused.0[0].summary, "In use");
    for (type_name, known) in [
        ("sim_target", &attached),
        ("sim_instance", &one),
        ("sim_group", &grown),
        ("sim_load_balancer", &front),
        ("sim_record", &record),
    ] {
        let imported = plugin
            .provider
            .import(ImportRequest {
                type_name: type_name.into(),
                schema: plugin.schema(type_name),
                id: text(&known.state, "id").into(),
                identity: None,
            })
            .await
            .expect("found");
        let state = ApplyAnswer::new(imported.imported[0].state.clone());
        let read = plugin.read(type_name, &state).await.expect("read");
        assert!(read.state.is_wholly_known() && read.state.ty() == known.state.ty(), "{type_name}");
        assert!(plugin.delete(type_name, known).await.expect("deleted").state.is_null());
        assert!(plugin.read(type_name, known).await.expect("read").state.is_null(), "gone");
        assert!(plugin.delete(type_name, known).await.expect("deleted before").state.is_null());
    }
    assert_eq!(plugin.count(), 0);
}

#[tokio::test]
async fn what_replaces_and_what_is_known_before() {
    let plugin = Plugin::new().await;
    let known = plugin.create("sim_instance", &[("zone", Value::string("a"))]).await.expect("created");
    assert_eq!((text(&known.state, "image"), text(&known.state, "size")), ("base", "small"));
    assert!(known.state.get("tags").is_some_and(Value::is_null));
    let table: [(&str, Value, &[&str], bool); 4] = [
        ("zone", Value::string("b"), &["zone"], true),
        ("image", Value::string("v2"), &["image"], true),
        ("size", Value::string("m"), &[], true),
        ("size", Value::string("small"), &[], false),
    ];
    for (name, value, replaces, changes) in table {
        let set = [vec![("zone", Value::string("a"))], vec![(name, value)]].concat();
        let (plan, _) = plugin.plan("sim_instance", &known.state, &set).await;
        let paths: Vec<String> = plan.requires_replace.iter().map(ToString::to_string).collect();
        assert_eq!(paths, replaces, "{name}");
        assert_eq!(plan.planned.get("state").is_some_and(Value::is_unknown), changes, "{name}");
        assert_eq!(text(&plan.planned, "address"), "10.0.0.1");
    }
}

#[tokio::test]
async fn mistakes_are_told_where_they_are() {
    let plugin = Plugin::new().await;
    let number = |n: i64| Value::number(n);
    let table = [
        ("sim_instance", vec![("zone", Value::string(""))], "zone"),
        ("sim_group", vec![("zone", Value::string("a")), ("desired", number(-1))], "desired"),
        ("sim_group", vec![("zone", Value::string("a")), ("desired", number(3)), ("max", number(2))], "desired"),
        ("sim_group", vec![("desired", Value::unknown(Type::Number)), ("zone", Value::string(""))], "zone"),
        (
            "sim_target",
            vec![("load_balancer_id", Value::string("x")), ("instance_id", Value::string("y")), ("weight", number(-1))],
            "weight",
        ),
    ];
    for (type_name, set, attribute) in table {
        let schema = plugin.schema(type_name);
        let config = filled(&schema, &set);
        let result = plugin.provider.validate(ValidateRequest { type_name: type_name.into(), schema, config }).await;
        assert_eq!(result.expect_err(attribute).0[0].attribute.to_string(), attribute);
    }
    let unknown =
        filled(&plugin.schema("sim_group"), &[("zone", Value::string("a")), ("desired", Value::unknown(Type::Number))]);
    let request =
        ValidateRequest { type_name: "sim_group".into(), schema: plugin.schema("sim_group"), config: unknown };
    assert!(plugin.provider.validate(request).await.is_ok(), "what is not known yet is no mistake");
    let dangling = [("load_balancer_id", Value::string("lb-0001")), ("instance_id", Value::string("i-0001"))];
    let refused = plugin.create("sim_target", &dangling).await.expect_err("dangling");
    assert_eq!(
        (refused.0[0].summary.as_str(), refused.0[0].attribute.to_string()),
        ("Dangling reference", "load_balancer_id".into())
    );
    for id in ["i-0001x", "lb-0001", ""] {
        let request = ImportRequest {
            type_name: "sim_instance".into(),
            schema: plugin.schema("sim_instance"),
            id: id.into(),
            identity: None,
        };
        assert!(plugin.provider.import(request).await.is_err(), "{id:?}");
    }
}

#[tokio::test]
async fn looking_makes_no_store_and_finds_nothing_gone() {
    let plugin = Plugin::new().await;
    let state = filled(&plugin.schema("sim_instance"), &[("id", Value::string("i-0001"))]);
    assert!(plugin.read("sim_instance", &ApplyAnswer::new(state)).await.expect("read").state.is_null());
    assert_eq!(plugin.provider.locations(vec![]).await, Ok(vec![]));
    assert!(!plugin.store().exists());
}

#[tokio::test]
async fn a_lost_reply_makes_one_object_and_tells_of_it() {
    let plugin = Plugin::new().await;
    for op in [Op::Create, Op::Update, Op::Delete] {
        plugin.fault(op, FaultKind::LostReply, 1.0);
    }
    let request = plugin.create_request("sim_instance", &server("a"), Some("t1")).await;
    let made = plugin.provider.apply(request.clone()).await.expect("found again");
    assert_eq!((text(&made.state, "id"), made.diagnostics.has_errors()), ("i-0001", false));
    assert_eq!(plugin.provider.apply(request).await.expect("found again").state, made.state);
    assert_eq!(plugin.count(), 1);
    let resized = [server("a"), vec![("size", Value::string("m"))]].concat();
    let resized = plugin.change("sim_instance", &made, &resized).await.expect("looked into");
    assert_eq!(text(&resized.state, "size"), "m");
    assert!(plugin.delete("sim_instance", &resized).await.expect("looked into").state.is_null());
    assert_eq!(plugin.count(), 0);
    // Without a token a second attempt would make a second object.
    let lost = plugin.create("sim_instance", &server("a")).await.expect_err("in doubt");
    assert_eq!((lost.0[0].summary.as_str(), plugin.count()), ("Reply lost", 1));
}

#[tokio::test]
async fn what_cannot_even_be_looked_into_keeps_its_state() {
    let plugin = Plugin::new().await;
    let made = plugin.create("sim_instance", &server("a")).await.expect("created");
    plugin.fault(Op::Update, FaultKind::LostReply, 1.0);
    plugin.fault(Op::Read, FaultKind::Error, 1.0);
    let resized = [server("a"), vec![("size", Value::string("m"))]].concat();
    let answer = plugin.change("sim_instance", &made, &resized).await.expect("a state");
    assert!(answer.diagnostics.has_errors());
    assert_eq!(answer.state, made.state);
}

#[tokio::test]
async fn a_creation_nobody_can_look_for_is_in_doubt() {
    let plugin = Plugin::new().await;
    plugin.fault(Op::Create, FaultKind::LostReply, 1.0);
    plugin.fault(Op::List, FaultKind::Error, 1.0);
    let request = plugin.create_request("sim_instance", &server("a"), Some("t1")).await;
    let (answers, mut receiver) = Answers::channel();
    plugin.provider.clone().apply_many(vec![request.clone()], answers).await;
    let (_, answer) = receiver.try_recv().expect("answered");
    assert!(answer.expect_err("not known").in_doubt);
    assert_eq!(plugin.count(), 1, "it was made, and tried again with one token");
    control::reset(&plugin.store(), &*plugin.clock, false).expect("reset");
    plugin.provider.apply(request).await.expect("the same again");
    assert_eq!(plugin.count(), 1);
}

#[tokio::test]
async fn a_partial_creation_comes_with_its_object() {
    let plugin = Plugin::new().await;
    plugin.fault(Op::Create, FaultKind::Partial, 1.0);
    let request = plugin.create_request("sim_instance", &server("a"), Some("t1")).await;
    let made = plugin.provider.apply(request).await.expect("a state");
    assert_eq!((text(&made.state, "id"), text(&made.state, "state")), ("i-0001", "pending"));
    assert!(made.diagnostics.has_errors());
}

#[tokio::test]
async fn a_stale_read_is_repeated_until_the_cloud_has_settled() {
    let plugin = Plugin::new().await;
    plugin.fault(Op::Read, FaultKind::Stale, 1.0);
    let made = plugin.create("sim_instance", &server("a")).await.expect("created");
    let before = plugin.clock.now();
    let read = plugin.read("sim_instance", &made).await.expect("read");
    assert_eq!(read.state, made.state, "never gone");
    assert!(plugin.clock.now() - before >= 1_900, "it waited");
    let resized = [server("a"), vec![("size", Value::string("m"))]].concat();
    let resized = plugin.change("sim_instance", &made, &resized).await.expect("changed");
    assert_eq!(text(&plugin.read("sim_instance", &resized).await.expect("read").state, "size"), "m", "never the past");
    plugin.delete("sim_instance", &resized).await.expect("deleted");
    let seen = plugin.read("sim_instance", &resized).await.expect("read");
    assert!(!seen.state.is_null(), "a deletion just made may still be invisible");
    plugin.clock.advance(2_000);
    assert!(plugin.read("sim_instance", &resized).await.expect("read").state.is_null());
}

#[tokio::test]
async fn throttled_requests_wait_their_turn_or_give_up() {
    let plugin = Plugin::with(&[("rate_limit", Value::number(10))]).await;
    let mut requests = Vec::new();
    for n in 0..50 {
        requests.push(plugin.create_request("sim_instance", &server("a"), Some(&n.to_string())).await);
    }
    let before = plugin.clock.now();
    let provider = plugin.provider.clone();
    let answers = bulk(50, |answers| provider.apply_many(requests, answers)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(plugin.count(), 50);
    assert!((4_000..6_000).contains(&(plugin.clock.now() - before)), "ten at once, then ten a second");
    plugin.clock.advance(60_000);
    plugin.fault(Op::Create, FaultKind::Throttle, 1.0);
    let refused = plugin.create("sim_instance", &server("a")).await.expect_err("always throttled");
    assert_eq!((refused.0[0].summary.as_str(), plugin.count()), ("Throttled", 50));
}

#[tokio::test]
async fn bulk_calls_mix_success_and_refusal() {
    let plugin = Plugin::new().await;
    control::set_quota(&plugin.store(), &*plugin.clock, &common::zone("a"), Some(2)).expect("set");
    let mut requests = Vec::new();
    for (n, zone) in ["a", "b", "a", "a", "b"].into_iter().enumerate() {
        requests.push(plugin.create_request("sim_instance", &server(zone), Some(&n.to_string())).await);
    }
    let provider = plugin.provider.clone();
    let answers = bulk(5, |answers| provider.apply_many(requests, answers)).await;
    let ok: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, true, true, false, true]);
    control::set_health(
        &plugin.store(),
        &*plugin.clock,
        &[common::zone("a")],
        straddle_provider_sim::model::Health::Down,
    )
    .expect("down");
    let known: Vec<ApplyAnswer> = answers.into_iter().filter_map(Result::ok).collect();
    let reads = known.iter().map(|known| plugin.read_request("sim_instance", known)).collect();
    let provider = plugin.provider.clone();
    let read = bulk(4, |answers| provider.read_many(reads, answers)).await;
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false, true]);
    assert_eq!(read[0].as_ref().expect_err("down").0[0].summary, "Down");
}

#[tokio::test]
async fn locations_answer_whatever_the_health() {
    let plugin = Plugin::with(&[("cloud", Value::string("aws"))]).await;
    plugin.create("sim_instance", &server("a")).await.expect("created");
    plugin.create("sim_instance", &server("b")).await.expect("created");
    control::set_quota(&plugin.store(), &*plugin.clock, &common::zone("a"), Some(7)).expect("set");
    let asked = |zone: &str| BTreeMap::from([(Str::from("cloud"), Str::from("aws")), ("zone".into(), zone.into())]);
    let seen = async || {
        let reports = plugin.provider.locations(vec![asked("a"), asked("b"), asked("new")]).await.expect("answered");
        reports.into_iter().map(|r| (r.health, r.used, r.quota)).collect::<Vec<_>>()
    };
    let none = Some(u64::MAX);
    assert_eq!(
        seen().await,
        [(Health::Healthy, Some(1), Some(7)), (Health::Healthy, Some(1), none), (Health::Healthy, Some(0), none)]
    );
    let set = |health| control::set_health(&plugin.store(), &*plugin.clock, &[common::zone("a")], health).expect("set");
    set(straddle_provider_sim::model::Health::Down);
    assert_eq!(seen().await[0], (Health::Down, Some(1), Some(7)));
    set(straddle_provider_sim::model::Health::Unreachable);
    assert_eq!(seen().await[0], (Health::Unknown, None, None));
    let all = plugin.provider.locations(vec![]).await.expect("answered");
    assert_eq!(all.iter().map(|report| report.domains.clone()).collect::<Vec<_>>(), [asked("a"), asked("b")]);
    let schema = plugin.schemas.data_sources["sim_zones"].clone();
    let config = filled(&schema, &[]);
    let request = DataRequest { type_name: "sim_zones".into(), schema, config, deferral_allowed: false };
    let zones = plugin.provider.read_data(request).await.expect("read").state;
    assert_eq!(zones.get("names").and_then(Value::items).map(<[Value]>::len), Some(2));
    assert_eq!(zones.get("health").and_then(|h| h.get("a")).and_then(Value::as_str), Some("unreachable"));
    assert_eq!(zones.get("quota"), Some(&Value::map(Type::Number, vec![("a".into(), Value::number(7))])));
}

#[tokio::test]
async fn discovery_finds_by_owner_and_token_and_says_when_it_cannot() {
    let plugin = Plugin::new().await;
    for (zone, token) in [("a", "t1"), ("b", "t2")] {
        let request = plugin.create_request("sim_instance", &server(zone), Some(token)).await;
        plugin.provider.apply(request).await.expect("created");
    }
    plugin.create("sim_instance", &server("a")).await.expect("created, unclaimed");
    let found = async |owner: Option<&str>, tokens: &[&str], types: &[&str]| {
        let request = Discovery {
            owner: owner.map(str::to_owned),
            tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
            types: types.iter().map(|name| Str::from(*name)).collect(),
        };
        let found = plugin.provider.discover(request).await;
        found.map(|found| found.into_iter().map(|one| (one.id, one.ownership.address)).collect::<Vec<_>>())
    };
    let (one, two) =
        (("i-0001".to_owned(), "sim_instance.t1".to_owned()), ("i-0002".to_owned(), "sim_instance.t2".to_owned()));
    assert_eq!(found(Some("lineage"), &[], &[]).await, Ok(vec![one.clone(), two.clone()]));
    assert_eq!(found(Some("other"), &[], &[]).await, Ok(vec![]));
    assert_eq!(found(None, &["t2", "t3"], &["sim_instance"]).await, Ok(vec![two]));
    assert_eq!(found(None, &[], &["sim_group"]).await, Ok(vec![]));
    control::set_health(
        &plugin.store(),
        &*plugin.clock,
        &[common::zone("b")],
        straddle_provider_sim::model::Health::Down,
    )
    .expect("down");
    assert_eq!(found(Some("lineage"), &["t1"], &[]).await, Ok(vec![one]));
    // What was never made cannot stand in the zone that does not answer.
    assert_eq!(found(None, &["t1", "t3"], &[]).await.map(|found| found.len()), Ok(1));
    let unsure = found(None, &["t1", "t2"], &[]).await.expect_err("zone b does not answer");
    assert!(unsure.0[0].detail.ends_with("cannot be told."), "{unsure}");
}

/// A list that does not show yet what was just made is not the word that it was never made.
#[tokio::test]
async fn what_was_made_a_moment_ago_is_discovered_when_it_shows() {
    let plugin = Plugin::new().await;
    plugin.fault(Op::Create, FaultKind::Stale, 1.0);
    let request = plugin.create_request("sim_instance", &server("a"), Some("t1")).await;
    plugin.provider.apply(request).await.expect("created");
    let request = Discovery { owner: None, tokens: vec!["t1".to_owned()], types: vec![] };
    let found = plugin.provider.discover(request).await.expect("told");
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn an_unknown_configuration_waits() {
    let provider = SimProvider::new();
    let schemas = provider.schemas();
    let config = filled(&schemas.provider, &[("cloud", Value::unknown(Type::String))]);
    provider.configure(config, Context::default()).await.expect("taken");
    let refused = provider.locations(vec![]).await.expect_err("not known yet");
    assert_eq!(refused.0[0].summary, "Configuration not known yet");
    assert!(provider.validate_provider(filled(&schemas.provider, &[("boot", Value::string("soon"))])).await.is_err());
}
