# Development, staging, production. Staging stands in another region and can take production's place, as long as it is what production is.

variable "image" {
  type    = string
  default = "web-7"
}

variable "staging_image" {
  type    = string
  default = "web-7"
}

variable "staging_schema" {
  type    = string
  default = "42"
}

variable "staging_replicas" {
  type    = number
  default = 2 # 10 when it stands in
}

provider "sim" {
  cloud = "aws"
  boot  = "1s"
}

location "seoul-a" {
  provider = sim
  domains  = { cloud = "aws", region = "seoul", zone = "seoul-a" }
  capacity = 20
}

location "seoul-c" {
  provider = sim
  domains  = { cloud = "aws", region = "seoul", zone = "seoul-c" }
  capacity = 20
}

location "tokyo-a" {
  provider = sim
  domains  = { cloud = "aws", region = "tokyo", zone = "tokyo-a" }
  capacity = 12
}

location "osaka-a" {
  provider = sim
  domains  = { cloud = "aws", region = "osaka", zone = "osaka-a" }
  capacity = 2
}

stand_in "staging" {
  of     = workload.production
  by     = workload.staging
  size   = "100%"
  parity = ["image", "size"]

  same "schema" {
    of = "42"
    by = var.staging_schema
  }
}

workload "production" {
  replicas = 10
  demand   = 7

  spread "zone" {
    ratio = "even"
  }

  survive "zone" {
    losses = 1
    floor  = "50%"
  }

  replica "server" {
    match = { region = "seoul" }
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = var.image
      size  = "m"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}

workload "staging" {
  replicas = var.staging_replicas

  replica "server" {
    match = { region = "tokyo" }
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = var.staging_image
      size  = "m"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}

workload "development" {
  replicas = 1

  replica "server" {
    match = { region = "osaka" }
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "web-8-beta"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}
