//! `console`: expressions in the module of this directory. Resources are what the state says of them; what is not there is not known.

use super::Exit;
use super::args::ConsoleArgs;
use super::print::Printer;
use super::session::Project;
use crate::diag::{Diagnostic, FileId, Source, Sources};
use crate::lang::address::{Address, Key, Mode};
use crate::lang::builtin;
use crate::lang::console::{Answer, INPUT, ask};
use crate::lang::functions::FunctionContext;
use crate::lang::functions::files::SystemRandom;

use crate::plan::env::{BlockValues, Env, Repetition};
use crate::report::diagnostics::range;
use crate::report::json::Json;
use crate::state::{Object, ObjectId, State};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Read, Write};
use straddle_sdk::schema::Prepared;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{MarkedPath, Marks, Str, Type, Value};

/// So many instances of a resource are shown at most.
const MAX_INSTANCES: u64 = 1_000_000;

/// The state of the directory as values, and the schemas its objects are read by. Providers are started only for what a state holds.
async fn recorded(project: &Project) -> Result<Recorded, Box<Diagnostic>> {
    let state = super::home::load()?.state;
    let mut recorded = Recorded { blocks: Vec::new(), schemas: BTreeMap::new() };
    let built_in = |id: &ObjectId| builtin::schema(id.address.mode, &id.address.ty).is_some();
    if state.objects.keys().any(|id| !built_in(id)) {
        let providers = super::show::schemas(&state).await;
        for (number, node) in project.tree().nodes.iter().enumerate() {
            for resource in node.module.resources.values() {
                if let Some(schema) = providers.schema(number, resource) {
                    recorded.schemas.insert((resource.mode, Str::new(&resource.ty.text)), schema);
                }
            }
        }
    }
    recorded.read(project, &state);
    Ok(recorded)
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
    let console = Console { project: &project, recorded };
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
struct Recorded {
    blocks: Vec<(Address, BlockValues)>,
    schemas: BTreeMap<(Mode, Str), Prepared>,
}

impl Recorded {
    /// An object as a value: by its schema, or where none is to be had as it was stored.
    fn object(&self, object: &Object, mode: Mode, ty: &str) -> Value {
        let bytes = object.attributes.as_str().as_bytes();
        let value = match (self.schemas.get(&(mode, Str::new(ty))), builtin::schema(mode, ty)) {
            (Some(prepared), _) => {
                json::decode_dropping(bytes, prepared.ty()).map(|value| prepared.mark_sensitive(&value))
            }
            (None, Some(built_in)) => json::decode_dropping(bytes, &built_in.implied_type()),
            (None, None) => json::decode_plain(bytes),
        };
        let marks: Vec<MarkedPath> = object.sensitive.iter().map(|path| (path.clone(), Marks::SENSITIVE)).collect();
        value.map_or_else(|_| Value::unknown(Type::Dynamic), |value| value.mark_at(&marks))
    }

    /// Takes the objects of what the configuration declares, in all its modules.
    fn read(&mut self, project: &Project, state: &State) {
        let tree = project.tree();
        let mut blocks: BTreeMap<Address, BlockValues> = BTreeMap::new();
        for (id, object) in state.objects.iter().filter(|(id, _)| id.deposed.is_none() && id.address.workload.is_none())
        {
            let Address { module, mode, ty, name, key, .. } = &id.address;
            let declared = tree
                .find(module.iter().map(|(name, _)| name))
                .and_then(|node| tree.nodes[node].module.resource(*mode, ty, name));
            let Some(resource) = declared else { continue };
            let repetition = match (&resource.count, &resource.for_each, key) {
                (Some(_), _, Some(Key::Int(n))) if *n < MAX_INSTANCES => Repetition::Count,
                (None, Some(_), Some(Key::Str(_))) => Repetition::ForEach,
                (None, None, None) => Repetition::Single,
                // It is of a form the configuration no longer gives it.
                _ => continue,
            };
            let value = self.object(object, *mode, ty);
            let entry = blocks.entry(id.address.without_key());
            let values = entry.or_insert_with(|| BlockValues { repetition, instances: BTreeMap::new() });
            values.instances.insert(key.clone(), value);
        }
        self.blocks = blocks.into_iter().collect();
    }
}

struct Console<'p> {
    project: &'p Project,
    recorded: Recorded,
}

impl Console<'_> {
    /// The number of the expression among the texts.
    fn file(&self) -> FileId {
        FileId(u32::try_from(self.project.sources.files.len()).unwrap_or(u32::MAX))
    }

    /// All texts, the expression last.
    fn sources(&self, text: &str) -> Sources {
        let mut sources = self.project.sources.clone();
        sources.files.push(Source::new(INPUT, format!("{text}\n")));
        sources
    }

    fn ask(&self, text: &str) -> Answer {
        let sources = self.sources(text);
        let functions = FunctionContext {
            now: Some(jiff::Timestamp::now()),
            random: Some(&SystemRandom),
            sources: Some(&sources),
            ..self.project.functions()
        };
        let mut env = Env::new(self.project.tree(), &self.project.spec, &self.project.variables, functions, &sources);
        env.workspace = super::workspace::current();
        env.console = true;
        env.schemas = Some(&self.recorded.schemas);
        for (address, values) in &self.recorded.blocks {
            env.set_block(address.clone(), values.clone());
        }
        // What is wrong with a local is said when the configuration is planned.
        env.settle();
        ask(text, self.file(), &env)
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
