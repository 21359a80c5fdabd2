//! The program over shared states: two pipelines and one lock, moving a state, taking a version back.

use crate::servers::{KINDS, Kind, connection, server, unique};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A directory with a little world whose state is on a server.
struct Stack {
    dir: PathBuf,
    state: String,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

const WORLD: &str = r#"
provider "sim" {
  cloud   = "c"
  latency = "LATENCY"
}
location "a" {
  domains = { cloud = "c", region = "r", zone = "a" }
}
location "b" {
  domains = { cloud = "c", region = "r", zone = "b" }
}
workload "web" {
  replicas = 8
  spread "zone" {
    over  = ["a", "b"]
    ratio = "50:50"
  }
  survive "zone" {
    losses = 1
    floor  = "50%"
  }
  replica "one" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "one"
      size  = "s"
    }
    ready = sim_instance.server.state == "running"
  }
}
"#;

fn block(kind: Kind, name: &str, more: &str) -> String {
    let address = server(kind).unwrap().address;
    match kind {
        Kind::Postgres => {
            format!("state \"postgres\" {{\n connection = \"{}\"\n name = \"{name}\"\n{more}\n}}", connection(address))
        }
        Kind::S3 => format!(
            "state \"s3\" {{\n bucket = \"states\"\n key = \"{name}\"\n endpoint = \"http://{address}\"\n path_style = true\n{more}\n}}"
        ),
    }
}

impl Stack {
    fn new(kind: Kind, latency: &str, more: &str) -> Stack {
        let name = unique("stack");
        let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::create_dir_all(&dir).unwrap();
        let stack = Stack { dir, state: block(kind, &name, more) };
        std::fs::write(stack.dir.join("web.straddle.hcl"), WORLD.replace("LATENCY", latency)).unwrap();
        stack.keeps_on_server(true);
        stack
    }

