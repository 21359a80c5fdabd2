//! The provider "new": protocol 6 on the current framework.

use super::twin::{Twin, actions};
use serde_json::json;

const EVERYTHING: &str = r#"
provider "new" {
  auth = { token = "t" }
}
resource "new_thing" "t" {
  name     = "t"
  note     = "n"
  ratio    = 0.1
  big      = 12345678901234567890123
  tags     = { a = "b" }
  ports    = [2, 1]
  zones    = ["z"]
  any      = { a = [1, "x", true], b = null }
  pair     = { a = "x", b = 2 }
  password = "p"
  secret   = "qqq"
  one      = { key = "k" }
  many     = [{ key = "m1" }, { key = "m2", value = "v" }]
  some     = [{ key = "s1" }, { key = "s2", more = "x" }]
  by       = { p = { key = "bk" } }
  single {
    key = "sk"
  }
  lists {
    key = "l1"
    deep {
      key = "d1"
    }
    deep {
      key  = "d2"
      more = 3
    }
  }
  sets {
    key = "set1"
  }
  sets {
    key  = "set2"
    more = 4
  }
}
"#;

#[test]
fn the_life_of_a_resource_with_attributes_of_every_kind() {
    let Some(twin) = Twin::new() else { return };
    let changes = twin.step(EVERYTHING);
    assert_eq!(actions(&changes, "new_thing.t"), ["create"]);
    let state = twin.ours.state().to_string();
    assert!(!state.contains("qqq"), "a write-only value is in the state");

    // A change deep inside a set, a dynamic value of another type, a default that comes back.
    let updated = EVERYTHING
        .replace("more = \"x\"", "more = \"y\"")
        .replace("{ a = [1, \"x\", true], b = null }", "[\"now\", \"a\", \"list\"]")
        .replace(", value = \"v\"", "")
        .replace("key = \"set1\"", "key = \"set3\"");
    assert_eq!(actions(&twin.step(&updated), "new_thing.t"), ["update"]);

    let bare = "resource \"new_thing\" \"t\" {\n  name = \"t\"\n  on   = false\n}\n";
    assert_eq!(actions(&twin.step(bare), "new_thing.t"), ["update"]);
    let changes = twin.step(&bare.replace("\"t\"\n", "\"u\"\n"));
    assert_eq!(actions(&changes, "new_thing.t"), ["delete", "create"]);
    assert_eq!(changes["new_thing.t"]["replace_paths"], json!([["name"]]));
    // The provider's own wish, which depends on the value.
    let changes = twin.step(&bare.replace("\"t\"\n", "\"u\"\n  level = \"replace\"\n"));
    assert_eq!(actions(&changes, "new_thing.t"), ["delete", "create"]);
    twin.step("");
}

#[test]
fn values_not_known_while_planning() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
resource "new_thing" "a" {
  name = "a"
}
resource "new_thing" "b" {
  name  = "b"
  note  = new_thing.a.id
  any   = new_thing.a.stamp
  tags  = { k = new_thing.a.id }
  ports = [new_thing.a.size]
  zones = [new_thing.a.id]
  one   = { key = new_thing.a.id }
  many  = [for id in [new_thing.a.id] : { key = id }]
  some  = [{ key = new_thing.a.id }, { key = "s" }]
  by    = { x = { key = new_thing.a.id } }
  lists {
    key = new_thing.a.id
    deep {
      key = new_thing.a.stamp
    }
  }
  dynamic "sets" {
    for_each = [new_thing.a.id]
    content {
      key = sets.value
    }
  }
}
"#;
    twin.step(config);
}

#[test]
fn drift_and_loss_are_seen() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"new_thing\" \"t\" {\n  name = \"t\"\n  note = \"n\"\n}\n";
    twin.step(config);
    twin.sides().for_each(|side| side.edit("thing-t-1", "note", json!("spoiled")));
    let changes = twin.step(config);
    assert_eq!(actions(&changes, "new_thing.t"), ["update"]);
    twin.sides().for_each(|side| std::fs::remove_file(side.object("thing-t-1")).unwrap());
    assert_eq!(actions(&twin.step(config), "new_thing.t"), ["create"]);
}

#[test]
fn create_before_destroy_and_forced_replacement() {
    let Some(twin) = Twin::new() else { return };
    let config =
        "resource \"new_thing\" \"t\" {\n  name = \"a\"\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n";
    twin.step(config);
    let changes = twin.step(&config.replace("\"a\"", "\"b\""));
    assert_eq!(actions(&changes, "new_thing.t"), ["create", "delete"]);
    let changes = twin.plan(&["-replace=new_thing.t"]);
    assert_eq!(actions(&changes, "new_thing.t"), ["create", "delete"]);
    twin.apply();
}

#[test]
fn ignored_changes_stay_as_they_are() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"new_thing\" \"t\" {\n  name = \"a\"\n  note = \"n\"\n  tags = { a = \"1\" }\n  lifecycle {\n    ignore_changes = [note, tags[\"a\"]]\n  }\n}\n";
    twin.step(config);
    let changes = twin.step(&config.replace("\"n\"", "\"m\"").replace("\"1\"", "\"2\""));
    assert_eq!(actions(&changes, "new_thing.t"), ["no-op"]);
}

