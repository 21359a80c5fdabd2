//! Values as JSON with the expected type in hand: state, `DynamicValue.json`, upgrade input.
//!
//! Numbers keep all digits. A position of type `Dynamic` holds `{"value":…,"type":…}`. Unknown values cannot be written.

use super::reader::{Next, Reader, quote};
use super::{CodecError, Problem, Slots, found, list, map, mismatch, set, type_json};
use crate::value::num::Num;
use crate::value::{Kind, Path, Step, Str, Type, Value};

/// Reads a value of type `ty`. As in Terraform, an attribute of the type that is missing becomes null and one that the type does
/// not have is an error; a string may stand for a bool or a number, and they for a string; of equal keys the last counts.
pub fn decode(json: &[u8], ty: &Type) -> Result<Value, CodecError> {
    Decoder { path: Path::ROOT, drop_unsupported: false }.document(json, ty)
}

/// As [`decode`], but attributes that the type does not have are dropped: state of the current schema version may still
/// hold attributes that the provider has since removed.
pub fn decode_dropping(json: &[u8], ty: &Type) -> Result<Value, CodecError> {
    Decoder { path: Path::ROOT, drop_unsupported: true }.document(json, ty)
}

/// Reads JSON without an expected type, as `jsondecode` does: arrays are tuples, objects are objects.
pub fn decode_plain(json: &[u8]) -> Result<Value, CodecError> {
    let mut path = Path::ROOT;
    let text = utf8(json)?;
    let mut reader = Reader::new(text);
    let value = plain(&mut reader, &mut path).and_then(|v| reader.end().map(|()| v));
    value.map_err(|problem| CodecError { path, problem })
}

fn utf8(json: &[u8]) -> Result<&str, CodecError> {
    std::str::from_utf8(json).map_err(|_| CodecError::new(&Path::ROOT, Problem::NotUtf8))
}

fn plain(r: &mut Reader<'_>, path: &mut Path) -> Result<Value, Problem> {
    Ok(match r.peek()? {
        Next::Null => r.null().map(|()| Value::null(Type::Dynamic))?,
        Next::Bool => Kind::Bool(r.bool()?).into(),
        Next::Number => number(r.number()?)?,
        Next::Text => Value::string(&*r.string()?),
        Next::Array => {
            r.array()?;
            let mut items = Vec::new();
            while r.item(items.is_empty())? {
                path.0.push(Step::Index(items.len() as u64));
                items.push(plain(r, path)?);
                path.0.pop();
            }
            Value::tuple(items)
        }
        Next::Object => {
            r.object()?;
            let mut items: Vec<(Str, Value)> = Vec::new();
            while let Some(key) = r.key(items.is_empty())? {
                let key = Str::new(&key);
                path.0.push(Step::Attr(key.clone()));
                items.push((key, plain(r, path)?));
                path.0.pop();
            }
            Value::object(items)
        }
    })
}

fn number(text: &str) -> Result<Value, Problem> {
    Num::parse(text).map(Value::number).map_err(|_| Problem::Number)
}

struct Decoder {
    path: Path,
    drop_unsupported: bool,
}

impl Decoder {
    fn document(mut self, json: &[u8], ty: &Type) -> Result<Value, CodecError> {
        let mut reader = Reader::new(utf8(json)?);
        let ty = ty.without_optional();
        let value = self.value(&mut reader, &ty).and_then(|v| reader.end().map(|()| v));
        value.map_err(|problem| CodecError { path: self.path, problem })
    }

