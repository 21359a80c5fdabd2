# 15 October 2022: a data centre burned. Backups existed and a second centre stood ready, but the tools to switch over depended on the
# burned building; recovery took days. Here the same is found when the runbook is compiled, in peace.

provider "sim" {
  cloud = "own"
  boot  = "1s"
}

shared_risk "pangyo_dc" {
  kind = "building"
}

shared_risk "anyang_dc" {
  kind = "building"
}

location "pangyo" {
  provider = sim
  domains  = { cloud = "own", region = "gyeonggi", zone = "pangyo" }
  shares   = [shared_risk.pangyo_dc]
  capacity = 40
}

location "anyang" {
  provider = sim
  domains  = { cloud = "own", region = "gyeonggi", zone = "anyang" }
  shares   = [shared_risk.anyang_dc]
  capacity = 40
}

workload "talk" {
  replicas = 10

  spread "zone" {
    ratio = "even"
  }

  survive "building" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "30m" }
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "talk-1"
      size  = "s"
    }

    ready = sim_instance.server.state == "running"
  }
}

runbook "switch_over" {
  rehearse_every = "90d"
  build          = "command"

  store "anyang" {
    path   = "kept/anyang"
    shares = [shared_risk.anyang_dc]
  }

  store "head_office" {
    path = "kept/head-office"
  }

  store "cloud" {
    path = "kept/cloud"
  }

  need "image registry" {
    shares = [shared_risk.pangyo_dc]
  }

  need "sign-on" {
    control = [shared_risk.pangyo_dc]
  }
}