#[test]
fn objects_of_older_schemas_are_upgraded() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"new_heir\" \"h\" {\n  name = \"h\"\n}\n";
    twin.step(config);
    for side in twin.sides() {
        let mut state = side.state();
        let instance = &mut state["resources"][0]["instances"][0];
        instance["schema_version"] = json!(1);
        instance["attributes"] = json!({"id": "heir-h-1", "title": "h"});
        state["serial"] = json!(state["serial"].as_u64().unwrap() + 1);
        side.push(&state);
    }
    let changes = twin.plan(&[]);
    assert_eq!(actions(&changes, "new_heir.h"), ["no-op"]);
    assert_eq!(changes["new_heir.h"]["after"]["from"], json!("version 1"));
}

#[test]
fn a_change_made_in_part_is_remembered_and_replaced() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"new_thing\" \"h\" {\n  name = \"half\"\n}\n";
    twin.write(config);
    for side in twin.sides() {
        let said = side.run(&["apply", "-input=false", "-auto-approve"]);
        assert!(said.code != 0 && said.all.contains("Made in part"), "{}", said.all);
    }
    twin.same_state();
    let changes = twin.step(&config.replace("half", "whole"));
    assert_eq!(actions(&changes, "new_thing.h"), ["delete", "create"]);
}

#[test]
fn mistakes_are_told_in_the_words_of_the_provider() {
    let Some(twin) = Twin::new() else { return };
    let plan: &[&str] = &["plan", "-input=false"];
    twin.write("resource \"new_thing\" \"t\" {\n  name = \"t\"\n  many = [{ key = \"k\", more = \"ok\" }, { key = \"l\", more = \"bad\" }]\n}\n");
    twin.refused(plan, &["Bad more", "More must not be bad."]);
    twin.write("provider \"new\" {\n  region = \"nowhere\"\n}\nresource \"new_thing\" \"t\" {\n  name = \"t\"\n}\n");
    twin.refused(plan, &["No such region"]);
    twin.write("resource \"new_known\" \"k\" {\n  name = \"later\"\n}\n");
    twin.refused(plan, &["Not yet", "What it needs is not there yet."]);
    twin.write("resource \"new_thing\" \"t\" {\n  name = \"refused\"\n}\n");
    twin.refused(&["apply", "-input=false", "-auto-approve"], &["Refused", "No thing of that name."]);
}

#[test]
fn a_warning_of_a_planned_deletion_is_passed_on() {
    let Some(twin) = Twin::new() else { return };
    twin.step("resource \"new_thing\" \"t\" {\n  name = \"t\"\n}\n");
    twin.write("");
    for side in twin.sides() {
        let said = side.well(&["plan", "-input=false"]);
        assert!(said.all.contains("It will be gone."), "{}", said.all);
    }
}

#[test]
fn dynamic_values_go_through_data_sources() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
data "new_echo" "e" {
  value = { a = 1, b = [true, null], c = { d = "x" } }
}
resource "new_thing" "t" {
  name = data.new_echo.e.region
  any  = data.new_echo.e.result
}
"#;
    let changes = twin.step(config);
    assert_eq!(changes["new_thing.t"]["after"]["any"], json!({"a": 1, "b": [true, null], "c": {"d": "x"}}));
}

#[test]
fn functions_of_providers_are_called_while_planning() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
resource "new_thing" "t" {
  name = provider::new::join("-", "a", "b")
  note = provider::new::describe(null).text
  on   = provider::new::even(4)
  tags = { s = provider::new::join("/", new_thing.u.id, "x") }
}
resource "new_thing" "u" {
  name = "u"
}
"#;
    let changes = twin.step(config);
    assert_eq!(changes["new_thing.t"]["after"]["name"], json!("a-b"));
    assert_eq!(changes["new_thing.t"]["after"]["on"], json!(true));
    let plan: &[&str] = &["plan", "-input=false"];
    let refused = |call: &str, words: &[&str]| {
        twin.write(&format!("resource \"new_thing\" \"t\" {{\n  name = {call}\n}}\n"));
        twin.refused(plan, words);
    };
    refused("provider::new::join(\"-\", \"\")", &["Invalid value for \"words\" parameter: no word may be empty."]);
    refused(
        "provider::new::even(-1)",
        &["Call to function \"provider::new::even\" failed: negative numbers are odd company."],
    );
    refused("provider::new::even(null)", &["Invalid value for \"number\" parameter: argument must not be null."]);
    refused(
        "provider::new::even()",
        &["Not enough function arguments", "expects 1 argument(s). Missing value for \"number\"."],
    );
    refused("provider::new::even(1, 2)", &["Too many function arguments"]);
    refused("provider::new::none(1)", &["The function \"none\" is not available from the provider \"new\"."]);
    refused("provider::far::none(1)", &["There is no function named \"provider::far::none\"."]);
}

#[test]
fn an_object_of_another_provider_is_taken_over_by_a_moved_block() {
    let Some(twin) = Twin::new() else { return };
    twin.step("resource \"old_server\" \"a\" {\n  name = \"a\"\n}\n");
    let config =
        "resource \"new_heir\" \"h\" {\n  name = \"a\"\n}\nmoved {\n  from = old_server.a\n  to   = new_heir.h\n}\n";
    twin.write(config);
    let changes = twin.plan(&[]);
    assert_eq!(actions(&changes, "new_heir.h"), ["no-op"]);
    assert_eq!(changes["new_heir.h"]["previous_address"], json!("old_server.a"));
    assert_eq!(changes["new_heir.h"]["after"]["from"], json!("registry.terraform.io/interop/old old_server"));
    // One that the provider does not take over is not replaced in silence.
    twin.write(&config.replace("new_heir", "new_known"));
    let said = twin.ours.run(&["plan", "-input=false"]);
    assert_eq!(said.code, 1, "{}", said.all);
}
