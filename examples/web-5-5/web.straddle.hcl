# Ten web servers, five in each of two zones, behind one load balancer.
# Everything here runs on the built-in simulated cloud: no account, no network. Its objects live in sim.db beside this file.

variable "image" {
  type        = string
  description = "What the servers run; changing it rolls them over, batch by batch"
  default     = "web-1"
}

provider "sim" {
  cloud = "simcloud"
  boot  = "1s"
}

location "seoul-a" {
  provider = sim
  domains  = { cloud = "simcloud", region = "seoul", zone = "seoul-a" }
  capacity = 40
}

location "seoul-c" {
  provider = sim
  domains  = { cloud = "simcloud", region = "seoul", zone = "seoul-c" }
  capacity = 40
}

resource "sim_load_balancer" "front" {
  name = "web"
}

workload "web" {
  replicas = 10
  demand   = 7 # replicas needed at peak

  spread "zone" {
    over  = ["seoul-a", "seoul-c"]
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
  }

  failover {
    mode   = "runbook" # a person starts it
    detect = "30s"
    decide = "10m"
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = var.image
      size  = "s"
      tags  = { Name = replica.name }
    }

    resource "sim_target" "front" {
      load_balancer_id = sim_load_balancer.front.id
      instance_id      = sim_instance.server.id
    }

    ready = sim_instance.server.state == "running"
  }
}

output "front" {
  value = sim_load_balancer.front.address
}

output "servers" {
  value = workload.web.count
}
