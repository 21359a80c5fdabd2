//! Which provider answers for which resource.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::{Diagnostic, Span};
use crate::lang::module::{Mode, Module, ProviderConfig, ProviderRef as Written, Resource};
use crate::plugin::ProviderSchemas;
use crate::state::ProviderRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::Str;

/// The host of sources that name none.
const DEFAULT_HOST: &str = "registry.terraform.io";

/// Providers that come with straddle: their local name needs no `required_providers`.
pub const BUILT_IN: &[(&str, &str)] = &[("sim", "registry.terraform.io/straddle/sim")];

/// The providers of a module, by source.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// Local name to source.
    sources: BTreeMap<Str, String>,
    /// Schemas by source; filled by the driver.
    pub schemas: BTreeMap<String, Arc<ProviderSchemas>>,
}

impl Providers {
    /// The sources a module's `required_providers` name; others follow from local names.
    pub fn of(module: &Module) -> Providers {
        let sources = module
            .required_providers
            .iter()
            .filter_map(|(name, r)| Some((name.clone(), full_source(r.source.as_deref()?))))
            .collect();
        Providers { sources, schemas: BTreeMap::new() }
    }

    /// The source of a local name.
    pub fn source(&self, local: &str) -> String {
        if let Some(source) = self.sources.get(local) {
            return source.clone();
        }
        match BUILT_IN.iter().find(|(name, _)| *name == local) {
            Some((_, source)) => (*source).to_string(),
            None => format!("{DEFAULT_HOST}/hashicorp/{local}"),
        }
    }

    /// The configuration that a resource's objects belong to: the one it names, else its location's, else the default one.
    pub fn of_resource(&self, resource: &Resource, location: Option<&Written>) -> ProviderRef {
        let implied = local_name(&resource.ty.text);
        let written = resource.provider.as_ref().or(location.filter(|l| &*l.name == implied));
        match written {
            Some(w) => ProviderRef::new(&self.source(&w.name), w.alias.as_deref()),
            None => ProviderRef::new(&self.source(implied), None),
        }
    }

    /// The schema of a resource's type.
    pub fn schema(&self, resource: &Resource) -> Option<Schema> {
        let local = resource.provider.as_ref().map_or_else(|| local_name(&resource.ty.text), |p| &*p.name);
        self.schema_of(&self.source(local), resource.mode, &resource.ty.text)
    }

    /// The schema of a type of a provider.
    pub fn schema_of(&self, source: &str, mode: Mode, ty: &str) -> Option<Schema> {
        let schemas = self.schemas.get(source)?;
        let map = if mode == Mode::Data { &schemas.data_sources } else { &schemas.resources };
        map.get(ty).cloned()
    }

    /// Every source the module's blocks need.
    pub fn needed(&self, module: &Module, spec: &crate::spec::Spec) -> BTreeSet<String> {
        let templates = spec.workloads.iter().flat_map(|w| &w.templates).flat_map(|t| &t.resources);
        let resources = module
            .resources
            .values()
            .chain(templates)
            .map(|r| self.source(r.provider.as_ref().map_or_else(|| local_name(&r.ty.text), |p| &*p.name)));
        let configs = module.providers.iter().map(|p| self.source(&p.name));
        let locations =
            spec.locations.iter().flat_map(|l| l.provider.iter().chain(&l.observer)).map(|p| self.source(&p.name));
        resources.chain(configs).chain(locations).collect()
    }

    /// Reports types no provider has, and configurations nobody declared.
    pub fn check(&self, module: &Module, spec: &crate::spec::Spec, problems: &mut Vec<Diagnostic>) {
        let templates = spec.workloads.iter().flat_map(|w| &w.templates).flat_map(|t| &t.resources);
        for resource in module.resources.values().chain(templates) {
            self.check_type(resource, problems);
            if let Some(provider) = &resource.provider {
                check_config(module, provider, &provider.span, problems);
            }
        }
        for location in &spec.locations {
            for provider in location.provider.iter().chain(&location.observer) {
                check_config(module, provider, &provider.span, problems);
            }
        }
    }

    fn check_type(&self, resource: &Resource, problems: &mut Vec<Diagnostic>) {
        let local = resource.provider.as_ref().map_or_else(|| local_name(&resource.ty.text), |p| &*p.name);
        let Some(schemas) = self.schemas.get(&self.source(local)) else { return };
        let (map, other, what, instead) = if resource.mode == Mode::Data {
            (
                &schemas.data_sources,
                &schemas.resources,
                "data source",
                "a managed resource type: use a \"resource\" block",
            )
        } else {
            (&schemas.resources, &schemas.data_sources, "resource type", "a data source: use a \"data\" block")
        };
        let ty = &resource.ty.text;
        if map.contains_key(ty) {
            return;
        }
        let summary = if resource.mode == Mode::Data { "Invalid data source" } else { "Invalid resource type" };
        let problem = Diagnostic::error(
            summary,
            format!("The provider {} does not support {what} \"{ty}\".", self.source(local)),
        )
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
}

fn check_config(module: &Module, provider: &Written, span: &Span, problems: &mut Vec<Diagnostic>) {
    let Some(alias) = &provider.alias else { return };
    if config(module, provider).is_none() {
        problems.push(
            Diagnostic::error(
                "Provider configuration not present",
                format!("There is no provider \"{}\" block with alias \"{alias}\".", provider.name),
            )
            .at(span)
            .help(format!("Declare it: provider \"{}\" {{ alias = \"{alias}\" }}", provider.name)),
        );
    }
}

/// The block that configures `provider`, if there is one.
pub fn config<'m>(module: &'m Module, provider: &Written) -> Option<&'m ProviderConfig> {
    module.providers.iter().find(|p| p.name == provider.name && p.alias == provider.alias)
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
        assert_eq!(local_name("aws_instance"), "aws");
    }
}
