//! Values as MessagePack with the expected type in hand: what the plugin protocol carries.

use super::{CodecError, MAX_DEPTH, Problem, Slots, found, list, map, mismatch, set, type_json};
use crate::value::num::Num;
use crate::value::{Kind, ObjectType, Path, Refinement, Step, Str, Type, Unknown, Value};
use std::sync::Arc;

/// The extension type of an unknown value with refinements.
const REFINED: u8 = 12;
/// The longest refinements a reader takes.
const MAX_REFINEMENTS: usize = 1024;
/// The longest prefix a writer sends.
const MAX_PREFIX: usize = 255;

/// Writes a value of type `ty`; an error when it is not of that type. The bytes are Terraform's, down to the order of set elements.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    encode_into(value, ty, &mut out)?;
    Ok(out)
}

/// As [`encode`], behind what `out` holds already. On an error `out` ends with a part of the value.
pub fn encode_into(value: &Value, ty: &Type, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut path = Path::ROOT;
    write(value, ty, out, &mut path).map_err(|problem| CodecError { path, problem })
}

fn write(value: &Value, ty: &Type, out: &mut Vec<u8>, path: &mut Path) -> Result<(), Problem> {
    match (value.kind(), ty) {
        (Kind::Null(Type::Dynamic), Type::Dynamic) => out.push(0xc0),
        (Kind::Unknown(u), Type::Dynamic) if u.ty == Type::Dynamic => out.extend_from_slice(&[0xd4, 0, 0]),
        (_, Type::Dynamic) => {
            let ty = value.ty();
            let mut json = String::new();
            type_json::write(&ty, &mut json);
            out.push(0x92);
            write_bin(json.as_bytes(), out);
            write(value, &ty, out, path)?;
        }
        (Kind::Unknown(u), _) => write_unknown(u, out),
        (Kind::Null(_), _) => out.push(0xc0),
        (Kind::Bool(b), Type::Bool) => out.push(if *b { 0xc3 } else { 0xc2 }),
        (Kind::Number(n), Type::Number) => write_number(n, out),
        (Kind::String(s), Type::String) => write_str(s, out),
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
            check_names(items, object)?;
            let parts = items.iter().zip(&object.attrs).map(|((k, v), (_, t))| (k, v, t));
            write_entries(parts, Step::Attr, out, path)?;
        }
        _ => return Err(mismatch(ty, found(value))),
    }
    Ok(())
}

/// An object has exactly the attributes of its type (both are sorted).
pub(super) fn check_names(items: &[(Str, Value)], object: &ObjectType) -> Result<(), Problem> {
    for ((name, _), (wanted, _)) in items.iter().zip(&object.attrs) {
        if name < wanted {
            return Err(Problem::Unsupported(name.to_string()));
        }
        if name > wanted {
            return Err(Problem::Missing(wanted.clone()));
        }
    }
    if let Some((name, _)) = items.get(object.attrs.len()) {
        return Err(Problem::Unsupported(name.to_string()));
    }
    match object.attrs.get(items.len()) {
        Some((name, _)) => Err(Problem::Missing(name.clone())),
        None => Ok(()),
    }
}

fn write_items<'a>(
    items: impl ExactSizeIterator<Item = (&'a Value, &'a Type)>,
    named: bool,
    out: &mut Vec<u8>,
    path: &mut Path,
) -> Result<(), Problem> {
    write_head(items.len(), 0x90, 15, [0xdc, 0xdc, 0xdd], out);
    for (i, (item, ty)) in items.enumerate() {
        if named {
            path.0.push(Step::Index(i as u64));
        }
        write(item, ty, out, path)?;
        if named {
            path.0.pop();
        }
    }
    Ok(())
}

fn write_entries<'a>(
    items: impl ExactSizeIterator<Item = (&'a Str, &'a Value, &'a Type)>,
    step: fn(Str) -> Step,
    out: &mut Vec<u8>,
    path: &mut Path,
) -> Result<(), Problem> {
    write_head(items.len(), 0x80, 15, [0xde, 0xde, 0xdf], out);
    for (key, item, ty) in items {
        write_str(key, out);
        path.0.push(step(key.clone()));
        write(item, ty, out, path)?;
        path.0.pop();
    }
    Ok(())
}

