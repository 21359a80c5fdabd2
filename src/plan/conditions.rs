//! Conditions of the configuration: pre- and postconditions, and those of outputs and checks.

use super::env::Env;
use crate::diag::{Diagnostic, Severity};
use crate::lang::address::{Address, Mode};
use crate::lang::eval::Scope;
use crate::lang::module::{Check, CheckRule, Output};
use crate::lang::scope::Overlay;
use crate::lang::variables::{Verdict, judge as verdict};
use straddle_sdk::value::{Type, Value};

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

/// The data source inside a check, which only that check may speak of, and what it is worth.
pub fn nested<'c>(env: &Env<'_>, instance: usize, check: &'c Check) -> Vec<((Mode, &'c str, &'c str), Value)> {
    let Some((mode, ty, name)) = &check.data else { return Vec::new() };
    let module = env.instance(instance).path.clone();
    let address = Address { mode: *mode, module, ..Address::managed(ty.clone(), name.clone(), None) };
    let value = env.result(&address).unwrap_or_else(|| Value::unknown(Type::Dynamic));
    vec![((*mode, &**ty, &**name), value)]
}

/// Judges every `check` block in every instance of its module. What does not hold is a warning.
pub fn judge_checks(env: &Env<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (number, node) in env.tree.nodes.iter().enumerate().filter(|(_, n)| !n.module.checks.is_empty()) {
        for instance in env.instances_of(number) {
            let scope = env.scope(instance);
            for check in node.module.checks.values() {
                let own = nested(env, instance, check);
                let inside = Overlay { resources: &own, ..Overlay::over(&scope) };
                let found = judge(&check.asserts, "Check block assertion failed", &inside);
                problems.extend(found.into_iter().map(|p| Diagnostic { severity: Severity::Warning, ..p }));
            }
        }
    }
    problems
}
