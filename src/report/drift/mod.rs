//! Spec, state and reality held against each other, the three kept apart.

mod base;
mod github;
mod gitlab;
pub mod items;
mod junit;
pub mod known;
mod markdown;
mod sarif;

pub use base::{Base, BrokenAfter, Cause, Grade, RuleChange, broken_after, rule_changes};
pub use github::commands as github_commands;
pub use gitlab::{code_quality, counts as gitlab_counts};
pub use junit::junit;
pub use known::{Known, Severity};
pub use markdown::markdown;
pub use sarif::sarif;

use crate::diag::{Diagnostic, Sources, Span};
use crate::plan::course::{Course, Courses};
use crate::plan::evidence::Finding;
use crate::plan::model::{Change, Plan, WorkloadPlan};
use crate::promise::model::{Survival, Weight};
use crate::report::diff::{Sign, union};
use crate::report::json::Json;
use crate::report::plan::straddle;
use crate::report::promises::{self, Moment};
use crate::report::runbook::{Standing, standings};
use crate::report::style::{Ink, Style, clean, wrap};
use crate::report::table::rows;
use crate::report::words::{Names, count, interval, sum, verdict_key};
use crate::spread::decision::{RuleReport, Verdict};
use crate::spread::evidence::State;
use crate::spread::model::{Health, Location, Topology};
use crate::tongue::{Words, say};
use std::collections::BTreeMap;
use straddle_sdk::value::{Path, Step, Str, Value, same};

/// What was found by a drift check.
#[derive(Clone, Debug)]
pub struct Drift<'a> {
    /// Locations as observed.
    pub topology: &'a Topology,
    /// The texts that spans point into.
    pub sources: &'a Sources,
    /// Sorted by address.
    pub resources: Vec<Resource>,
    /// What each workload is worth now.
    pub workloads: &'a [(Str, WorkloadPlan)],
    /// Every object that was looked at, sorted by address.
    pub changes: &'a [Change],
    /// What is known of locations that probes look at.
    pub evidence: &'a [Finding],
    /// Where each location stands in its course through a loss.
    pub courses: &'a Courses,
    /// Runbooks that should be there, and how they stand.
    pub runbooks: Vec<Standing>,
    /// Where the rules of the workloads stand in the texts: spans by `Site`. Empty where nobody needs them.
    pub sites: &'a [Span],
    /// What is promised beside the rules of the workloads.
    pub survival: &'a Survival,
    /// What the spec itself gives cause for: a state inside a loss.
    pub findings: Vec<Diagnostic>,
    /// What was so with the code that this is to be merged into.
    pub base: Option<Base>,
}

/// One object that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its address; of an unmanaged object what the provider knows it by.
    pub address: String,
    /// How it differs.
    pub kind: Kind,
    /// Where, for a changed one. Sorted.
    pub paths: Vec<Differing>,
    /// What a provider said, for an unreadable one; else empty.
    pub words: String,
    /// Its block in the spec.
    pub span: Option<Span>,
    /// Which two of the three differ.
    pub between: Between,
    /// How grave it is.
    pub severity: Severity,
    /// Where it comes from; `None` without a base.
    pub cause: Option<Cause>,
}

/// Which two sides differ: code and reality differ where either of these does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Between {
    /// What the code asks for and what the state has: what an apply would do.
    CodeState,
    /// What the state has and what is real: drift.
    StateLive,
}

impl Between {
    /// The word of the machine formats.
    pub fn key(self) -> &'static str {
        match self {
            Between::CodeState => "code_state",
            Between::StateLive => "state_live",
        }
    }
}

impl Resource {
    /// A difference of which nothing else is known yet.
    pub fn new(address: impl Into<String>, kind: Kind, between: Between) -> Resource {
        let mut new = Resource {
            address: address.into(),
            kind,
            paths: Vec::new(),
            words: String::new(),
            span: None,
            between,
            severity: Severity::Low,
            cause: None,
        };
        new.severity = known::severity_of(&new);
        new
    }
}

