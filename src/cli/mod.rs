//! The command line: arguments, one thin file a command, exit codes.

mod apply;
pub mod args;
mod around;
mod ask;
mod assume;
mod atlantis;
mod base;
mod compare;
mod console;
mod destination;
mod drift;
mod evidence;
mod exit;
mod failover;
mod fmt;
mod generate;
mod get;
mod graph;
mod home;
mod import;
mod init;
mod leave;
mod ledger;
mod output;
mod plan;
mod planning;
mod print;
mod probe;
mod progress;
mod protect;
mod providers;
mod query;
mod recovery;
mod reports;
mod rounds;
mod runbook;
mod saved;
mod session;
mod show;
mod signals;
mod sim;
mod simulate;
mod state;
mod taint;
mod test;
mod trace;
mod validate;
mod verify;
mod version;
mod versions;
mod way_back;
mod workspace;

pub use around::Inside;
pub use exit::Exit;

use crate::tongue::Lang;
use args::{Cli, Command};
use around::Around;
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Runs the command of this process.
pub fn main() -> ExitCode {
    if std::env::var_os(crate::plugin::guard::GUARD_ENV).is_some() {
        crate::plugin::guard::stand();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let serve = std::env::var(crate::plugin::SERVE_ENV).ok();
    if crate::plugin::serves(arguments.first().map(String::as_str), serve.as_deref()).is_some() {
        return straddle_provider_sim::serve();
    }
    if arguments.iter().any(|a| matches!(a.trim_start_matches('-'), "install-autocomplete" | "uninstall-autocomplete"))
    {
        let said = "the files of your shell are yours: write `source <(straddle completion bash)` into ~/.bashrc, or see `straddle completion -help`";
        print::Printer::new(true, language(None)).error(said);
        return ExitCode::from(Exit::Error.code());
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let arguments = match args::arguments(arguments, &Cli::command(), &variable) {
        Ok(arguments) => arguments,
        Err(error) => {
            print::Printer::new(true, language(None)).error(&error.to_string());
            return ExitCode::from(Exit::Error.code());
        }
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own way out: help and version end well, everything else is an error of ours.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Error.code() } else { Exit::Done.code() });
        }
    };
    trace::begin();
    let printer = print::Printer::new(cli.no_color, language(cli.lang)).logging(cli.log == "json");
    // Where it goes is where the program was called.
    let profile = cli.profile.as_ref().and_then(|file| std::path::absolute(file).ok());
    let command = cli.command.name();
    if let Some(dir) = &cli.chdir
        && let Err(error) = std::env::set_current_dir(dir)
    {
        printer.error(&format!("cannot change to {}: {error}", dir.display()));
        return ExitCode::from(Exit::Error.code());
    }
    if let Err(problem) = workspace::check() {
        printer.diagnostics(&[*problem], &Default::default());
        return ExitCode::from(Exit::Error.code());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.error(&format!("cannot start: {error}"));
            return ExitCode::from(Exit::Fault.code());
        }
    };
    let exit = runtime.block_on(run(cli.command, &Around::Process, &printer));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    let exit = if printer.is_whole() { exit } else { exit.worse(Exit::Error) };
    trace::end(command, exit.code(), profile.as_deref(), &printer);
    ExitCode::from(exit.code())
}

/// The language asked for, or that of the locale.
fn language(asked: Option<args::Language>) -> Lang {
    if let Some(asked) = asked {
        return asked.into();
    }
    // As for every program: the first of these that is set decides.
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.and_then(|locale| Lang::named(&locale)).unwrap_or_default()
}

