//! What is taken out of the spec while replicas stand on it goes in checked steps, or is refused by name; nothing is lost on the way.

use crate::stack::{GROUPS, INSTANCES, Stack};
use serde_json::Value as Json;

/// Zones of one cloud, each with a provider configuration of its own, and a workload over them.
fn zones(zones: &[&str], inside: &str) -> String {
    let mut spec = String::from("shared_risk \"line\" {\n  kind = \"carrier\"\n}\n");
    for zone in zones {
        spec.push_str(&format!(
            "provider \"sim\" {{\n  alias = \"{zone}\"\n  cloud = \"c\"\n}}\nlocation \"{zone}\" {{\n  provider = sim.{zone}\n  domains  = {{ cloud = \"c\", region = \"r\", zone = \"{zone}\" }}\n  shares   = [shared_risk.line]\n}}\n"
        ));
    }
    format!("provider \"sim\" {{\n  cloud = \"c\"\n}}\n{spec}workload \"web\" {{\n{inside}\n}}\n")
}

const RULES: &str = "  replicas = 6\n  floor {\n    serving = \"100%\"\n  }\n  survive \"zone\" {\n    losses = 1\n    floor  = 3\n  }\n  rollout {\n    surge = 2\n    batch = 2\n  }\n";

fn spread(ratio: &str) -> String {
    format!("{RULES}  spread \"zone\" {{\n    ratio = {ratio}\n  }}\n{INSTANCES}")
}

/// Three zones with two replicas each; then `b` leaves the spec, its provider configuration stays.
fn b_has_left() -> Stack {
    let stack = Stack::new(&zones(&["a", "b", "c"], &spread("{ a = 1, b = 1, c = 1 }")));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&without_b(&spread("{ a = 1, c = 1 }")));
    stack
}

fn without_b(inside: &str) -> String {
    zones(&["a", "c"], inside) + "provider \"sim\" {\n  alias = \"b\"\n  cloud = \"c\"\n}\n"
}

fn zones_of(stack: &Stack) -> Vec<String> {
    let mut all: Vec<String> =
        stack.existing("sim_instance").iter().map(|r| r["zone"].as_str().unwrap().to_string()).collect();
    all.sort();
    all
}

/// The plan's steps for the workload, as `show -json` has them.
fn steps(stack: &Stack) -> Vec<Json> {
    stack.run("plan -out=p").ends(0);
    stack.run("verify p").ends(0);
    stack.json("show -json p")["straddle"]["workloads"]["web"]["steps"].as_array().unwrap().clone()
}

/// Serving replicas at the worst moment of each step.
fn worst(steps: &[Json]) -> Vec<u64> {
    let sum = |s: &Json| s["half_done"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    steps.iter().map(sum).collect()
}

#[test]
fn a_location_that_left_the_spec_is_emptied_in_steps() {
    let stack = b_has_left();
    let steps = steps(&stack);
    assert!(worst(&steps).iter().all(|n| *n >= 6), "{steps:#?}");
    // What stands there still falls with its zone: the state remembers which.
    let of_zone = |s: &Json| s["checks"].as_array().unwrap().iter().any(|c| c["rule"] == "survive.zone");
    assert!(steps.iter().any(of_zone));
    let plan = stack.json("show -json p");
    assert_eq!(plan["straddle"]["locations"]["b"]["domains"]["zone"], "b");
    assert_eq!(plan["straddle"]["locations"]["b"]["shares"], serde_json::json!(["line"]));
    stack.run("apply p").ends(0);
    assert_eq!(zones_of(&stack), ["a", "a", "a", "c", "c", "c"]);
    stack.run("plan -detailed-exitcode").ends(0);
    stack.run("destroy -auto-approve").ends(0);
    assert!(stack.existing("sim_instance").is_empty());
}

#[test]
fn a_destroy_works_whatever_has_left_the_spec() {
    let stack = b_has_left();
    stack.run("destroy -auto-approve").ends(0);
    assert!(stack.existing("sim_instance").is_empty());
    assert_eq!(stack.run("state list").ends(0).out, "");
}

#[test]
fn every_level_of_a_spread_lets_a_location_leave() {
    let inside = format!(
        "{RULES}  spread \"region\" {{\n    ratio = \"even\"\n    spread \"zone\" {{\n      over  = OVER\n      ratio = \"even\"\n    }}\n  }}\n{INSTANCES}"
    );
    let stack = Stack::new(&zones(&["a", "b", "c"], &inside.replace("OVER", "[\"a\", \"b\", \"c\"]")));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&without_b(&inside.replace("OVER", "[\"a\", \"c\"]")));
    stack.run("drift").says("b");
    stack.run("simulate").says("zone b");
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(zones_of(&stack), ["a", "a", "a", "c", "c", "c"]);
}

