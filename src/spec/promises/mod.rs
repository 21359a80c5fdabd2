//! Promises beside spread and survival: `distance`, `backup`, `limit`, `owner`, and what locations and shared risks say for them.

mod backup;
mod change;
mod distance;
mod limit;
mod stand_in;

use super::fields::{Evaluate, Fields, day_number, whole};
use super::locations::{label, unique, whole_seconds};
use super::model::Spec;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::Block;
use crate::lang::suggest::nearest;
use crate::promise::model::{Class, ClassTerms, Evidence, Outage, Owner, ReadyTerm, SiteFacts};
use crate::promise::share_the_unknown;
use crate::spread::model::Site;
use std::cell::RefCell;
use std::collections::BTreeMap;
use straddle_sdk::value::{Str, Value};

/// What counts as evidence, weakest first.
const EVIDENCE: &[&str] =
    &["declared", "geo_ip", "billing_address", "traceroute", "asn_path", "vendor_letter", "site_survey"];

/// Reads every block that promises something, once locations, risks and workloads are known.
pub fn lower(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let of = |kind: &'static str| blocks.iter().filter(move |b| &*b.kind.name == kind);
    owners(spec, of("owner"), evaluate, problems);
    let read = Reader { evaluate, problems };
    let mut seen = BTreeMap::new();
    for (name, fields) in of("distance").filter_map(|b| read.block(b, "capital", &mut seen)) {
        distance::lower(spec, &name, &fields);
        fields.finish();
    }
    let mut seen = BTreeMap::new();
    for (name, fields) in of("backup").filter_map(|b| read.block(b, "orders", &mut seen)) {
        backup::lower(spec, &name, &fields, &read);
        fields.finish();
    }
    let mut seen = BTreeMap::new();
    for (name, fields) in of("limit").filter_map(|b| read.block(b, "licences", &mut seen)) {
        limit::lower(spec, &name, &fields);
        fields.finish();
    }
    let mut seen = BTreeMap::new();
    for (name, fields) in of("change").filter_map(|b| read.block(b, "production", &mut seen)) {
        change::lower(spec, &name, &fields, &read);
        fields.finish();
    }
    let mut seen = BTreeMap::new();
    for (name, fields) in of("stand_in").filter_map(|b| read.block(b, "staging", &mut seen)) {
        stand_in::lower(spec, &name, &fields, &read);
        fields.finish();
    }
    spec.promises.changes.sort_by(|a, b| a.name.cmp(&b.name));
    spec.promises.stand_ins.sort_by(|a, b| a.name.cmp(&b.name));
    spec.promises.distances.sort_by(|a, b| a.name.cmp(&b.name));
    spec.promises.backups.sort_by(|a, b| a.name.cmp(&b.name));
    spec.promises.limits.sort_by(|a, b| a.name.cmp(&b.name));
    known_owners(spec, blocks, problems);
    unknown(spec);
    fingerprints(spec);
}

/// Reads blocks of one kind.
struct Reader<'a> {
    evaluate: Evaluate<'a>,
    problems: &'a RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    fn block(&self, block: &'a Block, example: &str, seen: &mut BTreeMap<Str, Span>) -> Option<(Str, Fields<'a>)> {
        let name = label(block, example, self.problems)?;
        unique(seen, &name, block, self.problems).then(|| (name, Fields::of(block, self.evaluate, self.problems)))
    }

    /// A labelled block inside another.
    fn inside(
        &self,
        outer: &Fields<'a>,
        block: &'a Block,
        seen: &mut BTreeMap<Str, Span>,
    ) -> Option<(Str, Fields<'a>)> {
        let name = label(block, "far", self.problems)?;
        unique(seen, &name, block, self.problems).then(|| (name, outer.inside(block)))
    }
}

