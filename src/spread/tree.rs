//! The tree of domains that a workload's spread divides, with what each may hold.

use std::collections::{BTreeMap, BTreeSet};

use super::apportion::tie_hash;
use super::decision::{Refusal, WayOut};
use super::model::{Bound, Ratio, Site, SpreadLevel, Topology, Workload};

/// What may happen to the replicas of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Adds and removes.
    Open,
    /// Removes only.
    Cordoned,
    /// To be emptied: evacuated, or no longer in the spec.
    Leaving,
    /// Keeps what it has.
    Frozen,
    /// Down, and kept by the same rule; takes no part in skew and shares of others.
    Dead,
    /// Gone by a loss: holds nothing for this placement, whatever stands there is not touched.
    Lost,
}

/// A question to placement.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The places' surroundings.
    pub topology: &'a Topology,
    /// The rules.
    pub workload: &'a Workload,
    /// N.
    pub replicas: u32,
    /// Replicas that stand, per place.
    pub existing: &'a [u32],
    /// What may happen to them.
    pub standing: &'a [Standing],
    /// Room for this workload in replicas; `None` is no limit.
    pub room: &'a [Option<u32>],
    /// Nothing may be removed.
    pub adds_only: bool,
    /// Standbys may be used.
    pub failover: bool,
    /// Movement counts; without it the answer is the canonical placement.
    pub use_live: bool,
    /// A strict shortage is no refusal (losses are judged, not planned).
    pub lenient: bool,
}

/// A domain, or a place at the bottom.
#[derive(Clone, Debug)]
pub struct Node {
    /// Children, in byte order of their names.
    pub children: Vec<usize>,
    /// The spread block that divides the children; `None`: evenly, not enforced.
    pub spread: Option<usize>,
    /// The place, at the bottom.
    pub place: Option<usize>,
    /// All places below.
    pub places: Vec<usize>,
    /// Distance from the root.
    pub depth: usize,
    /// Name of the domain (of the location at the bottom).
    pub name: String,
    /// `(level, name)` from the outermost down to this.
    pub above: Vec<(String, String)>,
    /// Weight among its siblings.
    pub weight: u64,
    /// Weight 0, usable in this failover.
    pub standby: bool,
    /// At least so many units.
    pub floor: u64,
    /// The part of the floor that the spec declares.
    pub declared_floor: u64,
    /// The declared minimum of this domain, in replicas.
    pub min: u32,
    /// At most so many units.
    pub cap: u64,
    /// The same were there no quota.
    pub cap_without_quota: u64,
    /// Takes part in shares and skew.
    pub eligible: bool,
    /// Units that stand.
    pub live: u64,
    /// Position among its siblings by the fixed part of the tie-break.
    pub rank: usize,
    /// Whether the costs of its children are convex.
    pub convex: bool,
    /// Its children are filled one after the other.
    pub ordered: bool,
}

/// The tree, and the unit its numbers are in.
#[derive(Debug)]
pub struct Tree<'a> {
    /// The question.
    pub ask: &'a Ask<'a>,
    /// All nodes; children before parents.
    pub nodes: Vec<Node>,
    /// The top.
    pub root: usize,
    /// The common unit, in [`Workload::scale`]-ths of a replica.
    pub grain: u64,
}

/// What the groups of an overflow are called where a domain's level stands.
pub const OVERFLOW: &str = "overflow";

/// Most units a placement may deal in, so that no input costs unbounded work.
pub const MOST_UNITS: u64 = 10_000_000;

/// The greatest common divisor of all sizes and of one replica.
pub fn gcd_of_units(units: &[u32], scale: u32) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    units.iter().fold(u64::from(scale.max(1)), |g, &u| gcd(g, u64::from(u.max(1))))
}

