//! What straddle says, in the languages it says it in.
//!
//! A message is a key with arguments ([`Words`]): plain data that a plan can carry and a second evaluator can compare. It becomes a
//! text where it is shown. The catalogue holds every key once, in English and in Korean, with the same placeholders; machine formats
//! are always English.

mod catalogue;
mod particle;

use std::borrow::Cow;
use std::fmt::Write as _;

/// A language for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Lang {
    /// By the name of a language (`ko`) or of a locale (`ko_KR.UTF-8`); `None` for one that straddle does not speak.
    pub fn named(name: &str) -> Option<Lang> {
        let language = name.split(['_', '-', '.', '@']).next().unwrap_or_default();
        match language.to_ascii_lowercase().as_str() {
            "ko" | "kor" | "korean" => Some(Lang::Ko),
            "en" | "eng" | "english" | "c" | "posix" => Some(Lang::En),
            _ => None,
        }
    }
}

/// A message: which, and with what in it.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Words {
    /// Its name in the catalogue.
    pub key: Cow<'static, str>,
    /// What stands for the placeholders.
    pub args: Vec<(Cow<'static, str>, Arg)>,
}

/// What stands for a placeholder.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Arg {
    /// A name, a number: the same in every language.
    Text(String),
    /// A length of time.
    Seconds(u64),
    /// Another message.
    Words(Words),
    /// Several, one after the other.
    List(Vec<Words>),
    /// Names, of which the first few are said and the others counted.
    Names(Vec<String>),
}

impl Words {
    /// A message without arguments.
    pub fn new(key: &'static str) -> Words {
        Words { key: key.into(), args: Vec::new() }
    }

    /// With an argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, arg: impl Into<Arg>) -> Words {
        self.args.push((name.into(), arg.into()));
        self
    }

    /// The text.
    pub fn say(&self, lang: Lang) -> String {
        let template = catalogue::template(&self.key, lang);
        let mut out = String::with_capacity(template.len() + 32);
        fill(template, lang, &mut out, &mut |name| {
            self.args.iter().find(|(n, _)| n == name).map(|(_, arg)| arg.say(lang))
        });
        out
    }
}

impl Arg {
    fn say(&self, lang: Lang) -> String {
        match self {
            Arg::Text(text) => text.clone(),
            Arg::Seconds(s) => duration(*s, lang),
            Arg::Words(words) => words.say(lang),
            Arg::List(list) => list.iter().map(|w| w.say(lang)).collect::<Vec<_>>().join("; "),
            Arg::Names(names) => some(names, 4, lang),
        }
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg::Text(text.to_string())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::Text(text)
    }
}

impl From<u64> for Arg {
    fn from(n: u64) -> Arg {
        Arg::Text(n.to_string())
    }
}

impl From<Words> for Arg {
    fn from(words: Words) -> Arg {
        Arg::Words(words)
    }
}

impl From<Vec<Words>> for Arg {
    fn from(list: Vec<Words>) -> Arg {
        Arg::List(list)
    }
}

/// The first few of many: `a, b and 3 more`.
fn some(all: &[String], most: usize, lang: Lang) -> String {
    let shown = if all.len() > most + 1 { most } else { all.len() };
    let mut text = all[..shown].join(", ");
    if shown < all.len() {
        let more = all.len() - shown;
        let _ = match lang {
            Lang::En => write!(text, " and {more} more"),
            Lang::Ko => write!(text, " 외 {more}개"),
        };
    }
    text
}

/// A message with texts in it, said at once.
pub fn say(lang: Lang, key: &str, args: &[(&str, &str)]) -> String {
    let mut out = String::new();
    fill(catalogue::template(key, lang), lang, &mut out, &mut |name| {
        args.iter().find(|(n, _)| *n == name).map(|(_, text)| (*text).to_string())
    });
    out
}

/// Seconds as people say them: `1m40s`, `15m`, `2h`, `3d`; days only where nothing else is left.
pub fn duration(seconds: u64, lang: Lang) -> String {
    let units = match lang {
        Lang::En => ["d", "h", "m", "s"],
        Lang::Ko => ["일", "시간", "분", "초"],
    };
    if seconds >= 172_800 && seconds.is_multiple_of(86_400) {
        return format!("{}{}", seconds / 86_400, units[0]);
    }
    let parts = [(seconds / 3600, units[1]), (seconds / 60 % 60, units[2]), (seconds % 60, units[3])];
    let mut out = String::new();
    for (n, unit) in parts.into_iter().filter(|(n, _)| *n > 0) {
        let gap = if lang == Lang::Ko && !out.is_empty() { " " } else { "" };
        let _ = write!(out, "{gap}{n}{unit}");
    }
    if out.is_empty() { format!("0{}", units[3]) } else { out }
}

/// `{name}` is replaced by what `arg` gives; `{name|은|는}` also gets the particle its sound asks for. What nobody gives stays empty.
fn fill(template: &str, lang: Lang, out: &mut String, arg: &mut dyn FnMut(&str) -> Option<String>) {
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(end) = rest.find('}') else { break };
        let mut parts = rest[..end].split('|');
        let text = arg(parts.next().unwrap_or_default()).unwrap_or_default();
        out.push_str(&text);
        if let (Lang::Ko, Some(closed), Some(open)) = (lang, parts.next(), parts.next()) {
            out.push_str(particle::choose(&text, closed, open));
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests;
