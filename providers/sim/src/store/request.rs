//! Who asks, and whether a request is let in.

use super::Tx;
use crate::clock::Millis;
use crate::error::{Fail, Refusal};
use crate::model::{FaultKind, Op};

/// Who asks: a provider configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The cloud it speaks to.
    pub cloud: String,
    /// How long what it creates boots.
    pub boot: Millis,
    /// Requests the cloud takes in a second, bursts of a second's worth. `None`: any number.
    pub rate_limit: Option<f64>,
}

impl Caller {
    /// Of this cloud; boots take no time, any number of requests.
    pub fn of(cloud: impl Into<String>) -> Caller {
        Caller { cloud: cloud.into(), boot: 0, rate_limit: None }
    }
}

/// A fault that strikes a request which is carried out all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Struck {
    No,
    Partial,
    LostReply,
    Stale,
}

impl Tx<'_> {
    /// Lets a request in, or says why not: too many, nobody there, a fault.
    pub(super) fn admit(&mut self, who: &Caller, op: Op, zone: Option<&str>) -> Result<Struck, Fail> {
        self.pace(who)?;
        self.domains.answers(&who.cloud, zone)?;
        match self.draw(op) {
            None => Ok(Struck::No),
            Some(FaultKind::Hang) => Err(Refusal::Hanging(op).into()),
            Some(FaultKind::Throttle) => Err(Refusal::Throttled { retry_after: 100 }.into()),
            Some(FaultKind::Error) => Err(Refusal::Injected(op).into()),
            Some(FaultKind::Partial) => Ok(Struck::Partial),
            Some(FaultKind::LostReply) => Ok(Struck::LostReply),
            Some(FaultKind::Stale) => Ok(Struck::Stale),
        }
    }
}
