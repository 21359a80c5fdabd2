//! Workloads on AWS, told to the built binaries over moto: planned, applied, damaged, repaired, failed over, failed back, rolled out,
//! destroyed. Each end is judged through the API.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use world::proxy::Fault;
use world::{REGION, World};

/// Two servers in each of two zones and nothing around them.
const SMALL: &str = r#"
terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

provider "aws" {
  region      = "ap-northeast-2"
  max_retries = 0
}

location "seoul-az1" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
}

location "seoul-az3" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az3" }
}

workload "web" {
  replicas = 4

  spread "zone" {
    over = ["apne2-az1", "apne2-az3"]
  }

  replica "server" {
    resource "aws_instance" "server" {
      ami               = "ami-760aaa0f"
      instance_type     = "t3.micro"
      availability_zone = location.domains.zone == "apne2-az1" ? "ap-northeast-2a" : "ap-northeast-2c"
      tags              = { Name = replica.name }
    }

    ready = aws_instance.server.instance_state == "running"
  }
}
"#;

#[test]
fn ten_servers_stand_five_and_five_and_go_again() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.run("plan -detailed-exitcode").ends(2).says("apne2-az1 0 ----- 5 #####").says("apne2-az3 0 ----- 5 #####");
    let out = world.run("apply -auto-approve").ends(0).says("web 1/1 complete, 10 serving");
    assert!(out.text.contains("36 added") || out.text.contains("32 added"), "{}", out.text);
    world.stands(5, 5);
    let calls = world.proxy.calls();
    assert_eq!(calls.get("RunInstances"), Some(&2), "one call for each zone: {calls:?}");
    // Ownership goes out in the same call, names after it.
    for seen in world.proxy.seen("RunInstances") {
        for key in ["straddle%3Aowner", "straddle%3Atokens", "straddle%3Aaddresses", "ClientToken"] {
            assert!(seen.body.contains(key), "{key} in {}", seen.body);
        }
    }
    world.run("plan -detailed-exitcode").ends(0);
    world.run("drift -fail-on=drift").ends(0);
    let healthy = world.api("elasticloadbalancing", "DescribeTargetGroups");
    let group = healthy
        .split("<TargetGroupArn>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .replace(':', "%3A")
        .replace('/', "%2F");
    let targets = world.api("elasticloadbalancing", &format!("DescribeTargetHealth&TargetGroupArn={group}"));
    assert_eq!(targets.matches("<State>healthy</State>").count(), 10, "{targets}");

    world.run("destroy -auto-approve").ends(0);
    world.stands(0, 0);
    assert!(!world.api("elasticloadbalancing", "DescribeLoadBalancers").contains("web-front"));
    assert!(!world.api("ec2", "DescribeVpcs").contains("10.20.0.0"));
    assert!(!world.api("ec2", "DescribeSecurityGroups").contains("web-server"));
}

#[test]
fn damage_by_hand_is_found_and_repaired_and_nothing_else_is_touched() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.run("apply -auto-approve").ends(0);
    let before: Vec<String> = world.running().into_iter().map(|i| i.id).collect();
    world.terminate(&before[0]);
    let group = world.api("ec2", "DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=web-server");
    let group = group.split("<groupId>").nth(1).unwrap().split('<').next().unwrap();
    let opened = "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0";
    world.api("ec2", &format!("AuthorizeSecurityGroupIngress&GroupId={group}&{opened}"));
    world.api("ec2", &format!("CreateTags&ResourceId.1={}&Tag.1.Key=Service&Tag.1.Value=other", before[1]));

    world.run("drift -fail-on=drift").ends(2).says("2 changed, 2 missing");
    world.run("plan").ends(0).says("9 of 10 serving").says("2 to add (1 replica), 2 to change");
    world.run("apply -auto-approve").ends(0);
    world.stands(5, 5);
    let after: Vec<String> = world.running().into_iter().map(|i| i.id).collect();
    assert_eq!(
        before.iter().skip(1).filter(|id| after.contains(id)).count(),
        9,
        "the nine that were well are the same"
    );
    let rules = world.api("ec2", &format!("DescribeSecurityGroups&GroupId.1={group}"));
    assert!(!rules.contains("<toPort>22</toPort>"), "the door opened by hand is closed: {rules}");
    world.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_lost_zone_is_made_up_for_in_the_other_and_given_back() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.run("apply -auto-approve").ends(0);
    for one in world.running().iter().filter(|i| i.zone.ends_with('a')) {
        world.terminate(&one.id);
    }
    world.run("failover -auto-approve -lose=zone:apne2-az1").ends(0);
    world.stands(0, 10);
    world.run("failback -auto-approve").ends(0);
    world.stands(5, 5);
    world.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_new_image_rolls_out_and_never_fewer_than_ten_run() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.run("apply -auto-approve").ends(0);
    let old = world.running()[0].image.clone();
    world.proxy.watch("TerminateInstances");
    world.run("apply -auto-approve -var=ami=ami-00000000000000001").ends(0).says("20 added, 0 changed, 20 removed");
    world.stands(5, 5);
    assert!(world.running().iter().all(|i| i.image == "ami-00000000000000001"), "{old} is still there");
    let ended = world.proxy.seen("TerminateInstances");
    assert!(ended.len() >= 5, "batches of two: {}", ended.len());
    for seen in ended {
        let (ran, ends) = (seen.running.unwrap(), seen.body.matches("InstanceId.").count());
        assert!(ran - ends >= 10, "{ran} ran when {ends} were ended");
    }
    world.run("plan -detailed-exitcode -var=ami=ami-00000000000000001").ends(0);
}

