//! Terraform's CLI configuration: where providers are installed from, and who may read there.
//!
//! The file is HCL of the first version, where names may be quoted, so it is not read by the parser of the language. Settings that
//! do not matter here are passed over.

use super::discover::Source;
use std::collections::BTreeMap;
use std::fmt;
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

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CliConfig {
    /// Directories by source that stand in for installed packages.
    pub dev_overrides: BTreeMap<Source, PathBuf>,
    /// Where to install from; `None`: not said, the usual places.
    pub methods: Option<Vec<Method>>,
    /// Packages shared by all directories.
    pub cache: Option<PathBuf>,
    /// Whether a cached package is used although the lock file does not know its checksum.
    pub cache_may_break_lock: bool,
    /// Tokens by host.
    pub tokens: BTreeMap<String, Secret>,
    /// Services by host, in place of asking the host.
    pub services: BTreeMap<String, BTreeMap<String, String>>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A way to install providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Where from.
    pub place: Place,
    /// Only these; empty: all.
    pub include: Vec<Pattern>,
    /// All but these.
    pub exclude: Vec<Pattern>,
}

/// Where providers are installed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory.
    Filesystem(PathBuf),
    /// A server that holds packages of any host.
    Network(String),
    /// The host of the source address.
    Direct,
}

/// Some providers: `HOST/NAMESPACE/NAME`, each part a text or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern([Option<String>; 3]);

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let starred = text.replace('*', "star");
        let source = Source::parse(&starred).ok()?;
        let parts: Vec<&str> = text.split('/').collect();
        let star = |from_end: usize| parts.len().checked_sub(from_end).and_then(|i| parts.get(i)) == Some(&"*");
        let part = |from_end: usize, text: String| (!star(from_end)).then_some(text);
        // `*/*` is every provider of every host, as in Terraform.
        let host = if parts.len() == 2 && star(1) && star(2) { None } else { part(3, source.host) };
        Some(Pattern([host, part(2, source.namespace), part(1, source.name)]))
    }

    /// Whether a provider is one of them.
    pub fn fits(&self, source: &Source) -> bool {
        let parts = [&source.host, &source.namespace, &source.name];
        self.0.iter().zip(parts).all(|(wanted, part)| wanted.as_ref().is_none_or(|w| w == part))
    }
}

