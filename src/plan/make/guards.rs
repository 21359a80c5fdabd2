//! What a plan leaves alone: workloads nobody targeted, what is held back while something is down, groups that would go as a whole.

use super::{Failure, Maker};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::plan::model::{Change, Kind};
use crate::plan::placement::{self, Standing};
use crate::plan::sequence::replica;
use crate::spread::model::{Replicas, Template as TemplateKind};
use straddle_sdk::value::Str;

impl Maker<'_, '_> {
    /// Whether targets were named, and nothing of the workload is among them.
    pub(super) fn is_untargeted(&self, workload: &Str) -> bool {
        let address = |i: &usize| self.blocks.list[*i].resource().map(|(_, address)| address);
        let is_of = |i: &usize| address(i).is_some_and(|a| a.workload.as_ref() == Some(workload));
        self.input.wishes.only.as_ref().is_some_and(|only| !only.blocks.iter().any(is_of))
    }

    /// Whether nothing is removed of a workload because a place of it is down, or on trial after it was.
    pub(super) fn is_held(&self, one: &Standing) -> bool {
        use crate::spread::model::Health;
        let health = |p: &crate::spread::model::Place| self.input.topology.locations[p.location].health;
        match self.input.kind {
            Kind::Normal => one.rules.places.iter().any(|p| health(p) == Health::Down),
            Kind::Failback => one.rules.places.iter().any(|p| matches!(health(p), Health::Down | Health::Probation)),
            Kind::Repair | Kind::Failover { .. } => true,
            Kind::Destroy | Kind::RefreshOnly => false,
        }
    }

    /// A group with replicas in it that has to be replaced would take all of them away at once, whatever the floors say.
    pub(super) fn refuse_group_replacements(
        &mut self,
        changes: &[Change],
        standing: &[Standing],
    ) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for change in changes.iter().filter(|c| c.action.is_replace() && self.is_group(&c.address)) {
            let Some((workload, key)) = replica(&change.address) else { continue };
            let live = standing.iter().find(|one| one.name == *workload).and_then(|one| {
                let place = one.place_of(key)?;
                Some(&one.live.places[place].replicas)
            });
            let Some(Replicas::Count { count: count @ 1.., .. }) = live else { continue };
            let paths: Vec<String> = change.replace_paths.iter().map(ToString::to_string).collect();
            let why = match paths.is_empty() {
                true => "it is to be replaced".to_string(),
                false => format!("{} cannot be changed in place", paths.join(", ")),
            };
            let mut problem = Diagnostic::error(
                "A group would be replaced as a whole",
                format!(
                    "{} holds {count} replicas of workload \"{workload}\", and {why}: all of them would go at once, whatever its floors say.",
                    change.address
                ),
            )
            .help(format!(
                "Empty the location first: state = \"evacuated\" in location \"{key}\", apply, change the argument, apply, and open it again. Or keep the argument as it is with lifecycle {{ ignore_changes = [...] }}."
            ));
            problem.span = change.site.clone();
            problem.address = Some(change.address.to_string());
            problems.push(problem);
        }
        self.problems.extend(problems);
        self.fail_on_errors()
    }

    /// Whether an object is the group that a location's replicas are.
    pub(super) fn is_group(&self, address: &Address) -> bool {
        let Some((workload, key)) = replica(address) else { return false };
        placement::split_key(key).1.is_none()
            && self.input.spec.workload(workload).is_some_and(|w| {
                w.templates.iter().any(|t| {
                    t.kind == TemplateKind::PerLocation
                        && placement::count_attribute(t)
                            .is_some_and(|(r, _)| r.ty.text == address.ty && r.name.text == address.name)
                })
            })
    }
}
