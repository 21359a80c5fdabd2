//! What the functions' tests share.

use super::{EntryKind, Files, FunctionContext, FunctionError, call, lookup};
use std::io;
use std::path::{Path, PathBuf};
use straddle_sdk::value::{Marks, Type, Value};

/// No files at all.
pub(super) struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn kind(&self, _: &Path) -> io::Result<Option<EntryKind>> {
        Ok(None)
    }

    fn list(&self, _: &Path) -> io::Result<Vec<(String, EntryKind)>> {
        Ok(Vec::new())
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// Nothing from outside: as while planning.
pub(super) fn context() -> FunctionContext<'static> {
    FunctionContext {
        base_directory: Path::new("/module"),
        files: &NoFiles,
        now: None,
        plan_time: None,
        random: None,
        providers: None,
        templates: None,
        sources: None,
    }
}

pub(super) fn run(name: &str, args: &[Value]) -> Result<Value, FunctionError> {
    let function = lookup(name).unwrap_or_else(|| panic!("there is no {name}"));
    call(function, args, &context())
}

/// The call gives this value, type and marks included.
#[track_caller]
pub(super) fn is(name: &str, args: &[Value], want: Value) {
    match run(name, args) {
        Ok(got) => assert_eq!(format!("{got:?}"), format!("{want:?}"), "{name}({args:?})"),
        Err(e) => panic!("{name}({args:?}): {e}"),
    }
}

/// The call fails with this message.
#[track_caller]
pub(super) fn fails(name: &str, args: &[Value], want: &str) {
    match run(name, args) {
        Ok(got) => panic!("{name}({args:?}) gave {got:?}"),
        Err(e) => assert_eq!(e.message, want, "{name}({args:?})"),
    }
}

pub(super) fn s(text: &str) -> Value {
    Value::string(text)
}

pub(super) fn n(number: i64) -> Value {
    Value::number(number)
}

pub(super) fn strings(items: &[&str]) -> Value {
    Value::list(Type::String, items.iter().map(|i| s(i)).collect())
}

pub(super) fn secret(value: Value) -> Value {
    value.with_marks(Marks::SENSITIVE)
}