/// How an object differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// In the state, not in reality.
    Missing,
    /// Other than in the state.
    Changed,
    /// In reality with straddle's mark, in no state.
    Unmanaged,
    /// Nobody could read it: an error, never "no drift".
    Unreadable,
    /// Differs where the spec says not to look.
    Ignored,
}

impl Kind {
    /// The word of the machine formats.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Missing => "missing",
            Kind::Changed => "changed",
            Kind::Unmanaged => "unmanaged",
            Kind::Unreadable => "unreadable",
            Kind::Ignored => "ignored",
        }
    }
}

/// One place that differs, on all three sides; `None` where a side has nothing there. Sensitive values are never among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Differing {
    /// `tags["Name"]`.
    pub path: String,
    /// As JSON.
    pub state: Option<String>,
    /// As JSON.
    pub live: Option<String>,
    /// As JSON.
    pub spec: Option<String>,
}

impl<'a> Drift<'a> {
    /// What a plan observed on its way: what is missing, what changed, what could not be read. Unmanaged and ignored objects are
    /// the caller's to add.
    pub fn of_plan(plan: &'a Plan) -> Drift<'a> {
        let changes: BTreeMap<String, usize> =
            plan.changes.iter().enumerate().map(|(i, c)| (c.address.to_string(), i)).collect();
        let mut resources = Vec::new();
        for drift in &plan.drift {
            let address = drift.address.to_string();
            let change = changes.get(&address).map(|i| &plan.changes[*i]);
            let missing = drift.live.is_null();
            let spec = change.map(|c| &c.after).filter(|v| !v.is_null());
            let kind = if missing { Kind::Missing } else { Kind::Changed };
            resources.push(Resource {
                paths: if missing { Vec::new() } else { differing(&drift.state, &drift.live, spec) },
                span: change.and_then(|c| c.site.clone()),
                ..Resource::new(address, kind, Between::StateLive)
            });
        }
        for one in &plan.unreadable {
            let address = one.address.to_string();
            resources.push(Resource {
                words: format!("{}: {}", one.problem.summary, one.problem.detail),
                span: changes.get(&address).and_then(|i| plan.changes[*i].site.clone()),
                ..Resource::new(address, Kind::Unreadable, Between::StateLive)
            });
        }
        resources.sort_by(|a, b| crate::lang::address::natural(&a.address, &b.address).then(a.kind.cmp(&b.kind)));
        Drift {
            topology: &plan.topology,
            sources: &plan.sources,
            resources,
            workloads: &plan.workloads,
            changes: &plan.changes,
            evidence: &plan.evidence,
            courses: &plan.courses,
            runbooks: Vec::new(),
            sites: &[],
            survival: &plan.survival,
            findings: Vec::new(),
            base: None,
        }
    }

    /// Holds the check against one with the base's code.
    pub fn against(&mut self, base: Base) {
        for resource in &mut self.resources {
            resource.cause = Some(base.cause(resource));
        }
        self.base = Some(base);
    }

    /// Whether a rule that is broken now came with the change. Without a base everything counts as new.
    pub fn is_new_breach(&self, subject: &str) -> bool {
        self.base.as_ref().is_none_or(|base| !base.broken.0.contains(subject))
    }

    /// Objects of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.resources.iter().filter(|r| r.kind == kind).count()
    }

    /// Rules that are false now.
    pub fn breaches(&self) -> usize {
        let rules = self.workloads.iter().flat_map(|(_, w)| &w.decision.rules);
        let broken = rules.filter(|r| r.before.verdict == Verdict::Fail).count();
        broken + self.survival.failed_now(Weight::Rule).count()
    }

    /// Promises that what is built does not keep, short of a rule.
    pub fn unkept(&self) -> usize {
        self.survival.failed_now(Weight::Drift).count()
    }

    /// Nothing differs, nothing is broken, everything could be read.
    pub fn is_clean(&self) -> bool {
        self.resources.iter().all(|r| r.kind == Kind::Ignored)
            && self.breaches() == 0
            && self.unkept() == 0
            && self.runbooks.iter().all(Standing::is_well)
    }
}

