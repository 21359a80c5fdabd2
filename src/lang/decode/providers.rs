//! `provider` blocks, references to provider configurations, and the names providers may have.

use super::content::check_labels;
use super::{Decoder, without};
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Expr, ExprKind, ObjectKey, StepKind};
use crate::lang::module::{ProviderConfig, ProviderRef};
use std::sync::Arc;
use straddle_sdk::value::Str;

/// Names Terraform keeps for itself in `provider` blocks.
const RESERVED: &[&str] = &["count", "depends_on", "for_each", "source"];

impl Decoder<'_> {
    pub(super) fn provider(&mut self, block: &Block) {
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let name = block.labels[0].text.clone();
        if !self.valid_provider_name(&name, &block.header) {
            return;
        }
        let body = &block.body;
        let alias = self.constant_text(body.attribute("alias")).map(|a| a.0);
        if alias.as_deref().is_some_and(|alias| !super::is_name(alias)) {
            // Terraform tells no place.
            let detail = format!("An alias must be a valid name. {}", super::BAD_NAME);
            let diag = Diagnostic::error("Invalid provider configuration alias", detail);
            self.diags.push(diag.related(&block.header, "this configuration"));
        }
        if let Some(version) = body.attribute("version") {
            let detail = "Terraform 0.13 and earlier allowed provider version constraints inside the provider configuration \
                          block, but that is now deprecated and will be removed in a future version of Terraform. To silence \
                          this warning, move the provider version constraint into the required_providers block.";
            let summary = "Version constraints inside provider configuration blocks are deprecated";
            self.warning(summary, detail, &version.expr.span);
            self.version_constraint(version);
        }
        for argument in RESERVED.iter().filter_map(|name| body.attribute(name)) {
            let detail = format!(
                "The provider argument name {:?} is reserved for use by Terraform in a future version.",
                &*argument.name.name
            );
            self.error("Reserved argument name in provider block", detail, &argument.name.span);
        }
        let mut escape: Option<&Block> = None;
        for inner in &body.blocks {
            match &*inner.kind.name {
                "_" => self.escape_block(&mut escape, inner, "provider-specific", "provider block"),
                "lifecycle" | "locals" => self.reserved_block(inner, "provider"),
                _ => {}
            }
        }
        let known = alias.as_deref().map_or(name.to_string(), |alias| format!("{name}.{alias}"));
        let words = |first: &str| {
            let detail = match &alias {
                None => format!(
                    "A default (non-aliased) provider configuration for {:?} was already given at {first}. If multiple \
                     configurations are required, set the \"alias\" argument for alternative configurations.",
                    &*name
                ),
                Some(alias) => format!(
                    "A provider configuration for {:?} with alias {:?} was already given at {first}. Each configuration for \
                     the same provider must have a distinct alias.",
                    &*name, &**alias
                ),
            };
            ("Duplicate provider configuration".to_owned(), detail)
        };
        if self.declare("provider", Str::from(known), &block.header, words) {
            let versioned = body.attribute("version").is_some();
            let body = Arc::new(without(body, &["alias", "version"], &[]).unescaped());
            let config = ProviderConfig { name: name.clone(), alias, body, versioned, span: block.header.clone() };
            self.module.providers.push(config);
        }
    }

    /// Reports a provider name that is none, or is not in its plain form. True if it is fine.
    pub(super) fn valid_provider_name(&mut self, name: &str, span: &Span) -> bool {
        let detail = match provider_part(name) {
            Err(problem) => format!("{name} is an invalid provider local name: {problem}"),
            Ok(plain) if plain != name => {
                format!("Provider names must be normalized. Replace {name:?} with {plain:?} to fix this error.")
            }
            Ok(_) => return true,
        };
        self.error("Invalid provider local name", detail, span);
        false
    }

    /// `aws` or `aws.seoul`, also in quotes. `argument` is what it is the value of.
    pub(super) fn provider_ref(&mut self, expr: &Expr, argument: &str) -> Option<ProviderRef> {
        const SUMMARY: &str = "Invalid provider configuration reference";
        let found = self.unquoted(expr);
        let traversal = match &found {
            Some(traversal) if traversal.steps.len() < 2 => traversal,
            _ => {
                let detail = match (&found, expr.literal_text()) {
                    (None, Some(_)) => "A provider configuration reference must not be given in quotes.".to_owned(),
                    _ => format!(
                        "The {argument} argument requires a provider type name, optionally followed by a period and then a \
                         configuration alias."
                    ),
                };
                self.error(SUMMARY, detail, &expr.span);
                return None;
            }
        };
        let name = traversal.root.name.clone();
        if !self.valid_provider_name(&name, &traversal.root.span) {
            return None;
        }
        let alias = match traversal.steps.first() {
            None => None,
            Some(step) => match &step.kind {
                StepKind::Attr(alias) => Some(alias.clone()),
                StepKind::Index(_) => {
                    let detail = "Provider name must either stand alone or be followed by a period and then a configuration \
                                  alias.";
                    self.error(SUMMARY, detail, &step.span);
                    return None;
                }
            },
        };
        Some(ProviderRef { name, alias, span: expr.span.clone() })
    }

    /// The pairs of a `providers` argument: the name in the child, and what stands for it here.
    pub(super) fn passed_providers(&mut self, block: &Block) -> Vec<(ProviderRef, ProviderRef)> {
        let Some(attribute) = block.body.attribute("providers") else { return Vec::new() };
        let ExprKind::Object(items) = &attribute.expr.kind else {
            let place = crate::lang::eval::beginning(&attribute.expr);
            self.error("Invalid expression", "A static map expression is required.", &place);
            return Vec::new();
        };
        let mut pairs: Vec<(ProviderRef, ProviderRef)> = Vec::new();
        for item in items {
            let inner = match &item.key {
                ObjectKey::Name(name) if self.valid_provider_name(&name.name, &name.span) => {
                    Some(ProviderRef { name: name.name.clone(), alias: None, span: name.span.clone() })
                }
                ObjectKey::Name(_) => None,
                ObjectKey::Expr(key) => self.provider_ref(key, "providers"),
            };
            let outer = self.provider_ref(&item.value, "providers");
            let (Some(inner), Some(outer)) = (inner, outer) else { continue };
            let same =
                |(known, _): &&(ProviderRef, ProviderRef)| (&known.name, &known.alias) == (&inner.name, &inner.alias);
            if let Some((first, value)) = pairs.iter().find(same) {
                let mut span = first.span.clone();
                span.range.end = value.span.range.end;
                let detail = format!(
                    "A provider configuration was already passed to {} at {}. Each child provider configuration can be \
                     assigned only once.",
                    inner.text(),
                    self.place(&span)
                );
                self.error("Duplicate provider address", detail, &item.value.span);
                continue;
            }
            pairs.push((inner, outer));
        }
        pairs
    }
}

/// A part of a provider's address (namespace or name) in its plain form.
///
/// # Errors
/// It is none; the text says why.
pub(crate) fn provider_part(given: &str) -> Result<String, &'static str> {
    if given.is_empty() {
        return Err("must have at least one character");
    }
    if given.contains('.') {
        return Err("dots are not allowed");
    }
    if given.contains("--") {
        return Err("cannot use multiple consecutive dashes");
    }
    let fine = |c: char| c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric());
    if !given.chars().all(fine) || given.starts_with('-') || given.ends_with('-') || given.len() > 63 {
        return Err("must contain only letters, digits, and dashes, and may not use leading or trailing dashes");
    }
    Ok(given.chars().flat_map(char::to_lowercase).collect())
}
