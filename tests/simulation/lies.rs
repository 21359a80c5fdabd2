//! Providers that lie: each lie is found out and named, nothing is taken for true because of it, and once the provider is honest again
//! the next run makes everything right, nothing twice.

use crate::judge::Rules;
use crate::machine::{Fate, Victim};
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use straddle::cli::Exit;
use straddle::plugin::reattach::Reattach;
use straddle::plugin::{Door, Source};
use straddle_sdk::provider::prelude::*;

const SPEC: &str = r#"terraform {
  required_providers {
    liar = {
      source = "acme/liar"
    }
  }
}

resource "liar_thing" "one" {
  name = "one"
}
"#;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    /// Plans another value than was written.
    PlansAnother,
    /// Plans to keep what was written and to change what nobody touched.
    PlansToTakeAway,
    /// Makes something else than was planned.
    MakesAnother,
    /// Makes it and says there is none.
    MakesNothing,
    /// Makes it and does not know it.
    KeepsUnknown,
    /// Makes it and breaks off.
    BreaksOff,
    /// Says of a deletion that it is still there, and deletes it.
    SaysItStays,
    /// Says that it was deleted, and deletes nothing.
    SaysItIsGone,
    /// Reads what it does not know.
    ReadsUnknown,
    /// Reads another object.
    ReadsAnother,
    /// Finds two objects of one attempt.
    FindsTwo,
    /// Finds an object of another type.
    FindsAnotherType,
    /// Finds what somebody else made.
    FindsAnothers,
}

/// What there really is, by id.
#[derive(Default)]
struct Shelf {
    things: BTreeMap<String, (Value, Option<Ownership>)>,
    lie: Option<Lie>,
    last: u32,
}

#[derive(Clone, Default)]
struct Liar(Arc<Mutex<Shelf>>);

impl Liar {
    fn lies(&self, lie: Lie) -> bool {
        self.0.lock().unwrap().lie == Some(lie)
    }

    fn tells(&self, lie: Option<Lie>) {
        self.0.lock().unwrap().lie = lie;
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().things.len()
    }

    fn make(&self, request: &ApplyRequest) -> Value {
        let mut shelf = self.0.lock().unwrap();
        let token = |o: &Option<Ownership>| o.as_ref().map(|o| o.token.clone());
        let mine = token(&request.ownership);
        if let Some((thing, _)) = shelf.things.values().find(|(_, o)| mine.is_some() && token(o) == mine) {
            return thing.clone();
        }
        shelf.last += 1;
        let id = format!("thing-{}", shelf.last);
        let thing =
            request.planned.with_attribute("id", Value::string(&id)).with_attribute("note", Value::string("new"));
        shelf.things.insert(id, (thing.clone(), request.ownership.clone()));
        thing
    }
}

