//! A directory with a spec, and the built program run in it.

use serde_json::Value as Json;
use std::path::Path;
use std::process::{Command, Stdio};

/// Gone when the test is over.
pub struct Stack(tempfile::TempDir);

/// How a command ended.
pub struct Ran {
    pub line: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Stack {
    /// A directory with this spec.
    pub fn new(spec: &str) -> Stack {
        let stack = Stack(tempfile::tempdir().unwrap());
        stack.write(spec);
        stack
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Replaces the spec.
    pub fn write(&self, spec: &str) {
        std::fs::write(self.path().join("web.straddle.hcl"), spec).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = crate::alone::alone(env!("CARGO_BIN_EXE_straddle"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command line; words are split at spaces.
    pub fn run(&self, line: &str) -> Ran {
        let args: Vec<&str> = line.split_whitespace().collect();
        let output = self.command(&args).output().unwrap();
        Ran {
            line: line.to_string(),
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a command prints as JSON, whatever its exit code.
    #[track_caller]
    pub fn json(&self, line: &str) -> Json {
        let ran = self.run(line);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{line}: {e}\n{}{}", ran.out, ran.err))
    }

    /// Objects of a type that exist in the clouds.
    pub fn existing(&self, ty: &str) -> Vec<Json> {
        let status = self.json("sim status -json");
        let all = status["resources"].as_array().unwrap().iter();
        all.filter(|r| r["type"] == ty).cloned().collect()
    }
}

impl Ran {
    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "straddle {}:\n{}{}", self.line, self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        let flat = |s: &str| s.replace("  | ", "").split_whitespace().collect::<Vec<_>>().join(" ");
        let all = flat(&self.out) + " " + &flat(&self.err);
        assert!(all.contains(text), "straddle {}: no {text:?} in:\n{}{}", self.line, self.out, self.err);
        self
    }
}

/// Two zones of one cloud, and a workload over them made of `inside`.
pub fn two_zones(inside: &str) -> String {
    format!(
        r#"provider "sim" {{
  cloud = "c"
}}

location "a" {{
  provider = sim
  domains  = {{ cloud = "c", region = "r", zone = "a" }}
}}

location "b" {{
  provider = sim
  domains  = {{ cloud = "c", region = "r", zone = "b" }}
}}

workload "web" {{
{inside}
}}
"#
    )
}

/// One instance a replica.
pub const INSTANCES: &str = r#"
  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "one"
      size  = "s"
    }
    ready = sim_instance.server.state == "running"
  }
"#;

/// One group a location.
pub const GROUPS: &str = r#"
  replica "group" {
    per = "location"
    resource "sim_group" "web" {
      zone    = location.domains.zone
      image   = "one"
      size    = "s"
      desired = location.replicas
    }
    ready = sim_group.web.ready
  }
"#;
