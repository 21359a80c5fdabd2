//! Where a provider's executable is.
//!
//! In order: a provider somebody else started (`TF_REATTACH_PROVIDERS`); the one built in (`straddle/sim` is this executable under
//! another name); beside this executable (`straddle/*`); `dev_overrides` of the CLI configuration; `.terraform/providers`, where
//! `init` installs them, in the version of the lock file.

use super::cli_config::{self, CliConfig, Secret};
use super::reattach::{self, REATTACH_ENV, Reattach, ReattachError, Running};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Set to the name of a built-in provider, it makes this executable serve that provider. (Started as `terraform-provider-NAME` it
/// does so, too.)
pub const SERVE_ENV: &str = "STRADDLE_SERVE";

/// The host of sources that name none.
const DEFAULT_HOST: &str = "registry.terraform.io";
/// What every provider's executable is called.
const PREFIX: &str = "terraform-provider-";
/// Providers this executable can serve itself.
const BUILT_IN: &[&str] = &["sim"];

/// A provider's source address, in full.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Source {
    /// Where it is published.
    pub host: String,
    /// By whom.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A text that is no source address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no provider source; write [HOST/]NAMESPACE/NAME")]
pub struct SourceError(String);

impl Source {
    /// Reads `[HOST/]NAMESPACE/NAME` or `NAME`.
    pub fn parse(text: &str) -> Result<Source, SourceError> {
        let lower = text.to_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let (host, namespace, name) = match parts.as_slice() {
            [name] => (DEFAULT_HOST, "hashicorp", *name),
            [namespace, name] => (DEFAULT_HOST, *namespace, *name),
            [host, namespace, name] => (*host, *namespace, *name),
            _ => return Err(SourceError(text.to_owned())),
        };
        // They become parts of a path.
        let plain = |part: &str, more: &str| {
            !part.is_empty()
                && !part.starts_with(['-', '.'])
                && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || more.contains(c))
        };
        if !plain(host, ".:") || !plain(namespace, "") || !plain(name, "") {
            return Err(SourceError(text.to_owned()));
        }
        Ok(Source { host: host.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// With its host, also the default one.
    pub fn full(&self) -> String {
        format!("{}/{}/{}", self.host, self.namespace, self.name)
    }

    /// Its directory in a tree of packages: `HOST/NAMESPACE/NAME`.
    pub fn path_under(&self, root: &Path) -> PathBuf {
        root.join(&self.host).join(&self.namespace).join(&self.name)
    }
}

impl fmt::Display for Source {
    /// Without the host when it is the default one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host != DEFAULT_HOST {
            write!(f, "{}/", self.host)?;
        }
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// This executable.
    pub executable: Option<PathBuf>,
    /// `.terraform`, or what `TF_DATA_DIR` says.
    pub data_dir: PathBuf,
    /// Terraform's CLI configuration.
    pub config: CliConfig,
    /// The version of each provider that the lock file names; others: the newest installed.
    pub locked: BTreeMap<Source, String>,
    /// Providers that somebody else started.
    pub reattach: Running,
}

/// Why the surroundings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The variable holds no such thing.
    #[error(transparent)]
    Reattach(#[from] ReattachError),
    /// The CLI configuration cannot be read.
    #[error("the CLI configuration {path} cannot be read: {error}")]
    Config {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl Environment {
    /// The surroundings of this process. `dir` is the module's directory.
    pub fn of_process(dir: &Path) -> Result<Environment, EnvironmentError> {
        let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let data_dir = var("TF_DATA_DIR").map_or_else(|| PathBuf::from(".terraform"), PathBuf::from);
        let reattach = match var(REATTACH_ENV) {
            Some(text) => reattach::parse(&text.to_string_lossy())?,
            None => BTreeMap::new(),
        };
        let mut config = CliConfig::default();
        let home = var("HOME").map(PathBuf::from);
        if let Some(home) = &home {
            read_credentials(&home.join(".terraform.d/credentials.tfrc.json"), &mut config)?;
        }
        let named = var("TF_CLI_CONFIG_FILE").map(PathBuf::from);
        if let Some(path) = named.or_else(|| Some(home.as_ref()?.join(".terraformrc"))) {
            let tokens = std::mem::take(&mut config.tokens);
            config = read_config(&path)?;
            for (host, token) in tokens {
                config.tokens.entry(host).or_insert(token);
            }
        }
        if let Some(dir) = var("TF_PLUGIN_CACHE_DIR") {
            config.cache = Some(dir.into());
        }
        if var("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE").is_some() {
            config.cache_may_break_lock = true;
        }
        config.tokens.extend(std::env::vars().filter_map(|(name, value)| {
            let host = name.strip_prefix("TF_TOKEN_")?;
            Some((host_of_variable(host), Secret(value)))
        }));
        Ok(Environment {
            executable: std::env::current_exe().ok(),
            data_dir: dir.join(data_dir),
            config,
            locked: BTreeMap::new(),
            reattach,
        })
    }
}

/// Variables cannot have dots and dashes in their names: `_` is a dot and `__` a dash.
fn host_of_variable(name: &str) -> String {
    name.replace("__", "-").replace('_', ".").to_lowercase()
}

fn read_config(path: &Path) -> Result<CliConfig, EnvironmentError> {
    let failed = |error: String| EnvironmentError::Config { path: path.to_owned(), error };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // As Terraform: a file that is not there is no error, whoever named it.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(CliConfig::default()),
        Err(e) => return Err(failed(e.to_string())),
    };
    let expand = |name: &str| std::env::var(name).ok();
    cli_config::read(&text, &expand).map_err(|e| failed(e.to_string()))
}

/// Where `terraform login` keeps tokens.
fn read_credentials(path: &Path, config: &mut CliConfig) -> Result<(), EnvironmentError> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        credentials: BTreeMap<String, Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        token: String,
    }
    let failed = |error: String| EnvironmentError::Config { path: path.to_owned(), error };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e.to_string())),
    };
    // The text may hold secrets, so only the place of a mistake is told.
    let file: File = serde_json::from_slice(&text)
        .map_err(|e| failed(format!("line {}, column {}: not as expected", e.line(), e.column())))?;
    config.tokens.extend(file.credentials.into_iter().map(|(host, entry)| (host.to_lowercase(), Secret(entry.token))));
    Ok(())
}

