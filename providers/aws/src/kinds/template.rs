//! `aws_launch_template`: what to start, in numbered versions.

use super::{Own, Seed};
use crate::api;
use crate::attr::{Args, Live, text_set};
use crate::problem::Problem;
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::*;
use straddle_sdk::provider::{PlanAnswer, PlanRequest, ResourceSchema, boolean, list_block, map, number, set, string};
use straddle_sdk::value::{Type, Value, same_unrefined};

/// What is not part of a version.
const OUTSIDE: &[&str] = &[
    "id",
    "arn",
    "name",
    "name_prefix",
    "tags",
    "tags_all",
    "latest_version",
    "default_version",
    "update_default_version",
];

/// The schema.
pub fn schema() -> ResourceSchema {
    let one = |content: ResourceSchema| list_block(content).items(0, 1);
    let ebs = ResourceSchema::new()
        .attribute("delete_on_termination", boolean())
        .attribute("encrypted", boolean())
        .attribute("iops", number())
        .attribute("kms_key_id", string())
        .attribute("snapshot_id", string())
        .attribute("throughput", number())
        .attribute("volume_size", number())
        .attribute("volume_type", string());
    let device = ResourceSchema::new().attribute("device_name", string()).block("ebs", one(ebs));
    let interface = ResourceSchema::new()
        .attribute("associate_public_ip_address", boolean())
        .attribute("delete_on_termination", boolean())
        .attribute("device_index", number())
        .attribute("security_groups", set(Type::String))
        .attribute("subnet_id", string());
    let metadata = ResourceSchema::new()
        .attribute("http_endpoint", string().computed().optional())
        .attribute("http_put_response_hop_limit", number().computed().optional())
        .attribute("http_tokens", string().computed().optional())
        .attribute("instance_metadata_tags", string().computed().optional());
    let placement = ResourceSchema::new()
        .attribute("availability_zone", string())
        .attribute("group_name", string())
        .attribute("tenancy", string());
    let spot = ResourceSchema::new()
        .attribute("instance_interruption_behavior", string())
        .attribute("max_price", string())
        .attribute("spot_instance_type", string());
    let market = ResourceSchema::new().attribute("market_type", string()).block("spot_options", one(spot));
    let tagging = ResourceSchema::new().attribute("resource_type", string()).attribute("tags", map(Type::String));
    ResourceSchema::new()
        .describe("What to start, in numbered versions.")
        .attribute("arn", string().computed())
        .attribute("default_version", number().computed().optional())
        .attribute("description", string().describe("Of the version."))
        .attribute("disable_api_termination", boolean())
        .attribute("ebs_optimized", boolean())
        .attribute("id", string().computed())
        .attribute("image_id", string())
        .attribute("instance_type", string())
        .attribute("key_name", string())
        .attribute("latest_version", number().computed())
        .attribute("name", string().computed().optional().replaces())
        .attribute("name_prefix", string().optional().replaces())
        .attribute("tags", map(Type::String))
        .attribute("tags_all", map(Type::String).computed())
        .attribute("update_default_version", boolean())
        .attribute("user_data", string().describe("Base64."))
        .attribute("vpc_security_group_ids", set(Type::String))
        .block("block_device_mappings", list_block(device))
        .block(
            "iam_instance_profile",
            one(ResourceSchema::new().attribute("arn", string()).attribute("name", string())),
        )
        .block("instance_market_options", one(market))
        .block("metadata_options", one(metadata))
        .block("monitoring", one(ResourceSchema::new().attribute("enabled", boolean())))
        .block("network_interfaces", list_block(interface))
        .block("placement", one(placement))
        .block("tag_specifications", list_block(tagging))
}

/// Whether a new version is needed.
fn new_version(prior: &Value, planned: &Value) -> bool {
    let entries = planned.entries().unwrap_or_default();
    entries.iter().any(|(name, value)| {
        !OUTSIDE.contains(&&**name) && prior.get(name).is_none_or(|old| !same_unrefined(old, value))
    })
}

/// A change of what is to be started makes a new version, whose number is known afterwards.
pub fn plan(request: &PlanRequest, answer: &mut PlanAnswer) {
    if request.prior.is_null() || !new_version(&request.prior, &answer.planned) {
        return;
    }
    let unknown = || Value::unknown(Type::Number);
    answer.planned = answer.planned.with_attribute("latest_version", unknown());
    if Args(&answer.planned).flag("update_default_version") == Some(true) {
        answer.planned = answer.planned.with_attribute("default_version", unknown());
    }
}

