# Six web servers started from a launch template. A change of the template makes its next version, and the servers are renewed with it,
# two at a time, never fewer than six in service.
# Credentials come from where the SDK finds them; AWS_ENDPOINT_URL points it elsewhere than at AWS.

terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

variable "ami" {
  type    = string
  default = "ami-0c9c942bd7bf113a2"
}

variable "message" {
  type        = string
  description = "What the servers say; changing it makes the next version of the template"
  default     = "hello"
}

provider "aws" {
  region = "ap-northeast-2"
}

data "aws_availability_zones" "all" {
  state = "available"
}

locals {
  letter = zipmap(data.aws_availability_zones.all.zone_ids, data.aws_availability_zones.all.names)
}

location "seoul-az1" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  capacity = 20
}

location "seoul-az3" {
  provider = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az3" }
  capacity = 20
}

resource "aws_launch_template" "web" {
  name          = "web"
  image_id      = var.ami
  instance_type = "t3.micro"

  user_data = base64encode(<<-EOT
    #!/bin/sh
    echo '${var.message}' > /var/www/index.html
  EOT
  )

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
}

workload "web" {
  replicas = 6

  spread "zone" {
    over  = ["apne2-az1", "apne2-az3"]
    ratio = "50:50"
  }

  floor {
    serving = "100%" # during every planned change
  }

  rollout {
    surge = 2
    batch = 2
  }

  replica "server" {
    resource "aws_instance" "server" {
      availability_zone = local.letter[location.domains.zone]
      tags              = { Name = replica.name }

      launch_template {
        id      = aws_launch_template.web.id
        version = aws_launch_template.web.latest_version
      }
    }

    ready = aws_instance.server.instance_state == "running"
  }
}

output "servers" {
  value = workload.web.count
}
