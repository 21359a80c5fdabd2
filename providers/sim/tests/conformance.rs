//! The kit's own checks, for every resource type.

mod common;

use common::World;
use straddle_provider_sim::SimProvider;
use straddle_provider_sim::store::{Caller, Store};
use straddle_sdk::conformance::{InProcess, Report, Sample, check};
use straddle_sdk::value::{Str, Type, Value};

fn text(s: &str) -> Value {
    Value::string(s)
}

fn number(n: i64) -> Value {
    Value::number(n)
}

fn weights(entries: &[(&str, i64)]) -> Value {
    Value::map(Type::Number, entries.iter().map(|(name, weight)| (Str::from(*name), number(*weight))).collect())
}

/// Each type with everything written, and with as little as possible; changes in place, replacing, and back to nothing written.
fn samples() -> Vec<Sample> {
    let tags = Value::map(Type::String, vec![("Name".into(), text("웹"))]);
    let none = Value::map(Type::String, Vec::new());
    vec![
        Sample::new("sim_instance", [("zone", text("a")), ("image", text("v1")), ("size", text("s")), ("tags", tags)])
            .change([("zone", text("a")), ("image", text("v1")), ("size", text("m")), ("tags", none)])
            .change([("zone", text("a")), ("image", text("v2")), ("size", text("m"))])
            .change([("zone", text("b"))])
            .import_by("id"),
        Sample::new("sim_instance", [("zone", text("a"))]).import_by("id"),
        Sample::new("sim_group", [("zone", text("a")), ("desired", number(3)), ("min", number(1)), ("max", number(9))])
            .change([("zone", text("a")), ("desired", number(9)), ("max", number(9))])
            .change([("zone", text("a")), ("desired", number(0)), ("size", text("xl"))])
            .change([("zone", text("b")), ("image", text("v2")), ("desired", number(1))])
            .import_by("id"),
        Sample::new("sim_load_balancer", [("name", text("web"))]).change([("name", text("front"))]).import_by("id"),
        Sample::new("sim_target", [("load_balancer_id", text("lb-0001")), ("instance_id", text("i-0001"))])
            .change([("load_balancer_id", text("lb-0001")), ("instance_id", text("i-0001")), ("weight", number(5))])
            .change([("load_balancer_id", text("lb-0001")), ("instance_id", text("i-0002")), ("weight", number(5))])
            .import_by("id"),
        Sample::new("sim_record", [("name", text("web")), ("type", text("A")), ("targets", weights(&[("aws", 1)]))])
            .change([
                ("name", text("web")),
                ("type", text("A")),
                ("ttl", number(5)),
                ("targets", weights(&[("aws", 1), ("ncp", 3)])),
            ])
            .change([("name", text("web")), ("type", text("CNAME")), ("targets", weights(&[]))])
            .import_by("id"),
    ]
}

async fn run(boot: &str) -> Report {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sim.db");
    // What a target needs.
    let mut world = World::new();
    world.store = Store::open_or_create(&path).expect("a store");
    world.who = Caller::of("sim");
    world.made(&common::balancer());
    world.made(&common::instance("a"));
    world.made(&common::instance("a"));
    let store = text(path.to_str().expect("a text"));
    let subject = InProcess::new(SimProvider::new(), &[("store", store), ("boot", text(boot))]).await;
    check(&subject, &samples()).await
}

#[tokio::test]
async fn every_type_conforms() {
    for boot in ["0s", "1h"] {
        let report = run(boot).await;
        assert!(report.findings.is_empty(), "boot {boot}: {report}");
        assert!(report.checked > 100, "{report}");
    }
}
