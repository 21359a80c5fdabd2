//! Where inside a value.

use super::Str;
use std::fmt;

/// Steps from a value to a part of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Path(pub Vec<Step>);

/// One step of a [`Path`]. Nothing inside a set can be named: a path ends at the set.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub enum Step {
    /// An attribute of an object.
    Attr(Str),
    /// An entry of a map.
    Key(Str),
    /// An element of a list or tuple.
    Index(u64),
}

impl Path {
    /// The value itself.
    pub const ROOT: Path = Path(Vec::new());

    /// This path and one step more.
    pub fn then(&self, step: Step) -> Path {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Path(steps)
    }

    /// This path and an attribute more.
    pub fn attr(&self, name: impl Into<Str>) -> Path {
        self.then(Step::Attr(name.into()))
    }

    /// Whether this path leads to the same place as `other` or to one inside it.
    pub fn starts_with(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Attr(name) if i == 0 => write!(f, "{name}")?,
                Step::Attr(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{:?}]", &**key)?,
                Step::Index(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}
