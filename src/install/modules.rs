//! Called modules: those that are not in local directories are brought here, and a manifest says where all are.

use super::address::{Address, Kind, Package};
use super::http::joined;
use super::registry::Registry;
use super::{Http, HttpError, InstallError, at, fetch, unpack};
use crate::diag::{Diagnostic, Span};
use crate::lang::manifest::{Manifest, Record};
use crate::lang::version::{Constraints, Version};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// A page may send on to another so often.
const MOST_HOPS: usize = 5;

/// What is done, for who watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A package is fetched for a call: source, call.
    Fetching(String, String),
    /// A call leads to a directory: call, directory.
    Found(String, String),
}

/// Brings modules.
pub struct Modules {
    http: Http,
    registry: Registry,
    /// The working directory.
    directory: PathBuf,
    /// `.terraform/modules`, as it is reached from there.
    store: PathBuf,
    old: Manifest,
    new: Manifest,
    upgrade: bool,
    /// Versions that registries have, by module.
    versions: BTreeMap<String, Vec<Version>>,
}

/// A call of a module: what of it matters here.
#[derive(Clone, Debug)]
pub struct Call {
    /// The names of the calls from the root inwards, with dots.
    pub key: String,
    /// The source as written.
    pub source: String,
    /// What it asks of the version, and where that is written.
    pub version: Option<(String, Span)>,
    /// Where it stands.
    pub span: Span,
}

impl Modules {
    /// For a working directory whose data are in `data` (relative to it, or whole).
    pub fn new(
        directory: &Path,
        data: &Path,
        upgrade: bool,
        services: BTreeMap<String, BTreeMap<String, String>>,
        http: Http,
    ) -> Result<Modules, InstallError> {
        let store = data.join("modules");
        let path = directory.join(&store).join(Manifest::NAME);
        let old = Manifest::read(&directory.join(&store)).map_err(at(&path))?;
        let mut new = Manifest::default();
        new.insert(Record { key: String::new(), source: String::new(), version: String::new(), dir: ".".into() });
        Ok(Modules {
            registry: Registry::new(services, http.clone()),
            http,
            directory: directory.to_owned(),
            store,
            old,
            new,
            upgrade,
            versions: BTreeMap::new(),
        })
    }

    /// The directory of a called module, relative to the working directory; brought here if need be. `caller`: the directory of who
    /// calls.
    pub fn resolve(
        &mut self,
        call: &Call,
        caller: &Path,
        watch: &mut dyn FnMut(Event),
    ) -> Result<PathBuf, Box<Diagnostic>> {
        let local = ["./", "../"].iter().any(|start| call.source.starts_with(start));
        let dir = if local || matches!(call.source.as_str(), "." | "..") {
            self.local(call, caller)?
        } else {
            let failed = |error: InstallError| {
                let detail = format!("The module of call {:?} could not be installed: {error}.", call.key);
                Box::new(Diagnostic::error("Module not installed", detail).at(&call.span))
            };
            self.remote(call, watch).map_err(failed)?
        };
        watch(Event::Found(call.key.clone(), shown(&dir)));
        Ok(dir)
    }

    fn local(&mut self, call: &Call, caller: &Path) -> Result<PathBuf, Box<Diagnostic>> {
        if let Some((_, span)) = &call.version {
            let detail = "A local module has no versions.";
            return Err(Box::new(Diagnostic::error("Invalid version constraint", detail).at(span)));
        }
        let dir = tidy(&caller.join(&call.source));
        if !self.directory.join(&dir).is_dir() {
            let detail = format!("There is no directory {:?} ({}).", call.source, shown(&dir));
            return Err(Box::new(Diagnostic::error("Unreadable module directory", detail).at(&call.span)));
        }
        let source = call.source.trim_end_matches('/').to_owned();
        self.new.insert(Record { key: call.key.clone(), source, version: String::new(), dir: shown(&dir) });
        Ok(dir)
    }

