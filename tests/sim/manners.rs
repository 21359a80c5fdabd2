//! How an apply behaves when the world moves under it, and when it is told to stop.

use crate::stack::{INSTANCES, Stack, two_zones};
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

fn started(stack: &Stack, args: &[&str]) -> Child {
    stack.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads events until one of this type has come `n` times.
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, ty: &str, n: usize) {
    let mut seen = 0;
    while seen < n {
        let line = lines.next().expect("the stream ended too soon").unwrap();
        let event: Json = serde_json::from_str(&line).unwrap();
        seen += usize::from(event["type"] == ty);
    }
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

const PACE: &str = "  replicas = 6\n  rollout {\n    surge = 1\n    batch = 1\n  }\n";

/// A rollout that something happens to at its first removal; its exit code and all it said.
fn rollout_with(inside: &str, hand: &str) -> (Stack, i32, String) {
    rollout_said(inside, hand, &[])
}

/// The same with more flags.
fn rollout_said(inside: &str, hand: &str, flags: &[&str]) -> (Stack, i32, String) {
    let spec = two_zones(&format!("{inside}{INSTANCES}"));
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    stack.write(&spec.replace("\"one\"", "\"two\""));
    // The first removal is held until it has happened, however fast or slow this machine is.
    stack.run("sim fault --op delete --kind hang --rate 1").ends(0);
    let mut child = started(&stack, &[&["apply", "-auto-approve", "-json"], flags].concat());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "step_complete", 1);
    stack.run(hand).ends(0);
    stack.run("sim fault --op delete --kind hang --rate 0").ends(0);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let code = child.wait().unwrap().code().unwrap();
    (stack, code, rest.join("\n"))
}

fn running(stack: &Stack, zone: &str) -> usize {
    stack.existing("sim_instance").iter().filter(|r| r["state"] == "running" && r["zone"] == zone).count()
}

#[test]
fn a_zone_that_dies_in_mid_apply_stops_all_that_takes_away() {
    let (stack, code, said) = rollout_with(PACE, "sim down zone:b");
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("Nothing further is taken away") || said.contains("nothing behind it is done"), "{said}");
    assert!(running(&stack, "a") >= 3, "{said}");
    stack.run("sim up zone:b").ends(0);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!((running(&stack, "a"), running(&stack, "b")), (3, 3));
}

#[test]
fn what_still_holds_every_rule_goes_on_beside_a_dead_zone() {
    let floor = format!("{PACE}  floor {{\n    serving = 1\n  }}\n");
    let (stack, code, said) = rollout_with(&floor, "sim down zone:b");
    // Nothing can be done in the dead zone, so it ends in part; what was going on in the other is seen through as far as it stands
    // before that.
    assert_eq!(code, 7, "{said}");
    assert!(running(&stack, "a") >= 1, "{said}");
}

#[test]
fn an_object_deleted_by_hand_in_mid_apply_stops_it() {
    let (stack, code, said) = rollout_with(PACE, "sim kill 2 --in zone:b");
    assert_eq!(code, 7, "{said}");
    // By which of the two it is found out depends on what was killed.
    let found = ["have gone since the plan was made", "Fewer replicas serve than the plan counted with"];
    assert!(found.iter().any(|words| said.contains(words)), "{said}");
    stack.run("apply -auto-approve").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    assert_eq!((running(&stack, "a"), running(&stack, "b")), (3, 3));
}

