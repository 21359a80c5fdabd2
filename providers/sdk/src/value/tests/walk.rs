use super::*;

fn sample() -> Value {
    obj(&[
        ("list", Value::list(Type::String, vec![s("a"), s("b").with_marks(Marks::SENSITIVE)])),
        ("map", Value::map(Type::Number, vec![("k".into(), n(1))]).with_marks(Marks::EPHEMERAL)),
        ("set", Value::set(Type::String, vec![s("x").with_marks(Marks::SENSITIVE)])),
        ("tuple", Value::tuple(vec![Value::unknown(obj_ty(&[("id", Type::String)])), Value::null(Type::String)])),
    ])
}

#[test]
fn marks_come_off_and_go_back() {
    let (plain, marks) = sample().unmark_deep();
    assert!(!plain.contains_marked());
    let places: Vec<String> = marks.iter().map(|(p, m)| format!("{p} {}", m.is_sensitive())).collect();
    assert_eq!(places, ["list[1] true", "map false", "set true"]);
    assert_eq!(plain.mark_at(&marks), sample());
    assert_eq!(sample().deep_marks(), Marks::SENSITIVE | Marks::EPHEMERAL);
}

#[test]
fn marks_stop_where_nothing_can_be_named() {
    let at = |path: Path| vec![(path, Marks::SENSITIVE)];
    let plain = sample().unmarked();
    let inside_unknown =
        plain.mark_at(&at(Path(vec![Step::Attr("tuple".into()), Step::Index(0), Step::Attr("id".into())])));
    assert!(inside_unknown.get("tuple").expect("there").items().expect("a tuple")[0].marks().is_sensitive());
    let inside_set = plain.mark_at(&at(Path::ROOT.attr("set").attr("any")));
    assert!(inside_set.get("set").expect("there").marks().is_sensitive());
    let nowhere = plain.mark_at(&at(Path::ROOT.attr("list").then(Step::Index(9))));
    assert_eq!(nowhere, plain);
    let inside_null =
        plain.mark_at(&at(Path(vec![Step::Attr("tuple".into()), Step::Index(1), Step::Attr("x".into())])));
    assert_eq!(inside_null, plain);
}

#[test]
fn known_is_a_proof() {
    assert_eq!(Known::new(sample()).expect_err("holds an unknown").to_string(), "tuple[0]");
    assert_eq!(Known::new(n(1)).expect("known").value(), &n(1));
    let set = Value::set(Type::String, vec![Value::unknown(Type::String)]);
    assert_eq!(Known::new(obj(&[("s", set)])).expect_err("holds an unknown").to_string(), "s");
}

#[test]
fn parts_by_path() {
    let value = sample();
    let path = |text: &[Step]| Path(text.to_vec());
    let attr = |name: &str| Step::Attr(name.into());
    assert_eq!(value.at(&path(&[attr("list"), Step::Index(0)])), Some(&s("a")));
    assert_eq!(value.at(&path(&[attr("map"), Step::Key("k".into())])), Some(&n(1)));
    assert_eq!(value.at(&path(&[attr("set"), Step::Index(0)])), None);
    let id = path(&[attr("tuple"), Step::Index(0), attr("id")]);
    assert_eq!(value.at(&id), None);
    assert_eq!(value.resolve(&id).as_deref(), Some(&Value::unknown(Type::String)));
    assert_eq!(value.resolve(&path(&[attr("tuple"), Step::Index(1), attr("id")])), None);
    assert_eq!(value.resolve(&path(&[attr("nope")])), None);
}

#[test]
fn transform_changes_what_it_is_told_and_shares_the_rest() {
    let value = sample();
    let shouted = value.map_parts(&mut |_, v| match v.as_str() {
        Some("a") => Change::Replace(s("A")),
        _ => Change::Descend,
    });
    assert_eq!(shouted.get("list").expect("there").items().expect("a list")[0], s("A"));
    assert!(shouted.get("map").expect("there").marks().contains(Marks::EPHEMERAL));
    let share = |a: &Value, b: &Value| match (a.kind(), b.kind()) {
        (Kind::Tuple(a), Kind::Tuple(b)) => std::sync::Arc::ptr_eq(a, b),
        (Kind::Object(a), Kind::Object(b)) => std::sync::Arc::ptr_eq(a, b),
        _ => false,
    };
    assert!(share(shouted.get("tuple").expect("there"), value.get("tuple").expect("there")));
    assert!(share(&value.map_parts(&mut |_, _| Change::Descend), &value));
    let refused: Result<Value, String> = value.transform(&mut |path, v| {
        if v.is_unknown() { Err(path.to_string()) } else { Ok(Change::Descend) }
    });
    assert_eq!(refused, Err("tuple[0]".to_owned()));
}

#[test]
fn replacing_a_part() {
    let value = sample();
    let path = Path(vec![Step::Attr("map".into()), Step::Key("k".into())]);
    let changed = value.replace_at(&path, n(2)).expect("there");
    assert_eq!(changed.at(&path), Some(&n(2)));
    assert!(changed.get("map").expect("there").marks().contains(Marks::EPHEMERAL));
    assert_eq!(value.replace_at(&Path::ROOT, n(3)), Some(n(3)));
    assert_eq!(value.replace_at(&Path::ROOT.attr("map").attr("new"), n(3)), None);
}
