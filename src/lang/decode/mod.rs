//! Files to a [`Module`]: pure. Reading them is [`super::load`]'s.

pub(crate) mod content;
mod endpoint;
mod merge;
mod modules;
mod parts;
pub(crate) mod providers;
mod provisioner;
mod required;
mod resource;
mod rules;
mod settings;
mod values;

use super::ast::{Attribute, Block, Body, Expr, ExprKind, Ident, Traversal};
use super::eval::{NoScope, beginning, eval};
use super::module::{Module, Resource};
use super::syntax::json::{is_json, parse_json_body};
use super::syntax::{TOP_LEVEL, Text, is_top_level, parse_body, parse_expr};
use crate::diag::{Diagnostic, FileId, Sources, Span};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Str, Type, Value, convert};

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
///
/// Diagnostics come in Terraform's order: file by file what is wrong inside, its syntax first; then what only the module as a whole
/// shows, such as names declared twice.
pub fn decode(files: &ModuleFiles, sources: &Sources) -> (Module, Vec<Diagnostic>) {
    let mut decoder = Decoder::new(sources);
    let mut blocks = Vec::new();
    for file in &files.primary {
        blocks.extend(decoder.parse(*file));
    }
    for file in &files.overrides {
        let over = decoder.parse(*file);
        merge::merge(&mut blocks, over, &mut decoder);
    }
    let syntax = std::mem::take(&mut decoder.diags);
    // What stands in checks is declared after everything else.
    let (checks, others): (Vec<Block>, Vec<Block>) = blocks.into_iter().partition(|block| &*block.kind.name == "check");
    others.into_iter().chain(checks).for_each(|block| decoder.block(block));
    decoder.whole_module();
    let Decoder { top, diags, shapes, begun, later, whole, module, broken_json, .. } = decoder;
    let order: BTreeMap<FileId, usize> =
        files.primary.iter().chain(&files.overrides).enumerate().map(|(at, file)| (*file, at)).collect();
    let place = |diag: &Diagnostic, stage: u8| {
        let span = diag.span.as_ref().or(diag.related.first().map(|(span, _)| span));
        // Errors of syntax come as they were found, and what is wrong with JSON itself before what follows from it.
        let at = |span: &Span| if stage == 0 || broken_json { 0 } else { span.range.start };
        span.map(|span| (order.get(&span.file).copied(), stage, at(span)))
    };
    // By block; what is wrong with its shape first.
    let block = |shape: bool, at: usize| {
        let before = |(_, diags, shapes): &(usize, usize, usize)| if shape { *shapes <= at } else { *diags <= at };
        begun.partition_point(before).checked_sub(1).map(|block| begun[block].0)
    };
    let mut staged = Vec::with_capacity(syntax.len() + diags.len() + shapes.len() + later.len());
    staged.extend(syntax.into_iter().map(|diag| (0, None, true, diag)));
    staged.extend(top.into_iter().map(|diag| (1, None, true, diag)));
    staged.extend(shapes.into_iter().enumerate().map(|(at, diag)| (2, block(true, at), false, diag)));
    staged.extend(diags.into_iter().enumerate().map(|(at, diag)| (2, block(false, at), true, diag)));
    staged.extend(later.into_iter().map(|diag| (3, None, true, diag)));
    staged.sort_by_key(|(stage, block, after, diag)| {
        let (file, stage, at) = place(diag, *stage).map_or((None, *stage, 0), |place| place);
        (file, stage, *block, *after, at)
    });
    (module, staged.into_iter().map(|(.., diag)| diag).chain(whole).collect())
}

/// Decodes one `resource` or `data` block that stands elsewhere than at the top of a file: in a replica template.
pub fn decode_resource(block: &Block, problems: &mut Vec<Diagnostic>) -> Option<Resource> {
    let sources = Sources::default();
    let mut decoder = Decoder::new(&sources);
    let resource = decoder.read_resource(block, false);
    problems.append(&mut decoder.shapes);
    problems.append(&mut decoder.diags);
    problems.append(&mut decoder.later);
    resource
}

struct Decoder<'a> {
    sources: &'a Sources,
    module: Module,
    /// Variables an override file says something of: the place, and whether it gives a type and a default.
    overridden: BTreeMap<Str, (Span, bool, bool)>,
    /// What is wrong outside of all blocks.
    top: Vec<Diagnostic>,
    /// What is wrong inside a block.
    diags: Vec<Diagnostic>,
    /// What a block has that it may not have, or misses: said before all else of the block.
    shapes: Vec<Diagnostic>,
    /// Where blocks begin, and how many diagnostics of both kinds there were before.
    begun: Vec<(usize, usize, usize)>,
    /// The same, said after all else of its file.
    later: Vec<Diagnostic>,
    /// What the module as a whole shows.
    whole: Vec<Diagnostic>,
    /// Where each name was declared: kind of declaration and name.
    places: BTreeMap<(&'static str, Str), Span>,
    /// A file is not JSON though it should be.
    broken_json: bool,
}

