//! `aws_lb_target_group_attachment`: servers behind a load balancer; registered and read a target group at a time.

use crate::api;
use crate::attr::{Args, Live, settled};
use crate::problem::{Nature, Problem};
use crate::session::Session;
use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealthDescription, TargetHealthStateEnum};
use std::collections::BTreeMap;
use straddle_sdk::provider::{Answers, ApplyAnswer, Failure, ResourceSchema, number, string};
use straddle_sdk::value::Value;

/// Targets of one call.
const MOST: usize = 100;

/// The schema.
pub fn schema() -> ResourceSchema {
    ResourceSchema::new()
        .describe("A server behind a load balancer.")
        .attribute("availability_zone", string().replaces())
        .attribute(
            "health",
            string()
                .recomputed()
                .describe("What the load balancer sees: initial, healthy, unhealthy, unused, unavailable."),
        )
        .attribute("id", string().computed())
        .attribute("port", number().computed().optional().replaces())
        .attribute("target_group_arn", string().required().replaces())
        .attribute("target_id", string().required().replaces())
}

fn target(args: Args<'_>) -> TargetDescription {
    TargetDescription::builder()
        .id(args.must("target_id"))
        .set_port(args.int32("port"))
        .set_availability_zone(args.text("availability_zone"))
        .build()
}

fn same(args: Args<'_>, found: &TargetHealthDescription) -> bool {
    let Some(target) = found.target() else { return false };
    target.id() == args.text("target_id").as_deref()
        && args.int32("port").is_none_or(|port| target.port() == Some(port))
}

fn draining(found: &TargetHealthDescription) -> bool {
    found.target_health().and_then(|h| h.state()) == Some(&TargetHealthStateEnum::Draining)
}

async fn health(session: &Session, group: &str) -> Result<Vec<TargetHealthDescription>, Problem> {
    let call = session.elb.describe_target_health().target_group_arn(group);
    let answer = session.ask(&api::DESCRIBE_TARGET_HEALTH, call.send()).await?;
    Ok(answer.target_health_descriptions.unwrap_or_default())
}

fn live(state: &Value, found: Option<&TargetHealthDescription>) -> Value {
    let args = Args(state);
    let (group, id) = (args.must("target_group_arn"), args.must("target_id"));
    let mut live = Live::over(state);
    if let Some(port) = found.and_then(|f| f.target()).and_then(|t| t.port()) {
        live.int("port", Some(port));
    }
    let port = Args(live.value()).int("port").map(|p| format!(",{p}")).unwrap_or_default();
    let health = found.and_then(|f| f.target_health()).and_then(|h| h.state());
    live.text("id", Some(format!("{group},{id}{port}")));
    // Registered a moment ago and not listed yet: it begins there.
    live.text("health", Some(health.map_or("initial", |h| h.as_str())));
    live.done()
}

/// What an import's id says: `GROUP_ARN,TARGET` or `GROUP_ARN,TARGET,PORT`.
pub fn from_id(schema: &ResourceSchema, id: &str) -> Option<Value> {
    let mut parts = id.split(',');
    let (group, target) = (parts.next()?, parts.next()?);
    let state = crate::attr::only_id(schema, id)
        .with_attribute("target_group_arn", crate::attr::text(group))
        .with_attribute("target_id", crate::attr::text(target));
    match parts.next() {
        Some(port) => Some(state.with_attribute("port", crate::attr::number(port.parse::<i64>().ok()?))),
        None => Some(state),
    }
}

/// The objects as they are, in the order asked: one call for each target group.
pub async fn read_many(session: &Session, states: &[&Value]) -> Vec<Result<Option<Value>, Problem>> {
    let mut groups: BTreeMap<String, Result<Vec<TargetHealthDescription>, Problem>> = BTreeMap::new();
    for state in states {
        let group = Args(state).must("target_group_arn");
        if let std::collections::btree_map::Entry::Vacant(place) = groups.entry(group) {
            let found = health(session, place.key()).await;
            place.insert(found);
        }
    }
    let one = |state: &&Value| match groups.get(&Args(state).must("target_group_arn")) {
        Some(Ok(all)) => {
            let found = all.iter().find(|f| same(Args(state), f) && !draining(f));
            Ok(found.map(|found| live(state, Some(found))))
        }
        Some(Err(problem)) if !problem.is_gone() => Err(problem.clone()),
        _ => Ok(None),
    };
    states.iter().map(one).collect()
}

