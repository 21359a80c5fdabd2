//! Upper, lower and title case, one character for one character: Terraform uses the simple mappings of Unicode, where
//! "straße" becomes "STRAßE", while Rust's own are the full mappings.

/// Upper case.
pub(super) fn upper(text: &str) -> String {
    text.chars().map(upper_char).collect()
}

/// Lower case.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// Title case for every letter after a separator. ASCII letters, digits and the underscore separate nothing, all other ASCII
/// does; of the rest only white space separates.
pub(super) fn title(text: &str) -> String {
    let mut before = ' ';
    text.chars().map(|c| if separates(std::mem::replace(&mut before, c)) { title_char(c) } else { c }).collect()
}

fn separates(c: char) -> bool {
    if c.is_ascii() { !(c.is_ascii_alphanumeric() || c == '_') } else { c.is_whitespace() }
}

fn upper_char(c: char) -> char {
    match c {
        // Greek with iota subscript: the full mapping spells the iota out, the simple one is a single letter.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => shifted(c, 8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(c, 9),
        _ => single(c, c.to_uppercase()),
    }
}

fn lower_char(c: char) -> char {
    if c == 'İ' { 'i' } else { single(c, c.to_lowercase()) }
}

fn title_char(c: char) -> char {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        // Georgian has capitals but no title case.
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => c,
        _ => upper_char(c),
    }
}

/// The mapping if it is one character, else the character itself.
fn single(c: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    if mapped.len() == 1 { mapped.next().unwrap_or(c) } else { c }
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(c as u32 + by).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured with Terraform 1.11.4.
    #[test]
    fn maps_one_to_one() {
        for (text, want) in [("straße", "STRAßE"), ("ﬁ", "ﬁ"), ("ᾳ", "ᾼ"), ("ǆ", "Ǆ"), ("éa1", "ÉA1"), ("ŉ", "ŉ")]
        {
            assert_eq!(upper(text), want);
        }
        for (text, want) in [("İ", "i"), ("ÀB", "àb"), ("ΑΣ", "ας".replace('ς', "σ").as_str())] {
            assert_eq!(lower(text), want);
        }
        for (text, want) in [
            ("hello world-foo bar_baz", "Hello World-Foo Bar_baz"),
            ("o'neil", "O'Neil"),
            ("ǆa", "ǅa"),
            ("a\u{a0}b", "A\u{a0}B"),
            ("1st 2nd", "1st 2nd"),
            ("é·b", "É·b"),
        ] {
            assert_eq!(title(text), want);
        }
    }
}
