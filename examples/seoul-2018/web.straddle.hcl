# 22 November 2018: for 84 minutes the name resolver inside one region failed. Every server in every zone ran on, none could find
# what it depends on. The zone rule holds here; the resolver, shared by both zones, is a cut set of order 1 all the same.

provider "sim" {
  cloud = "aws"
  boot  = "1s"
}

shared_risk "seoul_resolver" {
  kind = "resolver"
}

location "seoul-a" {
  provider = sim
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
  capacity = 40
}

location "seoul-c" {
  provider = sim
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az3" }
  capacity = 40
}

workload "web" {
  replicas = 10

  spread "zone" {
    ratio = "even"
  }

  survive "zone" {
    losses = 1
    floor  = "50%"
  }

  requires "resolver" {
    path "vpc_dns" {
      shares = [shared_risk.seoul_resolver]
    }
  }

  entry "dns" {
    need = 1
    ttl  = "30s"
    path "route53" {}
    path "ns1" {}
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "web-1"
      size  = "s"
    }

    ready = sim_instance.server.state == "running"
  }
}
