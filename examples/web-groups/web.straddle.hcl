# The same service, but each zone holds one scaling group. straddle owns ratio, minimum and ceiling; a scaler may own the number.

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

workload "web" {
  replicas = 10
  demand   = 7

  spread "zone" {
    over  = ["seoul-a", "seoul-c"]
    ratio = "50:50"
  }

  survive "zone" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "15m" }
    growth = "quota"
  }

  scaling {
    owner = "autoscaler"
    min   = 10
    max   = 30
  }

  replica "group" {
    per = "location"

    resource "sim_group" "web" {
      zone    = location.domains.zone
      image   = "web-1"
      size    = "s"
      desired = location.replicas
      min     = location.min
      max     = location.peak # what this zone needs when the other is gone
    }

    ready = sim_group.web.ready
  }
}
