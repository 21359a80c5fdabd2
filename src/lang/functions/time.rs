//! Functions on points in time.

use super::timestamp::{Instant, Strictness, read};
use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use std::fmt::Write;
use straddle_sdk::value::Value;

const STRING: Returns = Returns::Always(Shape::String);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "formatdate",
        &[Param::new("format", Shape::String), Param::new("time", Shape::String)],
        STRING,
        format_date,
    ),
    Function::new("plantimestamp", &[], STRING, |call| Ok(stamp(call, call.ctx.plan_time))),
    Function::new(
        "timeadd",
        &[Param::new("timestamp", Shape::String), Param::new("duration", Shape::String)],
        STRING,
        time_add,
    ),
    Function::new(
        "timecmp",
        &[Param::new("timestamp_a", Shape::String), Param::new("timestamp_b", Shape::String)],
        Returns::Always(Shape::Number),
        time_cmp,
    ),
    Function::new("timestamp", &[], STRING, |call| Ok(stamp(call, call.ctx.now))),
];

fn stamp(call: &Call<'_>, at: Option<jiff::Timestamp>) -> Value {
    match at {
        Some(at) => Value::string(Instant { seconds: at.as_second(), nanos: 0, offset: 0 }.rfc3339()),
        None => call.unknown(),
    }
}

fn time_add(call: &Call<'_>) -> Result<Value, FunctionError> {
    let at = read(call.text(0)?, Strictness::Strict)?;
    let by = duration(call.text(1)?)?;
    let nanos = i64::from(at.nanos) + by.rem_euclid(1_000_000_000);
    let seconds = at.seconds + by.div_euclid(1_000_000_000) + nanos.div_euclid(1_000_000_000);
    // What is below a second is not shown.
    Ok(Value::string(Instant { seconds, nanos: 0, ..at }.rfc3339()))
}

fn time_cmp(call: &Call<'_>) -> Result<Value, FunctionError> {
    let at = |position: usize| read(call.text(position)?, Strictness::Lenient).map_err(|e| e.at(position));
    let (a, b) = (at(0)?, at(1)?);
    Ok(Value::number((a.seconds, a.nanos).cmp(&(b.seconds, b.nanos)) as i64))
}

/// A duration as Go writes it, in nanoseconds: signed decimal numbers, each with a unit.
fn duration(text: &str) -> Result<i64, FunctionError> {
    let invalid =
        || FunctionError::quoting(format!("time: invalid duration {}", quoted(text)), "time: invalid duration");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = nanoseconds(unit, text)?;
        total = number(whole, fraction, unit).and_then(|n| total.checked_add(n)).ok_or_else(invalid)?;
        // The most negative number has no positive counterpart.
        if total > i128::from(i64::MAX) + i128::from(negative) {
            return Err(invalid());
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn nanoseconds(unit: &str, duration: &str) -> Result<i128, FunctionError> {
    Ok(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" => {
            let message = format!("time: missing unit in duration {}", quoted(duration));
            return Err(FunctionError::quoting(message, "time: missing unit in duration"));
        }
        _ => {
            let message = format!("time: unknown unit {} in duration {}", quoted(unit), quoted(duration));
            return Err(FunctionError::quoting(message, "time: unknown unit in duration"));
        }
    })
}

/// `whole.fraction` units in nanoseconds, `None` if that is far too much.
fn number(whole: &str, fraction: &str, unit: i128) -> Option<i128> {
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.into() };
    // Behind the eighteenth digit nothing reaches a nanosecond.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()?.into() };
    let scale = 10i128.pow(fraction.len() as u32);
    whole.checked_mul(unit)?.checked_add(part * unit / scale)
}

/// A part of a date format.
enum Token<'a> {
    /// In quotes, which are still there.
    Quoted(&'a str),
    /// The same letter several times.
    Verb(char, usize, &'a str),
    /// Anything else.
    Literal(&'a str),
}

fn token(format: &str) -> Option<(Token<'_>, &str)> {
    let first = format.chars().next()?;
    let end = match first {
        '\'' => {
            let end = closing_quote(format).map_or(format.len(), |i| i + 1);
            let (text, rest) = format.split_at(end);
            return Some((Token::Quoted(text), rest));
        }
        'a'..='z' | 'A'..='Z' => format.find(|c| c != first).unwrap_or(format.len()),
        _ => format.find(|c: char| c == '\'' || c.is_ascii_alphabetic()).unwrap_or(format.len()),
    };
    let (text, rest) = format.split_at(end);
    Some((if first.is_ascii_alphabetic() { Token::Verb(first, end, text) } else { Token::Literal(text) }, rest))
}

/// Where the literal that begins the text ends: at the next quote, doubled ones left out; but `''` is one.
fn closing_quote(text: &str) -> Option<usize> {
    if text.starts_with("''") && !text.starts_with("'''") {
        return Some(1);
    }
    let bytes = text.as_bytes();
    let mut i = 1;
    while i < bytes.len() {
        match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b'\''), Some(b'\'')) => i += 2,
            (Some(b'\''), _) => return Some(i),
            _ => i += 1,
        }
    }
    None
}

