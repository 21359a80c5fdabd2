//! Tests of the state as a whole, and what they share.

mod damage;
mod editing;
mod folding;
mod kill;
mod locks;
mod showing;
mod storing;
mod terraform;

use super::*;
use crate::lang::address::{Address, Key};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// The replica `aws-a/n` of workload `web`.
pub(super) fn server(n: u64) -> ObjectId {
    ObjectId::current(Address::replica("web", "aws_instance", "server", format!("aws-a/{n}")))
}

pub(super) fn plain(name: &str) -> ObjectId {
    ObjectId::current(Address::managed("sim_record", name, None))
}

pub(super) fn provider() -> ProviderRef {
    ProviderRef::new("registry.terraform.io/hashicorp/aws", Some("seoul"))
}

pub(super) fn object(id: &str) -> Arc<Object> {
    let attributes = Json::new(&format!("{{\"id\":\"{id}\",\"size\":\"s\",\"tags\":{{}}}}")).unwrap();
    Arc::new(Object::new(provider(), 1, attributes))
}

/// An object with everything an object can have.
pub(super) fn full_object() -> Object {
    use straddle_sdk::value::{Path, Step};
    Object {
        provider: ProviderRef::new("registry.terraform.io/straddle/sim", None),
        schema_version: 3,
        attributes: Json::new(r#"{"password":"hunter2 <&>","n":1e400,"dyn":{"value":1,"type":"number"}}"#).unwrap(),
        sensitive: vec![Path(vec![Step::Attr("password".into())])].into(),
        private: vec![0, 255, 7].into(),
        dependencies: vec![plain("x").address, server(0).address.without_key()].into(),
        create_before_destroy: true,
        tainted: true,
        identity: Some(Arc::new(Identity { schema_version: 2, value: Json::new("{\"arn\":\"x\"}").unwrap() })),
    }
}

pub(super) fn run() -> Entry {
    Entry::RunBegin(RunBegin { who: "kim".into(), command: "apply".into(), plan: None })
}

pub(super) fn end_of_run() -> Entry {
    Entry::RunEnd(RunEnd { outcome: RunOutcome::Done })
}

pub(super) fn begin(run: u64, index: u64, id: ObjectId, kind: Kind) -> Entry {
    Entry::Begin(Begin {
        action: ActionId { run, index },
        object: id,
        kind,
        provider: provider(),
        token: format!("token-{run}-{index}"),
        prior: None,
        planned: None,
        step: String::new(),
        bearings: Box::default(),
    })
}

pub(super) fn end(run: u64, index: u64, outcome: Outcome) -> Entry {
    Entry::End(End { action: ActionId { run, index }, outcome })
}

pub(super) fn known(id: ObjectId, object: Arc<Object>) -> Entry {
    Entry::Known { id, object: Some(object), how: How::Read }
}

pub(super) fn request() -> LockRequest {
    LockRequest {
        who: "kim".into(),
        host: "deploy-1".into(),
        pid: 4711,
        operation: "apply".into(),
        timeout: std::time::Duration::ZERO,
        reason: None,
        terraform: TerraformState::Respect,
    }
}

/// Names, bytes and times of everything in a directory.
pub(super) fn everything(dir: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let time = entry.metadata().unwrap().modified().unwrap();
        all.insert(entry.file_name().into_string().unwrap(), (std::fs::read(entry.path()).unwrap(), time));
    }
    all
}

/// A state with something of everything.
pub(super) fn rich_entries() -> Vec<Entry> {
    let loss = Loss(["cloud:aws".to_string()].into());
    let failover = Failover {
        since: Time(1_700_000_000_000),
        by: "kim".into(),
        word: Word::Operator,
        reason: "fire".into(),
        forced: false,
        to: Default::default(),
        workloads: [("web".to_string(), Displaced::default())].into(),
    };
    let rule = Rule { fingerprint: "f".into(), text: "survive zone".into() };
    let boot = serde_json::to_string(&Boot { slowest_ms: 90_000, replicas: 2 }).unwrap();
    let mut int_key = plain("n").address;
    int_key.key = Some(Key::Int(3));
    let mut data = plain("image").address;
    data.mode = crate::lang::address::Mode::Data;
    vec![
        run(),
        known(server(10), object("i-10")),
        known(server(9), Arc::new(full_object())),
        known(ObjectId::deposed(server(9).address, DeposedKey(1)), object("i-old")),
        known(plain("dns"), object("r")),
        known(ObjectId::current(int_key), object("n")),
        known(ObjectId::current(data), object("d")),
        Entry::Output {
            name: "ip".into(),
            output: Some(Output {
                value: Json::new("\"10.0.0.1\"").unwrap(),
                ty: Json::new("\"string\"").unwrap(),
                sensitive: true,
            }),
        },
        Entry::Failover { loss, failover },
        Entry::Rules { workload: "web".into(), rules: [("survive.zone".to_string(), rule)].into() },
        Entry::Note {
            key: NoteKey::boot("web", "aws-a"),
            note: Some(Note { at: Time(9), value: Json::new(&boot).unwrap() }),
        },
        Entry::Checks(Some(Json::new("[{\"object_kind\":\"resource\"}]").unwrap())),
    ]
}
