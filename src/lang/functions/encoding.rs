//! Functions that turn text into bytes and bytes into text.

use super::charset::{self, Charset};
use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::fmt::Write;
use std::io::Read;
use straddle_sdk::value::Value;

const STR: &[Param] = &[Param::new("str", Shape::String)];
const STRING: Returns = Returns::Always(Shape::String);

/// The most that is unpacked, in bytes.
const MAX_UNPACKED: u64 = 256 << 20;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("base64decode", STR, STRING, base64_decode),
    Function::new("base64encode", STR, STRING, |call| Ok(Value::string(STANDARD.encode(call.text(0)?)))),
    Function::new("base64gunzip", STR, STRING, base64_gunzip),
    Function::new("base64gzip", STR, STRING, |call| Ok(Value::string(STANDARD.encode(gzip(call.text(0)?.as_bytes()))))),
    Function::new(
        "textdecodebase64",
        &[Param::new("source", Shape::String), Param::new("encoding", Shape::String)],
        STRING,
        text_decode,
    ),
    Function::new(
        "textencodebase64",
        &[Param::new("string", Shape::String), Param::new("encoding", Shape::String)],
        STRING,
        text_encode,
    ),
    Function::new("urldecode", STR, STRING, url_decode),
    Function::new("urlencode", STR, STRING, |call| Ok(Value::string(url_encode(call.text(0)?)))),
];

/// Standard alphabet, padding required, bits behind the end not looked at; line breaks do not count.
fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    if text.contains(['\r', '\n']) { ENGINE.decode(text.replace(['\r', '\n'], "")) } else { ENGINE.decode(text) }
}

fn decode_argument(text: &str) -> Result<Vec<u8>, FunctionError> {
    decode(text).map_err(|_| {
        FunctionError::quoting(
            format!("failed to decode base64 data {}", quoted(text)),
            "failed to decode base64 data (sensitive value)",
        )
    })
}

fn base64_decode(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = String::from_utf8(decode_argument(call.text(0)?)?);
    text.map(Value::string)
        .map_err(|_| FunctionError::new("the result of decoding the provided string is not valid UTF-8"))
}

/// A gzip file as Go writes it: no name, no time, no system; a flush behind the data and an empty last block.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut packer = Compress::new(Compression::default(), false);
    if bytes.is_empty() {
        out.extend([0, 0, 0, 0xff, 0xff]);
    } else {
        loop {
            out.reserve(bytes.len() / 2 + 64);
            let rest = bytes.get(packer.total_in() as usize..).unwrap_or_default();
            let before = out.len();
            // Only a wrong state could fail, and there is none.
            let _ = packer.compress_vec(rest, &mut out, FlushCompress::Sync);
            let all_in = packer.total_in() as usize == bytes.len();
            if all_in && (out.len() < out.capacity() || out.len() == before) {
                break;
            }
        }
    }
    out.extend([1, 0, 0, 0xff, 0xff]);
    let mut crc = Crc::new();
    crc.update(bytes);
    out.extend(crc.sum().to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// OpenTofu's.
fn base64_gunzip(call: &Call<'_>) -> Result<Value, FunctionError> {
    let bytes = decode_argument(call.text(0)?)?;
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice())
        .take(MAX_UNPACKED + 1)
        .read_to_end(&mut out)
        .map_err(|e| FunctionError::told(format!("failed to read gunzip raw data: {e}")))?;
    if out.len() as u64 > MAX_UNPACKED {
        return Err(FunctionError::told(format!("the data unpacks to more than {} MiB", MAX_UNPACKED >> 20)));
    }
    String::from_utf8(out)
        .map(Value::string)
        .map_err(|_| FunctionError::new("the result of unpacking the provided string is not valid UTF-8"))
}

