//! `test`: the runs of `.tftest.hcl` and `.tftest.json` files, each file against states of its own that are gone when it is over.

mod prepare;
mod run;
mod scope;

use super::Exit;
use super::args::TestArgs;
use super::print::Printer;
use crate::diag::{Diagnostic, FileId, Source, Sources};
use crate::lang::load;
use crate::lang::syntax::Text;
use crate::lang::test_file::{self, is_test};
use crate::report::diagnostics;
use crate::report::test::{self, Event, FileResult, Progress, RunResult, Status, Tally};
use run::Stage;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A test file and its text.
struct Found {
    /// Below the module's directory.
    path: String,
    text: String,
    runs: Vec<String>,
}

/// Where what is said goes.
struct Voice<'a> {
    printer: &'a Printer,
    json: bool,
}

impl Voice<'_> {
    fn event(&self, event: &Event<'_>) {
        if self.json {
            self.printer.out(&test::event(event, &super::print::stamp()));
            return;
        }
        match event {
            Event::Found(_) => {}
            Event::File(path, Progress::Starting) => self.printer.out(&format!("{path}... in progress")),
            Event::File(path, Progress::Teardown) => self.printer.out(&format!("{path}... tearing down")),
            Event::File(path, Progress::Complete(status)) => self.printer.out(&format!("{path}... {}", status.word())),
            Event::Run(_, name, Progress::Complete(status)) => {
                self.printer.out(&format!("  run \"{name}\"... {}", status.word()));
            }
            Event::Run(..) => {}
            Event::Summary(status, tally) => self.printer.out(&format!("\n{}", tally.line(*status))),
        }
    }

    fn problems(&self, list: &[Diagnostic], sources: &Sources, path: &str, run: Option<&str>) {
        if list.is_empty() {
        } else if self.json {
            self.printer.out(&test::problems(list, sources, path, run, &super::print::stamp()));
        } else {
            self.printer.diagnostics(list, sources);
        }
    }
}

pub async fn run(args: TestArgs, printer: &Printer) -> Exit {
    let voice = Voice { printer, json: args.json };
    if args.json {
        printer.asked(false, true).begin();
    }
    let root = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("."));
    let (files, wrong) = find(&root, &args);
    if !wrong.is_empty() {
        wrong.iter().for_each(|(problems, sources, path)| voice.problems(problems, sources, path, None));
        return Exit::Error;
    }
    let abstracts: Vec<(String, Vec<String>)> = files.iter().map(|f| (f.path.clone(), f.runs.clone())).collect();
    voice.event(&Event::Found(&abstracts));
    let mut results: Vec<FileResult> = Vec::new();
    let mut interrupted = None;
    for file in &files {
        let (result, signal) = run_file(&root, file, &args, &voice).await;
        results.push(result);
        if signal.is_some() {
            interrupted = signal;
            break;
        }
    }
    let status = test::overall(&results);
    voice.event(&Event::Summary(status, Tally::of(&results)));
    if let Some(path) = &args.junit_xml {
        let words = |list: &[Diagnostic], sources: &Sources| diagnostics::text(list, sources, &Default::default());
        if let Err(error) = std::fs::write(path, test::junit(&results, &words)) {
            printer.error(&format!("{} cannot be written: {error}", path.display()));
            return Exit::Error;
        }
    }
    interrupted.unwrap_or(if status == Status::Pass { Exit::Done } else { Exit::Error })
}

type Wrong = (Vec<Diagnostic>, Sources, String);

/// The test files of the directory and of the test directory, by path; those asked for when any are.
fn find(root: &Path, args: &TestArgs) -> (Vec<Found>, Vec<Wrong>) {
    let tests = &args.test_directory;
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    let mut paths: Vec<PathBuf> = Vec::new();
    for below in [Path::new(""), tests.as_path()] {
        let names = load::names(&root.join(below)).unwrap_or_default();
        paths.extend(names.iter().filter(|n| is_test(n)).map(|n| below.join(n)));
    }
    paths.sort();
    paths.dedup();
    for wanted in args.filter.iter().filter(|f| !paths.contains(&plain(f))) {
        let detail = format!("There is no test file {}.", wanted.display());
        let problem = Diagnostic::error("Unknown test file", detail)
            .help("A filter is the path of a file below this directory, for example tests/main.tftest.hcl.");
        wrong.push((vec![problem], Sources::default(), String::new()));
    }
    for path in paths.into_iter().filter(|p| args.filter.is_empty() || args.filter.iter().any(|f| plain(f) == *p)) {
        let name = path.to_string_lossy().into_owned();
        let mut sources = Sources::default();
        match load::read(&root.join(&path), name.clone(), &mut sources) {
            Err(problem) => wrong.push((vec![*problem], sources, name)),
            Ok(file) => {
                let text = sources.files[file.0 as usize].text.to_string();
                let (read, problems) = test_file::read(Text { file, name: &name, text: &text });
                if problems.iter().any(Diagnostic::is_error) {
                    wrong.push((problems, sources, name));
                } else {
                    let runs = read.runs.iter().map(|r| r.name.to_string()).collect();
                    files.push(Found { path: name, text, runs });
                }
            }
        }
    }
    (files, wrong)
}

fn plain(path: &Path) -> PathBuf {
    path.components().filter(|c| !matches!(c, std::path::Component::CurDir)).collect()
}

/// All runs of a file, then the end of what they made.
async fn run_file(root: &Path, file: &Found, args: &TestArgs, voice: &Voice<'_>) -> (FileResult, Option<Exit>) {
    voice.event(&Event::File(&file.path, Progress::Starting));
    let mut result = FileResult { path: file.path.clone(), runs: Vec::new(), problems: Vec::new() };
    let mut stage = Stage::new(root, &file.path, &file.text, args);
    let (mut broken, mut signal) = (false, None);
    for (at, name) in file.runs.iter().enumerate() {
        let began = Instant::now();
        let done = if broken {
            RunResult {
                name: name.clone(),
                status: Status::Skip,
                problems: Vec::new(),
                sources: Sources::default(),
                took_ms: 0,
            }
        } else {
            voice.event(&Event::Run(&file.path, name, Progress::Starting));
            let outcome = stage.run(at, voice.printer).await;
            signal = outcome.signal;
            broken = outcome.status == Status::Error || signal.is_some();
            if let Some(shown) = outcome.shown.filter(|_| args.verbose && !args.json) {
                voice.event(&Event::Run(&file.path, name, Progress::Complete(outcome.status)));
                voice.printer.out(&shown);
            } else {
                voice.event(&Event::Run(&file.path, name, Progress::Complete(outcome.status)));
            }
            RunResult {
                name: name.clone(),
                status: outcome.status,
                problems: outcome.problems,
                sources: outcome.sources,
                took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            }
        };
        if done.status == Status::Skip {
            voice.event(&Event::Run(&file.path, name, Progress::Complete(Status::Skip)));
        }
        voice.problems(&done.problems, &done.sources, &file.path, Some(name));
        result.runs.push(done);
    }
    voice.event(&Event::File(&file.path, Progress::Teardown));
    let (left, sources) = stage.tear_down(voice.printer).await;
    voice.problems(&left, &sources, &file.path, None);
    result.problems = left;
    voice.event(&Event::File(&file.path, Progress::Complete(result.status())));
    (result, signal)
}

/// Puts a text among others.
fn add_source(sources: &mut Sources, name: &str, text: &str) -> FileId {
    let file = FileId(u32::try_from(sources.files.len()).unwrap_or(u32::MAX));
    sources.files.push(Source::new(name, text));
    file
}
