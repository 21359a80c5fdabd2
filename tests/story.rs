//! The 5:5 story, told to the built binary over the built-in clouds: applied, broken, repaired, failed over, failed back, drifted.
//!
//! Every test has a directory of its own with a copy of an example; nothing boots slowly, nothing sleeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

#[path = "shared/alone.rs"]
mod alone;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory with a spec, gone when the test is over.
struct Stack(PathBuf);

/// How a command ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // What is left of a test's directory is found again under the build directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stack {
    /// The example with boot times of nothing.
    fn of(example: &str) -> Stack {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("story-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example).join("web.straddle.hcl");
        let text = std::fs::read_to_string(from).unwrap().replace("\"1s\"", "\"0s\"");
        std::fs::write(dir.join("web.straddle.hcl"), text).unwrap();
        Stack(dir)
    }

    /// The example, applied.
    fn applied(example: &str) -> Stack {
        let stack = Stack::of(example);
        stack.run("apply -auto-approve").ends(0);
        stack
    }

    fn run(&self, line: &str) -> Ran {
        let output = alone::alone(env!("CARGO_BIN_EXE_straddle"))
            .args(line.split_whitespace())
            .current_dir(&self.0)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Changes the spec; the text must be there, once.
    fn edit(&self, from: &str, to: &str) {
        let path = self.0.join("web.straddle.hcl");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Instances by zone, as the clouds themselves have them.
    fn zones(&self) -> BTreeMap<String, usize> {
        let status: Value = serde_json::from_str(&self.run("sim status -json").ends(0).out).unwrap();
        let mut zones = BTreeMap::new();
        for one in status["resources"].as_array().unwrap().iter().filter(|r| r["type"] == "sim_instance") {
            *zones.entry(one["zone"].as_str().unwrap().to_string()).or_default() += 1;
        }
        zones
    }

    /// Ids of the instances in a zone.
    fn ids(&self, zone: &str) -> Vec<String> {
        let status: Value = serde_json::from_str(&self.run("sim status -json").ends(0).out).unwrap();
        let all = status["resources"].as_array().unwrap();
        let here = all.iter().filter(|r| r["type"] == "sim_instance" && r["zone"] == zone);
        here.map(|r| r["id"].as_str().unwrap().to_string()).collect()
    }

    fn stands(&self, a: usize, c: usize) {
        let found = self.zones();
        let of = |zone: &str| found.get(zone).copied().unwrap_or(0);
        assert_eq!((of("seoul-a"), of("seoul-c")), (a, c));
    }

    /// The bytes of every file but the simulated cloud's: when its log is folded into its file is its own affair.
    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = std::fs::read_dir(&self.0).unwrap().map(|f| f.unwrap().path()).filter(|p| !is_clouds_own(p));
        files.map(|p| (p.clone(), std::fs::read(p).unwrap())).collect()
    }

    fn drift(&self, code: i32) -> Value {
        let (before, cloud) = (self.bytes(), self.run("sim status -json").ends(0).out);
        let ran = self.run("drift -json").ends(code);
        assert!(before == self.bytes(), "drift wrote something");
        assert_eq!(cloud, self.run("sim status -json").ends(0).out, "drift changed the cloud");
        serde_json::from_str(&ran.out).unwrap()
    }
}

impl Ran {
    fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn says(self, text: &str) -> Ran {
        assert!(self.out.contains(text) || self.err.contains(text), "no {text:?} in\n{}\n{}", self.out, self.err);
        self
    }
}

/// The clouds' database and what a reader of it leaves beside it: what it holds is compared by asking the clouds.
fn is_clouds_own(path: &Path) -> bool {
    path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("sim.db"))
}

fn count(summary: &Value, kind: &str) -> u64 {
    summary["summary"][kind].as_u64().unwrap()
}

#[test]
fn five_and_five_then_nothing_to_do() {
    let stack = Stack::of("web-5-5");
    stack.run("plan -detailed-exitcode").ends(2);
    assert_eq!(stack.zones(), BTreeMap::new(), "a plan makes nothing");
    stack.run("apply -auto-approve").ends(0);
    stack.stands(5, 5);
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
    let drift = stack.drift(0);
    assert_eq!(drift["clean"], true);
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({ "seoul-a": 5, "seoul-c": 5 }));
}

