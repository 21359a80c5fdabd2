//! `output`: the values of outputs as last applied.

use super::Exit;
use super::args::OutputArgs;
use super::print::Printer;
use crate::diag::{Diagnostic, Sources};
use crate::lang::display::display;
use crate::state::{self, Output, State};
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Kind, Type, Value};

pub fn run(args: &OutputArgs, printer: &Printer) -> Exit {
    let state = match super::workspace::state_in(args.state.as_deref()) {
        Ok(state) => state,
        Err(error) => return failed(*error, printer),
    };
    match (&args.name, args.json, args.raw) {
        (None, _, true) => failed(
            Diagnostic::error("Output name required", "-raw prints the text of one output.")
                .help("Name it: straddle output -raw NAME"),
            printer,
        ),
        (_, true, true) => {
            failed(Diagnostic::error("Invalid output format", "-raw and -json exclude each other."), printer)
        }
        (Some(name), _, _) => one(&state, name, args, printer),
        (None, true, _) => {
            printer.out(&all_json(&state));
            Exit::Done
        }
        (None, false, _) => {
            if state.outputs.is_empty() {
                let problem =
                    Diagnostic::warning("No outputs found", "The state has no outputs, or nothing was applied yet.");
                printer.diagnostics(&[problem], &Sources::default());
            } else {
                printer.out(&listing(&state));
            }
            Exit::Done
        }
    }
}

fn one(state: &State, name: &str, args: &OutputArgs, printer: &Printer) -> Exit {
    let Some(output) = state.outputs.get(name) else {
        let near = crate::lang::suggest::nearest(name, state.outputs.keys().map(String::as_str));
        let problem =
            Diagnostic::error(format!("Output \"{name}\" not found"), "The state has no output of that name.");
        return failed(problem.help(near.map_or(String::new(), |n| format!("Did you mean \"{n}\"?"))), printer);
    };
    if args.json {
        printer.out(output.value.as_str());
        return Exit::Done;
    }
    let Some(value) = value(output) else {
        return failed(Diagnostic::error("Output not shown", format!("The state holds no readable {name}.")), printer);
    };
    if !args.raw {
        printer.out(&display(&value));
        return Exit::Done;
    }
    let text = match value.kind() {
        Kind::String(text) => text.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::Bool(b) => b.to_string(),
        _ => {
            let detail = format!("-raw prints strings, numbers and bools; {name} is {}.", value.ty().friendly_name());
            return failed(Diagnostic::error("Unsupported value for raw output", detail).help("Use -json."), printer);
        }
    };
    printer.bare(&text);
    Exit::Done
}

fn failed(problem: Diagnostic, printer: &Printer) -> Exit {
    printer.diagnostics(&[problem], &Sources::default());
    Exit::Error
}

fn value(output: &Output) -> Option<Value> {
    let ty = Type::from_json(output.ty.as_str().as_bytes()).ok()?;
    json::decode(output.value.as_str().as_bytes(), &ty).ok()
}

/// `name = value`, a line each; secrets as such.
pub fn listing(state: &State) -> String {
    let mut out = String::new();
    for (name, output) in &state.outputs {
        let text = match value(output) {
            _ if output.sensitive => "<sensitive>".to_string(),
            Some(value) => display(&value),
            None => output.value.as_str().to_string(),
        };
        out.push_str(&format!("{name} = {text}\n"));
    }
    out
}

/// Terraform's shape: an object of objects, secrets in clear.
fn all_json(state: &State) -> String {
    let members: Vec<String> = state
        .outputs
        .iter()
        .map(|(name, o)| {
            let name = serde_json::Value::from(name.as_str());
            let (ty, value) = (o.ty.as_str(), o.value.as_str());
            format!("{name}:{{\"sensitive\":{},\"type\":{ty},\"value\":{value}}}", o.sensitive)
        })
        .collect();
    let text = format!("{{{}}}", members.join(","));
    let mut out = String::new();
    match state::Json::new(&text) {
        Ok(json) => json.indent_into(0, &mut out),
        Err(_) => out = text,
    }
    out
}