fn format_date(call: &Call<'_>) -> Result<Value, FunctionError> {
    let mut rest = call.text(0)?;
    let at = read(call.text(1)?, Strictness::Strict).map_err(|e| e.at(1))?;
    let mut out = String::new();
    while let Some((token, after)) = token(rest) {
        match token {
            Token::Literal(text) => out.push_str(text),
            Token::Quoted("''") => out.push('\''),
            Token::Quoted(text) => {
                let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
                let inner = inner.ok_or_else(|| FunctionError::new("unterminated literal '").at(0))?;
                out.push_str(&inner.replace("''", "'"));
            }
            Token::Verb(letter, count, text) => verb(&mut out, &at, letter, count, text).map_err(|e| e.at(0))?,
        }
        rest = after;
    }
    Ok(Value::string(out))
}

fn verb(out: &mut String, at: &Instant, letter: char, count: usize, text: &str) -> Result<(), FunctionError> {
    let (date, time) = (at.date(), at.time());
    let shown = match (letter, count) {
        ('Y', 2) => format!("{:02}", date.year % 100),
        ('Y', 4) => format!("{:04}", date.year),
        ('M', 3) => date.month_name()[..3].to_owned(),
        ('M', 4) => date.month_name().to_owned(),
        ('M', 1 | 2) => padded(date.month, count),
        ('D', 1 | 2) => padded(date.day, count),
        ('E', 3) => date.weekday()[..3].to_owned(),
        ('E', 4) => date.weekday().to_owned(),
        ('h', 1 | 2) => padded(time.hour, count),
        ('H', 1 | 2) => padded((time.hour + 11) % 12 + 1, count),
        ('A', 2) => (if time.hour < 12 { "AM" } else { "PM" }).to_owned(),
        ('a', 2) => (if time.hour < 12 { "am" } else { "pm" }).to_owned(),
        ('m', 1 | 2) => padded(time.minute, count),
        ('s', 1 | 2) => padded(time.second, count),
        ('Z', 1) => at.zone(true, ":"),
        ('Z', 3) if at.offset == 0 => "UTC".to_owned(),
        ('Z', 3 | 4) => at.zone(false, ""),
        ('Z', 5) => at.zone(false, ":"),
        _ => return Err(no_verb(letter, text)),
    };
    out.push_str(&shown);
    Ok(())
}

fn padded(n: u32, width: usize) -> String {
    format!("{n:0width$}")
}

