//! `state list|show|mv|rm|replace-provider`.

use super::*;
use crate::state::edit::{self, EditError, Target};

fn state() -> State {
    let mut state = State::default();
    for text in [
        "data.aws_ami.x",
        "aws_instance.web[0]",
        "aws_instance.web[1]",
        "aws_eip.one",
        "module.net[\"a\"].aws_subnet.s[0]",
        "module.net[\"b\"].aws_subnet.s[0]",
        "module.net[\"b\"].module.deep.aws_subnet.s",
        "workload.web.aws_instance.server[\"aws-a/0\"]",
        "workload.web.aws_instance.server[\"aws-a/1\"]",
    ] {
        state.objects.insert(ObjectId::current(text.parse().unwrap()), object(text.split('"').next().unwrap()));
    }
    let depends = Object { dependencies: vec!["aws_instance.web".parse().unwrap()].into(), ..(*object("lb")).clone() };
    state.objects.insert(ObjectId::current("aws_lb.front".parse().unwrap()), Arc::new(depends));
    state.objects.insert(ObjectId::deposed("aws_eip.one".parse().unwrap(), DeposedKey(5)), object("old"));
    state
}

fn list(names: &[&str]) -> Result<Vec<String>, Vec<EditError>> {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    edit::list(&state(), &names).map(|ids| ids.iter().map(|id| id.to_string()).collect())
}

/// The state after entries, inside a run.
fn after(state: &State, entries: Vec<Entry>) -> State {
    let mut state = state.clone();
    for entry in [run()].into_iter().chain(entries) {
        let number = state.journal + 1;
        fold(&mut state, &Record { number, at: Time(0), entry }).unwrap();
    }
    state
}

fn moved(from: &str, to: &str) -> Result<Vec<String>, EditError> {
    let state = state();
    let entries = edit::move_objects(&state, from, to)?;
    let after = after(&state, entries);
    assert_eq!(after.objects.len(), state.objects.len());
    Ok(after.objects.keys().filter(|id| !state.objects.contains_key(id)).map(|id| id.to_string()).collect())
}

#[test]
fn names_cover_what_is_below_them() {
    assert_eq!(list(&[]).unwrap().len(), 11);
    assert_eq!(list(&["aws_instance.web"]).unwrap(), ["aws_instance.web[0]", "aws_instance.web[1]"]);
    assert_eq!(list(&["aws_instance.web[1]"]).unwrap(), ["aws_instance.web[1]"]);
    assert_eq!(list(&["aws_eip.one"]).unwrap(), ["aws_eip.one", "aws_eip.one (deposed 00000005)"]);
    assert_eq!(list(&["module.net"]).unwrap().len(), 3);
    assert_eq!(list(&["module.net[\"b\"]"]).unwrap().len(), 2);
    assert_eq!(list(&["module.net[\"b\"].module.deep"]).unwrap().len(), 1);
    assert_eq!(list(&["workload.web"]).unwrap().len(), 2);
    assert_eq!(list(&["workload.web", "aws_eip.one", "workload.web"]).unwrap().len(), 4);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let errors = list(&["aws_instance.wev", "!", "workload.api"]).unwrap_err();
    let texts: Vec<String> = errors.iter().map(EditError::to_string).collect();
    assert_eq!(
        texts,
        [
            "the state holds nothing at aws_instance.wev",
            "\"!\" is no address of a resource, module or workload",
            "the state holds nothing at workload.api"
        ]
    );
    assert!(matches!(&errors[0], EditError::Nothing { near: Some(near), .. } if near.starts_with("aws_instance.web")));
}

#[test]
fn printed_targets_read_back() {
    for text in
        ["a.b", "a.b[0]", "data.a.b", "module.a", "module.a[\"k\"].module.b[0]", "workload.w", "module.a.workload.w"]
    {
        let target: Target = text.parse().unwrap();
        assert_eq!(target.to_string(), text);
    }
}

#[test]
fn moves() {
    assert_eq!(moved("aws_instance.web[0]", "aws_instance.api").unwrap(), ["aws_instance.api"]);
    assert_eq!(moved("aws_instance.web", "aws_instance.api").unwrap(), ["aws_instance.api[0]", "aws_instance.api[1]"]);
    assert_eq!(moved("aws_eip.one", "aws_eip.two").unwrap(), ["aws_eip.two", "aws_eip.two (deposed 00000005)"]);
    assert_eq!(moved("aws_eip.one", "aws_eip.two[\"k\"]").unwrap().len(), 2);
    let adopted = "workload.web.aws_instance.server[\"aws-a/7\"]";
    assert_eq!(moved("aws_instance.web[0]", adopted).unwrap(), [adopted]);
    assert_eq!(moved("workload.web", "workload.api").unwrap().len(), 2);
    assert_eq!(moved("module.net[\"b\"]", "module.net[\"c\"]").unwrap().len(), 2);
    let whole = moved("module.net", "module.vpc").unwrap();
    assert_eq!(whole[0], "module.vpc[\"a\"].aws_subnet.s[0]");
    assert_eq!(moved("aws_eip.one", "aws_eip.one").unwrap(), Vec::<String>::new());
}

