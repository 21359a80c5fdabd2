//! Exact numbers: integers that fit a word, and binary floating point numbers of up to 512 bits, as Terraform's.
//!
//! Terraform computes with Go's `big.Float`: a decimal is read with 512 bits of mantissa rounded to nearest even, every
//! operation rounds to the larger precision of its operands, and text is the shortest decimal which reads back as the same
//! number *at that precision*. A number which came from a 64-bit float therefore remembers that it has 53 bits.
//!
//! Two differences, both bounds on work: binary exponents end at [`MAX_EXPONENT`] (beyond it a number is infinite, below it
//! zero; Terraform's end at 2^31, where one number fills gigabytes of text), and a small integer counts as 512 bits wide
//! wherever it came from (Terraform gives `length()` and wire integers 64, which shows only in the digits of a fraction
//! of two such).

mod parse;
mod text;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Bits of mantissa a literal is read with.
const PRECISION: u16 = 512;
/// Bits of mantissa of a 64-bit float.
const DOUBLE: u16 = 53;
/// A finite number's magnitude lies in `2^-MAX_EXPONENT .. 2^MAX_EXPONENT` (39,457 decimal digits).
pub const MAX_EXPONENT: i64 = 1 << 17;

/// A number. Equality, order and hash are numeric: `1`, `1.0` and `10e-1` are one number, and so are `0` and `-0`.
#[derive(Clone, Debug)]
pub enum Num {
    /// An integer that fits.
    Int(i64),
    /// Any other number; never one that [`Num::Int`] can hold.
    Float(Arc<Float>),
}

/// A number that is no small integer: a fraction, a large integer, an infinity or negative zero.
#[derive(Clone, Debug)]
pub struct Float {
    negative: bool,
    precision: u16,
    magnitude: Magnitude,
}

#[derive(Clone, Debug)]
enum Magnitude {
    Zero,
    /// `mantissa * 2^exponent`; the mantissa is odd, so that one number has one form.
    Finite {
        mantissa: BigUint,
        exponent: i64,
    },
    Infinite,
}

/// An operation without a result: `0/0`, `Inf - Inf`, `0 * Inf`, `Inf / Inf` or a remainder with an infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the result of this calculation is not a number")]
pub struct Undefined;

/// Text that is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a number is required")]
pub struct NotANumber;

impl Num {
    /// Zero.
    pub const ZERO: Num = Num::Int(0);
    /// One.
    pub const ONE: Num = Num::Int(1);

    /// Positive infinity.
    pub fn infinity() -> Num {
        infinite(false, PRECISION)
    }

    /// Negative infinity.
    pub fn neg_infinity() -> Num {
        infinite(true, PRECISION)
    }

    /// Reads a decimal number as Terraform's `tonumber` does: an optional sign, digits with an optional point, an optional
    /// exponent (`e`; or `p` for a power of two), or `Inf`. No blanks, no prefix, no digit separators. Every JSON number and every
    /// number literal of the language is such a number. Time is linear in the text, whatever the exponent says.
    pub fn parse(text: &str) -> Result<Num, NotANumber> {
        parse::parse(text)
    }

    /// A 64-bit float, exactly; `None` for a NaN.
    pub fn from_f64(f: f64) -> Option<Num> {
        if f.is_nan() {
            return None;
        }
        let negative = f.is_sign_negative();
        if f.is_infinite() {
            return Some(infinite(negative, DOUBLE));
        }
        let bits = f.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = match (bits >> 52) & 0x7ff {
            0 => (fraction, -1074),
            e => (fraction | 1 << 52, e as i64 - 1075),
        };
        Some(round(negative, mantissa.into(), exponent, false, DOUBLE))
    }

    /// An integer of any size, rounded to 512 bits.
    pub fn from_bigint(n: &BigInt) -> Num {
        round(n.sign() == Sign::Minus, n.magnitude().clone(), 0, false, PRECISION)
    }

