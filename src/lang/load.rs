//! Reading modules from directories: the only part of the language that touches files.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::decode::{ModuleFiles, decode};
pub use super::functions::files::Disk;
use super::manifest::Manifest;
use super::module::{Module, SourceKind};
use super::query_file::{self, ListBlock};
use super::syntax::Text;
use crate::diag::{Diagnostic, FileId, Source, Sources};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use straddle_sdk::value::Str;

/// Modules may call modules so deep; a module that calls itself ends there.
const MAX_MODULES: usize = 32;

/// A module and those it calls.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// As given, or as found by following `source`.
    pub directory: PathBuf,
    pub module: Module,
    /// By the name of the call.
    pub children: BTreeMap<Str, Config>,
}

/// All that was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub config: Config,
    /// Names are relative to the root module's directory.
    pub sources: Sources,
    pub diags: Vec<Diagnostic>,
}

/// Reads a module and all it calls. With errors the result holds all that could be read.
pub fn load(directory: &Path) -> Loaded {
    load_with(directory, Loaded::default(), &[])
}

/// As [`load`], with what was read before; `more`: texts among it that are files of the root module as well.
fn load_with(directory: &Path, mut loaded: Loaded, more: &[FileId]) -> Loaded {
    let installed = Installed::of(directory, &mut loaded.diags);
    loaded.config = load_module(directory, "", "", &installed, more, &mut loaded.sources, &mut loaded.diags, 0);
    let missing = loaded.diags.iter().any(|diag| diag.summary == "Module not installed");
    // What modules pass to one that is not there nobody can judge.
    if !missing {
        loaded.diags.extend(super::inheritance::check(&loaded.config));
    }
    loaded
}

/// As [`load`], with the query files of the directory: their `list` blocks beside, the rest of them a part of the module.
pub fn load_queries(directory: &Path) -> (Loaded, Vec<ListBlock>) {
    let mut loaded = Loaded::default();
    let (mut lists, mut more) = (Vec::new(), Vec::new());
    for name in names(directory).unwrap_or_default().into_iter().filter(|n| n.ends_with(query_file::ENDING)) {
        let file = match read(&directory.join(&name), name.clone(), &mut loaded.sources) {
            Ok(file) => file,
            Err(problem) => {
                loaded.diags.push(*problem);
                continue;
            }
        };
        let text = loaded.sources.files[file.0 as usize].text.clone();
        let (found, places, problems) = query_file::read(Text { file, name: &name, text: &text });
        let broken = problems.iter().any(Diagnostic::is_error);
        loaded.diags.extend(problems);
        lists.extend(found);
        if !broken {
            more.push(FileId(u32::try_from(loaded.sources.files.len()).unwrap_or(u32::MAX)));
            loaded.sources.files.push(Source::new(name, query_file::rest(&text, &places)));
        }
    }
    loaded.diags.extend(query_file::duplicates(&lists));
    (load_with(directory, loaded, &more), lists)
}

/// Modules that `init` has brought.
struct Installed {
    root: PathBuf,
    manifest: Manifest,
}

impl Installed {
    fn of(directory: &Path, diags: &mut Vec<Diagnostic>) -> Installed {
        let data = std::env::var_os("TF_DATA_DIR").filter(|v| !v.is_empty());
        let modules = directory.join(data.unwrap_or_else(|| ".terraform".into())).join("modules");
        let manifest = Manifest::read(&modules).unwrap_or_else(|problem| {
            let detail = format!("{} cannot be read: {problem}.", modules.join(Manifest::NAME).display());
            diags.push(
                Diagnostic::error("Failed to read module manifest", detail)
                    .help("Remove the file and run `straddle init`."),
            );
            Manifest::default()
        });
        Installed { root: directory.to_owned(), manifest }
    }

    /// The directory of a call, as it is reached from the working directory.
    fn find(&self, key: &str) -> Option<&str> {
        self.manifest.find(key).map(|record| record.dir.as_str())
    }
}

