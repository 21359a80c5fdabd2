//! Every kind of mistake in straddle's own blocks: each is told with its file and line, what is wrong, and what to write instead;
//! all mistakes of a run at once, and nothing is changed.

use crate::stack::Stack;

/// A spec without any.
const SOUND: &str = r#"straddle {
  levels = ["cloud", "region", "zone"]
}

provider "sim" {
  cloud = "c"
}

shared_risk "line" {
  kind     = "carrier"
  evidence = { kind = "vendor_letter", date = "2026-05-01" }
}

location "a" {
  provider    = sim
  domains     = { cloud = "c", region = "r", zone = "a" }
  shares      = [shared_risk.line]
  coordinates = [37.49, 127.04]
  class       = "hot"
  capacity    = 40
  reserve     = 5
  boot        = "90s"
  cost        = { per_hour = 0.05, currency = "USD" }
  state       = "open"
}

location "b" {
  provider = sim
  domains  = { cloud = "c", region = "r", zone = "b" }
}

owner "sre" {
  contact = "sre@example.kr"
}

distance "far" {
  min_km = 20
  owner  = owner.sre
}

backup "data" {
  source = location.a
  rpo    = "24h"
  leg "night" {
    target   = location.b
    schedule = "12h"
  }
}

limit "licences" {
  max = 99
}

accept "line" {
  lose  = [shared_risk.line]
  until = "2027-03-31"
}

workload "web" {
  replicas = 4
  demand   = 3

  spread "zone" {
    over      = ["a", "b"]
    ratio     = "50:50"
    tolerance = 0
    max_skew  = 1
    move      = "lazy"
  }

  floor {
    serving = "50%"
  }

  survive "zone" {
    losses = 1
    floor  = "50%"
    then   = { "100%" = "15m" }
    growth = "quota"
  }

  rollout {
    surge       = 2
    batch       = 1
    healthy_for = "1s"
  }

  failover {
    mode   = "runbook"
    detect = "30s"
    batch  = "all"
  }

  failback {
    mode = "manual"
  }

  requires "resolver" {
    path "one" {
      shares = [shared_risk.line]
    }
  }

  entry "dns" {
    need = 1
    ttl  = "30s"
    path "x" {}
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone = location.domains.zone
    }
    ready = sim_instance.server.state == "running"
  }
}
"#;