/// What Terraform says of a reference in quotes.
const QUOTED: &str = "In this context, references are expected literally rather than in quotes. Terraform 0.11 and earlier \
                      required quotes, but quoted references are now deprecated and will be removed in a future version of \
                      Terraform. Remove the quotes surrounding this reference to silence this warning.";

/// What Terraform says of a name that is none.
pub(crate) const BAD_NAME: &str =
    "A name must start with a letter or underscore and may contain only letters, digits, underscores, and dashes.";

/// Whether a text is a name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && super::address::ident_len(text) == text.len()
}

impl<'a> Decoder<'a> {
    fn new(sources: &'a Sources) -> Decoder<'a> {
        Decoder {
            sources,
            module: Module::default(),
            top: Vec::new(),
            diags: Vec::new(),
            shapes: Vec::new(),
            begun: Vec::new(),
            later: Vec::new(),
            whole: Vec::new(),
            overridden: BTreeMap::new(),
            places: BTreeMap::new(),
            broken_json: false,
        }
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

    fn warning(&mut self, summary: &str, detail: impl Into<String>, span: &Span) {
        self.diags.push(Diagnostic::warning(summary, detail).at(span));
    }

    /// A place as messages write it.
    fn place(&self, span: &Span) -> String {
        self.sources.place(span).unwrap_or_default()
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
            self.whole.push(Diagnostic::error(summary, detail).at(span).related(&first, "declared here"));
            return false;
        }
        self.places.insert((what, name), span.clone());
        true
    }

    /// Reports what a block has that it may not have, and what it misses.
    fn check(&mut self, body: &Body, shape: &content::Shape<'_>) {
        content::check(body, shape, &mut self.shapes);
    }

    fn block(&mut self, block: Block) {
        self.begun.push((block.kind.span.range.start, self.diags.len(), self.shapes.len()));
        match &*block.kind.name {
            "variable" => self.variable(&block),
            "locals" => self.locals(&block),
            "output" => self.output(&block),
            "provider" => self.provider(&block),
            "resource" | "data" | "ephemeral" => self.resource(&block),
            "module" => self.module_call(&block),
            "terraform" => self.terraform(&block),
            "moved" => self.moved(&block),
            "import" => self.import(&block),
            "removed" => self.removed(&block),
            "check" => self.check_block(&block),
            "required_providers" => {
                let detail = "A \"required_providers\" block must be nested inside a \"terraform\" block.";
                self.error("Invalid required_providers block", detail, &block.kind.span);
            }
            kind => {
                let own =
                    self.sources.files.get(block.kind.span.file.0 as usize).is_some_and(|s| takes_own_blocks(&s.name));
                if own && is_top_level(kind) {
                    self.module.own.push(block);
                } else {
                    let others = if own { TOP_LEVEL } else { &[] };
                    let near = super::suggest::nearest(kind, TERRAFORM_BLOCKS.iter().chain(others).copied());
                    let mut diag = content::unsupported_block(&block, false, near);
                    if is_top_level(kind) {
                        diag = diag.help("Blocks of straddle's own stand in files whose name ends in .straddle.hcl.");
                    }
                    self.top.push(diag);
                }
            }
        }
    }

    /// What only shows when all blocks are known.
    fn whole_module(&mut self) {
        self.check_settings();
        self.check_imports();
    }

    /// Reports a name that is none. True if it is one.
    fn valid_name(&mut self, summary: &str, name: &str, span: &Span) -> bool {
        if !is_name(name) {
            self.error(summary, BAD_NAME, span);
        }
        is_name(name)
    }

    /// The value of a constant expression as a type; reports what it is not.
    fn constant(&mut self, expr: &Expr, ty: &Type) -> Option<Value> {
        let (value, diags) = eval(expr, &NoScope);
        let failed = !diags.is_empty();
        self.diags.extend(diags);
        match convert(&value, ty) {
            _ if failed => None,
            Ok(value) if value.is_null() => {
                let place = self.value_place(expr);
                self.error("Unsuitable value type", "Unsuitable value: null value is not allowed", &place);
                None
            }
            Ok(value) => Some(value),
            Err(problem) => {
                let place = self.value_place(expr);
                self.error("Unsuitable value type", format!("Unsuitable value: {problem}"), &place);
                None
            }
        }
    }

    /// What of a value of a wrong type is pointed at: in JSON the whole of it.
    fn value_place(&self, expr: &Expr) -> Span {
        let source = self.sources.files.get(expr.span.file.0 as usize);
        if source.is_some_and(|source| is_json(&source.name)) { expr.span.clone() } else { beginning(expr) }
    }

    fn constant_text(&mut self, attribute: Option<&Attribute>) -> Option<(Str, Span)> {
        let attribute = attribute?;
        let value = self.constant(&attribute.expr, &Type::String)?;
        Some((Str::new(value.as_str()?), attribute.expr.span.clone()))
    }

    fn constant_bool(&mut self, attribute: Option<&Attribute>) -> Option<bool> {
        self.constant(&attribute?.expr, &Type::Bool)?.as_bool()
    }

    /// The references of `depends_on`.
    fn depends_on(&mut self, body: &Body) -> Vec<Traversal> {
        let Some(attribute) = body.attribute("depends_on") else { return Vec::new() };
        let items = self.list(&attribute.expr);
        items.iter().filter_map(|item| self.quoted_reference(item)).collect()
    }

    /// The items of a list written out.
    fn list<'e>(&mut self, expr: &'e Expr) -> &'e [Expr] {
        match &expr.kind {
            ExprKind::Tuple(items) => items,
            _ => {
                self.error("Invalid expression", "A static list expression is required.", &beginning(expr));
                &[]
            }
        }
    }

    /// Whether what stands where a reference is to stand may be one: in JSON syntax only text may. Reports it if not.
    fn reads_as_reference(&mut self, of: &Attribute, expr: &Expr) -> bool {
        let text = of.json.is_none() || !matches!(expr.kind, ExprKind::Tuple(_) | ExprKind::Object(_));
        if !text {
            self.error("Invalid reference expression", "A single reference string is required.", &expr.span);
        }
        text
    }

    /// A reference.
    fn reference(&mut self, expr: &Expr) -> Option<Traversal> {
        if let Some(traversal) = expr.as_traversal() {
            return Some(traversal);
        }
        let detail = "A single static variable reference is required: only attribute access and indexing with constant keys. \
                      No calculations, function calls, template expressions, etc are allowed here.";
        self.error("Invalid expression", detail, &expr.span);
        None
    }

    /// A reference, also one in quotes as Terraform 0.11 wanted it.
    fn quoted_reference(&mut self, expr: &Expr) -> Option<Traversal> {
        match self.unquoted(expr) {
            Some(traversal) => Some(traversal),
            None => self.reference(expr),
        }
    }

    /// The reference an expression is, or that stands in its quotes; with a warning then.
    fn unquoted(&mut self, expr: &Expr) -> Option<Traversal> {
        if let Some(traversal) = expr.as_traversal() {
            return Some(traversal);
        }
        let (text, source) = (expr.literal_text()?, self.sources.files.get(expr.span.file.0 as usize)?);
        // Escapes make no reference.
        let (start, end) = (expr.span.range.start + 1, expr.span.range.end.saturating_sub(1));
        if source.text.get(start..end) != Some(text) {
            return None;
        }
        let root = super::address::ident_len(text);
        // Here no name has a meaning of its own.
        let plain = if matches!(&text[..root], "null" | "true" | "false") { "_" } else { "" };
        let alone = format!("{plain}{}", &text[plain.len()..]);
        let (inner, diags) = parse_expr(Text { file: expr.span.file, name: &source.name, text: &alone });
        let (ExprKind::Traversal(mut traversal), true) = (inner.kind, diags.is_empty()) else {
            return self.broken_reference(text, start, &expr.span);
        };
        traversal.root.name = Str::new(&text[..root]);
        // To where it stands in the file.
        let spans =
            std::iter::once(&mut traversal.root.span).chain(traversal.steps.iter_mut().map(|step| &mut step.span));
        for span in spans {
            span.range = span.range.start + start..span.range.end + start;
        }
        self.warning("Quoted references are deprecated", QUOTED, &expr.span);
        Some(*traversal)
    }

    /// A text in quotes that begins with a name and goes on with what is no step.
    fn broken_reference(&mut self, text: &str, start: usize, quoted: &Span) -> Option<Traversal> {
        let name = super::address::ident_len(text);
        let next = text.get(name..)?.chars().next()?;
        let json = self.sources.files.get(quoted.file.0 as usize).is_some_and(|source| is_json(&source.name));
        if name == 0 || json || matches!(next, '.' | '[') {
            return None;
        }
        let at = start + name;
        let span = Span { file: quoted.file, range: at..at + next.len_utf8() };
        self.error("Invalid character", "Expected an attribute access or an index operator.", &span);
        self.warning("Quoted references are deprecated", QUOTED, quoted);
        let span = Span { file: quoted.file, range: start..at };
        Some(Traversal { root: Ident { name: Str::new(&text[..name]), span }, steps: Vec::new() })
    }

    /// Notes a `_` block, whose arguments are never meta-arguments. Only one may be; `first` is the one seen before.
    fn escape_block<'b>(&mut self, first: &mut Option<&'b Block>, block: &'b Block, meaning: &str, owner: &str) {
        let Some(first) = first else {
            *first = Some(block);
            return;
        };
        let detail = format!(
            "The special block type \"_\" can be used to force particular arguments to be interpreted as {meaning} rather than \
             as meta-arguments, but each {owner} can have only one such block. The first escaping block was at {}.",
            self.place(&first.header)
        );
        self.error("Duplicate escaping block", detail, &block.header);
    }

    /// Refuses a block of a type Terraform keeps for later.
    fn reserved_block(&mut self, block: &Block, owner: &str) {
        let detail = format!(
            "The block type name {:?} is reserved for use by Terraform in a future version.",
            &*block.kind.name
        );
        self.error(&format!("Reserved block type name in {owner} block"), detail, &block.kind.span);
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
    "ephemeral",
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
        merged: body.merged,
    }
}