impl Method {
    /// Whether a provider is installed this way.
    pub fn serves(&self, source: &Source) -> bool {
        (self.include.is_empty() || self.include.iter().any(|p| p.fits(source)))
            && !self.exclude.iter().any(|p| p.fits(source))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Open,
    Close,
    Equals,
    OpenList,
    CloseList,
    Comma,
}

/// A statement of the file.
struct Statement {
    line: usize,
    name: String,
    labels: Vec<String>,
    what: Content,
}

enum Content {
    Text(String),
    List(Vec<String>),
    Block(Vec<Statement>),
}

/// Blocks are not nested deeper than this in any file that means something.
const MAX_DEPTH: usize = 16;

/// Reads a file. `$NAME` and `${NAME}` in paths are replaced by what `var` says.
pub fn read(text: &str, var: &dyn Fn(&str) -> Option<String>) -> Result<CliConfig, ConfigError> {
    let mut tokens = Tokens { list: scan(text)?, at: 0, last_line: text.lines().count().max(1) };
    let statements = tokens.statements(0)?;
    let mut config = CliConfig::default();
    for statement in statements {
        let Statement { line, name, labels, what } = statement;
        match (name.as_str(), what) {
            ("plugin_cache_dir", Content::Text(path)) => config.cache = Some(expand(&path, var).into()),
            ("plugin_cache_may_break_dependency_lock_file", Content::Text(value)) => {
                config.cache_may_break_lock = value == "true";
            }
            ("credentials", Content::Block(inside)) => {
                let host = label(line, &labels)?;
                if let Some(token) = text_of(&inside, "token") {
                    config.tokens.insert(host, Secret(token));
                }
            }
            ("host", Content::Block(inside)) => {
                let host = label(line, &labels)?;
                config.services.insert(host, services(inside));
            }
            ("provider_installation", Content::Block(inside)) => {
                if config.methods.is_some() {
                    let what = "there is a provider_installation block already".to_owned();
                    return Err(ConfigError { line, what });
                }
                config.methods = Some(methods(inside, &mut config.dev_overrides, var)?);
            }
            _ => {}
        }
    }
    Ok(config)
}

fn label(line: usize, labels: &[String]) -> Result<String, ConfigError> {
    match labels {
        [host] => Ok(host.to_lowercase()),
        _ => Err(ConfigError { line, what: "one host name is needed after the block's name".to_owned() }),
    }
}

fn text_of(statements: &[Statement], wanted: &str) -> Option<String> {
    statements.iter().find_map(|s| match &s.what {
        Content::Text(text) if s.name == wanted => Some(text.clone()),
        _ => None,
    })
}

fn services(inside: Vec<Statement>) -> BTreeMap<String, String> {
    let lists = inside.into_iter().filter(|s| s.name == "services").filter_map(|s| match s.what {
        Content::Block(list) => Some(list),
        _ => None,
    });
    let entries = lists.flatten().filter_map(|s| match s.what {
        Content::Text(url) => Some((s.name, url)),
        _ => None,
    });
    entries.collect()
}

fn methods(
    inside: Vec<Statement>,
    overrides: &mut BTreeMap<Source, PathBuf>,
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Method>, ConfigError> {
    let mut methods = Vec::new();
    for statement in inside {
        let Statement { line, name, what, .. } = statement;
        let Content::Block(body) = what else {
            let what = format!("{name} is not a way to install providers");
            return Err(ConfigError { line, what });
        };
        let needed = |setting: &str| {
            let what = format!("{name} needs a {setting}");
            text_of(&body, setting).ok_or(ConfigError { line, what })
        };
        let place = match name.as_str() {
            "dev_overrides" => {
                for entry in &body {
                    let Content::Text(path) = &entry.what else { continue };
                    let source = Source::parse(&entry.name);
                    let source = source.map_err(|e| ConfigError { line: entry.line, what: e.to_string() })?;
                    overrides.insert(source, expand(path, var).into());
                }
                continue;
            }
            "filesystem_mirror" => Place::Filesystem(expand(&needed("path")?, var).into()),
            "network_mirror" => Place::Network(network(&needed("url")?, line)?),
            "direct" => Place::Direct,
            other => {
                let what = format!("{other} is not a way to install providers");
                return Err(ConfigError { line, what });
            }
        };
        let (include, exclude) = (patterns(&body, "include")?, patterns(&body, "exclude")?);
        methods.push(Method { place, include, exclude });
    }
    Ok(methods)
}

/// The address of a network mirror, ending in `/`.
fn network(url: &str, line: usize) -> Result<String, ConfigError> {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| url.starts_with(start));
    if !url.starts_with("https://") && !local {
        let what = "a network mirror needs an address that starts with https://".to_owned();
        return Err(ConfigError { line, what });
    }
    Ok(if url.ends_with('/') { url.to_owned() } else { format!("{url}/") })
}

fn patterns(body: &[Statement], wanted: &str) -> Result<Vec<Pattern>, ConfigError> {
    let mut patterns = Vec::new();
    for statement in body.iter().filter(|s| s.name == wanted) {
        let Content::List(list) = &statement.what else {
            return Err(ConfigError { line: statement.line, what: format!("{wanted} needs a list of patterns") });
        };
        for text in list {
            let what = || format!("{text:?} is no pattern of provider sources");
            let pattern = Pattern::parse(text).ok_or_else(|| ConfigError { line: statement.line, what: what() })?;
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

struct Tokens {
    list: Vec<(usize, Token)>,
    at: usize,
    last_line: usize,
}

impl Tokens {
    fn next(&mut self) -> Option<(usize, Token)> {
        let token = self.list.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<&Token> {
        self.list.get(self.at).map(|(_, token)| token)
    }

    /// The statements up to the end of the block, or of the file.
    fn statements(&mut self, depth: usize) -> Result<Vec<Statement>, ConfigError> {
        let mut statements = Vec::new();
        loop {
            let (line, name) = match self.next() {
                None if depth == 0 => return Ok(statements),
                None => return Err(ConfigError { line: self.last_line, what: "a block is not closed".to_owned() }),
                Some((_, Token::Close)) if depth > 0 => return Ok(statements),
                Some((line, Token::Close)) => {
                    return Err(ConfigError { line, what: "this } closes nothing".to_owned() });
                }
                // Separates the members of an object in one line.
                Some((_, Token::Comma)) => continue,
                Some((line, Token::Text(name))) => (line, name),
                Some((line, _)) => return Err(ConfigError { line, what: "a name is expected here".to_owned() }),
            };
            let mut labels = Vec::new();
            while let Some(Token::Text(label)) = self.peek() {
                labels.push(label.clone());
                self.at += 1;
            }
            let what = self.content(line, depth)?;
            statements.push(Statement { line, name, labels, what });
        }
    }

    fn content(&mut self, line: usize, depth: usize) -> Result<Content, ConfigError> {
        let mut next = self.next();
        if matches!(next, Some((_, Token::Equals))) {
            next = self.next();
            match next {
                Some((_, Token::Text(text))) => return Ok(Content::Text(text)),
                Some((_, Token::OpenList)) => return self.list(),
                _ => {}
            }
        }
        match next {
            Some((_, Token::Open)) if depth < MAX_DEPTH => self.statements(depth + 1).map(Content::Block),
            Some((line, _)) => Err(ConfigError { line, what: "a value or a block is expected here".to_owned() }),
            None => Err(ConfigError { line, what: "a value or a block is expected here".to_owned() }),
        }
    }

    fn list(&mut self) -> Result<Content, ConfigError> {
        let mut items = Vec::new();
        loop {
            match self.next() {
                Some((_, Token::Text(text))) => items.push(text),
                Some((_, Token::Comma)) => {}
                Some((_, Token::CloseList)) => return Ok(Content::List(items)),
                Some((line, _)) => {
                    return Err(ConfigError { line, what: "a text in quotes is expected here".to_owned() });
                }
                None => return Err(ConfigError { line: self.last_line, what: "a list is not closed".to_owned() }),
            }
        }
    }
}

/// Words, quoted texts, brackets, commas and equals signs with their lines.
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
            '[' => Token::OpenList,
            ']' => Token::CloseList,
            ',' => Token::Comma,
            c if c.is_alphanumeric() || c == '_' || c == '-' => {
                let mut word = String::from(c);
                while let Some((_, c)) = chars.next_if(|(_, c)| c.is_alphanumeric() || "_-.".contains(*c)) {
                    word.push(c);
                }
                Token::Text(word)
            }
            other => return Err(ConfigError { line, what: format!("{other:?} is not expected here") }),
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

    fn source(text: &str) -> Source {
        Source::parse(text).expect("a source")
    }

    #[test]
    fn everything_about_installing_is_read() {
        let text = r#"
            plugin_cache_dir = "$HOME/cache" # "acme/no" = "x"
            /* dev_overrides { "acme/no" = "x"
               } */
            disable_checkpoint = true
            provider_installation {
              dev_overrides {
                "acme/foo"           = "/abs/dir"
                "h.example/acme/bar" = "${HOME}/$SUB/b\"c" // why
                acme_plain = "/p"
              }
              filesystem_mirror {
                path    = "/mirror"
                include = ["h.example/*/*", "acme/foo"]
              }
              network_mirror { url = "https://mirror.example/providers" }
              direct { exclude = ["a/*", "b/*"] }
            }
            credentials "H.example" { token = "acme/no = x" }
            host "h.example" {
              services = {
                "providers.v1" = "https://h.example/p/", "modules.v1" = "https://h.example/m/"
              }
            }
        "#;
        let var = |name: &str| match name {
            "HOME" => Some("/home/u".to_owned()),
            "SUB" => Some("s".to_owned()),
            _ => None,
        };
        let config = read(text, &var).expect("read");
        let overrides: Vec<(String, String)> =
            config.dev_overrides.iter().map(|(s, p)| (s.to_string(), p.to_string_lossy().into_owned())).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let wanted = [
            pair("h.example/acme/bar", "/home/u/s/b\"c"),
            pair("acme/foo", "/abs/dir"),
            pair("hashicorp/acme_plain", "/p"),
        ];
        assert_eq!(overrides, wanted);
        assert_eq!(config.cache, Some("/home/u/cache".into()));
        assert_eq!(config.tokens["h.example"], Secret("acme/no = x".to_owned()));
        assert!(!format!("{config:?}").contains("acme/no"), "a token is never printed");
        assert_eq!(config.services["h.example"]["modules.v1"], "https://h.example/m/");
        let methods = config.methods.expect("written");
        assert_eq!(methods[0].place, Place::Filesystem("/mirror".into()));
        assert!(methods[0].serves(&source("h.example/x/y")) && methods[0].serves(&source("acme/foo")));
        assert!(!methods[0].serves(&source("acme/bar")));
        assert_eq!(methods[1].place, Place::Network("https://mirror.example/providers/".to_owned()));
        assert!(!methods[2].serves(&source("a/x")) && methods[2].serves(&source("c/x")));
    }

    #[test]
    fn patterns_stand_for_hosts_namespaces_and_names() {
        let fits = |pattern: &str, of: &str| Pattern::parse(pattern).expect("a pattern").fits(&source(of));
        assert!(fits("*/*", "h.example/a/b") && fits("*/*/*", "a/b"));
        assert!(fits("acme/*", "acme/b") && !fits("acme/*", "h.example/acme/b"));
        assert!(fits("h.example/*/b", "h.example/a/b") && !fits("h.example/*/b", "h.example/a/c"));
        assert!(Pattern::parse("a/b/c/d").is_none());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let none = |_: &str| None;
        for (text, line, words) in [
            ("a = \"x", 1, "not closed"),
            ("\n}", 2, "closes nothing"),
            ("a {\n", 1, "not closed"),
            ("a = [\"x\"", 1, "not closed"),
            ("/* x", 1, "comment"),
            ("a = ", 1, "expected"),
            ("provider_installation {\ndev_overrides {\n\"a//b\" = \"/x\"\n}\n}", 3, "no provider source"),
            ("provider_installation {\nfilesystem_mirror {}\n}", 2, "path"),
            ("provider_installation {\nnetwork_mirror { url = \"http://far.example/\" }\n}", 2, "https"),
            ("provider_installation {\nteleport {}\n}", 2, "teleport"),
            ("provider_installation {\ndirect { include = [\"a/b/c/d\"] }\n}", 2, "pattern"),
            ("credentials { token = \"x\" }", 1, "host name"),
        ] {
            let error = read(text, &none).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.what.contains(words), "{text:?}: {error}");
        }
        assert_eq!(read("", &none), Ok(CliConfig::default()));
        assert!(read(&"a {".repeat(10_000), &none).is_err(), "no depth is endless");
    }
}
