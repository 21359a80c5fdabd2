//! Verdicts and the loss table, number by number.

use super::finding::{Fault, Finding};
use super::loss::Effect;
use super::steps::{Course, loss_gives};
use super::view::{Use, View};
use crate::plan::model::Kind;
use crate::spread::decision::{Judgement, LossRow, RuleReport, Verdict};
use crate::spread::model::{Event, HealthSource, Limit, LossOf};
use std::collections::BTreeSet;

/// Most sums over places that go into the worst moments of the loss table.
const MOST_SUMS: u64 = 20_000_000;

/// Rules, floor and losses.
pub(super) fn check(view: &View<'_>, course: &Course, out: &mut Vec<Finding>) {
    let d = view.decision;
    if d.rules.len() != view.rules.survive.len() {
        view.report(out, Fault::Missing { what: "the verdict on a rule".into() });
    }
    for (i, report) in d.rules.iter().enumerate().take(view.rules.survive.len()) {
        rule(view, course, i, report, out);
    }
    floor(view, course, out);
    breaches(view, out);
    for row in &d.losses {
        loss(view, course, row, out);
    }
    covered(view, out);
}

fn rule(view: &View<'_>, course: &Course, i: usize, report: &RuleReport, out: &mut Vec<Finding>) {
    let (rule, d) = (&view.rules.survive[i], view.decision);
    if (report.index, &report.id, &report.of, report.losses) != (i, &rule.id, &rule.of, rule.losses) {
        let why = "it is on another rule than the one at its place".to_string();
        return view.report(out, Fault::Verdict { rule: rule.id.clone(), why });
    }
    let bound = view.bound(rule.floor);
    view.compare(out, || format!("the floor of {}", rule.id), report.floor.into(), bound.into());
    let target = view.units(&d.after);
    let states = [
        ("now", &report.before, view.units_lo(&d.before), view.units_hi(&d.before)),
        ("after", &report.after, view.units_lo(&d.after_ready), view.units_hi(&d.after_ready)),
        ("with all healthy", &report.healthy, target.clone(), target),
    ];
    for (when, judgement, lo, hi) in states {
        let (alive, alive_hi) = (course.losses[i].worst(&lo), course.losses[i].worst(&hi));
        let title = || format!("{} {when}", rule.id);
        if course.losses[i].is_exact() {
            view.compare(out, || format!("the survivors of {}", title()), judgement.alive.into(), alive.into());
            view.compare(
                out,
                || format!("the survivors, at most, of {}", title()),
                judgement.alive_hi.into(),
                alive_hi.into(),
            );
        } else if judgement.alive > alive {
            view.compare(out, || format!("the survivors of {}", title()), judgement.alive.into(), alive.into());
        }
        view.compare(out, || format!("the floor of {}", title()), judgement.floor.into(), bound.into());
        loss_gives(view, i, &judgement.worst_loss, &lo, judgement.alive, None, out);
        verdict(view, i, &title(), judgement, out);
    }
    let worst = course.half_done.iter().map(|s| course.losses[i].worst(&view.units(s))).min();
    let worst = worst.unwrap_or(report.before.alive);
    if course.losses[i].is_exact() || report.worst_during > worst {
        let what = || format!("the fewest survivors of {} on the way", rule.id);
        view.compare(out, what, report.worst_during.into(), worst.into());
    }
}

/// A verdict never says more than the numbers show.
fn verdict(view: &View<'_>, i: usize, title: &str, judgement: &Judgement, out: &mut Vec<Finding>) {
    let mut wrong = |why: String| view.report(out, Fault::Verdict { rule: title.to_string(), why });
    let Judgement { alive, alive_hi, floor, .. } = *judgement;
    let at_once = judgement.at_once;
    if (alive_hi < floor) != (at_once == Verdict::Fail) {
        wrong(format!("{alive} to {alive_hi} survive where {floor} must, and it reads {}", words(at_once)));
    } else if alive < floor && at_once == Verdict::Pass {
        wrong(format!("it reads PASS, and only {alive} of {floor} are certain to survive"));
    }
    let worst = judgement.growth.iter().map(|g| g.verdict).fold(at_once, Verdict::max);
    if judgement.verdict != worst {
        wrong(format!("it reads {} over a part that is {}", words(judgement.verdict), words(worst)));
    }
    if judgement.verdict != Verdict::Pass && judgement.because.is_empty() {
        wrong("it gives no reason".into());
    }
    let then = &view.rules.survive[i].then;
    if judgement.growth.len() != then.len() {
        return wrong("it does not judge every `then`".into());
    }
    for (growth, then) in judgement.growth.iter().zip(then) {
        if growth.floor != view.bound(then.floor) || growth.within_s != then.within_s {
            wrong("a `then` is not what the rule says".into());
        }
        let in_time = growth.reached_in_s.is_some_and(|s| s <= growth.within_s) || alive >= growth.floor;
        if growth.verdict == Verdict::Pass && (growth.reached < growth.floor || !in_time) {
            wrong(format!("{} of {} are reached in time, and it reads PASS", growth.reached, growth.floor));
        }
    }
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::NotProven => "NOT PROVEN",
        Verdict::Fail => "FAIL",
    }
}

