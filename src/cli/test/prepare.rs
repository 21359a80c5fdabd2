//! A run made ready: the module it is about with the values, providers, mocks and overrides the test file gives.

use super::add_source;
use super::scope::FileScope;
use crate::cli::args::{Assignment, TestArgs};
use crate::cli::session::Project;
use crate::diag::{Diagnostic, Sources, Span};
use crate::fleet::mock::{MockValues, StandIn};
use crate::lang::address::Mode;
use crate::lang::ast::{Block, Body, Expr, ExprKind, Literal, StepKind, Traversal};
use crate::lang::eval::{Scope, eval};
use crate::lang::load::{self, Config};
use crate::lang::module::{Module, Output, ProviderConfig, ProviderRef};
use crate::lang::syntax::Text;
use crate::lang::test_file::{self, MockProvider, MockType, Override, OverrideKind, Run, TestFile};
use crate::lang::variables::Given;
use crate::plan::providers::{local_name, source_named};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use straddle_sdk::value::{Str, Type, Value};

/// What a run is made from.
pub struct Script<'a> {
    /// The directory of the module under test.
    pub root: &'a Path,
    /// The test file's path below it, and its text.
    pub path: &'a str,
    pub text: &'a str,
    /// Which run of the file.
    pub at: usize,
    pub args: &'a TestArgs,
    /// Outputs of the runs before.
    pub runs: &'a BTreeMap<Str, Value>,
}

/// A run made ready.
pub struct Prepared {
    pub project: Project,
    pub file: TestFile,
    /// Values of variables that the file may refer to.
    pub variables: BTreeMap<Str, Value>,
}

impl Prepared {
    /// The run itself.
    pub fn run(&self, at: usize) -> &Run {
        &self.file.runs[at]
    }
}

/// The directory of the module a run is about.
pub fn directory(root: &Path, run: &Run) -> std::path::PathBuf {
    run.module.as_ref().map_or_else(|| root.to_path_buf(), |(source, _)| root.join(&**source))
}

/// Reads the module of a run and gives it what the file says.
pub fn prepare(script: &Script<'_>) -> Prepared {
    let mut kept = (TestFile::default(), BTreeMap::new(), Vec::new());
    // Which directory is known before its texts are numbered.
    let first = test_file::read(Text { file: crate::diag::FileId(0), name: script.path, text: script.text }).0;
    let dir = first.runs.get(script.at).map_or_else(|| script.root.to_path_buf(), |run| directory(script.root, run));
    let mut project = Project::read_changed(&dir, script.root, &script.args.vars, &mut |config, sources, problems| {
        let file = add_source(sources, script.path, script.text);
        let (read, found) = test_file::read(Text { file, name: script.path, text: script.text });
        problems.extend(found);
        let (given, variables, stand_ins) = change(script, &read, config, sources, problems);
        kept = (read, variables, stand_ins);
        given
    });
    let (file, variables, stand_ins) = kept;
    project.stand_ins = stand_ins;
    let name = file.runs.get(script.at).map_or("", |run| &run.name);
    for problem in project.problems.iter_mut().filter(|p| p.summary == "No value for required variable") {
        let variable = problem.detail.split('"').nth(1).unwrap_or_default();
        problem.detail = format!(
            "The module under test for run block {name:?} has a required variable {variable:?} with no set value. Use a -var or -var-file \
             command line argument or add this variable into a \"variables\" block within the test file or run block."
        );
    }
    Prepared { project, file, variables }
}

type Changed = (Vec<(Str, Given)>, BTreeMap<Str, Value>, Vec<StandIn>);

fn change(
    script: &Script<'_>,
    file: &TestFile,
    config: &mut Config,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Changed {
    let Some(run) = file.runs.get(script.at) else { return Changed::default() };
    if let Some((source, span)) = &run.module
        && !(source.starts_with("./") || source.starts_with("../"))
    {
        let detail = format!("{:?} is not in a local directory (\"./...\" or \"../...\").", &**source);
        problems.push(Diagnostic::error("Module not installed", detail).at(span));
    }
    let mut variables: BTreeMap<Str, Value> = BTreeMap::new();
    for text in script.args.vars.assignments.iter().filter_map(Assignment::value) {
        if let Some((name, value)) = text.split_once('=') {
            variables.insert(Str::new(name.trim()), Value::string(value));
        }
    }
    let mut given = Vec::new();
    for attribute in file.variables.iter().chain(&run.variables) {
        let scope =
            FileScope { variables: &variables, runs: script.runs, functions: super::run::functions(script.root) };
        let (value, found) = eval(&attribute.expr, &scope);
        let failed = found.iter().any(Diagnostic::is_error);
        problems.extend(found);
        if failed {
            continue;
        }
        let name = attribute.name.name.clone();
        if config.module.variables.contains_key(&name) {
            given.push((name.clone(), Given::Value(value.clone(), Some(attribute.expr.span.clone()))));
        }
        variables.insert(name, value);
    }
    let scope = FileScope { variables: &variables, runs: script.runs, functions: super::run::functions(script.root) };
    let mut changer = Changer {
        config,
        problems,
        scope: &scope,
        stand_ins: Vec::new(),
        elsewhere: run.module.is_some(),
        own: run.overrides.iter().map(|one| one.span.clone()).collect(),
    };
    changer.providers(file, run);
    for mock in &file.mocks {
        let types = changer.more_types(mock, script.root, sources);
        changer.mock(mock, &types, run);
    }
    let overrides = file.mocks.iter().flat_map(|m| &m.overrides).chain(&file.overrides).chain(&run.overrides);
    for (number, one) in overrides.enumerate() {
        changer.overriding(one, number);
    }
    let stand_ins = changer.stand_ins;
    (given, variables, stand_ins)
}

/// Changes a configuration to what a file wants.
struct Changer<'a> {
    config: &'a mut Config,
    problems: &'a mut Vec<Diagnostic>,
    scope: &'a dyn Scope,
    stand_ins: Vec<StandIn>,
    /// The run is about another module than the file.
    elsewhere: bool,
    /// The overrides of the run itself.
    own: Vec<Span>,
}