    fn remote(&mut self, call: &Call, watch: &mut dyn FnMut(Event)) -> Result<PathBuf, InstallError> {
        let address = Address::parse(&call.source)?;
        let constraints = match &call.version {
            None => None,
            Some((text, _)) => Some(Constraints::parse(text).ok_or_else(|| InstallError::Malformed {
                what: format!("the version constraint {text:?}"),
                why: "it is none".to_owned(),
            })?),
        };
        if constraints.is_some() && !matches!(address.package, Package::Registry { .. }) {
            let why = "only modules of a registry have versions; say it in the source (?ref=…)".to_owned();
            return Err(InstallError::Unsupported(why));
        }
        let whole = address.to_string();
        if !self.upgrade
            && let Some(record) = self.old.find(&call.key).cloned()
            && record.source == whole
            && meets(&record.version, constraints.as_ref())
            && self.directory.join(&record.dir).is_dir()
        {
            let dir = PathBuf::from(&record.dir);
            self.new.insert(record);
            return Ok(dir);
        }
        watch(Event::Fetching(whole.clone(), call.key.clone()));
        let target = self.store.join(&call.key);
        let (subdir, version) = self.bring(&address, constraints.as_ref(), &self.directory.join(&target))?;
        let dir = subdir.map_or(target.clone(), |sub| target.join(sub));
        if !self.directory.join(&dir).is_dir() {
            let why = format!("{whole} has no directory {}", shown(&dir));
            return Err(InstallError::Unsupported(why));
        }
        let version = version.map_or(String::new(), |v| v.to_string());
        self.new.insert(Record { key: call.key.clone(), source: whole, version, dir: shown(&dir) });
        Ok(dir)
    }

    /// Fetches a package into an empty directory. The module's directory in it, and its version.
    fn bring(
        &mut self,
        address: &Address,
        constraints: Option<&Constraints>,
        target: &Path,
    ) -> Result<(Option<String>, Option<Version>), InstallError> {
        if let Package::Registry { host, namespace, name, system } = &address.package {
            let id = format!("{namespace}/{name}/{system}");
            let version = self.choose(host, &id, constraints)?;
            let location = self.location(host, &id, &version)?;
            let inner = Address::parse(&location)?;
            if matches!(inner.package, Package::Registry { .. } | Package::Directory(_)) {
                return Err(InstallError::Unsupported(format!("the registry says that {id} is at {location:?}")));
            }
            let subdir = inner.subdir.clone();
            self.package(&inner.package, target, MOST_HOPS)?;
            return Ok((address.below(subdir.as_deref()), Some(version)));
        }
        let found = self.package(&address.package, target, MOST_HOPS)?;
        Ok((address.below(found.as_deref()), None))
    }

    /// Fetches a package. The directory in it that a page named, if one did.
    fn package(&self, package: &Package, target: &Path, hops: usize) -> Result<Option<String>, InstallError> {
        match package {
            Package::Git { url, reference, depth } => {
                clear(target)?;
                git(url, reference.as_deref(), *depth, target).map(|()| None)
            }
            Package::Directory(path) => {
                clear(target)?;
                fetch::copy(Path::new(path), target).map(|()| None)
            }
            Package::Web { url, kind } => {
                let path = url.split('?').next().unwrap_or(url);
                if let Some(kind) = kind.or_else(|| Kind::of_path(path)) {
                    clear(target)?;
                    return self.archive(url, kind, target).map(|()| None);
                }
                let Some(hops) = hops.checked_sub(1) else {
                    return Err(InstallError::Unsupported(format!("{url} sends on too often")));
                };
                let inner = Address::parse(&self.sent_on(url)?)?;
                if matches!(inner.package, Package::Registry { .. } | Package::Directory(_)) {
                    return Err(InstallError::Unsupported(format!("{url} sends on to {inner}")));
                }
                let found = self.package(&inner.package, target, hops)?;
                Ok(inner.below(found.as_deref()))
            }
            Package::Registry { .. } => Err(InstallError::Unsupported("a registry sends on to a registry".to_owned())),
        }
    }

