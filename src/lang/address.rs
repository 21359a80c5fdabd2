//! Addresses of resource instances: `aws_instance.web[0]`, `module.net["a"].data.aws_ami.x`,
//! `workload.web.aws_instance.server["aws-a/3"]`.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use straddle_sdk::value::Str;

/// Whether straddle makes the object, only reads it, or opens it for the time of a run. Data sources sort first, as in Terraform.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Mode {
    Data,
    Managed,
    Ephemeral,
}

impl Mode {
    /// What stands before the type in an address.
    pub fn prefix(self) -> &'static str {
        match self {
            Mode::Data => "data.",
            Mode::Managed => "",
            Mode::Ephemeral => "ephemeral.",
        }
    }
}

/// Which instance of several.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// `[0]`, from `count`.
    Int(u64),
    /// `["a"]`, from `for_each`; for a replica `location/slot`.
    Str(Str),
}

/// The address of a resource instance, or of a resource as a whole where `key` is none.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Address {
    /// From the root inwards; empty in the root module.
    pub module: Vec<(Str, Option<Key>)>,
    /// The workload whose template made it.
    pub workload: Option<Str>,
    pub mode: Mode,
    pub ty: Str,
    pub name: Str,
    pub key: Option<Key>,
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("at character {at}: expected {expected}")]
    Expected { at: usize, expected: &'static str },
    #[error("the address names a module, not a resource in it")]
    ModuleOnly,
}

impl Address {
    /// A managed resource of the root module.
    pub fn managed(ty: impl Into<Str>, name: impl Into<Str>, key: Option<Key>) -> Address {
        Address { module: Vec::new(), workload: None, mode: Mode::Managed, ty: ty.into(), name: name.into(), key }
    }

    /// A resource of a workload's template, for the replica `location/slot`.
    pub fn replica(workload: impl Into<Str>, ty: impl Into<Str>, name: impl Into<Str>, key: impl Into<Str>) -> Address {
        Address { workload: Some(workload.into()), ..Address::managed(ty, name, Some(Key::Str(key.into()))) }
    }

    /// The resource this is an instance of.
    pub fn without_key(&self) -> Address {
        Address { key: None, ..self.clone() }
    }

    /// The resource as the configuration has it: without any key, also of modules.
    pub fn config(&self) -> Address {
        let module = self.module.iter().map(|(name, _)| (name.clone(), None)).collect();
        Address { module, key: None, ..self.clone() }
    }

    /// The module's own part, for example `module.a["x"].module.b`; empty in the root module.
    pub fn module_text(&self) -> String {
        let mut text = String::new();
        for (name, key) in &self.module {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str("module.");
            text.push_str(name);
            if let Some(key) = key {
                text.push_str(&key.to_string());
            }
        }
        text
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    /// Numbers before text; runs of digits inside text compare as numbers, so that `a/9` is before `a/10`.
    fn cmp(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Int(a), Key::Int(b)) => a.cmp(b),
            (Key::Int(_), Key::Str(_)) => Ordering::Less,
            (Key::Str(_), Key::Int(_)) => Ordering::Greater,
            (Key::Str(a), Key::Str(b)) => natural(a, b),
        }
    }
}

/// Compares with runs of digits taken as numbers; texts that differ only in leading zeros compare by their bytes.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    while let (Some(&p), Some(&q)) = (x.first(), y.first()) {
        if p.is_ascii_digit() && q.is_ascii_digit() {
            let (m, n) = (digits(x), digits(y));
            let (u, v) = (significant(&x[..m]), significant(&y[..n]));
            let order = u.len().cmp(&v.len()).then_with(|| u.cmp(v));
            if order != Ordering::Equal {
                return order;
            }
            (x, y) = (&x[m..], &y[n..]);
        } else if p != q {
            return p.cmp(&q);
        } else {
            (x, y) = (&x[1..], &y[1..]);
        }
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

