//! Reading decimal text.

use super::{MAX_EXPONENT, NotANumber, Num, PRECISION, infinite, neg_zero, quotient, round};
use num_bigint::BigUint;

/// Significant digits looked at one by one; what follows only tells "a bit more". The midpoint between two 512-bit numbers
/// below 2^4096 is shorter than this, so rounding is exact where anyone could tell.
const MAX_DIGITS: usize = 2000;

pub(super) fn parse(text: &str) -> Result<Num, NotANumber> {
    let (negative, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if matches!(rest, b"Inf" | b"inf") {
        return Ok(infinite(negative, PRECISION));
    }
    if let Some(n) = small_integer(rest) {
        return Ok(match (negative, n) {
            (true, 0) => neg_zero(),
            (true, n) => Num::Int(-n),
            (false, n) => Num::Int(n),
        });
    }
    let digits = Digits::read(rest)?;
    if digits.significant.is_empty() {
        return Ok(if negative { neg_zero() } else { Num::ZERO });
    }
    Ok(digits.to_num(negative))
}

/// Up to 18 digits and nothing else.
fn small_integer(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// `0.significant * 10^ten * 2^two`, with a last digit of 1 standing for digits left out.
struct Digits {
    significant: Vec<u8>,
    ten: i64,
    two: i64,
}

impl Digits {
    fn read(text: &[u8]) -> Result<Digits, NotANumber> {
        let mut digits = Digits { significant: Vec::new(), ten: 0, two: 0 };
        let (mut any, mut point, mut more) = (false, false, false);
        let mut rest = text;
        while let [b, tail @ ..] = rest {
            match b {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    any = true;
                    let leading_zero = *b == b'0' && digits.significant.is_empty();
                    if !leading_zero && digits.significant.len() < MAX_DIGITS {
                        digits.significant.push(*b);
                    } else if !leading_zero {
                        more |= *b != b'0';
                    }
                    // Digits before the point raise the power, zeros right behind it lower it.
                    digits.ten += i64::from(!leading_zero && !point) - i64::from(leading_zero && point);
                }
                _ => break,
            }
            rest = tail;
        }
        if !any {
            return Err(NotANumber);
        }
        if more {
            digits.significant.push(b'1');
        }
        match rest {
            [] => {}
            [b'e' | b'E', exponent @ ..] => digits.ten = digits.ten.saturating_add(read_exponent(exponent)?),
            [b'p' | b'P', exponent @ ..] => digits.two = read_exponent(exponent)?,
            _ => return Err(NotANumber),
        }
        while digits.significant.last() == Some(&b'0') {
            digits.significant.pop();
        }
        Ok(digits)
    }

    fn to_num(&self, negative: bool) -> Num {
        // Ten bits for three digits bound the magnitude from both sides well enough to leave before any power is computed.
        let bits = self.ten.saturating_mul(10).saturating_div(3).saturating_add(self.two);
        if bits > MAX_EXPONENT + 4096 {
            return infinite(negative, PRECISION);
        }
        if bits < -MAX_EXPONENT - 4096 || self.two.abs() > 4 * MAX_EXPONENT || self.ten.abs() > MAX_EXPONENT {
            let zero = if negative { neg_zero() } else { Num::ZERO };
            return if bits > 0 { infinite(negative, PRECISION) } else { zero };
        }
        let mantissa = BigUint::parse_bytes(&self.significant, 10).unwrap_or_default();
        let five = self.ten - self.significant.len() as i64;
        let power = BigUint::from(5u32).pow(five.unsigned_abs() as u32);
        if five >= 0 {
            round(negative, mantissa * power, five + self.two, false, PRECISION)
        } else {
            quotient(negative, &mantissa, &power, five + self.two, PRECISION)
        }
    }
}

/// A signed exponent; saturates.
fn read_exponent(text: &[u8]) -> Result<i64, NotANumber> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotANumber);
    }
    let magnitude = digits.iter().fold(0i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    // Kept far from the ends of the range, so that sums with it cannot overflow.
    Ok(sign * magnitude.min(i64::MAX / 1024))
}
