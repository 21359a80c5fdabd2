//! Tables for each rule, over one schema that has every kind of attribute and block.

use super::*;
use std::sync::Arc;
use straddle_sdk::schema::{Attribute, AttributeType, Block, NestedBlock};
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Refinement, Type, Unknown};

fn plain(ty: Type, flags: &str) -> Attribute {
    described(AttributeType::Plain(ty), flags)
}

/// Flags: r(equired), o(ptional), c(omputed), w(rite-only).
fn described(ty: AttributeType, flags: &str) -> Attribute {
    Attribute {
        ty,
        description: String::new(),
        required: flags.contains('r'),
        optional: flags.contains('o'),
        computed: flags.contains('c'),
        sensitive: false,
        write_only: flags.contains('w'),
        deprecated: false,
        deprecation_message: String::new(),
        markdown: false,
    }
}

fn inner() -> Block {
    let mut block = Block::default();
    block.attributes.insert("k".into(), plain(Type::String, "r"));
    block.attributes.insert("c".into(), plain(Type::String, "oc"));
    block
}

fn nested(nesting: Nesting, flags: &str) -> Attribute {
    described(AttributeType::Nested { attributes: inner().attributes, nesting }, flags)
}

/// `id` computed, `name` required, `o` optional, `oc` optional and computed, `w` write-only; nested attributes `n_single` … and blocks
/// `b_single` … of `{k required, c optional and computed}`.
fn schema() -> Block {
    let mut block = Block::default();
    for (name, flags) in [("id", "c"), ("name", "r"), ("o", "o"), ("oc", "oc"), ("w", "ow")] {
        block.attributes.insert(name.into(), plain(Type::String, flags));
    }
    block.attributes.insert("tags".into(), plain(Type::map(Type::String), "o"));
    block.attributes.insert("n_oc".into(), nested(Nesting::Single, "oc"));
    for (name, nesting) in
        [("single", Nesting::Single), ("list", Nesting::List), ("set", Nesting::Set), ("map", Nesting::Map)]
    {
        block.attributes.insert(format!("n_{name}").into(), nested(nesting, "o"));
        let b = NestedBlock { block: inner(), nesting, min_items: 0, max_items: 0 };
        block.blocks.insert(format!("b_{name}").into(), b);
    }
    let group = NestedBlock { block: inner(), nesting: Nesting::Group, min_items: 0, max_items: 0 };
    block.blocks.insert("b_group".into(), group);
    block
}

/// An object from its JSON: what is not written is null, blocks are empty, and the string `?` stands for an unknown string.
fn object(text: &str) -> Value {
    let schema = schema();
    let ty = schema.implied_type();
    if text == "null" {
        return Value::null(ty);
    }
    let written = json::decode(text.as_bytes(), &ty).unwrap_or_else(|e| panic!("{text}: {e}"));
    let empty = schema.empty_value();
    let merged = written.entries().expect("an object").iter().map(|(name, value)| {
        let value = if value.is_null() { empty.get(name).expect("an attribute").clone() } else { value.clone() };
        (name.clone(), value)
    });
    Value::object(merged.collect()).map_parts(&mut |_, v| match v.as_str() {
        Some("?") => straddle_sdk::value::Change::Replace(Value::unknown(Type::String)),
        _ => straddle_sdk::value::Change::Descend,
    })
}

/// With one attribute or block of the object replaced.
fn with(object: &Value, name: &str, value: Value) -> Value {
    object.replace_at(&Path::ROOT.attr(name), value).expect("an attribute")
}

fn list_of(name: &str) -> Type {
    object("{}").get(name).expect("an attribute").ty()
}

