//! Functions that providers offer: `provider::NAME::FUNCTION(…)`.

use super::call::beginning;
use super::{Bound, Evaluator, failed};
use crate::diag::Span;
use crate::lang::ast::{Call, Expr};
use crate::lang::functions::{FunctionProblem, ProviderFunctions};
use straddle_sdk::schema::{Function, Parameter};
use straddle_sdk::value::{Marks, Type, Value, convert};

impl Evaluator<'_> {
    /// Calls a function of a provider. `None`: there is none of that name here.
    pub(super) fn provider_call(&mut self, node: &Call, span: &Span, frame: Bound<'_>) -> Option<Value> {
        let (provider, name) = node.name.name.strip_prefix("provider::")?.split_once("::")?;
        let offered = self.scope.functions()?.providers?;
        let function = offered.find(provider, name)?;
        if !node.expand && !self.fitting_number(&function, node, node.args.len()) {
            return Some(failed());
        }
        let (args, places) = match self.arguments(None, node, frame) {
            Ok(args) => args,
            Err(instead) => return Some(instead),
        };
        if node.expand && !self.fitting_number(&function, node, args.len()) {
            return Some(failed());
        }
        Some(match self.prepared(&function, args, &places) {
            Ok((args, marks)) => {
                let call = Answered { name: (provider, name), node, span, places: &places, secret: !marks.is_none() };
                self.answered(offered, &call, &args, &function).with_marks(marks)
            }
            Err(instead) => instead,
        })
    }

    fn fitting_number(&mut self, function: &Function, node: &Call, given: usize) -> bool {
        let (name, wanted) = (&*node.name.name, function.parameters.len());
        if let Some(missing) = function.parameters.get(given) {
            let least = if function.variadic.is_some() { " at least" } else { "" };
            let detail =
                format!("Function {name:?} expects{least} {wanted} argument(s). Missing value for {:?}.", missing.name);
            self.error("Not enough function arguments", detail, &node.close);
            return false;
        }
        if given > wanted && function.variadic.is_none() {
            let place = node.args.get(wanted).map_or_else(|| node.close.clone(), beginning);
            let detail = format!("Function {name:?} expects only {wanted} argument(s).");
            self.error("Too many function arguments", detail, &place);
            return false;
        }
        true
    }

    /// The arguments as the parameters want them, without marks, and the marks. Otherwise what the call evaluates to: an argument is
    /// wrong, or not known.
    fn prepared(
        &mut self,
        function: &Function,
        args: Vec<Value>,
        places: &[&Expr],
    ) -> Result<(Vec<Value>, Marks), Value> {
        let mut marks = Marks::NONE;
        let mut prepared = Vec::with_capacity(args.len());
        let mut unknown = false;
        for (position, arg) in args.into_iter().enumerate() {
            let Some(parameter) = function.parameter(position) else { continue };
            marks = marks | arg.deep_marks();
            match fitted(&arg.unmarked(), parameter) {
                Ok(value) => {
                    unknown |= !parameter.unknown && !value.is_wholly_known();
                    prepared.push(value);
                }
                Err(why) => {
                    let detail = format!("Invalid value for {:?} parameter: {why}.", parameter.name);
                    let place = places.get(position).map(|arg| beginning(arg));
                    return Err(match place {
                        Some(place) => self.fail("Invalid function argument", detail, &place),
                        None => failed(),
                    });
                }
            }
        }
        if unknown { Err(Value::unknown(function.result.clone()).with_marks(marks)) } else { Ok((prepared, marks)) }
    }

    fn answered(
        &mut self,
        offered: &dyn ProviderFunctions,
        call: &Answered<'_>,
        args: &[Value],
        function: &Function,
    ) -> Value {
        let Answered { name: (provider, name), node, span, places, secret } = *call;
        let FunctionProblem { text, argument } = match offered.call(provider, name, args) {
            Ok(value) => return value,
            Err(problem) if secret => FunctionProblem {
                // What the provider says may quote an argument.
                text: "its reason is not shown, as an argument is sensitive".to_owned(),
                ..problem
            },
            Err(problem) => problem,
        };
        let wrong = argument.and_then(|at| Some((function.parameter(at)?, places.get(at)?)));
        match wrong {
            Some((parameter, place)) => {
                let detail = format!("Invalid value for {:?} parameter: {text}.", parameter.name);
                self.fail("Invalid function argument", detail, &beginning(place))
            }
            None => {
                let detail = format!("Call to function {:?} failed: {text}.", &*node.name.name);
                self.fail("Error in function call", detail, span)
            }
        }
    }
}

/// A call that is made.
struct Answered<'c> {
    name: (&'c str, &'c str),
    node: &'c Call,
    span: &'c Span,
    places: &'c [&'c Expr],
    secret: bool,
}

/// An argument as a parameter wants it.
fn fitted(arg: &Value, parameter: &Parameter) -> Result<Value, String> {
    let value = match parameter.ty {
        Type::Dynamic => arg.clone(),
        ref ty => convert(arg, ty).map_err(|e| e.message.to_string())?,
    };
    if value.is_null() && !parameter.null {
        return Err("argument must not be null".to_owned());
    }
    Ok(value)
}