#[test]
fn a_state_that_never_heard_where_a_location_stood_says_so_and_empties_it() {
    let stack = b_has_left();
    let pulled = stack.run("state pull").ends(0).out;
    let mut state: Json = serde_json::from_str(&pulled).unwrap();
    state.as_object_mut().unwrap().remove("straddle");
    std::fs::remove_file(stack.path().join("straddle.db")).unwrap();
    std::fs::write(stack.path().join("s.json"), state.to_string()).unwrap();
    stack.run("state push s.json").ends(0);
    stack.run("plan").ends(0).says("Where a location stood is not known");
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(zones_of(&stack), ["a", "a", "a", "c", "c", "c"]);
    assert!(!stack.run("plan -detailed-exitcode").ends(0).err.contains("Where a location stood"));
}

#[test]
fn what_stands_in_a_zone_that_is_down_and_has_left_the_spec_is_left_alone() {
    let stack = b_has_left();
    stack.run("sim down zone:b").ends(0);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(zones_of(&stack).iter().filter(|z| *z == "b").count(), 2);
    assert!(stack.run("state list").ends(0).out.contains("server[\"b/0\"]"));
    stack.run("sim up zone:b").ends(0);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(zones_of(&stack), ["a", "a", "a", "c", "c", "c"]);
}

#[test]
fn what_stands_in_a_location_that_has_left_waits_while_nobody_knows_whether_another_serves() {
    let rules = RULES.replace("serving = \"100%\"", "serving = \"30%\"").replace("floor  = 3", "floor  = 1");
    let inside = |ratio: &str| format!("{rules}  spread \"zone\" {{\n    ratio = {ratio}\n  }}\n{INSTANCES}");
    let stack = Stack::new(&zones(&["a", "b", "c"], &inside("{ a = 1, b = 1, c = 1 }")));
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim unreachable zone:a").ends(0);
    // Were c emptied and a not well, the loss of b would leave nothing.
    stack.write(
        &(zones(&["a", "b"], &inside("\"even\"")) + "provider \"sim\" {\n  alias = \"c\"\n  cloud = \"c\"\n}\n"),
    );
    stack.run("apply -auto-approve").ends(0).says("nothing is removed");
    assert_eq!(zones_of(&stack), ["a", "a", "b", "b", "c", "c"]);
    stack.run("sim up zone:a").ends(0);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(zones_of(&stack), ["a", "a", "a", "b", "b", "b"]);
}

/// Three zones of which one has left, with room for one of its two replicas elsewhere.
fn without_room(floor: &str, template: &str) -> Stack {
    let inside = |ratio: &str| {
        spread(ratio).replace(INSTANCES, template).replace("serving = \"100%\"", &format!("serving = \"{floor}\""))
    };
    let stack = Stack::new(&zones(&["a", "b", "c"], &inside("{ a = 1, b = 1, c = 1 }")));
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim quota zone:a=3").ends(0);
    stack.run("sim quota zone:c=2").ends(0);
    stack.write(&without_b(&inside("{ a = 1, c = 1 }")));
    stack
}

#[test]
fn a_location_that_has_left_and_cannot_be_emptied_is_named_in_the_refusal() {
    for template in [INSTANCES, GROUPS] {
        without_room("100%", template).run("plan").ends(3).says("stops at a 3, b 1, c 2 serving");
    }
}

