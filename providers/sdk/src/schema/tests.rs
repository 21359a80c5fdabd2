use super::*;

fn attribute(ty: Type) -> Attribute {
    Attribute {
        ty: AttributeType::Plain(ty),
        description: String::new(),
        required: false,
        optional: true,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
        deprecation_message: String::new(),
        markdown: false,
    }
}

fn nested(nesting: Nesting, of: Type) -> NestedBlock {
    let mut block = Block::default();
    block.attributes.insert("k".into(), attribute(of));
    block.attributes.insert("secret".into(), Attribute { sensitive: true, ..attribute(Type::String) });
    NestedBlock { block, nesting, min_items: 0, max_items: 0 }
}

fn schema() -> Prepared {
    let mut block = Block::default();
    block.attributes.insert("name".into(), attribute(Type::String));
    block.attributes.insert("password".into(), Attribute { write_only: true, ..attribute(Type::String) });
    let inner = [("b".into(), Attribute { sensitive: true, ..attribute(Type::Number) })].into();
    let objects = AttributeType::Nested { attributes: inner, nesting: Nesting::Map };
    block.attributes.insert("objects".into(), Attribute { ty: objects, ..attribute(Type::Bool) });
    for (name, nesting) in [
        ("single", Nesting::Single),
        ("group", Nesting::Group),
        ("list", Nesting::List),
        ("set", Nesting::Set),
        ("map", Nesting::Map),
    ] {
        block.blocks.insert(name.into(), nested(nesting, Type::String));
    }
    block.blocks.insert("any_list".into(), nested(Nesting::List, Type::Dynamic));
    block.blocks.insert("any_map".into(), nested(Nesting::Map, Type::Dynamic));
    Prepared::new(Schema { version: 0, block })
}

fn path(steps: &[Step]) -> Path {
    Path(steps.to_vec())
}

fn at(name: &str) -> Step {
    Step::Attr(name.into())
}

#[test]
fn implied_type() {
    let block = r#"["object",{"k":"string","secret":"string"}]"#;
    let want = [
        r#"["object",{"any_list":"dynamic","any_map":"dynamic","group":B,"list":["list",B],"map":["map",B],"#,
        r#""name":"string","objects":["map",["object",{"b":"number"}]],"password":"string","set":["set",B],"single":B}]"#,
    ];
    assert_eq!(schema().ty().to_json(), want.concat().replace('B', block));
}

#[test]
fn nothing_written() {
    let schema = schema();
    let empty = schema.empty();
    let block = Type::object(vec![("k".into(), Type::String), ("secret".into(), Type::String)]);
    assert_eq!(empty.get("name"), Some(&Value::null(Type::String)));
    assert_eq!(empty.get("single"), Some(&Value::null(block.clone())));
    assert!(empty.get("group").expect("there").get("k").expect("there").is_null());
    assert_eq!(empty.get("list"), Some(&Value::list(block.clone(), vec![])));
    assert_eq!(empty.get("set"), Some(&Value::set(block.clone(), vec![])));
    assert_eq!(empty.get("map"), Some(&Value::map(block, vec![])));
    assert_eq!(empty.get("any_list"), Some(&Value::tuple(vec![])));
    assert_eq!(empty.get("any_map"), Some(&Value::object(vec![])));
    assert!(empty.ty().conforms(schema.ty()));
}

#[test]
fn blocks_written() {
    let schema = schema();
    let block = &schema.block;
    let of = |name: &str, k: Value| {
        let b = &block.blocks[name];
        (Some(Str::new("x")), b.block.value_with(vec![("k".into(), k)]))
    };
    let list = block.blocks["any_list"].collect(vec![of("any_list", Value::TRUE), of("any_list", Value::number(1))]);
    assert!(matches!(list.kind(), Kind::Tuple(items) if items.len() == 2));
    let map = block.blocks["map"].collect(vec![of("map", Value::string("v"))]);
    assert_eq!(map.get("x").expect("there").get("k"), Some(&Value::string("v")));
    let value =
        block.value_with(vec![("map".into(), map), ("any_list".into(), list), ("unheard_of".into(), Value::TRUE)]);
    assert!(value.ty().conforms(schema.ty()));
}

#[test]
fn what_a_path_leads_to() {
    let schema = schema();
    let find = |steps: &[Step]| schema.block.find(&path(steps));
    assert!(find(&[at("password")]).expect("there").write_only);
    assert!(find(&[at("list"), Step::Index(0), at("secret")]).expect("there").sensitive);
    assert!(find(&[at("objects"), Step::Key("x".into()), at("b")]).expect("there").sensitive);
    let name = find(&[at("name")]).expect("there");
    assert!(!name.inside && name.block.is_none() && name.attribute == schema.block.attributes.get("name"));
    assert!(find(&[at("name"), Step::Index(0)]).expect("there").inside);
    assert!(find(&[at("list")]).expect("there").attribute.is_none());
    assert_eq!(find(&[at("nope")]), None);
    assert_eq!(find(&[at("list"), Step::Index(0), at("nope")]), None);
}

#[test]
fn secrets_are_marked_and_write_only_values_dropped() {
    let schema = schema();
    let block = |name: &str, k: &str| {
        let b = &schema.block.blocks[name].block;
        b.value_with(vec![("k".into(), Value::string(k)), ("secret".into(), Value::string("s"))])
    };
    let collect = |name: &str, blocks: &[&str]| {
        schema.block.blocks[name].collect(blocks.iter().map(|k| (Some(Str::new(k)), block(name, k))).collect())
    };
    let object = schema.block.value_with(vec![
        ("password".into(), Value::string("p")),
        ("list".into(), collect("list", &["a", "b"])),
        ("set".into(), collect("set", &["a", "b"])),
        ("any_map".into(), collect("any_map", &["a"])),
    ]);
    let marked: Vec<String> =
        schema.mark_sensitive(&object).unmark_deep().1.iter().map(|(p, _)| p.to_string()).collect();
    assert_eq!(marked, ["any_map.a.secret", "group.secret", "list[0].secret", "list[1].secret", "set"]);
    assert_eq!(schema.first_write_only(&object).expect("set").to_string(), "password");
    let stored = schema.without_write_only(&object);
    assert_eq!(stored.get("password"), Some(&Value::null(Type::String)));
    assert_eq!(schema.first_write_only(&stored), None);
    assert_eq!(stored.get("set"), object.get("set"));
}
