//! What `test` says: lines for people, events for programs, JUnit's XML for pipelines.

use super::events;
use crate::diag::{Diagnostic, Sources};
use serde_json::{Value, json};

/// How a run, a file or everything ended. Later is worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// All that was expected was so.
    Pass,
    /// Not run, since one before it could not be carried out.
    Skip,
    /// Something expected was not so.
    Fail,
    /// It could not be carried out.
    Error,
}

impl Status {
    /// The word for people: what could not be carried out failed.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Skip => "skip",
            Status::Fail | Status::Error => "fail",
        }
    }

    /// The word for programs.
    pub fn id(self) -> &'static str {
        if self == Status::Error { "error" } else { self.word() }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// What was said.
    pub problems: Vec<Diagnostic>,
    /// The texts that what was said is about.
    pub sources: Sources,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// One file.
#[derive(Clone, Debug)]
pub struct FileResult {
    /// Its path below the module.
    pub path: String,
    /// Its runs in order.
    pub runs: Vec<RunResult>,
    /// What was said of the file as a whole, and of what its end left behind.
    pub problems: Vec<Diagnostic>,
}

impl FileResult {
    /// The worst of its runs.
    pub fn status(&self) -> Status {
        let own = if self.problems.iter().any(Diagnostic::is_error) { Status::Error } else { Status::Pass };
        self.runs.iter().map(|r| r.status).filter(|s| *s != Status::Skip).fold(own, Status::max)
    }
}

/// Runs by how they ended.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    passed: usize,
    failed: usize,
    errored: usize,
    skipped: usize,
}

impl Tally {
    /// Of all files.
    pub fn of(files: &[FileResult]) -> Tally {
        let mut tally = Tally::default();
        for run in files.iter().flat_map(|f| &f.runs) {
            match run.status {
                Status::Pass => tally.passed += 1,
                Status::Skip => tally.skipped += 1,
                Status::Fail => tally.failed += 1,
                Status::Error => tally.errored += 1,
            }
        }
        tally
    }

    /// The last line.
    pub fn line(self, status: Status) -> String {
        let word = if status == Status::Pass { "Success" } else { "Failure" };
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        format!("{word}! {} passed, {} failed{skipped}.", self.passed, self.failed + self.errored)
    }
}

/// The status of everything.
pub fn overall(files: &[FileResult]) -> Status {
    files.iter().map(FileResult::status).fold(Status::Pass, Status::max)
}

/// Something to tell a program.
pub enum Event<'a> {
    /// All files and their runs.
    Found(&'a [(String, Vec<String>)]),
    /// A file begins, is torn down, or has ended.
    File(&'a str, Progress),
    /// A run begins or has ended.
    Run(&'a str, &'a str, Progress),
    /// All is over.
    Summary(Status, Tally),
}

/// How far something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It begins.
    Starting,
    /// What it made is removed.
    Teardown,
    /// It has ended.
    Complete(Status),
}

impl Progress {
    fn words(self) -> &'static str {
        match self {
            Progress::Starting => "in progress",
            Progress::Teardown => "tearing down",
            Progress::Complete(status) => status.word(),
        }
    }

    fn fields(self) -> Value {
        match self {
            Progress::Starting => json!({ "progress": "starting" }),
            Progress::Teardown => json!({ "progress": "teardown" }),
            Progress::Complete(status) => json!({ "progress": "complete", "status": status.id() }),
        }
    }
}

/// One line for a program.
pub fn event(event: &Event<'_>, stamp: &str) -> String {
    let mut line = json!({ "@level": "info", "@module": "terraform.ui", "@timestamp": stamp });
    let mut add = |name: &str, value: Value| line[name] = value;
    match event {
        Event::Found(files) => {
            let runs: usize = files.iter().map(|(_, runs)| runs.len()).sum();
            let by_file: serde_json::Map<String, Value> =
                files.iter().map(|(path, runs)| (path.clone(), json!(runs))).collect();
            let some = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            add("@message", format!("Found {} and {}", some(files.len(), "file"), some(runs, "run block")).into());
            add("test_abstract", by_file.into());
            add("type", "test_abstract".into());
        }
        Event::File(path, progress) => {
            let mut fields = progress.fields();
            fields["path"] = (*path).into();
            add("@message", format!("{path}... {}", progress.words()).into());
            add("@testfile", (*path).into());
            add("test_file", fields);
            add("type", "test_file".into());
        }
        Event::Run(path, run, progress) => {
            let mut fields = progress.fields();
            fields["path"] = (*path).into();
            fields["run"] = (*run).into();
            if !matches!(progress, Progress::Complete(_)) {
                fields["elapsed"] = 0.into();
            }
            add("@message", format!("  \"{run}\"... {}", progress.words()).into());
            add("@testfile", (*path).into());
            add("@testrun", (*run).into());
            add("test_run", fields);
            add("type", "test_run".into());
        }
        Event::Summary(status, tally) => {
            add("@message", tally.line(*status).into());
            add(
                "test_summary",
                json!({
                    "status": status.id(),
                    "passed": tally.passed,
                    "failed": tally.failed,
                    "errored": tally.errored,
                    "skipped": tally.skipped,
                }),
            );
            add("type", "test_summary".into());
        }
    }
    line.to_string()
}

