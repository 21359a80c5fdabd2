//! The cases that had no whole story: peace, the loss, what is left, the answer, and the way back to where it began.

use super::*;
use std::collections::BTreeMap;

/// Replicas by zone, as the clouds have them themselves.
fn zones(dir: &std::path::Path) -> BTreeMap<String, u64> {
    let status: serde_json::Value = serde_json::from_str(&run(dir, &["sim", "status", "-json"], 0)).unwrap();
    let mut found = BTreeMap::new();
    for one in status["resources"].as_array().unwrap() {
        let n = match one["type"].as_str().unwrap() {
            "sim_instance" => 1,
            "sim_group" => one["desired"].as_u64().unwrap(),
            _ => continue,
        };
        *found.entry(one["zone"].as_str().unwrap().to_string()).or_default() += n;
    }
    found
}

fn stands(dir: &std::path::Path, wanted: &[(&str, u64)]) {
    let wanted: BTreeMap<String, u64> = wanted.iter().map(|(zone, n)| ((*zone).to_string(), *n)).collect();
    assert_eq!(zones(dir), wanted);
}

/// Serving and rules as a drift check has them.
fn drift(dir: &std::path::Path, args: &[&str]) -> serde_json::Value {
    let output = straddle(dir, &[&["drift", "-json"], args].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

struct Story<'s> {
    example: &'s str,
    loss: &'s str,
    args: &'s [&'s str],
    workload: &'s str,
    peace: &'s [(&'s str, u64)],
    /// Serving at once by the lower bound, in all.
    left: u64,
    answered: &'s [(&'s str, u64)],
}

