//! What lives for a run only: ephemeral resources and values, write-only arguments, provider configurations that are made from them
//! or from what the same run makes.

use super::twin::{Side, Twin, actions};

/// Calls that are no configurations.
fn uses(side: &Side) -> Vec<String> {
    side.calls().into_iter().filter(|call| !call.starts_with("configure")).collect()
}

fn sorted(mut calls: Vec<String>) -> Vec<String> {
    calls.sort();
    calls
}

#[test]
fn an_ephemeral_resource_is_opened_for_each_walk_and_closed_in_reverse() {
    let Some(twin) = Twin::new() else { return };
    twin.write(
        r#"
ephemeral "new_token" "a" {
  name = "a"
}
ephemeral "new_token" "b" {
  name       = "b"
  depends_on = [ephemeral.new_token.a]
}
locals {
  secret = ephemeral.new_token.b.value
}
resource "new_thing" "t" {
  name   = "t"
  secret = local.secret
}
"#,
    );
    let changes = twin.plan(&[]);
    assert_eq!(actions(&changes, "new_thing.t"), ["create"]);
    let expected = ["open a", "open b", "close \"b\"", "close \"a\""];
    assert_eq!(uses(&twin.ours), expected);
    for side in twin.sides() {
        side.calls();
        let plan = side.well(&["show", "-json", "plan.bin"]).out;
        assert!(!plan.contains("token-of"), "a plan holds what is ephemeral");
    }
    twin.sides().for_each(|side| drop(side.apply()));
    assert_eq!(uses(&twin.ours), expected);
    twin.same_state();
    for side in twin.sides() {
        assert!(std::fs::read_to_string(side.object("thing-t-1")).unwrap().contains("token-of-b"));
        assert!(!side.state().to_string().contains("token-of"), "a state holds what is ephemeral");
    }
    twin.apply_nothing();
}

#[test]
fn an_ephemeral_resource_waits_for_what_its_configuration_is_made_from() {
    let Some(twin) = Twin::new() else { return };
    twin.write(
        r#"
resource "terraform_data" "later" {
  input = "later"
}
ephemeral "new_token" "each" {
  for_each = toset(["p", "q"])
  name     = "${terraform_data.later.output}-${each.key}"
}
resource "new_thing" "t" {
  name   = "t"
  secret = ephemeral.new_token.each["q"].value
}
"#,
    );
    twin.plan(&[]);
    for side in twin.sides() {
        assert_eq!(uses(side), [""; 0]);
    }
    twin.sides().for_each(|side| drop(side.apply()));
    for side in twin.sides() {
        let calls = ["close \"later-p\"", "close \"later-q\"", "open later-p", "open later-q"];
        assert_eq!(sorted(uses(side)), calls);
        assert!(std::fs::read_to_string(side.object("thing-t-1")).unwrap().contains("token-of-later-q"));
    }
}

#[test]
fn an_ephemeral_resource_is_renewed_as_long_as_it_is_used() {
    let Some(twin) = Twin::new() else { return };
    twin.write(
        r#"
ephemeral "new_token" "a" {
  name  = "a"
  renew = true
}
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command     = "test -n \"$TOKEN\"; until grep -q renew \"$INTEROP_STORE/calls.log\"; do :; done"
    environment = { TOKEN = ephemeral.new_token.a.value }
  }
}
"#,
    );
    for side in twin.sides() {
        side.well(&["apply", "-auto-approve", "-input=false"]);
        let calls = uses(side);
        assert!(calls.contains(&"renew \"a\"".to_string()), "{calls:?}");
        assert_eq!(calls.last().unwrap(), "close \"a\"");
    }
}

#[test]
fn ephemeral_values_go_through_modules_into_write_only_arguments() {
    let Some(twin) = Twin::new() else { return };
    for side in twin.sides() {
        std::fs::create_dir_all(side.path("m")).unwrap();
        let module = r#"
terraform {
  required_providers {
    new = { source = "interop/new" }
  }
}
variable "in" {
  type      = string
  ephemeral = true
}
ephemeral "new_token" "inner" {
  name = var.in
}
output "out" {
  value     = "${ephemeral.new_token.inner.value}!"
  ephemeral = true
}
"#;
        std::fs::write(side.path("m/main.tf"), module).unwrap();
    }
    let config = r#"
variable "given" {
  type      = string
  ephemeral = true
  default   = "given"
}
module "m" {
  source = "./m"
  in     = var.given
}
resource "new_thing" "t" {
  name   = "t"
  secret = module.m.out
  level  = "VERSION"
}
"#;
    twin.write(&config.replace("VERSION", "1"));
    twin.sides().for_each(|side| drop(side.well(&["get"])));
    let changes = twin.plan(&[]);
    assert_eq!(changes["new_thing.t"]["after"].get("secret"), Some(&serde_json::Value::Null));
    twin.apply();
    // Nothing says that a write-only value is another: its version does.
    assert_eq!(actions(&twin.plan(&["-var", "given=other"]), "new_thing.t"), ["no-op"]);
    twin.write(&config.replace("VERSION", "2"));
    assert_eq!(actions(&twin.plan(&["-var", "given=other"]), "new_thing.t"), ["update"]);
    for side in twin.sides() {
        // A plan keeps no ephemeral variable: it is given once more.
        side.well(&["apply", "-input=false", "-var", "given=other", "plan.bin"]);
    }
    twin.same_state();
}

