//! Reading and writing RFC 3339, with Terraform's words for what is wrong.

use super::FunctionError;
use super::words::quoted;

/// A point in time, and the offset from UTC it was written with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Instant {
    /// Since 1970 began, in UTC.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
    /// In seconds, positive east of Greenwich.
    pub offset: i32,
}

pub(super) struct Date {
    pub year: i64,
    pub month: u32,
    pub day: u32,
    days: i64,
}

pub(super) struct Time {
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
}

/// How closely RFC 3339 is followed. The loose form also takes an hour of one digit, a comma before the fraction, and offsets
/// of 24 hours or 60 minutes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Strict,
    Lenient,
}

impl Instant {
    fn local(&self) -> i64 {
        self.seconds + i64::from(self.offset)
    }

    /// The day where the offset holds.
    pub fn date(&self) -> Date {
        Date::of(self.local().div_euclid(86_400))
    }

    /// The time of day where the offset holds.
    pub fn time(&self) -> Time {
        let seconds = self.local().rem_euclid(86_400) as u32;
        Time { hour: seconds / 3600, minute: seconds / 60 % 60, second: seconds % 60 }
    }

    /// The offset as `+hh:mm`, with this between the numbers; `Z` for none if asked for.
    pub fn zone(&self, z: bool, colon: &str) -> String {
        if z && self.offset == 0 {
            return "Z".to_owned();
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs() / 60;
        format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
    }

    /// To the second.
    pub fn rfc3339(&self) -> String {
        let (date, time) = (self.date(), self.time());
        let sign = if date.year < 0 { "-" } else { "" };
        format!(
            "{sign}{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}",
            date.year.unsigned_abs(),
            date.month,
            date.day,
            time.hour,
            time.minute,
            time.second,
            self.zone(true, ":")
        )
    }
}

impl Date {
    /// The day so many days after 1970-01-01. Years are counted from March, so that the leap day is the last of one.
    fn of(days: i64) -> Date {
        let from_era = days + 719_468;
        let (era, day_of_era) = (from_era.div_euclid(146_097), from_era.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month + 2) / 5 + 1) as u32;
        let month = if month < 10 { month + 3 } else { month - 9 } as u32;
        Date { year: era * 400 + year_of_era + i64::from(month <= 2), month, day, days }
    }

    pub fn weekday(&self) -> &'static str {
        // 1970 began on a Thursday.
        match self.days.rem_euclid(7) {
            0 => "Thursday",
            1 => "Friday",
            2 => "Saturday",
            3 => "Sunday",
            4 => "Monday",
            5 => "Tuesday",
            _ => "Wednesday",
        }
    }

    pub fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        NAMES.get(self.month.saturating_sub(1) as usize).copied().unwrap_or_default()
    }
}

/// Days from 1970-01-01 to a day.
fn days_to(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Where reading stopped: the part looked for and the text from there on.
struct Stop<'a> {
    part: Part,
    found: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Offset,
    Punctuation(char),
    /// The end of the text.
    Segment,
    /// There is no such day in the month.
    DayOfMonth,
}

/// The fields from left to right; each takes what it can use.
struct Reader<'a> {
    rest: &'a str,
    loose: bool,
}

impl<'a> Reader<'a> {
    fn digit(&self, at: usize) -> Option<u32> {
        self.rest.as_bytes().get(at).filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0'))
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn stop<T>(&self, part: Part) -> Result<T, Stop<'a>> {
        Err(Stop { part, found: self.rest })
    }

