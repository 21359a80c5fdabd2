//! Long waits, in no time.

use crate::judge::Rules;
use crate::machine::Fate;
use crate::specs::Shape;
use crate::world::{Trouble, World};
use straddle::cli::Exit;
use straddle_provider_sim::model::Health;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn world(shape: &Shape) -> World {
    let world = World::new(Rules { floor: shape.floor, survive: shape.floor / 2 }, 0);
    world.write(&shape.spec());
    world
}

/// Each step of a rollout waits until what it added has served for `healthy_for` without a break.
#[test]
fn a_step_waits_until_what_it_added_has_served_long_enough() {
    let shape = Shape { floor: 4, healthy_for_s: 600, boot_s: 30, deadline_s: 1800, ..Shape::plain(4) };
    let world = world(&shape);
    let first = world.run("apply -auto-approve").ends(Exit::Done).took;
    assert!(first >= 10 * MINUTE, "{first}");
    world.write(&Shape { image: 1, ..shape }.spec());
    let took = world.run("apply -auto-approve").ends(Exit::Done).took;
    // Two steps of two replicas, each booting for half a minute and watched for ten.
    assert!((21 * MINUTE..24 * MINUTE).contains(&took), "{took}");
    world.is_safe("a rollout");
}

/// One that goes down and up again begins its time of health anew.
#[test]
fn a_replica_that_flaps_is_waited_for_until_it_is_steady() {
    let shape = Shape { floor: 4, healthy_for_s: 600, boot_s: 30, deadline_s: 3600, ..Shape::plain(4) };
    let world = world(&shape);
    world.run("apply -auto-approve").ends(Exit::Done);
    world.write(&Shape { image: 1, ..shape }.spec());
    // The fifth and sixth instance are the first new ones.
    let flaps = [(300_000, Trouble::Switch(4, false)), (320_000, Trouble::Switch(4, true))];
    let took = world.run_as("apply -auto-approve", Fate::Lives, &flaps).ends(Exit::Done).took;
    assert!((26 * MINUTE..30 * MINUTE).contains(&took), "{took}");
    world.is_safe("a rollout");
}

/// One that never comes to rest ends the step at its deadline, and nothing has been taken away for it.
#[test]
fn a_replica_that_flaps_for_ever_ends_the_rollout_at_its_deadline() {
    let shape = Shape { floor: 4, healthy_for_s: 600, boot_s: 30, deadline_s: 3600, ..Shape::plain(4) };
    let world = world(&shape);
    world.run("apply -auto-approve").ends(Exit::Done);
    world.write(&Shape { image: 1, ..shape }.spec());
    let flaps: Vec<_> = (1..40)
        .flat_map(|n| [(n * 200_000, Trouble::Switch(4, false)), (n * 200_000 + 9_000, Trouble::Switch(4, true))])
        .collect();
    let ran = world.run_as("apply -auto-approve", Fate::Lives, &flaps).ends(Exit::Partial);
    let ran = ran.says("Replicas did not become ready in time").says("Nothing is taken away that they were to replace");
    assert!((60 * MINUTE..62 * MINUTE).contains(&ran.took), "{}", ran.took);
    assert_eq!(world.existing("sim_instance").len(), 6);
    world.is_safe("a rollout");
}

/// A zone that dies while a step waits for its replicas ends the step; the next run answers the loss.
#[test]
fn a_zone_that_dies_while_a_step_waits() {
    let shape = Shape { floor: 4, healthy_for_s: 600, boot_s: 30, deadline_s: 1800, ..Shape::plain(6) };
    let world = world(&shape);
    world.run("apply -auto-approve").ends(Exit::Done);
    world.write(&Shape { image: 1, ..shape }.spec());
    let dies = [(300_000, Trouble::Health("a", Health::Down))];
    world.run_as("apply -auto-approve", Fate::Lives, &dies).ends(Exit::Partial);
    world.is_safe("a zone died");
    world.run("failover -auto-approve").ends(Exit::Done);
    world.is_safe("a failover");
    assert!(world.running()["b"] >= 6, "{:?}", world.running());
}

/// The way back opens when what was lost has been well for as long as the spec wants, and not before.
#[test]
fn the_way_back_opens_after_a_day_of_health() {
    let shape = Shape { floor: 4, ..Shape::plain(4) };
    let world = World::new(Rules { floor: 4, survive: 2 }, 0);
    let stable = |shape: &Shape| {
        shape.spec().replace(
            "  rollout {",
            "  failback {\n    mode       = \"manual\"\n    stable_for = \"24h\"\n  }\n  rollout {",
        )
    };
    world.write(&stable(&shape));
    world.run("apply -auto-approve").ends(Exit::Done);
    world.happens(&Trouble::Health("a", Health::Down));
    world.run("failover -auto-approve").ends(Exit::Done);
    world.happens(&Trouble::Health("a", Health::Up));
    world.passed(HOUR);
    // Nobody has looked since it came back: the day begins with this look.
    world.run("failback -check").says("not seen well before now");
    world.run("apply -auto-approve").ends(Exit::Done);
    world.passed(23 * HOUR);
    world.run("failback -check").says("NOT MET");
    world.passed(2 * HOUR);
    let open = world.run("failback -check").ends(Exit::Done);
    assert!(!open.printed.contains("NOT MET"), "{}", open.printed);
    world.run("failback -auto-approve").ends(Exit::Done);
    world.is_safe("back again");
    assert_eq!(world.running().into_values().collect::<Vec<_>>(), [2, 2]);
}

/// The judge of these worlds sees what he is there for.
#[test]
fn a_floor_that_the_spec_does_not_know_is_seen_to_break() {
    let world = World::new(Rules { floor: 4, survive: 2 }, 0);
    world.write(&Shape::plain(4).spec());
    world.run("apply -auto-approve").ends(Exit::Done);
    assert_eq!(world.judge.lock().unwrap().broken.len(), 0);
    world.write(&Shape::plain(2).spec());
    world.run("apply -auto-approve").ends(Exit::Done);
    let judge = world.judge.lock().unwrap();
    assert!(judge.taken > 0 && judge.broken.iter().any(|b| b.contains("of a floor of 4")), "{:?}", judge.broken);
    assert!(judge.broken.iter().any(|b| b.contains("the loss of")), "{:?}", judge.broken);
}

/// So are changes in a zone that is not well, of one who does not look.
#[test]
fn a_change_in_a_dead_zone_is_seen() {
    let world = World::new(Rules { floor: 0, survive: 0 }, 0);
    world.write(&Shape::plain(4).spec());
    world.run("apply -auto-approve").ends(Exit::Done);
    world.happens(&Trouble::Health("a", Health::Down));
    let mut judge = world.judge.lock().unwrap();
    judge.attempted(world.now() + 1_000, "sim_instance", Some("a"));
    judge.attempted(world.now() + HOUR, "sim_instance", Some("b"));
    assert_eq!(judge.broken.len(), 0);
    judge.attempted(world.now() + HOUR, "sim_instance", Some("a"));
    assert_eq!(judge.broken.len(), 1);
}
