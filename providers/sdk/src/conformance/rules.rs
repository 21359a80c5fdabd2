//! What holds of every schema, of every plan and of every result.

use super::Report;
use crate::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use crate::value::{Kind, Path, Str, Value, same_unrefined};
use std::collections::BTreeMap;

/// Names that mean something else in a resource block.
const RESERVED: &[&str] =
    &["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "dynamic"];

/// A schema that every caller can use.
pub(super) fn schema(report: &mut Report, type_name: &Str, block: &Block, root: bool) {
    for name in block.attributes.keys().chain(block.blocks.keys()) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let good = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && name.chars().all(plain);
        report.rule(type_name, "names are lower case words", good, || format!("{name:?}"));
        let free = !root || !RESERVED.contains(&&**name);
        report.rule(type_name, "names are not taken by the language", free, || format!("{name:?}"));
    }
    attributes(report, type_name, &block.attributes);
    for (name, nested) in &block.blocks {
        nested_block(report, type_name, name, nested);
        schema(report, type_name, &nested.block, false);
    }
}

fn attributes(report: &mut Report, type_name: &Str, attributes_of: &BTreeMap<Str, Attribute>) {
    for (name, a) in attributes_of {
        let flags = match (a.required, a.optional, a.computed) {
            (true, false, false) | (false, true, _) | (false, false, true) => true,
            (_, _, _) => false,
        };
        report.rule(type_name, "an attribute is required, optional, computed, or optional and computed", flags, || {
            format!("{name} is required {}, optional {}, computed {}", a.required, a.optional, a.computed)
        });
        report.rule(type_name, "a write-only attribute is not computed", !(a.write_only && a.computed), || {
            name.to_string()
        });
        if let AttributeType::Nested { attributes: inner, nesting } = &a.ty {
            let good = *nesting != Nesting::Group;
            report.rule(type_name, "a nested attribute is no group", good, || name.to_string());
            attributes(report, type_name, inner);
        }
    }
}

fn nested_block(report: &mut Report, type_name: &Str, name: &Str, nested: &NestedBlock) {
    let (min, max) = (nested.min_items, nested.max_items);
    let limits = match nested.nesting {
        Nesting::Map | Nesting::Group => (min, max) == (0, 0),
        Nesting::Single => matches!((min, max), (0, 0 | 1) | (1, 1)),
        Nesting::List | Nesting::Set => min >= 0 && (max == 0 || min <= max),
    };
    report.rule(type_name, "the limits of a block fit its nesting", limits, || format!("{name}: {min} to {max}"));
    let dynamic = nested.nesting == Nesting::Set && nested.block.implied_type().has_dynamic();
    report.rule(type_name, "a set of blocks holds no dynamic type", !dynamic, || name.to_string());
}

/// Where a plan disagrees with what was asked for. Nested attributes and blocks are looked at as wholes.
pub(super) fn disagreement(block: &Block, prior: &Value, config: &Value, planned: &Value) -> Option<String> {
    let equal = |a: Option<&Value>, b: &Value| a.is_some_and(|a| same_unrefined(a, b));
    for (name, a) in &block.attributes {
        let (Some(wanted), Some(plan)) = (config.get(name), planned.get(name)) else {
            return Some(format!("{name} is missing"));
        };
        if a.write_only {
            if !plan.is_null() {
                return Some(format!("write-only {name} is not null"));
            }
            continue;
        }
        if matches!(a.ty, AttributeType::Nested { .. }) || (a.computed && wanted.is_null()) {
            continue;
        }
        let unchanged = !wanted.is_null() && equal(prior.get(name), plan);
        if !same_unrefined(wanted, plan) && !unchanged {
            return Some(format!("{name} is neither what was written nor what it was"));
        }
    }
    let bad = |(name, nested): &(&Str, &NestedBlock)| {
        let null = planned.get(name).is_none_or(Value::is_null);
        null && nested.nesting != Nesting::Single
    };
    block.blocks.iter().find(bad).map(|(name, _)| format!("block {name} is null"))
}

