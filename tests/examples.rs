//! Every example is planned, applied and planned again with the real program; each must say the numbers of its case.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "shared/alone.rs"]
mod alone;
#[path = "examples/cases.rs"]
mod cases;
#[path = "examples/korean.rs"]
mod korean;
#[path = "examples/lives.rs"]
mod lives;
#[path = "examples/stories.rs"]
mod stories;

use std::path::{Path, PathBuf};
use std::process::Output;

/// A copy of an example whose servers boot at once.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "hcl") {
            let text = std::fs::read_to_string(&path).unwrap().replace("\"1s\"", "\"0s\"");
            std::fs::write(dir.path().join(path.file_name().unwrap()), text).unwrap();
        }
    }
    let path = dir.path().to_path_buf();
    (dir, path)
}

fn straddle(dir: &Path, args: &[&str]) -> Output {
    alone::alone(env!("CARGO_BIN_EXE_straddle")).current_dir(dir).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn run(dir: &Path, args: &[&str], exit: i32) -> String {
    let output = straddle(dir, args);
    let all = text(&output);
    assert_eq!(output.status.code(), Some(exit), "straddle {args:?}:\n{all}");
    all
}

/// Plans, applies, and finds nothing left to do.
#[track_caller]
fn settles(name: &str) -> (tempfile::TempDir, PathBuf, String) {
    let (keep, dir) = copy(name);
    let plan = run(&dir, &["plan", "-detailed-exitcode"], 2);
    run(&dir, &["apply", "-auto-approve"], 0);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
    (keep, dir, plan)
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "missing {word:?} in:\n{text}");
    }
}

