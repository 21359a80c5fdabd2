//! The one entry point: a question in, the target, the steps and their proof out.

use std::collections::{BTreeMap, HashSet};

use super::course::{DomainFloor, Invariants, SkewGroup};
use super::cut_sets::{Merged, cut_sets, margin, merge};
use super::decision::*;
use super::judge::{State, judge};
use super::model::{Event, Health, Live, LossOf, Mode, Template, Topology, Workload};
use super::order::{Pace, Stuck, order, order_within};
use super::place::{Placement, Row, place, place_keeping};
use super::report::{self, Facts};
use super::slots::{Leave, Work, assign};
use super::survive::RuleMeter;
use super::tree::{Ask, Standing, weight_of};
use super::world::World;

/// Decides what a workload should become, in which order, and what that is worth.
///
/// # Errors
/// [`Refusal`] when the data contradicts itself, when no target exists, or when no order of steps keeps every rule. A rule
/// that the target itself breaks is no error here: see [`Decision::breaches`].
pub fn decide(topology: &Topology, workload: &Workload, live: &Live, mode: &Mode) -> Result<Decision, Refusal> {
    Ok(report::write(&facts_of(World::new(topology, workload, live, mode)?)?))
}

/// Target and steps of one workload, from which the answer is written.
///
/// # Errors
/// As [`decide`].
pub fn facts_of(world: World<'_>) -> Result<Facts<'_>, Refusal> {
    match made(world) {
        // What would be safe only if an unknown place is well is left undone, and said; nothing is removed then (N13, 4.7).
        Err((world, refusal @ Refusal::Blocked { .. })) if world.is_in_doubt() && !world.adds_only => {
            let held = World { adds_only: true, held_by_doubt: true, ..*world };
            made(held).map_err(|_| refusal)
        }
        made => made.map_err(|(_, refusal)| refusal),
    }
}

fn made(world: World<'_>) -> Result<Facts<'_>, (Box<World<'_>>, Refusal)> {
    match parts_of(&world) {
        Ok((placement, canonical, changes, work, steps, judged)) => {
            let (meters, merged, [before, after, healthy]) = judged;
            let (follows, turn) = (Vec::new(), 0);
            Ok(Facts {
                world,
                placement,
                canonical,
                meters,
                merged,
                changes,
                work,
                before,
                after,
                healthy,
                steps,
                follows,
                held_up: false,
                turn,
            })
        }
        Err(refusal) => Err((Box::new(world), refusal)),
    }
}

type Judged = (Vec<RuleMeter>, Merged, [State; 3]);
type Parts = (Placement, Placement, Vec<PlaceChanges>, Vec<Work>, Vec<Step>, Judged);

fn parts_of(world: &World<'_>) -> Result<Parts, Refusal> {
    let placement = target_of(world)?;
    let canonical = canonical_of(world, world.replicas)?;
    let meters = meters_of(world);
    let merged = merge(&world.exposure);
    let (mut changes, work) = assignments(world, &placement.target);
    let before = state_before(world, work.iter().map(|w| w.idle).collect());
    let after = state_after(world, &placement.target, &work);
    let healthy = state_healthy(world, &placement.target);
    let steps = steps_of(world, &placement, &meters, &merged, &work, (&before, &after))?;
    for entry in steps.iter().flat_map(|s| &s.adds) {
        let grown = entry.slots.iter().filter(|s| s.role == Role::Grow).map(|s| s.slot);
        let planned: HashSet<u32> = changes[entry.place].add.iter().copied().collect();
        changes[entry.place].spare.extend(grown.filter(|s| !planned.contains(s)));
    }
    Ok((placement, canonical, changes, work, steps, (meters, merged, [before, after, healthy])))
}

/// The survive rules, ready to be asked.
pub fn meters_of(world: &World<'_>) -> Vec<RuleMeter> {
    let workload = world.workload;
    let meter = |rule| RuleMeter::new(world.topology, &world.exposure, rule, &workload.accepted);
    workload.survive.iter().map(meter).collect()
}

fn target_of(world: &World<'_>) -> Result<Placement, Refusal> {
    if *world.mode == Mode::Destroy {
        let keep = |p: usize| if world.standing[p] == Standing::Frozen { world.existing[p] } else { 0 };
        let target = (0..world.existing.len()).map(keep).collect();
        return Ok(Placement { target, rows: Vec::new(), notes: Vec::new() });
    }
    if loss_in_effect(world) {
        return place(&world.ask());
    }
    keeping(world, &world.ask())
}

/// The placement an ask leads to. Where the tolerances leave a choice, it goes to what the survive rules need (4.1).
pub fn keeping(world: &World<'_>, ask: &Ask<'_>) -> Result<Placement, Refusal> {
    let workload = world.workload;
    let meters = meters_of(world);
    let floors: Vec<Units> = workload.survive.iter().map(|r| super::judge::bound_of(world, r.floor)).collect();
    let broken = |target: &[u32]| {
        let alive = meters.iter().map(|m| m.worst(&world.exposure, target).0);
        alive.zip(&floors).filter(|(alive, floor)| alive < floor).count()
    };
    let limited = || {
        let mut limited = workload.clone();
        for (rule, floor) in workload.survive.iter().zip(&floors).filter(|(rule, _)| rule.losses == 1) {
            let most = (Units::from(world.replicas) * world.scale()).saturating_sub(*floor) / world.scale().max(1);
            let most = most.min(Units::from(u32::MAX)) as u32;
            let level = limited.spread.iter_mut().filter(|l| matches!(&rule.of, LossOf::Level(of) if *of == l.level));
            for level in level {
                level.max.values_mut().for_each(|own| *own = (*own).min(most));
                level.max.entry("*".to_string()).or_insert(most);
            }
        }
        limited
    };
    place_keeping(ask, &broken, &limited)
}

/// The apportionment of `replicas` without regard to what is live, in a world where all is healthy.
pub fn canonical_of(world: &World<'_>, replicas: u32) -> Result<Placement, Refusal> {
    let none = vec![0; world.existing.len()];
    let standing = world.healthy_standing();
    place(&Ask {
        replicas,
        existing: &none,
        standing: &standing,
        room: &world.room_hi,
        adds_only: false,
        failover: false,
        use_live: false,
        lenient: true,
        ..world.ask()
    })
}

fn assignments(world: &World<'_>, target: &[u32]) -> (Vec<PlaceChanges>, Vec<Work>) {
    let destroy = *world.mode == Mode::Destroy;
    (0..target.len())
        .map(|p| {
            let standing = world.standing[p];
            let add = standing == Standing::Open && !destroy;
            let disturb =
                matches!(standing, Standing::Open | Standing::Cordoned | Standing::Leaving) && !world.adds_only;
            let leave = Leave {
                add,
                complete: (add || standing == Standing::Cordoned) && !destroy,
                disturb,
                renew: add && disturb,
                counts: world.lo[p] > 0,
            };
            assign(&world.live.places[p], target[p], leave)
        })
        .unzip()
}

/// What stands.
pub fn state_before(world: &World<'_>, stuck: Vec<u32>) -> State {
    State {
        stuck,
        room: world.room.clone(),
        room_hi: world.room_hi.clone(),
        lo: world.lo.clone(),
        hi: world.possible.clone(),
        existing: world.existing.clone(),
        standing: world.standing.clone(),
        ..State::default()
    }
}

/// Once all steps are done: what is touched or waited for serves, what is frozen is as it was.
fn state_after(world: &World<'_>, target: &[u32], work: &[Work]) -> State {
    let mut after = state_before(world, work.iter().map(|w| w.idle).collect());
    for (p, work) in work.iter().enumerate() {
        match world.standing[p] {
            Standing::Frozen | Standing::Dead | Standing::Lost => {}
            Standing::Open | Standing::Cordoned | Standing::Leaving => {
                after.lo[p] = target[p] - work.idle.min(target[p]);
                after.hi[p] = target[p] - work.silent.min(target[p]);
            }
        }
        after.existing[p] = if world.standing[p] == Standing::Lost { world.existing[p] } else { target[p] };
    }
    after
}

/// The target, all of it serving, with every location well.
pub fn state_healthy(world: &World<'_>, target: &[u32]) -> State {
    State {
        lo: target.to_vec(),
        hi: target.to_vec(),
        existing: target.to_vec(),
        stuck: vec![0; target.len()],
        standing: world.healthy_standing(),
        room: world.room.clone(),
        room_hi: world.room_hi.clone(),
        ..State::default()
    }
}

fn steps_of(
    world: &World<'_>,
    placement: &Placement,
    meters: &[RuleMeter],
    merged: &Merged,
    work: &[Work],
    ends: (&State, &State),
) -> Result<Vec<Step>, Refusal> {
    let workload = world.workload;
    let surge =
        workload.rollout.surge.map_or(u64::from(world.replicas.div_ceil(10).max(1)), |s| s.ceil_of(world.replicas));
    let batch =
        workload.rollout.batch.map_or(surge, |b| b.ceil_of(world.replicas)).clamp(1, u64::from(u32::MAX)) as u32;
    let batch = match world.mode {
        Mode::Failback { .. } => workload.failback.batch.unwrap_or(batch).max(1),
        Mode::Destroy => u32::MAX,
        _ => batch,
    };
    let wave = if matches!(world.mode, Mode::Failover { .. }) { workload.failover.batch } else { None };
    let per_place = match world.mode {
        Mode::Destroy => None,
        _ => workload.rollout.batch_per_domain,
    };
    let pace = Pace { batch, per_place: per_place.unwrap_or(u32::MAX).max(1), wave };
    let rules = invariants(world, placement, meters, ends, surge);
    let last = drained_last(world);
    let steps = order(&rules, work, &world.lo, &last, pace)
        .map_err(|stuck| blocked(world, &rules, work, &last, pace, surge, stuck))?;
    if !matches!(world.mode, Mode::Failback { .. }) {
        return Ok(steps);
    }
    // A failback never has less margin on the way than it has now (N15), unless the normal placement itself has less: what came
    // back beside its stand-ins is more than the spec asks for. Where pacing costs margin, a surge that lets all adds go first may
    // not; that is the owner's to grant.
    let floor = report::cut_floor(world);
    let least = |steps: &[Step]| report::worst_margin(world, merged, floor, steps);
    let at = |ready: &[u32]| margin(&world.exposure, merged, ready, floor, workload.max_order);
    let bound = at(&world.lo).min(at(&ends.1.lo));
    if least(&steps) >= bound {
        return Ok(steps);
    }
    let moves: u64 =
        work.iter().map(|w| u64::from(w.grow_count) + w.replace.len() as u64 + w.update.len() as u64).sum();
    let wide = Invariants { most: rules.most.saturating_add(moves), ..rules };
    let helps = order(&wide, work, &world.lo, &last, Pace { batch: u32::MAX, per_place: u32::MAX, ..pace })
        .is_ok_and(|s| least(&s) >= bound);
    let to = surge.saturating_add(moves).min(u64::from(u32::MAX)) as u32;
    let way_out = helps.then_some(WayOut::Surge { site: workload.rollout.site, to });
    Err(Refusal::Blocked {
        by: CheckOf::Margin,
        worst_loss: Vec::new(),
        value: i64::from(least(&steps)),
        bound: i64::from(bound),
        state: world.lo.clone(),
        lines: vec![workload.rollout.site],
        ways_out: way_out.into_iter().collect(),
    })
}

/// Places in domains of weight 0: what stands there goes last.
fn drained_last(world: &World<'_>) -> Vec<bool> {
    let weightless = |p: usize| {
        world.workload.spread.iter().any(|level| {
            let name = world.location(p).domains.get(&level.level);
            name.is_some_and(|name| weight_of(level, name) == 0)
        })
    };
    (0..world.existing.len()).map(weightless).collect()
}

fn invariants<'w>(
    world: &'w World<'_>,
    placement: &Placement,
    meters: &[RuleMeter],
    (before, after): (&State, &State),
    surge: u64,
) -> Invariants<'w> {
    let workload = world.workload;
    let suspended = *world.mode == Mode::Destroy;
    let scale = world.scale();
    let floor_of = |bound| if suspended { 0 } else { super::judge::bound_of(world, bound) };
    let rule_floors: Vec<Units> = workload.survive.iter().map(|r| floor_of(r.floor)).collect();
    let worst = |state: &[u32]| meters.iter().map(|m| m.worst(&world.exposure, state).0).collect::<Vec<Units>>();
    let (rule_starts, at_target) = (worst(&before.lo), worst(&placement.target));
    // A rule that the target itself breaks refuses the plan, which is shown in full all the same: no order could keep it.
    let kept = |i: usize| {
        let bound = rule_floors[i].min(rule_starts[i]);
        if at_target[i] < rule_floors[i] && !loss_in_effect(world) { bound.min(at_target[i]) } else { bound }
    };
    let rule_bounds = (0..meters.len()).map(kept).collect();
    let serving_floor = floor_of(workload.floor_serving);
    let reachable: Vec<bool> = (0..world.existing.len()).map(|p| is_reachable(world, p)).collect();
    let standing: u64 = (0..reachable.len()).filter(|&p| reachable[p]).map(|p| u64::from(world.existing[p])).sum();
    let wanted: u64 = (0..reachable.len()).filter(|&p| reachable[p]).map(|p| u64::from(placement.target[p])).sum();
    let room = (0..world.existing.len()).map(|p| world.step_room[p].map_or(u64::from(u32::MAX), u64::from)).collect();
    Invariants {
        exposure: &world.exposure,
        meters: meters.to_vec(),
        rule_floors,
        rule_starts,
        rule_bounds,
        serving_floor,
        serving_start: world.exposure.total(&before.lo),
        serving_bound: serving_floor.min(world.exposure.total(&before.lo)),
        domain_floors: if suspended { Vec::new() } else { domain_floors(world, &placement.rows, before) },
        skews: if suspended { Vec::new() } else { skew_groups(world, placement, before, after) },
        most: standing.max(wanted).max(u64::from(world.replicas)).saturating_add(surge),
        wanted: wanted.max(u64::from(world.replicas)),
        room,
        others: world.others.clone(),
        reachable,
        scale,
    }
}

