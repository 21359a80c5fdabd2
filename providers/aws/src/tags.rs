//! Tags: what is shown, what is written, what changed.

use crate::api;
use crate::attr::{Args, Live, text_map};
use crate::config::Settings;
use crate::ownership;
use crate::problem::Problem;
use crate::session::Session;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use std::collections::BTreeMap;
use straddle_sdk::provider::{Ownership, PlanAnswer};
use straddle_sdk::value::{Type, Value};

/// Key to value.
pub type Tags = BTreeMap<String, String>;

/// EC2's tags.
pub fn of_ec2(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|t| Some((t.key()?.to_owned(), t.value().unwrap_or_default().to_owned()))).collect()
}

/// Tags as EC2 takes them.
pub fn to_ec2(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags to be set in the call that creates something.
pub fn at_creation(kind: ResourceType, tags: &Tags) -> Option<Vec<TagSpecification>> {
    (!tags.is_empty())
        .then(|| vec![TagSpecification::builder().resource_type(kind).set_tags(Some(to_ec2(tags))).build()])
}

/// Sets `tags` and `tags_all` as they are shown: without straddle's own, and without defaults that the object does not repeat.
pub fn show(live: &mut Live, session: &Session, tags: &Tags) {
    let shown: Tags =
        tags.iter().filter(|(k, _)| session.settings.shows(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let written = Args(live.value()).map("tags");
    let defaults = &session.settings.default_tags;
    let own: Tags = shown
        .iter()
        .filter(|(k, v)| written.contains_key(*k) || defaults.get(*k) != Some(*v))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    live.collection("tags", text_map(&own));
    live.set("tags_all", Some(text_map(&shown)));
}

/// The tags an object is made with: its own, the provider's, and whose it is.
pub fn wanted(session: &Session, planned: &Value, ownership: Option<&Ownership>) -> Tags {
    let mut tags = session.settings.all_tags(&Args(planned).map("tags"));
    if let Some(ownership) = ownership {
        tags.extend(ownership::tags_of(ownership));
    }
    tags
}

/// `tags_all` follows from `tags`, so it is known in the plan.
pub fn plan(settings: &Settings, answer: &mut PlanAnswer) {
    if answer.planned.is_null() || answer.planned.get("tags_all").is_none() {
        return;
    }
    let all = match answer.planned.get("tags") {
        Some(tags) if !tags.is_wholly_known() => Value::unknown(Type::map(Type::String)),
        _ => text_map(&settings.all_tags(&Args(&answer.planned).map("tags"))),
    };
    answer.planned = answer.planned.with_attribute("tags_all", all);
}

/// What to set and which keys to remove.
pub fn change(prior: &Value, planned: &Value) -> (Tags, Vec<String>) {
    let (old, new) = (Args(prior).map("tags_all"), Args(planned).map("tags_all"));
    let set = new.iter().filter(|(k, v)| old.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    (set, old.into_keys().filter(|k| !new.contains_key(k)).collect())
}

/// Brings the tags of an EC2 object from the prior to the planned ones.
pub async fn update_ec2(session: &Session, id: &str, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let (set, removed) = change(prior, planned);
    if !set.is_empty() {
        let call = session.ec2.create_tags().resources(id).set_tags(Some(to_ec2(&set)));
        session.ask(&api::CREATE_TAGS, call.send()).await?;
    }
    if !removed.is_empty() {
        let keys = removed.into_iter().map(|key| Tag::builder().key(key).build()).collect();
        let call = session.ec2.delete_tags().resources(id).set_tags(Some(keys));
        session.ask(&api::DELETE_TAGS, call.send()).await?;
    }
    Ok(())
}

/// The EC2 object of a kind that carries the token of an attempt.
pub async fn by_token(session: &Session, kind: &str, token: &str) -> Result<Option<String>, Problem> {
    let filter = |name: &str, value: &str| aws_sdk_ec2::types::Filter::builder().name(name).values(value).build();
    let call = session
        .ec2
        .describe_tags()
        .filters(filter("key", ownership::TOKEN))
        .filters(filter("value", token))
        .filters(filter("resource-type", kind));
    let answer = session.ask(&api::DESCRIBE_TAGS, call.send()).await?;
    Ok(answer.tags.unwrap_or_default().into_iter().find_map(|t| t.resource_id))
}