fn id_of(thing: &Value) -> String {
    thing.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Provider for Liar {
    fn schemas(&self) -> Schemas {
        let thing = || {
            ResourceSchema::new()
                .attribute("name", string().required())
                .attribute("note", string().computed())
                .attribute("id", string().computed())
        };
        Schemas::new().resource("liar_thing", thing()).resource("liar_other", thing())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { discover: true, ownership: true, ..Capabilities::default() }
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        if self.lies(Lie::ReadsUnknown) {
            return Ok(ReadAnswer::new(request.state.with_attribute("note", Value::unknown(Type::String))));
        }
        if self.lies(Lie::ReadsAnother) {
            return Ok(ReadAnswer::new(request.state.with_attribute("id", Value::string("thing-99"))));
        }
        let shelf = self.0.lock().unwrap();
        Ok(shelf.things.get(&id_of(&request.state)).map_or_else(ReadAnswer::gone, |(t, _)| ReadAnswer::new(t.clone())))
    }

    async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        let mut answer = request.default_plan();
        if self.lies(Lie::PlansAnother) {
            answer.planned = answer.planned.with_attribute("name", Value::string("other"));
        }
        if self.lies(Lie::PlansToTakeAway) {
            answer.planned = Value::null(answer.planned.ty());
        }
        Ok(answer)
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if request.is_delete() {
            if !self.lies(Lie::SaysItIsGone) {
                self.0.lock().unwrap().things.remove(&id_of(&request.prior));
            }
            let stays = self.lies(Lie::SaysItStays);
            return Ok(if stays { ApplyAnswer::new(request.prior) } else { ApplyAnswer::deleted() });
        }
        if !request.is_create() {
            self.0
                .lock()
                .unwrap()
                .things
                .entry(id_of(&request.prior))
                .and_modify(|(t, _)| *t = request.planned.clone());
            return Ok(ApplyAnswer::new(request.planned));
        }
        let made = self.make(&request);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let lie = self.0.lock().unwrap().lie;
        Ok(match lie {
            Some(Lie::MakesAnother) => ApplyAnswer::new(made.with_attribute("name", Value::string("other"))),
            Some(Lie::MakesNothing) => ApplyAnswer::deleted(),
            Some(Lie::KeepsUnknown) => ApplyAnswer::new(made.with_attribute("note", Value::unknown(Type::String))),
            Some(Lie::BreaksOff) => std::panic::resume_unwind(Box::new("it breaks off")),
            _ => ApplyAnswer::new(made),
        })
    }

    async fn discover(&self, request: Discovery) -> Result<Vec<Discovered>, Diagnostics> {
        let shelf = self.0.lock().unwrap();
        let found = |(id, (thing, owner)): (&String, &(Value, Option<Ownership>))| {
            let ownership = owner.clone().filter(|o| request.tokens.contains(&o.token))?;
            let (type_name, id) = ("liar_thing".into(), id.clone());
            Some(Discovered { type_name, id, ownership, state: Some(thing.clone()), private: Vec::new() })
        };
        let mut all: Vec<Discovered> = shelf.things.iter().filter_map(found).collect();
        match shelf.lie {
            Some(Lie::FindsTwo) => {
                let again = all.clone().into_iter().map(|one| Discovered { id: "thing-98".into(), ..one });
                all.extend(again.collect::<Vec<_>>());
            }
            Some(Lie::FindsAnotherType) => all.iter_mut().for_each(|one| one.type_name = "liar_other".into()),
            Some(Lie::FindsAnothers) => all.iter_mut().for_each(|one| one.ownership.token = "somebody-else".into()),
            _ => {}
        }
        Ok(all)
    }
}

fn world() -> (World, Liar) {
    let world = World::new(Rules { floor: 0, survive: 0 }, 0);
    world.write(SPEC);
    let liar = Liar::default();
    let served = liar.clone();
    let door = Door::new(move || {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let provider = served.clone();
        tokio::spawn(async move { straddle_sdk::server::serve_stream(provider, theirs).await });
        ours
    });
    world.beside.borrow_mut().insert(Source::parse("acme/liar").unwrap(), Reattach::inside(door));
    (world, liar)
}

/// Honest again, it is made right: so many things, in the state and out of it, and nothing left to do.
#[track_caller]
fn comes_right(world: &World, liar: &Liar, lie: Lie, line: &str, things: usize) {
    liar.tells(None);
    let ran = world.run(line);
    assert_eq!(ran.exit, Some(Exit::Done), "{lie:?}: {}", ran.printed);
    let state = straddle::state::load(world.path()).unwrap().state;
    assert_eq!((liar.count(), state.objects.len(), state.open.len()), (things, things, 0), "{lie:?}: {}", ran.printed);
    if things > 0 {
        let ran = world.run("plan -detailed-exitcode");
        assert_eq!(ran.exit, Some(Exit::Done), "{lie:?}: {}", ran.printed);
    }
}

const APPLY: &str = "apply -auto-approve";

#[test]
fn a_plan_that_is_not_what_was_written_is_refused_and_nothing_is_made() {
    for lie in [Lie::PlansAnother, Lie::PlansToTakeAway] {
        let (world, liar) = world();
        liar.tells(Some(lie));
        world.run(APPLY).ends(Exit::Error).says("acme/liar");
        assert_eq!(liar.count(), 0, "{lie:?}");
        comes_right(&world, &liar, lie, APPLY, 1);
    }
}

