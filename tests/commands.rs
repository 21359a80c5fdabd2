//! The smaller commands, told to the built binary, and where `terraform` is on the PATH compared with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "shared/alone.rs"]
mod alone;

use serde_json::Value;
use std::process::Stdio;
use tempfile::TempDir;

/// A directory with files.
struct Place(TempDir);

/// How a command ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

impl Place {
    fn with(files: &[(&str, &str)]) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn run(&self, line: &str) -> Ran {
        self.run_with(line, &[], "")
    }

    fn run_with(&self, line: &str, environment: &[(&str, &str)], input: &str) -> Ran {
        run(env!("CARGO_BIN_EXE_straddle"), self, line, environment, input).unwrap()
    }

    /// The real one, if there is one.
    fn terraform(&self, line: &str) -> Option<Ran> {
        let ran = run("terraform", self, line, &[], "");
        if ran.is_none() {
            eprintln!("terraform is not on the PATH: not compared");
        }
        ran
    }
}

fn run(program: &str, place: &Place, line: &str, environment: &[(&str, &str)], input: &str) -> Option<Ran> {
    use std::io::Write;
    let mut command = alone::alone(program);
    command.args(line.split_whitespace()).current_dir(place.0.path());
    command.env("TF_CLI_CONFIG_FILE", "/dev/null").env("CHECKPOINT_DISABLE", "1");
    command.envs(environment.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    // A program that reads nothing closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Some(Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    })
}

const MODULES: &[(&str, &str)] = &[
    (
        "main.tf",
        r#"variable "v" { default = "x" }
resource "terraform_data" "a" {
  input = var.v
}
resource "terraform_data" "b" {
  count = 2
  input = local.l
}
locals {
  l = terraform_data.a.output
}
data "terraform_remote_state" "r" {
  backend = "local"
  config  = { path = terraform_data.a.id }
}
module "child" {
  source = "./child"
  x      = terraform_data.b[0].output
}
resource "terraform_data" "c" {
  input      = module.child.o
  depends_on = [module.child]
}
output "o" { value = terraform_data.c.output }
"#,
    ),
    (
        "child/main.tf",
        r#"variable "x" {}
resource "terraform_data" "d" { input = var.x }
module "grand" {
  source = "./grand"
  y      = terraform_data.d.output
}
output "o" { value = terraform_data.d.id }
"#,
    ),
    (
        "child/grand/main.tf",
        r#"variable "y" {}
resource "terraform_data" "e" { input = var.y }
resource "terraform_data" "f" { input = terraform_data.e.id }
"#,
    ),
];

const ONE: &[(&str, &str)] = &[(
    "main.tf",
    r#"variable "v" { default = "x" }
resource "terraform_data" "a" { input = "${terraform.workspace}-${var.v}" }
output "o" { value = terraform_data.a.output }
output "secret" {
  value     = "s3cret"
  sensitive = true
}
"#,
)];

#[test]
fn fmt_rewrites_checks_and_shows() {
    let place = Place::with(&[
        ("a.tf", "a=1\n"),
        ("b.tfvars", "b = 1\n"),
        ("c.straddle.hcl", "c=1\n"),
        ("d.txt", "d=1\n"),
        ("sub/e.tf", "e=1\n"),
        (".hidden/f.tf", "f=1\n"),
    ]);
    assert_eq!(place.run("fmt -check").ends(3).out, "a.tf\nc.straddle.hcl\n");
    assert_eq!(place.read("a.tf"), "a=1\n");
    let diff = place.run("fmt -diff -write=false -list=false a.tf").ends(0).out;
    assert_eq!(diff, "--- old/a.tf\n+++ new/a.tf\n@@ -1 +1 @@\n-a=1\n+a = 1\n");
    assert_eq!(place.run("fmt -recursive").ends(0).out, "a.tf\nc.straddle.hcl\nsub/e.tf\n");
    assert_eq!(place.read("sub/e.tf"), "e = 1\n");
    assert_eq!(place.read(".hidden/f.tf"), "f=1\n");
    assert_eq!(place.run("fmt -check -recursive").ends(0).out, "");
    assert_eq!(place.run_with("fmt -", &[], "x  =  1\n").ends(0).out, "x = 1\n");
    place.run_with("fmt -check -", &[], "x  =  1\n").ends(3);
    assert!(place.run("fmt d.txt").ends(1).err.contains("d.txt"));
    assert!(place.run("fmt nowhere.tf").ends(1).err.contains("nowhere.tf"));
}

#[test]
fn fmt_leaves_a_file_with_mistakes_alone() {
    let place = Place::with(&[("a.tf", "a=\n"), ("b.tf", "b=1\n")]);
    let ran = place.run("fmt").ends(1);
    assert!(ran.err.contains("Invalid expression"), "{}", ran.err);
    assert_eq!((place.read("a.tf"), place.read("b.tf")), ("a=\n".into(), "b = 1\n".into()));
    place.run("fmt -check a.tf").ends(1);
}

#[test]
fn fmt_keeps_permissions_and_follows_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::with(&[("real/a.tf", "a=1\n")]);
    let real = place.0.path().join("real/a.tf");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/a.tf", place.0.path().join("link.tf")).unwrap();
    place.run("fmt link.tf").ends(0);
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "a = 1\n");
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(std::fs::symlink_metadata(place.0.path().join("link.tf")).unwrap().is_symlink());
}