/// The innermost places where state and reality differ. Sensitive ones are named with no values.
pub fn differing(state: &Value, live: &Value, spec: Option<&Value>) -> Vec<Differing> {
    let mut found = Vec::new();
    collect(Some(state), Some(live), spec, &mut Path::default(), &mut found);
    found
}

fn collect(
    state: Option<&Value>,
    live: Option<&Value>,
    spec: Option<&Value>,
    path: &mut Path,
    found: &mut Vec<Differing>,
) {
    if let (Some(Sign::Same) | None, _) = (Sign::of(state, live), ()) {
        return;
    }
    let hidden = [state, live, spec].into_iter().flatten().any(|v| v.marks().is_sensitive());
    if let (Some(a), Some(b), false) = (state.and_then(Value::entries), live.and_then(Value::entries), hidden) {
        for (name, a, b) in union(a, b) {
            path.0.push(if path.0.is_empty() { Step::Attr(name.clone()) } else { Step::Key(name.clone()) });
            collect(a, b, spec.and_then(|s| s.get(name)), path, found);
            path.0.pop();
        }
        return;
    }
    if let (Some(a), Some(b), false) = (list(state), list(live), hidden)
        && a.len() == b.len()
    {
        for (i, (a, b)) in a.iter().zip(b).enumerate().filter(|(_, (a, b))| !same(a, b)) {
            path.0.push(Step::Index(i as u64));
            collect(Some(a), Some(b), list(spec).and_then(|s| s.get(i)), path, found);
            path.0.pop();
        }
        return;
    }
    let side = |v: Option<&Value>| v.filter(|_| !hidden).and_then(straddle_sdk::value::codec::show::known_part);
    found.push(Differing { path: path.to_string(), state: side(state), live: side(live), spec: side(spec) });
}

/// Elements that have a place; those of a set have none.
fn list(value: Option<&Value>) -> Option<&[Value]> {
    value.filter(|v| !matches!(v.kind(), straddle_sdk::value::Kind::Set(_))).and_then(Value::items)
}

/// The check for programs.
pub fn json(drift: &Drift<'_>) -> String {
    let mut json = Json::new();
    json.object(|j| {
        j.key("format_version").text("1.0");
        j.key("clean").plain(drift.is_clean());
        j.key("summary").object(|j| {
            for kind in [Kind::Changed, Kind::Missing, Kind::Unmanaged, Kind::Unreadable] {
                j.key(kind.key()).plain(drift.count(kind));
            }
            j.key("breaches").plain(drift.breaches());
            j.key("unkept").plain(drift.unkept());
        });
        j.key("resources").array(&drift.resources, |j, resource| write(resource, drift.sources, j));
        j.key("workloads").object(|j| {
            for (name, workload) in drift.workloads {
                workload_now(workload, drift.topology, j.key(name));
            }
        });
        promises::json(drift.survival, &[Moment::Now], j.key("promises"));
        if !drift.evidence.is_empty() {
            crate::report::evidence::findings_json(drift.evidence, drift.courses, j.key("evidence"));
        }
        if !drift.courses.is_empty() {
            crate::report::evidence::courses_json(drift.courses, j.key("locations"));
        }
        if !drift.runbooks.is_empty() {
            standings(&drift.runbooks, j.key("runbooks"));
        }
        if !drift.findings.is_empty() {
            j.key("findings").array(&drift.findings, |j, finding| {
                j.object(|j| {
                    j.key("summary").text(&finding.summary);
                    j.key("detail").text(&finding.detail);
                });
            });
        }
        if let Some(base) = &drift.base {
            against(base, &broken_after(drift), j.key("base"));
        }
    });
    json.finish()
}

