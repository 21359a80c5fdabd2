//! Judging the survive rules of a workload on a state, and what growth brings back after a loss.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::decision::{Because, GrowthJudgement, Judgement, TimeOf, TimePart, Units, Verdict};
use super::exposure::Fallen;
use super::model::{CapacitySource, Growth, HealthSource, Limit, LossOf, Mode, SurviveRule, TimeSource};
use super::place::place;
use super::survive::RuleMeter;
use super::tree::{Ask, Standing};
use super::world::World;

/// Losses of one rule that are grown out of one by one; beyond it only the worst at once is, and the verdict says so.
pub const GROWN_LOSSES: usize = 2_000;

/// Recoveries of a state, by what is lost, whether all that is possible is hoped for, and the events where other workloads want the
/// same room.
type Recoveries = RefCell<HashMap<(Fallen, bool, Vec<usize>), Rc<Recovery>>>;

/// Room by place after losses (events, ascending) in which other workloads grow as well, and whether all that is possible is hoped for.
pub type Rooms = BTreeMap<(Vec<usize>, bool), Vec<Option<u32>>>;

/// A state to judge.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Serving, lower bounds.
    pub lo: Vec<u32>,
    /// Serving, upper bounds.
    pub hi: Vec<u32>,
    /// Existing replicas.
    pub existing: Vec<u32>,
    /// Those of them that neither serve nor will.
    pub stuck: Vec<u32>,
    /// What may happen, by place.
    pub standing: Vec<Standing>,
    /// Certain room, by place.
    pub room: Vec<Option<u32>>,
    /// Possible room.
    pub room_hi: Vec<Option<u32>>,
    /// Room after losses in which all workloads fail over together, where it is less.
    pub rooms: Rc<Rooms>,
    /// What has been worked out already: several rules and the loss table ask about the same losses.
    pub known: Recoveries,
}

impl State {
    /// Whether another state is the same in all that is judged.
    pub fn is_like(&self, other: &State) -> bool {
        let parts = |s: &State| (s.lo.clone(), s.hi.clone(), s.existing.clone(), s.stuck.clone(), s.standing.clone());
        parts(self) == parts(other)
    }
}

/// What growth makes of a loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// At once.
    pub alive: Units,
    /// In the end.
    pub recovers_to: Units,
    /// Replicas gained, by place.
    pub grown: Vec<(usize, u32)>,
    /// When they serve: seconds and units, ascending.
    pub arrivals: Vec<(u64, Units)>,
    /// The parts of the time until all serve.
    pub parts: Vec<TimePart>,
}

impl Recovery {
    /// What serves so many seconds after the loss.
    pub fn by(&self, seconds: u64) -> Units {
        let arrived: Units = self.arrivals.iter().filter(|(at, _)| *at <= seconds).map(|(_, u)| u).sum();
        (self.alive + arrived).min(self.recovers_to.max(self.alive))
    }

    /// When so much serves.
    pub fn when(&self, units: Units) -> Option<u64> {
        if self.alive >= units {
            return Some(0);
        }
        let mut sum = self.alive;
        self.arrivals.iter().find_map(|(at, u)| {
            sum += u;
            (sum >= units).then_some(*at)
        })
    }

    /// When all of it serves; `None` when nothing grows.
    pub fn within(&self) -> Option<u64> {
        self.arrivals.last().map(|a| a.0)
    }
}

/// Grows what a loss leaves, with certain room or with all that is possible.
pub fn recover(world: &World<'_>, state: &State, loss: &Loss, optimistic: bool) -> Rc<Recovery> {
    let own = (loss.lost.clone(), optimistic);
    let joint = state.rooms.get(&own);
    let key = (loss.fallen.clone(), optimistic, if joint.is_some() { own.0 } else { Vec::new() });
    if let Some(known) = state.known.borrow().get(&key) {
        return known.clone();
    }
    let room = joint.unwrap_or(if optimistic { &state.room_hi } else { &state.room });
    let recovery = Rc::new(grow(world, state, &loss.fallen, room, optimistic));
    state.known.borrow_mut().insert(key, recovery.clone());
    recovery
}

/// A loss and what falls with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Numbers of the events, ascending.
    pub lost: Vec<usize>,
    /// What falls.
    pub fallen: Fallen,
}

