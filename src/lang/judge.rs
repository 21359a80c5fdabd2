//! Conditions and what they say when they do not hold, judged as Terraform judges them: the message is made first, whatever becomes of
//! the condition, and one that may not be shown is passed over with a word about it.

use super::eval::{Scope, eval};
use super::module::{CheckRule, Variable};
use crate::diag::{Diagnostic, Sources, Span};
use straddle_sdk::value::{Marks, Type, Value, convert};

/// How a condition came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not, with the message of the rule; empty where that may not be shown.
    Fail(String),
    /// Not known yet.
    Unknown,
    /// The rule itself is wrong.
    Invalid,
}

/// A verdict, and what is to be said of the rule itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// How it came out.
    pub verdict: Verdict,
    /// Errors where the rule is wrong; warnings where its message may not be shown.
    pub problems: Vec<Diagnostic>,
}

impl Judged {
    fn invalid(problems: Vec<Diagnostic>) -> Judged {
        Judged { verdict: Verdict::Invalid, problems }
    }
}

/// A message as it is shown: one that may not be is told by a sentence.
pub fn shown(message: &str) -> &str {
    if message.is_empty() {
        "This check failed, but has an invalid error message as described in the other accompanying messages."
    } else {
        message
    }
}

/// Judges a condition of a resource, an output, a check or a test.
pub fn judge(rule: &CheckRule, scope: &dyn Scope) -> Judged {
    let (message, mut problems) = message(rule, scope);
    let (value, found) = eval(&rule.condition, scope);
    problems.extend(found);
    if problems.iter().any(Diagnostic::is_error) {
        return Judged::invalid(problems);
    }
    let verdict = match outcome(&value) {
        Ok(Some(true)) => Verdict::Pass,
        Ok(Some(false)) => Verdict::Fail(message),
        Ok(None) => Verdict::Unknown,
        Err(why) => {
            let detail = match why {
                Some(why) => format!("Invalid condition result value: {why}."),
                None => "Condition expression must return either true or false, not null.".to_owned(),
            };
            problems.push(Diagnostic::error("Invalid condition result", detail).at(&rule.condition.span));
            Verdict::Invalid
        }
    };
    Judged { verdict, problems }
}

/// What a condition comes to: whether it holds, if that is known. The error is why it is no condition; `None`: it is null.
fn outcome(value: &Value) -> Result<Option<bool>, Option<String>> {
    let (value, _) = value.clone().unmark();
    if value.is_unknown() {
        return Ok(None);
    }
    if value.is_null() {
        return Err(None);
    }
    convert(&value, &Type::Bool).map(|flag| flag.as_bool()).map_err(|problem| Some(problem.to_string()))
}

/// What a rule says where it fails; empty where that is not known yet, or may not be shown.
fn message(rule: &CheckRule, scope: &dyn Scope) -> (String, Vec<Diagnostic>) {
    let (value, mut problems) = eval(&rule.error_message, scope);
    if problems.iter().any(Diagnostic::is_error) {
        return (String::new(), problems);
    }
    let place = &rule.error_message.span;
    let unsuitable = |why: String| {
        Diagnostic::error("Invalid error message", format!("Unsuitable value for error message: {why}.")).at(place)
    };
    let value = match convert(&value, &Type::String) {
        Ok(value) => value,
        Err(problem) => {
            problems.push(unsuitable(problem.to_string()));
            return (String::new(), problems);
        }
    };
    if value.is_unknown() {
        return (String::new(), problems);
    }
    if value.is_null() {
        problems.push(unsuitable("must not be null".to_owned()));
        return (String::new(), problems);
    }
    let (value, marks) = value.unmark();
    let kind = match marks {
        marks if marks.is_sensitive() => (
            "sensitive",
            "carefully using the nonsensitive() function if the expression will not reveal the sensitive data",
        ),
        marks if marks.contains(Marks::EPHEMERAL) => {
            ("ephemeral", "using the ephemeralasnull() function on the references to not reveal ephemeral data")
        }
        _ => return (value.as_str().unwrap_or_default().trim().to_owned(), problems),
    };
    problems.push(Diagnostic::warning(
        format!("Error message refers to {} values", kind.0),
        format!(
            "The error expression used to explain this condition refers to {0} values, so Terraform will not display the resulting \
             message.\n\nYou can correct this by removing references to {0} values, or by {1}.",
            kind.0, kind.1
        ),
    ).at(place));
    (String::new(), problems)
}

