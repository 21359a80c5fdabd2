//! `version` and `completion`.

use super::Exit;
use super::args::{Cli, CompletionArgs, VersionArgs};
use super::print::Printer;
use clap::CommandFactory;

pub fn run(args: &VersionArgs, printer: &Printer) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, arch());
    if args.json {
        let json = serde_json::json!({
            "straddle_version": version,
            "terraform_version": crate::state::WRITER,
            "platform": platform,
            "provider_selections": {},
        });
        printer.out(&format!("{json:#}"));
    } else {
        printer.out(&format!("straddle v{version}\non {platform}"));
    }
    Exit::Done
}

/// The platform's name in Terraform's manner.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub fn completion(args: &CompletionArgs) -> Exit {
    clap_complete::generate(args.shell, &mut Cli::command(), "straddle", &mut std::io::stdout());
    Exit::Done
}
