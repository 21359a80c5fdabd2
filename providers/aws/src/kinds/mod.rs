//! The resource types: one module each, and what they have in common.

pub mod action;
pub mod attachment;
pub mod balance;
pub mod dns;
pub mod group;
pub mod instance;
pub mod listener;
pub mod mixed;
pub mod nat;
pub mod network;
pub mod routes;
pub mod rule;
pub mod rules;
pub mod security;
pub mod template;

use crate::attr::Args;
use crate::memory::Memory;
use crate::problem::Problem;
use crate::session::Session;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use straddle_sdk::provider::{Ownership, PlanAnswer, PlanRequest, ResourceSchema};
use straddle_sdk::value::Value;

use security::Direction;

pub use instance::live as instance_live;

/// Who will own what is made; nobody, when the caller is not straddle.
pub type Own<'o> = Option<&'o Ownership>;

/// The attempt, where there is one to go by.
pub fn token_of(own: Own<'_>) -> Option<&str> {
    own.map(|o| o.token.as_str()).filter(|token| !token.is_empty())
}

/// The partition of a region.
pub fn instance_partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// What a creation is told from others by: the same for every attempt at it.
pub struct Seed(String);

impl Seed {
    /// Of an attempt; without one, of nothing else ever.
    pub fn of(own: Own<'_>) -> Seed {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        match token_of(own) {
            Some(token) => Seed::text(token),
            None => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                let n = NEXT.fetch_add(1, Ordering::SeqCst);
                Seed::text(&format!("{}.{}.{n}", now.as_nanos(), std::process::id()))
            }
        }
    }

    /// Of a text.
    pub fn text(text: &str) -> Seed {
        Seed(HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
    }

    /// As a token of the API.
    pub fn token(&self) -> String {
        self.0.chars().take(60).collect()
    }

    /// The name written, or one that begins as written and ends in something of its own, no longer than so many letters.
    pub fn name(&self, args: Args<'_>, most: usize) -> String {
        args.text("name").unwrap_or_else(|| {
            let prefix = args.text("name_prefix").unwrap_or_else(|| "straddle-".to_owned());
            let room = most.saturating_sub(prefix.chars().count()).min(16);
            prefix + &self.0.chars().take(room).collect::<String>()
        })
    }
}

/// A resource type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "each is the type of its name")]
pub enum ResourceKind {
    Instance,
    LaunchTemplate,
    LoadBalancer,
    TargetGroup,
    Listener,
    ListenerRule,
    Attachment,
    Record,
    HealthCheck,
    SecurityGroup,
    IngressRule,
    EgressRule,
    SecurityGroupRule,
    Vpc,
    Subnet,
    InternetGateway,
    Address,
    NatGateway,
    RouteTable,
    RouteTableAssociation,
    ScalingGroup,
}

use ResourceKind as K;

impl ResourceKind {
    /// All of them.
    pub const ALL: &[ResourceKind] = &[
        K::Instance,
        K::LaunchTemplate,
        K::LoadBalancer,
        K::TargetGroup,
        K::Listener,
        K::ListenerRule,
        K::Attachment,
        K::Record,
        K::HealthCheck,
        K::SecurityGroup,
        K::IngressRule,
        K::EgressRule,
        K::SecurityGroupRule,
        K::Vpc,
        K::Subnet,
        K::InternetGateway,
        K::Address,
        K::NatGateway,
        K::RouteTable,
        K::RouteTableAssociation,
        K::ScalingGroup,
    ];