/// Judges the `validation` blocks of a variable whose value is from `place`.
pub fn validate_one(variable: &Variable, scope: &dyn Scope, sources: &Sources, place: &Span) -> Vec<Diagnostic> {
    variable.validations.iter().flat_map(|rule| validation(rule, scope, sources, place).problems).collect()
}

/// Judges one rule of a variable. What it says of a value that is refused is among the problems.
pub fn validation(rule: &CheckRule, scope: &dyn Scope, sources: &Sources, place: &Span) -> Judged {
    let (value, mut problems) = eval(&rule.condition, scope);
    let failed = problems.iter().any(Diagnostic::is_error);
    let (said, found) = eval(&rule.error_message, scope);
    let speechless = found.iter().any(Diagnostic::is_error);
    problems.extend(found);
    let verdict = match outcome(&value) {
        _ if failed => Verdict::Invalid,
        Ok(None) => Verdict::Unknown,
        Ok(Some(true)) if speechless => Verdict::Invalid,
        Ok(Some(true)) => Verdict::Pass,
        Ok(Some(false)) => {
            let message = refused(rule, said, speechless, &mut problems);
            let checked = sources.place(&rule.span).unwrap_or_default();
            let detail = format!("{message}\n\nThis was checked by the validation rule at {checked}.");
            let problem = Diagnostic::error("Invalid value for variable", detail).at(place);
            problems.push(problem.related(&rule.condition.span, "this condition is false"));
            Verdict::Fail(message)
        }
        Err(why) => {
            let detail = match why {
                Some(why) => format!("Invalid validation condition result value: {why}."),
                None => "Validation condition expression must return either true or false, not null.".to_owned(),
            };
            problems.push(Diagnostic::error("Invalid variable validation result", detail).at(&rule.condition.span));
            Verdict::Invalid
        }
    };
    Judged { verdict, problems }
}

/// The words in which a value is refused.
fn refused(rule: &CheckRule, said: Value, speechless: bool, problems: &mut Vec<Diagnostic>) -> String {
    const NONE: &str = "Failed to evaluate condition error message.";
    let place = &rule.error_message.span;
    let unsuitable = |why: &str| {
        Diagnostic::error("Invalid error message", format!("Unsuitable value for error message: {why}.")).at(place)
    };
    if speechless || said.is_null() {
        return NONE.to_owned();
    }
    let (said, marks) = match convert(&said, &Type::String) {
        Ok(said) if said.is_unknown() => {
            problems.push(unsuitable("expression refers to values that won't be known until the apply phase"));
            return NONE.to_owned();
        }
        Ok(said) => said.unmark(),
        Err(problem) => {
            problems.push(unsuitable(&problem.to_string()));
            return NONE.to_owned();
        }
    };
    let kind = match marks {
        marks if marks.is_sensitive() => ("sensitive", "nonsensitive()"),
        marks if marks.contains(Marks::EPHEMERAL) => ("ephemeral", "ephemeralasnull()"),
        _ => {
            let said = said.as_str().unwrap_or_default().trim();
            return if said.is_empty() { NONE.to_owned() } else { said.to_owned() };
        }
    };
    problems.push(Diagnostic::error(
        format!("Error message refers to {} values", kind.0),
        format!(
            "The error expression used to explain this condition refers to {0} values. Terraform will not display the resulting \
             message.\n\nYou can correct this by removing references to {0} values, or by carefully using the {1} function if the \
             expression will not reveal the {0} data.",
            kind.0, kind.1
        ),
    ).at(place));
    "The error message included a sensitive value, so it will not be displayed.".to_owned()
}
