//! `rollout { }` of a workload: how fast planned change goes, and what becomes of replicas that never serve.

use super::fields::Fields;
use super::locations::whole_seconds;
use super::model::Spec;
use super::workload::{bound, count32};
use crate::diag::Diagnostic;
use crate::spread::model::{Bound, Place, Rollout, Site, TimeSource};

/// The block, or what holds without one; `site` is the workload's.
pub fn rollout(spec: &mut Spec, workload: &Fields<'_>, site: Site) -> Rollout {
    let mut rollout = Rollout::unhurried(site);
    let Some(block) = workload.block("rollout") else { return rollout };
    let fields = workload.inside(block);
    rollout.surge = bound(&fields, "surge", "2");
    rollout.batch = bound(&fields, "batch", "1");
    rollout.batch_per_domain = count32(&fields, "batch_per_domain");
    for (name, nothing) in
        [("batch", rollout.batch == Some(Bound::Count(0))), ("batch_per_domain", rollout.batch_per_domain == Some(0))]
    {
        if nothing {
            fields.report(
                Diagnostic::error(
                    "Nothing would ever move",
                    format!("\"{name}\" is how many replicas one step moves: at least 1."),
                )
                .at(&fields.span(name))
                .help(format!("Write {name} = 1, or more.")),
            );
        }
    }
    rollout.healthy_for_s = fields.duration("healthy_for").map_or(0, whole_seconds);
    rollout.drain_s = fields.duration("drain").map_or(0, whole_seconds);
    if let Some(deadline) = fields.duration("deadline") {
        rollout.deadline_s = whole_seconds(deadline);
    }
    rollout.alternate = fields.flag("alternate").unwrap_or(false);
    rollout.auto_revert = fields.flag("auto_revert").unwrap_or(false);
    let (healthy, deadline) = (rollout.healthy_for_s, rollout.deadline_s);
    if deadline < healthy {
        let declared = fields.expr("deadline").is_some();
        let written = if declared { "" } else { ", since none is written" };
        fields.report(
            Diagnostic::error(
                "A deadline nothing can meet",
                format!(
                    "A new replica must serve for {} before it counts, and is given up after {} (\"deadline\"{written}): no step that adds one could ever end well.",
                    duration(healthy),
                    duration(deadline),
                ),
            )
            .at(&fields.span(if declared { "deadline" } else { "healthy_for" }))
            .help(format!(
                "Write deadline = \"{}\" or more: the time to boot, and healthy_for after it.",
                duration(healthy.saturating_add(300))
            )),
        );
    }
    rollout.site = spec.site(block.header.clone());
    fields.finish();
    rollout
}

/// Warns where a replica cannot have booted and served for `healthy_for` before its deadline.
pub fn slow_boots(spec: &Spec, workload: &Fields<'_>, rollout: &Rollout, places: &[Place]) {
    let Some(slowest) = places
        .iter()
        .map(|p| &spec.topology.locations[p.location])
        .filter(|l| l.boot.source == TimeSource::Declared)
        .max_by_key(|l| l.boot.seconds)
    else {
        return;
    };
    let needed = slowest.boot.seconds.saturating_add(rollout.healthy_for_s);
    if needed <= rollout.deadline_s || rollout.deadline_s < rollout.healthy_for_s {
        return;
    }
    let block = workload.block("rollout");
    let written = block.and_then(|b| b.body.attributes.iter().find(|a| &*a.name.name == "deadline"));
    let at =
        written.map_or_else(|| block.map_or(workload.header().clone(), |b| b.header.clone()), |a| a.expr.span.clone());
    workload.report(
        Diagnostic::warning(
            "A deadline that booting alone may miss",
            format!(
                "A replica in {} boots for {} and must then serve for {}: {} in all, and it is given up after {}.",
                slowest.name,
                duration(slowest.boot.seconds),
                duration(rollout.healthy_for_s),
                duration(needed),
                duration(rollout.deadline_s),
            ),
        )
        .at(&at)
        .help(format!("Write deadline = \"{}\" or more in rollout.", duration(needed))),
    );
}

/// As a spec writes it.
fn duration(seconds: u64) -> String {
    match seconds {
        0 => "0s".into(),
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
