//! Which module asks for which provider, as a tree.

use crate::lang::load::Config;
use crate::lang::tree::Tree;
use crate::lang::version::Constraints;
use crate::plan::providers::{Providers, local_name};
use std::collections::{BTreeMap, BTreeSet};

/// The tree of a configuration, then what the state needs.
pub fn text(config: &Config, state: &BTreeSet<String>) -> String {
    let mut out = String::from("\nProviders required by configuration:\n.\n");
    branch(config, "", &mut out);
    out.push('\n');
    if !state.is_empty() {
        out.push_str("Providers required by state:\n\n");
        for source in state {
            out.push_str(&format!("    provider[{source}]\n\n"));
        }
    }
    out
}

fn branch(config: &Config, indent: &str, out: &mut String) {
    let mut leaves: Vec<String> = required(config)
        .into_iter()
        .map(|(source, constraint)| format!("provider[{source}] {constraint}").trim_end().to_owned())
        .collect();
    leaves.sort();
    let count = leaves.len() + config.children.len();
    let (mut at, signs) = (0, |last: bool| if last { ("└── ", "    ") } else { ("├── ", "│\u{a0}\u{a0} ") });
    for leaf in leaves {
        at += 1;
        out.push_str(&format!("{indent}{}{leaf}\n", signs(at == count).0));
    }
    for (name, child) in &config.children {
        at += 1;
        let (sign, below) = signs(at == count);
        out.push_str(&format!("{indent}{sign}module.{name}\n"));
        branch(child, &format!("{indent}{below}"), out);
    }
}

/// Sources with the versions that are allowed: named, configured, or implied by a resource.
fn required(config: &Config) -> BTreeMap<String, String> {
    let module = &config.module;
    let providers = Providers::of(&Tree::of(config, "."));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, required) in &module.required_providers {
        let version = required.version.as_ref().and_then(|(text, _)| Constraints::parse(text));
        found.insert(providers.source(name), version.map_or(String::new(), |v| v.to_string()));
    }
    let resources =
        module.resources.values().map(|r| r.provider.as_ref().map_or_else(|| local_name(&r.ty.text), |p| &*p.name));
    for local in resources.chain(module.providers.iter().map(|p| &*p.name)) {
        let built_in = local == "terraform" && !module.required_providers.contains_key(local);
        let source = if built_in { "terraform.io/builtin/terraform".to_owned() } else { providers.source(local) };
        found.entry(source).or_default();
    }
    found
}
