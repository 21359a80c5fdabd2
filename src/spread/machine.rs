//! The course of a location through a loss: failed over, on trial, returning. The clock is an argument; nothing here waits.

use super::evidence::State;

/// A failed return doubles the time that must pass, up to this.
pub const LONGEST_S: u64 = 24 * 3600;
/// So long without a break, and returns that failed before are forgotten.
pub const FORGIVEN_S: u64 = 7 * 24 * 3600;
/// Least time between a failover and the way back where the spec says nothing.
pub const DEFAULT_HOLD_S: u64 = 1800;

/// What must pass before the way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// So long must what was lost be well without a break, in seconds.
    pub stable_for_s: u64,
    /// So long must the failover have lasted, in seconds.
    pub hold_s: u64,
}

/// Where a location stands. Times are milliseconds of one clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: i64,
    /// When it last stopped being well: what the breaker counts.
    pub left: Option<i64>,
    /// When it was failed over.
    pub failed_over: Option<i64>,
    /// Since when it is well again without a break.
    pub good_since: Option<i64>,
    /// Returns that failed, and losses soon after a return.
    pub setbacks: u32,
    /// Since when nobody can tell anything of it.
    #[serde(default)]
    pub unknown_since: Option<i64>,
    /// Since when fewer replicas serve there than stand there.
    #[serde(default)]
    pub short_since: Option<i64>,
}

impl Record {
    /// Well since a moment, nothing behind it.
    pub fn well(now: i64) -> Record {
        Record {
            state: State::Healthy,
            since: now,
            left: None,
            failed_over: None,
            good_since: Some(now),
            setbacks: 0,
            unknown_since: None,
            short_since: None,
        }
    }
}

/// What somebody did, beside what is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Every step of the failover is healthy, the floor is met elsewhere.
    FailedOver,
    /// The way back is approved, its plan keeps every rule and the margin.
    Return,
    /// The normal placement is reached.
    Returned,
}

/// Seconds between two moments; never negative, also when the clock was set back.
pub fn seconds(since: i64, now: i64) -> u64 {
    u64::try_from(now.saturating_sub(since) / 1000).unwrap_or(0)
}

/// How long it must be well after so many setbacks.
pub fn wanted_s(stable_for_s: u64, setbacks: u32) -> u64 {
    let doubled = stable_for_s.saturating_mul(1u64.checked_shl(setbacks).unwrap_or(u64::MAX));
    doubled.min(LONGEST_S.max(stable_for_s))
}

/// Setbacks that still count.
pub fn setbacks(before: u32, good_since: Option<i64>, now: i64) -> u32 {
    match good_since {
        Some(since) if seconds(since, now) >= FORGIVEN_S => 0,
        _ => before,
    }
}

/// What is seen once time may speak: after `after_s` seconds of silence a location is down, where the spec says so (`None`: never). The
/// second: since when it is silent.
pub fn aged(before: &Record, seen: State, after_s: Option<u64>, now: i64) -> (State, Option<i64>) {
    if seen != State::Unknown {
        return (seen, None);
    }
    let since = before.unknown_since.unwrap_or(now);
    match after_s {
        Some(after) if seconds(since, now) >= after => (State::Down, Some(since)),
        _ => (State::Unknown, Some(since)),
    }
}

/// What is seen where too few serve: a location that is well by all evidence is degraded once that has lasted longer than it takes to
/// notice. The second: since when too few serve.
pub fn short(before: &Record, seen: State, too_few: bool, detect_s: u64, now: i64) -> (State, Option<i64>) {
    if !too_few || !seen.is_well() {
        return (seen, None);
    }
    let since = before.short_since.unwrap_or(now);
    match seconds(since, now) > detect_s {
        true => (State::Degraded, Some(since)),
        false => (seen, Some(since)),
    }
}

/// Whether the way back is open.
pub fn may_return(record: &Record, timers: Timers, now: i64) -> bool {
    let stable = record.good_since.is_some_and(|since| {
        seconds(since, now) >= wanted_s(timers.stable_for_s, setbacks(record.setbacks, Some(since), now))
    });
    let held = record.failed_over.is_some_and(|since| seconds(since, now) >= timers.hold_s);
    record.state == State::Probation && stable && held
}

/// The next record: `seen` is what the evidence of this moment leads to.
pub fn step(before: &Record, timers: Timers, seen: State, said: Said, now: i64) -> Record {
    let at = |state: State| Record { state, since: if state == before.state { before.since } else { now }, ..*before };
    match before.state {
        State::FailedOver if seen.is_well() => Record { good_since: Some(now), ..at(State::Probation) },
        State::FailedOver => Record { good_since: None, ..*before },
        State::Probation if !seen.is_well() => set_back(before, now),
        State::Probation if said == Said::Return && may_return(before, timers, now) => at(State::Returning),
        State::Probation => *before,
        // What had begun to go back has failed over once more, and is held as long again.
        State::Returning if !seen.is_well() => Record { failed_over: Some(now), ..set_back(before, now) },
        State::Returning if said == Said::Returned => at(State::Healthy),
        State::Returning => *before,
        _ if said == Said::FailedOver && seen == State::Down => failed_over(before, now),
        _ => {
            let left = if before.state.is_well() && !seen.is_well() { Some(now) } else { before.left };
            let good_since = seen.is_well().then(|| before.good_since.unwrap_or(now));
            // Forgiven while it is well, or never.
            let setbacks = setbacks(before.setbacks, before.good_since, now);
            Record { left, good_since, setbacks, ..at(seen) }
        }
    }
}

/// A loss soon after a return counts as a return that failed.
fn failed_over(before: &Record, now: i64) -> Record {
    let again = before.failed_over.is_some_and(|last| seconds(last, now) < FORGIVEN_S);
    let setbacks = if again { before.setbacks.saturating_add(1) } else { 0 };
    Record { state: State::FailedOver, since: now, failed_over: Some(now), good_since: None, setbacks, ..*before }
}

fn set_back(before: &Record, now: i64) -> Record {
    let setbacks = setbacks(before.setbacks, before.good_since, now).saturating_add(1);
    Record { state: State::FailedOver, since: now, good_since: None, setbacks, ..*before }
}
