//! `failover` and `failback`: the answer to a loss, and the way back from it.

use super::Exit;
use super::apply::{Errand, is_in_doubt, open_around, see_through};
use super::args::{FailbackArgs, FailoverArgs, PlanningArgs};
use super::around::Around;
use super::destination::{destinations, hold_elsewhere};
use super::plan::{failure_exit, is_sound, report_breaches, report_failure};
use super::planning::{self, Scene};
use super::print::Printer;
use super::session::Project;
use super::way_back;
use crate::diag::Diagnostic;
use crate::plan::course;
use crate::plan::evidence::Finding;
use crate::plan::make::takes;
use crate::plan::model::{Kind, Plan};
use crate::promise::change::Approval;
use crate::report::words::health;
use crate::spec::{FailoverMode, Spec};
use crate::spread::evidence::State;
use crate::spread::machine::Said;
use crate::spread::model::{Event, Health, Location, Topology};
use crate::state::{self, Displaced, Entry, Failover, LockRequest, Loss, Store, Word, now};
use crate::tongue::{Lang, say};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal};

/// `failover`.
pub async fn failover(args: FailoverArgs, around: &Around, printer: &Printer) -> Exit {
    let printer = &printer.asked(args.planning.verbose, args.planning.json);
    printer.begin();
    let mut project = around.read(&args.planning.vars);
    super::assume::take(&mut project, &args.planning.assume);
    let mut problems = project.problems.clone();
    let named = losses(&project.spec, &args.lose, &mut problems);
    if args.force && args.reason.as_deref().is_none_or(|r| r.trim().is_empty()) {
        problems.push(
            Diagnostic::error(
                "No reason given",
                "-force passes over floors, and whoever reads the record later wants to know why.",
            )
            .help("Say it: failover -force -reason=\"...\""),
        );
    }
    if problems.iter().any(Diagnostic::is_error) {
        printer.diagnostics(&problems, &project.sources);
        return Exit::Error;
    }
    let task = Task {
        around,
        project: &project,
        planning: &args.planning,
        approved: args.auto_approve,
        approvals: &[],
        printer,
    };
    let order = Order { to: args.to, forced: args.force, reason: args.reason.unwrap_or_default() };
    task.under_lock("failover", async |store, scene| task.fail_over(named, &order, store, scene).await).await
}

/// `failback`.
pub async fn failback(args: FailbackArgs, around: &Around, printer: &Printer) -> Exit {
    let printer = &printer.asked(args.planning.verbose, args.planning.json);
    printer.begin();
    let mut project = around.read(&args.planning.vars);
    super::assume::take(&mut project, &args.planning.assume);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let (planning, approvals) = (&args.planning, args.approved_by.as_slice());
    let task = Task { around, project: &project, planning, approved: args.auto_approve, approvals, printer };
    if args.check {
        return task.check().await;
    }
    task.under_lock("failback", async |store, scene| task.fail_back(store, scene).await).await
}

/// What a person asks of a failover beyond the spec.
#[derive(Default)]
pub(super) struct Order {
    /// Where everything new is to be made, as it was named.
    to: Vec<String>,
    /// Floors are overridden.
    forced: bool,
    /// What the person said.
    reason: String,
}

/// One of the two commands at work.
struct Task<'t> {
    around: &'t Around,
    project: &'t Project,
    planning: &'t PlanningArgs,
    /// Nobody is to be asked.
    approved: bool,
    /// Who approved of what a `change` block asks for.
    approvals: &'t [Approval],
    printer: &'t Printer,
}