fn data(planned: &Value) -> RequestLaunchTemplateData {
    let args = Args(planned);
    let texts = |name: &str| Some(args.texts(name)).filter(|texts| !texts.is_empty());
    let profile = args.block("iam_instance_profile").map(|block| {
        LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
            .set_arn(block.text("arn"))
            .set_name(block.text("name"))
            .build()
    });
    let monitoring = args
        .block("monitoring")
        .map(|block| LaunchTemplatesMonitoringRequest::builder().set_enabled(block.flag("enabled")).build());
    let placement = args.block("placement").map(|block| {
        LaunchTemplatePlacementRequest::builder()
            .set_availability_zone(block.text("availability_zone"))
            .set_group_name(block.text("group_name"))
            .set_tenancy(block.text("tenancy").map(|t| Tenancy::from(t.as_str())))
            .build()
    });
    let devices: Vec<_> = args.blocks("block_device_mappings").into_iter().map(device).collect();
    let interfaces: Vec<_> = args.blocks("network_interfaces").into_iter().map(interface).collect();
    let tagging: Vec<_> = args.blocks("tag_specifications").into_iter().map(tagging).collect();
    RequestLaunchTemplateData::builder()
        .set_image_id(args.text("image_id"))
        .set_instance_type(args.text("instance_type").map(|t| InstanceType::from(t.as_str())))
        .set_key_name(args.text("key_name"))
        .set_user_data(args.text("user_data"))
        .set_ebs_optimized(args.flag("ebs_optimized"))
        .set_disable_api_termination(args.flag("disable_api_termination"))
        .set_security_group_ids(texts("vpc_security_group_ids"))
        .set_iam_instance_profile(profile)
        .set_monitoring(monitoring)
        .set_placement(placement)
        .set_metadata_options(args.block("metadata_options").map(metadata))
        .set_instance_market_options(args.block("instance_market_options").map(market))
        .set_block_device_mappings(Some(devices).filter(|d| !d.is_empty()))
        .set_network_interfaces(Some(interfaces).filter(|i| !i.is_empty()))
        .set_tag_specifications(Some(tagging).filter(|t| !t.is_empty()))
        .build()
}

fn device(block: Args<'_>) -> LaunchTemplateBlockDeviceMappingRequest {
    let ebs = block.block("ebs").map(|ebs| {
        LaunchTemplateEbsBlockDeviceRequest::builder()
            .set_delete_on_termination(ebs.flag("delete_on_termination"))
            .set_encrypted(ebs.flag("encrypted"))
            .set_iops(ebs.int32("iops"))
            .set_kms_key_id(ebs.text("kms_key_id"))
            .set_snapshot_id(ebs.text("snapshot_id"))
            .set_throughput(ebs.int32("throughput"))
            .set_volume_size(ebs.int32("volume_size"))
            .set_volume_type(ebs.text("volume_type").map(|t| VolumeType::from(t.as_str())))
            .build()
    });
    LaunchTemplateBlockDeviceMappingRequest::builder().set_device_name(block.text("device_name")).set_ebs(ebs).build()
}

fn interface(block: Args<'_>) -> LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
        .set_associate_public_ip_address(block.flag("associate_public_ip_address"))
        .set_delete_on_termination(block.flag("delete_on_termination"))
        .device_index(block.int32("device_index").unwrap_or(0))
        .set_groups(Some(block.texts("security_groups")).filter(|g| !g.is_empty()))
        .set_subnet_id(block.text("subnet_id"))
        .build()
}

fn metadata(block: Args<'_>) -> LaunchTemplateInstanceMetadataOptionsRequest {
    LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .set_http_endpoint(
            block.text("http_endpoint").map(|v| LaunchTemplateInstanceMetadataEndpointState::from(v.as_str())),
        )
        .set_http_tokens(block.text("http_tokens").map(|v| LaunchTemplateHttpTokensState::from(v.as_str())))
        .set_http_put_response_hop_limit(block.int32("http_put_response_hop_limit"))
        .set_instance_metadata_tags(
            block.text("instance_metadata_tags").map(|v| LaunchTemplateInstanceMetadataTagsState::from(v.as_str())),
        )
        .build()
}

fn market(block: Args<'_>) -> LaunchTemplateInstanceMarketOptionsRequest {
    let spot = block.block("spot_options").map(|spot| {
        LaunchTemplateSpotMarketOptionsRequest::builder()
            .set_max_price(spot.text("max_price"))
            .set_spot_instance_type(spot.text("spot_instance_type").map(|v| SpotInstanceType::from(v.as_str())))
            .set_instance_interruption_behavior(
                spot.text("instance_interruption_behavior").map(|v| InstanceInterruptionBehavior::from(v.as_str())),
            )
            .build()
    });
    LaunchTemplateInstanceMarketOptionsRequest::builder()
        .set_market_type(block.text("market_type").map(|v| MarketType::from(v.as_str())))
        .set_spot_options(spot)
        .build()
}

