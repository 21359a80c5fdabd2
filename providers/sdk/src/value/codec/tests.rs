use super::{CodecError, Problem, json, msgpack, show};
use crate::value::num::Num;
use crate::value::tests::{n, num, obj, obj_ty, s, strings, unknown_with};
use crate::value::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The resource of the recorded session: all kinds of attributes and blocks.
fn golden_type() -> Type {
    let block = obj_ty(&[("c", Type::String), ("k", Type::String)]);
    obj_ty(&[
        ("b1", block.clone()),
        ("bg", block.clone()),
        ("big", Type::Number),
        ("bl", Type::list(block.clone())),
        ("bs", Type::set(block)),
        ("dy", Type::Dynamic),
        ("id", Type::String),
        ("n", Type::Number),
        ("na", Type::list(obj_ty(&[("a", Type::String), ("b", Type::String)]))),
        ("name", Type::String),
        ("oc", Type::String),
        ("s", Type::set(Type::Number)),
        ("tags", Type::map(Type::String)),
        ("wo", Type::String),
    ])
}

fn golden_value(computed: &Value, open: &Value, tag: &Value, wo: &Value) -> Value {
    let block = |k: &Value| obj(&[("c", computed.clone()), ("k", k.clone())]);
    let nested = obj_ty(&[("a", Type::String), ("b", Type::String)]);
    let of = obj_ty(&[("c", Type::String), ("k", Type::String)]);
    obj(&[
        ("b1", block(&s("one"))),
        ("bg", block(&s("grp"))),
        ("big", num("12345678901234567890123")),
        ("bl", Value::list(of.clone(), vec![block(open)])),
        ("bs", Value::set(of, vec![block(&s("s1"))])),
        ("dy", obj(&[("p", Value::tuple(vec![s("x"), n(1)]))])),
        ("id", computed.clone()),
        ("n", num("1.5")),
        ("na", Value::list(nested, vec![obj(&[("a", s("q")), ("b", computed.clone())])])),
        ("name", s("n1")),
        ("oc", computed.clone()),
        ("s", Value::set(Type::Number, vec![n(10), n(9), n(300)])),
        ("tags", Value::map(Type::String, vec![("z".into(), s("1")), ("a".into(), tag.clone())])),
        ("wo", wo.clone()),
    ])
}

/// Recorded from Terraform 1.11.4 as it created the resource.
const CONFIG: &str = "8e
    a26231 82 a163 c0 a16b a36f6e65
    a26267 82 a163 c0 a16b a3677270
    a3626967 b7 3132333435363738393031323334353637383930313233
    a2626c 91 82 a163 c0 a16b c7030c8101c2
    a26273 91 82 a163 c0 a16b a27331
    a26479 92 c42e 5b226f626a656374222c7b2270223a5b227475706c65222c5b22737472696e67222c226e756d626572225d5d7d5d
      81 a170 92 a178 01
    a26964 c0
    a16e cb 3ff8000000000000
    a26e61 91 82 a161 a171 a162 c0
    a46e616d65 a26e31
    a26f63 c0
    a173 93 09 0a cd012c
    a474616773 82 a161 d40000 a17a a131
    a2776f a6736563726574";

#[test]
fn recorded_config_byte_for_byte() {
    let open = unknown_with(Type::String, |r| r.not_null = true);
    let value = golden_value(&Value::null(Type::String), &open, &Value::unknown(Type::String), &s("secret"));
    let bytes = hex(CONFIG);
    assert_eq!(msgpack::encode(&value, &golden_type()), Ok(bytes.clone()));
    assert_eq!(msgpack::decode(&bytes, &golden_type()), Ok(value));
}

