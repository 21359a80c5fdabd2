//! Going through values: finding parts, changing parts, taking marks off and putting them back.
//!
//! Nothing inside a set can be named, so every function here that speaks of paths gives the elements of a set, and all inside them,
//! the path of the set.

use super::{Elements, Entries, Kind, MarkedPath, Marks, Path, Step, Str, Value};
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

/// What to do with a part of a value.
pub enum Change {
    /// Leave it, with all inside.
    Keep,
    /// Look inside.
    Descend,
    /// Put this in its place. It must be of the same type, and is not looked into.
    Replace(Value),
}

impl Value {
    /// The part at a path. Attributes and keys both name what [`Value::get`] finds; an index counts a list or a tuple.
    /// `None` where the path leads through a null, an unknown, a set, or nothing.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.0.iter().try_fold(self, |value, step| value.step(step))
    }

    fn step(&self, step: &Step) -> Option<&Value> {
        match (step, &self.kind) {
            (Step::Attr(name) | Step::Key(name), _) => self.get(name),
            (Step::Index(i), Kind::List(e)) => e.items.get(usize::try_from(*i).ok()?),
            (Step::Index(i), Kind::Tuple(items)) => items.get(usize::try_from(*i).ok()?),
            (Step::Index(_), _) => None,
        }
    }

    /// As [`Value::at`], but what lies inside an unknown is unknown too (of the type it will have), where its type has such a part.
    pub fn resolve(&self, path: &Path) -> Option<Cow<'_, Value>> {
        let mut value = self;
        for (i, step) in path.0.iter().enumerate() {
            if let Kind::Unknown(unknown) = &value.kind {
                let ty = path.0[i..].iter().try_fold(unknown.ty.clone(), |ty, step| ty.part(step))?;
                return Some(Cow::Owned(match &unknown.cause {
                    Some(cause) => Value::unknown_because(ty, cause.clone()),
                    None => Value::unknown(ty),
                }));
            }
            value = value.step(step)?;
        }
        Some(Cow::Borrowed(value))
    }

    /// Visits this value and all parts inside, containers before what they hold. `f` says whether to look inside.
    pub fn walk(&self, f: &mut impl FnMut(&Path, &Value) -> bool) {
        self.walk_at(&mut Path::default(), f);
    }

    fn walk_at(&self, path: &mut Path, f: &mut impl FnMut(&Path, &Value) -> bool) {
        if !f(path, self) {
            return;
        }
        match &self.kind {
            Kind::Set(e) => e.items.iter().for_each(|item| item.walk_at(path, f)),
            Kind::List(_) | Kind::Tuple(_) => {
                for (i, item) in self.items().unwrap_or_default().iter().enumerate() {
                    path.0.push(Step::Index(i as u64));
                    item.walk_at(path, f);
                    path.0.pop();
                }
            }
            Kind::Map(_) | Kind::Object(_) => {
                for (key, item) in self.entries().unwrap_or_default() {
                    path.0.push(self.step_to(key));
                    item.walk_at(path, f);
                    path.0.pop();
                }
            }
            _ => {}
        }
    }

    /// The step from this map or object to one of its entries.
    fn step_to(&self, key: &Str) -> Step {
        if matches!(self.kind, Kind::Object(_)) { Step::Attr(key.clone()) } else { Step::Key(key.clone()) }
    }

    /// The value with parts replaced as `f` says. Containers are asked about before what they hold; parts that do not
    /// change stay shared with this value. A container's own marks stay with it.
    pub fn transform<E>(&self, f: &mut impl FnMut(&Path, &Value) -> Result<Change, E>) -> Result<Value, E> {
        Ok(self.transform_at(&mut Path::default(), f)?.unwrap_or_else(|| self.clone()))
    }

    /// As [`Value::transform`], for an `f` that cannot fail.
    pub fn map_parts(&self, f: &mut impl FnMut(&Path, &Value) -> Change) -> Value {
        match self.transform(&mut |path, value| Ok::<_, Infallible>(f(path, value))) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    fn transform_at<E>(
        &self,
        path: &mut Path,
        f: &mut impl FnMut(&Path, &Value) -> Result<Change, E>,
    ) -> Result<Option<Value>, E> {
        match f(path, self)? {
            Change::Keep => return Ok(None),
            Change::Replace(value) => return Ok(Some(value)),
            Change::Descend => {}
        }
        let changed = match &self.kind {
            Kind::Set(e) => transform_items(&e.items, path, false, f)?.map(|items| Value::set(e.of.clone(), items)),
            Kind::List(e) => transform_items(&e.items, path, true, f)?.map(|items| Value::list(e.of.clone(), items)),
            Kind::Tuple(items) => transform_items(items, path, true, f)?.map(Value::tuple),
            Kind::Map(e) => transform_entries(&e.items, path, Step::Key, f)?
                .map(|items| Kind::Map(Arc::new(Entries { of: e.of.clone(), items })).into()),
            Kind::Object(items) => {
                transform_entries(items, path, Step::Attr, f)?.map(|items| Kind::Object(Arc::new(items)).into())
            }
            _ => None,
        };
        Ok(changed.map(|value: Value| value.with_marks(self.marks)))
    }

    /// The path of the first unknown part.
    pub fn first_unknown(&self) -> Option<Path> {
        if self.is_wholly_known() {
            return None;
        }
        let mut found = None;
        self.walk(&mut |path, value| {
            if found.is_none() && value.is_unknown() {
                found = Some(path.clone());
            }
            found.is_none()
        });
        found
    }

    /// Whether this value or any part inside carries a mark.
    pub fn contains_marked(&self) -> bool {
        if !self.marks.is_none() {
            return true;
        }
        match &self.kind {
            // A set's elements carry none, see `Value::set`.
            Kind::List(_) | Kind::Tuple(_) => self.items().unwrap_or_default().iter().any(Value::contains_marked),
            Kind::Map(_) | Kind::Object(_) => {
                self.entries().unwrap_or_default().iter().any(|(_, v)| v.contains_marked())
            }
            _ => false,
        }
    }

    /// All marks of this value and of the parts inside.
    pub fn deep_marks(&self) -> Marks {
        let mut marks = Marks::NONE;
        self.walk(&mut |_, value| {
            marks = marks | value.marks;
            true
        });
        marks
    }

    /// The value without any mark, its own or inside.
    pub fn unmarked(&self) -> Value {
        self.unmark_deep().0
    }

    /// The value without any mark, and where the marks were, in order of the walk.
    pub fn unmark_deep(&self) -> (Value, Vec<MarkedPath>) {
        let mut found = Vec::new();
        let value = strip(self, &mut Path::default(), &mut found).unwrap_or_else(|| self.clone());
        (value, found)
    }

    /// The value with marks added at these places, as [`Value::unmark_deep`] gave them or a schema says them. Where a path leads
    /// into an unknown or a set, that is marked as a whole; where it leads through a null or to nothing, nothing is.
    pub fn mark_at(&self, marks: &[MarkedPath]) -> Value {
        let mut value = self.clone();
        for (path, marks) in marks {
            if let Some(changed) = value.marked_at(&path.0, *marks) {
                value = changed;
            }
        }
        value
    }

    /// The value with another part at a path that [`Value::at`] finds; `None` where it finds nothing. The new part must be of the
    /// type of the old one. Marks of the containers stay.
    pub fn replace_at(&self, path: &Path, part: Value) -> Option<Value> {
        self.replaced_at(&path.0, part)
    }

    fn replaced_at(&self, path: &[Step], part: Value) -> Option<Value> {
        let [step, rest @ ..] = path else { return Some(part) };
        let kind = match (&self.kind, step) {
            (Kind::List(e), Step::Index(i)) => {
                let items = replace_item(&e.items, *i, |v| v.replaced_at(rest, part))?;
                Kind::List(Arc::new(Elements { of: e.of.clone(), items }))
            }
            (Kind::Tuple(items), Step::Index(i)) => {
                Kind::Tuple(Arc::new(replace_item(items, *i, |v| v.replaced_at(rest, part))?))
            }
            (Kind::Map(e), Step::Attr(k) | Step::Key(k)) => {
                let items = replace_entry(&e.items, k, |v| v.replaced_at(rest, part))?;
                Kind::Map(Arc::new(Entries { of: e.of.clone(), items }))
            }
            (Kind::Object(items), Step::Attr(k) | Step::Key(k)) => {
                Kind::Object(Arc::new(replace_entry(items, k, |v| v.replaced_at(rest, part))?))
            }
            _ => return None,
        };
        Some(Value { kind, marks: self.marks })
    }

    fn marked_at(&self, path: &[Step], marks: Marks) -> Option<Value> {
        let [step, rest @ ..] = path else {
            return (!self.marks.contains(marks)).then(|| self.clone().with_marks(marks));
        };
        let kind = match (&self.kind, step) {
            (Kind::Unknown(_) | Kind::Set(_), _) => return self.marked_at(&[], marks),
            (Kind::List(e), Step::Index(i)) => {
                let items = replace_item(&e.items, *i, |v| v.marked_at(rest, marks))?;
                Kind::List(Arc::new(Elements { of: e.of.clone(), items }))
            }
            (Kind::Tuple(items), Step::Index(i)) => {
                Kind::Tuple(Arc::new(replace_item(items, *i, |v| v.marked_at(rest, marks))?))
            }
            (Kind::Map(e), Step::Attr(k) | Step::Key(k)) => {
                let items = replace_entry(&e.items, k, |v| v.marked_at(rest, marks))?;
                Kind::Map(Arc::new(Entries { of: e.of.clone(), items }))
            }
            (Kind::Object(items), Step::Attr(k) | Step::Key(k)) => {
                Kind::Object(Arc::new(replace_entry(items, k, |v| v.marked_at(rest, marks))?))
            }
            _ => return None,
        };
        Some(Value { kind, marks: self.marks })
    }
}

