use super::sample::*;
use crate::plan::model::{Action, Kind, OutputChange, Plan, Reason};
use crate::report::plan::{Fate, carried_out, json, text};
use crate::report::style::{Style, columns};
use crate::spread::model::{Bound, Mode};
use straddle_sdk::value::{Marks, Type, Value};

fn plain(plan: &Plan) -> String {
    text(plan, Fate::Shown, &Style::default())
}

#[test]
fn one_replica_lost() {
    insta::assert_snapshot!(text(
        &one_lost(),
        Fate::Saved { file: "web.plan", digest: "sha256:7be1" },
        &Style::default()
    ));
}

#[test]
fn first_creation() {
    insta::assert_snapshot!(plain(&first()));
}

#[test]
fn an_apply_ends_with_where_replicas_stand_and_what_to_try() {
    insta::assert_snapshot!(carried_out(&first(), &Style::default()));
}

#[test]
fn rollout_of_ten() {
    insta::assert_snapshot!(plain(&rollout(10)));
}

#[test]
fn zone_down() {
    insta::assert_snapshot!(plain(&failover()));
}

#[test]
fn refused_plan() {
    let plan = refused();
    assert!(plan.is_broken());
    insta::assert_snapshot!(plain(&plan));
}

#[test]
fn everything_else_a_plan_can_say() {
    let mut plan = one_lost();
    let kept: Vec<usize> = (0..plan.changes.len()).filter(|i| plan.changes[*i].action == Action::NoOp).collect();
    plan.changes[kept[0]].previous_address = Some("sim_load_balancer.old".parse().unwrap());
    plan.changes[kept[1]].action = Action::Forget;
    plan.changes[kept[2]].deposed = Some("0000000a".into());
    plan.changes[kept[2]].action = Action::Delete;
    plan.changes[kept[2]].after = Value::null(Type::Dynamic);
    plan.changes[kept[3]].action = Action::CreateDelete;
    plan.changes[kept[3]].reason = Some(Reason::Tainted);
    let output = |name: &str, before: Option<Value>, after: Option<Value>, sensitive| OutputChange {
        was_sensitive: false,
        declared: None,
        name: name.into(),
        before,
        after,
        sensitive,
    };
    plan.outputs = vec![
        output("gone", Some(Value::TRUE), None, false),
        output("password", Some(Value::string("a")), Some(Value::string("b").with_marks(Marks::SENSITIVE)), true),
        output("url", None, Some(Value::unknown(Type::String)), false),
    ];
    plan.warnings.push(crate::diag::Diagnostic::warning("Something odd", "It may matter."));
    plan.workloads[0].1.weakened = vec![
        ("survive.building".into(), "floor 50%".into(), None),
        ("floor.serving".into(), "100%".into(), Some("80%".into())),
    ];
    insta::assert_snapshot!(plain(&plan));
}

#[test]
fn destroying() {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let rules = workload(&topology, 4);
    let plan = plan(&topology, rules, &live(&[2, 2]), Kind::Destroy, &Mode::Destroy);
    insta::assert_snapshot!(plain(&plan));
}

#[test]
fn nothing_to_do() {
    let topology = topology(&["seoul-a", "seoul-c"]);
    let mut rules = workload(&topology, 10);
    rules.survive[0].then.clear();
    let plan = plan(&topology, rules, &live(&[5, 5]), Kind::Normal, &Mode::normal());
    insta::assert_snapshot!(plain(&plan));
}

/// Without the codes, a text in colour is the plain one.
#[test]
fn colour_is_only_colour() {
    for plan in [one_lost(), first(), rollout(10), failover(), refused()] {
        let colour = text(&plan, Fate::Shown, &Style { color: true, ..Style::default() });
        assert!(colour.contains("\u{1b}["));
        let mut bare = String::new();
        let mut rest = colour.as_str();
        while let Some(at) = rest.find("\u{1b}[") {
            bare.push_str(&rest[..at]);
            rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
        }
        bare.push_str(rest);
        // Lines are broken by what is seen, so both break alike.
        assert_eq!(bare, plain(&plan));
    }
}

/// A change of ten thousand replicas fits a screen or two; all of it is there when asked for.
#[test]
fn many_replicas_fit_a_screen() {
    let names: Vec<String> = (0..20).map(|z| format!("z{z:02}")).collect();
    let topology = topology(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut rules = workload(&topology, 10_000);
    rules.survive[0].floor = Bound::percent(90);
    let topology = {
        let mut wide = topology;
        wide.locations.iter_mut().for_each(|l| l.capacity.limit = crate::spread::model::Limit::Unlimited);
        wide
    };
    let plan = plan(&topology, rules, &live(&[0; 20]), Kind::Normal, &Mode::normal());
    assert_eq!(plan.changes.len(), 20_001);
    let short = plain(&plan);
    assert!(short.lines().count() < 90, "{} lines\n{short}", short.lines().count());
    assert!(short.lines().all(|l| columns(l) < 160), "{short}");
    assert!(short.contains("and 9999 more alike"), "{short}");
    let all = text(&plan, Fate::Shown, &Style { verbose: true, ..Style::default() });
    let heads: std::collections::BTreeSet<&str> =
        all.lines().filter_map(|l| l.strip_prefix("  + ")?.split("  #").next()).collect();
    for change in &plan.changes {
        assert!(heads.contains(change.address.to_string().as_str()), "{} is not told", change.address);
    }
    let made = json(&plan);
    assert!(made.len() > 10_000_000);
}

/// What is gone stands first, what a provider changed on its own is folded and last.
#[test]
fn drift_in_the_order_of_weight() {
    let mut plan = one_lost();
    let size = |v: &Value, size: &str| {
        let entries = v
            .entries()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.clone(), if &**k == "size" { Value::string(size) } else { v.clone() }));
        Value::object(entries.collect())
    };
    let kept: Vec<usize> = (0..plan.changes.len())
        .filter(|i| plan.changes[*i].action == Action::NoOp && &*plan.changes[*i].address.ty == "sim_instance")
        .collect();
    for (n, i) in kept.into_iter().enumerate() {
        let change = &mut plan.changes[i];
        let state = size(&change.before, "s");
        if n == 0 {
            change.action = Action::Update;
            change.after = state.clone();
        }
        let (address, provider, live) = (change.address.clone(), change.provider.clone(), change.before.clone());
        plan.drift.push(crate::plan::model::Drift { address, provider, state, live });
    }
    plan.drift.sort_by(|a, b| a.address.cmp(&b.address));
    let text = plain(&plan);
    let lines: Vec<&str> = text.lines().skip_while(|l| *l != "Changed outside straddle").take(5).collect();
    assert!(lines[1].contains("seoul-a/2") && lines[1].contains("GONE"), "{text}");
    assert!(lines[2].contains("seoul-a/2") && lines[2].contains("GONE"), "{text}");
    assert!(lines[3].contains("seoul-a/0") && lines[3].ends_with("size: \"s\" -> \"m\""), "{text}");
    assert!(
        lines[4].contains("server (8: seoul-a/1, seoul-a/3,4, seoul-c/0..4)") && lines[4].ends_with(", kept"),
        "{text}"
    );
}

#[test]
fn a_failover_says_its_promise_and_what_is_not_proven() {
    let plan = failover();
    let ago = |seconds: u64| format!("{seconds} s ago");
    let style = Style::default();
    let text = format!(
        "{}--\n{}",
        crate::report::failover::before(&plan, &style),
        crate::report::failover::after(&plan, 2, &ago, &style)
    );
    insta::assert_snapshot!(text);
}
