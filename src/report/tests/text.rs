use super::sample::*;
use crate::plan::model::Plan;
use crate::report::plan::{text, text_saved};
use crate::report::style::Style;

fn plain(plan: &Plan) -> String {
    text(plan, &Style::default())
}

#[test]
fn one_replica_lost() {
    insta::assert_snapshot!(text_saved(&one_lost(), "web.plan", "sha256:7be1", &Style::default()));
}

#[test]
fn first_creation() {
    insta::assert_snapshot!(plain(&first()));
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
