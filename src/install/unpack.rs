//! Opening archives of strangers: nothing is written outside the directory, and nothing without bound.

use super::{InstallError, at};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most bytes an archive may hold: 8 GiB.
const MOST_BYTES: u64 = 8 << 30;
/// The most files it may hold.
const MOST_FILES: usize = 200_000;

/// A zip archive.
pub(super) fn open(archive: &Path) -> Result<zip::ZipArchive<File>, InstallError> {
    let file = File::open(archive).map_err(at(archive))?;
    zip::ZipArchive::new(file).map_err(|e| refused(archive, e))
}

fn refused(archive: &Path, why: impl std::fmt::Display) -> InstallError {
    InstallError::Archive { what: archive.display().to_string(), why: why.to_string() }
}

/// Unpacks a zip archive into an empty directory.
pub(super) fn zip(archive: &Path, into: &Path) -> Result<(), InstallError> {
    let mut files = open(archive)?;
    if files.len() > MOST_FILES {
        return Err(refused(archive, format_args!("it holds more than {MOST_FILES} files")));
    }
    let mut left = MOST_BYTES;
    for index in 0..files.len() {
        let mut file = files.by_index(index).map_err(|e| refused(archive, e))?;
        let name = file.name().map_err(|e| refused(archive, e))?.into_owned();
        let Some(path) = file.enclosed_name() else {
            return Err(refused(archive, format_args!("{name:?} leads out of the directory")));
        };
        let path = into.join(path);
        if file.is_dir() {
            std::fs::create_dir_all(&path).map_err(at(&path))?;
            continue;
        }
        if file.is_symlink() {
            return Err(refused(archive, format_args!("{name:?} is a link")));
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        let mode = file.unix_mode();
        let mut out = File::create_new(&path).map_err(at(&path))?;
        let written = io::copy(&mut (&mut file).take(left), &mut out).map_err(|e| refused(archive, e))?;
        left -= written;
        if left == 0 {
            return Err(refused(archive, format_args!("it holds more than {MOST_BYTES} bytes")));
        }
        permit(&path, mode)?;
    }
    Ok(())
}

/// The permissions of the archive, without those that give others rights.
fn permit(path: &Path, mode: Option<u32>) -> Result<(), InstallError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = mode.unwrap_or(0o644) & 0o755 | 0o600;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at(path))?;
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

/// Unpacks a tar archive, compressed by gzip or not at all, into an empty directory.
pub(super) fn tar(archive: &Path, gzip: bool, into: &Path) -> Result<(), InstallError> {
    let file = File::open(archive).map_err(at(archive))?;
    let plain: Box<dyn Read> = if gzip { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    let mut files = ::tar::Archive::new(plain.take(MOST_BYTES));
    for (count, entry) in files.entries().map_err(|e| refused(archive, e))?.enumerate() {
        let mut entry = entry.map_err(|e| refused(archive, e))?;
        if count >= MOST_FILES {
            return Err(refused(archive, format_args!("it holds more than {MOST_FILES} files")));
        }
        let fits = entry.unpack_in(into).map_err(|e| refused(archive, e))?;
        if !fits {
            return Err(refused(archive, "a file of it leads out of the directory"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn archive(name: &str) -> tempfile::NamedTempFile {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o777);
        writer.start_file(name, options).expect("added");
        writer.write_all(b"text").expect("written");
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(writer.finish().expect("finished").get_ref()).expect("written");
        file
    }

    #[test]
    fn files_keep_their_names_and_the_right_to_run() {
        let dir = tempfile::tempdir().expect("a directory");
        zip(archive("d/program").path(), dir.path()).expect("unpacked");
        assert_eq!(std::fs::read(dir.path().join("d/program")).expect("read"), b"text");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join("d/program")).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o755);
        }
    }

    #[test]
    fn nothing_leaves_the_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let inside = dir.path().join("inside");
        std::fs::create_dir(&inside).expect("made");
        for name in ["../out", "/out", "a/../../out"] {
            // Absolute names are made relative or refused; either way nothing is outside.
            let _ = zip(archive(name).path(), &inside);
            assert!(!dir.path().join("out").exists() && !Path::new("/out").exists(), "{name}");
        }
        let error = zip(archive("../out").path(), &inside).expect_err("refused").to_string();
        assert!(error.contains("leads out"), "{error}");
        let mut broken = tempfile::NamedTempFile::new().expect("a file");
        broken.write_all(b"PK no archive").expect("written");
        assert!(zip(broken.path(), &inside).is_err());
    }
}