/// `straddle { assume, evidence_max_age, classes }`.
pub fn of_straddle(spec: &mut Spec, fields: &Fields<'_>) {
    spec.promises.evidence_max_age_days = fields.duration("evidence_max_age").map(days);
    let site = spec.site(fields.span("assume"));
    assume(spec, fields, "*", site);
    for class in Class::ALL {
        spec.promises.classes.insert(class, ClassTerms::of(class));
    }
    let Some((value, expr)) = fields.value("classes") else { return };
    const EXAMPLE: &str = "{ hot = { rto = \"2h\", rpo = \"30s\", ready = 2, rehearse_every = \"90d\" } }";
    let wrong = || fields.mismatch(expr, "classes", "a map of classes to what they promise", EXAMPLE);
    let Some(entries) = value.entries() else { return wrong() };
    for (name, terms) in entries {
        let class = Class::ALL.into_iter().find(|c| c.name() == &**name);
        match (class, class.and_then(|c| class_terms(ClassTerms::of(c), terms))) {
            (Some(class), Some(terms)) => drop(spec.promises.classes.insert(class, terms)),
            _ => return wrong(),
        }
    }
}

fn class_terms(mut terms: ClassTerms, value: &Value) -> Option<ClassTerms> {
    for (name, value) in value.entries()? {
        let duration = || super::fields::parse_duration(value.as_str()?);
        match &**name {
            "rto" => terms.rto_s = whole_seconds(duration()?),
            "rpo" => terms.rpo_s = whole_seconds(duration()?),
            "rehearse_every" => terms.rehearse_every_days = Some(days(duration()?)),
            "ready" if value.as_str() == Some("floor") => terms.ready = ReadyTerm::Floor,
            "ready" => terms.ready = ReadyTerm::Count(u32::try_from(whole(value)?).ok()?),
            _ => return None,
        }
    }
    Some(terms)
}

/// `assume = "shared" | "independent"` for a kind of risk.
pub fn assume(spec: &mut Spec, fields: &Fields<'_>, kind: &str, site: Site) {
    let shared = fields.word("assume", &[("independent", false), ("shared", true)]);
    if let Some(shared) = shared {
        // The cautious word wins where two rules of a kind differ.
        let before = spec.assume.get(kind).is_some_and(|(s, _)| *s);
        spec.assume.insert(kind.to_string(), (shared || before, site));
    }
}

/// `evidence = { kind, date }` of a shared risk.
pub fn evidence(spec: &mut Spec, risk: &str, fields: &Fields<'_>) {
    let Some((value, expr)) = fields.value("evidence") else { return };
    const EXAMPLE: &str = "{ kind = \"vendor_letter\", date = \"2026-05-01\" }";
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
    let (kind, date) = (text("kind"), text("date"));
    let fits = value.entries().is_some_and(|e| e.iter().all(|(n, _)| matches!(&**n, "kind" | "date" | "by")));
    let Some(kind) = kind.filter(|_| fits) else {
        return fields.mismatch(expr, "evidence", "an object with kind and date", EXAMPLE);
    };
    if !EVIDENCE.contains(&kind.as_str()) {
        let problem = Diagnostic::error("Unknown kind of evidence", format!("\"{kind}\" is no kind of evidence."))
            .at(&fields.span("evidence"));
        return fields.report(match nearest(&kind, EVIDENCE.iter().copied()) {
            Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
            None => problem.help(format!("It is one of: {}.", EVIDENCE.join(", "))),
        });
    }
    let day = date.as_deref().map(day_number);
    if day == Some(None) {
        return fields.report(
            Diagnostic::error("Not a date", "\"date\" of evidence is a day: year, month and day.")
                .at(&fields.span("evidence"))
                .help(format!("For example: evidence = {EXAMPLE}")),
        );
    }
    let site = spec.site(fields.span("evidence"));
    spec.promises.evidence.insert(risk.to_string(), Evidence { kind, day: day.flatten(), site });
}

/// What a location says of itself.
pub fn site(
    spec: &mut Spec,
    name: &str,
    fields: &Fields<'_>,
    (class, coordinates, owner, site): (Option<Class>, &Value, Option<&Str>, Site),
) {
    let degrees = |i: usize| coordinates.items().and_then(|c| c.get(i)).and_then(|n| n.as_num()).map(|n| n.to_f64());
    let facts = SiteFacts {
        index: None,
        class,
        coordinates: degrees(0).zip(degrees(1)),
        min_ready: super::workload::count32(fields, "min_ready"),
        lag_s: fields.duration("lag").map(whole_seconds),
        rehearsed: fields.day("rehearsed"),
        owner: owner.map(Str::to_string),
        site,
    };
    spec.promises.sites.insert(name.to_string(), facts);
}

