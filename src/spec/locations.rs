//! `straddle`, `shared_risk`, `location` and `accept` blocks.

use super::fields::{Evaluate, Fields};
use super::model::{Accept, LocationSpec, Spec};
use super::promises;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Expr, ExprKind, StepKind};
use crate::lang::module::ProviderRef;
use crate::lang::suggest::nearest;
use crate::promise::model::Class;
use crate::spread::model::{
    Capacity, CapacitySource, Cost, Health, HealthSource, Limit, Location, OperatorState, Risk, Site, TimeSource, Timed,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use straddle_sdk::value::{Kind, Str, Value};

/// Seconds a replica is taken to need to boot when nobody says or measured it.
const DEFAULT_BOOT_S: u64 = 120;

/// Reads every block that is not a workload.
pub fn lower(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    levels(spec, blocks, evaluate, problems);
    risks(spec, blocks, evaluate, problems);
    let mut seen = BTreeMap::new();
    let mut locations = Vec::new();
    for block in blocks.iter().filter(|b| &*b.kind.name == "location") {
        if let Some(name) = label(block, "seoul-a", problems)
            && unique(&mut seen, &name, block, problems)
        {
            locations.push(location(spec, &name, &Fields::of(block, evaluate, problems)));
        }
    }
    locations.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    (spec.topology.locations, spec.locations) = locations.into_iter().unzip();
    for (i, location) in spec.topology.locations.iter().enumerate() {
        if let Some(facts) = spec.promises.sites.get_mut(&location.name) {
            facts.index = Some(i);
        }
    }
    accepts(spec, blocks, evaluate, problems);
}

/// The one label of a block.
pub fn label(block: &Block, example: &str, problems: &RefCell<Vec<Diagnostic>>) -> Option<Str> {
    match block.labels.as_slice() {
        [one] if !one.text.is_empty() => Some(one.text.clone()),
        _ => {
            let kind = &block.kind.name;
            problems.borrow_mut().push(
                Diagnostic::error(
                    "Wrong number of labels",
                    format!("A \"{kind}\" block has exactly one label: its name."),
                )
                .at(&block.header)
                .help(format!("For example: {kind} \"{example}\" {{")),
            );
            None
        }
    }
}

/// Whether `name` is new; a second block of the name is reported with the place of the first.
pub fn unique(seen: &mut BTreeMap<Str, Span>, name: &Str, block: &Block, problems: &RefCell<Vec<Diagnostic>>) -> bool {
    match seen.get(name) {
        Some(first) => {
            let kind = &block.kind.name;
            problems.borrow_mut().push(
                Diagnostic::error("Duplicate block", format!("There is already a {kind} block named \"{name}\"."))
                    .at(&block.header)
                    .related(first, "the first one")
                    .help("Names must be unique: rename or remove one of the two."),
            );
            false
        }
        None => {
            seen.insert(name.clone(), block.header.clone());
            true
        }
    }
}

impl Spec {
    /// Remembers a place in the text.
    pub(super) fn site(&mut self, span: Span) -> Site {
        self.sites.push(span);
        Site(self.sites.len() - 1)
    }
}

fn levels(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    spec.topology.levels = ["cloud", "region", "zone"].map(String::from).to_vec();
    let mut first: Option<&Block> = None;
    for block in blocks.iter().filter(|b| &*b.kind.name == "straddle") {
        if let Some(first) = first {
            problems.borrow_mut().push(
                Diagnostic::error("Duplicate block", "A directory has one \"straddle\" block at most.")
                    .at(&block.header)
                    .related(&first.header, "the first one")
                    .help("Put both into one block."),
            );
            continue;
        }
        first = Some(block);
        let fields = Fields::of(block, evaluate, problems);
        if let Some(levels) = fields.strings("levels") {
            let mut names: Vec<String> = Vec::new();
            for level in levels {
                if names.iter().any(|n| **n == *level) || level.is_empty() {
                    fields.report(
                        Diagnostic::error("Level named twice", format!("\"{level}\" stands twice in \"levels\"."))
                            .at(&fields.span("levels"))
                            .help("Name each level once, outermost first."),
                    );
                } else {
                    names.push(level.to_string());
                }
            }
            if names.is_empty() {
                fields.report(
                    Diagnostic::error("No levels", "\"levels\" must name at least one level.")
                        .at(&fields.span("levels"))
                        .help("For example: levels = [\"cloud\", \"region\", \"zone\"]"),
                );
            } else {
                spec.topology.levels = names;
            }
        }
        promises::of_straddle(spec, &fields);
        spec.ledger = fields.string("ledger").map(|path| (path, fields.span("ledger")));
        // Read when risks and levels are known.
        let _ = (fields.blocks("state"), fields.blocks("pipeline"));
        fields.finish();
    }
}

fn risks(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let mut seen = BTreeMap::new();
    let mut found: Vec<(Str, &Block)> = Vec::new();
    for block in blocks.iter().filter(|b| &*b.kind.name == "shared_risk") {
        if let Some(name) = label(block, "kt_line", problems)
            && unique(&mut seen, &name, block, problems)
        {
            found.push((name, block));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    // Names first: a risk may depend on one declared further down.
    for (name, block) in &found {
        let site = spec.site(block.header.clone());
        spec.topology.risks.push(Risk { name: name.to_string(), kind: String::new(), depends_on: Vec::new(), site });
    }
    for (i, (_, block)) in found.iter().enumerate() {
        let fields = Fields::of(block, evaluate, problems);
        let kind = fields.string("kind");
        if kind.is_none() {
            fields.missing("kind", "\"building\"");
        }
        let depends_on = risk_list(spec, &fields, "shares");
        promises::evidence(spec, &spec_name(spec, i), &fields);
        fields.owner();
        fields.finish();
        spec.topology.risks[i].kind = kind.as_deref().unwrap_or_default().to_string();
        spec.topology.risks[i].depends_on = depends_on;
    }
    risk_cycles(spec, problems);
}

fn spec_name(spec: &Spec, risk: usize) -> String {
    spec.topology.risks[risk].name.clone()
}

/// Refuses risks that depend on themselves: nobody could say which of them fails first.
fn risk_cycles(spec: &Spec, problems: &RefCell<Vec<Diagnostic>>) {
    let risks = &spec.topology.risks;
    let mut graph = petgraph::graph::DiGraph::<usize, ()>::new();
    let nodes: Vec<_> = (0..risks.len()).map(|i| graph.add_node(i)).collect();
    for (i, risk) in risks.iter().enumerate() {
        for d in &risk.depends_on {
            graph.add_edge(nodes[i], nodes[*d], ());
        }
    }
    for group in petgraph::algo::tarjan_scc(&graph) {
        let circle = group.len() > 1 || group.iter().any(|n| graph.contains_edge(*n, *n));
        let first = group.iter().map(|n| graph[*n]).min();
        if let (true, Some(first)) = (circle, first) {
            let mut names: Vec<&str> = group.iter().map(|n| risks[graph[*n]].name.as_str()).collect();
            names.sort_unstable();
            let mut problem = Diagnostic::error(
                "Shared risks depend on each other in a circle",
                format!("These share each other: {}.", names.join(", ")),
            )
            .help("Put what they have in common into a risk of its own, and let each share that.");
            problem.span = spec.span(risks[first].site).cloned();
            problems.borrow_mut().push(problem);
        }
    }
}

/// The risks an argument refers to, as indices; unknown names are reported.
pub fn risk_list(spec: &Spec, fields: &Fields<'_>, name: &'static str) -> Vec<usize> {
    let risks = &spec.topology.risks;
    let mut list = Vec::new();
    for (reference, span) in fields.references(name, "shared_risk") {
        match risks.binary_search_by(|r| (*r.name).cmp(&reference)) {
            Ok(i) => list.push(i),
            Err(_) => {
                let problem = Diagnostic::error(
                    "Reference to undeclared shared risk",
                    format!("There is no shared_risk block named \"{reference}\"."),
                )
                .at(&span);
                fields.report(match nearest(&reference, risks.iter().map(|r| r.name.as_str())) {
                    Some(near) => problem.help(format!("Did you mean shared_risk.{near}?")),
                    None => problem.help(format!("Declare it: shared_risk \"{reference}\" {{ kind = \"building\" }}")),
                });
            }
        }
    }
    list.sort_unstable();
    list.dedup();
    list
}

fn location(spec: &mut Spec, name: &Str, fields: &Fields<'_>) -> (Location, LocationSpec) {
    let site = spec.site(fields.header().clone());
    let domains = domains(spec, fields);
    let declared = fields.count("capacity");
    let capacity = match declared {
        Some(n) => {
            let n = u32::try_from(n).unwrap_or(u32::MAX);
            Capacity { limit: Limit::Known { lo: n, hi: n }, source: CapacitySource::Declared }
        }
        None => Capacity { limit: Limit::Unlimited, source: CapacitySource::Unknown },
    };
    let boot = match fields.duration("boot") {
        Some(d) => Timed { seconds: whole_seconds(d), source: TimeSource::Declared },
        None => Timed { seconds: DEFAULT_BOOT_S, source: TimeSource::Default },
    };
    let operator = fields
        .word(
            "state",
            &[
                ("open", OperatorState::Open),
                ("cordoned", OperatorState::Cordoned),
                ("evacuated", OperatorState::Evacuated),
            ],
        )
        .unwrap_or(OperatorState::Open);
    let class = fields.word("class", &Class::ALL.map(|c| (c.name(), c)));
    let coordinates = coordinates(fields);
    let owner = fields.owner();
    promises::site(spec, name, fields, (class, &coordinates, owner.as_ref(), site));
    let location = Location {
        name: name.to_string(),
        domains: domains.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        shares: risk_list(spec, fields, "shares"),
        control: risk_list(spec, fields, "control"),
        capacity,
        health: Health::Healthy,
        health_source: HealthSource::Assumed,
        operator,
        boot,
        reserve: fields.count("reserve").map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        cost: cost(fields),
        frozen: false,
        site,
    };
    let provider = fields.expr("provider").and_then(|e| provider_reference(fields, e, "provider"));
    let observer = fields.expr("observer").and_then(|e| provider_reference(fields, e, "observer"));
    let text = |s: Option<&str>| s.map_or_else(|| Value::null(straddle_sdk::value::Type::String), Value::string);
    let value = Value::object(vec![
        ("name".into(), Value::string(name.clone())),
        ("domains".into(), Value::object(domains.into_iter().map(|(k, v)| (k, Value::string(v))).collect())),
        ("class".into(), text(class.map(Class::name))),
        ("coordinates".into(), coordinates),
    ]);
    let spec_part = LocationSpec { provider, observer, value, span: fields.header().clone() };
    fields.finish_by_ref();
    (location, spec_part)
}

fn domains(spec: &Spec, fields: &Fields<'_>) -> Vec<(Str, Str)> {
    let Some(domains) = fields.string_map("domains") else {
        fields.missing("domains", "{ cloud = \"aws\", region = \"ap-northeast-2\", zone = \"apne2-az1\" }");
        return Vec::new();
    };
    let levels = &spec.topology.levels;
    for (level, domain) in &domains {
        if !levels.iter().any(|l| **l == **level) {
            let problem = Diagnostic::error(
                "Unknown level",
                format!("\"{level}\" is not one of the levels: {}.", levels.join(", ")),
            )
            .at(&fields.span("domains"));
            fields.report(match nearest(level, levels.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
                None => problem.help("Add the level: straddle { levels = [...] }"),
            });
        }
        if domain.is_empty() {
            fields.report(
                Diagnostic::error(
                    "Domain without a name",
                    format!("The domain at level \"{level}\" is an empty text."),
                )
                .at(&fields.span("domains"))
                .help(format!("Name it, for example {level} = \"seoul-a\", or leave the level out.")),
            );
        }
    }
    domains
}

fn coordinates(fields: &Fields<'_>) -> Value {
    let none = Value::null(straddle_sdk::value::Type::Dynamic);
    let Some((value, expr)) = fields.value("coordinates") else { return none };
    let degrees = |v: &Value, limit: f64| v.as_num().is_some_and(|n| n.to_f64().abs() <= limit);
    match value.items() {
        Some([latitude, longitude]) if degrees(latitude, 90.0) && degrees(longitude, 180.0) => value.clone(),
        _ => {
            fields.mismatch(expr, "coordinates", "latitude and longitude in degrees", "[37.49, 127.04]");
            none
        }
    }
}

/// Latitude and longitude of an argument, as numbers.
pub fn coordinates_of(fields: &Fields<'_>, name: &'static str) -> Option<(f64, f64)> {
    let (value, expr) = fields.value(name)?;
    let at = |i: usize, limit: f64| {
        value.items().filter(|l| l.len() == 2)?.get(i)?.as_num().map(|n| n.to_f64()).filter(|d| d.abs() <= limit)
    };
    let both = at(0, 90.0).zip(at(1, 180.0));
    if both.is_none() {
        fields.mismatch(expr, name, "latitude and longitude in degrees", "[37.49, 127.04]");
    }
    both
}

fn cost(fields: &Fields<'_>) -> Option<Cost> {
    let (value, expr) = fields.value("cost")?;
    let per_hour = value.get("per_hour").and_then(Value::as_num).map(|n| n.to_f64() * 1e6);
    let currency = value.get("currency").and_then(Value::as_str);
    match (per_hour.filter(|p| (0.0..1e15).contains(p)), currency) {
        (Some(micros), Some(currency)) if value.entries().is_some_and(|e| e.len() == 2) => {
            Some(Cost { micros_per_hour: micros.round() as u64, currency: currency.to_string() })
        }
        _ => {
            fields.mismatch(
                expr,
                "cost",
                "an object with per_hour and currency",
                "{ per_hour = 0.052, currency = \"USD\" }",
            );
            None
        }
    }
}

/// Seconds, rounded up: a promise is not kept by the part of a second that was dropped.
pub fn whole_seconds(d: std::time::Duration) -> u64 {
    d.as_secs() + u64::from(d.subsec_nanos() > 0)
}

/// `aws` or `aws.seoul`.
fn provider_reference(fields: &Fields<'_>, expr: &Expr, name: &str) -> Option<ProviderRef> {
    if let ExprKind::Traversal(t) = &expr.kind {
        let alias = match t.steps.as_slice() {
            [] => Some(None),
            [step] => match &step.kind {
                StepKind::Attr(alias) => Some(Some(alias.clone())),
                StepKind::Index(_) => None,
            },
            _ => None,
        };
        if let Some(alias) = alias {
            return Some(ProviderRef { name: t.root.name.clone(), alias, span: expr.span.clone() });
        }
    }
    fields.mismatch(expr, name, "a provider configuration, not in quotes", "aws.seoul");
    None
}

fn accepts(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let mut seen = BTreeMap::new();
    for block in blocks.iter().filter(|b| &*b.kind.name == "accept") {
        let Some(name) = label(block, "one-load-balancer", problems) else { continue };
        if !unique(&mut seen, &name, block, problems) {
            continue;
        }
        let fields = Fields::of(block, evaluate, problems);
        let lose = accepted_losses(spec, &fields);
        let until = fields.string("until");
        if until.is_none() {
            fields.missing("until", "\"2027-03-31\"");
        } else if until.as_ref().is_some_and(|d| d.parse::<jiff::civil::Date>().is_err()) {
            fields.report(
                Diagnostic::error("Not a date", "\"until\" is a day: year, month and day.")
                    .at(&fields.span("until"))
                    .help("For example: until = \"2027-03-31\""),
            );
        }
        let (owner, workload) = (fields.owner(), fields.string("workload"));
        fields.string("reason");
        fields.finish();
        if let Some(until) = until {
            spec.accepts.push(Accept { name, lose, until, owner, workload, span: block.header.clone() });
        }
    }
}

/// `lose = [shared_risk.x, "zone:a"]`.
fn accepted_losses(spec: &Spec, fields: &Fields<'_>) -> Vec<String> {
    let Some(expr) = fields.expr("lose") else {
        fields.missing("lose", "[\"zone:a\"] or [shared_risk.kt_line]");
        return Vec::new();
    };
    let ExprKind::Tuple(items) = &expr.unparenthesised().kind else {
        fields.mismatch(expr, "lose", "a list of losses", "[shared_risk.kt_line, \"zone:a\"]");
        return Vec::new();
    };
    let mut losses = Vec::new();
    for item in items {
        let name = match &item.kind {
            ExprKind::Traversal(t) if &*t.root.name == "shared_risk" => match t.steps.as_slice() {
                [s] => match &s.kind {
                    StepKind::Attr(n) => Some(format!("shared_risk:{n}")),
                    StepKind::Index(l) => l.0.as_str().map(|n| format!("shared_risk:{n}")),
                },
                _ => None,
            },
            _ => fields
                .evaluate(item)
                .and_then(|v| if let Kind::String(s) = v.kind() { Some(s.to_string()) } else { None }),
        };
        match name.as_deref().map(|n| spec.event(n)) {
            Some(Some(_)) => losses.extend(name),
            _ => fields.report(
                Diagnostic::error(
                    "Unknown loss",
                    "No location stands in such a domain, and no shared risk has that name.",
                )
                .at(&item.span)
                .help("Write LEVEL:DOMAIN, for example \"zone:a\", or shared_risk.NAME."),
            ),
        }
    }
    losses
}

impl Spec {
    /// The event a text names: `zone:a`, `shared_risk:kt_line`, or a risk by its kind, `building:dogok`. `None` when there is no such
    /// domain and no such risk.
    pub fn event(&self, text: &str) -> Option<crate::spread::model::Event> {
        use crate::spread::model::Event;
        let (level, name) = text.split_once(':')?;
        let topology = &self.topology;
        if let Some(index) = topology.levels.iter().position(|l| l == level)
            && topology.locations.iter().any(|l| l.domains.get(level).is_some_and(|d| d == name))
        {
            return Some(Event::Domain { level: index, name: name.to_string() });
        }
        let risk = topology.risks.iter().position(|r| r.name == name && (level == "shared_risk" || r.kind == level))?;
        Some(Event::Risk(risk))
    }
}