/// What was said in a run (or of a file), a line each.
pub fn problems(list: &[Diagnostic], sources: &Sources, path: &str, run: Option<&str>, stamp: &str) -> String {
    let mut out = String::new();
    for line in events::problems(list, sources, stamp).lines() {
        let Ok(mut line) = serde_json::from_str::<Value>(line) else { continue };
        line["@testfile"] = path.into();
        if let Some(run) = run {
            line["@testrun"] = run.into();
        }
        out.push_str(&format!("{line}\n"));
    }
    out
}

/// All results in JUnit's form. `words` writes what was said as text.
pub fn junit(files: &[FileResult], words: &dyn Fn(&[Diagnostic], &Sources) -> String) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites>\n");
    for file in files {
        let count = |status| file.runs.iter().filter(|r| r.status == status).count();
        out.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" skipped=\"{}\" failures=\"{}\" errors=\"{}\">\n",
            escaped(&file.path),
            file.runs.len(),
            count(Status::Skip),
            count(Status::Fail),
            count(Status::Error)
        ));
        let mut broken = None;
        for run in &file.runs {
            let head = format!("    <testcase name=\"{}\" classname=\"{}\"", escaped(&run.name), escaped(&file.path));
            let time = format!(" time=\"{}.{:03}\"", run.took_ms / 1000, run.took_ms % 1000);
            let said = cdata(&words(&run.problems, &run.sources));
            match run.status {
                Status::Pass => out.push_str(&format!("{head}{time}></testcase>\n")),
                Status::Fail => out.push_str(&format!(
                    "{head}{time}>\n      <failure message=\"Test run failed\">{said}</failure>\n    </testcase>\n"
                )),
                Status::Error => {
                    broken.get_or_insert(&run.name);
                    out.push_str(&format!(
                        "{head}{time}>\n      <error message=\"Encountered an error\">{said}</error>\n    </testcase>\n"
                    ));
                }
                Status::Skip => {
                    let why = match broken {
                        Some(name) => format!(
                            "Previous testcase \"{name}\" ended in error, which caused the remaining tests in the file to be skipped"
                        ),
                        None => "The run was stopped".to_owned(),
                    };
                    out.push_str(&format!(
                        "{head}>\n      <skipped message=\"Testcase skipped due to a previous testcase error\">{}</skipped>\n    </testcase>\n",
                        cdata(&why)
                    ));
                }
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text as it is; what would end it is divided.
fn cdata(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r')).collect();
    format!("<![CDATA[{}]]>", plain.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, status: Status) -> RunResult {
        let problems = if status == Status::Fail {
            vec![Diagnostic::error("Test assertion failed", "a ]]> b")]
        } else {
            Vec::new()
        };
        RunResult { name: name.into(), status, problems, sources: Sources::default(), took_ms: 1500 }
    }

    fn files() -> Vec<FileResult> {
        vec![FileResult {
            path: "a\"b.tftest.hcl".into(),
            runs: vec![
                run("one", Status::Pass),
                run("two", Status::Fail),
                run("three", Status::Error),
                run("four", Status::Skip),
            ],
            problems: Vec::new(),
        }]
    }

    #[test]
    fn the_worst_counts() {
        let files = files();
        assert_eq!(overall(&files), Status::Error);
        assert_eq!(Tally::of(&files).line(Status::Error), "Failure! 1 passed, 2 failed, 1 skipped.");
        assert_eq!(Tally::of(&[]).line(overall(&[])), "Success! 0 passed, 0 failed.");
    }

    #[test]
    fn events_are_terraforms() {
        let line: Value =
            serde_json::from_str(&event(&Event::Run("a", "r", Progress::Complete(Status::Error)), "T")).unwrap();
        assert_eq!(
            line,
            json!({
                "@level": "info", "@message": "  \"r\"... fail", "@module": "terraform.ui", "@testfile": "a",
                "@testrun": "r", "@timestamp": "T", "type": "test_run",
                "test_run": { "path": "a", "run": "r", "progress": "complete", "status": "error" },
            })
        );
    }

    #[test]
    fn junit_holds_any_text() {
        let xml = junit(&files(), &|problems, _| problems.iter().map(|p| p.detail.clone()).collect());
        assert!(xml.contains(
            "<testsuite name=\"a&quot;b.tftest.hcl\" tests=\"4\" skipped=\"1\" failures=\"1\" errors=\"1\">"
        ));
        assert!(xml.contains("time=\"1.500\""));
        assert!(xml.contains("a ]]]]><![CDATA[> b"));
        assert!(xml.contains("Previous testcase \"three\" ended in error"));
    }
}
