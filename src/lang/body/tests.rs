use super::*;
use crate::diag::FileId;
use crate::lang::functions::FunctionContext;
use crate::lang::reference::{Reference, Subject};
use crate::lang::syntax::{Text, parse_body};
use proptest::prelude::*;
use schema::{Attribute, AttributeType, NestedBlock};
use std::collections::BTreeMap;
use straddle_sdk::value::{Cause, Kind, Marks};

/// Variables by name.
struct Variables(BTreeMap<&'static str, Value>);

impl Scope for Variables {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        match reference.subject {
            Subject::Variable(name) if self.0.contains_key(name) => Ok(self.0[name].clone()),
            _ => Err(Box::new(Diagnostic::error("Undeclared", "Nothing of this name.").at(&reference.span))),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        None
    }
}

fn unknown_list() -> Value {
    Value::unknown_because(Type::list(Type::String), Cause("sim_net.a.subnets".into()))
}

fn scope() -> Variables {
    Variables(BTreeMap::from([
        ("name", Value::string("web")),
        ("ports", Value::tuple(vec![Value::number(80), Value::number(443)])),
        ("tags", Value::map(Type::String, vec![("b".into(), Value::string("2")), ("a".into(), Value::string("1"))])),
        ("unknown", unknown_list()),
        ("null", Value::null(Type::Dynamic)),
        ("secret", Value::tuple(vec![Value::string("x")]).with_marks(Marks::SENSITIVE)),
    ]))
}

fn optional(ty: Type) -> Attribute {
    plain(AttributeType::Plain(ty), false)
}

fn required(ty: Type) -> Attribute {
    plain(AttributeType::Plain(ty), true)
}

fn plain(ty: AttributeType, required: bool) -> Attribute {
    Attribute {
        ty,
        description: String::new(),
        required,
        optional: !required,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
        deprecation_message: String::new(),
        markdown: false,
    }
}

fn block(attributes: &[(&str, Attribute)], blocks: &[(&str, NestedBlock)]) -> schema::Block {
    schema::Block {
        attributes: attributes.iter().map(|(name, a)| (Str::new(name), a.clone())).collect(),
        blocks: blocks.iter().map(|(name, b)| (Str::new(name), b.clone())).collect(),
        ..schema::Block::default()
    }
}

fn nested(nesting: Nesting, min_items: i64, max_items: i64) -> NestedBlock {
    let block = block(&[("port", required(Type::Number)), ("note", optional(Type::String))], &[]);
    NestedBlock { block, nesting, min_items, max_items }
}

fn with_blocks(nesting: Nesting) -> schema::Block {
    block(&[("name", optional(Type::String))], &[("rule", nested(nesting, 0, 0))])
}

fn run(schema: &schema::Block, text: &str) -> (Value, Vec<Diagnostic>) {
    let (body, problems) = parse_body(Text { file: FileId(0), name: "main.tf", text });
    assert!(problems.is_empty(), "{problems:?}");
    eval_body(&body, schema, &scope())
}

/// The value as text, when nothing is wrong.
fn value(schema: &schema::Block, text: &str) -> String {
    let (value, problems) = run(schema, text);
    assert!(problems.is_empty(), "{problems:?}");
    assert!(value.ty().conforms(&schema.implied_type()), "{:?} is not {:?}", value.ty(), schema.implied_type());
    show(&value)
}

/// What is wrong: summary, and the text that is underlined.
fn problems(schema: &schema::Block, text: &str) -> Vec<String> {
    let (value, problems) = run(schema, text);
    assert!(value.ty().conforms(&schema.implied_type()), "{:?} is not {:?}", value.ty(), schema.implied_type());
    problems.iter().map(|p| format!("{} @ {}", p.summary, &text[p.span.clone().unwrap().range])).collect()
}

fn details(schema: &schema::Block, text: &str) -> Vec<String> {
    run(schema, text).1.into_iter().map(|p| p.detail).collect()
}

/// A value in short: kinds of collection told apart.
fn show(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    let entries =
        |items: &[(Str, Value)]| items.iter().map(|(k, v)| format!("{k}={}", show(v))).collect::<Vec<_>>().join(" ");
    let text = match value.kind() {
        Kind::Null(_) => "null".to_owned(),
        Kind::Unknown(u) => format!("?{}", u.cause.as_ref().map_or("", |c| &c.0)),
        Kind::Bool(b) => b.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::String(s) => format!("{s:?}"),
        Kind::List(e) => format!("list[{}]", list(&e.items)),
        Kind::Set(e) => format!("set[{}]", list(&e.items)),
        Kind::Tuple(items) => format!("[{}]", list(items)),
        Kind::Map(e) => format!("map{{{}}}", entries(&e.items)),
        Kind::Object(items) => format!("{{{}}}", entries(items)),
    };
    if value.marks().is_sensitive() { format!("secret({text})") } else { text }
}

#[test]
fn arguments_take_the_type_of_their_schema() {
    let schema = block(
        &[
            ("count", optional(Type::Number)),
            ("name", required(Type::String)),
            ("tags", optional(Type::map(Type::String))),
            ("zones", optional(Type::set(Type::String))),
        ],
        &[],
    );
    assert_eq!(
        value(&schema, "name = \"${var.name}-1\"\ncount = \"2\"\nzones = [\"b\", \"a\", \"b\"]"),
        r#"{count=2 name="web-1" tags=null zones=set["a" "b"]}"#
    );
    assert_eq!(
        value(&schema, "name = 5\ntags = { for k, v in var.tags : k => \"${v}!\" }"),
        r#"{count=null name="5" tags=map{a="1!" b="2!"} zones=null}"#
    );
    assert_eq!(
        value(&schema, "name = var.null\nzones = var.unknown"),
        "{count=null name=null tags=null zones=?sim_net.a.subnets}"
    );
}

#[test]
fn wrong_arguments_are_all_reported_and_unknown() {
    let schema = block(&[("name", required(Type::String)), ("size", optional(Type::Number))], &[]);
    let text = "size = \"x\"\nnmae = 1\nother = 2\n";
    assert_eq!(
        problems(&schema, text),
        [
            "Missing required argument @ s",
            "Incorrect attribute value type @ \"x\"",
            "Unsupported argument @ nmae",
            "Unsupported argument @ other"
        ]
    );
    assert_eq!(
        details(&schema, text),
        [
            "The argument \"name\" is required, but no definition was found.",
            "Inappropriate value for attribute \"size\": a number is required.",
            "An argument named \"nmae\" is not expected here. Did you mean \"name\"?",
            "An argument named \"other\" is not expected here.",
        ]
    );
    assert_eq!(show(&run(&schema, text).0), "{name=null size=?}");
    let (value, found) = run(&schema, "name = nope.x\nsize = var.name");
    assert_eq!(show(&value), "{name=? size=?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn blocks_that_are_not_written() {
    let all = |nesting| NestedBlock { block: with_blocks(Nesting::Map), nesting, min_items: 0, max_items: 0 };
    let schema = block(
        &[],
        &[
            ("g", all(Nesting::Group)),
            ("l", all(Nesting::List)),
            ("m", all(Nesting::Map)),
            ("s", all(Nesting::Single)),
            ("t", all(Nesting::Set)),
        ],
    );
    assert_eq!(value(&schema, ""), "{g={name=null rule=map{}} l=list[] m=map{} s=null t=set[]}");
    assert_eq!(
        value(&schema, "s {}\ng {}"),
        "{g={name=null rule=map{}} l=list[] m=map{} s={name=null rule=map{}} t=set[]}"
    );
}

#[test]
fn blocks_of_every_mode() {
    let two = "rule { port = 2 }\nrule {\n port = 1\n note = var.name\n}";
    assert_eq!(
        value(&with_blocks(Nesting::List), two),
        r#"{name=null rule=list[{note=null port=2} {note="web" port=1}]}"#
    );
    assert_eq!(
        value(&with_blocks(Nesting::Set), two),
        r#"{name=null rule=set[{note="web" port=1} {note=null port=2}]}"#
    );
    let keyed = "rule \"b\" { port = 2 }\nrule \"a\" { port = var.ports[0] }";
    assert_eq!(
        value(&with_blocks(Nesting::Map), keyed),
        "{name=null rule=map{a={note=null port=80} b={note=null port=2}}}"
    );
    for nesting in [Nesting::Single, Nesting::Group] {
        assert_eq!(value(&with_blocks(nesting), "rule { port = \"1\" }"), "{name=null rule={note=null port=1}}");
        assert_eq!(problems(&with_blocks(nesting), two), ["Duplicate rule block @ rule"]);
    }
}

#[test]
fn blocks_with_a_dynamic_type_inside_are_tuples_and_objects() {
    let any = |nesting| {
        let inner = block(&[("v", optional(Type::Dynamic))], &[]);
        block(&[], &[("rule", NestedBlock { block: inner, nesting, min_items: 0, max_items: 0 })])
    };
    assert_eq!(value(&any(Nesting::List), "rule { v = 1 }\nrule { v = \"a\" }"), r#"{rule=[{v=1} {v="a"}]}"#);
    assert_eq!(value(&any(Nesting::Map), "rule \"k\" { v = [var.name] }"), r#"{rule={k={v=["web"]}}}"#);
    assert_eq!(value(&any(Nesting::List), ""), "{rule=[]}");
    assert_eq!(value(&any(Nesting::Map), ""), "{rule={}}");
    assert_eq!(value(&any(Nesting::Single), "rule { v = true }"), "{rule={v=true}}");
}

#[test]
fn wrong_blocks() {
    let list = with_blocks(Nesting::List);
    assert_eq!(
        problems(&list, "rul { port = 1 }\nname {}\nrule \"x\" { port = 1 }\nrule {}"),
        [
            "Unsupported block type @ rul",
            "Unsupported block type @ name",
            "Extraneous label for rule @ \"x\"",
            "Missing required argument @ {"
        ]
    );
    assert_eq!(
        details(&list, "rul {}\nname {}\nrule = []"),
        [
            "Blocks of type \"rul\" are not expected here. Did you mean \"rule\"?",
            "Blocks of type \"name\" are not expected here. Did you mean to define argument \"name\"? If so, use the equals sign to assign it a value.",
            "An argument named \"rule\" is not expected here. Did you mean to define a block of type \"rule\"?",
        ]
    );
    let map = with_blocks(Nesting::Map);
    assert_eq!(problems(&map, "rule { port = 1 }"), ["Missing key for rule @ {"]);
    let twice = "rule \"a\" { port = 1 }\nrule \"a\" { port = var.ports[0] }";
    assert_eq!(problems(&map, twice), ["Duplicate rule block @ rule \"a\""]);
    assert_eq!(show(&run(&map, twice).0), "{name=null rule=map{a={note=null port=1}}}");
}

#[test]
fn numbers_of_blocks() {
    let schema = |nesting, min, max| block(&[], &[("rule", nested(nesting, min, max))]);
    let one = "rule { port = 1 }\n";
    for nesting in [Nesting::List, Nesting::Set] {
        assert_eq!(problems(&schema(nesting, 2, 0), one), ["Insufficient rule blocks @ r"]);
        assert_eq!(details(&schema(nesting, 2, 0), one), ["At least 2 \"rule\" blocks are required."]);
        assert_eq!(problems(&schema(nesting, 0, 1), &one.repeat(2)), ["Too many rule blocks @ rule"]);
        let made = "dynamic \"rule\" {\n for_each = var.ports\n content {\n port = rule.value\n }\n}\n";
        assert_eq!(problems(&schema(nesting, 3, 0), made), ["Insufficient rule blocks @ d"]);
        assert_eq!(problems(&schema(nesting, 0, 1), made), ["Too many rule blocks @ dynamic \"rule\""]);
        assert!(problems(&schema(nesting, 2, 2), made).is_empty());
        // How many an unknown collection makes is not known either.
        assert!(problems(&schema(nesting, 3, 0), &made.replace("ports", "unknown")).is_empty());
    }
    assert_eq!(problems(&schema(Nesting::Single, 1, 1), "\n"), ["Missing rule block @ \n"]);
    assert_eq!(problems(&schema(Nesting::Group, 1, 1), "\n"), ["Missing rule block @ \n"]);
}

#[test]
fn dynamic_blocks() {
    let list = with_blocks(Nesting::List);
    assert_eq!(
        value(
            &list,
            "rule { port = 1 }\ndynamic \"rule\" {\n for_each = var.ports\n content {\n port = rule.value\n note = rule.key\n }\n}\nrule { port = 2 }"
        ),
        r#"{name=null rule=list[{note=null port=1} {note="0" port=80} {note="1" port=443} {note=null port=2}]}"#
    );
    assert_eq!(
        value(
            &list,
            "dynamic \"rule\" {\n for_each = var.tags\n iterator = it\n content {\n port = it.value\n note = it.key\n }\n}"
        ),
        r#"{name=null rule=list[{note="a" port=1} {note="b" port=2}]}"#
    );
    assert_eq!(
        value(
            &with_blocks(Nesting::Map),
            "dynamic \"rule\" {\n for_each = var.ports\n labels = [\"p${rule.value}\"]\n content {\n port = rule.value\n }\n}"
        ),
        "{name=null rule=map{p443={note=null port=443} p80={note=null port=80}}}"
    );
    assert_eq!(
        value(&list, "dynamic \"rule\" {\n for_each = []\n content {\n port = 1\n }\n}"),
        "{name=null rule=list[]}"
    );
    assert_eq!(
        value(&list, "dynamic \"rule\" {\n for_each = var.secret\n content {\n port = 1\n }\n}"),
        "{name=null rule=secret(list[{note=null port=1}])}"
    );
}

#[test]
fn dynamic_blocks_over_what_is_not_known() {
    for nesting in [Nesting::Single, Nesting::Group, Nesting::List, Nesting::Set, Nesting::Map] {
        let labels = if nesting == Nesting::Map { "labels = [rule.key]\n" } else { "" };
        let text =
            format!("dynamic \"rule\" {{\n for_each = var.unknown\n {labels} content {{\n port = rule.value\n }}\n}}");
        assert_eq!(value(&with_blocks(nesting), &text), "{name=null rule=?sim_net.a.subnets}");
    }
    // What the content is wrong about in any case is reported.
    let text = "dynamic \"rule\" {\n for_each = var.unknown\n content {\n port = [rule.value]\n }\n}";
    assert_eq!(problems(&with_blocks(Nesting::List), text), ["Incorrect attribute value type @ [rule.value]"]);
}

#[test]
fn dynamic_blocks_inside_dynamic_blocks() {
    let outer = NestedBlock { block: with_blocks(Nesting::List), nesting: Nesting::List, min_items: 0, max_items: 0 };
    let schema = block(&[], &[("group", outer)]);
    let text = |inner: &str| {
        format!(
            "dynamic \"group\" {{\n for_each = var.tags\n content {{\n name = group.key\n dynamic \"rule\" {{\n for_each = var.ports\n {inner}\n }}\n }}\n}}"
        )
    };
    assert_eq!(
        value(&schema, &text("content {\n port = rule.value\n note = group.value\n }")),
        r#"{group=list[{name="a" rule=list[{note="1" port=80} {note="1" port=443}]} {name="b" rule=list[{note="2" port=80} {note="2" port=443}]}]}"#
    );
    // The inner iterator hides the outer of the same name.
    assert_eq!(
        value(&schema, &text("iterator = group\n content {\n port = group.value\n }")),
        r#"{group=list[{name="a" rule=list[{note=null port=80} {note=null port=443}]} {name="b" rule=list[{note=null port=80} {note=null port=443}]}]}"#
    );
}

#[test]
fn wrong_dynamic_blocks() {
    let list = with_blocks(Nesting::List);
    let of = |inner: &str| format!("dynamic \"rule\" {{\n{inner}\n}}");
    let content = "content {\n port = 1\n }";
    let cases: &[(String, &[&str])] = &[
        (of(content), &["Missing required argument @ {"]),
        (of("for_each = []"), &["Missing dynamic content block @ {"]),
        (of(&format!("for_each = []\n{content}\n{content}")), &["Extraneous dynamic content block @ content"]),
        (of(&format!("for_each = []\niterator = a.b\n{content}")), &["Invalid dynamic iterator name @ a.b"]),
        (of(&format!("for_each = []\nlabels = [1]\n{content}")), &["Unsupported argument @ labels"]),
        (of(&format!("for_each = 5\n{content}")), &["Invalid dynamic for_each value @ 5"]),
        (of(&format!("for_each = var.null\n{content}")), &["Invalid dynamic for_each value @ var.null"]),
        (
            of("for_each = []\ncontent {\n prt = 1\n }"),
            &["Missing required argument @ {", "Unsupported argument @ prt"],
        ),
        (format!("dynamic \"x\" {{\n for_each = []\n {content}\n}}"), &["Unsupported block type @ \"x\""]),
    ];
    for (text, expected) in cases {
        assert_eq!(&problems(&list, text), expected, "{text}");
    }
    let map = with_blocks(Nesting::Map);
    for (labels, expected) in [
        ("", "Insufficient dynamic block labels @ {"),
        ("labels = []", "Insufficient dynamic block labels @ []"),
        ("labels = [1, 2]", "Extraneous dynamic block label @ 2"),
        ("labels = 1", "Invalid expression @ 1"),
        ("labels = [null]", "Invalid dynamic block label @ null"),
        ("labels = [[]]", "Invalid dynamic block label @ []"),
        ("labels = [var.unknown[0]]", "Invalid dynamic block label @ var.unknown[0]"),
        ("labels = [var.secret[0]]", "Invalid dynamic block label @ var.secret[0]"),
        ("labels = [\"same\"]", "Duplicate rule block @ dynamic \"rule\""),
    ] {
        assert_eq!(problems(&map, &of(&format!("for_each = var.ports\n{labels}\n{content}"))), [expected], "{labels}");
    }
}

#[test]
fn nested_attributes_may_leave_out_what_is_not_required() {
    let of = |nesting| {
        let attributes =
            BTreeMap::from([(Str::new("port"), required(Type::Number)), (Str::new("note"), optional(Type::String))]);
        block(&[("rules", plain(AttributeType::Nested { attributes, nesting }, false))], &[])
    };
    assert_eq!(value(&of(Nesting::Single), "rules = { port = \"1\" }"), "{rules={note=null port=1}}");
    assert_eq!(
        value(&of(Nesting::List), "rules = [{ port = 1 }, { port = 2, note = var.name }]"),
        r#"{rules=list[{note=null port=1} {note="web" port=2}]}"#
    );
    assert_eq!(value(&of(Nesting::Map), "rules = { a = { port = 1 } }"), "{rules=map{a={note=null port=1}}}");
    assert_eq!(value(&of(Nesting::Set), ""), "{rules=null}");
    assert_eq!(
        problems(&of(Nesting::Single), "rules = { note = \"x\" }"),
        ["Incorrect attribute value type @ { note = \"x\" }"]
    );
}

#[test]
fn lists_of_objects_may_be_written_as_blocks() {
    let object = Type::object(vec![("cidr".into(), Type::String), ("port".into(), Type::Number)]);
    let schema = |ty| block(&[("ingress", optional(ty))], &[]);
    let blocks =
        "ingress { port = 1 }\ndynamic \"ingress\" {\n for_each = var.ports\n content {\n port = ingress.value\n }\n}";
    assert_eq!(
        value(&schema(Type::list(object.clone())), blocks),
        "{ingress=list[{cidr=null port=1} {cidr=null port=80} {cidr=null port=443}]}"
    );
    assert_eq!(
        value(&schema(Type::set(object.clone())), "ingress = [{ cidr = \"x\", port = 2 }]"),
        r#"{ingress=set[{cidr="x" port=2}]}"#
    );
    assert_eq!(value(&schema(Type::set(object.clone())), ""), "{ingress=null}");
    // Not of a single object, and not beside the argument.
    assert_eq!(problems(&schema(object.clone()), "ingress { port = 1 }"), ["Unsupported block type @ ingress"]);
    assert_eq!(
        problems(&schema(Type::list(object)), "ingress = []\ningress { port = 1 }"),
        ["Unsupported block type @ ingress"]
    );
}

#[test]
fn what_depends_on_nothing_is_prepared() {
    let text = "name = \"a${1 + 1}\"\nrule { port = 1 }";
    let (body, _) = parse_body(Text { file: FileId(0), name: "main.tf", text });
    let prepared = PreparedBody::new(&body, &with_blocks(Nesting::List));
    assert_eq!(prepared.plan.constant.as_ref().map(show).unwrap(), r#"{name="a2" rule=list[{note=null port=1}]}"#);
    for text in ["name = var.name", "name = timestamp()", "rule { port = var.ports[0] }"] {
        let (body, _) = parse_body(Text { file: FileId(0), name: "main.tf", text });
        assert!(PreparedBody::new(&body, &with_blocks(Nesting::List)).plan.constant.is_none(), "{text}");
    }
}

#[test]
fn problems_that_do_not_depend_on_the_scope_are_known_before() {
    let text = "nmae = var.nope\nname = [1]\nrule { port = \"x\" }";
    let (body, _) = parse_body(Text { file: FileId(0), name: "main.tf", text });
    let schema = with_blocks(Nesting::List);
    let found: Vec<String> = check_body(&body, &schema).into_iter().map(|p| p.summary).collect();
    assert_eq!(found, ["Incorrect attribute value type", "Incorrect attribute value type", "Unsupported argument"]);
    assert_eq!(PreparedBody::new(&body, &schema).eval(&scope()).1.len(), 3);
}

#[test]
fn references_of_a_body() {
    let text = "a = x.y\nrule {\n port = [for p in var.ports : p + q.r]\n}\ndynamic \"rule\" {\n for_each = rule.z\n iterator = it\n labels = [it.key]\n content {\n port = it.value\n note = rule.w\n }\n}\nb = it.v";
    let (body, problems) = parse_body(Text { file: FileId(0), name: "main.tf", text });
    assert!(problems.is_empty(), "{problems:?}");
    let mut found = Vec::new();
    body_traversals(&body, &mut |t| found.push(&*t.root.name));
    assert_eq!(found, ["x", "it", "var", "q", "rule", "rule"]);
}

proptest! {
    /// Whatever the body, the value has the schema's type and nothing panics.
    #[test]
    fn any_body_gives_a_value_of_the_type(parts in prop::collection::vec(part(2), 0..6), nesting in 0..5_usize) {
        let text = parts.join("\n");
        let (body, _) = parse_body(Text { file: FileId(0), name: "main.tf", text: &text });
        let nesting = [Nesting::Single, Nesting::Group, Nesting::List, Nesting::Set, Nesting::Map][nesting];
        let schema = with_blocks(nesting);
        let (value, _) = eval_body(&body, &schema, &scope());
        prop_assert!(value.ty().conforms(&schema.implied_type()), "{} gave {:?}", text, value);
    }
}

fn part(depth: u32) -> BoxedStrategy<String> {
    let expr = prop_oneof![
        Just("1"),
        Just("\"x\""),
        Just("null"),
        Just("[]"),
        Just("var.ports"),
        Just("var.unknown"),
        Just("var.tags"),
        Just("var.nope"),
        Just("rule.value"),
        Just("rule.key"),
        Just("1 / 0"),
        Just("[rule.key]"),
        Just("var.secret"),
    ];
    let argument =
        (prop_oneof![Just("name"), Just("port"), Just("note"), Just("for_each"), Just("labels"), Just("x")], expr)
            .prop_map(|(name, expr)| format!("{name} = {expr}"))
            .boxed();
    if depth == 0 {
        return argument;
    }
    let header = prop_oneof![Just("rule"), Just("rule \"a\""), Just("dynamic \"rule\""), Just("content"), Just("x")];
    let inner = (header, prop::collection::vec(part(depth - 1), 0..4))
        .prop_map(|(header, parts)| format!("{header} {{\n{}\n}}", parts.join("\n")));
    prop_oneof![2 => argument, 3 => inner].boxed()
}

/// The value of a resource's body in JSON, and what is wrong with it.
fn run_json(schema: &schema::Block, text: &str) -> (Value, Vec<Diagnostic>) {
    let file = format!("{{\"resource\": {{\"t\": {{\"a\": {text}}}}}}}");
    let source = Text { file: FileId(0), name: "main.tf.json", text: &file };
    let (body, problems) = crate::lang::syntax::json::parse_json_body(source);
    assert_eq!(problems, []);
    eval_body(&body.blocks[0].body, schema, &scope())
}

#[test]
fn json_says_the_same_as_the_native_syntax() {
    for nesting in [Nesting::List, Nesting::Set] {
        let schema = with_blocks(nesting);
        for (json, native) in [
            (r#"{"name": "a-${var.name}"}"#, "name = \"a-${var.name}\"\n"),
            (r#"{"//": "comment", "rule": {"port": 1}}"#, "rule {\n port = 1\n}\n"),
            (
                r#"{"rule": [{"port": 1}, {"port": "${var.ports[1]}"}]}"#,
                "rule {\n port = 1\n}\nrule {\n port = var.ports[1]\n}\n",
            ),
            (r#"{"rule": null}"#, ""),
            (r#"{"rule": []}"#, ""),
            (r#"{"rule": {"port": 1}, "rule": {"port": 2}}"#, "rule {\n port = 1\n}\nrule {\n port = 2\n}\n"),
            (
                r#"{"dynamic": {"rule": {"for_each": "${var.ports}", "iterator": "it", "content": {"port": "${it.value}"}}}}"#,
                "dynamic \"rule\" {\n for_each = var.ports\n iterator = it\n content {\n  port = it.value\n }\n}\n",
            ),
        ] {
            let (value, problems) = run_json(&schema, json);
            assert_eq!(problems, [], "{json}");
            assert_eq!(show(&value), self::value(&schema, native), "{json}");
        }
    }
    let (value, problems) = run_json(&with_blocks(Nesting::Map), r#"{"rule": {"x": {"port": 1}, "y": {"port": 2}}}"#);
    assert_eq!(problems, []);
    let native = "rule \"x\" {\n port = 1\n}\nrule \"y\" {\n port = 2\n}\n";
    assert_eq!(show(&value), self::value(&with_blocks(Nesting::Map), native));
}

#[test]
fn json_that_does_not_fit_its_schema() {
    let schema = with_blocks(Nesting::List);
    let summaries = |json: &str| run_json(&schema, json).1.into_iter().map(|p| p.summary).collect::<Vec<_>>();
    assert_eq!(summaries(r#"{"nam": 1}"#), ["Extraneous JSON object property"]);
    assert_eq!(summaries(r#"{"name": "a", "name": "b"}"#), ["Duplicate argument"]);
    assert_eq!(summaries(r#"{"rule": 1}"#), ["Incorrect JSON value type"]);
    assert_eq!(summaries(r#"{"rule": {}}"#), ["Missing required argument"]);
    assert_eq!(summaries(r#"{"rule": {"port": 1, "x": 2}}"#), ["Extraneous JSON object property"]);
}
