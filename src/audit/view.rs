//! One workload of a plan with what follows from its data alone: which places may be touched, how much a replica is.

use super::finding::{Fault, Finding, NotTouched};
use super::loss::{Ground, Taken};
use crate::plan::model::{Kind, Plan, WorkloadPlan};
use crate::spread::decision::{Decision, Interval};
use crate::spread::model::{Bound, Event, Health, Limit, Location, Mode, OperatorState, Template, Topology, Workload};

/// What a place may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Anything.
    Open,
    /// Nothing new.
    Cordoned,
    /// To be emptied.
    Leaving,
    /// Not to be touched.
    Not(NotTouched),
}

/// A workload under audit.
pub(super) struct View<'a> {
    pub name: &'a str,
    pub kind: &'a Kind,
    pub topology: &'a Topology,
    pub rules: &'a Workload,
    pub decision: &'a Decision,
    pub ground: Ground,
    /// Parallel to the places.
    pub uses: Vec<Use>,
    /// Replicas of other workloads at each place's location while the steps are made.
    pub others: Vec<u64>,
    /// Replicas are taken away by this kind of plan, in the condition the world is in.
    pub may_remove: bool,
}

impl<'a> View<'a> {
    /// Nothing, and a finding, when the parts of the workload do not fit each other.
    pub fn new(
        plan: &'a Plan,
        standing: &[u64],
        name: &'a str,
        workload: &'a WorkloadPlan,
        out: &mut Vec<Finding>,
    ) -> Option<View<'a>> {
        let (rules, decision) = (&workload.rules, &workload.decision);
        if let Some(what) = misfit(plan, workload) {
            out.push(Finding { workload: Some(name.to_string()), step: None, fault: Fault::Shape { what } });
            return None;
        }
        let ground = Ground::new(&plan.topology, rules);
        let lost: &[Event] = match &decision.mode {
            Mode::Failover { lost } | Mode::Failback { lost } => lost,
            Mode::Normal { failed_over, .. } => failed_over,
            _ => &[],
        };
        let taken = ground.taken(&plan.topology, rules, lost);
        let uses: Vec<Use> = (0..rules.places.len()).map(|p| use_of(plan, workload, &taken, p)).collect();
        let mut view = View {
            name,
            kind: &plan.kind,
            topology: &plan.topology,
            rules,
            decision,
            ground,
            uses,
            others: match decision.others.len() == rules.places.len() {
                true => decision.others.iter().map(|n| u64::from(*n)).collect(),
                // A plan of a version that did not say: what the others have.
                false => rules
                    .places
                    .iter()
                    .zip(&decision.existing)
                    .map(|(p, n)| standing[p.location].saturating_sub(u64::from(*n)))
                    .collect(),
            },
            may_remove: true,
        };
        view.may_remove = match &decision.mode {
            Mode::Repair | Mode::Failover { .. } => false,
            Mode::Normal { remove_while_down, .. } => *remove_while_down || !view.is_something_down(),
            // There is nothing to go back to while a place is down or on trial.
            Mode::Failback { .. } => {
                let lost = |p: usize| view.uses[p] == Use::Not(NotTouched::Lost);
                let on_trial = (0..view.places()).any(|p| view.location(p).health == Health::Probation && !lost(p));
                !view.is_something_down() && !on_trial
            }
            Mode::Destroy => true,
        };
        // Where a scaler owns the number nothing live is taken away.
        view.may_remove &= rules.scaling.is_none() || view.is_destroy();
        Some(view)
    }

    /// A failover is being made, or in force: rules that its loss breaks are shown, not refused.
    pub fn is_after_loss(&self) -> bool {
        match &self.decision.mode {
            Mode::Failover { .. } => true,
            Mode::Normal { failed_over: lost, .. } | Mode::Failback { lost } => !lost.is_empty(),
            _ => false,
        }
    }

    /// A proven loss is in effect outside a failover.
    fn is_something_down(&self) -> bool {
        self.uses.contains(&Use::Not(NotTouched::Down))
    }

    pub fn location(&self, place: usize) -> &'a Location {
        &self.topology.locations[self.rules.places[place].location]
    }

    /// The location's name.
    pub fn place(&self, place: usize) -> String {
        self.location(place).name.clone()
    }

    pub fn places(&self) -> usize {
        self.rules.places.len()
    }

    pub fn is_destroy(&self) -> bool {
        self.decision.mode == Mode::Destroy
    }

    /// Capacity of so many ready replicas per place, in units.
    pub fn units(&self, ready: &[u32]) -> Vec<u64> {
        ready.iter().zip(&self.rules.places).map(|(n, p)| u64::from(*n) * u64::from(p.unit)).collect()
    }

    /// The lower bounds (INV-13), in units.
    pub fn units_lo(&self, ready: &[Interval]) -> Vec<u64> {
        self.units(&ready.iter().map(|i| i.lo).collect::<Vec<_>>())
    }

    /// The upper bounds, in units; what is proven down or lost is not hoped for.
    pub fn units_hi(&self, ready: &[Interval]) -> Vec<u64> {
        // By `spread.md` 4.6 a place on trial counts 0 for floors, which is known and no doubt.
        let gone = |p: usize| {
            matches!(self.location(p).health, Health::Down | Health::Probation)
                || matches!(self.uses[p], Use::Not(NotTouched::Down | NotTouched::Lost))
        };
        self.units(&ready.iter().enumerate().map(|(p, i)| if gone(p) { 0 } else { i.hi }).collect::<Vec<_>>())
    }

    /// A bound of the rules, for the new N, in units.
    pub fn bound(&self, bound: Bound) -> u64 {
        if self.is_destroy() {
            return 0;
        }
        bound.ceil_of(self.decision.replicas).saturating_mul(u64::from(self.rules.scale))
    }

    /// Room for the target at a place, which [`super::shared`] has held against what the others are to have.
    pub fn target_room(&self, place: usize) -> Option<u64> {
        match self.decision.room.get(place) {
            Some(room) => room.map(u64::from),
            None => self.room(place),
        }
    }

    /// Room for the steps at a place: certain room, less what others use; `None` where no limit is known.
    pub fn room(&self, place: usize) -> Option<u64> {
        let room = match self.location(place).capacity.limit {
            Limit::Unlimited => None,
            Limit::Known { lo, .. } => Some(u64::from(lo).saturating_sub(self.others[place])),
            Limit::Unreadable => Some(u64::from(self.decision.existing[place])),
        };
        // Where further ones were tried in vain there is room for no more than serve.
        let tried = self.rules.places[place].most.map(u64::from);
        room.into_iter().chain(tried).min()
    }

    pub fn report(&self, out: &mut Vec<Finding>, fault: Fault) {
        out.push(Finding { workload: Some(self.name.to_string()), step: None, fault });
    }

    pub fn report_at(&self, out: &mut Vec<Finding>, step: usize, fault: Fault) {
        out.push(Finding { workload: Some(self.name.to_string()), step: Some(step), fault });
    }

    /// Reports a number that is not what the plan says.
    pub fn compare(&self, out: &mut Vec<Finding>, what: impl FnOnce() -> String, claimed: i128, found: i128) {
        if claimed != found {
            self.report(out, Fault::Number { what: what(), claimed, found });
        }
    }

    /// The events by the names of the machine formats.
    pub fn labels(&self, events: &[Event]) -> Vec<String> {
        events.iter().map(|e| e.label(self.topology)).collect()
    }
}

