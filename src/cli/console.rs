//! `console`: expressions in the module of this directory. Results of resources are not known here.

use super::Exit;
use super::args::ConsoleArgs;
use super::print::Printer;
use super::session::Project;
use crate::diag::{Diagnostic, FileId, Source, Sources};
use crate::lang::console::{Answer, INPUT, ask};
use crate::lang::evaluate::{Surroundings, evaluate};
use crate::lang::functions::FunctionContext;
use crate::lang::functions::files::SystemRandom;
use crate::lang::scope::{ModuleValues, NoResources, Paths};
use crate::report::diagnostics::range;
use crate::report::json::Json;
use std::io::{BufRead, IsTerminal, Read, Write};

/// The largest expression read, in bytes.
const MAX_INPUT: u64 = 1 << 24;

pub fn run(args: &ConsoleArgs, printer: &Printer) -> Exit {
    let mut project = Project::read(&args.vars);
    // What has no value is unknown here. Own blocks are not what is asked about.
    project.problems.retain(|p| p.summary != "No value for required variable");
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let console = Console::new(&project);
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

struct Console<'p> {
    project: &'p Project,
    paths: Paths,
    values: ModuleValues,
}

impl<'p> Console<'p> {
    fn new(project: &'p Project) -> Console<'p> {
        let cwd = project.directory.display().to_string();
        let paths = Paths { module: ".".into(), root: ".".into(), cwd };
        let mut console = Console { project, paths, values: ModuleValues::default() };
        // What is wrong with a local is said when it is asked for.
        console.values = evaluate(&project.config, project.variables.clone(), &NoResources, console.around()).0;
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
        ask(text, self.file(), &self.project.config.module, &self.values, &NoResources, self.around())
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
