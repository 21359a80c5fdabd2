//! `overflow` and `standby` blocks of a workload: places that are used in order.

use super::fields::{Fields, parse_duration};
use super::locations::{label, unique, whole_seconds};
use super::model::Spec;
use super::templates::agrees;
use super::workload::count32;
use crate::diag::Diagnostic;
use crate::lang::suggest::nearest;
use crate::spread::model::{Fence, OverflowGroup, Place, PromotedBy, Standby};
use std::collections::BTreeMap;
use straddle_sdk::value::Value;

/// `overflow { group "own" { match = { cloud = "idc" } } group "cloud" { ... } }`.
pub fn overflow(spec: &mut Spec, workload: &Fields<'_>, places: &[Place]) -> Vec<OverflowGroup> {
    let Some(block) = workload.block("overflow") else { return Vec::new() };
    let fields = workload.inside(block);
    let mut seen = BTreeMap::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut groups = Vec::new();
    for block in fields.blocks("group") {
        let Some(name) = label(block, "own", fields.problems) else { continue };
        if !unique(&mut seen, &name, block, fields.problems) {
            continue;
        }
        let inner = fields.inside(block);
        let matches = inner.string_map("match");
        let named = super::promises::groups(spec, &inner, "locations").map(|g| g.concat());
        let written = inner.expr("match").is_some() || inner.expr("locations").is_some();
        if !written {
            inner.missing("match", "{ cloud = \"aws\" }");
        }
        let takes = |l: &&crate::spread::model::Location| {
            matches.as_ref().is_some_and(|m| agrees(m, l)) || named.as_ref().is_some_and(|n| n.contains(&l.name))
        };
        let of_group = places.iter().map(|p| &spec.topology.locations[p.location]).filter(takes);
        let locations: Vec<String> = of_group.map(|l| l.name.clone()).collect();
        if locations.is_empty() && written {
            inner.report(
                Diagnostic::error("Empty group", format!("No location of the workload is in group \"{name}\"."))
                    .at(&inner.span("match"))
                    .help("A match names levels, or \"location\" for one place, as a replica block does."),
            );
        }
        for location in &locations {
            if let Some(other) = taken.insert(location.clone(), name.to_string()) {
                inner.report(
                    Diagnostic::error(
                        "Location in two groups",
                        format!("Location \"{location}\" is in group \"{other}\" and in group \"{name}\"."),
                    )
                    .at(&inner.span("match"))
                    .help("Narrow one of the two: a location is filled once."),
                );
            }
        }
        let max = count32(&inner, "max");
        let site = spec.site(block.header.clone());
        inner.finish();
        groups.push(OverflowGroup { name: name.to_string(), locations, max, site });
    }
    if groups.len() < 2 && fields.blocks("group").count() < 2 {
        fields.report(
            Diagnostic::error(
                "Nothing to overflow into",
                "An overflow has two groups at least: the first, and where it spills.",
            )
            .at(fields.header())
            .help("Add: group \"cloud\" { match = { cloud = \"aws\" } }"),
        );
    }
    let left_out = places.iter().map(|p| &spec.topology.locations[p.location].name).find(|l| !taken.contains_key(*l));
    if let (Some(location), false) = (left_out, groups.is_empty()) {
        fields.report(
            Diagnostic::error(
                "Location in no group",
                format!("No group of the overflow holds location \"{location}\"."),
            )
            .at(fields.header())
            .help("Name every location once: widen a match, or add a last group for the rest."),
        );
    }
    fields.finish();
    groups
}

/// `standby { order = [...], max_lag, lag, by, fence, alarm_below }`, with the margin it alarms below.
pub fn standby(spec: &mut Spec, workload: &Fields<'_>, places: &[Place]) -> Option<(Standby, Option<u32>)> {
    let block = workload.block("standby")?;
    let fields = workload.inside(block);
    let known: Vec<String> = places.iter().map(|p| spec.topology.locations[p.location].name.clone()).collect();
    let mut order: Vec<String> = Vec::new();
    for (name, span) in fields.names("order", "location").unwrap_or_default() {
        if order.iter().any(|n| **n == *name) {
            fields.report(
                Diagnostic::error("Location named twice", format!("\"{name}\" stands twice in \"order\"."))
                    .at(&span)
                    .help("Name each location once, the active one first."),
            );
        } else if known.iter().any(|n| **n == *name) {
            order.push(name.to_string());
        } else {
            let problem =
                Diagnostic::error("Unknown location", format!("The workload has no place in \"{name}\".")).at(&span);
            fields.report(match nearest(&name, known.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("Did you mean location.{near}?")),
                None => problem.help("Name locations that a template of the workload matches."),
            });
        }
    }
    if fields.expr("order").is_none() {
        order.clone_from(&known);
    }
    let lag_s = lags(spec, &fields, &order);
    let max_lag_s = fields.duration("max_lag").map(whole_seconds);
    let by = fields.word("by", &[("straddle", PromotedBy::Straddle), ("others", PromotedBy::Others)]);
    let fence = fence(&fields);
    let alarm_below = count32(&fields, "alarm_below");
    let site = spec.site(block.header.clone());
    fields.finish();
    let by = by.unwrap_or(PromotedBy::Straddle);
    Some((Standby { order, lag_s, max_lag_s, by, fence, last: None, wished: None, active: None, site }, alarm_below))
}

/// `lag = "5s"` for all, or `{ b = "2s", c = "4s" }`; a location's own `lag` where this says nothing.
fn lags(spec: &Spec, fields: &Fields<'_>, order: &[String]) -> Vec<Option<u64>> {
    let own = |name: &String| spec.promises.sites.get(name).and_then(|s| s.lag_s);
    let Some((value, expr)) = fields.value("lag") else { return order.iter().map(own).collect() };
    let seconds = |v: &Value| v.as_str().and_then(parse_duration).map(whole_seconds);
    if let Some(all) = seconds(&value) {
        return order.iter().map(|_| Some(all)).collect();
    }
    let entries = value.entries().unwrap_or_default();
    let sound =
        !entries.is_empty() && entries.iter().all(|(n, v)| seconds(v).is_some() && order.iter().any(|o| **o == **n));
    if !sound {
        fields.mismatch(
            expr,
            "lag",
            "a length of time, or a map of the locations in \"order\" to lengths of time",
            "{ b = \"2s\", c = \"4s\" }",
        );
    }
    order.iter().map(|name| value.get(name).and_then(seconds).or_else(|| own(name))).collect()
}

/// `fence = "operator"`, `"stonith"`, or a lease: `fence = "lease:30s"`.
fn fence(fields: &Fields<'_>) -> Option<Fence> {
    let (value, expr) = fields.value("fence")?;
    let fence = match value.as_str() {
        Some("operator") => Some(Fence::Operator),
        Some("stonith") => Some(Fence::Stonith),
        Some(text) => text.strip_prefix("lease:").and_then(parse_duration).map(|d| Fence::Lease(whole_seconds(d))),
        None => None,
    };
    if fence.is_none() {
        fields.mismatch(expr, "fence", "\"operator\", \"stonith\" or a lease", "\"lease:30s\"");
    }
    fence
}
