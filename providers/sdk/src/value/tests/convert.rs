use super::*;

fn list(of: Type) -> Type {
    Type::list(of)
}

fn tuple(items: &[Value]) -> Value {
    Value::tuple(items.to_vec())
}

/// The words of each refusal were measured (`variable` with that type given that value).
#[test]
fn refusals_in_terraforms_words() {
    let (string, number, any) = (Type::String, Type::Number, Type::Dynamic);
    let empty = || obj(&[]);
    for (want, given, words) in [
        (obj_ty(&[("a", number.clone())]), empty(), "attribute \"a\" is required"),
        (obj_ty(&[("a", number.clone()), ("b", string.clone())]), empty(), "attributes \"a\" and \"b\" are required"),
        (
            obj_ty(&[("a", number.clone()), ("b", string.clone()), ("c", Type::Bool)]),
            empty(),
            "attributes \"a\", \"b\", and \"c\" are required",
        ),
        (obj_ty(&[("a", number.clone())]), obj(&[("a", s("x"))]), "a number is required"),
        (obj_ty(&[("a", number.clone())]), obj(&[("a", tuple(&[]))]), "attribute \"a\": number required"),
        (list(number.clone()), tuple(&[s("a")]), "a number is required"),
        (list(number.clone()), tuple(&[s("a"), tuple(&[])]), "element 1: number required"),
        (list(number.clone()), s("a"), "list of number required"),
        (list(any.clone()), tuple(&[s("a"), tuple(&[])]), "all list elements must have the same type"),
        (Type::set(any.clone()), tuple(&[s("a"), tuple(&[])]), "all set elements must have the same type"),
        (Type::map(any.clone()), obj(&[("a", n(1)), ("b", tuple(&[]))]), "all map elements must have the same type"),
        (Type::map(number.clone()), obj(&[("a", n(1)), ("b", tuple(&[]))]), "element \"b\": number required"),
        (
            list(obj_ty(&[("a", number.clone())])),
            tuple(&[obj(&[("a", n(1))]), obj(&[("b", n(1))])]),
            "element 1: attribute \"a\" is required",
        ),
        (
            Type::map(list(string.clone())),
            obj(&[("a", tuple(&[s("x")])), ("b", s("x"))]),
            "element \"b\": list of string required",
        ),
        (Type::Bool, s("True"), "a bool is required; to convert from string, use lowercase \"true\""),
        (Type::Bool, s("FALSE"), "a bool is required; to convert from string, use lowercase \"false\""),
        (Type::Bool, s("yes"), "a bool is required"),
        (Type::Bool, n(1), "bool required"),
        (number.clone(), Value::TRUE, "number required"),
        (string.clone(), tuple(&[]), "string required"),
        (Type::tuple(vec![string.clone(), number.clone()]), tuple(&[s("a")]), "tuple required"),
        (Type::tuple(vec![string.clone(), number.clone()]), tuple(&[s("a"), tuple(&[])]), "tuple required"),
        (
            obj_ty(&[("a", Type::map(obj_ty(&[("b", string.clone())])))]),
            obj(&[("a", obj(&[("k", empty())]))]),
            "attribute \"a\": element \"k\": attribute \"b\" is required",
        ),
        (list(any), obj(&[("a", n(1))]), "list of any single type required"),
    ] {
        let error = convert(&given, &want).expect_err(words);
        assert_eq!(error.message, words, "{given:?}");
    }
}

#[test]
fn the_place_of_a_value_that_does_not_fit() {
    let want = obj_ty(&[("l", list(Type::Number)), ("m", Type::map(Type::Bool))]);
    let given = obj(&[("l", tuple(&[n(1), s("z")])), ("m", obj(&[("k", s("x"))]))]);
    let error = convert(&given, &want).expect_err("z");
    assert_eq!(error.path.to_string(), "l[1]");
    // A type that never fits is told before any value that does not.
    let given = obj(&[("l", tuple(&[s("z")])), ("m", n(1))]);
    assert_eq!(convert(&given, &want).expect_err("m").message, "attribute \"m\": map of bool required");
}

