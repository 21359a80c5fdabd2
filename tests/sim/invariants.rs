//! The invariants of ARCHITECTURE.md that show from outside, each on the whole tool.

use crate::kills::scattered;
use crate::stack::{INSTANCES, Stack, two_zones};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const FRONT: &str = "resource \"sim_load_balancer\" \"front\" {\n  name = \"web\"\n}\n";
const FRONTED: &str = r#"
  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "one"
      size  = "s"
    }
    resource "sim_target" "front" {
      load_balancer_id = sim_load_balancer.front.id
      instance_id      = sim_instance.server.id
    }
    ready = sim_instance.server.state == "running"
  }
"#;

/// INV-1: two runs, on one core or on all, give the same bytes; in which file and in which order blocks stand makes no difference.
#[test]
fn the_same_input_gives_the_same_plan() {
    let spec = two_zones(&format!("  replicas = 6\n{FRONTED}")) + FRONT;
    let stack = Stack::new(&spec);
    stack.run("plan -out=p").ends(0);
    stack.run("plan -out=q").ends(0);
    let bytes = |name: &str| std::fs::read(stack.path().join(name)).unwrap();
    assert!(bytes("p") == bytes("q"), "two plans of one input differ");
    let pinned = crate::alone::alone("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_straddle"), "plan", "-out=q", "-parallelism=1"])
        .current_dir(stack.path())
        .output();
    if pinned.is_ok_and(|o| o.status.success()) {
        assert!(bytes("p") == bytes("q"), "one core plans otherwise than many");
    }
    let shown = |stack: &Stack, name: &str| {
        let mut plan = stack.json(&format!("show -json {name}"));
        let mut kept = BTreeMap::new();
        for part in ["resource_changes", "planned_values", "output_changes", "straddle"] {
            kept.insert(part, plan[part].take());
        }
        kept
    };
    let whole = shown(&stack, "p");
    // Every block in a file of its own, the files named against the order of the blocks.
    let parts = Stack::new("");
    std::fs::remove_file(parts.path().join("web.straddle.hcl")).unwrap();
    let mut texts: Vec<String> = Vec::new();
    let mut open = String::new();
    for line in spec.lines() {
        open.push_str(line);
        open.push('\n');
        if line == "}" {
            texts.push(std::mem::take(&mut open));
        }
    }
    assert!(texts.len() > 3);
    for (i, text) in texts.iter().rev().enumerate() {
        std::fs::write(parts.path().join(format!("{i}.straddle.hcl")), text).unwrap();
    }
    parts.run("plan -out=p").ends(0);
    assert_eq!(shown(&parts, "p"), whole);
}

/// INV-2, INV-6 and INV-12: with no fault set no apply fails for its order, whatever changes from spec to spec; a plan for a target is
/// a part of the whole one; what was applied leaves nothing to do.
#[test]
fn every_change_of_a_sound_spec_is_carried_out_and_leaves_nothing_to_do() {
    for seed in 0..6u64 {
        let mut story = format!("seed {seed}");
        let mut dice = seed;
        let mut roll = |sides: u64| {
            dice = scattered(dice);
            dice % sides
        };
        let stack = Stack::new("");
        for round in 0..4 {
            let replicas = 2 + roll(7);
            let (floor, surge) = (roll(replicas + 1), 1 + roll(3));
            let (image, size) = (["one", "two"][roll(2) as usize], ["s", "m"][roll(2) as usize]);
            let (weight, front) = (1 + roll(3), roll(3) > 0);
            let rules = format!(
                "  replicas = {replicas}\n  spread \"zone\" {{\n    ratio = {{ a = {weight}, b = 1 }}\n  }}\n  floor {{\n    serving = {floor}\n  }}\n  rollout {{\n    surge = {surge}\n    batch = {surge}\n  }}\n"
            );
            let template = if front { FRONTED } else { INSTANCES };
            let template =
                template.replace("\"one\"", &format!("\"{image}\"")).replace("\"s\"", &format!("\"{size}\""));
            let spec = two_zones(&format!("{rules}{template}")) + FRONT;
            story.push_str(&format!(
                "; {replicas} at {weight}:1, floor {floor}, surge {surge}, {image} {size}, front {front}"
            ));
            stack.write(&spec);
            let planned = stack.run("plan -out=whole");
            assert_eq!(planned.code, 0, "{story}:\n{}{}", planned.out, planned.err);
            stack.run("plan -target=sim_load_balancer.front -out=part").ends(0);
            is_part(&stack, &story);
            let ran = stack.run("apply whole");
            assert_eq!(ran.code, 0, "{story}:\n{}{}", ran.out, ran.err);
            let again = stack.run("plan -detailed-exitcode");
            assert_eq!(again.code, 0, "{story}, round {round}:\n{}{}", again.out, again.err);
            assert_eq!(stack.existing("sim_instance").len() as u64, replicas, "{story}");
        }
        stack.run("destroy -auto-approve").ends(0);
        assert!(stack.json("sim status -json")["resources"].as_array().unwrap().is_empty(), "{story}");
    }
}