    /// The name in a spec.
    pub fn type_name(self) -> &'static str {
        match self {
            K::Instance => "aws_instance",
            K::LaunchTemplate => "aws_launch_template",
            K::LoadBalancer => "aws_lb",
            K::TargetGroup => "aws_lb_target_group",
            K::Listener => "aws_lb_listener",
            K::ListenerRule => "aws_lb_listener_rule",
            K::Attachment => "aws_lb_target_group_attachment",
            K::Record => "aws_route53_record",
            K::HealthCheck => "aws_route53_health_check",
            K::SecurityGroup => "aws_security_group",
            K::IngressRule => "aws_vpc_security_group_ingress_rule",
            K::EgressRule => "aws_vpc_security_group_egress_rule",
            K::SecurityGroupRule => "aws_security_group_rule",
            K::Vpc => "aws_vpc",
            K::Subnet => "aws_subnet",
            K::InternetGateway => "aws_internet_gateway",
            K::Address => "aws_eip",
            K::NatGateway => "aws_nat_gateway",
            K::RouteTable => "aws_route_table",
            K::RouteTableAssociation => "aws_route_table_association",
            K::ScalingGroup => "aws_autoscaling_group",
        }
    }

    /// The type of that name.
    pub fn of_type(name: &str) -> Option<ResourceKind> {
        K::ALL.iter().copied().find(|kind| kind.type_name() == name)
    }

    /// The type of an object of EC2's that is tagged: by the word EC2 has for it, or by what its id begins with.
    pub fn of_ec2(word: &str, id: &str) -> Option<ResourceKind> {
        match id.split('-').next() {
            Some("eipalloc") => return Some(K::Address),
            Some("nat") => return Some(K::NatGateway),
            _ => {}
        }
        Some(match word {
            "launch-template" => K::LaunchTemplate,
            "security-group" => K::SecurityGroup,
            "vpc" => K::Vpc,
            "subnet" => K::Subnet,
            "internet-gateway" => K::InternetGateway,
            "route-table" => K::RouteTable,
            _ => return None,
        })
    }

    /// Its schema.
    pub fn schema(self) -> ResourceSchema {
        match self {
            K::Instance => instance::schema(),
            K::LaunchTemplate => template::schema(),
            K::LoadBalancer => balance::balancer::schema(),
            K::TargetGroup => balance::targets::schema(),
            K::Listener => listener::schema(),
            K::ListenerRule => rule::schema(),
            K::Attachment => attachment::schema(),
            K::Record => dns::record::schema(),
            K::HealthCheck => dns::check::schema(),
            K::SecurityGroup => security::schema(),
            K::IngressRule => rules::single::schema(Direction::Ingress),
            K::EgressRule => rules::single::schema(Direction::Egress),
            K::SecurityGroupRule => rules::several::schema(),
            K::Vpc => network::vpc::schema(),
            K::Subnet => network::subnet::schema(),
            K::InternetGateway => network::gateway::schema(),
            K::Address => nat::address::schema(),
            K::NatGateway => nat::gateway::schema(),
            K::RouteTable => routes::table::schema(),
            K::RouteTableAssociation => routes::association::schema(),
            K::ScalingGroup => group::schema(),
        }
    }

    /// What is meant where nothing is written.
    pub fn defaults(self) -> &'static [(&'static str, &'static str)] {
        match self {
            K::LoadBalancer => balance::balancer::DEFAULTS,
            K::TargetGroup => balance::targets::DEFAULTS,
            K::SecurityGroup => security::DEFAULTS,
            K::SecurityGroupRule => rules::several::DEFAULTS,
            K::Vpc => network::vpc::DEFAULTS,
            K::Subnet => network::subnet::DEFAULTS,
            K::Address => nat::address::DEFAULTS,
            K::NatGateway => nat::gateway::DEFAULTS,
            K::ScalingGroup => group::DEFAULTS,
            _ => &[],
        }
    }

    /// What neither schema nor defaults say about a change.
    pub fn plan(self, request: &PlanRequest, answer: &mut PlanAnswer) {
        match self {
            K::Instance => instance::plan(request, answer),
            K::LaunchTemplate => template::plan(request, answer),
            K::ScalingGroup => group::plan(request, answer),
            K::IngressRule | K::EgressRule => rules::single::plan(request, answer),
            _ => {}
        }
    }

    /// Makes one and says its id; what belongs to it is set by [`ResourceKind::finish`].
    pub async fn create(self, session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        match self {
            K::LaunchTemplate => template::create(session, planned, own).await,
            K::LoadBalancer => balance::balancer::create(session, planned, own).await,
            K::TargetGroup => balance::targets::create(session, planned, own).await,
            K::Listener => listener::create(session, planned, own).await,
            K::ListenerRule => rule::create(session, planned, own).await,
            K::Record => dns::record::create(session, planned, own).await,
            K::HealthCheck => dns::check::create(session, planned, own).await,
            K::SecurityGroup => security::create(session, planned, own).await,
            K::IngressRule => rules::single::create(session, Direction::Ingress, planned, own).await,
            K::EgressRule => rules::single::create(session, Direction::Egress, planned, own).await,
            K::SecurityGroupRule => rules::several::create(session, planned, own).await,
            K::Vpc => network::vpc::create(session, planned, own).await,
            K::Subnet => network::subnet::create(session, planned, own).await,
            K::InternetGateway => network::gateway::create(session, planned, own).await,
            K::Address => nat::address::create(session, planned, own).await,
            K::NatGateway => nat::gateway::create(session, planned, own).await,
            K::RouteTable => routes::table::create(session, planned, own).await,
            K::RouteTableAssociation => routes::association::create(session, planned, own).await,
            K::ScalingGroup => group::create(session, planned, own).await,
            // These two are made many at a time.
            K::Instance | K::Attachment => Ok(String::new()),
        }
    }

    /// Sets what the creating call could not.
    pub async fn finish(self, session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
        match self {
            K::LoadBalancer => balance::balancer::finish(session, id, planned).await,
            K::TargetGroup => balance::targets::finish(session, id, planned).await,
            K::SecurityGroup => security::finish(session, id, planned).await,
            K::Vpc => network::vpc::finish(session, id, planned).await,
            K::Subnet => network::subnet::finish(session, id, planned).await,
            K::InternetGateway => network::gateway::finish(session, id, planned).await,
            K::Address => nat::address::finish(session, id, planned).await,
            K::NatGateway => nat::gateway::finish(session, id, planned).await,
            K::RouteTable => routes::table::finish(session, id, planned).await,
            K::ScalingGroup => group::finish(session, id, planned).await,
            _ => Ok(()),
        }
    }

    /// Brings one from the prior to the planned object.
    pub async fn update(self, session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        match self {
            K::Instance => instance::update(session, prior, planned).await,
            K::LaunchTemplate => template::update(session, prior, planned).await,
            K::LoadBalancer => balance::balancer::update(session, prior, planned).await,
            K::TargetGroup => balance::targets::update(session, prior, planned).await,
            K::Listener => listener::update(session, prior, planned).await,
            K::ListenerRule => rule::update(session, prior, planned).await,
            K::Record => dns::record::update(session, prior, planned).await,
            K::HealthCheck => dns::check::update(session, prior, planned).await,
            K::SecurityGroup => security::update(session, prior, planned).await,
            K::IngressRule | K::EgressRule => rules::single::update(session, prior, planned).await,
            K::SecurityGroupRule => rules::several::update(session, prior, planned).await,
            K::Vpc => network::vpc::update(session, prior, planned).await,
            K::Subnet => network::subnet::update(session, prior, planned).await,
            K::InternetGateway => network::gateway::update(session, prior, planned).await,
            K::Address => nat::address::update(session, prior, planned).await,
            K::NatGateway => nat::gateway::update(session, prior, planned).await,
            K::RouteTable => routes::table::update(session, prior, planned).await,
            K::ScalingGroup => group::update(session, prior, planned).await,
            // Everything in these two replaces.
            K::Attachment | K::RouteTableAssociation => Ok(()),
        }
    }

    /// Deletes one.
    pub async fn delete(self, session: &Session, prior: &Value) -> Result<(), Problem> {
        let id = Args(prior).must("id");
        match self {
            K::LaunchTemplate => template::delete(session, &id).await,
            K::LoadBalancer => balance::balancer::delete(session, &id).await,
            K::TargetGroup => balance::targets::delete(session, &id).await,
            K::Listener => listener::delete(session, &id).await,
            K::ListenerRule => rule::delete(session, &id).await,
            K::Record => dns::record::delete(session, prior).await,
            K::HealthCheck => dns::check::delete(session, &id).await,
            K::SecurityGroup => security::delete(session, prior).await,
            K::IngressRule => rules::single::delete(session, Direction::Ingress, prior).await,
            K::EgressRule => rules::single::delete(session, Direction::Egress, prior).await,
            K::SecurityGroupRule => rules::several::delete(session, prior).await,
            K::Vpc => network::vpc::delete(session, &id).await,
            K::Subnet => network::subnet::delete(session, &id).await,
            K::InternetGateway => network::gateway::delete(session, &id).await,
            K::Address => nat::address::delete(session, &id).await,
            K::NatGateway => nat::gateway::delete(session, &id).await,
            K::RouteTable => routes::table::delete(session, &id).await,
            K::RouteTableAssociation => routes::association::delete(session, &id).await,
            K::ScalingGroup => group::delete(session, prior).await,
            // These two are ended many at a time.
            K::Instance | K::Attachment => Ok(()),
        }
    }

    /// One as it is; `None`: gone.
    pub async fn read(self, session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let answer = match self {
            K::LaunchTemplate => template::read(session, state).await,
            K::LoadBalancer => balance::balancer::read(session, state).await,
            K::TargetGroup => balance::targets::read(session, state).await,
            K::Listener => listener::read(session, state).await,
            K::ListenerRule => rule::read(session, state).await,
            K::Record => dns::record::read(session, state).await,
            K::HealthCheck => dns::check::read(session, state).await,
            K::SecurityGroup => security::read(session, state).await,
            K::IngressRule | K::EgressRule => rules::single::read(session, state).await,
            K::SecurityGroupRule => rules::several::read(session, state).await,
            K::Vpc => network::vpc::read(session, state).await,
            K::Subnet => network::subnet::read(session, state).await,
            K::InternetGateway => network::gateway::read(session, state).await,
            K::Address => nat::address::read(session, state).await,
            K::NatGateway => nat::gateway::read(session, state).await,
            K::RouteTable => routes::table::read(session, state).await,
            K::RouteTableAssociation => routes::association::read(session, state).await,
            K::ScalingGroup => group::read(session, state).await,
            K::Instance => {
                let known = [instance::Known { state, memory: Memory::default() }];
                let found = instance::read_many(session, &known).await.pop().unwrap_or(Ok(None));
                found.map(|found| found.map(|(state, _)| state))
            }
            K::Attachment => attachment::read_many(session, &[state]).await.pop().unwrap_or(Ok(None)),
        };
        match answer {
            Err(problem) if problem.is_gone() => Ok(None),
            end => end,
        }
    }

    /// Where a read begins that follows an import; `None`: the text is no id of this type.
    pub fn from_id(self, schema: &ResourceSchema, id: &str) -> Option<Value> {
        match self {
            _ if id.trim().is_empty() => None,
            K::Record => dns::record::from_id(schema, id),
            K::Attachment => attachment::from_id(schema, id),
            K::SecurityGroupRule => rules::several::from_id(schema, id),
            _ => Some(crate::attr::only_id(schema, id)),
        }
    }
}
