//! Data sources.

use crate::api;
use crate::attr::{Args, Live, text_list, text_map};
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::{Filter, Image};
use straddle_sdk::provider::{ResourceSchema, boolean, list, map, number, set, set_block, string};
use straddle_sdk::value::{Type, Value};

/// The data sources, by name.
pub fn schemas() -> Vec<(&'static str, ResourceSchema)> {
    vec![
        ("aws_availability_zones", zones_schema()),
        ("aws_ami", ami_schema()),
        ("aws_subnets", subnets_schema()),
        ("aws_vpc", vpc_schema()),
        ("aws_caller_identity", caller_schema()),
        ("aws_region", region_schema()),
    ]
}

/// Reads one.
pub async fn read(session: &Session, name: &str, config: &Value) -> Result<Value, Problem> {
    match name {
        "aws_availability_zones" => zones(session, config).await,
        "aws_ami" => ami(session, config).await,
        "aws_subnets" => subnets(session, config).await,
        "aws_vpc" => vpc(session, config).await,
        "aws_caller_identity" => caller(session, config).await,
        _ => region(session, config),
    }
}

fn with_filters(schema: ResourceSchema) -> ResourceSchema {
    let filter =
        ResourceSchema::new().attribute("name", string().required()).attribute("values", set(Type::String).required());
    schema.block("filter", set_block(filter))
}

/// The filters written, and the tags as filters.
fn filters(config: &Value) -> Vec<Filter> {
    let args = Args(config);
    let one =
        |block: Args<'_>| Filter::builder().name(block.must("name")).set_values(Some(block.texts("values"))).build();
    let mut all: Vec<Filter> = args.blocks("filter").into_iter().map(one).collect();
    let tag = |(key, value): (String, String)| Filter::builder().name(format!("tag:{key}")).values(value).build();
    all.extend(args.map("tags").into_iter().map(tag));
    all
}

fn zones_schema() -> ResourceSchema {
    with_filters(
        ResourceSchema::new()
            .describe("The zones of the region: names, which differ between accounts, and ids, which do not."),
    )
    .attribute("all_availability_zones", boolean())
    .attribute("exclude_names", set(Type::String))
    .attribute("exclude_zone_ids", set(Type::String))
    .attribute("group_names", set(Type::String).computed())
    .attribute("id", string().computed())
    .attribute("names", list(Type::String).computed())
    .attribute("state", string())
    .attribute("zone_ids", list(Type::String).computed().describe("In the order of names."))
}

async fn zones(session: &Session, config: &Value) -> Result<Value, Problem> {
    let args = Args(config);
    let call = session
        .ec2
        .describe_availability_zones()
        .set_all_availability_zones(args.flag("all_availability_zones"))
        .set_filters(Some(filters(config)).filter(|f| !f.is_empty()));
    let answer = session.ask(&api::DESCRIBE_ZONES, call.send()).await?;
    let (names, ids) = (args.texts("exclude_names"), args.texts("exclude_zone_ids"));
    let state = args.text("state");
    let mut found: Vec<(String, String, String)> = answer
        .availability_zones
        .unwrap_or_default()
        .into_iter()
        .filter(|z| state.is_none() || z.state().map(|s| s.as_str()) == state.as_deref())
        .map(|z| (z.zone_name.unwrap_or_default(), z.zone_id.unwrap_or_default(), z.group_name.unwrap_or_default()))
        .filter(|(name, id, _)| !names.contains(name) && !ids.contains(id))
        .collect();
    found.sort();
    let mut live = Live::over(config);
    live.text("id", Some(&session.settings.region))
        .set("names", Some(text_list(found.iter().map(|z| &z.0))))
        .set("zone_ids", Some(text_list(found.iter().map(|z| &z.1))))
        .set("group_names", Some(crate::attr::text_set(found.iter().map(|z| &z.2))));
    Ok(live.done())
}

