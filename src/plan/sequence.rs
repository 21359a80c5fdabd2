//! From changes and steps to operations with edges.
//!
//! Creation follows references, deletion runs against them, and a workload's steps are barriers among its replicas. Where many
//! objects wait for many, a [`OpKind::Join`] stands between them, so that edges grow with objects and not with their product.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::model::{Action, Change, Op, OpKind};
use crate::lang::address::{Address, Key};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use straddle_sdk::value::Str;

/// What one step of a workload touches, by replica key (`location/slot`, or the location of a group).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepReplicas {
    pub adds: Vec<Str>,
    pub updates: Vec<Str>,
    pub removes: Vec<Str>,
    /// Replicas that exist and are waited for.
    pub waits: Vec<Str>,
    /// Locations whose group changes its size.
    pub groups: Vec<Str>,
}

/// What the sequencer needs to know beside the changes.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Steps in order, by workload.
    pub workloads: BTreeMap<Str, Vec<StepReplicas>>,
    /// Changes (by index) outside the templates that are planned anew at each step of a workload.
    pub followers: BTreeMap<u32, Str>,
    /// Workloads that wait between detaching and destroying.
    pub drains: BTreeSet<Str>,
    /// Workloads whose steps begin when those of others are over.
    pub follows: BTreeMap<Str, Vec<Str>>,
}

/// The changes wait for each other in a circle; these are on it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("these changes wait for each other: {}", .0.iter().map(Address::to_string).collect::<Vec<_>>().join(", "))]
pub struct Cycle(pub Vec<Address>);

/// Orders `changes` under `steps`. The result is sorted so that every operation stands behind all it waits for, and depends on
/// nothing but its arguments.
pub fn sequence(changes: &[Change], steps: &Steps) -> Result<Vec<Op>, Cycle> {
    let mut draft = Draft::new(changes, steps);
    draft.barriers();
    draft.operations();
    draft.creation_edges();
    draft.deletion_edges();
    draft.drain_edges();
    draft.sorted()
}

/// Operations and edges before they are sorted.
struct Draft<'a> {
    changes: &'a [Change],
    steps: &'a Steps,
    ops: Vec<OpKind>,
    /// `after[i]`: what operation `i` waits for.
    after: Vec<Vec<u32>>,
    /// For each change: what makes or changes the object, last operation first to be waited for.
    up: Vec<Option<u32>>,
    /// For each change: what deletes the old object.
    down: Vec<Option<u32>>,
    /// Changes that act, by resource as configured.
    blocks: BTreeMap<Address, Vec<u32>>,
    /// For resources of which nothing acts: those that act among all they are made from.
    through: HashMap<Address, Vec<Address>>,
    /// Start, ready, drain and end of each step.
    barriers: HashMap<(Str, u32), Barriers>,
}

#[derive(Clone, Copy)]
struct Barriers {
    start: u32,
    ready: u32,
    drain: Option<u32>,
    end: u32,
}

