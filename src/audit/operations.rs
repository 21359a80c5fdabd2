//! The operations: one or two for every change and none besides, each behind all it needs, and a workload's replicas between
//! the barriers of the step that names them.

use super::finding::{Fault, Finding};
use crate::lang::address::{Address, Key};
use crate::plan::model::{Action, Change, Kind, OpKind, Plan, Reason};
use crate::spread::decision::StepEntry;
use crate::spread::model::Template;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use straddle_sdk::value::Str;

/// Most edges that are followed to find an order that is not stated directly.
const MOST_EDGES: usize = 4_000_000;

/// Checks the graph.
pub(super) fn check(plan: &Plan, out: &mut Vec<Finding>) {
    let sound = edges(plan, out);
    let mut graph = Graph::new(plan);
    if !sound || !graph.index(out) {
        return;
    }
    graph.changes(out);
    graph.barriers(out);
    graph.followers(out);
    graph.replicas(out);
    graph.creations(out);
    graph.deletions(out);
}

/// Every edge points back, once, so that nothing waits for itself.
fn edges(plan: &Plan, out: &mut Vec<Finding>) -> bool {
    let mut sound = true;
    for (at, op) in plan.ops.iter().enumerate() {
        if op.after.windows(2).any(|w| w[0] >= w[1]) {
            fault(plan, out, at, "lists what it waits for out of order");
        }
        if op.after.iter().any(|e| *e as usize >= at) {
            sound = false;
            fault(plan, out, at, "waits for itself or for a later one");
        }
        let change = change_of(&op.what);
        if change.is_some_and(|c| c as usize >= plan.changes.len()) {
            sound = false;
            fault(plan, out, at, "is of a change that is not there");
        }
    }
    sound
}

fn fault(plan: &Plan, out: &mut Vec<Finding>, op: usize, why: impl Into<String>) {
    let fault = Fault::Operation { op, what: words(plan, op), why: why.into() };
    out.push(Finding { workload: None, step: None, fault });
}

fn change_of(what: &OpKind) -> Option<u32> {
    match what {
        OpKind::Create { change }
        | OpKind::Update { change }
        | OpKind::Delete { change }
        | OpKind::Read { change }
        | OpKind::Forget { change }
        | OpKind::Follow { change, .. } => Some(*change),
        OpKind::StepStart { .. }
        | OpKind::StepReady { .. }
        | OpKind::Drain { .. }
        | OpKind::StepEnd { .. }
        | OpKind::Join => None,
    }
}

/// What an operation does.
fn words(plan: &Plan, op: usize) -> String {
    let address = |c: &u32| plan.changes.get(*c as usize).map_or_else(|| "?".into(), |c| c.address.to_string());
    match &plan.ops[op].what {
        OpKind::Create { change } => format!("create {}", address(change)),
        OpKind::Update { change } => format!("update {}", address(change)),
        OpKind::Delete { change } => format!("delete {}", address(change)),
        OpKind::Read { change } => format!("read {}", address(change)),
        OpKind::Forget { change } => format!("forget {}", address(change)),
        OpKind::Follow { change, workload, step } => {
            format!("follow {workload} in step {}: {}", u64::from(*step) + 1, address(change))
        }
        OpKind::StepStart { workload, step } => format!("start of step {} of {workload}", u64::from(*step) + 1),
        OpKind::StepReady { workload, step } => format!("step {} of {workload} ready", u64::from(*step) + 1),
        OpKind::Drain { workload, step } => format!("drain in step {} of {workload}", u64::from(*step) + 1),
        OpKind::StepEnd { workload, step } => format!("end of step {} of {workload}", u64::from(*step) + 1),
        OpKind::Join => "join".into(),
    }
}

/// Barriers of a step, by position.
#[derive(Clone, Copy, Default)]
struct Barriers {
    start: Option<u32>,
    ready: Option<u32>,
    drain: Option<u32>,
    end: Option<u32>,
}

/// Operations by what they are of.
struct Graph<'a> {
    plan: &'a Plan,
    /// For each change its creating, changing or reading operations, in order.
    up: Vec<Vec<u32>>,
    /// For each change what deletes or forgets.
    down: Vec<Vec<u32>>,
    steps: HashMap<(&'a str, u32), Barriers>,
    /// Acting changes by resource.
    blocks: HashMap<Address, Vec<u32>>,
    /// Edges that may still be followed.
    left: usize,
    /// Joins that are known to wait for all of a block: the block's first change.
    joins: HashMap<(u32, u32, bool), bool>,
}

