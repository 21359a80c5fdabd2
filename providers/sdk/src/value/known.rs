//! Values that are known through and through.

use super::{Path, Type, Value};
use std::ops::Deref;

/// A value proven to hold no unknown anywhere: all that state, a result or an output may hold.
///
/// It can only be read, so it stays known; [`Known::into_value`] gives up the proof.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Known(Value);

impl Known {
    /// The proof, or the path of the first unknown part (a path ends at a set).
    pub fn new(value: Value) -> Result<Known, Path> {
        match value.first_unknown() {
            None => Ok(Known(value)),
            Some(path) => Err(path),
        }
    }

    /// A null.
    pub fn null(ty: Type) -> Known {
        Known(Value::null(ty))
    }

    /// The value alone.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The value alone.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl Deref for Known {
    type Target = Value;
    fn deref(&self) -> &Value {
        &self.0
    }
}

impl AsRef<Value> for Known {
    fn as_ref(&self) -> &Value {
        &self.0
    }
}
