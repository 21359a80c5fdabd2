//! A resize through spares, a failover and a way back, each cut short in the middle, and a second loss while the first is answered:
//! what serves never falls below what it must, the next run goes on from there, and in the end everything stands once.

use crate::kills::{Victim, killed_at_write, scattered};
use crate::stack::{INSTANCES, Stack, two_zones};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Moments of each kind of run at which it is cut short.
const MOMENTS: u64 = 6;

fn world(replicas: usize) -> Stack {
    let rules = format!(
        "  replicas = {replicas}\n  floor {{\n    serving = \"100%\"\n  }}\n  rollout {{\n    surge = 2\n    batch = 2\n  }}\n  failback {{\n    mode       = \"manual\"\n    stable_for = \"0s\"\n    batch      = 1\n  }}\n"
    );
    let spec = two_zones(&format!("{rules}{INSTANCES}"));
    let stack = Stack::new(&spec.replace("cloud = \"c\"\n}", "cloud = \"c\"\n  latency = \"4ms\"\n}"));
    stack.run("apply -auto-approve").ends(0);
    stack
}

/// Instances by zone, those that run.
fn running(stack: &Stack) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for one in stack.existing("sim_instance").iter().filter(|r| r["state"] == "running") {
        *zones.entry(one["zone"].as_str().unwrap().to_string()).or_default() += 1;
    }
    zones
}

fn serving(stack: &Stack) -> usize {
    running(stack).values().sum()
}

fn victim(moment: u64) -> Victim {
    [Victim::Straddle, Victim::Plugin, Victim::Both][(scattered(moment) % 3) as usize]
}

/// A target for each server, behind a load balancer.
fn balanced(replicas: usize, image: &str, server: &str) -> String {
    let rules = format!(
        "  replicas = {replicas}\n  floor {{\n    serving = \"50%\"\n  }}\n  rollout {{\n    surge    = 2\n    batch    = 2\n    deadline = \"20s\"\n  }}\n"
    );
    let template = format!(
        "  replica \"server\" {{\n    resource \"sim_instance\" \"{server}\" {{\n      zone  = location.domains.zone\n      image = \"{image}\"\n      size  = \"s\"\n    }}\n    resource \"sim_target\" \"front\" {{\n      load_balancer_id = sim_load_balancer.front.id\n      instance_id      = sim_instance.{server}.id\n    }}\n    ready = sim_instance.{server}.state == \"running\"\n  }}\n"
    );
    let spec = two_zones(&format!("{rules}{template}"));
    let spec = spec.replace("cloud = \"c\"\n}", "cloud = \"c\"\n  latency = \"4ms\"\n}");
    format!("{spec}\nresource \"sim_load_balancer\" \"front\" {{\n  name = \"web\"\n}}\n")
}

fn stands_once(stack: &Stack, replicas: usize, what: &str) {
    for _ in 0..2 {
        let applied = stack.run("apply -auto-approve");
        assert!([0, 7].contains(&applied.code), "{what}: {}{}", applied.out, applied.err);
    }
    stack.run("plan -detailed-exitcode").ends(0);
    let counts = ["sim_instance", "sim_target"].map(|ty| stack.existing(ty).len());
    assert_eq!(counts, [replicas, replicas], "{what}");
}

/// What the old target holds goes after it, though nothing in the spec says so any more.
#[test]
fn servers_renamed_behind_a_load_balancer_go_after_their_targets() {
    let stack = Stack::new(&balanced(4, "one", "server"));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&balanced(4, "one", "node"));
    stack.run("apply -auto-approve").ends(0);
    stands_once(&stack, 4, "renamed");
}

#[test]
fn a_rollout_then_a_rename_then_fewer_each_cut_short_anywhere_are_finished_by_the_next_run() {
    for moment in 0..MOMENTS {
        let stack = Stack::new(&balanced(4, "one", "server"));
        stack.run("apply -auto-approve").ends(0);
        let mut what = String::new();
        for (k, spec) in [balanced(4, "two", "server"), balanced(2, "two", "node")].iter().enumerate() {
            stack.write(spec);
            let write = 1 + (scattered(moment * 7 + k as u64) % 24) as usize;
            let was = killed_at_write(&stack, &["apply", "-auto-approve"], write, victim(moment));
            what.push_str(&format!("{:?} killed at write {write} ({was}); ", victim(moment)));
        }
        stands_once(&stack, 2, &what);
    }
}

#[test]
fn a_resize_cut_short_anywhere_keeps_the_floor_and_leaves_no_spare() {
    for moment in 0..MOMENTS {
        let stack = world(4);
        let spec = std::fs::read_to_string(stack.path().join("web.straddle.hcl")).unwrap();
        stack.write(&spec.replace("\"s\"", "\"m\""));
        let write = 1 + (scattered(moment) % 20) as usize;
        let was = killed_at_write(&stack, &["apply", "-auto-approve"], write, victim(moment));
        let what = format!("{:?} killed at write {write} ({was})", victim(moment));
        assert!(serving(&stack) >= 4, "{what}: {:?}", running(&stack));
        stack.run("apply -auto-approve").ends(0);
        // What a kill left of the spares may need a plan of its own.
        stack.run("apply -auto-approve").ends(0);
        stack.run("plan -detailed-exitcode").ends(0);
        let all = stack.existing("sim_instance");
        assert!(all.len() == 4 && all.iter().all(|r| r["size"] == "m"), "{what}: {all:#?}");
        assert!(!stack.run("state list").ends(0).out.contains("deposed"), "{what}");
    }
}

