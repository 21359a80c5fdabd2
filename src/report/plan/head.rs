//! The first lines: what serves, what is broken now, how much would change, what was read and what was not.

use super::Page;
use crate::lang::address::Address;
use crate::plan::model::{Action, Drift, Kind, Plan, WorkloadPlan};
use crate::report::diff::brief;
use crate::report::style::{Ink, Style, clean, wrap};
use crate::report::words::{self, Names};
use crate::spread::decision::{Interval, Role, Verdict};
use crate::spread::evidence::State;
use crate::spread::model::{Health, Location, Mode};
use crate::tongue::{Lang, say};
use std::collections::BTreeMap;
use straddle_sdk::value::{Value, same_unmarked};

impl Page<'_> {
    pub(super) fn head(&mut self) {
        for (name, workload) in &self.plan.workloads {
            let text = serving(name, workload, self.names(workload), self.style);
            let text = wrap(&text, self.style.width, 4);
            self.line(&text);
        }
        let mut line = format!("{} {}", self.tell(opening(&self.plan.kind), &[]), counts(self.plan, self.style));
        if let Some(repair) = repairs(self.plan, self.style.lang) {
            line.push_str(&format!(" {repair}"));
        }
        if !self.plan.has_changes() {
            line = match self.plan.is_broken() {
                true => self.tell("head.no_changes", &[]),
                false if self.plan.topology.locations.iter().any(|l| l.health == Health::Down) => {
                    self.tell("head.no_changes_down", &[])
                }
                false => self.tell("head.as_spec", &[]),
            };
        }
        let line = wrap(&line, self.style.width, 4);
        self.line(&line);
        for (_, workload) in &self.plan.workloads {
            for breach in workload.decision.breaches.iter().filter(|_| self.plan.is_broken()) {
                let names = self.names(workload);
                let rule = breach.rule.map_or("floor".into(), |rule| names.rule(rule));
                let (left, floor) = (names.units(breach.value), names.units(breach.floor));
                let words = self.tell("head.refused", &[("rule", &rule), ("left", &left), ("floor", &floor)]);
                let text = self.style.ink(Ink::Bad, &wrap(&words, self.style.width, 4));
                self.line(&text);
            }
        }
    }

    /// What was read, what could not be, how the places are.
    pub(super) fn read(&mut self) {
        let plan = self.plan;
        self.blank();
        let missing = plan.drift.iter().filter(|d| d.live.is_null()).count();
        let standing = plan.changes.iter().filter(|c| !c.before.is_null()).count();
        let total = standing.max(plan.unreadable.len()) + missing;
        let unreadable = plan.unreadable.len();
        let (read, objects) = ((total - unreadable).to_string(), words::objects(total).say(self.style.lang));
        let args: &[(&str, &str)] = &[("read", &read), ("objects", &objects), ("unreadable", &unreadable.to_string())];
        let mut line = self.tell("read.line", args);
        if !plan.topology.locations.is_empty() {
            line.push_str(&format!(" {}.", health(plan, self.style.lang)));
        }
        line.push_str(&format!(" {}", self.tell("read.serial", &[("n", &plan.serial.to_string())])));
        let line = wrap(&line, self.style.width, 6);
        self.line(&line);
        for doubt in plan.evidence.iter().filter_map(|f| crate::report::evidence::doubt(f, self.style.lang)) {
            let text = self.style.ink(Ink::Warn, &wrap(&doubt, self.style.width, 4));
            self.line(&text);
        }
        for (name, course) in &plan.courses {
            if let Some(text) = crate::report::evidence::course(name, course, self.style.lang) {
                let text = self.style.ink(Ink::Warn, &wrap(&text, self.style.width, 4));
                self.line(&text);
            }
        }
        if unreadable > 0 {
            let title = self.style.ink(Ink::Bad, &self.tell("read.unreadable", &[]));
            self.line(&title);
            let most = if self.style.verbose { usize::MAX } else { 10 };
            let groups = self.unreadable_groups();
            for (what, why, _) in groups.iter().take(most) {
                let text = wrap(&format!("  {what}  {why}"), self.style.width, 6);
                self.line(&text);
            }
            let hidden = groups.iter().skip(most).map(|(_, _, n)| n).sum();
            self.more(hidden, "");
        }
    }

    /// What could not be read, why, and how many: objects of one block with the same reason share a line.
    fn unreadable_groups(&self) -> Vec<(String, String, usize)> {
        let mut groups: BTreeMap<(Address, usize, String), Vec<&Address>> = BTreeMap::new();
        for (i, one) in self.plan.unreadable.iter().enumerate() {
            let detail = one.problem.detail.lines().next().unwrap_or_default();
            let summary = clean(&one.problem.summary);
            let why = if detail.is_empty() { summary.into_owned() } else { format!("{summary}: {}", clean(detail)) };
            let alone = if self.style.verbose || one.address.key.is_none() { i + 1 } else { 0 };
            groups.entry((one.address.without_key(), alone, why)).or_default().push(&one.address);
        }
        let row = |((resource, _, why), all): ((Address, usize, String), Vec<&Address>)| {
            let what = match all.as_slice() {
                [one] => clean(&one.to_string()).into_owned(),
                many => {
                    let keys = words::keys(many.iter().filter_map(|a| a.key.as_ref()), 4);
                    format!("{} ({}: {keys})", clean(&resource.to_string()), many.len())
                }
            };
            (what, why, all.len())
        };
        groups.into_iter().map(row).collect()
    }

    /// `and N more`, where something is not shown.
    pub(super) fn more(&mut self, n: usize, what: &str) {
        if n > 0 {
            let text = self.style.faint(&self.tell("read.more", &[("n", &n.to_string()), ("what", what)]));
            self.line(&text);
        }
    }

    /// Changes found that straddle did not make: what is gone, what the plan would undo, and last what it keeps (values that are
    /// the provider's own). Objects alike share a line.
    pub(super) fn drift(&mut self) {
        let plan = self.plan;
        let mut groups: BTreeMap<(u8, Address, usize, String), Vec<&Drift>> = BTreeMap::new();
        for (i, drift) in plan.drift.iter().enumerate() {
            let (rank, how) = match drift.live.is_null() {
                true => (0, self.tell("read.gone", &[])),
                false => (1 + u8::from(self.keeps(drift)), changed(&drift.state, &drift.live)),
            };
            let alone = if self.style.verbose || drift.address.key.is_none() { i + 1 } else { 0 };
            groups.entry((rank, drift.address.without_key(), alone, how)).or_default().push(drift);
        }
        if groups.is_empty() {
            return;
        }
        self.heading(&self.tell("read.outside", &[]));
        let most = if self.style.verbose { usize::MAX } else { 12 };
        let hidden: usize = groups.values().skip(most).map(Vec::len).sum();
        let mut rows = Vec::new();
        for ((rank, resource, _, how), all) in groups.into_iter().take(most) {
            let what = match all.as_slice() {
                [one] => format!("{}{}", clean(&one.address.to_string()), id_of(one)),
                many => {
                    let keys = words::keys(many.iter().filter_map(|d| d.address.key.as_ref()), 4);
                    format!("{} ({}: {keys})", clean(&resource.to_string()), many.len())
                }
            };
            rows.push(vec![
                what,
                match rank {
                    0 => self.style.ink(Ink::Bad, &how),
                    1 => how,
                    _ => self.style.faint(&self.tell("read.kept", &[("how", &how)])),
                },
            ]);
        }
        crate::report::table::rows(&rows, &[], 2, &mut self.out);
        self.more(hidden, "");
    }

    /// Whether the plan leaves every changed attribute of an object as it was found.
    fn keeps(&self, drift: &Drift) -> bool {
        let Ok(at) = self.plan.changes.binary_search_by(|c| c.address.cmp(&drift.address)) else { return false };
        let after = &self.plan.changes[at].after;
        let live = drift.live.entries().unwrap_or_default();
        let same_as =
            |object: &Value, name: &str, value: &Value| object.get(name).is_some_and(|v| same_unmarked(v, value));
        live.iter().all(|(name, value)| same_as(&drift.state, name, value) || same_as(after, name, value))
    }
}

