//! The network: `aws_vpc`, `aws_subnet`, `aws_internet_gateway`.

use super::{Own, instance_partition, token_of};
use crate::api;
use crate::attr::{Args, Live};
use crate::problem::Problem;
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::*;
use std::time::Duration;
use straddle_sdk::provider::{ResourceSchema, boolean, map, string};
use straddle_sdk::value::{Type, Value};

/// How long something may stand in the way of a deletion.
const PATIENCE: Duration = Duration::from_secs(300);

fn tagged(schema: ResourceSchema) -> ResourceSchema {
    schema
        .attribute("arn", string().computed())
        .attribute("id", string().computed())
        .attribute("owner_id", string().computed())
        .attribute("tags", map(Type::String))
        .attribute("tags_all", map(Type::String).computed())
}

fn arn(session: &Session, owner: &str, what: &str) -> String {
    let region = &session.settings.region;
    format!("arn:{}:ec2:{region}:{owner}:{what}", instance_partition(region))
}

/// `aws_vpc`
pub mod vpc {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        tagged(ResourceSchema::new().describe("A network of one's own in a region."))
            .attribute("cidr_block", string().required().replaces())
            .attribute("default_security_group_id", string().computed())
            .attribute("enable_dns_hostnames", boolean().computed().optional())
            .attribute("enable_dns_support", boolean().computed().optional())
            .attribute("instance_tenancy", string().computed().optional().replaces())
            .attribute("main_route_table_id", string().computed())
    }

    /// What is not written.
    pub const DEFAULTS: &[(&str, &str)] =
        &[("enable_dns_hostnames", "false"), ("enable_dns_support", "true"), ("instance_tenancy", "default")];

    /// Makes it.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let tags = tags::wanted(session, planned, own);
        let create = || async {
            let call = session
                .ec2_once
                .create_vpc()
                .cidr_block(args.must("cidr_block"))
                .set_instance_tenancy(args.text("instance_tenancy").map(|t| Tenancy::from(t.as_str())))
                .set_tag_specifications(tags::at_creation(ResourceType::Vpc, &tags));
            let answer = session.ask(&api::CREATE_VPC, call.send()).await?;
            Ok(answer.vpc.and_then(|v| v.vpc_id).unwrap_or_default())
        };
        session.once(token_of(own), create, |token| async move { tags::by_token(session, "vpc", &token).await }).await
    }

    /// Names in it.
    pub async fn finish(session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
        let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
        for name in ["enable_dns_support", "enable_dns_hostnames"] {
            let Some(on) = Args(planned).flag(name) else { continue };
            let call = session.ec2.modify_vpc_attribute().vpc_id(id);
            let call = match name {
                "enable_dns_support" => call.enable_dns_support(value(on)),
                _ => call.enable_dns_hostnames(value(on)),
            };
            session.ask(&api::MODIFY_VPC, call.send()).await.map_err(|p| p.about("enable_dns_support"))?;
        }
        Ok(())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let id = Args(prior).must("id");
        tags::update_ec2(session, &id, prior, planned).await?;
        finish(session, &id, planned).await
    }

    /// Deletes it.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let call = || async { session.ask(&api::DELETE_VPC, session.ec2.delete_vpc().vpc_id(id).send()).await };
        session.persist(PATIENCE, call).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let call = session.ec2.describe_vpcs().vpc_ids(&id);
        let answer = session.ask(&api::DESCRIBE_VPCS, call.send()).await?;
        let Some(vpc) = answer.vpcs.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let owner = vpc.owner_id().unwrap_or_default();
        let mut live = Live::over(state);
        live.text("id", Some(&id))
            .text("arn", Some(arn(session, owner, &format!("vpc/{id}"))))
            .text("owner_id", vpc.owner_id())
            .text("cidr_block", vpc.cidr_block())
            .text("instance_tenancy", vpc.instance_tenancy().map(|t| t.as_str()));
        for (name, attribute) in [
            ("enable_dns_support", VpcAttributeName::EnableDnsSupport),
            ("enable_dns_hostnames", VpcAttributeName::EnableDnsHostnames),
        ] {
            let call = session.ec2.describe_vpc_attribute().vpc_id(&id).attribute(attribute);
            let answer = session.ask(&api::DESCRIBE_VPC_ATTRIBUTE, call.send()).await?;
            let value =
                if name == "enable_dns_support" { answer.enable_dns_support } else { answer.enable_dns_hostnames };
            live.flag(name, Some(value.and_then(|v| v.value).unwrap_or(false)));
        }
        parts(session, &id, &mut live).await?;
        tags::show(&mut live, session, &tags::of_ec2(vpc.tags()));
        Ok(Some(live.done()))
    }

    /// What AWS makes with every network.
    async fn parts(session: &Session, id: &str, live: &mut Live) -> Result<(), Problem> {
        let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let tables = session
            .ec2
            .describe_route_tables()
            .filters(filter("vpc-id", id))
            .filters(filter("association.main", "true"));
        let tables = session.ask(&api::DESCRIBE_ROUTE_TABLES, tables.send()).await?.route_tables.unwrap_or_default();
        let groups = session
            .ec2
            .describe_security_groups()
            .filters(filter("vpc-id", id))
            .filters(filter("group-name", "default"));
        let groups =
            session.ask(&api::DESCRIBE_SECURITY_GROUPS, groups.send()).await?.security_groups.unwrap_or_default();
        live.text("main_route_table_id", tables.first().and_then(|t| t.route_table_id()))
            .text("default_security_group_id", groups.first().and_then(|g| g.group_id()));
        Ok(())
    }
}

