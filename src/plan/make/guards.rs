//! What a plan leaves alone: what was put off, workloads nobody targeted, what is held back while something is down, groups that would go as a whole.

use super::{Failure, Maker};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key, Mode};
use crate::plan::blocks::{Block, Blocks};
use crate::plan::left::Shape;
use crate::plan::model::{Action, Change, Kind, Reason};
use crate::plan::observed::Seen;
use crate::plan::placement::{self, Standing};
use crate::plan::sequence::replica;
use crate::plan::walk::unchanged;
use crate::spread::decision::Decision;
use crate::spread::model::{Replicas, Template as TemplateKind};
use crate::state::ObjectId;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::Str;

impl Maker<'_, '_> {
    /// An object is not taken over to be removed in the same breath.
    pub(super) fn refuse_taking_to_remove(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let taken = |c: &&Change| c.deposed.is_none() && self.input.taken.contains_key(&c.address);
        let going = changes.iter().filter(taken).filter(|c| matches!(c.action, Action::Delete | Action::Forget));
        let refused = going.map(|change| {
            crate::plan::import::unmade(&change.address).help(
                "No replica of this name is wanted: write another number, or raise what the workload asks for there.",
            )
        });
        let refused: Vec<Diagnostic> = refused.collect();
        self.problems.extend(refused);
        self.fail_on_errors()
    }

    /// Takes out what this kind of plan does not do, and what the engine put off.
    pub(super) fn restrict(&self, changes: &mut Vec<Change>, standing: &[Standing], decisions: &[Decision]) {
        let mut deferred: BTreeSet<(Str, Str)> = BTreeSet::new();
        for (one, decision) in standing.iter().zip(decisions) {
            for (p, place) in one.rules.places.iter().enumerate() {
                let location = &self.input.topology.locations[place.location].name;
                deferred.extend(
                    decision.changes[p]
                        .deferred
                        .iter()
                        .map(|s| (one.name.clone(), Str::from(format!("{location}/{s}")))),
                );
            }
        }
        // The new resources of a replica whose old ones stay for now.
        let earlier = |(workload, key): (&Str, &Str)| {
            let one = standing.iter().find(|one| one.name == *workload);
            one.is_some_and(|one| one.shapes.get(key) == Some(&Shape::Earlier))
                && deferred.contains(&(workload.clone(), key.clone()))
        };
        changes.retain(|c| c.action != Action::Create || !replica(&c.address).is_some_and(earlier));
        let held: BTreeSet<&Str> = standing.iter().filter(|one| self.is_held(one)).map(|one| &one.name).collect();
        for change in changes {
            // An old object of a replica may be all that serves there: it stays while nothing is removed.
            if change.deposed.is_some()
                && change.action == Action::Delete
                && replica(&change.address).is_some_and(|(w, _)| held.contains(w))
            {
                change.action = Action::NoOp;
                change.reason = None;
                change.after = change.before.clone();
                continue;
            }
            let put_off = replica(&change.address).is_some_and(|(w, k)| deferred.contains(&(w.clone(), k.clone())));
            let only_adds = matches!(self.input.kind, Kind::Repair | Kind::Failover { .. });
            let mut follows = self.blocks.all_at(&change.address).iter().map(|b| &self.blocks.list[*b]);
            let follows = follows.any(|b| b.promotes || !b.follows.is_empty());
            let group = self.is_group(&change.address);
            let unwanted = match change.action {
                Action::NoOp | Action::Create | Action::Read => false,
                Action::Update => only_adds && !follows && !group,
                _ => only_adds,
            };
            if unwanted || (put_off && change.action != Action::Create) {
                change.action = Action::NoOp;
                change.reason = None;
                change.after = change.before.clone();
                change.replace_paths.clear();
            }
        }
    }

