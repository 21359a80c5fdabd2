//! Several workloads in one quota: by priority, and by Webster among equals (`spread.md` 4.3).

use std::collections::BTreeMap;

use super::apportion::{Share, apportion};
use super::decide::decide;
use super::decision::{Decision, Refusal};
use super::model::{Limit, Live, Method, Mode, Topology, Workload};
use super::place::place;
use super::slots::existing;
use super::world::World;

/// One workload's question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The rules.
    pub workload: &'a Workload,
    /// What stands; `others` of each place holds what the other workloads have there now.
    pub live: &'a Live,
    /// What is asked.
    pub mode: &'a Mode,
}

/// Growth by location.
type Growth = BTreeMap<usize, u64>;

/// Decides for all workloads together, so that no two plans count on the same room. Answers are in the order of the questions.
///
/// Higher priority goes first. Where the wishes of equals exceed what a location has left, it is divided among them by Webster
/// with their wishes as weights. What a workload holds at its most during its own steps is taken from those after it.
pub fn decide_all(topology: &Topology, questions: &[Question<'_>]) -> Vec<Result<Decision, Refusal>> {
    let mut order: Vec<usize> = (0..questions.len()).collect();
    let key = |i: &usize| (std::cmp::Reverse(questions[*i].workload.priority), questions[*i].workload.name.as_str());
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut taken = Growth::new();
    let mut answers: Vec<Option<Result<Decision, Refusal>>> = questions.iter().map(|_| None).collect();
    for equals in order.chunk_by(|a, b| questions[*a].workload.priority == questions[*b].workload.priority) {
        let mut granted = grants(topology, questions, equals, &taken);
        for (at, &i) in equals.iter().enumerate() {
            let mut held = taken.clone();
            for later in granted.iter().skip(at + 1) {
                add(&mut held, later);
            }
            let live = with_others(&questions[i], &held);
            let answer = decide(topology, questions[i].workload, &live, questions[i].mode);
            if let Ok(decision) = &answer {
                add(&mut taken, &most_held(questions[i].workload, decision));
            }
            granted[at].clear();
            answers[i] = Some(answer);
        }
    }
    answers.into_iter().flatten().collect()
}

fn add(to: &mut Growth, more: &Growth) {
    for (&location, &units) in more {
        *to.entry(location).or_default() += units;
    }
}

fn with_others(question: &Question<'_>, held: &Growth) -> Live {
    let mut live = question.live.clone();
    for (place, live) in question.workload.places.iter().zip(&mut live.places) {
        let more = held.get(&place.location).copied().unwrap_or(0).min(u64::from(u32::MAX)) as u32;
        live.others = live.others.saturating_add(more);
    }
    live
}

/// What each of several equals may count on where their wishes meet.
fn grants(topology: &Topology, questions: &[Question<'_>], equals: &[usize], taken: &Growth) -> Vec<Growth> {
    let mut wishes: Vec<Growth> = equals.iter().map(|&i| wish(topology, &questions[i], taken)).collect();
    if equals.len() < 2 {
        return wishes;
    }
    for location in 0..topology.locations.len() {
        let Limit::Known { lo, .. } = topology.locations[location].capacity.limit else { continue };
        let shares: Vec<Share> = wishes
            .iter()
            .map(|w| w.get(&location).copied().unwrap_or(0))
            .map(|wish| Share { weight: wish.min(u64::from(u32::MAX)), floor: 0, cap: wish })
            .collect();
        let Some(used) = equals.iter().find_map(|&i| used_at(&questions[i], location)) else { continue };
        let free = u64::from(lo).saturating_sub(used + taken.get(&location).copied().unwrap_or(0));
        if shares.iter().map(|s| s.cap).sum::<u64>() <= free {
            continue;
        }
        let Ok(mut divided) = apportion(Method::Webster, free, &shares) else { continue };
        // Names are in order, so the first of the tied is a stable choice.
        for &i in divided.tied.iter().take(divided.extra) {
            divided.base[i] += 1;
        }
        for (wish, units) in wishes.iter_mut().zip(divided.base) {
            wish.entry(location).and_modify(|w| *w = units);
        }
    }
    wishes
}

/// Replicas of all workloads at a location now, as one of them sees it.
fn used_at(question: &Question<'_>, location: usize) -> Option<u64> {
    let at = question.workload.places.iter().position(|p| p.location == location)?;
    let live = question.live.places.get(at)?;
    Some(u64::from(live.others) + u64::from(existing(live)))
}

fn wish(topology: &Topology, question: &Question<'_>, taken: &Growth) -> Growth {
    let live = with_others(question, taken);
    let mut growth = Growth::new();
    let Ok(world) = World::new(topology, question.workload, &live, question.mode) else { return growth };
    let Ok(placement) = place(&world.ask()) else { return growth };
    for (p, place) in question.workload.places.iter().enumerate() {
        let more = placement.target[p].saturating_sub(world.existing[p]);
        if more > 0 && *question.mode != Mode::Destroy {
            growth.insert(place.location, u64::from(more));
        }
    }
    growth
}

/// The most a workload holds above what it has, by location, at any moment of its own steps.
fn most_held(workload: &Workload, decision: &Decision) -> Growth {
    let mut now: Vec<i64> = vec![0; workload.places.len()];
    let mut most = now.clone();
    for step in &decision.steps {
        for entry in &step.adds {
            let made = entry.slots.iter().filter(|s| s.role == super::decision::Role::Complete).count();
            now[entry.place] += i64::from(entry.count) - made.min(entry.count as usize) as i64;
            most[entry.place] = most[entry.place].max(now[entry.place]);
        }
        for entry in &step.removes {
            now[entry.place] -= i64::from(entry.count);
        }
    }
    let held = workload.places.iter().zip(most).filter(|(_, m)| *m > 0);
    held.map(|(place, most)| (place.location, most as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread::model::{Event, Ratio};
    use crate::spread::tests::world::{cap, level, live, workload, zones};

    /// Karmada #6518: 15 workloads of one replica in a, all lost at once; b has room for 10, c for 5.
    fn stampede(b: u32, c: u32) -> (u32, u32, u32) {
        let mut t = zones(3);
        (t.locations[1].capacity, t.locations[2].capacity) = (cap(b), cap(c));
        let mode = Mode::Failover { lost: vec![Event::Domain { level: 1, name: "a".into() }] };
        let all: Vec<_> = (0..15)
            .map(|i| {
                let mut w = workload(&t, 1, vec![level("zone", Ratio::Even)]);
                w.name = format!("app{i:02}");
                (w, live(&[1, 0, 0]))
            })
            .collect();
        let questions: Vec<Question<'_>> =
            all.iter().map(|(workload, live)| Question { workload, live, mode: &mode }).collect();
        let answers = decide_all(&t, &questions);
        let sum = |p: usize| answers.iter().map(|a| a.as_ref().unwrap().after[p]).sum::<u32>();
        (sum(1), sum(2), 15 - sum(1) - sum(2))
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
        let mode = Mode::normal();
        let mut first = workload(&t, 6, vec![]);
        let mut second = workload(&t, 6, vec![]);
        (first.name, second.name) = ("a".into(), "b".into());
        let now = live(&[0]);
        let ask = |first: &Workload, second: &Workload| {
            let questions = [
                Question { workload: first, live: &now, mode: &mode },
                Question { workload: second, live: &now, mode: &mode },
            ];
            decide_all(&t, &questions).into_iter().map(|a| a.unwrap().after[0]).collect::<Vec<u32>>()
        };
        assert_eq!(ask(&first, &second), [5, 4]);
        second.priority = 1;
        assert_eq!(ask(&first, &second), [3, 6]);
    }
}
