//! Values and types as bytes: what goes over the plugin protocol, into state and into `show -json`.
//!
//! Every reader takes the expected type, bounds its recursion by [`MAX_DEPTH`], never reserves more memory than the input has
//! bytes, and shares the attribute names of the type. Marks are never written.

pub mod json;
pub mod msgpack;
mod reader;
pub mod show;
mod type_json;

use super::{Elements, Entries, Kind, Path, Str, Type, Value};
use std::sync::Arc;

/// How deeply values and types may nest.
pub const MAX_DEPTH: usize = 192;

/// Bytes that are no value of the expected type, or a value that cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct CodecError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there.
    pub problem: Problem,
}

impl std::fmt::Display for CodecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.problem.fmt(f)
    }
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The input ends inside a value.
    #[error("the data ends too early")]
    Truncated,
    /// No JSON; the byte where it stops being.
    #[error("invalid JSON at byte {0}")]
    Syntax(usize),
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// Deeper than [`MAX_DEPTH`].
    #[error("nested too deeply")]
    TooDeep,
    /// Another kind of value than the type says.
    #[error("{wanted} required, but found {found}")]
    Mismatch {
        /// The expected type.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// A tuple or an object of the wrong size.
    #[error("{wanted} parts required, but found {found}")]
    Length {
        /// As the type says.
        wanted: usize,
        /// As the data says.
        found: usize,
    },
    /// An attribute of the type is not there.
    #[error("attribute {0:?} is missing")]
    Missing(Str),
    /// An attribute that the type does not have.
    #[error("unsupported attribute {0:?}")]
    Unsupported(String),
    /// A number that is none: not a number, or text that is no number.
    #[error("invalid number")]
    Number,
    /// An infinity, which JSON cannot say.
    #[error("an infinite number cannot be written as JSON")]
    Infinite,
    /// An unknown value, which JSON cannot say.
    #[error("the value is not known yet")]
    Unknown,
    /// A type description that is none.
    #[error("invalid type description")]
    Type,
    /// A refinement of an unknown value that cannot be read.
    #[error("invalid description of an unknown value")]
    Refinement,
    /// Elements of one collection whose types differ.
    #[error("all elements must have the same type")]
    ElementTypes,
}

impl CodecError {
    fn new(path: &Path, problem: Problem) -> CodecError {
        CodecError { path: path.clone(), problem }
    }
}

fn mismatch(wanted: &Type, found: impl Into<String>) -> Problem {
    Problem::Mismatch { wanted: wanted.friendly_name(), found: found.into() }
}

/// What messages call a value that is where it should not be.
fn found(value: &Value) -> String {
    match value.kind() {
        Kind::Null(_) => "null".to_owned(),
        _ => value.ty().friendly_name(),
    }
}

/// The element type of elements read with the type `of`: itself, or where it leaves parts open what the elements all have.
fn settled<'a>(of: &Type, mut items: impl Iterator<Item = &'a Value>) -> Result<Type, Problem> {
    if !of.has_dynamic() {
        return Ok(of.clone());
    }
    let Some(first) = items.next() else { return Ok(of.clone()) };
    let ty = first.ty();
    if items.all(|item| item.ty() == ty) { Ok(ty) } else { Err(Problem::ElementTypes) }
}

fn list(of: &Type, items: Vec<Value>) -> Result<Value, Problem> {
    let of = settled(of, items.iter())?;
    Ok(Kind::List(Arc::new(Elements { of, items })).into())
}

fn set(of: &Type, items: Vec<Value>) -> Result<Value, Problem> {
    let of = settled(of, items.iter())?;
    Ok(Value::set(of, items))
}

fn map(of: &Type, items: Vec<(Str, Value)>) -> Result<Value, Problem> {
    let of = settled(of, items.iter().map(|(_, v)| v))?;
    Ok(Kind::Map(Arc::new(Entries { of, items: super::sort_entries(items) })).into())
}

/// The attributes of an object as they come in, each in the place its name has in the type.
struct Slots<'t> {
    attrs: &'t [(Str, Type)],
    values: Vec<Option<Value>>,
    next: usize,
}

impl<'t> Slots<'t> {
    fn new(attrs: &'t [(Str, Type)]) -> Slots<'t> {
        Slots { attrs, values: vec![None; attrs.len()], next: 0 }
    }

    /// The place of an attribute. Writers sort names, so it is nearly always the next one.
    fn find(&mut self, name: &str) -> Option<(usize, &'t (Str, Type))> {
        let i = match self.attrs.get(self.next) {
            Some((k, _)) if **k == *name => self.next,
            _ => self.attrs.binary_search_by(|(k, _)| (**k).cmp(name)).ok()?,
        };
        self.next = i + 1;
        Some((i, &self.attrs[i]))
    }

    /// The object; `missing` gives the value of an attribute that did not come.
    fn finish(self, missing: impl Fn(&Str, &Type) -> Result<Value, Problem>) -> Result<Value, Problem> {
        let mut items = Vec::with_capacity(self.attrs.len());
        for ((name, ty), value) in self.attrs.iter().zip(self.values) {
            items.push((name.clone(), value.map_or_else(|| missing(name, ty), Ok)?));
        }
        Ok(Kind::Object(Arc::new(items)).into())
    }
}

#[cfg(test)]
mod tests;