fn charset(call: &Call<'_>) -> Result<&'static Charset, FunctionError> {
    let name = call.text(1)?;
    charset::lookup(name).ok_or_else(|| {
        FunctionError::quoting(
            format!("{} is not a supported IANA encoding name or alias in this Terraform version", quoted(name)),
            "not a supported IANA encoding name or alias",
        )
        .at(1)
    })
}

fn text_encode(call: &Call<'_>) -> Result<Value, FunctionError> {
    let charset = charset(call)?;
    let bytes = charset.encode(call.text(0)?).ok_or_else(|| {
        let message = format!("the given string contains characters that cannot be represented in {}", charset.name);
        FunctionError::told(message).at(0)
    })?;
    Ok(Value::string(STANDARD.encode(bytes)))
}

/// Where Go finds padding wrong that begins at a byte: at a place where there may be none, or behind what there may be.
fn padding_ends(source: &str, first: usize) -> usize {
    match first % 4 {
        0 | 1 => first,
        2 if source.as_bytes().get(first + 1) == Some(&b'=') => first + 2,
        _ => first + 1,
    }
}

fn text_decode(call: &Call<'_>) -> Result<Value, FunctionError> {
    let charset = charset(call)?;
    let source = call.text(0)?;
    let bytes = decode(source).map_err(|e| {
        let offset = match e {
            base64::DecodeError::InvalidByte(offset, b'=') => padding_ends(source, offset),
            base64::DecodeError::InvalidByte(offset, _) => {
                source.find('=').filter(|at| *at < offset).map_or(offset, |at| padding_ends(source, at))
            }
            _ if source.contains('=') => padding_ends(source, source.find('=').unwrap_or_default()),
            // Where the group begins that is not complete.
            _ => source.len() / 4 * 4,
        };
        FunctionError::told(format!("the given value is has an invalid base64 symbol at offset {offset}")).at(0)
    })?;
    let text = charset.decode(&bytes).ok_or_else(|| {
        let message = format!("the given string contains symbols that are not defined for {}", charset.name);
        FunctionError::told(message).at(0)
    })?;
    Ok(Value::string(text))
}

/// As in the query of a URL: a space becomes a plus, and all but letters, digits and `-_.~` is escaped.
fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b' ' => out.push('+'),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// OpenTofu's: the reverse of `urlencode`.
fn url_decode(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.text(0)?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
                let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                let decoded = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                let Some(decoded) = decoded else {
                    let bad = String::from_utf8_lossy(after.get(..2).unwrap_or(after));
                    let bad = quoted(&format!("%{bad}"));
                    let message = format!("failed to decode URL '{text}': invalid URL escape {bad}");
                    return Err(FunctionError::quoting(message, "failed to decode URL: invalid URL escape"));
                };
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            other => out.push(*other),
        }
    }
    String::from_utf8(out)
        .map(Value::string)
        .map_err(|_| FunctionError::new("the result of decoding the provided string is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, run, s, secret};

    /// Measured with Terraform 1.11.4.
    #[test]
    fn base64() {
        for (text, want) in [("aGk=", "hi"), ("aGl=", "hi"), ("aG\nk=", "hi"), ("aGk=\n", "hi"), ("", "")] {
            is("base64decode", &[s(text)], s(want));
        }
        for text in ["!!", "aGk", "aGk=="] {
            fails("base64decode", &[s(text)], &format!("failed to decode base64 data \"{text}\""));
        }
        fails("base64decode", &[s("/w==")], "the result of decoding the provided string is not valid UTF-8");
        fails("base64decode", &[secret(s("!!"))], "failed to decode base64 data (sensitive value)");
        is("base64encode", &[s("hi")], s("aGk="));
        is("base64encode", &[secret(s("hi"))], secret(s("aGk=")));
    }

    #[test]
    fn gzip() {
        let many = "a".repeat(72);
        for (text, want) in [
            ("", "H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA=="),
            ("hello", "H4sIAAAAAAAA/8pIzcnJBwAAAP//AQAA//+GphA2BQAAAA=="),
        ] {
            is("base64gzip", &[s(text)], s(want));
        }
        let long: String = (0..50_000u64).map(|i| char::from(b'a' + (i * i % 26) as u8)).collect();
        for text in ["", "hello", &many, &long] {
            is("base64gunzip", &[run("base64gzip", &[s(text)]).expect("it packs")], s(text));
        }
        assert!(run("base64gunzip", &[s("aGk=")]).is_err());
    }

    #[test]
    fn encodings() {
        for (text, encoding, want) in [
            ("é", "UTF-16LE", "6QA="),
            ("é", "UTF-16BE", "AOk="),
            ("é", "UTF-16", "/v8A6Q=="),
            ("é😀", "utf-16le", "6QA92ADe"),
            ("aé", "ISO-8859-1", "Yek="),
            ("é", "utf-8", "w6k="),
            ("日", "Shift_JIS", "k/o="),
            ("€", "windows-1252", "gA=="),
            ("€", "ISO-8859-15", "pA=="),
        ] {
            is("textencodebase64", &[s(text), s(encoding)], s(want));
            if encoding != "UTF-16" {
                is("textdecodebase64", &[s(want), s(encoding)], s(text));
            }
        }
        let cannot = "the given string contains characters that cannot be represented in ISO_8859-1:1987";
        fails("textencodebase64", &[s("日"), s("ISO-8859-1")], cannot);
        let unknown = "\"cp932\" is not a supported IANA encoding name or alias in this Terraform version";
        fails("textdecodebase64", &[s("gqA="), s("cp932")], unknown);
        for (source, encoding, want) in [
            ("/w==", "UTF-8", "the given string contains symbols that are not defined for UTF-8"),
            ("/w==", "US-ASCII", "the given string contains symbols that are not defined for US-ASCII"),
            ("YQ==", "UTF-16LE", "the given string contains symbols that are not defined for UTF-16LE"),
            ("gQ==", "windows-1252", "the given string contains symbols that are not defined for windows-1252"),
            ("gQ==", "Shift_JIS", "the given string contains symbols that are not defined for Shift_JIS"),
            ("aGk", "UTF-8", "the given value is has an invalid base64 symbol at offset 0"),
        ] {
            fails("textdecodebase64", &[s(source), s(encoding)], want);
        }
    }

    #[test]
    fn urls() {
        let (plain, escaped) = ("a b~-_.*!'()é/+", "a+b~-_.%2A%21%27%28%29%C3%A9%2F%2B");
        is("urlencode", &[s(plain)], s(escaped));
        is("urldecode", &[s(escaped)], s(plain));
        fails("urldecode", &[s("a%2")], "failed to decode URL 'a%2': invalid URL escape \"%2\"");
        fails("urldecode", &[s("%zz")], "failed to decode URL '%zz': invalid URL escape \"%zz\"");
        fails("urldecode", &[s("%+1")], "failed to decode URL '%+1': invalid URL escape \"%+1\"");
    }
}
