//! Load balancing: `aws_lb`, `aws_lb_target_group`.

use super::{Own, Seed, token_of};
use crate::api;
use crate::attr::{Args, Live, text_set};
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags::{self, Tags};
use aws_sdk_elasticloadbalancingv2::types::*;
use std::collections::BTreeMap;
use std::time::Duration;
use straddle_sdk::provider::{ResourceSchema, boolean, list_block, map, number, set, string};
use straddle_sdk::value::{Type, Value};

/// Tags as the service takes them.
pub fn to_elb(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.is_empty()).then(|| tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect())
}

/// The tags of objects, by ARN; twenty in a call.
pub async fn tags_of(session: &Session, arns: &[String]) -> Result<BTreeMap<String, Tags>, Problem> {
    let mut all = BTreeMap::new();
    for some in arns.chunks(20) {
        let call = session.elb.describe_tags().set_resource_arns(Some(some.to_vec()));
        let answer = session.ask(&api::ELB_DESCRIBE_TAGS, call.send()).await?;
        for one in answer.tag_descriptions.unwrap_or_default() {
            let tags =
                one.tags().iter().filter_map(|t| Some((t.key()?.to_owned(), t.value().unwrap_or_default().to_owned())));
            all.insert(one.resource_arn().unwrap_or_default().to_owned(), tags.collect());
        }
    }
    Ok(all)
}

pub(super) async fn update_tags(session: &Session, arn: &str, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let (set, removed) = tags::change(prior, planned);
    if !set.is_empty() {
        let call = session.elb.add_tags().resource_arns(arn).set_tags(to_elb(&set));
        session.ask(&api::ELB_ADD_TAGS, call.send()).await?;
    }
    if !removed.is_empty() {
        let call = session.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(removed));
        session.ask(&api::ELB_REMOVE_TAGS, call.send()).await?;
    }
    Ok(())
}

pub(super) async fn show_tags(session: &Session, arn: &str, live: &mut Live) -> Result<(), Problem> {
    let tags = tags_of(session, &[arn.to_owned()]).await?;
    tags::show(live, session, tags.get(arn).unwrap_or(&Tags::new()));
    Ok(())
}

pub(super) fn tagged(schema: ResourceSchema) -> ResourceSchema {
    schema
        .attribute("arn", string().computed())
        .attribute("id", string().computed())
        .attribute("tags", map(Type::String))
        .attribute("tags_all", map(Type::String).computed())
}

/// Key to value of attributes that differ, as the service takes them.
fn changed(prior: Option<&Value>, planned: &Value, names: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
    let new = Args(planned);
    let word = |name: &str| {
        let number = new.int(name).map(|n| n.to_string());
        number.or_else(|| new.flag(name).map(|on| on.to_string())).or_else(|| new.text(name))
    };
    names
        .iter()
        .filter(|(name, _)| prior.is_none_or(|prior| Args(prior).differs(new, name)))
        .filter_map(|(name, key)| Some(((*key).to_owned(), word(name)?)))
        .collect()
}

/// Sets attributes of an object from the service's words.
fn show_attributes(live: &mut Live, said: &BTreeMap<String, String>, names: &[(&'static str, &'static str)]) {
    for (name, key) in names {
        let Some(word) = said.get(*key) else { continue };
        match live.value().get(name).map(Value::ty) {
            Some(Type::Number) => live.int(name, word.parse::<i64>().ok()),
            Some(Type::Bool) => live.flag(name, Some(word == "true")),
            _ => live.text(name, Some(word)),
        };
    }
}

/// `aws_lb`
pub mod balancer {
    use super::*;

    const ATTRIBUTES: &[(&str, &str)] = &[
        ("idle_timeout", "idle_timeout.timeout_seconds"),
        ("enable_deletion_protection", "deletion_protection.enabled"),
        ("enable_cross_zone_load_balancing", "load_balancing.cross_zone.enabled"),
        ("enable_http2", "routing.http2.enabled"),
        ("drop_invalid_header_fields", "routing.http.drop_invalid_header_fields.enabled"),
    ];

