//! What is wrong with a text that is no JSON, in the words Terraform has for it. Only asked when reading has failed.

use super::words::quoted_char;

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Top,
    ArrayStart,
    ArrayValue,
    ArrayComma,
    ObjectStart,
    ObjectKey,
    ObjectColon,
    ObjectValue,
    ObjectComma,
}

impl State {
    fn takes_value(self) -> bool {
        matches!(self, State::Top | State::ArrayStart | State::ArrayValue | State::ObjectValue)
    }

    /// Behind a complete value.
    fn after_value(self) -> State {
        match self {
            State::ArrayStart | State::ArrayValue => State::ArrayComma,
            State::ObjectValue => State::ObjectComma,
            other => other,
        }
    }

    fn context(self) -> &'static str {
        match self {
            State::Top | State::ArrayStart | State::ArrayValue | State::ObjectValue => {
                " looking for beginning of value"
            }
            State::ArrayComma => " after array element",
            State::ObjectStart => "",
            State::ObjectKey => " looking for beginning of object key string",
            State::ObjectColon => " after object key",
            State::ObjectComma => " after object key:value pair",
        }
    }
}

const EARLY: &str = "unexpected EOF";

/// The first mistake; none if this looks like JSON.
pub(super) fn mistake(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut at, mut state) = (0, State::Top);
    // The states outside of the structures that are open.
    let mut open: Vec<State> = Vec::new();
    loop {
        while bytes.get(at).is_some_and(|b| b" \t\r\n".contains(b)) {
            at += 1;
        }
        let Some(byte) = bytes.get(at) else { return Some("EOF".to_owned()) };
        let unfit = || Some(format!("{}{}", invalid(*byte), state.context()));
        state = match (byte, state) {
            (b'[' | b'{', _) if state.takes_value() => {
                open.push(state.after_value());
                at += 1;
                if *byte == b'[' { State::ArrayStart } else { State::ObjectStart }
            }
            (b']', State::ArrayStart | State::ArrayComma) | (b'}', State::ObjectStart | State::ObjectComma) => {
                at += 1;
                open.pop().unwrap_or(State::Top)
            }
            (b':', State::ObjectColon) => {
                at += 1;
                State::ObjectValue
            }
            (b',', State::ArrayComma) => {
                at += 1;
                State::ArrayValue
            }
            (b',', State::ObjectComma) => {
                at += 1;
                State::ObjectKey
            }
            (b'"', State::ObjectStart | State::ObjectKey) => {
                at = match string(bytes, at) {
                    Ok(end) => end,
                    Err(wrong) => return Some(wrong),
                };
                State::ObjectColon
            }
            (b'[' | b'{' | b']' | b'}' | b':' | b',', _) => return unfit(),
            _ if !state.takes_value() => return unfit(),
            _ => {
                at = match scalar(bytes, at) {
                    Ok(end) => end,
                    Err(wrong) => return Some(wrong),
                };
                state.after_value()
            }
        };
        if open.is_empty() && state == State::Top {
            let rest = text.get(at..).unwrap_or_default();
            let rest = rest.trim_matches([' ', '\t', '\r', '\n']);
            // Of a bracket that closes nothing Terraform takes no notice, nor of what follows it.
            return (!rest.is_empty() && !rest.starts_with([']', '}']))
                .then(|| "extraneous data after JSON object".to_owned());
        }
    }
}

fn invalid(byte: u8) -> String {
    format!("invalid character {}", if byte == b'"' { "'\"'".to_owned() } else { quoted_char(byte.into()) })
}

fn scalar(bytes: &[u8], at: usize) -> Result<usize, String> {
    match bytes.get(at) {
        Some(b'"') => string(bytes, at),
        Some(b't') => literal(bytes, at, "true"),
        Some(b'f') => literal(bytes, at, "false"),
        Some(b'n') => literal(bytes, at, "null"),
        Some(b'-' | b'0'..=b'9') => number(bytes, at),
        Some(other) => Err(format!("{}{}", invalid(*other), State::Top.context())),
        None => Err(EARLY.to_owned()),
    }
}

fn literal(bytes: &[u8], at: usize, word: &str) -> Result<usize, String> {
    for (i, expected) in word.bytes().enumerate() {
        match bytes.get(at + i) {
            Some(found) if *found == expected => {}
            Some(found) => {
                return Err(format!("{} in literal {word} (expecting '{}')", invalid(*found), char::from(expected)));
            }
            None => return Err(EARLY.to_owned()),
        }
    }
    Ok(at + word.len())
}

fn string(bytes: &[u8], at: usize) -> Result<usize, String> {
    let mut at = at + 1;
    loop {
        match bytes.get(at) {
            None => return Err(EARLY.to_owned()),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => {
                at += 1;
                match bytes.get(at) {
                    None => return Err(EARLY.to_owned()),
                    Some(b'u') => {
                        for _ in 0..4 {
                            at += 1;
                            match bytes.get(at) {
                                None => return Err(EARLY.to_owned()),
                                Some(b) if b.is_ascii_hexdigit() => {}
                                Some(b) => return Err(format!("{} in \\u hexadecimal character escape", invalid(*b))),
                            }
                        }
                    }
                    Some(b) if b"bfnrt\\/\"".contains(b) => {}
                    Some(b) => return Err(format!("{} in string escape code", invalid(*b))),
                }
            }
            Some(b) if *b < 0x20 => return Err(format!("{} in string literal", invalid(*b))),
            Some(_) => {}
        }
        at += 1;
    }
}

fn number(bytes: &[u8], at: usize) -> Result<usize, String> {
    let digits =
        |from: usize| from + bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let need = |at: usize, what: &str| match bytes.get(at) {
        Some(b) if b.is_ascii_digit() => Ok(()),
        Some(b) => Err(format!("{} {what}", invalid(*b))),
        None => Err(EARLY.to_owned()),
    };
    let mut at = if bytes.get(at) == Some(&b'-') { at + 1 } else { at };
    need(at, "in numeric literal")?;
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at) };
    if bytes.get(at) == Some(&b'.') {
        need(at + 1, "after decimal point in numeric literal")?;
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        need(at, "in exponent of numeric literal")?;
        at = digits(at);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::mistake;

    /// Measured with Terraform 1.11.4.
    #[test]
    fn words() {
        for (text, want) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("[1", "EOF"),
            ("nul", "unexpected EOF"),
            ("\"a", "unexpected EOF"),
            ("[1] x", "extraneous data after JSON object"),
            ("1 [", "extraneous data after JSON object"),
            ("01", "extraneous data after JSON object"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("'a'", "invalid character '\\'' looking for beginning of value"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
            ("{1", "invalid character '1'"),
            ("trux", "invalid character 'x' in literal true (expecting 'e')"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("\"\\q\"", "invalid character 'q' in string escape code"),
            ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("é", "invalid character 'Ã' looking for beginning of value"),
        ] {
            assert_eq!(mistake(text).as_deref(), Some(want), "{text}");
        }
        for text in ["1", " [1, {\"a\" : [] , \"b\":{}}] ", "-0.5e+3", "null", "\"\\u00e9\\n\""] {
            assert_eq!(mistake(text), None, "{text}");
        }
    }
}
