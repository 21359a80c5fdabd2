//! Conditions of the configuration: pre- and postconditions, and those of outputs and checks.

use super::env::Env;
use crate::diag::{Diagnostic, Severity};
use crate::lang::address::{Address, Mode};
use crate::lang::eval::Scope;
use crate::lang::judge::{Judged, Verdict, judge as verdict, shown};
use crate::lang::module::{Check, CheckRule, Output};
use crate::lang::scope::Overlay;
use straddle_sdk::value::{Type, Value};

/// What a check that does not hold is called.
pub const FAILED_CHECK: &str = "Check block assertion failed";
/// What one is called that nobody can judge before something is applied.
pub const UNDECIDED_CHECK: &str = "Check block assertion known after apply";

/// Judges rules. What is not known yet is judged when it is.
pub fn judge(rules: &[CheckRule], summary: &str, scope: &dyn Scope) -> Vec<Diagnostic> {
    rules.iter().flat_map(|rule| told(rule, verdict(rule, scope), summary, Severity::Error)).collect()
}

fn told(rule: &CheckRule, judged: Judged, summary: &str, severity: Severity) -> Vec<Diagnostic> {
    let Judged { verdict, mut problems } = judged;
    if let Verdict::Fail(message) = verdict {
        let problem = Diagnostic::error(summary, shown(&message)).at(&rule.condition.span);
        problems.push(Diagnostic { severity, ..problem });
    }
    problems
}

/// Judges the preconditions of an output.
pub fn judge_output(output: &Output, scope: &dyn Scope) -> Vec<Diagnostic> {
    judge(&output.preconditions, "Module output value precondition failed", scope)
}

/// The address of the data source inside a check.
pub fn looked_at(env: &Env<'_>, instance: usize, check: &Check) -> Option<Address> {
    let (mode, ty, name) = check.data.as_ref()?;
    let module = env.instance(instance).path.clone();
    Some(Address { mode: *mode, module, ..Address::managed(ty.clone(), name.clone(), None) })
}

/// The data source inside a check, which only that check may speak of, and what it is worth.
pub fn nested<'c>(env: &Env<'_>, instance: usize, check: &'c Check) -> Vec<((Mode, &'c str, &'c str), Value)> {
    let Some((mode, ty, name)) = &check.data else { return Vec::new() };
    let Some(address) = looked_at(env, instance, check) else { return Vec::new() };
    let value = env.result(&address).unwrap_or_else(|| Value::unknown(Type::Dynamic));
    vec![((*mode, &**ty, &**name), value)]
}

/// Judges every `check` block in every instance of its module. What does not hold is a warning, and so is, while `planning`, what nobody
/// can tell yet. One whose data source could not be read has failed already.
pub fn judge_checks(env: &Env<'_>, planning: bool) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (number, node) in env.tree.nodes.iter().enumerate().filter(|(_, n)| !n.module.checks.is_empty()) {
        for instance in env.instances_of(number) {
            let scope = env.scope(instance);
            for check in node.module.checks.values() {
                if looked_at(env, instance, check).is_some_and(|address| env.unread(&address).is_some()) {
                    continue;
                }
                let own = nested(env, instance, check);
                let inside = Overlay { resources: &own, ..Overlay::over(&scope) };
                for rule in &check.asserts {
                    let judged = verdict(rule, &inside);
                    if planning && judged.verdict == Verdict::Unknown {
                        problems.push(undecided(rule));
                    }
                    problems.extend(told(rule, judged, FAILED_CHECK, Severity::Warning));
                }
            }
        }
    }
    problems
}

/// A check that nobody can judge before something is applied.
fn undecided(rule: &CheckRule) -> Diagnostic {
    let detail = "The condition could not be evaluated at this time, a result will be known when this plan is applied.";
    Diagnostic::warning(UNDECIDED_CHECK, detail).at(&rule.condition.span)
}
