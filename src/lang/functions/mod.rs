//! The built-in functions: Terraform 1.11's 118, and OpenTofu's.
//!
//! A [`Function`] is data: its parameters with the policy of each (may it be null, unknown, marked?), its result type and its
//! implementation. [`call`] applies the policies once, so that an implementation sees known, plain values of the right type
//! unless it asked for more. Functions are pure: files, clock and chance come in through [`FunctionContext`].

mod assume;
mod call;
mod case;
mod charset;
mod code_pages;
mod collections;
mod context;
mod convert;
mod crypto;
mod csv;
mod decimal;
mod encoding;
mod error;
pub mod files;
mod format;
mod glob;
mod json;
mod json_words;
mod maps;
mod net;
mod numbers;
mod path;
mod re2;
mod re2_class;
mod regex;
mod rsa;
mod sequence;
mod sets;
mod shape;
mod strings;
mod table;
#[cfg(test)]
mod testing;
mod tfvars;
mod time;
mod timestamp;
mod words;
mod yaml;
mod yaml_read;
mod yaml_scalar;
mod yaml_words;
mod yaml_write;

pub use call::{Call, call, check_arity, prepare};
pub use context::{EntryKind, Files, FunctionContext, ProviderFunctions, Random, TemplateRenderer};
pub use error::FunctionError;
pub use shape::Shape;
pub use straddle_sdk::schema::FunctionProblem;
pub use strings::safe_prefix;
pub use table::{all, lookup, names};
pub use tfvars::of_provider;

use straddle_sdk::value::{Type, Value};

/// A parameter and how it takes values that are not plain.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name messages use.
    pub name: &'static str,
    /// The type arguments are converted to.
    pub shape: Shape,
    /// Null may be given.
    pub allow_null: bool,
    /// The implementation wants to see an unknown argument itself.
    pub allow_unknown: bool,
    /// The implementation sees the argument's marks and carries them over itself.
    pub allow_marked: bool,
    /// The result type can be told even if the type of the argument is not known.
    pub allow_dynamic: bool,
}

impl Param {
    /// A parameter that takes known, unmarked values that are not null.
    pub const fn new(name: &'static str, shape: Shape) -> Param {
        Param { name, shape, allow_null: false, allow_unknown: false, allow_marked: false, allow_dynamic: false }
    }

    /// Null may be given.
    pub const fn nullable(mut self) -> Param {
        self.allow_null = true;
        self
    }

    /// The implementation deals with unknown arguments.
    pub const fn unknown(mut self) -> Param {
        self.allow_unknown = true;
        self
    }

    /// The implementation deals with marked arguments.
    pub const fn marked(mut self) -> Param {
        self.allow_marked = true;
        self
    }

    /// The type function deals with arguments of unknown type.
    pub const fn dynamic(mut self) -> Param {
        self.allow_dynamic = true;
        self
    }
}

/// How the result type follows from the arguments.
#[derive(Clone, Copy)]
pub enum Returns {
    /// It is always the same (`Any`: only the result itself tells).
    Always(Shape),
    /// It follows from types, and where need be from values, of the arguments. They are unmarked unless marks are allowed;
    /// they may be unknown. An argument of unknown type is only seen where `allow_dynamic` says so.
    From(fn(&[Value]) -> Result<Type, FunctionError>),
}

/// What only the evaluator can do for a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Special {
    /// Nothing: evaluate the arguments, then [`call`].
    No,
    /// `try`: evaluate one argument after the other, take the first without an error.
    Try,
    /// `can`: whether the argument evaluates without an error.
    Can,
    /// `templatestring`: the first argument must be a reference to a string. Then [`call`].
    TemplateString,
    /// `type`: the argument's type as text (console only).
    TypeOf,
    /// `convert`: the second argument is a type expression.
    Convert,
}

/// An implementation.
pub type Implementation = fn(&Call<'_>) -> Result<Value, FunctionError>;

/// A built-in function.
pub struct Function {
    /// The name without the `core::` prefix.
    pub name: &'static str,
    /// The parameters by position.
    pub params: &'static [Param],
    /// A parameter that takes any number of further arguments.
    pub variadic: Option<Param>,
    /// The result type.
    pub returns: Returns,
    /// The result is never null; an unknown result says so.
    pub not_null: bool,
    /// What the evaluator must do itself.
    pub special: Special,
    /// The implementation; call it through [`call`] only.
    pub implementation: Implementation,
}

impl Function {
    /// A function whose result is never null.
    pub const fn new(
        name: &'static str,
        params: &'static [Param],
        returns: Returns,
        implementation: Implementation,
    ) -> Function {
        Function { name, params, variadic: None, returns, not_null: true, special: Special::No, implementation }
    }

    /// Takes any number of further arguments.
    pub const fn variadic(mut self, param: Param) -> Function {
        self.variadic = Some(param);
        self
    }

    /// The result can be null.
    pub const fn maybe_null(mut self) -> Function {
        self.not_null = false;
        self
    }

    /// The evaluator has a part in it.
    pub const fn special(mut self, special: Special) -> Function {
        self.special = special;
        self
    }

    /// The parameter that takes the argument at this position.
    pub fn param(&self, position: usize) -> Option<&Param> {
        self.params.get(position).or(self.variadic.as_ref())
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}
