//! `console`: expressions in the module of this directory. Resources are what the state says of them; what is not there is not known.

use super::Exit;
use super::args::ConsoleArgs;
use super::print::Printer;
use super::session::Project;
use crate::diag::{Diagnostic, FileId, Source, Sources};
use crate::lang::address::{Address, Key};
use crate::lang::console::{Answer, INPUT, ask};
use crate::lang::evaluate::{Surroundings, evaluate};
use crate::lang::functions::FunctionContext;
use crate::lang::functions::files::SystemRandom;
use crate::lang::module::{Mode, Module};
use crate::lang::scope::{ModuleValues, Paths, Resources};
use crate::report::diagnostics::range;
use crate::report::json::Json;
use crate::state::{Object, ObjectId, State};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Read, Write};
use straddle_sdk::schema::{Block, Prepared};
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{MarkedPath, Marks, Str, Type, Value};

/// So many instances of a resource are shown at most.
const MAX_INSTANCES: u64 = 1_000_000;

/// The state of the directory, and the schemas its objects are read by. Providers are started only for what a state holds.
async fn recorded(project: &Project) -> Result<Recorded<'_>, Box<Diagnostic>> {
    let module = &project.config.module;
    let state = super::home::load()?.state;
    let mut schemas = BTreeMap::new();
    let built_in = |id: &ObjectId| crate::lang::builtin::schema(id.address.mode, &id.address.ty).is_some();
    if state.objects.keys().any(|id| !built_in(id)) {
        let providers = super::show::schemas(&state).await;
        for resource in module.resources.values() {
            if let Some(schema) = providers.schema(0, resource) {
                schemas.insert((resource.mode, Str::new(&resource.ty.text)), schema);
            }
        }
    }
    Ok(Recorded { module, state, schemas })
}

/// The largest expression read, in bytes.
const MAX_INPUT: u64 = 1 << 24;

pub async fn run(args: &ConsoleArgs, printer: &Printer) -> Exit {
    let mut project = Project::read(&args.vars);
    // What has no value is unknown here. Own blocks are not what is asked about.
    project.problems.retain(|p| p.summary != "No value for required variable");
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let recorded = match recorded(&project).await {
        Ok(recorded) => recorded,
        Err(problem) => {
            printer.diagnostics(&[*problem], &project.sources);
            return Exit::Error;
        }
    };
    let console = Console::new(&project, recorded);
    let stdin = std::io::stdin();
    if args.json {
        let mut text = String::new();
        if let Err(error) = stdin.lock().take(MAX_INPUT).read_to_string(&mut text) {
            printer.error(&format!("the expression cannot be read: {error}"));
            return Exit::Error;
        }
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let answer = console.ask(text);
        printer.out(&console.json(text, &answer));
        return if answer.ok() { Exit::Done } else { Exit::Error };
    }
    let terminal = stdin.is_terminal();
    let mut exit = Exit::Done;
    loop {
        if terminal {
            print!("> ");
            // A terminal that has gone away ends the loop below.
            let _ = std::io::stdout().flush();
        }
        let mut line = String::new();
        match stdin.lock().take(MAX_INPUT).read_line(&mut line) {
            Ok(0) | Err(_) => return exit,
            Ok(_) => {}
        }
        match line.trim() {
            "" => continue,
            "exit" | "quit" => return exit,
            text => {
                let answer = console.ask(text);
                printer.diagnostics(&answer.diags, &console.sources(text));
                if answer.ok() {
                    printer.out(&answer.display());
                } else if !terminal {
                    exit = Exit::Error;
                }
            }
        }
    }
}

/// Resources as the state has them: what is there now, nothing planned.
struct Recorded<'p> {
    module: &'p Module,
    state: State,
    schemas: BTreeMap<(Mode, Str), Prepared>,
}

impl Recorded<'_> {
    /// An object as a value: by its schema, or where none is to be had as it was stored.
    fn object(&self, object: &Object, mode: Mode, ty: &str) -> Value {
        let bytes = object.attributes.as_str().as_bytes();
        let value = match (self.schemas.get(&(mode, Str::new(ty))), self.schema(mode, ty)) {
            (Some(prepared), _) => {
                json::decode_dropping(bytes, prepared.ty()).map(|value| prepared.mark_sensitive(&value))
            }
            (None, Some(built_in)) => json::decode_dropping(bytes, &built_in.implied_type()),
            (None, None) => json::decode_plain(bytes),
        };
        let marks: Vec<MarkedPath> = object.sensitive.iter().map(|path| (path.clone(), Marks::SENSITIVE)).collect();
        value.map_or_else(|_| Value::unknown(Type::Dynamic), |value| value.mark_at(&marks))
    }
}

