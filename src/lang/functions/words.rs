//! Wording shared by the functions' messages.

use std::fmt::Write;

/// Text in double quotes with what cannot be printed escaped, as Go's `%q` (and so Terraform's messages) has it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// One character in single quotes, as Go's `%q` has it.
pub(super) fn quoted_char(c: char) -> String {
    let mut out = String::from("'");
    escaped(&mut out, c, '\'');
    out.push('\'');
    out
}

fn escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        ' ' => out.push(' '),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => push(out, format_args!("\\x{:02x}", c as u32)),
        // Debug escapes what has no glyph; it also escapes quotes, which were dealt with above.
        c if c != '\'' && c != '"' && c.escape_debug().len() > 1 => match c as u32 {
            n if n > 0xffff => push(out, format_args!("\\U{n:08x}")),
            n => push(out, format_args!("\\u{n:04x}")),
        },
        c => out.push(c),
    }
}

/// Writing to a string cannot fail.
fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(args);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quoted("a\"b\\'\n\u{1}é\u{200b}\u{10ffff}"), r#""a\"b\\'\n\x01é\u200b\U0010ffff""#);
        assert_eq!(quoted_char('\''), r"'\''");
        assert_eq!(quoted_char('"'), "'\"'");
    }
}