#[expect(clippy::too_many_arguments, reason = "a module's surroundings, spelt out")]
fn load_module(
    directory: &Path,
    prefix: &str,
    key: &str,
    installed: &Installed,
    more: &[FileId],
    sources: &mut Sources,
    diags: &mut Vec<Diagnostic>,
    depth: usize,
) -> Config {
    let (mut files, problems) = read_module(directory, prefix, sources);
    files.primary.extend(more);
    diags.extend(problems);
    let (module, problems) = decode(&files, sources);
    diags.extend(problems);
    let mut config = Config { directory: directory.to_owned(), module, children: BTreeMap::new() };
    // Terraform follows no call of a module that is wrong in itself.
    let calls = &config.module.modules;
    let broken = diags.iter().any(Diagnostic::is_error);
    for (name, call) in calls.iter().filter(|_| !broken) {
        let (Some((source, _)), Some(kind)) = (&call.source, call.kind) else { continue };
        let local = kind == SourceKind::Local;
        let key = if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
        let brought = if local { None } else { installed.find(&key) };
        let child = match brought {
            Some(dir) => installed.root.join(dir),
            None => directory.join(&**source),
        };
        if !(local || brought.is_some()) || !child.is_dir() || depth >= MAX_MODULES {
            let detail = match local {
                _ if depth >= MAX_MODULES => format!("Modules call each other more than {MAX_MODULES} levels deep."),
                true => format!("There is no directory {source:?} beside this file."),
                false => {
                    format!(
                        "{source:?} is not in a local directory (\"./...\" or \"../...\"), and was not installed; run `straddle init`."
                    )
                }
            };
            diags.push(Diagnostic::error("Module not installed", detail).at(&call.span));
            continue;
        }
        let below = match brought {
            Some(dir) => format!("{}/", dir.trim_end_matches('/')),
            None => below(prefix, source),
        };
        let called = load_module(&child, &below, &key, installed, &[], sources, diags, depth + 1);
        only_in_root(&called.module, name, diags);
        config.children.insert(name.clone(), called);
    }
    config
}

/// Blocks that mean something in the root module alone.
fn only_in_root(module: &Module, call: &str, diags: &mut Vec<Diagnostic>) {
    if let Some(backend) = &module.settings.backend {
        let detail = "Any selected backend applies to the entire configuration, so Terraform expects provider configurations only \
                      in the root module.\n\nThis is a warning rather than an error because it's sometimes convenient to \
                      temporarily call a root module as a child module for testing purposes, but this backend configuration block \
                      will have no effect.";
        diags.push(Diagnostic::warning("Backend configuration ignored", detail).at(&backend.header));
    }
    if let Some(import) = module.imports.first() {
        let detail = format!(
            "An import block was detected in \"module.{call}\". Import blocks are only allowed in the root module."
        );
        diags.push(Diagnostic::error("Invalid import configuration", detail).at(&import.span));
    }
}

/// Reads the configuration files of one directory.
pub fn read_module(directory: &Path, prefix: &str, sources: &mut Sources) -> (ModuleFiles, Vec<Diagnostic>) {
    let mut files = ModuleFiles::default();
    let names = match names(directory) {
        Ok(names) => names,
        Err(problem) => {
            let detail =
                format!("Module directory {} does not exist or cannot be read: {problem}.", directory.display());
            return (files, vec![Diagnostic::error("Failed to read module directory", detail)]);
        }
    };
    let mut diags = Vec::new();
    for name in names {
        let Some(stem) = stem(&name) else { continue };
        match read(&directory.join(&name), format!("{prefix}{name}"), sources) {
            Ok(file) if stem == "override" || stem.ends_with("_override") => files.overrides.push(file),
            Ok(file) => files.primary.push(file),
            Err(diag) => diags.push(*diag),
        }
    }
    (files, diags)
}

/// The name of a configuration file without its ending.
fn stem(name: &str) -> Option<&str> {
    [".straddle.hcl", ".tf", ".tf.json"].iter().find_map(|ending| name.strip_suffix(ending))
}

/// A module and all it calls, from texts read before: what [`load`] made of them.
pub fn load_texts(directory: &Path, sources: &Sources) -> (Config, Vec<Diagnostic>) {
    let mut diags = Vec::new();
    let installed = Installed::of(directory, &mut diags);
    let config = module_of_texts(directory, "", "", &installed, sources, &mut diags, 0);
    (config, diags)
}

