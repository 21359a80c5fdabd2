//! `backup` blocks and their legs.

use super::{Reader, days, groups, workloads};
use crate::diag::Diagnostic;
use crate::promise::model::{Backup, Leg};
use crate::spec::fields::{Fields, parse_duration};
use crate::spec::locations::{risk_list, whole_seconds};
use crate::spec::model::Spec;
use std::collections::BTreeMap;

/// Words for how often a copy is made.
const OFTEN: &[(&str, u64)] = &[("hourly", 3600), ("daily", 86_400), ("weekly", 7 * 86_400), ("monthly", 31 * 86_400)];

pub fn lower(spec: &mut Spec, name: &str, fields: &Fields<'_>, read: &Reader<'_>) {
    let source: Vec<String> = groups(spec, fields, "source").unwrap_or_default().concat();
    let workloads = workloads(spec, fields, "workload");
    // The data of a workload lives where its replicas may stand, unless the spec says where.
    let source = match (source.is_empty(), workloads.is_empty()) {
        (false, _) => source,
        (true, false) => places_of(spec, &workloads),
        (true, true) => {
            if fields.expr("source").is_none() && fields.expr("workload").is_none() {
                fields.missing("source", "location.seoul");
            }
            Vec::new()
        }
    };
    let rpo_s = fields.duration("rpo").map(whole_seconds);
    let apart = fields.strings("apart").unwrap_or_default().iter().map(|s| s.to_string()).collect();
    let mut legs = Vec::new();
    let mut seen = BTreeMap::new();
    for block in fields.blocks("leg") {
        let Some((leg, inner)) = read.inside(fields, block, &mut seen) else { continue };
        legs.extend(self::leg(spec, &leg, &inner));
        inner.finish();
    }
    if legs.is_empty() && fields.blocks("leg").next().is_none() {
        fields.report(
            Diagnostic::error("No leg", format!("backup \"{name}\" says nothing of where copies go, nor how often."))
                .at(fields.header())
                .help("Add: leg \"far\" { target = location.busan, schedule = \"12h\" }"),
        );
    }
    let site = spec.site(fields.header().clone());
    let owner = fields.owner().map(|o| o.to_string());
    spec.promises.backups.push(Backup { name: name.to_string(), source, workloads, rpo_s, apart, legs, owner, site });
}

fn places_of(spec: &Spec, workloads: &[String]) -> Vec<String> {
    let chosen = spec.workloads.iter().filter(|w| workloads.contains(&w.rules.name));
    let places = chosen.flat_map(|w| &w.rules.places).map(|p| spec.topology.locations[p.location].name.clone());
    let mut all: Vec<String> = places.collect();
    all.sort();
    all.dedup();
    all
}

fn leg(spec: &mut Spec, name: &str, fields: &Fields<'_>) -> Option<Leg> {
    let target = groups(spec, fields, "target").unwrap_or_default();
    let target = target.first().and_then(|g| g.first()).cloned();
    let risks = risk_list(spec, fields, "shares");
    let shares = risks.into_iter().map(|r| spec.topology.risks[r].name.clone()).collect();
    if fields.expr("target").is_none() && fields.expr("shares").is_none() {
        fields.missing("target", "location.busan");
    }
    let every = schedule(fields);
    let incremental = fields.word("kind", &[("full", false), ("incremental", true)]).unwrap_or(false);
    let leg = Leg {
        name: name.to_string(),
        target,
        shares,
        every_s: every.flatten(),
        lag_s: fields.duration("lag").map(whole_seconds),
        incremental,
        full_every_s: fields.duration("full_every").map(whole_seconds),
        restored: fields.day("restored"),
        restore_every_days: fields.duration("restore_every").map(days),
        site: spec.site(fields.header().clone()),
    };
    every.is_some().then_some(leg)
}

/// `real-time` (no interval), a word, or a length of time. `None`: reported.
fn schedule(fields: &Fields<'_>) -> Option<Option<u64>> {
    let Some((value, expr)) = fields.value("schedule") else {
        fields.missing("schedule", "\"12h\"");
        return None;
    };
    let text = value.as_str().unwrap_or_default();
    if matches!(text, "real-time" | "realtime" | "real_time") {
        return Some(None);
    }
    let word = OFTEN.iter().find(|(word, _)| *word == text).map(|(_, s)| *s);
    let every = word.or_else(|| parse_duration(text).map(whole_seconds)).filter(|s| *s > 0);
    if every.is_none() {
        let wanted = "\"real-time\", \"hourly\", \"daily\", \"weekly\", \"monthly\", or a length of time";
        fields.mismatch(expr, "schedule", wanted, "\"12h\"");
        return None;
    }
    Some(every)
}
