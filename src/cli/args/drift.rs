//! `drift`: what is compared, what fails, and what is written.

use super::VarArgs;
use crate::promise::change::Approval;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `drift`.
#[derive(Args, Debug, Default)]
pub struct DriftArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// The result as JSON
    #[arg(long)]
    pub json: bool,
    /// What fails the run; `new`: what the change against -base causes, alone
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    pub fail_on: Vec<FailOn>,
    /// The commit or branch this is to be merged into: what the change causes is told from what was so before
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,
    /// Somebody who approved of what is removed or weakened against -base; with =WORKLOAD:RULE of that rule alone; may be repeated
    #[arg(long, value_name = "NAME[=RULE]", requires = "base")]
    pub approved_by: Vec<Approval>,
    /// Differences below this fail nothing
    #[arg(long, value_name = "LEVEL")]
    pub severity: Option<Severity>,
    /// What is known of drift: who lives with which difference until when, and how grave others are (default: straddle-drift.hcl)
    #[arg(long, value_name = "FILE")]
    pub ignore_file: Option<PathBuf>,
    /// A report written beside the output, for example sarif=drift.sarif; repeat it for several
    #[arg(long, value_name = "FORMAT=FILE")]
    pub out: Vec<ReportFile>,
    /// How many provider calls at once
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

/// Formats a drift check is written in for pipelines.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// What `--json` prints
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit XML: a test case for each object and each rule
    Junit,
    /// The step summary into the file, workflow commands onto standard output
    Github,
    /// Code quality into the file, the count of changes beside it (.terraform.json)
    Gitlab,
    /// One comment, to be replaced at each run
    Markdown,
    /// One self-contained page
    Html,
}

/// `FORMAT=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    pub format: ReportFormat,
    pub file: PathBuf,
}

impl std::str::FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<ReportFile, String> {
        let known = "json, sarif, junit, github, gitlab, markdown, html";
        let (format, file) = text.split_once('=').ok_or_else(|| format!("write FORMAT=FILE, FORMAT one of {known}"))?;
        let format = ReportFormat::from_str(format, true).map_err(|_| format!("{format:?} is none of {known}"))?;
        if file.is_empty() {
            return Err("a file's name must follow the equals sign".into());
        }
        Ok(ReportFile { format, file: file.into() })
    }
}

/// Kinds of result that may fail a pipeline.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    Drift,
    Breach,
    Margin,
    Error,
    New,
    Weakened,
}

/// How grave a difference is.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}
