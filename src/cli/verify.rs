//! `verify`: the second evaluator on a saved plan, without planner, providers or credentials.

use super::Exit;
use super::args::VerifyArgs;
use super::print::Printer;
use crate::audit::{Fault, audit, diagnostics};

/// Exit 0 for a sound plan, 3 when it breaks a rule, 1 for any other fault or a file that is no plan.
pub fn run(args: &VerifyArgs, printer: &Printer) -> Exit {
    let plan = match super::saved::open(&args.planfile, None) {
        Ok(plan) => plan,
        Err(error) => {
            printer.diagnostics(&[*error], &Default::default());
            return Exit::Error;
        }
    };
    let findings = audit(&plan);
    let breaks_a_rule = findings.iter().any(|f| matches!(f.fault, Fault::Rule { .. }));
    if args.json {
        let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let json = serde_json::json!({ "format_version": "1.0", "ok": findings.is_empty(), "findings": words });
        printer.out(&json.to_string());
    } else if findings.is_empty() {
        let file = args.planfile.display().to_string();
        printer.out(&crate::tongue::say(printer.style().lang, "verify.sound", &[("file", &file)]));
    } else {
        printer.diagnostics(&diagnostics(&findings), &plan.sources);
    }
    match (findings.is_empty(), breaks_a_rule) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Broken,
        (false, false) => Exit::Error,
    }
}