fn ami_schema() -> ResourceSchema {
    with_filters(ResourceSchema::new().describe("An image by what is known of it."))
        .attribute("architecture", string().computed())
        .attribute("arn", string().computed())
        .attribute("creation_date", string().computed())
        .attribute("description", string().computed())
        .attribute("executable_users", list(Type::String))
        .attribute("id", string().computed())
        .attribute("image_id", string().computed())
        .attribute("most_recent", boolean())
        .attribute("name", string().computed())
        .attribute("name_prefix", string().describe("What the name begins with; narrower questions are filters."))
        .attribute("owner_id", string().computed())
        .attribute("owners", list(Type::String))
        .attribute("root_device_name", string().computed())
        .attribute("root_device_type", string().computed())
        .attribute("state", string().computed())
        .attribute("tags", map(Type::String).computed().optional())
        .attribute("virtualization_type", string().computed())
        .attribute("block_device_count", number().computed())
}

async fn ami(session: &Session, config: &Value) -> Result<Value, Problem> {
    let args = Args(config);
    let mut all: Vec<Image> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = session
            .ec2
            .describe_images()
            .set_owners(Some(args.texts("owners")).filter(|o| !o.is_empty()))
            .set_executable_users(Some(args.texts("executable_users")).filter(|u| !u.is_empty()))
            .set_filters(Some(filters(config)).filter(|f| !f.is_empty()))
            .set_next_token(next.clone());
        let answer = session.ask(&api::DESCRIBE_IMAGES, call.send()).await?;
        all.extend(answer.images.unwrap_or_default());
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    if let Some(prefix) = args.text("name_prefix") {
        all.retain(|i| i.name().is_some_and(|name| name.starts_with(&prefix)));
    }
    all.sort_by(|a, b| (b.creation_date(), b.image_id()).cmp(&(a.creation_date(), a.image_id())));
    if all.len() > 1 && args.flag("most_recent") != Some(true) {
        let words = format!("{} images fit; write narrower filters, or most_recent = true", all.len());
        return Err(Problem::own(&api::DESCRIBE_IMAGES, Nature::Refused, words));
    }
    let none = || Problem::own(&api::DESCRIBE_IMAGES, Nature::NotFound, "no image fits the filters");
    let image = all.into_iter().next().ok_or_else(none)?;
    let mut live = Live::over(config);
    let id = image.image_id().unwrap_or_default();
    let region = &session.settings.region;
    let arn = format!("arn:{}:ec2:{region}::image/{id}", crate::kinds::instance_partition(region));
    live.text("id", Some(id))
        .text("image_id", Some(id))
        .text("arn", Some(arn))
        .text("architecture", image.architecture().map(|a| a.as_str()))
        .text("creation_date", image.creation_date())
        .text("description", image.description())
        .text("name", image.name())
        .text("owner_id", image.owner_id())
        .text("root_device_name", image.root_device_name())
        .text("root_device_type", image.root_device_type().map(|t| t.as_str()))
        .text("state", image.state().map(|s| s.as_str()))
        .text("virtualization_type", image.virtualization_type().map(|t| t.as_str()))
        .int("block_device_count", i64::try_from(image.block_device_mappings().len()).ok());
    if config.get("tags").is_none_or(Value::is_null) {
        live.set("tags", Some(text_map(&tags::of_ec2(image.tags()))));
    }
    Ok(live.done())
}

fn subnets_schema() -> ResourceSchema {
    with_filters(ResourceSchema::new().describe("Subnets by what is known of them."))
        .attribute("id", string().computed())
        .attribute("ids", list(Type::String).computed())
        .attribute("tags", map(Type::String))
}

async fn subnets(session: &Session, config: &Value) -> Result<Value, Problem> {
    let mut ids = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = session
            .ec2
            .describe_subnets()
            .set_filters(Some(filters(config)).filter(|f| !f.is_empty()))
            .set_next_token(next.clone());
        let answer = session.ask(&api::DESCRIBE_SUBNETS, call.send()).await?;
        ids.extend(answer.subnets.unwrap_or_default().into_iter().filter_map(|s| s.subnet_id));
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    ids.sort();
    let mut live = Live::over(config);
    live.text("id", Some(&session.settings.region)).set("ids", Some(text_list(&ids)));
    Ok(live.done())
}

