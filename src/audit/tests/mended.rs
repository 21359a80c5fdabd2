//! Faults that random worlds found in the planner, each as the smallest world that showed it.

use super::world::*;
use crate::audit::audit;
use crate::plan::model::{Action, Plan};
use crate::spread::decision::{Decision, Interval, Note};
use crate::spread::model::*;

/// The plan, which passes.
#[track_caller]
fn sound(t: &Topology, w: &Workload, now: &Live, mode: &Mode) -> Plan {
    let plan = plan(t, w, now, mode).expect("a plan");
    assert_eq!(audit(&plan), []);
    plan
}

fn decision(plan: &Plan) -> &Decision {
    &plan.workloads[0].1.decision
}

fn slots(live: &mut Live, place: usize) -> &mut Vec<Slot> {
    let Replicas::Slots(slots) = &mut live.places[place].replicas else { unreachable!() };
    slots
}

fn even(t: &Topology, n: u32) -> Workload {
    workload(t, n, vec![level("zone", Ratio::Even)])
}

fn cap(n: u32) -> Capacity {
    Capacity { limit: Limit::Known { lo: n, hi: n }, source: CapacitySource::Declared }
}

#[test]
fn what_nothing_waits_for_is_not_counted_after() {
    // b is down, so nothing is removed; a is to be emptied, and one of its two does not serve.
    let mut t = zones(3);
    (t.locations[0].operator, t.locations[1].health) = (OperatorState::Evacuated, Health::Down);
    let mut now = live(&[2, 1, 1]);
    slots(&mut now, 0)[1].ready = Ready::No;
    let plan = sound(&t, &even(&t, 4), &now, &Mode::normal());
    assert_eq!((decision(&plan).after[0], decision(&plan).after_ready[0]), (2, Interval { lo: 1, hi: 1 }));
    // A replica that wants replacement and may not have it now is not hoped for either.
    let mut now = live(&[0, 1, 3]);
    (slots(&mut now, 2)[0].tainted, slots(&mut now, 2)[0].ready) = (true, Ready::No);
    let plan = sound(&t, &even(&t, 4), &now, &Mode::normal());
    assert!(decision(&plan).changes[2].wait.is_empty());
    assert_eq!(decision(&plan).after_ready[2], Interval { lo: 2, hi: 2 });
}

#[test]
fn no_replacement_beside_the_old_one_above_the_capacity() {
    // Three stand where two may: the surplus goes, the others are replaced one at a time, and never is there a third.
    let mut t = zones(2);
    t.locations[0].capacity = cap(2);
    let mut w = even(&t, 4);
    w.floor_serving = Bound::Count(3);
    let mut now = live(&[3, 1]);
    slots(&mut now, 0).iter_mut().for_each(|s| s.current = false);
    let plan = sound(&t, &w, &now, &Mode::normal());
    let mut standing = 3;
    for step in &decision(&plan).steps {
        let at_a = |list: &[crate::spread::decision::StepEntry]| {
            list.iter().filter(|e| e.place == 0).map(|e| e.count).sum::<u32>()
        };
        standing += at_a(&step.adds);
        assert!(at_a(&step.adds) == 0 || standing <= 2, "{standing} in {step:?}");
        standing -= at_a(&step.removes);
    }
    assert_eq!(standing, 2);
}

#[test]
fn a_skew_that_the_target_needs_is_not_as_before() {
    // a and b were even; now b holds one and no more, so that the target itself is skewed by two.
    let mut t = zones(2);
    t.locations[1].capacity = cap(1);
    let mut w = even(&t, 4);
    w.spread[0].max_skew = Some(1);
    let plan = sound(&t, &w, &live(&[1, 1]), &Mode::normal());
    assert_eq!(decision(&plan).after, [3, 1]);
    let checks = decision(&plan).steps.iter().flat_map(|s| &s.checks);
    let skews: Vec<_> = checks.filter(|c| matches!(c.rule, crate::spread::decision::CheckOf::Skew(..))).collect();
    assert!(skews.iter().any(|c| c.slack < 0) && skews.iter().all(|c| !c.as_before), "{skews:?}");
}

#[test]
fn the_last_surged_replica_takes_the_skew_it_allowed_with_it() {
    let t = zones(3);
    let mut w = even(&t, 5);
    w.spread[0].max_skew = Some(1);
    (w.rollout.surge, w.rollout.batch) = (Some(Bound::Count(1)), Some(Bound::Count(3)));
    let mut now = live(&[0, 1, 1]);
    slots(&mut now, 1)[0].current = false;
    slots(&mut now, 2)[0].current = false;
    sound(&t, &w, &now, &Mode::normal());
    sound(&t, &w, &live(&[4, 1, 0]), &Mode::normal());
}

#[test]
fn max_domains_hides_no_shortage() {
    // One domain only, with room for three: one of four finds no place, and that is said.
    let mut t = zones(2);
    t.locations.iter_mut().for_each(|l| l.capacity = cap(3));
    let mut w = even(&t, 4);
    w.spread[0].max_domains = Some(1);
    let plan = sound(&t, &w, &live(&[0, 0]), &Mode::normal());
    assert_eq!(decision(&plan).after.iter().sum::<u32>(), 3);
    assert!(decision(&plan).notes.contains(&Note::Short { placed: 3, wanted: 4 }));
    // An outer level gives what an inner one cannot hold to others.
    let mut t = topology(vec![location("one", "a", "a"), location("one", "b", "b"), location("two", "c", "c")]);
    t.locations.iter_mut().take(2).for_each(|l| l.capacity = cap(2));
    let mut w = workload(&t, 6, vec![level("cloud", Ratio::Even), level("zone", Ratio::Even)]);
    w.spread[1].max_domains = Some(1);
    let plan = sound(&t, &w, &live(&[0, 0, 0]), &Mode::normal());
    assert_eq!(decision(&plan).after[2], 4);
    assert_eq!(decision(&plan).after.iter().sum::<u32>(), 6);
}

