//! How many calls of the API a workload costs: `cargo bench --profile dev -p straddle-provider-aws --bench calls -- 10 100 1000`.
//!
//! Counted at the proxy, so retries count too. moto is slow with many instances; times are printed for what they are worth.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

#[path = "../tests/world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::time::Instant;
use world::World;

const SPEC: &str = r#"
terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

provider "aws" {
  region = "ap-northeast-2"
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
  replicas = REPLICAS

  spread "zone" {
    over = ["apne2-az1", "apne2-az3"]
  }

  replica "server" {
    resource "aws_instance" "server" {
      ami               = "ami-760aaa0f"
      instance_type     = "t3.micro"
      availability_zone = location.domains.zone == "apne2-az1" ? "ap-northeast-2a" : "ap-northeast-2c"
      tags              = { TAGS }
    }

    ready = aws_instance.server.instance_state == "running"
  }
}
"#;

fn shown(calls: &BTreeMap<String, usize>) -> String {
    let all: usize = calls.values().sum();
    let each: Vec<String> = calls.iter().map(|(name, n)| format!("{name} {n}")).collect();
    format!("{all:5}  {}", each.join(", "))
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    for n in if sizes.is_empty() { vec![10, 100] } else { sizes } {
        for (what, tags) in [("alike", "Service = \"web\""), ("each with a name", "Name = replica.name")] {
            let spec = SPEC.replace("REPLICAS", &n.to_string()).replace("TAGS", tags);
            let Some(world) = World::with(&spec) else { return };
            println!("{n} replicas, {what}");
            for (step, line) in
                [("apply", "apply -auto-approve"), ("plan", "plan -detailed-exitcode"), ("drift", "drift")]
            {
                world.proxy.forget();
                let begun = Instant::now();
                world.run(line).ends(0);
                println!("  {step:6} {:7.1} s {}", begun.elapsed().as_secs_f64(), shown(&world.proxy.calls()));
            }
        }
    }
}
