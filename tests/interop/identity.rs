//! What providers know objects by: kept, handed back, brought up to date, written in import blocks.

use super::twin::{Side, Twin, actions};
use serde_json::{Value, json};

/// Both kinds of provider, by the type of the resource and how its ids begin.
const KINDS: [(&str, &str); 2] = [("new_known", "known"), ("old_known", "oldknown")];

fn config(ty: &str, rest: &str) -> String {
    format!("resource \"{ty}\" \"a\" {{\n  {rest}\n}}\n")
}

fn identity(side: &Side) -> Value {
    side.state()["resources"][0]["instances"][0].clone()
}

#[test]
fn an_identity_goes_with_its_object_from_creation_to_its_end() {
    for (ty, kind) in KINDS {
        let Some(twin) = Twin::with_identities() else { return };
        let changes = twin.step(&config(ty, "name = \"a\""));
        assert!(changes[&format!("{ty}.a")].get("after_identity").is_none(), "{changes:?}");
        let there = identity(&twin.ours);
        assert_eq!(there["identity"], json!({"id": format!("{kind}-a-1"), "region": "seoul"}));
        assert_eq!(there["identity_schema_version"], json!(1));
        let shown: Value = serde_json::from_str(&twin.ours.well(&["show", "-json"]).out).unwrap();
        let resource = &shown["values"]["root_module"]["resources"][0];
        assert_eq!(resource["identity"], there["identity"]);
        assert_eq!(resource["identity_schema_version"], json!(1));

        let changes = twin.step(&config(ty, "name = \"b\""));
        let change = &changes[&format!("{ty}.a")];
        assert_eq!((&change["before_identity"], &change["after_identity"]), (&there["identity"], &there["identity"]));

        let changes = twin.step(&config(ty, "name = \"b\"\n  zone = \"z\""));
        let change = &changes[&format!("{ty}.a")];
        assert_eq!(actions(&changes, &format!("{ty}.a")), ["delete", "create"]);
        assert_eq!(change["before_identity"], there["identity"]);
        assert_ne!(identity(&twin.ours)["identity"], there["identity"]);
        twin.step("");
    }
}

#[test]
fn an_object_is_imported_by_what_its_provider_knows_it_by() {
    for (ty, kind) in KINDS {
        let Some(twin) = Twin::with_identities() else { return };
        for side in twin.sides() {
            std::fs::write(side.object(&format!("{kind}-x-1")), "{\"name\":\"x\"}").unwrap();
        }
        let block = |identity: &str| {
            format!("import {{\n  to = {ty}.a\n  identity = {identity}\n}}\n{}", config(ty, "name = \"x\""))
        };
        let changes = twin.step(&block(&format!("{{ id = \"{kind}-x-1\" }}")));
        let change = &changes[&format!("{ty}.a")];
        assert_eq!(change["importing"], json!({"id": format!("{kind}-x-1"), "region": "seoul"}), "{change}");
        assert_eq!(identity(&twin.ours)["identity"], change["importing"]);
        // Done once, the block does nothing more.
        twin.step(&block(&format!("{{ id = \"{kind}-x-1\" }}")));
    }
}

#[test]
fn an_identity_that_is_none_is_refused() {
    let Some(twin) = Twin::with_identities() else { return };
    let plan: &[&str] = &["plan", "-input=false"];
    let written = |identity: &str| {
        let import = format!("import {{\n  to = new_known.a\n  identity = {identity}\n}}\n");
        twin.write(&format!("{import}{}", config("new_known", "name = \"x\"")));
    };
    written("{ region = \"seoul\" }");
    twin.refused(plan, &["attribute \"id\""]);
    written("null");
    twin.refused(plan, &["Invalid import identity argument", "cannot be null"]);
    written("{ id = \"gone\" }");
    twin.refused(plan, &["Cannot import non-existent remote object"]);
    // One of a type that has none.
    twin.write("import {\n  to = new_thing.a\n  identity = { id = \"x\" }\n}\nresource \"new_thing\" \"a\" {\n  name = \"x\"\n}\n");
    let said = twin.ours.run(plan);
    assert!(said.code == 1 && said.all.contains("has no identity"), "{}", said.all);
    let both = "import {\n  to = new_known.a\n  id = \"x\"\n  identity = { id = \"x\" }\n}\n";
    twin.write(&format!("{both}{}", config("new_known", "name = \"x\"")));
    twin.refused(plan, &["Invalid import block", "Only one of 'id' or 'identity' can be specified."]);
}

#[test]
fn an_identity_of_an_older_schema_is_brought_up_to_date() {
    let Some(twin) = Twin::with_identities() else { return };
    let text = config("new_known", "name = \"a\"");
    twin.step(&text);
    for side in twin.sides() {
        let mut state = side.state();
        let instance = &mut state["resources"][0]["instances"][0];
        instance["identity_schema_version"] = json!(0);
        instance["identity"] = json!({"name": "known-a-1"});
        state["serial"] = json!(state["serial"].as_u64().unwrap() + 1);
        side.push(&state);
        side.calls();
    }
    let changes = twin.plan(&[]);
    assert_eq!(changes["new_known.a"]["before_identity"], json!({"id": "known-a-1", "region": "seoul"}));
    for side in twin.sides() {
        assert!(side.calls().contains(&"upgrade identity known-a-1".to_owned()));
        side.apply();
    }
    // Nothing else changes, and the state has it in its new form all the same.
    twin.same_state();
    assert_eq!(identity(&twin.ours)["identity_schema_version"], json!(1));
}

#[test]
fn a_provider_that_gives_an_object_another_identity_is_refused() {
    for (ty, _) in KINDS {
        let Some(twin) = Twin::with_identities() else { return };
        twin.step(&config(ty, "name = \"a\""));
        twin.write(&config(ty, "name = \"somebody else\""));
        twin.refused(&["apply", "-input=false", "-auto-approve"], &["Unexpected Identity Change"]);
        twin.same_state();
    }
}

#[test]
fn an_object_without_an_identity_gets_one_when_it_is_read() {
    let Some(mut twin) = Twin::new() else { return };
    // The real program asks for the upgrade of an identity that there is not, which the kit refuses.
    twin.theirs = None;
    let text = config("new_known", "name = \"a\"");
    twin.step(&text);
    for side in twin.sides() {
        let mut state = side.state();
        let instance = state["resources"][0]["instances"][0].as_object_mut().unwrap();
        instance.remove("identity");
        instance.remove("identity_schema_version");
        state["serial"] = json!(state["serial"].as_u64().unwrap() + 1);
        side.push(&state);
    }
    twin.step(&text);
    assert_eq!(identity(&twin.ours)["identity"], json!({"id": "known-a-1", "region": "seoul"}));
}

#[test]
fn configuration_is_written_for_what_is_imported_by_identity() {
    let Some(twin) = Twin::with_identities() else { return };
    twin.write("import {\n  to = new_known.a\n  identity = { id = \"known-x-1\" }\n}\n");
    for side in twin.sides() {
        std::fs::write(side.object("known-x-1"), "{\"name\":\"x\"}").unwrap();
        let said = side.well(&["plan", "-input=false", "-generate-config-out=made.tf"]);
        assert!(said.all.contains("1 to import"), "{}", said.all);
        let made = std::fs::read_to_string(side.path("made.tf")).unwrap();
        assert!(made.contains("resource \"new_known\" \"a\" {\n  name = \"x\"\n"), "{made}");
    }
    twin.plan(&[]);
    twin.apply();
}
