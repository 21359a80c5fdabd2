//! `aws_autoscaling_group`: instances that AWS keeps at a number, between a least and a most.

use super::{Own, Seed, mixed};
use crate::api;
use crate::attr::{Args, Live, flag, text, text_list, text_set};
use crate::ownership;
use crate::problem::{Nature, Problem};
use crate::session::Session;
use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchTemplateSpecification, LifecycleState, Tag};
use std::collections::BTreeMap;
use std::time::Duration;
use straddle_sdk::provider::{
    PlanAnswer, PlanRequest, ResourceSchema, boolean, list, list_block, number, set, set_block, string,
};
use straddle_sdk::value::{Kind, Type, Value};

/// The schema.
pub fn schema() -> ResourceSchema {
    let template = ResourceSchema::new()
        .attribute("id", string().computed().optional())
        .attribute("name", string().computed().optional())
        .attribute("version", string().computed().optional());
    let tag = ResourceSchema::new()
        .attribute("key", string().required())
        .attribute("propagate_at_launch", boolean().required())
        .attribute("value", string().required());
    ResourceSchema::new()
        .describe("Instances that AWS keeps at a number.")
        .attribute("arn", string().computed())
        .attribute("availability_zones", set(Type::String).computed().optional())
        .attribute("capacity_rebalance", boolean())
        .attribute("default_cooldown", number().computed().optional())
        .attribute("default_instance_warmup", number())
        .attribute("desired_capacity", number().computed().optional())
        .attribute("force_delete", boolean().describe("Whether its instances end with it, at once."))
        .attribute("health_check_grace_period", number().computed().optional())
        .attribute("health_check_type", string().computed().optional().describe("EC2 or ELB."))
        .attribute("id", string().computed())
        .attribute("in_service", number().recomputed().describe("Instances that are in service and healthy."))
        .attribute("max_size", number().required())
        .attribute("min_size", number().required())
        .attribute("name", string().computed().optional().replaces())
        .attribute("name_prefix", string().replaces())
        .attribute("placement_group", string())
        .attribute("protect_from_scale_in", boolean().computed().optional())
        .attribute("suspended_processes", set(Type::String))
        .attribute("target_group_arns", set(Type::String).computed().optional())
        .attribute("termination_policies", list(Type::String))
        .attribute("vpc_zone_identifier", set(Type::String).computed().optional())
        .attribute(
            "wait_for_capacity_timeout",
            string().describe("How long a creation waits; 0 for not at all; default 10m."),
        )
        .block("launch_template", list_block(template).items(0, 1))
        .block("mixed_instances_policy", list_block(mixed::schema()).items(0, 1))
        .block("tag", set_block(tag))
}

/// What is not written.
pub const DEFAULTS: &[(&str, &str)] = &[("health_check_grace_period", "300"), ("protect_from_scale_in", "false")];

/// What the schema alone cannot say.
pub fn plan(request: &PlanRequest, answer: &mut PlanAnswer) {
    // Zones follow from subnets.
    if !request.prior.is_null() && Args(&request.prior).differs(Args(&answer.planned), "vpc_zone_identifier") {
        let unknown = Value::unknown(Type::set(Type::String));
        if request.config.get("availability_zones").is_some_and(Value::is_null) {
            answer.planned = answer.planned.with_attribute("availability_zones", unknown);
        }
    }
}

fn template(args: Args<'_>) -> Option<LaunchTemplateSpecification> {
    args.block("launch_template").map(|block| mixed::specification(block, "id", "name"))
}

/// Key to value and whether instances get it.
type GroupTags = BTreeMap<String, (String, bool)>;

fn tags(args: Args<'_>) -> GroupTags {
    let one = |tag: Args<'_>| {
        (
            tag.must("key"),
            (
                tag.get("value").and_then(Value::as_str).unwrap_or_default().to_owned(),
                tag.flag("propagate_at_launch") == Some(true),
            ),
        )
    };
    args.blocks("tag").into_iter().map(one).collect()
}

fn to_tag(name: &str, key: &str, value: &str, spread: bool) -> Tag {
    Tag::builder()
        .resource_id(name)
        .resource_type("auto-scaling-group")
        .key(key)
        .value(value)
        .propagate_at_launch(spread)
        .build()
}

