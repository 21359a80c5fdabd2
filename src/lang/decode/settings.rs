//! `terraform { ... }`.

use super::Decoder;
use super::content::{Shape, check, check_labels};
use crate::lang::ast::{Attribute, Block, ExprKind, ObjectKey};
use crate::lang::module::RequiredProvider;
use crate::lang::version::{Constraints, LANGUAGE};

impl Decoder<'_> {
    pub(super) fn terraform(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[("required_version", false), ("experiments", false), ("language", false)],
            blocks: &[
                ("required_providers", &[]),
                ("backend", &["type"]),
                ("cloud", &[]),
                ("provider_meta", &["provider"]),
            ],
        };
        check_labels(block, &[], &mut self.diags);
        check(&block.body, &SHAPE, &mut self.diags);
        if let Some(attribute) = block.body.attribute("required_version") {
            self.required_version(attribute);
        }
        for inner in &block.body.blocks {
            match &*inner.kind.name {
                "required_providers" => self.required_providers(inner),
                "backend" => self.module.settings.backend = Some(inner.clone()),
                "cloud" => self.module.settings.cloud = Some(inner.clone()),
                "provider_meta" => self.module.settings.provider_meta.push(inner.clone()),
                _ => {}
            }
        }
    }

    fn required_version(&mut self, attribute: &Attribute) {
        let Some((text, span)) = self.constant_text(Some(attribute)) else { return };
        match Constraints::parse(&text) {
            None => {
                let detail = "This string does not use correct version constraint syntax.";
                self.error("Invalid version constraint", detail, &span);
            }
            Some(constraints) if !constraints.allow(&LANGUAGE) => {
                let detail = format!(
                    "This configuration does not support Terraform version {LANGUAGE}. To proceed, either choose another \
                     supported Terraform version or update this version constraint. Version constraints are normally set for \
                     good reason, so updating the constraint may lead to other errors or unexpected behavior."
                );
                self.error("Unsupported Terraform Core version", detail, &attribute.span);
            }
            Some(_) => {}
        }
        self.module.settings.required_version.push((text, span));
    }

    fn required_providers(&mut self, block: &Block) {
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
        let mut required = RequiredProvider {
            name: attribute.name.name.clone(),
            source: None,
            version: None,
            configuration_aliases: Vec::new(),
            span: attribute.span.clone(),
        };
        let ExprKind::Object(items) = &attribute.expr.kind else {
            required.version = self.constant_text(Some(attribute));
            self.check_version(&required);
            return Some(required);
        };
        for item in items {
            let key = match &item.key {
                ObjectKey::Name(name) => Some(&*name.name),
                ObjectKey::Expr(key) => key.literal_text(),
            };
            let as_attribute = || Attribute {
                name: attribute.name.clone(),
                expr: item.value.clone(),
                span: item.value.span.clone(),
                json: None,
            };
            match key {
                Some("source") => required.source = self.constant_text(Some(&as_attribute())).map(|s| s.0),
                Some("version") => required.version = self.constant_text(Some(&as_attribute())),
                Some("configuration_aliases") => {
                    if let ExprKind::Tuple(aliases) = &item.value.kind {
                        required.configuration_aliases = aliases.iter().filter_map(|a| self.provider_ref(a)).collect();
                    }
                }
                _ => {
                    let detail = "required_providers objects can only contain \"version\", \"source\" and \
                                  \"configuration_aliases\" attributes. To configure a provider, use a \"provider\" block.";
                    self.error("Invalid required_providers object", detail, item.key.span());
                }
            }
        }
        self.check_version(&required);
        Some(required)
    }

    fn check_version(&mut self, required: &RequiredProvider) {
        if let Some((text, span)) = &required.version
            && Constraints::parse(text).is_none()
        {
            let detail = "This string does not use correct version constraint syntax.";
            self.error("Invalid version constraint", detail, span);
        }
    }
}
