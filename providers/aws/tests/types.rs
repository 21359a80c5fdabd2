//! The kit's own checks, for every resource type, over moto.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use straddle_provider_aws::attr::{flag, nothing, number, text, text_list, text_map, text_set};
use straddle_provider_aws::kinds::ResourceKind;
use straddle_provider_aws::{AwsProvider, config};
use straddle_sdk::conformance::{InProcess, Sample, check};
use straddle_sdk::provider::ResourceSchema;
use straddle_sdk::schema::Nesting;
use straddle_sdk::value::{Type, Value};
use world::{REGION, World};

/// A block of a schema with these attributes written.
fn block(schema: &ResourceSchema, name: &str, written: &[(&str, Value)]) -> (String, Value) {
    let block = &schema.body().blocks[name];
    (name.to_owned(), collected(block.nesting, &block.block.implied_type(), &[written]))
}

/// Blocks inside a block.
fn inner(outer: &straddle_sdk::schema::Block, name: &str, written: &[&[(&str, Value)]]) -> Value {
    let block = &outer.blocks[name];
    collected(block.nesting, &block.block.implied_type(), written)
}

fn collected(nesting: Nesting, of: &Type, written: &[&[(&str, Value)]]) -> Value {
    let one = |written: &&[(&str, Value)]| {
        written.iter().fold(nothing(of), |object, (name, value)| object.with_attribute(name, value.clone()))
    };
    let all = written.iter().map(one).collect();
    if nesting == Nesting::Set { Value::set(of.clone(), all) } else { Value::list(of.clone(), all) }
}

/// The provider's configuration for a world.
pub fn settings(world: &World) -> Vec<(&'static str, Value)> {
    let url = text(format!("http://127.0.0.1:{}", world.proxy.port()));
    let schema = config::schema();
    let endpoints: Vec<(&str, Value)> =
        ["ec2", "elbv2", "autoscaling", "route53", "sts", "servicequotas", "arczonalshift"]
            .map(|name| (name, url.clone()))
            .to_vec();
    vec![
        ("region", text(REGION)),
        ("access_key", text("AKIATESTTESTTESTTEST")),
        ("secret_key", text("a-secret-that-is-nowhere-to-be-seen")),
        ("endpoints", block(&schema, "endpoints", &endpoints).1),
    ]
}

