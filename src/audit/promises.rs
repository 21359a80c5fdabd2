//! The second opinion on promises: verdicts and numbers from the plan's own data, by other ways than the planner's.

use super::finding::{Fault, Finding};
use crate::plan::model::{Kind, Plan};
use crate::promise::model::{Class, Judged, Judgement, Promises, ReadyTerm, Weight};
use crate::spread::decision::{Decision, Role, Verdict};
use crate::spread::model::{Limit, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Every promise is judged, once, and as its numbers say.
pub(super) fn check(plan: &Plan, out: &mut Vec<Finding>) {
    let audit = Audit { plan, promises: &plan.survival.promises, topology: &plan.topology };
    let mut report = |fault| out.push(Finding { workload: None, step: None, fault });
    let mut expected = audit.expected();
    for judged in &plan.survival.judged {
        let Some(weight) = expected.remove(&judged.id) else {
            report(Fault::Verdict { rule: judged.id.clone(), why: "nothing of that name is promised".into() });
            continue;
        };
        if weight != judged.weight {
            report(Fault::Verdict { rule: judged.id.clone(), why: "it weighs something else".into() });
        }
        for (when, judgement, after) in [("now", &judged.now, false), ("after", &judged.after, true)] {
            if let Some(why) = audit.objection(judged, judgement, after) {
                report(Fault::Verdict { rule: format!("{} {when}", judged.id), why });
            }
        }
    }
    for id in expected.into_keys() {
        report(Fault::Missing { what: format!("the verdict on {id}") });
    }
    if plan.kind == Kind::Normal && !plan.is_broken() {
        let audited = |j: &&Judged| j.weight == Weight::Rule && j.after.verdict == Verdict::Fail;
        if let Some(judged) = plan.survival.judged.iter().find(audited) {
            report(Fault::Verdict { rule: judged.id.clone(), why: "it fails and the plan is not refused".into() });
        }
    }
}

struct Audit<'p> {
    plan: &'p Plan,
    promises: &'p Promises,
    topology: &'p Topology,
}