fn is_reachable(world: &World<'_>, place: usize) -> bool {
    let unreachable = matches!(world.location(place).health, Health::Down | Health::Unknown | Health::ControlLost);
    !unreachable && !matches!(world.standing[place], Standing::Dead | Standing::Lost)
}

fn domain_floors(world: &World<'_>, rows: &[Row], before: &State) -> Vec<DomainFloor> {
    let mut floors = Vec::new();
    for row in rows {
        for domain in row.domains.iter().filter(|d| d.min > 0) {
            let floor = Units::from(domain.min) * world.scale();
            let held: Units = domain.places.iter().map(|&p| Units::from(before.lo[p]) * world.exposure.units[p]).sum();
            floors.push(DomainFloor {
                spread: row.spread,
                domain: domain.name.clone(),
                places: domain.places.clone(),
                floor,
                start: held,
                bound: floor.min(held),
            });
        }
    }
    floors
}

/// The enforced skews, with the bound of 4.5: the largest of `max_skew`, the skew that stands and the skew of the target.
fn skew_groups(world: &World<'_>, placement: &Placement, before: &State, after: &State) -> Vec<SkewGroup> {
    let mut groups = Vec::new();
    for row in &placement.rows {
        let Some(most) = world.workload.spread[row.spread].max_skew else { continue };
        let Some(mut group) = group_of(row) else { continue };
        let units = |counts: &[u32], p: usize| Units::from(counts[p]) * world.exposure.units[p];
        let skew = |counts: &[u32]| group.skew(&|p| units(counts, p));
        // What stands is known between what serves and what exists.
        let start = group.skew_at_most(&|p| units(&before.lo, p), &|p| units(&before.existing, p));
        let end = skew(&after.lo).max(skew(&placement.target));
        group.declared = i128::from(most) * i128::from(world.scale()) * group.weights;
        group.start = start;
        group.bound = group.declared.max(start).max(end);
        groups.push(group);
    }
    groups
}

