//! `aws_instance`: read in page walks, started a batch at a time, changed in place where AWS can.

mod change;
mod data;
mod devices;
mod launch;
mod live;

pub use change::{delete_many, update};
pub use data::{launched, user_data, with_user_data};
pub use devices::root_volume;
pub use launch::create_many;
pub use live::live;

use crate::api;
use crate::attr::Args;
use crate::memory::Memory;
use crate::problem::{Nature, Problem};
use crate::session::{SETTLING, Session};
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName, Volume};
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use straddle_sdk::provider::{
    PlanAnswer, PlanRequest, ResourceSchema, boolean, list_block, map, number, set, set_block, string,
};
use straddle_sdk::value::{Path, Step, Type, Value};
use tokio::time::Instant;

/// Above this many instances a walk over all that straddle owns costs fewer calls than asking by id.
const WALK_FROM: usize = 200;
/// The most values of one filter.
const VALUES: usize = 200;
/// Instances of one page.
const PAGE: i32 = 1000;
/// How old a walk may be that serves a read.
const FRESH: Duration = Duration::from_secs(2);

/// What one walk over all instances of straddle found.
pub struct Walk {
    begun: Instant,
    changes: u64,
    found: Arc<BTreeMap<String, Instance>>,
}

/// The schema.
pub fn schema() -> ResourceSchema {
    let metadata = ResourceSchema::new()
        .attribute("http_endpoint", string().computed().optional())
        .attribute("http_put_response_hop_limit", number().computed().optional())
        .attribute("http_tokens", string().computed().optional())
        .attribute("instance_metadata_tags", string().computed().optional());
    let spot = ResourceSchema::new()
        .attribute("instance_interruption_behavior", string().computed().optional().replaces())
        .attribute("max_price", string().computed().optional().replaces())
        .attribute("spot_instance_type", string().computed().optional().replaces());
    let market = ResourceSchema::new()
        .attribute("market_type", string().computed().optional().replaces())
        .block("spot_options", list_block(spot).items(0, 1));
    let template = ResourceSchema::new()
        .attribute("id", string().computed().optional().replaces())
        .attribute("name", string().computed().optional().replaces())
        .attribute("version", string().computed().optional().replaces().describe("A number, $Latest or $Default."));
    let schema = ResourceSchema::new()
        .describe("A virtual machine.")
        .attribute("ami", string().computed().optional().replaces())
        .attribute("arn", string().computed())
        .attribute("associate_public_ip_address", boolean().computed().optional().replaces())
        .attribute("availability_zone", string().computed().optional().replaces())
        .attribute("disable_api_termination", boolean().computed().optional())
        .attribute("ebs_optimized", boolean().computed().optional())
        .attribute("iam_instance_profile", string().describe("Changed in place."))
        .attribute("id", string().computed())
        .attribute("instance_initiated_shutdown_behavior", string().computed().optional())
        .attribute("instance_lifecycle", string().computed())
        .attribute("instance_state", string().computed())
        .attribute("instance_type", string().computed().optional().describe("Changed in place, by a stop and a start."))
        .attribute("key_name", string().computed().optional().replaces())
        .attribute("monitoring", boolean().computed().optional())
        .attribute("placement_group", string().computed().optional().replaces())
        .attribute("primary_network_interface_id", string().computed())
        .attribute("private_dns", string().computed())
        .attribute("private_ip", string().computed().optional().replaces())
        .attribute("public_dns", string().computed())
        .attribute("public_ip", string().computed())
        .attribute("source_dest_check", boolean().computed().optional())
        .attribute("subnet_id", string().computed().optional().replaces())
        .attribute("tags", map(Type::String))
        .attribute("tags_all", map(Type::String).computed())
        .attribute("tenancy", string().computed().optional().replaces())
        .attribute(
            "user_data",
            string().computed().optional().describe("Changed in place, by a stop and a start, unless it replaces."),
        )
        .attribute("user_data_base64", string().computed().optional().describe("As user_data, encoded already."))
        .attribute("user_data_replace_on_change", boolean().describe("Whether new user data makes a new instance."))
        .attribute("vpc_security_group_ids", set(Type::String).computed().optional());
    schema
        .block(devices::EXTRA, set_block(devices::extra_schema()))
        .block("instance_market_options", list_block(market).items(0, 1))
        .block("launch_template", list_block(template).items(0, 1))
        .block("metadata_options", list_block(metadata).items(0, 1))
        .block(devices::ROOT, list_block(devices::root_schema()).items(0, 1))
}