/// What is written instead of what, and the summary it earns. The mistake is on the first line of what is written.
const MISTAKES: &[(&str, &str, &str)] = &[
    (r#"levels = ["cloud", "region", "zone"]"#, r#"levels = ["cloud", "region", "zone", "zone"]"#, "Level named twice"),
    (r#"kind     = "carrier""#, r#"kin      = "carrier""#, "Unsupported argument"),
    (r#"evidence = { kind"#, r#"evidence = "letter" # {"#, "Wrong form of an argument"),
    ("location \"b\" {", "location \"a\" {", "Duplicate block"),
    ("location \"b\" {", "location {", "Wrong number of labels"),
    (
        r#"shares      = [shared_risk.line]"#,
        r#"shares      = [shared_risk.lane]"#,
        "Reference to undeclared shared risk",
    ),
    (
        r#"domains     = { cloud = "c", region = "r", zone = "a" }"#,
        r#"domains     = { cloud = "c", regoin = "r", zone = "a" }"#,
        "Unknown level",
    ),
    (
        r#"domains     = { cloud = "c", region = "r", zone = "a" }"#,
        r#"domains     = { cloud = "", region = "r", zone = "a" }"#,
        "Domain without a name",
    ),
    ("coordinates = [37.49, 127.04]", "coordinates = [137.49, 127.04]", "Wrong form of an argument"),
    (r#"class       = "hot""#, r#"class       = "lukewarm""#, "Wrong form of an argument"),
    ("capacity    = 40", "capacity    = -1", "Wrong form of an argument"),
    ("capacity    = 40", "capacity    = 1.5", "Wrong form of an argument"),
    ("capacity    = 40", "capacity    = \"many\"", "Wrong form of an argument"),
    (r#"boot        = "90s""#, r#"boot        = "90 s""#, "Wrong form of an argument"),
    (r#"cost        = { per_hour = 0.05, currency = "USD" }"#, "cost        = 5", "Wrong form of an argument"),
    (r#"state       = "open""#, r#"state       = "opened""#, "Wrong form of an argument"),
    (r#"lose  = [shared_risk.line]"#, r#"lose  = ["zone:z"]"#, "Unknown loss"),
    (r#"until = "2027-03-31""#, r#"until = "soon""#, "Not a date"),
    ("  replicas = 4", "  replicas = 0", "No replicas"),
    ("  replicas = 4", "  replicas = 99999999", "Number too large"),
    ("  replicas = 4", "  replicas = \"four\"", "Wrong form of an argument"),
    ("  replicas = 4", "  replicsa = 4", "Unsupported argument"),
    ("spread \"zone\" {", "spread \"zoen\" {", "Unknown level"),
    (r#"over      = ["a", "b"]"#, r#"over      = ["a", "x"]"#, "Unknown domain"),
    (r#"ratio     = "50:50""#, r#"ratio     = "50:50:1""#, "Invalid ratio"),
    (r#"ratio     = "50:50""#, r#"ratio     = "0:0""#, "Invalid ratio"),
    (r#"ratio     = "50:50""#, r#"ratio     = "60%:50%""#, "Invalid ratio"),
    (r#"ratio     = "50:50""#, r#"ratio     = { a = 1, z = 1 }"#, "Unknown domain"),
    ("tolerance = 0", "tolerance = \"some\"", "Wrong form of an argument"),
    (r#"move      = "lazy""#, r#"move      = "slow""#, "Wrong form of an argument"),
    (r#"serving = "50%""#, r#"serving = "half""#, "Wrong form of an argument"),
    ("losses = 1", "losses = 0", "No loss"),
    (r#"then   = { "100%" = "15m" }"#, r#"then   = "15m""#, "Wrong form of an argument"),
    (r#"growth = "quota""#, r#"growth = "hope""#, "Wrong form of an argument"),
    ("batch       = 1", "batch       = 0", "Nothing would ever move"),
    (r#"healthy_for = "1s""#, "healthy_for = 1", "Wrong form of an argument"),
    (r#"mode   = "runbook""#, r#"mode   = "auto""#, "Automatic failover needs a watcher"),
    (r#"mode   = "runbook""#, r#"mode   = "manual""#, "Wrong form of an argument"),
    (r#"batch  = "all""#, "batch  = 0", "Wrong form of an argument"),
    (r#"mode = "manual""#, r#"mode = "auto""#, "Wrong form of an argument"),
    ("entry \"dns\" {\n    need = 1", "entry \"dns\" {\n    need = 3", "More paths needed than there are"),
    (
        "requires \"resolver\" {",
        "requires \"resolver\" {\n    need = 2\n    path \"two\" {\n      match = { zone = \"a\" }\n    }",
        "Fewer paths lead to a location than it needs",
    ),
    ("ttl  = \"30s\"", "ttl  = \"soon\"", "Wrong form of an argument"),
    ("replica \"server\" {\n", "replica \"server\" {\n    match = { zoen = \"a\" }\n", "Unknown level"),
    ("replica \"server\" {\n", "replica \"server\" {\n    units = 0\n", "Wrong form of an argument"),
    ("      zone = location.domains.zone", "      count = 2\n      zone = location.domains.zone", "Not in a template"),
    ("min_km = 20", "mni_km = 20", "Unsupported argument"),
    ("min_km = 20", "min_km = \"far\"", "Wrong form of an argument"),
    ("min_km = 20", "min_km = 20\n  max_km = 10", "Minimum above maximum"),
    ("min_km = 20", "min_km = 20\n  between = [location.a]", "Nothing to measure"),
    ("min_km = 20", "min_km = 20\n  between = [location.a, location.bb]", "Unknown location"),
    ("min_km = 20", "min_km = 20\n  class = \"best\"", "Wrong form of an argument"),
    ("owner  = owner.sre", "owner  = owner.sra", "Unknown owner"),
    (
        "  min_km = 20",
        "  min_km = 20\n  hazard \"river\" {\n    center = [37.5, 126.9]\n  }",
        "Missing required argument",
    ),
    ("source = location.a", "source = location.x", "Unknown location"),
    ("rpo    = \"24h\"", "rpo    = \"soon\"", "Wrong form of an argument"),
    ("schedule = \"12h\"", "schedule = \"sometimes\"", "Wrong form of an argument"),
    ("schedule = \"12h\"", "schedule = \"12h\"\n    restored = \"never\"", "Not a date"),
    ("schedule = \"12h\"", "schedule = \"12h\"\n    kind     = \"half\"", "Wrong form of an argument"),
    ("  max = 99", "  max = -1", "Wrong form of an argument"),
    ("  max = 99", "  max = 99\n  workloads = [workload.wbe]", "Unknown workload"),
    ("contact = \"sre@example.kr\"", "phone = \"1\"", "Unsupported argument"),
    ("evidence = { kind = \"vendor_letter\"", "evidence = { kind = \"vendor_leter\"", "Unknown kind of evidence"),
    ("date = \"2026-05-01\"", "date = \"May\"", "Not a date"),
    ("class       = \"hot\"", "class       = \"hot\"\n  rehearsed   = \"long ago\"", "Not a date"),
    ("workload \"web\" {", "probe \"x\" {\n}\n\nworkload \"web\" {", "A probe asks for one thing"),
    ("workload \"web\" {", "wrokload \"web\" {", "Unsupported block type"),
];

/// The line on which `needle` begins, counted from 1.
fn line_of(text: &str, needle: &str) -> u64 {
    text[..text.rfind(needle).unwrap()].matches('\n').count() as u64 + 1
}

#[test]
fn the_spec_without_mistakes_is_sound() {
    let stack = Stack::new(SOUND);
    stack.run("validate").ends(0);
    stack.run("validate -rules").ends(0);
    stack.run("plan").ends(0);
}

#[test]
fn each_mistake_has_its_place_its_reason_and_a_way_out() {
    let mut faults = Vec::new();
    for (right, wrong, summary) in MISTAKES {
        assert!(SOUND.contains(right), "{right}");
        let spec = SOUND.replacen(right, wrong, 1);
        let stack = Stack::new(&spec);
        let ran = stack.run("validate -json");
        let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let all = found["diagnostics"].as_array().unwrap();
        let first = wrong.lines().next().unwrap();
        let lines = line_of(&spec, wrong)..=line_of(&spec, wrong) + wrong.matches('\n').count() as u64;
        let said = all.iter().find(|d| d["summary"] == *summary);
        let complaint = match said {
            None => format!("no {summary:?}"),
            Some(d) if d["range"]["filename"] != "web.straddle.hcl" => "no file".into(),
            Some(d) if !d["range"]["start"]["line"].as_u64().is_some_and(|l| lines.contains(&l)) => {
                format!("not on line {lines:?}: {}", d["range"]["start"])
            }
            Some(d)
                if d["help"].as_str().is_none_or(str::is_empty)
                    && !d["detail"].as_str().is_some_and(|t| t.contains("Did you mean")) =>
            {
                format!("no way out: {}", d["detail"])
            }
            Some(_) if ran.code != 1 => format!("exit {}", ran.code),
            Some(_) => continue,
        };
        faults.push(format!(
            "{first:?}: {complaint}\n   {}",
            all.iter().map(|d| d["summary"].to_string()).collect::<Vec<_>>().join(", ")
        ));
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), MISTAKES.len(), faults.join("\n"));
}

#[test]
fn all_mistakes_are_told_at_once_and_nothing_is_changed() {
    let mut spec = SOUND.to_string();
    let some = [8, 14, 17, 23, 24, 31, 35, 38];
    for i in some {
        let (right, wrong, _) = MISTAKES[i];
        assert!(spec.contains(right), "{right}");
        spec = spec.replacen(right, wrong, 1);
    }
    let stack = Stack::new(&spec);
    for line in ["plan", "apply -auto-approve", "drift", "failover -auto-approve", "simulate", "validate -rules"] {
        let ran = stack.run(line).ends(1);
        for i in some {
            assert!(ran.err.contains(MISTAKES[i].2), "{line}: no {:?} in\n{}", MISTAKES[i].2, ran.err);
        }
    }
    let left: Vec<String> =
        std::fs::read_dir(stack.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left, ["web.straddle.hcl"]);
}
