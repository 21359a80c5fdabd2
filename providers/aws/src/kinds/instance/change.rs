//! Changing instances in place, and ending them.

use super::{STOPS, by_ids, devices, differs, exists, state};
use crate::api;
use crate::attr::Args;
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, BlobAttributeValue, Filter, HttpTokensState, InstanceMetadataEndpointState,
    InstanceMetadataTagsState, InstanceStateName, VolumeType,
};
use base64::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use straddle_sdk::provider::{Answers, ApplyAnswer, Failure};
use straddle_sdk::value::Value;

/// How long an instance may take to stop, to start, or to end.
const PATIENCE: Duration = Duration::from_secs(600);

/// Brings an instance from the prior to the planned object.
pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let (old, new) = (Args(prior), Args(planned));
    let id = old.must("id");
    tags::update_ec2(session, &id, prior, planned).await?;
    if old.differs(new, "vpc_security_group_ids") {
        let call = modify(session, &id).set_groups(Some(new.texts("vpc_security_group_ids")));
        session
            .ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send())
            .await
            .map_err(|p| p.about("vpc_security_group_ids"))?;
    }
    flags(session, &id, old, new).await?;
    if old.differs(new, "iam_instance_profile") {
        profile(session, &id, new.text("iam_instance_profile")).await.map_err(|p| p.about("iam_instance_profile"))?;
    }
    if let Some(block) = new.block("metadata_options")
        && old.differs(new, "metadata_options")
    {
        metadata(session, &id, block).await?;
    }
    volume(session, &id, old, new).await?;
    if STOPS.iter().any(|name| differs(old, new, name)) {
        with_a_stop(session, &id, old, new).await?;
    }
    Ok(())
}

fn modify(
    session: &Session,
    id: &str,
) -> aws_sdk_ec2::operation::modify_instance_attribute::builders::ModifyInstanceAttributeFluentBuilder {
    session.ec2.modify_instance_attribute().instance_id(id)
}

async fn flags(session: &Session, id: &str, old: Args<'_>, new: Args<'_>) -> Result<(), Problem> {
    let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
    if let Some(on) = new.flag("disable_api_termination").filter(|_| old.differs(new, "disable_api_termination")) {
        let call = modify(session, id).disable_api_termination(value(on));
        session.ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send()).await?;
    }
    if let Some(on) = new.flag("source_dest_check").filter(|_| old.differs(new, "source_dest_check")) {
        let call = modify(session, id).source_dest_check(value(on));
        session.ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send()).await?;
    }
    let behavior = "instance_initiated_shutdown_behavior";
    if let Some(word) = new.text(behavior).filter(|_| old.differs(new, behavior)) {
        let call =
            modify(session, id).instance_initiated_shutdown_behavior(AttributeValue::builder().value(word).build());
        session.ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send()).await?;
    }
    match new.flag("monitoring").filter(|_| old.differs(new, "monitoring")) {
        Some(true) => {
            let call = session.ec2.monitor_instances().instance_ids(id);
            session.ask(&api::MONITOR_INSTANCES, call.send()).await?;
        }
        Some(false) => {
            let call = session.ec2.unmonitor_instances().instance_ids(id);
            session.ask(&api::UNMONITOR_INSTANCES, call.send()).await?;
        }
        None => {}
    }
    Ok(())
}

async fn metadata(session: &Session, id: &str, block: Args<'_>) -> Result<(), Problem> {
    let call = session
        .ec2
        .modify_instance_metadata_options()
        .instance_id(id)
        .set_http_endpoint(block.text("http_endpoint").map(|v| InstanceMetadataEndpointState::from(v.as_str())))
        .set_http_tokens(block.text("http_tokens").map(|v| HttpTokensState::from(v.as_str())))
        .set_http_put_response_hop_limit(block.int32("http_put_response_hop_limit"))
        .set_instance_metadata_tags(
            block.text("instance_metadata_tags").map(|v| InstanceMetadataTagsState::from(v.as_str())),
        );
    session.ask(&api::MODIFY_INSTANCE_METADATA, call.send()).await.map_err(|p| p.about("metadata_options"))?;
    Ok(())
}

