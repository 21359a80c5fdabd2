//! Which replicas: stable slots, lowest free on growth, unhealthy first and then highest on shrinking.

use super::decision::PlaceChanges;
use super::model::{PlaceLive, Ready, Replicas, Slot};

/// What may be done in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Replicas may be created.
    pub add: bool,
    /// Missing objects of replicas that stay may be created, and what stays is waited for.
    pub complete: bool,
    /// Replicas may be destroyed, replaced, updated.
    pub disturb: bool,
    /// Replacements and updates may run (they need both, and a place that takes new replicas).
    pub renew: bool,
    /// What replicas say of themselves counts: the place's health does not take it away.
    pub counts: bool,
}

/// Replicas of a place by what happens to them; the numbers that ordering works with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Existing replicas.
    pub total: u32,
    /// Certainly serving.
    pub ready: u32,
    /// Slots to create (empty, with `grow` counting, for a place that works by number).
    pub grow: Vec<u32>,
    /// How many to create.
    pub grow_count: u32,
    /// Old replicas to be replaced, not serving first: slot and whether it serves.
    pub replace: Vec<(u32, bool)>,
    /// Replicas to give back, in order.
    pub shrink: Vec<(u32, bool)>,
    /// Replicas to update in place.
    pub update: Vec<(u32, bool)>,
    /// Replicas to complete, and whether they serve as they are.
    pub complete: Vec<(u32, bool)>,
    /// Replicas to wait for.
    pub wait: Vec<u32>,
    /// How many to wait for.
    pub wait_count: u32,
    /// Replicas that stay, do not serve for certain, and are not waited for.
    pub idle: u32,
    /// Those of them that certainly do not serve.
    pub silent: u32,
    /// Works by number, without names.
    pub by_number: bool,
    /// New replicas may be made here.
    pub takes_new: bool,
    /// Free slots for replicas of passage, lowest first; further ones are from `above` on.
    pub free: Vec<u32>,
    /// The first slot above all that are taken.
    pub above: u32,
}

impl Work {
    /// The slot of a replica of passage, by its number.
    pub fn passage(&self, number: u32) -> u32 {
        let further = || self.above.saturating_add(number.saturating_sub(self.free.len() as u32));
        self.free.get(number as usize).copied().unwrap_or_else(further)
    }
}

/// Replicas that exist.
pub fn existing(live: &PlaceLive) -> u32 {
    match &live.replicas {
        Replicas::Slots(slots) => slots.iter().filter(|s| s.exists).count() as u32,
        Replicas::Count { count, .. } => *count,
    }
}

/// Replicas that certainly and possibly serve, as far as they themselves tell.
pub fn serving(live: &PlaceLive) -> (u32, u32) {
    match &live.replicas {
        Replicas::Slots(slots) => {
            let count = |f: fn(&Slot) -> bool| slots.iter().filter(|s| s.exists && f(s)).count() as u32;
            (count(|s| s.ready == Ready::Yes), count(|s| s.ready != Ready::No))
        }
        Replicas::Count { count, ready_lo, ready_hi } => ((*ready_lo).min(*count), (*ready_hi).min(*count)),
    }
}

/// Assigns slots for a place that is to hold `target` replicas of which `ready` count as serving now.
pub fn assign(live: &PlaceLive, target: u32, leave: Leave) -> (PlaceChanges, Work) {
    match &live.replicas {
        Replicas::Slots(slots) => assign_slots(slots, target, leave),
        Replicas::Count { count, .. } => {
            let (lo, hi) = if leave.counts { serving(live) } else { (0, *count) };
            let wait_count = if leave.complete { count - lo } else { 0 };
            let shrink = if leave.disturb { count.saturating_sub(target) } else { 0 };
            let grow_count = if leave.add { target.saturating_sub(*count) } else { 0 };
            // Nobody says which ones a group gives back: the serving ones, at worst.
            let shrink: Vec<(u32, bool)> = (0..shrink).map(|i| (0, i < lo + wait_count)).collect();
            let left = count - shrink.len() as u32;
            let work = Work {
                total: *count,
                ready: lo,
                grow_count,
                wait_count,
                idle: left.saturating_sub((lo + wait_count).saturating_sub(shrink.len() as u32)),
                silent: left.saturating_sub((hi + wait_count).saturating_sub(shrink.len() as u32)),
                shrink,
                by_number: true,
                takes_new: leave.add,
                ..Work::default()
            };
            (PlaceChanges { frozen: is_frozen(leave), ..PlaceChanges::default() }, work)
        }
    }
}

fn is_frozen(leave: Leave) -> bool {
    !leave.add && !leave.complete && !leave.disturb
}