/// `aws_subnet`
pub mod subnet {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        tagged(ResourceSchema::new().describe("A range of addresses in one zone."))
            .attribute("availability_zone", string().computed().optional().replaces())
            .attribute("availability_zone_id", string().computed().optional().replaces())
            .attribute("cidr_block", string().required().replaces())
            .attribute("map_public_ip_on_launch", boolean().computed().optional())
            .attribute("vpc_id", string().required().replaces())
    }

    /// What is not written.
    pub const DEFAULTS: &[(&str, &str)] = &[("map_public_ip_on_launch", "false")];

    /// Makes it.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let tags = tags::wanted(session, planned, own);
        let create = || async {
            let call = session
                .ec2_once
                .create_subnet()
                .vpc_id(args.must("vpc_id"))
                .cidr_block(args.must("cidr_block"))
                .set_availability_zone(args.text("availability_zone"))
                .set_availability_zone_id(args.text("availability_zone_id"))
                .set_tag_specifications(tags::at_creation(ResourceType::Subnet, &tags));
            let answer = session.ask(&api::CREATE_SUBNET, call.send()).await?;
            Ok(answer.subnet.and_then(|s| s.subnet_id).unwrap_or_default())
        };
        session
            .once(token_of(own), create, |token| async move { tags::by_token(session, "subnet", &token).await })
            .await
    }

    /// Whether what starts in it gets a public address.
    pub async fn finish(session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
        let Some(on) = Args(planned).flag("map_public_ip_on_launch") else { return Ok(()) };
        let value = AttributeBooleanValue::builder().value(on).build();
        let call = session.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value);
        session.ask(&api::MODIFY_SUBNET, call.send()).await.map_err(|p| p.about("map_public_ip_on_launch"))?;
        Ok(())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let id = Args(prior).must("id");
        tags::update_ec2(session, &id, prior, planned).await?;
        if Args(prior).differs(Args(planned), "map_public_ip_on_launch") {
            finish(session, &id, planned).await?;
        }
        Ok(())
    }

    /// Deletes it.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let call =
            || async { session.ask(&api::DELETE_SUBNET, session.ec2.delete_subnet().subnet_id(id).send()).await };
        session.persist(PATIENCE, call).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let call = session.ec2.describe_subnets().subnet_ids(&id);
        let answer = session.ask(&api::DESCRIBE_SUBNETS, call.send()).await?;
        let Some(subnet) = answer.subnets.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let owner = subnet.owner_id().unwrap_or_default();
        let mut live = Live::over(state);
        live.text("id", Some(&id))
            .text(
                "arn",
                Some(subnet.subnet_arn().map_or_else(|| arn(session, owner, &format!("subnet/{id}")), str::to_owned)),
            )
            .text("owner_id", subnet.owner_id())
            .text("vpc_id", subnet.vpc_id())
            .text("cidr_block", subnet.cidr_block())
            .text("availability_zone", subnet.availability_zone())
            .text("availability_zone_id", subnet.availability_zone_id())
            .flag("map_public_ip_on_launch", Some(subnet.map_public_ip_on_launch().unwrap_or(false)));
        tags::show(&mut live, session, &tags::of_ec2(subnet.tags()));
        Ok(Some(live.done()))
    }
}

