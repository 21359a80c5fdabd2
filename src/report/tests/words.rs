//! Diagnostics, refusals, drift, simulations and progress as people read them.

use super::sample::*;
use crate::apply::{Event, Summary};
use crate::diag::{Diagnostic, FileId, Source, Span};
use crate::plan::model::{Action, Drift as Found};
use crate::report::style::Style;
use crate::report::{diagnostics, drift, events, refusal, simulate};
use crate::spread::decide;
use crate::spread::model::{Bound, Mode, Replicas};
use std::time::Duration;
use straddle_sdk::value::{Marks, Type, Value};

#[test]
fn a_mistake_underlined() {
    let mut sources = sources();
    sources.files.push(Source::new("vars.tf", "variable \"n\" {\n  default = \"서울\"\n}\n"));
    let there = Span { file: FileId(1), range: 17..35 };
    let all = [
        Diagnostic::error("Duplicate argument", "\"replicas\" is already set.")
            .at(&line("replicas = 10"))
            .related(&line("survive \"zone\""), "the rule counts these")
            .related(&there, "the value comes from here")
            .help("Remove one of them."),
        Diagnostic::warning("Nothing to point at", "This has no place."),
    ];
    insta::assert_snapshot!(diagnostics::text(&all, &sources, &Style::default()));
}

#[test]
fn places_outside_the_text_do_not_stop_the_words() {
    let far = Span { file: FileId(0), range: 5000..9000 };
    let nowhere = Span { file: FileId(7), range: 0..1 };
    for span in [far, nowhere] {
        let text =
            diagnostics::text(&[Diagnostic::error("Lost", "still said").at(&span)], &sources(), &Style::default());
        assert!(text.contains("Lost") && text.contains("still said"), "{text}");
    }
}

#[test]
fn a_refused_rule_and_its_ways_out() {
    let plan = refused();
    let (_, workload) = &plan.workloads[0];
    let names = crate::report::words::Names { topology: &plan.topology, workload: &workload.rules };
    let all: Vec<Diagnostic> =
        workload.decision.breaches.iter().map(|b| refusal::breach(b, names, &site, crate::tongue::Lang::En)).collect();
    insta::assert_snapshot!(diagnostics::text(&all, &plan.sources, &Style::default()));
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
    insta::assert_snapshot!(refusal::text(&refused, names, &site, &sources(), &Style::default()));
}

#[test]
fn drift_for_people() {
    let mut plan = one_lost();
    let i = plan.changes.iter().position(|c| c.action == Action::NoOp && &*c.address.ty == "sim_instance").unwrap();
    let (address, provider, state) =
        (plan.changes[i].address.clone(), plan.changes[i].provider.clone(), plan.changes[i].before.clone());
    let live = instance("seoul-a", 0, "img-evil", true);
    plan.drift.insert(0, Found { address, provider, state, live });
    insta::assert_snapshot!(drift::text(&drift::Drift::of_plan(&plan), &Style::default()));
}

#[test]
fn drift_keeps_secrets() {
    let secret = |t: &str| {
        Value::object(vec![
            ("p".into(), Value::string(t).with_marks(Marks::SENSITIVE)),
            ("q".into(), Value::null(Type::String)),
        ])
    };
    let found = drift::differing(&secret("one"), &secret("two"), None);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), &found[0].state, &found[0].live), ("p", &None, &None));
}

#[test]
fn simulation_for_people() {
    let plan = one_lost();
    let (_, w) = &plan.workloads[0];
    let workloads =
        vec![simulate::Simulated::of_decision(&w.decision, &w.rules, &plan.topology, simulate::Moment::After)];
    insta::assert_snapshot!(simulate::text(
        &simulate::Simulation { topology: &plan.topology, workloads, survival: Default::default() },
        &Style::default()
    ));
}

#[test]
fn progress_for_people() {
    let plan = one_lost();
    let address = plan.changes[1].address.clone();
    let mut out = String::new();
    for event in [
        Event::StepStart { workload: "web".into(), step: 0, of: 1 },
        Event::Done {
            address: address.clone(),
            action: Action::Create,
            took: Duration::from_secs(95),
            id: Some("i-1".into()),
        },
        Event::Failed {
            address,
            action: Action::Delete,
            in_doubt: false,
            problems: vec![Diagnostic::error("In use", "x")],
        },
        Event::Waiting { workload: "web".into(), step: 0, ready: 0, of: 1, serving: 9 },
        Event::StepStopped { workload: "web".into(), step: 0, of: 1, why: Diagnostic::error("No longer safe", "") },
        Event::StepDone { workload: "web".into(), step: 0, of: 1, serving: 10 },
    ] {
        out.push_str(&events::line(&event, &plan, "03:04:05", &Style::default()).unwrap());
        out.push('\n');
    }
    let part = Summary { added: 2, failed: 1, in_doubt: 1, skipped: 4, ..Summary::default() };
    out.push_str(&events::summary_text(&part, &Style::default()));
    out.push('\n');
    out.push_str(&events::summary_text(&Summary { added: 2, ..Summary::default() }, &Style::default()));
    insta::assert_snapshot!(out);
}
