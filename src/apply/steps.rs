//! The barriers of a workload's steps: read again and check before anything is touched, wait until what was added serves.

use super::{Carrying, Stop};
use crate::diag::Diagnostic;
use crate::plan::placement;
use crate::spread::model::Template as TemplateKind;
use futures_util::stream::{self, Stream};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use straddle_sdk::value::Str;

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
    Stopped(Diagnostic),
}

/// Shortest and longest pause between two looks at what is booting.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Reads again what the step rests on. A step that takes replicas away starts only when at least as many serve in every place as the
/// plan counted with; one that only adds always may.
pub(super) async fn check_start(carrying: &Carrying<'_>, workload: &Str, step: u32) -> Checked {
    let Some((plan, one)) = carrying.step(workload, step) else {
        return Checked::Well { serving: 0, notes: Vec::new() };
    };
    let reduces = !one.removes.is_empty() || !one.updates.is_empty();
    if !reduces {
        return Checked::Well { serving: carrying.serving_before(workload, step), notes: Vec::new() };
    }
    let touched: BTreeSet<Str> = one.removes.iter().chain(&one.updates).cloned().collect();
    let entries = plan.decision.steps.get(step as usize).map(|s| (&s.removes, &s.updates));
    let places: BTreeSet<usize> = entries.iter().flat_map(|(r, u)| r.iter().chain(u.iter())).map(|e| e.place).collect();
    let look = carrying.watch.places(workload, &places, &touched).await;
    if let Some(problem) = look.problems.into_iter().find(Diagnostic::is_error) {
        return Checked::Stopped(problem);
    }
    let expected: Vec<u32> = match step.checked_sub(1) {
        Some(before) => plan.decision.steps[before as usize].state.clone(),
        None => plan.decision.before.iter().map(|i| i.lo).collect(),
    };
    let serving: u32 =
        expected.iter().enumerate().map(|(p, e)| if places.contains(&p) { look.by_place[p] } else { *e }).sum();
    let fewer: Vec<String> = look
        .by_place
        .iter()
        .zip(&expected)
        .enumerate()
        .filter(|(p, (now, expected))| places.contains(p) && now < expected)
        .map(|(p, (now, expected))| format!("{} {now} instead of {expected}", carrying.place_name(workload, p)))
        .collect();
    if fewer.is_empty() {
        return Checked::Well { serving, notes: Vec::new() };
    }
    Checked::Stopped(
        Diagnostic::error(
            "Fewer replicas serve than the plan counted with",
            format!("{workload}: {serving} are serving; {}. Nothing further is taken away.", fewer.join(", ")),
        )
        .help("Run `straddle plan`: it starts from what is there now and repairs first."),
    )
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
            if let Some(problem) = look.problems.iter().find(|p| p.is_error()) {
                return (Checked::Stopped(problem.clone()), true);
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
                return (Checked::Stopped(self.late(ready, of, serving)), true);
            }
            if self.carrying.stop.get() != Stop::No {
                return (Checked::Stopped(self.interrupted(ready, of, serving)), true);
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
        let Some((plan, one)) = self.carrying.step(self.workload, self.step) else { return (0, 0) };
        let replicas = wanted.iter().filter(|k| placement::split_key(k).1.is_some());
        let of = replicas.clone().count() as u32;
        let (mut ready, mut of) = (self.carrying.watch.serving_of(self.workload, replicas), of);
        _ = one;
        if let Some(step) = plan.decision.steps.get(self.step as usize) {
            for (p, place) in plan.rules.places.iter().enumerate() {
                let mine = wanted.contains(&*self.carrying.place_name(self.workload, p));
                if place.template == TemplateKind::PerLocation && mine {
                    ready += by_place.get(p).copied().unwrap_or(0).min(step.state[p]);
                    of += step.state[p];
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
