//! What Terraform 1.11.4's console gave for the same expressions, the variables standing for calls of functions.

use super::*;
use crate::diag::FileId;
use crate::lang::reference::Subject;
use crate::lang::syntax::{Text, parse_expr};
use proptest::prelude::*;
use std::collections::BTreeMap;
use straddle_sdk::value::Refinement;
use straddle_sdk::value::num::Num;

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

fn unknown(ty: Type) -> Value {
    Value::unknown_because(ty, Cause("sim_net.a.id".into()))
}

fn secret(value: Value) -> Value {
    value.with_marks(Marks::SENSITIVE)
}

fn n(number: i64) -> Value {
    Value::number(number)
}

fn object_a(number: i64) -> Value {
    Value::object(vec![("a".into(), n(number))])
}

fn scope() -> Variables {
    let one_to_two = Refinement {
        not_null: true,
        min: Some((Num::Int(1), true)),
        max: Some((Num::Int(2), true)),
        ..Refinement::default()
    };
    Variables(BTreeMap::from([
        ("u", unknown(Type::Dynamic)),
        ("us", unknown(Type::String)),
        ("un", unknown(Type::Number)),
        ("ul", unknown(Type::list(Type::Dynamic))),
        ("uo", unknown(Type::object(vec![("a".into(), Type::String)]))),
        ("range", Kind::Unknown(Arc::new(Unknown { refinement: one_to_two, ..Unknown::of(Type::Number) })).into()),
        ("list", Value::list(Type::Number, vec![n(1), n(2)])),
        ("other", Value::list(Type::Number, vec![n(3), n(4)])),
        ("empty", Value::list(Type::Number, vec![])),
        ("set", Value::set(Type::String, vec![Value::string("b"), Value::string("a")])),
        ("map", Value::map(Type::Number, vec![("a".into(), n(1))])),
        ("objects", Value::list(object_a(1).ty(), vec![object_a(1), object_a(2)])),
        ("object_set", Value::set(object_a(1).ty(), vec![object_a(1)])),
        ("maybe", Value::list(Type::Number, vec![n(1), Value::null(Type::Number)])),
        ("null_list", Value::null(Type::list(Type::Number))),
        ("null_set", Value::null(Type::set(Type::Number))),
        ("null_string", Value::null(Type::String)),
        ("s", secret(n(1))),
        ("st", secret(Value::string("a"))),
        ("sb", secret(Value::TRUE)),
        ("sl", secret(Value::tuple(vec![n(1), n(2)]))),
        ("so", secret(object_a(1))),
        ("snull", secret(Value::null(Type::Dynamic))),
    ]))
}

fn run(text: &str) -> (Value, Vec<Diagnostic>) {
    let (expr, problems) = parse_expr(Text { file: FileId(0), name: "t", text });
    assert!(problems.is_empty(), "{text}: {problems:?}");
    eval(&expr, &scope())
}

/// The value in short (collections told apart, types of unknowns, secrets), or what is wrong.
fn said(text: &str) -> String {
    let (value, problems) = run(text);
    if problems.is_empty() {
        return show(&value);
    }
    problems.iter().map(|p| format!("! {}: {}", p.summary, p.detail)).collect::<Vec<_>>().join("\n")
}

