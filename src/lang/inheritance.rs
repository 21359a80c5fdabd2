//! Which provider configurations modules get from their callers, and whether they fit.

use super::decode::providers::provider_part;
use super::load::Config;
use super::module::{Module, ModuleCall, ProviderRef, Resource};
use crate::diag::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::Str;

/// The host of source addresses that name none.
const DEFAULT_HOST: &str = "registry.terraform.io";

/// Checks what every module call passes against what the called module declares.
pub fn check(config: &Config) -> Vec<Diagnostic> {
    let mut diags = Vec::new();
    visit(config, None, None, &[], &mut diags);
    if !diags.iter().any(Diagnostic::is_error) {
        let known = Known::of(&config.module);
        let own = config.module.providers.iter().map(|p| (known.meant(&p.name), p.alias.clone()));
        let required = known.sources.values().map(|source| (source.clone(), None));
        diags.extend(missing(config, &own.chain(required).collect(), &[]));
    }
    diags
}

/// What is passed on and stands nowhere, the first of it: `there` are the configurations that a module has, by source and alias. A default one
/// that nobody writes is there in the root module alone, and only where it is required by name.
fn missing(config: &Config, there: &BTreeSet<(String, Option<Str>)>, path: &[Str]) -> Option<Diagnostic> {
    for (name, child) in &config.children {
        let Some(call) = config.module.modules.get(name) else { continue };
        let known = Known::of(&child.module);
        let mut inside: BTreeSet<(String, Option<Str>)> =
            child.module.providers.iter().map(|p| (known.meant(&p.name), p.alias.clone())).collect();
        for (inner, outer) in &call.providers {
            let source = known.meant(&inner.name);
            if !there.contains(&(source.clone(), outer.alias.clone())) {
                let within: String = path.iter().map(|name| format!("module.{name}.")).collect();
                let alias = outer.alias.as_ref().map_or(String::new(), |alias| format!(".{alias}"));
                let summary = format!("missing provider {within}provider[{source:?}]{alias}");
                return Some(Diagnostic::error(summary, "").related(&outer.span, "passed on here"));
            }
            inside.insert((source, inner.alias.clone()));
        }
        let below: Vec<Str> = path.iter().cloned().chain([name.clone()]).collect();
        if let Some(problem) = missing(child, &inside, &below) {
            return Some(problem);
        }
    }
    None
}

/// A module and those it calls, innermost first. `single` is why no provider may be configured inside, `path` the names of the calls.
fn visit(
    config: &Config,
    caller: Option<(&ModuleCall, &Config)>,
    single: Option<&Span>,
    path: &[Str],
    diags: &mut Vec<Diagnostic>,
) {
    for (name, child) in &config.children {
        let Some(call) = config.module.modules.get(name) else { continue };
        let repeated = call.count.as_ref().or(call.for_each.as_ref()).map(|expr| &expr.span);
        let depends = call.depends_on.first().map(|traversal| &traversal.root.span);
        let below: Vec<Str> = path.iter().cloned().chain([name.clone()]).collect();
        visit(child, Some((call, config)), repeated.or(depends).or(single), &below, diags);
    }
    let known = Known::of(&config.module);
    known.duplicates(diags);
    known.implied(diags);
    passed_on(config, &known, caller, path, diags);
    if let Some((call, parent)) = caller {
        Call { call, parent, child: &config.module, known: &known, path, single }.check(diags);
    }
}

/// What a module says of providers.
struct Known<'a> {
    module: &'a Module,
    /// Names of configurations with something in them, and of those without.
    configured: BTreeMap<String, &'a Span>,
    empty: BTreeMap<String, &'a Span>,
    /// Local name to source address.
    sources: BTreeMap<&'a str, String>,
    /// Configurations the module asks its caller for, and their source addresses.
    wanted: BTreeMap<String, String>,
}

