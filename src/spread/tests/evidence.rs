//! The table and the transitions of `spread.md` 4.6, against truths that tests know and the engine does not.

use crate::spread::evidence::{
    Control, Counted, Demands, Evidence, Reliance, Sight, State, Vantage, breaker, independent, judge,
};
use crate::spread::machine::{
    DEFAULT_HOLD_S, FORGIVEN_S, LONGEST_S, Record, Said, Timers, may_return, short, step, wanted_s,
};
use crate::spread::tests::world;
use proptest::prelude::*;
use std::collections::BTreeSet;

const MINUTE: i64 = 60_000;

/// Vantage points with these risks, each on a machine of its own.
fn points(shares: &[&[usize]]) -> Vec<Vantage> {
    let point = |(i, s): (usize, &&[usize])| Vantage { machine: i.to_string(), shares: s.iter().copied().collect() };
    shares.iter().enumerate().map(point).collect()
}

fn apart(n: usize) -> Vec<Vantage> {
    (0..n).map(|i| Vantage { machine: i.to_string(), shares: BTreeSet::from([i]) }).collect()
}

fn evidence(control: Control, windows: &[Vec<Sight>]) -> Evidence<'_> {
    Evidence { control, windows, front_door: None, operator_says_lost: false, held: false }
}

const TWO: Demands = Demands { quorum: 2, confirm: 2 };

#[test]
fn the_table_of_states() {
    use Sight::{Fail, Missing, Mixed, Pass};
    let v = apart(3);
    let state = |control, windows: &[Vec<Sight>]| judge(&v, TWO, &evidence(control, windows)).state;
    let all = |s: Sight| vec![s; 3];
    for (control, windows, wanted) in [
        (Control::Answers, vec![all(Pass)], State::Healthy),
        (Control::Assumed, vec![all(Pass)], State::Healthy),
        (Control::Impaired, vec![all(Pass)], State::Degraded),
        (Control::Unreachable, vec![all(Pass)], State::ControlLost),
        (Control::SaysDown, vec![all(Pass)], State::Suspect),
        // One failed window, and a clean one after it.
        (Control::Answers, vec![all(Fail)], State::Suspect),
        (Control::SaysDown, vec![all(Fail)], State::Suspect),
        (Control::SaysDown, vec![all(Fail), all(Pass)], State::Suspect),
        (Control::Answers, vec![all(Fail), all(Pass)], State::Healthy),
        (Control::SaysDown, vec![all(Fail), all(Fail)], State::Down),
        // Probes alone never make it down; neither does a silent provider.
        (Control::Answers, vec![all(Fail); 9], State::Suspect),
        (Control::Unreachable, vec![all(Fail); 9], State::Suspect),
        (Control::Unreachable, vec![vec![Fail, Pass, Pass]; 9], State::Unknown),
        (Control::Unreachable, vec![all(Missing); 9], State::Unknown),
        (Control::SaysDown, vec![all(Missing); 9], State::Suspect),
        // One of three may lie either way.
        (Control::SaysDown, vec![vec![Fail, Fail, Pass]; 2], State::Down),
        (Control::SaysDown, vec![vec![Fail, Pass, Pass]; 9], State::Suspect),
        (Control::SaysDown, vec![vec![Fail, Missing, Missing]; 9], State::Suspect),
        (Control::SaysDown, vec![vec![Fail, Mixed, Missing]; 9], State::Suspect),
        // Without probes the provider's explicit word counts, and a silence does not.
        (Control::SaysDown, vec![], State::Down),
        (Control::Unreachable, vec![], State::Unknown),
    ] {
        assert_eq!(state(control, &windows), wanted, "{control:?} {windows:?}");
    }
    let door = Evidence { front_door: Some(Pass), ..evidence(Control::Unreachable, &[]) };
    assert_eq!(judge(&[], TWO, &door).state, State::ControlLost);
    let person = Evidence { operator_says_lost: true, ..evidence(Control::Answers, &[]) };
    assert_eq!(judge(&[], TWO, &person).state, State::Down);
    let held = vec![all(Fail); 2];
    let held = judge(&v, TWO, &Evidence { held: true, ..evidence(Control::SaysDown, &held) });
    assert_eq!((held.state, held.held), (State::Suspect, true));
}