/// Gives the instance another profile, its first, or none.
async fn profile(session: &Session, id: &str, wanted: Option<String>) -> Result<(), Problem> {
    let filter = Filter::builder().name("instance-id").values(id).build();
    let call = session.ec2.describe_iam_instance_profile_associations().filters(filter);
    let found = session.ask(&api::DESCRIBE_PROFILES, call.send()).await?;
    let found = found.iam_instance_profile_associations.unwrap_or_default();
    let association = found.into_iter().find(|a| a.instance_id() == Some(id)).and_then(|a| a.association_id);
    match (association, wanted.map(super::launch::profile)) {
        (Some(association), Some(profile)) => {
            let call = session.ec2.replace_iam_instance_profile_association().association_id(association);
            session.ask(&api::REPLACE_PROFILE, call.iam_instance_profile(profile).send()).await.map(|_| ())
        }
        (None, Some(profile)) => {
            let call = session.ec2.associate_iam_instance_profile().instance_id(id).iam_instance_profile(profile);
            session.ask(&api::ASSOCIATE_PROFILE, call.send()).await.map(|_| ())
        }
        (Some(association), None) => {
            let call = session.ec2.disassociate_iam_instance_profile().association_id(association);
            session.ask(&api::DISASSOCIATE_PROFILE, call.send()).await.map(|_| ())
        }
        (None, None) => Ok(()),
    }
}

/// The root volume grows in place.
async fn volume(session: &Session, id: &str, old: Args<'_>, new: Args<'_>) -> Result<(), Problem> {
    let Some(new) = new.block(devices::ROOT) else { return Ok(()) };
    let was = match old.block(devices::ROOT) {
        Some(was) => Some(was.0.clone()),
        // Written for the first time: what there is decides what is to change.
        None => devices::root_as_it_is(session, id, &new.0.ty()).await?,
    };
    let Some(was) = was else { return Ok(()) };
    let was = Args(&was);
    let Some(id) = was.text("volume_id") else { return Ok(()) };
    let changed = |name: &str| new.get(name).is_some() && was.differs(new, name);
    if !["volume_size", "volume_type", "iops", "throughput"].into_iter().any(changed) {
        return Ok(());
    }
    let call = session
        .ec2
        .modify_volume()
        .volume_id(id)
        .set_size(new.int32("volume_size").filter(|_| changed("volume_size")))
        .set_volume_type(
            new.text("volume_type").map(|t| VolumeType::from(t.as_str())).filter(|_| changed("volume_type")),
        )
        .set_iops(new.int32("iops").filter(|_| changed("iops")))
        .set_throughput(new.int32("throughput").filter(|_| changed("throughput")));
    session.ask(&api::MODIFY_VOLUME, call.send()).await.map_err(|p| p.about("root_block_device"))?;
    Ok(())
}

/// Stops the instance, changes what can be changed only then, and starts it again. What was stopped before stays so.
async fn with_a_stop(session: &Session, id: &str, old: Args<'_>, new: Args<'_>) -> Result<(), Problem> {
    let ids = [id.to_owned()];
    let found = by_ids(session, &ids).await?;
    let ran = found.get(id).is_none_or(|i| state(i) != InstanceStateName::Stopped);
    if ran {
        session.ask(&api::STOP_INSTANCES, session.ec2.stop_instances().instance_ids(id).send()).await?;
        reach(session, id, InstanceStateName::Stopped).await?;
    }
    let changed = while_stopped(session, id, old, new).await;
    if ran {
        let start = || session.ask(&api::START_INSTANCES, session.ec2.start_instances().instance_ids(id).send());
        session.persist(Duration::from_secs(60), start).await?;
        reach(session, id, InstanceStateName::Running).await?;
    }
    changed
}

async fn while_stopped(session: &Session, id: &str, old: Args<'_>, new: Args<'_>) -> Result<(), Problem> {
    let text = |value: String| AttributeValue::builder().value(value).build();
    if let Some(kind) = new.text("instance_type").filter(|_| old.differs(new, "instance_type")) {
        let call = modify(session, id).instance_type(text(kind));
        session.ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send()).await.map_err(|p| p.about("instance_type"))?;
    }
    if let Some(on) = new.flag("ebs_optimized").filter(|_| old.differs(new, "ebs_optimized")) {
        let call = modify(session, id).ebs_optimized(AttributeBooleanValue::builder().value(on).build());
        session.ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send()).await.map_err(|p| p.about("ebs_optimized"))?;
    }
    if differs(old, new, "user_data") || differs(old, new, "user_data_base64") {
        let encoded = new.text("user_data_base64");
        let raw = encoded.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
        let raw = raw.unwrap_or_else(|| new.must("user_data").into_bytes());
        let call = modify(session, id).user_data(BlobAttributeValue::builder().value(Blob::new(raw)).build());
        session.ask(&api::MODIFY_INSTANCE_ATTRIBUTE, call.send()).await.map_err(|p| p.about("user_data"))?;
    }
    Ok(())
}

