//! The rules of a strict cloud, one table or story each.

mod common;

use common::*;
use straddle_provider_sim::Refusal;
use straddle_provider_sim::model::{GroupSpec, Health, Spec};
use straddle_provider_sim::store::{Caller, Seen};

fn group_of(desired: u64, min: Option<u64>, max: Option<u64>) -> Spec {
    let (zone, image, size) = ("a".into(), "v1".into(), "s".into());
    Spec::Group(GroupSpec { zone, image, size, desired, min, max })
}

#[test]
fn ids_and_addresses_are_counted() {
    let mut world = World::new();
    let ids: Vec<String> = [instance("a"), instance("b"), group("a", 2), balancer(), record("web", 60), instance("a")]
        .iter()
        .map(|spec| world.made(spec).to_string())
        .collect();
    assert_eq!(ids, ["i-0001", "i-0002", "g-0001", "lb-0001", "r-0001", "i-0003"]);
    let again = world.made(&instance("a"));
    world.delete(again).expect("deleted");
    assert_eq!(world.made(&instance("a")).to_string(), "i-0005", "an id is never given twice");
    for id in ids {
        assert_eq!(id.parse::<straddle_provider_sim::model::Id>().expect("an id").to_string(), id);
    }
    for wrong in ["", "i-", "i-1", "i-00001", "i-0000", "x-0001", "i-0001 ", "i-99999999999999999999", "i-+001"] {
        assert!(wrong.parse::<straddle_provider_sim::model::Id>().is_err(), "{wrong:?}");
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut world = World::new();
    let (server, front) = (world.made(&instance("a")), world.made(&balancer()));
    let attached = world.made(&target(front, server));
    world.made(&record("web", 60));
    let before = world.all();
    let refused = [
        (
            world.create(&target(front, "i-0099")),
            "instance_id refers to \"i-0099\", which does not exist; create it first",
        ),
        (
            world.create(&target("lb-0099", server)),
            "load_balancer_id refers to \"lb-0099\", which does not exist; create it first",
        ),
        (
            world.create(&target(server, server)),
            "load_balancer_id refers to \"i-0001\", which does not exist; create it first",
        ),
        (
            world.create(&target(front, server)),
            "target i-0001 of lb-0001 exists already, as \"t-0001\"; import that one or choose another",
        ),
        (
            world.create(&record("web", 5)),
            "record web A exists already, as \"r-0001\"; import that one or choose another",
        ),
        (world.create(&instance("")), "zone: must not be empty"),
        (world.create(&group_of(3, Some(4), None)), "desired: 3 is below min, 4; write at least 4, or lower min"),
        (world.create(&group_of(5, None, Some(4))), "desired: 5 is above max, 4; write at most 4, or raise max"),
        (world.create(&group_of(5, Some(5), Some(4))), "max: 4 is below min, 5; write at least 5"),
        (world.update(server, &instance("b")), "zone: cannot change in place on i-0001; delete it and create another"),
        (
            world.update(attached, &target("lb-0002", server)),
            "load_balancer_id: cannot change in place on t-0001; delete it and create another",
        ),
        (world.update(server, &balancer()), "type: i-0001 is a sim_instance"),
        (world.delete(server), "\"i-0001\" is in use by t-0001; delete those first"),
        (world.delete(front), "\"lb-0001\" is in use by t-0001; delete those first"),
        (world.delete("i-0099".parse().expect("an id")), "there is no \"i-0099\" in cloud \"aws\""),
    ];
    for (result, expected) in refused {
        assert_eq!(result.expect_err(expected).to_string(), expected);
    }
    assert_eq!(world.all(), before);
    for id in [attached, server, front] {
        world.delete(id).expect("in this order nothing is in use");
        assert_eq!(world.read(id), Ok(Seen::Gone));
    }
}

#[test]
fn another_clouds_object_is_not_gone_but_elsewhere() {
    let mut world = World::new();
    let server = world.made(&instance("a"));
    world.who = Caller::of("ncp");
    let elsewhere = Refusal::Elsewhere { id: "i-0001".into(), cloud: "aws".into(), asked: "ncp".into() };
    assert_eq!(world.read(server), Err(elsewhere.clone()));
    assert_eq!(world.delete(server), Err(elsewhere));
    assert_eq!(world.list().expect("listed").objects, []);
}

#[test]
fn quotas_hold_for_zones_and_clouds() {
    let mut world = World::new();
    world.hand(|tx| tx.set_quota(&zone("a"), Some(3))).expect("set");
    world.made(&instance("a"));
    world.made(&group("a", 2));
    let full = |used, asked| Refusal::QuotaExceeded { domain: zone("a"), quota: 3, used, asked };
    assert_eq!(world.create(&instance("a")), Err(full(3, 1)));
    let grow = world.update("g-0001".parse().expect("an id"), &group("a", 4));
    assert_eq!(grow, Err(full(3, 2)));
    assert_eq!(world.hand(|tx| tx.edit("g-0001".parse().expect("an id"), "desired", "3").map(|_| ())), Err(full(3, 1)));
    world.update("g-0001".parse().expect("an id"), &group("a", 1)).expect("less is always possible");
    world.made(&instance("a"));
    // The zone's quota counts over all clouds, for a zone is one thing.
    world.who = Caller::of("ncp");
    assert_eq!(world.create(&instance("a")), Err(full(3, 1)));
    let cloud = "cloud:ncp".parse().expect("a domain");
    world.hand(|tx| tx.set_quota(&cloud, Some(1))).expect("set");
    world.made(&instance("b"));
    let full = Refusal::QuotaExceeded { domain: cloud, quota: 1, used: 1, asked: 1 };
    assert_eq!(world.create(&instance("c")), Err(full));
    // Below what is in use: it stays, and nothing is added; taken away: any number.
    world.hand(|tx| tx.set_quota(&zone("b"), Some(0))).expect("set");
    assert_eq!(world.all().len(), 4);
    for domain in ["zone:a", "zone:b", "cloud:ncp"] {
        world.hand(|tx| tx.set_quota(&domain.parse().expect("a domain"), None)).expect("set");
    }
    world.made(&instance("a"));
    world.made(&instance("b"));
    assert!(world.hand(|tx| tx.set_quota(&"region:x".parse().expect("a domain"), None)).is_err());
}

#[test]
fn an_instance_boots_and_a_resize_boots_it_again() {
    let mut world = World::booting(90_000);
    let server = world.made(&instance("a"));
    assert_eq!(world.state(server), "pending");
    world.now += 89_999;
    assert_eq!(world.state(server), "pending");
    world.now += 1;
    assert_eq!(world.state(server), "running");
    world.update(server, &sized("a", "m")).expect("resized");
    assert_eq!(world.state(server), "pending");
    world.now += 90_000;
    world.update(server, &sized("a", "m")).expect("nothing to do");
    assert_eq!(world.state(server), "running", "an update that changes nothing interrupts nothing");
}

#[test]
fn down_stops_and_up_boots_the_same_again() {
    let mut world = World::booting(90_000);
    let (server, off) = (world.made(&instance("a")), world.made(&instance("a")));
    let other = world.made(&instance("b"));
    let group = world.made(&group("a", 3));
    let front = world.made(&balancer());
    let attached = world.made(&target(front, server));
    world.now += 90_000;
    world.hand(|tx| tx.edit(off, "state", "stopped")).expect("switched off");
    assert_eq!((world.state(server), world.ready(group), world.state(attached)), ("running", 3, "healthy"));

    let change = world.hand(|tx| tx.set_health(&zone("a"), Health::Down)).expect("down");
    assert_eq!((change.before, change.stopped, change.first_mention), (Health::Up, 5, false));
    assert_eq!((world.state(server), world.ready(group), world.state(attached)), ("stopped", 0, "unhealthy"));
    assert_eq!(world.state(other), "running");
    let down = Refusal::Down(zone("a"));
    assert_eq!(world.read(server), Err(down.clone()));
    assert_eq!(world.create(&instance("a")), Err(down.clone()));
    assert_eq!(world.update(server, &sized("a", "m")), Err(down.clone()));
    assert_eq!(world.delete(off), Err(down.clone()));
    assert_eq!(world.found(attached).id, attached, "what lies in no zone answers");
    let listing = world.list().expect("the rest answers");
    assert_eq!((listing.objects.len(), listing.complaint), (3, Some(down)));

    world.now += 1_000;
    let change = world.hand(|tx| tx.set_health(&zone("a"), Health::Up)).expect("up");
    assert_eq!((change.before, change.booting), (Health::Down, 5));
    assert_eq!((world.state(server), world.ready(group), world.state(attached)), ("pending", 0, "initial"));
    world.now += 90_000;
    assert_eq!((world.state(server), world.ready(group), world.state(attached)), ("running", 3, "healthy"));
    assert_eq!(world.state(off), "stopped", "what was off before stays off");
    assert_eq!(world.found(server).version, 1, "losing power is no write");
}

#[test]
fn unreachable_cuts_only_the_api() {
    let mut world = World::booting(90_000);
    let server = world.made(&instance("a"));
    world.now += 90_000;
    world.hand(|tx| tx.set_health(&zone("a"), Health::Unreachable)).expect("cut");
    assert_eq!(world.state(server), "running");
    assert_eq!(world.read(server), Err(Refusal::Unreachable(zone("a"))));
    world.hand(|tx| tx.set_health(&zone("a"), Health::Up)).expect("up");
    assert_eq!(world.state(server), "running", "nothing was interrupted");
    // Cut off while down: still stopped, and nobody says so any more.
    world.hand(|tx| tx.set_health(&zone("a"), Health::Down)).expect("down");
    world.hand(|tx| tx.set_health(&zone("a"), Health::Unreachable)).expect("cut");
    assert_eq!(world.state(server), "stopped");
    assert_eq!(world.read(server), Err(Refusal::Unreachable(zone("a"))));
    world.hand(|tx| tx.set_health(&zone("a"), Health::Up)).expect("up");
    assert_eq!(world.state(server), "pending");
}

#[test]
fn a_zone_runs_when_both_it_and_its_cloud_do() {
    let mut world = World::booting(90_000);
    let server = world.made(&instance("a"));
    let front = world.made(&balancer());
    let cloud = "cloud:aws".parse().expect("a domain");
    world.hand(|tx| tx.set_health(&zone("a"), Health::Down)).expect("down");
    world.hand(|tx| tx.set_health(&cloud, Health::Down)).expect("down");
    assert_eq!(world.read(front), Err(Refusal::Down(cloud.clone())));
    let change = world.hand(|tx| tx.set_health(&zone("a"), Health::Up)).expect("up");
    assert_eq!((change.booting, change.still), (0, vec![cloud.clone()]));
    assert_eq!(world.state(server), "stopped");
    let change = world.hand(|tx| tx.set_health(&cloud, Health::Up)).expect("up");
    assert_eq!((change.booting, change.still), (1, vec![]));
    assert_eq!(world.state(server), "pending");
}

#[test]
fn a_kill_detaches_and_a_group_recovers() {
    let mut world = World::booting(90_000);
    let servers: Vec<_> = (0..3).map(|_| world.made(&instance("a"))).collect();
    let group = world.made(&group("a", 4));
    let front = world.made(&balancer());
    let attached: Vec<_> = servers.iter().map(|server| world.made(&target(front, server))).collect();
    world.now += 90_000;
    let killed = world.hand(|tx| tx.kill(2, &[zone("a")])).expect("killed");
    assert_eq!((killed.instances, killed.targets), (servers[..2].to_vec(), attached[..2].to_vec()));
    assert_eq!(world.read(servers[0]), Ok(Seen::Gone));
    let killed = world.hand(|tx| tx.kill(3, &[zone("a"), "cloud:aws".parse().expect("a domain")])).expect("killed");
    assert_eq!((killed.instances, killed.units), (servers[2..].to_vec(), vec![(group, 2)]));
    assert_eq!(world.ready(group), 2);
    world.now += 90_000;
    assert_eq!(world.ready(group), 4);
    let before = world.all();
    assert!(world.hand(|tx| tx.kill(5, &[zone("a")])).is_err(), "there are only four");
    assert!(world.hand(|tx| tx.kill(1, &["region:x".parse().expect("a domain")])).is_err());
    assert_eq!(world.all(), before);
    world.hand(|tx| tx.set_quota(&zone("a"), Some(5))).expect("set");
    world.made(&instance("a"));
    assert!(world.create(&instance("a")).is_err(), "the dead no longer count, the living do");
}

#[test]
fn an_edit_changes_what_is_there() {
    let mut world = World::new();
    let server = world.made(&instance("a"));
    let group = world.made(&group("a", 4));
    let name = world.made(&record("web", 60));
    let mut edit = |id, key, value| world.hand(|tx| tx.edit(id, key, value)).map(|object| object.spec);
    let Ok(Spec::Instance(edited)) = edit(server, "tags.Name", "web") else { panic!("edited") };
    assert_eq!(edited.tags, Some([("Name".to_owned(), "web".to_owned())].into()));
    let Ok(Spec::Instance(edited)) = edit(server, "image", "v2") else { panic!("edited") };
    assert_eq!(edited.image, "v2");
    let Ok(Spec::Group(edited)) = edit(group, "desired", "7") else { panic!("edited") };
    assert_eq!(edited.desired, 7);
    let Ok(Spec::Record(edited)) = edit(name, "targets.ncp", "0.25") else { panic!("edited") };
    assert_eq!(edited.targets["ncp"].to_string(), "0.25");
    for (id, key, value, expected) in [
        (server, "zone", "b", "key: \"zone\" of i-0001 cannot be set; write one of image, size, state, tags.NAME"),
        (server, "state", "broken", "state: \"broken\" cannot be set; write running or stopped"),
        (server, "tags.", "x", "tags: must not be empty"),
        (group, "desired", "31", "desired: 31 is above max, 30; write at most 30, or raise max"),
        (group, "desired", "-1", "desired: \"-1\" is not a whole number from 0 on"),
        (name, "targets.ncp", "-1", "targets: -1 is below 0; a weight is 0 or more"),
        (name, "type", "B", "key: \"type\" of r-0001 cannot be set; write one of ttl, targets.NAME"),
        (
            "lb-0001".parse().expect("an id"),
            "name",
            "x",
            "id: there is no lb-0001; `straddle sim status` lists what there is",
        ),
    ] {
        assert_eq!(edit(id, key, value).expect_err(expected).to_string(), expected);
    }
}

#[test]
fn a_token_makes_one_object() {
    let mut world = World::new();
    let first = world.claim(&instance("a"), "t1").expect("made");
    assert_eq!(world.claim(&instance("a"), "t1").expect("found again"), first);
    let id = first.object.as_ref().expect("there").id;
    world.update(id, &sized("a", "m")).expect("resized");
    assert_eq!(world.claim(&instance("a"), "t1").expect("found again").object.map(|o| o.id), Some(id));
    let reused = Refusal::TokenReused { token: "t1".into(), id: "i-0001".into() };
    assert_eq!(world.claim(&instance("b"), "t1"), Err(reused.clone()));
    assert_eq!(world.claim(&balancer(), "t1"), Err(reused));
    assert_ne!(world.claim(&instance("a"), "t2").expect("made").object.map(|o| o.id), Some(id));
    let unclaimed = [world.claim(&instance("a"), "").expect("made"), world.claim(&instance("a"), "").expect("made")];
    assert_ne!(unclaimed[0].object.as_ref().map(|o| o.id), unclaimed[1].object.as_ref().map(|o| o.id));
    world.delete(id).expect("deleted");
    assert_ne!(world.claim(&instance("a"), "t1").expect("made anew").object.map(|o| o.id), Some(id));
}

#[test]
fn time_never_goes_back() {
    let mut world = World::booting(90_000);
    let server = world.made(&instance("a"));
    world.now += 60_000;
    world.made(&instance("a"));
    world.now -= 3_600_000;
    assert_eq!(world.state(server), "pending");
    world.now += 29_999;
    assert_eq!(world.state(server), "pending");
    world.now += 1;
    assert_eq!(world.state(server), "running", "the store's time went on from where it was");
}

#[test]
fn a_reset_brings_everything_up_and_keeps_objects() {
    let mut world = World::new();
    let server = world.made(&instance("a"));
    world.hand(|tx| tx.set_quota(&zone("a"), Some(1))).expect("set");
    world.hand(|tx| tx.set_health(&zone("a"), Health::Down)).expect("down");
    world.fault("create".parse().expect("an op"), "error".parse().expect("a kind"), 1.0, 0);
    world.hand(|tx| tx.reset()).expect("reset");
    assert_eq!(world.state(server), "running");
    assert_eq!(world.made(&instance("a")).to_string(), "i-0002");
    world.hand(|tx| tx.remove_all()).expect("removed");
    assert_eq!(world.all(), []);
    assert_eq!(world.read(server), Ok(Seen::Gone));
    world.hand(|tx| tx.set_quota(&zone("a"), Some(1))).expect("set");
    assert_eq!(world.made(&instance("a")).to_string(), "i-0003", "nothing counts, and no id is given twice");
}
