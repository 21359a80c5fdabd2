//! The second opinion: judges a finished plan from its own data before it is shown, saved or applied, and is all of
//! `straddle verify`.
//!
//! It shares types with the planner and no logic (`spread.md` 4.9, INV-3, INV-13), so that one mistake has to be made twice to
//! go unseen. It proves by listing where lists are short, by sums of the largest losses where losses are disjoint, and
//! otherwise holds every number the plan states against what the named loss really leaves.

mod apportion;
mod cuts;
mod finding;
mod loss;
mod objects;
mod operations;
mod promises;
mod rules;
mod shared;
mod spread;
mod steps;
mod target;
mod view;
mod words;

pub use finding::{Fault, Finding, NotTouched};
pub use words::diagnostics;

use crate::plan::model::{Kind, Plan};
use view::View;

/// Every fault of `plan`, in the order of its workloads, then its objects and operations; empty for a plan that is sound.
/// Pure, and about linear in the size of the plan.
pub fn audit(plan: &Plan) -> Vec<Finding> {
    let mut out = Vec::new();
    let standing = view::standing(plan);
    for (name, workload) in &plan.workloads {
        let Some(view) = View::new(plan, &standing, name, workload, &mut out) else { continue };
        decision(&view, &mut out);
    }
    shared::check(plan, &mut out);
    objects::check(plan, &mut out);
    operations::check(plan, &mut out);
    promises::check(plan, &mut out);
    out
}

/// Target, steps, rules and loss table of one workload. A refresh carries them as facts only: nothing is done.
fn decision(view: &View<'_>, out: &mut Vec<Finding>) {
    target::check(view, out);
    if view.kind != &Kind::RefreshOnly {
        spread::check(view, out);
    }
    let course = steps::check(view, out);
    rules::check(view, &course, out);
    cuts::check(view, &course, out);
}

#[cfg(test)]
mod tests;