fn floor(view: &View<'_>, course: &Course, out: &mut Vec<Finding>) {
    let (d, report) = (view.decision, &view.decision.floor);
    let sum = |units: Vec<u64>| units.iter().sum::<u64>();
    let bound = view.bound(view.rules.floor_serving);
    let (before, after) = (sum(view.units_lo(&d.before)), sum(view.units_lo(&d.after_ready)));
    let (before_hi, after_hi) = (sum(view.units_hi(&d.before)), sum(view.units_hi(&d.after_ready)));
    let worst = course.half_done.iter().map(|s| sum(view.units(s))).min().unwrap_or(before);
    let numbers = [
        ("the bound", report.floor, bound),
        ("what serves now", report.before.0, before),
        ("what serves now, at most,", report.before.1, before_hi),
        ("what serves after", report.after.0, after),
        ("what serves after, at most,", report.after.1, after_hi),
        ("the fewest that serve on the way", report.worst_during, worst),
    ];
    for (what, claimed, found) in numbers {
        view.compare(out, || format!("{what} (floor.serving)"), claimed.into(), found.into());
    }
    let said = report.verdict;
    let unseen = |p: &usize| {
        let place = &view.rules.places[*p];
        !place.ready_measured && view.location(*p).health_source == HealthSource::Assumed && d.after_ready[*p].lo > 0
    };
    if said == Verdict::Pass && bound > 0 && (0..view.places()).any(|p| unseen(&p)) {
        let why = "it reads PASS, and nobody looks at what is taken to serve".to_string();
        view.report(out, Fault::Verdict { rule: "floor.serving".into(), why });
    }
    if (after_hi < bound) != (said == Verdict::Fail) || (after < bound && said == Verdict::Pass) {
        let why = format!("{after} to {after_hi} serve where {bound} must, and it reads {}", words(said));
        view.report(out, Fault::Verdict { rule: "floor.serving".into(), why });
    }
}

/// A rule that the target breaks with everything healthy is said to be broken, and no other.
fn breaches(view: &View<'_>, out: &mut Vec<Finding>) {
    if view.is_destroy() || view.kind == &Kind::RefreshOnly {
        return;
    }
    for (i, rule) in view.decision.rules.iter().enumerate() {
        let breach = view.decision.breaches.iter().find(|b| b.rule == Some(i));
        let broken = rule.healthy.alive < rule.healthy.floor;
        let judged = rule.healthy.verdict == Verdict::Fail;
        match breach {
            None if broken && !view.is_after_loss() && view.kind != &Kind::Repair => {
                let why = "the target breaks it with every location healthy, and the plan does not say so".to_string();
                view.report(out, Fault::Verdict { rule: rule.id.clone(), why });
            }
            Some(_) if !judged => {
                let why = "it is said to be broken, and holds".to_string();
                view.report(out, Fault::Verdict { rule: rule.id.clone(), why });
            }
            Some(b) if b.value >= b.floor && broken => {
                view.compare(out, || format!("what is left by {}", rule.id), b.value.into(), rule.healthy.alive.into());
            }
            _ => {}
        }
    }
}

/// One row: what the loss leaves, at each time, and what growth brings.
fn loss(view: &View<'_>, course: &Course, row: &LossRow, out: &mut Vec<Finding>) {
    let d = view.decision;
    let ground = &view.ground;
    let title = view.labels(&row.lose).join(" and ");
    let effect = ground.effect(&row.lose);
    if row.lose.iter().any(|e| !ground.events.contains_key(e)) || row.aliases.len() != row.lose.len() {
        return view.report(out, Fault::Shape { what: format!("the loss of {title} is of nothing there is") });
    }
    for (event, other) in row.lose.iter().zip(&row.aliases).flat_map(|(e, list)| list.iter().map(move |o| (e, o))) {
        if ground.events.get(event) != ground.events.get(other) {
            let why = format!("{} does not take the same", other.label(view.topology));
            view.report(out, Fault::Verdict { rule: title.clone(), why });
        }
    }
    let after = view.units_lo(&d.after_ready);
    let numbers = [
        ("now", row.now, ground.survivors(&view.units_lo(&d.before), &effect)),
        ("after", row.after, ground.survivors(&after, &effect)),
        ("running after", row.running_after, ground.running(&after, &effect)),
    ];
    for (when, claimed, found) in numbers {
        view.compare(out, || format!("what the loss of {title} leaves {when}"), claimed.into(), found.into());
    }
    if (course.half_done.len() as u64).saturating_mul(d.losses.len() as u64 * view.places() as u64) <= MOST_SUMS {
        let worst = course.half_done.iter().map(|s| ground.survivors(&view.units(s), &effect)).min();
        let what = || format!("the fewest that the loss of {title} leaves on the way");
        view.compare(out, what, row.worst_during.into(), worst.unwrap_or(row.now).into());
    }
    if row.cut_entries != ground.cut_entries(&effect) {
        let why = "it does not name the entries that are cut".to_string();
        view.report(out, Fault::Verdict { rule: title.clone(), why });
    }
    growth(view, row, &effect, &title, out);
    judged(view, row, &title, out);
    let load = view.rules.demand.map(|n| (u64::from(n) * u64::from(view.rules.scale), row.after));
    if row.load != load {
        let claimed = row.load.map_or(0, |l| l.0.into());
        view.report(
            out,
            Fault::Number { what: format!("the load after {title}"), claimed, found: load.map_or(0, |l| l.0.into()) },
        );
    }
}

