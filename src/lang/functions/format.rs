//! `format` and `formatlist`: printf in Terraform's manner.

use super::call::convert_to;
use super::decimal::{Decimal, exponential, fixed, general};
use super::json::encode;
use super::strings::{grapheme_count, safe_prefix};
use super::words::{quoted, quoted_char};
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Kind, Refinement, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

const FORMAT: &[Param] = &[Param::new("format", Shape::String)];
const ARGS: Param = Param::new("args", Shape::Any).nullable().unknown();

/// The widest field and the highest precision.
const MAX_WIDTH: usize = 1 << 20;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("format", FORMAT, Returns::Always(Shape::String), format_one).variadic(ARGS),
    Function::new("formatlist", FORMAT, Returns::Always(Shape::STRINGS), format_list).variadic(ARGS),
];

fn format_one(call: &Call<'_>) -> Result<Value, FunctionError> {
    let format = call.text(0)?;
    let args = call.args.get(1..).unwrap_or_default();
    if !args.iter().all(Value::is_wholly_known) {
        // What stands before the first verb is known, except that what follows may combine with its last character.
        let before = format.split('%').next().unwrap_or_default();
        let prefix = if before.len() < format.len() { safe_prefix(before) } else { None };
        return Ok(call.unknown_refined(Refinement { prefix, ..Refinement::default() }));
    }
    Ok(Value::string(render(format, args)?))
}

/// One string for each element of the lists among the arguments; what is no list is the same each time.
fn format_list(call: &Call<'_>) -> Result<Value, FunctionError> {
    let format = call.text(0)?;
    let args = call.args.get(1..).unwrap_or_default();
    let Some(count) = common_length(args)? else { return Ok(call.unknown()) };
    let mut out = Vec::with_capacity(count.unwrap_or(1));
    for i in 0..count.unwrap_or(1) {
        let row: Vec<Value> = args.iter().map(|arg| nth(arg, i)).collect();
        out.push(if row.iter().all(Value::is_wholly_known) {
            let text = render(format, &row);
            Value::string(if args.is_empty() {
                text?
            } else {
                text.map_err(|e| e.inside(&format!("error on format iteration {i}: ")).anywhere())?
            })
        } else {
            super::call::not_null(super::call::unknown_of(Type::String, &row))
        });
    }
    Ok(Value::list(Type::String, out))
}

/// How many strings there will be: the length of all lists, or none if there is no list; nothing if a length is not known.
fn common_length(args: &[Value]) -> Result<Option<Option<usize>>, FunctionError> {
    let mut found: Option<(usize, usize)> = None;
    let mut unknown = false;
    for (i, arg) in args.iter().enumerate() {
        let length = match (arg.items(), arg.kind()) {
            (Some(_), Kind::Set(_)) if !arg.is_wholly_known() => None,
            (Some(items), _) => Some(items.len()),
            (None, Kind::Unknown(u)) => match &u.ty {
                Type::Tuple(types) => {
                    unknown = true;
                    Some(types.len())
                }
                Type::List(_) | Type::Set(_) | Type::Dynamic => None,
                _ => continue,
            },
            _ => continue,
        };
        let Some(length) = length else {
            unknown = true;
            continue;
        };
        match found {
            Some((chooser, other)) if other != length => {
                let message = format!(
                    "argument {} has length {length}, which is inconsistent with argument {} of length {other}",
                    i + 1,
                    chooser + 1
                );
                return Err(FunctionError::told(message).at(i + 1));
            }
            Some(_) => {}
            None => found = Some((i, length)),
        }
    }
    Ok(if unknown { None } else { Some(found.map(|(_, length)| length)) })
}

fn nth(arg: &Value, i: usize) -> Value {
    arg.items().map_or_else(|| arg.clone(), |items| items.get(i).cloned().unwrap_or_else(|| Value::null(Type::Dynamic)))
}

/// A verb: `%`, flags, width, precision, argument number, letter.
struct Verb<'a> {
    /// All of it.
    raw: &'a str,
    offset: usize,
    letter: char,
    /// From 1 on.
    argument: usize,
    flags: Flags,
    width: Option<usize>,
    precision: Option<usize>,
}

#[derive(Default, Clone, Copy)]
struct Flags {
    zero: bool,
    sharp: bool,
    minus: bool,
    plus: bool,
    space: bool,
}

