//! `probe`: what every probe sees now; with `-agent` the answer of a vantage point elsewhere.

use super::Exit;
use super::args::{LockArgs, ProbeArgs};
use super::planning;
use super::print::Printer;
use super::session::Project;
use crate::state::{State, Store};
use std::io::Read;

/// Most bytes of a question.
const MOST_QUESTION: u64 = 16 << 20;

pub async fn run(args: &ProbeArgs, printer: &Printer) -> Exit {
    if args.agent {
        return agent(printer).await;
    }
    let project = Project::read(&args.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    if project.spec.probes.is_empty() && !args.record {
        printer.error(
            "this directory declares no probe; for example: probe \"web\" { url = \"https://web.example.kr/healthz\" }",
        );
        return Exit::Error;
    }
    match args.record {
        true => record(&project, args, printer).await,
        false => match super::home::load() {
            Ok(loaded) => look(&project, &loaded.state, None, args, printer).await,
            Err(problem) => {
                printer.diagnostics(&[*problem], &project.sources);
                Exit::Error
            }
        },
    }
}

/// With the lock in hand: what is seen is remembered, so that timers run between commands.
async fn record(project: &Project, args: &ProbeArgs, printer: &Printer) -> Exit {
    let lock = LockArgs { lock: true, lock_timeout: "0s".into() };
    let store = match super::apply::open(&lock, "watch", printer) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let exit = look(project, &store.state(), Some(&store), args, printer).await;
    match store.close() {
        Ok(()) => exit,
        Err(error) => {
            printer.diagnostics(&[error.into()], &project.sources);
            exit.worse(Exit::Error)
        }
    }
}

async fn look(project: &Project, state: &State, store: Option<&Store>, args: &ProbeArgs, printer: &Printer) -> Exit {
    let scene = match planning::look_leniently(project, state, args.parallelism).await {
        Ok(scene) => scene,
        Err(problems) => {
            printer.diagnostics(&problems, &project.sources);
            return Exit::Error;
        }
    };
    let noted = store.map_or(Ok(()), |store| super::apply::note_courses(project, store, &scene, printer));
    scene.fleet.shutdown().await;
    printer.diagnostics(&scene.warnings, &project.sources);
    let (spec, observed) = (&project.spec, &scene.observed);
    printer.out(&match args.json {
        true => crate::report::evidence::json(&observed.evidence, &observed.courses),
        false => crate::report::evidence::text(spec_probes(spec), observed, printer.style().lang),
    });
    noted.err().unwrap_or(Exit::Done)
}

fn spec_probes(spec: &crate::spec::Spec) -> Vec<(String, Vec<String>)> {
    let named = |p: &crate::spec::probes::ProbeSpec| match p.from.as_slice() {
        [] => vec!["here".to_string()],
        from => from.iter().map(|v| spec.vantages[*v].name.to_string()).collect(),
    };
    spec.probes.iter().map(|p| (p.name.to_string(), named(p))).collect()
}

/// One question, one answer, both JSON.
async fn agent(printer: &Printer) -> Exit {
    let mut text = String::new();
    if let Err(error) = std::io::stdin().lock().take(MOST_QUESTION).read_to_string(&mut text) {
        printer.error(&format!("the question cannot be read: {error}"));
        return Exit::Error;
    }
    let said = match crate::probe::answer(&text).await {
        Ok(answer) => serde_json::to_string(&answer).map_err(|e| e.to_string()),
        Err(why) => Err(why),
    };
    match said {
        Ok(text) => {
            printer.bare(&text);
            Exit::Done
        }
        Err(why) => {
            printer.error(&why);
            Exit::Error
        }
    }
}