    /// The integer, when it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Num::Int(n) => Some(*n),
            Num::Float(f) => f.to_i64(),
        }
    }

    /// The integer, when it is one of 0 to 2^64-1.
    pub fn to_u64(&self) -> Option<u64> {
        match self {
            Num::Int(n) => u64::try_from(*n).ok(),
            Num::Float(f) => match f.magnitude {
                Magnitude::Zero => Some(0),
                Magnitude::Finite { exponent, .. } if f.negative || !(0..64).contains(&exponent) => None,
                Magnitude::Finite { ref mantissa, exponent } => {
                    mantissa.to_u64().filter(|m| m.leading_zeros() as i64 >= exponent).map(|m| m << exponent)
                }
                Magnitude::Infinite => None,
            },
        }
    }

    /// The nearest 64-bit float (ties to even), infinite when too large.
    pub fn to_f64(&self) -> f64 {
        match self {
            // A cast from an integer rounds to nearest even.
            Num::Int(n) => *n as f64,
            Num::Float(f) => f.to_f64(),
        }
    }

    /// The 64-bit float which is exactly this number, when there is one.
    pub fn to_f64_exact(&self) -> Option<f64> {
        let f = self.to_f64();
        (Num::from_f64(f).as_ref() == Some(self)).then_some(f)
    }

    /// The number itself when it is an integer, of any size.
    pub fn to_bigint(&self) -> Option<BigInt> {
        self.is_integer().then(|| self.truncated()).flatten()
    }

    /// Whether there is nothing behind the point. No infinity is an integer.
    pub fn is_integer(&self) -> bool {
        match self {
            Num::Int(_) => true,
            Num::Float(f) => match f.magnitude {
                Magnitude::Zero => true,
                Magnitude::Finite { exponent, .. } => exponent >= 0,
                Magnitude::Infinite => false,
            },
        }
    }

    /// Whether it is an infinity.
    pub fn is_infinite(&self) -> bool {
        matches!(self, Num::Float(f) if matches!(f.magnitude, Magnitude::Infinite))
    }

    /// Whether it is zero of either sign.
    pub fn is_zero(&self) -> bool {
        match self {
            Num::Int(n) => *n == 0,
            Num::Float(f) => matches!(f.magnitude, Magnitude::Zero),
        }
    }

    /// Below zero; negative zero is not.
    pub fn is_negative(&self) -> bool {
        match self {
            Num::Int(n) => *n < 0,
            Num::Float(f) => f.negative && !matches!(f.magnitude, Magnitude::Zero),
        }
    }

    /// The sum.
    pub fn add(&self, other: &Num) -> Result<Num, Undefined> {
        if let (Num::Int(a), Num::Int(b)) = (self, other)
            && let Some(sum) = a.checked_add(*b)
        {
            return Ok(Num::Int(sum));
        }
        self.to_float().add(&other.to_float())
    }

    /// The difference.
    pub fn sub(&self, other: &Num) -> Result<Num, Undefined> {
        if let (Num::Int(a), Num::Int(b)) = (self, other)
            && let Some(difference) = a.checked_sub(*b)
        {
            return Ok(Num::Int(difference));
        }
        let other = other.to_float();
        self.to_float().add(&Float { negative: !other.negative, ..other })
    }

    /// The product. `0 * -1` is negative zero, as in Terraform.
    pub fn mul(&self, other: &Num) -> Result<Num, Undefined> {
        if let (Num::Int(a), Num::Int(b)) = (self, other) {
            match a.checked_mul(*b) {
                Some(0) if *a < 0 || *b < 0 => return Ok(neg_zero()),
                Some(product) => return Ok(Num::Int(product)),
                None => {}
            }
        }
        self.to_float().mul(&other.to_float())
    }

    /// The quotient. A non-zero number over zero is infinite.
    pub fn div(&self, other: &Num) -> Result<Num, Undefined> {
        if let (Num::Int(a), Num::Int(b)) = (self, other)
            && *a != 0
            && a.checked_rem(*b) == Some(0)
        {
            return Ok(Num::Int(a / b));
        }
        self.to_float().div(&other.to_float())
    }

    /// The remainder `a - b * trunc(a / b)`, each step rounded, as Terraform computes it; `a` when `b` is zero.
    pub fn rem(&self, other: &Num) -> Result<Num, Undefined> {
        if other.is_zero() {
            return Ok(self.clone());
        }
        if let (Num::Int(a), Num::Int(b)) = (self, other) {
            // `i64::MIN % -1` overflows as a division but is zero.
            return Ok(Num::Int(a.checked_rem(*b).unwrap_or(0)));
        }
        let whole = self.div(other)?.trunc().ok_or(Undefined)?;
        self.sub(&other.mul(&whole)?)
    }

    /// The same magnitude with the other sign; zero becomes negative zero.
    pub fn neg(&self) -> Num {
        match self {
            Num::Int(0) => neg_zero(),
            Num::Int(n) => match n.checked_neg() {
                Some(n) => Num::Int(n),
                None => round(false, n.unsigned_abs().into(), 0, false, PRECISION),
            },
            Num::Float(f) => Float { negative: !f.negative, ..(**f).clone() }.into_num(),
        }
    }

    /// The magnitude.
    pub fn abs(&self) -> Num {
        match self {
            Num::Int(n) if *n >= 0 => self.clone(),
            Num::Float(f) if !f.negative => self.clone(),
            _ => self.neg(),
        }
    }

    /// The integer towards negative infinity. Infinities stay.
    pub fn floor(&self) -> Num {
        self.trunc_then(|n| if self.is_negative() { n - 1 } else { n })
    }

    /// The integer towards positive infinity. Infinities stay.
    pub fn ceil(&self) -> Num {
        self.trunc_then(|n| if self.is_negative() { n } else { n + 1 })
    }

    /// The integer towards zero; `None` for an infinity.
    pub fn trunc(&self) -> Option<Num> {
        match self {
            Num::Int(_) => Some(self.clone()),
            Num::Float(f) => {
                self.truncated().map(|n| round(n.sign() == Sign::Minus, n.magnitude().clone(), 0, false, f.precision))
            }
        }
    }

    fn trunc_then(&self, off_integer: impl Fn(BigInt) -> BigInt) -> Num {
        if matches!(self, Num::Int(_)) || self.is_infinite() {
            return self.clone();
        }
        match self.truncated() {
            Some(n) if self.is_integer() => Num::from_bigint(&n),
            Some(n) => Num::from_bigint(&off_integer(n)),
            None => self.clone(),
        }
    }

    fn truncated(&self) -> Option<BigInt> {
        match self {
            Num::Int(n) => Some((*n).into()),
            Num::Float(f) => match &f.magnitude {
                Magnitude::Zero => Some(BigInt::zero()),
                Magnitude::Infinite => None,
                Magnitude::Finite { mantissa, exponent } => {
                    let sign = if f.negative { Sign::Minus } else { Sign::Plus };
                    Some(BigInt::from_biguint(sign, shifted(mantissa, *exponent)))
                }
            },
        }
    }

    fn to_float(&self) -> Float {
        match self {
            Num::Int(n) => {
                let magnitude = match n.unsigned_abs() {
                    0 => Magnitude::Zero,
                    m => {
                        let zeros = m.trailing_zeros();
                        Magnitude::Finite { mantissa: (m >> zeros).into(), exponent: zeros.into() }
                    }
                };
                Float { negative: *n < 0, precision: PRECISION, magnitude }
            }
            Num::Float(f) => (**f).clone(),
        }
    }
}

