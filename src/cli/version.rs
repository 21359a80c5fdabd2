//! `version` and `completion`.

use super::Exit;
use super::args::{Cli, CompletionArgs, VersionArgs};
use super::print::Printer;
use crate::diag::FileId;
use crate::lang::syntax::{Text, parse_body};
use clap::CommandFactory;

pub fn run(args: &VersionArgs, printer: &Printer) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, arch());
    if args.json {
        let json = serde_json::json!({
            "straddle_version": version,
            "terraform_version": crate::state::WRITER,
            "platform": platform,
            "provider_selections": selections(),
            "terraform_outdated": false,
        });
        printer.out(&format!("{json:#}"));
    } else {
        printer.out(&format!("straddle v{version}\non {platform}"));
    }
    Exit::Done
}

/// The versions of the lock file, by provider. A file that cannot be read selects nothing.
fn selections() -> serde_json::Map<String, serde_json::Value> {
    let text = std::fs::read_to_string(".terraform.lock.hcl").unwrap_or_default();
    let (body, _) = parse_body(Text { file: FileId(0), name: ".terraform.lock.hcl", text: &text });
    let one = |block: &crate::lang::ast::Block| {
        let version = block.body.attribute("version")?.expr.literal_text()?;
        let source = block.labels.first()?.text.to_string();
        // What is locked and not installed was not selected here.
        let installed = super::workspace::data_dir().join("providers").join(&source).join(version);
        installed.is_dir().then(|| (source, version.into()))
    };
    body.blocks_of("provider").filter_map(one).collect()
}

/// The platform's name in Terraform's manner.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub fn completion(args: &CompletionArgs, printer: &Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "straddle", &mut script);
    printer.bare(&String::from_utf8_lossy(&script));
    Exit::Done
}
