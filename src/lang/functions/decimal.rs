//! Numbers in the decimal forms of printf.

use num_bigint::{BigInt, BigUint, Sign};
use std::cmp::Ordering;
use straddle_sdk::value::num::Num;

/// `0.digits * 10^point` with a sign; no zeros at the end, no digits for zero.
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// All digits of a finite number.
    pub fn exact(number: &Num) -> Decimal {
        // A binary fraction is a whole number over a power of two, and 1/2^n is 5^n/10^n.
        let mut behind = 0u32;
        let mut scaled = number.clone();
        while !scaled.is_integer() && behind < MAX_FRACTION {
            let step = if behind == 0 { 64 } else { behind };
            let factor = Num::from_bigint(&(BigInt::from(1) << step));
            // Multiplying by a power of two changes no digit, and a finite number by one is always a number.
            scaled = scaled.mul(&factor).unwrap_or(Num::ZERO);
            behind += step;
        }
        let whole = scaled.to_bigint().unwrap_or_default();
        let text = (whole.magnitude() * BigUint::from(5u32).pow(behind)).to_string();
        let negative = whole.sign() == Sign::Minus || number.is_negative();
        Decimal::of(negative, &text, i64::from(behind))
    }

    /// The fewest digits that stand for the number.
    fn shortest(number: &Num) -> Decimal {
        let text = number.to_string();
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text.to_owned()),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        Decimal::of(negative, &format!("{whole}{fraction}"), fraction.len() as i64)
    }

    /// Digits of which so many stand behind the point.
    fn of(negative: bool, digits: &str, behind: i64) -> Decimal {
        let point = digits.len() as i64 - behind;
        let significant = digits.trim_start_matches('0');
        let point = if significant.is_empty() { 0 } else { point - (digits.len() - significant.len()) as i64 };
        Decimal { negative, digits: significant.trim_end_matches('0').as_bytes().to_vec(), point }
    }

    /// To this many digits, to nearest, ties to even.
    fn round(&mut self, keep: i64) {
        let Ok(keep) = usize::try_from(keep) else {
            self.clear();
            return;
        };
        let Some(first) = self.digits.get(keep).copied() else { return };
        let odd = keep.checked_sub(1).and_then(|last| self.digits.get(last)).is_some_and(|d| d % 2 == 1);
        let up = match first.cmp(&b'5') {
            Ordering::Equal => self.digits.len() > keep + 1 || odd,
            other => other == Ordering::Greater,
        };
        self.digits.truncate(keep);
        if up {
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
        }
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.digits.clear();
        self.point = 0;
    }

    fn digit(&self, i: i64) -> char {
        usize::try_from(i).ok().and_then(|i| self.digits.get(i)).map_or('0', |d| char::from(*d))
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }
}

/// More digits behind the point than any number has.
const MAX_FRACTION: u32 = 1 << 19;

/// `%f`
pub(super) fn fixed(mut decimal: Decimal, precision: usize) -> String {
    decimal.round(decimal.point + precision as i64);
    plain(&decimal, precision as i64)
}

fn plain(decimal: &Decimal, precision: i64) -> String {
    let mut out = String::from(decimal.sign());
    if decimal.point > 0 {
        out.extend((0..decimal.point).map(|i| decimal.digit(i)));
    } else {
        out.push('0');
    }
    if precision > 0 {
        out.push('.');
        out.extend((0..precision).map(|i| decimal.digit(decimal.point + i)));
    }
    out
}

/// `%e`
pub(super) fn exponential(mut decimal: Decimal, precision: usize, upper: bool) -> String {
    decimal.round(precision as i64 + 1);
    scientific(&decimal, precision as i64, upper)
}

fn scientific(decimal: &Decimal, precision: i64, upper: bool) -> String {
    let mut out = String::from(decimal.sign());
    out.push(decimal.digit(0));
    if precision > 0 {
        out.push('.');
        out.extend((1..=precision).map(|i| decimal.digit(i)));
    }
    let exponent = if decimal.digits.is_empty() { 0 } else { decimal.point - 1 };
    let sign = if exponent < 0 { '-' } else { '+' };
    let e = if upper { 'E' } else { 'e' };
    out.push_str(&format!("{e}{sign}{:02}", exponent.unsigned_abs()));
    out
}

/// `%g`: to this many digits, or as many as the number needs; with an exponent if that is shorter.
pub(super) fn general(number: &Num, precision: Option<usize>, upper: bool) -> String {
    if number.is_infinite() {
        return number.to_string();
    }
    let (decimal, digits, limit) = match precision {
        None => {
            let decimal = Decimal::shortest(number);
            let digits = decimal.digits.len() as i64;
            (decimal, digits, 6)
        }
        Some(precision) => {
            let wanted = precision.max(1) as i64;
            let mut decimal = Decimal::exact(number);
            decimal.round(wanted);
            let have = decimal.digits.len() as i64;
            let limit = if wanted > have && have >= decimal.point { have } else { wanted };
            (decimal, wanted, limit)
        }
    };
    let have = decimal.digits.len() as i64;
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= limit {
        return scientific(&decimal, digits.min(have) - 1, upper);
    }
    let digits = if digits > decimal.point { have } else { digits };
    plain(&decimal, (digits - decimal.point).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(text: &str) -> Num {
        Num::parse(text).expect("a number")
    }

    /// Measured with Terraform 1.11.4.
    #[test]
    fn forms() {
        for (text, precision, want) in [
            ("2.5", 0, "2"),
            ("3.5", 0, "4"),
            ("0", 2, "0.00"),
            ("0.0001", 2, "0.00"),
            ("99.999", 2, "100.00"),
            ("-2.25", 1, "-2.2"),
            ("1e30", 1, "1000000000000000000000000000000.0"),
        ] {
            assert_eq!(fixed(Decimal::exact(&num(text)), precision), want, "%.{precision}f of {text}");
        }
        for (text, precision, want) in
            [("1234.5678", 6, "1.234568e+03"), ("0", 6, "0.000000e+00"), ("9.99", 1, "1.0e+01"), ("1e-7", 0, "1e-07")]
        {
            assert_eq!(exponential(Decimal::exact(&num(text)), precision, false), want, "%.{precision}e of {text}");
        }
        for (text, precision, want) in [
            ("1000000", None, "1e+06"),
            ("100000", None, "100000"),
            ("123456789", None, "1.23456789e+08"),
            ("0.00001", None, "1e-05"),
            ("0.1", None, "0.1"),
            ("1e20", None, "1e+20"),
            ("1234.5", Some(3), "1.23e+03"),
            ("0", None, "0"),
        ] {
            assert_eq!(general(&num(text), precision, false), want, "{text}");
        }
        assert_eq!(general(&num("1e-10"), None, true), "1E-10");
    }

    #[test]
    fn exact_digits_are_those_of_the_binary_number() {
        let tenth = Num::from_f64(0.1).expect("finite");
        assert_eq!(fixed(Decimal::exact(&tenth), 55), "0.1000000000000000055511151231257827021181583404541015625");
    }
}
