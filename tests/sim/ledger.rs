//! A ledger that states share: they know of each other's replicas, in peace, in change and in a loss.

use crate::stack::{INSTANCES, Stack};
use serde_json::Value as Json;

/// Three zones of so much room; `web` prefers a, and wants all of it.
fn spec(ledger: &std::path::Path, store: &std::path::Path, replicas: u32, priority: i64, room: [u32; 3]) -> String {
    let mut spec = format!(
        "straddle {{\n  ledger = {ledger:?}\n}}\n\nprovider \"sim\" {{\n  cloud = \"c\"\n  store = {store:?}\n}}\n"
    );
    for (zone, room) in ["a", "b", "c"].into_iter().zip(room) {
        spec.push_str(&format!(
            "\nlocation \"{zone}\" {{\n  provider = sim\n  domains  = {{ cloud = \"c\", region = \"r\", zone = \"{zone}\" }}\n  capacity = {room}\n}}\n"
        ));
    }
    spec.push_str(&format!(
        "\nworkload \"web\" {{\n  replicas = {replicas}\n  priority = {priority}\n  spread \"zone\" {{\n    ratio = {{ a = 1, b = 0, c = 0 }}\n    standby = [\"b\", \"c\"]\n  }}\n{INSTANCES}}}\n"
    ));
    spec
}

struct Two {
    _keep: tempfile::TempDir,
    first: Stack,
    second: Stack,
}

/// Two directories with one cloud and one ledger.
fn two(replicas: [u32; 2], priority: [i64; 2], room: [u32; 3]) -> Two {
    let keep = tempfile::tempdir().unwrap();
    let (ledger, store) = (keep.path().join("ledger"), keep.path().join("sim.db"));
    let of = |i: usize| Stack::new(&spec(&ledger, &store, replicas[i], priority[i], room));
    Two { first: of(0), second: of(1), _keep: keep }
}

fn loss(stack: &Stack) -> Json {
    let found = stack.json("simulate --lose zone:a -json");
    found["workloads"]["web"]["losses"][0].clone()
}

/// N10 over states: ten and five in a, room for ten in b and five in c.
#[test]
fn a_loss_is_told_with_what_other_states_will_want_too() {
    let told = |room: [u32; 3], priority: [i64; 2]| {
        let both = two([10, 5], priority, room);
        both.first.run("apply -auto-approve").ends(0);
        assert_eq!(loss(&both.first)["recovers_to"], 10, "alone there is room for all");
        both.second.run("apply -auto-approve").ends(0);
        [loss(&both.first)["recovers_to"].as_u64().unwrap(), loss(&both.second)["recovers_to"].as_u64().unwrap()]
    };
    assert_eq!(told([20, 10, 5], [0, 0]), [10, 5]);
    // Two too few, and nobody before the other: each is told what is left if the other is first, so that no room is counted twice.
    assert_eq!(told([20, 8, 5], [0, 0]), [8, 3]);
    // Two too few: whoever matters more is served first, whoever asks.
    assert_eq!(told([20, 8, 5], [1, 0]), [10, 3]);
    assert_eq!(told([20, 8, 5], [0, 1]), [8, 5]);
}

/// A promise that another state makes impossible is refused like any other.
#[test]
fn a_rule_that_another_state_breaks_is_refused() {
    let both = two([10, 5], [0, 0], [20, 8, 5]);
    both.first.run("apply -auto-approve").ends(0);
    let text = std::fs::read_to_string(both.second.path().join("web.straddle.hcl")).unwrap();
    let rule = "  survive \"zone\" {\n    losses = 1\n    floor  = 0\n    then   = { \"100%\" = \"1h\" }\n  }\n";
    both.second.write(&text.replace("  spread \"zone\"", &format!("{rule}  spread \"zone\"")));
    both.second.run("plan").ends(3).says("growth does not bring back in time");
    both.first.run("destroy -auto-approve").ends(0);
    both.second.run("plan").ends(0);
}

#[test]
fn what_another_state_holds_is_room_that_is_taken() {
    let both = two([4, 4], [0, 0], [6, 6, 0]);
    both.first.run("apply -auto-approve").ends(0);
    both.second.run("apply -auto-approve").ends(0).says("only 2 of 4 replicas find a place");
    assert_eq!(
        both.second.existing("sim_instance").iter().filter(|i| i["zone"] == "a").count(),
        6,
        "never more than fit"
    );
    // What the first gives up is free for the second.
    both.first.run("destroy -auto-approve").ends(0);
    both.second.run("apply -auto-approve").ends(0);
    both.second.run("plan -detailed-exitcode").ends(0);
    assert_eq!(both.second.existing("sim_instance").iter().filter(|i| i["zone"] == "a").count(), 4);
}

/// N24: two plans which are each safe, and not together.
#[test]
fn of_two_plans_that_are_safe_alone_the_second_is_refused() {
    let both = two([4, 4], [0, 0], [6, 6, 0]);
    both.first.run("plan -out=p").ends(0);
    both.second.run("plan -out=p").ends(0);
    both.first.run("apply p").ends(0);
    both.second.run("apply p").ends(5).says("other states hold 4 in a, 0 when this was planned");
    assert_eq!(both.first.existing("sim_instance").len(), 4);
}

#[test]
fn a_ledger_that_cannot_be_read_is_refused_by_name_and_left_as_it_was() {
    let both = two([4, 2], [0, 0], [6, 6, 0]);
    both.first.run("apply -auto-approve").ends(0);
    let ledger = both._keep.path().join("ledger");
    let page = std::fs::read_dir(&ledger)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "json"));
    let page = page.unwrap();
    for text in ["", "{}", "[1", "null", &"[".repeat(100_000)] {
        std::fs::write(&page, text).unwrap();
        both.second.run("plan").ends(1).says("The shared ledger cannot be used").says("ledger =");
        assert_eq!(std::fs::read_to_string(&page).unwrap(), *text);
    }
    // Its own page is nobody's but its owner's: he writes it anew once it is out of the way.
    std::fs::remove_file(&page).unwrap();
    both.first.run("apply -auto-approve").ends(0);
    assert!(page.exists());
    both.second.run("apply -auto-approve").ends(0);
}
