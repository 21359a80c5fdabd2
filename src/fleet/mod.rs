//! The providers of a run: started once per configuration, configured, asked, and ended together.
//!
//! | file | verb |
//! |---|---|
//! | this | start and configure |
//! | `mock` | what tests put in the place of a provider |
//! | `builtin` | Terraform's own provider, in this process |
//! | `observe` | read every object of a state, and how locations fare |
//! | `adopt` | objects that are given another type |
//! | `templates` | read what templates only observe |
//! | `answer` | a planner's questions |
//! | `ahead` | configurations that are made from answers of other providers |
//! | `open` | ephemeral resources |
//! | `functions` | the evaluator's calls of providers' functions |

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

pub use adopt::homeless;
pub use answer::{call_problems, diagnostics};
pub use functions::Functions;

mod adopt;
mod ahead;
mod answer;
pub mod builtin;
mod functions;
pub mod mock;
mod observe;
mod open;
mod templates;

use crate::diag::Diagnostic;
use crate::install::lock::LockFile;
use crate::install::providers::is_as_locked;
use crate::lang::address::Mode;
use crate::lang::body::{PreparedBody, placed};
use crate::lang::module::ProviderConfig;
use crate::lang::tree::Tree;
use crate::plan::env::Env;
use crate::plan::providers::{Providers, TERRAFORM};
use crate::plugin::reattach::Running;
use crate::plugin::{CallError, Environment, Found, LaunchError, Launcher, Plugin, ProviderSchemas, Settings, Source};
use crate::state::ProviderRef;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use straddle_sdk::value::{Str, Type, Value, same};

/// Running providers, by configuration.
pub struct Fleet {
    launcher: Launcher,
    /// The module's directory.
    directory: std::path::PathBuf,
    environment: Environment,
    /// Which packages may be started.
    lock: LockFile,
    functions: Arc<Functions>,
    /// A configuration may be made anew while a plan is carried out: by then more of it is known.
    ready: RwLock<BTreeMap<ProviderRef, Ready>>,
    /// Processes whose configuration was made anew; calls may still be out.
    retired: Mutex<Vec<Plugin>>,
    open: open::OpenOnes,
    /// Configurations that could not be made ready, and why. Their locations are unknown, their objects unreadable.
    failed: BTreeMap<ProviderRef, Vec<Diagnostic>>,
    /// Configurations that answer only for what is lost: nobody asks them, and what they made stays as it is known.
    apart: BTreeSet<ProviderRef>,
    /// Stores of simulated clouds that are others here, by the name the spec has for them.
    stores: BTreeMap<String, String>,
    /// Processes that have told their schema and wait for a configuration.
    spare: BTreeMap<String, Plugin>,
}

/// A configured provider, and what it was configured with.
#[derive(Clone)]
struct Ready {
    plugin: Plugin,
    config: Value,
}

/// How providers are asked.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How many single calls of a provider wait at the same time.
    pub parallelism: usize,
    /// Providers may put objects off.
    pub deferral: bool,
}

impl From<usize> for Manner {
    fn from(parallelism: usize) -> Manner {
        Manner { parallelism, deferral: false }
    }
}

