//! `.tftest.hcl` and `.tftest.json` files: what is run, with which values, and what is expected of it. Decoded here, carried out by `cli::test`.

use super::address::Mode;
use super::ast::{Attribute, Block, Body, Expr, ExprKind, ObjectItem, ObjectKey, StepKind, Traversal};
use super::decode::content::{Shape, check, check_labels, just_attributes};
use super::decode::{BAD_NAME, is_name};
use super::eval::{NoScope, eval};
use super::module::{CheckRule, ProviderRef};
use super::syntax::json::{is_json, parse_json_mocks, parse_json_test};
use super::syntax::{Text, parse_body};
use crate::diag::{Diagnostic, Span};
use std::collections::BTreeSet;
use straddle_sdk::value::{Str, Type};

/// Whether a file of this name is a test file.
pub fn is_test(name: &str) -> bool {
    name.ends_with(".tftest.hcl") || name.ends_with(".tftest.json")
}

/// Whether a file of this name holds values for mocks.
pub fn is_mock(name: &str) -> bool {
    name.ends_with(".tfmock.hcl") || name.ends_with(".tfmock.json")
}

/// A test file.
#[derive(Clone, Debug, Default)]
pub struct TestFile {
    /// Values for all runs.
    pub variables: Vec<Attribute>,
    /// `provider` blocks, which stand in for those of the configuration.
    pub providers: Vec<Block>,
    /// `mock_provider` blocks.
    pub mocks: Vec<MockProvider>,
    /// Overrides for all runs.
    pub overrides: Vec<Override>,
    /// In the order of the text.
    pub runs: Vec<Run>,
}

/// `run "name"`.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name.
    pub name: Str,
    /// Only plan.
    pub plan_only: bool,
    /// What is planned.
    pub options: PlanOptions,
    /// Values that win over the file's.
    pub variables: Vec<Attribute>,
    /// Another module than the one under test: its directory.
    pub module: Option<(Str, Span)>,
    /// Name in the module and configuration of the file.
    pub providers: Vec<(ProviderRef, ProviderRef)>,
    /// What must hold afterwards.
    pub asserts: Vec<CheckRule>,
    /// Objects whose conditions must fail.
    pub expect_failures: Vec<Traversal>,
    /// Overrides of this run.
    pub overrides: Vec<Override>,
    /// Runs of one key share a state.
    pub state_key: Option<Str>,
    /// The head of the block.
    pub span: Span,
}

/// `plan_options`.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Only bring the state up to date.
    pub refresh_only: bool,
    /// Do not read live objects first.
    pub no_refresh: bool,
    /// Addresses, as written.
    pub replace: Vec<Span>,
    /// Addresses, as written.
    pub target: Vec<Span>,
}

/// `mock_provider "name"`.
#[derive(Clone, Debug)]
pub struct MockProvider {
    /// The provider's local name.
    pub name: Str,
    /// Which configuration of it.
    pub alias: Option<Str>,
    /// A directory with more of it.
    pub source: Option<(Str, Span)>,
    /// Values by kind and type.
    pub types: Vec<MockType>,
    /// Values for single objects.
    pub overrides: Vec<Override>,
    /// The head of the block.
    pub span: Span,
}

/// `mock_resource "type"` and `mock_data "type"`.
#[derive(Clone, Debug)]
pub struct MockType {
    /// Which kind.
    pub mode: Mode,
    /// The type's name.
    pub ty: Str,
    /// What computed attributes are; an object.
    pub defaults: Option<Expr>,
    /// Whether they are known while planning.
    pub during_plan: bool,
}

/// `override_resource`, `override_data`, `override_module`.
#[derive(Clone, Debug)]
pub struct Override {
    /// Which kind.
    pub kind: OverrideKind,
    /// What is overridden.
    pub target: Traversal,
    /// `values` or `outputs`; an object.
    pub values: Option<Expr>,
    /// Whether they are known while planning.
    pub during_plan: bool,
    /// The head of the block.
    pub span: Span,
}

/// What an override is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OverrideKind {
    /// A managed resource.
    Resource,
    /// A data source.
    Data,
    /// A module call.
    Module,
}

/// Reads a test file. With errors the result holds all that could be read.
pub fn read(source: Text<'_>) -> (TestFile, Vec<Diagnostic>) {
    let (body, problems) = if is_json(source.name) { parse_json_test(source) } else { parse_body(source) };
    let mut reader = Reader { problems };
    let file = reader.file(&body);
    (file, reader.problems)
}

