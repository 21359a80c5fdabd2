//! Every machine format against its schema, with real outputs.

use super::sample::*;
use crate::apply::{Event, Summary};
use crate::diag::Diagnostic;
use crate::plan::model::{Action, OutputChange, Plan, Unreadable};
use crate::report::{diagnostics, drift, events, plan, refusal, simulate};
use crate::spread::decide;
use crate::spread::model::{Bound, Mode, Replicas};
use serde_json::Value as Tree;
use std::time::Duration;
use straddle_sdk::value::{Marks, Type, Value};

const TIME: &str = "2026-11-22T03:04:05Z";

fn valid(schema: &str, instance: &str) {
    let schema: Tree = serde_json::from_str(schema).unwrap();
    let instance: Tree = serde_json::from_str(instance).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> =
        validator.iter_errors(&instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{instance:#}");
}

fn refuses(schema: &str, instance: Tree) {
    let schema: Tree = serde_json::from_str(schema).unwrap();
    assert!(!jsonschema::is_valid(&schema, &instance), "{instance:#} should not be valid");
}

const PLAN: &str = include_str!("../../../schemas/plan.schema.json");
const DRIFT: &str = include_str!("../../../schemas/drift.schema.json");
const SIMULATION: &str = include_str!("../../../schemas/simulation.schema.json");
const EVENTS: &str = include_str!("../../../schemas/events.schema.json");
const DIAGNOSTICS: &str = include_str!("../../../schemas/diagnostics.schema.json");
const REFUSAL: &str = include_str!("../../../schemas/refusal.schema.json");
const STATE: &str = include_str!("../../../schemas/state.schema.json");
const SIM_STATUS: &str = include_str!("../../../schemas/sim_status.schema.json");

fn plans() -> Vec<Plan> {
    let mut odd = one_lost();
    odd.changes[1].deposed = Some("0000000a".into());
    odd.changes[2].previous_address = Some("sim_instance.old[0]".parse().unwrap());
    odd.outputs.push(OutputChange {
        was_sensitive: false,
        declared: None,
        name: "o".into(),
        before: Some(Value::TRUE),
        after: Some(Value::unknown(Type::Bool)),
        sensitive: false,
    });
    odd.workloads[0].1.weakened.push(("survive.building".into(), "50%".into(), None));
    odd.unreadable.push(Unreadable {
        address: "sim_instance.x".parse().unwrap(),
        problem: Diagnostic::error("API down", "no answer"),
    });
    odd.variables.insert("password".into(), Value::string("p").with_marks(Marks::SENSITIVE));
    odd.relevant.push(crate::plan::relevant::Contribution {
        resource: "sim_instance.x[0]".into(),
        attribute: vec![straddle_sdk::value::Step::Attr("ids".into()), straddle_sdk::value::Step::Index(0)],
    });
    vec![one_lost(), first(), rollout(10), failover(), refused(), shrink(2, 10, 6), odd]
}

#[test]
fn plans_are_valid() {
    for one in plans() {
        valid(PLAN, &plan::json(&one));
    }
    refuses(PLAN, serde_json::json!({"format_version": "1.2"}));
}

#[test]
fn drift_is_valid() {
    for one in plans() {
        let report = drift::Drift::of_plan(&one);
        valid(DRIFT, &drift::json(&report));
        valid(STATE, &drift::state_extra(&one.topology, &one.workloads));
    }
    let mut extra: Tree = serde_json::from_str(&drift::json(&drift::Drift::of_plan(&one_lost()))).unwrap();
    extra["resources"][0]["kind"] = "vanished".into();
    refuses(DRIFT, extra);
}

#[test]
fn simulations_are_valid() {
    for one in plans() {
        for moment in [simulate::Moment::Now, simulate::Moment::WorstDuring, simulate::Moment::After] {
            let (_, w) = &one.workloads[0];
            let workloads = vec![simulate::Simulated::of_decision(&w.decision, &w.rules, &one.topology, moment)];
            valid(
                SIMULATION,
                &simulate::json(&simulate::Simulation {
                    topology: &one.topology,
                    workloads,
                    survival: Default::default(),
                }),
            );
        }
    }
}

fn each_line(lines: &str) {
    assert!(lines.ends_with('\n'));
    lines.lines().for_each(|line| valid(EVENTS, line));
}

#[test]
fn events_are_valid() {
    each_line(&events::version("0.1.0", TIME));
    for one in plans() {
        each_line(&events::plan(&one, TIME));
    }
    let one = one_lost();
    let address = one.changes[1].address.clone();
    let why = Diagnostic::error("A rule would break", "survive.zone").at(&line("survive \"zone\""));
    for event in [
        Event::Start { address: address.clone(), action: Action::Create },
        Event::Done {
            address: address.clone(),
            action: Action::Create,
            took: Duration::from_secs(3),
            id: Some("i-1".into()),
        },
        Event::Failed { address, action: Action::Delete, in_doubt: true, problems: vec![why.clone()] },
        Event::StepStart { workload: "web".into(), step: 0, of: 1 },
        Event::StepChecked { workload: "web".into(), step: 0, serving: 9 },
        Event::Waiting { workload: "web".into(), step: 0, ready: 0, of: 1, serving: 9 },
        Event::StepDone { workload: "web".into(), step: 0, of: 1, serving: 10 },
        Event::StepStopped { workload: "web".into(), step: 0, of: 1, why: why.clone() },
        Event::Note(why.clone()),
    ] {
        each_line(&events::event(&event, &one, TIME));
    }
    let summary = Summary { added: 1, failed: 1, problems: vec![why], ..Summary::default() };
    each_line(&events::summary(&summary, "apply", &one.sources, TIME));
}

#[test]
fn diagnostics_are_valid() {
    let all = [
        Diagnostic::error("Bad", "So bad.")
            .at(&line("replicas = 10"))
            .help("Write less.")
            .related(&line("survive \"zone\""), "because of this"),
        Diagnostic::warning("Odd", ""),
    ];
    valid(DIAGNOSTICS, &diagnostics::json(&all, &sources()));
    let tree: Tree = serde_json::from_str(&diagnostics::json(&all, &sources())).unwrap();
    let range = &tree["diagnostics"][0]["range"];
    assert_eq!(
        (&range["start"]["line"], &range["start"]["column"], &range["end"]["column"]),
        (&2.into(), &3.into(), &16.into())
    );
    assert_eq!(tree["diagnostics"][0]["snippet"]["code"], "  replicas = 10");
}

#[test]
fn refusals_are_valid() {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let mut rules = workload(&topology, 10);
    rules.spread[0].min = [("*".to_string(), 8)].into();
    let refused = decide(&topology, &rules, &live(&[5, 5]), &Mode::normal()).unwrap_err();
    let names = crate::report::words::Names { topology: &topology, workload: &rules };
    valid(REFUSAL, &refusal::json(&refused, names, &site, &sources()));
}

#[test]
fn no_order_of_steps() {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let mut rules = workload(&topology, 10);
    rules.rollout.surge = Some(Bound::Count(0));
    let mut standing = live(&[5, 5]);
    for place in &mut standing.places {
        if let Replicas::Slots(slots) = &mut place.replicas {
            slots.iter_mut().for_each(|slot| slot.current = false);
        }
    }
    let refused = decide(&topology, &rules, &standing, &Mode::normal()).unwrap_err();
    let names = crate::report::words::Names { topology: &topology, workload: &rules };
    valid(REFUSAL, &refusal::json(&refused, names, &site, &sources()));
}

#[test]
fn simulated_clouds_are_valid() {
    use straddle_provider_sim::control;
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("sim.db");
    let clock = straddle_provider_sim::SystemClock;
    let zone = straddle_provider_sim::model::DomainName::zone("a");
    control::set_health(&store, &clock, &[zone], straddle_provider_sim::model::Health::Down).unwrap();
    let status = control::status(&store, &clock).unwrap();
    assert_eq!(status.domains.len(), 1);
    valid(SIM_STATUS, &serde_json::to_string(&status).unwrap());
}