/// The eligible domains of a row.
pub fn group_of(row: &Row) -> Option<SkewGroup> {
    let domains: Vec<(u64, Vec<usize>)> =
        row.domains.iter().filter(|d| d.eligible).map(|d| (d.weight, d.places.clone())).collect();
    let weights: i128 = domains.iter().map(|(w, _)| i128::from(*w)).sum();
    let parent = row.parent.iter().map(|(_, name)| name.clone()).collect();
    let (bound, declared, start) = (0, 0, 0);
    (weights > 0).then_some(SkewGroup { spread: row.spread, parent, domains, weights, bound, declared, start })
}

fn blocked(
    world: &World<'_>,
    rules: &Invariants<'_>,
    work: &[Work],
    last: &[bool],
    pace: Pace,
    surge: u64,
    stuck: Stuck,
) -> Refusal {
    let workload = world.workload;
    let mut ways_out = Vec::new();
    // A way out is only offered, so it need not be searched for as hard as the order itself.
    let works = |rules: &Invariants<'_>| order_within(rules, work, &world.lo, last, pace, 1_000).is_ok();
    // The smallest surge, by doubling and halving: more room never hurts.
    let with = |more: u64| Invariants { most: rules.most.saturating_add(more), ..rules.clone() };
    let moves: u64 =
        work.iter().map(|w| u64::from(w.grow_count) + w.replace.len() as u64 + w.update.len() as u64).sum();
    if moves > 0 && works(&with(moves)) {
        let (mut low, mut high) = (0, moves);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if works(&with(middle)) { high = middle } else { low = middle }
        }
        ways_out
            .push(WayOut::Surge { site: workload.rollout.site, to: (surge + high).min(u64::from(u32::MAX)) as u32 });
    }
    ways_out.extend(lower_floor(world, rules, &stuck, &works));
    let mut lines = Vec::new();
    match &stuck.by {
        CheckOf::Serving => lines.push(workload.floor_site),
        CheckOf::Survive(i) => lines.push(workload.survive[*i].site),
        CheckOf::Skew(spread, _) | CheckOf::DomainFloor(spread, _) => lines.push(workload.spread[*spread].site),
        CheckOf::Capacity(p) => lines.push(world.location(*p).site),
        CheckOf::Surge | CheckOf::Margin => {}
    }
    lines.push(workload.rollout.site);
    if rules.room.get(stuck.place).is_some_and(|room| *room <= u64::from(world.existing[stuck.place])) {
        ways_out.push(WayOut::SpareRoom(stuck.place));
    }
    let worst_loss = match stuck.by {
        CheckOf::Survive(i) => {
            let lost = rules.meters[i].worst(&world.exposure, &stuck.state).1;
            lost.iter().map(|&e| world.exposure.events[e].event.clone()).collect()
        }
        _ => Vec::new(),
    };
    Refusal::Blocked {
        by: stuck.by,
        worst_loss,
        value: stuck.value,
        bound: stuck.bound,
        state: stuck.state,
        lines,
        ways_out,
    }
}

