//! How places fare: zones, their health, their room. What cannot be asked is not known, never down.

use crate::api;
use crate::kinds::{balance, instance};
use crate::ownership;
use crate::problem::Problem;
use crate::session::Session;
use aws_sdk_arczonalshift::types::ZonalShiftStatus;
use aws_sdk_ec2::types::{
    AvailabilityZone, AvailabilityZoneState, Filter, Instance, InstanceStatusSummary, InstanceType, SummaryStatus,
};
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::provider::{Health, LocationReport};
use straddle_sdk::value::Str;

/// The quota of virtual processors of standard on-demand instances.
const STANDARD_QUOTA: &str = "L-1216C47A";

/// What is known of the region at one moment.
struct Seen {
    zones: Vec<AvailabilityZone>,
    /// Zone id or name to why traffic was moved away.
    shifted: BTreeMap<String, String>,
    /// Zone name to impaired instances of straddle's.
    impaired: BTreeMap<String, usize>,
    /// Zone name to instances of straddle's.
    used: BTreeMap<String, usize>,
    /// Zone name to what load balancers see there.
    targets: BTreeMap<String, Targets>,
    /// Instances the quota allows for in all, where that can be told.
    quota: Option<u64>,
    /// Zone name to reserved instances not in use.
    reserved: BTreeMap<String, i64>,
    /// What could not be asked.
    blind: Vec<String>,
}

/// What load balancers see in a zone.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Targets {
    healthy: usize,
    unhealthy: usize,
}

impl Targets {
    fn mostly_ill(self) -> bool {
        self.unhealthy > self.healthy
    }
}

/// Reports on the places asked for, or on all zones.
pub async fn report(session: &Session, asked: Vec<BTreeMap<Str, Str>>) -> Vec<LocationReport> {
    let region = session.settings.region.clone();
    let seen = match look(session).await {
        Ok(seen) => seen,
        // Nobody answers: nobody knows.
        Err(problem) => {
            let message = format!("EC2 of {region} does not tell of its zones: {}", problem.message);
            let mine =
                |domains: &BTreeMap<Str, Str>| domains.values().any(|v| **v == *region || is_zone_like(v, &region));
            let unknown = |domains| LocationReport { message: message.clone(), ..LocationReport::new(domains) };
            return asked.into_iter().filter(mine).map(unknown).collect();
        }
    };
    if asked.is_empty() {
        let of = |zone: &AvailabilityZone| {
            let id = zone.zone_id().unwrap_or_default();
            let domains = [("cloud", "aws"), ("region", region.as_str()), ("zone", id)];
            zone_report(session, domains.map(|(k, v)| (k.into(), v.into())).into(), zone, &seen)
        };
        return seen.zones.iter().map(of).collect();
    }
    asked.into_iter().filter_map(|domains| one(session, domains, &seen)).collect()
}

/// Whether a value may be a zone of the region: letters differ between accounts, so both names and ids are taken.
fn is_zone_like(value: &str, region: &str) -> bool {
    value.strip_prefix(region).is_some_and(|rest| rest.len() == 1) || value.contains("-az")
}

fn one(session: &Session, domains: BTreeMap<Str, Str>, seen: &Seen) -> Option<LocationReport> {
    let named = |zone: &&AvailabilityZone| {
        domains.values().any(|v| zone.zone_id() == Some(&**v) || zone.zone_name() == Some(&**v))
    };
    if let Some(zone) = seen.zones.iter().find(named) {
        return Some(zone_report(session, domains, zone, seen));
    }
    let region = &session.settings.region;
    if let Some(zone) = domains.values().find(|v| is_zone_like(v, region)) {
        let ids: Vec<&str> = seen.zones.iter().filter_map(|z| z.zone_id()).collect();
        let message = format!("{region} has no zone {zone} for this account; it has {}", ids.join(", "));
        return Some(LocationReport { message, ..LocationReport::new(domains) });
    }
    let here = domains.values().any(|v| **v == **region);
    here.then(|| LocationReport { health: Health::Healthy, ..LocationReport::new(domains) })
}