fn show(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    let entries =
        |items: &[(Str, Value)]| items.iter().map(|(k, v)| format!("{k}={}", show(v))).collect::<Vec<_>>().join(" ");
    let text = match value.kind() {
        Kind::Null(ty) => format!("null({})", name(ty)),
        Kind::Unknown(u) => format!("?{}", name(&u.ty)),
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

fn name(ty: &Type) -> String {
    match ty {
        Type::Dynamic => "dynamic".into(),
        Type::Tuple(of) => format!("tuple({})", of.iter().map(name).collect::<Vec<_>>().join(" ")),
        Type::List(of) => format!("list({})", name(of)),
        ty => ty.friendly_name(),
    }
}

#[track_caller]
fn table(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(text, expected)| (text, said(text), expected))
        .filter(|(_, said, expected)| said != *expected)
        .map(|(text, said, expected)| format!("{text}\n    straddle:  {said}\n    Terraform: {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn arithmetic() {
    table(&[
        ("0.1 + 0.2 == 0.3", "true"),
        ("9007199254740993 * 9007199254740993", "81129638414606699710187514626049"),
        ("-5 % 3", "-2"),
        ("5.5 % 2", "1.5"),
        ("5 % 0", "5"),
        ("0 * -1", "-0"),
        ("\"5\" + 3", "8"),
        ("2 > \"1\"", "true"),
        ("1 - 2 - 3", "-4"),
        ("var.s + 1", "secret(2)"),
        ("-var.s", "secret(-1)"),
        ("-var.u", "?number"),
        ("var.u + 1 == null", "false"),
        ("0 / 0", "! Operation failed: Error during operation: can't divide zero by zero or infinity by infinity."),
        ("1 / 0 + -1 / 0", "! Operation failed: Error during operation: can't compute sum of opposing infinities."),
        ("1 / 0 - 1 / 0", "! Operation failed: Error during operation: can't subtract infinity from itself."),
        ("0 * (1 / 0)", "! Operation failed: Error during operation: can't multiply zero by infinity."),
        ("5 % (1 / 0)", "! Operation failed: Error during operation: can't use modulo with zero and infinity."),
        ("-null", "! Operation failed: Error during operation: argument must not be null."),
        ("null > var.u", "! Operation failed: Error during operation: argument must not be null."),
        ("-\"x\"", "! Invalid operand: Unsuitable value for unary operand: a number is required."),
        ("1 > \"x\"", "! Invalid operand: Unsuitable value for right operand: a number is required."),
        ("true + 1", "! Invalid operand: Unsuitable value for left operand: number required."),
    ]);
}

#[test]
fn both_operands_are_reported() {
    assert_eq!(
        said("\"a\" + []"),
        "! Invalid operand: Unsuitable value for left operand: a number is required.\n\
         ! Invalid operand: Unsuitable value for right operand: number required."
    );
    // An operand that failed is not reported again.
    assert_eq!(
        said("null.a + 1"),
        "! Attempt to get attribute from null value: This value is null, so it does not have any attributes."
    );
}

#[test]
fn logic_does_not_short_circuit() {
    table(&[
        ("\"true\" && true", "true"),
        ("!\"true\"", "false"),
        ("true || var.u", "?bool"),
        ("!var.u", "?bool"),
        ("true || null", "! Operation failed: Error during operation: argument must not be null."),
        ("true || \"zzz\"", "! Invalid operand: Unsuitable value for right operand: a bool is required."),
        ("!5", "! Invalid operand: Unsuitable value for unary operand: bool required."),
        ("\"a\" && true", "! Invalid operand: Unsuitable value for left operand: a bool is required."),
    ]);
}

#[test]
fn equality_never_converts() {
    table(&[
        ("\"1\" == 1", "false"),
        ("var.list == [1, 2]", "false"),
        ("var.map == { a = 1 }", "false"),
        ("true == \"true\"", "false"),
        ("[] == []", "true"),
        ("var.null_list == null", "true"),
        ("\"a\" == null", "false"),
        ("var.snull == null", "secret(true)"),
        ("[var.s] == [1]", "secret(true)"),
        ("var.u == null", "?bool"),
        ("var.u == var.u", "?bool"),
        ("(var.u == 1) == null", "false"),
        ("[var.u] == [1]", "?bool"),
        ("[var.u] == [1, 2]", "false"),
        ("\"x-${var.u}\" == \"\"", "false"),
        ("\"x-${var.u}\" != \"\"", "true"),
        ("\"a${var.us}\" == \"b\"", "?bool"),
        ("\"é\" == \"e\\u0301\"", "true"),
    ]);
}

#[test]
fn what_is_known_of_the_unknown_decides() {
    table(&[
        ("var.range < 3", "true"),
        ("var.range >= 3", "false"),
        ("var.range <= 2", "?bool"),
        ("var.range > 2", "?bool"),
        ("var.range == 3", "false"),
        ("(var.u ? 1 : 2) < 3", "true"),
        ("(var.u ? 1 : 2) == 3", "false"),
        ("(var.u ? 1 : null) == 3", "?bool"),
        ("(var.u ? 1 : 2) + 1 > 1", "?bool"),
        ("-(var.u ? 1 : 2) < 0", "?bool"),
        ("var.un < 5", "?bool"),
    ]);
}

#[test]
fn conditionals() {
    table(&[
        ("true ? 1 : \"b\"", "\"1\""),
        ("true ? {a=1} : {b=1}", "map{a=1}"),
        ("true ? [1] : []", "list[1]"),
        ("true ? [1] : [\"a\", 2]", "list[\"1\"]"),
        ("true ? [1] : [\"a\"]", "[\"1\"]"),
        ("true ? null : 1", "null(number)"),
        ("var.u ? 1 : 1", "1"),
        ("var.u ? 1 : 2", "?number"),
        ("var.u ? \"a\" : \"a\"", "?string"),
        ("var.u ? 1 : \"a\"", "?string"),
        ("var.u ? null : null", "null(dynamic)"),
        ("var.u ? [] : []", "?tuple()"),
        ("var.u ? var.empty : var.empty", "list[]"),
        ("var.u ? var.list : var.other", "list[?number ?number]"),
        ("var.u ? { a = 1 } : { a = 1 }", "?object"),
        ("\"true\" ? 1 : 2", "1"),
        ("false ? {}.b : 1", "1"),
        ("true ? 1 : {}.b", "1"),
        ("true ? var.set : var.set", "set[\"a\" \"b\"]"),
        ("1 ? 1 : 2", "! Incorrect condition type: The condition expression must be of type bool."),
        ("\"a\" ? 1 : 2", "! Incorrect condition type: The condition expression must be of type bool."),
        ("null ? 1 : 2", "! Null condition: The condition value is null. Conditions must either be true or false."),
        (
            "true ? [] : {}",
            "! Inconsistent conditional result types: The true and false result expressions must have consistent types. The 'true' value is tuple, but the 'false' value is object.",
        ),
        (
            "true ? [[1]] : [[[]]]",
            "! Inconsistent conditional result types: The true and false result expressions must have consistent types. Type mismatch for tuple element 0: Type mismatch for tuple element 0: The 'true' value is number, but the 'false' value is tuple.",
        ),
        (
            "true ? {a=[1]} : {a={}}",
            "! Inconsistent conditional result types: The true and false result expressions must have consistent types. Type mismatch for object attribute \"a\": The 'true' value is tuple, but the 'false' value is object.",
        ),
    ]);
}

/// Whoever sees the result must not learn from its marks which branch was taken, so both leave theirs.
#[test]
fn conditionals_keep_all_marks() {
    table(&[
        ("true ? 1 : var.s", "secret(1)"),
        ("true ? var.s : 1", "secret(1)"),
        ("var.sb ? 1 : 2", "secret(1)"),
        ("var.u ? var.s : 1", "secret(1)"),
        ("\"%{ if true }a%{ else }${var.st}%{ endif }\"", "secret(\"a\")"),
        ("\"%{ if var.sb }a%{ endif }\"", "secret(\"a\")"),
    ]);
}

#[test]
fn indexes() {
    const NO: &str = "! Invalid index: The given key does not identify an element in this collection value";
    let no = |why: &str| format!("{NO}{why}");
    for (text, expected) in [
        ("[1, 2][\"1\"]", "2".to_owned()),
        ("{ \"1\" = 2 }[1]", "2".into()),
        ("[1, 2].0", "1".into()),
        ("var.map[\"a\"]", "1".into()),
        ("[1, 2][var.s]", "secret(2)".into()),
        ("var.map[var.st]", "secret(1)".into()),
        ("var.sl[0]", "secret(1)".into()),
        ("[1, var.u][0]", "1".into()),
        ("[1, 2][var.u]", "?dynamic".into()),
        ("{ a = 1 }[var.us]", "?dynamic".into()),
        ("var.list[var.un]", "?number".into()),
        ("var.map[var.us]", "?number".into()),
        ("[1, 2, 3][3]", no(": the given index is greater than or equal to the length of the collection.")),
        ("[1, 2, 3][5]", no(".")),
        ("[][0]", no(": the collection has no elements.")),
        ("[][5]", no(".")),
        ("[1][-1]", no(": a negative number is not a valid index for a sequence.")),
        ("[1, 2][0.5]", no(": indexing a sequence requires a whole number, but the given index has a fractional part.")),
        ("[1, 2][-0.5]", no(": indexing a sequence requires a whole number, but the given index has a fractional part.")),
        ("[1, 2][\"x\"]", no(": a number is required.")),
        ("var.map[[1]]", no(": string required.")),
        ("{ a = 1 }[\"b\"]", no(".")),
        ("{ a = 1 }[5]", no(". An object only supports looking up attributes by name, not by numeric index.")),
        ("null[0]", "! Attempt to index null value: This value is null, so it does not have any indices.".into()),
        ("[1][null]", "! Invalid index: Can't use a null value as an indexing key.".into()),
        ("5[0]", "! Invalid index: This value does not have any indices.".into()),
        ("var.us[0]", "! Invalid index: This value does not have any indices.".into()),
        (
            "var.set[0]",
            "! Invalid index: Elements of a set are identified only by their value and don't have any separate index or key to select with, so it's only possible to perform operations across all elements of the set.".into(),
        ),
    ] {
        assert_eq!(said(text), expected, "{text}");
    }
    // Terraform drops the mark of a key that picks an attribute of an object; what was picked tells the key.
    assert_eq!(said("{ a = 1 }[var.st]"), "secret(1)");
}

#[test]
fn attributes() {
    const NO: &str = "! Unsupported attribute: ";
    let no = |why: &str| format!("{NO}{why}");
    for (text, expected) in [
        ("var.map.a", "1".to_owned()),
        ("var.so.a", "secret(1)".into()),
        ("var.uo.a", "?string".into()),
        ("var.u.a.b[0]", "?dynamic".into()),
        ("{ a = 1 }.b", no("This object does not have an attribute named \"b\".")),
        ("var.uo.b", no("This object does not have an attribute named \"b\".")),
        ("var.map.b", "! Missing map element: This map does not have an element with the key \"b\".".into()),
        ("var.map.a.b", no("Can't access attributes on a primitive-typed value (number).")),
        ("var.us.a", no("Can't access attributes on a primitive-typed value (string).")),
        ("[{ a = 1 }].a", no("This value does not have any attributes.")),
        ("var.set.a", no("This value does not have any attributes.")),
        (
            "var.objects.a",
            no(
                "Can't access attributes on a list of objects. Did you mean to access attribute \"a\" for a specific element of the list, or across all elements of the list?",
            ),
        ),
        (
            "var.objects.b",
            no(
                "Can't access attributes on a list of objects. Did you mean to access an attribute for a specific element of the list, or across all elements of the list?",
            ),
        ),
        (
            "var.object_set.a",
            no(
                "Can't access attributes on a set of objects. Did you mean to access an attribute across all elements of the set?",
            ),
        ),
        (
            "var.null_string.a",
            "! Attempt to get attribute from null value: This value is null, so it does not have any attributes."
                .into(),
        ),
    ] {
        assert_eq!(said(text), expected, "{text}");
    }
}

#[test]
fn object_constructors() {
    table(&[
        ("{ b = 2, a = 1 }", "{a=1 b=2}"),
        ("{ a = 1, a = 2 }", "{a=2}"),
        ("{ null = 1 }", "{null=1}"),
        ("{ 1 = 2, true = 3 }", "{1=2 true=3}"),
        ("{ (var.st) = 1 }", "secret({a=1})"),
        ("{ (var.us) = 1 }", "?dynamic"),
        ("{ (null) = 1 }", "! Null value as key: Can't use a null value as a key."),
        ("{ ([]) = 1 }", "! Incorrect key type: Can't use this value as a key: string required."),
    ]);
}

#[test]
fn for_expressions() {
    table(&[
        ("[for x in { b = 2, a = 1 } : x]", "[1 2]"),
        ("[for i, x in var.set : \"${i}${x}\"]", "[\"aa\" \"bb\"]"),
        ("[for i, x in [5, 6] : i if x == 6]", "[1]"),
        ("[for x in [1] : x if \"true\"]", "[1]"),
        ("{ for k, v in { a = 1, b = 1 } : v => k... }", "{1=[\"a\" \"b\"]}"),
        ("[for x in [1] : [for y in [2] : x + y]]", "[[3]]"),
        ("[for x in [1] : [for x in [2] : x]]", "[[2]]"),
        ("[for x in var.sl : x]", "secret([1 2])"),
        ("[for x in [var.s, 2] : x]", "[secret(1) 2]"),
        ("[for x in [var.s, 2] : x if x == 2]", "secret([2])"),
        ("{ for x in [var.st] : x => 1 }", "secret({a=1})"),
        ("[for x in var.u : x]", "?dynamic"),
        ("[for x in var.ul : x]", "?dynamic"),
        ("[for k, v in var.u : v if null]", "?dynamic"),
        ("[for x in [1] : x if var.u]", "?dynamic"),
        ("{ for x in [var.us] : x => 1 }", "?dynamic"),
        (
            "[for x in null : x]",
            "! Iteration over null value: A null value cannot be used as the collection in a 'for' expression.",
        ),
        (
            "[for x in 5 : x]",
            "! Iteration over non-iterable value: A value of type number cannot be used as the collection in a 'for' expression.",
        ),
        (
            "[for x in var.us : x]",
            "! Iteration over non-iterable value: A value of type string cannot be used as the collection in a 'for' expression.",
        ),
        (
            "[for x in [1, 2] : x if \"x\"]",
            "! Invalid 'for' condition: The 'if' clause value is invalid: a bool is required.",
        ),
        ("[for x in [1, 2] : x if null]", "! Condition is null: The value of the 'if' clause must not be null."),
        ("[for x in [] : x if null]", "! Condition is null: The value of the 'if' clause must not be null."),
        (
            "[for x in [1, 2] : x if x == 1 ? null : true]",
            "! Invalid 'for' condition: The value of the 'if' clause must not be null.",
        ),
        (
            "[for x in [true, 5] : x if x]",
            "! Invalid 'for' condition: The 'if' clause value is invalid: bool required.",
        ),
        (
            "{ for x in [1, null] : x => 1 }",
            "! Invalid object key: Key expression in 'for' expression must not produce a null value.",
        ),
        (
            "{ for x in [[1]] : x => 1 }",
            "! Invalid object key: The key expression produced an invalid result: string required.",
        ),
        (
            "{ for k, v in { a = 1, b = 1 } : v => k }",
            "! Duplicate object key: Two different items produced the key \"1\" in this 'for' expression. If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key.",
        ),
    ]);
    // A secret key is not told.
    assert!(!said("{ for x in [var.st, var.st] : x => 1 }").contains("\"a\""));
}

#[test]
fn splats() {
    table(&[
        ("null[*]", "[]"),
        ("5[*]", "[5]"),
        ("{ a = 1 }[*].a", "[1]"),
        ("var.snull[*]", "secret([])"),
        ("var.set[*]", "list[\"a\" \"b\"]"),
        ("var.objects[*].a", "list[1 2]"),
        ("var.empty[*]", "list[]"),
        ("[{ a = [1, 2] }, { a = [3] }].*.a[0]", "[1 2]"),
        ("[{ a = [1, 2] }, { a = [3] }][*].a[0]", "[1 3]"),
        ("var.sl[*]", "secret([1 2])"),
        ("[var.so][*].a", "[secret(1)]"),
        ("var.so[*].a", "secret([1])"),
        ("var.u[*]", "?dynamic"),
        ("var.us[*]", "?dynamic"),
        ("\"x${var.us}\"[*]", "[?string]"),
        ("var.ul[*].a", "?list(dynamic)"),
        ("var.ul[*] == null", "false"),
        (
            "var.null_list[*]",
            "! Splat of null value: Splat expressions (with the * symbol) cannot be applied to null sequences.",
        ),
        (
            "var.null_set[*]",
            "! Splat of null value: Splat expressions (with the * symbol) cannot be applied to null sequences.",
        ),
        // Terraform says it for each element.
        ("[1, 2][*].a", "! Unsupported attribute: Can't access attributes on a primitive-typed value (number)."),
        ("(var.u ? [1, 2] : [3, 4])[*]", "?tuple(number number)"),
        ("(var.u ? [1, 2] : [3, 4])[1]", "?number"),
        (
            "var.maybe[*][*]",
            "! Invalid nested splat expressions: The second level of splat expression produced elements of different types, so it isn't possible to construct a valid list to represent the top-level result. Consider using a for expression instead, to produce a tuple-typed result which can therefore have non-homogenous element types.",
        ),
    ]);
}

#[test]
fn templates() {
    table(&[
        ("\"${[1]}\"", "[1]"),
        ("\"${5}${\"\"}\"", "\"5\""),
        ("\"%{ if true }5%{ endif }\"", "\"5\""),
        ("\"%{ for x in [1, 2] }${x},%{ endfor }\"", "\"1,2,\""),
        ("\"${var.st}\"", "secret(\"a\")"),
        ("\"x${var.st}\"", "secret(\"xa\")"),
        ("\"%{ for x in [var.st] }${x}%{ endfor }\"", "secret(\"a\")"),
        ("\"x${var.u}\"", "?string"),
        ("\"%{ if var.u }a%{ endif }\"", "?string"),
        ("\"%{ for x in var.u }a%{ endfor }\"", "?string"),
        ("\"${var.us}x\" == null", "false"),
        (
            "\"a${[1]}\"",
            "! Invalid template interpolation value: Cannot include the given value in a string template: string required.",
        ),
        (
            "\"a${null}b\"",
            "! Invalid template interpolation value: The expression result is null. Cannot include a null value in a string template.",
        ),
        ("\"%{ if 5 }a%{ endif }\"", "! Incorrect condition type: The condition expression must be of type bool."),
        (
            "\"%{ if null }a%{ endif }\"",
            "! Null condition: The condition value is null. Conditions must either be true or false.",
        ),
        ("\"%{ if false }${null}%{ endif }\"", "\"\""),
        (
            "\"%{ for x in null }a%{ endfor }\"",
            "! Iteration over null value: A null value cannot be used as the collection in a 'for' expression.",
        ),
        (
            "\"%{ for x in [[1]] }${x}!%{ endfor }\"",
            "! Invalid template interpolation value: Cannot include the given value in a string template: string required.",
        ),
    ]);
}

#[test]
fn unknown_templates_say_how_they_begin() {
    let prefix = |text: &str| match run(text).0.kind() {
        Kind::Unknown(u) => u.refinement.prefix.as_ref().map(|p| p.to_string()),
        kind => panic!("{kind:?}"),
    };
    assert_eq!(prefix("\"x-${var.us}y\"").as_deref(), Some("x-"));
    assert_eq!(prefix("\"xy${var.us}\"").as_deref(), Some("x"));
    assert_eq!(prefix("\"a${1}-${var.us}\"").as_deref(), Some("a1-"));
    assert_eq!(prefix("\"a${var.us}\""), None);
    // Each of these is kept when it is the last, as measured; any other may take on what follows.
    for c in (' '..='~').filter(|c| !"\"\\".contains(*c)) {
        let kept = !c.is_ascii_alphanumeric() && !"<=>`".contains(c);
        assert_eq!(safe_prefix(&format!("x{c}")).len(), if kept { 2 } else { 1 }, "{c:?}");
    }
    // A long beginning is cut.
    assert_eq!(prefix(&format!("\"{}${{var.us}}\"", "-".repeat(500))).map(|p| p.len()), Some(128));
}

#[test]
fn unknowns_say_why() {
    for text in [
        "var.u",
        "var.u.a",
        "var.u[0]",
        "var.list[var.un]",
        "-var.un",
        "1 + var.un",
        "\"x${var.us}\"",
        "var.u ? 1 : 2",
        "[for x in var.u : x]",
        "[for x in [1] : x if var.u]",
        "{ (var.us) = 1 }",
        "var.u[*].a",
        "var.us == \"a\"",
        "!var.u",
        "var.ul[*].a",
        "\"%{ for x in var.u }a%{ endfor }\"",
        "\"%{ if var.u }a%{ endif }\"",
        "{ for x in [var.us] : x => 1 }",
    ] {
        match run(text).0.kind() {
            Kind::Unknown(u) => assert_eq!(u.cause, Some(Cause("sim_net.a.id".into())), "{text}"),
            kind => panic!("{text}: {kind:?}"),
        }
    }
}

#[test]
fn names_bound_by_a_for_are_no_references() {
    assert_eq!(said("[for var in [{ list = 1 }] : var.list]"), "[1]");
    assert_eq!(said("var.nope"), "! Undeclared: Nothing of this name.");
}

#[test]
fn evaluation_goes_on_after_an_error() {
    let (value, problems) = run("[1, {}.a, null.b, 2]");
    assert_eq!(show(&value), "[1 ?dynamic ?dynamic 2]");
    assert_eq!(problems.len(), 2);
}

/// The deepest and the longest expressions the parser takes are evaluated in the stack of a test's thread.
#[test]
fn nesting_and_chains_do_not_overflow_the_stack() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a = ", "}"),
        ("-", ""),
        ("\"a${", "}\""),
        ("true ? ", " : 1"),
        ("[for x in [1] : ", "]"),
        ("[1][", "]"),
        ("1 + (1 + ", ")"),
    ] {
        let parsed = |depth: usize| {
            let text = format!("{}0{}", open.repeat(depth), close.repeat(depth));
            Some(parse_expr(Text { file: FileId(0), name: "t", text: &text })).filter(|(_, p)| p.is_empty())
        };
        let depth = crate::lang::syntax::MAX_DEPTH as usize;
        let (expr, _) = (1..=depth).rev().find_map(parsed).unwrap();
        eval(&expr, &scope());
    }
    for (link, times) in [(" + 1", 1900), (" == 1", 1900), (".a", 1900), ("[var.list[0]]", 190), ("[*]", 190)] {
        let text = format!("var.u{}", link.repeat(times));
        let (expr, problems) = parse_expr(Text { file: FileId(0), name: "t", text: &text });
        assert!(problems.is_empty(), "{link}: {problems:?}");
        eval(&expr, &scope());
    }
}