/// Every change of the saved plan `part` is in the saved plan `whole`, and the same there.
#[track_caller]
fn is_part(stack: &Stack, story: &str) {
    let changes = |name: &str| -> BTreeMap<String, Json> {
        let plan = stack.json(&format!("show -json {name}"));
        let all = plan["resource_changes"].as_array().unwrap().clone();
        all.into_iter().map(|c| (c["address"].as_str().unwrap().to_string(), c["change"].clone())).collect()
    };
    let (whole, part) = (changes("whole"), changes("part"));
    for (address, change) in part.iter().filter(|(_, c)| c["actions"] != serde_json::json!(["no-op"])) {
        assert_eq!(whole.get(address), Some(change), "{story}: {address}");
    }
}

/// INV-5: objects of another state in the same clouds are not ours, whatever we do.
#[test]
fn nothing_of_another_state_is_ever_deleted() {
    let spec = two_zones(&format!("  replicas = 4\n{INSTANCES}"));
    let owner = Stack::new(&spec);
    owner.run("apply -auto-approve").ends(0);
    let store = format!("cloud = \"c\"\n  store = {:?}\n", owner.path().join("sim.db"));
    let guest = Stack::new(&spec.replacen("cloud = \"c\"\n", &store, 1));
    let ids = |stack: &Stack| -> BTreeSet<String> {
        stack.existing("sim_instance").iter().map(|r| r["id"].as_str().unwrap().to_string()).collect()
    };
    let before = ids(&owner);
    guest.run("apply -auto-approve").ends(0);
    assert_eq!(ids(&owner).len(), 8);
    guest.run("sim down zone:a").ends(0);
    guest.run("failover -auto-approve").ends(0);
    guest.run("sim up zone:a").ends(0);
    guest.run("failback -auto-approve").ends(0);
    guest.run("destroy -auto-approve").ends(0);
    assert_eq!(ids(&owner), before);
    owner.run("plan -detailed-exitcode").ends(0);
}

const SECRET: &str = "hunter2-in-no-output";
const NEXT: &str = "hunter3-in-no-output";

