//! Commands about the text of a configuration.

use clap::Args;
use std::path::PathBuf;

/// `fmt`.
#[derive(Args, Debug)]
pub struct FmtArgs {
    /// Files and directories; `-` is standard input. Without one: the directory
    #[arg(value_name = "PATH")]
    pub targets: Vec<PathBuf>,
    /// Whether to name the files whose form is not canonical
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub list: bool,
    /// Whether to write the files
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub write: bool,
    /// Show what changes
    #[arg(long)]
    pub diff: bool,
    /// Write nothing; exit 3 when something is not in canonical form
    #[arg(long)]
    pub check: bool,
    /// Directories below as well
    #[arg(long)]
    pub recursive: bool,
}