/// Runs a command line inside another program. What it prints is kept where `inside` says.
pub async fn run_inside(line: &str, inside: &Inside) -> Exit {
    let printer = print::Printer::keeping(inside.printed.clone());
    let words = ["straddle"].into_iter().chain(line.split_whitespace()).map(str::to_owned).collect();
    let parsed = args::arguments(words, &Cli::command(), &|_| None)
        .map_err(|error| error.to_string())
        .and_then(|words| Cli::try_parse_from(words).map_err(|error| error.to_string()));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            printer.error(&error);
            return Exit::Error;
        }
    };
    let takes_them = match &cli.command {
        Command::Apply(args) => args.planfile.is_none(),
        Command::Plan(_) | Command::Destroy(_) | Command::Refresh(_) | Command::Failover(_) | Command::Failback(_) => {
            true
        }
        _ => false,
    };
    if !takes_them || cli.chdir.is_some() {
        printer.error(&format!("`straddle {line}` asks for more of its process than another program can lay out"));
        return Exit::Error;
    }
    run(cli.command, &Around::Inside(inside.clone()), &printer).await
}

async fn run(command: Command, around: &Around, printer: &print::Printer) -> Exit {
    match command {
        Command::Plan(mut args) => {
            args.planning.may_ask();
            plan::run(args, around, printer).await
        }
        Command::Apply(mut args) => {
            args.planning.may_ask();
            apply::run(args, around, printer).await
        }
        Command::Destroy(mut args) => {
            args.planning.may_ask();
            args.planning.destroy = true;
            apply::run(args, around, printer).await
        }
        Command::Refresh(args) => {
            let mut args = args::ApplyArgs { planning: args.planning, auto_approve: true, ..Default::default() };
            args.planning.may_ask();
            args.planning.refresh_only = true;
            apply::run(args, around, printer).await
        }
        Command::Drift(args) => drift::run(args, printer).await,
        Command::Failover(args) => failover::failover(args, around, printer).await,
        Command::Failback(args) => failover::failback(args, around, printer).await,
        Command::Runbook(command) => runbook::run(command, printer).await,
        Command::Probe(args) => probe::run(&args, printer).await,
        Command::Simulate(args) => simulate::run(args, printer).await,
        Command::Validate(args) if args.rules => simulate::validate_rules(&args, printer),
        Command::Sim(command) => sim::run(command, printer),
        Command::Init(args) => init::run(&args, printer),
        Command::Validate(args) => validate::run(args, printer).await,
        Command::Show(args) => show::run(args, printer).await,
        Command::Import(args) => import::run(args, printer).await,
        Command::Output(args) => output::run(&args, printer),
        Command::Query(args) => query::run(args, printer).await,
        Command::State(command) => state::run(command, printer).await,
        Command::ForceUnlock(args) => state::force_unlock(&args, printer),
        Command::Console(args) => console::run(&args, printer).await,
        Command::Providers(args) => providers::run(args, printer).await,
        Command::Verify(args) => verify::run(&args, printer),
        Command::Get(_) => get::run(printer),
        Command::Graph(args) => graph::run(&args, printer),
        Command::Workspace(command) => workspace::run(command, printer),
        Command::Test(args) => test::run(args, printer).await,
        Command::Taint(args) => taint::run(&args, true, printer),
        Command::Untaint(args) => taint::run(&args, false, printer),
        Command::Fmt(args) => fmt::run(&args, printer),
        Command::Version(args) => version::run(&args, printer),
        Command::Completion(args) => version::completion(&args, printer),
        Command::Login(args) | Command::Logout(args) => no_login(args.host.as_deref(), printer),
    }
}

/// straddle never writes tokens: whoever has one puts it where Terraform looks for it, too.
fn no_login(host: Option<&str>, printer: &print::Printer) -> Exit {
    let host = host.unwrap_or("app.terraform.io");
    let variable = format!("TF_TOKEN_{}", host.replace('-', "__").replace('.', "_"));
    let detail = format!("straddle keeps no tokens for {host}; it reads those that are there.");
    let problem = crate::diag::Diagnostic::error("Not supported", detail).help(format!(
        "Set {variable}, or write credentials \"{host}\" {{ token = ... }} into the CLI configuration (~/.terraformrc); what `terraform login` has \
         written is read as well."
    ));
    printer.diagnostics(&[problem], &Default::default());
    Exit::Error
}