    fn expect(&mut self, c: char) -> Result<(), Stop<'a>> {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => self.stop(Part::Punctuation(c)),
        }
    }

    fn year(&mut self) -> Result<i64, Stop<'a>> {
        let digits = [self.digit(0), self.digit(1), self.digit(2), self.digit(3)];
        let [Some(a), Some(b), Some(c), Some(d)] = digits else { return self.stop(Part::Year) };
        self.skip(4);
        Ok((a * 1000 + b * 100 + c * 10 + d).into())
    }

    /// A field of two digits. What is out of range is reported with the text behind it.
    fn pair(&mut self, part: Part, range: std::ops::RangeInclusive<u32>) -> Result<u32, Stop<'a>> {
        let n = match (self.digit(0), self.digit(1)) {
            (Some(a), Some(b)) => {
                self.skip(2);
                a * 10 + b
            }
            (Some(a), None) if part == Part::Hour => {
                self.loose = true;
                self.skip(1);
                a
            }
            _ => return self.stop(part),
        };
        if range.contains(&n) { Ok(n) } else { self.stop(part) }
    }

    /// A field of one digit or two, in range.
    fn one_or_two(&mut self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let n = match (self.digit(0)?, self.digit(1)) {
            (a, Some(b)) => {
                self.skip(2);
                a * 10 + b
            }
            (a, None) => {
                self.skip(1);
                a
            }
        };
        range.contains(&n).then_some(n)
    }

    /// Behind the second; none if it is not there.
    fn fraction(&mut self) -> u32 {
        let comma = self.rest.starts_with(',');
        if !(comma || self.rest.starts_with('.')) || self.digit(1).is_none() {
            return 0;
        }
        let mut nanos = 0;
        let mut at = 1;
        while let Some(digit) = self.digit(at) {
            if at <= 9 {
                nanos += digit * 10u32.pow(9 - at as u32);
            }
            at += 1;
        }
        self.skip(at);
        nanos
    }

    fn offset(&mut self) -> Result<i32, Stop<'a>> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return self.stop(Part::Offset),
        };
        let digits = (self.digit(1), self.digit(2), self.rest.as_bytes().get(3), self.digit(4), self.digit(5));
        let (Some(a), Some(b), Some(b':'), Some(c), Some(d)) = digits else { return self.stop(Part::Offset) };
        let (hours, minutes) = (a * 10 + b, c * 10 + d);
        if hours > 24 || minutes > 60 {
            self.skip(6);
            return self.stop(Part::Offset);
        }
        Ok(sign * (hours * 3600 + minutes * 60) as i32)
    }
}

/// Reads a time stamp.
pub(super) fn read(text: &str, strictness: Strictness) -> Result<Instant, FunctionError> {
    fields(text, strictness).map_err(|stop| wrong(&stop, strictness))
}

fn fields(text: &str, strictness: Strictness) -> Result<Instant, Stop<'_>> {
    let mut r = Reader { rest: text, loose: false };
    let year = r.year()?;
    r.expect('-')?;
    let month = r.pair(Part::Month, 1..=12)?;
    r.expect('-')?;
    let day = r.pair(Part::Day, 0..=99)?;
    r.expect('T')?;
    let hour_text = r.rest;
    let hour = r.pair(Part::Hour, 0..=23)?;
    let short_hour = r.loose;
    r.expect(':')?;
    let minute = r.pair(Part::Minute, 0..=59)?;
    r.expect(':')?;
    let second = r.pair(Part::Second, 0..=59)?;
    let comma = r.rest.starts_with(',');
    let nanos = r.fraction();
    let zone = r.rest;
    let offset = r.offset()?;
    if !zone.starts_with('Z') {
        r.skip(6);
    }
    if !r.rest.is_empty() {
        return r.stop(Part::Segment);
    }
    if !(1..=days_in(year, month)).contains(&day) {
        return r.stop(Part::DayOfMonth);
    }
    if strictness == Strictness::Strict {
        if short_hour {
            return Err(Stop { part: Part::Hour, found: hour_text.get(..1).unwrap_or_default() });
        }
        if comma {
            return Err(Stop { part: Part::Segment, found: "," });
        }
        let number = |range| zone.get(range).and_then(|t: &str| t.parse::<u32>().ok()).unwrap_or(0);
        if !zone.starts_with('Z') && (number(1..3) >= 24 || number(4..6) >= 60) {
            return Err(Stop { part: Part::Offset, found: zone });
        }
    }
    let days = days_to(year, month, day);
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - i64::from(offset);
    Ok(Instant { seconds, nanos, offset })
}

/// The forms YAML allows: one digit where others want two, a space and no offset, or the date alone.
pub(super) fn loose(text: &str) -> Option<Instant> {
    let mut r = Reader { rest: text, loose: false };
    let year = r.year().ok()?;
    r.expect('-').ok()?;
    let month = r.one_or_two(1..=12)?;
    r.expect('-').ok()?;
    let day = r.one_or_two(1..=31)?;
    if day > days_in(year, month) {
        return None;
    }
    let day_start = days_to(year, month, day) * 86_400;
    let Some(separator) = r.rest.chars().next() else {
        return Some(Instant { seconds: day_start, nanos: 0, offset: 0 });
    };
    r.skip(1);
    let hour = r.one_or_two(0..=23)?;
    r.expect(':').ok()?;
    let minute = r.one_or_two(0..=59)?;
    r.expect(':').ok()?;
    let second = r.one_or_two(0..=59)?;
    let nanos = r.fraction();
    let offset = match separator {
        'T' | 't' => {
            let utc = r.rest.starts_with('Z');
            let offset = r.offset().ok()?;
            if !utc {
                r.skip(6);
            }
            offset
        }
        ' ' => 0,
        _ => return None,
    };
    let seconds = day_start + i64::from(hour * 3600 + minute * 60 + second) - i64::from(offset);
    r.rest.is_empty().then_some(Instant { seconds, nanos, offset })
}

