//! `workload` blocks: spread, floor, survive, pace, ways in, templates.

use super::amounts;
use super::fields::{Evaluate, Fields};
use super::groups;
use super::locations::{label, risk_list, unique, whole_seconds};
use super::model::{FailoverMode, Spec, Watching, WorkloadSpec};
use super::promises;
use super::rollout;
use super::templates;
use crate::diag::Diagnostic;
use crate::lang::ast::Block;
use crate::lang::suggest::nearest;
use crate::spread::model::{
    Bound, Failback, Failover, Growth, LossOf, Method, Moving, OnShortage, Path, PathGroup, Place, Ratio, Scaling,
    Site, SpreadLevel, SurviveRule, Then, TimeSource, Timed, Workload,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use straddle_sdk::value::{Kind, Str};

/// Seconds until a loss is noticed, decided upon, and until a replica must be healthy, where the spec says nothing.
const DEFAULT_DETECT_S: u64 = 60;
const DEFAULT_DECIDE_S: u64 = 600;
/// Largest loss searched for cut sets (`spread.md` 4.8).
const DEFAULT_MAX_ORDER: u32 = 3;

/// Reads every workload of the module.
pub fn lower(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let mut seen = BTreeMap::new();
    let mut workloads = Vec::new();
    for block in blocks.iter().filter(|b| &*b.kind.name == "workload") {
        if let Some(name) = label(block, "web", problems)
            && unique(&mut seen, &name, block, problems)
        {
            workloads.extend(Reader { spec, evaluate, problems }.workload(&name, block));
        }
    }
    workloads.sort_by(|a: &WorkloadSpec, b| a.rules.name.cmp(&b.rules.name));
    spec.workloads = workloads;
}

/// Reads one workload.
struct Reader<'a> {
    spec: &'a mut Spec,
    evaluate: Evaluate<'a>,
    problems: &'a RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    fn fields(&self, block: &'a Block) -> Fields<'a> {
        Fields::of(block, self.evaluate, self.problems)
    }

    fn workload(&mut self, name: &Str, block: &'a Block) -> Option<WorkloadSpec> {
        let fields = self.fields(block);
        let site = self.spec.site(block.header.clone());
        let replicas = self.replicas(&fields);
        let replicas_site = self.spec.site(fields.span("replicas"));
        let demand = count32(&fields, "demand");
        let spread = self.spread_chain(&fields);
        let (floor_serving, floor_site) = self.floor(&fields, site);
        let survive = self.survive(&fields);
        let rollout = rollout::rollout(self.spec, &fields, site);
        let (failover, failover_mode, watching) = self.failover(&fields);
        let (failback, stable_for_s, hold_s) = self.failback(&fields);
        let scaling = self.scaling(&fields);
        let templates = templates::lower(self.spec, &fields, self.evaluate, self.problems);
        let (places, template_of, scale) = self.places(&fields, &templates, name);
        rollout::slow_boots(self.spec, &fields, &rollout, &places);
        let requires = self.path_groups(&fields, "requires", &places);
        let entry = self.path_groups(&fields, "entry", &places);
        let overflow = groups::overflow(self.spec, &fields, &places);
        let standby = groups::standby(self.spec, &fields, &places);
        promises::outage(self.spec, name, &fields);
        let owner = fields.owner();
        let priority = fields.value("priority").and_then(|(v, e)| {
            let n = v.as_num().and_then(|n| n.to_i64());
            if n.is_none() {
                fields.mismatch(e, "priority", "a whole number", "10");
            }
            n
        });
        let (alarm_below, max_order) = (count32(&fields, "alarm_below"), count32(&fields, "max_order"));
        // Everything that is wrong is told, also where the number of replicas is missing.
        fields.finish();
        let rules = Workload {
            name: name.to_string(),
            replicas: replicas?,
            replicas_site,
            demand,
            spread,
            floor_serving,
            floor_site,
            survive,
            accepted: Vec::new(),
            rollout,
            failover,
            failback,
            requires,
            entry,
            scaling,
            places,
            scale,
            priority: priority.unwrap_or(0),
            foreign: false,
            alarm_below: alarm_below.or(standby.as_ref().and_then(|s| s.1)),
            overflow,
            standby: standby.map(|s| s.0),
            max_order: max_order.unwrap_or(DEFAULT_MAX_ORDER),
            site,
        };
        let fingerprints = fingerprints(&rules);
        Some(WorkloadSpec {
            fingerprints,
            rules,
            templates: templates.into_iter().map(|t| t.template).collect(),
            template_of,
            failover_mode,
            stable_for_s,
            hold_s,
            watching,
            owner,
            span: block.header.clone(),
        })
    }

    fn replicas(&self, fields: &Fields<'_>) -> Option<u32> {
        let replicas = count32(fields, "replicas");
        if replicas.is_none() {
            fields.missing("replicas", "10");
        }
        let zero_allowed = fields.flag("allow_zero").unwrap_or(false);
        if replicas == Some(0) && !zero_allowed {
            fields.report(
                Diagnostic::error(
                    "No replicas",
                    "A workload of 0 replicas serves nobody, and every share of it is vacuous.",
                )
                .at(&fields.span("replicas"))
                .help("If it is meant, write allow_zero = true beside it."),
            );
        }
        replicas
    }

    /// `spread` blocks inside each other, outermost first.
    fn spread_chain(&mut self, workload: &Fields<'a>) -> Vec<SpreadLevel> {
        let mut chain: Vec<SpreadLevel> = Vec::new();
        let mut next = workload.block("spread");
        while let Some(block) = next {
            let fields = self.fields(block);
            next = fields.block("spread");
            if let Some(level) = self.spread_level(&fields, block, &chain) {
                chain.push(level);
            }
            fields.finish();
        }
        chain
    }

    fn spread_level(&mut self, fields: &Fields<'_>, block: &Block, above: &[SpreadLevel]) -> Option<SpreadLevel> {
        let level = label(block, "zone", self.problems)?;
        let levels = self.spec.topology.levels.clone();
        let Some(rank) = levels.iter().position(|l| **l == *level) else {
            let problem = Diagnostic::error(
                "Unknown level",
                format!("\"{level}\" is not one of the levels: {}.", levels.join(", ")),
            )
            .at(&block.header);
            fields.report(match nearest(&level, levels.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
                None => problem.help("Add it: straddle { levels = [...] }"),
            });
            return None;
        };
        let outer = above.last().and_then(|l| levels.iter().position(|x| *x == l.level));
        if outer.is_some_and(|o| rank <= o) {
            fields.report(
                Diagnostic::error(
                    "Spread levels out of order",
                    format!(
                        "\"{level}\" stands inside \"{}\", which is not outside of it.",
                        levels[outer.unwrap_or(0)]
                    ),
                )
                .at(&block.header)
                .help(format!("Nest them from the outside in: {}.", levels.join(", "))),
            );
        }
        let site = self.spec.site(block.header.clone());
        let over: Option<Vec<String>> = fields.strings("over").map(|l| l.iter().map(Str::to_string).collect());
        let ratio = self.ratio(fields, over.as_deref());
        self.known_domains(fields, &level, over.as_deref().unwrap_or_default(), "over");
        if let Ratio::Weights { parts, .. } = &ratio {
            let names: Vec<String> = parts.iter().map(|(n, _)| n.clone()).collect();
            self.known_domains(fields, &level, &names, "ratio");
        }
        let standby = self.standby(fields, &ratio);
        Some(SpreadLevel {
            level: level.to_string(),
            over,
            tolerance: bound(fields, "tolerance", "1").unwrap_or(Bound::Count(0)),
            max_skew: count32(fields, "max_skew"),
            min_domains: count32(fields, "min_domains"),
            max_domains: count32(fields, "max_domains"),
            min: count_map(fields, "min"),
            max: count_map(fields, "max"),
            prefer: fields.strings("prefer").unwrap_or_default().iter().map(Str::to_string).collect(),
            prefer_cheap: fields.word("tiebreak", &[("cost", true), ("hash", false)]).unwrap_or(false),
            moving: fields.word("move", &[("lazy", Moving::Lazy), ("exact", Moving::Exact)]).unwrap_or(Moving::Lazy),
            on_shortage: fields
                .word(
                    "on_shortage",
                    &[("strict", OnShortage::Strict), ("prefer", OnShortage::Prefer), ("any", OnShortage::Any)],
                )
                .unwrap_or(OnShortage::Prefer),
            method: fields
                .word("method", &[("webster", Method::Webster), ("largest_remainder", Method::LargestRemainder)])
                .unwrap_or(Method::Webster),
            standby,
            ratio,
            site,
        })
    }

    fn ratio(&self, fields: &Fields<'_>, over: Option<&[String]>) -> Ratio {
        let Some((value, expr)) = fields.value("ratio") else { return Ratio::Even };
        amounts::ratio(&value, over).unwrap_or_else(|problem| {
            fields.report(
                Diagnostic::error("Invalid ratio", format!("{}.", sentence(&problem.to_string())))
                    .at(&expr.span)
                    .help("For example: ratio = \"even\", or over = [\"a\", \"b\"] with ratio = \"50:50\", or ratio = { a = 70, b = 30 }"),
            );
            Ratio::Even
        })
    }

    /// Reports domains nobody declared: a typing error here would move every replica.
    fn known_domains(&self, fields: &Fields<'_>, level: &str, names: &[String], argument: &'static str) {
        let known: Vec<&str> =
            self.spec.topology.locations.iter().filter_map(|l| l.domains.get(level)).map(String::as_str).collect();
        for name in names.iter().filter(|n| !known.contains(&n.as_str())) {
            let problem = Diagnostic::error("Unknown domain", format!("No location is in {level} \"{name}\"."))
                .at(&fields.span(argument));
            fields.report(match nearest(name, known.iter().copied()) {
                Some(near) => problem.help(format!("Did you mean \"{near}\"?")),
                None => problem.help(format!(
                    "Declare a location with domains = {{ {level} = \"{name}\" }}, or leave it out here."
                )),
            });
        }
    }

    fn standby(&self, fields: &Fields<'_>, ratio: &Ratio) -> Vec<String> {
        let Some((value, expr)) = fields.value("standby") else { return Vec::new() };
        let zero: Vec<String> = match ratio {
            Ratio::Weights { parts, .. } => parts.iter().filter(|p| p.1 == 0).map(|p| p.0.clone()).collect(),
            Ratio::Even => Vec::new(),
        };
        match value.kind() {
            Kind::Bool(true) => zero,
            Kind::Bool(false) => Vec::new(),
            _ => {
                match value.items().map(|i| i.iter().map(|v| v.as_str().map(String::from)).collect::<Option<Vec<_>>>())
                {
                    Some(Some(names)) => names,
                    _ => {
                        fields.mismatch(expr, "standby", "true or a list of domains of weight 0", "[\"b\"]");
                        Vec::new()
                    }
                }
            }
        }
    }

    fn floor(&mut self, workload: &Fields<'a>, site: Site) -> (Bound, Site) {
        let everything = Bound::percent(100);
        let Some(block) = workload.block("floor") else { return (everything, site) };
        let fields = self.fields(block);
        let serving = bound(&fields, "serving", "\"100%\"").unwrap_or(everything);
        let site = self.spec.site(fields.span("serving"));
        fields.finish();
        (serving, site)
    }

    fn survive(&mut self, workload: &Fields<'a>) -> Vec<SurviveRule> {
        let mut rules: Vec<SurviveRule> = Vec::new();
        for block in workload.blocks("survive") {
            let Some(of) = label(block, "zone", self.problems) else { continue };
            let fields = self.fields(block);
            let losses = count32(&fields, "losses").unwrap_or(1);
            if losses == 0 {
                fields.report(
                    Diagnostic::error("No loss", "\"losses\" is how many are lost at once: at least 1.")
                        .at(&fields.span("losses"))
                        .help("Write losses = 1, or leave the rule out."),
                );
            }
            let floor = bound(&fields, "floor", "\"50%\"");
            if floor.is_none() {
                fields.missing("floor", "\"50%\"");
            }
            let site = self.spec.site(block.header.clone());
            let is_level = self.spec.topology.levels.iter().any(|l| **l == *of);
            let of = if is_level { LossOf::Level(of.to_string()) } else { LossOf::Kind(of.to_string()) };
            promises::assume(self.spec, &fields, of.name(), site);
            if let Some(twin) = rules.iter().find(|r| r.of == of && r.losses == losses) {
                let mut problem = Diagnostic::error(
                    "Duplicate rule",
                    format!("There is already a rule for {losses} lost at once of \"{}\".", of.name()),
                )
                .at(&block.header)
                .help("Merge the two, or give them different \"losses\".");
                problem.related.extend(self.spec.span(twin.site).map(|s| (s.clone(), "the first one".to_string())));
                fields.report(problem);
            } else {
                rules.push(SurviveRule {
                    id: String::new(),
                    of,
                    losses,
                    floor: floor.unwrap_or(Bound::Count(0)),
                    then: thens(&fields),
                    growth: fields
                        .word(
                            "growth",
                            &[("reserved", Growth::Reserved), ("warm", Growth::Warm), ("quota", Growth::Quota)],
                        )
                        .unwrap_or(Growth::Quota),
                    site,
                });
            }
            fields.finish();
        }
        name_rules(&mut rules);
        rules
    }

    fn failover(&mut self, workload: &Fields<'a>) -> (Failover, FailoverMode, Watching) {
        let default = |seconds| Timed { seconds, source: TimeSource::Default };
        let mut failover =
            Failover { detect: default(DEFAULT_DETECT_S), decide: default(DEFAULT_DECIDE_S), batch: None };
        let Some(block) = workload.block("failover") else {
            return (failover, FailoverMode::Runbook, Watching::default());
        };
        let fields = self.fields(block);
        let mode = fields.string("mode");
        let mode = match mode.as_deref() {
            Some("alarm") => FailoverMode::Alarm,
            Some("runbook") | None => FailoverMode::Runbook,
            Some("auto") => {
                fields.report(
                    Diagnostic::error(
                        "Automatic failover needs a watcher",
                        "mode = \"auto\" acts only while `straddle watch` runs, which this version does not have.",
                    )
                    .at(&fields.span("mode"))
                    .help("Write mode = \"runbook\": a person starts `straddle failover`."),
                );
                FailoverMode::Runbook
            }
            Some(_) => {
                if let Some(e) = fields.expr("mode") {
                    fields.mismatch(e, "mode", "\"alarm\" or \"runbook\"", "\"runbook\"");
                }
                FailoverMode::Runbook
            }
        };
        let declared = |d| Timed { seconds: whole_seconds(d), source: TimeSource::Declared };
        if let Some(d) = fields.duration("detect") {
            failover.detect = declared(d);
        }
        if let Some(d) = fields.duration("decide") {
            failover.decide = declared(d);
        }
        let confirm = count32(&fields, "confirm").map(|n| n.clamp(1, 60));
        failover.batch = match fields.value("batch") {
            Some((v, _)) if v.as_str() == Some("all") => None,
            Some((_, e)) => match count32(&fields, "batch").filter(|n| *n > 0) {
                Some(n) => Some(n),
                None => {
                    fields.mismatch(e, "batch", "\"all\" or a number of replicas, at least 1", "\"all\"");
                    None
                }
            },
            None => None,
        };
        let unknown_after_s = match fields.value("unknown_after") {
            Some((v, _)) if v.as_str() == Some("never") => None,
            Some(_) => fields.duration("unknown_after").map(whole_seconds),
            None => None,
        };
        let watching =
            Watching { max_simultaneous_down: count32(&fields, "max_simultaneous_down"), confirm, unknown_after_s };
        fields.finish();
        (failover, mode, watching)
    }

    fn failback(&mut self, workload: &Fields<'a>) -> (Failback, u64, u64) {
        const DEFAULT_STABLE_S: u64 = 1800;
        let hold = crate::spread::machine::DEFAULT_HOLD_S;
        let Some(block) = workload.block("failback") else { return (Failback { batch: None }, DEFAULT_STABLE_S, hold) };
        let fields = self.fields(block);
        fields.word("mode", &[("manual", ())]);
        let stable = fields.duration("stable_for").map_or(DEFAULT_STABLE_S, whole_seconds);
        let hold = fields.duration("hold").map_or(hold, whole_seconds);
        let batch = count32(&fields, "batch").filter(|n| *n > 0);
        fields.finish();
        (Failback { batch }, stable, hold)
    }

    fn scaling(&mut self, workload: &Fields<'a>) -> Option<Scaling> {
        let block = workload.block("scaling")?;
        let fields = self.fields(block);
        if fields.word("owner", &[("autoscaler", ())]).is_none() {
            fields.missing("owner", "\"autoscaler\"");
        }
        let (min, max) = (count32(&fields, "min"), count32(&fields, "max"));
        for (name, value) in [("min", min), ("max", max)] {
            if value.is_none() {
                fields.missing(name, "10");
            }
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            fields.report(
                Diagnostic::error("Minimum above maximum", format!("\"min\" is {min} and \"max\" is {max}."))
                    .at(&fields.span("min"))
                    .help(format!("Write min = {max} or less, or max = {min} or more.")),
            );
        }
        let slack = bound(&fields, "autoscale_slack", "1");
        let site = self.spec.site(block.header.clone());
        fields.finish();
        Some(Scaling { min: min?, max: max?, held: None, slack, site })
    }

    /// `requires` or `entry` blocks.
    fn path_groups(&mut self, workload: &Fields<'a>, kind: &'static str, places: &[Place]) -> Vec<PathGroup> {
        let mut seen = BTreeMap::new();
        let mut groups = Vec::new();
        for block in workload.blocks(kind) {
            let Some(name) = label(block, "dns", self.problems) else { continue };
            if !unique(&mut seen, &name, block, self.problems) {
                continue;
            }
            let fields = self.fields(block);
            let need = count32(&fields, "need").unwrap_or(1);
            let ttl = if kind == "entry" { fields.duration("ttl") } else { None };
            let mut paths = Vec::new();
            for path in fields.blocks("path") {
                let Some(name) = label(path, "route53", self.problems) else { continue };
                let inner = self.fields(path);
                let serves = if kind == "requires" { self.served_places(&inner, places) } else { None };
                paths.push(Path {
                    name: name.to_string(),
                    shares: risk_list(self.spec, &inner, "shares"),
                    control: risk_list(self.spec, &inner, "control"),
                    places: serves,
                });
                inner.finish();
            }
            if need as usize > paths.len() {
                fields.report(
                    Diagnostic::error(
                        "More paths needed than there are",
                        format!("{kind} \"{name}\" needs {need} of {} paths: it can never be met.", paths.len()),
                    )
                    .at(&block.header)
                    .help("Declare the paths: path \"name\" { shares = [...] }"),
                );
            }
            self.enough_paths(&fields, &name, need, &paths, places);
            let site = self.spec.site(block.header.clone());
            let ttl = ttl.map(|d| Timed { seconds: whole_seconds(d), source: TimeSource::Declared });
            groups.push(PathGroup { name: name.to_string(), need, ttl, paths, site });
            fields.finish();
        }
        groups
    }

    /// Refuses a location that some paths lead to, and fewer than are needed: nothing there could ever serve.
    fn enough_paths(&self, fields: &Fields<'_>, name: &str, need: u32, paths: &[Path], places: &[Place]) {
        let lead_to =
            |place: usize| paths.iter().filter(|p| p.places.as_ref().is_none_or(|l| l.contains(&place))).count();
        if (need as usize) > paths.len() {
            return;
        }
        for (i, place) in places.iter().enumerate() {
            let (here, location) = (lead_to(i), &self.spec.topology.locations[place.location].name);
            if (1..need as usize).contains(&here) {
                fields.report(
                    Diagnostic::error(
                        "Fewer paths lead to a location than it needs",
                        format!("\"{name}\" needs {need} paths, and {here} of them lead to location \"{location}\": it could never serve."),
                    )
                    .at(fields.header())
                    .help("Widen \"match\" of a path, declare another one, or lower \"need\"."),
                );
                return;
            }
        }
    }

    /// The places a `match` picks: a path of one region serves the replicas there only.
    fn served_places(&self, path: &Fields<'_>, places: &[Place]) -> Option<Vec<usize>> {
        let matches = path.string_map("match")?;
        let locations = &self.spec.topology.locations;
        Some((0..places.len()).filter(|p| templates::agrees(&matches, &locations[places[*p].location])).collect())
    }

    /// Every location a template of the workload matches.
    fn places(
        &mut self,
        fields: &Fields<'_>,
        templates: &[templates::Lowered],
        name: &str,
    ) -> (Vec<Place>, Vec<usize>, u32) {
        let scale = templates.iter().map(|t| t.units.1).fold(1, lcm);
        let mut places = Vec::new();
        let mut template_of = Vec::new();
        for (i, location) in self.spec.topology.locations.iter().enumerate() {
            let mut matching = templates
                .iter()
                .enumerate()
                .filter(|(_, t)| templates::agrees(&t.template.matches, location))
                .map(|(k, _)| k);
            let Some(first) = matching.next() else { continue };
            if let Some(second) = matching.next() {
                fields.report(
                    Diagnostic::error(
                        "Two templates for one location",
                        format!(
                            "Both \"{}\" and \"{}\" match location \"{}\".",
                            templates[first].template.name, templates[second].template.name, location.name
                        ),
                    )
                    .at(&templates[second].template.span)
                    .related(&templates[first].template.span, "the other one")
                    .help("Narrow one of them: match = { cloud = \"...\" }"),
                );
            }
            let template = &templates[first];
            places.push(Place {
                location: i,
                unit: template.units.0 * (scale / template.units.1),
                template: template.template.kind,
                ready_measured: template.template.ready.is_some(),
                declared: true,
                most: None,
            });
            template_of.push(first);
        }
        if templates.is_empty() {
            fields.report(
                Diagnostic::error(
                    "No template",
                    format!("Workload \"{name}\" does not say what a replica is made of."),
                )
                .at(fields.header())
                .help("Add: replica \"server\" { resource \"...\" \"...\" { ... } }"),
            );
        } else if places.is_empty() {
            fields.report(
                Diagnostic::error("No location", format!("No location matches a template of workload \"{name}\"."))
                    .at(fields.header())
                    .help("Declare a location, or widen \"match\" of the replica block."),
            );
        }
        (places, template_of, scale)
    }
}

