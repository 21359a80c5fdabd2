//! A run of the journal: creates, one of which fails, an update, a delete, and what a state has beside objects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use straddle::lang::address::Address;
use straddle::state::{
    ActionId, Begin, End, Entry, How, Json, Kind, LockRequest, Object, ObjectId, Outcome, Output, ProviderRef, Record,
    Rule, RunBegin, RunEnd, RunOutcome, State, TerraformState, Time, fold,
};

/// A secret that every object holds.
pub const SECRET: &str = "hunter2-hunter2";

pub fn server(n: u64) -> ObjectId {
    ObjectId::current(Address::replica("web", "aws_instance", "server", format!("aws-a/{n}")))
}

fn provider() -> ProviderRef {
    ProviderRef::new("registry.terraform.io/hashicorp/aws", Some("seoul"))
}

pub fn object(id: &str) -> Arc<Object> {
    let attributes = Json::new(&format!("{{\"id\":\"{id}\",\"password\":\"{SECRET}\"}}")).unwrap();
    Arc::new(Object { private: vec![0, 255, 7].into(), ..Object::new(provider(), 1, attributes) })
}

pub fn run() -> Entry {
    Entry::RunBegin(RunBegin { who: "kim".into(), command: "apply".into(), plan: None })
}

pub fn end_of_run() -> Entry {
    Entry::RunEnd(RunEnd { outcome: RunOutcome::Done })
}

pub fn begin(run: u64, index: u64, kind: Kind, object: ObjectId) -> Entry {
    Entry::Begin(Begin {
        action: ActionId { run, index },
        object,
        kind,
        provider: provider(),
        token: format!("token-{run}-{index}"),
        prior: None,
        planned: None,
        step: String::new(),
        bearings: Box::default(),
    })
}

pub fn end(run: u64, index: u64, outcome: Outcome) -> Entry {
    Entry::End(End { action: ActionId { run, index }, outcome })
}

/// What is appended, append by append.
pub fn script() -> Vec<Vec<Entry>> {
    let mut script = vec![vec![run()]];
    for n in 0..3 {
        script.push(vec![begin(1, n, Kind::Create, server(n))]);
        script.push(vec![end(1, n, Outcome::Object(object(&format!("i-{n}"))))]);
    }
    let rule = Rule { fingerprint: "f".into(), text: "survive zone".into() };
    let text = |text: &str| Json::new(text).unwrap();
    script.extend([
        vec![begin(1, 3, Kind::Create, server(3))],
        vec![end(1, 3, Outcome::Failed { object: None, message: "quota".into() })],
        vec![begin(1, 4, Kind::Update, server(0)), begin(1, 5, Kind::Delete, server(1))],
        vec![end(1, 5, Outcome::Gone)],
        vec![end(1, 4, Outcome::Object(object("i-0b")))],
        vec![
            Entry::Known { id: server(9), object: Some(object("i-9")), how: How::Imported },
            Entry::Rules { workload: "web".into(), rules: BTreeMap::from([("survive.zone".into(), rule)]) },
            Entry::Output {
                name: "ip".into(),
                output: Some(Output { value: text("\"10.0.0.1\""), ty: text("\"string\""), sensitive: true }),
            },
        ],
        vec![end_of_run()],
    ]);
    script
}

/// The states after each append of the script, the empty one first.
pub fn states() -> Vec<State> {
    let mut state = State::default();
    let mut states = vec![state.clone()];
    for entries in script() {
        for entry in entries {
            let number = state.journal + 1;
            fold(&mut state, &Record { number, at: Time(0), entry }).unwrap();
        }
        states.push(state.clone());
    }
    states
}

/// Without what differs between runs, as something that can be compared.
pub fn essence(state: &State) -> String {
    let objects: Vec<String> =
        state.objects.iter().map(|(id, o)| format!("{id} {} {:?}", o.attributes.as_str(), o.private)).collect();
    let open: Vec<String> = state.open.iter().map(|o| format!("{} {}", o.begin.action, o.begin.object)).collect();
    format!(
        "{} {} {objects:#?} {open:?} {:?} {:?} {}",
        state.serial,
        state.journal,
        state.rules,
        state.outputs.keys().collect::<Vec<_>>(),
        state.run.is_some()
    )
}

pub fn request() -> LockRequest {
    LockRequest {
        who: "kim".into(),
        host: "deploy-1".into(),
        pid: 4711,
        operation: "apply".into(),
        timeout: Duration::ZERO,
        reason: Some("because".into()),
        terraform: TerraformState::Respect,
    }
}
