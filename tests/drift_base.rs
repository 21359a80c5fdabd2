//! A change held against the code it is to be merged into: what it causes, what was so before, who must approve of what.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on is to fail")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const WORLD: &str = r#"
provider "sim" {
  cloud = "c"
}
location "a" {
  domains = { cloud = "c", region = "r", zone = "a" }
}
location "b" {
  domains = { cloud = "c", region = "r", zone = "b" }
}
workload "web" {
  replicas = 10
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
      tags  = { Name = replica.name }
    }
    ready = sim_instance.server.state == "running"
  }
}
"#;

/// A repository with a stack below it, committed and applied.
struct Repository(tempfile::TempDir);

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

impl Repository {
    fn new() -> Repository {
        let repository = Repository(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(repository.stack()).unwrap();
        repository.write("web.straddle.hcl", WORLD);
        std::fs::write(repository.0.path().join(".gitignore"), "*.db*\n").unwrap();
        for words in [
            &["init", "-q", "-b", "main"][..],
            &["add", "-A"],
            &["-c", "user.name=kim", "-c", "user.email=kim@example.com", "commit", "-q", "-m", "first"],
        ] {
            assert!(Command::new("git").args(words).current_dir(repository.0.path()).status().unwrap().success());
        }
        repository.run("apply -auto-approve").ends(0);
        repository
    }

    fn stack(&self) -> std::path::PathBuf {
        self.0.path().join("prod/web")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.stack().join(name), text).unwrap();
    }

    fn run(&self, line: &str) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_straddle"))
            .args(line.split_whitespace())
            .current_dir(self.stack())
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

    fn json(&self, line: &str, code: i32) -> Value {
        serde_json::from_str(&self.run(line).ends(code).out).unwrap()
    }
}

fn change(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
fn a_dead_server_does_not_block_a_strangers_change() {
    let repository = Repository::new();
    repository.run("sim kill 1 --in zone:a").ends(0);
    // An unrelated change: another image.
    repository.write("web.straddle.hcl", &change(WORLD, "image = \"one\"", "image = \"two\""));
    repository.run("drift").ends(3);
    let found = repository.json("drift -json -base=main -fail-on=new", 0);
    let resources = found["resources"].as_array().unwrap();
    let missing = resources.iter().find(|r| r["kind"] == "missing").unwrap();
    assert_eq!((missing["cause"].as_str(), missing["between"].as_str()), (Some("before"), Some("state_live")));
    let changed: Vec<&Value> = resources.iter().filter(|r| r["kind"] == "changed").collect();
    assert!(!changed.is_empty() && changed.iter().all(|r| r["cause"] == "change" && r["between"] == "code_state"));
    assert_eq!(found["base"]["ref"], "main");
    assert_eq!(found["base"]["rules"], serde_json::json!([]));
    assert_eq!(found["base"]["commit"].as_str().unwrap().len(), 40);
}

#[test]
fn a_change_that_breaks_a_rule_is_blocked_and_the_comment_says_why() {
    let repository = Repository::new();
    repository.write("web.straddle.hcl", &change(WORLD, "ratio = \"50:50\"", "ratio = \"70:30\""));
    let ran = repository
        .run("drift -base=main -fail-on=new -out markdown=c.md -out sarif=s.json -out junit=j.xml -out html=p.html");
    let ran = ran.ends(3);
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    assert!(words.join(" ").contains("CAUSED BY THIS CHANGE"), "{}", ran.out);
    let comment = std::fs::read_to_string(repository.stack().join("c.md")).unwrap();
    assert!(comment.contains("BLOCKED. This change breaks 1 rule"), "{comment}");
    assert!(comment.contains("5 alive | **3 alive**"), "{comment}");
    assert!(comment.contains("What a merge would do"), "{comment}");
    let sarif: Value = serde_json::from_slice(&std::fs::read(repository.stack().join("s.json")).unwrap()).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|r| r["ruleId"] == "rule.broken_after" && r["baselineState"] == "new"), "{sarif:#}");
}

#[test]
fn removed_and_weakened_rules_need_approval() {
    let repository = Repository::new();
    let rule = "  survive \"zone\" {\n    losses = 1\n    floor  = \"50%\"\n  }\n";
    repository.write("web.straddle.hcl", &change(WORLD, "floor  = \"50%\"", "floor  = \"30%\""));
    let found = repository.json("drift -json -base=main -fail-on=new", 3);
    let rules = found["base"]["rules"].as_array().unwrap();
    assert_eq!((rules[0]["id"].as_str(), rules[0]["grade"].as_str()), (Some("survive.zone"), Some("weakened")));
    repository.run("drift -base=main -fail-on=new -approved-by=kim=web:survive.zone").ends(0);
    repository.run("drift -base=main -fail-on=new -approved-by=kim").ends(0);
    repository.run("drift -base=main -fail-on=new -approved-by=kim=web:floor.serving").ends(3);
    repository.run("drift -base=main -fail-on=weakened").ends(3);
    // By itself it changes no exit code.
    repository.run("drift -base=main -fail-on=error").ends(0);
    repository.write("web.straddle.hcl", &change(WORLD, rule, ""));
    let found = repository.json("drift -json -base=main -fail-on=new", 3);
    assert_eq!(found["base"]["rules"][0]["grade"], "removed");
    // More is no less.
    repository.write("web.straddle.hcl", &change(WORLD, "replicas = 10", "replicas = 12"));
    let found = repository.json("drift -json -base=main -fail-on=new", 0);
    assert_eq!(found["base"]["rules"][0]["grade"], "strengthened", "{found}");
}

#[test]
fn what_somebody_lives_with_is_ignored_until_its_day() {
    let repository = Repository::new();
    let status: Value = serde_json::from_str(&repository.run("sim status -json").ends(0).out).unwrap();
    let id = status["resources"][0]["id"].as_str().unwrap().to_owned();
    repository.run(&format!("sim edit {id} size=m")).ends(0);
    let found = repository.json("drift -json", 2);
    assert_eq!(found["resources"][0]["severity"], "medium");
    repository.run("drift -severity=high").ends(0);
    let entry = |day: &str| {
        format!("ignore \"workload.web.*\" {{\n  paths = [\"size\"]\n  owner = \"kim\"\n  until = \"{day}\"\n}}\n")
    };
    repository.write("straddle-drift.hcl", &entry("9999-12-31"));
    let found = repository.json("drift -json", 0);
    assert_eq!(found["resources"][0]["kind"], "ignored");
    assert!(found["resources"][0]["words"].as_str().unwrap().contains("kim lives with it until 9999-12-31"));
    repository.write("straddle-drift.hcl", &entry("2020-01-01"));
    let ran = repository.run("drift").ends(2);
    assert!(ran.err.contains("has run out"), "{}", ran.err);
    repository.write("straddle-drift.hcl", "ignore \"*\" {\n  paths = [\"size\"]\n}\n");
    let ran = repository.run("drift").ends(1);
    assert!(ran.err.contains("Nobody answers for it") && ran.err.contains("straddle-drift.hcl:1"), "{}", ran.err);
    repository.write("straddle-drift.hcl", "severity \"*\" {\n  paths = [\"size\"]\n  level = \"critical\"\n}\n");
    repository.run("drift -severity=critical").ends(2);
}

#[test]
fn a_base_that_is_not_there_is_named() {
    let repository = Repository::new();
    let ran = repository.run("drift -base=nowhere").ends(1);
    assert!(ran.err.contains("no commit \"nowhere\""), "{}", ran.err);
    assert!(Path::new(&repository.stack()).exists());
}
