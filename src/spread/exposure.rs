//! What falls with what: every event's reach into one workload, and what serves after a loss.

use std::collections::BTreeSet;

use super::decision::{Refusal, Units};
use super::model::{Event, LossOf, Path, Topology, Workload};

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// The empty set, with room for numbers below `n`.
    pub fn new(n: usize) -> Bits {
        Bits(vec![0; n.div_ceil(64)])
    }
    /// Adds a number.
    pub fn insert(&mut self, i: usize) {
        if let Some(word) = self.0.get_mut(i / 64) {
            *word |= 1 << (i % 64);
        }
    }
    /// Whether it holds a number.
    pub fn contains(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1)
    }
    /// Adds all of another set.
    pub fn extend(&mut self, other: &Bits) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|w| *w == 0)
    }
    /// Whether the two have a number in common.
    pub fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
    /// Its numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(w, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    w * 64 + bit as usize
                })
            })
        })
    }
}

/// What one event takes.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The event.
    pub event: Event,
    /// Places that fall with it directly.
    pub places: Bits,
    /// Paths (of all `requires`, then of all `entry` groups) that fall with it.
    pub paths: Bits,
    /// Places that can no longer be changed.
    pub control: Bits,
}

impl Reach {
    /// Takes nothing that serves.
    pub fn is_harmless(&self) -> bool {
        self.places.is_empty() && self.paths.is_empty()
    }
}

#[derive(Clone, Debug)]
struct Group {
    need: usize,
    /// Path numbers, each with the places it serves (`None`: all).
    paths: Vec<(usize, Option<Bits>)>,
}

/// The dependency structure of a workload.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// Units of one replica, per place.
    pub units: Vec<Units>,
    /// Domains of every level, outermost first and by name, then all shared risks in their order.
    pub events: Vec<Reach>,
    requires: Vec<Group>,
    entries: Vec<Group>,
    /// Kinds of risk that each place rests on.
    kinds: Vec<BTreeSet<String>>,
}

/// A loss applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fallen {
    /// Places that serve no more.
    pub places: Bits,
    /// Entry groups with too few paths left.
    pub entries: Vec<usize>,
    /// Places that cannot be changed.
    pub control: Bits,
}

impl Exposure {
    /// Works out the reach of every event.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when an index points nowhere.
    pub fn new(topology: &Topology, workload: &Workload) -> Result<Exposure, Refusal> {
        check_indices(topology, workload)?;
        let n = workload.places.len();
        let closures: Vec<Bits> = (0..topology.risks.len()).map(|r| closure(topology, &[r])).collect();
        let all = |shares: &[usize]| {
            let mut bits = Bits::new(topology.risks.len());
            shares.iter().for_each(|&s| bits.extend(&closures[s]));
            bits
        };
        let paths: Vec<&Path> = workload.requires.iter().chain(&workload.entry).flat_map(|g| &g.paths).collect();
        let path_risks: Vec<Bits> = paths.iter().map(|p| all(&p.shares)).collect();
        let location = |p: usize| &topology.locations[workload.places[p].location];
        let place_risks: Vec<Bits> = (0..n).map(|p| all(&location(p).shares)).collect();
        let place_control: Vec<Bits> = (0..n).map(|p| all(&location(p).control)).collect();
        let mut events = Vec::new();
        for (level, level_name) in topology.levels.iter().enumerate() {
            let names: BTreeSet<&String> =
                topology.locations.iter().filter_map(|l| l.domains.get(level_name)).collect();
            for name in names {
                let mut reach = Reach {
                    event: Event::Domain { level, name: name.clone() },
                    places: Bits::new(n),
                    paths: Bits::new(paths.len()),
                    control: Bits::new(n),
                };
                (0..n)
                    .filter(|&p| location(p).domains.get(level_name) == Some(name))
                    .for_each(|p| reach.places.insert(p));
                reach.control = reach.places.clone();
                events.push(reach);
            }
        }
        for risk in 0..topology.risks.len() {
            let hit = |sets: &[Bits]| {
                let mut bits = Bits::new(sets.len());
                (0..sets.len()).filter(|&i| sets[i].contains(risk)).for_each(|i| bits.insert(i));
                bits
            };
            let (places, mut control) = (hit(&place_risks), hit(&place_control));
            control.extend(&places);
            events.push(Reach { event: Event::Risk(risk), places, paths: hit(&path_risks), control });
        }
        let mut next = 0;
        let mut groups = |list: &[super::model::PathGroup]| -> Vec<Group> {
            list.iter()
                .map(|group| Group {
                    need: group.need as usize,
                    paths: group
                        .paths
                        .iter()
                        .map(|path| {
                            next += 1;
                            (
                                next - 1,
                                path.places.as_ref().map(|places| {
                                    let mut bits = Bits::new(n);
                                    places.iter().for_each(|&p| bits.insert(p));
                                    bits
                                }),
                            )
                        })
                        .collect(),
                })
                .collect()
        };
        let (requires, entries) = (groups(&workload.requires), groups(&workload.entry));
        let kinds = (0..n).map(|p| kinds_of(topology, workload, p, &place_risks[p], &path_risks)).collect();
        let units = workload.places.iter().map(|p| Units::from(p.unit)).collect();
        Ok(Exposure { units, events, requires, entries, kinds })
    }

