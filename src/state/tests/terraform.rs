//! Terraform's format, both ways.

use super::*;
use crate::state::v4::{Force, PushError};
use proptest::prelude::*;
use std::process::Command;

/// Written by Terraform 1.11.4: count, for_each, a module, data, outputs, a check, a tainted object, escapes, big numbers.
const THEIRS: &str = include_str!("terraform-1.11.tfstate");

fn read(text: &str) -> Result<State, StateError> {
    v4::read(Path::new("terraform.tfstate"), text.as_bytes())
}

fn rich() -> State {
    let mut state = State { lineage: "3b241101-e2bb-4255-8caf-4136c566a962".into(), ..State::default() };
    for entry in rich_entries() {
        let number = state.journal + 1;
        fold(&mut state, &Record { number, at: Time(0), entry }).unwrap();
    }
    // What the format has no place for belongs to runs, not to the state.
    State { run: None, runs: 0, journal: 0, ..state }
}

#[test]
fn a_file_of_theirs_comes_back_byte_for_byte() {
    let state = read(THEIRS).unwrap();
    assert_eq!((state.serial, state.objects.len(), state.outputs.len()), (19, 18, 2));
    let third = state.get(&"terraform_data.a[3]".parse().unwrap()).unwrap();
    assert!(third.tainted && third.create_before_destroy);
    assert!(third.attributes.as_str().contains("123456789012345678901234567890"));
    assert!(!third.sensitive.is_empty());
    assert_eq!(v4::write(&state), THEIRS);
}

#[test]
fn pushing_what_was_pulled_is_the_identity() {
    let state = rich();
    let text = v4::write(&state);
    assert_eq!(read(&text).unwrap(), state);
    assert_eq!(v4::write(&read(&text).unwrap()), text);
}

#[test]
fn a_workload_is_a_module_to_others() {
    let native: Address = "module.a[\"k\"].workload.web.aws_instance.server[\"aws-a/3\"]".parse().unwrap();
    let foreign = v4::foreign_address(&native);
    assert_eq!(foreign.to_string(), "module.a[\"k\"].module.straddle_workload_web.aws_instance.server[\"aws-a/3\"]");
    assert_eq!(v4::native_address(foreign), native);
    let other: Address = "module.straddle_workload_.x.y".parse().unwrap();
    assert_eq!(v4::native_address(other.clone()), other);
}

#[test]
fn one_resource_with_two_providers_keeps_both() {
    let mut state = State { lineage: "l".into(), ..State::default() };
    let tokyo = ProviderRef::new("registry.terraform.io/hashicorp/aws", Some("tokyo"));
    let in_tokyo = Object { provider: tokyo, ..(*object("t")).clone() };
    state.objects.insert(server(0), object("s"));
    state.objects.insert(server(1), Arc::new(in_tokyo));
    assert_eq!(read(&v4::write(&state)).unwrap(), state);
}

fn reason(text: &str) -> StateError {
    read(text).unwrap_err()
}

#[test]
fn what_is_no_state_is_refused_by_name() {
    let corrupt = |text: &str| assert!(matches!(reason(text), StateError::Corrupt { .. }), "{text}");
    let foreign = |text: &str| assert!(matches!(reason(text), StateError::Foreign { .. }), "{text}");
    corrupt("");
    corrupt(&THEIRS[..THEIRS.len() / 2]);
    foreign("PK\u{3}\u{4}");
    foreign("[1]");
    foreign("{}");
    foreign("{\"version\":3,\"serial\":1}");
    foreign("{\"serial\":1,\"lineage\":\"x\",\"meta\":{},\"encrypted_data\":\"AAAA\",\"encryption_version\":\"v0\"}");
    assert!(matches!(reason("{\"version\":5}"), StateError::Newer { found: 5, known: 4, .. }));
    assert!(matches!(v4::read(Path::new("x"), b"SQLite format 3\0").unwrap_err(), StateError::Foreign { .. }));
    assert!(matches!(v4::read(Path::new("x"), &[0xff, 0xfe]).unwrap_err(), StateError::Foreign { .. }));
    let resource = |provider: &str, instance: &str| {
        format!(
            "{{\"version\":4,\"serial\":1,\"lineage\":\"l\",\"outputs\":{{}},\"resources\":[{{\"mode\":\"managed\",\"type\":\"a\",\
             \"name\":\"b\",\"provider\":{provider:?},\"instances\":[{instance}]}}]}}"
        )
    };
    let p = "provider[\"registry.terraform.io/h/a\"]";
    let good = "{\"schema_version\":0,\"attributes\":{}}";
    read(&resource(p, good)).unwrap();
    corrupt(&resource("provider.a", good));
    corrupt(&resource(p, &format!("{good},{good}")));
    corrupt(&resource(p, "{\"attributes_flat\":{\"id\":\"x\"}}"));
    corrupt(&resource(p, "{\"index_key\":1.5,\"attributes\":{}}"));
    corrupt(&resource(p, "{\"status\":\"odd\",\"attributes\":{}}"));
    corrupt(&resource(p, "{\"deposed\":\"xyz\",\"attributes\":{}}"));
    corrupt(&resource(p, "{\"private\":\"***\",\"attributes\":{}}"));
    corrupt(&resource(p, "{\"attributes\":{},\"dependencies\":[\"\"]}"));
    corrupt(&resource(p, "{}"));
}

