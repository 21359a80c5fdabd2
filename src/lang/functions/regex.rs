//! `regex`, `regexall` and `replace`.

use super::re2::{self, Malformed};
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use regex_automata::meta;
use regex_automata::util::captures::Captures;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use straddle_sdk::value::{Str, Type, Value};

const PATTERN: &[Param] = &[Param::new("pattern", Shape::String), Param::new("string", Shape::String)];

/// The most a compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 32 << 20;
/// How many compiled patterns are kept.
const KEPT: usize = 32;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("regex", PATTERN, Returns::From(regex_type), regex),
    Function::new("regexall", PATTERN, Returns::From(|args| regex_type(args).map(Type::list)), regex_all),
    Function::new(
        "replace",
        &[Param::new("str", Shape::String), Param::new("substr", Shape::String), Param::new("replace", Shape::String)],
        Returns::Always(Shape::String),
        replace,
    ),
];

/// A pattern ready for use.
struct Pattern {
    regex: meta::Regex,
    /// The names of the groups; empty for a group without one.
    names: Vec<String>,
}

thread_local! {
    /// The same pattern is mostly used on many strings.
    static COMPILED: RefCell<HashMap<String, Rc<Pattern>>> = RefCell::default();
}

impl Pattern {
    fn get(text: &str) -> Result<Rc<Pattern>, Malformed> {
        if let Some(found) = COMPILED.with_borrow(|kept| kept.get(text).cloned()) {
            return Ok(found);
        }
        let compiled = Rc::new(Pattern::compile(text)?);
        COMPILED.with_borrow_mut(|kept| {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(text.to_owned(), compiled.clone());
        });
        Ok(compiled)
    }

    fn compile(text: &str) -> Result<Pattern, Malformed> {
        let parsed = re2::parse(text)?;
        let config = meta::Config::new().nfa_size_limit(Some(MAX_COMPILED));
        let built = meta::Builder::new().configure(config).build_from_hir(&parsed.hir);
        let regex = built.map_err(|_| Malformed { kind: "expression too large", part: text.to_owned() })?;
        Ok(Pattern { regex, names: parsed.names })
    }

    /// What a match is: a string, or the groups by position or by name.
    fn result_type(&self) -> Result<Type, FunctionError> {
        let named = self.names.iter().filter(|name| !name.is_empty()).count();
        match (self.names.len(), named) {
            (0, _) => Ok(Type::String),
            (n, 0) => Ok(Type::tuple(vec![Type::String; n])),
            (n, named) if n == named => {
                Ok(Type::object(self.names.iter().map(|name| (Str::new(name), Type::String)).collect()))
            }
            _ => {
                let message = "invalid regexp pattern: cannot mix both named and unnamed capture groups";
                Err(FunctionError::new(message))
            }
        }
    }

    fn result(&self, text: &str, found: &Captures) -> Value {
        let group = |i: usize| match found.get_group(i).and_then(|span| text.get(span.range())) {
            Some(text) => Value::string(text),
            None => Value::null(Type::String),
        };
        if self.names.is_empty() {
            group(0)
        } else if self.names.iter().all(String::is_empty) {
            Value::tuple((1..=self.names.len()).map(group).collect())
        } else {
            Value::object(self.names.iter().enumerate().map(|(i, name)| (Str::new(name), group(i + 1))).collect())
        }
    }
}

fn wrong_pattern(e: &Malformed) -> FunctionError {
    FunctionError::quoting(format!("invalid regexp pattern: {e}"), format!("invalid regexp pattern: {}", e.kind)).at(0)
}

fn regex_type(args: &[Value]) -> Result<Type, FunctionError> {
    let Some(pattern) = args.first().and_then(Value::as_str) else { return Ok(Type::Dynamic) };
    Pattern::get(pattern).map_err(|e| wrong_pattern(&e))?.result_type().map_err(|e| e.at(0))
}

fn regex(call: &Call<'_>) -> Result<Value, FunctionError> {
    let pattern = Pattern::get(call.text(0)?).map_err(|e| wrong_pattern(&e))?;
    let text = call.text(1)?;
    let mut found = pattern.regex.create_captures();
    pattern.regex.captures(text, &mut found);
    if !found.is_match() {
        return Err(FunctionError::new("pattern did not match any part of the given string"));
    }
    Ok(pattern.result(text, &found))
}

