//! Regular expressions in the syntax of RE2, which Terraform's are written in.
//!
//! Rust's own syntax differs in what both accept: there `\d` is Unicode, `[a&&b]` an intersection, a bare `{` an error. So the
//! pattern is read here, into the model Rust's engine runs ([`Hir`]). Both engines prefer the leftmost match and then the
//! alternatives in order, and both run in linear time.

use super::re2_class::{Class, perl, posix, unicode};
use regex_syntax::hir::{Capture, Dot, Hir, Look, Repetition};
use thiserror::Error;

/// The most groups inside each other.
const MAX_NESTING: usize = 250;
/// The most a counted repetition may ask for, also as the product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// A pattern that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{kind} in {part}")]
pub(super) struct Malformed {
    /// What is wrong, in Go's words.
    pub kind: &'static str,
    /// The part of the pattern that is wrong.
    pub part: String,
}

fn malformed<T>(kind: &'static str, part: &str) -> Result<T, Malformed> {
    Err(Malformed { kind, part: part.to_owned() })
}

/// A pattern, read.
pub(super) struct Parsed {
    /// The whole of it.
    pub hir: Hir,
    /// The names of the groups in order, without group 0; empty for a group without one.
    pub names: Vec<String>,
}

#[derive(Clone, Copy)]
struct Flags {
    /// `i`
    fold: bool,
    /// `m`
    multiline: bool,
    /// `s`
    dot_newline: bool,
    /// `U`
    lazy: bool,
}

/// Part of a sequence, and how often counted repetitions inside it repeat at most, multiplied.
struct Piece {
    hir: Hir,
    repeats: u32,
}

/// A group that is not closed yet.
struct Group {
    /// Of what is outside; in force again behind the group.
    flags: Flags,
    /// Its number and name, if it captures.
    capture: Option<(u32, String)>,
    /// Branches that are complete.
    branches: Vec<Piece>,
    /// The branch being read.
    branch: Vec<Piece>,
}

impl Group {
    fn new(flags: Flags, capture: Option<(u32, String)>) -> Group {
        Group { flags, capture, branches: Vec::new(), branch: Vec::new() }
    }

    fn end_branch(&mut self) {
        let pieces = std::mem::take(&mut self.branch);
        let repeats = pieces.iter().map(|p| p.repeats).max().unwrap_or(1);
        self.branches.push(Piece { hir: Hir::concat(pieces.into_iter().map(|p| p.hir).collect()), repeats });
    }

    fn close(mut self) -> Piece {
        self.end_branch();
        let repeats = self.branches.iter().map(|p| p.repeats).max().unwrap_or(1);
        let hir = Hir::alternation(self.branches.into_iter().map(|p| p.hir).collect());
        let hir = match self.capture {
            // The engine refuses names that occur twice, so it does not get them.
            Some((index, _)) => Hir::capture(Capture { index, name: None, sub: Box::new(hir) }),
            None => hir,
        };
        Piece { hir, repeats }
    }
}

struct Reader<'a> {
    pattern: &'a str,
    rest: &'a str,
    flags: Flags,
    groups: Vec<Group>,
    names: Vec<String>,
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str) -> Result<Parsed, Malformed> {
    let flags = Flags { fold: false, multiline: false, dot_newline: false, lazy: false };
    let groups = vec![Group::new(flags, None)];
    let mut reader = Reader { pattern, rest: pattern, flags, groups, names: Vec::new() };
    reader.sequence()?;
    let names = reader.names;
    match (reader.groups.pop(), reader.groups.is_empty()) {
        (Some(outermost), true) => Ok(Parsed { hir: outermost.close().hir, names }),
        _ => malformed("missing closing )", pattern),
    }
}