impl<'a> Draft<'a> {
    fn new(changes: &'a [Change], steps: &'a Steps) -> Draft<'a> {
        let mut blocks: BTreeMap<Address, Vec<u32>> = BTreeMap::new();
        for (i, change) in changes.iter().enumerate() {
            if change.action != Action::NoOp {
                blocks.entry(change.address.config()).or_default().push(i as u32);
            }
        }
        let through = passed_through(changes, &blocks);
        Draft {
            changes,
            steps,
            through,
            ops: Vec::new(),
            after: Vec::new(),
            up: vec![None; changes.len()],
            down: vec![None; changes.len()],
            blocks,
            barriers: HashMap::new(),
        }
    }

    fn push(&mut self, what: OpKind, after: Vec<u32>) -> u32 {
        self.ops.push(what);
        self.after.push(after);
        (self.ops.len() - 1) as u32
    }

    fn wait(&mut self, op: u32, earlier: u32) {
        if op != earlier {
            self.after[op as usize].push(earlier);
        }
    }

    /// Start, ready, drain and end of every step, in line.
    fn barriers(&mut self) {
        for (workload, steps) in &self.steps.workloads {
            let mut before = None;
            for (k, replicas) in steps.iter().enumerate() {
                let step = k as u32;
                let start =
                    self.push(OpKind::StepStart { workload: workload.clone(), step }, before.into_iter().collect());
                let ready = self.push(OpKind::StepReady { workload: workload.clone(), step }, vec![start]);
                let drains = self.steps.drains.contains(workload) && !replicas.removes.is_empty();
                let drain = drains.then(|| self.push(OpKind::Drain { workload: workload.clone(), step }, vec![ready]));
                let end = self.push(OpKind::StepEnd { workload: workload.clone(), step }, vec![drain.unwrap_or(ready)]);
                self.barriers.insert((workload.clone(), step), Barriers { start, ready, drain, end });
                before = Some(end);
            }
        }
        for (workload, earlier) in &self.steps.follows {
            let Some(first) = self.barriers.get(&(workload.clone(), 0)).map(|b| b.start) else { continue };
            for other in earlier {
                let last = self.steps.workloads.get(other).and_then(|steps| (steps.len() as u32).checked_sub(1));
                if let Some(end) = last.and_then(|k| self.barriers.get(&(other.clone(), k))).map(|b| b.end) {
                    self.wait(first, end);
                }
            }
        }
    }

    /// One or two operations for each change, placed between the barriers of its step.
    fn operations(&mut self) {
        let places = Places::of(self.steps);
        for (i, change) in self.changes.iter().enumerate() {
            let index = i as u32;
            if change.action == Action::NoOp {
                continue;
            }
            if let Some(workload) = self.steps.followers.get(&index) {
                if self.follow_steps(index, workload, None) {
                    continue;
                }
            } else if let Some((workload, key)) = replica(&change.address) {
                let stays = !matches!(change.action, Action::Delete | Action::Forget);
                if stays
                    && places.groups.contains_key(&(workload, key))
                    && self.follow_steps(index, workload, Some(key))
                {
                    continue;
                }
                self.replica_operations(index, change.action, &places, workload, key);
                continue;
            }
            self.plain_operations(index, change.action);
        }
    }

    fn plain_operations(&mut self, change: u32, action: Action) {
        let i = change as usize;
        if action == Action::DeleteCreate {
            let down = self.push(OpKind::Delete { change }, Vec::new());
            self.down[i] = Some(down);
            self.up[i] = Some(self.push(OpKind::Create { change }, vec![down]));
            return;
        }
        self.up[i] = match action {
            Action::Create | Action::CreateDelete | Action::Spare => {
                Some(self.push(OpKind::Create { change }, Vec::new()))
            }
            Action::Update => Some(self.push(OpKind::Update { change }, Vec::new())),
            Action::Read => Some(self.push(OpKind::Read { change }, Vec::new())),
            _ => None,
        };
        self.down[i] = match action {
            Action::Delete => Some(self.push(OpKind::Delete { change }, Vec::new())),
            Action::Forget => Some(self.push(OpKind::Forget { change }, Vec::new())),
            Action::CreateDelete | Action::Spare => {
                Some(self.push(OpKind::Delete { change }, self.up[i].into_iter().collect()))
            }
            _ => None,
        };
    }

    /// The operations of a replica's resource: made between start and ready of the step that adds it, deleted between ready and
    /// end of the step that removes it. A replica no step names (nothing that serves changes) is free of barriers.
    fn replica_operations(&mut self, change: u32, action: Action, places: &Places<'_>, workload: &Str, key: &Str) {
        self.plain_operations(change, action);
        let place = places.of.get(&(workload, key)).copied().unwrap_or_default();
        let (up, down) = (self.up[change as usize], self.down[change as usize]);
        let both = up.is_some() && down.is_some() && action == Action::DeleteCreate;
        if let Some(up) = up
            && let Some(step) = place.add.or(place.update).or(if both { place.remove.or(place.wait) } else { None })
        {
            let b = self.barriers[&(workload.clone(), step)];
            self.wait(up, b.start);
            self.wait(b.ready, up);
        }
        // An old object, or a resource that the template no longer has, of a replica that stays: its end is a part of the step that
        // interrupts the replica; where nothing does, it may be all that serves until the rest does.
        let old = self.changes[change as usize].deposed.is_some();
        if let (None, Some(down)) = (up, down)
            && let Some(step) = match (place.remove, old) {
                (None, _) => place.update.or(place.add).or(place.wait),
                (remove, true) => remove,
                (_, false) => None,
            }
        {
            let b = self.barriers[&(workload.clone(), step)];
            let interrupts = place.remove.is_none() && place.update.is_some();
            self.wait(down, if interrupts { b.start } else { b.ready });
            self.wait(if interrupts { b.ready } else { b.end }, down);
            return;
        }
        if old {
            return;
        }
        // A group goes as a whole, in the last step that takes from it: until then it serves more than was reckoned with.
        let last = places.groups.get(&(workload, key)).copied();
        // A half-made part that goes first goes in the step that makes it again.
        let renewed = place.add.filter(|add| both && place.remove.is_none_or(|remove| *add <= remove));
        if let Some(down) = down
            && let Some(step) = renewed.or(place.remove).or(if both { place.update.or(place.add) } else { last })
        {
            let b = self.barriers[&(workload.clone(), step)];
            // Deleting first, in a step of its own, is the replica's absence the step has reckoned with.
            self.wait(down, if both { b.start } else { b.ready });
            self.wait(b.end, down);
        }
    }

    /// A change that follows a workload: once in each step (of those that touch `group`, if given), the last one being what others
    /// wait for. False when the workload has no such step.
    fn follow_steps(&mut self, change: u32, workload: &Str, group: Option<&Str>) -> bool {
        let Some(steps) = self.steps.workloads.get(workload) else { return false };
        let mut last = None;
        for (k, replicas) in steps.iter().enumerate() {
            if group.is_some_and(|g| !replicas.groups.contains(g)) {
                continue;
            }
            let step = k as u32;
            let b = self.barriers[&(workload.clone(), step)];
            // A half-made group is taken away before the first step that counts on it makes it again.
            if last.is_none() && group.is_some() && self.changes[change as usize].action == Action::DeleteCreate {
                let down = self.push(OpKind::Delete { change }, vec![b.start]);
                self.down[change as usize] = Some(down);
                last = Some(down);
            }
            let op = self.push(OpKind::Follow { change, workload: workload.clone(), step }, last.into_iter().collect());
            if group.is_some() {
                // A group's new size is the addition or the removal itself.
                self.wait(op, b.start);
                self.wait(b.ready, op);
            } else {
                self.wait(op, b.ready);
                self.wait(b.drain.unwrap_or(b.end), op);
            }
            last = Some(op);
        }
        self.up[change as usize] = last;
        last.is_some()
    }

    /// What is made or changed waits for what it refers to.
    fn creation_edges(&mut self) {
        let mut made: HashMap<Address, Option<u32>> = HashMap::new();
        for (i, change) in self.changes.iter().enumerate() {
            let Some(up) = self.up[i] else { continue };
            for dependency in self.effective(change) {
                let earlier = match self.siblings(change, &dependency) {
                    // An old object of the same address is not what is referred to.
                    Some(siblings) => siblings.into_iter().find_map(|sibling| self.up[sibling as usize]),
                    None => match made.get(&dependency) {
                        Some(known) => *known,
                        None => {
                            let all = self.block_made(&dependency);
                            made.insert(dependency.clone(), all);
                            all
                        }
                    },
                };
                if let Some(earlier) = earlier {
                    self.wait(up, earlier);
                }
            }
        }
    }

    /// The resources of which something acts that a change is made from, directly or through others that stay as they are.
    fn effective(&self, change: &Change) -> BTreeSet<Address> {
        let mut all = BTreeSet::new();
        for dependency in &change.dependencies {
            if self.blocks.contains_key(dependency) {
                all.insert(dependency.clone());
            } else if !is_own(change, dependency) {
                all.extend(self.through.get(dependency).into_iter().flatten().cloned());
            }
        }
        all
    }

    /// What to wait for when a whole block must have been made: nothing, its only operation, or a join of all.
    fn block_made(&mut self, block: &Address) -> Option<u32> {
        let ups: Vec<u32> = self.blocks.get(block)?.iter().filter_map(|m| self.up[*m as usize]).collect();
        match ups.as_slice() {
            [] => None,
            [only] => Some(*only),
            _ => Some(self.push(OpKind::Join, ups)),
        }
    }

    /// What is deleted waits until nothing refers to it any more: until what referred to it is deleted, or, when it was
    /// replaced by a new object first, has been changed to refer to that.
    fn deletion_edges(&mut self) {
        let mut released: BTreeMap<Address, Vec<u32>> = BTreeMap::new();
        let mut siblings: Vec<(u32, u32)> = Vec::new();
        for (i, change) in self.changes.iter().enumerate() {
            let releases: Vec<u32> =
                self.down[i].into_iter().chain(self.up[i].filter(|_| self.down[i].is_none())).collect();
            for dependency in self.effective(change) {
                if let Some(all) = self.siblings(change, &dependency) {
                    for sibling in all {
                        if let Some(down) = self.down[sibling as usize] {
                            siblings.extend(self.releasing(i, sibling).map(|r| (down, r)));
                        }
                    }
                } else if self.blocks.contains_key(&dependency) {
                    released.entry(dependency).or_default().extend(&releases);
                }
            }
            // The old object of a replacement may hold what the new one no longer refers to.
            let Some(down) = self.down[i] else { continue };
            let former = change.prior_dependencies.iter().filter(|d| !change.dependencies.contains(d));
            for dependency in former {
                match self.siblings(change, dependency) {
                    Some(all) => siblings.extend(all.iter().filter_map(|of| Some((self.down[*of as usize]?, down)))),
                    None if self.blocks.contains_key(dependency) => {
                        released.entry(dependency.clone()).or_default().push(down);
                    }
                    None => {}
                }
            }
        }
        for (down, release) in siblings {
            self.wait(down, release);
        }
        let joins: Vec<(Vec<u32>, Vec<u32>)> = released
            .into_iter()
            .map(|(dependency, releases)| {
                let downs = self.blocks[&dependency].iter().filter_map(|m| self.down[*m as usize]).collect();
                (downs, releases)
            })
            .collect();
        for (downs, releases) in joins {
            self.join_deletes(&downs, releases);
        }
    }

    fn join_deletes(&mut self, downs: &[u32], releases: Vec<u32>) {
        // A delete that precedes its own creation cannot wait for updates that wait for that creation.
        let (deletes, ups): (Vec<u32>, Vec<u32>) = releases
            .into_iter()
            .partition(|r| matches!(self.ops[*r as usize], OpKind::Delete { .. } | OpKind::Forget { .. }));
        if downs.is_empty() {
            return;
        }
        let joins = [deletes, ups].map(|set| match set.len() {
            0 => None,
            1 => Some(set[0]),
            _ => Some(self.push(OpKind::Join, set)),
        });
        for down in downs {
            let created_first = match self.ops[*down as usize] {
                OpKind::Delete { change } => self.changes[change as usize].action == Action::CreateDelete,
                _ => false,
            };
            if let Some(join) = joins[0] {
                self.wait(*down, join);
            }
            if let Some(join) = joins[1].filter(|_| created_first) {
                self.wait(*down, join);
            }
        }
    }

    /// What frees the old object of `of` from the dependent `dependent`, both of one replica.
    fn releasing(&self, dependent: usize, of: u32) -> impl Iterator<Item = u32> + use<> {
        let of = &self.changes[of as usize];
        let created_first = of.action == Action::CreateDelete || of.deposed.is_some();
        let down = self.down[dependent];
        let up = self.up[dependent].filter(|_| created_first);
        down.into_iter().chain(up)
    }

    /// Deletes that others of the same step wait for are the detaching ones: they come before the drain, the rest behind it.
    fn drain_edges(&mut self) {
        let places = Places::of(self.steps);
        let mut detached_from: BTreeSet<(Str, Str)> = BTreeSet::new();
        for change in self.changes {
            if let Some((workload, key)) = replica(&change.address)
                && self.steps.drains.contains(workload)
                && change.dependencies.iter().any(|d| d.workload.as_ref() == Some(workload))
            {
                detached_from.insert((workload.clone(), key.clone()));
            }
        }
        for (i, change) in self.changes.iter().enumerate() {
            let (Some(down), Some((workload, key))) = (self.down[i], replica(&change.address)) else { continue };
            let Some(step) = places.of.get(&(workload, key)).and_then(|p| p.remove) else { continue };
            let Some(drain) = self.barriers[&(workload.clone(), step)].drain else { continue };
            let detaches = change.dependencies.iter().any(|d| d.workload.as_ref() == Some(workload));
            if detaches {
                self.wait(drain, down);
            } else if detached_from.contains(&(workload.clone(), key.clone())) {
                self.wait(down, drain);
            }
        }
    }

    /// The changes of `dependency` in the same replica as `change`: that of the object it has, and those of old ones that are still
    /// there. None at all where nothing of it acts; other replicas never matter. `None`: it is no part of a replica of this workload.
    fn siblings(&self, change: &Change, dependency: &Address) -> Option<Vec<u32>> {
        if !is_own(change, dependency) {
            return None;
        }
        let members = self.blocks.get(dependency).map_or(&[][..], Vec::as_slice);
        let key = |m: &u32| &self.changes[*m as usize].address.key;
        let first = members.partition_point(|m| *key(m) < change.address.key);
        Some(members[first..].iter().copied().take_while(|m| *key(m) == change.address.key).collect())
    }

    /// Kahn's order, the lowest draft index first, so that the result is a function of the changes alone.
    fn sorted(self) -> Result<Vec<Op>, Cycle> {
        let n = self.ops.len();
        let mut waiting = vec![0u32; n];
        let mut wake: Vec<Vec<u32>> = vec![Vec::new(); n];
        let after: Vec<Vec<u32>> = self
            .after
            .into_iter()
            .map(|mut list| {
                list.sort_unstable();
                list.dedup();
                list
            })
            .collect();
        for (i, list) in after.iter().enumerate() {
            waiting[i] = list.len() as u32;
            for earlier in list {
                wake[*earlier as usize].push(i as u32);
            }
        }
        let mut free: std::collections::BinaryHeap<std::cmp::Reverse<u32>> =
            (0..n as u32).filter(|i| waiting[*i as usize] == 0).map(std::cmp::Reverse).collect();
        let mut position = vec![0u32; n];
        let mut order = Vec::with_capacity(n);
        while let Some(std::cmp::Reverse(i)) = free.pop() {
            position[i as usize] = order.len() as u32;
            order.push(i);
            for later in &wake[i as usize] {
                waiting[*later as usize] -= 1;
                if waiting[*later as usize] == 0 {
                    free.push(std::cmp::Reverse(*later));
                }
            }
        }
        if order.len() < n {
            return Err(cycle(self.changes, &self.ops, &waiting));
        }
        let mut ops: Vec<Option<OpKind>> = self.ops.into_iter().map(Some).collect();
        Ok(order
            .iter()
            .filter_map(|i| {
                let mut list: Vec<u32> = after[*i as usize].iter().map(|e| position[*e as usize]).collect();
                list.sort_unstable();
                Some(Op { what: ops[*i as usize].take()?, after: list })
            })
            .collect())
    }
}