/// `cost { outage_per_hour = 50000, currency = "USD" }` of a workload.
pub fn outage(spec: &mut Spec, workload: &str, fields: &Fields<'_>) {
    let Some(block) = fields.block("cost") else { return };
    let inner = fields.inside(block);
    let per_hour = inner.decimal("outage_per_hour").filter(|p| *p < 1e12);
    let currency = inner.string("currency");
    if inner.expr("outage_per_hour").is_none() {
        inner.missing("outage_per_hour", "5000");
    }
    if currency.is_none() {
        inner.missing("currency", "\"USD\"");
    }
    inner.finish();
    if let (Some(per_hour), Some(currency)) = (per_hour, currency) {
        let outage = Outage { micros_per_hour: (per_hour * 1e6).round() as u64, currency: currency.to_string() };
        spec.promises.outages.insert(workload.to_string(), outage);
    }
}

fn owners<'b>(
    spec: &mut Spec,
    blocks: impl Iterator<Item = &'b Block>,
    evaluate: Evaluate<'_>,
    problems: &RefCell<Vec<Diagnostic>>,
) {
    let mut seen = BTreeMap::new();
    for block in blocks {
        let Some(name) = label(block, "sre", problems) else { continue };
        if !unique(&mut seen, &name, block, problems) {
            continue;
        }
        let fields = Fields::of(block, evaluate, problems);
        let text = |name: &'static str| fields.string(name).map(|s| s.to_string());
        let owner = Owner { contact: text("contact"), escalate: text("escalate") };
        if owner.contact.is_none() {
            fields.missing("contact", "\"sre@example.kr\"");
        }
        fields.finish();
        spec.promises.owners.insert(name.to_string(), owner);
    }
}

/// Where owners are declared, an owner nobody declared is a typing error that leaves nobody to call.
fn known_owners(spec: &Spec, blocks: &[Block], problems: &RefCell<Vec<Diagnostic>>) {
    use crate::lang::ast::{ExprKind, StepKind};
    for block in blocks.iter().filter(|b| &*b.kind.name != "owner") {
        let Some(attribute) = block.body.attribute("owner") else { continue };
        let (name, by_reference) = match &attribute.expr.unparenthesised().kind {
            ExprKind::Traversal(t) if &*t.root.name == "owner" => match t.steps.as_slice() {
                [step] => match &step.kind {
                    StepKind::Attr(s) => (s.to_string(), true),
                    StepKind::Index(literal) => (literal.0.as_str().unwrap_or_default().to_string(), true),
                },
                _ => continue,
            },
            ExprKind::Literal(literal) => (literal.0.as_str().unwrap_or_default().to_string(), false),
            _ => continue,
        };
        let owners = &spec.promises.owners;
        if owners.contains_key(&name) || (owners.is_empty() && !by_reference) {
            continue;
        }
        let problem = Diagnostic::error("Unknown owner", format!("There is no owner block named \"{name}\"."))
            .at(&attribute.span);
        problems.borrow_mut().push(match nearest(&name, owners.keys().map(String::as_str)) {
            Some(near) => problem.help(format!("Did you mean owner.{near}?")),
            None => problem.help(format!("Declare it: owner \"{name}\" {{ contact = \"...\" }}")),
        });
    }
}

/// Pairs of which nobody knows whether they share what a rule names.
fn unknown(spec: &mut Spec) {
    let assumed = spec.assume.clone();
    let mut topology = std::mem::take(&mut spec.topology);
    let rules: Vec<&crate::spread::model::Workload> = spec.workloads.iter().map(|w| &w.rules).collect();
    let first = |kind: &str| {
        let mut all = rules.iter().flat_map(|w| &w.survive);
        all.find(|r| r.of.name() == kind).map_or(Site::default(), |r| r.site)
    };
    let kinds = |kind: &str| {
        let said = assumed.get(kind).or_else(|| assumed.get("*"));
        Some(said.map_or((false, first(kind)), |(shared, site)| (*shared, *site)))
    };
    let unknown = share_the_unknown(&mut topology, &rules, &kinds);
    spec.topology = topology;
    spec.promises.unknown = unknown;
}

