//! Arguments of `runbook`.

use super::{PlanningArgs, VarArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `runbook`.
#[derive(Subcommand, Debug)]
pub enum RunbookCommand {
    /// Compile a plan for every loss, sign it, and put it into the places of the runbook block
    Build(RunbookBuildArgs),
    /// Which runbooks there are, where, how old, and when they were last rehearsed
    List(RunbookListArgs),
    /// Rehearse runbooks: on a copy of the built-in clouds, or as a dry run of the providers
    Test(RunbookTestArgs),
    /// Carry a runbook out
    Run(RunbookRunArgs),
    /// Take what a runbook did without the state into the state
    Merge(RunbookMergeArgs),
    /// Make a key that signs and seals runbooks, and print it
    Key,
}

/// `runbook build`.
#[derive(Args, Debug, Default)]
pub struct RunbookBuildArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Only this loss, for example zone:a; may be repeated
    #[arg(long, value_name = "LEVEL:NAME")]
    pub lose: Vec<String>,
    /// Every two losses at once, too
    #[arg(long)]
    pub pairs: bool,
}

/// `runbook list`.
#[derive(Args, Debug, Default)]
pub struct RunbookListArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// The result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `runbook test`.
#[derive(Args, Debug, Default)]
pub struct RunbookTestArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Only these, by name; all of them without
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// `runbook run`.
#[derive(Args, Debug, Default)]
pub struct RunbookRunArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// The runbook
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Without the spec, the state and everything inside the loss; what is done is written beside the file
    #[arg(long)]
    pub offline: bool,
    /// The file that holds the key; else the environment variable STRADDLE_RUNBOOK_KEY
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Where what is done is written; beside the runbook without
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Do not ask before changing anything
    #[arg(long)]
    pub auto_approve: bool,
}

/// `runbook merge`.
#[derive(Args, Debug, Default)]
pub struct RunbookMergeArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// The runbook that was carried out
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The file that holds the key; else what the runbook block says
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Where what was done is written; beside the runbook without
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
}
