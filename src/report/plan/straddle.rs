//! The key `straddle` of the plan's JSON: places, spread, rules, steps with their proof, losses, cut sets, margin, price.

use crate::plan::course::Courses;
use crate::plan::model::{Action, OpKind, Plan, WorkloadPlan};
use crate::report::json::Json;
use crate::report::words::{Names, health_key, verdict_key};
use crate::spread::decision::{Check, CostReport, CutSets, LossRow, Role, RuleReport, SpreadRow, Step, StepEntry};
use crate::spread::model::{Event, Limit, Ratio, Topology};
use std::collections::BTreeMap;
use straddle_sdk::value::Str;

/// Addresses of the objects of each replica, by workload and replica key.
type Members<'p> = BTreeMap<(&'p str, &'p str), Vec<(Action, String)>>;

pub(super) fn write(plan: &Plan, digest: &str, j: &mut Json) {
    let members = members(plan);
    j.object(|j| {
        j.key("format_version").text("1.0");
        j.key("digest").text(digest);
        locations(&plan.topology, &plan.workloads, &plan.courses, j.key("locations"));
        if !plan.evidence.is_empty() {
            crate::report::evidence::findings_json(&plan.evidence, &Courses::new(), j.key("evidence"));
        }
        j.key("workloads").object(|j| {
            for (name, workload) in &plan.workloads {
                One { plan, workload, members: &members, names: names(plan, workload) }.write(name, j.key(name));
            }
        });
        use crate::report::promises::{self, Moment};
        promises::json(&plan.survival, &[Moment::Now, Moment::After], j.key("promises"));
    });
}

/// What a workload's part of the plan would do, for the digest: counts and the order of the steps.
pub(super) fn write_course(plan: &Plan, workload: &WorkloadPlan, j: &mut Json) {
    let names = names(plan, workload);
    j.object(|j| {
        counts(&workload.decision.after, names, j.key("after"));
        j.key("steps").array(&workload.decision.steps, |j, step| {
            j.object(|j| {
                for (key, entries) in [
                    ("adds", &step.adds),
                    ("waits", &step.waits),
                    ("removes", &step.removes),
                    ("updates", &step.updates),
                ] {
                    j.key(key).array(entries, |j, entry| {
                        j.object(|j| {
                            j.key("location").text(names.place(entry.place));
                            j.key("count").plain(entry.count);
                            j.key("slots").array(&entry.slots, |j, slot| j.plain(slot.slot));
                        });
                    });
                }
            });
        });
    });
}

/// Every location: domains, shared risks, health, room and use.
pub fn locations(topology: &Topology, workloads: &[(Str, WorkloadPlan)], courses: &Courses, j: &mut Json) {
    let mut used = vec![0u64; topology.locations.len()];
    for (_, workload) in workloads {
        for (place, n) in workload.rules.places.iter().zip(&workload.decision.existing) {
            if let Some(sum) = used.get_mut(place.location) {
                *sum += u64::from(*n);
            }
        }
    }
    j.object(|j| {
        for (location, used) in topology.locations.iter().zip(used) {
            j.key(&location.name).object(|j| {
                j.key("domains").object(|j| location.domains.iter().for_each(|(level, name)| j.key(level).text(name)));
                let risks = location.shares.iter().filter_map(|r| topology.risks.get(*r));
                j.key("shares").texts(risks.map(|r| &r.name));
                j.key("health").text(health_key(location.health));
                if let Some(course) = courses.get(&location.name) {
                    j.key("state").text(crate::report::evidence::key(course.state()));
                }
                j.key("capacity").maybe(match location.capacity.limit {
                    Limit::Known { lo, .. } => Some(lo),
                    Limit::Unlimited | Limit::Unreadable => None,
                });
                j.key("used").plain(used);
            });
        }
    });
}

fn names<'a>(plan: &'a Plan, workload: &'a WorkloadPlan) -> Names<'a> {
    Names { topology: &plan.topology, workload: &workload.rules }
}

