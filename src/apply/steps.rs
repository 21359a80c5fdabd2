//! The barriers of a workload's steps: read again and check before anything is touched, wait until what was added serves.

use super::check::serving_before;
use super::{Carrying, Stop};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::plan::model::{Kind, WorkloadPlan};
use crate::plan::placement;
use crate::spread::decision::{Step, StepEntry};
use crate::spread::model::{Health, Template as TemplateKind};
use futures_util::stream::{self, Stream};
use std::collections::BTreeSet;
use std::time::Duration;
use straddle_sdk::value::Str;
use tokio::time::Instant;

/// The result of a barrier.
pub(super) enum Checked {
    /// Not yet; more will come.
    Progress {
        ready: u32,
        of: u32,
        serving: u32,
    },
    Well {
        serving: u32,
        notes: Vec<Diagnostic>,
    },
    /// `moved`: what is there is not what the plan counts with.
    Stopped {
        why: Diagnostic,
        moved: bool,
    },
    /// What was added did not serve by the deadline.
    Late(Diagnostic),
}

impl Checked {
    fn stopped(why: Diagnostic) -> Checked {
        Checked::Stopped { why, moved: false }
    }

    fn moved(why: Diagnostic) -> Checked {
        Checked::Stopped { why, moved: true }
    }
}

/// How old a reading of a place may be for a removal in it to rest on, and how old that of any other place.
const DRAINED_FRESH: Duration = Duration::from_secs(2);
const OTHERS_FRESH: Duration = Duration::from_secs(10);
/// Shortest and longest pause between two looks at what is booting.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Reads again what the step rests on. Nothing is begun in a place that is not well, and a step that takes replicas away starts only
/// when every rule holds at its worst moment with what really serves, wherever that is.
pub(super) async fn check_start(carrying: &Carrying<'_>, workload: &Str, step: u32) -> Checked {
    let well = |serving| Checked::Well { serving, notes: Vec::new() };
    let Some((plan, one)) = carrying.step(workload, step) else { return well(0) };
    let Some(decided) = plan.decision.steps.get(step as usize) else { return well(0) };
    // A destroy suspends the rules, and what does not answer stays.
    if carrying.plan.kind == Kind::Destroy {
        return well(carrying.serving_before(workload, step));
    }
    let ill = carrying.watch.ill(workload).await;
    let of = |entries: &[StepEntry]| entries.iter().filter(|e| e.count > 0).map(|e| e.place).collect::<BTreeSet<_>>();
    let drained: BTreeSet<usize> = of(&decided.removes).union(&of(&decided.updates)).copied().collect();
    if let Some((place, health)) = ill.iter().find(|(p, _)| drained.contains(p) || of(&decided.adds).contains(p)) {
        return Checked::moved(not_well(carrying, workload, *place, *health));
    }
    if drained.is_empty() {
        return well(carrying.serving_before(workload, step));
    }
    let touched: BTreeSet<Str> = one.removes.iter().chain(&one.updates).cloned().collect();
    let others: BTreeSet<usize> = (0..plan.rules.places.len()).filter(|p| !ill.contains_key(p)).collect();
    let mut look = carrying.watch.places(workload, &others, &BTreeSet::new(), OTHERS_FRESH).await;
    let near = carrying.watch.places(workload, &drained, &touched, DRAINED_FRESH).await;
    look.by_place = near.by_place;
    look.problems.extend(near.problems);
    look.gone.extend(near.gone);
    if let Some(problem) = look.problems.into_iter().find(Diagnostic::is_error) {
        return Checked::stopped(problem);
    }
    if !look.gone.is_empty() {
        return Checked::moved(gone(workload, &look.gone));
    }
    let expected = serving_before(plan, decided);
    let now: Vec<u32> = (0..expected.len())
        .map(|p| match () {
            () if ill.contains_key(&p) => 0,
            // Nothing here changes what is only observed.
            () if plan.rules.places[p].template == TemplateKind::Observed => expected[p],
            // Nor where nobody can look, and somebody has given his word for it.
            () if carrying.plan.assumed.contains(&carrying.place_name(workload, p)) => expected[p],
            () => look.by_place[p],
        })
        .collect();
    judged(carrying, workload, (plan, decided), &expected, &now)
}

