# Ten web servers on AWS in two scaling groups, one for each zone of Seoul. straddle owns ratio, least and most; AWS's scaler may own the
# number: a live count is never lowered, and each group may grow to what it needs when the other zone is gone.
# Credentials come from where the SDK finds them; AWS_ENDPOINT_URL points it elsewhere than at AWS.

terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

variable "ami" {
  type        = string
  description = "The image the servers start from"
  default     = "ami-0c9c942bd7bf113a2"
}

provider "aws" {
  region = "ap-northeast-2"
}

data "aws_availability_zones" "all" {
  state = "available"
}

data "aws_vpc" "main" {
  default = true
}

data "aws_subnets" "zone" {
  for_each = toset(data.aws_availability_zones.all.zone_ids)

  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.main.id]
  }

  filter {
    name   = "availability-zone-id"
    values = [each.key]
  }
}

location "seoul-az1" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  capacity = 40
}

location "seoul-az3" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az3" }
  capacity = 40
}

resource "aws_launch_template" "web" {
  name_prefix   = "web-"
  image_id      = var.ami
  instance_type = "t3.micro"

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "web" }
  }
}

workload "web" {
  replicas = 10
  demand   = 7

  spread "zone" {
    over  = ["apne2-az1", "apne2-az3"]
    ratio = "50:50"
  }

  survive "zone" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "15m" }
    growth = "quota"
  }

  scaling {
    owner = "autoscaler"
    min   = 10
    max   = 30
  }

  replica "group" {
    per = "location"

    resource "aws_autoscaling_group" "web" {
      name                = "web-${location.name}"
      vpc_zone_identifier = data.aws_subnets.zone[location.domains.zone].ids
      desired_capacity    = location.replicas
      min_size            = location.min
      max_size            = location.peak # what this zone needs when the other is gone
      health_check_type   = "EC2"

      launch_template {
        id      = aws_launch_template.web.id
        version = "$Latest"
      }

      tag {
        key                 = "Service"
        value               = "web"
        propagate_at_launch = true
      }
    }

    ready = aws_autoscaling_group.web.in_service
  }
}

output "servers" {
  value = workload.web.count
}