impl Audit<'_> {
    /// Ids of everything that is promised.
    fn expected(&self) -> BTreeMap<String, Weight> {
        let mut all = BTreeMap::new();
        for d in &self.promises.distances {
            all.insert(format!("distance.{}", d.name), Weight::Rule);
            all.extend(d.hazards.iter().map(|h| (format!("distance.{}.hazard.{}", d.name, h.name), Weight::Rule)));
        }
        for (name, site) in &self.promises.sites {
            if !self.topology.locations.iter().any(|l| l.name == *name) {
                continue;
            }
            all.extend(site.class.map(|_| (format!("class.{name}"), Weight::Drift)));
            all.extend(site.min_ready.map(|_| (format!("min_ready.{name}"), Weight::Rule)));
        }
        for b in &self.promises.backups {
            all.extend(b.rpo_s.map(|_| (format!("backup.{}.rpo", b.name), Weight::Rule)));
            all.insert(format!("backup.{}.reach", b.name), Weight::Finding);
            for leg in &b.legs {
                let id = |what: &str| format!("backup.{}.{}.{what}", b.name, leg.name);
                all.insert(id("apart"), Weight::Finding);
                all.extend(leg.restore_every_days.map(|_| (id("restore"), Weight::Drift)));
                all.extend(leg.incremental.then(|| (id("base"), Weight::Finding)));
            }
        }
        all.extend(self.promises.limits.iter().map(|l| (format!("limit.{}", l.name), Weight::Rule)));
        all.extend(self.promises.stand_ins.iter().map(|s| (format!("stand_in.{}", s.name), Weight::Drift)));
        let standbys = self.plan.workloads.iter().filter(|(_, w)| w.rules.standby.is_some());
        all.extend(standbys.map(|(name, _)| (format!("standby.{name}"), Weight::Drift)));
        all.extend(self.promises.unknown.iter().map(|u| (format!("independence.{}", u.kind), Weight::Finding)));
        if self.promises.evidence_max_age_days.is_some() {
            all.extend(self.topology.risks.iter().map(|r| (format!("evidence.{}", r.name), Weight::Finding)));
        }
        all
    }

    /// What is wrong with a verdict.
    fn objection(&self, judged: &Judged, judgement: &Judgement, after: bool) -> Option<String> {
        let parts: Vec<&str> = judged.id.splitn(2, '.').collect();
        let [kind, name] = parts[..] else { return Some("it has no name".into()) };
        // What stands outside the plan cannot be seen here.
        if self.plan.survival.beyond_plan && matches!(kind, "class" | "min_ready" | "limit" | "standby" | "stand_in") {
            return None;
        }
        let found = match kind {
            "distance" => self.distance(name),
            "class" => self.class(name, after),
            "min_ready" => self.min_ready(name, after),
            "backup" => self.backup(name),
            "limit" => self.limit(name, after),
            "stand_in" => self.stand_in(name, after),
            "standby" => self.standby(name, after),
            "independence" => self.independence(name),
            "evidence" => self.evidence(name),
            _ => None,
        };
        match found {
            None => Some("nobody knows how to judge it".into()),
            Some(verdict) if verdict != judgement.verdict => {
                Some(format!("it says {:?} and is {verdict:?}", judgement.verdict))
            }
            Some(_) => None,
        }
    }

    /// Distance by the chord through the earth, not along its surface.
    fn apart_km(&self, a: &str, b: &str) -> Option<f64> {
        let at = |name: &str| self.promises.sites.get(name)?.coordinates.map(unit);
        let (a, b) = (at(a)?, at(b)?);
        Some(arc_km(a, b))
    }

    fn distance(&self, name: &str) -> Option<Verdict> {
        if let Some((rule, hazard)) = name.split_once(".hazard.") {
            let rule = self.promises.distances.iter().find(|d| d.name == rule)?;
            let hazard = rule.hazards.iter().find(|h| h.name == hazard)?;
            let places: Vec<&String> = rule.groups.iter().flatten().collect();
            let at = |name: &String| self.promises.sites.get(name)?.coordinates.map(unit);
            let near = |name: &&&String| at(name).is_some_and(|p| arc_km(p, unit(hazard.center)) <= hazard.radius_km);
            let within = places.iter().filter(near).count() as u64;
            return Some(match places.iter().any(|p| at(p).is_none()) {
                _ if within > u64::from(hazard.most) => Verdict::Fail,
                true => Verdict::NotProven,
                false => Verdict::Pass,
            });
        }
        let rule = self.promises.distances.iter().find(|d| d.name == name)?;
        let is_of = |name: &str| {
            let class = self.promises.sites.get(name).and_then(|s| s.class);
            rule.classes.is_empty() || class.is_some_and(|c| rule.classes.contains(&c))
        };
        let (mut measured, mut unmeasured, mut wrong) = (0, 0, false);
        for (i, group) in rule.groups.iter().enumerate() {
            for (a, b) in rule.groups.iter().skip(i + 1).flatten().flat_map(|b| group.iter().map(move |a| (a, b))) {
                if a == b || !(is_of(a) || is_of(b)) {
                    continue;
                }
                match self.apart_km(a, b) {
                    None => unmeasured += 1,
                    Some(km) => {
                        measured += 1;
                        let metres = |km: f64| (km * 1000.0).round();
                        wrong |=
                            metres(km) < metres(rule.min_km) || rule.max_km.is_some_and(|max| metres(km) > metres(max));
                    }
                }
            }
        }
        Some(match (wrong, unmeasured, measured) {
            (true, ..) => Verdict::Fail,
            (false, 0, 1..) => Verdict::Pass,
            _ => Verdict::NotProven,
        })
    }

    /// Serving replicas of a workload's decision at a location.
    fn ready(&self, decision: &Decision, place: usize, after: bool) -> u64 {
        let list = if after { &decision.after_ready } else { &decision.before };
        list.get(place).map_or(0, |i| u64::from(i.lo))
    }

    fn class(&self, name: &str, after: bool) -> Option<Verdict> {
        let facts = self.promises.sites.get(name)?;
        let terms = self.promises.classes.get(&facts.class?).copied();
        let terms = terms.unwrap_or_else(|| crate::promise::model::ClassTerms::of(facts.class.unwrap_or(Class::Cold)));
        let location = self.topology.locations.iter().find(|l| l.name == name)?;
        let (mut stands, mut ready, mut short) = (false, 0, 0);
        let (mut shift, mut boot) = (0, location.boot.seconds);
        for (_, workload) in &self.plan.workloads {
            let rules = &workload.rules;
            let here = |p: &crate::spread::model::Place| self.topology.locations[p.location].name == name;
            let Some(place) = rules.places.iter().position(here) else { continue };
            stands = true;
            let n = self.ready(&workload.decision, place, after);
            let floor = rules.survive.iter().map(|r| r.floor.ceil_of(rules.replicas)).max();
            ready += n;
            let asked = rules.demand.map_or_else(|| rules.floor_serving.ceil_of(rules.replicas), u64::from);
            short += floor.unwrap_or(asked).saturating_sub(n);
            let ttl = rules.entry.iter().filter_map(|g| g.ttl).map(|t| t.seconds).max().unwrap_or(0);
            let noticed = rules.failover.detect.seconds + ttl;
            shift = shift.max(noticed);
            boot =
                boot.max(noticed + rules.failover.decide.seconds + location.boot.seconds + rules.rollout.healthy_for_s);
        }
        let room = match location.capacity.limit {
            Limit::Known { lo, .. } => lo > 0,
            Limit::Unlimited => true,
            Limit::Unreadable => false,
        };
        let enough = match terms.ready {
            ReadyTerm::Floor => short == 0,
            ReadyTerm::Count(n) => ready >= u64::from(n),
            ReadyTerm::Room => ready > 0 || room,
            ReadyTerm::Nothing => true,
        };
        let copies = self.promises.backups.iter().flat_map(|b| &b.legs);
        let copies = copies.filter(|l| l.target.as_deref() == Some(name)).filter_map(|l| l.rpo_s()).min();
        let lag = facts.lag_s.or(copies);
        let rto = if short == 0 { shift } else { boot };
        let age = facts.rehearsed.map(|day| self.promises.today - day);
        let every = terms.rehearse_every_days.map(|d| i64::try_from(d).unwrap_or(i64::MAX));
        let late = matches!((age, every), (Some(age), Some(every)) if age > every);
        let wrong =
            (stands && !enough) || lag.is_some_and(|l| l > terms.rpo_s) || (stands && rto > terms.rto_s) || late;
        let doubt = !stands || lag.is_none() || (every.is_some() && age.is_none());
        Some(if wrong {
            Verdict::Fail
        } else if doubt {
            Verdict::NotProven
        } else {
            Verdict::Pass
        })
    }

    fn min_ready(&self, name: &str, after: bool) -> Option<Verdict> {
        let least = u64::from(self.promises.sites.get(name)?.min_ready?);
        let mut ready = 0;
        for (_, workload) in &self.plan.workloads {
            for (place, p) in workload.rules.places.iter().enumerate() {
                if self.topology.locations[p.location].name == name {
                    ready += self.ready(&workload.decision, place, after);
                }
            }
        }
        Some(if ready < least { Verdict::Fail } else { Verdict::Pass })
    }

    /// A risk and all it falls with, by walking up from every risk.
    fn falls_with(&self, from: &[usize]) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = from.iter().copied().collect();
        loop {
            let more: Vec<usize> = all.iter().flat_map(|r| &self.topology.risks[*r].depends_on).copied().collect();
            let before = all.len();
            all.extend(more);
            if all.len() == before {
                return all;
            }
        }
    }

    fn backup(&self, name: &str) -> Option<Verdict> {
        let (backup, rest) = self.promises.backups.iter().find_map(|b| {
            let rest = name.strip_prefix(b.name.as_str())?.strip_prefix('.')?;
            Some((b, rest))
        })?;
        let pass = |so: bool| Some(if so { Verdict::Pass } else { Verdict::Fail });
        let location = |name: &String| self.topology.locations.iter().find(|l| l.name == *name);
        let sources: Vec<_> = backup.source.iter().filter_map(location).collect();
        if rest == "rpo" {
            let limit = backup.rpo_s?;
            return match backup.legs.iter().any(|l| l.rpo_s().is_some_and(|s| s <= limit)) {
                true => Some(Verdict::Pass),
                false if backup.legs.iter().any(|l| l.rpo_s().is_none()) => Some(Verdict::NotProven),
                false => Some(Verdict::Fail),
            };
        }
        if rest == "reach" {
            let inner = self.topology.levels.len().saturating_sub(1);
            let out_of = |level: &String| {
                backup.legs.iter().filter_map(|l| location(l.target.as_ref()?)).any(|t| {
                    t.domains.contains_key(level)
                        && sources.iter().all(|s| s.domains.get(level) != t.domains.get(level))
                })
            };
            return pass(self.topology.levels.iter().take(inner).all(out_of));
        }
        let (leg, what) = rest.rsplit_once('.')?;
        let leg = backup.legs.iter().find(|l| l.name == leg)?;
        match what {
            "restore" => {
                let age = leg.restored.map(|day| self.promises.today - day);
                pass(age.is_some_and(|a| a <= i64::try_from(leg.restore_every_days.unwrap_or(0)).unwrap_or(i64::MAX)))
            }
            "base" => {
                pass(leg.full_every_s.is_some() || backup.legs.iter().any(|l| !l.incremental && l.target == leg.target))
            }
            "apart" => {
                let target = leg.target.as_ref().and_then(location);
                let own = leg.shares.iter().filter_map(|n| self.topology.risks.iter().position(|r| r.name == *n));
                let rests: Vec<usize> =
                    target.map_or(Vec::new(), |t| t.shares.clone()).into_iter().chain(own).collect();
                if target.is_none() && leg.shares.is_empty() {
                    return Some(Verdict::NotProven);
                }
                let rests = self.falls_with(&rests);
                let asked = |kind: &str| backup.apart.is_empty() || backup.apart.iter().any(|k| k == kind);
                let cloud = self.topology.levels.first();
                let together = sources.iter().any(|s| {
                    let shared = self.falls_with(&s.shares);
                    let risk = rests.iter().any(|r| shared.contains(r) && asked(&self.topology.risks[*r].kind));
                    let operator = target.zip(cloud).is_some_and(|(t, level)| {
                        (asked("operator") || asked(level))
                            && s.domains.get(level).is_some_and(|d| t.domains.get(level) == Some(d))
                    });
                    risk || operator || target.is_some_and(|t| t.name == s.name)
                });
                pass(!together)
            }
            _ => None,
        }
    }

    fn limit(&self, name: &str, after: bool) -> Option<Verdict> {
        let cap = self.promises.limits.iter().find(|l| l.name == name)?;
        let (mut used, mut most) = (0u64, 0u64);
        for (name, workload) in &self.plan.workloads {
            if !cap.workloads.is_empty() && !cap.workloads.iter().any(|w| **w == **name) {
                continue;
            }
            let decision = &workload.decision;
            let numbers = if after { &decision.after } else { &decision.existing };
            let counts = |p: &&usize| {
                let location = &self.topology.locations[workload.rules.places[**p].location].name;
                cap.locations.is_empty() || cap.locations.contains(location)
            };
            let here: Vec<usize> = (0..numbers.len()).collect();
            let sum: u64 = here.iter().filter(counts).map(|p| u64::from(numbers[*p])).sum();
            used += sum;
            most += if cap.locations.is_empty() && after { sum.max(crowd(decision)) } else { sum };
        }
        let over = |n: u64| n.saturating_mul(cap.per_replica) > cap.max;
        Some(if over(used) || over(most) { Verdict::Fail } else { Verdict::Pass })
    }

    fn stand_in(&self, name: &str, after: bool) -> Option<Verdict> {
        let rule = self.promises.stand_ins.iter().find(|s| s.name == name)?;
        let find = |name: &String| self.plan.workloads.iter().find(|(n, _)| **n == **name).map(|(_, w)| w);
        let (Some(of), Some(by)) = (find(&rule.of), find(&rule.by)) else { return Some(Verdict::NotProven) };
        let ready: u64 = (0..by.rules.places.len()).map(|p| self.ready(&by.decision, p, after)).sum();
        let at = |w: &crate::plan::model::WorkloadPlan| -> Vec<usize> {
            w.rules.places.iter().map(|p| p.location).collect()
        };
        let (here, there) = (at(by), at(of));
        let room = here.iter().map(|l| match self.topology.locations[*l].capacity.limit {
            Limit::Known { lo, .. } => Some(u64::from(lo)),
            Limit::Unlimited => None,
            Limit::Unreadable => Some(0),
        });
        let room: Option<u64> = room.sum();
        let enough = |n: u64| n * 100 >= u64::from(of.rules.replicas) * rule.percent;
        let together = here.iter().any(|a| {
            there.iter().any(|b| {
                let (a, b) = (&self.topology.locations[*a], &self.topology.locations[*b]);
                let inner = |level: &String| a.domains.get(level).is_some_and(|d| b.domains.get(level) == Some(d));
                self.topology.levels.iter().skip(1).any(inner) || a.shares.iter().any(|r| b.shares.contains(r))
            })
        });
        let seen = |a: &String| rule.seen.iter().find(|p| p.attribute == *a);
        let other =
            rule.parity.iter().filter_map(seen).any(|p| p.of != p.by) || rule.same.iter().any(|(_, a, b)| a != b);
        Some(if (!enough(ready) && room.is_some_and(|r| !enough(r))) || other || together {
            Verdict::Fail
        } else if rule.parity.iter().any(|a| seen(a).is_none()) || (room.is_none() && !enough(ready)) {
            Verdict::NotProven
        } else {
            Verdict::Pass
        })
    }

    fn standby(&self, name: &str, after: bool) -> Option<Verdict> {
        let (_, workload) = self.plan.workloads.iter().find(|(n, _)| **n == *name)?;
        let rule = workload.rules.standby.as_ref()?;
        let ready = |location: &String| {
            let at = |p: &crate::spread::model::Place| self.topology.locations[p.location].name == *location;
            let place = workload.rules.places.iter().position(at);
            place.is_some_and(|p| self.ready(&workload.decision, p, after) > 0)
        };
        let active = rule.active.as_ref().or(rule.order.first())?;
        let (mut near, mut far, mut silent) = (0u32, 0u32, 0u32);
        for (location, lag) in rule.order.iter().zip(&rule.lag_s).filter(|(l, _)| *l != active && ready(l)) {
            let _ = location;
            match (lag, rule.max_lag_s) {
                (Some(lag), Some(most)) if *lag > most => far += 1,
                (None, Some(_)) => (near, silent) = (near + 1, silent + 1),
                _ => near += 1,
            }
        }
        let enough = near >= workload.rules.replicas.saturating_sub(1);
        Some(match (ready(active) && far == 0 && enough, rule.fence.is_none() || silent > 0) {
            (false, _) => Verdict::Fail,
            (true, true) => Verdict::NotProven,
            (true, false) => Verdict::Pass,
        })
    }

    fn independence(&self, kind: &str) -> Option<Verdict> {
        let unknown = self.promises.unknown.iter().find(|u| u.kind == kind)?;
        let all = unknown.locations.len() + unknown.known.len();
        Some(if unknown.locations.is_empty() || all < 2 { Verdict::Pass } else { Verdict::NotProven })
    }

    fn evidence(&self, risk: &str) -> Option<Verdict> {
        let most = i64::try_from(self.promises.evidence_max_age_days?).unwrap_or(i64::MAX);
        let day = self.promises.evidence.get(risk).and_then(|e| e.day);
        let fresh = day.is_some_and(|day| self.promises.today - day <= most);
        Some(if fresh { Verdict::Pass } else { Verdict::NotProven })
    }
}

/// The most replicas that stand at once.
fn crowd(decision: &Decision) -> u64 {
    let mut now = decision.existing.iter().map(|n| i128::from(*n)).sum::<i128>();
    let mut most = now;
    for step in &decision.steps {
        for entry in &step.adds {
            let old = entry.slots.iter().filter(|s| s.role == Role::Complete).count() as i128;
            let named = entry.slots.len() as i128;
            now += if named == 0 { i128::from(entry.count) } else { named - old };
        }
        most = most.max(now);
        now -= step
            .removes
            .iter()
            .map(|e| if e.slots.is_empty() { i128::from(e.count) } else { e.slots.len() as i128 })
            .sum::<i128>();
    }
    u64::try_from(most).unwrap_or(0)
}

/// A place on the unit sphere.
fn unit((lat, lon): (f64, f64)) -> [f64; 3] {
    let (lat, lon) = (lat.to_radians(), lon.to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

/// The arc over a chord, in kilometres.
fn arc_km(a: [f64; 3], b: [f64; 3]) -> f64 {
    let chord = (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
    2.0 * 6_371.008_8 * (chord / 2.0).min(1.0).asin()
}
