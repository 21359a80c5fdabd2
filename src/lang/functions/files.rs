//! The real files and the real chance: the only place under the language that touches either.

use super::{EntryKind, Files, Random};
use sha2::{Digest, Sha256};
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// The files of this machine.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// What `~` stands for.
    pub home: Option<PathBuf>,
}

fn kind(of: FileType) -> EntryKind {
    if of.is_file() {
        EntryKind::File
    } else if of.is_dir() {
        EntryKind::Directory
    } else {
        special(of)
    }
}

#[cfg(unix)]
fn special(of: FileType) -> EntryKind {
    use std::os::unix::fs::FileTypeExt;
    if of.is_block_device() || of.is_char_device() {
        EntryKind::Device
    } else if of.is_fifo() {
        EntryKind::Pipe
    } else if of.is_socket() {
        EntryKind::Socket
    } else {
        EntryKind::Other
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> EntryKind {
    EntryKind::Other
}

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
        match fs::metadata(path) {
            Ok(found) => Ok(Some(kind(found.file_type()))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Names that are not Unicode cannot be said in the language and are left out, as are links to nowhere.
    fn list(&self, directory: &Path) -> io::Result<Vec<(String, EntryKind)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let of = entry.file_type()?;
            let of = if of.is_symlink() { self.kind(&entry.path())? } else { Some(kind(of)) };
            found.extend(of.map(|of| (name, of)));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    fn home(&self) -> Option<PathBuf> {
        self.home.clone()
    }
}

/// The chance of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bytes(&self) -> io::Result<[u8; 16]> {
        // An identifier of version 4 has 122 random bits; two of them make 128 good ones.
        let pair = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
        let mut bytes = [0; 16];
        for (byte, digest) in bytes.iter_mut().zip(Sha256::digest(pair)) {
            *byte = digest;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_what_is_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        fs::create_dir(at.join("d")).expect("it works");
        fs::write(at.join("b"), "x").expect("it works");
        std::os::unix::fs::symlink(at.join("d"), at.join("a")).expect("it works");
        std::os::unix::fs::symlink(at.join("nowhere"), at.join("c")).expect("it works");
        let files = Disk::default();
        let names = [("a", EntryKind::Directory), ("b", EntryKind::File), ("d", EntryKind::Directory)];
        assert_eq!(files.list(at).expect("it works"), names.map(|(name, kind)| (name.to_owned(), kind)));
        assert_eq!(files.read(&at.join("b")).expect("it works"), b"x");
        assert!(files.kind(&at.join("b/x")).is_err());
        assert_eq!(files.kind(&at.join("c")).expect("it works"), None);
        assert_eq!(files.kind(&at.join("a")).expect("it works"), Some(EntryKind::Directory));
    }

    #[test]
    fn chance_does_not_repeat() {
        assert_ne!(SystemRandom.bytes().expect("it works"), SystemRandom.bytes().expect("it works"));
    }
}