/// The largest floor with which the change goes through, when lowering that one floor is enough.
fn lower_floor(
    world: &World<'_>,
    rules: &Invariants<'_>,
    stuck: &Stuck,
    works: &dyn Fn(&Invariants<'_>) -> bool,
) -> Option<WayOut> {
    let (site, start) = match &stuck.by {
        CheckOf::Serving => (world.workload.floor_site, rules.serving_bound),
        CheckOf::Survive(i) => (world.workload.survive[*i].site, rules.rule_bounds[*i]),
        _ => return None,
    };
    let lowered = |units: Units| {
        let mut rules = rules.clone();
        match &stuck.by {
            CheckOf::Survive(i) => rules.rule_bounds[*i] = units,
            _ => rules.serving_bound = units,
        }
        rules
    };
    let step = world.scale().max(1);
    let mut units = start;
    for _ in 0..32 {
        units = units.checked_sub(step)?;
        if works(&lowered(units)) {
            return Some(WayOut::LowerFloor { site, units, percent: percent_of(world, units) });
        }
    }
    None
}

/// A number of units as the largest share of N (in millionths of a percent) that rounds up to it.
pub fn percent_of(world: &World<'_>, units: Units) -> u64 {
    let all = u128::from(world.replicas) * u128::from(world.scale());
    let whole = u128::from(units / world.scale().max(1)) * u128::from(world.scale());
    (whole * 100_000_000).checked_div(all).map_or(0, |p| p as u64)
}

/// Rules broken by a loss that is in effect are shown, not refused; repairing may leave some of them broken.
pub fn loss_in_effect(world: &World<'_>) -> bool {
    match world.mode {
        Mode::Failover { .. } | Mode::Destroy | Mode::Repair => true,
        Mode::Normal { .. } | Mode::Failback { .. } => world.is_failed_over(),
    }
}

/// Things worth telling that belong to no step.
pub fn notes(world: &World<'_>, placement: &Placement, after: &CutSets, merged: &Merged, deferred: u32) -> Vec<Note> {
    let mut notes = placement.notes.clone();
    let workload = world.workload;
    for p in 0..world.existing.len() {
        match world.standing[p] {
            Standing::Dead => notes.push(Note::Down(p)),
            // What is only observed is never touched, and nothing is wrong with that.
            Standing::Frozen if *world.mode != Mode::Destroy && workload.places[p].template != Template::Observed => {
                notes.push(Note::Frozen(p));
            }
            _ => {}
        }
    }
    if world.held_by_doubt {
        let doubtful = |p: &usize| world.lo[*p] < world.possible[*p];
        notes.push(Note::HeldByUnknown((0..world.existing.len()).filter(doubtful).collect()));
    }
    let deferred = if world.held_by_loss { deferred.saturating_add(held_back(world)) } else { 0 };
    if deferred > 0 {
        notes.push(Note::DeferredWhileDown(deferred));
    }
    if *world.mode != Mode::Destroy {
        match world.replicas {
            0 => notes.push(Note::NoReplicas),
            1 => notes.push(Note::SingleReplica),
            _ => {}
        }
    }
    for (level, name) in world.topology.levels.iter().enumerate().skip(1) {
        let mut parents: BTreeMap<&str, HashSet<Vec<&str>>> = BTreeMap::new();
        for p in 0..world.existing.len() {
            let domains = &world.location(p).domains;
            let Some(domain) = domains.get(name) else { continue };
            let above =
                world.topology.levels[..level].iter().map(|l| domains.get(l).map_or("", String::as_str)).collect();
            parents.entry(domain).or_default().insert(above);
        }
        let twice = parents.into_iter().filter(|(_, above)| above.len() > 1);
        notes.extend(twice.map(|(domain, _)| Note::SameNameTwice { level, domain: domain.to_string() }));
    }
    let named = |event: &Event| {
        workload.survive.iter().any(|rule| match (&rule.of, event) {
            (LossOf::Level(name), Event::Domain { level, .. }) => world.topology.levels[*level] == *name,
            (LossOf::Kind(kind), Event::Risk(risk)) => world.topology.risks[*risk].kind == *kind,
            _ => false,
        })
    };
    for set in after.sets.iter().filter(|set| set.len() == 1) {
        let names = || std::iter::once(&set[0]).chain(merged.aliases.get(&set[0]).into_iter().flatten());
        let accepted = names().any(|e| workload.accepted.iter().any(|a| a.lose.len() == 1 && a.lose[0] == *e));
        if !names().any(named) && !accepted {
            notes.push(Note::SinglePointOfFailure(set[0].clone()));
        }
    }
    if *world.mode != Mode::Destroy {
        notes.extend((0..workload.accepted.len()).map(Note::Accepted));
    }
    notes
}

/// Replicas that would be given back, were anything removed now.
fn held_back(world: &World<'_>) -> u32 {
    let Ok(free) = place(&Ask { adds_only: false, ..world.ask() }) else { return 0 };
    let removable = |p: &usize| matches!(world.standing[*p], Standing::Open | Standing::Cordoned | Standing::Leaving);
    let gone = (0..world.existing.len()).filter(removable).map(|p| world.existing[p].saturating_sub(free.target[p]));
    gone.fold(0, u32::saturating_add)
}

/// Judges every rule on a state.
pub fn judge_all(world: &World<'_>, meters: &[RuleMeter], state: &State) -> Vec<Judgement> {
    world.workload.survive.iter().zip(meters).map(|(rule, meter)| judge(world, rule, meter, state)).collect()
}

/// Cut sets of a state.
pub fn cut_sets_of(world: &World<'_>, merged: &Merged, ready: &[u32], floor: Units) -> CutSets {
    cut_sets(&world.exposure, merged, ready, floor, world.workload.max_order)
}
