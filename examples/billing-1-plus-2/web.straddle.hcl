# A telephone exchange runs three identical billing machines: one works, two stand by. When one fails the engineer is called at once, although
# nothing is down.

straddle {
  levels = ["zone"]
}

provider "sim" {
  cloud = "exchange"
  boot  = "1s"
}

location "a" {
  provider = sim
  domains  = { zone = "a" }
  capacity = 2
  boot     = "60s"
}

location "b" {
  provider = sim
  domains  = { zone = "b" }
  capacity = 2
  boot     = "60s"
}

location "c" {
  provider = sim
  domains  = { zone = "c" }
  capacity = 2
  boot     = "60s"
}

resource "sim_record" "billing" {
  name    = "billing.exchange.kr"
  type    = "A"
  ttl     = 5
  targets = { (workload.billing.active) = 1 } # the calls go to the one that works
}

workload "billing" {
  replicas = 3
  demand   = 1

  spread "zone" {
    ratio = "even"
  }

  floor {
    serving = 1
  }

  survive "zone" {
    losses = 2
    floor  = 1
  }

  standby {
    order       = [location.a, location.b, location.c]
    lag         = { a = "1s", b = "1s", c = "2s" }
    max_lag     = "10s"
    by          = "straddle"
    fence       = "operator"
    alarm_below = 2
  }

  replica "machine" {
    resource "sim_instance" "machine" {
      zone  = location.domains.zone
      image = "billing-1"
      size  = "s"
      tags  = { Name = replica.name }
    }

    ready = sim_instance.machine.state == "running"
  }
}
