//! Names: of domains, of objects, of what a fault strikes.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A text that is none of the words expected; says which are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Word(pub String);

/// A domain, written `level:name`, for example `zone:ap-northeast-2a`. A store knows the levels `zone` and `cloud` by itself; what
/// lies in a domain of another level, only a spec's locations can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName {
    /// The level.
    pub level: String,
    /// The name, as the provider knows it.
    pub name: String,
}

impl DomainName {
    /// A zone.
    pub fn zone(name: &str) -> DomainName {
        DomainName { level: "zone".into(), name: name.into() }
    }

    /// A cloud.
    pub fn cloud(name: &str) -> DomainName {
        DomainName { level: "cloud".into(), name: name.into() }
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.name)
    }
}

impl FromStr for DomainName {
    type Err = Word;

    fn from_str(text: &str) -> Result<DomainName, Word> {
        match text.split_once(':') {
            Some((level, name)) if !level.is_empty() && !name.is_empty() => {
                Ok(DomainName { level: level.into(), name: name.into() })
            }
            _ => Err(Word(format!("{text:?} is not a domain; write level:name, for example zone:ap-northeast-2a"))),
        }
    }
}

impl Serialize for DomainName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The kinds of object. The numbers are part of the store's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `sim_instance`
    Instance = 0,
    /// `sim_group`
    Group = 1,
    /// `sim_load_balancer`
    LoadBalancer = 2,
    /// `sim_target`
    Target = 3,
    /// `sim_record`
    Record = 4,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Instance, Kind::Group, Kind::LoadBalancer, Kind::Target, Kind::Record];

    /// The resource type.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Instance => "sim_instance",
            Kind::Group => "sim_group",
            Kind::LoadBalancer => "sim_load_balancer",
            Kind::Target => "sim_target",
            Kind::Record => "sim_record",
        }
    }

    /// What ids of this kind start with.
    fn prefix(self) -> &'static str {
        match self {
            Kind::Instance => "i-",
            Kind::Group => "g-",
            Kind::LoadBalancer => "lb-",
            Kind::Target => "t-",
            Kind::Record => "r-",
        }
    }

    /// The kind of a resource type.
    pub fn of_type(type_name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.type_name() == type_name)
    }
}

/// The id of an object: its kind and its number, counted from 1 in each store and never given twice. Written `i-0001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// What it is.
    pub kind: Kind,
    /// The how-manieth of its kind in the store; below 2^48.
    pub number: u64,
}

impl Id {
    /// Numbers are below this, so that kind and number fit a row's key.
    pub(crate) const LIMIT: u64 = 1 << 48;

    /// The key of its row.
    pub(crate) fn key(self) -> i64 {
        ((self.kind as i64) << 48) | i64::try_from(self.number).unwrap_or(0)
    }

    /// The id of a row.
    pub(crate) fn of_key(key: i64) -> Option<Id> {
        let kind = Kind::ALL.into_iter().find(|kind| *kind as i64 == key >> 48)?;
        u64::try_from(key & ((1 << 48) - 1)).ok().map(|number| Id { kind, number })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:04}", self.kind.prefix(), self.number)
    }
}

impl FromStr for Id {
    type Err = Word;

    /// Takes only what [`fmt::Display`] writes, so that an object has one name.
    fn from_str(text: &str) -> Result<Id, Word> {
        Kind::ALL
            .into_iter()
            .find_map(|kind| {
                let number = text.strip_prefix(kind.prefix())?.parse().ok().filter(|n| *n > 0 && *n < Id::LIMIT)?;
                Some(Id { kind, number }).filter(|id| id.to_string() == text)
            })
            .ok_or_else(|| {
                Word(format!("{text:?} is no id of a simulated cloud (i-0001, g-0001, lb-0001, t-0001, r-0001); `straddle sim status` lists them"))
            })
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Declares an enum of words with `ALL`, `word`, `Display` and a `FromStr` that names the words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$var_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$var_doc])* $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// As it is written.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = Word;

            fn from_str(text: &str) -> Result<$name, Word> {
                $name::ALL.iter().copied().find(|one| one.word() == text).ok_or_else(|| {
                    let words: Vec<&str> = $name::ALL.iter().map(|one| one.word()).collect();
                    Word(format!("{text:?} is not {}; write one of {}", $what, words.join(", ")))
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

words! {
    /// What a request does.
    Op, "an operation" {
        /// Makes an object.
        Create = "create",
        /// Shows one.
        Read = "read",
        /// Changes one in place.
        Update = "update",
        /// Removes one.
        Delete = "delete",
        /// Shows all: discovery, `sim_zones`.
        List = "list",
    }
}

words! {
    /// How a request goes wrong. In the order in which they are drawn.
    FaultKind, "a kind of fault" {
        /// Refused as if there were too many requests; nothing is done.
        Throttle = "throttle",
        /// Fails; nothing is done.
        Error = "error",
        /// Carried out in part: a created object never gets ready, an update changes the first of several attributes, a deleted
        /// instance is stopped but there, a list ends half-way.
        Partial = "partial",
        /// Carried out, and the reply is lost.
        LostReply = "lost_reply",
        /// Of `read` and `list`: shows what was there before the last write, if that was less than
        /// [`crate::store::SETTLING`] ago. Of the others: carried out, and no read sees it for so long.
        Stale = "stale",
        /// Not answered as long as it strikes: at rate 1 until the fault is taken away. Then the request is as any other.
        Hang = "hang",
    }
}
