//! A template of data blocks only: a workload that lives in another state is judged here, and never changed.

use crate::stack::{INSTANCES, Stack, two_zones};

/// A spec that only looks at the clouds of another directory.
fn watching(store: &std::path::Path, rules: &str) -> String {
    let inside = format!(
        r#"  replicas = 4
{rules}
  replica "seen" {{
    data "sim_zones" "all" {{}}
    ready = data.sim_zones.all.used[location.domains.zone]
  }}
"#
    );
    let spec = two_zones(&inside).replacen("cloud = \"c\"\n", &format!("cloud = \"c\"\n  store = {:?}\n", store), 1);
    assert!(spec.contains("store"));
    spec
}

#[test]
fn an_observed_workload_is_judged_and_never_changed() {
    let owner = Stack::new(&two_zones(&format!("  replicas = 4\n{INSTANCES}")));
    owner.run("apply -auto-approve").ends(0);
    let rules = "  survive \"zone\" {\n    losses = 1\n    floor  = 2\n  }\n";
    let watcher = Stack::new(&watching(&owner.path().join("sim.db"), rules));
    watcher.run("plan -detailed-exitcode").ends(0).says("web: 4 of 4 serving");
    let drift = watcher.json("drift -json");
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({"a": 2, "b": 2}));
    assert_eq!(drift["clean"], true);
    owner.run("sim kill 1 --in zone:a").ends(0);
    let drift = watcher.json("drift -json");
    assert_eq!(drift["workloads"]["web"]["counts"]["a"], 1);
    assert_eq!(drift["workloads"]["web"]["rules"][0]["ok"], false);
    watcher.run("drift").ends(3);
    watcher.run("apply -auto-approve");
    watcher.run("destroy -auto-approve");
    assert_eq!(owner.existing("sim_instance").len(), 3);
}

#[test]
fn losses_are_tried_on_what_is_only_observed() {
    let owner = Stack::new(&two_zones(&format!("  replicas = 4\n{INSTANCES}")));
    owner.run("apply -auto-approve").ends(0);
    let watcher = Stack::new(&watching(&owner.path().join("sim.db"), ""));
    watcher.run("apply -auto-approve").ends(0);
    let found = watcher.json("simulate --lose zone:a -json");
    assert_eq!(found["workloads"]["web"]["losses"][0]["alive"], 2);
}