#[test]
fn graph_is_terraforms() {
    let place = Place::with(MODULES);
    let dot = place.run("graph").ends(0).out;
    assert!(dot.contains("  \"terraform_data.c\" -> \"module.child.module.grand.terraform_data.f\";\n"), "{dot}");
    let plan = place.run("graph -type=plan").ends(0).out;
    let mermaid = place.run("graph -format=mermaid").ends(0).out;
    assert!(mermaid.starts_with("flowchart RL\n") && mermaid.contains("subgraph m1[\"module.child\"]"), "{mermaid}");
    assert_eq!(mermaid.matches(" --> ").count(), dot.matches(" -> ").count());
    let Some(init) = place.terraform("init") else { return };
    init.ends(0);
    assert_eq!(dot, place.terraform("graph").unwrap().ends(0).out);
    assert_eq!(plan, place.terraform("graph -type=plan").unwrap().ends(0).out);
}

#[test]
fn graph_shows_replicas() {
    let example = include_str!("../examples/web-5-5/web.straddle.hcl");
    let place = Place::with(&[("web.straddle.hcl", example)]);
    let dot = place.run("graph").ends(0).out;
    assert!(dot.contains("\"workload.web.sim_target.front\" -> \"workload.web.sim_instance.server\";"), "{dot}");
}

#[test]
fn providers_are_terraforms_tree() {
    let place = Place::with(&[
        (
            "main.tf",
            r#"terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 1.0, < 2, != 1.5"
    }
    foo = "~> 3.1"
  }
}
resource "null_resource" "a" {}
resource "terraform_data" "a" {}
module "m" {
  source = "./m"
}
module "n" {
  source = "./m"
}
"#,
        ),
        ("m/main.tf", "data \"aws_z\" \"y\" {}\n"),
    ]);
    let out = place.run("providers").ends(0).out;
    assert!(out.contains("├── provider[registry.terraform.io/hashicorp/aws] >= 1.0.0, != 1.5.0, < 2.0.0\n"), "{out}");
    assert_eq!(place.run("get").ends(0).out, "- m in m\n- n in m\n");
    let Some(get) = place.terraform("get") else { return };
    assert_eq!(get.ends(0).out, "- m in m\n- n in m\n");
    let sorted = |text: &str| {
        // Terraform's order is that of a hash table; the sign of the last line moves with it.
        let mut lines: Vec<String> = text.lines().map(|l| l.replace("└", "├")).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&out), sorted(&place.terraform("providers").unwrap().ends(0).out));
}

#[test]
fn a_missing_variable_is_an_error_where_nobody_can_answer() {
    let place = Place::with(&[("main.tf", "variable \"needed\" {}\n")]);
    let ran = place.run_with("plan", &[], "answer\n").ends(1);
    assert!(ran.err.contains("\"needed\""), "{}", ran.err);
}

#[test]
fn version_names_the_locked_providers() {
    let lock = "provider \"registry.terraform.io/hashicorp/null\" {\n  version = \"3.2.1\"\n  hashes = [\n  ]\n}\n";
    let installed = ".terraform/providers/registry.terraform.io/hashicorp/null/3.2.1/linux_amd64/README.md";
    let place = Place::with(&[(".terraform.lock.hcl", lock), (installed, "")]);
    let json = place.run("version -json").ends(0).json();
    assert_eq!(json["provider_selections"]["registry.terraform.io/hashicorp/null"], "3.2.1");
    assert_eq!(json["terraform_outdated"], false);
    let place = Place::with(&[(".terraform.lock.hcl", lock)]);
    let json = place.run("version -json").ends(0).json();
    let Some(theirs) = place.terraform("version -json") else { return };
    let theirs: Value = theirs.json();
    for key in theirs.as_object().unwrap().keys() {
        assert_eq!(json[key], theirs[key], "{key}");
    }
}

