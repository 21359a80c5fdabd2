//! The way out of private subnets: `aws_eip`, an address that stays, and `aws_nat_gateway`, which uses one.

use super::{Own, Seed, instance_partition, token_of};
use crate::api;
use crate::attr::{Args, Live};
use crate::ownership;
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::*;
use std::time::Duration;
use straddle_sdk::provider::{ResourceSchema, map, string};
use straddle_sdk::value::{Type, Value};

/// How long something may stand in the way of a deletion.
const PATIENCE: Duration = Duration::from_secs(300);

/// `aws_eip`
pub mod address {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        let said = ["allocation_id", "arn", "association_id", "carrier_ip", "id", "private_dns", "private_ip"];
        said.iter()
            .chain(&["public_dns", "public_ip"])
            .fold(ResourceSchema::new().describe("A public address that stays."), |schema, name| {
                schema.attribute(*name, string().computed())
            })
            .attribute("address", string().replaces().describe("A certain address, where it can be had."))
            .attribute("associate_with_private_ip", string())
            .attribute("domain", string().computed().optional().replaces())
            .attribute("instance", string().computed().optional())
            .attribute("network_border_group", string().computed().optional().replaces())
            .attribute("network_interface", string().computed().optional())
            .attribute("public_ipv4_pool", string().computed().optional().replaces())
            .attribute("tags", map(Type::String))
            .attribute("tags_all", map(Type::String).computed())
    }

    /// What is not written: there is no other domain any more.
    pub const DEFAULTS: &[(&str, &str)] = &[("domain", "vpc")];

    async fn find(session: &Session, id: &str) -> Result<Option<Address>, Problem> {
        let call = session.ec2.describe_addresses().allocation_ids(id);
        let answer = session.ask(&api::DESCRIBE_ADDRESSES, call.send()).await?;
        Ok(answer.addresses.unwrap_or_default().into_iter().next())
    }

    /// Makes it; once only by its tag.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let tags = tags::wanted(session, planned, own);
        let create = || async {
            let call = session
                .ec2_once
                .allocate_address()
                .domain(DomainType::Vpc)
                .set_address(args.text("address"))
                .set_network_border_group(args.text("network_border_group"))
                .set_public_ipv4_pool(args.text("public_ipv4_pool"))
                .set_tag_specifications(tags::at_creation(ResourceType::ElasticIp, &tags));
            let answer = session.ask(&api::ALLOCATE_ADDRESS, call.send()).await?;
            Ok(answer.allocation_id.unwrap_or_default())
        };
        let find = |token: String| async move {
            let filter = Filter::builder().name(format!("tag:{}", ownership::TOKEN)).values(token).build();
            let call = session.ec2.describe_addresses().filters(filter);
            let answer = session.ask(&api::DESCRIBE_ADDRESSES, call.send()).await?;
            Ok(answer.addresses.unwrap_or_default().into_iter().find_map(|a| a.allocation_id))
        };
        session.once(token_of(own), create, find).await
    }

    /// Puts it before an instance or an interface, where one is written.
    pub async fn finish(session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
        let args = Args(planned);
        let (instance, interface) = (args.text("instance"), args.text("network_interface"));
        if instance.is_none() && interface.is_none() {
            return Ok(());
        }
        // An interface that is known from the instance is not said as well.
        let interface = interface.filter(|_| instance.is_none());
        let associate = || async {
            let call = session
                .ec2
                .associate_address()
                .allocation_id(id)
                .set_instance_id(instance.clone())
                .set_network_interface_id(interface.clone())
                .set_private_ip_address(args.text("associate_with_private_ip"));
            session.ask(&api::ASSOCIATE_ADDRESS, call.send()).await
        };
        // What was just made may not be visible to this call yet.
        let mut pauses = session.pauses(Duration::from_secs(60));
        loop {
            match associate().await {
                Err(problem) if (problem.is_gone() || problem.nature == Nature::Busy) && pauses.wait().await => {}
                end => return end.map(|_| ()).map_err(|p| p.about("instance")),
            }
        }
    }

    async fn disassociate(session: &Session, association: &str) -> Result<(), Problem> {
        let call = session.ec2.disassociate_address().association_id(association);
        match session.ask(&api::DISASSOCIATE_ADDRESS, call.send()).await {
            Err(problem) if !problem.is_gone() => Err(problem),
            _ => Ok(()),
        }
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let (old, new, id) = (Args(prior), Args(planned), Args(prior).must("id"));
        tags::update_ec2(session, &id, prior, planned).await?;
        let names = ["instance", "network_interface", "associate_with_private_ip"];
        if names.iter().any(|name| old.differs(new, name)) {
            if let Some(association) = find(session, &id).await?.and_then(|a| a.association_id) {
                disassociate(session, &association).await?;
            }
            // Where it goes to an instance, the interface it was at says nothing any more.
            let moved = old.differs(new, "instance") && !old.differs(new, "network_interface");
            let planned = if moved {
                planned.with_attribute("network_interface", Value::null(Type::String))
            } else if !old.differs(new, "instance") && old.differs(new, "network_interface") {
                planned.with_attribute("instance", Value::null(Type::String))
            } else {
                planned.clone()
            };
            finish(session, &id, &planned).await?;
        }
        Ok(())
    }

    /// Gives it back.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let release = || async {
            let found = find(session, id).await?;
            // From an instance it is taken away; what else holds it is on its way out, or the API says what it is.
            if let Some(found) = &found
                && let (Some(association), Some(_)) =
                    (found.association_id(), found.instance_id().filter(|i| !i.is_empty()))
            {
                disassociate(session, association).await?;
            }
            session.ask(&api::RELEASE_ADDRESS, session.ec2.release_address().allocation_id(id).send()).await
        };
        session.persist(PATIENCE, release).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let Some(found) = find(session, &id).await? else { return Ok(None) };
        let region = &session.settings.region;
        let account = session.caller().await.map(|c| c.0.clone()).unwrap_or_default();
        let arn = format!("arn:{}:ec2:{region}:{account}:elastic-ip/{id}", instance_partition(region));
        let mut live = Live::over(state);
        live.text("id", Some(&id))
            .text("allocation_id", Some(&id))
            .text("arn", Some(arn))
            .text("association_id", found.association_id())
            .text("carrier_ip", found.carrier_ip())
            .text("domain", Some(found.domain().map_or("vpc", |d| d.as_str())))
            .text("instance", found.instance_id())
            .text("network_border_group", found.network_border_group())
            .text("public_ipv4_pool", found.public_ipv4_pool())
            .text("private_ip", found.private_ip_address())
            .text("private_dns", found.private_ip_address().map(|ip| name_of(region, ip, false)))
            .text("public_ip", found.public_ip())
            .text("public_dns", found.public_ip().map(|ip| name_of(region, ip, true)));
        // Where nobody put it before something, what uses it (a NAT gateway) is that one's to tell.
        if Args(state).text("network_interface").is_some() || found.instance_id().is_some_and(|id| !id.is_empty()) {
            live.text("network_interface", found.network_interface_id());
        }
        tags::show(&mut live, session, &tags::of_ec2(found.tags()));
        Ok(Some(live.done()))
    }

    /// The name AWS gives an address.
    fn name_of(region: &str, ip: &str, public: bool) -> String {
        let dashed = ip.replace('.', "-");
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match (public, region == "us-east-1") {
            (true, true) => format!("ec2-{dashed}.compute-1.{suffix}"),
            (true, false) => format!("ec2-{dashed}.{region}.compute.{suffix}"),
            (false, true) => format!("ip-{dashed}.ec2.internal"),
            (false, false) => format!("ip-{dashed}.{region}.compute.internal"),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn addresses_have_names() {
            assert_eq!(
                name_of("ap-northeast-2", "3.34.0.1", true),
                "ec2-3-34-0-1.ap-northeast-2.compute.amazonaws.com"
            );
            assert_eq!(name_of("us-east-1", "10.0.0.1", false), "ip-10-0-0-1.ec2.internal");
        }
    }
}