async fn find(session: &Session, name: &str) -> Result<Option<AutoScalingGroup>, Problem> {
    let call = session.groups.describe_auto_scaling_groups().auto_scaling_group_names(name);
    let answer = session.ask(&api::DESCRIBE_GROUPS, call.send()).await?;
    Ok(answer.auto_scaling_groups.unwrap_or_default().into_iter().next())
}

/// The group's tags that say whose it is.
pub fn ownership_of(group: &AutoScalingGroup) -> Option<straddle_sdk::provider::Ownership> {
    let tags =
        group.tags().iter().filter_map(|t| Some((t.key()?.to_owned(), t.value().unwrap_or_default().to_owned())));
    ownership::of_tags(&tags.collect())
}

/// All groups that straddle made.
pub async fn owned(session: &Session) -> Result<Vec<AutoScalingGroup>, Problem> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let filter = aws_sdk_autoscaling::types::Filter::builder().name("tag-key").values(ownership::OWNER).build();
        let call = session.groups.describe_auto_scaling_groups().filters(filter).max_records(100);
        let answer = session.ask(&api::DESCRIBE_GROUPS, call.set_next_token(next.clone()).send()).await?;
        all.extend(answer.auto_scaling_groups.unwrap_or_default());
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => return Ok(all),
        }
    }
}

/// Makes it; once only by its name: one of this name with the same attempt's tag is the one wanted.
pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
    let args = Args(planned);
    let name = Seed::of(own).name(args, 255);
    let mut all: Vec<Tag> = tags(args).iter().map(|(k, (v, spread))| to_tag(&name, k, v, *spread)).collect();
    let defaults = session.settings.default_tags.iter().filter(|(k, _)| !tags(args).contains_key(*k));
    all.extend(defaults.map(|(k, v)| to_tag(&name, k, v, false)));
    if let Some(own) = own {
        all.extend(ownership::tags_of(own).iter().map(|(k, v)| to_tag(&name, k, v, false)));
    }
    let texts = |key: &str| Some(args.texts(key)).filter(|t| !t.is_empty());
    let call = session
        .groups
        .create_auto_scaling_group()
        .auto_scaling_group_name(&name)
        .set_launch_template(template(args))
        .set_mixed_instances_policy(mixed::policy(args))
        .set_min_size(args.int32("min_size"))
        .set_max_size(args.int32("max_size"))
        .set_desired_capacity(args.int32("desired_capacity"))
        .set_default_cooldown(args.int32("default_cooldown"))
        .set_default_instance_warmup(args.int32("default_instance_warmup"))
        .set_availability_zones(texts("availability_zones").filter(|_| texts("vpc_zone_identifier").is_none()))
        .set_vpc_zone_identifier(texts("vpc_zone_identifier").map(|subnets| subnets.join(",")))
        .set_target_group_arns(texts("target_group_arns"))
        .set_health_check_type(args.text("health_check_type"))
        .set_health_check_grace_period(args.int32("health_check_grace_period"))
        .set_placement_group(args.text("placement_group"))
        .set_termination_policies(texts("termination_policies"))
        .set_new_instances_protected_from_scale_in(args.flag("protect_from_scale_in"))
        .set_capacity_rebalance(args.flag("capacity_rebalance"))
        .set_tags(Some(all).filter(|t| !t.is_empty()));
    match session.again(|| session.ask(&api::CREATE_GROUP, call.clone().send())).await {
        Err(problem) if matches!(problem.nature, Nature::Exists | Nature::InDoubt) => {
            let there = find(session, &name).await?;
            let token = own.map(|o| o.token.as_str());
            let mine = there.as_ref().and_then(ownership_of).is_some_and(|o| Some(o.token.as_str()) == token);
            if mine { Ok(name) } else { Err(problem.about("name")) }
        }
        end => end.map(|_| name),
    }
}