/// `aws_internet_gateway`
pub mod gateway {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        tagged(ResourceSchema::new().describe("The way from a network to the internet."))
            .attribute("vpc_id", string().computed().optional())
    }

    /// Makes it.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let tags = tags::wanted(session, planned, own);
        let create = || async {
            let call = session
                .ec2_once
                .create_internet_gateway()
                .set_tag_specifications(tags::at_creation(ResourceType::InternetGateway, &tags));
            let answer = session.ask(&api::CREATE_GATEWAY, call.send()).await?;
            Ok(answer.internet_gateway.and_then(|g| g.internet_gateway_id).unwrap_or_default())
        };
        let find = |token: String| async move { tags::by_token(session, "internet-gateway", &token).await };
        session.once(token_of(own), create, find).await
    }

    /// Attaches it.
    pub async fn finish(session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
        let Some(vpc) = Args(planned).text("vpc_id") else { return Ok(()) };
        let call = session.ec2.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
        match session.ask(&api::ATTACH_GATEWAY, call.send()).await {
            Err(problem) if problem.nature != crate::problem::Nature::Exists => Err(problem.about("vpc_id")),
            _ => Ok(()),
        }
    }

    async fn detach(session: &Session, id: &str) -> Result<(), Problem> {
        let call = session.ec2.describe_internet_gateways().internet_gateway_ids(id);
        let answer = session.ask(&api::DESCRIBE_GATEWAYS, call.send()).await?;
        let gateways = answer.internet_gateways.unwrap_or_default();
        for vpc in gateways.iter().flat_map(|g| g.attachments()).filter_map(|a| a.vpc_id()) {
            let call = || async {
                let call = session.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
                session.ask(&api::DETACH_GATEWAY, call.send()).await
            };
            session.persist(PATIENCE, call).await?;
        }
        Ok(())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let id = Args(prior).must("id");
        tags::update_ec2(session, &id, prior, planned).await?;
        if Args(prior).differs(Args(planned), "vpc_id") {
            detach(session, &id).await?;
            finish(session, &id, planned).await?;
        }
        Ok(())
    }

    /// Detaches and deletes it.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        detach(session, id).await?;
        let call = || async {
            session
                .ask(&api::DELETE_GATEWAY, session.ec2.delete_internet_gateway().internet_gateway_id(id).send())
                .await
        };
        session.persist(PATIENCE, call).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let call = session.ec2.describe_internet_gateways().internet_gateway_ids(&id);
        let answer = session.ask(&api::DESCRIBE_GATEWAYS, call.send()).await?;
        let Some(gateway) = answer.internet_gateways.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let owner = gateway.owner_id().unwrap_or_default();
        let mut live = Live::over(state);
        live.text("id", Some(&id))
            .text("arn", Some(arn(session, owner, &format!("internet-gateway/{id}"))))
            .text("owner_id", gateway.owner_id())
            .text("vpc_id", gateway.attachments().first().and_then(|a| a.vpc_id()));
        tags::show(&mut live, session, &tags::of_ec2(gateway.tags()));
        Ok(Some(live.done()))
    }
}