/// How a provider process could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Find(#[from] crate::plugin::FindError),
    #[error(transparent)]
    Source(#[from] crate::plugin::SourceError),
    #[error(transparent)]
    Environment(#[from] crate::plugin::EnvironmentError),
    #[error(transparent)]
    Lock(#[from] crate::install::InstallError),
    #[error(
        "the package of {source_address} in {} has none of the checksums in the lock file: it was changed, or the lock file was. \
         Run `straddle init`", package.display()
    )]
    NotAsLocked { source_address: Source, package: std::path::PathBuf },
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Fleet {
    /// Nothing started yet. `dir` is the module's directory, where every plugin works; what is `running` is not started again.
    pub fn new(dir: &Path, running: &Running, manner: impl Into<Manner>) -> Result<Fleet, FleetError> {
        let manner = manner.into();
        let settings = Settings {
            parallelism: manner.parallelism.max(1),
            deferral: manner.deferral,
            working_dir: Some(dir.to_path_buf()),
            guard: std::env::current_exe().ok(),
            cache: cache_dir(),
            ..Settings::default()
        };
        let lock = LockFile::read(dir)?;
        let mut environment = Environment::of_process(dir)?;
        environment.locked = lock.providers.iter().map(|(s, l)| (s.clone(), l.version.to_string())).collect();
        environment.reattach.extend(running.clone());
        let launcher = Launcher::new(settings)?;
        Ok(Fleet {
            functions: Arc::new(Functions::new(launcher.clone(), environment.clone())),
            launcher,
            directory: dir.to_path_buf(),
            environment,
            lock,
            ready: RwLock::default(),
            retired: Mutex::default(),
            open: open::OpenOnes::default(),
            failed: BTreeMap::new(),
            apart: BTreeSet::new(),
            stores: BTreeMap::new(),
            spare: BTreeMap::new(),
        })
    }

    /// Takes the schemas of each source: as they were kept, or from a process; problems name the provider.
    pub async fn schemas(&mut self, sources: &BTreeSet<String>, providers: &mut Providers) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for source in sources {
            if let Some(schemas) = self.known(source) {
                providers.schemas.insert(source.clone(), schemas);
                continue;
            }
            match self.start(source).await {
                Ok(plugin) => {
                    providers.schemas.insert(source.clone(), plugin.schemas().clone());
                    self.spare.insert(source.clone(), plugin);
                }
                Err(FleetError::Find(missing)) => {
                    let detail = format!(
                        "This configuration requires provider {source}, but that provider isn't available. You may be able to \
                         install it automatically by running:\n  straddle init"
                    );
                    let looked = format!("It was looked for {}.", missing.looked.join(", "));
                    problems.push(Diagnostic::error("Missing required provider", detail).help(looked));
                }
                Err(error) => problems.push(
                    Diagnostic::error("Provider not available", format!("{error}."))
                        .help("Check the source in required_providers, or install the provider with `straddle init`."),
                ),
            }
        }
        providers.read_metas();
        for (name, source) in providers.names() {
            if let Some(schemas) = providers.schemas.get(source) {
                self.functions.offer(name, source, schemas);
            }
        }
        problems
    }

    /// Schemas that need no process: the package is the one an earlier run asked.
    fn known(&self, source: &str) -> Option<Arc<ProviderSchemas>> {
        let parsed = Source::parse(source).ok()?;
        let found = self.environment.find(&parsed).ok()?;
        self.check_lock(&parsed, &found).ok()?;
        self.launcher.known(&parsed.to_string(), &found)
    }

    /// The functions of the providers whose schemas are known, for the evaluator.
    pub fn functions(&self) -> Arc<Functions> {
        self.functions.clone()
    }

    async fn start(&self, source: &str) -> Result<Plugin, FleetError> {
        if source == TERRAFORM {
            let here = builtin::BuiltIn { directory: self.directory.clone() };
            return Ok(Plugin::in_process(source, std::sync::Arc::new(here)));
        }
        let parsed = Source::parse(source)?;
        let found = self.environment.find(&parsed)?;
        self.check_lock(&parsed, &found)?;
        Ok(self.launcher.start(&parsed.to_string(), &found).await?)
    }

    /// Puts mocks in the place of the configurations they are for. Their schemas must be known.
    pub fn stand_in(&mut self, wanted: &BTreeSet<ProviderRef>, mocks: &[mock::StandIn], providers: &Providers) {
        for reference in wanted {
            let Some(mock) = mocks.iter().find(|m| m.is_for(reference)) else { continue };
            let Some(schemas) = providers.schemas.get(&*reference.source) else { continue };
            let provider = mock::Mock { schemas: schemas.clone(), types: mock.types.clone() };
            let plugin = Plugin::in_process(&reference.source, std::sync::Arc::new(provider));
            self.put(reference, Ready { plugin, config: Value::null(Type::Dynamic) });
        }
    }

    /// An installed package is one that the lock file knows, or is not started.
    fn check_lock(&self, source: &Source, found: &Found) -> Result<(), FleetError> {
        let (Some(locked), Found::Program { program, .. }) = (self.lock.providers.get(source), found) else {
            return Ok(());
        };
        let installed = program.starts_with(self.environment.installed());
        let Some(package) = program.parent().filter(|_| installed) else { return Ok(()) };
        if is_as_locked(package, locked) {
            return Ok(());
        }
        Err(FleetError::NotAsLocked { source_address: source.clone(), package: package.to_owned() })
    }

    /// Configures every configuration in `wanted`. A configuration that fails is remembered with its reason.
    pub async fn configure(
        &mut self,
        wanted: &BTreeSet<ProviderRef>,
        providers: &Providers,
        env: &Env<'_>,
        problems: &mut Vec<Diagnostic>,
    ) {
        for reference in wanted {
            if self.plugin(reference).is_some() || self.failed.contains_key(reference) {
                continue;
            }
            let Some(value) = self.configuration(reference, providers, env, problems) else { continue };
            let written = written(reference, &env.tree, providers);
            let spare = self.spare.remove(&*reference.source);
            match self.configured(spare, reference, &value).await {
                Ok((plugin, warnings)) => {
                    problems.extend(warnings.into_iter().map(|p| placed_in(p, written)));
                    self.put(reference, Ready { plugin, config: value });
                }
                Err(reasons) => {
                    let reasons = reasons.into_iter().map(|p| placed_in(p, written)).collect();
                    self.failed.insert(reference.clone(), reasons);
                }
            }
        }
    }

    /// Configures a provider anew where more is known now than when it was first, or something else. What was asked of the process
    /// before goes on there.
    ///
    /// # Errors
    /// The configuration is refused.
    pub async fn configure_anew(
        &self,
        reference: &ProviderRef,
        providers: &Providers,
        env: &Env<'_>,
    ) -> Result<(), Vec<Diagnostic>> {
        let before = self.ready().get(reference).map(|ready| ready.config.clone());
        let Some(before) = before.filter(|config| !config.is_null()) else { return Ok(()) };
        let mut problems = Vec::new();
        // Who deletes may come before what a name is made from: nothing that is looked up now may be kept.
        let value = env.aside(|| self.configuration(reference, providers, env, &mut problems));
        let Some(value) = value else { return Err(problems) };
        // What ends with this run leaves values unknown that were known: the first configuration is the better one.
        if same(&value, &before) || !value.is_wholly_known() {
            return Ok(());
        }
        let written = written(reference, &env.tree, providers);
        let placed = |found: Vec<Diagnostic>| found.into_iter().map(|p| placed_in(p, written)).collect::<Vec<_>>();
        let (plugin, _) = self.configured(None, reference, &value).await.map_err(placed)?;
        if let Some(old) = self.put(reference, Ready { plugin, config: value }) {
            self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(old.plugin);
        }
        Ok(())
    }

    fn ready(&self) -> RwLockReadGuard<'_, BTreeMap<ProviderRef, Ready>> {
        self.ready.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, reference: &ProviderRef, ready: Ready) -> Option<Ready> {
        self.ready.write().unwrap_or_else(PoisonError::into_inner).insert(reference.clone(), ready)
    }

    /// The value of a provider block; a configuration that is not written is empty. `None`: reported.
    fn configuration(
        &self,
        reference: &ProviderRef,
        providers: &Providers,
        env: &Env<'_>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Value> {
        let schemas = providers.schemas.get(&*reference.source)?;
        let written = providers.written(&env.tree, reference);
        // A module that configures a provider itself is made once.
        let instance = written.and_then(|(module, _)| env.instances_of(module).first().copied()).unwrap_or(0);
        let written = written.map(|(module, index)| &env.tree.nodes[module].module.providers[index]);
        let block = &schemas.provider.block;
        let empty =
            crate::lang::ast::Body { attributes: Vec::new(), blocks: Vec::new(), span: no_span(), merged: false };
        let body = written.map_or(&empty, |w| &*w.body);
        let (value, found) = PreparedBody::new(body, block).eval(&env.scope(instance));
        let failed = found.iter().any(Diagnostic::is_error);
        problems.extend(found);
        (!failed).then(|| self.redirected(reference, value.unmarked()))
    }

    /// Leaves these configurations alone: they stand inside a loss.
    pub fn leave(&mut self, apart: BTreeSet<ProviderRef>) {
        self.apart = apart;
    }

    /// Lets simulated clouds stand on other stores than the spec says: a rehearsal touches none of them.
    pub fn redirect(&mut self, stores: BTreeMap<String, String>) {
        self.stores = stores;
    }

    fn redirected(&self, reference: &ProviderRef, value: Value) -> Value {
        if self.stores.is_empty() || !reference.source.ends_with("/straddle/sim") {
            return value;
        }
        let Some(entries) = value.entries() else { return value };
        let named = value.get("store").and_then(|v| v.as_str().map(str::to_string)).unwrap_or_else(|| "sim.db".into());
        let Some(other) = self.stores.get(&named) else { return value };
        let entries = entries.iter().map(|(key, old)| match &**key {
            "store" => (key.clone(), Value::string(other.as_str())),
            _ => (key.clone(), old.clone()),
        });
        Value::object(entries.collect())
    }

    async fn configured(
        &self,
        spare: Option<Plugin>,
        reference: &ProviderRef,
        value: &Value,
    ) -> Result<(Plugin, Vec<Diagnostic>), Vec<Diagnostic>> {
        let plugin = match spare {
            Some(plugin) => plugin,
            None => self
                .start(&reference.source)
                .await
                .map_err(|e| vec![Diagnostic::error("Provider not available", format!("{e}."))])?,
        };
        let mut warnings = Vec::new();
        for step in [plugin.validate_provider(value).await, plugin.configure(value).await] {
            match step {
                Ok(found) => warnings.extend(answer::diagnostics(&found)),
                Err(error) => {
                    plugin.shutdown().await;
                    return Err(answer::call_problems(&error));
                }
            }
        }
        Ok((plugin, warnings))
    }

    /// The running provider of a configuration.
    pub fn plugin(&self, reference: &ProviderRef) -> Option<Plugin> {
        self.ready().get(reference).map(|ready| ready.plugin.clone())
    }

    fn all(&self) -> Vec<Plugin> {
        let ready = self.ready().values().map(|ready| ready.plugin.clone()).collect::<Vec<_>>();
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ready.into_iter().chain(retired).collect()
    }

    /// Why a configuration is not there.
    pub fn failure(&self, reference: &ProviderRef) -> Vec<Diagnostic> {
        self.failed.get(reference).cloned().unwrap_or_else(|| {
            vec![Diagnostic::error("Provider not configured", format!("{reference} has not been configured."))]
        })
    }

    /// Whether a configuration is known to be unusable.
    pub fn has_failed(&self, reference: &ProviderRef) -> bool {
        self.failed.contains_key(reference)
    }

    /// Why configurations failed, for those that are not excused by a location that is allowed to be unknown.
    pub fn failures(&self) -> impl Iterator<Item = (&ProviderRef, &Vec<Diagnostic>)> {
        self.failed.iter()
    }

    /// Asks every provider to bring its running calls to an end.
    pub async fn stop(&self) {
        for plugin in self.all() {
            // A provider that does not answer is ended by `shutdown`.
            let _ = plugin.stop().await;
        }
    }

    /// Ends every process at once; calls that are out have no answer.
    pub async fn kill(&self) {
        for plugin in self.all().iter().chain(self.spare.values()) {
            plugin.kill().await;
        }
    }

    /// Ends every process.
    pub async fn shutdown(self) {
        // Nothing that anybody waits for depends on them any more.
        let _ = self.close_all().await;
        self.functions.shutdown().await;
        let all: Vec<Plugin> = self.all().into_iter().chain(self.spare.into_values()).collect();
        let ends = all.iter().map(|p| p.shutdown());
        for end in ends {
            end.await;
        }
    }
}

