//! Killed at every moment of the journal's writing, any command is finished by the next: everything is there once, nothing twice.

use crate::judge::Rules;
use crate::machine::{Fate, Victim};
use crate::specs::Shape;
use crate::world::{Trouble, World};
use std::collections::BTreeSet;
use straddle::cli::Exit;
use straddle_provider_sim::model::Health;

const ANYTHING: Rules = Rules { floor: 0, survive: 0 };

/// Something to be killed in.
struct Story {
    /// What was done before.
    before: fn(&World),
    line: &'static str,
    /// Replicas in the end.
    replicas: usize,
}

fn fresh(world: &World) {
    world.write(&Shape::plain(4).spec());
}

fn applied(world: &World) {
    fresh(world);
    world.run("apply -auto-approve").ends(Exit::Done);
}

fn rollout(world: &World) {
    applied(world);
    world.write(&Shape { image: 1, ..Shape::plain(4) }.spec());
}

fn resize(world: &World) {
    applied(world);
    world.write(&Shape { size: "m", floor: 2, ..Shape::plain(4) }.spec());
}

fn shrink(world: &World) {
    applied(world);
    world.write(&Shape::plain(2).spec());
}

fn lost(world: &World) {
    applied(world);
    world.happens(&Trouble::Health("a", Health::Down));
}

fn returned(world: &World) {
    lost(world);
    world.run("failover -auto-approve").ends(Exit::Done);
    world.happens(&Trouble::Health("a", Health::Up));
    world.passed(3_600_000);
    world.run("apply -auto-approve").ends(Exit::Done);
    world.passed(3_600_000);
}

const STORIES: &[(&str, Story)] = &[
    ("a first apply", Story { before: fresh, line: "apply -auto-approve", replicas: 4 }),
    ("a rollout", Story { before: rollout, line: "apply -auto-approve", replicas: 4 }),
    ("a resize in place", Story { before: resize, line: "apply -auto-approve", replicas: 4 }),
    ("a scale-down", Story { before: shrink, line: "apply -auto-approve", replicas: 2 }),
    ("a failover", Story { before: lost, line: "failover -auto-approve", replicas: 6 }),
    ("a failback", Story { before: returned, line: "failback -auto-approve", replicas: 4 }),
    ("a destroy", Story { before: applied, line: "destroy -auto-approve", replicas: 0 }),
];

/// Everything is there once, in the clouds and in the state, and nothing is left to do.
#[track_caller]
fn is_whole(world: &World, story: &Story, what: &str) {
    world.is_safe(what);
    let ran = world.run(story.line);
    assert_eq!(ran.exit, Some(Exit::Done), "{what}:\n{}", ran.printed);
    world.is_safe(what);
    if story.replicas > 0 {
        let ran = world.run("plan -detailed-exitcode");
        assert_eq!(ran.exit, Some(Exit::Done), "{what}:\n{}", ran.printed);
    }
    let counts = ["sim_instance", "sim_target", "sim_load_balancer"].map(|ty| world.existing(ty).len());
    assert_eq!(counts, [story.replicas, story.replicas, usize::from(story.replicas > 0)], "{what}");
    let claims: BTreeSet<String> = world.existing("sim_instance").into_iter().map(|(_, address)| address).collect();
    assert_eq!(claims.len(), story.replicas, "{what}: {claims:?}");
}

/// A world in which the story can be told.
fn begun(story: &Story) -> World {
    let world = World::new(ANYTHING, 0);
    (story.before)(&world);
    world
}

/// Kills at every write, one world each; how many there were.
fn at_every_write(name: &str, story: &Story, victim: Victim) -> usize {
    let first = begun(story);
    for n in 1.. {
        let world = first.copied(n as u64);
        let ran = world.run_as(story.line, Fate::AtWrite(victim, n), &[]);
        if !ran.struck {
            return n - 1;
        }
        is_whole(&world, story, &format!("{name}, {victim:?} killed at write {n}"));
    }
    unreachable!()
}

fn everywhere(victim: Victim) {
    for (name, story) in STORIES {
        let writes = at_every_write(name, story, victim);
        assert!(writes >= 10, "{name}: only {writes} moments");
    }
}

#[test]
fn straddle_killed_at_every_write_of_every_command() {
    everywhere(Victim::Straddle);
}

#[test]
fn a_plugin_killed_at_every_write_of_every_command() {
    everywhere(Victim::Plugin);
}

#[test]
fn both_killed_at_every_write_of_every_command() {
    everywhere(Victim::Both);
}

/// A run is killed, and so is the one that comes to find out, and the one after it.
#[test]
fn killed_again_and_again_in_recovery() {
    for (name, story) in STORIES {
        let begun = begun(story);
        for first in [2, 5, 9] {
            for again in [1, 3, 6] {
                let world = begun.copied(first * 100 + again);
                let what = format!("{name}, killed at write {first}, then twice at write {again}");
                for n in [first, again, again] {
                    world.run_as(story.line, Fate::AtWrite(Victim::Both, n as usize), &[]);
                    world.is_safe(&what);
                }
                is_whole(&world, story, &what);
            }
        }
    }
}

/// Between writes it is the same: at any millisecond.
#[test]
fn killed_at_any_moment() {
    for (name, story) in STORIES {
        let begun = begun(story);
        let whole = begun.copied(0).run(story.line).ends(Exit::Done).took;
        for round in 0..9 {
            let world = begun.copied(round);
            let at = world.chance(u64::try_from(whole).unwrap());
            let victim = [Victim::Straddle, Victim::Plugin, Victim::Both][(round % 3) as usize];
            let ran = world.run_as(story.line, Fate::After(victim, at), &[]);
            assert!(ran.struck, "{name}: done before {at} ms");
            is_whole(&world, story, &format!("{name}, {victim:?} killed after {at} ms"));
        }
    }
}