    /// What stays because it may not be touched needs what it is made from: that stays with it.
    pub(super) fn keep_what_is_needed(&self, gone: &mut [Change]) {
        if self.input.kind != Kind::Destroy {
            return;
        }
        let stays = |c: &&mut Change| c.action == Action::NoOp && !c.aside;
        let ids = |c: &Change| ObjectId {
            address: c.address.clone(),
            deposed: c.deposed.as_deref().and_then(crate::state::DeposedKey::parse),
        };
        let staying: Vec<ObjectId> = gone.iter_mut().filter(stays).map(|c| ids(c)).collect();
        let needed: BTreeSet<Address> = staying
            .iter()
            .filter_map(|id| self.input.state.objects.get(id))
            .flat_map(|object| object.dependencies.iter().cloned())
            .collect();
        for change in gone.iter_mut().filter(|c| c.action == Action::Delete && needed.contains(&c.address.config())) {
            // Of a replica only what stands beside it there is needed, not the replicas elsewhere.
            if replica(&change.address).is_none() {
                (change.action, change.reason) = (Action::NoOp, None);
                change.after = change.before.clone();
                change.after_identity = change.before_identity.clone();
            }
        }
    }

    /// What a destroy leaves because it does not answer.
    pub(super) fn staying(&self, changes: &[Change]) -> Option<Diagnostic> {
        let stays = |c: &&Change| c.action == Action::NoOp && !c.aside && c.address.mode == Mode::Managed;
        let all: Vec<&Change> = changes.iter().filter(stays).filter(|_| self.input.kind == Kind::Destroy).collect();
        let first = all.first()?;
        let places: BTreeSet<&str> =
            all.iter().filter_map(|c| replica(&c.address)).map(|(_, key)| placement::split_key(key).0).collect();
        let places = match places.is_empty() {
            true => String::new(),
            false => format!(" in {}", places.into_iter().collect::<Vec<_>>().join(", ")),
        };
        let (others, them) = match all.len() {
            1 => (String::new(), "It stays"),
            n => (format!(" and {} more objects", n - 1), "They stay"),
        };
        let problem = Diagnostic::warning(
            "Not everything is destroyed",
            format!(
                "{}{others}{places} cannot be reached or must not be touched now. {them} in the state.",
                first.address
            ),
        );
        Some(problem.help("Run `straddle destroy` again when it answers. Do not throw the state away before."))
    }

    /// Workloads that are no more: their rules went with them, and nothing paces the removal of what they leave.
    pub(super) fn ended(&self, changes: &[Change]) -> Vec<Diagnostic> {
        let mut left: BTreeMap<&Str, BTreeSet<&Str>> = BTreeMap::new();
        for (workload, key) in changes.iter().filter(|c| c.action == Action::Delete).filter_map(|c| replica(&c.address))
        {
            if self.input.spec.workload(workload).is_none() {
                left.entry(workload).or_default().insert(key);
            }
        }
        let suspends = matches!(self.input.kind, Kind::Destroy | Kind::RefreshOnly);
        let left = left.into_iter().filter(|_| !suspends);
        left.map(|(workload, keys)| {
            let rules: Vec<&str> =
                self.input.state.rules.get(&**workload).into_iter().flatten().map(|(id, _)| id.as_str()).collect();
            let rules = match rules.is_empty() {
                true => "No rule holds for it any more".to_string(),
                false => format!("Its rules went with it ({})", rules.join(", ")),
            };
            let many = keys.len();
            Diagnostic::warning(
                "Workload no longer in the spec",
                format!(
                    "{rules}: {many} of its replica{} {} removed at once, in no steps.",
                    if many == 1 { "" } else { "s" },
                    if many == 1 { "is" } else { "are" }
                ),
            )
            .help("To take it down step by step lower its \"replicas\" first; to keep it write the block again.")
        })
        .collect()
    }

    /// Whether targets were named, and nothing of the workload is among them.
    pub(super) fn is_untargeted(&self, workload: &Str) -> bool {
        let address = |i: &usize| self.blocks.list[*i].resource().map(|(_, address)| address);
        let is_of = |i: &usize| address(i).is_some_and(|a| a.workload.as_ref() == Some(workload));
        self.input.wishes.only.as_ref().is_some_and(|only| !only.blocks.iter().any(is_of))
    }

