//! Where a module's source text says that it is.

use super::InstallError;
use std::fmt;

/// The host of registry addresses that name none.
const DEFAULT_HOST: &str = "registry.terraform.io";

/// A module that must be brought here. (Local directories need no bringing.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What holds it.
    pub package: Package,
    /// The directory of the module in it.
    pub subdir: Option<String>,
}

/// A whole that is fetched at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    /// A module of a registry, whose versions can be chosen.
    Registry {
        /// The registry.
        host: String,
        /// By whom.
        namespace: String,
        /// Its name.
        name: String,
        /// For what.
        system: String,
    },
    /// A Git repository.
    Git {
        /// Where, as `git` understands it.
        url: String,
        /// A branch, tag or commit; else the default branch.
        reference: Option<String>,
        /// How much history; the files are the same.
        depth: Option<u32>,
    },
    /// Something on a web server: an archive, or a page that says where the module is.
    Web {
        /// Where.
        url: String,
        /// The kind of archive, where the address does not say it.
        kind: Option<Kind>,
    },
    /// A directory of this machine, by its whole path.
    Directory(String),
}

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// zip.
    Zip,
    /// tar, compressed by gzip.
    TarGz,
    /// tar.
    Tar,
}

impl Kind {
    /// By the name an address gives it.
    fn named(name: &str) -> Option<Kind> {
        match name {
            "zip" => Some(Kind::Zip),
            "tar.gz" | "tgz" => Some(Kind::TarGz),
            "tar" => Some(Kind::Tar),
            _ => None,
        }
    }

    /// By the ending of a path.
    pub fn of_path(path: &str) -> Option<Kind> {
        let endings = [(".zip", Kind::Zip), (".tar.gz", Kind::TarGz), (".tgz", Kind::TarGz), (".tar", Kind::Tar)];
        endings.iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, kind)| *kind)
    }
}

impl Address {
    /// Reads the text of a `source` that is no local directory.
    pub fn parse(text: &str) -> Result<Address, InstallError> {
        let (whole, subdir) = split(text)?;
        let package = match registry(&whole) {
            Some(package) => package,
            None => remote(&whole)?,
        };
        Ok(Address { package, subdir })
    }

    /// The directory in a package that has one of its own.
    pub fn below(&self, outer: Option<&str>) -> Option<String> {
        match (outer, &self.subdir) {
            (None, None) => None,
            (Some(one), None) => Some(one.to_owned()),
            (None, Some(one)) => Some(one.clone()),
            (Some(outer), Some(inner)) => Some(format!("{outer}/{inner}")),
        }
    }
}

impl fmt::Display for Address {
    /// In full, as Terraform writes it into its manifest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subdir = self.subdir.as_ref().map_or(String::new(), |dir| format!("//{dir}"));
        match &self.package {
            Package::Registry { host, namespace, name, system } => {
                write!(f, "{host}/{namespace}/{name}/{system}{subdir}")
            }
            Package::Git { url, reference, depth } => {
                let depth = depth.map(|n| format!("depth={n}"));
                let reference = reference.as_ref().map(|r| format!("ref={r}"));
                let query: Vec<String> = depth.into_iter().chain(reference).collect();
                let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
                write!(f, "git::{url}{subdir}{query}")
            }
            Package::Web { url, kind } => {
                let (path, query) = url.split_once('?').map_or((url.as_str(), None), |(path, q)| (path, Some(q)));
                let archive = kind.map(|kind| match kind {
                    Kind::Zip => "archive=zip".to_owned(),
                    Kind::TarGz => "archive=tar.gz".to_owned(),
                    Kind::Tar => "archive=tar".to_owned(),
                });
                let query: Vec<String> = archive.into_iter().chain(query.map(String::from)).collect();
                let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
                write!(f, "{path}{subdir}{query}")
            }
            Package::Directory(path) => write!(f, "{path}{subdir}"),
        }
    }
}

/// The package and the directory in it, which stands after `//`.
fn split(text: &str) -> Result<(String, Option<String>), InstallError> {
    let start = text.find("://").map_or(0, |at| at + 3);
    let Some(at) = text[start..].find("//").map(|at| at + start) else { return Ok((text.to_owned(), None)) };
    let (package, rest) = (&text[..at], &text[at + 2..]);
    let (subdir, query) = rest.split_once('?').map_or((rest, None), |(dir, query)| (dir, Some(query)));
    let package = query.map_or_else(|| package.to_owned(), |query| format!("{package}?{query}"));
    let parts: Vec<&str> = subdir.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    if parts.contains(&"..") {
        let why = format!("the module source {text:?} leads out of its package");
        return Err(InstallError::Unsupported(why));
    }
    Ok((package, (!parts.is_empty()).then(|| parts.join("/"))))
}

/// `[HOST/]NAMESPACE/NAME/SYSTEM`; the hosts of code are no registries.
fn registry(text: &str) -> Option<Package> {
    let plain =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let parts: Vec<&str> = text.split('/').collect();
    let (host, rest) = match parts.as_slice() {
        [_, _, _] => (DEFAULT_HOST, parts.as_slice()),
        [host, rest @ ..] if rest.len() == 3 && (host.contains('.') || host.contains(':')) => (*host, rest),
        _ => return None,
    };
    if !rest.iter().all(plain) || matches!(host, "github.com" | "bitbucket.org" | "gitlab.com") {
        return None;
    }
    let [namespace, name, system] = rest else { return None };
    Some(Package::Registry {
        host: host.to_lowercase(),
        namespace: (*namespace).to_owned(),
        name: (*name).to_owned(),
        system: (*system).to_owned(),
    })
}

