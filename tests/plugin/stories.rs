//! What the client does with each of them.

use crate::notes::Notes;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use straddle::plugin::{
    ApplyRequest, CallError, DataRequest, Discovery, Found, Health, ImportBy, LaunchError, Launcher, Ownership,
    PlanRequest, Plugin, ReadRequest, Settings, reattach,
};
use straddle_sdk::server::{Launch, Server};
use straddle_sdk::value::{Str, Type, Value};

type Story = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        /// Every test by name.
        pub const ALL: &[(&str, Story)] = &[$((stringify!($name), || Box::pin($name()))),*];
    };
}

stories![
    the_whole_life_by_the_extension,
    the_whole_life_by_the_plain_protocol,
    a_provider_process_conforms,
    a_reattached_provider_is_used_and_left_running,
    ten_thousand_objects_are_planned_read_and_made_in_bulk,
    one_creation_asked_for_twice_makes_one_object,
    a_large_value_fits_through,
    refused_partial_and_broken_changes_are_told_apart,
    a_dead_process_leaves_its_change_in_doubt_and_its_last_words,
    a_hanging_call_ends_at_its_deadline,
    answers_against_the_rules_name_the_provider,
    a_request_that_fits_no_schema_is_not_sent,
    a_plugin_that_prints_a_lot_does_not_block,
    what_does_not_start_is_told_why,
    shutdown_and_kill_leave_no_process,
    a_plugin_ends_with_its_control_pipe,
    an_interrupt_does_not_end_a_plugin,
];

fn settings() -> Settings {
    Settings { start_timeout: Duration::from_secs(120), ..Settings::default() }
}

async fn try_start(part: &str, settings: Settings) -> Result<Plugin, LaunchError> {
    let program = std::env::current_exe().expect("this program");
    let found = Found::Program { program, args0: Some(part.to_owned()), serve: None };
    Launcher::new(settings).expect("a certificate").start(part, &found).await
}

async fn start(part: &str) -> Plugin {
    try_start(part, settings()).await.expect("started")
}

fn null() -> Value {
    Value::null(Type::String)
}

fn nothing(plugin: &Plugin, type_name: &str) -> Value {
    plugin.schemas().resources[type_name].null()
}

/// The configuration of a note (or of a lie): what is written, the rest null or empty.
fn config(plugin: &Plugin, type_name: &str, set: &[(&str, Value)]) -> Value {
    let written = set.iter().map(|(name, value)| (Str::from(*name), value.clone())).collect();
    plugin.schemas().resources[type_name].block.value_with(written)
}

fn note(plugin: &Plugin, text: &str) -> Value {
    config(plugin, "notes_note", &[("folder", Value::string("desk")), ("text", Value::string(text))])
}

fn create(plugin: &Plugin, type_name: &str, config: Value) -> PlanRequest {
    PlanRequest {
        type_name: type_name.into(),
        prior: nothing(plugin, type_name),
        proposed: config.clone(),
        config,
        prior_private: Vec::new(),
        prior_identity: None,
        meta: None,
    }
}

fn change(planned: Value, of: &PlanRequest, private: Vec<u8>) -> ApplyRequest {
    ApplyRequest {
        type_name: of.type_name.clone(),
        prior: of.prior.clone(),
        planned,
        config: of.config.clone(),
        planned_private: private,
        planned_identity: None,
        meta: None,
        ownership: None,
    }
}

