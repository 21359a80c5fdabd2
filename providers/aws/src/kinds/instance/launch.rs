//! Starting instances: as many in one call as are alike, each once, whatever becomes of the replies.

use super::{devices, died, exists, launched, live, tagged, volumes, wait_running};
use crate::api;
use crate::attr::{Args, known, settled};
use crate::memory::Memory;
use crate::ownership;
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags::{self, Tags};
use aws_sdk_ec2::types::{
    HttpTokensState, IamInstanceProfileSpecification, Instance, InstanceInterruptionBehavior,
    InstanceMarketOptionsRequest, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceMetadataTagsState, InstanceNetworkInterfaceSpecification, InstanceType, LaunchTemplateSpecification,
    MarketType, Placement, ResourceType, RunInstancesMonitoringEnabled, ShutdownBehavior, SpotInstanceType,
    SpotMarketOptions, TagSpecification, Tenancy,
};
use base64::Engine;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use straddle_sdk::provider::{Answers, ApplyAnswer, ApplyRequest, Failure, Ownership};
use straddle_sdk::value::{Type, Value};

/// Batches under way at the same time.
const AT_ONCE: usize = 6;

/// One instance to be started.
#[derive(Clone)]
struct Item {
    index: usize,
    planned: Value,
    ownership: Option<Ownership>,
}

impl Item {
    fn tags(&self, session: &Session) -> Tags {
        session.settings.all_tags(&Args(&self.planned).map("tags"))
    }

    /// Tokens are numbered: the shorter comes first.
    fn order(&self) -> (usize, &str, usize) {
        let token = self.ownership.as_ref().map_or("", |o| o.token.as_str());
        (token.len(), token, self.index)
    }
}

/// Starts instances; each answer is sent as soon as its instance runs.
pub async fn create_many(session: Arc<Session>, requests: Vec<(usize, ApplyRequest)>, answers: Answers<ApplyAnswer>) {
    let mut alike: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for (index, request) in requests {
        let item = Item { index, planned: request.planned, ownership: request.ownership };
        let text = Value::null(Type::map(Type::String));
        let apart = known(&item.planned).with_attribute("tags", text.clone()).with_attribute("tags_all", text);
        let owner = item.ownership.as_ref().map(|o| o.owner.clone());
        // Without an owner nobody could tell afterwards which of several is whose.
        let own = if owner.is_none() { format!("{index}") } else { String::new() };
        alike.entry(format!("{apart:?}{owner:?}{own}")).or_default().push(item);
    }
    let mut running = tokio::task::JoinSet::new();
    for mut items in alike.into_values() {
        items.sort_by(|a, b| a.order().cmp(&b.order()));
        for batch in fitting(items) {
            while running.len() >= AT_ONCE {
                running.join_next().await;
            }
            let (session, answers) = (session.clone(), answers.clone());
            running.spawn(async move { start(&session, batch, &answers).await });
        }
    }
    while running.join_next().await.is_some() {}
}

/// Batches whose ownership fits into tags.
fn fitting(items: Vec<Item>) -> Vec<Vec<Item>> {
    let owners: Option<Vec<&Ownership>> = items.iter().map(|i| i.ownership.as_ref()).collect();
    let fits = owners.is_none_or(|owners| owners.len() == 1 || ownership::tags_of_batch(&owners).is_some());
    if items.len() <= 1 || fits {
        return vec![items];
    }
    let mut first = items;
    let second = first.split_off(first.len() / 2);
    let mut all = fitting(first);
    all.extend(fitting(second));
    all
}

/// Starts one batch; where there is no room for all of it, as much of it as there is room for.
async fn start(session: &Arc<Session>, batch: Vec<Item>, answers: &Answers<ApplyAnswer>) {
    let mut waiting = vec![batch];
    while let Some(mut batch) = waiting.pop() {
        match run(session, &batch).await {
            Ok(started) => finish(session, batch, started, answers).await,
            Err(problem) if problem.nature == Nature::Shortage && batch.len() > 1 => {
                let second = batch.split_off(batch.len() / 2);
                waiting.push(second);
                waiting.push(batch);
            }
            Err(problem) => {
                if problem.nature == Nature::Shortage {
                    note_shortage(session, &batch, &problem).await;
                }
                for item in batch {
                    answers.tell(item.index, Err(failure(&problem)));
                }
            }
        }
    }
}

