//! Objects that carry straddle's tags: what an attempt made whose end is not known, and what is in no state.

use crate::api;
use crate::attr::only_id;
use crate::kinds::{ResourceKind as K, Seed, balance, group, instance, rule};
use crate::memory::Memory;
use crate::ownership;
use crate::problem::Problem;
use crate::session::Session;
use crate::tags::{self, Tags};
use aws_sdk_ec2::types::Filter;
use std::collections::BTreeMap;
use straddle_sdk::provider::{Discovered, Discovery, Ownership};

/// The types whose tags EC2 lists.
const NETWORKS: &[K] = &[
    K::LaunchTemplate,
    K::SecurityGroup,
    K::IngressRule,
    K::EgressRule,
    K::Vpc,
    K::Subnet,
    K::InternetGateway,
    K::Address,
    K::NatGateway,
    K::RouteTable,
];

/// Looks for them; of the types asked for, or of all. An answer that cannot be had is an error: "not found" must be true.
pub async fn discover(session: &Session, asked: &Discovery) -> Result<Vec<Discovered>, Problem> {
    let wants = |kinds: &[K]| {
        asked.types.is_empty() || kinds.iter().any(|kind| asked.types.iter().any(|name| **name == *kind.type_name()))
    };
    let mut found = Vec::new();
    if wants(&[K::Instance]) {
        found.extend(instances(session, asked).await?);
    }
    if wants(NETWORKS) {
        found.extend(networks(session, asked).await?);
    }
    if wants(&[K::LoadBalancer, K::TargetGroup, K::Listener, K::ListenerRule]) {
        found.extend(balancers(session, asked, wants(&[K::ListenerRule])).await?);
    }
    if wants(&[K::ScalingGroup]) {
        for one in group::owned(session).await? {
            let (Some(name), Some(own)) = (one.auto_scaling_group_name(), group::ownership_of(&one)) else { continue };
            found.extend(discovered(K::ScalingGroup, name, own, asked));
        }
    }
    if wants(&[K::HealthCheck]) && !asked.tokens.is_empty() {
        found.extend(checks(session, asked).await?);
    }
    found.retain(|one| asked.types.is_empty() || asked.types.contains(&one.type_name));
    Ok(found)
}

fn fits(own: &Ownership, asked: &Discovery) -> bool {
    asked.owner.as_ref().is_none_or(|owner| *owner == own.owner)
        && (asked.tokens.is_empty() || asked.tokens.contains(&own.token))
}

fn discovered(kind: K, id: &str, ownership: Ownership, asked: &Discovery) -> Option<Discovered> {
    fits(&ownership, asked).then(|| Discovered {
        type_name: kind.type_name().into(),
        id: id.to_owned(),
        ownership,
        state: None,
        private: Vec::new(),
    })
}

async fn instances(session: &Session, asked: &Discovery) -> Result<Vec<Discovered>, Problem> {
    let schema = K::Instance.schema();
    let mut all = Vec::new();
    for (id, found) in instance::owned(session, asked.owner.as_deref()).await? {
        let index = found.ami_launch_index().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let Some(own) = ownership::of_instance(&tags::of_ec2(found.tags()), index) else { continue };
        if !instance::exists(&found) || !fits(&own, asked) {
            continue;
        }
        let mut base = only_id(&schema, &id);
        // What an attempt made is taken over as it was asked for, and no list tells of user data.
        if !asked.tokens.is_empty() {
            base = instance::with_user_data(&base, instance::user_data(session, &id).await?);
        }
        let state = instance::live(session, &found, &BTreeMap::new(), &base);
        all.push(Discovered {
            type_name: K::Instance.type_name().into(),
            id,
            ownership: own,
            state: Some(state),
            private: Memory { launched: instance::launched(&found), ..Memory::new() }.bytes(),
        });
    }
    Ok(all)
}

