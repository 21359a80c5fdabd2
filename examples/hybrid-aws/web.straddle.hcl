# Half on own hardware, half on AWS. The own site is a simulated cloud here, in sim.db beside this file; AWS is AWS, or what
# AWS_ENDPOINT_URL points at. When the own site fails, AWS grows, and needs nothing of the own site for that.

terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

variable "ami" {
  type    = string
  default = "ami-0c9c942bd7bf113a2"
}

provider "aws" {
  region = "ap-northeast-2"
}

provider "sim" {
  cloud = "own"
}

location "pangyo" {
  provider = sim
  domains  = { cloud = "own", region = "pangyo", zone = "pangyo-1" }
  capacity = 10
}

location "seoul" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  capacity = 40
}

data "aws_availability_zones" "all" {
  state = "available"
}

locals {
  letter = zipmap(data.aws_availability_zones.all.zone_ids, data.aws_availability_zones.all.names)
}

workload "web" {
  replicas = 6

  spread "cloud" {
    ratio = { own = 50, aws = 50 }
  }

  floor {
    serving = "100%"
  }

  survive "cloud" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "15m" }
    growth = "quota"
  }

  failover {
    mode   = "runbook"
    detect = "30s"
    decide = "10m"
  }

  replica "own" {
    match = { cloud = "own" }

    resource "sim_instance" "server" {
      zone = location.domains.zone
      tags = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }

  replica "aws" {
    match = { cloud = "aws" }

    resource "aws_instance" "server" {
      ami               = var.ami
      instance_type     = "t3.micro"
      availability_zone = local.letter[location.domains.zone]
      tags              = { Name = replica.name }
    }

    ready = aws_instance.server.instance_state == "running"
  }
}

output "servers" {
  value = workload.web.count
}
