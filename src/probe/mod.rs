//! Asking what probes ask, from where they look: this machine, a command, an agent. No answer in time is no evidence, of anything.
//!
//! | file | subject |
//! |---|---|
//! | this | one look of all probes through all their vantage points |
//! | `ask` | one question: HTTP, TCP, DNS |
//! | `agent` | the question and the answer of a vantage point elsewhere, both sides |

mod agent;
mod ask;

pub use agent::{Answer, Question, answer};

use crate::plan::probes::{Check, Saw, Seen, Target};
use crate::spec::Spec;
use crate::spec::probes::{Reach, VantageSpec};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// Who is asked (`None`: this machine), and how many seconds an answer may take.
type Asked = (Option<usize>, u64);

/// Everybody who looks, and how.
pub struct Prober<'s> {
    spec: &'s Spec,
}

impl<'s> Prober<'s> {
    /// Looks for the probes of a spec.
    pub fn new(spec: &'s Spec) -> Prober<'s> {
        Prober { spec }
    }

    /// One window: every target through every vantage point of its probe, all at once.
    pub async fn look(&self, targets: &[Target]) -> Seen {
        // One question to each vantage point and timeout, however many probes it serves.
        let mut asked: BTreeMap<Asked, Vec<(usize, usize)>> = BTreeMap::new();
        for (i, target) in targets.iter().enumerate() {
            let probe = &self.spec.probes[target.probe];
            if probe.from.is_empty() {
                asked.entry((None, probe.timeout_s)).or_default().push((i, 0));
            }
            for (column, vantage) in probe.from.iter().enumerate() {
                asked.entry((Some(*vantage), probe.timeout_s)).or_default().push((i, column));
            }
        }
        let mut seen: Seen = targets
            .iter()
            .map(|t| {
                let columns = self.spec.probes[t.probe].from.len().max(1);
                ((t.probe, t.about.clone()), vec![Saw::Nothing; columns])
            })
            .collect();
        let looks = asked.into_iter().map(|((vantage, timeout_s), cells)| async move {
            let checks: Vec<Check> = cells.iter().map(|(i, _)| targets[*i].check.clone()).collect();
            let timeout = Duration::from_secs(timeout_s);
            let answers = match vantage.map(|v| &self.spec.vantages[v]) {
                None => ask::all(checks, timeout).await,
                Some(vantage) => through(vantage, checks, timeout).await,
            };
            cells.into_iter().zip(answers).collect::<Vec<_>>()
        });
        for ((i, column), saw) in join_all(looks).await.into_iter().flatten() {
            let target = &targets[i];
            if let Some(cell) = seen.get_mut(&(target.probe, target.about.clone())).and_then(|row| row.get_mut(column))
            {
                *cell = saw;
            }
        }
        seen
    }
}

/// What a vantage point sees; it has answered for all, or for nothing.
async fn through(vantage: &VantageSpec, checks: Vec<Check>, timeout: Duration) -> Vec<Saw> {
    let n = checks.len();
    let told = match &vantage.reach {
        Reach::Local => return ask::all(checks, timeout).await,
        Reach::Command(words) => agent::by_command(words, checks, timeout).await,
        Reach::Agent(url, token) => agent::by_url(url.clone(), token.as_deref(), checks, timeout).await,
    };
    told.filter(|answers| answers.len() == n).unwrap_or_else(|| vec![Saw::Nothing; n])
}