    fn archive(&self, url: &str, kind: Kind, target: &Path) -> Result<(), InstallError> {
        let parent = target.parent().unwrap_or(target);
        std::fs::create_dir_all(target).map_err(at(target))?;
        let made = tempfile::Builder::new().prefix(".fetching-").tempfile_in(parent);
        let mut file = made.map_err(at(parent))?;
        self.http.download(url, None, &mut file)?;
        match kind {
            Kind::Zip => unpack::zip(file.path(), target),
            Kind::TarGz => unpack::tar(file.path(), true, target),
            Kind::Tar => unpack::tar(file.path(), false, target),
        }
    }

    /// Where a page says that the module is: in a header, or in a `meta` element.
    fn sent_on(&self, url: &str) -> Result<String, InstallError> {
        let asked = format!("{url}{}terraform-get=1", if url.contains('?') { '&' } else { '?' });
        let answer = self.http.get(&asked, None)?;
        let from = answer.url.clone();
        let header = answer.header("X-Terraform-Get").map(String::from);
        let found = match header {
            Some(source) => Some(source),
            None => meta(&String::from_utf8_lossy(&answer.text()?)),
        };
        let missing =
            || HttpError::Content { url: url.to_owned(), why: "it does not say where the module is".to_owned() };
        let source = found.ok_or_else(missing)?;
        // A relative address is one of the same server.
        Ok(if source.contains("://") || source.contains("::") {
            source
        } else {
            joined(&from, &source).unwrap_or(source)
        })
    }

    /// The newest version of a registry's module that is allowed.
    fn choose(&mut self, host: &str, id: &str, constraints: Option<&Constraints>) -> Result<Version, InstallError> {
        #[derive(Deserialize)]
        struct Answer {
            modules: Vec<Module>,
        }
        #[derive(Deserialize)]
        struct Module {
            versions: Vec<Listed>,
        }
        #[derive(Deserialize)]
        struct Listed {
            version: String,
        }
        let what = format!("{host}/{id}");
        if !self.versions.contains_key(&what) {
            let base = self.registry.service(host, "modules.v1", "modules")?;
            let url = format!("{base}{id}/versions");
            let (answer, _) = self.registry.http().json::<Answer>(&url, Some(host))?;
            let listed = answer.modules.iter().flat_map(|m| &m.versions);
            let mut all: Vec<Version> = listed.filter_map(|v| Version::parse(&v.version)).collect();
            all.sort();
            self.versions.insert(what.clone(), all);
        }
        let all = &self.versions[&what];
        let allowed = |v: &&Version| match constraints {
            Some(constraints) => constraints.allow(v),
            None => v.pre.is_empty(),
        };
        all.iter().rev().find(allowed).cloned().ok_or_else(|| InstallError::NoVersion {
            what,
            constraints: constraints.map_or_else(|| "that it is a release".to_owned(), ToString::to_string),
            available: all.iter().rev().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
    }

    /// Where a registry says that a version is.
    fn location(&self, host: &str, id: &str, version: &Version) -> Result<String, InstallError> {
        #[derive(Deserialize)]
        struct Body {
            location: String,
        }
        let base = self.registry.service(host, "modules.v1", "modules")?;
        let url = format!("{base}{id}/{version}/download");
        let answer = self.registry.http().get(&url, Some(host))?;
        let from = answer.url.clone();
        let header = answer.header("X-Terraform-Get").map(String::from);
        let found = match header {
            Some(source) => source,
            None => {
                let body = answer.text()?;
                let body: Body = serde_json::from_slice(&body)
                    .map_err(|e| HttpError::Content { url: url.clone(), why: e.to_string() })?;
                body.location
            }
        };
        let relative = ["/", "./", "../"].iter().any(|start| found.starts_with(start));
        Ok(if relative { joined(&from, &found).unwrap_or(found) } else { found })
    }

    /// Writes what was found.
    pub fn finish(self) -> Result<(), InstallError> {
        let dir = self.directory.join(&self.store);
        // A directory without calls gets no manifest, as in Terraform.
        if self.new.records().len() <= 1 && !dir.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&dir).map_err(at(&dir))?;
        let path = dir.join(Manifest::NAME);
        std::fs::write(&path, self.new.print()).map_err(at(&path))
    }
}

fn meets(version: &str, constraints: Option<&Constraints>) -> bool {
    match constraints {
        None => true,
        Some(constraints) => Version::parse(version).is_some_and(|v| constraints.allow(&v)),
    }
}

/// An empty place for a package.
fn clear(target: &Path) -> Result<(), InstallError> {
    match std::fs::remove_dir_all(target) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(target)(error)),
    }
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).map_err(at(parent))
}

