//! The lines of a text around a place, for diagnostics: however long the text is, only they are read.

use super::style::clean;
use crate::diag::position::LineIndex;
use crate::diag::{FileId, Source, Sources};
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many bytes before and after a place are shown at most.
const NEAR: usize = 1000;

/// A text that can be shown on a terminal, and where its lines begin.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    name: String,
    text: Arc<str>,
    lines: Arc<LineIndex>,
}

/// The texts of a run, made ready once each.
pub(super) struct Excerpts<'s> {
    sources: &'s Sources,
    ready: BTreeMap<FileId, Excerpt>,
}

impl<'s> Excerpts<'s> {
    /// None of them ready yet.
    pub fn of(sources: &'s Sources) -> Excerpts<'s> {
        Excerpts { sources, ready: BTreeMap::new() }
    }

    /// The text of a file.
    pub fn get(&mut self, file: FileId) -> Option<Excerpt> {
        let source = self.sources.files.get(file.0 as usize)?;
        Some(self.ready.entry(file).or_insert_with(|| Excerpt::of(source)).clone())
    }
}

impl Excerpt {
    /// The text with every byte that could draw on the terminal replaced, length by length, so that places stay.
    fn of(source: &Source) -> Excerpt {
        let draws = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let text = if source.text.chars().any(draws) {
            let replaced: String =
                source.text.chars().map(|c| if draws(c) { "?".repeat(c.len_utf8()) } else { c.to_string() }).collect();
            replaced.into()
        } else {
            source.text.clone()
        };
        let lines = Arc::new(LineIndex::of(&text));
        Excerpt { name: clean(&source.name).into_owned(), text, lines }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // The lines asked for and one more on each side; what of them is shown the library knows.
        let first = self.lines.line(span.offset()).saturating_sub(before + 1);
        let last = self.lines.line(span.offset() + span.len()) + after + 2;
        let (start, end) = (self.lines.start(first, &self.text), self.lines.start(last, &self.text));
        // Of a line without end only what is near.
        let start = self.text.ceil_char_boundary(start.max(span.offset().saturating_sub(NEAR)));
        let end = self.text.floor_char_boundary(end.min((span.offset() + span.len()).saturating_add(NEAR)));
        let window = self.text.get(start..end).ok_or(MietteError::OutOfBounds)?;
        let shifted = SourceSpan::from((span.offset() - start, span.len()));
        let found = window.read_span(&shifted, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            SourceSpan::from((found.span().offset() + start, found.span().len())),
            found.line() + first,
            found.column(),
            found.line_count(),
        )))
    }
}
