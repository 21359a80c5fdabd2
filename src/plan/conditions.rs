//! Conditions of the configuration: pre- and postconditions, and those of outputs and checks.

use super::env::Env;
use crate::diag::{Diagnostic, Severity};
use crate::lang::eval::Scope;
use crate::lang::module::{CheckRule, Output};
use crate::lang::variables::{Verdict, judge as verdict};

/// Judges rules. What is not known yet is judged when it is.
pub fn judge(rules: &[CheckRule], summary: &str, scope: &dyn Scope) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for rule in rules {
        match verdict(rule, scope) {
            Verdict::Pass | Verdict::Unknown => {}
            Verdict::Invalid(found) => problems.extend(found),
            Verdict::Fail(message) => problems.push(Diagnostic::error(summary, message).at(&rule.condition.span)),
        }
    }
    problems
}

/// Judges the preconditions of an output.
pub fn judge_output(output: &Output, scope: &dyn Scope) -> Vec<Diagnostic> {
    judge(&output.preconditions, "Module output value precondition failed", scope)
}

/// Judges every `check` block in every instance of its module. What does not hold is a warning.
pub fn judge_checks(env: &Env<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (number, node) in env.tree.nodes.iter().enumerate().filter(|(_, n)| !n.module.checks.is_empty()) {
        for instance in env.instances_of(number) {
            let scope = env.scope(instance);
            for check in node.module.checks.values() {
                let found = judge(&check.asserts, "Check block assertion failed", &scope);
                problems.extend(found.into_iter().map(|p| Diagnostic { severity: Severity::Warning, ..p }));
            }
        }
    }
    problems
}