fn git(url: &str, reference: Option<&str>, depth: Option<u32>, target: &Path) -> Result<(), InstallError> {
    let mut clone = vec!["clone".to_owned(), "--quiet".to_owned()];
    if let Some(depth) = depth {
        clone.extend([format!("--depth={depth}"), "--no-single-branch".to_owned()]);
    }
    clone.extend(["--".to_owned(), url.to_owned(), target.display().to_string()]);
    run_git(None, &clone)?;
    if let Some(reference) = reference {
        run_git(Some(target), &["checkout".to_owned(), "--quiet".to_owned(), reference.to_owned(), "--".to_owned()])?;
    }
    let submodules = ["submodule", "update", "--quiet", "--init", "--recursive"].map(String::from);
    if target.join(".gitmodules").exists() { run_git(Some(target), &submodules) } else { Ok(()) }
}

fn run_git(dir: Option<&Path>, arguments: &[String]) -> Result<(), InstallError> {
    let mut command = Command::new("git");
    if let Some(dir) = dir {
        command.current_dir(dir);
    }
    // Nobody is there to type a password.
    let output = command.args(arguments).env("GIT_TERMINAL_PROMPT", "0").stdin(std::process::Stdio::null()).output();
    let program = format!("git {}", arguments.first().map_or("", String::as_str));
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(InstallError::Program { program, words })
        }
        Err(error) => Err(InstallError::Program { program, words: error.to_string() }),
    }
}

/// The content of `<meta name="terraform-get" content="…">`.
fn meta(page: &str) -> Option<String> {
    for element in page.split('<').filter(|e| e.trim_start().to_ascii_lowercase().starts_with("meta")) {
        let element = element.split('>').next().unwrap_or(element);
        let value = |name: &str| {
            let (_, rest) = element.split_once(&format!("{name}="))?;
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            rest[1..].split(quote).next().map(String::from)
        };
        if value("name").as_deref() == Some("terraform-get") {
            return value("content");
        }
    }
    None
}

/// A path without `.` and `..` in its middle.
fn tidy(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().collect()
}

/// A path as the manifest has it: with `/` everywhere, `.` for the working directory.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    if text.is_empty() { ".".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_calls_lead_from_the_working_directory() {
        for (caller, source, dir) in [
            (".", "./child", "child"),
            ("child", "../other", "other"),
            (".", "../up", "../up"),
            (".terraform/modules/git/sub", "../lib", ".terraform/modules/git/lib"),
            (".", "./", "."),
        ] {
            assert_eq!(shown(&tidy(&Path::new(caller).join(source))), dir, "{caller} {source}");
        }
    }

    #[test]
    fn a_page_says_where_the_module_is() {
        let page = "<html><META content='git::https://h/r' name=\"terraform-get\"></html>";
        assert_eq!(meta(page).as_deref(), Some("git::https://h/r"));
        assert_eq!(meta("<meta name=\"description\" content=\"x\">"), None);
        assert_eq!(meta("<meta name=terraform-get>"), None);
    }
}