impl Task<'_> {
    /// Takes the lock, reads reality, does the work, gives everything back.
    async fn under_lock(&self, operation: &str, work: impl AsyncFnOnce(&Store, &mut Scene) -> Exit) -> Exit {
        let store = match open_around(self.around, &self.planning.lock, operation, self.printer) {
            Ok(store) => store,
            Err(exit) => return exit,
        };
        let exit = match self.begin(&store).await {
            Ok(mut scene) => {
                let exit = work(&store, &mut scene).await;
                scene.fleet.shutdown().await;
                exit
            }
            Err(exit) => exit,
        };
        if let Err(error) = store.close() {
            self.printer.diagnostics(&[error.into()], &self.project.sources);
            return exit.worse(Exit::Error);
        }
        exit
    }

    /// What a run before left open is asked about first.
    async fn begin(&self, store: &Store) -> Result<Scene, Exit> {
        super::recovery::recover(self.project, store, self.planning.parallelism, self.printer).await?;
        let (refresh, manner) = (self.planning.refresh, self.planning.manner());
        let state = store.state();
        let scene = super::apply::look_and_adopt(self.project, store, &state, refresh, manner, self.printer).await?;
        super::apply::note_courses(self.project, store, &scene, self.printer)?;
        Ok(scene)
    }

    async fn look(&self, state: &state::State) -> Result<Scene, Exit> {
        planning::look(self.project, state, self.planning.refresh, self.planning.parallelism).await.map_err(
            |problems| {
                self.printer.diagnostics(&problems, &self.project.sources);
                Exit::Error
            },
        )
    }

    async fn fail_over(&self, named: BTreeSet<String>, order: &Order, store: &Store, scene: &mut Scene) -> Exit {
        let observed = named.is_empty();
        let lost = if observed { reported_down(&scene.topology) } else { Ok(named) };
        let lost = match lost {
            Ok(lost) => lost,
            Err(problem) => {
                self.printer.diagnostics(&[*problem], &self.project.sources);
                return Exit::Error;
            }
        };
        let Some(first) = lost.first().cloned() else {
            self.say(&nothing_down(&scene.topology, &scene.observed.evidence, self.lang()));
            return Exit::Done;
        };
        let ordered = !order.to.is_empty() || order.forced;
        if observed && !ordered && only_alarm(&self.project.spec, &scene.topology, &lost) {
            self.say(&alarm_only(&lost, self.lang()));
            return Exit::Done;
        }
        let in_force: BTreeSet<String> = scene.state.failovers.keys().flat_map(|loss| loss.0.iter().cloned()).collect();
        let all_lost = Loss(lost.union(&in_force).cloned().collect());
        let gone = course::taken(&self.project.spec, &scene.topology, &all_lost);
        let mut problems = Vec::new();
        let to = destinations(&self.project.spec, &scene.topology, &order.to, &gone, &mut problems);
        if !problems.is_empty() {
            self.printer.diagnostics(&problems, &self.project.sources);
            return Exit::Error;
        }
        if !to.is_empty() {
            hold_elsewhere(&mut scene.topology, &to);
        }
        let scene = &*scene;
        self.say(&heading(&scene.topology, &self.project.spec, &lost, observed, self.lang()));
        let taken = course::taken(&self.project.spec, &scene.topology, &Loss(lost.clone()));
        self.say(&crate::report::evidence::really_down(&scene.observed.evidence, &taken, self.lang()));
        self.say(&super::runbook::cited(&self.project.spec, &scene.state, &lost));
        self.say(&ordered_words(&to, order.forced, self.lang()));
        let kind = Kind::Failover { lost: all_lost.0.iter().cloned().collect() };
        let planning = PlanningArgs { to: to.clone(), forced: order.forced, ..self.planning.clone() };
        let plan = match self.plan(scene, kind, &planning).await {
            Ok(plan) => plan,
            Err(exit) => return exit,
        };
        if is_in_doubt(self.project, store, &plan, self.printer) {
            return Exit::Error;
        }
        let known = lost.is_subset(&in_force);
        if known && !plan.has_changes() {
            self.printer.out(&say(self.lang(), "over.in_force", &[]));
            return Exit::Done;
        }
        let name = first.split_once(':').map_or(first.as_str(), |(_, name)| name);
        if !self.approved
            && !typed(&format!("Type {name} to start; anything else changes nothing:"), name, self.printer)
        {
            return Exit::Error;
        }
        // Written first: should the rest be cut short, `plan` and `apply` go on with the failover and not against it.
        // What is failed over already keeps its own record, so that each loss has its own way back.
        let new: BTreeSet<String> = lost.difference(&in_force).cloned().collect();
        let by = match observed {
            true => (watchers(&self.project.spec, &scene.topology, &new), Word::Observed),
            false => (person("failover"), Word::Operator),
        };
        let mut first = match known {
            true => Vec::new(),
            false => vec![record_of(&self.project.spec, scene, &new, &plan, by, &to, order)],
        };
        first.extend(fallen(&self.project.spec, scene, &new));
        let errand = Errand { operation: "failover", first, ..Errand::default() };
        let started = std::time::Instant::now();
        let exit = see_through(self.project, store, scene, &plan, errand, self.printer).await.exit;
        if exit == Exit::Done {
            let took = started.elapsed().as_secs();
            self.say(&crate::report::failover::after(&plan, took, &time_of_day, self.printer.style()));
            self.say(&say(self.lang(), "over.stays", &[]));
        }
        exit
    }

    async fn fail_back(&self, store: &Store, scene: &mut Scene) -> Exit {
        let spec = &self.project.spec;
        let standing =
            way_back::way_back(spec, &scene.state, &scene.topology, &scene.observed.courses, now(), self.lang());
        self.say(&standing.text);
        if scene.state.failovers.is_empty() {
            return Exit::Done;
        }
        if standing.open.is_empty() {
            return Exit::Error;
        }
        let back: BTreeSet<String> =
            standing.open.iter().flat_map(|loss| course::taken(spec, &scene.topology, loss)).collect();
        // Where everything new was made is over with the failover.
        for (location, written) in scene.topology.locations.iter_mut().zip(&spec.topology.locations) {
            if location.name == written.name {
                location.operator = written.operator;
            }
        }
        // On trial nothing is planned in a place; a person's word ends the trial, once the plan has been seen.
        for location in scene.topology.locations.iter_mut().filter(|l| back.contains(&l.name)) {
            if location.health == Health::Probation {
                location.health = Health::Returning;
            }
        }
        let plan = match self.plan(scene, Kind::Failback, self.planning).await {
            Ok(plan) => plan,
            Err(exit) => return exit,
        };
        if plan.is_broken() {
            report_breaches(&plan, self.project, self.printer);
            return Exit::Broken;
        }
        if is_in_doubt(self.project, store, &plan, self.printer)
            || !super::leave::is_given(self.project, &plan, self.approvals, self.printer)
        {
            return Exit::Error;
        }
        let ask = "Do you want to go back? Only 'yes' will be accepted:";
        if !self.approved && !typed(ask, "yes", self.printer) {
            return Exit::Error;
        }
        let courses = &scene.observed.courses;
        let first = course::said(courses, &back, State::Healthy, Said::Return, now().0);
        let over = standing.open.iter().map(|loss| Entry::Failback { loss: loss.clone() });
        let over = over.chain(course::returned(courses, &back, now().0)).collect();
        let errand = Errand { operation: "failback", first, when_complete: over, ..Errand::default() };
        let exit = see_through(self.project, store, scene, &plan, errand, self.printer).await.exit;
        match exit {
            Exit::Done if standing.open.len() == scene.state.failovers.len() => {
                self.say(&say(self.lang(), "back.over", &[]));
            }
            Exit::Done => self.say(&say(self.lang(), "back.over_part", &[])),
            // A return that failed: the failover stays in force, and the next return waits longer.
            Exit::Partial => {
                let failed = course::set_back(&store.state(), &back, now().0);
                if let Err(error) = way_back::record(store, failed) {
                    self.printer.diagnostics(&[error.into()], &self.project.sources);
                    return exit.worse(Exit::Error);
                }
                self.say(&say(self.lang(), "back.failed", &[]));
            }
            _ => {}
        }
        exit
    }

    /// `failback --check`: takes no lock, writes nothing.
    async fn check(&self) -> Exit {
        let loaded = match self.around.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                self.printer.diagnostics(&[*error], &self.project.sources);
                return Exit::Error;
            }
        };
        let scene = match self.look(&loaded.state).await {
            Ok(scene) => scene,
            Err(exit) => return exit,
        };
        let courses = &scene.observed.courses;
        let standing =
            way_back::way_back(&self.project.spec, &scene.state, &scene.topology, courses, now(), self.lang());
        self.say(&standing.text);
        let shut = standing.open.is_empty() && !scene.state.failovers.is_empty();
        let exit = if shut { Exit::Error } else { Exit::Done };
        scene.fleet.shutdown().await;
        exit
    }

    /// The plan, shown.
    async fn plan(&self, scene: &Scene, kind: Kind, planning: &PlanningArgs) -> Result<Plan, Exit> {
        let made = planning::make(self.project, scene, kind, planning).await.map_err(|failure| {
            report_failure(&failure, self.project, scene, self.printer);
            failure_exit(&failure)
        })?;
        self.printer.diagnostics(&scene.warnings, &self.project.sources);
        self.printer.diagnostics(&made.warnings, &self.project.sources);
        if !is_sound(&made, self.project, self.printer) {
            return Err(Exit::Fault);
        }
        self.printer.plan(&made, crate::report::plan::Fate::Applied);
        self.say(&crate::report::failover::before(&made, self.printer.style()));
        Ok(made)
    }

    fn lang(&self) -> Lang {
        self.printer.style().lang
    }

    /// A line for people; programs read events.
    fn say(&self, text: &str) {
        if !self.printer.is_json() && !text.is_empty() {
            self.printer.out(text);
        }
    }
}

