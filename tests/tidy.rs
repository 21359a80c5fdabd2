//! The house rules that a compiler does not know: who may use whom, as ARCHITECTURE.md says, and how long a file may be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The table "Who may use whom".
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Who may use whom").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|l| l.starts_with('|') && !l.contains("---") && !l.contains("may use |"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].to_string(), cells[1].split_whitespace().map(String::from).collect())
    })
    .collect()
}

#[test]
fn rooms_use_only_whom_the_architecture_allows() {
    let allowed = allowed();
    assert!(allowed.len() >= 10, "the table was not found");
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = BTreeSet::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let room = relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if matches!(room, "lib" | "main") || relative.components().any(|c| c.as_os_str() == "tests") {
            continue;
        }
        let may = allowed.get(room).unwrap_or_else(|| panic!("room {room} is not in the table of ARCHITECTURE.md"));
        let text = std::fs::read_to_string(&file).unwrap();
        // Tests may build inputs with whatever they like.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for part in text.split("crate::").skip(1) {
            let used: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if allowed.contains_key(&used) && used != room && !may.contains(&used) {
                wrong.insert(format!("{room} uses {used} in {}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_have_one_subject() {
    let mut files = Vec::new();
    for dir in ["src", "providers/sdk/src", "providers/sim/src", "providers/aws/src"] {
        sources(&root().join(dir), &mut files);
    }
    let long: Vec<String> = files
        .iter()
        .filter(|f| !f.components().any(|c| c.as_os_str() == "proto" || c.as_os_str() == "generated"))
        .filter_map(|f| {
            let lines = std::fs::read_to_string(f).unwrap().lines().count();
            (lines > 800).then(|| format!("{} has {lines} lines", f.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
