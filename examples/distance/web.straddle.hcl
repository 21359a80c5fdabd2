# A standby centre must be 20 km away for ordinary disasters, and the central bank's 140 km. Both are great-circle distances between declared
# coordinates.

variable "far" {
  type    = list(number)
  default = [35.1796, 129.0756] # Busan; Cheonan would be [36.8151, 127.1139]
}

provider "sim" {
  cloud = "idc"
  boot  = "1s"
}

location "seoul" {
  provider    = sim
  domains     = { cloud = "idc", region = "capital", zone = "seoul" }
  coordinates = [37.5665, 126.9780]
  capacity    = 20
}

location "pangyo" {
  provider    = sim
  domains     = { cloud = "idc", region = "capital", zone = "pangyo" }
  coordinates = [37.3947, 127.1112]
  capacity    = 20
}

location "far" {
  provider    = sim
  domains     = { cloud = "idc", region = "far", zone = "far" }
  coordinates = var.far
  capacity    = 20
}

distance "ordinary" {
  min_km  = 20
  between = [location.seoul, location.pangyo, location.far]
}

distance "central_bank" {
  min_km  = 140
  between = [location.seoul, location.far]

  hazard "han_river" {
    kind      = "river"
    center    = [37.5172, 126.9500]
    radius_km = 8
  }
}

workload "ledger" {
  replicas = 6
  demand   = 4

  spread "zone" {
    ratio = "even"
  }

  survive "zone" {
    losses = 1
    floor  = 4
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "ledger-1"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}