fn lcm(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

/// A number of replicas.
pub(super) fn count32(fields: &Fields<'_>, name: &'static str) -> Option<u32> {
    let n = fields.count(name)?;
    match u32::try_from(n).ok().filter(|n| *n <= 10_000_000) {
        Some(n) => Some(n),
        None => {
            fields.report(
                Diagnostic::error("Number too large", format!("\"{name}\" is {n}; the most is 10,000,000."))
                    .at(&fields.span(name))
                    .help("Divide it over several workloads."),
            );
            None
        }
    }
}

pub(super) fn bound(fields: &Fields<'_>, name: &'static str, example: &str) -> Option<Bound> {
    let (value, expr) = fields.value(name)?;
    match amounts::bound(&value) {
        Some(b) => Some(b),
        None => {
            fields.mismatch(expr, name, "a number of replicas or a percentage in quotes", example);
            None
        }
    }
}

fn count_map(fields: &Fields<'_>, name: &'static str) -> BTreeMap<String, u32> {
    let Some((value, expr)) = fields.value(name) else { return BTreeMap::new() };
    let single = super::fields::whole(&value).and_then(|n| u32::try_from(n).ok());
    if let Some(n) = single {
        return BTreeMap::from([("*".to_string(), n)]);
    }
    let map: Option<BTreeMap<String, u32>> = value.entries().and_then(|entries| {
        entries
            .iter()
            .map(|(k, v)| Some((k.to_string(), super::fields::whole(v).and_then(|n| u32::try_from(n).ok())?)))
            .collect()
    });
    map.unwrap_or_else(|| {
        fields.mismatch(
            expr,
            name,
            "a number for every domain, or a map of domains to numbers",
            "{ a = 2, \"*\" = 1 }",
        );
        BTreeMap::new()
    })
}

/// `then = { "100%" = "15m" }`, soonest first.
fn thens(fields: &Fields<'_>) -> Vec<Then> {
    let Some((value, expr)) = fields.value("then") else { return Vec::new() };
    let parsed: Option<Vec<Then>> = value.entries().and_then(|entries| {
        entries
            .iter()
            .map(|(k, v)| {
                let floor = amounts::bound(&straddle_sdk::value::Value::string(k.clone()))?;
                let within_s = whole_seconds(super::fields::parse_duration(v.as_str()?)?);
                Some(Then { floor, within_s })
            })
            .collect()
    });
    let mut list = parsed.unwrap_or_else(|| {
        fields.mismatch(expr, "then", "a map of how much to within what time", "{ \"100%\" = \"15m\" }");
        Vec::new()
    });
    list.sort_by_key(|t| t.within_s);
    list
}

/// `survive.zone`, or `survive.zone.2` where several rules stand for one level.
fn name_rules(rules: &mut [SurviveRule]) {
    let several: Vec<bool> = rules.iter().map(|r| rules.iter().filter(|o| o.of == r.of).count() > 1).collect();
    for (rule, several) in rules.iter_mut().zip(several) {
        rule.id = format!("survive.{}", rule.of.name());
        if several {
            rule.id.push_str(&format!(".{}", rule.losses));
        }
    }
}

/// What each rule promises, in a form two versions of a spec can be compared by.
fn fingerprints(rules: &Workload) -> BTreeMap<String, String> {
    let amount = |b: Bound| match b {
        Bound::Count(n) => n.to_string(),
        Bound::Percent(p) if p % 1_000_000 == 0 => format!("{}%", p / 1_000_000),
        Bound::Percent(p) => format!("{}.{:06}%", p / 1_000_000, p % 1_000_000),
    };
    let mut prints = BTreeMap::from([("floor.serving".to_string(), amount(rules.floor_serving))]);
    prints.extend(rules.alarm_below.map(|below| ("margin.alarm_below".to_string(), below.to_string())));
    for rule in &rules.survive {
        let lost = if rule.losses == 1 { String::new() } else { format!("{} lost: ", rule.losses) };
        let mut text = format!("{lost}{} of {}", amount(rule.floor), rules.replicas);
        for then in &rule.then {
            text.push_str(&format!(", {} in {}s", amount(then.floor), then.within_s));
        }
        prints.insert(rule.id.clone(), text);
    }
    for group in &rules.requires {
        prints.insert(format!("requires.{}", group.name), format!("{} of {}", group.need, group.paths.len()));
    }
    for group in &rules.entry {
        prints.insert(format!("entry.{}", group.name), format!("{} of {}", group.need, group.paths.len()));
    }
    prints
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
