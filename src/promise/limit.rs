//! Caps over all places: licences, addresses.

use super::distance::owner;
use super::model::{Cap, Promises, Weight};
use super::{One, Stand, judgement};
use crate::spread::decision::Verdict;
use crate::tongue::Words;

pub(super) fn judge(promises: &Promises, stands: &[Stand<'_>], out: &mut Vec<One>) {
    for cap in &promises.limits {
        let judgement = one(promises, cap, stands);
        let owner = owner(promises, cap.owner.as_ref());
        out.push(One { id: format!("limit.{}", cap.name), weight: Weight::Rule, site: cap.site, owner, judgement });
    }
}

fn one(promises: &Promises, cap: &Cap, stands: &[Stand<'_>]) -> super::model::Judgement {
    let counted = |stand: &&Stand<'_>| cap.workloads.is_empty() || cap.workloads.contains(&stand.rules.name);
    let here = |location: &str| cap.locations.is_empty() || cap.locations.iter().any(|l| l == location);
    let mut used = 0u64;
    let mut peak = 0u64;
    for stand in stands.iter().filter(counted) {
        let mut all = 0u64;
        for (place, n) in stand.rules.places.iter().zip(&stand.existing) {
            let name =
                promises.sites.iter().find(|(_, s)| s.index == Some(place.location)).map(|(name, _)| name.as_str());
            if name.is_some_and(here) || (name.is_none() && cap.locations.is_empty()) {
                all += u64::from(*n);
            }
        }
        used += all;
        // On the way a replica may stand twice; where only some places count, no more than stands there.
        peak += if cap.locations.is_empty() { stand.peak.max(all) } else { all };
    }
    let (used, peak) = (used.saturating_mul(cap.per_replica), peak.saturating_mul(cap.per_replica));
    let words = |key| {
        Words::new(key)
            .with("limit", cap.name.as_str())
            .with("used", used)
            .with("peak", peak)
            .with("max", cap.max)
            .with("over", peak.max(used).saturating_sub(cap.max))
    };
    let numbers = [("used", used as i64), ("peak", peak as i64), ("max", cap.max as i64)];
    if used > cap.max {
        judgement(Verdict::Fail, words("limit.over"), &numbers)
    } else if peak > cap.max {
        judgement(Verdict::Fail, words("limit.over_on_the_way"), &numbers)
    } else {
        judgement(Verdict::Pass, words("limit.pass"), &numbers)
    }
}