/// How to get at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Start this.
    Program {
        /// The executable.
        program: PathBuf,
        /// The name to start it under.
        args0: Option<String>,
        /// The built-in provider it is to serve ([`SERVE_ENV`]).
        serve: Option<String>,
    },
    /// It runs already.
    Reattach(Reattach),
}

/// A provider that is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("provider {source_address} is not installed; looked {}", looked.join(", "))]
pub struct FindError {
    /// Which provider.
    pub source_address: Source,
    /// Where it was looked for, in order.
    pub looked: Vec<String>,
}

impl Found {
    /// An executable of that path.
    pub fn program(program: impl Into<PathBuf>) -> Found {
        Found::Program { program: program.into(), args0: None, serve: None }
    }
}

impl Environment {
    /// Where packages are installed.
    pub fn installed(&self) -> PathBuf {
        self.data_dir.join("providers")
    }

    /// Looks for a provider.
    pub fn find(&self, source: &Source) -> Result<Found, FindError> {
        if let Some(reattach) = self.reattach.get(source) {
            return Ok(Found::Reattach(reattach.clone()));
        }
        let mut looked = Vec::new();
        if source.host == DEFAULT_HOST
            && source.namespace == "straddle"
            && let Some(found) = self.own(source, &mut looked)
        {
            return Ok(found);
        }
        if let Some(dir) = self.config.dev_overrides.get(source) {
            looked.push(format!("in {} (dev_overrides)", dir.display()));
            if let Some(program) = executable(dir, &source.name) {
                return Ok(Found::program(program));
            }
        }
        let package = source.path_under(&self.installed());
        let dir = match self.locked.get(source) {
            Some(version) => {
                looked.push(format!("in {} for version {version} of the lock file", package.display()));
                Some(package.join(version).join(platform()))
            }
            None => {
                looked.push(format!("in {}", package.display()));
                newest(&package)
            }
        };
        match dir.and_then(|dir| executable(&dir, &source.name)) {
            Some(program) => Ok(Found::program(program)),
            None => Err(FindError { source_address: source.clone(), looked }),
        }
    }

    /// Straddle's own providers: beside this executable, or in it.
    fn own(&self, source: &Source, looked: &mut Vec<String>) -> Option<Found> {
        let executable_path = self.executable.as_ref()?;
        if BUILT_IN.contains(&source.name.as_str()) {
            return Some(Found::Program {
                program: executable_path.clone(),
                args0: Some(format!("{PREFIX}{}", source.name)),
                serve: Some(source.name.clone()),
            });
        }
        let dir = executable_path.parent()?;
        looked.push(format!("beside the straddle executable in {}", dir.display()));
        executable(dir, &source.name).map(Found::program)
    }
}

/// Which built-in provider this process was started as, if any: by the name it was started under, or by [`SERVE_ENV`].
pub fn serves(arg0: Option<&str>, serve: Option<&str>) -> Option<&'static str> {
    let by_name = arg0.and_then(|name| Path::new(name).file_name()?.to_str()?.strip_prefix(PREFIX)).map(|name| {
        // What follows the name (a version, `.exe`) is not looked at.
        name.split(['_', '.']).next().unwrap_or(name)
    });
    let wanted = by_name.or(serve)?;
    BUILT_IN.iter().copied().find(|name| *name == wanted)
}

