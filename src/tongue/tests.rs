use super::*;
use std::collections::BTreeSet;

/// The placeholders of a template, without particles.
fn placeholders(template: &str) -> BTreeSet<&str> {
    template.split('{').skip(1).filter_map(|part| part.split(['}', '|']).next()).collect()
}

#[test]
fn every_message_is_there_in_both_languages_with_the_same_placeholders() {
    let mut seen = BTreeSet::new();
    for (key, en, ko) in catalogue::all() {
        assert!(seen.insert(*key), "{key} stands twice");
        assert!(!en.is_empty() && !ko.is_empty(), "{key}");
        assert_eq!(placeholders(en), placeholders(ko), "{key}");
        assert_eq!(en.matches('{').count(), en.matches('}').count(), "{key}");
        assert_eq!(ko.matches('{').count(), ko.matches('}').count(), "{key}");
        assert!(!en.contains('|'), "{key}: particles are Korean");
        // What is only placeholders and signs needs no language.
        let said: String = ko.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect();
        let korean = said.chars().any(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c));
        assert!(korean || !said.chars().any(char::is_alphabetic), "{key} is not Korean: {ko}");
    }
}

/// Every literal of the sources that has the form of a key and begins as a key of the catalogue does.
fn used() -> BTreeSet<String> {
    fn files(dir: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "tests") {
                files(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(path);
            }
        }
    }
    let first = |key: &str| key.split('.').next().unwrap_or_default().to_string();
    let families: BTreeSet<String> = catalogue::all().map(|(key, ..)| first(key)).collect();
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    for room in ["promise", "report", "cli"] {
        files(&src.join(room), &mut all);
    }
    let is_key = |text: &&str| {
        text.contains('.') && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.')
    };
    let mut keys = BTreeSet::new();
    for file in all {
        let text = std::fs::read_to_string(&file).unwrap();
        let literals = text.split('"').filter(is_key).filter(|key| families.contains(&first(key)));
        keys.extend(literals.map(str::to_string));
    }
    keys
}

#[test]
fn sources_and_catalogue_name_the_same_messages() {
    let known: BTreeSet<String> = catalogue::all().map(|(key, ..)| (*key).to_string()).collect();
    let used = used();
    let missing: Vec<_> = used.difference(&known).collect();
    let dead: Vec<_> = known.difference(&used).collect();
    assert!(missing.is_empty() && dead.is_empty(), "missing: {missing:#?}\nnever said: {dead:#?}");
}

#[test]
fn arguments_and_particles() {
    let mut out = String::new();
    let mut say = |template: &str, word: &str| {
        out.clear();
        fill(template, Lang::Ko, &mut out, &mut |_| Some(word.to_string()));
        out.clone()
    };
    assert_eq!(say("{a|은|는}", "서울"), "서울은");
    assert_eq!(say("{a|은|는}", "대구"), "대구는");
    assert_eq!(say("{a|으로|로} 옮깁니다", "서울"), "서울로 옮깁니다");
    assert_eq!(say("{a|으로|로}", "부산"), "부산으로");
    assert_eq!(say("{a|이|가}", "5"), "5가");
    assert_eq!(say("{a|이|가}", "3"), "3이");
    assert_eq!(say("{a|을|를}", "web"), "web을");
    assert_eq!(say("{a|을|를}", "location aws"), "location aws를");
}

#[test]
fn lengths_of_time() {
    let all = [0, 59, 60, 820, 7200, 86_400, 172_800, 90_000];
    assert_eq!(all.map(|s| duration(s, Lang::En)), ["0s", "59s", "1m", "13m40s", "2h", "24h", "2d", "25h"]);
    assert_eq!(
        all.map(|s| duration(s, Lang::Ko)),
        ["0초", "59초", "1분", "13분 40초", "2시간", "24시간", "2일", "25시간"]
    );
}

#[test]
fn locales_name_languages() {
    assert_eq!(Lang::named("ko_KR.UTF-8"), Some(Lang::Ko));
    assert_eq!(Lang::named("ko"), Some(Lang::Ko));
    assert_eq!(Lang::named("C.UTF-8"), Some(Lang::En));
    assert_eq!(Lang::named("kok_IN"), None);
}