fn render(format: &str, args: &[Value]) -> Result<String, FunctionError> {
    let mut out = String::with_capacity(format.len());
    let (mut next, mut highest) = (1, 0);
    let mut at = 0;
    while let Some(rest) = format.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(percent) = rest.find('%') else {
            out.push_str(rest);
            break;
        };
        out.push_str(rest.get(..percent).unwrap_or_default());
        at += percent;
        if rest.get(percent + 1..).is_some_and(|after| after.starts_with('%')) {
            out.push('%');
            at += 2;
            continue;
        }
        let verb = verb(format, at, next)?;
        out.push_str(&shown(&verb, args)?);
        highest = highest.max(verb.argument);
        next = verb.argument.saturating_add(1);
        at += verb.raw.len();
    }
    if highest < args.len() {
        let message = match highest {
            0 => "too many arguments; no verbs in format string".to_owned(),
            n => format!("too many arguments; only {n} used by format string"),
        };
        // The first argument of the call is the format.
        return Err(FunctionError::told(message).at(highest + 1));
    }
    Ok(out)
}

/// Reads the verb whose `%` is at `offset`.
fn verb(format: &str, offset: usize, next: usize) -> Result<Verb<'_>, FunctionError> {
    let bytes = format.as_bytes();
    let mut at = offset + 1;
    let mut flags = Flags::default();
    loop {
        match bytes.get(at) {
            Some(b'0') => flags.zero = true,
            Some(b'#') => flags.sharp = true,
            Some(b'-') => flags.minus = true,
            Some(b'+') => flags.plus = true,
            Some(b' ') => flags.space = true,
            _ => break,
        }
        at += 1;
    }
    let width = number(bytes, &mut at)?;
    let precision = if bytes.get(at) == Some(&b'.') {
        at += 1;
        Some(number(bytes, &mut at)?.unwrap_or(0))
    } else {
        None
    };
    let mut argument = next;
    if bytes.get(at) == Some(&b'[') {
        at += 1;
        if !matches!(bytes.get(at), Some(b'1'..=b'9')) {
            return Err(stray(format, at));
        }
        argument = match number(bytes, &mut at)? {
            Some(n) if bytes.get(at) == Some(&b']') => n,
            _ => return Err(stray(format, at)),
        };
        at += 1;
    }
    match bytes.get(at) {
        Some(letter) if letter.is_ascii_alphabetic() => Ok(Verb {
            raw: format.get(offset..=at).unwrap_or_default(),
            offset,
            letter: (*letter).into(),
            argument,
            flags,
            width,
            precision,
        }),
        _ => Err(stray(format, at)),
    }
}

fn number(bytes: &[u8], at: &mut usize) -> Result<Option<usize>, FunctionError> {
    let mut found: Option<usize> = None;
    while let Some(digit) = bytes.get(*at).filter(|b| b.is_ascii_digit()) {
        let n = found.unwrap_or(0) * 10 + usize::from(digit - b'0');
        if n > MAX_WIDTH {
            return Err(FunctionError::told(format!("numbers in format strings end at {MAX_WIDTH}")));
        }
        found = Some(n);
        *at += 1;
    }
    Ok(found)
}

/// What stands where a verb should go on.
fn stray(format: &str, at: usize) -> FunctionError {
    match format.get(at..).and_then(|rest| rest.chars().next()) {
        Some(c) => FunctionError::quoting(
            format!("unrecognized format character {} at offset {at}", quoted_char(c)),
            format!("unrecognized format character at offset {at}"),
        ),
        None => FunctionError::told(format!("invalid format string starting at offset {at}")),
    }
}

fn shown(verb: &Verb<'_>, args: &[Value]) -> Result<String, FunctionError> {
    let Verb { raw, offset, argument, .. } = *verb;
    let Some(arg) = args.get(argument.wrapping_sub(1)) else {
        let total = args.len();
        let message = format!(
            "not enough arguments for {} at {offset}: need index {argument} but have {total} total",
            quoted(raw)
        );
        return Err(FunctionError::told(message));
    };
    if verb.letter != 'v' && arg.is_null() {
        return Err(unsupported(verb, "null value cannot be formatted"));
    }
    let as_type = |ty: Type| convert_to(arg, &ty).map_err(|e| unsupported(verb, &e.message));
    match verb.letter {
        'v' => as_is(verb, arg),
        't' => Ok(if as_type(Type::Bool)?.as_bool() == Some(true) { "true" } else { "false" }.to_owned()),
        'b' | 'd' | 'o' | 'x' | 'X' => integer(verb, &as_type(Type::Number)?),
        'e' | 'E' | 'f' | 'g' | 'G' => Ok(fraction(verb, &as_type(Type::Number)?)),
        's' | 'q' => string(verb, &as_type(Type::String)?),
        other => {
            let message =
                format!("unsupported format verb {} in {} at offset {offset}", quoted_char(other), quoted(raw));
            Err(FunctionError::told(message))
        }
    }
}

fn unsupported(verb: &Verb<'_>, why: &str) -> FunctionError {
    FunctionError::told(format!("unsupported value for {} at {}: {why}", quoted(verb.raw), verb.offset))
}

