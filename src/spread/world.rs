//! A question with its surroundings worked out: what counts, what may be touched, how much fits.

use super::decision::{Interval, Refusal};
use super::exposure::{Exposure, Fallen};
use super::model::{Event, Health, Limit, Live, Location, Mode, OperatorState, Template, Topology, Workload};
use super::slots::{existing, serving};
use super::tree::{Ask, MOST_UNITS, Standing};

/// The surroundings of one decision.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// Locations and risks.
    pub topology: &'a Topology,
    /// The rules.
    pub workload: &'a Workload,
    /// What stands.
    pub live: &'a Live,
    /// The question.
    pub mode: &'a Mode,
    /// What falls with what.
    pub exposure: Exposure,
    /// N.
    pub replicas: u32,
    /// What may happen, by place.
    pub standing: Vec<Standing>,
    /// Existing replicas, by place.
    pub existing: Vec<u32>,
    /// Serving replicas, by place, as shown.
    pub ready: Vec<Interval>,
    /// Lower bounds of serving.
    pub lo: Vec<u32>,
    /// Upper bounds for verdicts: what is proven down cannot be up.
    pub possible: Vec<u32>,
    /// Replicas of other workloads at each place while this one's steps are made.
    pub others: Vec<u64>,
    /// Certain room beside them.
    pub step_room: Vec<Option<u32>>,
    /// Certain room for the target, by place.
    pub room: Vec<Option<u32>>,
    /// Possible room for it.
    pub room_hi: Vec<Option<u32>>,
    /// Nothing is removed.
    pub adds_only: bool,
    /// Something is down and that is why.
    pub held_by_loss: bool,
    /// Something is unknown and that is why.
    pub held_by_doubt: bool,
}

