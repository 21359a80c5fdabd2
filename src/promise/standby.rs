//! One works and others stand by: who would take over, with how much lost, and what proves that the old one has stopped.

use super::model::{Promises, Weight};
use super::{One, Stand, judgement};
use crate::spread::decision::Verdict;
use crate::spread::model::{Fence, PromotedBy, Standby, Topology};
use crate::spread::standby::{is_near, lag_of};
use crate::tongue::{Arg, Words};

pub(super) fn judge(promises: &Promises, topology: &Topology, stands: &[Stand<'_>], out: &mut Vec<One>) {
    for stand in stands {
        let Some(standby) = &stand.rules.standby else { continue };
        let judgement = one(stand, standby, topology);
        let owner = super::distance::owner(promises, None);
        let id = format!("standby.{}", stand.rules.name);
        out.push(One { id, weight: Weight::Drift, site: standby.site, owner, judgement });
    }
}

fn one(stand: &Stand<'_>, standby: &Standby, topology: &Topology) -> super::model::Judgement {
    let serves = |name: &str| {
        let here = |p: &crate::spread::model::Place| topology.locations[p.location].name == name;
        stand.rules.places.iter().position(here).is_some_and(|p| stand.ready[p] > 0)
    };
    let active = standby.active.as_deref().or(standby.order.first().map(String::as_str)).unwrap_or_default();
    // From the one after the active, round the order.
    let at = standby.order.iter().position(|n| n == active).map_or(0, |at| at + 1);
    let rest = standby.order[at..].iter().chain(&standby.order[..at]).filter(|n| *n != active);
    let (mut ready, mut lagging, mut unknown): (Vec<&str>, Vec<&str>, bool) = (Vec::new(), Vec::new(), false);
    for name in rest.filter(|n| serves(n)) {
        match is_near(standby, name) {
            true => ready.push(name),
            false => lagging.push(name),
        }
        unknown |= standby.max_lag_s.is_some() && lag_of(standby, name).is_none();
    }
    let wanted = stand.rules.replicas.saturating_sub(1) as usize;
    let worst = ready.iter().filter_map(|n| lag_of(standby, n)).max();
    let words = |key| {
        Words::new(key)
            .with("active", active)
            .with("next", ready.first().copied().unwrap_or("-"))
            .with("order", ready.join(", "))
            .with("ready", ready.len() as u64)
            .with("wanted", wanted as u64)
            .with("lagging", lagging.join(", "))
            .with("max_lag", Arg::Seconds(standby.max_lag_s.unwrap_or(0)))
            .with("loss", data(worst))
            .with(
                "by",
                Words::new(if standby.by == PromotedBy::Straddle {
                    "standby.by.straddle"
                } else {
                    "standby.by.others"
                }),
            )
            .with("fence", fence(standby.fence))
    };
    let mut numbers = vec![("ready", ready.len() as i64), ("wanted", wanted as i64)];
    numbers.extend(worst.map(|s| ("loss_s", s as i64)));
    let (verdict, key) = if !serves(active) {
        (Verdict::Fail, if ready.is_empty() { "standby.none" } else { "standby.active_gone" })
    } else if !lagging.is_empty() {
        (Verdict::Fail, "standby.lags")
    } else if ready.len() < wanted {
        (Verdict::Fail, "standby.fewer")
    } else if standby.fence.is_none() {
        (Verdict::NotProven, "standby.unfenced")
    } else if unknown {
        (Verdict::NotProven, "standby.lag_unknown")
    } else {
        (Verdict::Pass, "standby.pass")
    };
    let last = standby.last.as_deref().filter(|last| *last != active && serves(active));
    let why = match last {
        Some(last) => words("standby.takes_over").with("last", last),
        None => words(key),
    };
    judgement(verdict, why, &numbers)
}

fn data(worst: Option<u64>) -> Words {
    match worst {
        Some(seconds) => Words::new("standby.loss").with("lag", Arg::Seconds(seconds)),
        None => Words::new("standby.loss.unknown"),
    }
}

fn fence(fence: Option<Fence>) -> Words {
    match fence {
        Some(Fence::Lease(seconds)) => Words::new("standby.fence.lease").with("lease", Arg::Seconds(seconds)),
        Some(Fence::Stonith) => Words::new("standby.fence.stonith"),
        Some(Fence::Operator) => Words::new("standby.fence.operator"),
        None => Words::new("standby.fence.none"),
    }
}
