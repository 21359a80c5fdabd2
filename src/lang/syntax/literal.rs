//! The text literals stand for.

use super::{Parser, T, Token};

impl Parser<'_> {
    /// The text of a literal token: escapes resolved.
    pub(super) fn literal_text(&mut self, token: Token) -> String {
        let raw = self.slice(token);
        let quoted = token.kind == T::Quoted;
        if !raw.contains(['\\', '$', '%']) {
            return raw.to_owned();
        }
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(c) = rest.chars().next() {
            let here = raw.len() - rest.len();
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' if quoted => rest = self.escape(rest, token.start as usize + here, &mut out),
                '$' | '%' if rest.starts_with(c) && rest[1..].starts_with('{') => {
                    out.push(c);
                    out.push('{');
                    rest = &rest[2..];
                }
                c => out.push(c),
            }
        }
        out
    }

    /// One escape, whose backslash is at byte `start` of the file; `rest` is what follows it. Returns what is left.
    fn escape<'t>(&mut self, rest: &'t str, start: usize, out: &mut String) -> &'t str {
        let Some(selector) = rest.chars().next() else {
            let detail = "Backslash must be followed by an escape sequence selector character.";
            self.error("Invalid escape sequence", detail, self.between(start, start + 1));
            return rest;
        };
        let after = &rest[selector.len_utf8()..];
        match selector {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            '"' => out.push('"'),
            '\\' => out.push('\\'),
            'u' | 'U' => return self.unicode_escape(selector, after, start, out),
            _ => {
                let detail = format!("The symbol \"{selector}\" is not a valid escape sequence selector.");
                self.error("Invalid escape sequence", detail, self.between(start, start + 1 + selector.len_utf8()));
            }
        }
        after
    }

    fn unicode_escape<'t>(&mut self, selector: char, after: &'t str, start: usize, out: &mut String) -> &'t str {
        let (length, words) = if selector == 'u' { (4, "four") } else { (8, "eight") };
        let digits = after.bytes().take(length).take_while(u8::is_ascii_hexdigit).count();
        let span = self.between(start, start + 2 + digits);
        if digits < length {
            let detail = format!("The \\{selector} escape sequence must be followed by {words} hexadecimal digits.");
            self.error("Invalid escape sequence", detail, span);
        } else {
            let code = u32::from_str_radix(&after[..length], 16).unwrap_or(u32::MAX);
            if char::from_u32(code).is_none() {
                let detail = format!("Cannot encode character U+{code:04x} in UTF-8.");
                self.error("Invalid escape sequence", detail, span);
            }
            out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        &after[digits..]
    }
}