#[test]
fn what_each_state_allows() {
    let counted = Counted { ready: 4, confirmed: 3, last_known: 5 };
    let frozen = [State::Suspect, State::Unknown, State::ControlLost, State::Down, State::FailedOver];
    for state in frozen {
        let allowed = state.allowed();
        assert!(!allowed.add && !allowed.remove && !allowed.replace, "{state:?}");
        let confirmed = if state == State::ControlLost { 3 } else { 0 };
        assert_eq!(state.bounds(counted).0, confirmed, "{state:?}");
    }
    assert_eq!(State::ControlLost.bounds(counted), (3, 5));
    assert_eq!(State::Unknown.bounds(counted), (0, 5));
    assert_eq!(State::Healthy.bounds(counted), (4, 4));
    assert_eq!(State::Probation.bounds(counted).0, 0);
    assert_eq!(State::ControlLost.reliance(), Reliance::Confirmed);
    assert_eq!(State::Suspect.reliance(), Reliance::Nothing);
    assert!(State::Probation.allowed().canary && !State::Probation.allowed().add);
    assert!(!State::Degraded.allowed().remove);
}

#[test]
fn two_vantage_points_on_one_line_are_one() {
    use Sight::Fail;
    let windows = vec![vec![Fail, Fail]; 5];
    let one_line = points(&[&[7], &[7]]);
    assert_eq!(judge(&one_line, TWO, &evidence(Control::SaysDown, &windows)).state, State::Suspect);
    assert_eq!(judge(&points(&[&[7], &[8]]), TWO, &evidence(Control::SaysDown, &windows)).state, State::Down);
    let mut one_machine = points(&[&[], &[]]);
    one_machine[1].machine = one_machine[0].machine.clone();
    assert_eq!(judge(&one_machine, TWO, &evidence(Control::SaysDown, &windows)).state, State::Suspect);
    // A chain: the first and the last share nothing.
    let chain = points(&[&[1], &[1, 2], &[2]]);
    assert_eq!(independent(&chain, &[0, 1, 2]), 2);
}

/// Every subset, by brute force.
fn largest(vantages: &[Vantage]) -> usize {
    let shares = |a: &Vantage, b: &Vantage| a.machine == b.machine || a.shares.intersection(&b.shares).next().is_some();
    (0u32..1 << vantages.len())
        .filter(|set| {
            let chosen: Vec<&Vantage> =
                (0..vantages.len()).filter(|i| set >> i & 1 == 1).map(|i| &vantages[i]).collect();
            chosen.iter().enumerate().all(|(i, a)| chosen[i + 1..].iter().all(|b| !shares(a, b)))
        })
        .map(u32::count_ones)
        .max()
        .unwrap_or(0) as usize
}

/// Whether a vantage point tells the truth, lies, is silent, or is late.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Manner {
    Honest,
    Lies,
    Silent,
}

#[test]
fn fewer_liars_than_the_quorum_never_make_a_false_failover_and_never_hide_a_true_one() {
    let manners = [Manner::Honest, Manner::Lies, Manner::Silent];
    let controls = [Control::Answers, Control::Assumed, Control::Impaired, Control::SaysDown, Control::Unreachable];
    let mut seen = 0;
    for n in 1..=4usize {
        for code in 0..3usize.pow(n as u32) {
            let who: Vec<Manner> = (0..n).map(|i| manners[code / 3usize.pow(i as u32) % 3]).collect();
            let liars = who.iter().filter(|m| **m == Manner::Lies).count();
            let honest = who.iter().filter(|m| **m == Manner::Honest).count();
            for (truth_is_up, control) in [true, false].into_iter().flat_map(|t| controls.map(|c| (t, c))) {
                let says = |m: &Manner| match (m, truth_is_up) {
                    (Manner::Silent, _) => Sight::Missing,
                    (Manner::Honest, true) | (Manner::Lies, false) => Sight::Pass,
                    _ => Sight::Fail,
                };
                let windows = vec![who.iter().map(says).collect::<Vec<_>>(); 3];
                let judged = judge(&apart(n), TWO, &evidence(control, &windows));
                if truth_is_up && liars < 2 {
                    assert_ne!(judged.state, State::Down, "false alarm: {who:?} {control:?}");
                }
                if !truth_is_up && control == Control::SaysDown && honest >= 2 && honest > liars {
                    assert_eq!(judged.state, State::Down, "missed: {who:?}");
                }
                if !truth_is_up && liars == 0 && honest > 0 {
                    assert_eq!(judged.state.bounds(Counted { ready: 5, confirmed: 0, last_known: 5 }).0, 0);
                }
                seen += 1;
            }
        }
    }
    assert_eq!(seen, (3 + 9 + 27 + 81) * 10);
}

