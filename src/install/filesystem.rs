//! Packages in a directory: archives as they are published, or unpacked.

use super::origin::{Archive, Origin, Package, Place};
use super::{InstallError, at};
use crate::lang::version::Version;
use crate::plugin::Source;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A tree `HOST/NAMESPACE/NAME/…`.
#[derive(Clone, Debug)]
pub(super) struct Filesystem {
    pub(super) root: PathBuf,
}

impl Filesystem {
    /// The packages of a provider: version, platform, where.
    fn scan(&self, source: &Source) -> Result<Vec<(Version, String, Place)>, InstallError> {
        let dir = source.path_under(&self.root);
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&dir)(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(at(&dir))?.path();
            let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
            if let Some((version, platform)) = packed(name, &source.name) {
                found.push((version, platform, Place::Archive(Archive::File(path))));
            } else if let Some(version) = Version::parse(name).filter(|_| path.is_dir()) {
                for inside in std::fs::read_dir(&path).map_err(at(&path))? {
                    let inside = inside.map_err(at(&path))?;
                    let platform = inside.file_name().to_string_lossy().into_owned();
                    // A directory, or a link to one.
                    if inside.path().is_dir() {
                        found.push((version.clone(), platform, Place::Directory(inside.path())));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// `terraform-provider-NAME_VERSION_OS_ARCH.zip`.
pub(super) fn packed(file: &str, name: &str) -> Option<(Version, String)> {
    let rest = file.strip_prefix("terraform-provider-")?.strip_prefix(name)?.strip_prefix('_')?.strip_suffix(".zip")?;
    let (version, platform) = rest.split_once('_')?;
    platform.contains('_').then_some(())?;
    Some((Version::parse(version)?, platform.to_owned()))
}

impl Origin for Filesystem {
    fn words(&self) -> String {
        format!("the directory {}", self.root.display())
    }

    fn versions(&self, source: &Source) -> Result<Vec<Version>, InstallError> {
        Ok(self.scan(source)?.into_iter().map(|(version, ..)| version).collect())
    }

    fn package(&self, source: &Source, version: &Version, platform: &str) -> Result<Option<Package>, InstallError> {
        let mut fitting: Vec<Place> = self
            .scan(source)?
            .into_iter()
            .filter(|(v, p, _)| v == version && p == platform)
            .map(|(.., place)| place)
            .collect();
        // Where both are there: what needs no unpacking.
        fitting.sort_by_key(|place| matches!(place, Place::Archive(_)));
        let package = fitting.into_iter().next().map(|place| Package {
            place,
            hashes: BTreeSet::new(),
            signed: BTreeSet::new(),
            voucher: "unauthenticated".to_owned(),
        });
        Ok(package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_archives_say_version_and_platform() {
        let (version, platform) =
            packed("terraform-provider-x-y_1.2.3-beta1_linux_amd64.zip", "x-y").expect("a package");
        assert_eq!((version.to_string().as_str(), platform.as_str()), ("1.2.3-beta1", "linux_amd64"));
        for no in ["terraform-provider-xy_1.0.0_linux.zip", "terraform-provider-x_1_0_linux_amd64", "x.zip"] {
            assert!(packed(no, "xy").is_none(), "{no}");
        }
    }
}
