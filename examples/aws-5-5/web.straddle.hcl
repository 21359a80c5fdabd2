# Ten web servers on AWS, five in each of two zones of Seoul, behind one load balancer; ready is what the load balancer calls healthy.

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

workload "web" {
  replicas = 10
  demand   = 7 # replicas needed at peak

  spread "zone" {
    over  = ["apne2-az1", "apne2-az3"]
    ratio = "50:50"
  }

  floor {
    serving = "100%" # during every planned change
  }

  survive "zone" {
    losses = 1
    floor  = "50%"              # at once
    then   = { "100%" = "15m" } # by growing in the zone that is left
    growth = "quota"
  }

  rollout {
    surge = 2
    batch = 2
    drain = "0s"
  }

  failover {
    mode   = "runbook" # a person starts it
    detect = "30s"
    decide = "10m"
  }

  replica "server" {
    resource "aws_instance" "server" {
      ami                    = local.ami
      instance_type          = var.instance_type
      subnet_id              = aws_subnet.zone[location.domains.zone].id
      vpc_security_group_ids = [aws_security_group.server.id]
      tags                   = { Name = replica.name }

      user_data = <<-EOT
        #!/bin/sh
        yum install -y nginx && systemctl enable --now nginx
      EOT

      metadata_options {
        http_tokens = "required"
      }
    }

    resource "aws_lb_target_group_attachment" "front" {
      target_group_arn = aws_lb_target_group.web.arn
      target_id        = aws_instance.server.id
    }

    ready = aws_lb_target_group_attachment.front.health == "healthy"
  }
}

output "servers" {
  value = workload.web.count
}
