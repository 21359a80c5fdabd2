//! A drift check of a change against the code it is to be merged into: what the change causes, and what was so before.

use super::{Drift, Kind, Resource};
pub use crate::plan::grades::Grade;
use crate::plan::grades::grade;
use crate::report::words::Names;
use crate::spread::decision::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a finding came with the change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// It is not so with the base's code.
    Change,
    /// It is so with the base's code, too: it does not block the change.
    Before,
}

impl Cause {
    /// The word of the machine formats.
    pub fn key(self) -> &'static str {
        match self {
            Cause::Change => "change",
            Cause::Before => "before",
        }
    }
}

/// A rule that the change touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleChange {
    /// The workload.
    pub workload: String,
    /// The rule: `survive.zone`, `floor.serving`.
    pub id: String,
    /// What it promised.
    pub was: Option<String>,
    /// What it promises.
    pub is: Option<String>,
    /// Which way.
    pub grade: Grade,
    /// Somebody said that it may be.
    pub approved: bool,
}

impl RuleChange {
    /// `web:survive.zone`: as approvals name it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.workload, self.id)
    }

    /// Waits for somebody's word.
    pub fn is_open(&self) -> bool {
        self.grade.needs_approval() && !self.approved
    }
}

/// What the base's code makes of the same state and the same reality.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// As it was named.
    pub reference: String,
    /// What that is.
    pub commit: String,
    /// Rules that differ between the two, by workload and id.
    pub rules: Vec<RuleChange>,
    /// Rules broken on what stands now, and on what an apply of the base would leave: `web survive.zone`.
    pub broken: (BTreeSet<String>, BTreeSet<String>),
    /// Differences of the base's check, by object and kind, with the paths concerned.
    known: BTreeMap<(String, Kind), BTreeSet<String>>,
    /// The base's code itself could not be planned.
    pub failed: bool,
}

/// A rule that would be broken once the change is applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokenAfter {
    /// The workload.
    pub workload: String,
    /// The rule's id.
    pub id: String,
    /// One sentence.
    pub text: String,
    /// Where it came from; `None` without a base.
    pub cause: Option<Cause>,
    /// The loss, what it leaves now and after, what the rule says, in replicas.
    pub figures: [String; 4],
    /// The rule's place in the texts.
    pub site: Option<crate::spread::model::Site>,
}

impl Base {
    /// Of a check with the base's code.
    pub fn of(reference: &str, commit: &str, drift: &Drift<'_>) -> Base {
        let mut known: BTreeMap<(String, Kind), BTreeSet<String>> = BTreeMap::new();
        for resource in &drift.resources {
            let paths = known.entry((resource.address.clone(), resource.kind)).or_default();
            paths.extend(resource.paths.iter().map(|p| path_key(resource, p)));
        }
        Base {
            reference: reference.into(),
            commit: commit.into(),
            rules: Vec::new(),
            broken: broken(drift),
            known,
            failed: false,
        }
    }

    /// Of a base whose code could not be planned: nothing is known of what was so before.
    pub fn unknown(reference: &str, commit: &str) -> Base {
        Base { reference: reference.into(), commit: commit.into(), failed: true, ..Base::default() }
    }

    /// Where a difference comes from.
    pub fn cause(&self, resource: &Resource) -> Cause {
        match self.known.get(&(resource.address.clone(), resource.kind)) {
            Some(paths) if resource.paths.iter().all(|p| paths.contains(&path_key(resource, p))) => Cause::Before,
            _ => Cause::Change,
        }
    }
}

fn path_key(resource: &Resource, path: &super::Differing) -> String {
    // Between state and reality the code's side is not what differs.
    let spec = if path.state == path.live { path.spec.as_deref().unwrap_or("") } else { "" };
    format!(
        "{} {} {} {} {spec}",
        resource.kind.key(),
        path.path,
        path.state.as_deref().unwrap_or(""),
        path.live.as_deref().unwrap_or("")
    )
}

/// Rules broken now, and after an apply.
fn broken(drift: &Drift<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut now, mut after) = (BTreeSet::new(), BTreeSet::new());
    for (name, workload) in drift.workloads {
        for rule in &workload.decision.rules {
            let subject = format!("{name} {}", rule.id);
            if rule.before.verdict == Verdict::Fail {
                now.insert(subject.clone());
            }
            if rule.after.verdict == Verdict::Fail || rule.healthy.verdict == Verdict::Fail {
                after.insert(subject);
            }
        }
    }
    now.extend(drift.survival.judged.iter().filter(|j| j.now.verdict == Verdict::Fail).map(|j| j.id.clone()));
    (now, after)
}

/// The rules that an apply of the code would leave broken.
pub fn broken_after(drift: &Drift<'_>) -> Vec<BrokenAfter> {
    let mut found = Vec::new();
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        for rule in &workload.decision.rules {
            let judged = if rule.after.verdict == Verdict::Fail { &rule.after } else { &rule.healthy };
            if judged.verdict != Verdict::Fail {
                continue;
            }
            let subject = format!("{name} {}", rule.id);
            let cause = drift.base.as_ref().map(|base| match base.broken.1.contains(&subject) {
                true => Cause::Before,
                false => Cause::Change,
            });
            let loss = names.loss(&judged.worst_loss);
            let text = format!(
                "{name}: once this is applied, losing {loss} would leave {}, the rule says {} ({}).",
                names.units(judged.alive),
                names.units(rule.floor),
                names.rule(rule.index)
            );
            let figures = [loss, names.units(rule.before.alive), names.units(judged.alive), names.units(rule.floor)];
            let site = workload.rules.survive.get(rule.index).map(|r| r.site);
            found.push(BrokenAfter { workload: name.to_string(), id: rule.id.clone(), text, cause, figures, site });
        }
    }
    found
}

/// Rules that two versions of the code do not have alike. `was`, `is`: what each says, by id.
pub fn rule_changes(
    workload: &str,
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
    approved: &dyn Fn(&str) -> bool,
) -> Vec<RuleChange> {
    let ids: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let changed = ids.into_iter().filter_map(|id| {
        let (was, is) = (was.get(id).cloned(), is.get(id).cloned());
        let grade = grade(id, was.as_deref(), is.as_deref())?;
        let approved = approved(&format!("{workload}:{id}"));
        Some(RuleChange { workload: workload.into(), id: id.clone(), was, is, grade, approved })
    });
    changed.collect()
}