/// Plans and makes a note.
async fn make(plugin: &Plugin, text: &str) -> Result<straddle::plugin::ApplyAnswer, CallError> {
    let request = create(plugin, "notes_note", note(plugin, text));
    let plan = plugin.plan(request.clone()).await.expect("planned");
    plugin.apply(change(plan.planned, &request, plan.planned_private)).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn the_whole_life_by_the_extension() {
    let plugin = start("notes").await;
    let served = plugin.extension().expect("served");
    assert!(served.locations && served.discover && served.ownership);
    whole_life(&plugin).await;

    let asked = std::collections::BTreeMap::from([(Str::from("folder"), Str::from("shelf"))]);
    let reports = plugin.locations(std::slice::from_ref(&asked)).await.expect("told");
    assert_eq!((&reports[0].domains, reports[0].health, reports[0].quota), (&asked, Health::Healthy, Some(u64::MAX)));
    assert_eq!(plugin.locations(&[]).await.expect("told").len(), 1);
    plugin.shutdown().await;
}

async fn the_whole_life_by_the_plain_protocol() {
    let plugin = try_start("notes", Settings { extension: false, ..settings() }).await.expect("started");
    assert!(plugin.extension().is_none());
    whole_life(&plugin).await;
    assert!(matches!(plugin.locations(&[]).await, Err(CallError::NotServed { .. })));
    assert!(matches!(plugin.discover(&Discovery::default()).await, Err(CallError::NotServed { .. })));
    plugin.shutdown().await;
}

async fn whole_life(plugin: &Plugin) {
    let type_name = "notes_note";
    let provider = plugin.schemas().provider.empty().clone();
    assert!(plugin.validate_provider(&provider).await.expect("valid").is_empty());
    assert!(plugin.configure(&provider).await.expect("configured").is_empty());

    let empty_folder = config(plugin, type_name, &[("folder", Value::string(""))]);
    let error = plugin.validate_resource(type_name, &empty_folder).await.expect_err("no folder");
    let told = error.diagnostics().expect("the provider's own words");
    assert_eq!(told.0[0].attribute.to_string(), "folder");
    let unknown = config(plugin, type_name, &[("folder", Value::unknown(Type::String))]);
    plugin.validate_resource(type_name, &unknown).await.expect("not known yet is no mistake");

    let wanted = note(plugin, "hello").with_attribute("password", Value::string("secret"));
    let request = create(plugin, type_name, wanted);
    let plan = plugin.plan(request.clone()).await.expect("planned");
    assert!(plan.planned.get("id").is_some_and(Value::is_unknown));
    assert!(plan.planned.get("password").is_some_and(Value::is_null));
    let made = plugin.apply(change(plan.planned, &request, plan.planned_private)).await.expect("made");
    assert!(!made.failed() && made.state.is_wholly_known());
    assert_eq!((text(&made.state, "text"), text(&made.state, "folder")), ("hello", "desk"));
    let identity = Value::object(vec![("id".into(), made.state.get("id").expect("an id").clone())]);
    assert_eq!(made.identity.as_ref(), Some(&identity), "what identifies it is a part of it");

    let read = |state: &Value| ReadRequest {
        type_name: type_name.into(),
        current: state.clone(),
        private: vec![1, 2],
        identity: None,
        meta: None,
    };
    let seen = plugin.read(read(&made.state)).await.expect("read");
    assert_eq!(seen.state, made.state);
    assert_eq!(seen.private, [1, 2]);
    assert_eq!(seen.identity.as_ref(), Some(&identity));
    let many = plugin.read_many(vec![read(&made.state); 3]).await;
    assert!(many.iter().all(|a| a.as_ref().is_ok_and(|a| a.state == made.state && a.private == [1, 2])));

    let schema = &plugin.schemas().resources[type_name];
    let json = straddle_sdk::value::codec::json::encode(&made.state, schema.ty()).expect("JSON");
    let upgraded = plugin.upgrade(type_name, 1, json.as_bytes()).await.expect("upgraded");
    assert_eq!(upgraded.value, made.state);
    let older = plugin.upgrade(type_name, 0, br#"{"folder":"desk","colour":"red"}"#).await.expect("upgraded");
    assert_eq!(text(&older.value, "folder"), "desk");
    assert!(matches!(plugin.upgrade(type_name, 2, b"{}").await, Err(CallError::Request { .. })), "a newer version");

    let update = |folder: &str, words: &str| PlanRequest {
        type_name: type_name.into(),
        prior: made.state.clone(),
        proposed: made
            .state
            .with_attribute("folder", Value::string(folder))
            .with_attribute("text", Value::string(words)),
        config: config(plugin, type_name, &[("folder", Value::string(folder)), ("text", Value::string(words))]),
        prior_private: vec![9],
        prior_identity: None,
        meta: None,
    };
    let plans = plugin.plan_many(vec![update("desk", "hello"), update("desk", "bye"), update("shelf", "bye")]).await;
    let [same, reworded, moved] = plans.as_slice() else { panic!("three answers") };
    let same = same.as_ref().expect("planned");
    assert_eq!((&same.planned, same.planned_private.as_slice()), (&made.state, [9].as_slice()));
    assert!(reworded.as_ref().is_ok_and(|p| p.requires_replace.is_empty() && p.planned != made.state));
    assert_eq!(moved.as_ref().expect("planned").requires_replace[0].to_string(), "folder");

    let found = plugin.import(type_name, &ImportBy::Id(text(&made.state, "id").to_owned())).await.expect("found").value;
    assert_eq!(found[0].identity.as_ref(), Some(&identity));
    let found = plugin.read(read(&found[0].state)).await.expect("read");
    assert_eq!(found.state, made.state);
    let by_identity = plugin.import(type_name, &ImportBy::Identity(identity.clone())).await.expect("found").value;
    assert_eq!((&by_identity[0].identity, &by_identity[0].state), (&Some(identity.clone()), &made.state));
    let stored = format!("{{\"id\":{:?},\"old\":1}}", text(&made.state, "id"));
    let upgraded = plugin.upgrade_identity(type_name, 7, stored.as_bytes()).await.expect("upgraded").value;
    assert_eq!(upgraded.as_ref(), Some(&identity));
    assert!(matches!(
        plugin.import(type_name, &ImportBy::Id("nothing".to_owned())).await,
        Err(CallError::Refused { .. })
    ));

    let asked = &plugin.schemas().data_sources["notes_count"];
    let count = DataRequest { type_name: "notes_count".into(), config: asked.empty().clone(), meta: None };
    let counted = plugin.read_data(&count).await.expect("read");
    assert_eq!(counted.state.get("notes").and_then(Value::as_num).and_then(|n| n.to_i64()), Some(1));
    plugin.validate_data("notes_count", asked.empty()).await.expect("valid");

    let gone = PlanRequest {
        prior: made.state.clone(),
        proposed: nothing(plugin, type_name),
        config: nothing(plugin, type_name),
        ..request.clone()
    };
    let plan = plugin.plan(gone.clone()).await.expect("planned");
    assert!(plan.planned.is_null());
    let deleted = plugin.apply(change(plan.planned, &gone, plan.planned_private)).await.expect("deleted");
    assert!(deleted.state.is_null());
    assert!(plugin.read(read(&made.state)).await.expect("read").state.is_null(), "gone");
    plugin.stop().await.expect("nothing to stop");
}

async fn a_provider_process_conforms() {
    use straddle_sdk::conformance::{Sample, check};
    for extension in [true, false] {
        let plugin = try_start("notes", Settings { extension, ..settings() }).await.expect("started");
        let sample = Sample::new("notes_note", [("folder", Value::string("a")), ("text", Value::string("x"))])
            .change([("folder", Value::string("a")), ("stars", Value::number(1))])
            .change([("folder", Value::string("b")), ("password", Value::string("p"))])
            .import_by("id");
        let report = check(&plugin, &[sample]).await;
        assert!(report.findings.is_empty() && report.checked > 50, "{report}");
        plugin.shutdown().await;
    }
    let plugin = start("liar").await;
    let report = check(&plugin, &[Sample::new("lie", [("name", Value::string("x"))])]).await;
    assert!(report.findings.iter().any(|f| f.rule == "a change can be made"), "{report}");
    plugin.shutdown().await;
}

async fn a_reattached_provider_is_used_and_left_running() {
    let server = Server::bind(&Launch::default()).await.expect("bound");
    let line = server.handshake().to_owned();
    let path = line.split('|').nth(3).expect("an address").to_owned();
    let serving = tokio::spawn(server.run(Notes::default()));
    let variable = format!(
        r#"{{"acme/notes":{{"Protocol":"grpc","ProtocolVersion":6,"Pid":1,"Test":true,"Addr":{{"Network":"unix","String":"{path}"}}}}}}"#
    );
    let entries = reattach::parse(&variable).expect("read");
    let found = Found::Reattach(entries.into_values().next().expect("one"));
    let launcher = Launcher::new(settings()).expect("a certificate");
    for _ in 0..2 {
        let plugin = launcher.start("acme/notes", &found).await.expect("reattached");
        assert!(plugin.pid().is_none());
        whole_life(&plugin).await;
        plugin.shutdown().await;
    }
    assert!(!serving.is_finished(), "it is not ours to end");
    serving.abort();
}

async fn ten_thousand_objects_are_planned_read_and_made_in_bulk() {
    const COUNT: usize = 10_000;
    let started = std::time::Instant::now();
    let plugin = start("notes").await;
    println!("  start: {:?}", started.elapsed());
    let plan = |n: usize| create(&plugin, "notes_note", note(&plugin, &format!("note {n}")));
    let requests: Vec<PlanRequest> = (0..COUNT).map(plan).collect();
    let clock = Clock::start(&plugin);
    let plans = plugin.plan_many(requests.clone()).await;
    clock.tell("plan creates");
    assert_eq!(plans.len(), COUNT);
    let changes: Vec<ApplyRequest> = plans
        .into_iter()
        .zip(&requests)
        .map(|(plan, request)| {
            let plan = plan.expect("planned");
            assert!(plan.planned.get("id").is_some_and(Value::is_unknown));
            change(plan.planned, request, plan.planned_private)
        })
        .collect();
    let clock = Clock::start(&plugin);
    let mut made: Vec<Option<Value>> = vec![None; COUNT];
    let mut stream = plugin.apply_many(changes);
    while let Some((index, answer)) = stream.recv().await {
        let answer = answer.expect("made");
        assert_eq!(text(&answer.state, "text"), format!("note {index}"));
        assert!(made[index].replace(answer.state).is_none(), "one answer each");
    }
    clock.tell("apply creates");
    let made: Vec<Value> = made.into_iter().map(|m| m.expect("an answer each")).collect();
    let reads = made.iter().map(|state| ReadRequest {
        type_name: "notes_note".into(),
        current: state.clone(),
        private: Vec::new(),
        identity: None,
        meta: None,
    });
    let reads: Vec<ReadRequest> = reads.collect();
    let clock = Clock::start(&plugin);
    let seen = plugin.read_many(reads).await;
    clock.tell("read");
    assert!(seen.iter().zip(&made).all(|(seen, made)| seen.as_ref().is_ok_and(|s| s.state == *made)));
    let same = made.iter().zip(&requests).map(|(state, request)| PlanRequest {
        prior: state.clone(),
        proposed: state.clone(),
        ..request.clone()
    });
    let same: Vec<PlanRequest> = same.collect();
    let clock = Clock::start(&plugin);
    let plans = plugin.plan_many(same).await;
    clock.tell("plan without change");
    assert!(plans.iter().zip(&made).all(|(plan, made)| plan.as_ref().is_ok_and(|p| p.planned == *made)));
    plugin.shutdown().await;
}

/// What a bulk call costs on both sides; told, not judged (machines differ).
struct Clock {
    pid: Option<u32>,
    wall: std::time::Instant,
    cpu: u64,
}

impl Clock {
    fn start(plugin: &Plugin) -> Clock {
        let pid = plugin.pid();
        Clock { pid, wall: std::time::Instant::now(), cpu: Clock::cpu(pid) }
    }

    /// CPU time in ms of this process and the plugin's; 0 where the system does not say.
    fn cpu(pid: Option<u32>) -> u64 {
        let of = |path: String| {
            let stat = std::fs::read_to_string(path).unwrap_or_default();
            // Behind the name: the state, then numbers; the 12th and 13th are utime and stime in hundredths of a second.
            let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
            fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
        };
        10 * (of("/proc/self/stat".into()) + pid.map_or(0, |pid| of(format!("/proc/{pid}/stat"))))
    }

    fn tell(self, what: &str) {
        println!("  {what}: {:?} wall, {} ms CPU both sides", self.wall.elapsed(), Clock::cpu(self.pid) - self.cpu);
    }
}

async fn one_creation_asked_for_twice_makes_one_object() {
    let plugin = start("notes").await;
    let request = create(&plugin, "notes_note", note(&plugin, "once"));
    let plan = plugin.plan(request.clone()).await.expect("planned");
    let ownership =
        |token: &str| Ownership { owner: "lineage".into(), address: "notes_note.n".into(), token: token.into() };
    let made = |token: &str| {
        let change = change(plan.planned.clone(), &request, Vec::new());
        plugin.apply(ApplyRequest { ownership: Some(ownership(token)), ..change })
    };
    let first = made("t1").await.expect("made").state;
    let again = made("t1").await.expect("found").state;
    let other = made("t2").await.expect("made").state;
    assert_eq!(text(&first, "id"), text(&again, "id"));
    assert_ne!(text(&first, "id"), text(&other, "id"));

    let asked = Discovery { owner: Some("lineage".into()), tokens: vec!["t2".into()], types: Vec::new() };
    let found = plugin.discover(&asked).await.expect("looked");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].ownership.token.as_str(), found[0].id.as_str()), ("t2", text(&other, "id")));
    assert_eq!(found[0].state.as_ref(), Some(&other));
    let nobody = Discovery { owner: Some("somebody".into()), ..Discovery::default() };
    assert!(plugin.discover(&nobody).await.expect("looked").is_empty());
    plugin.shutdown().await;
}

