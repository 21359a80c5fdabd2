# Copies of one database: in real time to another cloud, every 12 hours to another region, every week full to a vault.

variable "lag" {
  type    = string
  default = "5s"
}

variable "tried" {
  type    = string
  default = "2025-06-01"
}

variable "home" {
  type    = string
  default = "aws-seoul" # where the database runs; ncp-busan holds its live copy
}

provider "sim" {
  alias = "aws"
  cloud = "aws"
  boot  = "1s"
}

provider "sim" {
  alias = "ncp"
  cloud = "ncp"
  boot  = "1s"
}

shared_risk "gasan_building" {
  kind     = "building"
  evidence = { kind = "vendor_letter", date = "2026-05-01" }
}

location "aws-seoul" {
  provider = sim.aws
  domains  = { cloud = "aws", region = "seoul", zone = "seoul-a" }
  shares   = [shared_risk.gasan_building]
  capacity = 10
}

location "aws-tokyo" {
  provider = sim.aws
  domains  = { cloud = "aws", region = "tokyo", zone = "tokyo-a" }
  capacity = 10
}

location "ncp-busan" {
  provider = sim.ncp
  domains  = { cloud = "ncp", region = "busan", zone = "busan-1" }
  capacity = 10
}

location "ncp-gasan" {
  provider = sim.ncp
  domains  = { cloud = "ncp", region = "gasan", zone = "gasan-1" }
  shares   = [shared_risk.gasan_building]
  capacity = 10
}

owner "dba" {
  contact = "dba@example.kr"
}

backup "orders" {
  source = location.aws-seoul
  rpo    = "1m"
  owner  = owner.dba

  leg "live" {
    target   = location.ncp-busan
    schedule = "real-time"
    lag      = var.lag
  }
  leg "half-day" {
    target     = location.aws-tokyo
    schedule   = "12h"
    kind       = "incremental"
    full_every = "7d"
    lag        = "30m"
  }
  leg "week" {
    target        = location.ncp-gasan
    schedule      = "weekly"
    kind          = "full"
    restored      = var.tried
    restore_every = "90d"
  }
}

workload "orders" {
  replicas = 2

  replica "db" {
    match = { location = var.home }
    resource "sim_instance" "db" {
      zone  = location.domains.zone
      image = "orders-1"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.db.state == "running"
  }
}