#[test]
fn other_recorded_values() {
    let region = obj(&[("region", s("r1"))]);
    let region_ty = region.ty();
    assert_eq!(msgpack::encode(&region, &region_ty), Ok(hex("81 a6726567696f6e a27231")));
    let argument = obj(&[("a", n(1))]);
    let bytes = hex("92 c419 5b226f626a656374222c7b2261223a226e756d626572227d5d 81 a161 01");
    assert_eq!(msgpack::encode(&argument, &Type::Dynamic), Ok(bytes.clone()));
    assert_eq!(msgpack::decode(&bytes, &Type::Dynamic), Ok(argument));
    assert_eq!(msgpack::encode(&Value::null(golden_type()), &golden_type()), Ok(hex("c0")));
    assert_eq!(msgpack::decode(&hex("c0"), &golden_type()), Ok(Value::null(golden_type())));
    assert_eq!(msgpack::encode(&obj(&[]), &obj_ty(&[])), Ok(hex("80")));
    assert_eq!(msgpack::encode(&Value::unknown(Type::Dynamic), &Type::Dynamic), Ok(hex("d40000")));
    assert_eq!(
        msgpack::encode(&Value::unknown(Type::String), &Type::Dynamic),
        Ok(hex("92c408 22737472696e6722 d40000"))
    );
}

#[test]
fn recorded_state_of_a_dynamic_attribute() {
    let value = obj(&[("dy", obj(&[("p", Value::tuple(vec![s("x"), n(1)]))])), ("wo", Value::null(Type::String))]);
    let ty = obj_ty(&[("dy", Type::Dynamic), ("wo", Type::String)]);
    let text = r#"{"dy":{"value":{"p":["x",1]},"type":["object",{"p":["tuple",["string","number"]]}]},"wo":null}"#;
    assert_eq!(json::encode(&value, &ty).as_deref(), Ok(text));
    assert_eq!(json::decode(text.as_bytes(), &ty), Ok(value.clone()));
    let turned = r#"{"dy":{"type":["object",{"p":["tuple",["string","number"]]}],"value":{"p":["x",1]}}}"#;
    assert_eq!(json::decode(turned.as_bytes(), &ty), Ok(value));
}

#[test]
fn numbers_take_the_shortest_exact_form() {
    for (text, bytes) in [
        ("0", "00"),
        ("-0", "00"),
        ("127", "7f"),
        ("128", "cc80"),
        ("255", "ccff"),
        ("256", "cd0100"),
        ("65536", "ce00010000"),
        ("4294967296", "cf0000000100000000"),
        ("9223372036854775807", "cf7fffffffffffffff"),
        ("-1", "ff"),
        ("-32", "e0"),
        ("-33", "d0df"),
        ("-129", "d1ff7f"),
        ("-32769", "d2ffff7fff"),
        ("-2147483649", "d3ffffffff7fffffff"),
        ("-9223372036854775808", "d38000000000000000"),
        ("1.5", "cb3ff8000000000000"),
        ("Inf", "cb7ff0000000000000"),
        ("9223372036854775808", "b339323233333732303336383534373735383038"),
        ("0.1", "a3302e31"),
    ] {
        let value = num(text);
        assert_eq!(msgpack::encode(&value, &Type::Number), Ok(hex(bytes)), "{text}");
        assert_eq!(msgpack::decode(&hex(bytes), &Type::Number), Ok(value), "{text}");
    }
    // What only readers meet.
    assert_eq!(msgpack::decode(&hex("cfffffffffffffffff"), &Type::Number), Ok(num("18446744073709551615")));
    assert_eq!(msgpack::decode(&hex("ca3fc00000"), &Type::Number), Ok(num("1.5")));
    assert_eq!(msgpack::decode(&hex("cb7ff8000000000000"), &Type::Number).map_err(|e| e.problem), Err(Problem::Number));
    // A 64-bit float that is no short decimal still goes over exactly.
    let third = Value::number(Num::from_f64(1.0 / 3.0).expect("a number"));
    assert_eq!(msgpack::encode(&third, &Type::Number).map(|b| b[0]), Ok(0xcb));
    let text = json::encode(&third, &Type::Number).expect("finite");
    assert_eq!(json::decode(text.as_bytes(), &Type::Number), Ok(third));
}