#[test]
fn a_location_that_has_left_is_emptied_as_far_as_the_floor_lets_it_be() {
    for (template, kind) in [(INSTANCES, "sim_instance"), (GROUPS, "sim_group")] {
        let stack = without_room("5", template);
        let applied = stack.run("apply -auto-approve");
        assert!([0, 3].contains(&applied.code), "{kind}: {}{}", applied.out, applied.err);
        stack.run("sim quota zone:c=9").ends(0);
        stack.run("apply -auto-approve").ends(0);
        stack.run("plan -detailed-exitcode").ends(0);
        assert!(stack.existing(kind).iter().all(|r| r["zone"] != "b"), "{kind}");
        stack.run("destroy -auto-approve").ends(0);
    }
}

#[test]
fn a_template_under_another_name_changes_nothing() {
    let inside = spread("\"even\"");
    let stack = Stack::new(&zones(&["a", "b"], &inside));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&zones(&["a", "b"], &inside.replace("replica \"server\"", "replica \"machine\"")));
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_resource_of_a_template_under_another_name_is_rolled_out_in_steps() {
    let inside = spread("\"even\"");
    let stack = Stack::new(&zones(&["a", "b"], &inside));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&zones(
        &["a", "b"],
        &inside
            .replace("\"sim_instance\" \"server\"", "\"sim_instance\" \"node\"")
            .replace("sim_instance.server.", "sim_instance.node."),
    ));
    let steps = steps(&stack);
    assert!(steps.len() > 1 && worst(&steps).iter().all(|n| *n >= 6), "{steps:#?}");
    stack.run("apply p").ends(0).says("6 added, 0 changed, 6 removed");
    assert_eq!(stack.existing("sim_instance").len(), 6);
    stack.run("plan -detailed-exitcode").ends(0);
}

/// The same workload with a load balancer in front of every replica, or without.
fn fronted(front: bool, image: &str) -> String {
    let target = "    resource \"sim_target\" \"front\" {\n      load_balancer_id = sim_load_balancer.front.id\n      instance_id      = sim_instance.server.id\n    }\n    ready";
    let inside = spread("\"even\"").replace("\"one\"", &format!("\"{image}\""));
    let inside = if front { inside.replace("    ready", target) } else { inside };
    zones(&["a", "b"], &inside) + "resource \"sim_load_balancer\" \"front\" {\n  name = \"web\"\n}\n"
}