fn failure(problem: &Problem) -> Failure {
    Failure { diagnostics: problem.clone().into(), in_doubt: problem.nature == Nature::InDoubt }
}

/// Remembers that a place had no room: by its zone, or by the zone of its subnet.
async fn note_shortage(session: &Session, batch: &[Item], problem: &Problem) {
    let Some(first) = batch.first() else { return };
    let args = Args(&first.planned);
    let mut zone = args.text("availability_zone");
    if let (None, Some(subnet)) = (&zone, args.text("subnet_id")) {
        let call = session.ec2.describe_subnets().subnet_ids(subnet);
        let found = session.ask(&api::DESCRIBE_SUBNETS, call.send()).await.ok().and_then(|answer| answer.subnets);
        zone = found.unwrap_or_default().into_iter().find_map(|s| s.availability_zone);
    }
    if let Some(zone) = zone {
        session.ran_short(&zone, &problem.message);
    }
}

/// The request for a batch, with its token; what the API made of it, by launch index.
async fn run(session: &Session, batch: &[Item]) -> Result<BTreeMap<usize, Instance>, Problem> {
    let Some(first) = batch.first() else { return Ok(BTreeMap::new()) };
    let token = client_token(batch);
    let mut owned = match batch.iter().map(|i| i.ownership.as_ref()).collect::<Option<Vec<_>>>() {
        Some(owners) => ownership::tags_of_batch(&owners).unwrap_or_else(|| ownership::tags_of(owners[0])),
        None => Tags::new(),
    };
    let mark = [ownership::TOKENS, ownership::TOKEN].into_iter().find_map(|k| Some((k, owned.get(k)?.clone())));
    let mut common = first.tags(session);
    for item in batch {
        let tags = item.tags(session);
        common.retain(|key, value| tags.get(key) == Some(value));
    }
    owned.extend(common);
    let count = i32::try_from(batch.len()).unwrap_or(1);
    let mut pauses = session.pauses(Duration::from_secs(180));
    let root = root_name(session, &first.planned).await?;
    loop {
        let call = request(session, &first.planned, &owned, root.as_deref())
            .min_count(count)
            .max_count(count)
            .client_token(&token);
        let problem = match session.ask(&api::RUN_INSTANCES, call.send()).await {
            Ok(answer) => return Ok(by_index(answer.instances.unwrap_or_default())),
            Err(problem) => problem,
        };
        match (&mark, problem.nature) {
            (_, Nature::Throttled) => {}
            // No reply: look before asking again. Asking again carries the same token, so that AWS makes nothing twice.
            (Some((key, value)), Nature::InDoubt) => {
                let look = || async {
                    let found = tagged(session, key, value).await?;
                    Ok((!found.is_empty()).then_some(found))
                };
                if let Some(found) = session.until(Duration::from_secs(4), look).await.ok().flatten() {
                    return Ok(by_index(found.into_values().collect()));
                }
            }
            (None, Nature::InDoubt) => {}
            _ => return Err(problem),
        }
        if !pauses.wait().await {
            return Err(problem);
        }
    }
}

fn by_index(instances: Vec<Instance>) -> BTreeMap<usize, Instance> {
    let index = |i: &Instance| i.ami_launch_index().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    instances.into_iter().map(|i| (index(&i), i)).collect()
}

/// The same for every attempt at the same batch. Without an owner: for every attempt of this process.
fn client_token(batch: &[Item]) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut digest = Sha256::new();
    for item in batch {
        match &item.ownership {
            Some(ownership) => digest.update(format!("{}\n{}\n", ownership.owner, ownership.token)),
            None => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                let (n, process) = (NEXT.fetch_add(1, Ordering::SeqCst), std::process::id());
                digest.update(format!("{}.{process}.{n}\n", now.as_nanos()));
            }
        }
        digest.update(format!("{:?}\n", known(&item.planned)));
    }
    HEXLOWER.encode(&digest.finalize())
}