/// `spread.md` 4.7: what moved under the plan is planned anew and repaired first, where somebody has agreed to that beforehand.
#[test]
fn with_auto_replan_what_was_deleted_by_hand_in_mid_apply_is_made_again() {
    let (stack, code, said) = rollout_said(PACE, "sim kill 2 --in zone:b", &["-auto-replan"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!((running(&stack, "a"), running(&stack, "b")), (3, 3));
    stack.run("plan -detailed-exitcode").ends(0);
    assert!(stack.existing("sim_instance").iter().all(|r| r["image"] == "two"));
}

/// What can be done beside a dead zone is done, and nothing in it is touched: as a second `apply` would have it.
#[test]
fn with_auto_replan_a_dead_zone_is_left_alone() {
    let (stack, code, said) = rollout_said(PACE, "sim down zone:b", &["-auto-replan"]);
    assert_eq!(code, 0, "{said}");
    assert!(running(&stack, "a") >= 3, "{said}");
    let there: Vec<_> = stack.existing("sim_instance").into_iter().filter(|r| r["zone"] == "b").collect();
    assert!(there.len() == 3 && there.iter().all(|r| r["image"] == "one"), "{there:?}");
}

#[test]
fn a_saved_plan_that_was_outrun_is_carried_out_within_what_it_says() {
    let spec = two_zones(&format!("  replicas = 6\n{INSTANCES}"));
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim kill 1 --in zone:a").ends(0);
    stack.run("plan -out=one").ends(0);
    stack.run("sim kill 1 --in zone:b").ends(0);
    stack.run("apply one").ends(5);
    // Two are to be made now, and one was approved.
    stack.run("apply -replan-within one").ends(5).says("would do more than it says");
    assert_eq!(stack.existing("sim_instance").len(), 4);
    stack.run("plan -out=two").ends(0);
    stack.run("apply -auto-approve -refresh-only").ends(0);
    // The state has moved on, and what is to be made is the same.
    stack.run("apply two").ends(5);
    stack.run("apply -replan-within two").ends(0).says("does nothing that is not in it");
    assert_eq!(stack.existing("sim_instance").len(), 6);
    stack.run("plan -detailed-exitcode").ends(0);
}

/// An apply whose first calls are out and not answered, and the lines of what it says.
fn held() -> (Stack, Child, impl Iterator<Item = std::io::Result<String>>, impl Iterator<Item = std::io::Result<String>>)
{
    let stack = Stack::new(&two_zones(&format!("  replicas = 6\n{INSTANCES}")));
    stack.run("sim fault --op create --kind hang --rate 1").ends(0);
    let mut child = started(&stack, &["apply", "-auto-approve", "-json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let errors = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "apply_start", 1);
    (stack, child, lines, errors)
}

fn let_go(stack: &Stack) {
    stack.run("sim fault --op create --kind hang --rate 0").ends(0);
}

#[test]
fn ctrl_c_once_lets_what_is_out_come_back() {
    let (stack, mut child, lines, mut errors) = held();
    interrupt(&child);
    assert!(errors.next().unwrap().unwrap().contains("stopping"));
    let_go(&stack);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:#?}");
    // All that was out is there, nothing is in doubt, and nobody holds the lock.
    assert_eq!(stack.existing("sim_instance").len(), 6);
    assert_eq!(stack.json("state pull")["resources"][0]["instances"].as_array().unwrap().len(), 6);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(stack.existing("sim_instance").len(), 6);
}

#[test]
fn ctrl_c_twice_ends_at_once_and_nothing_is_made_twice() {
    let (stack, mut child, lines, mut errors) = held();
    interrupt(&child);
    assert!(errors.next().unwrap().unwrap().contains("stopping"));
    interrupt(&child);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let_go(&stack);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(stack.existing("sim_instance").len(), 6);
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_saved_plan_is_refused_when_anything_has_moved() {
    let inside = format!("  replicas = 4\n{INSTANCES}");
    let spec = two_zones(&inside);
    let stack = Stack::new(&spec);
    stack.run("plan -out=p").ends(0);
    stack.write(&spec.replace("replicas = 4", "replicas = 5"));
    stack.run("apply p").ends(5).says("web.straddle.hcl");
    stack.write(&spec);
    stack.run("apply p").ends(0);
    stack.run("apply p").ends(5);
    stack.write(&spec.replace("replicas = 4", "replicas = 6"));
    stack.run("plan -out=q").ends(0);
    stack.run("sim kill 1 --in zone:a").ends(0);
    stack.run("apply q").ends(5).says("is gone");
    stack.run("plan -out=r").ends(0);
    stack.run("sim down zone:b").ends(0);
    stack.run("apply r").ends(5).says("b");
    assert_eq!(stack.existing("sim_instance").len(), 3);
}

#[test]
fn every_event_is_as_its_schema_says() {
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/events.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let spec = two_zones(&format!("  replicas = 4\n{INSTANCES}"));
    let stack = Stack::new(&spec);
    let check = |line: &str, types: &[&str]| {
        let ran = stack.run(line);
        let mut seen = Vec::new();
        for event in ran.out.lines() {
            let event: Json = serde_json::from_str(event).unwrap_or_else(|e| panic!("{line}: {e}: {event}"));
            let faults: Vec<String> = schema.iter_errors(&event).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{line}: {faults:#?}\n{event}");
            seen.push(event["type"].as_str().unwrap().to_string());
        }
        for ty in types {
            assert!(seen.iter().any(|s| s == ty), "{line}: no {ty} in {seen:?}");
        }
    };
    check("plan -json", &["version", "planned_change", "change_summary", "spread_state"]);
    check(
        "apply -auto-approve -json",
        &["step_start", "step_checked", "apply_complete", "step_complete", "change_summary"],
    );
    stack.run("sim down zone:a").ends(0);
    check("plan -json", &["location_health"]);
    check("failover -auto-approve -json", &["step_start"]);
    stack.write("workload \"web\" {\n  replicas = \n}\n");
    check("plan -json", &["diagnostic"]);
}
