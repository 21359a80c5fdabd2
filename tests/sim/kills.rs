//! Killed at any write of the journal, an apply is finished by the next one: everything is there once, nothing twice. Straddle is
//! killed, its plugin, or both.

use crate::stack::{Stack, two_zones};
use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How often an apply is killed at some moment.
const ROUNDS: u64 = 12;
/// Writes of the journal at which it is killed; a whole apply of the little world has fewer.
const WRITES: usize = 24;

/// Replicas of two objects each behind a load balancer, on clouds that take their time.
fn world(latency_ms: u32) -> Stack {
    let inside = r#"  replicas = 4
  rollout {
    deadline = "20s"
  }

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
    let spec = two_zones(inside);
    let spec = spec.replace("cloud = \"c\"\n}", &format!("cloud = \"c\"\n  latency = \"{latency_ms}ms\"\n}}"));
    Stack::new(&format!("{spec}\nresource \"sim_load_balancer\" \"front\" {{\n  name = \"web\"\n}}\n"))
}

/// Numbers that look random and are the same in every run.
pub fn scattered(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Victim {
    Straddle,
    Plugin,
    Both,
}

const APPLY: &[&str] = &["apply", "-auto-approve"];

fn start(stack: &Stack, command: &[&str]) -> Child {
    stack.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The processes a process has started and that still run.
pub fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_tasks = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    let all: BTreeSet<u32> =
        of_tasks.chain([list]).flat_map(|l| l.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>()).collect();
    all.into_iter().collect()
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

fn end(child: &mut Child, victim: Victim) {
    let plugins = children(child.id());
    if victim != Victim::Straddle {
        plugins.into_iter().for_each(kill);
    }
    if victim != Victim::Plugin {
        child.kill().unwrap();
    }
    child.wait().unwrap();
}

/// Starts a command and kills at the `n`th growth of the journal's file. False: it was done before.
pub fn killed_at_write(stack: &Stack, command: &[&str], n: usize, victim: Victim) -> bool {
    let mut child = start(stack, command);
    let log = stack.path().join("straddle.db-wal");
    let (mut size, mut writes) = (0, 0);
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let now = std::fs::metadata(&log).map_or(0, |m| m.len());
        writes += usize::from(now > size);
        size = now;
        if writes >= n {
            end(&mut child, victim);
            return true;
        }
        std::thread::yield_now();
    }
}

/// Starts an apply and kills it after so long. False: it was done before.
fn killed_after(stack: &Stack, delay: Duration) -> bool {
    let mut child = start(stack, APPLY);
    let end_of_it = Instant::now() + delay;
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if Instant::now() >= end_of_it {
            end(&mut child, Victim::Straddle);
            return true;
        }
        std::thread::yield_now();
    }
}

/// Everything is there once, in the clouds and in the state, and nothing is left to do.
#[track_caller]
fn is_whole(stack: &Stack, what: &str) {
    stack.run("apply -auto-approve").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    let counts = ["sim_instance", "sim_target", "sim_load_balancer"].map(|ty| stack.existing(ty).len());
    assert_eq!(counts, [4, 4, 1], "{what}");
    let claims: Vec<String> = stack.existing("sim_instance").iter().map(|r| r["claimed_by"].to_string()).collect();
    assert_eq!(claims.iter().collect::<BTreeSet<_>>().len(), 4, "{what}: {claims:?}");
    // What a later run found out of is remembered as if the first one had.
    let state = stack.json("state pull");
    let targets = state["resources"].as_array().unwrap().iter().filter(|r| r["type"] == "sim_target");
    for target in targets.flat_map(|r| r["instances"].as_array().unwrap()) {
        assert_eq!(target["dependencies"].as_array().map(Vec::len), Some(2), "{what}: {target}");
    }
}

fn at_every_write(victim: Victim) {
    let mut n = 1;
    // The slower the clouds, the surer a busy machine sees every write: those it has missed are tried for again.
    for latency_ms in [4, 32, 256] {
        while n <= WRITES {
            let stack = world(latency_ms);
            if !killed_at_write(&stack, APPLY, n, victim) {
                break;
            }
            is_whole(&stack, &format!("{victim:?} at write {n}"));
            n += 1;
        }
        if n > 4 {
            return;
        }
    }
    panic!("an apply writes more often than {} times", n - 1);
}

#[test]
fn straddle_killed_at_every_write() {
    at_every_write(Victim::Straddle);
}

#[test]
fn a_plugin_killed_at_every_write() {
    at_every_write(Victim::Plugin);
}

#[test]
fn both_killed_at_every_write() {
    at_every_write(Victim::Both);
}

#[test]
fn an_apply_killed_at_any_moment_and_again_in_recovery_is_finished_by_the_next() {
    // The moments lie within what an apply takes here and now: a fixed range is too early on one machine and too late on another.
    let begun = Instant::now();
    world(4).run("apply -auto-approve").ends(0);
    let whole = begun.elapsed();
    let mut killed = 0;
    for round in 0..ROUNDS {
        let stack = world(4);
        for attempt in 0..1 + round % 3 {
            let share = u32::try_from(scattered(round * 3 + attempt) % 1000).unwrap();
            killed += u32::from(killed_after(&stack, whole * share / 1000));
        }
        is_whole(&stack, &format!("round {round}"));
    }
    assert!(killed > 0, "every apply was done before it could be killed");
}