/// Growth stands where something may still be made, within the room, and adds up.
fn growth(view: &View<'_>, row: &LossRow, effect: &Effect, title: &str, out: &mut Vec<Finding>) {
    let alive = view.ground.alive(effect);
    let fallen = view.ground.fallen(&row.lose);
    let mut grown = 0u64;
    for (p, n) in &row.growth {
        if *p >= view.places() {
            return view.report(out, Fault::Shape { what: format!("growth after {title} stands at no place") });
        }
        grown = grown.saturating_add(u64::from(*n) * u64::from(view.rules.places[*p].unit));
        let name = view.place(*p);
        let controlled = !view.location(*p).control.iter().any(|c| fallen.contains(c));
        if !alive[*p] || !controlled || matches!(view.uses[*p], Use::Not(_) | Use::Cordoned | Use::Leaving) {
            let why = format!("growth stands on {name}, where nothing can be made then");
            view.report(out, Fault::Verdict { rule: title.to_string(), why });
        }
        let room = match view.location(*p).capacity.limit {
            Limit::Unlimited => u64::MAX,
            Limit::Known { lo, .. } => u64::from(lo),
            Limit::Unreadable => 0,
        };
        let count = u64::from(view.decision.after[*p]) + u64::from(*n);
        if count > room {
            view.report(out, Fault::OverCapacity { place: name, count, room });
        }
    }
    let wanted = u64::from(view.decision.replicas) * u64::from(view.rules.scale);
    view.compare(
        out,
        || format!("what growth after {title} leads to"),
        row.recovers_to.into(),
        // Sizes that do not divide evenly, and what stands beyond N, make no promise of more than N.
        (row.after + grown).min(wanted.max(row.after)).into(),
    );
    let parts: u64 = row.parts.iter().map(|p| p.seconds).fold(0, u64::saturating_add);
    if let Some(within) = row.within_s {
        view.compare(out, || format!("the seconds to recover from {title}"), within.into(), parts.into());
    } else if grown > 0 {
        view.report(out, Fault::Missing { what: format!("the time to recover from {title}") });
    }
}

/// The rules a row is one of, and its verdict.
fn judged(view: &View<'_>, row: &LossRow, title: &str, out: &mut Vec<Finding>) {
    let is_of = |event: &Event, of: &LossOf| view.ground.is_of(view.topology, event, of);
    let names = |i: usize| std::iter::once(&row.lose[i]).chain(&row.aliases[i]);
    let holds = |event: &Event| (0..row.lose.len()).any(|i| names(i).any(|e| e == event));
    let accepted = view.rules.accepted.iter().any(|a| !a.lose.is_empty() && a.lose.iter().all(holds));
    let wanted: Vec<usize> = (0..view.rules.survive.len())
        .filter(|r| {
            if accepted {
                return false;
            }
            let rule = &view.rules.survive[*r];
            row.lose.len() == rule.losses as usize && (0..row.lose.len()).all(|i| names(i).any(|e| is_of(e, &rule.of)))
        })
        .collect();
    if row.rules != wanted {
        let why = format!("it is one of {} rules, and {} are named", wanted.len(), row.rules.len());
        view.report(out, Fault::Verdict { rule: title.to_string(), why });
        return;
    }
    if row.rules.is_empty() != row.verdict.is_none() {
        let why = "a verdict stands where no rule names the loss, or is missing where one does".to_string();
        view.report(out, Fault::Verdict { rule: title.to_string(), why });
    }
    for rule in wanted.iter().map(|r| &view.rules.survive[*r]) {
        let floor = view.bound(rule.floor);
        if row.after < floor && row.verdict == Some(Verdict::Pass) {
            let why = format!("{} of {floor} survive, and it reads PASS", row.after);
            view.report(out, Fault::Verdict { rule: title.to_string(), why });
        }
    }
}

/// Every event that takes anything has a row of its own, or stands beside one that takes the same.
fn covered(view: &View<'_>, out: &mut Vec<Finding>) {
    let rows = view.decision.losses.iter().filter(|r| r.lose.len() == 1);
    let named: BTreeSet<&Event> = rows.flat_map(|r| r.lose.iter().chain(r.aliases.iter().flatten())).collect();
    for (event, effect) in &view.ground.events {
        if !effect.is_nothing() && !named.contains(event) {
            view.report(out, Fault::Missing { what: format!("the loss of {}", event.label(view.topology)) });
        }
    }
}