#[test]
fn conversions() {
    let (string, number, any) = (Type::String, Type::Number, Type::Dynamic);
    let null = |t: &Type| Value::null(t.clone());
    let optional =
        Type::object_with_optional(vec![("a".into(), number.clone()), ("b".into(), string.clone())], vec!["b".into()]);
    let map = |of: &Type, items: &[(&str, Value)]| {
        Value::map(of.clone(), items.iter().map(|(k, v)| (Str::new(k), v.clone())).collect())
    };
    for (given, want, result) in [
        (n(1), string.clone(), s("1")),
        (num("1.50"), string.clone(), s("1.5")),
        (Value::TRUE, string.clone(), s("true")),
        (s("12"), number.clone(), n(12)),
        (s("1"), Type::Bool, Value::TRUE),
        (s("0"), Type::Bool, Value::FALSE),
        (null(&any), string.clone(), null(&string)),
        (null(&number), string.clone(), null(&string)),
        (tuple(&[n(1), s("a")]), list(any.clone()), strings(&["1", "a"])),
        (tuple(&[]), list(any.clone()), Value::list(any.clone(), vec![])),
        (tuple(&[]), list(string.clone()), Value::list(string.clone(), vec![])),
        (tuple(&[null(&any), n(1)]), Type::set(any.clone()), Value::set(number.clone(), vec![n(1), null(&number)])),
        (tuple(&[null(&any)]), list(any.clone()), Value::list(any.clone(), vec![null(&any)])),
        (tuple(&[s("b"), s("a"), s("b")]), Type::set(string.clone()), Value::set(string.clone(), vec![s("a"), s("b")])),
        (strings(&["b", "a"]), Type::set(string.clone()), Value::set(string.clone(), vec![s("a"), s("b")])),
        (Value::set(number.clone(), vec![n(10), n(9)]), list(string.clone()), strings(&["9", "10"])),
        (
            tuple(&[tuple(&[n(1)]), tuple(&[s("a"), s("b")])]),
            list(any.clone()),
            Value::list(list(string.clone()), vec![strings(&["1"]), strings(&["a", "b"])]),
        ),
        (
            tuple(&[obj(&[("a", n(1))]), obj(&[("b", n(2))])]),
            list(any.clone()),
            Value::list(Type::map(number.clone()), vec![map(&number, &[("a", n(1))]), map(&number, &[("b", n(2))])]),
        ),
        (
            tuple(&[tuple(&[n(1)]), tuple(&[s("a")])]),
            list(list(any.clone())),
            Value::list(list(string.clone()), vec![strings(&["1"]), strings(&["a"])]),
        ),
        (obj(&[("a", n(1)), ("b", s("x"))]), Type::map(any.clone()), map(&string, &[("a", s("1")), ("b", s("x"))])),
        (obj(&[]), Type::map(any.clone()), map(&any, &[])),
        (obj(&[("a", s("1")), ("z", n(9))]), optional.clone(), obj(&[("a", n(1)), ("b", null(&string))])),
        (map(&string, &[("a", s("1")), ("z", s("9"))]), optional.clone(), obj(&[("a", n(1)), ("b", null(&string))])),
        (obj(&[("a", null(&any))]), obj_ty(&[("a", any.clone())]), obj(&[("a", null(&any))])),
        (null(&any), list(optional.clone()), null(&list(optional.without_optional()))),
        (s("x"), any.clone(), s("x")),
    ] {
        let converted = convert(&given, &want).unwrap_or_else(|e| panic!("{given:?}: {e}"));
        assert_eq!(converted, result);
        assert_eq!(converted.ty(), result.ty());
        assert!(converted.ty().conforms(&want.without_optional()), "{converted:?} is not of {want:?}");
        assert_eq!(convert(&converted, &want).as_ref(), Ok(&converted), "a second conversion changes nothing");
    }
}