fn against(base: &Base, after: &[BrokenAfter], j: &mut Json) {
    j.object(|j| {
        j.key("ref").text(&base.reference);
        j.key("commit").text(&base.commit);
        j.key("failed").plain(base.failed);
        j.key("rules").array(&base.rules, |j, rule| {
            j.object(|j| {
                j.key("workload").text(&rule.workload);
                j.key("id").text(&rule.id);
                for (key, text) in [("was", &rule.was), ("is", &rule.is)] {
                    match text {
                        Some(text) => j.key(key).text(text),
                        None => j.key(key).raw("null"),
                    };
                }
                j.key("grade").text(rule.grade.key());
                j.key("approved").plain(rule.approved);
            });
        });
        j.key("broken_after").array(after, |j, broken| {
            j.object(|j| {
                j.key("workload").text(&broken.workload);
                j.key("id").text(&broken.id);
                j.key("cause").text(broken.cause.unwrap_or(Cause::Change).key());
                j.key("text").text(&broken.text);
            });
        });
    });
}

fn write(resource: &Resource, sources: &Sources, j: &mut Json) {
    j.object(|j| {
        j.key("address").text(&resource.address);
        j.key("kind").text(resource.kind.key());
        j.key("paths").array(&resource.paths, |j, path| {
            j.object(|j| {
                j.key("path").text(&path.path);
                for (key, side) in [("state", &path.state), ("live", &path.live), ("spec", &path.spec)] {
                    j.key(key).raw(side.as_deref().unwrap_or("null"));
                }
            });
        });
        if !resource.words.is_empty() {
            j.key("words").text(&resource.words);
        }
        j.key("between").text(resource.between.key());
        j.key("severity").text(resource.severity.key());
        if let Some(cause) = resource.cause {
            j.key("cause").text(cause.key());
        }
        let place = resource.span.as_ref().and_then(|span| crate::report::plan::place_of(sources, span));
        match place {
            Some((file, line)) => {
                j.key("file").text(file);
                j.key("line").plain(line);
            }
            None => {
                j.key("file").raw("null");
                j.key("line").raw("null");
            }
        }
    });
}

/// Counts, rules and margin of a workload as observed: of `drift --json`, and of the state's JSON.
pub fn workload_now(workload: &WorkloadPlan, topology: &Topology, j: &mut Json) {
    let names = Names { topology, workload: &workload.rules };
    let decision = &workload.decision;
    j.object(|j| {
        let lo: Vec<u32> = decision.before.iter().map(|i| i.lo).collect();
        straddle::counts(&lo, names, j.key("counts"));
        if decision.before.iter().any(|i| i.lo != i.hi) {
            j.key("counts_hi").object(|j| {
                for (place, i) in decision.before.iter().enumerate().filter(|(_, i)| i.lo != i.hi) {
                    j.key(names.place(place)).plain(i.hi);
                }
            });
        }
        j.key("rules").array(&decision.rules, |j, rule| rule_now(rule, names, j));
        j.key("margin").plain(decision.margin.before);
    });
}

fn rule_now(rule: &RuleReport, names: Names<'_>, j: &mut Json) {
    j.object(|j| {
        j.key("id").text(&rule.id);
        j.key("ok").plain(rule.before.verdict != Verdict::Fail);
        j.key("verdict").text(verdict_key(rule.before.verdict));
        j.key("alive").raw(&names.units(rule.before.alive));
        j.key("floor").raw(&names.units(rule.floor));
        straddle::events(&rule.before.worst_loss, names, j.key("worst_loss"));
    });
}

/// The member `straddle` of the state's JSON: locations, and counts, rules and margin of each workload as last observed.
pub fn state_extra(topology: &Topology, workloads: &[(Str, WorkloadPlan)]) -> String {
    let mut json = Json::new();
    json.object(|j| {
        straddle::locations(topology, workloads, &Courses::new(), j.key("locations"));
        j.key("workloads").object(|j| workloads.iter().for_each(|(name, w)| workload_now(w, topology, j.key(name))));
    });
    json.finish()
}

