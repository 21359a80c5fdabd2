//! A sound plan spoiled in one place: the audit names the place.

use super::world::*;
use crate::audit::{Fault, Finding, audit, diagnostics};
use crate::plan::model::{Action, OpKind, Plan};
use crate::spread::decision::{CheckOf, Decision, Role, Verdict};
use crate::spread::model::*;
use straddle_sdk::value::{Type, Value};

/// Six replicas of one cloud move to a third zone, one is replaced; two rules, drains, a shared risk.
fn sound() -> Plan {
    let mut t = zones(4);
    t.risks = vec![risk("hall", "building", &[])];
    t.locations[1].shares = vec![0];
    t.locations[2].shares = vec![0];
    t.locations[3].frozen = true;
    let mut w = workload(&t, 7, vec![level("zone", Ratio::Even)]);
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(LossOf::Level("zone".into()), 1, Bound::percent(50))];
    w.rollout.drain_s = 30;
    w.alarm_below = Some(1);
    let mut live = live(&[3, 3, 0, 1]);
    let Replicas::Slots(slots) = &mut live.places[0].replicas else { unreachable!() };
    slots[0].current = false;
    plan(&t, &w, &live, &Mode::normal()).expect("a plan")
}

fn decision(plan: &mut Plan) -> &mut Decision {
    &mut plan.workloads[0].1.decision
}

fn faults(spoil: impl FnOnce(&mut Plan)) -> Vec<Fault> {
    let mut plan = sound();
    spoil(&mut plan);
    audit(&plan).into_iter().map(|f| f.fault).collect()
}

#[track_caller]
fn finds(spoil: impl FnOnce(&mut Plan), is: impl Fn(&Fault) -> bool) {
    let found = faults(spoil);
    assert!(found.iter().any(is), "{found:#?}");
}

fn number(what: &'static str) -> impl Fn(&Fault) -> bool {
    move |f| matches!(f, Fault::Number { what: w, .. } if w.contains(what))
}

fn operation(why: &'static str) -> impl Fn(&Fault) -> bool {
    move |f| matches!(f, Fault::Operation { why: w, .. } if w.contains(why))
}

fn object(why: &'static str) -> impl Fn(&Fault) -> bool {
    move |f| matches!(f, Fault::Object { why: w, .. } if w.contains(why))
}

#[test]
fn the_plan_to_be_spoiled_is_sound_and_does_something() {
    let plan = sound();
    assert_eq!(audit(&plan), []);
    assert!(plan.workloads[0].1.decision.steps.len() > 3);
    assert!(plan.ops.iter().any(|o| matches!(o.what, OpKind::Drain { .. })));
}

#[test]
fn a_target_off_the_ratio() {
    let off = |p: &mut Plan| {
        let after = &mut decision(p).after;
        after[0] -= 1;
        after[1] += 1;
    };
    finds(off, |f| matches!(f, Fault::Ratio { .. }));
    finds(|p| decision(p).after[0] -= 1, |f| matches!(f, Fault::Total { placed: 6, wanted: 7 }));
}

#[test]
fn a_frozen_place_is_touched() {
    let touch = |p: &mut Plan| decision(p).after[3] += 1;
    finds(touch, |f| matches!(f, Fault::Touched { why: crate::audit::NotTouched::Frozen, .. }));
    let act = |p: &mut Plan| {
        let frozen = p.changes.iter().position(|c| c.address.to_string().contains("\"d/0\"")).expect("d/0");
        p.changes[frozen].action = Action::Delete;
        p.changes[frozen].after = Value::null(Type::Dynamic);
    };
    finds(act, object("stands where nothing may be touched"));
}

#[test]
fn more_than_fits() {
    let full = |p: &mut Plan| {
        p.topology.locations[2].capacity =
            Capacity { limit: Limit::Known { lo: 1, hi: 9 }, source: CapacitySource::Declared };
    };
    finds(full, |f| matches!(f, Fault::OverCapacity { count: 2, room: 1, .. }));
}

#[test]
fn step_numbers() {
    finds(|p| decision(p).steps[0].state[2] += 1, number("when complete"));
    finds(|p| decision(p).steps[1].half_done[0] += 1, number("half done"));
    finds(|p| decision(p).steps[0].checks[0].slack += 1, number("the slack of floor.serving"));
    finds(|p| decision(p).steps[0].checks[0].value += 1, number("the value of floor.serving"));
    finds(|p| decision(p).steps[0].checks[0].bound -= 1, number("the bound of floor.serving"));
    finds(|p| decision(p).after_ready[0].lo -= 1, number("at the end"));
    finds(|p| decision(p).steps[2].index = 7, number("position"));
}