impl Loss {
    /// Applies the loss of these events.
    pub fn of(world: &World<'_>, lost: &[usize]) -> Loss {
        let mut sorted = lost.to_vec();
        sorted.sort_unstable();
        Loss { fallen: world.exposure.fall(lost), lost: sorted }
    }
}

/// What exists for growth, and what may happen to it: growth may count on nothing inside the loss, neither the place nor what is
/// needed to change it (N9).
pub fn after_loss(state: &State, fallen: &Fallen, optimistic: bool) -> (Vec<u32>, Vec<Standing>) {
    let ready = if optimistic { &state.hi } else { &state.lo };
    let mut existing = state.existing.clone();
    let standing: Vec<Standing> = (0..existing.len())
        .map(|p| match state.standing[p] {
            _ if fallen.places.contains(p) => Standing::Lost,
            Standing::Open if fallen.control.contains(p) => Standing::Frozen,
            Standing::Dead => Standing::Lost,
            other => other,
        })
        .collect();
    // Where nothing is made, what does not serve counts neither now nor later.
    for p in (0..existing.len()).filter(|&p| standing[p] != Standing::Open) {
        existing[p] = ready[p];
    }
    (existing, standing)
}

fn grow(world: &World<'_>, state: &State, fallen: &Fallen, room: &[Option<u32>], optimistic: bool) -> Recovery {
    let ready = if optimistic { &state.hi } else { &state.lo };
    let alive = world.exposure.serving(ready, fallen);
    let mut recovery = Recovery { alive, recovers_to: alive, ..Recovery::default() };
    if !fallen.entries.is_empty() {
        return recovery;
    }
    if alive >= Units::from(world.replicas) * world.scale() {
        return recovery;
    }
    let (existing, standing) = after_loss(state, fallen, optimistic);
    let grows = |p: usize| standing[p] == Standing::Open;
    let ask = Ask {
        existing: &existing,
        standing: &standing,
        room,
        adds_only: true,
        failover: true,
        lenient: true,
        ..world.ask()
    };
    let Ok(placement) = place(&ask) else { return recovery };
    for (p, &serves) in ready.iter().enumerate() {
        let stuck = state.stuck[p].min(state.existing[p].saturating_sub(serves));
        let more = if grows(p) { placement.target[p].saturating_sub(serves + stuck) } else { 0 };
        if more > 0 {
            recovery.grown.push((p, more));
        }
    }
    time(world, &mut recovery);
    recovery
}

fn time(world: &World<'_>, recovery: &mut Recovery) {
    let workload = world.workload;
    let Some(&(slowest, _)) = recovery.grown.iter().max_by_key(|(p, _)| (world.location(*p).boot.seconds, *p)) else {
        return;
    };
    let total: u64 = recovery.grown.iter().map(|(_, n)| u64::from(*n)).sum();
    let waves = workload.failover.batch.map_or(1, |batch| total.div_ceil(u64::from(batch.max(1))));
    let healthy = workload.rollout.healthy_for_s;
    let ttl = workload.entry.iter().filter_map(|e| e.ttl).max_by_key(|t| t.seconds);
    let fixed = workload.failover.detect.seconds.saturating_add(workload.failover.decide.seconds);
    let fixed = fixed.saturating_add(ttl.map_or(0, |t| t.seconds));
    let part = |what, seconds: u64, source| TimePart { what, seconds, source };
    let boot = world.location(slowest).boot;
    recovery.parts = vec![
        part(TimeOf::Detect, workload.failover.detect.seconds, workload.failover.detect.source),
        part(TimeOf::Decide, workload.failover.decide.seconds, workload.failover.decide.source),
        part(TimeOf::Boot, boot.seconds.saturating_mul(waves), boot.source),
        part(TimeOf::Healthy, healthy.saturating_mul(waves), TimeSource::Declared),
    ];
    recovery.parts.extend(ttl.map(|t| part(TimeOf::EntryTtl, t.seconds, t.source)));
    for &(p, more) in &recovery.grown {
        let wave = world.location(p).boot.seconds.saturating_add(healthy).saturating_mul(waves);
        recovery.arrivals.push((fixed.saturating_add(wave), Units::from(more) * world.exposure.units[p]));
    }
    recovery.arrivals.sort_unstable();
    let all: Units = recovery.arrivals.iter().map(|a| a.1).sum();
    // Sizes that do not divide evenly round up; the promise is N and not more.
    let wanted = Units::from(world.replicas) * world.scale();
    recovery.recovers_to = (recovery.alive + all).min(wanted.max(recovery.alive));
}