    fn keeps_on_server(&self, yes: bool) {
        let text = if yes { format!("straddle {{\n{}\n}}\n", self.state) } else { String::new() };
        std::fs::write(self.dir.join("state.straddle.hcl"), text).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_straddle"));
        command
            .args(line.split_whitespace())
            .current_dir(&self.dir)
            .env("NO_COLOR", "1")
            .env_remove("TF_CLI_CONFIG_FILE");
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("STATE_KEY", "a passphrase that is long enough").stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ran {
        let output = self.command(line).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn instances(&self) -> usize {
        let status: serde_json::Value = serde_json::from_str(&self.run("sim status -json").ends(0).out).unwrap();
        status["resources"].as_array().unwrap().iter().filter(|r| r["type"] == "sim_instance").count()
    }
}

fn each(test: impl Fn(Kind)) {
    KINDS.into_iter().filter(|kind| server(*kind).is_some()).for_each(test);
}

#[test]
fn of_two_pipelines_one_gets_the_lock_and_when_it_is_killed_the_other_finishes() {
    each(|kind| {
        let stack = Stack::new(kind, "1s", " lease = \"1s\"");
        let mut first = stack.start("apply -auto-approve -parallelism=1");
        // It has begun to build: then it has the lock.
        while stack.instances() == 0 {
            assert!(first.try_wait().unwrap().is_none(), "{kind:?}: it ended before it built anything");
        }
        let refused = stack.run("apply -auto-approve").ends(6);
        assert!(refused.err.contains("is locked by") && refused.err.contains("`apply`"), "{}", refused.err);
        first.kill().unwrap();
        first.wait().unwrap();
        // Who only looks needs no lock, whoever has it.
        stack.run("plan").ends(0);
        stack.run("drift -fail-on=error").ends(0);
        let second = stack.run("apply -auto-approve -lock-timeout=60s").ends(0);
        assert!(
            second.err.contains("waiting for the lock") || second.err.contains("took the lock over"),
            "{}",
            second.err
        );
        assert_eq!(stack.instances(), 8, "{kind:?}: nothing twice, nothing lost");
        stack.run("plan -detailed-exitcode").ends(0);
        assert!(!stack.dir.join("straddle.db").exists(), "a state in the directory");
        stack.run("destroy -auto-approve").ends(0);
        assert_eq!(stack.instances(), 0);
    });
}

#[test]
fn a_state_moves_to_a_server_and_back_and_is_never_made_twice() {
    each(|kind| {
        let stack = Stack::new(kind, "0s", "  encryption {\n    key_env = \"STATE_KEY\"\n  }");
        stack.keeps_on_server(false);
        stack.run("apply -auto-approve").ends(0);
        stack.keeps_on_server(true);
        // The directory's state must not be forgotten: everything would be made a second time.
        let refused = stack.run("apply -auto-approve").ends(1);
        assert!(refused.err.contains("state migrate -from=local"), "{}", refused.err);
        stack.run("plan").ends(1);
        let said = stack.run("state migrate -from=local").ends(0);
        assert!(said.out.contains("8 objects"), "{}", said.out);
        stack.run("plan -detailed-exitcode").ends(0);
        stack.run("apply -auto-approve").ends(0);
        assert_eq!(stack.instances(), 8);
        stack.run("state migrate -to=local").ends(0);
        stack.keeps_on_server(false);
        stack.run("plan -detailed-exitcode").ends(0);
        assert_eq!(stack.instances(), 8);
    });
}

#[test]
fn a_version_is_taken_back_as_a_new_one() {
    let mut stacks: Vec<Stack> =
        KINDS.into_iter().filter(|k| server(*k).is_some()).map(|k| Stack::new(k, "0s", "")).collect();
    if server(Kind::Postgres).is_some() {
        let local = Stack::new(Kind::Postgres, "0s", "");
        local.keeps_on_server(false);
        stacks.push(local);
    }
    for stack in stacks {
        stack.run("apply -auto-approve").ends(0);
        let pulled = stack.run("state pull").ends(0).out;
        let serial = serde_json::from_str::<serde_json::Value>(&pulled).unwrap()["serial"].as_u64().unwrap();
        stack.run("state rm workload.web.sim_instance.server[\"a/0\"]").ends(0);
        stack.run("plan -detailed-exitcode").ends(2);
        let history = stack.run("state history -json").ends(0).out;
        let history: serde_json::Value = serde_json::from_str(&history).unwrap();
        let commands: Vec<&str> =
            history["runs"].as_array().unwrap().iter().map(|r| r["command"].as_str().unwrap()).collect();
        assert_eq!(commands, ["state rm", "apply"]);
        assert!(history["runs"][1]["restorable"].as_bool().unwrap());
        assert!(stack.run("state history").ends(0).out.contains(&format!("-> {serial}")));
        stack.run("state restore 999999 -auto-approve").ends(1);
        let said = stack.run(&format!("state restore {serial} -auto-approve")).ends(0);
        assert!(said.out.contains("+ workload.web.sim_instance.server[\"a/0\"]"), "{}", said.out);
        let now: serde_json::Value = serde_json::from_str(&stack.run("state pull").ends(0).out).unwrap();
        assert!(now["serial"].as_u64().unwrap() > serial + 1, "a version taken back is a new one");
        stack.run("plan -detailed-exitcode").ends(0);
    }
}

#[test]
fn workspaces_are_states_of_their_own_on_the_server() {
    each(|kind| {
        let stack = Stack::new(kind, "0s", "");
        stack.run("apply -auto-approve").ends(0);
        stack.run("workspace new other").ends(0);
        assert!(stack.run("state list").ends(0).out.trim().is_empty());
        let listed = stack.run("workspace list").ends(0).out;
        assert!(listed.contains("  default") && listed.contains("* other"), "{listed}");
        stack.run("workspace select default").ends(0);
        assert_eq!(stack.run("state list").ends(0).out.lines().count(), 8);
        stack.run("workspace delete other").ends(0);
        assert!(!stack.run("workspace list").ends(0).out.contains("other"));
    });
}

#[test]
fn a_state_inside_a_loss_that_a_rule_names_is_told() {
    let stack = {
        let name = unique("stack");
        let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::create_dir_all(&dir).unwrap();
        Stack { dir, state: String::new() }
    };
    let more = "straddle {\n  state \"local\" {\n    domains = { zone = \"a\" }\n  }\n  pipeline \"ci\" {\n    shares = [shared_risk.line]\n  }\n}\n\
                shared_risk \"line\" {\n  kind   = \"carrier\"\n  shares = [shared_risk.house]\n}\nshared_risk \"house\" {\n  kind = \"building\"\n}\n";
    let world = WORLD.replace("LATENCY", "0s").replace(
        "  replica \"one\"",
        "  survive \"building\" {\n    losses = 1\n    floor  = 1\n  }\n  replica \"one\"",
    );
    std::fs::write(stack.dir.join("web.straddle.hcl"), format!("{world}{more}")).unwrap();
    let said = stack.run("plan");
    let text = format!("{}{}", said.out, said.err);
    assert!(text.contains("zone \"a\" takes the state and its lock"), "{text}");
    assert!(text.contains("building \"house\" takes the pipeline \"ci\""), "{text}");
    let refused = stack.run("plan");
    assert_eq!(refused.code, said.code, "a finding changes no exit code");
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let run = |text: &str| {
        std::fs::write(dir.path().join("main.tf"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_straddle"));
        let output = command.arg("plan").current_dir(dir.path()).env("NO_COLOR", "1").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (text, expected) in [
        ("terraform {\n  backend \"gcs\" {\n    bucket = \"b\"\n  }\n}\n", "\"gcs\""),
        ("terraform {\n  cloud {\n    organization = \"o\"\n  }\n}\n", "HCP Terraform"),
        ("terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n  }\n}\n", "\"key\""),
        (
            "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    region = \"r\"\n    role_arn = \"x\"\n  }\n}\n",
            "role_arn",
        ),
    ] {
        let (code, err) = run(text);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(expected), "{expected}: {err}");
        assert!(err.contains("main.tf:"), "{err}");
    }
}