/// Goes on, with a word about what is not as planned, or stops.
fn judged(
    carrying: &Carrying<'_>,
    workload: &Str,
    (plan, decided): (&WorkloadPlan, &Step),
    expected: &[u32],
    now: &[u32],
) -> Checked {
    let serving = now.iter().sum();
    let fewer: Vec<String> = (0..now.len())
        .filter(|p| now[*p] < expected[*p])
        .map(|p| format!("{} {} instead of {}", carrying.place_name(workload, p), now[p], expected[p]))
        .collect();
    let broken = carrying.judge(workload).and_then(|j| j.broken(&carrying.plan.topology, plan, decided, now));
    let scale = u64::from(plan.rules.scale.max(1));
    match (broken, fewer.is_empty()) {
        (Some(broken), _) => Checked::moved(
            Diagnostic::error(
                "Fewer replicas serve than the plan counted with",
                format!(
                    "{workload}: {serving} are serving; {}. With this step {} would come down to {}, and it must be {}. Nothing further is taken away.",
                    fewer.join(", "),
                    broken.rule,
                    broken.value / scale,
                    broken.bound.div_ceil(scale),
                ),
            )
            .help("Run `straddle plan`: it starts from what is there now and repairs first."),
        ),
        (None, false) => Checked::Well {
            serving,
            notes: vec![Diagnostic::warning(
                "Fewer replicas serve than the plan counted with",
                format!("{workload}: {}; every rule holds all the same.", fewer.join(", ")),
            )],
        },
        (None, true) => Checked::Well { serving, notes: Vec::new() },
    }
}

fn not_well(carrying: &Carrying<'_>, workload: &Str, place: usize, health: Health) -> Diagnostic {
    let says = match health {
        Health::Down => "is down",
        _ => "cannot be reached",
    };
    Diagnostic::error(
        "A location of this step is not well",
        format!(
            "{workload}: {} {says} since the plan was made. Nothing is begun there, and nothing further is taken away.",
            carrying.place_name(workload, place)
        ),
    )
    .help("Run `straddle plan`: it shows what is left, and what can be done.")
}

/// Somebody else took something away: what is left of the plan does not lead where it should.
fn gone(workload: &Str, gone: &[Address]) -> Diagnostic {
    let names: Vec<String> = gone.iter().map(ToString::to_string).collect();
    Diagnostic::error(
        "Objects have gone since the plan was made",
        format!(
            "{workload}: {} {} gone. Nothing further is taken away.",
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" }
        ),
    )
    .help("Run `straddle plan`: it starts from what is there now and repairs first.")
}

/// Waits until the step's replicas serve and have done so for `healthy_for`, or until the deadline.
pub(super) fn wait_ready<'c>(
    carrying: &'c Carrying<'_>,
    workload: &'c Str,
    step: u32,
) -> impl Stream<Item = Checked> + 'c {
    let waiting = Waiting {
        carrying,
        workload,
        step,
        since: Instant::now(),
        all_ready_since: None,
        pause: FIRST_PAUSE,
        last: None,
    };
    stream::unfold(Some(waiting), |state| async move {
        let mut waiting = state?;
        let (checked, over) = waiting.look().await;
        Some((checked, if over { None } else { Some(waiting) }))
    })
}

struct Waiting<'c, 'a> {
    carrying: &'c Carrying<'a>,
    workload: &'c Str,
    step: u32,
    since: Instant,
    all_ready_since: Option<Instant>,
    pause: Duration,
    last: Option<(u32, u32)>,
}

