//! Random configurations, step by step, on both sides: after each step the same plan, the same state, the same objects, and nothing
//! left to do. `INTEROP_CASES` draws more of them, `INTEROP_SEED` other ones.

use super::twin::Twin;
use serde_json::json;
use std::fmt::Write as _;

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn happens(&mut self, of_ten: u64) -> bool {
        self.below(10) < of_ten
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Values by the name of the argument; several, so that steps differ.
const THING: &[(&str, &[&str])] = &[
    ("note", &["\"n\"", "\"m\"", "null", "\"${local.other}\"", "upper(\"x\")"]),
    ("size", &["1", "7", "null", "local.n"]),
    ("ratio", &["0.1", "2.5", "null"]),
    ("big", &["12345678901234567890123", "-1", "null"]),
    ("on", &["true", "false", "null"]),
    ("level", &["\"low\"", "\"high\"", "null"]),
    ("tags", &["{ a = \"1\" }", "{ a = \"2\", b = \"3\" }", "{}", "null", "{ (local.other) = \"x\" }"]),
    ("ports", &["[2, 1]", "[3]", "[]", "null", "toset([1, 1])"]),
    ("zones", &["[\"z\"]", "[\"y\", \"z\"]", "[]", "null"]),
    ("any", &["{ a = [1, \"x\", true], b = null }", "[\"now\"]", "\"text\"", "null", "{ n = local.n }"]),
    ("pair", &["{ a = \"x\", b = 2 }", "{ a = null, b = null }", "null"]),
    ("password", &["\"p\"", "\"q\"", "null", "sensitive(\"s\")"]),
    ("secret", &["\"zzz\"", "null"]),
    ("one", &["{ key = \"k\" }", "{ key = \"k\", value = \"v\" }", "null", "{ key = local.other, more = \"m\" }"]),
    ("many", &["[{ key = \"m1\" }, { key = \"m2\", value = \"v\" }]", "[{ key = \"m2\" }]", "[]", "null"]),
    ("some", &["[{ key = \"s1\" }, { key = \"s2\", more = \"x\" }]", "[{ key = \"s2\", more = \"y\" }]", "[]", "null"]),
    ("by", &["{ p = { key = \"bk\" } }", "{ p = { key = \"bl\", value = \"w\" }, q = { key = \"c\" } }", "{}", "null"]),
];
const THING_BLOCKS: &[&str] = &[
    "single {\n    key = \"sk\"\n  }",
    "lists {\n    key = \"l1\"\n    deep {\n      key = \"d1\"\n    }\n    deep {\n      key  = \"d2\"\n      more = 3\n    }\n  }",
    "lists {\n    key  = \"l2\"\n    more = 1\n  }",
    "sets {\n    key = \"set1\"\n  }",
    "sets {\n    key  = \"set2\"\n    more = local.n\n  }",
    "dynamic \"sets\" {\n    for_each = [\"d1\", \"d2\"]\n    content {\n      key = sets.value\n    }\n  }",
];
const SERVER: &[(&str, &[&str])] = &[
    ("size", &["2", "9", "null", "local.n"]),
    ("weight", &["1.5", "0", "null"]),
    ("running", &["true", "false", "null"]),
    ("label", &["\"l\"", "\"k\"", "null"]),
    ("tags", &["{ x = \"1\" }", "{ x = \"2\", y = \"3\" }", "{}", "null"]),
    ("ports", &["[3, 2, 1]", "[4]", "[]", "null"]),
    ("zones", &["[\"z1\"]", "[\"z1\", \"z2\"]", "null"]),
    ("password", &["\"p\"", "\"q\"", "null"]),
];
const SERVER_BLOCKS: &[&str] = &[
    "disk {\n    size = 10\n  }",
    "disk {\n    size = 20\n    kind = \"hdd\"\n  }",
    "rule {\n    port = 80\n  }",
    "rule {\n    port  = local.n\n    cidrs = [\"10.0.0.0/8\"]\n  }",
    "options {\n    boot {\n      order = 1\n    }\n  }",
    "timeouts {\n    create = \"5m\"\n  }",
];

/// The arguments and blocks of one resource.
fn body(dice: &mut Dice, arguments: &[(&str, &[&str])], blocks: &[&str]) -> String {
    let mut out = String::new();
    for (name, values) in arguments {
        if dice.happens(4) {
            let _ = writeln!(out, "  {name} = {}", dice.one(values));
        }
    }
    for block in blocks {
        if dice.happens(3) {
            let _ = writeln!(out, "  {block}");
        }
    }
    out
}

/// How a resource is repeated: the meta-arguments, and its name in the provider.
fn repeated(dice: &mut Dice, name: &str) -> (String, String) {
    match dice.below(5) {
        0 => (format!("  count = {}\n", 1 + dice.below(2)), format!("\"{name}${{count.index}}\"")),
        1 => {
            let keys = dice.one(&["[\"a\"]", "[\"a\", \"b\"]", "[\"b\"]"]);
            (format!("  for_each = toset({keys})\n"), format!("\"{name}-${{each.key}}\""))
        }
        _ => (String::new(), format!("\"{name}\"")),
    }
}

fn lifecycle(dice: &mut Dice) -> &'static str {
    match dice.below(8) {
        0 => "  lifecycle {\n    create_before_destroy = true\n  }\n",
        1 => "  lifecycle {\n    ignore_changes = [tags]\n  }\n",
        _ => "",
    }
}

