//! `terraform { ... }`.

use super::Decoder;
use super::content::{Shape, check, check_labels, just_attributes};
use crate::diag::Diagnostic;
use crate::lang::ast::{Attribute, Block, Expr};
use crate::lang::eval::{NoScope, eval};
use crate::lang::version::{Constraints, LANGUAGE};

/// The edition of the language Terraform speaks.
const EDITION: &str = "TF2021";

impl Decoder<'_> {
    pub(super) fn terraform(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[("required_version", false), ("experiments", false), ("language", false)],
            blocks: &[
                ("backend", &["type"]),
                ("cloud", &[]),
                ("required_providers", &[]),
                ("provider_meta", &["provider"]),
            ],
        };
        if !check_labels(block, &[], &mut self.diags) {
            return;
        }
        check(&block.body, &SHAPE, &mut self.diags);
        if let Some(attribute) = block.body.attribute("required_version") {
            self.required_version(attribute);
        }
        if let Some(attribute) = block.body.attribute("language") {
            self.language(&attribute.expr);
        }
        if let Some(attribute) = block.body.attribute("experiments") {
            let detail = "Experimental features are intended only for gathering early feedback on new language designs, and so \
                          are available only in alpha releases of Terraform.";
            self.error("Module uses experimental features", detail, &attribute.name.span);
        }
        for inner in &block.body.blocks {
            match &*inner.kind.name {
                "required_providers" if inner.labels.is_empty() => self.required_providers(inner),
                "backend" if inner.labels.len() == 1 => self.backend(inner),
                "cloud" if inner.labels.is_empty() => self.cloud(inner),
                "provider_meta" if inner.labels.len() == 1 => self.provider_meta(inner),
                _ => {}
            }
        }
    }

    /// The language the module is written in. A version straddle does not speak is told before everything else: other errors may
    /// be there only for that.
    fn required_version(&mut self, attribute: &Attribute) {
        let Some((text, span)) = self.version_constraint(attribute) else { return };
        let Some(constraints) = Constraints::parse(&text) else { return };
        if constraints.names_pre_release() {
            let detail = format!(
                "Prerelease version constraints are not supported: {}. Remove the prerelease information from the constraint. \
                 Prerelease versions of terraform will match constraints using their version core only.",
                &*text
            );
            self.whole.push(Diagnostic::error("Invalid required_version constraint", detail).at(&attribute.span));
        } else if !constraints.allow(&LANGUAGE) {
            let detail = format!(
                "This configuration does not support Terraform version {LANGUAGE}. To proceed, either choose another supported \
                 Terraform version or update this version constraint. Version constraints are normally set for good reason, so \
                 updating the constraint may lead to other errors or unexpected behavior."
            );
            self.whole.push(Diagnostic::error("Unsupported Terraform Core version", detail).at(&attribute.span));
        }
        self.module.settings.required_version.push((text, span));
    }

    fn language(&mut self, expr: &Expr) {
        match expr.keyword() {
            Some(EDITION) => {}
            Some(other) => {
                let detail = format!("There is no edition {other:?} of the language here: {EDITION} is the only one.");
                self.error("Unsupported language edition", detail, &expr.span);
            }
            None => {
                let detail =
                    format!("The edition of the language is a bare word: {EDITION} is the only one, and the default.");
                self.error("Invalid language edition", detail, &expr.span);
            }
        }
    }

    fn backend(&mut self, block: &Block) {
        let words = |first: &str| {
            let detail = format!(
                "A module may have only one backend configuration. The backend was previously configured at {first}."
            );
            ("Duplicate backend configuration".to_owned(), detail)
        };
        if self.declare("backend", "".into(), &block.header, words) {
            self.module.settings.backend = Some(block.clone());
        }
    }

    fn cloud(&mut self, block: &Block) {
        let words = |first: &str| {
            let detail = format!(
                "A module may have only one 'cloud' block configuring HCP Terraform or Terraform Enterprise. The 'cloud' block was \
                 previously configured at {first}."
            );
            ("Duplicate HCP Terraform configurations".to_owned(), detail)
        };
        if self.declare("cloud", "".into(), &block.header, words) {
            self.module.settings.cloud = Some(block.clone());
        }
    }

    fn provider_meta(&mut self, block: &Block) {
        if !just_attributes(&block.body, &mut self.diags) {
            return;
        }
        for attribute in &block.body.attributes {
            self.diags.extend(eval(&attribute.expr, &NoScope).1);
        }
        let name = block.labels[0].text.clone();
        if !self.valid_provider_name(&name, &block.header) {
            return;
        }
        let words = |first: &str| {
            let detail = format!(
                "A provider_meta block for provider {:?} was already declared at {first}. Providers may only have one provider_meta \
                 block per module.",
                &*name
            );
            ("Duplicate provider_meta block".to_owned(), detail)
        };
        if self.declare("provider_meta", name.clone(), &block.header, words) {
            self.module.settings.provider_meta.push(block.clone());
        }
    }

    /// What the settings must be like together.
    pub(super) fn check_settings(&mut self) {
        let settings = &self.module.settings;
        if let (Some(backend), Some(cloud)) = (&settings.backend, &settings.cloud) {
            let detail = format!(
                "A module may declare either one 'cloud' block OR one 'backend' block configuring a state backend. The 'cloud' \
                 block is configured at {}; a backend is configured at {}. Remove one of them.",
                self.place(&cloud.header),
                self.place(&backend.header)
            );
            let diag = Diagnostic::error("Both a backend and cloud configuration are present", detail);
            self.whole.push(diag.at(&backend.header).related(&cloud.header, "the cloud block"));
        }
    }
}
