//! Cut sets and margins (`spread.md` 4.8): each set cuts, none of its parts does, and none is missing.

use super::finding::{Fault, Finding};
use super::loss::{Effect, Losses, MOST_LISTED, combinations};
use super::steps::Course;
use super::view::View;
use crate::spread::decision::CutSets;
use crate::spread::model::Event;
use std::collections::BTreeSet;

/// Cut sets before and after, and the margins, on the way too.
pub(super) fn check(view: &View<'_>, course: &Course, out: &mut Vec<Finding>) {
    let d = view.decision;
    let floor = floor(view);
    aliases(view, out);
    let before = view.units_lo(&d.before);
    let after = view.units_lo(&d.after_ready);
    sets(view, floor, &before, &d.cut_sets.before, out);
    sets(view, floor, &after, &d.cut_sets.after, out);
    view.compare(out, || "the margin now".into(), d.margin.before.into(), d.cut_sets.before.margin.into());
    view.compare(out, || "the margin after".into(), d.margin.after.into(), d.cut_sets.after.margin.into());
    on_the_way(view, floor, course, out);
    let alarm = |margin: u32| view.rules.alarm_below.is_some_and(|n| margin < n);
    for (when, claimed, margin) in
        [("now", d.margin.alarm_before, d.margin.before), ("after", d.margin.alarm_after, d.margin.after)]
    {
        // Where nothing stands yet, nothing was lost.
        let stands = when == "after" || d.existing.iter().any(|n| *n > 0);
        if claimed != (stands && alarm(margin)) {
            let why = format!("the margin is {margin}");
            view.report(out, Fault::Verdict { rule: format!("the alarm {when}"), why });
        }
    }
}

/// What Up asks, in units.
fn floor(view: &View<'_>) -> u64 {
    let rules = view.rules;
    let least = rules.survive.iter().map(|r| view.bound(r.floor)).min();
    let demand = rules.demand.map(|n| u64::from(n) * u64::from(rules.scale));
    least.or(demand).unwrap_or_else(|| view.bound(rules.floor_serving))
}

fn is_up(view: &View<'_>, floor: u64, units: &[u64], loss: &Effect) -> bool {
    view.ground.cut_entries(loss).is_empty() && view.ground.running(units, loss) >= floor
}

/// Events under one name take exactly the same.
fn aliases(view: &View<'_>, out: &mut Vec<Finding>) {
    for (event, others) in &view.decision.cut_sets.aliases {
        for other in others {
            let known = view.ground.events.get(event);
            if known.is_none() || known != view.ground.events.get(other) {
                let why = format!("{} does not take the same", other.label(view.topology));
                view.report(out, Fault::Verdict { rule: event.label(view.topology), why });
            }
        }
    }
}

fn sets(view: &View<'_>, floor: u64, units: &[u64], claimed: &CutSets, out: &mut Vec<Finding>) {
    let mut wrong = |set: &[Event], why| view.report(out, Fault::CutSet { set: view.labels(set), why });
    for set in &claimed.sets {
        if set.windows(2).any(|w| w[0] >= w[1]) || set.len() > view.rules.max_order as usize {
            wrong(set, "is out of order, or larger than what is searched");
        }
        if is_up(view, floor, units, &view.ground.effect(set)) {
            wrong(set, "cuts nothing");
        }
        let minimal = (0..set.len()).all(|i| {
            let mut part = set.clone();
            part.remove(i);
            is_up(view, floor, units, &view.ground.effect(&part))
        });
        if !minimal {
            wrong(set, "is not minimal");
        }
    }
    if claimed.sets.windows(2).any(|w| (w[0].len(), &w[0]) >= (w[1].len(), &w[1])) {
        wrong(&[], "stands in a list that is out of order");
    }
    missing(view, floor, units, claimed, out);
    let smallest = claimed.sets.iter().map(Vec::len).min();
    let margin = smallest.map_or(view.rules.max_order, |n| (n as u32).saturating_sub(1));
    view.compare(out, || "the margin of the cut sets".into(), claimed.margin.into(), margin.into());
}

/// Looks for sets that should be listed, in all orders that the list says are complete and that can be gone through.
fn missing(view: &View<'_>, floor: u64, units: &[u64], claimed: &CutSets, out: &mut Vec<Finding>) {
    let hidden: BTreeSet<&Event> = view.decision.cut_sets.aliases.values().flatten().collect();
    let events = view.ground.events.iter().filter(|(e, effect)| !hidden.contains(e) && !effect.is_nothing());
    let events: Vec<(&Event, &Effect)> = events.collect();
    let mut order = claimed.complete_to.min(view.rules.max_order) as usize;
    while order > 1 && combinations(events.len(), order) > MOST_LISTED {
        order -= 1;
    }
    let listed: BTreeSet<&[Event]> = claimed.sets.iter().map(Vec::as_slice).collect();
    let mut search = Search { view, floor, units, events, listed, order, chosen: Vec::new(), missing: Vec::new() };
    let nothing = view.ground.nothing();
    search.from(0, &nothing);
    for set in search.missing {
        view.report(out, Fault::CutSet { set: view.labels(&set), why: "is missing" });
    }
}

struct Search<'s, 'a> {
    view: &'s View<'a>,
    floor: u64,
    units: &'s [u64],
    events: Vec<(&'s Event, &'s Effect)>,
    listed: BTreeSet<&'s [Event]>,
    order: usize,
    chosen: Vec<Event>,
    missing: Vec<Vec<Event>>,
}

impl Search<'_, '_> {
    /// Everything that extends the chosen events by later ones; depth is at most the order.
    fn from(&mut self, first: usize, loss: &Effect) {
        if !is_up(self.view, self.floor, self.units, loss) {
            if !self.is_listed() {
                self.missing.push(self.chosen.clone());
            }
            return;
        }
        if self.chosen.len() == self.order {
            return;
        }
        for i in first..self.events.len() {
            let (event, effect) = self.events[i];
            if loss.holds_all_of(effect) {
                continue;
            }
            let mut with = loss.clone();
            with.add(effect);
            self.chosen.push(event.clone());
            self.from(i + 1, &with);
            self.chosen.pop();
        }
    }

    /// The chosen events, or some of them, are in the list.
    fn is_listed(&self) -> bool {
        (0..1u32 << self.chosen.len().min(16)).any(|mask| {
            let part: Vec<Event> =
                self.chosen.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, e)| e.clone()).collect();
            self.listed.contains(part.as_slice())
        })
    }
}

/// The least margin of any state.
fn on_the_way(view: &View<'_>, floor: u64, course: &Course, out: &mut Vec<Finding>) {
    let margin = view.decision.margin;
    if margin.worst_during > margin.before {
        view.compare(out, || "the least margin on the way".into(), margin.worst_during.into(), margin.before.into());
        return;
    }
    let events: Vec<Event> = view.ground.events.keys().cloned().collect();
    let most = (view.rules.max_order as usize).min(events.len());
    let mut least = margin.before as usize;
    for order in 0..=most {
        // Only what would lower the margin further is of interest.
        if order > least {
            break;
        }
        let losses = Losses::new(&view.ground, &events, order, &[]);
        if !losses.is_exact() {
            return;
        }
        let falls = |ready: &Vec<u32>| losses.worst(&view.units(ready)) < floor;
        if floor > 0 && course.half_done.iter().any(falls) {
            least = least.min(order.saturating_sub(1));
            break;
        }
    }
    view.compare(out, || "the least margin on the way".into(), margin.worst_during.into(), least as i128);
}