    /// Parts of a workload cannot be destroyed by their names: what its rules hold for stands or goes as a whole.
    pub(super) fn parts_of_workloads(&self, targeted: &BTreeSet<Address>) -> Vec<Diagnostic> {
        if self.input.kind != Kind::Destroy {
            return Vec::new();
        }
        let mut standing: BTreeMap<&Str, (Vec<&Address>, usize)> = BTreeMap::new();
        for (id, seen) in &self.input.observed.objects {
            if let Some((workload, _)) = replica(&id.address)
                && seen.current().is_some()
            {
                let (taken, all) = standing.entry(workload).or_default();
                taken.extend(targeted.get(&id.address));
                *all += 1;
            }
        }
        let partly = standing.into_iter().filter(|(workload, (taken, all))| {
            !taken.is_empty() && taken.len() < *all && !self.is_untargeted(workload)
        });
        partly
            .map(|(workload, (taken, all))| {
                let detail = format!(
                    "-target would destroy {} of the {all} objects of workload \"{workload}\", {} among them. Its replicas are placed together, or not at all: \
                     the rest would not be what its rules were checked for.",
                    taken.len(),
                    taken[0],
                );
                Diagnostic::error("Part of a workload cannot be destroyed", detail).help(format!(
                    "To make a replica anew: straddle apply -replace={}. For fewer replicas lower `replicas` of the workload. To destroy all of it, \
                     name a resource that all its others refer to, without a key: straddle destroy -target={}",
                    taken[0],
                    taken[0].config(),
                ))
            })
            .collect()
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
            let Some(Replicas::Count { count: count @ 1.., ready_hi, .. }) = live else { continue };
            // Half made, and nothing of it serves: nothing goes that anybody has.
            if *ready_hi == 0 && change.reason == Some(Reason::Tainted) {
                continue;
            }
            let paths: Vec<String> = change.replace_paths.iter().map(ToString::to_string).collect();
            let tainted = change.reason == Some(Reason::Tainted);
            let why = match paths.is_empty() {
                true if tainted => "it is tainted".to_string(),
                true => "it is to be replaced".to_string(),
                false => format!("{} cannot be changed in place", paths.join(", ")),
            };
            let or = match tainted {
                true => format!("If it is well as it is: straddle untaint '{}'.", change.address),
                false => "Or keep the argument as it is with lifecycle { ignore_changes = [...] }.".to_string(),
            };
            let mut problem = Diagnostic::error(
                "A group would be replaced as a whole",
                format!(
                    "{} holds {count} replicas of workload \"{workload}\", and {why}: all of them would go at once, whatever its floors say.",
                    change.address
                ),
            )
            .help(format!(
                "Empty the location first: state = \"evacuated\" in location \"{key}\", apply, change the argument, apply, and open it again. {or}"
            ));
            problem.span = change.site.clone();
            problem.address = Some(change.address.to_string());
            problems.push(problem);
        }
        problems.extend(self.made_otherwise(changes, standing));
        self.problems.extend(problems);
        self.fail_on_errors()
    }

    /// Half-made groups, and half-made parts of replicas whose other parts stay: a second one beside the first would be its double, which a
    /// cloud that knows no doubles refuses. Nothing of them serves, so that nothing is lost when the old one goes first.
    pub(super) fn renewed_in_place(&self, changes: &[Change]) -> BTreeSet<usize> {
        if changes.iter().all(|c| c.reason != Some(Reason::Tainted)) {
            return BTreeSet::new();
        }
        let moving: BTreeSet<&Address> = changes
            .iter()
            .filter(|c| c.deposed.is_none() && (c.action.is_replace() || c.action == Action::Create))
            .map(|c| &c.address)
            .collect();
        let is_renewed = |change: &Change| {
            let own = |d: &&Address| d.workload.is_some() && d.workload == change.address.workload;
            let mut parts = change.dependencies.iter().filter(own).peekable();
            let alone = self.is_group(&change.address) || parts.peek().is_some();
            change.reason == Some(Reason::Tainted)
                && alone
                && parts.all(|d| !moving.contains(&Address { key: change.address.key.clone(), ..d.clone() }))
        };
        let replaced = changes.iter().enumerate().filter(|(_, c)| c.deposed.is_none() && c.action.is_replace());
        replaced.filter(|(_, c)| is_renewed(c)).map(|(i, _)| i).collect()
    }

    /// What stands in a location whose template makes replicas in another way now, or under another name: it cannot be told step by
    /// step from what takes its place, so all of it would go at once.
    fn made_otherwise(&self, changes: &[Change], standing: &[Standing]) -> Vec<Diagnostic> {
        let mut problems: Vec<Diagnostic> = Vec::new();
        let mut told: BTreeSet<(&Str, &str)> = BTreeSet::new();
        let suspends = matches!(self.input.kind, Kind::Destroy | Kind::RefreshOnly);
        let gone = changes.iter().filter(|c| c.action == Action::Delete && c.deposed.is_none() && !suspends);
        for change in gone {
            let Some((workload, key)) = replica(&change.address) else { continue };
            let (location, slot) = placement::split_key(key);
            let Some(one) = standing.iter().find(|one| one.name == *workload) else { continue };
            let Some(place) = one.place_of(location).filter(|p| one.rules.places[*p].declared) else { continue };
            let way = match (one.rules.places[place].template, slot) {
                (TemplateKind::PerReplica, Some(_)) => continue,
                (TemplateKind::PerLocation, None) if self.has_group(workload, one.template_of[place], one, key) => {
                    continue;
                }
                (TemplateKind::PerLocation, None) => "its group has another name in the template now",
                (TemplateKind::PerLocation, Some(_)) => "its template makes one group for the whole location now",
                (TemplateKind::PerReplica, None) => "its template makes replicas one by one now",
                (TemplateKind::Observed, _) => "its template only looks now, and makes nothing",
            };
            if !told.insert((workload, location)) {
                continue;
            }
            problems.push(Diagnostic {
                address: Some(change.address.to_string()),
                ..Diagnostic::error(
                    "All replicas of a location would be replaced at once",
                    format!("What stands of workload \"{workload}\" in \"{location}\" would go as a whole, whatever its floors say: {way}."),
                )
                .help(format!(
                    "Empty the location first, with the template as it was: state = \"evacuated\" in location \"{location}\", apply, change the template, apply, and open it again. Where only a name has changed, say so in a moved block. What is to be left alone from now on goes out of the state with `straddle state rm`."
                ))
            });
        }
        problems
    }

    /// Whether the resource that the template counts replicas by stands under this key.
    fn has_group(&self, workload: &Str, template: Option<usize>, one: &Standing, key: &Str) -> bool {
        let spec = self.input.spec.workload(workload);
        let template = spec.zip(template).map(|(w, t)| &w.templates[t]);
        template.and_then(placement::count_attribute).is_some_and(|(resource, _)| {
            let of = one.objects.get(key).into_iter().flatten();
            of.into_iter().any(|a| a.ty == resource.ty.text && a.name == resource.name.text)
        })
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

/// Why an instance is none of its resource's any more.
pub(super) fn wrong_key(address: &Address, block: &Block<'_>) -> Reason {
    let Some((resource, _)) = block.resource() else { return Reason::NoResourceConfig };
    match (&address.key, &resource.count, &resource.for_each) {
        (Some(Key::Int(_)), Some(_), _) => Reason::CountIndex,
        (Some(Key::Str(_)), _, Some(_)) => Reason::EachKey,
        _ => Reason::WrongRepetition,
    }
}

/// An object of the state, as it is.
pub(super) fn kept(id: &ObjectId, seen: &Seen, blocks: &Blocks<'_>) -> Change {
    let site = blocks.find(&id.address).and_then(|b| blocks.list[b].resource()).map(|(r, _)| r.span.clone());
    Change { site, deposed: id.deposed.map(|d| d.to_string()), ..unchanged(id.address.clone(), seen) }
}
