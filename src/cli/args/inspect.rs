//! Commands about a configuration as a whole, its workspaces and its objects' marks.

use super::{LockArgs, PlanningArgs, VarArgs};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `refresh`.
#[derive(Args, Debug)]
pub struct RefreshArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
}

/// `get`.
#[derive(Args, Debug)]
pub struct GetArgs {
    /// Accepted for Terraform's sake: local modules are read where they are
    #[arg(long)]
    pub update: bool,
}

/// `graph`.
#[derive(Args, Debug)]
pub struct GraphArgs {
    /// Everything that can be referred to, as Terraform draws it, instead of resources only
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<GraphType>,
    /// A plan saved by `plan -out`: the configuration it was made from is drawn
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// For which program
    #[arg(long, value_name = "FORMAT", default_value = "dot")]
    pub format: GraphFormat,
    /// Accepted for Terraform's sake: circles are always refused by name
    #[arg(long)]
    pub draw_cycles: bool,
}

/// Which graph.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphType {
    Plan,
    PlanRefreshOnly,
}

/// For which program.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, as in pull requests
    Mermaid,
}

/// `workspace`.
#[derive(Subcommand, Debug)]
pub enum WorkspaceCommand {
    /// List all; the selected one has a star
    List,
    /// Print the name of the selected one
    Show,
    /// Make one and select it
    New {
        /// Its name
        name: String,
        /// A state in Terraform's format, version 4, to begin with
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Select one
    Select {
        /// Its name
        name: String,
        /// Make it if there is none of that name
        #[arg(long)]
        or_create: bool,
    },
    /// Delete one that is not selected and manages nothing
    Delete {
        /// Its name
        name: String,
        /// Even if it manages objects; they live on, unmanaged
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        lock: LockArgs,
    },
}

/// `taint` and `untaint`.
#[derive(Args, Debug)]
pub struct TaintArgs {
    /// The object's address
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// No error when the state has no such object
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    pub lock: LockArgs,
}

/// `test`.
#[derive(Args, Debug)]
pub struct TestArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// Only this test file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub filter: Vec<PathBuf>,
    /// Where test files are, beside the directory itself
    #[arg(long, value_name = "DIR", default_value = "tests")]
    pub test_directory: PathBuf,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
    /// Write the results in JUnit's form as well
    #[arg(long, value_name = "FILE")]
    pub junit_xml: Option<PathBuf>,
    /// Show the plan or the outputs of each run
    #[arg(long)]
    pub verbose: bool,
}