fn tagging(block: Args<'_>) -> LaunchTemplateTagSpecificationRequest {
    LaunchTemplateTagSpecificationRequest::builder()
        .set_resource_type(block.text("resource_type").map(|t| ResourceType::from(t.as_str())))
        .set_tags(Some(tags::to_ec2(&block.map("tags"))))
        .build()
}

/// Makes the template with its first version; once only by its client token and its name.
pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
    let args = Args(planned);
    let seed = Seed::of(own);
    let tags = tags::wanted(session, planned, own);
    let call = session
        .ec2
        .create_launch_template()
        .launch_template_name(seed.name(args, 128))
        .set_version_description(args.text("description"))
        .launch_template_data(data(planned))
        .client_token(seed.token())
        .set_tag_specifications(tags::at_creation(ResourceType::LaunchTemplate, &tags));
    let answer = session.again(|| session.ask(&api::CREATE_TEMPLATE, call.clone().send())).await?;
    Ok(answer.launch_template.and_then(|t| t.launch_template_id).unwrap_or_default())
}

/// A new version where what is to be started changed; the default version as wanted.
pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let id = Args(prior).must("id");
    tags::update_ec2(session, &id, prior, planned).await?;
    let mut default =
        Args(planned).int("default_version").filter(|_| Args(prior).differs(Args(planned), "default_version"));
    if new_version(prior, planned) {
        let before = Args(prior).int("latest_version").unwrap_or_default();
        // The same for every attempt at this change of this version.
        let token = Seed::text(&format!("{id}.{before}.{:?}", crate::attr::known(planned))).token();
        let call = session
            .ec2
            .create_launch_template_version()
            .launch_template_id(&id)
            .set_version_description(Args(planned).text("description"))
            .launch_template_data(data(planned))
            .client_token(token);
        let answer = session.again(|| session.ask(&api::CREATE_TEMPLATE_VERSION, call.clone().send())).await?;
        let made = answer.launch_template_version.and_then(|v| v.version_number);
        if Args(planned).flag("update_default_version") == Some(true) {
            default = made;
        }
    }
    if let Some(version) = default {
        let call = session.ec2.modify_launch_template().launch_template_id(&id).default_version(version.to_string());
        session.ask(&api::MODIFY_TEMPLATE, call.send()).await.map_err(|p| p.about("default_version"))?;
    }
    Ok(())
}

/// Deletes the template with all versions.
pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
    let call = session.ec2.delete_launch_template().launch_template_id(id);
    session.ask(&api::DELETE_TEMPLATE, call.send()).await.map(|_| ())
}

/// The template with its latest version.
pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
    let id = Args(state).must("id");
    let call = session.ec2.describe_launch_templates().launch_template_ids(&id);
    let answer = session.ask(&api::DESCRIBE_TEMPLATES, call.send()).await?;
    let Some(template) = answer.launch_templates.unwrap_or_default().into_iter().next() else { return Ok(None) };
    let call = session.ec2.describe_launch_template_versions().launch_template_id(&id).versions("$Latest");
    let answer = session.ask(&api::DESCRIBE_TEMPLATE_VERSIONS, call.send()).await?;
    let version = answer.launch_template_versions.unwrap_or_default().into_iter().next();
    let (_, account) = (template.created_by(), session.caller().await.map(|c| c.0.clone()).unwrap_or_default());
    let region = &session.settings.region;
    let mut live = Live::over(state);
    let arn = format!("arn:{}:ec2:{region}:{account}:launch-template/{id}", super::instance_partition(region));
    live.text("id", Some(&id))
        .text("arn", Some(arn))
        .text("name", template.launch_template_name())
        .int("default_version", template.default_version_number())
        .int("latest_version", template.latest_version_number());
    if Args(live.value()).flag("update_default_version").is_none() {
        live.flag("update_default_version", None);
    }
    tags::show(&mut live, session, &tags::of_ec2(template.tags()));
    if let Some(version) = version {
        live.text("description", version.version_description());
        if let Some(data) = version.launch_template_data() {
            show(&mut live, data);
        }
    }
    Ok(Some(live.done()))
}

