//! Korean particles follow the sound a word ends in: 서울은, 부산은, 대구는; 서울로, 부산으로.

/// How a word ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Vowel,
    /// The consonant ㄹ: 으로 becomes 로 after it.
    Rieul,
    Consonant,
}

/// The particle for what stands before it: `closed` after a consonant, `open` after a vowel.
pub fn choose<'p>(word: &str, closed: &'p str, open: &'p str) -> &'p str {
    match ending(word) {
        Ending::Vowel => open,
        Ending::Rieul if closed.starts_with("으로") => open,
        Ending::Rieul | Ending::Consonant => closed,
    }
}

/// Syllables are known; of digits and Latin letters the way Koreans read them is taken.
fn ending(word: &str) -> Ending {
    let Some(last) = word.chars().rev().find(|c| c.is_alphanumeric() || *c == '%') else { return Ending::Vowel };
    match last {
        '\u{ac00}'..='\u{d7a3}' => match (u32::from(last) - 0xac00) % 28 {
            0 => Ending::Vowel,
            8 => Ending::Rieul,
            _ => Ending::Consonant,
        },
        '1' | '7' | '8' | 'l' | 'L' | 'R' => Ending::Rieul,
        '0' | '3' | '6' | 'm' | 'n' | 'M' | 'N' => Ending::Consonant,
        'b' | 'k' | 'p' | 't' if is_short(word) => Ending::Consonant,
        _ => Ending::Vowel,
    }
}

/// A Latin word that ends in vowel and stop is read with a closed last syllable: `web` is 웹, `app` 앱.
fn is_short(word: &str) -> bool {
    let letters: Vec<char> = word.chars().rev().take_while(char::is_ascii_alphabetic).collect();
    letters.get(1).is_some_and(|c| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u') || *c == letters[0]) && letters.len() <= 4
}
