//! `query`: existing objects listed by `.tfquery.hcl` files. Terraform has it since 1.14.

use super::twin::{Side, Twin};
use serde_json::{Value, json};

const LISTS: &str = r#"
variable "p" {
  default = "x-"
}
locals {
  prefix = "${var.p}y-"
}
list "new_known" "all" {
  provider = new
  config {
    prefix = local.prefix
  }
}
list "new_known" "some" {
  provider         = new
  limit            = 2
  include_resource = true
  for_each         = toset(["u", "v"])
  config {
    prefix = each.key
  }
}
"#;

fn twin(lists: &str) -> Option<Twin> {
    let mut twin = Twin::new()?;
    if super::build::oracle().is_some_and(|o| o.version < (1, 14)) {
        println!("not compared: the terraform here has no query");
        twin.theirs = None;
    }
    twin.write("");
    twin.sides().for_each(|side| std::fs::write(side.path("all.tfquery.hcl"), lists).unwrap());
    Some(twin)
}

/// The lines of the listing, in the order of addresses: the real program's come as they are answered.
fn lines(side: &Side) -> Vec<String> {
    let said = side.well(&["query"]);
    let mut lines: Vec<String> = said.out.lines().filter(|l| l.starts_with("list.")).map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn objects_are_listed_in_the_words_of_terraform() {
    let Some(twin) = twin(LISTS) else { return };
    let ours = lines(&twin.ours);
    assert_eq!(
        ours,
        [
            "list.new_known.all   id=x-y-alpha,region=seoul   The alpha",
            "list.new_known.all   id=x-y-beta,region=seoul    The beta",
            "list.new_known.all   id=x-y-gamma,region=seoul   The gamma",
            "list.new_known.some[\"u\"]   id=ualpha,region=seoul   The alpha",
            "list.new_known.some[\"u\"]   id=ubeta,region=seoul    The beta",
            "list.new_known.some[\"v\"]   id=valpha,region=seoul   The alpha",
            "list.new_known.some[\"v\"]   id=vbeta,region=seoul    The beta",
        ]
    );
    if let Some(side) = &twin.theirs {
        assert_eq!(ours, lines(side));
    }
    assert!(twin.ours.well(&["query", "-var=p=z"]).out.contains("id=zy-alpha"));
}

/// The events of the listing, sorted, without their times.
fn events(side: &Side) -> Vec<Value> {
    let said = side.well(&["query", "-json"]);
    let mut all: Vec<Value> = said.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    all.retain(|event| event["type"].as_str().is_some_and(|t| t.starts_with("list_")));
    all.iter_mut().for_each(|event| event["@timestamp"] = json!(""));
    all.sort_by_key(Value::to_string);
    all
}

#[test]
fn programs_are_told_the_same() {
    let Some(twin) = twin(LISTS) else { return };
    let ours = events(&twin.ours);
    assert_eq!(ours.len(), 3 * 2 + 3 + 2 + 2);
    let found = ours.iter().find(|e| e["list_resource_found"]["display_name"] == "The beta").unwrap();
    assert_eq!(found["list_resource_found"]["identity_version"], json!(1));
    if let Some(side) = &twin.theirs {
        assert_eq!(ours, events(side));
    }
}

#[test]
fn configuration_is_written_for_what_was_found() {
    let Some(twin) = twin(LISTS) else { return };
    for side in twin.sides() {
        side.well(&["query", "-generate-config-out=made.tf"]);
        let made = std::fs::read_to_string(side.path("made.tf")).unwrap();
        let resource = "resource \"new_known\" \"all_0\" {\n  provider = new\n  name     = \"alpha\"\n";
        assert!(made.contains(resource), "{made}");
        let spaceless = made.replace(' ', "");
        let identity = "identity={\nid=\"valpha\"\nregion=\"seoul\"\n}";
        assert!(spaceless.contains("to=new_known.some_1_0\n") && spaceless.contains(identity), "{made}");
        assert_eq!(made.matches("import {").count(), 7);
        side.refuses(&["query", "-generate-config-out=made.tf"], "already exists");
    }
    // It is a configuration that the program takes.
    twin.ours.well(&["validate"]);
}

impl Side {
    fn refuses(&self, arguments: &[&str], words: &str) {
        let said = self.run(arguments);
        assert!(super::twin::flat(&said.all).contains(words), "{}", said.all);
    }
}

#[test]
fn what_cannot_be_listed_is_refused_in_the_words_of_terraform() {
    let lists = "list \"new_known\" \"bad\" {\n  provider = new\n  config {\n    nope = 1\n  }\n}\nlist \"new_thing\" \"bad\" {\n  provider = new\n}\n";
    let Some(twin) = twin(lists) else { return };
    for side in twin.sides() {
        side.refuses(&["query"], "An argument named \"nope\" is not expected here.");
        side.refuses(&["query"], "does not support list resource \"new_thing\".");
    }
    assert_eq!(twin.ours.run(&["query"]).code, 1);
    let write = |text: &str| {
        twin.sides().for_each(|side| std::fs::write(side.path("all.tfquery.hcl"), text).unwrap());
    };
    write("list \"new_known\" \"bad\" {\n}\noutput \"x\" {\n  value = 1\n}\n");
    for side in twin.sides() {
        side.refuses(&["query"], "You must specify a provider attribute when defining a list block.");
        side.refuses(&["query"], "Blocks of type \"output\" are not expected here.");
    }
    write("");
    for side in twin.sides() {
        side.refuses(&["query"], "The configuration does not contain any resources that can be queried.");
    }
    write("list \"new_known\" \"none\" {\n  provider = new\n  limit = 0\n}\n");
    for side in twin.sides() {
        side.refuses(&["query"], "list block(s) [list.new_known.none] returned 0 results.");
    }
}
