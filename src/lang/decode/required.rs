//! `required_providers { ... }`.

use super::Decoder;
use super::content::just_attributes;
use super::providers::provider_part;
use crate::lang::ast::{Attribute, Block, Expr, ExprKind, ObjectItem, ObjectKey, StepKind, Traversal};
use crate::lang::eval::{NoScope, eval};
use crate::lang::module::{ProviderRef, RequiredProvider};
use crate::lang::version::Constraints;
use straddle_sdk::value::{Str, Type, convert};

const INVALID_VERSION: &str = "Invalid version constraint";
const BAD_VERSION: &str = "This string does not use correct version constraint syntax.";

impl Decoder<'_> {
    pub(super) fn required_providers(&mut self, block: &Block) {
        if !just_attributes(&block.body, &mut self.diags) {
            return;
        }
        let words = |first: &str| {
            let detail = format!(
                "A module may have only one required providers configuration. The required providers were previously configured \
                 at {first}."
            );
            ("Duplicate required providers configuration".to_owned(), detail)
        };
        if !self.declare("required_providers", "".into(), &block.header, words) {
            return;
        }
        for attribute in &block.body.attributes {
            if let Some(required) = self.required_provider(attribute) {
                self.module.required_providers.insert(required.name.clone(), required);
            }
        }
    }

    fn required_provider(&mut self, attribute: &Attribute) -> Option<RequiredProvider> {
        let name = attribute.name.name.clone();
        let mut required = RequiredProvider {
            name: name.clone(),
            source: None,
            version: None,
            configuration_aliases: Vec::new(),
            span: attribute.expr.span.clone(),
        };
        let (value, problems) = eval(&attribute.expr, &NoScope);
        if problems.is_empty() && matches!(value.ty(), Type::String | Type::Number | Type::Bool) {
            required.version = self.version_constraint(attribute);
            return match provider_part(&name) {
                Ok(_) => Some(required),
                Err(problem) => {
                    self.error("Invalid provider name", problem, &attribute.expr.span);
                    None
                }
            };
        }
        if !self.valid_provider_name(&name, &attribute.expr.span) {
            return None;
        }
        let ExprKind::Object(items) = &attribute.expr.kind else {
            let detail = "required_providers entries must be strings or objects.";
            self.error("Invalid required_providers object", detail, &attribute.expr.span);
            return None;
        };
        let before = self.diags.len();
        for item in items {
            if !self.required_item(item, &mut required) {
                break;
            }
        }
        (self.diags.len() == before).then_some(required)
    }

    /// One item of an entry. False: what follows is not looked at.
    fn required_item(&mut self, item: &ObjectItem, required: &mut RequiredProvider) -> bool {
        let key = match &item.key {
            ObjectKey::Name(name) => name.name.clone(),
            ObjectKey::Expr(key) => {
                let (value, problems) = eval(key, &NoScope);
                let failed = !problems.is_empty();
                self.diags.extend(problems);
                match value.as_str() {
                    _ if failed => return true,
                    Some(text) => Str::new(text),
                    None => {
                        self.error("Invalid Attribute", "The name of an attribute must be a string.", &key.span);
                        return true;
                    }
                }
            }
        };
        match &*key {
            "version" => match constant_string(&item.value) {
                Some(text) if Constraints::parse(&text).is_some() => {
                    required.version = Some((text, item.value.span.clone()));
                }
                Some(_) => self.error(INVALID_VERSION, BAD_VERSION, &item.value.span),
                None => self.error(INVALID_VERSION, "Version must be specified as a string.", &item.value.span),
            },
            "source" => match constant_string(&item.value) {
                Some(text) => match source_problem(&text) {
                    None => required.source = Some(text),
                    Some((summary, detail)) => self.error(summary, detail, &item.value.span),
                },
                None => self.error("Invalid source", "Source must be specified as a string.", &item.value.span),
            },
            "configuration_aliases" => self.configuration_aliases(&item.value, required),
            _ => {
                let detail = "required_providers objects can only contain \"version\", \"source\" and \
                              \"configuration_aliases\" attributes. To configure a provider, use a \"provider\" block.";
                self.error("Invalid required_providers object", detail, item.key.span());
                return false;
            }
        }
        true
    }

    fn configuration_aliases(&mut self, expr: &Expr, required: &mut RequiredProvider) {
        const SUMMARY: &str = "Invalid configuration_aliases value";
        for item in self.list(expr) {
            let Some(traversal) = self.reference(item) else { continue };
            let Some(alias) = compact(&traversal) else {
                let detail = "Configuration aliases can only contain references to local provider configuration names in the \
                              format of provider.alias";
                self.error(SUMMARY, detail, &expr.span);
                continue;
            };
            let name = &traversal.root.name;
            if *name != required.name {
                let detail = format!(
                    "Configuration aliases must be prefixed with the provider name. Expected {:?}, but found {:?}.",
                    &*required.name, &**name
                );
                self.error(SUMMARY, detail, &expr.span);
                continue;
            }
            required.configuration_aliases.push(ProviderRef { name: name.clone(), alias, span: item.span.clone() });
        }
    }

    /// A constraint on versions, checked.
    pub(super) fn version_constraint(&mut self, attribute: &Attribute) -> Option<(Str, crate::diag::Span)> {
        let (value, problems) = eval(&attribute.expr, &NoScope);
        if !problems.is_empty() {
            self.diags.extend(problems);
            return None;
        }
        let span = &attribute.expr.span;
        let Ok(text) = convert(&value, &Type::String) else {
            let detail = format!("A string value is required for {}.", attribute.name.name);
            self.error(INVALID_VERSION, detail, span);
            return None;
        };
        // A null constrains nothing.
        let text = Str::new(text.as_str()?);
        if Constraints::parse(&text).is_none() {
            self.error(INVALID_VERSION, BAD_VERSION, span);
            return None;
        }
        Some((text, span.clone()))
    }
}

