//! Probes from several vantage points, told to the built binary: a loss is believed only when what sees it is independent, the
//! provider says so too, and no more is lost than the rules speak of. Whatever is in doubt is not touched.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

#[path = "evidence/asked.rs"]
mod asked;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Serves every replica; those whose path begins with one of these fail.
#[derive(Clone)]
struct Replicas {
    port: u16,
    ill: Arc<Mutex<BTreeSet<String>>>,
}

impl Replicas {
    fn serve() -> Replicas {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ill: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let theirs = ill.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ill = theirs.clone();
                std::thread::spawn(move || answer(stream, &ill));
            }
        });
        Replicas { port, ill }
    }

    fn fail(&self, paths: &[&str]) {
        *self.ill.lock().unwrap() = paths.iter().map(|p| (*p).to_string()).collect();
    }
}

fn answer(mut stream: TcpStream, ill: &Mutex<BTreeSet<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).is_err() {
        return;
    }
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    let bad = ill.lock().unwrap().iter().any(|p| path.starts_with(p.as_str()));
    let status = if bad { "503 Service Unavailable" } else { "200 OK" };
    let _ =
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").as_bytes());
}

struct Stack {
    dir: PathBuf,
    replicas: Replicas,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // What is left of a test's directory is found again under the build directory.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
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

const BINARY: &str = env!("CARGO_BIN_EXE_straddle");

fn spec(port: u16, probe: &str) -> String {
    format!(
        r#"
provider "sim" {{}}
shared_risk "line" {{
  kind = "carrier"
}}
vantage "here" {{}}
vantage "far" {{
  exec = ["{BINARY}", "probe", "-agent"]
}}
vantage "on_line" {{
  exec   = ["{BINARY}", "probe", "-agent", "-parallelism=2"]
  shares = [shared_risk.line]
}}
vantage "also_on_line" {{
  exec   = ["{BINARY}", "probe", "-agent", "-parallelism=3"]
  shares = [shared_risk.line]
}}
vantage "broken" {{
  exec = ["{BINARY}", "probe", "-no-such-flag"]
}}
location "a" {{
  provider = sim
  domains  = {{ cloud = "c", zone = "a" }}
  capacity = 20
}}
location "b" {{
  provider = sim
  domains  = {{ cloud = "c", zone = "b" }}
  capacity = 20
}}
workload "web" {{
  replicas = 4
  spread "zone" {{
    ratio = "even"
  }}
  floor {{
    serving = "50%"
  }}
  survive "zone" {{
    losses = 1
    floor  = "50%"
  }}
  replica "server" {{
    resource "sim_instance" "server" {{
      zone  = location.domains.zone
      image = "img"
      size  = "s"
    }}
    ready = probe.web.healthy[replica.name]
  }}
}}
probe "web" {{
  url      = "http://127.0.0.1:{port}/${{replica.key}}"
  interval = "1s"
  timeout  = "3s"
  confirm  = 2
  {probe}
}}
"#
    )
}

const BOTH: &str = "from = [vantage.here, vantage.far]";

impl Stack {
    fn of(probe: &str) -> Stack {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("evidence-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let replicas = Replicas::serve();
        std::fs::write(dir.join("web.straddle.hcl"), spec(replicas.port, probe)).unwrap();
        Stack { dir, replicas }
    }

    fn applied(probe: &str) -> Stack {
        let stack = Stack::of(probe);
        stack.run("apply -auto-approve").ends(0);
        stack
    }

    fn run(&self, line: &str) -> Ran {
        let output = Command::new(BINARY)
            .args(line.split_whitespace())
            .current_dir(&self.dir)
            .env_remove("TF_CLI_CONFIG_FILE")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn zones(&self) -> BTreeMap<String, usize> {
        let status: Value = serde_json::from_str(&self.run("sim status -json").ends(0).out).unwrap();
        let mut zones = BTreeMap::new();
        for one in status["resources"].as_array().unwrap() {
            *zones.entry(one["zone"].as_str().unwrap().to_string()).or_default() += 1;
        }
        zones
    }

    fn stands(&self, a: usize, b: usize) {
        let found = self.zones();
        let of = |zone: &str| found.get(zone).copied().unwrap_or(0);
        assert_eq!((of("a"), of("b")), (a, b));
    }

    /// What `straddle probe` says, by location.
    fn states(&self) -> BTreeMap<String, String> {
        let seen: Value = serde_json::from_str(&self.run("probe -json").ends(0).out).unwrap();
        let schema =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/probe.schema.json")).unwrap();
        let schema: Value = serde_json::from_str(&schema).unwrap();
        assert!(jsonschema::is_valid(&schema, &seen), "{seen}");
        let locations = seen["locations"].as_object().unwrap();
        locations.iter().map(|(k, v)| (k.clone(), v["state"].as_str().unwrap().to_string())).collect()
    }

    fn state(&self, location: &str) -> String {
        self.states()[location].clone()
    }

    /// Neither planning nor failing over touches anything.
    fn nothing_is_touched(&self) {
        let before = self.zones();
        self.run("failover -auto-approve").ends(0);
        let applied = self.run("apply -auto-approve");
        assert!(matches!(applied.code, 0 | 3 | 7), "{}\n{}", applied.out, applied.err);
        assert_eq!(self.zones(), before);
    }
}

#[test]
fn serving_is_what_probes_say_and_a_plan_waits_for_it() {
    let stack = Stack::applied(BOTH);
    stack.stands(2, 2);
    assert_eq!(stack.states(), BTreeMap::from([("a".into(), "healthy".into()), ("b".into(), "healthy".into())]));
    stack.run("plan -detailed-exitcode").ends(0);
    // One replica runs and does not serve: its location is there all the same.
    stack.replicas.fail(&["/a/0"]);
    assert_eq!(stack.state("a"), "healthy");
    let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({"a": 1, "b": 2}));
}

#[test]
fn probes_alone_make_it_suspect_and_the_providers_word_makes_it_down() {
    let stack = Stack::applied(BOTH);
    stack.replicas.fail(&["/a/"]);
    assert_eq!(stack.state("a"), "suspect");
    stack.nothing_is_touched();
    stack.run("failover -auto-approve").ends(0).says("SUSPECT").says("failover --lose");
    stack.stands(2, 2);
    stack.run("sim down zone:a").ends(0);
    assert_eq!(stack.state("a"), "down");
    stack
        .run("failover -auto-approve")
        .ends(0)
        .says("Is it really down?")
        .says("2 of 2 say DOWN: here, far")
        .says("reports it down")
        .says("elsewhere  b UP");
    stack.stands(2, 4);
}

#[test]
fn the_providers_word_alone_is_no_loss_where_probes_are_declared() {
    let stack = Stack::applied(BOTH);
    stack.run("sim down zone:a").ends(0);
    assert_eq!(stack.state("a"), "suspect", "its replicas serve, whatever the provider says");
    stack.nothing_is_touched();
    stack.stands(2, 2);
}

#[test]
fn vantage_points_on_one_line_are_one_and_a_silent_one_is_none() {
    for from in ["from = [vantage.on_line, vantage.also_on_line]", "from = [vantage.far, vantage.broken]", ""] {
        let stack = Stack::applied("from = [vantage.here, vantage.far]");
        let path = stack.dir.join("web.straddle.hcl");
        std::fs::write(&path, spec(stack.replicas.port, from)).unwrap();
        stack.replicas.fail(&["/a/"]);
        stack.run("sim down zone:a").ends(0);
        assert_eq!(stack.state("a"), "suspect", "{from}");
        stack.nothing_is_touched();
        stack.run("validate").ends(0);
        let told = stack.run("plan");
        if from != "from = [vantage.far, vantage.broken]" {
            assert!(told.err.contains("can prove no loss"), "{}", told.err);
        }
    }
}

/// N14: the machine that looks has lost its own line; nothing is down.
#[test]
fn cut_uplink_nothing_is_done() {
    let stack = Stack::applied("from = [vantage.here, vantage.broken]");
    stack.run("sim unreachable zone:a").ends(0);
    stack.run("sim unreachable zone:b").ends(0);
    stack.replicas.fail(&["/"]);
    let states = stack.states();
    assert!(states.values().all(|s| s == "suspect" || s == "unknown"), "{states:?}");
    stack.nothing_is_touched();
    stack.stands(2, 2);
}

#[test]
fn more_lost_than_the_rules_speak_of_is_held() {
    let stack = Stack::applied(BOTH);
    stack.replicas.fail(&["/a/", "/b/"]);
    stack.run("sim down zone:a").ends(0);
    stack.run("sim down zone:b").ends(0);
    let seen: Value = serde_json::from_str(&stack.run("probe -json").ends(0).out).unwrap();
    assert_eq!((&seen["locations"]["a"]["held"], &seen["locations"]["a"]["state"]), (&true.into(), &"suspect".into()));
    stack.run("failover -auto-approve").ends(0).says("HELD");
    stack.stands(2, 2);
}

#[test]
fn control_lost_keeps_traffic_and_counts_what_probes_confirm() {
    let stack = Stack::applied(BOTH);
    stack.run("sim unreachable zone:a").ends(0);
    assert_eq!(stack.state("a"), "control_lost");
    let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({"a": 2, "b": 2}));
    stack.nothing_is_touched();
    // Without a word from anybody it is unknown, counts nothing, and still nothing is touched.
    stack.replicas.fail(&["/a/0"]);
    let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
    assert_eq!(drift["workloads"]["web"]["counts"]["a"], 1);
    stack.nothing_is_touched();
}

#[test]
fn what_was_seen_is_remembered_and_a_way_back_waits() {
    let stack = Stack::applied(BOTH);
    stack.replicas.fail(&["/a/"]);
    stack.run("sim down zone:a").ends(0);
    stack.run("failover -auto-approve").ends(0);
    stack.stands(2, 4);
    stack.run("failback -check").ends(1);
    stack.replicas.fail(&[]);
    stack.run("sim up zone:a").ends(0);
    stack.run("failback -check").ends(0).says("NOT MET").says("hold 30m");
    stack.run("failback -auto-approve").ends(0);
    stack.stands(2, 2);
    // Lost again so soon, the next return waits longer.
    stack.replicas.fail(&["/a/"]);
    stack.run("sim down zone:a").ends(0);
    stack.run("failover -auto-approve").ends(0);
    stack.run("failback -check").ends(1).says("after 1 returns that failed");
}

fn replaced(stack: &Stack, from: &str, to: &str) {
    let path = stack.dir.join("web.straddle.hcl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// Every command carries the table, shows it, and keeps to it: failed over, on trial, returned.
#[test]
fn the_course_of_a_loss_is_shown_and_obeyed_by_every_command() {
    let stack = Stack::applied(BOTH);
    let of = |line: &str| -> Value { serde_json::from_str(&stack.run(line).out).unwrap() };
    let course = || of("drift -json")["locations"]["a"].clone();
    assert_eq!(course()["state"], "healthy");
    stack.replicas.fail(&["/a/"]);
    stack.run("sim down zone:a").ends(0);
    assert_eq!((&course()["state"], &course()["seen"]), (&"down".into(), &"down".into()));
    stack.run("failover -auto-approve").ends(0);
    assert_eq!((course()["state"].as_str(), stack.state("a").as_str()), (Some("failed_over"), "failed_over"));
    assert!(course()["failed_over"].is_string());
    stack.run("plan").says("FAILED OVER");
    stack.run("drift").says("FAILED OVER");
    // Well again: on trial, seen by whoever only looks, and remembered by whoever holds the lock.
    stack.replicas.fail(&[]);
    stack.run("sim up zone:a").ends(0);
    assert_eq!(course()["state"], "probation");
    assert!(course()["since"].is_null(), "nobody has noted it yet");
    stack.run("probe -record").ends(0).says("ON TRIAL");
    assert!(course()["well_since"].is_string());
    assert_eq!(of("drift -json")["workloads"]["web"]["counts"], serde_json::json!({"a": 0, "b": 4}), "0 for floors");
    stack.run("plan -detailed-exitcode").ends(0).says("ON TRIAL");
    let shown = stack.run("plan -out=p").ends(0);
    assert!(shown.out.contains("a ON TRIAL, b UP"), "{}", shown.out);
    let saved: Value = serde_json::from_str(&stack.run("show -json p").ends(0).out).unwrap();
    assert_eq!(saved["straddle"]["locations"]["a"]["state"], "probation");
    stack.run("apply -auto-approve").ends(0);
    stack.stands(2, 4);
    // It breaks while on trial: failed over still, and the next trial is twice as long.
    stack.replicas.fail(&["/a/"]);
    stack.run("probe -record").ends(0).says("FAILED OVER");
    assert_eq!(course()["setbacks"], 1);
    stack.replicas.fail(&[]);
    stack.run("failback -check").ends(0).says("1h after 1 returns that failed");
    stack.run("failback -auto-approve").ends(0);
    assert_eq!((course()["state"].as_str(), stack.state("a").as_str()), (Some("healthy"), "healthy"));
    stack.stands(2, 2);
}

#[test]
fn in_mode_alarm_every_command_tells_and_none_acts() {
    let stack = Stack::of(BOTH);
    replaced(&stack, "replica \"server\" {", "failover {\n    mode = \"alarm\"\n  }\n  replica \"server\" {");
    stack.run("apply -auto-approve").ends(0);
    stack.replicas.fail(&["/a/"]);
    stack.run("sim down zone:a").ends(0);
    for line in ["plan", "drift", "probe", "failover -auto-approve"] {
        stack.run(line).says("ALARM");
    }
    stack.nothing_is_touched();
    // A person's word goes before the mode.
    stack.run("failover -lose zone:a -auto-approve").ends(0);
    stack.stands(2, 4);
}

#[test]
fn silence_makes_a_location_down_by_time_where_the_spec_says_so_and_the_plan_says_it() {
    let stack = Stack::of(BOTH);
    // Nobody but the provider is asked, and it says nothing.
    let path = stack.dir.join("web.straddle.hcl");
    let text = std::fs::read_to_string(&path).unwrap();
    let (text, _) = text.split_once("probe \"web\" {").unwrap();
    let text = text.replace("probe.web.healthy[replica.name]", "sim_instance.server.state == \"running\"");
    std::fs::write(&path, &text).unwrap();
    stack.run("apply -auto-approve").ends(0);
    let state = || -> String {
        let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
        drift["locations"]["a"]["state"].as_str().unwrap().to_string()
    };
    stack.run("sim unreachable zone:a").ends(0);
    stack.run("probe -record").ends(0);
    assert_eq!(state(), "unknown");
    stack.run("failover -auto-approve").ends(0).says("UNKNOWN");
    stack.stands(2, 2);
    replaced(&stack, "replica \"server\" {", "failover {\n    unknown_after = \"0s\"\n  }\n  replica \"server\" {");
    stack.run("plan").says("by time alone").says("nobody has proven it");
    assert_eq!(state(), "down");
    stack.run("failover -auto-approve").ends(0);
    stack.stands(2, 4);
}

/// The example, with its servers asked instead of its cloud: all run, none serves, and nothing is moved from one dead zone to another.
#[test]
fn seoul_2018_running_is_not_serving() {
    let stack = Stack::of(BOTH);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/seoul-2018/web.straddle.hcl");
    let text = std::fs::read_to_string(from).unwrap().replace("\"1s\"", "\"0s\"");
    let running = "sim_instance.server.state == \"running\"";
    assert_eq!(text.matches(running).count(), 1);
    let text = text.replace(running, "probe.web.healthy[replica.name]");
    let probe = format!(
        "vantage \"pangyo\" {{}}\nvantage \"tokyo\" {{\n  exec = [\"{BINARY}\", \"probe\", \"-agent\"]\n}}\nprobe \"web\" {{\n  url = \"http://127.0.0.1:{}/${{replica.key}}\"\n  interval = \"1s\"\n  from = [vantage.pangyo, vantage.tokyo]\n}}\n",
        stack.replicas.port
    );
    std::fs::write(stack.dir.join("web.straddle.hcl"), text + &probe).unwrap();
    stack.run("apply -auto-approve").ends(0);
    let before = stack.zones();
    assert_eq!(before.values().sum::<usize>(), 10);
    stack.replicas.fail(&["/"]);
    assert!(stack.states().values().all(|s| s == "suspect"));
    let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({"seoul-a": 0, "seoul-c": 0}));
    stack.run("failover -auto-approve").ends(0).says("SUSPECT");
    stack.nothing_is_touched();
    stack.replicas.fail(&[]);
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn mistakes_are_told_where_they_are() {
    let stack = Stack::of(BOTH);
    let path = stack.dir.join("web.straddle.hcl");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, says) in [
        ("from = [vantage.here, vantage.far]", "from = [vantage.her]", "Did you mean vantage.here?"),
        ("confirm  = 2", "confirm  = 0", "a whole number from 1 to 60"),
        ("interval = \"1s\"", "tcp = \"a:1\"", "exactly one of"),
        ("timeout  = \"3s\"", "expect = \"fine\"", "a status code"),
        ("vantage \"here\" {}", "vantage \"here\" {\n  local = true\n  url = \"https://x\"\n}", "more than one of"),
        ("ready = probe.web.healthy", "ready = probe.wep.healthy", "Did you mean probe.web?"),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        let ran = stack.run("validate");
        assert_eq!(ran.code, 1, "{to}\n{}", ran.out);
        assert!(format!("{}{}", ran.out, ran.err).contains(says), "{to}: {}{}", ran.out, ran.err);
    }
}