/// Processes that rest; then the instances are waited for.
pub async fn finish(session: &Session, name: &str, planned: &Value) -> Result<(), Problem> {
    let args = Args(planned);
    suspend(session, name, &args.texts("suspended_processes")).await?;
    let at_most = match args.text("wait_for_capacity_timeout").as_deref() {
        None => Duration::from_secs(600),
        Some(text) => duration(text).ok_or_else(|| {
            let words = format!("{text:?} is no length of time such as \"10m\"");
            Problem::own(&api::CREATE_GROUP, Nature::Refused, words).about("wait_for_capacity_timeout")
        })?,
    };
    let wanted = args.int("desired_capacity").or_else(|| args.int("min_size")).unwrap_or_default();
    if at_most.is_zero() || args.texts("suspended_processes").iter().any(|p| p == "Launch") {
        return Ok(());
    }
    let look = || async {
        let found = find(session, name).await?;
        Ok(found.filter(|g| in_service(g) >= wanted).map(|_| ()))
    };
    let late = || {
        let words = format!(
            "{name} has not {wanted} instances in service after {} s; see its scaling activities",
            at_most.as_secs()
        );
        Problem::own(&api::DESCRIBE_GROUPS, Nature::Shortage, words)
    };
    session.until(at_most, look).await?.ok_or_else(late)
}

/// `90s`, `10m`, `1h30m`; at most a day.
fn duration(text: &str) -> Option<Duration> {
    let (mut total, mut digits) = (0_u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    let bare = !digits.is_empty();
    if bare && digits.trim_start_matches('0').is_empty() && total == 0 {
        return Some(Duration::ZERO);
    }
    (!bare && total <= 86_400).then(|| Duration::from_secs(total))
}

/// Units of capacity in service and healthy: instances, where none counts for more than one.
fn in_service(group: &AutoScalingGroup) -> i64 {
    let serves = |i: &&aws_sdk_autoscaling::types::Instance| {
        i.lifecycle_state() == Some(&LifecycleState::InService)
            && i.health_status().is_none_or(|h| h.eq_ignore_ascii_case("healthy"))
    };
    // Of several types each may count for more than one.
    let weight =
        |i: &aws_sdk_autoscaling::types::Instance| i.weighted_capacity().and_then(|w| w.parse().ok()).unwrap_or(1);
    group.instances().iter().filter(serves).map(weight).fold(0_i64, i64::saturating_add)
}

async fn suspend(session: &Session, name: &str, processes: &[String]) -> Result<(), Problem> {
    if processes.is_empty() {
        return Ok(());
    }
    let call = session.groups.suspend_processes().auto_scaling_group_name(name);
    let call = call.set_scaling_processes(Some(processes.to_vec()));
    session.ask(&api::SUSPEND_PROCESSES, call.send()).await.map_err(|p| p.about("suspended_processes"))?;
    Ok(())
}

/// Brings it from the prior to the planned object. What rests is put to rest before the number is touched, and wakes after it.
pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let (old, new, name) = (Args(prior), Args(planned), Args(prior).must("id"));
    let (was, rests) = (old.texts("suspended_processes"), new.texts("suspended_processes"));
    suspend(session, &name, &rests.iter().filter(|p| !was.contains(p)).cloned().collect::<Vec<_>>()).await?;
    change_tags(session, &name, &tags(old), &tags(new)).await?;
    change_targets(session, &name, old, new).await?;
    let changed = |key: &str| old.differs(new, key);
    let number = |key: &str| new.int32(key).filter(|_| changed(key));
    let keys = [
        "min_size",
        "max_size",
        "desired_capacity",
        "default_cooldown",
        "default_instance_warmup",
        "vpc_zone_identifier",
        "availability_zones",
        "health_check_type",
        "health_check_grace_period",
        "placement_group",
        "termination_policies",
        "protect_from_scale_in",
        "capacity_rebalance",
        "launch_template",
        "mixed_instances_policy",
    ];
    if keys.into_iter().any(changed) {
        let texts = |key: &str| Some(new.texts(key)).filter(|t| changed(key) && !t.is_empty());
        let call = session
            .groups
            .update_auto_scaling_group()
            .auto_scaling_group_name(&name)
            .set_min_size(number("min_size"))
            .set_max_size(number("max_size"))
            .set_desired_capacity(number("desired_capacity"))
            .set_default_cooldown(number("default_cooldown"))
            .set_default_instance_warmup(number("default_instance_warmup"))
            .set_vpc_zone_identifier(texts("vpc_zone_identifier").map(|s| s.join(",")))
            .set_availability_zones(texts("availability_zones").filter(|_| new.texts("vpc_zone_identifier").is_empty()))
            .set_health_check_type(new.text("health_check_type").filter(|_| changed("health_check_type")))
            .set_health_check_grace_period(number("health_check_grace_period"))
            .set_placement_group(new.text("placement_group").filter(|_| changed("placement_group")))
            .set_termination_policies(texts("termination_policies"))
            .set_new_instances_protected_from_scale_in(
                new.flag("protect_from_scale_in").filter(|_| changed("protect_from_scale_in")),
            )
            .set_capacity_rebalance(new.flag("capacity_rebalance").filter(|_| changed("capacity_rebalance")))
            .set_launch_template(template(new).filter(|_| changed("launch_template")))
            .set_mixed_instances_policy(mixed::policy(new).filter(|_| changed("mixed_instances_policy")));
        let ask = || session.ask(&api::UPDATE_GROUP, call.clone().send());
        session.persist(Duration::from_secs(120), ask).await?;
    }
    let wake: Vec<String> = was.into_iter().filter(|p| !rests.contains(p)).collect();
    if !wake.is_empty() {
        let call = session.groups.resume_processes().auto_scaling_group_name(&name).set_scaling_processes(Some(wake));
        session.ask(&api::RESUME_PROCESSES, call.send()).await.map_err(|p| p.about("suspended_processes"))?;
    }
    Ok(())
}

