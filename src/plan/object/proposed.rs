//! The object proposed to the provider: the configuration, completed by what the provider itself decided before.

use super::{elements, is_empty};
use std::sync::Arc;
use straddle_sdk::schema::{Attribute, Block, Fields, NestedBlock, Nesting};
use straddle_sdk::value::{Elements, Kind, Str, Value, same_unrefined};

/// Merges prior object and configuration: what is written counts, what is not written and is the provider's to decide stays as it is.
///
/// A null `prior` is a create: what the provider decides is then null. An unknown `prior` makes it unknown, which is how the result
/// of a data source that cannot be read yet is planned. Linear in both, except for sets whose elements differ, where each
/// configured element is compared with the prior ones.
pub fn proposed_new(block: &Block, prior: &Value, config: &Value) -> Value {
    object(block, Prior::of(prior), config)
}

/// What there was in a place.
#[derive(Clone, Copy)]
enum Prior<'a> {
    /// Nothing.
    None,
    /// Something not known yet, which makes its parts unknown too.
    Unknown,
    Some(&'a Value),
}

impl<'a> Prior<'a> {
    fn of(value: &'a Value) -> Prior<'a> {
        match value.kind() {
            Kind::Null(_) => Prior::None,
            Kind::Unknown(_) => Prior::Unknown,
            _ => Prior::Some(value),
        }
    }

    /// An attribute that is there and null.
    fn null(self, name: &str) -> Option<&'a Value> {
        match self {
            Prior::Some(value) => value.get(name).filter(|v| v.is_null()),
            _ => None,
        }
    }

    fn part(self, part: impl FnOnce(&'a Value) -> Option<&'a Value>) -> Prior<'a> {
        match self {
            Prior::Some(value) => part(value).map_or(Prior::None, Prior::of),
            other => other,
        }
    }
}

fn object(block: &Block, prior: Prior<'_>, config: &Value) -> Value {
    match (config.kind(), prior) {
        (Kind::Null(_), Prior::None) => config.clone(),
        (Kind::Null(_) | Kind::Unknown(_), Prior::Some(prior)) => prior.clone(),
        (Kind::Null(_) | Kind::Unknown(_), Prior::Unknown) => Value::unknown(config.ty()),
        (Kind::Unknown(_), Prior::None) => block.empty_value(),
        _ => fields(Fields::Block(block), prior, config),
    }
}

fn fields(schema: Fields<'_>, prior: Prior<'_>, config: &Value) -> Value {
    let Kind::Object(items) = config.kind() else { return config.clone() };
    let mut proposed: Option<Vec<(Str, Value)>> = None;
    for (i, (name, c)) in items.iter().enumerate() {
        let p = prior.part(|p| p.get(name));
        let new = match (schema.attributes().get(name), schema.blocks().and_then(|b| b.get(name))) {
            // A null, too, is kept as it was: of any type it has one of its own.
            (Some(a), _) if a.computed && c.is_null() && prior.null(name).is_some() => prior.null(name).cloned(),
            (Some(a), _) => attribute(a, p, c),
            (_, Some(b)) => nested_block(b, p, c),
            _ => None,
        };
        if let Some(new) = new {
            proposed.get_or_insert_with(|| Vec::clone(items))[i].1 = new;
        }
    }
    proposed.map_or_else(|| config.clone(), |items| Kind::Object(Arc::new(items)).into())
}

/// `None`: as configured.
fn attribute(schema: &Attribute, prior: Prior<'_>, config: &Value) -> Option<Value> {
    if schema.computed && config.is_null() {
        return match prior {
            Prior::None => None,
            Prior::Unknown => Some(Value::unknown(schema.ty.implied_type())),
            // Something inside was configured once and is not any more: that is a removal.
            Prior::Some(p) if schema.optional && holds_configured(schema, p) => None,
            Prior::Some(p) => Some(p.clone()),
        };
    }
    let (inner, nesting) = schema.fields().zip(schema.nesting())?;
    match nesting {
        _ if config.is_null() || config.is_unknown() => None,
        Nesting::Single | Nesting::Group => Some(fields(inner, prior, config)),
        _ => collection(nesting, prior, config, inner, &|p, c| fields(inner, p, c)),
    }
}

/// Whether a nested attribute holds a value that only a configuration can have set.
fn holds_configured(schema: &Attribute, value: &Value) -> bool {
    let Some((inner, nesting)) = schema.fields().zip(schema.nesting()) else { return false };
    elements(nesting, value).into_iter().any(|element| {
        element.entries().unwrap_or_default().iter().any(|(name, part)| {
            let known = inner.attributes().get(name).filter(|_| !part.is_null());
            known.is_some_and(|a| !a.computed || holds_configured(a, part))
        })
    })
}

