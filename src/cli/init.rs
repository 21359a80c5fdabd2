//! `init`, `providers lock`, `providers mirror`: modules and providers brought into the directory.

use super::Exit;
use super::args::InitArgs;
use super::print::Printer;
use super::providers::{needed, project};
use crate::diag::{Diagnostic, Sources};
use crate::install::lock::{LockFile, Locked};
use crate::install::modules::{Call, Event as ModuleEvent, Modules};
use crate::install::providers::{Event, Installer, Need};
use crate::install::{Http, InstallError, Origins, mirror as mirrored};
use crate::lang::decode::decode;
use crate::lang::load::{Config, read_module};
use crate::lang::version::Constraints;
use crate::plan::providers::{BUILT_IN, full_source};
use crate::plugin::discover::platform;
use crate::plugin::{Environment, Found, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules may call modules so deep.
const MOST_DEPTH: usize = 32;

/// `init`.
pub fn run(args: &InitArgs, printer: &Printer) -> Exit {
    let directory = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("."));
    if let Err(problem) = super::home::remember(&args.backend_config).and_then(|()| super::home::place()) {
        return stop(printer, *problem);
    }
    if args.atlantis {
        return super::atlantis::write(printer);
    }
    let environment = match Environment::of_process(&directory) {
        Ok(environment) => environment,
        Err(error) => return stop(printer, Diagnostic::error("Providers cannot be installed", format!("{error}."))),
    };
    let http = Http::new(environment.config.tokens.clone());
    if args.get
        && let Err(exit) = modules(args.upgrade, &directory, &environment, &http, printer)
    {
        return exit;
    }
    match providers(args, &directory, &environment, &http, printer) {
        Ok(()) => {
            printer.out("Ready: straddle plan");
            Exit::Done
        }
        Err(exit) => exit,
    }
}

fn stop(printer: &Printer, problem: Diagnostic) -> Exit {
    printer.diagnostics(&[problem], &Default::default());
    Exit::Error
}

/// Brings every called module.
fn modules(
    upgrade: bool,
    directory: &Path,
    environment: &Environment,
    http: &Http,
    printer: &Printer,
) -> Result<(), Exit> {
    let data = environment.data_dir.strip_prefix(directory).unwrap_or(&environment.data_dir);
    let services = environment.config.services.clone();
    let failed = |error: InstallError| stop(printer, Diagnostic::error("Modules not installed", format!("{error}.")));
    let mut modules = Modules::new(directory, data, upgrade, services, http.clone()).map_err(failed)?;
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let mut walk = ModuleWalk { directory, modules: &mut modules, sources: &mut sources, problems: &mut problems };
    walk.module(Path::new("."), "", 0, &mut |event| match event {
        ModuleEvent::Fetching(source, key) => printer.out(&format!("Fetching {source} for {key}")),
        ModuleEvent::Found(key, dir) => printer.out(&format!("- {key} in {dir}")),
    });
    if problems.iter().any(Diagnostic::is_error) {
        printer.diagnostics(&problems, &sources);
        return Err(Exit::Error);
    }
    modules.finish().map_err(failed)
}

struct ModuleWalk<'w> {
    directory: &'w Path,
    modules: &'w mut Modules,
    sources: &'w mut Sources,
    problems: &'w mut Vec<Diagnostic>,
}

impl ModuleWalk<'_> {
    /// Brings what the module of a directory calls, and what that calls.
    fn module(&mut self, dir: &Path, key: &str, depth: usize, watch: &mut dyn FnMut(ModuleEvent)) {
        let prefix = if dir == Path::new(".") { String::new() } else { format!("{}/", dir.display()) };
        let (files, found) = read_module(&self.directory.join(dir), &prefix, self.sources);
        self.problems.extend(found);
        let (module, found) = decode(&files, self.sources);
        self.problems.extend(found);
        for (name, call) in &module.modules {
            let Some((source, _)) = &call.source else { continue };
            if depth >= MOST_DEPTH {
                let detail = format!("Modules call each other more than {MOST_DEPTH} levels deep.");
                self.problems.push(Diagnostic::error("Module not installed", detail).at(&call.span));
                continue;
            }
            let key = if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
            let wanted = Call {
                key: key.clone(),
                source: source.to_string(),
                version: call.version.as_ref().map(|(text, span)| (text.to_string(), span.clone())),
                span: call.span.clone(),
            };
            match self.modules.resolve(&wanted, dir, watch) {
                Ok(child) => self.module(&child, &key, depth + 1, watch),
                Err(problem) => self.problems.push(*problem),
            }
        }
    }
}

