//! The command line: every command and flag, and Terraform's single-dash spelling of them.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

mod drift;
mod inspect;
mod runbook;
mod spelling;
mod tools;
mod vars;

pub use drift::{DriftArgs, FailOn, ReportFile, ReportFormat, Severity};
pub use inspect::{GetArgs, GraphArgs, GraphFormat, GraphType, RefreshArgs, TaintArgs, TestArgs, WorkspaceCommand};
pub use runbook::{
    RunbookBuildArgs, RunbookCommand, RunbookListArgs, RunbookMergeArgs, RunbookRunArgs, RunbookTestArgs,
};
pub use spelling::{SplitError, arguments};
pub use tools::{FmtArgs, QueryArgs};
pub use vars::{Assignment, VarArgs};

use crate::promise::change::Approval;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Keeps a workload spread over zones, clouds and own data centres: before, during and after every change.
#[derive(Parser, Debug)]
#[command(name = "straddle", version, disable_help_subcommand = true, max_term_width = 120)]
pub struct Cli {
    /// Switch to this directory before anything else
    #[arg(long, global = true, value_name = "DIR")]
    pub chdir: Option<PathBuf>,
    /// Never use colour (also: the NO_COLOR environment variable)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// The language of texts for people (default: the locale's, where straddle speaks it)
    #[arg(long, global = true, value_enum, value_name = "LANG")]
    pub lang: Option<Language>,
    /// What standard error is: `text` for people, `json` for one object a line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub log: String,
    /// Write what the run spent its time on (for chrome://tracing, Perfetto, speedscope)
    #[arg(long, global = true, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// A language straddle speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Language {
    En,
    Ko,
}

impl From<Language> for crate::tongue::Lang {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Ko => Self::Ko,
        }
    }
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Prepare the directory: find the providers the spec needs and say where they come from
    Init(InitArgs),
    /// Check the spec without touching anything
    Validate(ValidateArgs),
    /// Show what apply would do, step by step, and what every loss would leave
    Plan(PlanArgs),
    /// Carry out a plan
    Apply(ApplyArgs),
    /// Remove everything the spec manages (same as apply -destroy)
    Destroy(ApplyArgs),
    /// Compare spec, state and reality; changes nothing, takes no lock
    Drift(DriftArgs),
    /// Plan and carry out the answer to a loss
    Failover(FailoverArgs),
    /// Bring the workloads back to their normal placement after a failover
    Failback(FailbackArgs),
    /// Plans for losses, compiled ahead: build, list, rehearse and run them
    #[command(subcommand)]
    Runbook(RunbookCommand),
    /// Look through every probe, or answer a question of one (-agent)
    Probe(ProbeArgs),
    /// What is left after losses: now and with the spec's placement
    Simulate(SimulateArgs),
    /// Re-check a saved plan with a second, independent evaluator
    Verify(VerifyArgs),
    /// Show a saved plan, or the state
    Show(ShowArgs),
    /// Take over an existing object: it comes under an address of the configuration
    Import(ImportArgs),
    /// List existing objects, as the list blocks of .tfquery.hcl files ask for them
    Query(QueryArgs),
    /// Print output values
    Output(OutputArgs),
    /// Look at and repair the state
    #[command(subcommand)]
    State(StateCommand),
    /// Release a lock that nobody holds any more
    ForceUnlock(ForceUnlockArgs),
    /// Evaluate expressions
    Console(ConsoleArgs),
    /// Providers the spec needs; export of the built-in one
    Providers(ProvidersArgs),
    /// Drive the built-in simulated clouds
    #[command(subcommand)]
    Sim(SimCommand),
    /// Rewrite the files in their canonical form
    Fmt(FmtArgs),
    /// Bring the state up to date with reality (same as apply -refresh-only -auto-approve)
    Refresh(RefreshArgs),
    /// Name the modules the spec calls
    Get(GetArgs),
    /// Draw what depends on what
    Graph(GraphArgs),
    /// States of several environments from one spec
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Carry out the runs of .tftest.hcl files and judge what they assert
    Test(TestArgs),
    /// Have the next plan replace an object
    Taint(TaintArgs),
    /// Take that back
    Untaint(TaintArgs),
    /// Print the version
    Version(VersionArgs),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Not there: tokens are read from where Terraform keeps them
    #[command(hide = true)]
    Login(HostArgs),
    /// Not there, as login
    #[command(hide = true)]
    Logout(HostArgs),
}

