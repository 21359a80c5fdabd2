//! Providers that die in the middle of a call.

use super::twin::Twin;
use serde_json::json;

#[test]
fn a_provider_that_dies_while_it_makes_something_leaves_that_in_doubt_and_the_rest_done() {
    let Some(twin) = Twin::new() else { return };
    let config = "resource \"old_server\" \"a\" {\n  name = \"a\"\n}\nresource \"new_thing\" \"d\" {\n  name = \"die\"\n}\nresource \"new_thing\" \"e\" {\n  name = \"e\"\n  note = new_thing.d.id\n}\n";
    twin.write(config);
    let said = twin.ours.run(&["apply", "-input=false", "-auto-approve"]);
    assert_eq!(said.code, 7, "{}", said.all);
    let flat = super::twin::flat(&said.all);
    for words in ["new_thing.d", "in doubt", "dead while something was made"] {
        assert!(flat.contains(words), "{words:?} is not in {flat}");
    }
    assert!(twin.ours.objects().contains(&"server-a-1.json".to_owned()));
    // Nobody but a person can tell whether it was made; let go of, it is made like everything else.
    twin.write(&config.replace("\"die\"", "\"d\""));
    let said = twin.ours.run(&["apply", "-input=false", "-auto-approve"]);
    let flat = super::twin::flat(&said.all);
    assert!(said.code == 1 && flat.contains("straddle state rm 'new_thing.d'"), "{flat}");
    twin.ours.well(&["state", "rm", "new_thing.d"]);
    let said = twin.ours.run(&["apply", "-input=false", "-auto-approve"]);
    assert_eq!(said.code, 0, "{}", said.all);
    let again = twin.ours.run(&["plan", "-input=false", "-detailed-exitcode"]);
    assert_eq!(again.code, 0, "{}", again.all);
}

#[test]
fn a_provider_that_dies_while_it_reads_stops_the_plan_and_loses_nothing() {
    let Some(twin) = Twin::new() else { return };
    let config =
        "resource \"new_thing\" \"t\" {\n  name = \"t\"\n}\nresource \"old_server\" \"a\" {\n  name = \"a\"\n}\n";
    twin.step(config);
    let before = twin.ours.state();
    twin.sides().for_each(|side| side.edit("thing-t-1", "note", json!("deadly")));
    twin.write(&config.replace("name = \"a\"", "name = \"b\""));
    let said = twin.ours.run(&["plan", "-input=false"]);
    let flat = super::twin::flat(&said.all);
    assert!(said.code != 0 && flat.contains("dead while something was read"), "{flat}");
    assert_eq!(twin.ours.state(), before);
    twin.sides().for_each(|side| side.edit("thing-t-1", "note", json!("")));
    twin.step(config);
}