/// EC2's objects other than instances: all their ownership tags in one page walk.
async fn networks(session: &Session, asked: &Discovery) -> Result<Vec<Discovered>, Problem> {
    let keys = [ownership::OWNER, ownership::TOKEN, ownership::ADDRESS].map(str::to_owned).to_vec();
    let filter = Filter::builder().name("key").set_values(Some(keys)).build();
    let mut by_object: BTreeMap<(String, String), Tags> = BTreeMap::new();
    let mut next: Option<String> = None;
    loop {
        let call = session.ec2.describe_tags().filters(filter.clone()).max_results(1000);
        let answer = session.ask(&api::DESCRIBE_TAGS, call.set_next_token(next.clone()).send()).await?;
        for tag in answer.tags.unwrap_or_default() {
            let word = tag.resource_type().map(|t| t.as_str().to_owned()).unwrap_or_default();
            if let (Some(id), Some(key)) = (tag.resource_id, tag.key) {
                by_object.entry((word, id)).or_default().insert(key, tag.value.unwrap_or_default());
            }
        }
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    let one = |((word, id), tags): ((String, String), Tags)| {
        let own = ownership::of_tags(&tags)?;
        let kind = K::of_ec2(&word, &id).or_else(|| rule_kind(&id, &own))?;
        discovered(kind, &id, own, asked)
    };
    Ok(by_object.into_iter().filter_map(one).collect())
}

/// Of the two kinds of rules of security groups that are objects of their own, the one the address names.
fn rule_kind(id: &str, own: &Ownership) -> Option<K> {
    let names = |kind: &K| own.address.split('.').any(|part| part == kind.type_name());
    [K::IngressRule, K::EgressRule].into_iter().find(|kind| id.starts_with("sgr-") && names(kind))
}

async fn balancers(session: &Session, asked: &Discovery, rules: bool) -> Result<Vec<Discovered>, Problem> {
    let mut all: Vec<(K, String)> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = session.elb.describe_load_balancers().set_marker(next.clone());
        let answer = session.ask(&api::DESCRIBE_BALANCERS, call.send()).await?;
        let arns = answer.load_balancers.unwrap_or_default().into_iter().filter_map(|b| b.load_balancer_arn);
        all.extend(arns.map(|arn| (K::LoadBalancer, arn)));
        match answer.next_marker.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    next = None;
    loop {
        let call = session.elb.describe_target_groups().set_marker(next.clone());
        let answer = session.ask(&api::DESCRIBE_TARGET_GROUPS, call.send()).await?;
        let arns = answer.target_groups.unwrap_or_default().into_iter().filter_map(|g| g.target_group_arn);
        all.extend(arns.map(|arn| (K::TargetGroup, arn)));
        match answer.next_marker.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    let balancers: Vec<String> =
        all.iter().filter(|(k, _)| *k == K::LoadBalancer).map(|(_, arn)| arn.clone()).collect();
    for balancer in balancers {
        let call = session.elb.describe_listeners().load_balancer_arn(&balancer);
        match session.ask(&api::DESCRIBE_LISTENERS, call.send()).await {
            Ok(answer) => {
                let arns = answer.listeners.unwrap_or_default().into_iter().filter_map(|l| l.listener_arn);
                all.extend(arns.map(|arn| (K::Listener, arn)));
            }
            // Gone since it was listed.
            Err(problem) if problem.is_gone() => {}
            Err(problem) => return Err(problem),
        }
    }
    if rules {
        let listeners: Vec<String> =
            all.iter().filter(|(k, _)| *k == K::Listener).map(|(_, arn)| arn.clone()).collect();
        for listener in listeners {
            match rule::of_listener(session, &listener).await {
                Ok(found) => {
                    all.extend(found.into_iter().filter_map(|r| r.rule_arn).map(|arn| (K::ListenerRule, arn)));
                }
                Err(problem) if problem.is_gone() => {}
                Err(problem) => return Err(problem),
            }
        }
    }
    let arns: Vec<String> = all.iter().map(|(_, arn)| arn.clone()).collect();
    let tags = balance::tags_of(session, &arns).await?;
    let one = |(kind, arn): (K, String)| {
        let own = ownership::of_tags(tags.get(&arn)?)?;
        discovered(kind, &arn, own, asked)
    };
    Ok(all.into_iter().filter_map(one).collect())
}

/// Health checks by the reference they were made with, which follows from the attempt.
async fn checks(session: &Session, asked: &Discovery) -> Result<Vec<Discovered>, Problem> {
    let references: BTreeMap<String, &String> =
        asked.tokens.iter().map(|token| (Seed::text(token).token(), token)).collect();
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let answer = session
            .ask(&api::LIST_HEALTH_CHECKS, session.dns.list_health_checks().set_marker(next.clone()).send())
            .await?;
        for check in &answer.health_checks {
            if let Some(token) = references.get(check.caller_reference()) {
                let owner = asked.owner.clone().unwrap_or_default();
                let own = Ownership { owner, token: (*token).clone(), address: String::new() };
                all.extend(discovered(K::HealthCheck, check.id(), own, asked));
            }
        }
        match answer
            .next_marker
            .filter(|token| answer.is_truncated && !token.is_empty() && next.as_ref() != Some(token))
        {
            Some(token) => next = Some(token),
            None => return Ok(all),
        }
    }
}
