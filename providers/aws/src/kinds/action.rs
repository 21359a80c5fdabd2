//! What is done with a request that came in: the actions of listeners and of their rules.

use crate::attr::{Args, Live};
use aws_sdk_elasticloadbalancingv2::types::*;
use straddle_sdk::provider::{ResourceSchema, boolean, list_block, number, string};
use straddle_sdk::value::{Kind, Value};

/// The block's schema.
pub fn schema() -> ResourceSchema {
    let one = |content: ResourceSchema| list_block(content).items(0, 1);
    let group = ResourceSchema::new().attribute("arn", string().required()).attribute("weight", number());
    let sticky = ResourceSchema::new().attribute("duration", number().required()).attribute("enabled", boolean());
    let forward = ResourceSchema::new()
        .block("stickiness", one(sticky))
        .block("target_group", straddle_sdk::provider::set_block(group).items(1, 5));
    let redirect = ResourceSchema::new()
        .attribute("host", string().computed().optional())
        .attribute("path", string().computed().optional())
        .attribute("port", string().computed().optional())
        .attribute("protocol", string().computed().optional())
        .attribute("query", string().computed().optional())
        .attribute("status_code", string().required());
    let fixed = ResourceSchema::new()
        .attribute("content_type", string().required())
        .attribute("message_body", string())
        .attribute("status_code", string().computed().optional());
    ResourceSchema::new()
        .attribute("order", number().computed().optional())
        .attribute("target_group_arn", string())
        .attribute("type", string().required())
        .block("fixed_response", one(fixed))
        .block("forward", one(forward))
        .block("redirect", one(redirect))
}

/// The actions of a block's name, in order.
pub fn all(planned: &Value, name: &str) -> Vec<Action> {
    Args(planned).blocks(name).into_iter().enumerate().map(|(at, block)| action(at, block)).collect()
}

fn action(at: usize, block: Args<'_>) -> Action {
    let tuple = |group: Args<'_>| {
        TargetGroupTuple::builder().target_group_arn(group.must("arn")).set_weight(group.int32("weight")).build()
    };
    let forward = block.block("forward").map(|forward| {
        let sticky = forward.block("stickiness").map(|s| {
            TargetGroupStickinessConfig::builder()
                .set_duration_seconds(s.int32("duration"))
                .enabled(s.flag("enabled").unwrap_or(false))
                .build()
        });
        let groups = forward.blocks("target_group").into_iter().map(tuple).collect();
        ForwardActionConfig::builder()
            .set_target_groups(Some(groups))
            .set_target_group_stickiness_config(sticky)
            .build()
    });
    let redirect = block.block("redirect").map(|r| {
        RedirectActionConfig::builder()
            .set_host(r.text("host"))
            .set_path(r.text("path"))
            .set_port(r.text("port"))
            .set_protocol(r.text("protocol"))
            .set_query(r.text("query"))
            .status_code(RedirectActionStatusCodeEnum::from(r.must("status_code").as_str()))
            .build()
    });
    let fixed = block.block("fixed_response").map(|f| {
        FixedResponseActionConfig::builder()
            .content_type(f.must("content_type"))
            .set_message_body(f.text("message_body"))
            .status_code(f.text("status_code").unwrap_or_else(|| "200".to_owned()))
            .build()
    });
    let order = block.int32("order").or_else(|| i32::try_from(at + 1).ok());
    Action::builder()
        .r#type(ActionTypeEnum::from(block.must("type").as_str()))
        .set_target_group_arn(block.text("target_group_arn"))
        .set_order(order)
        .set_forward_config(forward)
        .set_redirect_config(redirect)
        .set_fixed_response_config(fixed)
        .build()
}

/// Sets the blocks of a name to what the service says.
pub fn show(live: &mut Live, name: &str, said: &[Action]) {
    let mut actions: Vec<&Action> = said.iter().collect();
    actions.sort_by_key(|a| a.order().unwrap_or(i32::MAX));
    live.blocks(name, actions.len(), |at, block| show_one(block, at, actions[at]));
}

fn show_one(block: &mut Live, at: usize, action: &Action) {
    let place = i32::try_from(at + 1).unwrap_or(i32::MAX);
    block.text("type", action.r#type().map(|t| t.as_str())).int("order", Some(action.order().unwrap_or(place)));
    let forward = action.forward_config();
    let groups = forward.map(|f| f.target_groups()).unwrap_or_default();
    let weighted = Args(block.value()).block("forward").is_some() || groups.len() > 1;
    // The service tells of a single group both ways; it is shown the way it is written.
    block.text(
        "target_group_arn",
        action.target_group_arn().or_else(|| groups.first()?.target_group_arn()).filter(|_| !weighted),
    );
    block.blocks("forward", usize::from(weighted && forward.is_some()), |_, block| {
        let Some(forward) = forward else { return };
        if let Some(Kind::Set(old)) = block.value().get("target_group").map(Value::kind) {
            let (of, known) = (old.of.clone(), old.items.clone());
            let one = |g: &TargetGroupTuple| {
                let mut one = Live::over(&crate::attr::nothing(&of));
                one.text("arn", g.target_group_arn());
                // A weight of one is what is not written.
                let written = known
                    .iter()
                    .any(|k| Args(k).text("arn").as_deref() == g.target_group_arn() && Args(k).int("weight").is_some());
                one.int("weight", g.weight().filter(|w| written || *w != 1));
                one.done()
            };
            let groups = forward.target_groups().iter().map(one).collect();
            block.set("target_group", Some(Value::set(of.clone(), groups)));
        }
        let sticky = forward.target_group_stickiness_config().filter(|s| s.enabled() == Some(true));
        let written = Args(block.value()).block("stickiness").is_some();
        block.blocks("stickiness", usize::from(written || sticky.is_some()), |_, block| {
            let said = forward.target_group_stickiness_config();
            block
                .int("duration", said.and_then(|s| s.duration_seconds()))
                .flag("enabled", said.and_then(|s| s.enabled()));
        });
    });
    let redirect = action.redirect_config();
    block.blocks("redirect", usize::from(redirect.is_some()), |_, block| {
        let Some(r) = redirect else { return };
        block
            .text("host", r.host())
            .text("path", r.path())
            .text("port", r.port())
            .text("protocol", r.protocol())
            .text("query", r.query())
            .text("status_code", r.status_code().map(|c| c.as_str()));
    });
    let fixed = action.fixed_response_config();
    block.blocks("fixed_response", usize::from(fixed.is_some()), |_, block| {
        let Some(f) = fixed else { return };
        block
            .text("content_type", f.content_type())
            .text("message_body", f.message_body())
            .text("status_code", f.status_code());
    });
}