#[test]
fn a_check_names_the_wrong_loss_or_is_left_out() {
    let survive = |p: &mut Plan| {
        let checks = &mut decision(p).steps[0].checks;
        checks.iter().position(|c| c.rule == CheckOf::Survive(0)).expect("a check")
    };
    let other = |p: &mut Plan| {
        let at = survive(p);
        decision(p).steps[0].checks[at].worst_loss = vec![Event::Domain { level: 1, name: "d".into() }];
    };
    finds(other, number("what the loss of zone:d leaves"));
    let strange = |p: &mut Plan| {
        let at = survive(p);
        decision(p).steps[0].checks[at].worst_loss = vec![Event::Risk(0)];
    };
    finds(strange, |f| matches!(f, Fault::Verdict { .. }));
    finds(|p| decision(p).steps[0].checks.clear(), |f| matches!(f, Fault::Missing { .. }));
    let as_before = |p: &mut Plan| decision(p).steps[0].checks[0].as_before = true;
    finds(as_before, |f| matches!(f, Fault::Verdict { .. }));
}

#[test]
fn drains_before_the_additions_they_need() {
    let swap = |p: &mut Plan| {
        let steps = &mut decision(p).steps;
        let drain = steps.iter().position(|s| !s.removes.is_empty()).expect("a drain");
        assert!(drain > 0);
        steps.swap(drain - 1, drain);
    };
    finds(swap, |f| matches!(f, Fault::Rule { rule, value: 6, bound: 7, .. } if rule == "floor.serving"));
}

#[test]
fn a_step_is_dropped_or_does_another_thing() {
    let drop = |p: &mut Plan| {
        decision(p).steps.pop();
        p.workloads[0].1.steps.pop();
    };
    finds(drop, number("at the end"));
    let role = |p: &mut Plan| {
        let steps = &mut decision(p).steps;
        let add = steps.iter_mut().find(|s| !s.adds.is_empty()).expect("an add");
        add.adds[0].slots[0].role = Role::Shrink;
    };
    finds(role, |f| matches!(f, Fault::Slot { .. }));
    let other = |p: &mut Plan| p.workloads[0].1.steps[0].adds.clear();
    finds(other, |f| matches!(f, Fault::Missing { .. }));
}

#[test]
fn too_fast() {
    let batch = |p: &mut Plan| {
        let steps = &mut decision(p).steps;
        let drain = steps.iter_mut().find(|s| !s.removes.is_empty()).expect("a drain");
        drain.removes[0].count = 2;
        drain.removes[0].ready = 2;
    };
    finds(batch, |f| matches!(f, Fault::Batch { count: 2, batch: 1, .. }));
    let surge = |p: &mut Plan| p.workloads[0].1.rules.rollout.surge = Some(Bound::Count(0));
    finds(surge, |f| matches!(f, Fault::Rule { rule, .. } if rule == "surge"));
}

#[test]
fn verdicts_and_tables() {
    finds(|p| decision(p).rules[0].after.alive += 1, number("the survivors of survive.zone.1 after"));
    finds(|p| decision(p).rules[0].worst_during += 1, number("on the way"));
    finds(|p| decision(p).rules[0].after.at_once = Verdict::Fail, |f| matches!(f, Fault::Verdict { .. }));
    finds(|p| decision(p).rules[0].after.floor -= 1, number("the floor of survive.zone.1 after"));
    finds(|p| decision(p).rules.clear(), |f| matches!(f, Fault::Missing { .. }));
    finds(|p| decision(p).losses[0].after += 1, number("leaves after"));
    finds(|p| decision(p).losses[0].worst_during += 1, number("leaves on the way"));
    finds(|p| drop(decision(p).losses.remove(0)), |f| matches!(f, Fault::Missing { .. }));
    finds(|p| decision(p).floor.worst_during -= 1, number("the fewest that serve"));
    finds(|p| decision(p).margin.after += 1, number("the margin after"));
    finds(|p| decision(p).margin.worst_during += 1, |f| matches!(f, Fault::Number { .. }));
    finds(|p| decision(p).margin.alarm_after ^= true, |f| matches!(f, Fault::Verdict { .. }));
    finds(|p| decision(p).spread[0].domains[0].after += 1, number("after"));
}

#[test]
fn cut_sets() {
    let missing = |p: &mut Plan| drop(decision(p).cut_sets.after.sets.remove(0));
    finds(missing, |f| matches!(f, Fault::CutSet { why: "is missing", .. }));
    let larger = |p: &mut Plan| {
        let set = &mut decision(p).cut_sets.after.sets[0];
        set.push(Event::Domain { level: 1, name: "d".into() });
        set.sort();
    };
    finds(larger, |f| matches!(f, Fault::CutSet { .. }));
    let idle = |p: &mut Plan| {
        decision(p).cut_sets.after.sets[0] = vec![Event::Domain { level: 1, name: "d".into() }];
    };
    finds(idle, |f| matches!(f, Fault::CutSet { why: "cuts nothing", .. }));
}