fn tags(entries: &[(&str, &str)]) -> Value {
    text_map(&entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

/// What samples refer to, made by hand.
struct Ground {
    vpc: String,
    subnets: [String; 2],
    zone: String,
    group: String,
    template: String,
    listener: String,
    door: String,
    address: String,
}

fn first(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split('<').next().unwrap().to_owned()
}

fn encoded(arn: &str) -> String {
    arn.replace(':', "%3A").replace('/', "%2F")
}

fn ground(world: &World) -> Ground {
    let vpc = first(&world.api("ec2", "CreateVpc&CidrBlock=10.30.0.0/16"), "vpcId");
    let subnet = |letter: &str, net: u8| {
        let query = format!("CreateSubnet&VpcId={vpc}&CidrBlock=10.30.{net}.0/24&AvailabilityZone={REGION}{letter}");
        first(&world.api("ec2", &query), "subnetId")
    };
    let subnets = [subnet("a", 1), subnet("c", 2)];
    let query = format!("CreateTargetGroup&Name=ground&Port=80&Protocol=HTTP&VpcId={vpc}");
    let group = first(&world.api("elasticloadbalancing", &query), "TargetGroupArn");
    let query = "CreateLaunchTemplate&LaunchTemplateName=ground&LaunchTemplateData.ImageId=ami-760aaa0f&LaunchTemplateData.InstanceType=t3.micro";
    let template = first(&world.api("ec2", query), "launchTemplateId");
    let [a, c] = &subnets;
    let query = format!("CreateLoadBalancer&Name=ground&Subnets.member.1={a}&Subnets.member.2={c}");
    let balancer = first(&world.api("elasticloadbalancing", &query), "LoadBalancerArn");
    let action = "DefaultActions.member.1.Type=fixed-response&DefaultActions.member.1.FixedResponseConfig.StatusCode=404&\
                  DefaultActions.member.1.FixedResponseConfig.ContentType=text%2Fplain";
    let query = format!("CreateListener&LoadBalancerArn={}&Protocol=HTTP&Port=80&{action}", encoded(&balancer));
    let listener = first(&world.api("elasticloadbalancing", &query), "ListenerArn");
    let query = format!("CreateSecurityGroup&GroupName=ground&GroupDescription=ground&VpcId={vpc}");
    let door = first(&world.api("ec2", &query), "groupId");
    let address = first(&world.api("ec2", "AllocateAddress&Domain=vpc"), "allocationId");
    Ground { vpc, subnets, zone: world.hosted_zone("example.kr"), group, template, listener, door, address }
}

fn sample(kind: ResourceKind, written: Vec<(&str, Value)>) -> Sample {
    Sample::new(kind.type_name(), written)
}

fn networks(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let (vpc, [subnet, _]) = (|| ("vpc_id", text(&ground.vpc)), &ground.subnets);
    let group = K::SecurityGroup.schema();
    let rule = |port: i64, cidrs: &[&str]| {
        block(
            &group,
            "ingress",
            &[
                ("from_port", number(port)),
                ("to_port", number(port)),
                ("protocol", text("tcp")),
                ("cidr_blocks", text_list(cidrs)),
            ],
        )
    };
    let (one, two) = (rule(80, &["0.0.0.0/0"]), rule(443, &["10.0.0.0/8", "0.0.0.0/0"]));
    vec![
        sample(K::Vpc, vec![("cidr_block", text("10.40.0.0/16")), ("tags", tags(&[("Name", "웹")]))])
            .change([("cidr_block", text("10.40.0.0/16")), ("enable_dns_hostnames", flag(true))])
            .change([("cidr_block", text("10.41.0.0/16"))])
            .import_by("id"),
        sample(K::Subnet, vec![vpc(), ("cidr_block", text("10.30.9.0/24"))])
            .change([
                vpc(),
                ("cidr_block", text("10.30.9.0/24")),
                ("map_public_ip_on_launch", flag(true)),
                ("tags", tags(&[("a", "b")])),
            ])
            .change([vpc(), ("cidr_block", text("10.30.10.0/24")), ("availability_zone", text("ap-northeast-2c"))])
            .import_by("id"),
        sample(K::InternetGateway, vec![vpc()]).change([vpc(), ("tags", tags(&[("a", "b")]))]).import_by("id"),
        sample(K::RouteTable, vec![vpc()]).change([vpc(), ("tags", tags(&[("a", "b")]))]).import_by("id"),
        sample(K::SecurityGroup, vec![vpc(), ("name", text("one")), (&one.0, one.1.clone())])
            .change([vpc(), ("name", text("one")), (&two.0, two.1.clone()), ("tags", tags(&[("a", "b")]))])
            .change([vpc(), ("name", text("one"))])
            .change([vpc(), ("name_prefix", text("two-"))]),
        sample(K::SecurityGroup, vec![vpc(), ("name", text("three")), (&one.0, one.1.clone())]).import_by("id"),
        sample(
            K::Instance,
            vec![
                ("ami", text("ami-760aaa0f")),
                ("instance_type", text("t3.micro")),
                ("subnet_id", text(subnet)),
                ("tags", tags(&[("Name", "a")])),
                ("user_data", text("#!/bin/sh")),
            ],
        )
        .change([
            ("ami", text("ami-760aaa0f")),
            ("instance_type", text("t3.small")),
            ("subnet_id", text(subnet)),
            ("user_data", text("#!/bin/sh")),
        ])
        .change([
            ("ami", text("ami-00000000000000002")),
            ("instance_type", text("t3.small")),
            ("availability_zone", text("ap-northeast-2a")),
        ]),
        sample(K::Instance, vec![("ami", text("ami-760aaa0f")), ("instance_type", text("t3.micro"))]).import_by("id"),
    ]
}

/// Rules of security groups as resources of their own.
fn doors(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let rule = |port: i64, more: Vec<(&'static str, Value)>| {
        let mut all = vec![
            ("security_group_id", text(&ground.door)),
            ("ip_protocol", text("tcp")),
            ("from_port", number(port)),
            ("to_port", number(port)),
        ];
        all.extend(more);
        all
    };
    let several = |cidrs: &[&str], more: Vec<(&'static str, Value)>| {
        let mut all = vec![
            ("security_group_id", text(&ground.door)),
            ("type", text("ingress")),
            ("protocol", text("tcp")),
            ("from_port", number(22)),
            ("to_port", number(23)),
            ("cidr_blocks", text_list(cidrs)),
        ];
        all.extend(more);
        all
    };
    let all =
        vec![("security_group_id", text(&ground.door)), ("ip_protocol", text("-1")), ("cidr_ipv6", text("fd00::/8"))];
    vec![
        sample(K::IngressRule, rule(80, vec![("cidr_ipv4", text("10.0.0.0/8"))]))
            .change(rule(443, vec![("cidr_ipv4", text("10.1.0.0/16")), ("tags", tags(&[("a", "b")]))]))
            .change(rule(443, vec![("referenced_security_group_id", text(&ground.door))])),
        sample(K::IngressRule, rule(81, vec![("cidr_ipv4", text("10.0.0.0/8")), ("description", text("웹"))]))
            .import_by("id"),
        sample(K::EgressRule, all).import_by("id"),
        sample(K::SecurityGroupRule, several(&["10.0.0.0/8", "10.2.0.0/16"], vec![]))
            .change(several(&["10.0.0.0/8"], vec![]))
            .change(several(&["10.0.0.0/8"], vec![("self", flag(true))])),
    ]
}

/// The way out.
fn outward(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let gateway = || vec![("subnet_id", text(&ground.subnets[0])), ("allocation_id", text(&ground.address))];
    let mut named = gateway();
    named.push(("tags", tags(&[("Name", "out")])));
    vec![
        sample(K::Address, vec![]).change([("tags", tags(&[("a", "b")]))]).import_by("id"),
        sample(K::NatGateway, gateway()).change(named).import_by("id"),
    ]
}

fn listener_rules(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let schema = K::ListenerRule.schema();
    let forward = block(&schema, "action", &[("type", text("forward")), ("target_group_arn", text(&ground.group))]);
    let condition = |name: &str, values: &[&str]| {
        let inner = inner(&schema.body().blocks["condition"].block, name, &[&[("values", text_set(values))]]);
        block(&schema, "condition", &[(name, inner)])
    };
    let rule = |priority: Option<i64>, condition: (String, Value)| {
        let mut all = vec![("listener_arn".to_owned(), text(&ground.listener)), forward.clone(), condition];
        all.extend(priority.map(|n| ("priority".to_owned(), number(n))));
        all
    };
    vec![
        Sample::new(K::ListenerRule.type_name(), rule(Some(10), condition("path_pattern", &["/a/*", "/b/*"])))
            .change(rule(Some(20), condition("path_pattern", &["/a/*"])))
            .change(rule(Some(20), condition("host_header", &["www.example.kr"]))),
        Sample::new(K::ListenerRule.type_name(), rule(None, condition("source_ip", &["10.0.0.0/8"]))),
        Sample::new(K::ListenerRule.type_name(), rule(Some(30), condition("http_request_method", &["GET"])))
            .import_by("id"),
    ]
}

/// Instances with disks beside the one they boot from.
fn disks(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let schema = K::Instance.schema();
    let disk = |size: i64| {
        block(&schema, "ebs_block_device", &[("device_name", text("/dev/sdf")), ("volume_size", number(size))])
    };
    let server = |disk: Option<(String, Value)>| {
        let mut all = vec![
            ("ami".to_owned(), text("ami-760aaa0f")),
            ("instance_type".to_owned(), text("t3.micro")),
            ("subnet_id".to_owned(), text(&ground.subnets[0])),
        ];
        all.extend(disk);
        all
    };
    vec![
        Sample::new(K::Instance.type_name(), server(Some(disk(10))))
            .change(server(Some(disk(20))))
            .change(server(None)),
    ]
}

fn balancers(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let subnets = || ("subnets", text_set(&ground.subnets));
    let vpc = || ("vpc_id", text(&ground.vpc));
    let group = |path: &str| {
        block(
            &K::TargetGroup.schema(),
            "health_check",
            &[("path", text(path)), ("interval", number(10)), ("timeout", number(5))],
        )
    };
    let (slash, health) = (group("/"), group("/healthz"));
    let web = || vec![("name", text("web")), ("port", number(80)), ("protocol", text("HTTP")), vpc()];
    let with = |more: &(String, Value)| {
        let mut all: Vec<(String, Value)> = web().into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        all.push(more.clone());
        all
    };
    vec![
        sample(K::LoadBalancer, vec![("name", text("web")), subnets()])
            .change([("name", text("web")), subnets(), ("idle_timeout", number(120)), ("tags", tags(&[("a", "b")]))])
            .change([("name_prefix", text("w-")), subnets(), ("internal", flag(true))]),
        sample(K::LoadBalancer, vec![("name", text("two")), subnets()]).import_by("id"),
        Sample::new(K::TargetGroup.type_name(), with(&slash)).change(with(&health)).change([
            ("name", text("web")),
            ("port", number(8080)),
            ("protocol", text("HTTP")),
            vpc(),
            ("deregistration_delay", text("30")),
        ]),
        sample(
            K::HealthCheck,
            vec![
                ("type", text("HTTP")),
                ("fqdn", text("a.example.kr")),
                ("port", number(80)),
                ("resource_path", text("/")),
            ],
        )
        .change([
            ("type", text("HTTP")),
            ("fqdn", text("b.example.kr")),
            ("resource_path", text("/b")),
            ("port", number(80)),
            ("failure_threshold", number(5)),
        ])
        .change([
            ("type", text("TCP")),
            ("ip_address", text("192.0.2.1")),
            ("port", number(443)),
            ("tags", tags(&[("a", "b")])),
        ])
        .import_by("id"),
    ]
}

fn records(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let zone = || ("zone_id", text(&ground.zone));
    let schema = K::Record.schema();
    let weight = |n: i64| block(&schema, "weighted_routing_policy", &[("weight", number(n))]);
    let failover = block(&schema, "failover_routing_policy", &[("type", text("PRIMARY"))]);
    let latency = block(&schema, "latency_routing_policy", &[("region", text(REGION))]);
    let base = |records: &[&str]| {
        [("name", text("www")), ("type", text("A")), ("ttl", number(60)), ("records", text_set(records))]
            .map(|(n, v)| (n.to_owned(), v))
            .to_vec()
    };
    let routed = |more: &(String, Value)| {
        let mut all = base(&["192.0.2.1"]);
        all.extend([("zone_id".to_owned(), text(&ground.zone)), ("set_identifier".to_owned(), text("blue"))]);
        all.push(more.clone());
        all
    };
    let plain = |records: &[&str]| {
        let mut all = base(records);
        all.push((zone().0.to_owned(), zone().1));
        all
    };
    vec![
        Sample::new(K::Record.type_name(), plain(&["192.0.2.1"])).change(plain(&["192.0.2.1", "192.0.2.2"])),
        Sample::new(K::Record.type_name(), routed(&weight(10))).change(routed(&weight(0))).change(routed(&failover)),
        Sample::new(K::Record.type_name(), routed(&latency)),
        Sample::new(K::Record.type_name(), routed(&("multivalue_answer_routing_policy".to_owned(), flag(true)))),
    ]
}

fn groups(ground: &Ground) -> Vec<Sample> {
    use ResourceKind as K;
    let template = block(
        &K::ScalingGroup.schema(),
        "launch_template",
        &[("id", text(&ground.template)), ("version", text("$Latest"))],
    );
    let sized = |min: i64, max: i64, more: Vec<(&str, Value)>| {
        let mut all = vec![
            ("name".to_owned(), text("web")),
            ("min_size".to_owned(), number(min)),
            ("max_size".to_owned(), number(max)),
            ("vpc_zone_identifier".to_owned(), text_set(&ground.subnets[..1])),
            template.clone(),
        ];
        all.extend(more.into_iter().map(|(n, v)| (n.to_owned(), v)));
        all
    };
    let mixed = |count: i64, kind: &str| {
        let schema = K::ScalingGroup.schema();
        let policy = &schema.body().blocks["mixed_instances_policy"].block;
        let from = &policy.blocks["launch_template"].block;
        let which: &[(&str, Value)] = &[("launch_template_id", text(&ground.template)), ("version", text("$Latest"))];
        let which = inner(from, "launch_template_specification", &[which]);
        let others =
            inner(from, "override", &[&[("instance_type", text(kind))], &[("instance_type", text("t3.small"))]]);
        let from =
            inner(policy, "launch_template", &[&[("launch_template_specification", which), ("override", others)]]);
        let spot = inner(policy, "instances_distribution", &[&[("on_demand_base_capacity", number(1))]]);
        vec![
            ("name".to_owned(), text("mixed")),
            ("min_size".to_owned(), number(0)),
            ("max_size".to_owned(), number(4)),
            ("desired_capacity".to_owned(), number(count)),
            ("vpc_zone_identifier".to_owned(), text_set(&ground.subnets[..1])),
            block(&schema, "mixed_instances_policy", &[("launch_template", from), ("instances_distribution", spot)]),
        ]
    };
    let metadata = block(
        &K::LaunchTemplate.schema(),
        "metadata_options",
        &[("http_tokens", text("required")), ("http_endpoint", text("enabled"))],
    );
    let spec = K::LaunchTemplate.schema();
    let devices = &spec.body().blocks["block_device_mappings"].block;
    let ebs = inner(devices, "ebs", &[&[("volume_size", number(20)), ("volume_type", text("gp3"))]]);
    let device = block(&spec, "block_device_mappings", &[("device_name", text("/dev/xvda")), ("ebs", ebs)]);
    let made = |image: &str, more: &[&(String, Value)]| {
        let mut all = vec![
            ("name".to_owned(), text("web")),
            ("image_id".to_owned(), text(image)),
            ("instance_type".to_owned(), text("t3.micro")),
        ];
        all.extend(more.iter().map(|m| (*m).clone()));
        all
    };
    vec![
        Sample::new(K::LaunchTemplate.type_name(), made("ami-760aaa0f", &[&metadata]))
            .change(made("ami-00000000000000002", &[&metadata, &device]))
            .change(made("ami-00000000000000002", &[])),
        Sample::new(K::ScalingGroup.type_name(), mixed(2, "t3.micro")).change(mixed(3, "t3a.micro")),
        Sample::new(K::ScalingGroup.type_name(), sized(1, 3, vec![("desired_capacity", number(2))]))
            .change(sized(
                0,
                4,
                vec![("desired_capacity", number(3)), ("suspended_processes", text_set(["AZRebalance"]))],
            ))
            .change(sized(
                0,
                4,
                vec![("desired_capacity", number(1)), ("target_group_arns", text_set([&ground.group]))],
            )),
    ]
}

#[tokio::test]
async fn every_type_conforms() {
    let Some(world) = World::empty() else { return };
    let ground = ground(&world);
    let server = first(&world.api("ec2", "RunInstances&ImageId=ami-760aaa0f&MinCount=1&MaxCount=1"), "instanceId");
    let target = |port: i64| {
        vec![("target_group_arn", text(&ground.group)), ("target_id", text(&server)), ("port", number(port))]
    };
    let mut samples = networks(&ground);
    samples.extend(doors(&ground));
    samples.extend(outward(&ground));
    samples.extend(disks(&ground));
    samples.extend(listener_rules(&ground));
    samples.extend(balancers(&ground));
    samples.extend(records(&ground));
    samples.extend(groups(&ground));
    samples.push(sample(ResourceKind::Attachment, target(80)).change(target(8080)).import_by("id"));
    let subject = InProcess::new(AwsProvider::new(), &settings(&world)).await;
    let report = check(&subject, &samples).await;
    assert!(report.findings.is_empty(), "{report}");
    assert!(report.checked > 300, "{report}");
}