/// What the provider knows an object by, in brackets.
fn id_of(drift: &Drift) -> String {
    drift.state.get("id").filter(|id| id.as_str().is_some()).map_or(String::new(), |id| format!(" ({})", brief(id)))
}

/// Which attributes differ, in few words.
fn changed(state: &Value, live: &Value) -> String {
    let entries = crate::report::diff::union(state.entries().unwrap_or_default(), live.entries().unwrap_or_default());
    let null = Value::null(straddle_sdk::value::Type::Dynamic);
    let parts = entries.into_iter().filter_map(|(name, was, is)| {
        let (was, is) = (was.unwrap_or(&null), is.unwrap_or(&null));
        match crate::report::diff::Sign::of(Some(was), Some(is)) {
            None | Some(crate::report::diff::Sign::Same) => None,
            _ => Some(format!("{}: {} -> {}", clean(name), brief(was), brief(is))),
        }
    });
    words::some(parts, 4)
}

fn opening(kind: &Kind) -> &'static str {
    match kind {
        Kind::Normal => "head.plan",
        Kind::Destroy => "head.destroy",
        Kind::RefreshOnly => "head.refresh",
        Kind::Repair => "head.repair",
        Kind::Failover { .. } => "head.failover",
        Kind::Failback => "head.failback",
    }
}

