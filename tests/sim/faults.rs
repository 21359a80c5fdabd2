//! Clouds that fail in every way they can, with seeds: first nothing is broken, then, with the faults off, everything becomes what
//! the spec says.

use crate::kills::scattered;
use crate::stack::{INSTANCES, Stack, two_zones};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::process::Stdio;

/// Seeds tried.
const SEEDS: u64 = 10;
const REPLICAS: usize = 6;

struct Dice(u64);

impl Dice {
    fn next(&mut self, sides: u64) -> u64 {
        self.0 = scattered(self.0);
        self.0 % sides
    }

    fn pick<'l>(&mut self, list: &[&'l str]) -> &'l str {
        list[self.next(list.len() as u64) as usize]
    }
}

fn spec(image: u64) -> String {
    let rules = format!(
        "  replicas = {REPLICAS}\n  spread \"zone\" {{\n    ratio = \"even\"\n  }}\n  floor {{\n    serving = 4\n  }}\n  survive \"zone\" {{\n    losses = 1\n    floor  = 2\n  }}\n  rollout {{\n    surge    = 2\n    batch    = 2\n    deadline = \"3s\"\n  }}\n"
    );
    two_zones(&format!("{rules}{INSTANCES}"))
        .replace("\"one\"", &format!("\"image-{image}\""))
        .replace("cloud = \"c\"\n}", "cloud = \"c\"\n  latency = \"2ms\"\n}")
}

/// What must hold at any moment: no address has two objects, and nothing that was made for this state is forgotten by it.
#[track_caller]
fn is_safe(stack: &Stack, what: &str) {
    let existing = stack.existing("sim_instance");
    let state = stack.json("state pull");
    let known: BTreeSet<String> = state["resources"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|r| r["instances"].as_array().unwrap())
        .map(|i| i["attributes"]["id"].as_str().unwrap_or_default().to_string())
        .collect();
    let open = open_actions(stack);
    let mut current: BTreeSet<&str> = BTreeSet::new();
    for one in &existing {
        let (id, address) = (one["id"].as_str().unwrap(), one["claimed_by"].as_str().unwrap_or_default());
        assert!(known.contains(id) || open.contains(address), "{what}: {id}, made for {address}, is forgotten");
        if !known.contains(id) {
            assert!(current.insert(address), "{what}: {address} was made twice");
        }
    }
}

/// Addresses whose last action nobody knows the end of.
fn open_actions(stack: &Stack) -> BTreeSet<String> {
    let db = rusqlite::Connection::open_with_flags(
        stack.path().join("straddle.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .unwrap();
    let mut select = db.prepare("SELECT body FROM part WHERE kind = 'open'").unwrap();
    let bodies = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    bodies
        .map(|body| serde_json::from_str::<Json>(&body.unwrap()).unwrap()["object"].as_str().unwrap().to_string())
        .collect()
}

fn serving(stack: &Stack) -> usize {
    stack.existing("sim_instance").iter().filter(|r| r["state"] == "running").count()
}

/// One thing goes wrong.
fn trouble(stack: &Stack, dice: &mut Dice) -> String {
    let zone = dice.pick(&["a", "b"]);
    let line = match dice.next(8) {
        0 => format!("sim kill 1 --in zone:{zone}"),
        1 => format!("sim down zone:{zone}"),
        2 => format!("sim unreachable zone:{zone}"),
        _ => {
            let (op, kind) = (
                dice.pick(&["create", "update", "delete", "read"]),
                dice.pick(&["error", "lost_reply", "partial", "throttle", "stale"]),
            );
            format!("sim fault --op {op} --kind {kind} --rate 0.{} --seed {}", 2 + dice.next(6), dice.next(1000))
        }
    };
    // Not every kind of fault goes with every call; what does not is refused, and that is all.
    stack.run(&line);
    line
}

fn seeded(seed: u64) {
    let mut dice = Dice(seed);
    let stack = Stack::new(&spec(0));
    stack.run("apply -auto-approve").ends(0);
    let mut image = 0;
    let mut story = format!("seed {seed}");
    for _ in 0..3 {
        if dice.next(2) == 0 {
            image += 1;
            stack.write(&spec(image));
        }
        let troubles: Vec<String> = (0..=dice.next(2)).map(|_| trouble(&stack, &mut dice)).collect();
        story.push_str(&format!("; {}, image {image}", troubles.join(", ")));
        let log = std::fs::File::create(stack.path().join("apply.log")).unwrap();
        let mut child = stack.command(&["apply", "-auto-approve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        if dice.next(3) == 0 {
            story.push_str(&format!("; in it {}", trouble(&stack, &mut dice)));
        }
        let code = child.wait().unwrap().code();
        let said = std::fs::read_to_string(stack.path().join("apply.log")).unwrap();
        assert!(matches!(code, Some(0 | 1 | 3 | 7)), "{story}: exit {code:?}\n{said}");
        is_safe(&stack, &story);
    }
    stack.run("sim reset").ends(0);
    for zone in ["a", "b"] {
        stack.run(&format!("sim up zone:{zone}")).ends(0);
    }
    let mut rounds = 0;
    while stack.run("plan -detailed-exitcode").code != 0 {
        rounds += 1;
        assert!(rounds <= 3, "{story}: does not come to rest: {}", stack.run("plan").out);
        let before = serving(&stack).min(4);
        let ran = stack.run("apply -auto-approve");
        assert!(serving(&stack) >= before, "{story}: {}{}", ran.out, ran.err);
    }
    is_safe(&stack, &story);
    assert_eq!((stack.existing("sim_instance").len(), serving(&stack)), (REPLICAS, REPLICAS), "{story}");
}

#[test]
fn first_safe_then_as_the_spec_says() {
    for seed in 0..SEEDS {
        seeded(seed);
    }
}
