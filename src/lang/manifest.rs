//! `.terraform/modules/modules.json`: where the called modules of a directory are.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The names of the calls from the root inwards, with dots; empty for the root module.
    #[serde(rename = "Key")]
    pub key: String,
    /// The source, in full.
    #[serde(rename = "Source")]
    pub source: String,
    /// The version of a registry's module; else empty.
    #[serde(rename = "Version", default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its directory, relative to the working directory.
    #[serde(rename = "Dir")]
    pub dir: String,
}

/// All calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    #[serde(rename = "Modules")]
    modules: Vec<Record>,
}

impl Manifest {
    /// The name of the file.
    pub const NAME: &str = "modules.json";

    /// Reads it from the directory of installed modules; empty when there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(modules: &Path) -> io::Result<Manifest> {
        match std::fs::read(modules.join(Manifest::NAME)) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Manifest::default()),
            Err(error) => Err(error),
        }
    }

    /// The text of the file.
    pub fn print(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A call by its key.
    pub fn find(&self, key: &str) -> Option<&Record> {
        self.modules.iter().find(|record| record.key == key)
    }

    /// Every call, sorted by key.
    pub fn records(&self) -> &[Record] {
        &self.modules
    }

    /// Adds a call, or puts it in the place of the one with the same key.
    pub fn insert(&mut self, record: Record) {
        match self.modules.binary_search_by(|r| r.key.cmp(&record.key)) {
            Ok(at) => self.modules[at] = record,
            Err(at) => self.modules.insert(at, record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the real program wrote it.
    const MEASURED: &str = r#"{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"a","Source":"./child/grand","Dir":"child/grand"},{"Key":"git","Source":"git::file:///r//sub?ref=v1","Dir":".terraform/modules/git/sub"}]}"#;

    #[test]
    fn a_manifest_of_terraform_is_read_and_written_back_byte_for_byte() {
        let read: Manifest = serde_json::from_str(MEASURED).expect("read");
        assert_eq!(read.find("git").expect("there").dir, ".terraform/modules/git/sub");
        let mut written = Manifest::default();
        read.records().iter().rev().for_each(|record| written.insert(record.clone()));
        assert_eq!(written.print(), MEASURED);
    }
}