fn request(
    session: &Session,
    planned: &Value,
    tags: &Tags,
    root: Option<&str>,
) -> aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder {
    let args = Args(planned);
    let encode = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let groups = args.texts("vpc_security_group_ids");
    let groups = (!groups.is_empty()).then_some(groups);
    let mut call = session
        .ec2_once
        .run_instances()
        .set_image_id(args.text("ami"))
        .set_instance_type(args.text("instance_type").map(|t| InstanceType::from(t.as_str())))
        .set_key_name(args.text("key_name"))
        .set_user_data(args.text("user_data_base64").or_else(|| args.text("user_data").map(encode)))
        .set_disable_api_termination(args.flag("disable_api_termination"))
        .set_ebs_optimized(args.flag("ebs_optimized"))
        .set_instance_initiated_shutdown_behavior(
            args.text("instance_initiated_shutdown_behavior").map(|b| ShutdownBehavior::from(b.as_str())),
        )
        .set_monitoring(args.flag("monitoring").map(|on| RunInstancesMonitoringEnabled::builder().enabled(on).build()))
        .set_iam_instance_profile(args.text("iam_instance_profile").map(profile))
        .set_launch_template(args.block("launch_template").map(template))
        .set_metadata_options(args.block("metadata_options").map(metadata))
        .set_instance_market_options(args.block("instance_market_options").map(market))
        .set_placement(placement(args))
        .set_block_device_mappings(devices::mappings(args, root));
    call = match args.flag("associate_public_ip_address") {
        // A public address is asked for with an interface, and then the interface has subnet, groups and address.
        Some(public) => call.network_interfaces(
            InstanceNetworkInterfaceSpecification::builder()
                .device_index(0)
                .associate_public_ip_address(public)
                .delete_on_termination(true)
                .set_subnet_id(args.text("subnet_id"))
                .set_private_ip_address(args.text("private_ip"))
                .set_groups(groups)
                .build(),
        ),
        None => call
            .set_subnet_id(args.text("subnet_id"))
            .set_private_ip_address(args.text("private_ip"))
            .set_security_group_ids(groups),
    };
    for kind in [ResourceType::Instance, ResourceType::Volume] {
        let mine: Tags = match kind {
            ResourceType::Instance => tags.clone(),
            _ => tags
                .iter()
                .filter(|(k, _)| k.as_str() == ownership::OWNER)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        };
        if !mine.is_empty() {
            let tags = Some(tags::to_ec2(&mine));
            call = call.tag_specifications(TagSpecification::builder().resource_type(kind).set_tags(tags).build());
        }
    }
    call
}

/// A profile by its name, or by its ARN.
pub(super) fn profile(name: String) -> IamInstanceProfileSpecification {
    let profile = IamInstanceProfileSpecification::builder();
    if name.starts_with("arn:") { profile.arn(name).build() } else { profile.name(name).build() }
}

fn template(block: Args<'_>) -> LaunchTemplateSpecification {
    let id = block.text("id");
    // By one of the two.
    let name = block.text("name").filter(|_| id.is_none());
    LaunchTemplateSpecification::builder()
        .set_launch_template_id(id)
        .set_launch_template_name(name)
        .set_version(block.text("version"))
        .build()
}

/// Metadata options as they are asked for at a start.
pub(super) fn metadata(block: Args<'_>) -> InstanceMetadataOptionsRequest {
    InstanceMetadataOptionsRequest::builder()
        .set_http_endpoint(block.text("http_endpoint").map(|v| InstanceMetadataEndpointState::from(v.as_str())))
        .set_http_tokens(block.text("http_tokens").map(|v| HttpTokensState::from(v.as_str())))
        .set_http_put_response_hop_limit(block.int32("http_put_response_hop_limit"))
        .set_instance_metadata_tags(
            block.text("instance_metadata_tags").map(|v| InstanceMetadataTagsState::from(v.as_str())),
        )
        .build()
}

