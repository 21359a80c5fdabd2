//! The spread engine alone: what deciding costs, without files and providers.
//!
//!     cargo bench --bench engine                    rollouts of 10,000 and 100,000 over 20 zones; cut sets of 50 workloads
//!     cargo bench --bench engine -- 1000000         other sizes of the rollout
//!
//! CPU seconds are those of this process, which does nothing else meanwhile.

use nix::sys::resource::{UsageWho, getrusage};
use std::collections::BTreeMap;
use straddle::spread::model::*;
use straddle::spread::{Question, decide, decide_all};

fn main() {
    let sizes: Vec<u32> =
        std::env::args().skip(1).filter_map(|w| w.replace([',', '_'], "").parse().ok()).filter(|n| *n > 0).collect();
    println!("| what | size | CPU s |");
    println!("|---|---:|---:|");
    for n in if sizes.is_empty() { vec![10_000, 100_000] } else { sizes.clone() } {
        let (topology, workload) = (zones(20, &[]), workload("web", n, 20));
        let now = outdated(n, 20);
        let (steps, cpu) =
            measured(|| decide(&topology, &workload, &now, &Mode::normal()).map_or(0, |d| d.steps.len()));
        println!("| rolling replacement over 20 zones with a skew, {steps} steps | {n} | {cpu:.2} |");
    }
    if sizes.is_empty() {
        real_size();
    }
}

/// 500 locations, 200 shared risks, 50 workloads.
fn real_size() {
    let shares: Vec<usize> = (0..200).collect();
    let topology = zones(500, &shares);
    let workloads: Vec<(Workload, Live)> =
        (0..50).map(|i| (workload(&format!("app{i:02}"), 40 + 4 * i, 500), standing(40 + 4 * i, 500))).collect();
    let mode = Mode::normal();
    let questions: Vec<Question<'_>> =
        workloads.iter().map(|(workload, live)| Question { workload, live, mode: &mode, stays: false }).collect();
    let (sets, cpu) = measured(|| {
        let answers = decide_all(&topology, &questions);
        answers.iter().flatten().map(|d| d.cut_sets.after.sets.len()).sum::<usize>()
    });
    println!("| 500 locations, 200 shared risks, 50 workloads: everything decided, {sets} cut sets | 50 | {cpu:.2} |");
}

fn measured<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let spent = || {
        getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |u| {
            let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
            seconds(u.user_time()) + seconds(u.system_time())
        })
    };
    let before = spent();
    let made = work();
    (made, spent() - before)
}

/// `n` zones in five clouds; each rests on two of the risks.
fn zones(n: usize, risks: &[usize]) -> Topology {
    let location = |i: usize| Location {
        name: format!("z{i:03}"),
        domains: [("cloud", format!("c{}", i % 5)), ("zone", format!("z{i:03}"))]
            .map(|(l, d)| (l.to_string(), d))
            .into(),
        shares: if risks.is_empty() { vec![] } else { vec![i * 7 % risks.len(), i * 13 % risks.len()] },
        control: vec![],
        capacity: Capacity { limit: Limit::Known { lo: 1_000_000, hi: 1_000_000 }, source: CapacitySource::Declared },
        health: Health::Healthy,
        health_source: HealthSource::Reported,
        operator: OperatorState::Open,
        boot: Timed { seconds: 90, source: TimeSource::Declared },
        reserve: 0,
        cost: None,
        frozen: false,
        site: Site(0),
    };
    let risk =
        |i: &usize| Risk { name: format!("r{i:03}"), kind: "building".into(), depends_on: vec![], site: Site(0) };
    Topology {
        levels: vec!["cloud".into(), "zone".into()],
        locations: (0..n).map(location).collect(),
        risks: risks.iter().map(risk).collect(),
    }
}

fn workload(name: &str, replicas: u32, places: usize) -> Workload {
    let timed = |seconds| Timed { seconds, source: TimeSource::Declared };
    let rule = |of: LossOf, percent| SurviveRule {
        id: format!("survive.{}", of.name()),
        of,
        losses: 1,
        floor: Bound::percent(percent),
        then: vec![],
        growth: Growth::Quota,
        site: Site(0),
    };
    Workload {
        name: name.into(),
        replicas,
        replicas_site: Site(0),
        demand: None,
        spread: vec![SpreadLevel {
            level: "zone".into(),
            over: None,
            ratio: Ratio::Even,
            tolerance: Bound::Count(0),
            max_skew: Some(1),
            min_domains: None,
            max_domains: None,
            min: BTreeMap::new(),
            max: BTreeMap::new(),
            prefer: vec![],
            prefer_cheap: false,
            moving: Moving::Lazy,
            on_shortage: OnShortage::Prefer,
            method: Method::Webster,
            standby: vec![],
            site: Site(0),
        }],
        floor_serving: Bound::percent(100),
        floor_site: Site(0),
        survive: vec![rule(LossOf::Level("zone".into()), 50), rule(LossOf::Kind("building".into()), 50)],
        accepted: vec![],
        rollout: Rollout::unhurried(Site(0)),
        failover: Failover { detect: timed(30), decide: timed(600), batch: None },
        failback: Failback { batch: None },
        overflow: vec![],
        standby: None,
        requires: vec![],
        entry: vec![],
        scaling: None,
        places: (0..places)
            .map(|location| Place {
                location,
                unit: 1,
                template: Template::PerReplica,
                ready_measured: true,
                declared: true,
                most: None,
            })
            .collect(),
        scale: 1,
        priority: 0,
        foreign: false,
        alarm_below: None,
        max_order: 3,
        site: Site(0),
    }
}

fn standing(replicas: u32, places: u32) -> Live {
    let slot = |slot| Slot {
        slot,
        exists: true,
        incomplete: false,
        ready: Ready::Yes,
        current: true,
        interrupting_update: false,
        tainted: false,
    };
    let count = |p: u32| replicas / places + u32::from(p < replicas % places);
    let place = |p| PlaceLive { others: 0, replicas: Replicas::Slots((0..count(p)).map(slot).collect()) };
    Live { places: (0..places).map(place).collect() }
}

/// All of them want a new image.
fn outdated(replicas: u32, places: u32) -> Live {
    let mut live = standing(replicas, places);
    for place in &mut live.places {
        if let Replicas::Slots(slots) = &mut place.replicas {
            slots.iter_mut().for_each(|s| s.current = false);
        }
    }
    live
}
