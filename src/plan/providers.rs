//! Which provider answers for which resource.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::{Diagnostic, Span};
use crate::lang::address::Address;
use crate::lang::ast::Block;
use crate::lang::body::PreparedBody;
use crate::lang::eval::NoScope;
use crate::lang::module::{Mode, ProviderRef as Written, Resource};
use crate::lang::tree::Tree;
use crate::plugin::ProviderSchemas;
use crate::state::{Identity, Json, ProviderRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Str, Value};

/// The host of sources that name none.
const DEFAULT_HOST: &str = "registry.terraform.io";

/// The source of Terraform's built-in provider.
pub const TERRAFORM: &str = "terraform.io/builtin/terraform";

/// Providers that come with straddle: their local name needs no `required_providers`.
pub const BUILT_IN: &[(&str, &str)] = &[("sim", "registry.terraform.io/straddle/sim"), ("terraform", TERRAFORM)];

/// The providers of a configuration, by source.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// For each module local name to source.
    sources: Vec<BTreeMap<Str, String>>,
    /// Schemas by source; filled by the driver.
    pub schemas: BTreeMap<String, Arc<ProviderSchemas>>,
    /// `provider_meta` blocks, with the calls that lead to their modules.
    meta_blocks: Vec<(Vec<Str>, String, Block)>,
    /// What modules tell providers beside; known once the schemas are.
    metas: BTreeMap<(Vec<Str>, String), Value>,
    /// What is wrong with that: told by whoever plans.
    pub meta_problems: Vec<Diagnostic>,
}

/// A provider configuration as found from where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resolved {
    /// Where it is configured: the module's number, and the block's index in it. Without a block it is an empty one of the root
    /// module.
    at: (usize, Option<usize>),
    source: String,
    alias: Option<Str>,
}

/// The source that a local name means in a module.
pub fn source_named(module: &crate::lang::module::Module, local: &str) -> String {
    let named = module.required_providers.get(local).and_then(|r| r.source.as_deref());
    named.map_or_else(|| Providers::default().source(local), full_source)
}

