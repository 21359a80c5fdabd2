//! Where packages of providers are.

use super::filesystem::Filesystem;
use super::network::Network;
use super::registry::Registry;
use super::{Http, InstallError};
use crate::lang::version::{Constraints, Version};
use crate::plugin::Source;
use crate::plugin::cli_config::{CliConfig, Method, Place as Where};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A package of one version for one platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Where it is.
    pub place: Place,
    /// Checksums one of which it must have; empty: none is known.
    pub hashes: BTreeSet<String>,
    /// Checksums of the packages for every platform that its publisher has signed.
    pub signed: BTreeSet<String>,
    /// Who vouches for it, in a word or two.
    pub voucher: String,
}

/// Where a package is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// Unpacked in a directory.
    Directory(PathBuf),
    /// An archive.
    Archive(Archive),
}

/// A zip archive.
#[derive(Clone, Debug, PartialEq)]
pub enum Archive {
    /// In a file.
    File(PathBuf),
    /// On a server; with the host whose token may be shown there.
    Url(String, Option<String>),
}

/// A place that has packages.
pub trait Origin {
    /// What messages call it.
    fn words(&self) -> String;

    /// The versions of a provider; none if it is not there.
    fn versions(&self, source: &Source) -> Result<Vec<Version>, InstallError>;

    /// The package of a version, if it has one for the platform.
    fn package(&self, source: &Source, version: &Version, platform: &str) -> Result<Option<Package>, InstallError>;
}

/// All places, in order.
pub struct Origins {
    list: Vec<(Method, Box<dyn Origin>)>,
}

impl Origins {
    /// The places that a CLI configuration names, or else the usual ones: directories first, then the registry for what none of
    /// them has.
    pub fn of(config: &CliConfig, http: &Http, directory: &Path) -> Origins {
        if let Some(methods) = &config.methods {
            return Origins::new(methods.clone(), config, http);
        }
        let mut methods: Vec<Method> = usual_directories(directory)
            .into_iter()
            .filter(|dir| dir.is_dir())
            .map(|dir| Method { place: Where::Filesystem(dir), include: Vec::new(), exclude: Vec::new() })
            .collect();
        methods.push(Method { place: Where::Direct, include: Vec::new(), exclude: Vec::new() });
        let mut origins = Origins::new(methods, config, http);
        origins.only_where_not_local();
        origins
    }

    /// These directories alone.
    pub fn directories(dirs: &[PathBuf], config: &CliConfig, http: &Http) -> Origins {
        let method =
            |dir: &PathBuf| Method { place: Where::Filesystem(dir.clone()), include: Vec::new(), exclude: Vec::new() };
        Origins::new(dirs.iter().map(method).collect(), config, http)
    }

    /// One server that mirrors providers.
    pub fn mirror(url: &str, config: &CliConfig, http: &Http) -> Origins {
        let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
        let method = Method { place: Where::Network(url), include: Vec::new(), exclude: Vec::new() };
        Origins::new(vec![method], config, http)
    }

    /// The registries alone.
    pub fn direct(config: &CliConfig, http: &Http) -> Origins {
        let method = Method { place: Where::Direct, include: Vec::new(), exclude: Vec::new() };
        Origins::new(vec![method], config, http)
    }

    fn new(methods: Vec<Method>, config: &CliConfig, http: &Http) -> Origins {
        let origin = |method: &Method| -> Box<dyn Origin> {
            match &method.place {
                Where::Filesystem(dir) => Box::new(Filesystem { root: dir.clone() }),
                Where::Network(url) => Box::new(Network { url: url.clone(), http: http.clone() }),
                Where::Direct => Box::new(Registry::new(config.services.clone(), http.clone())),
            }
        };
        let list = methods.into_iter().map(|method| {
            let origin = origin(&method);
            (method, origin)
        });
        Origins { list: list.collect() }
    }

    /// Where directories have a provider, the registry is not asked for it.
    fn only_where_not_local(&mut self) {
        let local: Vec<Filesystem> = self
            .list
            .iter()
            .filter_map(|(method, _)| match &method.place {
                Where::Filesystem(dir) => Some(Filesystem { root: dir.clone() }),
                _ => None,
            })
            .collect();
        for (method, origin) in &mut self.list {
            if method.place == Where::Direct {
                let inner = std::mem::replace(origin, Box::new(Filesystem { root: PathBuf::new() }));
                *origin = Box::new(Unless { local: local.clone(), inner });
            }
        }
    }

    fn serving<'o>(&'o self, source: &'o Source) -> impl Iterator<Item = &'o dyn Origin> {
        self.list.iter().filter(|(method, _)| method.serves(source)).map(|(_, origin)| &**origin)
    }

    /// The newest version that meets the constraints.
    pub fn newest(&self, source: &Source, constraints: Option<&Constraints>) -> Result<Version, InstallError> {
        let mut all = BTreeSet::new();
        let mut places = Vec::new();
        for origin in self.serving(source) {
            all.extend(origin.versions(source)?);
            places.push(origin.words());
        }
        if all.is_empty() {
            if places.is_empty() {
                places.push("no place is set up for it (provider_installation)".to_owned());
            }
            return Err(InstallError::Nowhere { source_address: source.to_string(), places });
        }
        let allowed = |v: &&Version| match constraints {
            Some(constraints) => constraints.allow(v),
            None => v.pre.is_empty(),
        };
        all.iter().rev().find(allowed).cloned().ok_or_else(|| InstallError::NoVersion {
            what: source.to_string(),
            constraints: constraints.map_or_else(|| "that it is a release".to_owned(), ToString::to_string),
            available: all.iter().rev().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
    }

    /// The package of a version.
    pub fn package(&self, source: &Source, version: &Version, platform: &str) -> Result<Package, InstallError> {
        for origin in self.serving(source) {
            if !origin.versions(source)?.contains(version) {
                continue;
            }
            if let Some(package) = origin.package(source, version, platform)? {
                return Ok(package);
            }
        }
        Err(InstallError::Platform {
            what: source.to_string(),
            version: version.to_string(),
            platform: platform.to_owned(),
        })
    }
}

/// An origin for what is in none of some directories.
struct Unless {
    local: Vec<Filesystem>,
    inner: Box<dyn Origin>,
}

impl Origin for Unless {
    fn words(&self) -> String {
        self.inner.words()
    }

    fn versions(&self, source: &Source) -> Result<Vec<Version>, InstallError> {
        for local in &self.local {
            if !local.versions(source)?.is_empty() {
                return Ok(Vec::new());
            }
        }
        self.inner.versions(source)
    }

    fn package(&self, source: &Source, version: &Version, platform: &str) -> Result<Option<Package>, InstallError> {
        self.inner.package(source, version, platform)
    }
}

/// Where Terraform looks when nobody says where.
fn usual_directories(directory: &Path) -> Vec<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let mut dirs = vec![directory.join("terraform.d/plugins")];
    if let Some(home) = var("HOME") {
        dirs.push(home.join(".terraform.d/plugins"));
        dirs.push(var("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("terraform/plugins"));
    }
    let shared = var("XDG_DATA_DIRS").unwrap_or_else(|| PathBuf::from("/usr/local/share:/usr/share"));
    dirs.extend(std::env::split_paths(&shared).map(|dir| dir.join("terraform/plugins")));
    dirs
}