fn assign_slots(slots: &[Slot], target: u32, leave: Leave) -> (PlaceChanges, Work) {
    let mut standing: Vec<&Slot> = slots.iter().filter(|s| s.exists).collect();
    let total = standing.len() as u32;
    let serves = |s: &Slot| leave.counts && s.ready == Ready::Yes;
    let mut changes = PlaceChanges { frozen: is_frozen(leave), ..PlaceChanges::default() };
    let mut work = Work { total, ready: standing.iter().filter(|s| serves(s)).count() as u32, ..Work::default() };
    if leave.add && target > total {
        let taken: std::collections::BTreeSet<u32> = standing.iter().map(|s| s.slot).collect();
        work.grow = (0..=u32::MAX).filter(|s| !taken.contains(s)).take((target - total) as usize).collect();
        work.grow_count = target - total;
        changes.add.clone_from(&work.grow);
    }
    if leave.disturb && target < total {
        standing.sort_by_key(|s| {
            let health = match s.ready {
                _ if s.incomplete || s.tainted => 0,
                Ready::No => 0,
                Ready::Unknown => 1,
                Ready::Yes => 2,
            };
            (health, std::cmp::Reverse(s.slot))
        });
        let keep = standing.split_off((total - target) as usize);
        work.shrink = standing.iter().map(|s| (s.slot, serves(s))).collect();
        changes.remove = standing.iter().map(|s| s.slot).collect();
        standing = keep;
        standing.sort_by_key(|s| s.slot);
    }
    let highest = slots.iter().filter(|s| s.exists).map(|s| s.slot).chain(work.grow.iter().copied()).max();
    work.takes_new = leave.add;
    work.above = highest.map_or(0, |slot| slot.saturating_add(1));
    for s in standing {
        let renew = !s.current || s.tainted;
        let deferred = (renew || s.interrupting_update) && !leave.renew;
        if deferred {
            changes.deferred.push(s.slot);
        }
        if renew && leave.renew {
            work.replace.push((s.slot, serves(s)));
            changes.replace.push(s.slot);
            continue;
        }
        // What serves and is interrupted by an update is completed in the step that reckons with the interruption.
        let interrupted = s.interrupting_update && leave.renew && serves(s);
        if s.incomplete && leave.complete && !interrupted {
            work.complete.push((s.slot, serves(s)));
            changes.complete.push(s.slot);
        } else if s.interrupting_update && leave.renew {
            work.update.push((s.slot, serves(s)));
            changes.update.push(s.slot);
        } else if !serves(s) && leave.complete && !(s.tainted && deferred) {
            work.wait.push(s.slot);
            changes.wait.push(s.slot);
        } else {
            // What is broken and may not be replaced now is not hoped for.
            work.idle += u32::from(!serves(s));
            work.silent += u32::from(leave.counts && s.ready == Ready::No);
            changes.keep.push(s.slot);
        }
    }
    work.wait_count = work.wait.len() as u32;
    work.free = free_below(slots, &work, changes.update.len());
    work.replace.sort_by_key(|&(slot, serves)| (serves, slot));
    work.update.sort_by_key(|&(slot, serves)| (serves, slot));
    (changes, work)
}

/// The lowest free slots below the highest taken one, no more than there are updates to stand in for.
fn free_below(slots: &[Slot], work: &Work, updates: usize) -> Vec<u32> {
    if updates == 0 {
        return Vec::new();
    }
    let taken: std::collections::BTreeSet<u32> =
        slots.iter().filter(|s| s.exists).map(|s| s.slot).chain(work.grow.iter().copied()).collect();
    (0..work.above).filter(|s| !taken.contains(s)).take(updates).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread::tests::world::slot;

    const ALL: Leave = Leave { add: true, complete: true, disturb: true, renew: true, counts: true };
    /// A replica that grows by a part and is resized at once does not serve meanwhile: no number of such may go in one step.
    #[test]
    fn completing_what_an_update_interrupts_is_that_update() {
        let grown = |n| Slot { incomplete: true, interrupting_update: true, ..slot(n) };
        let half_made = Slot { ready: Ready::No, ..grown(2) };
        let (changes, work) = assign(&place(vec![grown(0), grown(1), half_made]), 3, ALL);
        assert_eq!((changes.update, changes.complete), (vec![0, 1], vec![2]));
        assert_eq!((work.update, work.complete), (vec![(0, true), (1, true)], vec![(2, false)]));
    }

    const NOTHING: Leave = Leave { add: false, complete: false, disturb: false, renew: false, counts: true };

    fn place(slots: Vec<Slot>) -> PlaceLive {
        PlaceLive { others: 0, replicas: Replicas::Slots(slots) }
    }

    #[test]
    fn growth_takes_the_lowest_free() {
        let live = place(vec![slot(0), Slot { exists: false, ..slot(1) }, slot(3)]);
        let (changes, work) = assign(&live, 5, ALL);
        assert_eq!((changes.add, changes.keep, work.total), (vec![1, 2, 4], vec![0, 3], 2));
    }

    #[test]
    fn shrinking_gives_back_unhealthy_first_then_highest() {
        let live = place(vec![
            slot(0),
            Slot { ready: Ready::No, ..slot(1) },
            slot(2),
            Slot { ready: Ready::Unknown, ..slot(3) },
            slot(4),
        ]);
        assert_eq!(assign(&live, 1, ALL).0.remove, [1, 3, 4, 2]);
        assert_eq!(assign(&live, 4, ALL).0.remove, [1]);
    }

    #[test]
    fn what_is_frozen_is_not_touched() {
        let live = place(vec![Slot { current: false, ..slot(0) }, Slot { ready: Ready::No, ..slot(1) }]);
        let (changes, work) = assign(&live, 0, NOTHING);
        assert_eq!((changes.remove.len(), changes.replace.len(), changes.wait.len()), (0, 0, 0));
        assert_eq!((changes.deferred, changes.frozen, work.wait_count), (vec![0], true, 0));
    }

    #[test]
    fn one_fate_for_each() {
        let live = place(vec![
            Slot { current: false, interrupting_update: true, ..slot(0) },
            Slot { interrupting_update: true, ..slot(1) },
            Slot { incomplete: true, ready: Ready::No, ..slot(2) },
            Slot { ready: Ready::No, ..slot(3) },
            Slot { tainted: true, ready: Ready::No, ..slot(4) },
        ]);
        let (c, work) = assign(&live, 5, ALL);
        assert_eq!((c.replace, c.update, c.complete, c.wait, c.keep), (vec![0, 4], vec![1], vec![2], vec![3], vec![]));
        assert_eq!(work.replace, [(4, false), (0, true)]);
    }
}