fn regex_all(call: &Call<'_>) -> Result<Value, FunctionError> {
    let pattern = Pattern::get(call.text(0)?).map_err(|e| wrong_pattern(&e))?;
    let text = call.text(1)?;
    let of = call.ty.element().cloned().unwrap_or(Type::Dynamic);
    let all = pattern.regex.captures_iter(text).map(|found| pattern.result(text, &found)).collect();
    Ok(Value::list(of, all))
}

/// A literal, or a pattern if it stands between slashes.
fn replace(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (text, what, with) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let pattern = if what.len() > 1 { what.strip_prefix('/').and_then(|p| p.strip_suffix('/')) } else { None };
    let Some(pattern) = pattern else { return Ok(Value::string(text.replace(what, with))) };
    let pattern = Pattern::get(pattern).map_err(|e| {
        let Malformed { kind, part } = e;
        FunctionError::quoting(
            format!("error parsing regexp: {kind}: `{part}`"),
            format!("error parsing regexp: {kind}"),
        )
    })?;
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for found in pattern.regex.captures_iter(text) {
        let Some(span) = found.get_match() else { continue };
        out.push_str(text.get(end..span.start()).unwrap_or_default());
        expand(&mut out, with, &pattern.names, &|i| found.get_group(i).and_then(|g| text.get(g.range())));
        end = span.end();
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Ok(Value::string(out))
}

/// Puts groups in for `$1`, `$name` and `${name}`; `$$` is a dollar, and so is one that nothing follows from.
fn expand<'t>(out: &mut String, template: &str, names: &[String], group: &dyn Fn(usize) -> Option<&'t str>) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = reference(after) else {
            out.push('$');
            continue;
        };
        rest = after;
        let found = match number(name) {
            Some(i) => group(i),
            None => {
                let named = names.iter().enumerate().filter(|(_, other)| other.as_str() == name);
                named.map(|(i, _)| group(i + 1)).find_map(|text| text)
            }
        };
        out.push_str(found.unwrap_or_default());
    }
    out.push_str(rest);
}