/// INV-8: what is sensitive stands in no text, event, report or account, whatever goes wrong. Where a program asks for it by name
/// (`output -raw`, `output -json`, `show -json`, `state pull`) it is there.
#[test]
fn a_secret_is_in_no_output() {
    let template = INSTANCES.replace("size  = \"s\"", "size  = \"s\"\n      tags  = { token = var.token }");
    let spec = two_zones(&format!("  replicas = 4\n{template}"))
        + "variable \"token\" {\n  sensitive = true\n}\noutput \"token\" {\n  value     = var.token\n  sensitive = true\n}\noutput \"text\" {\n  value     = \"say ${var.token}\"\n  sensitive = true\n}\n";
    let stack = Stack::new(&spec);
    let run = |line: &str, secret: &str| {
        std::fs::write(stack.path().join("terraform.tfvars"), format!("token = {secret:?}\n")).unwrap();
        let args: Vec<&str> = line.split_whitespace().collect();
        let output = stack
            .command(&args)
            .env("TF_LOG", "trace")
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        for word in [SECRET, NEXT] {
            assert!(!said.contains(word), "straddle {line} says the secret:\n{said}");
        }
        said
    };
    for line in [
        "validate",
        "validate -rules",
        "plan -out=p",
        "plan -json",
        "show p",
        "apply -auto-approve -json p",
        "verify p",
    ] {
        run(line, SECRET);
    }
    let known = "state show workload.web.sim_instance.server[\"a/0\"]";
    for line in
        ["show", "state list", known, "output", "graph", "drift", "drift -json", "simulate --lose zone:a", "providers"]
    {
        run(line, SECRET);
    }
    // Drift of the secret itself, and of what lies beside it.
    let id = stack.existing("sim_instance")[0]["id"].as_str().unwrap().to_string();
    run(&format!("sim edit {id} size=m"), SECRET);
    for format in ["json", "sarif", "junit", "github", "gitlab", "markdown", "html"] {
        run(&format!("drift -out {format}=report"), SECRET);
        let report = std::fs::read_to_string(stack.path().join("report")).unwrap();
        assert!(!report.contains(SECRET), "the {format} report says the secret");
        run(&format!("drift -out {format}=report"), NEXT);
        let report = std::fs::read_to_string(stack.path().join("report")).unwrap();
        assert!(!report.contains(SECRET) && !report.contains(NEXT), "the {format} report says the secret");
    }
    // The secret changes, and everything goes wrong that can.
    for (op, kind) in
        [("update", "error"), ("update", "partial"), ("update", "lost_reply"), ("read", "error"), ("create", "partial")]
    {
        run(&format!("sim fault --op {op} --kind {kind} --rate 1"), NEXT);
        run("plan", NEXT);
        run("apply -auto-approve", NEXT);
        run("apply -auto-approve -json", NEXT);
        run("drift", NEXT);
        run("sim reset", NEXT);
    }
    run("apply -auto-approve", NEXT);
    run("apply -auto-approve -replace=workload.web.sim_instance.server[\"a/0\"]", NEXT);
    // Mistakes where the secret stands.
    stack.write(&spec.replace("\"say ${var.token}\"", "parseint(var.token, 10)"));
    run("plan", NEXT);
    stack.write(&spec.replace("value     = var.token\n  sensitive = true", "value     = var.token"));
    run("plan", NEXT);
    stack.write(&spec.replace("replicas = 4", "replicas = var.token"));
    run("plan", NEXT);
    stack.write(&spec.replace("size  = \"s\"", "size  = var.token"));
    run("apply -auto-approve", NEXT);
    stack.write(&spec);
    run("destroy -auto-approve", NEXT);
}

#[test]
fn what_came_back_beside_its_stand_ins_does_not_shut_the_way_back() {
    let zone = |z: &str| {
        format!(
            "location \"{z}\" {{\n  provider = sim\n  domains  = {{ cloud = \"c\", region = \"r\", zone = \"{z}\" }}\n}}\n"
        )
    };
    let zones: String = ["a", "b", "c", "d"].map(zone).concat();
    let rules = "  replicas = 3\n  spread \"zone\" {\n    ratio = \"even\"\n  }\n  failback {\n    mode       = \"manual\"\n    stable_for = \"0s\"\n  }\n";
    let stack = Stack::new(&format!(
        "provider \"sim\" {{\n  cloud = \"c\"\n}}\n{zones}workload \"web\" {{\n{rules}{INSTANCES}\n}}\n"
    ));
    stack.run("apply -auto-approve").ends(0);
    let held = stack.existing("sim_instance")[0]["zone"].as_str().unwrap().to_string();
    stack.run(&format!("sim down zone:{held}")).ends(0);
    stack.run("failover -auto-approve").ends(0);
    stack.run(&format!("sim up zone:{held}")).ends(0);
    // Four stand in four zones now: three losses leave one. The spec asks for three in three.
    assert_eq!(stack.existing("sim_instance").len(), 4);
    stack.run("failback -auto-approve").ends(0);
    assert_eq!(stack.existing("sim_instance").len(), 3);
    stack.run("plan -detailed-exitcode").ends(0);
}
