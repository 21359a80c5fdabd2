//! Several workloads in the same locations: what each may hold, by priority, and by Webster among equals (`spread.md` 4.3).
//!
//! What stands may stay: nobody is moved out for the sake of another workload. What is free goes to the highest priority first;
//! among equals that want more than there is, it is divided with their wishes as weights. At the end nobody would take another
//! target than the one he has, given what the others have, so that asking again changes nothing (N12).

use super::apportion::{Share, apportion};
use super::model::{Limit, Method, Mode, Topology};
use super::place::place;
use super::tree::{Ask, Standing};
use super::world::World;

/// Rounds of bargaining before what is reached is taken as it is. Each round keeps every limit.
const ROUNDS: usize = 64;

/// One workload at the table.
pub struct Player<'t, 'w> {
    /// Its surroundings.
    pub world: &'t World<'w>,
    /// Replicas that stand, per place.
    pub existing: Vec<u32>,
    /// What may happen to them.
    pub standing: Vec<Standing>,
    /// Nothing may be removed.
    pub adds_only: bool,
    /// It is after a loss: standbys may be used, a strict shortage is no refusal.
    pub after_loss: bool,
    /// Replicas that take room whatever the target says: on places that are lost or frozen.
    pub stuck: Vec<u64>,
    /// What it is to hold.
    pub target: Vec<u32>,
}

impl<'t, 'w> Player<'t, 'w> {
    /// As it stands.
    pub fn of(world: &'t World<'w>) -> Player<'t, 'w> {
        let lost = |p: usize| world.standing[p] == Standing::Lost;
        let stuck = (0..world.existing.len()).map(|p| if lost(p) { u64::from(world.existing[p]) } else { 0 }).collect();
        Player {
            world,
            existing: world.existing.clone(),
            standing: world.standing.clone(),
            adds_only: world.adds_only,
            after_loss: false,
            stuck,
            target: (0..world.existing.len()).map(|p| if lost(p) { 0 } else { world.existing[p] }).collect(),
        }
    }

    fn held(&self, p: usize) -> u64 {
        u64::from(self.target[p]).max(self.stuck[p])
    }

    /// What it would hold in so much room; `None` where there is no placement at all.
    fn response(&self, room: &[Option<u32>]) -> Option<Vec<u32>> {
        if *self.world.mode == Mode::Destroy {
            let frozen = |p: usize| if self.standing[p] == Standing::Frozen { self.existing[p] } else { 0 };
            return Some((0..room.len()).map(frozen).collect());
        }
        let ask = self.world.ask();
        let asked = Ask {
            existing: &self.existing,
            standing: &self.standing,
            room,
            adds_only: self.adds_only,
            failover: self.after_loss || ask.failover,
            lenient: self.after_loss,
            ..ask
        };
        place(&asked).ok().map(|placement| placement.target)
    }
}

/// All workloads with what they hold.
pub struct Table<'t, 'w> {
    /// In the order of their claims: priority, then name.
    pub players: Vec<Player<'t, 'w>>,
    topology: &'t Topology,
    /// Replicas by location, those of workloads that are not at the table included.
    total: Vec<u64>,
    /// The upper bounds of capacities count.
    possible: bool,
}

impl<'t, 'w> Table<'t, 'w> {
    /// A table where `fixed` replicas stand in each location that belong to nobody at it.
    pub fn new(
        topology: &'t Topology,
        mut players: Vec<Player<'t, 'w>>,
        mut fixed: Vec<u64>,
        possible: bool,
    ) -> Table<'t, 'w> {
        players.sort_by(|a, b| claim(a.world).cmp(&claim(b.world)));
        for player in &players {
            for (p, place) in player.world.workload.places.iter().enumerate() {
                fixed[place.location] += player.held(p);
            }
        }
        Table { players, topology, total: fixed, possible }
    }

    /// What the others hold at each place of a player.
    pub fn others(&self, player: usize) -> Vec<u64> {
        let player = &self.players[player];
        let places = player.world.workload.places.iter().enumerate();
        places.map(|(p, place)| self.total[place.location].saturating_sub(player.held(p))).collect()
    }

    /// The room a player has beside what the others hold.
    pub fn room(&self, player: usize) -> Vec<Option<u32>> {
        self.players[player].world.room_beside(&self.others(player), self.possible)
    }

    /// Whether some location is too small for all that is held.
    pub fn is_overfull(&self) -> bool {
        (0..self.total.len()).any(|l| self.limit(l).is_some_and(|limit| self.total[l] > limit))
    }

    /// Whether every location would take so many more.
    pub fn has_room_for(&self, more: u64) -> bool {
        (0..self.total.len()).all(|l| self.limit(l).is_none_or(|limit| self.total[l].saturating_add(more) <= limit))
    }

    fn limit(&self, location: usize) -> Option<u64> {
        match self.topology.locations[location].capacity.limit {
            Limit::Known { lo, hi } => Some(u64::from(if self.possible { hi } else { lo })),
            Limit::Unlimited | Limit::Unreadable => None,
        }
    }

    /// Gives a player another target.
    pub fn set(&mut self, player: usize, target: Vec<u32>) {
        let player = &mut self.players[player];
        for (p, place) in player.world.workload.places.iter().enumerate() {
            self.total[place.location] -= player.held(p);
        }
        player.target = target;
        for (p, place) in player.world.workload.places.iter().enumerate() {
            self.total[place.location] += player.held(p);
        }
    }

