# A data centre burned. The standby site was called a mirror; nothing was ready there, its data was hours old, and nobody had rehearsed for a year.

variable "standby" {
  description = "Share of the standby site, in percent."
  type        = number
  default     = 0
}

variable "lag" {
  type    = string
  default = "6h"
}

variable "rehearsed" {
  type    = string
  default = "2025-09-01"
}

provider "sim" {
  cloud = "idc"
  boot  = "1s"
}

shared_risk "pangyo_building" {
  kind     = "building"
  evidence = { kind = "site_survey", date = "2026-04-02" }
}

shared_risk "anyang_building" {
  kind     = "building"
  evidence = { kind = "site_survey", date = "2026-04-09" }
}

location "pangyo" {
  provider    = sim
  domains     = { cloud = "idc", region = "capital", zone = "pangyo" }
  shares      = [shared_risk.pangyo_building]
  coordinates = [37.4020, 127.1086]
  capacity    = 20
  boot        = "90s"
}

location "anyang" {
  provider    = sim
  domains     = { cloud = "idc", region = "capital", zone = "anyang" }
  shares      = [shared_risk.anyang_building]
  coordinates = [37.3943, 126.9568]
  capacity    = 20
  boot        = "90s"
  class       = "mirror"
  lag         = var.lag
  rehearsed   = var.rehearsed
}

workload "talk" {
  replicas = 10
  demand   = 5

  spread "zone" {
    ratio   = { pangyo = 100 - var.standby, anyang = var.standby }
    standby = true
  }

  failover {
    detect = "30s"
    decide = "10m"
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone  = location.domains.zone
      image = "talk-1"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.server.state == "running"
  }
}