impl<'a> Graph<'a> {
    fn new(plan: &'a Plan) -> Graph<'a> {
        let mut blocks: HashMap<Address, Vec<u32>> = HashMap::new();
        for (i, change) in plan.changes.iter().enumerate().filter(|(_, c)| c.action != Action::NoOp) {
            blocks.entry(change.address.config()).or_default().push(i as u32);
        }
        let n = plan.changes.len();
        Graph {
            plan,
            up: vec![Vec::new(); n],
            down: vec![Vec::new(); n],
            steps: HashMap::new(),
            blocks,
            left: MOST_EDGES,
            joins: HashMap::new(),
        }
    }

    fn fault(&self, out: &mut Vec<Finding>, op: u32, why: impl Into<String>) {
        fault(self.plan, out, op as usize, why);
    }

    /// Sorts the operations; false when a step has two of one barrier.
    fn index(&mut self, out: &mut Vec<Finding>) -> bool {
        let mut sound = true;
        for (at, op) in self.plan.ops.iter().enumerate() {
            let at = at as u32;
            let (workload, step, which) = match &op.what {
                OpKind::Create { change }
                | OpKind::Update { change }
                | OpKind::Read { change }
                | OpKind::Follow { change, .. } => {
                    self.up[*change as usize].push(at);
                    continue;
                }
                OpKind::Delete { change } | OpKind::Forget { change } => {
                    self.down[*change as usize].push(at);
                    continue;
                }
                OpKind::StepStart { workload, step } => (workload, *step, 0),
                OpKind::StepReady { workload, step } => (workload, *step, 1),
                OpKind::Drain { workload, step } => (workload, *step, 2),
                OpKind::StepEnd { workload, step } => (workload, *step, 3),
                OpKind::Join => continue,
            };
            let barriers = self.steps.entry((workload, step)).or_default();
            let slot = match which {
                0 => &mut barriers.start,
                1 => &mut barriers.ready,
                2 => &mut barriers.drain,
                _ => &mut barriers.end,
            };
            if slot.replace(at).is_some() {
                sound = false;
                self.fault(out, at, "stands in the plan twice");
            }
        }
        sound
    }

    /// A workload's first step begins when the last step of each that it follows is over.
    fn followers(&mut self, out: &mut Vec<Finding>) {
        for (name, workload) in &self.plan.workloads {
            let Some(first) = self.steps.get(&(&**name, 0)).and_then(|b| b.start) else { continue };
            for earlier in &workload.decision.follows {
                let of = |(n, _): &&(Str, crate::plan::model::WorkloadPlan)| **n == **earlier;
                let Some((earlier, other)) = self.plan.workloads.iter().find(of) else { continue };
                let Some(last) = other.decision.steps.len().checked_sub(1) else { continue };
                let end = self.steps.get(&(&**earlier, last as u32)).and_then(|b| b.end);
                if !end.is_some_and(|end| self.waits(first, end)) {
                    self.fault(out, first, format!("does not wait for the steps of {earlier}, which give it its room"));
                }
            }
        }
    }

    /// Each change has the operations of its action, in their order, and no others.
    fn changes(&mut self, out: &mut Vec<Finding>) {
        for (i, change) in self.plan.changes.iter().enumerate() {
            let kinds = |list: &[u32], is: fn(&OpKind) -> bool| {
                list.iter().filter(|o| is(&self.plan.ops[**o as usize].what)).count()
            };
            let (up, down) = (&self.up[i], &self.down[i]);
            let follows = kinds(up, |k| matches!(k, OpKind::Follow { .. }));
            let creates = kinds(up, |k| matches!(k, OpKind::Create { .. }));
            let updates = kinds(up, |k| matches!(k, OpKind::Update { .. }));
            let reads = kinds(up, |k| matches!(k, OpKind::Read { .. }));
            let deletes = kinds(down, |k| matches!(k, OpKind::Delete { .. }));
            let forgets = kinds(down, |k| matches!(k, OpKind::Forget { .. }));
            let alone = |n: usize| n == 1 && up.len() == 1;
            let followed = follows > 0 && up.len() == follows;
            let fits = match change.action {
                Action::NoOp => up.is_empty() && down.is_empty(),
                Action::Create => (alone(creates) || followed) && down.is_empty(),
                Action::Update => (alone(updates) || followed) && down.is_empty(),
                Action::Read => (alone(reads) || followed) && down.is_empty(),
                Action::Delete => up.is_empty() && deletes == 1 && down.len() == 1,
                Action::Forget => up.is_empty() && forgets == 1 && down.len() == 1,
                Action::Spare => alone(creates) && deletes == 1 && down.len() == 1,
                Action::CreateDelete => {
                    (followed && down.is_empty()) || (alone(creates) && deletes == 1 && down.len() == 1)
                }
                // A half-made group goes, and is made again step after step.
                Action::DeleteCreate => {
                    (followed && down.is_empty()) || ((followed || alone(creates)) && deletes == 1 && down.len() == 1)
                }
            };
            if !fits && self.plan.kind != Kind::RefreshOnly {
                let address = change.address.to_string();
                let why = "does not have the operations of its action";
                out.push(Finding { workload: None, step: None, fault: Fault::Object { address, why } });
            }
        }
        for i in 0..self.plan.changes.len() {
            let (Some(up), Some(down)) = (self.up[i].first().copied(), self.down[i].first().copied()) else { continue };
            let (first, then) = match self.plan.changes[i].action {
                Action::DeleteCreate => (down, up),
                _ => (up, down),
            };
            if !self.waits(then, first) {
                self.fault(out, then, "does not wait for the other half of its replacement");
            }
        }
    }

    /// Start, ready, drain and end of every step, in line, and nothing of a step that is not there.
    fn barriers(&mut self, out: &mut Vec<Finding>) {
        let mut known = BTreeSet::new();
        for (name, workload) in &self.plan.workloads {
            let mut before = None;
            for step in 0..workload.steps.len() as u32 {
                known.insert((&**name, step));
                let b = self.steps.get(&(&**name, step)).copied().unwrap_or_default();
                let (Some(start), Some(ready), Some(end)) = (b.start, b.ready, b.end) else {
                    let what = "a barrier of the step".to_string();
                    let fault = Fault::Missing { what };
                    out.push(Finding { workload: Some(name.to_string()), step: Some(step as usize), fault });
                    continue;
                };
                let mut line: Vec<u32> = before.into_iter().collect();
                line.extend([start, ready]);
                line.extend(b.drain);
                line.push(end);
                for pair in line.windows(2) {
                    if !self.waits(pair[1], pair[0]) {
                        self.fault(
                            out,
                            pair[1],
                            format!("does not wait for the {}", words(self.plan, pair[0] as usize)),
                        );
                    }
                }
                before = Some(end);
            }
        }
        let mut strange: Vec<u32> = self
            .steps
            .iter()
            .filter(|(id, _)| !known.contains(*id))
            .flat_map(|(_, b)| [b.start, b.ready, b.drain, b.end])
            .flatten()
            .collect();
        strange.sort_unstable();
        for op in strange {
            self.fault(out, op, "is of a step that is not there");
        }
    }

    /// What replicas' operations wait for, and what waits for them.
    fn replicas(&mut self, out: &mut Vec<Finding>) {
        let plan = self.plan;
        for (name, workload) in &plan.workloads {
            if plan.kind == Kind::RefreshOnly {
                continue;
            }
            named_keys(plan, name, workload, out);
            let mut first: HashMap<&Str, Named> = HashMap::new();
            let mut groups: BTreeMap<&Str, Vec<u32>> = BTreeMap::new();
            for (k, step) in workload.steps.iter().enumerate() {
                let k = k as u32;
                step.adds.iter().for_each(|key| first.entry(key).or_default().add = Some(k));
                step.updates.iter().for_each(|key| first.entry(key).or_default().update = Some(k));
                step.removes.iter().for_each(|key| first.entry(key).or_default().remove = Some(k));
                step.groups.iter().for_each(|key| groups.entry(key).or_default().push(k));
            }
            self.keys(name, &first, &groups, out);
        }
        self.follows(out);
    }

    fn keys(
        &mut self,
        name: &'a Str,
        named: &HashMap<&Str, Named>,
        groups: &BTreeMap<&Str, Vec<u32>>,
        out: &mut Vec<Finding>,
    ) {
        let plan = self.plan;
        let mut whole: BTreeMap<&Str, (bool, bool)> = BTreeMap::new();
        for (i, change) in plan.changes.iter().enumerate() {
            let (Some(workload), Some(Key::Str(key))) = (&change.address.workload, &change.address.key) else {
                continue;
            };
            if workload != name || change.deposed.is_some() {
                continue;
            }
            let all = whole.entry(key).or_insert((true, true));
            all.0 &= matches!(change.action, Action::Create | Action::Spare);
            all.1 &= matches!(change.action, Action::Delete | Action::Forget);
            match groups.get(key).and_then(|steps| steps.last()) {
                None => self.between(i, change, name, named.get(key).copied().unwrap_or_default(), out),
                // A group that goes is deleted in the last step that takes from it.
                Some(last) => {
                    let named = Named { remove: Some(*last), ..Named::default() };
                    if self.up[i].is_empty() {
                        self.between(i, change, name, named, out);
                    }
                }
            }
        }
        for (key, (created, deleted)) in &whole {
            let named = named.get(*key).copied().unwrap_or_default();
            let replica = || key.to_string();
            let is_slot = key.rsplit_once('/').is_some_and(|(_, n)| n.parse::<u32>().is_ok());
            let why = match () {
                () if !is_slot => continue,
                () if *deleted && named.remove.is_none() => "is deleted, and no step takes it away",
                () if *created && named.add.is_none() => "is created, and no step adds it",
                () if named.remove.is_some() && named.add.is_none() && !deleted => "is taken away by a step, and stays",
                () => continue,
            };
            out.push(Finding {
                workload: Some(name.to_string()),
                step: None,
                fault: Fault::Slot { replica: replica(), why },
            });
        }
        for (key, at) in named.iter().filter(|(key, _)| !whole.contains_key(*key)) {
            if at.add.is_some() || at.remove.is_some() {
                let why = "is in a step, and there is no object of it";
                let fault = Fault::Slot { replica: key.to_string(), why };
                out.push(Finding {
                    workload: Some(name.to_string()),
                    step: at.add.or(at.remove).map(|s| s as usize),
                    fault,
                });
            }
        }
    }

    /// A replica's operations lie between the barriers of the steps that name it.
    fn between(&mut self, i: usize, change: &Change, name: &'a Str, named: Named, out: &mut Vec<Finding>) {
        let delete_first = change.action == Action::DeleteCreate;
        let up_step = named.add.or(named.update).or(if delete_first { named.remove } else { None });
        // What is half made serves nothing: it may go in the step that makes it again.
        let half_made = delete_first && change.reason == Some(Reason::Tainted);
        let renewed = named.add.filter(|add| half_made && named.remove.is_none_or(|remove| *add <= remove));
        let down_step = renewed.or(named.remove).or(if delete_first { named.update.or(named.add) } else { None });
        for op in self.up[i].clone() {
            if let Some(b) = up_step.and_then(|s| self.steps.get(&(&**name, s)).copied()) {
                self.enclosed(op, b.start, b.ready, out);
            }
        }
        for op in self.down[i].clone() {
            if let Some(b) = down_step.and_then(|s| self.steps.get(&(&**name, s)).copied()) {
                self.enclosed(op, if delete_first { b.start } else { b.ready }, b.end, out);
            }
        }
    }

    fn enclosed(&mut self, op: u32, first: Option<u32>, last: Option<u32>, out: &mut Vec<Finding>) {
        let (Some(first), Some(last)) = (first, last) else { return };
        if !self.waits(op, first) {
            self.fault(out, op, format!("does not wait for the {}", words(self.plan, first as usize)));
        }
        if !self.waits(last, op) {
            self.fault(out, last, format!("does not wait for the {}", words(self.plan, op as usize)));
        }
    }

    /// What follows a workload does so step after step, inside the steps.
    fn follows(&mut self, out: &mut Vec<Finding>) {
        for i in 0..self.up.len() {
            let mut before: Option<(u32, u32)> = None;
            for op in self.up[i].clone() {
                let OpKind::Follow { workload, step, .. } = &self.plan.ops[op as usize].what else { continue };
                let Some(b) = self.steps.get(&(&**workload, *step)).copied() else {
                    self.fault(out, op, "follows a step that is not there");
                    continue;
                };
                self.enclosed(op, b.start, b.end, out);
                if let Some((earlier, at)) = before
                    && (*step <= at || !self.waits(op, earlier))
                {
                    self.fault(out, op, "does not wait for the same change in the step before");
                }
                before = Some((op, *step));
            }
        }
    }

    /// What is made waits for all it was made from.
    fn creations(&mut self, out: &mut Vec<Finding>) {
        for (i, change) in self.plan.changes.iter().enumerate() {
            let Some(up) = self.up[i].first().copied() else { continue };
            for dependency in &change.dependencies {
                if let Some(sibling) = self.sibling(change, dependency) {
                    self.must_wait(up, self.up[sibling as usize].last().copied(), out);
                } else if !self.is_own(change, dependency) {
                    self.waits_for_block(up, dependency, false, i, out);
                }
            }
        }
    }

    /// What is deleted waits until what needs it is gone, or has turned to its successor.
    fn deletions(&mut self, out: &mut Vec<Finding>) {
        let mut needed: HashMap<&Address, Vec<u32>> = HashMap::new();
        for (i, change) in self.plan.changes.iter().enumerate() {
            for dependency in &change.dependencies {
                if let Some(sibling) = self.sibling(change, dependency) {
                    self.released(sibling, i as u32, out);
                } else if !self.is_own(change, dependency) {
                    needed.entry(dependency).or_default().push(i as u32);
                }
            }
        }
        let mut blocks: Vec<(&Address, Vec<u32>)> = needed.into_iter().collect();
        blocks.sort();
        for (block, dependents) in blocks {
            for of in self.blocks.get(block).cloned().unwrap_or_default() {
                self.released_by_all(of, &dependents, out);
            }
        }
    }

    /// The delete of `of` waits for all of `dependents`; seen at once when one join does.
    fn released_by_all(&mut self, of: u32, dependents: &[u32], out: &mut Vec<Finding>) {
        let Some(down) = self.down[of as usize].first().copied() else { return };
        let joins: Vec<u32> = self.direct(down).filter(|o| self.plan.ops[*o as usize].what == OpKind::Join).collect();
        let first = dependents.first().copied().unwrap_or(0);
        for dependent in dependents.iter().filter(|d| **d != of) {
            let seen = joins.iter().any(|j| self.joins.get(&(*j, first, true)) == Some(&true));
            if seen {
                break;
            }
            self.released(of, *dependent, out);
        }
        for join in joins {
            let all = dependents.iter().filter(|d| **d != of).all(|d| {
                self.down[*d as usize].iter().all(|o| self.plan.ops[join as usize].after.binary_search(o).is_ok())
                    && (!self.down[*d as usize].is_empty() || self.up[*d as usize].is_empty())
            });
            self.joins.insert((join, first, true), all);
        }
    }

    fn released(&mut self, of: u32, dependent: u32, out: &mut Vec<Finding>) {
        let Some(down) = self.down[of as usize].first().copied() else { return };
        if let Some(gone) = self.down[dependent as usize].first().copied() {
            self.must_wait(down, Some(gone), out);
        } else if self.plan.changes[of as usize].action == Action::CreateDelete {
            self.must_wait(down, self.up[dependent as usize].last().copied(), out);
        }
    }

    fn must_wait(&mut self, op: u32, earlier: Option<u32>, out: &mut Vec<Finding>) {
        if let Some(earlier) = earlier
            && op != earlier
            && !self.waits(op, earlier)
        {
            self.fault(out, op, format!("does not wait for the {}", words(self.plan, earlier as usize)));
        }
    }

    /// Every operation that makes or changes something of a block comes before `op`.
    fn waits_for_block(&mut self, op: u32, block: &Address, deleted: bool, own: usize, out: &mut Vec<Finding>) {
        let Some(members) = self.blocks.get(block) else { return };
        let Some(first) = members.first().copied() else { return };
        let joins: Vec<u32> = self.direct(op).filter(|o| self.plan.ops[*o as usize].what == OpKind::Join).collect();
        for join in joins {
            let known = match self.joins.get(&(join, first, deleted)) {
                Some(known) => *known,
                None => {
                    let after = &self.plan.ops[join as usize].after;
                    let all = members
                        .iter()
                        .all(|m| self.up[*m as usize].last().is_none_or(|o| after.binary_search(o).is_ok()));
                    self.joins.insert((join, first, deleted), all);
                    all
                }
            };
            if known {
                return;
            }
        }
        for member in members.clone() {
            if member as usize != own {
                self.must_wait(op, self.up[member as usize].last().copied(), out);
            }
        }
    }

    /// A dependency inside the same replica.
    fn is_own(&self, change: &Change, dependency: &Address) -> bool {
        dependency.workload.is_some() && dependency.workload == change.address.workload
    }

    /// The acting change of `dependency` in the same replica.
    fn sibling(&self, change: &Change, dependency: &Address) -> Option<u32> {
        if !self.is_own(change, dependency) {
            return None;
        }
        let members = self.blocks.get(dependency)?;
        let at =
            members.binary_search_by(|m| self.plan.changes[*m as usize].address.key.cmp(&change.address.key)).ok()?;
        Some(members[at])
    }

    fn direct(&self, op: u32) -> impl Iterator<Item = u32> + 'a {
        let plan: &'a Plan = self.plan;
        plan.ops[op as usize].after.iter().copied()
    }

