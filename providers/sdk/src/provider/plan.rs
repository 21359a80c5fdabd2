//! The plan a provider need not write: computed values become unknown, declared paths replace.

use super::{PlanAnswer, PlanRequest};
use crate::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use crate::value::{Kind, Path, Step, Str, Type, Value, same_unrefined};
use std::collections::BTreeMap;
use std::sync::Arc;

impl PlanRequest {
    /// What the schema alone says about the change.
    ///
    /// * Delete: null.
    /// * Create: what is computed and not written becomes unknown; write-only attributes become null.
    /// * Update: computed attributes keep their value, except in elements that are new and except those declared
    ///   [`recomputed`](super::AttributeSpec::recomputed), which become unknown when anything changes.
    /// * Attributes declared as replacing whose value changes are reported.
    pub fn default_plan(&self) -> PlanAnswer {
        if self.is_delete() {
            return PlanAnswer::new(Value::null(self.schema.value_type().clone())).private(self.private.clone());
        }
        let mut planned = block(self.schema.body(), &self.proposed, some(&self.prior));
        if self.prior.is_null() {
            return PlanAnswer::new(planned).private(self.private.clone());
        }
        let requires_replace = self
            .schema
            .replacing()
            .iter()
            .flat_map(|names| changed_at(names, Some(&self.prior), Some(&planned)))
            .collect();
        if !same_unrefined(&planned, &self.prior) {
            for names in self.schema.recomputed() {
                planned = forget(&planned, Some(&self.config), names);
            }
        }
        PlanAnswer { requires_replace, ..PlanAnswer::new(planned).private(self.private.clone()) }
    }
}

impl Value {
    /// The object with one attribute changed (or added). Anything else than a known object stays as it is.
    pub fn with_attribute(&self, name: &str, value: Value) -> Value {
        let Kind::Object(items) = self.kind() else { return self.clone() };
        let mut items = Vec::clone(items);
        match items.binary_search_by(|(k, _)| (**k).cmp(name)) {
            Ok(at) => items[at].1 = value,
            Err(at) => items.insert(at, (name.into(), value)),
        }
        Value::from(Kind::Object(Arc::new(items))).with_marks(self.marks())
    }
}

fn some(value: &Value) -> Option<&Value> {
    if value.is_null() { None } else { Some(value) }
}

/// The object with `change` applied to each attribute it has; other values stay.
fn each_attribute(object: &Value, mut change: impl FnMut(&Str, &Value) -> Option<Value>) -> Value {
    let Kind::Object(items) = object.kind() else { return object.clone() };
    let mut changed: Option<Vec<(Str, Value)>> = None;
    for (at, (name, value)) in items.iter().enumerate() {
        if let Some(new) = change(name, value) {
            changed.get_or_insert_with(|| Vec::clone(items))[at].1 = new;
        }
    }
    match changed {
        Some(items) => Value::from(Kind::Object(Arc::new(items))).with_marks(object.marks()),
        None => object.clone(),
    }
}

fn block(schema: &Block, proposed: &Value, prior: Option<&Value>) -> Value {
    each_attribute(proposed, |name, value| {
        let before = prior.and_then(|p| p.get(name));
        if let Some(a) = schema.attributes.get(name) {
            return attribute(a, value, before);
        }
        let nested: &NestedBlock = schema.blocks.get(name)?;
        Some(elements(nested.nesting, value, before, &|item, before| block(&nested.block, item, before)))
    })
}

fn attributes(schema: &BTreeMap<Str, Attribute>, proposed: &Value, prior: Option<&Value>) -> Value {
    each_attribute(proposed, |name, value| attribute(schema.get(name)?, value, prior.and_then(|p| p.get(name))))
}

/// The planned attribute; `before` is `None` when the object around it is new. `None`: as proposed.
fn attribute(schema: &Attribute, proposed: &Value, before: Option<&Value>) -> Option<Value> {
    if schema.write_only {
        return Some(Value::null(proposed.ty()));
    }
    if proposed.is_null() {
        return (schema.computed && before.is_none()).then(|| Value::unknown(type_of(schema, proposed)));
    }
    match &schema.ty {
        AttributeType::Plain(_) => None,
        AttributeType::Nested { attributes: inner, nesting } => {
            Some(elements(*nesting, proposed, before, &|item, before| attributes(inner, item, before)))
        }
    }
}

/// The type an attribute is of: that of the schema, or of the typed null in its place.
fn type_of(schema: &Attribute, value: &Value) -> Type {
    match &schema.ty {
        AttributeType::Plain(ty) => ty.clone(),
        AttributeType::Nested { .. } => value.ty(),
    }
}