fn market(block: Args<'_>) -> InstanceMarketOptionsRequest {
    let spot = block.block("spot_options").map(|spot| {
        SpotMarketOptions::builder()
            .set_max_price(spot.text("max_price"))
            .set_spot_instance_type(spot.text("spot_instance_type").map(|v| SpotInstanceType::from(v.as_str())))
            .set_instance_interruption_behavior(
                spot.text("instance_interruption_behavior").map(|v| InstanceInterruptionBehavior::from(v.as_str())),
            )
            .build()
    });
    let kind = block.text("market_type").unwrap_or_else(|| "spot".to_owned());
    InstanceMarketOptionsRequest::builder().market_type(MarketType::from(kind.as_str())).set_spot_options(spot).build()
}

fn placement(args: Args<'_>) -> Option<Placement> {
    let (zone, group) = (args.text("availability_zone"), args.text("placement_group"));
    let tenancy = args.text("tenancy").map(|t| Tenancy::from(t.as_str()));
    // Where there is a subnet it says the zone; the zone then is only what the subnet is held to.
    let zone = zone.filter(|_| args.text("subnet_id").is_none());
    let any = zone.is_some() || group.is_some() || tenancy.is_some();
    any.then(|| Placement::builder().set_availability_zone(zone).set_group_name(group).set_tenancy(tenancy).build())
}

/// What the image calls the device it boots from, where the plan says something about it.
async fn root_name(session: &Session, planned: &Value) -> Result<Option<String>, Problem> {
    let args = Args(planned);
    let Some(image) = args.text("ami").filter(|_| !args.blocks(devices::ROOT).is_empty()) else {
        return Ok(None);
    };
    let call = session.ec2.describe_images().image_ids(image);
    let answer = session.ask(&api::DESCRIBE_IMAGES, call.send()).await.map_err(|p| p.about("ami"))?;
    Ok(answer.images.unwrap_or_default().into_iter().find_map(|i| i.root_device_name))
}

/// Names what was started, waits for it, and answers for each.
async fn finish(
    session: &Arc<Session>,
    batch: Vec<Item>,
    started: BTreeMap<usize, Instance>,
    answers: &Answers<ApplyAnswer>,
) {
    let mut common = batch.first().map(|item| item.tags(session)).unwrap_or_default();
    for item in &batch {
        let tags = item.tags(session);
        common.retain(|key, value| tags.get(key) == Some(value));
    }
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut names: BTreeMap<Tags, Vec<String>> = BTreeMap::new();
    for (at, item) in batch.into_iter().enumerate() {
        let instance = started.get(&at);
        match instance.and_then(|i| i.instance_id()).filter(|_| instance.is_some_and(exists)) {
            Some(id) => {
                let mut own = item.tags(session);
                own.retain(|key, value| common.get(key) != Some(value));
                if !own.is_empty() {
                    names.entry(own).or_default().push(id.to_owned());
                }
                items.insert(id.to_owned(), item);
            }
            None => {
                let problem = match instance {
                    Some(instance) => died(instance),
                    None => fewer(started.len()),
                };
                note_shortage(session, std::slice::from_ref(&item), &problem).await;
                answers.tell(item.index, Err(failure(&problem)));
            }
        }
    }
    let troubled = name_all(session, names).await;
    let mut done: Vec<(Item, Instance)> = Vec::new();
    wait_running(session, items.keys().cloned().collect(), |id, end| {
        let Some(item) = items.get(id) else { return };
        match end {
            Ok(instance) => done.push((item.clone(), instance.clone())),
            Err(problem) if problem.api.name == api::RUN_INSTANCES.name => {
                answers.tell(item.index, Err(failure(&problem)));
            }
            Err(problem) => {
                let started = started.values().find(|i| i.instance_id() == Some(id));
                let state = started.map(|i| settled(&item.planned, &live(session, i, &BTreeMap::new(), &item.planned)));
                answers.tell(
                    item.index,
                    match state {
                        Some(state) => Ok(ApplyAnswer::partial(state, problem)),
                        None => Err(failure(&problem)),
                    },
                );
            }
        }
    })
    .await;
    answer(session, done, &troubled, answers).await;
}