/// Whether a dependency is a resource of the same template: then it is that of the same replica.
fn is_own(change: &Change, dependency: &Address) -> bool {
    dependency.workload.is_some() && dependency.workload == change.address.workload
}

fn cycle(changes: &[Change], ops: &[OpKind], waiting: &[u32]) -> Cycle {
    let stuck: BTreeSet<Address> = ops
        .iter()
        .zip(waiting)
        .filter(|(_, w)| **w > 0)
        .filter_map(|(op, _)| op.change())
        .map(|c| changes[c as usize].address.clone())
        .collect();
    Cycle(stuck.into_iter().collect())
}

impl OpKind {
    /// The change it carries out, if it is one of the kinds that do.
    pub fn change(&self) -> Option<u32> {
        match self {
            OpKind::Create { change }
            | OpKind::Update { change }
            | OpKind::Delete { change }
            | OpKind::Read { change }
            | OpKind::Forget { change }
            | OpKind::Follow { change, .. } => Some(*change),
            _ => None,
        }
    }
}

/// For each resource of which nothing acts, the acting ones behind it.
fn passed_through(changes: &[Change], acting: &BTreeMap<Address, Vec<u32>>) -> HashMap<Address, Vec<Address>> {
    let mut through: HashMap<Address, Vec<Address>> = HashMap::new();
    if acting.is_empty() {
        return through;
    }
    let mut still: HashMap<Address, &[Address]> = HashMap::new();
    for change in changes.iter().filter(|c| c.action == Action::NoOp) {
        let address = change.address.config();
        if !acting.contains_key(&address) {
            still.entry(address).or_insert(&change.dependencies);
        }
    }
    let mut open: Vec<(&Address, bool)> = still.keys().map(|a| (a, false)).collect();
    let mut begun: std::collections::HashSet<&Address> = std::collections::HashSet::new();
    while let Some((address, entered)) = open.pop() {
        let dependencies = still.get(address).copied().unwrap_or_default();
        if entered {
            let mut all: BTreeSet<Address> = BTreeSet::new();
            for dependency in dependencies {
                if acting.contains_key(dependency) {
                    all.insert(dependency.clone());
                } else {
                    all.extend(through.get(dependency).into_iter().flatten().cloned());
                }
            }
            through.insert(address.clone(), all.into_iter().collect());
        } else if begun.insert(address) {
            open.push((address, true));
            open.extend(dependencies.iter().filter(|d| still.contains_key(*d)).map(|d| (d, false)));
        }
    }
    through
}

