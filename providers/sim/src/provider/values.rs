//! Objects as values, and values as arguments.

use crate::model::{GroupSpec, InstanceSpec, Kind, LoadBalancerSpec, Object, RecordSpec, Shown, Spec, TargetSpec};
use serde_json::Number;
use std::collections::BTreeMap;
use straddle_sdk::provider::{Diagnostic, Diagnostics};
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Str, Type, Value};

/// Arguments the user need not write, and what they are then.
pub(super) fn default_of(kind: Kind, attribute: &str) -> Option<Value> {
    match (kind, attribute) {
        (Kind::Instance | Kind::Group, "image") => Some(Value::string("base")),
        (Kind::Instance | Kind::Group, "size") => Some(Value::string("small")),
        (Kind::Target, "weight") => Some(Value::number(1)),
        (Kind::Record, "ttl") => Some(Value::number(60)),
        _ => None,
    }
}

/// The arguments in an object; `None` when one of them is not known yet. All mistakes at once.
pub(super) fn spec_of(kind: Kind, object: &Value) -> Result<Option<Spec>, Diagnostics> {
    let mut read = Reader { kind, object, unknown: false, problems: Diagnostics::new() };
    let spec = match kind {
        Kind::Instance => Spec::Instance(InstanceSpec {
            zone: read.text("zone"),
            image: read.text("image"),
            size: read.text("size"),
            tags: read.texts("tags"),
        }),
        Kind::Group => Spec::Group(GroupSpec {
            zone: read.text("zone"),
            image: read.text("image"),
            size: read.text("size"),
            desired: read.count("desired").unwrap_or(0),
            min: read.count("min"),
            max: read.count("max"),
        }),
        Kind::LoadBalancer => Spec::LoadBalancer(LoadBalancerSpec { name: read.text("name") }),
        Kind::Target => Spec::Target(TargetSpec {
            load_balancer_id: read.text("load_balancer_id"),
            instance_id: read.text("instance_id"),
            weight: read.weight("weight"),
        }),
        Kind::Record => Spec::Record(RecordSpec {
            name: read.text("name"),
            r#type: read.text("type"),
            ttl: read.count("ttl").unwrap_or(0),
            targets: read.weights("targets"),
        }),
    };
    read.problems.into_result()?;
    Ok((!read.unknown).then_some(spec))
}

/// Reads attributes, remembers what is unknown and what is wrong.
struct Reader<'v> {
    kind: Kind,
    object: &'v Value,
    unknown: bool,
    problems: Diagnostics,
}

impl Reader<'_> {
    /// The attribute or its default; `None` when it is null or unknown.
    fn get(&mut self, name: &str) -> Option<Value> {
        let written = self.object.get(name).filter(|value| !value.is_null()).cloned();
        let value = written.or_else(|| default_of(self.kind, name))?;
        self.unknown |= !value.is_wholly_known();
        (!value.is_unknown()).then_some(value)
    }

    fn text(&mut self, name: &str) -> String {
        let Some(value) = self.get(name) else { return String::new() };
        let text = value.as_str().unwrap_or_default().to_owned();
        if text.is_empty() {
            self.problems.push(Diagnostic::error("Empty text", format!("{name} must not be empty.")).attribute(name));
        }
        text
    }

    fn texts(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        let value = self.get(name)?;
        let entries = value.entries()?.iter();
        Some(entries.map(|(key, text)| (key.to_string(), text.as_str().unwrap_or_default().to_owned())).collect())
    }

    fn count(&mut self, name: &str) -> Option<u64> {
        let value = self.get(name)?;
        let count = value.as_num().and_then(Num::to_u64).filter(|n| *n <= u64::from(u32::MAX));
        if count.is_none() {
            let detail = format!("{name} is a whole number from 0 to {}.", u32::MAX);
            self.problems.push(Diagnostic::error("Not a count", detail).attribute(name));
        }
        count
    }

    fn weight(&mut self, name: &str) -> Number {
        let value = self.get(name);
        value.and_then(|value| self.weight_of(name, &value)).unwrap_or_else(|| Number::from(0))
    }

    fn weights(&mut self, name: &str) -> BTreeMap<String, Number> {
        let value = self.get(name);
        let entries = value.as_ref().and_then(Value::entries).unwrap_or_default();
        entries.iter().filter_map(|(key, value)| Some((key.to_string(), self.weight_of(name, value)?))).collect()
    }

    /// A weight with all its digits.
    fn weight_of(&mut self, name: &str, value: &Value) -> Option<Number> {
        if value.is_unknown() {
            return None;
        }
        let weight = value.as_num().filter(|n| !n.is_negative() && !n.is_infinite());
        let weight = weight.and_then(|n| serde_json::from_str(&n.to_string()).ok());
        if weight.is_none() {
            let detail = format!("A weight in {name} is a number from 0 on.");
            self.problems.push(Diagnostic::error("Not a weight", detail).attribute(name));
        }
        weight
    }
}

/// An object as a value of its schema.
pub(super) fn value_of(object: &Object) -> Value {
    let mut attributes: Vec<(Str, Value)> = vec![("id".into(), Value::string(object.id.to_string()))];
    let mut set = |name: &str, value: Value| attributes.push((name.into(), value));
    match &object.spec {
        Spec::Instance(s) => {
            set("zone", Value::string(&s.zone));
            set("image", Value::string(&s.image));
            set("size", Value::string(&s.size));
            set("tags", tags_value(s.tags.as_ref()));
        }
        Spec::Group(s) => {
            set("zone", Value::string(&s.zone));
            set("image", Value::string(&s.image));
            set("size", Value::string(&s.size));
            set("desired", count_value(Some(s.desired)));
            set("min", count_value(s.min));
            set("max", count_value(s.max));
        }
        Spec::LoadBalancer(s) => set("name", Value::string(&s.name)),
        Spec::Target(s) => {
            set("load_balancer_id", Value::string(&s.load_balancer_id));
            set("instance_id", Value::string(&s.instance_id));
            set("weight", weight_value(&s.weight));
        }
        Spec::Record(s) => {
            set("name", Value::string(&s.name));
            set("type", Value::string(&s.r#type));
            set("ttl", count_value(Some(s.ttl)));
            let weights = s.targets.iter().map(|(name, weight)| (name.into(), weight_value(weight)));
            set("targets", Value::map(Type::Number, weights.collect()));
        }
    }
    match &object.shown {
        Shown::Instance { address, state } => {
            set("address", Value::string(address));
            set("state", Value::string(state.word()));
        }
        Shown::Group { ready } => set("ready", count_value(Some(*ready))),
        Shown::LoadBalancer { address } => set("address", Value::string(address)),
        Shown::Target { health } => set("health", Value::string(health.word())),
        Shown::Record => {}
    }
    Value::object(attributes)
}

fn tags_value(tags: Option<&BTreeMap<String, String>>) -> Value {
    match tags {
        None => Value::null(Type::map(Type::String)),
        Some(tags) => {
            Value::map(Type::String, tags.iter().map(|(name, text)| (name.into(), Value::string(text))).collect())
        }
    }
}

/// A count, or null.
pub(super) fn count_value(count: Option<u64>) -> Value {
    // What a count can be fits: the schema refuses more than 32 bits, and a quota is cut to what a number holds.
    count.map_or(Value::null(Type::Number), |n| Value::number(i64::try_from(n).unwrap_or(i64::MAX)))
}

fn weight_value(weight: &Number) -> Value {
    Num::parse(&weight.to_string()).map_or(Value::null(Type::Number), Value::number)
}