/// `2 to add (1 replica), 0 to change, 0 to remove, 0 to replace.`
pub(super) fn counts(plan: &Plan, style: &Style) -> String {
    let number = |f: fn(Action) -> bool| plan.changes.iter().filter(|c| f(c.action)).count();
    let lang = style.lang;
    let loud = |n: usize, calm: &str, loud: &str| match n {
        0 => say(lang, calm, &[("n", "0")]),
        n => style.ink(Ink::Bad, &say(lang, loud, &[("n", &n.to_string())])),
    };
    let (grown, shrunk) = (replicas(plan, Role::Grow), replicas(plan, Role::Shrink));
    let of = |n: u32| if n > 0 { format!(" ({})", words::replicas(n as usize).say(lang)) } else { String::new() };
    let mut text = format!(
        "{}{}, {}, {}{}, {}",
        say(lang, "head.add", &[("n", &number(|a| a == Action::Create).to_string())]),
        of(grown),
        say(lang, "head.change", &[("n", &number(|a| a == Action::Update).to_string())]),
        loud(number(|a| a == Action::Delete), "head.remove", "head.remove_loud"),
        of(shrunk),
        loud(number(Action::is_replace), "head.replace", "head.replace_loud"),
    );
    for (n, word) in [
        (number(|a| a == Action::Spare), "head.spares"),
        (number(|a| a == Action::Read), "head.reads"),
        (number(|a| a == Action::Forget), "head.forgets"),
        (plan.imports(), "head.imports"),
        (plan.deferred.len(), "head.put_off"),
        (plan.changes.iter().filter(|c| c.previous_address.is_some()).count(), "head.moves"),
        (plan.outputs.iter().filter(|o| o.differs()).count(), "head.outputs"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {}", say(lang, word, &[("n", &n.to_string())])));
        }
    }
    text.push('.');
    text
}

fn replicas(plan: &Plan, role: Role) -> u32 {
    let mut total = 0u32;
    for decision in plan.workloads.iter().map(|(_, w)| &w.decision) {
        let entries = decision.steps.iter().flat_map(|s| if role == Role::Grow { &s.adds } else { &s.removes });
        for entry in entries {
            let spare = &decision.changes[entry.place].spare;
            let lasting = entry.slots.iter().filter(|s| s.role == role && !spare.contains(&s.slot)).count() as u32;
            total = total.saturating_add(if entry.slots.is_empty() { entry.count } else { lasting });
        }
    }
    total
}

/// How a workload serves now and which rules are broken now.
fn serving(name: &str, workload: &WorkloadPlan, names: Names<'_>, style: &Style) -> String {
    let decision = &workload.decision;
    let now = words::sum(&proven_down_is_zero(names, workload));
    let existing: u64 = decision.existing.iter().map(|n| u64::from(*n)).sum();
    let wanted = decision.replicas;
    let title = style.strong(&format!("{name}:"));
    if existing == 0 && now.hi == 0 {
        return match wanted {
            0 => format!("{title} {}", say(style.lang, "head.nothing", &[])),
            n => format!("{title} {}", say(style.lang, "head.nothing_yet", &[("n", &n.to_string())])),
        };
    }
    if wanted == 0 {
        let key = if decision.mode == Mode::Destroy { "head.all_removed" } else { "head.none_asked" };
        return format!("{title} {}", say(style.lang, key, &[("n", &words::interval(now))]));
    }
    let (serving, wanted) = (words::interval(now), wanted.to_string());
    let mut text = format!("{title} {}", say(style.lang, "head.serving", &[("n", &serving), ("wanted", &wanted)]));
    let broken: Vec<String> = decision
        .rules
        .iter()
        .filter(|rule| rule.before.verdict == Verdict::Fail)
        .map(|rule| {
            let judged = &rule.before;
            let (loss, growth) = match judged.growth.iter().find(|g| g.verdict == Verdict::Fail) {
                Some(g) if judged.at_once != Verdict::Fail => (&g.worst_loss, Some(g)),
                _ => (&judged.worst_loss, None),
            };
            let lost = names.loss(loss);
            match growth {
                None => say(
                    style.lang,
                    "head.broken_rule",
                    &[
                        ("rule", &names.rule(rule.index)),
                        ("lost", &lost),
                        ("left", &names.units(judged.alive)),
                        ("floor", &names.units(rule.floor)),
                    ],
                ),
                Some(g) => {
                    let time = |s: u64| words::duration_in(s, style.lang);
                    let after = g.reached_in_s.map(|s| say(style.lang, "head.after_time", &[("time", &time(s))]));
                    let args: &[(&str, &str)] = &[
                        ("rule", &names.rule(rule.index)),
                        ("lost", &lost),
                        ("reached", &names.units(g.reached)),
                        ("after", &after.unwrap_or_default()),
                        ("floor", &names.units(g.floor)),
                        ("within", &time(g.within_s)),
                    ];
                    say(style.lang, "head.broken_growth", args)
                }
            }
        })
        .collect();
    if !broken.is_empty() {
        text.push_str(&format!(
            " {}: {}.",
            style.ink(Ink::Bad, &say(style.lang, "head.broken", &[])),
            broken.join("; ")
        ));
    } else if decision.rules.iter().any(|r| r.before.verdict == Verdict::NotProven) {
        let doubt = style.ink(Ink::Warn, &say(style.lang, "head.not_all", &[]));
        text.push_str(&say(style.lang, "head.unproven", &[("doubt", &doubt)]));
    } else if !decision.rules.is_empty() {
        text.push_str(&say(style.lang, "head.all_hold", &[]));
    }
    if decision.margin.alarm_before {
        let (alarm, n) =
            (style.ink(Ink::Bad, &say(style.lang, "head.alarm_word", &[])), decision.margin.before.to_string());
        text.push_str(&say(style.lang, "head.alarm", &[("alarm", &alarm), ("n", &n)]));
    }
    text
}

