//! Under `--lang ko` nothing that straddle itself says is English: what is said alike in both languages is looked for sentences.

use super::*;
use std::collections::BTreeSet;

/// Words of a spec's own language, of Terraform's notation, of commands to type, and of providers, which speak English.
const NOTATION: &[&str] = &[
    "(known after apply)",
    "is down and answers no requests",
    "brings it back",
    "not shown: unchanged",
    "straddle ",
    "sim_",
];

/// Whether a line holds three plain English words in a row.
fn is_english(line: &str) -> bool {
    let outside: String = line.split('"').step_by(2).collect::<Vec<_>>().join(" \u{b7} ");
    let mut row = 0;
    for word in outside.split_whitespace() {
        let plain = word.trim_end_matches([',', '.', ':', ';']);
        let is_word = plain.len() > 1 && plain.chars().all(|c| c.is_ascii_lowercase());
        row = if is_word { row + 1 } else { 0 };
        if row >= 3 {
            return true;
        }
    }
    false
}

fn lines(dir: &std::path::Path, lang: &str, args: &[&str]) -> BTreeSet<String> {
    let output = straddle(dir, &[&["--lang", lang], args].concat());
    text(&output).lines().map(|l| l.trim().to_string()).collect()
}

#[test]
fn what_is_said_is_said_in_korean() {
    let mut found = BTreeSet::new();
    for (example, loss) in [
        ("web-5-5", "zone:seoul-a"),
        ("web-groups", "zone:seoul-a"),
        ("billing-1-plus-2", "zone:a"),
        ("kakao-2022", "zone:pangyo"),
        ("three-carriers", "zone:kr-1"),
        ("two-clouds-one-building", "cloud:aws"),
        ("seoul-2018", "zone:apne2-az1"),
        ("distance", "zone:seoul"),
    ] {
        let (_keep, dir) = copy(example);
        let look = |found: &mut BTreeSet<String>| {
            for words in [
                &["plan"][..],
                &["drift"],
                &["simulate"],
                &["validate", "-rules"],
                &["failback", "-check"],
                &["simulate", "--lose", loss],
            ] {
                let (en, ko) = (lines(&dir, "en", words), lines(&dir, "ko", words));
                let alike = en.intersection(&ko).filter(|l| is_english(l));
                let alike = alike.filter(|l| !NOTATION.iter().any(|known| l.contains(known)));
                found.extend(alike.map(|line| format!("{example} {words:?}: {line}")));
            }
        };
        look(&mut found);
        straddle(&dir, &["apply", "-auto-approve"]);
        look(&mut found);
        straddle(&dir, &["sim", "down", loss]);
        look(&mut found);
        straddle(&dir, &["failover", "-auto-approve"]);
        straddle(&dir, &["sim", "up", loss]);
        look(&mut found);
    }
    assert!(
        found.is_empty(),
        "English alone, {} lines:\n{}",
        found.len(),
        found.into_iter().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn sentences_are_told_from_names_and_notation() {
    assert!(is_english("  GONE: the provider has no such object"));
    assert!(!is_english("workload.web.sim_instance.server[\"seoul-a/0\"] sim \"a b c d\""));
    assert!(!is_english("Next:  straddle plan"));
}

/// What a page shows: neither its style, nor its script, nor its marks.
fn shown(page: &str) -> BTreeSet<String> {
    let without = |text: &str, tag: &str| -> String {
        let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
        text.split(&open)
            .enumerate()
            .map(|(i, part)| if i == 0 { part } else { part.split_once(&close).map_or("", |p| p.1) })
            .collect()
    };
    let text = without(&without(page, "style"), "script");
    let parts = text.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest));
    parts.flat_map(str::lines).map(|l| l.trim().to_string()).filter(|l| !l.is_empty()).collect()
}

#[test]
fn pages_are_korean_as_the_terminal_is() {
    let (_keep, dir) = copy("web-5-5");
    let page = |lang: &str, args: &[&str], flag: &str| -> String {
        straddle(&dir, &[&["--lang", lang], args, &[flag]].concat());
        std::fs::read_to_string(dir.join("page.html")).unwrap()
    };
    let mut found = BTreeSet::new();
    let mut look = || {
        for (args, flag) in [
            (&["plan"][..], "-html=page.html"),
            (&["simulate", "--any", "1", "--of", "zone"], "-html=page.html"),
            (&["drift"], "--out=html=page.html"),
        ] {
            let (en, ko) = (page("en", args, flag), page("ko", args, flag));
            assert!(en.contains("<html lang=\"en\">") && ko.contains("<html lang=\"ko\">"), "{args:?}");
            let (en, ko) = (shown(&en), shown(&ko));
            let alike = en.intersection(&ko).filter(|l| is_english(l));
            found.extend(
                alike.filter(|l| !NOTATION.iter().any(|known| l.contains(known))).map(|l| format!("{args:?}: {l}")),
            );
            assert!(en.difference(&ko).count() > 5, "{args:?}");
        }
    };
    look();
    straddle(&dir, &["apply", "-auto-approve"]);
    straddle(&dir, &["sim", "kill", "1", "--in", "zone:seoul-a"]);
    look();
    straddle(&dir, &["sim", "down", "zone:seoul-a"]);
    look();
    assert!(found.is_empty(), "{}", found.into_iter().collect::<Vec<_>>().join("\n"));
}
