//! Checksums of packages, as the lock file writes them.
//!
//! `zh:` is of the archive's bytes. `h1:` is of the files in it, so that an archive and the directory it was unpacked to have the
//! same: the SHA-256 of one line per file, sorted by path, each the file's SHA-256, two spaces and the path.

use base64::Engine as _;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

/// SHA-256 in hexadecimal.
pub fn sha256(mut from: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(HEXLOWER.encode(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// The `zh:` checksum of an archive.
pub fn zip(archive: &Path) -> io::Result<String> {
    Ok(format!("zh:{}", sha256(std::fs::File::open(archive)?)?))
}

/// The `h1:` checksum of a directory, which may be a link to one.
pub fn directory(root: &Path) -> io::Result<String> {
    let root = root.canonicalize()?;
    let mut files = BTreeMap::new();
    walk(&root, "", &mut files)?;
    summed(&files)
}

fn walk(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| invalid("a file name is not UTF-8"))?;
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, sha256(std::fs::File::open(entry.path())?)?);
        }
    }
    Ok(())
}

/// The `h1:` checksum of what an archive holds.
pub fn contents(archive: &mut zip::ZipArchive<impl Read + io::Seek>) -> io::Result<String> {
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(io::Error::other)?;
        if !file.is_dir() {
            let name = file.name().map_err(io::Error::other)?.into_owned();
            files.insert(name, sha256(file)?);
        }
    }
    summed(&files)
}

fn summed(files: &BTreeMap<String, String>) -> io::Result<String> {
    let mut hasher = Sha256::new();
    for (path, sum) in files {
        if path.contains('\n') {
            return Err(invalid("a file name holds a line end"));
        }
        hasher.update(format!("{sum}  {path}\n"));
    }
    Ok(format!("h1:{}", base64::engine::general_purpose::STANDARD.encode(hasher.finalize())))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures measured with the real program over the same bytes.
    #[test]
    fn a_directory_has_the_checksum_terraform_gives_it() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("b"), "two\n").expect("written");
        std::fs::create_dir(dir.path().join("a")).expect("made");
        std::fs::write(dir.path().join("a/x"), "one\n").expect("written");
        let sum = directory(dir.path()).expect("summed");
        // echo "$(printf 'one\n' | sha256sum | cut -c1-64)  a/x" and so on, through sha256sum and base64.
        assert_eq!(sum, "h1:29E33QSc0muyPNy5p6rlYIUWloW2ToAxd7p91QRPJlI=");
        let link = dir.path().with_extension("link");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(dir.path(), &link).expect("linked");
            assert_eq!(directory(&link).expect("summed"), sum);
            std::fs::remove_file(link).expect("removed");
        }
    }

    #[test]
    fn an_archive_and_its_directory_have_the_same_checksum() {
        use std::io::Write;
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("d")).expect("made");
        std::fs::write(dir.path().join("d/f"), "text").expect("written");
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        writer.add_directory("d/", options).expect("added");
        writer.start_file("d/f", options).expect("added");
        writer.write_all(b"text").expect("written");
        let mut archive = zip::ZipArchive::new(writer.finish().expect("finished")).expect("an archive");
        assert_eq!(contents(&mut archive).expect("summed"), directory(dir.path()).expect("summed"));
    }
}