impl Changer<'_> {
    fn error(&mut self, summary: &str, detail: impl Into<String>, span: &Span) {
        self.problems.push(Diagnostic::error(summary, detail).at(span));
    }

    /// `provider` blocks of the file in the place of the configuration's own.
    fn providers(&mut self, file: &TestFile, run: &Run) {
        let written: Vec<ProviderConfig> = file.providers.iter().filter_map(config_of).collect();
        for one in written {
            for (name, alias) in names_in_module(&one.name, one.alias.as_ref(), run) {
                let all = &mut self.config.module.providers;
                all.retain(|p| (&p.name, &p.alias) != (&name, &alias));
                all.push(ProviderConfig { name, alias, ..one.clone() });
            }
        }
    }

    /// The types of a mock, with those of the files of its directory.
    fn more_types(&mut self, mock: &MockProvider, root: &Path, sources: &mut Sources) -> Vec<MockType> {
        let Some((source, span)) = &mock.source else { return mock.types.clone() };
        let dir = root.join(&**source);
        let names = match load::names(&dir) {
            Ok(names) => names,
            Err(error) => {
                self.error("Mock data not read", format!("{source:?} cannot be read: {error}."), span);
                return mock.types.clone();
            }
        };
        let mut types = Vec::new();
        for name in names.iter().filter(|n| test_file::is_mock(n)) {
            match load::read(&dir.join(name), format!("{source}/{name}"), sources) {
                Err(problem) => self.problems.push(*problem),
                Ok(file) => {
                    let text = sources.files[file.0 as usize].text.clone();
                    let (found, problems) = test_file::read_mocks(Text { file, name, text: &text });
                    self.problems.extend(problems);
                    types.extend(found);
                }
            }
        }
        // What the file itself says wins.
        types.extend(mock.types.iter().cloned());
        types
    }

    fn values(&mut self, expr: Option<&Expr>) -> Option<Value> {
        let expr = expr?;
        let (value, found) = eval(expr, self.scope);
        let failed = found.iter().any(Diagnostic::is_error);
        self.problems.extend(found);
        if !failed && value.entries().is_none() {
            self.error("Invalid mock value", "The values of a mock are an object.", &expr.span);
        }
        (!failed && value.entries().is_some()).then_some(value)
    }

    fn mock(&mut self, mock: &MockProvider, types: &[MockType], run: &Run) {
        let mut by_type = BTreeMap::new();
        for one in types {
            let values = self.values(one.defaults.as_ref());
            by_type.insert((one.mode, one.ty.clone()), MockValues { values, during_plan: one.during_plan });
        }
        for (name, alias) in names_in_module(&mock.name, mock.alias.as_ref(), run) {
            let source = source_named(&self.config.module, &name);
            // Nothing configures what is not there.
            for written in &mut self.config.module.providers {
                if (&written.name, &written.alias) == (&name, &alias) {
                    let body = Body {
                        attributes: Vec::new(),
                        blocks: Vec::new(),
                        span: written.body.span.clone(),
                        merged: false,
                    };
                    written.body = Arc::new(body);
                }
            }
            self.stand_ins.push(StandIn { source, module: String::new(), alias, types: by_type.clone() });
        }
    }

    fn overriding(&mut self, one: &Override, number: usize) {
        let (path, rest) = steps(&one.target);
        if one.kind == OverrideKind::Module {
            return self.module(one, &path);
        }
        let (mode, ty, name) = match rest.as_slice() {
            [data, ty, name] if &**data == "data" => (Mode::Data, ty, name),
            [ty, name] => (Mode::Managed, ty, name),
            _ => return self.bad_target(one),
        };
        let values = self.values(one.values.as_ref());
        let implied = local_name(ty);
        let Some(config) = child(self.config, &path) else { return self.bad_target(one) };
        let Some(resource) = config.module.resources.get_mut(&(mode, ty.clone(), name.clone())) else {
            return self.bad_target(one);
        };
        let local = resource.provider.as_ref().map_or_else(|| Str::new(implied), |p| p.name.clone());
        // A configuration of its own: whoever is asked about this resource is the stand-in.
        let alias = Str::from(format!("straddle-override-{number}"));
        let reference = ProviderRef { name: local.clone(), alias: Some(alias.clone()), span: one.span.clone() };
        resource.provider = Some(reference);
        // What runs beside a real object does not run beside one that is not there.
        resource.provisioners.clear();
        let source = source_named(&config.module, &local);
        let body = Body { attributes: Vec::new(), blocks: Vec::new(), span: one.span.clone(), merged: false };
        let written = ProviderConfig {
            name: local,
            alias: Some(alias.clone()),
            versioned: false,
            body: Arc::new(body),
            span: one.span.clone(),
        };
        config.module.providers.push(written);
        let types = BTreeMap::from([((mode, ty.clone()), MockValues { values, during_plan: one.during_plan })]);
        let module = path.iter().map(|name| format!("module.{name}")).collect::<Vec<_>>().join(".");
        self.stand_ins.push(StandIn { source, module, alias: Some(alias), types });
    }

    /// A module call that only has the outputs given; the others are null.
    fn module(&mut self, one: &Override, path: &[Str]) {
        let values = self.values(one.values.as_ref());
        let Some(config) = child(self.config, path).filter(|_| !path.is_empty()) else { return self.bad_target(one) };
        let outputs = config.module.outputs.iter().map(|(name, output)| {
            let value = values.as_ref().and_then(|v| v.get(name)).cloned().unwrap_or(Value::null(Type::Dynamic));
            let expr = Expr { kind: ExprKind::Literal(Literal(value)), span: one.span.clone() };
            (
                name.clone(),
                Output { value: Some(expr), depends_on: Vec::new(), preconditions: Vec::new(), ..output.clone() },
            )
        });
        let outputs = outputs.collect();
        let variables = config.module.variables.clone();
        let variables = variables
            .into_iter()
            .map(|(name, variable)| (name, crate::lang::module::Variable { validations: Vec::new(), ..variable }))
            .collect();
        config.module = Module { variables, outputs, ..Module::default() };
        config.children.clear();
    }

    fn bad_target(&mut self, one: &Override) {
        // What the whole file overrides may be missing in the other module that one run is about.
        if self.elsewhere && !self.own.contains(&one.span) {
            return;
        }
        let detail = "The configuration has nothing there. A target is a resource, a data source or a module call, without keys, for \
                      example aws_instance.web, module.net.aws_vpc.main or module.net.";
        self.error("Invalid override target", detail, &one.target.root.span);
    }
}