fn fewer(started: usize) -> Problem {
    Problem::own(
        &api::RUN_INSTANCES,
        Nature::Shortage,
        format!("there was room for {started} of the instances asked for in one call, and this is none of them"),
    )
}

/// Tags that differ within a batch: one call for each set of tags.
async fn name_all(session: &Arc<Session>, names: BTreeMap<Tags, Vec<String>>) -> BTreeMap<String, Problem> {
    let mut naming = tokio::task::JoinSet::new();
    let mut troubled = BTreeMap::new();
    let mut take = |end: Result<(Vec<String>, Result<(), Problem>), tokio::task::JoinError>| {
        if let Ok((ids, Err(problem))) = end {
            troubled.extend(ids.into_iter().map(|id| (id, problem.clone())));
        }
    };
    for (tags, ids) in names {
        while naming.len() >= 8 {
            if let Some(end) = naming.join_next().await {
                take(end);
            }
        }
        let session = session.clone();
        naming.spawn(async move {
            let name = || async {
                let call = session.ec2.create_tags().set_resources(Some(ids.clone()));
                session.ask(&api::CREATE_TAGS, call.set_tags(Some(tags::to_ec2(&tags))).send()).await
            };
            // What was just started may not be visible to this call yet.
            let mut pauses = session.pauses(Duration::from_secs(30));
            let end = loop {
                match name().await {
                    Err(problem) if problem.is_gone() && pauses.wait().await => {}
                    end => break end.map(|_| ()),
                }
            };
            (ids, end)
        });
    }
    while let Some(end) = naming.join_next().await {
        take(end);
    }
    troubled
}

async fn answer(
    session: &Session,
    done: Vec<(Item, Instance)>,
    troubled: &BTreeMap<String, Problem>,
    answers: &Answers<ApplyAnswer>,
) {
    let seen = done.iter().flat_map(|(item, i)| devices::volumes_to_see(i, &item.planned));
    // What a volume is like is filled in; without an answer the next read does it.
    let volumes = volumes(session, &seen.collect::<Vec<_>>()).await.unwrap_or_default();
    for (item, instance) in done {
        let state = live(session, &instance, &volumes, &item.planned);
        let trouble = instance.instance_id().and_then(|id| troubled.get(id));
        let answer = match trouble {
            // The instance is there; only its own tags are not.
            Some(problem) => ApplyAnswer::partial(state, problem.clone()),
            None => ApplyAnswer::new(settled(&item.planned, &state)),
        };
        let memory = Memory { launched: launched(&instance), ..Memory::new() };
        answers.send(item.index, Ok(answer.private(memory.bytes())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(token: &str, ami: &str) -> Item {
        let planned = Value::object(vec![("ami".into(), crate::attr::text(ami))]);
        let ownership = Ownership { owner: "l".into(), address: String::new(), token: token.into() };
        Item { index: 0, planned, ownership: Some(ownership) }
    }

    #[test]
    fn a_token_is_the_same_for_every_attempt_and_another_for_every_batch() {
        let batch = [item("l.1", "a"), item("l.2", "a")];
        assert_eq!(client_token(&batch), client_token(&batch.clone()));
        assert_eq!(client_token(&batch).len(), 64, "what AWS takes at most");
        assert_ne!(client_token(&batch), client_token(&batch[..1]));
        assert_ne!(
            client_token(&[item("l.1", "a")]),
            client_token(&[item("l.1", "b")]),
            "other arguments, other token"
        );
        let nobody = Item { ownership: None, ..item("", "a") };
        assert_ne!(client_token(std::slice::from_ref(&nobody)), client_token(std::slice::from_ref(&nobody)));
    }

    #[test]
    fn tokens_are_ordered_as_numbers() {
        let mut items = [item("l.10", "a"), item("l.9", "a"), item("l.11", "a")];
        items.sort_by(|a, b| a.order().cmp(&b.order()));
        let tokens: Vec<&str> = items.iter().filter_map(|i| i.ownership.as_ref()).map(|o| o.token.as_str()).collect();
        assert_eq!(tokens, ["l.9", "l.10", "l.11"]);
    }
}