#[test]
fn one_killed_is_repaired_and_nothing_else_touched() {
    let stack = Stack::applied("web-5-5");
    let before = (stack.ids("seoul-a"), stack.ids("seoul-c"));
    stack.run("sim kill 1 -in zone:seoul-c").ends(0);
    stack.stands(5, 4);
    // The rule is broken now: that goes before the drift.
    let drift = stack.drift(3);
    assert_eq!((count(&drift, "breaches"), count(&drift, "changed"), count(&drift, "unreadable")), (1, 0, 0));
    assert!(count(&drift, "missing") >= 1, "{drift}");
    assert_eq!(drift["workloads"]["web"]["rules"][0]["alive"], 4);
    stack.run("drift -fail-on=drift").ends(2);
    stack.run("drift -fail-on=margin").ends(0);
    stack.run("apply -auto-approve").ends(0);
    stack.stands(5, 5);
    assert_eq!(stack.ids("seoul-a"), before.0);
    let after = stack.ids("seoul-c");
    assert_eq!(before.1.iter().filter(|id| after.contains(id)).count(), 4, "those that lived are the same");
    stack.run("plan -detailed-exitcode").ends(0);
    stack.drift(0);
}

#[test]
fn a_zone_dies_is_failed_over_comes_back_and_is_failed_back() {
    let stack = Stack::applied("web-5-5");
    let born_in_a = stack.ids("seoul-a");
    stack.run("failover -auto-approve").ends(0).says("nothing to fail over");
    stack.run("sim down zone:seoul-a").ends(0);
    // A plan does not act on a loss by itself: it names the command that does.
    stack.run("plan -detailed-exitcode").ends(0).says("straddle failover");
    stack.run("apply -auto-approve").ends(0);
    stack.stands(5, 5);
    let drift = stack.drift(3);
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({ "seoul-a": 0, "seoul-c": 5 }));

    stack.run("failover").ends(1).says("nobody is there to approve");
    stack.stands(5, 5);
    stack.run("failback -check").ends(0).says("No failover is in force");
    // Surge is 2: it does not throttle a failover, whose five adds are one step.
    stack.run("failover -auto-approve").ends(0).says("web 1/1").says("10 added, 0 changed, 0 removed");
    stack.stands(5, 10);
    assert_eq!(stack.ids("seoul-a"), born_in_a, "what is dead was not touched");

    stack.run("failover -auto-approve").ends(0).says("in force and complete");
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
    stack.run("failback -auto-approve").ends(1).says("not open");
    stack.run("sim up zone:seoul-a").ends(0);
    // Nothing moves back by itself.
    stack.run("plan -detailed-exitcode").ends(0);
    stack.run("apply -auto-approve").ends(0);
    stack.stands(5, 10);

    // The apply has seen it well: the time runs from then.
    stack.run("failback -check").ends(0).says("NOT MET").says("seen well since").says("The way back is open");
    stack.run("failback").ends(1).says("nobody is there to approve");
    stack.run("failback -auto-approve").ends(0).says("0 added, 0 changed, 10 removed");
    stack.stands(5, 5);
    assert_eq!(stack.ids("seoul-a"), born_in_a, "what came back was adopted, not made anew");
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
    stack.run("failback -check").ends(0).says("No failover is in force");
    stack.drift(0);
}

