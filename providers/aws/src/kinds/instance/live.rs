//! An instance as a value of its schema.

use super::{devices, state};
use crate::attr::{Args, Live, text_set};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::{Instance, MonitoringState, Volume};
use std::collections::BTreeMap;
use straddle_sdk::value::Value;

/// The instance over what is known of it. What AWS does not tell in a list (user data, protections) stays as it was.
pub fn live(session: &Session, instance: &Instance, volumes: &BTreeMap<String, Volume>, base: &Value) -> Value {
    let mut live = Live::over(base);
    let placement = instance.placement();
    let id = instance.instance_id().unwrap_or_default();
    let account = instance.network_interfaces().first().and_then(|n| n.owner_id());
    let interface = instance.network_interfaces().first();
    live.text("id", Some(id))
        .text("ami", instance.image_id())
        .text("instance_type", instance.instance_type().map(|t| t.as_str()))
        .text("availability_zone", placement.and_then(|p| p.availability_zone()))
        .text("subnet_id", instance.subnet_id())
        .text("key_name", instance.key_name())
        .text("placement_group", placement.and_then(|p| p.group_name()))
        .text("tenancy", placement.and_then(|p| p.tenancy()).map(|t| t.as_str()))
        .text("private_ip", instance.private_ip_address())
        .text("private_dns", instance.private_dns_name())
        .text("public_ip", instance.public_ip_address())
        .text("public_dns", instance.public_dns_name())
        .text("instance_state", Some(state(instance).as_str()))
        .text("instance_lifecycle", instance.instance_lifecycle().map(|l| l.as_str()))
        .text("primary_network_interface_id", interface.and_then(|n| n.network_interface_id()))
        .flag("ebs_optimized", Some(instance.ebs_optimized().unwrap_or(false)))
        .flag("monitoring", Some(monitored(instance)))
        .flag("source_dest_check", Some(instance.source_dest_check().unwrap_or(true)));
    // One that the launch template brings along is the template's.
    if Args(base).text("iam_instance_profile").is_some() || Args(base).blocks("launch_template").is_empty() {
        live.text("iam_instance_profile", profile(instance, Args(base).text("iam_instance_profile")));
    }
    if let Some(account) = account {
        let region = &session.settings.region;
        live.text(
            "arn",
            Some(format!("arn:{}:ec2:{region}:{account}:instance/{id}", crate::kinds::instance_partition(region))),
        );
    }
    if Args(live.value()).flag("disable_api_termination").is_none() {
        live.flag("disable_api_termination", Some(false));
    }
    if Args(live.value()).text("instance_initiated_shutdown_behavior").is_none() {
        live.text("instance_initiated_shutdown_behavior", Some("stop"));
    }
    if Args(live.value()).flag("associate_public_ip_address").is_none() {
        live.flag("associate_public_ip_address", Some(instance.public_ip_address().is_some()));
    }
    live.set("vpc_security_group_ids", Some(text_set(instance.security_groups().iter().filter_map(|g| g.group_id()))));
    tags::show(&mut live, session, &tags::of_ec2(instance.tags()));
    blocks(&mut live, instance);
    devices::show(&mut live, base, instance, volumes);
    live.done()
}

fn blocks(live: &mut Live, instance: &Instance) {
    if let Some(options) = instance.metadata_options() {
        live.block("metadata_options", |block| {
            block
                .text("http_endpoint", options.http_endpoint().map(|v| v.as_str()))
                .text("http_tokens", options.http_tokens().map(|v| v.as_str()))
                .int("http_put_response_hop_limit", options.http_put_response_hop_limit());
            let shown = options.instance_metadata_tags().map(|v| v.as_str());
            block.text("instance_metadata_tags", Some(shown.unwrap_or("disabled")));
        });
    }
    let tag = |key: &str| instance.tags().iter().find(|t| t.key() == Some(key)).and_then(|t| t.value());
    live.block("launch_template", |block| {
        if let Some(id) = tag("aws:ec2launchtemplate:id") {
            block.text("id", Some(id));
        }
        if Args(block.value()).text("version").is_none() {
            block.text("version", Some("$Default"));
        }
    });
    live.block("instance_market_options", |block| {
        if Args(block.value()).text("market_type").is_none() {
            block.text("market_type", Some("spot"));
        }
    });
}

fn monitored(instance: &Instance) -> bool {
    let state = instance.monitoring().and_then(|m| m.state());
    matches!(state, Some(MonitoringState::Enabled | MonitoringState::Pending))
}

/// The profile the way it is written: by its ARN, or by the name in it.
fn profile(instance: &Instance, written: Option<String>) -> Option<&str> {
    let arn = instance.iam_instance_profile()?.arn()?;
    if written.is_some_and(|w| w.starts_with("arn:")) { Some(arn) } else { arn.rsplit('/').next() }
}
