//! The real `terraform` plans, applies, changes, replaces and destroys with a provider made with this crate. Where it is not
//! installed there is nothing to prove.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The example provider's binary, which cargo builds before it runs tests.
fn notes() -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let target = test.parent().and_then(Path::parent).expect("target/PROFILE/deps");
    target.join("examples").join(format!("notes{}", std::env::consts::EXE_SUFFIX))
}

struct Terraform(tempfile::TempDir);

impl Terraform {
    fn new() -> Terraform {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("dev")).expect("made");
        let program = at("dev").join(format!("terraform-provider-notes{}", std::env::consts::EXE_SUFFIX));
        std::fs::copy(notes(), program).expect("copied");
        let rc = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"straddle/notes\" = {:?}\n  }}\n  direct {{}}\n}}\n",
            at("dev")
        );
        std::fs::write(at("rc"), rc).expect("written");
        let spec = format!(
            r#"
            terraform {{
              required_providers {{
                notes = {{ source = "straddle/notes" }}
              }}
            }}
            variable "folder" {{ default = "a" }}
            variable "text" {{ default = "hello" }}
            provider "notes" {{ file = {:?} }}
            resource "notes_note" "n" {{
              count    = 2
              folder   = var.folder
              text     = var.text
              tags     = {{ a = "1" }}
              password = "secret"
              line {{ text = "x" }}
            }}
            data "notes_count" "all" {{ depends_on = [notes_note.n] }}
            output "notes" {{ value = data.notes_count.all.notes }}
            "#,
            at("notes.txt")
        );
        std::fs::write(at("main.tf"), spec).expect("written");
        Terraform(dir)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new("terraform")
            .args(arguments)
            .arg("-no-color")
            .current_dir(self.0.path())
            .env("TF_CLI_CONFIG_FILE", self.0.path().join("rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env_remove("TF_REATTACH_PROVIDERS")
            .output();
        output.expect("terraform runs")
    }

    /// Runs it; the exit code and the words must be these.
    fn expect(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.run(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{text}");
        assert!(text.contains(words), "{arguments:?} does not say {words:?}:\n{text}");
    }
}

#[test]
fn terraform_drives_a_provider_through_its_whole_life() {
    if Command::new("terraform").arg("version").output().is_err() {
        eprintln!("terraform is not installed");
        return;
    }
    let terraform = Terraform::new();
    let apply = |arguments: &[&str], words: &str| {
        terraform.expect(&[&["apply", "-auto-approve"], arguments].concat(), 0, words);
    };
    terraform.expect(&["validate"], 0, "Success!");
    apply(&[], "Resources: 2 added, 0 changed, 0 destroyed.");
    terraform.expect(&["plan", "-detailed-exitcode"], 0, "No changes.");
    apply(&["-var", "text=bye"], "Resources: 0 added, 2 changed, 0 destroyed.");
    terraform.expect(&["plan", "-var", "folder=b"], 0, "forces replacement");
    apply(&["-var", "folder=b"], "Resources: 2 added, 0 changed, 2 destroyed.");
    terraform.expect(&["plan", "-detailed-exitcode", "-var", "folder=b"], 0, "No changes.");
    terraform.expect(&["plan", "-var", "folder="], 1, "A note must lie in a folder.");
    let refused = ["apply", "-auto-approve", "-var", "folder=b", "-var", "text=refuse"];
    terraform.expect(&refused, 1, "The note said so.");
    let broken = ["apply", "-auto-approve", "-var", "folder=b", "-var", "text=panic"];
    terraform.expect(&broken, 1, "What it had done by then is not known.");
    terraform.expect(&["destroy", "-auto-approve", "-var", "folder=b"], 0, "2 destroyed.");
    let left = std::fs::read_to_string(terraform.0.path().join("notes.txt")).expect("the notes");
    assert_eq!(left, "", "nothing is left");
}
