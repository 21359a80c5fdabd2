# A city's telephone tunnel burned, and one coffee chain kept taking payments: its shops reach the payment servers over three carriers, any
# one of which is enough.

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

provider "sim" {
  alias = "idc"
  cloud = "idc"
  boot  = "1s"
}

shared_risk "kt_line" {
  kind     = "carrier"
  evidence = { kind = "vendor_letter", date = "2026-05-01" }
}

shared_risk "lgu_line" {
  kind     = "carrier"
  evidence = { kind = "vendor_letter", date = "2026-05-01" }
}

shared_risk "skb_line" {
  kind     = "carrier"
  evidence = { kind = "traceroute", date = "2026-06-12" }
}

location "aws-a" {
  provider = sim.aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  capacity = 10
}

location "idc-1" {
  provider = sim.idc
  domains  = { cloud = "idc", region = "gasan", zone = "gasan-1" }
  capacity = 10
}

location "ncp-1" {
  provider = sim.ncp
  domains  = { cloud = "ncp", region = "kr", zone = "kr-1" }
  capacity = 10
}

workload "pay" {
  replicas    = 6
  demand      = 2
  alarm_below = 2

  spread "cloud" {
    ratio = "even"
  }

  survive "carrier" {
    losses = 2
    floor  = 2
  }

  survive "cloud" {
    losses = 2
    floor  = 2
  }

  entry "line" {
    need = 1
    path "kt" {
      shares = [shared_risk.kt_line]
    }
    path "lgu" {
      shares = [shared_risk.lgu_line]
    }
    path "skb" {
      shares = [shared_risk.skb_line]
    }
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "pay-1"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}