impl Float {
    fn into_num(self) -> Num {
        match self.to_i64() {
            // Text depends on the precision, so only an integer which a word holds at the same precision may lose it.
            Some(n) if (n != 0 || !self.negative) && (self.precision >= 64 || n.unsigned_abs() <= 1 << DOUBLE) => {
                Num::Int(n)
            }
            _ => Num::Float(Arc::new(self)),
        }
    }

    fn to_i64(&self) -> Option<i64> {
        match &self.magnitude {
            Magnitude::Zero => Some(0),
            Magnitude::Finite { mantissa, exponent } if (0..64).contains(exponent) => {
                let m = mantissa.to_u64().filter(|m| i64::from(m.leading_zeros()) >= *exponent)? << exponent;
                if self.negative { 0i64.checked_sub_unsigned(m) } else { i64::try_from(m).ok() }
            }
            _ => None,
        }
    }

    fn to_f64(&self) -> f64 {
        let magnitude = match &self.magnitude {
            Magnitude::Zero => 0.0,
            Magnitude::Infinite => f64::INFINITY,
            Magnitude::Finite { mantissa, exponent } => nearest_double(mantissa, *exponent),
        };
        if self.negative { -magnitude } else { magnitude }
    }

    fn add(&self, other: &Float) -> Result<Num, Undefined> {
        use Magnitude::{Finite, Infinite, Zero};
        let precision = self.precision.max(other.precision);
        match (&self.magnitude, &other.magnitude) {
            (Infinite, Infinite) if self.negative != other.negative => Err(Undefined),
            (Infinite, _) => Ok(infinite(self.negative, precision)),
            (_, Infinite) => Ok(infinite(other.negative, precision)),
            (Zero, Zero) => {
                Ok(Float { negative: self.negative && other.negative, precision, magnitude: Zero }.into_num())
            }
            (Finite { mantissa, exponent }, Zero) => {
                Ok(round(self.negative, mantissa.clone(), *exponent, false, precision))
            }
            (Zero, Finite { mantissa, exponent }) => {
                Ok(round(other.negative, mantissa.clone(), *exponent, false, precision))
            }
            (Finite { mantissa: a, exponent: ea }, Finite { mantissa: b, exponent: eb }) => {
                let exponent = *ea.min(eb);
                let a = signed(self.negative, a << (ea - exponent) as u64);
                let b = signed(other.negative, b << (eb - exponent) as u64);
                let sum = a + b;
                Ok(round(sum.sign() == Sign::Minus, sum.into_parts().1, exponent, false, precision))
            }
        }
    }