async fn change_targets(session: &Session, name: &str, old: Args<'_>, new: Args<'_>) -> Result<(), Problem> {
    let (was, wanted) = (old.texts("target_group_arns"), new.texts("target_group_arns"));
    let come: Vec<String> = wanted.iter().filter(|a| !was.contains(a)).cloned().collect();
    let gone: Vec<String> = was.iter().filter(|a| !wanted.contains(a)).cloned().collect();
    if !come.is_empty() {
        let call = session.groups.attach_load_balancer_target_groups().auto_scaling_group_name(name);
        session
            .ask(&api::ATTACH_TARGET_GROUPS, call.set_target_group_arns(Some(come)).send())
            .await
            .map_err(|p| p.about("target_group_arns"))?;
    }
    if !gone.is_empty() {
        let call = session.groups.detach_load_balancer_target_groups().auto_scaling_group_name(name);
        session.ask(&api::DETACH_TARGET_GROUPS, call.set_target_group_arns(Some(gone)).send()).await?;
    }
    Ok(())
}

async fn change_tags(session: &Session, name: &str, old: &GroupTags, new: &GroupTags) -> Result<(), Problem> {
    let set = new.iter().filter(|(k, v)| old.get(*k) != Some(*v));
    let set: Vec<Tag> = set.map(|(k, (v, spread))| to_tag(name, k, v, *spread)).collect();
    let gone: Vec<Tag> =
        old.iter().filter(|(k, _)| !new.contains_key(*k)).map(|(k, (v, s))| to_tag(name, k, v, *s)).collect();
    if !set.is_empty() {
        session.ask(&api::GROUP_TAGS, session.groups.create_or_update_tags().set_tags(Some(set)).send()).await?;
    }
    if !gone.is_empty() {
        session.ask(&api::GROUP_DELETE_TAGS, session.groups.delete_tags().set_tags(Some(gone)).send()).await?;
    }
    Ok(())
}

/// Deletes it. Without force its instances end first, at the pace of the group.
pub async fn delete(session: &Session, prior: &Value) -> Result<(), Problem> {
    let args = Args(prior);
    let (name, force) = (args.must("id"), args.flag("force_delete") == Some(true));
    if !force {
        let call = session.groups.update_auto_scaling_group().auto_scaling_group_name(&name);
        let ask = || session.ask(&api::UPDATE_GROUP, call.clone().min_size(0).max_size(0).desired_capacity(0).send());
        match session.persist(Duration::from_secs(120), ask).await {
            Err(problem) if problem.is_gone() || problem.message.contains("not found") => return Ok(()),
            end => end?,
        };
        let empty = || async {
            let found = find(session, &name).await?;
            Ok(found.is_none_or(|g| g.instances().is_empty()).then_some(()))
        };
        session.until(Duration::from_secs(900), empty).await?;
    }
    let ask = || {
        let call = session.groups.delete_auto_scaling_group().auto_scaling_group_name(&name).force_delete(force);
        session.ask(&api::DELETE_GROUP, call.send())
    };
    match session.persist(Duration::from_secs(300), ask).await {
        Err(problem) if !problem.message.contains("not found") => return Err(problem),
        _ => {}
    }
    let gone = || async { Ok(find(session, &name).await?.is_none().then_some(())) };
    session.until(Duration::from_secs(600), gone).await.map(|_| ())
}