/// `%v`: strings and numbers as they are, all else as JSON.
fn as_is(verb: &Verb<'_>, arg: &Value) -> Result<String, FunctionError> {
    let text = match arg.kind() {
        Kind::String(s) if !verb.flags.sharp => s.to_string(),
        Kind::Number(n) if !verb.flags.sharp => general(n, None, false),
        _ => encode(arg).map_err(|e| unsupported(verb, &e.message))?,
    };
    Ok(pad(verb, text))
}

fn string(verb: &Verb<'_>, arg: &Value) -> Result<String, FunctionError> {
    let text = arg.as_str().unwrap_or_default();
    let cut: String = match verb.precision {
        Some(n) if n > 0 => text.graphemes(true).take(n).collect(),
        _ => text.to_owned(),
    };
    let text = if verb.letter == 'q' { encode(&Value::string(cut))? } else { cut };
    Ok(pad(verb, text))
}

/// To the width in grapheme clusters.
fn pad(verb: &Verb<'_>, text: String) -> String {
    let missing = verb.width.unwrap_or(0).saturating_sub(grapheme_count(&text));
    let padding = if verb.flags.zero { "0" } else { " " }.repeat(missing);
    if verb.flags.minus { text + &padding } else { padding + &text }
}

fn integer(verb: &Verb<'_>, arg: &Value) -> Result<String, FunctionError> {
    let number = arg.as_num().and_then(Num::to_bigint).ok_or_else(|| unsupported(verb, "an integer is required"))?;
    let (sign, magnitude) = (number.sign() == num_bigint::Sign::Minus, number.magnitude());
    let (base, prefix) = match verb.letter {
        'b' => (2, "0b"),
        'o' => (8, "0"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        _ => (10, ""),
    };
    let mut digits = magnitude.to_str_radix(base);
    if verb.letter == 'X' {
        digits.make_ascii_uppercase();
    }
    if verb.precision == Some(0) && digits == "0" {
        return Ok(String::new());
    }
    let prefix = if verb.flags.sharp { prefix } else { "" };
    let sign = sign_text(sign, verb.flags);
    let mut zeros = verb.precision.unwrap_or(0).saturating_sub(digits.len());
    let length = sign.len() + prefix.len() + zeros + digits.len();
    let missing = verb.width.unwrap_or(0).saturating_sub(length);
    let (mut left, mut right) = (0, 0);
    if verb.flags.minus {
        right = missing;
    } else if verb.flags.zero && verb.precision.is_none() {
        zeros = missing;
    } else {
        left = missing;
    }
    let (left, zeros, right) = (" ".repeat(left), "0".repeat(zeros), " ".repeat(right));
    Ok(format!("{left}{sign}{prefix}{zeros}{digits}{right}"))
}

fn sign_text(negative: bool, flags: Flags) -> &'static str {
    match (negative, flags.plus, flags.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn fraction(verb: &Verb<'_>, arg: &Value) -> String {
    let Some(number) = arg.as_num() else { return String::new() };
    let upper = verb.letter.is_ascii_uppercase();
    let text = match verb.letter.to_ascii_lowercase() {
        _ if number.is_infinite() => number.to_string(),
        'g' => general(number, verb.precision, upper),
        letter => {
            let precision = verb.precision.unwrap_or(6);
            let decimal = Decimal::exact(number);
            if letter == 'f' { fixed(decimal, precision) } else { exponential(decimal, precision, upper) }
        }
    };
    let infinite = number.is_infinite();
    let (sign, text) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(text), _) => ("-", text),
        (_, Some(text)) => (if verb.flags.space { " " } else { "+" }, text),
        _ => (sign_text(false, verb.flags), text.as_str()),
    };
    let missing = verb.width.unwrap_or(0).saturating_sub(sign.len() + text.len());
    if verb.flags.minus {
        format!("{sign}{text}{}", " ".repeat(missing))
    } else if verb.flags.zero && !infinite {
        format!("{sign}{}{text}", "0".repeat(missing))
    } else {
        format!("{}{sign}{text}", " ".repeat(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;

    fn num(text: &str) -> Value {
        Value::number(Num::parse(text).expect("a number"))
    }

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn verbs() {
        let list = Value::tuple(vec![n(1), s("a"), Value::null(Type::Dynamic)]);
        let object = Value::object(vec![("a".into(), s("<"))]);
        for (format, args, want) in [
            ("%5d|%-5d|%05d", vec![n(1), n(2), n(3)], "    1|2    |00003"),
            ("%-05d|%0-5d|", vec![n(3), n(3)], "3    |3    |"),
            ("%+d % d %010d", vec![n(5), n(5), n(-5)], "+5  5 -000000005"),
            ("%.3d|%5.3d|", vec![n(7), n(7)], "007|  007|"),
            ("%x %X %o %b %#x", vec![n(255), n(255), n(8), n(5), n(255)], "ff FF 10 101 0xff"),
            (
                "%e|%05.1f|%08.2f|%-8.2f|",
                vec![num("1234.5678"), num("-2.25"), num("-1.5"), num("1.5")],
                "1.234568e+03|-02.2|-0001.50|1.50    |",
            ),
            ("%g %G", vec![num("1e20"), num("1e-10")], "1e+20 1E-10"),
            ("%v %v %v", vec![num("1000000"), num("0.1"), list], "1e+06 0.1 [1,\"a\",null]"),
            ("%v %#v %q", vec![object, s("a"), s("a\"b<")], "{\"a\":\"\\u003c\"} \"a\" \"a\\\"b\\u003c\""),
            ("é%5s|%05s|%.2s|%.0s", vec![s("é"), s("a"), s("hello"), s("ab")], "é    é|0000a|he|ab"),
            ("%[2]s %[1]s %5[1]s", vec![s("a"), s("b")], "b a     a"),
            ("%t %s %5t|", vec![Value::TRUE, Value::TRUE, Value::TRUE], "true true true|"),
            ("a%%b", vec![], "a%b"),
            ("%v", vec![Value::null(Type::String)], "null"),
        ] {
            let args: Vec<Value> = [s(format)].into_iter().chain(args).collect();
            is("format", &args, s(want));
        }
    }

    #[test]
    fn refuses() {
        for (format, args, want) in [
            ("%!", vec![s("a")], "unrecognized format character '!' at offset 1"),
            ("%é", vec![s("a")], "unrecognized format character 'é' at offset 1"),
            ("%[0]d", vec![n(1)], "unrecognized format character '0' at offset 2"),
            ("%5%", vec![n(1)], "unrecognized format character '%' at offset 2"),
            ("%", vec![s("a")], "invalid format string starting at offset 1"),
            ("%.3", vec![s("a")], "invalid format string starting at offset 3"),
            ("%s", vec![s("a"), s("b")], "too many arguments; only 1 used by format string"),
            ("x", vec![s("a")], "too many arguments; no verbs in format string"),
            ("%s", vec![], "not enough arguments for \"%s\" at 0: need index 1 but have 0 total"),
            ("%z", vec![s("a")], "unsupported format verb 'z' in \"%z\" at offset 0"),
            ("%d", vec![s("x")], "unsupported value for \"%d\" at 0: a number is required"),
            ("%d", vec![num("1.5")], "unsupported value for \"%d\" at 0: an integer is required"),
            ("%t", vec![s("x")], "unsupported value for \"%t\" at 0: a bool is required"),
            (
                "%s",
                vec![Value::null(Type::String)],
                "unsupported value for \"%s\" at 0: null value cannot be formatted",
            ),
            ("%99999999s", vec![s("x")], "numbers in format strings end at 1048576"),
        ] {
            let args: Vec<Value> = [s(format)].into_iter().chain(args).collect();
            fails("format", &args, want);
        }
    }

    #[test]
    fn lists() {
        is("formatlist", &[s("%s-%s"), strings(&["a", "b"]), s("x")], strings(&["a-x", "b-x"]));
        is("formatlist", &[s("x")], strings(&["x"]));
        is("formatlist", &[s("%s"), Value::tuple(vec![])], strings(&[]));
        let message = "argument 2 has length 2, which is inconsistent with argument 1 of length 1";
        fails("formatlist", &[s("%s-%s"), strings(&["a"]), strings(&["b", "c"])], message);
        let message = "error on format iteration 0: too many arguments; no verbs in format string";
        fails("formatlist", &[s("x"), strings(&["a"])], message);
        let e = run("formatlist", &[s("x"), strings(&["a"])]).expect_err("it fails");
        assert_eq!((e.argument, e.summary()), (None, "Error in function call"));
        let half = Value::list(Type::String, vec![s("c"), Value::unknown(Type::String)]);
        let got = run("formatlist", &[s("%s-%s"), strings(&["a", "b"]), half]).expect("it works");
        let items = got.items().expect("a list");
        assert!(items[0].as_str() == Some("a-c") && items[1].is_unknown(), "{got:?}");
    }

    #[test]
    fn unknowns_begin_as_the_format_does() {
        let got = run("format", &[s("a-%s"), Value::unknown(Type::String)]).expect("it works");
        assert!(matches!(got.kind(), Kind::Unknown(u) if u.refinement.prefix.as_deref() == Some("a-")), "{got:?}");
        // A null of no type leaves the result unknown, in Terraform as well.
        assert!(run("format", &[s("%s"), Value::null(Type::Dynamic)]).expect("it works").is_unknown());
        is("format", &[s("%s"), secret(s("x"))], secret(s("x")));
    }
}