fn vpc_schema() -> ResourceSchema {
    with_filters(ResourceSchema::new().describe("A network by what is known of it."))
        .attribute("arn", string().computed())
        .attribute("cidr_block", string().computed().optional())
        .attribute("default", boolean().computed().optional())
        .attribute("id", string().computed().optional())
        .attribute("instance_tenancy", string().computed())
        .attribute("owner_id", string().computed())
        .attribute("state", string().computed().optional())
        .attribute("tags", map(Type::String).computed().optional())
}

async fn vpc(session: &Session, config: &Value) -> Result<Value, Problem> {
    let args = Args(config);
    let mut all = filters(config);
    let filter = |name: &str, value: String| Filter::builder().name(name).values(value).build();
    all.extend(args.text("cidr_block").map(|v| filter("cidr", v)));
    all.extend(args.flag("default").map(|v| filter("isDefault", v.to_string())));
    all.extend(args.text("state").map(|v| filter("state", v)));
    let call = session
        .ec2
        .describe_vpcs()
        .set_vpc_ids(args.text("id").map(|id| vec![id]))
        .set_filters(Some(all).filter(|f| !f.is_empty()));
    let found = session.ask(&api::DESCRIBE_VPCS, call.send()).await?.vpcs.unwrap_or_default();
    if found.len() > 1 {
        let words = format!("{} networks fit; write narrower filters", found.len());
        return Err(Problem::own(&api::DESCRIBE_VPCS, Nature::Refused, words));
    }
    let none = || Problem::own(&api::DESCRIBE_VPCS, Nature::NotFound, "no network fits the filters");
    let vpc = found.into_iter().next().ok_or_else(none)?;
    let (id, owner, region) =
        (vpc.vpc_id().unwrap_or_default(), vpc.owner_id().unwrap_or_default(), &session.settings.region);
    let arn = format!("arn:{}:ec2:{region}:{owner}:vpc/{id}", crate::kinds::instance_partition(region));
    let mut live = Live::over(config);
    live.text("id", Some(id))
        .text("arn", Some(arn))
        .text("cidr_block", vpc.cidr_block())
        .flag("default", Some(vpc.is_default().unwrap_or(false)))
        .text("instance_tenancy", vpc.instance_tenancy().map(|t| t.as_str()))
        .text("owner_id", vpc.owner_id())
        .text("state", vpc.state().map(|s| s.as_str()));
    if config.get("tags").is_none_or(Value::is_null) {
        live.set("tags", Some(text_map(&tags::of_ec2(vpc.tags()))));
    }
    Ok(live.done())
}

fn caller_schema() -> ResourceSchema {
    ResourceSchema::new()
        .describe("Who asks.")
        .attribute("account_id", string().computed())
        .attribute("arn", string().computed())
        .attribute("id", string().computed())
        .attribute("user_id", string().computed())
}

async fn caller(session: &Session, config: &Value) -> Result<Value, Problem> {
    let (account, arn, user) = session.caller().await?;
    let mut live = Live::over(config);
    live.text("account_id", Some(account)).text("arn", Some(arn)).text("id", Some(account)).text("user_id", Some(user));
    Ok(live.done())
}

fn region_schema() -> ResourceSchema {
    ResourceSchema::new()
        .describe("The region asked.")
        .attribute("description", string().computed())
        .attribute("endpoint", string().computed())
        .attribute("id", string().computed())
        .attribute("name", string().computed().optional())
        .attribute("region", string().computed().optional())
}

fn region(session: &Session, config: &Value) -> Result<Value, Problem> {
    let args = Args(config);
    let here = &session.settings.region;
    let name = args.text("name").or_else(|| args.text("region")).unwrap_or_else(|| here.clone());
    let suffix = if name.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let mut live = Live::over(config);
    live.text("id", Some(&name))
        .text("name", Some(&name))
        .text("region", Some(&name))
        .text("endpoint", Some(format!("ec2.{name}.{suffix}")))
        .text("description", Some(&name));
    Ok(live.done())
}
