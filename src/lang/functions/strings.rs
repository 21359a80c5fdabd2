//! Functions on strings.

use super::case::{lower, title, upper};
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use straddle_sdk::value::{Kind, Refinement, Str, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

/// The most a padded text may grow to, in bytes.
const MAX_TEXT: usize = 64 << 20;

const STR: Param = Param::new("str", Shape::String);
const STRING: Returns = Returns::Always(Shape::String);
const BOOL: Returns = Returns::Always(Shape::Bool);
const STRINGS: Returns = Returns::Always(Shape::STRINGS);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("chomp", &[STR], STRING, |call| map(call, |s| s.trim_end_matches(['\r', '\n']).to_owned())),
    Function::new("endswith", &[STR, Param::new("suffix", Shape::String)], BOOL, |call| {
        Ok(truth(call.text(0)?.ends_with(call.text(1)?)))
    }),
    Function::new("indent", &[Param::new("spaces", Shape::Number), STR], STRING, indent),
    Function::new("join", &[Param::new("separator", Shape::String)], STRING, join)
        .variadic(Param::new("lists", Shape::STRINGS)),
    Function::new("lower", &[STR], STRING, |call| map(call, lower)),
    Function::new("sort", &[Param::new("list", Shape::STRINGS).unknown()], STRINGS, sort),
    Function::new("split", &[Param::new("separator", Shape::String), STR], STRINGS, split),
    Function::new("startswith", &[STR.unknown(), Param::new("prefix", Shape::String)], BOOL, starts_with),
    Function::new("strcontains", &[STR, Param::new("substr", Shape::String)], BOOL, |call| {
        Ok(truth(call.text(0)?.contains(call.text(1)?)))
    })
    .maybe_null(),
    Function::new("strrev", &[STR], STRING, |call| map(call, |s| s.graphemes(true).rev().collect())),
    Function::new(
        "substr",
        &[STR, Param::new("offset", Shape::Number), Param::new("length", Shape::Number)],
        STRING,
        substr,
    ),
    Function::new("title", &[STR], STRING, |call| map(call, title)),
    Function::new("trim", &[STR, Param::new("cutset", Shape::String)], STRING, |call| {
        let cut = call.text(1)?;
        map(call, |s| s.trim_matches(|c| cut.contains(c)).to_owned())
    }),
    Function::new("trimprefix", &[STR, Param::new("prefix", Shape::String)], STRING, |call| {
        let prefix = call.text(1)?;
        map(call, |s| s.strip_prefix(prefix).unwrap_or(s).to_owned())
    }),
    Function::new("trimspace", &[STR], STRING, |call| map(call, |s| s.trim().to_owned())),
    Function::new("trimsuffix", &[STR, Param::new("suffix", Shape::String)], STRING, |call| {
        let suffix = call.text(1)?;
        map(call, |s| s.strip_suffix(suffix).unwrap_or(s).to_owned())
    }),
    Function::new("upper", &[STR], STRING, |call| map(call, upper)),
];

fn map(call: &Call<'_>, f: impl FnOnce(&str) -> String) -> Result<Value, FunctionError> {
    Ok(Value::string(f(call.text(0)?)))
}

fn truth(b: bool) -> Value {
    Kind::Bool(b).into()
}

/// Puts spaces before every line but the first.
fn indent(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.text(1)?;
    let spaces = call.int(0)?;
    // Terraform 1.11 panics here.
    let spaces = usize::try_from(spaces).map_err(|_| FunctionError::new("spaces must not be negative"))?;
    let lines = text.bytes().filter(|b| *b == b'\n').count();
    match lines.checked_mul(spaces) {
        _ if lines == 0 => Ok(Value::string(text)),
        Some(grown) if grown <= MAX_TEXT => Ok(Value::string(text.replace('\n', &format!("\n{}", " ".repeat(spaces))))),
        _ => Err(FunctionError::told(format!("the result would be larger than {} MiB", MAX_TEXT >> 20))),
    }
}

