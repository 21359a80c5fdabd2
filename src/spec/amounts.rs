//! Shares, counts and ratios as they are written.

use crate::spread::model::{Bound, Ratio};
use straddle_sdk::value::{Kind, Value};

/// A count (`5`) or a share (`"50%"`, `"33.3%"`).
pub fn bound(value: &Value) -> Option<Bound> {
    if let Some(n) = super::fields::whole(value) {
        return u32::try_from(n).ok().map(Bound::Count);
    }
    percent(value.as_str()?).map(Bound::Percent)
}

/// `"50%"` in millionths of a percent; at most six decimals.
pub fn percent(text: &str) -> Option<u64> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || fraction.len() > 6 || (number.contains('.') && !digits(fraction)) {
        return None;
    }
    let fraction: u64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().ok()? };
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

/// Why a ratio is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RatioError {
    #[error("a ratio is \"even\", parts such as \"50:50\", or a map of parts such as {{ aws = 50, ncp = 50 }}")]
    Form,
    #[error("a part of a ratio is a whole number from 0 to 4294967295, or such a number with %")]
    Part,
    #[error("percent and plain parts cannot be mixed in one ratio")]
    Mixed,
    #[error("the percentages add up to {0}, not to 100")]
    Sum(u64),
    #[error("all parts of the ratio are 0, so that nobody would get a replica")]
    Zero,
    #[error("the ratio has {parts} parts and \"over\" names {over} domains")]
    Length { parts: usize, over: usize },
    #[error("parts by position need the list of domains they belong to")]
    NoOver,
}

/// Reads a `ratio`. `over` is needed for parts by position.
pub fn ratio(value: &Value, over: Option<&[String]>) -> Result<Ratio, RatioError> {
    match value.kind() {
        Kind::String(s) if &**s == "even" => Ok(Ratio::Even),
        Kind::String(s) => {
            let parts = s.split(':').map(|p| part(p.trim())).collect::<Result<Vec<_>, _>>()?;
            let over = over.ok_or(RatioError::NoOver)?;
            if parts.len() != over.len() {
                return Err(RatioError::Length { parts: parts.len(), over: over.len() });
            }
            weights(over.iter().cloned().zip(parts).collect(), None)
        }
        Kind::Map(_) | Kind::Object(_) => {
            let mut named = Vec::new();
            let mut rest = None;
            for (name, value) in value.entries().unwrap_or_default() {
                let p = match value.kind() {
                    Kind::String(s) => part(s.trim())?,
                    _ => Part { number: number(value).ok_or(RatioError::Part)?, percent: false },
                };
                if &**name == "*" { rest = Some(p) } else { named.push((name.to_string(), p)) }
            }
            weights(named, rest)
        }
        _ => Err(RatioError::Form),
    }
}

#[derive(Clone, Copy)]
struct Part {
    number: u32,
    percent: bool,
}

fn part(text: &str) -> Result<Part, RatioError> {
    let (digits, percent) = match text.strip_suffix('%') {
        Some(rest) => (rest.trim_end(), true),
        None => (text, false),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(if text.contains(|c: char| c.is_ascii_digit()) { RatioError::Part } else { RatioError::Form });
    }
    Ok(Part { number: digits.parse().map_err(|_| RatioError::Part)?, percent })
}

fn number(value: &Value) -> Option<u32> {
    super::fields::whole(value).and_then(|n| u32::try_from(n).ok())
}

fn weights(named: Vec<(String, Part)>, rest: Option<Part>) -> Result<Ratio, RatioError> {
    let all = || named.iter().map(|(_, p)| p).chain(&rest);
    let sum: u64 = all().map(|p| u64::from(p.number)).sum();
    let percents = all().filter(|p| p.percent).count();
    if percents > 0 && percents < all().count() {
        return Err(RatioError::Mixed);
    }
    if sum == 0 {
        return Err(RatioError::Zero);
    }
    if percents > 0 && rest.is_none() && sum != 100 {
        return Err(RatioError::Sum(sum));
    }
    Ok(Ratio::Weights {
        parts: named.into_iter().map(|(name, p)| (name, p.number)).collect(),
        rest: rest.map(|p| p.number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_exact() {
        assert_eq!(percent("50%"), Some(50_000_000));
        assert_eq!(percent("33.3%"), Some(33_300_000));
        assert_eq!(percent("0.000001%"), Some(1));
        for wrong in ["50", "%", ".5%", "5.%", "-5%", "1.0000001%", "5 0%", "99999999999999999999%"] {
            assert_eq!(percent(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ratios() {
        let over = ["a".to_string(), "b".to_string()];
        let text = |s: &str| ratio(&Value::string(s), Some(&over));
        let parts = |a, b| Ok(Ratio::Weights { parts: vec![("a".into(), a), ("b".into(), b)], rest: None });
        assert_eq!(text("even"), Ok(Ratio::Even));
        assert_eq!(text("50:50"), parts(50, 50));
        assert_eq!(text("60% : 40%"), parts(60, 40));
        assert_eq!(text("60%:50%"), Err(RatioError::Sum(110)));
        assert_eq!(text("60%:50"), Err(RatioError::Mixed));
        assert_eq!(text("0:0"), Err(RatioError::Zero));
        assert_eq!(text("1:2:3"), Err(RatioError::Length { parts: 3, over: 2 }));
        assert_eq!(text("1:4294967296"), Err(RatioError::Part));
        assert_eq!(text("1:-1"), Err(RatioError::Part));
        assert_eq!(text("half"), Err(RatioError::Form));
        assert_eq!(ratio(&Value::string("1:1"), None), Err(RatioError::NoOver));
        let map = Value::object(vec![("a".into(), Value::string("70%")), ("*".into(), Value::string("10%"))]);
        assert_eq!(ratio(&map, None), Ok(Ratio::Weights { parts: vec![("a".into(), 70)], rest: Some(10) }));
    }
}