    fn at<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        self.path.0.push(step);
        let value = read(self)?;
        // Left in place on an error: it says where.
        self.path.0.pop();
        Ok(value)
    }

    fn value(&mut self, r: &mut Reader<'_>, ty: &Type) -> Result<Value, Problem> {
        let next = r.peek()?;
        if next == Next::Null {
            return r.null().map(|()| Value::null(ty.clone()));
        }
        match (ty, next) {
            (Type::Dynamic, Next::Object) => self.dynamic(r),
            (Type::Bool, Next::Bool) => Ok(Kind::Bool(r.bool()?).into()),
            (Type::Bool, Next::Text) => match &*r.string()? {
                "true" | "1" => Ok(Value::TRUE),
                "false" | "0" => Ok(Value::FALSE),
                _ => Err(mismatch(ty, "string")),
            },
            (Type::Number, Next::Number) => number(r.number()?),
            (Type::Number, Next::Text) => number(&r.string()?),
            (Type::String, Next::Text) => Ok(Value::string(&*r.string()?)),
            (Type::String, Next::Number) => Ok(Value::string(r.number()?)),
            (Type::String, Next::Bool) => Ok(Value::string(if r.bool()? { "true" } else { "false" })),
            (Type::List(of), Next::Array) => list(of, self.items(r, of, true)?),
            (Type::Set(of), Next::Array) => set(of, self.items(r, of, false)?),
            (Type::Tuple(types), Next::Array) => self.tuple(r, types),
            (Type::Map(of), Next::Object) => self.map(r, of),
            (Type::Object(object), Next::Object) => self.object(r, &object.attrs),
            _ => Err(mismatch(ty, name(next))),
        }
    }

    fn dynamic(&mut self, r: &mut Reader<'_>) -> Result<Value, Problem> {
        let depth = r.depth() + 1;
        let (mut ty, mut value) = (None, None);
        r.object()?;
        let mut first = true;
        while let Some(key) = r.key(first)? {
            first = false;
            match (&*key, &ty) {
                // The usual order of readers and writers is value, type: the value has to wait.
                ("value", None) => value = Some(r.skip()?),
                ("value", Some(ty)) => return self.typed_last(r, ty),
                ("type", _) => ty = Some(type_json::read(r)?.without_optional()),
                _ => return Err(Problem::Unsupported(key.into_owned())),
            }
        }
        match (ty, value) {
            (Some(ty), Some(text)) => self.value(&mut Reader::nested(text, depth), &ty),
            (None, _) => Err(Problem::Missing(Str::new("type"))),
            (_, None) => Err(Problem::Missing(Str::new("value"))),
        }
    }

    /// The value behind its type; nothing may follow but the end of the wrapper.
    fn typed_last(&mut self, r: &mut Reader<'_>, ty: &Type) -> Result<Value, Problem> {
        let value = self.value(r, ty)?;
        match r.key(false)? {
            None => Ok(value),
            Some(key) => Err(Problem::Unsupported(key.into_owned())),
        }
    }

    fn items(&mut self, r: &mut Reader<'_>, of: &Type, named: bool) -> Result<Vec<Value>, Problem> {
        r.array()?;
        let mut items = Vec::new();
        while r.item(items.is_empty())? {
            let item =
                if named { self.at(Step::Index(items.len() as u64), |d| d.value(r, of))? } else { self.value(r, of)? };
            items.push(item);
        }
        Ok(items)
    }

    fn tuple(&mut self, r: &mut Reader<'_>, types: &[Type]) -> Result<Value, Problem> {
        r.array()?;
        let mut items = Vec::with_capacity(types.len());
        while r.item(items.is_empty())? {
            let i = items.len();
            let Some(ty) = types.get(i) else {
                return Err(Problem::Length { wanted: types.len(), found: i + 1 });
            };
            items.push(self.at(Step::Index(i as u64), |d| d.value(r, ty))?);
        }
        if items.len() != types.len() {
            return Err(Problem::Length { wanted: types.len(), found: items.len() });
        }
        Ok(Value::tuple(items))
    }

    fn map(&mut self, r: &mut Reader<'_>, of: &Type) -> Result<Value, Problem> {
        r.object()?;
        let mut items = Vec::new();
        while let Some(key) = r.key(items.is_empty())? {
            let key = Str::new(&key);
            let item = self.at(Step::Key(key.clone()), |d| d.value(r, of))?;
            items.push((key, item));
        }
        map(of, items)
    }

    fn object(&mut self, r: &mut Reader<'_>, attrs: &[(Str, Type)]) -> Result<Value, Problem> {
        r.object()?;
        let mut slots = Slots::new(attrs);
        let mut first = true;
        while let Some(key) = r.key(first)? {
            first = false;
            match slots.find(&key) {
                Some((i, (name, ty))) => {
                    slots.values[i] = Some(self.at(Step::Attr(name.clone()), |d| d.value(r, ty))?);
                }
                None if self.drop_unsupported => drop(r.skip()?),
                None => return Err(Problem::Unsupported(key.into_owned())),
            }
        }
        slots.finish(|_, ty| Ok(Value::null(ty.clone())))
    }
}

