//! What is kept with an object between runs, out of the user's sight: when it was made, and for which start of an instance its user
//! data is known.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long after it was made an object may not be visible everywhere.
const YOUNG: Duration = Duration::from_secs(600);

/// The private data of an object.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// When it was made, in seconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<u64>,
    /// When the instance was started for which the user data in the state is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<i64>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Memory {
    /// Of an object made just now.
    pub fn new() -> Memory {
        Memory { made: Some(now()), launched: None }
    }

    /// From private data; what cannot be read is nothing known.
    pub fn of(private: &[u8]) -> Memory {
        serde_json::from_slice(private).unwrap_or_default()
    }

    /// As private data; none where nothing is known.
    pub fn bytes(&self) -> Vec<u8> {
        if *self == Memory::default() { Vec::new() } else { serde_json::to_vec(self).unwrap_or_default() }
    }

    /// Whether it was made so short a time ago that the API may not show it yet.
    pub fn is_young(&self) -> bool {
        self.made.is_some_and(|made| now().saturating_sub(made) < YOUNG.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_nonsense_is_nothing() {
        let kept = Memory { launched: Some(7), ..Memory::new() };
        assert_eq!(Memory::of(&kept.bytes()), kept);
        assert!(kept.is_young() && !Memory::of(br#"{"made":1}"#).is_young());
        assert_eq!(Memory::of(b"no JSON"), Memory::default());
        assert!(Memory::default().bytes().is_empty());
    }
}
