//! What most commands begin with: the directory read, its variables given their values, its own blocks lowered.

use super::args::{Assignment, VarArgs};
use crate::diag::{Diagnostic, FileId, Sources};
use crate::fleet::mock::StandIn;
use crate::fleet::{Fleet, FleetError, Functions, Manner};
use crate::lang::eval::{Scope, eval};
use crate::lang::functions::files::SystemRandom;
use crate::lang::functions::{Files, FunctionContext, ProviderFunctions};
use crate::lang::load::{self, Config, Disk};
use crate::lang::query_file::ListBlock;
use crate::lang::tree::Tree;
use crate::lang::variables::{self, Given};
use crate::plan::env::Env;
use crate::plan::model::Plan;
use crate::plan::providers::Providers;
use crate::plugin::reattach::Running;
use crate::spec::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use straddle_sdk::value::{Str, Value};

/// A directory as read.
pub struct Project {
    /// Absolute.
    pub directory: PathBuf,
    pub config: Config,
    pub sources: Sources,
    pub variables: BTreeMap<Str, Value>,
    /// Values that were given for variables, as they were given.
    pub given: BTreeMap<Str, Value>,
    pub spec: Spec,
    /// What takes the place of providers, in tests.
    pub stand_ins: Vec<StandIn>,
    /// Providers that run already.
    pub running: Running,
    /// How many of the problems were found in reading the files.
    pub read_problems: usize,
    /// Everything found wrong; with an error among them the rest is good for nothing but looking at.
    pub problems: Vec<Diagnostic>,
    /// Locations that are taken for healthy on a person's word, for this command.
    pub assumed: BTreeSet<String>,
    /// Where functions read files from, where that is another directory: a base's texts lie beside its files.
    pub files_from: Option<PathBuf>,
    /// The files functions read.
    pub files: Arc<AnyFiles>,
    /// Functions of providers, once their schemas are known.
    pub offered: OnceLock<Arc<Functions>>,
}

/// Files of this machine, or what takes their place.
pub type AnyFiles = dyn Files + Send + Sync;

/// Changes a configuration that was read, and adds values for its variables.
pub type Change<'c> = dyn FnMut(&mut Config, &mut Sources, &mut Vec<Diagnostic>) -> Vec<(Str, Given)> + 'c;

/// The files of this machine.
fn disk() -> Arc<AnyFiles> {
    Arc::new(Disk { home: std::env::home_dir() })
}

impl Project {
    /// Reads the current directory.
    pub fn read(vars: &VarArgs) -> Project {
        Project::read_dir(Path::new("."), vars)
    }

    /// Reads `directory`. Problems are kept, never printed here.
    pub fn read_dir(directory: &Path, vars: &VarArgs) -> Project {
        let _span = super::trace::span("read the spec");
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let loaded = load::load(&directory);
        Project::of_loaded(directory, loaded, vars)
    }

    /// Reads the current directory with its query files.
    pub fn read_queries(vars: &VarArgs) -> (Project, Vec<ListBlock>) {
        let directory = std::path::absolute(".").unwrap_or_else(|_| Path::new(".").to_path_buf());
        let (loaded, lists) = load::load_queries(&directory);
        (Project::of_loaded(directory, loaded, vars), lists)
    }

    fn of_loaded(directory: PathBuf, loaded: load::Loaded, vars: &VarArgs) -> Project {
        let load::Loaded { config, mut sources, diags } = loaded;
        let mut problems = diags;
        let read_problems = problems.len();
        let given = given(&directory, &config, vars, &mut sources, &mut problems);
        let (variables, found) = variables::assign(&config.module, &given, &mut sources);
        problems.extend(found);
        let as_given = variables::as_given(&config.module, &given);
        let project = Project::lowered(directory, config, sources, variables, disk(), (read_problems, problems));
        Project { given: as_given, ..project }
    }

    /// What was read, with straddle's own blocks lowered. `read_problems`: how many of the problems reading found.
    fn lowered(
        directory: PathBuf,
        config: Config,
        sources: Sources,
        variables: BTreeMap<Str, Value>,
        files: Arc<AnyFiles>,
        (read_problems, problems): (usize, Vec<Diagnostic>),
    ) -> Project {
        let mut project = Project {
            directory,
            config,
            sources,
            variables,
            given: BTreeMap::new(),
            spec: Spec::default(),
            stand_ins: Vec::new(),
            running: Running::new(),
            read_problems,
            problems,
            files_from: None,
            files,
            offered: OnceLock::new(),
            assumed: BTreeSet::new(),
        };
        project.lower();
        project
    }

