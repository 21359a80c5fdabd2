# Half on own hardware, half in a cloud. When the own site fails the cloud grows: first its usual zone up to its room, then a zone that is used for
# nothing else.

provider "sim" {
  alias = "idc"
  cloud = "idc"
  boot  = "1s"
}

provider "sim" {
  alias = "aws"
  cloud = "aws"
  boot  = "1s"
}

shared_risk "aws_control" {
  kind     = "control_plane"
  evidence = { kind = "declared", date = "2026-05-01" }
}

shared_risk "idc_vmware" {
  kind     = "control_plane"
  evidence = { kind = "declared", date = "2026-05-01" }
}

location "own" {
  provider = sim.idc
  domains  = { cloud = "idc", region = "gasan", zone = "gasan-1" }
  control  = [shared_risk.idc_vmware]
  capacity = 10
  reserve  = 5
  boot     = "5m"
}

location "aws-a" {
  provider = sim.aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  control  = [shared_risk.aws_control]
  capacity = 7
  reserve  = 2
  boot     = "90s"
}

location "aws-c" {
  provider = sim.aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az3" }
  control  = [shared_risk.aws_control]
  capacity = 20
  reserve  = 3
  boot     = "90s"
}

variable "replicas" {
  type    = number
  default = 10
}

variable "then" {
  type    = string
  default = "100%"
}

workload "web" {
  replicas = var.replicas
  demand   = 7

  spread "cloud" {
    ratio = "even"
  }

  overflow {
    group "usual" {
      locations = [location.own, location.aws-a]
    }
    group "burst" {
      locations = [location.aws-c]
    }
  }

  survive "cloud" {
    losses = 1
    floor  = "40%"
    then   = { (var.then) = "20m" }
    growth = "reserved"
  }

  failover {
    detect = "1m"
    decide = "10m"
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
