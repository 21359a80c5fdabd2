use super::sample::*;
use crate::plan::model::{Action, OutputChange, Plan};
use crate::report::plan::{digest, json};
use serde_json::Value as Tree;
use straddle_sdk::value::{Marks, Type, Value};

fn tree(plan: &Plan) -> Tree {
    serde_json::from_str(&json(plan)).unwrap()
}

fn all() -> Vec<Plan> {
    vec![one_lost(), first(), rollout(10), failover(), refused(), shrink(2, 10, 6)]
}

#[test]
fn one_replica_lost() {
    let mut tree = tree(&one_lost());
    let members = tree.as_object_mut().unwrap();
    // Every kept replica stands in there twice; two are enough to look at.
    for part in ["resource_changes", "planned_values", "prior_state"] {
        let short = match part {
            "resource_changes" => &mut members[part],
            "planned_values" => &mut members[part]["root_module"]["child_modules"][0]["resources"],
            _ => &mut members[part]["values"]["root_module"]["child_modules"][0]["resources"],
        };
        let kept = short.as_array_mut().unwrap();
        kept.retain(|r| {
            r["address"].as_str().is_some_and(|a| a.contains("a/2") || a.contains("a/1") || !a.contains('/'))
        });
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&tree).unwrap());
}

#[test]
fn counts_agree_with_the_changes() {
    for plan in all() {
        let tree = tree(&plan);
        let changes = tree["resource_changes"].as_array().unwrap();
        let with = |word: &str| {
            changes.iter().filter(|c| c["change"]["actions"].as_array().unwrap().contains(&word.into())).count()
        };
        assert_eq!((with("create"), with("update"), with("delete")), plan.counts());
        assert_eq!(tree["applyable"], Tree::Bool(plan.has_changes() && !plan.is_broken()));
    }
}

#[test]
fn planned_values_leave_out_what_goes() {
    let plan = shrink(2, 10, 6);
    let tree = tree(&plan);
    let planned = tree["planned_values"]["root_module"]["child_modules"][0]["resources"].as_array().unwrap();
    let kept = plan.changes.iter().filter(|c| c.action != Action::Delete && c.address.workload.is_some()).count();
    assert_eq!(planned.len(), kept);
    assert!(plan.counts().2 > 0);
}

#[test]
fn steps_name_their_objects() {
    let tree = tree(&one_lost());
    let step = &tree["straddle"]["workloads"]["web"]["steps"][0];
    assert_eq!(step["adds"][0]["location"], "seoul-a");
    assert_eq!(
        step["adds"][0]["addresses"],
        serde_json::json!([
            "workload.web.sim_instance.server[\"seoul-a/2\"]",
            "workload.web.sim_target.front[\"seoul-a/2\"]"
        ])
    );
    assert_eq!(step["half_done"], serde_json::json!({"seoul-a": 4, "seoul-c": 5}));
    assert_eq!(step["state"], serde_json::json!({"seoul-a": 5, "seoul-c": 5}));
}

#[test]
fn unknown_and_sensitive_outputs() {
    let mut plan = first();
    let output = |name: &str, after: Value, sensitive| OutputChange {
        was_sensitive: false,
        declared: None,
        name: name.into(),
        before: None,
        after: Some(after),
        sensitive,
    };
    plan.outputs = vec![
        output("known", Value::string("x"), false),
        output("secret", Value::string("x").with_marks(Marks::SENSITIVE), true),
        output("unknown", Value::unknown(Type::String), false),
    ];
    let tree = tree(&plan);
    let outputs = &tree["output_changes"];
    assert_eq!(
        outputs["unknown"],
        serde_json::json!({"actions":["create"],"before":null,"after_unknown":true,"before_sensitive":false,"after_sensitive":false})
    );
    assert_eq!(outputs["secret"]["after_sensitive"], true);
    assert_eq!(tree["planned_values"]["outputs"]["unknown"], serde_json::json!({"sensitive": false}));
    assert_eq!(tree["planned_values"]["outputs"]["known"]["type"], "string");
}

#[test]
fn the_digest_is_of_what_would_be_done() {
    let plan = one_lost();
    let mut later = plan.clone();
    later.serial += 7;
    later.lineage = "other".into();
    later.drift.clear();
    later.workloads[0].1.decision.losses.clear();
    assert_eq!(digest(&plan), digest(&later));
    let mut other = plan.clone();
    let change = other.changes.iter_mut().find(|c| c.action == Action::Create).unwrap();
    change.after = instance("seoul-a", 2, "img-other", false);
    assert_ne!(digest(&plan), digest(&other));
    other = plan.clone();
    other.workloads[0].1.decision.steps.clear();
    assert_ne!(digest(&plan), digest(&other));
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for (a, b) in all().iter().zip(all()) {
        assert_eq!(json(a), json(&b));
    }
}