/// What the plan mends and how long the waiting takes by boot times.
fn repairs(plan: &Plan, lang: Lang) -> Option<String> {
    let mended = plan.workloads.iter().flat_map(|(_, w)| &w.decision.rules);
    let mended = mended.filter(|r| r.before.verdict == Verdict::Fail && r.after.verdict != Verdict::Fail).count();
    let stood = plan.workloads.iter().any(|(_, w)| w.decision.existing.iter().any(|n| *n > 0));
    let waiting: u64 = plan.workloads.iter().map(|(_, w)| waiting(w, plan)).max().unwrap_or(0);
    let mut text = String::new();
    match mended {
        0 => {}
        _ if !stood => {}
        1 => text.push_str(&say(lang, "head.repairs_one", &[])),
        n => text.push_str(&say(lang, "head.repairs", &[("n", &n.to_string())])),
    }
    match (text.is_empty(), waiting) {
        (_, 0) => {}
        (fresh, s) => {
            let key = if fresh { "head.waiting" } else { "head.in_about" };
            text.push_str(&say(lang, key, &[("time", &words::duration_in(s, lang))]));
        }
    }
    if text.is_empty() { None } else { Some(format!("{text}.")) }
}

/// Seconds of boot, health and drain over all steps of a workload.
fn waiting(workload: &WorkloadPlan, plan: &Plan) -> u64 {
    let rules = &workload.rules;
    let boot = |place: usize| {
        let location = rules.places.get(place).and_then(|p| plan.topology.locations.get(p.location));
        location.map_or(0, |l| l.boot.seconds)
    };
    let mut total = 0u64;
    for step in &workload.decision.steps {
        if let Some(slowest) = step.adds.iter().chain(&step.waits).map(|e| boot(e.place)).max() {
            total = total.saturating_add(slowest).saturating_add(rules.rollout.healthy_for_s);
        }
        if !step.removes.is_empty() {
            total = total.saturating_add(rules.rollout.drain_s);
        }
    }
    total
}

/// How the locations are: those that are not well by name, the rest by name while they are few.
fn health(plan: &Plan, lang: Lang) -> String {
    let locations = &plan.topology.locations;
    let word = |l: &Location| format!("{} {}", l.name, crate::report::evidence::standing(&plan.courses, l));
    if locations.len() <= 6 {
        let list = locations.iter().map(word).collect::<Vec<_>>().join(", ");
        return say(lang, "read.locations", &[("list", &list)]);
    }
    let state = |l: &Location| plan.courses.get(&l.name).is_none_or(|c| c.state() == State::Healthy);
    let (well, ill): (Vec<_>, Vec<_>) = locations.iter().partition(|l| l.health == Health::Healthy && state(l));
    let (up, all) = (well.len().to_string(), locations.len().to_string());
    let mut text = say(lang, "read.up_of", &[("up", &up), ("all", &all)]);
    if !ill.is_empty() {
        text.push_str(&format!(", {}", words::some(ill.into_iter().map(word), 6)));
    }
    text
}

/// What serves now: a place that is proven down counts 0, not "0 to what was there". Doubt is kept for what nobody knows.
fn proven_down_is_zero(names: Names<'_>, workload: &WorkloadPlan) -> Vec<Interval> {
    let down = |place: usize| {
        let location = workload.rules.places.get(place).and_then(|p| names.topology.locations.get(p.location));
        location.is_some_and(|l| l.health == Health::Down)
    };
    let count = |(place, now): (usize, &Interval)| if down(place) { Interval { lo: now.lo, hi: now.lo } } else { *now };
    workload.decision.before.iter().enumerate().map(count).collect()
}
