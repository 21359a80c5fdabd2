//! The modules of a configuration in a row: callers before the called, each once, however often it is made.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::load::{Config, is_local};
use super::module::{Module, ModuleCall};
use std::collections::BTreeMap;
use straddle_sdk::value::Str;

/// All modules. Number 0 is the root module.
#[derive(Debug)]
pub struct Tree<'a> {
    pub nodes: Vec<Node<'a>>,
    /// The root module's directory, whole.
    root_directory: std::path::PathBuf,
}

/// One module, as configured: not one of its instances.
#[derive(Debug)]
pub struct Node<'a> {
    /// The names of the calls from the root inwards; empty for the root module.
    pub path: Vec<Str>,
    pub module: &'a Module,
    /// The caller's number and the call.
    pub call: Option<(usize, &'a ModuleCall)>,
    /// Called modules that were read, by the name of the call.
    pub children: BTreeMap<Str, usize>,
    /// Its directory as `path.module` shows it.
    pub directory: String,
}

impl<'a> Tree<'a> {
    /// The modules of a configuration. `root` is the root module's directory as `path.root` shows it.
    pub fn of(config: &'a Config, root: &str) -> Tree<'a> {
        let mut tree = Tree { nodes: Vec::new(), root_directory: config.directory.clone() };
        tree.add(config, Vec::new(), None, root.to_owned());
        tree
    }

    fn add(
        &mut self,
        config: &'a Config,
        path: Vec<Str>,
        call: Option<(usize, &'a ModuleCall)>,
        directory: String,
    ) -> usize {
        let number = self.nodes.len();
        self.nodes.push(Node {
            path: path.clone(),
            module: &config.module,
            call,
            children: BTreeMap::new(),
            directory: directory.clone(),
        });
        for (name, child) in &config.children {
            let Some(call) = config.module.modules.get(name) else { continue };
            let mut path = path.clone();
            path.push(name.clone());
            let source = call.source.as_ref().map_or("", |(text, _)| text);
            let directory = match child.directory.strip_prefix(&self.root_directory) {
                Ok(below) if !is_local(source) => below.to_string_lossy().into_owned(),
                _ => joined(&directory, source),
            };
            let below = self.add(child, path, Some((number, call)), directory);
            self.nodes[number].children.insert(name.clone(), below);
        }
        number
    }

    /// The root module.
    pub fn root(&self) -> &Node<'a> {
        &self.nodes[0]
    }

    /// The module that calls lead to, by their names from the root inwards.
    pub fn find<'n>(&self, path: impl IntoIterator<Item = &'n Str>) -> Option<usize> {
        let mut at = 0;
        for name in path {
            at = *self.nodes[at].children.get(name)?;
        }
        Some(at)
    }
}

impl Node<'_> {
    /// What messages call the module: `module.a.module.b`, or "the root module".
    pub fn words(&self) -> String {
        if self.path.is_empty() {
            return "the root module".into();
        }
        self.text()
    }

    /// The module's part of addresses, without keys: `module.a.module.b`; empty for the root module.
    pub fn text(&self) -> String {
        self.path.iter().map(|name| format!("module.{name}")).collect::<Vec<_>>().join(".")
    }
}

/// A path relative to a directory, without `.` and `..` in its middle.
fn joined(directory: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn directories_are_shown_as_terraform_shows_them() {
        for (directory, source, shown) in [
            (".", "./mods/a", "mods/a"),
            ("mods/a", "../b", "mods/b"),
            (".", "../up", "../up"),
            ("../up", "../other/", "../other"),
            ("a", "..", "."),
        ] {
            assert_eq!(joined(directory, source), shown);
        }
    }
}