/// `aws_nat_gateway`
pub mod gateway {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        ResourceSchema::new()
            .describe("The way out for what has no public address.")
            .attribute("allocation_id", string().replaces())
            .attribute("association_id", string().computed())
            .attribute("connectivity_type", string().computed().optional().replaces())
            .attribute("id", string().computed())
            .attribute("network_interface_id", string().computed())
            .attribute("private_ip", string().computed().optional().replaces())
            .attribute("public_ip", string().computed())
            .attribute("subnet_id", string().required().replaces())
            .attribute("tags", map(Type::String))
            .attribute("tags_all", map(Type::String).computed())
    }

    /// What is not written.
    pub const DEFAULTS: &[(&str, &str)] = &[("connectivity_type", "public")];

    async fn find(session: &Session, id: &str) -> Result<Option<NatGateway>, Problem> {
        let call = session.ec2.describe_nat_gateways().nat_gateway_ids(id);
        let answer = session.ask(&api::DESCRIBE_NATS, call.send()).await?;
        Ok(answer.nat_gateways.unwrap_or_default().into_iter().next())
    }

    /// Makes it; once only by its client token.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let tags = tags::wanted(session, planned, own);
        let call = session
            .ec2
            .create_nat_gateway()
            .client_token(Seed::of(own).token())
            .subnet_id(args.must("subnet_id"))
            .set_allocation_id(args.text("allocation_id"))
            .set_connectivity_type(args.text("connectivity_type").map(|t| ConnectivityType::from(t.as_str())))
            .set_private_ip_address(args.text("private_ip"))
            .set_tag_specifications(tags::at_creation(ResourceType::Natgateway, &tags));
        let create = || session.ask(&api::CREATE_NAT, call.clone().send());
        let answer = session.again(create).await?;
        Ok(answer.nat_gateway.and_then(|g| g.nat_gateway_id).unwrap_or_default())
    }

    /// Waits until it serves, or says why it never will.
    pub async fn finish(session: &Session, id: &str, _: &Value) -> Result<(), Problem> {
        let look = || async {
            let found = match find(session, id).await {
                Err(problem) if problem.is_gone() => None,
                end => end?,
            };
            match found.as_ref().and_then(|g| g.state()) {
                Some(NatGatewayState::Available) => Ok(Some(())),
                Some(NatGatewayState::Failed | NatGatewayState::Deleting | NatGatewayState::Deleted) => {
                    Err(failed(found.as_ref()))
                }
                _ => Ok(None),
            }
        };
        let words = "the NAT gateway is not available after 10 minutes";
        let late = || Problem::own(&api::DESCRIBE_NATS, Nature::Refused, words);
        session.until(Duration::from_secs(600), look).await?.ok_or_else(late)
    }

    fn failed(found: Option<&NatGateway>) -> Problem {
        let code = found.and_then(|g| g.failure_code()).unwrap_or_default();
        let words = found.and_then(|g| g.failure_message()).unwrap_or("AWS gives no reason");
        let short = code.contains("Insufficient") || code.contains("LimitExceeded");
        let nature = if short { Nature::Shortage } else { Nature::Refused };
        let mut problem =
            Problem::own(&api::CREATE_NAT, nature, format!("the NAT gateway could not be set up: {words}"));
        problem.code = code.into();
        problem.about("subnet_id")
    }

    /// Brings it from the prior to the planned object: its tags.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        tags::update_ec2(session, &Args(prior).must("id"), prior, planned).await
    }

    /// Deletes it; its address is free only when it is gone.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let call = session.ec2.delete_nat_gateway().nat_gateway_id(id);
        session.ask(&api::DELETE_NAT, call.send()).await?;
        let look = || async {
            let found = match find(session, id).await {
                Err(problem) if problem.is_gone() => None,
                end => end?,
            };
            Ok(found.is_none_or(|g| g.state() == Some(&NatGatewayState::Deleted)).then_some(()))
        };
        let words = format!("{id} was told to go and is still there");
        let late = || Problem::own(&api::DESCRIBE_NATS, Nature::Refused, words);
        session.until(Duration::from_secs(1200), look).await?.ok_or_else(late)
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let gone = |g: &NatGateway| matches!(g.state(), Some(NatGatewayState::Deleted | NatGatewayState::Deleting));
        let Some(found) = find(session, &id).await?.filter(|g| !gone(g)) else { return Ok(None) };
        let all = found.nat_gateway_addresses();
        let first = all.iter().find(|a| a.is_primary() == Some(true)).or(all.first());
        let mut live = Live::over(state);
        live.text("id", Some(&id))
            .text("allocation_id", first.and_then(|a| a.allocation_id()))
            .text("association_id", first.and_then(|a| a.association_id()))
            .text("connectivity_type", Some(found.connectivity_type().map_or("public", |t| t.as_str())))
            .text("network_interface_id", first.and_then(|a| a.network_interface_id()))
            .text("private_ip", first.and_then(|a| a.private_ip()))
            .text("public_ip", first.and_then(|a| a.public_ip()))
            .text("subnet_id", found.subnet_id());
        tags::show(&mut live, session, &tags::of_ec2(found.tags()));
        Ok(Some(live.done()))
    }
}