#[test]
fn of_two_zones_the_one_that_is_back_returns_alone() {
    let stack = Stack::of("web-5-5");
    let third = "location \"seoul-d\" {\n  provider = sim\n  domains  = { cloud = \"simcloud\", region = \"seoul\", zone = \"seoul-d\" }\n  capacity = 40\n}\n\nresource \"sim_load_balancer\"";
    stack.edit("resource \"sim_load_balancer\"", third);
    stack.edit(
        "over  = [\"seoul-a\", \"seoul-c\"]\n    ratio = \"50:50\"",
        "over  = [\"seoul-a\", \"seoul-c\", \"seoul-d\"]\n    ratio = \"even\"",
    );
    stack.edit("replicas = 10", "replicas = 9");
    stack.run("apply -auto-approve").ends(0);
    stack.stands(3, 3);
    stack.run("sim down zone:seoul-a").ends(0);
    stack.run("failover -auto-approve").ends(0);
    stack.run("sim down zone:seoul-c").ends(0);
    stack.run("failover -auto-approve").ends(0);
    assert_eq!(stack.zones()["seoul-d"], 9);
    stack.run("failback -check").ends(1).says("not open");
    stack.run("sim up zone:seoul-a").ends(0);
    stack.run("failback -check").ends(0).says("open from zone:seoul-a");
    stack.run("failback -auto-approve").ends(0).says("the rest stays failed over");
    let zones = stack.zones();
    assert_eq!(zones["seoul-a"] + zones["seoul-d"], 9, "{zones:?}");
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
    stack.run("sim up zone:seoul-c").ends(0);
    stack.run("failback -auto-approve").ends(0).says("The failover is over");
    stack.stands(3, 3);
    assert_eq!(stack.zones()["seoul-d"], 3);
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
}

#[test]
fn an_unreachable_zone_is_unknown_and_never_touched() {
    let stack = Stack::applied("web-5-5");
    stack.run("sim unreachable zone:seoul-a").ends(0);
    stack.run("failover -auto-approve").ends(0).says("UNKNOWN");
    stack.run("apply -auto-approve").ends(0);
    stack.stands(5, 5);
    let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
    assert_eq!(count(&drift, "unreadable"), 5, "{drift}");
    assert_eq!(count(&drift, "missing"), 0, "what cannot be read is not missing");
    assert_eq!(drift["workloads"]["web"]["counts"]["seoul-a"], 0);
    assert_eq!(drift["workloads"]["web"]["counts_hi"]["seoul-a"], 5);
    // Losing the other zone now leaves nowhere to grow: the rule fails, and that goes before what cannot be read.
    stack.drift(3);
    stack.run("drift -fail-on=error,drift").ends(1);
    stack.run("drift -fail-on=drift").ends(0);
    // A person may know what no provider tells.
    stack.run("failover -lose zone:seoul-a -auto-approve").ends(0).says("on your word");
    stack.stands(5, 10);
    stack.run("sim up zone:seoul-a").ends(0);
    stack.run("failback -auto-approve").ends(0);
    stack.stands(5, 5);
}

#[test]
fn a_loss_nobody_knows_is_refused() {
    let stack = Stack::applied("web-5-5");
    stack.run("failover -lose zone:seoul-b -auto-approve").ends(1).says("zone:seoul-");
    stack.run("simulate -lose zone:seoul-b").ends(1);
    stack.stands(5, 5);
}

#[test]
fn drift_tells_the_three_sides_apart() {
    let stack = Stack::applied("web-5-5");
    let id = stack.ids("seoul-c").remove(0);
    stack.run(&format!("sim edit {id} size=m")).ends(0);
    let drift = stack.drift(2);
    assert_eq!((count(&drift, "changed"), count(&drift, "breaches")), (1, 0));
    let path = &drift["resources"][0]["paths"][0];
    assert_eq!(
        (&path["path"], &path["state"], &path["live"], &path["spec"]),
        (&"size".into(), &"s".into(), &"m".into(), &"s".into())
    );
    assert_eq!(drift["resources"][0]["file"], "web.straddle.hcl");
    stack.run("drift -fail-on=error,breach").ends(0);
    stack.run(&format!("sim edit {id} size=s")).ends(0);
    stack.drift(0);

    // An edit of the spec that nobody applied: state and reality agree, the spec does not.
    stack.edit("size  = \"s\"", "size  = \"l\"");
    let drift = stack.drift(2);
    assert_eq!(count(&drift, "changed"), 10);
    let path = &drift["resources"][0]["paths"][0];
    assert_eq!((&path["state"], &path["live"], &path["spec"]), (&"s".into(), &"s".into(), &"l".into()));
}

