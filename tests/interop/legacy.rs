//! The provider "old": protocol 5 and the legacy type system.

use super::twin::{Twin, actions};
use serde_json::json;

const EVERYTHING: &str = r#"
provider "old" {
  token = "t"
  endpoint {
    url = "http://x"
  }
}
resource "old_server" "a" {
  name     = "a"
  weight   = 1.5
  tags     = { x = "1", y = "2" }
  ports    = [3, 2, 1]
  zones    = ["z1", "z2"]
  password = "p"
  disk {
    size = 10
  }
  disk {
    size = 20
    kind = "hdd"
  }
  rule {
    port = 80
  }
  rule {
    port  = 22
    cidrs = ["10.0.0.0/8"]
  }
  options {
    boot {
      order = 1
    }
  }
  peer {
    host = "h"
  }
  secret         = "sss"
  secret_version = 1
  timeouts {
    create = "5m"
  }
}
"#;

#[test]
fn the_life_of_a_resource_with_blocks_of_every_kind() {
    let Some(twin) = Twin::new() else { return };
    let changes = twin.step(EVERYTHING);
    assert_eq!(actions(&changes, "old_server.a"), ["create"]);
    let state = twin.ours.state().to_string();
    assert!(!state.contains("sss"), "a write-only value is in the state");

    let updated =
        EVERYTHING.replace("size = 10", "size = 11").replace("[3, 2, 1]", "[1, 4]").replace("port = 80", "port = 81");
    let changes = twin.step(&updated);
    assert_eq!(actions(&changes, "old_server.a"), ["update"]);

    // Blocks that are gone, an attribute written as an attribute that was written as a block.
    let fewer = r#"
resource "old_server" "a" {
  name     = "a"
  size     = 2
  zones    = ["z1", "z2"]
  peer     = [{ host = "i", port = null }]
  running  = false
}
"#;
    assert_eq!(actions(&twin.step(fewer), "old_server.a"), ["update"]);
    let changes = twin.step(&fewer.replace("\"z2\"", "\"z3\""));
    assert_eq!(actions(&changes, "old_server.a"), ["delete", "create"]);
    assert_eq!(changes["old_server.a"]["replace_paths"], json!([["zones"]]));
    // Of an object that is to go plans show what was known of it, not what has just been read.
    assert_eq!(actions(&twin.step(""), "old_server.a"), ["delete"]);
    assert!(twin.ours.objects().is_empty());
}

#[test]
fn values_not_known_while_planning() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
resource "old_server" "a" {
  name = "a"
}
resource "old_server" "b" {
  name  = "b"
  label = old_server.a.address
  tags  = { (old_server.a.name) = old_server.a.id }
  ports = [old_server.a.revision, 7]
  dynamic "disk" {
    for_each = [old_server.a.revision]
    content {
      size = disk.value
      kind = old_server.a.label
    }
  }
  rule {
    port = old_server.a.revision
  }
}
"#;
    let changes = twin.step(config);
    assert_eq!(actions(&changes, "old_server.b"), ["create"]);
}

#[test]
fn what_the_legacy_type_system_lets_pass_is_no_error() {
    let Some(twin) = Twin::new() else { return };
    // An attribute that nobody configured and the provider sets all the same: taken as it is, and planned away again.
    let config = "resource \"old_sloppy\" \"s\" {\n  name = \"UPPER\"\n  note = \" x \"\n}\n";
    assert_eq!(actions(&twin.unsettled(config), "old_sloppy.s"), ["create"]);
    assert_eq!(actions(&twin.plan(&[]), "old_sloppy.s"), ["update"]);
    // A difference that is none, and a value that is stored in another form.
    let config = config.replace("note", "color = \"grey\"\n  note");
    let changes = twin.step(&config.replace("\" x \"", "\"x\"").replace("UPPER", "Upper"));
    assert_eq!(actions(&changes, "old_sloppy.s"), ["no-op"]);
    let changes = twin.step(&config.replace("\" x \"", "\"y\""));
    assert_eq!(actions(&changes, "old_sloppy.s"), ["update"]);
    let more = config.replace("note", "part {\n    key = \"k\"\n  }\n  items = []\n  note");
    twin.step(&more);
    twin.step("");
}

#[test]
fn drift_is_seen_and_undone() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"old_server\" \"a\" {\n  name = \"a\"\n  size = 2\n}\nresource \"old_server\" \"b\" {\n  name = \"b\"\n}\n";
    twin.step(config);
    for side in twin.sides() {
        side.edit("server-a-1", "size", json!(9));
        std::fs::remove_file(side.object("server-b-1")).unwrap();
    }
    let changes = twin.step(config);
    assert_eq!(actions(&changes, "old_server.a"), ["update"]);
    assert_eq!(actions(&changes, "old_server.b"), ["create"]);
    assert_eq!(changes["old_server.a"]["before"]["size"], json!(9));
}