/// Installs every provider, and writes the lock file if it changes.
fn providers(
    args: &InitArgs,
    directory: &Path,
    environment: &Environment,
    http: &Http,
    printer: &Printer,
) -> Result<(), Exit> {
    let needs = needs(printer)?;
    let failed = |error: InstallError| stop(printer, Diagnostic::error("Providers not installed", format!("{error}.")));
    let lock = LockFile::read(directory).map_err(failed)?;
    let (mut wanted, mut kept) = (Vec::new(), LockFile::default());
    for need in needs {
        match elsewhere(environment, &need.source) {
            None => wanted.push(need),
            Some(place) => {
                printer.out(&format!("- {}: {place}", need.source));
                // Not installed here, so what the lock file says of it stays.
                if let Some(locked) = lock.providers.get(&need.source) {
                    kept.providers.insert(need.source.clone(), locked.clone());
                }
            }
        }
    }
    let origins = match args.plugin_dir.as_slice() {
        [] => Origins::of(&environment.config, http, directory),
        dirs => Origins::directories(dirs, &environment.config, http),
    };
    let installer = Installer {
        origins: &origins,
        http,
        target: environment.installed(),
        cache: environment.config.cache.clone(),
        cache_may_break_lock: environment.config.cache_may_break_lock,
        platform: platform(),
        upgrade: args.upgrade,
    };
    let mut new = installer
        .install(&wanted, &lock, &mut |event| printer.out(&words(&event)))
        .map_err(|failures| not_installed(printer, &failures))?;
    new.providers.extend(kept.providers);
    if new == lock {
        return Ok(());
    }
    if args.lockfile.is_some() {
        let hashes = |l: &LockFile| l.providers.iter().map(|(s, l)| (s.clone(), l.version.clone())).collect::<Vec<_>>();
        // Constraints are for people: a change of them alone is none.
        let known = |(source, locked): (&Source, &Locked)| {
            lock.providers.get(source).is_some_and(|old| old.can_check() || locked.hashes == old.hashes)
        };
        if hashes(&new) == hashes(&lock) && new.providers.iter().all(known) {
            return Ok(());
        }
        let changed: Vec<String> = new
            .providers
            .keys()
            .filter(|s| new.providers.get(s) != lock.providers.get(s))
            .map(ToString::to_string)
            .collect();
        return Err(failed(InstallError::ReadOnly(changed.join(", "))));
    }
    new.write(directory).map_err(failed)?;
    printer.out(&format!(
        "{}: versions and checksums of {} providers",
        crate::install::lock::NAME,
        new.providers.len()
    ));
    Ok(())
}

/// Where a provider comes from that is not installed: it is built in, overridden, or runs already.
fn elsewhere(environment: &Environment, source: &Source) -> Option<&'static str> {
    if environment.reattach.contains_key(source) {
        return Some("runs already (TF_REATTACH_PROVIDERS)");
    }
    if environment.config.dev_overrides.contains_key(source) {
        return Some("not installed: dev_overrides names a directory for it");
    }
    let own = BUILT_IN.iter().any(|(_, built_in)| *built_in == source.full());
    if own {
        return Some("built in");
    }
    // Straddle's other providers may lie beside it.
    let beside = source.namespace == "straddle"
        && matches!(environment.find(source), Ok(Found::Program { program, .. }) if !program.starts_with(environment.installed()));
    beside.then_some("beside straddle")
}