#[test]
fn whatever_becomes_of_the_replies_every_instance_is_started_once() {
    let Some(world) = World::of("aws-5-5") else { return };
    // Each kind of trouble with the calls that make things.
    world.proxy.next("RunInstances", "", [Fault::Throttle, Fault::LoseReply, Fault::Broken(500), Fault::Cut]);
    world.proxy.next("CreateVpc", "", [Fault::LoseReply]);
    world.proxy.next("CreateSubnet", "", [Fault::Cut, Fault::LoseReply, Fault::Throttle]);
    world.proxy.next("CreateSecurityGroup", "", [Fault::LoseReply, Fault::Broken(503)]);
    world.proxy.next("CreateInternetGateway", "", [Fault::LoseReply]);
    world.proxy.next("CreateRouteTable", "", [Fault::LoseReply]);
    world.proxy.next("CreateLoadBalancer", "", [Fault::LoseReply]);
    world.proxy.next("CreateTargetGroup", "", [Fault::LoseReply]);
    world.proxy.next("CreateListener", "", [Fault::LoseReply]);
    world.proxy.next("RegisterTargets", "", [Fault::LoseReply, Fault::Throttle]);
    world.proxy.next("DescribeInstances", "", [Fault::Throttle, Fault::Broken(502), Fault::Cut]);
    world.run("apply -auto-approve").ends(0);
    world.stands(5, 5);
    assert_eq!(world.instances().len(), 10, "none was ever made twice");
    let count = |xml: String, word: &str| xml.matches(word).count();
    assert_eq!(count(world.api("ec2", "DescribeVpcs&Filter.1.Name=cidr&Filter.1.Value.1=10.20.0.0/16"), "<vpcId>"), 1);
    assert_eq!(count(world.api("ec2", "DescribeInternetGateways"), "<internetGatewayId>"), 1);
    assert_eq!(count(world.api("elasticloadbalancing", "DescribeLoadBalancers"), "<LoadBalancerName>"), 1);
    assert_eq!(count(world.api("elasticloadbalancing", "DescribeTargetGroups"), "<TargetGroupName>"), 1);
    world.proxy.heal();
    world.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn killed_while_instances_start_it_finds_them_again() {
    let Some(world) = World::of("aws-5-5") else { return };
    let (held, go) = world.proxy.held();
    world.proxy.next("RunInstances", "", [Fault::Hold, Fault::Hold]);
    let mut child = world
        .command("apply -auto-approve")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    held.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(go);
    world.proxy.heal();
    world.run("apply -auto-approve").ends(0);
    world.stands(5, 5);
    assert_eq!(world.instances().len(), 10, "those started before the kill are among them");
    world.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn what_cannot_be_seen_yet_is_not_made_again() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.run("apply -auto-approve").ends(0);
    // Every list of the next plan begins blind.
    world.proxy.next("DescribeInstances", "", vec![Fault::Blind; 3]);
    world.run("plan -detailed-exitcode").ends(0);
    world.stands(5, 5);
}

#[test]
fn a_zone_without_room_is_a_shortage_there_and_nothing_more() {
    let Some(world) = World::of("aws-5-5") else { return };
    // The ownership of the batch names its location.
    world.proxy.always("RunInstances", "seoul-az1", Fault::NoCapacity);
    world.run("apply -auto-approve").ends(7).says("No room there (EC2 RunInstances)").says("Request id reqOfTheProxy");
    world.stands(0, 5);
    // The next plan knows of it: with all ten in one zone the rule could not hold, so it is refused and not tried again.
    world.proxy.forget();
    world.run("apply -auto-approve").ends(3).says("REFUSED");
    assert!(!world.proxy.calls().contains_key("RunInstances"));
    // Later there is room again.
    world.proxy.heal();
    std::fs::remove_file(world.path().join(".terraform/straddle-aws-shortages.json")).unwrap();
    world.run("apply -auto-approve").ends(0);
    world.stands(5, 5);
}

#[test]
fn where_no_rule_forbids_it_a_shortage_sends_replicas_to_the_other_zone() {
    let Some(world) = World::with(SMALL) else { return };
    world.proxy.always("RunInstances", "seoul-az1", Fault::NoCapacity);
    world.run("apply -auto-approve").ends(7);
    world.stands(0, 2);
    world.run("apply -auto-approve").ends(0);
    world.stands(0, 4);
}

#[test]
fn a_reply_lost_twice_and_nothing_to_be_seen_still_makes_each_instance_once() {
    let Some(world) = World::with(SMALL) else { return };
    // The tags cannot be looked up while it matters, so the token alone decides; the proxy honours it as AWS does.
    world.proxy.next("RunInstances", "", vec![Fault::LoseReply; 4]);
    world.proxy.next("DescribeInstances", "", vec![Fault::Blind; 40]);
    world.run("apply -auto-approve");
    world.proxy.heal();
    world.run("apply -auto-approve").ends(0);
    world.stands(2, 2);
    assert_eq!(world.instances().len(), 4, "none was ever made twice");
    let tokens: Vec<String> =
        world.proxy.seen("RunInstances").iter().map(|s| parameter(&s.body, "ClientToken")).collect();
    let different: std::collections::BTreeSet<&String> = tokens.iter().collect();
    assert!(tokens.len() >= 4 && different.len() == 2, "asked again with the same token: {tokens:?}");
}

fn parameter(body: &str, name: &str) -> String {
    let found = body.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_default().to_owned()
}

#[test]
fn user_data_changes_in_place_between_a_stop_and_a_start() {
    let spec = SMALL
        .replace("replicas = 4", "replicas = 2")
        .replace("instance_type     = ", "user_data         = var.data\n      instance_type     = ");
    let Some(world) = World::with(&format!("{spec}\nvariable \"data\" {{\n  default = \"one\"\n}}\n")) else { return };
    world.run("apply -auto-approve").ends(0);
    // moto does not take what AWS takes here, so the call is answered for it.
    let done = "<ModifyInstanceAttributeResponse><return>true</return></ModifyInstanceAttributeResponse>";
    world.proxy.always("ModifyInstanceAttribute", "", Fault::Say("text/xml", done));
    world.run("apply -auto-approve -var=data=two").ends(0);
    let changes = world.proxy.seen("ModifyInstanceAttribute");
    assert!(
        !changes.is_empty() && changes.iter().all(|c| parameter(&c.body, "UserData.Value") == "dHdv"),
        "{changes:?}"
    );
    let calls = world.proxy.calls();
    assert_eq!((calls.get("StopInstances"), calls.get("StartInstances")), (Some(&2), Some(&2)), "{calls:?}");
    world.run("plan -detailed-exitcode -var=data=two").ends(0);
}

#[test]
fn an_api_that_does_not_answer_makes_its_zones_unknown_and_nothing_is_touched() {
    let Some(world) = World::with(SMALL) else { return };
    world.run("apply -auto-approve").ends(0);
    world.stands(2, 2);
    world.proxy.always("DescribeAvailabilityZones", "", Fault::Broken(503));
    world.run("plan").says("seoul-az1 UNKNOWN, seoul-az3 UNKNOWN");
    world.proxy.heal();
    world.proxy.always("*", "", Fault::Cut);
    let plan = world.run("plan");
    assert!(!plan.text.contains("DOWN") && !plan.text.contains("to add"), "{}", plan.text);
    world.run("apply -auto-approve");
    world.proxy.heal();
    world.stands(2, 2);
    assert_eq!(world.instances().len(), 4, "nothing was made and nothing ended in the dark");
    world.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_missing_permission_is_named_with_the_call_and_the_request() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.proxy.always("RunInstances", "", Fault::Denied);
    world
        .run("apply -auto-approve")
        .ends(7)
        .says("Not allowed: ec2:RunInstances")
        .says("Request id reqOfTheProxy")
        .says("aws-policy.json");
    assert_eq!(world.instances().len(), 0);
}

#[test]
fn reading_costs_pages_and_not_replicas() {
    let Some(world) = World::of("aws-5-5") else { return };
    world.run("apply -auto-approve").ends(0);
    let plan = |world: &World| {
        world.proxy.forget();
        world.run("plan -detailed-exitcode").ends(0);
        world.proxy.calls()
    };
    let ten = plan(&world);
    world.edit("web.straddle.hcl", "replicas = 10", "replicas = 30");
    world.edit("web.straddle.hcl", "surge = 2\n    batch = 2", "surge = 20\n    batch = 20");
    world.proxy.forget();
    world.run("apply -auto-approve").ends(0);
    let grown = world.proxy.calls();
    assert_eq!(grown.get("RunInstances"), Some(&2), "twenty more in two calls: {grown:?}");
    let thirty = plan(&world);
    assert_eq!(ten, thirty, "the same calls for three times as many");
    assert_eq!(world.running().len(), 30);
}

#[test]
fn terraform_itself_drives_the_provider_through_the_same_files() {
    let Some(world) = World::of("aws-5-5") else { return };
    let Some(plan) = world.terraform("plan -no-color -input=false") else {
        eprintln!("no terraform here, so it is not tested");
        return;
    };
    plan.ends(0).says("12 to add");
    world.terraform("apply -no-color -input=false -auto-approve").unwrap().ends(0).says("12 added");
    world.terraform("plan -no-color -input=false -detailed-exitcode").unwrap().ends(0);
    let zones = world.api("ec2", "DescribeSubnets");
    assert!(zones.contains(&format!("{REGION}a")) && zones.contains("10.20.3.0/24"));
    world.terraform("destroy -no-color -input=false -auto-approve").unwrap().ends(0);
    assert!(!world.api("ec2", "DescribeVpcs").contains("10.20.0.0"));
}
