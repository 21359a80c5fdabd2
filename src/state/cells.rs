//! Cells of an encrypted state's file: each is sealed to the row it belongs to, so that none can be put in another's place.
//!
//! What stays readable: which objects there are and of which provider, what depends on what, the kinds and keys of everything else, how
//! long things are, the state's numbers, who has the lock. Attributes, outputs, notes and what was done are not.

use super::error::StateError;
use super::seal::{self, Keys, SealError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::borrow::Cow;
use std::cell::Cell;
use std::path::Path;

/// Writes and reads cells with the keys of a file. Without a key they are as they are.
pub(super) struct Cells<'a> {
    path: &'a Path,
    keys: &'a Keys,
    /// Some cell was opened with a former key.
    aged: Cell<bool>,
}

impl<'a> Cells<'a> {
    /// Cells of the file at a path.
    pub fn new(path: &'a Path, keys: &'a Keys) -> Cells<'a> {
        Cells { path, keys, aged: Cell::new(false) }
    }

    /// Whether anything read was written with a former key.
    pub fn are_aged(&self) -> bool {
        self.aged.get()
    }

    /// A text as it is kept. `name` says which cell it is.
    pub fn put<'t>(&self, text: &'t str, name: impl FnOnce() -> String) -> Cow<'t, str> {
        match &self.keys.current {
            None => Cow::Borrowed(text),
            Some(key) => Cow::Owned(STANDARD_NO_PAD.encode(seal::encrypt(key, text.as_bytes().to_vec(), &name()))),
        }
    }

    /// Bytes as they are kept.
    pub fn put_bytes<'t>(&self, bytes: &'t [u8], name: impl FnOnce() -> String) -> Cow<'t, [u8]> {
        match &self.keys.current {
            None => Cow::Borrowed(bytes),
            Some(key) => Cow::Owned(seal::encrypt(key, bytes.to_vec(), &name())),
        }
    }

    /// The text of a cell.
    pub fn get<'t>(&self, kept: &'t str, name: impl FnOnce() -> String) -> Result<Cow<'t, str>, StateError> {
        if self.keys.current.is_none() {
            return Ok(Cow::Borrowed(kept));
        }
        let text = STANDARD_NO_PAD.decode(kept).map_err(|_| SealError::NotSealed);
        let text = text.and_then(|sealed| self.open(&sealed, name));
        let text = text.and_then(|plain| String::from_utf8(plain).map_err(|_| SealError::Damaged));
        text.map(Cow::Owned).map_err(|e| self.failed(&e))
    }

    /// The bytes of a cell.
    pub fn get_bytes<'t>(&self, kept: &'t [u8], name: impl FnOnce() -> String) -> Result<Cow<'t, [u8]>, StateError> {
        if self.keys.current.is_none() {
            return Ok(Cow::Borrowed(kept));
        }
        self.open(kept, name).map(Cow::Owned).map_err(|e| self.failed(&e))
    }

    fn open(&self, sealed: &[u8], name: impl FnOnce() -> String) -> Result<Vec<u8>, SealError> {
        let (plain, former) = seal::decrypt(self.keys, sealed, &name())?;
        self.aged.set(self.aged.get() || former);
        Ok(plain)
    }

    fn failed(&self, error: &SealError) -> StateError {
        StateError::Sealed { path: self.path.to_path_buf(), what: error.to_string() }
    }
}