fn join(call: &Call<'_>) -> Result<Value, FunctionError> {
    let separator = call.text(0)?;
    let lists = call.args.get(1..).unwrap_or_default();
    if lists.is_empty() {
        return Err(FunctionError::new("at least one list is required"));
    }
    if !lists.iter().all(Value::is_wholly_known) {
        return Ok(call.unknown());
    }
    let mut out = String::new();
    let mut first = true;
    for (n, list) in lists.iter().enumerate() {
        for (i, item) in list.items().unwrap_or_default().iter().enumerate() {
            let Some(text) = item.as_str() else {
                let which = if lists.len() > 1 { format!(" of list {}", n + 1) } else { String::new() };
                let message = format!("element {i}{which} is null; cannot concatenate null values");
                return Err(FunctionError::told(message).at(n + 1));
            };
            if !std::mem::take(&mut first) {
                out.push_str(separator);
            }
            out.push_str(text);
        }
    }
    Ok(Value::string(out))
}

/// Sorts bytewise. Of a list that is not wholly known, the length is.
fn sort(call: &Call<'_>) -> Result<Value, FunctionError> {
    let Some(list) = call.args.first() else { return Ok(call.unknown()) };
    if !list.is_wholly_known() {
        let refinement = match (list.items(), list.kind()) {
            (Some(items), _) => {
                let length = Some(items.len() as u64);
                Refinement { min_len: length, max_len: length, ..Refinement::default() }
            }
            (None, Kind::Unknown(u)) => {
                Refinement { min_len: u.refinement.min_len, max_len: u.refinement.max_len, ..Refinement::default() }
            }
            _ => Refinement::default(),
        };
        return Ok(call.unknown_refined(refinement));
    }
    let mut items = call.items(0)?.to_vec();
    if let Some(null) = items.iter().position(Value::is_null) {
        let message = format!("given list element {null} is null; a null string cannot be sorted");
        return Err(FunctionError::told(message));
    }
    items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Ok(Value::list(Type::String, items))
}

/// An empty separator splits between code points.
fn split(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    let parts = if separator.is_empty() {
        text.chars().map(|c| Value::string(c.to_string())).collect()
    } else {
        text.split(separator).map(Value::string).collect()
    };
    Ok(Value::list(Type::String, parts))
}

/// Of an unknown string the beginning may be known, and suffice.
fn starts_with(call: &Call<'_>) -> Result<Value, FunctionError> {
    let prefix = call.text(1)?;
    let Some(Kind::Unknown(u)) = call.args.first().map(Value::kind) else {
        return Ok(truth(call.text(0)?.starts_with(prefix)));
    };
    let known = u.refinement.prefix.as_deref().unwrap_or_default();
    Ok(if known.starts_with(prefix) {
        Value::TRUE
    } else if known.len() >= prefix.len() {
        Value::FALSE
    } else {
        call.unknown()
    })
}

/// Counts grapheme clusters. A negative offset counts from the end, a negative length runs to the end.
fn substr(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.text(0)?;
    let (offset, length) = (call.int(1)?, call.int(2)?);
    if offset >= 0 && length == 0 {
        return Ok(Value::string(""));
    }
    let total = || i64::try_from(text.graphemes(true).count()).unwrap_or(i64::MAX);
    // Beyond the beginning is the beginning.
    let start = if offset < 0 { offset.saturating_add(total()).max(0) } else { offset };
    let rest = text.graphemes(true).skip(usize::try_from(start).unwrap_or(usize::MAX));
    // As Terraform has it: with a negative offset a length of zero runs to the end too.
    Ok(Value::string(match usize::try_from(length) {
        Ok(length) if length > 0 => rest.take(length).collect::<String>(),
        _ => rest.collect(),
    }))
}

/// How many grapheme clusters a string has, and of an unknown string the least it can have.
pub(super) fn grapheme_count(text: &str) -> usize {
    if text.is_ascii() && !text.contains('\r') { text.len() } else { text.graphemes(true).count() }
}

