//! `csvdecode`: RFC 4180, with the first row as the names of the columns. Quotes are taken as strictly as Terraform takes them,
//! which no CSV crate does.

use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use straddle_sdk::value::{Str, Type, Value};

pub(super) static FUNCTIONS: &[Function] =
    &[Function::new("csvdecode", &[Param::new("str", Shape::String)], Returns::Always(Shape::Any), csv_decode)];

fn csv_decode(call: &Call<'_>) -> Result<Value, FunctionError> {
    let mut reader = Reader { rest: call.text(0)?, line: 0 };
    let header = reader.record()?.ok_or_else(|| FunctionError::new("missing header line"))?;
    let names: Vec<Str> = header.fields.iter().map(|name| Str::new(name)).collect();
    let mut sorted: Vec<&Str> = names.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("duplicate column name {}", quoted(pair[0]));
        return Err(FunctionError::quoting(message, "duplicate column name"));
    }
    let of = Type::object(names.iter().map(|name| (name.clone(), Type::String)).collect());
    let mut rows = Vec::new();
    while let Some(record) = reader.record()? {
        if record.fields.len() != names.len() {
            return Err(wrong(record.line, "wrong number of fields"));
        }
        rows.push(Value::object(names.iter().cloned().zip(record.fields.into_iter().map(Value::string)).collect()));
    }
    Ok(Value::list(of, rows))
}

fn wrong(line: usize, what: &str) -> FunctionError {
    FunctionError::told(format!("CSV parse error on line {line}: {what}"))
}

struct Record {
    /// The line it begins on.
    line: usize,
    fields: Vec<String>,
}

struct Reader<'a> {
    rest: &'a str,
    /// Lines read.
    line: usize,
}

impl<'a> Reader<'a> {
    /// The next line without its end, and whether it had one.
    fn line(&mut self) -> Option<(&'a str, bool)> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let (line, rest, ended) = match self.rest.split_once('\n') {
            Some((line, rest)) => (line, rest, true),
            None => (self.rest, "", false),
        };
        self.rest = rest;
        Some((line.strip_suffix('\r').unwrap_or(line), ended))
    }

    fn record(&mut self) -> Result<Option<Record>, FunctionError> {
        let (mut line, mut ended) = loop {
            match self.line() {
                // Empty lines do not count.
                Some(("", _)) => {}
                Some(found) => break found,
                None => return Ok(None),
            }
        };
        let start = self.line;
        let mut fields = Vec::new();
        loop {
            let Some(mut after) = line.strip_prefix('"') else {
                let (field, more) = line.split_once(',').map_or((line, None), |(field, rest)| (field, Some(rest)));
                if field.contains('"') {
                    return Err(wrong(self.line, "bare \" in non-quoted-field"));
                }
                fields.push(field.to_owned());
                match more {
                    Some(rest) => line = rest,
                    None => break,
                }
                continue;
            };
            let mut field = String::new();
            let more = loop {
                let Some((text, rest)) = after.split_once('"') else {
                    field.push_str(after);
                    let next = if ended { self.line() } else { None };
                    let Some((next, next_ended)) = next else {
                        return Err(wrong(self.line, "extraneous or missing \" in quoted-field"));
                    };
                    field.push('\n');
                    (after, ended) = (next, next_ended);
                    continue;
                };
                field.push_str(text);
                if let Some(rest) = rest.strip_prefix('"') {
                    field.push('"');
                    after = rest;
                } else if let Some(rest) = rest.strip_prefix(',') {
                    break Some(rest);
                } else if rest.is_empty() {
                    break None;
                } else {
                    return Err(wrong(self.line, "extraneous or missing \" in quoted-field"));
                }
            };
            fields.push(field);
            match more {
                Some(rest) => line = rest,
                None => break,
            }
        }
        Ok(Some(Record { line: start, fields }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, s};
    use straddle_sdk::value::{Type, Value};

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn reads() {
        let ty = Type::object(vec![("a".into(), Type::String), ("b".into(), Type::String)]);
        let row = |a: &str, b: &str| Value::object(vec![("a".into(), s(a)), ("b".into(), s(b))]);
        for (text, rows) in [
            ("a,b\n1,2\n", vec![row("1", "2")]),
            ("b,a\r\n\r\n1,2\r\n\n3,", vec![row("2", "1"), row("", "3")]),
            ("a,b\n\"x,y\",\"q\"\"q\"\n", vec![row("x,y", "q\"q")]),
            ("a,b\n\"x\r\n\ny\", z ", vec![row("x\n\ny", " z ")]),
            ("a,b", vec![]),
        ] {
            is("csvdecode", &[s(text)], Value::list(ty.clone(), rows));
        }
    }

    #[test]
    fn refuses() {
        for (text, want) in [
            ("", "missing header line"),
            ("\n\n", "missing header line"),
            ("a,a\n1,2", "duplicate column name \"a\""),
            ("a\n\"x", "CSV parse error on line 2: extraneous or missing \" in quoted-field"),
            ("a\n\"x\"y", "CSV parse error on line 2: extraneous or missing \" in quoted-field"),
            ("a\nx\"y", "CSV parse error on line 2: bare \" in non-quoted-field"),
            ("a\n\n1,2", "CSV parse error on line 3: wrong number of fields"),
        ] {
            fails("csvdecode", &[s(text)], want);
        }
    }
}