    /// Whether `op` starts only after `earlier` has ended: directly, or through others.
    fn waits(&mut self, op: u32, earlier: u32) -> bool {
        let after = &self.plan.ops[op as usize].after;
        if after.binary_search(&earlier).is_ok() {
            return true;
        }
        let mut seen = BTreeSet::new();
        let mut open: Vec<u32> = after.iter().copied().filter(|o| *o > earlier).collect();
        while let Some(next) = open.pop() {
            if next == earlier {
                return true;
            }
            if !seen.insert(next) {
                continue;
            }
            let list = &self.plan.ops[next as usize].after;
            if list.binary_search(&earlier).is_ok() {
                return true;
            }
            self.left = self.left.saturating_sub(list.len() + 1);
            if self.left == 0 {
                return false;
            }
            open.extend(list.iter().copied().filter(|o| *o > earlier));
        }
        false
    }
}

/// In which steps a replica comes, changes and goes.
#[derive(Clone, Copy, Default)]
struct Named {
    add: Option<u32>,
    update: Option<u32>,
    remove: Option<u32>,
}

/// The replicas named for the sequence are those of the decision's steps.
fn named_keys(plan: &Plan, name: &Str, workload: &crate::plan::model::WorkloadPlan, out: &mut Vec<Finding>) {
    let place =
        |p: usize| workload.rules.places.get(p).and_then(|p| Some((p, plan.topology.locations.get(p.location)?)));
    let keys = |entries: &[StepEntry]| -> BTreeSet<String> {
        let named = entries.iter().filter_map(|e| Some((e, place(e.place)?.1)));
        named.flat_map(|(e, l)| e.slots.iter().map(move |s| format!("{}/{}", l.name, s.slot))).collect()
    };
    for (k, (step, named)) in workload.decision.steps.iter().zip(&workload.steps).enumerate() {
        let groups_of = |entries: &[StepEntry]| -> BTreeSet<String> {
            let places = entries.iter().filter(|e| e.count > 0).filter_map(|e| place(e.place));
            places.filter(|(p, _)| p.template == Template::PerLocation).map(|(_, l)| l.name.clone()).collect()
        };
        let groups = groups_of(&step.adds).into_iter().chain(groups_of(&step.removes)).collect();
        let waits = keys(&step.waits).into_iter().chain(groups_of(&step.waits)).collect();
        let lists = [
            ("adds", keys(&step.adds), &named.adds),
            ("updates", keys(&step.updates), &named.updates),
            ("removes", keys(&step.removes), &named.removes),
            ("waits for", waits, &named.waits),
            ("resizes", groups, &named.groups),
        ];
        for (what, wanted, have) in lists {
            let same = wanted.len() == have.len() && have.iter().all(|k| wanted.contains(&**k));
            if !same {
                let what = format!("the list of replicas it {what} (it is not that of the step)");
                out.push(Finding { workload: Some(name.to_string()), step: Some(k), fault: Fault::Missing { what } });
            }
        }
    }
}