/// How to wait for the state's lock.
#[derive(Args, Debug, Default, Clone)]
pub struct LockArgs {
    /// How long to wait for the state's lock, for example 30s
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
    /// Accepted for Terraform's sake: a state that is written to is always locked
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub lock: bool,
}

/// Where Terraform's local backend would keep a state. straddle's is no file of that format, so these are refused by name.
#[derive(Args, Debug, Default, Clone)]
pub struct StateFileArgs {
    /// Not followed: a state in Terraform's format is taken over with `state push`
    #[arg(long, value_name = "FILE", hide = true)]
    pub state: Option<PathBuf>,
    /// Not followed: `state pull` writes a state in Terraform's format
    #[arg(long, value_name = "FILE", hide = true)]
    pub state_out: Option<PathBuf>,
    /// A copy of the state as it was, in Terraform's format, version 4; `-` is none
    #[arg(long, value_name = "FILE", hide = true)]
    pub backup: Option<PathBuf>,
}

/// Flags that shape a plan; `plan`, `apply`, `destroy`, `failover` and `failback` share them.
#[derive(Args, Debug, Default, Clone)]
pub struct PlanningArgs {
    /// The plan will be shown to programs: what only they ask for is found out too
    #[arg(skip)]
    pub told: bool,
    #[command(flatten)]
    pub vars: VarArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    #[command(flatten)]
    pub files: StateFileArgs,
    /// Only these objects and what they need; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<String>,
    /// Replace this object even if nothing asks for it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<String>,
    /// Whether to read live objects first
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub refresh: bool,
    /// Only bring the state up to date with reality
    #[arg(long)]
    pub refresh_only: bool,
    /// Plan the removal of everything
    #[arg(long)]
    pub destroy: bool,
    /// Additions only: nothing is removed, replaced or changed
    #[arg(long)]
    pub repair: bool,
    /// How many provider calls at once
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
    /// Whether to ask for variables that have no value, where somebody is there to ask
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub input: bool,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
    /// Show unchanged attributes and every step
    #[arg(long)]
    pub verbose: bool,
    /// Accepted for Terraform's sake: warnings are short as they are
    #[arg(long, hide = true)]
    pub compact_warnings: bool,
    /// Let providers put off what they cannot plan yet; the rest is planned
    #[arg(long)]
    pub allow_deferral: bool,
    /// Take a location that nobody can reach for healthy, for this command alone: ncp=healthy, zone:a=healthy; may be repeated
    #[arg(long, value_name = "WHERE=healthy")]
    pub assume: Vec<String>,
    /// Where a person wants everything new of a failover, by location
    #[arg(skip)]
    pub to: std::collections::BTreeSet<String>,
    /// Floors are overridden
    #[arg(skip)]
    pub forced: bool,
    /// Workloads and locations where new replicas did not serve in this run
    #[arg(skip)]
    pub avoid: std::collections::BTreeSet<(straddle_sdk::value::Str, String)>,
}

impl PlanningArgs {
    /// How providers are asked.
    pub fn manner(&self) -> crate::fleet::Manner {
        crate::fleet::Manner { parallelism: self.parallelism, deferral: self.allow_deferral }
    }

    /// Lets missing values be asked for, unless somebody said otherwise.
    pub fn may_ask(&mut self) {
        let unwanted = std::env::var("TF_INPUT").is_ok_and(|v| matches!(v.as_str(), "0" | "false"));
        self.vars.ask = self.input && !self.json && !unwanted;
    }
}