/// A length in its shortest form. `wide`: the codes for 8, 16 and 32 bits (arrays and maps have none for 8).
fn write_head(len: usize, fix: u8, fix_max: usize, wide: [u8; 3], out: &mut Vec<u8>) {
    if len <= fix_max {
        out.push(fix | len as u8);
    } else if len <= 0xff && wide[0] != wide[1] {
        out.extend_from_slice(&[wide[0], len as u8]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(wide[1]);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(wide[2]);
        // No value of 2^32 parts or bytes fits into a message.
        out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    }
}

fn write_str(s: &str, out: &mut Vec<u8>) {
    write_head(s.len(), 0xa0, 31, [0xd9, 0xda, 0xdb], out);
    out.extend_from_slice(s.as_bytes());
}

fn write_bin(bytes: &[u8], out: &mut Vec<u8>) {
    let head = [0xc4, 0xc5, 0xc6];
    // There is no short form for bytes.
    match bytes.len() {
        len @ 0..=0xff => out.extend_from_slice(&[head[0], len as u8]),
        len => write_head(len, 0, 0, head, out),
    }
    out.extend_from_slice(bytes);
}

fn write_number(n: &Num, out: &mut Vec<u8>) {
    if let Some(i) = n.to_i64() {
        return write_int(i, out);
    }
    match n.to_f64_exact() {
        Some(f) if !n.is_integer() => {
            out.push(0xcb);
            out.extend_from_slice(&f.to_be_bytes());
        }
        _ => write_str(&n.exact_text(), out),
    }
}

fn write_int(i: i64, out: &mut Vec<u8>) {
    match i {
        0..=0x7f => out.push(i as u8),
        -32..=-1 => out.push(i as i8 as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, i as u8]),
        0x100..=0xffff => head_and(0xcd, &(i as u16).to_be_bytes(), out),
        0x1_0000..=0xffff_ffff => head_and(0xce, &(i as u32).to_be_bytes(), out),
        0x1_0000_0000.. => head_and(0xcf, &(i as u64).to_be_bytes(), out),
        _ => match (i8::try_from(i), i16::try_from(i), i32::try_from(i)) {
            (Ok(i), _, _) => head_and(0xd0, &i.to_be_bytes(), out),
            (_, Ok(i), _) => head_and(0xd1, &i.to_be_bytes(), out),
            (_, _, Ok(i)) => head_and(0xd2, &i.to_be_bytes(), out),
            _ => head_and(0xd3, &i.to_be_bytes(), out),
        },
    }
}

fn head_and(head: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(head);
    out.extend_from_slice(bytes);
}

fn write_unknown(unknown: &Unknown, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    let mut count = 0u8;
    let r = &unknown.refinement;
    let mut key = |k: u8, body: &mut Vec<u8>| {
        count += 1;
        body.push(k);
    };
    if r.not_null {
        key(1, &mut body);
        body.push(0xc2);
    }
    match unknown.ty {
        Type::String => {
            if let Some(prefix) = r.prefix.as_deref().map(safe_prefix).filter(|p| !p.is_empty()) {
                key(2, &mut body);
                write_str(prefix, &mut body);
            }
        }
        Type::Number => {
            for (k, bound) in [(3, &r.min), (4, &r.max)] {
                if let Some((n, inclusive)) = bound {
                    key(k, &mut body);
                    body.push(0x92);
                    write_number(n, &mut body);
                    body.push(if *inclusive { 0xc3 } else { 0xc2 });
                }
            }
        }
        Type::List(_) | Type::Set(_) | Type::Map(_) => {
            for (k, bound) in [(5, r.min_len), (6, r.max_len)] {
                if let Some(n) = bound.and_then(|n| i64::try_from(n).ok()) {
                    key(k, &mut body);
                    write_int(n, &mut body);
                }
            }
        }
        _ => {}
    }
    let len = body.len() + 1;
    // What a reader would refuse is not worth sending: saying less is still true.
    if count == 0 || len > MAX_REFINEMENTS {
        return out.extend_from_slice(&[0xd4, 0, 0]);
    }
    match len {
        2 | 4 | 8 | 16 => out.push([0xd5, 0xd6, 0xd7, 0xd8][len.trailing_zeros() as usize - 1]),
        ..=0xff => out.extend_from_slice(&[0xc7, len as u8]),
        _ => head_and(0xc8, &(len as u16).to_be_bytes(), out),
    }
    out.extend_from_slice(&[REFINED, 0x80 | count]);
    out.extend_from_slice(&body);
}