impl<'a> World<'a> {
    /// Works a question out.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when vectors or indices do not fit.
    pub fn new(
        topology: &'a Topology,
        workload: &'a Workload,
        live: &'a Live,
        mode: &'a Mode,
    ) -> Result<World<'a>, Refusal> {
        if live.places.len() != workload.places.len() {
            return Err(Refusal::Malformed("live places do not match the workload's".into()));
        }
        let exposure = Exposure::new(topology, workload)?;
        let lost = lost_by(&exposure, mode);
        let location = |p: usize| -> &Location { &topology.locations[workload.places[p].location] };
        let n = workload.places.len();
        let here: Vec<u32> = live.places.iter().map(existing).collect();
        let all: u64 = here.iter().map(|&e| u64::from(e)).sum();
        if all > MOST_UNITS {
            let (replicas, most) = (all.min(u64::from(u32::MAX)) as u32, MOST_UNITS as u32);
            return Err(Refusal::TooMany { replicas, most, site: workload.replicas_site });
        }
        let standing: Vec<Standing> = (0..n).map(|p| standing_of(location(p), workload, p, mode, &lost)).collect();
        let mut ready = Vec::with_capacity(n);
        let mut possible = Vec::with_capacity(n);
        for (p, &all) in here.iter().enumerate() {
            let (lo, hi) = serving(&live.places[p]);
            let gone = lost.places.contains(p);
            let (interval, most) = match location(p).health {
                _ if gone => (Interval { lo: 0, hi: all }, 0),
                Health::Down | Health::Probation => (Interval { lo: 0, hi: all }, 0),
                Health::Suspect | Health::Unknown => (Interval { lo: 0, hi: all }, all),
                Health::ControlLost => (Interval { lo, hi: all }, all),
                Health::Healthy | Health::Degraded | Health::Returning => (Interval { lo, hi }, hi),
            };
            ready.push(interval);
            possible.push(most);
        }
        let others: Vec<u64> = live.places.iter().map(|p| u64::from(p.others)).collect();
        let total = all as u32;
        let replicas = match (mode, workload.scaling) {
            (Mode::Destroy, _) => 0,
            (_, Some(scaling)) => {
                let outside =
                    || (0..n).filter(|p| !lost.places.contains(*p)).map(|p| here[p]).fold(0, u32::saturating_add);
                let standing = match (scaling.held, mode) {
                    // Back from all that was lost, everything that stands is the number, as it is for every plan after this one.
                    (_, Mode::Failback { lost }) if lost.is_empty() => total,
                    (None, _) => total,
                    (Some(held), _) => outside().max(held),
                };
                standing.min(scaling.max.max(scaling.min)).max(scaling.min)
            }
            (_, None) => workload.replicas,
        };
        let down = (0..n).any(|p| location(p).health == Health::Down);
        let (adds_only, held_by_loss) = match mode {
            Mode::Repair | Mode::Failover { .. } => (true, false),
            Mode::Normal { remove_while_down, .. } => {
                let held = down && !remove_while_down;
                (held || workload.scaling.is_some(), held)
            }
            Mode::Failback { .. } => {
                // There is nothing to go back to while a place is down or on trial.
                let away = |p: usize| matches!(location(p).health, Health::Down | Health::Probation);
                let held = (0..n).any(|p| away(p) && !lost.places.contains(p));
                (held || workload.scaling.is_some(), held)
            }
            Mode::Destroy => (false, false),
        };
        let lo = ready.iter().map(|r: &Interval| r.lo).collect();
        let mut world = World {
            topology,
            workload,
            live,
            mode,
            exposure,
            replicas,
            standing,
            existing: here,
            ready,
            lo,
            possible,
            step_room: Vec::new(),
            room: Vec::new(),
            room_hi: Vec::new(),
            others,
            adds_only,
            held_by_loss,
            held_by_doubt: false,
        };
        world.room = world.room_beside(&world.others, false);
        world.room_hi = world.room_beside(&world.others, true);
        world.step_room.clone_from(&world.room);
        if let Some(scaling) = workload.scaling {
            world.replicas = super::scaled::replicas(&world, scaling);
        }
        Ok(world)
    }

    /// Room for this workload where others hold so much: certain room, or all that is possible.
    pub fn room_beside(&self, others: &[u64], possible: bool) -> Vec<Option<u32>> {
        let left = |p: usize, limit: u32| u64::from(limit).saturating_sub(others[p]) as u32;
        let within = |p: usize, room: Option<u32>| match (room, self.workload.places[p].most) {
            (Some(room), Some(most)) => Some(room.min(most)),
            (room, most) => room.or(most),
        };
        let room = (0..self.existing.len()).map(|p| match self.location(p).capacity.limit {
            Limit::Known { lo, hi } => Some(left(p, if possible { hi } else { lo })),
            Limit::Unlimited => None,
            Limit::Unreadable => (!possible).then_some(self.existing[p]),
        });
        room.enumerate().map(|(p, room)| within(p, room)).collect()
    }

    /// The same where others hold `now` while the steps are made, `then` in the end, and so much room is for the target.
    pub fn beside(&self, now: &[u64], room: Vec<Option<u32>>, then: &[u64]) -> World<'a> {
        let (step_room, room_hi) = (self.room_beside(now, false), self.room_beside(then, true));
        World { others: now.to_vec(), step_room, room, room_hi, ..self.clone() }
    }

    /// The location of a place.
    pub fn location(&self, place: usize) -> &'a Location {
        &self.topology.locations[self.workload.places[place].location]
    }

    /// Units of one whole replica.
    pub fn scale(&self) -> u64 {
        u64::from(self.workload.scale.max(1))
    }

    /// The question to placement.
    pub fn ask(&self) -> Ask<'_> {
        Ask {
            topology: self.topology,
            workload: self.workload,
            replicas: self.replicas,
            existing: &self.existing,
            standing: &self.standing,
            room: &self.room,
            adds_only: self.adds_only,
            failover: matches!(self.mode, Mode::Failover { .. }) || self.is_failed_over(),
            use_live: true,
            lenient: false,
        }
    }

    /// A failover is in force.
    pub fn is_failed_over(&self) -> bool {
        match self.mode {
            Mode::Normal { failed_over: lost, .. } | Mode::Failback { lost } => !lost.is_empty(),
            _ => false,
        }
    }

    /// Some replicas may or may not serve.
    pub fn is_in_doubt(&self) -> bool {
        (0..self.lo.len()).any(|p| self.lo[p] < self.possible[p])
    }

    /// The standing of every place were all of them healthy.
    pub fn healthy_standing(&self) -> Vec<Standing> {
        (0..self.standing.len())
            .map(|p| match self.location(p).operator {
                _ if !self.workload.places[p].declared => Standing::Leaving,
                OperatorState::Evacuated => Standing::Leaving,
                OperatorState::Open | OperatorState::Cordoned => Standing::Open,
            })
            .collect()
    }
}

fn lost_by(exposure: &Exposure, mode: &Mode) -> Fallen {
    let named: &[Event] = match mode {
        Mode::Failover { lost } | Mode::Failback { lost } => lost,
        Mode::Normal { failed_over, .. } => failed_over,
        _ => &[],
    };
    let numbers: Vec<usize> = named.iter().filter_map(|event| exposure.find(event)).collect();
    exposure.fall(&numbers)
}

fn standing_of(location: &Location, workload: &Workload, place: usize, mode: &Mode, lost: &Fallen) -> Standing {
    let open = match location.operator {
        _ if !workload.places[place].declared => Standing::Leaving,
        OperatorState::Evacuated => Standing::Leaving,
        OperatorState::Cordoned => Standing::Cordoned,
        OperatorState::Open => Standing::Open,
    };
    let observed = workload.places[place].template == Template::Observed;
    if *mode == Mode::Destroy {
        let unreachable = matches!(location.health, Health::Unknown | Health::ControlLost | Health::Down);
        return if observed || unreachable || location.frozen { Standing::Frozen } else { open };
    }
    match location.health {
        _ if lost.places.contains(place) => Standing::Lost,
        Health::Down if matches!(mode, Mode::Failover { .. }) => Standing::Lost,
        Health::Down => Standing::Dead,
        Health::Suspect | Health::Unknown | Health::ControlLost | Health::Probation => Standing::Frozen,
        _ if observed || location.frozen || lost.control.contains(place) => Standing::Frozen,
        Health::Healthy | Health::Degraded | Health::Returning => open,
    }
}