#[test]
fn what_is_known_of_the_unknown_goes_over_the_wire() {
    let text = unknown_with(Type::String, |r| {
        r.not_null = true;
        r.prefix = Some("x-".into());
    });
    assert_eq!(msgpack::encode(&text, &Type::String), Ok(hex("c7070c 82 01c2 02a2782d")));
    let number = unknown_with(Type::Number, |r| {
        r.min = Some((Num::ZERO, true));
        r.max = Some((Num::parse("1.5").expect("a number"), false));
    });
    let list = unknown_with(Type::list(Type::String), |r| {
        r.min_len = Some(1);
        r.max_len = Some(300);
    });
    for value in [text, number, list] {
        let ty = value.ty();
        let bytes = msgpack::encode(&value, &ty).expect("encodes");
        assert_eq!(msgpack::decode(&bytes, &ty), Ok(value));
    }
    let long = unknown_with(Type::String, |r| r.prefix = Some("é".repeat(300).into()));
    let bytes = msgpack::encode(&long, &Type::String).expect("encodes");
    match msgpack::decode(&bytes, &Type::String).expect("decodes").kind() {
        Kind::Unknown(u) => assert_eq!(u.refinement.prefix.as_deref(), Some(&*"é".repeat(126))),
        other => panic!("known: {other:?}"),
    }
    // Definitely null; a key nobody knows; any short extension is a plain unknown.
    assert_eq!(msgpack::decode(&hex("c7030c 8101c3"), &Type::String), Ok(Value::null(Type::String)));
    let plain = Value::unknown(Type::String);
    assert_eq!(msgpack::decode(&hex("c7060c 81 63 92 a161 c0"), &Type::String), Ok(plain.clone()));
    assert_eq!(msgpack::decode(&hex("d40500"), &Type::String), Ok(plain.clone()));
    assert_eq!(msgpack::decode(&hex("c70000"), &Type::String), Ok(plain));
    assert_eq!(msgpack::decode(&hex("d5050000"), &Type::String).map_err(|e| e.problem), Err(Problem::Refinement));
}

