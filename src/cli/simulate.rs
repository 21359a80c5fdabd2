//! `simulate` and `validate --rules`: what losses leave, of what stands or of what the spec would have.

use super::Exit;
use super::args::{SimulateArgs, ValidateArgs};
use super::failover::losses;
use super::planning;
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::make::normal_mode;
use crate::plan::observed::Observed;
use crate::plan::placement::{self, Standing};
use crate::promise::model::Survival;
use crate::report::simulate::{self as shown, Moment, Outcome, Simulated};
use crate::report::words::Names;
use crate::report::{diagnostics, promises, refusal};
use crate::spec::Spec;
use crate::spread::decision::Decision;
use crate::spread::model::{
    Event, Live, Mode, PlaceLive, Ready, Replicas, Site, Slot, Template as TemplateKind, Topology, Workload,
};
use crate::spread::simulate::Simulation;
use crate::spread::survive::{combinations, for_each_subset};
use crate::spread::{Question, decide_all, simulate_all};
use crate::state::State;
use crate::tongue::Lang;
use std::collections::BTreeSet;

/// Losses that one run looks at; more say nothing to a reader.
const MOST_LOSSES: u128 = 20_000;

/// `simulate`.
pub async fn run(args: SimulateArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.vars);
    let mut problems = project.problems.clone();
    let lost = asked(&project.spec, &args, &mut problems);
    if problems.iter().any(Diagnostic::is_error) {
        printer.diagnostics(&problems, &project.sources);
        return Exit::Error;
    }
    let state = match super::home::load() {
        Ok(loaded) => loaded.state,
        Err(error) => {
            printer.diagnostics(&[*error], &project.sources);
            return Exit::Error;
        }
    };
    let templates = || project.spec.workloads.iter().flat_map(|w| &w.templates);
    let only_seen = templates().any(|t| t.kind == TemplateKind::Observed);
    let stands = match state.objects.is_empty() && !only_seen {
        true => canonical(&project, printer.style().lang),
        false => observed(&project, &state, printer).await,
    };
    let stands = match stands {
        Ok(stands) => stands,
        Err(trouble) => return trouble.tell(&project, printer),
    };
    tell(&project, &state, &stands, lost.as_deref(), (args.json, args.html.as_deref()), printer)
}

/// Every workload with what counts as standing, and where.
struct Stands {
    topology: Topology,
    workloads: Vec<Standing>,
    /// Those of other states.
    beside: Vec<crate::plan::ledger::Foreign>,
}

/// Why there is nothing to apply losses to.
struct Trouble {
    exit: Exit,
    problems: Vec<Diagnostic>,
}

impl Trouble {
    fn tell(self, project: &Project, printer: &Printer) -> Exit {
        printer.diagnostics(&self.problems, &project.sources);
        self.exit
    }
}

/// The sets of events to lose; `None`: every single one there is.
fn asked(spec: &Spec, args: &SimulateArgs, problems: &mut Vec<Diagnostic>) -> Option<Vec<Vec<Event>>> {
    let named: Vec<Event> = losses(spec, &args.lose, problems).iter().filter_map(|name| spec.event(name)).collect();
    let mut sets: Vec<Vec<Event>> = Vec::new();
    if !named.is_empty() {
        sets.push(named);
    }
    match (args.any, &args.of) {
        (Some(k), Some(of)) => sets.extend(subsets(&spec.topology, k, of, problems)),
        (None, Some(of)) => problems.push(
            Diagnostic::error("How many at once?", format!("--of {of} says of what, and nothing says how many."))
                .help(format!("Write --any 1 --of {of}.")),
        ),
        _ => {}
    }
    (!sets.is_empty()).then_some(sets)
}