#[test]
fn web_5_5_repairs_what_was_deleted_and_touches_nothing_else() {
    let (_keep, dir, plan) = settles("web-5-5");
    says(&plan, &["21 to add (10 replicas)", "Spread \"zone\" 50:50", "140 %"]);
    run(&dir, &["sim", "kill", "1", "--in", "zone:seoul-a"], 0);
    let repair = run(&dir, &["plan"], 0);
    says(
        &repair,
        &[
            "9 of 10 serving. BROKEN NOW: survive \"zone\"",
            "2 to add (1 replica), 0 to change, 0 to remove, 0 to replace",
        ],
    );
    run(&dir, &["apply", "-auto-approve"], 0);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

#[test]
fn web_5_5_rolls_a_new_image_out_and_settles() {
    let (_keep, dir, _) = settles("web-5-5");
    let rollout = run(&dir, &["apply", "-auto-approve", "-var", "image=web-2"], 0);
    says(&rollout, &["web 10/10", "DONE 20 added, 0 changed, 20 removed."]);
    run(&dir, &["plan", "-detailed-exitcode", "-var", "image=web-2"], 0);
}

#[test]
fn a_saved_plan_is_verified_without_providers_and_a_bent_one_is_refused() {
    let (_keep, dir) = copy("web-5-5");
    run(&dir, &["plan", "-out=web.plan"], 0);
    says(&run(&dir, &["verify", "web.plan"], 0), &["sound"]);
    let mut bytes = std::fs::read(dir.join("web.plan")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(dir.join("bent.plan"), bytes).unwrap();
    run(&dir, &["verify", "bent.plan"], 1);
    run(&dir, &["apply", "web.plan"], 0);
    // The state has moved on: the same plan is no longer valid.
    run(&dir, &["apply", "web.plan"], 5);
}

#[test]
fn web_5_5_is_destroyed_without_a_trace() {
    let (_keep, dir, _) = settles("web-5-5");
    run(&dir, &["destroy", "-auto-approve"], 0);
    let status = run(&dir, &["sim", "status", "--json"], 0);
    says(&status, &["\"resources\":[]"]);
}

#[test]
fn a_zone_that_is_down_is_not_touched() {
    let (_keep, dir, _) = settles("web-5-5");
    run(&dir, &["sim", "down", "zone:seoul-a"], 0);
    let plan = run(&dir, &["plan", "-detailed-exitcode"], 0);
    says(&plan, &["5 of 10 serving", "straddle failover"]);
}

#[test]
fn web_groups_holds_five_and_five_and_a_ceiling_for_all() {
    let (_keep, dir, plan) = settles("web-groups");
    says(&plan, &["2 to add (10 replicas)"]);
    let status = run(&dir, &["sim", "status", "--json"], 0);
    // The scaler may go up to 30, and one zone must be able to hold them all.
    says(&status, &["\"desired\":5", "\"max\":30"]);
}

#[test]
fn two_clouds_lose_either_and_keep_five() {
    let (_keep, _dir, plan) = settles("two-clouds");
    says(&plan, &["cloud aws", "cloud ncp", "Margin 0 now, 0 during, 1 after."]);
}

#[test]
fn two_clouds_in_one_building_are_refused_by_name() {
    let (_keep, dir) = copy("two-clouds-one-building");
    let refused = run(&dir, &["plan"], 3);
    says(&refused, &["survive \"building\"", "gasan_building", "web.straddle.hcl"]);
    run(&dir, &["apply", "-auto-approve"], 3);
    assert!(run(&dir, &["sim", "status", "--json"], 0).contains("\"resources\":[]"));
}

#[test]
fn seoul_2018_passes_the_zone_rule_and_finds_the_resolver() {
    let (_keep, _dir, plan) = settles("seoul-2018");
    says(&plan, &["resolver seoul_resolver", "SINGLE POINT", "single point of failure: resolver seoul_resolver"]);
}

#[test]
fn mistakes_are_told_all_at_once_with_their_lines() {
    let (_keep, dir) = copy("web-5-5");
    let file = dir.join("web.straddle.hcl");
    let wrong = std::fs::read_to_string(&file)
        .unwrap()
        .replace("ratio = \"50:50\"", "ratio = \"50:50:1\"")
        .replace("losses = 1", "loses = 1");
    std::fs::write(&file, wrong).unwrap();
    let told = run(&dir, &["plan"], 1);
    says(&told, &["Invalid ratio", "Did you mean \"losses\"?", "web.straddle.hcl:"]);
}

/// The tools to switch over are in the building that burns: found when the runbook is compiled. Once they are elsewhere, it is carried out.
#[test]
fn kakao_2022_refuses_a_runbook_whose_tools_burn_with_the_building() {
    let key = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let (_keep, dir, _) = settles("kakao-2022/switch-over");
    let keyed = |args: &[&str], exit: i32| {
        let output = alone::alone(env!("CARGO_BIN_EXE_straddle"))
            .current_dir(&dir)
            .args(args)
            .env("NO_COLOR", "1")
            .env("STRADDLE_RUNBOOK_KEY", key)
            .output()
            .unwrap();
        let all = text(&output);
        assert_eq!(output.status.code(), Some(exit), "straddle {args:?}:\n{all}");
        all
    };
    let refused = keyed(&["runbook", "build"], 1);
    says(
        &refused,
        &[
            "REFUSED  lose-zone-pangyo",
            "image registry falls with shared_risk:pangyo_dc",
            "sign-on falls with shared_risk:pangyo_dc",
            "built    lose-zone-anyang: adds 5",
        ],
    );
    keyed(&["drift"], 2);
    let path = dir.join("web.straddle.hcl");
    let text = std::fs::read_to_string(&path).unwrap();
    let mended = text
        .replace("need \"image registry\" {\n    shares = [shared_risk.pangyo_dc]", "need \"image registry\" {")
        .replace("control = [shared_risk.pangyo_dc]", "");
    std::fs::write(&path, mended).unwrap();
    says(&keyed(&["runbook", "build"], 0), &["built    lose-zone-pangyo: adds 5"]);
    keyed(&["runbook", "test"], 0);
    keyed(&["drift"], 0);
    keyed(&["sim", "down", "zone:pangyo"], 0);
    // Spec and state are gone; the clouds are not.
    for name in ["web.straddle.hcl", "straddle.db"] {
        std::fs::rename(dir.join(name), dir.join(format!("{name}.gone"))).unwrap();
    }
    let done = keyed(&["runbook", "run", "-offline", "-auto-approve", "kept/head-office/lose-zone-pangyo.runbook"], 0);
    says(&done, &["DONE"]);
    for name in ["web.straddle.hcl", "straddle.db"] {
        std::fs::rename(dir.join(format!("{name}.gone")), dir.join(name)).unwrap();
    }
    keyed(&["runbook", "merge", "kept/head-office/lose-zone-pangyo.runbook"], 0);
    let listed = keyed(&["state", "list"], 0);
    assert_eq!(listed.matches("\"anyang/").count(), 10, "{listed}");
    keyed(&["plan", "-detailed-exitcode"], 0);
}
