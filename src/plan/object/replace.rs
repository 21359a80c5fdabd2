//! Which of the paths that a provider says require replacement really do.

use std::borrow::Cow;
use straddle_sdk::schema::Block;
use straddle_sdk::value::{Path, Type, Value, equals};

/// Paths that lead to nothing, neither in the prior object nor in the planned one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(Path::to_string).collect::<Vec<_>>().join(", "))]
pub struct NoSuchPath(pub Vec<Path>);

/// The paths that change, or may, each once and in the order given; they decide that an object is replaced. Providers built on the
/// older development kit list paths which did not change. Without a prior object there is nothing to replace.
///
/// An error when paths lead to nothing, neither before nor after.
pub fn replace_paths(block: &Block, paths: &[Path], prior: &Value, planned: &Value) -> Result<Vec<Path>, NoSuchPath> {
    if prior.is_null() {
        return Ok(Vec::new());
    }
    let (mut kept, mut nowhere): (Vec<Path>, Vec<Path>) = (Vec::new(), Vec::new());
    for path in paths {
        let (before, after) = (prior.resolve(path), planned.resolve(path));
        if before.is_none() && after.is_none() {
            nowhere.push(path.clone());
            continue;
        }
        let or_null = |v: Option<Cow<'_, Value>>| v.map_or_else(|| Value::null(Type::Dynamic), Cow::into_owned);
        let unchanged = equals(&or_null(before), &or_null(after)).as_bool() == Some(true);
        // A write-only attribute is null on both sides whatever happens to it.
        let write_only = || block.find(path).is_some_and(|p| p.write_only && !p.inside);
        if (!unchanged || write_only()) && !kept.contains(path) {
            kept.push(path.clone());
        }
    }
    if nowhere.is_empty() { Ok(kept) } else { Err(NoSuchPath(nowhere)) }
}
