//! Functions on numbers. Powers and logarithms go through 64-bit floats, as Terraform's do; all else is exact.

use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use num_bigint::{BigInt, BigUint, Sign};
use std::cmp::Ordering;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Type, Value};

const NUM: Param = Param::new("num", Shape::Number);
const NUMBER: Returns = Returns::Always(Shape::Number);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("abs", &[NUM], NUMBER, |call| Ok(Value::number(call.num(0)?.abs()))),
    Function::new("ceil", &[NUM], NUMBER, |call| Ok(Value::number(call.num(0)?.ceil()))),
    Function::new("floor", &[NUM], NUMBER, |call| Ok(Value::number(call.num(0)?.floor()))),
    Function::new("log", &[NUM, Param::new("base", Shape::Number)], NUMBER, |call| {
        float(call, |num, base| ln(num) / ln(base))
    }),
    Function::new("max", &[], NUMBER, |call| extreme(call, Ordering::Greater))
        .variadic(Param::new("numbers", Shape::Number)),
    Function::new("min", &[], NUMBER, |call| extreme(call, Ordering::Less))
        .variadic(Param::new("numbers", Shape::Number)),
    Function::new(
        "parseint",
        &[Param::new("number", Shape::Any), Param::new("base", Shape::Number)],
        Returns::From(parse_int_type),
        parse_int,
    ),
    Function::new("pow", &[NUM, Param::new("power", Shape::Number)], NUMBER, |call| float(call, pow)),
    Function::new("signum", &[NUM], NUMBER, |call| Ok(Value::number(call.int(0)?.signum()))),
];

fn float(call: &Call<'_>, f: impl FnOnce(f64, f64) -> f64) -> Result<Value, FunctionError> {
    let arg = |position: usize| {
        let num = call.num(position)?;
        let float = num.to_f64();
        if float.is_infinite() && !num.is_infinite() {
            return Err(FunctionError::told(format!("value must be between {0:.0} and {1:.0}", f64::MIN, f64::MAX)));
        }
        Ok(float)
    };
    let result = Num::from_f64(f(arg(0)?, arg(1)?));
    // Terraform 1.11 panics here.
    result.map(Value::number).ok_or_else(|| FunctionError::new("the result of this calculation is not a number"))
}

/// By squaring, with the exponent of two kept apart, as Go does it. Correct rounding would give other digits.
fn pow(x: f64, y: f64) -> f64 {
    let special = x == 0.0 || x == 1.0 || y == 0.0 || y == 1.0 || y == 0.5 || y == -0.5;
    if special || !x.is_finite() || !y.is_finite() {
        return match y {
            0.5 => x.sqrt(),
            -0.5 => 1.0 / x.sqrt(),
            _ => x.powf(y),
        };
    }
    let (mut whole, mut part) = (y.abs().trunc(), y.abs().fract());
    if part != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 9.223_372_036_854_776e18 {
        return x.powf(y);
    }
    let mut result = 1.0;
    if part != 0.0 {
        if part > 0.5 {
            part -= 1.0;
            whole += 1.0;
        }
        result = (part * ln(x)).exp();
    }
    let mut exponent = 0i64;
    let (mut square, mut square_exponent) = split(x);
    let mut bits = whole as i64;
    while bits != 0 {
        if !(-(1 << 12)..=1 << 12).contains(&square_exponent) {
            // Far over or far under, whatever the remaining bits are.
            exponent += square_exponent;
            break;
        }
        if bits & 1 == 1 {
            result *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if y < 0.0 { scale(1.0 / result, -exponent) } else { scale(result, exponent) }
}

/// The natural logarithm by the series Go's library uses, so that the last digit is Terraform's on every platform.
fn ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const ODD: [f64; 4] =
        [6.666_666_666_666_735e-1, 2.857_142_874_366_239e-1, 1.818_357_216_161_805e-1, 1.479_819_860_511_658_6e-1];
    const EVEN: [f64; 3] = [3.999_999_999_940_942e-1, 2.222_219_843_214_978_4e-1, 1.531_383_769_920_937_3e-1];
    if x <= 0.0 || !x.is_finite() {
        return x.ln();
    }
    let (mut fraction, mut exponent) = split(x);
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let (f, k) = (fraction - 1.0, exponent as f64);
    let s = f / (2.0 + f);
    let (s2, s4) = (s * s, (s * s) * (s * s));
    let odd = s2 * (ODD[0] + s4 * (ODD[1] + s4 * (ODD[2] + s4 * ODD[3])));
    let even = s4 * (EVEN[0] + s4 * (EVEN[1] + s4 * EVEN[2]));
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + (odd + even)) + k * LN2_LOW)) - f)
}