#[test]
fn a_quota_below_the_declared_capacity_bounds_the_failover() {
    let stack = Stack::applied("web-5-5");
    stack.run("sim quota zone:seoul-c=8").ends(0);
    stack.run("sim down zone:seoul-a").ends(0);
    stack.run("failover -auto-approve").ends(0);
    stack.stands(5, 8);
    // There is no more room: that is known beforehand and asked of nobody.
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn shrinking_keeps_the_ratio() {
    let stack = Stack::applied("web-5-5");
    stack.edit("replicas = 10", "replicas = 6");
    stack.edit("demand   = 7", "demand   = 4");
    stack.run("apply -auto-approve").ends(0).says("0 added, 0 changed, 8 removed");
    stack.stands(3, 3);
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_resize_under_a_full_floor_works_through_spares() {
    let stack = Stack::applied("web-5-5");
    let born = (stack.ids("seoul-a"), stack.ids("seoul-c"));
    stack.edit("size  = \"s\"", "size  = \"m\"");
    stack.run("plan -out=resize").ends(0).says("SPARE").says("4 to add and remove again");
    stack.run("verify resize").ends(0);
    let plan: Value = serde_json::from_str(&stack.run("show -json resize").ends(0).out).unwrap();
    let changes = plan["resource_changes"].as_array().unwrap();
    let with =
        |actions: &[&str]| changes.iter().filter(|c| c["change"]["actions"] == serde_json::json!(actions)).count();
    assert_eq!((with(&["update"]), with(&["create", "delete"]), with(&["create"]), with(&["delete"])), (10, 4, 0, 0));
    let spare = changes.iter().find(|c| c["action_reason"] == "create_temporary_spare").unwrap();
    assert_eq!((&spare["change"]["before"], &spare["change"]["after"]["size"]), (&Value::Null, &"m".into()));
    // What comes and goes is in the steps, and not in what will stand.
    let lasting = plan["planned_values"].to_string();
    assert!(!lasting.contains("seoul-a/5") && lasting.contains("seoul-a/4"), "{lasting}");
    let steps = plan["straddle"]["workloads"]["web"]["steps"].as_array().unwrap();
    let named = |list: &str| -> Vec<String> {
        let entries =
            steps.iter().flat_map(|s| s[list].as_array().unwrap()).flat_map(|e| e["addresses"].as_array().unwrap());
        let mut names: Vec<String> = entries.map(|a| a.as_str().unwrap().to_string()).collect();
        names.sort();
        names
    };
    assert!(named("adds") == named("removes") && !named("adds").is_empty(), "{:?}", named("adds"));
    for step in steps {
        let serving: u64 = step["half_done"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert!(serving >= 10, "{step}");
    }
    stack.run("apply resize").ends(0).says("4 added, 10 changed, 4 removed");
    stack.stands(5, 5);
    assert_eq!((stack.ids("seoul-a"), stack.ids("seoul-c")), born, "the same instances, resized");
    stack.run("plan -detailed-exitcode").ends(0).says("No changes");
    stack.drift(0);
}

#[test]
fn a_resize_that_finds_no_room_for_a_spare_says_what_would_help() {
    let stack = Stack::applied("web-5-5");
    stack.edit("size  = \"s\"", "size  = \"m\"");
    stack.edit("surge = 2", "surge = 0");
    stack.run("plan").ends(3).says("surge = 1");
    let full = Stack::of("web-5-5");
    let path = full.0.join("web.straddle.hcl");
    let text = std::fs::read_to_string(&path).unwrap().replace("capacity = 40", "capacity = 5");
    std::fs::write(
        &path,
        text.replace("    then   = { \"100%\" = \"15m\" } # by growing in the zone that is left\n", ""),
    )
    .unwrap();
    full.run("apply -auto-approve").ends(0);
    full.edit("size  = \"s\"", "size  = \"m\"");
    full.run("plan").ends(3).says("room for one replica more");
    // Where no rule speaks of zones, a lower floor is enough.
    full.edit("    floor  = \"50%\"              # at once\n", "    floor  = \"10%\"\n");
    full.run("plan").ends(3).says("room for one replica more").says("90%");
    full.edit("serving = \"100%\"", "serving = \"90%\"");
    full.run("apply -auto-approve").ends(0).says("0 added, 10 changed, 0 removed");
    full.stands(5, 5);
}

#[test]
fn an_accepted_loss_is_silent_until_its_day() {
    let stack = Stack::of("web-5-5");
    let path = stack.0.join("web.straddle.hcl");
    let spec = std::fs::read_to_string(&path).unwrap();
    let accept = |until: &str, lose: &str| {
        let block = format!("accept \"for-now\" {{\n  lose  = [\"{lose}\"]\n  until = \"{until}\"\n}}\n");
        std::fs::write(&path, format!("{block}{spec}")).unwrap();
    };
    stack.run("plan").ends(0).says("single point of failure: cloud simcloud");
    accept("2999-12-31", "cloud:simcloud");
    let plan = stack.run("plan").ends(0).says("accepted until 2999-12-31");
    assert!(!plan.out.contains("single point"), "{}", plan.out);
    accept("2001-12-31", "cloud:simcloud");
    stack.run("plan").ends(0).says("single point of failure: cloud simcloud").says("has run out");
    // A broken rule: no plan is made, unless the loss that breaks it is accepted.
    stack.edit(
        "survive \"zone\" {\n    losses = 1\n    floor  = \"50%\"",
        "survive \"zone\" {\n    losses = 1\n    floor  = \"60%\"",
    );
    let spec = std::fs::read_to_string(&path).unwrap();
    stack.run("validate -rules").ends(3);
    std::fs::write(&path, spec.replace("[\"cloud:simcloud\"]", "[\"zone:seoul-a\", \"zone:seoul-c\"]")).unwrap();
    stack.run("validate -rules").ends(3);
    let both = "accept \"a\" {\n  lose = [\"zone:seoul-a\"]\n  until = \"2999-12-31\"\n}\naccept \"c\" {\n  lose = [\"zone:seoul-c\"]\n  until = \"2999-12-31\"\n}\n";
    std::fs::write(&path, format!("{both}{spec}")).unwrap();
    stack.run("validate -rules").ends(0);
    stack.run("apply -auto-approve").ends(0);
    stack.drift(0);
}

#[test]
fn simulation_of_what_stands_and_of_the_spec() {
    let stack = Stack::of("web-5-5");
    let json =
        |stack: &Stack, line: &str, code| -> Value { serde_json::from_str(&stack.run(line).ends(code).out).unwrap() };
    let wanted = json(&stack, "simulate -lose zone:seoul-a -json", 0);
    assert_eq!(wanted["workloads"]["web"]["worst"]["alive"], 5);
    assert_eq!(wanted["workloads"]["web"]["losses"][0]["recovers_to"], 10);
    assert_eq!(stack.zones(), BTreeMap::new());
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim kill 2 -in zone:seoul-a").ends(0);
    let now = json(&stack, "simulate -any 1 -of zone -json", 3);
    let losses = now["workloads"]["web"]["losses"].as_array().unwrap();
    let alive: Vec<(&Value, &Value)> = losses.iter().map(|l| (&l["lose"][0], &l["alive"])).collect();
    assert_eq!(alive, [(&"zone:seoul-a".into(), &5.into()), (&"zone:seoul-c".into(), &3.into())]);
    assert_eq!(now["ok"], false);
    let both = json(&stack, "simulate -lose zone:seoul-a -lose zone:seoul-c -json", 0);
    assert_eq!((&both["workloads"]["web"]["losses"][0]["alive"], &both["ok"]), (&0.into(), &true.into()));
    stack.run("simulate -any 3 -of zone").ends(1).says("only 2");
}

#[test]
fn rules_are_judged_without_state_or_provider() {
    let stack = Stack::of("web-5-5");
    stack.run("validate -rules").ends(0);
    stack.edit("floor  = \"50%\"", "floor  = \"60%\"");
    stack.run("validate -rules").ends(3).says("survive \"zone\"");
    assert_eq!(stack.bytes().len(), 1, "nothing was written");
}