proptest! {
    #[test]
    fn the_largest_independent_set_is_found(shares in prop::collection::vec(prop::collection::btree_set(0usize..6, 0..3), 0..9)) {
        let vantages: Vec<Vantage> =
            shares.into_iter().enumerate().map(|(i, shares)| Vantage { machine: (i / 2).to_string(), shares }).collect();
        let all: Vec<usize> = (0..vantages.len()).collect();
        prop_assert_eq!(independent(&vantages, &all), largest(&vantages));
    }

    /// Whatever is seen, a place that is not well is not touched, and one more window of silence changes nothing for the worse.
    #[test]
    fn silence_and_time_never_make_a_loss(
        windows in prop::collection::vec(prop::collection::vec(0u8..4, 3), 0..6), silent in 1usize..200, control in 0u8..5
    ) {
        let sight = |n: &u8| [Sight::Pass, Sight::Mixed, Sight::Fail, Sight::Missing][*n as usize];
        let control = [Control::Answers, Control::Assumed, Control::Impaired, Control::SaysDown, Control::Unreachable][control as usize];
        let mut windows: Vec<Vec<Sight>> = windows.iter().map(|w| w.iter().map(sight).collect()).collect();
        windows.extend(vec![vec![Sight::Missing; 3]; silent]);
        let state = judge(&apart(3), TWO, &evidence(control, &windows)).state;
        prop_assert_ne!(state, State::Down);
        if control == Control::Unreachable {
            prop_assert_eq!(state, State::Unknown);
            prop_assert!(!state.allowed().remove && !state.allowed().add);
        }
    }

    /// Late answers: a failure must be seen in windows that follow each other up to now.
    #[test]
    fn a_loss_needs_its_windows_in_a_row(pattern in prop::collection::vec(any::<bool>(), 1..9), confirm in 1usize..5) {
        let windows: Vec<Vec<Sight>> =
            pattern.iter().map(|fails| vec![if *fails { Sight::Fail } else { Sight::Pass }; 2]).collect();
        let demands = Demands { quorum: 2, confirm };
        let state = judge(&apart(2), demands, &evidence(Control::SaysDown, &windows)).state;
        let row = pattern.iter().rev().take_while(|f| **f).count();
        prop_assert_eq!(state == State::Down, row >= confirm);
    }
}

const TIMERS: Timers = Timers { stable_for_s: 300, hold_s: DEFAULT_HOLD_S };

#[test]
fn every_transition_by_the_clock() {
    let t = |minutes: i64| minutes * MINUTE;
    let well = Record::well(0);
    let suspect = step(&well, TIMERS, State::Suspect, Said::Nothing, t(1));
    assert_eq!((suspect.state, suspect.since, suspect.left), (State::Suspect, t(1), Some(t(1))));
    assert_eq!(step(&suspect, TIMERS, State::Healthy, Said::Nothing, t(2)).state, State::Healthy, "one clean window");
    assert_eq!(step(&suspect, TIMERS, State::Unknown, Said::Nothing, t(2)).state, State::Unknown);
    let years = 3 * 365 * 24 * 60;
    let unknown = step(&suspect, TIMERS, State::Unknown, Said::Nothing, t(2));
    assert_eq!(step(&unknown, TIMERS, State::Unknown, Said::Nothing, t(years)).state, State::Unknown, "never by time");
    let down = step(&suspect, TIMERS, State::Down, Said::Nothing, t(2));
    assert_eq!(down.state, State::Down);
    assert_eq!(step(&suspect, TIMERS, State::Suspect, Said::FailedOver, t(2)).state, State::Suspect, "not proven");
    let over = step(&down, TIMERS, State::Down, Said::FailedOver, t(3));
    assert_eq!((over.state, over.failed_over, over.setbacks), (State::FailedOver, Some(t(3)), 0));
    let trial = step(&over, TIMERS, State::Healthy, Said::Nothing, t(10));
    assert_eq!((trial.state, trial.good_since), (State::Probation, Some(t(10))));
    assert!(!may_return(&trial, TIMERS, t(14)), "not stable yet");
    assert!(!may_return(&trial, TIMERS, t(20)), "not held yet");
    assert_eq!(step(&trial, TIMERS, State::Healthy, Said::Return, t(20)).state, State::Probation);
    assert!(may_return(&trial, TIMERS, t(33)));
    let failed = step(&trial, TIMERS, State::Suspect, Said::Nothing, t(12));
    assert_eq!((failed.state, failed.setbacks, failed.good_since), (State::FailedOver, 1, None));
    let again = step(&failed, TIMERS, State::Healthy, Said::Nothing, t(40));
    assert!(!may_return(&again, TIMERS, t(46)) && may_return(&again, TIMERS, t(50)), "doubled");
    let returning = step(&trial, TIMERS, State::Healthy, Said::Return, t(33));
    assert_eq!(returning.state, State::Returning);
    assert_eq!(step(&returning, TIMERS, State::Down, Said::Nothing, t(34)).state, State::FailedOver);
    assert_eq!(step(&returning, TIMERS, State::Healthy, Said::Returned, t(40)).state, State::Healthy);
}