#[test]
fn objects_of_older_schemas_are_upgraded() {
    let Some(twin) = Twin::new() else { return };
    twin.step("resource \"old_server\" \"a\" {\n  name = \"a\"\n}\n");
    for side in twin.sides() {
        for (version, attributes) in [
            (0, json!({"id": "server-a-1", "title": "legacy-a"})),
            (1, json!({"id": "server-a-1", "name": "legacy-a"})),
        ] {
            let mut state = side.state();
            let instance = &mut state["resources"][0]["instances"][0];
            instance["schema_version"] = json!(version);
            instance["attributes"] = attributes;
            state["serial"] = json!(state["serial"].as_u64().unwrap() + 10);
            side.push(&state);
            let again = side.run(&["plan", "-input=false", "-detailed-exitcode"]);
            assert_eq!(again.code, 0, "version {version}: {}", again.all);
        }
    }
    let changes = twin.plan(&[]);
    assert_eq!(actions(&changes, "old_server.a"), ["no-op"]);
}

#[test]
fn a_newer_schema_version_than_the_provider_knows_is_refused() {
    let Some(twin) = Twin::new() else { return };
    twin.step("resource \"old_server\" \"a\" {\n  name = \"a\"\n}\n");
    for side in twin.sides() {
        let mut state = side.state();
        state["resources"][0]["instances"][0]["schema_version"] = json!(9);
        state["serial"] = json!(state["serial"].as_u64().unwrap() + 1);
        side.push(&state);
        let said = side.run(&["plan", "-input=false"]);
        assert_eq!(said.code, 1, "{}", said.all);
    }
}

#[test]
fn a_change_made_in_part_is_remembered_and_replaced() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"old_server\" \"h\" {\n  name = \"half\"\n}\n";
    twin.write(config);
    for side in twin.sides() {
        let said = side.run(&["apply", "-input=false", "-auto-approve"]);
        assert!(said.code != 0 && said.all.contains("Made in part"), "{}", said.all);
    }
    twin.same_state();
    assert_eq!(twin.ours.state()["resources"][0]["instances"][0]["status"], "tainted");
    let changes = twin.step(&config.replace("half", "whole"));
    assert_eq!(actions(&changes, "old_server.h"), ["delete", "create"]);
}

#[test]
fn mistakes_are_told_in_the_words_of_the_provider() {
    let Some(twin) = Twin::new() else { return };
    let plan: &[&str] = &["plan", "-input=false"];
    twin.write("resource \"old_server\" \"a\" {\n  name = \"a name that is much too long\"\n}\n");
    twin.refused(plan, &["expected length of name to be in the range (1 - 20)"]);
    twin.write("resource \"old_server\" \"a\" {\n  name = \"a\"\n  left = \"x\"\n  right = \"y\"\n}\n");
    twin.refused(plan, &["Conflicting configuration arguments", "\"left\": conflicts with right"]);
    twin.write("resource \"old_server\" \"a\" {\n  name = \"a\"\n  disk {}\n}\n");
    twin.refused(plan, &["Missing required argument", "The argument \"size\" is required"]);
    let disk = "  disk {\n    size = 1\n  }\n";
    twin.write(&format!("resource \"old_server\" \"a\" {{\n  name = \"a\"\n{}}}\n", disk.repeat(4)));
    twin.refused(plan, &["Too many disk blocks", "No more than 3 \"disk\" blocks are allowed"]);
    twin.write("provider \"old\" {\n  region = \"nowhere\"\n}\nresource \"old_server\" \"a\" {\n  name = \"a\"\n}\n");
    twin.refused(plan, &["No such region", "The region \"nowhere\" does not exist."]);
    twin.write("data \"old_lookup\" \"a\" {\n  name = \"missing\"\n}\n");
    twin.refused(plan, &["Nothing found", "There is nothing of that name."]);
    twin.write("resource \"old_server\" \"a\" {\n  name = \"refused\"\n}\n");
    twin.refused(&["apply", "-input=false", "-auto-approve"], &["no room for \"refused\""]);
}

#[test]
fn an_attribute_that_is_deprecated_is_warned_of() {
    let Some(twin) = Twin::new() else { return };
    twin.write("resource \"old_server\" \"a\" {\n  name     = \"a\"\n  old_name = \"x\"\n}\n");
    for side in twin.sides() {
        let said = side.well(&["plan", "-input=false"]);
        assert!(said.all.contains("Argument is deprecated") && said.all.contains("Use name instead."), "{}", said.all);
    }
}

#[test]
fn data_sources_are_read_while_planning() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
data "old_lookup" "l" {
  name = "n"
}
resource "old_server" "a" {
  name  = "a"
  zones = data.old_lookup.l.zones
  label = data.old_lookup.l.match[0].id
}
"#;
    let changes = twin.step(config);
    assert_eq!(changes["old_server.a"]["after"]["zones"], json!(["a", "b"]));
    assert_eq!(changes["old_server.a"]["after"]["label"], json!("m-n"));
}
