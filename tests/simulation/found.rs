//! What these worlds once brought to light, each by its name.

use crate::judge::Rules;
use crate::machine::{Fate, Victim};
use crate::specs::Shape;
use crate::world::{Trouble, World};
use straddle::cli::Exit;

const APPLY: &str = "apply -auto-approve";

fn applied(shape: &Shape) -> World {
    let world = World::new(Rules { floor: shape.floor, survive: shape.floor / 2 }, 0);
    world.write(&shape.spec());
    world.run(APPLY).ends(Exit::Done);
    world
}

/// Applies, and nothing is left to do.
#[track_caller]
fn comes_to_rest(world: &World, shape: &Shape, what: &str) {
    let ran = world.run(APPLY);
    assert_eq!(ran.exit, Some(Exit::Done), "{what}:\n{}", ran.printed);
    world.is_safe(what);
    let ran = world.run("plan -detailed-exitcode");
    assert_eq!(ran.exit, Some(Exit::Done), "{what}:\n{}", ran.printed);
    let replicas = shape.replicas as usize;
    let targets = if shape.fronted { replicas } else { 0 };
    assert_eq!(["sim_instance", "sim_target"].map(|ty| world.existing(ty).len()), [replicas, targets], "{what}");
}

/// Killed at every third write of a change from one shape to another, and then asked for yet another.
fn cut_short_and_changed(first: &Shape, second: &Shape, third: &Shape) {
    let begun = applied(first);
    begun.write(&second.spec());
    for n in (1..).step_by(3) {
        let world = begun.copied(n as u64);
        if !world.run_as(APPLY, Fate::AtWrite(Victim::Both, n), &[]).struck {
            assert!(n > 20, "only {n} writes");
            return;
        }
        world.write(&third.spec());
        comes_to_rest(&world, third, &format!("killed at write {n}"));
    }
}

/// With an old object of the same address about, a new target did not wait for the new instance and was pointed at the old one, which
/// could then not be deleted.
#[test]
fn a_rollout_that_was_cut_short_is_followed_by_another() {
    let shape = Shape { floor: 2, ..Shape::plain(4) };
    cut_short_and_changed(&shape, &Shape { image: 1, ..shape }, &Shape { image: 2, ..shape });
}

/// A target that is added to a replica whose instance stays waited for the instances of all other replicas: a cycle, and no plan.
#[test]
fn a_template_that_grows_in_the_middle_of_a_rollout_has_a_plan() {
    let bare = Shape { floor: 2, fronted: false, ..Shape::plain(4) };
    let rolled = Shape { image: 1, ..bare };
    cut_short_and_changed(&bare, &rolled, &Shape { fronted: true, ..rolled });
}

/// The same backwards: a part that leaves the template while instances are replaced.
#[test]
fn a_template_that_shrinks_in_the_middle_of_a_rollout_has_a_plan() {
    let shape = Shape { floor: 2, ..Shape::plain(4) };
    let rolled = Shape { image: 1, ..shape };
    cut_short_and_changed(&shape, &rolled, &Shape { fronted: false, ..rolled });
}

#[test]
fn a_template_that_grows_while_replicas_are_missing_and_others_are_replaced_has_a_plan() {
    let bare = Shape { floor: 4, fronted: false, ..Shape::plain(7) };
    let world = applied(&bare);
    world.happens(&Trouble::Kill(2, "b"));
    let grown = Shape { fronted: true, image: 1, ..bare };
    world.write(&grown.spec());
    comes_to_rest(&world, &grown, "two are missing");
}

/// Replicas that grow by a target and are resized in the same plan were all completed in one step, and none of them served meanwhile.
#[test]
fn a_template_that_grows_while_replicas_are_resized_keeps_its_floor() {
    let bare = Shape { floor: 4, fronted: false, boot_s: 40, ..Shape::plain(6) };
    let world = applied(&bare);
    let grown = Shape { fronted: true, size: "m", ..bare };
    world.write(&grown.spec());
    comes_to_rest(&world, &grown, "grown and resized");
}

/// The deletion of the old object took the new one's result with it, and outputs made from it were gone.
#[test]
fn outputs_of_what_was_replaced_new_first_are_those_of_the_new() {
    let world = World::new(Rules { floor: 0, survive: 0 }, 0);
    let spec = |version: u32| {
        format!(
            "resource \"terraform_data\" \"one\" {{\n  triggers_replace = {version}\n  lifecycle {{\n    create_before_destroy = true\n  }}\n}}\n\noutput \"id\" {{\n  value = terraform_data.one.id\n}}\n"
        )
    };
    let id = || {
        let state = straddle::state::load(world.path()).unwrap().state;
        state.outputs.get("id").map(|output| output.value.as_str().to_owned())
    };
    world.write(&spec(1));
    world.run(APPLY).ends(Exit::Done);
    let first = id();
    world.write(&spec(2));
    world.run(APPLY).ends(Exit::Done);
    assert!(first.is_some() && id().is_some_and(|id| Some(&id) != first.as_ref()), "{first:?}, then {:?}", id());
}
