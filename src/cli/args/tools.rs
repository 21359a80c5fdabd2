//! Commands about the text of a configuration, and what it asks for.

use super::{Command, Severity, VarArgs};
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

/// `query`.
#[derive(Args, Debug)]
pub struct QueryArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// Write resource and import blocks for what was found into a new file
    #[arg(long, value_name = "FILE")]
    pub generate_config_out: Option<PathBuf>,
    /// How many provider calls at once
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
}

impl Command {
    /// The word it is called by.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Validate(_) => "validate",
            Command::Plan(_) => "plan",
            Command::Apply(_) => "apply",
            Command::Destroy(_) => "destroy",
            Command::Drift(_) => "drift",
            Command::Failover(_) => "failover",
            Command::Failback(_) => "failback",
            Command::Simulate(_) => "simulate",
            Command::Verify(_) => "verify",
            Command::Show(_) => "show",
            Command::Import(_) => "import",
            Command::Output(_) => "output",
            Command::Query(_) => "query",
            Command::State(_) => "state",
            Command::ForceUnlock(_) => "force-unlock",
            Command::Console(_) => "console",
            Command::Providers(_) => "providers",
            Command::Sim(_) => "sim",
            Command::Fmt(_) => "fmt",
            Command::Refresh(_) => "refresh",
            Command::Get(_) => "get",
            Command::Graph(_) => "graph",
            Command::Workspace(_) => "workspace",
            Command::Test(_) => "test",
            Command::Taint(_) => "taint",
            Command::Runbook(_) => "runbook",
            Command::Probe(_) => "probe",
            Command::Untaint(_) => "untaint",
            Command::Version(_) => "version",
            Command::Completion(_) => "completion",
            Command::Login(_) => "login",
            Command::Logout(_) => "logout",
        }
    }
}

impl From<Severity> for crate::report::drift::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}