    /// Reads `directory` for a test: the configuration as `change` makes it, its variables with the values `change` adds to those
    /// that the files of `root` and the command line give.
    pub fn read_changed(directory: &Path, root: &Path, vars: &VarArgs, change: &mut Change<'_>) -> Project {
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let load::Loaded { mut config, mut sources, diags } = load::load(&directory);
        let mut problems = diags;
        let read_problems = problems.len();
        let mut values = given(root, &config, vars, &mut sources, &mut problems);
        values.extend(change(&mut config, &mut sources, &mut problems));
        // What another module of the same file has variables for.
        values.retain(|(name, _)| config.module.variables.contains_key(name));
        let (variables, found) = variables::assign(&config.module, &values, &mut sources);
        problems.extend(found);
        let spec = Spec::default();
        let mut project = Project {
            directory,
            config,
            sources,
            variables,
            given: BTreeMap::new(),
            spec,
            stand_ins: Vec::new(),
            running: Running::new(),
            read_problems,
            problems,
            files_from: None,
            files: disk(),
            offered: OnceLock::new(),
            assumed: BTreeSet::new(),
        };
        project.lower();
        project
    }

    /// A project from texts kept elsewhere, with the values its variables had then: a saved plan's.
    pub fn of_texts(directory: &Path, sources: &Sources, variables: BTreeMap<Str, Value>) -> Project {
        Project::of_texts_with(directory, sources, variables, disk())
    }

    /// The same, with other files for functions to read.
    pub fn of_texts_with(
        directory: &Path,
        sources: &Sources,
        variables: BTreeMap<Str, Value>,
        files: Arc<AnyFiles>,
    ) -> Project {
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let (config, problems) = load::load_texts(&directory, sources);
        let read_problems = problems.len();
        Project::lowered(directory, config, sources.clone(), variables, files, (read_problems, problems))
    }

    /// A project from the texts of another directory, in the place of this one: the base of a change.
    pub fn in_place_of(directory: &Path, texts: &Path, vars: &VarArgs) -> Project {
        let read = Project::read_dir(texts, vars);
        let mut project = Project::of_texts(directory, &read.sources, read.variables);
        project.files_from = Some(read.directory);
        // Lowered anew: what the first time read files of this directory may say something else.
        project.problems.truncate(project.read_problems);
        project.spec = Spec::default();
        project.lower();
        project
    }

    fn lower(&mut self) {
        let empty = Spec::default();
        let (spec, found) = {
            let env = self.env_over(&empty);
            let evaluate = |expr: &crate::lang::ast::Expr, out: &mut Vec<Diagnostic>| {
                let (value, problems) = eval(expr, &env as &dyn Scope);
                let failed = problems.iter().any(Diagnostic::is_error);
                out.extend(problems);
                (!failed).then_some(value)
            };
            crate::spec::lower(&self.config.module.own, &evaluate)
        };
        self.spec = spec;
        // Days are those of UTC, so that a terminal and a pipeline mean the same one.
        self.problems.extend(self.spec.accept(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()));
        self.problems.extend(self.spec.stranded());
        // With errors in the files already, what own blocks refer to may be missing for that reason alone.
        self.problems.extend(found);
        let env = self.env();
        let judged = variables::validate(&self.config.module, &env, &self.sources);
        self.problems.extend(judged);
    }

    /// The values that were given for variables, as they were given; of those that live for a run only, as in Terraform, what the texts say.
    pub fn given_lastingly(&self) -> BTreeMap<Str, Value> {
        let mut given = self.given.clone();
        for variable in self.config.module.variables.values().filter(|variable| variable.ephemeral) {
            given.remove(&variable.name);
            given.extend(variable.default.clone().map(|default| (variable.name.clone(), default)));
        }
        given
    }

