//! "Did you mean": the name a person probably had in mind.

/// The candidate nearest to a word: at most two edits away (insert, delete, replace, swap neighbours), the first of equals.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    let mut best = (3, None);
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().take(LONGEST + 1).collect();
        if word.len().abs_diff(letters.len()) > 2 || letters.len() > LONGEST || word.len() > LONGEST {
            continue;
        }
        let distance = edits(&word, &letters);
        if distance > 0 && distance < best.0 {
            best = (distance, Some(candidate));
        }
    }
    best.1
}

/// Longer words get no suggestion: the work is quadratic in their length.
const LONGEST: usize = 64;

/// Edits between two words.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let names = ["location", "workload", "one", "web"];
        assert_eq!(nearest("locaiton", names), Some("location"));
        assert_eq!(nearest("workloads", names), Some("workload"));
        assert_eq!(nearest("nope", names), Some("one"));
        assert_eq!(nearest("database", names), None);
        assert_eq!(nearest("web", ["web"]), None);
    }
}
