//! Log lines as every caller of plugins reads them: JSON in hclog's form on standard error.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// How important.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Every detail.
    Trace,
    /// For authors.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// Writes one line. The caller filters by level. Never write to standard output: the handshake owns it.
pub fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let line = line(level, message, fields, SystemTime::now());
    // When standard error is gone there is nobody to tell.
    _ = std::io::stderr().lock().write_all(line.as_bytes());
}

fn line(level: Level, message: &str, fields: &[(&str, &str)], now: SystemTime) -> String {
    let mut object = serde_json::Map::new();
    for (key, value) in fields {
        object.insert((*key).to_owned(), (*value).into());
    }
    object.insert("@level".to_owned(), level.name().into());
    object.insert("@message".to_owned(), message.into());
    object.insert("@module".to_owned(), "provider".into());
    object.insert("@timestamp".to_owned(), timestamp(now).into());
    let mut text = serde_json::Value::Object(object).to_string();
    text.push('\n');
    text
}

/// UTC, to the microsecond. A clock before 1970 reads as 1970.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", since.subsec_micros())
}

/// Year, month and day of a day counted from 1970-01-01 (Gregorian calendar; years counted from March, so that the leap day is
/// the last of its year).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_is_json_with_the_keys_callers_read() {
        let now = UNIX_EPOCH + Duration::from_micros(1_709_210_096_000_007);
        let line = line(Level::Warn, "a \"word\"\n", &[("zone", "a")], now);
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["@level"], "warn");
        assert_eq!(read["@message"], "a \"word\"\n");
        assert_eq!(read["@timestamp"], "2024-02-29T12:34:56.000007Z");
        assert_eq!(read["zone"], "a");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }
}