impl<'a> Reader<'a> {
    fn sequence(&mut self) -> Result<(), Malformed> {
        // Where the repetition began that the last step read.
        let mut repetition: Option<&'a str> = None;
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            let mut repeated = None;
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    self.group()?.end_branch();
                }
                '[' => self.class()?,
                '.' => {
                    self.single(Hir::dot(if self.flags.dot_newline { Dot::AnyChar } else { Dot::AnyCharExceptLF }))?
                }
                '^' => self.single(Hir::look(if self.flags.multiline { Look::StartLF } else { Look::Start }))?,
                '$' => self.single(Hir::look(if self.flags.multiline { Look::EndLF } else { Look::End }))?,
                '\\' => self.backslash()?,
                '*' | '+' | '?' => {
                    self.skip(1);
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(min, max, before, repetition, false)?;
                    repeated = Some(before);
                }
                '{' => match counts(before) {
                    Some((min, max, after)) => {
                        self.rest = after;
                        let (Some(min), Some(max)) = (min, max) else {
                            return malformed("invalid repeat count", part(before, after));
                        };
                        self.repeat(min, max, before, repetition, true)?;
                        repeated = Some(before);
                    }
                    None => {
                        self.skip(1);
                        self.literal('{')?;
                    }
                },
                c => {
                    self.skip(c.len_utf8());
                    self.literal(c)?;
                }
            }
            repetition = repeated;
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// The innermost group; there always is one, as the outermost is never closed.
    fn group(&mut self) -> Result<&mut Group, Malformed> {
        let pattern = self.pattern;
        self.groups.last_mut().ok_or_else(|| Malformed { kind: "unexpected )", part: pattern.to_owned() })
    }

    fn push(&mut self, hir: Hir) -> Result<(), Malformed> {
        self.group()?.branch.push(Piece { hir, repeats: 1 });
        Ok(())
    }

    /// One character of the pattern that stands for itself or an assertion.
    fn single(&mut self, hir: Hir) -> Result<(), Malformed> {
        self.skip(1);
        self.push(hir)
    }

    fn literal(&mut self, c: char) -> Result<(), Malformed> {
        let hir = if self.flags.fold {
            let mut class = Class::default();
            class.add(c as u32, c as u32, true);
            class.hir(false)
        } else {
            Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
        };
        self.push(hir)
    }

    /// A character by its number, which may be none that a text can hold.
    fn code(&mut self, code: u32) -> Result<(), Malformed> {
        match char::from_u32(code) {
            Some(c) => self.literal(c),
            None => self.push(Hir::fail()),
        }
    }

    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        before: &str,
        last: Option<&str>,
        counted: bool,
    ) -> Result<(), Malformed> {
        let mut lazy = self.flags.lazy;
        if self.rest.starts_with('?') {
            self.skip(1);
            lazy = !lazy;
        }
        let rest = self.rest;
        if let Some(last) = last {
            return malformed("invalid nested repetition operator", part(last, rest));
        }
        let Some(piece) = self.group()?.branch.pop() else {
            return malformed("missing argument to repetition operator", part(before, rest));
        };
        // What a repetition multiplies counts only where it counts.
        let times = if counted { max.unwrap_or(min).max(1) } else { 1 };
        let repeats = piece.repeats.saturating_mul(times);
        if counted && (min >= 2 || max.is_some_and(|max| max >= 2)) && repeats > MAX_REPEAT {
            return malformed("invalid repeat count", part(before, rest));
        }
        let hir = Hir::repetition(Repetition { min, max, greedy: !lazy, sub: Box::new(piece.hir) });
        self.group()?.branch.push(Piece { hir, repeats });
        Ok(())
    }

    fn open(&mut self) -> Result<(), Malformed> {
        if self.groups.len() > MAX_NESTING {
            return malformed("expression nests too deeply", self.pattern);
        }
        if self.rest.starts_with("(?") {
            return self.flagged();
        }
        self.skip(1);
        self.capture(String::new());
        Ok(())
    }

    fn capture(&mut self, name: String) {
        self.names.push(name.clone());
        self.groups.push(Group::new(self.flags, Some((self.names.len() as u32, name))));
    }

    fn close(&mut self) -> Result<(), Malformed> {
        self.skip(1);
        let closed = if self.groups.len() > 1 { self.groups.pop() } else { None };
        let Some(closed) = closed else { return malformed("unexpected )", self.pattern) };
        self.flags = closed.flags;
        let piece = closed.close();
        self.group()?.branch.push(piece);
        Ok(())
    }

    /// What begins with `(?`: a named group, a group that does not capture, or flags.
    fn flagged(&mut self) -> Result<(), Malformed> {
        let before = self.rest;
        let named = before.strip_prefix("(?P<").or_else(|| before.strip_prefix("(?<")).filter(|name| !name.is_empty());
        if let Some(after) = named {
            let Some((name, rest)) = after.split_once('>') else { return malformed("invalid named capture", before) };
            if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
                return malformed("invalid named capture", part(before, rest));
            }
            self.rest = rest;
            self.capture(name.to_owned());
            return Ok(());
        }
        self.skip(2);
        let outside = self.flags;
        let mut flags = self.flags;
        let (mut on, mut any) = (true, false);
        while let Some(c) = self.rest.chars().next() {
            self.skip(c.len_utf8());
            any = match c {
                'i' => replace(&mut flags.fold, on),
                'm' => replace(&mut flags.multiline, on),
                's' => replace(&mut flags.dot_newline, on),
                'U' => replace(&mut flags.lazy, on),
                '-' if on => {
                    on = false;
                    false
                }
                ':' | ')' if on || any => {
                    self.flags = flags;
                    if c == ':' {
                        self.groups.push(Group::new(outside, None));
                    }
                    return Ok(());
                }
                _ => break,
            };
        }
        malformed("invalid or unsupported Perl syntax", part(before, self.rest))
    }

    fn backslash(&mut self) -> Result<(), Malformed> {
        let before = self.rest;
        let look = match before.as_bytes().get(1) {
            Some(b'A') => Look::Start,
            Some(b'z') => Look::End,
            Some(b'b') => Look::WordAscii,
            Some(b'B') => Look::WordAsciiNegate,
            Some(b'C') => return malformed("invalid escape sequence", "\\C"),
            Some(b'Q') => return self.quoted(),
            _ => {
                let mut class = Class::default();
                if self.shorthand(&mut class)? {
                    return self.push(class.hir(false));
                }
                let (code, rest) = escape(before)?;
                self.rest = rest;
                return self.code(code);
            }
        };
        self.skip(2);
        self.push(Hir::look(look))
    }

    /// `\Q` to `\E` or to the end: all for itself.
    fn quoted(&mut self) -> Result<(), Malformed> {
        self.skip(2);
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        text.chars().try_for_each(|c| self.literal(c))
    }

    /// `\d`, `\pL`, `\p{Greek}` and the like, if that is what comes next.
    fn shorthand(&mut self, class: &mut Class) -> Result<bool, Malformed> {
        let before = self.rest;
        let Some(letter) = before.strip_prefix('\\').and_then(|rest| rest.chars().next()) else { return Ok(false) };
        if let 'p' | 'P' = letter {
            let (name, rest) = property(before)?;
            let (negated, name) = match name.strip_prefix('^') {
                Some(name) => (letter == 'p', name),
                None => (letter == 'P', name),
            };
            let Some(found) = unicode(name, self.flags.fold) else {
                return malformed("invalid character class range", part(before, rest));
            };
            class.union(found, negated);
            self.rest = rest;
            return Ok(true);
        }
        let Some(ranges) = perl(letter.to_ascii_lowercase()) else { return Ok(false) };
        class.union_ranges(ranges, letter.is_ascii_uppercase(), self.flags.fold);
        self.skip(2);
        Ok(true)
    }

    /// `[...]`
    fn class(&mut self) -> Result<(), Malformed> {
        let whole = self.rest;
        self.skip(1);
        let negated = self.rest.starts_with('^');
        if negated {
            self.skip(1);
        }
        let mut class = Class::default();
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.named_class(&mut class)? || self.shorthand(&mut class)? {
                continue;
            }
            let before = self.rest;
            let low = self.class_char(whole)?;
            let mut high = low;
            if self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.skip(1);
                high = self.class_char(whole)?;
                if high < low {
                    return malformed("invalid character class range", part(before, self.rest));
                }
            }
            class.add(low, high, self.flags.fold);
        }
        self.skip(1);
        self.push(class.hir(negated))
    }

    /// `[:alpha:]`, if that is what comes next.
    fn named_class(&mut self, class: &mut Class) -> Result<bool, Malformed> {
        let before = self.rest;
        let Some((name, rest)) = before.strip_prefix("[:").and_then(|inner| inner.split_once(":]")) else {
            return Ok(false);
        };
        let (negated, plain) = name.strip_prefix('^').map_or((false, name), |plain| (true, plain));
        let Some(ranges) = posix(plain) else { return malformed("invalid character class range", part(before, rest)) };
        class.union_ranges(ranges, negated, self.flags.fold);
        self.rest = rest;
        Ok(true)
    }

    fn class_char(&mut self, whole: &str) -> Result<u32, Malformed> {
        match self.rest.chars().next() {
            None => malformed("missing closing ]", whole),
            Some('\\') => {
                let (code, rest) = escape(self.rest)?;
                self.rest = rest;
                Ok(code)
            }
            Some(c) => {
                self.skip(c.len_utf8());
                Ok(c as u32)
            }
        }
    }
}