fn show(live: &mut Live, data: &ResponseLaunchTemplateData) {
    live.text("image_id", data.image_id())
        .text("instance_type", data.instance_type().map(|t| t.as_str()))
        .text("key_name", data.key_name())
        .text("user_data", data.user_data());
    // Not said and no are the same.
    for (name, value) in
        [("ebs_optimized", data.ebs_optimized()), ("disable_api_termination", data.disable_api_termination())]
    {
        let written = Args(live.value()).flag(name).is_some();
        live.flag(name, if written { Some(value.unwrap_or(false)) } else { value.filter(|on| *on) });
    }
    live.collection("vpc_security_group_ids", text_set(data.security_group_ids()));
    let count = |there: bool| usize::from(there);
    let profile = data.iam_instance_profile();
    live.blocks("iam_instance_profile", count(profile.is_some()), |_, block| {
        block.text("arn", profile.and_then(|p| p.arn())).text("name", profile.and_then(|p| p.name()));
    });
    let monitoring = data.monitoring();
    live.blocks("monitoring", count(monitoring.is_some()), |_, block| {
        block.flag("enabled", monitoring.and_then(|m| m.enabled()));
    });
    let placement = data.placement();
    live.blocks("placement", count(placement.is_some()), |_, block| {
        block
            .text("availability_zone", placement.and_then(|p| p.availability_zone()))
            .text("group_name", placement.and_then(|p| p.group_name()))
            .text("tenancy", placement.and_then(|p| p.tenancy()).map(|t| t.as_str()));
    });
    let market = data.instance_market_options();
    live.blocks("instance_market_options", count(market.is_some()), |_, block| {
        block.text("market_type", market.and_then(|m| m.market_type()).map(|t| t.as_str()));
        let spot = market.and_then(|m| m.spot_options());
        block.blocks("spot_options", count(spot.is_some()), |_, block| {
            block
                .text("max_price", spot.and_then(|s| s.max_price()))
                .text("spot_instance_type", spot.and_then(|s| s.spot_instance_type()).map(|t| t.as_str()))
                .text(
                    "instance_interruption_behavior",
                    spot.and_then(|s| s.instance_interruption_behavior()).map(|t| t.as_str()),
                );
        });
    });
    if let Some(options) = data.metadata_options() {
        live.block("metadata_options", |block| {
            block
                .text("http_endpoint", options.http_endpoint().map(|v| v.as_str()))
                .text("http_tokens", options.http_tokens().map(|v| v.as_str()))
                .int("http_put_response_hop_limit", options.http_put_response_hop_limit())
                .text("instance_metadata_tags", options.instance_metadata_tags().map(|v| v.as_str()));
        });
    }
    lists(live, data);
}

fn lists(live: &mut Live, data: &ResponseLaunchTemplateData) {
    let devices = data.block_device_mappings();
    live.blocks("block_device_mappings", devices.len(), |at, block| {
        let (device, ebs) = (&devices[at], devices[at].ebs());
        block.text("device_name", device.device_name());
        block.blocks("ebs", usize::from(ebs.is_some()), |_, block| {
            block
                .flag("delete_on_termination", ebs.and_then(|e| e.delete_on_termination()))
                .flag("encrypted", ebs.and_then(|e| e.encrypted()))
                .int("iops", ebs.and_then(|e| e.iops()))
                .text("kms_key_id", ebs.and_then(|e| e.kms_key_id()))
                .text("snapshot_id", ebs.and_then(|e| e.snapshot_id()))
                .int("throughput", ebs.and_then(|e| e.throughput()))
                .int("volume_size", ebs.and_then(|e| e.volume_size()))
                .text("volume_type", ebs.and_then(|e| e.volume_type()).map(|t| t.as_str()));
        });
    });
    let interfaces = data.network_interfaces();
    live.blocks("network_interfaces", interfaces.len(), |at, block| {
        let interface = &interfaces[at];
        block
            .flag("associate_public_ip_address", interface.associate_public_ip_address())
            .flag("delete_on_termination", interface.delete_on_termination())
            .collection("security_groups", text_set(interface.groups()))
            .text("subnet_id", interface.subnet_id());
        let written = Args(block.value()).int("device_index").is_some();
        block.int("device_index", interface.device_index().filter(|n| written || *n != 0));
    });
    // The template's own tags are no part of what it starts; not every imitation of AWS keeps them apart.
    let tagging = data.tag_specifications().iter();
    let tagging: Vec<_> = tagging.filter(|t| t.resource_type() != Some(&ResourceType::LaunchTemplate)).collect();
    live.blocks("tag_specifications", tagging.len(), |at, block| {
        block.text("resource_type", tagging[at].resource_type().map(|t| t.as_str()));
        block.collection("tags", crate::attr::text_map(&tags::of_ec2(tagging[at].tags())));
    });
}