    /// Number of the event, if it exists.
    pub fn find(&self, event: &Event) -> Option<usize> {
        self.events.iter().position(|r| r.event == *event)
    }

    /// The events a rule is about.
    pub fn events_of(&self, topology: &Topology, of: &LossOf) -> Vec<usize> {
        let fits = |event: &Event| match (of, event) {
            (LossOf::Level(name), Event::Domain { level, .. }) => topology.levels.get(*level) == Some(name),
            (LossOf::Kind(kind), Event::Risk(risk)) => topology.risks[*risk].kind == *kind,
            _ => false,
        };
        (0..self.events.len()).filter(|&e| fits(&self.events[e].event)).collect()
    }

    /// Places where nothing of this kind is declared, neither of the place nor of a path it needs.
    pub fn without_kind(&self, kind: &str) -> Vec<usize> {
        (0..self.kinds.len()).filter(|&p| !self.kinds[p].contains(kind)).collect()
    }

    /// Applies a loss.
    pub fn fall(&self, lost: &[usize]) -> Fallen {
        let n = self.units.len();
        let mut fallen = Fallen { places: Bits::new(n), entries: Vec::new(), control: Bits::new(n) };
        let mut paths: Option<Bits> = None;
        for &e in lost {
            let reach = &self.events[e];
            fallen.places.extend(&reach.places);
            fallen.control.extend(&reach.control);
            if !reach.paths.is_empty() {
                match &mut paths {
                    Some(paths) => paths.extend(&reach.paths),
                    None => paths = Some(reach.paths.clone()),
                }
            }
        }
        if let Some(paths) = paths {
            self.fall_by_paths(&paths, &mut fallen);
        }
        fallen
    }

    fn fall_by_paths(&self, paths: &Bits, fallen: &mut Fallen) {
        for group in &self.requires {
            for place in 0..self.units.len() {
                let serving = group.paths.iter().filter(|(_, of)| of.as_ref().is_none_or(|of| of.contains(place)));
                let (mut all, mut left) = (0, 0);
                for (path, _) in serving {
                    all += 1;
                    left += usize::from(!paths.contains(*path));
                }
                if left < group.need.min(all) {
                    fallen.places.insert(place);
                }
            }
        }
        for (number, group) in self.entries.iter().enumerate() {
            let left = group.paths.iter().filter(|(path, _)| !paths.contains(*path)).count();
            if left < group.need.min(group.paths.len()) {
                fallen.entries.push(number);
            }
        }
    }