/// Applies `plan` to each object of a nested attribute or block, beside the object that was in its place.
fn elements(
    nesting: Nesting,
    value: &Value,
    before: Option<&Value>,
    plan: &dyn Fn(&Value, Option<&Value>) -> Value,
) -> Value {
    let before = before.and_then(some);
    let marks = value.marks();
    let planned = match value.kind() {
        Kind::Object(_) if matches!(nesting, Nesting::Single | Nesting::Group) => plan(value, before),
        Kind::Object(_) => each_attribute(value, |key, item| Some(plan(item, before.and_then(|b| b.get(key))))),
        Kind::Map(e) => {
            let items = e.items.iter().map(|(k, v)| (k.clone(), plan(v, before.and_then(|b| b.get(k)))));
            Value::map(e.of.clone(), items.collect())
        }
        Kind::List(e) => {
            let items = e.items.iter().enumerate().map(|(i, v)| plan(v, before.and_then(|b| b.items()?.get(i))));
            Value::list(e.of.clone(), items.collect())
        }
        Kind::Tuple(items) => Value::tuple(
            items.iter().enumerate().map(|(i, v)| plan(v, before.and_then(|b| b.items()?.get(i)))).collect(),
        ),
        Kind::Set(e) => {
            let old = before.and_then(Value::items).unwrap_or_default();
            let items = e.items.iter().map(|v| plan(v, old.iter().find(|o| same_unrefined(o, v))));
            Value::set(e.of.clone(), items.collect())
        }
        _ => return value.clone(),
    };
    planned.with_marks(marks)
}

/// The paths under `names` whose value differs.
fn changed_at(names: &[Str], prior: Option<&Value>, planned: Option<&Value>) -> Vec<Path> {
    let mut found = Vec::new();
    walk(names, prior, planned, &mut Vec::new(), &mut found);
    found
}

fn walk(names: &[Str], prior: Option<&Value>, planned: Option<&Value>, at: &mut Vec<Step>, found: &mut Vec<Path>) {
    let Some((name, rest)) = names.split_first() else {
        let equal = match (prior, planned) {
            (Some(a), Some(b)) => same_unrefined(a, b),
            (a, b) => a.is_none_or(Value::is_null) && b.is_none_or(Value::is_null),
        };
        if !equal {
            found.push(Path(at.clone()));
        }
        return;
    };
    let (prior, planned) = (prior.filter(|v| !v.is_null()), planned.filter(|v| !v.is_null()));
    let mut step = |step: Step, a: Option<&Value>, b: Option<&Value>, names: &[Str]| {
        at.push(step);
        walk(names, a, b, at, found);
        at.pop();
    };
    match planned.or(prior).map(Value::kind) {
        Some(Kind::Object(_)) => {
            step(Step::Attr(name.clone()), prior.and_then(|v| v.get(name)), planned.and_then(|v| v.get(name)), rest);
        }
        Some(Kind::List(_) | Kind::Tuple(_)) => {
            let (a, b) = (prior.and_then(Value::items), planned.and_then(Value::items));
            let len = a.map_or(0, <[_]>::len).max(b.map_or(0, <[_]>::len));
            for i in 0..len {
                step(Step::Index(i as u64), a.and_then(|a| a.get(i)), b.and_then(|b| b.get(i)), names);
            }
        }
        Some(Kind::Map(_)) => {
            let keys = |v: Option<&Value>| {
                v.and_then(Value::entries).into_iter().flatten().map(|(k, _)| k.clone()).collect::<Vec<_>>()
            };
            let all: std::collections::BTreeSet<Str> = keys(prior).into_iter().chain(keys(planned)).collect();
            for key in all {
                let (a, b) = (prior.and_then(|v| v.get(&key)), planned.and_then(|v| v.get(&key)));
                step(Step::Key(key), a, b, names);
            }
        }
        // A path ends at a set: any difference in it counts.
        _ => walk(&[], prior, planned, at, found),
    }
}

