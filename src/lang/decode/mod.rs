//! Files to a [`Module`]: pure. Reading them is [`super::load`]'s.

pub(crate) mod content;
mod merge;
mod parts;
mod resource;
mod settings;

use super::ast::{Attribute, Block, Body, Expr, ExprKind, Traversal};
use super::eval::{NoScope, eval};
use super::module::{Local, Module, Output, ProviderConfig, Resource, Variable};
use super::position::range_text;
use super::reference::Reference;
use super::syntax::json::{is_json, parse_json_body};
use super::syntax::{TOP_LEVEL, Text, is_top_level, parse_body};
use super::types::{Constraint, parse_type};
use crate::diag::{Diagnostic, FileId, Sources, Span};
use content::{Shape, check, check_labels};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use straddle_sdk::value::{Defaults, Str, Type, Value, convert};

/// The files of a module's directory, by number.
#[derive(Clone, Debug, Default)]
pub struct ModuleFiles {
    /// Sorted by name.
    pub primary: Vec<FileId>,
    /// `override.tf` and `*_override.tf`, sorted by name.
    pub overrides: Vec<FileId>,
}

/// Whether straddle's own blocks may stand in a file of this name.
pub fn takes_own_blocks(name: &str) -> bool {
    name.ends_with(".straddle.hcl")
}

/// Parses and decodes the files of a module. With errors the module holds all that could be read.
pub fn decode(files: &ModuleFiles, sources: &Sources) -> (Module, Vec<Diagnostic>) {
    let mut decoder = Decoder::new(sources);
    let mut blocks = Vec::new();
    for file in &files.primary {
        blocks.extend(decoder.parse(*file));
    }
    for file in &files.overrides {
        let over = decoder.parse(*file);
        merge::merge(&mut blocks, over, &mut decoder.diags);
    }
    for block in blocks {
        decoder.block(block);
    }
    let Decoder { mut diags, module, broken_json, .. } = decoder;
    // What is wrong with JSON itself comes before what follows from it, wherever that is.
    if !broken_json {
        diags.sort_by_key(|d| d.span.as_ref().map(|s| (s.file, s.range.start)));
    }
    (module, diags)
}

/// Decodes one `resource` or `data` block that stands elsewhere than at the top of a file: in a replica template.
pub fn decode_resource(block: &Block, problems: &mut Vec<Diagnostic>) -> Option<Resource> {
    let sources = Sources::default();
    let mut decoder = Decoder::new(&sources);
    let resource = decoder.read_resource(block);
    problems.append(&mut decoder.diags);
    resource
}

struct Decoder<'a> {
    sources: &'a Sources,
    module: Module,
    diags: Vec<Diagnostic>,
    /// Where each name was declared: kind of declaration and name.
    places: BTreeMap<(&'static str, Str), Span>,
    /// A file is not JSON though it should be.
    broken_json: bool,
}

/// Names with a meaning inside `module` blocks.
const RESERVED: &[&str] = &["source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"];

impl<'a> Decoder<'a> {
    fn new(sources: &'a Sources) -> Decoder<'a> {
        Decoder { sources, module: Module::default(), diags: Vec::new(), places: BTreeMap::new(), broken_json: false }
    }
}

impl Decoder<'_> {
    fn parse(&mut self, file: FileId) -> Vec<Block> {
        let Some(source) = self.sources.files.get(file.0 as usize) else { return Vec::new() };
        let text = Text { file, name: &source.name, text: &source.text };
        let json = is_json(&source.name);
        let (body, diags) = if json { parse_json_body(text) } else { parse_body(text) };
        self.broken_json |= json && !diags.is_empty();
        self.diags.extend(diags);
        for attribute in &body.attributes {
            let block = is_top_level(&attribute.name.name);
            self.diags.push(content::unsupported_argument(attribute, block, None));
        }
        body.blocks
    }

