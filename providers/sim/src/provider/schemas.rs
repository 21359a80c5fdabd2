//! What the plugin offers, as Terraform sees it.

use crate::model::Kind;
use straddle_sdk::provider::{AttributeSpec, ResourceSchema, Schemas, list, map, number, string};
use straddle_sdk::value::Type;

/// The data source.
pub(super) const ZONES: &str = "sim_zones";

/// Everything.
pub(super) fn schemas() -> Schemas {
    let mut schemas = Schemas::new().provider(provider()).data_source(ZONES, zones());
    for kind in Kind::ALL {
        let schema = match kind {
            Kind::Instance => instance(),
            Kind::Group => group(),
            Kind::LoadBalancer => load_balancer(),
            Kind::Target => target(),
            Kind::Record => record(),
        };
        schemas = schemas.resource(kind.type_name(), schema.attribute("id", id()));
    }
    schemas
}

fn provider() -> ResourceSchema {
    ResourceSchema::new()
        .describe("Simulated clouds in a file: no account, no network.")
        .attribute("cloud", string().describe("Name of the cloud; default \"sim\"."))
        .attribute(
            "store",
            string().describe("File that holds the clouds, relative to the module; default \"sim.db\"."),
        )
        .attribute("boot", string().describe("How long what is created boots, for example \"90s\"; default \"0s\"."))
        .attribute("latency", string().describe("How long each request takes; default \"0s\"."))
        .attribute("rate_limit", number().describe("Requests the cloud takes in a second; default: any number."))
}

fn id() -> AttributeSpec {
    string().computed().describe("The id; never given twice in one store.")
}

fn zone() -> AttributeSpec {
    string().required().replaces().describe("The zone. It exists from its first mention.")
}

fn image() -> AttributeSpec {
    string().computed().optional().replaces().describe("What it is started from; default \"base\".")
}

fn size() -> AttributeSpec {
    string().computed().optional().describe("How large; default \"small\". A change boots it again.")
}

fn instance() -> ResourceSchema {
    ResourceSchema::new()
        .describe("A machine.")
        .attribute("zone", zone())
        .attribute("image", image())
        .attribute("size", size())
        .attribute("tags", map(Type::String).describe("Anything."))
        .attribute("address", string().computed().describe("An address of its own."))
        .attribute("state", string().recomputed().describe("pending, running or stopped."))
}

fn group() -> ResourceSchema {
    ResourceSchema::new()
        .describe("A scaling group: units that boot over time, and come again when they are lost.")
        .attribute("zone", zone())
        .attribute("image", image())
        .attribute("size", size())
        .attribute("desired", number().required().describe("Units there shall be."))
        .attribute("min", number().describe("desired may not be below; default 0."))
        .attribute("max", number().describe("desired may not be above; default: no limit."))
        .attribute("ready", number().recomputed().describe("Units that have booted."))
}

fn load_balancer() -> ResourceSchema {
    ResourceSchema::new()
        .describe("A load balancer.")
        .attribute("name", string().required().describe("What people call it."))
        .attribute("address", string().computed().describe("Its host name."))
}

fn target() -> ResourceSchema {
    ResourceSchema::new()
        .describe("An instance, or a group, behind a load balancer.")
        .attribute("load_balancer_id", string().required().replaces().describe("The load balancer."))
        .attribute("instance_id", string().required().replaces().describe("The instance or group."))
        .attribute(
            "weight",
            number().computed().optional().describe("Its part of the requests, relative to the others; default 1."),
        )
        .attribute("health", string().recomputed().describe("healthy, initial or unhealthy."))
}

fn record() -> ResourceSchema {
    ResourceSchema::new()
        .describe("A record of the name service.")
        .attribute(
            "name",
            string().required().replaces().describe("The name; unique in a cloud together with the type."),
        )
        .attribute("type", string().required().replaces().describe("A, CNAME, ..."))
        .attribute("ttl", number().computed().optional().describe("Seconds a resolver may keep it; default 60."))
        .attribute("targets", map(Type::Number).required().describe("Name to weight."))
}

fn zones() -> ResourceSchema {
    ResourceSchema::new()
        .describe("The zones of the cloud.")
        .attribute("names", list(Type::String).computed().describe("Their names, sorted."))
        .attribute("health", map(Type::String).computed().describe("Zone to up, down or unreachable."))
        .attribute(
            "quota",
            map(Type::Number).computed().describe("Zone to units that may be in use; without an entry: any number."),
        )
        .attribute("used", map(Type::Number).computed().describe("Zone to units in use."))
}
