//! Resources, data sources and module calls.

use super::content::{Shape, check, check_labels};
use super::{Decoder, without};
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Body, Expr, ExprKind, ObjectKey, StepKind, Traversal};
use crate::lang::module::{CheckRule, IgnoreChanges, Lifecycle, Mode, ModuleCall, ProviderRef, Resource};
use crate::lang::reference::references;
use crate::lang::syntax::{Text, parse_expr};
use std::sync::Arc;
use straddle_sdk::value::Str;

const META: &[&str] = &["count", "for_each", "depends_on", "provider"];
const META_BLOCKS: &[&str] = &["lifecycle", "connection", "provisioner"];

impl Decoder<'_> {
    pub(super) fn resource(&mut self, block: &Block) {
        let Some(resource) = self.read_resource(block) else { return };
        let (ty, name) = (resource.ty.text.clone(), resource.name.text.clone());
        let data = resource.mode == Mode::Data;
        let words = |first: &str| {
            let (kind, what) = if data { ("data", " data resource") } else { ("resource", " resource") };
            let detail = format!(
                "A {ty}{what} named {:?} was already declared at {first}. Resource names must be unique per type in each module.",
                &*name
            );
            (format!("Duplicate {kind} {:?} configuration", &*ty), detail)
        };
        let key = Str::from(format!("{}{ty}.{name}", if data { "data." } else { "" }));
        if self.declare("resource", key, &block.header, words) {
            self.module.resources.insert((resource.mode, ty.clone(), name.clone()), resource);
        }
    }

    /// A `resource` or `data` block, wherever it stands: also inside `check` and straddle's replica templates.
    pub(super) fn read_resource(&mut self, block: &Block) -> Option<Resource> {
        let mode = if &*block.kind.name == "data" { Mode::Data } else { Mode::Managed };
        if !check_labels(block, &["type", "name"], &mut self.diags) {
            return None;
        }
        let [ty, name] = block.labels.as_slice() else { return None };
        let kind = if mode == Mode::Data { "data source" } else { "resource" };
        let fine = self.valid_name(&format!("Invalid {kind} type name"), &ty.text, &ty.span)
            & self.valid_name(
                &format!("Invalid {} name", if mode == Mode::Data { "data source" } else { "resource" }),
                &name.text,
                &name.span,
            );
        if !fine {
            return None;
        }
        let body = &block.body;
        let count = body.attribute("count");
        let for_each = body.attribute("for_each");
        if let (Some(_), Some(for_each)) = (count, for_each) {
            let detail = "The \"count\" and \"for_each\" meta-arguments are mutually-exclusive, only one should be used to be \
                          explicit about the number of resources to be created.";
            self.error("Invalid combination of \"count\" and \"for_each\"", detail, &for_each.name.span);
        }
        let provider = body.attribute("provider").and_then(|a| self.provider_ref(&a.expr));
        Some(Resource {
            mode,
            ty: ty.clone(),
            name: name.clone(),
            count: count.map(|a| a.expr.clone()),
            for_each: for_each.map(|a| a.expr.clone()),
            depends_on: self.depends_on(body),
            provider,
            lifecycle: self.lifecycle(body, mode),
            provisioners: body.blocks_of("provisioner").cloned().collect(),
            connection: body.blocks_of("connection").next().cloned(),
            body: Arc::new(without(body, META, META_BLOCKS)),
            span: block.header.clone(),
        })
    }

    /// `aws` or `aws.seoul`, also in quotes.
    pub(super) fn provider_ref(&mut self, expr: &Expr) -> Option<ProviderRef> {
        let parsed = expr.literal_text().map(|text| parse_expr(Text { file: expr.span.file, name: "", text }).0);
        if let ExprKind::Traversal(t) = &parsed.as_ref().unwrap_or(expr).kind {
            let alias = match t.steps.as_slice() {
                [] => Some(None),
                [step] => match &step.kind {
                    StepKind::Attr(alias) => Some(Some(alias.clone())),
                    StepKind::Index(_) => None,
                },
                _ => None,
            };
            if let Some(alias) = alias {
                return Some(ProviderRef { name: t.root.name.clone(), alias, span: expr.span.clone() });
            }
        }
        let detail = "The provider argument requires a provider type name, optionally followed by a period and then a \
                      configuration alias.";
        self.error("Invalid provider configuration reference", detail, &expr.span);
        None
    }

    fn lifecycle(&mut self, body: &Body, mode: Mode) -> Lifecycle {
        const MANAGED: Shape<'_> = Shape {
            attributes: &[
                ("create_before_destroy", false),
                ("prevent_destroy", false),
                ("ignore_changes", false),
                ("replace_triggered_by", false),
            ],
            blocks: &[("precondition", &[]), ("postcondition", &[])],
        };
        const DATA: Shape<'_> = Shape { attributes: &[], blocks: &[("precondition", &[]), ("postcondition", &[])] };
        let mut lifecycle = Lifecycle::default();
        let mut first: Option<Span> = None;
        for block in body.blocks_of("lifecycle") {
            if let Some(first) = &first {
                let place = self.place(first);
                let at = if place.is_empty() { String::new() } else { format!(" at {place}") };
                let detail = format!("This resource already has a lifecycle block{at}.");
                let diag = Diagnostic::error("Duplicate lifecycle block", detail).at(&block.header);
                self.diags.push(diag.related(first, "the other one"));
                continue;
            }
            first = Some(block.header.clone());
            let body = &block.body;
            check(body, if mode == Mode::Data { &DATA } else { &MANAGED }, &mut self.diags);
            lifecycle.create_before_destroy = self.constant_bool(body.attribute("create_before_destroy"));
            lifecycle.prevent_destroy = self.constant_bool(body.attribute("prevent_destroy")).unwrap_or(false);
            if let Some(attribute) = body.attribute("ignore_changes") {
                lifecycle.ignore_changes = self.ignore_changes(&attribute.expr);
            }
            if let Some(attribute) = body.attribute("replace_triggered_by") {
                match &attribute.expr.kind {
                    ExprKind::Tuple(items) => lifecycle.replace_triggered_by = items.clone(),
                    _ => {
                        self.error("Invalid expression", "A static list expression is required.", &attribute.expr.span)
                    }
                }
            }
            lifecycle.preconditions = self.rules(body, "precondition");
            lifecycle.postconditions = self.rules(body, "postcondition");
        }
        lifecycle
    }

    fn ignore_changes(&mut self, expr: &Expr) -> IgnoreChanges {
        if expr.keyword() == Some("all") {
            return IgnoreChanges::All;
        }
        let ExprKind::Tuple(items) = &expr.kind else {
            self.error("Invalid expression", "A static list expression is required.", &expr.span);
            return IgnoreChanges::default();
        };
        let mut paths: Vec<Traversal> = Vec::new();
        for item in items {
            if item.literal_text() == Some("*") {
                let detail = "The [\"*\"] form of ignore_changes wildcard is was deprecated and is now invalid. Use \
                              \"ignore_changes = all\" to ignore changes to all attributes.";
                self.error("Invalid ignore_changes wildcard", detail, &expr.span);
                continue;
            }
            paths.extend(self.reference(item));
        }
        IgnoreChanges::Paths(paths)
    }

    /// The condition blocks of a type.
    pub(super) fn rules(&mut self, body: &Body, kind: &str) -> Vec<CheckRule> {
        const SHAPE: Shape<'_> = Shape { attributes: &[("condition", true), ("error_message", true)], blocks: &[] };
        let mut rules = Vec::new();
        for block in body.blocks_of(kind) {
            check_labels(block, &[], &mut self.diags);
            check(&block.body, &SHAPE, &mut self.diags);
            let (Some(condition), Some(message)) =
                (block.body.attribute("condition"), block.body.attribute("error_message"))
            else {
                continue;
            };
            if kind != "validation" && references(&condition.expr).0.is_empty() {
                let detail = "The condition expression must refer to at least one object from elsewhere in the configuration, \
                              or else its result would not be checking anything.";
                self.error(&format!("Invalid {kind} expression"), detail, &condition.expr.span);
            }
            rules.push(CheckRule {
                condition: condition.expr.clone(),
                error_message: message.expr.clone(),
                span: block.header.clone(),
            });
        }
        rules
    }

    pub(super) fn module_call(&mut self, block: &Block) {
        const OWN: &[&str] = &["source", "version", "count", "for_each", "depends_on", "providers"];
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (label, body) = (&block.labels[0], &block.body);
        let name = label.text.clone();
        if !self.valid_name("Invalid module instance name", &name, &label.span) {
            return;
        }
        if body.attribute("source").is_none() {
            self.diags.push(super::content::missing_argument("source", body));
        }
        if let (Some(_), Some(for_each)) = (body.attribute("count"), body.attribute("for_each")) {
            let detail = "The \"count\" and \"for_each\" meta-arguments are mutually-exclusive, only one should be used to be \
                          explicit about the number of resources to be created.";
            self.error("Invalid combination of \"count\" and \"for_each\"", detail, &for_each.name.span);
        }
        let call = ModuleCall {
            name: name.clone(),
            source: self.constant_text(body.attribute("source")),
            version: self.constant_text(body.attribute("version")),
            count: body.attribute("count").map(|a| a.expr.clone()),
            for_each: body.attribute("for_each").map(|a| a.expr.clone()),
            depends_on: self.depends_on(body),
            providers: self.passed_providers(body),
            body: Arc::new(without(body, OWN, &[])),
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

    fn passed_providers(&mut self, body: &Body) -> Vec<(ProviderRef, ProviderRef)> {
        let Some(attribute) = body.attribute("providers") else { return Vec::new() };
        let ExprKind::Object(items) = &attribute.expr.kind else {
            self.error("Invalid expression", "A static map expression is required.", &attribute.expr.span);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for item in items {
            let inner = match &item.key {
                ObjectKey::Name(name) => {
                    Some(ProviderRef { name: name.name.clone(), alias: None, span: name.span.clone() })
                }
                ObjectKey::Expr(key) => self.provider_ref(key),
            };
            if let (Some(inner), Some(outer)) = (inner, self.provider_ref(&item.value)) {
                pairs.push((inner, outer));
            }
        }
        pairs
    }
}
