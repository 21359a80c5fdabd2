//! Diagnostics for people (the text underlined, what to write instead) and for programs (Terraform's diagnostic JSON).

use super::excerpt::{Excerpt, Excerpts};
use super::json::Json;
use super::promises;
use super::style::{Ink, Style, clean};
use crate::diag::position::LineIndex;
use crate::diag::{Diagnostic, FileId, Severity, Source, Sources, Span};
use crate::lang::ast::Block;
use crate::lang::syntax::{Text, parse_body};
use crate::promise::model::Survival;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Lines of source in a JSON snippet at most.
const SNIPPET: usize = 20;

/// So many bytes of a place are underlined at most.
const LONGEST_LABEL: usize = 1000;

/// Places further apart are not shown in one excerpt.
const FAR: usize = 20_000;

/// So many bytes before and after the beginning of a place are in a JSON snippet at most.
const NEAR: usize = 8192;

/// All diagnostics of a run, each with the place underlined.
pub fn text(all: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    let theme = match (style.color, style.unicode) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::ascii(),
        (false, true) => GraphicalTheme::unicode_nocolor(),
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(style.width.max(40))
        .with_context_lines(1)
        .with_break_words(false)
        .without_syntax_highlighting();
    let mut out = String::new();
    let mut excerpts = Excerpts::of(sources);
    for diagnostic in all {
        let shown = Shown::of(diagnostic, sources, &mut excerpts);
        let ink = if shown.severity == Severity::Error { Ink::Bad } else { Ink::Warn };
        let address = shown.address.as_ref().map(|a| format!(" ({a})")).unwrap_or_default();
        // The word first, so that it reads without colour and without the sign.
        out.push_str(&format!("{}{address}\n", style.ink(ink, shown.word())));
        out.push_str(&body(&handler, &shown));
        shown.elsewhere.iter().for_each(|place| out.push_str(&body(&handler, place)));
        out.push('\n');
    }
    out
}

fn body(handler: &GraphicalReportHandler, shown: &Shown) -> String {
    let mut text = String::new();
    if handler.render_report(&mut text, shown).is_err() {
        // A place outside its text is our own mistake; the words still get out.
        text = format!("  {shown}\n");
    }
    text.trim_matches('\n').lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A diagnostic with the text it is about.
#[derive(Debug)]
struct Shown {
    message: String,
    help: Option<String>,
    severity: Severity,
    address: Option<String>,
    source: Option<Excerpt>,
    labels: Vec<LabeledSpan>,
    /// Places in other files.
    elsewhere: Vec<Shown>,
}

impl Shown {
    fn of(diagnostic: &Diagnostic, sources: &Sources, excerpts: &mut Excerpts<'_>) -> Shown {
        let mut message = clean(&diagnostic.summary).into_owned();
        if !diagnostic.detail.is_empty() {
            message.push_str(": ");
            message.push_str(&clean(&diagnostic.detail));
        }
        // Without a place of its own a diagnostic stands at the first one related to it.
        let home = diagnostic.span.as_ref().or(diagnostic.related.first().map(|(span, _)| span)).map(|span| span.file);
        let mut shown = Shown {
            message,
            help: (!diagnostic.help.is_empty()).then(|| clean(&diagnostic.help).into_owned()),
            severity: diagnostic.severity,
            address: diagnostic.address.as_ref().map(|a| clean(a).into_owned()),
            source: home.and_then(|file| excerpts.get(file)),
            labels: Vec::new(),
            elsewhere: Vec::new(),
        };
        if let Some(label) = diagnostic.span.as_ref().and_then(|span| label(span, sources, None, true)) {
            shown.labels.push(label);
        }
        for (span, words) in &diagnostic.related {
            let place = diagnostic.span.as_ref().map_or(span.range.start, |own| own.range.start);
            let here = Some(span.file) == home && span.range.start.abs_diff(place) < FAR;
            let words = clean(words).into_owned();
            let Some(label) = label(span, sources, here.then(|| words.clone()), false) else { continue };
            if here {
                shown.labels.push(label);
            } else {
                shown.elsewhere.push(Shown {
                    message: words,
                    help: None,
                    severity: diagnostic.severity,
                    address: None,
                    source: excerpts.get(span.file),
                    labels: vec![label],
                    elsewhere: Vec::new(),
                });
            }
        }
        shown
    }

    fn word(&self) -> &'static str {
        match self.severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
        }
    }
}

fn label(span: &Span, sources: &Sources, words: Option<String>, primary: bool) -> Option<LabeledSpan> {
    let source = sources.files.get(span.file.0 as usize)?;
    let (start, end) = inside(&source.text, span);
    // A place of several lines is its first line: the rest follows from it.
    let end = source.text[start..end].find('\n').map_or(end, |at| start + at);
    let end = floor(&source.text, end.min(start + LONGEST_LABEL));
    let range = start..end.max(start);
    Some(match primary {
        true => LabeledSpan::new_primary_with_span(words, range),
        false => LabeledSpan::new_with_span(words, range),
    })
}

/// The range as far as it lies inside the text, on character boundaries.
fn inside(text: &str, span: &Span) -> (usize, usize) {
    let start = floor(text, span.range.start);
    let end = floor(text, span.range.end);
    (start, end.max(start))
}

/// The last character boundary not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl miette::Diagnostic for Shown {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

/// All diagnostics as Terraform's `validate -json` has them: counts, and each with range and snippet.
pub fn json(all: &[Diagnostic], sources: &Sources) -> String {
    json_with(all, sources, None)
}