#[test]
fn a_failover_cut_short_anywhere_is_finished_by_the_next() {
    for moment in 0..MOMENTS {
        let stack = world(6);
        stack.run("sim down zone:a").ends(0);
        let write = 1 + (scattered(moment + 100) % 12) as usize;
        let was = killed_at_write(&stack, &["failover", "-auto-approve"], write, victim(moment));
        let what = format!("{:?} killed at write {write} ({was})", victim(moment));
        assert!(running(&stack)["b"] >= 3, "{what}");
        stack.run("failover -auto-approve").ends(0);
        assert_eq!(running(&stack), [("b".to_string(), 6)].into(), "{what}");
        stack.run("plan -detailed-exitcode").ends(0);
        // What was lost is in the state all the while, and adopted when it is back.
        stack.run("sim up zone:a").ends(0);
        stack.run("failback -auto-approve").ends(0);
        assert_eq!(running(&stack), [("a".to_string(), 3), ("b".to_string(), 3)].into(), "{what}");
        stack.run("plan -detailed-exitcode").ends(0);
    }
}

fn failed_over() -> Stack {
    let stack = world(6);
    stack.run("sim down zone:a").ends(0);
    stack.run("failover -auto-approve").ends(0);
    stack.run("sim up zone:a").ends(0);
    stack
}

#[track_caller]
fn comes_back(stack: &Stack, what: &str) {
    stack.run("failback -auto-approve").ends(0);
    assert_eq!(running(stack), [("a".to_string(), 3), ("b".to_string(), 3)].into(), "{what}");
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
    stack.run("failback -check").ends(0).says("No failover is in force");
}

#[test]
fn a_way_back_cut_short_anywhere_is_gone_to_its_end_by_the_next() {
    for moment in 0..MOMENTS {
        let stack = failed_over();
        let write = 1 + (scattered(moment + 200) % 12) as usize;
        let was = killed_at_write(&stack, &["failback", "-auto-approve"], write, victim(moment));
        let what = format!("{:?} killed at write {write} ({was})", victim(moment));
        assert!(serving(&stack) >= 6, "{what}: {:?}", running(&stack));
        comes_back(&stack, &what);
    }
}

#[test]
fn a_way_back_on_which_removals_fail_stays_open_and_is_gone_again() {
    for seed in 0..3 {
        let stack = failed_over();
        stack.run(&format!("sim fault --op delete --kind error --rate 0.6 --seed {seed}")).ends(0);
        let ran = stack.run("failback -auto-approve");
        assert!(matches!(ran.code, 0 | 7), "seed {seed}: {}{}", ran.out, ran.err);
        assert!(serving(&stack) >= 6, "seed {seed}");
        if ran.code == 7 {
            stack.run("sim reset").ends(0);
            comes_back(&stack, &format!("seed {seed}"));
        }
    }
}

#[test]
fn a_second_loss_while_the_first_is_answered_is_answered_by_the_next_failover() {
    let third = "location \"d\" {\n  provider = sim\n  domains  = { cloud = \"c\", region = \"r\", zone = \"d\" }\n}\n\nworkload";
    let spec = two_zones(&format!("  replicas = 6\n{INSTANCES}")).replace("workload", third);
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    let born = stack.existing("sim_instance");
    stack.run("sim down zone:a").ends(0);
    // The calls of the first answer are held until the second loss is there.
    stack.run("sim fault --op create --kind hang --rate 1").ends(0);
    let mut child = stack
        .command(&["failover", "-auto-approve", "-json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|l| l.unwrap().contains("apply_start")));
    stack.run("sim down zone:b").ends(0);
    stack.run("sim fault --op create --kind hang --rate 0").ends(0);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(7), "{rest:#?}");
    stack.run("failover -auto-approve").ends(0);
    assert_eq!(running(&stack), [("d".to_string(), 6)].into());
    stack.run("failover -auto-approve").ends(0).says("in force and complete");
    stack.run("plan -detailed-exitcode").ends(0);
    for zone in ["a", "b"] {
        stack.run(&format!("sim up zone:{zone}")).ends(0);
    }
    stack.run("failback -auto-approve").ends(0);
    assert_eq!(running(&stack), ["a", "b", "d"].map(|z| (z.to_string(), 2)).into());
    stack.run("plan -detailed-exitcode").ends(0);
    // Nobody touched what was lost.
    let now = stack.existing("sim_instance");
    let lost = born.iter().filter(|r| r["zone"] != "d");
    assert!(lost.into_iter().all(|r| now.iter().any(|n| n["id"] == r["id"])));
}