/// As it is.
pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
    let name = Args(state).must("id");
    let Some(group) = find(session, &name).await?.filter(|g| g.status().is_none()) else { return Ok(None) };
    let mut live = Live::over(state);
    live.text("id", Some(&name))
        .text("arn", group.auto_scaling_group_arn())
        .text("name", group.auto_scaling_group_name())
        .int("min_size", group.min_size())
        .int("max_size", group.max_size())
        .int("desired_capacity", group.desired_capacity())
        .int("in_service", Some(in_service(&group)))
        .int("default_cooldown", group.default_cooldown())
        .int("health_check_grace_period", group.health_check_grace_period())
        .text("health_check_type", group.health_check_type())
        .text("placement_group", group.placement_group())
        .flag("protect_from_scale_in", Some(group.new_instances_protected_from_scale_in().unwrap_or(false)));
    if Args(state).int("default_instance_warmup").is_some() {
        live.int("default_instance_warmup", group.default_instance_warmup());
    }
    if Args(state).flag("capacity_rebalance").is_some() {
        live.flag("capacity_rebalance", Some(group.capacity_rebalance().unwrap_or(false)));
    }
    let subnets = group.vpc_zone_identifier().unwrap_or_default().split(',').map(str::trim).filter(|s| !s.is_empty());
    live.collection("vpc_zone_identifier", text_set(subnets))
        .collection("availability_zones", text_set(group.availability_zones()))
        .collection(
            "suspended_processes",
            text_set(group.suspended_processes().iter().filter_map(|p| p.process_name())),
        );
    // A group that was never given target groups tells of none.
    let targets =
        group.traffic_sources().iter().filter_map(|t| t.identifier()).filter(|id| id.contains(":targetgroup/"));
    let targets: Vec<&str> = targets.chain(group.target_group_arns().iter().map(String::as_str)).collect();
    live.collection("target_group_arns", text_set(targets));
    let policies = group.termination_policies();
    if policies != ["Default"] || !Args(state).texts("termination_policies").is_empty() {
        live.collection("termination_policies", text_list(policies));
    }
    let template = group.launch_template();
    live.blocks("launch_template", usize::from(template.is_some()), |_, block| {
        let Some(template) = template else { return };
        block
            .text("id", template.launch_template_id())
            .text("name", template.launch_template_name())
            .text("version", Some(template.version().unwrap_or("$Default")));
    });
    mixed::show(&mut live, group.mixed_instances_policy());
    show_tags(&mut live, session, &group);
    Ok(Some(live.done()))
}

fn show_tags(live: &mut Live, session: &Session, group: &AutoScalingGroup) {
    let Some(Kind::Set(old)) = live.value().get("tag").map(Value::kind) else { return };
    let of = old.of.clone();
    let written = tags(Args(live.value()));
    let defaults = &session.settings.default_tags;
    let shown = group.tags().iter().filter_map(|t| {
        let (key, value) = (t.key()?, t.value().unwrap_or_default());
        let by_default = !written.contains_key(key) && defaults.get(key).is_some_and(|d| d == value);
        (session.settings.shows(key) && !by_default).then(|| {
            crate::attr::nothing(&of)
                .with_attribute("key", text(key))
                .with_attribute("value", text(value))
                .with_attribute("propagate_at_launch", flag(t.propagate_at_launch().unwrap_or(false)))
        })
    });
    let shown = Value::set(of.clone(), shown.collect());
    live.set("tag", Some(shown));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("5", None),
            ("x", None),
            ("99h", None),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs()), seconds, "{text}");
        }
    }
}
