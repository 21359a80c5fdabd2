//! What a site is promised to be, and what it is (`spread.md` N17).

use super::distance::owner;
use super::model::{Class, ClassTerms, Judgement, Promises, ReadyTerm, SiteFacts, Weight};
use super::{One, Stand, judgement, worst};
use crate::spread::decision::Verdict;
use crate::spread::model::{Capacity, Limit, Location, Topology};
use crate::tongue::Words;

pub(super) fn judge(promises: &Promises, topology: &Topology, stands: &[Stand<'_>], out: &mut Vec<One>) {
    for (name, facts) in &promises.sites {
        let Some(location) = topology.locations.iter().find(|l| l.name == *name) else { continue };
        let owner = owner(promises, facts.owner.as_ref());
        let site = facts.site;
        if let Some(class) = facts.class {
            let built = Built::of(promises, topology, location, facts, stands);
            let judgement = built.judge(promises, class);
            let id = format!("class.{name}");
            out.push(One { id, weight: Weight::Drift, site, owner: owner.clone(), judgement });
        }
        if let Some(least) = facts.min_ready {
            let ready = ready_at(location, topology, stands);
            let words =
                |key| Words::new(key).with("site", name.as_str()).with("ready", ready).with("least", u64::from(least));
            let (verdict, why) = match ready < u64::from(least) {
                true => (Verdict::Fail, words("min_ready.short")),
                false => (Verdict::Pass, words("min_ready.pass")),
            };
            let numbers = [("ready", ready as i64), ("min_ready", i64::from(least))];
            let judgement = judgement(verdict, why, &numbers);
            out.push(One { id: format!("min_ready.{name}"), weight: Weight::Rule, site, owner, judgement });
        }
    }
}

/// The terms of a class, as the spec has them.
pub fn terms(promises: &Promises, class: Class) -> ClassTerms {
    promises.classes.get(&class).copied().unwrap_or_else(|| ClassTerms::of(class))
}

fn ready_at(location: &Location, topology: &Topology, stands: &[Stand<'_>]) -> u64 {
    let here = |stand: &Stand<'_>| place_of(stand, location, topology).map_or(0, |p| u64::from(stand.ready[p]));
    stands.iter().map(here).sum()
}

fn place_of(stand: &Stand<'_>, location: &Location, topology: &Topology) -> Option<usize> {
    let here =
        |p: &crate::spread::model::Place| topology.locations.get(p.location).is_some_and(|l| l.name == location.name);
    stand.rules.places.iter().position(here)
}

/// What a site is.
struct Built {
    name: String,
    /// Serving replicas here, all workloads.
    ready: u64,
    /// Short of the at-once floors of the workloads that stand here by so many replicas.
    floor_short: u64,
    /// What those floors add up to.
    floor: u64,
    has_workload: bool,
    has_room: bool,
    /// Until it serves, by the slowest workload; where enough stands ready, and where it has to boot.
    rto_ready_s: u64,
    rto_boot_s: u64,
    /// How far its data lags; `None`: nobody says.
    lag_s: Option<u64>,
    /// Days since the last rehearsal.
    rehearsed_days: Option<i64>,
}

impl Built {
    fn of(
        promises: &Promises,
        topology: &Topology,
        location: &Location,
        facts: &SiteFacts,
        stands: &[Stand<'_>],
    ) -> Built {
        let mut built = Built {
            name: location.name.clone(),
            ready: ready_at(location, topology, stands),
            floor_short: 0,
            floor: 0,
            has_workload: false,
            has_room: has_room(location.capacity),
            rto_ready_s: 0,
            rto_boot_s: location.boot.seconds,
            lag_s: facts.lag_s.or_else(|| super::backup::lag_to(promises, &location.name)),
            rehearsed_days: facts.rehearsed.map(|day| promises.today - day),
        };
        for stand in stands {
            let Some(place) = place_of(stand, location, topology) else { continue };
            let rules = stand.rules;
            built.has_workload = true;
            let at_once = rules.survive.iter().map(|r| r.floor.ceil_of(rules.replicas)).max();
            let floor = at_once.or(rules.demand.map(u64::from));
            let floor = floor.unwrap_or_else(|| rules.floor_serving.ceil_of(rules.replicas));
            built.floor += floor;
            built.floor_short += floor.saturating_sub(u64::from(stand.ready[place]));
            let ttl = rules.entry.iter().filter_map(|g| g.ttl).map(|t| t.seconds).max().unwrap_or(0);
            let shift = rules.failover.detect.seconds + ttl;
            built.rto_ready_s = built.rto_ready_s.max(shift);
            let boot = shift + rules.failover.decide.seconds + location.boot.seconds + rules.rollout.healthy_for_s;
            built.rto_boot_s = built.rto_boot_s.max(boot);
        }
        built
    }

    /// Serves so long after the loss: what stands ready only needs the traffic.
    fn rto_s(&self) -> u64 {
        if self.floor_short == 0 && self.has_workload { self.rto_ready_s } else { self.rto_boot_s }
    }

    fn ready_verdict(&self, term: ReadyTerm) -> Verdict {
        let fails = match term {
            _ if !self.has_workload => return Verdict::NotProven,
            ReadyTerm::Floor => self.floor_short > 0,
            ReadyTerm::Count(n) => self.ready < u64::from(n),
            ReadyTerm::Room => self.ready == 0 && !self.has_room,
            ReadyTerm::Nothing => false,
        };
        if fails { Verdict::Fail } else { Verdict::Pass }
    }

    fn lag_verdict(&self, terms: &ClassTerms) -> Verdict {
        match self.lag_s {
            Some(lag) if lag > terms.rpo_s => Verdict::Fail,
            Some(_) => Verdict::Pass,
            None => Verdict::NotProven,
        }
    }

    fn rto_verdict(&self, terms: &ClassTerms) -> Verdict {
        if self.has_workload && self.rto_s() > terms.rto_s { Verdict::Fail } else { Verdict::Pass }
    }

    fn rehearsal_verdict(&self, terms: &ClassTerms) -> Verdict {
        match (terms.rehearse_every_days, self.rehearsed_days) {
            (None, _) => Verdict::Pass,
            (Some(_), None) => Verdict::NotProven,
            (Some(every), Some(age)) if age > i64::try_from(every).unwrap_or(i64::MAX) => Verdict::Fail,
            (Some(_), Some(_)) => Verdict::Pass,
        }
    }

    /// The best class whose readiness, lag and time are kept; rehearsals age and build nothing.
    fn class(&self, promises: &Promises) -> Class {
        let keeps = |class: &Class| {
            let terms = terms(promises, *class);
            self.ready_verdict(terms.ready) != Verdict::Fail
                && self.lag_verdict(&terms) != Verdict::Fail
                && self.rto_verdict(&terms) != Verdict::Fail
        };
        Class::ALL.into_iter().find(keeps).unwrap_or(Class::Cold)
    }

    fn judge(&self, promises: &Promises, promised: Class) -> Judgement {
        let terms = terms(promises, promised);
        let built = self.class(promises);
        let ready = self.ready_verdict(terms.ready);
        let lag = self.lag_verdict(&terms);
        let rto = self.rto_verdict(&terms);
        let rehearsal = self.rehearsal_verdict(&terms);
        let verdict = worst([ready, lag, rto, rehearsal].into_iter());
        let parts = vec![
            self.ready_words(ready, terms.ready),
            self.lag_words(lag, &terms),
            Words::new(if rto == Verdict::Fail { "class.rto.fail" } else { "class.rto.pass" })
                .with("rto", crate::tongue::Arg::Seconds(self.rto_s()))
                .with("limit", crate::tongue::Arg::Seconds(terms.rto_s)),
            self.rehearsal_words(rehearsal, &terms),
        ];
        let key = match verdict {
            Verdict::Pass => "class.pass",
            Verdict::NotProven => "class.not_proven",
            Verdict::Fail if built > promised => "class.differs",
            Verdict::Fail => "class.fail",
        };
        let why = Words::new(key)
            .with("site", self.name.as_str())
            .with("promised", promised.name())
            .with("built", built.name())
            .with("parts", parts);
        let numbers = [
            ("ready", self.ready as i64),
            ("floor", self.floor as i64),
            ("rto_s", self.rto_s() as i64),
            ("rto_limit_s", terms.rto_s as i64),
            ("rpo_limit_s", terms.rpo_s as i64),
            ("built", built as i64),
        ];
        let mut judged = judgement(verdict, why, &numbers);
        judged.numbers.extend(self.lag_s.map(|lag| ("lag_s".to_string(), lag as i64)));
        judged.numbers.extend(self.rehearsed_days.map(|days| ("rehearsed_days".to_string(), days)));
        judged
    }

    fn ready_words(&self, verdict: Verdict, term: ReadyTerm) -> Words {
        if verdict == Verdict::NotProven {
            return Words::new("class.ready.no_workload");
        }
        let (key, least) = match term {
            ReadyTerm::Floor => ("class.ready.floor", self.floor),
            ReadyTerm::Count(n) => ("class.ready.count", u64::from(n)),
            ReadyTerm::Room if verdict == Verdict::Fail => ("class.ready.no_room", 0),
            ReadyTerm::Room | ReadyTerm::Nothing => ("class.ready.room", 0),
        };
        Words::new(key).with("ready", self.ready).with("least", least)
    }

    fn lag_words(&self, verdict: Verdict, terms: &ClassTerms) -> Words {
        let key = match verdict {
            Verdict::Pass => "class.lag.pass",
            Verdict::Fail => "class.lag.fail",
            Verdict::NotProven => "class.lag.unknown",
        };
        let lag = crate::tongue::Arg::Seconds(self.lag_s.unwrap_or(0));
        Words::new(key).with("lag", lag).with("rpo", crate::tongue::Arg::Seconds(terms.rpo_s))
    }

    fn rehearsal_words(&self, verdict: Verdict, terms: &ClassTerms) -> Words {
        let every = terms.rehearse_every_days.unwrap_or(0);
        match (verdict, self.rehearsed_days) {
            (Verdict::Pass, None) => Words::new("class.rehearsal.none_asked"),
            (_, None) => Words::new("class.rehearsal.unknown").with("every", every),
            (Verdict::Fail, Some(days)) => {
                Words::new("class.rehearsal.old").with("days", days.to_string()).with("every", every)
            }
            (_, Some(days)) => Words::new("class.rehearsal.pass").with("days", days.to_string()).with("every", every),
        }
    }
}

fn has_room(capacity: Capacity) -> bool {
    match capacity.limit {
        Limit::Known { lo, .. } => lo > 0,
        Limit::Unlimited => true,
        Limit::Unreadable => false,
    }
}
