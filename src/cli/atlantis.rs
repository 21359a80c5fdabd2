//! `init -atlantis`: what Atlantis needs to plan and apply this directory with straddle.

use super::Exit;
use super::print::Printer;
use crate::diag::Diagnostic;
use std::path::{Path, PathBuf};

/// The file Atlantis reads at a repository's root.
const FILE: &str = "atlantis.yaml";

/// Writes the file, unless there is one.
pub fn write(printer: &Printer) -> Exit {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let root = here.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(&here);
    let stack = here.strip_prefix(root).ok().map(|p| p.to_string_lossy().replace('\\', "/")).unwrap_or_default();
    let file = root.join(FILE);
    let text = text(&stack);
    // What stands there is somebody's: it is not written over.
    match std::fs::File::create_new(&file).and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())) {
        Ok(()) => {
            printer.out(&format!("{} was written. The server must allow the workflow \"straddle\".", file.display()));
            Exit::Done
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let problem =
                Diagnostic::error("atlantis.yaml not written", format!("{} is there already.", file.display()));
            printer.diagnostics(&[problem.help("Add to it what is printed on standard output.")], &Default::default());
            printer.out(&text);
            Exit::Error
        }
        Err(error) => {
            let detail = format!("{}: {error}.", file.display());
            printer.diagnostics(&[Diagnostic::error("atlantis.yaml not written", detail)], &Default::default());
            Exit::Error
        }
    }
}

/// The file's text for a directory of the repository; empty: its root.
fn text(stack: &str) -> String {
    let name = if stack.is_empty() { "straddle".to_owned() } else { stack.replace(['/', ' '], "-") };
    let dir = if Path::new(stack) == Path::new("") { "." } else { stack };
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (name, dir) =
        match [&name[..], dir].iter().all(|t| t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))) {
            true => (name, dir.to_owned()),
            false => (quoted(&name), quoted(dir)),
        };
    format!(
        "version: 3
projects:
  - name: {name}
    dir: {dir}
    workflow: straddle
    autoplan:
      enabled: true
      when_modified: [\"*.straddle.hcl\", \"*.tf\", \"*.tf.json\", \"*.tfvars\", \"*.tfvars.json\", \".terraform.lock.hcl\"]
workflows:
  straddle:
    plan:
      steps:
        - run: straddle init -input=false
        - run: straddle plan -input=false -out=$PLANFILE
    apply:
      steps:
        - run: straddle apply -input=false -lock-timeout=10m $PLANFILE
"
    )
}