fn digits(s: &[u8]) -> usize {
    s.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn significant(s: &[u8]) -> &[u8] {
    &s[s.iter().take_while(|b| **b == b'0').count()..]
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Int(n) => write!(f, "[{n}]"),
            Key::Str(s) => write!(f, "[{}]", quote(s)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_empty() {
            write!(f, "{}.", self.module_text())?;
        }
        if let Some(workload) = &self.workload {
            write!(f, "workload.{workload}.")?;
        }
        write!(f, "{}{}.{}", self.mode.prefix(), self.ty, self.name)?;
        match &self.key {
            Some(key) => key.fmt(f),
            None => Ok(()),
        }
    }
}

/// A text in quotes, as the language writes it: `"`, `\`, control characters and template openings escaped.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    let mut chars = s.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' | '%' => {
                out.push(c);
                if chars.peek() == Some(&'{') {
                    out.push(c);
                }
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let mut reader = Reader { text, at: 0 };
        let address = reader.address()?;
        if reader.at < text.len() { Err(reader.expected("the end of the address")) } else { Ok(address) }
    }
}

/// Reads an address from the left.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn address(&mut self) -> Result<Address, AddressError> {
        let mut module = Vec::new();
        let mut word = self.name()?;
        while &*word == "module" {
            self.dot()?;
            let name = self.name()?;
            let key = self.key()?;
            module.push((name, key));
            if self.at == self.text.len() {
                return Err(AddressError::ModuleOnly);
            }
            self.dot()?;
            word = self.name()?;
        }
        let mut workload = None;
        if &*word == "workload" {
            self.dot()?;
            workload = Some(self.name()?);
            self.dot()?;
            word = self.name()?;
        }
        let mut mode = Mode::Managed;
        if matches!(&*word, "data" | "ephemeral") {
            mode = if &*word == "data" { Mode::Data } else { Mode::Ephemeral };
            self.dot()?;
            word = self.name()?;
        }
        self.dot()?;
        let name = self.name()?;
        let key = self.key()?;
        Ok(Address { module, workload, mode, ty: word, name, key })
    }

    fn expected(&self, expected: &'static str) -> AddressError {
        AddressError::Expected { at: self.text[..self.at].chars().count() + 1, expected }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn dot(&mut self) -> Result<(), AddressError> {
        if !self.rest().starts_with('.') {
            return Err(self.expected("a dot"));
        }
        self.at += 1;
        Ok(())
    }

    fn name(&mut self) -> Result<Str, AddressError> {
        let length = ident_len(self.rest());
        if length == 0 {
            return Err(self.expected("a name"));
        }
        let name = Str::new(&self.rest()[..length]);
        self.at += length;
        Ok(name)
    }

    fn key(&mut self) -> Result<Option<Key>, AddressError> {
        if !self.rest().starts_with('[') {
            return Ok(None);
        }
        self.at += 1;
        let key = if self.rest().starts_with('"') { Key::Str(self.quoted()?) } else { Key::Int(self.number()?) };
        if !self.rest().starts_with(']') {
            return Err(self.expected("a closing bracket"));
        }
        self.at += 1;
        Ok(Some(key))
    }

    fn number(&mut self) -> Result<u64, AddressError> {
        let length = digits(self.rest().as_bytes());
        let number = self.rest()[..length].parse().map_err(|_| self.expected("a number or a text in quotes"))?;
        self.at += length;
        Ok(number)
    }

    fn quoted(&mut self) -> Result<Str, AddressError> {
        let length = quoted_len(self.rest()).ok_or_else(|| self.expected("a text in quotes"))?;
        let inner = &self.rest()[1..length - 1];
        let text = unescape(inner).ok_or_else(|| self.expected("a text with valid escapes"))?;
        self.at += length;
        Ok(Str::from(text))
    }
}

/// The bytes of the identifier `s` starts with.
pub(crate) fn ident_len(s: &str) -> usize {
    let mut chars = s.char_indices();
    match chars.next() {
        Some((_, c)) if is_ident_start(c) => {}
        _ => return 0,
    }
    chars.find(|(_, c)| !is_ident_part(*c)).map_or(s.len(), |(at, _)| at)
}

/// Whether an identifier may start with it.
pub(crate) fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && unicode_ident::is_xid_start(c))
}

/// Whether it may stand inside an identifier.
pub(crate) fn is_ident_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-' || (!c.is_ascii() && unicode_ident::is_xid_continue(c))
}

