//! Diagnostics: what is wrong, where, and what to write instead. Plain data; printing is `report`'s.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

pub mod position;

use position::LineIndex;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use straddle_sdk::value::Path;

/// A source text by number: an index into the run's [`Sources`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub struct FileId(pub u32);

/// A stretch of a source, in bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Span {
    pub file: FileId,
    pub range: Range<usize>,
}

/// All texts read in a run, by the name a person knows them by (relative to the module's directory).
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Sources {
    pub files: Vec<Source>,
}

/// One text.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Source {
    pub name: String,
    pub text: Arc<str>,
    /// Where its lines begin, found when first asked for.
    #[serde(skip)]
    lines: OnceLock<Arc<LineIndex>>,
}

impl Source {
    /// A text by its name.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Source {
        Source { name: name.into(), text: text.into(), lines: OnceLock::new() }
    }

    /// Where its lines begin.
    pub fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| Arc::new(LineIndex::of(&self.text)))
    }
}

impl Sources {
    /// A place as messages write it, `main.tf:2,3-8`. `None`: the text is none of these.
    pub fn place(&self, span: &Span) -> Option<String> {
        let source = self.files.get(span.file.0 as usize)?;
        Some(source.lines().range_text(&source.name, &source.text, span))
    }
}

/// How bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub enum Severity {
    Error,
    Warning,
}

/// One thing to tell the user.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// What is wrong, a short phrase. Terraform's own where Terraform has the same mistake.
    pub summary: String,
    /// What it means; one or more sentences.
    pub detail: String,
    /// What to write or do instead; empty when `detail` says it.
    pub help: String,
    /// The text to underline.
    pub span: Option<Span>,
    /// Further places that matter, each with a few words ("already set here").
    pub related: Vec<(Span, String)>,
    /// The address of the object concerned.
    pub address: Option<String>,
    /// The part of the object's configuration that a provider speaks of; who knows the text finds its place.
    #[serde(skip)]
    pub attribute: Option<Path>,
}

/// Where each of these stands in the order of the text. What an error led to, whose place is around that error's, stands where the error does:
/// sorted by this without changing equals, it stays behind it.
pub fn text_order(diags: &[Diagnostic]) -> Vec<Option<(FileId, usize)>> {
    let mut order: Vec<Option<(FileId, usize)>> = Vec::with_capacity(diags.len());
    let mut inner: Option<&Span> = None;
    for diag in diags {
        let span = diag.span.as_ref();
        let led_to = span.zip(inner).is_some_and(|(outer, inner)| {
            outer.file == inner.file && outer.range.start <= inner.range.start && inner.range.end <= outer.range.end
        });
        let place = match order.last() {
            Some(place) if led_to => *place,
            _ => span.map(|s| (s.file, s.range.start)),
        };
        order.push(place);
        inner = span;
    }
    order
}

impl Diagnostic {
    /// An error.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            help: String::new(),
            span: None,
            related: Vec::new(),
            address: None,
            attribute: None,
        }
    }

    /// A warning.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(summary, detail) }
    }

    /// Underlines `span`.
    pub fn at(mut self, span: &Span) -> Diagnostic {
        self.span = Some(span.clone());
        self
    }

    /// Underlines the part of a configuration that the provider speaks of, in place of naming it.
    pub fn at_attribute(mut self, span: &Span) -> Diagnostic {
        if let Some(path) = self.attribute.take()
            && let Some(detail) = self.detail.strip_suffix(&named(&path))
        {
            self.detail.truncate(detail.len());
        }
        self.at(span)
    }

    /// Names the part of a configuration that the provider speaks of.
    pub fn about_attribute(mut self, path: &Path) -> Diagnostic {
        self.detail.push_str(&named(path));
        self.attribute = Some(path.clone());
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = help.into();
        self
    }

    /// Points at a further place.
    pub fn related(mut self, span: &Span, words: impl Into<String>) -> Diagnostic {
        self.related.push((span.clone(), words.into()));
        self
    }

    /// Whether it stops the run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

fn named(path: &Path) -> String {
    format!(" (attribute {path})")
}
