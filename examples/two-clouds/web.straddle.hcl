# Two operators, half and half, in separate buildings and on separate lines. Losing either leaves five of ten.

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

shared_risk "chuncheon_building" {
  kind     = "building"
  evidence = { kind = "vendor_letter", date = "2026-05-01" }
}

location "aws-a" {
  provider = sim.aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  shares   = [shared_risk.gasan_building]
  capacity = 40
}

location "ncp-1" {
  provider = sim.ncp
  domains  = { cloud = "ncp", region = "kr", zone = "kr-1" }
  shares   = [shared_risk.chuncheon_building]
  capacity = 40
}

resource "sim_record" "web" {
  provider = sim.aws
  name     = "web.example.kr"
  type     = "A"
  ttl      = 30
  targets  = workload.web.share # the weight of each cloud follows the replicas
}

workload "web" {
  replicas = 10
  demand   = 7

  spread "cloud" {
    ratio = { aws = 50, ncp = 50 }
  }

  survive "cloud" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "15m" }
    growth = "quota"
  }

  survive "building" {
    losses = 1
    floor  = "50%"
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
