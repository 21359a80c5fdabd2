//! Classes of characters in RE2's regular expressions.

use regex_syntax::hir::{self, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// A set of characters being put together.
pub(super) struct Class(ClassUnicode);

impl Default for Class {
    fn default() -> Class {
        Class(ClassUnicode::empty())
    }
}

impl Class {
    /// Adds a range of code points, and with `fold` what differs from them in case only.
    pub fn add(&mut self, low: u32, high: u32, fold: bool) {
        // Surrogates are no characters.
        let low = char::from_u32(low).unwrap_or('\u{e000}');
        let high = char::from_u32(high).unwrap_or('\u{d7ff}');
        if low > high {
            return;
        }
        let mut range = ClassUnicode::new([ClassUnicodeRange::new(low, high)]);
        if fold {
            range.case_fold_simple();
        }
        self.0.union(&range);
    }

    /// Adds another set, or all but it.
    pub fn union(&mut self, mut other: ClassUnicode, negated: bool) {
        if negated {
            other.negate();
        }
        self.0.union(&other);
    }

    /// Adds ASCII ranges, or all but them.
    pub fn union_ranges(&mut self, ranges: &[(char, char)], negated: bool, fold: bool) {
        let mut class = ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)));
        if fold {
            class.case_fold_simple();
        }
        self.union(class, negated);
    }

    /// The set as a part of a pattern.
    pub fn hir(mut self, negated: bool) -> Hir {
        if negated {
            self.0.negate();
        }
        Hir::class(hir::Class::Unicode(self.0))
    }
}

/// What `\d`, `\s` and `\w` stand for: ASCII only.
pub(super) fn perl(letter: char) -> Option<&'static [(char, char)]> {
    Some(match letter {
        'd' => &[('0', '9')],
        's' => &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
        'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    })
}

/// What `[:name:]` stands for.
pub(super) fn posix(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

/// General categories RE2 knows; it has no unassigned characters.
const CATEGORIES: &[&str] = &[
    "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd",
    "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// The characters of a general category or a script. Names are spelled exactly so.
pub(super) fn unicode(name: &str, fold: bool) -> Option<ClassUnicode> {
    let mut class = match name {
        "Any" => ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)]),
        // Surrogates are no characters.
        "Cs" => ClassUnicode::empty(),
        "C" => ["Cc", "Cf", "Co"].into_iter().try_fold(ClassUnicode::empty(), |mut all, name| {
            all.union(&property("gc", name)?);
            Some(all)
        })?,
        name if CATEGORIES.contains(&name) => property("gc", name)?,
        name if is_script_name(name) => property("sc", name)?,
        _ => return None,
    };
    if fold {
        class.case_fold_simple();
    }
    Some(class)
}

/// Scripts are spelled with capitals where words begin, which tells them from Rust's looser names.
fn is_script_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    letters
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() > 2
        && name.contains(|c: char| c.is_ascii_lowercase())
}

/// A property as Rust's tables have it.
fn property(key: &str, name: &str) -> Option<ClassUnicode> {
    let parsed = regex_syntax::Parser::new().parse(&format!("\\p{{{key}={name}}}")).ok()?;
    match parsed.into_kind() {
        HirKind::Class(hir::Class::Unicode(class)) => Some(class),
        HirKind::Literal(literal) => {
            let c = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(ClassUnicode::new([ClassUnicodeRange::new(c, c)]))
        }
        _ => None,
    }
}
