//! Which files a pattern names, for `fileset`.
//!
//! `*` and `?` match within a name, `[a-z]` and `[^a-z]` one character, `{a,b}` either, `**` alone any number of directories.
//! A backslash takes a meaning away; names that begin with a dot are names like any other.

use super::re2_class::Class;
use super::{EntryKind, Files};
use regex_automata::meta::Regex;
use regex_syntax::hir::{Dot, Hir, Look, Repetition};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The most directories inside each other that are looked into: links can make a circle.
const MAX_DEPTH: usize = 128;
/// The most braces inside each other.
const MAX_BRACES: usize = 16;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum GlobError {
    /// In Go's words.
    #[error("syntax error in pattern")]
    Pattern,
    #[error("directories are nested too deep")]
    Depth,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a pattern finds below a directory, as paths from that directory, sorted.
pub(super) fn glob(files: &dyn Files, base: &Path, pattern: &[&str]) -> Result<Vec<PathBuf>, GlobError> {
    let mut found = Vec::new();
    Search { files, base, found: &mut found }.below(Path::new(""), pattern, 0)?;
    found.sort();
    found.dedup();
    Ok(found)
}

struct Search<'a> {
    files: &'a dyn Files,
    base: &'a Path,
    found: &'a mut Vec<PathBuf>,
}

impl Search<'_> {
    fn below(&mut self, at: &Path, pattern: &[&str], depth: usize) -> Result<(), GlobError> {
        if depth > MAX_DEPTH {
            return Err(GlobError::Depth);
        }
        let fixed = pattern.iter().take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).count();
        let (names, rest) = pattern.split_at(fixed);
        let at = names.iter().fold(at.to_owned(), |at, name| at.join(name));
        let kind = match self.files.kind(&self.base.join(&at)) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename) => None,
            found => found?,
        };
        let Some((part, after)) = rest.split_first() else {
            if kind == Some(EntryKind::File) {
                self.found.push(at);
            }
            return Ok(());
        };
        if kind != Some(EntryKind::Directory) {
            return Ok(());
        }
        let entries = self.files.list(&self.base.join(&at))?;
        let mut parts = (*part, after);
        if *part == "**" {
            for (name, kind) in &entries {
                match kind {
                    EntryKind::Directory => self.below(&at.join(name), rest, depth + 1)?,
                    EntryKind::File if after.is_empty() => self.found.push(at.join(name)),
                    _ => {}
                }
            }
            let Some((part, after)) = after.split_first() else { return Ok(()) };
            parts = (*part, after);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let (part, after) = parts;
        let matches = compile(part)?;
        for (name, kind) in &entries {
            if !matches.is_match(name) {
                continue;
            }
            if !after.is_empty() {
                self.below(&at.join(name), after, depth + 1)?;
            } else if *kind == EntryKind::File {
                self.found.push(at.join(name));
            }
        }
        Ok(())
    }
}

/// The pattern of one name.
fn compile(part: &str) -> Result<Regex, GlobError> {
    let middle = sequence(part, 0)?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), middle, Hir::look(Look::End)]);
    Regex::builder().build_from_hir(&whole).map_err(|_| GlobError::Pattern)
}

fn sequence(part: &str, depth: usize) -> Result<Hir, GlobError> {
    if depth > MAX_BRACES {
        return Err(GlobError::Pattern);
    }
    let mut pieces = Vec::new();
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        pieces.push(match c {
            '*' => {
                let sub = Box::new(Hir::dot(Dot::AnyChar));
                Hir::repetition(Repetition { min: 0, max: None, greedy: true, sub })
            }
            '?' => Hir::dot(Dot::AnyChar),
            '[' => {
                let end = unescaped(rest, ']').ok_or(GlobError::Pattern)?;
                let inside = rest.get(..end).unwrap_or_default();
                rest = rest.get(end + 1..).unwrap_or_default();
                class(inside)?
            }
            '{' => {
                let end = unescaped(rest, '}').ok_or(GlobError::Pattern)?;
                let mut inside = rest.get(..end).unwrap_or_default();
                rest = rest.get(end + 1..).unwrap_or_default();
                let mut branches = Vec::new();
                while let Some(comma) = unescaped(inside, ',') {
                    branches.push(sequence(inside.get(..comma).unwrap_or_default(), depth + 1)?);
                    inside = inside.get(comma + 1..).unwrap_or_default();
                }
                branches.push(sequence(inside, depth + 1)?);
                Hir::alternation(branches)
            }
            '\\' => {
                let c = rest.chars().next().ok_or(GlobError::Pattern)?;
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                literal(c)
            }
            c => literal(c),
        });
    }
    Ok(Hir::concat(pieces))
}

fn literal(c: char) -> Hir {
    Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
}

/// Where a character stands that has no backslash before it.
fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        if c == wanted && !escaped {
            return Some(i);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// What stands between brackets.
fn class(inside: &str) -> Result<Hir, GlobError> {
    let mut class = Class::default();
    let negated = inside.starts_with('^');
    let mut chars = inside.chars().skip(usize::from(negated)).peekable();
    if inside.is_empty() {
        return Err(GlobError::Pattern);
    }
    while let Some(low) = chars.next() {
        let low = bound(low, &mut chars)?;
        let mut high = low;
        if chars.next_if_eq(&'-').is_some() {
            let end = chars.next().ok_or(GlobError::Pattern)?;
            high = bound(end, &mut chars)?;
        }
        // A range the wrong way round holds nothing.
        class.add(low as u32, high as u32, false);
    }
    Ok(class.hir(negated))
}

fn bound(c: char, rest: &mut impl Iterator<Item = char>) -> Result<char, GlobError> {
    match c {
        '-' => Err(GlobError::Pattern),
        '\\' => rest.next().ok_or(GlobError::Pattern),
        c => Ok(c),
    }
}