    fn error(&mut self, summary: &str, detail: impl Into<String>, span: &Span) {
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    /// A place as messages write it.
    fn place(&self, span: &Span) -> String {
        match self.sources.files.get(span.file.0 as usize) {
            Some(source) => range_text(&source.name, &source.text, span),
            None => String::new(),
        }
    }

    /// Notes a declaration. False, and reported with `words`, if the name was declared before: `words` makes summary and detail of the
    /// earlier place.
    fn declare(
        &mut self,
        what: &'static str,
        name: Str,
        span: &Span,
        words: impl FnOnce(&str) -> (String, String),
    ) -> bool {
        if let Some(first) = self.places.get(&(what, name.clone())).cloned() {
            let (summary, detail) = words(&self.place(&first));
            self.diags.push(Diagnostic::error(summary, detail).at(span).related(&first, "declared here"));
            return false;
        }
        self.places.insert((what, name), span.clone());
        true
    }

    fn block(&mut self, block: Block) {
        match &*block.kind.name {
            "variable" => self.variable(&block),
            "locals" => self.locals(&block),
            "output" => self.output(&block),
            "provider" => self.provider(&block),
            "resource" | "data" => self.resource(&block),
            "module" => self.module_call(&block),
            "terraform" => self.terraform(&block),
            "moved" => self.moved(&block),
            "import" => self.import(&block),
            "removed" => self.removed(&block),
            "check" => self.check_block(&block),
            kind => {
                let own =
                    self.sources.files.get(block.kind.span.file.0 as usize).is_some_and(|s| takes_own_blocks(&s.name));
                if own && is_top_level(kind) && kind != "ephemeral" {
                    self.module.own.push(block);
                } else {
                    let others = if own { TOP_LEVEL } else { &[] };
                    let near = super::suggest::nearest(kind, TERRAFORM_BLOCKS.iter().chain(others).copied());
                    let mut diag = content::unsupported_block(&block, false, near);
                    if is_top_level(kind) && kind != "ephemeral" {
                        diag = diag.help("Blocks of straddle's own stand in files whose name ends in .straddle.hcl.");
                    }
                    self.diags.push(diag);
                }
            }
        }
    }

    /// Reports a name that is none. True if it is one.
    fn valid_name(&mut self, summary: &str, name: &str, span: &Span) -> bool {
        let valid = super::address::ident_len(name) == name.len() && !name.is_empty();
        if !valid {
            let detail = "A name must start with a letter or underscore and may contain only letters, digits, underscores, and dashes.";
            self.error(summary, detail, span);
        }
        valid
    }

    /// The value of a constant expression as a type; reports what it is not.
    fn constant(&mut self, expr: &Expr, ty: &Type) -> Option<Value> {
        let (value, diags) = eval(expr, &NoScope);
        let failed = !diags.is_empty();
        self.diags.extend(diags);
        match convert(&value, ty) {
            _ if failed => None,
            Ok(value) => Some(value),
            Err(problem) => {
                self.error("Unsuitable value type", format!("Unsuitable value: {problem}"), &expr.span);
                None
            }
        }
    }

    fn constant_text(&mut self, attribute: Option<&Attribute>) -> Option<(Str, Span)> {
        let attribute = attribute?;
        let value = self.constant(&attribute.expr, &Type::String)?;
        Some((Str::new(value.as_str()?), attribute.expr.span.clone()))
    }

    fn constant_bool(&mut self, attribute: Option<&Attribute>) -> Option<bool> {
        self.constant(&attribute?.expr, &Type::Bool)?.as_bool()
    }

    fn variable(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[
                ("description", false),
                ("default", false),
                ("type", false),
                ("sensitive", false),
                ("nullable", false),
                ("ephemeral", false),
                ("deprecated", false),
            ],
            blocks: &[("validation", &[])],
        };
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (label, body) = (&block.labels[0], &block.body);
        let name = label.text.clone();
        if !self.valid_name("Invalid variable name", &name, &label.span) {
            return;
        }
        if RESERVED.contains(&&*name) {
            let detail =
                format!("The variable name {:?} is reserved due to its special meaning inside module blocks.", &*name);
            self.error("Invalid variable name", detail, &label.span);
        }
        check(body, &SHAPE, &mut self.diags);
        let constraint = match body.attribute("type").map(|a| parse_type(&a.expr)) {
            Some(Ok(constraint)) => constraint,
            Some(Err(diag)) => {
                self.diags.push(*diag);
                Constraint { ty: Type::Dynamic, defaults: Defaults::default() }
            }
            None => Constraint { ty: Type::Dynamic, defaults: Defaults::default() },
        };
        let nullable = self.constant_bool(body.attribute("nullable")).unwrap_or(true);
        let default = body.attribute("default").and_then(|a| self.default(a, &constraint, nullable));
        let validations = self.rules(body, "validation");
        let variable = Variable {
            name: name.clone(),
            ty: constraint.ty,
            typed: body.attribute("type").is_some(),
            defaults: constraint.defaults,
            default,
            description: self.constant_text(body.attribute("description")).map(|d| d.0),
            sensitive: self.constant_bool(body.attribute("sensitive")).unwrap_or(false),
            ephemeral: self.constant_bool(body.attribute("ephemeral")).unwrap_or(false),
            nullable,
            validations,
            span: block.header.clone(),
        };
        let words = |first: &str| {
            let detail = format!(
                "A variable named {:?} was already declared at {first}. Variable names must be unique within a module.",
                &*name
            );
            ("Duplicate variable declaration".to_owned(), detail)
        };
        if self.declare("variable", name.clone(), &block.header, words) {
            self.module.variables.insert(name, variable);
        }
    }

