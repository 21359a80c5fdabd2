use super::*;
use proptest::prelude::*;
use std::collections::hash_map::DefaultHasher;

fn n(text: &str) -> Num {
    Num::parse(text).unwrap_or_else(|_| panic!("{text} is a number"))
}

fn hash(n: &Num) -> u64 {
    let mut h = DefaultHasher::new();
    n.hash(&mut h);
    h.finish()
}

#[test]
fn reads_what_tonumber_reads() {
    for (text, want) in [
        ("0", "0"),
        ("-0", "-0"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.e3", "1000"),
        ("1E+3", "1000"),
        ("1.10", "1.1"),
        ("1p5", "32"),
        ("1p-1", "0.5"),
        ("0012", "12"),
        ("Inf", "+Inf"),
        ("-inf", "-Inf"),
        ("1e999999999", "+Inf"),
        ("-1e99999999999999999999", "-Inf"),
        ("1e-999999999", "0"),
        ("1p-99999999999", "0"),
        ("0e999999999", "0"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("0.000001", "0.000001"),
        ("1234.5678", "1234.5678"),
    ] {
        assert_eq!(n(text).to_string(), want, "{text}");
    }
    for text in
        ["", " 1", "1 ", "0x10", "0b1", "1_000", ".", "1e", "e1", "--1", "nan", "infinity", "iNf", "１", "1.2.3", "-"]
    {
        assert_eq!(Num::parse(text), Err(NotANumber), "{text}");
    }
}

#[test]
fn an_exponent_costs_nothing() {
    let zeros = "0".repeat(1_000_000);
    assert!(n(&format!("1{zeros}")).is_infinite());
    assert!(n(&format!("0.{zeros}1")).is_zero());
    assert_eq!(n(&format!("{zeros}7")), Num::Int(7));
    assert!(n("1e39000").mul(&n("1e39000")).expect("defined").is_infinite());
    assert!(n("1e-39000").mul(&n("1e-39000")).expect("defined").is_zero());
    assert_eq!(n("1e30000").to_string().len(), 30001);
}

/// Each line was evaluated by `terraform console` 1.11.4.
#[test]
fn computes_as_terraform() {
    let ok = |r: Result<Num, Undefined>| r.map_or_else(|_| "undefined".to_owned(), |n| n.to_string());
    assert_eq!(ok(n("0.1").add(&n("0.2"))), "0.3");
    assert_eq!(ok(n("1").div(&n("3"))), format!("0.{}5", "3".repeat(154)));
    assert_eq!(ok(n("12345678901234567890123456789").div(&n("7"))), "1763668414462081127160493827");
    assert_eq!(ok(n("0").mul(&n("-1"))), "-0");
    assert_eq!(ok(n("5").rem(&n("-3"))), "2");
    assert_eq!(ok(n("-5").rem(&n("3"))), "-2");
    assert_eq!(ok(n("5.5").rem(&n("2"))), "1.5");
    assert_eq!(ok(n("5").rem(&n("0"))), "5");
    assert_eq!(ok(n("1").div(&n("0"))), "+Inf");
    assert_eq!(ok(n("-1").div(&n("0"))), "-Inf");
    assert_eq!(ok(n("0").div(&n("0"))), "undefined");
    assert_eq!(ok(Num::infinity().sub(&Num::infinity())), "undefined");
    assert_eq!(ok(Num::infinity().mul(&n("0"))), "undefined");
    assert_eq!(ok(Num::infinity().rem(&n("2"))), "undefined");
    assert_eq!(ok(n("5").rem(&Num::infinity())), "undefined");
    assert_eq!(n("-0.5").floor().to_string(), "-1");
    assert_eq!(n("-0.5").ceil().to_string(), "0");
    assert_eq!(n("-5.9").ceil().to_string(), "-5");
    assert_eq!(n("-0").abs().to_string(), "0");
    assert_eq!(ok(n("9007199254740993").mul(&n("9007199254740993"))), "81129638414606699710187514626049");
    assert_eq!(ok(n("0.2").mul(&n("0.3"))), format!("0.06{}4", "0".repeat(153)));
}

#[test]
fn a_double_keeps_its_precision_until_it_meets_a_wider_number() {
    let root = Num::from_f64(2f64.powf(0.5)).expect("a number");
    assert_eq!(root.to_string(), "1.4142135623730951");
    let wide = root.mul(&Num::ONE).expect("defined");
    assert_eq!(wide.to_string(), "1.4142135623730951454746218587388284504413604736328125");
    assert_eq!(root, wide);
    assert_eq!(Num::from_f64(2f64.powi(100)).expect("a number").to_string(), "1267650600228229400000000000000");
    let power = Num::from_f64(2f64.powi(62)).expect("a number");
    assert_eq!(power.to_string(), "4611686018427388000");
    assert_eq!(power.add(&Num::ZERO).expect("defined").to_string(), "4611686018427387904");
    assert_eq!(power, Num::Int(1 << 62));
    assert_eq!(hash(&power), hash(&Num::Int(1 << 62)));
}

#[test]
fn equality_order_and_hash_are_numeric() {
    assert_eq!(n("1"), n("10e-1"));
    assert_eq!(n("-0"), n("0"));
    assert_eq!(hash(&n("-0")), hash(&n("0")));
    let mut all: Vec<Num> =
        ["3", "-Inf", "0.5", "1e100", "Inf", "-2", "9223372036854775808", "-0.25"].map(n).into_iter().collect();
    all.sort();
    let text: Vec<String> = all.iter().map(Num::to_string).collect();
    let googol = format!("1{}", "0".repeat(100));
    assert_eq!(text, ["-Inf", "-2", "-0.25", "0.5", "3", "9223372036854775808", &googol, "+Inf"]);
}

#[test]
fn ends_of_the_word() {
    let (min, max) = (Num::Int(i64::MIN), Num::Int(i64::MAX));
    assert_eq!(min.neg().to_string(), "9223372036854775808");
    assert_eq!(min.neg().neg().to_i64(), Some(i64::MIN));
    assert_eq!(max.add(&Num::ONE).expect("defined").sub(&Num::ONE), Ok(max));
    assert_eq!(min.div(&Num::Int(-1)).expect("defined").to_string(), "9223372036854775808");
    assert_eq!(min.rem(&Num::Int(-1)), Ok(Num::ZERO));
    assert_eq!(Num::from(u64::MAX).to_u64(), Some(u64::MAX));
    assert_eq!(Num::from(u64::MAX).to_i64(), None);
    assert_eq!(Num::from(u64::MAX).to_f64_exact(), None);
    assert_eq!(n("18446744073709551616").to_u64(), None);
}

#[test]
fn doubles_at_the_edges() {
    for f in [
        f64::MIN_POSITIVE,
        5e-324,
        f64::from_bits(0x000f_ffff_ffff_ffff),
        f64::MAX,
        -f64::MAX,
        2.225_073_858_507_201e-308,
        0.1,
        -1e300,
        f64::INFINITY,
    ] {
        assert_eq!(Num::from_f64(f).expect("a number").to_f64().to_bits(), f.to_bits(), "{f}");
    }
    assert!(Num::from_f64(f64::NAN).is_none());
    assert_eq!(n("0.1").to_f64(), 0.1);
    assert_eq!(n("0.1").to_f64_exact(), None);
    assert_eq!(n("1.5").to_f64_exact(), Some(1.5));
    assert_eq!(n("1.7976931348623159e308").to_f64(), f64::INFINITY);
    assert_eq!(n("2e-324").to_f64(), 0.0);
    assert_eq!(n("3e-324").to_f64(), 5e-324);
    assert_eq!(n("1e-30000").to_f64(), 0.0);
}

proptest! {
    #[test]
    fn text_reads_back(mantissa in any::<i128>(), exponent in -400i32..400, divisor in 1i64..1000) {
        let a = n(&format!("{mantissa}e{exponent}")).div(&Num::Int(divisor)).expect("defined");
        prop_assert_eq!(n(&a.to_string()), a);
    }

    #[test]
    fn doubles_read_back(bits in any::<u64>()) {
        let f = f64::from_bits(bits);
        prop_assume!(!f.is_nan());
        let a = Num::from_f64(f).expect("a number");
        prop_assert_eq!(a.to_f64().to_bits(), f.to_bits());
        if f.is_finite() {
            let text = a.to_string();
            prop_assert_eq!(text.parse::<f64>().expect("a float").to_bits(), f.to_bits());
            let digits = |s: &str| s.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
            let strip = |mut d: Vec<u8>| { while d.last() == Some(&b'0') { d.pop(); } while d.first() == Some(&b'0') { d.remove(0); } d };
            let (ours, shortest) = (strip(digits(&text)).len(), strip(digits(&format!("{f}"))).len());
            // The shortest digits at 53 bits are those every float printer gives. A subnormal double has fewer bits than that, so
            // its printers stop earlier than a number does that is written as one of 53 bits.
            if f.is_subnormal() {
                prop_assert!(ours >= shortest);
            } else {
                prop_assert_eq!(ours, shortest);
            }
        }
    }

    #[test]
    fn integers_agree_with_wide_arithmetic(a in any::<i64>(), b in any::<i64>()) {
        let (wide_a, wide_b) = (i128::from(a), i128::from(b));
        let (x, y) = (Num::Int(a), Num::Int(b));
        prop_assert_eq!(x.add(&y), Ok(Num::from(wide_a + wide_b)));
        prop_assert_eq!(x.sub(&y), Ok(Num::from(wide_a - wide_b)));
        prop_assert_eq!(x.mul(&y), Ok(Num::from(wide_a * wide_b)));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        if b != 0 { prop_assert_eq!(x.rem(&y), Ok(Num::from(wide_a % wide_b))); }
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.eEpPInf_x]{0,12}") {
        let _ = Num::parse(&text).map(|n| n.to_string());
    }
}

/// Sums, differences, products, quotients and remainders as `terraform console` 1.11.4 printed them.
#[test]
fn recorded_calculations() {
    let lines = include_str!("recorded.txt").lines().filter(|l| !l.is_empty());
    let mut count = 0;
    for line in lines {
        let (calculation, want) = line.split_once(" = ").expect("a result");
        let [a, op, b] = calculation.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let result = match op {
            "+" => n(a).add(&n(b)),
            "-" => n(a).sub(&n(b)),
            "*" => n(a).mul(&n(b)),
            "/" => n(a).div(&n(b)),
            _ => n(a).rem(&n(b)),
        };
        assert_eq!(result.expect("defined").to_string(), want, "{line}");
        count += 1;
    }
    assert_eq!(count, 160);
}
