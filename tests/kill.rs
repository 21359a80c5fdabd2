//! Killed at any moment, an apply is finished by the next one: everything is there once, nothing twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use serde_json::Value as Json;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How often an apply is killed.
const ROUNDS: u64 = 30;
/// The latest moment of a kill, in milliseconds: a little after an apply would be done.
const LATEST: u64 = 700;

fn straddle(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_straddle"));
    command.current_dir(dir).args(args).stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    straddle(dir, args).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The example with clouds that answer quickly.
fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-5-5/web.straddle.hcl");
    let spec = std::fs::read_to_string(from).unwrap();
    let quick = spec.replace("boot  = \"1s\"", "boot = \"0s\"\n  latency = \"5ms\"");
    assert_ne!(spec, quick);
    std::fs::write(dir.path().join("web.straddle.hcl"), quick).unwrap();
    dir
}

/// Objects of a type that exist.
fn count(dir: &Path, ty: &str) -> usize {
    let output = run(dir, &["sim", "status", "-json"]);
    let status: Json = serde_json::from_slice(&output.stdout).unwrap();
    status["resources"].as_array().unwrap().iter().filter(|r| r["type"] == ty).count()
}

/// Numbers that look random and are the same in every run.
fn scattered(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Starts an apply and kills it after so many milliseconds. Whether it was still running then.
fn killed_after(dir: &Path, delay: Duration) -> bool {
    let mut child =
        straddle(dir, &["apply", "-auto-approve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + delay;
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::yield_now();
    }
}

#[test]
fn an_apply_killed_at_any_moment_is_finished_by_the_next() {
    let mut killed = 0;
    for round in 0..ROUNDS {
        let dir = world();
        let dir = dir.path();
        // Several in a row: recovery is killed, too.
        for attempt in 0..1 + round % 3 {
            killed += u32::from(killed_after(dir, Duration::from_millis(scattered(round * 3 + attempt) % LATEST)));
        }
        let applied = run(dir, &["apply", "-auto-approve"]);
        assert!(applied.status.success(), "round {round}: {}", text(&applied));
        let plan = run(dir, &["plan", "-detailed-exitcode"]);
        assert_eq!(plan.status.code(), Some(0), "round {round}: {}", text(&plan));
        let counts = ["sim_instance", "sim_target", "sim_load_balancer"].map(|ty| count(dir, ty));
        assert_eq!(counts, [10, 10, 1], "round {round}: {}", text(&applied));
    }
    assert!(killed > 0, "every apply was done before it could be killed");
}