    fn default(&mut self, attribute: &Attribute, constraint: &Constraint, nullable: bool) -> Option<Value> {
        let (value, diags) = eval(&attribute.expr, &NoScope);
        if !diags.is_empty() {
            self.diags.extend(diags);
            // A default there is: the variable is not required.
            return Some(Value::unknown(constraint.ty.without_optional()));
        }
        if value.is_null() && !nullable {
            let detail = "A null default value is not valid when nullable=false.";
            self.error("Invalid default value for variable", detail, &attribute.expr.span);
        }
        match convert(&constraint.defaults.apply(&value), &constraint.ty) {
            Ok(value) => Some(value),
            Err(problem) => {
                let detail =
                    format!("This default value is not compatible with the variable's type constraint: {problem}.");
                self.error("Invalid default value for variable", detail, &attribute.expr.span);
                Some(Value::unknown(constraint.ty.without_optional()))
            }
        }
    }

    fn locals(&mut self, block: &Block) {
        check_labels(block, &[], &mut self.diags);
        for inner in &block.body.blocks {
            self.diags.push(content::unsupported_block(inner, true, None));
        }
        for attribute in &block.body.attributes {
            let name = attribute.name.name.clone();
            let words = |first: &str| {
                let detail = format!(
                    "A local value named {:?} was already defined at {first}. Local value names must be unique within a module.",
                    &*name
                );
                ("Duplicate local value definition".to_owned(), detail)
            };
            if self.declare("local", name.clone(), &attribute.span, words) {
                let local =
                    Local { name: attribute.name.clone(), expr: attribute.expr.clone(), span: attribute.span.clone() };
                self.module.locals.insert(name, local);
            }
        }
    }

