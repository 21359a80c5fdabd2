//! `test` told to the built binary: the lines of each run are compared with those of the real `terraform`, where it is installed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const MAIN: &str = r#"
variable "v" {
  default = "x"
  validation {
    condition     = length(var.v) < 5
    error_message = "too long"
  }
}
resource "terraform_data" "a" {
  input = var.v
  lifecycle {
    precondition {
      condition     = var.v != "pre"
      error_message = "not pre"
    }
    postcondition {
      condition     = self.input != "post"
      error_message = "not post"
    }
  }
}
module "m" {
  source = "./helper"
  n      = var.v
}
output "o" {
  value = terraform_data.a.output
  precondition {
    condition     = var.v != "out"
    error_message = "not out"
  }
}
output "m" { value = module.m.h }
"#;

const HELPER: &str = r#"
variable "n" {}
resource "terraform_data" "h" { input = var.n }
output "h" { value = "${terraform_data.h.output}!" }
output "id" { value = terraform_data.h.id }
"#;

fn place(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files.iter().chain(&[("main.tf", MAIN), ("helper/main.tf", HELPER)]) {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// Exit code, what was printed, what was said of it.
fn run(program: &str, dir: &Path, args: &[&str]) -> Option<(i32, String, String)> {
    let config = dir.join("cli.tfrc");
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).env("CHECKPOINT_DISABLE", "1").env("NO_COLOR", "1");
    command.env("TF_CLI_CONFIG_FILE", if config.exists() { config } else { "/dev/null".into() });
    let output = command.stdin(std::process::Stdio::null()).output().ok()?;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr)))
}

/// The same files by both programs: the same lines, the same verdict.
fn compare(files: &[(&str, &str)], passes: bool, lines: &[&str]) -> String {
    let dir = place(files);
    let (code, out, err) = run(env!("CARGO_BIN_EXE_straddle"), dir.path(), &["test"]).unwrap();
    for line in lines {
        assert!(out.contains(line), "{line}\n{out}\n{err}");
    }
    assert_eq!(code == 0, passes, "{out}\n{err}");
    // Nothing is left in the directory.
    assert!(!dir.path().join("straddle.db").exists());
    let Some((_, said, _)) = run("terraform", dir.path(), &["init", "-no-color"]) else {
        eprintln!("terraform is not on the PATH: not compared");
        return err;
    };
    let (theirs_code, theirs, theirs_err) = run("terraform", dir.path(), &["test", "-no-color"]).unwrap();
    assert_eq!((code == 0, &out), (theirs_code == 0, &theirs), "{said}\n{err}\n{theirs_err}");
    err
}

#[test]
fn runs_plan_apply_and_assert() {
    let err = compare(
        &[(
            "tests/main.tftest.hcl",
            r#"
variables {
  v = "file"
}
run "planned" {
  command = plan
  assert {
    condition     = terraform_data.a.input == "file"
    error_message = "input is ${terraform_data.a.input}"
  }
}
run "applied" {
  variables {
    v = "run"
  }
  assert {
    condition     = output.o == "run"
    error_message = "o is ${output.o}"
  }
  assert {
    condition     = terraform_data.a.output == "nope"
    error_message = "a is ${terraform_data.a.output}"
  }
}
run "again" {
  assert {
    condition     = output.o == var.v && output.o == "file"
    error_message = "o is ${output.o}"
  }
}
"#,
        )],
        false,
        &["  run \"applied\"... fail\n", "  run \"again\"... pass\n", "Failure! 2 passed, 1 failed.\n"],
    );
    assert!(err.contains("a is run"), "{err}");
}

#[test]
fn an_error_skips_what_follows() {
    compare(
        &[
            (
                "a.tftest.hcl",
                r#"
run "one" {
  command = plan
}
run "unknown" {
  command = plan
  assert {
    condition     = terraform_data.a.id == "x"
    error_message = "m"
  }
}
run "never" {
  command = plan
}
"#,
            ),
            ("b.tftest.hcl", "run \"other\" {\n  command = plan\n}\n"),
        ],
        false,
        &["  run \"never\"... skip\n", "  run \"other\"... pass\n", "Failure! 2 passed, 1 failed, 1 skipped.\n"],
    );
}

#[test]
fn failures_that_are_expected_pass() {
    compare(
        &[(
            "tests/fail.tftest.hcl",
            r#"
run "variable" {
  command = plan
  variables {
    v = "toolong"
  }
  expect_failures = [var.v]
}
run "precondition" {
  command = plan
  variables {
    v = "pre"
  }
  expect_failures = [terraform_data.a]
}
run "postcondition" {
  command = plan
  variables {
    v = "post"
  }
  expect_failures = [terraform_data.a]
}
run "output" {
  command = plan
  variables {
    v = "out"
  }
  expect_failures = [output.o]
}
run "missing" {
  command         = plan
  expect_failures = [var.v]
}
"#,
        )],
        false,
        &["Failure! 4 passed, 1 failed.\n"],
    );
}

