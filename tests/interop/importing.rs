//! Existing objects under every kind of address: counted, keyed, inside modules; by command and by block; and moved in the state.

use super::twin::{Side, Twin, actions};

const MODULE: &str = "terraform {\n  required_providers {\n    new = { source = \"interop/new\" }\n    old = { source = \"interop/old\" }\n  }\n}\nvariable \"tag\" {\n}\nresource \"new_thing\" \"t\" {\n  for_each = toset([\"a\", \"b\"])\n  name     = \"${var.tag}${each.key}\"\n}\nresource \"old_server\" \"s\" {\n  count = 2\n  name  = \"${var.tag}s${count.index}\"\n}\n";
const ROOT: &str = "module \"m\" {\n  source   = \"./inner\"\n  for_each = toset([\"x\", \"y\"])\n  tag      = each.key\n}\nresource \"new_thing\" \"c\" {\n  count = 2\n  name  = \"c${count.index}\"\n}\nresource \"old_server\" \"k\" {\n  for_each = { one = \"k1\", two = \"k2\" }\n  name     = each.value\n}\n";

fn twin() -> Option<Twin> {
    let twin = Twin::new()?;
    for side in twin.sides() {
        std::fs::create_dir(side.path("inner")).unwrap();
        std::fs::write(side.path("inner/main.tf"), MODULE).unwrap();
    }
    Some(twin)
}

fn root(twin: &Twin, more: &str) {
    twin.write(&format!("{ROOT}{more}"));
    twin.sides().for_each(|side| {
        side.run(&["get"]);
    });
}

/// Puts an object there that nobody manages.
fn thing(side: &Side, name: &str) {
    std::fs::write(side.object(&format!("thing-{name}-1")), "{\"note\":\"\",\"secret\":\"\",\"turn\":1}").unwrap();
}

fn server(side: &Side, name: &str) {
    let text = format!("{{\"name\":\"{name}\",\"size\":1,\"running\":true,\"revision\":1}}");
    std::fs::write(side.object(&format!("server-{name}-1")), text).unwrap();
}

#[test]
fn by_command_under_every_kind_of_address() {
    let Some(twin) = twin() else { return };
    root(&twin, "");
    for side in twin.sides() {
        thing(side, "c1");
        thing(side, "ya");
        server(side, "k2");
        server(side, "xs1");
        for (address, id) in [
            ("new_thing.c[1]", "thing-c1-1"),
            ("old_server.k[\"two\"]", "server-k2-1"),
            ("module.m[\"y\"].new_thing.t[\"a\"]", "thing-ya-1"),
            ("module.m[\"x\"].old_server.s[1]", "server-xs1-1"),
        ] {
            side.well(&["import", "-input=false", address, id]);
        }
    }
    twin.same_state();
    let changes = twin.plan(&[]);
    assert_eq!(actions(&changes, "module.m[\"y\"].new_thing.t[\"a\"]"), ["no-op"]);
    assert_eq!(actions(&changes, "module.m[\"x\"].new_thing.t[\"a\"]"), ["create"]);
    twin.sides().for_each(|side| {
        side.apply();
    });
    twin.same_state();
    twin.apply_nothing();
}

#[test]
fn a_command_that_cannot_be_done_changes_nothing() {
    let Some(twin) = twin() else { return };
    root(&twin, "");
    for side in twin.sides() {
        thing(side, "c1");
        side.well(&["import", "-input=false", "new_thing.c[1]", "thing-c1-1"]);
    }
    twin.refused(&["import", "-input=false", "new_thing.c[1]", "thing-c1-1"], &["already managed"]);
    twin.refused(&["import", "-input=false", "new_thing.none", "thing-c1-1"], &["does not exist in the configuration"]);
    twin.refused(
        &["import", "-input=false", "new_thing.c[0]", "thing-gone-1"],
        &["Cannot import non-existent remote object"],
    );
    twin.refused(
        &["import", "-input=false", "new_thing.c[0]", "nothing"],
        &["No such thing", "An id begins with thing-."],
    );
    twin.same_state();
}

