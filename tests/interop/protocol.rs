//! The client itself against the Go servers: calls that no configuration makes yet, or that are easier seen one by one.

use super::build;
use straddle::plugin::{CallError, Found, ImportBy, Launcher, MoveRequest, Plugin, ReadRequest, Settings};
use straddle_sdk::value::{Str, Type, Value};

async fn start(name: &str) -> Option<(Plugin, tempfile::TempDir)> {
    let program = build::providers()?.join(format!("terraform-provider-{name}"));
    let store = tempfile::tempdir().unwrap();
    // The store is the working directory's: each test has its own process, but not its own environment.
    let settings = Settings { working_dir: Some(store.path().to_owned()), ..Settings::default() };
    let plugin = Launcher::new(settings).unwrap().start(name, &Found::program(program)).await.unwrap();
    Some((plugin, store))
}

fn object(parts: &[(&str, Value)]) -> Value {
    Value::object(parts.iter().map(|(name, value)| (Str::from(*name), value.clone())).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_the_protocol_tell_what_they_offer() {
    let Some((old, _dir)) = start("old").await else { return };
    let server = &old.schemas().resources["old_server"];
    assert_eq!(server.version, 2);
    assert!(server.block.attributes["secret"].write_only && server.block.attributes["password"].sensitive);
    assert!(server.block.attributes["old_name"].deprecated);
    assert_eq!(server.block.blocks["disk"].max_items, 3);
    assert!(server.block.attributes.contains_key("peer") && server.block.blocks.contains_key("timeouts"));
    old.shutdown().await;
    let Some((new, _dir)) = start("new").await else { return };
    let schemas = new.schemas();
    assert!(schemas.move_state && schemas.plan_destroy && schemas.cacheable);
    assert!(schemas.provider.block.markdown);
    assert_eq!(schemas.functions["join"].variadic.as_ref().unwrap().ty, Type::String);
    assert!(schemas.functions["describe"].parameters[0].null);
    assert!(schemas.identities["new_known"].attributes["id"].required);
    assert!(schemas.ephemeral.contains_key("new_token") && schemas.lists.contains_key("new_known"));
    new.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_without_a_configuration() {
    let Some((new, _dir)) = start("new").await else { return };
    let text = |t: &str| Value::string(t);
    let joined = new.function("join", &[text("-"), text("a"), text("b")]).await.unwrap().unwrap();
    assert_eq!(joined.as_str(), Some("a-b"));
    let none = new.function("join", &[text("-")]).await.unwrap().unwrap();
    assert_eq!(none.as_str(), Some(""));
    let problem = new.function("join", &[text("-"), text("a"), text("")]).await.unwrap().unwrap_err();
    assert_eq!((problem.argument, problem.text.as_str()), (Some(2), "no word may be empty"));
    let described = new.function("describe", &[Value::null(Type::Dynamic)]).await.unwrap().unwrap();
    assert!(described.get("null").is_some());
    assert!(new.function("even", &[Value::number(-1)]).await.unwrap().is_err());
    assert!(matches!(new.function("odd", &[]).await, Err(CallError::Request { .. })));
    assert!(matches!(
        new.function("even", &[Value::number(1), Value::number(2)]).await,
        Err(CallError::Request { .. })
    ));
    new.shutdown().await;
}

async fn configured(name: &str) -> Option<(Plugin, tempfile::TempDir)> {
    let (plugin, dir) = start(name).await?;
    plugin.configure(plugin.schemas().provider.empty()).await.unwrap();
    Some((plugin, dir))
}

#[tokio::test(flavor = "multi_thread")]
async fn ephemeral_resources_are_opened_renewed_and_closed() {
    let Some((new, _dir)) = configured("new").await else { return };
    let config = new.schemas().ephemeral["new_token"].block.value_with(vec![
        (Str::from("name"), Value::string("t")),
        (Str::from("renew"), Value::from(straddle_sdk::value::Kind::Bool(true))),
    ]);
    new.validate_ephemeral("new_token", &config).await.unwrap();
    let opened = new.open("new_token", &config).await.unwrap();
    assert_eq!(opened.result.get("value").and_then(Value::as_str), Some("token-of-t"));
    assert!(opened.renew_at.is_some());
    let renewed = new.renew("new_token", opened.private.as_deref()).await.unwrap();
    assert!(renewed.renew_at > opened.renew_at);
    new.close("new_token", renewed.private.as_deref()).await.unwrap();
    new.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_found_by_id_and_by_identity_and_listed() {
    let Some((new, _dir)) = configured("new").await else { return };
    let by_id = new.import("new_known", &ImportBy::Id("known-x-1".into())).await.unwrap().value;
    assert_eq!(by_id[0].state.get("id").and_then(Value::as_str), Some("known-x-1"));
    let identity = object(&[("id", Value::string("known-x-1")), ("region", Value::null(Type::String))]);
    let by_identity = new.import("new_known", &ImportBy::Identity(identity.clone())).await.unwrap().value;
    assert_eq!(by_identity[0].identity.as_ref().and_then(|i| i.get("id")).and_then(Value::as_str), Some("known-x-1"));
    let request = ReadRequest {
        type_name: "new_known".into(),
        current: by_identity[0].state.clone(),
        private: by_identity[0].private.clone(),
        identity: by_identity[0].identity.clone(),
        meta: None,
    };
    assert!(new.read(request).await.unwrap().state.is_null(), "what is not there reads as null");
    assert!(matches!(new.import("new_thing", &ImportBy::Identity(identity)).await, Err(CallError::Request { .. })));

    let query = new.schemas().lists["new_known"].block.value_with(vec![(Str::from("prefix"), Value::string("p-"))]);
    new.validate_list("new_known", &query).await.unwrap();
    let all = new.list("new_known", &query, true, 0).await.unwrap();
    assert_eq!(all.iter().map(|l| l.display_name.as_str()).collect::<Vec<_>>(), ["The alpha", "The beta", "The gamma"]);
    assert_eq!(all[0].state.as_ref().and_then(|s| s.get("id")).and_then(Value::as_str), Some("p-alpha"));
    assert_eq!(all[0].identity.get("region").and_then(Value::as_str), Some("seoul"));
    let two = new.list("new_known", &query, false, 2).await.unwrap();
    assert!(two.len() == 2 && two[0].state.is_none());
    new.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_provider_is_taken_over() {
    let Some((new, _dir)) = start("new").await else { return };
    let request = MoveRequest {
        provider: "registry.terraform.io/interop/old".into(),
        type_name: "old_server".into(),
        version: 2,
        attributes: br#"{"id":"server-a-1","name":"a"}"#.to_vec(),
        private: Vec::new(),
        identity: None,
        target: "new_heir".into(),
    };
    let moved = new.move_state(&request).await.unwrap();
    assert_eq!(moved.state.get("from").and_then(Value::as_str), Some("registry.terraform.io/interop/old old_server"));
    let foreign = MoveRequest { type_name: "old_sloppy".into(), ..request };
    assert!(matches!(new.move_state(&foreign).await, Err(CallError::Refused { .. })));
    new.shutdown().await;
}