async fn reach(session: &Session, id: &str, wanted: InstanceStateName) -> Result<(), Problem> {
    let ids = [id.to_owned()];
    let look = || async {
        let found = by_ids(session, &ids).await?;
        Ok(found.get(id).filter(|i| state(i) == wanted).map(|_| ()))
    };
    match session.until(PATIENCE, look).await? {
        Some(()) => Ok(()),
        None => {
            let words = format!("{id} is not {wanted} after {} minutes", PATIENCE.as_secs() / 60);
            Err(Problem::own(&api::DESCRIBE_INSTANCES, Nature::Refused, words))
        }
    }
}

/// Ends instances, many in one call; each answer is sent when its instance is gone.
pub async fn delete_many(session: Arc<Session>, ids: Vec<(usize, String, Value)>, answers: Answers<ApplyAnswer>) {
    /// Of one call.
    const MOST: usize = 200;
    let mut ending = BTreeMap::new();
    for some in ids.chunks(MOST) {
        let mut left: BTreeMap<String, (usize, Value)> =
            some.iter().map(|(index, id, prior)| (id.clone(), (*index, prior.clone()))).collect();
        if let Err(problem) = terminate(&session, left.keys().cloned().collect()).await {
            // One of them stands in the way of all: each on its own tells which.
            let alone = left.len() > 1;
            for (id, (index, prior)) in std::mem::take(&mut left) {
                let end = if alone { terminate(&session, vec![id.clone()]).await } else { Err(problem.clone()) };
                match end {
                    Ok(()) => {
                        left.insert(id, (index, prior));
                    }
                    Err(problem) => answers.tell(index, refused(&prior, &problem)),
                }
            }
        }
        ending.extend(left);
    }
    wait_gone(&session, ending, &answers).await;
}

fn refused(prior: &Value, problem: &Problem) -> Result<ApplyAnswer, Failure> {
    match problem.nature {
        Nature::InDoubt => Ok(ApplyAnswer::partial(prior.clone(), problem.clone())),
        _ => Err(Failure { diagnostics: problem.clone().into(), in_doubt: false }),
    }
}

async fn terminate(session: &Session, ids: Vec<String>) -> Result<(), Problem> {
    let mut ids = ids;
    while !ids.is_empty() {
        let call = session.ec2.terminate_instances().set_instance_ids(Some(ids.clone()));
        match session.ask(&api::TERMINATE_INSTANCES, call.send()).await {
            Ok(_) => return Ok(()),
            Err(problem) if problem.is_gone() => {
                // What is gone already is named in the message; the others are still to end.
                let before = ids.len();
                ids.retain(|id| !problem.message.contains(id.as_str()));
                if ids.len() == before {
                    return Err(problem);
                }
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

async fn wait_gone(session: &Session, mut left: BTreeMap<String, (usize, Value)>, answers: &Answers<ApplyAnswer>) {
    let mut pauses = session.pauses(PATIENCE);
    let mut trouble = None;
    while !left.is_empty() {
        let ids: Vec<String> = left.keys().cloned().collect();
        match by_ids(session, &ids).await {
            Ok(found) => left.retain(|id, (index, _)| {
                let gone = found.get(id).is_none_or(|i| !exists(i) && state(i) == InstanceStateName::Terminated);
                if gone {
                    answers.tell(*index, Ok(ApplyAnswer::deleted()));
                }
                !gone
            }),
            Err(problem) => trouble = Some(problem),
        }
        if !left.is_empty() && !pauses.wait().await {
            break;
        }
    }
    for (id, (index, prior)) in left {
        let why = trouble.clone().unwrap_or_else(|| {
            let words = format!("{id} was told to end and is still there");
            Problem::own(&api::DESCRIBE_INSTANCES, Nature::Refused, words)
        });
        answers.tell(index, Ok(ApplyAnswer::partial(prior, why)));
    }
}
