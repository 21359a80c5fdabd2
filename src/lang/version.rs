//! Versions and version constraints, in Terraform's manner.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use std::cmp::Ordering;

/// The version of the Terraform language straddle speaks; what `required_version` is compared with.
pub const LANGUAGE: Version = Version { numbers: [1, 11, 4], pre: String::new() };

/// A version: three numbers, and a pre-release if it is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    pub numbers: [u64; 3],
    pub pre: String,
}

impl Version {
    /// Reads `1.2.3`, `v1.2`, `1.2.3-beta1+build`. Missing numbers are 0.
    pub fn parse(text: &str) -> Option<Version> {
        Some(read(text)?.0)
    }
}

/// A version and how many numbers were written.
fn read(text: &str) -> Option<(Version, usize)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(before, _)| before);
    let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
    let mut parsed = [0; 3];
    let mut written = 0;
    for part in numbers.split('.') {
        if !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = part.parse().ok()?;
        // What is written beyond the third number is read and counts for nothing.
        if let Some(place) = parsed.get_mut(written) {
            *place = number;
            written += 1;
        }
    }
    let fine = pre.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'~'));
    (fine && !(pre.is_empty() && text.ends_with('-')))
        .then(|| (Version { numbers: parsed, pre: pre.to_owned() }, written))
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    /// By numbers; a pre-release is before its release.
    fn cmp(&self, other: &Version) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => pre_release(&self.pre, &other.pre),
        })
    }
}

/// Part by part: numbers before words, numbers as numbers.
fn pre_release(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                _ => x.cmp(y),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if self.pre.is_empty() { Ok(()) } else { write!(f, "-{}", self.pre) }
    }
}

/// Several conditions, all to be met: `>= 1.2, < 2.0`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Constraints(Vec<(Operator, Version, usize)>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// `~> 1.2.3`: the last number written may rise.
    Pessimistic,
}

impl Constraints {
    /// Reads constraints separated by commas.
    pub fn parse(text: &str) -> Option<Constraints> {
        let one = |part: &str| {
            let part = part.trim();
            let digits = part.find(|c: char| !matches!(c, '=' | '!' | '<' | '>' | '~'))?;
            let operator = match &part[..digits] {
                "" | "=" => Operator::Equal,
                "!=" => Operator::NotEqual,
                ">" => Operator::Greater,
                ">=" => Operator::GreaterOrEqual,
                "<" => Operator::Less,
                "<=" => Operator::LessOrEqual,
                "~>" => Operator::Pessimistic,
                _ => return None,
            };
            let (version, written) = read(part[digits..].trim())?;
            Some((operator, version, written))
        };
        text.split(',').map(one).collect::<Option<Vec<_>>>().map(Constraints)
    }

    /// Whether a pre-release is named.
    pub fn names_pre_release(&self) -> bool {
        self.0.iter().any(|(_, wanted, _)| !wanted.pre.is_empty())
    }

    /// Whether a version meets all. A pre-release meets only a constraint that names a pre-release of the same numbers.
    pub fn allow(&self, version: &Version) -> bool {
        self.0.iter().all(|(operator, wanted, written)| {
            let comparable = version.pre.is_empty() || (!wanted.pre.is_empty() && wanted.numbers == version.numbers);
            match operator {
                Operator::Equal => version == wanted,
                Operator::NotEqual => version != wanted,
                Operator::Greater => comparable && version > wanted,
                Operator::GreaterOrEqual => comparable && version >= wanted,
                Operator::Less => comparable && version < wanted,
                Operator::LessOrEqual => comparable && version <= wanted,
                Operator::Pessimistic => {
                    let fixed = written.saturating_sub(1);
                    comparable && version >= wanted && version.numbers[..fixed] == wanted.numbers[..fixed]
                }
            }
        })
    }
}

impl Operator {
    /// As written before a version.
    fn sign(self) -> &'static str {
        match self {
            Operator::Greater => "> ",
            Operator::GreaterOrEqual => ">= ",
            Operator::Equal => "",
            Operator::Pessimistic => "~> ",
            Operator::LessOrEqual => "<= ",
            Operator::Less => "< ",
            Operator::NotEqual => "!= ",
        }
    }
}

impl Constraints {
    /// Those of both.
    pub fn and(mut self, other: &Constraints) -> Constraints {
        self.0.extend(other.0.iter().cloned());
        self
    }
}

impl std::fmt::Display for Constraints {
    /// As Terraform's lock file has it: each once, sorted by version, with all numbers but for the last of `~>`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let order = |operator: &Operator| match operator {
            Operator::Greater => 0,
            Operator::GreaterOrEqual => 1,
            Operator::Equal => 2,
            Operator::Pessimistic => 3,
            Operator::LessOrEqual => 4,
            Operator::Less => 5,
            Operator::NotEqual => 6,
        };
        let mut all: Vec<&(Operator, Version, usize)> = self.0.iter().collect();
        all.sort_by(|a, b| a.1.cmp(&b.1).then(order(&a.0).cmp(&order(&b.0))));
        let mut texts: Vec<String> = Vec::with_capacity(all.len());
        for (operator, version, written) in all {
            let text = match (operator, written) {
                (Operator::Pessimistic, 0..3) => format!("~> {}.{}", version.numbers[0], version.numbers[1]),
                _ => format!("{}{version}", operator.sign()),
            };
            if texts.last() != Some(&text) {
                texts.push(text);
            }
        }
        f.write_str(&texts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured: what the real program writes for each.
    #[test]
    fn constraints_are_written_as_terraform_writes_them() {
        for (text, written) in [
            (
                "= 1.2.3, >= 1.2.3, <= 1.2.3, ~> 1.2.3, != 1.2.4, < 1.2.4, > 1.2.2, ~> 1.2.2, >= 1.2.2",
                "> 1.2.2, >= 1.2.2, ~> 1.2.2, >= 1.2.3, 1.2.3, ~> 1.2.3, <= 1.2.3, < 1.2.4, != 1.2.4",
            ),
            ("~> 1", "~> 1.0"),
            (">= 1, < 2", ">= 1.0.0, < 2.0.0"),
            (">=1.2.3,>= 1.2.3", ">= 1.2.3"),
            ("> 1.0.0-beta1", "> 1.0.0-beta1"),
        ] {
            assert_eq!(Constraints::parse(text).unwrap().to_string(), written);
        }
    }

    #[test]
    fn constraints_as_terraform_reads_them() {
        let allowed = |constraint: &str, version: &str| {
            Constraints::parse(constraint).unwrap().allow(&Version::parse(version).unwrap())
        };
        for (constraint, version, expected) in [
            (">= 1.2, < 2.0", "1.11.4", true),
            (">= 1.2, < 2.0", "2.0.0", false),
            ("~> 1.2", "1.9.0", true),
            ("~> 1.2", "2.0.0", false),
            ("~> 1.2.3", "1.2.9", true),
            ("~> 1.2.3", "1.3.0", false),
            ("1.2.3", "1.2.3", true),
            ("!= 1.2.3", "1.2.3", false),
            (">= 1.0", "1.1.0-beta1", false),
            (">= 1.1.0-alpha1", "1.1.0-beta1", true),
            ("> 1.10.0", "1.9.0", false),
        ] {
            assert_eq!(allowed(constraint, version), expected, "{constraint} {version}");
        }
        for bad in ["abc", "", ">=", "=> 1", "1..2", "-1", "1.2-"] {
            assert!(Constraints::parse(bad).is_none(), "{bad:?}");
        }
        assert_eq!(LANGUAGE.to_string(), "1.11.4");
    }
}
