//! Places that had no room a short time ago. AWS tells that only to whoever asks for an instance and gets none, so it is kept between
//! runs: the plan after a failed apply must not ask in the same place again. The file lies with Terraform's other working files, may go
//! at any time, and holds nothing but zones, times and AWS's words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a place that had no room counts as full, in seconds.
const SHORT_FOR: u64 = 600;
/// The file's name in the data directory.
const FILE: &str = "straddle-aws-shortages.json";

/// When it was, and AWS's words, by `REGION/ZONE`.
type Places = BTreeMap<String, (u64, String)>;

/// What is known of shortages.
pub struct Shortages {
    path: PathBuf,
    places: Mutex<Places>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Shortages {
    /// Those of the module in the working directory.
    pub fn here() -> Shortages {
        let directory =
            std::env::var_os("TF_DATA_DIR").filter(|d| !d.is_empty()).unwrap_or_else(|| ".terraform".into());
        Shortages::at(PathBuf::from(directory).join(FILE))
    }

    /// Those in a file. One that is not there, or cannot be read, is none: this is a memory, not a record.
    pub fn at(path: PathBuf) -> Shortages {
        let places =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Shortages { path, places: Mutex::new(places) }
    }

    /// A place had no room.
    pub fn note(&self, region: &str, zone: &str, why: &str) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, (when, _)| fresh(*when));
        places.insert(format!("{region}/{zone}"), (now(), why.to_owned()));
        // Where it cannot be kept, this process still knows.
        if let (Some(directory), Ok(text)) = (self.path.parent(), serde_json::to_vec(&*places)) {
            _ = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&self.path, text));
        }
    }

    /// Why a place has no room, if it had none lately.
    pub fn of(&self, region: &str, zone: &str) -> Option<String> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(&format!("{region}/{zone}")).filter(|(when, _)| fresh(*when)).map(|(_, why)| why.clone())
    }
}

/// Not long ago, and not ahead of the clock either.
fn fresh(when: u64) -> bool {
    now().checked_sub(when).is_some_and(|age| age < SHORT_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_known_to_the_next_process_and_no_longer_than_it_lasts() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("data").join(FILE);
        Shortages::at(path.clone()).note("r", "a", "no room");
        assert_eq!(Shortages::at(path.clone()).of("r", "a").as_deref(), Some("no room"));
        assert_eq!(Shortages::at(path.clone()).of("r", "b"), None);
        let old = format!(r#"{{"r/a":[{},"long ago"],"r/b":[{},"ahead"]}}"#, now() - SHORT_FOR, now() + 60);
        std::fs::write(&path, old).expect("written");
        let late = Shortages::at(path.clone());
        assert_eq!((late.of("r", "a"), late.of("r", "b")), (None, None));
        std::fs::write(&path, "no JSON").expect("written");
        assert_eq!(Shortages::at(path).of("r", "a"), None);
    }
}