/// A configuration; with the same dice another one the next time.
fn config(dice: &mut Dice) -> String {
    let mut out =
        format!("locals {{\n  other = \"{}\"\n  n     = {}\n}}\n", dice.one(&["o", "p"]), dice.one(&["4", "5"]));
    for (name, ty, arguments, blocks) in [
        ("t", "new_thing", THING, THING_BLOCKS),
        ("u", "new_thing", THING, THING_BLOCKS),
        ("s", "old_server", SERVER, SERVER_BLOCKS),
        ("k", "new_known", &[], &[]),
    ] {
        if dice.happens(1) {
            continue;
        }
        let (meta, label) = repeated(dice, name);
        let label = if dice.happens(1) { label.replacen(name, "renamed", 1) } else { label };
        let life = if ty == "new_known" { "" } else { lifecycle(dice) };
        let _ = write!(
            out,
            "resource \"{ty}\" \"{name}\" {{\n{meta}  name = {label}\n{}{life}}}\n",
            body(dice, arguments, blocks)
        );
    }
    // What is made from others, known or not.
    let _ = writeln!(
        out,
        "resource \"new_thing\" \"w\" {{\n  name = \"w\"\n  note = {}\n  zones = {}\n}}",
        dice.one(&["join(\",\", [for x in flatten([new_thing.q]) : x.id])", "new_thing.q.stamp", "\"constant\""]),
        dice.one(&["[new_thing.q.id]", "sort([for k, v in { (new_thing.q.name) = 1 } : k])", "null"]),
    );
    let _ = writeln!(out, "resource \"new_thing\" \"q\" {{\n  name = \"q\"\n{}}}", body(dice, &THING[..4], &[]));
    out
}

#[test]
fn random_steps_end_the_same_on_both_sides() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (cases, seed) = (number("INTEROP_CASES", 3), number("INTEROP_SEED", 1));
    for case in seed..seed + cases {
        let Some(twin) = Twin::new() else { return };
        // With nothing to compare with, the stories elsewhere say more.
        if twin.theirs.is_none() {
            return;
        }
        let mut dice = Dice(case.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for step in 0..4 {
            let text = config(&mut dice);
            println!("case {case}, step {step}:\n{text}");
            if step > 0 && dice.happens(4) {
                let ids = twin.ours.objects();
                let things: Vec<&String> = ids.iter().filter(|id| id.starts_with("thing-")).collect();
                if let Some(id) = things.get(dice.below(things.len().max(1) as u64) as usize) {
                    let id = id.trim_end_matches(".json");
                    let gone = dice.happens(3);
                    println!("{id} is {}", if gone { "gone" } else { "spoiled" });
                    for side in twin.sides() {
                        match gone {
                            true => std::fs::remove_file(side.object(id)).unwrap(),
                            false => side.edit(id, "note", json!("spoiled")),
                        }
                    }
                }
            }
            twin.step(&text);
        }
        twin.step("");
    }
}