/// Where a result breaks what was planned.
pub(super) fn broken_promise(planned: &Value, actual: &Value, at: &Path) -> Option<Path> {
    use crate::value::Step;
    let deeper = |step: Step| {
        let mut path = at.clone();
        path.0.push(step);
        path
    };
    match (planned.kind(), actual.kind()) {
        (Kind::Unknown(_), _) => None,
        (Kind::List(_) | Kind::Tuple(_), Kind::List(_) | Kind::Tuple(_)) => {
            let (p, a) = (planned.items().unwrap_or_default(), actual.items().unwrap_or_default());
            if p.len() != a.len() {
                return Some(at.clone());
            }
            p.iter().zip(a).enumerate().find_map(|(i, (p, a))| broken_promise(p, a, &deeper(Step::Index(i as u64))))
        }
        (Kind::Object(_), Kind::Object(_)) | (Kind::Map(_), Kind::Map(_)) => {
            let (p, a) = (planned.entries().unwrap_or_default(), actual.entries().unwrap_or_default());
            if p.len() != a.len() {
                return Some(at.clone());
            }
            p.iter().zip(a).find_map(|((name, p), (other, a))| match name == other {
                true => broken_promise(p, a, &deeper(Step::Attr(name.clone()))),
                false => Some(at.clone()),
            })
        }
        (Kind::Set(p), Kind::Set(a)) => {
            let kept = |p: &Value| a.items.iter().any(|a| broken_promise(p, a, at).is_none());
            (a.items.len() > p.items.len() || !p.items.iter().all(kept)).then(|| at.clone())
        }
        _ => (!same_unrefined(planned, actual)).then(|| at.clone()),
    }
}

/// Configuration and prior state merged, as callers do: what the provider computes and the user does not write stays.
pub(super) fn proposed(block: &Block, prior: &Value, config: &Value) -> Value {
    let mut result = merged(&block.attributes, prior, config);
    for (name, nested) in &block.blocks {
        if let Some(value) = config.get(name) {
            let before = prior.get(name);
            let new = each(value, before, &|item, before| proposed(&nested.block, before, item));
            result = result.with_attribute(name, new);
        }
    }
    result
}

fn merged(attributes: &BTreeMap<Str, Attribute>, prior: &Value, config: &Value) -> Value {
    let mut result = config.clone();
    for (name, a) in attributes {
        let (Some(wanted), Some(before)) = (config.get(name), prior.get(name)) else { continue };
        if a.computed && wanted.is_null() {
            result = result.with_attribute(name, before.clone());
        } else if let AttributeType::Nested { attributes, .. } = &a.ty {
            let new = each(wanted, Some(before), &|item, before| merged(attributes, before, item));
            result = result.with_attribute(name, new);
        }
    }
    result
}

/// The objects of a collection, each merged with the one that was in its place; in sets with the one that differs by computed
/// attributes only, which is the one that merges into itself.
fn each(value: &Value, before: Option<&Value>, merge: &dyn Fn(&Value, &Value) -> Value) -> Value {
    let Some(before) = before.filter(|b| !b.is_null() && !b.is_unknown()) else { return value.clone() };
    match (value.kind(), before.kind()) {
        (Kind::List(e), Kind::List(old)) => {
            let items = e.items.iter().enumerate().map(|(i, v)| old.items.get(i).map_or(v.clone(), |b| merge(v, b)));
            Value::list(e.of.clone(), items.collect())
        }
        (Kind::Map(e), Kind::Map(_)) => {
            let items = e.items.iter().map(|(k, v)| (k.clone(), before.get(k).map_or(v.clone(), |b| merge(v, b))));
            Value::map(e.of.clone(), items.collect())
        }
        (Kind::Set(e), Kind::Set(old)) => {
            let one = |v: &Value| {
                let same = old.items.iter().find(|b| same_unrefined(&merge(v, b), b));
                same.cloned().unwrap_or_else(|| v.clone())
            };
            Value::set(e.of.clone(), e.items.iter().map(one).collect())
        }
        (Kind::Object(_), Kind::Object(_)) => merge(value, before),
        _ => value.clone(),
    }
}
