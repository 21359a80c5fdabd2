//! Whatever an example is about, it lives through everything that can happen to a workload, and its end leaves nothing.

use super::{copy, straddle, text};
use std::path::Path;

/// The examples on the built-in clouds.
fn names() -> Vec<String> {
    let all = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let mut names: Vec<String> = all.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|n| !n.starts_with("aws-") && n != "hybrid-aws" && n != "pipelines");
    names.sort();
    names
}

/// The zone that is named first in the spec.
fn a_zone(dir: &Path) -> String {
    let specs = std::fs::read_dir(dir).unwrap().filter_map(|e| std::fs::read_to_string(e.unwrap().path()).ok());
    let all: String = specs.collect();
    let after = all.split("zone = \"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

/// Runs a command line that may end in any way but by a fault of our own.
#[track_caller]
fn lives(dir: &Path, line: &str) -> Option<i32> {
    let args: Vec<&str> = line.split(' ').collect();
    let output = straddle(dir, &args);
    let code = output.status.code();
    assert!(code.is_some_and(|c| c < 10), "{}: straddle {line} ended with {code:?}:\n{}", dir.display(), text(&output));
    code
}

fn tell(name: &str) {
    let (_keep, dir) = copy(name);
    // A case whose rules do not hold is refused, and that is its story.
    if lives(&dir, "apply -auto-approve") != Some(0) {
        return;
    }
    let zone = a_zone(&dir);
    for line in [
        "plan -detailed-exitcode".to_owned(),
        "drift".to_owned(),
        "simulate".to_owned(),
        "validate -rules".to_owned(),
        format!("sim kill 1 --in zone:{zone}"),
        "plan -out=repair".to_owned(),
        "verify repair".to_owned(),
        "apply repair".to_owned(),
        format!("sim down zone:{zone}"),
        "plan".to_owned(),
        "drift".to_owned(),
        "failover -auto-approve".to_owned(),
        "plan".to_owned(),
        "drift".to_owned(),
        format!("sim up zone:{zone}"),
        "plan".to_owned(),
        "failback -auto-approve".to_owned(),
    ] {
        lives(&dir, &line);
    }
    // Where a scaler owns the numbers, what stood in for the loss is its to give back; the way back raises the others to it.
    assert_eq!(lives(&dir, "plan -detailed-exitcode"), Some(0), "{name}: something is left to do after the way back");
    assert_eq!(lives(&dir, "destroy -auto-approve"), Some(0), "{name}");
    let left = text(&straddle(&dir, &["sim", "status", "--json"]));
    let left: serde_json::Value = serde_json::from_str(&left).unwrap();
    assert_eq!(left["resources"], serde_json::json!([]), "{name}");
}

#[test]
fn every_example_lives_through_a_loss_and_comes_to_its_end() {
    std::thread::scope(|scope| {
        let stories: Vec<_> = names().into_iter().map(|name| scope.spawn(move || tell(&name))).collect();
        assert!(stories.into_iter().map(|story| story.join()).all(|told| told.is_ok()), "see above");
    });
}
