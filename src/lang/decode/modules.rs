//! `module` blocks.

use super::Decoder;
use super::content::{check_labels, missing_argument};
use super::without;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Expr};
use crate::lang::module::{ModuleCall, SourceKind};
use std::sync::Arc;
use straddle_sdk::value::Str;

/// Arguments with a meaning of their own.
const OWN: &[&str] = &["source", "version", "count", "for_each", "depends_on", "providers"];

impl Decoder<'_> {
    pub(super) fn module_call(&mut self, block: &Block) {
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (label, body) = (&block.labels[0], &block.body);
        let name = label.text.clone();
        self.valid_name("Invalid module instance name", &name, &label.span);
        if body.attribute("source").is_none() {
            self.shapes.push(missing_argument("source", body));
        }
        let version = body.attribute("version");
        let version = version.and_then(|attribute| self.version_constraint(attribute));
        let source = self.constant_text(body.attribute("source"));
        let kind = source
            .as_ref()
            .and_then(|(source, span)| self.source_kind(source, span, body.attribute("version").is_some()));
        self.count_or_each(block);
        let mut escape: Option<&Block> = None;
        for inner in &body.blocks {
            match &*inner.kind.name {
                "_" => self.escape_block(&mut escape, inner, "module input variables", "module block"),
                "lifecycle" | "locals" => self.reserved_block(inner, "module"),
                "provider" if check_labels(inner, &["type"], &mut self.diags) => self.reserved_block(inner, "module"),
                // Anything else the evaluation refuses: a module's inputs are arguments.
                _ => {}
            }
        }
        let expr = |name: &str| -> Option<Expr> { body.attribute(name).map(|a| a.expr.clone()) };
        let call = ModuleCall {
            name: name.clone(),
            source,
            kind,
            version,
            count: expr("count"),
            for_each: expr("for_each"),
            depends_on: self.depends_on(body),
            providers: self.passed_providers(block),
            body: Arc::new(without(body, OWN, &[]).unescaped()),
            span: block.header.clone(),
        };
        let words = |first: &str| {
            let detail = format!(
                "A module call named {:?} was already defined at {first}. Module calls must have unique names within a module.",
                &*name
            );
            ("Duplicate module call".to_owned(), detail)
        };
        if self.declare("module", name.clone(), &block.header, words) {
            self.module.modules.insert(name, call);
        }
    }

    /// Where a module comes from, judged by its address.
    fn source_kind(&mut self, source: &Str, span: &Span, versioned: bool) -> Option<SourceKind> {
        let kind = SourceKind::of(source);
        if versioned {
            let problem = match &kind {
                Some(SourceKind::Registry) => return kind,
                Some(SourceKind::Local) => format!("can't use local directory {source:?} as a module registry address"),
                _ => "a module registry source address must have either three or four slash-separated components"
                    .to_owned(),
            };
            let detail = format!(
                "Failed to parse module registry address: {problem}.\n\nTerraform assumed that you intended a module registry \
                 source address because you also set the argument \"version\", which applies only to registry modules."
            );
            // After what is said of the version.
            self.later.push(Diagnostic::error("Invalid registry module source address", detail).at(span));
            return None;
        }
        if kind.is_none() {
            let detail = format!(
                "It cannot be told from {source:?} how to install the module.\n\nIf you intended this as a path relative to the \
                 current module, use \"./{source}\" instead. The \"./\" prefix indicates that the address is a relative \
                 filesystem path."
            );
            self.error("Invalid module source address", detail, span);
        }
        kind
    }
}