#[test]
fn a_refusal_quotes_no_secret() {
    let text = THEIRS.replace("\"schema_version\": 0", "\"schema_version\": \"hunter2\"");
    assert!(!reason(&text).to_string().contains("hunter2"));
}

#[test]
fn pushes_are_judged_as_terraform_does() {
    let here = rich();
    let push = |pushed: State, force| v4::push(&here, pushed, force);
    assert_eq!(push(here.clone(), Force::No), Ok(None));
    let stranger = State { lineage: "other".into(), ..here.clone() };
    assert!(matches!(push(stranger.clone(), Force::No), Err(PushError::Lineage { .. })));
    assert!(matches!(push(stranger, Force::Yes), Ok(Some(Entry::Pushed(_)))));
    let older = State { serial: here.serial - 1, ..here.clone() };
    assert!(matches!(push(older, Force::No), Err(PushError::Older { .. })));
    let mut differs = here.clone();
    differs.objects.clear();
    assert!(matches!(push(differs.clone(), Force::No), Err(PushError::SameSerial { .. })));
    differs.serial += 1;
    assert!(matches!(push(differs.clone(), Force::No), Ok(Some(_))));
    let virgin = State { lineage: "new".into(), ..State::default() };
    assert!(matches!(v4::push(&virgin, differs.clone(), Force::No), Ok(Some(_))));
    let mut in_doubt = here.clone();
    for entry in [run(), begin(1, 1, server(77), Kind::Create)] {
        let number = in_doubt.journal + 1;
        fold(&mut in_doubt, &Record { number, at: Time(0), entry }).unwrap();
    }
    assert_eq!(v4::push(&in_doubt, differs, Force::Yes), Err(PushError::InDoubt { actions: 1 }));
}

/// Terraform itself reads what we write, changes it, and we read that. Passes where there is no Terraform.
#[test]
fn terraform_reads_and_rewrites_ours() {
    let builtin = ProviderRef::new("terraform.io/builtin/terraform", None);
    let data = |id: &str| {
        let text = format!("{{\"id\":\"{id}\",\"input\":null,\"output\":null,\"triggers_replace\":null}}");
        Object::new(builtin.clone(), 0, Json::new(&text).unwrap())
    };
    let replica = |n: u64| ObjectId::current(Address::replica("web", "terraform_data", "server", format!("aws-a/{n}")));
    let front = ObjectId::current(Address::managed("terraform_data", "front", None));
    let mut state = State { checks: None, ..rich() };
    state.objects.clear();
    for n in [9, 10] {
        state.objects.insert(replica(n), Arc::new(data(&format!("i-{n}"))));
    }
    let attached = Object { dependencies: vec![replica(9).address.without_key()].into(), ..data("front") };
    state.objects.insert(front.clone(), Arc::new(attached));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("terraform.tfstate"), v4::write(&state)).unwrap();
    let terraform = |args: &[&str]| {
        let output =
            Command::new("terraform").args(args).current_dir(dir.path()).env("CHECKPOINT_DISABLE", "1").output();
        let output = output.ok()?;
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(list) = terraform(&["state", "list"]) else { return };
    let replica_text = |n| format!("module.straddle_workload_web.terraform_data.server[\"aws-a/{n}\"]");
    assert!(list.contains(&replica_text(9)) && list.contains("terraform_data.front"), "{list}");
    // (`state mv` would drop the dependencies of everything that depends on what is moved.)
    terraform(&["taint", &replica_text(10)]);
    let back = load(dir.path()).unwrap().state;
    assert_eq!(back.objects.get(&replica(9)), state.objects.get(&replica(9)));
    assert_eq!(back.objects.get(&front).unwrap().dependencies, state.objects[&front].dependencies);
    let tainted = Object { tainted: true, ..(*state.objects[&replica(10)]).clone() };
    assert_eq!(*back.objects[&replica(10)], tainted);
    assert_eq!((back.lineage, back.serial), (state.lineage, state.serial + 1));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in any::<prop::sample::Index>(), junk in "[\"{}\\[\\]:,0-9a-z\\\\-]{0,8}", cut in 0..20usize) {
        let mut bytes = THEIRS.as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, junk.bytes());
        if let Ok(state) = v4::read(Path::new("x"), &bytes) {
            // Whatever was taken comes back.
            let text = v4::write(&state);
            prop_assert_eq!(v4::read(Path::new("x"), text.as_bytes()).unwrap(), state);
        }
    }
}