#[test]
fn a_template_that_has_grown_still_counts_what_serves() {
    let stack = Stack::new(&fronted(false, "one"));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&fronted(true, "one"));
    stack.run("plan").ends(0).says("web: 6 of 6 serving");
    // A new image with it: floors are those of what serves.
    stack.write(&fronted(true, "two"));
    let steps = steps(&stack);
    assert!(worst(&steps).iter().all(|n| *n >= 6), "{steps:#?}");
    stack.run("apply p").ends(0);
    assert_eq!((stack.existing("sim_instance").len(), stack.existing("sim_target").len()), (6, 6));
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn what_was_made_by_an_earlier_form_serves_until_it_goes_or_may_be_replaced() {
    let renamed = |spec: String| {
        spec.replace("\"sim_instance\" \"server\"", "\"sim_instance\" \"node\"")
            .replace("sim_instance.server.", "sim_instance.node.")
    };
    let inside = spread("\"even\"");
    let stack = Stack::new(&zones(&["a", "b"], &inside.replace("replicas = 6", "replicas = 8")));
    stack.run("apply -auto-approve").ends(0);
    // Two are given back while the others are rolled out.
    stack.write(&renamed(zones(&["a", "b"], &inside)));
    stack.run("apply -auto-approve").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    // Those in a cordoned zone are put off, and serve all the same.
    let cordoned =
        |spec: String| spec.replacen("  provider = sim.b", "  state    = \"cordoned\"\n  provider = sim.b", 1);
    stack.write(&cordoned(zones(&["a", "b"], &inside)));
    stack.run("apply -auto-approve").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    let listed = stack.run("state list").ends(0).out;
    assert_eq!((listed.matches("node[\"b/").count(), listed.matches("server[\"a/").count()), (3, 3), "{listed}");
    stack.write(&zones(&["a", "b"], &inside));
    stack.run("apply -auto-approve").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn what_a_template_no_longer_has_goes_in_steps() {
    let stack = Stack::new(&fronted(true, "one"));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&fronted(false, "one"));
    let steps = steps(&stack);
    // Taking a part of a replica away may interrupt it, and the floor is full: spares stand in.
    assert!(steps.len() > 1 && worst(&steps).iter().all(|n| *n >= 6), "{steps:#?}");
    stack.run("apply p").ends(0);
    assert_eq!((stack.existing("sim_instance").len(), stack.existing("sim_target").len()), (6, 0));
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_group_under_another_name_or_made_in_another_way_is_refused() {
    let stack = Stack::new(&zones(&["a", "b"], &format!("  replicas = 4\n{}", crate::stack::GROUPS)));
    stack.run("apply -auto-approve").ends(0);
    for inside in [
        crate::stack::GROUPS
            .replace("\"sim_group\" \"web\"", "\"sim_group\" \"main\"")
            .replace("sim_group.web.", "sim_group.main."),
        INSTANCES.to_string(),
    ] {
        stack.write(&zones(&["a", "b"], &format!("  replicas = 4\n{inside}")));
        stack.run("plan").ends(1).says("All replicas of a location would be replaced at once").says("evacuated");
        stack.run("apply -auto-approve").ends(1);
        assert_eq!(stack.existing("sim_group").len(), 2);
    }
    stack.run("destroy -auto-approve").ends(0);
    assert!(stack.existing("sim_group").is_empty());
}

#[test]
fn a_provider_configuration_that_is_gone_is_named_with_what_it_made() {
    let inside = spread("\"even\"");
    let spec = zones(&["a", "b"], &inside);
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    let before = std::fs::read(stack.path().join("straddle.db")).unwrap();
    let block = "provider \"sim\" {\n  alias = \"b\"\n  cloud = \"c\"\n}\n";
    assert!(spec.contains(block));
    stack.write(&spec.replace(block, "").replace("sim.b\n", "sim\n"));
    for line in ["plan", "apply -auto-approve", "destroy -auto-approve", "drift"] {
        let ran = stack.run(line).ends(1).says("Provider configuration not present").says("alias = \"b\"");
        assert!(ran.err.contains("server[\"b/0\"]"), "{}", ran.err);
    }
    assert_eq!(stack.existing("sim_instance").len(), 6);
    stack.write(&spec);
    stack.run("plan -detailed-exitcode").ends(0);
    assert!(!before.is_empty());
}

#[test]
fn a_workload_taken_out_of_the_spec_says_what_goes_with_it() {
    let spec = zones(&["a", "b"], &spread("\"even\""));
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    stack.write(&spec[..spec.find("workload \"web\"").unwrap()]);
    stack.run("plan").ends(0).says("Workload no longer in the spec").says("survive.zone").says("6 of its replicas");
    stack.run("apply -auto-approve").ends(0);
    assert!(stack.existing("sim_instance").is_empty());
    let ran = stack.run("plan -detailed-exitcode").ends(0);
    assert!(!ran.err.contains("no longer in the spec"), "{}", ran.err);
}

#[test]
fn a_shared_risk_taken_out_of_the_spec_takes_its_rule_along_and_both_are_said() {
    let rule = "  survive \"carrier\" {\n    losses = 1\n    floor  = 3\n  }\n";
    let spec = zones(&["a", "b"], &format!("{rule}{}", spread("\"even\"")));
    // The line leads to `a` alone.
    let spec = spec.replace("zone = \"b\" }\n  shares   = [shared_risk.line]\n", "zone = \"b\" }\n");
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    let left = spec
        .replace("  shares   = [shared_risk.line]\n", "")
        .replace("shared_risk \"line\" {\n  kind = \"carrier\"\n}\n", "");
    // The rule about it is still there: what it is about is not known to anybody.
    stack.write(&left);
    stack.run("plan").ends(0).says("not all are proven");
    stack.write(&left.replace(rule, ""));
    stack.run("plan").ends(0).says("RULE REMOVED: survive.carrier");
    stack.run("apply -auto-approve").ends(0);
    stack.run("destroy -auto-approve").ends(0);
}