/// A `provider` block.
fn config_of(block: &Block) -> Option<ProviderConfig> {
    let alias = block.body.attribute("alias").and_then(|a| a.expr.literal_text()).map(Str::new);
    let rest = block.body.attributes.iter().filter(|a| !matches!(&*a.name.name, "alias" | "version"));
    let body = Body { attributes: rest.cloned().collect(), ..(*block.body).clone() };
    let name = block.labels.first()?.text.clone();
    Some(ProviderConfig { name, alias, versioned: false, body: Arc::new(body), span: block.header.clone() })
}

/// What a configuration of the file is called in the module: by its own name, unless the run passes configurations on.
fn names_in_module(name: &Str, alias: Option<&Str>, run: &Run) -> Vec<(Str, Option<Str>)> {
    if run.providers.is_empty() {
        return vec![(name.clone(), alias.cloned())];
    }
    let passed = run.providers.iter().filter(|(_, outer)| outer.name == *name && outer.alias.as_ref() == alias);
    passed.map(|(inner, _)| (inner.name.clone(), inner.alias.clone())).collect()
}

/// The module names of a target, and what follows them.
fn steps(target: &Traversal) -> (Vec<Str>, Vec<Str>) {
    let mut words: Vec<Str> = vec![target.root.name.clone()];
    for step in &target.steps {
        match &step.kind {
            StepKind::Attr(name) => words.push(name.clone()),
            // No single instance can be overridden: nothing is found at such a name.
            StepKind::Index(_) => words.push(Str::new("[]")),
        }
    }
    let (mut path, mut rest) = (Vec::new(), words.as_slice());
    while let [module, name, more @ ..] = rest {
        if &**module != "module" {
            break;
        }
        path.push(name.clone());
        rest = more;
    }
    (path, rest.to_vec())
}

fn child<'c>(config: &'c mut Config, path: &[Str]) -> Option<&'c mut Config> {
    path.iter().try_fold(config, |config, name| config.children.get_mut(name))
}