fn zone_report(session: &Session, domains: BTreeMap<Str, Str>, zone: &AvailabilityZone, seen: &Seen) -> LocationReport {
    let (id, name) = (zone.zone_id().unwrap_or_default(), zone.zone_name().unwrap_or_default());
    let used = seen.used.get(name).copied().unwrap_or(0);
    let mut says: Vec<String> = zone.messages().iter().filter_map(|m| m.message()).map(str::to_owned).collect();
    let mut health = match zone.state() {
        Some(AvailabilityZoneState::Available) => Health::Healthy,
        Some(AvailabilityZoneState::Impaired | AvailabilityZoneState::Constrained) => Health::Degraded,
        Some(AvailabilityZoneState::Unavailable) => Health::Down,
        _ => Health::Unknown,
    };
    if let Some(why) = seen.shifted.get(id).or_else(|| seen.shifted.get(name)) {
        health = health.max(Health::Degraded);
        says.push(format!("an operator moved traffic away from here: {why}"));
    }
    let impaired = seen.impaired.get(name).copied().unwrap_or(0);
    if impaired > 0 {
        says.push(format!("{impaired} of {used} instances fail AWS's own status checks"));
        if impaired * 2 > used {
            health = health.max(Health::Degraded);
        }
    }
    let targets = seen.targets.get(name).copied().unwrap_or_default();
    if targets.unhealthy > 0 {
        let all = targets.healthy + targets.unhealthy;
        says.push(format!("{} of {all} targets do not pass their load balancer's health check", targets.unhealthy));
        // Where they are as ill in every zone it is not the zone's fault.
        let elsewhere = seen.targets.iter().any(|(other, t)| other != name && t.healthy > 0 && !t.mostly_ill());
        if targets.mostly_ill() && elsewhere {
            health = health.max(Health::Degraded);
        }
    }
    if let Some(free) = seen.reserved.get(name).filter(|free| **free > 0) {
        says.push(format!("{free} reserved instances are free"));
    }
    let units = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let short = session.short_of(name).or_else(|| session.short_of(id));
    let capacity = short.as_ref().map(|_| units(used));
    if let Some(why) = short {
        says.push(format!("it had no room a short time ago: {why}"));
    }
    says.extend(seen.blind.iter().cloned());
    LocationReport {
        health,
        capacity,
        used: Some(units(used)),
        quota: seen.quota,
        message: says.join("; "),
        ..LocationReport::new(domains)
    }
}

async fn look(session: &Session) -> Result<Seen, Problem> {
    let zones = async {
        let call = session.ec2.describe_availability_zones();
        Ok::<_, Problem>(session.ask(&api::DESCRIBE_ZONES, call.send()).await?.availability_zones.unwrap_or_default())
    };
    let (zones, shifted, impaired, owned, reserved, targets) = tokio::join!(
        zones,
        shifts(session),
        impaired(session),
        instance::all_owned(session),
        reservations(session),
        targets(session),
    );
    let zones = zones?;
    let mut blind = Vec::new();
    let mut note = |what: &str, problem: &Problem| blind.push(format!("{what} cannot be asked ({})", problem.message));
    let owned = owned.map_err(|p| note("instances", &p)).unwrap_or_default();
    let shifted = shifted.map_err(|p| note("zonal shifts", &p)).unwrap_or_default();
    let impaired = impaired.map_err(|p| note("status checks", &p)).unwrap_or_default();
    let reserved = reserved.map_err(|p| note("reservations", &p)).unwrap_or_default();
    let targets = targets.map_err(|p| note("target health", &p)).unwrap_or_default();
    let alive: Vec<&Instance> = owned.values().filter(|i| instance::exists(i)).collect();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for zone in alive.iter().filter_map(|i| i.placement()?.availability_zone()) {
        *used.entry(zone.to_owned()).or_default() += 1;
    }
    let types: BTreeSet<&InstanceType> = alive.iter().filter_map(|i| i.instance_type()).collect();
    let quota = quota(session, &types).await;
    Ok(Seen { zones, shifted, impaired, used, targets, quota, reserved, blind })
}

async fn shifts(session: &Session) -> Result<BTreeMap<String, String>, Problem> {
    let mut all = BTreeMap::new();
    let mut next: Option<String> = None;
    loop {
        let call = session.shifts.list_zonal_shifts().status(ZonalShiftStatus::Active);
        let answer = session.ask(&api::LIST_SHIFTS, call.set_next_token(next.clone()).send()).await?;
        for shift in answer.items.unwrap_or_default() {
            all.insert(
                shift.away_from,
                if shift.comment.is_empty() { "zonal shift".to_owned() } else { shift.comment },
            );
        }
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => return Ok(all),
        }
    }
}

