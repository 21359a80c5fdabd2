//! `stand_in` blocks: a workload that can take another's place.

use super::{Reader, workloads};
use crate::diag::Diagnostic;
use crate::promise::model::StandIn;
use crate::spec::amounts;
use crate::spec::fields::Fields;
use crate::spec::model::Spec;
use std::collections::BTreeMap;
use straddle_sdk::value::Value;

pub fn lower(spec: &mut Spec, name: &str, fields: &Fields<'_>, read: &Reader<'_>) {
    let one = |argument: &'static str, example: &str| {
        if fields.expr(argument).is_none() {
            fields.missing(argument, example);
        }
        workloads(spec, fields, argument).into_iter().next()
    };
    let (of, by) = (one("of", "workload.production"), one("by", "workload.staging"));
    if let (Some(a), Some(b)) = (&of, &by)
        && a == b
    {
        fields.report(
            Diagnostic::error("A workload cannot stand in for itself", format!("Both sides are \"{a}\"."))
                .at(&fields.span("by"))
                .help("Name the workload that takes its place: by = workload.staging"),
        );
    }
    let percent = match fields.value("size") {
        None => 100,
        Some((value, expr)) => match value.as_str().and_then(amounts::percent).filter(|p| p % 1_000_000 == 0) {
            Some(p) => p / 1_000_000,
            None => {
                fields.mismatch(expr, "size", "whole percent of the other's replicas, in quotes", "\"100%\"");
                100
            }
        },
    };
    let parity = fields.strings("parity").map_or_else(
        || vec!["image".to_string(), "size".to_string()],
        |list| list.iter().map(|s| s.to_string()).collect(),
    );
    let mut seen = BTreeMap::new();
    let mut same = Vec::new();
    for block in fields.blocks("same") {
        let Some((what, inner)) = read.inside(fields, block, &mut seen) else { continue };
        let side = |argument: &'static str| {
            let (value, _) = match inner.value(argument) {
                Some(found) => found,
                None => {
                    inner.missing(argument, "\"v7\"");
                    return None;
                }
            };
            Some(text(&value))
        };
        if let (Some(of), Some(by)) = (side("of"), side("by")) {
            same.push((what.to_string(), of, by));
        }
        inner.finish();
    }
    let site = spec.site(fields.header().clone());
    let owner = fields.owner().map(|o| o.to_string());
    if let (Some(of), Some(by)) = (of, by) {
        let (name, seen) = (name.to_string(), Vec::new());
        spec.promises.stand_ins.push(StandIn { name, of, by, percent, parity, same, seen, owner, site });
    }
}

fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_string(),
        None => straddle_sdk::value::codec::show::known_part(value).unwrap_or_else(|| "?".into()),
    }
}
