//! What is wrong with YAML, in the words of libyaml, which Terraform reads it with, and at the places Terraform tells.

/// Beginnings of messages of the parser in use, and what libyaml says instead.
const WORDS: &[(&str, &str)] = &[
    ("unexpected character: ", "found character that cannot start any token"),
    ("tabs disallowed within this context", "found character that cannot start any token"),
    ("misplaced bracket", "did not find expected node content"),
    ("invalid trailing content after double-quoted scalar", "did not find expected key"),
    ("simple key expect", "could not find expected ':'"),
    ("invalid indentation in quoted scalar", "found unexpected end of stream"),
    ("illegal placement of ':' indicator", "did not find expected ',' or ']'"),
    ("expected ',' or ']'", "did not find expected ',' or ']'"),
    ("expected ',' or '}'", "did not find expected ',' or '}'"),
    ("did not find expected hexadecimal number", "did not find expected hexdecimal number"),
    ("missing start of document", "did not find expected node content"),
];

/// What libyaml finds while it makes tokens; anything else it finds while it puts them together.
const OF_TOKENS: &[&str] = &[
    "found ",
    "could not find expected",
    "mapping values are not allowed",
    "block sequence entries are not allowed",
    "mapping keys are not allowed",
    "did not find expected hexdecimal number",
    "did not find expected comment or line break",
    "did not find expected alphabetic",
];

/// Where the parser in use found something, in a text: line and column from 1, and how many characters are before it.
pub(super) struct Place<'t> {
    pub text: &'t str,
    pub line: usize,
    pub column: usize,
    pub index: usize,
}

impl Place<'_> {
    /// It is the end of a text that does not end with its last line.
    fn is_open_end(&self) -> bool {
        !self.text.ends_with('\n') && self.index >= self.text.chars().count()
    }

    /// The column of the dash before it, if it is what follows the dash of a list.
    fn dash(&self) -> Option<usize> {
        let line = self.text.lines().nth(self.line.checked_sub(1)?)?;
        let before: String = line.chars().take(self.column.checked_sub(1)?).collect();
        let dash = before.trim_end_matches(' ').strip_suffix('-')?;
        (dash.len() + 1 < before.len()).then(|| dash.chars().count() + 1)
    }
}

/// A message of the parser in use as Terraform has it. Places on the first line it does not tell.
pub(super) fn told(message: &str, place: &Place<'_>) -> String {
    let (line, column, lines) = (place.line, place.column, place.text.matches('\n').count() + 1);
    // "while parsing a block mapping, did not find expected key"
    let plain = match message.split_once(", ") {
        Some((context, problem)) if context.starts_with("while ") => problem,
        _ => message,
    };
    let words = WORDS.iter().find(|(ours, _)| plain.starts_with(ours)).map_or(plain, |(_, theirs)| theirs);
    let line = match (words, message) {
        ("found unexpected end of stream", _) => lines,
        // Terraform reads a line end that is not there, and misses it on the line after.
        (_, "simple key expect ':'") if place.is_open_end() => line + 1,
        _ => line,
    };
    if line < 2 {
        return words.to_owned();
    }
    let column = place.dash().filter(|_| words == "did not find expected key").unwrap_or(column);
    let (line, column) =
        if OF_TOKENS.iter().any(|begins| words.starts_with(begins)) { (line, 1) } else { (line - 1, column) };
    format!("on line {line}, column {column}: {words}")
}

/// What libyaml refuses and the parser in use does not see.
pub(super) fn forbidden(text: &str) -> Option<&'static str> {
    let control = |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')) || c == '\u{fffe}';
    if text.contains(control) {
        return Some("control characters are not allowed");
    }
    let first = text.lines().find(|line| !line.trim_matches(' ').is_empty() && !line.trim_start().starts_with('#'))?;
    if first.starts_with('\t') && !first.trim().is_empty() {
        return Some("found character that cannot start any token");
    }
    let directive = first.strip_prefix('%')?;
    match directive.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["YAML", "1.1", ..] | ["TAG", ..] => None,
        ["YAML", version, ..] if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Some("found incompatible YAML document")
        }
        ["YAML", ..] => None,
        [name, ..] if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') => {
            Some("found unknown directive name")
        }
        [_, ..] => Some("found unexpected non-alphabetical character"),
        [] => Some("could not find expected directive name"),
    }
}

/// The text with a line, counted from 1, indented further than any other: inside brackets that says nothing.
pub(super) fn indented(text: &str, line: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let most = text.lines().map(indent).max().unwrap_or_default();
    let at =
        line.checked_sub(1).and_then(|line| text.split_inclusive('\n').take(line).map(str::len).reduce(|a, b| a + b));
    let (before, after) = text.split_at(at.unwrap_or_default());
    format!("{before}{}{after}", " ".repeat(most + 1))
}
