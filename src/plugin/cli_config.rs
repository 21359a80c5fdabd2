//! The part of Terraform's CLI configuration that matters here: `dev_overrides`.
//!
//! The file is HCL of the first version, where names may be quoted, so it is not read by the parser of the language. What is not
//! about `dev_overrides` is passed over.

use super::discover::Source;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::path::PathBuf;
use std::str::CharIndices;

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ConfigError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Open,
    Close,
    Equals,
    Other,
}

/// The directories by source of `provider_installation { dev_overrides { ... } }`. `$NAME` and `${NAME}` in them are replaced by
/// what `var` says.
pub fn dev_overrides(
    text: &str,
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<Source, PathBuf>, ConfigError> {
    let tokens = scan(text)?;
    let mut overrides = BTreeMap::new();
    // The names of the blocks we are in.
    let mut inside: Vec<String> = Vec::new();
    let mut name = None;
    let mut at = tokens.iter().peekable();
    while let Some((line, token)) = at.next() {
        match token {
            Token::Text(text) => {
                // The first word of a statement names it; labels follow.
                name.get_or_insert_with(|| text.clone());
            }
            Token::Open => inside.push(name.take().unwrap_or_default()),
            Token::Close => {
                if inside.pop().is_none() {
                    return Err(ConfigError { line: *line, what: "this } closes nothing".to_owned() });
                }
                name = None;
            }
            Token::Equals => {
                let key = name.take();
                if let Some((_, Token::Text(value))) = at.peek() {
                    if let (["provider_installation", "dev_overrides"], Some(key)) =
                        (inside.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), key)
                    {
                        let source =
                            Source::parse(&key).map_err(|e| ConfigError { line: *line, what: e.to_string() })?;
                        overrides.insert(source, PathBuf::from(expand(value, var)));
                    }
                    at.next();
                }
            }
            Token::Other => {}
        }
    }
    match inside.pop() {
        Some(block) => Err(ConfigError { line: text.lines().count(), what: format!("block {block:?} is not closed") }),
        None => Ok(overrides),
    }
}

/// Words, quoted texts, braces and equals signs with their lines.
fn scan(text: &str) -> Result<Vec<(usize, Token)>, ConfigError> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let token = match c {
            '\n' => {
                line += 1;
                continue;
            }
            c if c.is_whitespace() => continue,
            '#' => {
                skip_line(&mut chars);
                continue;
            }
            '/' if matches!(chars.peek(), Some((_, '/'))) => {
                skip_line(&mut chars);
                continue;
            }
            '/' if matches!(chars.peek(), Some((_, '*'))) => {
                let end = text[start + 2..].find("*/").map(|end| start + 2 + end + 2);
                let Some(end) = end else {
                    return Err(ConfigError { line, what: "the comment is not closed".to_owned() });
                };
                line += text[start..end].matches('\n').count();
                while chars.next_if(|(at, _)| *at < end).is_some() {}
                continue;
            }
            '"' => Token::Text(quoted(&mut chars, line)?),
            '{' => Token::Open,
            '}' => Token::Close,
            '=' => Token::Equals,
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some((_, c)) = chars.next_if(|(_, c)| c.is_alphanumeric() || "_-.".contains(*c)) {
                    word.push(c);
                }
                Token::Text(word)
            }
            _ => Token::Other,
        };
        tokens.push((line, token));
    }
    Ok(tokens)
}

fn skip_line(chars: &mut Peekable<CharIndices<'_>>) {
    while chars.next_if(|(_, c)| *c != '\n').is_some() {}
}

/// The rest of a quoted text.
fn quoted(chars: &mut Peekable<CharIndices<'_>>, line: usize) -> Result<String, ConfigError> {
    let mut text = String::new();
    while let Some((_, c)) = chars.next() {
        match c {
            '"' => return Ok(text),
            '\n' => break,
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, c)) => text.push(c),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err(ConfigError { line, what: "the text in quotes is not closed".to_owned() })
}

/// Replaces `$NAME` and `${NAME}`; what is not set is empty, as in a shell.
fn expand(text: &str, var: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, next) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, next)) => (name, next),
            None => after.split_at(after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len())),
        };
        if name.is_empty() {
            result.push('$');
        } else {
            result.push_str(&var(name).unwrap_or_default());
        }
        rest = next;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_found_among_everything_else() {
        let text = r#"
            plugin_cache_dir = "$HOME/cache" # "acme/no" = "x"
            /* dev_overrides { "acme/no" = "x"
               } */
            provider_installation {
              dev_overrides {
                "acme/foo"           = "/abs/dir"
                "h.example/acme/bar" = "${HOME}/$SUB/b\"c" // why
                acme_plain = "/p"
              }
              direct { exclude = ["a/*", "b/*"] }
            }
            credentials "h.example" { token = "acme/no = x" }
        "#;
        let var = |name: &str| match name {
            "HOME" => Some("/home/u".to_owned()),
            "SUB" => Some("s".to_owned()),
            _ => None,
        };
        let read = dev_overrides(text, &var).expect("read");
        let read: Vec<(String, String)> =
            read.into_iter().map(|(s, p)| (s.to_string(), p.to_string_lossy().into_owned())).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let wanted = [
            pair("h.example/acme/bar", "/home/u/s/b\"c"),
            pair("acme/foo", "/abs/dir"),
            pair("hashicorp/acme_plain", "/p"),
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let none = |_: &str| None;
        for (text, line, words) in [
            ("a = \"x", 1, "not closed"),
            ("\n}", 2, "closes nothing"),
            ("a {\n", 1, "not closed"),
            ("/* x", 1, "comment"),
            ("provider_installation {\ndev_overrides {\n\"a//b\" = \"/x\"\n}\n}", 3, "no provider source"),
        ] {
            let error = dev_overrides(text, &none).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.what.contains(words), "{text:?}: {error}");
        }
        assert_eq!(dev_overrides("", &none), Ok(BTreeMap::new()));
    }
}