/// All diagnostics, and what was found of the promises, where they were judged.
pub fn json_with(all: &[Diagnostic], sources: &Sources, survival: Option<&Survival>) -> String {
    let errors = all.iter().filter(|d| d.is_error()).count();
    let mut contexts = Contexts::default();
    let mut json = Json::new();
    json.object(|j| {
        j.key("format_version").text("1.0");
        j.key("valid").plain(errors == 0);
        j.key("error_count").plain(errors);
        j.key("warning_count").plain(all.len() - errors);
        j.key("diagnostics").array(all, |j, diagnostic| {
            write_with(diagnostic, sources, &mut contexts, j);
        });
        if let Some(survival) = survival {
            promises::json(survival, &[promises::Moment::After], j.key("promises"));
        }
    });
    json.finish()
}

/// One diagnostic in Terraform's shape; `help` and `related` are straddle's own.
pub fn write(diagnostic: &Diagnostic, sources: &Sources, j: &mut Json) {
    write_with(diagnostic, sources, &mut Contexts::default(), j);
}

fn write_with(diagnostic: &Diagnostic, sources: &Sources, contexts: &mut Contexts, j: &mut Json) {
    j.object(|j| {
        j.key("severity").text(if diagnostic.is_error() { "error" } else { "warning" });
        j.key("summary").text(&diagnostic.summary);
        j.key("detail").text(&diagnostic.detail);
        if let Some(address) = &diagnostic.address {
            j.key("address").text(address);
        }
        if let Some(span) = &diagnostic.span
            && let Some(source) = sources.files.get(span.file.0 as usize)
        {
            let known = contexts.of(span.file, source);
            write_range(source, &known.lines, span, j.key("range"));
            snippet(source, known, span, j.key("snippet"));
        }
        if !diagnostic.help.is_empty() {
            j.key("help").text(&diagnostic.help);
        }
        if !diagnostic.related.is_empty() {
            j.key("related").array(&diagnostic.related, |j, (span, words)| {
                j.object(|j| {
                    j.key("words").text(words);
                    if let Some(source) = sources.files.get(span.file.0 as usize) {
                        write_range(source, &contexts.of(span.file, source).lines, span, j.key("range"));
                    }
                });
            });
        }
    });
}

/// What is known of the files that diagnostics were in.
#[derive(Default)]
struct Contexts {
    files: BTreeMap<FileId, Known>,
}

/// Where the lines of a file begin, and its top-level blocks: where each is, in order, and its head as text.
struct Known {
    lines: LineIndex,
    blocks: Vec<(Range<usize>, String)>,
}

impl Contexts {
    fn of(&mut self, file: FileId, source: &Source) -> &Known {
        self.files.entry(file).or_insert_with(|| {
            let (body, _) = parse_body(Text { file, name: &source.name, text: &source.text });
            let head = |block: &Block| {
                let labels = block.labels.iter().map(|label| format!(" {:?}", &*label.text));
                std::iter::once(block.kind.name.to_string()).chain(labels).collect::<String>()
            };
            let blocks = body.blocks.iter().map(|block| (block.span.range.clone(), head(block))).collect();
            Known { lines: LineIndex::of(&source.text), blocks }
        })
    }
}

impl Known {
    /// The head of the block a place is in. As in Terraform the first byte of a block is not in it.
    fn around(&self, start: usize) -> Option<&str> {
        let before = start.checked_sub(1)?;
        let (range, head) = &self.blocks[self.blocks.partition_point(|(r, _)| r.start <= before).checked_sub(1)?];
        range.contains(&before).then_some(head.as_str())
    }
}

/// File, and line, column and byte of start and end. Lines and columns count from 1, columns in characters as people see them.
pub fn range(source: &Source, span: &Span, j: &mut Json) {
    write_range(source, &LineIndex::of(&source.text), span, j);
}

fn write_range(source: &Source, lines: &LineIndex, span: &Span, j: &mut Json) {
    let (start, end) = inside(&source.text, span);
    j.object(|j| {
        j.key("filename").text(&source.name);
        // An empty place is shown one column wide.
        let beyond = usize::from(start == end);
        for (key, at, beyond) in [("start", start, 0), ("end", end, beyond)] {
            let place = lines.position(&source.text, at);
            j.key(key).object(|j| {
                j.key("line").plain(place.line);
                j.key("column").plain(place.column + beyond);
                j.key("byte").plain(at + beyond);
            });
        }
    });
}

/// The whole lines of the place, and where in them it is.
fn snippet(source: &Source, known: &Known, span: &Span, j: &mut Json) {
    let (start, end) = inside(&source.text, span);
    let line_start = source.text[..start].rfind('\n').map_or(0, |n| n + 1);
    // A place that ends with its line does not reach into the next.
    let last = if end > start && source.text.as_bytes().get(end - 1) == Some(&b'\n') { end - 1 } else { end };
    let line_end = source.text[last..].find('\n').map_or(source.text.len(), |n| last + n);
    // Of a line without end only what is near.
    let line_start = if start - line_start > NEAR { floor(&source.text, start - NEAR) } else { line_start };
    let line_end = line_end.min(source.text.ceil_char_boundary(start + NEAR));
    let whole = &source.text[line_start..line_end];
    let cut = whole.match_indices('\n').nth(SNIPPET - 1).map_or(whole.len(), |(at, _)| at);
    j.object(|j| {
        match known.around(span.range.start) {
            Some(context) => j.key("context").text(context),
            None => j.key("context").raw("null"),
        }
        j.key("code").text(&whole[..cut]);
        j.key("start_line").plain(known.lines.line(start) + 1);
        j.key("highlight_start_offset").plain(start - line_start);
        j.key("highlight_end_offset").plain((end.max(start + 1) - line_start).min(cut));
        j.key("values").raw("[]");
    });
}