/// What the state is to remember of a failover: `by` whom, on whose `word`.
pub(super) fn record_of(
    spec: &Spec,
    scene: &Scene,
    lost: &BTreeSet<String>,
    plan: &Plan,
    (by, word): (String, Word),
    to: &BTreeSet<String>,
    order: &Order,
) -> Entry {
    let topology = &scene.topology;
    let events: Vec<Event> = lost.iter().filter_map(|name| spec.event(name)).collect();
    let touched = |location: &Location| events.iter().any(|event| takes(topology, location, event));
    let workloads = plan.workloads.iter().filter_map(|(name, w)| {
        let at = |counts: &[u32]| -> BTreeMap<String, u64> {
            let names = w.rules.places.iter().map(|p| topology.locations[p.location].name.clone());
            names.zip(counts.iter().map(|n| u64::from(*n))).collect()
        };
        let displaced = Displaced { before: at(&w.decision.existing), kept: at(&w.decision.after) };
        let concerned = w.rules.places.iter().any(|p| touched(&topology.locations[p.location]))
            || w.decision.existing != w.decision.after;
        concerned.then(|| (name.to_string(), displaced))
    });
    let failover = Failover {
        since: now(),
        by,
        word,
        reason: order.reason.clone(),
        forced: order.forced,
        to: to.clone(),
        workloads: workloads.collect(),
    };
    Entry::Failover { loss: Loss(lost.clone()), failover }
}

