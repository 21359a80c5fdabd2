//! Arguments out of values, and values out of answers.

use std::collections::BTreeMap;
use straddle_sdk::provider::ResourceSchema;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Kind, Str, Type, Value};

/// An object, or a block of one, to read arguments from. What is null or unknown is not there.
#[derive(Clone, Copy, Debug)]
pub struct Args<'v>(pub &'v Value);

impl<'v> Args<'v> {
    /// The attribute, when it is known and not null.
    pub fn get(self, name: &str) -> Option<&'v Value> {
        self.0.get(name).filter(|value| !value.is_null() && !value.is_unknown())
    }

    /// A text that is not empty.
    pub fn text(self, name: &str) -> Option<String> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A text that must be there; empty where it is not, which the API refuses with its own words.
    pub fn must(self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// A whole number.
    pub fn int(self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_num).and_then(Num::to_i64)
    }

    /// A whole number of 32 bits; what does not fit is not there (the schema check refuses it before).
    pub fn int32(self, name: &str) -> Option<i32> {
        self.int(name).and_then(|n| i32::try_from(n).ok())
    }

    /// Yes or no.
    pub fn flag(self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// The texts of a list or set; none where it is not there.
    pub fn texts(self, name: &str) -> Vec<String> {
        let items = self.get(name).and_then(Value::items).unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The entries of a map of texts.
    pub fn map(self, name: &str) -> BTreeMap<String, String> {
        let entries = self.get(name).and_then(Value::entries).unwrap_or_default();
        entries.iter().filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect()
    }

    /// The blocks of this name.
    pub fn blocks(self, name: &str) -> Vec<Args<'v>> {
        let items = self.get(name).and_then(Value::items).unwrap_or_default();
        items.iter().filter(|item| !item.is_null() && !item.is_unknown()).map(Args).collect()
    }

    /// The first block of this name.
    pub fn block(self, name: &str) -> Option<Args<'v>> {
        self.blocks(name).into_iter().next()
    }

    /// Whether the attribute differs between the two.
    pub fn differs(self, other: Args<'_>, name: &str) -> bool {
        match (self.get(name), other.get(name)) {
            (Some(a), Some(b)) => !straddle_sdk::value::same_unrefined(a, b),
            (None, None) => false,
            _ => true,
        }
    }
}

/// A text as a value.
pub fn text(text: impl AsRef<str>) -> Value {
    Value::string(text.as_ref())
}

/// A number as a value.
pub fn number(n: impl Into<i64>) -> Value {
    Value::number(n.into())
}

/// Yes or no as a value.
pub fn flag(flag: bool) -> Value {
    if flag { Value::TRUE } else { Value::FALSE }
}

/// A set of texts.
pub fn text_set<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Value {
    Value::set(Type::String, items.into_iter().map(text).collect())
}

/// A list of texts.
pub fn text_list<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Value {
    Value::list(Type::String, items.into_iter().map(text).collect())
}

/// A map of texts.
pub fn text_map(entries: &BTreeMap<String, String>) -> Value {
    Value::map(Type::String, entries.iter().map(|(key, value)| (Str::from(key), Value::string(value))).collect())
}

/// An object being filled in from what the API says.
#[derive(Clone, Debug)]
pub struct Live(Value);

impl Live {
    /// Over what is known of it; what is not overwritten stays, what is unknown there becomes null.
    pub fn over(base: &Value) -> Live {
        Live(known(base))
    }

    /// An attribute; `None` is null.
    pub fn set(&mut self, name: &str, value: Option<Value>) -> &mut Live {
        let value = match (value, self.0.get(name)) {
            (Some(value), _) => value,
            (None, Some(old)) => Value::null(old.ty()),
            (None, None) => return self,
        };
        self.0 = self.0.with_attribute(name, value);
        self
    }

    /// A text; `None` and empty are null.
    pub fn text<S: AsRef<str>>(&mut self, name: &str, value: Option<S>) -> &mut Live {
        self.set(name, value.filter(|v| !v.as_ref().is_empty()).map(text))
    }

    /// A number.
    pub fn int(&mut self, name: &str, value: Option<impl Into<i64>>) -> &mut Live {
        self.set(name, value.map(number))
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &str, value: Option<bool>) -> &mut Live {
        self.set(name, value.map(flag))
    }

    /// A collection that is null when it is empty and was null before: not written and nothing there are the same.
    pub fn collection(&mut self, name: &str, value: Value) -> &mut Live {
        let empty = value.items().is_some_and(<[_]>::is_empty) || value.entries().is_some_and(<[_]>::is_empty);
        let was_null = self.0.get(name).is_none_or(Value::is_null);
        self.set(name, (!(empty && was_null)).then_some(value))
    }

    /// The only block of a kind, where there was one: its attributes as `fill` says.
    pub fn block(&mut self, name: &str, fill: impl FnOnce(&mut Live)) -> &mut Live {
        let Some(Kind::List(old)) = self.0.get(name).map(Value::kind) else { return self };
        if let [block, ..] = old.items.as_slice() {
            let mut live = Live::over(block);
            fill(&mut live);
            let value = Value::list(old.of.clone(), vec![live.0]);
            self.0 = self.0.with_attribute(name, value);
        }
        self
    }

    /// All blocks of a kind, in order: `fill` is given the place of each, over what was known in that place.
    pub fn blocks(&mut self, name: &str, count: usize, mut fill: impl FnMut(usize, &mut Live)) -> &mut Live {
        let Some(Kind::List(old)) = self.0.get(name).map(Value::kind) else { return self };
        let blocks = (0..count).map(|at| {
            let mut live = Live::over(&old.items.get(at).cloned().unwrap_or_else(|| nothing(&old.of)));
            fill(at, &mut live);
            live.0
        });
        let value = Value::list(old.of.clone(), blocks.collect());
        self.0 = self.0.with_attribute(name, value);
        self
    }