fn name(next: Next) -> &'static str {
    match next {
        Next::Null => "null",
        Next::Bool => "bool",
        Next::Number => "number",
        Next::Text => "string",
        Next::Array => "array",
        Next::Object => "object",
    }
}

/// Writes a value of type `ty`. An error for an unknown, an infinity, and a value that is not of the type.
pub fn encode(value: &Value, ty: &Type) -> Result<String, CodecError> {
    let mut out = String::new();
    encode_into(value, ty, &mut out)?;
    Ok(out)
}

/// As [`encode`], behind what `out` holds already. On an error `out` ends with a part of the value.
pub fn encode_into(value: &Value, ty: &Type, out: &mut String) -> Result<(), CodecError> {
    let mut path = Path::ROOT;
    write(value, ty, out, &mut path).map_err(|problem| CodecError { path, problem })
}

fn write(value: &Value, ty: &Type, out: &mut String, path: &mut Path) -> Result<(), Problem> {
    match (value.kind(), ty) {
        (Kind::Unknown(_), _) => return Err(Problem::Unknown),
        (Kind::Null(Type::Dynamic), Type::Dynamic) => out.push_str("null"),
        (_, Type::Dynamic) => {
            let ty = value.ty();
            out.push_str("{\"value\":");
            write(value, &ty, out, path)?;
            out.push_str(",\"type\":");
            type_json::write(&ty, out);
            out.push('}');
        }
        (Kind::Null(_), _) => out.push_str("null"),
        (Kind::Bool(b), Type::Bool) => out.push_str(if *b { "true" } else { "false" }),
        (Kind::Number(n), Type::Number) if n.is_infinite() => return Err(Problem::Infinite),
        (Kind::Number(n), Type::Number) => out.push_str(&n.exact_text()),
        (Kind::String(s), Type::String) => quote(s, out),
        (Kind::List(e), Type::List(of)) => write_items(e.items.iter().map(|v| (v, &**of)), true, out, path)?,
        (Kind::Set(e), Type::Set(of)) => write_items(e.items.iter().map(|v| (v, &**of)), false, out, path)?,
        (Kind::Tuple(items), Type::Tuple(types)) => {
            if items.len() != types.len() {
                return Err(Problem::Length { wanted: types.len(), found: items.len() });
            }
            write_items(items.iter().zip(types.iter()), true, out, path)?;
        }
        (Kind::Map(e), Type::Map(of)) => {
            write_entries(e.items.iter().map(|(k, v)| (k, v, &**of)), Step::Key, out, path)?;
        }
        (Kind::Object(items), Type::Object(object)) => {
            super::msgpack::check_names(items, object)?;
            let parts = items.iter().zip(&object.attrs).map(|((k, v), (_, t))| (k, v, t));
            write_entries(parts, Step::Attr, out, path)?;
        }
        _ => return Err(mismatch(ty, found(value))),
    }
    Ok(())
}

fn write_items<'a>(
    items: impl Iterator<Item = (&'a Value, &'a Type)>,
    named: bool,
    out: &mut String,
    path: &mut Path,
) -> Result<(), Problem> {
    out.push('[');
    for (i, (item, ty)) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        if named {
            path.0.push(Step::Index(i as u64));
        }
        write(item, ty, out, path)?;
        if named {
            path.0.pop();
        }
    }
    out.push(']');
    Ok(())
}

fn write_entries<'a>(
    items: impl Iterator<Item = (&'a Str, &'a Value, &'a Type)>,
    step: fn(Str) -> Step,
    out: &mut String,
    path: &mut Path,
) -> Result<(), Problem> {
    out.push('{');
    for (i, (key, item, ty)) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        quote(key, out);
        out.push(':');
        path.0.push(step(key.clone()));
        write(item, ty, out, path)?;
        path.0.pop();
    }
    out.push('}');
    Ok(())
}