impl<'a> Known<'a> {
    fn of(module: &'a Module) -> Known<'a> {
        let mut known = Known {
            module,
            configured: BTreeMap::new(),
            empty: BTreeMap::new(),
            sources: BTreeMap::new(),
            wanted: BTreeMap::new(),
        };
        for config in &module.providers {
            let name =
                config.alias.as_deref().map_or(config.name.to_string(), |alias| format!("{}.{alias}", config.name));
            let said = config.versioned || !config.body.attributes.is_empty() || !config.body.blocks.is_empty();
            if said { &mut known.configured } else { &mut known.empty }.insert(name, &config.span);
        }
        for (name, required) in &module.required_providers {
            let source = full(required.source.as_deref().unwrap_or(name));
            for alias in &required.configuration_aliases {
                known.wanted.insert(alias.text(), source.clone());
            }
            known.sources.insert(name, source);
        }
        known
    }

    /// The source address a local name stands for.
    fn source(&self, name: &str) -> String {
        self.sources.get(name).cloned().unwrap_or_else(|| full(name))
    }

    /// The same, where the provider that is built in needs no declaration.
    fn meant(&self, name: &str) -> String {
        if name == "terraform" && !self.sources.contains_key(name) {
            return "terraform.io/builtin/terraform".to_owned();
        }
        self.source(name)
    }

    /// Warns of a provider that goes by two names.
    fn duplicates(&self, diags: &mut Vec<Diagnostic>) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, required) in &self.module.required_providers {
            let source = &self.sources[&**name];
            if let Some(first) = seen.get(&**source) {
                let detail = format!(
                    "Provider {} with the local name {:?} was previously required as {first:?}. A provider can only be required \
                     once within required_providers.",
                    shown(source),
                    &**name
                );
                diags.push(Diagnostic::warning("Duplicate required provider", detail).at(&required.span));
                continue;
            }
            seen.insert(source, name);
            let usual = source.rsplit('/').next().unwrap_or(source);
            let default = source.starts_with(&format!("{DEFAULT_HOST}/hashicorp/"));
            if default && usual != &**name && self.module.providers.iter().any(|config| &*config.name == usual) {
                let detail = format!(
                    "Provider {} with the local name {:?} was implicitly required via a configuration block as {usual:?}. The \
                     provider configuration block name must match the name used in required_providers.",
                    shown(source),
                    &**name
                );
                diags.push(Diagnostic::warning("Duplicate required provider", detail).at(&required.span));
            }
        }
    }

    /// Resources whose type alone names their provider.
    fn implied(&self, diags: &mut Vec<Diagnostic>) {
        let by_name: BTreeMap<&str, &str> = self.sources.iter().map(|(name, source)| (&**source, *name)).collect();
        let mut judge = |resource: &Resource| {
            let ty = &*resource.ty.text;
            let name = ty.split_once('_').map_or(ty, |(name, _)| name);
            if let Err(problem) = provider_part(name) {
                let detail = format!("{name:?} is an invalid implied provider local name: {problem}");
                diags.push(Diagnostic::error("Invalid provider local name", detail).at(&resource.span));
                return;
            }
            let source = full(name);
            let other = by_name.get(&*source).filter(|_| !self.sources.contains_key(name) && name != "terraform");
            if let Some(other) = other {
                let detail = format!(
                    "Provider {source:?} was implicitly required via resource \"{}{ty}.{}\", but listed in required_providers as \
                     {other:?}. Either the local name in required_providers must match the resource name, or the {other:?} \
                     provider must be assigned within the resource block.",
                    resource.mode.prefix(),
                    resource.name.text
                );
                diags.push(Diagnostic::warning("Duplicate required provider", detail).at(&resource.span));
            }
        };
        self.module.resources.values().filter(|resource| resource.provider.is_none()).for_each(&mut judge);
    }
}

