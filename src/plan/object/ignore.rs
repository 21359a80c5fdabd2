//! `ignore_changes`: the configuration as if it had not changed in certain places.

use crate::lang::ast::{Literal, StepKind, Traversal};
use crate::lang::module::IgnoreChanges;
use straddle_sdk::schema::Block;
use straddle_sdk::value::{Kind, Path, Step, Str, Value, same};

/// What `lifecycle.ignore_changes` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ignore {
    /// `all`.
    All,
    /// These places. Attributes and list elements as a whole; of a map also single keys.
    Paths(Vec<Path>),
}

impl Ignore {
    /// What a block's `lifecycle` says. An index that is no whole number leads nowhere, and is left out.
    pub fn of(written: &IgnoreChanges) -> Ignore {
        match written {
            IgnoreChanges::All => Ignore::All,
            IgnoreChanges::Paths(paths) => Ignore::Paths(paths.iter().filter_map(path).collect()),
        }
    }
}

fn path(written: &Traversal) -> Option<Path> {
    let step = |kind: &StepKind| match kind {
        StepKind::Attr(name) => Some(Step::Attr(name.clone())),
        StepKind::Index(Literal(value)) => match value.kind() {
            Kind::String(key) => Some(Step::Key(key.clone())),
            Kind::Number(n) => n.to_u64().map(Step::Index),
            _ => None,
        },
    };
    let root = std::iter::once(Some(Step::Attr(written.root.name.clone())));
    root.chain(written.steps.iter().map(|s| step(&s.kind))).collect::<Option<Vec<_>>>().map(Path)
}

/// The configuration that is proposed and sent: what is ignored has the prior value. Nothing is ignored without a prior object.
pub fn ignore_changes(block: &Block, prior: &Value, config: &Value, ignore: &Ignore) -> Value {
    if prior.is_null() || config.is_null() {
        return config.clone();
    }
    match ignore {
        // What only the provider decides must not look as if it had been written.
        Ignore::All => block.map_attributes(prior, &|attribute, value| {
            (attribute.computed && !attribute.optional && !value.is_null())
                .then(|| Value::null(attribute.ty.implied_type()))
        }),
        Ignore::Paths(paths) => {
            paths.iter().fold(config.clone(), |kept, path| ignore_path(path, prior, config, &kept).unwrap_or(kept))
        }
    }
}

/// `None`: nothing changed there. Changes are judged by the configuration as written, not by what other paths made of it.
fn ignore_path(path: &Path, prior: &Value, config: &Value, kept: &Value) -> Option<Value> {
    if let Some((Step::Key(key), steps)) = path.0.split_last() {
        let map = Path(steps.to_vec());
        let (p, c) = (prior.at(&map)?, kept.at(&map)?);
        if matches!(c.kind(), Kind::Map(_) | Kind::Null(_) | Kind::Unknown(_)) {
            return kept.replace_at(&map, with_key(c, key, p)?);
        }
        // Only maps are taken apart: one name of an object of no declared type stands for all of it, as in Terraform.
        if matches!(c.kind(), Kind::Object(_)) {
            return if same(p, config.at(&map)?) { None } else { kept.replace_at(&map, p.clone()) };
        }
    }
    let (p, c) = (prior.at(path)?, config.at(path)?);
    if same(p, c) { None } else { kept.replace_at(path, p.clone()) }
}

/// The map with one key as it is in the prior map: with its value, or without it.
fn with_key(map: &Value, key: &Str, prior: &Value) -> Option<Value> {
    let (of, mut items) = match (map.kind(), prior.kind()) {
        (Kind::Map(e), _) => (e.of.clone(), e.items.clone()),
        (Kind::Null(_), Kind::Map(e)) => (e.of.clone(), Vec::new()),
        // An unknown map cannot be taken apart.
        _ => return None,
    };
    match (prior.get(key), items.binary_search_by(|(k, _)| k.cmp(key))) {
        (Some(p), Ok(i)) => items[i].1 = p.clone(),
        (Some(p), Err(i)) => items.insert(i, (key.clone(), p.clone())),
        (None, Ok(i)) => drop(items.remove(i)),
        (None, Err(_)) => return None,
    }
    if items.is_empty() && prior.is_null() {
        return Some(prior.clone());
    }
    Some(Value::map(of, items))
}