#[test]
fn every_command_explains_itself() {
    let place = Place::with(&[]);
    for command in [
        "apply",
        "console",
        "destroy",
        "drift",
        "failback",
        "failover",
        "fmt",
        "force-unlock",
        "get",
        "graph",
        "init",
        "output",
        "plan",
        "providers",
        "refresh",
        "show",
        "sim",
        "simulate",
        "state",
        "taint",
        "untaint",
        "validate",
        "verify",
        "version",
        "workspace",
        "state list",
        "state replace-provider",
        "workspace new",
        "completion",
    ] {
        let help = place.run(&format!("{command} -help")).ends(0).out;
        assert!(help.contains("Usage: straddle"), "{command}: {help}");
    }
    assert!(place.run("completion bash").ends(0).out.contains("workspace"));
    place.run("plan -no-such-flag").ends(1);
}

#[test]
fn schemas_are_terraforms() {
    let place = Place::with(MODULES);
    let ours = place.run("providers schema -json").ends(0).json();
    assert!(
        ours["provider_schemas"]["terraform.io/builtin/terraform"]["resource_schemas"]["terraform_data"].is_object()
    );
    let Some(init) = place.terraform("init") else { return };
    init.ends(0);
    let theirs = place.terraform("providers schema -json").unwrap().ends(0).json();
    let types = |all: &Value| all["provider_schemas"]["terraform.io/builtin/terraform"]["resource_schemas"].clone();
    assert_eq!(types(&ours), types(&theirs));
}

#[test]
fn workspaces_have_states_of_their_own() {
    let place = Place::with(ONE);
    assert_eq!(place.run("workspace show").ends(0).out, "default\n");
    assert_eq!(place.run("workspace list").ends(0).out, "* default\n\n");
    place.run("apply -auto-approve").ends(0);
    place.run("workspace new blue").ends(0);
    place.run("workspace new blue").ends(1);
    assert_eq!(place.run("workspace list").ends(0).out, "  default\n* blue\n\n");
    place.run("state list").ends(1);
    place.run("apply -auto-approve").ends(0);
    assert_eq!(place.run("output -raw o").ends(0).out, "blue-x");
    assert_eq!(place.run_with("output -raw o", &[("TF_WORKSPACE", "default")], "").ends(0).out, "default-x");
    place.run_with("workspace select default", &[("TF_WORKSPACE", "blue")], "").ends(1);
    place.run_with("plan", &[("TF_WORKSPACE", "../x")], "").ends(1);
    place.run("workspace delete blue").ends(1);
    place.run("workspace select nowhere").ends(1);
    place.run("workspace select default").ends(0);
    assert_eq!(place.run("output -raw o").ends(0).out, "default-x");
    let refused = place.run("workspace delete blue").ends(1);
    assert!(refused.err.contains("terraform_data.a"), "{}", refused.err);
    place.run("workspace delete -force blue").ends(0);
    assert_eq!(place.run("workspace list").ends(0).out, "* default\n\n");
    place.run("workspace select -or-create green").ends(0);
    assert_eq!(place.run("workspace show").ends(0).out, "green\n");
    place.run("workspace new a/b").ends(1);
}

#[test]
fn workspaces_are_terraforms() {
    let place = Place::with(ONE);
    let Some(new) = place.terraform("workspace new blue") else { return };
    new.ends(0);
    place.terraform("init").unwrap().ends(0);
    place.terraform("apply -auto-approve").unwrap().ends(0);
    assert_eq!(place.run("workspace show").ends(0).out, "blue\n");
    assert_eq!(place.run("output -raw o").ends(0).out, "blue-x");
    assert_eq!(place.run("workspace list").ends(0).out, place.terraform("workspace list").unwrap().out);
    place.run("workspace select default").ends(0);
    assert_eq!(place.terraform("workspace show").unwrap().out, "default\n");
}

