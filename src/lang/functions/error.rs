//! What goes wrong in a call, worded as Terraform words it.

use super::Function;
use std::borrow::Cow;
use thiserror::Error;

/// A call that failed.
///
/// How an error is made says whether it may quote an argument: [`FunctionError::new`] and [`FunctionError::told`] may not,
/// [`FunctionError::quoting`] may. When an argument is sensitive, [`super::call`] withholds what quotes (INV-8).
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{message}")]
pub struct FunctionError {
    /// The position of the argument that is wrong, if it is one.
    pub argument: Option<usize>,
    /// What is wrong; no full stop at the end.
    pub message: Cow<'static, str>,
    kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// Holds no part of an argument.
    Plain,
    /// Holds a part of an argument; the same without it.
    Quoting(Cow<'static, str>),
    /// Too few arguments.
    TooFew,
    /// Too many arguments.
    TooMany,
}

impl FunctionError {
    /// A fixed message.
    pub fn new(message: &'static str) -> FunctionError {
        FunctionError { argument: None, message: Cow::Borrowed(message), kind: Kind::Plain }
    }

    /// A message that holds lengths, types or positions, but nothing of what a string argument says.
    pub fn told(message: impl Into<String>) -> FunctionError {
        FunctionError { argument: None, message: Cow::Owned(message.into()), kind: Kind::Plain }
    }

    /// A message that quotes an argument, and what to say if that is secret.
    pub fn quoting(message: impl Into<String>, withheld: impl Into<Cow<'static, str>>) -> FunctionError {
        FunctionError { argument: None, message: Cow::Owned(message.into()), kind: Kind::Quoting(withheld.into()) }
    }

    /// The argument at this position is what is wrong.
    pub fn at(mut self, position: usize) -> FunctionError {
        self.argument = Some(position);
        self
    }

    /// The same error, of the call as a whole.
    pub fn anywhere(mut self) -> FunctionError {
        self.argument = None;
        self
    }

    pub(super) fn too_few(message: String) -> FunctionError {
        FunctionError { argument: None, message: Cow::Owned(message), kind: Kind::TooFew }
    }

    pub(super) fn too_many(message: String, first: usize) -> FunctionError {
        FunctionError { argument: Some(first), message: Cow::Owned(message), kind: Kind::TooMany }
    }

    /// The same error with nothing of any argument in it.
    pub fn withheld(mut self) -> FunctionError {
        if let Kind::Quoting(plain) = self.kind {
            self.message = plain;
            self.kind = Kind::Plain;
        }
        self
    }

    /// The same error as part of a longer message: `before` is put in front.
    pub fn inside(mut self, before: &str) -> FunctionError {
        self.message = Cow::Owned(format!("{before}{}", self.message));
        if let Kind::Quoting(plain) = self.kind {
            self.kind = Kind::Quoting(Cow::Owned(format!("{before}{plain}")));
        }
        self
    }

    /// The summary of the diagnostic Terraform would give.
    pub fn summary(&self) -> &'static str {
        match self.kind {
            Kind::TooFew => "Not enough function arguments",
            Kind::TooMany => "Too many function arguments",
            _ if self.argument.is_some() => "Invalid function argument",
            _ => "Error in function call",
        }
    }

    /// The detail of the diagnostic Terraform would give. `name` is the function's name as it was written.
    pub fn detail(&self, function: &Function, name: &str) -> String {
        match (&self.kind, self.argument.and_then(|i| function.param(i))) {
            (Kind::TooFew | Kind::TooMany, _) => self.message.to_string(),
            (_, Some(param)) => format!("Invalid value for {:?} parameter: {}.", param.name, self.message),
            (_, None) => format!("Call to function {name:?} failed: {}.", self.message),
        }
    }
}