/// The check for people: broken rules first, then what could not be read, then what differs.
pub fn text(drift: &Drift<'_>, style: &Style) -> String {
    let mut out = String::new();
    for (name, workload) in drift.workloads {
        let names = Names { topology: drift.topology, workload: &workload.rules };
        let decision = &workload.decision;
        let (n, wanted) = (interval(sum(&decision.before)), decision.replicas.to_string());
        let margin = decision.margin.before.to_string();
        let args: &[(&str, &str)] = &[("n", &n), ("wanted", &wanted), ("margin", &margin)];
        let mut line = format!("{} {}", style.strong(&format!("{name}:")), say(style.lang, "checked.line", args));
        for rule in decision.rules.iter().filter(|r| r.before.verdict == Verdict::Fail) {
            let (title, lost) = (names.rule(rule.index), names.loss(&rule.before.worst_loss));
            let (left, floor) = (names.units(rule.before.alive), names.units(rule.floor));
            let args: &[(&str, &str)] = &[("rule", &title), ("lost", &lost), ("left", &left), ("floor", &floor)];
            let broken = style.ink(Ink::Bad, &say(style.lang, "head.broken", &[]));
            line.push_str(&format!(" {broken}: {}.", say(style.lang, "head.broken_rule", args)));
        }
        out.push_str(&wrap(&line, style.width, 4));
        out.push('\n');
    }
    let state = |l: &Location| drift.courses.get(&l.name).map(Course::state);
    let ill = |l: &&Location| l.health != Health::Healthy || state(l).is_some_and(|s| s != State::Healthy);
    for location in drift.topology.locations.iter().filter(ill) {
        let word = crate::report::evidence::standing(drift.courses, location);
        let args: &[(&str, &str)] = &[("name", &location.name), ("word", &style.ink(Ink::Bad, word))];
        out.push_str(&format!("{}\n", say(style.lang, "over.location", args)));
        let course = drift.courses.get(&location.name);
        if let Some(text) = course.and_then(|c| crate::report::evidence::course(&location.name, c, style.lang)) {
            out.push_str(&wrap(&format!("  {text}"), style.width, 4));
            out.push('\n');
        }
    }
    out.push_str(&promises::text(drift.survival, Moment::Now, style));
    for doubt in drift.evidence.iter().filter_map(|f| crate::report::evidence::doubt(f, style.lang)) {
        out.push_str(&wrap(&doubt, style.width, 4));
        out.push('\n');
    }
    let n = |kind| drift.count(kind);
    let of = |kind| n(kind).to_string();
    let args: &[(&str, &str)] = &[
        ("changed", &of(Kind::Changed)),
        ("missing", &of(Kind::Missing)),
        ("unmanaged", &of(Kind::Unmanaged)),
        ("unreadable", &of(Kind::Unreadable)),
        ("rules", &rules_word(drift.breaches()).say(style.lang)),
    ];
    out.push_str(&format!("{}\n", say(style.lang, "drift.line", args)));
    for (kind, title) in [
        (Kind::Unreadable, "drift.unreadable"),
        (Kind::Missing, "drift.missing"),
        (Kind::Changed, "drift.changed"),
        (Kind::Unmanaged, "drift.unmanaged"),
        (Kind::Ignored, "drift.ignored"),
    ] {
        section(drift, kind, &say(style.lang, title, &[]), style, &mut out);
    }
    for runbook in drift.runbooks.iter().filter(|r| !r.is_well()) {
        let word = style.ink(Ink::Bad, &say(style.lang, "drift.not_ready", &[]));
        let args: &[(&str, &str)] = &[("name", &runbook.name), ("word", &word), ("why", &runbook.because.join("; "))];
        let text = say(style.lang, "drift.runbook", args);
        out.push_str(&wrap(&text, style.width, 4));
        out.push('\n');
    }
    if let Some(base) = &drift.base {
        against_text(base, drift, style, &mut out);
    }
    for finding in &drift.findings {
        let head = say(style.lang, "finding.finding", &[]);
        let text = format!("{head}: {}. {}", clean(&finding.summary), clean(&finding.detail));
        out.push_str(&style.ink(Ink::Warn, &wrap(&text, style.width, 4)));
        out.push('\n');
    }
    if drift.is_clean() {
        out.push_str(&format!("{}\n", say(style.lang, "checked.agree", &[])));
    } else {
        out.push_str(&format!("{}  straddle plan\n", style.strong(&say(style.lang, "tail.next", &[]))));
    }
    out
}