fn nested_block(schema: &NestedBlock, prior: Prior<'_>, config: &Value) -> Option<Value> {
    match schema.nesting {
        _ if config.is_unknown() => None,
        Nesting::Single if config.is_null() => None,
        Nesting::Single | Nesting::Group => Some(object(&schema.block, prior, config)),
        nesting => {
            let inner = Fields::Block(&schema.block);
            collection(nesting, prior, config, inner, &|p, c| object(&schema.block, p, c))
        }
    }
}

/// Merges element by element: by index, by key, or in a set with the prior element it seems to come from.
fn collection(
    nesting: Nesting,
    prior: Prior<'_>,
    config: &Value,
    inner: Fields<'_>,
    merge: &dyn Fn(Prior<'_>, &Value) -> Value,
) -> Option<Value> {
    if config.is_null() || config.is_unknown() || is_empty(config) {
        return None;
    }
    let keyed = |items: &[(Str, Value)]| -> Vec<(Str, Value)> {
        items.iter().map(|(k, c)| (k.clone(), merge(prior.part(|p| p.get(k)), c))).collect()
    };
    let indexed = |items: &[Value]| -> Vec<Value> {
        let one = |(i, c): (usize, &Value)| match prior.part(|p| p.items()?.get(i)) {
            Prior::None => c.clone(),
            p => merge(p, c),
        };
        items.iter().enumerate().map(one).collect()
    };
    match (nesting, config.kind()) {
        (Nesting::Set, Kind::Set(e)) => Some(Value::set(e.of.clone(), correlated(prior, e, inner, merge))),
        (_, Kind::List(e)) => Some(Value::list(e.of.clone(), indexed(&e.items))),
        (_, Kind::Tuple(items)) => Some(Value::tuple(indexed(items))),
        (_, Kind::Map(e)) => Some(Value::map(e.of.clone(), keyed(&e.items))),
        (_, Kind::Object(items)) => Some(Value::object(keyed(items))),
        _ => None,
    }
}

/// Each configured element with the first prior one it could come from; each prior one is taken once.
fn correlated(
    prior: Prior<'_>,
    config: &Elements,
    inner: Fields<'_>,
    merge: &dyn Fn(Prior<'_>, &Value) -> Value,
) -> Vec<Value> {
    let mut left: Vec<&Value> = match prior {
        Prior::Some(p) => p.items().unwrap_or_default().iter().collect(),
        _ => Vec::new(),
    };
    let one = |c: &Value| match left.iter().position(|p| could_come_from(inner, p, c)) {
        Some(i) => merge(Prior::of(left.remove(i)), c),
        None => merge(Prior::None, c),
    };
    config.items.iter().map(one).collect()
}

/// Whether a prior element may be what the provider made of this configuration: they differ only where the provider decides.
fn could_come_from(schema: Fields<'_>, prior: &Value, config: &Value) -> bool {
    if same_unrefined(prior, config) {
        return true;
    }
    let Kind::Object(items) = prior.kind() else {
        // A null or unknown where an object could be: there is nothing inside to disagree about.
        return true;
    };
    items.iter().all(|(name, p)| {
        let Some(c) = config.get(name) else { return false };
        if same_unrefined(p, c) {
            return true;
        }
        if let Some(a) = schema.attributes().get(name) {
            return match a.fields().zip(a.nesting()) {
                Some((inner, nesting)) => structure_could(inner, nesting, p, c),
                None => !matches!(p.kind(), Kind::Set(_)) && a.computed && c.is_null(),
            };
        }
        match schema.blocks().and_then(|b| b.get(name)) {
            Some(b) => structure_could(Fields::Block(&b.block), b.nesting, p, c),
            None => false,
        }
    })
}

/// The same for a nested attribute or block that differs.
fn structure_could(inner: Fields<'_>, nesting: Nesting, prior: &Value, config: &Value) -> bool {
    match (nesting, prior.kind()) {
        // Elements of sets have no names to compare them by.
        (_, Kind::Set(_)) => false,
        (Nesting::Single | Nesting::Group, Kind::Object(_)) => could_come_from(inner, prior, config),
        (_, Kind::Map(_) | Kind::Object(_)) => {
            let entries = prior.entries().unwrap_or_default();
            entries.iter().all(|(k, p)| config.get(k).is_some_and(|c| could_come_from(inner, p, c)))
        }
        _ => {
            let there = config.items().unwrap_or_default();
            let items = prior.items().unwrap_or_default();
            items.iter().enumerate().all(|(i, p)| there.get(i).is_some_and(|c| could_come_from(inner, p, c)))
        }
    }
}
