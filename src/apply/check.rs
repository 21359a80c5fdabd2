//! A step's rules, judged again on what was just read (`spread.md` 4.7): at its worst moment, with what it takes already gone.

use crate::plan::model::WorkloadPlan;
use crate::spread::decision::{Check, CheckOf, Step, Units};
use crate::spread::exposure::Exposure;
use crate::spread::model::{Topology, Workload};
use crate::spread::survive::RuleMeter;

/// What judges the states of one workload.
pub(super) struct Judge {
    exposure: Exposure,
    meters: Vec<RuleMeter>,
}

/// A rule that would be broken, or more broken than the plan said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    /// Its id.
    pub rule: String,
    /// What would be left, in units.
    pub value: Units,
    /// What must be.
    pub bound: Units,
}

impl Judge {
    /// `None` when the plan's parts do not fit each other, which its audit has said before.
    pub fn new(topology: &Topology, rules: &Workload) -> Option<Judge> {
        let exposure = Exposure::new(topology, rules).ok()?;
        let meters =
            rules.survive.iter().map(|rule| RuleMeter::new(topology, &exposure, rule, &rules.accepted)).collect();
        Some(Judge { exposure, meters })
    }

    /// The first rule of a step that does not hold with `now` serving in each place before it: none may be worse than the plan said,
    /// unless it still holds.
    pub fn broken(&self, topology: &Topology, plan: &WorkloadPlan, step: &Step, now: &[u32]) -> Option<Broken> {
        let before = serving_before(plan, step);
        let taken = |p: usize| before.get(p).copied().unwrap_or(0).saturating_sub(step.half_done[p]);
        let half: Vec<u32> = now.iter().enumerate().map(|(p, n)| n.saturating_sub(taken(p))).collect();
        step.checks.iter().find_map(|check| {
            let value = self.value(&check.rule, &half)?;
            let bound = allowed(check);
            (value < bound).then(|| Broken { rule: check.rule.id(topology, &plan.rules), value, bound })
        })
    }

    fn value(&self, rule: &CheckOf, half: &[u32]) -> Option<Units> {
        match rule {
            CheckOf::Serving => Some(self.exposure.total(half)),
            CheckOf::Survive(i) => Some(self.meters.get(*i)?.worst(&self.exposure, half).0),
            _ => None,
        }
    }
}

/// What a plan may come down to: the rule, or what it showed and was approved with.
fn allowed(check: &Check) -> Units {
    u64::try_from(check.bound.min(check.value)).unwrap_or(0)
}

/// What the plan counts with when a step begins.
pub(super) fn serving_before(plan: &WorkloadPlan, step: &Step) -> Vec<u32> {
    match step.index.checked_sub(1).and_then(|before| plan.decision.steps.get(before)) {
        Some(before) => before.state.clone(),
        None => plan.decision.before.iter().map(|i| i.lo).collect(),
    }
}
