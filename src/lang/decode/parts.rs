//! `moved`, `import`, `removed`, `check`.

use super::Decoder;
use super::content::{Shape, check, check_labels};
use crate::lang::ast::Block;
use crate::lang::module::{Check, Import, Moved, Removed};

impl Decoder<'_> {
    pub(super) fn moved(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape { attributes: &[("from", true), ("to", true)], blocks: &[] };
        check_labels(block, &[], &mut self.diags);
        check(&block.body, &SHAPE, &mut self.diags);
        let from = block.body.attribute("from").and_then(|a| self.reference(&a.expr));
        let to = block.body.attribute("to").and_then(|a| self.reference(&a.expr));
        if let (Some(from), Some(to)) = (from, to) {
            self.module.moved.push(Moved { from, to, span: block.header.clone() });
        }
    }

    pub(super) fn import(&mut self, block: &Block) {
        const SHAPE: Shape<'_> =
            Shape { attributes: &[("to", true), ("id", true), ("for_each", false), ("provider", false)], blocks: &[] };
        check_labels(block, &[], &mut self.diags);
        check(&block.body, &SHAPE, &mut self.diags);
        let expr = |name: &str| block.body.attribute(name).map(|a| a.expr.clone());
        let provider = block.body.attribute("provider").and_then(|a| self.provider_ref(&a.expr));
        if let (Some(to), Some(id)) = (expr("to"), expr("id")) {
            let for_each = expr("for_each");
            self.module.imports.push(Import { to, id, for_each, provider, span: block.header.clone() });
        }
    }

    pub(super) fn removed(&mut self, block: &Block) {
        const SHAPE: Shape<'_> =
            Shape { attributes: &[("from", true)], blocks: &[("lifecycle", &[]), ("provisioner", &["type"])] };
        const LIFECYCLE: Shape<'_> = Shape { attributes: &[("destroy", false)], blocks: &[] };
        check_labels(block, &[], &mut self.diags);
        check(&block.body, &SHAPE, &mut self.diags);
        let mut destroy = true;
        for lifecycle in block.body.blocks_of("lifecycle") {
            check(&lifecycle.body, &LIFECYCLE, &mut self.diags);
            destroy = self.constant_bool(lifecycle.body.attribute("destroy")).unwrap_or(destroy);
        }
        if let Some(from) = block.body.attribute("from").and_then(|a| self.reference(&a.expr)) {
            self.module.removed.push(Removed { from, destroy, span: block.header.clone() });
        }
    }

    pub(super) fn check_block(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape { attributes: &[], blocks: &[("assert", &[]), ("data", &["type", "name"])] };
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (name, body) = (block.labels[0].text.clone(), &block.body);
        if !self.valid_name("Invalid check block name", &name, &block.labels[0].span) {
            return;
        }
        check(body, &SHAPE, &mut self.diags);
        let asserts = self.rules(body, "assert");
        if body.blocks_of("assert").next().is_none() {
            self.error("Zero assert blocks", "Check blocks must have at least one assert block.", &block.header);
        }
        let mut data = None;
        for inner in body.blocks_of("data") {
            if let Some(resource) = self.read_resource(inner) {
                let key = (resource.mode, resource.ty.text.clone(), resource.name.text.clone());
                data = Some(key.clone());
                self.module.resources.insert(key, resource);
            }
        }
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
}