    /// The module with nothing known but variables.
    pub fn env(&self) -> Env<'_> {
        self.env_over(&self.spec)
    }

    fn env_over<'a>(&'a self, spec: &'a Spec) -> Env<'a> {
        let mut env = Env::new(self.tree(), spec, &self.variables, self.functions(), &self.sources);
        env.workspace = super::workspace::current();
        env
    }

    /// Refuses to plan the end of everything because a directory holds no configuration.
    pub fn refuse_emptiness(&mut self, verb: &str) {
        let configures = |name: &str| {
            !name.contains('/') && [".tf", ".tf.json", ".straddle.hcl"].iter().any(|ending| name.ends_with(ending))
        };
        if !self.sources.files.iter().any(|f| configures(&f.name)) {
            let detail = format!(
                "{verb} requires configuration to be present. Without one everything would be marked for destruction, which is normally \
                 not what is desired."
            );
            self.problems.push(
                Diagnostic::error("No configuration files", detail)
                    .help("To remove everything run `straddle destroy`; else change to the directory of the configuration (-chdir=DIR)."),
            );
        }
    }

    /// The providers of a run, none of them started yet.
    pub fn fleet(&self, manner: impl Into<Manner>) -> Result<Fleet, FleetError> {
        Fleet::new(&self.directory, &self.running, manner)
    }

    /// The modules in a row.
    pub fn tree(&self) -> Tree<'_> {
        Tree::of(&self.config, ".")
    }

    /// The configuration while a plan is carried out: the clock runs, and there is chance.
    pub fn env_applying(&self, plan: &Plan) -> Env<'_> {
        let functions = FunctionContext {
            now: Some(jiff::Timestamp::now()),
            plan_time: plan.time.as_ref().and_then(|time| time.parse().ok()),
            random: Some(&SystemRandom),
            ..self.functions()
        };
        let mut env = Env::new(self.tree(), &self.spec, &self.variables, functions, &self.sources);
        env.workspace = super::workspace::current();
        env.applying.set(true);
        env
    }

    /// What functions may use while planning.
    pub fn functions(&self) -> FunctionContext<'_> {
        FunctionContext {
            base_directory: self.files_from.as_deref().unwrap_or(&self.directory),
            files: &*self.files,
            now: None,
            plan_time: None,
            random: None,
            providers: self.offered.get().map(|offered| &**offered as &dyn ProviderFunctions),
            templates: None,
            sources: Some(&self.sources),
        }
    }

    /// The providers whose functions may be called: those that are required, where any function of a provider is called at all.
    pub fn functional(&self, providers: &Providers) -> BTreeSet<String> {
        if !self.sources.files.iter().any(|source| source.text.contains("provider::")) {
            return BTreeSet::new();
        }
        providers.names().map(|(_, source)| source.to_owned()).collect()
    }

    /// A directory without a single file of configuration is another one than was meant.
    pub fn nothing_here(&self) -> Option<Diagnostic> {
        let none = self.sources.files.is_empty();
        none.then(|| {
            Diagnostic::error(
                "No configuration files",
                format!(
                    "{} holds no file whose name ends in .tf, .tf.json or .straddle.hcl.",
                    self.directory.display()
                ),
            )
            .help("Name the directory with -chdir=DIR. To remove what its state still holds: straddle destroy")
        })
    }

    /// Whether anything is wrong enough to stop.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Diagnostic::is_error)
    }
}

/// Values for variables in rising precedence: environment, files of the directory, then what the command line says.
fn given(
    directory: &Path,
    config: &Config,
    vars: &VarArgs,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Vec<(Str, Given)> {
    let mut given: Vec<(Str, Given)> = Vec::new();
    for name in config.module.variables.keys() {
        if let Ok(text) = std::env::var(format!("TF_VAR_{name}")) {
            given.push((name.clone(), Given::Text(text, format!("set using the TF_VAR_{name} environment variable"))));
        }
    }
    let (files, found) = load::read_tfvars(directory, sources);
    problems.extend(found);
    for file in files {
        take_file(file, sources, &mut given, problems);
    }
    for assignment in &vars.assignments {
        match assignment {
            Assignment::File(path) => match load::read(&directory.join(path), path.display().to_string(), sources) {
                Ok(file) => take_file(file, sources, &mut given, problems),
                Err(problem) => {
                    problems.push(Diagnostic { summary: "Failed to read variables file".into(), ..*problem });
                }
            },
            Assignment::Value(text) => match text.split_once('=') {
                Some((name, value)) => {
                    let name = name.trim();
                    given.push((
                        Str::new(name),
                        Given::Text(value.to_string(), format!("set using -var=\"{name}=...\"")),
                    ));
                }
                None => problems.push(
                    Diagnostic::error("Invalid -var option", format!("\"{text}\" has no \"=\"."))
                        .help("Write -var NAME=VALUE."),
                ),
            },
        }
    }
    if vars.ask {
        given.extend(super::ask::missing(&config.module, &given));
    }
    given
}

fn take_file(file: FileId, sources: &Sources, given: &mut Vec<(Str, Given)>, problems: &mut Vec<Diagnostic>) {
    let (values, found) = variables::read_values(file, sources);
    problems.extend(found);
    given.extend(values);
}
