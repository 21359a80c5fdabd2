//! `show -json` of a state, against what Terraform prints for the same file.

use super::*;
use crate::state::show::{SENSITIVE, show_json, shown};
use std::collections::BTreeMap as Sorted;
use straddle_sdk::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting, Schema};
use straddle_sdk::value::{Str, Type};

fn attribute(ty: Type, sensitive: bool) -> Attribute {
    Attribute {
        ty: AttributeType::Plain(ty),
        description: String::new(),
        required: false,
        optional: true,
        computed: false,
        sensitive,
        write_only: false,
        deprecated: false,
        deprecation_message: String::new(),
        markdown: false,
    }
}

fn schema(attributes: &[(&str, Type)]) -> Schema {
    let attributes = attributes.iter().map(|(name, ty)| (Str::from(*name), attribute(ty.clone(), false))).collect();
    Schema { version: 0, block: Block { attributes, ..Block::default() } }
}

#[test]
fn as_terraform_prints_it() {
    let data = schema(&[
        ("id", Type::String),
        ("input", Type::Dynamic),
        ("output", Type::Dynamic),
        ("triggers_replace", Type::Dynamic),
    ]);
    let remote = schema(&[
        ("backend", Type::String),
        ("config", Type::Dynamic),
        ("defaults", Type::Dynamic),
        ("outputs", Type::Dynamic),
        ("workspace", Type::String),
    ]);
    let schemas = |address: &Address, _: &ProviderRef| match &*address.ty {
        "terraform_data" => Some(&data),
        _ => Some(&remote),
    };
    let files = [
        (include_str!("terraform-1.11.tfstate"), include_str!("terraform-1.11.show.json")),
        (include_str!("terraform-checks.tfstate"), include_str!("terraform-checks.show.json")),
    ];
    for (file, expected) in files {
        let state = v4::read(Path::new("x"), file.as_bytes()).unwrap();
        let (found, expected) = (show_json(&state, &schemas, None).unwrap(), expected.trim_end());
        let same = found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
        assert!(found == expected, "{:.200}\n{:.200}", &found[same..], &expected[same..]);
        assert_eq!(v4::write(&state), file);
    }
}

#[test]
fn an_empty_state_says_its_format_only() {
    assert_eq!(show_json(&State::default(), &|_, _| None, None).unwrap(), "{\"format_version\":\"1.0\"}");
    let extra = show_json(&State::default(), &|_, _| None, Some("{\"a\": 1}")).unwrap();
    assert_eq!(extra, "{\"format_version\":\"1.0\",\"straddle\":{\"a\":1}}");
}

#[test]
fn a_workload_is_a_child_module() {
    let mut state = State::default();
    state.objects.insert(server(3), object("i"));
    state.objects.insert(ObjectId::deposed(server(3).address, DeposedKey(1)), object("old"));
    let tree: serde_json::Value = serde_json::from_str(&show_json(&state, &|_, _| None, None).unwrap()).unwrap();
    let child = &tree["values"]["root_module"]["child_modules"][0];
    assert_eq!(child["address"], "workload.web");
    assert_eq!(child["resources"][0]["address"], "workload.web.aws_instance.server[\"aws-a/3\"]");
    assert_eq!(child["resources"][0]["index"], "aws-a/3");
    assert_eq!(child["resources"][1]["deposed_key"], "00000001");
}

#[test]
fn what_the_schema_or_the_state_calls_sensitive_is_not_printed() {
    let inner = Block { attributes: Sorted::from([("key".into(), attribute(Type::String, true))]), ..Block::default() };
    let mut schema = schema(&[("password", Type::String), ("tags", Type::map(Type::String)), ("n", Type::Number)]);
    schema.block.attributes.insert("token".into(), attribute(Type::String, true));
    for nesting in [Nesting::List, Nesting::Set] {
        let block = NestedBlock { block: inner.clone(), nesting, min_items: 0, max_items: 0 };
        schema.block.blocks.insert("disk".into(), block);
        let text = r#"{"password":"hunter2","tags":{"a":"x","secret":"hunter3"},"n":1.50,"token":"hunter4","disk":[{"key":"hunter5"}]}"#;
        use straddle_sdk::value::{Path, Step};
        let sensitive = vec![
            Path(vec![Step::Attr("password".into())]),
            Path(vec![Step::Attr("tags".into()), Step::Key("secret".into())]),
        ];
        let object = Object { sensitive: sensitive.into(), ..Object::new(provider(), 0, Json::new(text).unwrap()) };
        let shown = shown(&object, Some(&schema)).unwrap();
        let expected = r#"{"disk":[{"key":true}],"password":true,"tags":{"secret":true},"token":true}"#;
        assert_eq!(shown.sensitive_values.to_string(), expected);
        let redacted = shown.redacted().to_string();
        assert!(
            !redacted.contains("hunter") && redacted.contains("\"a\":\"x\"") && redacted.contains("1.50"),
            "{redacted}"
        );
        assert_eq!(redacted.matches(SENSITIVE).count(), 4);
    }
}
