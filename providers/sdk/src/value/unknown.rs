//! What is known of the unknown.

use super::num::Num;
use super::{Str, Type};
use std::sync::Arc;

/// Why a value is unknown: the address whose result it waits for, for example `aws_lb.web.arn`.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Cause(pub Arc<str>);

/// An unknown value: its type, what is known of it all the same, and why it is unknown.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// The type it will have.
    pub ty: Type,
    /// What is known all the same.
    pub refinement: Refinement,
    /// Why it is unknown. Says nothing about the value: equality ignores it, and it never goes over the wire.
    pub cause: Option<Cause>,
}

/// What is known of an unknown value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refinement {
    /// It will certainly not be null.
    pub not_null: bool,
    /// A string that starts so.
    pub prefix: Option<Str>,
    /// A number not below this (`true`: may be equal).
    pub min: Option<(Num, bool)>,
    /// A number not above this (`true`: may be equal).
    pub max: Option<(Num, bool)>,
    /// A collection with at least so many elements.
    pub min_len: Option<u64>,
    /// A collection with at most so many elements.
    pub max_len: Option<u64>,
}

impl Refinement {
    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Refinement::default()
    }
}

impl Unknown {
    /// Without refinements and without a cause.
    pub fn of(ty: Type) -> Unknown {
        Unknown { ty, refinement: Refinement::default(), cause: None }
    }
}
