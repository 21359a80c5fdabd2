//! `change` blocks: windows, freezes, approvals, a cap on removals.

use super::Reader;
use crate::diag::Diagnostic;
use crate::promise::model::{ChangeRule, Freeze, Window};
use crate::spec::fields::{Fields, parse_duration, whole};
use crate::spec::locations::whole_seconds;
use crate::spec::model::Spec;
use std::collections::BTreeMap;
use straddle_sdk::value::Value;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub fn lower(spec: &mut Spec, name: &str, fields: &Fields<'_>, read: &Reader<'_>) {
    let mut seen = BTreeMap::new();
    let mut windows = Vec::new();
    for block in fields.blocks("window") {
        let Some((name, inner)) = read.inside(fields, block, &mut seen) else { continue };
        windows.extend(window(&name, &inner));
        inner.finish();
    }
    let mut seen = BTreeMap::new();
    let mut freezes = Vec::new();
    for block in fields.blocks("freeze") {
        let Some((name, inner)) = read.inside(fields, block, &mut seen) else { continue };
        freezes.extend(freeze(&name, &inner));
        inner.string("reason");
        inner.finish();
    }
    let approvals = numbers(fields, "approvals", &["weaken", "remove"], "{ weaken = 2, remove = 1 }");
    let removals = removals(fields);
    let site = spec.site(fields.header().clone());
    let owner = fields.owner().map(|o| o.to_string());
    spec.promises.changes.push(ChangeRule {
        name: name.to_string(),
        windows,
        freezes,
        weaken: approvals[0],
        remove: approvals[1],
        removals,
        owner,
        site,
    });
}

fn numbers<const N: usize>(fields: &Fields<'_>, name: &'static str, of: &[&str; N], example: &str) -> [u64; N] {
    let mut found = [0; N];
    let Some((value, expr)) = fields.value(name) else { return found };
    let sound = value.entries().is_some_and(|entries| {
        entries.iter().all(|(key, v)| match (of.iter().position(|n| *n == &**key), whole(v)) {
            (Some(i), Some(n)) => {
                found[i] = n;
                true
            }
            _ => false,
        })
    });
    if !sound {
        fields.mismatch(expr, name, "an object of whole numbers", example);
    }
    found
}

/// `max_removals = { count = 3, within = "1h" }`.
fn removals(fields: &Fields<'_>) -> Option<(u64, u64)> {
    let (value, expr) = fields.value("max_removals")?;
    let count = value.get("count").and_then(whole);
    let within = value.get("within").and_then(Value::as_str).and_then(parse_duration).map(whole_seconds);
    let found = count.zip(within).filter(|_| value.entries().is_some_and(|e| e.len() == 2));
    if found.is_none() {
        fields.mismatch(expr, "max_removals", "how many within what time", "{ count = 3, within = \"1h\" }");
    }
    found
}

fn window(name: &str, fields: &Fields<'_>) -> Option<Window> {
    let days = match fields.strings("days") {
        None => (0..7).collect::<Vec<u8>>(),
        Some(names) => {
            let found: Option<Vec<u8>> =
                names.iter().map(|n| DAYS.iter().position(|d| *d == &**n).map(|i| i as u8)).collect();
            if found.is_none() {
                fields.report(
                    Diagnostic::error("Unknown day", "A day is one of mon, tue, wed, thu, fri, sat, sun.")
                        .at(&fields.span("days"))
                        .help("For example: days = [\"tue\", \"thu\"]"),
                );
            }
            found?
        }
    };
    let (from, to) = (minute(fields, "from"), minute(fields, "to"));
    for (argument, value) in [("from", from), ("to", to)] {
        if value.is_none() {
            fields.missing(argument, "\"02:00\"");
        }
    }
    let offset = offset(fields);
    Some(Window { name: name.to_string(), days, from: from?, to: to?, offset: offset? })
}

/// `"02:30"` in minutes.
fn minute(fields: &Fields<'_>, name: &'static str) -> Option<u16> {
    let (value, expr) = fields.value(name)?;
    let clock = value.as_str().and_then(|text| text.split_once(':')).and_then(|(h, m)| {
        let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
        (h < 24 && m < 60).then_some(h * 60 + m)
    });
    if clock.is_none() {
        fields.mismatch(expr, name, "a time of day", "\"02:00\"");
    }
    clock
}

/// `offset = "+09:00"`; Greenwich when nothing is said.
fn offset(fields: &Fields<'_>) -> Option<i16> {
    let Some((value, expr)) = fields.value("offset") else { return Some(0) };
    let found = value.as_str().and_then(|text| {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (h, m) = rest.split_once(':')?;
        let (h, m): (i16, i16) = (h.parse().ok()?, m.parse().ok()?);
        ((0..=14).contains(&h) && (0..60).contains(&m)).then_some(sign * (h * 60 + m))
    });
    if found.is_none() {
        fields.mismatch(expr, "offset", "hours and minutes east of Greenwich", "\"+09:00\"");
    }
    found
}

fn freeze(name: &str, fields: &Fields<'_>) -> Option<Freeze> {
    let from = fields.day("from");
    let to = fields.day("to");
    for argument in ["from", "to"] {
        if fields.expr(argument).is_none() {
            fields.missing(argument, "\"2026-09-24\"");
        }
    }
    let (from, to) = (from?, to?);
    if from > to {
        fields.report(
            Diagnostic::error(
                "A freeze that ends before it begins",
                "\"to\" is the last day, and lies before \"from\".",
            )
            .at(&fields.span("to"))
            .help("Exchange the two."),
        );
        return None;
    }
    Some(Freeze { name: name.to_string(), from, to })
}