/// A constant that is a string as it is.
fn constant_string(expr: &Expr) -> Option<Str> {
    let (value, problems) = eval(expr, &NoScope);
    problems.is_empty().then(|| value.as_str().map(Str::new)).flatten()
}

/// The alias of `name` or `name.alias`; `None` if it is neither.
fn compact(traversal: &Traversal) -> Option<Option<Str>> {
    match traversal.steps.as_slice() {
        [] => Some(None),
        [step, ..] => match &step.kind {
            StepKind::Attr(alias) => Some(Some(alias.clone())),
            StepKind::Index(_) => None,
        },
    }
}

/// What is wrong with a provider's source address, in Terraform's words, if anything.
fn source_problem(source: &str) -> Option<(&'static str, String)> {
    let parts: Vec<&str> = source.split('/').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        let detail = "The \"source\" attribute must be in the format \"[hostname/][namespace/]name\"";
        return Some(("Invalid provider source string", detail.to_owned()));
    }
    let (name, before) = parts.split_last()?;
    if let Err(problem) = provider_part(name) {
        let detail = format!("Invalid provider type {name:?} in source {source:?}: {problem}\"");
        return Some(("Invalid provider type", detail));
    }
    let (namespace, hosts) = match before.split_last() {
        None => return prefixed(name, source),
        Some((namespace, hosts)) => (namespace, hosts),
    };
    if *namespace != "-"
        && let Err(problem) = provider_part(namespace)
    {
        let detail = format!("Invalid provider namespace {namespace:?} in source {source:?}: {problem}\"");
        return Some(("Invalid provider namespace", detail));
    }
    match hosts.first() {
        Some(host) if !is_host(host) => {
            let detail =
                format!("Invalid provider source hostname namespace {host:?} in source {source:?}: not a hostname\"");
            Some(("Invalid provider source hostname", detail))
        }
        _ => prefixed(name, source),
    }
}

/// A provider is not named for Terraform: that goes without saying.
fn prefixed(name: &str, source: &str) -> Option<(&'static str, String)> {
    const SUMMARY: &str = "Invalid provider type";
    if let Some(rest) = name.strip_prefix("terraform-provider-").filter(|rest| provider_part(rest).is_ok()) {
        let meant = format!("{}{rest}", source.strip_suffix(name).unwrap_or_default());
        let detail = format!(
            "Provider source {source:?} has a type with the prefix \"terraform-provider-\", which isn't valid. Although that \
             prefix is often used in the names of version control repositories for Terraform providers, provider source strings \
             should not include it.\n\nDid you mean {meant:?}?"
        );
        return Some((SUMMARY, detail));
    }
    name.starts_with("terraform-").then(|| {
        let detail = format!(
            "Provider source {source:?} has a type with the prefix \"terraform-\", which isn't allowed because it would be \
             redundant to name a Terraform provider with that prefix. If you are the author of this provider, rename it to not \
             include the prefix."
        );
        (SUMMARY, detail)
    })
}

/// Whether a text can be the name of a host, perhaps with a port.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric()))
    };
    name.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}