/// The provider's executable in a package: the first file, by name, called `terraform-provider-NAME` and nothing, `_...` or `.…`.
pub fn executable(dir: &Path, name: &str) -> Option<PathBuf> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let fits = |file: &String| {
        let rest = file.strip_prefix(PREFIX).and_then(|f| f.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
    };
    names.into_iter().filter(fits).map(|file| dir.join(file)).find(|path| path.is_file())
}

/// The package of the newest version for this platform.
fn newest(package: &Path) -> Option<PathBuf> {
    let mut versions: Vec<(Version, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(package).ok()?.filter_map(Result::ok) {
        let dir = entry.path().join(platform());
        if let (Some(version), true) = (entry.file_name().to_str().and_then(Version::parse), dir.is_dir()) {
            versions.push((version, dir));
        }
    }
    versions.into_iter().max().map(|(_, dir)| dir)
}

/// Operating system and processor in the words of Go.
pub fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        arch => arch,
    };
    format!("{os}_{arch}")
}

/// A version, ordered: numbers first; a pre-release comes before the release.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    numbers: Vec<u64>,
    release: bool,
    pre: Vec<Identifier>,
}

/// A part of a pre-release: numbers before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let text = text.split('+').next().unwrap_or(text);
        let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
        let numbers = numbers.split('.').map(|n| n.parse().ok()).collect::<Option<Vec<u64>>>()?;
        let identifier = |p: &str| p.parse().map_or_else(|_| Identifier::Word(p.to_owned()), Identifier::Number);
        let pre: Vec<_> = if pre.is_empty() { Vec::new() } else { pre.split('.').map(identifier).collect() };
        Some(Version { numbers, release: pre.is_empty(), pre })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::parse(text).expect("a source")
    }

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, "").expect("written");
    }

    #[test]
    fn sources_are_read_in_full() {
        assert_eq!(source("AWS").to_string(), "hashicorp/aws");
        assert_eq!(source("straddle/sim").to_string(), "straddle/sim");
        assert_eq!(source("h.example:8080/acme/foo").to_string(), "h.example:8080/acme/foo");
        for wrong in ["", "a//b", "../../etc/x", "a/b/c/d", "a/../b", "a/b c"] {
            assert!(Source::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_places_are_looked_at_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let mut around = Environment {
            executable: Some(root.join("bin/straddle")),
            data_dir: root.join(".terraform"),
            ..Environment::default()
        };
        let error = around.find(&source("acme/foo")).expect_err("nowhere").to_string();
        assert!(error.contains("acme/foo") && error.contains(".terraform"), "{error}");

        let package = root.join(".terraform/providers/registry.terraform.io/acme/foo");
        touch(&package.join("1.9.0").join(platform()).join("terraform-provider-foo_v1.9.0"));
        touch(&package.join("1.10.0").join(platform()).join("terraform-provider-foobar"));
        touch(&package.join("1.10.0").join(platform()).join("terraform-provider-foo_v1.10.0_x5"));
        touch(&package.join("1.10.0-beta2").join(platform()).join("terraform-provider-foo"));
        touch(&package.join("2.0.0/plan9_mips/terraform-provider-foo"));
        let found = around.find(&source("acme/foo")).expect("installed");
        assert_eq!(
            found,
            Found::program(package.join("1.10.0").join(platform()).join("terraform-provider-foo_v1.10.0_x5"))
        );

        touch(&root.join("dev/terraform-provider-foo"));
        around.config.dev_overrides.insert(source("acme/foo"), root.join("dev"));
        let found = around.find(&source("acme/foo")).expect("overridden");
        assert_eq!(found, Found::program(root.join("dev/terraform-provider-foo")));

        touch(&root.join("bin/terraform-provider-aws"));
        let found = around.find(&source("straddle/aws")).expect("beside");
        assert_eq!(found, Found::program(root.join("bin/terraform-provider-aws")));
        assert!(around.find(&source("acme/aws")).is_err(), "only straddle's own are looked for there");

        let Found::Program { program, serve, .. } = around.find(&source("straddle/sim")).expect("built in") else {
            panic!("a program");
        };
        assert_eq!((program, serve.as_deref()), (root.join("bin/straddle"), Some("sim")));
    }

    #[test]
    fn the_built_in_provider_is_asked_for_by_name_or_variable() {
        assert_eq!(serves(Some("/x/terraform-provider-sim"), None), Some("sim"));
        assert_eq!(serves(Some("terraform-provider-sim_v1.0.0"), None), Some("sim"));
        assert_eq!(serves(Some("straddle"), Some("sim")), Some("sim"));
        assert_eq!(serves(Some("straddle"), None), None);
        assert_eq!(serves(Some("terraform-provider-simple"), None), None);
        assert_eq!(serves(None, Some("other")), None);
    }
}