    /// Paths of groups that the loss of so many of these events can break; no smaller loss, and no other group, turns on paths.
    pub fn breakable(&self, events: &[usize], order: usize) -> Bits {
        let paths = self.requires.iter().chain(&self.entries).map(|g| g.paths.len()).sum();
        let mut breakable = Bits::new(paths);
        for (number, group) in self.requires.iter().chain(&self.entries).enumerate() {
            // The fewest paths that must fall: of all for a way in, of those that serve it for a place.
            let fewest = |all: usize| all - group.need.min(all) + 1;
            let needed = if number < self.requires.len() {
                let serving =
                    |p: usize| group.paths.iter().filter(move |(_, of)| of.as_ref().is_none_or(|of| of.contains(p)));
                (0..self.units.len()).map(|p| serving(p).count()).filter(|all| *all > 0).map(fewest).min()
            } else {
                Some(fewest(group.paths.len()))
            };
            let hits = |e: &usize| group.paths.iter().filter(|(path, _)| self.events[*e].paths.contains(*path)).count();
            let mut most: Vec<usize> = events.iter().map(hits).collect();
            most.sort_unstable_by(|a, b| b.cmp(a));
            if needed.is_some_and(|needed| most.iter().take(order).sum::<usize>() >= needed) {
                group.paths.iter().for_each(|(path, _)| breakable.insert(*path));
            }
        }
        breakable
    }

    /// What runs after a loss, whether or not anything reaches it.
    pub fn running(&self, ready: &[u32], fallen: &Fallen) -> Units {
        (0..ready.len()).filter(|&p| !fallen.places.contains(p)).map(|p| Units::from(ready[p]) * self.units[p]).sum()
    }

    /// What serves after a loss: nothing when a way in is cut.
    pub fn serving(&self, ready: &[u32], fallen: &Fallen) -> Units {
        if fallen.entries.is_empty() { self.running(ready, fallen) } else { 0 }
    }

    /// What serves without any loss.
    pub fn total(&self, ready: &[u32]) -> Units {
        ready.iter().zip(&self.units).map(|(&r, &u)| Units::from(r) * u).sum()
    }

    /// The most that losing an event can add to any other loss.
    pub fn potential(&self, ready: &[u32], e: usize) -> Units {
        let reach = &self.events[e];
        if reach.paths.is_empty() {
            reach.places.iter().map(|p| Units::from(ready[p]) * self.units[p]).sum()
        } else {
            self.total(ready)
        }
    }
}

fn check_indices(topology: &Topology, workload: &Workload) -> Result<(), Refusal> {
    let risks = topology.risks.len();
    let bad = |what: &str| Err(Refusal::Malformed(format!("{what} points to nothing")));
    let known = |list: &[usize]| list.iter().all(|&r| r < risks);
    if !topology.risks.iter().all(|r| known(&r.depends_on)) {
        return bad("a shared risk's dependency");
    }
    if !topology.locations.iter().all(|l| known(&l.shares) && known(&l.control)) {
        return bad("a location's share");
    }
    if !workload.places.iter().all(|p| p.location < topology.locations.len()) {
        return bad("a place's location");
    }
    for path in workload.requires.iter().chain(&workload.entry).flat_map(|g| &g.paths) {
        let places = path.places.iter().flatten().all(|&p| p < workload.places.len());
        if !known(&path.shares) || !known(&path.control) || !places {
            return bad("a path");
        }
    }
    Ok(())
}

/// Everything that must hold for these risks to hold: themselves and what they depend on.
fn closure(topology: &Topology, from: &[usize]) -> Bits {
    let mut bits = Bits::new(topology.risks.len());
    let mut open = from.to_vec();
    while let Some(risk) = open.pop() {
        if !bits.contains(risk) {
            bits.insert(risk);
            open.extend(&topology.risks[risk].depends_on);
        }
    }
    bits
}

fn kinds_of(
    topology: &Topology,
    workload: &Workload,
    place: usize,
    own: &Bits,
    path_risks: &[Bits],
) -> BTreeSet<String> {
    let mut kinds: BTreeSet<String> = own.iter().map(|r| topology.risks[r].kind.clone()).collect();
    let paths = workload.requires.iter().chain(&workload.entry).flat_map(|g| &g.paths);
    for (path, risks) in paths.zip(path_risks) {
        if path.places.as_ref().is_none_or(|places| places.contains(&place)) {
            kinds.extend(risks.iter().map(|r| topology.risks[r].kind.clone()));
        }
    }
    kinds
}
