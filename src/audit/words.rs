//! Findings as diagnostics.

use super::finding::{Fault, Finding};
use crate::diag::Diagnostic;

/// Each finding as an error; a plan with any is neither shown as sound nor applied.
pub fn diagnostics(findings: &[Finding]) -> Vec<Diagnostic> {
    findings.iter().map(diagnostic).collect()
}

fn diagnostic(finding: &Finding) -> Diagnostic {
    let mut text = finding.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut diagnostic = Diagnostic::error(summary(&finding.fault), text).help(
        "Do not apply this plan: make it anew. If a fresh plan fails the same way, straddle itself is at fault; keep the plan \
         file for the report.",
    );
    if let Fault::Object { address, .. } = &finding.fault {
        diagnostic.address = Some(address.clone());
    }
    diagnostic
}

/// A short phrase for the kind of fault.
fn summary(fault: &Fault) -> &'static str {
    match fault {
        Fault::Shape { .. } => "The plan contradicts itself",
        Fault::Number { .. } => "A number in the plan is wrong",
        Fault::OverCapacity { .. } => "The plan exceeds a capacity",
        Fault::Touched { .. } | Fault::Removes { .. } => "The plan touches what it must not",
        Fault::Total { .. } | Fault::Ratio { .. } | Fault::Outside { .. } => "The target breaks the spread",
        Fault::Moves { .. } => "The plan moves more than it must",
        Fault::Rule { .. } => "The plan breaks a rule",
        Fault::Missing { .. } => "The plan is incomplete",
        Fault::Verdict { .. } => "A verdict in the plan is wrong",
        Fault::Batch { .. } | Fault::Slot { .. } => "A step of the plan is wrong",
        Fault::CutSet { .. } => "A cut set in the plan is wrong",
        Fault::Object { .. } => "A change in the plan is wrong",
        Fault::Operation { .. } => "The order of the plan is wrong",
    }
}
