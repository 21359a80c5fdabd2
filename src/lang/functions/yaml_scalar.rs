//! What a scalar of YAML stands for, by Terraform's rules: YAML 1.2 with the truth values of 1.1.

use super::FunctionError;
use super::timestamp::loose;
use super::words::quoted;
use super::yaml_read::unsupported_tag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigInt;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Type, Value};

/// A scalar.
pub(super) enum Scalar {
    Value(Value),
    /// `<<`
    Merge,
}

const BINARY: &str = "tag:yaml.org,2002:binary";
const BOOL: &str = "tag:yaml.org,2002:bool";
const FLOAT: &str = "tag:yaml.org,2002:float";
const INT: &str = "tag:yaml.org,2002:int";
const NULL: &str = "tag:yaml.org,2002:null";
const STR: &str = "tag:yaml.org,2002:str";
const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";

/// `tag`: in full, empty for none.
pub(super) fn resolve(text: &str, tag: &str, is_quoted: bool) -> Result<Scalar, FunctionError> {
    if !["", BINARY, BOOL, FLOAT, INT, NULL, STR, TIMESTAMP].contains(&tag) {
        return Err(unsupported_tag(tag));
    }
    let string = || Ok(Scalar::Value(Value::string(text)));
    // Only by its first character a text can be more than a string.
    let first = text.bytes().next();
    let special = first.is_none_or(|b| b"+-.0123456789yYnNtTfFoO~".contains(&b));
    if special && tag != STR && tag != BINARY {
        if is_quoted {
            return string();
        }
        if let Some(value) = word(text) {
            return Ok(Scalar::Value(value));
        }
        if tag.is_empty() && [".nan", ".NaN", ".NAN"].contains(&text) {
            return Err(FunctionError::new("floating point NaN is not supported"));
        }
        if let Some(value) = number_or_time(text, tag)? {
            return Ok(Scalar::Value(value));
        }
    }
    match tag {
        "" if text == "<<" => Ok(Scalar::Merge),
        "" | STR => string(),
        BINARY if STANDARD.decode(text.replace(['\r', '\n'], "")).is_ok() => string(),
        BINARY => Err(cannot_parse(text, tag, ": not valid base64")),
        NULL => Ok(Scalar::Value(Value::null(Type::Dynamic))),
        FLOAT | INT => Ok(Scalar::Value(number(text, tag)?)),
        _ => Err(cannot_parse(text, tag, "")),
    }
}

/// A word that stands for a value.
fn word(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::null(Type::Dynamic),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::TRUE,
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::FALSE,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::number(Num::infinity()),
        "-.inf" | "-.Inf" | "-.INF" => Value::number(Num::neg_infinity()),
        _ => return None,
    })
}

fn number_or_time(text: &str, tag: &str) -> Result<Option<Value>, FunctionError> {
    let first = text.bytes().next();
    if first == Some(b'.') {
        return Ok(Num::parse(text).ok().map(Value::number));
    }
    if !first.is_some_and(|b| b.is_ascii_digit() || b == b'+' || b == b'-') {
        return Ok(None);
    }
    if (tag.is_empty() || tag == TIMESTAMP)
        && let Some(at) = loose(text)
    {
        return Ok(Some(Value::string(at.rfc3339())));
    }
    if is_integer(text) || is_float(text) { number(text, tag).map(Some) } else { Ok(None) }
}

/// A number by its tag: decimal, or in another base by its prefix. Underscores do not count.
fn number(text: &str, tag: &str) -> Result<Value, FunctionError> {
    let plain = text.replace('_', "");
    if let Ok(n) = Num::parse(&plain) {
        return Ok(Value::number(n));
    }
    let (base, digits) = match plain.get(..2) {
        Some("0x" | "0X") => (16, plain.get(2..)),
        Some("0o" | "0O") => (8, plain.get(2..)),
        Some("0b" | "0B") => (2, plain.get(2..)),
        _ => return Err(cannot_parse(text, tag, "")),
    };
    // More than 64 bits are refused.
    let parsed = digits.filter(|d| !d.starts_with(['+', '-'])).and_then(|d| u64::from_str_radix(d, base).ok());
    let parsed = parsed.ok_or_else(|| cannot_parse(text, if tag.is_empty() { INT } else { tag }, ""))?;
    Ok(Value::number(Num::from_bigint(&BigInt::from(parsed))))
}

fn is_integer(text: &str) -> bool {
    let all = |digits: &str, belongs: fn(&u8) -> bool| !digits.is_empty() && digits.as_bytes().iter().all(belongs);
    match text.get(..2) {
        Some("0o") => all(text.get(2..).unwrap_or_default(), |b| (b'0'..=b'7').contains(b)),
        Some("0x") => all(text.get(2..).unwrap_or_default(), u8::is_ascii_hexdigit),
        _ => all(text.strip_prefix(['+', '-']).unwrap_or(text), u8::is_ascii_digit),
    }
}

fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let exponent_fine = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let some = !whole.is_empty() || fraction.is_some_and(|f| !f.is_empty());
    exponent_fine && some && digits(whole) && fraction.is_none_or(digits)
}

fn cannot_parse(text: &str, tag: &str, why: &str) -> FunctionError {
    FunctionError::quoting(
        format!("cannot parse {} as {tag}{why}", quoted(text)),
        format!("cannot parse a value as {tag}{why}"),
    )
}