/// What the state is to remember of the places a new failover is about: they are down, on whatever word.
pub(super) fn fallen(spec: &Spec, scene: &Scene, lost: &BTreeSet<String>) -> Vec<Entry> {
    let taken = course::taken(spec, &scene.topology, &Loss(lost.clone()));
    course::said(&scene.observed.courses, &taken, State::Down, Said::Nothing, now().0)
}

/// Who is at work, for records.
pub(super) fn person(operation: &str) -> String {
    let request = LockRequest::here(operation);
    format!("{}@{}", request.who, request.host)
}

/// The losses a person names, by the names the state keeps them under.
pub(super) fn losses(spec: &Spec, named: &[String], problems: &mut Vec<Diagnostic>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in named {
        match spec.event(text) {
            Some(event) => {
                found.insert(event.label(&spec.topology));
            }
            None => problems.push(unknown_loss(spec, text)),
        }
    }
    found
}

fn unknown_loss(spec: &Spec, text: &str) -> Diagnostic {
    let topology = &spec.topology;
    let mut known: Vec<String> = Vec::new();
    for level in &topology.levels {
        let names: BTreeSet<&String> = topology.locations.iter().filter_map(|l| l.domains.get(level)).collect();
        known.extend(names.into_iter().map(|name| format!("{level}:{name}")));
    }
    known.extend(topology.risks.iter().map(|r| format!("shared_risk:{}", r.name)));
    let help = match crate::lang::suggest::nearest(text, known.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean \"{near}\"?"),
        None => format!("Write LEVEL:NAME; this spec knows {}.", crate::report::words::some(known.into_iter(), 12)),
    };
    Diagnostic::error("No such loss", format!("No location of this spec stands in \"{text}\".")).help(help)
}

/// The widest domains in which providers report every location down.
fn reported_down(topology: &Topology) -> Result<BTreeSet<String>, Box<Diagnostic>> {
    let down = |l: &&Location| l.health == Health::Down;
    let mut left: Vec<&Location> = topology.locations.iter().filter(down).collect();
    let mut lost = BTreeSet::new();
    for level in &topology.levels {
        let names: BTreeSet<String> = left.iter().filter_map(|l| l.domains.get(level).cloned()).collect();
        for name in names {
            let here = |l: &&Location| l.domains.get(level) == Some(&name);
            if topology.locations.iter().filter(here).all(|l| l.health == Health::Down) {
                left.retain(|l| !here(l));
                lost.insert(format!("{level}:{name}"));
            }
        }
    }
    match left.first() {
        None => Ok(lost),
        Some(location) => Err(Box::new(
            Diagnostic::error(
                "The loss has no name of its own",
                format!(
                    "Location {} is down, and every domain it stands in has locations that are not.",
                    location.name
                ),
            )
            .help("Give it a domain of its own at the innermost level, or name what is lost with --lose."),
        )),
    }
}