fn expression(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("1"),
        Just("-0.5"),
        Just("\"a\""),
        Just("\"2\""),
        Just("true"),
        Just("null"),
        Just("[]"),
        Just("{}"),
        Just("var.u"),
        Just("var.us"),
        Just("var.un"),
        Just("var.ul"),
        Just("var.uo"),
        Just("var.range"),
        Just("var.list"),
        Just("var.set"),
        Just("var.map"),
        Just("var.objects"),
        Just("var.maybe"),
        Just("var.null_list"),
        Just("var.s"),
        Just("var.sl"),
        Just("x"),
        Just("1 / 0"),
        Just("nope(1)"),
    ]
    .prop_map(str::to_owned)
    .boxed();
    if depth == 0 {
        return leaf;
    }
    let e = || expression(depth - 1);
    let op = prop_oneof![
        Just("+"),
        Just("-"),
        Just("*"),
        Just("/"),
        Just("%"),
        Just("=="),
        Just("!="),
        Just("<"),
        Just(">="),
        Just("&&"),
        Just("||"),
    ];
    prop_oneof![
        2 => leaf,
        2 => (e(), op, e()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => (e(), prop_oneof![Just("-"), Just("!")]).prop_map(|(a, op)| format!("{op}({a})")),
        2 => (e(), e(), e()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        2 => (e(), e()).prop_map(|(a, b)| format!("({a})[{b}]")),
        1 => e().prop_map(|a| format!("({a}).a")),
        2 => (e(), prop_oneof![Just(""), Just(".a"), Just("[0]"), Just("[*]")]).prop_map(|(a, s)| format!("({a})[*]{s}")),
        1 => (e(), e()).prop_map(|(a, b)| format!("[{a}, {b}]")),
        1 => (e(), e()).prop_map(|(a, b)| format!("{{ ({a}) = {b}, a = {a} }}")),
        2 => (e(), e(), e()).prop_map(|(a, b, c)| format!("[for x in {a} : {b} if {c}]")),
        2 => (e(), e(), e()).prop_map(|(a, b, c)| format!("{{ for k, x in {a} : {b} => {c} }}")),
        1 => (e(), e()).prop_map(|(a, b)| format!("{{ for x in {a} : x => {b}... }}")),
        2 => (e(), e()).prop_map(|(a, b)| format!("\"a${{{a}}}-${{{b}}}\"")),
        1 => (e(), e()).prop_map(|(a, b)| format!("\"%{{ if {a} }}${{{b}}}%{{ endif }}%{{ for x in {b} }}${{x}}%{{ endfor }}\"")),
    ]
    .boxed()
}

/// Every element of a collection has its element type, everywhere inside.
fn well_formed(value: &Value) -> bool {
    let mut fine = true;
    value.walk(&mut |_, part| {
        fine &= match part.kind() {
            Kind::List(e) | Kind::Set(e) => e.items.iter().all(|item| item.ty().conforms(&e.of)),
            Kind::Map(e) => e.items.iter().all(|(_, item)| item.ty().conforms(&e.of)),
            _ => true,
        };
        fine
    });
    fine
}

proptest! {
    /// Nothing panics, values are well formed, and an evaluation without errors says the same twice.
    #[test]
    fn any_expression_evaluates(text in expression(3)) {
        let (expr, problems) = parse_expr(Text { file: FileId(0), name: "t", text: &text });
        prop_assert!(problems.is_empty(), "{}: {:?}", text, problems);
        let (value, problems) = eval(&expr, &scope());
        prop_assert!(well_formed(&value), "{} gave {:?}", text, value);
        prop_assert_eq!(eval(&expr, &scope()).1, problems);
    }

    /// What is said of the unknown holds once it is known: a refinement never excludes what comes of it.
    #[test]
    fn what_is_said_of_the_unknown_holds(text in expression(3), number in -3..4_i64) {
        let (expr, _) = parse_expr(Text { file: FileId(0), name: "t", text: &text });
        let early = scope();
        let mut late = scope();
        late.0.insert("un", n(number));
        late.0.insert("us", Value::string("s"));
        let ((before, problems), (after, late_problems)) = (eval(&expr, &early), eval(&expr, &late));
        if problems.is_empty() && late_problems.is_empty() {
            match before.kind() {
                Kind::Unknown(u) if !after.is_unknown() => prop_assert!(u.may_become(after.kind()), "{}: {:?} became {:?}", text, before, after),
                Kind::Unknown(_) => {}
                _ if before.is_wholly_known() => prop_assert!(straddle_sdk::value::same_unmarked(&before, &after), "{}: {:?} became {:?}", text, before, after),
                _ => {}
            }
        }
    }
}