#[test]
fn a_tainted_object_is_replaced() {
    let place = Place::with(ONE);
    place.run("taint terraform_data.a").ends(1);
    place.run("apply -auto-approve").ends(0);
    let said = place.run("taint terraform_data.a").ends(0).out;
    assert_eq!(said, "Resource instance terraform_data.a has been marked as tainted.\n");
    let plan = place.run("plan -detailed-exitcode").ends(2).out;
    assert!(plan.contains("terraform_data.a"), "{plan}");
    let said = place.run("untaint terraform_data.a").ends(0).out;
    assert_eq!(said, "Resource instance terraform_data.a has been successfully untainted.\n");
    place.run("untaint terraform_data.a").ends(1);
    place.run("plan -detailed-exitcode").ends(0);
    assert!(place.run("taint -allow-missing terraform_data.nope").ends(0).err.contains("terraform_data.nope"));
    assert!(place.run("taint terraform_data.b").ends(1).err.contains("terraform_data.a"));
}

#[test]
fn arguments_come_from_the_environment_too() {
    let place = Place::with(ONE);
    let environment =
        [("TF_CLI_ARGS_apply", "-auto-approve -var 'v=two words'"), ("TF_CLI_ARGS", "-no-color"), ("TF_LOG", "TRACE")];
    place.run_with("apply", &environment, "").ends(0);
    assert_eq!(place.run("output -raw o").ends(0).out, "default-two words");
    place.run_with("apply", &[("TF_CLI_ARGS", "'open")], "").ends(1);
    place.run("plan -var v=y -lock=false -input=false -compact-warnings -no-color -json=false").ends(0);
    let data = place.0.path().join("data");
    place.run_with("workspace new x", &[("TF_DATA_DIR", data.to_str().unwrap())], "").ends(0);
    assert_eq!(place.read("data/environment"), "x");
}

#[test]
fn outputs_are_terraforms() {
    let place = Place::with(ONE);
    place.run("apply -auto-approve").ends(0);
    assert_eq!(place.run("output").ends(0).out, "o = \"default-x\"\nsecret = <sensitive>\n");
    assert_eq!(place.run("output o").ends(0).out, "\"default-x\"\n");
    assert_eq!(place.run("output -raw secret").ends(0).out, "s3cret");
    assert_eq!(place.run("output -json").ends(0).json()["secret"]["value"], "s3cret");
    place.run("output nope").ends(1);
    let theirs = Place::with(ONE);
    let Some(init) = theirs.terraform("init") else { return };
    init.ends(0);
    theirs.terraform("apply -auto-approve").unwrap().ends(0);
    for line in ["output", "output o", "output -raw secret", "output -json", "output -json o"] {
        assert_eq!(place.run(line).ends(0).out, theirs.terraform(line).unwrap().ends(0).out, "{line}");
    }
}

#[test]
fn refresh_only_brings_the_state_up_to_date() {
    let place = Place::with(ONE);
    place.run("apply -auto-approve").ends(0);
    place.run("refresh").ends(0);
    place.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn objects_are_handed_to_another_provider() {
    let place = Place::with(ONE);
    place.run("apply -auto-approve").ends(0);
    let listed = place.run("state pull").ends(0).json();
    let source = listed["resources"][0]["provider"].as_str().unwrap().to_owned();
    let source = source.trim_start_matches("provider[\"").trim_end_matches("\"]");
    place.run(&format!("state replace-provider {source} acme/other")).ends(1);
    place.run(&format!("state replace-provider -auto-approve {source} acme/other")).ends(0);
    let listed = place.run("state pull").ends(0).json();
    assert_eq!(listed["resources"][0]["provider"], "provider[\"registry.terraform.io/acme/other\"]");
    place.run("state replace-provider -auto-approve acme/nope acme/other").ends(1);
}

const TAKEN: &str = r#"{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"l","outputs":{"o":{"value":"v","type":"string"}},
"resources":[{"mode":"managed","type":"terraform_data","name":"x","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[
{"schema_version":0,"attributes":{"id":"abc","input":null,"output":null,"triggers_replace":null},"sensitive_attributes":[]}]}],"check_results":null}"#;

