//! Copies of data: how old they may be, whether they fall with their source, whether a restore was ever tried (`spread.md` N22).

use super::distance::owner;
use super::model::{Backup, Leg, Promises, Weight};
use super::{One, judgement};
use crate::spread::decision::Verdict;
use crate::spread::model::{Event, Location, Topology};
use crate::tongue::{Arg, Words};
use std::collections::BTreeSet;

pub(super) fn judge(promises: &Promises, topology: &Topology, out: &mut Vec<One>) {
    for backup in &promises.backups {
        let mut push = |id: String, weight, site, judgement| {
            out.push(One { id, weight, site, owner: owner(promises, backup.owner.as_ref()), judgement });
        };
        if let Some(rpo) = backup.rpo_s {
            push(format!("backup.{}.rpo", backup.name), Weight::Rule, backup.site, rpo_of(backup, rpo));
        }
        for leg in &backup.legs {
            let id = |what: &str| format!("backup.{}.{}.{what}", backup.name, leg.name);
            push(id("apart"), Weight::Finding, leg.site, apart(backup, leg, topology));
            if let Some(every) = leg.restore_every_days {
                push(id("restore"), Weight::Drift, leg.site, restored(promises.today, leg, every));
            }
            if leg.incremental {
                push(id("base"), Weight::Finding, leg.site, base(backup, leg));
            }
        }
        push(format!("backup.{}.reach", backup.name), Weight::Finding, backup.site, reach(backup, topology));
    }
}

/// How far the data at a location lags behind its source, by the best leg that leads there.
pub(super) fn lag_to(promises: &Promises, location: &str) -> Option<u64> {
    let legs = promises.backups.iter().flat_map(|b| &b.legs).filter(|l| l.target.as_deref() == Some(location));
    legs.filter_map(Leg::rpo_s).min()
}

/// Data that is gone after a loss, in seconds: for what lives at lost places only, by the newest copy that is left. `None` where no backup
/// says anything, or where no copy is left: then there is no bound.
pub fn data_loss(promises: &Promises, topology: &Topology, workload: &str, lost: &[Event]) -> Option<u64> {
    let mut worst = None;
    for backup in
        promises.backups.iter().filter(|b| b.workloads.is_empty() || b.workloads.iter().any(|w| w == workload))
    {
        let taken = |name: &str| {
            topology.locations.iter().filter(|l| l.name == name).any(|l| lost.iter().any(|e| takes(topology, l, e)))
        };
        if backup.source.iter().any(|s| !taken(s)) {
            worst = worst.max(Some(0));
            continue;
        }
        let left =
            |leg: &&Leg| !leg.target.as_deref().is_some_and(taken) && !lost.iter().any(|e| leg_falls(topology, leg, e));
        worst = worst.max(Some(backup.legs.iter().filter(left).filter_map(Leg::rpo_s).min()?));
    }
    worst
}

fn takes(topology: &Topology, location: &Location, event: &Event) -> bool {
    match event {
        Event::Domain { level, name } => {
            topology.levels.get(*level).and_then(|l| location.domains.get(l)).is_some_and(|d| d == name)
        }
        Event::Risk(risk) => closure(topology, &location.shares).contains(risk),
    }
}

fn leg_falls(topology: &Topology, leg: &Leg, event: &Event) -> bool {
    matches!(event, Event::Risk(risk) if risks_of(topology, leg).contains(risk))
}

fn closure(topology: &Topology, from: &[usize]) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut open = from.to_vec();
    while let Some(risk) = open.pop() {
        if all.insert(risk) {
            open.extend(topology.risks.get(risk).map_or(&[][..], |r| &r.depends_on));
        }
    }
    all
}

/// The risks of a leg: those of the place it goes to, and its own.
fn risks_of(topology: &Topology, leg: &Leg) -> BTreeSet<usize> {
    let target = leg.target.as_ref().and_then(|name| topology.locations.iter().find(|l| l.name == *name));
    let own = leg.shares.iter().filter_map(|name| topology.risks.iter().position(|r| r.name == *name));
    let all: Vec<usize> = target.map(|l| l.shares.clone()).unwrap_or_default().into_iter().chain(own).collect();
    closure(topology, &all)
}

fn rpo_of(backup: &Backup, rpo: u64) -> super::model::Judgement {
    let best = backup.legs.iter().filter_map(|l| Some((l.rpo_s()?, l))).min_by_key(|(s, l)| (*s, l.name.clone()));
    let unknown: Vec<&str> = backup.legs.iter().filter(|l| l.rpo_s().is_none()).map(|l| l.name.as_str()).collect();
    let words = |key| Words::new(key).with("backup", backup.name.as_str()).with("rpo", Arg::Seconds(rpo));
    let mut numbers = vec![("rpo_s", rpo as i64)];
    numbers.extend(best.map(|(s, _)| ("best_s", s as i64)));
    match best {
        Some((s, leg)) if s <= rpo => {
            let why = words("backup.rpo.pass").with("leg", leg.name.as_str()).with("best", Arg::Seconds(s));
            judgement(Verdict::Pass, why, &numbers)
        }
        _ if !unknown.is_empty() => {
            judgement(Verdict::NotProven, words("backup.rpo.unknown").with("legs", unknown.join(", ")), &numbers)
        }
        Some((s, leg)) => {
            let why = words("backup.rpo.fail").with("leg", leg.name.as_str()).with("best", Arg::Seconds(s));
            judgement(Verdict::Fail, why, &numbers)
        }
        None => judgement(Verdict::Fail, words("backup.rpo.none"), &numbers),
    }
}