#[test]
fn what_is_ephemeral_is_kept_nowhere() {
    let Some(twin) = Twin::new() else { return };
    let token = "ephemeral \"new_token\" \"a\" {\n  name = \"a\"\n}\n";
    twin.write(&format!("{token}resource \"new_thing\" \"t\" {{\n  name = ephemeral.new_token.a.value\n}}\n"));
    twin.refused(&["plan", "-input=false"], &["Invalid use of ephemeral value"]);
    twin.write(&format!("{token}output \"o\" {{\n  value = ephemeral.new_token.a.value\n}}\n"));
    twin.refused(&["plan", "-input=false"], &["phemeral value not allowed"]);
    twin.write("ephemeral \"new_token\" \"a\" {\n  name = \"refused\"\n}\n");
    twin.refused(&["plan", "-input=false"], &["Refused", "No token of that name."]);
}

#[test]
fn conditions_of_ephemeral_resources_are_judged() {
    let Some(twin) = Twin::new() else { return };
    twin.write(
        r#"
ephemeral "new_token" "a" {
  name = "a"
  lifecycle {
    postcondition {
      condition     = self.name == "b"
      error_message = "It is no b."
    }
  }
}
"#,
    );
    twin.refused(&["plan", "-input=false"], &["Resource postcondition failed", "It is no b."]);
    assert_eq!(uses(&twin.ours).last().unwrap(), "close \"a\"");
}

#[test]
fn a_provider_is_configured_with_what_another_opened() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
provider "new" {
  alias  = "fed"
  region = ephemeral.new_token.a.value
}
ephemeral "new_token" "a" {
  name = "a"
}
resource "new_thing" "t" {
  provider = new.fed
  name     = "t"
}
"#;
    twin.step(config);
    for side in twin.sides() {
        let calls = side.calls();
        let at = |what: &str| calls.iter().position(|call| call == what).unwrap_or_else(|| panic!("{what}: {calls:?}"));
        assert!(at("open a") < at("configure \"token-of-a\""), "{calls:?}");
        assert_eq!(calls.last().unwrap(), "close \"a\"");
    }
    // What is left in the state is read, and deleted, by the same configuration.
    twin.step(&config[..config.find("resource").unwrap()]);
}

#[test]
fn a_provider_is_configured_with_what_the_same_run_makes() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
resource "terraform_data" "region" {
  input = "busan"
}
provider "new" {
  alias  = "late"
  region = terraform_data.region.output
}
resource "new_thing" "t" {
  provider = new.late
  name     = "t"
}
"#;
    twin.step(config);
    for side in twin.sides() {
        let calls = side.calls();
        assert!(calls.contains(&"configure <unknown>".to_string()), "{calls:?}");
        let known = calls.iter().filter(|call| *call == "configure \"busan\"").count();
        assert!(known > 0, "{calls:?}");
    }
    // The value is known, and is changed in the same run.
    twin.step(&config.replace("busan", "seoul"));
    assert!(twin.ours.calls().contains(&"configure \"busan\"".to_string()));
    twin.sides().for_each(|side| drop(side.well(&["destroy", "-auto-approve", "-input=false"])));
    twin.same_state();
}

#[test]
fn a_provider_is_configured_with_what_a_data_source_says() {
    let Some(twin) = Twin::new() else { return };
    twin.step(
        r#"
data "new_echo" "region" {
  value = "jeju"
}
provider "new" {
  alias  = "told"
  region = data.new_echo.region.result
}
resource "new_thing" "t" {
  provider = new.told
  name     = "t"
}
data "new_echo" "through" {
  provider = new.told
  value    = "x"
}
output "region" {
  value = data.new_echo.through.region
}
"#,
    );
    for side in twin.sides() {
        assert_eq!(side.state()["outputs"]["region"]["value"], "jeju");
        assert!(!side.calls().contains(&"configure <unknown>".to_string()));
    }
}

#[test]
fn a_deletion_through_a_configuration_that_is_made_anew_spoils_no_name() {
    let Some(twin) = Twin::new() else { return };
    let config = r#"
resource "terraform_data" "region" {
  input            = "REGION"
  triggers_replace = "REGION"
}
locals {
  region = terraform_data.region.output
}
provider "new" {
  alias  = "late"
  region = local.region
}
ephemeral "new_token" "a" {
  name = local.region
}
resource "new_thing" "t" {
  provider = new.late
  name     = "t"
  note     = local.region
  secret   = ephemeral.new_token.a.value
}
"#;
    let old = "resource \"new_thing\" \"old\" {\n  provider = new.late\n  name = \"old\"\n}\n";
    twin.step(&format!("{}{old}", config.replace("REGION", "busan")));
    let changes = twin.step(&config.replace("REGION", "jeju"));
    assert_eq!(actions(&changes, "new_thing.old"), ["delete"]);
    assert_eq!(actions(&changes, "new_thing.t"), ["update"]);
    assert!(twin.ours.calls().contains(&"configure \"jeju\"".to_string()));
}
