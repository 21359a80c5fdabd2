//! Exit codes: a contract with pipelines (documented in README.md).

/// How a run ended. If several apply, [`Exit::worse`] chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done; nothing to change; no drift.
    Done,
    /// Changes are pending (`-detailed-exitcode`), or drift was found.
    Pending,
    /// An error in the spec, the arguments, a provider, the environment.
    Error,
    /// A spread or failover rule is broken; `fmt -check`: unformatted.
    Broken,
    /// Every rule holds but the margin is below `alarm_below`.
    Margin,
    /// The saved plan is no longer valid.
    Stale,
    /// Somebody else holds the state's lock.
    Locked,
    /// Applied in part; the state is saved.
    Partial,
    /// A fault of straddle itself.
    Fault,
    /// Stopped by SIGINT.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
}

impl Exit {
    /// The number the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Pending => 2,
            Exit::Broken => 3,
            Exit::Margin => 4,
            Exit::Stale => 5,
            Exit::Locked => 6,
            Exit::Partial => 7,
            Exit::Fault => 70,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// Of two results of one run, the one to report: 3 before 1 before 2 before 4; anything else wins over these.
    pub fn worse(self, other: Exit) -> Exit {
        if self.rank() >= other.rank() { self } else { other }
    }

    fn rank(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Margin => 1,
            Exit::Pending => 2,
            Exit::Error => 3,
            Exit::Broken => 4,
            Exit::Stale => 5,
            Exit::Locked => 6,
            Exit::Partial => 7,
            Exit::Interrupted => 8,
            Exit::Terminated => 9,
            Exit::Fault => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_the_contract() {
        use Exit::*;
        assert_eq!(Broken.worse(Error), Broken);
        assert_eq!(Error.worse(Pending), Error);
        assert_eq!(Margin.worse(Pending), Pending);
        assert_eq!(Done.worse(Margin), Margin);
    }
}