/// `plan`.
#[derive(Args, Debug, Default)]
pub struct PlanArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Save the plan, to be carried out by `apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the plan as one self-contained page as well
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// A reviewed plan: exit 5 unless this one would do the same, and say what differs and why
    #[arg(long, value_name = "PLANFILE")]
    pub compare: Option<PathBuf>,
    /// Sign the saved plan with this Ed25519 private key (PEM)
    #[arg(long, value_name = "FILE", requires = "out")]
    pub sign_with: Option<PathBuf>,
    /// The reviewed plan must be signed by this Ed25519 public key (PEM)
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub verify_with: Option<PathBuf>,
    /// Exit 2 when there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Refuse the plan when it adds a cut set (a smallest loss that breaks a workload), or one of so few losses
    #[arg(long, value_name = "order<=N", num_args = 0..=1, default_missing_value = "", value_parser = largest_order)]
    pub fail_on_new_cutset: Option<u32>,
    /// Write configuration for imported objects that have none into this new file
    #[arg(long, value_name = "FILE")]
    pub generate_config_out: Option<PathBuf>,
    /// The loss to plan for, for example zone:a; may be repeated
    #[arg(long, value_name = "LEVEL:NAME")]
    pub lose: Vec<String>,
}

/// `apply` and `destroy`.
#[derive(Args, Debug, Default, Clone)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// A plan saved by `plan -out`
    #[arg(value_name = "PLANFILE")]
    pub planfile: Option<PathBuf>,
    /// The plan must be signed by this Ed25519 public key (PEM)
    #[arg(long, value_name = "FILE", requires = "planfile")]
    pub verify_with: Option<PathBuf>,
    /// Carry out a saved plan that the state or reality has outrun, planned anew, if everything the new plan does is in the saved one
    #[arg(long, requires = "planfile")]
    pub replan_within: bool,
    /// Where reality moves under the plan, plan the rest anew, show it and go on, three times at most
    #[arg(long)]
    pub auto_replan: bool,
    /// Do not ask before changing anything
    #[arg(long)]
    pub auto_approve: bool,
    /// Somebody who approved, where a `change` block asks for it; with =WORKLOAD:RULE or =removals of that alone; may be repeated
    #[arg(long, value_name = "NAME[=WHAT]")]
    pub approved_by: Vec<Approval>,
}

/// `failover`.
#[derive(Args, Debug, Default)]
pub struct FailoverArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// What is lost, for example zone:a or building:dogok; may be repeated. Without it: what providers report as down
    #[arg(long, value_name = "LEVEL:NAME")]
    pub lose: Vec<String>,
    /// Where everything new is to be made, and who is to be promoted: a location, or a domain like zone:b; may be repeated
    #[arg(long, value_name = "WHERE")]
    pub to: Vec<String>,
    /// Go on where a floor forbids it; needs -reason, which is recorded
    #[arg(long)]
    pub force: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Do not ask before changing anything
    #[arg(long)]
    pub auto_approve: bool,
}

/// `failback`.
#[derive(Args, Debug, Default)]
pub struct FailbackArgs {
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Only say whether the way back is open
    #[arg(long)]
    pub check: bool,
    /// Do not ask before changing anything
    #[arg(long)]
    pub auto_approve: bool,
    /// Somebody who approved, where a `change` block asks for it; with =removals of that alone; may be repeated
    #[arg(long, value_name = "NAME[=WHAT]")]
    pub approved_by: Vec<Approval>,
}

/// `probe`.
#[derive(Args, Debug, Default)]
pub struct ProbeArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// Read one question from standard input and answer it from this machine, as JSON: what a vantage's "exec" runs
    #[arg(long)]
    pub agent: bool,
    /// Take the lock and remember what is seen: since when a location is lost, silent, or well again
    #[arg(long, conflicts_with = "agent")]
    pub record: bool,
    /// The result as JSON
    #[arg(long)]
    pub json: bool,
    /// How many provider calls at once
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

/// `simulate`.
#[derive(Args, Debug, Default)]
pub struct SimulateArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// A loss, for example zone:a; repeat it for things lost at once
    #[arg(long, value_name = "LEVEL:NAME")]
    pub lose: Vec<String>,
    /// Every loss of K things at once
    #[arg(long, value_name = "K", requires = "of")]
    pub any: Option<usize>,
    /// The level or kind of shared risk that `--any` counts
    #[arg(long, value_name = "LEVEL")]
    pub of: Option<String>,
    /// Write the result as one self-contained page as well
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// A plan saved by `plan -out`
    #[arg(value_name = "PLANFILE")]
    pub planfile: PathBuf,
    /// The result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// A saved plan, or a state in Terraform's format, version 4; without it this directory's state is shown
    #[arg(value_name = "PLANFILE")]
    pub planfile: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Write the plan as one self-contained page as well
    #[arg(long, value_name = "FILE", requires = "planfile")]
    pub html: Option<PathBuf>,
}

/// `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Where in the configuration it belongs, for example aws_instance.web
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// What the provider knows it by
    #[arg(value_name = "ID")]
    pub id: String,
    /// Accepted for Terraform's sake
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub input: bool,
}

