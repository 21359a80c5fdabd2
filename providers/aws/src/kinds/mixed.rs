//! The mixed instances policy of a scaling group: several types, bought on demand or on the spot market.

use crate::attr::{Args, Live};
use aws_sdk_autoscaling::types::{
    InstancesDistribution, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy,
};
use straddle_sdk::provider::{ResourceSchema, list_block, number, string};

/// The block's schema.
pub fn schema() -> ResourceSchema {
    let one = |content: ResourceSchema| list_block(content).items(0, 1);
    let must = |content: ResourceSchema| list_block(content).items(1, 1);
    let which = || {
        ResourceSchema::new()
            .attribute("launch_template_id", string().computed().optional())
            .attribute("launch_template_name", string().computed().optional())
            .attribute("version", string().computed().optional())
    };
    let distribution = ResourceSchema::new()
        .attribute("on_demand_allocation_strategy", string().computed().optional())
        .attribute("on_demand_base_capacity", number().computed().optional())
        .attribute("on_demand_percentage_above_base_capacity", number().computed().optional())
        .attribute("spot_allocation_strategy", string().computed().optional())
        .attribute("spot_instance_pools", number().computed().optional())
        .attribute("spot_max_price", string().computed().optional());
    let other = ResourceSchema::new()
        .attribute("instance_type", string())
        .attribute(
            "weighted_capacity",
            string().describe("Units of the group's capacity that one of these counts for."),
        )
        .block("launch_template_specification", one(which()));
    let template = ResourceSchema::new()
        .block("launch_template_specification", must(which()))
        .block("override", list_block(other));
    ResourceSchema::new().block("instances_distribution", one(distribution)).block("launch_template", must(template))
}

/// Which template a block names; by its id where both are known.
pub fn specification(block: Args<'_>, id: &str, name: &str) -> LaunchTemplateSpecification {
    let (id, name) = (block.text(id), block.text(name));
    LaunchTemplateSpecification::builder()
        .set_launch_template_name(name.filter(|_| id.is_none()))
        .set_launch_template_id(id)
        .version(block.text("version").unwrap_or_else(|| "$Default".to_owned()))
        .build()
}

fn named(block: Args<'_>) -> Option<LaunchTemplateSpecification> {
    let block = block.block("launch_template_specification")?;
    Some(specification(block, "launch_template_id", "launch_template_name"))
}

/// The policy as the service takes it, where one is written.
pub fn policy(args: Args<'_>) -> Option<MixedInstancesPolicy> {
    let block = args.block("mixed_instances_policy")?;
    let distribution = block.block("instances_distribution").map(|d| {
        InstancesDistribution::builder()
            .set_on_demand_allocation_strategy(d.text("on_demand_allocation_strategy"))
            .set_on_demand_base_capacity(d.int32("on_demand_base_capacity"))
            .set_on_demand_percentage_above_base_capacity(d.int32("on_demand_percentage_above_base_capacity"))
            .set_spot_allocation_strategy(d.text("spot_allocation_strategy"))
            .set_spot_instance_pools(d.int32("spot_instance_pools"))
            .set_spot_max_price(d.text("spot_max_price"))
            .build()
    });
    let template = block.block("launch_template").map(|t| {
        let other = |o: Args<'_>| {
            LaunchTemplateOverrides::builder()
                .set_instance_type(o.text("instance_type"))
                .set_weighted_capacity(o.text("weighted_capacity"))
                .set_launch_template_specification(named(o))
                .build()
        };
        // None at all takes away those there were.
        let others = t.blocks("override").into_iter().map(other).collect();
        LaunchTemplate::builder().set_launch_template_specification(named(t)).set_overrides(Some(others)).build()
    });
    Some(MixedInstancesPolicy::builder().set_instances_distribution(distribution).set_launch_template(template).build())
}

/// Sets the block to what the service says.
pub fn show(live: &mut Live, policy: Option<&MixedInstancesPolicy>) {
    live.blocks("mixed_instances_policy", usize::from(policy.is_some()), |_, block| {
        let Some(policy) = policy else { return };
        // The service always tells of a distribution; it is shown where one is written.
        if let Some(said) = policy.instances_distribution() {
            block.block("instances_distribution", |block| {
                block
                    .text("on_demand_allocation_strategy", said.on_demand_allocation_strategy())
                    .int("on_demand_base_capacity", said.on_demand_base_capacity())
                    .int("on_demand_percentage_above_base_capacity", said.on_demand_percentage_above_base_capacity())
                    .text("spot_allocation_strategy", said.spot_allocation_strategy())
                    .int("spot_instance_pools", said.spot_instance_pools())
                    .text("spot_max_price", said.spot_max_price());
            });
        }
        let template = policy.launch_template();
        block.blocks("launch_template", usize::from(template.is_some()), |_, block| {
            let Some(template) = template else { return };
            show_specification(block, template.launch_template_specification());
            let others = template.overrides();
            block.blocks("override", others.len(), |at, block| {
                block
                    .text("instance_type", others[at].instance_type())
                    .text("weighted_capacity", others[at].weighted_capacity());
                show_specification(block, others[at].launch_template_specification());
            });
        });
    });
}

fn show_specification(live: &mut Live, said: Option<&LaunchTemplateSpecification>) {
    live.blocks("launch_template_specification", usize::from(said.is_some()), |_, block| {
        let Some(said) = said else { return };
        block
            .text("launch_template_id", said.launch_template_id())
            .text("launch_template_name", said.launch_template_name())
            .text("version", Some(said.version().unwrap_or("$Default")));
    });
}
