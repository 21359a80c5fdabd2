//! `distance` blocks and the `hazard` blocks in them.

use super::groups;
use crate::diag::Diagnostic;
use crate::promise::model::{Class, Distance, Hazard};
use crate::spec::fields::Fields;
use crate::spec::locations::{label, unique};
use crate::spec::model::Spec;
use std::collections::BTreeMap;
use straddle_sdk::value::Value;

pub fn lower(spec: &mut Spec, name: &str, fields: &Fields<'_>) {
    let min_km = fields.decimal("min_km");
    let max_km = fields.decimal("max_km");
    let hazards = hazards(fields);
    if min_km.is_none() && max_km.is_none() && hazards.is_empty() {
        fields.missing("min_km", "20");
    }
    if let (Some(min), Some(max)) = (min_km, max_km)
        && min > max
    {
        fields.report(
            Diagnostic::error("Minimum above maximum", format!("\"min_km\" is {min} and \"max_km\" is {max}."))
                .at(&fields.span("min_km"))
                .help("No two places are both farther and nearer: lower min_km or raise max_km."),
        );
    }
    let classes = classes(fields);
    let groups = match groups(spec, fields, "between") {
        Some(groups) => {
            if groups.len() == 1 && fields.expr("between").is_some() {
                fields.report(
                    Diagnostic::error("Nothing to measure", "\"between\" names one place; a distance is between two.")
                        .at(&fields.span("between"))
                        .help("For example: between = [location.seoul, location.busan]"),
                );
            }
            groups
        }
        None => spec.topology.locations.iter().map(|l| vec![l.name.clone()]).collect(),
    };
    let site = spec.site(fields.header().clone());
    let owner = fields.owner().map(|o| o.to_string());
    let name = name.to_string();
    spec.promises.distances.push(Distance {
        name,
        groups,
        classes,
        min_km: min_km.unwrap_or(0.0),
        max_km,
        hazards,
        owner,
        site,
    });
}

/// `class = "cold"` or `class = ["hot", "cold"]`.
fn classes(fields: &Fields<'_>) -> Vec<Class> {
    let Some((value, expr)) = fields.value("class") else { return Vec::new() };
    let named = |v: &Value| Class::ALL.into_iter().find(|c| v.as_str() == Some(c.name()));
    let list = match value.items() {
        Some(items) => items.iter().map(named).collect::<Option<Vec<Class>>>(),
        None => named(&value).map(|c| vec![c]),
    };
    list.unwrap_or_else(|| {
        fields.mismatch(expr, "class", "one of \"mirror\", \"hot\", \"warm\", \"cold\", or a list of them", "\"cold\"");
        Vec::new()
    })
}

fn hazards(fields: &Fields<'_>) -> Vec<Hazard> {
    let mut seen = BTreeMap::new();
    let mut list = Vec::new();
    for block in fields.blocks("hazard") {
        let Some(name) = label(block, "han_river", fields.problems) else { continue };
        if !unique(&mut seen, &name, block, fields.problems) {
            continue;
        }
        let inner = fields.inside(block);
        let center = crate::spec::locations::coordinates_of(&inner, "center");
        let radius_km = inner.decimal("radius_km");
        if inner.expr("center").is_none() {
            inner.missing("center", "[37.52, 126.93]");
        }
        if radius_km.is_none() {
            inner.missing("radius_km", "5");
        }
        inner.string("kind");
        let most = crate::spec::workload::count32(&inner, "most").unwrap_or(1);
        inner.finish();
        if let (Some(center), Some(radius_km)) = (center, radius_km) {
            list.push(Hazard { name: name.to_string(), center, radius_km, most });
        }
    }
    list
}
