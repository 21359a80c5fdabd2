//! Provisioners: commands that run on this machine when an object has been made, or before it is deleted.
//!
//! An object whose provisioners have not all run well is kept as half made, from before the first of them starts, so that the next plan
//! replaces it, also after a kill.

use super::event::Event;
use super::{Carrying, Stop};
use crate::diag::Diagnostic;
use crate::lang::ast::{Block, Expr};
use crate::lang::eval::{Scope, eval};
use crate::lang::module::Resource;
use crate::plan::model::Change;
use std::collections::BTreeMap;
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

/// One command, ready to run.
#[derive(Clone, Debug)]
pub(super) struct Script {
    program: Vec<String>,
    directory: Option<String>,
    environment: BTreeMap<String, String>,
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
            of_occasion.map(|p| script(p, scope)).collect::<Result<Vec<Script>, Vec<Diagnostic>>>()
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
                tell(Event::Provision { address: change.address.clone(), line });
            };
            let Err(why) = script.run(&mut say).await else { continue };
            let mut problem = Diagnostic::error("local-exec provisioner error", why);
            problem.address = Some(change.address.to_string());
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

/// What a block says.
fn script(block: &Block, scope: &dyn Scope) -> Result<Script, Vec<Diagnostic>> {
    let kind = block.labels.first().map_or("", |label| &label.text);
    if kind != "local-exec" {
        return Err(vec![
            Diagnostic::error(
                "Provisioner not supported",
                format!("straddle runs \"local-exec\" provisioners; {kind:?} would need a connection to the object."),
            )
            .at(&block.header)
            .help("Run it from here: provisioner \"local-exec\" with ssh or scp, or let the object's own user data do it."),
        ]);
    }
    let mut problems = Vec::new();
    let mut secret = false;
    let mut value = |name: &str, ty: Type| -> Option<Value> {
        let expr: &Expr = &block.body.attribute(name)?.expr;
        let (value, found) = eval(expr, scope);
        problems.extend(found);
        let marks = value.deep_marks();
        secret |= marks.is_sensitive() || marks.contains(Marks::EPHEMERAL);
        match convert(&value.unmarked(), &ty) {
            Ok(value) if value.is_wholly_known() => Some(value).filter(|v| !v.is_null()),
            Ok(_) => {
                problems
                    .push(Diagnostic::error("Invalid provisioner", format!("{name:?} is not known.")).at(&expr.span));
                None
            }
            Err(error) => {
                let detail = format!("Inappropriate value for attribute {name:?}: {error}.");
                problems.push(Diagnostic::error("Incorrect attribute value type", detail).at(&expr.span));
                None
            }
        }
    };
    let command = value("command", Type::String);
    let directory = value("working_dir", Type::String);
    let interpreter = value("interpreter", Type::list(Type::String));
    let environment = value("environment", Type::map(Type::String));
    let quiet = value("quiet", Type::Bool).and_then(|v| v.as_bool()).unwrap_or(false);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let command = command.as_ref().map(text).unwrap_or_default();
    if command.is_empty() && !problems.iter().any(Diagnostic::is_error) {
        problems.push(
            Diagnostic::error("Missing required argument", "The argument \"command\" is required.").at(&block.header),
        );
    }
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let mut program: Vec<String> = match interpreter.as_ref().and_then(Value::items) {
        Some(words) if !words.is_empty() => words.iter().map(text).collect(),
        _ => vec!["/bin/sh".into(), "-c".into()],
    };
    program.push(command);
    let mut variables = BTreeMap::new();
    if let Some(Kind::Map(entries)) = environment.as_ref().map(Value::kind) {
        variables.extend(entries.items.iter().map(|(name, v)| (name.to_string(), text(v))));
    }
    let goes_on = word(block, "on_failure").as_deref() == Some("continue");
    Ok(Script {
        program,
        directory: directory.as_ref().map(text),
        environment: variables,
        silent: secret || quiet,
        goes_on,
    })
}

impl Script {
    /// Runs the command; its lines are told as they come.
    async fn run(&self, tell: &mut dyn FnMut(String)) -> Result<(), String> {
        let Some((program, arguments)) = self.program.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).envs(&self.environment).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let shown = if self.silent { "its command".to_string() } else { self.program.join(" ") };
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
        let output = if last.is_empty() { String::new() } else { format!(" Output: {}", last.join("\n")) };
        Err(format!("Error running command {shown:?}: {status}.{output}"))
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
