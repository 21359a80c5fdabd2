//! Registries: the host of a source address says where its services are, and those say what there is.

use super::http::joined;
use super::network::host_of;
use super::origin::{Archive, Origin, Package, Place};
use super::{Http, HttpError, InstallError, signature};
use crate::lang::version::Version;
use crate::plugin::Source;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Services by name, per host.
type Services = BTreeMap<String, BTreeMap<String, String>>;

/// The registries of all hosts.
#[derive(Clone)]
pub(super) struct Registry {
    http: Http,
    /// Written by the user, or found.
    services: Arc<Mutex<Services>>,
    versions: Arc<Mutex<BTreeMap<Source, Vec<Version>>>>,
}

#[derive(Deserialize)]
struct Versions {
    versions: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    version: String,
    /// Absent: the handshake will tell.
    #[serde(default)]
    protocols: Vec<String>,
}

#[derive(Deserialize)]
struct Download {
    filename: String,
    download_url: String,
    shasum: String,
    #[serde(default)]
    shasums_url: String,
    #[serde(default)]
    shasums_signature_url: String,
    #[serde(default)]
    signing_keys: Keys,
}

#[derive(Deserialize, Default)]
struct Keys {
    #[serde(default)]
    gpg_public_keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    ascii_armor: String,
}

impl Registry {
    pub(super) fn new(services: Services, http: Http) -> Registry {
        Registry { http, services: Arc::new(Mutex::new(services)), versions: Arc::default() }
    }

    /// The address of a service of a host, ending in `/`.
    pub(super) fn service(&self, host: &str, name: &str, what: &'static str) -> Result<String, InstallError> {
        let known = self.services.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        let services = match known {
            Some(services) => services,
            None => {
                let services = self.discover(host)?;
                let mut all = self.services.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(host.to_owned(), services.clone());
                services
            }
        };
        match services.get(name) {
            Some(url) => Ok(if url.ends_with('/') { url.clone() } else { format!("{url}/") }),
            None => Err(InstallError::Service { host: host.to_owned(), what }),
        }
    }

    fn discover(&self, host: &str) -> Result<BTreeMap<String, String>, InstallError> {
        let url = format!("https://{host}/.well-known/terraform.json");
        let (found, from) = match self.http.json::<BTreeMap<String, serde_json::Value>>(&url, Some(host)) {
            Ok(answer) => answer,
            // A host without the document has no services.
            Err(error) if error.is_missing() => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let texts = found.into_iter().filter_map(|(name, value)| {
            let url = joined(&from, value.as_str()?)?;
            Some((name, url))
        });
        Ok(texts.collect())
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// The host whose token may be shown to an address: none but the registry's own.
    fn token(&self, host: &str, url: &str) -> Option<String> {
        (host_of(url) == Some(host)).then(|| host.to_owned())
    }

    /// The checksums that the publisher has signed, all platforms' packages by file name; checked against what the registry says.
    fn signed(
        &self,
        source: &Source,
        download: &Download,
        from: &str,
    ) -> Result<BTreeMap<String, String>, InstallError> {
        let wrong = |why: String| InstallError::Checksum { what: source.to_string(), why };
        let address = |url: &str| joined(from, url).ok_or_else(|| wrong(format!("{url:?} is no address")));
        let document = |url: &str| -> Result<Vec<u8>, InstallError> {
            let url = address(url)?;
            Ok(self.http.get(&url, self.token(&source.host, &url).as_deref())?.text()?)
        };
        let sums = document(&download.shasums_url)?;
        let signature = document(&download.shasums_signature_url)?;
        let keys = download.signing_keys.gpg_public_keys.iter().map(|k| k.ascii_armor.as_str());
        signature::check(&sums, &signature, keys).map_err(|why| wrong(why.to_string()))?;
        let text = String::from_utf8(sums).map_err(|_| wrong("the list of checksums is not UTF-8".to_owned()))?;
        let listed: BTreeMap<String, String> = text
            .lines()
            .filter_map(|line| {
                let (sum, name) = line.split_once(char::is_whitespace)?;
                Some((name.trim().to_owned(), sum.to_lowercase()))
            })
            .collect();
        match listed.get(&download.filename) {
            Some(sum) if *sum == download.shasum.to_lowercase() => Ok(listed),
            Some(_) => Err(wrong(format!("the signed list has another checksum for {}", download.filename))),
            None => Err(wrong(format!("the signed list does not have {}", download.filename))),
        }
    }
}

impl Origin for Registry {
    fn words(&self) -> String {
        "its registry".to_owned()
    }

    fn versions(&self, source: &Source) -> Result<Vec<Version>, InstallError> {
        if let Some(known) = self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(source) {
            return Ok(known.clone());
        }
        let base = self.service(&source.host, "providers.v1", "providers")?;
        let url = format!("{base}{}/{}/versions", source.namespace, source.name);
        let token = self.token(&source.host, &url);
        let listed = match self.http.json::<Versions>(&url, token.as_deref()) {
            Ok((listed, _)) => listed.versions,
            Err(error) if error.is_missing() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let spoken = |v: &Listed| {
            let major = |p: &String| matches!(p.split('.').next(), Some("5" | "6"));
            v.protocols.is_empty() || v.protocols.iter().any(major)
        };
        let versions: Vec<Version> =
            listed.iter().filter(|v| spoken(v)).filter_map(|v| Version::parse(&v.version)).collect();
        let mut known = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(source.clone(), versions.clone());
        Ok(versions)
    }

    fn package(&self, source: &Source, version: &Version, platform: &str) -> Result<Option<Package>, InstallError> {
        let base = self.service(&source.host, "providers.v1", "providers")?;
        let (os, arch) = platform.split_once('_').unwrap_or((platform, ""));
        let url = format!("{base}{}/{}/{version}/download/{os}/{arch}", source.namespace, source.name);
        let token = self.token(&source.host, &url);
        let (download, from) = match self.http.json::<Download>(&url, token.as_deref()) {
            Ok(answer) => answer,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let listed = self.signed(source, &download, &from)?;
        let Some(archive) = joined(&from, &download.download_url) else {
            return Err(HttpError::Content { url, why: format!("{:?} is no address", download.download_url) }.into());
        };
        let token = self.token(&source.host, &archive);
        let signed: BTreeSet<String> =
            listed.iter().filter(|(name, _)| name.ends_with(".zip")).map(|(_, sum)| format!("zh:{sum}")).collect();
        Ok(Some(Package {
            place: Place::Archive(Archive::Url(archive, token)),
            hashes: BTreeSet::from([format!("zh:{}", download.shasum.to_lowercase())]),
            signed,
            voucher: "signed".to_owned(),
        }))
    }
}