/// DEGRADED: well by all evidence, and fewer serve than stand for longer than it takes to notice.
#[test]
fn too_few_that_serve_degrade_a_location_once_that_has_lasted() {
    let second = |s: i64| s * 1000;
    let look = |before: &Record, seen, few, at| {
        let (seen, short_since) = short(before, seen, few, 60, second(at));
        step(&Record { short_since, ..*before }, Timers { stable_for_s: 0, hold_s: 0 }, seen, Said::Nothing, second(at))
    };
    let mut record = Record::well(0);
    for (at, few, wanted) in [
        (0, true, State::Healthy),
        (60, true, State::Healthy),
        (61, true, State::Degraded),
        (500, true, State::Degraded),
        (501, false, State::Healthy),
        // A new shortage begins its own time.
        (510, true, State::Healthy),
        (570, true, State::Healthy),
        (571, true, State::Degraded),
    ] {
        record = look(&record, State::Healthy, few, at);
        assert_eq!(record.state, wanted, "at {at}s");
    }
    // It has not stopped being well: the breaker does not count it, and it is relied on for what serves.
    assert_eq!((record.left, record.state.reliance()), (None, Reliance::Ready));
    assert!(record.state.allowed().add && !record.state.allowed().remove);
    // Worse evidence stands before it, and ends its time.
    for worse in [State::Suspect, State::Unknown, State::Down] {
        let worse_now = look(&record, worse, true, 600);
        assert_eq!((worse_now.state, worse_now.short_since), (worse, None));
    }
}

#[test]
fn backing_off_doubles_to_a_day_and_a_clean_week_forgives() {
    assert_eq!(wanted_s(300, 0), 300);
    assert_eq!(wanted_s(300, 3), 2400);
    assert_eq!(wanted_s(300, 40), LONGEST_S);
    assert_eq!(wanted_s(300, 400), LONGEST_S);
    assert_eq!(wanted_s(2 * LONGEST_S, 1), 2 * LONGEST_S, "a longer wish is kept");
    let week = FORGIVEN_S as i64 * 1000;
    let tired = Record { setbacks: 5, ..Record::well(0) };
    assert_eq!(step(&tired, TIMERS, State::Healthy, Said::Nothing, week).setbacks, 0);
    assert_eq!(step(&tired, TIMERS, State::Healthy, Said::Nothing, week - 1000).setbacks, 5);
}

/// N15: a location that comes and goes ten times in an hour, with somebody who approves whatever is offered at once.
#[test]
fn flap_backoff() {
    for (stable_for_s, period) in [(0u64, 6i64), (60, 6), (120, 6), (300, 6), (1800, 6), (60, 5), (0, 2)] {
        let timers = Timers { stable_for_s, hold_s: DEFAULT_HOLD_S };
        let (mut record, mut failovers, mut failbacks) = (Record::well(0), 0, 0);
        for second in 0..3600i64 {
            let now = second * 1000;
            let up = (second / (period * 30)) % 2 == 1;
            let seen = if up { State::Healthy } else { State::Down };
            let said = match record.state {
                State::Down => Said::FailedOver,
                State::Probation if may_return(&record, timers, now) => Said::Return,
                State::Returning => Said::Returned,
                _ => Said::Nothing,
            };
            let next = step(&record, timers, seen, said, now);
            failovers += usize::from(next.state == State::FailedOver && record.state == State::Down);
            failbacks += usize::from(next.state == State::Returning && record.state == State::Probation);
            record = next;
        }
        assert!(
            (1..=2).contains(&failovers) && failbacks <= 1,
            "{stable_for_s} {period}: {failovers} over, {failbacks} back"
        );
    }
}

#[test]
fn breaker_hold() {
    let topology = world::zones(3);
    let rules = |losses| {
        let mut rules = world::workload(&topology, 6, vec![]);
        rules.survive = vec![world::survive(world::of_level("zone"), losses, crate::spread::model::Bound::Count(1))];
        rules
    };
    let lost = |places: &[usize]| places.iter().copied().collect::<BTreeSet<usize>>();
    let trips = |losses, most, places: &[usize]| breaker(&topology, [rules(losses)].iter(), most, &lost(places));
    assert!(!trips(1, None, &[0]));
    assert!(trips(1, None, &[0, 1]), "the rules speak of one");
    assert!(!trips(2, None, &[0, 1]));
    assert!(trips(2, None, &[0, 1, 2]));
    assert!(!trips(1, Some(2), &[0, 1]), "the spec says two");
    assert!(trips(1, Some(0), &[0]), "and may say none");
    assert!(!trips(1, Some(1), &[]));
}