fn nothing_down(topology: &Topology, evidence: &[Finding], lang: Lang) -> String {
    let mut text = say(lang, "over.nothing", &[]);
    for doubt in evidence.iter().filter_map(|f| crate::report::evidence::doubt(f, lang)) {
        text.push_str(&format!("\n{doubt}"));
    }
    let doubtful: Vec<&Location> =
        topology.locations.iter().filter(|l| !matches!(l.health, Health::Healthy | Health::Degraded)).collect();
    for location in doubtful.iter().filter(|l| !evidence.iter().any(|f| f.location == l.name)) {
        let word = health(location.health, location.health_source);
        text.push_str(&format!("\n{}", say(lang, "over.location", &[("name", &location.name), ("word", word)])));
    }
    if !doubtful.is_empty() {
        text.push_str(&format!("\n{}", say(lang, "over.say_so", &[])));
    }
    text
}

/// Whether every workload that stands in what is lost wants to be told, and nothing more.
fn only_alarm(spec: &Spec, topology: &Topology, lost: &BTreeSet<String>) -> bool {
    let taken = course::taken(spec, topology, &Loss(lost.clone()));
    let mut concerned = spec
        .workloads
        .iter()
        .filter(|w| w.rules.places.iter().any(|p| taken.contains(&topology.locations[p.location].name)))
        .peekable();
    concerned.peek().is_some() && concerned.all(|w| w.failover_mode == FailoverMode::Alarm)
}

fn alarm_only(lost: &BTreeSet<String>, lang: Lang) -> String {
    let names: Vec<&str> = lost.iter().map(String::as_str).collect();
    say(lang, "over.alarm", &[("names", &names.join(", ")), ("named", &names.join(" --lose "))])
}

fn heading(topology: &Topology, spec: &Spec, lost: &BTreeSet<String>, observed: bool, lang: Lang) -> String {
    let mut text = String::new();
    for name in lost {
        let Some(event) = spec.event(name) else { continue };
        let here: Vec<&Location> = topology.locations.iter().filter(|l| takes(topology, l, &event)).collect();
        let names: Vec<&str> = here.iter().map(|l| l.name.as_str()).collect();
        let word = match observed {
            true => {
                let who = watchers(spec, topology, &BTreeSet::from([name.clone()]));
                say(lang, "over.reported", &[("who", &who)])
            }
            false => say(lang, "over.on_word", &[]),
        };
        let args: &[(&str, &str)] = &[("name", name), ("word", &word), ("places", &names.join(", "))];
        text.push_str(&format!("{}\n", say(lang, "over.lost", args)));
        for location in here.iter().filter(|l| !observed && l.health != Health::Down) {
            let says = health(location.health, location.health_source);
            let args: &[(&str, &str)] = &[("name", &location.name), ("word", says)];
            text.push_str(&format!("{}\n", say(lang, "over.not_reported", args)));
        }
    }
    text
}

/// The provider configurations that answer for lost locations.
fn watchers(spec: &Spec, topology: &Topology, lost: &BTreeSet<String>) -> String {
    let events: Vec<Event> = lost.iter().filter_map(|name| spec.event(name)).collect();
    let mut names = BTreeSet::new();
    for (location, written) in topology.locations.iter().zip(&spec.locations) {
        if events.iter().any(|e| takes(topology, location, e)) {
            let provider = written.observer.as_ref().or(written.provider.as_ref());
            names.insert(provider.map_or_else(
                || format!("the provider of {}", location.name),
                |p| match &p.alias {
                    Some(alias) => format!("provider {}.{alias}", p.name),
                    None => format!("provider {}", p.name),
                },
            ));
        }
    }
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn ordered_words(to: &BTreeSet<String>, forced: bool, lang: Lang) -> String {
    let mut lines = Vec::new();
    if !to.is_empty() {
        let names: Vec<&str> = to.iter().map(String::as_str).collect();
        lines.push(say(lang, "over.to", &[("places", &names.join(", "))]));
    }
    if forced {
        lines.push(say(lang, "over.forced", &[]));
    }
    lines.join("\n")
}

/// The time of day so many seconds ago.
fn time_of_day(seconds: u64) -> String {
    let ago = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    jiff::Zoned::now().checked_sub(ago).map_or_else(|_| "-".into(), |t| t.strftime("%H:%M:%S").to_string())
}

/// Asks on a terminal for one word; a pipe never gives it.
pub(super) fn typed(question: &str, word: &str, printer: &Printer) -> bool {
    if !std::io::stdin().is_terminal() {
        printer.error("nobody is there to approve: say -auto-approve. Nothing was changed");
        return false;
    }
    printer.out(question);
    let mut line = String::new();
    let said = std::io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == word;
    if !said {
        printer.error("not approved; nothing was changed");
    }
    said
}
