//! What stands around servers: networks with a way out, rules as resources of their own, rules of listeners, groups of several types.
//! The same files by straddle and by the real Terraform, and made once whatever becomes of replies and of the program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use world::World;
use world::proxy::Fault;

const WHOLE: &str = r#"
terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

provider "aws" {
  region      = "ap-northeast-2"
  max_retries = 0
}

variable "priority" {
  type    = number
  default = 10
}

resource "aws_vpc" "main" {
  cidr_block = "10.60.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  for_each          = { a = "10.60.0.0/24", c = "10.60.1.0/24" }
  vpc_id            = aws_vpc.main.id
  cidr_block        = each.value
  availability_zone = "ap-northeast-2${each.key}"
}

resource "aws_subnet" "private" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.60.2.0/24"
  availability_zone = "ap-northeast-2a"
}

resource "aws_eip" "out" {
  domain     = "vpc"
  tags       = { Name = "out" }
  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "out" {
  allocation_id = aws_eip.out.id
  subnet_id     = aws_subnet.public["a"].id
  tags          = { Name = "out" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.out.id
  }
}

resource "aws_route_table_association" "private" {
  subnet_id      = aws_subnet.private.id
  route_table_id = aws_route_table.private.id
}

resource "aws_security_group" "web" {
  name   = "around-web"
  vpc_id = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "http" {
  security_group_id = aws_security_group.web.id
  description       = "everybody"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 80
  to_port           = 80
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.web.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_security_group_rule" "ssh" {
  type              = "ingress"
  security_group_id = aws_security_group.web.id
  from_port         = 22
  to_port           = 22
  protocol          = "tcp"
  cidr_blocks       = ["10.60.0.0/16"]
}

resource "aws_lb" "front" {
  name            = "around-front"
  subnets         = [for subnet in aws_subnet.public : subnet.id]
  security_groups = [aws_security_group.web.id]
}

resource "aws_lb_target_group" "web" {
  name     = "around-web"
  port     = 80
  protocol = "HTTP"
  vpc_id   = aws_vpc.main.id
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.front.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "nothing here"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "web" {
  listener_arn = aws_lb_listener.http.arn
  priority     = var.priority

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }

  condition {
    host_header {
      values = ["www.example.kr"]
    }
  }

  condition {
    path_pattern {
      values = ["/a/*", "/b/*"]
    }
  }
}

resource "aws_launch_template" "web" {
  name          = "around-web"
  image_id      = "ami-760aaa0f"
  instance_type = "t3.micro"

  block_device_mappings {
    device_name = "/dev/sdf"

    ebs {
      volume_size           = 20
      volume_type           = "gp3"
      delete_on_termination = true
    }
  }
}

resource "aws_autoscaling_group" "web" {
  name                = "around-web"
  min_size            = 1
  max_size            = 4
  desired_capacity    = 2
  vpc_zone_identifier = [for subnet in aws_subnet.public : subnet.id]

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = 0
      spot_allocation_strategy                 = "capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.web.id
        version            = "$Latest"
      }

      override {
        instance_type = "t3.micro"
      }

      override {
        instance_type = "t3a.micro"
      }
    }
  }
}
"#;

/// With the files above.
fn whole() -> Option<World> {
    let world = World::empty()?;
    std::fs::write(world.path().join("main.tf"), WHOLE).unwrap();
    Some(world)
}

/// Each thing is there once.
#[track_caller]
fn stands_once(world: &World) {
    let count = |service: &str, query: &str, word: &str| world.api(service, query).matches(word).count();
    assert_eq!(count("ec2", "DescribeVpcs&Filter.1.Name=cidr&Filter.1.Value.1=10.60.0.0/16", "<vpcId>"), 1);
    assert_eq!(count("ec2", "DescribeInternetGateways", "<internetGatewayId>"), 1);
    assert_eq!(count("ec2", "DescribeAddresses", "<allocationId>"), 1, "addresses cost money");
    assert_eq!(count("ec2", "DescribeNatGateways", "<natGatewayId>"), 1);
    assert_eq!(count("elasticloadbalancing", "DescribeLoadBalancers", "<LoadBalancerName>"), 1);
    assert_eq!(count("elasticloadbalancing", "DescribeTargetGroups", "<TargetGroupName>"), 1);
    assert_eq!(count("ec2", "DescribeLaunchTemplates", "<launchTemplateId>"), 1);
    assert_eq!(count("autoscaling", "DescribeAutoScalingGroups", "<AutoScalingGroupName>around-web"), 1);
    let group = world.api("ec2", "DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=around-web");
    assert_eq!(group.matches("<toPort>22</toPort>").count(), 1, "{group}");
    assert_eq!(group.matches("<toPort>80</toPort>").count(), 1, "{group}");
    let routes = world.api("ec2", "DescribeRouteTables");
    assert_eq!(routes.matches("<natGatewayId>").count(), 1, "{routes}");
}

