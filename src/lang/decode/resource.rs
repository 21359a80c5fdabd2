//! Resources, data sources and ephemeral resources.

use super::content::{Shape, check, check_labels};
use super::{Decoder, without};
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Attribute, Block, Body, Expr, Traversal};
use crate::lang::module::{IgnoreChanges, Lifecycle, Mode, Resource};
use crate::lang::reference::{Subject, references};
use std::sync::Arc;
use straddle_sdk::value::Str;

const META: &[&str] = &["count", "for_each", "depends_on", "provider"];
const META_BLOCKS: &[&str] = &["lifecycle", "connection", "provisioner"];

/// The words for a mode: the block's type, and in messages the type and the name of a resource of this mode.
fn words(mode: Mode) -> (&'static str, &'static str, &'static str) {
    match mode {
        Mode::Managed => ("resource", "Invalid resource type name", "Invalid resource name"),
        Mode::Data => ("data", "Invalid data source name", "Invalid data resource name"),
        Mode::Ephemeral => ("ephemeral", "Invalid ephemeral resource type", "Invalid ephemeral resource name"),
    }
}

impl Decoder<'_> {
    pub(super) fn resource(&mut self, block: &Block) {
        let Some(resource) = self.read_resource(block, false) else { return };
        let (mode, ty, name) = (resource.mode, resource.ty.text.clone(), resource.name.text.clone());
        let what = match mode {
            Mode::Managed => "resource",
            Mode::Data => "data resource",
            Mode::Ephemeral => "ephemeral resource",
        };
        let explain = |first: &str| {
            let detail = format!(
                "A {ty} {what} named {:?} was already declared at {first}. Resource names must be unique per type in each module.",
                &*name
            );
            (format!("Duplicate {} {:?} configuration", words(mode).0, &*ty), detail)
        };
        let key = Str::from(format!("{}{ty}.{name}", mode.prefix()));
        if self.declare("resource", key, &block.header, explain) {
            let all = match mode {
                Mode::Ephemeral => &mut self.module.ephemerals,
                Mode::Managed | Mode::Data => &mut self.module.resources,
            };
            all.insert((mode, ty.clone(), name.clone()), resource);
        }
    }

    /// A `resource`, `data` or `ephemeral` block, wherever it stands: also in straddle's replica templates, and (`nested`) in a
    /// `check` block.
    pub(super) fn read_resource(&mut self, block: &Block, nested: bool) -> Option<Resource> {
        let mode = match &*block.kind.name {
            "data" => Mode::Data,
            "ephemeral" => Mode::Ephemeral,
            _ => Mode::Managed,
        };
        if !check_labels(block, &["type", "name"], &mut self.diags) {
            return None;
        }
        let [ty, name] = block.labels.as_slice() else { return None };
        let (kind, bad_type, bad_name) = words(mode);
        self.valid_name(bad_type, &ty.text, &ty.span);
        self.valid_name(bad_name, &name.text, &name.span);
        let body = &block.body;
        if nested {
            self.no_repetition(body);
        } else {
            self.count_or_each(block);
        }
        let provider = body.attribute("provider").and_then(|a| self.provider_ref(&a.expr, "provider"));
        let mut escape: Option<&Block> = None;
        for inner in &body.blocks {
            match (&*inner.kind.name, mode) {
                ("_", _) => {
                    let meaning = "resource-type-specific";
                    self.escape_block(&mut escape, inner, meaning, &format!("{kind} block"));
                }
                ("locals", _) => self.reserved_block(inner, kind),
                ("lifecycle", _) if nested => {
                    let detail = "Nested data blocks do not support \"lifecycle\" blocks as the lifecycle is managed by the \
                                  containing block.";
                    self.error("Invalid lifecycle block", detail, &inner.header);
                }
                _ => {}
            }
        }
        let (provisioners, connection) = match mode {
            Mode::Managed => self.provisioners(body, "resource"),
            Mode::Data | Mode::Ephemeral => (Vec::new(), None),
        };
        let expr = |name: &str| body.attribute(name).filter(|_| !nested).map(|a| a.expr.clone());
        Some(Resource {
            mode,
            ty: ty.clone(),
            name: name.clone(),
            count: expr("count"),
            for_each: expr("for_each"),
            depends_on: self.depends_on(body),
            provider,
            lifecycle: self.lifecycle(body, (mode, &ty.text, &name.text)),
            provisioners,
            connection,
            container: None,
            body: Arc::new(
                without(body, META, if mode == Mode::Managed { META_BLOCKS } else { &["lifecycle"] }).unescaped(),
            ),
            span: block.header.clone(),
        })
    }

    /// Refuses `count` beside `for_each`.
    pub(super) fn count_or_each(&mut self, block: &Block) {
        if let (Some(_), Some(for_each)) = (block.body.attribute("count"), block.body.attribute("for_each")) {
            let detail = "The \"count\" and \"for_each\" meta-arguments are mutually-exclusive, only one should be used to be \
                          explicit about the number of resources to be created.";
            self.error("Invalid combination of \"count\" and \"for_each\"", detail, &for_each.name.span);
        }
    }

    /// Refuses both: a data source inside a `check` is one.
    fn no_repetition(&mut self, body: &Body) {
        for attribute in body.attributes.iter().filter(|a| matches!(&*a.name.name, "count" | "for_each")) {
            let detail = "The \"count\" and \"for_each\" meta-arguments are not supported within nested data blocks.";
            self.error(&format!("Invalid {:?} attribute", &*attribute.name.name), detail, &attribute.name.span);
        }
    }

    fn lifecycle(&mut self, body: &Body, this: (Mode, &str, &str)) -> Lifecycle {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[
                ("create_before_destroy", false),
                ("prevent_destroy", false),
                ("ignore_changes", false),
                ("replace_triggered_by", false),
            ],
            blocks: &[("precondition", &[]), ("postcondition", &[])],
        };
        let mut lifecycle = Lifecycle::default();
        let mut first: Option<Span> = None;
        for block in body.blocks_of("lifecycle") {
            if !check_labels(block, &[], &mut self.diags) {
                continue;
            }
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
            check(body, &SHAPE, &mut self.diags);
            if this.0 == Mode::Managed {
                lifecycle.create_before_destroy = self.constant_bool(body.attribute("create_before_destroy"));
                lifecycle.prevent_destroy = self.constant_bool(body.attribute("prevent_destroy")).unwrap_or(false);
                if let Some(attribute) = body.attribute("replace_triggered_by") {
                    lifecycle.replace_triggered_by = self.replace_triggered_by(attribute);
                }
                if let Some(attribute) = body.attribute("ignore_changes") {
                    lifecycle.ignore_changes = self.ignore_changes(&attribute.expr);
                }
            } else {
                self.no_lifecycle_arguments(body, this.0);
            }
            lifecycle.preconditions = self.resource_rules(body, "precondition", this);
            lifecycle.postconditions = self.resource_rules(body, "postcondition", this);
        }
        lifecycle
    }

    /// Only what is made can be kept from being destroyed, and so on.
    fn no_lifecycle_arguments(&mut self, body: &Body, mode: Mode) {
        const KNOWN: &[&str] = &["create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by"];
        let (kind, these) = match mode {
            Mode::Data => ("data", "data resources"),
            _ => ("ephemeral", "ephemeral resources"),
        };
        for attribute in body.attributes.iter().filter(|a| KNOWN.contains(&&*a.name.name)) {
            let detail = format!(
                "The lifecycle argument {:?} is defined only for managed resources (\"resource\" blocks), and is not valid for \
                 {these}.",
                &*attribute.name.name
            );
            self.error(&format!("Invalid {kind} resource lifecycle argument"), detail, &attribute.name.span);
        }
    }

    fn replace_triggered_by(&mut self, attribute: &Attribute) -> Vec<Expr> {
        let items = self.list(&attribute.expr);
        for item in items {
            if self.reads_as_reference(attribute, item) {
                self.trigger(item);
            }
        }
        items.to_vec()
    }

    /// Checks one item of `replace_triggered_by`: it names one resource, perhaps by `count.index` or `each.key`.
    fn trigger(&mut self, expr: &Expr) {
        let (found, problems) = references(expr);
        if !problems.is_empty() {
            self.diags.extend(problems.into_iter().map(|diag| diag.at(&expr.span)));
            return;
        }
        let mut resources = 0;
        for reference in found {
            let (what, detail) = match reference.subject {
                Subject::Resource(..) => {
                    resources += 1;
                    continue;
                }
                Subject::Each("key") | Subject::Count("index") => continue,
                Subject::Each(_) => ("each reference", "Only each.key may be used in replace_triggered_by."),
                Subject::Count(_) => ("count reference", "Only count.index may be used in replace_triggered_by."),
                _ => ("reference", "Only resources, count.index, and each.key may be used in replace_triggered_by."),
            };
            self.error(&format!("Invalid {what} in replace_triggered_by expression"), detail, &expr.span);
        }
        let detail = match resources {
            0 => "Missing resource reference in replace_triggered_by expression.",
            1 => return,
            _ => "Multiple resource references in replace_triggered_by expression.",
        };
        self.error("Invalid replace_triggered_by expression", detail, &expr.span);
    }

    fn ignore_changes(&mut self, expr: &Expr) -> IgnoreChanges {
        if expr.keyword() == Some("all") {
            return IgnoreChanges::All;
        }
        let mut paths: Vec<Traversal> = Vec::new();
        let mut all: Option<&Span> = None;
        for item in self.list(expr) {
            if item.literal_text() == Some("*") {
                let detail = "The [\"*\"] form of ignore_changes wildcard is was deprecated and is now invalid. Use \
                              \"ignore_changes = all\" to ignore changes to all attributes.";
                self.error("Invalid ignore_changes wildcard", detail, &expr.span);
                all = Some(&item.span);
                continue;
            }
            paths.extend(self.quoted_reference(item));
        }
        if let (Some(span), false) = (all, paths.is_empty()) {
            let detail = "Cannot mix wildcard string \"*\" with non-wildcard references.";
            self.error("Invalid ignore_changes ruleset", detail, span);
        }
        IgnoreChanges::Paths(paths)
    }
}
