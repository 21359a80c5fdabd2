//! Values with the marks of what they were made from: providers never see marks, so they are taken off before a call and put back on
//! its answer.

use super::object;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::{MarkedPath, Marks, Value};

/// A value with the marks of its configuration and of its schema.
pub fn marked(schema: &Schema, value: Value, marks: &[MarkedPath]) -> Value {
    let by_schema = schema.block.sensitive_paths(&value);
    if marks.is_empty() && by_schema.is_empty() { value } else { value.mark_at(marks).mark_at(&by_schema) }
}

/// What an open ephemeral resource is worth.
pub fn opened(schema: &Schema, result: Value, marks: &[MarkedPath]) -> Value {
    marked(schema, result, marks).with_marks(Marks::EPHEMERAL)
}

/// What an ephemeral resource is worth that cannot be opened yet: what is configured is known.
pub fn unopened(schema: &Schema, config: &Value, marks: &[MarkedPath]) -> Value {
    let unknown = Value::unknown(schema.ty().clone());
    opened(schema, object::proposed_new(&schema.block, &unknown, config), marks)
}
