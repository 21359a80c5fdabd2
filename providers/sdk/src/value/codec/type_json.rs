//! Types as JSON: `"string"`, `["list","number"]`, `["object",{"a":"bool"},["a"]]`.

use super::reader::{Next, Reader, quote};
use super::{CodecError, Problem};
use crate::value::{Path, Str, Type};

impl Type {
    /// Reads a type as the plugin protocol, state files and dynamic values write it.
    pub fn from_json(json: &[u8]) -> Result<Type, CodecError> {
        let fail = |problem| CodecError { path: Path::ROOT, problem };
        let text = std::str::from_utf8(json).map_err(|_| fail(Problem::NotUtf8))?;
        let mut reader = Reader::new(text);
        let ty = read(&mut reader).map_err(fail)?;
        reader.end().map_err(fail)?;
        Ok(ty)
    }

    /// Writes the type as [`Type::from_json`] reads it: compact, names sorted.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write(self, &mut out);
        out
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<Type, Problem> {
    match r.peek()? {
        Next::Text => match &*r.string()? {
            "bool" => Ok(Type::Bool),
            "number" => Ok(Type::Number),
            "string" => Ok(Type::String),
            "dynamic" => Ok(Type::Dynamic),
            _ => Err(Problem::Type),
        },
        Next::Array => {
            r.array()?;
            must(r.item(true)?)?;
            let kind = r.string()?;
            must(r.item(false)?)?;
            let ty = match &*kind {
                "list" => Type::list(read(r)?),
                "set" => Type::set(read(r)?),
                "map" => Type::map(read(r)?),
                "tuple" => Type::tuple(read_tuple(r)?),
                "object" => return read_object(r),
                _ => return Err(Problem::Type),
            };
            must(!r.item(false)?)?;
            Ok(ty)
        }
        _ => Err(Problem::Type),
    }
}

fn must(holds: bool) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::Type) }
}

fn read_tuple(r: &mut Reader<'_>) -> Result<Vec<Type>, Problem> {
    must(r.peek()? == Next::Array)?;
    r.array()?;
    let mut types = Vec::new();
    while r.item(types.is_empty())? {
        types.push(read(r)?);
    }
    Ok(types)
}

fn read_object(r: &mut Reader<'_>) -> Result<Type, Problem> {
    must(r.peek()? == Next::Object)?;
    r.object()?;
    let mut attrs: Vec<(Str, Type)> = Vec::new();
    while let Some(name) = r.key(attrs.is_empty())? {
        attrs.push((Str::new(&name), read(r)?));
    }
    let mut optional: Vec<Str> = Vec::new();
    if r.item(false)? {
        must(r.peek()? == Next::Array)?;
        r.array()?;
        while r.item(optional.is_empty())? {
            optional.push(Str::new(&r.string()?));
        }
        must(!r.item(false)?)?;
    }
    let ty = Type::object_with_optional(attrs, optional);
    let Type::Object(object) = &ty else { return Err(Problem::Type) };
    must(object.optional.iter().all(|name| object.get(name).is_some()))?;
    Ok(ty)
}

pub(super) fn write(ty: &Type, out: &mut String) {
    let mut wrap = |kind: &str, of: &Type| {
        out.push_str("[\"");
        out.push_str(kind);
        out.push_str("\",");
        write(of, out);
        out.push(']');
    };
    match ty {
        Type::Dynamic => out.push_str("\"dynamic\""),
        Type::Bool => out.push_str("\"bool\""),
        Type::Number => out.push_str("\"number\""),
        Type::String => out.push_str("\"string\""),
        Type::List(of) => wrap("list", of),
        Type::Set(of) => wrap("set", of),
        Type::Map(of) => wrap("map", of),
        Type::Tuple(types) => {
            out.push_str("[\"tuple\",[");
            for (i, ty) in types.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(ty, out);
            }
            out.push_str("]]");
        }
        Type::Object(object) => {
            out.push_str("[\"object\",{");
            for (i, (name, ty)) in object.attrs.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(name, out);
                out.push(':');
                write(ty, out);
            }
            out.push('}');
            if !object.optional.is_empty() {
                out.push_str(",[");
                for (i, name) in object.optional.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                }
                out.push(']');
            }
            out.push(']');
        }
    }
}