/// Reads a `.tfmock.hcl` or `.tfmock.json` file: `mock_resource` and `mock_data` blocks.
pub fn read_mocks(source: Text<'_>) -> (Vec<MockType>, Vec<Diagnostic>) {
    let (body, problems) = if is_json(source.name) { parse_json_mocks(source) } else { parse_body(source) };
    let mut reader = Reader { problems };
    let types = body.blocks.iter().filter_map(|block| reader.mock_type(block, false)).collect();
    (types, reader.problems)
}

struct Reader {
    problems: Vec<Diagnostic>,
}

const OVERRIDES: [(&str, &[&str]); 3] = [("override_resource", &[]), ("override_data", &[]), ("override_module", &[])];

impl Reader {
    fn error(&mut self, summary: &str, detail: impl Into<String>, span: &Span) {
        self.problems.push(Diagnostic::error(summary, detail).at(span));
    }

    fn file(&mut self, body: &Body) -> TestFile {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[],
            blocks: &[
                ("test", &[]),
                ("run", &["name"]),
                ("variables", &[]),
                ("provider", &["name"]),
                ("mock_provider", &["name"]),
                OVERRIDES[0],
                OVERRIDES[1],
                OVERRIDES[2],
            ],
        };
        check(body, &SHAPE, &mut self.problems);
        let mut file = TestFile::default();
        let mut providers = BTreeSet::new();
        let variables = self.once(body, "variables", "This test file").map(|block| &block.header);
        for block in &body.blocks {
            match &*block.kind.name {
                "run" => {
                    if let Some(run) = self.run(block) {
                        self.unique(&file, &run);
                        file.runs.push(run);
                    }
                }
                "variables" if variables == Some(&block.header) => file.variables.extend(self.arguments(block)),
                "variables" => {}
                "provider" if !block.labels.is_empty() => {
                    self.only_provider(&mut providers, block);
                    file.providers.push(block.clone());
                }
                "mock_provider" => {
                    self.only_provider(&mut providers, block);
                    file.mocks.extend(self.mock(block));
                }
                _ => self.take_override(block, &mut file.overrides),
            }
        }
        file
    }

    /// The only block of a kind; of several the first counts.
    fn once<'b>(&mut self, body: &'b Body, kind: &'static str, holder: &str) -> Option<&'b Block> {
        let mut all = body.blocks_of(kind);
        let first = all.next();
        for again in all {
            let detail = format!("{holder} already has a {kind} block defined.");
            self.error(&format!("Multiple {kind:?} blocks"), detail, &again.header);
        }
        first
    }

    /// The arguments of a block that has nothing else.
    fn arguments(&mut self, block: &Block) -> Vec<Attribute> {
        just_attributes(&block.body, &mut self.problems);
        block.body.attributes.clone()
    }

    fn unique(&mut self, file: &TestFile, run: &Run) {
        if file.runs.iter().any(|known| known.name == run.name) {
            let detail =
                format!("There is a run block named {:?} above. Names of runs are unique in a file.", &*run.name);
            self.error("Duplicate \"run\" block names", detail, &run.span);
        }
    }

    fn run(&mut self, block: &Block) -> Option<Run> {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[
                ("command", false),
                ("providers", false),
                ("expect_failures", false),
                ("state_key", false),
                ("parallel", false),
            ],
            blocks: &[
                ("plan_options", &[]),
                ("assert", &[]),
                ("variables", &[]),
                ("module", &[]),
                OVERRIDES[0],
                OVERRIDES[1],
                OVERRIDES[2],
            ],
        };
        let label = block.labels.first()?;
        let name = label.text.clone();
        if !is_name(&name) {
            self.error("Invalid run block name", BAD_NAME, &label.span);
        }
        let body = &block.body;
        check(body, &SHAPE, &mut self.problems);
        let inner = |kind: &'static str| body.blocks_of(kind);
        let plan_only = match body.attribute("command").map(|a| (a.expr.keyword(), &a.expr.span)) {
            None | Some((Some("apply"), _)) => false,
            Some((Some("plan"), _)) => true,
            Some((_, span)) => {
                let detail =
                    "The \"command\" argument requires one of the following keywords without quotes: apply or plan.";
                self.error("Invalid \"command\" keyword", detail, span);
                false
            }
        };
        let options =
            self.once(body, "plan_options", "This run block").map(|b| self.options(&b.body)).unwrap_or_default();
        Some(Run {
            name,
            plan_only,
            options,
            variables: self.once(body, "variables", "This run block").map(|b| self.arguments(b)).unwrap_or_default(),
            module: self.once(body, "module", "This run block").and_then(|b| self.module(b)),
            providers: body.attribute("providers").map(|a| self.providers(&a.expr)).unwrap_or_default(),
            asserts: inner("assert").filter_map(|b| self.assertion(b)).collect(),
            expect_failures: body.attribute("expect_failures").map(|a| self.traversals(&a.expr)).unwrap_or_default(),
            overrides: self.overrides(body),
            state_key: body.attribute("state_key").and_then(|a| a.expr.literal_text()).map(Str::new),
            span: block.header.clone(),
        })
    }

    fn options(&mut self, body: &Body) -> PlanOptions {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[("mode", false), ("refresh", false), ("replace", false), ("target", false)],
            blocks: &[],
        };
        check(body, &SHAPE, &mut self.problems);
        let refresh_only = match body.attribute("mode").map(|a| (a.expr.keyword(), &a.expr.span)) {
            None | Some((Some("normal"), _)) => false,
            Some((Some("refresh-only"), _)) => true,
            // `refresh-only` is one word of the language: identifiers may hold a dash.
            Some((_, span)) => {
                let detail = "The \"mode\" argument requires one of the following keywords: normal or refresh-only.";
                self.error("Invalid \"mode\" keyword", detail, span);
                false
            }
        };
        let no_refresh = body.attribute("refresh").is_some_and(|a| a.expr.keyword() == Some("false"));
        if let (true, true, Some(attribute)) = (refresh_only, no_refresh, body.attribute("refresh")) {
            let detail = "The \"refresh\" option cannot be set to false when running a test in \"refresh-only\" mode.";
            self.error("Incompatible plan options", detail, &attribute.expr.span);
        }
        let mut spans = |name: &str| -> Vec<Span> {
            let Some(attribute) = body.attribute(name) else { return Vec::new() };
            self.traversals(&attribute.expr).iter().map(whole).collect()
        };
        PlanOptions { refresh_only, no_refresh, replace: spans("replace"), target: spans("target") }
    }

    fn module(&mut self, block: &Block) -> Option<(Str, Span)> {
        const SHAPE: Shape<'_> = Shape { attributes: &[("source", false), ("version", false)], blocks: &[] };
        check(&block.body, &SHAPE, &mut self.problems);
        let Some(source) = block.body.attribute("source") else {
            let detail = "You must specify a source attribute when executing alternate modules during test executions.";
            self.error("Missing \"source\" attribute for module block", detail, &block.header);
            return None;
        };
        match source.expr.literal_text() {
            Some(text) => Some((Str::new(text), source.expr.span.clone())),
            None => {
                self.error("Invalid module source", "The source of a module is a constant text.", &source.expr.span);
                None
            }
        }
    }

    fn assertion(&mut self, block: &Block) -> Option<CheckRule> {
        const SHAPE: Shape<'_> = Shape { attributes: &[("condition", true), ("error_message", true)], blocks: &[] };
        check(&block.body, &SHAPE, &mut self.problems);
        let (condition, message) = (block.body.attribute("condition")?, block.body.attribute("error_message")?);
        if super::reference::references(&condition.expr).0.is_empty() {
            let detail = "The condition expression must refer to at least one object from elsewhere in the configuration, or \
                          else its result would not be checking anything.";
            self.error("Invalid assert expression", detail, &condition.expr.span);
        }
        Some(CheckRule {
            condition: condition.expr.clone(),
            error_message: message.expr.clone(),
            span: block.header.clone(),
        })
    }

    /// `{ name = name.alias }`.
    fn providers(&mut self, expr: &Expr) -> Vec<(ProviderRef, ProviderRef)> {
        let ExprKind::Object(items) = &expr.kind else {
            self.error("Invalid expression", "A static map expression is required.", &expr.span);
            return Vec::new();
        };
        let pair = |item: &ObjectItem| {
            let inner = match &item.key {
                ObjectKey::Name(name) => ProviderRef { name: name.name.clone(), alias: None, span: name.span.clone() },
                ObjectKey::Expr(key) => reference(key)?,
            };
            Some((inner, reference(&item.value)?))
        };
        let mut pairs = Vec::new();
        for item in items {
            match pair(item) {
                Some(pair) => pairs.push(pair),
                None => {
                    let detail = "A provider's name, or its name, a period and an alias, is required here.";
                    self.error("Invalid provider configuration reference", detail, &item.value.span);
                }
            }
        }
        pairs
    }

    fn traversals(&mut self, expr: &Expr) -> Vec<Traversal> {
        let ExprKind::Tuple(items) = &expr.kind else {
            self.error("Invalid expression", "A static list expression is required.", &expr.span);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.traversal(item)).collect()
    }

    fn traversal(&mut self, expr: &Expr) -> Option<Traversal> {
        if let ExprKind::Traversal(traversal) = &expr.kind {
            return Some((**traversal).clone());
        }
        let detail = "A single static variable reference is required: only attribute access and indexing with constant keys. \
                      No calculations, function calls, template expressions, etc are allowed here.";
        self.error("Invalid expression", detail, &expr.span);
        None
    }

    fn mock(&mut self, block: &Block) -> Option<MockProvider> {
        const SHAPE: Shape<'_> = Shape {
            attributes: &[("alias", false), ("source", false), ("override_during", false)],
            blocks: &[("mock_resource", &["type"]), ("mock_data", &["type"]), OVERRIDES[0], OVERRIDES[1], OVERRIDES[2]],
        };
        let name = block.labels.first()?.text.clone();
        let body = &block.body;
        check(body, &SHAPE, &mut self.problems);
        let during_plan = self.during(body);
        let text = |name: &str| Some((Str::new(body.attribute(name)?.expr.literal_text()?), body.attribute(name)?));
        let mut types: Vec<MockType> = Vec::new();
        for block in &body.blocks {
            let Some(one) = self.mock_type(block, during_plan) else { continue };
            if types.iter().any(|known| (known.mode, &known.ty) == (one.mode, &one.ty)) {
                let (kind, ty) = (&block.kind.name, &one.ty);
                let detail = format!("A {kind} block for {ty} has already been defined.");
                self.error(&format!("Duplicate {kind} block"), detail, &block.labels[0].span);
                continue;
            }
            types.push(one);
        }
        let overrides = self
            .overrides(body)
            .into_iter()
            .map(|o| Override { during_plan: o.during_plan || during_plan, ..o })
            .collect();
        Some(MockProvider {
            name,
            alias: text("alias").map(|(alias, _)| alias),
            source: text("source").map(|(source, a)| (source, a.expr.span.clone())),
            types,
            overrides,
            span: block.header.clone(),
        })
    }

    fn mock_type(&mut self, block: &Block, during_plan: bool) -> Option<MockType> {
        const SHAPE: Shape<'_> = Shape { attributes: &[("defaults", false), ("override_during", false)], blocks: &[] };
        let mode = match &*block.kind.name {
            "mock_resource" => Mode::Managed,
            "mock_data" => Mode::Data,
            _ => return None,
        };
        if !check_labels(block, &["type"], &mut Vec::new()) {
            return None;
        }
        check(&block.body, &SHAPE, &mut self.problems);
        let defaults = block.body.attribute("defaults").map(|a| a.expr.clone());
        if let Some(expr) = &defaults {
            self.problems.extend(eval(expr, &NoScope).1);
        }
        let during_plan = self.during(&block.body) || during_plan;
        Some(MockType { mode, ty: block.labels.first()?.text.clone(), defaults, during_plan })
    }

    fn during(&mut self, body: &Body) -> bool {
        match body.attribute("override_during").map(|a| (a.expr.keyword(), a)) {
            None | Some((Some("apply"), _)) => false,
            Some((Some("plan"), _)) => true,
            Some((_, attribute)) => {
                let detail = "The override_during attribute must be a value of plan or apply.";
                self.error("Invalid override_during value", detail, &entire(attribute));
                false
            }
        }
    }

    /// An override; `None` for other blocks.
    fn overriding(&mut self, block: &Block) -> Option<Override> {
        const VALUES: Shape<'_> =
            Shape { attributes: &[("target", false), ("values", false), ("override_during", false)], blocks: &[] };
        const OUTPUTS: Shape<'_> =
            Shape { attributes: &[("target", false), ("outputs", false), ("override_during", false)], blocks: &[] };
        let (kind, shape, values) = match &*block.kind.name {
            "override_resource" => (OverrideKind::Resource, &VALUES, "values"),
            "override_data" => (OverrideKind::Data, &VALUES, "values"),
            "override_module" => (OverrideKind::Module, &OUTPUTS, "outputs"),
            _ => return None,
        };
        check(&block.body, shape, &mut self.problems);
        let target = match block.body.attribute("target") {
            Some(attribute) => self.traversal(&attribute.expr).map(|target| (target, attribute)),
            None => {
                let detail = format!("{} blocks must specify a target address.", &*block.kind.name);
                self.error("Missing target attribute", detail, &block.header);
                None
            }
        };
        let given = block.body.attribute(values);
        if let Some(attribute) = given {
            self.object(block, attribute);
        }
        let during_plan = self.during(&block.body);
        let (target, attribute) = target?;
        let (fits, what) = match (kind, targeted(&target)) {
            (OverrideKind::Resource, of) => (of == Some(OverrideKind::Resource), "resources"),
            (OverrideKind::Data, of) => (of == Some(OverrideKind::Data), "data sources"),
            (OverrideKind::Module, of) => (of == Some(OverrideKind::Module), "modules"),
        };
        if !fits {
            let (kind, target) = (&block.kind.name, shown(&target));
            let detail = format!("You can only target {what} from {kind} blocks, not {target}.");
            self.error("Invalid override target", detail, &entire(attribute));
            return None;
        }
        let values = given.map(|a| a.expr.clone());
        Some(Override { kind, target, values, during_plan, span: block.header.clone() })
    }

    /// The overrides of a body, one for each target.
    fn overrides(&mut self, body: &Body) -> Vec<Override> {
        let mut all: Vec<Override> = Vec::new();
        body.blocks.iter().for_each(|block| self.take_override(block, &mut all));
        all
    }

    fn take_override(&mut self, block: &Block, all: &mut Vec<Override>) {
        let Some(one) = self.overriding(block) else { return };
        let target = shown(&one.target);
        if all.iter().any(|known| shown(&known.target) == target) {
            let kind = &block.kind.name;
            let detail = format!("An {kind} block targeting {target} has already been defined.");
            return self.error(&format!("Duplicate {kind} block"), detail, &one.span);
        }
        all.push(one);
    }

    /// What stands in for something is an object that needs nothing.
    fn object(&mut self, block: &Block, attribute: &Attribute) {
        let (value, problems) = eval(&attribute.expr, &NoScope);
        self.problems.extend(problems);
        if !matches!(value.ty(), Type::Object(_)) {
            let name = &*attribute.name.name;
            let article = if name == "outputs" { "an" } else { "a" };
            let detail =
                format!("{} blocks must specify {article} {name} attribute that is an object.", &*block.kind.name);
            self.error(&format!("Invalid {name} attribute"), detail, &entire(attribute));
        }
    }

    /// A provider is configured once, or mocked once.
    fn only_provider(&mut self, known: &mut BTreeSet<String>, block: &Block) {
        let Some(label) = block.labels.first() else { return };
        let alias = block.body.attribute("alias").and_then(|a| a.expr.literal_text());
        let name = alias.map_or_else(|| label.text.to_string(), |alias| format!("{}.{alias}", label.text));
        if !known.insert(name.clone()) {
            let detail = format!("A provider for {name} is already defined.");
            self.error("Duplicate provider block", detail, &block.header);
        }
    }
}