fn no_verb(letter: char, text: &str) -> FunctionError {
    let allowed = match letter {
        'Y' => "year must either be \"YY\" or \"YYYY\"",
        'M' => "month must be \"M\", \"MM\", \"MMM\", or \"MMMM\"",
        'D' => "day of month must either be \"D\" or \"DD\"",
        'E' => "day of week must either be \"EEE\" or \"EEEE\"",
        'h' => "24-hour must either be \"h\" or \"hh\"",
        'H' => "12-hour must either be \"H\" or \"HH\"",
        'A' => "must be \"AA\"",
        'a' => "must be \"aa\"",
        'm' => "minute must either be \"m\" or \"mm\"",
        's' => "second must either be \"s\" or \"ss\"",
        'Z' => "timezone must be Z, ZZZZ, or ZZZZZ",
        _ => "",
    };
    let mut message = format!("invalid date format verb {}", quoted(text));
    if !allowed.is_empty() {
        let _ = write!(message, ": {allowed}");
    }
    FunctionError::quoting(message, "invalid date format verb")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, fails, is, n, s};
    use super::super::{FunctionContext, call, lookup};

    /// Measured with Terraform 1.11.4.
    #[test]
    fn adds() {
        for (at, by, want) in [
            ("2017-11-22T00:00:00Z", "10m", "2017-11-22T00:10:00Z"),
            ("2017-11-22T00:00:00+02:00", "1.5h", "2017-11-22T01:30:00+02:00"),
            ("2017-11-22T00:00:00Z", "-1.5h", "2017-11-21T22:30:00Z"),
            ("2017-11-22T00:00:00Z", "1h1m1s1ms1us1µs1ns", "2017-11-22T01:01:01Z"),
            ("2017-11-22T00:00:00.5Z", "600ms", "2017-11-22T00:00:01Z"),
            ("2017-11-22T00:00:00Z", "0", "2017-11-22T00:00:00Z"),
            ("2017-11-22T00:00:00Z", ".5h", "2017-11-22T00:30:00Z"),
            ("2017-11-22T00:00:00Z", "1.h", "2017-11-22T01:00:00Z"),
            ("9999-12-31T23:59:59Z", "1h", "10000-01-01T00:59:59Z"),
            ("0000-01-01T00:00:00Z", "-1h", "-0001-12-31T23:00:00Z"),
            ("2017-11-22T00:00:00-00:00", "1h", "2017-11-22T01:00:00Z"),
        ] {
            is("timeadd", &[s(at), s(by)], s(want));
        }
        for (by, want) in [
            ("", "time: invalid duration \"\""),
            ("x", "time: invalid duration \"x\""),
            (".h", "time: invalid duration \".h\""),
            ("-", "time: invalid duration \"-\""),
            ("999999999h", "time: invalid duration \"999999999h\""),
            ("10", "time: missing unit in duration \"10\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
        ] {
            fails("timeadd", &[s("2017-11-22T00:00:00Z"), s(by)], want);
        }
    }

    #[test]
    fn compares() {
        for (a, b, want) in [
            ("2017-11-22T00:00:00Z", "2017-11-22T00:00:00Z", 0),
            ("2017-11-22T00:00:00Z", "2017-11-22T00:00:01Z", -1),
            ("2017-11-22T01:00:00Z", "2017-11-22T02:00:00+01:00", 0),
            // Looser than the other functions.
            ("2017-11-22T0:00:00Z", "2017-11-22T00:00:00Z", 0),
            ("2017-11-22T00:00:00,5Z", "2017-11-22T00:00:00Z", 1),
            ("2017-11-22T00:00:00+24:00", "2017-11-22T00:00:00Z", -1),
        ] {
            is("timecmp", &[s(a), s(b)], n(want));
        }
        let bad = "not a valid RFC3339 timestamp: cannot use \":00:00Z\" as hour";
        fails("timecmp", &[s("2017-11-22T25:00:00Z"), s("x")], bad);
    }

    #[test]
    fn formats() {
        for (format, at, want) in [
            ("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2018-01-02T23:12:01-08:00", "Tuesday, 02-Jan-18 23:12:01 -0800"),
            ("HH:mmaa H AA", "2018-01-02T23:12:01Z", "11:12pm 11 PM"),
            ("HH aa", "2018-01-02T00:12:01Z", "12 am"),
            ("YY M D s ss MMMM", "2018-01-02T03:02:01Z", "18 1 2 1 01 January"),
            ("'it''s'", "2018-12-02T03:02:01Z", "it's"),
            ("h'h'm", "2018-01-02T03:02:01Z", "3h2"),
            ("''", "2017-11-22T00:00:00Z", "'"),
            ("'''a'''", "2017-11-22T00:00:00Z", "'a'"),
            ("é-YYYY", "2017-11-22T00:00:00Z", "é-2017"),
            ("Z ZZZ ZZZZ ZZZZZ", "2017-11-22T00:00:00+05:30", "+05:30 +0530 +0530 +05:30"),
            ("Z ZZZ ZZZZ ZZZZZ", "2017-11-22T00:00:00Z", "Z UTC +0000 +00:00"),
            ("EEE", "2000-02-29T00:00:00Z", "Tue"),
        ] {
            is("formatdate", &[s(format), s(at)], s(want));
        }
        for (format, want) in [
            ("QQ", "invalid date format verb \"QQ\""),
            ("YYY", "invalid date format verb \"YYY\": year must either be \"YY\" or \"YYYY\""),
            ("ZZ", "invalid date format verb \"ZZ\": timezone must be Z, ZZZZ, or ZZZZZ"),
            ("A", "invalid date format verb \"A\": must be \"AA\""),
            ("'abc", "unterminated literal '"),
            ("'", "unterminated literal '"),
        ] {
            fails("formatdate", &[s(format), s("2017-11-22T00:00:00Z")], want);
        }
    }

    #[test]
    fn the_clock_comes_from_outside() {
        let at = jiff::Timestamp::new(1_511_308_800, 5).ok();
        let ctx = FunctionContext { now: at, ..context() };
        for (name, ctx, known) in
            [("timestamp", &ctx, true), ("plantimestamp", &ctx, false), ("timestamp", &context(), false)]
        {
            let got = call(lookup(name).expect("it exists"), &[], ctx).expect("it works");
            assert_eq!(got.as_str(), known.then_some("2017-11-22T00:00:00Z"));
        }
    }
}
