//! Files that functions of a spec read (`file`, `templatefile`, `fileset`): noted while a runbook is compiled, carried in it, and read
//! from there when it is carried out, where the spec's directory is gone.

use crate::lang::functions::{EntryKind, Files};
use crate::lang::load::Disk;
use crate::runbook::{Carried, CarriedKind};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Most bytes of files in one runbook.
const MOST: usize = 256 << 20;

/// The disk, and everything that was asked of it.
pub struct Noted {
    disk: Disk,
    base: PathBuf,
    seen: Mutex<BTreeMap<String, Carried>>,
}

impl Noted {
    /// Notes what is read from now on; relative paths are those of the spec's directory.
    pub fn over(base: &Path) -> Noted {
        Noted { disk: Disk { home: std::env::home_dir() }, base: base.to_path_buf(), seen: Mutex::default() }
    }

    /// All that was read.
    ///
    /// # Errors
    /// It is more than a runbook carries.
    pub fn all(&self) -> Result<Vec<Carried>, String> {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bytes: usize = seen.values().filter_map(|c| c.bytes.as_ref()).map(Vec::len).sum();
        match bytes > MOST {
            true => {
                Err(format!("its spec reads {} MB of files; a runbook carries {} MB at most", bytes >> 20, MOST >> 20))
            }
            false => Ok(seen.values().cloned().collect()),
        }
    }

    fn note(&self, path: &Path, kind: Option<EntryKind>, bytes: Option<&[u8]>) {
        let path = key(&self.base, path);
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let one = seen.entry(path.clone()).or_insert(Carried { path, kind: carried_kind(kind), bytes: None });
        if let Some(bytes) = bytes {
            one.bytes = Some(bytes.to_vec());
        }
    }
}

impl Files for Noted {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = self.disk.read(path)?;
        self.note(path, Some(EntryKind::File), Some(&bytes));
        Ok(bytes)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
        let kind = self.disk.kind(path)?;
        self.note(path, kind, None);
        Ok(kind)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, EntryKind)>> {
        let entries = self.disk.list(directory)?;
        self.note(directory, Some(EntryKind::Directory), None);
        for (name, kind) in &entries {
            self.note(&directory.join(name), Some(*kind), None);
        }
        Ok(entries)
    }

    fn home(&self) -> Option<PathBuf> {
        self.disk.home()
    }
}

/// What a runbook carries, in the place of the disk.
pub struct Replayed {
    base: PathBuf,
    carried: BTreeMap<String, Carried>,
}

impl Replayed {
    /// The files of a runbook, as if they stood in this directory.
    pub fn of(base: &Path, files: &[Carried]) -> Replayed {
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_path_buf());
        Replayed { base, carried: files.iter().map(|c| (c.path.clone(), c.clone())).collect() }
    }

    fn find(&self, path: &Path) -> io::Result<&Carried> {
        let name = key(&self.base, path);
        self.carried.get(&name).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "the runbook does not carry it: it was not read when the runbook was compiled",
            )
        })
    }
}

impl Files for Replayed {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let one = self.find(path)?;
        one.bytes.clone().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the runbook carries its name alone"))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
        Ok(match self.find(path)?.kind {
            CarriedKind::File => Some(EntryKind::File),
            CarriedKind::Directory => Some(EntryKind::Directory),
            CarriedKind::Other => Some(EntryKind::Other),
            CarriedKind::Nothing => None,
        })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, EntryKind)>> {
        self.find(directory)?;
        let name = key(&self.base, directory);
        let inside = |path: &str| -> Option<String> {
            let path = Path::new(path);
            (path.parent()? == Path::new(&name)).then(|| Some(path.file_name()?.to_str()?.to_string()))?
        };
        let mut found = Vec::new();
        for one in self.carried.values() {
            if let (Some(entry), Some(kind)) = (inside(&one.path), self.kind(&self.base.join(&one.path))?) {
                found.push((entry, kind));
            }
        }
        Ok(found)
    }

    /// Whose home it is when the runbook is carried out is not for the spec to say.
    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// A path by the name it has in a runbook: relative to the spec's directory where it lies in it.
fn key(base: &Path, path: &Path) -> String {
    let plain: PathBuf = path.components().collect();
    let base: PathBuf = base.components().collect();
    plain.strip_prefix(&base).unwrap_or(&plain).display().to_string()
}

fn carried_kind(kind: Option<EntryKind>) -> CarriedKind {
    match kind {
        Some(EntryKind::File) => CarriedKind::File,
        Some(EntryKind::Directory) => CarriedKind::Directory,
        Some(EntryKind::Device | EntryKind::Pipe | EntryKind::Socket | EntryKind::Other) => CarriedKind::Other,
        None => CarriedKind::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_read_again_elsewhere_and_nothing_else_is() {
        let from = tempfile::tempdir().unwrap();
        std::fs::create_dir(from.path().join("d")).unwrap();
        std::fs::write(from.path().join("d/a.tpl"), "hello").unwrap();
        std::fs::write(from.path().join("d/b.tpl"), "never read").unwrap();
        let noted = Noted::over(from.path());
        assert_eq!(noted.read(&from.path().join("./d/a.tpl")).unwrap(), b"hello");
        assert_eq!(noted.kind(&from.path().join("absent")).unwrap(), None);
        assert_eq!(noted.list(&from.path().join("d")).unwrap().len(), 2);
        let carried = noted.all().unwrap();
        drop(from);
        let elsewhere = Path::new("/far/away");
        let replayed = Replayed::of(elsewhere, &carried);
        assert_eq!(replayed.read(&elsewhere.join("d/a.tpl")).unwrap(), b"hello");
        assert_eq!(replayed.kind(&elsewhere.join("absent")).unwrap(), None);
        let names = |(name, kind): (String, EntryKind)| (kind == EntryKind::File).then_some(name);
        let listed = replayed.list(&elsewhere.join("d")).unwrap();
        assert_eq!(listed.into_iter().filter_map(names).collect::<Vec<_>>(), ["a.tpl", "b.tpl"]);
        assert!(replayed.read(&elsewhere.join("d/b.tpl")).is_err(), "its name alone was looked at");
        assert!(replayed.read(Path::new("/etc/hostname")).is_err(), "the disk is not asked");
    }
}
