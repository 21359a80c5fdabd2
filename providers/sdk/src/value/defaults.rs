//! Defaults of optional attributes, `optional(type, default)`: kept beside a type constraint, put in before conversion.

use super::{Kind, Str, Value};
use std::collections::BTreeMap;

/// The defaults of a type constraint, in the constraint's own shape. Branches without any default are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// Of an object type: attribute to default, each already converted to the attribute's type.
    pub values: BTreeMap<Str, Value>,
    /// Of an object type: the defaults inside attributes.
    pub attributes: BTreeMap<Str, Defaults>,
    /// Of a list, set or map type: the defaults inside each element.
    pub elements: Option<Box<Defaults>>,
    /// Of a tuple type: the defaults inside elements, by index.
    pub items: BTreeMap<usize, Defaults>,
}

impl Defaults {
    /// Whether there is no default anywhere inside.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.attributes.values().all(Defaults::is_empty)
            && self.elements.as_ref().is_none_or(|d| d.is_empty())
            && self.items.values().all(Defaults::is_empty)
    }

    /// The value with defaults for attributes that are missing or null. Nothing is put into a null or unknown value, and what does
    /// not fit the constraint is left for the conversion to refuse. Collections whose elements may have changed type come
    /// back as tuples and objects: convert the result to the constraint.
    pub fn apply(&self, value: &Value) -> Value {
        if self.is_empty() {
            return value.clone();
        }
        let changed = match value.kind() {
            Kind::Object(items) => Value::object(self.apply_entries(items)),
            Kind::Map(e) if self.elements.is_some() && e.items.is_empty() => return value.clone(),
            Kind::Map(e) => Value::object(self.apply_entries(&e.items)),
            Kind::List(e) | Kind::Set(e) if !e.items.is_empty() => Value::tuple(self.apply_items(&e.items)),
            Kind::Tuple(items) => Value::tuple(self.apply_items(items)),
            _ => return value.clone(),
        };
        changed.with_marks(value.marks())
    }

    fn apply_items(&self, items: &[Value]) -> Vec<Value> {
        let apply = |(i, item)| match self.items.get(&i).or(self.elements.as_deref()) {
            Some(defaults) => defaults.apply(item),
            None => item.clone(),
        };
        items.iter().enumerate().map(apply).collect()
    }

    fn apply_entries(&self, items: &[(Str, Value)]) -> Vec<(Str, Value)> {
        let mut result = Vec::with_capacity(items.len() + self.values.len());
        for (key, item) in items {
            let item = self.values.get(key).filter(|_| item.is_null()).unwrap_or(item);
            let inside = self.attributes.get(key).or(self.elements.as_deref());
            result.push((key.clone(), inside.map_or_else(|| item.clone(), |d| d.apply(item))));
        }
        for (key, default) in &self.values {
            if items.binary_search_by(|(k, _)| k.cmp(key)).is_err() {
                let inside = self.attributes.get(key);
                result.push((key.clone(), inside.map_or_else(|| default.clone(), |d| d.apply(default))));
            }
        }
        result
    }
}
