//! `provider_meta`: what a module tells a provider beside its configuration.

use super::twin::Twin;

const HEAD: &str = "terraform {\n  provider_meta \"new\" {\n    team = \"blue\"\n  }\n  provider_meta \"old\" {\n    team = \"red\"\n  }\n}\n";
const OBJECTS: &str = "resource \"new_known\" \"a\" {\n  name = \"a\"\n}\nresource \"old_known\" \"a\" {\n  name = \"a\"\n}\ndata \"new_echo\" \"e\" {\n  value = 1\n}\n";

/// What was told, each once.
fn told(twin: &Twin) -> Vec<Vec<String>> {
    let sides = twin.sides().map(|side| {
        let mut calls = side.calls();
        calls.retain(|call| !call.starts_with("configure"));
        calls.sort();
        calls.dedup();
        calls
    });
    sides.collect()
}

#[test]
fn every_call_carries_what_its_module_tells() {
    let Some(twin) = Twin::new() else { return };
    twin.step(&format!("{HEAD}{OBJECTS}"));
    for calls in told(&twin) {
        assert_eq!(
            calls,
            ["create \"blue\"", "data \"blue\"", "old create red", "old read red", "plan \"blue\"", "read \"blue\""]
        );
    }
    // Another word is no change of anything.
    twin.step(&format!("{}{OBJECTS}", HEAD.replace("blue", "green")));
    for calls in told(&twin) {
        assert!(calls.contains(&"read \"green\"".to_owned()) && !calls.iter().any(|c| c.contains("blue")), "{calls:?}");
    }
    // A module that says nothing tells nothing.
    twin.step(&OBJECTS.replace("name = \"a\"", "name = \"b\""));
    for calls in told(&twin) {
        assert!(calls.iter().all(|call| call.ends_with("nothing")), "{calls:?}");
    }
}

#[test]
fn a_module_that_is_called_tells_its_own() {
    let Some(twin) = Twin::new() else { return };
    for side in twin.sides() {
        std::fs::create_dir(side.path("inner")).unwrap();
        let required = "terraform {\n  required_providers {\n    new = { source = \"interop/new\" }\n  }\n  provider_meta \"new\" {\n    team = \"inner\"\n  }\n}\n";
        let text = format!("{required}resource \"new_known\" \"i\" {{\n  name = \"i\"\n}}\n");
        std::fs::write(side.path("inner/main.tf"), text).unwrap();
    }
    twin.write(&format!(
        "{HEAD}module \"m\" {{\n  source = \"./inner\"\n}}\nresource \"new_known\" \"o\" {{\n  name = \"o\"\n}}\n"
    ));
    twin.sides().for_each(|side| {
        side.run(&["get"]);
    });
    twin.plan(&[]);
    twin.apply();
    for calls in told(&twin) {
        assert_eq!(
            calls,
            [
                "create \"blue\"",
                "create \"inner\"",
                "plan \"blue\"",
                "plan \"inner\"",
                "read \"blue\"",
                "read \"inner\""
            ]
        );
    }
}

#[test]
fn what_the_provider_does_not_take_is_refused_while_planning() {
    let Some(twin) = Twin::new() else { return };
    twin.write(&format!("{}{OBJECTS}", HEAD.replace("team = \"blue\"", "teem = \"blue\"")));
    twin.sides().for_each(|side| {
        side.well(&["validate"]);
    });
    let words = [
        "Missing required argument",
        "The argument \"team\" is required",
        "Unsupported argument",
        "Did you mean \"team\"?",
    ];
    twin.refused(&["plan", "-input=false"], &words);
}