#[test]
fn a_state_file_of_terraforms_is_looked_at_where_it_is() {
    let place = Place::with(&[("kept.tfstate", TAKEN)]);
    for line in ["show kept.tfstate", "state show -state=kept.tfstate terraform_data.x"] {
        let shown = place.run(line).ends(0).out;
        assert!(shown.contains("\"abc\""), "{line}: {shown}");
    }
    assert_eq!(place.run("state list -state=kept.tfstate").ends(0).out, "terraform_data.x\n");
    assert_eq!(place.run("state list -state=kept.tfstate -id=abc").ends(0).out, "terraform_data.x\n");
    assert_eq!(place.run("state list -state=kept.tfstate -id=other").ends(0).out.trim(), "");
    assert_eq!(place.run("output -state=kept.tfstate -raw o").ends(0).out, "v");
    let shown = place.run("show -json kept.tfstate").ends(0).json();
    assert_eq!(shown["values"]["root_module"]["resources"][0]["address"], "terraform_data.x");
    assert!(!place.0.path().join("straddle.db").exists());
}

#[test]
fn what_is_not_followed_is_refused_by_name() {
    let place = Place::with(&[("main.tf", "resource \"terraform_data\" \"x\" {}\n")]);
    for (line, word) in [
        ("plan -state=a.tfstate", "state push"),
        ("apply -auto-approve -state-out=a.tfstate", "state pull"),
        ("login registry.example.com", "TF_TOKEN_registry_example_com"),
        ("logout", "app.terraform.io"),
        ("-install-autocomplete", "completion bash"),
    ] {
        let ran = place.run(line).ends(1);
        assert!(ran.err.contains(word), "{line}: {}{}", ran.out, ran.err);
    }
    assert!(!place.0.path().join("straddle.db").exists());
}

#[test]
fn a_backup_is_the_state_as_it_was() {
    let place = Place::with(&[("main.tf", "resource \"terraform_data\" \"x\" {}\n")]);
    place.run("apply -auto-approve").ends(0);
    let before = place.run("state pull").ends(0).json();
    place.run("destroy -auto-approve -backup=before.tfstate").ends(0);
    let kept: Value = serde_json::from_str(&place.read("before.tfstate")).unwrap();
    assert_eq!(kept["resources"], before["resources"]);
    assert_eq!(kept["resources"].as_array().unwrap().len(), 1);
}

#[test]
fn the_graph_of_a_saved_plan_is_that_of_its_texts() {
    let place = Place::with(&[("main.tf", "resource \"terraform_data\" \"x\" {}\n")]);
    place.run("plan -out=plan.bin").ends(0);
    place.write("main.tf", "resource \"terraform_data\" \"y\" {}\n");
    let drawn = place.run("graph -plan=plan.bin").ends(0).out;
    assert!(drawn.contains("terraform_data.x") && !drawn.contains("terraform_data.y"), "{drawn}");
}

#[test]
fn the_time_of_a_plan_is_that_of_its_apply() {
    let place = Place::with(&[("main.tf", "output \"t\" {\n  value = plantimestamp()\n}\n")]);
    place.run("plan -out=plan.bin").ends(0);
    let plan = place.run("show -json plan.bin").ends(0).json();
    assert_eq!(plan["timestamp"], plan["planned_values"]["outputs"]["t"]["value"]);
    place.run("apply plan.bin").ends(0);
    assert_eq!(place.run("output -raw t").ends(0).out, plan["timestamp"].as_str().unwrap());
    // A configuration that does not ask for it makes the same plan each time.
    place.write("main.tf", "output \"t\" {\n  value = 1\n}\n");
    place.run("plan -out=plan.bin").ends(0);
    assert_eq!(place.run("show -json plan.bin").ends(0).json().get("timestamp"), None);
}

#[test]
fn a_file_says_where_the_backend_is_and_every_later_command_knows() {
    let place = Place::with(&[
        ("main.tf", "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"a\" {}\n"),
        ("where.tfbackend", "path = \"elsewhere/terraform.tfstate\"\n"),
        ("wrong.tfbackend", "path = [\"a\", \"b\"]\n"),
    ]);
    let refused = place.run("init -backend-config=wrong.tfbackend").ends(1);
    assert!(
        refused.err.contains("wrong.tfbackend:1") && refused.err.contains("\"path\" is no text"),
        "{}",
        refused.err
    );
    assert!(place.run("init -backend-config=nowhere").ends(1).err.contains("NAME=VALUE"));
    place.run("init -backend-config=where.tfbackend").ends(0);
    place.run("apply -auto-approve").ends(0);
    assert!(place.0.path().join("elsewhere/straddle.db").exists());
    assert_eq!(place.run("state list").ends(0).out.trim(), "terraform_data.a");
}