fn subsets(topology: &Topology, k: usize, of: &str, problems: &mut Vec<Diagnostic>) -> Vec<Vec<Event>> {
    let events: Vec<Event> = match topology.levels.iter().position(|l| l == of) {
        Some(level) => {
            let names: BTreeSet<&String> = topology.locations.iter().filter_map(|l| l.domains.get(of)).collect();
            names.into_iter().map(|name| Event::Domain { level, name: name.clone() }).collect()
        }
        None => (0..topology.risks.len())
            .filter(|r| of == "shared_risk" || topology.risks[*r].kind == of)
            .map(Event::Risk)
            .collect(),
    };
    if events.is_empty() {
        let kinds: BTreeSet<&str> =
            topology.levels.iter().chain(topology.risks.iter().map(|r| &r.kind)).map(String::as_str).collect();
        let known = kinds.into_iter().collect::<Vec<_>>().join(", ");
        problems.push(
            Diagnostic::error("Nothing of that kind", format!("No location stands in any \"{of}\"."))
                .help(format!("Levels and kinds of shared risk here: {known}.")),
        );
        return Vec::new();
    }
    let number = combinations(events.len(), k);
    if k == 0 || k > events.len() || number > MOST_LOSSES {
        let why = match k {
            0 => "Losing none of them is no loss.".to_string(),
            k if k > events.len() => format!("There are only {} of \"{of}\".", events.len()),
            _ => format!("Any {k} of {} are {number} losses; {MOST_LOSSES} is the most.", events.len()),
        };
        problems.push(
            Diagnostic::error("No such losses", why)
                .help(format!("Write --any K --of {of} with K from 1 to {}.", events.len().min(3))),
        );
        return Vec::new();
    }
    let mut sets = Vec::new();
    for_each_subset(events.len(), k, &mut |chosen| sets.push(chosen.iter().map(|i| events[*i].clone()).collect()));
    sets
}

/// What providers report now.
async fn observed(project: &Project, state: &State, printer: &Printer) -> Result<Stands, Trouble> {
    let scene = planning::look_leniently(project, state, 10)
        .await
        .map_err(|problems| Trouble { exit: Exit::Error, problems })?;
    printer.diagnostics(&scene.warnings, &project.sources);
    let mut problems = Vec::new();
    let workloads =
        placement::standing(&project.spec, &project.env(), &scene.topology, &scene.observed, state, &mut problems);
    let topology = scene.topology.clone();
    let mut beside = scene.observed.beside.clone();
    crate::plan::ledger::crowd(&mut workloads.clone(), &mut beside, &topology);
    scene.fleet.shutdown().await;
    match problems.iter().any(Diagnostic::is_error) {
        true => Err(Trouble { exit: Exit::Error, problems }),
        false => Ok(Stands { topology, workloads, beside }),
    }
}