#[test]
fn proposed() {
    for (what, prior, config, want) in [
        ("a create keeps nulls for what the provider decides", "null", r#"{"name":"a"}"#, r#"{"name":"a"}"#),
        (
            "what the provider decided stays, what was optional goes",
            r#"{"id":"1","name":"a","o":"x","oc":"y"}"#,
            r#"{"name":"b"}"#,
            r#"{"id":"1","name":"b","oc":"y"}"#,
        ),
        ("what is written counts", r#"{"oc":"y"}"#, r#"{"oc":"z"}"#, r#"{"oc":"z"}"#),
        ("write-only values are proposed", r#"{"w":null}"#, r#"{"w":"s"}"#, r#"{"w":"s"}"#),
        ("no configuration proposes what there is", r#"{"id":"1"}"#, "null", r#"{"id":"1"}"#),
        ("nothing and nothing is nothing", "null", "null", "null"),
        (
            "nested objects are merged",
            r#"{"n_single":{"k":"a","c":"1"},"b_single":{"k":"a","c":"1"},"b_group":{"k":"a","c":"1"}}"#,
            r#"{"n_single":{"k":"b"},"b_single":{"k":"b"},"b_group":{"k":"b"}}"#,
            r#"{"n_single":{"k":"b","c":"1"},"b_single":{"k":"b","c":"1"},"b_group":{"k":"b","c":"1"}}"#,
        ),
        (
            "a single block that is no longer written goes",
            r#"{"b_single":{"k":"a","c":"1"},"n_single":{"k":"a","c":"1"}}"#,
            "{}",
            "{}",
        ),
        (
            "lists by index",
            r#"{"n_list":[{"k":"a","c":"1"}],"b_list":[{"k":"a","c":"1"},{"k":"b","c":"2"}]}"#,
            r#"{"n_list":[{"k":"x"},{"k":"y"}],"b_list":[{"k":"b"}]}"#,
            r#"{"n_list":[{"k":"x","c":"1"},{"k":"y"}],"b_list":[{"k":"b","c":"1"}]}"#,
        ),
        (
            "maps by key",
            r#"{"n_map":{"p":{"k":"a","c":"1"}},"b_map":{"p":{"k":"a","c":"1"},"q":{"k":"b","c":"2"}}}"#,
            r#"{"n_map":{"p":{"k":"x"},"n":{"k":"y"}},"b_map":{"q":{"k":"z"}}}"#,
            r#"{"n_map":{"p":{"k":"x","c":"1"},"n":{"k":"y"}},"b_map":{"q":{"k":"z","c":"2"}}}"#,
        ),
        (
            "sets by the element it may have come from",
            r#"{"b_set":[{"k":"a","c":"1"},{"k":"b","c":"2"}],"n_set":[{"k":"a","c":"1"}]}"#,
            r#"{"b_set":[{"k":"b"},{"k":"new"},{"k":"a","c":"own"}],"n_set":[{"k":"a"}]}"#,
            r#"{"b_set":[{"k":"b","c":"2"},{"k":"new"},{"k":"a","c":"own"}],"n_set":[{"k":"a","c":"1"}]}"#,
        ),
        ("a removed nested attribute that was configured is not kept", r#"{"n_oc":{"k":"a","c":"1"}}"#, "{}", "{}"),
        ("one that only the provider set is", r#"{"n_oc":{"k":null,"c":"1"}}"#, "{}", r#"{"n_oc":{"k":null,"c":"1"}}"#),
    ] {
        assert_eq!(proposed_new(&schema(), &object(prior), &object(config)), object(want), "{what}");
    }
}

#[test]
fn proposed_with_unknowns() {
    let schema = schema();
    let config = object(r#"{"name":"a","b_list":[{"k":"x"}]}"#);
    let open = proposed_new(&schema, &Value::unknown(schema.implied_type()), &config);
    assert!(open.get("id").expect("there").is_unknown());
    assert!(open.get("oc").expect("there").is_unknown());
    assert_eq!(open.get("name"), Some(&Value::string("a")));
    assert!(open.get("o").expect("there").is_null());
    assert!(open.get("b_list").expect("there").items().expect("a list")[0].get("c").expect("there").is_unknown());
    let blocks = with(&config, "b_list", Value::unknown(list_of("b_list")));
    let kept = proposed_new(&schema, &object(r#"{"b_list":[{"k":"x"}]}"#), &blocks);
    assert!(kept.get("b_list").expect("there").is_unknown());
}

#[test]
fn proposing_what_is_there_changes_nothing() {
    let state = object(
        r#"{"id":"1","name":"a","oc":"y","tags":{"t":"1"},"b_set":[{"k":"a","c":"1"},{"k":"b","c":"2"}],
            "n_list":[{"k":"a","c":"1"}],"b_group":{"k":"g","c":"1"},"b_map":{"m":{"k":"a","c":"1"}}}"#,
    );
    let written = object(
        r#"{"name":"a","tags":{"t":"1"},"b_set":[{"k":"a"},{"k":"b"}],"n_list":[{"k":"a"}],"b_group":{"k":"g"},"b_map":{"m":{"k":"a"}}}"#,
    );
    assert_eq!(proposed_new(&schema(), &state, &written), state);
}

fn path(text: &str) -> Path {
    let step = |part: &str| match part.strip_prefix('#') {
        Some(index) => Step::Index(index.parse().expect("an index")),
        None => part.strip_prefix('@').map_or_else(|| Step::Attr(part.into()), |key| Step::Key(key.into())),
    };
    Path(text.split('/').map(step).collect())
}

#[test]
fn ignored() {
    let prior = r#"{"id":"1","name":"old","o":"x","tags":{"a":"1","b":"2"},"b_list":[{"k":"p","c":"1"}]}"#;
    let config = r#"{"name":"new","tags":{"a":"9","n":"3"},"b_list":[{"k":"q"}]}"#;
    for (paths, want) in [
        (&["name"][..], r#"{"name":"old","tags":{"a":"9","n":"3"},"b_list":[{"k":"q"}]}"#),
        (&["o"], r#"{"name":"new","o":"x","tags":{"a":"9","n":"3"},"b_list":[{"k":"q"}]}"#),
        (&["tags"], r#"{"name":"new","tags":{"a":"1","b":"2"},"b_list":[{"k":"q"}]}"#),
        (&["tags/@a"], r#"{"name":"new","tags":{"a":"1","n":"3"},"b_list":[{"k":"q"}]}"#),
        (&["tags/@b", "tags/@n"], r#"{"name":"new","tags":{"a":"9","b":"2"},"b_list":[{"k":"q"}]}"#),
        (&["tags/@zz"], config),
        (&["b_list/#0/k"], r#"{"name":"new","tags":{"a":"9","n":"3"},"b_list":[{"k":"p"}]}"#),
        (&["b_list/#7/k", "nope"], config),
    ] {
        let ignore = Ignore::Paths(paths.iter().map(|p| path(p)).collect());
        assert_eq!(ignore_changes(&schema(), &object(prior), &object(config), &ignore), object(want), "{paths:?}");
        assert_eq!(ignore_changes(&schema(), &object("null"), &object(config), &ignore), object(config), "no prior");
    }
    let kept = ignore_changes(&schema(), &object(prior), &object(config), &Ignore::All);
    let want = r#"{"name":"old","o":"x","tags":{"a":"1","b":"2"},"b_list":[{"k":"p","c":"1"}]}"#;
    assert_eq!(kept, object(want), "all, but what only the provider decides is not as if written");
    let removed =
        ignore_changes(&schema(), &object(prior), &object(r#"{"name":"new"}"#), &Ignore::Paths(vec![path("tags/@a")]));
    assert_eq!(removed.at(&path("tags/@a")), Some(&Value::string("1")), "a key of a map that is no longer written");
}

fn violations(found: &[Violation]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn valid_plans() {
    for (what, prior, config, planned) in [
        ("as configured", "null", r#"{"name":"a"}"#, r#"{"name":"a"}"#),
        ("computed may be anything", "null", r#"{"name":"a"}"#, r#"{"name":"a","id":"?","oc":"made"}"#),
        ("the same in other words", r#"{"name":"A"}"#, r#"{"name":"a"}"#, r#"{"name":"A"}"#),
        ("destroyed", r#"{"name":"a"}"#, "null", "null"),
        ("write-only is taken away", "null", r#"{"w":"s"}"#, "{}"),
        (
            "nested computed",
            "null",
            r#"{"n_list":[{"k":"a"}],"b_list":[{"k":"a"}],"n_map":{"x":{"k":"a"}},"b_group":{"k":"g"},"n_single":{"k":"s"}}"#,
            r#"{"n_list":[{"k":"a","c":"?"}],"b_list":[{"k":"a","c":"1"}],"n_map":{"x":{"k":"a","c":"?"}},"b_group":{"k":"g","c":"?"},"n_single":{"k":"s","c":"?"}}"#,
        ),
        (
            "sets are trusted inside",
            "null",
            r#"{"b_set":[{"k":"a"}],"n_set":[{"k":"a"}]}"#,
            r#"{"b_set":[{"k":"z"}],"n_set":[{"k":"z"}]}"#,
        ),
    ] {
        let found = assert_plan_valid(&schema(), &object(prior), &object(config), &object(planned));
        assert_eq!(violations(&found), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn invalid_plans() {
    for (prior, config, planned, want) in [
        ("null", "null", r#"{"name":"a"}"#, "planned for existence, but the configuration wants absence"),
        ("null", r#"{"name":"a"}"#, "null", "planned for absence, but the configuration wants existence"),
        (
            "null",
            r#"{"name":"a"}"#,
            r#"{"name":"b"}"#,
            "name: the planned value is neither the configured nor the prior one",
        ),
        (
            r#"{"name":"c"}"#,
            r#"{"name":"a"}"#,
            r#"{"name":"?"}"#,
            "name: the planned value is neither the configured nor the prior one",
        ),
        ("null", "{}", r#"{"o":"b"}"#, "o: planned a value for an attribute which is not computed"),
        (r#"{"o":"b"}"#, "{}", r#"{"o":"b"}"#, "o: planned a value for an attribute which is not computed"),
        ("null", r#"{"oc":"a"}"#, r#"{"oc":"b"}"#, "oc: the planned value is neither the configured nor the prior one"),
        ("null", r#"{"w":"s"}"#, r#"{"w":"s"}"#, "w: a write-only attribute must be null"),
        (
            "null",
            r#"{"n_list":[{"k":"a"}]}"#,
            r#"{"n_list":[{"k":"b"}]}"#,
            "n_list[0].k: the planned value is neither the configured nor the prior one",
        ),
        ("null", r#"{"n_list":[{"k":"a"}]}"#, r#"{"n_list":[]}"#, "n_list: 0 planned, but 1 configured"),
        (
            "null",
            r#"{"n_list":[{"k":"a"}]}"#,
            "{}",
            "n_list: planned for absence, but the configuration wants existence",
        ),
        (
            "null",
            r#"{"n_single":{"k":"a"}}"#,
            "{}",
            "n_single: planned for absence, but the configuration wants existence",
        ),
        ("null", "{}", r#"{"n_single":{"k":"a"}}"#, "n_single: planned a value for an attribute which is not computed"),
        (
            "null",
            r#"{"n_map":{"x":{"k":"a"}}}"#,
            r#"{"n_map":{"y":{"k":"a"}}}"#,
            "n_map: key \"x\" of the configuration is missing in the plan",
        ),
        (
            "null",
            r#"{"n_set":[{"k":"a"}]}"#,
            r#"{"n_set":[{"k":"a"},{"k":"b"}]}"#,
            "n_set: 2 planned, but 1 configured",
        ),
        (
            "null",
            r#"{"b_list":[{"k":"a"}]}"#,
            r#"{"b_list":[{"k":"a"},{"k":"a"}]}"#,
            "b_list: 2 planned, but 1 configured",
        ),
        (
            "null",
            r#"{"b_list":[{"k":"a"}]}"#,
            r#"{"b_list":[{"k":"b"}]}"#,
            "b_list[0].k: the planned value is neither the configured nor the prior one",
        ),
        (
            "null",
            r#"{"b_single":{"k":"a"}}"#,
            "{}",
            "b_single: planned for absence, but the configuration wants existence",
        ),
        (
            "null",
            "{}",
            r#"{"b_single":{"k":"a"}}"#,
            "b_single: planned for existence, but the configuration wants absence",
        ),
        (
            "null",
            r#"{"b_map":{"x":{"k":"a"}}}"#,
            r#"{"b_map":{"x":{"k":"b"}}}"#,
            "b_map[\"x\"].k: the planned value is neither the configured nor the prior one",
        ),
        (
            "null",
            r#"{"b_group":{"k":"a"}}"#,
            r#"{"b_group":{"k":"b"}}"#,
            "b_group.k: the planned value is neither the configured nor the prior one",
        ),
    ] {
        let found = assert_plan_valid(&schema(), &object(prior), &object(config), &object(planned));
        assert_eq!(violations(&found).first().map(String::as_str), Some(want), "{config} {planned}");
    }
}

#[test]
fn unknown_and_null_blocks_in_plans() {
    let schema = schema();
    let none = object("null");
    let judge = |config: &Value, planned: &Value| violations(&assert_plan_valid(&schema, &none, config, planned));
    let config = object(r#"{"b_list":[{"k":"a"}],"b_set":[{"k":"a"}]}"#);
    for name in ["b_list", "b_set", "b_map"] {
        let null = with(&config, name, Value::null(list_of(name)));
        assert_eq!(
            judge(&config, &null),
            [format!("{name}: nested blocks must be empty to say that there are none, not null")]
        );
    }
    let unknown = with(&config, "b_list", Value::unknown(list_of("b_list")));
    assert_eq!(judge(&config, &unknown), ["b_list: planned as unknown although the configuration is known"]);
    assert_eq!(judge(&unknown, &config), ["b_list: planned as known although the configuration is not known yet"]);
    assert!(judge(&unknown, &unknown).is_empty());
    let of = list_of("b_set").element().expect("a set").clone();
    let open = with(&config, "b_set", Value::set(of.clone(), vec![Value::unknown(of)]));
    assert_eq!(judge(&config, &open), ["b_set: planned as unknown although the configuration is known"]);
}

#[test]
fn what_replaces() {
    let schema = schema();
    let prior = object(r#"{"id":"1","name":"a","o":"x","tags":{"t":"1"},"n_list":[{"k":"a"}]}"#);
    let planned = object(r#"{"id":"?","name":"b","o":"x","tags":{"u":"1"},"n_list":[]}"#);
    let judge = |paths: &[&str]| {
        let paths: Vec<Path> = paths.iter().map(|p| path(p)).collect();
        replace_paths(&schema, &paths, &prior, &planned)
            .map(|kept| kept.iter().map(Path::to_string).collect::<Vec<_>>())
            .map_err(|e| e.to_string())
    };
    let kept = |paths: &[&str]| Ok(paths.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(judge(&["name"]), kept(&["name"]));
    assert_eq!(judge(&["o", "name", "name"]), kept(&["name"]), "what did not change does not replace; once is enough");
    assert_eq!(judge(&["id"]), kept(&["id"]), "it may change");
    assert_eq!(judge(&["w"]), kept(&["w"]), "a write-only attribute is always null");
    assert_eq!(judge(&["tags/@t", "tags/@u"]), kept(&["tags[\"t\"]", "tags[\"u\"]"]), "on one side only");
    assert_eq!(judge(&["n_list/#0/k"]), kept(&["n_list[0].k"]));
    assert_eq!(judge(&["n_list/#0/c"]), kept(&[]), "null and absent are the same here");
    assert_eq!(judge(&["name", "zz", "n_list/#9"]), Err("zz, n_list[9]".to_owned()));
    assert_eq!(replace_paths(&schema, &[path("zz")], &object("null"), &planned), Ok(vec![]));
}

#[test]
fn kept_promises() {
    for (planned, actual) in [
        (r#"{"name":"a"}"#, r#"{"name":"a"}"#),
        (r#"{"id":"?","oc":"?"}"#, r#"{"id":"1"}"#),
        (r#"{"tags":{"a":"?"}}"#, r#"{"tags":{"a":"1"}}"#),
        (r#"{"b_list":[{"k":"a","c":"?"}]}"#, r#"{"b_list":[{"k":"a","c":"1"}]}"#),
        (r#"{"b_set":[{"k":"a","c":"?"},{"k":"?"}]}"#, r#"{"b_set":[{"k":"a","c":"1"},{"k":"b"}]}"#),
        (r#"{"b_set":[{"k":"a","c":"?"},{"k":"?","c":"?"}]}"#, r#"{"b_set":[{"k":"a","c":"1"}]}"#),
        (
            r#"{"n_set":[{"k":"a","c":"?"}],"n_map":{"x":{"k":"?"}}}"#,
            r#"{"n_set":[{"k":"a","c":"1"}],"n_map":{"x":{"k":"1"}}}"#,
        ),
        ("null", "null"),
    ] {
        let found = assert_object_compatible(&schema(), &object(planned), &object(actual));
        assert_eq!(violations(&found), Vec::<String>::new(), "{planned} {actual}");
    }
    let schema = schema();
    let open = with(&object("{}"), "b_list", Value::unknown(list_of("b_list")));
    assert!(assert_object_compatible(&schema, &open, &object(r#"{"b_list":[{"k":"a"}]}"#)).is_empty());
    let open = with(&object("{}"), "b_single", Value::unknown(list_of("b_single")));
    assert!(assert_object_compatible(&schema, &open, &object("{}")).is_empty(), "may turn out not to be there");
}

#[test]
fn broken_promises() {
    for (planned, actual, want) in [
        (r#"{"name":"a"}"#, "null", "was present, but is now absent"),
        ("null", r#"{"name":"a"}"#, "was absent, but is now present"),
        (r#"{"name":"a"}"#, r#"{"name":"b"}"#, "name: the value is not the planned one"),
        (r#"{"name":"a"}"#, r#"{"name":"?"}"#, "name: was known, but is now unknown"),
        (r#"{"name":"a"}"#, "{}", "name: was present, but is now absent"),
        ("{}", r#"{"o":"a"}"#, "o: was absent, but is now present"),
        (r#"{"tags":{"a":"1"}}"#, r#"{"tags":{"a":"1","b":"2"}}"#, "tags[\"b\"]: was absent, but is now present"),
        (r#"{"tags":{"a":"1"}}"#, r#"{"tags":{"a":"2"}}"#, "tags[\"a\"]: the value is not the planned one"),
        (r#"{"b_list":[{"k":"a"}]}"#, r#"{"b_list":[]}"#, "b_list: the count changed from 1 to 0"),
        (r#"{"b_list":[{"k":"a"}]}"#, r#"{"b_list":[{"k":"b"}]}"#, "b_list[0].k: the value is not the planned one"),
        (r#"{"b_map":{"x":{"k":"a"}}}"#, r#"{"b_map":{}}"#, "b_map[\"x\"]: was present, but is now absent"),
        (r#"{"b_set":[{"k":"a"}]}"#, r#"{"b_set":[{"k":"a"},{"k":"b"}]}"#, "b_set: the count changed from 1 to 2"),
        (
            r#"{"b_set":[{"k":"a","c":"?"}]}"#,
            r#"{"b_set":[{"k":"b","c":"1"}]}"#,
            "b_set: a planned element of the set is not in the result",
        ),
        (r#"{"b_single":{"k":"a"}}"#, "{}", "b_single: was present, but is now absent"),
        (r#"{"n_list":[{"k":"a"}]}"#, r#"{"n_list":[{"k":"a"},{"k":"b"}]}"#, "n_list: the count changed from 1 to 2"),
    ] {
        let found = assert_object_compatible(&schema(), &object(planned), &object(actual));
        assert_eq!(violations(&found).first().map(String::as_str), Some(want), "{planned} {actual}");
    }
}

#[test]
fn promises_about_the_unknown_bind() {
    let schema = schema();
    let promise = |refinement: Refinement| {
        let unknown = Unknown { refinement, ..Unknown::of(Type::String) };
        with(&object("{}"), "id", Kind::Unknown(Arc::new(unknown)).into())
    };
    let prefix = promise(Refinement { prefix: Some("vm-".into()), ..Refinement::default() });
    assert!(assert_object_compatible(&schema, &prefix, &object(r#"{"id":"vm-1"}"#)).is_empty());
    let broken = assert_object_compatible(&schema, &prefix, &object(r#"{"id":"db-1"}"#));
    assert_eq!(violations(&broken), ["id: the value breaks what was promised of it while it was unknown"]);
    let not_null = promise(Refinement { not_null: true, ..Refinement::default() });
    assert_eq!(assert_object_compatible(&schema, &not_null, &object("{}"))[0].problem, Problem::Promise);
}

#[test]
fn values_of_open_type_may_become_any_and_others_keep_their_type() {
    let mut block = Block::default();
    block.attributes.insert("any".into(), plain(Type::Dynamic, "c"));
    let any = |value: Value| Value::object(vec![("any".into(), value)]);
    let judge =
        |planned: Value, actual: Value| violations(&assert_object_compatible(&block, &any(planned), &any(actual)));
    assert!(judge(Value::unknown(Type::Dynamic), Value::tuple(vec![Value::TRUE])).is_empty());
    assert!(judge(Value::unknown(Type::list(Type::String)), Value::list(Type::String, vec![])).is_empty());
    assert_eq!(
        judge(Value::unknown(Type::list(Type::String)), Value::string("x")),
        ["any: the type changed from list of string to string"]
    );
}