/// The block that configures a provider, if one is written.
fn written<'m>(reference: &ProviderRef, tree: &Tree<'m>, providers: &Providers) -> Option<&'m ProviderConfig> {
    let (module, index) = providers.written(tree, reference)?;
    tree.nodes[module].module.providers.get(index)
}

/// A provider's words at the place of its configuration they are about.
fn placed_in(problem: Diagnostic, written: Option<&ProviderConfig>) -> Diagnostic {
    match written {
        Some(written) => placed(problem, &written.body),
        None => problem,
    }
}

/// Where schemas are kept from one run to the next.
fn cache_dir() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")))?;
    Some(base.join("straddle/schemas"))
}

/// Configurations a module's resources, templates and state need.
pub fn wanted(
    tree: &Tree<'_>,
    spec: &crate::spec::Spec,
    state: &crate::state::State,
    providers: &Providers,
) -> BTreeSet<ProviderRef> {
    let managed = state.objects.iter().filter(|(id, _)| id.address.mode == Mode::Managed);
    let mut all: BTreeSet<ProviderRef> = managed.map(|(_, object)| object.provider.clone()).collect();
    for (number, node) in tree.nodes.iter().enumerate() {
        for (_, resource) in node.module.all_resources() {
            all.insert(providers.of_resource(tree, number, resource, None));
        }
    }
    for workload in &spec.workloads {
        for (place, template) in workload.rules.places.iter().zip(&workload.template_of) {
            let location = &spec.locations[place.location];
            for resource in &workload.templates[*template].resources {
                all.insert(providers.of_resource(tree, 0, resource, location.provider.as_ref()));
            }
        }
    }
    for location in &spec.locations {
        for written in location.provider.iter().chain(&location.observer) {
            all.insert(ProviderRef::new(&providers.source(&written.name), written.alias.as_deref()));
        }
    }
    // A block that configures a provider nobody uses is checked all the same.
    for (number, node) in tree.nodes.iter().enumerate() {
        for p in &node.module.providers {
            all.insert(providers.reference(tree, number, &p.name, p.alias.as_ref()));
        }
    }
    all
}