/// What needs a stop and a start.
pub const STOPS: &[&str] = &["instance_type", "ebs_optimized", "user_data", "user_data_base64"];

/// What the schema alone cannot say about a change.
pub fn plan(request: &PlanRequest, answer: &mut PlanAnswer) {
    if request.prior.is_null() {
        return;
    }
    devices::plan(request, answer);
    let (prior, planned) = (Args(&request.prior), Args(&answer.planned));
    let data: Vec<&str> =
        ["user_data", "user_data_base64"].into_iter().filter(|name| differs(prior, planned, name)).collect();
    if planned.flag("user_data_replace_on_change") == Some(true) {
        answer.requires_replace.extend(data.iter().map(|name| Path(vec![Step::Attr((*name).into())])));
    }
    if STOPS.iter().any(|name| differs(prior, planned, name)) {
        for name in ["public_ip", "public_dns"] {
            answer.planned = answer.planned.with_attribute(name, Value::unknown(Type::String));
        }
    }
}

/// Whether two objects differ there, an unknown counting as a difference; user data that one of them has as a digest only (which is
/// how other providers keep it) is compared by digest.
fn differs(a: Args<'_>, b: Args<'_>, name: &str) -> bool {
    if b.0.get(name).is_some_and(Value::is_unknown) {
        return true;
    }
    a.differs(b, name) && !(name == "user_data" && same_data(a.text(name), b.text(name)))
}

fn same_data(a: Option<String>, b: Option<String>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    let digest = |text: &str| {
        use sha1::Digest;
        HEXLOWER.encode(&sha1::Sha1::digest(text.as_bytes()))
    };
    a == b || a == digest(&b) || digest(&a) == b
}

/// Whether it is there at all: what is terminated is shown for an hour more.
pub fn exists(instance: &Instance) -> bool {
    !matches!(state(instance), InstanceStateName::Terminated | InstanceStateName::ShuttingDown)
}

/// Its state; unknown ones are as AWS says.
pub fn state(instance: &Instance) -> InstanceStateName {
    instance.state().and_then(|s| s.name()).cloned().unwrap_or(InstanceStateName::Pending)
}

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// Instances by a filter, page by page.
async fn pages(session: &Session, filters: Vec<Filter>) -> Result<BTreeMap<String, Instance>, Problem> {
    let mut found = BTreeMap::new();
    let mut next = None;
    loop {
        let call = session.ec2.describe_instances().set_filters(Some(filters.clone())).max_results(PAGE);
        let answer = session.ask(&api::DESCRIBE_INSTANCES, call.set_next_token(next.clone()).send()).await?;
        for instance in
            answer.reservations.unwrap_or_default().into_iter().flat_map(|r| r.instances.unwrap_or_default())
        {
            if let Some(id) = instance.instance_id.clone() {
                found.insert(id, instance);
            }
        }
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => return Ok(found),
        }
    }
}

/// Instances by id; those that the API does not show are missing.
pub async fn by_ids(session: &Session, ids: &[String]) -> Result<BTreeMap<String, Instance>, Problem> {
    let mut found = BTreeMap::new();
    for some in ids.chunks(VALUES) {
        found.extend(pages(session, vec![filter("instance-id", some.to_vec())]).await?);
    }
    Ok(found)
}

/// Instances of an owner, or of any.
pub async fn owned(session: &Session, owner: Option<&str>) -> Result<BTreeMap<String, Instance>, Problem> {
    let by = match owner {
        Some(owner) => filter(&format!("tag:{}", crate::ownership::OWNER), [owner.to_owned()]),
        None => filter("tag-key", [crate::ownership::OWNER.to_owned()]),
    };
    pages(session, vec![by]).await
}