impl super::Type {
    /// The type of the part that a step leads to.
    pub fn part(&self, step: &Step) -> Option<super::Type> {
        use super::Type;
        match (self, step) {
            (Type::Dynamic, _) => Some(Type::Dynamic),
            (Type::Object(o), Step::Attr(name) | Step::Key(name)) => o.get(name).cloned(),
            (Type::Map(t), Step::Attr(_) | Step::Key(_)) => Some((**t).clone()),
            (Type::List(t), Step::Index(_)) => Some((**t).clone()),
            (Type::Tuple(ts), Step::Index(i)) => ts.get(usize::try_from(*i).ok()?).cloned(),
            _ => None,
        }
    }
}

fn replace_item(items: &[Value], i: u64, f: impl FnOnce(&Value) -> Option<Value>) -> Option<Vec<Value>> {
    let i = usize::try_from(i).ok()?;
    let changed = f(items.get(i)?)?;
    let mut items = items.to_vec();
    items[i] = changed;
    Some(items)
}

fn replace_entry(
    items: &[(Str, Value)],
    key: &Str,
    f: impl FnOnce(&Value) -> Option<Value>,
) -> Option<Vec<(Str, Value)>> {
    let i = items.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
    let changed = f(&items[i].1)?;
    let mut items = items.to_vec();
    items[i].1 = changed;
    Some(items)
}