/// What a string that begins with this text begins with for certain: what follows may combine with the last character.
pub fn safe_prefix(text: &str) -> Option<Str> {
    // After these nothing combines.
    const ENDS: &str = "-_:;/\\,.(){}[]|?!~ \t@#$%^&*+\"'";
    let text = Str::new(text);
    let last = text.graphemes(true).next_back()?;
    let safe = if ENDS.contains(last) { &*text } else { text.get(..text.len() - last.len()).unwrap_or_default() };
    (!safe.is_empty()).then(|| Str::new(safe))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;
    use straddle_sdk::value::Unknown;

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn one_string() {
        for (name, text, want) in [
            ("chomp", "a\n\r\n", "a"),
            ("chomp", "\r\n", ""),
            ("strrev", "añ👨‍👩‍👧!", "!👨‍👩‍👧ña"),
            ("trimspace", " \t\u{a0}a b\n", "a b"),
            ("upper", "straße", "STRAßE"),
            ("lower", "ÀB", "àb"),
            ("title", "hello world", "Hello World"),
        ] {
            is(name, &[s(text)], s(want));
        }
    }

    #[test]
    fn cuts() {
        for (name, text, what, want) in [
            ("trim", "éaé", "é", "a"),
            ("trim", "xaxb", "x", "axb"),
            ("trimprefix", "aab", "a", "ab"),
            ("trimsuffix", "abb", "b", "ab"),
            ("trimsuffix", "ab", "x", "ab"),
        ] {
            is(name, &[s(text), s(what)], s(want));
        }
        for (text, offset, length, want) in [
            ("hello", -10, 2, "he"),
            ("hello", -2, 0, "lo"),
            ("hello", 1, 0, ""),
            ("hello", 1, 2, "el"),
            ("hello", 1, -1, "ello"),
            ("hello", 5, -1, ""),
            ("hello", 9, -1, ""),
            ("🤔🤷x", 1, 1, "🤷"),
        ] {
            is("substr", &[s(text), n(offset), n(length)], s(want));
        }
    }

    #[test]
    fn splits_and_joins() {
        is("split", &[s(","), s("")], strings(&[""]));
        is("split", &[s(""), s("aéc")], strings(&["a", "é", "c"]));
        is("split", &[s(""), s("")], strings(&[]));
        is("join", &[s("-"), strings(&["a", "b"]), strings(&[]), strings(&["c"])], s("a-b-c"));
        let null = Value::list(Type::String, vec![s("a"), Value::null(Type::String)]);
        fails("join", &[s("-"), null.clone()], "element 1 is null; cannot concatenate null values");
        let second = "element 1 of list 2 is null; cannot concatenate null values";
        fails("join", &[s("-"), strings(&[]), null], second);
        fails("join", &[s("-")], "at least one list is required");
        is("join", &[s("-"), strings(&["a"]), secret(strings(&["b"]))], secret(s("a-b")));
    }

    #[test]
    fn sorts_bytewise() {
        is("sort", &[strings(&["b", "a", "C", "1", "é"])], strings(&["1", "C", "a", "b", "é"]));
        let got =
            run("sort", &[Value::list(Type::String, vec![s("b"), Value::unknown(Type::String)])]).expect("it works");
        // How many there will be is known.
        assert_eq!(got.items().expect("a list").iter().filter(|item| item.is_unknown()).count(), 2);
    }

    #[test]
    fn indents_all_lines_but_the_first() {
        is("indent", &[n(2), s("a\n\nb")], s("a\n  \n  b"));
        fails("indent", &[n(-1), s("a\nb")], "spaces must not be negative");
        fails("indent", &[n(i64::MAX), s("a\n\nb")], "the result would be larger than 64 MiB");
        is("indent", &[n(i64::MAX), s("a")], s("a"));
    }

    #[test]
    fn knows_how_unknowns_begin() {
        let unknown = |prefix: &str| {
            let refinement = Refinement { prefix: Some(prefix.into()), ..Refinement::default() };
            Value::from(Kind::Unknown(std::sync::Arc::new(Unknown { refinement, ..Unknown::of(Type::String) })))
        };
        for (prefix, want) in [("x-", Some(true)), ("y", Some(false)), ("", Some(true)), ("x-1", None)] {
            let got = run("startswith", &[unknown("x-"), s(prefix)]).expect("it works");
            assert_eq!(got.as_bool(), want, "{prefix}");
        }
    }

    #[test]
    fn prefixes_stop_where_nothing_combines() {
        for (text, want) in [("x-", Some("x-")), ("xa", Some("x")), ("a", None), ("", None), ("日本", Some("日"))] {
            assert_eq!(safe_prefix(text).as_deref(), want, "{text}");
        }
    }
}