    /// What has been filled in so far.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The whole object.
    pub fn done(self) -> Value {
        self.0
    }
}

/// An object of a type with nothing in it: nulls, and empty collections of blocks.
pub fn nothing(ty: &Type) -> Value {
    let Type::Object(object) = ty else { return Value::null(ty.clone()) };
    let empty = |ty: &Type| match ty {
        Type::List(of) if matches!(&**of, Type::Object(_)) => Value::list(Type::clone(of), Vec::new()),
        Type::Set(of) if matches!(&**of, Type::Object(_)) => Value::set(Type::clone(of), Vec::new()),
        other => Value::null(other.clone()),
    };
    Value::object(object.attrs.iter().map(|(name, ty)| (name.clone(), empty(ty))).collect())
}

/// The value with everything unknown in it null.
pub fn known(value: &Value) -> Value {
    if value.is_wholly_known() {
        return value.clone();
    }
    match value.kind() {
        Kind::Unknown(u) => Value::null(u.ty.clone()),
        Kind::Object(items) => Value::object(items.iter().map(|(name, v)| (name.clone(), known(v))).collect()),
        Kind::List(e) => Value::list(e.of.clone(), e.items.iter().map(known).collect()),
        Kind::Set(e) => Value::set(e.of.clone(), e.items.iter().map(known).collect()),
        Kind::Map(e) => Value::map(e.of.clone(), e.items.iter().map(|(k, v)| (k.clone(), known(v))).collect()),
        Kind::Tuple(items) => Value::tuple(items.iter().map(known).collect()),
        _ => value.clone(),
    }
}

/// The planned object with what was unknown filled in from the live one: what was promised stays, and a difference shows at the
/// next read.
pub fn settled(planned: &Value, live: &Value) -> Value {
    match (planned.kind(), live.kind()) {
        (Kind::Unknown(u), _) => {
            let fits = !live.is_unknown() && (live.ty() == u.ty || live.is_null());
            if fits { live.clone() } else { Value::null(u.ty.clone()) }
        }
        (Kind::Object(items), Kind::Object(_)) => Value::object(
            items
                .iter()
                .map(|(name, v)| (name.clone(), live.get(name).map_or_else(|| known(v), |l| settled(v, l))))
                .collect(),
        ),
        (Kind::List(a), Kind::List(b)) => {
            let items = a.items.iter().enumerate();
            let items = items.map(|(i, v)| b.items.get(i).map_or_else(|| known(v), |l| settled(v, l)));
            Value::list(a.of.clone(), items.collect())
        }
        (Kind::Set(a), Kind::Set(b)) if !planned.is_wholly_known() => {
            let item = |v: &Value| b.items.iter().find(|l| agrees(v, l)).map_or_else(|| known(v), |l| settled(v, l));
            Value::set(a.of.clone(), a.items.iter().map(item).collect())
        }
        _ => known(planned),
    }
}

/// Whether the live value is what is known of the planned one.
fn agrees(planned: &Value, live: &Value) -> bool {
    match (planned.kind(), live.kind()) {
        (Kind::Unknown(_), _) => true,
        (Kind::Object(items), Kind::Object(_)) => {
            items.iter().all(|(name, v)| live.get(name).is_some_and(|l| agrees(v, l)))
        }
        _ => straddle_sdk::value::same_unrefined(planned, live),
    }
}

/// The object of a schema in which only the id is known: where a read begins that follows an import.
pub fn only_id(schema: &ResourceSchema, id: &str) -> Value {
    schema.body().empty_value().with_attribute("id", text(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_promised_stays_and_what_was_unknown_is_filled_in() {
        let planned = Value::object(vec![
            ("id".into(), Value::unknown(Type::String)),
            ("name".into(), text("web")),
            ("gone".into(), Value::unknown(Type::Number)),
        ]);
        let live = Value::object(vec![("id".into(), text("i-1")), ("name".into(), text("other"))]);
        let object = settled(&planned, &live);
        assert_eq!(Args(&object).text("id").as_deref(), Some("i-1"));
        assert_eq!(Args(&object).text("name").as_deref(), Some("web"));
        assert!(object.get("gone").is_some_and(Value::is_null));
    }

    #[test]
    fn of_a_set_each_is_filled_in_from_the_one_that_agrees() {
        let disk = |name: &str, id: Value| Value::object(vec![("id".into(), id), ("name".into(), text(name))]);
        let set = |items: Vec<Value>| Value::set(items[0].ty(), items);
        let planned = set(["b", "a", "c"].map(|name| disk(name, Value::unknown(Type::String))).to_vec());
        let live = set(vec![disk("a", text("1")), disk("b", text("2"))]);
        let expected = vec![disk("a", text("1")), disk("b", text("2")), disk("c", Value::null(Type::String))];
        assert!(straddle_sdk::value::same_unrefined(&settled(&planned, &live), &set(expected)));
    }

    #[test]
    fn nothing_written_and_nothing_there_are_the_same() {
        let mut live = Live::over(&Value::object(vec![("tags".into(), Value::null(Type::map(Type::String)))]));
        live.collection("tags", text_map(&BTreeMap::new()));
        assert!(live.value().get("tags").is_some_and(Value::is_null));
        live.collection("tags", text_map(&[("a".to_owned(), "b".to_owned())].into()));
        assert_eq!(Args(live.value()).map("tags").len(), 1);
    }
}
