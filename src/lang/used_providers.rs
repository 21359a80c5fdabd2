//! Which provider configurations anything uses: one that nothing does is not looked at.

use super::load::Config;
use super::module::{ProviderConfig, ProviderRef, Resource};
use crate::diag::Span;
use std::collections::HashSet;

/// The `provider` blocks in use, by place.
pub(super) struct UsedProviders<'a>(HashSet<&'a Span>);

/// The modules from the root to one, innermost last, each with the pairs its call passes on.
type Path<'a> = [(&'a Config, &'a [(ProviderRef, ProviderRef)])];

impl<'a> UsedProviders<'a> {
    /// Those of a configuration.
    pub fn of(root: &'a Config) -> UsedProviders<'a> {
        let mut used = UsedProviders(HashSet::new());
        used.visit(&mut vec![(root, &[][..])]);
        used
    }

    /// Whether something uses a configuration.
    pub fn contains(&self, provider: &ProviderConfig) -> bool {
        self.0.contains(&provider.span)
    }

    fn visit(&mut self, path: &mut Vec<(&'a Config, &'a [(ProviderRef, ProviderRef)])>) {
        let Some((config, _)) = path.last().copied() else { return };
        let module = &config.module;
        for resource in module.resources.values().chain(module.ephemerals.values()) {
            self.mark(path, local_name(resource), resource.provider.as_ref().and_then(|p| p.alias.as_deref()));
        }
        for (name, child) in &config.children {
            let Some(call) = module.modules.get(name) else { continue };
            path.push((child, &call.providers));
            self.visit(path);
            path.pop();
        }
    }

    /// Marks what a name means in the innermost module: its own block, or what its caller passes or has by that name.
    fn mark(&mut self, path: &Path<'a>, name: &str, alias: Option<&str>) {
        let (mut name, mut alias) = (name.to_owned(), alias.map(str::to_owned));
        for (config, passed) in path.iter().rev() {
            let own = |p: &&ProviderConfig| *p.name == *name && p.alias.as_deref() == alias.as_deref();
            if let Some(provider) = config.module.providers.iter().find(own) {
                self.0.insert(&provider.span);
            }
            let given =
                passed.iter().find(|(inner, _)| *inner.name == *name && inner.alias.as_deref() == alias.as_deref());
            match given {
                Some((_, outer)) => {
                    name = outer.name.to_string();
                    alias = outer.alias.as_deref().map(str::to_owned);
                }
                // Without an alias a configuration is inherited.
                None if alias.is_none() => {}
                None => return,
            }
        }
    }
}

/// The local name of a resource's provider.
fn local_name(resource: &Resource) -> &str {
    let ty = &*resource.ty.text;
    let implied = ty.split_once('_').map_or(ty, |(name, _)| name);
    resource.provider.as_ref().map_or(implied, |provider| &provider.name)
}