    /// The schema.
    pub fn schema() -> ResourceSchema {
        tagged(ResourceSchema::new().describe("A load balancer."))
            .attribute("arn_suffix", string().computed())
            .attribute("dns_name", string().computed())
            .attribute("drop_invalid_header_fields", boolean().computed().optional())
            .attribute("enable_cross_zone_load_balancing", boolean().computed().optional())
            .attribute("enable_deletion_protection", boolean().computed().optional())
            .attribute("enable_http2", boolean().computed().optional())
            .attribute("idle_timeout", number().computed().optional())
            .attribute("internal", boolean().computed().optional().replaces())
            .attribute("ip_address_type", string().computed().optional().replaces())
            .attribute("load_balancer_type", string().computed().optional().replaces())
            .attribute("name", string().computed().optional().replaces())
            .attribute("name_prefix", string().replaces())
            .attribute("security_groups", set(Type::String).computed().optional())
            .attribute("subnets", set(Type::String).computed().optional())
            .attribute("vpc_id", string().computed())
            .attribute("zone_id", string().computed())
    }

    /// What is not written.
    pub const DEFAULTS: &[(&str, &str)] =
        &[("internal", "false"), ("load_balancer_type", "application"), ("enable_deletion_protection", "false")];

    async fn by_name(session: &Session, name: &str) -> Result<Option<String>, Problem> {
        match session.ask(&api::DESCRIBE_BALANCERS, session.elb.describe_load_balancers().names(name).send()).await {
            Ok(answer) => Ok(answer.load_balancers.unwrap_or_default().into_iter().find_map(|b| b.load_balancer_arn)),
            Err(problem) if problem.is_gone() => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Makes it; once only by its name.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let tags = tags::wanted(session, planned, own);
        let name = Seed::of(own).name(args, 32);
        let internal = args.flag("internal") == Some(true);
        let scheme = if internal { LoadBalancerSchemeEnum::Internal } else { LoadBalancerSchemeEnum::InternetFacing };
        let texts = |name: &str| Some(args.texts(name)).filter(|t| !t.is_empty());
        let create = || async {
            let call = session
                .elb_once
                .create_load_balancer()
                .name(&name)
                .scheme(scheme.clone())
                .set_type(args.text("load_balancer_type").map(|t| LoadBalancerTypeEnum::from(t.as_str())))
                .set_ip_address_type(args.text("ip_address_type").map(|t| IpAddressType::from(t.as_str())))
                .set_subnets(texts("subnets"))
                .set_security_groups(texts("security_groups"))
                .set_tags(to_elb(&tags));
            let answer = session.ask(&api::CREATE_BALANCER, call.send()).await?;
            Ok(answer
                .load_balancers
                .unwrap_or_default()
                .into_iter()
                .find_map(|b| b.load_balancer_arn)
                .unwrap_or_default())
        };
        session.once(token_of(own), create, |_| by_name(session, &name)).await
    }

    /// Its attributes; then it is waited for.
    pub async fn finish(session: &Session, arn: &str, planned: &Value) -> Result<(), Problem> {
        assign(session, arn, changed(None, planned, ATTRIBUTES)).await?;
        let look = || async {
            let found = find(session, arn).await?;
            let state = found.as_ref().and_then(|b| b.state());
            match state.and_then(|s| s.code()) {
                Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Ok(Some(())),
                Some(LoadBalancerStateEnum::Failed) => {
                    let why = state.and_then(|s| s.reason()).unwrap_or("the load balancer could not be set up");
                    Err(Problem::own(&api::DESCRIBE_BALANCERS, Nature::Refused, why))
                }
                _ => Ok(None),
            }
        };
        let words = "the load balancer is not active after 10 minutes";
        let late = || Problem::own(&api::DESCRIBE_BALANCERS, Nature::Refused, words);
        session.until(Duration::from_secs(600), look).await?.ok_or_else(late)
    }

    async fn assign(session: &Session, arn: &str, attributes: Vec<(String, String)>) -> Result<(), Problem> {
        if attributes.is_empty() {
            return Ok(());
        }
        let one = |(key, value): (String, String)| LoadBalancerAttribute::builder().key(key).value(value).build();
        let attributes = attributes.into_iter().map(one).collect();
        let call =
            session.elb.modify_load_balancer_attributes().load_balancer_arn(arn).set_attributes(Some(attributes));
        session.ask(&api::MODIFY_BALANCER, call.send()).await.map(|_| ())
    }

    async fn find(session: &Session, arn: &str) -> Result<Option<LoadBalancer>, Problem> {
        let call = session.elb.describe_load_balancers().load_balancer_arns(arn);
        let answer = session.ask(&api::DESCRIBE_BALANCERS, call.send()).await?;
        Ok(answer.load_balancers.unwrap_or_default().into_iter().next())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let (old, new, arn) = (Args(prior), Args(planned), Args(prior).must("id"));
        update_tags(session, &arn, prior, planned).await?;
        assign(session, &arn, changed(Some(prior), planned, ATTRIBUTES)).await?;
        if old.differs(new, "subnets") {
            let call = session.elb.set_subnets().load_balancer_arn(&arn).set_subnets(Some(new.texts("subnets")));
            session.ask(&api::SET_SUBNETS, call.send()).await.map_err(|p| p.about("subnets"))?;
        }
        if old.differs(new, "security_groups") {
            let groups = Some(new.texts("security_groups"));
            let call = session.elb.set_security_groups().load_balancer_arn(&arn).set_security_groups(groups);
            session.ask(&api::SET_SECURITY_GROUPS, call.send()).await.map_err(|p| p.about("security_groups"))?;
        }
        Ok(())
    }

    /// Deletes it; what its interfaces hold is free some time later.
    pub async fn delete(session: &Session, arn: &str) -> Result<(), Problem> {
        let call = session.elb.delete_load_balancer().load_balancer_arn(arn);
        session.ask(&api::DELETE_BALANCER, call.send()).await?;
        let look = || async {
            match find(session, arn).await {
                Ok(Some(_)) => Ok(None),
                Ok(None) => Ok(Some(())),
                Err(problem) if problem.is_gone() => Ok(Some(())),
                Err(problem) => Err(problem),
            }
        };
        session.until(Duration::from_secs(300), look).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let arn = Args(state).must("id");
        let Some(found) = find(session, &arn).await? else { return Ok(None) };
        let call = session.elb.describe_load_balancer_attributes().load_balancer_arn(&arn);
        let said = session.ask(&api::DESCRIBE_BALANCER_ATTRIBUTES, call.send()).await?.attributes.unwrap_or_default();
        let said = said.iter().filter_map(|a| Some((a.key()?.to_owned(), a.value()?.to_owned()))).collect();
        let mut live = Live::over(state);
        let internal = found.scheme() == Some(&LoadBalancerSchemeEnum::Internal);
        live.text("id", Some(&arn))
            .text("arn", Some(&arn))
            .text("arn_suffix", arn.split_once(":loadbalancer/").map(|(_, suffix)| suffix))
            .text("name", found.load_balancer_name())
            .text("dns_name", found.dns_name())
            .text("zone_id", found.canonical_hosted_zone_id())
            .text("vpc_id", found.vpc_id())
            .text("load_balancer_type", found.r#type().map(|t| t.as_str()))
            .text("ip_address_type", found.ip_address_type().map(|t| t.as_str()))
            .flag("internal", Some(internal));
        let subnets = found.availability_zones().iter().filter_map(|z| z.subnet_id());
        live.collection("subnets", text_set(subnets)).collection("security_groups", text_set(found.security_groups()));
        show_attributes(&mut live, &said, ATTRIBUTES);
        show_tags(session, &arn, &mut live).await?;
        Ok(Some(live.done()))
    }
}

/// `aws_lb_target_group`
pub mod targets {
    use super::*;

    const ATTRIBUTES: &[(&str, &str)] = &[
        ("deregistration_delay", "deregistration_delay.timeout_seconds"),
        ("slow_start", "slow_start.duration_seconds"),
        ("load_balancing_algorithm_type", "load_balancing.algorithm.type"),
        ("load_balancing_cross_zone_enabled", "load_balancing.cross_zone.enabled"),
        ("preserve_client_ip", "preserve_client_ip.enabled"),
    ];

    /// The schema.
    pub fn schema() -> ResourceSchema {
        let check = ResourceSchema::new()
            .attribute("enabled", boolean().computed().optional())
            .attribute("healthy_threshold", number().computed().optional())
            .attribute("interval", number().computed().optional())
            .attribute("matcher", string().computed().optional())
            .attribute("path", string().computed().optional())
            .attribute("port", string().computed().optional())
            .attribute("protocol", string().computed().optional())
            .attribute("timeout", number().computed().optional())
            .attribute("unhealthy_threshold", number().computed().optional());
        tagged(ResourceSchema::new().describe("Servers behind a load balancer, and how it sees that they serve."))
            .attribute("arn_suffix", string().computed())
            .attribute("deregistration_delay", string().computed().optional().describe("Seconds a target drains."))
            .attribute("load_balancing_algorithm_type", string().computed().optional())
            .attribute("load_balancing_cross_zone_enabled", string().computed().optional())
            .attribute("name", string().computed().optional().replaces())
            .attribute("name_prefix", string().replaces())
            .attribute("port", number().computed().optional().replaces())
            .attribute("preserve_client_ip", string().computed().optional())
            .attribute("protocol", string().computed().optional().replaces())
            .attribute("protocol_version", string().computed().optional().replaces())
            .attribute("slow_start", number().computed().optional())
            .attribute("target_type", string().computed().optional().replaces())
            .attribute("vpc_id", string().computed().optional().replaces())
            .block("health_check", list_block(check).items(0, 1))
    }

    /// What is not written.
    pub const DEFAULTS: &[(&str, &str)] = &[("deregistration_delay", "300"), ("target_type", "instance")];

    async fn by_name(session: &Session, name: &str) -> Result<Option<String>, Problem> {
        match session.ask(&api::DESCRIBE_TARGET_GROUPS, session.elb.describe_target_groups().names(name).send()).await {
            Ok(answer) => Ok(answer.target_groups.unwrap_or_default().into_iter().find_map(|g| g.target_group_arn)),
            Err(problem) if problem.is_gone() => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    macro_rules! with_check {
        ($call:expr, $check:expr) => {{
            let check = $check;
            let text = |name: &str| check.and_then(|c| c.text(name));
            let number = |name: &str| check.and_then(|c| c.int32(name));
            $call
                .set_health_check_enabled(check.and_then(|c| c.flag("enabled")))
                .set_health_check_path(text("path"))
                .set_health_check_port(text("port"))
                .set_health_check_protocol(text("protocol").map(|p| ProtocolEnum::from(p.as_str())))
                .set_health_check_interval_seconds(number("interval"))
                .set_health_check_timeout_seconds(number("timeout"))
                .set_healthy_threshold_count(number("healthy_threshold"))
                .set_unhealthy_threshold_count(number("unhealthy_threshold"))
                .set_matcher(text("matcher").map(|code| Matcher::builder().http_code(code).build()))
        }};
    }

    /// Makes it; once only by its name.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let tags = tags::wanted(session, planned, own);
        let name = Seed::of(own).name(args, 32);
        let create = || async {
            let call = session
                .elb_once
                .create_target_group()
                .name(&name)
                .set_port(args.int32("port"))
                .set_protocol(args.text("protocol").map(|p| ProtocolEnum::from(p.as_str())))
                .set_protocol_version(args.text("protocol_version"))
                .set_vpc_id(args.text("vpc_id"))
                .set_target_type(args.text("target_type").map(|t| TargetTypeEnum::from(t.as_str())))
                .set_tags(to_elb(&tags));
            let call = with_check!(call, args.block("health_check"));
            let answer = session.ask(&api::CREATE_TARGET_GROUP, call.send()).await?;
            Ok(answer
                .target_groups
                .unwrap_or_default()
                .into_iter()
                .find_map(|g| g.target_group_arn)
                .unwrap_or_default())
        };
        session.once(token_of(own), create, |_| by_name(session, &name)).await
    }

    /// Its attributes.
    pub async fn finish(session: &Session, arn: &str, planned: &Value) -> Result<(), Problem> {
        assign(session, arn, changed(None, planned, ATTRIBUTES)).await
    }

    async fn assign(session: &Session, arn: &str, attributes: Vec<(String, String)>) -> Result<(), Problem> {
        if attributes.is_empty() {
            return Ok(());
        }
        let one = |(key, value): (String, String)| TargetGroupAttribute::builder().key(key).value(value).build();
        let attributes = attributes.into_iter().map(one).collect();
        let call = session.elb.modify_target_group_attributes().target_group_arn(arn).set_attributes(Some(attributes));
        session.ask(&api::MODIFY_TARGET_GROUP_ATTRIBUTES, call.send()).await.map(|_| ())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let arn = Args(prior).must("id");
        update_tags(session, &arn, prior, planned).await?;
        assign(session, &arn, changed(Some(prior), planned, ATTRIBUTES)).await?;
        if Args(prior).differs(Args(planned), "health_check") {
            let call = session.elb.modify_target_group().target_group_arn(&arn);
            let call = with_check!(call, Args(planned).block("health_check"));
            session.ask(&api::MODIFY_TARGET_GROUP, call.send()).await.map_err(|p| p.about("health_check"))?;
        }
        Ok(())
    }

    /// Deletes it, when no listener uses it any more.
    pub async fn delete(session: &Session, arn: &str) -> Result<(), Problem> {
        let call = || async {
            session.ask(&api::DELETE_TARGET_GROUP, session.elb.delete_target_group().target_group_arn(arn).send()).await
        };
        session.persist(Duration::from_secs(120), call).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let arn = Args(state).must("id");
        let call = session.elb.describe_target_groups().target_group_arns(&arn);
        let answer = session.ask(&api::DESCRIBE_TARGET_GROUPS, call.send()).await?;
        let Some(found) = answer.target_groups.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let call = session.elb.describe_target_group_attributes().target_group_arn(&arn);
        let said =
            session.ask(&api::DESCRIBE_TARGET_GROUP_ATTRIBUTES, call.send()).await?.attributes.unwrap_or_default();
        let said = said.iter().filter_map(|a| Some((a.key()?.to_owned(), a.value()?.to_owned()))).collect();
        let mut live = Live::over(state);
        live.text("id", Some(&arn))
            .text("arn", Some(&arn))
            .text("arn_suffix", arn.rsplit_once(':').map(|(_, suffix)| suffix))
            .text("name", found.target_group_name())
            .int("port", found.port())
            .text("protocol", found.protocol().map(|p| p.as_str()))
            .text("protocol_version", found.protocol_version())
            .text("target_type", found.target_type().map(|t| t.as_str()))
            .text("vpc_id", found.vpc_id());
        live.block("health_check", |block| {
            block
                .flag("enabled", found.health_check_enabled())
                .int("healthy_threshold", found.healthy_threshold_count())
                .int("interval", found.health_check_interval_seconds())
                .text("matcher", found.matcher().and_then(|m| m.http_code().or(m.grpc_code())))
                .text("path", found.health_check_path())
                .text("port", found.health_check_port())
                .text("protocol", found.health_check_protocol().map(|p| p.as_str()))
                .int("timeout", found.health_check_timeout_seconds())
                .int("unhealthy_threshold", found.unhealthy_threshold_count());
        });
        show_attributes(&mut live, &said, ATTRIBUTES);
        show_tags(session, &arn, &mut live).await?;
        Ok(Some(live.done()))
    }
}