/// The bytes of the text in quotes `s` starts with.
fn quoted_len(s: &str) -> Option<usize> {
    let bytes = s.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Undoes [`quote`]. `None` for an unknown escape or an unescaped template opening.
fn unescape(s: &str) -> Option<String> {
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escape = rest.chars().next()?;
                rest = &rest[escape.len_utf8()..];
                let length = match escape {
                    'n' => push(&mut out, '\n'),
                    'r' => push(&mut out, '\r'),
                    't' => push(&mut out, '\t'),
                    '"' => push(&mut out, '"'),
                    '\\' => push(&mut out, '\\'),
                    'u' => 4,
                    'U' => 8,
                    _ => return None,
                };
                if length > 0 {
                    let code = u32::from_str_radix(rest.get(..length)?, 16).ok()?;
                    out.push(char::from_u32(code)?);
                    rest = &rest[length..];
                }
            }
            '$' | '%' if rest.starts_with(c) && rest[1..].starts_with('{') => {
                out.push(c);
                out.push('{');
                rest = &rest[2..];
            }
            '$' | '%' if rest.starts_with('{') => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

/// Pushes and returns 0: no code follows a simple escape.
fn push(out: &mut String, c: char) -> usize {
    out.push(c);
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_terraform_prints() {
        for text in [
            "aws_instance.web",
            "aws_instance.web[0]",
            "aws_instance.web[\"a\"]",
            "data.aws_ami.x",
            "module.net.aws_subnet.a[1]",
            "module.net[\"a\"].module.b[2].data.aws_ami.x[\"k\"]",
            "workload.web.aws_instance.server[\"aws-a/3\"]",
            "a.b[\"$${x} \\\"q\\\" \\\\ \\n %%{y}\"]",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "a",
            "a.",
            ".a",
            "a.b[",
            "a.b[]",
            "a.b[-1]",
            "a.b[x]",
            "a.b.c",
            "module.a",
            "module.a.b",
            "a.b[\"x]",
            "a.b[\"\\q\"]",
            "1.b",
            "a.b[99999999999999999999]",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?} was taken for an address");
        }
    }

    #[test]
    fn sorts_numbers_as_numbers() {
        let mut all: Vec<Address> = ["a.b[10]", "a.b[9]", "w.x[\"l/10\"]", "w.x[\"l/9\"]", "a.b", "data.a.b"]
            .iter()
            .map(|t| t.parse().unwrap())
            .collect();
        all.sort();
        let texts: Vec<String> = all.iter().map(Address::to_string).collect();
        assert_eq!(texts, ["data.a.b", "a.b", "a.b[9]", "a.b[10]", "w.x[\"l/9\"]", "w.x[\"l/10\"]"]);
    }

    fn key() -> impl Strategy<Value = Option<Key>> {
        prop_oneof![
            Just(None),
            any::<u64>().prop_map(|n| Some(Key::Int(n))),
            any::<String>().prop_map(|s| Some(Key::Str(s.into())))
        ]
    }

    fn name() -> impl Strategy<Value = Str> {
        "[a-z_é][a-z0-9_é-]{0,6}"
            .prop_filter("a word with a meaning", |s| {
                !matches!(s.as_str(), "module" | "workload" | "data" | "ephemeral")
            })
            .prop_map(Str::from)
    }

    fn mode() -> impl Strategy<Value = Mode> {
        prop_oneof![Just(Mode::Data), Just(Mode::Managed), Just(Mode::Ephemeral)]
    }

    prop_compose! {
        fn address()(module in prop::collection::vec((name(), key()), 0..3), workload in prop::option::of(name()), mode in mode(), ty in name(), name in name(), key in key()) -> Address {
            Address { module, workload, mode, ty, name, key }
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_round_trip(address in address()) {
            prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }

        #[test]
        fn reading_never_panics(text in "[a-z.\\[\\]\"\\\\$%{}u0-9é]{0,24}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
            }
        }

        #[test]
        fn natural_order_is_total(a in "[ab0-2]{0,5}", b in "[ab0-2]{0,5}", c in "[ab0-2]{0,5}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b) == Ordering::Less && natural(&b, &c) == Ordering::Less {
                prop_assert_eq!(natural(&a, &c), Ordering::Less);
            }
        }
    }
}
