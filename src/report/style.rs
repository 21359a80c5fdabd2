//! How text is dressed: colour, width, alphabet. Every line is readable without any of it.

use crate::tongue::Lang;
use unicode_width::UnicodeWidthStr;

/// What the place the text goes to can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Escape codes for colour may be used.
    pub color: bool,
    /// Columns of a line; tables are cut to fit, values never.
    pub width: usize,
    /// Characters beyond ASCII may be used for bars and frames.
    pub unicode: bool,
    /// Show every replica and every row; nothing is folded.
    pub verbose: bool,
    /// The language.
    pub lang: Lang,
}

impl Default for Style {
    /// Plain text of 100 columns: what a pipeline gets.
    fn default() -> Style {
        Style { color: false, width: 100, unicode: false, verbose: false, lang: Lang::En }
    }
}

/// What a text means; the colour follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// Something new, or well.
    Good,
    /// Something goes, or is broken.
    Bad,
    /// Something changes, or is not proven.
    Warn,
    /// Something is read.
    Info,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Good => "32",
            Ink::Bad => "31;1",
            Ink::Warn => "33",
            Ink::Info => "36",
            Ink::Strong => "1",
            Ink::Faint => "2",
        }
    }
}

impl Style {
    /// The text in a colour, where colours may be used.
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\x1b[{}m{text}\x1b[0m", ink.code()) } else { text.to_string() }
    }

    /// Shorthand for headings.
    pub fn strong(&self, text: &str) -> String {
        self.ink(Ink::Strong, text)
    }

    /// Shorthand for what is beside the point.
    pub fn faint(&self, text: &str) -> String {
        self.ink(Ink::Faint, text)
    }
}

/// Columns a text takes on a terminal, escape codes not counted.
pub fn columns(text: &str) -> usize {
    let mut width = 0;
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        width += rest[..at].width();
        rest = rest[at..].find('m').map_or("", |end| &rest[at + end + 1..]);
    }
    width + rest.width()
}

/// The text with blanks behind it, up to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    let mut out = String::with_capacity(text.len() + missing);
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// The text with blanks before it, up to `width` columns.
pub fn pad_left(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    let mut out = String::with_capacity(text.len() + missing);
    out.extend(std::iter::repeat_n(' ', missing));
    out.push_str(text);
    out
}

/// A text from outside (a provider's, a file's) made safe to print: control characters and characters that turn the direction of
/// writing are written out, so that no text can rewrite the lines around it. Line feeds and tabs stay.
pub fn clean(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.chars().any(unsafe_to_print) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_to_print(c) {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.into()
}

fn unsafe_to_print(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` broken at blanks into lines of at most `width` columns, each after the first behind `indent` blanks.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut used = 0;
    for (i, word) in text.split(' ').enumerate() {
        let wide = columns(word);
        if i > 0 && used + 1 + wide > width.max(indent + 20) {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if i > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_wide_text_and_colours() {
        assert_eq!(columns("서울-a"), 6);
        let red = Style { color: true, ..Style::default() }.ink(Ink::Bad, "ab");
        assert_eq!(columns(&red), 2);
        assert_eq!(pad(&red, 4).strip_suffix("  "), Some(&*red));
        assert_eq!(pad_left("7", 3), "  7");
    }

    #[test]
    fn no_text_can_rewrite_its_line() {
        assert_eq!(clean("a\u{1b}[2Kb\rc"), "a\\u{1b}[2Kb\\u{d}c");
        assert_eq!(clean("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(clean("two\nlines\t"), "two\nlines\t");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        let text = "one two three four five six seven eight";
        let wrapped = wrap(text, 24, 4);
        assert_eq!(wrapped, "one two three four five\n    six seven eight");
        assert_eq!(wrapped.split_whitespace().collect::<Vec<_>>().join(" "), text);
    }
}
