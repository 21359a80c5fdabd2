//! Providers: which version of each, from where, into which directory.

use super::fetch::{self, Asked};
use super::lock::{LockFile, Locked};
use super::{Http, InstallError, Origins, hash};
use crate::lang::version::{Constraints, Version};
use crate::plugin::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A provider that is needed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// Which.
    pub source: Source,
    /// What all who need it ask of its version.
    pub constraints: Option<Constraints>,
}

/// What is done, for who watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its version stays that of the lock file.
    Reusing(Source, Version),
    /// Its versions are looked up.
    Finding(Source, Option<Constraints>),
    /// It is there already.
    Present(Source, Version),
    /// It comes from the shared cache.
    Cached(Source, Version),
    /// It was installed, and who vouches for it.
    Installed(Source, Version, String),
}

/// Installs providers.
pub struct Installer<'a> {
    /// Where packages are.
    pub origins: &'a Origins,
    /// The client.
    pub http: &'a Http,
    /// Where they go: a tree `HOST/NAMESPACE/NAME/VERSION/PLATFORM`.
    pub target: PathBuf,
    /// Packages shared by many directories, in a tree of the same form.
    pub cache: Option<PathBuf>,
    /// Whether a cached package is used although the lock file does not know it.
    pub cache_may_break_lock: bool,
    /// The platform they are for.
    pub platform: String,
    /// Whether newer versions are taken than those of the lock file.
    pub upgrade: bool,
}

impl Installer<'_> {
    /// Installs everything needed. The lock file that belongs to it, or every reason why not.
    pub fn install(
        &self,
        needs: &[Need],
        lock: &LockFile,
        watch: &mut dyn FnMut(Event),
    ) -> Result<LockFile, Vec<(Source, InstallError)>> {
        let mut new = LockFile::default();
        let mut failed = Vec::new();
        for need in needs {
            match self.one(need, lock.providers.get(&need.source), watch) {
                Ok(locked) => {
                    new.providers.insert(need.source.clone(), locked);
                }
                Err(error) => failed.push((need.source.clone(), error)),
            }
        }
        if failed.is_empty() { Ok(new) } else { Err(failed) }
    }

    fn one(&self, need: &Need, locked: Option<&Locked>, watch: &mut dyn FnMut(Event)) -> Result<Locked, InstallError> {
        let source = &need.source;
        let version = match locked.filter(|_| !self.upgrade) {
            Some(locked) => {
                watch(Event::Reusing(source.clone(), locked.version.clone()));
                if let Some(constraints) = need.constraints.as_ref().filter(|c| !c.allow(&locked.version)) {
                    return Err(InstallError::Locked {
                        source_address: source.to_string(),
                        version: locked.version.to_string(),
                        constraints: constraints.to_string(),
                    });
                }
                locked.version.clone()
            }
            None => {
                watch(Event::Finding(source.clone(), need.constraints.clone()));
                self.origins.newest(source, need.constraints.as_ref())?
            }
        };
        let known: BTreeSet<String> =
            locked.filter(|l| l.version == version).map(|l| l.hashes.clone()).unwrap_or_default();
        let hashes = self.bring(source, &version, &known, watch)?;
        Ok(Locked { version, constraints: need.constraints.clone(), hashes: &known | &hashes })
    }

    fn place(&self, root: &Path, source: &Source, version: &Version) -> PathBuf {
        source.path_under(root).join(version.to_string()).join(&self.platform)
    }

    /// The package in its directory. Checksums it has.
    fn bring(
        &self,
        source: &Source,
        version: &Version,
        known: &BTreeSet<String>,
        watch: &mut dyn FnMut(Event),
    ) -> Result<BTreeSet<String>, InstallError> {
        let target = self.place(&self.target, source, version);
        if fetch::installed(&target, known) {
            watch(Event::Present(source.clone(), version.clone()));
            return Ok(BTreeSet::new());
        }
        if let Some(cache) = &self.cache {
            let shared = self.place(cache, source, version);
            // Without a checksum to hold it to, a package of the cache could be anything.
            let trusted = fetch::installed(&shared, known) || (self.cache_may_break_lock && shared.is_dir());
            if !trusted {
                return self.fetch(source, version, known, &shared, Some(&target), watch);
            }
            fetch::link(&shared.canonicalize().unwrap_or_else(|_| shared.clone()), &target)?;
            watch(Event::Cached(source.clone(), version.clone()));
            let h1 = hash::directory(&shared).map_err(super::at(&shared))?;
            return Ok(BTreeSet::from([h1]));
        }
        self.fetch(source, version, known, &target, None, watch)
    }

    fn fetch(
        &self,
        source: &Source,
        version: &Version,
        known: &BTreeSet<String>,
        into: &Path,
        linked: Option<&Path>,
        watch: &mut dyn FnMut(Event),
    ) -> Result<BTreeSet<String>, InstallError> {
        let package = self.origins.package(source, version, &self.platform)?;
        let what = format!("{source} {version}");
        let fetched = fetch::fetch(self.http, &package, into, Asked { what: &what, hashes: known })?;
        if let Some(target) = linked {
            let shared = into.parent().and_then(|p| p.canonicalize().ok()).unwrap_or_default();
            fetch::link(&shared.join(&self.platform), target)?;
        }
        watch(Event::Installed(source.clone(), version.clone(), package.voucher.clone()));
        // Of an archive's own checksum only that is kept which its publisher signed, as in Terraform.
        let h1 = fetched.hashes.into_iter().filter(|h| h.starts_with("h1:"));
        Ok(h1.chain(package.signed).collect())
    }

    /// Checksums of a provider's packages for other platforms, without installing them.
    pub fn checksums(
        &self,
        source: &Source,
        version: &Version,
        platforms: &[String],
        known: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, InstallError> {
        let mut all = BTreeMap::new();
        let staging = tempfile::tempdir().map_err(super::at(&std::env::temp_dir()))?;
        for platform in platforms {
            let package = self.origins.package(source, version, platform)?;
            let what = format!("{source} {version} for {platform}");
            let target = staging.path().join(platform);
            // Another platform's package has other checksums than those known so far.
            let nothing = BTreeSet::new();
            let hashes = if platform == &self.platform { known } else { &nothing };
            let fetched = fetch::fetch(self.http, &package, &target, Asked { what: &what, hashes })?;
            let h1 = fetched.hashes.into_iter().filter(|h| h.starts_with("h1:"));
            all.insert(platform.clone(), h1.chain(package.signed).collect());
        }
        Ok(all)
    }
}

/// Whether an installed package is one the lock file knows. A lock file that knows no checksum accepts any.
pub fn is_as_locked(package: &Path, locked: &Locked) -> bool {
    !locked.can_check() || fetch::installed(package, &locked.hashes)
}