/// Registers targets, those of one group together; again is the same as once.
pub async fn create_many(session: &Session, requests: Vec<(usize, Value)>, answers: &Answers<ApplyAnswer>) {
    for (group, all) in by_group(requests) {
        for some in all.chunks(MOST) {
            let failed = register(session, &group, some).await;
            let seen = health(session, &group).await.unwrap_or_default();
            for (index, planned) in some {
                let answer = match failed.get(index) {
                    Some(problem) => Err(failure(problem)),
                    None => {
                        let found = seen.iter().find(|f| same(Args(planned), f) && !draining(f));
                        Ok(ApplyAnswer::new(settled(planned, &live(planned, found)))
                            .private(crate::memory::Memory::new().bytes()))
                    }
                };
                answers.tell(*index, answer);
            }
        }
    }
}

fn failure(problem: &Problem) -> Failure {
    Failure { diagnostics: problem.clone().into(), in_doubt: problem.nature == Nature::InDoubt }
}

fn by_group(requests: Vec<(usize, Value)>) -> BTreeMap<String, Vec<(usize, Value)>> {
    let mut groups: BTreeMap<String, Vec<(usize, Value)>> = BTreeMap::new();
    for (index, object) in requests {
        groups.entry(Args(&object).must("target_group_arn")).or_default().push((index, object));
    }
    groups
}

/// Registers some together; where that is refused, each on its own, so that one does not keep out the others.
async fn register(session: &Session, group: &str, some: &[(usize, Value)]) -> BTreeMap<usize, Problem> {
    let call = |targets: Vec<TargetDescription>| {
        let call = session.elb.register_targets().target_group_arn(group).set_targets(Some(targets));
        session.ask(&api::REGISTER_TARGETS, call.send())
    };
    let mut failed = BTreeMap::new();
    let Err(problem) = call(some.iter().map(|(_, planned)| target(Args(planned))).collect()).await else {
        return failed;
    };
    if some.len() == 1 {
        failed.extend(some.iter().map(|(index, _)| (*index, problem.clone())));
        return failed;
    }
    for (index, planned) in some {
        if let Err(problem) = call(vec![target(Args(planned))]).await {
            failed.insert(*index, problem.about("target_id"));
        }
    }
    failed
}

/// Takes targets away, those of one group together. What is not there is away.
pub async fn delete_many(session: &Session, requests: Vec<(usize, Value)>, answers: &Answers<ApplyAnswer>) {
    for (group, all) in by_group(requests) {
        for some in all.chunks(MOST) {
            let call = |targets: Vec<TargetDescription>| {
                let call = session.elb.deregister_targets().target_group_arn(&group).set_targets(Some(targets));
                session.ask(&api::DEREGISTER_TARGETS, call.send())
            };
            let together = call(some.iter().map(|(_, prior)| target(Args(prior))).collect()).await;
            for (index, prior) in some {
                let end = match &together {
                    Ok(_) => Ok(()),
                    Err(_) if some.len() > 1 => call(vec![target(Args(prior))]).await.map(|_| ()),
                    Err(problem) => Err(problem.clone()),
                };
                answers.tell(
                    *index,
                    match end {
                        Ok(()) => Ok(ApplyAnswer::deleted()),
                        Err(problem) if problem.is_gone() || &*problem.code == "InvalidTarget" => {
                            Ok(ApplyAnswer::deleted())
                        }
                        Err(problem) if problem.nature == Nature::InDoubt => {
                            Ok(ApplyAnswer::partial(prior.clone(), problem))
                        }
                        Err(problem) => Err(failure(&problem)),
                    },
                );
            }
        }
    }
}