/// What the spec would have with everything healthy.
fn canonical(project: &Project, lang: Lang) -> Result<Stands, Trouble> {
    let topology = project.spec.topology.clone();
    let mut problems = Vec::new();
    let mut workloads = Vec::new();
    for (mut one, decided) in decided(project, &mut problems, lang) {
        match decided {
            Ok(decision) => {
                one.live = full(&one.rules, &decision);
                workloads.push(one);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    let beside = Vec::new();
    placement::share_capacity(&mut workloads, &topology, &beside);
    match problems.iter().any(Diagnostic::is_error) {
        true => Err(Trouble { exit: Exit::Broken, problems }),
        false => Ok(Stands { topology, workloads, beside }),
    }
}

/// Every workload placed from nothing, declared capacities, everything healthy; or why it cannot be.
fn decided(
    project: &Project,
    problems: &mut Vec<Diagnostic>,
    lang: Lang,
) -> Vec<(Standing, Result<Decision, Box<Diagnostic>>)> {
    let spec = &project.spec;
    let standing =
        placement::standing(spec, &project.env(), &spec.topology, &Observed::default(), &State::default(), problems);
    let mode = Mode::normal();
    let questions: Vec<Question<'_>> = standing
        .iter()
        .map(|one| Question { workload: &one.rules, live: &one.live, mode: &mode, stays: false })
        .collect();
    let answers = decide_all(&spec.topology, &questions);
    let told: Vec<Result<Decision, Box<Diagnostic>>> = standing
        .iter()
        .zip(answers)
        .map(|(one, answer)| {
            let tell = |refused| refusal::diagnostic(&refused, names(&spec.topology, &one.rules), &spans(spec), lang);
            answer.map_err(|refused| Box::new(tell(refused)))
        })
        .collect();
    standing.into_iter().zip(told).collect()
}

fn names<'n>(topology: &'n Topology, workload: &'n Workload) -> Names<'n> {
    Names { topology, workload }
}

fn spans(spec: &Spec) -> impl Fn(Site) -> Option<crate::diag::Span> + '_ {
    |site| spec.span(site).cloned()
}

/// The target, all of it serving.
fn full(rules: &Workload, decision: &Decision) -> Live {
    let slot = |slot| Slot {
        slot,
        exists: true,
        incomplete: false,
        ready: Ready::Yes,
        current: true,
        interrupting_update: false,
        tainted: false,
    };
    let places = rules.places.iter().zip(&decision.after).map(|(place, n)| PlaceLive {
        others: 0,
        replicas: match place.template {
            TemplateKind::PerLocation => Replicas::Count { count: *n, ready_lo: *n, ready_hi: *n },
            TemplateKind::PerReplica | TemplateKind::Observed => Replicas::Slots((0..*n).map(slot).collect()),
        },
    });
    Live { places: places.collect() }
}

fn tell(
    project: &Project,
    state: &State,
    stands: &Stands,
    lost: Option<&[Vec<Event>]>,
    (json, html): (bool, Option<&std::path::Path>),
    printer: &Printer,
) -> Exit {
    let spec = &project.spec;
    let modes: Vec<Mode> = stands.workloads.iter().map(|one| normal_mode(spec, state, &one.name)).collect();
    let questions: Vec<Question<'_>> = stands
        .workloads
        .iter()
        .zip(&modes)
        .map(|(one, mode)| Question { workload: &one.rules, live: &one.live, mode, stays: true })
        .collect();
    let normal = Mode::normal();
    let theirs = stands.beside.iter().map(|one| one.question(&normal));
    let questions: Vec<Question<'_>> = questions.into_iter().chain(theirs).collect();
    let mut all: Vec<(&Standing, Simulation)> = Vec::new();
    for (one, answer) in stands.workloads.iter().zip(simulate_all(&stands.topology, &questions, lost)) {
        match answer {
            Ok(simulation) => all.push((one, simulation)),
            Err(refused) => {
                let problem = refusal::diagnostic(
                    &refused,
                    names(&stands.topology, &one.rules),
                    &spans(spec),
                    printer.style().lang,
                );
                printer.diagnostics(&[problem], &project.sources);
                return Exit::Broken;
            }
        }
    }
    let simulation = shown::Simulation {
        survival: crate::plan::survival::of_live(
            spec,
            &stands.topology,
            &stands.workloads,
            &super::runbook::rehearsed(spec, state),
        ),
        topology: &stands.topology,
        workloads: all
            .iter()
            .map(|(one, simulation)| Simulated {
                rules: &one.rules,
                replicas: simulation.replicas,
                losses: simulation
                    .rows
                    .iter()
                    .map(|row| Outcome::of_row(row, Moment::Now, &stands.topology, &one.rules))
                    .collect(),
                cut_sets: &simulation.cut_sets,
            })
            .collect(),
    };
    if let Some(file) = html {
        let (stack, _) = super::reports::place();
        if !super::reports::put(
            file,
            &crate::report::page::simulation(&simulation, &stack, printer.style().lang),
            printer,
        ) {
            return Exit::Error;
        }
    }
    printer.out(&match json {
        true => shown::json(&simulation),
        false => shown::text(&simulation, printer.style()),
    });
    match simulation.is_ok() {
        false => Exit::Broken,
        true if simulation.is_alarmed() => Exit::Margin,
        true => Exit::Done,
    }
}

/// `validate --rules`: the rules judged on the spec's own placement, without state or providers.
pub fn validate_rules(args: &ValidateArgs, printer: &Printer) -> Exit {
    let project = Project::read(&args.vars);
    let mut problems = project.problems.clone();
    let mut broken = false;
    let mut survival = Survival::default();
    if !project.has_errors() {
        let topology = &project.spec.topology;
        let (mut standing, mut decisions) = (Vec::new(), Vec::new());
        for (one, decided) in decided(&project, &mut problems, printer.style().lang) {
            let before = problems.len();
            match decided {
                Ok(decision) => {
                    let names = names(topology, &one.rules);
                    problems.extend(
                        decision
                            .breaches
                            .iter()
                            .map(|b| refusal::breach(b, names, &spans(&project.spec), printer.style().lang)),
                    );
                    standing.push(one);
                    decisions.push(decision);
                }
                Err(problem) => problems.push(*problem),
            }
            broken |= problems.len() > before;
        }
        survival = crate::plan::survival::of_decisions(&project.spec.promises, topology, &standing, &decisions);
        let unkept = promises::broken(&survival, &spans(&project.spec), printer.style().lang);
        broken |= !unkept.is_empty();
        problems.extend(unkept);
    }
    let failed = problems.iter().any(Diagnostic::is_error);
    if args.json {
        printer.out(&diagnostics::json_with(&problems, &project.sources, Some(&survival)));
    } else {
        printer.diagnostics(&problems, &project.sources);
        printer.out(&promises::text(&survival, promises::Moment::After, printer.style()));
        if !failed {
            printer.out(&crate::tongue::say(printer.style().lang, "simulated.can_hold", &[]));
        }
    }
    match (broken, failed) {
        (true, _) => Exit::Broken,
        (_, true) => Exit::Error,
        _ => Exit::Done,
    }
}
