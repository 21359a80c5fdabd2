//! Exact numbers: 512-bit binary floats, as Terraform's.

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub enum Num {
    /// An integer that fits.
    Int(i64),
}

impl From<i64> for Num {
    fn from(n: i64) -> Num {
        Num::Int(n)
    }
}