/// What each promise says, among the rules of every workload it concerns: taking one out is told.
fn fingerprints(spec: &mut Spec) {
    let promises = &spec.promises;
    let mut prints: Vec<(Vec<String>, String, String)> = Vec::new();
    for rule in &promises.distances {
        let sites = rule.groups.concat();
        prints.push((sites, format!("distance.{}", rule.name), format!("{} km", rule.min_km)));
    }
    for backup in &promises.backups {
        let says = backup.rpo_s.map_or("no bound".to_string(), |s| format!("{s}s"));
        prints.push((backup.source.clone(), format!("backup.{}.rpo", backup.name), says));
    }
    for cap in &promises.limits {
        let sites =
            if cap.locations.is_empty() { promises.sites.keys().cloned().collect() } else { cap.locations.clone() };
        prints.push((sites, format!("limit.{}", cap.name), cap.max.to_string()));
    }
    for (name, facts) in &promises.sites {
        if let Some(class) = facts.class {
            prints.push((vec![name.clone()], format!("class.{name}"), class.name().to_string()));
        }
        if let Some(least) = facts.min_ready {
            prints.push((vec![name.clone()], format!("min_ready.{name}"), least.to_string()));
        }
    }
    let locations = &spec.topology.locations;
    let everywhere: Vec<String> = promises.sites.keys().cloned().collect();
    for rule in &promises.changes {
        let says = format!("weaken {}, remove {}, {} windows", rule.weaken, rule.remove, rule.windows.len());
        prints.push((everywhere.clone(), format!("change.{}", rule.name), says));
    }
    for (risk, evidence) in &promises.evidence {
        let index = spec.topology.risks.iter().position(|r| r.name == *risk);
        let shares = |l: &&crate::spread::model::Location| index.is_some_and(|i| l.shares.contains(&i));
        let sites = locations.iter().filter(shares).map(|l| l.name.clone()).collect();
        prints.push((sites, format!("evidence.{risk}"), evidence.kind.clone()));
    }
    for workload in &mut spec.workloads {
        let places: Vec<&str> = workload.rules.places.iter().map(|p| locations[p.location].name.as_str()).collect();
        for (sites, id, says) in &prints {
            if sites.iter().any(|s| places.contains(&s.as_str())) {
                workload.fingerprints.insert(id.clone(), says.clone());
            }
        }
    }
}

/// Whole days, rounded down: an age is counted in days.
fn days(d: std::time::Duration) -> u64 {
    d.as_secs() / 86_400
}

/// The names of locations that an argument names: `location.a`, `"a"`, or all of a domain, `"cloud:aws"`; one group each.
pub fn groups(spec: &Spec, fields: &Fields<'_>, name: &'static str) -> Option<Vec<Vec<String>>> {
    let locations = &spec.topology.locations;
    let mut groups = Vec::new();
    for (text, span) in fields.names(name, "location")? {
        if locations.iter().any(|l| *l.name == *text) {
            groups.push(vec![text.to_string()]);
            continue;
        }
        if let Some((level, domain)) = text.split_once(':') {
            let of: Vec<String> = locations
                .iter()
                .filter(|l| l.domains.get(level).is_some_and(|d| d == domain))
                .map(|l| l.name.clone())
                .collect();
            if !of.is_empty() {
                groups.push(of);
                continue;
            }
        }
        let problem =
            Diagnostic::error("Unknown location", format!("There is no location named \"{text}\".")).at(&span);
        fields.report(match nearest(&text, locations.iter().map(|l| l.name.as_str())) {
            Some(near) => problem.help(format!("Did you mean location.{near}?")),
            None => problem.help("Name a location block, or all locations of a domain: \"cloud:aws\"."),
        });
    }
    Some(groups)
}

/// The workloads that an argument names.
fn workloads(spec: &Spec, fields: &Fields<'_>, name: &'static str) -> Vec<String> {
    let mut list = Vec::new();
    for (text, span) in fields.names(name, "workload").unwrap_or_default() {
        if spec.workload(&text).is_some() {
            list.push(text.to_string());
            continue;
        }
        let problem =
            Diagnostic::error("Unknown workload", format!("There is no workload named \"{text}\".")).at(&span);
        fields.report(match nearest(&text, spec.workloads.iter().map(|w| w.rules.name.as_str())) {
            Some(near) => problem.help(format!("Did you mean workload.{near}?")),
            None => problem.help("Name a workload block of this spec, or leave the argument out: it then means all."),
        });
    }
    list
}
