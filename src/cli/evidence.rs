//! Looking through probes before anything is planned: as many windows as their answers call for.

use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::evidence::{self, Windows};
use crate::plan::observed::Observed;
use crate::plan::placement::LocationFact;
use crate::plan::probes::{self, Probed};
use crate::probe::Prober;
use crate::state::{State, now};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Asks every probe, judges every location they tell of, and corrects what providers said of it.
pub async fn gather(
    project: &Project,
    state: &State,
    lost: &BTreeSet<String>,
    observed: &mut Observed,
    facts: &mut BTreeMap<String, LocationFact>,
    problems: &mut Vec<Diagnostic>,
) {
    if project.spec.probes.is_empty() {
        return;
    }
    problems.extend(crate::spec::probes::doubts(&project.spec));
    let targets = {
        let env = project.env();
        for (id, seen) in observed.objects.iter().filter(|(id, _)| id.deposed.is_none()) {
            if let Some(value) = seen.current() {
                env.set_instance(&id.address, value.clone());
            }
        }
        let mut targets = probes::targets(&project.spec, &env, observed, None, problems);
        // What is lost on a person's word is not asked again.
        targets.retain(|t| t.about.location().is_none_or(|l| !lost.contains(l)));
        targets
    };
    let prober = Prober::new(&project.spec);
    let mut windows = Windows(vec![prober.look(&targets).await]);
    while let Some(wait_s) = windows.wants_more(&project.spec) {
        tokio::time::sleep(Duration::from_secs(wait_s)).await;
        windows.0.push(prober.look(&targets).await);
    }
    observed.evidence = evidence::judged(&project.spec, &windows, facts, state, now().0);
    observed.probed = Probed { seen: windows.0.pop().unwrap_or_default() };
}