/// `1 rule`, `2 rules`.
fn rules_word(n: usize) -> Words {
    Words::new(if n == 1 { "word.rule" } else { "word.rules" }).with("n", n.to_string())
}

/// What the change causes, and what it does to rules.
fn against_text(base: &Base, drift: &Drift<'_>, style: &Style, out: &mut String) {
    let short: String = base.commit.chars().take(12).collect();
    out.push_str(&format!("\n{}\n", style.strong(&format!("Against {} ({short})", clean(&base.reference)))));
    let count = |cause| drift.resources.iter().filter(|r| r.kind != Kind::Ignored && r.cause == Some(cause)).count();
    out.push_str(&format!(
        "  {} caused by this change, {} so before\n",
        self::count(count(Cause::Change), "difference"),
        count(Cause::Before)
    ));
    if base.failed {
        out.push_str(&style.ink(
            Ink::Warn,
            "  the base's own code could not be planned: everything counts as caused by this change\n",
        ));
    }
    for rule in &base.rules {
        let said = |text: &Option<String>| text.as_deref().map_or("nothing".into(), |t| clean(t).into_owned());
        let word = match (rule.grade, rule.approved) {
            (Grade::Removed | Grade::Weakened, false) => {
                format!("{}, NEEDS APPROVAL (-approved-by=NAME={})", rule.grade.key(), rule.name())
            }
            (Grade::Removed | Grade::Weakened, true) => format!("{}, approved", rule.grade.key()),
            _ => rule.grade.key().to_owned(),
        };
        let text =
            format!("  rule {} {}: {} -> {}, {word}", clean(&rule.workload), rule.id, said(&rule.was), said(&rule.is));
        let text = wrap(&text, style.width, 4);
        out.push_str(&if rule.is_open() { style.ink(Ink::Warn, &text) } else { text });
        out.push('\n');
    }
    for broken in broken_after(drift) {
        let (ink, word) = match broken.cause {
            Some(Cause::Before) => (Ink::Warn, "so before"),
            _ => (Ink::Bad, "CAUSED BY THIS CHANGE"),
        };
        out.push_str(&style.ink(ink, &wrap(&format!("  {} {word}.", clean(&broken.text)), style.width, 4)));
        out.push('\n');
    }
}

fn section(drift: &Drift<'_>, kind: Kind, title: &str, style: &Style, out: &mut String) {
    let all: Vec<&Resource> = drift.resources.iter().filter(|r| r.kind == kind).collect();
    if all.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", style.strong(title)));
    let most = if style.verbose { usize::MAX } else { 20 };
    let mut cells = Vec::new();
    for resource in all.iter().take(most) {
        let place = resource.span.as_ref().and_then(|span| crate::report::plan::place_of(drift.sources, span));
        let place = place.map_or(String::new(), |(file, line)| format!("{file}:{line}"));
        cells.push(vec![
            clean(&resource.address).into_owned(),
            clean(&resource.words).replace('\n', " "),
            match resource.cause {
                Some(Cause::Before) => format!("{}, so before", resource.severity),
                _ => resource.severity.to_string(),
            },
            style.faint(&place),
        ]);
        for path in &resource.paths {
            let side = |s: &Option<String>| s.as_deref().map_or("(not shown)".to_string(), short);
            let spec = if path.spec == path.state { String::new() } else { format!(", spec {}", side(&path.spec)) };
            cells.push(vec![
                format!("    {}", clean(&path.path)),
                format!("state {}, live {}{spec}", side(&path.state), side(&path.live)),
            ]);
        }
    }
    rows(&cells, &[], 2, out);
    if all.len() > most {
        let n = (all.len() - most).to_string();
        out.push_str(&format!("{}\n", say(style.lang, "read.more", &[("n", &n), ("what", "")])));
    }
}

/// JSON text cut to what fits a line.
fn short(json: &str) -> String {
    let text = clean(json);
    if text.chars().count() <= 60 {
        text.into_owned()
    } else {
        format!("{}...", text.chars().take(56).collect::<String>())
    }
}