/// An argument from its name to the end of its value.
fn entire(attribute: &Attribute) -> Span {
    let mut span = attribute.name.span.clone();
    span.range.end = attribute.expr.span.range.end;
    span
}

/// What an address leads to; `None`: nothing that could be overridden.
fn targeted(target: &Traversal) -> Option<OverrideKind> {
    let mut names =
        std::iter::once(&*target.root.name).chain(target.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Attr(name) => Some(&**name),
            StepKind::Index(_) => None,
        }));
    loop {
        match names.next() {
            None => return Some(OverrideKind::Module),
            Some("module") => _ = names.next()?,
            Some("data") => return Some(OverrideKind::Data),
            Some(_) => return Some(OverrideKind::Resource),
        }
    }
}

/// An address as it is written.
fn shown(target: &Traversal) -> String {
    let mut text = target.root.name.to_string();
    for step in &target.steps {
        match &step.kind {
            StepKind::Attr(name) => text.push_str(&format!(".{name}")),
            StepKind::Index(key) => match key.0.as_str() {
                Some(key) => text.push_str(&format!("[{}]", super::display::go_quoted(key))),
                None => text.push_str(&format!("[{}]", key.0.as_num().map_or(String::new(), ToString::to_string))),
            },
        }
    }
    text
}

/// From the root to the last step.
fn whole(traversal: &Traversal) -> Span {
    let mut span = traversal.root.span.clone();
    if let Some(last) = traversal.steps.last() {
        span.range.end = last.span.range.end;
    }
    span
}

/// `name` or `name.alias`.
fn reference(expr: &Expr) -> Option<ProviderRef> {
    let ExprKind::Traversal(traversal) = &expr.kind else { return None };
    let alias = match traversal.steps.as_slice() {
        [] => None,
        [step] => match &step.kind {
            StepKind::Attr(alias) => Some(alias.clone()),
            StepKind::Index(_) => return None,
        },
        _ => return None,
    };
    Some(ProviderRef { name: traversal.root.name.clone(), alias, span: expr.span.clone() })
}
