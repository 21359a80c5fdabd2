//! Provisioners: commands that run on this machine or another, and files that are put there, when an object has been made, or before it
//! is deleted.
//!
//! | file | subject |
//! |---|---|
//! | `connection` | `connection` blocks |
//! | `remote` | scripts and files on another machine |
//! | `ssh` | the session they use |
//!
//! An object whose provisioners have not all run well is kept as half made, from before the first of them starts, so that the next plan
//! replaces it, also after a kill.

mod connection;
mod remote;
mod ssh;

use super::event::Event;
use super::{Carrying, Stop};
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Expr};
use crate::lang::decode::content::missing_place;
use crate::lang::eval::{Scope, eval};
use crate::lang::module::Resource;
use crate::plan::model::Change;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use straddle_sdk::value::{Kind, Marks, Type, Value, convert};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

/// When a provisioner runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Create,
    Destroy,
}

/// What a provisioner does.
#[derive(Clone, Debug)]
enum Work {
    /// A command on this machine.
    Local { program: Vec<String>, directory: Option<String>, environment: BTreeMap<String, String> },
    /// Something on another one.
    Remote { errand: remote::Errand, connection: Box<connection::Connection> },
}

/// One provisioner, ready to run.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// `local-exec` and its like.
    kind: String,
    /// Where its block begins.
    place: Span,
    work: Work,
    /// Its output may hold secrets and is not shown.
    silent: bool,
    /// A failure is told and changes nothing.
    goes_on: bool,
}

/// Whether a resource has provisioners for an occasion.
pub(super) fn any(resource: &Resource, when: When) -> bool {
    resource.provisioners.iter().any(|p| occasion(p) == when)
}

fn occasion(block: &Block) -> When {
    if word(block, "when").as_deref() == Some("destroy") { When::Destroy } else { When::Create }
}

/// A bare word, also in quotes.
fn word(block: &Block, name: &str) -> Option<String> {
    let expr = &block.body.attribute(name)?.expr;
    expr.keyword().or_else(|| expr.literal_text()).map(String::from)
}

impl<'a> Carrying<'a> {
    /// The commands of an object's provisioners. `this` is the object.
    ///
    /// # Errors
    /// A command cannot be told, or is of a kind that is not run.
    pub(super) fn scripts(&self, change: &Change, when: When, this: &Value) -> Result<Vec<Script>, Vec<Diagnostic>> {
        let scripts = self.scoped(change, None, Some(this), |_, resource, scope| {
            let of_occasion = resource.provisioners.iter().filter(|p| occasion(p) == when);
            of_occasion.map(|p| script(resource, p, scope)).collect::<Result<Vec<Script>, Vec<Diagnostic>>>()
        });
        scripts.unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Runs commands one after the other.
    ///
    /// # Errors
    /// The first that failed and may not.
    pub(super) async fn provision(
        &self,
        change: &Change,
        scripts: Vec<Script>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), Box<Diagnostic>> {
        for script in scripts {
            let mut say = |line| {
                tell(Event::Provision { address: change.address.clone(), kind: script.kind.clone(), line });
            };
            let stopped = || self.stop.get() != Stop::No;
            let Err(why) = script.run(&stopped, &mut say).await else { continue };
            let mut problem = Diagnostic::error(format!("{} provisioner error", script.kind), why);
            problem.address = Some(change.address.to_string());
            problem = problem.at(&script.place);
            if !script.goes_on {
                return Err(problem.into());
            }
            problem.severity = crate::diag::Severity::Warning;
            tell(Event::Note(problem));
            if self.stop.get() != Stop::No {
                break;
            }
        }
        Ok(())
    }
}

/// The arguments of a block, evaluated one by one.
struct Arguments<'b> {
    block: &'b Block,
    scope: &'b dyn Scope,
    problems: Vec<Diagnostic>,
    secret: bool,
}

