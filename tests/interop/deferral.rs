//! What providers put off (`-allow-deferral`): no part of the plan, and neither is what is made from it. Terraform has that in
//! experimental builds alone, so that there is nothing to compare with.

use super::twin::Twin;
use serde_json::{Value, json};

const CONFIG: &str = r#"
resource "new_known" "late" {
  name = "later"
}
resource "new_thing" "early" {
  name = "early"
}
resource "new_thing" "made_from_it" {
  name = "from"
  note = new_known.late.id
}
data "new_echo" "late" {
  value = 1
  later = true
}
output "late" {
  value = new_known.late.name
}
"#;

fn plan(twin: &Twin) -> Value {
    twin.ours.well(&["plan", "-input=false", "-allow-deferral", "-out=plan.bin"]);
    serde_json::from_str(&twin.ours.well(&["show", "-json", "plan.bin"]).out).unwrap()
}

fn deferred(plan: &Value) -> Vec<(String, String)> {
    let all = plan["deferred_changes"].as_array().cloned().unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    all.iter().map(|d| (text(&d["resource_change"]["address"]), text(&d["reason"]))).collect()
}

#[test]
fn what_is_put_off_is_no_part_of_the_plan() {
    let Some(twin) = Twin::new() else { return };
    twin.write(CONFIG);
    let made = plan(&twin);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        deferred(&made),
        [
            pair("data.new_echo.late", "provider_config_unknown"),
            pair("new_known.late", "absent_prereq"),
            pair("new_thing.made_from_it", "deferred_prereq"),
        ]
    );
    let changed: Vec<&str> =
        made["resource_changes"].as_array().unwrap().iter().map(|c| c["address"].as_str().unwrap()).collect();
    assert_eq!(changed, ["new_thing.early"]);
    assert_eq!(made["complete"], json!(false));
    let text = twin.ours.well(&["show", "plan.bin"]).all;
    assert!(text.contains("new_thing.made_from_it") && text.contains("it is made from what is put off"), "{text}");
    twin.ours.apply();
    assert_eq!(twin.ours.objects(), ["thing-early-1.json"]);

    // Once it can be, it is done like everything else.
    twin.write(&CONFIG.replace("\"later\"", "\"now\"").replace("later = true", "later = false"));
    let made = plan(&twin);
    assert!(deferred(&made).is_empty() && made["complete"] == json!(true));
    twin.ours.apply();
    assert_eq!(twin.ours.objects(), ["known-now-1.json", "thing-early-1.json", "thing-from-1.json"]);
}

#[test]
fn what_is_there_stays_while_its_change_is_put_off() {
    let Some(twin) = Twin::new() else { return };
    twin.write(&CONFIG.replace("\"later\"", "\"now\"").replace("later = true", "later = false"));
    plan(&twin);
    twin.ours.apply();
    let before = twin.ours.state();
    twin.write(CONFIG);
    let made = plan(&twin);
    let reasons: Vec<String> = deferred(&made).into_iter().map(|(address, _)| address).collect();
    assert_eq!(reasons, ["data.new_echo.late", "new_known.late", "new_thing.made_from_it"]);
    twin.ours.apply();
    assert_eq!(twin.ours.state()["resources"], before["resources"]);
}

#[test]
fn without_leave_nothing_is_put_off() {
    let Some(twin) = Twin::new() else { return };
    twin.write(CONFIG);
    twin.refused(&["plan", "-input=false"], &["Not yet", "What it needs is not there yet."]);
}