/// The name behind a dollar, with or without braces, and what follows.
fn reference(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('{');
    let start = inside.unwrap_or(text);
    let end = start.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(start.len());
    let (name, rest) = start.split_at(end);
    let rest = if inside.is_some() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

/// The group a name means by number; with a leading zero it is a name.
fn number(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|b| b.is_ascii_digit()) && name.len() <= 8;
    if digits && (name.len() == 1 || !name.starts_with('0')) { name.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, run, s, secret};
    use super::*;
    use straddle_sdk::value::Kind;

    fn tuple(items: &[&str]) -> Value {
        Value::tuple(items.iter().map(|i| s(i)).collect())
    }

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn finds() {
        for (pattern, text, want) in [
            (r"\d+", "٣4", "4"),
            (r"\w+", "éa", "a"),
            (r"\s", " x ", " "),
            (r"\p{Greek}", "α", "α"),
            (r"\p{^Greek}", "αa", "a"),
            (r"\P{^Greek}", "αa", "α"),
            (r"\pN", "5", "5"),
            (r"\PN", "5a", "a"),
            (r"\p{Lu}", "aB", "B"),
            (r"\x{e9}", "é", "é"),
            (r"\x41", "A", "A"),
            (r"\07", "\u{7}", "\u{7}"),
            (r"\z", "a", ""),
            (r"\A", "a", ""),
            (r"\-\/\<\_", "-/<_", "-/<_"),
            ("[[:^alpha:]]", "a1", "1"),
            ("[[:word:]]+", "a_1-", "a_1"),
            ("[[a]+", "[[a", "[[a"),
            ("[a&&b]+", "a&&b", "a&&b"),
            ("[a~~b]+", "~", "~"),
            (r"[\d-z]+", "1-z", "1-z"),
            (r"[\pN\s]+", "1 2", "1 2"),
            ("[[:alpha:]-z]+", "a-z", "a-z"),
            ("[--/]", "-", "-"),
            ("[a-]", "-", "-"),
            ("[a-c-e]", "-", "-"),
            ("[]a]", "]", "]"),
            ("[^]a]", "b", "b"),
            ("[^a]", "\n", "\n"),
            (r"[^\x00-\x7F]", "é", "é"),
            ("{", "{", "{"),
            ("}", "}", "}"),
            ("]", "]", "]"),
            ("x{,5}", "x{,5}", "x{,5}"),
            ("x{1,", "x{1,", "x{1,"),
            ("x{01}", "x{01}", "x{01}"),
            ("(?U)a+", "aaa", "a"),
            ("(?i)ABC", "xabc", "abc"),
            ("(?i)[k]", "\u{212a}", "K"),
            ("(?i)s", "ſ", "ſ"),
            ("(?i-s:a)B", "AB", "AB"),
            ("(?m)^b$", "a\nb", "b"),
            ("(?s)a.b", "a\nb", "a\nb"),
            (r"\Qa.b\E+", "a.bbb", "a.bbb"),
            (r"\Qa.b", "a.b", "a.b"),
            ("a{2}?", "aaa", "aa"),
            ("a{0,1000}", "a", "a"),
            ("é{2}", "éé", "éé"),
            ("a||b", "b", ""),
            ("|a", "a", ""),
            ("", "", ""),
            ("$", "a\n", ""),
            ("^*", "a", ""),
            (r"\B", "", ""),
            (r"\bfoo\b", "a foo b", "foo"),
        ] {
            if pattern == "(?i-s:a)B" {
                assert!(run("regex", &[s(pattern), s("ab")]).is_err());
            }
            is("regex", &[s(pattern), s(text)], s(want));
        }
    }

    #[test]
    fn groups() {
        is("regex", &[s("(|a)*"), s("aa")], tuple(&[""]));
        is("regex", &[s("(|a)+"), s("aa")], tuple(&[""]));
        is("regex", &[s("()"), s("a")], tuple(&[""]));
        is("regex", &[s("(?P<n>a)(?P<n>b)"), s("ab")], Value::object(vec![("n".into(), s("b"))]));
        is("regex", &[s("(?<1a>a)"), s("a")], Value::object(vec![("1a".into(), s("a"))]));
        let nothing = Value::null(Type::String);
        let pair = Type::tuple(vec![Type::String]);
        is("regexall", &[s("(a)|b"), s("ab")], Value::list(pair, vec![tuple(&["a"]), Value::tuple(vec![nothing])]));
    }

    #[test]
    fn finds_all() {
        for (pattern, text, want) in [
            ("a*", "baac", &["", "aa", ""][..]),
            ("", "é", &["", ""]),
            ("x*", "axxb", &["", "xx", ""]),
            ("x", "a", &[]),
            ("[a-z]", "a1b2", &["a", "b"]),
        ] {
            is("regexall", &[s(pattern), s(text)], super::super::testing::strings(want));
        }
    }

    #[test]
    fn refuses_patterns() {
        for (pattern, want) in [
            ("(", "missing closing ) in ("),
            (")", "unexpected ) in )"),
            ("a)b", "unexpected ) in a)b"),
            ("[", "missing closing ] in ["),
            ("[]", "missing closing ] in []"),
            ("x[a", "missing closing ] in [a"),
            ("[b-a]", "invalid character class range in b-a"),
            ("[a--b]", "invalid character class range in a--"),
            ("[z-[:alpha:]]", "invalid character class range in z-["),
            ("[[:foo:]]", "invalid character class range in [:foo:]"),
            ("a**", "invalid nested repetition operator in **"),
            ("a+*", "invalid nested repetition operator in +*"),
            ("x{2}{3}", "invalid nested repetition operator in {2}{3}"),
            ("*a", "missing argument to repetition operator in *"),
            ("(*)", "missing argument to repetition operator in *"),
            ("a|*", "missing argument to repetition operator in *"),
            (r"\Q\E*", "missing argument to repetition operator in *"),
            ("x{1001}", "invalid repeat count in {1001}"),
            ("x{2,1}", "invalid repeat count in {2,1}"),
            ("(x{30}){40}", "invalid repeat count in {40}"),
            ("((x{10}){10}){11}", "invalid repeat count in {11}"),
            ("\\", "trailing backslash at end of expression in "),
            (r"\8", r"invalid escape sequence in \8"),
            (r"\1", r"invalid escape sequence in \1"),
            (r"\x4", r"invalid escape sequence in \x4"),
            (r"\x{110000}", r"invalid escape sequence in \x{110000"),
            (r"\x{}", r"invalid escape sequence in \x{}"),
            (r"\h", r"invalid escape sequence in \h"),
            (r"\C", r"invalid escape sequence in \C"),
            (r"\Z", r"invalid escape sequence in \Z"),
            (r"\é", r"invalid escape sequence in \é"),
            (r"[a-\d]", r"invalid escape sequence in \d"),
            (r"[\Qa]\E]", r"invalid escape sequence in \Q"),
            (r"[\b]", r"invalid escape sequence in \b"),
            (r"\p{Foo}", r"invalid character class range in \p{Foo}"),
            (r"\p{greek}", r"invalid character class range in \p{greek}"),
            (r"\p", r"invalid character class range in \p"),
            (r"\p{L", r"invalid character class range in \p{L"),
            ("(?x)a b", "invalid or unsupported Perl syntax in (?x"),
            ("(?P=n)", "invalid or unsupported Perl syntax in (?P"),
            ("(?=a)", "invalid or unsupported Perl syntax in (?="),
            ("(?", "invalid or unsupported Perl syntax in (?"),
            ("(?i", "invalid or unsupported Perl syntax in (?i"),
            ("(?i-)", "invalid or unsupported Perl syntax in (?i-)"),
            ("(?--i)", "invalid or unsupported Perl syntax in (?--"),
            ("(?P<>a)", "invalid named capture in (?P<>"),
            ("(?P<a", "invalid named capture in (?P<a"),
            ("(?P<l>[a-z])([0-9])", "cannot mix both named and unnamed capture groups"),
        ] {
            fails("regex", &[s(pattern), s("a")], &format!("invalid regexp pattern: {want}"));
        }
        fails("regex", &[s("b"), s("a")], "pattern did not match any part of the given string");
        fails("regex", &[secret(s("(")), s("a")], "invalid regexp pattern: missing closing )");
    }

    #[test]
    fn replaces() {
        for (text, what, with, want) in [
            ("hello", "l", "L", "heLLo"),
            ("aéb", "", "-", "-a-é-b-"),
            ("a//b", "//", "-", "-a-/-/-b-"),
            ("/", "/", "x", "x"),
            ("a.b.c", r"/\.(.)/", "-$1", "a-b-c"),
            ("abc", "/(?P<x>b)/", "<$x>", "a<b>c"),
            ("abc", "/(b)/", "$1x", "ac"),
            ("abc", "/(b)/", "${1}x", "abxc"),
            ("abc", "/(b)/", "[$$1]", "a[$1]c"),
            ("abc", "/(b)/", "$", "a$c"),
            ("abc", "/(b)/", "[${1", "a[${1c"),
            ("a1", r"/\d/", "$01", "a"),
            ("abc", "/(?P<x>b)(?P<x>c)/", "[$x]", "a[b]"),
            ("baaac", "/a*/", "x", "xbxcx"),
            ("aé", "/é*/", "x", "xax"),
        ] {
            is("replace", &[s(text), s(what), s(with)], s(want));
        }
        fails("replace", &[s("abc"), s("/(/"), s("-")], "error parsing regexp: missing closing ): `(`");
    }

    /// INV-10: no pattern takes unbounded work.
    #[test]
    fn large_patterns_are_refused() {
        let deep = "(".repeat(100_000);
        assert!(run("regex", &[s(&deep), s("a")]).is_err());
        let deep = format!("{}a{}", "(".repeat(251), ")".repeat(251));
        let message = run("regex", &[s(&deep), s("a")]).expect_err("too deep").message;
        assert!(message.starts_with("invalid regexp pattern: expression nests too deeply"), "{message}");
        let wide = r"(?i)[\pL\pN]{1000}".repeat(50);
        assert!(run("regex", &[s(&wide), s("a")]).is_err());
        let kept = format!("{}a{}", "(?:".repeat(249), ")*".repeat(249));
        is("regex", &[s(&kept), s("aa")], s("aa"));
    }

    #[test]
    fn unknown_strings_have_typed_results() {
        let unknown = Value::unknown(Type::String);
        let got = run("regex", &[s("(a)(b)"), unknown.clone()]).expect("it works");
        assert_eq!(got.ty(), Type::tuple(vec![Type::String, Type::String]));
        assert!(matches!(got.kind(), Kind::Unknown(u) if u.refinement.not_null));
        assert_eq!(run("regex", &[unknown, s("a")]).expect("it works").ty(), Type::Dynamic);
    }
}