/// What a module passes on to those it calls.
fn passed_on(
    config: &Config,
    known: &Known<'_>,
    caller: Option<(&ModuleCall, &Config)>,
    path: &[Str],
    diags: &mut Vec<Diagnostic>,
) {
    let passed: BTreeSet<String> =
        caller.iter().flat_map(|(call, _)| &call.providers).map(|(inner, _)| inner.text()).collect();
    for (_, outer) in config.module.modules.values().flat_map(|call| &call.providers) {
        if outer.alias.is_some() {
            continue;
        }
        let name = &*outer.name;
        let configured = known.configured.contains_key(name);
        let address = shown(&full(name)).to_owned();
        if !configured && !known.sources.contains_key(name) {
            let detail = format!(
                "There is no explicit declaration for local provider name {name:?} in {}, so Terraform is assuming you mean to \
                 pass a configuration for provider {address:?}.\n\nTo clarify your intent and silence this warning, add to {} a \
                 required_providers entry named {name:?} with source = {address:?}, or a different source address if \
                 appropriate.",
                place(path),
                place(path.split_last().map_or(path, |(_, above)| above))
            );
            diags.push(Diagnostic::warning("Reference to undefined provider", detail).at(&outer.name_span()));
            continue;
        }
        if let (Some((call, _)), false) = (caller, configured || passed.contains(name)) {
            let detail = format!(
                "The configuration for {} expects to inherit a configuration for provider {address} with local name {name:?}, but \
                 {} doesn't pass a configuration under that name.\n\nTo satisfy this requirement, add an entry for {name:?} to the \
                 \"providers\" argument in the module {:?} block.",
                place(path),
                place(path.split_last().map_or(path, |(_, above)| above)),
                &*call.name
            );
            diags.push(Diagnostic::warning("Missing required provider configuration", detail).at(&call.span));
        }
    }
}

/// One call and the module it calls.
struct Call<'a> {
    call: &'a ModuleCall,
    parent: &'a Config,
    child: &'a Module,
    known: &'a Known<'a>,
    path: &'a [Str],
    single: Option<&'a Span>,
}