impl Resources for Recorded<'_> {
    fn value(&self, mode: Mode, ty: &str, name: &str) -> Option<Value> {
        let resource = self.module.resource(mode, ty, name)?;
        let whole = Address { mode, ..Address::managed(ty, name, None) };
        let instances: BTreeMap<Option<Key>, Value> = self
            .state
            .objects
            .range(ObjectId::current(whole.clone())..)
            .take_while(|(id, _)| id.address.without_key() == whole)
            .filter(|(id, _)| id.deposed.is_none())
            .map(|(id, object)| (id.address.key.clone(), self.object(object, mode, ty)))
            .collect();
        if instances.is_empty() {
            return None;
        }
        let missing = || Value::unknown(Type::Dynamic);
        Some(match (&resource.count, &resource.for_each) {
            (Some(_), _) => {
                let numbers = instances.keys().filter_map(|key| match key {
                    Some(Key::Int(n)) => Some(*n),
                    _ => None,
                });
                let length = numbers.max().map_or(0, |n| n + 1).min(MAX_INSTANCES);
                let at = |n| instances.get(&Some(Key::Int(n))).cloned().unwrap_or_else(missing);
                Value::tuple((0..length).map(at).collect())
            }
            (None, Some(_)) => {
                let named = instances.into_iter().filter_map(|(key, value)| match key {
                    Some(Key::Str(name)) => Some((name, value)),
                    _ => None,
                });
                Value::object(named.collect())
            }
            (None, None) => instances.get(&None).cloned().unwrap_or_else(missing),
        })
    }

    fn schema(&self, mode: Mode, ty: &str) -> Option<&Block> {
        crate::lang::builtin::schema(mode, ty).or_else(|| Some(&self.schemas.get(&(mode, Str::new(ty)))?.block))
    }
}

struct Console<'p> {
    project: &'p Project,
    recorded: Recorded<'p>,
    paths: Paths,
    values: ModuleValues,
}

impl<'p> Console<'p> {
    fn new(project: &'p Project, recorded: Recorded<'p>) -> Console<'p> {
        let cwd = project.directory.display().to_string();
        let paths = Paths { module: ".".into(), root: ".".into(), cwd };
        let mut console = Console { project, recorded, paths, values: ModuleValues::default() };
        // What is wrong with a local is said when it is asked for.
        let variables = project.variables.clone();
        console.values = evaluate(&project.config, variables, &console.recorded, console.around()).0;
        console
    }

    fn around(&self) -> Surroundings<'_> {
        Surroundings {
            functions: FunctionContext {
                now: Some(jiff::Timestamp::now()),
                random: Some(&SystemRandom),
                ..self.project.functions()
            },
            paths: &self.paths,
            workspace: "default",
            sources: &self.project.sources,
            console: true,
        }
    }

    /// The number of the expression among the texts.
    fn file(&self) -> FileId {
        FileId(u32::try_from(self.project.sources.files.len()).unwrap_or(u32::MAX))
    }

    /// All texts, the expression last.
    fn sources(&self, text: &str) -> Sources {
        let mut sources = self.project.sources.clone();
        sources.files.push(Source { name: INPUT.into(), text: format!("{text}\n").into() });
        sources
    }

    fn ask(&self, text: &str) -> Answer {
        ask(text, self.file(), &self.project.config.module, &self.values, &self.recorded, self.around())
    }

    /// One object, with the value itself under `json`.
    fn json(&self, text: &str, answer: &Answer) -> String {
        let mut json = Json::new();
        json.object(|j| {
            j.key("ok").plain(answer.ok());
            match answer.error() {
                None => j.key("type").text(&answer.type_text()),
                Some(_) => j.key("type").raw("null"),
            }
            match answer.json().filter(|_| answer.ok()) {
                Some(value) => j.key("json").raw(&value),
                None => j.key("json").raw("null"),
            }
            j.key("unknown").plain(answer.ok() && answer.unknown());
            j.key("sensitive").plain(answer.ok() && answer.sensitive());
            j.key("ephemeral").plain(answer.ok() && answer.ephemeral());
            match answer.error() {
                None => j.key("error").raw("null"),
                Some(error) => problem(error, &self.sources(text), j.key("error")),
            }
        });
        json.finish()
    }
}

fn problem(error: &Diagnostic, sources: &Sources, j: &mut Json) {
    j.object(|j| {
        j.key("summary").text(&error.summary);
        j.key("detail").text(&error.detail);
        let place = error.span.as_ref().and_then(|s| Some((sources.files.get(s.file.0 as usize)?, s)));
        match place {
            Some((source, span)) => range(source, span, j.key("range")),
            None => j.key("range").raw("null"),
        }
    });
}