    fn mul(&self, other: &Float) -> Result<Num, Undefined> {
        use Magnitude::{Finite, Infinite, Zero};
        let precision = self.precision.max(other.precision);
        let negative = self.negative != other.negative;
        match (&self.magnitude, &other.magnitude) {
            (Zero, Infinite) | (Infinite, Zero) => Err(Undefined),
            (Infinite, _) | (_, Infinite) => Ok(infinite(negative, precision)),
            (Zero, _) | (_, Zero) => Ok(Float { negative, precision, magnitude: Zero }.into_num()),
            (Finite { mantissa: a, exponent: ea }, Finite { mantissa: b, exponent: eb }) => {
                Ok(round(negative, a * b, ea + eb, false, precision))
            }
        }
    }

    fn div(&self, other: &Float) -> Result<Num, Undefined> {
        use Magnitude::{Finite, Infinite, Zero};
        let precision = self.precision.max(other.precision);
        let negative = self.negative != other.negative;
        match (&self.magnitude, &other.magnitude) {
            (Zero, Zero) | (Infinite, Infinite) => Err(Undefined),
            (Infinite, _) | (_, Zero) => Ok(infinite(negative, precision)),
            (Zero, _) | (_, Infinite) => Ok(Float { negative, precision, magnitude: Zero }.into_num()),
            (Finite { mantissa: a, exponent: ea }, Finite { mantissa: b, exponent: eb }) => {
                Ok(quotient(negative, a, b, ea - eb, precision))
            }
        }
    }
}

/// `a / b * 2^exponent`, correctly rounded.
fn quotient(negative: bool, a: &BigUint, b: &BigUint, exponent: i64, precision: u16) -> Num {
    // Enough bits for the mantissa, one to round by, and what is left over as the sticky bit.
    let shift = (u64::from(precision) + 2 + b.bits()).saturating_sub(a.bits());
    let (whole, rest) = (a << shift).div_rem(b);
    round(negative, whole, exponent - shift as i64, !rest.is_zero(), precision)
}

fn signed(negative: bool, magnitude: BigUint) -> BigInt {
    BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, magnitude)
}

/// `mantissa * 2^exponent` without what is behind the point.
fn shifted(mantissa: &BigUint, exponent: i64) -> BigUint {
    let by = exponent.unsigned_abs();
    if exponent >= 0 { mantissa << by } else { mantissa >> by }
}

fn infinite(negative: bool, precision: u16) -> Num {
    Num::Float(Arc::new(Float { negative, precision, magnitude: Magnitude::Infinite }))
}

fn neg_zero() -> Num {
    Num::Float(Arc::new(Float { negative: true, precision: PRECISION, magnitude: Magnitude::Zero }))
}

/// `mantissa * 2^exponent` rounded to `precision` bits, to nearest, ties to even. `sticky`: there is more than `mantissa` says.
fn round(negative: bool, mantissa: BigUint, exponent: i64, sticky: bool, precision: u16) -> Num {
    if mantissa.is_zero() {
        return Float { negative, precision, magnitude: Magnitude::Zero }.into_num();
    }
    let (mantissa, exponent) = round_to(mantissa, exponent, sticky, precision.into());
    let zeros = mantissa.trailing_zeros().unwrap_or(0);
    let (mantissa, exponent) = (mantissa >> zeros, exponent + zeros as i64);
    let top = exponent + mantissa.bits() as i64;
    let magnitude = if top > MAX_EXPONENT {
        Magnitude::Infinite
    } else if top <= -MAX_EXPONENT {
        Magnitude::Zero
    } else {
        Magnitude::Finite { mantissa, exponent }
    };
    Float { negative, precision, magnitude }.into_num()
}