#[track_caller]
fn nothing_stands(world: &World) {
    assert!(!world.api("ec2", "DescribeVpcs").contains("10.60.0.0"));
    assert!(!world.api("ec2", "DescribeAddresses").contains("<allocationId>"));
    assert!(!world.api("ec2", "DescribeLaunchTemplates").contains("around-web"));
    assert!(!world.api("elasticloadbalancing", "DescribeLoadBalancers").contains("around-front"));
    assert!(!world.api("autoscaling", "DescribeAutoScalingGroups").contains("around-web"));
}

#[test]
fn private_subnets_have_a_way_out_and_nothing_is_left_over() {
    let Some(world) = whole() else { return };
    world.run("apply -auto-approve").ends(0);
    stands_once(&world);
    world.run("plan -detailed-exitcode").ends(0);
    world.run("drift -fail-on=drift").ends(0);
    // A rule goes to another place where it stands.
    world.run("apply -auto-approve -var=priority=20").ends(0).says("0 added, 1 changed, 0 removed");
    // By hand: the door of one rule is closed, that of another opened further.
    let group = world.api("ec2", "DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=around-web");
    let group = group.split("<groupId>").nth(1).unwrap().split('<').next().unwrap();
    let ssh = "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=10.60.0.0/16";
    world.api("ec2", &format!("RevokeSecurityGroupIngress&GroupId={group}&{ssh}"));
    world.run("drift -fail-on=drift").ends(2).says("1 missing");
    world.run("apply -auto-approve -var=priority=20").ends(0);
    stands_once(&world);
    world.run("destroy -auto-approve").ends(0);
    nothing_stands(&world);
}

#[test]
fn terraform_itself_drives_every_type_around_the_servers() {
    let Some(world) = whole() else { return };
    let Some(applied) = world.terraform("apply -no-color -input=false -auto-approve") else {
        eprintln!("no terraform here, so it is not tested");
        return;
    };
    applied.ends(0).says("19 added");
    stands_once(&world);
    world.terraform("plan -no-color -input=false -detailed-exitcode").unwrap().ends(0);
    let changed = world.terraform("apply -no-color -input=false -auto-approve -var=priority=20").unwrap();
    changed.ends(0).says("0 added, 1 changed, 0 destroyed");
    world.terraform("destroy -no-color -input=false -auto-approve").unwrap().ends(0);
    nothing_stands(&world);
}

/// Calls that make something, in an order in which each can be made, and what is made by it.
const MAKING: &[(&str, &str)] = &[
    ("CreateVpc", "aws_vpc.main"),
    ("CreateInternetGateway", "aws_internet_gateway.main"),
    ("CreateSubnet", "aws_subnet.public"),
    ("AllocateAddress", "aws_eip.out"),
    ("CreateNatGateway", "aws_nat_gateway.out"),
    ("CreateRouteTable", "aws_route_table.private"),
    ("CreateSecurityGroup", "aws_security_group.web"),
    ("AuthorizeSecurityGroupIngress", "aws_vpc_security_group_ingress_rule.http"),
    ("AuthorizeSecurityGroupIngress", "aws_security_group_rule.ssh"),
    ("CreateLaunchTemplate", "aws_launch_template.web"),
    ("CreateLoadBalancer", "aws_lb.front"),
    ("CreateTargetGroup", "aws_lb_target_group.web"),
    ("CreateListener", "aws_lb_listener.http"),
    ("CreateRule", "aws_lb_listener_rule.web"),
    ("CreateAutoScalingGroup", "aws_autoscaling_group.web"),
];

#[test]
fn whatever_becomes_of_the_replies_everything_around_is_made_once() {
    let Some(world) = whole() else { return };
    for (action, _) in MAKING {
        world.proxy.next(action, "", [Fault::LoseReply, Fault::Throttle]);
    }
    world.run("apply -auto-approve").ends(0);
    stands_once(&world);
    world.proxy.heal();
    world.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn killed_at_every_call_that_makes_something_it_makes_each_thing_once() {
    let Some(world) = whole() else { return };
    for (action, target) in MAKING {
        let (held, go) = world.proxy.held();
        world.proxy.next(action, "", [Fault::Hold]);
        let mut child = world
            .command(&format!("apply -auto-approve -target={target}"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        held.recv().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(go);
        world.proxy.heal();
    }
    world.run("apply -auto-approve").ends(0);
    stands_once(&world);
    world.run("plan -detailed-exitcode").ends(0);
    world.run("destroy -auto-approve").ends(0);
    nothing_stands(&world);
}