impl Waiting<'_, '_> {
    /// Looks until there is something to tell; true: it was the last thing.
    async fn look(&mut self) -> (Checked, bool) {
        let Some((_, one)) = self.carrying.step(self.workload, self.step) else {
            return (Checked::Well { serving: 0, notes: Vec::new() }, true);
        };
        let rollout = self.carrying.rollout(self.workload);
        let wanted: BTreeSet<Str> =
            one.adds.iter().chain(&one.updates).chain(&one.groups).chain(&one.waits).cloned().collect();
        if wanted.is_empty() {
            return (
                Checked::Well { serving: self.carrying.serving_after(self.workload, self.step), notes: Vec::new() },
                true,
            );
        }
        loop {
            let look = self.carrying.watch.replicas(self.workload, &wanted).await;
            if !look.gone.is_empty() {
                return (Checked::moved(gone(self.workload, &look.gone)), true);
            }
            if let Some(problem) = look.problems.iter().find(|p| p.is_error()) {
                return (Checked::stopped(problem.clone()), true);
            }
            let (ready, of) = self.progress(&wanted, &look.by_place);
            let serving = self.carrying.serving_before(self.workload, self.step) + ready;
            if ready >= of {
                let since = *self.all_ready_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= Duration::from_secs(rollout.healthy_for_s) {
                    return (Checked::Well { serving, notes: Vec::new() }, true);
                }
            } else {
                self.all_ready_since = None;
            }
            if self.since.elapsed() >= Duration::from_secs(rollout.deadline_s) {
                return (Checked::Late(self.late(ready, of, serving)), true);
            }
            if self.carrying.stop.get() != Stop::No {
                return (Checked::stopped(self.interrupted(ready, of, serving)), true);
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            if self.last != Some((ready, serving)) {
                self.last = Some((ready, serving));
                return (Checked::Progress { ready, of, serving }, false);
            }
        }
    }

    /// How many of the step's replicas serve, of how many. Of a replaced one both the old and the new must: only then is the new one
    /// there.
    fn progress(&self, wanted: &BTreeSet<Str>, by_place: &[u32]) -> (u32, u32) {
        let Some((plan, _)) = self.carrying.step(self.workload, self.step) else { return (0, 0) };
        let replicas = wanted.iter().filter(|k| placement::split_key(k).1.is_some());
        let of = replicas.clone().count() as u32;
        let (mut ready, mut of) = (self.carrying.watch.serving_of(self.workload, replicas), of);
        if let Some(step) = plan.decision.steps.get(self.step as usize) {
            let before = serving_before(plan, step);
            for (p, place) in plan.rules.places.iter().enumerate() {
                let mine = wanted.contains(&*self.carrying.place_name(self.workload, p));
                // Nothing tells what is ready in a place the spec no longer has, and nothing there is waited for.
                if place.template == TemplateKind::PerLocation && mine && place.declared {
                    // What served there before is counted already.
                    let now = by_place.get(p).copied().unwrap_or(0).min(step.state[p]);
                    ready += now.saturating_sub(before[p]);
                    of += step.state[p].saturating_sub(before[p]);
                }
            }
        }
        (ready, of)
    }

    fn late(&self, ready: u32, of: u32, serving: u32) -> Diagnostic {
        let deadline = self.carrying.rollout(self.workload).deadline_s;
        Diagnostic::error(
            "Replicas did not become ready in time",
            format!(
                "{}: after {deadline}s {ready} of {of} are ready; {serving} serve in all. Nothing is taken away that they were to replace.",
                self.workload
            ),
        )
        .help("See why they do not serve, then run `straddle apply` again: it waits for those that exist.")
    }

    fn interrupted(&self, ready: u32, of: u32, serving: u32) -> Diagnostic {
        Diagnostic::warning(
            "Stopped while waiting",
            format!(
                "{}: {ready} of {of} are ready; {serving} serve in all. What was built stays, nothing is half removed.",
                self.workload
            ),
        )
    }
}