/// Cuts a mantissa down to `bits` bits, to nearest, ties to even. (Rounding up may carry into one more bit, a zero below.)
fn round_to(mantissa: BigUint, exponent: i64, sticky: bool, bits: u64) -> (BigUint, i64) {
    let surplus = mantissa.bits().saturating_sub(bits);
    if surplus == 0 {
        return (mantissa, exponent);
    }
    let half = mantissa.bit(surplus - 1);
    let below = sticky || mantissa.trailing_zeros().is_some_and(|z| z < surplus - 1);
    let mut cut = mantissa >> surplus;
    if half && (below || cut.bit(0)) {
        cut += 1u32;
    }
    (cut, exponent + surplus as i64)
}

fn nearest_double(mantissa: &BigUint, exponent: i64) -> f64 {
    let top = exponent + mantissa.bits() as i64;
    if top > 1024 {
        return f64::INFINITY;
    }
    if top < -1074 {
        return 0.0;
    }
    // Below 2^-1022 a float keeps only the bits down to 2^-1074.
    let bits = (top + 1074).clamp(0, i64::from(DOUBLE));
    let (m, e) = round_to(mantissa.clone(), exponent, false, bits as u64);
    let zeros = m.trailing_zeros().unwrap_or(0);
    let (m, mut e) = (m >> zeros, e + zeros as i64);
    let mut f = m.to_u64().unwrap_or(0) as f64;
    // Exact in every step: the odd mantissa fits, and scaling by halves keeps intermediate results in range.
    while e != 0 {
        let step = e.clamp(-900, 900);
        f *= 2f64.powi(step as i32);
        e -= step;
    }
    f
}

impl PartialEq for Num {
    fn eq(&self, other: &Num) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Num {}

impl PartialOrd for Num {
    fn partial_cmp(&self, other: &Num) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Num {
    fn cmp(&self, other: &Num) -> Ordering {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => a.cmp(b),
            (Num::Float(a), Num::Float(b)) => a.cmp(b),
            (a, b) => a.to_float().cmp(&b.to_float()),
        }
    }
}

impl Float {
    fn cmp(&self, other: &Float) -> Ordering {
        let sign = |f: &Float| match (&f.magnitude, f.negative) {
            (Magnitude::Zero, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let (a, b) = (sign(self), sign(other));
        if a != b || a == 0 {
            return a.cmp(&b);
        }
        let order = cmp_magnitudes(&self.magnitude, &other.magnitude);
        if self.negative { order.reverse() } else { order }
    }
}

fn cmp_magnitudes(a: &Magnitude, b: &Magnitude) -> Ordering {
    use Magnitude::{Finite, Infinite};
    match (a, b) {
        (Finite { mantissa: a, exponent: ea }, Finite { mantissa: b, exponent: eb }) => {
            let top = (ea + a.bits() as i64).cmp(&(eb + b.bits() as i64));
            // With equal top bits the exponents differ by no more than the mantissas' lengths.
            top.then_with(|| match ea.cmp(eb) {
                Ordering::Equal => a.cmp(b),
                Ordering::Greater => (a << (ea - eb) as u64).cmp(b),
                Ordering::Less => a.cmp(&(b << (eb - ea) as u64)),
            })
        }
        (Infinite, Infinite) => Ordering::Equal,
        (Infinite, _) => Ordering::Greater,
        (_, Infinite) => Ordering::Less,
        _ => Ordering::Equal,
    }
}

impl Hash for Num {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Num::Int(n) => n.hash(state),
            Num::Float(f) => match (f.to_i64(), &f.magnitude) {
                (Some(n), _) => n.hash(state),
                (None, Magnitude::Finite { mantissa, exponent }) => (f.negative, mantissa, exponent).hash(state),
                (None, _) => f.negative.hash(state),
            },
        }
    }
}

macro_rules! from_integer {
    ($($t:ty),*) => {$(
        impl From<$t> for Num {
            fn from(n: $t) -> Num {
                match i64::try_from(n) {
                    Ok(n) => Num::Int(n),
                    Err(_) => Num::from_bigint(&n.into()),
                }
            }
        }
    )*};
}

from_integer!(i64, u64, i32, u32, u16, u8, usize, i128, u128);

#[cfg(test)]
mod tests;
