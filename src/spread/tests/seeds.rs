//! Worlds from seeds, lived through window by window: some vantage points lie, some are silent, some answer late, the provider's word may
//! be stale or missing. No failover on a false alarm, none missed, nothing taken away where nobody knows.

use super::world;
use crate::spread::evidence::{Control, Demands, Evidence, Sight, State, Vantage, judge};
use crate::spread::machine::{Record, Said, Timers, may_return, step};
use crate::spread::model::{Bound, Health, Mode};
use std::collections::BTreeSet;

/// Numbers that are the same for a seed on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    Honest,
    Lies,
    Silent,
    /// Answers what was true a window ago: its answer is to an earlier question, and counts for nothing.
    Late,
}

const DEMANDS: Demands = Demands { quorum: 2, confirm: 2 };
const WINDOWS: usize = 40;
const WINDOW_MS: i64 = 60_000;

/// What a seed lived through.
#[derive(Default, Debug)]
struct Lived {
    losses: u64,
    failovers: u64,
    returns: u64,
    doubts: u64,
}

/// One location through forty windows. Fewer points lie than the quorum; the rest is as the seed has it.
fn lived(seed: u64) -> Lived {
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let points = 2 + draw.below(4) as usize;
    let mut manners: Vec<Manner> = (0..points)
        .map(|_| [Manner::Honest, Manner::Honest, Manner::Silent, Manner::Late][draw.below(4) as usize])
        .collect();
    if draw.below(2) == 0 {
        manners[0] = Manner::Lies;
    }
    let vantages: Vec<Vantage> =
        (0..points).map(|i| Vantage { machine: i.to_string(), shares: BTreeSet::new() }).collect();
    let timers = Timers { stable_for_s: 60 * draw.below(6), hold_s: 60 * draw.below(30) };
    let (from, to) = (2 + draw.below(20) as usize, 22 + draw.below(18) as usize);
    let ever_down = draw.below(3) > 0;
    let stale = draw.below(3) as usize;
    let mut record = Record::well(0);
    let mut windows: Vec<Vec<Sight>> = Vec::new();
    let mut found = Lived::default();
    for w in 0..WINDOWS {
        let down_at = |w: usize| ever_down && (from..to).contains(&w);
        let is_down = down_at(w);
        let mut sights = Vec::new();
        for manner in &manners {
            sights.push(match (manner, is_down) {
                (Manner::Silent | Manner::Late, _) => Sight::Missing,
                (Manner::Honest, true) | (Manner::Lies, false) => Sight::Fail,
                (Manner::Honest, false) | (Manner::Lies, true) => Sight::Pass,
            });
        }
        windows.push(sights);
        // The provider's word comes late by so many windows, or not at all.
        let unreachable = draw.below(5) == 0;
        let control = match (unreachable, down_at(w.saturating_sub(stale))) {
            (true, _) => Control::Unreachable,
            (false, true) => Control::SaysDown,
            (false, false) => Control::Answers,
        };
        let evidence =
            Evidence { control, windows: &windows, front_door: None, operator_says_lost: false, held: false };
        let seen = judge(&vantages, DEMANDS, &evidence);
        let now = w as i64 * WINDOW_MS;
        // Somebody answers whatever is offered, at once.
        let said = match record.state {
            State::Down => Said::FailedOver,
            State::Probation if may_return(&record, timers, now) => Said::Return,
            State::Returning => Said::Returned,
            _ => Said::Nothing,
        };
        let next = step(&record, timers, seen.state, said, now);
        let honest = manners.iter().filter(|m| **m == Manner::Honest).count();
        let lies = manners.iter().filter(|m| **m == Manner::Lies).count();
        let truly = (w + 1 - DEMANDS.confirm.min(w + 1)..=w).all(down_at);
        if seen.state == State::Down {
            assert!(truly, "seed {seed}, window {w}: a false alarm by {manners:?}");
            found.losses += 1;
        }
        if truly && control == Control::SaysDown && honest >= DEMANDS.quorum && honest > lies {
            let known = matches!(next.state, State::Down | State::FailedOver);
            assert!(known || seen.state == State::Down, "seed {seed}, window {w}: missed by {manners:?}: {next:?}");
        }
        if next.state == State::FailedOver && record.state == State::Down {
            found.failovers += 1;
        }
        found.returns += u64::from(next.state == State::Returning && record.state == State::Probation);
        if !matches!(next.state, State::Healthy | State::Degraded | State::Returning | State::ControlLost) {
            assert!(!next.state.allowed().remove && !next.state.allowed().replace, "seed {seed}: {:?}", next.state);
            found.doubts += 1;
        }
        if next.state == State::Returning {
            assert!(!is_down || !seen.state.is_well() || manners.contains(&Manner::Lies) || honest == 0, "seed {seed}");
        }
        record = next;
    }
    found
}

#[test]
fn thousands_of_seeds_with_lying_silent_and_late_witnesses() {
    let mut all = Lived::default();
    for seed in 0..6000 {
        let one = lived(seed);
        all.losses += one.losses;
        all.failovers += one.failovers;
        all.returns += one.returns;
        all.doubts += one.doubts;
    }
    // The seeds hold what they are to hold: true losses, answers to them, ways back, and doubt.
    assert!(all.losses > 1000 && all.failovers > 200 && all.returns > 50 && all.doubts > 10_000, "{all:?}");
}

/// Whatever is planned while a place is in doubt: nothing is taken away there, and nowhere else what is safe only if it serves.
#[test]
fn nothing_is_removed_in_an_unknown_place_on_any_seed() {
    let mut changed = 0;
    for seed in 0..3000u64 {
        let mut draw = Draw(seed.wrapping_mul(0xd134_2543_de82_ef95) | 1);
        let n = 2 + draw.below(3) as usize;
        let mut topology = world::zones(n);
        let doubtful = [Health::Unknown, Health::Suspect, Health::Probation, Health::ControlLost];
        let at = draw.below(n as u64) as usize;
        topology.locations[at].health = doubtful[draw.below(4) as usize];
        let live: Vec<u32> = (0..n).map(|_| draw.below(6) as u32).collect();
        let mut rules = world::workload(
            &topology,
            1 + draw.below(12) as u32,
            vec![world::level("zone", crate::spread::model::Ratio::Even)],
        );
        rules.floor_serving = Bound::Count(draw.below(5) as u32);
        if draw.below(2) == 0 {
            rules.survive = vec![world::survive(world::of_level("zone"), 1, Bound::Count(draw.below(4) as u32))];
        }
        let existing = world::live(&live);
        let Ok(decision) = crate::spread::decide(&topology, &rules, &existing, &Mode::normal()) else { continue };
        assert_eq!(decision.after[at], live[at], "seed {seed}: {live:?} {decision:?}");
        let mut certain: u32 = decision.before.iter().map(|i| i.lo).sum();
        let floor = rules.floor_serving.ceil_of(decision.replicas).min(u64::from(certain));
        for step in &decision.steps {
            assert!(step.removes.iter().all(|e| e.place != at), "seed {seed}");
            let gone: u32 = step.removes.iter().map(|e| e.ready).sum();
            certain = certain.saturating_sub(gone);
            assert!(u64::from(certain) >= floor, "seed {seed}: counts on what nobody knows: {decision:?}");
            certain += step.adds.iter().map(|e| e.ready).sum::<u32>();
            changed += 1;
        }
    }
    assert!(changed > 1000, "{changed}");
}
