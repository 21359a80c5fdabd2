# Eight web servers over two regions, and one name that leads to both: the weights of its records are the shares that stand.
# When a region is lost and the other grows, the weights follow, each step its own.
# Credentials come from where the SDK finds them; AWS_ENDPOINT_URL points it elsewhere than at AWS.

terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

variable "zone_id" {
  type        = string
  description = "The hosted zone of the name"
}

variable "name" {
  type    = string
  default = "web"
}

variable "amis" {
  type    = map(string)
  default = { "ap-northeast-2" = "ami-0c9c942bd7bf113a2", "ap-northeast-1" = "ami-0d52744d6551d851e" }
}

provider "aws" {
  alias  = "seoul"
  region = "ap-northeast-2"
}

provider "aws" {
  alias  = "tokyo"
  region = "ap-northeast-1"
}

location "seoul" {
  provider = aws.seoul
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  capacity = 20
}

location "tokyo" {
  provider = aws.tokyo
  domains  = { cloud = "aws", region = "ap-northeast-1", zone = "apne1-az4" }
  capacity = 20
}

data "aws_availability_zones" "seoul" {
  provider = aws.seoul
}

data "aws_availability_zones" "tokyo" {
  provider = aws.tokyo
}

locals {
  letter = merge(
    zipmap(data.aws_availability_zones.seoul.zone_ids, data.aws_availability_zones.seoul.names),
    zipmap(data.aws_availability_zones.tokyo.zone_ids, data.aws_availability_zones.tokyo.names),
  )
  regions = toset(["ap-northeast-2", "ap-northeast-1"])
}

resource "aws_route53_health_check" "region" {
  provider          = aws.seoul
  for_each          = local.regions
  type              = "HTTP"
  fqdn              = "${each.key}.${var.name}.example.kr"
  port              = 80
  resource_path     = "/healthz"
  failure_threshold = 3
  request_interval  = 30
}

resource "aws_route53_record" "web" {
  provider        = aws.seoul
  for_each        = local.regions
  zone_id         = var.zone_id
  name            = var.name
  type            = "CNAME"
  ttl             = 30
  records         = ["${each.key}.${var.name}.example.kr"]
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.region[each.key].id

  weighted_routing_policy {
    weight = floor(lookup(workload.web.share, each.key, 0) * 100) # a region with none has no share
  }
}

workload "web" {
  replicas = 8

  spread "region" {
    over  = ["ap-northeast-2", "ap-northeast-1"]
    ratio = "50:50"
  }

  floor {
    serving = "100%"
  }

  survive "region" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "20m" }
    growth = "quota"
  }

  failover {
    mode   = "runbook"
    detect = "60s"
    decide = "10m"
  }

  replica "seoul" {
    match = { region = "ap-northeast-2" }

    resource "aws_instance" "server" {
      provider          = aws.seoul
      ami               = var.amis["ap-northeast-2"]
      instance_type     = "t3.micro"
      availability_zone = local.letter[location.domains.zone]
      tags              = { Name = replica.name }
    }

    ready = aws_instance.server.instance_state == "running"
  }

  replica "tokyo" {
    match = { region = "ap-northeast-1" }

    resource "aws_instance" "server" {
      provider          = aws.tokyo
      ami               = var.amis["ap-northeast-1"]
      instance_type     = "t3.micro"
      availability_zone = local.letter[location.domains.zone]
      tags              = { Name = replica.name }
    }

    ready = aws_instance.server.instance_state == "running"
  }
}

output "share" {
  value = workload.web.share
}