impl Call<'_> {
    fn check(&self, diags: &mut Vec<Diagnostic>) {
        if let (Some(span), false) = (self.single, self.known.configured.is_empty()) {
            let detail = format!(
                "The module at {} is a legacy module which contains its own local provider configurations, and so calls to it may \
                 not use the count, for_each, or depends_on arguments.\n\nIf you also control the module {:?}, consider updating \
                 this module to instead expect provider configurations to be passed by its caller.",
                place(self.path),
                self.call.source.as_ref().map_or("", |(source, _)| source)
            );
            let summary = "Module is incompatible with count, for_each, and depends_on";
            diags.push(Diagnostic::error(summary, detail).at(span));
        }
        for (inner, _) in
            self.call.providers.iter().filter(|(inner, _)| self.known.configured.contains_key(&inner.text()))
        {
            let detail = format!(
                "The configuration of {} has its own local configuration for {}, and so it cannot accept an overridden \
                 configuration provided by {}.",
                place(self.path),
                inner.text(),
                self.parent_place()
            );
            diags.push(Diagnostic::error("Cannot override provider configuration", detail).at(&inner.name_span()));
        }
        let passed = |name: &str| self.call.providers.iter().any(|(inner, _)| inner.text() == name);
        for (name, source) in &self.known.wanted {
            if !self.known.configured.contains_key(name) && !passed(name) {
                let detail = format!(
                    "The child module requires an additional configuration for provider {}, with the local name \
                     {name:?}.\n\nRefer to the module's documentation to understand the intended purpose of this additional \
                     provider configuration, and then add an entry for {name} in the \"providers\" meta-argument in the module \
                     block to choose which provider configuration the module should use for that purpose.",
                    shown(source)
                );
                diags.push(Diagnostic::error("Missing required provider configuration", detail).at(&self.call.span));
            }
        }
        for (inner, outer) in &self.call.providers {
            self.pair(inner, outer, diags);
        }
        self.redundant(diags);
    }

    fn parent_place(&self) -> String {
        place(self.path.split_last().map_or(self.path, |(_, above)| above))
    }

    /// A configuration passed must be one the child knows, and of the provider the child means.
    fn pair(&self, inner: &ProviderRef, outer: &ProviderRef, diags: &mut Vec<Diagnostic>) {
        let name = inner.text();
        let theirs = self.known.wanted.get(&name).cloned().unwrap_or_else(|| self.known.source(&inner.name));
        let declared = self.known.sources.contains_key(&*name)
            || self.known.wanted.contains_key(&name)
            || self.known.empty.contains_key(&name);
        if !declared {
            let address = shown(&theirs);
            let diag = if theirs.starts_with(&format!("{DEFAULT_HOST}/hashicorp/")) {
                let detail = format!(
                    "There is no explicit declaration for local provider name {name:?} in {}, so Terraform is assuming you mean to \
                     pass a configuration for {address:?}.\n\nIf you also control the child module, add a required_providers entry \
                     named {name:?} with the source address {address:?}.",
                    place(self.path)
                );
                Diagnostic::warning("Reference to undefined provider", detail)
            } else {
                let detail = format!(
                    "The child module does not declare any provider requirement with the local name {name:?}.\n\nIf you also \
                     control the child module, you can add a required_providers entry named {name:?} with the source address \
                     {address:?} to accept this provider configuration."
                );
                Diagnostic::error("Reference to undefined provider", detail)
            };
            diags.push(diag.at(&inner.name_span()));
        }
        let ours = Known::of(&self.parent.module).source(&outer.name);
        if ours != theirs {
            let other = self.known.sources.iter().find(|(_, source)| **source == ours).map(|(name, _)| *name);
            let (detail, span) = match other {
                Some(other) => {
                    let detail = format!(
                        "The assigned configuration is for provider {:?}, but local name {:?} in {} represents {:?}.\n\nTo pass \
                         this configuration to the child module, use the local name {other:?} instead.",
                        shown(&ours),
                        &*inner.name,
                        self.parent_place(),
                        shown(&theirs)
                    );
                    (detail, inner.name_span())
                }
                None => {
                    let detail = format!(
                        "The local name {:?} in {} represents provider {:?}, but {:?} in {} represents {:?}.\n\nEach provider has \
                         its own distinct configuration schema and provider types, so this module's {:?} can be assigned only a \
                         configuration for {}, which is not required by {}.",
                        outer.text(),
                        self.parent_place(),
                        shown(&ours),
                        name,
                        place(self.path),
                        shown(&theirs),
                        name,
                        shown(&theirs),
                        place(self.path)
                    );
                    (detail, outer.name_span())
                }
            };
            diags.push(Diagnostic::error("Provider type mismatch", detail).at(&span));
        }
    }

    /// Empty provider blocks once declared what a module wants to be passed.
    fn redundant(&self, diags: &mut Vec<Diagnostic>) {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for config in &self.child.providers {
            let empty = self.known.empty.values().any(|span| **span == config.span);
            if !empty || !told.insert(&config.name) {
                continue;
            }
            let name = &*config.name;
            let source = self.known.source(name);
            let detail = format!(
                "Empty provider blocks are an old way for a module to say which provider configurations its callers pass, and \
                 deprecated.\n\nIf you control this module, remove all of the empty provider {name:?} blocks, and add or update an \
                 entry like the following in the required_providers block of {}:\n    {name} = {{\n      source = {:?}\n    }}",
                place(self.path),
                shown(&source)
            );
            diags.push(Diagnostic::warning("Redundant empty provider block", detail).at(&config.span));
        }
    }
}

/// A module as messages call it.
fn place(path: &[Str]) -> String {
    if path.is_empty() {
        return "the root module".to_owned();
    }
    path.iter().map(|name| format!("module.{name}")).collect::<Vec<_>>().join(".")
}

/// A source address with its host and namespace; what stands for it where there is none.
fn full(source: &str) -> String {
    match source.split('/').count() {
        1 => format!("{DEFAULT_HOST}/hashicorp/{source}"),
        2 => format!("{DEFAULT_HOST}/{source}"),
        _ => source.to_owned(),
    }
}

/// A source address without the host that goes without saying.
fn shown(source: &str) -> &str {
    source.strip_prefix(DEFAULT_HOST).and_then(|rest| rest.strip_prefix('/')).unwrap_or(source)
}