/// Instances that carry a tag with this value.
pub async fn tagged(session: &Session, key: &str, value: &str) -> Result<BTreeMap<String, Instance>, Problem> {
    pages(session, vec![filter(&format!("tag:{key}"), [value.to_owned()])]).await
}

/// All instances that straddle made: one walk that readers of the same moment share.
pub async fn all_owned(session: &Session) -> Result<Arc<BTreeMap<String, Instance>>, Problem> {
    let asked = Instant::now();
    let mut last = session.walk.lock().await;
    if let Some(walk) = last.as_ref().filter(|w| w.begun + FRESH >= asked && w.changes == session.changes()) {
        return Ok(walk.found.clone());
    }
    let (begun, changes) = (Instant::now(), session.changes());
    let found = Arc::new(owned(session, None).await?);
    *last = Some(Walk { begun, changes, found: found.clone() });
    Ok(found)
}

/// Instances by id, however many.
async fn look(session: &Session, ids: &[String]) -> Result<BTreeMap<String, Instance>, Problem> {
    let mut found = BTreeMap::new();
    if ids.len() > WALK_FROM {
        let all = all_owned(session).await?;
        found.extend(ids.iter().filter_map(|id| Some((id.clone(), all.get(id)?.clone()))));
    }
    let rest: Vec<String> = ids.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
    found.extend(by_ids(session, &rest).await?);
    Ok(found)
}

/// Of the instances that no list shows: those that are there all the same. Some made a short time ago may only not be visible yet,
/// and are waited for.
async fn there_after_all(
    session: &Session,
    ids: Vec<String>,
    wait: Duration,
) -> Result<BTreeMap<String, Instance>, Problem> {
    let mut found = BTreeMap::new();
    let mut pauses = session.pauses(wait);
    loop {
        let mut asked: Vec<String> = ids.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
        while !asked.is_empty() {
            let some: Vec<String> = asked.iter().take(VALUES).cloned().collect();
            let call = session.ec2.describe_instances().set_instance_ids(Some(some.clone()));
            match session.ask(&api::DESCRIBE_INSTANCES, call.send()).await {
                Ok(answer) => {
                    let all = answer.reservations.unwrap_or_default();
                    let all = all.into_iter().flat_map(|r| r.instances.unwrap_or_default());
                    found.extend(all.filter_map(|i| Some((i.instance_id.clone()?, i))));
                    asked.retain(|id| !some.contains(id));
                }
                // The message names what does not exist; without a name it is about all of them.
                Err(problem) if problem.is_gone() => {
                    let named = some.iter().any(|id| problem.message.contains(id.as_str()));
                    asked.retain(|id| !some.contains(id) || (named && !problem.message.contains(id.as_str())));
                }
                Err(problem) => return Err(problem),
            }
        }
        if found.len() == ids.len() || wait.is_zero() || !pauses.wait().await {
            return Ok(found);
        }
    }
}

/// Volumes by id.
async fn volumes(session: &Session, ids: &[String]) -> Result<BTreeMap<String, Volume>, Problem> {
    let mut found = BTreeMap::new();
    for some in ids.chunks(VALUES) {
        let mut next = None;
        loop {
            let call = session.ec2.describe_volumes().filters(filter("volume-id", some.to_vec())).max_results(500);
            let answer = session.ask(&api::DESCRIBE_VOLUMES, call.set_next_token(next.clone()).send()).await?;
            let all = answer.volumes.unwrap_or_default();
            found.extend(all.into_iter().filter_map(|v| Some((v.volume_id.clone()?, v))));
            match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
                Some(token) => next = Some(token),
                None => break,
            }
        }
    }
    Ok(found)
}

/// What is read: an object as last known, and what was kept with it.
pub struct Known<'v> {
    /// The object as last known.
    pub state: &'v Value,
    /// What was kept with it.
    pub memory: Memory,
}