fn not_installed(printer: &Printer, failures: &[(Source, InstallError)]) -> Exit {
    let problems: Vec<Diagnostic> = failures
        .iter()
        .map(|(source, error)| {
            let problem = Diagnostic::error("Provider not installed", format!("{source}: {error}."));
            match error {
                InstallError::Locked { .. } => {
                    problem.help("Choose a new version with `straddle init -upgrade`, or change the constraints.")
                }
                InstallError::Checksum { .. } => problem.help(
                    "If the package is right, add its checksum with `straddle providers lock`; if in doubt, do not use it.",
                ),
                InstallError::Nowhere { .. } => {
                    problem.help("Check the source in required_providers; `straddle providers` says who needs it.")
                }
                _ => problem,
            }
        })
        .collect();
    printer.diagnostics(&problems, &Default::default());
    Exit::Error
}

fn words(event: &Event) -> String {
    match event {
        Event::Reusing(source, version) => format!("- {source}: version {version} of the lock file"),
        Event::Finding(source, None) => format!("- {source}: looking for the newest version"),
        Event::Finding(source, Some(constraints)) => format!("- {source}: looking for a version {constraints}"),
        Event::Present(source, version) => format!("- {source} {version}: installed already"),
        Event::Cached(source, version) => format!("- {source} {version}: taken from the shared cache"),
        Event::Installed(source, version, voucher) => format!("- {source} {version}: installed ({voucher})"),
    }
}

/// Every provider that is installed for this directory, with the constraints of all modules.
fn needs(printer: &Printer) -> Result<Vec<Need>, Exit> {
    let project = project(printer)?;
    let sources = needed(&project).map_err(|problem| stop(printer, *problem))?;
    let mut needs: BTreeMap<Source, Option<Constraints>> = BTreeMap::new();
    let mut problems = Vec::new();
    for source in sources.keys() {
        match Source::parse(source) {
            Ok(source) => {
                needs.entry(source).or_default();
            }
            Err(error) => problems.push(Diagnostic::error("Invalid provider source", format!("{error}."))),
        }
    }
    required(&project.config, &mut needs, &mut problems);
    needs.retain(|source, _| source.namespace != "builtin");
    if problems.iter().any(Diagnostic::is_error) {
        printer.diagnostics(&problems, &project.sources);
        return Err(Exit::Error);
    }
    Ok(needs.into_iter().map(|(source, constraints)| Need { source, constraints }).collect())
}

/// What `required_providers` of a module and those it calls ask for.
fn required(config: &Config, needs: &mut BTreeMap<Source, Option<Constraints>>, problems: &mut Vec<Diagnostic>) {
    let module = &config.module;
    for (name, written) in &module.required_providers {
        let text = full_source(written.source.as_deref().unwrap_or(name));
        let source = match Source::parse(&text) {
            Ok(source) => source,
            Err(error) => {
                problems.push(Diagnostic::error("Invalid provider source", format!("{error}.")).at(&written.span));
                continue;
            }
        };
        let constraints = written.version.as_ref().and_then(|(text, _)| Constraints::parse(text));
        let entry = needs.entry(source).or_default();
        *entry = match (entry.take(), constraints) {
            (Some(one), Some(other)) => Some(one.and(&other)),
            (one, other) => one.or(other),
        };
    }
    config.children.values().for_each(|child| required(child, needs, problems));
}