/// A prefix short enough, and cut where what follows cannot join the last character.
fn safe_prefix(prefix: &str) -> &str {
    if prefix.len() <= MAX_PREFIX {
        return prefix;
    }
    let mut cut = MAX_PREFIX;
    while !prefix.is_char_boundary(cut) {
        cut -= 1;
    }
    prefix[..cut].char_indices().next_back().map_or("", |(last, _)| &prefix[..last])
}

/// Reads a value of type `ty`, by the rules of Terraform's reader: every attribute must be there, keys come in any order, numbers in
/// any form, equal set elements are one. Bytes behind the value are not looked at.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    let mut decoder = Decoder { bytes, path: Path::ROOT, depth: 0, last_type: None };
    let value = decoder.value(&ty.without_optional());
    value.map_err(|problem| CodecError { path: decoder.path, problem })
}

struct Decoder<'a> {
    bytes: &'a [u8],
    path: Path,
    depth: usize,
    /// The last type description read: values of dynamic type often come in rows.
    last_type: Option<(&'a [u8], Type)>,
}

/// The head of an item, and its length where it has one.
enum Head {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(usize),
    Bin(usize),
    Array(usize),
    Map(usize),
    /// Type code and length.
    Ext(u8, usize),
}

impl Head {
    fn name(&self) -> &'static str {
        match self {
            Head::Nil => "null",
            Head::Bool(_) => "bool",
            Head::Int(_) | Head::Uint(_) | Head::Float(_) => "number",
            Head::Str(_) => "string",
            Head::Bin(_) => "bytes",
            Head::Array(_) => "array",
            Head::Map(_) => "map",
            Head::Ext(..) => "unknown",
        }
    }
}