/// Whether indices and lengths fit; everything else relies on it.
fn misfit(plan: &Plan, workload: &WorkloadPlan) -> Option<String> {
    let (rules, decision, topology) = (&workload.rules, &workload.decision, &plan.topology);
    let places = rules.places.len();
    let risks = topology.risks.len();
    let lengths = [
        decision.before.len(),
        decision.existing.len(),
        decision.after.len(),
        decision.after_ready.len(),
        decision.canonical.len(),
        decision.bounds.len(),
        decision.changes.len(),
    ];
    if lengths.iter().any(|n| *n != places) {
        return Some(format!("its numbers are not for its {places} places"));
    }
    if rules.places.iter().any(|p| p.location >= topology.locations.len()) {
        return Some("a place names a location that is not there".into());
    }
    let mut named = rules.places.iter().map(|p| p.location).collect::<Vec<_>>();
    named.sort_unstable();
    if named.windows(2).any(|w| w[0] == w[1]) {
        return Some("two places are one location".into());
    }
    let mut uses = topology.locations.iter().flat_map(|l| l.shares.iter().chain(&l.control));
    let mut paths = rules.requires.iter().chain(&rules.entry).flat_map(|g| &g.paths);
    let mut deps = topology.risks.iter().flat_map(|r| &r.depends_on);
    if uses.any(|r| *r >= risks)
        || deps.any(|r| *r >= risks)
        || paths.any(|p| p.shares.iter().chain(&p.control).any(|r| *r >= risks))
    {
        return Some("something rests on a shared risk that is not there".into());
    }
    let bad = |list: &[crate::spread::decision::StepEntry]| list.iter().any(|e| e.place >= places);
    if decision.steps.iter().any(|s| bad(&s.adds) || bad(&s.waits) || bad(&s.removes) || bad(&s.updates)) {
        return Some("a step names a place that is not there".into());
    }
    if decision.steps.iter().any(|s| s.state.len() != places || s.half_done.len() != places) {
        return Some(format!("a step's numbers are not for its {places} places"));
    }
    if decision.scale != rules.scale || decision.scale == 0 {
        return Some("its numbers are in another scale than its rules".into());
    }
    if plan.kind != Kind::RefreshOnly && workload.steps.len() != decision.steps.len() {
        return Some("the replicas of its steps are not named for every step".into());
    }
    let fits = matches!(
        (&plan.kind, &decision.mode),
        (Kind::Normal | Kind::RefreshOnly, Mode::Normal { .. })
            | (Kind::Destroy, Mode::Destroy)
            | (Kind::Repair, Mode::Repair)
            | (Kind::Failover { .. }, Mode::Failover { .. })
            | (Kind::Failback, Mode::Failback { .. })
    );
    (!fits).then(|| "it was decided for another kind of plan".into())
}