/// From peace to recovery; gives the directory as the story leaves it.
fn told(story: &Story<'_>) -> (tempfile::TempDir, PathBuf) {
    let Story { example, loss, args, workload, peace, left, answered } = *story;
    let (keep, dir) = copy(example);
    let with = |words: &[&'static str]| [words, args].concat();
    run(&dir, &with(&["apply", "-auto-approve"]), 0);
    stands(&dir, peace);
    run(&dir, &with(&["plan", "-detailed-exitcode"]), 0);
    run(&dir, &["sim", "down", loss], 0);
    let seen = drift(&dir, args);
    let counts = seen["workloads"][workload]["counts"].as_object().unwrap();
    assert_eq!(counts.values().map(|n| n.as_u64().unwrap()).sum::<u64>(), left, "{example}: {seen}");
    // A plan touches nothing on account of the loss, and names the way out.
    let plan = straddle(&dir, &with(&["plan"]));
    // Below `alarm_below` it ends with 4: that is what the alarm is for.
    assert!(matches!(plan.status.code(), Some(0 | 4)), "{}", text(&plan));
    says(&text(&plan), &["straddle failover"]);
    stands(&dir, peace);
    run(&dir, &with(&["failover", "-auto-approve"]), 0);
    stands(&dir, answered);
    says(&run(&dir, &with(&["failover", "-auto-approve"]), 0), &["nothing to do"]);
    run(&dir, &["sim", "up", loss], 0);
    says(&text(&straddle(&dir, &with(&["plan"]))), &["ON TRIAL"]);
    stands(&dir, answered);
    run(&dir, &with(&["failback", "-auto-approve"]), 0);
    (keep, dir)
}

#[test]
fn web_groups_grows_the_group_that_is_left_and_never_lowers_a_live_count() {
    let story = Story {
        example: "web-groups",
        loss: "zone:seoul-a",
        args: &[],
        workload: "web",
        peace: &[("seoul-a", 5), ("seoul-c", 5)],
        left: 5,
        answered: &[("seoul-a", 5), ("seoul-c", 10)],
    };
    let (_keep, dir) = told(&story);
    // The number is the scaler's, what the answer raised is its to lower; losing that group must leave half of all all the same.
    stands(&dir, &[("seoul-a", 10), ("seoul-c", 10)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
    let status: serde_json::Value = serde_json::from_str(&run(&dir, &["sim", "status", "-json"], 0)).unwrap();
    for group in status["resources"].as_array().unwrap() {
        run(&dir, &["sim", "edit", group["id"].as_str().unwrap(), "desired=5"], 0);
    }
    run(&dir, &["apply", "-auto-approve"], 0);
    stands(&dir, story.peace);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

/// `scaling` with one group raised by its scaler failed the plan's own audit.
#[test]
fn web_groups_a_group_that_its_scaler_raised_alone_takes_the_other_along() {
    let (_keep, dir) = copy("web-groups");
    run(&dir, &["apply", "-auto-approve"], 0);
    let status: serde_json::Value = serde_json::from_str(&run(&dir, &["sim", "status", "-json"], 0)).unwrap();
    let id = status["resources"][0]["id"].as_str().unwrap().to_string();
    run(&dir, &["sim", "edit", &id, "desired=8"], 0);
    run(&dir, &["plan", "-detailed-exitcode"], 2);
    run(&dir, &["apply", "-auto-approve"], 0);
    stands(&dir, &[("seoul-a", 8), ("seoul-c", 8)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

#[test]
fn three_carriers_lose_a_cloud_and_come_back() {
    let (_keep, dir) = told(&Story {
        example: "three-carriers",
        loss: "zone:kr-1",
        args: &[],
        workload: "pay",
        peace: &[("apne2-az1", 2), ("gasan-1", 2), ("kr-1", 2)],
        left: 4,
        answered: &[("apne2-az1", 3), ("gasan-1", 3), ("kr-1", 2)],
    });
    stands(&dir, &[("apne2-az1", 2), ("gasan-1", 2), ("kr-1", 2)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

#[test]
fn cost_of_safety_twelve_stand_again_with_one_zone_gone() {
    let (_keep, dir) = told(&Story {
        example: "cost-of-safety",
        loss: "zone:a",
        args: &["-var", "floor=50%"],
        workload: "web",
        peace: &[("a", 3), ("b", 3), ("c", 3), ("d", 3)],
        left: 9,
        answered: &[("a", 3), ("b", 4), ("c", 4), ("d", 4)],
    });
    stands(&dir, &[("a", 3), ("b", 3), ("c", 3), ("d", 3)]);
}

#[test]
fn distance_the_pair_that_is_left_keeps_its_kilometres() {
    let (_keep, dir) = told(&Story {
        example: "distance",
        loss: "zone:seoul",
        args: &[],
        workload: "ledger",
        peace: &[("far", 2), ("pangyo", 2), ("seoul", 2)],
        left: 4,
        answered: &[("far", 3), ("pangyo", 3), ("seoul", 2)],
    });
    stands(&dir, &[("far", 2), ("pangyo", 2), ("seoul", 2)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

/// The hall burns, as it did; this time the standby is what it is called.
#[test]
fn kakao_2022_the_mirror_that_is_one_serves_half_at_once_and_all_again() {
    let today = super::cases::days_ago(8);
    let rehearsed = format!("rehearsed={today}");
    let args = ["-var", "standby=50", "-var", "lag=0s", "-var", rehearsed.as_str()];
    let (_keep, dir) = copy("kakao-2022");
    let with = |words: &[&'static str]| -> Vec<String> {
        words.iter().map(ToString::to_string).chain(args.iter().map(ToString::to_string)).collect()
    };
    let run_with = |words: &[&'static str], exit: i32| {
        let all = with(words);
        run(&dir, &all.iter().map(String::as_str).collect::<Vec<_>>(), exit)
    };
    run_with(&["apply", "-auto-approve"], 0);
    stands(&dir, &[("anyang", 5), ("pangyo", 5)]);
    says(&run_with(&["simulate", "--lose", "building:pangyo_building"], 0), &["10"]);
    run(&dir, &["sim", "down", "zone:pangyo"], 0);
    let seen = drift(&dir, &args);
    assert_eq!(seen["workloads"]["talk"]["counts"], serde_json::json!({"anyang": 5, "pangyo": 0}));
    run_with(&["failover", "-auto-approve"], 0);
    stands(&dir, &[("anyang", 10), ("pangyo", 5)]);
    run(&dir, &["sim", "up", "zone:pangyo"], 0);
    run_with(&["failback", "-auto-approve"], 0);
    stands(&dir, &[("anyang", 5), ("pangyo", 5)]);
    run_with(&["plan", "-detailed-exitcode"], 0);
}

/// A building for each operator: then the rule that could not hold does, and one of them may burn.
#[test]
fn two_clouds_one_building_moved_apart_survive_the_loss_of_one() {
    let (_keep, dir) = copy("two-clouds-one-building");
    run(&dir, &["plan"], 3);
    let file = dir.join("web.straddle.hcl");
    let spec = std::fs::read_to_string(&file).unwrap();
    let second = "shared_risk \"bundang_building\" {\n  kind     = \"building\"\n  evidence = { kind = \"site_survey\", date = \"2026-05-01\" }\n}\n\nlocation \"aws-a\"";
    let apart = spec.replacen("location \"aws-a\"", second, 1);
    let at = apart.rfind("shares   = [shared_risk.gasan_building]").unwrap();
    let apart = format!("{}{}", &apart[..at], apart[at..].replacen("gasan_building", "bundang_building", 1));
    // Names are resolved by neither of the two.
    let dns = "provider \"sim\" {\n  alias = \"dns\"\n  cloud = \"dns\"\n}\n\nprovider \"sim\" {\n  alias = \"aws\"";
    let apart = apart.replacen("provider \"sim\" {\n  alias = \"aws\"", dns, 1);
    let apart = apart.replacen(
        "resource \"sim_record\" \"web\" {\n  provider = sim.aws",
        "resource \"sim_record\" \"web\" {\n  provider = sim.dns",
        1,
    );
    std::fs::write(&file, apart).unwrap();
    run(&dir, &["apply", "-auto-approve"], 0);
    stands(&dir, &[("apne2-az1", 5), ("kr-1", 5)]);
    run(&dir, &["sim", "down", "cloud:aws"], 0);
    let seen = drift(&dir, &[]);
    assert_eq!(seen["workloads"]["web"]["counts"], serde_json::json!({"aws-a": 0, "ncp-1": 5}));
    run(&dir, &["failover", "-auto-approve"], 0);
    stands(&dir, &[("apne2-az1", 5), ("kr-1", 10)]);
    run(&dir, &["sim", "up", "cloud:aws"], 0);
    run(&dir, &["failback", "-auto-approve"], 0);
    stands(&dir, &[("apne2-az1", 5), ("kr-1", 5)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

/// The region of production is lost: there is nowhere to grow, and staging takes its place until it is back.
#[test]
fn staging_stands_in_for_production_and_gives_back_what_it_stood_in_with() {
    let peace = [("osaka-a", 1), ("seoul-a", 5), ("seoul-c", 5), ("tokyo-a", 2)];
    let (_keep, dir) = copy("staging-stands-in");
    run(&dir, &["apply", "-auto-approve"], 0);
    stands(&dir, &peace);
    says(&run(&dir, &["plan", "-detailed-exitcode"], 0), &["10 replicas are needed, 2 stand", "room for 12"]);
    run(&dir, &["sim", "down", "region:seoul"], 0);
    let seen = drift(&dir, &[]);
    assert_eq!(seen["workloads"]["production"]["counts"], serde_json::json!({"seoul-a": 0, "seoul-c": 0}));
    says(&text(&straddle(&dir, &["plan"])), &["straddle failover"]);
    says(&run(&dir, &["failover", "-auto-approve"], 0), &["0 of 10 serving", "only 0 of 10 replicas find a place"]);
    stands(&dir, &peace);
    let stand_in = ["-var", "staging_replicas=10"];
    let with = |words: &[&'static str]| [words, &stand_in].concat();
    let answer = [("osaka-a", 1), ("seoul-a", 5), ("seoul-c", 5), ("tokyo-a", 10)];
    says(&run(&dir, &with(&["apply", "-auto-approve"]), 0), &["10 serving", "8 added, 0 changed, 0 removed"]);
    stands(&dir, &answer);
    run(&dir, &with(&["plan", "-detailed-exitcode"]), 0);
    run(&dir, &["sim", "up", "region:seoul"], 0);
    run(&dir, &with(&["failback", "-auto-approve"]), 0);
    stands(&dir, &answer);
    assert_eq!(
        drift(&dir, &stand_in)["workloads"]["production"]["counts"],
        serde_json::json!({"seoul-a": 5, "seoul-c": 5})
    );
    run(&dir, &["apply", "-auto-approve"], 0);
    stands(&dir, &peace);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

/// A stand-in that is not what production is says so in the middle of the story, too.
#[test]
fn staging_on_another_image_is_no_stand_in_when_it_is_wanted() {
    let (_keep, dir) = copy("staging-stands-in");
    run(&dir, &["apply", "-auto-approve", "-var", "staging_image=web-6"], 0);
    run(&dir, &["sim", "down", "region:seoul"], 0);
    run(&dir, &["failover", "-auto-approve", "-var", "staging_image=web-6"], 0);
    says(&text(&straddle(&dir, &["plan", "-var", "staging_image=web-6", "-var", "staging_replicas=10"])), &["web-6"]);
    // Made equal in the same step in which it grows.
    run(&dir, &["apply", "-auto-approve", "-var", "staging_replicas=10"], 0);
    stands(&dir, &[("osaka-a", 1), ("seoul-a", 5), ("seoul-c", 5), ("tokyo-a", 10)]);
    says(&run(&dir, &["plan", "-detailed-exitcode", "-var", "staging_replicas=10"], 0), &["PASS  stand_in.staging"]);
}

/// The building burns: the weekly copy goes with the database, the live one is what it is restored from, and home comes after.
#[test]
fn backup_legs_the_database_lives_on_from_its_live_copy_and_goes_home() {
    let (_keep, dir) = copy("backup-legs");
    run(&dir, &["apply", "-auto-approve"], 0);
    stands(&dir, &[("seoul-a", 2)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
    run(&dir, &["sim", "down", "region:seoul"], 0);
    assert_eq!(drift(&dir, &[])["workloads"]["orders"]["counts"], serde_json::json!({"aws-seoul": 0}));
    says(
        &run(&dir, &["failover", "-auto-approve"], 0),
        &["0 of 2 serving", "up to 5s of data lost, by the newest copy that is left"],
    );
    stands(&dir, &[("seoul-a", 2)]);
    let away = ["-var", "home=ncp-busan"];
    let with = |words: &[&'static str]| [words, &away].concat();
    run(&dir, &with(&["apply", "-auto-approve"]), 0);
    stands(&dir, &[("busan-1", 2), ("seoul-a", 2)]);
    run(&dir, &with(&["plan", "-detailed-exitcode"]), 0);
    run(&dir, &["sim", "up", "region:seoul"], 0);
    run(&dir, &with(&["failback", "-auto-approve"]), 0);
    stands(&dir, &[("busan-1", 2)]);
    run(&dir, &with(&["plan", "-detailed-exitcode"]), 0);
    // Home again, and never fewer than two on the way.
    let home = run(&dir, &["apply", "-auto-approve"], 0);
    says(&home, &["2 added, 0 changed, 2 removed"]);
    assert!(!home.contains("complete, 1 serving"), "{home}");
    stands(&dir, &[("seoul-a", 2)]);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}