#[test]
fn by_blocks_under_every_kind_of_address() {
    let Some(twin) = twin() else { return };
    let blocks = r#"
locals {
  there = { a = "thing-xa-1", b = "thing-xb-1" }
  keys  = ["one", "two"]
}
import {
  for_each = local.there
  to       = module.m["x"].new_thing.t[each.key]
  id       = each.value
}
import {
  for_each = { first = 0, second = 1 }
  to       = module.m["y"].old_server.s[each.value]
  id       = "server-ys${each.value}-1"
}
import {
  to = new_thing.c[0]
  id = join("-", ["thing", "c0", "1"])
}
import {
  for_each = { for i, key in local.keys : key => i + 1 }
  to       = old_server.k[each.key]
  id       = "server-k${each.value}-1"
}
"#;
    root(&twin, blocks);
    for side in twin.sides() {
        ["xa", "xb", "c0"].iter().for_each(|name| thing(side, name));
        ["ys0", "ys1", "k1", "k2"].iter().for_each(|name| server(side, name));
    }
    let changes = twin.plan(&[]);
    assert_eq!(changes["module.m[\"x\"].new_thing.t[\"b\"]"]["importing"], "thing-xb-1");
    assert_eq!(changes["module.m[\"y\"].old_server.s[1]"]["importing"], "server-ys1-1");
    twin.sides().for_each(|side| {
        side.apply();
    });
    twin.same_state();
    twin.apply_nothing();
}

#[test]
fn the_keys_of_a_target_are_made_of_what_the_block_is_repeated_for() {
    let Some(twin) = twin() else { return };
    let block = |key: &str| {
        format!(
            "import {{\n  for_each = {{ first = 0 }}\n  to       = new_thing.c[{key}]\n  id       = \"thing-c0-1\"\n}}\n"
        )
    };
    let plan: &[&str] = &["plan", "-input=false"];
    root(&twin, &block("tonumber(each.value)"));
    twin.refused(plan, &["Function calls not allowed"]);
    root(&twin, &block("local.zero"));
    twin.refused(plan, &["\"each.key\" and \"each.value\" can be used in import address index expressions."]);
}

#[test]
fn an_imported_object_that_differs_is_changed_at_once() {
    let Some(twin) = twin() else { return };
    let config = "resource \"new_thing\" \"t\" {\n  name = \"t\"\n  note = \"wanted\"\n}\nimport {\n  to = new_thing.t\n  id = \"thing-t-1\"\n}\n";
    twin.write(config);
    twin.sides().for_each(|side| thing(side, "t"));
    assert_eq!(actions(&twin.plan(&[]), "new_thing.t"), ["update"]);
    twin.apply();
    // One that must be replaced is imported, and replaced.
    let config = "resource \"new_thing\" \"u\" {\n  name = \"other\"\n}\nimport {\n  to = new_thing.u\n  id = \"thing-u-1\"\n}\n";
    twin.write(config);
    twin.sides().for_each(|side| thing(side, "u"));
    let changes = twin.plan(&[]);
    assert_eq!(actions(&changes, "new_thing.u"), ["delete", "create"]);
    twin.apply();
}

#[test]
fn objects_are_moved_between_modules_in_the_state() {
    let Some(twin) = twin() else { return };
    root(&twin, "");
    twin.plan(&[]);
    twin.apply();
    for side in twin.sides() {
        side.well(&["state", "mv", "new_thing.c[0]", "module.m[\"x\"].new_thing.moved"]);
        side.well(&["state", "mv", "module.m[\"y\"].new_thing.t[\"a\"]", "new_thing.out"]);
        side.well(&["state", "mv", "module.m[\"x\"]", "module.n"]);
        side.well(&["state", "mv", "old_server.k", "old_server.l"]);
    }
    twin.same_state();
    for side in twin.sides() {
        side.well(&["state", "mv", "module.n", "module.m[\"x\"]"]);
        side.well(&["state", "mv", "new_thing.out", "module.m[\"y\"].new_thing.t[\"a\"]"]);
        side.well(&["state", "mv", "old_server.l", "old_server.k"]);
        side.well(&["state", "mv", "module.m[\"x\"].new_thing.moved", "new_thing.c[0]"]);
    }
    twin.same_state();
    twin.apply_nothing();
    twin.refused(&["state", "mv", "new_thing.c[0]", "new_thing.c[1]"], &["new_thing.c[1]"]);
    twin.refused(&["state", "mv", "new_thing.none", "new_thing.other"], &["new_thing.none"]);
    twin.refused(&["state", "mv", "new_thing.c[0]", "old_server.x"], &["old_server.x"]);
    twin.same_state();
}