/// Instances of straddle's that AWS itself sees to be impaired.
async fn impaired(session: &Session) -> Result<BTreeMap<String, usize>, Problem> {
    let filter = |name: &str| Filter::builder().name(name).values("impaired").build();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let bad =
        |summary: Option<&InstanceStatusSummary>| summary.and_then(|s| s.status()) == Some(&SummaryStatus::Impaired);
    for name in ["system-status.status", "instance-status.status"] {
        let mut next: Option<String> = None;
        loop {
            let call = session.ec2.describe_instance_status().filters(filter(name)).max_results(1000);
            let answer = session.ask(&api::DESCRIBE_INSTANCE_STATUS, call.set_next_token(next.clone()).send()).await?;
            let all = answer.instance_statuses.unwrap_or_default();
            for status in all.into_iter().filter(|s| bad(s.system_status()) || bad(s.instance_status())) {
                if let (Some(id), Some(zone)) = (status.instance_id, status.availability_zone) {
                    found.insert(id, zone);
                }
            }
            match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
                Some(token) => next = Some(token),
                None => break,
            }
        }
    }
    if found.is_empty() {
        return Ok(BTreeMap::new());
    }
    let owned = instance::all_owned(session).await?;
    let mut by_zone: BTreeMap<String, usize> = BTreeMap::new();
    for zone in found.into_iter().filter(|(id, _)| owned.contains_key(id)).map(|(_, zone)| zone) {
        *by_zone.entry(zone).or_default() += 1;
    }
    Ok(by_zone)
}

/// What load balancers see of the targets in each zone: of the target groups that carry straddle's tag, whoever made them.
async fn targets(session: &Session) -> Result<BTreeMap<String, Targets>, Problem> {
    let mut arns: Vec<String> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = session.elb.describe_target_groups().set_marker(next.clone());
        let answer = session.ask(&api::DESCRIBE_TARGET_GROUPS, call.send()).await?;
        arns.extend(answer.target_groups.unwrap_or_default().into_iter().filter_map(|g| g.target_group_arn));
        match answer.next_marker.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    let tags = balance::tags_of(session, &arns).await?;
    let mine: Vec<String> =
        arns.into_iter().filter(|arn| tags.get(arn).is_some_and(|t| t.contains_key(ownership::OWNER))).collect();
    let mut by_zone: BTreeMap<String, Targets> = BTreeMap::new();
    if mine.is_empty() {
        return Ok(by_zone);
    }
    let instances = instance::all_owned(session).await?;
    for arn in mine {
        let call = session.elb.describe_target_health().target_group_arn(arn);
        let all = match session.ask(&api::DESCRIBE_TARGET_HEALTH, call.send()).await {
            Ok(answer) => answer.target_health_descriptions.unwrap_or_default(),
            // Gone since it was listed.
            Err(problem) if problem.is_gone() => continue,
            Err(problem) => return Err(problem),
        };
        for one in &all {
            let Some(target) = one.target() else { continue };
            let instance = target.id().and_then(|id| instances.get(id));
            let zone = instance.and_then(|i| i.placement()?.availability_zone()).or(target.availability_zone());
            let state = one.target_health().and_then(|h| h.state());
            let (Some(zone), Some(state)) = (zone, state) else { continue };
            let seen = by_zone.entry(zone.to_owned()).or_default();
            match state {
                TargetHealthStateEnum::Healthy => seen.healthy += 1,
                TargetHealthStateEnum::Unhealthy => seen.unhealthy += 1,
                _ => {}
            }
        }
    }
    Ok(by_zone)
}

async fn reservations(session: &Session) -> Result<BTreeMap<String, i64>, Problem> {
    let active = Filter::builder().name("state").values("active").build();
    let mut by_zone: BTreeMap<String, i64> = BTreeMap::new();
    let mut next: Option<String> = None;
    loop {
        let call = session.ec2_once.describe_capacity_reservations().filters(active.clone());
        let answer = session.ask(&api::DESCRIBE_RESERVATIONS, call.set_next_token(next.clone()).send()).await?;
        for one in answer.capacity_reservations.unwrap_or_default() {
            if let Some(zone) = one.availability_zone() {
                *by_zone.entry(zone.to_owned()).or_default() += i64::from(one.available_instance_count().unwrap_or(0));
            }
        }
        match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => return Ok(by_zone),
        }
    }
}

/// Instances that the quota of the region allows for, where all that run are of one type: quotas count processors.
async fn quota(session: &Session, types: &BTreeSet<&InstanceType>) -> Option<u64> {
    let mut all = types.iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let family = only.as_str().chars().next()?;
    if !"acdhimrtz".contains(family) {
        return None;
    }
    let call = session.quotas.get_service_quota().service_code("ec2").quota_code(STANDARD_QUOTA);
    let processors = session.ask(&api::GET_QUOTA, call.send()).await.ok()?.quota?.value?;
    let call = session.ec2.describe_instance_types().instance_types((*only).clone());
    let kinds = session.ask(&api::DESCRIBE_INSTANCE_TYPES, call.send()).await.ok()?.instance_types?;
    let each = kinds.first()?.v_cpu_info()?.default_v_cpus().filter(|n| *n > 0)?;
    let units = (processors / f64::from(each)).floor();
    (units.is_finite() && units >= 0.0).then_some(units as u64)
}