async fn a_large_value_fits_through() {
    let plugin = start("notes").await;
    let words = "word ".repeat(4 << 20);
    let made = make(&plugin, &words).await.expect("made");
    assert_eq!(text(&made.state, "text").len(), words.len());
    plugin.shutdown().await;
}

async fn refused_partial_and_broken_changes_are_told_apart() {
    for extension in [true, false] {
        let plugin = try_start("notes", Settings { extension, ..settings() }).await.expect("started");
        let refused = make(&plugin, "refuse").await.expect_err("refused");
        assert!(matches!(&refused, CallError::Refused { .. }) && !refused.in_doubt(), "{refused}");
        let partial = make(&plugin, "partial").await.expect("there is a result");
        assert!(partial.failed() && text(&partial.state, "id").starts_with("note-"));
        let broken = make(&plugin, "panic").await.expect_err("broke off");
        assert!(broken.in_doubt() && broken.to_string().contains("the note said so"), "{broken}");
        make(&plugin, "fine").await.expect("the plugin is still there");
        plugin.shutdown().await;
    }
}

async fn a_dead_process_leaves_its_change_in_doubt_and_its_last_words() {
    for extension in [true, false] {
        let plugin = try_start("notes", Settings { extension, ..settings() }).await.expect("started");
        let error = make(&plugin, "exit").await.expect_err("dead");
        assert!(error.in_doubt() && error.to_string().contains("exit status: 7"), "{error}");
        let config = note(&plugin, "later");
        let after = plugin.validate_resource("notes_note", &config).await.expect_err("dead");
        assert!(matches!(after, CallError::Transport { .. }), "{after}");
        plugin.shutdown().await;
    }
}