/// Sets a flag; true, as there now was one.
fn replace(flag: &mut bool, on: bool) -> bool {
    *flag = on;
    true
}

/// What of `before` was read when `rest` is left.
fn part<'a>(before: &'a str, rest: &str) -> &'a str {
    before.get(..before.len() - rest.len()).unwrap_or(before)
}

/// The name in `\p{name}` or `\pN`, and what follows.
fn property(before: &str) -> Result<(&str, &str), Malformed> {
    let after = before.get(2..).unwrap_or_default();
    match after.chars().next() {
        Some('{') => match after.get(1..).and_then(|inner| inner.split_once('}')) {
            Some(found) => Ok(found),
            None => malformed("invalid character class range", before),
        },
        Some(c) => Ok(after.split_at(c.len_utf8())),
        None => malformed("invalid character class range", before),
    }
}

/// Smallest and largest count (`None` inside: as large as possible; outside: not allowed) and what follows.
type Counts<'a> = (Option<u32>, Option<Option<u32>>, &'a str);

/// `{2}`, `{2,}` or `{2,3}`; none if it is no such thing: then the brace stands for itself.
fn counts(text: &str) -> Option<Counts<'_>> {
    let (inside, rest) = text.strip_prefix('{')?.split_once('}')?;
    let (min, max) = match inside.split_once(',') {
        None => (count(inside)?, count(inside)?.map(Some)),
        Some((min, "")) => (count(min)?, Some(None)),
        Some((min, max)) => (count(min)?, count(max)?.map(Some)),
    };
    let allowed = match (min, max) {
        (Some(min), Some(Some(max))) => min <= max,
        _ => true,
    };
    Some((min.filter(|_| allowed), max, rest))
}