/// Configurations that stand for lost locations (by name) and for no other.
pub fn only_for(
    tree: &Tree<'_>,
    spec: &crate::spec::Spec,
    providers: &Providers,
    lost: &BTreeSet<String>,
) -> BTreeSet<ProviderRef> {
    let (mut gone, mut left) = (BTreeSet::new(), BTreeSet::new());
    let mut sort = |location: usize, reference: ProviderRef| {
        let name = &spec.topology.locations[location].name;
        if lost.contains(name) {
            gone.insert(reference)
        } else {
            left.insert(reference)
        };
    };
    for workload in &spec.workloads {
        for (place, template) in workload.rules.places.iter().zip(&workload.template_of) {
            let written = spec.locations[place.location].provider.as_ref();
            for resource in &workload.templates[*template].resources {
                sort(place.location, providers.of_resource(tree, 0, resource, written));
            }
        }
    }
    for (index, location) in spec.locations.iter().enumerate() {
        for written in location.provider.iter().chain(&location.observer) {
            sort(index, ProviderRef::new(&providers.source(&written.name), written.alias.as_deref()));
        }
    }
    gone.difference(&left).cloned().collect()
}

/// The names of a level's domains that a provider is asked about.
fn domains_of(location: &crate::spread::model::Location) -> BTreeMap<Str, Str> {
    location.domains.iter().map(|(k, v)| (Str::new(k), Str::new(v))).collect()
}

fn no_span() -> crate::diag::Span {
    crate::diag::Span { file: crate::diag::FileId(0), range: 0..0 }
}