async fn a_hanging_call_ends_at_its_deadline() {
    for extension in [true, false] {
        // Long enough for every call that does answer, on a busy machine too.
        let call_timeout = Some(Duration::from_secs(3));
        let plugin = try_start("notes", Settings { extension, call_timeout, ..settings() }).await.expect("started");
        let error = make(&plugin, "hang").await.expect_err("hangs");
        assert!(error.in_doubt() && error.to_string().contains("no answer within 3s"), "{error}");
        plugin.kill().await;
    }
}

async fn answers_against_the_rules_name_the_provider() {
    for extension in [true, false] {
        let plugin = try_start("liar", Settings { extension, ..settings() }).await.expect("started");
        let lie = |name: &str| create(&plugin, "lie", config(&plugin, "lie", &[("name", Value::string(name))]));
        let object = |name: &str| lie(name).config.with_attribute("id", Value::string("x"));
        let broken = |error: &CallError, words: &str| {
            assert!(matches!(error, CallError::Broken { .. }), "{error}");
            assert!(error.to_string().starts_with("liar answered") && error.to_string().contains(words), "{error}");
        };
        let read = |name: &str| ReadRequest {
            type_name: "lie".into(),
            current: object(name),
            private: Vec::new(),
            identity: None,
            meta: None,
        };
        broken(&plugin.read(read("x")).await.expect_err("unknown"), "id is unknown");
        broken(&plugin.plan(lie("secret")).await.expect_err("kept"), "write-only attribute secret");
        broken(
            &plugin.plan_many(vec![lie("secret")]).await.remove(0).expect_err("kept"),
            "write-only attribute secret",
        );
        let put_off = plugin.plan(lie("deferred")).await.expect_err("put off").to_string();
        assert!(put_off.starts_with("liar") && put_off.contains("deferrals are disabled"), "{put_off}");
        let planned = plugin.plan(lie("x")).await.expect("planned").planned;
        let settled = plugin.apply(change(planned, &lie("x"), Vec::new())).await.expect("a result all the same");
        assert!(settled.failed() && settled.state.get("id").is_some_and(Value::is_null), "stored as null, and told");
        let unmade = plugin.apply(change(object("unmade"), &lie("unmade"), Vec::new())).await;
        broken(&unmade.expect_err("nothing"), "holds none");
        let mut delete = change(nothing(&plugin, "lie"), &lie("undeleted"), Vec::new());
        (delete.prior, delete.config) = (object("undeleted"), nothing(&plugin, "lie"));
        broken(&plugin.apply(delete).await.expect_err("still there"), "still holds one");
        if extension {
            let answers = plugin.read_many(vec![read("silence"), read("twice"), read("x")]).await;
            let silent = answers[0].as_ref().expect_err("no answer").to_string();
            assert!(silent.contains("never answered"), "{silent}");
            assert!(answers[1].as_ref().is_ok_and(|a| !a.state.is_null()), "the first answer counts");
            broken(answers[2].as_ref().expect_err("unknown"), "id is unknown");
        }
        plugin.shutdown().await;
    }
}

