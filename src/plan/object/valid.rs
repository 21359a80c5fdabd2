//! Whether a plan made by a provider keeps to the configuration.

use super::{Findings, Problem, Violation, missing_keys};
use straddle_sdk::schema::{Attribute, Block, Fields, NestedBlock, Nesting};
use straddle_sdk::value::{Step, Value, same_unrefined};

/// Every place where the planned object is neither as configured nor the provider's own to decide. `config` must be what was sent,
/// after [`ignore_changes`](super::ignore_changes). Empty for a valid plan. Providers that announce the legacy type system are
/// not held to this.
pub fn assert_plan_valid(block: &Block, prior: &Value, config: &Value, planned: &Value) -> Vec<Violation> {
    let mut findings = Findings::default();
    object(Fields::Block(block), some(prior), config, planned, &mut findings);
    findings.found
}

fn some(value: &Value) -> Option<&Value> {
    Some(value).filter(|v| !v.is_null())
}

fn object(schema: Fields<'_>, prior: Option<&Value>, config: &Value, planned: &Value, f: &mut Findings) {
    match (config.is_null(), planned.is_null()) {
        (true, true) => return,
        (true, false) => return f.report(Problem::PlannedExistence),
        (false, true) => return f.report(Problem::PlannedAbsence),
        (false, false) => {}
    }
    if planned.is_unknown() && !config.is_unknown() {
        return f.report(Problem::PlannedUnknown);
    }
    fields(schema, prior, config, planned, f);
}

/// The attributes and blocks of an object that is planned and known.
fn fields(schema: Fields<'_>, prior: Option<&Value>, config: &Value, planned: &Value, f: &mut Findings) {
    for (name, p) in planned.entries().unwrap_or_default() {
        let unknown;
        let c = match config.get(name) {
            Some(c) => c,
            // Of an object that is not known yet each attribute is not known yet.
            None => {
                unknown = Value::unknown(p.ty());
                &unknown
            }
        };
        let before = prior.and_then(|prior| prior.get(name));
        f.inside(Step::Attr(name.clone()), |f| {
            if let Some(a) = schema.attributes().get(name) {
                attribute(a, before, c, p, f);
            } else if let Some(b) = schema.blocks().and_then(|b| b.get(name)) {
                nested_block(b, before.and_then(some), c, p, f);
            }
        });
    }
}

fn attribute(schema: &Attribute, prior: Option<&Value>, config: &Value, planned: &Value, f: &mut Findings) {
    if schema.write_only {
        if !planned.is_null() {
            f.report(Problem::WriteOnly);
        }
        return;
    }
    if same_unrefined(planned, config) {
        return;
    }
    // The provider says that what is configured means the same as what there is.
    let prior = prior.and_then(some);
    if !config.is_null() && prior.is_some_and(|prior| same_unrefined(planned, prior)) {
        return;
    }
    if schema.computed && (!schema.optional || config.is_null()) {
        return;
    }
    if config.is_null() {
        return f.report(Problem::NotComputed);
    }
    match schema.fields().zip(schema.nesting()) {
        Some((inner, nesting)) => nested_attribute(inner, nesting, prior, config, planned, f),
        None => f.report(Problem::NotAsConfigured),
    }
}

fn nested_attribute(
    inner: Fields<'_>,
    nesting: Nesting,
    prior: Option<&Value>,
    config: &Value,
    planned: &Value,
    f: &mut Findings,
) {
    if planned.is_null() {
        return f.report(Problem::PlannedAbsence);
    }
    if planned.is_unknown() {
        return f.report(Problem::PlannedUnknown);
    }
    match nesting {
        Nesting::Single | Nesting::Group => fields(inner, prior, config, planned, f),
        _ if config.is_unknown() => {}
        Nesting::List => each_index(prior, config, planned, f, |prior, c, p, f| object(inner, prior, c, p, f)),
        Nesting::Map => each_key(prior, config, planned, f, |prior, c, p, f| object(inner, prior, c, p, f)),
        // Elements of sets have no names, so only their number can be judged, and unknown ones may coalesce.
        Nesting::Set => {
            let count = |v: &Value| v.items().map_or(0, <[Value]>::len);
            let open = !config.is_wholly_known() || !planned.is_wholly_known();
            if count(planned) > count(config) || !open && count(planned) != count(config) {
                f.report(Problem::PlannedCount { planned: count(planned), config: count(config) });
            }
        }
    }
}

fn nested_block(schema: &NestedBlock, prior: Option<&Value>, config: &Value, planned: &Value, f: &mut Findings) {
    let inner = Fields::Block(&schema.block);
    if planned.is_null() && schema.nesting != Nesting::Single {
        return f.report(Problem::NullBlocks);
    }
    if same_unrefined(planned, config) {
        return;
    }
    if config.is_unknown() {
        return f.report(Problem::PlannedTooEarly);
    }
    if planned.is_unknown() {
        return f.report(Problem::PlannedUnknown);
    }
    match schema.nesting {
        Nesting::Single | Nesting::Group => object(inner, prior, config, planned, f),
        Nesting::List => each_index(prior, config, planned, f, |prior, c, p, f| object(inner, prior, c, p, f)),
        Nesting::Map => each_key(prior, config, planned, f, |prior, c, p, f| object(inner, prior, c, p, f)),
        // What is inside cannot be matched, so the provider is trusted.
        Nesting::Set => {
            if planned.items().unwrap_or_default().iter().any(Value::is_unknown) {
                f.report(Problem::PlannedUnknown);
            }
        }
    }
}

type Check<'c> = &'c dyn Fn(Option<&Value>, &Value, &Value, &mut Findings);

fn each_index(
    prior: Option<&Value>,
    config: &Value,
    planned: &Value,
    f: &mut Findings,
    check: impl Fn(Option<&Value>, &Value, &Value, &mut Findings),
) {
    let check: Check<'_> = &check;
    let (c, p) = (config.items().unwrap_or_default(), planned.items().unwrap_or_default());
    if c.len() != p.len() {
        return f.report(Problem::PlannedCount { planned: p.len(), config: c.len() });
    }
    let before = prior.and_then(Value::items).unwrap_or_default();
    for (i, (c, p)) in c.iter().zip(p).enumerate() {
        f.inside(Step::Index(i as u64), |f| check(before.get(i).and_then(some), c, p, f));
    }
}

fn each_key(
    prior: Option<&Value>,
    config: &Value,
    planned: &Value,
    f: &mut Findings,
    check: impl Fn(Option<&Value>, &Value, &Value, &mut Findings),
) {
    let check: Check<'_> = &check;
    for key in missing_keys(config, planned) {
        f.report(Problem::KeyNotPlanned(key.clone()));
    }
    for key in missing_keys(planned, config) {
        f.report(Problem::KeyNotConfigured(key.clone()));
    }
    for (key, p) in planned.entries().unwrap_or_default() {
        let Some(c) = config.get(key) else { continue };
        let before = prior.and_then(|prior| prior.get(key)).and_then(some);
        f.inside(Step::Key(key.clone()), |f| check(before, c, p, f));
    }
}