/// A rule's bound in units; a destroy suspends every rule.
pub fn bound_of(world: &World<'_>, bound: super::model::Bound) -> Units {
    match bound {
        _ if *world.mode == Mode::Destroy => 0,
        super::model::Bound::Count(c) => Units::from(c) * world.scale(),
        // Percent of N, rounded up to whole replicas.
        percent => percent.ceil_of(world.replicas).saturating_mul(world.scale()),
    }
}

/// Judges a rule on a state.
pub fn judge(world: &World<'_>, rule: &SurviveRule, meter: &RuleMeter, state: &State) -> Judgement {
    let floor = bound_of(world, rule.floor);
    let (alive, worst) = meter.worst(&world.exposure, &state.lo);
    let (alive_hi, _) = meter.worst(&world.exposure, &state.hi);
    let mut because = BTreeSet::new();
    let mut at_once = verdict_of(alive, alive_hi, floor);
    match at_once {
        Verdict::Fail => {
            because.insert(Because::TooFewAlive);
        }
        Verdict::NotProven => {
            because.insert(Because::UnknownState((0..state.lo.len()).filter(|&p| state.lo[p] < state.hi[p]).collect()));
        }
        Verdict::Pass => {
            let doubts = doubts(world, rule, state);
            if !doubts.is_empty() && floor > 0 {
                at_once = Verdict::NotProven;
                because.extend(doubts);
            }
        }
    }
    if world.replicas == 0 {
        because.insert(Because::Vacuous);
    }
    let growth = judge_growth(world, rule, meter, state, &worst, &mut because);
    let verdict = growth.iter().map(|g| g.verdict).chain([at_once]).max().unwrap_or(at_once);
    Judgement {
        alive,
        alive_hi,
        worst_loss: worst.iter().map(|&e| world.exposure.events[e].event.clone()).collect(),
        floor,
        at_once,
        growth,
        verdict,
        because: because.into_iter().collect(),
    }
}

fn verdict_of(lo: Units, hi: Units, floor: Units) -> Verdict {
    if lo >= floor {
        Verdict::Pass
    } else if hi < floor {
        Verdict::Fail
    } else {
        Verdict::NotProven
    }
}

/// What the numbers of a rule rest on without proof.
pub fn doubts(world: &World<'_>, rule: &SurviveRule, state: &State) -> Vec<Because> {
    let stands = |p: &usize| state.lo[*p] > 0;
    let mut doubts = Vec::new();
    if let LossOf::Kind(kind) = &rule.of {
        if !world.topology.risks.iter().any(|r| r.kind == *kind) {
            doubts.push(Because::NoSuchRisk(kind.clone()));
        } else {
            let places: Vec<usize> = world.exposure.without_kind(kind).into_iter().filter(stands).collect();
            if !places.is_empty() {
                doubts.push(Because::NoEvidence { kind: kind.clone(), places });
            }
        }
    }
    let assumed = unseen(world, state);
    if !assumed.is_empty() {
        doubts.push(Because::HealthAssumed(assumed));
    }
    doubts
}

/// Places where something is taken to serve that neither a probe nor the location's observer looks at.
pub fn unseen(world: &World<'_>, state: &State) -> Vec<usize> {
    let unseen = |p: &usize| {
        !world.workload.places[*p].ready_measured && world.location(*p).health_source == HealthSource::Assumed
    };
    (0..state.lo.len()).filter(|p| state.lo[*p] > 0).filter(unseen).collect()
}