fn wrong(stop: &Stop<'_>, strictness: Strictness) -> FunctionError {
    const BAD: &str = "not a valid RFC3339 timestamp";
    let Stop { part, found } = *stop;
    let strict = strictness == Strictness::Strict;
    let what = match part {
        Part::Year => "year",
        Part::Month => "month",
        Part::Day => "day of month",
        Part::Hour if strict && found.contains(':') => return told("hour must be between 0 and 23 inclusive"),
        Part::Hour if strict && !found.is_empty() && found.len() != 2 => {
            return told("hour must have exactly two digits");
        }
        Part::Hour => "hour",
        Part::Minute if strict && !found.is_empty() && found.len() != 2 => {
            return told("minute must have exactly two digits");
        }
        Part::Minute => "minute",
        Part::Second => "second",
        Part::Offset => "UTC offset",
        Part::Segment => "timestamp segment",
        Part::DayOfMonth => return told("day out of range"),
        Part::Punctuation('T') => return told("missing required time introducer 'T'"),
        Part::Punctuation(c) if found.is_empty() => return told(&format!("end of string where \"{c}\" is expected")),
        Part::Punctuation(c) => {
            let message = format!("{BAD}: found {} where \"{c}\" is expected", quoted(found));
            return FunctionError::quoting(message, format!("{BAD}: \"{c}\" is expected"));
        }
    };
    if found.is_empty() {
        return told(&format!("end of string before {what}"));
    }
    FunctionError::quoting(format!("{BAD}: cannot use {} as {what}", quoted(found)), format!("{BAD}: {what}"))
}

fn told(what: &str) -> FunctionError {
    FunctionError::told(format!("not a valid RFC3339 timestamp: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured with Terraform 1.11.4 (timeadd).
    #[test]
    fn words_for_what_is_wrong() {
        for (text, want) in [
            ("2017-11-22T0:00:00Z", "hour must have exactly two digits"),
            ("2017-11-22T00:00:00,5Z", "cannot use \",\" as timestamp segment"),
            ("2017-11-22T00:00:00+24:00", "cannot use \"+24:00\" as UTC offset"),
            ("2017-11-22T00:00:00+23:60", "cannot use \"+23:60\" as UTC offset"),
            ("2017-11-22T00:00:00+25:00", "end of string before UTC offset"),
            ("2017-13-22T00:00:00Z", "cannot use \"-22T00:00:00Z\" as month"),
            ("2017-02-29T00:00:00Z", "day out of range"),
            ("2017-02-00T00:00:00Z", "day out of range"),
            ("2017-02-2T00:00:00Z", "cannot use \"2T00:00:00Z\" as day of month"),
            ("2017", "end of string where \"-\" is expected"),
            ("", "end of string before year"),
            ("2017-11-22t00:00:00Z", "missing required time introducer 'T'"),
            ("2017-11-22T00:00", "end of string where \":\" is expected"),
            ("2017-11-22T00:00:00", "end of string before UTC offset"),
            ("2017-11-22T00:00:00z", "cannot use \"z\" as UTC offset"),
            ("2017-11-22T00:00:60Z", "cannot use \"Z\" as second"),
            ("2017-11-22T00:60:00Z", "minute must have exactly two digits"),
            ("2017-11-22T24:00:00Z", "hour must be between 0 and 23 inclusive"),
            ("2017-11-22T00:00:00Zx", "cannot use \"x\" as timestamp segment"),
            ("2017/11/22", "found \"/11/22\" where \"-\" is expected"),
            ("20171122", "found \"1122\" where \"-\" is expected"),
            ("2017-11-22T00:00:00+0100", "cannot use \"+0100\" as UTC offset"),
            ("2017-11-22T00-00", "found \"-00\" where \":\" is expected"),
            ("2017-11-22T00:00:00+é:00", "cannot use \"+é:00\" as UTC offset"),
        ] {
            let got = read(text, Strictness::Strict).map_err(|e| e.message.into_owned());
            assert_eq!(got, Err(format!("not a valid RFC3339 timestamp: {want}")), "{text}");
        }
    }

    #[test]
    fn every_day_of_six_centuries_goes_there_and_back() {
        let mut days = days_to(1800, 1, 1);
        for year in 1800..2400 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    assert_eq!(days_to(year, month, day), days);
                    let date = Date::of(days);
                    assert_eq!((date.year, date.month, date.day), (year, month, day));
                    days += 1;
                }
            }
        }
    }
}