    fn output(&mut self, block: &Block) {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[
                ("value", true),
                ("description", false),
                ("sensitive", false),
                ("ephemeral", false),
                ("depends_on", false),
                ("deprecated", false),
            ],
            blocks: &[("precondition", &[]), ("postcondition", &[])],
        };
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let (label, body) = (&block.labels[0], &block.body);
        let name = label.text.clone();
        if !self.valid_name("Invalid output name", &name, &label.span) {
            return;
        }
        check(body, &SHAPE, &mut self.diags);
        let output = Output {
            name: name.clone(),
            value: body.attribute("value").map(|a| a.expr.clone()),
            description: self.constant_text(body.attribute("description")).map(|d| d.0),
            sensitive: self.constant_bool(body.attribute("sensitive")).unwrap_or(false),
            ephemeral: self.constant_bool(body.attribute("ephemeral")).unwrap_or(false),
            depends_on: self.depends_on(body),
            preconditions: self.rules(body, "precondition"),
            span: block.header.clone(),
        };
        let words = |first: &str| {
            let detail = format!(
                "An output named {:?} was already defined at {first}. Output names must be unique within a module.",
                &*name
            );
            ("Duplicate output definition".to_owned(), detail)
        };
        if self.declare("output", name.clone(), &block.header, words) {
            self.module.outputs.insert(name, output);
        }
    }

    fn provider(&mut self, block: &Block) {
        if !check_labels(block, &["name"], &mut self.diags) {
            return;
        }
        let name = block.labels[0].text.clone();
        let alias = self.constant_text(block.body.attribute("alias")).map(|a| a.0);
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
            let body = Arc::new(without(&block.body, &["alias", "version"], &[]));
            let config = ProviderConfig { name: name.clone(), alias, body, span: block.header.clone() };
            self.module.providers.push(config);
        }
    }

    /// The references of `depends_on`.
    fn depends_on(&mut self, body: &Body) -> Vec<Traversal> {
        let Some(attribute) = body.attribute("depends_on") else { return Vec::new() };
        let ExprKind::Tuple(items) = &attribute.expr.kind else {
            self.error("Invalid expression", "A static list expression is required.", &attribute.expr.span);
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            let Some(traversal) = self.reference(item) else { continue };
            match Reference::parse(&traversal).map(|_| ()) {
                Ok(()) => all.push(traversal),
                Err(diag) => self.diags.push(*diag),
            }
        }
        all
    }

    /// A reference, also one in quotes as Terraform 0.11 wanted it.
    fn reference(&mut self, expr: &Expr) -> Option<Traversal> {
        if let ExprKind::Traversal(traversal) = &expr.kind {
            return Some((**traversal).clone());
        }
        if let (Some(text), Some(source)) = (expr.literal_text(), self.sources.files.get(expr.span.file.0 as usize)) {
            // Parsed where it stands, so that places are right; escapes make no reference.
            let (start, end) = (expr.span.range.start + 1, expr.span.range.end.saturating_sub(1));
            if source.text.get(start..end) == Some(text) {
                let blank: String = source.text[..start].chars().map(|c| " ".repeat(c.len_utf8())).collect();
                let padded = format!("{blank}{text}");
                let (inner, diags) =
                    super::syntax::parse_expr(Text { file: expr.span.file, name: &source.name, text: &padded });
                if let (ExprKind::Traversal(traversal), true) = (inner.kind, diags.is_empty()) {
                    return Some(*traversal);
                }
            }
        }
        let detail = "A single static variable reference is required: only attribute access and indexing with constant keys. \
                      No calculations, function calls, template expressions, etc are allowed here.";
        self.error("Invalid expression", detail, &expr.span);
        None
    }
}

/// The blocks of the Terraform language.
const TERRAFORM_BLOCKS: &[&str] = &[
    "terraform",
    "required_providers",
    "provider",
    "variable",
    "locals",
    "output",
    "module",
    "resource",
    "data",
    "moved",
    "import",
    "removed",
    "check",
];

/// A body without some arguments and blocks.
fn without(body: &Body, attributes: &[&str], blocks: &[&str]) -> Body {
    let attributes: BTreeSet<&str> = attributes.iter().copied().collect();
    let blocks: BTreeSet<&str> = blocks.iter().copied().collect();
    Body {
        attributes: body.attributes.iter().filter(|a| !attributes.contains(&*a.name.name)).cloned().collect(),
        blocks: body.blocks.iter().filter(|b| !blocks.contains(&*b.kind.name)).cloned().collect(),
        span: body.span.clone(),
    }
}
