//! Writing decimal text: the shortest digits that read back as the same number, never with an exponent.

use super::{Float, Magnitude, Num, PRECISION, nearest_double};
use num_bigint::BigUint;
use std::cmp::Ordering;
use std::fmt;

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Num::Int(n) => write!(f, "{n}"),
            Num::Float(float) => float.fmt(f),
        }
    }
}

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.magnitude {
            Magnitude::Infinite => f.write_str(if self.negative { "-Inf" } else { "+Inf" }),
            Magnitude::Zero => f.write_str(if self.negative { "-0" } else { "0" }),
            Magnitude::Finite { mantissa, exponent } => {
                if self.negative {
                    f.write_str("-")?;
                }
                if let Some(text) = self.as_double_text(mantissa, *exponent) {
                    return f.write_str(&text);
                }
                f.write_str(&shortest(mantissa, *exponent, self.precision.into()).plain())
            }
        }
    }
}

impl Float {
    /// The magnitude's text by way of the nearest 64-bit float: right for every number that was written with up to 15 digits, and
    /// many times faster. Two decimals of up to 17 digits never round to the same 512-bit number, so if this one reads back as the
    /// number itself, it is the shortest.
    fn as_double_text(&self, mantissa: &BigUint, exponent: i64) -> Option<String> {
        let top = exponent + mantissa.bits() as i64;
        if self.precision < PRECISION || !(-200..200).contains(&top) {
            return None;
        }
        let text = nearest_double(mantissa, exponent).to_string();
        match Num::parse(&text) {
            Ok(Num::Float(f)) => match &f.magnitude {
                Magnitude::Finite { mantissa: m, exponent: e } if m == mantissa && *e == exponent => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

/// `0.digits * 10^point`; the last digit is not zero.
struct Decimal {
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// `mantissa * 2^exponent`, exactly.
    fn exact(mantissa: &BigUint, exponent: i64) -> Decimal {
        let by = exponent.unsigned_abs();
        let (text, behind) = if exponent >= 0 {
            ((mantissa << by).to_string(), 0)
        } else {
            // 2^-n is 5^n / 10^n. The magnitude is bounded by MAX_EXPONENT, so the power fits a u32.
            ((mantissa * BigUint::from(5u32).pow(by as u32)).to_string(), by as i64)
        };
        let point = text.len() as i64 - behind;
        let mut decimal = Decimal { digits: text.into_bytes(), point };
        decimal.trim();
        decimal
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
    }

    fn at(&self, i: usize) -> u8 {
        self.digits.get(i).copied().unwrap_or(b'0')
    }

    fn round_down(mut self, keep: usize) -> Decimal {
        self.digits.truncate(keep);
        self.trim();
        self
    }

    fn round_up(mut self, keep: usize) -> Decimal {
        self.digits.truncate(keep);
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        match self.digits.last_mut() {
            Some(last) => *last += 1,
            None => {
                self.digits.push(b'1');
                self.point += 1;
            }
        }
        self
    }

    /// To `keep` digits, to nearest, ties to even.
    fn round(self, keep: usize) -> Decimal {
        let odd = keep.checked_sub(1).is_some_and(|last| self.at(last) % 2 == 1);
        let up = match self.at(keep).cmp(&b'5') {
            Ordering::Equal => self.digits.len() > keep + 1 || odd,
            other => other == Ordering::Greater,
        };
        if up { self.round_up(keep) } else { self.round_down(keep) }
    }

    fn plain(&self) -> String {
        let digits = String::from_utf8_lossy(&self.digits);
        let n = self.digits.len() as i64;
        if self.point <= 0 {
            format!("0.{}{digits}", "0".repeat(self.point.unsigned_abs() as usize))
        } else if self.point >= n {
            format!("{digits}{}", "0".repeat((self.point - n) as usize))
        } else {
            let (whole, fraction) = digits.split_at(self.point as usize);
            format!("{whole}.{fraction}")
        }
    }
}

/// The shortest decimal between the midpoints to the neighbours at `precision` bits; of those the digits which the number
/// itself begins with, rounded.
fn shortest(mantissa: &BigUint, exponent: i64, precision: u64) -> Decimal {
    let exact = Decimal::exact(mantissa, exponent);
    // Two decimals of so few digits never round to the same number, so nothing shorter can stand for this one.
    if exact.digits.len() as u64 <= precision * 30 / 100 {
        return exact;
    }
    // One bit more than the precision: the last bit is half a unit.
    let shift = (precision + 1).saturating_sub(mantissa.bits());
    let halves = mantissa << shift;
    let exponent = exponent - shift as i64;
    let lower = Decimal::exact(&(&halves - 1u32), exponent);
    let upper = Decimal::exact(&(&halves + 1u32), exponent);
    // The midpoints themselves round to this number only when it is the even one.
    let inclusive = !halves.bit(1);
    for i in 0..exact.digits.len() {
        let (digit, low, high) = (exact.at(i), lower.at(i), upper.at(i));
        let down = low != digit || inclusive && i + 1 == lower.digits.len();
        let up = digit != high && (inclusive || digit + 1 < high || i + 1 < upper.digits.len());
        match (down, up) {
            (true, true) => return exact.round(i + 1),
            (true, false) => return exact.round_down(i + 1),
            (false, true) => return exact.round_up(i + 1),
            (false, false) => {}
        }
    }
    exact
}

impl Num {
    /// The number as text that reads back as exactly this number. [`Display`](fmt::Display) writes the shortest text at the
    /// number's own precision, which for a number that came from a 64-bit float reads back as a neighbour.
    pub fn exact_text(&self) -> String {
        match self {
            Num::Float(f) if f.precision < PRECISION => Float { precision: PRECISION, ..(**f).clone() }.to_string(),
            _ => self.to_string(),
        }
    }
}

/// Significant digits of [`Num::short_text`].
const SHORT: usize = 10;

impl Num {
    /// Ten significant digits, with an exponent when that is below -4 or above 9 (`%.10g` of C and Go): the text by which
    /// compound set elements are sorted.
    pub(in crate::value) fn short_text(&self) -> String {
        let (negative, decimal) = match self {
            Num::Int(n) => (*n < 0, Decimal::exact(&n.unsigned_abs().into(), 0)),
            Num::Float(f) => match &f.magnitude {
                Magnitude::Finite { mantissa, exponent } => (f.negative, Decimal::exact(mantissa, *exponent)),
                _ => return self.to_string(),
            },
        };
        if decimal.digits.is_empty() {
            return "0".to_owned();
        }
        let decimal = if decimal.digits.len() > SHORT { decimal.round(SHORT) } else { decimal };
        let sign = if negative { "-" } else { "" };
        let exponent = decimal.point - 1;
        if (-4..SHORT as i64).contains(&exponent) {
            return format!("{sign}{}", decimal.plain());
        }
        let (first, rest) = decimal.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let (first, rest) = (String::from_utf8_lossy(first), String::from_utf8_lossy(rest));
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
    }
}