impl<'a> Decoder<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(Problem::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Problem::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn length<const N: usize>(&mut self) -> Result<usize, Problem> {
        let mut n = 0;
        for b in self.fixed::<N>()? {
            n = n << 8 | usize::from(b);
        }
        Ok(n)
    }

    fn head(&mut self) -> Result<Head, Problem> {
        let [code] = self.fixed::<1>()?;
        Ok(match code {
            0x00..=0x7f => Head::Int(code.into()),
            0x80..=0x8f => Head::Map((code & 15).into()),
            0x90..=0x9f => Head::Array((code & 15).into()),
            0xa0..=0xbf => Head::Str((code & 31).into()),
            0xc0 => Head::Nil,
            0xc1 => return Err(Problem::Mismatch { wanted: "value".to_owned(), found: "an unused code".to_owned() }),
            0xc2 | 0xc3 => Head::Bool(code == 0xc3),
            0xc4 => Head::Bin(self.length::<1>()?),
            0xc5 => Head::Bin(self.length::<2>()?),
            0xc6 => Head::Bin(self.length::<4>()?),
            0xc7 => self.ext_of::<1>()?,
            0xc8 => self.ext_of::<2>()?,
            0xc9 => self.ext_of::<4>()?,
            0xca => Head::Float(f32::from_be_bytes(self.fixed()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.fixed()?)),
            0xcc => Head::Uint(u8::from_be_bytes(self.fixed()?).into()),
            0xcd => Head::Uint(u16::from_be_bytes(self.fixed()?).into()),
            0xce => Head::Uint(u32::from_be_bytes(self.fixed()?).into()),
            0xcf => Head::Uint(u64::from_be_bytes(self.fixed()?)),
            0xd0 => Head::Int(i8::from_be_bytes(self.fixed()?).into()),
            0xd1 => Head::Int(i16::from_be_bytes(self.fixed()?).into()),
            0xd2 => Head::Int(i32::from_be_bytes(self.fixed()?).into()),
            0xd3 => Head::Int(i64::from_be_bytes(self.fixed()?)),
            0xd4..=0xd8 => self.ext(1 << (code - 0xd4))?,
            0xd9 => Head::Str(self.length::<1>()?),
            0xda => Head::Str(self.length::<2>()?),
            0xdb => Head::Str(self.length::<4>()?),
            0xdc => Head::Array(self.length::<2>()?),
            0xdd => Head::Array(self.length::<4>()?),
            0xde => Head::Map(self.length::<2>()?),
            0xdf => Head::Map(self.length::<4>()?),
            0xe0..=0xff => Head::Int((code as i8).into()),
        })
    }

    fn ext_of<const N: usize>(&mut self) -> Result<Head, Problem> {
        let len = self.length::<N>()?;
        self.ext(len)
    }

    fn ext(&mut self, len: usize) -> Result<Head, Problem> {
        let [code] = self.fixed::<1>()?;
        Ok(Head::Ext(code, len))
    }

    fn text(&mut self, len: usize) -> Result<&'a str, Problem> {
        std::str::from_utf8(self.take(len)?).map_err(|_| Problem::NotUtf8)
    }

    fn at<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        self.path.0.push(step);
        let value = read(self)?;
        // Left in place on an error: it says where.
        self.path.0.pop();
        Ok(value)
    }

    fn value(&mut self, ty: &Type) -> Result<Value, Problem> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        self.depth += 1;
        let value = self.value_inside(ty);
        self.depth -= 1;
        value
    }

    fn value_inside(&mut self, ty: &Type) -> Result<Value, Problem> {
        let head = self.head()?;
        match (ty, head) {
            (_, Head::Nil) => Ok(Value::null(ty.clone())),
            (_, Head::Ext(code, len)) => self.unknown(ty, code, len),
            (Type::Dynamic, Head::Array(2)) => self.dynamic(),
            (Type::Bool, Head::Bool(b)) => Ok(Kind::Bool(b).into()),
            (Type::Number, Head::Int(n)) => Ok(Value::number(n)),
            (Type::Number, Head::Uint(n)) => Ok(Value::number(n)),
            (Type::Number, Head::Float(f)) => Num::from_f64(f).map(Value::number).ok_or(Problem::Number),
            (Type::Number, Head::Str(len)) => {
                Num::parse(self.text(len)?).map(Value::number).map_err(|_| Problem::Number)
            }
            (Type::String, Head::Str(len) | Head::Bin(len)) => Ok(Value::string(self.text(len)?)),
            (Type::List(of), Head::Array(len)) => list(of, self.items(len, of, true)?),
            (Type::Set(of), Head::Array(len)) => set(of, self.items(len, of, false)?),
            (Type::Tuple(types), Head::Array(len)) => self.tuple(len, types),
            (Type::Map(of), Head::Map(len)) => self.map(len, of),
            (Type::Object(object), Head::Map(len)) => self.object(len, &object.attrs),
            (_, head) => Err(mismatch(ty, head.name())),
        }
    }

    fn dynamic(&mut self) -> Result<Value, Problem> {
        let len = match self.head()? {
            Head::Str(len) | Head::Bin(len) => len,
            _ => return Err(Problem::Type),
        };
        let json = self.take(len)?;
        let ty = match &self.last_type {
            Some((last, ty)) if *last == json => ty.clone(),
            _ => Type::from_json(json).map_err(|_| Problem::Type)?.without_optional(),
        };
        self.last_type = Some((json, ty.clone()));
        self.value(&ty)
    }

    /// What to reserve for a claimed length: each item takes a byte at least, and claims may be nested.
    fn room(&self, len: usize) -> usize {
        len.min(self.bytes.len()).min(4096)
    }

    fn items(&mut self, len: usize, of: &Type, named: bool) -> Result<Vec<Value>, Problem> {
        let mut items = Vec::with_capacity(self.room(len));
        for i in 0..len {
            let item = if named { self.at(Step::Index(i as u64), |d| d.value(of))? } else { self.value(of)? };
            items.push(item);
        }
        Ok(items)
    }

    fn tuple(&mut self, len: usize, types: &[Type]) -> Result<Value, Problem> {
        if len != types.len() {
            return Err(Problem::Length { wanted: types.len(), found: len });
        }
        let mut items = Vec::with_capacity(len);
        for (i, ty) in types.iter().enumerate() {
            items.push(self.at(Step::Index(i as u64), |d| d.value(ty))?);
        }
        Ok(Value::tuple(items))
    }

    fn key(&mut self) -> Result<&'a str, Problem> {
        match self.head()? {
            Head::Str(len) | Head::Bin(len) => self.text(len),
            head => Err(mismatch(&Type::String, head.name())),
        }
    }

    fn map(&mut self, len: usize, of: &Type) -> Result<Value, Problem> {
        let mut items = Vec::with_capacity(self.room(len));
        for _ in 0..len {
            let key = Str::new(self.key()?);
            let item = self.at(Step::Key(key.clone()), |d| d.value(of))?;
            items.push((key, item));
        }
        map(of, items)
    }

    fn object(&mut self, len: usize, attrs: &[(Str, Type)]) -> Result<Value, Problem> {
        let mut slots = Slots::new(attrs);
        for _ in 0..len {
            let key = self.key()?;
            let Some((i, (name, ty))) = slots.find(key) else {
                return Err(Problem::Unsupported(key.to_owned()));
            };
            slots.values[i] = Some(self.at(Step::Attr(name.clone()), |d| d.value(ty))?);
        }
        slots.finish(|name, _| Err(Problem::Missing(name.clone())))
    }

    fn unknown(&mut self, ty: &Type, code: u8, len: usize) -> Result<Value, Problem> {
        if len > 1 && (code != REFINED || len > MAX_REFINEMENTS) {
            return Err(Problem::Refinement);
        }
        let body = self.take(len)?;
        if len <= 1 || *ty == Type::Dynamic {
            return Ok(Value::unknown(ty.clone()));
        }
        let mut inside = Decoder { bytes: body, path: Path::ROOT, depth: 0, last_type: None };
        let Some(refinement) = inside.refinement(ty).map_err(|_| Problem::Refinement)? else {
            return Ok(Value::null(ty.clone()));
        };
        Ok(Kind::Unknown(Arc::new(Unknown { ty: ty.clone(), refinement, cause: None })).into())
    }

    /// `None`: the value is known to be null.
    fn refinement(&mut self, ty: &Type) -> Result<Option<Refinement>, Problem> {
        let Head::Map(len) = self.head()? else { return Err(Problem::Refinement) };
        let mut r = Refinement::default();
        let collection = ty.element().is_some();
        for _ in 0..len {
            let key = self.integer()?;
            match (key, ty) {
                (1, _) => match self.head()? {
                    Head::Bool(true) => return Ok(None),
                    Head::Bool(false) => r.not_null = true,
                    _ => return Err(Problem::Refinement),
                },
                (2, Type::String) => r.prefix = Some(Str::new(self.key()?)),
                (3, Type::Number) => r.min = Some(self.bound()?),
                (4, Type::Number) => r.max = Some(self.bound()?),
                (5, _) if collection => r.min_len = u64::try_from(self.integer()?).ok(),
                (6, _) if collection => r.max_len = u64::try_from(self.integer()?).ok(),
                _ => self.skip(0)?,
            }
        }
        Ok(Some(r))
    }

    fn integer(&mut self) -> Result<i64, Problem> {
        match self.head()? {
            Head::Int(n) => Ok(n),
            Head::Uint(n) => i64::try_from(n).map_err(|_| Problem::Refinement),
            _ => Err(Problem::Refinement),
        }
    }

    fn bound(&mut self) -> Result<(Num, bool), Problem> {
        let Head::Array(2) = self.head()? else { return Err(Problem::Refinement) };
        let number = self.value(&Type::Number)?;
        let inclusive = self.value(&Type::Bool)?;
        number.as_num().cloned().zip(inclusive.as_bool()).ok_or(Problem::Refinement)
    }

    /// Passes over one item.
    fn skip(&mut self, depth: usize) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        let items = match self.head()? {
            Head::Str(len) | Head::Bin(len) | Head::Ext(_, len) => return self.take(len).map(drop),
            Head::Array(len) => len,
            Head::Map(len) => len.saturating_mul(2),
            _ => 0,
        };
        (0..items).try_for_each(|_| self.skip(depth + 1))
    }
}