/// `output`.
#[derive(Args, Debug)]
pub struct OutputArgs {
    /// One output; without it all
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// As JSON, sensitive values in clear
    #[arg(long)]
    pub json: bool,
    /// The bare text of one string, number or bool
    #[arg(long)]
    pub raw: bool,
    /// A state in Terraform's format, version 4, instead of this directory's
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// `init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Accepted for Terraform's sake
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub input: bool,
    /// Take the newest versions that are allowed, whatever the lock file says
    #[arg(long)]
    pub upgrade: bool,
    /// Bring called modules
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub get: bool,
    /// `readonly`: fail where the lock file would change
    #[arg(long, value_name = "MODE", value_parser = ["readonly"])]
    pub lockfile: Option<String>,
    /// Write atlantis.yaml, so that Atlantis plans and applies this directory with straddle
    #[arg(long)]
    pub atlantis: bool,
    /// NAME=VALUE for an argument of the `backend` block, or a file of them; may be repeated
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    pub backend_config: Vec<String>,
    /// Install providers from this directory alone; may be repeated
    #[arg(long, value_name = "DIR")]
    pub plugin_dir: Vec<PathBuf>,
}

/// `validate`.
#[derive(Args, Debug)]
pub struct ValidateArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// The result as JSON
    #[arg(long)]
    pub json: bool,
    /// Judge the rules on the spec's own placement, everything healthy; exit 3 when one cannot hold
    #[arg(long)]
    pub rules: bool,
}

/// `console`.
#[derive(Args, Debug)]
pub struct ConsoleArgs {
    #[command(flatten)]
    pub vars: VarArgs,
    /// One JSON object for the expression on standard input
    #[arg(long)]
    pub json: bool,
}

/// `force-unlock`.
#[derive(Args, Debug)]
pub struct ForceUnlockArgs {
    /// The lock's id, as the refusal printed it
    #[arg(value_name = "LOCK_ID")]
    pub id: String,
    /// Do not ask
    #[arg(long)]
    pub force: bool,
}

/// `providers`.
#[derive(Args, Debug)]
pub struct ProvidersArgs {
    #[command(subcommand)]
    pub command: Option<ProvidersCommand>,
}

/// What to do with providers.
#[derive(Subcommand, Debug)]
pub enum ProvidersCommand {
    /// Print the schemas of all providers the spec uses
    Schema {
        /// As JSON (the only form there is)
        #[arg(long)]
        json: bool,
    },
    /// Write checksums for further platforms into the lock file
    Lock {
        /// Only these providers
        providers: Vec<String>,
        /// OS_ARCH, for example linux_arm64; may be repeated
        #[arg(long, value_name = "OS_ARCH")]
        platform: Vec<String>,
        /// Packages from this directory, not from registries
        #[arg(long, value_name = "DIR", conflicts_with = "net_mirror")]
        fs_mirror: Option<PathBuf>,
        /// Packages from this server, not from registries
        #[arg(long, value_name = "URL")]
        net_mirror: Option<String>,
    },
    /// Copy the packages of all providers into DIR, to install from where there is no network
    Mirror {
        /// Where to
        dir: PathBuf,
        /// OS_ARCH, for example linux_arm64; may be repeated
        #[arg(long, value_name = "OS_ARCH")]
        platform: Vec<String>,
    },
    /// Put a built-in provider into DIR as a file Terraform can use
    Export {
        /// The provider; `sim`
        name: String,
        /// Where to put it
        dir: PathBuf,
    },
}