/// Whether nothing but its id is known of it: it was just imported.
fn is_new(args: Args<'_>) -> bool {
    args.text("ami").is_none() && args.text("instance_type").is_none()
}

/// The objects as they are, in the order asked; `None`: gone.
pub async fn read_many(session: &Session, known: &[Known<'_>]) -> Vec<Result<Option<(Value, Memory)>, Problem>> {
    let ids: Vec<String> = known.iter().map(|k| Args(k.state).must("id")).collect();
    let all = |problem: &Problem| known.iter().map(|_| Err(problem.clone())).collect();
    let mut found = match look(session, &ids).await {
        Ok(found) => found,
        Err(problem) => return all(&problem),
    };
    // What was there a moment ago and is not shown now is looked at by its own name before it is believed to be gone.
    for (young, wait) in [(false, Duration::ZERO), (true, SETTLING)] {
        let missing = ids.iter().zip(known).filter(|(id, k)| k.memory.is_young() == young && !id.is_empty());
        let missing: Vec<String> = missing.map(|(id, _)| id.clone()).filter(|id| !found.contains_key(id)).collect();
        match there_after_all(session, missing, wait).await {
            Ok(more) => found.extend(more),
            Err(problem) => return all(&problem),
        }
    }
    let seen = ids.iter().zip(known).filter_map(|(id, k)| Some(devices::volumes_to_see(found.get(id)?, k.state)));
    let seen: Vec<String> = seen.flatten().collect();
    let volumes = match volumes(session, &seen).await {
        Ok(volumes) => volumes,
        Err(problem) => return all(&problem),
    };
    let mut all = Vec::with_capacity(known.len());
    for (id, known) in ids.iter().zip(known) {
        all.push(match found.get(id).filter(|instance| exists(instance)) {
            Some(instance) => {
                let told = data::with_what_no_list_tells(session, instance, known.state, known.memory.clone()).await;
                told.map(|(base, memory)| Some((live(session, instance, &volumes, &base), memory)))
            }
            None => Ok(None),
        });
    }
    all
}

/// Waits until each of the instances runs, and tells of each as it does, or why it never will.
async fn wait_running(session: &Session, ids: Vec<String>, mut tell: impl FnMut(&str, Result<&Instance, Problem>)) {
    const BOOT: Duration = Duration::from_secs(600);
    let mut left = ids;
    let mut pauses = session.pauses(BOOT);
    let mut last: BTreeMap<String, Instance> = BTreeMap::new();
    let mut trouble = None;
    while !left.is_empty() {
        match by_ids(session, &left).await {
            Ok(found) => last.extend(found),
            Err(problem) => trouble = Some(problem),
        }
        left.retain(|id| {
            let Some(instance) = last.get(id) else { return true };
            match state(instance) {
                InstanceStateName::Running | InstanceStateName::Stopped => tell(id, Ok(instance)),
                InstanceStateName::Terminated | InstanceStateName::ShuttingDown => tell(id, Err(died(instance))),
                _ => return true,
            }
            false
        });
        if !left.is_empty() && !pauses.wait().await {
            break;
        }
    }
    for id in left {
        let why = trouble.clone().unwrap_or_else(|| {
            let words = format!("{id} was started and does not run after {} minutes", BOOT.as_secs() / 60);
            Problem::own(&api::DESCRIBE_INSTANCES, Nature::Refused, words)
        });
        tell(&id, Err(why));
    }
}

/// Why an instance ended as soon as it was started.
fn died(instance: &Instance) -> Problem {
    let reason = instance.state_reason();
    let code = reason.and_then(|r| r.code()).unwrap_or_default();
    let words = reason.and_then(|r| r.message()).unwrap_or("AWS gives no reason");
    let short = ["Capacity", "Limit", "Spot"].iter().any(|word| code.contains(word));
    let nature = if short { Nature::Shortage } else { Nature::Refused };
    let id = instance.instance_id().unwrap_or_default();
    let mut problem =
        Problem::own(&api::RUN_INSTANCES, nature, format!("{id} was ended as soon as it was started: {words}"));
    problem.code = code.into();
    problem
}
