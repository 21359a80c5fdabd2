//! All functions by name.

use super::{
    Function, collections, convert, crypto, csv, encoding, format, json, maps, net, numbers, path, regex, sequence,
    sets, strings, time, yaml,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The functions of each family.
fn families() -> [&'static [Function]; 17] {
    [
        collections::FUNCTIONS,
        convert::FUNCTIONS,
        crypto::FUNCTIONS,
        csv::FUNCTIONS,
        encoding::FUNCTIONS,
        format::FUNCTIONS,
        json::FUNCTIONS,
        maps::FUNCTIONS,
        net::FUNCTIONS,
        numbers::FUNCTIONS,
        path::FUNCTIONS,
        regex::FUNCTIONS,
        sequence::FUNCTIONS,
        sets::FUNCTIONS,
        strings::FUNCTIONS,
        time::FUNCTIONS,
        yaml::FUNCTIONS,
    ]
}

static BY_NAME: LazyLock<BTreeMap<&'static str, &'static Function>> =
    LazyLock::new(|| families().into_iter().flatten().map(|f| (f.name, f)).collect());

/// The function of this name; `core::` may stand before it.
pub fn lookup(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name.strip_prefix("core::").unwrap_or(name)).copied()
}

/// All functions, by name.
pub fn all() -> impl Iterator<Item = &'static Function> {
    BY_NAME.values().copied()
}

/// The names of all functions, sorted, without `core::`.
pub fn names() -> impl Iterator<Item = &'static str> {
    BY_NAME.keys().copied()
}
