//! Whether a rule promises less than it did, told by what its two versions say (`fingerprints` of `spec`): what an approval is asked for.

use std::cmp::Ordering;
use std::str::FromStr;

/// How a rule changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Grade {
    /// It is gone.
    Removed,
    /// It promises less, or nobody can say that it promises as much.
    Weakened,
    /// It promises as much or more.
    Strengthened,
    /// It is new.
    Added,
}

impl Grade {
    /// The word of the machine formats.
    pub fn key(self) -> &'static str {
        match self {
            Grade::Removed => "removed",
            Grade::Weakened => "weakened",
            Grade::Strengthened => "strengthened",
            Grade::Added => "added",
        }
    }

    /// Whether somebody must approve of it.
    pub fn needs_approval(self) -> bool {
        matches!(self, Grade::Removed | Grade::Weakened)
    }
}

/// What became of a rule; `None`: it promises what it promised.
pub fn grade(id: &str, was: Option<&str>, is: Option<&str>) -> Option<Grade> {
    match (was, is) {
        (None, None) => None,
        (Some(_), None) => Some(Grade::Removed),
        (None, Some(_)) => Some(Grade::Added),
        (Some(was), Some(is)) if was == is => None,
        (Some(was), Some(is)) => match compared(id, was, is) {
            None => Some(Grade::Weakened),
            Some(Ordering::Less) => Some(Grade::Weakened),
            Some(Ordering::Equal) => None,
            Some(Ordering::Greater) => Some(Grade::Strengthened),
        },
    }
}

/// What a rule says now, against what it said; `None`: it promises more here and less there, or it cannot be read.
fn compared(id: &str, was: &str, is: &str) -> Option<Ordering> {
    let (kind, _) = id.split_once('.')?;
    match kind {
        "floor" => amounts((is.parse().ok()?, 0), (was.parse().ok()?, 0)),
        "survive" => survives(&is.parse().ok()?, &was.parse().ok()?),
        // As many are needed, of no more to choose from.
        "requires" | "entry" => {
            let (is, was) = (of(is)?, of(was)?);
            both(is.0.cmp(&was.0), was.1.cmp(&is.1))
        }
        "distance" => number(is, " km")?.partial_cmp(&number(was, " km")?),
        "min_ready" | "margin" => Some(is.parse::<u64>().ok()?.cmp(&was.parse::<u64>().ok()?)),
        "limit" => Some(was.parse::<u64>().ok()?.cmp(&is.parse::<u64>().ok()?)),
        "backup" => {
            let bound = |text: &str| if text == "no bound" { Some(f64::INFINITY) } else { number(text, "s") };
            bound(was)?.partial_cmp(&bound(is)?)
        }
        "class" => {
            let rank = |text: &str| ["cold", "warm", "hot", "mirror"].iter().position(|c| *c == text);
            Some(rank(is)?.cmp(&rank(was)?))
        }
        "change" => {
            let (is, was) = (change(is)?, change(was)?);
            both(both(is.0.cmp(&was.0), is.1.cmp(&was.1))?, if is.2 == was.2 { Ordering::Equal } else { return None })
        }
        // A declaration is the least there is.
        "evidence" => (was == "declared").then_some(Ordering::Greater),
        _ => None,
    }
}

/// Two judgements of one change.
fn both(a: Ordering, b: Ordering) -> Option<Ordering> {
    match (a, b) {
        (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
        (a, b) if a == b => Some(a),
        _ => None,
    }
}

fn number(text: &str, unit: &str) -> Option<f64> {
    text.strip_suffix(unit)?.trim().parse().ok()
}

/// `1 of 3`.
fn of(text: &str) -> Option<(u64, u64)> {
    let (n, all) = text.split_once(" of ")?;
    Some((n.parse().ok()?, all.parse().ok()?))
}

/// `weaken 2, remove 1, 1 windows`.
fn change(text: &str) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(", ");
    let weaken = parts.next()?.strip_prefix("weaken ")?.parse().ok()?;
    let remove = parts.next()?.strip_prefix("remove ")?.parse().ok()?;
    let windows = parts.next()?.strip_suffix(" windows")?.parse().ok()?;
    Some((weaken, remove, windows))
}

