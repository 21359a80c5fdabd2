//! Bars while a plan is carried out on a terminal: one for each provider, below the lines of what has happened.

use crate::apply::Event;
use crate::lang::address::Address;
use crate::plan::model::Plan;
use crate::state::ProviderRef;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The bars of one apply.
pub struct Progress {
    all: MultiProgress,
    bars: BTreeMap<ProviderRef, ProgressBar>,
    /// Whose bar an object's call is counted on.
    of: HashMap<Address, ProviderRef>,
}

impl Progress {
    /// A bar for each provider that has something to do.
    pub fn new(plan: &Plan, target: ProgressDrawTarget) -> Progress {
        let all = MultiProgress::with_draw_target(target);
        let mut calls: BTreeMap<ProviderRef, u64> = BTreeMap::new();
        let mut of = HashMap::new();
        for change in plan.ops.iter().filter_map(|op| op.what.change()) {
            let change = &plan.changes[change as usize];
            *calls.entry(change.provider.clone()).or_default() += 1;
            of.insert(change.address.clone(), change.provider.clone());
        }
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("#>-");
        let bars = calls
            .into_iter()
            .map(|(provider, calls)| {
                let bar = all.add(ProgressBar::new(calls).with_style(style.clone()));
                bar.set_prefix(name(&provider));
                bar.enable_steady_tick(Duration::from_millis(200));
                (provider, bar)
            })
            .collect();
        Progress { all, bars, of }
    }

    /// Moves the bars on.
    pub fn event(&self, event: &Event) {
        match event {
            Event::Done { address, .. } | Event::Failed { address, .. } => {
                if let Some(bar) = self.of.get(address).and_then(|p| self.bars.get(p)) {
                    bar.inc(1);
                }
            }
            Event::StepStart { workload, step, of } => self.message(&format!("{workload} step {} of {of}", step + 1)),
            Event::Waiting { workload, ready, of, serving, .. } => {
                self.message(&format!("{workload}: healthy {ready} of {of}, {serving} serving"));
            }
            Event::StepDone { workload, serving, .. } => self.message(&format!("{workload}: {serving} serving")),
            Event::StepStopped { .. }
            | Event::StepChecked { .. }
            | Event::Start { .. }
            | Event::Provision { .. }
            | Event::Note(_) => {}
        }
    }

    fn message(&self, text: &str) {
        for bar in self.bars.values() {
            bar.set_message(text.to_string());
        }
    }

    /// Prints without tearing a bar.
    pub fn around(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// Takes the bars away.
    pub fn end(self) {
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
        let _ = self.all.clear();
    }
}

/// `sim.aws` of `registry.terraform.io/straddle/sim`.
fn name(provider: &ProviderRef) -> String {
    let short = provider.source.rsplit('/').next().unwrap_or_default();
    match &provider.alias {
        Some(alias) => format!("{short}.{alias}"),
        None => short.to_string(),
    }
}