fn module_of_texts(
    directory: &Path,
    prefix: &str,
    key: &str,
    installed: &Installed,
    sources: &Sources,
    diags: &mut Vec<Diagnostic>,
    depth: usize,
) -> Config {
    let (module, problems) = decode(&files_of(sources, prefix), sources);
    diags.extend(problems);
    let mut config = Config { directory: directory.to_owned(), module, children: BTreeMap::new() };
    for (name, call) in config.module.modules.iter().filter(|_| depth < MAX_MODULES) {
        let Some((source, _)) = &call.source else { continue };
        let key = if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
        let brought = if is_local(source) { None } else { installed.find(&key) };
        let (child, below) = match brought {
            Some(dir) => (installed.root.join(dir), format!("{}/", dir.trim_end_matches('/'))),
            None => (directory.join(&**source), below(prefix, source)),
        };
        let child = module_of_texts(&child, &below, &key, installed, sources, diags, depth + 1);
        config.children.insert(name.clone(), child);
    }
    config
}

/// Whether a source is a directory beside the caller.
pub fn is_local(source: &str) -> bool {
    source.starts_with("./") || source.starts_with("../")
}

/// What the names of a called module's texts begin with.
fn below(prefix: &str, source: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').chain(source.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("{part}/")).collect()
}

/// The configuration files among texts read before, as [`read_module`] would have found them in their directory. A module that is
/// called twice has been read twice, with the same result.
fn files_of(sources: &Sources, prefix: &str) -> ModuleFiles {
    let mut files = ModuleFiles::default();
    let mut seen: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
    for (i, source) in sources.files.iter().enumerate() {
        let Some(name) = source.name.strip_prefix(prefix) else { continue };
        let Some(stem) = stem(name).filter(|_| !name.contains('/') && seen.insert(name)) else { continue };
        let file = FileId(u32::try_from(i).unwrap_or(u32::MAX));
        let list =
            if stem == "override" || stem.ends_with("_override") { &mut files.overrides } else { &mut files.primary };
        list.push(file);
    }
    files
}

/// The files that give variables their values without being asked for, in rising precedence: `terraform.tfvars`,
/// `terraform.tfvars.json`, then `*.auto.tfvars` and `*.auto.tfvars.json` by name.
pub fn read_tfvars(directory: &Path, sources: &mut Sources) -> (Vec<FileId>, Vec<Diagnostic>) {
    let names = names(directory).unwrap_or_default();
    let first = names.iter().filter(|name| matches!(name.as_str(), "terraform.tfvars" | "terraform.tfvars.json"));
    let auto = names.iter().filter(|name| name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json"));
    let (mut files, mut diags) = (Vec::new(), Vec::new());
    for name in first.chain(auto) {
        match read(&directory.join(name), name.clone(), sources) {
            Ok(file) => files.push(file),
            Err(diag) => diags.push(*diag),
        }
    }
    (files, diags)
}

/// Reads one file into the sources.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read(path: &Path, name: String, sources: &mut Sources) -> Result<FileId, Box<Diagnostic>> {
    let bytes = std::fs::read(path).map_err(|problem| {
        let detail = format!("The file {name:?} could not be read: {problem}.");
        Box::new(Diagnostic::error("Failed to read file", detail))
    })?;
    let file = FileId(u32::try_from(sources.files.len()).unwrap_or(u32::MAX));
    let (text, valid) = decode_text(bytes);
    sources.files.push(Source::new(name, text));
    match valid {
        Ok(()) => Ok(file),
        Err(at) => Err(Box::new(not_utf8(file, at))),
    }
}

/// Refuses a file for a byte that is not UTF-8.
pub fn not_utf8(file: FileId, at: usize) -> Diagnostic {
    let detail = "All input files must be UTF-8 encoded. Ensure that UTF-8 encoding is selected in your editor.";
    let span = crate::diag::Span { file, range: at..at + 1 };
    Diagnostic::error("Invalid character encoding", detail).at(&span)
}

/// The text, with what is not UTF-8 replaced, and where that first was.
///
/// # Errors
/// Where the first byte is that is not UTF-8.
pub fn decode_text(bytes: Vec<u8>) -> (String, Result<(), usize>) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, Ok(())),
        Err(problem) => {
            let at = problem.utf8_error().valid_up_to();
            (String::from_utf8_lossy(problem.as_bytes()).into_owned(), Err(at))
        }
    }
}

/// The names of the files of a directory, sorted; without those editors leave.
///
/// # Errors
/// The directory cannot be read.
pub fn names(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let left_by_editor =
            name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
        if !left_by_editor && !entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