async fn a_request_that_fits_no_schema_is_not_sent() {
    for extension in [true, false] {
        let plugin = try_start("notes", Settings { extension, ..settings() }).await.expect("started");
        let good = create(&plugin, "notes_note", note(&plugin, "good"));
        let bad = PlanRequest { config: null(), ..good.clone() };
        let wrong = PlanRequest { proposed: Value::string("no object"), ..good.clone() };
        let unknown = PlanRequest { type_name: "notes_nothing".into(), ..good.clone() };
        let answers = plugin.plan_many(vec![good.clone(), wrong, unknown, bad, good]).await;
        assert!(answers[0].is_ok() && answers[4].is_ok());
        assert!(matches!(answers[1], Err(CallError::Request { .. })), "{:?}", answers[1]);
        assert!(matches!(answers[2], Err(CallError::Request { .. })), "{:?}", answers[2]);
        plugin.shutdown().await;
    }
}

async fn a_plugin_that_prints_a_lot_does_not_block() {
    let plugin = start("chatty").await;
    let warnings = plugin.configure(plugin.schemas().provider.empty()).await.expect("configured");
    assert_eq!(warnings.0[0].summary, "Talked");
    let error = plugin.stop().await.expect_err("it dies of it");
    assert!(error.to_string().contains("the last word"), "the end of what it wrote is kept: {error}");
    assert!(error.to_string().len() < 40_000, "and only the end");
}