impl Arguments<'_> {
    /// `None`: it is not written, null, or reported.
    fn value(&mut self, name: &str, ty: Type) -> Option<Value> {
        let expr: &Expr = &self.block.body.attribute(name)?.expr;
        let (value, found) = eval(expr, self.scope);
        self.problems.extend(found);
        let marks = value.deep_marks();
        self.secret |= marks.is_sensitive() || marks.contains(Marks::EPHEMERAL);
        let problem = match convert(&value.unmarked(), &ty) {
            Ok(value) if value.is_wholly_known() => return Some(value).filter(|v| !v.is_null()),
            Ok(_) => Diagnostic::error("Invalid provisioner", format!("{name:?} is not known.")),
            Err(error) => Diagnostic::error(
                "Incorrect attribute value type",
                format!("Inappropriate value for attribute {name:?}: {error}."),
            ),
        };
        self.problems.push(problem.at(&expr.span));
        None
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.value(name, Type::String).as_ref().map(text)
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let list = self.value(name, Type::list(Type::String))?;
        Some(list.items()?.iter().map(text).collect())
    }

    fn required(&mut self, name: &str) -> String {
        let text = self.text(name).unwrap_or_default();
        if text.is_empty() && !self.problems.iter().any(Diagnostic::is_error) {
            let detail = format!("The argument {name:?} is required.");
            self.problems.push(Diagnostic::error("Missing required argument", detail).at(&self.block.header));
        }
        text
    }

    fn refuse(&mut self, detail: impl Into<String>) {
        self.problems.push(Diagnostic::error("Invalid provisioner", detail).at(&self.block.header));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// What a block says.
fn script(resource: &Resource, block: &Block, scope: &dyn Scope) -> Result<Script, Vec<Diagnostic>> {
    let kind = block.labels.first().map_or("", |label| &label.text);
    let mut arguments = Arguments { block, scope, problems: Vec::new(), secret: false };
    let errand = match kind {
        "local-exec" => None,
        "remote-exec" => Some(scripts(&mut arguments)),
        "file" => Some(file(&mut arguments)),
        other => {
            arguments.refuse(format!("There is no provisioner {other:?}: they are file, local-exec and remote-exec."));
            None
        }
    };
    let work = match errand {
        None => local(&mut arguments),
        Some(errand) => match connection::read(resource, block, scope) {
            Ok(connection) => {
                arguments.secret |= connection.secret;
                Work::Remote { errand, connection: connection.into() }
            }
            Err(problems) => {
                arguments.problems.extend(problems);
                return Err(arguments.problems);
            }
        },
    };
    if arguments.problems.iter().any(Diagnostic::is_error) {
        return Err(arguments.problems);
    }
    let goes_on = word(block, "on_failure").as_deref() == Some("continue");
    let place = missing_place(&block.body);
    Ok(Script { kind: kind.to_string(), place, work, silent: arguments.secret, goes_on })
}

fn local(arguments: &mut Arguments<'_>) -> Work {
    let command = arguments.required("command");
    let directory = arguments.text("working_dir");
    let interpreter = arguments.texts("interpreter").filter(|words| !words.is_empty());
    let mut program = interpreter.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
    program.push(command);
    let mut environment = BTreeMap::new();
    let variables = arguments.value("environment", Type::map(Type::String));
    if let Some(Kind::Map(entries)) = variables.as_ref().map(Value::kind) {
        environment.extend(entries.items.iter().map(|(name, v)| (name.to_string(), text(v))));
    }
    // Quiet or not: what is run is never told, what it says is.
    arguments.value("quiet", Type::Bool);
    Work::Local { program, directory, environment }
}

/// The scripts of a `remote-exec`: lines that make one, or files of this machine.
fn scripts(arguments: &mut Arguments<'_>) -> remote::Errand {
    if let Some(lines) = arguments.texts("inline") {
        return remote::Errand::Scripts(vec![(lines.join("\n") + "\n").into_bytes()]);
    }
    let one = arguments.text("script").map(|path| vec![path]);
    let paths = one.or_else(|| arguments.texts("scripts")).unwrap_or_default();
    let mut scripts = Vec::new();
    for path in paths {
        match std::fs::read(&path) {
            Ok(script) => scripts.push(script),
            Err(error) => arguments.refuse(format!("The script {path} cannot be read: {error}.")),
        }
    }
    remote::Errand::Scripts(scripts)
}

fn file(arguments: &mut Arguments<'_>) -> remote::Errand {
    let destination = arguments.required("destination");
    if let Some(source) = arguments.text("source") {
        return remote::Errand::Copy { source, destination };
    }
    match arguments.text("content") {
        Some(content) => remote::Errand::Content { content: content.into_bytes(), destination },
        None => {
            arguments.refuse("Must provide one of 'source' or 'content'.");
            remote::Errand::Content { content: Vec::new(), destination }
        }
    }
}

impl Script {
    /// Runs it; its lines are told as they come.
    async fn run(&self, stopped: &dyn Fn() -> bool, tell: &mut dyn FnMut(String)) -> Result<(), String> {
        match &self.work {
            Work::Local { program, directory, environment } => {
                self.run_here(program, directory.as_deref(), environment, tell).await
            }
            Work::Remote { errand, connection } => {
                let mut hushed = |_: String| {};
                if self.silent {
                    tell("(output suppressed: it may hold sensitive values)".into());
                }
                let tell: &mut dyn FnMut(String) = if self.silent { &mut hushed } else { tell };
                remote::run(errand, connection, stopped, tell).await.map_err(|error| {
                    if self.silent {
                        "it failed; its output may hold sensitive values and is not shown".into()
                    } else {
                        format!("{error}.")
                    }
                })
            }
        }
    }

    async fn run_here(
        &self,
        words: &[String],
        directory: Option<&str>,
        environment: &BTreeMap<String, String>,
        tell: &mut dyn FnMut(String),
    ) -> Result<(), String> {
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).envs(environment).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = directory {
            command.current_dir(directory);
        }
        let command_line = words.last().map_or("", String::as_str);
        let shown = if self.silent { "its command" } else { command_line };
        let mut child = command.spawn().map_err(|error| format!("{shown} cannot be started: {error}."))?;
        if self.silent {
            tell("(output suppressed: it may hold sensitive values)".into());
        }
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let mut said = Lines::new(out);
        let mut complained = Lines::new(err);
        let mut last = Vec::new();
        loop {
            let line = tokio::select! {
                line = said.next(), if said.open() => line,
                line = complained.next(), if complained.open() => line,
                else => break,
            };
            let Some(line) = line else { continue };
            if !self.silent {
                last.push(line.clone());
                if last.len() > 20 {
                    last.remove(0);
                }
                tell(line);
            }
        }
        let status = child.wait().await.map_err(|error| format!("{shown}: {error}."))?;
        if status.success() {
            return Ok(());
        }
        let status = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal: {signal}"),
            (None, None) => status.to_string(),
        };
        Err(format!("Error running command '{shown}': {status}. Output: {}", last.join("\n")).trim_end().to_owned())
    }
}

/// The lines of a stream, until it ends.
struct Lines<R>(Option<tokio::io::Lines<BufReader<R>>>);

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(stream: Option<R>) -> Lines<R> {
        Lines(stream.map(|s| BufReader::new(s).lines()))
    }

    fn open(&self) -> bool {
        self.0.is_some()
    }

    /// `None` when it has ended, or holds what is no text.
    async fn next(&mut self) -> Option<String> {
        let lines = self.0.as_mut()?;
        match lines.next_line().await {
            Ok(Some(line)) => Some(line),
            Ok(None) => {
                self.0 = None;
                None
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Some("(bytes that are no text)".into()),
            Err(_) => {
                self.0 = None;
                None
            }
        }
    }
}
