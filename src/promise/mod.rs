//! What an owner promises beside spread and survival: distance, the class of a site, backups, caps over all places, evidence.
//!
//! Pure: promises and what stands in, verdicts with one paragraph each out. The second evaluator (`audit`) shares the types and none of
//! the arithmetic. Semantics: `spread.md` N16 to N22.

mod backup;
pub mod change;
mod class;
mod distance;
mod evidence;
mod limit;
pub mod model;
pub mod price;
mod stand_in;
mod standby;

pub use backup::data_loss;
pub use distance::great_circle_km;
pub use evidence::share_the_unknown;

use crate::spread::decision::Verdict;
use crate::spread::model::{Topology, Workload};
use crate::tongue::Words;
use model::{Judged, Judgement, Promises, Survival, Weight};

/// What stands of one workload at one moment, parallel to its places.
#[derive(Clone, Debug)]
pub struct Stand<'a> {
    /// Its rules and places.
    pub rules: &'a Workload,
    /// Certainly serving.
    pub ready: Vec<u32>,
    /// Existing, ready or not.
    pub existing: Vec<u32>,
    /// The most that exist at once on the way to this moment, over all places.
    pub peak: u64,
}

/// Every promise on two moments: what stands now, and what will.
pub fn judge(promises: &Promises, topology: &Topology, now: &[Stand<'_>], after: &[Stand<'_>]) -> Survival {
    let all = |stands: &[Stand<'_>]| {
        let mut out = Vec::new();
        distance::judge(promises, &mut out);
        class::judge(promises, topology, stands, &mut out);
        backup::judge(promises, topology, &mut out);
        limit::judge(promises, stands, &mut out);
        standby::judge(promises, topology, stands, &mut out);
        stand_in::judge(promises, topology, stands, &mut out);
        evidence::judge(promises, topology, &mut out);
        out
    };
    let then = all(after);
    let judged = all(now)
        .into_iter()
        .zip(then)
        .map(|(now, after)| Judged {
            id: after.id,
            weight: after.weight,
            site: after.site,
            owner: after.owner,
            now: now.judgement,
            after: after.judgement,
        })
        .collect();
    Survival { promises: promises.clone(), beyond_plan: false, judged }
}

/// One promise on one moment.
struct One {
    id: String,
    weight: Weight,
    site: crate::spread::model::Site,
    owner: Option<String>,
    judgement: Judgement,
}

/// A judgement being put together.
fn judgement(verdict: Verdict, why: Words, numbers: &[(&str, i64)]) -> Judgement {
    Judgement { verdict, why, numbers: numbers.iter().map(|(name, n)| ((*name).to_string(), *n)).collect() }
}

/// The worst of several verdicts.
fn worst(all: impl Iterator<Item = Verdict>) -> Verdict {
    all.max().unwrap_or(Verdict::Pass)
}

#[cfg(test)]
mod tests;