#[test]
fn checks_are_no_mere_warnings() {
    let check = "check \"c\" {\n  assert {\n    condition     = terraform_data.a.output != \"bad\"\n    error_message = \"bad\"\n  }\n}\n";
    compare(
        &[
            ("check.tf", check),
            (
                "tests/check.tftest.hcl",
                r#"
run "expected" {
  variables {
    v = "bad"
  }
  expect_failures = [check.c]
}
run "not_expected" {
  variables {
    v = "bad"
  }
}
run "never" {
}
"#,
            ),
            ("tests/unknown.tftest.hcl", "run \"unknown\" {\n  command = plan\n}\n"),
        ],
        false,
        &["  run \"expected\"... pass\n", "  run \"unknown\"... fail\n"],
    );
}

#[test]
fn runs_see_those_before_and_other_modules() {
    compare(
        &[(
            "tests/chain.tftest.hcl",
            r#"
run "setup" {
  module {
    source = "./helper"
  }
  variables {
    n = "ab"
  }
}
run "use" {
  variables {
    v = run.setup.h
  }
  assert {
    condition     = output.o == "ab!" && run.setup.id != ""
    error_message = "o is ${output.o}"
  }
}
run "same_state" {
  module {
    source = "./helper"
  }
  variables {
    n = "ab"
  }
  assert {
    condition     = output.id == run.setup.id
    error_message = "a new object"
  }
}
"#,
        )],
        true,
        &["Success! 3 passed, 0 failed.\n"],
    );
}

#[test]
fn overrides_take_the_place_of_objects() {
    compare(
        &[(
            "tests/override.tftest.hcl",
            r#"
override_resource {
  target = terraform_data.a
  values = {
    id     = "given"
    output = "made up"
  }
}
run "resource" {
  assert {
    condition     = terraform_data.a.id == "given"
    error_message = "id is ${terraform_data.a.id}"
  }
}
run "early" {
  command = plan
  override_resource {
    target          = module.m.terraform_data.h
    override_during = plan
    values = {
      id     = "early"
      output = "made up"
    }
  }
  module {
    source = "./"
  }
  assert {
    condition     = module.m.id == "early"
    error_message = "id is ${module.m.id}"
  }
}
run "module" {
  override_module {
    target = module.m
    outputs = {
      h  = "overridden"
      id = "none"
    }
  }
  assert {
    condition     = output.m == "overridden"
    error_message = "m is ${output.m}"
  }
}
"#,
        )],
        true,
        &["Success! 3 passed, 0 failed.\n"],
    );
}

#[test]
fn mocked_providers_make_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(env!("CARGO_BIN_EXE_straddle"), dir.path(), &["providers", "export", "sim", "."]).unwrap();
    let config = format!(
        "provider_installation {{\n  dev_overrides {{\n    \"straddle/sim\" = {:?}\n  }}\n  direct {{}}\n}}\n",
        dir.path()
    );
    let module = r#"
terraform {
  required_providers {
    sim = { source = "straddle/sim" }
  }
}
provider "sim" {}
resource "sim_load_balancer" "l" {
  name = "front"
}
output "id" { value = sim_load_balancer.l.id }
"#;
    compare(
        &[
            ("cli.tfrc", &config),
            ("mocked/main.tf", module),
            (
                "tests/mock.tftest.hcl",
                r#"
mock_provider "sim" {
  mock_resource "sim_load_balancer" {
    defaults = {
      id = "mocked"
    }
  }
}
run "mock" {
  module {
    source = "./mocked"
  }
  assert {
    condition     = output.id == "mocked"
    error_message = "id is ${output.id}"
  }
}
"#,
            ),
        ],
        true,
        &["Success! 1 passed, 0 failed.\n"],
    );
}

#[test]
fn results_for_programs() {
    let file = "run \"one\" {\n  command = plan\n}\nrun \"two\" {\n  command = plan\n  expect_failures = [var.v]\n}\n";
    let dir = place(&[("a.tftest.hcl", file), ("b.tftest.hcl", "run \"x\" {\n  command = plan\n}\n")]);
    let straddle = env!("CARGO_BIN_EXE_straddle");
    let (code, out, _) =
        run(straddle, dir.path(), &["test", "-json", "-filter=a.tftest.hcl", "-junit-xml=out.xml"]).unwrap();
    assert_eq!(code, 1);
    let lines: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|l| l["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"version"));
    assert_eq!(lines[1]["test_abstract"]["a.tftest.hcl"], serde_json::json!(["one", "two"]));
    assert_eq!(lines.last().unwrap()["test_summary"]["passed"], 1);
    let said = lines.iter().find(|l| l["type"] == "diagnostic").unwrap();
    assert_eq!(
        (&said["@testrun"], &said["diagnostic"]["summary"]),
        (&"two".into(), &"Missing expected failure".into())
    );
    let xml = std::fs::read_to_string(dir.path().join("out.xml")).unwrap();
    assert!(xml.contains("<testcase name=\"one\" classname=\"a.tftest.hcl\""), "{xml}");
    let (code, _, err) = run(straddle, dir.path(), &["test", "-filter=nowhere.tftest.hcl"]).unwrap();
    assert_eq!(code, 1, "{err}");
}

#[test]
fn a_file_with_mistakes_is_not_run() {
    let dir = place(&[("a.tftest.hcl", "run \"one\" {\n  comand = plan\n}\nrun \"one\" {}\n")]);
    let (code, out, err) = run(env!("CARGO_BIN_EXE_straddle"), dir.path(), &["test"]).unwrap();
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("Unsupported argument") && err.contains("Duplicate \"run\" block names"), "{err}");
}