/// `state`.
#[derive(Subcommand, Debug)]
pub enum StateCommand {
    /// List the addresses in the state
    List {
        /// Only these and what is below them
        addresses: Vec<String>,
        /// Only the objects of this id
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// A state in Terraform's format, version 4, instead of this directory's
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// Show one object
    Show {
        /// Its address
        address: String,
        /// A state in Terraform's format, version 4, instead of this directory's
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// Give an object another address
    Mv {
        /// The address now
        from: String,
        /// The new address
        to: String,
        /// Only say what would be moved
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Forget objects; they live on, unmanaged
    Rm {
        /// Their addresses
        #[arg(required = true)]
        addresses: Vec<String>,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Hand all objects of one provider to another
    ReplaceProvider {
        /// The provider now, for example hashicorp/aws
        from: String,
        /// The new one
        to: String,
        /// Do not ask
        #[arg(long)]
        auto_approve: bool,
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Print the state in Terraform's format, version 4
    Pull,
    /// Take over a state in Terraform's format, version 4
    Push {
        /// The file; `-` is standard input
        file: PathBuf,
        /// Even if lineage or serial say no
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        lock: LockArgs,
    },
    /// List the runs that changed it, and which versions can be had back
    History {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take back a version of it; objects are as they are, the next plan shows the difference
    Restore {
        /// The serial, as `state history` prints it
        serial: u64,
        /// Do not ask
        #[arg(long)]
        auto_approve: bool,
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Move it between this directory (`local`), where the configuration says, and where that of another directory says
    Migrate {
        /// `local`, or a directory with a configuration
        #[arg(long, value_name = "WHERE", required_unless_present = "to")]
        from: Option<PathBuf>,
        /// `local`, or a directory with a configuration
        #[arg(long, value_name = "WHERE", conflicts_with = "from")]
        to: Option<PathBuf>,
        #[command(flatten)]
        lock: LockArgs,
    },
}

/// `sim`.
#[derive(Subcommand, Debug)]
pub enum SimCommand {
    /// What exists, and how every domain fares
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// A domain fails: its instances stop, its API with them
    Down {
        /// For example zone:a
        domain: String,
    },
    /// A domain comes back
    Up {
        /// For example zone:a
        domain: String,
    },
    /// Only the domain's API cannot be reached
    Unreachable {
        /// For example zone:a
        domain: String,
    },
    /// Limit how many instances a domain holds
    Quota {
        /// For example zone:a=40
        setting: String,
    },
    /// Delete instances as a hand in a console would
    Kill {
        /// How many
        n: usize,
        /// Where, for example zone:a
        #[arg(long = "in", value_name = "DOMAIN")]
        domain: String,
    },
    /// Change an object behind the planner's back
    Edit {
        /// The object's id
        id: String,
        /// ATTRIBUTE=VALUE
        setting: String,
    },
    /// Make calls fail
    Fault {
        /// Which calls: create, read, update, delete, list
        #[arg(long)]
        op: String,
        /// How: error, lost_reply, partial, throttle, stale, hang (until --rate 0)
        #[arg(long)]
        kind: String,
        /// The share of calls, 0 to 1
        #[arg(long)]
        rate: f64,
        /// For the same faults again
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Forget all faults and failures; with --all also every object
    Reset {
        /// Every object too
        #[arg(long)]
        all: bool,
    },
}

/// `version`.
#[derive(Args, Debug)]
pub struct VersionArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `login` and `logout`.
#[derive(Args, Debug)]
pub struct HostArgs {
    /// The registry
    #[arg(value_name = "HOST")]
    pub host: Option<String>,
}

/// `completion`.
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `order<=N`, or nothing for any order.
fn largest_order(text: &str) -> Result<u32, String> {
    match text.strip_prefix("order<=").unwrap_or(text) {
        "" => Ok(u32::MAX),
        number => number.parse().map_err(|_| "write order<=N, for example order<=1".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Cli {
        let written = line.split(' ').map(String::from).collect();
        Cli::try_parse_from(arguments(written, &Cli::command(), &|_| None).unwrap()).unwrap()
    }

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn both_spellings_mean_the_same() {
        for line in
            ["straddle -chdir=x apply -auto-approve -var a=1 p", "straddle --chdir=x apply --auto-approve --var a=1 p"]
        {
            let cli = parse(line);
            assert_eq!(cli.chdir.as_deref(), Some(std::path::Path::new("x")));
            let Command::Apply(a) = cli.command else { panic!() };
            assert!(a.auto_approve);
            assert_eq!(a.planning.vars.assignments, [Assignment::Value("a=1".into())]);
            assert_eq!(a.planfile.as_deref(), Some(std::path::Path::new("p")));
        }
    }

    #[test]
    fn refresh_takes_a_value_or_none() {
        let Command::Plan(p) = parse("straddle plan -refresh=false").command else { panic!() };
        assert!(!p.planning.refresh);
        let Command::Plan(p) = parse("straddle plan").command else { panic!() };
        assert!(p.planning.refresh);
    }
}
