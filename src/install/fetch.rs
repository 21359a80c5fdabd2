//! Bringing one package into a directory: fetched, checked, unpacked, and moved into place in one step, so that several runs may do
//! it at once and none ever sees half a package.

use super::origin::{Archive, Package, Place};
use super::{Http, InstallError, at, hash, unpack};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A package that has been checked.
pub(super) struct Fetched {
    /// Every checksum it is known to have.
    pub(super) hashes: BTreeSet<String>,
}

/// What is asked of a package: how messages call it, and checksums one of which it must have (empty: any will do).
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) what: &'a str,
    pub(super) hashes: &'a BTreeSet<String>,
}

/// Fetches a package into `target`, which is replaced. Its parent may be shared with other runs.
pub(super) fn fetch(http: &Http, package: &Package, target: &Path, asked: Asked<'_>) -> Result<Fetched, InstallError> {
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).map_err(at(parent))?;
    match &package.place {
        Place::Directory(dir) => {
            let h1 = hash::directory(dir).map_err(at(dir))?;
            let hashes = BTreeSet::from([h1]);
            expected(&hashes, package, asked)?;
            let whole = dir.canonicalize().map_err(at(dir))?;
            link(&whole, target)?;
            Ok(Fetched { hashes })
        }
        Place::Archive(archive) => {
            let (path, _keep) = local(http, archive, parent)?;
            let hashes = archive_hashes(&path)?;
            expected(&hashes, package, asked)?;
            let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent).map_err(at(parent))?;
            unpack::zip(&path, staging.path())?;
            into_place(staging, target)?;
            Ok(Fetched { hashes })
        }
    }
}

/// The archive as a file, and what keeps it there.
pub(super) fn local(
    http: &Http,
    archive: &Archive,
    beside: &Path,
) -> Result<(PathBuf, Option<tempfile::NamedTempFile>), InstallError> {
    match archive {
        Archive::File(path) => Ok((path.clone(), None)),
        Archive::Url(url, host) => {
            let made = tempfile::Builder::new().prefix(".fetching-").tempfile_in(beside);
            let mut file = made.map_err(at(beside))?;
            http.download(url, host.as_deref(), &mut file)?;
            Ok((file.path().to_owned(), Some(file)))
        }
    }
}

/// Both checksums of an archive.
pub(super) fn archive_hashes(path: &Path) -> Result<BTreeSet<String>, InstallError> {
    let zh = hash::zip(path).map_err(at(path))?;
    let h1 = hash::contents(&mut unpack::open(path)?).map_err(at(path))?;
    Ok(BTreeSet::from([zh, h1]))
}

/// The package is the one its origin names, and one that the lock file knows.
pub(super) fn expected(found: &BTreeSet<String>, package: &Package, asked: Asked<'_>) -> Result<(), InstallError> {
    let wrong = |why: &str| Err(InstallError::Checksum { what: asked.what.to_owned(), why: why.to_owned() });
    if !agrees(&package.hashes, found) {
        return wrong("its checksum is not the one that was announced");
    }
    // What the publisher signed counts as known as well: the lock file may have been made on another platform.
    let known = asked.hashes.intersection(&package.signed).next().is_some();
    if !known && !agrees(asked.hashes, found) {
        return wrong(
            "it matches none of the checksums in the lock file. Either the package was changed, or the lock file was made for other \
             platforms only",
        );
    }
    Ok(())
}

/// Whether one of the checksums is among those found; kinds that are not known do not count, and none at all agrees.
fn agrees(wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> bool {
    let mut checkable = wanted.iter().filter(|h| h.starts_with("h1:") || h.starts_with("zh:")).peekable();
    checkable.peek().is_none() || checkable.any(|hash| found.contains(hash))
}

/// Moves a directory to its place. One that another run has put there meanwhile is the same package: it stays.
fn into_place(staging: tempfile::TempDir, target: &Path) -> Result<(), InstallError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(staging.path(), open).map_err(at(staging.path()))?;
    }
    match std::fs::rename(staging.path(), target) {
        Ok(()) => {
            // What is gone from there need not be removed.
            let _ = staging.keep();
            Ok(())
        }
        Err(_) if target.exists() || target.is_symlink() => replace(staging, target),
        Err(error) => Err(at(target)(error)),
    }
}

/// Puts a directory where another is: the old one steps aside first, in one step.
fn replace(staging: tempfile::TempDir, target: &Path) -> Result<(), InstallError> {
    let parent = target.parent().unwrap_or(target);
    if target.is_symlink() {
        std::fs::remove_file(target).map_err(at(target))?;
    } else {
        let aside = tempfile::Builder::new().prefix(".replaced-").tempdir_in(parent).map_err(at(parent))?;
        match std::fs::rename(target, aside.path().join("old")) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(target)(error)),
        }
    }
    match std::fs::rename(staging.path(), target) {
        Ok(()) => {
            let _ = staging.keep();
            Ok(())
        }
        // Another run was faster.
        Err(_) if target.is_dir() => Ok(()),
        Err(error) => Err(at(target)(error)),
    }
}

/// Makes `target` a link to a directory, in place of what was there.
pub(super) fn link(to: &Path, target: &Path) -> Result<(), InstallError> {
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).map_err(at(parent))?;
    #[cfg(unix)]
    {
        if std::fs::read_link(target).is_ok_and(|there| there == to) {
            return Ok(());
        }
        let staging = tempfile::Builder::new().prefix(".linking-").tempdir_in(parent).map_err(at(parent))?;
        let made = staging.path().join("link");
        std::os::unix::fs::symlink(to, &made).map_err(at(&made))?;
        if target.is_dir() && !target.is_symlink() {
            std::fs::rename(target, staging.path().join("old")).map_err(at(target))?;
        }
        std::fs::rename(&made, target).map_err(at(target))
    }
    #[cfg(not(unix))]
    {
        copy(to, target)
    }
}

/// Copies a directory tree.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), InstallError> {
    std::fs::create_dir_all(to).map_err(at(to))?;
    for entry in std::fs::read_dir(from).map_err(at(from))? {
        let entry = entry.map_err(at(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).map_err(at(&source))?;
        }
    }
    Ok(())
}

/// Whether an installed package has one of these checksums.
pub(super) fn installed(dir: &Path, hashes: &BTreeSet<String>) -> bool {
    hash::directory(dir).is_ok_and(|h1| hashes.contains(&h1))
}