impl Providers {
    /// The sources that `required_providers` name; others follow from local names.
    pub fn of(tree: &Tree<'_>) -> Providers {
        let sources = |node: &crate::lang::tree::Node<'_>| {
            let named = node.module.required_providers.iter();
            named.filter_map(|(name, r)| Some((name.clone(), full_source(r.source.as_deref()?)))).collect()
        };
        let mut providers = Providers { sources: tree.nodes.iter().map(sources).collect(), ..Providers::default() };
        for (number, node) in tree.nodes.iter().enumerate() {
            for block in &node.module.settings.provider_meta {
                let Some(label) = block.labels.first() else { continue };
                let source = providers.source_in(number, &label.text);
                providers.meta_blocks.push((node.path.clone(), source, block.clone()));
            }
        }
        providers
    }

    /// The local names that are written, and their sources; those of the root module first.
    pub fn names(&self) -> impl Iterator<Item = (&Str, &str)> {
        self.sources.iter().flatten().map(|(name, source)| (name, source.as_str()))
    }

    /// The source of a local name of the root module.
    pub fn source(&self, local: &str) -> String {
        self.source_in(0, local)
    }

    /// The source of a local name of a module.
    pub fn source_in(&self, module: usize, local: &str) -> String {
        if let Some(source) = self.sources.get(module).and_then(|s| s.get(local)) {
            return source.clone();
        }
        match BUILT_IN.iter().find(|(name, _)| *name == local) {
            Some((_, source)) => (*source).to_string(),
            None => format!("{DEFAULT_HOST}/hashicorp/{local}"),
        }
    }

    /// The configuration that a resource's objects belong to: the one it names, else its location's, else the default one.
    pub fn of_resource(
        &self,
        tree: &Tree<'_>,
        module: usize,
        resource: &Resource,
        location: Option<&Written>,
    ) -> ProviderRef {
        let implied = local_name(&resource.ty.text);
        let written = resource.provider.as_ref().or(location.filter(|l| &*l.name == implied));
        match written {
            Some(w) => self.reference(tree, module, &w.name, w.alias.as_ref()),
            None => self.reference(tree, module, implied, None),
        }
    }

    /// The configuration that a name means in a module.
    pub fn reference(&self, tree: &Tree<'_>, module: usize, local: &str, alias: Option<&Str>) -> ProviderRef {
        let found = self.resolve(tree, module, local, alias);
        ProviderRef {
            module: tree.nodes[found.at.0].text().into(),
            ..ProviderRef::new(&found.source, found.alias.as_deref())
        }
    }

    /// The block that configures a resource's provider: module and index in it.
    pub fn config_of(&self, tree: &Tree<'_>, module: usize, resource: &Resource) -> Option<(usize, usize)> {
        let alias = resource.provider.as_ref().and_then(|p| p.alias.as_ref());
        let found = self.resolve(tree, module, local_of(resource), alias);
        Some((found.at.0, found.at.1?))
    }

    /// Follows what callers pass on, and default configurations that are inherited, outwards to where a configuration is written.
    fn resolve(&self, tree: &Tree<'_>, module: usize, local: &str, alias: Option<&Str>) -> Resolved {
        let source = self.source_in(module, local);
        let (mut at, mut local, mut alias) = (module, Str::new(local), alias.cloned());
        loop {
            let node = &tree.nodes[at];
            let written = node.module.providers.iter().position(|p| p.name == local && p.alias == alias);
            if written.is_some() {
                return Resolved { at: (at, written), source, alias };
            }
            let Some((caller, call)) = node.call else { return Resolved { at: (0, None), source, alias } };
            let passed = call.providers.iter().find(|(inner, _)| inner.name == local && inner.alias == alias);
            match passed {
                Some((_, outer)) => (local, alias) = (outer.name.clone(), outer.alias.clone()),
                // Only default configurations are inherited.
                None if alias.is_some() => return Resolved { at: (at, None), source, alias },
                None => local = self.local_of_source(caller, &source),
            }
            at = caller;
        }
    }

    /// Where the configuration that a name means in a module stands: the module's number, the name there, and the alias.
    pub fn configured_at(
        &self,
        tree: &Tree<'_>,
        module: usize,
        local: &str,
        alias: Option<&Str>,
    ) -> (usize, Str, Option<Str>) {
        let found = self.resolve(tree, module, local, alias);
        let at = found.at.0;
        let known = self.source_in(at, local) == found.source;
        let name = if known { Str::new(local) } else { self.local_of_source(at, &found.source) };
        (at, name, found.alias)
    }

    /// What a module calls a source.
    fn local_of_source(&self, module: usize, source: &str) -> Str {
        let named = self.sources.get(module).and_then(|s| s.iter().find(|(_, of)| *of == source));
        match named {
            Some((name, _)) => name.clone(),
            None => Str::new(source.rsplit('/').next().unwrap_or(source)),
        }
    }

    /// The block a configuration is written in, found from its reference: module and index in it.
    pub fn written(&self, tree: &Tree<'_>, reference: &ProviderRef) -> Option<(usize, usize)> {
        let at = tree.nodes.iter().position(|n| n.text() == *reference.module)?;
        let all = tree.nodes[at].module.providers.iter();
        let index = all.into_iter().position(|p| {
            self.source_in(at, &p.name) == *reference.source && p.alias.as_deref() == reference.alias.as_deref()
        })?;
        Some((at, index))
    }

    /// Reads what modules tell providers beside. The schemas must be known.
    pub fn read_metas(&mut self) {
        let problems = &mut self.meta_problems;
        problems.clear();
        self.metas.clear();
        for (path, source, block) in &self.meta_blocks {
            let Some(schemas) = self.schemas.get(source) else { continue };
            let Some(schema) = &schemas.provider_meta else {
                let detail = format!(
                    "The resource's provider {source} does not support provider_meta, so the provider_meta block can't be used."
                );
                let summary = format!("Provider {source} doesn't support provider_meta");
                problems.push(Diagnostic::error(summary, detail).at(&block.header));
                continue;
            };
            let (value, found) = PreparedBody::new(&block.body, &schema.block).eval(&NoScope);
            if !found.iter().any(Diagnostic::is_error) {
                self.metas.insert((path.clone(), source.clone()), value.unmarked());
            }
            problems.extend(found);
        }
    }

    /// What the module of an address tells a provider beside.
    pub fn meta(&self, address: &Address, source: &str) -> Option<Value> {
        if self.metas.is_empty() {
            return None;
        }
        let path = address.module.iter().map(|(name, _)| name.clone()).collect();
        self.metas.get(&(path, source.to_string())).cloned()
    }

    /// What the root module tells a provider beside.
    pub fn metas_of_root(&self, source: &str) -> Option<Value> {
        self.metas.get(&(Vec::new(), source.to_string())).cloned()
    }

    /// What a provider knows an object by, as the state keeps it.
    pub fn identity(&self, source: &str, ty: &str, identity: Option<&Value>) -> Option<Arc<Identity>> {
        let schema = self.schemas.get(source)?.identities.get(ty)?;
        let text = json::encode(&identity?.unmarked(), &schema.ty).ok()?;
        Some(Arc::new(Identity { schema_version: schema.version, value: Json::new(&text).ok()? }))
    }

    /// The schema of a resource's type.
    pub fn schema(&self, module: usize, resource: &Resource) -> Option<Schema> {
        self.schema_of(&self.source_in(module, local_of(resource)), resource.mode, &resource.ty.text)
    }

    /// The schema of a type of a provider.
    pub fn schema_of(&self, source: &str, mode: Mode, ty: &str) -> Option<Schema> {
        let schemas = self.schemas.get(source)?;
        let map = match mode {
            Mode::Managed => &schemas.resources,
            Mode::Data => &schemas.data_sources,
            Mode::Ephemeral => &schemas.ephemeral,
        };
        map.get(ty).cloned()
    }

    /// Every source the blocks of all modules need.
    pub fn needed(&self, tree: &Tree<'_>, spec: &crate::spec::Spec) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (i, node) in tree.nodes.iter().enumerate() {
            let locals: BTreeSet<&str> = node
                .module
                .all_resources()
                .map(|(_, resource)| local_of(resource))
                .chain(node.module.providers.iter().map(|p| &*p.name))
                .collect();
            all.extend(locals.into_iter().map(|local| self.source_in(i, local)));
        }
        let templates = spec.workloads.iter().flat_map(|w| &w.templates).flat_map(|t| &t.resources);
        all.extend(templates.map(|r| self.source(local_of(r))));
        let locations =
            spec.locations.iter().flat_map(|l| l.provider.iter().chain(&l.observer)).map(|p| self.source(&p.name));
        all.extend(locations);
        all
    }

    /// Reports types no provider has, and configurations nobody declared.
    pub fn check(&self, tree: &Tree<'_>, spec: &crate::spec::Spec, problems: &mut Vec<Diagnostic>) {
        let templates = spec.workloads.iter().flat_map(|w| &w.templates).flat_map(|t| &t.resources);
        let of_modules =
            tree.nodes.iter().enumerate().flat_map(|(i, n)| n.module.all_resources().map(move |(_, r)| (i, r)));
        for (module, resource) in of_modules.chain(templates.map(|r| (0, r))) {
            self.check_type(module, resource, problems);
            if let Some(provider) = &resource.provider {
                self.check_config(tree, module, provider, &provider.span, problems);
            }
        }
        for location in &spec.locations {
            for provider in location.provider.iter().chain(&location.observer) {
                self.check_config(tree, 0, provider, &provider.span, problems);
            }
        }
    }

    fn check_type(&self, module: usize, resource: &Resource, problems: &mut Vec<Diagnostic>) {
        let source = self.source_in(module, local_of(resource));
        let Some(schemas) = self.schemas.get(&source) else { return };
        let of_resources = "a managed resource type: use a \"resource\" block";
        let (map, other, summary, what, instead) = match resource.mode {
            Mode::Data => {
                (&schemas.data_sources, &schemas.resources, "Invalid data source", "data source", of_resources)
            }
            Mode::Managed => {
                let instead = "a data source: use a \"data\" block";
                (&schemas.resources, &schemas.data_sources, "Invalid resource type", "resource type", instead)
            }
            Mode::Ephemeral => {
                let what = "ephemeral resource";
                (&schemas.ephemeral, &schemas.resources, "Invalid ephemeral resource", what, of_resources)
            }
        };
        let ty = &resource.ty.text;
        if map.contains_key(ty) {
            return;
        }
        let problem = Diagnostic::error(summary, format!("The provider {source} does not support {what} \"{ty}\"."))
            .at(&resource.ty.span);
        problems.push(if other.contains_key(ty) {
            problem.help(format!("\"{ty}\" is {instead}."))
        } else {
            match crate::lang::suggest::nearest(ty, map.keys().map(|k| &**k)) {
                Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
                None => problem,
            }
        });
    }

    fn check_config(
        &self,
        tree: &Tree<'_>,
        module: usize,
        provider: &Written,
        span: &Span,
        problems: &mut Vec<Diagnostic>,
    ) {
        let Some(alias) = &provider.alias else { return };
        if self.resolve(tree, module, &provider.name, Some(alias)).at.1.is_none() {
            problems.push(
                Diagnostic::error(
                    "Provider configuration not present",
                    format!("There is no provider \"{}\" block with alias \"{alias}\".", provider.name),
                )
                .related(span, "asked for here")
                .help(format!("Declare it: provider \"{}\" {{ alias = \"{alias}\" }}", provider.name)),
            );
        }
    }
}