/// The workload and the replica key of a template's instance.
pub fn replica(address: &Address) -> Option<(&Str, &Str)> {
    match (&address.workload, &address.key) {
        (Some(workload), Some(Key::Str(key))) => Some((workload, key)),
        _ => None,
    }
}

/// In which steps a replica comes, changes and goes.
#[derive(Clone, Copy, Default)]
struct Place {
    add: Option<u32>,
    update: Option<u32>,
    remove: Option<u32>,
    /// It exists, and is waited for.
    wait: Option<u32>,
}

struct Places<'a> {
    of: HashMap<(&'a Str, &'a Str), Place>,
    /// The last step that changes the size of a location's group.
    groups: BTreeMap<(&'a Str, &'a Str), u32>,
}

impl<'a> Places<'a> {
    fn of(steps: &'a Steps) -> Places<'a> {
        let mut places = Places { of: HashMap::new(), groups: BTreeMap::new() };
        for (workload, list) in &steps.workloads {
            for (k, step) in list.iter().enumerate() {
                places.groups.extend(step.groups.iter().map(|g| ((workload, g), k as u32)));
                let k = Some(k as u32);
                for key in &step.adds {
                    places.of.entry((workload, key)).or_default().add = k;
                }
                for key in &step.updates {
                    places.of.entry((workload, key)).or_default().update = k;
                }
                for key in &step.waits {
                    places.of.entry((workload, key)).or_default().wait = k;
                }
                for key in &step.removes {
                    places.of.entry((workload, key)).or_default().remove = k;
                }
            }
        }
        places
    }
}