#[test]
fn a_destroy_takes_what_counts_nothing_once() {
    for health in [Health::Suspect, Health::Probation] {
        let mut t = zones(2);
        t.locations[0].health = health;
        let plan = sound(&t, &even(&t, 5), &live(&[3, 2]), &Mode::Destroy);
        assert_eq!(decision(&plan).after, [0, 0], "{health:?}");
    }
}

#[test]
fn a_failback_held_back_says_so() {
    for health in [Health::Down, Health::Probation] {
        let mut t = zones(2);
        t.locations[0].health = health;
        let plan = sound(&t, &even(&t, 10), &live(&[5, 10]), &Mode::failback());
        assert!(!decision(&plan).has_changes());
        assert!(decision(&plan).notes.contains(&Note::DeferredWhileDown(5)), "{:?}", decision(&plan).notes);
    }
}

#[test]
fn spares_take_the_lowest_free_slots_and_go_again() {
    let t = zones(2);
    let mut w = even(&t, 4);
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(LossOf::Level("zone".into()), 1, Bound::percent(50))];
    let mut now = live(&[3, 2]);
    slots(&mut now, 0).remove(1);
    for place in 0..2 {
        slots(&mut now, place).iter_mut().for_each(|s| s.interrupting_update = true);
    }
    let plan = sound(&t, &w, &now, &Mode::normal());
    assert_eq!((&decision(&plan).changes[0].spare, &decision(&plan).changes[1].spare), (&vec![1], &vec![2]));
    let spares = plan.changes.iter().filter(|c| c.action == Action::Spare);
    let names: Vec<String> = spares.map(|c| c.address.to_string()).collect();
    assert_eq!(names.iter().filter(|n| n.contains("\"a/1\"")).count(), 2, "{names:?}");
    assert!(decision(&plan).steps.iter().all(|s| s.half_done.iter().sum::<u32>() >= 4));
    // Cut short after the spare was made, the next plan makes use of it and gives one back.
    let mut left = now.clone();
    let at = slots(&mut left, 0);
    at.insert(1, slot(1));
    let plan = sound(&t, &w, &left, &Mode::normal());
    assert_eq!((&decision(&plan).after, &decision(&plan).changes[0].remove), (&vec![2, 2], &vec![2]));
}

#[test]
fn an_accepted_loss_breaks_no_rule_until_its_day() {
    let mut t = zones(2);
    t.risks = vec![risk("hall", "building", &[])];
    t.locations.iter_mut().for_each(|l| l.shares = vec![0]);
    let mut w = even(&t, 4);
    w.survive = vec![survive(LossOf::Kind("building".into()), 1, Bound::percent(50))];
    let broken = plan(&t, &w, &live(&[2, 2]), &Mode::normal()).expect("a plan");
    assert_eq!(decision(&broken).breaches.len(), 1);
    let accept =
        |lose: Vec<Event>| Accepted { name: "one-hall".into(), lose, until: "2027-03-31".into(), site: Site(40) };
    w.accepted = vec![accept(vec![Event::Risk(0)])];
    let plan = sound(&t, &w, &live(&[2, 2]), &Mode::normal());
    assert!(decision(&plan).breaches.is_empty());
    assert!(decision(&plan).notes.contains(&Note::Accepted(0)));
    // The numbers are those of the world all the same.
    assert_eq!(decision(&plan).margin.after, 0);
    let row = decision(&plan)
        .losses
        .iter()
        .find(|r| r.lose.contains(&Event::Risk(0)) || r.aliases.iter().flatten().any(|e| *e == Event::Risk(0)));
    assert_eq!(row.map(|r| (r.after, r.verdict)), Some((0, None)));
    // Two at once: only that pair is lived with, and what holds it.
    let zone = |name: &str| Event::Domain { level: 1, name: name.into() };
    let t = zones(4);
    let mut w = even(&t, 4);
    w.survive = vec![survive(LossOf::Level("zone".into()), 2, Bound::Count(3))];
    w.accepted = vec![accept(vec![zone("a"), zone("b")])];
    let plan = super::world::plan(&t, &w, &live(&[1, 1, 1, 1]), &Mode::normal()).expect("a plan");
    assert_eq!(audit(&plan), []);
    let worst = &decision(&plan).breaches[0].worst_loss;
    assert_eq!(worst, &[zone("a"), zone("c")]);
    // A single one silences its finding.
    let spof = Note::SinglePointOfFailure(Event::Domain { level: 0, name: "one".into() });
    w.survive.clear();
    let plan = sound(&t, &w, &live(&[1, 1, 1, 1]), &Mode::normal());
    assert!(!decision(&plan).notes.contains(&spof), "floor 0 is never cut");
    w.demand = Some(4);
    let plan = sound(&t, &w, &live(&[1, 1, 1, 1]), &Mode::normal());
    assert!(decision(&plan).notes.contains(&spof));
    w.accepted = vec![accept(vec![Event::Domain { level: 0, name: "one".into() }])];
    let plan = sound(&t, &w, &live(&[1, 1, 1, 1]), &Mode::normal());
    assert!(!decision(&plan).notes.contains(&spof));
}