async fn what_does_not_start_is_told_why() {
    let short = Settings { start_timeout: Duration::from_secs(3), ..settings() };
    for (part, words) in [
        ("crash", "no licence found"),
        ("crash", "exit status: 3"),
        ("garbage", "Usage: notes"),
        ("old", "speaks plugin protocol 4"),
        ("legacy", "transport"),
        ("uncertified", "no certificate"),
        ("nobody", "no channel to nobody"),
        ("impostor", "no channel to impostor"),
    ] {
        let error = try_start(part, settings()).await.expect_err(part).to_string();
        assert!(error.contains(words), "{part}: {error}");
    }
    let error = try_start("silent", short).await.expect_err("silent");
    assert!(matches!(error, LaunchError::Timeout { .. }), "{error}");
    let nowhere = Found::program("/nowhere/at/all");
    let error = Launcher::new(settings()).expect("a certificate").start("acme/none", &nowhere).await;
    assert!(matches!(error, Err(LaunchError::Spawn { .. })));
}

/// Whether a process is still there (a dead one that nobody waited for counts as there).
fn alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

async fn shutdown_and_kill_leave_no_process() {
    for part in ["notes", "undead"] {
        let plugin = start(part).await;
        let pid = plugin.pid().expect("a process");
        assert!(alive(pid));
        plugin.shutdown().await;
        assert!(!alive(pid), "{part} outlived its shutdown");
        plugin.shutdown().await;
    }
    let plugin = start("notes").await;
    let pid = plugin.pid().expect("a process");
    plugin.kill().await;
    assert!(!alive(pid));
}

/// A plugin started by hand, its control pipe, and the first line it printed.
async fn by_hand() -> (tokio::process::Child, tokio::process::ChildStdin) {
    use tokio::io::AsyncBufReadExt;
    let mut child = tokio::process::Command::new(std::env::current_exe().expect("this program"))
        .arg0("notes")
        .env(straddle_sdk::server::COOKIE_ENV, straddle_sdk::server::COOKIE)
        .env(straddle_sdk::server::CONTROL_ENV, "stdin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let control = child.stdin.take().expect("piped");
    let mut out = tokio::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    out.read_line(&mut line).await.expect("a line");
    assert!(line.starts_with("1|6|unix|"), "{line}");
    (child, control)
}

async fn a_plugin_ends_with_its_control_pipe() {
    let (mut child, control) = by_hand().await;
    drop(control);
    let ended = tokio::time::timeout(Duration::from_secs(120), child.wait()).await.expect("it ends");
    assert!(ended.expect("waited for").success());
}

async fn an_interrupt_does_not_end_a_plugin() {
    let plugin = start("notes").await;
    let pid = plugin.pid().expect("a process").to_string();
    let sent = tokio::process::Command::new("kill").args(["-INT", &pid]).status().await.expect("sent");
    assert!(sent.success());
    make(&plugin, "still here").await.expect("made");
    plugin.shutdown().await;
}
