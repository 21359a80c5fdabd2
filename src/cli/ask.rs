//! Asking for variables that have no value, where somebody is there to answer.

use crate::lang::module::Module;
use crate::lang::variables::Given;
use std::io::{BufRead, IsTerminal, Write};
use straddle_sdk::value::Str;

/// The answers for variables without a default that nothing gave a value. None are asked for when standard input is no terminal;
/// what stays without a value is reported where variables are assigned.
pub fn missing(module: &Module, given: &[(Str, Given)]) -> Vec<(Str, Given)> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Vec::new();
    }
    let mut answers = Vec::new();
    for (name, variable) in &module.variables {
        if variable.default.is_some() || given.iter().any(|(known, _)| known == name) {
            continue;
        }
        let about = variable.description.as_deref().map_or(String::new(), |d| format!("  {d}\n\n"));
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "var.{name}\n{about}  Enter a value: ").and_then(|()| out.flush());
        let mut line = String::new();
        if !stdin.lock().read_line(&mut line).is_ok_and(|read| read > 0) {
            break;
        }
        let _ = writeln!(out);
        answers.push((
            name.clone(),
            Given::Text(line.trim_end_matches(['\r', '\n']).to_owned(), "set using an interactive prompt".into()),
        ));
    }
    answers
}