/// A number of replicas, or a part of them in millionths of a percent.
#[derive(Clone, Copy)]
enum Amount {
    Count(u64),
    Part(u64),
}

impl FromStr for Amount {
    type Err = ();

    fn from_str(text: &str) -> Result<Amount, ()> {
        let Some(percent) = text.strip_suffix('%') else { return text.parse().map(Amount::Count).map_err(drop) };
        let (whole, rest) = percent.split_once('.').unwrap_or((percent, "0"));
        let whole: u64 = whole.parse().map_err(drop)?;
        let rest: u64 = format!("{rest:0<6}").get(..6).and_then(|digits| digits.parse().ok()).ok_or(())?;
        whole.checked_mul(1_000_000).and_then(|w| w.checked_add(rest)).map(Amount::Part).ok_or(())
    }
}

/// Of so many replicas each. Parts are compared as parts: more or fewer replicas make no rule another. With both the same part of
/// more replicas it is more that is kept.
fn amounts((is, is_n): (Amount, u64), (was, was_n): (Amount, u64)) -> Option<Ordering> {
    let count = |amount: Amount, n: u64| match amount {
        Amount::Count(count) => count,
        Amount::Part(part) => {
            let (n, part) = (u128::from(n), u128::from(part));
            u64::try_from((n * part).div_ceil(100_000_000)).unwrap_or(u64::MAX)
        }
    };
    match (is, was) {
        (Amount::Part(a), Amount::Part(b)) if a == b => {
            Some(count(is, is_n).cmp(&count(was, was_n)).max(Ordering::Equal))
        }
        (Amount::Part(a), Amount::Part(b)) => Some(a.cmp(&b)),
        (Amount::Count(a), Amount::Count(b)) => Some(a.cmp(&b)),
        _ if is_n == 0 || was_n == 0 => None,
        _ => Some(count(is, is_n).cmp(&count(was, was_n))),
    }
}

/// `2 lost: 50% of 10, 100% in 900s`.
struct Survives {
    losses: u64,
    floor: Amount,
    replicas: u64,
    then: Vec<(Amount, u64)>,
}

impl FromStr for Survives {
    type Err = ();

    fn from_str(text: &str) -> Result<Survives, ()> {
        let (losses, text) = match text.split_once(" lost: ") {
            Some((n, rest)) => (n.parse().map_err(drop)?, rest),
            None => (1, text),
        };
        let mut parts = text.split(", ");
        let (floor, replicas) = parts.next().and_then(|first| first.split_once(" of ")).ok_or(())?;
        let then = parts.map(|part| {
            let (amount, within) = part.split_once(" in ").ok_or(())?;
            let within = within.strip_suffix('s').ok_or(())?.parse().map_err(drop)?;
            Ok((amount.parse()?, within))
        });
        Ok(Survives {
            losses,
            floor: floor.parse()?,
            replicas: replicas.parse().map_err(drop)?,
            then: then.collect::<Result<_, ()>>()?,
        })
    }
}

fn survives(is: &Survives, was: &Survives) -> Option<Ordering> {
    let (less, more) = (keeps_at_least(is, was), keeps_at_least(was, is));
    let grown = amounts((is.floor, is.replicas), (was.floor, was.replicas)) == Some(Ordering::Greater);
    match (less, more) {
        (true, true) if grown => Some(Ordering::Greater),
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Greater),
        (false, true) => Some(Ordering::Less),
        (false, false) => None,
    }
}

