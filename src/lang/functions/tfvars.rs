//! The functions of Terraform's own provider: `provider::terraform::encode_tfvars` and its kin, for modules that declare it.

use super::{Call, Function, FunctionError, Param, Returns, Shape};
use crate::diag::{Diagnostic, FileId};
use crate::lang::address::ident_len;
use crate::lang::eval::{NoScope, eval};
use crate::lang::module::Module;
use crate::lang::syntax::{Text, parse_body};
use crate::lang::write::{argument_lines, expression};
use straddle_sdk::value::{Str, Value};

/// The source of the provider.
const SOURCE: &str = "terraform.io/builtin/terraform";

static FUNCTIONS: [Function; 3] = [
    Function::new("encode_tfvars", &[Param::new("value", Shape::Any)], Returns::Always(Shape::String), encode_tfvars),
    Function::new("decode_tfvars", &[Param::new("src", Shape::String)], Returns::Always(Shape::Any), decode_tfvars),
    Function::new(
        "encode_expr",
        &[Param::new("value", Shape::Any).nullable()],
        Returns::Always(Shape::String),
        encode_expr,
    ),
];

/// A function of a provider that a module declares, by its name as written: `provider::terraform::encode_expr`.
pub fn of_provider(module: &Module, name: &str) -> Option<&'static Function> {
    let (local, function) = name.strip_prefix("provider::")?.split_once("::")?;
    let declared = module.required_providers.get(local)?;
    if declared.source.as_deref() != Some(SOURCE) {
        return None;
    }
    FUNCTIONS.iter().find(|f| f.name == function)
}

fn encode_tfvars(call: &Call<'_>) -> Result<Value, FunctionError> {
    let Some(value) = call.args.first() else { return Ok(call.unknown()) };
    let Some(entries) = value.entries() else {
        return Err(FunctionError::new(
            "invalid value to encode: must be an object whose attribute names will become the encoded variable names",
        ));
    };
    if !value.is_wholly_known() {
        return Ok(call.unknown());
    }
    for (name, _) in entries {
        if name.is_empty() || ident_len(name) != name.len() {
            return Err(FunctionError::told(format!(
                "invalid variable name {:?}: must be a valid identifier, per Terraform's rules for input variable declarations",
                &**name
            )));
        }
    }
    let lines: Vec<(String, String)> =
        entries.iter().map(|(name, value)| (name.to_string(), expression(value, 0))).collect();
    Ok(Value::string(argument_lines(&lines, 0)))
}

fn encode_expr(call: &Call<'_>) -> Result<Value, FunctionError> {
    match call.args.first() {
        Some(value) if value.is_wholly_known() => Ok(Value::string(expression(value, 0))),
        _ => Ok(call.unknown()),
    }
}

fn decode_tfvars(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.text(0)?;
    let (body, mut problems) = parse_body(Text { file: FileId(u32::MAX), name: "<decode_tfvars argument>", text });
    if !body.blocks.is_empty() {
        return Err(FunctionError::new("invalid tfvars syntax: blocks are not allowed here").at(0));
    }
    let mut attributes: Vec<(Str, Value)> = Vec::new();
    for attribute in &body.attributes {
        let (value, found) = eval(&attribute.expr, &NoScope);
        problems.extend(found);
        attributes.push((attribute.name.name.clone(), value));
    }
    match problems.iter().find(|p| Diagnostic::is_error(p)) {
        Some(problem) => {
            Err(FunctionError::told(format!("invalid tfvars syntax: {}; {}", problem.summary, problem.detail)).at(0))
        }
        None => Ok(Value::object(attributes)),
    }
}