#[test]
fn tests_in_json_syntax() {
    compare(
        &[(
            "tests/main.tftest.json",
            r#"{
  "variables": {"v": "${upper(\"a\")}"},
  "run": {
    "planned": {
      "command": "plan",
      "assert": {"condition": "${terraform_data.a.input == \"A\"}", "error_message": "input is ${terraform_data.a.input}"}
    },
    "applied": {
      "variables": {"v": "run"},
      "assert": [
        {"condition": "${output.o == \"run\"}", "error_message": "o"},
        {"condition": "${output.o == \"no\"}", "error_message": "o is ${output.o}"}
      ]
    },
    "refused": {"command": "plan", "variables": {"v": "pre"}, "expect_failures": ["terraform_data.a"]}
  }
}
"#,
        )],
        false,
        &["  run \"planned\"... pass\n", "  run \"applied\"... fail\n", "  run \"refused\"... pass\n"],
    );
}

/// What an apply is expected to fail with is no success where it comes before the apply.
#[test]
fn an_expected_failure_that_comes_while_planning_is_an_error() {
    let run_of = |name: &str, plan: &str, v: &str, expected: &str| {
        format!(
            "run \"{name}\" {{\n{plan}  variables {{\n    v = \"{v}\"\n  }}\n  expect_failures = [{expected}]\n}}\n"
        )
    };
    let long = run_of("variable", "", "too long a text", "var.v") + "run \"after\" {}\n";
    let before = run_of("resource", "", "pre", "terraform_data.a") + "run \"behind\" {}\n";
    let planned = run_of("planned", "  command = plan\n", "too long a text", "var.v");
    let dir = place(&[("a.tftest.hcl", &long), ("b.tftest.hcl", &before), ("c.tftest.hcl", &planned)]);
    let lines =
        |out: &str| -> Vec<String> { out.lines().filter(|l| l.starts_with("  run ")).map(String::from).collect() };
    let (code, out, err) = run(env!("CARGO_BIN_EXE_straddle"), dir.path(), &["test"]).unwrap();
    let want = ["variable\"... fail", "after\"... skip", "resource\"... fail", "behind\"... skip", "planned\"... pass"];
    assert_eq!((code, lines(&out)), (1, want.map(|l| format!("  run \"{l}")).to_vec()), "{err}");
    assert!(err.contains("Expected failure while planning"), "{err}");
    if run("terraform", dir.path(), &["init", "-no-color"]).is_some() {
        let (code, theirs, _) = run("terraform", dir.path(), &["test", "-no-color"]).unwrap();
        assert_eq!((code, lines(&theirs)), (1, lines(&out)));
    }
}

/// What a check looks at may never have been reached.
#[test]
fn a_check_behind_an_expected_failure_is_not_judged() {
    compare(
        &[
            (
                "check.tf",
                "resource \"terraform_data\" \"late\" {\n  input = var.v\n  lifecycle {\n    postcondition {\n      condition     = self.output != \"late\"\n      error_message = \"late\"\n    }\n  }\n}\ncheck \"c\" {\n  assert {\n    condition     = terraform_data.late.output == \"ok\"\n    error_message = \"not ok\"\n  }\n}\n",
            ),
            (
                "a.tftest.hcl",
                "run \"a\" {\n  variables {\n    v = \"late\"\n  }\n  expect_failures = [terraform_data.late]\n}\n",
            ),
        ],
        true,
        &["  run \"a\"... pass\n"],
    );
}

/// Of a plan an output is known as the state would have it.
#[test]
fn outputs_of_a_planned_run() {
    compare(
        &[
            (
                "outputs.tf",
                "output \"whole\" { value = terraform_data.a.id }\noutput \"parts\" { value = [terraform_data.a.id, 1] }\n",
            ),
            (
                "a.tftest.hcl",
                "run \"parts\" {\n  command = plan\n  assert {\n    condition     = output.parts[0] == null && output.parts[1] == 1\n    \
                 error_message = \"parts\"\n  }\n}\nrun \"whole\" {\n  command = plan\n  assert {\n    condition     = output.whole == \
                 null\n    error_message = \"whole\"\n  }\n}\n",
            ),
        ],
        false,
        &["  run \"parts\"... pass\n", "  run \"whole\"... fail\n"],
    );
}