fn judge_growth(
    world: &World<'_>,
    rule: &SurviveRule,
    meter: &RuleMeter,
    state: &State,
    worst: &[usize],
    because: &mut BTreeSet<Because>,
) -> Vec<GrowthJudgement> {
    if rule.then.is_empty() {
        return Vec::new();
    }
    let listed = meter.all_losses(GROWN_LOSSES);
    let complete = listed.is_some();
    let mut seen = HashSet::new();
    let mut results: Vec<Option<(GrowthJudgement, Vec<Because>)>> = vec![None; rule.then.len()];
    for lost in listed.unwrap_or_else(|| vec![worst.to_vec()]) {
        let loss = Loss::of(world, &lost);
        let joint = state.rooms.contains_key(&(loss.lost.clone(), false));
        if !seen.insert((loss.fallen.clone(), if joint { loss.lost.clone() } else { Vec::new() })) {
            continue;
        }
        let recovery = recover(world, state, &loss, false);
        for (then, result) in rule.then.iter().zip(&mut results) {
            let (verdict, why) = growth_verdict(world, rule, state, &loss, &recovery, then);
            let floor = bound_of(world, then.floor);
            let reached = recovery.by(then.within_s);
            let worse = result
                .as_ref()
                .is_none_or(|(r, _)| (verdict, std::cmp::Reverse(reached)) > (r.verdict, std::cmp::Reverse(r.reached)));
            if worse {
                let events = lost.iter().map(|&e| world.exposure.events[e].event.clone()).collect();
                let judged = GrowthJudgement {
                    floor,
                    within_s: then.within_s,
                    reached,
                    worst_loss: events,
                    reached_in_s: recovery.when(floor),
                    verdict,
                };
                *result = Some((judged, why));
            }
        }
    }
    let mut judged = Vec::new();
    for (mut result, why) in results.into_iter().flatten() {
        if !complete && result.verdict == Verdict::Pass {
            result.verdict = Verdict::NotProven;
        }
        because.extend(why);
        judged.push(result);
    }
    judged
}

/// One promise of growth after one loss.
pub fn growth_verdict(
    world: &World<'_>,
    rule: &SurviveRule,
    state: &State,
    loss: &Loss,
    recovery: &Recovery,
    then: &super::model::Then,
) -> (Verdict, Vec<Because>) {
    let floor = bound_of(world, then.floor);
    if recovery.alive >= floor {
        return (Verdict::Pass, Vec::new());
    }
    if recovery.by(then.within_s) < floor {
        if recover(world, state, loss, true).by(then.within_s) >= floor {
            let unknown = |p: &usize| state.room[*p] != state.room_hi[*p];
            let places: Vec<usize> = (0..state.lo.len()).filter(unknown).collect();
            let doubt = (0..state.lo.len()).filter(|&p| state.lo[p] < state.hi[p]).collect::<Vec<_>>();
            let why = if places.is_empty() { Because::UnknownState(doubt) } else { Because::CapacityUnknown(places) };
            return (Verdict::NotProven, vec![why]);
        }
        let late = recovery.recovers_to >= floor;
        return (Verdict::Fail, vec![if late { Because::GrowthTooLate } else { Because::GrowthTooSmall }]);
    }
    let mut why = Vec::new();
    let grown = || recovery.grown.iter();
    let unknown = |p: &usize| {
        let capacity = world.location(*p).capacity;
        capacity.source == CapacitySource::Unknown || capacity.limit == Limit::Unreadable
    };
    let places = |f: &dyn Fn(&(usize, u32)) -> bool| grown().filter(|g| f(g)).map(|g| g.0).collect::<Vec<usize>>();
    let mut doubt = |places: Vec<usize>, make: fn(Vec<usize>) -> Because| {
        if !places.is_empty() {
            why.push(make(places));
        }
    };
    // A place is known to be well by its observer, or by what is seen to serve there.
    let unseen = |p: usize| {
        let seen = world.workload.places[p].ready_measured && state.lo[p] > 0;
        world.location(p).health_source == HealthSource::Assumed && !seen
    };
    doubt(places(&|g| unseen(g.0)), Because::HealthAssumed);
    doubt(places(&|g| unknown(&g.0)), Because::CapacityUnknown);
    doubt(places(&|g| world.location(g.0).boot.source == TimeSource::Default), Because::BootAssumed);
    match rule.growth {
        Growth::Quota => doubt(places(&|_| true), Because::QuotaOnly),
        Growth::Reserved | Growth::Warm => {
            doubt(places(&|g| g.1 > world.location(g.0).reserve), Because::BeyondReserve)
        }
    }
    (if why.is_empty() { Verdict::Pass } else { Verdict::NotProven }, why)
}