    /// Brings everybody to the target that is his beside those of the others.
    pub fn settle(&mut self) {
        if (0..self.players.len()).all(|w| self.stays(w)) {
            return;
        }
        self.clear_overfull();
        let classes = self.classes();
        for _ in 0..ROUNDS {
            let mut changed = false;
            for class in &classes {
                for _ in 0..ROUNDS {
                    if !self.bargain(class) {
                        break;
                    }
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        for _ in 0..ROUNDS {
            let mut changed = false;
            for w in 0..self.players.len() {
                let best = self.players[w].response(&self.room(w));
                if let Some(best) = best.filter(|best| *best != self.players[w].target) {
                    self.set(w, best);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// What a player would hold if nobody else took more than he has; nothing new where every way in is cut is the caller's to know.
    pub fn alone(&self, w: usize) -> Vec<u32> {
        self.players[w].response(&self.room(w)).unwrap_or_else(|| self.players[w].target.clone())
    }

    fn stays(&self, w: usize) -> bool {
        let player = &self.players[w];
        player.response(&self.room(w)).is_none_or(|target| target == player.target)
    }

    /// Players of one priority stand together.
    fn classes(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.players.len()).collect();
        let priority = |w: &usize| (self.players[*w].world.workload.priority, self.players[*w].world.workload.foreign);
        all.chunk_by(|a, b| priority(a) == priority(b)).map(<[usize]>::to_vec).collect()
    }

    /// Where more stands than fits, the lowest priority gives way first, and equals keep shares by what they have.
    fn clear_overfull(&mut self) {
        let mut keep: Vec<Vec<Option<u32>>> =
            self.players.iter().map(|p| vec![None; p.world.workload.places.len()]).collect();
        for location in 0..self.total.len() {
            let Some(limit) = self.limit(location).filter(|limit| self.total[location] > *limit) else { continue };
            let mut excess = self.total[location] - limit;
            for class in self.classes().iter().rev() {
                let at: Vec<(usize, usize)> =
                    class.iter().filter_map(|&w| Some((w, self.place_of(w, location)?))).collect();
                let movable = |&(w, p): &(usize, usize)| match self.players[w].standing[p] {
                    Standing::Open | Standing::Cordoned | Standing::Leaving if !self.players[w].adds_only => {
                        u64::from(self.players[w].target[p])
                    }
                    _ => 0,
                };
                let has: Vec<u64> = at.iter().map(movable).collect();
                let all: u64 = has.iter().sum();
                let gives = all.min(excess);
                excess -= gives;
                for (&(w, p), left) in at.iter().zip(divided(all - gives, &has)) {
                    if movable(&(w, p)) > 0 {
                        keep[w][p] = Some(left.min(u64::from(u32::MAX)) as u32);
                    }
                }
            }
        }
        for (w, keep) in keep.into_iter().enumerate().filter(|(_, k)| k.iter().any(Option::is_some)) {
            let room: Vec<Option<u32>> = self.room(w).into_iter().zip(keep).map(|(room, keep)| keep.or(room)).collect();
            if let Some(target) = self.players[w].response(&room) {
                self.set(w, target);
            }
        }
    }

    fn place_of(&self, w: usize, location: usize) -> Option<usize> {
        self.players[w].world.workload.places.iter().position(|p| p.location == location)
    }

    /// One round among equals; whether anything changed.
    fn bargain(&mut self, class: &[usize]) -> bool {
        let mut rooms: Vec<Vec<Option<u32>>> = class.iter().map(|&w| self.room(w)).collect();
        let wishes: Vec<Option<Vec<u32>>> =
            class.iter().zip(&rooms).map(|(&w, room)| self.players[w].response(room)).collect();
        for location in 0..self.total.len() {
            let Some(limit) = self.limit(location) else { continue };
            let wants: Vec<(usize, usize, u64)> = class
                .iter()
                .zip(&wishes)
                .enumerate()
                .filter_map(|(i, (&w, wish))| {
                    let p = self.place_of(w, location)?;
                    let more = wish.as_ref()?[p].saturating_sub(self.players[w].target[p]);
                    Some((i, p, u64::from(more)))
                })
                .collect();
            let free = limit.saturating_sub(self.total[location]);
            let sizes: Vec<u64> = wants.iter().map(|w| w.2).collect();
            let grants = if sizes.iter().sum::<u64>() <= free { sizes } else { divided(free, &sizes) };
            for ((i, p, _), grant) in wants.into_iter().zip(grants) {
                let may = u64::from(self.players[class[i]].target[p]) + grant;
                rooms[i][p] = rooms[i][p].map(|room| room.min(may.min(u64::from(u32::MAX)) as u32));
            }
        }
        let mut changed = false;
        for (&w, room) in class.iter().zip(&rooms) {
            let target = self.players[w].response(room);
            if let Some(target) = target.filter(|t| *t != self.players[w].target) {
                self.set(w, target);
                changed = true;
            }
        }
        changed
    }
}

/// Who comes first.
pub fn claim<'w>(world: &World<'w>) -> (std::cmp::Reverse<i64>, bool, &'w str) {
    (std::cmp::Reverse(world.workload.priority), !world.workload.foreign, world.workload.name.as_str())
}

/// `n` divided by Webster with wishes as weights, nobody more than he wishes; the odd ones go to the first.
fn divided(n: u64, wishes: &[u64]) -> Vec<u64> {
    let share = |&wish: &u64| Share { weight: wish.min(u64::from(u32::MAX)), floor: 0, cap: wish };
    let shares: Vec<Share> = wishes.iter().map(share).collect();
    let Ok(mut divided) = apportion(Method::Webster, n, &shares) else { return vec![0; wishes.len()] };
    for &i in divided.tied.iter().take(divided.extra) {
        divided.base[i] += 1;
    }
    divided.base
}
