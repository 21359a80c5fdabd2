//! What the audit can find wrong, in words for somebody who reads them at night.

use std::fmt;

/// One fault of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The workload concerned, if it is one's.
    pub workload: Option<String>,
    /// The step, from 0.
    pub step: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// Why a place may not be touched, or takes nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTouched {
    /// Its health is not known, or an operator or a loss of its control plane froze it.
    Frozen,
    /// It is down.
    Down,
    /// It is part of the loss that is being answered.
    Lost,
    /// Its replicas are only watched.
    Observed,
    /// It is cordoned.
    Cordoned,
    /// It is evacuated, or no longer offered.
    Leaving,
}

/// What is wrong. Counts are replicas unless a field says units.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Two parts of the plan do not fit each other, so that nothing more can be said of the workload.
    Shape {
        /// Which part.
        what: String,
    },
    /// A number of the plan is not what it is of.
    Number {
        /// Of what.
        what: String,
        /// As the plan has it.
        claimed: i128,
        /// As it is.
        found: i128,
    },
    /// More than a place holds.
    OverCapacity {
        /// The location.
        place: String,
        /// Replicas there, all workloads.
        count: u64,
        /// Room for so many.
        room: u64,
    },
    /// A place that may not be touched is.
    Touched {
        /// The location.
        place: String,
        /// Why not.
        why: NotTouched,
        /// Replicas before.
        before: u64,
        /// Replicas after, or touched.
        after: u64,
    },
    /// Replicas are taken away by a plan that only adds.
    Removes {
        /// The location.
        place: String,
        /// Before.
        before: u32,
        /// After.
        after: u32,
    },
    /// Not all replicas are placed, and nothing says so.
    Total {
        /// Placed.
        placed: u64,
        /// Wanted.
        wanted: u64,
    },
    /// One domain has a replica that the ratio gives to another.
    Ratio {
        /// The level, with the domains above.
        level: String,
        /// The domain with too many.
        over: String,
        /// What it has.
        has: u64,
        /// The domain with too few.
        under: String,
        /// What that has.
        holds: u64,
    },
    /// Outside a limit or the tolerance.
    Outside {
        /// What is limited.
        what: String,
        /// What it is.
        has: u64,
        /// At least.
        least: u64,
        /// At most.
        most: u64,
    },
    /// An admissible placement takes fewer replicas away.
    Moves {
        /// Taken away.
        removes: u64,
        /// Would do.
        enough: u64,
    },
    /// A rule is broken, and worse than before.
    Rule {
        /// The rule.
        rule: String,
        /// What is left, or used.
        value: i64,
        /// What the rule asks.
        bound: i64,
        /// What it was before the plan.
        before: i64,
    },
    /// A step or table says nothing of a rule.
    Missing {
        /// What is missing.
        what: String,
    },
    /// A verdict says more, or less, than the numbers show.
    Verdict {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
    /// Too many replicas in one step.
    Batch {
        /// Drained or added.
        what: &'static str,
        /// So many.
        count: u64,
        /// At most.
        batch: u64,
    },
    /// A replica is dealt with in a way that its place's changes do not say, or not at all.
    Slot {
        /// `location/slot`.
        replica: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A cut set cuts nothing, is not minimal, or is missing.
    CutSet {
        /// The set.
        set: Vec<String>,
        /// What is wrong.
        why: &'static str,
    },
    /// An object is dealt with wrongly.
    Object {
        /// Its address.
        address: String,
        /// What is wrong.
        why: &'static str,
    },
    /// An operation is out of order, missing, or not wanted.
    Operation {
        /// Its position.
        op: usize,
        /// What it does.
        what: String,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.workload, self.step) {
            (Some(workload), Some(step)) => write!(f, "Workload {workload}, step {}: {}", step + 1, self.fault),
            (Some(workload), None) => write!(f, "Workload {workload}: {}", self.fault),
            (None, _) => self.fault.fmt(f),
        }
    }
}

impl fmt::Display for NotTouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotTouched::Frozen => "frozen, because its state is not known or it cannot be controlled",
            NotTouched::Down => "down",
            NotTouched::Lost => "part of the loss",
            NotTouched::Observed => "only observed",
            NotTouched::Cordoned => "cordoned",
            NotTouched::Leaving => "to be emptied",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Shape { what } => write!(f, "{what}; nothing more can be checked."),
            Fault::Number { what, claimed, found } => write!(f, "the plan says {what} is {claimed}; it is {found}."),
            Fault::OverCapacity { place, count, room } => {
                write!(f, "{count} replicas would use {place}, which has room for {room}.")
            }
            Fault::Touched { place, why, before, after } => {
                write!(f, "{place} is {why}, and the plan takes it from {before} to {after}.")
            }
            Fault::Removes { place, before, after } => {
                write!(f, "a plan that may only add takes {place} from {before} to {after}.")
            }
            Fault::Total { placed, wanted } => {
                write!(f, "{placed} replicas are placed, {wanted} are wanted, and no note says so.")
            }
            Fault::Ratio { level, over, has, under, holds } => {
                write!(f, "by the ratio of {level}, {over} has one too many ({has}) and {under} one too few ({holds}).")
            }
            Fault::Outside { what, has, least, most } => {
                write!(f, "{what} is {has}; it may be {least} to {most}.")
            }
            Fault::Moves { removes, enough } => {
                write!(f, "{removes} replicas are taken away where taking away {enough} would do.")
            }
            Fault::Rule { rule, value, bound, before } => {
                write!(f, "{rule} is broken: {value} where the rule asks {bound} (it was {before} before the plan).")
            }
            Fault::Missing { what } => write!(f, "{what} is missing."),
            Fault::Verdict { rule, why } => write!(f, "the verdict on {rule} is wrong: {why}."),
            Fault::Batch { what, count, batch } => write!(f, "{count} replicas are {what} at once; {batch} may be."),
            Fault::Slot { replica, why } => write!(f, "replica {replica} {why}."),
            Fault::CutSet { set, why } if set.is_empty() => write!(f, "the empty cut set {why}."),
            Fault::CutSet { set, why } => write!(f, "the cut set {} {why}.", set.join(" + ")),
            Fault::Object { address, why } => write!(f, "{address} {why}."),
            Fault::Operation { op, what, why } => write!(f, "operation {op} ({what}) {why}."),
        }
    }
}
