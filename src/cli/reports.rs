//! Report files of a drift check: `--out FORMAT=FILE`.

use super::args::{ReportFile, ReportFormat};
use super::print::Printer;
use crate::report::drift::{self, Drift};
use std::path::{Path, PathBuf};

/// Writes every report that was asked for. False: one could not be written; it is said, and the others are written all the same.
pub fn write(found: &Drift<'_>, wanted: &[ReportFile], printer: &Printer) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let (stack, prefix) = place();
    let mut all_written = true;
    for ReportFile { format, file } in wanted {
        let text = match format {
            ReportFormat::Json => drift::json(found) + "\n",
            ReportFormat::Sarif => drift::sarif(found, &prefix),
            ReportFormat::Junit => drift::junit(found, &stack),
            ReportFormat::Github => {
                printer.bare(&drift::github_commands(found, &prefix));
                drift::markdown(found, &stack)
            }
            ReportFormat::Gitlab => {
                all_written &= put(&file.with_extension("terraform.json"), &drift::gitlab_counts(found), printer);
                drift::code_quality(found, &prefix)
            }
            ReportFormat::Markdown => drift::markdown(found, &stack),
            ReportFormat::Html => crate::report::page::drift(found, &stack, printer.style().lang),
        };
        all_written &= put(file, &text, printer);
    }
    all_written
}

pub fn put(file: &Path, text: &str, printer: &Printer) -> bool {
    match std::fs::write(file, text) {
        Ok(()) => true,
        Err(problem) => {
            printer.error(&format!("{} could not be written: {problem}", file.display()));
            false
        }
    }
}

/// What this directory is called, and the way from the repository's root to it (empty, or ending in `/`).
pub fn place() -> (String, String) {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let root = here.ancestors().find(|dir| dir.join(".git").exists());
    let below = root.and_then(|root| here.strip_prefix(root).ok()).map(|p| p.to_string_lossy().replace('\\', "/"));
    let own_name = || here.file_name().map_or(".".into(), |n| n.to_string_lossy().into_owned());
    match below {
        Some(below) if !below.is_empty() => (below.clone(), format!("{below}/")),
        Some(_) => (".".into(), String::new()),
        None => (own_name(), String::new()),
    }
}
