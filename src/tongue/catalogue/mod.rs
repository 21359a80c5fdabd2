//! Every message, in every language.

mod pages;
mod paper;
mod promises;
mod telling;

use super::Lang;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Key, English, Korean.
pub type Entry = (&'static str, &'static str, &'static str);

static INDEX: LazyLock<HashMap<&'static str, &'static Entry>> =
    LazyLock::new(|| all().map(|entry| (entry.0, entry)).collect());

/// All messages.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    promises::MESSAGES.iter().chain(pages::MESSAGES).chain(paper::MESSAGES).chain(telling::MESSAGES)
}

/// The template of a message; an unknown key, from a plan of another version, stands for itself.
pub fn template(key: &str, lang: Lang) -> &str {
    match (INDEX.get(key), lang) {
        (Some((_, en, _)), Lang::En) => en,
        (Some((_, _, ko)), Lang::Ko) => ko,
        (None, _) => key,
    }
}