#[test]
fn a_result_that_is_not_what_was_planned_is_told_and_what_was_made_is_not_lost() {
    for lie in [Lie::MakesAnother, Lie::MakesNothing, Lie::KeepsUnknown, Lie::BreaksOff] {
        let (world, liar) = world();
        liar.tells(Some(lie));
        let ran = world.run(APPLY).ends(Exit::Partial);
        ran.says("acme/liar");
        comes_right(&world, &liar, lie, APPLY, 1);
    }
}

#[test]
fn a_deletion_that_is_told_otherwise_than_it_was_is_looked_at_again() {
    let (world, liar) = world();
    world.run(APPLY).ends(Exit::Done);
    liar.tells(Some(Lie::SaysItStays));
    world.run("destroy -auto-approve").ends(Exit::Partial).says("acme/liar");
    comes_right(&world, &liar, Lie::SaysItStays, "destroy -auto-approve", 0);
}

/// Nobody can know better than the provider what it has deleted; what it says it has, the state forgets.
#[test]
fn a_deletion_that_never_was_is_believed() {
    let (world, liar) = world();
    world.run(APPLY).ends(Exit::Done);
    liar.tells(Some(Lie::SaysItIsGone));
    world.run("destroy -auto-approve").ends(Exit::Done);
    assert!(straddle::state::load(world.path()).unwrap().state.objects.is_empty());
    assert_eq!(liar.count(), 1);
}

#[test]
fn what_a_read_does_not_know_is_no_reading() {
    let (world, liar) = world();
    world.run(APPLY).ends(Exit::Done);
    liar.tells(Some(Lie::ReadsUnknown));
    world.run("plan").ends(Exit::Error).says("acme/liar").says("note is unknown");
    world.run(APPLY).ends(Exit::Error).says("acme/liar");
    world.run("destroy -auto-approve").ends(Exit::Error).says("acme/liar");
    assert_eq!(liar.count(), 1);
    comes_right(&world, &liar, Lie::ReadsUnknown, APPLY, 1);
}

/// Looking alone takes nothing for true: the next honest reading finds everything as it was.
#[test]
fn a_plan_that_rests_on_a_read_of_another_object_leaves_nothing_behind() {
    let (world, liar) = world();
    world.run(APPLY).ends(Exit::Done);
    liar.tells(Some(Lie::ReadsAnother));
    world.run("plan").ends(Exit::Done);
    comes_right(&world, &liar, Lie::ReadsAnother, APPLY, 1);
}

#[test]
fn an_attempt_that_is_found_otherwise_than_it_was_made_stays_in_doubt() {
    for (lie, words) in [
        (Lie::FindsTwo, "several objects carry its token"),
        (Lie::FindsAnotherType, "the object with its token is a liar_other"),
    ] {
        let (world, liar) = world();
        // The thing is made, and nobody hears of it.
        let ran = world.run_as(APPLY, Fate::After(Victim::Straddle, 150), &[]);
        assert!(ran.exit.is_none() && liar.count() == 1, "{lie:?}: {}", ran.printed);
        liar.tells(Some(lie));
        world.run(APPLY).ends(Exit::Error).says(words).says("in doubt");
        assert_eq!(liar.count(), 1, "{lie:?}");
        comes_right(&world, &liar, lie, APPLY, 1);
    }
}

/// Who answers with what was not asked for has found nothing, and the attempt is made again under its own token.
#[test]
fn what_somebody_else_made_is_not_taken_for_ours() {
    let (world, liar) = world();
    let ran = world.run_as(APPLY, Fate::After(Victim::Straddle, 50), &[]);
    assert!(ran.exit.is_none(), "{}", ran.printed);
    liar.0.lock().unwrap().things.clear();
    liar.tells(Some(Lie::FindsAnothers));
    world.run(APPLY).ends(Exit::Done);
    comes_right(&world, &liar, Lie::FindsAnothers, APPLY, 1);
}