fn remote(text: &str) -> Result<Package, InstallError> {
    let unsupported = |kind: &str| {
        Err(InstallError::Unsupported(format!(
            "the module source {text:?} is of the kind {kind}, which straddle does not fetch; use a registry, Git, an archive on a web \
             server, or a local directory"
        )))
    };
    if let Some((forced, rest)) = text.split_once("::") {
        return match forced {
            "git" => git(&scp(rest).unwrap_or_else(|| rest.to_owned())),
            "http" | "https" => web(rest),
            other => unsupported(other),
        };
    }
    for host in ["github.com/", "bitbucket.org/"] {
        if let Some(path) = text.strip_prefix(host) {
            let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            let parts: Vec<&str> = path.split('/').collect();
            let [owner, name] = parts.as_slice() else {
                let why = format!(
                    "the module source {text:?} must name an owner and a repository; a directory stands after //"
                );
                return Err(InstallError::Unsupported(why));
            };
            let name = name.strip_suffix(".git").unwrap_or(name);
            let query = query.map_or(String::new(), |q| format!("?{q}"));
            return git(&format!("https://{host}{owner}/{name}.git{query}"));
        }
    }
    if let Some(url) = scp(text) {
        return git(&url);
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return web(text);
    }
    if let Some(path) = text.strip_prefix("file://") {
        return Ok(Package::Directory(path.to_owned()));
    }
    if text.starts_with('/') {
        return Ok(Package::Directory(text.to_owned()));
    }
    match text.split_once("://") {
        Some((scheme @ ("s3" | "gcs" | "hg"), _)) => unsupported(scheme),
        _ => Err(InstallError::Unsupported(format!("{text:?} is no module source"))),
    }
}

/// `git@host:path` as an address.
fn scp(text: &str) -> Option<String> {
    if text.contains("://") {
        return None;
    }
    let (user, rest) = text.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (plain(user) && plain(host)).then(|| format!("ssh://{user}@{host}/{}", path.trim_start_matches('/')))
}

/// A Git address with `ref` and `depth` in its query.
fn git(text: &str) -> Result<Package, InstallError> {
    let (url, query) = text.split_once('?').map_or((text, ""), |(url, query)| (url, query));
    let (mut reference, mut depth, mut rest) = (None, None, Vec::new());
    for part in query.split('&').filter(|p| !p.is_empty()) {
        match part.split_once('=') {
            Some(("ref", value)) => reference = Some(value.to_owned()),
            Some(("depth", value)) => depth = value.parse().ok(),
            Some(("sshkey", _)) => {
                let why =
                    "a key in the source of a module (sshkey) is not used; give it to ssh or its agent".to_owned();
                return Err(InstallError::Unsupported(why));
            }
            _ => rest.push(part),
        }
    }
    // What starts with a dash would be taken for an option.
    if url.starts_with('-') || reference.as_deref().is_some_and(|r| r.starts_with('-')) {
        return Err(InstallError::Unsupported(format!("{text:?} is no Git source")));
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok(Package::Git { url: format!("{url}{query}"), reference, depth })
}

/// A web address with `archive` in its query.
fn web(text: &str) -> Result<Package, InstallError> {
    let (path, query) = text.split_once('?').map_or((text, ""), |(path, query)| (path, query));
    let (mut kind, mut rest) = (None, Vec::new());
    for part in query.split('&').filter(|p| !p.is_empty()) {
        match part.split_once('=') {
            Some(("archive", name)) => {
                let unknown = || InstallError::Unsupported(format!("archives of the kind {name:?} are not unpacked"));
                kind = Some(Kind::named(name).ok_or_else(unknown)?);
            }
            Some(("checksum", _)) => {
                let why = "a checksum in the source of a module is not supported".to_owned();
                return Err(InstallError::Unsupported(why));
            }
            _ => rest.push(part),
        }
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok(Package::Web { url: format!("{path}{query}"), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_written_in_full() {
        for (text, whole) in [
            ("hashicorp/consul/aws", "registry.terraform.io/hashicorp/consul/aws"),
            ("h.example/a/b/c//modules/x", "h.example/a/b/c//modules/x"),
            ("localhost:8443/a/b/c", "localhost:8443/a/b/c"),
            ("git::file:///r//sub?ref=v1", "git::file:///r//sub?ref=v1"),
            ("git::https://h/r.git?depth=1&ref=v1", "git::https://h/r.git?depth=1&ref=v1"),
            ("github.com/o/r//d?ref=x", "git::https://github.com/o/r.git//d?ref=x"),
            ("git@github.com:o/r.git", "git::ssh://git@github.com/o/r.git"),
            ("git::git@h.example:o/r.git", "git::ssh://git@h.example/o/r.git"),
            ("https://h/x.zip//d", "https://h/x.zip//d"),
            ("https://h/x?archive=zip&k=v", "https://h/x?archive=zip&k=v"),
            ("/abs/dir", "/abs/dir"),
        ] {
            assert_eq!(Address::parse(text).expect(text).to_string(), whole);
        }
    }

    #[test]
    fn what_is_not_fetched_is_refused_by_name() {
        for (text, words) in [
            ("hg::https://h/r", "kind hg"),
            ("s3::https://h/r", "kind s3"),
            ("git::https://h/r?sshkey=AAAA", "sshkey"),
            ("git::-oProxyCommand=x", "no Git source"),
            ("git::https://h/r?ref=--upload-pack=x", "no Git source"),
            ("github.com/o", "owner"),
            ("https://h/x.zip//../../etc", "leads out"),
            ("nonsense", "no module source"),
            ("https://h/x?archive=rar", "rar"),
        ] {
            let error = Address::parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
