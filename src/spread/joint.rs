//! All workloads of a plan together: their targets in the room there is, the order in which they make way for each other, and what
//! a loss leaves when all of them fail over at once (`spread.md` 4.3, N10).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::decide::facts_of;
use super::decision::{Decision, Refusal};
use super::judge::{Rooms, State, after_loss};
use super::model::{Event, Limit, Live, Mode, Topology, Workload};
use super::report::{self, Facts};
use super::sharing::{Player, Table, claim};
use super::simulate::{Simulation, standing_facts, told};
use super::tree::Standing;
use super::world::World;

/// What a workload gets of shared places: its target, the room it has there, and what the others hold.
type Allotted = (Vec<u32>, Vec<Option<u32>>, Vec<u64>);

/// The room of one workload in the places it shares at a moment.
type Shares = (Room, Room, Rc<Rooms>);

/// One workload's question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The rules.
    pub workload: &'a Workload,
    /// What stands; `others` of each place holds what the other workloads have there now.
    pub live: &'a Live,
    /// What is asked.
    pub mode: &'a Mode,
    /// It is left as it is, whatever the spec says of it.
    pub stays: bool,
}

/// Decides for all workloads together, so that no two plans count on the same room. Answers are in the order of the questions.
///
/// Targets are those of [`Table::settle`]. Where one workload can only grow into room that another gives back, its steps follow the
/// other's ([`Decision::follows`]).
pub fn decide_all<'a>(topology: &'a Topology, questions: &[Question<'a>]) -> Vec<Result<Decision, Refusal>> {
    let mut answers: Vec<Option<Result<Facts<'_>, Refusal>>> = questions.iter().map(|_| None).collect();
    let mut worlds: Vec<(usize, World<'_>)> = Vec::new();
    for (i, q) in questions.iter().enumerate() {
        match World::new(topology, q.workload, q.live, q.mode) {
            Ok(world) => worlds.push((i, world)),
            Err(refusal) => answers[i] = Some(Err(refusal)),
        }
    }
    worlds.sort_by(|a, b| claim(&a.1).cmp(&claim(&b.1)));
    let shared = shared(topology, questions);
    if shared.is_empty() {
        for (i, world) in worlds {
            answers[i] = Some(answer(world, questions[i].stays));
        }
    } else {
        share(topology, questions, worlds, &mut answers);
        follow(topology, questions, &shared, &mut answers);
    }
    joined(topology, questions, &mut answers, &BTreeSet::new());
    let written = answers.into_iter().flatten();
    written.map(|facts| facts.map(|facts| report::write(&facts))).collect()
}

/// Applies each set of `lost` to what stands of all workloads together, or every single loss there is when none is named.
pub fn simulate_all<'a>(
    topology: &'a Topology,
    questions: &[Question<'a>],
    lost: Option<&[Vec<Event>]>,
) -> Vec<Result<Simulation, Refusal>> {
    let mut answers: Vec<Option<Result<Facts<'_>, Refusal>>> =
        questions.iter().map(|q| Some(World::new(topology, q.workload, q.live, q.mode).map(standing_facts))).collect();
    let named = lost.into_iter().flatten().map(|set| numbers(&answers, set)).collect();
    joined(topology, questions, &mut answers, &named);
    answers.into_iter().flatten().map(|facts| facts.map(|facts| told(&facts, lost))).collect()
}

/// A loss by the numbers of its events, which are the same for all workloads of a topology.
fn numbers(answers: &[Option<Result<Facts<'_>, Refusal>>], set: &[Event]) -> Vec<usize> {
    let first = answers.iter().flatten().find_map(|a| a.as_ref().ok());
    let find = |event| first.and_then(|facts| facts.world.exposure.find(event));
    let found: BTreeSet<usize> = set.iter().filter_map(find).collect();
    found.into_iter().collect()
}

fn answer(world: World<'_>, stays: bool) -> Result<Facts<'_>, Refusal> {
    if stays { Ok(standing_facts(world)) } else { facts_of(world) }
}

/// Locations of limited room where several workloads may stand.
fn shared(topology: &Topology, questions: &[Question<'_>]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut shared = BTreeSet::new();
    for place in questions.iter().flat_map(|q| &q.workload.places) {
        let limited = topology.locations.get(place.location).map(|l| l.capacity.limit);
        if matches!(limited, Some(Limit::Known { .. })) && !seen.insert(place.location) {
            shared.insert(place.location);
        }
    }
    shared
}

/// Replicas in each location of workloads that are not among these.
fn elsewhere<'w>(
    topology: &Topology,
    questions: &[Question<'_>],
    players: impl Iterator<Item = &'w World<'w>>,
) -> Vec<u64> {
    let mut total = vec![0u64; topology.locations.len()];
    for q in questions {
        for (place, live) in q.workload.places.iter().zip(&q.live.places) {
            let here = u64::from(live.others) + u64::from(super::slots::existing(live));
            total[place.location] = total[place.location].max(here);
        }
    }
    for world in players {
        for (place, here) in world.workload.places.iter().zip(&world.existing) {
            total[place.location] = total[place.location].saturating_sub(u64::from(*here));
        }
    }
    total
}

/// Targets for all, then each decided in an order in which the room it grows into is free.
fn share<'a>(
    topology: &'a Topology,
    questions: &[Question<'a>],
    worlds: Vec<(usize, World<'a>)>,
    answers: &mut [Option<Result<Facts<'a>, Refusal>>],
) {
    let (moving, staying): (Vec<_>, Vec<_>) = worlds.into_iter().partition(|(i, _)| !questions[*i].stays);
    for (i, world) in staying {
        answers[i] = Some(Ok(standing_facts(world)));
    }
    let fixed = elsewhere(topology, questions, moving.iter().map(|(_, w)| w));
    let mut goal = Table::new(topology, moving.iter().map(|(_, w)| Player::of(w)).collect(), fixed.clone(), false);
    goal.settle();
    let allotted: Vec<Allotted> =
        (0..moving.len()).map(|w| (goal.players[w].target.clone(), goal.room(w), goal.others(w))).collect();
    let mut now = Table::new(topology, moving.iter().map(|(_, w)| Player::of(w)).collect(), fixed, false);
    let mut waiting: Vec<usize> = (0..moving.len()).collect();
    let mut turn = 0;
    while !waiting.is_empty() {
        let ready = waiting.iter().enumerate().find_map(|(at, &w)| {
            let (target, room, others) = &allotted[w];
            let world = moving[w].1.beside(&now.others(w), room.clone(), others);
            let fits = (0..target.len())
                .all(|p| target[p] <= world.existing[p] || world.step_room[p].is_none_or(|room| target[p] <= room));
            // Who can make no step yet may once another has made way.
            match fits.then(|| facts_of(world))? {
                Err(Refusal::Blocked { .. }) if waiting.len() > 1 => None,
                decided => Some((at, decided)),
            }
        });
        let (at, decided) = ready.unwrap_or_else(|| {
            // Each waits for another: the first gets what fits beside what stands.
            let w = waiting[0];
            let (others, room) = (now.others(w), now.room(w));
            let decided = facts_of(moving[w].1.beside(&others, room, &others));
            (0, decided.map(|facts| Facts { held_up: facts.placement.target != allotted[w].0, ..facts }))
        });
        let w = waiting.remove(at);
        if let Ok(facts) = &decided {
            let target = facts.placement.target.clone();
            now.set(w, target);
        }
        answers[moving[w].0] = Some(decided.map(|facts| Facts { turn, ..facts }));
        turn += 1;
    }
    tell_rooms(&now, &moving, &allotted, answers);
}

/// Who came short of what was meant for him, in doubt or held up, leaves others more room, or less: they are told what there is.
fn tell_rooms<'a>(
    reached: &Table<'_, '_>,
    moving: &[(usize, World<'a>)],
    meant: &[Allotted],
    answers: &mut [Option<Result<Facts<'a>, Refusal>>],
) {
    if (0..moving.len()).all(|w| reached.players[w].target == meant[w].0) {
        return;
    }
    for (w, (i, world)) in moving.iter().enumerate() {
        if let Some(Ok(facts)) = &mut answers[*i] {
            facts.world.room = reached.room(w);
            facts.world.room_hi = world.room_beside(&reached.others(w), true);
        }
    }
}

/// The most a workload holds at each place at any moment of its own steps, and whether it adds there, or changes anything.
fn course(facts: &Facts<'_>) -> Vec<(u64, bool, bool)> {
    let mut now: Vec<u64> = facts.world.existing.iter().map(|n| u64::from(*n)).collect();
    let mut seen: Vec<(u64, bool, bool)> = now.iter().map(|n| (*n, false, false)).collect();
    for step in &facts.steps {
        for entry in &step.adds {
            let new = u64::from(entry.created());
            now[entry.place] += new;
            let at = &mut seen[entry.place];
            *at = (at.0.max(now[entry.place]), at.1 || new > 0, at.2 || new > 0);
        }
        for entry in &step.removes {
            now[entry.place] = now[entry.place].saturating_sub(u64::from(entry.count));
            seen[entry.place].2 |= entry.count > 0;
        }
    }
    seen
}

/// Whose steps wait for whose: where not all fits at once, a workload adds only when those before it are done there.
fn follow(
    topology: &Topology,
    questions: &[Question<'_>],
    shared: &BTreeSet<usize>,
    answers: &mut [Option<Result<Facts<'_>, Refusal>>],
) {
    let mut at: BTreeMap<usize, Vec<(usize, u64, bool, bool)>> = BTreeMap::new();
    let mut order: Vec<usize> = (0..answers.len()).filter(|&i| matches!(answers[i], Some(Ok(_)))).collect();
    let turn = |i: &usize| match &answers[*i] {
        Some(Ok(facts)) => facts.turn,
        _ => 0,
    };
    order.sort_by_key(turn);
    for &i in &order {
        let Some(Ok(facts)) = &answers[i] else { continue };
        for (place, (most, adds, changes)) in facts.world.workload.places.iter().zip(course(facts)) {
            at.entry(place.location).or_default().push((i, most, adds, changes));
        }
    }
    let worlds = order.iter().filter_map(|&i| answers[i].as_ref().and_then(|a| a.as_ref().ok())).map(|f| &f.world);
    let fixed = elsewhere(topology, questions, worlds);
    let mut follows: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (location, list) in at.iter().filter(|(l, _)| shared.contains(l)) {
        let Limit::Known { lo, .. } = topology.locations[*location].capacity.limit else { continue };
        if fixed[*location] + list.iter().map(|l| l.1).sum::<u64>() <= u64::from(lo) {
            continue;
        }
        for (n, &(i, _, adds, _)) in list.iter().enumerate() {
            let earlier = list[..n].iter().filter(|e| adds && e.3).map(|e| questions[e.0].workload.name.clone());
            follows.entry(i).or_default().extend(earlier);
        }
    }
    for (i, names) in follows {
        if let Some(Ok(facts)) = &mut answers[i] {
            facts.follows = names.into_iter().collect();
        }
    }
}

/// Tells every state how much room each loss leaves its workload, where several want the same.
fn joined(
    topology: &Topology,
    questions: &[Question<'_>],
    answers: &mut [Option<Result<Facts<'_>, Refusal>>],
    named: &BTreeSet<Vec<usize>>,
) {
    if shared(topology, questions).is_empty() {
        return;
    }
    let mut losses = named.clone();
    for facts in answers.iter().flatten().flatten() {
        losses.extend(report::asked_losses(facts));
    }
    let mut known: Option<(Moment, Vec<Shares>)> = None;
    for moment in [Moment::Before, Moment::After, Moment::Healthy] {
        let all: Vec<&Facts<'_>> = answers.iter().flatten().flatten().collect();
        let same = |last: Moment| all.iter().all(|f| moment.of(f).is_like(last.of(f)));
        let rooms = match known {
            Some((last, rooms)) if same(last) => rooms,
            _ => {
                let fixed = elsewhere(topology, questions, all.iter().map(|f| &f.world));
                evacuate(topology, &all, moment, &fixed, &losses)
            }
        };
        for (facts, rooms) in answers.iter_mut().flatten().flatten().zip(&rooms) {
            let state = moment.of_mut(facts);
            (state.room, state.room_hi, state.rooms) = rooms.clone();
        }
        known = Some((moment, rooms));
    }
}

#[derive(Clone, Copy)]
enum Moment {
    Before,
    After,
    Healthy,
}

impl Moment {
    fn of<'f>(self, facts: &'f Facts<'_>) -> &'f State {
        match self {
            Moment::Before => &facts.before,
            Moment::After => &facts.after,
            Moment::Healthy => &facts.healthy,
        }
    }

    fn of_mut<'f>(self, facts: &'f mut Facts<'_>) -> &'f mut State {
        match self {
            Moment::Before => &mut facts.before,
            Moment::After => &mut facts.after,
            Moment::Healthy => &mut facts.healthy,
        }
    }
}

type Room = Vec<Option<u32>>;

/// For each workload: certain and possible room beside what the others hold, and what differs from that after a loss.
fn evacuate(
    topology: &Topology,
    all: &[&Facts<'_>],
    moment: Moment,
    fixed: &[u64],
    losses: &BTreeSet<Vec<usize>>,
) -> Vec<(Room, Room, Rc<Rooms>)> {
    let table = |lost: &[usize], possible: bool| {
        Table::new(topology, seated(all, moment, lost, possible), fixed.to_vec(), possible)
    };
    let seats: Vec<usize> = table(&[], false).players.iter().map(|p| at(all, p.world)).collect();
    let rooms = |table: &Table<'_, '_>| -> Vec<Room> {
        let mut rooms = vec![Vec::new(); all.len()];
        (0..all.len()).for_each(|w| rooms[seats[w]] = table.room(w));
        rooms
    };
    let (certain, possible) = (rooms(&table(&[], false)), rooms(&table(&[], true)));
    // What nobody doubts need not be hoped for separately.
    let doubts = certain != possible || all.iter().any(|f| moment.of(f).lo != moment.of(f).hi);
    let mut after: Vec<Rooms> = vec![Rooms::new(); all.len()];
    // Where even all of everybody would fit beside what stands, nobody is ever in anybody's way.
    let everybody: u64 = all.iter().map(|f| u64::from(f.world.replicas)).sum();
    let losses = if table(&[], false).has_room_for(everybody) { &BTreeSet::new() } else { losses };
    for hopeful in [false, true].into_iter().filter(|hopeful| !hopeful || doubts) {
        // A workload that a loss does not reach wants what it wants without one.
        let unhurt: Vec<Vec<u32>> = {
            let table = table(&[], hopeful);
            (0..all.len()).map(|w| table.alone(w)).collect()
        };
        for lost in losses {
            let hit: Vec<bool> = (0..all.len())
                .map(|w| {
                    let (facts, state) = (all[seats[w]], moment.of(all[seats[w]]));
                    let full = unhurt[w].iter().zip(&state.existing).all(|(wish, has)| wish <= has);
                    reaches(facts, state, lost, full)
                })
                .collect();
            if !hit.contains(&true) {
                continue;
            }
            let mut alone = table(lost, hopeful);
            let wishes: Vec<Vec<u32>> =
                (0..all.len()).map(|w| if hit[w] { alone.alone(w) } else { unhurt[w].clone() }).collect();
            wishes.into_iter().enumerate().for_each(|(w, target)| alone.set(w, target));
            // Where nobody is in anybody's way, each has the room that is free beside what the others hold.
            if !alone.is_overfull() {
                continue;
            }
            let mut together = table(lost, hopeful);
            together.settle();
            for (i, room) in rooms(&together).into_iter().enumerate() {
                if !doubts {
                    after[i].insert((lost.clone(), true), room.clone());
                }
                after[i].insert((lost.clone(), hopeful), room);
            }
        }
    }
    let after = after.into_iter().map(Rc::new);
    certain
        .into_iter()
        .zip(possible)
        .zip(after)
        .map(|((certain, possible), after)| (certain, possible, after))
        .collect()
}

/// Whether a loss changes what a workload wants: it takes replicas, or, where not all it wants stands, places it could grow in.
fn reaches(facts: &Facts<'_>, state: &State, lost: &[usize], full: bool) -> bool {
    let fallen = facts.world.exposure.fall(lost);
    let takes = fallen.places.iter().any(|p| state.existing[p] > 0);
    let bars = !full && (!fallen.places.is_empty() || !fallen.control.is_empty());
    takes || bars || !fallen.entries.is_empty()
}

fn at(all: &[&Facts<'_>], world: &World<'_>) -> usize {
    all.iter().position(|f| std::ptr::eq(&f.world, world)).unwrap_or(0)
}

/// The workloads at a moment, after a loss.
fn seated<'t, 'w>(all: &[&'t Facts<'w>], moment: Moment, lost: &[usize], possible: bool) -> Vec<Player<'t, 'w>> {
    all.iter()
        .map(|facts| {
            let (world, state) = (&facts.world, moment.of(facts));
            let fallen = world.exposure.fall(lost);
            let (existing, mut standing) = after_loss(state, &fallen, possible);
            if !fallen.entries.is_empty() {
                // Nobody reaches it: more of it helps nobody.
                standing.iter_mut().filter(|s| **s == Standing::Open).for_each(|s| *s = Standing::Frozen);
            }
            let open = |p: usize| standing[p] == Standing::Open;
            Player {
                stuck: (0..existing.len()).map(|p| if open(p) { 0 } else { u64::from(state.existing[p]) }).collect(),
                target: (0..existing.len()).map(|p| if open(p) { existing[p] } else { 0 }).collect(),
                world,
                existing,
                standing,
                adds_only: true,
                after_loss: true,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread::decision::Note;
    use crate::spread::model::{Bound, Ratio};
    use crate::spread::tests::world::{cap, level, live, workload, zones};
    use proptest::prelude::*;

    fn zone(name: &str) -> Event {
        Event::Domain { level: 1, name: name.into() }
    }

    /// Decides all; the others of each are counted as the plan counts them.
    fn all(t: &Topology, asked: &[(Workload, Vec<u32>)], mode: &Mode) -> Vec<Result<Decision, Refusal>> {
        let total = |p: usize| asked.iter().map(|(_, n)| n[p]).sum::<u32>();
        let lives: Vec<Live> = asked
            .iter()
            .map(|(_, n)| {
                let mut live = live(n);
                (0..n.len()).for_each(|p| live.places[p].others = total(p) - n[p]);
                live
            })
            .collect();
        let question = |((workload, _), live): (&'_ (Workload, Vec<u32>), &'_ Live)| (workload.clone(), live.clone());
        let owned: Vec<(Workload, Live)> = asked.iter().zip(&lives).map(question).collect();
        let questions: Vec<Question<'_>> =
            owned.iter().map(|(workload, live)| Question { workload, live, mode, stays: false }).collect();
        decide_all(t, &questions)
    }

    fn named(t: &Topology, i: usize, n: u32) -> Workload {
        Workload { name: format!("app{i:02}"), ..workload(t, n, vec![level("zone", Ratio::Even)]) }
    }

    /// Karmada #6518: 15 workloads of one replica in a, all lost at once; b has room for 10, c for 5.
    fn stampede(b: u32, c: u32) -> (u32, u32, u64) {
        let mut t = zones(3);
        (t.locations[1].capacity, t.locations[2].capacity) = (cap(b), cap(c));
        let asked: Vec<(Workload, Vec<u32>)> = (0..15).map(|i| (named(&t, i, 1), vec![1, 0, 0])).collect();
        // The failover itself.
        let answers = all(&t, &asked, &Mode::Failover { lost: vec![zone("a")] });
        let sum = |p: usize| answers.iter().map(|a| a.as_ref().unwrap().after[p]).sum::<u32>();
        // And what every plan before it says of the loss, in the same numbers.
        let told: Vec<Decision> = all(&t, &asked, &Mode::normal()).into_iter().map(Result::unwrap).collect();
        let row = |d: &Decision| {
            d.losses.iter().find(|r| r.lose.contains(&zone("a")) || r.aliases[0].contains(&zone("a"))).cloned().unwrap()
        };
        let grown = |p: usize| told.iter().flat_map(|d| row(d).growth).filter(|g| g.0 == p).map(|g| g.1).sum::<u32>();
        assert_eq!((grown(1), grown(2)), (sum(1), sum(2)));
        (sum(1), sum(2), told.iter().map(|d| row(d).unmet).sum())
    }

    #[test]
    fn stampede_joint() {
        assert_eq!(stampede(10, 5), (10, 5, 0));
        assert_eq!(stampede(8, 5), (8, 5, 2));
    }

    #[test]
    fn priority_first_then_shares() {
        let mut t = zones(1);
        t.locations[0].capacity = cap(9);
        let after = |second: i64| {
            let mut asked = [(named(&t, 0, 6), vec![0]), (named(&t, 1, 6), vec![0])];
            asked[1].0.priority = second;
            let answers = all(&t, &asked, &Mode::normal());
            answers.into_iter().map(|a| a.unwrap().after[0]).collect::<Vec<u32>>()
        };
        assert_eq!(after(0), [5, 4]);
        assert_eq!(after(1), [3, 6]);
    }

    #[test]
    fn room_that_one_gives_back_is_taken_when_it_is_free() {
        // a holds five, all of the first, which shrinks to two; the second takes the other three, and only then.
        let mut t = zones(1);
        t.locations[0].capacity = cap(5);
        let asked = [(named(&t, 0, 3), vec![0]), (named(&t, 1, 2), vec![5])];
        let answers: Vec<Decision> = all(&t, &asked, &Mode::normal()).into_iter().map(Result::unwrap).collect();
        assert_eq!((answers[0].after[0], answers[1].after[0]), (3, 2));
        assert_eq!((answers[0].follows.clone(), answers[1].follows.clone()), (vec!["app01".to_string()], vec![]));
        assert_eq!((answers[0].others[0], answers[1].others[0]), (2, 0));
    }

    /// One that was to come into a, and does not because a place is in doubt, takes no room from the others there.
    #[test]
    fn who_is_held_back_by_doubt_leaves_his_room_to_the_others() {
        let mut t = zones(3);
        (t.locations[0].capacity, t.locations[2].capacity) = (cap(12), cap(1));
        t.locations[1].health = super::super::model::Health::Unknown;
        let floor = |w: Workload, percent: u64| Workload { floor_serving: Bound::percent(percent), ..w };
        let asked: Vec<(Workload, Vec<u32>)> = [(4, 0), (2, 0), (3, 50)]
            .iter()
            .enumerate()
            .map(|(i, (n, percent))| (floor(named(&t, i, *n), *percent), vec![1, 1, 1]))
            .collect();
        let answers: Vec<Decision> = all(&t, &asked, &Mode::normal()).into_iter().map(Result::unwrap).collect();
        for (i, d) in answers.iter().enumerate() {
            let others = answers.iter().enumerate().filter(|(k, _)| *k != i);
            let most: u32 = others.map(|(_, o)| o.existing[0].max(o.after[0])).sum();
            assert!(d.room[0].is_some_and(|room| room >= 12 - most), "{i}: room {:?}, others {most}", d.room[0]);
        }
    }

    #[test]
    fn workloads_that_fit_wait_for_nobody() {
        let mut t = zones(2);
        t.locations.iter_mut().for_each(|l| l.capacity = cap(10));
        let asked = [(named(&t, 0, 6), vec![0, 0]), (named(&t, 1, 6), vec![0, 0])];
        let answers: Vec<Decision> = all(&t, &asked, &Mode::normal()).into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|d| d.follows.is_empty() && d.after == [3, 3]));
    }

    #[test]
    fn what_lowers_a_capacity_is_borne_together() {
        let mut t = zones(1);
        t.locations[0].capacity = cap(6);
        let asked = [(named(&t, 0, 5), vec![5]), (named(&t, 1, 5), vec![5])];
        let answers: Vec<Decision> = all(&t, &asked, &Mode::normal()).into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().map(|d| d.after[0]).collect::<Vec<_>>(), [3, 3]);
    }

    /// N, priority, live.
    type Small = (u32, i64, Vec<u32>);

    /// Targets fit together, every moment of every order of the steps fits, and a second look changes nothing.
    fn keeps_to_its_room(caps: &[Option<u32>], ws: &[Small], floor: u64) -> Result<(), TestCaseError> {
        let mut t = zones(3);
        for (l, c) in t.locations.iter_mut().zip(caps) {
            l.capacity = c.map_or(l.capacity, cap);
        }
        let build = |ws: &[Small]| -> Vec<(Workload, Vec<u32>)> {
            ws.iter()
                .enumerate()
                .map(|(i, (n, priority, live))| {
                    let w = Workload { priority: *priority, floor_serving: Bound::percent(floor), ..named(&t, i, *n) };
                    (w, live.clone())
                })
                .collect()
        };
        let asked = build(ws);
        let answers = all(&t, &asked, &Mode::normal());
        if answers.iter().any(Result::is_err) {
            return Ok(());
        }
        let answers: Vec<Decision> = answers.into_iter().map(Result::unwrap).collect();
        for (p, cap) in caps.iter().enumerate() {
            let Some(cap) = cap else { continue };
            let (now, then): (u32, u32) =
                (asked.iter().map(|a| a.1[p]).sum(), answers.iter().map(|d| d.after[p]).sum());
            prop_assert!(then <= *cap, "{then} of {cap} in {p}, {now} before");
            for d in &answers {
                // While one adds, the others hold what they have, or had, or at most ever hold.
                let mut own = d.existing[p];
                let mut most = own;
                for step in &d.steps {
                    own += step.adds.iter().filter(|e| e.place == p).map(|e| e.count).sum::<u32>();
                    if step.adds.iter().any(|e| e.place == p) {
                        most = most.max(own);
                    }
                    own -= step.removes.iter().filter(|e| e.place == p).map(|e| e.count).sum::<u32>();
                }
                prop_assert!(most == d.existing[p] || most + d.others[p] <= *cap);
            }
        }
        // A second look. Who wanted room that others gave back only after him goes on then.
        if answers.iter().any(|d| d.notes.contains(&Note::HeldUp)) {
            return Ok(());
        }
        let next: Vec<Small> = ws.iter().zip(&answers).map(|(w, d)| (w.0, w.1, d.after.clone())).collect();
        for (d, first) in all(&t, &build(&next), &Mode::normal()).into_iter().zip(&answers) {
            let d = d.unwrap();
            prop_assert!(!d.has_changes(), "{:?} then {:?}", first.after, d.after);
        }
        Ok(())
    }

    #[test]
    fn three_that_share_all_places_keep_to_the_room_of_the_last() {
        let ws = [(3, 0, vec![3, 0, 0]), (4, 0, vec![0, 0, 1]), (2, 1, vec![2, 0, 2])];
        keeps_to_its_room(&[Some(5), None, Some(2)], &ws, 0).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

        #[test]
        fn shared_room_is_kept_at_every_moment(
            caps in prop::collection::vec(prop::option::weighted(0.7, 0u32..9), 3),
            ws in prop::collection::vec((0u32..7, 0i64..2, prop::collection::vec(0u32..4, 3)), 2..4),
            floor in 0u64..101,
        ) {
            keeps_to_its_room(&caps, &ws, floor)?;
        }
    }
}