/// `providers lock`: checksums for further platforms.
pub fn lock(
    only: &[String],
    platforms: Vec<String>,
    fs_mirror: Option<PathBuf>,
    net_mirror: Option<String>,
    printer: &Printer,
) -> Exit {
    match try_lock(only, platforms, fs_mirror, net_mirror, printer) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn try_lock(
    only: &[String],
    mut platforms: Vec<String>,
    fs_mirror: Option<PathBuf>,
    net_mirror: Option<String>,
    printer: &Printer,
) -> Result<(), Exit> {
    let directory = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("."));
    let failed = |error: InstallError| stop(printer, Diagnostic::error("Lock file not written", format!("{error}.")));
    let environment = Environment::of_process(&directory)
        .map_err(|e| stop(printer, Diagnostic::error("Lock file not written", format!("{e}."))))?;
    let http = Http::new(environment.config.tokens.clone());
    let origins = match (&fs_mirror, &net_mirror) {
        (Some(dir), _) => Origins::directories(std::slice::from_ref(dir), &environment.config, &http),
        (None, Some(url)) => Origins::mirror(url, &environment.config, &http),
        // What a mirror says cannot be trusted more than what is checked here: the registry tells what is signed.
        (None, None) => Origins::direct(&environment.config, &http),
    };
    if platforms.is_empty() {
        platforms.push(platform());
    }
    let only: BTreeSet<Source> = only
        .iter()
        .map(|text| Source::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|e| stop(printer, Diagnostic::error("Invalid provider source", format!("{e}."))))?;
    let needs = needs(printer)?;
    let old = LockFile::read(&directory).map_err(failed)?;
    let mut new = old.clone();
    let installer = Installer {
        origins: &origins,
        http: &http,
        target: environment.installed(),
        cache: None,
        cache_may_break_lock: false,
        platform: platform(),
        upgrade: false,
    };
    let mut failures = Vec::new();
    for need in needs.iter().filter(|n| only.is_empty() || only.contains(&n.source)) {
        if elsewhere(&environment, &need.source) == Some("built in") {
            continue;
        }
        match locked(&installer, need, old.providers.get(&need.source), &platforms) {
            Ok(locked) => {
                printer.out(&format!("- {} {}: {} checksums", need.source, locked.version, locked.hashes.len()));
                new.providers.insert(need.source.clone(), locked);
            }
            Err(error) => failures.push((need.source.clone(), error)),
        }
    }
    if !failures.is_empty() {
        return Err(not_installed(printer, &failures));
    }
    if new == old {
        printer.out("The lock file has all of them already.");
        return Ok(());
    }
    new.write(&directory).map_err(failed)
}

fn locked(
    installer: &Installer<'_>,
    need: &Need,
    old: Option<&Locked>,
    platforms: &[String],
) -> Result<Locked, InstallError> {
    let allowed = |l: &&Locked| need.constraints.as_ref().is_none_or(|c| c.allow(&l.version));
    let old = old.filter(allowed);
    let version = match old {
        Some(locked) => locked.version.clone(),
        None => installer.origins.newest(&need.source, need.constraints.as_ref())?,
    };
    let mut hashes = old.map(|l| l.hashes.clone()).unwrap_or_default();
    for found in installer.checksums(&need.source, &version, platforms, &hashes.clone())?.into_values() {
        hashes.extend(found);
    }
    Ok(Locked { version, constraints: need.constraints.clone(), hashes })
}

/// `providers mirror`.
pub fn mirror(dir: &Path, mut platforms: Vec<String>, printer: &Printer) -> Exit {
    let directory = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("."));
    let environment = match Environment::of_process(&directory) {
        Ok(environment) => environment,
        Err(error) => return stop(printer, Diagnostic::error("Providers not mirrored", format!("{error}."))),
    };
    let http = Http::new(environment.config.tokens.clone());
    let origins = Origins::of(&environment.config, &http, &directory);
    if platforms.is_empty() {
        platforms.push(platform());
    }
    let needs = match needs(printer) {
        Ok(needs) => needs.into_iter().filter(|n| elsewhere(&environment, &n.source).is_none()).collect::<Vec<_>>(),
        Err(exit) => return exit,
    };
    let done =
        LockFile::read(&directory).and_then(|lock| mirrored::mirror(&origins, &http, &needs, &lock, &platforms, dir));
    match done {
        Ok(lines) => {
            lines.iter().for_each(|line| printer.out(line));
            Exit::Done
        }
        Err(error) => stop(printer, Diagnostic::error("Providers not mirrored", format!("{error}."))),
    }
}
