//! Why a rule cannot hold: the lines that conflict with it, each of which is enough to take out, and the cheapest ways out (N11).

use super::decide::{keeping, loss_in_effect, meters_of, percent_of, state_healthy};
use super::decision::{Breach, Judgement, Verdict, WayOut};
use super::judge::{bound_of, judge};
use super::model::{Bound, Limit, Moving, Site, Topology, Workload};
use super::place::Placement;
use super::tree::Ask;
use super::world::World;

/// Numbers of replicas tried for a way out.
const MORE: usize = 256;
/// Capacities tried for a way out.
const CAPS: usize = 32;
/// Largest tolerance offered.
const TOLERANCE: u32 = 16;

/// Rules that the target breaks although every location is healthy, with the smallest conflicting lines and ways out.
pub fn breaches(world: &World<'_>, placement: &Placement, healthy: &[Judgement]) -> Vec<Breach> {
    if loss_in_effect(world) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, judgement) in healthy.iter().enumerate() {
        if judgement.verdict != Verdict::Fail {
            continue;
        }
        let (lines, ways_out) = core_of(world, placement, index, judgement);
        found.push(Breach {
            rule: Some(index),
            value: judgement.alive,
            floor: judgement.floor,
            worst_loss: judgement.worst_loss.clone(),
            lines,
            ways_out,
        });
    }
    found
}

/// Whether a rule can hold in another world: other lines, the same places, nothing standing yet.
struct Other<'o> {
    world: &'o World<'o>,
    index: usize,
}

impl Other<'_> {
    fn holds(&self, topology: &Topology, workload: &Workload) -> bool {
        let Ok(mut other) = World::new(topology, workload, self.world.live, self.world.mode) else { return false };
        if self.world.workload.scaling.is_some() {
            other.replicas = self.world.replicas;
        }
        let none = vec![0; other.existing.len()];
        let standing = other.healthy_standing();
        let ask = Ask {
            existing: &none,
            standing: &standing,
            room: &other.room_hi,
            adds_only: false,
            failover: false,
            lenient: true,
            ..other.ask()
        };
        let Ok(placement) = keeping(&other, &ask) else { return false };
        let meters = meters_of(&other);
        let state = state_healthy(&other, &placement.target);
        judge(&other, &workload.survive[self.index], &meters[self.index], &state).verdict != Verdict::Fail
    }
}

/// The rule's own line, and each other without which the rule holds: N, a spread block, the capacity of a location.
fn core_of(world: &World<'_>, placement: &Placement, index: usize, judgement: &Judgement) -> (Vec<Site>, Vec<WayOut>) {
    let (topology, workload) = (world.topology, world.workload);
    let rule = &workload.survive[index];
    let other = Other { world, index };
    let (mut lines, mut ways_out) = (vec![rule.site], Vec::new());
    if workload.scaling.is_none() {
        let more = (world.replicas.saturating_add(1)..=world.replicas.saturating_mul(2).saturating_add(8)).take(MORE);
        let with = |replicas: u32| Workload { replicas, ..workload.clone() };
        if let Some(n) = more.into_iter().find(|&n| other.holds(topology, &with(n))) {
            lines.push(workload.replicas_site);
            ways_out.push(WayOut::Replicas(n));
        }
    }
    for i in 0..workload.spread.len() {
        let mut without = workload.clone();
        without.spread.remove(i);
        if other.holds(topology, &without) {
            lines.push(workload.spread[i].site);
        }
        ways_out.extend(tolerance(&other, topology, workload, i));
    }
    for (site, way) in capacities(&other, placement) {
        lines.push(site);
        ways_out.push(way);
    }
    if judgement.at_once == Verdict::Fail {
        ways_out.push(WayOut::LowerFloor {
            site: rule.site,
            units: judgement.alive,
            percent: percent_of(world, judgement.alive),
        });
    }
    ways_out.extend(promises(world, index, judgement));
    (lines, ways_out)
}

/// The smallest tolerance of a block with which the rule holds.
fn tolerance(other: &Other<'_>, topology: &Topology, workload: &Workload, level: usize) -> Option<WayOut> {
    let block = &workload.spread[level];
    let Bound::Count(now) = block.tolerance else { return None };
    let found = (now.saturating_add(1)..=now.saturating_add(TOLERANCE)).find(|&t| {
        let mut wider = workload.clone();
        (wider.spread[level].tolerance, wider.spread[level].moving) = (Bound::Count(t), Moving::Lazy);
        other.holds(topology, &wider)
    });
    found.map(|to| WayOut::Tolerance { site: block.site, to })
}

/// Locations that are full, or that growth would fill, and the least room with which the rule holds.
fn capacities(other: &Other<'_>, placement: &Placement) -> Vec<(Site, WayOut)> {
    let world = other.world;
    let mut found = Vec::new();
    let limited = |p: &usize| matches!(world.location(*p).capacity.limit, Limit::Known { .. });
    for p in (0..placement.target.len()).filter(limited).take(CAPS) {
        let index = world.workload.places[p].location;
        let with = |to: u32| {
            let mut topology = world.topology.clone();
            topology.locations[index].capacity.limit = Limit::Known { lo: to, hi: to };
            topology
        };
        let Limit::Known { lo, .. } = world.location(p).capacity.limit else { continue };
        let others = world.others.get(p).copied().unwrap_or(0).min(u64::from(u32::MAX)) as u32;
        let most = world.replicas.saturating_mul(2).saturating_add(8).saturating_add(others).max(lo);
        if !other.holds(&with(most), world.workload) {
            continue;
        }
        let (mut low, mut high) = (lo, most);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if other.holds(&with(middle), world.workload) { high = middle } else { low = middle }
        }
        let location = world.location(p);
        found.push((location.site, WayOut::RaiseCap { site: location.site, name: location.name.clone(), to: high }));
    }
    found
}

/// What a promise of growth could say instead.
fn promises(world: &World<'_>, index: usize, judgement: &Judgement) -> Vec<WayOut> {
    let rule = &world.workload.survive[index];
    let mut ways_out = Vec::new();
    for growth in judgement.growth.iter().filter(|g| g.verdict == Verdict::Fail) {
        match growth.reached_in_s {
            Some(seconds) => ways_out.push(WayOut::Within { site: rule.site, floor: growth.floor, within_s: seconds }),
            None if growth.reached >= bound_of(world, rule.floor) => {
                ways_out.push(WayOut::LowerPromise { site: rule.site, units: growth.reached });
            }
            None => {}
        }
    }
    ways_out
}
