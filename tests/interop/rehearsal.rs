//! A runbook of objects that are a stock provider's: its rehearsal is the provider's own plan, which creates nothing, and the runbook is
//! carried out by that provider with the spec and the state gone.

use super::build::providers;
use super::twin::Side;
use std::process::Command;

const KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

const SPEC: &str = r#"
terraform {
  required_providers {
    new = { source = "interop/new" }
  }
}
provider "new" {
  alias = "one"
}
provider "new" {
  alias = "two"
}
location "a" {
  provider = new.one
  domains  = { cloud = "one", zone = "a" }
  capacity = 20
}
location "b" {
  provider = new.two
  domains  = { cloud = "two", zone = "b" }
  capacity = 20
}
workload "web" {
  replicas = 4
  spread "cloud" {
    ratio = "even"
  }
  replica "server" {
    resource "new_thing" "server" {
      name = replica.name
      note = templatefile("note.tpl", { place = location.name })
    }
    ready = true
  }
}
runbook "main" {
  rehearse_every = "90d"
  store "tokyo" {
    path = "kept/tokyo"
  }
  store "laptop" {
    path = "kept/laptop"
  }
}
"#;

fn run(side: &Side, directory: &str, arguments: &[&str]) -> (i32, String) {
    let mut command: Command = side.command(arguments);
    let output = command.current_dir(side.path(directory)).env("STRADDLE_RUNBOOK_KEY", KEY).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn a_stock_providers_runbook_is_rehearsed_by_its_own_plan_and_carried_out_alone() {
    let Some(built) = providers() else { return };
    let side = Side::straddle(built);
    let spec = side.path("web.straddle.hcl");
    std::fs::write(&spec, SPEC).unwrap();
    std::fs::write(side.path("note.tpl"), "stands in ${place}").unwrap();
    let well = |directory: &str, arguments: &[&str]| {
        let (code, text) = run(&side, directory, arguments);
        assert_eq!(code, 0, "{arguments:?}\n{text}");
        text
    };
    well(".", &["apply", "-auto-approve"]);
    assert_eq!(side.objects().len(), 4);
    let (code, text) = run(&side, ".", &["drift"]);
    assert!(code == 2 && text.contains("it was never rehearsed"), "{text}");
    side.calls();
    let text = well(".", &["runbook", "test"]);
    assert!(text.contains("lose-cloud-one: dry run of serial"), "{text}");
    assert_eq!(side.objects().len(), 4, "a dry run makes nothing");
    let calls = side.calls();
    assert!(!calls.iter().any(|c| c.contains("create") || c.contains("delete")), "{calls:?}");
    well(".", &["drift"]);
    // What the provider would do otherwise now than when the runbook was compiled is a rehearsal that failed.
    let before = side.objects();
    std::fs::remove_file(side.object(before[3].trim_end_matches(".json"))).unwrap();
    let (code, text) = run(&side, ".", &["runbook", "test"]);
    assert!(code == 1 && text.contains("FAILED"), "{text}");
    let (code, text) = run(&side, ".", &["drift"]);
    assert!(code != 0 && text.contains("did not end well"), "{text}");
    well(".", &["apply", "-auto-approve"]);
    well(".", &["runbook", "build"]);
    // Carried out far from the spec, its template carried along.
    std::fs::create_dir(side.path("elsewhere")).unwrap();
    std::fs::create_dir(side.path("safe")).unwrap();
    std::fs::rename(side.path("kept"), side.path("safe/kept")).unwrap();
    for gone in ["web.straddle.hcl", "note.tpl", "straddle.db"] {
        std::fs::remove_file(side.path(gone)).unwrap();
    }
    let book = "../safe/kept/tokyo/lose-cloud-one.runbook";
    let text = well("elsewhere", &["runbook", "run", "-offline", "-auto-approve", book]);
    assert!(text.contains("DONE  lose-cloud-one"), "{text}");
    assert_eq!(side.objects().len(), 6);
    let objects = side.objects();
    let notes = objects.iter().filter(|name| {
        let text = std::fs::read_to_string(side.object(name.trim_end_matches(".json"))).unwrap();
        text.contains("stands in b")
    });
    assert_eq!(notes.count(), 4);
}
