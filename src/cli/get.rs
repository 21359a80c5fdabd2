//! `get`: the modules a configuration calls.

use super::Exit;
use super::print::Printer;
use crate::diag::Diagnostic;
use crate::lang::load::{self, Config};
use std::path::Path;

pub fn run(printer: &Printer) -> Exit {
    let root = std::path::absolute(".").unwrap_or_else(|_| Path::new(".").to_path_buf());
    let loaded = load::load(&root);
    let mut out = String::new();
    list(&loaded.config, "", &root, &mut out);
    printer.out(&out);
    printer.diagnostics(&loaded.diags, &loaded.sources);
    if loaded.diags.iter().any(Diagnostic::is_error) { Exit::Error } else { Exit::Done }
}

/// Each call by its place among the calls, and the directory it leads to.
fn list(config: &Config, path: &str, root: &Path, out: &mut String) {
    for (name, child) in &config.children {
        let place = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let directory = child.directory.strip_prefix(root).unwrap_or(&child.directory);
        let words: Vec<String> = directory
            .components()
            .filter(|c| !matches!(c, std::path::Component::CurDir))
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        out.push_str(&format!("- {place} in {}\n", words.join("/")));
        list(child, &place, root, out);
    }
}
