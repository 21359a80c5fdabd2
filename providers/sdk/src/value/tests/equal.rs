use super::*;

fn verdict(a: &Value, b: &Value) -> &'static str {
    let result = equals(a, b);
    let flipped = equals(b, a);
    assert_eq!(result, flipped, "== is symmetric: {a:?} {b:?}");
    match result.kind() {
        Kind::Bool(true) => "true",
        Kind::Bool(false) => "false",
        Kind::Unknown(u) if u.ty == Type::Bool && u.refinement.not_null => "unknown",
        other => panic!("no bool: {other:?}"),
    }
}

#[test]
fn equality_of_the_language() {
    let u = || Value::unknown(Type::String);
    let null = |t| Value::null(t);
    let prefixed = unknown_with(Type::String, |r| r.prefix = Some("x-".into()));
    let not_null = unknown_with(Type::String, |r| r.not_null = true);
    let positive = unknown_with(Type::Number, |r| r.min = Some((Num::ZERO, false)));
    let short = unknown_with(Type::list(Type::String), |r| r.max_len = Some(1));
    for (a, b, want) in [
        (n(1), num("1.0"), "true"),
        (n(1), s("1"), "false"),
        (s("años"), s("an\u{303}os"), "true"),
        // Measured: nulls of all types are equal, but not as parts of different types.
        (null(Type::Dynamic), null(Type::String), "true"),
        (null(Type::String), s(""), "false"),
        (obj(&[("a", null(Type::Dynamic))]), obj(&[("a", null(Type::String))]), "false"),
        (Value::tuple(vec![null(Type::Dynamic)]), Value::tuple(vec![null(Type::Dynamic)]), "true"),
        (Value::list(Type::Dynamic, vec![]), Value::list(Type::Dynamic, vec![]), "true"),
        (Value::list(Type::Dynamic, vec![]), Value::list(Type::String, vec![]), "false"),
        (strings(&["a"]), Value::tuple(vec![s("a")]), "false"),
        (Value::map(Type::Number, vec![("a".into(), n(1))]), obj(&[("a", n(1))]), "false"),
        // Unknown sides.
        (u(), s("a"), "unknown"),
        (u(), n(1), "false"),
        (u(), null(Type::Dynamic), "unknown"),
        (not_null.clone(), null(Type::Dynamic), "false"),
        (prefixed.clone(), s(""), "false"),
        (prefixed, s("x-1"), "unknown"),
        (positive.clone(), n(0), "false"),
        (positive, n(1), "unknown"),
        (short.clone(), strings(&["a", "b"]), "false"),
        (short, strings(&["a"]), "unknown"),
        (Value::unknown(Type::Dynamic), Value::TRUE, "unknown"),
        // Measured: in order through lists and tuples.
        (Value::tuple(vec![u(), n(1)]), Value::tuple(vec![u(), n(2)]), "unknown"),
        (Value::tuple(vec![n(1), u()]), Value::tuple(vec![n(2), u()]), "false"),
        (obj(&[("a", u()), ("b", n(1))]), obj(&[("a", u()), ("b", n(2))]), "false"),
        (obj(&[("a", u())]), obj(&[("b", u())]), "false"),
        (Value::set(Type::String, vec![u()]), Value::set(Type::String, vec![s("a")]), "unknown"),
        (Value::set(Type::Number, vec![n(2), n(1)]), Value::set(Type::Number, vec![n(1), n(2), n(1)]), "true"),
        (Value::set(Type::Number, vec![n(2)]), Value::set(Type::Number, vec![n(1)]), "false"),
    ] {
        assert_eq!(verdict(&a, &b), want, "{a:?} == {b:?}");
    }
}

#[test]
fn equality_collects_marks_from_inside() {
    let a = Value::tuple(vec![n(1).with_marks(Marks::SENSITIVE)]);
    let b = Value::tuple(vec![n(1).with_marks(Marks::EPHEMERAL)]);
    let result = equals(&a, &b);
    assert_eq!(result.as_bool(), Some(true));
    assert!(result.marks().contains(Marks::SENSITIVE | Marks::EPHEMERAL));
}

#[test]
fn sameness_by_name() {
    let plain = s("a");
    let marked = s("a").with_marks(Marks::SENSITIVE);
    assert!(!same(&plain, &marked) && same_unmarked(&plain, &marked));
    let unknown = Value::unknown(Type::String);
    let refined = unknown_with(Type::String, |r| r.not_null = true);
    assert!(!same_unmarked(&unknown, &refined) && same_unrefined(&unknown, &refined));
    assert!(!same(&Value::null(Type::String), &Value::null(Type::Number)));
    assert!(!same(&Value::list(Type::String, vec![]), &Value::list(Type::Number, vec![])));
    let because = Value::unknown_because(Type::String, Cause("aws_lb.web.arn".into()));
    assert_eq!(because, unknown, "why it is unknown is no part of the value");
}

/// Each order was measured.
#[test]
fn sets_are_in_terraforms_order() {
    let order = |of: Type, items: Vec<Value>| Value::set(of, items).items().expect("a set").to_vec();
    assert_eq!(order(Type::Number, vec![n(10), n(9), n(300), n(9)]), [n(9), n(10), n(300)]);
    let null = Value::null(Type::String);
    let unknown = Value::unknown(Type::String);
    let items = vec![unknown.clone(), s("b"), null.clone(), s("a"), unknown.clone(), null.clone()];
    assert_eq!(order(Type::String, items), [s("a"), s("b"), null, unknown.clone(), unknown]);
    let a = |v: Value| obj(&[("a", v)]);
    let of = obj_ty(&[("a", Type::Number)]);
    let null = a(Value::null(Type::Number));
    assert_eq!(
        order(of.clone(), vec![null.clone(), a(n(1)), a(n(10)), a(n(9))]),
        [a(n(10)), a(n(1)), a(n(9)), null],
        "10; sorts before 1;"
    );
    assert_eq!(
        order(of, ["1e20", "5", "12345678901", "0.00001"].map(|t| a(num(t))).to_vec()),
        ["12345678901", "1e20", "0.00001", "5"].map(|t| a(num(t)))
    );
    let lists = [vec![n(1)], vec![n(1), n(2)]].map(|items| Value::list(Type::Number, items));
    assert_eq!(order(Type::list(Type::Number), lists.to_vec()), [lists[1].clone(), lists[0].clone()]);
    assert_eq!(order(Type::Bool, vec![Value::TRUE, Value::FALSE]), [Value::FALSE, Value::TRUE]);
}

#[test]
fn sets_lift_marks_and_drop_duplicates_of_large_sets_quickly() {
    let items = vec![obj(&[("a", s("x").with_marks(Marks::SENSITIVE))]), obj(&[("a", s("x"))])];
    let set = Value::set(obj_ty(&[("a", Type::String)]), items);
    assert!(set.marks().is_sensitive());
    assert_eq!(set.items().expect("a set").len(), 1);
    assert!(!set.items().expect("a set")[0].contains_marked());
    // Numbers that differ only behind the tenth digit sort alike: neither sorting nor comparing may look at all pairs.
    let many = |rev: bool| {
        let mut items: Vec<Value> = (0..20_000).map(|i| obj(&[("a", n(1_000_000_000_000_000_000 + i))])).collect();
        if rev {
            items.reverse();
        }
        Value::set(obj_ty(&[("a", Type::Number)]), items)
    };
    assert_eq!(many(false), many(true));
}