impl<'a> Tree<'a> {
    /// Builds and bounds the tree.
    ///
    /// # Errors
    /// [`Refusal`] for a place without a needed domain, a ratio over nothing, or minimums above a maximum.
    pub fn build(ask: &'a Ask<'a>) -> Result<Tree<'a>, Refusal> {
        let workload = ask.workload;
        let units: Vec<u32> = workload.places.iter().map(|p| p.unit).collect();
        let mut tree = Tree { ask, nodes: Vec::new(), root: 0, grain: gcd_of_units(&units, workload.scale) };
        if tree.small(ask.replicas) > MOST_UNITS {
            let most = MOST_UNITS / (u64::from(workload.scale.max(1)) / tree.grain).max(1);
            return Err(Refusal::TooMany { replicas: ask.replicas, most: most as u32, site: workload.replicas_site });
        }
        tree.check_names()?;
        let all: Vec<usize> = (0..workload.places.len()).collect();
        tree.root = if workload.overflow.is_empty() { tree.domain(&all, 0, Vec::new())? } else { tree.groups(&all)? };
        Ok(tree)
    }

    /// The overflow groups, each with the whole spread below it.
    fn groups(&mut self, all: &[usize]) -> Result<usize, Refusal> {
        let workload = self.ask.workload;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); workload.overflow.len()];
        for &place in all {
            let name = &self.ask.topology.locations[workload.places[place].location].name;
            let group = workload.overflow.iter().position(|g| g.locations.contains(name));
            members[group.unwrap_or(workload.overflow.len() - 1)].push(place);
        }
        let mut children = Vec::new();
        for (group, places) in workload.overflow.iter().zip(members).filter(|(_, places)| !places.is_empty()) {
            let child = self.domain(&places, 0, vec![(OVERFLOW.to_string(), group.name.clone())])?;
            if let Some(most) = group.max.map(|n| self.small(n)) {
                let node = &mut self.nodes[child];
                node.cap = node.cap.min(most).max(node.floor);
                node.cap_without_quota = node.cap_without_quota.min(most).max(node.floor);
            }
            children.push(child);
        }
        let root = self.inner(children, None, all, 0, Vec::new())?;
        (self.nodes[root].ordered, self.nodes[root].convex) = (true, false);
        Ok(root)
    }

    /// Replicas in common units.
    pub fn small(&self, replicas: u32) -> u64 {
        u64::from(replicas) * (u64::from(self.ask.workload.scale.max(1)) / self.grain)
    }

    /// Common units in replicas of size 1, rounded up.
    pub fn replicas_of(&self, small: u64) -> u32 {
        small.div_ceil((u64::from(self.ask.workload.scale.max(1)) / self.grain).max(1)).min(u64::from(u32::MAX)) as u32
    }

    fn unit_at(&self, place: usize) -> u64 {
        (u64::from(self.ask.workload.places[place].unit.max(1)) / self.grain).max(1)
    }

    /// Whether all replicas are of one size, so that a unit is a replica everywhere.
    pub fn is_alike(&self) -> bool {
        let scale = self.ask.workload.scale.max(1);
        self.grain == u64::from(scale) && self.ask.workload.places.iter().all(|p| p.unit == scale)
    }

    /// The replicas a place needs for so many common units.
    pub fn replicas_at(&self, place: usize, small: u64) -> u32 {
        small.div_ceil(self.unit_at(place)).min(u64::from(u32::MAX)) as u32
    }

    /// For each node, the least and the most units whose whole replicas are what stands below it.
    pub fn standing_units(&self) -> Vec<(u64, u64)> {
        let mut units: Vec<(u64, u64)> = vec![(0, 0); self.nodes.len()];
        // Children stand before their parents.
        for (id, node) in self.nodes.iter().enumerate() {
            units[id] = match node.place {
                Some(place) if node.live > 0 => (node.live - self.unit_at(place) + 1, node.live),
                Some(_) => (0, 0),
                None => node.children.iter().fold((0, 0), |(l, h), &c| (l + units[c].0, h + units[c].1)),
            };
        }
        units
    }

    /// How much more than its share a place holds by that rounding, in [`Workload::scale`]-ths.
    pub fn rounded_up(&self, place: usize, small: u64) -> u64 {
        (u64::from(self.replicas_at(place, small)) * self.unit_at(place) - small) * self.grain
    }

    /// The tolerance of a level for a total of `n` common units, in common units.
    pub fn tolerance(&self, level: &SpreadLevel, n: u64) -> u64 {
        match level.tolerance {
            Bound::Count(t) => self.small(t),
            Bound::Percent(p) => (u128::from(n) * u128::from(p) / 100_000_000) as u64,
        }
    }

    fn check_names(&self) -> Result<(), Refusal> {
        let (topology, workload) = (self.ask.topology, self.ask.workload);
        for level in &workload.spread {
            let mut known = BTreeSet::new();
            for place in &workload.places {
                let location = &topology.locations[place.location];
                match location.domains.get(&level.level) {
                    Some(name) => known.insert(name.as_str()),
                    // What the spec no longer has is to be emptied, whatever its domains were.
                    None if !place.declared => false,
                    None => {
                        return Err(Refusal::MissingDomain {
                            location: location.name.clone(),
                            level: level.level.clone(),
                            site: level.site,
                        });
                    }
                };
            }
            let mut named: Vec<&str> = level.over.iter().flatten().map(String::as_str).collect();
            if let Ratio::Weights { parts, .. } = &level.ratio {
                named.extend(parts.iter().map(|(name, _)| name.as_str()));
            }
            if let Some(missing) = named.into_iter().find(|name| !known.contains(name)) {
                return Err(Refusal::NoSuchDomain {
                    level: level.level.clone(),
                    domain: missing.to_string(),
                    site: level.site,
                });
            }
        }
        Ok(())
    }

    fn domain(&mut self, places: &[usize], depth: usize, above: Vec<(String, String)>) -> Result<usize, Refusal> {
        let workload = self.ask.workload;
        let mut children = Vec::new();
        let spread = (depth < workload.spread.len()).then_some(depth);
        if let Some(level) = workload.spread.get(depth) {
            let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for &place in places {
                let location = &self.ask.topology.locations[workload.places[place].location];
                let name = location.domains.get(&level.level).map_or("", String::as_str);
                groups.entry(name).or_default().push(place);
            }
            for (name, members) in groups {
                let mut path = above.clone();
                path.push((level.level.clone(), name.to_string()));
                let child = self.domain(&members, depth + 1, path)?;
                self.bound_domain(child, level, name);
                children.push(child);
            }
            self.require_weight(&children, level)?;
        } else {
            for &place in places {
                children.push(self.leaf(place, depth + 1, &above));
            }
        }
        self.inner(children, spread, places, depth, above)
    }

    fn leaf(&mut self, place: usize, depth: usize, above: &[(String, String)]) -> usize {
        let ask = self.ask;
        let location = &ask.topology.locations[ask.workload.places[place].location];
        let unit = self.unit_at(place);
        let live = u64::from(ask.existing[place]) * unit;
        let room = ask.room[place].map_or(u64::MAX, |room| u64::from(room) * unit);
        let keep = if ask.adds_only { live } else { 0 };
        let (floor, cap, cap_without_quota) = match ask.standing[place] {
            Standing::Open => (keep, room.max(keep), u64::MAX),
            Standing::Cordoned => (keep, live.min(room.max(keep)), live),
            Standing::Leaving => (keep, keep, keep),
            Standing::Frozen | Standing::Dead => (live, live, live),
            Standing::Lost => (0, 0, 0),
        };
        self.nodes.push(Node {
            children: Vec::new(),
            spread: None,
            place: Some(place),
            places: vec![place],
            depth,
            name: location.name.clone(),
            above: above.to_vec(),
            weight: 1,
            standby: false,
            floor,
            declared_floor: 0,
            min: 0,
            cap,
            cap_without_quota,
            eligible: !matches!(ask.standing[place], Standing::Leaving | Standing::Dead | Standing::Lost),
            live: if ask.standing[place] == Standing::Lost { 0 } else { live },
            rank: 0,
            convex: true,
            ordered: false,
        });
        self.nodes.len() - 1
    }

    fn inner(
        &mut self,
        children: Vec<usize>,
        spread: Option<usize>,
        places: &[usize],
        depth: usize,
        above: Vec<(String, String)>,
    ) -> Result<usize, Refusal> {
        let level = spread.map(|s| &self.ask.workload.spread[s]);
        self.rank(&children, level);
        if let Some(most) = level.and_then(|l| l.max_domains) {
            for c in self.beyond_max_domains(&children, most) {
                let node = &mut self.nodes[c];
                node.cap = node.floor;
                node.cap_without_quota = node.cap_without_quota.min(node.floor);
            }
        }
        let of = |c: &usize| &self.nodes[*c];
        // A domain of weight 0 can hold its floor and no more.
        let holds = |n: &Node, cap: u64| if n.weight == 0 && !n.standby { n.floor } else { cap };
        let total = |get: &dyn Fn(&Node) -> u64| children.iter().fold(0u64, |sum, c| sum.saturating_add(get(of(c))));
        let units: BTreeSet<u32> =
            children.iter().filter_map(|c| of(c).place).map(|p| self.ask.workload.places[p].unit).collect();
        let node = Node {
            spread,
            place: None,
            places: places.to_vec(),
            depth,
            name: above.last().map_or(String::new(), |(_, name)| name.clone()),
            above,
            weight: 1,
            standby: false,
            floor: total(&|n| n.floor),
            declared_floor: total(&|n| n.declared_floor),
            min: 0,
            cap: total(&|n| holds(n, n.cap)),
            cap_without_quota: total(&|n| holds(n, n.cap_without_quota)),
            eligible: children.iter().any(|c| of(c).eligible),
            live: total(&|n| n.live),
            rank: 0,
            convex: children.iter().all(|c| of(c).place.is_some()) && units.len() <= 1,
            ordered: false,
            children,
        };
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    /// Weight, minimum and maximum of a domain, by its level.
    fn bound_domain(&mut self, id: usize, level: &SpreadLevel, name: &str) {
        let weight = weight_of(level, name);
        let of = |map: &BTreeMap<String, u32>| map.get(name).or_else(|| map.get("*")).copied();
        let min = of(&level.min).unwrap_or(0);
        let (least, most) = (self.small(min), of(&level.max).map_or(u64::MAX, |m| self.small(m)));
        let failover = self.ask.failover;
        let node = &mut self.nodes[id];
        node.weight = weight;
        node.standby = failover && weight == 0 && level.standby.iter().any(|s| s == name);
        node.min = min;
        // What is frozen stays, also above a maximum; a minimum is owed only where there is room (4.1 step 1).
        let kept = node.floor;
        node.cap = node.cap.min(most).max(kept);
        node.cap_without_quota = node.cap_without_quota.min(most).max(kept);
        let owed = if node.eligible { least.min(node.cap) } else { 0 };
        node.declared_floor = node.declared_floor.max(owed);
        node.floor = kept.max(owed);
    }

    fn require_weight(&self, children: &[usize], level: &SpreadLevel) -> Result<(), Refusal> {
        if !children.is_empty() && children.iter().all(|&c| self.nodes[c].weight == 0) {
            let matters = children.iter().any(|&c| self.ask.workload.places[self.nodes[c].places[0]].declared);
            if matters {
                return Err(Refusal::AllWeightsZero { level: level.level.clone(), site: level.site });
            }
        }
        Ok(())
    }

    /// The fixed part of the tie-break among siblings: `prefer`, price, hash, path.
    fn rank(&mut self, children: &[usize], level: Option<&SpreadLevel>) {
        let mut keyed: Vec<((usize, u64, u64, String), usize)> = children
            .iter()
            .map(|&c| {
                let child = &self.nodes[c];
                let mut path: Vec<&str> = child.above.iter().map(|(_, name)| name.as_str()).collect();
                if child.place.is_some() {
                    path.push(&child.name);
                }
                let path = path.join("/");
                let prefer = level.and_then(|l| l.prefer.iter().position(|p| *p == child.name)).unwrap_or(usize::MAX);
                let cost = if level.is_some_and(|l| l.prefer_cheap) { self.cost_of(child) } else { 0 };
                ((prefer, cost, tie_hash(&self.ask.workload.name, &path), path), c)
            })
            .collect();
        keyed.sort();
        for (rank, (_, child)) in keyed.into_iter().enumerate() {
            self.nodes[child].rank = rank;
        }
    }

    /// The children that `max_domains` leaves no more than their floor: those that hold something by their floors come first, then
    /// the heaviest, then the tie-break.
    pub fn beyond_max_domains(&self, children: &[usize], most: u32) -> Vec<usize> {
        let room = |n: &Node| n.cap > 0 && (n.weight > 0 || n.standby);
        let mut order: Vec<usize> = children.iter().copied().filter(|&c| room(&self.nodes[c])).collect();
        order.sort_by_key(|&c| {
            let n = &self.nodes[c];
            let live = if self.ask.use_live { n.live } else { 0 };
            (n.floor == 0, std::cmp::Reverse(n.weight), std::cmp::Reverse(live), n.rank)
        });
        order.split_off(order.len().min(most as usize))
    }

    fn cost_of(&self, node: &Node) -> u64 {
        let price = |&p: &usize| {
            self.ask.topology.locations[self.ask.workload.places[p].location]
                .cost
                .as_ref()
                .map_or(u64::MAX, |c| c.micros_per_hour)
        };
        node.places.iter().map(price).min().unwrap_or(u64::MAX)
    }

    /// The lines that bound the room below a node.
    pub fn sites_of(&self, id: usize) -> Vec<Site> {
        let of = |&p: &usize| self.ask.topology.locations[self.ask.workload.places[p].location].site;
        self.nodes[id].places.iter().map(of).collect()
    }

    /// The refusal for minimums that exceed what there is.
    pub fn minimums_exceed(&self, id: usize, available: u64) -> Refusal {
        // The level whose own minimums are the most: the deepest that explains the sum.
        let mut at = id;
        while let [only] = self.nodes[at].children[..] {
            if self.nodes[only].spread.is_none() || self.nodes[only].declared_floor < self.nodes[at].declared_floor {
                break;
            }
            at = only;
        }
        let node = &self.nodes[at];
        let level = node.spread.map(|s| &self.ask.workload.spread[s]);
        let sum = self.replicas_of(node.declared_floor);
        let have = self.replicas_of(available);
        let mut ways_out = vec![WayOut::Replicas(sum)];
        if let Some(level) = level {
            let over = sum - have.min(sum);
            for &c in &node.children {
                let child = &self.nodes[c];
                if child.min >= over && over > 0 {
                    ways_out.push(WayOut::LowerMinimum {
                        site: level.site,
                        name: child.name.clone(),
                        to: child.min - over,
                    });
                }
            }
        }
        let mut lines = vec![self.ask.workload.replicas_site];
        lines.extend(level.map(|l| l.site));
        Refusal::Minimums {
            level: level.map_or(String::new(), |l| l.level.clone()),
            sum: u64::from(sum),
            available: u64::from(have),
            lines,
            ways_out,
        }
    }
}

/// The weight of a domain at a level; 0 for one that takes no part.
pub fn weight_of(level: &SpreadLevel, name: &str) -> u64 {
    if level.over.as_ref().is_some_and(|over| !over.iter().any(|o| o == name)) {
        return 0;
    }
    match &level.ratio {
        Ratio::Even => 1,
        Ratio::Weights { parts, rest } => {
            parts.iter().find(|(n, _)| n == name).map(|(_, w)| u64::from(*w)).or(rest.map(u64::from)).unwrap_or(0)
        }
    }
}