#[test]
fn missing_attributes_of_a_map_are_told() {
    let given = Value::map(Type::String, vec![]);
    let error = convert(&given, &obj_ty(&[("a", Type::String)])).expect_err("a");
    assert_eq!(error.message, "map has no element for required attribute \"a\"");
}

#[test]
fn marks_and_what_is_known_of_the_unknown_stay() {
    let given = tuple(&[n(1).with_marks(Marks::SENSITIVE), n(2)]).with_marks(Marks::EPHEMERAL);
    let converted = convert(&given, &list(Type::String)).expect("fits");
    assert_eq!(converted.marks(), Marks::EPHEMERAL);
    assert!(converted.items().expect("a list")[0].marks().is_sensitive());
    let set = convert(&given, &Type::set(Type::String)).expect("fits");
    assert_eq!(set.marks(), Marks::EPHEMERAL | Marks::SENSITIVE);

    let refinement = |given: &Value, want: &Type| match convert(given, want).expect("fits").kind() {
        Kind::Unknown(u) => (u.ty.clone(), u.refinement.clone()),
        other => panic!("known: {other:?}"),
    };
    let not_null = unknown_with(Type::Number, |r| {
        r.not_null = true;
        r.min = Some((Num::ZERO, true));
    });
    let (ty, r) = refinement(&not_null, &Type::String);
    assert_eq!((ty, r), (Type::String, Refinement { not_null: true, ..Refinement::default() }));
    let pair = Value::unknown(Type::tuple(vec![Type::String, Type::Number]));
    let (ty, r) = refinement(&pair, &Type::set(Type::Dynamic));
    assert_eq!((ty, r.min_len, r.max_len), (Type::set(Type::String), Some(1), Some(2)));
    let open_set = Value::set(Type::String, vec![s("a"), Value::unknown(Type::String)]);
    let (ty, r) = refinement(&open_set, &list(Type::String));
    assert_eq!((ty, r.min_len, r.max_len), (list(Type::String), Some(1), Some(2)));
    let (ty, _) = refinement(&Value::unknown(Type::Dynamic), &Type::Bool);
    assert_eq!(ty, Type::Bool);
    assert!(convert(&Value::unknown(Type::Bool), &Type::Number).is_err(), "types are checked without a value");
    assert!(convert(&Value::list(Type::Bool, vec![]), &list(Type::Number)).is_err(), "and without an element");
}