/// A number without leading zeros; `Some(None)` if it is too large.
fn count(text: &str) -> Option<Option<u32>> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    Some(text.parse().ok().filter(|n| *n <= MAX_REPEAT))
}

/// A character written with a backslash, and what follows.
fn escape(before: &str) -> Result<(u32, &str), Malformed> {
    let after = before.strip_prefix('\\').unwrap_or(before);
    let Some(c) = after.chars().next() else { return malformed("trailing backslash at end of expression", "") };
    let rest = after.get(c.len_utf8()..).unwrap_or_default();
    let octal = |text: &str| text.bytes().take_while(|b| (b'0'..=b'7').contains(b)).count();
    let code = match c {
        // One digit alone would refer back to a group.
        '1'..='7' if octal(rest) == 0 => return malformed("invalid escape sequence", part(before, rest)),
        '0'..='7' => {
            let (digits, rest) = after.split_at(1 + octal(rest).min(2));
            return Ok((u32::from_str_radix(digits, 8).unwrap_or_default(), rest));
        }
        'x' => return hexadecimal(before, rest),
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c as u32,
        _ => return malformed("invalid escape sequence", part(before, rest)),
    };
    Ok((code, rest))
}

/// `\x41` or `\x{41}`; the error shows all up to the first character that does not belong.
fn hexadecimal<'a>(before: &'a str, after: &'a str) -> Result<(u32, &'a str), Malformed> {
    let wrong = |rest: &str| malformed("invalid escape sequence", part(before, rest));
    if let Some(digits) = after.strip_prefix('{') {
        let mut code = 0;
        for (i, c) in digits.char_indices() {
            let rest = digits.get(i + c.len_utf8()..).unwrap_or_default();
            match c.to_digit(16) {
                Some(digit) => code = code * 16 + digit,
                None if c == '}' && i > 0 => return Ok((code, rest)),
                None => return wrong(rest),
            }
            if code > 0x10_ffff {
                return wrong(rest);
            }
        }
        return wrong("");
    }
    let mut chars = after.chars();
    match (chars.next().map(|c| c.to_digit(16)), chars.next().map(|c| c.to_digit(16))) {
        (Some(Some(high)), Some(Some(low))) => Ok((high * 16 + low, chars.as_str())),
        _ => wrong(chars.as_str()),
    }
}
