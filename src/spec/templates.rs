//! `replica` blocks: what one replica, or one location's group of them, is made of.

use super::fields::{Evaluate, Fields};
use super::locations::{label, unique};
use super::model::{Spec, Template};
use crate::diag::Diagnostic;
use crate::lang::ast::Block;
use crate::lang::module::{Mode, Resource};
use crate::spread::model::{Location, Template as TemplateKind};
use std::cell::RefCell;
use std::collections::BTreeMap;
use straddle_sdk::value::Str;

/// A template with the size of its replicas.
pub struct Lowered {
    pub template: Template,
    /// Capacity of one replica as a fraction.
    pub units: (u32, u32),
}

/// Whether a location agrees with every `match` entry.
pub fn agrees(matches: &[(Str, Str)], location: &Location) -> bool {
    matches.iter().all(|(level, name)| {
        if &**level == "location" {
            *location.name == **name
        } else {
            location.domains.get(&**level).is_some_and(|d| **d == **name)
        }
    })
}

/// Reads the templates of a workload.
pub fn lower<'a>(
    spec: &Spec,
    workload: &Fields<'a>,
    evaluate: Evaluate<'a>,
    problems: &'a RefCell<Vec<Diagnostic>>,
) -> Vec<Lowered> {
    let mut seen = BTreeMap::new();
    let mut resources_seen = BTreeMap::new();
    let mut templates = Vec::new();
    for block in workload.blocks("replica") {
        let Some(name) = label(block, "server", problems) else { continue };
        if unique(&mut seen, &name, block, problems) {
            let fields = Fields::of(block, evaluate, problems);
            templates.push(template(spec, name, block, &fields, &mut resources_seen));
            fields.finish();
        }
    }
    templates
}

fn template(
    spec: &Spec,
    name: Str,
    block: &Block,
    fields: &Fields<'_>,
    seen: &mut BTreeMap<(Mode, Str, Str), Str>,
) -> Lowered {
    let matches = fields.string_map("match").unwrap_or_default();
    for (level, _) in &matches {
        let known = spec.topology.levels.iter().any(|l| **l == **level) || &**level == "location";
        if !known {
            fields.report(
                Diagnostic::error(
                    "Unknown level",
                    format!("\"{level}\" is not one of the levels: {}.", spec.topology.levels.join(", ")),
                )
                .at(&fields.span("match"))
                .help("A match names levels, or \"location\" for one place."),
            );
        }
    }
    let per_location = fields.word("per", &[("replica", false), ("location", true)]).unwrap_or(false);
    let resources = resources(fields, &name, seen);
    let observed = !resources.is_empty() && resources.iter().all(|r| r.mode == Mode::Data);
    let kind = match (observed, per_location) {
        (true, _) => TemplateKind::Observed,
        (false, true) => TemplateKind::PerLocation,
        (false, false) => TemplateKind::PerReplica,
    };
    if resources.is_empty() {
        fields.report(
            Diagnostic::error("Empty template", format!("Template \"{name}\" makes nothing."))
                .at(fields.header())
                .help("Add a resource block: what one replica consists of."),
        );
    }
    let ready = fields.expr("ready").cloned();
    if ready.is_none() && per_location {
        fields.missing("ready", "sim_group.web.ready");
    }
    let units = units(fields);
    Lowered { template: Template { name, matches, kind, resources, ready, span: block.header.clone() }, units }
}

fn resources(fields: &Fields<'_>, template: &Str, seen: &mut BTreeMap<(Mode, Str, Str), Str>) -> Vec<Resource> {
    let mut list = Vec::new();
    for block in fields.blocks("resource").chain(fields.blocks("data")) {
        let mut found = Vec::new();
        let resource = crate::lang::module::decode_resource(block, &mut found);
        for problem in found {
            fields.report(problem);
        }
        let Some(resource) = resource else { continue };
        for (name, expr) in [("count", &resource.count), ("for_each", &resource.for_each)] {
            if let Some(expr) = expr {
                fields.report(
                    Diagnostic::error(
                        "Not in a template",
                        format!(
                            "\"{name}\" has no meaning inside a replica block: the spread says how many there are."
                        ),
                    )
                    .at(&expr.span)
                    .help("Remove it, or move the resource out of the workload."),
                );
            }
        }
        let key = (resource.mode, resource.ty.text.clone(), resource.name.text.clone());
        if let Some(other) = seen.insert(key, template.clone())
            && other == *template
        {
            fields.report(
                Diagnostic::error(
                    "Duplicate resource",
                    format!("Template \"{template}\" has two {} \"{}\" blocks.", resource.ty.text, resource.name.text),
                )
                .at(&resource.span)
                .help("Give one of them another name, or remove it."),
            );
        }
        list.push(resource);
    }
    list
}

/// `units = 0.8` as 8/10, reduced; 1 when absent.
fn units(fields: &Fields<'_>) -> (u32, u32) {
    const THOUSAND: u32 = 1000;
    let Some(number) = fields.decimal("units") else { return (1, 1) };
    let scaled = (number * f64::from(THOUSAND)).round();
    if !(1.0..=f64::from(THOUSAND) * f64::from(THOUSAND)).contains(&scaled)
        || (scaled - number * f64::from(THOUSAND)).abs() > 1e-9
    {
        if let Some(expr) = fields.expr("units") {
            fields.mismatch(expr, "units", "a number from 0.001 to 1000 with three decimals at most", "0.8");
        }
        return (1, 1);
    }
    let scaled = scaled as u32;
    let (mut a, mut b) = (scaled, THOUSAND);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    (scaled / a, THOUSAND / a)
}