fn use_of(plan: &Plan, workload: &WorkloadPlan, taken: &Taken, p: usize) -> Use {
    let place = &workload.rules.places[p];
    let location = &plan.topology.locations[place.location];
    if plan.kind == Kind::Destroy {
        // What does not answer stays in the state.
        return match location.health {
            _ if location.frozen => Use::Not(NotTouched::Frozen),
            Health::Unknown | Health::ControlLost => Use::Not(NotTouched::Frozen),
            Health::Down => Use::Not(NotTouched::Down),
            _ if place.template == Template::Observed => Use::Not(NotTouched::Observed),
            _ => Use::Leaving,
        };
    }
    if taken.lost[p] {
        return Use::Not(NotTouched::Lost);
    }
    if location.health == Health::Down {
        let excluded = matches!(workload.decision.mode, Mode::Failover { .. });
        return Use::Not(if excluded { NotTouched::Lost } else { NotTouched::Down });
    }
    let unknown =
        matches!(location.health, Health::Suspect | Health::Unknown | Health::ControlLost | Health::Probation);
    if location.frozen || unknown || taken.uncontrolled[p] {
        return Use::Not(NotTouched::Frozen);
    }
    if place.template == Template::Observed {
        return Use::Not(NotTouched::Observed);
    }
    match location.operator {
        _ if !place.declared => Use::Leaving,
        OperatorState::Evacuated => Use::Leaving,
        OperatorState::Cordoned => Use::Cordoned,
        OperatorState::Open => Use::Open,
    }
}

/// Replicas of all workloads by location, now.
pub(super) fn standing(plan: &Plan) -> Vec<u64> {
    let mut total = vec![0u64; plan.topology.locations.len()];
    for (_, workload) in &plan.workloads {
        for (place, n) in workload.rules.places.iter().zip(&workload.decision.existing) {
            if let Some(t) = total.get_mut(place.location) {
                *t += u64::from(*n);
            }
        }
    }
    total
}
