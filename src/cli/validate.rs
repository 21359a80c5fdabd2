//! `validate`: what can be told of the spec without looking at anything live (`-rules` is `simulate`'s).

use super::Exit;
use super::args::ValidateArgs;
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::lang::ast::ExprKind;
use crate::lang::builtin;
use crate::lang::eval::{Scope, eval};
use crate::lang::evaluate::Surroundings;
use crate::lang::load;
use crate::lang::module::{Mode, Module};
use crate::lang::scope::{Paths, Resources};
use crate::lang::syntax::Text;
use crate::lang::test_file;
use crate::lang::tree::Tree;
use crate::lang::validate::check;
use crate::plan::providers::{Providers, local_name};
use crate::report::diagnostics;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use straddle_sdk::schema::{Block, Prepared};
use straddle_sdk::value::{Str, Type, Value};

pub async fn run(args: ValidateArgs, printer: &Printer) -> Exit {
    let mut project = Project::read(&args.vars);
    let mut found = project.problems[..project.read_problems].to_vec();
    found.extend(tests(&mut project));
    if !found.iter().any(Diagnostic::is_error) {
        let mut problems = Vec::new();
        let known = schemas(&project, &mut problems).await;
        found.append(&mut problems);
        found.extend(judged(&project, &known));
    }
    let wrong = found.iter().any(Diagnostic::is_error);
    let exit = if wrong { Exit::Error } else { Exit::Done };
    if args.json {
        printer.out(&diagnostics::json(&found, &project.sources));
        return exit;
    }
    printer.diagnostics(&found, &project.sources);
    if exit == Exit::Done {
        let but = if found.is_empty() { "" } else { ", but there were some warnings" };
        printer.out(&format!("Success! The configuration is valid{but}."));
    }
    exit
}

/// What is wrong with the test files, as far as reading them shows.
fn tests(project: &mut Project) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for below in [Path::new(""), Path::new("tests")] {
        let names = load::names(&project.directory.join(below)).unwrap_or_default();
        for name in names.into_iter().filter(|name| test_file::is_test(name)) {
            let path = below.join(name);
            let name = path.to_string_lossy().into_owned();
            match load::read(&project.directory.join(&path), name.clone(), &mut project.sources) {
                Err(problem) => found.push(*problem),
                Ok(file) => {
                    let text = project.sources.files[file.0 as usize].text.clone();
                    found.extend(test_file::read(Text { file, name: &name, text: &text }).1);
                }
            }
        }
    }
    found
}

/// The language, then straddle's own blocks. These need values: with a variable that has none nothing is said of them.
fn judged(project: &Project, known: &Known<'_>) -> Vec<Diagnostic> {
    let cwd = project.directory.display().to_string();
    let paths = Paths { module: ".".into(), root: ".".into(), cwd };
    let workspace = super::workspace::current();
    let around = Surroundings {
        functions: project.functions(),
        paths: &paths,
        workspace: &workspace,
        sources: &project.sources,
        console: false,
    };
    let mut found = check(&project.config, known, around);
    let module = &project.config.module;
    let valued = project.variables.values().all(Value::is_wholly_known);
    if valued && !module.own.is_empty() && !found.iter().any(Diagnostic::is_error) {
        let env = project.env();
        let evaluate = |expr: &crate::lang::ast::Expr, out: &mut Vec<Diagnostic>| {
            let (value, problems) = eval(expr, &env as &dyn Scope);
            let failed = problems.iter().any(Diagnostic::is_error);
            out.extend(problems);
            (!failed).then_some(value)
        };
        found.extend(crate::spec::lower(&module.own, &evaluate).1);
        found.dedup();
    }
    found
}

/// What is wrong beyond the problems that were found while planning: one mistake must not hide the others.
pub fn beyond(project: &Project, providers: &Providers, found: &[Diagnostic]) -> Vec<Diagnostic> {
    let told = |p: &Diagnostic| found.iter().any(|f| f.summary == p.summary && (f.span == p.span || p.span.is_none()));
    let mut more = judged(project, &known(project, providers));
    more.retain(|p| p.is_error() && !told(p));
    more
}

/// What is known of resources without any state: schemas of the providers that could be started.
struct Known<'m> {
    module: &'m Module,
    schemas: BTreeMap<(Mode, Str), Prepared>,
}

impl Resources for Known<'_> {
    fn value(&self, _: Mode, _: &str, _: &str) -> Option<Value> {
        None
    }

    fn schema(&self, mode: Mode, ty: &str) -> Option<&Block> {
        crate::lang::builtin::schema(mode, ty).or_else(|| Some(&self.schemas.get(&(mode, Str::new(ty)))?.block))
    }

    fn own(&self, root: &str, name: &str) -> Option<Value> {
        let declared = self.module.own_of(root).any(|b| b.labels.first().is_some_and(|l| &*l.text == name));
        declared.then(|| Value::unknown(Type::Dynamic))
    }

    fn own_names(&self, root: &str) -> Vec<Str> {
        self.module.own_of(root).filter_map(|b| Some(Str::new(&b.labels.first()?.text))).collect()
    }
}

/// Asks every provider for its schemas. One that is missing is an error; what does not need its schema is checked all the same.
async fn schemas<'p>(project: &'p Project, problems: &mut Vec<Diagnostic>) -> Known<'p> {
    let tree = project.tree();
    let mut providers = Providers::of(&tree);
    let mut sources = providers.needed(&tree, &project.spec);
    sources.extend(project.functional(&providers));
    required(&tree, &providers, &mut sources);
    // What is built in needs no installing.
    sources.retain(|source| source != builtin::SOURCE && !source.ends_with("/hashicorp/terraform"));
    if !sources.is_empty() {
        match project.fleet(1) {
            Ok(mut fleet) => {
                problems.extend(fleet.schemas(&sources, &mut providers).await);
                // Nobody else has told what is offered.
                let _ = project.offered.set(fleet.functions());
                fleet.shutdown().await;
            }
            Err(error) => problems.push(Diagnostic::error("Providers cannot be started", format!("{error}."))),
        }
    }
    providers.check(&tree, &project.spec, problems);
    known(project, &providers)
}

/// The schemas of all that is configured.
fn known<'p>(project: &'p Project, providers: &Providers) -> Known<'p> {
    let module = &project.config.module;
    let tree = project.tree();
    let templates = project.spec.workloads.iter().flat_map(|w| &w.templates).flat_map(|t| &t.resources);
    let of_modules =
        tree.nodes.iter().enumerate().flat_map(|(i, node)| node.module.resources.values().map(move |r| (i, r)));
    let schemas = of_modules
        .chain(templates.map(|r| (0, r)))
        .filter_map(|(i, r)| Some(((r.mode, Str::new(&r.ty.text)), providers.schema(i, r)?)))
        .collect();
    Known { module, schemas }
}

/// Every provider that a module asks for, used or not, and those of what is to be imported.
fn required(tree: &Tree<'_>, providers: &Providers, sources: &mut BTreeSet<String>) {
    for (i, node) in tree.nodes.iter().enumerate() {
        sources.extend(node.module.required_providers.keys().map(|name| providers.source_in(i, name)));
        let imported = node.module.imports.iter().filter_map(|import| match &import.to.kind {
            ExprKind::Traversal(to) if &*to.root.name != "module" => Some(local_name(&to.root.name)),
            _ => None,
        });
        sources.extend(imported.map(|name| providers.source_in(i, name)));
    }
}