/// The local name of a resource's provider.
pub fn local_of(resource: &Resource) -> &str {
    resource.provider.as_ref().map_or_else(|| local_name(&resource.ty.text), |p| &*p.name)
}

/// The provider's local name that a type name implies: what stands before the first underscore.
pub fn local_name(ty: &str) -> &str {
    ty.split_once('_').map_or(ty, |(local, _)| local)
}

/// `hashicorp/aws` with its host; a source that names one stays.
pub fn full_source(source: &str) -> String {
    match source.split('/').count() {
        1 => format!("{DEFAULT_HOST}/hashicorp/{source}"),
        2 => format!("{DEFAULT_HOST}/{source}"),
        _ => source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        assert_eq!(full_source("aws"), "registry.terraform.io/hashicorp/aws");
        assert_eq!(full_source("straddle/aws"), "registry.terraform.io/straddle/aws");
        assert_eq!(full_source("example.com/a/b"), "example.com/a/b");
        assert_eq!(Providers::default().source("sim"), "registry.terraform.io/straddle/sim");
        assert_eq!(Providers::default().source("google"), "registry.terraform.io/hashicorp/google");
        assert_eq!(Providers::default().source("terraform"), TERRAFORM);
        assert_eq!(local_name("aws_instance"), "aws");
    }
}