#[test]
fn moves_that_cannot_be() {
    assert!(matches!(moved("aws_eip.two", "aws_eip.x"), Err(EditError::Nothing { .. })));
    assert!(matches!(moved("aws_instance.web[0]", "aws_instance.web[1]"), Err(EditError::Taken { .. })));
    assert!(matches!(moved("aws_eip.one", "aws_instance.one"), Err(EditError::Unlike { .. })));
    assert!(matches!(moved("data.aws_ami.x", "aws_ami.x"), Err(EditError::Unlike { .. })));
    assert!(matches!(moved("aws_eip.one", "module.x"), Err(EditError::Unlike { .. })));
    assert!(matches!(moved("workload.web", "module.x"), Err(EditError::Unlike { .. })));
    assert!(matches!(moved("aws_instance.web", "aws_instance.x[0]"), Err(EditError::Unlike { .. })));
    assert!(matches!(moved("aws_eip.one", "x"), Err(EditError::NoAddress { .. })));
}

#[test]
fn dependencies_follow() {
    let state = state();
    let of = |from: &str, to: &str| {
        let after = after(&state, edit::move_objects(&state, from, to).unwrap());
        let front = after.get(&"aws_lb.front".parse().unwrap()).unwrap();
        front.dependencies.iter().map(Address::to_string).collect::<Vec<_>>()
    };
    assert_eq!(of("aws_instance.web", "aws_instance.api"), ["aws_instance.api"]);
    assert_eq!(of("aws_instance.web[0]", "aws_instance.api"), ["aws_instance.api", "aws_instance.web"]);
    assert_eq!(of("aws_eip.one", "aws_eip.two"), ["aws_instance.web"]);
}

#[test]
fn removals() {
    let state = state();
    let entries = edit::remove(&state, &["aws_eip.one".into(), "workload.web".into()]).unwrap();
    assert_eq!(after(&state, entries).objects.len(), 7);
    assert!(edit::remove(&state, &["nothing.here".into()]).is_err());
    assert_eq!(edit::remove(&state, &[]).unwrap(), []);
}

#[test]
fn what_is_in_doubt_is_neither_moved_nor_given_to_another_provider() {
    let id: ObjectId = ObjectId::current("aws_eip.one".parse().unwrap());
    let state = after(&state(), vec![begin(1, 1, id, Kind::Delete)]);
    assert!(matches!(edit::move_objects(&state, "aws_eip.one", "aws_eip.x"), Err(EditError::InDoubt { .. })));
    assert!(matches!(edit::replace_provider(&state, "aws", "x/aws"), Err(EditError::InDoubt { .. })));
}

#[test]
fn a_provider_is_replaced_with_its_alias() {
    let state = state();
    let entries = edit::replace_provider(&state, "hashicorp/aws", "mirror.example/acme/aws").unwrap();
    let after = after(&state, entries);
    assert!(
        after
            .objects
            .values()
            .all(|object| object.provider.to_string() == "provider[\"mirror.example/acme/aws\"].seoul")
    );
    assert!(matches!(edit::replace_provider(&state, "azurerm", "x"), Err(EditError::NotOf { .. })));
    assert!(matches!(edit::replace_provider(&state, "a/b/c/d", "x"), Err(EditError::NoProvider { .. })));
    assert!(matches!(edit::replace_provider(&state, "", "x"), Err(EditError::NoProvider { .. })));
}

#[test]
fn one_object_is_shown_with_what_is_deposed_beside_it() {
    let state = state();
    assert_eq!(edit::show(&state, "aws_eip.one").unwrap().len(), 2);
    assert!(matches!(edit::show(&state, "aws_instance.web"), Err(EditError::Nothing { .. })));
    assert!(matches!(edit::show(&state, "module.net"), Err(EditError::NoAddress { .. })));
}

#[test]
fn a_provider_prints_as_terraform_writes_it() {
    for text in ["provider[\"registry.terraform.io/hashicorp/aws\"]", "module.a.provider[\"h/n/t\"].west"] {
        assert_eq!(ProviderRef::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "provider.aws",
        "provider[\"\"]",
        "xprovider[\"a\"]",
        "provider[\"a\"].",
        "provider[\"a\"].b.c",
        "provider[\"a\"]x",
    ] {
        assert_eq!(ProviderRef::parse(text), None, "{text}");
    }
}

#[test]
fn what_is_in_doubt_can_be_let_go() {
    let mut state = state();
    let made = ObjectId::current("aws_instance.new".parse().unwrap());
    let there = ObjectId::current("aws_eip.one".parse().unwrap());
    state.runs = 1;
    let entries = vec![begin(2, 0, made.clone(), Kind::Create), begin(2, 1, there.clone(), Kind::Update)];
    let state = after(&state, entries);
    assert_eq!(state.open.len(), 2);
    let entries = edit::remove(&state, &["aws_instance.new".into(), "aws_eip.one".into()]).unwrap();
    let left = after(&state, entries);
    assert!(left.open.is_empty());
    assert!(!left.objects.contains_key(&made) && !left.objects.contains_key(&there));
}
