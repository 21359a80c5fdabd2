//! Existing objects come under management: `import`, import blocks, and configuration written for them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

#[path = "shared/alone.rs"]
mod alone;

use std::path::{Path, PathBuf};
use std::process::Output;

struct Stack(PathBuf);

impl Drop for Stack {
    fn drop(&mut self) {
        // What is left of a test's directory is found again under the build directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stack {
    fn new(name: &str, text: &str) -> Stack {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("importing-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let stack = Stack(dir);
        stack.write("main.tf", text);
        stack
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        alone::alone(env!("CARGO_BIN_EXE_straddle"))
            .args(line.split_whitespace())
            .current_dir(&self.0)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    fn ends(&self, line: &str, code: i32) -> String {
        let ran = self.run(line);
        let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert_eq!(ran.status.code(), Some(code), "{line}\n{text}");
        text
    }
}

#[test]
fn an_object_is_taken_over_by_command() {
    let stack = Stack::new("command", "resource \"terraform_data\" \"a\" {\n  count = 2\n}\n");
    stack.ends("import terraform_data.a[1] here", 0);
    assert_eq!(stack.ends("state list", 0).trim(), "terraform_data.a[1]");
    // Once is enough, and what nobody configured cannot be.
    assert!(stack.ends("import terraform_data.a[1] there", 1).contains("already managed"));
    assert!(stack.ends("import terraform_data.a[2] there", 1).contains("makes no"));
    assert!(stack.ends("import terraform_data.b there", 1).contains("does not exist in the configuration"));
    let plan = stack.ends("plan", 0);
    assert!(plan.contains("1 to add, 0 to change, 0 to remove"), "{plan}");
}

#[test]
fn configuration_is_written_for_what_has_none() {
    let stack = Stack::new("generated", "import {\n  to = terraform_data.a\n  id = \"x\"\n}\n");
    assert!(stack.ends("plan", 1).contains("Configuration for import target does not exist"));
    let plan = stack.ends("plan -generate-config-out=new.tf", 0);
    assert!(plan.contains("(imported from x)"), "{plan}");
    let text = std::fs::read_to_string(stack.0.join("new.tf")).unwrap();
    assert!(
        text.ends_with(
            "resource \"terraform_data\" \"a\" {\n  input            = null\n  triggers_replace = null\n}\n"
        )
    );
    // Others read it as the same.
    let read = hcl::parse(&text).unwrap();
    let block = read.blocks().next().unwrap();
    assert_eq!(block.labels().iter().map(hcl::BlockLabel::as_str).collect::<Vec<_>>(), ["terraform_data", "a"]);
    assert_eq!(block.body().attributes().map(hcl::Attribute::key).collect::<Vec<_>>(), ["input", "triggers_replace"]);
    // What a person may have changed since is not written over.
    stack.write("main.tf", "import {\n  to = terraform_data.b\n  id = \"y\"\n}\n");
    assert!(stack.ends("plan -generate-config-out=new.tf", 1).contains("already exists"));
    stack.write("main.tf", "import {\n  to = terraform_data.a\n  id = \"x\"\n}\n");
    stack.ends("apply -auto-approve", 0);
    stack.ends("plan -detailed-exitcode", 0);
}

#[test]
fn an_object_whose_provisioner_failed_is_made_anew() {
    let failing =
        "resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n}\n";
    let stack = Stack::new("provisioner", failing);
    assert!(stack.ends("apply -auto-approve", 7).contains("local-exec provisioner error"));
    stack.write("main.tf", &failing.replace("exit 3", "echo $WORD"));
    stack.write("main.tf", &failing.replace("\"exit 3\"", "\"echo said-$WORD\"\n    environment = { WORD = \"so\" }"));
    let done = stack.ends("apply -auto-approve", 0);
    assert!(done.contains("1 added") && done.contains("said-so"), "{done}");
    stack.ends("plan -detailed-exitcode", 0);
}

#[test]
fn functions_of_the_built_in_provider() {
    let stack = Stack::new(
        "functions",
        "terraform {\n  required_providers {\n    tf = { source = \"terraform.io/builtin/terraform\" }\n  }\n}\n\
         output \"a\" { value = provider::tf::encode_expr({ b = [1, \"x\"], long = null }) }\n\
         output \"b\" { value = provider::tf::decode_tfvars(\"x = [1, 2]\") }\n",
    );
    stack.ends("apply -auto-approve", 0);
    assert_eq!(stack.ends("output -raw a", 0).trim_end(), "{\n  b    = [1, \"x\"]\n  long = null\n}");
    assert_eq!(stack.ends("output -json b", 0).trim(), "{\"x\":[1,2]}");
}
