//! `fmt`: files in their canonical form.

use super::Exit;
use super::args::FmtArgs;
use super::print::Printer;
use crate::diag::{Diagnostic, FileId, Source, Sources};
use crate::lang::load;
use crate::lang::syntax::Text;
use crate::lang::syntax::format::format;
use crate::report::diff::unified;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The endings of files in the native syntax.
const ENDINGS: [&str; 5] = [".tf", ".tfvars", ".tftest.hcl", ".tfmock.hcl", ".straddle.hcl"];
/// What standard input is called.
const STDIN: &str = "<stdin>";
/// The largest text read from standard input, in bytes.
const MAX_STDIN: u64 = 1 << 30;
/// Directories are followed so deep.
const MAX_DEPTH: usize = 100;

pub fn run(args: &FmtArgs, printer: &Printer) -> Exit {
    let mut run = Run { args, printer, sources: Sources::default(), problems: Vec::new(), changed: false };
    if args.targets.iter().any(|t| t.as_os_str() == "-") {
        if args.targets.len() > 1 {
            printer.error("fmt: \"-\" (standard input) cannot be combined with other paths");
            return Exit::Error;
        }
        run.standard_input();
    } else if args.targets.is_empty() {
        run.directory(Path::new("."), 0);
    }
    for target in args.targets.iter().filter(|t| t.as_os_str() != "-") {
        run.target(target);
    }
    printer.diagnostics(&run.problems, &run.sources);
    match (run.problems.is_empty(), args.check && run.changed) {
        (false, _) => Exit::Error,
        (true, true) => Exit::Broken,
        (true, false) => Exit::Done,
    }
}

struct Run<'a> {
    args: &'a FmtArgs,
    printer: &'a Printer,
    sources: Sources,
    problems: Vec<Diagnostic>,
    /// Some file was not in canonical form.
    changed: bool,
}

impl Run<'_> {
    fn standard_input(&mut self) {
        let mut bytes = Vec::new();
        if let Err(problem) = std::io::stdin().lock().take(MAX_STDIN).read_to_end(&mut bytes) {
            return self.problem("Cannot read standard input", format!("{problem}."));
        }
        let file = FileId(u32::try_from(self.sources.files.len()).unwrap_or(u32::MAX));
        let (text, invalid) = load::decode_text(bytes);
        self.sources.files.push(Source::new(STDIN, text));
        if let Err(at) = invalid {
            return self.problems.push(load::not_utf8(file, at));
        }
        let Some((before, after)) = self.formatted(file) else { return };
        if self.args.diff {
            self.diff(STDIN, &before, &after);
        } else if !self.args.check {
            // What is printed ends its last line, whatever the input did.
            self.printer.bare(&after);
            self.printer.bare(if after.ends_with('\n') { "" } else { "\n" });
        }
    }

    fn target(&mut self, path: &Path) {
        let name = path.to_string_lossy();
        if path.is_dir() {
            self.directory(path, 0);
        } else if !path.exists() {
            self.problem("No such file or directory", format!("There is no file or directory {name:?}."));
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            self.file(path);
        } else {
            let detail = format!("{name:?} is none of those fmt knows: their names end in {}.", ENDINGS.join(", "));
            self.problem("Not a configuration file", detail);
        }
    }

    /// The files of a directory by name, then, where asked for, the directories.
    fn directory(&mut self, path: &Path, depth: usize) {
        let names = match load::names(path) {
            Ok(names) => names,
            Err(problem) => {
                let detail = format!("The directory {:?} cannot be read: {problem}.", path.display());
                return self.problem("Cannot read directory", detail);
            }
        };
        for name in names.iter().filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending))) {
            self.file(&path.join(name));
        }
        if !self.args.recursive || depth >= MAX_DEPTH {
            return;
        }
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        // A link is not followed: it may lead back here.
        let mut below: Vec<PathBuf> = entries
            .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()) && !e.file_name().to_string_lossy().starts_with('.'))
            .map(|e| e.path())
            .collect();
        below.sort();
        below.iter().for_each(|dir| self.directory(dir, depth + 1));
    }

    fn file(&mut self, path: &Path) {
        let path = path.strip_prefix(".").unwrap_or(path);
        let name = path.to_string_lossy().into_owned();
        let file = match load::read(path, name.clone(), &mut self.sources) {
            Ok(file) => file,
            Err(problem) => return self.problems.push(*problem),
        };
        let Some((before, after)) = self.formatted(file) else { return };
        let prints = !self.args.list && !self.args.write && !self.args.check && !self.args.diff;
        if *before == *after {
            if prints {
                self.printer.bare(&after);
            }
            return;
        }
        if self.args.list {
            self.printer.out(&name);
        }
        if self.args.write
            && !self.args.check
            && let Err(problem) = replace(path, &after)
        {
            self.problem("Cannot write file", format!("{name:?} cannot be written: {problem}. It is as it was."));
        }
        if self.args.diff {
            self.diff(&name, &before, &after);
        }
        if prints {
            self.printer.bare(&after);
        }
    }

    /// The text before and after; nothing when it has mistakes.
    fn formatted(&mut self, file: FileId) -> Option<(std::sync::Arc<str>, String)> {
        let Source { name, text, .. } = self.sources.files.get(file.0 as usize)?.clone();
        match format(Text { file, name: &name, text: &text }) {
            Ok(after) => {
                self.changed |= *text != *after;
                Some((text, after))
            }
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    fn diff(&self, name: &str, before: &str, after: &str) {
        self.printer.bare(&unified(before, after, &format!("old/{name}"), &format!("new/{name}")));
    }

    fn problem(&mut self, summary: &str, detail: String) {
        self.problems.push(Diagnostic::error(summary, detail));
    }
}

/// Writes a file whole or not at all, in the place a link points to, with the permissions it had.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    new.persist(&path).map_err(|e| e.error)?;
    Ok(())
}