/// What a leg has in common with the source: shared risks of the kinds that count, the building and the operator first of all.
fn apart(backup: &Backup, leg: &Leg, topology: &Topology) -> super::model::Judgement {
    let mut common: Vec<String> = Vec::new();
    let target = leg.target.as_ref().and_then(|name| topology.locations.iter().find(|l| l.name == *name));
    let counts = |kind: &str| backup.apart.is_empty() || backup.apart.iter().any(|k| k == kind);
    let risks = risks_of(topology, leg);
    for source in backup.source.iter().filter_map(|name| topology.locations.iter().find(|l| l.name == *name)) {
        for risk in closure(topology, &source.shares).intersection(&risks) {
            let risk = &topology.risks[*risk];
            if counts(&risk.kind) {
                common.push(format!("{} {}", risk.kind, risk.name));
            }
        }
        let Some(target) = target else { continue };
        if target.name == source.name {
            common.push(format!("location {}", source.name));
        }
        // One operator runs all of a cloud.
        let outermost = topology.levels.first().map_or("cloud", String::as_str);
        let named = backup.apart.is_empty() || backup.apart.iter().any(|k| k == "operator" || k == outermost);
        if let Some(domain) = target.domains.get(outermost)
            && named
            && source.domains.get(outermost) == Some(domain)
        {
            common.push(format!("operator {domain} ({outermost})"));
        }
    }
    common.sort();
    common.dedup();
    let words = |key| {
        Words::new(key)
            .with("backup", backup.name.as_str())
            .with("leg", leg.name.as_str())
            .with("common", common.join(", "))
    };
    let numbers = [("shared", common.len() as i64)];
    match common.is_empty() {
        true if target.is_none() && leg.shares.is_empty() => {
            judgement(Verdict::NotProven, words("backup.apart.unknown"), &numbers)
        }
        true => judgement(Verdict::Pass, words("backup.apart.pass"), &numbers),
        false => judgement(Verdict::Fail, words("backup.apart.fail"), &numbers),
    }
}

/// Whether any copy leaves the region, and any the operator.
fn reach(backup: &Backup, topology: &Topology) -> super::model::Judgement {
    let find = |name: &String| topology.locations.iter().find(|l| l.name == *name);
    let sources: Vec<&Location> = backup.source.iter().filter_map(find).collect();
    let targets: Vec<&Location> = backup.legs.iter().filter_map(|l| l.target.as_ref().and_then(find)).collect();
    let leaves = |level: &str| {
        targets.iter().any(|t| {
            let at = t.domains.get(level);
            at.is_some() && sources.iter().all(|s| s.domains.get(level) != at)
        })
    };
    let mut missing: Vec<&str> = Vec::new();
    // The innermost level is the place itself; every level above it is one a disaster can take.
    let levels = topology.levels.split_last().map_or(&[][..], |(_, above)| above);
    missing.extend(levels.iter().filter(|level| !leaves(level)).map(String::as_str));
    let words = |key| Words::new(key).with("backup", backup.name.as_str()).with("levels", missing.join(", "));
    let numbers = [("levels_not_left", missing.len() as i64)];
    match missing.is_empty() {
        true => judgement(Verdict::Pass, words("backup.reach.pass"), &numbers),
        false => judgement(Verdict::Fail, words("backup.reach.fail"), &numbers),
    }
}

fn restored(today: i64, leg: &Leg, every: u64) -> super::model::Judgement {
    let words = |key| Words::new(key).with("leg", leg.name.as_str()).with("every", every);
    match leg.restored {
        None => judgement(Verdict::Fail, words("backup.restore.never"), &[("every_days", every as i64)]),
        Some(day) => {
            let age = today - day;
            let late = age > i64::try_from(every).unwrap_or(i64::MAX);
            let why = words(if late { "backup.restore.old" } else { "backup.restore.pass" });
            let verdict = if late { Verdict::Fail } else { Verdict::Pass };
            judgement(verdict, why.with("days", age.to_string()), &[("days", age), ("every_days", every as i64)])
        }
    }
}

/// Increments are worth nothing without the full copy they build on, in a place that is left too.
fn base(backup: &Backup, leg: &Leg) -> super::model::Judgement {
    let full = |l: &&Leg| !l.incremental && l.target == leg.target;
    let words = |key| Words::new(key).with("leg", leg.name.as_str());
    match (leg.full_every_s, backup.legs.iter().find(full)) {
        (Some(every), _) => judgement(
            Verdict::Pass,
            words("backup.base.own").with("every", Arg::Seconds(every)),
            &[("full_every_s", every as i64)],
        ),
        (None, Some(full)) => judgement(Verdict::Pass, words("backup.base.pass").with("full", full.name.as_str()), &[]),
        (None, None) => judgement(Verdict::Fail, words("backup.base.fail"), &[]),
    }
}
