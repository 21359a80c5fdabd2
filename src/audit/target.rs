//! Where replicas will stand: within capacity, at places that may take them, as the ratio says, all of them.

use super::finding::{Fault, Finding, NotTouched};
use super::spread::least;
use super::view::{Use, View};
use crate::plan::model::Kind;
use crate::spread::decision::Note;

/// Place by place, then in all.
pub(super) fn check(view: &View<'_>, out: &mut Vec<Finding>) {
    for p in 0..view.places() {
        readiness(view, p, out);
        if view.kind != &Kind::RefreshOnly {
            place(view, p, out);
        }
    }
    if view.kind != &Kind::RefreshOnly {
        total(view, out);
    }
}

/// What serves is known from below and from above, and what is in doubt or lost counts nothing (INV-13).
fn readiness(view: &View<'_>, p: usize, out: &mut Vec<Finding>) {
    let d = view.decision;
    let name = || view.place(p);
    for (what, ready, standing) in
        [("now", d.before[p], d.existing[p]), ("after", d.after_ready[p], d.after[p].max(d.existing[p]))]
    {
        let ordered = ready.lo <= ready.hi && ready.hi <= standing;
        if !ordered {
            let what = format!("the number serving in {} {what}, {} to {} of {standing},", name(), ready.lo, ready.hi);
            view.report(
                out,
                Fault::Outside { what, has: ready.hi.into(), least: ready.lo.into(), most: standing.into() },
            );
        }
        if ready.lo > 0 && counts_nothing(view, p) {
            let what = format!("what is certain to serve {what} in {}, which is lost or in doubt,", name());
            view.report(out, Fault::Number { what, claimed: ready.lo.into(), found: 0 });
        }
    }
}

/// By the table of `spread.md` 4.6, others may not rely on it.
pub(super) fn counts_nothing(view: &View<'_>, p: usize) -> bool {
    use crate::spread::model::Health;
    let unreliable =
        matches!(view.location(p).health, Health::Suspect | Health::Unknown | Health::Down | Health::Probation);
    unreliable || view.uses[p] == Use::Not(NotTouched::Lost)
}

fn place(view: &View<'_>, p: usize, out: &mut Vec<Finding>) {
    let (before, after) = (view.decision.existing[p], view.decision.after[p]);
    let touched = |why| Fault::Touched { place: view.place(p), why, before: before.into(), after: after.into() };
    match view.uses[p] {
        Use::Not(NotTouched::Lost) if after != 0 && after != before => view.report(out, touched(NotTouched::Lost)),
        Use::Not(why) if why != NotTouched::Lost && after != before => view.report(out, touched(why)),
        Use::Cordoned if after > before => view.report(out, touched(NotTouched::Cordoned)),
        // What a destroy cannot be sure to reach may stay.
        Use::Leaving if view.is_destroy() && after == before && counts_nothing(view, p) => {}
        Use::Leaving if after > 0 && view.may_remove && !holds_back(view) => {
            view.report(out, touched(NotTouched::Leaving));
        }
        Use::Leaving if after > before => view.report(out, touched(NotTouched::Leaving)),
        _ => {}
    }
    if !view.may_remove && after < before && !matches!(view.uses[p], Use::Not(_)) {
        view.report(out, Fault::Removes { place: view.place(p), before, after });
    }
    if after > before
        && let Some(room) = view.target_room(p)
        && u64::from(after) > room
    {
        view.report(out, Fault::OverCapacity { place: view.place(p), count: after.into(), room });
    }
}

/// Nothing is removed because it would be safe only if something unknown is well.
pub(super) fn holds_back(view: &View<'_>) -> bool {
    view.decision.notes.iter().any(|n| matches!(n, Note::HeldByUnknown(_) | Note::DeferredWhileDown(_)))
}

fn total(view: &View<'_>, out: &mut Vec<Finding>) {
    let d = view.decision;
    let n = match (view.is_destroy(), &view.rules.scaling) {
        (true, _) => Some(0),
        (false, Some(_)) => None,
        (false, None) => Some(view.rules.replicas),
    };
    if let Some(n) = n {
        view.compare(out, || "the number of replicas asked for".into(), d.replicas.into(), n.into());
    }
    let placed: u64 = d.after.iter().map(|n| u64::from(*n)).sum();
    let mixed = view.rules.places.iter().any(|p| p.unit != view.rules.scale);
    let short = d.notes.iter().find_map(|n| match n {
        Note::Short { placed, wanted } => Some((*placed, *wanted)),
        _ => None,
    });
    if let Some((claimed, wanted)) = short {
        view.compare(out, || "the number of replicas that find room".into(), claimed.into(), placed.into());
        view.compare(out, || "the number of replicas that are short of room".into(), wanted.into(), d.replicas.into());
        if claimed >= wanted {
            view.report(out, Fault::Total { placed, wanted: wanted.into() });
        }
        return;
    }
    let wanted = u64::from(d.replicas);
    if mixed {
        return mixed_total(view, out);
    }
    // Where nothing may go, what stands may be more than N.
    let held = (0..view.places()).map(|p| held(view, p)).sum::<u64>();
    let minimums = if view.is_destroy() { 0 } else { least(view) };
    if placed < wanted.max(held) || placed > wanted.max(held).max(minimums) {
        view.report(out, Fault::Total { placed, wanted: wanted.max(held) });
    }
}

/// Replicas that stay at a place whatever the ratio says.
fn held(view: &View<'_>, p: usize) -> u64 {
    let before = u64::from(view.decision.existing[p]);
    match view.uses[p] {
        Use::Not(NotTouched::Lost) => u64::from(view.decision.after[p]),
        _ if view.is_destroy() && view.uses[p] == Use::Leaving => view.decision.after[p].into(),
        Use::Not(_) => before,
        _ if !view.may_remove || holds_back(view) => before,
        _ => 0,
    }
}

/// Replicas of different size: together they are N, with at most one place's rounding each.
fn mixed_total(view: &View<'_>, out: &mut Vec<Finding>) {
    let d = view.decision;
    let placed: u64 = view.units(&d.after).iter().sum();
    let wanted = u64::from(d.replicas) * u64::from(view.rules.scale);
    let rounding: u64 = view.rules.places.iter().map(|p| u64::from(p.unit)).sum();
    let held: u64 = (0..view.places()).map(|p| held(view, p) * u64::from(view.rules.places[p].unit)).sum();
    if placed < wanted || placed > wanted.max(held) + rounding {
        view.report(
            out,
            Fault::Outside {
                what: "the capacity placed".into(),
                has: placed,
                least: wanted,
                most: wanted.max(held) + rounding,
            },
        );
    }
}
