//! The specs of these worlds.

/// What a spec asks for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub replicas: u64,
    pub image: u64,
    pub size: &'static str,
    /// Behind a load balancer.
    pub fronted: bool,
    pub floor: u64,
    pub boot_s: u64,
    pub healthy_for_s: u64,
    pub surge: u64,
    pub deadline_s: u64,
    pub latency_ms: u64,
}

impl Shape {
    /// A small world without surprises.
    pub fn plain(replicas: u64) -> Shape {
        Shape {
            replicas,
            image: 0,
            size: "s",
            fronted: true,
            floor: 0,
            boot_s: 2,
            healthy_for_s: 0,
            surge: 2,
            deadline_s: 300,
            latency_ms: 40,
        }
    }

    /// As text, for zones `a` and `b`.
    pub fn spec(&self) -> String {
        let Shape { replicas, image, size, floor, boot_s, healthy_for_s, surge, deadline_s, latency_ms, .. } = self;
        let (target, front) = match self.fronted {
            true => (TARGET, FRONT),
            false => ("", ""),
        };
        let floors = match floor {
            0 => String::new(),
            n => format!(
                "  floor {{\n    serving = {n}\n  }}\n  survive \"zone\" {{\n    losses = 1\n    floor  = {}\n  }}\n",
                n / 2
            ),
        };
        format!(
            r#"provider "sim" {{
  cloud   = "c"
  store   = "STORE"
  boot    = "{boot_s}s"
  latency = "{latency_ms}ms"
}}

location "a" {{
  provider = sim
  domains  = {{ cloud = "c", region = "r", zone = "a" }}
}}

location "b" {{
  provider = sim
  domains  = {{ cloud = "c", region = "r", zone = "b" }}
}}

workload "web" {{
  replicas = {replicas}
  spread "zone" {{
    ratio = "even"
  }}
{floors}  rollout {{
    surge       = {surge}
    batch       = {surge}
    healthy_for = "{healthy_for_s}s"
    deadline    = "{deadline_s}s"
  }}

  replica "server" {{
    resource "sim_instance" "server" {{
      zone  = location.domains.zone
      image = "image-{image}"
      size  = "{size}"
    }}
{target}    ready = sim_instance.server.state == "running"
  }}
}}
{front}"#
        )
    }
}

const TARGET: &str = r#"    resource "sim_target" "front" {
      load_balancer_id = sim_load_balancer.front.id
      instance_id      = sim_instance.server.id
    }
"#;

const FRONT: &str = r#"
resource "sim_load_balancer" "front" {
  name = "web"
}
"#;