#[test]
fn readers_say_what_is_wrong_and_where() {
    let ty = obj_ty(&[("a", Type::list(Type::Bool)), ("b", Type::String)]);
    let msg = |bytes: &str| msgpack::decode(&hex(bytes), &ty).expect_err(bytes).to_string();
    assert_eq!(msg("82 a161 91 01 a162 c0"), "a[0]: bool required, but found number");
    assert_eq!(msg("81 a161 90"), "attribute \"b\" is missing");
    assert_eq!(msg("82 a161 90 a163 c0"), "unsupported attribute \"c\"");
    assert_eq!(msg("82 a161 91"), "a[0]: the data ends too early");
    let txt = |text: &str| json::decode(text.as_bytes(), &ty).expect_err(text).to_string();
    assert_eq!(txt(r#"{"a":[{}]}"#), "a[0]: bool required, but found object");
    assert_eq!(txt(r#"{"c":1}"#), "unsupported attribute \"c\"");
    assert_eq!(txt(r#"{"a":[true,]}"#), "a[1]: invalid JSON at byte 11");
    assert_eq!(txt(r#"{"a":[]} x"#), "invalid JSON at byte 9");
    for text in
        ["", "{", "[1", "\"a", "tru", "01", "1.", "-", "{\"a\"}", "{\"a\":1,}", "[,]", "\"\\x\"", "\"\\u12\"", "\"\n\""]
    {
        assert!(json::decode_plain(text.as_bytes()).is_err(), "{text}");
    }
    let missing = json::encode(&obj(&[("a", Value::null(Type::list(Type::Bool)))]), &ty);
    assert_eq!(missing.map_err(|e| e.problem), Err(Problem::Missing("b".into())));
    let unknown = obj(&[("a", Value::list(Type::Bool, vec![Value::unknown(Type::Bool)])), ("b", s("x"))]);
    assert_eq!(
        json::encode(&unknown, &ty).map_err(|e| e.to_string()),
        Err("a[0]: the value is not known yet".to_owned())
    );
    assert_eq!(json::encode(&num("Inf"), &Type::Number).map_err(|e| e.problem), Err(Problem::Infinite));
}

#[test]
fn json_is_read_leniently_as_terraform_does() {
    let ty = obj_ty(&[("b", Type::Bool), ("n", Type::Number), ("s", Type::String), ("t", Type::String)]);
    let read = json::decode(br#" { "n" : "12" , "b":"true", "s":1.50, "t":false } "#, &ty).expect("reads");
    assert_eq!(read, obj(&[("b", Value::TRUE), ("n", n(12)), ("s", s("1.50")), ("t", s("false"))]));
    let read = json::decode_dropping(br#"{"gone":{"x":[1]},"n":1}"#, &ty).expect("reads");
    assert_eq!(read.get("n"), Some(&n(1)));
    assert_eq!(read.get("s"), Some(&Value::null(Type::String)));
    let plain = json::decode_plain(br#"{"b":[1,"\u00e9\ud83d\ude00\ud800",null],"a":1,"a":2}"#).expect("reads");
    let items = Value::tuple(vec![n(1), s("é😀\u{fffd}"), Value::null(Type::Dynamic)]);
    assert_eq!(plain, obj(&[("a", n(2)), ("b", items)]));
    let digits = "123456789012345678901234567890.12345";
    assert_eq!(json::decode(digits.as_bytes(), &Type::Number), Ok(num(digits)));
    assert_eq!(json::encode(&num(digits), &Type::Number).as_deref(), Ok(digits));
}

#[test]
fn types_as_json() {
    for text in [
        r#""dynamic""#,
        r#"["list","string"]"#,
        r#"["tuple",[]]"#,
        r#"["object",{}]"#,
        r#"["map",["set",["tuple",["bool","number"]]]]"#,
        r#"["object",{"a":"string","b\"":["object",{"c":"dynamic"}]}]"#,
        r#"["object",{"a":"string","b":"bool","c":"bool"},["a","c"]]"#,
    ] {
        assert_eq!(Type::from_json(text.as_bytes()).expect(text).to_json(), text);
    }
    let turned = Type::from_json(br#"[ "object" , {"b":"bool","a":"string"} , ["b","a"] ]"#).expect("a type");
    assert_eq!(turned.to_json(), r#"["object",{"a":"string","b":"bool"},["a","b"]]"#);
    for text in [
        "",
        "null",
        "\"list\"",
        "[\"list\"]",
        "[\"list\",\"string\",1]",
        "[\"object\",{\"a\":1}]",
        "[\"object\",{},[\"a\"]]",
        "[]",
    ] {
        assert!(Type::from_json(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!("{}\"string\"{}", "[\"list\",".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Type::from_json(deep.as_bytes()).map_err(|e| e.problem), Err(Problem::TooDeep));
}

#[test]
fn claims_cost_nothing_and_depth_is_bounded() {
    let many = Type::list(Type::list(Type::list(Type::String)));
    let bytes = hex("ddffffffff ddffffffff ddffffffff");
    assert_eq!(msgpack::decode(&bytes, &many).map_err(|e| e.problem), Err(Problem::Truncated));
    assert_eq!(msgpack::decode(&hex("dbffffffff61"), &Type::String).map_err(|e| e.problem), Err(Problem::Truncated));
    // A dynamic inside a dynamic inside …
    let wrapper = hex("92 a9 2264796e616d696322");
    let bytes = wrapper.repeat(100_000);
    assert_eq!(msgpack::decode(&bytes, &Type::Dynamic).map_err(|e| e.problem), Err(Problem::TooDeep));
    let text = r#"{"type":"dynamic","value":"#.repeat(50_000);
    assert_eq!(json::decode(text.as_bytes(), &Type::Dynamic).map_err(|e| e.problem), Err(Problem::TooDeep));
    let text = r#"{"value":"#.repeat(50_000);
    assert_eq!(json::decode(text.as_bytes(), &Type::Dynamic).map_err(|e| e.problem), Err(Problem::TooDeep));
    assert_eq!(json::decode_plain("[".repeat(50_000).as_bytes()).map_err(|e| e.problem), Err(Problem::TooDeep));
}

/// Shapes as Terraform's `show -json` prints them.
#[test]
fn shapes_of_show() {
    let value = obj(&[
        ("id", Value::unknown(Type::String)),
        ("name", s("a")),
        ("tags", Value::map(Type::String, vec![("k".into(), s("v")), ("u".into(), Value::unknown(Type::String))])),
        ("list", strings(&["a", "b"])),
        ("open", Value::list(Type::String, vec![s("a"), Value::unknown(Type::String)])),
        ("none", Value::null(Type::list(Type::String))),
        ("empty", Value::map(Type::String, vec![])),
        ("dy", Value::tuple(vec![n(1), obj(&[("x", Value::unknown(Type::Dynamic))])])),
        ("secret", s("p").with_marks(Marks::SENSITIVE)),
        ("secrets", Value::list(Type::String, vec![s("p").with_marks(Marks::SENSITIVE), s("q")])),
    ]);
    assert_eq!(
        show::known_part(&value).as_deref(),
        Some(concat!(
            r#"{"dy":[1,{}],"empty":{},"list":["a","b"],"name":"a","none":null,"open":["a",null],"#,
            r#""secret":"p","secrets":["p","q"],"tags":{"k":"v"}}"#
        ))
    );
    assert_eq!(
        show::unknown_shape(&value),
        concat!(
            r#"{"dy":[false,{"x":true}],"empty":{},"id":true,"list":[false,false],"open":[false,true],"#,
            r#""secrets":[false,false],"tags":{"u":true}}"#
        )
    );
    assert_eq!(
        show::sensitive_shape(&value),
        concat!(
            r#"{"dy":[false,{}],"empty":{},"list":[false,false],"open":[false,false],"secret":true,"#,
            r#""secrets":[true,false],"tags":{}}"#
        )
    );
    assert_eq!(show::known_part(&Value::unknown(Type::String)), None);
    assert_eq!(show::unknown_shape(&Value::null(Type::String)), "false");
}

fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String), Just(Type::Dynamic)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let closed = inner.clone().prop_filter("elements of one type", |t| !t.has_dynamic());
        prop_oneof![
            closed.clone().prop_map(Type::list),
            closed.clone().prop_map(Type::set),
            closed.prop_map(Type::map),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Type::tuple),
            prop::collection::vec(("[a-dé]{1,2}", inner), 0..4)
                .prop_map(|attrs| Type::object(attrs.into_iter().map(|(k, t)| (k.into(), t)).collect())),
        ]
    })
}

fn any_value(ty: Type, unknowns: bool) -> BoxedStrategy<Value> {
    let null = Just(Value::null(ty.clone()));
    let unknown = if unknowns { Just(Value::unknown(ty.clone())) } else { Just(Value::null(ty.clone())) };
    let some: BoxedStrategy<Value> = match &ty {
        Type::Dynamic => prop_oneof![any::<i64>().prop_map(n), "\\PC{0,4}".prop_map(Value::string)].boxed(),
        Type::Bool => any::<bool>().prop_map(|b| Kind::Bool(b).into()).boxed(),
        Type::Number => prop_oneof![
            any::<i64>().prop_map(n),
            any::<i128>().prop_map(Value::number),
            (any::<i64>(), -60i32..60).prop_map(|(m, e)| num(&format!("{m}e{e}"))),
            any::<f64>().prop_filter_map("finite", |f| f
                .is_finite()
                .then(|| Num::from_f64(f))
                .flatten()
                .map(Value::number)),
        ]
        .boxed(),
        Type::String => "(\\PC|[\\x00-\\x1f\"\\\\]){0,6}".prop_map(Value::string).boxed(),
        Type::List(of) | Type::Set(of) | Type::Map(of) => {
            let outer = ty.clone();
            let of = (**of).clone();
            let keyed = ("[a-cé]{0,2}", any_value(of.clone(), unknowns));
            prop::collection::vec(keyed, 0..4)
                .prop_map(move |items| match outer {
                    Type::Map(_) => Value::map(of.clone(), items.into_iter().map(|(k, v)| (k.into(), v)).collect()),
                    Type::Set(_) => Value::set(of.clone(), items.into_iter().map(|(_, v)| v).collect()),
                    _ => Value::list(of.clone(), items.into_iter().map(|(_, v)| v).collect()),
                })
                .boxed()
        }
        Type::Tuple(types) => {
            let parts: Vec<_> = types.iter().map(|t| any_value(t.clone(), unknowns)).collect();
            parts.prop_map(Value::tuple).boxed()
        }
        Type::Object(object) => {
            let names: Vec<Str> = object.attrs.iter().map(|(k, _)| k.clone()).collect();
            let parts: Vec<_> = object.attrs.iter().map(|(_, t)| any_value(t.clone(), unknowns)).collect();
            parts.prop_map(move |values| Value::object(names.iter().cloned().zip(values).collect())).boxed()
        }
    };
    prop_oneof![6 => some, 1 => null, 1 => unknown].boxed()
}

fn typed_value(unknowns: bool) -> impl Strategy<Value = (Type, Value)> {
    any_type().prop_flat_map(move |ty| any_value(ty.clone(), unknowns).prop_map(move |v| (ty.clone(), v)))
}

proptest! {
    #[test]
    fn msgpack_round_trips((ty, value) in typed_value(true)) {
        let bytes = msgpack::encode(&value, &ty).expect("encodes");
        let back = msgpack::decode(&bytes, &ty).expect("decodes");
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(msgpack::encode(&back, &ty).expect("encodes"), bytes);
    }

    #[test]
    fn json_round_trips((ty, value) in typed_value(false)) {
        let text = json::encode(&value, &ty).expect("encodes");
        prop_assert_eq!(json::decode(text.as_bytes(), &ty).expect("decodes"), value);
        // serde_json is the judge of what is JSON.
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
    }

    #[test]
    fn types_round_trip(ty in any_type()) {
        prop_assert_eq!(Type::from_json(ty.to_json().as_bytes()), Ok(ty));
    }

    #[test]
    fn shapes_are_json((_, value) in typed_value(true)) {
        for text in [show::unknown_shape(&value), show::sensitive_shape(&value)].into_iter().chain(show::known_part(&value)) {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn no_bytes_panic(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = msgpack::decode(&bytes, &ty);
        let _ = json::decode(&bytes, &ty);
        let _ = json::decode_plain(&bytes);
        let _ = Type::from_json(&bytes);
    }

    #[test]
    fn no_damaged_bytes_panic((ty, value) in typed_value(true), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = msgpack::encode(&value, &ty).expect("encodes");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let result: Result<Value, CodecError> = msgpack::decode(&bytes, &ty);
        if let Ok(value) = result {
            prop_assert!(msgpack::encode(&value, &ty).is_ok());
        }
    }

    #[test]
    fn json_is_read_as_serde_reads_it(text in "[\\[\\]{}\",:0-9eE+.\\-a-c\\\\utrfalsn ]{0,16}") {
        let ours = json::decode_plain(text.as_bytes()).is_ok();
        // serde_json refuses half surrogates and numbers beyond its range, Go and we do not.
        let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert!(ours == theirs || text.contains("\\u"), "{}: {} {}", text, ours, theirs);
    }
}
