//! Runbooks, told to the built binary: compiled, refused when they need what is lost, rehearsed, and carried out with the spec, the
//! state and everything inside the loss gone; after a kill nothing is made twice, and the state takes over what was done.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const BINARY: &str = env!("CARGO_BIN_EXE_straddle");
const KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/// A directory for spec and state, beside it what a loss does not reach.
struct Stack(PathBuf);

impl Drop for Stack {
    fn drop(&mut self) {
        // What is left of a test's directory is found again under the build directory.
        let _ = std::fs::remove_dir_all(&self.0);
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

/// Two clouds, each with a store of its own; more blocks and arguments of the runbook block as given.
fn spec(root: &Path, more: &str, arguments: &str) -> String {
    let root = root.display();
    format!(
        r#"
provider "sim" {{
  alias = "one"
  cloud = "one"
  store = "{root}/clouds/one.db"
}}
provider "sim" {{
  alias = "two"
  cloud = "two"
  store = "{root}/clouds/two.db"
}}
shared_risk "dogok" {{
  kind = "building"
}}
variable "token" {{
  type      = string
  default   = "hush-hush"
  sensitive = true
}}
location "a" {{
  provider = sim.one
  domains  = {{ cloud = "one", zone = "a" }}
  shares   = [shared_risk.dogok]
  capacity = 20
}}
location "b" {{
  provider = sim.two
  domains  = {{ cloud = "two", zone = "b" }}
  capacity = 20
}}
workload "web" {{
  replicas = 4
  spread "cloud" {{
    ratio = "even"
  }}
  survive "cloud" {{
    losses = 1
    floor  = "50%"
    then   = {{ "100%" = "30m" }}
  }}
  replica "server" {{
    resource "sim_instance" "server" {{
      zone  = location.domains.zone
      image = "img"
      size  = "s"
      tags  = {{ token = var.token }}
    }}
    ready = sim_instance.server.state == "running"
  }}
}}
{more}
runbook "main" {{
  store "tokyo" {{
    path = "{root}/tokyo"
  }}
  store "laptop" {{
    path = "{root}/laptop"
  }}
  {arguments}
}}
"#
    )
}

impl Stack {
    fn of(more: &str, arguments: &str) -> Stack {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("runbook-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for part in ["stack", "clouds", "elsewhere"] {
            std::fs::create_dir_all(dir.join(part)).unwrap();
        }
        std::fs::write(dir.join("stack/web.straddle.hcl"), spec(&dir, more, arguments)).unwrap();
        Stack(dir)
    }

    fn applied(more: &str, arguments: &str) -> Stack {
        let stack = Stack::of(more, arguments);
        stack.run("apply -auto-approve").ends(0);
        stack
    }

    fn command(&self, directory: &str, line: &str) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(line.split_whitespace())
            .current_dir(self.0.join(directory))
            .env_remove("TF_CLI_CONFIG_FILE")
            .env("NO_COLOR", "1")
            .env("STRADDLE_RUNBOOK_KEY", KEY)
            .stdin(Stdio::null());
        command
    }

    fn run_in(&self, directory: &str, line: &str) -> Ran {
        ran(&mut self.command(directory, line))
    }

    fn run(&self, line: &str) -> Ran {
        self.run_in("stack", line)
    }

    /// Carries a runbook out far from the spec.
    fn offline(&self) -> Ran {
        self.run_in("elsewhere", "runbook run -offline -auto-approve ../tokyo/lose-cloud-one.runbook")
    }

    /// Everything the loss takes is gone: spec, state, the lost cloud itself.
    fn burns(&self) {
        std::fs::remove_dir_all(self.0.join("stack")).unwrap();
        for file in std::fs::read_dir(self.0.join("clouds")).unwrap().flatten() {
            if file.file_name().to_string_lossy().starts_with("one.db") {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
    }

    /// Objects of a cloud, as it has them itself.
    fn cloud(&self, name: &str) -> Vec<Value> {
        let dir = self.0.join(format!("look-{name}"));
        std::fs::create_dir_all(&dir).unwrap();
        let store = self.0.join("clouds").join(format!("{name}.db"));
        let text = format!("provider \"sim\" {{\n  store = \"{}\"\n}}\n", store.display());
        std::fs::write(dir.join("look.tf"), text).unwrap();
        let status: Value =
            serde_json::from_str(&self.run_in(&format!("look-{name}"), "sim status -json").ends(0).out).unwrap();
        status["resources"].as_array().unwrap().clone()
    }

    fn list(&self) -> BTreeMap<String, Value> {
        let found: Value = serde_json::from_str(&self.run("runbook list -json").ends(0).out).unwrap();
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/runbooks.schema.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        assert!(jsonschema::is_valid(&schema, &found), "{found}");
        let all = found["runbooks"].as_array().unwrap();
        all.iter().map(|r| (r["name"].as_str().unwrap().to_string(), r.clone())).collect()
    }

    fn edit(&self, from: &str, to: &str) {
        let path = self.0.join("stack/web.straddle.hcl");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn apply_compiles_one_for_every_loss_and_keeps_it_in_two_places() {
    let stack = Stack::applied("", "");
    let list = stack.list();
    assert_eq!(list.keys().collect::<Vec<_>>(), ["lose-cloud-one", "lose-cloud-two"]);
    let one = &list["lose-cloud-one"];
    assert_eq!(one["aliases"], serde_json::json!(["shared_risk:dogok", "zone:a"]));
    assert_eq!((one["ok"].as_bool(), one["stores"].as_array().unwrap().len()), (Some(true), 2));
    // What the servers have become since is remembered by one more apply; from then on nothing changes, and nothing is compiled again.
    stack.run("apply -auto-approve").ends(0);
    let before = std::fs::read(stack.0.join("tokyo/lose-cloud-one.runbook")).unwrap();
    stack.run("apply -auto-approve").ends(0);
    assert!(before == std::fs::read(stack.0.join("tokyo/lose-cloud-one.runbook")).unwrap());
    // No secret stands in it in the clear.
    assert!(!before.windows(9).any(|w| w == b"hush-hush"));
    stack.run("drift").ends(0);
    stack.edit("replicas = 4", "replicas = 6");
    stack.run("drift").says("the spec has changed since it was built");
    stack.run("apply -auto-approve").ends(0).says("built    lose-cloud-one: adds 3");
    stack.run("drift").ends(0);
    std::fs::remove_file(stack.0.join("laptop/lose-cloud-one.runbook")).unwrap();
    stack.run("drift").ends(2).says("1 of its places outside the loss keep it");
}

/// `runbook_offline_blackhole` of `spread.md` 4.10.
#[test]
fn carried_out_with_spec_state_and_the_lost_cloud_gone() {
    let stack = Stack::applied("", "");
    assert_eq!(stack.cloud("two").len(), 2);
    stack.burns();
    stack.offline().ends(0).says("is carried out as it is").says("DONE  lose-cloud-one");
    assert_eq!(stack.cloud("two").len(), 4);
    // Once more: everything stands.
    stack.offline().ends(0).says("nothing to do");
    assert_eq!(stack.cloud("two").len(), 4);
    assert!(!stack.0.join("stack").exists() && !stack.0.join("clouds/one.db").exists(), "nobody made them again");
}

/// Where nothing but the runbook, its key and the clouds' own programs can be reached. `None`: this machine gives no such namespace.
fn without_a_network(stack: &Stack, directory: &str, line: &str) -> Option<Ran> {
    let allowed = Command::new("unshare").args(["-rn", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|s| s.success()) {
        println!("no network namespaces here: closed sockets stand in for them");
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(["-rn", BINARY])
        .args(line.split_whitespace())
        .current_dir(stack.0.join(directory))
        .env_remove("TF_CLI_CONFIG_FILE")
        .env("NO_COLOR", "1")
        .env("STRADDLE_RUNBOOK_KEY", KEY)
        .stdin(Stdio::null());
    Some(ran(&mut command))
}

/// N8: every endpoint inside the loss blackholed. The lost cloud's servers are asked over the network in peace; in the namespace nobody
/// can be, and the spec's directory, the state and the lost cloud are gone.
#[test]
fn carried_out_in_a_namespace_without_a_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream);
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let probe = format!("probe \"front\" {{\n  tcp = \"{address}\"\n  interval = \"1s\"\n  timeout = \"2s\"\n}}");
    let stack = Stack::applied(&probe, "");
    assert!(asked.load(Ordering::Relaxed) > 0, "in peace the endpoint is asked");
    stack.burns();
    let book = "runbook run -offline -auto-approve ../tokyo/lose-cloud-one.runbook";
    match without_a_network(&stack, "elsewhere", "version") {
        Some(version) => {
            version.ends(0);
            let before = asked.load(Ordering::Relaxed);
            without_a_network(&stack, "elsewhere", book).unwrap().ends(0).says("DONE  lose-cloud-one");
            assert_eq!(
                asked.load(Ordering::Relaxed),
                before,
                "nothing of this machine's network was there to be asked"
            );
        }
        None => drop(stack.offline().ends(0).says("DONE  lose-cloud-one")),
    }
    assert_eq!(stack.cloud("two").len(), 4);
    assert!(!stack.0.join("stack").exists() && !stack.0.join("clouds/one.db").exists());
}

#[test]
fn files_that_functions_read_go_along_and_what_is_missing_is_named() {
    let stack = Stack::of("", "");
    let directory = stack.0.join("stack");
    std::fs::write(directory.join("image.txt"), "img-from-a-file").unwrap();
    std::fs::create_dir(directory.join("conf")).unwrap();
    std::fs::write(directory.join("conf/a.tpl"), "to ${place}").unwrap();
    stack.edit("image = \"img\"", "image = file(\"image.txt\")");
    stack.edit(
        "tags  = { token = var.token }",
        "tags  = { for f in fileset(path.module, \"conf/*.tpl\") : f => templatefile(f, { place = location.name }) }",
    );
    stack.run("apply -auto-approve").ends(0).says("built    lose-cloud-one");
    stack.burns();
    stack.offline().ends(0).says("is carried out as it is").says("DONE  lose-cloud-one");
    let servers = stack.cloud("two");
    assert_eq!(servers.len(), 4);
    assert!(servers.iter().all(|s| s["image"] == "img-from-a-file"), "{servers:?}");
    assert!(servers.iter().all(|s| s["tags"].to_string().contains("to b")), "{servers:?}");
}

#[test]
fn a_rehearsal_that_is_too_old_fails_the_drift_check_and_a_class_counts_what_the_ledger_knows() {
    let class = "location \"far\" {\n  provider = sim.two\n  domains = { cloud = \"two\", zone = \"far\" }\n  capacity = 20\n  class = \"hot\"\n}";
    let stack = Stack::of(class, "rehearse_every = \"1d\"");
    stack.edit("ratio = \"even\"", "over  = [\"one\", \"two\"]\n    ratio = \"even\"");
    stack.run("apply -auto-approve").ends(0);
    let rehearsed = || -> Value {
        let found: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
        let all = found["promises"].as_array().unwrap();
        all.iter().find(|p| p["id"] == "class.far").unwrap()["numbers"]["rehearsed_days"].clone()
    };
    assert_eq!(rehearsed(), Value::Null, "nobody has rehearsed anything");
    stack.run("runbook test").ends(0);
    assert_eq!(rehearsed(), 0, "what the ledger knows needs no day in the spec");
    stack.run("drift -fail-on=drift");
    // Two days later the same ledger is too old.
    use straddle::state::{Entry, Json, LockRequest, Note, NoteKey, RunBegin, RunEnd, RunOutcome, Store, now};
    let store = Store::open_write(&stack.0.join("stack"), &LockRequest::here("runbook")).unwrap();
    let two_days = 2 * 86_400_000;
    let mut entries = vec![Entry::RunBegin(RunBegin { who: "kim".into(), command: "runbook".into(), plan: None })];
    for name in ["lose-cloud-one", "lose-cloud-two", "lose-zone-b", "lose-zone-far"] {
        let key = NoteKey { kind: "runbook".into(), subject: name.into() };
        let Some(note) = store.state().notes.get(&key).cloned() else { continue };
        let mut line: Value = serde_json::from_str(note.value.as_str()).unwrap();
        let at = line["tested"]["at"].as_i64().unwrap() - two_days;
        line["tested"]["at"] = at.into();
        let value = Json::new(&line.to_string()).unwrap();
        entries.push(Entry::Note { key, note: Some(Note { at: now(), value }) });
    }
    assert!(entries.len() > 2);
    entries.push(Entry::RunEnd(RunEnd { outcome: RunOutcome::Done }));
    store.record(now(), entries).unwrap();
    store.close().unwrap();
    assert_eq!(rehearsed(), 2);
    let drift = stack.run("drift");
    assert_eq!(drift.code, 2, "{}{}", drift.out, drift.err);
    assert!(drift.out.contains("it was last rehearsed 2 days ago"), "{}", drift.out);
}

#[test]
fn what_moved_outside_the_loss_is_planned_anew_from_its_own_texts() {
    let stack = Stack::applied("", "");
    let id = stack.cloud("two")[0]["id"].as_str().unwrap().to_string();
    stack.run_in("look-two", &format!("sim edit {id} size=m")).ends(0);
    stack.burns();
    stack.offline().ends(0).says("Planned anew from the runbook's own texts");
    assert_eq!(stack.cloud("two").len(), 4);
}

#[test]
fn killed_in_the_middle_it_makes_nothing_twice() {
    let stack = Stack::applied("", "");
    stack.burns();
    // The journal tells when the first call is out: the kill falls between calls and their ends.
    let journal = stack.0.join("tokyo/lose-cloud-one.runbook.run");
    for _ in 0..6 {
        let mut child = stack
            .command("elsewhere", "runbook run -offline -auto-approve ../tokyo/lose-cloud-one.runbook")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while std::io::BufRead::read_line(&mut seen, &mut line).is_ok_and(|n| n > 0) {
            if line.contains("Creating") || line.contains("creating") || line.contains("step") {
                break;
            }
            line.clear();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(journal.exists());
        assert!(stack.cloud("two").len() <= 4);
    }
    stack.offline().ends(0);
    assert_eq!(stack.cloud("two").len(), 4);
}

#[test]
fn the_state_takes_over_what_was_done_without_it() {
    let stack = Stack::applied("", "");
    let kept = stack.0.join("kept");
    std::fs::create_dir_all(&kept).unwrap();
    for name in ["straddle.db", "web.straddle.hcl"] {
        std::fs::copy(stack.0.join("stack").join(name), kept.join(name)).unwrap();
    }
    stack.burns();
    stack.offline().ends(0);
    // The state is back from a backup, and so is the spec; the cloud is not.
    std::fs::rename(&kept, stack.0.join("stack")).unwrap();
    std::fs::create_dir_all(stack.0.join("clouds")).unwrap();
    stack.run("runbook merge ../tokyo/lose-cloud-one.runbook").ends(0).says("2 objects");
    stack.run("runbook merge ../tokyo/lose-cloud-one.runbook").ends(0).says("in the state already");
    let state = stack.run("state list").ends(0).out;
    assert_eq!(state.lines().filter(|l| l.contains("\"b/")).count(), 4, "{state}");
    assert!(stack.list()["lose-cloud-one"]["real"]["well"] == true);
    stack.run("failover -lose cloud:one -auto-approve").ends(0);
    assert_eq!(stack.cloud("two").len(), 4);
}

#[test]
fn without_the_journal_objects_are_known_by_their_marks() {
    let stack = Stack::applied("", "");
    stack.offline().ends(0);
    std::fs::remove_dir_all(stack.0.join("tokyo/lose-cloud-one.runbook.run")).unwrap();
    stack.run("sim down cloud:one").ends(0);
    stack.run("failover -auto-approve").ends(0).says("2 objects that a runbook made without this state are taken over");
    assert_eq!(stack.cloud("two").len(), 4, "nothing is made twice");
}

#[test]
fn refused_when_what_it_needs_falls_with_the_loss() {
    let tools = "need \"registry\" {\n    shares = [shared_risk.dogok]\n  }\n  need \"sign-on\" {\n    control = [shared_risk.dogok]\n  }";
    let stack = Stack::applied("", tools);
    let ran = stack.run("runbook build").ends(1);
    let text = format!("{}{}", ran.out, ran.err);
    assert!(text.contains("REFUSED  lose-cloud-one"), "{text}");
    for name in ["registry falls with shared_risk:dogok", "sign-on falls with shared_risk:dogok"] {
        assert!(text.contains(name), "{text}");
    }
    assert!(text.contains("built    lose-cloud-two"), "the other loss does not take them: {text}");
    assert!(!stack.0.join("tokyo/lose-cloud-one.runbook").exists());
    stack.run("drift").ends(2).says("registry falls with shared_risk:dogok");
    // A place inside the loss is no place.
    let third = "store \"third\" {\n    path = \"../stack/web.straddle.hcl/no-directory\"\n    shares = [shared_risk.dogok]\n  }";
    let stack = Stack::applied("", third);
    stack.run("runbook build").ends(0).says("did not take a runbook");
    stack.edit("store \"laptop\" {", "store \"laptop\" {\n    shares = [shared_risk.dogok]");
    stack
        .run("runbook build -lose shared_risk:dogok")
        .ends(1)
        .says("only 1 of the 3 places that keep it would be left");
}

#[test]
fn a_rehearsal_touches_nothing_and_is_remembered() {
    let stack = Stack::applied("", "rehearse_every = \"90d\"");
    stack.run("drift").ends(2).says("it was never rehearsed");
    let before = (stack.cloud("one"), stack.cloud("two"));
    stack.run("runbook test").ends(0).says("lose-cloud-one: simulated clouds").says("lose-cloud-two");
    assert_eq!((stack.cloud("one"), stack.cloud("two")), before);
    let list = stack.list();
    assert_eq!(list["lose-cloud-one"]["tested"]["well"], true);
    stack.run("drift").ends(0);
    stack.run("sim down cloud:one").ends(0);
    stack.run("failover -auto-approve").ends(0).says("Runbook   lose-cloud-one, built").says("last rehearsed today");
    stack.run("runbook test lose-nothing").ends(1).says("no runbook is built under the name lose-nothing");
}

#[test]
fn keys_and_files_that_are_not_right_are_refused_by_name() {
    let stack = Stack::applied("", "");
    let file = "../tokyo/lose-cloud-one.runbook";
    let with = |key: &str, line: &str| ran(stack.command("elsewhere", line).env("STRADDLE_RUNBOOK_KEY", key));
    let run = format!("runbook run -offline -auto-approve {file}");
    with("", &run).ends(1).says("STRADDLE_RUNBOOK_KEY is not set");
    with("nonsense", &run).ends(1).says("holds no key");
    let other = stack.run("runbook key").ends(0).out;
    with(other.trim(), &run).ends(1).says("it is sealed for the key");
    let path = stack.0.join("tokyo/lose-cloud-one.runbook");
    let good = std::fs::read(&path).unwrap();
    let bent: Vec<u8> = String::from_utf8_lossy(&good[..200]).replacen("cloud-one", "cloud-two", 1).into_bytes();
    std::fs::write(&path, [&bent[..], &good[200..]].concat()).unwrap();
    with(KEY, &run).ends(1).says("its signature is not that of the key");
    std::fs::write(&path, &good[..good.len() - 5]).unwrap();
    with(KEY, &run).ends(1).says("damaged");
    std::fs::write(&path, "hello").unwrap();
    with(KEY, &run).ends(1).says("no runbook of straddle");
    assert_eq!(stack.cloud("two").len(), 2);
    // An older one does not replace a newer one.
    std::fs::write(&path, &good).unwrap();
    let plain = ran(stack.command("stack", "apply -auto-approve").env_remove("STRADDLE_RUNBOOK_KEY"));
    plain.ends(0);
    stack.edit("replicas = 4", "replicas = 6");
    let ran = ran(stack.command("stack", "apply -auto-approve").env_remove("STRADDLE_RUNBOOK_KEY"));
    ran.ends(0).says("No key for runbooks");
}

#[test]
fn pairs_on_request() {
    let stack =
        Stack::of("location \"c\" {\n  provider = sim.two\n  domains = { cloud = \"three\", zone = \"c\" }\n}", "");
    stack.run("apply -auto-approve").ends(0);
    stack.run("runbook build -pairs").ends(0).says("built    lose-cloud-one+cloud-two");
    assert!(stack.list().contains_key("lose-cloud-one+cloud-two"));
}

#[test]
fn mistakes_are_told_where_they_are() {
    let stack = Stack::of("", "");
    let path = stack.0.join("stack/web.straddle.hcl");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, says) in [
        ("store \"laptop\" {", "store \"tokyo\" {", "already a store block"),
        ("runbook \"main\" {", "runbook \"main\" {\n  scenarios = [\"zone:x\"]", "Unknown loss"),
        ("runbook \"main\" {", "runbook \"main\" {\n  rehearse_every = \"often\"", "a length of time"),
        ("runbook \"main\" {", "runbook \"other\" {}\nrunbook \"main\" {", "one \"runbook\" block at most"),
        (
            "runbook \"main\" {",
            "runbook \"main\" {\n  need \"git\" {\n    shares = [shared_risk.dogo]\n  }",
            "shared_risk.dogok",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let ran = stack.run("validate");
        assert_eq!(ran.code, 1, "{to}\n{}", ran.out);
        assert!(format!("{}{}", ran.out, ran.err).contains(says), "{to}: {}{}", ran.out, ran.err);
    }
}