/// Whether `a` promises all that `b` does.
fn keeps_at_least(a: &Survives, b: &Survives) -> bool {
    let not_less =
        |x: Amount, y: Amount| amounts((x, a.replicas), (y, b.replicas)).is_some_and(|order| order != Ordering::Less);
    a.losses >= b.losses
        && not_less(a.floor, b.floor)
        && b.then.iter().all(|(floor, within)| a.then.iter().any(|(f, w)| not_less(*f, *floor) && w <= within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_promises_less_is_weaker() {
        use Grade::{Added, Removed, Strengthened, Weakened};
        type Case<'c> = (&'c str, Option<&'c str>, Option<&'c str>, Option<Grade>);
        let cases: &[Case<'_>] = &[
            ("floor.serving", Some("100%"), Some("80%"), Some(Weakened)),
            ("floor.serving", Some("80%"), Some("100%"), Some(Strengthened)),
            ("floor.serving", Some("80%"), None, Some(Removed)),
            ("floor.serving", None, Some("80%"), Some(Added)),
            ("floor.serving", Some("8"), Some("9"), Some(Strengthened)),
            ("floor.serving", Some("50%"), Some("49.500000%"), Some(Weakened)),
            // Nobody can say without the number of replicas.
            ("floor.serving", Some("50%"), Some("6"), Some(Weakened)),
            ("survive.zone", Some("50% of 10"), Some("40% of 10"), Some(Weakened)),
            ("survive.zone", Some("50% of 10"), Some("60% of 10"), Some(Strengthened)),
            // The number of replicas is no rule: a part of fewer is no weaker rule.
            ("survive.zone", Some("50% of 10"), Some("50% of 8"), None),
            ("survive.zone", Some("50% of 10"), Some("50% of 12"), Some(Strengthened)),
            ("survive.zone", Some("5 of 10"), Some("50% of 10"), None),
            ("survive.zone", Some("5 of 10"), Some("50% of 8"), Some(Weakened)),
            ("survive.zone", Some("2 lost: 50% of 10"), Some("50% of 10"), Some(Weakened)),
            ("survive.zone", Some("50% of 10"), Some("2 lost: 50% of 10"), Some(Strengthened)),
            ("survive.zone", Some("50% of 10"), Some("2 lost: 40% of 10"), Some(Weakened)),
            ("survive.zone", Some("50% of 10"), Some("50% of 10, 100% in 900s"), Some(Strengthened)),
            ("survive.zone", Some("50% of 10, 100% in 900s"), Some("50% of 10, 100% in 600s"), Some(Strengthened)),
            ("survive.zone", Some("50% of 10, 100% in 900s"), Some("50% of 10, 100% in 1200s"), Some(Weakened)),
            ("survive.zone", Some("50% of 10, 100% in 900s"), Some("60% of 10"), Some(Weakened)),
            ("entry.dns", Some("1 of 2"), Some("2 of 2"), Some(Strengthened)),
            ("entry.dns", Some("2 of 3"), Some("1 of 3"), Some(Weakened)),
            ("distance.near", Some("20 km"), Some("19.5 km"), Some(Weakened)),
            ("distance.near", Some("20 km"), Some("140 km"), Some(Strengthened)),
            ("backup.db.rpo", Some("no bound"), Some("3600s"), Some(Strengthened)),
            ("backup.db.rpo", Some("3600s"), Some("7200s"), Some(Weakened)),
            ("limit.licences", Some("10"), Some("12"), Some(Weakened)),
            ("limit.licences", Some("10"), Some("8"), Some(Strengthened)),
            ("class.far", Some("mirror"), Some("warm"), Some(Weakened)),
            ("class.far", Some("cold"), Some("hot"), Some(Strengthened)),
            ("min_ready.far", Some("2"), Some("3"), Some(Strengthened)),
            ("margin.alarm_below", Some("2"), Some("1"), Some(Weakened)),
            ("change.p", Some("weaken 2, remove 1, 1 windows"), Some("weaken 1, remove 1, 1 windows"), Some(Weakened)),
            (
                "change.p",
                Some("weaken 2, remove 0, 1 windows"),
                Some("weaken 2, remove 1, 1 windows"),
                Some(Strengthened),
            ),
            ("evidence.dogok", Some("declared"), Some("vendor_letter"), Some(Strengthened)),
            ("evidence.dogok", Some("site_survey"), Some("declared"), Some(Weakened)),
            ("never.heard", Some("a"), Some("b"), Some(Weakened)),
            ("survive.zone", Some("50% of 10"), Some("gibberish"), Some(Weakened)),
        ];
        for (id, was, is, wanted) in cases {
            assert_eq!(grade(id, *was, *is), *wanted, "{id} {was:?} -> {is:?}");
        }
    }
}