/// The operation that does `what` first, and what it waits for.
fn op(plan: &mut Plan, is: impl Fn(&OpKind) -> bool) -> &mut Vec<u32> {
    &mut plan.ops.iter_mut().find(|o| is(&o.what)).expect("the operation").after
}

#[test]
fn edges() {
    finds(|p| op(p, |k| matches!(k, OpKind::Create { .. })).clear(), operation("does not wait"));
    finds(|p| op(p, |k| matches!(k, OpKind::Delete { .. })).clear(), operation("does not wait"));
    finds(|p| op(p, |k| matches!(k, OpKind::StepReady { .. })).clear(), operation("does not wait"));
    finds(|p| op(p, |k| matches!(k, OpKind::StepEnd { .. })).clear(), operation("does not wait"));
    finds(|p| op(p, |k| matches!(k, OpKind::StepStart { step: 1, .. })).clear(), operation("does not wait"));
    finds(|p| p.ops[0].after.push(5), operation("itself or for a later one"));
    finds(|p| p.ops[9].after = vec![3, 3], operation("out of order"));
    let barrier = |p: &mut Plan| {
        let at = p.ops.iter().position(|o| matches!(o.what, OpKind::StepReady { .. })).expect("a barrier");
        p.ops[at].what = OpKind::Join;
    };
    finds(barrier, |f| matches!(f, Fault::Missing { .. }));
}

#[test]
fn operations_of_changes() {
    let idle = |p: &mut Plan| {
        let at = p.ops.iter().position(|o| matches!(o.what, OpKind::Create { .. })).expect("a create");
        p.ops[at].what = OpKind::Join;
    };
    finds(idle, object("operations of its action"));
    let twice = |p: &mut Plan| {
        let create = p.ops.iter().find(|o| matches!(o.what, OpKind::Create { .. })).expect("a create").clone();
        p.ops.push(create);
    };
    finds(twice, object("operations of its action"));
    let unplanned = |p: &mut Plan| {
        for change in p.changes.iter_mut().filter(|c| c.address.to_string().contains("\"a/1\"")) {
            change.action = Action::Delete;
            change.after = Value::null(Type::Dynamic);
        }
    };
    finds(unplanned, |f| matches!(f, Fault::Slot { why: "is deleted, and no step takes it away", .. }));
}

#[test]
fn objects() {
    finds(|p| p.changes.swap(0, 1), object("out of order"));
    finds(|p| p.changes[1] = p.changes[0].clone(), object("twice"));
    let nothing = |p: &mut Plan| {
        let delete = p.changes.iter_mut().find(|c| c.action == Action::Delete).expect("a delete");
        delete.before = Value::null(Type::Dynamic);
    };
    finds(nothing, object("is not there"));
    finds(|p| p.changes[0].before = Value::unknown(Type::String), object("not wholly known"));
    let kept = |p: &mut Plan| {
        let kept = p.changes.iter_mut().find(|c| c.action == Action::NoOp).expect("one left alone");
        kept.after = Value::string("other");
    };
    finds(kept, object("another value is promised"));
}

#[test]
fn parts_that_do_not_fit() {
    finds(
        |p| {
            decision(p).after.pop();
        },
        |f| matches!(f, Fault::Shape { .. }),
    );
    finds(|p| p.topology.locations.truncate(2), |f| matches!(f, Fault::Shape { .. }));
    finds(|p| decision(p).mode = Mode::Repair, |f| matches!(f, Fault::Shape { .. }));
}

#[test]
fn words_at_night() {
    let fault = Fault::Number { what: "the margin now".into(), claimed: 2, found: 1 };
    let finding = Finding { workload: Some("web".into()), step: Some(0), fault };
    assert_eq!(finding.to_string(), "Workload web, step 1: the plan says the margin now is 2; it is 1.");
    let said = diagnostics(&[finding]);
    assert!(said[0].is_error() && said[0].summary == "A number in the plan is wrong", "{said:?}");
}

#[test]
fn ten_thousand_replicas() {
    let t = zones(6);
    let mut w = workload(&t, 10_000, vec![level("zone", Ratio::Even)]);
    w.floor_serving = Bound::percent(100);
    w.survive = vec![survive(LossOf::Level("zone".into()), 2, Bound::percent(50))];
    (w.rollout.surge, w.rollout.batch) = (None, None);
    let plan = plan(&t, &w, &live(&[2500, 2500, 2500, 2500, 0, 0]), &Mode::normal()).expect("a plan");
    let begin = std::time::Instant::now();
    assert_eq!(audit(&plan), []);
    let took = begin.elapsed();
    println!("{} operations judged in {took:?}", plan.ops.len());
    assert!(took.as_secs() < 5, "{took:?}");
}
