# Doubling everything costs twice as much; an elastic spread costs what is needed in peace. What does one more tolerated loss cost?

variable "zones" {
  description = "How many zones the 12 replicas stand in."
  type        = number
  default     = 4
}

variable "replicas" {
  type    = number
  default = 12
}

variable "floor" {
  type    = string
  default = "50%"
}

provider "sim" {
  cloud = "aws"
  boot  = "1s"
}

location "a" {
  provider = sim
  domains  = { cloud = "aws", region = "r", zone = "a" }
  capacity = 40
  cost     = { per_hour = 0.05, currency = "USD" }
}

location "b" {
  provider = sim
  domains  = { cloud = "aws", region = "r", zone = "b" }
  capacity = 40
  cost     = { per_hour = 0.05, currency = "USD" }
}

location "c" {
  provider = sim
  domains  = { cloud = "aws", region = "r", zone = "c" }
  capacity = 40
  cost     = { per_hour = 0.05, currency = "USD" }
}

location "d" {
  provider = sim
  domains  = { cloud = "aws", region = "r", zone = "d" }
  capacity = 40
  cost     = { per_hour = 0.05, currency = "USD" }
}

location "e" {
  provider = sim
  domains  = { cloud = "aws", region = "r", zone = "e" }
  capacity = 40
  cost     = { per_hour = 0.05, currency = "USD" }
}

workload "web" {
  replicas = var.replicas

  spread "zone" {
    over  = slice(["a", "b", "c", "d", "e"], 0, var.zones)
    ratio = "even"
  }

  survive "zone" {
    losses = 1
    floor  = var.floor
    then   = { "100%" = "30m" }
    growth = "quota"
  }

  cost {
    outage_per_hour = 500
    currency        = "USD"
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "web-1"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}