/// The items with those changed that change; `None` when none does. `named`: each item has a step of its own.
fn transform_items<E>(
    items: &[Value],
    path: &mut Path,
    named: bool,
    f: &mut impl FnMut(&Path, &Value) -> Result<Change, E>,
) -> Result<Option<Vec<Value>>, E> {
    let mut result: Option<Vec<Value>> = None;
    for (i, item) in items.iter().enumerate() {
        if named {
            path.0.push(Step::Index(i as u64));
        }
        let changed = item.transform_at(path, f);
        if named {
            path.0.pop();
        }
        if let Some(changed) = changed? {
            result.get_or_insert_with(|| items.to_vec())[i] = changed;
        }
    }
    Ok(result)
}

fn transform_entries<E>(
    items: &[(Str, Value)],
    path: &mut Path,
    step: fn(Str) -> Step,
    f: &mut impl FnMut(&Path, &Value) -> Result<Change, E>,
) -> Result<Option<Vec<(Str, Value)>>, E> {
    let mut result: Option<Vec<(Str, Value)>> = None;
    for (i, (key, item)) in items.iter().enumerate() {
        path.0.push(step(key.clone()));
        let changed = item.transform_at(path, f);
        path.0.pop();
        if let Some(changed) = changed? {
            result.get_or_insert_with(|| items.to_vec())[i].1 = changed;
        }
    }
    Ok(result)
}

/// `None` when there is no mark.
fn strip(value: &Value, path: &mut Path, found: &mut Vec<MarkedPath>) -> Option<Value> {
    if !value.contains_marked() {
        return None;
    }
    if !value.marks.is_none() {
        found.push((path.clone(), value.marks));
    }
    let mut part = |step: Step, item: &Value| {
        path.0.push(step);
        let stripped = strip(item, path, found);
        path.0.pop();
        stripped.unwrap_or_else(|| item.clone())
    };
    let items = |items: &[Value], part: &mut dyn FnMut(Step, &Value) -> Value| -> Vec<Value> {
        items.iter().enumerate().map(|(i, item)| part(Step::Index(i as u64), item)).collect()
    };
    let kind = match &value.kind {
        Kind::List(e) => Kind::List(Arc::new(Elements { of: e.of.clone(), items: items(&e.items, &mut part) })),
        Kind::Tuple(t) => Kind::Tuple(Arc::new(items(t, &mut part))),
        Kind::Map(e) => {
            let items = e.items.iter().map(|(k, v)| (k.clone(), part(Step::Key(k.clone()), v))).collect();
            Kind::Map(Arc::new(Entries { of: e.of.clone(), items }))
        }
        Kind::Object(attrs) => {
            Kind::Object(Arc::new(attrs.iter().map(|(k, v)| (k.clone(), part(Step::Attr(k.clone()), v))).collect()))
        }
        other => other.clone(),
    };
    Some(kind.into())
}