/// The object with the attribute at `names` unknown, unless the configuration sets it.
fn forget(value: &Value, config: Option<&Value>, names: &[Str]) -> Value {
    let Some((name, rest)) = names.split_first() else { return value.clone() };
    match value.kind() {
        Kind::Object(_) => {
            let Some(old) = value.get(name) else { return value.clone() };
            let written = config.and_then(|c| c.get(name));
            let new = match rest {
                [] if written.is_none_or(Value::is_null) => Value::unknown(old.ty()),
                [] => old.clone(),
                _ => forget(old, written, rest),
            };
            value.with_attribute(name, new)
        }
        Kind::List(e) => {
            let items =
                e.items.iter().enumerate().map(|(i, v)| forget(v, config.and_then(|c| c.items()?.get(i)), names));
            Value::list(e.of.clone(), items.collect()).with_marks(value.marks())
        }
        Kind::Map(e) => {
            let items = e.items.iter().map(|(k, v)| (k.clone(), forget(v, config.and_then(|c| c.get(k)), names)));
            Value::map(e.of.clone(), items.collect()).with_marks(value.marks())
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ResourceSchema, list_block, map, nested, number, string};
    use super::*;

    fn server() -> Arc<ResourceSchema> {
        let disk = ResourceSchema::new()
            .attribute("kind", string().required().replaces())
            .attribute("id", string().computed())
            .attribute("size", number().optional());
        Arc::new(
            ResourceSchema::new()
                .attribute("zone", string().required().replaces())
                .attribute("size", string().optional())
                .attribute("id", string().computed())
                .attribute("address", string().optional().computed())
                .attribute("revision", number().recomputed())
                .attribute("secret", string().optional().write_only())
                .attribute("tags", map(Type::String).optional())
                .attribute("ports", nested(Nesting::Map, ResourceSchema::new().attribute("id", string().computed())))
                .block("disk", list_block(disk)),
        )
    }

    fn disk(kind: &str, id: Option<&str>) -> Value {
        let id = id.map_or(Value::null(Type::String), Value::string);
        Value::object(vec![
            ("kind".into(), Value::string(kind)),
            ("id".into(), id),
            ("size".into(), Value::null(Type::Number)),
        ])
    }

    fn object(schema: &ResourceSchema, set: &[(&str, Value)]) -> Value {
        let Type::Object(ty) = schema.value_type() else { panic!("an object") };
        let empty = ty.attrs.iter().map(|(name, ty)| match ty {
            Type::List(of) => (name.clone(), Value::list(Type::clone(of), vec![])),
            ty => (name.clone(), Value::null(ty.clone())),
        });
        set.iter().fold(Value::object(empty.collect()), |o, (name, value)| o.with_attribute(name, value.clone()))
    }

    fn request(prior: Value, proposed: Value) -> PlanRequest {
        PlanRequest {
            type_name: "server".into(),
            schema: server(),
            prior,
            config: proposed.clone(),
            proposed,
            private: vec![7],
            deferral_allowed: false,
        }
    }

    #[test]
    fn a_create_makes_the_computed_unknown_and_keeps_the_written() {
        let schema = server();
        let disks = |id| Value::list(disk("ssd", None).ty(), vec![id]);
        let ports = Value::map(
            Type::object(vec![("id".into(), Type::String)]),
            vec![("a".into(), Value::object(vec![("id".into(), Value::null(Type::String))]))],
        );
        let wanted = object(
            &schema,
            &[
                ("zone", Value::string("a")),
                ("address", Value::string("10.0.0.1")),
                ("secret", Value::string("s")),
                ("ports", ports),
                ("disk", disks(disk("ssd", None))),
            ],
        );
        let plan = request(Value::null(schema.value_type().clone()), wanted).default_plan();
        let at = |name: &str| plan.planned.get(name).expect("there").clone();
        assert!(at("id").is_unknown() && at("revision").is_unknown());
        assert_eq!(at("address").as_str(), Some("10.0.0.1"));
        assert!(at("secret").is_null() && at("size").is_null() && at("tags").is_null());
        assert!(at("ports").get("a").and_then(|p| p.get("id")).is_some_and(Value::is_unknown));
        assert!(at("disk").items().expect("a list")[0].get("id").is_some_and(Value::is_unknown));
        assert!(plan.requires_replace.is_empty());
        assert_eq!(plan.private, vec![7]);
        let Kind::Unknown(u) = at("revision").kind().clone() else { panic!("unknown") };
        assert_eq!(u.ty, Type::Number);
    }

    #[test]
    fn an_update_keeps_what_was_computed_and_reports_what_replaces() {
        let schema = server();
        let list = |items: Vec<Value>| Value::list(disk("ssd", None).ty(), items);
        let prior = object(
            &schema,
            &[
                ("zone", Value::string("a")),
                ("id", Value::string("i-1")),
                ("revision", Value::number(1)),
                ("disk", list(vec![disk("ssd", Some("d-1"))])),
            ],
        );
        let same_again = request(prior.clone(), prior.clone()).default_plan();
        assert!(same_unrefined(&same_again.planned, &prior), "nothing changes, nothing is planned");

        let grown = prior
            .with_attribute("size", Value::string("large"))
            .with_attribute("disk", list(vec![disk("hdd", Some("d-1")), disk("ssd", None)]));
        let plan = request(prior.clone(), grown).default_plan();
        assert_eq!(plan.planned.get("id").and_then(Value::as_str), Some("i-1"));
        let disks = plan.planned.get("disk").and_then(Value::items).expect("a list").to_vec();
        assert_eq!(disks[0].get("id").and_then(Value::as_str), Some("d-1"));
        assert!(disks[1].get("id").is_some_and(Value::is_unknown));
        let paths: Vec<String> = plan.requires_replace.iter().map(Path::to_string).collect();
        assert_eq!(paths, ["disk[0].kind", "disk[1].kind"]);
    }

    #[test]
    fn what_every_change_makes_anew_becomes_unknown_on_update_only_when_something_changes() {
        let schema = server();
        let prior = object(&schema, &[("zone", Value::string("a")), ("revision", Value::number(1))]);
        let mut changed = request(prior.clone(), prior.with_attribute("size", Value::string("large")));
        changed.config = changed.config.with_attribute("revision", Value::null(Type::Number));
        assert!(changed.default_plan().planned.get("revision").is_some_and(Value::is_unknown));
        changed.proposed = prior;
        assert!(changed.default_plan().planned.get("revision").is_some_and(|v| v.as_num().is_some()));
    }

    #[test]
    fn a_delete_plans_null() {
        let schema = server();
        let prior = object(&schema, &[("zone", Value::string("a"))]);
        let plan = request(prior, Value::null(schema.value_type().clone())).default_plan();
        assert!(plan.planned.is_null() && plan.requires_replace.is_empty());
    }
}
