//! Whether a result keeps what the plan promised.

use super::{Findings, Problem, Violation, missing_keys};
use straddle_sdk::schema::{Block, Fields, NestedBlock, Nesting};
use straddle_sdk::value::{Elements, Kind, Step, Type, Value, same_unrefined};

/// Every place where the actual object is not what was planned: known values must be the same, unknown ones must turn out within
/// what was known of them. Empty when the promise was kept. For results of apply, and for a second plan against the first.
pub fn assert_object_compatible(block: &Block, planned: &Value, actual: &Value) -> Vec<Violation> {
    let mut findings = Findings::default();
    object(block, planned, actual, &mut findings);
    findings.found
}

fn object(block: &Block, planned: &Value, actual: &Value, f: &mut Findings) {
    // What is not known to be there may turn out not to be.
    if planned.is_unknown() || same_unrefined(planned, actual) {
        return;
    }
    match (planned.is_null(), actual.is_null()) {
        (true, true) => return,
        (true, false) => return f.report(Problem::Appeared),
        (false, true) => return f.report(Problem::Vanished),
        (false, false) => {}
    }
    if actual.is_unknown() {
        return f.report(Problem::Forgotten);
    }
    let schema = Fields::Block(block);
    for (name, p) in planned.entries().unwrap_or_default() {
        f.inside(Step::Attr(name.clone()), |f| match (actual.get(name), block.blocks.get(name)) {
            (None, _) => f.report(Problem::Vanished),
            (Some(a), Some(nested)) => nested_block(nested, p, a, f),
            (Some(a), None) if schema.attributes().contains_key(name) => value(p, a, f),
            _ => {}
        });
    }
}

fn nested_block(schema: &NestedBlock, planned: &Value, actual: &Value, f: &mut Findings) {
    let block = &schema.block;
    let open = planned.is_unknown() || planned.is_null() || actual.is_unknown() || actual.is_null();
    match schema.nesting {
        Nesting::Single | Nesting::Group => object(block, planned, actual, f),
        Nesting::List | Nesting::Set if open => {}
        Nesting::List => {
            let (p, a) = (planned.items().unwrap_or_default(), actual.items().unwrap_or_default());
            if p.len() != a.len() {
                return f.report(Problem::Count { planned: p.len(), actual: a.len() });
            }
            for (i, (p, a)) in p.iter().zip(a).enumerate() {
                f.inside(Step::Index(i as u64), |f| object(block, p, a, f));
            }
        }
        Nesting::Map => {
            if !planned.is_unknown() {
                by_key(planned, actual, f, &|p, a, f| object(block, p, a, f));
            }
        }
        Nesting::Set => {
            if let (Kind::Set(p), Kind::Set(a)) = (planned.kind(), actual.kind()) {
                set(p, a, f, &|p, a, f| object(block, p, a, f));
            }
        }
    }
}

/// The rules of a value of any type.
fn value(planned: &Value, actual: &Value, f: &mut Findings) {
    if same_unrefined(planned, actual) || is_dynamic(planned) {
        return;
    }
    let (promised, is) = (planned.ty(), actual.ty());
    if !is.conforms(&promised) {
        return f.report(Problem::Type { planned: promised.friendly_name(), actual: is.friendly_name() });
    }
    typed_value(planned, actual, f);
}

/// A value whose type was left open may become any.
fn is_dynamic(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(ty) => *ty == Type::Dynamic,
        Kind::Unknown(u) => u.ty == Type::Dynamic,
        _ => false,
    }
}

fn typed_value(planned: &Value, actual: &Value, f: &mut Findings) {
    if same_unrefined(planned, actual) || is_dynamic(planned) {
        return;
    }
    match (planned.kind(), actual.kind()) {
        (Kind::Unknown(_), Kind::Unknown(_)) => {}
        (Kind::Unknown(u), known) => {
            if !u.may_become(known) {
                f.report(Problem::Promise);
            }
        }
        (Kind::Null(_), Kind::Null(_)) => {}
        (Kind::Null(_), _) => f.report(Problem::Appeared),
        (_, Kind::Null(_)) => f.report(Problem::Vanished),
        (_, Kind::Unknown(_)) => f.report(Problem::Forgotten),
        (Kind::List(p), Kind::List(a)) => by_index(&p.items, &a.items, f),
        (Kind::Tuple(p), Kind::Tuple(a)) => by_index(p, a, f),
        (Kind::Map(_), Kind::Map(_)) | (Kind::Object(_), Kind::Object(_)) => by_key(planned, actual, f, &typed_value),
        (Kind::Set(p), Kind::Set(a)) => set(p, a, f, &typed_value),
        _ => f.report(Problem::Changed),
    }
}

type Check<'c> = &'c dyn Fn(&Value, &Value, &mut Findings);

fn by_index(planned: &[Value], actual: &[Value], f: &mut Findings) {
    if planned.len() != actual.len() {
        f.report(Problem::Count { planned: planned.len(), actual: actual.len() });
    }
    for (i, (p, a)) in planned.iter().zip(actual).enumerate() {
        f.inside(Step::Index(i as u64), |f| typed_value(p, a, f));
    }
}

fn by_key(planned: &Value, actual: &Value, f: &mut Findings, check: Check<'_>) {
    let step = |key: &straddle_sdk::value::Str| match planned.kind() {
        Kind::Object(_) => Step::Attr(key.clone()),
        _ => Step::Key(key.clone()),
    };
    for (key, p) in planned.entries().unwrap_or_default() {
        f.inside(step(key), |f| match actual.get(key) {
            Some(a) => check(p, a, f),
            None => f.report(Problem::Vanished),
        });
    }
    for key in missing_keys(actual, planned) {
        f.inside(step(key), |f| f.report(Problem::Appeared));
    }
}

/// Each planned element must match an actual one and each actual one a planned one; several planned ones may turn out to be the
/// same, so there may be fewer, but never more.
fn set(planned: &Elements, actual: &Elements, f: &mut Findings, check: Check<'_>) {
    let matches = |p: &Value, a: &Value| {
        let mut trial = Findings::default();
        check(p, a, &mut trial);
        trial.found.is_empty()
    };
    if actual.items.len() > planned.items.len() {
        f.report(Problem::Count { planned: planned.items.len(), actual: actual.items.len() });
    }
    if planned.items.iter().any(|p| !actual.items.iter().any(|a| matches(p, a))) {
        f.report(Problem::ElementVanished);
    }
    if actual.items.iter().any(|a| !planned.items.iter().any(|p| matches(p, a))) {
        f.report(Problem::ElementAppeared);
    }
}
