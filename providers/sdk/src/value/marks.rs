//! Marks: facts about a value that travel with it and never go over the wire.

use std::ops::BitOr;

/// A small set of marks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Hash, PartialOrd, Ord)]
pub struct Marks(u8);

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks(0);
    /// The value must not be printed.
    pub const SENSITIVE: Marks = Marks(1);
    /// The value must not be stored, neither in a plan nor in state.
    pub const EPHEMERAL: Marks = Marks(2);
    /// The value is a type in words, which a console shows and nothing else can use.
    pub const TYPE: Marks = Marks(4);
    /// A module whose output the value is calls it sensitive, though nothing it is made from is: it is not printed, and that is all.
    pub const DECLARED: Marks = Marks(8);

    /// Whether all marks of `other` are in this set.
    pub fn contains(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no mark at all.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// This set without those of `other`.
    pub fn without(self, other: Marks) -> Marks {
        Marks(self.0 & !other.0)
    }

    /// Whether the value must not be printed, for whatever reason.
    pub fn is_sensitive(self) -> bool {
        self.0 & (Marks::SENSITIVE.0 | Marks::DECLARED.0) != 0
    }
}

/// Marks at a place inside a value.
pub type MarkedPath = (super::Path, Marks);

impl BitOr for Marks {
    type Output = Marks;
    fn bitor(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }
}
