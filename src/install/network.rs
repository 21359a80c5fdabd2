//! Packages on a server that mirrors other hosts' providers.

use super::http::joined;
use super::origin::{Archive, Origin, Package, Place};
use super::{Http, HttpError, InstallError};
use crate::lang::version::Version;
use crate::plugin::Source;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A mirror at an address that ends in `/`.
pub(super) struct Network {
    pub(super) url: String,
    pub(super) http: Http,
}

#[derive(Deserialize)]
struct Index {
    versions: BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Archives {
    archives: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    url: String,
    #[serde(default)]
    hashes: BTreeSet<String>,
}

impl Network {
    fn base(&self, source: &Source) -> String {
        format!("{}{}/{}/{}/", self.url, source.host, source.namespace, source.name)
    }

    /// The host whose token may be shown.
    fn host(&self) -> Option<&str> {
        host_of(&self.url)
    }
}

/// The host of an address, with its port if it names one.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

impl Origin for Network {
    fn words(&self) -> String {
        format!("the mirror {}", self.url)
    }

    fn versions(&self, source: &Source) -> Result<Vec<Version>, InstallError> {
        let url = format!("{}index.json", self.base(source));
        match self.http.json::<Index>(&url, self.host()) {
            Ok((index, _)) => Ok(index.versions.keys().filter_map(|v| Version::parse(v)).collect()),
            Err(error) if error.is_missing() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn package(&self, source: &Source, version: &Version, platform: &str) -> Result<Option<Package>, InstallError> {
        let url = format!("{}{version}.json", self.base(source));
        let (archives, from) = self.http.json::<Archives>(&url, self.host())?;
        let Some(entry) = archives.archives.get(platform) else { return Ok(None) };
        let Some(archive) = joined(&from, &entry.url) else {
            return Err(HttpError::Content { url, why: format!("{:?} is no address", entry.url) }.into());
        };
        let host = host_of(&archive).filter(|host| Some(*host) == self.host()).map(String::from);
        Ok(Some(Package {
            place: Place::Archive(Archive::Url(archive, host)),
            hashes: entry.hashes.clone(),
            signed: BTreeSet::new(),
            voucher: if entry.hashes.is_empty() { "unauthenticated" } else { "verified checksum" }.to_owned(),
        }))
    }
}