fn members(plan: &Plan) -> Members<'_> {
    let mut members: Members<'_> = BTreeMap::new();
    for change in &plan.changes {
        if let (Some(workload), Some(key)) = (&change.address.workload, crate::report::words::replica(&change.address))
        {
            members.entry((workload, key)).or_default().push((change.action, change.address.to_string()));
        }
    }
    members
}

/// A number for each place of a workload.
pub fn counts(numbers: &[u32], names: Names<'_>, j: &mut Json) {
    j.object(|j| {
        for (place, n) in numbers.iter().enumerate() {
            j.key(names.place(place)).plain(n);
        }
    });
}

/// Sets of events by name.
pub fn cut_sets(cut: &CutSets, names: Names<'_>, j: &mut Json) {
    j.array(&cut.sets, |j, set| events(set, names, j));
}

/// Events by name.
pub fn events(events: &[Event], names: Names<'_>, j: &mut Json) {
    j.texts(names.labels(events));
}

/// One workload of a plan.
struct One<'p> {
    plan: &'p Plan,
    workload: &'p WorkloadPlan,
    members: &'p Members<'p>,
    names: Names<'p>,
}

impl One<'_> {
    fn write(&self, name: &str, j: &mut Json) {
        let decision = &self.workload.decision;
        j.object(|j| {
            j.key("replicas").plain(decision.replicas);
            j.key("before").object(|j| {
                for (place, n) in decision.before.iter().enumerate() {
                    j.key(self.names.place(place)).object(|j| {
                        j.key("lo").plain(n.lo);
                        j.key("hi").plain(n.hi);
                    });
                }
            });
            counts(&decision.after, self.names, j.key("after"));
            counts(&decision.canonical, self.names, j.key("canonical"));
            j.key("spread").array(&decision.spread, |j, row| self.spread(row, j));
            j.key("rules").array(&decision.rules, |j, rule| self.rule(rule, j));
            j.key("follows").texts(&decision.follows);
            let mut before: Vec<u32> = decision.before.iter().map(|i| i.lo).collect();
            j.key("steps").array(&decision.steps, |j, step| {
                self.step(name, step, &before, j);
                before.clone_from(&step.state);
            });
            j.key("losses").array(&decision.losses, |j, row| self.loss(row, j));
            j.key("cut_sets").object(|j| {
                cut_sets(&decision.cut_sets.before, self.names, j.key("before"));
                cut_sets(&decision.cut_sets.after, self.names, j.key("after"));
                j.key("complete_to").object(|j| {
                    j.key("before").plain(decision.cut_sets.before.complete_to);
                    j.key("after").plain(decision.cut_sets.after.complete_to);
                });
                let diff = decision.cut_sets.diff();
                j.key("added").array(&diff.added, |j, set| events(set, self.names, j));
                j.key("removed").array(&diff.removed, |j, set| events(set, self.names, j));
                j.key("changed_order").array(&diff.changed, |j, (from, to)| {
                    j.object(|j| {
                        events(from, self.names, j.key("from"));
                        events(to, self.names, j.key("to"));
                    });
                });
                j.key("aliases").object(|j| {
                    for (event, others) in decision.cut_sets.aliases.iter().filter(|(_, o)| !o.is_empty()) {
                        events(others, self.names, j.key(&event.label(self.names.topology)));
                    }
                });
            });
            j.key("margin").object(|j| {
                j.key("before").plain(decision.margin.before);
                j.key("worst_during").plain(decision.margin.worst_during);
                j.key("after").plain(decision.margin.after);
            });
            let mut costs = decision.cost.iter();
            match costs.next() {
                Some(one) => cost(one, j.key("cost")),
                None => j.key("cost").raw("null"),
            }
            if costs.len() > 0 {
                j.key("costs").array(&decision.cost, |j, one| cost(one, j));
            }
            let outage = self.plan.survival.promises.outages.contains_key(&self.workload.rules.name);
            super::price::json(self.workload, outage, j);
            self.findings(j);
        });
    }

    fn units(&self, n: u64) -> String {
        self.names.units(n)
    }

    fn spread(&self, row: &SpreadRow, j: &mut Json) {
        j.object(|j| {
            j.key("level").text(&row.level);
            let parent: Vec<String> = row.parent.iter().map(|(level, name)| format!("{level}:{name}")).collect();
            match parent.is_empty() {
                true => j.key("parent").raw("null"),
                false => j.key("parent").text(&parent.join("/")),
            }
            let ratio = self.workload.rules.spread.get(row.index).map(|s| &s.ratio);
            j.key("ratio").object(|j| {
                for domain in &row.domains {
                    let weight = match ratio {
                        Some(Ratio::Weights { parts, rest }) => {
                            let own = parts.iter().find(|(name, _)| *name == domain.name).map(|(_, w)| *w);
                            own.or(*rest).map_or(0, u64::from)
                        }
                        _ => domain.weight,
                    };
                    j.key(&domain.name).plain(weight);
                }
            });
            j.key("tolerance").plain(row.tolerance);
            j.key("max_skew").maybe(row.max_skew);
            j.key("before").object(|j| row.domains.iter().for_each(|d| j.key(&d.name).plain(d.before.lo)));
            j.key("after").object(|j| row.domains.iter().for_each(|d| j.key(&d.name).plain(d.after)));
        });
    }

    fn rule(&self, rule: &RuleReport, j: &mut Json) {
        j.object(|j| {
            j.key("id").text(&rule.id);
            j.key("losses").plain(rule.losses);
            j.key("of").text(rule.of.name());
            j.key("floor").raw(&self.units(rule.floor));
            j.key("then").array(&rule.after.growth, |j, then| {
                j.object(|j| {
                    j.key("floor").raw(&self.units(then.floor));
                    j.key("within_s").plain(then.within_s);
                });
            });
            j.key("verdict").text(verdict_key(rule.after.verdict));
            let because: Vec<String> = rule.after.because.iter().map(|b| self.names.because(b)).collect();
            j.key("because").text(&because.join("; "));
        });
    }

    fn step(&self, name: &str, step: &Step, before: &[u32], j: &mut Json) {
        j.object(|j| {
            j.key("index").plain(step.index);
            for (key, entries) in
                [("adds", &step.adds), ("waits", &step.waits), ("removes", &step.removes), ("updates", &step.updates)]
            {
                j.key(key).array(entries, |j, entry| self.entry(name, entry, j));
            }
            self.shifts(name, step, before, j.key("shifts"));
            counts(&step.state, self.names, j.key("state"));
            counts(&step.half_done, self.names, j.key("half_done"));
            j.key("checks").array(&step.checks, |j, check| self.check(check, j));
        });
    }

    fn entry(&self, name: &str, entry: &StepEntry, j: &mut Json) {
        let place = self.names.place(entry.place);
        j.object(|j| {
            j.key("location").text(place);
            j.key("count").plain(entry.count);
            j.key("ready").plain(entry.ready);
            j.key("addresses").array(&entry.slots, |j, slot| {
                let key = format!("{place}/{}", slot.slot);
                self.addresses(name, &key, slot.role == Role::Wait, j);
            });
        });
    }

    /// The objects of a replica: those that something happens to, or all of one that is waited for.
    fn addresses(&self, name: &str, key: &str, all: bool, j: &mut Json) {
        for (action, address) in self.members.get(&(name, key)).into_iter().flatten() {
            if all || *action != Action::NoOp {
                j.text(address);
            }
        }
    }

    /// What follows the workload's shares in this step, with the share of each domain before and after.
    fn shifts(&self, name: &str, step: &Step, before: &[u32], j: &mut Json) {
        let followers = self.plan.ops.iter().filter_map(|op| match &op.what {
            OpKind::Follow { change, workload, step: at } if &**workload == name && *at as usize == step.index => {
                self.plan.changes.get(*change as usize)
            }
            _ => None,
        });
        j.array(followers, |j, change| {
            j.object(|j| {
                j.key("address").text(&change.address.to_string());
                self.shares(before, j.key("from"));
                self.shares(&step.state, j.key("to"));
            });
        });
    }

    /// The fraction of serving capacity in each domain of the outermost level of the spread, to six places.
    fn shares(&self, ready: &[u32], j: &mut Json) {
        let rules = &self.workload.rules;
        let level = rules.spread.first().map(|s| &s.level).or(self.plan.topology.levels.first());
        let mut sums: BTreeMap<&str, u128> = BTreeMap::new();
        for (place, n) in rules.places.iter().zip(ready) {
            let location = self.plan.topology.locations.get(place.location);
            let Some(domain) = level.and_then(|level| location?.domains.get(level)) else { continue };
            *sums.entry(domain).or_default() += u128::from(*n) * u128::from(place.unit);
        }
        let total: u128 = sums.values().sum();
        j.object(|j| {
            for (domain, n) in sums {
                let millionths = (n * 1_000_000).checked_div(total).unwrap_or(0);
                j.key(domain).raw(&decimal(u64::try_from(millionths).unwrap_or(0)));
            }
        });
    }

    fn check(&self, check: &Check, j: &mut Json) {
        use crate::spread::decision::CheckOf;
        let number = |n: i64| match check.rule {
            CheckOf::Serving | CheckOf::Survive(_) => crate::report::words::amount(n, self.workload.rules.scale),
            _ => n.to_string(),
        };
        j.object(|j| {
            j.key("rule").text(&self.names.check_key(&check.rule));
            events(&check.worst_loss, self.names, j.key("worst_loss"));
            j.key("alive").raw(&number(check.value));
            j.key("floor").raw(&number(check.bound));
            j.key("slack").raw(&number(check.slack));
            if check.as_before {
                j.key("note").text("as before the plan");
            }
        });
    }

    fn loss(&self, row: &LossRow, j: &mut Json) {
        j.object(|j| {
            events(&row.lose, self.names, j.key("lose"));
            let others: Vec<String> = row.aliases.iter().flat_map(|a| self.names.labels(a)).collect();
            j.key("aliases").texts(others);
            j.key("now").raw(&self.units(row.now));
            j.key("worst_during").raw(&self.units(row.worst_during));
            j.key("after").raw(&self.units(row.after));
            j.key("recovers_to").raw(&self.units(row.recovers_to));
            j.key("unmet").raw(&self.units(row.unmet));
            j.key("within_s").maybe(row.within_s);
            let promises = &self.plan.survival.promises;
            let name = &self.workload.rules.name;
            j.key("data_loss_s").maybe(crate::promise::data_loss(promises, &self.plan.topology, name, &row.lose));
            match row.verdict {
                Some(verdict) => j.key("verdict").text(verdict_key(verdict)),
                None => j.key("verdict").raw("null"),
            }
        });
    }

    /// Rules that are gone or changed, and what the engine noticed.
    fn findings(&self, j: &mut Json) {
        j.key("findings").object(|j| {
            j.key("rules").array(&self.workload.weakened, |j, (id, was, is)| {
                j.object(|j| {
                    j.key("id").text(id);
                    j.key("was").text(was);
                    match is {
                        Some(is) => j.key("is").text(is),
                        None => j.key("is").raw("null"),
                    }
                });
            });
            j.key("notes").texts(self.workload.decision.notes.iter().map(|n| self.names.note(n).1));
        });
    }
}

fn cost((currency, cost): (&String, &CostReport), j: &mut Json) {
    j.object(|j| {
        j.key("currency").text(currency);
        j.key("per_hour_before").raw(&decimal(cost.before));
        j.key("per_hour_after").raw(&decimal(cost.after));
        j.key("per_hour_peak").raw(&decimal(cost.peak));
    });
}

/// Millionths as a JSON number.
fn decimal(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
