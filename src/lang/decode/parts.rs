//! `moved`, `import`, `removed`, `check`.

use super::Decoder;
use super::content::{Shape, check, check_labels};
use super::endpoint::{Endpoint, with_keys, without_computed_keys, without_keys};
use super::provisioner::runs_at_the_end;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, ExprKind, Literal, StepKind, Traversal};
use crate::lang::module::{Check, Import, ImportedBy, Mode, Moved, Removed, ResourceKey};
use crate::lang::reference::{Reference, Subject};
use std::collections::BTreeMap;

impl Decoder<'_> {
    pub(super) fn moved(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape { attributes: &[("from", true), ("to", true)], blocks: &[] };
        if !check_labels(block, &[], &mut self.diags) {
            return;
        }
        self.check(&block.body, &SHAPE);
        let from = block.body.attribute("from").and_then(|a| self.reference(&a.expr));
        let to = block.body.attribute("to").and_then(|a| self.reference(&a.expr));
        let ends = [&from, &to].map(|end| end.as_ref().and_then(|end| self.endpoint(with_keys(end))));
        if let [Some(a), Some(b)] = ends
            && (a == Endpoint::Module) != (b == Endpoint::Module)
        {
            let detail =
                "The \"from\" and \"to\" addresses must either both refer to resources or both refer to modules.";
            self.error("Invalid \"moved\" addresses", detail, &block.header);
        }
        if let (Some(from), Some(to)) = (from, to) {
            self.module.moved.push(Moved { from, to, span: block.header.clone() });
        }
    }

    pub(super) fn import(&mut self, block: &Block) {
        const BY_ID: Shape<'_> =
            Shape { attributes: &[("provider", false), ("for_each", false), ("id", true), ("to", true)], blocks: &[] };
        // Without either, the id is what is missed.
        const BY_IDENTITY: Shape<'_> = Shape {
            attributes: &[("provider", false), ("for_each", false), ("id", false), ("identity", true), ("to", true)],
            blocks: &[],
        };
        if !check_labels(block, &[], &mut self.diags) {
            return;
        }
        let by_identity = block.body.attribute("identity").is_some();
        self.check(&block.body, if by_identity { &BY_IDENTITY } else { &BY_ID });
        if by_identity && block.body.attribute("id").is_some() {
            self.error("Invalid import block", "Only one of 'id' or 'identity' can be specified.", &block.header);
        }
        let mut nested = false;
        if let Some(attribute) = block.body.attribute("to") {
            let found = match without_computed_keys(&attribute.expr) {
                None if !self.reads_as_reference(attribute, &attribute.expr) => None,
                Some(traversal) => {
                    let span = whole(&traversal.root.span, &attribute.expr.span);
                    self.endpoint(with_keys(&traversal)).map(|end| (end, span))
                }
                // Complains of it.
                None => self.reference(&attribute.expr).map(|_| (Endpoint::Module, attribute.expr.span.clone())),
            };
            match found {
                Some((Endpoint::Module, span)) => {
                    let detail = "A resource instance address is required here. The module path must be followed by a resource \
                                  instance specification.";
                    self.error("Invalid address", detail, &span);
                }
                Some((Endpoint::Resource { mode: Mode::Managed, nested: inside }, _)) => nested = inside,
                Some((Endpoint::Resource { .. }, _)) => {
                    self.error("Invalid import address", "Only managed resources can be imported.", &attribute.span);
                }
                None => {}
            }
        }
        let mut provider = None;
        if let Some(attribute) = block.body.attribute("provider") {
            if nested {
                let detail = "The provider argument can only be specified in import blocks that will generate \
                              configuration.\n\nUse the providers argument within the module block to configure providers for \
                              all resources within a module, including imported resources.";
                self.error("Invalid import provider argument", detail, &attribute.span);
            }
            provider = self.provider_ref(&attribute.expr, "provider");
        }
        let expr = |name: &str| block.body.attribute(name).map(|a| a.expr.clone());
        let by = expr("identity").map(ImportedBy::Identity).or_else(|| expr("id").map(ImportedBy::Id));
        if let (Some(to), Some(by)) = (expr("to"), by) {
            let for_each = expr("for_each");
            let provider_argument = block.body.attribute("provider").map(|attribute| attribute.span.clone());
            self.module.imports.push(Import {
                to,
                by,
                for_each,
                provider,
                provider_argument,
                span: block.header.clone(),
            });
        }
    }

    /// No object can be imported twice.
    pub(super) fn check_imports(&mut self) {
        let constant = |import: &Import| match &import.to.kind {
            ExprKind::Traversal(traversal) => Some(traversal_text(traversal)),
            _ => None,
        };
        let mut seen: BTreeMap<String, &Span> = BTreeMap::new();
        let mut found = Vec::new();
        for import in &self.module.imports {
            let Some(to) = constant(import) else { continue };
            match seen.get(&to) {
                None => {
                    seen.insert(to, &import.span);
                }
                Some(first) => {
                    let resource = to.split('[').next().unwrap_or(&to);
                    let detail = format!(
                        "An import block for the resource {resource:?} was already declared at {}. A resource can have only one \
                         import block.",
                        self.place(first)
                    );
                    let summary = format!("Duplicate import configuration for {resource:?}");
                    found.push(Diagnostic::error(summary, detail).at(&import.to.span));
                }
            }
        }
        for import in &self.module.imports {
            let (ExprKind::Traversal(to), Some(span)) = (&import.to.kind, &import.provider_argument) else { continue };
            let declared = Reference::parse(to).is_ok_and(|reference| match reference.subject {
                Subject::Resource(mode, ty, name) => self.module.resource(mode, ty, name).is_some(),
                _ => false,
            });
            if declared {
                let detail = "The provider argument can only be specified in import blocks that will generate \
                              configuration.\n\nUse the provider argument in the target resource block to configure the provider \
                              for a resource with explicit provider configuration.";
                found.push(Diagnostic::error("Invalid import provider argument", detail).at(span));
            }
        }
        self.whole.extend(found);
    }

    pub(super) fn removed(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[("from", true)],
            blocks: &[("lifecycle", &[]), ("connection", &[]), ("provisioner", &["type"])],
        };
        const LIFECYCLE: Shape<'_> = Shape { attributes: &[("destroy", false)], blocks: &[] };
        if !check_labels(block, &[], &mut self.diags) {
            return;
        }
        self.check(&block.body, &SHAPE);
        let from = block.body.attribute("from").and_then(|a| self.reference(&a.expr));
        let target = from.as_ref().and_then(|from| self.endpoint(without_keys(from)));
        let mut destroy = true;
        for lifecycle in block.body.blocks_of("lifecycle") {
            check(&lifecycle.body, &LIFECYCLE, &mut self.diags);
            destroy = self.constant_bool(lifecycle.body.attribute("destroy")).unwrap_or(destroy);
        }
        if matches!(target, Some(Endpoint::Resource { .. })) {
            let (provisioners, _) = self.provisioners(&block.body, "\"removed\" block");
            for provisioner in provisioners.iter().filter(|provisioner| !runs_at_the_end(provisioner)) {
                let detail = "Only destroy-time provisioners are valid in \"removed\" blocks. To declare a destroy-time \
                              provisioner, use:\n    when = destroy";
                self.error("Invalid provisioner block", detail, &provisioner.header);
            }
        } else {
            for inner in &block.body.blocks {
                let (summary, detail) = match &*inner.kind.name {
                    "connection" => (
                        "Invalid connection block",
                        "Provisioner connection configuration is valid only when a removed block targets a managed resource.",
                    ),
                    "provisioner" => (
                        "Invalid provisioner block",
                        "Provisioners are valid only when a removed block targets a managed resource.",
                    ),
                    _ => continue,
                };
                self.error(summary, detail, &inner.header);
            }
        }
        if let Some(from) = from {
            self.module.removed.push(Removed { from, destroy, span: block.header.clone() });
        }
    }

    pub(super) fn check_block(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape { attributes: &[], blocks: &[("data", &["type", "name"]), ("assert", &[])] };
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (name, body) = (block.labels[0].text.clone(), &block.body);
        self.valid_name("Invalid check block name", &name, &block.labels[0].span);
        self.check(body, &SHAPE);
        let asserts = self.rules(body, "assert");
        if asserts.is_empty() {
            let detail = "Check blocks must have at least one assert block.";
            self.later.push(Diagnostic::error("Zero assert blocks", detail).at(&block.header));
        }
        let data = self.scoped_data(block);
        let words = |first: &str| {
            let detail = format!(
                "A check block named {:?} was already declared at {first}. Check blocks must be unique within each module.",
                &*name
            );
            (format!("Duplicate check {:?} configuration", &*name), detail)
        };
        if self.declare("check", name.clone(), &block.header, words) {
            self.module.checks.insert(name.clone(), Check { name, asserts, data, span: block.header.clone() });
        }
    }

    /// The data source of a `check` block, which only that block may refer to.
    fn scoped_data(&mut self, block: &Block) -> Option<ResourceKey> {
        let mut first: Option<(&Block, ResourceKey)> = None;
        for inner in block.body.blocks_of("data") {
            if let Some((before, _)) = &first {
                let detail =
                    format!("This check block already has a data resource defined at {}.", self.place(&before.header));
                self.error("Multiple data resource blocks", detail, &inner.header);
                continue;
            }
            let Some(mut resource) = self.read_resource(inner, true) else { continue };
            resource.container = Some(block.labels[0].text.clone());
            let key = (resource.mode, resource.ty.text.clone(), resource.name.text.clone());
            let words = |place: &str| {
                let detail = format!(
                    "A {} data resource named {:?} was already declared at {place}. Resource names must be unique per type in \
                     each module, including within check blocks.",
                    &*key.1, &*key.2
                );
                (format!("Duplicate data {:?} configuration", &*key.1), detail)
            };
            if self.declare("resource", format!("data.{}.{}", key.1, key.2).into(), &inner.header, words) {
                self.module.resources.insert(key.clone(), resource);
            }
            first = Some((inner, key));
        }
        first.map(|(_, key)| key)
    }
}

/// A traversal as it is written, without what does not matter.
fn traversal_text(traversal: &Traversal) -> String {
    let mut text = traversal.root.name.to_string();
    for step in &traversal.steps {
        match &step.kind {
            StepKind::Attr(name) => text.push_str(&format!(".{name}")),
            StepKind::Index(Literal(key)) => match (key.as_str(), key.as_num()) {
                (Some(key), _) => text.push_str(&format!("[{key:?}]")),
                (_, Some(key)) => text.push_str(&format!("[{key}]")),
                _ => {}
            },
        }
    }
    text
}

/// From the beginning of one place to the end of another.
fn whole(from: &Span, to: &Span) -> Span {
    Span { file: from.file, range: from.range.start..to.range.end }
}