/// Measured with conditionals and `coalesce`.
#[test]
fn common_types() {
    let (string, number, any) = (Type::String, Type::Number, Type::Dynamic);
    let tup = |types: &[Type]| Type::tuple(types.to_vec());
    for (types, want) in [
        (vec![], None),
        (vec![number.clone(), string.clone()], Some(string.clone())),
        (vec![Type::Bool, string.clone(), number.clone()], Some(string.clone())),
        (vec![Type::Bool, number.clone()], None),
        (vec![any.clone(), string.clone()], Some(string.clone())),
        (vec![any.clone(), any.clone()], Some(any.clone())),
        (
            vec![obj_ty(&[("a", number.clone())]), obj_ty(&[("a", number.clone()), ("b", string.clone())])],
            Some(Type::map(string.clone())),
        ),
        (
            vec![obj_ty(&[("a", number.clone())]), obj_ty(&[("a", string.clone())])],
            Some(obj_ty(&[("a", string.clone())])),
        ),
        (vec![tup(&[number.clone(), Type::Bool]), tup(&[Type::Bool])], None),
        (
            vec![
                tup(&[tup(std::slice::from_ref(&number)), number.clone()]),
                tup(&[tup(std::slice::from_ref(&string)), number.clone()]),
            ],
            Some(tup(&[tup(std::slice::from_ref(&string)), number.clone()])),
        ),
        (vec![obj_ty(&[]), obj_ty(&[("a", number.clone())])], Some(Type::map(number.clone()))),
        (vec![tup(&[]), obj_ty(&[])], None),
        (vec![list(number.clone()), Type::set(string.clone())], Some(list(number.clone()))),
        (vec![list(number.clone()), tup(std::slice::from_ref(&string))], Some(list(string.clone()))),
        (vec![Type::map(number.clone()), obj_ty(&[("b", string.clone())])], Some(Type::map(string.clone()))),
        (vec![tup(&[]), list(number.clone())], Some(list(number.clone()))),
        (
            vec![
                obj_ty(&[("a", tup(std::slice::from_ref(&number)))]),
                obj_ty(&[("a", tup(&[number.clone(), number.clone()]))]),
            ],
            Some(obj_ty(&[("a", list(number.clone()))])),
        ),
        (vec![obj_ty(&[("a", number.clone()), ("b", tup(&[]))]), obj_ty(&[("c", number.clone())])], None),
        (
            vec![tup(std::slice::from_ref(&any)), tup(std::slice::from_ref(&string))],
            Some(tup(std::slice::from_ref(&string))),
        ),
        (vec![list(any.clone()), list(string.clone())], Some(list(string.clone()))),
        (vec![any.clone(), obj_ty(&[])], Some(any.clone())),
        (
            vec![list(obj_ty(&[("a", number.clone())])), tup(&[obj_ty(&[("a", string.clone())])])],
            Some(list(obj_ty(&[("a", string.clone())]))),
        ),
        (vec![Type::set(number.clone()), tup(&[string.clone(), string.clone()])], Some(Type::set(number.clone()))),
    ] {
        assert_eq!(unify(&types), want, "{types:?}");
    }
    assert_eq!(unify_safe(&[list(number.clone()), Type::set(string)]), None, "a number cannot hold every string");
    assert_eq!(unify_safe(&[list(number.clone()), Type::set(number.clone())]), Some(list(number)));
}

/// Measured with `optional(type, default)` in a variable's type.
#[test]
fn defaults_go_in_before_conversion() {
    let inner = Defaults { values: [("c".into(), s("d"))].into(), ..Defaults::default() };
    let outer = Defaults {
        values: [("a".into(), n(5)), ("b".into(), obj(&[("c", Value::null(Type::String))]))].into(),
        attributes: [("b".into(), inner.clone())].into(),
        ..Defaults::default()
    };
    let full = obj(&[("a", n(5)), ("b", obj(&[("c", s("d"))]))]);
    assert_eq!(outer.apply(&obj(&[])), full);
    assert_eq!(outer.apply(&obj(&[("a", Value::null(Type::Dynamic))])), full);
    assert_eq!(
        outer.apply(&obj(&[("a", n(1)), ("b", obj(&[("c", s("x"))]))])),
        obj(&[("a", n(1)), ("b", obj(&[("c", s("x"))]))])
    );
    assert_eq!(outer.apply(&Value::null(Type::Dynamic)), Value::null(Type::Dynamic));
    let unknown = obj(&[("a", Value::unknown(Type::Number)), ("b", Value::unknown(Type::Dynamic))]);
    assert_eq!(outer.apply(&unknown), unknown);

    let each = Defaults { elements: Some(Box::new(inner)), ..Defaults::default() };
    let ty = Type::object_with_optional(vec![("c".into(), Type::String)], vec!["c".into()]);
    let map = convert(&each.apply(&obj(&[("x", obj(&[])), ("y", Value::null(Type::Dynamic))])), &Type::map(ty.clone()));
    let map = map.expect("fits");
    assert_eq!(map.get("x"), Some(&obj(&[("c", s("d"))])));
    assert!(map.get("y").expect("there").is_null());
    let list = convert(&each.apply(&tuple(&[obj(&[]), obj(&[("c", n(3))])])), &Type::list(ty)).expect("fits");
    assert_eq!(list.items().expect("a list")[1], obj(&[("c", s("3"))]));
    let marked = outer.apply(&obj(&[]).with_marks(Marks::SENSITIVE));
    assert!(marked.marks().is_sensitive());
}