/// A finite number as a fraction in 0.5..1 and a power of two.
fn split(x: f64) -> (f64, i64) {
    const EXPONENT: u64 = 0x7ff << 52;
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE { (x * (1u64 << 52) as f64, -52) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = ((bits & EXPONENT) >> 52) as i64 - 1022;
    (f64::from_bits(bits & !EXPONENT | 1022 << 52), exponent + shift)
}

/// `x * 2^exponent`, rounded once.
fn scale(x: f64, exponent: i64) -> f64 {
    let mut left = exponent.clamp(-4000, 4000) as i32;
    let mut x = x;
    while left > 1000 {
        x *= 2f64.powi(1000);
        left -= 1000;
    }
    while left < -900 {
        x *= 2f64.powi(-900);
        left += 900;
    }
    x * 2f64.powi(left)
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> Result<Value, FunctionError> {
    let mut found: Option<&Num> = None;
    for position in 0..call.args.len() {
        let num = call.num(position)?;
        if found.is_none_or(|best| num.cmp(best) == wanted) {
            found = Some(num);
        }
    }
    found.cloned().map(Value::number).ok_or_else(|| FunctionError::new("must pass at least one number"))
}

fn parse_int_type(args: &[Value]) -> Result<Type, FunctionError> {
    match args.first().map(Value::ty) {
        Some(Type::String) | None => Ok(Type::Number),
        Some(other) => {
            let message = format!("first argument must be a string, not {}", other.friendly_name());
            Err(FunctionError::told(message).at(0))
        }
    }
}

fn parse_int(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.text(0)?;
    let base = call.int(1).map_err(|e| e.at(1))?;
    let base = match u8::try_from(base) {
        Ok(base @ 2..=62) => base,
        _ => return Err(FunctionError::new("base must be a whole number between 2 and 62 inclusive").at(1)),
    };
    let number = integer(text, base).ok_or_else(|| {
        FunctionError::quoting(
            format!("cannot parse {} as a base {base} integer", quoted(text)),
            format!("cannot parse (sensitive value) as a base {base} integer"),
        )
        .at(0)
    })?;
    Ok(Value::number(number))
}

/// Digits with an optional sign. Up to base 36 the case of letters does not count; above, capitals come after small letters.
fn integer(text: &str, base: u8) -> Option<Num> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (Sign::Minus, rest),
        [b'+', rest @ ..] => (Sign::Plus, rest),
        rest => (Sign::Plus, rest),
    };
    let digit = |b: &u8| {
        let n = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'z' => b - b'a' + 10,
            b'A'..=b'Z' if base <= 36 => b - b'A' + 10,
            b'A'..=b'Z' => b - b'A' + 36,
            _ => return None,
        };
        (n < base).then_some(n)
    };
    let digits: Vec<u8> = digits.iter().map(digit).collect::<Option<_>>()?;
    if digits.is_empty() {
        return None;
    }
    let magnitude = BigUint::from_radix_be(&digits, base.into())?;
    Some(Num::from_bigint(&BigInt::from_biguint(sign, magnitude)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s};
    use super::*;

    fn num(text: &str) -> Value {
        Value::number(Num::parse(text).expect("a number"))
    }

    #[test]
    fn rounds() {
        for (name, of, want) in
            [("ceil", "-5.9", "-5"), ("ceil", "5", "5"), ("floor", "-4.1", "-5"), ("abs", "-0.5", "0.5")]
        {
            is(name, &[num(of)], num(want));
        }
        is("signum", &[n(-5)], n(-1));
        let whole = "value must be a whole number, between -9223372036854775808 and 9223372036854775807";
        fails("signum", &[num("0.5")], whole);
    }

    #[test]
    fn picks() {
        is("max", &[n(1), num("2.5"), n(-3)], num("2.5"));
        is("min", &[n(1), num("2.5"), n(-3)], n(-3));
        fails("max", &[], "must pass at least one number");
    }

    #[test]
    fn reads_integers() {
        for (text, base, want) in [
            ("-10", 2, "-2"),
            ("+7", 8, "7"),
            ("Zz", 62, "3817"),
            ("fF", 16, "255"),
            ("123456789012345678901234567890", 10, "123456789012345678901234567890"),
        ] {
            is("parseint", &[s(text), n(base)], num(want));
        }
        for (text, base, want) in [
            ("12", 2, "cannot parse \"12\" as a base 2 integer"),
            ("", 10, "cannot parse \"\" as a base 10 integer"),
            ("1_0", 10, "cannot parse \"1_0\" as a base 10 integer"),
            ("1", 63, "base must be a whole number between 2 and 62 inclusive"),
        ] {
            fails("parseint", &[s(text), n(base)], want);
        }
        fails("parseint", &[n(10), n(8)], "first argument must be a string, not number");
    }

    /// Measured with Terraform 1.11.4.
    #[test]
    fn powers_and_logarithms() {
        is("pow", &[n(2), num("0.5")], Value::number(Num::from_f64(std::f64::consts::SQRT_2).expect("finite")));
        is("pow", &[n(2), n(100)], Value::number(Num::from_f64(1267650600228229401496703205376.0).expect("finite")));
        is("log", &[n(16), n(2)], Value::number(Num::from_f64(4.0).expect("finite")));
        for (of, want) in [(3, 0.5645750340535796), (14, 1.3562071871080223), (7, 1.0)] {
            is("log", &[n(of), n(7)], Value::number(Num::from_f64(want).expect("finite")));
        }
        is("pow", &[n(299), n(13)], Value::number(Num::from_f64(1.5266006684787897e32).expect("finite")));
        is("pow", &[n(2), n(-1074)], Value::number(Num::from_f64(5e-324).expect("finite")));
        assert!(run("pow", &[n(10), n(400)]).expect("it works").as_num().is_some_and(Num::is_infinite));
        fails("log", &[n(-1), n(2)], "the result of this calculation is not a number");
        fails("pow", &[n(-8), num("0.3")], "the result of this calculation is not a number");
    }
}
